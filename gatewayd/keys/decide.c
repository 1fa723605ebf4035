/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "proto/parcel/body.h"
#include "proto/record/verdict.h"

#include "gatewayd/keys/decide.h"

#define DAY_MS UINT64_C(86400000)
#define SCANS (STAGE_BIT(STAGE_IDENTIFY) | STAGE_BIT(STAGE_CLAM))

uint32_t
decide_stages(const struct policy_flow *flow, bool is_bench)
{
	const uint32_t replaced = SCANS | STAGE_BIT(STAGE_CONFIRM);
	uint32_t stages = flow->stages | STAGE_BIT(STAGE_MANIFEST);

	/* Elsewhere a flow with a null stage stops: conclude_flow. */
	if ((stages & STAGE_BIT(STAGE_NULL)) != 0)
		return is_bench ? stages & ~replaced : stages | SCANS;
	return stages | SCANS;
}

bool
decide_admits(enum policy_stage stage, uint16_t verdict)
{
	switch (verdict) {
	case VERDICT_CLEAN:
		return stage != STAGE_SANITIZE;
	case VERDICT_CONFIRMED:
		return stage == STAGE_CONFIRM;
	case VERDICT_INFECTED:
		return stage == STAGE_CLAM;
	case VERDICT_DENIED:
		return stage != STAGE_NULL && stage != STAGE_SANITIZE;
	case VERDICT_NOT_SCANNED:
		return stage != STAGE_SANITIZE;
	default: /* CLEANED: there is no sanitizer in this version */
		return false;
	}
}

static int
verdict_weight(uint16_t verdict)
{
	switch (verdict) {
	case VERDICT_INFECTED:
		return 5;
	case VERDICT_DENIED:
		return 4;
	case VERDICT_NOT_SCANNED:
		return 3;
	case VERDICT_CLEAN:
		return 2;
	case VERDICT_CONFIRMED:
		return 1;
	default:
		return 0;
	}
}

bool
decide_is_graver(uint16_t a, uint16_t b)
{
	return verdict_weight(b) > verdict_weight(a);
}

/* --- people ------------------------------------------------------------- */

static bool
is_submitter(const struct transfer_slot *t, const struct slot_approval *a)
{
	return t->uid != UINT32_MAX && a->uid == t->uid;
}

/* Has the person of approval n done the same before? */
static bool
is_repeated(const struct transfer_slot *t, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (t->approvals[i].uid == t->approvals[n].uid &&
		    t->approvals[i].act == t->approvals[n].act)
			return true;
	}
	return false;
}

/* Walk the steps in order; *have_out: approvals that count. */
static uint32_t
steps_walk(const struct policy_flow *flow, const struct transfer_slot *t,
    uint32_t *have_out)
{
	uint32_t step = 0, in_step = 0, have = 0, i;
	const struct slot_approval *a;

	while (step < flow->step_count && flow->steps[step].count == 0)
		step++;
	for (i = 0; i < t->approval_count && i < SLOT_APPROVALS_MAX; i++) {
		a = &t->approvals[i];
		if (step == flow->step_count)
			break;
		if (a->act != ACT_APPROVE || is_submitter(t, a) ||
		    is_repeated(t, i) ||
		    (a->roles & flow->steps[step].roles) == 0)
			continue;
		have++;
		if (++in_step >= flow->steps[step].count) {
			step++;
			in_step = 0;
		}
	}
	*have_out = have;
	return step;
}

uint32_t
decide_step(const struct policy_flow *flow, const struct transfer_slot *t)
{
	uint32_t have;

	return steps_walk(flow, t, &have);
}

static uint32_t
releases_count(const struct transfer_slot *t)
{
	const struct slot_approval *a;
	uint32_t n = 0, i;

	for (i = 0; i < t->approval_count && i < SLOT_APPROVALS_MAX; i++) {
		a = &t->approvals[i];
		n += a->act == ACT_RELEASE && !is_submitter(t, a) &&
		    !is_repeated(t, i) && (a->roles & POLICY_OFFICER) != 0;
	}
	return n;
}

