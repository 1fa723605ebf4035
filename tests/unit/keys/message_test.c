/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/body.h"
#include "proto/parcel/header.h"
#include "gatewayd/keys/store.h"

#include "tests/unit/keys/way.h"

/* Requests one by one, refusals, and answers that come late. */
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

/* --- intake ------------------------------------------------------------- */

static enum reason
new_reason(const char *flow, uint32_t bodies)
{
	struct keys_transfer_new req = {.body_count = bodies, .uid = 1};
	struct keys_transfer_made made;

	(void)mem_put_str(req.flow, sizeof(req.flow), flow);
	(void)gate_ask(low, &(struct gate_ask){.client = GATE_COURIER,
	    .type = KEYS_TRANSFER_NEW, .fixed = &req,
	    .fixed_len = sizeof(req)}, &made, sizeof(made), NULL, 0, 0, NULL);
	ck_assert_int_eq(made.err, made.reason == REASON_NONE ? GW_OK :
	    GW_EDENIED);
	return (enum reason)made.reason;
}

START_TEST(new_is_refused)
{
	ck_assert_int_eq(new_reason("documents", 2), REASON_NONE);
	ck_assert_int_eq(new_reason("nothing", 2), REASON_FLOW_UNKNOWN);
	/* A flow of the other direction is none to submit under. */
	ck_assert_int_eq(new_reason("notices", 2), REASON_FLOW_UNKNOWN);
	ck_assert_int_eq(new_reason("documents", 201), REASON_NONE);
	ck_assert_int_eq(new_reason("documents", 202), REASON_TOO_MANY_FILES);
	ck_assert_int_eq(new_reason("documents", UINT32_MAX),
	    REASON_TOO_MANY_FILES);
	low->flow->files = UINT32_MAX;
	memcpy(low->flow->channel, "lgwan-internet", 15);
	gate_reload(low);
	ck_assert_int_eq(new_reason("documents", 2), REASON_NO_CHANNEL);
	memcpy(low->flow->channel, "internet-lgwan", 15);
	gate_reload(low);
	ck_assert_int_eq(new_reason("documents", PARCEL_BODIES_MAX + 1),
	    REASON_TOO_MANY_FILES);
	gate_clock_move(301 * UINT64_C(86400000));
	ck_assert_int_eq(new_reason("documents", 2), REASON_FLOW_ENDED);
}
END_TEST

START_TEST(body_new_is_refused)
{
	struct keys_bodies req;
	struct keys_body_ask ask;
	struct keys_body_made made;
	struct ipc_status st;
	struct way w;
	int how;

	way_new(&w, low, 3);
	for (how = 0; how < 4; how++) {
		req.transfer = w.transfer;
		memset(&ask, 0, sizeof(ask));
		ask.index = how == 0 ? 3 : how == 1 ? 1 : 0;
		if (how == 1)
			memset(ask.ext, 'x', sizeof(ask.ext));
		if (how == 2)
			ask.name_hash[0] = 1; /* the manifest has no name */
		if (how == 3)
			ask.ext[0] = 'x';
		ck_assert_uint_eq(gate_ask(low, &(struct gate_ask){
		    .client = GATE_COURIER, .type = KEYS_BODY_NEW,
		    .fixed = &req, .fixed_len = sizeof(req), .elems = &ask,
		    .elem = sizeof(ask), .count = 1}, &st, sizeof(st), &made,
		    sizeof(made), 1, NULL), 0);
		ck_assert_int_ne(st.err, GW_OK);
	}
}
END_TEST

/* Asked again for an index, another id and key. */
START_TEST(body_new_again)
{
	struct key_ref first;
	uint8_t key[32];
	struct way w;

	way_new(&w, low, 2);
	ck_assert_int_eq(way_body_new(&w, 1), GW_OK);
	first = w.bodies[1];
	memcpy(key, w.keys[1], 32);
	ck_assert_int_eq(way_body_new(&w, 1), GW_OK);
	ck_assert_int_ne(memcmp(first.id, w.bodies[1].id, 16), 0);
	ck_assert_int_ne(memcmp(key, w.keys[1], 32), 0);
	ck_assert_uint_eq(first.slot, w.bodies[1].slot);
	ck_assert_uint_eq(first.slot, w.transfer.slot + 2);
}
END_TEST

