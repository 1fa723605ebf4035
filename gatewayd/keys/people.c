/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "gatewayd/keys/channel.h"
#include "gatewayd/keys/effect.h"
#include "gatewayd/keys/journal.h"
#include "gatewayd/keys/store.h"

#include "gatewayd/keys/handlers.h"

/* The second officer has this long to ask for the same new epoch. */
#define SECOND_OFFICER_MS (24 * UINT64_C(3600000))

static const char *const act_words[] = {
	[ACT_APPROVE] = "approve", [ACT_RELEASE] = "release",
	[ACT_REJECT] = "reject", [ACT_REVOKE] = "revoke",
};

/* --- may they? ---------------------------------------------------------- */

/* What decides whether an act is permitted. */
struct act_case {
	const struct keys_decide *req;
	const struct policy_flow *flow;
	const struct decide_result *r;
	const struct transfer_slot *t;
	uint32_t roles;		/* by our policy, and by desk */
	bool is_sealed;
};

/* By uid where it is known, by name in any case. */
static bool
is_own(const struct act_case *c)
{
	if (c->t->uid != UINT32_MAX && c->req->uid == c->t->uid)
		return true;
	return c->t->submitter[0] != '\0' &&
	    strcmp(c->req->account, c->t->submitter) == 0;
}

/* Did this person do this already, about this content? */
static bool
has_acted(const struct act_case *c)
{
	uint32_t i;

	if ((c->t->flags & TRANSFER_ACTED) == 0 ||
	    memcmp(c->t->content, c->r->content, 32) != 0)
		return false;
	for (i = 0; i < c->t->approval_count; i++) {
		if (c->t->approvals[i].uid == c->req->uid &&
		    c->t->approvals[i].act == c->req->act)
			return true;
	}
	return false;
}

static bool
may_approve(const struct act_case *c)
{
	uint32_t step;

	if (c->flow == NULL || c->is_sealed || is_own(c) || has_acted(c) ||
	    c->r->decision != DECIDE_APPROVAL)
		return false;
	step = decide_step(c->flow, c->t);
	return step < c->flow->step_count &&
	    (c->roles & c->flow->steps[step].roles) != 0;
}

static bool
may_release(const struct act_case *c)
{
	return (c->roles & POLICY_OFFICER) != 0 && !c->is_sealed &&
	    !is_own(c) && !has_acted(c) && c->r->decision == DECIDE_HOLD &&
	    c->r->officers != DECIDE_NO_RELEASE && !c->r->is_infected;
}

static bool
may_reject(const struct act_case *c)
{
	/* Also what keys would let go: spool may hold it all the same. */
	return (c->roles & (POLICY_OFFICER | POLICY_APPROVER)) != 0 &&
	    !c->is_sealed && c->r->decision != DECIDE_QUARANTINE &&
	    c->r->decision != DECIDE_REJECT;
}

static bool
may_revoke(const struct act_case *c)
{
	return c->t->side == SIDE_LOW && c->t->uid != UINT32_MAX &&
	    c->req->uid == c->t->uid &&
	    (c->t->flags & TRANSFER_REVOKED) == 0;
}

static bool
may_act(const struct act_case *c)
{
	if (c->req->uid == UINT32_MAX)
		return false;
	switch (c->req->act) {
	case ACT_APPROVE:
		return may_approve(c);
	case ACT_RELEASE:
		return may_release(c);
	case ACT_REJECT:
		return may_reject(c);
	case ACT_REVOKE:
		return may_revoke(c);
	default:
		return false;
	}
}

/* --- DECIDE ------------------------------------------------------------- */

struct decide_effect {
	struct effect e;
	struct keys_decide req;
	struct transfer_slot t;
	enum reason reason;
	uint32_t roles;
	bool is_denied;
};

static enum gw_err
decide_record(struct keyd *k, struct effect *e, uint32_t i,
    struct audit_record *out)
{
	const struct decide_effect *d = (const struct decide_effect *)e;
	const uint16_t act = d->req.act;

	(void)k;
	(void)i;
	effect_record(out, d->is_denied ? AUDIT_DENIED : AUDIT_PERSON, &d->t);
	(void)mem_put_str(out->actor, sizeof(out->actor), d->req.account);
	out->uid = d->req.uid;
	out->reason = (uint16_t)d->reason;
	out->approvals = d->t.approval_count;
	memcpy(out->hash, d->t.content, sizeof(out->hash));
	(void)snprintf(out->detail, sizeof(out->detail), "%s: %.100s",
	    act >= ACT_APPROVE && act <= ACT_REVOKE ? act_words[act] : "?",
	    d->req.comment);
	return GW_OK;
}

