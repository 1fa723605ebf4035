/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proto/record/verdict.h"
#include "gatewayd/keys/effect.h"
#include "gatewayd/keys/numbers.h"
#include "gatewayd/keys/store.h"
#include "gatewayd/keys/zone.h"

#include "gatewayd/keys/handlers.h"

/* What a reader of a body gets to know. */
static enum gw_err
grant_fill(struct keyd *k, const struct key_ref *ref,
    const struct transfer_slot *t, const struct body_slot *b,
    const struct policy_flow *flow, struct keys_grant *out)
{
	memset(out, 0, sizeof(*out));
	out->side = t->side;
	store_body_ref(ref, b, &out->body);
	out->transfer = *ref;
	memcpy(out->root, b->root, sizeof(out->root));
	out->padded_len = b->padded_len;
	out->plain_len = b->plain_len;
	memcpy(out->name_hash, b->name_hash, sizeof(out->name_hash));
	memcpy(out->ext, b->ext, sizeof(out->ext));
	out->index = b->index;
	out->body_count = t->body_count;
	out->type = b->type;
	memcpy(out->flow, t->flow, sizeof(out->flow));
	if (flow != NULL) {
		out->accept = flow->accept;
		out->file_bytes = flow->file_bytes;
		out->transfer_bytes = flow->transfer_bytes;
		out->files = flow->files;
		out->sanitize = flow->sanitize;
		out->formula_guard = flow->formula_guard;
	}
	return store_unwrap(k->store, ref, b, out->key);
}

/* --- GRANT: a zygote's job ---------------------------------------------- */

/* May this stage read this body now? */
static enum gw_err
stage_may_read(struct keyd *k, enum policy_stage stage,
    const struct transfer_slot *t, const struct body_slot *b,
    const struct policy_flow *flow)
{
	const uint32_t none = TRANSFER_ERASED | TRANSFER_SEALED |
	    TRANSFER_REVOKED | TRANSFER_REFUSED;

	if (flow == NULL || (t->flags & TRANSFER_COMMITTED) == 0 ||
	    (t->flags & none) != 0 || (b->flags & BODY_HAS_ROOT) == 0)
		return GW_EDENIED;
	if ((stage == STAGE_MANIFEST) != (b->index == 0) ||
	    (stage == STAGE_NULL && !k->zone->is_bench))
		return GW_EDENIED;
	if (stage != STAGE_MANIFEST && (decide_stages(flow,
	    k->zone->is_bench) & STAGE_BIT(stage)) == 0)
		return GW_EDENIED;
	/* Its name and length come from the manifest first. */
	if (b->index > 0 && (b->flags & BODY_IS_NAMED) == 0)
		return GW_EAGAIN;
	return GW_OK;
}

static enum gw_err
grant_one(struct keyd *k, enum policy_stage stage,
    const struct key_ref *body, struct keys_grant *out)
{
	const struct policy_flow *flow;
	struct transfer_slot t;
	struct body_slot b;
	struct key_ref ref;
	enum gw_err err;

	err = store_find_body(k->store, body, &b, &ref, &t);
	if (err != GW_OK)
		return err;
	flow = transfer_flow(k, &t);
	if ((err = stage_may_read(k, stage, &t, &b, flow)) != GW_OK)
		return err;
	if ((b.granted & STAGE_BIT(stage)) == 0) {
		b.granted |= (uint16_t)STAGE_BIT(stage);
		err = store_put_body(k->store, &ref, &b);
	}
	return err == GW_OK ? grant_fill(k, &ref, &t, &b, flow, out) : err;
}

void
grant_on_grant(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_grant grants[IPC_BATCH_MAX];
	struct ipc_status st = {.err = GW_OK};
	struct key_ref body;
	enum gw_err err;
	uint32_t i;

	for (i = 0; i < msg->count; i++) {
		memcpy(&body, (const uint8_t *)msg->elems + i * sizeof(body),
		    sizeof(body));
		err = grant_one(k, c->stage, &body, &grants[i]);
		if (err == GW_OK)
			continue;
		mem_clear(&grants[i], sizeof(grants[i]));
		grants[i].err = err;
		grants[i].body = body;
	}
	keyd_reply(c, msg->type, msg->id, &st, sizeof(st), grants,
	    sizeof(grants[0]), msg->count, -1);
	mem_clear(grants, sizeof(grants));
}

