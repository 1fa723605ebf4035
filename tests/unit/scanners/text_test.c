/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "scanners/text/text.h"

/* --- helpers -------------------------------------------------------------------- */

static struct text_result
scan_bytes(const void *data, size_t len, enum text_kind kind, bool guards,
    size_t step)
{
	const struct text_options options = {
		.kind = kind, .guards_formulas = guards,
	};
	struct text_scan *t = text_new(&options);
	const uint8_t *p = data;
	struct text_result r;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = len - i < step ? len - i : step;
		text_feed(t, p + i, n);
	}
	text_finish(t, &r);
	text_free(t);
	return r;
}

/* Whole, and byte by byte: the same. */
static struct text_result
scan(const void *data, size_t len, enum text_kind kind, bool guards)
{
	struct text_result a = scan_bytes(data, len, kind, guards, len + 1);
	struct text_result b = scan_bytes(data, len, kind, guards, 1);

	ck_assert_int_eq(a.reason, b.reason);
	ck_assert_int_eq(a.charset, b.charset);
	ck_assert_uint_eq(a.row, b.row);
	ck_assert_uint_eq(a.column, b.column);
	return a;
}

static size_t
convert(const char *charset, const char *utf8, char *out, size_t size)
{
	iconv_t cd = iconv_open(charset, "UTF-8");
	char *in = strdup(utf8), *from = in, *to = out;
	size_t in_left = strlen(utf8), out_left = size;

	ck_assert_ptr_ne(cd, (iconv_t)-1);
	ck_assert_uint_ne(iconv(cd, &from, &in_left, &to, &out_left),
	    (size_t)-1);
	ck_assert_uint_ne(iconv(cd, NULL, NULL, &to, &out_left), (size_t)-1);
	iconv_close(cd);
	free(in);
	return size - out_left;
}

/* --- encodings ------------------------------------------------------------------- */

static const char japanese[] =
    "申請番号,氏名,住所\r\n"
    "1,山田　太郎,東京都千代田区霞が関１－２－３\r\n"
    "2,\"髙橋 花子\",\"京都府京都市中京区\r\n寺町通御池上る\"\r\n"
    "3,ｻﾄｳ,①㈱～―能ソ表\r\n";

/* Without what EUC-JP and ISO-2022-JP of the C library do not have. */
static const char japanese_jis[] =
    "申請番号,氏名,住所\r\n"
    "1,山田　太郎,東京都千代田区霞が関一丁目\r\n"
    "2,\"高橋 花子\",\"京都府京都市中京区\r\n寺町通御池上る\"\r\n";

static const struct {
	const char *iconv;
	const char *text;
	const char *mark;
	size_t mark_len;
	enum text_charset charset;
} encodings[] = {
	{"UTF-8", japanese, "", 0, TEXT_UTF8},
	{"UTF-8", japanese, "\xef\xbb\xbf", 3, TEXT_UTF8},
	{"CP932", japanese, "", 0, TEXT_CP932},
	{"EUC-JP-MS", japanese_jis, "", 0, TEXT_EUCJP},
	{"EUC-JP-MS", japanese, "", 0, TEXT_EUCJP},
	{"ISO-2022-JP", japanese_jis, "", 0, TEXT_ISO2022JP},
	{"UTF-16LE", japanese, "\xff\xfe", 2, TEXT_UTF16LE},
	{"UTF-16BE", japanese, "\xfe\xff", 2, TEXT_UTF16BE},
};

START_TEST(test_encoding)
{
	char buf[1024];
	struct text_result r;
	size_t len;

	memcpy(buf, encodings[_i].mark, encodings[_i].mark_len);
	len = encodings[_i].mark_len + convert(encodings[_i].iconv,
	    encodings[_i].text, buf + encodings[_i].mark_len, 1000);
	/* 髙 has no place in EUC-JP but by a set that nobody uses. */
	r = scan(buf, len, TEXT_COMMA, true);
	if (_i == 4) {
		ck_assert_int_eq(r.reason, REASON_BAD_ENCODING);
		return;
	}
	ck_assert_int_eq(r.reason, REASON_NONE);
	ck_assert_int_eq(r.charset, encodings[_i].charset);
	r = scan(buf, len, TEXT_PLAIN, false);
	ck_assert_int_eq(r.reason, REASON_NONE);
}
END_TEST

