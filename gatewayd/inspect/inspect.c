/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/ipc/chan.h"
#include "proto/ipc/spool.h"
#include "proto/ipc/zygote.h"

#include "gatewayd/inspect/inspect.h"
#include "gatewayd/inspect/work.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

/*
 * Open transfers: some more than workers, so that there is always one with
 * something to run while others fetch bodies or wait for keys.
 */
#define INSPECT_OPEN(workers) (2 * (workers) + 4)

/* Time a worker gets: decryption and scanning slow down together. */
#define TIMEOUT_BASE_MS 30000u
#define TIMEOUT_MIB_MS 1000u
#define TIMEOUT_MAX_MS (5u * 3600 * 1000)

struct zygote_peer {
	TAILQ_ENTRY(zygote_peer) next;
	struct inspect *inspect;
	enum policy_stage stage;
	struct ipc_chan *chan;
	bool is_gone;
};

/* A request that waits for its answer. */
struct pending {
	TAILQ_ENTRY(pending) next;
	uint64_t id;
	uint16_t type;
	struct zygote_peer *peer;	/* ZYGOTE_JOB */
	struct work *work;		/* BODY_GET, INSPECTED */
	struct work_job job;		/* ZYGOTE_JOB */
};

struct inspect {
	struct ev_loop *loop;
	struct inspect_config config;
	uint32_t workers;
	struct ipc_chan *spool;
	TAILQ_HEAD(, zygote_peer) peers; /* newest first */
	TAILQ_HEAD(, work) works;	/* the next whose turn it is first */
	TAILQ_HEAD(, pending) pendings;
	uint64_t next_id;
	uint32_t asked;		/* SPOOL_INSPECT without an answer yet */
	uint32_t open;		/* transfers */
	uint32_t running, running_big;	/* jobs */
	bool is_busy;		/* inside inspect_go */
};

static const struct ipc_rule inspect_spool_rules[] = {
	{.type = SPOOL_INSPECT | IPC_REPLY,
	    .fixed = sizeof(struct spool_inspect)},
	{.type = SPOOL_BODY_GET | IPC_REPLY,
	    .fixed = sizeof(struct ipc_status),
	    .elem = sizeof(struct ipc_body), .max_count = IPC_BATCH_MAX,
	    .max_fds = 1},
	{.type = SPOOL_INSPECTED | IPC_REPLY,
	    .fixed = sizeof(struct ipc_status)},
};

static const struct ipc_rule inspect_zygote_rules[] = {
	{.type = ZYGOTE_JOB | IPC_REPLY, .fixed = sizeof(struct ipc_status),
	    .elem = sizeof(struct zygote_result),
	    .max_count = ZYGOTE_BATCH_MAX},
	{.type = ZYGOTE_STATUS | IPC_REPLY,
	    .fixed = sizeof(struct zygote_status)},
};

static void inspect_go(struct inspect *);

/* --- requests ------------------------------------------------------------------- */

static struct pending *
pending_new(struct inspect *in, uint16_t type)
{
	struct pending *p = mem_alloc(sizeof(*p));

	p->id = ++in->next_id;
	p->type = type;
	TAILQ_INSERT_TAIL(&in->pendings, p, next);
	return p;
}

static void
pending_free(struct inspect *in, struct pending *p)
{
	TAILQ_REMOVE(&in->pendings, p, next);
	mem_free(p);
}

static struct pending *
pending_find(struct inspect *in, const struct ipc_msg *msg)
{
	struct pending *p;

	TAILQ_FOREACH(p, &in->pendings, next) {
		if (p->id == msg->id &&
		    (p->type | IPC_REPLY) == msg->type)
			return p;
	}
	log_fatal("an answer to nothing: 0x%x", msg->type);
}

static void
inspect_ask_orders(struct inspect *in)
{
	struct pending *p;

	while (in->asked + in->open < INSPECT_OPEN(in->workers)) {
		p = pending_new(in, SPOOL_INSPECT);
		in->asked++;
		ipc_send(in->spool, SPOOL_INSPECT, p->id, NULL, 0, NULL, 0, 0,
		    NULL, 0);
	}
}

static void
inspect_fetch(struct inspect *in, struct work *w)
{
	struct spool_body_get get;
	struct pending *p;

	while (work_next_fetch(w, &get)) {
		p = pending_new(in, SPOOL_BODY_GET);
		p->work = w;
		ipc_send(in->spool, SPOOL_BODY_GET, p->id, &get, sizeof(get),
		    NULL, 0, 0, NULL, 0);
	}
}

static void
inspect_report(struct inspect *in, struct work *w)
{
	struct spool_inspected done = {
		.transfer = w->order.transfer,
		.failed = w->failed,
	};
	struct pending *p = pending_new(in, SPOOL_INSPECTED);

	TAILQ_REMOVE(&in->works, w, next);
	in->open--;
	work_free(w);
	ipc_send(in->spool, SPOOL_INSPECTED, p->id, &done, sizeof(done), NULL,
	    0, 0, NULL, 0);
}

/* --- jobs ------------------------------------------------------------------------- */

