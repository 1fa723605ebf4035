/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/ipc/chan.h"
#include "proto/ipc/zygote.h"
#include "proto/parcel/manifest.h"
#include "proto/parcel/header.h"

#include "scanners/worker/area.h"
#include "scanners/worker/child.h"
#include "scanners/worker/zygote.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

/* Jobs that may wait here; inspect sends far fewer. */
#define ZYGOTE_JOBS_MAX 1024

/* Elements of one KEYS_NAMES. */
#define ZYGOTE_NAMES_MAX 1024

#define ZYGOTE_TIMEOUT_MAX_MS (6u * 3600 * 1000)

enum job_state {
	JOB_WAITS,	/* for a free worker */
	JOB_GRANT,	/* keys was asked for the keys */
	JOB_RUNS,
	JOB_NAMES,	/* keys is told the names of a manifest */
	JOB_VERDICT	/* keys is told the verdicts */
};

struct job {
	TAILQ_ENTRY(job) next;
	struct zygote *zygote;
	enum job_state state;
	uint64_t client_id;	/* of the request of inspect */
	uint64_t keys_id;	/* of our request to keys */
	int fd;
	uint32_t timeout_ms, flags, count;
	struct zygote_item items[ZYGOTE_BATCH_MAX];
	struct keys_grant *grants; /* a mapping, not in later forks */
	struct area *area;
	uint32_t name_max;
	uint32_t names_sent;
	int slot;
	pid_t pid;
	int pidfd;
	struct ev_fd *end;
	struct ev_timer *timer;
	bool is_timed_out;
	bool is_dropped;	/* nobody waits for the answer */
	enum zygote_outcome outcome;
	struct verdict_record verdicts[ZYGOTE_BATCH_MAX];
};

struct zygote {
	struct ev_loop *loop;
	struct zygote_config config;
	struct ipc_chan *keys;
	struct ipc_chan *client;
	uint64_t next_id;
	uint32_t job_count, running;
	bool is_draining;
	TAILQ_HEAD(, job) jobs;
};

static const struct ipc_rule zygote_keys_rules[] = {
	{.type = KEYS_GRANT | IPC_REPLY, .fixed = sizeof(struct ipc_status),
	    .elem = sizeof(struct keys_grant), .max_count = ZYGOTE_BATCH_MAX},
	{.type = KEYS_VERDICT | IPC_REPLY, .fixed = sizeof(struct ipc_status)},
	{.type = KEYS_NAMES | IPC_REPLY, .fixed = sizeof(struct ipc_status)},
};

static const struct ipc_rule zygote_client_rules[] = {
	{.type = ZYGOTE_JOB, .fixed = sizeof(struct zygote_job),
	    .elem = sizeof(struct zygote_item), .max_count = ZYGOTE_BATCH_MAX,
	    .min_fds = 1, .max_fds = 1},
	{.type = ZYGOTE_STATUS},
};

static void zygote_start_jobs(struct zygote *);

/* --- one job --------------------------------------------------------------- */

static size_t
job_grants_len(const struct job *job)
{
	return job->count * sizeof(struct keys_grant);
}

static void
job_kill(struct job *job)
{
	/* By pidfd: it cannot be another process by now. */
	if (syscall(SYS_pidfd_send_signal, job->pidfd, SIGKILL, NULL, 0) != 0
	    && errno != ESRCH)
		log_fatal("cannot end a worker: %s", strerror(errno));
}

/* Returns the wait status. */
static int
job_reap(struct job *job)
{
	int status = 0;
	pid_t pid;

	do {
		pid = waitpid(job->pid, &status, 0);
	} while (pid == -1 && errno == EINTR);
	if (pid != job->pid)
		log_fatal("cannot reap a worker: %s", strerror(errno));
	ev_fd_free(job->end);
	job->end = NULL;
	ev_timer_free(job->timer);
	job->timer = NULL;
	io_drop(&job->pidfd);
	job->pid = -1;
	job->zygote->running--;
	if (job->slot != -1)
		slot_release(job->zygote->config.slots, job->slot);
	job->slot = -1;
	return status;
}

