/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/record/card.h"
#include "gatewayd/keys/peer.h"
#include "gatewayd/keys/zone.h"

#include "tests/unit/keys/way.h"

/* Decisions of people, pairing, and what desk may not make up. */
static struct gate *low, *high;

static void
setup(void)
{
	log_set_level(LOG_ERR_);
	gate_clock_start();
	low = gate_new("internet");
	high = gate_new("lgwan");
}

static void
setup_paired(void)
{
	setup();
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

/* --- approvals ---------------------------------------------------------- */

static void
with_steps(struct gate *g)
{
	g->flow->step_count = 2;
	g->flow->steps[0].roles = POLICY_APPROVER;
	g->flow->steps[0].count = 1;
	g->flow->steps[1].roles = POLICY_OFFICER;
	g->flow->steps[1].count = 1;
	gate_reload(g);
}

START_TEST(approves_in_steps)
{
	const uint32_t all = POLICY_APPROVER | POLICY_OFFICER | POLICY_STAFF;
	struct keys_sealed sealed;
	struct keys_decided d;
	struct way w;
	int fd;

	with_steps(low);
	way_accept(&w, low, 2);
	ck_assert_int_eq(way_decision(&w), DECIDE_INSPECT);
	/* Nobody approves what is not scanned yet. */
	ck_assert_int_eq(way_decide(&w, ACT_APPROVE, UID_APPROVER, all, &d),
	    GW_EDENIED);
	way_inspect(&w);
	way_evaluate(&w, &d);
	ck_assert_int_eq(d.decision, DECIDE_APPROVAL);
	ck_assert_uint_eq(d.approvals_need, 2);
	way_seal(&w, &sealed, &fd);
	ck_assert_int_ne(sealed.err, GW_OK);
	/* The second step before the first. */
	ck_assert_int_eq(way_decide(&w, ACT_APPROVE, UID_OFFICER_A, all, &d),
	    GW_EDENIED);
	ck_assert_int_eq(way_decide(&w, ACT_APPROVE, UID_BOTH, all, &d),
	    GW_OK);
	ck_assert_uint_eq(d.approvals_have, 1);
	/* The same person in both steps. */
	ck_assert_int_eq(way_decide(&w, ACT_APPROVE, UID_BOTH, all, &d),
	    GW_EDENIED);
	way_seal(&w, &sealed, &fd);
	ck_assert_int_ne(sealed.err, GW_OK);
	ck_assert_int_eq(way_decide(&w, ACT_APPROVE, UID_OFFICER_A, all, &d),
	    GW_OK);
	ck_assert_int_eq(d.decision, DECIDE_GO);
	/* Still to be evaluated, and so recorded. */
	way_seal(&w, &sealed, &fd);
	ck_assert_int_ne(sealed.err, GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	way_seal(&w, &sealed, &fd);
	ck_assert_int_eq(sealed.err, GW_OK);
	ck_assert_uint_eq(gate_logged(low, AUDIT_PERSON), 2);
	ck_assert_uint_eq(gate_logged(low, AUDIT_DENIED), 3);
	io_drop(&fd);
}
END_TEST

/* Desk cannot give roles that the policy does not. */
START_TEST(roles_come_from_the_policy)
{
	struct keys_decided d;
	struct way w;

	with_steps(low);
	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_APPROVAL);
	ck_assert_int_eq(way_decide(&w, ACT_APPROVE, 4711, 0xffff, &d),
	    GW_EDENIED);
	ck_assert_int_eq(way_decide(&w, ACT_APPROVE, UID_ADMIN, 0xffff, &d),
	    GW_EDENIED);
	ck_assert_int_eq(way_decide(&w, ACT_APPROVE, UINT32_MAX, 0xffff, &d),
	    GW_EDENIED);
	/* Nor take what desk itself did not see. */
	ck_assert_int_eq(way_decide(&w, ACT_APPROVE, UID_APPROVER,
	    POLICY_STAFF, &d), GW_EDENIED);
	ck_assert_int_eq(way_decide(&w, (enum keys_act)9, UID_APPROVER,
	    0xffff, &d), GW_EDENIED);
	ck_assert_int_eq(way_decide(&w, (enum keys_act)0, UID_APPROVER,
	    0xffff, &d), GW_EDENIED);
	ck_assert_int_eq(way_decision(&w), DECIDE_APPROVAL);
}
END_TEST

START_TEST(nobody_approves_himself)
{
	struct keys_transfer_new req = {.body_count = 2,
	    .uid = UID_APPROVER, .flow = "documents",
	    .submitter = "somebody"};
	struct keys_transfer_made made;
	struct keys_decided d;
	struct way w, own;
	uint32_t i;

	with_steps(low);
	way_new(&w, low, 2);
	own = w;
	(void)gate_ask(low, &(struct gate_ask){.client = GATE_COURIER,
	    .type = KEYS_TRANSFER_NEW, .fixed = &req,
	    .fixed_len = sizeof(req)}, &made, sizeof(made), NULL, 0, 0, NULL);
	own.transfer = made.transfer;
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(way_body_new(&own, i), GW_OK);
		ck_assert_int_eq(way_body_done(&own, i), GW_OK);
	}
	ck_assert_int_eq(way_commit(&own), GW_OK);
	way_inspect(&own);
	ck_assert_int_eq(way_decision(&own), DECIDE_APPROVAL);
	ck_assert_int_eq(way_decide(&own, ACT_APPROVE, UID_APPROVER, 0xffff,
	    &d), GW_EDENIED);
	ck_assert_int_eq(way_decide(&own, ACT_APPROVE, UID_BOTH, 0xffff, &d),
	    GW_OK);
}
END_TEST

