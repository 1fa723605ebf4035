/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/record/verdict.h"
#include "gatewayd/keys/decide.h"

#define NOW UINT64_C(1775000000000)
#define DAY UINT64_C(86400000)
#define BODIES_MAX 4

static struct policy_flow flow;
static struct decide_env env;
static struct transfer_slot t;
static struct body_slot bodies[BODIES_MAX];

static void
stage_set(struct body_slot *b, enum policy_stage stage, uint8_t verdict,
    enum reason reason)
{
	struct slot_stage *st = &b->stages[stage];

	memset(st, 0, sizeof(*st));
	st->verdict = verdict;
	st->reason = (uint16_t)reason;
	st->signatures = 27000;
	st->signatures_ms = NOW - DAY;
}

/* A transfer of count bodies of which every stage has said the best. */
static void
all_good(uint32_t count)
{
	struct body_slot *b;
	uint32_t i;

	memset(&flow, 0, sizeof(flow));
	flow.accept = TYPE_BIT(TYPE_TEXT) | TYPE_BIT(TYPE_PDF);
	flow.file_bytes = 1000;
	flow.transfer_bytes = 2500;
	flow.until_ms = NOW + DAY;
	flow.files = 3;
	flow.stages = STAGE_BIT(STAGE_MANIFEST) | STAGE_BIT(STAGE_IDENTIFY) |
	    STAGE_BIT(STAGE_CLAM) | STAGE_BIT(STAGE_CONFIRM);
	memset(flow.digest, 7, sizeof(flow.digest));
	memset(&env, 0, sizeof(env));
	env.flow = &flow;
	env.now_ms = NOW;
	env.max_age_days = 7;
	memset(&t, 0, sizeof(t));
	t.side = SIDE_LOW;
	t.flags = TRANSFER_COMMITTED;
	t.body_count = count;
	t.uid = 1000;
	memset(t.id, 1, sizeof(t.id));
	memset(bodies, 0, sizeof(bodies));
	for (i = 0; i < count; i++) {
		b = &bodies[i];
		b->kind = SLOT_BODY;
		b->flags = BODY_HAS_KEY | BODY_HAS_ROOT | BODY_IS_NAMED;
		b->index = i;
		b->type = TYPE_TEXT;
		b->plain_len = i > 0 ? 800 : 100;
		memcpy(b->transfer_id, t.id, 16);
		memset(b->id, (int)(i + 1), 16);
		memset(b->root, (int)(i + 11), 32);
		memcpy(b->verdict_digest, flow.digest, 32);
		b->names_next = count;
		if (i == 0) {
			stage_set(b, STAGE_MANIFEST, VERDICT_CLEAN, 0);
			continue;
		}
		stage_set(b, STAGE_IDENTIFY, VERDICT_CLEAN, 0);
		stage_set(b, STAGE_CLAM, VERDICT_CLEAN, 0);
		stage_set(b, STAGE_CONFIRM, VERDICT_CONFIRMED, 0);
	}
}

static struct decide_result
decide(void)
{
	struct decide_result r;
	struct decide_state s;
	uint32_t i;

	decide_begin(&s, &env, &t);
	for (i = 0; i < t.body_count; i++)
		decide_body(&s, &bodies[i]);
	ck_assert_int_eq(decide_end(&s, &r), GW_OK);
	return r;
}

static void
expect(enum keys_decision decision, enum reason reason)
{
	const struct decide_result r = decide();

	ck_assert_int_eq(r.decision, decision);
	ck_assert_int_eq(r.reason, reason);
}

/* --- every subset ------------------------------------------------------- */

/* What the oracle below thinks of one verdict of one stage. */
struct choice {
	uint8_t verdict;
	enum reason reason;
};

static const struct choice identify_said[] = {
	{VERDICT_NONE, 0}, {VERDICT_CLEAN, 0},
	{VERDICT_DENIED, REASON_TYPE_DISGUISED},
	{VERDICT_NOT_SCANNED, REASON_TYPE_UNKNOWN}};
