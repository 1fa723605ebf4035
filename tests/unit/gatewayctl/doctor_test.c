/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gatewayctl/doctor.h"

#define NOW UINT64_C(1775000000000)
#define DAY UINT64_C(86400000)

static char found[4096];	/* codes, each with a blank behind it */
static char said[4096];

static void
collect(void *arg, enum doctor_level level, const char *code,
    const char *what, const char *next)
{
	(void)arg;
	ck_assert(what[0] != '\0' && next[0] != '\0');
	snprintf(found + strlen(found), sizeof(found) - strlen(found),
	    "%s%s ", level == DOCTOR_NOTE ? "~" : "", code);
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n",
	    what);
}

struct scene {
	struct options o;
	struct doctor d;
	struct buf row;
};

static void
begin(struct scene *s, bool is_en, enum answer_row kind)
{
	memset(s, 0, sizeof(*s));
	s->o.is_en = is_en;
	s->d.o = &s->o;
	s->d.fn = collect;
	s->d.now_ms = NOW;
	buf_init(&s->row, ANSWER_MAX);
	answer_row_put(&s->row, kind);
	found[0] = said[0] = '\0';
}

static const char *
codes(struct scene *s)
{
	struct answer answer;

	ck_assert_int_eq(answer_open(s->row.data, s->row.len, &answer),
	    GW_OK);
	doctor_row(&s->d, &answer);
	buf_clear(&s->row);
	return found;
}

START_TEST(test_process)
{
	static const struct {
		const char *state, *codes;
		uint64_t restarts;
	} cases[] = {
		{"ready", "", 0}, {"ready", "~process-restarted ", 3},
		{"restarting", "process-not-ready ", 3},
		{"starting", "process-not-ready ", 0},
	};
	struct scene s;
	size_t i;

	for (i = 0; i < 4; i++) {
		begin(&s, i % 2 == 0, ROW_PROCESS);
		answer_text_put(&s.row, F_PROCESS, "courier");
		answer_text_put(&s.row, F_STATE, cases[i].state);
		answer_uint_put(&s.row, F_RESTARTS, cases[i].restarts);
		answer_uint_put(&s.row, F_SINCE, NOW);
		ck_assert_str_eq(codes(&s), cases[i].codes);
	}
}
END_TEST

static void
put_zone(struct scene *s, const char *intake, uint64_t disk_free,
    uint64_t stored, int64_t jump, bool is_service)
{
	begin(s, true, ROW_ZONE);
	answer_text_put(&s->row, F_INTAKE, intake);
	answer_text_put(&s->row, F_FETCH, intake);
	answer_text_put(&s->row, F_REASON_CODE, "no-space");
	answer_uint_put(&s->row, F_DISK, 1000000);
	answer_uint_put(&s->row, F_DISK_FREE, disk_free);
	answer_uint_put(&s->row, F_STOP_INTAKE_PCT, 85);
	answer_uint_put(&s->row, F_STORED, stored);
	answer_uint_put(&s->row, F_QUOTA, 1000000);
	answer_int_put(&s->row, F_CLOCK_JUMP, jump);
	answer_bool_put(&s->row, F_IS_SERVICE, is_service);
	answer_text_put(&s->row, F_SIGNATURE_DIR, "/nowhere/at/all");
	answer_uint_put(&s->row, F_SIGNATURE_DAYS, 7);
}

START_TEST(test_zone)
{
	struct scene s;

	put_zone(&s, "open", 500000, 0, 0, true);
	ck_assert_str_eq(codes(&s), "");
	put_zone(&s, "stopped", 100000, 950000, -400000, false);
	ck_assert_str_eq(codes(&s), "intake-stopped fetch-stopped "
	    "clock-jumped ordinary-user disk-filling quota-filling ");
	ck_assert_ptr_nonnull(strstr(said, "-400 s"));
	doctor_machine(&s.d);
	ck_assert_ptr_nonnull(strstr(found, "signatures-missing "));
}
END_TEST

static const char *
channel_codes(const char *state, const char *link, uint64_t gap)
{
	struct scene s;

	begin(&s, false, ROW_CHANNEL);
	answer_text_put(&s.row, F_CHANNEL, "internet-lgwan");
	answer_text_put(&s.row, F_PEER, "lgwan");
	answer_text_put(&s.row, F_STATE, state);
	answer_text_put(&s.row, F_LINK, link);
	answer_text_put(&s.row, F_REASON_JA, "理由");
	answer_uint_put(&s.row, F_GAP_SEQ, gap);
	return codes(&s);
}

START_TEST(test_channel)
{
	ck_assert_str_eq(channel_codes("open", "up", 0), "");
	ck_assert_str_eq(channel_codes("open", "down", 0),
	    "peer-unreachable ");
	ck_assert_str_eq(channel_codes("open", "up", 4), "sequence-gap ");
	ck_assert_str_eq(channel_codes("unpaired", "down", 0),
	    "channel-unpaired ");
	ck_assert_str_eq(channel_codes("frozen", "down", 0),
	    "channel-frozen ");
	ck_assert_ptr_nonnull(strstr(said, "理由"));
}
END_TEST

static const char *
flow_codes(const char *state, uint64_t until)
{
	struct scene s;

	begin(&s, true, ROW_FLOW);
	answer_text_put(&s.row, F_FLOW, "text-data");
	answer_text_put(&s.row, F_STATE, state);
	answer_uint_put(&s.row, F_UNTIL, until);
	return codes(&s);
}

START_TEST(test_flow)
{
	ck_assert_str_eq(flow_codes("open", NOW + 31 * DAY), "");
	ck_assert_str_eq(flow_codes("open", NOW + 29 * DAY), "flow-ending ");
	ck_assert_str_eq(flow_codes("ended", NOW - DAY), "flow-ended ");
}
END_TEST

START_TEST(test_counts)
{
	static const struct {
		const char *state, *codes;
	} cases[] = {
		{"held", "held "}, {"poison", "poison "},
		{"damaged", "damaged "}, {"quarantined", "quarantined "},
		{"waiting", "~waiting "}, {"delivered", ""},
	};
	struct scene s;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(&s, false, ROW_COUNT);
		answer_text_put(&s.row, F_STATE, cases[i].state);
		answer_uint_put(&s.row, F_COUNT, 12);
		ck_assert_str_eq(codes(&s), cases[i].codes);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("doctor");
	TCase *tc = tcase_create("doctor");
	SRunner *r;
	int failed;

	tcase_add_test(tc, test_process);
	tcase_add_test(tc, test_zone);
	tcase_add_test(tc, test_channel);
	tcase_add_test(tc, test_flow);
	tcase_add_test(tc, test_counts);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
