/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "proto/ctl/answer.h"

START_TEST(test_row)
{
	struct answer a;
	struct answer_value v;
	struct buf buf;

	buf_init(&buf, ANSWER_MAX);
	answer_row_put(&buf, ROW_TRANSFER);
	answer_text_put(&buf, F_NUMBER, "I20260401-00017-3");
	answer_textn_put(&buf, F_FLOW, "text\0junk", 9);
	answer_uint_put(&buf, F_SIZE, UINT64_MAX);
	answer_int_put(&buf, F_CLOCK_JUMP, -7);
	answer_bool_put(&buf, F_READY, true);
	answer_bytes_put(&buf, F_PARCEL, "\0\1", 2);
	ck_assert_int_eq(answer_open(buf.data, buf.len, &a), GW_OK);
	ck_assert(!a.is_end);
	ck_assert_int_eq(a.row, ROW_TRANSFER);
	ck_assert(answer_find(&a, F_CLOCK_JUMP, &v));
	ck_assert_int_eq(v.signed_number, -7);
	ck_assert_int_eq(answer_next(&a, &v), GW_OK);
	ck_assert_int_eq(v.field, F_NUMBER);
	ck_assert_uint_eq(v.len, 17);
	ck_assert_int_eq(answer_next(&a, &v), GW_OK);
	ck_assert_uint_eq(v.len, 4);
	ck_assert_int_eq(answer_next(&a, &v), GW_OK);
	ck_assert(v.number == UINT64_MAX);
	ck_assert_int_eq(answer_next(&a, &v), GW_OK);
	ck_assert_int_eq(answer_next(&a, &v), GW_OK);
	ck_assert_uint_eq(v.number, 1);
	ck_assert_int_eq(answer_next(&a, &v), GW_OK);
	ck_assert_uint_eq(v.len, 2);
	ck_assert_int_eq(answer_next(&a, &v), GW_ENOENT);
	ck_assert(!answer_find(&a, F_SIZE, &v));
	buf_clear(&buf);
}
END_TEST

/* A name from outside never makes an answer unreadable. */
START_TEST(test_not_utf8)
{
	struct answer a;
	struct answer_value v;
	struct buf buf;

	buf_init(&buf, ANSWER_MAX);
	answer_row_put(&buf, ROW_FILE);
	answer_text_put(&buf, F_NAME, "a\xff" "あ\xe3\x81");
	ck_assert_int_eq(answer_open(buf.data, buf.len, &a), GW_OK);
	ck_assert_int_eq(answer_next(&a, &v), GW_OK);
	ck_assert_uint_eq(v.len, 7);
	ck_assert_mem_eq(v.bytes, "a?あ??", 7);
	buf_clear(&buf);
}
END_TEST

START_TEST(test_end)
{
	char text[3 * ANSWER_TEXT_MAX];
	struct answer a;
	struct buf buf;
	size_t i;

	buf_init(&buf, ANSWER_MAX);
	answer_end_put(&buf, ANSWER_DENIED, "権限がありません");
	ck_assert_int_eq(answer_open(buf.data, buf.len, &a), GW_OK);
	ck_assert(a.is_end);
	ck_assert_int_eq(a.code, ANSWER_DENIED);
	ck_assert_str_eq(a.text, "権限がありません");
	/* Cut between characters. */
	for (i = 0; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "あ", 4);
	buf_reset(&buf);
	answer_end_put(&buf, ANSWER_DONE, text);
	ck_assert_int_eq(answer_open(buf.data, buf.len, &a), GW_OK);
	ck_assert_uint_eq(strlen(a.text), ANSWER_TEXT_MAX / 3 * 3);
	buf_clear(&buf);
}
END_TEST

START_TEST(test_refuses)
{
	static const struct {
		const char *what;
		uint8_t bytes[16];
		size_t len;
	} cases[] = {
		{"empty", {0}, 0},
		{"no such tag", {3, 1}, 2},
		{"no row", {1}, 1},
		{"row 0", {1, 0}, 2},
		{"row too high", {1, ROW_LAST + 1}, 2},
		{"field cut", {1, 1, 0, 1, 0, 0}, 6},
		{"value cut", {1, 1, 0, 1, 0, 0, 0, 2, 'a'}, 9},
		{"no such field", {1, 1, 0x7f, 0, 0, 0, 0, 0}, 8},
		{"bool of 2", {1, 1, 0, 2, 0, 0, 0, 1, 2}, 9},
		{"bool too long", {1, 1, 0, 2, 0, 0, 0, 2, 1, 1}, 10},
		{"number too short", {1, 1, 0, 9, 0, 0, 0, 1, 1}, 9},
		{"not UTF-8", {1, 1, 0, 1, 0, 0, 0, 1, 0xff}, 9},
		{"end without code", {2}, 1},
		{"exit code 6", {2, 6}, 2},
		{"end not UTF-8", {2, 0, 0xff}, 3},
	};
	struct answer a;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(answer_open(cases[i].bytes, cases[i].len, &a) !=
		    GW_OK, "%s", cases[i].what);
}
END_TEST

START_TEST(test_table)
{
	static const enum answer_field fields[] = {
#define X(name, id, kind, json, ja, en) name,
		ANSWER_FIELD_TABLE(X)
#undef X
	};
	size_t i, j, n = sizeof(fields) / sizeof(fields[0]);

	for (i = 0; i < n; i++) {
		ck_assert_ptr_nonnull(answer_json(fields[i]));
		ck_assert_ptr_nonnull(answer_label_ja(fields[i]));
		ck_assert_ptr_nonnull(answer_label_en(fields[i]));
		for (j = 0; j < i; j++) {
			ck_assert_int_ne(fields[i], fields[j]);
			ck_assert_msg(strcmp(answer_json(fields[i]),
			    answer_json(fields[j])) != 0, "two fields %s",
			    answer_json(fields[i]));
		}
	}
	ck_assert_ptr_null(answer_json((enum answer_field)9999));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("answer");
	TCase *tc = tcase_create("answer");
	SRunner *r;
	int failed;

	tcase_add_test(tc, test_row);
	tcase_add_test(tc, test_not_utf8);
	tcase_add_test(tc, test_end);
	tcase_add_test(tc, test_refuses);
	tcase_add_test(tc, test_table);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
