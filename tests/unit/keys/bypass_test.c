/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/crypto/crypto.h"
#include "proto/parcel/body.h"

#include "tests/unit/keys/way.h"

/*
 * Non-bypass: each test is a hostile sibling of keys, beside honest others,
 * that tries to get content past a stage or a person.  None may succeed.
 */
static struct gate *low, *high;

static void
setup(void)
{
	log_set_level(LOG_ERR_);
	gate_clock_start();
	low = gate_new("internet");
	high = gate_new("lgwan");
	gate_init(low, false);
	gate_init(high, false);
	gate_pair(low, high);
}

static void
teardown(void)
{
	gate_free(low);
	gate_free(high);
}

static void
expect_no_seal(struct way *w)
{
	struct keys_sealed sealed;
	int fd;

	way_seal(w, &sealed, &fd);
	ck_assert_int_ne(sealed.err, GW_OK);
	ck_assert_int_eq(fd, -1);
	ck_assert_uint_eq(gate_logged(low, AUDIT_SEALED), 0);
}

static int
seal_to(struct way *w)
{
	struct keys_sealed sealed;
	int fd;

	ck_assert_int_eq(way_decision(w), DECIDE_GO);
	way_seal(w, &sealed, &fd);
	ck_assert_int_eq(sealed.err, GW_OK);
	return fd;
}

/* --- a hostile spool ---------------------------------------------------- */

START_TEST(spool_seals_without_verdicts)
{
	struct way w;

	way_accept(&w, low, 2);
	expect_no_seal(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_INSPECT);
	expect_no_seal(&w);
}
END_TEST

START_TEST(spool_seals_without_deciding)
{
	struct way w;

	/* Verdicts and decision were never written to the log. */
	way_accept(&w, low, 2);
	way_inspect(&w);
	expect_no_seal(&w);
}
END_TEST

/* Each subset of the four verdicts but the whole one. */
START_TEST(spool_seals_with_some_verdicts)
{
	struct way w;
	unsigned mask;

	for (mask = 0; mask < 15; mask++) {
		way_accept(&w, low, 2);
		if (mask & 1) {
			ck_assert_int_eq(way_names(&w), GW_OK);
			ck_assert_int_eq(way_stage(&w, STAGE_MANIFEST, 0,
			    VERDICT_CLEAN, 0), GW_OK);
		}
		if (mask & 2)
			ck_assert_int_eq(way_stage(&w, STAGE_IDENTIFY, 1,
			    VERDICT_CLEAN, 0), GW_OK);
		if (mask & 4)
			ck_assert_int_eq(way_stage(&w, STAGE_CLAM, 1,
			    VERDICT_CLEAN, 0), GW_OK);
		if (mask & 8)
			ck_assert_int_eq(way_stage(&w, STAGE_CONFIRM, 1,
			    VERDICT_CONFIRMED, 0), GW_OK);
		ck_assert_int_eq(way_decision(&w), DECIDE_INSPECT);
		expect_no_seal(&w);
	}
}
END_TEST

START_TEST(spool_seals_uncommitted)
{
	struct keys_decided d;
	struct keys_grant grant;
	struct way w;
	uint32_t i;

	way_new(&w, low, 2);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(way_body_new(&w, i), GW_OK);
	ck_assert_int_ne(way_commit(&w), GW_OK);
	ck_assert_int_eq(way_body_done(&w, 0), GW_OK);
	ck_assert_int_ne(way_commit(&w), GW_OK);
	ck_assert_int_ne(way_grant(&w, STAGE_CLAM, 1, &grant), GW_OK);
	way_evaluate(&w, &d);
	ck_assert_int_ne(d.err, GW_OK);
	expect_no_seal(&w);
}
END_TEST

START_TEST(spool_seals_under_another_number)
{
	struct keys_decided d;
	struct keys_sealed sealed;
	struct way w, other;
	int fd;

	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	other = w;
	memcpy(other.number, "I20260401-99999-9", 18);
	way_evaluate(&other, &d);
	ck_assert_int_ne(d.err, GW_OK);
	way_seal(&other, &sealed, &fd);
	ck_assert_int_ne(sealed.err, GW_OK);
	io_drop(&fd);
	fd = seal_to(&w);
	io_drop(&fd);
	way_seal(&other, &sealed, &fd);
	ck_assert_int_ne(sealed.err, GW_OK);
	ck_assert_int_eq(fd, -1);
	ck_assert_uint_eq(gate_logged(low, AUDIT_SEALED), 1);
}
END_TEST

