/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/spool/ask.h"
#include "gatewayd/spool/channels.h"
#include "gatewayd/spool/held.h"
#include "gatewayd/spool/life.h"
#include "gatewayd/spool/object.h"
#include "gatewayd/spool/turn.h"

/* Questions at keys at once. */
#define ASK_MAX 64

/* Inspections that end with stages missing, before it is called poison. */
#define ASK_TRIES 3

/* --- decisions --------------------------------------------------------------------- */

static struct life_why
ask_why(const struct keys_decided *d, const char *actor)
{
	struct life_why why = {
		.reason = d->reason,
		.body_index = d->body_index,
		.detail = d->detail,
		.actor = actor,
	};

	return why;
}

/* Stages are missing: again, unless the workers keep dying of it. */
static void
ask_inspect_again(struct spool *sp, struct transfer *t,
    const struct keys_decided *d, const char *actor)
{
	struct life_why why = ask_why(d, actor);

	t->missing = d->missing;
	if (life_move(sp, t, EV_AGAIN, &why))
		return;
	if (t->failed > 0 || t->tries + 1 >= ASK_TRIES) {
		why.reason = REASON_POISON;
		(void)life_move(sp, t, EV_POISON, &why);
		return;
	}
	t->tries++;
	t->task = TASK_INSPECT;
	catalog_save(sp->cat, t);
	group_dirty(sp);
}

static void
ask_hold(struct spool *sp, struct transfer *t, const struct keys_decided *d,
    const char *actor)
{
	struct life_why why = ask_why(d, actor);

	if (why.reason == REASON_NONE)
		why.reason = REASON_INTERNAL;
	/* Nothing new: no step, no entry, no notice. */
	if (t->state == ST_HELD && t->reason == why.reason) {
		t->task = TASK_NONE;
		catalog_save(sp->cat, t);
		group_dirty(sp);
		return;
	}
	(void)life_move(sp, t, EV_HOLD, &why);
}

/*
 * While keys seals, or may have sealed before a crash, a header with this
 * transfer may exist, and a header always crosses: note it, and act when
 * the answer is there.
 */
static bool
ask_is_sealing(const struct transfer *t)
{
	return t->side == SIDE_LOW && (t->state == ST_INSPECTED ||
	    t->state == ST_APPROVED);
}

static void
ask_reject(struct spool *sp, struct transfer *t, const struct keys_decided *d,
    const char *actor)
{
	struct life_why why = ask_why(d, actor);

	if (why.reason == REASON_NONE)
		why.reason = REASON_REFUSED_BY_PERSON;
	if (ask_is_sealing(t)) {
		t->withdraw = why.reason;
		catalog_save(sp->cat, t);
		group_dirty(sp);
		return;
	}
	if (why.reason == REASON_REVOKED || t->state == ST_SEALED ||
	    t->state == ST_SENT) {
		t->withdraw = why.reason;
		(void)life_move(sp, t, EV_REVOKE, &why);
		return;
	}
	(void)life_move(sp, t, EV_REJECT, &why);
}

void
ask_apply(struct spool *sp, struct transfer *t, const struct keys_decided *d,
    const char *actor)
{
	struct life_why why = ask_why(d, actor);

	switch (d->decision) {
	case DECIDE_GO:
		(void)life_move(sp, t, EV_GO, &why);
		break;
	case DECIDE_HOLD:
		ask_hold(sp, t, d, actor);
		break;
	case DECIDE_REJECT:
		ask_reject(sp, t, d, actor);
		break;
	case DECIDE_QUARANTINE:
		(void)life_move(sp, t, EV_QUARANTINE, &why);
		break;
	case DECIDE_APPROVAL:
		if (why.reason == REASON_NONE)
			why.reason = REASON_NEEDS_APPROVAL;
		if (!life_move(sp, t, EV_APPROVAL, &why)) {
			/* Waits already; others must still agree. */
			t->task = TASK_NONE;
			catalog_save(sp->cat, t);
			group_dirty(sp);
		}
		break;
	case DECIDE_INSPECT:
		ask_inspect_again(sp, t, d, actor);
		break;
	default:
		log_fatal("keys: decision %u", d->decision);
	}
}

