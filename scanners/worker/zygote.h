/* SPDX-License-Identifier: ISC */
#ifndef SCANNERS_WORKER_ZYGOTE_H
#define SCANNERS_WORKER_ZYGOTE_H

#include <stdint.h>

#include "base/ev.h"

#include "scanners/worker/slot.h"
#include "scanners/worker/worker.h"

/*
 * The server half of a zygote: takes jobs from inspect, keys from keys,
 * forks workers, buries them, and hands their verdicts to keys.
 */
struct zygote_config {
	const struct worker_ops *ops;
	const struct sandbox_filter *filter; /* of workers */
	struct slots *slots;		/* NULL: no slots */
	struct worker_versions versions;
	uint32_t workers;		/* at once; further jobs wait */
	uint64_t base_memory;
};

struct zygote;

/* keys_fd is taken.  Its closing ends the process. */
struct zygote *zygote_new(struct ev_loop *, const struct zygote_config *,
    int keys_fd);

/* Serve inspect on fd (taken); an earlier client's jobs are dropped. */
void zygote_serve(struct zygote *, int fd);

/*
 * Take no new jobs; stop the loop when those there are have ended.  A zygote
 * with older signatures leaves so when its successor is there.
 */
void zygote_drain(struct zygote *);

/* Kill all workers and free everything. */
void zygote_free(struct zygote *);

#endif