static void
decide_reply(struct keyd *k, const struct decide_effect *d, enum gw_err err)
{
	struct keys_decided out;
	struct decide_result r;

	memset(&out, 0, sizeof(out));
	if (err == GW_OK)
		err = evaluate_run(k, &d->req.transfer, &d->t, &r);
	if (err == GW_OK)
		evaluate_fill(&r, &out);
	else
		out.reason = (uint16_t)d->reason;
	out.err = err;
	keyd_reply(d->e.client, d->e.type, d->e.msg_id, &out, sizeof(out),
	    NULL, 0, 0, -1);
}

static void
decide_done(struct keyd *k, struct effect *e)
{
	const struct decide_effect *d = (const struct decide_effect *)e;

	decide_reply(k, d, e->err == GW_OK && d->is_denied ? GW_EDENIED :
	    e->err);
}

static const struct effect_ops decide_ops = {
	.record = decide_record,
	.done = decide_done,
};

/* Who decided about other content decided nothing. */
static void
bind_content(struct transfer_slot *t, const uint8_t content[32])
{
	if ((t->flags & TRANSFER_ACTED) != 0 &&
	    memcmp(t->content, content, sizeof(t->content)) == 0)
		return;
	memset(t->approvals, 0, sizeof(t->approvals));
	t->approval_count = 0;
	memcpy(t->content, content, sizeof(t->content));
	t->flags |= TRANSFER_ACTED;
}

static enum gw_err
take_person(struct transfer_slot *t, const struct act_case *c)
{
	struct slot_approval *a;
	const uint32_t step = c->flow != NULL ? decide_step(c->flow, t) : 0;

	bind_content(t, c->r->content);
	if (t->approval_count == SLOT_APPROVALS_MAX)
		return GW_ELIMIT;
	a = &t->approvals[t->approval_count++];
	a->uid = c->req->uid;
	a->time_s = (uint32_t)(clock_wall_ms() / 1000);
	a->act = (uint8_t)c->req->act;
	a->roles = (uint8_t)c->roles;
	a->step = (uint8_t)step;
	return GW_OK;
}

static enum gw_err
take_act(struct transfer_slot *t, const struct act_case *c)
{
	switch (c->req->act) {
	case ACT_APPROVE:
	case ACT_RELEASE:
		return take_person(t, c);
	case ACT_REJECT:
		t->flags |= TRANSFER_REFUSED;
		return GW_OK;
	default: /* ACT_REVOKE: may_act knows no other */
		t->flags |= TRANSFER_REVOKED;
		return GW_OK;
	}
}

static enum gw_err
decide_get(struct keyd *k, const struct keys_decide *req,
    struct transfer_slot *t)
{
	enum gw_err err;

	if (!keyd_text_ok(req->account, sizeof(req->account)) ||
	    !keyd_text_ok(req->comment, sizeof(req->comment)) ||
	    !keyd_text_ok(req->number, sizeof(req->number)))
		log_fatal("desk: a decision that makes no sense");
	if ((err = store_get(k->store, &req->transfer, t)) != GW_OK)
		return err;
	if ((t->flags & TRANSFER_COMMITTED) == 0 ||
	    (t->flags & TRANSFER_ERASED) != 0 ||
	    strcmp(t->number, req->number) != 0)
		return GW_EDENIED;
	return GW_OK;
}

static enum gw_err
decide_start(struct keyd *k, struct decide_effect *d)
{
	struct journal_record rec;
	struct decide_result r;
	struct act_case c;
	enum gw_err err;

	err = evaluate_run(k, &d->req.transfer, &d->t, &r);
	if (err != GW_OK)
		return err;
	memset(&c, 0, sizeof(c));
	c.req = &d->req;
	c.flow = transfer_flow(k, &d->t);
	c.r = &r;
	c.t = &d->t;
	c.roles = policy_roles(k->policy, d->req.uid) & d->req.roles;
	c.is_sealed = d->t.side == SIDE_LOW &&
	    seal_find(k, &d->t, &rec) == GW_OK;
	d->reason = r.reason;
	d->is_denied = !may_act(&c);
	if (d->is_denied)
		return GW_OK;
	if ((err = take_act(&d->t, &c)) != GW_OK)
		return err;
	return store_put(k->store, &d->req.transfer, &d->t);
}

void
people_on_decide(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct decide_effect *d;
	struct keys_decide req;
	enum gw_err err;

	memcpy(&req, msg->body, sizeof(req));
	if (effect_defer(k, c, msg, req.transfer.id))
		return;
	d = effect_new(sizeof(*d), &decide_ops, c, msg);
	d->req = req;
	if ((err = decide_get(k, &d->req, &d->t)) == GW_OK)
		err = decide_start(k, d);
	if (err != GW_OK) {
		decide_reply(k, d, err);
		mem_free_secret(d, sizeof(*d));
		return;
	}
	effect_hold(&d->e, d->t.id);
	d->e.record_count = 1;
	effect_add(k, &d->e);
}