/* The transfer an answer is about, unless it moved on meanwhile. */
static bool
ask_load(struct spool *sp, const struct call *call, struct transfer *t)
{
	sp->calls_open--;
	return catalog_load(sp->cat, call->row, t) && t->step == call->step;
}

static void
ask_evaluated(struct spool *sp, struct call *call, struct ipc_msg *msg)
{
	struct keys_decided d;
	struct transfer t;

	memcpy(&d, msg->body, sizeof(d));
	spool_check_text(d.detail, sizeof(d.detail));
	if (!ask_load(sp, call, &t))
		return;
	if (d.err != GW_OK) {
		log_err("transfer %s: keys cannot decide: %s", t.number,
		    err_text_en((enum gw_err)d.err));
		d.decision = DECIDE_HOLD;
		if (d.reason == REASON_NONE)
			d.reason = REASON_INTERNAL;
	}
	ask_apply(sp, &t, &d, NULL);
	held_canary(sp, &t);
}

static void
ask_rejudged(struct spool *sp, struct call *call, struct ipc_msg *msg)
{
	struct life_why why = {0};
	struct ipc_status status;
	struct transfer t;

	memcpy(&status, msg->body, sizeof(status));
	if (!ask_load(sp, call, &t))
		return;
	if (status.err != GW_OK) {
		log_err("transfer %s: verdicts cannot be forgotten: %s",
		    t.number, err_text_en((enum gw_err)status.err));
		catalog_set_task(sp->cat, t.row, TASK_NONE);
		return;
	}
	why.reason = t.reason;
	(void)life_move(sp, &t, EV_AGAIN, &why);
}

/* --- sealing ------------------------------------------------------------------------- */

static void
ask_seal_failed(struct spool *sp, struct transfer *t,
    const struct keys_sealed *s)
{
	struct life_why why = {.reason = s->reason};

	if (why.reason == REASON_NONE)
		why.reason = REASON_INTERNAL;
	if (t->withdraw != REASON_NONE) {
		why.reason = t->withdraw;
		(void)life_move(sp, t, EV_REVOKE, &why);
		return;
	}
	log_warn("transfer %s: not sealed: %s", t->number,
	    reason_code((enum reason)why.reason));
	if (why.reason == REASON_POLICY_CHANGED)
		(void)life_move(sp, t, EV_AGAIN, &why);
	else if (reason_effect((enum reason)why.reason) == EFFECT_REJECT)
		(void)life_move(sp, t, EV_REJECT, &why);
	else
		(void)life_move(sp, t, EV_HOLD, &why);
}

/* Keep the parcel object and its place in the sequence. */
static bool
ask_keep_sealed(struct spool *sp, const struct transfer *t,
    const struct keys_sealed *s, struct ipc_msg *msg, bool is_control)
{
	struct parcel_row p = {
		.epoch = s->epoch,
		.is_control = is_control,
		.seq = s->seq,
		.row = t->row,
	};
	struct channel *ch = spool_channel(sp, s->channel);
	enum gw_err err;

	if (ch == NULL || msg->fd_count != 1)
		log_fatal("keys: sealed for channel %s, %d fds", s->channel,
		    msg->fd_count);
	mem_put_str(p.channel, sizeof(p.channel), s->channel);
	memcpy(p.header_hash, s->header_hash, sizeof(p.header_hash));
	if (catalog_parcel_get(sp->cat, p.channel, p.epoch, p.seq, &p))
		return true; /* told twice */
	err = object_put(sp, t->ref.bucket, msg->fds[0], s->object_len, &p);
	if (err != GW_OK)
		log_fatal("a parcel object cannot be stored: %s",
		    err_text_en(err));
	catalog_parcel_add(sp->cat, &p);
	if (ch->row.epoch != s->epoch) {
		channels_ask(sp);
	} else if (s->seq > ch->row.sealed_seq) {
		ch->row.sealed_seq = s->seq;
		ch->is_dirty = true;
	}
	group_dirty(sp);
	return true;
}