static const struct choice clam_said[] = {
	{VERDICT_NONE, 0}, {VERDICT_CLEAN, 0},
	{VERDICT_INFECTED, REASON_VIRUS_FOUND},
	{VERDICT_NOT_SCANNED, REASON_NOT_SCANNED_LIMIT}};
static const struct choice confirm_said[] = {
	{VERDICT_NONE, 0}, {VERDICT_CONFIRMED, 0}, {VERDICT_CLEAN, 0},
	{VERDICT_DENIED, REASON_TYPE_POLYGLOT},
	{VERDICT_NOT_SCANNED, REASON_UNCONFIRMED}};
static const struct choice manifest_said[] = {
	{VERDICT_NONE, 0}, {VERDICT_CLEAN, 0},
	{VERDICT_DENIED, REASON_NAME_BIDI},
	{VERDICT_NOT_SCANNED, REASON_MANIFEST_MISMATCH}};
#define PER_FILE (4 * 4 * 5)

struct counts {
	unsigned infected, denied, missing, held;
};

static void
count_one(struct counts *c, uint8_t verdict)
{
	c->infected += verdict == VERDICT_INFECTED;
	c->denied += verdict == VERDICT_DENIED;
	c->missing += verdict == VERDICT_NONE;
	c->held += verdict == VERDICT_NOT_SCANNED;
}

static void
file_set(struct body_slot *b, unsigned n, struct counts *c)
{
	const struct choice *i = &identify_said[n % 4];
	const struct choice *v = &clam_said[n / 4 % 4];
	const struct choice *f = &confirm_said[n / 16];

	stage_set(b, STAGE_IDENTIFY, i->verdict, i->reason);
	stage_set(b, STAGE_CLAM, v->verdict, v->reason);
	stage_set(b, STAGE_CONFIRM, f->verdict, f->reason);
	count_one(c, i->verdict);
	count_one(c, v->verdict);
	count_one(c, f->verdict);
}

/* The rules once more, said differently. */
static enum keys_decision
oracle(uint8_t manifest, const struct counts *c)
{
	if (c->infected > 0)
		return DECIDE_QUARANTINE;
	if (c->denied > 0 || manifest == VERDICT_DENIED)
		return DECIDE_REJECT;
	if (manifest == VERDICT_NOT_SCANNED)
		return DECIDE_HOLD;
	if (c->missing > 0 || manifest == VERDICT_NONE)
		return DECIDE_INSPECT;
	return c->held > 0 ? DECIDE_HOLD : DECIDE_GO;
}

static unsigned
check_case(uint32_t files, const unsigned choice[3], unsigned m)
{
	struct decide_result r;
	struct counts c = {0};
	uint32_t i;

	stage_set(&bodies[0], STAGE_MANIFEST, manifest_said[m].verdict,
	    manifest_said[m].reason);
	for (i = 0; i < files; i++)
		file_set(&bodies[i + 1], choice[i], &c);
	r = decide();
	ck_assert_int_eq(r.decision, oracle(manifest_said[m].verdict, &c));
	ck_assert_int_eq(r.is_infected, c.infected > 0);
	return r.decision == DECIDE_GO;
}

START_TEST(one_file_every_verdict)
{
	unsigned choice[3] = {0}, m, go = 0;

	all_good(2);
	for (m = 0; m < 4; m++) {
		for (choice[0] = 0; choice[0] < PER_FILE; choice[0]++)
			go += check_case(1, choice, m);
	}
	/* CLEAN, CLEAN, and CONFIRMED or CLEAN: nothing else passes. */
	ck_assert_uint_eq(go, 2);
}
END_TEST

START_TEST(two_files_every_verdict)
{
	unsigned choice[3] = {0}, m, go = 0;

	all_good(3);
	for (m = 0; m < 4; m++) {
		for (choice[0] = 0; choice[0] < PER_FILE; choice[0]++) {
			for (choice[1] = 0; choice[1] < PER_FILE;
			    choice[1]++)
				go += check_case(2, choice, m);
		}
	}
	ck_assert_uint_eq(go, 4);
}
END_TEST