static void
job_free(struct job *job)
{
	struct zygote *z = job->zygote;

	if (job->pid != -1) {
		job_kill(job);
		(void)job_reap(job);
	}
	if (job->slot != -1)
		slot_release(z->config.slots, job->slot);
	if (job->grants != NULL && munmap(job->grants,
	    job_grants_len(job)) != 0)
		log_panic("munmap of grants: %s", strerror(errno));
	area_free(job->area, job->name_max);
	io_drop(&job->fd);
	TAILQ_REMOVE(&z->jobs, job, next);
	z->job_count--;
	mem_free(job);
	if (z->is_draining && z->job_count == 0)
		ev_loop_stop(z->loop);
}

/* Tell inspect how it ended. */
static void
job_answer(struct job *job, enum zygote_outcome outcome)
{
	struct zygote_result results[ZYGOTE_BATCH_MAX] = {{0}};
	const struct ipc_status status = {.err = GW_OK};
	struct zygote *z = job->zygote;
	uint32_t i;

	/* Of a batch nothing counts but that all went well. */
	if (job->count > 1 && outcome != ZYGOTE_REPORTED)
		outcome = ZYGOTE_REPEAT;
	for (i = 0; i < job->count; i++)
		results[i].outcome = outcome;
	if (!job->is_dropped && z->client != NULL)
		ipc_send(z->client, ZYGOTE_JOB | IPC_REPLY, job->client_id,
		    &status, sizeof(status), results, sizeof(results[0]),
		    job->count, NULL, 0);
	job_free(job);
	zygote_start_jobs(z);
}

static uint64_t
job_ask(struct job *job, enum job_state state)
{
	job->state = state;
	job->keys_id = ++job->zygote->next_id;
	return job->keys_id;
}

/* --- verdicts --------------------------------------------------------------- */

static void
job_fill_verdict(const struct job *job, uint32_t i,
    const struct area_report *report, struct verdict_record *out)
{
	const struct worker_versions *v = &job->zygote->config.versions;

	/* What it is about comes from keys' grant, never from the worker. */
	out->body = job->grants[i].body;
	memcpy(out->root, job->grants[i].root, sizeof(out->root));
	out->verdict = report->verdict;
	out->reason = report->reason;
	out->type = report->type;
	out->method = report->method;
	out->engine = v->engine;
	out->signatures = v->signatures;
	out->signatures_ms = v->signatures_ms;
	out->ended_ms = clock_wall_ms();
	memcpy(out->detail, report->detail, sizeof(out->detail));
}

static void
job_send_verdicts(struct job *job)
{
	const uint64_t id = job_ask(job, JOB_VERDICT);

	ipc_send(job->zygote->keys, KEYS_VERDICT, id, NULL, 0, job->verdicts,
	    sizeof(job->verdicts[0]), job->count, NULL, 0);
}

/*
 * The worker failed.  Only on the last try does it become a verdict: until
 * then another worker may do better.
 */
static void
job_failed(struct job *job, enum zygote_outcome outcome, enum reason reason)
{
	const struct area_report report = {
		.verdict = VERDICT_NOT_SCANNED,
		.reason = (uint16_t)reason,
		.type = TYPE_UNKNOWN,
	};

	if (job->count != 1 || (job->flags & ZYGOTE_LAST_TRY) == 0) {
		job_answer(job, outcome);
		return;
	}
	job->outcome = outcome;
	job_fill_verdict(job, 0, &report, &job->verdicts[0]);
	job_send_verdicts(job);
}

static void
job_send_names(struct job *job)
{
	struct keys_names names = {
		.manifest = job->grants[0].body,
		.first = job->names_sent + 1,
		.total = job->area->name_count,
	};
	uint32_t count = names.total - job->names_sent;
	uint64_t id;

	if (count == 0) {
		job_send_verdicts(job);
		return;
	}
	if (count > ZYGOTE_NAMES_MAX)
		count = ZYGOTE_NAMES_MAX;
	id = job_ask(job, JOB_NAMES);
	ipc_send(job->zygote->keys, KEYS_NAMES, id, &names, sizeof(names),
	    job->area->names + job->names_sent, sizeof(struct keys_name),
	    count, NULL, 0);
	job->names_sent += count;
}

static void
job_take_reports(struct job *job)
{
	uint32_t i;

	if (job->count > 1 && !area_is_good(job->area, job->count)) {
		job_answer(job, ZYGOTE_REPEAT);
		return;
	}
	for (i = 0; i < job->count; i++)
		job_fill_verdict(job, i, &job->area->reports[i],
		    &job->verdicts[i]);
	job->outcome = ZYGOTE_REPORTED;
	if (job->name_max > 0 && area_is_good(job->area, 1))
		job_send_names(job);
	else
		job_send_verdicts(job);
}

