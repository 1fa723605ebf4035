/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/body.h"
#include "proto/record/verdict.h"
#include "gatewayd/keys/effect.h"
#include "gatewayd/keys/store.h"
#include "gatewayd/keys/zone.h"

#include "gatewayd/keys/handlers.h"

/* --- forgetting --------------------------------------------------------- */

/* A release was of what was found then; approvals are of the content. */
static void
drop_releases(struct transfer_slot *t)
{
	uint32_t i, n = 0;

	for (i = 0; i < t->approval_count; i++) {
		if (t->approvals[i].act != ACT_RELEASE)
			t->approvals[n++] = t->approvals[i];
	}
	memset(&t->approvals[n], 0, (SLOT_APPROVALS_MAX - n) *
	    sizeof(t->approvals[0]));
	t->approval_count = (uint8_t)n;
}

static void
drop_decision(struct transfer_slot *t)
{
	t->decision = 0;
	t->reason = REASON_NONE;
	t->flags &= ~(uint32_t)TRANSFER_DECISION_LOGGED;
}

static void
body_forget(const struct transfer_slot *t, struct body_slot *b)
{
	memset(b->stages, 0, sizeof(b->stages));
	memset(b->detail, 0, sizeof(b->detail));
	b->granted = 0;
	b->type = TYPE_UNKNOWN;
	b->names_next = 1;
	b->flags &= ~(uint32_t)(BODY_LOGGED | BODY_NAMES_WRONG);
	if (t->side == SIDE_HIGH && b->index > 0)
		b->flags &= ~(uint32_t)BODY_IS_NAMED;
}

/* --- VERDICT ------------------------------------------------------------ */

/*
 * Rules changed since the last verdict: the others are about other rules.
 * An infection stays one.
 */
static void
verdicts_renew(struct body_slot *b, const struct policy_flow *flow)
{
	struct slot_stage clam = b->stages[STAGE_CLAM];

	if (memcmp(b->verdict_digest, flow->digest, 32) == 0)
		return;
	memset(b->stages, 0, sizeof(b->stages));
	if (clam.verdict == VERDICT_INFECTED)
		b->stages[STAGE_CLAM] = clam;
	else
		memset(b->detail, 0, sizeof(b->detail));
	memcpy(b->verdict_digest, flow->digest, 32);
	b->flags &= ~(uint32_t)BODY_LOGGED;
}

static bool
is_good(uint16_t verdict)
{
	return verdict == VERDICT_CLEAN || verdict == VERDICT_CONFIRMED;
}

static bool
record_ok(enum policy_stage stage, const struct verdict_record *rec)
{
	if (!decide_admits(stage, rec->verdict) || !reason_ok(rec->reason) ||
	    rec->method > 5 || rec->type > TYPE_UNKNOWN ||
	    !keyd_text_ok(rec->detail, sizeof(rec->detail)))
		return false;
	return !is_good(rec->verdict) || rec->reason == REASON_NONE;
}

/* Is this the stage's to say, of this content, now? */
static enum gw_err
verdict_check(const struct keyd *k, enum policy_stage stage,
    const struct verdict_record *rec, const struct transfer_slot *t,
    const struct body_slot *b)
{
	const uint32_t none = TRANSFER_ERASED | TRANSFER_SEALED;

	if ((t->flags & TRANSFER_COMMITTED) == 0 || (t->flags & none) != 0)
		return GW_EDENIED;
	if ((b->flags & BODY_HAS_ROOT) == 0 ||
	    memcmp(b->root, rec->root, sizeof(b->root)) != 0)
		return GW_EHASH;
	if ((b->granted & STAGE_BIT(stage)) == 0 ||
	    (stage == STAGE_MANIFEST) != (b->index == 0) ||
	    (stage == STAGE_NULL && !k->zone->is_bench))
		return GW_EDENIED;
	return record_ok(stage, rec) ? GW_OK : GW_EDENIED;
}

static void
stage_fill(struct slot_stage *st, const struct verdict_record *rec)
{
	st->verdict = (uint8_t)rec->verdict;
	st->method = (uint8_t)rec->method;
	st->reason = rec->reason;
	st->engine = rec->engine;
	st->signatures = rec->signatures;
	st->signatures_ms = rec->signatures_ms;
	st->ended_s = (uint32_t)(rec->ended_ms / 1000);
}

