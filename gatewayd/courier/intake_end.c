/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/names/names.h"

#include "gatewayd/courier/folders.h"
#include "gatewayd/courier/intake_own.h"
#include "gatewayd/courier/ledger.h"
#include "gatewayd/courier/notice.h"
#include "gatewayd/courier/text.h"
#include "gatewayd/courier/tree.h"
#include "gatewayd/courier/watch.h"

/* Tries to read an entry that changes under us before it is refused. */
#define CHANGED_MAX 3u

/* Names tried in rejected/ before giving up. */
#define CHOICES_MAX 1000u

#define REMOVE_BUDGET 512
#define REMOVE_TRIES 3u

static void retry_later(struct intake *t);

/* --- dropping ------------------------------------------------------ */

static void
on_dropped(void *arg, struct ipc_msg *msg)
{
	struct ipc_status status = call_status(msg);

	(void)arg;
	/* Nothing to do about it here: the sibling tidies at its start. */
	if (status.err != GW_OK)
		log_info("a transfer that was given up is not known: %s",
		    err_text_en((enum gw_err)status.err));
}

void
intake_drop(struct intake *t)
{
	struct keys_bodies bodies = {.transfer = t->claim->transfer};

	call_forget(t->c->keys, t);
	call_forget(t->c->spool, t);
	group_forget(t->c->group, &t->wait);
	task_stop(t->c->tasks, &t->task);
	intake_bodies_clear(t);
	if (t->has_spool)
		call_send_fixed(t->c->spool, SPOOL_TRANSFER_DROP, &bodies,
		    sizeof(bodies), on_dropped, NULL);
	if (t->has_keys)
		call_send_fixed(t->c->keys, KEYS_TRANSFER_DROP, &bodies,
		    sizeof(bodies), on_dropped, NULL);
	t->has_spool = t->has_keys = false;
}

/* --- ledger and texts ---------------------------------------------- */

static void
shown_name(const struct intake *t, char *out, size_t size)
{
	text_show(t->claim->name, strlen(t->claim->name), out, size);
}

static void
add_to_ledger(const struct intake *t, enum transfer_state state,
    uint64_t wall_ms)
{
	char name[TEXT_SHOWN_MAX];
	const struct ledger_line line = {
		.kind = LEDGER_SENT,
		.flow = t->claim->flow,
		.number = t->claim->number,
		.wall_ms = wall_ms,
		.name = name,
		.size = t->walk.bytes,
		.state = state,
		.reason = (enum reason)t->claim->reason,
	};

	shown_name(t, name, sizeof(name));
	if (t->is_recovered)
		ledger_add_once(t->c->ledgers, &line);
	else
		ledger_add(t->c->ledgers, &line);
}

/* "I20260401-00017-3": its day, now if that is today. */
uint64_t
intake_number_ms(const char *number)
{
	uint64_t now = clock_wall_ms(), start;
	char today[CLOCK_DAY_LEN];
	int year, month, day;

	clock_day_jst(now, today);
	if (number[0] == '\0' || strncmp(number + 1, today, 8) == 0)
		return now;
	if (sscanf(number + 1, "%4d%2d%2d", &year, &month, &day) != 3 ||
	    !clock_from_day_jst(year, month, day, &start))
		return now;
	return start;
}

/* --- accepted ------------------------------------------------------ */

static void
on_ledger_durable(void *arg, enum gw_err err)
{
	struct intake *t = arg;

	/* Out of space: the claim is asked about again after a crash. */
	(void)err;
	intake_go(t, INTAKE_REMOVE);
}

void
intake_accepted(struct intake *t, const char *number, uint64_t wall_ms)
{
	mem_put_str(t->claim->number, sizeof(t->claim->number), number);
	t->claim->state = CLAIM_ACCEPTED;
	t->claim->reason = REASON_NONE;
	t->phase = INTAKE_REMOVE;
	journal_put(t->c->journal, t->claim);
	if (t->is_recovered && t->walk.count == 0) {
		/* Only for its size: what it held is in the spool. */
		walk_init(&t->walk, t->c->claim_fd, t->claim->hex, &t->flow,
		    courier_is_english(t->c));
		while (walk_step(&t->walk, COURIER_SLICE_FILES) == GW_EAGAIN)
			continue;
	}
	add_to_ledger(t, ST_ACCEPTED, wall_ms);
	notice_intake_goes_on(t->c, t->claim->flow);
	group_wait_ledger(t->c->group, &t->wait, on_ledger_durable, t);
}