/* All three: one verdict of the third file against all of the others. */
START_TEST(three_files_every_verdict)
{
	static const unsigned some[] = {0, 5 + 16, 6, 7, 5 + 32, 5 + 48,
	    5 + 64, 1, 4, 5, 9 + 16, 2 + 4 + 16, 13 + 16, 3 + 4 + 16};
	unsigned choice[3] = {0}, m, n, go = 0;

	all_good(4);
	for (m = 0; m < 2; m++) {
		for (n = 0; n < sizeof(some) / sizeof(some[0]); n++) {
			choice[2] = some[n];
			for (choice[0] = 0; choice[0] < PER_FILE;
			    choice[0]++) {
				for (choice[1] = 0; choice[1] < PER_FILE;
				    choice[1]++)
					go += check_case(3, choice, m);
			}
		}
	}
	ck_assert_uint_eq(go, 8);
}
END_TEST

/* --- reasons ------------------------------------------------------------ */

START_TEST(gravest_reason_wins)
{
	struct decide_result r;

	all_good(4);
	stage_set(&bodies[1], STAGE_CONFIRM, VERDICT_NOT_SCANNED,
	    REASON_FORMULA_CELL);
	stage_set(&bodies[2], STAGE_IDENTIFY, VERDICT_DENIED,
	    REASON_TYPE_EXECUTABLE);
	expect(DECIDE_REJECT, REASON_TYPE_EXECUTABLE);
	stage_set(&bodies[3], STAGE_CLAM, VERDICT_INFECTED, 0);
	(void)mem_put_str(bodies[3].detail, 64, "Eicar-Test");
	r = decide();
	ck_assert_int_eq(r.decision, DECIDE_QUARANTINE);
	ck_assert_int_eq(r.reason, REASON_VIRUS_FOUND);
	ck_assert_uint_eq(r.index, 3);
	ck_assert_str_eq(r.detail, "Eicar-Test");
}
END_TEST

/* An infection is one under any rules, and under none. */
START_TEST(infection_outlives_rules)
{
	all_good(2);
	stage_set(&bodies[1], STAGE_CLAM, VERDICT_INFECTED,
	    REASON_VIRUS_FOUND);
	flow.digest[0]++;
	expect(DECIDE_QUARANTINE, REASON_VIRUS_FOUND);
	env.flow = NULL;
	expect(DECIDE_QUARANTINE, REASON_VIRUS_FOUND);
	t.flags |= TRANSFER_REVOKED;
	expect(DECIDE_QUARANTINE, REASON_VIRUS_FOUND);
}
END_TEST

START_TEST(stale_verdicts_are_missing)
{
	struct decide_result r;

	all_good(3);
	bodies[2].verdict_digest[5]++;
	r = decide();
	ck_assert_int_eq(r.decision, DECIDE_INSPECT);
	ck_assert_uint_eq(r.missing, STAGE_BIT(STAGE_IDENTIFY) |
	    STAGE_BIT(STAGE_CLAM) | STAGE_BIT(STAGE_CONFIRM));
	flow.digest[0]++;
	r = decide();
	ck_assert_int_eq(r.decision, DECIDE_INSPECT);
	ck_assert_uint_eq(r.missing, flow.stages);
}
END_TEST

START_TEST(flow_decides_first)
{
	all_good(2);
	flow.until_ms = NOW;
	expect(DECIDE_HOLD, REASON_FLOW_ENDED);
	ck_assert_uint_eq(decide().officers, DECIDE_NO_RELEASE);
	env.flow = NULL;
	expect(DECIDE_HOLD, REASON_FLOW_UNKNOWN);
	t.side = SIDE_HIGH;
	expect(DECIDE_HOLD, REASON_FLOW_UNKNOWN_HERE);
	ck_assert_uint_eq(decide().officers, DECIDE_NO_RELEASE);
}
END_TEST

