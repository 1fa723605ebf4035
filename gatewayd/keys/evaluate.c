/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/record/verdict.h"
#include "gatewayd/keys/effect.h"
#include "gatewayd/keys/journal.h"
#include "gatewayd/keys/numbers.h"
#include "gatewayd/keys/store.h"
#include "gatewayd/keys/zone.h"

#include "gatewayd/keys/handlers.h"

/* --- COMMIT ------------------------------------------------------------- */

static enum gw_err
commit_check(struct keyd *k, const struct key_ref *ref,
    struct transfer_slot *t)
{
	struct body_slot b;
	enum gw_err err;
	uint32_t i;

	if ((err = store_get(k->store, ref, t)) != GW_OK)
		return err;
	if ((t->flags & TRANSFER_COMMITTED) != 0)
		return GW_OK;
	if ((t->flags & TRANSFER_ERASED) != 0)
		return GW_EDENIED;
	for (i = 0; i < t->body_count; i++) {
		err = store_get_body(k->store, ref, i, &b);
		if (err != GW_OK)
			return err;
		if ((b.flags & BODY_HAS_KEY) == 0 ||
		    (b.flags & BODY_HAS_ROOT) == 0)
			return GW_EDENIED;
	}
	return GW_OK;
}

static enum gw_err
commit_all(struct keyd *k, const struct key_ref *refs, uint32_t count)
{
	struct transfer_slot t;
	enum gw_err err;
	uint32_t i;

	for (i = 0; i < count; i++) {
		if ((err = commit_check(k, &refs[i], &t)) != GW_OK)
			return err;
	}
	for (i = 0; i < count; i++) {
		if ((err = store_get(k->store, &refs[i], &t)) != GW_OK)
			return err;
		if ((t.flags & TRANSFER_COMMITTED) != 0)
			continue;
		t.flags |= TRANSFER_COMMITTED;
		if ((err = store_put(k->store, &refs[i], &t)) != GW_OK)
			return err;
	}
	return GW_OK;
}

static void
commit_done(struct keyd *k, struct effect *e)
{
	(void)k;
	effect_status(e, e->err, REASON_NONE);
}

static const struct effect_ops commit_ops = {.done = commit_done};

void
evaluate_on_commit(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct key_ref *refs;
	struct effect *e;

	e = effect_new(sizeof(*e), &commit_ops, c, msg);
	if (msg->count > 0) {
		refs = mem_array(msg->count, sizeof(*refs));
		memcpy(refs, msg->elems, msg->count * sizeof(*refs));
		e->err = commit_all(k, refs, msg->count);
		mem_free(refs);
	}
	effect_add(k, e);
}

/* --- deciding ----------------------------------------------------------- */

static enum gw_err
fold(struct keyd *k, const struct key_ref *ref, const struct transfer_slot *t,
    struct decide_result *out, uint32_t *unlogged_out)
{
	const struct decide_env env = {
		.flow = transfer_flow(k, t),
		.now_ms = clock_wall_ms(),
		.max_age_days = k->policy->zone.signature_max_age_days,
		.is_bench = k->zone->is_bench,
	};
	struct body_slot bodies[STORE_BATCH];
	struct decide_result result;
	struct decide_state s;
	enum gw_err err = GW_OK, end;
	uint32_t i, j, n;

	*unlogged_out = 0;
	decide_begin(&s, &env, t);
	for (i = 0; i < t->body_count && err == GW_OK; i += n) {
		n = t->body_count - i < STORE_BATCH ? t->body_count - i :
		    STORE_BATCH;
		err = store_get_bodies(k->store, ref, i, n, bodies);
		for (j = 0; j < n && err == GW_OK; j++) {
			decide_body(&s, &bodies[j]);
			*unlogged_out += !(bodies[j].flags & BODY_LOGGED);
		}
	}
	end = decide_end(&s, &result);
	if (err == GW_OK)
		err = end;
	if (err == GW_OK)
		*out = result;
	return err;
}

enum gw_err
evaluate_run(struct keyd *k, const struct key_ref *ref,
    const struct transfer_slot *t, struct decide_result *out)
{
	uint32_t unlogged;

	return fold(k, ref, t, out, &unlogged);
}

void
evaluate_fill(const struct decide_result *r, struct keys_decided *out)
{
	memset(out, 0, sizeof(*out));
	out->reason = (uint16_t)r->reason;
	out->decision = (uint16_t)r->decision;
	out->body_index = r->index;
	out->missing = r->missing;
	out->approvals_have = r->have;
	out->approvals_need = r->need;
	memcpy(out->detail, r->detail, sizeof(out->detail));
}

/* --- EVALUATE ----------------------------------------------------------- */

struct evaluate_effect {
	struct effect e;
	struct key_ref ref;
	struct transfer_slot t;
	struct decide_result r;
	uint32_t body_next;	/* where to look for the next unlogged one */
};