START_TEST(manifest_and_files_have_limits)
{
	struct keys_bodies req;
	struct ipc_body done;
	struct way w;

	way_new(&w, low, 2);
	req.transfer = w.transfer;
	ck_assert_int_eq(way_body_new(&w, 0), GW_OK);
	ck_assert_int_eq(way_body_new(&w, 1), GW_OK);
	memset(&done, 0, sizeof(done));
	memcpy(done.id, w.bodies[1].id, 16);
	done.index = 1;
	done.plain_len = low->flow->file_bytes + 1;
	done.padded_len = body_padded_len(done.plain_len);
	ck_assert_int_eq(gate_status(low, &(struct gate_ask){
	    .client = GATE_COURIER, .type = KEYS_BODY_DONE, .fixed = &req,
	    .fixed_len = sizeof(req), .elems = &done, .elem = sizeof(done),
	    .count = 1}), GW_ELIMIT);
	memcpy(done.id, w.bodies[0].id, 16);
	done.index = 0;
	done.plain_len = (64 << 20) + 1;
	done.padded_len = body_padded_len(done.plain_len);
	ck_assert_int_eq(gate_status(low, &(struct gate_ask){
	    .client = GATE_COURIER, .type = KEYS_BODY_DONE, .fixed = &req,
	    .fixed_len = sizeof(req), .elems = &done, .elem = sizeof(done),
	    .count = 1}), GW_ELIMIT);
}
END_TEST

START_TEST(drops)
{
	struct keys_bodies req;
	struct way w, kept;

	way_new(&w, low, 3);
	ck_assert_int_eq(way_body_new(&w, 1), GW_OK);
	req.transfer = w.transfer;
	ck_assert_int_eq(gate_status(low, &(struct gate_ask){
	    .client = GATE_COURIER, .type = KEYS_TRANSFER_DROP,
	    .fixed = &req, .fixed_len = sizeof(req)}), GW_OK);
	ck_assert_int_ne(way_body_done(&w, 1), GW_OK);
	ck_assert_int_ne(way_commit(&w), GW_OK);
	/* What was accepted is not the courier's to drop. */
	way_accept(&kept, low, 2);
	req.transfer = kept.transfer;
	ck_assert_int_ne(gate_status(low, &(struct gate_ask){
	    .client = GATE_COURIER, .type = KEYS_TRANSFER_DROP,
	    .fixed = &req, .fixed_len = sizeof(req)}), GW_OK);
	ck_assert_int_eq(way_commit(&kept), GW_OK);
	way_inspect(&kept);
	ck_assert_int_eq(way_decision(&kept), DECIDE_GO);
}
END_TEST

/* --- what was found ----------------------------------------------------- */

static uint32_t
info(struct way *w, uint32_t first, uint32_t count,
    struct keys_body_info *out)
{
	struct keys_release req = {.transfer = w->transfer, .first = first,
	    .count = count};
	struct ipc_status st;
	uint32_t n;

	n = gate_ask(w->g, &(struct gate_ask){.client = GATE_SPOOL,
	    .type = KEYS_BODY_INFO, .fixed = &req, .fixed_len = sizeof(req)},
	    &st, sizeof(st), out, sizeof(*out), IPC_BATCH_MAX, NULL);
	return st.err == GW_OK ? n : UINT32_MAX;
}

