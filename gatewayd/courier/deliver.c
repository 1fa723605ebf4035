/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/names/names.h"

#include "gatewayd/courier/folders.h"
#include "gatewayd/courier/ledger.h"
#include "gatewayd/courier/notice.h"
#include "gatewayd/courier/text.h"
#include "gatewayd/courier/tree.h"
#include "gatewayd/courier/work.h"

/*
 * A delivery: manifest, files into staging, all of it durable, STAGED; when
 * the spool says DELIVERING is durable, one rename, PUBLISHED.  After a crash
 * in DELIVERING, staging present means not published; absent, published.
 */
#define CHOICES_MAX 10000u

static bool
is_return(const struct work *w)
{
	return w->job.kind == WORK_RETURN;
}

/* --- the end ------------------------------------------------------- */

static void
tidy(struct work *w)
{
	enum gw_err err;

	err = stage_remove(&w->stage);
	if (err == GW_EAGAIN) {
		work_go(w, WORK_TIDY);
		return;
	}
	if (err != GW_OK)
		log_err("%s: staging cannot be removed: %s", w->job.number,
		    err_text_en(err));
	work_free(w);
}

static void
on_end(void *arg, struct ipc_msg *msg)
{
	struct work *w = arg;
	struct ipc_status status = call_status(msg);

	if (status.err != GW_OK)
		log_warn("%s: the spool does not take an outcome: %s",
		    w->job.number, err_text_en((enum gw_err)status.err));
	tidy(w);
}

/* It could not be staged; the spool decides what becomes of it. */
static void
fail(struct work *w, enum gw_err err, enum reason reason)
{
	if (err == GW_ESPACE)
		reason = REASON_NO_SPACE;
	else if (reason == REASON_NONE)
		reason = REASON_INTERNAL;
	log_warn("%s: cannot be delivered: %s (%s)", w->job.number,
	    err_text_en(err), reason_code(reason));
	work_tell(w, is_return(w) ? SPOOL_NOTICED : SPOOL_STAGED, err, reason,
	    on_end);
}

/* --- publishing ---------------------------------------------------- */

static void
on_shown(void *arg, enum gw_err err)
{
	struct work *w = arg;

	(void)err;
	work_tell(w, is_return(w) ? SPOOL_NOTICED : SPOOL_PUBLISHED, GW_OK,
	    REASON_NONE, on_end);
}

/* The line is there before the spool knows: DELIVERED then has its proof. */
static void
published(struct work *w)
{
	const struct ledger_line line = {
		.kind = LEDGER_DELIVERED,
		.flow = w->job.flow,
		.number = w->job.number,
		.wall_ms = clock_wall_ms(),
		.name = w->top.name[0] != '\0' ? w->top.name : w->job.number,
		.size = w->job.plain_bytes,
		.state = ST_DELIVERED,
		.reason = REASON_NONE,
		.target = w->target,
	};
	char staging[PATH_MAX];

	if (w->mailbox[0] != '\0')
		group_dirty(w->c->group, w->mailbox);
	if (tree_join(staging, sizeof(staging), ".gw/out", w->stage.hex))
		group_dirty(w->c->group, staging);
	if (!is_return(w) && w->job.is_retry)
		ledger_add_once(w->c->ledgers, &line);
	else if (!is_return(w))
		ledger_add(w->c->ledgers, &line);
	group_wait_ledger(w->c->group, &w->wait, on_shown, w);
}

/* One try under one name. */
static enum gw_err
publish_as(struct work *w, int dirfd, unsigned n, bool may_replace)
{
	char name[NAME_MAX + 1];
	enum gw_err err = GW_OK;

	text_choice(w->stage.object, n, name);
	if (!tree_join(w->target, sizeof(w->target), w->mailbox, name))
		return GW_ELIMIT;
	stage_put_target(&w->stage, w->target);
	if (is_return(w))
		err = notice_reason(w->c, dirfd, &w->job, w->stage.object, n,
		    true);
	if (err == GW_OK)
		err = io_renameat(w->stage.fd, w->stage.object, dirfd, name,
		    !may_replace);
	return err;
}

static enum gw_err
publish_numbered(struct work *w, int dirfd)
{
	enum gw_err err = GW_EEXIST;
	unsigned n;

	for (n = 1; n <= CHOICES_MAX && err == GW_EEXIST; n++)
		err = publish_as(w, dirfd, n, false);
	return err;
}

/* Only a file may take another file's place. */
static bool
may_replace(struct work *w, int dirfd)
{
	struct stat st;

	return w->on_exists == EXISTS_REPLACE && !w->stage.is_set &&
	    (io_statat(dirfd, w->stage.object, &st) != GW_OK ||
	    S_ISREG(st.st_mode));
}

