/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/record/reason.h"

#include "tests/unit/desk/world.h"

#define NUMBER "I20260401-00017-3"

/* --- decisions ---------------------------------------------------------- */

static enum answer_exit
decide(struct world *w, uint32_t uid, enum request_verb verb)
{
	struct request req = {.verb = verb, .lang = REQUEST_EN};

	strcpy(req.number, NUMBER);
	strcpy(req.comment, "電話で確認");
	req.has = ARG_BIT(ARG_NUMBER) | ARG_BIT(ARG_COMMENT);
	return world_ask(w, uid, &req);
}

START_TEST(test_decide)
{
	static const struct {
		enum request_verb verb;
		uint32_t uid;
		uint16_t act;
	} cases[] = {
		{VERB_TRANSFERS_APPROVE, APPROVER, ACT_APPROVE},
		{VERB_TRANSFERS_RETURN, APPROVER, ACT_REJECT},
		{VERB_TRANSFERS_REVOKE, STAFF, ACT_REVOKE},
		{VERB_HOLDS_RELEASE, OFFICER, ACT_RELEASE},
		{VERB_HOLDS_REJECT, OFFICER, ACT_REJECT},
	};
	struct world *w = world_new();
	struct spool_row *row = world_add(w, NUMBER, STAFF, ST_HELD);

	ck_assert_int_eq(decide(w, cases[_i].uid, cases[_i].verb),
	    ANSWER_DONE);
	ck_assert_int_eq(w->decisions, 1);
	ck_assert_int_eq(w->decisions_to_spool, 1);
	ck_assert_uint_eq(w->decided.act, cases[_i].act);
	ck_assert_uint_eq(w->decided.uid, cases[_i].uid);
	ck_assert_str_eq(w->decided.comment, "電話で確認");
	ck_assert_str_eq(w->decided.number, NUMBER);
	ck_assert_mem_eq(&w->decided.transfer, &row->transfer,
	    sizeof(row->transfer));
	ck_assert_uint_eq(w->decided.roles & POLICY_STAFF, POLICY_STAFF);
	world_free(w);
}
END_TEST

/* Nobody decides on what they sent, nobody takes back what is another's. */
START_TEST(test_self)
{
	struct world *w = world_new();

	world_add(w, NUMBER, OFFICER, ST_HELD);
	ck_assert_int_eq(decide(w, OFFICER, VERB_HOLDS_RELEASE),
	    ANSWER_DENIED);
	ck_assert_int_eq(decide(w, OFFICER, VERB_TRANSFERS_APPROVE),
	    ANSWER_DENIED);
	ck_assert_int_eq(decide(w, STAFF, VERB_TRANSFERS_REVOKE),
	    ANSWER_DENIED);
	ck_assert_int_eq(w->decisions, 0);
	ck_assert_int_eq(world_logged(w, AUDIT_DENIED), 3);
	world_free(w);
}
END_TEST

START_TEST(test_decide_refused)
{
	struct world *w = world_new();

	ck_assert_int_eq(decide(w, OFFICER, VERB_HOLDS_RELEASE),
	    ANSWER_REFUSED);
	world_add(w, NUMBER, STAFF, ST_QUARANTINED);
	w->decision.err = GW_EDENIED;
	w->decision.reason = REASON_VIRUS_FOUND;
	ck_assert_int_eq(decide(w, OFFICER, VERB_HOLDS_RELEASE),
	    ANSWER_REFUSED);
	ck_assert_ptr_nonnull(strstr(w->text, "virus"));
	/* keys said no: spool is not told. */
	ck_assert_int_eq(w->decisions_to_spool, 0);
	w->decision.err = GW_ECHAIN;
	ck_assert_int_eq(decide(w, OFFICER, VERB_HOLDS_RELEASE),
	    ANSWER_DAMAGED);
	world_free(w);
}
END_TEST