/* What is approved under one number must not be two things. */
START_TEST(spool_gives_two_one_number)
{
	struct keys_view req = {.uid = UID_STAFF};
	struct keys_grant grant;
	struct keys_decided d;
	struct ipc_status st;
	struct way w, other;

	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	way_accept(&other, low, 2);
	way_inspect(&other);
	memcpy(other.number, w.number, sizeof(other.number));
	way_evaluate(&other, &d);
	ck_assert_int_eq(d.err, GW_EDENIED);
	/* Other spellings of it are the same number. */
	other.number[0] = 'L';
	way_evaluate(&other, &d);
	ck_assert_int_eq(d.err, GW_EDENIED);
	memcpy(other.number, "I20260401", 10);
	way_evaluate(&other, &d);
	ck_assert_int_eq(d.err, GW_EINVAL);
	/* Nor is it shown under it, but under its own. */
	req.transfer = other.transfer;
	memcpy(req.number, w.number, sizeof(req.number));
	ck_assert_uint_eq(gate_ask(low, &(struct gate_ask){
	    .client = GATE_DESK, .type = KEYS_VIEW, .fixed = &req,
	    .fixed_len = sizeof(req)}, &st, sizeof(st), &grant,
	    sizeof(grant), 1, NULL), 0);
	ck_assert_int_eq(st.err, GW_EDENIED);
	memcpy(req.number, "I20260401-99997-9", 18);
	ck_assert_uint_eq(gate_ask(low, &(struct gate_ask){
	    .client = GATE_DESK, .type = KEYS_VIEW, .fixed = &req,
	    .fixed_len = sizeof(req)}, &st, sizeof(st), &grant,
	    sizeof(grant), 1, NULL), 1);
	memcpy(other.number, "I20260401-99996-9", 18);
	way_evaluate(&other, &d);
	ck_assert_int_eq(d.err, GW_EDENIED);
	memcpy(other.number, req.number, sizeof(other.number));
	way_evaluate(&other, &d);
	ck_assert_int_eq(d.err, GW_OK);
}
END_TEST

/* References mixed from two transfers, or guessed. */
START_TEST(spool_mixes_references)
{
	struct keys_decided d;
	struct keys_sealed sealed;
	struct way good, bad, mix;
	int fd;

	way_accept(&good, low, 2);
	way_accept(&bad, low, 2);
	way_inspect(&good);
	ck_assert_int_eq(way_decision(&good), DECIDE_GO);
	ck_assert_int_eq(way_decision(&bad), DECIDE_INSPECT);
	mix = bad;
	mix.transfer.slot = good.transfer.slot;
	way_evaluate(&mix, &d);
	ck_assert_int_ne(d.err, GW_OK);
	mix.transfer = good.transfer;
	mix.transfer.slot = bad.transfer.slot;
	way_seal(&mix, &sealed, &fd);
	ck_assert_int_ne(sealed.err, GW_OK);
	mix.transfer = good.transfer;
	mix.transfer.bucket++;
	way_seal(&mix, &sealed, &fd);
	ck_assert_int_ne(sealed.err, GW_OK);
	mix.transfer.bucket = UINT32_MAX;
	mix.transfer.slot = UINT32_MAX;
	way_seal(&mix, &sealed, &fd);
	ck_assert_int_ne(sealed.err, GW_OK);
	/* A body's slot is no transfer's. */
	mix.transfer = good.bodies[0];
	way_seal(&mix, &sealed, &fd);
	ck_assert_int_ne(sealed.err, GW_OK);
}
END_TEST

START_TEST(spool_forgets_an_infection)
{
	struct keys_bodies req;
	struct way w;

	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_stage(&w, STAGE_CLAM, 1, VERDICT_INFECTED,
	    REASON_VIRUS_FOUND), GW_OK);
	req.transfer = w.transfer;
	/* Before the decision, and after it. */
	ck_assert_int_ne(gate_status(low, &(struct gate_ask){
	    .client = GATE_SPOOL, .type = KEYS_REJUDGE, .fixed = &req,
	    .fixed_len = sizeof(req)}), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_QUARANTINE);
	ck_assert_int_ne(gate_status(low, &(struct gate_ask){
	    .client = GATE_SPOOL, .type = KEYS_REJUDGE, .fixed = &req,
	    .fixed_len = sizeof(req)}), GW_OK);
	expect_no_seal(&w);
}
END_TEST

/* --- a hostile zygote --------------------------------------------------- */