START_TEST(signatures_age)
{
	all_good(2);
	bodies[1].stages[STAGE_CLAM].signatures_ms = NOW - 7 * DAY;
	expect(DECIDE_GO, REASON_NONE);
	bodies[1].stages[STAGE_CLAM].signatures_ms = NOW - 7 * DAY - 1;
	expect(DECIDE_HOLD, REASON_SIGNATURES_OLD);
	ck_assert_uint_eq(decide().officers, 2);
	bodies[1].stages[STAGE_CLAM].signatures_ms = 0;
	expect(DECIDE_HOLD, REASON_SIGNATURES_MISSING);
	bodies[1].stages[STAGE_CLAM].signatures_ms = NOW;
	bodies[1].stages[STAGE_CLAM].signatures = 0;
	expect(DECIDE_HOLD, REASON_SIGNATURES_MISSING);
	/* The other stages have no signatures. */
	all_good(2);
	bodies[1].stages[STAGE_IDENTIFY].signatures = 0;
	bodies[1].stages[STAGE_CONFIRM].signatures_ms = 0;
	expect(DECIDE_GO, REASON_NONE);
}
END_TEST

START_TEST(type_must_be_accepted)
{
	uint16_t type;

	all_good(2);
	for (type = 0; type < 70; type++) {
		bodies[1].type = type;
		if (type == TYPE_TEXT || type == TYPE_PDF)
			expect(DECIDE_GO, REASON_NONE);
		else
			expect(DECIDE_REJECT, REASON_TYPE_NOT_ACCEPTED);
	}
}
END_TEST

START_TEST(limits_of_the_flow)
{
	all_good(4);
	bodies[2].plain_len = 1001;
	expect(DECIDE_REJECT, REASON_FILE_TOO_BIG);
	bodies[2].plain_len = 901;
	expect(DECIDE_REJECT, REASON_TRANSFER_TOO_BIG);
	bodies[2].plain_len = 900;
	expect(DECIDE_GO, REASON_NONE);
	flow.files = 2;
	expect(DECIDE_REJECT, REASON_TOO_MANY_FILES);
}
END_TEST

START_TEST(manifest_must_name_all)
{
	all_good(3);
	bodies[0].names_next = 2;
	expect(DECIDE_HOLD, REASON_MANIFEST_MISMATCH);
	ck_assert_uint_eq(decide().officers, DECIDE_NO_RELEASE);
	bodies[0].names_next = 3;
	bodies[0].flags |= BODY_NAMES_WRONG;
	expect(DECIDE_HOLD, REASON_MANIFEST_MISMATCH);
	all_good(3);
	bodies[2].flags &= ~(uint32_t)BODY_IS_NAMED;
	ck_assert_int_eq(decide().decision, DECIDE_INSPECT);
	ck_assert_uint_eq(decide().missing, STAGE_BIT(STAGE_MANIFEST));
}
END_TEST

/* Verdicts that no stage may give never count, wherever they come from. */
START_TEST(inadmissible_verdicts_hold)
{
	static const struct {
		enum policy_stage stage;
		uint8_t verdict;
	} bad[] = {
		{STAGE_IDENTIFY, VERDICT_CONFIRMED},
		{STAGE_CLAM, VERDICT_CONFIRMED},
		{STAGE_CONFIRM, VERDICT_CLEANED},
		{STAGE_CLAM, 7}, {STAGE_IDENTIFY, 255},
	};
	unsigned i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		all_good(2);
		stage_set(&bodies[1], bad[i].stage, bad[i].verdict, 0);
		ck_assert_int_eq(decide().decision, DECIDE_HOLD);
		ck_assert_uint_eq(decide().officers, DECIDE_NO_RELEASE);
	}
	/* Verdicts on the manifest's slot say nothing about files. */
	all_good(2);
	memset(bodies[1].stages, 0, sizeof(bodies[1].stages));
	stage_set(&bodies[1], STAGE_MANIFEST, VERDICT_CLEAN, 0);
	ck_assert_int_eq(decide().decision, DECIDE_INSPECT);
}
END_TEST

/* --- sanitizing --------------------------------------------------------- */