START_TEST(test_two_officers)
{
	struct world *w = world_new();

	world_add(w, NUMBER, STAFF, ST_HELD);
	w->decision.approvals_have = 1;
	w->decision.approvals_need = 2;
	ck_assert_int_eq(decide(w, OFFICER, VERB_HOLDS_RELEASE), ANSWER_DONE);
	ck_assert_ptr_nonnull(strstr(w->text, "needs 2"));
	world_free(w);
}
END_TEST

/* A number of both sides: which one? */
START_TEST(test_both_sides)
{
	struct world *w = world_new();
	struct request req = {.verb = VERB_HOLDS_REJECT};

	world_add(w, NUMBER, STAFF, ST_HELD);
	world_add(w, NUMBER, STAFF, ST_HELD)->side = SIDE_HIGH;
	ck_assert_int_eq(decide(w, OFFICER, VERB_HOLDS_REJECT), ANSWER_USAGE);
	strcpy(req.number, NUMBER);
	req.side = SIDE_HIGH;
	req.has = ARG_BIT(ARG_NUMBER) | ARG_BIT(ARG_SIDE);
	ck_assert_int_eq(world_ask(w, OFFICER, &req), ANSWER_DONE);
	ck_assert_uint_eq(w->decided.transfer.id[0], 2);
	world_free(w);
}
END_TEST

/* --- the gateway -------------------------------------------------------- */

START_TEST(test_status)
{
	struct world *w = world_new();

	w->status.counts[ST_HELD] = 3;
	ck_assert_int_eq(world_verb(w, STAFF, VERB_STATUS), ANSWER_DONE);
	ck_assert_int_eq(world_count(w, ROW_PROCESS), 3);
	ck_assert_int_eq(world_count(w, ROW_ZONE), 1);
	ck_assert_str_eq(world_field(w, ROW_ZONE, 0, F_INTAKE), "open");
	ck_assert_str_eq(world_field(w, ROW_COUNT, 0, F_STATE), "held");
	ck_assert_str_eq(world_field(w, ROW_COUNT, 0, F_COUNT), "3");
	ck_assert_str_eq(world_field(w, ROW_CHANNEL, 0, F_LINK), "up");
	w->children[1].state = CHILD_BACKOFF;
	ck_assert_int_eq(world_verb(w, STAFF, VERB_STATUS), ANSWER_REFUSED);
	/* Without spool there is the processes' state still. */
	w->children[1].state = CHILD_READY;
	w->children[2].state = CHILD_STARTING;
	ck_assert_int_eq(world_verb(w, STAFF, VERB_STATUS), ANSWER_REFUSED);
	ck_assert_int_eq(world_count(w, ROW_PROCESS), 3);
	ck_assert_int_eq(world_count(w, ROW_ZONE), 0);
	world_free(w);
}
END_TEST

START_TEST(test_flows)
{
	struct world *w = world_new();

	ck_assert_int_eq(world_verb(w, STAFF, VERB_FLOWS), ANSWER_DONE);
	ck_assert_str_eq(world_field(w, ROW_FLOW, 0, F_FLOW), "text-data");
	ck_assert_str_eq(world_field(w, ROW_FLOW, 0, F_STATE), "open");
	ck_assert_str_eq(world_field(w, ROW_ZONE, 0, F_FOLDERS),
	    "/srv/gateway");
	world_free(w);
}
END_TEST

/* Recorded before it is done; not recorded, not done. */
START_TEST(test_reload)
{
	struct world *w = world_new();

	ck_assert_int_eq(world_verb(w, ADMIN, VERB_RELOAD), ANSWER_DONE);
	ck_assert_int_eq(w->reloads, 1);
	ck_assert_int_eq(w->pokes, 1);
	ck_assert_int_eq(world_logged(w, AUDIT_ADMIN), 1);
	ck_assert_str_eq(world_field(w, ROW_TEXT, 0, F_TEXT), "finding\n");
	w->append_err = GW_ESPACE;
	ck_assert_int_eq(world_verb(w, ADMIN, VERB_RELOAD), ANSWER_REFUSED);
	ck_assert_int_eq(w->reloads, 1);
	world_free(w);
}
END_TEST

