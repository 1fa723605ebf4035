/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gatewayctl/show.h"

/* Rows are built and shown at once; the text is what came out. */
struct scene {
	struct options o;
	struct show show;
	struct buf row;
	char *text;
	size_t len;
	FILE *out;
};

static void
begin(struct scene *s, bool is_json, bool is_en)
{
	memset(s, 0, sizeof(*s));
	s->o.is_json = is_json;
	s->o.is_en = is_en;
	s->out = open_memstream(&s->text, &s->len);
	show_init(&s->show, &s->o, s->out);
	buf_init(&s->row, ANSWER_MAX);
}

static void
row(struct scene *s, enum answer_row kind)
{
	buf_reset(&s->row);
	answer_row_put(&s->row, kind);
}

static void
put(struct scene *s)
{
	struct answer answer;

	ck_assert_int_eq(answer_open(s->row.data, s->row.len, &answer),
	    GW_OK);
	show_row(&s->show, &answer);
}

static const char *
finish(struct scene *s)
{
	show_finish(&s->show);
	fclose(s->out);
	buf_clear(&s->row);
	return s->text;
}

static void
put_transfer(struct scene *s, const char *number, const char *state)
{
	row(s, ROW_TRANSFER);
	answer_text_put(&s->row, F_NUMBER, number);
	answer_text_put(&s->row, F_SIDE, "low");
	answer_text_put(&s->row, F_STATE, state);
	answer_uint_put(&s->row, F_SIZE, 2048);
	answer_text_put(&s->row, F_REASON_CODE, "none");
	answer_text_put(&s->row, F_REASON_JA, "問題ありません");
	answer_text_put(&s->row, F_REASON_EN, "nothing is wrong");
	put(s);
}

static void
put_file(struct scene *s, const char *name)
{
	row(s, ROW_FILE);
	answer_uint_put(&s->row, F_INDEX, 1);
	answer_text_put(&s->row, F_NAME, name);
	put(s);
}

START_TEST(test_json)
{
	struct scene s;

	begin(&s, true, false);
	s.show.wants_children = true;
	put_transfer(&s, "A", "held");
	put_file(&s, "申請\".csv");
	put_file(&s, "b");
	row(&s, ROW_STEP);
	answer_text_put(&s.row, F_STATE, "accepted");
	put(&s);
	put_transfer(&s, "B", "sent");
	ck_assert_str_eq(finish(&s),
	    "{\"row\":\"transfer\",\"number\":\"A\",\"side\":\"low\","
	    "\"state\":\"held\",\"size\":2048,\"reason_code\":\"none\","
	    "\"reason_ja\":\"問題ありません\","
	    "\"reason_en\":\"nothing is wrong\",\"files\":["
	    "{\"index\":1,\"name\":\"申請\\\".csv\"},"
	    "{\"index\":1,\"name\":\"b\"}],"
	    "\"steps\":[{\"state\":\"accepted\"}]}\n"
	    "{\"row\":\"transfer\",\"number\":\"B\",\"side\":\"low\","
	    "\"state\":\"sent\",\"size\":2048,\"reason_code\":\"none\","
	    "\"reason_ja\":\"問題ありません\","
	    "\"reason_en\":\"nothing is wrong\",\"files\":[]}\n");
	free(s.text);
}
END_TEST

START_TEST(test_json_kinds)
{
	struct scene s;

	begin(&s, true, false);
	row(&s, ROW_ZONE);
	answer_bool_put(&s.row, F_READY, true);
	answer_int_put(&s.row, F_CLOCK_JUMP, -5);
	answer_bytes_put(&s.row, F_PARCEL, "\x01\xff", 2);
	put(&s);
	ck_assert_str_eq(finish(&s),
	    "{\"row\":\"zone\",\"ready\":true,\"clock_jump_ms\":-5,"
	    "\"parcel_id\":\"01ff\"}\n");
	free(s.text);
}
END_TEST

START_TEST(test_table)
{
	struct scene s;
	const char *text;

	begin(&s, false, false);
	put_transfer(&s, "I20260401-00017-3", "held");
	put_transfer(&s, "I20260401-00018-1", "confirmed");
	text = finish(&s);
	ck_assert_ptr_nonnull(strstr(text, "受付番号           側      状態"));
	ck_assert_ptr_nonnull(strstr(text,
	    "I20260401-00017-3  送り側  保留          -"));
	/* The word of a state, not of a verdict. */
	ck_assert_ptr_nonnull(strstr(text, "相手側に到着"));
	ck_assert_ptr_nonnull(strstr(text, "2.0 KiB"));
	/* Nothing is wrong: no words about it. */
	ck_assert_ptr_null(strstr(text, "問題ありません"));
	free(s.text);
}
END_TEST

START_TEST(test_block)
{
	struct scene s;
	const char *text;

	begin(&s, false, true);
	s.show.is_whole = true;
	put_transfer(&s, "N", "held");
	put_file(&s, "evil\x1b[2J.csv");
	text = finish(&s);
	ck_assert_ptr_nonnull(strstr(text, "number:"));
	ck_assert_ptr_nonnull(strstr(text, "nothing is wrong"));
	ck_assert_ptr_null(strstr(text, "問題ありません"));
	ck_assert_ptr_nonnull(strstr(text, "not collected"));
	ck_assert_ptr_nonnull(strstr(text, "evil\\u{001B}[2J.csv"));
	ck_assert_ptr_null(strchr(text, '\x1b'));
	free(s.text);
	begin(&s, false, false);
	s.show.is_whole = true;
	put_transfer(&s, "N", "held");
	text = finish(&s);
	ck_assert_ptr_nonnull(strstr(text, "未取得"));
	free(s.text);
}
END_TEST

START_TEST(test_text_rows)
{
	struct scene s;

	begin(&s, false, false);
	row(&s, ROW_TEXT);
	answer_text_put(&s.row, F_TEXT, "flows/a.yaml:1:2: x\n二行目\n");
	put(&s);
	ck_assert_str_eq(finish(&s), "flows/a.yaml:1:2: x\n二行目\n");
	free(s.text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("show");
	TCase *tc = tcase_create("show");
	SRunner *r;
	int failed;

	tcase_add_test(tc, test_json);
	tcase_add_test(tc, test_json_kinds);
	tcase_add_test(tc, test_table);
	tcase_add_test(tc, test_block);
	tcase_add_test(tc, test_text_rows);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
