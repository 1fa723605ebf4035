/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/parcel/body.h"

#include "gatewayd/inspect/inspect.h"
#include "gatewayd/inspect/work.h"

/* What files go through; the manifest has its own stage. */
#define FILE_STAGES                                                     \
	(STAGE_BIT(STAGE_IDENTIFY) | STAGE_BIT(STAGE_CLAM) |            \
	    STAGE_BIT(STAGE_SANITIZE) | STAGE_BIT(STAGE_CONFIRM) |      \
	    STAGE_BIT(STAGE_NULL))

/* Stages whose workers may serve several small files (DESIGN section 4). */
#define BATCH_STAGES                                                    \
	(STAGE_BIT(STAGE_IDENTIFY) | STAGE_BIT(STAGE_CLAM) |            \
	    STAGE_BIT(STAGE_NULL))

/*
 * No program for this one yet: keys holds what lacks its verdict, with the
 * reason NEEDS_SANITIZING.
 */
#define ABSENT_STAGES STAGE_BIT(STAGE_SANITIZE)

static uint32_t
work_stages(const struct spool_inspect *order, const struct policy_flow *flow,
    bool is_bench)
{
	if (order->missing != 0)
		return order->missing;
	if (is_bench)
		return STAGE_BIT(STAGE_MANIFEST) | STAGE_BIT(STAGE_NULL);
	return flow->stages | STAGE_BIT(STAGE_MANIFEST);
}

struct work *
work_new(const struct spool_inspect *order, const struct policy_flow *flow,
    bool is_bench)
{
	struct work *w = mem_alloc(sizeof(*w));
	uint32_t stages;

	TAILQ_INIT(&w->parts);
	w->order = *order;
	w->batch = 1;
	if (flow == NULL) {
		/* keys knows what becomes of it, and has the same table. */
		w->fetched = order->body_count;
		return w;
	}
	stages = work_stages(order, flow, is_bench) & ~ABSENT_STAGES;
	w->wants_manifest = (stages & STAGE_BIT(STAGE_MANIFEST)) != 0;
	w->stages = stages & FILE_STAGES;
	if (flow->scan_batch >= 1 && flow->scan_batch <= ZYGOTE_BATCH_MAX)
		w->batch = flow->scan_batch;
	if (!w->wants_manifest)
		w->fetched = w->stages == 0 ? order->body_count : 1;
	return w;
}

static void
work_part_free(struct work_part *part)
{
	TAILQ_REMOVE(&part->work->parts, part, next);
	part->work->part_count--;
	io_drop(&part->fd);
	mem_free(part);
}

void
work_free(struct work *w)
{
	struct work_part *part;

	if (w == NULL)
		return;
	while ((part = TAILQ_FIRST(&w->parts)) != NULL)
		work_part_free(part);
	mem_free(w);
}

/* --- fetching ------------------------------------------------------------------ */

static bool
work_fetches_all(const struct work *w)
{
	return w->is_broken || w->fetched >= w->order.body_count ||
	    (w->fetched > 0 && w->stages == 0);
}

bool
work_next_fetch(struct work *w, struct spool_body_get *out)
{
	if (w->is_fetching || work_fetches_all(w))
		return false;
	/*
	 * The manifest first and alone: on the high side keys learns from
	 * it what the other bodies are called.
	 */
	if (w->wants_manifest && w->fetched == 1 && w->part_count > 0)
		return false;
	if (w->part_count >= WORK_PARTS_MAX)
		return false;
	memset(out, 0, sizeof(*out));
	out->transfer = w->order.transfer;
	out->first = w->fetched;
	out->max_count = w->fetched == 0 ? 1 : IPC_BATCH_MAX;
	out->max_bytes = WORK_FETCH_MAX;
	w->is_fetching = true;
	return true;
}

static uint32_t
work_first_stage(const struct work *w, uint32_t index)
{
	uint32_t stage;

	if (index == 0)
		return STAGE_MANIFEST;
	for (stage = STAGE_MANIFEST + 1; stage < STAGE_COUNT; stage++) {
		if ((w->stages & STAGE_BIT(stage)) != 0)
			break;
	}
	return stage;
}

bool
work_fetched(struct work *w, const struct ipc_body *bodies, uint32_t count,
    int fd)
{
	struct work_part *part;
	uint32_t i;

	w->is_fetching = false;
	if (count == 0 || count > IPC_BATCH_MAX ||
	    count > w->order.body_count - w->fetched ||
	    (w->fetched == 0 && count != 1)) {
		io_drop(&fd);
		return false;
	}
	part = mem_alloc(sizeof(*part));
	part->work = w;
	part->fd = fd;
	part->count = count;
	for (i = 0; i < count; i++) {
		part->bodies[i].stored = bodies[i];
		part->bodies[i].stage = work_first_stage(w, w->fetched + i);
	}
	TAILQ_INSERT_TAIL(&w->parts, part, next);
	w->part_count++;
	for (i = 0; i < count; i++) {
		if (bodies[i].index != w->fetched + i ||
		    !body_padded_ok(bodies[i].padded_len))
			return false;
	}
	w->fetched += count;
	return true;
}