START_TEST(zygote_of_another_stage)
{
	struct verdict_record rec;
	struct keys_grant grant;
	struct way w;

	way_accept(&w, low, 2);
	ck_assert_int_eq(way_names(&w), GW_OK);
	ck_assert_int_eq(way_stage(&w, STAGE_MANIFEST, 0, VERDICT_CLEAN, 0),
	    GW_OK);
	ck_assert_int_eq(way_stage(&w, STAGE_IDENTIFY, 1, VERDICT_CLEAN, 0),
	    GW_OK);
	/* confirm says CLEAN as often as it likes: clam's stays missing. */
	ck_assert_int_eq(way_stage(&w, STAGE_CONFIRM, 1, VERDICT_CONFIRMED,
	    0), GW_OK);
	ck_assert_int_eq(way_stage(&w, STAGE_CONFIRM, 1, VERDICT_CLEAN, 0),
	    GW_OK);
	way_verdict_fill(&w, STAGE_CLAM, 1, &rec);
	ck_assert_int_eq(way_verdict_send(&w, STAGE_IDENTIFY, &rec), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_INSPECT);
	expect_no_seal(&w);
	/* Stages the flow does not name, and the wrong kind of body. */
	ck_assert_int_ne(way_grant(&w, STAGE_SANITIZE, 1, &grant), GW_OK);
	ck_assert_int_ne(way_grant(&w, STAGE_NULL, 1, &grant), GW_OK);
	ck_assert_int_ne(way_grant(&w, STAGE_MANIFEST, 1, &grant), GW_OK);
	ck_assert_int_ne(way_grant(&w, STAGE_CLAM, 0, &grant), GW_OK);
}
END_TEST

START_TEST(zygote_of_another_body)
{
	struct verdict_record rec;
	struct keys_grant grant;
	struct way w;

	way_accept(&w, low, 3);
	/* Never granted: not read, so nothing to say. */
	way_verdict_fill(&w, STAGE_CLAM, 1, &rec);
	ck_assert_int_ne(way_verdict_send(&w, STAGE_CLAM, &rec), GW_OK);
	ck_assert_int_eq(way_grant(&w, STAGE_CLAM, 1, &grant), GW_OK);
	/* Body 2's root under body 1's id, and the other way round. */
	memcpy(rec.root, w.roots[2], 32);
	ck_assert_int_ne(way_verdict_send(&w, STAGE_CLAM, &rec), GW_OK);
	rec.body = w.bodies[2];
	ck_assert_int_ne(way_verdict_send(&w, STAGE_CLAM, &rec), GW_OK);
	rec.body = w.bodies[1];
	rec.body.slot = w.bodies[2].slot;
	memcpy(rec.root, w.roots[1], 32);
	ck_assert_int_ne(way_verdict_send(&w, STAGE_CLAM, &rec), GW_OK);
	memset(rec.root, 0, 32);
	rec.body = w.bodies[1];
	ck_assert_int_ne(way_verdict_send(&w, STAGE_CLAM, &rec), GW_OK);
	/* The right one is still taken. */
	memcpy(rec.root, w.roots[1], 32);
	ck_assert_int_eq(way_verdict_send(&w, STAGE_CLAM, &rec), GW_OK);
}
END_TEST

START_TEST(zygote_says_what_it_may_not)
{
	static const struct {
		enum policy_stage stage;
		uint16_t verdict, reason;
	} bad[] = {
		{STAGE_CLAM, VERDICT_NONE, 0},
		{STAGE_CLAM, VERDICT_CONFIRMED, 0},
		{STAGE_CLAM, VERDICT_CLEANED, 0},
		{STAGE_CLAM, 7, 0},
		{STAGE_CLAM, 0x101, 0},
		{STAGE_CLAM, VERDICT_CLEAN, REASON_VIRUS_FOUND},
		{STAGE_CLAM, VERDICT_NOT_SCANNED, 9999},
		{STAGE_IDENTIFY, VERDICT_INFECTED, REASON_VIRUS_FOUND},
		{STAGE_CONFIRM, VERDICT_INFECTED, REASON_VIRUS_FOUND},
		{STAGE_IDENTIFY, VERDICT_CONFIRMED, 0},
	};
	struct verdict_record rec;
	struct way w;
	unsigned i;

	way_accept(&w, low, 2);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_ne(way_stage(&w, bad[i].stage, 1,
		    bad[i].verdict, bad[i].reason), GW_OK);
	way_verdict_fill(&w, STAGE_IDENTIFY, 1, &rec);
	rec.type = TYPE_COUNT;
	ck_assert_int_ne(way_verdict_send(&w, STAGE_IDENTIFY, &rec), GW_OK);
	way_verdict_fill(&w, STAGE_IDENTIFY, 1, &rec);
	memset(rec.detail, 'x', sizeof(rec.detail));
	ck_assert_int_ne(way_verdict_send(&w, STAGE_IDENTIFY, &rec), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_INSPECT);
}
END_TEST