/*
 * Put a verdict into the slot unless the stage has said as bad before.
 * True: something changed for the worse, or for the first time.
 */
static bool
stage_take(struct body_slot *b, enum policy_stage stage,
    const struct verdict_record *rec)
{
	struct slot_stage *st = &b->stages[stage];
	const bool is_first = st->verdict == VERDICT_NONE;
	bool is_only_bad = true;
	int i;

	if (!is_first && !decide_is_graver(st->verdict, rec->verdict)) {
		/* The same again under newer signatures is worth more. */
		if (st->verdict == rec->verdict && is_good(rec->verdict) &&
		    rec->signatures_ms >= st->signatures_ms)
			stage_fill(st, rec);
		return false;
	}
	stage_fill(st, rec);
	if (stage == STAGE_IDENTIFY)
		b->type = rec->type;
	if (is_good(rec->verdict))
		return true;
	for (i = 0; i < STAGE_COUNT; i++) {
		if (i != (int)stage && b->stages[i].verdict != VERDICT_NONE &&
		    !decide_is_graver(b->stages[i].verdict, rec->verdict) &&
		    !is_good(b->stages[i].verdict))
			is_only_bad = false;
	}
	if (is_only_bad)
		(void)mem_put_str(b->detail, sizeof(b->detail), rec->detail);
	return true;
}

/* A manifest is good only with every name that keys was told. */
static void
manifest_amend(const struct transfer_slot *t, const struct body_slot *b,
    struct verdict_record *rec)
{
	if (rec->verdict != VERDICT_CLEAN || (b->names_next == t->body_count &&
	    (b->flags & BODY_NAMES_WRONG) == 0))
		return;
	rec->verdict = VERDICT_NOT_SCANNED;
	rec->reason = REASON_MANIFEST_MISMATCH;
}

static enum gw_err
verdict_take(struct keyd *k, enum policy_stage stage,
    struct verdict_record *rec)
{
	const struct policy_flow *flow;
	struct transfer_slot t;
	struct body_slot b;
	struct key_ref ref;
	enum gw_err err;

	err = store_find_body(k->store, &rec->body, &b, &ref, &t);
	if (err != GW_OK || (err = verdict_check(k, stage, rec, &t, &b)) !=
	    GW_OK)
		return err;
	if (effect_holds(k, t.id))
		return GW_EBUSY;
	if ((flow = transfer_flow(k, &t)) == NULL)
		return GW_EHOLD;
	if (stage == STAGE_MANIFEST)
		manifest_amend(&t, &b, rec);
	verdicts_renew(&b, flow);
	if (stage_take(&b, stage, rec)) {
		b.flags &= ~(uint32_t)BODY_LOGGED;
		if (t.decision != 0 && t.decision != DECIDE_QUARANTINE) {
			drop_decision(&t);
			err = store_put(k->store, &ref, &t);
		}
	}
	return err == GW_OK ? store_put_body(k->store, &ref, &b) : err;
}

void
verdict_on_verdict(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct verdict_record rec;
	enum gw_err first = GW_OK, err;
	uint32_t i;

	for (i = 0; i < msg->count; i++) {
		memcpy(&rec, (const uint8_t *)msg->elems + i * sizeof(rec),
		    sizeof(rec));
		err = verdict_take(k, c->stage, &rec);
		if (err == GW_OK)
			continue;
		log_warn("verdict of stage %s refused: %s",
		    policy_stage_name(c->stage), err_text_en(err));
		if (first == GW_OK)
			first = err;
	}
	keyd_status(c, msg->type, msg->id, first, REASON_NONE);
}

/* --- NAMES -------------------------------------------------------------- */

/* Low side: does the manifest say what the courier said? */
static bool
name_agrees(const struct body_slot *b, const struct keys_name *name)
{
	return memcmp(b->name_hash, name->name_hash, 32) == 0 &&
	    strcmp(b->ext, name->ext) == 0 &&
	    b->plain_len == name->plain_len;
}