/* --- RELEASE: delivery, or the way back --------------------------------- */

/*
 * High side: decided GO under the rules of today.  Low side: what was not
 * let through goes back to its submitter, unless it is infected.
 */
static enum reason
release_refusal(const struct keyd *k, const struct transfer_slot *t)
{
	const struct policy_flow *flow = transfer_flow(k, t);

	if ((t->flags & TRANSFER_COMMITTED) == 0 ||
	    (t->flags & TRANSFER_ERASED) != 0 ||
	    t->decision == DECIDE_QUARANTINE)
		return REASON_INTERNAL;
	if (t->side == SIDE_LOW)
		return (t->flags & TRANSFER_SEALED) == 0 &&
		    (t->decision == DECIDE_REJECT ||
		    t->decision == DECIDE_HOLD) ? REASON_NONE :
		    REASON_INTERNAL;
	if (t->decision != DECIDE_GO ||
	    (t->flags & (TRANSFER_REVOKED | TRANSFER_REFUSED)) != 0)
		return REASON_INTERNAL;
	if (flow == NULL)
		return REASON_FLOW_UNKNOWN_HERE;
	return memcmp(flow->digest, t->flow_digest,
	    sizeof(flow->digest)) == 0 ? REASON_NONE : REASON_POLICY_CHANGED;
}

struct release_effect {
	struct effect e;
	struct key_ref ref;
	struct transfer_slot t;
	uint32_t first, count;
};

static enum gw_err
release_fill(struct keyd *k, const struct key_ref *ref,
    const struct transfer_slot *t, uint32_t first, uint32_t count,
    struct keys_grant *grants)
{
	const struct policy_flow *flow = transfer_flow(k, t);
	struct body_slot b;
	enum gw_err err = GW_OK;
	uint32_t i;

	for (i = 0; i < count && err == GW_OK; i++) {
		err = store_get_body(k->store, ref, first + i, &b);
		if (err == GW_OK && t->side == SIDE_LOW &&
		    b.stages[STAGE_CLAM].verdict == VERDICT_INFECTED)
			err = GW_EDENIED;
		if (err == GW_OK)
			err = grant_fill(k, ref, t, &b, flow, &grants[i]);
	}
	return err;
}

static void
release_send(struct keyd *k, const struct release_effect *r, enum gw_err err)
{
	struct keys_grant grants[IPC_BATCH_MAX];
	struct ipc_status st = {.err = GW_OK};

	memset(grants, 0, sizeof(grants));
	if (err == GW_OK)
		err = release_fill(k, &r->ref, &r->t, r->first, r->count,
		    grants);
	st.err = err;
	keyd_reply(r->e.client, r->e.type, r->e.msg_id, &st, sizeof(st),
	    grants, sizeof(grants[0]), err == GW_OK ? r->count : 0, -1);
	mem_clear(grants, sizeof(grants));
}

static enum gw_err
release_record(struct keyd *k, struct effect *e, uint32_t i,
    struct audit_record *out)
{
	const struct release_effect *r = (const struct release_effect *)e;

	(void)k;
	(void)i;
	effect_record(out, AUDIT_DECISION, &r->t);
	out->reason = r->t.reason;
	(void)mem_put_str(out->detail, sizeof(out->detail), "release");
	return GW_OK;
}

static void
release_done(struct keyd *k, struct effect *e)
{
	struct release_effect *r = (struct release_effect *)e;

	if (e->err == GW_OK) {
		r->t.flags |= TRANSFER_DECISION_LOGGED;
		e->err = store_put(k->store, &r->ref, &r->t);
	}
	release_send(k, r, e->err);
}

static const struct effect_ops release_ops = {
	.record = release_record,
	.done = release_done,
};