/* By folder the submitter's name is known and his uid is not. */
START_TEST(nobody_approves_himself_by_name)
{
	struct keys_transfer_new req = {.body_count = 2, .uid = UINT32_MAX,
	    .flow = "documents"};
	struct keys_transfer_made made;
	struct keys_decided d;
	struct way w;
	uint32_t i;

	with_steps(low);
	way_new(&w, low, 2);
	(void)snprintf(req.submitter, sizeof(req.submitter), "u%u",
	    UID_APPROVER);
	(void)gate_ask(low, &(struct gate_ask){.client = GATE_COURIER,
	    .type = KEYS_TRANSFER_NEW, .fixed = &req,
	    .fixed_len = sizeof(req)}, &made, sizeof(made), NULL, 0, 0, NULL);
	w.transfer = made.transfer;
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(way_body_new(&w, i), GW_OK);
		ck_assert_int_eq(way_body_done(&w, i), GW_OK);
	}
	ck_assert_int_eq(way_commit(&w), GW_OK);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_APPROVAL);
	ck_assert_int_eq(way_decide(&w, ACT_APPROVE, UID_APPROVER, 0xffff,
	    &d), GW_EDENIED);
	ck_assert_int_eq(way_decide(&w, ACT_REVOKE, UINT32_MAX, 0xffff, &d),
	    GW_EDENIED);
}
END_TEST

START_TEST(decision_under_another_number)
{
	struct keys_decided d;
	struct way w, other;

	with_steps(low);
	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_APPROVAL);
	other = w;
	memcpy(other.number, "I20260401-99998-9", 18);
	ck_assert_int_eq(way_decide(&other, ACT_APPROVE, UID_APPROVER,
	    0xffff, &d), GW_EDENIED);
}
END_TEST

/* --- releases ----------------------------------------------------------- */