/*
 * What cannot be removed is tried again, and then left to the next start:
 * its record stays in the journal.
 */
void
intake_remove_step(struct intake *t)
{
	int budget = REMOVE_BUDGET;
	enum gw_err err;

	io_drop(&t->walk.root_fd);
	err = tree_remove(t->c->claim_fd, t->claim->hex, &budget);
	if (err == GW_OK) {
		intake_free(t);
	} else if (err == GW_EAGAIN) {
		task_wake(t->c->tasks, &t->task);
	} else {
		log_err("flow %s: an accepted entry cannot be removed from "
		    ".gw/claim: %s", t->claim->flow, err_text_en(err));
		if (t->remove_tries++ < REMOVE_TRIES)
			retry_later(t);
		else
			intake_leave(t);
	}
}

/* --- refused ------------------------------------------------------- */

static void
on_refusal_shown(void *arg, enum gw_err err)
{
	struct intake *t = arg;

	(void)err;
	intake_free(t);
}

static enum gw_err
write_reason(struct intake *t, int dirfd, const char *name)
{
	char shown[TEXT_SHOWN_MAX];
	const struct text_case text = {
		.name = shown,
		.flow = t->claim->flow,
		.number = t->claim->number,
		.detail = t->claim->detail,
		.reason = (enum reason)t->claim->reason,
		.wall_ms = clock_wall_ms(),
		.is_english = courier_is_english(t->c),
		.is_left = t->claim->is_left,
		.is_returned = true,
	};
	enum gw_err err;
	struct buf b;

	shown_name(t, shown, sizeof(shown));
	buf_init(&b, 65536);
	text_refusal(&b, &text);
	err = buf_ok(&b) ? io_replace_file(dirfd, name, b.data, b.len, 0640) :
	    GW_ELIMIT;
	buf_clear(&b);
	return err;
}

/*
 * The reason first, then the file: a crash between them leaves the claim,
 * which does both again under the same name.
 */
static enum gw_err
move_to_rejected(struct intake *t, int dirfd)
{
	char name[NAME_MAX + 1], beside[NAME_MAX + 1];
	struct stat st;
	enum gw_err err = GW_EEXIST;
	unsigned n;

	for (n = 1; n <= CHOICES_MAX && err == GW_EEXIST; n++) {
		text_choice(t->claim->name, n, name);
		text_beside(t->claim->name, n, TEXT_REASON_SUFFIX, beside);
		if (!notice_is_free(dirfd, beside, t->claim->number))
			continue;
		if (t->claim->is_left)
			return write_reason(t, dirfd, beside);
		if (io_statat(dirfd, name, &st) == GW_OK)
			continue;
		err = write_reason(t, dirfd, beside);
		if (err == GW_OK)
			err = io_renameat(t->c->claim_fd, t->claim->hex,
			    dirfd, name, true);
	}
	return err;
}

static void
show_refusal(void *arg, enum gw_err err)
{
	struct intake *t = arg;
	char path[PATH_MAX];
	int dirfd = -1;

	(void)err;	/* not in the journal: at worst it is refused twice */
	err = folders_for(t->c, "rejected", t->claim->flow, &dirfd);
	if (err == GW_OK)
		err = move_to_rejected(t, dirfd);
	io_drop(&dirfd);
	/* After a crash it may have been moved already. */
	if (err == GW_ENOENT && t->is_recovered)
		err = GW_OK;
	if (err != GW_OK) {
		intake_fail_err(t, err, "rejecting");
		return;
	}
	if (tree_join(path, sizeof(path), "rejected", t->claim->flow))
		group_dirty(t->c->group, path);
	group_dirty(t->c->group, ".gw/claim");
	add_to_ledger(t, ST_REJECTED, intake_number_ms(t->claim->number));
	group_wait_ledger(t->c->group, &t->wait, on_refusal_shown, t);
}