static void
ask_sealed(struct spool *sp, struct call *call, struct ipc_msg *msg)
{
	struct keys_sealed s;
	struct transfer t;

	memcpy(&s, msg->body, sizeof(s));
	spool_check_text(s.channel, sizeof(s.channel));
	if (!ask_load(sp, call, &t))
		log_panic("transfer %lld moved while it was sealed",
		    (long long)call->row);
	if (s.err != GW_OK) {
		ask_seal_failed(sp, &t, &s);
		return;
	}
	ask_keep_sealed(sp, &t, &s, msg, false);
	mem_put_str(t.channel, sizeof(t.channel), s.channel);
	t.epoch = s.epoch;
	t.seq = s.seq;
	memcpy(t.parcel_id, s.parcel_id, sizeof(t.parcel_id));
	catalog_name(sp->cat, &t);
	life_must(sp, &t, EV_SEAL, NULL);
	if (t.withdraw != REASON_NONE)
		life_must(sp, &t, EV_REVOKE, &(struct life_why){
		    .reason = t.withdraw});
}

static void
ask_withdrawn(struct spool *sp, struct call *call, struct ipc_msg *msg)
{
	struct keys_sealed s;
	struct transfer t;

	memcpy(&s, msg->body, sizeof(s));
	spool_check_text(s.channel, sizeof(s.channel));
	if (!ask_load(sp, call, &t))
		return;
	if (s.err != GW_OK)
		log_err("transfer %s: no WITHDRAW parcel: %s", t.number,
		    err_text_en((enum gw_err)s.err));
	else
		ask_keep_sealed(sp, &t, &s, msg, true);
	catalog_set_task(sp->cat, t.row, TASK_NONE);
	group_dirty(sp);
}

/* --- opening --------------------------------------------------------------------------- */

static void
ask_open_failed(struct spool *sp, struct transfer *t,
    const struct keys_opened *o)
{
	enum gw_err_class class = err_class((enum gw_err)o->err);
	struct life_why why = {.reason = o->reason};
	struct keys_decided d = {.reason = o->reason};

	if (why.reason == REASON_NONE)
		why.reason = class == GW_CLASS_TAMPER ? REASON_BAD_SEAL :
		    REASON_INTERNAL;
	d.reason = why.reason;
	log_err("channel %s: parcel %llu not opened: %s", t->channel,
	    (unsigned long long)t->seq,
	    reason_code((enum reason)why.reason));
	if (why.reason == REASON_EXPIRED)
		(void)life_move(sp, t, EV_LATE, &why);
	else if (why.reason == REASON_BAD_SEAL ||
	    why.reason == REASON_DAMAGED || class == GW_CLASS_TAMPER)
		(void)life_move(sp, t, EV_DAMAGE, &why);
	else if (reason_effect((enum reason)why.reason) == EFFECT_REJECT)
		(void)life_move(sp, t, EV_REJECT, &why);
	else
		ask_hold(sp, t, &d, NULL);
}

static void
ask_opened(struct spool *sp, struct call *call, struct ipc_msg *msg)
{
	struct keys_opened o;
	struct transfer t;

	memcpy(&o, msg->body, sizeof(o));
	if (!ask_load(sp, call, &t))
		return;
	spool_check_text(o.flow, sizeof(o.flow));
	spool_check_text(o.number, sizeof(o.number));
	if (o.err != GW_OK) {
		/* of a flow unknown here keys could at least read the number */
		mem_put_str(t.number, sizeof(t.number), o.number);
		ask_open_failed(sp, &t, &o);
		return;
	}
	spool_check_text(o.submitter, sizeof(o.submitter));
	if (o.body_count != t.body_count)
		log_fatal("keys: opened %u bodies of %u", o.body_count,
		    t.body_count);
	t.ref = o.transfer;
	t.file_count = o.body_count - 1;
	t.created_ms = o.created_ms;
	mem_put_str(t.flow, sizeof(t.flow), o.flow);
	mem_put_str(t.number, sizeof(t.number), o.number);
	mem_put_str(t.submitter, sizeof(t.submitter), o.submitter);
	catalog_name(sp->cat, &t);
	life_must(sp, &t, EV_OPEN, NULL);
}

/* --- giving out --------------------------------------------------------------------------- */

