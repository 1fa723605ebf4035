/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/courier/notice.h"
#include "gatewayd/courier/tree.h"
#include "gatewayd/courier/work.h"

struct work_desk {
	struct courier *c;
	TAILQ_HEAD(, work) works;
	TAILQ_HEAD(, work) syncing;
	struct task sync_task;
	struct ev_timer *retry;
	unsigned open;		/* requests waiting for work */
	unsigned busy;
};

static void ask_work(struct work_desk *desk);

/* --- one piece of work --------------------------------------------- */

static void
work_clear(struct work *w)
{
	if (w->is_syncing)
		TAILQ_REMOVE(&w->desk->syncing, w, syncing);
	task_stop(w->c->tasks, &w->task);
	call_forget(w->c->keys, w);
	call_forget(w->c->spool, w);
	group_forget(w->c->group, &w->wait);
	fetch_free(w->fetch);
	fetch_free(w->ahead);
	stage_clear(&w->stage);
	mem_free_secret(w->manifest, w->manifest_len);
	mem_free(w->file);
	mem_free(w);
}

void
work_free(struct work *w)
{
	struct work_desk *desk = w->desk;

	TAILQ_REMOVE(&desk->works, w, next);
	desk->busy--;
	work_clear(w);
	ask_work(desk);
}

void
work_go(struct work *w, enum work_phase phase)
{
	w->phase = phase;
	task_wake(w->c->tasks, &w->task);
}

void
work_tell(struct work *w, uint16_t type, enum gw_err err, enum reason reason,
    call_fn *fn)
{
	const struct spool_outcome outcome = {
		.transfer = w->job.transfer,
		.err = err,
		.reason = (uint16_t)reason,
	};

	w->phase = WORK_TOLD;
	call_send_fixed(w->c->spool, type, &outcome, sizeof(outcome), fn, w);
}

/*
 * Many small transfers share one syncfs; a few files are fsynced each, so
 * that nobody waits for what others write on the same disk.
 */
static void
sync_run(void *arg)
{
	struct work_desk *desk = arg;
	enum gw_err err = GW_OK;
	size_t weight = 0;
	struct work *w;
	bool syncs_all;

	TAILQ_FOREACH(w, &desk->syncing, syncing)
		weight += stage_weight(&w->stage);
	syncs_all = group_syncfs_pays(desk->c, weight);
	if (syncs_all)
		err = group_syncfs(desk->c, weight);
	while ((w = TAILQ_FIRST(&desk->syncing)) != NULL) {
		TAILQ_REMOVE(&desk->syncing, w, syncing);
		w->is_syncing = false;
		if (!syncs_all)
			err = stage_sync(&w->stage);
		w->on_synced(w, err);
	}
}

void
work_sync(struct work *w, work_synced_fn *fn)
{
	w->on_synced = fn;
	w->is_syncing = true;
	TAILQ_INSERT_TAIL(&w->desk->syncing, w, syncing);
	task_wake(w->c->tasks, &w->desk->sync_task);
}

/* --- notices ------------------------------------------------------- */

static void
on_noticed(void *arg, struct ipc_msg *msg)
{
	struct work *w = arg;
	struct ipc_status status = call_status(msg);

	if (status.err != GW_OK)
		log_warn("%s: the spool does not take a notice: %s",
		    w->job.number, err_text_en((enum gw_err)status.err));
	work_free(w);
}

static void
on_notice_durable(void *arg, enum gw_err err)
{
	struct work *w = arg;

	(void)err; /* notices have nothing in the journal */
	work_tell(w, SPOOL_NOTICED, GW_OK, REASON_NONE, on_noticed);
}

/*
 * A status file that cannot be written is no reason to ask for it for ever:
 * the state is in the log, and the error in ours.
 */
static void
show(struct work *w, const char *name)
{
	enum gw_err err;

	err = notice_show(w->c, &w->job, name);
	if (err != GW_OK)
		log_err("%s: its state cannot be shown in the folders: %s",
		    w->job.number, err_text_en(err));
	group_wait_ledger(w->c->group, &w->wait, on_notice_durable, w);
}