/* --- findings ----------------------------------------------------------- */

static void
finding_take(struct decide_finding *f, enum decide_grade grade,
    enum reason reason, uint32_t index, const char *detail)
{
	if (grade <= f->grade)
		return;
	f->grade = grade;
	f->reason = reason;
	f->index = index;
	(void)mem_put_str(f->detail, sizeof(f->detail), detail);
}

static void
hold(struct decide_state *s, const struct body_slot *b, enum reason reason,
    const char *detail, uint32_t officers)
{
	if (officers > s->officers)
		s->officers = officers;
	finding_take(&s->worst, GRADE_HOLD, reason, b->index, detail);
}

/* The reason a verdict gives, if it fits the verdict; else the usual one. */
static enum reason
reason_of(const struct slot_stage *st, enum reason_effect fits,
    enum reason usual)
{
	return reason_ok(st->reason) &&
	    reason_effect((enum reason)st->reason) == fits ?
	    (enum reason)st->reason : usual;
}

static void
judge_not_scanned(struct decide_state *s, const struct body_slot *b,
    const struct slot_stage *st)
{
	const enum reason reason = reason_ok(st->reason) ?
	    (enum reason)st->reason : REASON_INTERNAL;

	switch (reason_effect(reason)) {
	case EFFECT_REJECT:
		finding_take(&s->worst, GRADE_REJECT, reason, b->index,
		    b->detail);
		break;
	case EFFECT_QUARANTINE:
		s->is_infected = true;
		finding_take(&s->worst, GRADE_QUARANTINE, reason, b->index,
		    b->detail);
		break;
	case EFFECT_ERROR:
		hold(s, b, reason, b->detail, DECIDE_NO_RELEASE);
		break;
	case EFFECT_NONE:
		hold(s, b, REASON_NOT_SCANNED_ERROR, b->detail, 2);
		break;
	case EFFECT_HOLD:
		hold(s, b, reason, b->detail, 2);
		break;
	}
}

/* A good word of clam is worth what its signatures are worth. */
static void
judge_signatures(struct decide_state *s, const struct body_slot *b,
    const struct slot_stage *st)
{
	const uint64_t max_ms = s->env->max_age_days * DAY_MS;

	if (st->signatures == 0 || st->signatures_ms == 0)
		hold(s, b, REASON_SIGNATURES_MISSING, "", 2);
	else if (st->signatures_ms < s->env->now_ms &&
	    s->env->now_ms - st->signatures_ms > max_ms)
		hold(s, b, REASON_SIGNATURES_OLD, "", 2);
}

static void
judge_type(struct decide_state *s, const struct body_slot *b)
{
	if (b->type >= TYPE_COUNT ||
	    (s->env->flow->accept & TYPE_BIT(b->type)) == 0)
		finding_take(&s->worst, GRADE_REJECT,
		    REASON_TYPE_NOT_ACCEPTED, b->index, b->detail);
}

static void
judge_stage(struct decide_state *s, const struct body_slot *b,
    enum policy_stage stage)
{
	const struct slot_stage *st = &b->stages[stage];

	if (!decide_admits(stage, st->verdict)) {
		hold(s, b, REASON_INTERNAL, "", DECIDE_NO_RELEASE);
		return;
	}
	switch (st->verdict) {
	case VERDICT_INFECTED:
		break; /* seen by judge_infected, under any rules */
	case VERDICT_DENIED:
		finding_take(&s->worst, GRADE_REJECT, reason_of(st,
		    EFFECT_REJECT, REASON_TYPE_NOT_ACCEPTED), b->index,
		    b->detail);
		break;
	case VERDICT_NOT_SCANNED:
		judge_not_scanned(s, b, st);
		break;
	default: /* CLEAN, CONFIRMED */
		if (stage == STAGE_CLAM)
			judge_signatures(s, b, st);
		if (stage == STAGE_IDENTIFY)
			judge_type(s, b);
		break;
	}
}