/* A character cut off at the end is an error in each of them. */
START_TEST(test_cut)
{
	char buf[1024];
	size_t len = convert("CP932", "表", buf, sizeof(buf));

	ck_assert_int_eq(scan(buf, len - 1, TEXT_PLAIN, false).reason,
	    REASON_BAD_ENCODING);
	ck_assert_int_eq(scan("\xe8", 1, TEXT_PLAIN, false).reason,
	    REASON_BAD_ENCODING);
	ck_assert_int_eq(scan("\xff\xfe" "a", 3, TEXT_PLAIN, false).reason,
	    REASON_BAD_ENCODING);
	ck_assert_int_eq(scan("\x1b$B0", 4, TEXT_PLAIN, false).reason,
	    REASON_CONTROL_CHARS);
}
END_TEST

/* --- texts ----------------------------------------------------------------------- */

#define BYTES(s) s, sizeof(s) - 1

static const struct {
	const char *text;
	size_t len;
	enum reason reason;
	uint64_t row, column;
} plain[] = {
	{BYTES(""), REASON_NONE, 0, 0},
	{BYTES("plain\ttext\r\nand more\n"), REASON_NONE, 0, 0},
	{BYTES("old\rMac"), REASON_NONE, 0, 0},
	{BYTES("=1+1"), REASON_NONE, 0, 0},
	{BYTES("a\0b"), REASON_CONTROL_CHARS, 1, 2},
	{BYTES("one\ntwo\fthree"), REASON_CONTROL_CHARS, 2, 4},
	{BYTES("escape \x1b[31m"), REASON_CONTROL_CHARS, 1, 8},
	{BYTES("end\x1a"), REASON_CONTROL_CHARS, 1, 4},
	{BYTES("del\x7f"), REASON_CONTROL_CHARS, 1, 4},
	{BYTES("日本\xc2\x85"), REASON_CONTROL_CHARS, 1, 3},
	{BYTES("請求書\xe2\x80\xae" "fdp.exe"), REASON_CONTROL_CHARS, 1, 4},
	{BYTES("\xe2\x81\xa6"), REASON_CONTROL_CHARS, 1, 1},
	{BYTES("\xf3\xa0\x81\x81"), REASON_CONTROL_CHARS, 1, 1},
	/* Gaiji and variation selectors are letters of names here. */
	{BYTES("\xee\x80\x80 葛\xf3\xa0\x84\x80"), REASON_NONE, 0, 0},
	{BYTES("\xc0\x80"), REASON_BAD_ENCODING, 0, 0},
	{BYTES("\xed\xa0\x80 surrogate"), REASON_BAD_ENCODING, 0, 0},
	{BYTES("\xf4\x90\x80\x80 too high"), REASON_BAD_ENCODING, 0, 0},
	{BYTES("\xff\xff"), REASON_BAD_ENCODING, 0, 0},
	{BYTES("\x80"), REASON_BAD_ENCODING, 0, 0},
	{BYTES("\xef\xbb\xbf" "\x83\x65"), REASON_BAD_ENCODING, 0, 0},
	{BYTES("\xff\xfe" "\x3d\xd8" "a\0"), REASON_BAD_ENCODING, 0, 0},
	{BYTES("\xff\xfe" "\0\0"), REASON_CONTROL_CHARS, 1, 1},
};