static void
on_refused(void *arg, struct ipc_msg *msg)
{
	struct intake *t = arg;
	struct spool_accepted reply;

	memcpy(&reply, msg->body, sizeof(reply));
	reply.number[sizeof(reply.number) - 1] = '\0';
	if (reply.err != GW_OK) {
		intake_fail_err(t, (enum gw_err)reply.err, "refusing");
		return;
	}
	mem_put_str(t->claim->number, sizeof(t->claim->number), reply.number);
	t->claim->state = CLAIM_REFUSED;
	journal_put(t->c->journal, t->claim);
	group_wait(t->c->group, &t->wait, show_refusal, t);
}

void
intake_refuse(struct intake *t, enum reason reason, const char *detail)
{
	struct spool_refused refused = {
		.plain_bytes = t->walk.bytes,
		.uid = t->uid,
		.reason = (uint16_t)reason,
	};
	char shown[TEXT_SHOWN_MAX];

	intake_drop(t);
	t->phase = INTAKE_REFUSE;
	t->claim->reason = (uint16_t)reason;
	if (detail != t->claim->detail)
		mem_put_str(t->claim->detail, sizeof(t->claim->detail),
		    detail);
	mem_put_str(refused.flow, sizeof(refused.flow), t->claim->flow);
	mem_put_str(refused.submitter, sizeof(refused.submitter),
	    t->submitter);
	shown_name(t, shown, sizeof(shown));
	if (names_hash(shown, refused.name_hash) != GW_OK)
		log_fatal("names cannot be hashed");
	call_send_fixed(t->c->spool, SPOOL_REFUSED, &refused, sizeof(refused),
	    on_refused, t);
}

void
intake_refuse_go_on(struct intake *t)
{
	struct stat st;

	if (!t->claim->is_left &&
	    io_statat(t->c->claim_fd, t->claim->hex, &st) == GW_ENOENT) {
		/* Moved; the ledger may still lack its line. */
		add_to_ledger(t, ST_REJECTED,
		    intake_number_ms(t->claim->number));
		group_wait_ledger(t->c->group, &t->wait, on_refusal_shown, t);
		return;
	}
	show_refusal(t, GW_OK);
}

/* --- later --------------------------------------------------------- */

static void
on_retry(void *arg)
{
	struct intake *t = arg;

	if (t->claim->state == CLAIM_REFUSED)
		intake_go(t, INTAKE_REFUSE);
	else if (t->claim->state == CLAIM_TRANSFER)
		intake_go(t, INTAKE_RESOLVE);
	else if (t->claim->state == CLAIM_ACCEPTED)
		intake_go(t, INTAKE_REMOVE);
	else
		intake_go(t, INTAKE_WALK);
}

static void
retry_later(struct intake *t)
{
	t->phase = INTAKE_WAIT;
	if (t->timer == NULL)
		t->timer = ev_timer_new(t->c->loop, on_retry, t);
	ev_timer_set(t->timer, t->c->opts.retry_ms);
}

/*
 * Back to where it was put.  Its name may be taken meanwhile, or its folder
 * gone: then it stays claimed, and is tried again from there.
 */
static enum gw_err
rename_back(struct intake *t)
{
	char path[PATH_MAX];
	enum gw_err err;

	if (!tree_join(path, sizeof(path), t->claim->origin, t->claim->name))
		return GW_ELIMIT;
	err = io_renameat(t->c->claim_fd, t->claim->hex, t->c->root_fd, path,
	    true);
	if (err == GW_OK)
		group_dirty(t->c->group, t->claim->origin);
	return err;
}

/* Begin anew: nothing of the first try is known to anybody. */
static void
start_over(struct intake *t)
{
	intake_drop(t);
	walk_clear(&t->walk);
	t->claim->state = CLAIM_TAKEN;
	t->claim->reason = (uint16_t)t->forced;
	t->claim->detail[0] = '\0';
	memset(&t->claim->transfer, 0, sizeof(t->claim->transfer));
}

void
intake_put_back(struct intake *t, enum reason reason)
{
	start_over(t);
	watch_pause(t->c->watch, t->claim->flow, t->c->opts.retry_ms);
	notice_intake_waits(t->c, t->claim->flow, reason);
	if (t->claim->is_left || rename_back(t) == GW_OK) {
		intake_free(t);
		return;
	}
	journal_put(t->c->journal, t->claim);
	retry_later(t);
}