void
work_fetch_failed(struct work *w)
{
	w->is_fetching = false;
	w->is_broken = true;
	w->failed++;
}

/* --- jobs ------------------------------------------------------------------------ */

static bool
work_may_join(const struct work_job *job, const struct work_body *body)
{
	if (job->count == 0)
		return true;
	return body->stage == (uint32_t)job->stage && !body->is_alone &&
	    body->tries == 0 && body->stored.padded_len <= WORK_SMALL_MAX;
}

static bool
work_takes_more(const struct work_job *job)
{
	const struct work_body *first = &job->part->bodies[job->bodies[0]];

	return job->count < job->work->batch &&
	    (BATCH_STAGES & STAGE_BIT(job->stage)) != 0 &&
	    !first->is_alone && first->tries == 0 &&
	    first->stored.padded_len <= WORK_SMALL_MAX;
}

static void
work_take(struct work_job *job, uint32_t i)
{
	struct work_body *body = &job->part->bodies[i];

	body->is_running = true;
	job->stage = (enum policy_stage)body->stage;
	job->bodies[job->count++] = i;
	job->bytes += body->stored.padded_len;
}

static bool
work_part_job(struct work_part *part, uint32_t ready, uint64_t max_bytes,
    struct work_job *out)
{
	struct work_body *body;
	uint32_t i;

	memset(out, 0, sizeof(*out));
	out->work = part->work;
	out->part = part;
	for (i = 0; i < part->count; i++) {
		body = &part->bodies[i];
		if (body->is_running || body->stage >= STAGE_COUNT ||
		    (ready & STAGE_BIT(body->stage)) == 0 ||
		    body->stored.padded_len > max_bytes ||
		    !work_may_join(out, body))
			continue;
		work_take(out, i);
		if (!work_takes_more(out))
			break;
	}
	if (out->count == 0)
		return false;
	out->is_last_try = part->bodies[out->bodies[0]].tries + 1 >=
	    INSPECT_TRIES;
	return true;
}

bool
work_next_job(struct work *w, uint32_t ready, uint64_t max_bytes,
    struct work_job *out)
{
	struct work_part *part;

	TAILQ_FOREACH(part, &w->parts, next) {
		if (work_part_job(part, ready, max_bytes, out)) {
			w->running++;
			return true;
		}
	}
	return false;
}

static void
work_advance(struct work *w, struct work_part *part, struct work_body *body)
{
	uint32_t stage = body->stage;

	if (body->stored.index == 0) {
		body->stage = STAGE_COUNT;
	} else {
		for (stage++; stage < STAGE_COUNT; stage++) {
			if ((w->stages & STAGE_BIT(stage)) != 0)
				break;
		}
		body->stage = stage;
	}
	body->tries = 0;
	body->is_alone = false;
	if (body->stage == STAGE_COUNT)
		part->through++;
}

/* Worker crashed, hung or babbled: again in a fresh one, then no more. */
static void
work_retry(struct work *w, struct work_part *part, struct work_body *body)
{
	body->tries++;
	body->is_alone = true;
	if (body->tries < INSPECT_TRIES)
		return;
	w->failed++;
	/* keys has NOT_SCANNED for it: the other stages change nothing. */
	body->stage = STAGE_COUNT;
	part->through++;
}

/*
 * keys gave no key or did not take the verdict: the transfer was erased or
 * its flow changed.  keys will say so when it is asked to decide.
 */
static void
work_refused(struct work_part *part, struct work_body *body)
{
	body->stage = STAGE_COUNT;
	part->through++;
}

static void
work_body_ended(struct work *w, struct work_part *part,
    struct work_body *body, uint32_t outcome)
{
	body->is_running = false;
	switch (outcome) {
	case ZYGOTE_REPORTED:
		work_advance(w, part, body);
		break;
	case ZYGOTE_CRASHED:
	case ZYGOTE_TIMED_OUT:
	case ZYGOTE_GARBAGE:
		work_retry(w, part, body);
		break;
	case ZYGOTE_REFUSED:
		work_refused(part, body);
		break;
	case ZYGOTE_REPEAT:
		body->is_alone = true;
		break;
	default:
		log_fatal("zygote: outcome %u", outcome);
	}
}

void
work_job_ended(const struct work_job *job, const struct zygote_result *results)
{
	uint32_t i;

	job->work->running--;
	for (i = 0; i < job->count; i++)
		work_body_ended(job->work, job->part,
		    &job->part->bodies[job->bodies[i]], results[i].outcome);
	if (job->part->through == job->part->count)
		work_part_free(job->part);
}

/*
 * The zygote itself may have died of this job: it counts as a try, so that
 * it does not kill every successor as well.
 */
void
work_job_returned(const struct work_job *job)
{
	struct zygote_result results[ZYGOTE_BATCH_MAX] = {{0}};
	uint32_t i;

	for (i = 0; i < job->count; i++)
		results[i].outcome = job->count > 1 ? ZYGOTE_REPEAT :
		    ZYGOTE_CRASHED;
	work_job_ended(job, results);
}

bool
work_is_through(const struct work *w)
{
	if (w->running > 0 || w->is_fetching)
		return false;
	return w->is_broken || (w->part_count == 0 && work_fetches_all(w));
}
