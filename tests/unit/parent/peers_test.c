/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>

#include "policy/table.h"
#include "gatewayd/parent/peers.h"

#define ZYGOTE(stage) ((enum proc_id)(PROC_ZYGOTE + (stage)))

/* Depth-first search for a way from `at` back to `start`. */
static bool
reaches(enum proc_id at, enum proc_id start, int depth)
{
	ck_assert_int_lt(depth, 64);
	for (int i = 0; i < peers_edge_count; i++) {
		if (peers_edges[i].client != at)
			continue;
		if (peers_edges[i].server == start ||
		    reaches(peers_edges[i].server, start, depth + 1))
			return true;
	}
	return false;
}

START_TEST(requests_never_form_a_cycle)
{
	for (int i = 0; i < peers_edge_count; i++)
		ck_assert_msg(
		    !reaches(peers_edges[i].server, peers_edges[i].client, 0),
		    "%s reaches itself", ipc_proc_name(peers_edges[i].client));
}
END_TEST

START_TEST(servers_start_before_their_clients)
{
	for (int i = 0; i < peers_program_count; i++)
		for (int j = 0; j < i; j++)
			ck_assert_ptr_null(peers_find(
			    peers_programs[j].id, peers_programs[i].id));
}
END_TEST

/* keys answers nobody's network, audit asks nobody, link sees only spool. */
START_TEST(who_may_talk_to_whom)
{
	ck_assert_ptr_nonnull(peers_find(PROC_SPOOL, PROC_KEYS));
	ck_assert_ptr_nonnull(peers_find(ZYGOTE(STAGE_CLAM), PROC_KEYS));
	ck_assert_ptr_nonnull(peers_find(PROC_INSPECT, ZYGOTE(STAGE_NULL)));
	ck_assert_ptr_null(peers_find(PROC_LINK, PROC_KEYS));
	ck_assert_ptr_null(peers_find(PROC_INSPECT, PROC_KEYS));
	ck_assert_ptr_null(peers_find(PROC_COURIER, PROC_AUDIT));
	for (int i = 0; i < peers_program_count; i++) {
		ck_assert_ptr_null(
		    peers_find(PROC_AUDIT, peers_programs[i].id));
		if (peers_programs[i].id != PROC_SPOOL)
			ck_assert_ptr_null(
			    peers_find(PROC_LINK, peers_programs[i].id));
	}
}
END_TEST

START_TEST(a_death_takes_all_clients_along)
{
	const uint32_t spool = peers_closure(PROC_SPOOL);
	const uint32_t audit = peers_closure(PROC_AUDIT);

	ck_assert_uint_eq(peers_closure(PROC_COURIER), 1u << PROC_COURIER);
	ck_assert_uint_eq(
	    peers_closure(ZYGOTE(STAGE_CLAM)), 1u << ZYGOTE(STAGE_CLAM));
	ck_assert_uint_eq(spool, 1u << PROC_SPOOL | 1u << PROC_INSPECT |
				     1u << PROC_COURIER | 1u << PROC_LINK |
				     1u << PROC_DESK);
	for (int i = 0; i < peers_program_count; i++)
		ck_assert(audit & (1u << peers_programs[i].id));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("peers");
	TCase *tc = tcase_create("peers");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, requests_never_form_a_cycle);
	tcase_add_test(tc, servers_start_before_their_clients);
	tcase_add_test(tc, who_may_talk_to_whom);
	tcase_add_test(tc, a_death_takes_all_clients_along);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