/* It changed under us: it goes back, and must be quiet before it is taken. */
static void
put_back_changed(struct intake *t, const char *detail)
{
	struct stat st;

	if (io_statat(t->c->claim_fd, t->claim->hex, &st) != GW_OK) {
		intake_free(t);
		return;
	}
	if (watch_changed(t->c->watch, (uint64_t)st.st_ino) >= CHANGED_MAX) {
		intake_refuse(t, REASON_CHANGED_WHILE_READ, detail);
		return;
	}
	start_over(t);
	if (rename_back(t) == GW_OK) {
		intake_free(t);
		return;
	}
	journal_put(t->c->journal, t->claim);
	retry_later(t);
}

void
intake_fail(struct intake *t, enum reason reason, const char *detail)
{
	if (reason == REASON_CHANGED_WHILE_READ)
		put_back_changed(t, detail);
	else if (reason_effect(reason) == EFFECT_REJECT)
		intake_refuse(t, reason, detail);
	else
		intake_put_back(t, reason);
}

void
intake_fail_err(struct intake *t, enum gw_err err, const char *what)
{
	log_warn("flow %s: %s: %s; the entry waits", t->claim->flow, what,
	    err_text_en(err));
	/* Refused, or perhaps accepted: what was begun is gone on with. */
	if (t->claim->state == CLAIM_REFUSED) {
		retry_later(t);
		return;
	}
	intake_put_back(t, err == GW_ESPACE ? REASON_NO_SPACE :
	    REASON_INTERNAL);
}

/* --- accepted or not? ---------------------------------------------- */

static void resolve_ask(struct intake *t, call_fn *fn);

static void
on_claim_end(void *arg, struct ipc_msg *msg)
{
	struct intake *t = arg;
	struct ipc_status status = call_status(msg);
	struct spool_claim claim;
	struct keys_bodies bodies = {.transfer = t->claim->transfer};

	if (status.err != GW_OK || msg->count != 1) {
		retry_later(t);
		return;
	}
	memcpy(&claim, msg->elems, sizeof(claim));
	claim.number[sizeof(claim.number) - 1] = '\0';
	if (claim.is_accepted) {
		intake_accepted(t, claim.number,
		    intake_number_ms(claim.number));
		return;
	}
	call_send_fixed(t->c->keys, KEYS_TRANSFER_DROP, &bodies,
	    sizeof(bodies), on_dropped, NULL);
	start_over(t);
	journal_put(t->c->journal, t->claim);
	if (t->is_recovered)
		intake_go(t, INTAKE_WALK);
	else
		intake_put_back(t, REASON_INTERNAL);
}

static void
on_resolve_dropped(void *arg, struct ipc_msg *msg)
{
	(void)msg;
	/* Dropped, or it was too late for that: now the answer is final. */
	resolve_ask(arg, on_claim_end);
}

static void
on_claim(void *arg, struct ipc_msg *msg)
{
	struct intake *t = arg;
	struct ipc_status status = call_status(msg);
	struct keys_bodies bodies = {.transfer = t->claim->transfer};
	struct spool_claim claim;

	if (status.err != GW_OK || msg->count != 1) {
		retry_later(t);
		return;
	}
	memcpy(&claim, msg->elems, sizeof(claim));
	claim.number[sizeof(claim.number) - 1] = '\0';
	if (claim.is_accepted)
		intake_accepted(t, claim.number,
		    intake_number_ms(claim.number));
	else
		call_send_fixed(t->c->spool, SPOOL_TRANSFER_DROP, &bodies,
		    sizeof(bodies), on_resolve_dropped, t);
}

static void
resolve_ask(struct intake *t, call_fn *fn)
{
	const struct call call = {
		.type = SPOOL_CLAIM,
		.elems = t->claim->transfer.id,
		.elem = sizeof(t->claim->transfer.id),
		.count = 1,
		.fd = -1,
	};

	call_send(t->c->spool, &call, fn, t);
}

/*
 * A transfer that the spool was perhaps told to accept.  Its answer may be
 * on its way, so a "no" counts only after the transfer was dropped.
 */
void
intake_resolve(struct intake *t)
{
	t->phase = INTAKE_RESOLVE;
	t->has_keys = t->has_spool = false;
	resolve_ask(t, on_claim);
}