/* Who said INFECTED does not take it back. */
START_TEST(zygote_takes_back_a_verdict)
{
	struct way w;

	way_accept(&w, low, 3);
	way_inspect(&w);
	ck_assert_int_eq(way_stage(&w, STAGE_CONFIRM, 2, VERDICT_NOT_SCANNED,
	    REASON_FORMULA_CELL), GW_OK);
	ck_assert_int_eq(way_stage(&w, STAGE_CONFIRM, 2, VERDICT_CONFIRMED,
	    0), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_HOLD);
	ck_assert_int_eq(way_stage(&w, STAGE_CLAM, 1, VERDICT_INFECTED,
	    REASON_VIRUS_FOUND), GW_OK);
	ck_assert_int_eq(way_stage(&w, STAGE_CLAM, 1, VERDICT_CLEAN, 0),
	    GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_QUARANTINE);
	expect_no_seal(&w);
}
END_TEST

/* A finding after GO undoes it, as long as nothing has left. */
START_TEST(zygote_finds_late)
{
	struct keys_grant grants[2];
	struct way w, h;
	int fd;

	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	ck_assert_int_eq(way_stage(&w, STAGE_CLAM, 1, VERDICT_INFECTED,
	    REASON_VIRUS_FOUND), GW_OK);
	expect_no_seal(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_QUARANTINE);

	way_accept(&w, low, 2);
	way_inspect(&w);
	fd = seal_to(&w);
	way_arrive(&h, high, &w, fd);
	way_inspect(&h);
	ck_assert_int_eq(way_decision(&h), DECIDE_GO);
	ck_assert_int_eq(way_stage(&h, STAGE_CLAM, 1, VERDICT_INFECTED,
	    REASON_VIRUS_FOUND), GW_OK);
	ck_assert_int_ne(way_release(&h, 0, 2, grants), GW_OK);
	ck_assert_int_eq(way_decision(&h), DECIDE_QUARANTINE);
	ck_assert_int_ne(way_release(&h, 0, 2, grants), GW_OK);
	io_drop(&fd);
}
END_TEST

START_TEST(zygote_after_sealing)
{
	struct verdict_record rec;
	struct keys_grant grant;
	struct way w;
	int fd;

	way_accept(&w, low, 2);
	way_inspect(&w);
	fd = seal_to(&w);
	way_verdict_fill(&w, STAGE_CLAM, 1, &rec);
	rec.verdict = VERDICT_NOT_SCANNED;
	ck_assert_int_ne(way_verdict_send(&w, STAGE_CLAM, &rec), GW_OK);
	ck_assert_int_ne(way_grant(&w, STAGE_CLAM, 1, &grant), GW_OK);
	io_drop(&fd);
}
END_TEST

/* --- a hostile manifest stage or courier: names ------------------------- */

static enum gw_err
names_send(struct way *w, uint32_t first, uint32_t total,
    const struct keys_name *names, uint32_t count, enum policy_stage stage)
{
	struct keys_names req = {.manifest = w->bodies[0], .first = first,
	    .total = total};
	struct keys_grant grant;
	struct ipc_status st;

	(void)way_grant(w, STAGE_MANIFEST, 0, &grant);
	(void)gate_ask(w->g, &(struct gate_ask){
	    .client = GATE_ZYGOTE(stage), .type = KEYS_NAMES, .fixed = &req,
	    .fixed_len = sizeof(req), .elems = names,
	    .elem = sizeof(*names), .count = count}, &st, sizeof(st), NULL,
	    0, 0, NULL);
	return st.err != GW_OK ? (enum gw_err)st.err :
	    st.reason == REASON_MANIFEST_MISMATCH ? GW_EHASH : GW_OK;
}

static void
names_fill(const struct way *w, struct keys_name *names)
{
	uint32_t i;

	memset(names, 0, sizeof(*names) * (w->count - 1));
	for (i = 1; i < w->count; i++) {
		memcpy(names[i - 1].name_hash, w->names[i], 32);
		memcpy(names[i - 1].ext, "txt", 3);
		names[i - 1].plain_len = WAY_PLAIN;
	}
}

START_TEST(names_must_agree)
{
	struct keys_name names[2];
	struct way w;
	int how;

	for (how = 0; how < 8; how++) {
		uint32_t first = 1, total = 2, count = 2;

		way_accept(&w, low, 3);
		names_fill(&w, names);
		if (how == 0)
			names[1].name_hash[3]++;
		if (how == 1)
			memcpy(names[0].ext, "exe", 3);
		if (how == 2)
			names[1].plain_len--;
		if (how == 3)
			first = 2;
		if (how == 4)
			total = 3;
		if (how == 5)
			count = 1;
		if (how == 6)
			memset(names[0].ext, 'x', sizeof(names[0].ext));
		if (how == 7)
			names[1].plain_len = UINT64_MAX;
		ck_assert_int_eq(names_send(&w, first, total, names, count,
		    STAGE_MANIFEST), how == 5 ? GW_OK : GW_EHASH);
		ck_assert_int_eq(way_stage(&w, STAGE_MANIFEST, 0,
		    VERDICT_CLEAN, 0), GW_OK);
		ck_assert_int_eq(way_decision(&w), DECIDE_HOLD);
		expect_no_seal(&w);
	}
	way_accept(&w, low, 3);
	names_fill(&w, names);
	ck_assert_int_ne(names_send(&w, 1, 2, names, 2, STAGE_CLAM), GW_OK);
}
END_TEST

