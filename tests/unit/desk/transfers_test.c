/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "proto/record/reason.h"

#include "tests/unit/desk/world.h"

#define NUMBER "I20260401-00017-3"

static const char *const one[] = {"申請書 ①.csv"};

static enum answer_exit
list(struct world *w, uint32_t uid, enum request_verb verb, bool wants_files,
    uint64_t limit)
{
	struct request req = {.verb = verb, .lang = REQUEST_EN};

	if (wants_files) {
		req.wants_files = 1;
		req.has |= ARG_BIT(ARG_FILES);
	}
	req.limit = limit;
	req.has |= ARG_BIT(ARG_LIMIT);
	return world_ask(w, uid, &req);
}

START_TEST(test_list)
{
	struct world *w = world_new();
	struct spool_row *row = world_add(w, NUMBER, STAFF, ST_HELD);

	row->held_from = ST_INSPECTED;
	row->reason = REASON_NO_CHANNEL;
	row->plain_bytes = 123;
	strcpy(row->detail, "x");
	ck_assert_int_eq(list(w, OFFICER, VERB_TRANSFERS_LIST, false, 0),
	    ANSWER_DONE);
	ck_assert_int_eq(world_count(w, ROW_TRANSFER), 1);
	ck_assert_str_eq(world_field(w, ROW_TRANSFER, 0, F_NUMBER), NUMBER);
	ck_assert_str_eq(world_field(w, ROW_TRANSFER, 0, F_STATE), "held");
	ck_assert_str_eq(world_field(w, ROW_TRANSFER, 0, F_HELD_FROM),
	    "inspected");
	ck_assert_str_eq(world_field(w, ROW_TRANSFER, 0, F_SIDE), "low");
	ck_assert_str_eq(world_field(w, ROW_TRANSFER, 0, F_REASON_CODE),
	    "no-channel");
	ck_assert_str_eq(world_field(w, ROW_TRANSFER, 0, F_SIZE), "123");
	ck_assert_str_eq(world_field(w, ROW_TRANSFER, 0, F_FILE_COUNT), "1");
	/* Names were not asked for: nobody looked at any. */
	ck_assert_str_eq(world_field(w, ROW_TRANSFER, 0, F_NAMES),
	    "(no field)");
	ck_assert_int_eq(w->views, 0);
	ck_assert_int_eq(world_count(w, ROW_FILE), 0);
	world_free(w);
}
END_TEST

/* More than one page, with and without an end. */
START_TEST(test_pages)
{
	struct world *w = world_new();
	char number[24];
	int i;

	for (i = 0; i < 150; i++) {
		snprintf(number, sizeof(number), "I20260401-%05d-0", i);
		world_add(w, number, STAFF, ST_DELIVERED);
	}
	list(w, OFFICER, VERB_TRANSFERS_LIST, false, 0);
	ck_assert_int_eq(world_count(w, ROW_TRANSFER), 150);
	ck_assert_str_eq(world_field(w, ROW_TRANSFER, 0, F_NUMBER),
	    "I20260401-00149-0");
	ck_assert_str_eq(world_field(w, ROW_TRANSFER, 149, F_NUMBER),
	    "I20260401-00000-0");
	list(w, OFFICER, VERB_TRANSFERS_LIST, false, 70);
	ck_assert_int_eq(world_count(w, ROW_TRANSFER), 70);
	list(w, OFFICER, VERB_TRANSFERS_LIST, false, 64);
	ck_assert_int_eq(world_count(w, ROW_TRANSFER), 64);
	world_free(w);
}
END_TEST

START_TEST(test_states_of_lists)
{
	struct world *w = world_new();
	int i;

	for (i = ST_RECEIVING; i <= ST_WITHDRAWN; i++)
		world_add(w, NUMBER, STAFF, (enum transfer_state)i);
	list(w, OFFICER, VERB_TRANSFERS_LIST, false, 0);
	ck_assert_int_eq(world_count(w, ROW_TRANSFER), ST_WITHDRAWN);
	list(w, OFFICER, VERB_HOLDS_LIST, false, 0);
	ck_assert_int_eq(world_count(w, ROW_TRANSFER), 4);
	list(w, OFFICER, VERB_QUARANTINE_LIST, false, 0);
	ck_assert_int_eq(world_count(w, ROW_TRANSFER), 1);
	ck_assert_str_eq(world_field(w, ROW_TRANSFER, 0, F_STATE),
	    "quarantined");
	world_free(w);
}
END_TEST

