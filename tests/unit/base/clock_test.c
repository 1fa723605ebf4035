/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "base/clock.h"

#define HOUR_MS 3600000ull

/* Seconds since 1970 UTC, worked out with GNU date. */
static const struct {
	uint64_t wall_s;
	const char *iso;
	const char *day;
	uint64_t fiscal_end_s;
} moments[] = {
    {0, "1970-01-01T09:00:00+09:00", "19700101", 7743600},
    /* The last second of fiscal year 2025 and the first of 2026. */
    {1774969199, "2026-03-31T23:59:59+09:00", "20260331", 1774969200},
    {1774969200, "2026-04-01T00:00:00+09:00", "20260401", 1806505200},
    {1775001600, "2026-04-01T09:00:00+09:00", "20260401", 1806505200},
    /* 31 March in UTC, 1 April in Japan. */
    {1774972800, "2026-04-01T01:00:00+09:00", "20260401", 1806505200},
    /* Leap days: 2024 and 2000 have one, 2100 has not. */
    {1709132400, "2024-02-29T00:00:00+09:00", "20240229", 1711897200},
    {1709218799, "2024-02-29T23:59:59+09:00", "20240229", 1711897200},
    {1709218800, "2024-03-01T00:00:00+09:00", "20240301", 1711897200},
    {951750000, "2000-02-29T00:00:00+09:00", "20000229", 954514800},
    {4107510000, "2100-03-01T00:00:00+09:00", "21000301", 4110188400},
    {4107509999, "2100-02-28T23:59:59+09:00", "21000228", 4110188400},
    {1798729199, "2026-12-31T23:59:59+09:00", "20261231", 1806505200},
    {253402268399, "9999-12-31T23:59:59+09:00", "99991231", 253410130800},
    /* Past what the texts can say they stand still. */
    {253402268400, "9999-12-31T23:59:59+09:00", "99991231", 253410130800},
    {UINT64_MAX / 1000 - 1, "9999-12-31T23:59:59+09:00", "99991231",
	253410130800},
};

START_TEST(moment_reads_in_jst)
{
	char iso[CLOCK_ISO_LEN], day[CLOCK_DAY_LEN];
	uint64_t ms = moments[_i].wall_s * 1000;
	uint64_t extra;

	for (extra = 0; extra < 1000; extra += 333) {
		clock_iso_jst(ms + extra, iso);
		clock_day_jst(ms + extra, day);
		ck_assert_str_eq(iso, moments[_i].iso);
		ck_assert_str_eq(day, moments[_i].day);
		ck_assert_uint_eq(clock_fiscal_end_ms(ms + extra),
		    moments[_i].fiscal_end_s * 1000);
	}
}
END_TEST

static const struct {
	int year, month, day;
	bool is_day;
	uint64_t wall_s;
} days[] = {
    {1970, 1, 2, true, 54000},
    {1970, 1, 1, false, 0}, /* 1969 in UTC */
    {2024, 2, 29, true, 1709132400},
    {2023, 2, 29, false, 0},
    {2100, 2, 29, false, 0},
    {2000, 2, 29, true, 951750000},
    {2026, 3, 31, true, 1774882800},
    {2026, 4, 1, true, 1774969200},
    {2026, 4, 31, false, 0},
    {2026, 0, 1, false, 0},
    {2026, 13, 1, false, 0},
    {2026, 1, 0, false, 0},
    {2026, 1, 32, false, 0},
    {-1, 1, 1, false, 0},
    {10000, 1, 1, false, 0},
    {9999, 12, 31, true, 253402182000},
};

START_TEST(day_has_a_start)
{
	uint64_t ms = 42;

	ck_assert_int_eq(clock_from_day_jst(
			     days[_i].year, days[_i].month, days[_i].day, &ms),
	    days[_i].is_day);
	ck_assert_uint_eq(ms, days[_i].is_day ? days[_i].wall_s * 1000 : 42);
}
END_TEST

/* Every day of 400 years and more: text, start and fiscal year agree. */
START_TEST(days_go_round)
{
	uint64_t ms = 54000000, start, end, last_end = 0;
	char day[CLOCK_DAY_LEN], last[CLOCK_DAY_LEN] = "";
	int number;

	for (; ms < 13000000000000ull; ms += 24 * HOUR_MS) {
		clock_day_jst(ms, day);
		number = 0;
		ck_assert_int_eq(sscanf(day, "%d", &number), 1);
		ck_assert_int_gt(strcmp(day, last), 0);
		ck_assert(clock_from_day_jst(
		    number / 10000, number / 100 % 100, number % 100, &start));
		ck_assert_uint_eq(start, ms);
		end = clock_fiscal_end_ms(ms);
		ck_assert_uint_gt(end, ms);
		if (end != last_end && last_end != 0)
			ck_assert_str_eq(day + 4, "0401");
		last_end = end;
		memcpy(last, day, sizeof(last));
	}
}
END_TEST

struct fake {
	uint64_t wall_ms, mono_ms;
};

static uint64_t
fake_wall(void *arg)
{
	return ((struct fake *)arg)->wall_ms;
}

static uint64_t
fake_mono(void *arg)
{
	return ((struct fake *)arg)->mono_ms;
}

START_TEST(jumps_are_seen)
{
	static const struct {
		int64_t wall, mono, jump;
	} steps[] = {
	    {1000, 1000, 0},
	    {0, 0, 0},
	    {3600000, 1000, 3599000},
	    {-5000, 1000, -6000},
	    {0, 1000, -1000},
	    {86400000, 86400000, 0},
	};
	struct fake fake = {1000000, 5};
	struct clock_source source = {fake_wall, fake_mono, &fake};
	struct clock_watch watch = {0};
	size_t i;

	clock_set_source(&source);
	ck_assert_int_eq(clock_watch_step(&watch), 0);
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		fake.wall_ms += (uint64_t)steps[i].wall;
		fake.mono_ms += (uint64_t)steps[i].mono;
		ck_assert_int_eq(clock_watch_step(&watch), steps[i].jump);
	}
	clock_set_source(NULL);
}
END_TEST

START_TEST(system_time_moves)
{
	uint64_t wall = clock_wall_ms();
	uint64_t mono = clock_mono_ms();

	ck_assert_uint_gt(wall, 1700000000000ull);
	ck_assert_uint_ge(clock_mono_ms(), mono);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("clock");
	TCase *tcase = tcase_create("clock");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, moment_reads_in_jst, 0,
	    sizeof(moments) / sizeof(moments[0]));
	tcase_add_loop_test(
	    tcase, day_has_a_start, 0, sizeof(days) / sizeof(days[0]));
	tcase_add_test(tcase, days_go_round);
	tcase_add_test(tcase, jumps_are_seen);
	tcase_add_test(tcase, system_time_moves);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