START_TEST(tells_what_was_found)
{
	struct keys_body_info got[IPC_BATCH_MAX];
	struct verdict_record rec;
	struct way w;

	way_accept(&w, low, 70);
	way_inspect(&w);
	way_verdict_fill(&w, STAGE_CONFIRM, 5, &rec);
	rec.verdict = VERDICT_NOT_SCANNED;
	rec.reason = REASON_FORMULA_CELL;
	rec.method = 0;
	(void)mem_put_str(rec.detail, sizeof(rec.detail), "row 3");
	ck_assert_int_eq(way_verdict_send(&w, STAGE_CONFIRM, &rec), GW_OK);
	ck_assert_uint_eq(info(&w, 0, 64, got), 64);
	ck_assert_uint_eq(got[5].verdict, VERDICT_NOT_SCANNED);
	ck_assert_uint_eq(got[5].reason, REASON_FORMULA_CELL);
	ck_assert_str_eq(got[5].detail, "row 3");
	ck_assert_uint_eq(got[5].type, TYPE_TEXT);
	ck_assert_mem_eq(got[5].root, w.roots[5], 32);
	ck_assert_uint_eq(got[5].stages, STAGE_BIT(STAGE_IDENTIFY) |
	    STAGE_BIT(STAGE_CLAM) | STAGE_BIT(STAGE_CONFIRM));
	ck_assert_uint_eq(got[6].verdict, VERDICT_CLEAN);
	ck_assert_uint_eq(info(&w, 64, 6, got), 6);
	ck_assert_uint_eq(got[5].index, 69);
	ck_assert_uint_eq(info(&w, 64, 7, got), UINT32_MAX);
	ck_assert_uint_eq(info(&w, UINT32_MAX, 1, got), UINT32_MAX);
	ck_assert_uint_eq(info(&w, 0, 65, got), UINT32_MAX);
}
END_TEST

/* Every verdict is logged once, whatever is asked again. */
START_TEST(logs_once)
{
	struct way w;

	way_accept(&w, low, 70);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	ck_assert_uint_eq(gate_logged(low, AUDIT_VERDICTS), 70);
	ck_assert_uint_eq(gate_logged(low, AUDIT_DECISION), 1);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	ck_assert_uint_eq(gate_logged(low, AUDIT_VERDICTS), 70);
	ck_assert_uint_eq(gate_logged(low, AUDIT_DECISION), 1);
	ck_assert_int_eq(way_stage(&w, STAGE_CONFIRM, 9, VERDICT_NOT_SCANNED,
	    REASON_UNCONFIRMED), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_HOLD);
	ck_assert_uint_eq(gate_logged(low, AUDIT_VERDICTS), 71);
	ck_assert_uint_eq(gate_last(low, AUDIT_VERDICTS)->index, 9);
	ck_assert_uint_eq(gate_logged(low, AUDIT_DECISION), 2);
	ck_assert_str_eq(gate_last(low, AUDIT_DECISION)->number, w.number);
}
END_TEST

START_TEST(verdicts_of_other_reasons)
{
	static const struct {
		uint16_t reason;
		enum keys_decision decision;
	} cases[] = {
		{REASON_NONE, DECIDE_HOLD},
		{REASON_TYPE_DISGUISED, DECIDE_REJECT},
		{REASON_VIRUS_FOUND, DECIDE_QUARANTINE},
		{REASON_DAMAGED, DECIDE_HOLD},
	};
	struct way w;
	unsigned i;

	for (i = 0; i < 4; i++) {
		way_accept(&w, low, 2);
		way_inspect(&w);
		ck_assert_int_eq(way_stage(&w, STAGE_CLAM, 1,
		    VERDICT_NOT_SCANNED, cases[i].reason), GW_OK);
		ck_assert_int_eq(way_decision(&w), cases[i].decision);
	}
}
END_TEST

/* --- late answers ------------------------------------------------------- */

static void
send_evaluate(struct way *w)
{
	struct keys_evaluate req = {.transfer = w->transfer};

	memcpy(req.number, w->number, sizeof(req.number));
	(void)gate_send(w->g, &(struct gate_ask){.client = GATE_SPOOL,
	    .type = KEYS_EVALUATE, .fixed = &req, .fixed_len = sizeof(req)});
}

static void
send_seal(struct way *w)
{
	struct keys_seal req = {.transfer = w->transfer};

	memcpy(req.number, w->number, sizeof(req.number));
	(void)gate_send(w->g, &(struct gate_ask){.client = GATE_SPOOL,
	    .type = KEYS_SEAL, .fixed = &req, .fixed_len = sizeof(req)});
}

