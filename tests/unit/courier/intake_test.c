/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "gatewayd/courier/intake.h"
#include "gatewayd/courier/watch.h"
#include "proto/record/reason.h"
#include "proto/record/transfer_state.h"

#include "tests/unit/courier/bench.h"

static struct bench b;

static void
setup(void)
{
	bench_open(&b);
}

static void
teardown(void)
{
	bench_close(&b);
}

static unsigned wanted;

static bool
all_accepted(struct bench *bench)
{
	return bench->fake.accepted >= wanted &&
	    intake_count(bench->courier->intakes) == 0;
}

static bool
all_refused(struct bench *bench)
{
	return bench->fake.refused >= wanted &&
	    intake_count(bench->courier->intakes) == 0;
}

static bool
all_published(struct bench *bench)
{
	return bench->fake.transfers[bench->fake.count - 1].published > 0;
}

static void
accept(unsigned count)
{
	wanted = count;
	bench_until(&b, all_accepted);
}

static void
refuse(unsigned count)
{
	wanted = count;
	bench_until(&b, all_refused);
}

static void
deliver_last(void)
{
	fake_work(&b.fake, &b.fake.transfers[b.fake.count - 1], WORK_DELIVER,
	    SIDE_HIGH, ST_REINSPECTED, 0, false);
	bench_until(&b, all_published);
	bench_run_ms(&b, 20);
}

START_TEST(one_csv_goes_in_and_out)
{
	bench_start(&b);
	bench_drop(&b, "名簿.csv", "番号,氏名\r\n1,山田\r\n");
	accept(1);
	ck_assert(!bench_has(&b, "in/letters/名簿.csv"));
	ck_assert_uint_eq(bench_count(&b, ".gw/claim"), 1); /* the journal */
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"),
	    "名簿.csv,25,受付済,,"), 1);
	deliver_last();
	ck_assert(bench_contains(&b, "out/letters/名簿.csv", "1,山田\r\n"));
	ck_assert_uint_eq(bench_count(&b, ".gw/out"), 0);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("受領簿"),
	    "名簿.csv,25,配達済,,,out/letters/名簿.csv\r\n"), 1);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("courier/intake");
	TCase *tc = tcase_create("intake");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_csv_goes_in_and_out);
	suite_add_tcase(s, tc);
	(void)refuse;
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