/* Staff see their own alone, by uid or by the name of their account. */
START_TEST(test_own)
{
	struct world *w = world_new();
	char passwd[] = "sato:x:1001:1::/:/bin/sh\n";
	struct spool_row *row;

	world_add(w, NUMBER, STAFF, ST_SENT);
	world_add(w, NUMBER, OTHER, ST_SENT);
	row = world_add(w, NUMBER, UINT32_MAX, ST_SENT);
	strcpy(row->submitter, "sato");
	list(w, STAFF, VERB_TRANSFERS_LIST, false, 0);
	ck_assert_int_eq(world_count(w, ROW_TRANSFER), 1);
	w->desk.accounts = passwd;
	list(w, STAFF, VERB_TRANSFERS_LIST, false, 0);
	ck_assert_int_eq(world_count(w, ROW_TRANSFER), 2);
	list(w, ADMIN, VERB_TRANSFERS_LIST, false, 0);
	ck_assert_int_eq(world_count(w, ROW_TRANSFER), 3);
	w->desk.accounts = NULL;
	world_free(w);
}
END_TEST

START_TEST(test_names)
{
	static const struct {
		uint32_t uid;
		const char *names, *name;
		int views;
	} cases[] = {
		{STAFF, "shown", "申請書 ①.csv", 1},
		{APPROVER, "shown", "申請書 ①.csv", 1},
		{OFFICER, "shown", "申請書 ①.csv", 1},
		{AUDITOR, "shown", "申請書 ①.csv", 1},
		{ADMIN, "hidden", "(no field)", 0},
	};
	struct world *w = world_new();
	int before;

	world_add(w, NUMBER, STAFF, ST_HELD);
	world_names(w, one, 1);
	before = w->views;
	ck_assert_int_eq(list(w, cases[_i].uid, VERB_TRANSFERS_LIST, true, 0),
	    ANSWER_DONE);
	ck_assert_str_eq(world_field(w, ROW_TRANSFER, 0, F_NAMES),
	    cases[_i].names);
	ck_assert_int_eq(world_count(w, ROW_FILE), 1);
	ck_assert_str_eq(world_field(w, ROW_FILE, 0, F_NAME),
	    cases[_i].name);
	ck_assert_str_eq(world_field(w, ROW_FILE, 0, F_TYPE), "csv");
	ck_assert_str_eq(world_field(w, ROW_FILE, 0, F_VERDICT), "confirmed");
	ck_assert_str_eq(world_field(w, ROW_FILE, 0, F_METHOD), "confirmed");
	ck_assert_str_eq(world_field(w, ROW_FILE, 0, F_STAGES), "clam");
	ck_assert_str_eq(world_field(w, ROW_FILE, 0, F_SIZE), "10");
	ck_assert_int_eq(w->views - before, cases[_i].views);
	if (cases[_i].views > 0)
		ck_assert_uint_eq(w->viewers[before], cases[_i].uid);
	world_free(w);
}
END_TEST

/* Looking again is one view; somebody else's look is another. */
START_TEST(test_views)
{
	struct world *w = world_new();

	world_add(w, NUMBER, STAFF, ST_HELD);
	world_names(w, one, 1);
	list(w, OFFICER, VERB_TRANSFERS_LIST, true, 0);
	list(w, OFFICER, VERB_TRANSFERS_LIST, true, 0);
	ck_assert_str_eq(world_field(w, ROW_FILE, 0, F_NAME), one[0]);
	ck_assert_int_eq(w->views, 1);
	list(w, AUDITOR, VERB_TRANSFERS_LIST, true, 0);
	ck_assert_int_eq(w->views, 2);
	world_free(w);
}
END_TEST