/* Requests about one transfer wait for each other; others do not. */
START_TEST(one_after_the_other)
{
	struct keys_decided d;
	struct keys_sealed s;
	struct way w, other;
	int fd;

	way_accept(&w, low, 2);
	way_inspect(&w);
	way_accept(&other, low, 2);
	low->is_log_stuck = true;
	send_evaluate(&w);
	gate_settle(low);
	send_seal(&w);
	send_evaluate(&w);
	send_seal(&w);
	ck_assert(!gate_has_reply(low, GATE_SPOOL));
	/* Verdicts in between are not taken: they would not be logged. */
	ck_assert_int_eq(way_stage(&w, STAGE_CLAM, 1, VERDICT_CLEAN, 0),
	    GW_EBUSY);
	ck_assert_int_eq(way_names(&w), GW_EBUSY);
	ck_assert_int_eq(way_decision(&other), DECIDE_INSPECT);
	gate_log_go(low);
	(void)gate_receive(low, GATE_SPOOL, KEYS_EVALUATE, &d, sizeof(d),
	    NULL);
	ck_assert_int_eq(d.decision, DECIDE_GO);
	(void)gate_receive(low, GATE_SPOOL, KEYS_SEAL, &s, sizeof(s), &fd);
	ck_assert_int_eq(s.err, GW_OK);
	io_drop(&fd);
	(void)gate_receive(low, GATE_SPOOL, KEYS_EVALUATE, &d, sizeof(d),
	    NULL);
	ck_assert_int_eq(d.decision, DECIDE_GO);
	(void)gate_receive(low, GATE_SPOOL, KEYS_SEAL, &s, sizeof(s), &fd);
	ck_assert_int_eq(s.err, GW_OK);
	ck_assert_uint_eq(s.seq, 1);
	io_drop(&fd);
	ck_assert_uint_eq(gate_logged(low, AUDIT_SEALED), 1);
}
END_TEST

/* Who asked is gone before the answer. */
START_TEST(asker_is_gone)
{
	struct way w;

	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	low->is_log_stuck = true;
	send_seal(&w);
	send_evaluate(&w);
	gate_settle(low);
	io_drop(&low->clients[GATE_SPOOL]);
	gate_settle(low);
	gate_log_go(low);
	gate_settle(low);
	ck_assert_uint_eq(gate_logged(low, AUDIT_SEALED), 1);
	/* And with answers still waiting for audit. */
	low->is_log_stuck = true;
	gate_restart(low);
}
END_TEST

/* Many at once: one sequence, one chain. */
START_TEST(many_at_once)
{
	static struct way ways[20];
	struct keys_sealed s;
	uint32_t seen = 0;
	int fd, i;

	for (i = 0; i < 20; i++) {
		way_accept(&ways[i], low, 2);
		way_inspect(&ways[i]);
		ck_assert_int_eq(way_decision(&ways[i]), DECIDE_GO);
	}
	for (i = 0; i < 20; i++)
		send_seal(&ways[i]);
	for (i = 0; i < 20; i++) {
		(void)gate_receive(low, GATE_SPOOL, KEYS_SEAL, &s, sizeof(s),
		    &fd);
		ck_assert_int_eq(s.err, GW_OK);
		seen |= 1u << s.seq;
		io_drop(&fd);
	}
	ck_assert_uint_eq(seen, 0x1ffffe);
	gate_restart(low);
	for (i = 0; i < 20; i++) {
		way_seal(&ways[i], &s, &fd);
		ck_assert_int_eq(s.err, GW_OK);
		io_drop(&fd);
	}
}
END_TEST