START_TEST(two_officers_release)
{
	struct keys_sealed sealed;
	struct keys_decided d;
	struct way w;
	int fd;

	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_stage(&w, STAGE_CONFIRM, 1, VERDICT_NOT_SCANNED,
	    REASON_UNCONFIRMED), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_HOLD);
	ck_assert_int_eq(way_decide(&w, ACT_RELEASE, UID_APPROVER, 0xffff,
	    &d), GW_EDENIED);
	ck_assert_int_eq(way_decide(&w, ACT_RELEASE, UID_OFFICER_A, 0xffff,
	    &d), GW_OK);
	ck_assert_int_eq(d.decision, DECIDE_HOLD);
	ck_assert_uint_eq(d.approvals_have, 1);
	ck_assert_uint_eq(d.approvals_need, 2);
	ck_assert_int_eq(way_decide(&w, ACT_RELEASE, UID_OFFICER_A, 0xffff,
	    &d), GW_EDENIED);
	ck_assert_int_eq(way_decide(&w, ACT_RELEASE, UID_OFFICER_B, 0xffff,
	    &d), GW_OK);
	ck_assert_int_eq(d.decision, DECIDE_GO);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	way_seal(&w, &sealed, &fd);
	ck_assert_int_eq(sealed.err, GW_OK);
	io_drop(&fd);
}
END_TEST

START_TEST(nobody_releases_what_is_grave)
{
	static const struct {
		enum policy_stage stage;
		uint16_t verdict, reason;
	} grave[] = {
		{STAGE_CLAM, VERDICT_INFECTED, REASON_VIRUS_FOUND},
		{STAGE_IDENTIFY, VERDICT_DENIED, REASON_TYPE_DISGUISED},
		{STAGE_CONFIRM, VERDICT_DENIED, REASON_TYPE_POLYGLOT},
	};
	struct keys_decided d;
	struct way w;
	unsigned i;

	for (i = 0; i < 3; i++) {
		way_accept(&w, low, 2);
		way_inspect(&w);
		ck_assert_int_eq(way_stage(&w, grave[i].stage, 1,
		    grave[i].verdict, grave[i].reason), GW_OK);
		ck_assert_int_ne(way_decision(&w), DECIDE_GO);
		ck_assert_int_eq(way_decide(&w, ACT_RELEASE, UID_OFFICER_A,
		    0xffff, &d), GW_EDENIED);
		ck_assert_int_eq(way_decide(&w, ACT_APPROVE, UID_APPROVER,
		    0xffff, &d), GW_EDENIED);
	}
}
END_TEST

/* Looked at again, or under other rules: officers look again, too. */
START_TEST(release_ends_with_its_ground)
{
	struct keys_bodies req;
	struct keys_decided d;
	struct way w;

	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_stage(&w, STAGE_CONFIRM, 1, VERDICT_NOT_SCANNED,
	    REASON_UNCONFIRMED), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_HOLD);
	ck_assert_int_eq(way_decide(&w, ACT_RELEASE, UID_OFFICER_A, 0xffff,
	    &d), GW_OK);
	ck_assert_int_eq(way_decide(&w, ACT_RELEASE, UID_OFFICER_B, 0xffff,
	    &d), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	req.transfer = w.transfer;
	ck_assert_int_eq(gate_status(low, &(struct gate_ask){
	    .client = GATE_SPOOL, .type = KEYS_REJUDGE, .fixed = &req,
	    .fixed_len = sizeof(req)}), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_INSPECT);
	way_inspect(&w);
	ck_assert_int_eq(way_stage(&w, STAGE_CONFIRM, 1, VERDICT_NOT_SCANNED,
	    REASON_UNCONFIRMED), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_HOLD);
	ck_assert_int_eq(way_decide(&w, ACT_RELEASE, UID_OFFICER_A, 0xffff,
	    &d), GW_OK);
	low->flow->formula_guard = 1;
	gate_reload(low);
	way_inspect(&w);
	ck_assert_int_eq(way_stage(&w, STAGE_CONFIRM, 1, VERDICT_NOT_SCANNED,
	    REASON_UNCONFIRMED), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_HOLD);
	ck_assert_int_eq(way_decide(&w, ACT_RELEASE, UID_OFFICER_B, 0xffff,
	    &d), GW_OK);
	ck_assert_int_eq(d.decision, DECIDE_HOLD);
	ck_assert_uint_eq(d.approvals_have, 1);
}
END_TEST