/* On the high side the first names stand; other ones later do not. */
START_TEST(names_change_after_scanning)
{
	struct keys_grant grants[2];
	struct keys_name names[1];
	struct way w, h;
	int fd;

	way_accept(&w, low, 2);
	way_inspect(&w);
	fd = seal_to(&w);
	way_arrive(&h, high, &w, fd);
	ck_assert_int_eq(way_grant(&h, STAGE_CLAM, 1, &grants[0]),
	    GW_EAGAIN);
	way_inspect(&h);
	names_fill(&h, names);
	memcpy(names[0].ext, "exe", 3);
	ck_assert_int_eq(names_send(&h, 1, 1, names, 1, STAGE_MANIFEST),
	    GW_EHASH);
	ck_assert_int_eq(way_decision(&h), DECIDE_HOLD);
	ck_assert_int_ne(way_release(&h, 0, 2, grants), GW_OK);
	io_drop(&fd);
}
END_TEST

/* --- a hostile courier -------------------------------------------------- */

START_TEST(courier_changes_what_was_scanned)
{
	struct way w, other;

	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_ne(way_body_new(&w, 1), GW_OK);
	ck_assert_int_ne(way_body_done(&w, 1), GW_OK);
	/* Twice, with another root, before the commit. */
	way_new(&other, low, 2);
	ck_assert_int_eq(way_body_new(&other, 1), GW_OK);
	ck_assert_int_eq(way_body_done(&other, 1), GW_OK);
	other.roots[1][0]++;
	ck_assert_int_ne(way_body_done(&other, 1), GW_OK);
	/* A new id and key: the root is to be told anew. */
	ck_assert_int_eq(way_body_new(&other, 1), GW_OK);
	ck_assert_int_ne(way_commit(&other), GW_OK);
}
END_TEST

START_TEST(courier_swaps_bodies)
{
	struct keys_bodies req;
	struct ipc_body done[2];
	struct way a, b;

	way_new(&a, low, 3);
	way_new(&b, low, 3);
	ck_assert_int_eq(way_body_new(&a, 1), GW_OK);
	ck_assert_int_eq(way_body_new(&a, 2), GW_OK);
	ck_assert_int_eq(way_body_new(&b, 1), GW_OK);
	memset(done, 0, sizeof(done));
	done[0].plain_len = done[1].plain_len = WAY_PLAIN;
	done[0].padded_len = done[1].padded_len = body_padded_len(WAY_PLAIN);
	req.transfer = a.transfer;
	/* b's body at a's index; a's bodies crossed; one index twice. */
	done[0].index = 1;
	memcpy(done[0].id, b.bodies[1].id, 16);
	ck_assert_int_ne(gate_status(low, &(struct gate_ask){
	    .client = GATE_COURIER, .type = KEYS_BODY_DONE, .fixed = &req,
	    .fixed_len = sizeof(req), .elems = done,
	    .elem = sizeof(done[0]), .count = 1}), GW_OK);
	memcpy(done[0].id, a.bodies[2].id, 16);
	ck_assert_int_ne(gate_status(low, &(struct gate_ask){
	    .client = GATE_COURIER, .type = KEYS_BODY_DONE, .fixed = &req,
	    .fixed_len = sizeof(req), .elems = done,
	    .elem = sizeof(done[0]), .count = 1}), GW_OK);
	memcpy(done[0].id, a.bodies[1].id, 16);
	done[1] = done[0];
	ck_assert_int_ne(gate_status(low, &(struct gate_ask){
	    .client = GATE_COURIER, .type = KEYS_BODY_DONE, .fixed = &req,
	    .fixed_len = sizeof(req), .elems = done,
	    .elem = sizeof(done[0]), .count = 2}), GW_OK);
	done[0].index = 3; /* beyond */
	ck_assert_int_ne(gate_status(low, &(struct gate_ask){
	    .client = GATE_COURIER, .type = KEYS_BODY_DONE, .fixed = &req,
	    .fixed_len = sizeof(req), .elems = done,
	    .elem = sizeof(done[0]), .count = 1}), GW_OK);
	done[0].index = 1;
	done[0].padded_len += 4096; /* not what plain_len gives */
	ck_assert_int_ne(gate_status(low, &(struct gate_ask){
	    .client = GATE_COURIER, .type = KEYS_BODY_DONE, .fixed = &req,
	    .fixed_len = sizeof(req), .elems = done,
	    .elem = sizeof(done[0]), .count = 1}), GW_OK);
}
END_TEST