/* The mark that the log has it was lost: it is logged again first. */
START_TEST(lost_marks)
{
	struct keys_grant grants[2];
	struct keys_sealed sealed;
	struct transfer_slot t;
	struct way w, h;
	int fd;

	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	ck_assert_int_eq(store_get(low->k->store, &w.transfer, &t), GW_OK);
	t.flags &= ~(uint32_t)TRANSFER_DECISION_LOGGED;
	ck_assert_int_eq(store_put(low->k->store, &w.transfer, &t), GW_OK);
	way_seal(&w, &sealed, &fd);
	ck_assert_int_eq(sealed.err, GW_OK);
	ck_assert_uint_eq(gate_logged(low, AUDIT_DECISION), 2);
	ck_assert_int_eq(store_get(low->k->store, &w.transfer, &t), GW_OK);
	t.flags &= ~(uint32_t)TRANSFER_SEAL_LOGGED;
	ck_assert_int_eq(store_put(low->k->store, &w.transfer, &t), GW_OK);
	way_arrive(&h, high, &w, fd);
	io_drop(&fd);
	way_seal(&w, &sealed, &fd);
	ck_assert_int_eq(sealed.err, GW_OK);
	ck_assert_uint_eq(gate_logged(low, AUDIT_SEALED), 2);
	ck_assert_uint_eq(gate_last(low, AUDIT_SEALED)->attempt, 2);
	io_drop(&fd);

	way_inspect(&h);
	ck_assert_int_eq(way_decision(&h), DECIDE_GO);
	ck_assert_int_eq(store_get(high->k->store, &h.transfer, &t), GW_OK);
	t.flags &= ~(uint32_t)TRANSFER_DECISION_LOGGED;
	ck_assert_int_eq(store_put(high->k->store, &h.transfer, &t), GW_OK);
	high->log_err = GW_ESPACE;
	ck_assert_int_eq(way_release(&h, 0, 2, grants), GW_ESPACE);
	high->log_err = GW_OK;
	ck_assert_int_eq(way_release(&h, 0, 2, grants), GW_OK);
	ck_assert_uint_eq(gate_logged(high, AUDIT_DECISION), 2);
}
END_TEST

/* Erasing is in the log before it happens, and happens once. */
START_TEST(erase_waits_for_the_log)
{
	struct keys_bodies req;
	struct keys_grant grant;
	struct way w;
	int i;

	way_accept(&w, low, 2);
	way_inspect(&w);
	req.transfer = w.transfer;
	low->log_err = GW_ESPACE;
	ck_assert_int_eq(gate_status(low, &(struct gate_ask){
	    .client = GATE_SPOOL, .type = KEYS_ERASE, .fixed = &req,
	    .fixed_len = sizeof(req)}), GW_ESPACE);
	ck_assert_int_eq(way_grant(&w, STAGE_CLAM, 1, &grant), GW_OK);
	low->log_err = GW_OK;
	low->log_count = 0;
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(gate_status(low, &(struct gate_ask){
		    .client = GATE_SPOOL, .type = KEYS_ERASE, .fixed = &req,
		    .fixed_len = sizeof(req)}), GW_OK);
		ck_assert_uint_eq(gate_logged(low, AUDIT_KEY), 1);
	}
	ck_assert_uint_eq(gate_last(low, AUDIT_KEY)->count, 2);
	ck_assert_int_eq(way_grant(&w, STAGE_CLAM, 1, &grant), GW_EDENIED);
}
END_TEST

/* --- clients ------------------------------------------------------------ */

/* A zygote with newer signatures stands beside the old one. */
START_TEST(second_zygote)
{
	struct way w;
	int old;

	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	old = low->clients[GATE_ZYGOTE(STAGE_CLAM)];
	gate_add_zygote(low, STAGE_CLAM);
	ck_assert_int_eq(way_stage(&w, STAGE_CLAM, 1, VERDICT_CLEAN, 0),
	    GW_OK);
	(void)close(old);
	gate_settle(low);
	ck_assert_int_eq(way_stage(&w, STAGE_CLAM, 1, VERDICT_INFECTED,
	    REASON_VIRUS_FOUND), GW_OK);
	ck_assert_int_eq(way_decision(&w), DECIDE_QUARANTINE);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keys message");
	TCase *tc = tcase_create("message");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, new_is_refused);
	tcase_add_test(tc, body_new_is_refused);
	tcase_add_test(tc, body_new_again);
	tcase_add_test(tc, manifest_and_files_have_limits);
	tcase_add_test(tc, drops);
	tcase_add_test(tc, tells_what_was_found);
	tcase_add_test(tc, logs_once);
	tcase_add_test(tc, verdicts_of_other_reasons);
	tcase_add_test(tc, one_after_the_other);
	tcase_add_test(tc, asker_is_gone);
	tcase_add_test(tc, many_at_once);
	tcase_add_test(tc, lost_marks);
	tcase_add_test(tc, erase_waits_for_the_log);
	tcase_add_test(tc, second_zygote);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