START_TEST(refuses_and_revokes)
{
	struct keys_decided d;
	struct way w;

	with_steps(low);
	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_APPROVAL);
	ck_assert_int_eq(way_decide(&w, ACT_REJECT, UID_STAFF, 0xffff, &d),
	    GW_EDENIED);
	ck_assert_int_eq(way_decide(&w, ACT_REVOKE, UID_APPROVER, 0xffff,
	    &d), GW_EDENIED);
	ck_assert_int_eq(way_decide(&w, ACT_REJECT, UID_APPROVER, 0xffff,
	    &d), GW_OK);
	ck_assert_int_eq(d.decision, DECIDE_REJECT);
	ck_assert_int_eq(d.reason, REASON_REFUSED_BY_PERSON);
	ck_assert_int_eq(way_decide(&w, ACT_APPROVE, UID_BOTH, 0xffff, &d),
	    GW_EDENIED);
	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_APPROVAL);
	ck_assert_int_eq(way_decide(&w, ACT_REVOKE, UID_STAFF, POLICY_STAFF,
	    &d), GW_OK);
	ck_assert_int_eq(d.reason, REASON_REVOKED);
	ck_assert_int_eq(way_decision(&w), DECIDE_REJECT);
}
END_TEST

/* --- pairing ------------------------------------------------------------ */

static void
get_card(struct gate *g, struct keys_card *card)
{
	(void)gate_ask(g, &(struct gate_ask){.client = GATE_DESK,
	    .type = KEYS_CARD}, card, sizeof(*card), NULL, 0, 0, NULL);
}

static enum gw_err
accept_card(struct gate *g, struct keys_pair_accept *req)
{
	struct keys_paired paired;

	(void)gate_ask(g, &(struct gate_ask){.client = GATE_DESK,
	    .type = KEYS_PAIR_ACCEPT, .fixed = req, .fixed_len = sizeof(*req)},
	    &paired, sizeof(paired), NULL, 0, 0, NULL);
	return (enum gw_err)paired.err;
}

static void
fill_accept(const struct keys_card *card, struct keys_pair_accept *req)
{
	memset(req, 0, sizeof(*req));
	req->uid = UID_ADMIN;
	req->len = card->len;
	memcpy(req->digits, card->digits, sizeof(req->digits));
	memcpy(req->bytes, card->bytes, sizeof(req->bytes));
}

START_TEST(needs_pin_and_keys)
{
	struct keys_pair_init init = {.uid = UID_STAFF};
	struct keys_card card;

	get_card(low, &card);
	ck_assert_int_eq(card.err, GW_ENOENT);
	(void)gate_ask(low, &(struct gate_ask){.client = GATE_DESK,
	    .type = KEYS_PAIR_INIT, .fixed = &init,
	    .fixed_len = sizeof(init)}, &card, sizeof(card), NULL, 0, 0,
	    NULL);
	ck_assert_int_eq(card.err, GW_EDENIED);
	ck_assert_uint_eq(gate_logged(low, AUDIT_DENIED), 1);
	init.uid = UID_ADMIN;
	(void)gate_ask(low, &(struct gate_ask){.client = GATE_DESK,
	    .type = KEYS_PAIR_INIT, .fixed = &init,
	    .fixed_len = sizeof(init)}, &card, sizeof(card), NULL, 0, 0,
	    NULL);
	ck_assert_int_eq(card.err, GW_OK);
	ck_assert_uint_eq(card.len, 0);
	get_card(low, &card);
	ck_assert_int_eq(card.err, GW_EAGAIN);
	(void)gate_ask(low, &(struct gate_ask){.client = GATE_DESK,
	    .type = KEYS_PAIR_INIT, .fixed = &init,
	    .fixed_len = sizeof(init)}, &card, sizeof(card), NULL, 0, 0,
	    NULL);
	ck_assert_int_eq(card.err, GW_EEXIST);
}
END_TEST

