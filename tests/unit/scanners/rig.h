/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_SCANNERS_RIG_H
#define TESTS_UNIT_SCANNERS_RIG_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ipc/keys.h"
#include "proto/ipc/zygote.h"
#include "proto/record/verdict.h"

#include "policy/table.h"

#include "scanners/worker/worker.h"

/*
 * A zygote of any scanner as a process of its own, in its real sandbox, with
 * the test in the parts of parent, keys and inspect.
 */
struct rig {
	pid_t pid;
	int control, log, keys, inspect;
	uint64_t next_id;
	char last_log[1024];
};

/* One body of a job, and what became of it. */
struct rig_body {
	const void *plain;
	size_t len;
	struct keys_grant grant;	/* filled by rig_grant, then changed */
	/* results */
	uint32_t outcome;
	bool has_verdict;
	struct verdict_record verdict;
};

struct rig_setup {
	const struct worker_ops *ops;	/* either run in a fork ... */
	const char *program;		/* ... or started by path */
	const char *signature_dir;
	uint32_t workers;		/* 0: 2 */
	uint32_t uid;			/* 0: keep */
};

void rig_start(struct rig *, const struct rig_setup *);
void rig_stop(struct rig *);		/* asserts that it ends well */
void rig_stop_begin(struct rig *);	/* its two halves */
void rig_stop_end(struct rig *);
void rig_kill(struct rig *);

/* Wait until the zygote asks keys for something. */
void rig_wait_keys(struct rig *);

/* Answer one request to keys. */
void rig_serve_keys(struct rig *, struct rig_body *, uint32_t count);

/* A grant for a file with this extension, everything accepted. */
void rig_grant(struct rig_body *, const void *plain, size_t len,
    const char *ext);

/* One job of count bodies; timeout_ms 0: 30 s. */
void rig_job(struct rig *, struct rig_body *, uint32_t count, uint32_t flags,
    uint32_t timeout_ms);

/* The two halves, for jobs side by side; returns the job's id. */
uint64_t rig_send(struct rig *, struct rig_body *, uint32_t count,
    uint32_t flags, uint32_t timeout_ms);
void rig_receive(struct rig *, uint64_t id, struct rig_body *,
    uint32_t count);

/* What keys was told by KEYS_NAMES in the last job. */
extern struct keys_name rig_names[4096];
extern uint32_t rig_name_count;

/* keys answers NAMES with this reason. */
extern uint16_t rig_names_reason;

#endif