START_TEST(test_plain)
{
	struct text_result r = scan(plain[_i].text, plain[_i].len, TEXT_PLAIN,
	    true);

	ck_assert_msg(r.reason == plain[_i].reason, "row %d: %s", _i,
	    reason_code(r.reason));
	if (plain[_i].row != 0) {
		ck_assert_uint_eq(r.row, plain[_i].row);
		ck_assert_uint_eq(r.column, plain[_i].column);
	}
}
END_TEST

static const struct {
	const char *text;
	enum text_kind kind;
	enum reason reason;
	uint64_t row, column;
} cells[] = {
	{"a,b\r\nc,d\r\n", TEXT_COMMA, REASON_NONE, 0, 0},
	{"a,b\nc,d", TEXT_COMMA, REASON_NONE, 0, 0},
	{"\"a\"\"b\",\"c\nd\",\"\"\n", TEXT_COMMA, REASON_NONE, 0, 0},
	{"a\tb\n\"c\td\"\t\n", TEXT_TAB, REASON_NONE, 0, 0},
	/* structure */
	{"a,\"b\n", TEXT_COMMA, REASON_BAD_STRUCTURE, 1, 2},
	{"a,b\"c\n", TEXT_COMMA, REASON_BAD_STRUCTURE, 1, 2},
	{"a,\"b\"c\n", TEXT_COMMA, REASON_BAD_STRUCTURE, 1, 2},
	{"a,b\rc,d\n", TEXT_COMMA, REASON_BAD_STRUCTURE, 1, 2},
	{"a,b\r", TEXT_COMMA, REASON_BAD_STRUCTURE, 1, 2},
	{"a,\"b\" \n", TEXT_COMMA, REASON_BAD_STRUCTURE, 1, 2},
	/* formulas */
	{"a,=1+1\n", TEXT_COMMA, REASON_FORMULA_CELL, 1, 2},
	{"a\n=cmd|' /C calc'!A0\n", TEXT_COMMA, REASON_FORMULA_CELL, 2, 1},
	{"a,\"=HYPERLINK(\"\"x\"\")\"\n", TEXT_COMMA, REASON_FORMULA_CELL, 1,
	    2},
	{"a, =1\n", TEXT_COMMA, REASON_FORMULA_CELL, 1, 2},
	{"a,　=1\n", TEXT_COMMA, REASON_FORMULA_CELL, 1, 2},
	{"a,\xef\xbb\xbf=1\n", TEXT_COMMA, REASON_FORMULA_CELL, 1, 2},
	{"a,@SUM(A1)\n", TEXT_COMMA, REASON_FORMULA_CELL, 1, 2},
	{"a,+cmd\n", TEXT_COMMA, REASON_FORMULA_CELL, 1, 2},
	{"a,-2+3+cmd|x\n", TEXT_COMMA, REASON_FORMULA_CELL, 1, 2},
	{"a,＝1\n", TEXT_COMMA, REASON_FORMULA_CELL, 1, 2},
	{"a,＋山\n", TEXT_COMMA, REASON_FORMULA_CELL, 1, 2},
	{"a,－山\n", TEXT_COMMA, REASON_FORMULA_CELL, 1, 2},
	{"a,＠山\n", TEXT_COMMA, REASON_FORMULA_CELL, 1, 2},
	{"a,\tb\n", TEXT_COMMA, REASON_FORMULA_CELL, 1, 2},
	{"a,\"\tb\"\n", TEXT_COMMA, REASON_FORMULA_CELL, 1, 2},
	{"a,\"\rb\"\n", TEXT_COMMA, REASON_FORMULA_CELL, 1, 2},
	{"a,\"\"\"\",=x", TEXT_COMMA, REASON_FORMULA_CELL, 1, 3},
	{"a\t=1\n", TEXT_TAB, REASON_FORMULA_CELL, 1, 2},
	/* what only looks like one */
	{"-123,+45,-1.5e-3\n", TEXT_COMMA, REASON_NONE, 0, 0},
	{"\"-1,234.5\",-1/2,-12:30\n", TEXT_COMMA, REASON_NONE, 0, 0},
	{"+81-3-1234-5678,+81 (3) 1234 5678\n", TEXT_COMMA, REASON_NONE, 0,
	    0},
	{"-,－,-5%,-￥1\n", TEXT_COMMA, REASON_NONE, 0, 0},
	{"－１２３,＋４５\n", TEXT_COMMA, REASON_NONE, 0, 0},
	{"a=b,c@d.jp,e+f,g-h\n", TEXT_COMMA, REASON_NONE, 0, 0},
	{"'=1,\"x=1\"\n", TEXT_COMMA, REASON_NONE, 0, 0},
	/* controls */
	{"a,b\x01\n", TEXT_COMMA, REASON_CONTROL_CHARS, 1, 2},
};