/* An infection counts whatever rules it was found under. */
static void
judge_infected(struct decide_state *s, const struct body_slot *b)
{
	const struct slot_stage *st = &b->stages[STAGE_CLAM];

	if (st->verdict != VERDICT_INFECTED)
		return;
	s->is_infected = true;
	finding_take(&s->worst, GRADE_QUARANTINE, reason_of(st,
	    EFFECT_QUARANTINE, REASON_VIRUS_FOUND), b->index, b->detail);
}

static bool
is_good(const struct slot_stage *st)
{
	return st->verdict == VERDICT_CLEAN ||
	    st->verdict == VERDICT_CONFIRMED;
}

static bool
is_sanitizing(const struct policy_flow *flow)
{
	return (flow->stages & STAGE_BIT(STAGE_SANITIZE)) != 0 ||
	    flow->sanitize != SANITIZE_NONE;
}

/*
 * The demand to sanitize is met by text that confirm has proved harmless
 * (the guideline's "confirmed"); there is no sanitizer for anything else.
 * True: the finding about it stands in for one of confirm.
 */
static bool
judge_sanitize(struct decide_state *s, const struct body_slot *b)
{
	const struct slot_stage *confirm = &b->stages[STAGE_CONFIRM];
	const bool is_text = b->type == TYPE_TEXT || b->type == TYPE_CSV;

	if (!is_sanitizing(s->env->flow) ||
	    !is_good(&b->stages[STAGE_IDENTIFY]) ||
	    !is_good(&b->stages[STAGE_CLAM]))
		return false;
	if (is_text && (s->demanded & STAGE_BIT(STAGE_CONFIRM)) != 0 &&
	    confirm->verdict != VERDICT_CLEAN)
		return false;
	hold(s, b, REASON_NEEDS_SANITIZING, "", 1);
	return confirm->verdict == VERDICT_NOT_SCANNED ||
	    confirm->verdict == VERDICT_NONE;
}

static bool
is_current(const struct decide_state *s, const struct body_slot *b)
{
	return memcmp(b->verdict_digest, s->env->flow->digest,
	    sizeof(b->verdict_digest)) == 0;
}

static void
judge_file(struct decide_state *s, const struct body_slot *b)
{
	const bool is_fresh = is_current(s, b);
	bool stands_in;
	uint32_t stage;

	if ((b->flags & BODY_IS_NAMED) == 0)
		s->missing |= STAGE_BIT(STAGE_MANIFEST);
	stands_in = is_fresh && judge_sanitize(s, b);
	for (stage = STAGE_IDENTIFY; stage < STAGE_COUNT; stage++) {
		if ((s->demanded & STAGE_BIT(stage)) == 0 ||
		    stage == STAGE_SANITIZE)
			continue;
		if (!is_fresh || b->stages[stage].verdict == VERDICT_NONE)
			s->missing |= STAGE_BIT(stage);
		else if (stage != STAGE_CONFIRM || !stands_in)
			judge_stage(s, b, (enum policy_stage)stage);
	}
}

static void
judge_limits(struct decide_state *s, const struct body_slot *b)
{
	const struct policy_flow *flow = s->env->flow;

	s->plain_bytes += b->plain_len;
	if (b->plain_len > flow->file_bytes)
		finding_take(&s->limit, GRADE_REJECT, REASON_FILE_TOO_BIG,
		    b->index, "");
	else if (s->plain_bytes > flow->transfer_bytes)
		finding_take(&s->limit, GRADE_REJECT,
		    REASON_TRANSFER_TOO_BIG, b->index, "");
}