/* The worker is dead: what did it leave? */
static void
job_ended(void *arg, int fd, int events)
{
	struct job *job = arg;
	int status;

	(void)fd;
	(void)events;
	status = job_reap(job);
	if (job->is_timed_out) {
		job_failed(job, ZYGOTE_TIMED_OUT, REASON_NOT_SCANNED_TIMEOUT);
	} else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		log_warn("a worker died: %s %d", WIFSIGNALED(status) ?
		    "signal" : "status", WIFSIGNALED(status) ?
		    WTERMSIG(status) : WEXITSTATUS(status));
		job_failed(job, ZYGOTE_CRASHED, REASON_NOT_SCANNED_CRASH);
	} else if (!area_check(job->area, job->zygote->config.ops,
	    job->grants, job->count, job->name_max)) {
		log_warn("a worker's report makes no sense");
		job_failed(job, ZYGOTE_GARBAGE, REASON_NOT_SCANNED_ERROR);
	} else {
		job_take_reports(job);
	}
}

static void
job_timed_out(void *arg)
{
	struct job *job = arg;

	job->is_timed_out = true;
	job_kill(job);
}

/* --- birth of a worker -------------------------------------------------------- */

static uint32_t
job_name_max(const struct job *job)
{
	const struct keys_grant *grant = &job->grants[0];

	if (job->zygote->config.ops->stage != STAGE_MANIFEST)
		return 0;
	if (grant->body_count < 2 || grant->body_count > PARCEL_BODIES_MAX)
		log_fatal("keys: a transfer of %u bodies", grant->body_count);
	return grant->body_count - 1;
}

static void
job_fork(struct job *job)
{
	struct zygote *z = job->zygote;
	struct child_job child = {
		.ops = z->config.ops,
		.filter = z->config.filter,
		.slots = z->config.slots,
		.items = job->items,
		.grants = job->grants,
		.count = job->count,
		.timeout_ms = job->timeout_ms,
		.fd = job->fd,
		.slot = job->slot,
		.base_memory = z->config.base_memory,
	};

	job->name_max = job_name_max(job);
	job->area = area_new(job->name_max);
	child.area = job->area;
	child.name_max = job->name_max;
	job->pid = fork();
	if (job->pid == -1)
		log_fatal("cannot fork a worker: %s", strerror(errno));
	if (job->pid == 0)
		child_run(&child);
	job->pidfd = (int)syscall(SYS_pidfd_open, job->pid, 0u);
	if (job->pidfd == -1)
		log_fatal("pidfd_open: %s", strerror(errno));
	area_hide(job->area, job->name_max);
	job->state = JOB_RUNS;
	z->running++;
	io_drop(&job->fd);
	job->end = ev_fd_new(z->loop, job->pidfd, EV_RD, job_ended, job);
	job->timer = ev_timer_new(z->loop, job_timed_out, job);
	ev_timer_set(job->timer, job->timeout_ms);
}

/* In memory of its own, so that no later worker is born with it. */
static void
job_keep_grants(struct job *job, const struct keys_grant *grants)
{
	void *p;

	p = mmap(NULL, job_grants_len(job), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		log_fatal("cannot map grants: %s", strerror(errno));
	memcpy(p, grants, job_grants_len(job));
	job->grants = p;
}

/* The worker has them; nobody else needs them. */
static void
job_forget_keys(struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->count; i++)
		mem_clear(job->grants[i].key, sizeof(job->grants[i].key));
	if (madvise(job->grants, job_grants_len(job), MADV_DONTFORK) != 0)
		log_fatal("cannot hide grants: %s", strerror(errno));
}

static bool
job_grant_ok(const struct job *job, const struct keys_grant *grants,
    uint32_t i)
{
	const struct zygote_item *item = &job->items[i];

	if (grants[i].err != GW_OK)
		return false;
	if (memcmp(&grants[i].body, &item->body, sizeof(item->body)) != 0)
		log_fatal("keys granted another body");
	/* Told by spool through inspect: not our siblings' best secret. */
	return grants[i].padded_len == item->padded_len;
}