static void
decided_send(struct client *c, uint16_t type, uint64_t id, enum gw_err err,
    const struct decide_result *r)
{
	struct keys_decided d;

	memset(&d, 0, sizeof(d));
	if (err == GW_OK)
		evaluate_fill(r, &d);
	d.err = err;
	keyd_reply(c, type, id, &d, sizeof(d), NULL, 0, 0, -1);
}

static void
verdicts_record(const struct transfer_slot *t, const struct body_slot *b,
    struct audit_record *out)
{
	const struct slot_stage *st;
	int i;

	effect_record(out, AUDIT_VERDICTS, t);
	memcpy(out->body_id, b->id, sizeof(out->body_id));
	out->index = b->index;
	out->type = b->type;
	out->size = b->plain_len;
	memcpy(out->hash, b->name_hash, sizeof(out->hash));
	memcpy(out->root, b->root, sizeof(out->root));
	(void)mem_put_str(out->detail, sizeof(out->detail), b->detail);
	for (i = 0; i < STAGE_COUNT; i++) {
		st = &b->stages[i];
		out->stages[i].verdict = st->verdict;
		out->stages[i].reason = st->reason;
		out->stages[i].engine = st->engine;
		out->stages[i].signatures = st->signatures;
		if (out->reason == REASON_NONE)
			out->reason = st->reason;
	}
}
_Static_assert(STAGE_COUNT <= AUDIT_STAGES, "every stage has a place");

static void
decision_record(const struct transfer_slot *t, const struct decide_result *r,
    struct audit_record *out)
{
	static const char *const words[] = {
		[DECIDE_GO] = "go", [DECIDE_HOLD] = "hold",
		[DECIDE_REJECT] = "reject",
		[DECIDE_QUARANTINE] = "quarantine",
		[DECIDE_APPROVAL] = "approval", [DECIDE_INSPECT] = "inspect",
	};

	effect_record(out, AUDIT_DECISION, t);
	out->reason = (uint16_t)r->reason;
	out->index = r->index;
	out->count = t->body_count;
	out->approvals = r->have;
	memcpy(out->hash, r->content, sizeof(out->hash));
	(void)snprintf(out->detail, sizeof(out->detail), "%s%s%s",
	    words[r->decision], r->detail[0] != '\0' ? ": " : "", r->detail);
}

static enum gw_err
evaluate_record(struct keyd *k, struct effect *e, uint32_t i,
    struct audit_record *out)
{
	struct evaluate_effect *v = (struct evaluate_effect *)e;
	struct body_slot b;
	enum gw_err err;

	if (i == e->record_count - 1) {
		decision_record(&v->t, &v->r, out);
		return GW_OK;
	}
	for (; v->body_next < v->t.body_count; v->body_next++) {
		err = store_get_body(k->store, &v->ref, v->body_next, &b);
		if (err != GW_OK)
			return err;
		if ((b.flags & BODY_LOGGED) == 0) {
			verdicts_record(&v->t, &b, out);
			v->body_next++;
			return GW_OK;
		}
	}
	return GW_EBUG;
}

/* All is in the log: mark it, so that it is not written again. */
static enum gw_err
evaluate_mark(struct keyd *k, struct evaluate_effect *v)
{
	struct body_slot b;
	enum gw_err err;
	uint32_t i;

	for (i = 0; i < v->t.body_count && v->e.record_count > 1; i++) {
		err = store_get_body(k->store, &v->ref, i, &b);
		if (err != GW_OK)
			return err;
		if ((b.flags & BODY_LOGGED) != 0)
			continue;
		b.flags |= BODY_LOGGED;
		if ((err = store_put_body(k->store, &v->ref, &b)) != GW_OK)
			return err;
	}
	if (v->e.record_count == 0)
		return GW_OK;
	v->t.flags |= TRANSFER_DECISION_LOGGED;
	return store_put(k->store, &v->ref, &v->t);
}

static void
evaluate_done(struct keyd *k, struct effect *e)
{
	struct evaluate_effect *v = (struct evaluate_effect *)e;

	if (e->err == GW_OK)
		e->err = evaluate_mark(k, v);
	decided_send(e->client, e->type, e->msg_id, e->err, &v->r);
}

static const struct effect_ops evaluate_ops = {
	.record = evaluate_record,
	.done = evaluate_done,
};

/* A release was given under other rules: people look again. */
static void
rules_take(const struct keyd *k, struct transfer_slot *t)
{
	const struct policy_flow *flow = transfer_flow(k, t);
	uint32_t i, n = 0;

	if (flow == NULL ||
	    memcmp(flow->digest, t->flow_digest, sizeof(flow->digest)) == 0)
		return;
	memcpy(t->flow_digest, flow->digest, sizeof(t->flow_digest));
	t->flags &= ~(uint32_t)TRANSFER_DECISION_LOGGED;
	for (i = 0; i < t->approval_count; i++) {
		if (t->approvals[i].act != ACT_RELEASE)
			t->approvals[n++] = t->approvals[i];
	}
	memset(&t->approvals[n], 0, (SLOT_APPROVALS_MAX - n) *
	    sizeof(t->approvals[0]));
	t->approval_count = (uint8_t)n;
}