START_TEST(test_channels)
{
	struct world *w = world_new();

	ck_assert_int_eq(world_verb(w, STAFF, VERB_CHANNEL_LIST),
	    ANSWER_DONE);
	ck_assert_str_eq(world_field(w, ROW_CHANNEL, 0, F_STATE), "open");
	ck_assert_int_eq(world_verb(w, OFFICER, VERB_CHANNEL_FREEZE),
	    ANSWER_DONE);
	ck_assert_uint_eq(w->op.act, CHANNEL_FREEZE);
	ck_assert_uint_eq(w->op.uid, OFFICER);
	w->op_err = GW_EAGAIN;
	ck_assert_int_eq(world_verb(w, OFFICER, VERB_CHANNEL_NEW_EPOCH),
	    ANSWER_DONE);
	ck_assert_ptr_nonnull(strstr(w->text, "first of two"));
	w->op_err = GW_ENOENT;
	ck_assert_int_eq(world_verb(w, OFFICER, VERB_CHANNEL_FREEZE),
	    ANSWER_USAGE);
	world_free(w);
}
END_TEST

/* --- pairing ------------------------------------------------------------ */

START_TEST(test_pair)
{
	struct world *w = world_new();
	struct request req = {.verb = VERB_PAIR_INIT, .is_bench = 1,
	    .has = ARG_BIT(ARG_BENCH)};

	ck_assert_int_eq(world_ask(w, ADMIN, &req), ANSWER_DONE);
	ck_assert_uint_eq(w->init.flags, CARD_BENCH);
	ck_assert_uint_eq(w->init.uid, ADMIN);
	ck_assert_int_eq(world_count(w, ROW_CARD), 1);
	ck_assert_int_eq(world_verb(w, ADMIN, VERB_PAIR_SHOW), ANSWER_DONE);
	ck_assert_str_eq(world_field(w, ROW_CARD, 0, F_DIGITS),
	    "11111 22222 33333 44444 55555 66666");
	ck_assert_str_eq(world_field(w, ROW_KEY, 0, F_ZONE), "lgwan");
	world_free(w);
}
END_TEST

START_TEST(test_pair_accept)
{
	struct world *w = world_new();
	struct request req = {.verb = VERB_PAIR_ACCEPT, .card_len = 3,
	    .secret_len = 32};

	strcpy(req.digits, "1 2 3");
	memcpy(req.card, "abc", 3);
	memset(req.secret, 9, 32);
	req.has = ARG_BIT(ARG_CARD) | ARG_BIT(ARG_DIGITS) |
	    ARG_BIT(ARG_SECRET);
	ck_assert_int_eq(world_ask(w, ADMIN, &req), ANSWER_DONE);
	ck_assert_uint_eq(w->accept.len, 3);
	ck_assert_mem_eq(w->accept.bytes, "abc", 3);
	ck_assert_mem_eq(w->accept.secret, req.secret, 32);
	ck_assert_str_eq(w->accept.digits, "1 2 3");
	/* link learns its peers anew, held transfers are looked at. */
	ck_assert_uint_eq(w->restarted, 1u << PROC_LINK);
	ck_assert_int_eq(w->pokes, 1);
	ck_assert_str_eq(world_field(w, ROW_PAIRED, 0, F_PEER), "lgwan");
	/* A secret that was typed is not shown back. */
	ck_assert_str_eq(world_field(w, ROW_PAIRED, 0, F_SECRET),
	    "(no field)");
	req.has &= ~ARG_BIT(ARG_SECRET);
	ck_assert_int_eq(world_ask(w, ADMIN, &req), ANSWER_DONE);
	ck_assert_str_ne(world_field(w, ROW_PAIRED, 0, F_SECRET),
	    "(no field)");
	w->accept_err = GW_EHASH;
	w->restarted = 0;
	ck_assert_int_eq(world_ask(w, ADMIN, &req), ANSWER_DAMAGED);
	ck_assert_uint_eq(w->restarted, 0);
	world_free(w);
}
END_TEST