static void
publish(struct work *w)
{
	enum gw_err err;
	int dirfd = -1;

	err = tree_open_dir(w->c->root_fd, w->mailbox, &dirfd);
	if (err == GW_OK && !is_return(w) && w->on_exists == EXISTS_HOLD)
		err = publish_as(w, dirfd, 1, false);
	else if (err == GW_OK && !is_return(w) && may_replace(w, dirfd))
		err = publish_as(w, dirfd, 1, true);
	else if (err == GW_OK)
		err = publish_numbered(w, dirfd);
	io_drop(&dirfd);
	if (err == GW_OK) {
		published(w);
		return;
	}
	log_err("%s: cannot be published: %s", w->job.number,
	    err_text_en(err));
	work_tell(w, is_return(w) ? SPOOL_NOTICED : SPOOL_PUBLISHED, err,
	    err == GW_EEXIST ? REASON_NAME_TAKEN :
	    err == GW_ESPACE ? REASON_NO_SPACE : REASON_INTERNAL, on_end);
}

static void
on_staged(void *arg, struct ipc_msg *msg)
{
	struct work *w = arg;
	struct ipc_status status = call_status(msg);

	if (status.err == GW_OK) {
		publish(w);
		return;
	}
	log_info("%s: staged, but not to be published: %s", w->job.number,
	    err_text_en((enum gw_err)status.err));
	tidy(w);
}

/* --- files --------------------------------------------------------- */

static void
staged(struct work *w)
{
	struct stat st;
	int dirfd = -1;
	enum gw_err err;

	err = tree_open_dir(w->c->root_fd, w->mailbox, &dirfd);
	if (err == GW_OK && w->on_exists == EXISTS_HOLD && !is_return(w) &&
	    io_statat(dirfd, w->stage.object, &st) == GW_OK)
		err = GW_EEXIST;
	io_drop(&dirfd);
	if (err != GW_OK)
		fail(w, err, err == GW_EEXIST ? REASON_NAME_TAKEN :
		    REASON_NONE);
	else if (is_return(w))
		publish(w);
	else
		work_tell(w, SPOOL_STAGED, GW_OK, REASON_NONE, on_staged);
}

static void
on_synced(struct work *w, enum gw_err err)
{
	if (err != GW_OK)
		fail(w, err, REASON_NONE);
	else
		staged(w);
}

static void
sync_step(struct work *w)
{
	enum gw_err err;

	err = stage_end(&w->stage);
	if (err == GW_EAGAIN)
		task_wake(w->c->tasks, &w->task);
	else if (err != GW_OK)
		fail(w, err, REASON_NONE);
	else
		work_sync(w, on_synced);
}

static void
on_ahead(void *arg, struct fetch *f)
{
	struct work *w = arg;

	w->ahead = f;
	w->is_ahead_here = true;
	task_wake(w->c->tasks, &w->task);
}

static void
ask_ahead(struct work *w, uint32_t first)
{
	w->is_ahead_here = false;
	if (first < w->job.body_count)
		w->ahead = fetch_new(w->c, &w->job.transfer, FETCH_RELEASE,
		    first, w->job.body_count - first, on_ahead, w);
}

/* Take the batch that came, and ask for the one behind it. */
static bool
next_batch(struct work *w)
{
	if (w->ahead == NULL || !w->is_ahead_here)
		return false;
	fetch_free(w->fetch);
	w->fetch = w->ahead;
	w->ahead = NULL;
	if (w->fetch->err != GW_OK) {
		fail(w, w->fetch->err, w->fetch->reason != REASON_NONE &&
		    reason_ok(w->fetch->reason) ?
		    (enum reason)w->fetch->reason :
		    err_class(w->fetch->err) == GW_CLASS_TAMPER ||
		    w->fetch->err == GW_EIO ? REASON_DAMAGED : REASON_NONE);
		return false;
	}
	ask_ahead(w, w->fetch->first + w->fetch->count);
	return true;
}

/* Returns GW_OK when the file is through. */
static enum gw_err
file_step(struct work *w, enum reason *reason_out)
{
	enum gw_err err;

	if (!w->has_file) {
		err = manifest_next(&w->reader, w->file);
		if (err != GW_OK) {
			*reason_out = REASON_MANIFEST_MISMATCH;
			return err;
		}
		w->has_file = true;
	}
	return stage_file(&w->stage, w->file,
	    &w->fetch->list[w->next_body - w->fetch->first], w->fetch->fd,
	    reason_out);
}

static void
files_step(struct work *w)
{
	enum reason reason = REASON_NONE;
	uint64_t bytes = 0;
	unsigned files = 0;
	enum gw_err err;

	while (bytes < COURIER_SLICE_BYTES && files++ < COURIER_SLICE_FILES) {
		if (w->next_body == w->job.body_count) {
			work_go(w, WORK_SYNC);
			return;
		}
		if ((w->fetch == NULL ||
		    w->next_body == w->fetch->first + w->fetch->count) &&
		    !next_batch(w))
			return;
		err = file_step(w, &reason);
		bytes += w->file->size < COURIER_SLICE_BYTES ? w->file->size :
		    COURIER_SLICE_BYTES;
		if (err == GW_EAGAIN)
			break;
		if (err != GW_OK) {
			fail(w, err, reason);
			return;
		}
		w->has_file = false;
		w->next_body++;
	}
	task_wake(w->c->tasks, &w->task);
}

