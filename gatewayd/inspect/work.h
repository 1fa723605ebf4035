/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_INSPECT_WORK_H
#define GATEWAYD_INSPECT_WORK_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/ipc/spool.h"
#include "proto/ipc/zygote.h"

#include "policy/table.h"

/*
 * What there is to do for one transfer, without any channel: which bodies
 * must be fetched, which body wants which stage next, and when all is done.
 */

/* Bodies of one transfer fetched and not yet through all stages. */
#define WORK_PARTS_MAX 2

/* Bodies up to this size may share a worker (DESIGN: 256 KiB). */
#define WORK_SMALL_MAX (UINT64_C(256) << 10)

/* Most bytes of small bodies in one fetch, so in memory at once. */
#define WORK_FETCH_MAX (UINT64_C(8) << 20)

struct work_body {
	struct ipc_body stored;
	uint32_t stage;		/* next to run; STAGE_COUNT: through */
	uint32_t tries;		/* of this stage that failed */
	bool is_running;
	bool is_alone;		/* a batch with it was discarded */
};

/* Bodies that came in one fd. */
struct work_part {
	TAILQ_ENTRY(work_part) next;
	struct work *work;
	int fd;
	uint32_t count;
	uint32_t through;	/* bodies that are through */
	struct work_body bodies[IPC_BATCH_MAX];
};

struct work {
	TAILQ_ENTRY(work) next;
	struct spool_inspect order;
	uint32_t stages;	/* mask to run on files */
	bool wants_manifest;
	uint32_t batch;		/* files per worker, 1..64 */
	uint32_t fetched;	/* first body not fetched yet */
	bool is_fetching;
	uint32_t part_count;
	uint32_t running;	/* jobs */
	uint32_t failed;	/* bodies that failed for good */
	bool is_broken;		/* its bodies cannot be had: give it back */
	TAILQ_HEAD(, work_part) parts;
};

/* flow: NULL when this table does not know it; nothing is run then. */
struct work *work_new(const struct spool_inspect *,
    const struct policy_flow *flow, bool is_bench);
void work_free(struct work *);

/*
 * The next fetch, if one is due now; marks it as begun.
 */
bool work_next_fetch(struct work *, struct spool_body_get *out);

/* What it brought (fd taken); false if that makes no sense. */
bool work_fetched(struct work *, const struct ipc_body *, uint32_t count,
    int fd);
void work_fetch_failed(struct work *);

/* A job: bodies of one part that run the same stage in one worker. */
struct work_job {
	struct work *work;
	struct work_part *part;
	enum policy_stage stage;
	uint32_t count;
	uint32_t bodies[ZYGOTE_BATCH_MAX]; /* in part */
	uint64_t bytes;		/* padded, all together */
	bool is_last_try;
};

/*
 * The next job whose stage is in ready and whose bodies are not over
 * max_bytes; marks it as running.  False if there is none now.
 */
bool work_next_job(struct work *, uint32_t ready, uint64_t max_bytes,
    struct work_job *out);

/* How it ended.  The part may be gone afterwards. */
void work_job_ended(const struct work_job *, const struct zygote_result *);

/* Its zygote went away: as if its worker had crashed. */
void work_job_returned(const struct work_job *);

/* Nothing runs, nothing is left to do. */
bool work_is_through(const struct work *);

#endif