static void
on_name(void *arg, struct fetch *f)
{
	struct work *w = arg;
	struct manifest_reader reader;
	uint8_t *bytes = NULL;
	size_t len = 0;
	enum gw_err err = f->err;

	w->fetch = f;
	if (err == GW_OK)
		err = fetch_manifest(f, &bytes, &len);
	if (err == GW_OK)
		err = manifest_open(&reader, bytes, len, &w->top);
	mem_free_secret(bytes, len);
	fetch_free(w->fetch);
	w->fetch = NULL;
	/* Damaged, or of a flow unknown here: its number has to do. */
	show(w, err == GW_OK ? w->top.name : w->job.number);
}

/* Plaintext of a transfer that will not be delivered must not stay. */
static void
notice_start(struct work *w)
{
	enum gw_err err;

	if (w->job.side == SIDE_HIGH && w->job.state != ST_DELIVERING) {
		do
			err = stage_remove(&w->stage);
		while (err == GW_EAGAIN);
		if (err != GW_OK)
			log_err("%s: staging cannot be removed: %s",
			    w->job.number, err_text_en(err));
	}
	if (notice_needs_name(&w->job))
		w->fetch = fetch_new(w->c, &w->job.transfer, FETCH_VIEW, 0, 1,
		    on_name, w);
	else
		show(w, w->job.number);
}

/* --- pulling ------------------------------------------------------- */

static void
work_run(void *arg)
{
	deliver_step(arg);
}

static void
work_new(struct work_desk *desk, const struct spool_work *job)
{
	struct work *w = mem_alloc(sizeof(*w));

	w->desk = desk;
	w->c = desk->c;
	w->job = *job;
	w->job.flow[sizeof(w->job.flow) - 1] = '\0';
	w->job.number[sizeof(w->job.number) - 1] = '\0';
	w->job.detail[sizeof(w->job.detail) - 1] = '\0';
	w->job.submitter[sizeof(w->job.submitter) - 1] = '\0';
	task_init(&w->task, work_run, w);
	stage_init(&w->stage, w->c, w->job.transfer.id);
	TAILQ_INSERT_TAIL(&desk->works, w, next);
	desk->busy++;
	switch ((enum spool_work_kind)job->kind) {
	case WORK_DELIVER:
	case WORK_RETURN:
		deliver_start(w);
		return;
	case WORK_NOTICE:
		notice_start(w);
		return;
	}
	log_fatal("spool gives work of kind %u", job->kind);
}

static void
on_retry(void *arg)
{
	ask_work(arg);
}

static void
on_work(void *arg, struct ipc_msg *msg)
{
	struct work_desk *desk = arg;
	struct spool_work job;

	memcpy(&job, msg->body, sizeof(job));
	desk->open--;
	if (job.err == GW_OK)
		work_new(desk, &job);
	else
		ev_timer_set(desk->retry, desk->c->opts.retry_ms);
}

static void
ask_work(struct work_desk *desk)
{
	while (desk->open + desk->busy < desk->c->opts.hands) {
		desk->open++;
		call_send_fixed(desk->c->spool, SPOOL_WORK, NULL, 0, on_work,
		    desk);
	}
}

struct work_desk *
work_desk_new(struct courier *c)
{
	struct work_desk *desk = mem_alloc(sizeof(*desk));

	desk->c = c;
	TAILQ_INIT(&desk->works);
	TAILQ_INIT(&desk->syncing);
	task_init(&desk->sync_task, sync_run, desk);
	desk->retry = ev_timer_new(c->loop, on_retry, desk);
	return desk;
}

void
work_desk_free(struct work_desk *desk)
{
	struct work *w;

	if (desk == NULL)
		return;
	while ((w = TAILQ_FIRST(&desk->works)) != NULL) {
		TAILQ_REMOVE(&desk->works, w, next);
		work_clear(w);
	}
	task_stop(desk->c->tasks, &desk->sync_task);
	ev_timer_free(desk->retry);
	mem_free(desk);
}

void
work_start(struct work_desk *desk)
{
	ask_work(desk);
}