/* Keys before GO, of what was stopped, and of the other side. */
START_TEST(courier_asks_for_keys)
{
	struct keys_grant grants[2];
	struct way w, h;
	int fd;

	way_accept(&w, low, 2);
	ck_assert_int_ne(way_release(&w, 0, 2, grants), GW_OK);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	ck_assert_int_ne(way_release(&w, 0, 2, grants), GW_OK);
	fd = seal_to(&w);
	ck_assert_int_ne(way_release(&w, 0, 2, grants), GW_OK);
	way_arrive(&h, high, &w, fd);
	ck_assert_int_ne(way_release(&h, 0, 1, grants), GW_OK);
	ck_assert_int_eq(way_names(&h), GW_OK);
	ck_assert_int_eq(way_stage(&h, STAGE_MANIFEST, 0, VERDICT_CLEAN, 0),
	    GW_OK);
	ck_assert_int_eq(way_stage(&h, STAGE_IDENTIFY, 1, VERDICT_DENIED,
	    REASON_TYPE_EXECUTABLE), GW_OK);
	ck_assert_int_eq(way_decision(&h), DECIDE_REJECT);
	ck_assert_int_ne(way_release(&h, 0, 2, grants), GW_OK);
	ck_assert_int_ne(way_release(&h, 1, UINT32_MAX, grants), GW_OK);
	io_drop(&fd);
}
END_TEST

/* The way back is open for what was refused, never for what is infected. */
START_TEST(courier_returns)
{
	struct keys_grant grants[3];
	struct way w;

	way_accept(&w, low, 3);
	way_inspect(&w);
	ck_assert_int_eq(way_stage(&w, STAGE_IDENTIFY, 1, VERDICT_DENIED,
	    REASON_TYPE_EXECUTABLE), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_REJECT);
	ck_assert_int_eq(way_release(&w, 0, 3, grants), GW_OK);
	ck_assert_int_eq(way_stage(&w, STAGE_CLAM, 2, VERDICT_INFECTED,
	    REASON_VIRUS_FOUND), GW_OK);
	ck_assert_int_ne(way_release(&w, 0, 3, grants), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_QUARANTINE);
	ck_assert_int_ne(way_release(&w, 0, 1, grants), GW_OK);
}
END_TEST

START_TEST(courier_views)
{
	struct keys_view req = {.uid = UINT32_MAX};
	struct keys_grant grant;
	struct ipc_status st;
	struct way w, h;
	int fd;

	way_accept(&w, low, 2);
	way_inspect(&w);
	fd = seal_to(&w);
	way_arrive(&h, high, &w, fd);
	req.transfer = h.transfer;
	/* No manifest of the other side before its stage has read it. */
	ck_assert_uint_eq(gate_ask(high, &(struct gate_ask){
	    .client = GATE_COURIER, .type = KEYS_VIEW, .fixed = &req,
	    .fixed_len = sizeof(req)}, &st, sizeof(st), &grant,
	    sizeof(grant), 1, NULL), 0);
	ck_assert_int_ne(st.err, GW_OK);
	way_inspect(&h);
	ck_assert_uint_eq(gate_ask(high, &(struct gate_ask){
	    .client = GATE_COURIER, .type = KEYS_VIEW, .fixed = &req,
	    .fixed_len = sizeof(req)}, &st, sizeof(st), &grant,
	    sizeof(grant), 1, NULL), 1);
	ck_assert_mem_eq(grant.key, w.keys[0], 32);
	ck_assert_uint_eq(gate_logged(high, AUDIT_VIEW), 0);
	/* Desk names a person, and the log knows. */
	ck_assert_uint_eq(gate_ask(high, &(struct gate_ask){
	    .client = GATE_DESK, .type = KEYS_VIEW, .fixed = &req,
	    .fixed_len = sizeof(req)}, &st, sizeof(st), &grant,
	    sizeof(grant), 1, NULL), 0);
	req.uid = UID_STAFF;
	memcpy(req.number, "I20260401-99999-9", 18);
	ck_assert_uint_eq(gate_ask(high, &(struct gate_ask){
	    .client = GATE_DESK, .type = KEYS_VIEW, .fixed = &req,
	    .fixed_len = sizeof(req)}, &st, sizeof(st), &grant,
	    sizeof(grant), 1, NULL), 0);
	ck_assert_int_eq(st.err, GW_EDENIED);
	memcpy(req.number, w.number, sizeof(req.number));
	ck_assert_uint_eq(gate_ask(high, &(struct gate_ask){
	    .client = GATE_DESK, .type = KEYS_VIEW, .fixed = &req,
	    .fixed_len = sizeof(req)}, &st, sizeof(st), &grant,
	    sizeof(grant), 1, NULL), 1);
	ck_assert_uint_eq(gate_logged(high, AUDIT_VIEW), 1);
	ck_assert_uint_eq(gate_last(high, AUDIT_VIEW)->uid, UID_STAFF);
	io_drop(&fd);
}
END_TEST

