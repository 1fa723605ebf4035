/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "tests/unit/keys/way.h"

/*
 * The program itself in its sandbox: a system call that its filter lacks
 * ends it, and this test.  Run with the path of gateway-keys.
 */
static const char *keys_path;

START_TEST(goes_the_whole_way)
{
	struct gate *low = gate_program("internet", keys_path);
	struct gate *high = gate_program("lgwan", keys_path);
	struct keys_grant grants[64];
	struct keys_bodies req;
	struct keys_sealed sealed;
	struct way w, h;
	int fd, status;

	gate_init(low, false);
	gate_init(high, false);
	gate_pair(low, high);
	way_accept(&w, low, 80);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	/* Another table inside the sandbox, the same rules. */
	gate_reload(low);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	way_seal(&w, &sealed, &fd);
	ck_assert_int_eq(sealed.err, GW_OK);
	way_arrive(&h, high, &w, fd);
	way_inspect(&h);
	ck_assert_int_eq(way_decision(&h), DECIDE_GO);
	ck_assert_int_eq(way_release(&h, 0, 64, grants), GW_OK);
	ck_assert_mem_eq(grants[63].key, w.keys[63], 32);
	req.transfer = h.transfer;
	ck_assert_int_eq(gate_status(high, &(struct gate_ask){
	    .client = GATE_SPOOL, .type = KEYS_ERASE, .fixed = &req,
	    .fixed_len = sizeof(req)}), GW_OK);
	io_drop(&fd);
	status = gate_end(low);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	status = gate_end(high);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *s = suite_create("keys process");
	TCase *tc = tcase_create("process");
	SRunner *runner;
	int failed;

	if (argc != 2)
		return EXIT_FAILURE;
	keys_path = argv[1];
	gate_clock_real();
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, goes_the_whole_way);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