START_TEST(sanitizing_is_met_by_confirmed_text)
{
	all_good(2);
	flow.stages |= STAGE_BIT(STAGE_SANITIZE);
	flow.sanitize = SANITIZE_L1;
	flow.accept |= TYPE_BIT(TYPE_CSV);
	expect(DECIDE_GO, REASON_NONE);
	bodies[1].type = TYPE_CSV;
	expect(DECIDE_GO, REASON_NONE);
	stage_set(&bodies[1], STAGE_CONFIRM, VERDICT_CLEAN, 0);
	expect(DECIDE_HOLD, REASON_NEEDS_SANITIZING);
	stage_set(&bodies[1], STAGE_CONFIRM, VERDICT_NOT_SCANNED,
	    REASON_CONTROL_CHARS);
	expect(DECIDE_HOLD, REASON_CONTROL_CHARS);
	/* Without the stage there is no proof. */
	all_good(2);
	flow.sanitize = SANITIZE_TEXT;
	flow.stages &= ~STAGE_BIT(STAGE_CONFIRM);
	expect(DECIDE_HOLD, REASON_NEEDS_SANITIZING);
}
END_TEST

START_TEST(other_types_need_sanitizing)
{
	all_good(2);
	flow.stages |= STAGE_BIT(STAGE_SANITIZE);
	flow.sanitize = SANITIZE_L1;
	bodies[1].type = TYPE_PDF;
	expect(DECIDE_HOLD, REASON_NEEDS_SANITIZING);
	ck_assert_uint_eq(decide().officers, 1);
	stage_set(&bodies[1], STAGE_CONFIRM, VERDICT_NOT_SCANNED,
	    REASON_UNCONFIRMED);
	expect(DECIDE_HOLD, REASON_NEEDS_SANITIZING);
	/* Graver findings win, and the scans come first. */
	stage_set(&bodies[1], STAGE_CONFIRM, VERDICT_DENIED,
	    REASON_TYPE_POLYGLOT);
	expect(DECIDE_REJECT, REASON_TYPE_POLYGLOT);
	stage_set(&bodies[1], STAGE_CLAM, VERDICT_INFECTED,
	    REASON_VIRUS_FOUND);
	expect(DECIDE_QUARANTINE, REASON_VIRUS_FOUND);
	stage_set(&bodies[1], STAGE_CONFIRM, VERDICT_CLEAN, 0);
	stage_set(&bodies[1], STAGE_CLAM, VERDICT_NOT_SCANNED,
	    REASON_NOT_SCANNED_ENCRYPTED);
	expect(DECIDE_HOLD, REASON_NOT_SCANNED_ENCRYPTED);
	ck_assert_uint_eq(decide().officers, 2);
}
END_TEST

/* --- null stage --------------------------------------------------------- */

START_TEST(null_counts_on_a_bench_alone)
{
	all_good(2);
	flow.stages = STAGE_BIT(STAGE_MANIFEST) | STAGE_BIT(STAGE_NULL);
	memset(bodies[1].stages, 0, sizeof(bodies[1].stages));
	stage_set(&bodies[1], STAGE_NULL, VERDICT_CLEAN, 0);
	ck_assert_int_eq(decide().decision, DECIDE_HOLD);
	ck_assert_uint_eq(decide().officers, DECIDE_NO_RELEASE);
	env.is_bench = true;
	expect(DECIDE_GO, REASON_NONE);
	memset(bodies[1].stages, 0, sizeof(bodies[1].stages));
	ck_assert_uint_eq(decide().missing, STAGE_BIT(STAGE_NULL));
	/* On a bench too, a flow without it wants the real ones. */
	all_good(2);
	env.is_bench = true;
	memset(bodies[1].stages, 0, sizeof(bodies[1].stages));
	stage_set(&bodies[1], STAGE_NULL, VERDICT_CLEAN, 0);
	ck_assert_uint_eq(decide().missing, STAGE_BIT(STAGE_IDENTIFY) |
	    STAGE_BIT(STAGE_CLAM) | STAGE_BIT(STAGE_CONFIRM));
}
END_TEST

/* A flow that names too little is scanned all the same. */
START_TEST(scans_are_always_demanded)
{
	all_good(2);
	flow.stages = 0;
	memset(bodies[1].stages, 0, sizeof(bodies[1].stages));
	ck_assert_uint_eq(decide().missing, STAGE_BIT(STAGE_IDENTIFY) |
	    STAGE_BIT(STAGE_CLAM));
}
END_TEST