/* What was sealed stays sealed; it can only be withdrawn. */
static bool
sealed_result(struct keyd *k, const struct transfer_slot *t,
    struct decide_result *r)
{
	struct journal_record rec;

	if (t->side != SIDE_LOW || seal_find(k, t, &rec) != GW_OK)
		return false;
	memset(r, 0, sizeof(*r));
	r->decision = DECIDE_GO;
	if ((t->flags & TRANSFER_REVOKED) != 0) {
		r->decision = DECIDE_REJECT;
		r->reason = REASON_REVOKED;
	}
	return true;
}

static void
evaluate_begin(struct keyd *k, struct client *c, const struct ipc_msg *msg,
    const struct key_ref *ref, struct transfer_slot *t,
    const struct decide_result *r, uint32_t unlogged)
{
	struct evaluate_effect *v;

	/* The same again: it is in the log already. */
	if (t->decision == (uint8_t)r->decision && unlogged == 0 &&
	    t->reason == (uint16_t)r->reason &&
	    (t->flags & TRANSFER_DECISION_LOGGED) != 0) {
		decided_send(c, msg->type, msg->id, GW_OK, r);
		return;
	}
	t->decision = (uint8_t)r->decision;
	t->reason = (uint16_t)r->reason;
	t->flags &= ~(uint32_t)TRANSFER_DECISION_LOGGED;
	memcpy(t->policy_digest, k->policy->digest, sizeof(t->policy_digest));
	v = effect_new(sizeof(*v), &evaluate_ops, c, msg);
	v->ref = *ref;
	v->t = *t;
	v->r = *r;
	v->e.record_count = unlogged + 1;
	v->e.err = store_put(k->store, ref, &v->t);
	effect_hold(&v->e, t->id);
	effect_add(k, &v->e);
}

void
evaluate_on_evaluate(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_evaluate req;
	struct decide_result r;
	struct transfer_slot t;
	uint32_t unlogged = 0;
	enum gw_err err;

	memcpy(&req, msg->body, sizeof(req));
	if (effect_defer(k, c, msg, req.transfer.id))
		return;
	err = store_get(k->store, &req.transfer, &t);
	if (err == GW_OK && ((t.flags & TRANSFER_COMMITTED) == 0 ||
	    (t.flags & TRANSFER_ERASED) != 0))
		err = GW_EDENIED;
	if (err == GW_OK)
		err = numbers_take(k->numbers, &t, req.number);
	if (err == GW_OK && sealed_result(k, &t, &r)) {
		decided_send(c, msg->type, msg->id, GW_OK, &r);
		return;
	}
	if (err == GW_OK) {
		rules_take(k, &t);
		err = fold(k, &req.transfer, &t, &r, &unlogged);
	}
	/* Nothing is decided while verdicts are missing. */
	if (err == GW_OK && r.decision == DECIDE_INSPECT)
		err = store_put(k->store, &req.transfer, &t);
	if (err != GW_OK || r.decision == DECIDE_INSPECT)
		decided_send(c, msg->type, msg->id, err, &r);
	else
		evaluate_begin(k, c, msg, &req.transfer, &t, &r, unlogged);
}

/* --- BODY_INFO ---------------------------------------------------------- */

static void
info_fill(const struct body_slot *b, struct keys_body_info *out)
{
	const struct slot_stage *st;
	int i;

	memset(out, 0, sizeof(*out));
	out->index = b->index;
	out->type = b->type;
	out->plain_len = b->plain_len;
	memcpy(out->root, b->root, sizeof(out->root));
	memcpy(out->detail, b->detail, sizeof(out->detail));
	for (i = 0; i < STAGE_COUNT; i++) {
		st = &b->stages[i];
		if (st->verdict == VERDICT_NONE)
			continue;
		out->stages |= STAGE_BIT(i);
		if (st->method > out->method)
			out->method = st->method;
		if (out->verdict == VERDICT_NONE ||
		    decide_is_graver(out->verdict, st->verdict)) {
			out->verdict = st->verdict;
			out->reason = st->reason;
		}
	}
}

void
evaluate_on_info(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_body_info infos[IPC_BATCH_MAX];
	struct ipc_status st = {.err = GW_OK};
	struct keys_release req;
	struct transfer_slot t;
	struct body_slot b;
	enum gw_err err;
	uint32_t i;

	memset(infos, 0, sizeof(infos));
	memcpy(&req, msg->body, sizeof(req));
	err = store_get(k->store, &req.transfer, &t);
	if (err == GW_OK && (req.count > IPC_BATCH_MAX ||
	    req.first > t.body_count || req.count > t.body_count - req.first))
		err = GW_EINVAL;
	for (i = 0; err == GW_OK && i < req.count; i++) {
		err = store_get_body(k->store, &req.transfer, req.first + i,
		    &b);
		if (err == GW_OK)
			info_fill(&b, &infos[i]);
	}
	st.err = err;
	keyd_reply(c, msg->type, msg->id, &st, sizeof(st), infos,
	    sizeof(infos[0]), err == GW_OK ? req.count : 0, -1);
}