static void
ask_send_number(struct spool *sp, struct call *call, const struct transfer *t)
{
	struct keys_evaluate ask = {.transfer = t->ref};

	mem_put_str(ask.number, sizeof(ask.number), t->number);
	spool_call_send(sp, call, KEYS_EVALUATE, &ask, sizeof(ask), NULL, 0, 0,
	    NULL, 0);
}

static void
ask_send_seal(struct spool *sp, struct call *call, const struct transfer *t)
{
	struct keys_seal ask = {
		.transfer = t->ref,
		.created_ms = t->accepted_ms,
	};

	mem_put_str(ask.number, sizeof(ask.number), t->number);
	spool_call_send(sp, call, KEYS_SEAL, &ask, sizeof(ask), NULL, 0, 0,
	    NULL, 0);
}

static void
ask_send_withdraw(struct spool *sp, struct call *call,
    const struct transfer *t)
{
	struct keys_withdraw ask = {
		.seq = t->seq,
		.reason = t->withdraw != REASON_NONE ? t->withdraw : t->reason,
	};

	mem_put_str(ask.channel, sizeof(ask.channel), t->channel);
	spool_call_send(sp, call, KEYS_WITHDRAW, &ask, sizeof(ask), NULL, 0, 0,
	    NULL, 0);
}

static void
ask_send_rejudge(struct spool *sp, struct call *call, const struct transfer *t)
{
	struct keys_bodies ask = {.transfer = t->ref};

	spool_call_send(sp, call, KEYS_REJUDGE, &ask, sizeof(ask), NULL, 0, 0,
	    NULL, 0);
}

/* The object may be damaged here: then there is nothing to ask. */
static bool
ask_open(struct spool *sp, struct transfer *t)
{
	struct keys_open ask = {0};
	struct parcel_row p;
	struct call *call;
	enum gw_err err = GW_ENOENT;
	int fd = -1;

	if (catalog_parcel_get(sp->cat, t->channel, t->epoch, t->seq, &p))
		err = object_memfd(sp, &p, &fd);
	if (err == GW_ENOMEM)
		return false; /* with the next group */
	if (err != GW_OK) {
		log_err("channel %s: parcel %llu cannot be read: %s",
		    t->channel, (unsigned long long)t->seq, err_text_en(err));
		return life_move(sp, t, EV_DAMAGE, &(struct life_why){
		    .reason = REASON_DAMAGED});
	}
	mem_put_str(ask.channel, sizeof(ask.channel), t->channel);
	call = spool_call(sp, ask_opened);
	call->row = t->row;
	call->step = t->step;
	sp->calls_open++;
	catalog_set_task(sp->cat, t->row, -TASK_OPEN);
	spool_call_send(sp, call, KEYS_OPEN, &ask, sizeof(ask), NULL, 0, 0,
	    &fd, 1);
	return true;
}

typedef void ask_send_fn(struct spool *, struct call *,
    const struct transfer *);

static const struct ask_row {
	enum task task;
	call_fn *done;
	ask_send_fn *send;
} ask_rows[] = {
	{TASK_WITHDRAW, ask_withdrawn, ask_send_withdraw},
	{TASK_SEAL, ask_sealed, ask_send_seal},
	{TASK_EVALUATE, ask_evaluated, ask_send_number},
	{TASK_REJUDGE, ask_rejudged, ask_send_rejudge},
};
#define ASK_ROWS (sizeof(ask_rows) / sizeof(ask_rows[0]))

void
ask_keys(struct spool *sp)
{
	const struct ask_row *row;
	struct transfer t;
	struct call *call;
	size_t i;

	/* Answers name channels, which must be known before. */
	if (!sp->has_channels)
		return;
	while (sp->calls_open < ASK_MAX && turn_task(sp, TASK_OPEN, &t)) {
		if (!ask_open(sp, &t))
			break;
	}
	for (i = 0; i < ASK_ROWS; i++) {
		row = &ask_rows[i];
		while (sp->calls_open < ASK_MAX &&
		    turn_task(sp, row->task, &t)) {
			call = spool_call(sp, row->done);
			call->row = t.row;
			call->step = t.step;
			sp->calls_open++;
			catalog_set_task(sp->cat, t.row,
			    -(int32_t)row->task);
			row->send(sp, call, &t);
		}
	}
}