/* --- people ------------------------------------------------------------- */

static void
act(enum keys_act what, uint32_t uid, uint32_t roles)
{
	struct slot_approval *a = &t.approvals[t.approval_count++];

	a->act = (uint8_t)what;
	a->uid = uid;
	a->roles = (uint8_t)roles;
	if ((t.flags & TRANSFER_ACTED) == 0) {
		memcpy(t.content, decide().content, sizeof(t.content));
		t.flags |= TRANSFER_ACTED;
	}
}

static void
two_steps(void)
{
	flow.step_count = 2;
	flow.steps[0].roles = POLICY_APPROVER;
	flow.steps[0].count = 2;
	flow.steps[1].roles = POLICY_OFFICER;
	flow.steps[1].count = 1;
}

START_TEST(steps_come_in_order)
{
	all_good(2);
	two_steps();
	expect(DECIDE_APPROVAL, REASON_NEEDS_APPROVAL);
	ck_assert_uint_eq(decide().need, 3);
	act(ACT_APPROVE, 1, POLICY_OFFICER); /* not his step yet */
	ck_assert_uint_eq(decide().have, 0);
	act(ACT_APPROVE, 2, POLICY_APPROVER);
	act(ACT_APPROVE, 2, POLICY_APPROVER); /* twice is once */
	ck_assert_uint_eq(decide().have, 1);
	act(ACT_APPROVE, 3, POLICY_APPROVER);
	ck_assert_uint_eq(decide_step(&flow, &t), 1);
	expect(DECIDE_APPROVAL, REASON_NEEDS_APPROVAL);
	act(ACT_APPROVE, 2, POLICY_OFFICER | POLICY_APPROVER); /* again */
	expect(DECIDE_APPROVAL, REASON_NEEDS_APPROVAL);
	act(ACT_APPROVE, 4, POLICY_OFFICER);
	expect(DECIDE_GO, REASON_NONE);
}
END_TEST

START_TEST(submitter_never_counts)
{
	all_good(2);
	flow.step_count = 1;
	flow.steps[0].roles = POLICY_APPROVER;
	flow.steps[0].count = 1;
	act(ACT_APPROVE, 1000, POLICY_APPROVER);
	expect(DECIDE_APPROVAL, REASON_NEEDS_APPROVAL);
	t.uid = UINT32_MAX; /* unknown: the role alone decides */
	expect(DECIDE_GO, REASON_NONE);
	all_good(2);
	stage_set(&bodies[1], STAGE_CONFIRM, VERDICT_NOT_SCANNED,
	    REASON_UNCONFIRMED);
	act(ACT_RELEASE, 1000, POLICY_OFFICER);
	act(ACT_RELEASE, 1, POLICY_OFFICER);
	expect(DECIDE_HOLD, REASON_UNCONFIRMED);
}
END_TEST

START_TEST(people_decide_about_what_they_saw)
{
	all_good(2);
	flow.step_count = 1;
	flow.steps[0].roles = POLICY_APPROVER;
	flow.steps[0].count = 1;
	act(ACT_APPROVE, 1, POLICY_APPROVER);
	expect(DECIDE_GO, REASON_NONE);
	bodies[1].root[0]++;
	expect(DECIDE_APPROVAL, REASON_NEEDS_APPROVAL);
	bodies[1].root[0]--;
	bodies[1].name_hash[31]++;
	expect(DECIDE_APPROVAL, REASON_NEEDS_APPROVAL);
	bodies[1].name_hash[31]--;
	bodies[1].ext[0]++;
	expect(DECIDE_APPROVAL, REASON_NEEDS_APPROVAL);
}
END_TEST