START_TEST(card_says_who_we_are)
{
	struct keys_card card, again;
	struct card c;

	gate_init(low, false);
	get_card(low, &card);
	ck_assert_int_eq(card_decode(card.bytes, card.len, &c), GW_OK);
	ck_assert_str_eq(c.zone, "internet");
	ck_assert_uint_eq(c.key_count, 13);
	ck_assert_uint_eq(c.flags, 0);
	ck_assert_mem_eq(c.log_pub, low->log_pub, 32);
	ck_assert_str_eq(c.log_origin, "log.internet.test");
	ck_assert_uint_eq(strlen(card.digits), 35);
	gate_restart(low);
	gate_clock_move(100 * UINT64_C(86400000));
	get_card(low, &again);
	ck_assert_mem_eq(&card, &again, sizeof(card));
}
END_TEST

START_TEST(card_must_be_right)
{
	struct keys_pair_accept req;
	struct keys_card card, own;

	gate_init(low, false);
	gate_init(high, false);
	get_card(high, &card);
	get_card(low, &own);
	fill_accept(&card, &req);
	req.uid = UID_STAFF;
	ck_assert_int_eq(accept_card(low, &req), GW_EDENIED);
	fill_accept(&card, &req);
	req.digits[3] = req.digits[3] == '1' ? '2' : '1';
	ck_assert_int_eq(accept_card(low, &req), GW_EHASH);
	memset(req.digits, 0, sizeof(req.digits));
	ck_assert_int_eq(accept_card(low, &req), GW_EHASH);
	fill_accept(&card, &req);
	req.bytes[20] ^= 1;
	ck_assert_int_ne(accept_card(low, &req), GW_OK);
	fill_accept(&card, &req);
	req.len--;
	ck_assert_int_ne(accept_card(low, &req), GW_OK);
	fill_accept(&own, &req);
	ck_assert_int_eq(accept_card(low, &req), GW_EINVAL);
	ck_assert_uint_eq(gate_logged(low, AUDIT_PAIRED), 0);
	ck_assert_uint_eq(gate_logged(low, AUDIT_DENIED), 6);
	/* Typed without spaces, or with hyphens. */
	fill_accept(&card, &req);
	req.digits[5] = '-';
	memmove(req.digits + 11, req.digits + 12, 28);
	ck_assert_int_eq(accept_card(low, &req), GW_OK);
	ck_assert_uint_eq(gate_logged(low, AUDIT_PAIRED), 1);
}
END_TEST

START_TEST(peer_must_be_in_the_policy)
{
	struct keys_pair_accept req;
	struct keys_card card;

	gate_init(low, false);
	gate_init(high, false);
	get_card(high, &card);
	fill_accept(&card, &req);
	memcpy(low->policy->channels[0].peer, "mynumber", 9);
	memcpy(low->policy->channels[1].peer, "mynumber", 9);
	gate_reload(low);
	ck_assert_int_eq(accept_card(low, &req), GW_ENOENT);
}
END_TEST

START_TEST(bench_cards_stay_on_benches)
{
	struct keys_pair_accept req;
	struct keys_card card;

	gate_init(low, false);
	gate_init(high, true);
	get_card(high, &card);
	fill_accept(&card, &req);
	ck_assert_int_eq(accept_card(low, &req), GW_EDENIED);
}
END_TEST