/* A manifest that is not what it should be: nothing in it can be trusted. */
static void
judge_manifest(struct decide_state *s, const struct body_slot *b)
{
	const struct slot_stage *st = &b->stages[STAGE_MANIFEST];
	struct decide_finding *f = &s->manifest;

	if ((b->flags & BODY_NAMES_WRONG) != 0) {
		finding_take(f, GRADE_HOLD, REASON_MANIFEST_MISMATCH, 0, "");
		return;
	}
	if (st->verdict == VERDICT_NONE || !is_current(s, b)) {
		s->missing |= STAGE_BIT(STAGE_MANIFEST);
		return;
	}
	if (st->verdict == VERDICT_CLEAN) {
		if (b->names_next != s->t->body_count)
			finding_take(f, GRADE_HOLD,
			    REASON_MANIFEST_MISMATCH, 0, "");
		return;
	}
	if (st->verdict == VERDICT_DENIED)
		finding_take(f, GRADE_REJECT, reason_of(st, EFFECT_REJECT,
		    REASON_NAME_INVALID), 0, b->detail);
	else
		finding_take(f, GRADE_HOLD, reason_of(st, EFFECT_HOLD,
		    REASON_MANIFEST_MISMATCH), 0, b->detail);
}

/* --- fold --------------------------------------------------------------- */

void
decide_begin(struct decide_state *s, const struct decide_env *env,
    const struct transfer_slot *t)
{
	memset(s, 0, sizeof(*s));
	s->env = env;
	s->t = t;
	if (env->flow != NULL)
		s->demanded = decide_stages(env->flow, env->is_bench);
	s->err = sha256_new(&s->hash);
}

static enum gw_err
hash_body(struct sha256 *h, const struct body_slot *b)
{
	enum gw_err err;

	if ((err = sha256_update(h, &b->index, sizeof(b->index))) != GW_OK ||
	    (err = sha256_update(h, b->id, sizeof(b->id))) != GW_OK ||
	    (err = sha256_update(h, b->root, sizeof(b->root))) != GW_OK ||
	    (err = sha256_update(h, b->name_hash, sizeof(b->name_hash))) !=
	    GW_OK)
		return err;
	return sha256_update(h, b->ext, sizeof(b->ext));
}

void
decide_body(struct decide_state *s, const struct body_slot *b)
{
	if (s->err != GW_OK)
		return;
	if (b->index != s->next || (b->flags & BODY_HAS_ROOT) == 0 ||
	    memcmp(b->transfer_id, s->t->id, sizeof(b->transfer_id)) != 0) {
		s->err = GW_ENOENT;
		return;
	}
	s->next++;
	s->err = hash_body(s->hash, b);
	judge_infected(s, b);
	if (s->env->flow == NULL)
		return;
	if (b->index == 0) {
		judge_manifest(s, b);
	} else {
		judge_limits(s, b);
		judge_file(s, b);
	}
}

static void
conclude(struct decide_result *r, enum keys_decision decision,
    const struct decide_finding *f)
{
	r->decision = decision;
	r->reason = f->reason;
	r->index = f->index;
	memcpy(r->detail, f->detail, sizeof(r->detail));
}

static bool
conclude_person(const struct transfer_slot *t, struct decide_result *r)
{
	struct decide_finding f = {.grade = GRADE_REJECT};

	if ((t->flags & TRANSFER_REVOKED) != 0)
		f.reason = REASON_REVOKED;
	else if ((t->flags & TRANSFER_REFUSED) != 0)
		f.reason = REASON_REFUSED_BY_PERSON;
	else
		return false;
	conclude(r, DECIDE_REJECT, &f);
	return true;
}

/*
 * No flow, no rules; or rules of a bench in a zone that is none.  Nobody can
 * let it through.
 */