static void
clean_step(struct work *w)
{
	enum gw_err err;

	err = stage_begin(&w->stage, &w->top, w->file_mode);
	if (err == GW_EAGAIN) {
		task_wake(w->c->tasks, &w->task);
		return;
	}
	if (err != GW_OK) {
		fail(w, err, REASON_NONE);
		return;
	}
	w->next_body = 1;
	ask_ahead(w, 1);
	work_go(w, WORK_FILES);
}

/* --- the beginning ------------------------------------------------- */

static bool
is_recipient(const struct policy_flow *flow, const char *name)
{
	uint32_t i;

	for (i = 0; i < flow->recipient_count; i++) {
		if (strcmp(flow->recipients[i], name) == 0)
			return true;
	}
	return false;
}

/* Which mailbox, by this zone's own table. */
static enum reason
find_mailbox(struct work *w)
{
	const struct policy_flow *flow;
	const char *recipient = w->top.recipient;

	flow = policy_find_flow(w->c->policy, w->job.flow);
	if (is_return(w)) {
		w->file_mode = 0640;
		snprintf(w->mailbox, sizeof(w->mailbox), "rejected/%s",
		    w->job.flow);
		return REASON_NONE;
	}
	if (flow == NULL)
		return REASON_FLOW_UNKNOWN_HERE;
	w->file_mode = flow->file_mode;
	w->on_exists = flow->on_exists;
	if (flow->recipient_count == 1 && recipient[0] == '\0')
		recipient = flow->recipients[0];
	if (flow->recipient_count == 0)
		snprintf(w->mailbox, sizeof(w->mailbox), "out/%s", flow->id);
	else if (is_recipient(flow, recipient))
		snprintf(w->mailbox, sizeof(w->mailbox), "out/%s/%s",
		    flow->id, recipient);
	else
		return REASON_RECIPIENT_UNKNOWN;
	return REASON_NONE;
}

static enum gw_err
read_manifest(struct work *w, const struct fetch *f)
{
	enum gw_err err = f->err;

	if (err == GW_OK)
		err = fetch_manifest(f, &w->manifest, &w->manifest_len);
	if (err == GW_OK)
		err = manifest_open(&w->reader, w->manifest, w->manifest_len,
		    &w->top);
	if (err == GW_OK && (w->top.file_count + 1 != w->job.body_count ||
	    strcmp(w->top.flow, w->job.flow) != 0 ||
	    names_check(w->top.name) != REASON_NONE))
		err = GW_EFORMAT;
	return err;
}

/*
 * After a crash in DELIVERING: is it published or not?  If it is, that holds
 * whatever became of its manifest or its flow since.
 */
static void
go_on(struct work *w, enum gw_err err, enum reason reason)
{
	struct stat st;
	enum gw_err found;

	found = stage_find(&w->stage);
	if (found == GW_ENOENT) {
		stage_get_target(&w->stage, w->target, sizeof(w->target));
		published(w);
		return;
	}
	if (found == GW_OK)
		found = io_statat(w->stage.fd, w->stage.object, &st);
	if (found != GW_OK || err != GW_OK) {
		fail(w, found != GW_OK ? found : err, reason);
		return;
	}
	w->stage.is_set = S_ISDIR(st.st_mode);
	publish(w);
}

static void
on_manifest(void *arg, struct fetch *f)
{
	struct work *w = arg;
	enum reason reason = REASON_NONE;
	enum gw_err err;

	err = read_manifest(w, f);
	if (err == GW_EFORMAT || err == GW_ETRUNC || err == GW_EVERSION)
		reason = REASON_MANIFEST_MISMATCH;
	else if (err_class(err) == GW_CLASS_TAMPER || err == GW_EIO)
		reason = REASON_DAMAGED;
	else if (err != GW_OK && reason_ok(f->reason))
		reason = (enum reason)f->reason;
	w->fetch = f;
	fetch_free(w->fetch);
	w->fetch = NULL;
	if (err == GW_OK) {
		reason = find_mailbox(w);
		err = reason == REASON_NONE ? GW_OK : GW_EDENIED;
	}
	if (w->job.is_retry)
		go_on(w, err, reason);
	else if (err != GW_OK)
		fail(w, err, reason);
	else
		work_go(w, WORK_CLEAN);
}

void
deliver_start(struct work *w)
{
	w->phase = WORK_BEGIN;
	w->file = mem_alloc(sizeof(*w->file));
	w->fetch = fetch_new(w->c, &w->job.transfer, FETCH_RELEASE, 0, 1,
	    on_manifest, w);
}

void
deliver_step(struct work *w)
{
	switch (w->phase) {
	case WORK_CLEAN:
		clean_step(w);
		break;
	case WORK_FILES:
		files_step(w);
		break;
	case WORK_SYNC:
		sync_step(w);
		break;
	case WORK_TIDY:
		tidy(w);
		break;
	case WORK_BEGIN:
	case WORK_TOLD:
		break;
	}
}