START_TEST(test_many_files)
{
	struct world *w = world_new();
	const char *names[200];
	char texts[200][24];
	int i;

	for (i = 0; i < 200; i++) {
		snprintf(texts[i], sizeof(texts[i]), "a/%03d.csv", i);
		names[i] = texts[i];
	}
	world_add(w, NUMBER, STAFF, ST_DELIVERED);
	world_names(w, names, 200);
	list(w, OFFICER, VERB_TRANSFERS_LIST, true, 0);
	ck_assert_int_eq(world_count(w, ROW_FILE), 200);
	ck_assert_str_eq(world_field(w, ROW_FILE, 199, F_NAME), "a/199.csv");
	ck_assert_str_eq(world_field(w, ROW_FILE, 199, F_INDEX), "200");
	/* keys knows nothing of them: the names alone. */
	w->hides_files = true;
	list(w, OFFICER, VERB_TRANSFERS_LIST, true, 0);
	ck_assert_int_eq(world_count(w, ROW_FILE), 200);
	ck_assert_str_eq(world_field(w, ROW_FILE, 199, F_NAME), "a/199.csv");
	world_free(w);
}
END_TEST

/* keys gives no key, or the manifest is damaged: rows without names. */
START_TEST(test_no_names)
{
	struct world *w = world_new();

	world_add(w, NUMBER, STAFF, ST_DELIVERED);
	list(w, OFFICER, VERB_TRANSFERS_LIST, true, 0);
	ck_assert_str_eq(world_field(w, ROW_TRANSFER, 0, F_NAMES),
	    "unavailable");
	ck_assert_str_eq(world_field(w, ROW_FILE, 0, F_NAME), "(no field)");
	world_names(w, one, 1);
	w->manifest[5] ^= 1;
	ck_assert_int_eq(list(w, OFFICER, VERB_TRANSFERS_LIST, true, 0),
	    ANSWER_DONE);
	ck_assert_str_eq(world_field(w, ROW_FILE, 0, F_NAME), "(no field)");
	world_free(w);
}
END_TEST

/* Nothing is asked of keys for what it has no slots for. */
START_TEST(test_without_keys)
{
	struct world *w = world_new();
	struct spool_row *row;

	row = world_add(w, NUMBER, STAFF, ST_ARRIVING);
	row->side = SIDE_HIGH;
	memset(&row->transfer, 0, sizeof(row->transfer));
	world_add(w, NUMBER, STAFF, ST_ERASED);
	world_names(w, one, 1);
	list(w, OFFICER, VERB_TRANSFERS_LIST, true, 0);
	ck_assert_int_eq(world_count(w, ROW_TRANSFER), 2);
	ck_assert_int_eq(world_count(w, ROW_FILE), 0);
	ck_assert_int_eq(w->views, 0);
	world_free(w);
}
END_TEST

START_TEST(test_show)
{
	struct world *w = world_new();

	world_add(w, NUMBER, STAFF, ST_HELD);
	world_add(w, "I20260401-00018-1", OTHER, ST_HELD);
	world_names(w, one, 1);
	ck_assert_int_eq(world_verb(w, STAFF, VERB_TRANSFERS_SHOW),
	    ANSWER_DONE);
	ck_assert_int_eq(world_count(w, ROW_TRANSFER), 1);
	ck_assert_int_eq(world_count(w, ROW_FILE), 1);
	ck_assert_int_eq(world_count(w, ROW_STEP), 1);
	ck_assert_str_eq(world_field(w, ROW_STEP, 0, F_STATE), "accepted");
	ck_assert_str_eq(world_field(w, ROW_TRANSFER, 0, F_TO), "lgwan");
	/* Somebody else's is as if it were not there. */
	ck_assert_int_eq(world_verb(w, OTHER, VERB_TRANSFERS_SHOW),
	    ANSWER_REFUSED);
	ck_assert_int_eq(world_count(w, ROW_TRANSFER), 0);
	/* It is held, so not in quarantine. */
	ck_assert_int_eq(world_verb(w, OFFICER, VERB_QUARANTINE_SHOW),
	    ANSWER_REFUSED);
	ck_assert_int_eq(world_verb(w, OFFICER, VERB_HOLDS_SHOW),
	    ANSWER_DONE);
	world_free(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("transfers");
	TCase *tc = tcase_create("transfers");
	SRunner *r;
	int failed;

	tcase_add_test(tc, test_list);
	tcase_add_test(tc, test_pages);
	tcase_add_test(tc, test_states_of_lists);
	tcase_add_test(tc, test_own);
	tcase_add_loop_test(tc, test_names, 0, 5);
	tcase_add_test(tc, test_views);
	tcase_add_test(tc, test_many_files);
	tcase_add_test(tc, test_no_names);
	tcase_add_test(tc, test_without_keys);
	tcase_add_test(tc, test_show);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