static struct zygote_peer *
inspect_find_peer(struct inspect *in, enum policy_stage stage)
{
	struct zygote_peer *peer;

	TAILQ_FOREACH(peer, &in->peers, next) {
		if (peer->stage == stage && !peer->is_gone)
			return peer;
	}
	return NULL;
}

static uint32_t
inspect_ready(struct inspect *in)
{
	struct zygote_peer *peer;
	uint32_t ready = 0;

	TAILQ_FOREACH(peer, &in->peers, next) {
		if (!peer->is_gone)
			ready |= STAGE_BIT(peer->stage);
	}
	return ready;
}

static uint32_t
inspect_timeout(uint64_t bytes)
{
	const uint64_t ms = TIMEOUT_BASE_MS + (bytes >> 20) * TIMEOUT_MIB_MS;

	return ms > TIMEOUT_MAX_MS ? TIMEOUT_MAX_MS : (uint32_t)ms;
}

static void
inspect_send_job(struct inspect *in, const struct work_job *job)
{
	struct zygote_item items[ZYGOTE_BATCH_MAX];
	struct zygote_job fixed = {
		.timeout_ms = inspect_timeout(job->bytes),
		.flags = job->is_last_try ? ZYGOTE_LAST_TRY : 0,
	};
	struct pending *p = pending_new(in, ZYGOTE_JOB);
	const struct ipc_body *stored;
	uint32_t i;
	int fd;

	p->job = *job;
	p->peer = inspect_find_peer(in, job->stage);
	for (i = 0; i < job->count; i++) {
		stored = &job->part->bodies[job->bodies[i]].stored;
		memcpy(items[i].body.id, stored->id, sizeof(stored->id));
		items[i].body.bucket = job->work->order.transfer.bucket;
		items[i].body.slot = job->work->order.transfer.slot + 1 +
		    stored->index;
		items[i].offset = stored->offset;
		items[i].padded_len = stored->padded_len;
	}
	fd = fcntl(job->part->fd, F_DUPFD_CLOEXEC, 3);
	if (fd == -1)
		log_fatal("cannot copy the fd of a body: %s",
		    strerror(errno));
	in->running++;
	if (job->bytes > INSPECT_BIG)
		in->running_big++;
	ipc_send(p->peer->chan, ZYGOTE_JOB, p->id, &fixed, sizeof(fixed),
	    items, sizeof(items[0]), job->count, &fd, 1);
}

static void
inspect_job_over(struct inspect *in, const struct work_job *job)
{
	in->running--;
	if (job->bytes > INSPECT_BIG)
		in->running_big--;
}

/*
 * Most bytes that the next job may have, 0 if no worker is free.  Big ones
 * leave one worker to the small ones; with one worker in all, a small one
 * may run beside a big one.
 */
static uint64_t
inspect_room(const struct inspect *in)
{
	const uint32_t big = in->workers > 1 ? in->workers - 1 : 1;
	const uint32_t all = in->workers > 1 ? in->workers :
	    1 + in->running_big;

	if (in->running >= all)
		return 0;
	return in->running_big < big ? UINT64_MAX : INSPECT_BIG;
}

/* One job from the transfer whose turn it is. */
static bool
inspect_start_job(struct inspect *in)
{
	const uint64_t room = inspect_room(in);
	struct work_job job;
	struct work *w;

	if (room == 0)
		return false;
	TAILQ_FOREACH(w, &in->works, next) {
		if (!work_next_job(w, inspect_ready(in), room, &job))
			continue;
		inspect_send_job(in, &job);
		TAILQ_REMOVE(&in->works, w, next);
		TAILQ_INSERT_TAIL(&in->works, w, next);
		return true;
	}
	return false;
}

static void
inspect_go(struct inspect *in)
{
	struct work *w, *next;

	if (in->is_busy)
		return;
	in->is_busy = true;
	for (w = TAILQ_FIRST(&in->works); w != NULL; w = next) {
		next = TAILQ_NEXT(w, next);
		inspect_fetch(in, w);
		if (work_is_through(w))
			inspect_report(in, w);
	}
	while (inspect_start_job(in))
		;
	inspect_ask_orders(in);
	in->is_busy = false;
}

/* --- answers ------------------------------------------------------------------------ */

static void
inspect_take_order(struct inspect *in, struct ipc_msg *msg)
{
	struct spool_inspect order;
	const struct policy_flow *flow;
	struct work *w;

	memcpy(&order, msg->body, sizeof(order));
	in->asked--;
	if (order.err != GW_OK) {
		log_warn("spool has no transfer for us: %s",
		    err_text_en((enum gw_err)order.err));
		return;
	}
	if (order.body_count < 2 ||
	    memchr(order.flow, '\0', sizeof(order.flow)) == NULL)
		log_fatal("spool: a transfer of %u bodies", order.body_count);
	flow = policy_find_flow(in->config.policy, order.flow);
	w = work_new(&order, flow, in->config.is_bench);
	TAILQ_INSERT_TAIL(&in->works, w, next);
	in->open++;
}