/* A card waits for link's pin. */
START_TEST(test_card_waits)
{
	struct world *w = world_new();

	w->card_errs = 1;
	ck_assert_int_eq(world_verb(w, ADMIN, VERB_PAIR_CARD), ANSWER_DONE);
	ck_assert_int_eq(w->card_errs, 0);
	ck_assert_int_eq(world_count(w, ROW_CARD), 1);
	world_free(w);
}
END_TEST

/* --- the log ------------------------------------------------------------ */

static void
fill_log(struct world *w, int count)
{
	struct audit_record *r;
	int i;

	for (i = 0; i < count; i++) {
		r = &w->log[w->log_count];
		memset(r, 0, sizeof(*r));
		r->event = i % 2 == 0 ? AUDIT_STATE : AUDIT_SEALED;
		r->wall_ms = 1000 + w->log_count++;
		strcpy(r->number, i == 7 ? NUMBER : "I20260401-00001-0");
		strcpy(r->flow, "text-data");
	}
}

START_TEST(test_log_search)
{
	struct world *w = world_new();
	struct request req = {.verb = VERB_LOG_SEARCH};

	fill_log(w, 2000);
	/* That somebody looked is an entry, too, and found. */
	ck_assert_int_eq(world_ask(w, AUDITOR, &req), ANSWER_DONE);
	ck_assert_int_eq(world_count(w, ROW_LOG), 2001);
	ck_assert_str_eq(world_field(w, ROW_LOG, 2000, F_EVENT), "view");
	ck_assert_str_eq(world_field(w, ROW_LOG, 2000, F_LOG_INDEX), "2000");
	strcpy(req.number, NUMBER);
	req.has = ARG_BIT(ARG_NUMBER);
	ck_assert_int_eq(world_ask(w, AUDITOR, &req), ANSWER_DONE);
	/* Its own entry names the number that was searched for. */
	ck_assert_int_eq(world_count(w, ROW_LOG), 2);
	ck_assert_str_eq(world_field(w, ROW_LOG, 0, F_LOG_INDEX), "7");
	req.event = AUDIT_SEALED;
	req.has |= ARG_BIT(ARG_EVENT);
	ck_assert_int_eq(world_ask(w, AUDITOR, &req), ANSWER_DONE);
	ck_assert_int_eq(world_count(w, ROW_LOG), 1);
	ck_assert_int_eq(world_logged(w, AUDIT_VIEW), 3);
	world_free(w);
}
END_TEST

START_TEST(test_log_window)
{
	struct world *w = world_new();
	struct request req = {.verb = VERB_LOG_EXPORT, .since_ms = 1010,
	    .before_ms = 1020, .has = ARG_BIT(ARG_SINCE) |
	    ARG_BIT(ARG_BEFORE)};

	fill_log(w, 100);
	ck_assert_int_eq(world_ask(w, AUDITOR, &req), ANSWER_DONE);
	ck_assert_int_eq(world_count(w, ROW_LOG), 10);
	req.limit = 3;
	req.has |= ARG_BIT(ARG_LIMIT);
	ck_assert_int_eq(world_ask(w, AUDITOR, &req), ANSWER_DONE);
	ck_assert_int_eq(world_count(w, ROW_LOG), 3);
	/* Nothing is shown that is not recorded as seen. */
	w->append_err = GW_ESPACE;
	ck_assert_int_eq(world_ask(w, AUDITOR, &req), ANSWER_REFUSED);
	ck_assert_int_eq(world_count(w, ROW_LOG), 0);
	world_free(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("acts");
	TCase *tc = tcase_create("acts");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, test_decide, 0, 5);
	tcase_add_test(tc, test_self);
	tcase_add_test(tc, test_decide_refused);
	tcase_add_test(tc, test_two_officers);
	tcase_add_test(tc, test_both_sides);
	tcase_add_test(tc, test_status);
	tcase_add_test(tc, test_flows);
	tcase_add_test(tc, test_reload);
	tcase_add_test(tc, test_channels);
	tcase_add_test(tc, test_pair);
	tcase_add_test(tc, test_pair_accept);
	tcase_add_test(tc, test_card_waits);
	tcase_add_test(tc, test_log_search);
	tcase_add_test(tc, test_log_window);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