/* --- CHANNEL_OP --------------------------------------------------------- */

struct op_effect {
	struct effect e;
	struct keys_channel_op req;
	enum audit_event event;
	const char *detail;
	uint32_t epoch, generation;
	enum gw_err outcome;
	bool is_new_epoch;
};

static enum gw_err
op_record(struct keyd *k, struct effect *e, uint32_t i,
    struct audit_record *out)
{
	const struct op_effect *o = (const struct op_effect *)e;

	(void)k;
	(void)i;
	effect_record(out, o->event, NULL);
	(void)mem_put_str(out->channel, sizeof(out->channel),
	    o->req.channel);
	(void)mem_put_str(out->actor, sizeof(out->actor), o->req.account);
	(void)mem_put_str(out->detail, sizeof(out->detail), o->detail);
	out->uid = o->req.uid;
	out->epoch = o->epoch + (o->is_new_epoch ? 1 : 0);
	return GW_OK;
}

static void
op_done(struct keyd *k, struct effect *e)
{
	struct op_effect *o = (struct op_effect *)e;
	struct channel *ch = channels_find(k, o->req.channel);

	if (e->err == GW_OK && o->is_new_epoch) {
		/* Two second officers at once make one new epoch. */
		if (ch == NULL || ch->r.generation != o->generation)
			o->outcome = GW_ENOENT;
		else if (ch->r.epoch == o->epoch)
			keyd_check_disk(channel_next_epoch(k, ch), "channel");
	}
	effect_status(e, e->err != GW_OK ? e->err : o->outcome, REASON_NONE);
}

static const struct effect_ops op_ops = {
	.record = op_record,
	.done = op_done,
};

static void
op_new_epoch(struct op_effect *o, struct channel *ch)
{
	const uint64_t now = clock_wall_ms();
	struct channel_record *r = &ch->r;

	if (r->officer_ms != 0 && now - r->officer_ms < SECOND_OFFICER_MS &&
	    now >= r->officer_ms && r->officer_uid != o->req.uid) {
		o->event = AUDIT_EPOCH;
		o->detail = "second of two officers";
		o->is_new_epoch = true;
		return;
	}
	r->officer_uid = o->req.uid;
	r->officer_ms = now;
	ch->is_dirty = true;
	o->event = AUDIT_ADMIN;
	o->detail = "new-epoch: first of two officers";
	o->outcome = GW_EAGAIN;
}

static enum gw_err
op_start(struct keyd *k, const struct client *c, struct op_effect *o)
{
	struct channel *ch = channels_find(k, o->req.channel);
	const uint32_t roles = c->kind == CLIENT_SPOOL ?
	    POLICY_ADMINISTRATOR :
	    policy_roles(k->policy, o->req.uid) & o->req.roles;
	const uint32_t needed = o->req.act == CHANNEL_FREEZE ?
	    POLICY_OFFICER | POLICY_ADMINISTRATOR : POLICY_OFFICER;

	if (ch == NULL)
		return GW_ENOENT;
	o->epoch = ch->r.epoch;
	o->generation = ch->r.generation;
	if ((roles & needed) == 0 ||
	    (c->kind == CLIENT_DESK && o->req.uid == UINT32_MAX)) {
		o->event = AUDIT_DENIED;
		o->detail = "channel";
		o->outcome = GW_EDENIED;
	} else if (o->req.act == CHANNEL_FREEZE) {
		channel_freeze(k, ch, REASON_CHANNEL_FROZEN, o->req.account);
		o->event = AUDIT_ADMIN;
		o->detail = "channel freeze";
	} else {
		op_new_epoch(o, ch);
	}
	return GW_OK;
}

void
people_on_channel_op(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct op_effect *o;
	enum gw_err err;

	o = effect_new(sizeof(*o), &op_ops, c, msg);
	memcpy(&o->req, msg->body, sizeof(o->req));
	if (!keyd_text_ok(o->req.channel, sizeof(o->req.channel)) ||
	    !keyd_text_ok(o->req.account, sizeof(o->req.account)) ||
	    o->req.act < CHANNEL_FREEZE || o->req.act > CHANNEL_NEW_EPOCH ||
	    (c->kind == CLIENT_SPOOL && o->req.act != CHANNEL_FREEZE))
		log_fatal("%s: an act on a channel that makes no sense",
		    ipc_chan_peer(c->chan));
	if ((err = op_start(k, c, o)) == GW_OK)
		o->e.record_count = 1;
	o->e.err = err;
	effect_add(k, &o->e);
}