START_TEST(release_takes_officers)
{
	all_good(2);
	stage_set(&bodies[1], STAGE_CONFIRM, VERDICT_NOT_SCANNED,
	    REASON_UNCONFIRMED);
	act(ACT_RELEASE, 1, POLICY_APPROVER);
	act(ACT_APPROVE, 2, POLICY_OFFICER);
	act(ACT_RELEASE, 3, POLICY_OFFICER);
	act(ACT_RELEASE, 3, POLICY_OFFICER);
	expect(DECIDE_HOLD, REASON_UNCONFIRMED);
	ck_assert_uint_eq(decide().have, 1);
	ck_assert_uint_eq(decide().need, 2);
	act(ACT_RELEASE, 4, POLICY_OFFICER);
	expect(DECIDE_GO, REASON_NONE);
	/* Never what is graver, or unknown. */
	stage_set(&bodies[1], STAGE_IDENTIFY, VERDICT_DENIED,
	    REASON_TYPE_DISGUISED);
	expect(DECIDE_REJECT, REASON_TYPE_DISGUISED);
	stage_set(&bodies[1], STAGE_IDENTIFY, VERDICT_NONE, 0);
	ck_assert_int_eq(decide().decision, DECIDE_INSPECT);
	stage_set(&bodies[1], STAGE_IDENTIFY, VERDICT_CLEAN, 0);
	stage_set(&bodies[1], STAGE_CLAM, VERDICT_INFECTED, 0);
	ck_assert_int_eq(decide().decision, DECIDE_QUARANTINE);
}
END_TEST

START_TEST(persons_can_always_refuse)
{
	all_good(2);
	t.flags |= TRANSFER_REFUSED;
	expect(DECIDE_REJECT, REASON_REFUSED_BY_PERSON);
	t.flags |= TRANSFER_REVOKED;
	expect(DECIDE_REJECT, REASON_REVOKED);
}
END_TEST

/* --- the fold ----------------------------------------------------------- */

static enum gw_err
fold(const struct body_slot *const *list, uint32_t count)
{
	struct decide_result r;
	struct decide_state s;
	uint32_t i;

	decide_begin(&s, &env, &t);
	for (i = 0; i < count; i++)
		decide_body(&s, list[i]);
	return decide_end(&s, &r);
}

START_TEST(every_body_once)
{
	const struct body_slot *list[4];

	all_good(3);
	list[0] = &bodies[0];
	list[1] = &bodies[1];
	list[2] = &bodies[2];
	list[3] = &bodies[2];
	ck_assert_int_eq(fold(list, 3), GW_OK);
	ck_assert_int_eq(fold(list, 2), GW_ENOENT);
	ck_assert_int_eq(fold(list, 4), GW_ENOENT);
	list[2] = &bodies[1];
	ck_assert_int_eq(fold(list, 3), GW_ENOENT);
	list[2] = &bodies[2];
	bodies[2].flags &= ~(uint32_t)BODY_HAS_ROOT;
	ck_assert_int_eq(fold(list, 3), GW_ENOENT);
	bodies[2].flags |= BODY_HAS_ROOT;
	bodies[2].transfer_id[0]++;
	ck_assert_int_eq(fold(list, 3), GW_ENOENT);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keys decide");
	TCase *tc = tcase_create("decide");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, one_file_every_verdict);
	tcase_add_test(tc, two_files_every_verdict);
	tcase_add_test(tc, three_files_every_verdict);
	tcase_add_test(tc, gravest_reason_wins);
	tcase_add_test(tc, infection_outlives_rules);
	tcase_add_test(tc, stale_verdicts_are_missing);
	tcase_add_test(tc, flow_decides_first);
	tcase_add_test(tc, signatures_age);
	tcase_add_test(tc, type_must_be_accepted);
	tcase_add_test(tc, limits_of_the_flow);
	tcase_add_test(tc, manifest_must_name_all);
	tcase_add_test(tc, inadmissible_verdicts_hold);
	tcase_add_test(tc, sanitizing_is_met_by_confirmed_text);
	tcase_add_test(tc, other_types_need_sanitizing);
	tcase_add_test(tc, null_counts_on_a_bench_alone);
	tcase_add_test(tc, scans_are_always_demanded);
	tcase_add_test(tc, steps_come_in_order);
	tcase_add_test(tc, submitter_never_counts);
	tcase_add_test(tc, people_decide_about_what_they_saw);
	tcase_add_test(tc, release_takes_officers);
	tcase_add_test(tc, persons_can_always_refuse);
	tcase_add_test(tc, every_body_once);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
