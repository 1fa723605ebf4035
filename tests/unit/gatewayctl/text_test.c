/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gatewayctl/text.h"

START_TEST(test_width)
{
	static const struct {
		const char *text;
		int width;
	} cases[] = {
		{"", 0}, {"abc", 3}, {"保留", 4}, {"ﾎﾘｭｳ", 4}, {"a保b", 4},
		{"髙橋", 4}, {"か\xe3\x82\x99", 2}, /* + combining */
		{"\xf0\xa0\xae\xb7", 2}, {"\xff\xe3" "a", 3}, {"é", 1},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(text_width(cases[i].text) == cases[i].width,
		    "%s: %d", cases[i].text, text_width(cases[i].text));
}
END_TEST

START_TEST(test_safe)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"申請書.csv", "申請書.csv"},
		{"a\x1b[31mb", "a\\u{001B}[31mb"},
		{"a\nb\tc\x7f", "a\\u{000A}b\\u{0009}c\\u{007F}"},
		{"fdp.\xe2\x80\xae" "exe", "fdp.\\u{202E}exe"},
		{"a\xe2\x80\x8b" "b", "a\\u{200B}b"},
		{"\xc2\x9b", "\\u{009B}"},
		{"a\xff\xe3\x81" "b", "a\\xFF\\xE3\\x81b"},
	};
	struct buf buf;
	size_t i;

	buf_init(&buf, 4096);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_reset(&buf);
		text_put_safe(&buf, cases[i].in, strlen(cases[i].in));
		ck_assert_msg(buf.len == strlen(cases[i].out) &&
		    memcmp(buf.data, cases[i].out, buf.len) == 0, "%s: %.*s",
		    cases[i].out, (int)buf.len, (const char *)buf.data);
	}
	buf_clear(&buf);
}
END_TEST

START_TEST(test_time_and_size)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{0, "0 B"}, {1023, "1023 B"}, {1024, "1.0 KiB"},
		{1536, "1.5 KiB"}, {UINT64_C(100) << 30, "100.0 GiB"},
		{(UINT64_C(1) << 20) - 1, "1023.9 KiB"},
		{UINT64_MAX, "16777215.9 TiB"},
	};
	struct buf buf;
	size_t i;

	buf_init(&buf, 4096);
	text_put_time(&buf, 0);
	ck_assert_mem_eq(buf.data, "-", 1);
	buf_reset(&buf);
	text_put_time(&buf, UINT64_C(1775001600000)); /* 2026-04-01 UTC */
	ck_assert_mem_eq(buf.data, "2026-04-01 09:00:00", 19);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		buf_reset(&buf);
		text_put_size(&buf, sizes[i].bytes);
		buf_put_u8(&buf, 0);
		if (sizes[i].bytes != UINT64_MAX)
			ck_assert_str_eq((char *)buf.data, sizes[i].text);
	}
	buf_clear(&buf);
}
END_TEST

static char *
print_table(int max_width, const char *const *cells, int count, int columns)
{
	struct text_table table;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int i;

	text_table_init(&table, columns, max_width);
	for (i = 0; i < count; i++)
		text_table_add(&table, cells[i]);
	text_table_print(&table, out);
	text_table_clear(&table);
	fclose(out);
	return text;
}

START_TEST(test_table)
{
	static const char *const cells[] = {
		"受付番号", "状態", "x", "I1", "保留", "y", "I20260401",
		"配達済み", "z"};
	char *text = print_table(0, cells, 9, 3);

	ck_assert_str_eq(text,
	    "受付番号   状態      x\n"
	    "I1         保留      y\n"
	    "I20260401  配達済み  z\n");
	free(text);
}
END_TEST

/* Cut between characters, never inside a wide one. */
START_TEST(test_table_cut)
{
	static const char *const cells[] = {"保留保留保留", "a", "1234567890",
		"b"};
	char *text = print_table(6, cells, 4, 2);

	ck_assert_str_eq(text, "保留…   a\n12345…  b\n");
	free(text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("text");
	TCase *tc = tcase_create("text");
	SRunner *r;
	int failed;

	tcase_add_test(tc, test_width);
	tcase_add_test(tc, test_safe);
	tcase_add_test(tc, test_time_and_size);
	tcase_add_test(tc, test_table);
	tcase_add_test(tc, test_table_cut);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