START_TEST(test_cells)
{
	const char *text = cells[_i].text;
	struct text_result r = scan(text, strlen(text), cells[_i].kind, true);
	char buf[256];
	size_t len;

	ck_assert_msg(r.reason == cells[_i].reason, "row %d: %s", _i,
	    reason_code(r.reason));
	if (cells[_i].row != 0) {
		ck_assert_uint_eq(r.row, cells[_i].row);
		ck_assert_uint_eq(r.column, cells[_i].column);
	}
	/* The same in CP932, where it has the characters. */
	if (strstr(text, "\xef\xbb\xbf") != NULL)
		return;
	len = convert("CP932", text, buf, sizeof(buf));
	r = scan(buf, len, cells[_i].kind, true);
	ck_assert_msg(r.reason == cells[_i].reason, "CP932 row %d: %s", _i,
	    reason_code(r.reason));
	/* Without the guard formulas are text. */
	r = scan(text, strlen(text), cells[_i].kind, false);
	if (cells[_i].reason == REASON_FORMULA_CELL)
		ck_assert_int_eq(r.reason, REASON_NONE);
}
END_TEST

/*
 * Kanji whose bytes spell a formula for a reader that takes ISO-2022-JP for
 * ASCII.
 */
START_TEST(test_formula_in_escapes)
{
	static const char hostile[] =
	    "\x1b$B" "0,=HYP(\"E,0!" "\x1b(B\r\n";
	static const char honest[] = "\x1b$B" "0!0,=u0(" "\x1b(B\r\n";
	struct text_result r;

	r = scan(hostile, sizeof(hostile) - 1, TEXT_COMMA, true);
	ck_assert_int_eq(r.reason, REASON_FORMULA_CELL);
	r = scan(honest, sizeof(honest) - 1, TEXT_COMMA, true);
	ck_assert_int_eq(r.reason, REASON_NONE);
	ck_assert_int_eq(r.charset, TEXT_ISO2022JP);
}
END_TEST

START_TEST(test_lost)
{
	const struct text_options options = {.kind = TEXT_PLAIN};
	struct text_scan *t = text_new(&options);

	text_feed(t, "text", 4);
	ck_assert(!text_is_lost(t));
	text_feed(t, "\0", 1);
	ck_assert(text_is_lost(t));
	text_free(t);
	t = text_new(&options);
	text_feed(t, "\x1b$B", 3);
	ck_assert(!text_is_lost(t));
	text_feed(t, "\xff", 1);
	ck_assert(text_is_lost(t));
	text_free(t);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("text");
	TCase *tc = tcase_create("text");

	tcase_add_loop_test(tc, test_encoding, 0,
	    (int)(sizeof(encodings) / sizeof(encodings[0])));
	tcase_add_test(tc, test_cut);
	tcase_add_loop_test(tc, test_plain, 0,
	    (int)(sizeof(plain) / sizeof(plain[0])));
	tcase_add_loop_test(tc, test_cells, 0,
	    (int)(sizeof(cells) / sizeof(cells[0])));
	tcase_add_test(tc, test_formula_in_escapes);
	tcase_add_test(tc, test_lost);
	suite_add_tcase(s, tc);
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
	return failed == 0 ? 0 : 1;
}