/* --- rules that change on the way --------------------------------------- */

START_TEST(flow_changes_after_scanning)
{
	struct keys_grant grants[2];
	struct keys_decided d;
	struct way w, h;
	int fd;

	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	low->flow->formula_guard = 1;
	gate_reload(low);
	expect_no_seal(&w);
	way_evaluate(&w, &d);
	ck_assert_int_eq(d.decision, DECIDE_INSPECT);
	ck_assert_uint_eq(d.missing, low->flow->stages);
	way_inspect(&w);
	fd = seal_to(&w);

	way_arrive(&h, high, &w, fd);
	way_inspect(&h);
	ck_assert_int_eq(way_decision(&h), DECIDE_GO);
	high->flow->formula_guard = 1;
	gate_reload(high);
	ck_assert_int_ne(way_release(&h, 0, 2, grants), GW_OK);
	ck_assert_int_eq(way_decision(&h), DECIDE_INSPECT);
	way_inspect(&h);
	ck_assert_int_eq(way_decision(&h), DECIDE_GO);
	ck_assert_int_eq(way_release(&h, 0, 2, grants), GW_OK);
	io_drop(&fd);
}
END_TEST

START_TEST(flow_goes)
{
	struct keys_grant grants[2];
	struct keys_decided d;
	struct way w, h;
	int fd;

	way_accept(&w, low, 2);
	way_inspect(&w);
	fd = seal_to(&w);
	way_arrive(&h, high, &w, fd);
	way_inspect(&h);
	ck_assert_int_eq(way_decision(&h), DECIDE_GO);
	memcpy(high->flow->id, "renamed", 8);
	gate_reload(high);
	ck_assert_int_ne(way_release(&h, 0, 2, grants), GW_OK);
	way_evaluate(&h, &d);
	ck_assert_int_eq(d.decision, DECIDE_HOLD);
	ck_assert_int_eq(d.reason, REASON_FLOW_UNKNOWN_HERE);
	io_drop(&fd);
}
END_TEST

START_TEST(signatures_grow_old)
{
	struct keys_decided d;
	struct way w;

	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	gate_clock_move(8 * UINT64_C(86400000));
	expect_no_seal(&w);
	way_evaluate(&w, &d);
	ck_assert_int_eq(d.decision, DECIDE_HOLD);
	ck_assert_int_eq(d.reason, REASON_SIGNATURES_OLD);
}
END_TEST

/* --- bench -------------------------------------------------------------- */

static void
null_flow(struct gate *g)
{
	g->flow->stages = STAGE_BIT(STAGE_MANIFEST) | STAGE_BIT(STAGE_NULL);
	gate_reload(g);
}

START_TEST(null_stage_in_a_normal_zone)
{
	struct verdict_record rec;
	struct keys_grant grant;
	struct way w;

	null_flow(low);
	way_accept(&w, low, 2);
	ck_assert_int_eq(way_names(&w), GW_OK);
	ck_assert_int_eq(way_stage(&w, STAGE_MANIFEST, 0, VERDICT_CLEAN, 0),
	    GW_OK);
	ck_assert_int_ne(way_grant(&w, STAGE_NULL, 1, &grant), GW_OK);
	way_verdict_fill(&w, STAGE_NULL, 1, &rec);
	ck_assert_int_ne(way_verdict_send(&w, STAGE_NULL, &rec), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_HOLD);
	expect_no_seal(&w);
}
END_TEST

START_TEST(null_stage_on_a_bench)
{
	struct gate *bl = gate_new("internet"), *bh = gate_new("lgwan");
	struct keys_grant grants[2];
	struct keys_sealed sealed;
	struct way w, h;
	int fd;

	gate_init(bl, true);
	gate_init(bh, true);
	gate_pair(bl, bh);
	null_flow(bl);
	null_flow(bh);
	way_accept(&w, bl, 2);
	ck_assert_int_eq(way_names(&w), GW_OK);
	ck_assert_int_eq(way_stage(&w, STAGE_MANIFEST, 0, VERDICT_CLEAN, 0),
	    GW_OK);
	ck_assert_int_eq(way_stage(&w, STAGE_NULL, 1, VERDICT_CLEAN, 0),
	    GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	way_seal(&w, &sealed, &fd);
	way_arrive(&h, bh, &w, fd);
	ck_assert_int_eq(way_names(&h), GW_OK);
	ck_assert_int_eq(way_stage(&h, STAGE_MANIFEST, 0, VERDICT_CLEAN, 0),
	    GW_OK);
	ck_assert_int_eq(way_stage(&h, STAGE_NULL, 1, VERDICT_CLEAN, 0),
	    GW_OK);
	ck_assert_int_eq(way_decision(&h), DECIDE_GO);
	ck_assert_int_eq(way_release(&h, 0, 2, grants), GW_OK);
	io_drop(&fd);
	gate_free(bl);
	gate_free(bh);
}
END_TEST

/* --- messages out of place ---------------------------------------------- */

/* The process must end with log_fatal's status. */
static void
expect_fatal(int client, uint16_t type, size_t fixed)
{
	static uint8_t zero[8192];
	char root[64];
	int status;
	pid_t pid;

	gate_folder(root);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		struct gate *g;

		/* The loop of the parent is not the child's to use. */
		log_set_sink(NULL, NULL);
		g = gate_attach("internet", root);
		(void)gate_send(g, &(struct gate_ask){.client = client,
		    .type = type, .fixed = zero, .fixed_len = fixed});
		gate_settle(g);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	gate_remove(root);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 1);
}