/* One file of the manifest; *is_wrong_out: it does not fit its body. */
static enum gw_err
name_take(struct keyd *k, const struct key_ref *ref,
    const struct transfer_slot *t, uint32_t index,
    const struct keys_name *name, bool *is_wrong_out)
{
	struct body_slot b;
	enum gw_err err;

	if ((err = store_get_body(k->store, ref, index, &b)) != GW_OK)
		return err;
	if (!keyd_text_ok(name->ext, sizeof(name->ext)) ||
	    body_padded_len(name->plain_len) != b.padded_len) {
		*is_wrong_out = true;
		return GW_OK;
	}
	if ((b.flags & BODY_IS_NAMED) != 0) {
		*is_wrong_out |= !name_agrees(&b, name);
		return GW_OK;
	}
	if (t->side != SIDE_HIGH) {
		*is_wrong_out = true;
		return GW_OK;
	}
	memcpy(b.name_hash, name->name_hash, sizeof(b.name_hash));
	(void)mem_put_str(b.ext, sizeof(b.ext), name->ext);
	b.plain_len = name->plain_len;
	b.flags |= BODY_IS_NAMED;
	return store_put_body(k->store, ref, &b);
}

static enum gw_err
names_take(struct keyd *k, const struct keys_names *req,
    const struct keys_name *names, uint32_t count, bool *is_wrong_out)
{
	struct transfer_slot t;
	struct body_slot m;
	struct key_ref ref;
	enum gw_err err;
	uint32_t i;

	err = store_find_body(k->store, &req->manifest, &m, &ref, &t);
	if (err != GW_OK)
		return err;
	if (m.index != 0 || (t.flags & TRANSFER_COMMITTED) == 0 ||
	    (t.flags & (TRANSFER_ERASED | TRANSFER_SEALED)) != 0 ||
	    (m.granted & STAGE_BIT(STAGE_MANIFEST)) == 0)
		return GW_EDENIED;
	if (effect_holds(k, t.id))
		return GW_EBUSY;
	if (req->first == 1)
		m.names_next = 1; /* the worker began anew */
	*is_wrong_out = req->total != t.body_count - 1 ||
	    req->first != m.names_next || count > t.body_count - m.names_next;
	for (i = 0; i < count && err == GW_OK && !*is_wrong_out; i++)
		err = name_take(k, &ref, &t, req->first + i, &names[i],
		    is_wrong_out);
	if (*is_wrong_out)
		m.flags |= BODY_NAMES_WRONG;
	else
		m.names_next += count;
	return err == GW_OK ? store_put_body(k->store, &ref, &m) : err;
}

void
verdict_on_names(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_name *names = NULL;
	bool is_wrong = false;
	struct keys_names req;
	enum gw_err err;

	memcpy(&req, msg->body, sizeof(req));
	if (msg->count > 0) {
		names = mem_array(msg->count, sizeof(*names));
		memcpy(names, msg->elems, msg->count * sizeof(*names));
	}
	err = c->stage == STAGE_MANIFEST ?
	    names_take(k, &req, names, msg->count, &is_wrong) : GW_EDENIED;
	mem_free(names);
	keyd_status(c, msg->type, msg->id, err, is_wrong ?
	    REASON_MANIFEST_MISMATCH : REASON_NONE);
}

/* --- REJUDGE ------------------------------------------------------------ */

static enum gw_err
rejudge(struct keyd *k, const struct key_ref *ref)
{
	struct transfer_slot t;
	struct body_slot b;
	enum gw_err err;
	uint32_t i;

	if ((err = store_get(k->store, ref, &t)) != GW_OK)
		return err;
	/* What was infected once is not asked again until it passes. */
	if ((t.flags & TRANSFER_COMMITTED) == 0 ||
	    (t.flags & (TRANSFER_ERASED | TRANSFER_SEALED)) != 0 ||
	    t.decision == DECIDE_QUARANTINE)
		return GW_EDENIED;
	for (i = 0; i < t.body_count; i++) {
		err = store_get_body(k->store, ref, i, &b);
		if (err == GW_OK &&
		    b.stages[STAGE_CLAM].verdict == VERDICT_INFECTED)
			err = GW_EDENIED;
		if (err == GW_OK) {
			body_forget(&t, &b);
			err = store_put_body(k->store, ref, &b);
		}
		if (err != GW_OK)
			return err;
	}
	drop_releases(&t);
	drop_decision(&t);
	return store_put(k->store, ref, &t);
}

void
verdict_on_rejudge(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_bodies req;

	memcpy(&req, msg->body, sizeof(req));
	if (effect_defer(k, c, msg, req.transfer.id))
		return;
	keyd_status(c, msg->type, msg->id, rejudge(k, &req.transfer),
	    REASON_NONE);
}