static void
job_granted(struct job *job, const struct ipc_status *status,
    const struct ipc_msg *msg)
{
	struct keys_grant *grants;
	bool is_good = status->err == GW_OK;
	uint32_t i;

	if (is_good && msg->count != job->count)
		log_fatal("keys granted %u bodies of %u", msg->count,
		    job->count);
	if (!is_good || job->is_dropped) {
		job_answer(job, ZYGOTE_REFUSED);
		return;
	}
	grants = mem_array(msg->count, sizeof(*grants));
	memcpy(grants, msg->elems, msg->count * sizeof(*grants));
	for (i = 0; i < job->count; i++)
		is_good = is_good && job_grant_ok(job, grants, i);
	if (is_good) {
		job_keep_grants(job, grants);
		job_fork(job);
		job_forget_keys(job);
	}
	mem_free_secret(grants, msg->count * sizeof(*grants));
	if (!is_good)
		job_answer(job, ZYGOTE_REFUSED);
}

static void
job_ask_grant(struct job *job)
{
	struct key_ref refs[ZYGOTE_BATCH_MAX];
	uint64_t id;
	uint32_t i;

	for (i = 0; i < job->count; i++)
		refs[i] = job->items[i].body;
	id = job_ask(job, JOB_GRANT);
	ipc_send(job->zygote->keys, KEYS_GRANT, id, NULL, 0, refs,
	    sizeof(refs[0]), job->count, NULL, 0);
}

/* Jobs that hold or wait for a worker. */
static uint32_t
zygote_active(const struct zygote *z)
{
	const struct job *job;
	uint32_t count = 0;

	TAILQ_FOREACH(job, &z->jobs, next) {
		if (job->state == JOB_GRANT || job->state == JOB_RUNS)
			count++;
	}
	return count;
}

static void
zygote_start_jobs(struct zygote *z)
{
	uint32_t active = zygote_active(z);
	struct job *job;

	TAILQ_FOREACH(job, &z->jobs, next) {
		if (active >= z->config.workers)
			break;
		if (job->state != JOB_WAITS)
			continue;
		if (z->config.slots != NULL) {
			job->slot = slot_take(z->config.slots);
			if (job->slot == -1)
				break;
		}
		job_ask_grant(job);
		active++;
	}
}

/* --- channels ------------------------------------------------------------------ */

static struct job *
zygote_find_job(struct zygote *z, uint64_t keys_id, enum job_state state)
{
	struct job *job;

	TAILQ_FOREACH(job, &z->jobs, next) {
		if (job->keys_id == keys_id && job->state == state)
			return job;
	}
	log_fatal("keys answered what was not asked");
}

static void
job_names_taken(struct job *job, const struct ipc_status *status)
{
	struct verdict_record *v = &job->verdicts[0];

	if (status->err == GW_OK && status->reason == REASON_NONE) {
		job_send_names(job);
		return;
	}
	v->verdict = VERDICT_NOT_SCANNED;
	v->reason = status->reason != REASON_NONE &&
	    reason_ok(status->reason) ? status->reason :
	    REASON_MANIFEST_MISMATCH;
	job_send_verdicts(job);
}

static void
zygote_on_keys(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct zygote *z = arg;
	struct ipc_status status;
	struct job *job;

	(void)chan;
	memcpy(&status, msg->body, sizeof(status));
	switch (msg->type) {
	case KEYS_GRANT | IPC_REPLY:
		job = zygote_find_job(z, msg->id, JOB_GRANT);
		job_granted(job, &status, msg);
		break;
	case KEYS_NAMES | IPC_REPLY:
		job = zygote_find_job(z, msg->id, JOB_NAMES);
		job_names_taken(job, &status);
		break;
	case KEYS_VERDICT | IPC_REPLY:
		job = zygote_find_job(z, msg->id, JOB_VERDICT);
		job_answer(job, status.err == GW_OK ? job->outcome :
		    ZYGOTE_REFUSED);
		break;
	default:
		log_panic("no handler for 0x%x", msg->type);
	}
}

static void
zygote_keys_closed(void *arg, struct ipc_chan *chan)
{
	(void)arg;
	(void)chan;
	log_fatal("keys is gone");
}

