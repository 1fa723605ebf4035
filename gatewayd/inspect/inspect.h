/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_INSPECT_INSPECT_H
#define GATEWAYD_INSPECT_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ev.h"

#include "policy/table.h"

/*
 * The scheduler of scanners: pulls transfers from spool, fetches their
 * stored bodies, sends each body through the stages of its flow, and tells
 * spool when a transfer is through.  It has no keys and learns no verdict:
 * whether the result lets a transfer pass is decided by keys.
 *
 * Fairness: open transfers take turns job by job, so a small one does not
 * wait for the queue of a large one, and bodies over INSPECT_BIG may not
 * take the last worker.
 */
#define INSPECT_TRIES 3
#define INSPECT_BIG (UINT64_C(32) << 20)

struct inspect_config {
	const struct policy_table *policy; /* borrowed until replaced */
	bool is_bench;	/* NULL stage instead of all others but MANIFEST */
};

struct inspect;

/* spool_fd is taken; its closing ends the process. */
struct inspect *inspect_new(struct ev_loop *, const struct inspect_config *,
    int spool_fd);
void inspect_free(struct inspect *);

/*
 * The zygote of a stage (fd taken).  New jobs go to the newest one; those
 * that an older one has end there.
 */
void inspect_set_zygote(struct inspect *, enum policy_stage, int fd);

/* For transfers that are opened from now on. */
void inspect_set_policy(struct inspect *, const struct policy_table *);

#endif