START_TEST(only_permitted_messages)
{
	expect_fatal(GATE_COURIER, KEYS_SEAL, sizeof(struct keys_seal));
	expect_fatal(GATE_COURIER, KEYS_GRANT, 0);
	expect_fatal(GATE_COURIER, KEYS_DECIDE, sizeof(struct keys_decide));
	expect_fatal(GATE_SPOOL, KEYS_DECIDE, sizeof(struct keys_decide));
	expect_fatal(GATE_SPOOL, KEYS_VERDICT, 0);
	expect_fatal(GATE_SPOOL, KEYS_GRANT, 0);
	expect_fatal(GATE_SPOOL, KEYS_RELEASE, sizeof(struct keys_release));
	expect_fatal(GATE_SPOOL, KEYS_VIEW, sizeof(struct keys_view));
	expect_fatal(GATE_SPOOL, KEYS_PAIR_ACCEPT,
	    sizeof(struct keys_pair_accept));
	expect_fatal(GATE_DESK, KEYS_SEAL, sizeof(struct keys_seal));
	expect_fatal(GATE_DESK, KEYS_RELEASE, sizeof(struct keys_release));
	expect_fatal(GATE_DESK, KEYS_EVALUATE, sizeof(struct keys_evaluate));
	expect_fatal(GATE_ZYGOTE(STAGE_CLAM), KEYS_RELEASE,
	    sizeof(struct keys_release));
	expect_fatal(GATE_ZYGOTE(STAGE_CLAM), KEYS_BODY_NEW,
	    sizeof(struct keys_bodies));
	expect_fatal(GATE_ZYGOTE(STAGE_CLAM), KEYS_VIEW,
	    sizeof(struct keys_view));
	/* Permitted, but of another size. */
	expect_fatal(GATE_SPOOL, KEYS_SEAL, sizeof(struct keys_seal) - 1);
	expect_fatal(GATE_SPOOL, KEYS_OPEN, sizeof(struct keys_open));
	/* A new epoch is people's: spool may only freeze. */
	expect_fatal(GATE_SPOOL, KEYS_CHANNEL_OP,
	    sizeof(struct keys_channel_op));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keys bypass");
	TCase *tc = tcase_create("bypass");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, spool_seals_without_verdicts);
	tcase_add_test(tc, spool_seals_without_deciding);
	tcase_add_test(tc, spool_seals_with_some_verdicts);
	tcase_add_test(tc, spool_seals_uncommitted);
	tcase_add_test(tc, spool_seals_under_another_number);
	tcase_add_test(tc, spool_gives_two_one_number);
	tcase_add_test(tc, spool_mixes_references);
	tcase_add_test(tc, spool_forgets_an_infection);
	tcase_add_test(tc, zygote_of_another_stage);
	tcase_add_test(tc, zygote_of_another_body);
	tcase_add_test(tc, zygote_says_what_it_may_not);
	tcase_add_test(tc, zygote_takes_back_a_verdict);
	tcase_add_test(tc, zygote_finds_late);
	tcase_add_test(tc, zygote_after_sealing);
	tcase_add_test(tc, names_must_agree);
	tcase_add_test(tc, names_change_after_scanning);
	tcase_add_test(tc, courier_changes_what_was_scanned);
	tcase_add_test(tc, courier_swaps_bodies);
	tcase_add_test(tc, courier_asks_for_keys);
	tcase_add_test(tc, courier_returns);
	tcase_add_test(tc, courier_views);
	tcase_add_test(tc, flow_changes_after_scanning);
	tcase_add_test(tc, flow_goes);
	tcase_add_test(tc, signatures_grow_old);
	tcase_add_test(tc, null_stage_in_a_normal_zone);
	tcase_add_test(tc, null_stage_on_a_bench);
	tcase_add_test(tc, only_permitted_messages);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
