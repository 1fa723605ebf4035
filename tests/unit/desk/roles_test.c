/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "gatewayd/desk/permit.h"
#include "gatewayd/desk/person.h"
#include "tests/unit/desk/world.h"

/*
 * Who may what, written by hand: one letter per role, s staff, p approver,
 * o officer, u auditor, a administrator.  Everybody is staff, too.
 */
static const struct {
	enum request_verb verb;
	const char *may;
} matrix[] = {
	{VERB_STATUS, "spoua"},
	{VERB_DOCTOR, "oua"},
	{VERB_RELOAD, "a"},
	{VERB_FLOWS, "spoua"},
	{VERB_TRANSFERS_LIST, "spoua"},
	{VERB_TRANSFERS_SHOW, "spoua"},
	{VERB_TRANSFERS_APPROVE, "po"},
	{VERB_TRANSFERS_RETURN, "po"},
	{VERB_TRANSFERS_REVOKE, "spoua"},
	{VERB_HOLDS_LIST, "spoua"},
	{VERB_HOLDS_SHOW, "spoua"},
	{VERB_HOLDS_RELEASE, "o"},
	{VERB_HOLDS_REJECT, "po"},
	{VERB_QUARANTINE_LIST, "oua"},
	{VERB_QUARANTINE_SHOW, "oua"},
	{VERB_CHANNEL_LIST, "spoua"},
	{VERB_CHANNEL_FREEZE, "oa"},
	{VERB_CHANNEL_NEW_EPOCH, "o"},
	{VERB_PAIR_INIT, "a"},
	{VERB_PAIR_CARD, "oua"},
	{VERB_PAIR_ACCEPT, "a"},
	{VERB_PAIR_SHOW, "oua"},
	{VERB_KEY_LIST, "oua"},
	{VERB_LOG_SEARCH, "oua"},
	{VERB_LOG_FOLLOW, "oua"},
	{VERB_LOG_EXPORT, "ou"},
};
#define MATRIX ((int)(sizeof(matrix) / sizeof(matrix[0])))

static const struct {
	char letter;
	uint32_t uid;
} people[] = {
	{'s', STAFF}, {'p', APPROVER}, {'o', OFFICER}, {'u', AUDITOR},
	{'a', ADMIN},
};
#define PEOPLE ((int)(sizeof(people) / sizeof(people[0])))

START_TEST(test_matrix_is_whole)
{
	int i, j;

	ck_assert_int_eq(MATRIX, permit_count);
	for (i = 0; i < MATRIX; i++) {
		ck_assert_ptr_nonnull(permit_find(matrix[i].verb));
		for (j = 0; j < i; j++)
			ck_assert_int_ne(matrix[i].verb, matrix[j].verb);
	}
}
END_TEST

START_TEST(test_matrix)
{
	struct world *w = world_new();
	const char *may = matrix[_i].may;
	int i, denied;

	/* Follow never ends by itself. */
	for (i = 0; i < PEOPLE; i++) {
		bool is_allowed = strchr(may, people[i].letter) != NULL;

		if (is_allowed && matrix[_i].verb == VERB_LOG_FOLLOW)
			continue;
		denied = world_logged(w, AUDIT_DENIED);
		world_verb(w, people[i].uid, matrix[_i].verb);
		ck_assert_msg((w->code != ANSWER_DENIED) == is_allowed,
		    "%s by %c: %d %s", request_verb_word(matrix[_i].verb),
		    people[i].letter, w->code, w->text);
		ck_assert_int_eq(world_logged(w, AUDIT_DENIED) - denied,
		    is_allowed ? 0 : 1);
		if (is_allowed)
			continue;
		ck_assert_int_eq(w->frame_count, 0);
		ck_assert_uint_eq(w->log[w->log_count - 1].uid,
		    people[i].uid);
		ck_assert_str_eq(w->log[w->log_count - 1].detail,
		    request_verb_word(matrix[_i].verb));
	}
	/* A refused request asks nobody anything. */
	if (strchr(may, 'p') == NULL && strchr(may, 'o') == NULL)
		ck_assert_int_eq(w->decisions, 0);
	world_free(w);
}
END_TEST

/* A refusal that cannot be recorded is a refusal still. */
START_TEST(test_denied_without_log)
{
	struct world *w = world_new();

	w->append_err = GW_ESPACE;
	ck_assert_int_eq(world_verb(w, STAFF, VERB_RELOAD), ANSWER_DENIED);
	ck_assert_int_eq(w->reloads, 0);
	world_free(w);
}
END_TEST

START_TEST(test_wrong_arguments)
{
	struct world *w = world_new();
	struct request req = {.verb = VERB_TRANSFERS_SHOW};

	ck_assert_int_eq(world_ask(w, STAFF, &req), ANSWER_USAGE);
	req.verb = VERB_STATUS;
	strcpy(req.number, "x");
	req.has = ARG_BIT(ARG_NUMBER);
	ck_assert_int_eq(world_ask(w, STAFF, &req), ANSWER_USAGE);
	world_free(w);
}
END_TEST

START_TEST(test_root_and_starter)
{
	struct world *w = world_new();

	ck_assert_uint_eq(person_roles(&w->desk, 0), POLICY_STAFF |
	    POLICY_OFFICER | POLICY_ADMINISTRATOR);
	ck_assert_uint_eq(person_roles(&w->desk, 999), POLICY_STAFF);
	w->desk.is_service = false;
	ck_assert_uint_eq(person_roles(&w->desk, 999), POLICY_STAFF |
	    POLICY_APPROVER | POLICY_OFFICER | POLICY_AUDITOR |
	    POLICY_ADMINISTRATOR);
	ck_assert_uint_eq(person_roles(&w->desk, STAFF), POLICY_STAFF);
	ck_assert_uint_eq(person_roles(&w->desk, APPROVER), POLICY_STAFF |
	    POLICY_APPROVER);
	world_free(w);
}
END_TEST

START_TEST(test_accounts)
{
	struct world *w = world_new();
	char passwd[] = "root:x:0:0::/root:/bin/sh\nbroken\n"
	    "a:x:10010:1::/:\nsato:x:1001:100:佐藤:/home/sato:/bin/sh\n"
	    "last:x:7:7::/:";
	char name[IPC_PERSON_LEN];

	person_account(&w->desk, 1001, name);
	ck_assert_str_eq(name, "uid:1001");
	w->desk.accounts = passwd;
	person_account(&w->desk, 1001, name);
	ck_assert_str_eq(name, "sato");
	person_account(&w->desk, 0, name);
	ck_assert_str_eq(name, "root");
	person_account(&w->desk, 7, name);
	ck_assert_str_eq(name, "last");
	person_account(&w->desk, 1002, name);
	ck_assert_str_eq(name, "uid:1002");
	w->desk.accounts = NULL;
	world_free(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("roles");
	TCase *tc = tcase_create("roles");
	SRunner *r;
	int failed;

	tcase_add_test(tc, test_matrix_is_whole);
	tcase_add_loop_test(tc, test_matrix, 0, MATRIX);
	tcase_add_test(tc, test_denied_without_log);
	tcase_add_test(tc, test_wrong_arguments);
	tcase_add_test(tc, test_root_and_starter);
	tcase_add_test(tc, test_accounts);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