void
grant_on_release(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct release_effect *r;
	struct keys_release req;
	struct transfer_slot t;
	enum reason reason = REASON_NONE;
	enum gw_err err;

	memcpy(&req, msg->body, sizeof(req));
	if (effect_defer(k, c, msg, req.transfer.id))
		return;
	err = store_get(k->store, &req.transfer, &t);
	if (err == GW_OK && (req.count == 0 || req.count > IPC_BATCH_MAX ||
	    req.first >= t.body_count ||
	    req.count > t.body_count - req.first))
		err = GW_EINVAL;
	if (err == GW_OK && (reason = release_refusal(k, &t)) != REASON_NONE)
		err = reason == REASON_INTERNAL ? GW_EDENIED : GW_EHOLD;
	if (err != GW_OK) {
		keyd_status(c, msg->type, msg->id, err, reason);
		return;
	}
	r = effect_new(sizeof(*r), &release_ops, c, msg);
	r->ref = req.transfer;
	r->t = t;
	r->first = req.first;
	r->count = req.count;
	if ((t.flags & TRANSFER_DECISION_LOGGED) != 0) {
		release_send(k, r, GW_OK);
		mem_free_secret(r, sizeof(*r));
		return;
	}
	/* The mark was lost in a crash: the log first. */
	effect_hold(&r->e, t.id);
	r->e.record_count = 1;
	effect_add(k, &r->e);
}

/* --- VIEW: names of a transfer ------------------------------------------ */

struct view_effect {
	struct effect e;
	struct transfer_slot t;
	struct keys_grant grant;
	uint32_t uid;
};

static enum gw_err
view_record(struct keyd *k, struct effect *e, uint32_t i,
    struct audit_record *out)
{
	const struct view_effect *v = (const struct view_effect *)e;

	(void)k;
	(void)i;
	effect_record(out, AUDIT_VIEW, &v->t);
	(void)mem_put_str(out->actor, sizeof(out->actor), "desk");
	out->uid = v->uid;
	return GW_OK;
}

static void
view_send(struct client *c, uint16_t type, uint64_t id, enum gw_err err,
    const struct keys_grant *grant)
{
	const struct ipc_status st = {.err = err};

	keyd_reply(c, type, id, &st, sizeof(st), grant, sizeof(*grant),
	    err == GW_OK ? 1 : 0, -1);
}

static void
view_done(struct keyd *k, struct effect *e)
{
	const struct view_effect *v = (const struct view_effect *)e;

	(void)k;
	view_send(e->client, e->type, e->msg_id, e->err, &v->grant);
}

static const struct effect_ops view_ops = {
	.record = view_record,
	.done = view_done,
};

/*
 * What a person sees under a number is what they decide about by it.  It may
 * be looked at before the first decision, which then finds it taken.
 */
static enum gw_err
view_number(struct keyd *k, const struct keys_view *req,
    struct transfer_slot *t)
{
	const bool is_new = t->number[0] == '\0';
	enum gw_err err;

	if (req->uid == UINT32_MAX)
		return GW_OK;
	err = numbers_take(k->numbers, t, req->number);
	if (err == GW_OK && is_new)
		err = store_put(k->store, &req->transfer, t);
	return err;
}

/* Only the gateway itself reads unlogged, and no unread manifest. */
static enum gw_err
view_check(const struct client *c, const struct keys_view *req,
    const struct transfer_slot *t, const struct body_slot *b)
{
	if ((c->kind == CLIENT_DESK) != (req->uid != UINT32_MAX))
		return GW_EDENIED;
	if ((t->flags & TRANSFER_COMMITTED) == 0 ||
	    (t->flags & TRANSFER_ERASED) != 0)
		return GW_EDENIED;
	if (t->side == SIDE_HIGH &&
	    b->stages[STAGE_MANIFEST].verdict != VERDICT_CLEAN)
		return GW_EHOLD;
	return GW_OK;
}

void
grant_on_view(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct view_effect *v;
	struct keys_grant grant;
	struct keys_view req;
	struct transfer_slot t;
	struct body_slot b;
	enum gw_err err;

	memset(&grant, 0, sizeof(grant));
	memcpy(&req, msg->body, sizeof(req));
	if ((err = store_get(k->store, &req.transfer, &t)) == GW_OK &&
	    (err = store_get_body(k->store, &req.transfer, 0, &b)) == GW_OK &&
	    (err = view_check(c, &req, &t, &b)) == GW_OK &&
	    (err = view_number(k, &req, &t)) == GW_OK)
		err = grant_fill(k, &req.transfer, &t, &b,
		    transfer_flow(k, &t), &grant);
	if (err != GW_OK || req.uid == UINT32_MAX) {
		view_send(c, msg->type, msg->id, err, &grant);
	} else {
		v = effect_new(sizeof(*v), &view_ops, c, msg);
		v->t = t;
		v->grant = grant;
		v->uid = req.uid;
		v->e.record_count = 1;
		effect_add(k, &v->e);
	}
	mem_clear(&grant, sizeof(grant));
}