static bool
conclude_flow(const struct decide_state *s, struct decide_result *r)
{
	const struct policy_flow *flow = s->env->flow;
	struct decide_finding f = {.grade = GRADE_HOLD};

	if (flow == NULL)
		f.reason = s->t->side == SIDE_LOW ? REASON_FLOW_UNKNOWN :
		    REASON_FLOW_UNKNOWN_HERE;
	else if (!policy_flow_is_open(flow, s->env->now_ms))
		f.reason = REASON_FLOW_ENDED;
	else if ((flow->stages & STAGE_BIT(STAGE_NULL)) != 0 &&
	    !s->env->is_bench)
		f.reason = REASON_NOT_SCANNED_ERROR;
	else
		return false;
	conclude(r, DECIDE_HOLD, &f);
	r->officers = DECIDE_NO_RELEASE;
	return true;
}

static bool
conclude_limits(const struct decide_state *s, struct decide_result *r)
{
	struct decide_finding f = {.grade = GRADE_REJECT,
	    .reason = REASON_TOO_MANY_FILES};

	if (s->t->body_count - 1 > s->env->flow->files)
		conclude(r, DECIDE_REJECT, &f);
	else if (s->limit.grade != GRADE_OK)
		conclude(r, DECIDE_REJECT, &s->limit);
	else
		return false;
	return true;
}

static bool
conclude_machine(const struct decide_state *s, struct decide_result *r)
{
	if (s->worst.grade == GRADE_REJECT) {
		conclude(r, DECIDE_REJECT, &s->worst);
		return true;
	}
	if (s->manifest.grade != GRADE_OK) {
		conclude(r, s->manifest.grade == GRADE_REJECT ?
		    DECIDE_REJECT : DECIDE_HOLD, &s->manifest);
		r->officers = DECIDE_NO_RELEASE;
		return true;
	}
	if (s->missing != 0) {
		r->decision = DECIDE_INSPECT;
		r->missing = s->missing;
		return true;
	}
	return false;
}

/* People's decisions count for the content that they saw. */
static void
conclude_people(const struct decide_state *s, struct decide_result *r)
{
	struct decide_finding f = {.grade = GRADE_HOLD,
	    .reason = REASON_NEEDS_APPROVAL};
	const bool is_seen = (s->t->flags & TRANSFER_ACTED) != 0 &&
	    memcmp(s->t->content, r->content, sizeof(r->content)) == 0;
	uint32_t step = 0, i;

	if (s->worst.grade == GRADE_HOLD) {
		r->officers = s->officers;
		r->need = s->officers == DECIDE_NO_RELEASE ? 0 : s->officers;
		r->have = is_seen ? releases_count(s->t) : 0;
		if (s->officers == DECIDE_NO_RELEASE || r->have < r->need) {
			conclude(r, DECIDE_HOLD, &s->worst);
			return;
		}
	}
	r->have = r->need = 0;
	for (i = 0; i < s->env->flow->step_count; i++)
		r->need += s->env->flow->steps[i].count;
	if (is_seen)
		step = steps_walk(s->env->flow, s->t, &r->have);
	if (r->need > 0 && step < s->env->flow->step_count)
		conclude(r, DECIDE_APPROVAL, &f);
	else
		r->decision = DECIDE_GO;
}

enum gw_err
decide_end(struct decide_state *s, struct decide_result *out)
{
	struct decide_result r;

	memset(&r, 0, sizeof(r));
	if (s->err == GW_OK && s->next != s->t->body_count)
		s->err = GW_ENOENT;
	if (s->err == GW_OK)
		s->err = sha256_final(s->hash, r.content);
	sha256_free(s->hash);
	s->hash = NULL;
	if (s->err != GW_OK)
		return s->err;
	r.is_infected = s->is_infected;
	if (s->worst.grade == GRADE_QUARANTINE)
		conclude(&r, DECIDE_QUARANTINE, &s->worst);
	else if (!conclude_person(s->t, &r) && !conclude_flow(s, &r) &&
	    !conclude_limits(s, &r) && !conclude_machine(s, &r))
		conclude_people(s, &r);
	*out = r;
	return GW_OK;
}