static void
zygote_take_job(struct zygote *z, struct ipc_msg *msg)
{
	struct zygote_job fixed;
	struct job *job;

	memcpy(&fixed, msg->body, sizeof(fixed));
	if (msg->count == 0 || z->job_count >= ZYGOTE_JOBS_MAX ||
	    fixed.timeout_ms == 0 ||
	    fixed.timeout_ms > ZYGOTE_TIMEOUT_MAX_MS ||
	    (msg->count > 1 && z->config.ops->stage == STAGE_MANIFEST))
		log_fatal("inspect: a job of %u bodies, %u ms", msg->count,
		    fixed.timeout_ms);
	job = mem_alloc(sizeof(*job));
	job->zygote = z;
	job->state = JOB_WAITS;
	job->client_id = msg->id;
	job->fd = msg->fds[0];
	msg->fds[0] = -1;
	job->timeout_ms = fixed.timeout_ms;
	job->flags = fixed.flags;
	job->count = msg->count;
	memcpy(job->items, msg->elems, msg->count * sizeof(job->items[0]));
	job->slot = job->pidfd = job->pid = -1;
	TAILQ_INSERT_TAIL(&z->jobs, job, next);
	z->job_count++;
	zygote_start_jobs(z);
}

/* It came too late: its successor shall have it. */
static void
zygote_give_back(struct zygote *z, const struct ipc_msg *msg)
{
	struct zygote_result results[ZYGOTE_BATCH_MAX] = {{0}};
	const struct ipc_status status = {.err = GW_OK};
	uint32_t i;

	for (i = 0; i < msg->count; i++)
		results[i].outcome = ZYGOTE_REPEAT;
	ipc_send(z->client, ZYGOTE_JOB | IPC_REPLY, msg->id, &status,
	    sizeof(status), results, sizeof(results[0]), msg->count, NULL, 0);
}

static void
zygote_on_client(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct zygote *z = arg;
	struct zygote_status status = {
		.err = GW_OK,
		.is_ready = 1,
		.engine = z->config.versions.engine,
		.signatures = z->config.versions.signatures,
		.signatures_ms = z->config.versions.signatures_ms,
		.signature_count = z->config.versions.signature_count,
	};

	if (msg->type == ZYGOTE_JOB && z->is_draining)
		zygote_give_back(z, msg);
	else if (msg->type == ZYGOTE_JOB)
		zygote_take_job(z, msg);
	else
		ipc_send(chan, ZYGOTE_STATUS | IPC_REPLY, msg->id, &status,
		    sizeof(status), NULL, 0, 0, NULL, 0);
}

/*
 * Nobody waits for the answers: end what runs.  Jobs that talk to keys stay
 * until it has answered.
 */
static void
zygote_drop_jobs(struct zygote *z)
{
	struct job *job, *next;

	for (job = TAILQ_FIRST(&z->jobs); job != NULL; job = next) {
		next = TAILQ_NEXT(job, next);
		job->is_dropped = true;
		if (job->state == JOB_WAITS || job->state == JOB_RUNS)
			job_free(job);
	}
}

static void
zygote_client_closed(void *arg, struct ipc_chan *chan)
{
	struct zygote *z = arg;

	ipc_chan_free(chan);
	z->client = NULL;
	zygote_drop_jobs(z);
}

void
zygote_serve(struct zygote *z, int fd)
{
	zygote_drop_jobs(z);
	ipc_chan_free(z->client);
	z->client = ipc_chan_new(z->loop, fd, "inspect", zygote_client_rules,
	    COUNT(zygote_client_rules), zygote_on_client,
	    zygote_client_closed, z);
}

void
zygote_drain(struct zygote *z)
{
	z->is_draining = true;
	if (z->job_count == 0)
		ev_loop_stop(z->loop);
}

struct zygote *
zygote_new(struct ev_loop *loop, const struct zygote_config *config,
    int keys_fd)
{
	struct zygote *z = mem_alloc(sizeof(*z));

	z->loop = loop;
	z->config = *config;
	TAILQ_INIT(&z->jobs);
	z->keys = ipc_chan_new(loop, keys_fd, "keys", zygote_keys_rules,
	    COUNT(zygote_keys_rules), zygote_on_keys, zygote_keys_closed, z);
	return z;
}

void
zygote_free(struct zygote *z)
{
	struct job *job;

	if (z == NULL)
		return;
	while ((job = TAILQ_FIRST(&z->jobs)) != NULL)
		job_free(job);
	ipc_chan_free(z->client);
	ipc_chan_free(z->keys);
	mem_free(z);
}