/* Kept over a restart; a newer card of the same peer keeps the secret. */
START_TEST(peer_is_kept)
{
	struct keys_info info[8];
	uint8_t secret[32], hash[32];
	struct ipc_status st;
	struct keys_pair_accept req;
	struct keys_card card;

	memcpy(secret, peers_find(low->k->peers, "lgwan")->secret, 32);
	gate_restart(low);
	ck_assert_mem_eq(peers_find(low->k->peers, "lgwan")->secret, secret,
	    32);
	ck_assert_uint_eq(gate_ask(low, &(struct gate_ask){
	    .client = GATE_DESK, .type = KEYS_PAIR_SHOW}, &st, sizeof(st),
	    info, sizeof(info[0]), 8, NULL), 2);
	ck_assert_str_eq(info[0].kind, "zone");
	ck_assert_str_eq(info[1].kind, "peer");
	ck_assert_str_eq(info[1].zone, "lgwan");
	memcpy(hash, high->k->zone->card_hash, 32);
	gate_clock_move(250 * UINT64_C(86400000));
	/* Link tells its pin at every start. */
	ck_assert_int_eq(gate_status(high, &(struct gate_ask){
	    .client = GATE_SPOOL, .type = KEYS_TRANSPORT,
	    .fixed = high->k->zone->shown.pin, .fixed_len = 32}), GW_OK);
	get_card(high, &card);
	ck_assert_int_ne(memcmp(hash, high->k->zone->card_hash, 32), 0);
	fill_accept(&card, &req);
	ck_assert_int_eq(accept_card(low, &req), GW_OK);
	ck_assert_mem_eq(peers_find(low->k->peers, "lgwan")->secret, secret,
	    32);
}
END_TEST

/* A month's key goes when no header that names it can be valid. */
START_TEST(receive_keys_retire)
{
	const uint32_t before = high->k->zone->receive_count;
	struct keys_info info[64];
	struct ipc_status st;
	uint32_t n;

	n = gate_ask(high, &(struct gate_ask){.client = GATE_DESK,
	    .type = KEYS_LIST}, &st, sizeof(st), info, sizeof(info[0]), 64,
	    NULL);
	ck_assert_uint_eq(n, before + 2);
	ck_assert_str_eq(info[1].kind, "receive-2026-04");
	gate_clock_move(59 * UINT64_C(86400000));
	gate_restart(high);
	gate_settle(high);
	ck_assert_uint_eq(high->k->zone->receive_count, before);
	gate_clock_move(4 * UINT64_C(86400000));
	gate_restart(high);
	gate_settle(high);
	ck_assert_uint_eq(high->k->zone->receive_count, before - 1);
	ck_assert_str_eq(gate_last(high, AUDIT_KEY)->detail,
	    "receive key of 2026-04 destroyed");
	gate_restart(high);
	ck_assert_uint_eq(high->k->zone->receive_count, before - 1);
}
END_TEST

static TCase *
tcase(Suite *s, const char *name, void (*up)(void))
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, up, teardown);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return tc;
}

int
main(void)
{
	Suite *s = suite_create("keys people");
	TCase *people = tcase(s, "people", setup_paired);
	TCase *pair = tcase(s, "pair", setup);
	SRunner *runner;
	int failed;

	tcase_add_test(people, approves_in_steps);
	tcase_add_test(people, roles_come_from_the_policy);
	tcase_add_test(people, nobody_approves_himself);
	tcase_add_test(people, nobody_approves_himself_by_name);
	tcase_add_test(people, decision_under_another_number);
	tcase_add_test(people, two_officers_release);
	tcase_add_test(people, nobody_releases_what_is_grave);
	tcase_add_test(people, release_ends_with_its_ground);
	tcase_add_test(people, refuses_and_revokes);
	tcase_add_test(people, peer_is_kept);
	tcase_add_test(people, receive_keys_retire);
	tcase_add_test(pair, needs_pin_and_keys);
	tcase_add_test(pair, card_says_who_we_are);
	tcase_add_test(pair, card_must_be_right);
	tcase_add_test(pair, peer_must_be_in_the_policy);
	tcase_add_test(pair, bench_cards_stay_on_benches);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
