/* SPDX-License-Identifier: ISC */
#ifndef SCANNERS_WORKER_WORKER_H
#define SCANNERS_WORKER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sandbox.h"

#include "proto/ipc/keys.h"
#include "proto/record/reason.h"
#include "proto/record/verdict.h"

#include "policy/table.h"

/*
 * What every scanner program is made of.  The program is a zygote: it
 * loads its engine once, enters the sandbox, and forks one fresh worker
 * per job.  A worker has the one file of its job and that file's key, no
 * socket, no other fd, and says what it found in memory that the zygote
 * reads after the worker's death.
 */

/* Told to keys with every verdict. */
struct worker_versions {
	uint32_t engine;
	uint32_t signatures;
	uint64_t signatures_ms;	/* 0: the stage has none */
	uint64_t signature_count;
};

/* One body in the hands of a worker. */
struct worker_ctx;

struct worker_ops {
	enum policy_stage stage;
	uint32_t verdicts;	/* mask of 1 << enum verdict that may be said */
	/*
	 * Load the engine: once, ids dropped, not yet sandboxed.  slots:
	 * folder of the tmpfs slots, NULL when slot_bytes is 0.
	 */
	void (*prepare)(const struct policy_table *, const char *slots,
	    struct worker_versions *);
	/* Look at one body and call worker_say once. */
	void (*scan)(struct worker_ctx *);
	/* Calls of scan beyond those every worker has, with the reason. */
	const struct sandbox_call *calls;
	int call_count;
	uint64_t slot_bytes;	/* most a worker may write; 0: no folder */
	uint64_t memory_bytes;	/* address space beyond the zygote's own */
	unsigned max_fds;
};

/* Run the zygote of ops until told to stop; the program's main. */
_Noreturn void worker_main(const struct worker_ops *);

/* --- for scan ------------------------------------------------------------ */

/* The body's grant; its key is cleared. */
const struct keys_grant *worker_grant(const struct worker_ctx *);

/*
 * Bytes of plaintext.  Of a manifest whose length is not known (high side)
 * it is the padded length.
 */
uint64_t worker_size(const struct worker_ctx *);

/*
 * Up to len bytes at off; *got_out 0 at the end.  An error is remembered:
 * whatever scan says afterwards but INFECTED becomes NOT_SCANNED.
 */
GW_MUST_CHECK enum gw_err worker_read(struct worker_ctx *, void *, size_t len,
    uint64_t off, size_t *got_out);

/* Own empty folder on a tmpfs, absolute path; NULL when there is none. */
const char *worker_slot(const struct worker_ctx *);

/*
 * The verdict; the last call counts.  detail: printf, cut to what fits;
 * bytes that are not printable ASCII become '?'.
 */
void worker_say(struct worker_ctx *, enum verdict, enum reason,
    const char *detail_fmt, ...) __attribute__((format(printf, 4, 5)));
void worker_say_type(struct worker_ctx *, enum policy_type);
void worker_say_method(struct worker_ctx *, uint16_t method);

/* Manifest stage: one file of the manifest, in order; false if too many. */
bool worker_add_name(struct worker_ctx *, const struct keys_name *);

#endif