static void
inspect_take_bodies(struct work *w, struct ipc_msg *msg)
{
	struct ipc_body bodies[IPC_BATCH_MAX];
	struct ipc_status status;
	int fd;

	memcpy(&status, msg->body, sizeof(status));
	if (status.err != GW_OK) {
		log_warn("bodies of a transfer cannot be had: %s",
		    err_text_en((enum gw_err)status.err));
		work_fetch_failed(w);
		return;
	}
	if (msg->fd_count != 1)
		log_fatal("spool sent bodies without their fd");
	fd = msg->fds[0];
	msg->fds[0] = -1;
	if (msg->count > 0)
		memcpy(bodies, msg->elems, msg->count * sizeof(bodies[0]));
	if (!work_fetched(w, bodies, msg->count, fd))
		log_fatal("spool sent other bodies than asked for");
}

static void
inspect_on_spool(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct inspect *in = arg;
	struct pending *p = pending_find(in, msg);
	struct ipc_status status;

	(void)chan;
	switch (msg->type & ~IPC_REPLY) {
	case SPOOL_INSPECT:
		inspect_take_order(in, msg);
		break;
	case SPOOL_BODY_GET:
		inspect_take_bodies(p->work, msg);
		break;
	case SPOOL_INSPECTED:
		memcpy(&status, msg->body, sizeof(status));
		if (status.err != GW_OK)
			log_warn("spool did not take a result: %s",
			    err_text_en((enum gw_err)status.err));
		break;
	default:
		log_panic("no handler for 0x%x", msg->type);
	}
	pending_free(in, p);
	inspect_go(in);
}

static void
inspect_spool_closed(void *arg, struct ipc_chan *chan)
{
	(void)arg;
	(void)chan;
	log_fatal("spool is gone");
}

static void
inspect_on_zygote(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct zygote_result results[ZYGOTE_BATCH_MAX];
	struct zygote_peer *peer = arg;
	struct inspect *in = peer->inspect;
	struct pending *p = pending_find(in, msg);

	(void)chan;
	if (p->peer != peer || msg->count != p->job.count)
		log_fatal("zygote-%s answered another job",
		    policy_stage_name(peer->stage));
	memcpy(results, msg->elems, msg->count * sizeof(results[0]));
	inspect_job_over(in, &p->job);
	work_job_ended(&p->job, results);
	pending_free(in, p);
	inspect_go(in);
}

/*
 * An old zygote that is done, or one that died: what it had not answered
 * is done by its successor.
 */
static void
inspect_zygote_closed(void *arg, struct ipc_chan *chan)
{
	struct zygote_peer *peer = arg;
	struct inspect *in = peer->inspect;
	struct pending *p, *next;

	peer->is_gone = true;
	for (p = TAILQ_FIRST(&in->pendings); p != NULL; p = next) {
		next = TAILQ_NEXT(p, next);
		if (p->peer != peer)
			continue;
		inspect_job_over(in, &p->job);
		work_job_returned(&p->job);
		pending_free(in, p);
	}
	ipc_chan_free(chan);
	TAILQ_REMOVE(&in->peers, peer, next);
	mem_free(peer);
	inspect_go(in);
}

/* --- life ------------------------------------------------------------------------------ */

void
inspect_set_zygote(struct inspect *in, enum policy_stage stage, int fd)
{
	struct zygote_peer *peer = mem_alloc(sizeof(*peer));

	peer->inspect = in;
	peer->stage = stage;
	peer->chan = ipc_chan_new(in->loop, fd, policy_stage_name(stage),
	    inspect_zygote_rules, COUNT(inspect_zygote_rules),
	    inspect_on_zygote, inspect_zygote_closed, peer);
	TAILQ_INSERT_HEAD(&in->peers, peer, next);
	inspect_go(in);
}

void
inspect_set_policy(struct inspect *in, const struct policy_table *policy)
{
	in->config.policy = policy;
	in->workers = policy->zone.workers;
	inspect_go(in);
}

struct inspect *
inspect_new(struct ev_loop *loop, const struct inspect_config *config,
    int spool_fd)
{
	struct inspect *in = mem_alloc(sizeof(*in));

	in->loop = loop;
	in->config = *config;
	in->workers = config->policy->zone.workers;
	TAILQ_INIT(&in->peers);
	TAILQ_INIT(&in->works);
	TAILQ_INIT(&in->pendings);
	in->spool = ipc_chan_new(loop, spool_fd, "spool", inspect_spool_rules,
	    COUNT(inspect_spool_rules), inspect_on_spool,
	    inspect_spool_closed, in);
	inspect_go(in);
	return in;
}

void
inspect_free(struct inspect *in)
{
	struct zygote_peer *peer;
	struct pending *p;
	struct work *w;

	if (in == NULL)
		return;
	while ((p = TAILQ_FIRST(&in->pendings)) != NULL)
		pending_free(in, p);
	while ((w = TAILQ_FIRST(&in->works)) != NULL) {
		TAILQ_REMOVE(&in->works, w, next);
		work_free(w);
	}
	while ((peer = TAILQ_FIRST(&in->peers)) != NULL) {
		TAILQ_REMOVE(&in->peers, peer, next);
		ipc_chan_free(peer->chan);
		mem_free(peer);
	}
	ipc_chan_free(in->spool);
	mem_free(in);
}
