/* SPDX-License-Identifier: ISC */
#include <iconv.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/rd.h"
#include "proto/names/cp932.h"
#include "proto/names/names.h"
#include "proto/names/utf8.h"

#include "tests/unit/proto/support.h"

#define NAME_HASH                                                             \
	"c9c3d30a5de16feb73081ee0b57c4fdb043aff57f752e7eb7ac44f7243ba11ca"
#define PATH_SIZE (MANIFEST_PATH_MAX + 1)

struct decoding {
	const char *raw;
	enum manifest_charset charset;
	const char *text;	/* NULL: refused */
};

static const struct decoding decodings[] = {
	{ "plain.txt", CHARSET_UTF8, "plain.txt" },
	{ "表.csv", CHARSET_UTF8, "表.csv" },
	/* CP932: trail byte 0x5C of 表 ソ 能 予 十 申 貼 is no separator */
	{ "\x95\x5c.csv", CHARSET_CP932, "表.csv" },
	{ "\x83\x5c\x94\x5c\x97\x5c\x8f\x5c\x90\x5c\x93\x5c", CHARSET_CP932,
	  "ソ能予十申貼" },
	{ "\x90\x5c\x90\xbf/\x95\x5c.csv", CHARSET_CP932, "申請/表.csv" },
	/* NEC row 13, half-width kana, both codes of 髙 */
	{ "\x87\x40\x87\x8a.txt", CHARSET_CP932, "①㈱.txt" },
	{ "\xcb\xde\xd9.txt", CHARSET_CP932, "ﾋﾞﾙ.txt" },
	{ "\xee\xe0\xfb\xfc", CHARSET_CP932, "髙髙" },
	{ "\x81\x60\x81\x7c\x81\x61", CHARSET_CP932, "～－∥" },
	/* user-defined characters */
	{ "\xf0\x40\xf9\xfc", CHARSET_CP932, "\xee\x80\x80\xee\x9d\x97" },
	/* valid in both: UTF-8 is preferred */
	{ "\xc3\xbd", CHARSET_UTF8, "ý" },
	/* NFD of macOS: kana and Latin are composed, and nothing else */
	{ "か\xe3\x82\x99は\xe3\x82\x9a.txt", CHARSET_UTF8, "がぱ.txt" },
	{ "ウ\xe3\x82\x99ワ\xe3\x82\x99ヽ\xe3\x82\x99", CHARSET_UTF8,
	  "ヴヷヾ" },
	{ "e\xcc\x81u\xcc\x88 cafe\xcc\x81", CHARSET_UTF8, "éü café" },
	{ "a\xcc\xa3\xcc\x82", CHARSET_UTF8, "ậ" },
	{ "漢\xe3\x82\x99", CHARSET_UTF8, "漢\xe3\x82\x99" },
	{ "\xe3\x82\x99", CHARSET_UTF8, "\xe3\x82\x99" },
	{ "あ\xe3\x82\x9a", CHARSET_UTF8, "あ\xe3\x82\x9a" },
	/* compatibility ideographs, IVS and private use stay as they are */
	{ "\xef\xa8\x99\xef\xa8\x9b", CHARSET_UTF8,
	  "\xef\xa8\x99\xef\xa8\x9b" },
	{ "葛\xf3\xa0\x84\x80城", CHARSET_UTF8, "葛\xf3\xa0\x84\x80城" },
	{ "\xee\x80\x80\xf3\xb0\x80\x80", CHARSET_UTF8,
	  "\xee\x80\x80\xf3\xb0\x80\x80" },
	{ "Å ㌔ ①", CHARSET_UTF8, "Å ㌔ ①" },
	/* in no known encoding */
	{ "\x80", CHARSET_UTF8, NULL },
	{ "\xa0.txt", CHARSET_UTF8, NULL },
	{ "\xfd\xfe\xff", CHARSET_UTF8, NULL },
	{ "\x95", CHARSET_UTF8, NULL },
	{ "\x95\x20", CHARSET_UTF8, NULL },
	{ "\x85\x40", CHARSET_UTF8, NULL },
	{ "\xed\xa0\x80", CHARSET_UTF8, NULL },
	/* an overlong '/' in UTF-8, but half-width kana in CP932 */
	{ "\xc0\xaf", CHARSET_CP932, "ﾀｯ" },
	{ "\xf5\x80\x80\x80", CHARSET_UTF8, NULL }
};

START_TEST(decode_as_found)
{
	const struct decoding *d = &decodings[_i];
	enum manifest_charset charset = 0;
	char out[PATH_SIZE];
	enum gw_err err;

	err = names_decode((const uint8_t *)d->raw, strlen(d->raw), out,
	    sizeof(out), &charset);
	if (d->text == NULL) {
		ck_assert_int_eq(err, GW_EFORMAT);
		return;
	}
	ck_assert_int_eq(err, GW_OK);
	ck_assert_str_eq(out, d->text);
	ck_assert_int_eq(charset, d->charset);
}
END_TEST

START_TEST(decode_needs_room)
{
	enum manifest_charset charset;
	char out[8];

	ck_assert_int_eq(names_decode((const uint8_t *)"漢字", 6, out, 7,
	    &charset), GW_OK);
	ck_assert_int_eq(names_decode((const uint8_t *)"漢字", 6, out, 6,
	    &charset), GW_ELIMIT);
	ck_assert_int_eq(names_decode((const uint8_t *)"a\0b", 3, out, 8,
	    &charset), GW_EFORMAT);
	ck_assert_int_eq(names_decode((const uint8_t *)"\x95\x5c\0", 3, out,
	    8, &charset), GW_EFORMAT);
}
END_TEST

static bool
iconv_get(iconv_t cd, uint8_t *in, size_t len, uint32_t *cp)
{
	char *src = (char *)in, utf8[8], *dst = utf8;
	size_t left = len, room = sizeof(utf8);
	struct rd r;

	(void)iconv(cd, NULL, NULL, NULL, NULL);
	if (iconv(cd, &src, &left, &dst, &room) != 0 || left != 0)
		return false;
	rd_init(&r, utf8, sizeof(utf8) - room);
	return utf8_get(&r, cp) == GW_OK && rd_left(&r) == 0;
}

/* Our table and the C library's converter agree on every sequence. */
START_TEST(cp932_is_microsofts)
{
	iconv_t cd = iconv_open("UTF-8", "CP932");
	uint32_t ours = 0, theirs = 0;
	uint8_t in[2];
	bool ok, expect;
	struct rd r;
	unsigned i;

	if (cd == (iconv_t)-1) /* the module is not installed */
		return;
	for (i = 0; i < 0x10000; i++) {
		in[0] = (uint8_t)(i >> 8);
		in[1] = (uint8_t)i;
		if (in[0] < 0x81 || (in[0] >= 0xa0 && in[0] <= 0xdf))
			continue;
		rd_init(&r, in, 2);
		ok = cp932_get(&r, &ours) == GW_OK;
		expect = iconv_get(cd, in, 2, &theirs);
		ck_assert_msg(ok == expect, "%04x", i);
		ck_assert_msg(!ok || ours == theirs, "%04x", i);
	}
	for (i = 0xa1; i <= 0xdf; i++) {
		in[0] = (uint8_t)i;
		rd_init(&r, in, 1);
		ck_assert_int_eq(cp932_get(&r, &ours), GW_OK);
		ck_assert(iconv_get(cd, in, 1, &theirs));
		ck_assert_uint_eq(ours, theirs);
	}
	iconv_close(cd);
}
END_TEST

struct judgment {
	const char *path;
	enum reason reason;
};

static const struct judgment judgments[] = {
	{ "plain.txt", REASON_NONE },
	{ "申請書 一式/第１回：議事録（案）.docx", REASON_NONE },
	{ "2026.04.01 報告書…最終.pdf", REASON_NONE },
	{ "data.tar.gz", REASON_NONE },
	{ ".bashrc", REASON_NONE },
	{ "第1.2版", REASON_NONE },
	{ "第１．２版", REASON_NONE },
	{ "葛\xf3\xa0\x84\x80城.pdf", REASON_NONE },
	{ "\xef\xa8\x99.pdf", REASON_NONE },
	{ "\xee\x80\x80外字.csv", REASON_NONE },
	{ "ﾃﾞｰﾀ①㈱.csv", REASON_NONE },
	{ "setup.exe", REASON_NONE },		/* identify refuses it */
	{ "console.txt", REASON_NONE },
	{ "com.txt", REASON_NONE },
	{ "COM10.txt", REASON_NONE },
	{ "LPT0", REASON_NONE },
	{ "a  b.txt", REASON_NONE },
	{ " leading.txt", REASON_NONE },
	/* text direction and invisible characters */
	{ "invoice\xe2\x80\xae" "fdp.exe", REASON_NAME_BIDI },
	{ "a\xe2\x80\xaa.txt", REASON_NAME_BIDI },
	{ "a\xe2\x81\xa6.txt", REASON_NAME_BIDI },
	{ "a\xe2\x81\xa9.txt", REASON_NAME_BIDI },
	{ "a\xe2\x80\x8b.txt", REASON_NAME_BIDI },
	{ "a\xe2\x80\x8f.txt", REASON_NAME_BIDI },
	{ "\xef\xbb\xbf" "a.txt", REASON_NAME_BIDI },
	{ "a\xf3\xa0\x81\x81.txt", REASON_NAME_BIDI },	/* tag letter */
	/* disguises */
	{ "invoice.pdf.exe", REASON_NAME_DISGUISED },
	{ "invoice.PDF.Exe", REASON_NAME_DISGUISED },
	{ "invoice.pdf .exe", REASON_NAME_DISGUISED },
	{ "invoice.pdf.1.scr", REASON_NAME_DISGUISED },
	{ "写真.jpg.lnk", REASON_NAME_DISGUISED },
	{ "a/b/表.csv.vbs", REASON_NAME_DISGUISED },
	{ "表.csv.vbs/x.txt", REASON_NAME_DISGUISED },
	{ "report          .exe", REASON_NAME_DISGUISED },
	{ "report.pdf                    .txt", REASON_NAME_DISGUISED },
	{ "report\xe3\x80\x80\xe3\x80\x80\xe3\x80\x80.exe",
	  REASON_NAME_DISGUISED },
	{ "請求書．ｅｘｅ", REASON_NAME_DISGUISED },
	{ "請求書.ｅｘｅ", REASON_NAME_DISGUISED },
	{ "請求書．exe", REASON_NAME_DISGUISED },
	{ "請求書\xe2\x80\xa4" "exe", REASON_NAME_DISGUISED },
	{ "請求書．ｐｄｆ", REASON_NAME_DISGUISED },
	{ "請求書.ｐｄｆ．ｅｘｅ", REASON_NAME_DISGUISED },
	/* what no file system should be given */
	{ "", REASON_NAME_INVALID },
	{ "/etc/passwd", REASON_NAME_INVALID },
	{ "a//b", REASON_NAME_INVALID },
	{ "a/", REASON_NAME_INVALID },
	{ ".", REASON_NAME_INVALID },
	{ "..", REASON_NAME_INVALID },
	{ "a/../b", REASON_NAME_INVALID },
	{ "C:\\a.txt", REASON_NAME_INVALID },
	{ "C:a.txt", REASON_NAME_INVALID },
	{ "\\\\server\\share", REASON_NAME_INVALID },
	{ "a.txt:stream", REASON_NAME_INVALID },
	{ "a<b", REASON_NAME_INVALID },
	{ "a>b", REASON_NAME_INVALID },
	{ "a\"b", REASON_NAME_INVALID },
	{ "a|b", REASON_NAME_INVALID },
	{ "a?b", REASON_NAME_INVALID },
	{ "a*b", REASON_NAME_INVALID },
	{ "a\tb", REASON_NAME_INVALID },
	{ "a\nb", REASON_NAME_INVALID },
	{ "a\x7f", REASON_NAME_INVALID },
	{ "a\xc2\x85", REASON_NAME_INVALID },
	{ "a\xe2\x80\xa8", REASON_NAME_INVALID },
	{ "a\xef\xbf\xbf", REASON_NAME_INVALID },
	{ "a.txt.", REASON_NAME_INVALID },
	{ "a.txt ", REASON_NAME_INVALID },
	{ "a /b", REASON_NAME_INVALID },
	{ "CON", REASON_NAME_INVALID },
	{ "con.txt", REASON_NAME_INVALID },
	{ "x/Aux.tar.gz", REASON_NAME_INVALID },
	{ "NUL .txt", REASON_NAME_INVALID },
	{ "PRN", REASON_NAME_INVALID },
	{ "COM1", REASON_NAME_INVALID },
	{ "lpt9.csv", REASON_NAME_INVALID },
	{ "COM\xc2\xb9", REASON_NAME_INVALID },
	{ "lpt\xc2\xb3.txt", REASON_NAME_INVALID },
	{ "CONIN$", REASON_NAME_INVALID },
	{ "\x95\x5c.csv", REASON_NAME_ENCODING }
};

START_TEST(check_judges)
{
	const struct judgment *j = &judgments[_i];
	enum reason found = names_check(j->path);

	ck_assert_msg(found == j->reason, "%s: %s, not %s", j->path,
	    reason_code(found), reason_code(j->reason));
}
END_TEST

static void
repeat(const char *what, size_t count, char *out)
{
	const size_t n = strlen(what);
	size_t i;

	for (i = 0; i < count; i++)
		memcpy(out + i * n, what, n);
	out[count * n] = '\0';
}

START_TEST(long_names)
{
	static char name[2 * PATH_SIZE], path[4 * PATH_SIZE];
	char out[NAMES_FS_MAX + 1];

	repeat("漢", 80, name);
	ck_assert_int_eq(names_check(name), REASON_NONE);
	ck_assert(!names_shorten(name, NAMES_FS_MAX, out, sizeof(out)));
	ck_assert_str_eq(out, name);
	repeat("漢", 255, name);	/* 765 bytes: legal on Windows */
	ck_assert_int_eq(names_check(name), REASON_NONE);
	ck_assert(names_shorten(name, NAMES_FS_MAX, out, sizeof(out)));
	ck_assert_uint_eq(strlen(out), 255);
	strcat(name, ".xlsx");
	ck_assert(names_shorten(name, NAMES_FS_MAX, out, sizeof(out)));
	ck_assert_uint_eq(strlen(out), 83 * 3 + 5);
	ck_assert_str_eq(out + strlen(out) - 8, "漢.xlsx");
	ck_assert(utf8_ok(out, strlen(out)));
	repeat("a", MANIFEST_NAME_MAX + 1, name);
	ck_assert_int_eq(names_check(name), REASON_NAME_TOO_LONG);
	repeat("b/", 2049, path);
	ck_assert_int_eq(names_check(path), REASON_NAME_TOO_LONG);
}
END_TEST

/* A cut does not tear what people see as one character. */
START_TEST(shorten_keeps_characters_whole)
{
	char out[NAMES_FS_MAX + 1];

	ck_assert(names_shorten("ab葛\xf3\xa0\x84\x80", 8, out,
	    sizeof(out)));
	ck_assert_str_eq(out, "ab");
	ck_assert(!names_shorten("ab葛\xf3\xa0\x84\x80", 9, out,
	    sizeof(out)));
	ck_assert(names_shorten("abx\xcc\x81\xcc\x82z.csv", 10, out,
	    sizeof(out)));
	ck_assert_str_eq(out, "ab.csv");
	ck_assert(names_shorten("aか\xe3\x82\x99z", 6, out, sizeof(out)));
	ck_assert_str_eq(out, "a");
	ck_assert(names_shorten("漢字.csv", 4, out, sizeof(out)));
	ck_assert_str_eq(out, "漢");
	ck_assert(names_shorten("report final.pdf", 11, out, sizeof(out)));
	ck_assert_str_eq(out, "report.pdf");
	ck_assert(names_shorten("a.verylongextension", 10, out,
	    sizeof(out)));
	ck_assert_str_eq(out, "a.verylong");
	ck_assert(names_shorten("abcdef.csv", 255, out, 8));
	ck_assert_str_eq(out, "abc.csv");
}
END_TEST

START_TEST(numbers)
{
	char out[NAMES_FS_MAX + 1], name[NAMES_FS_MAX + 1];

	names_numbered("表.csv", 2, out, sizeof(out));
	ck_assert_str_eq(out, "表 (2).csv");
	names_numbered("表.csv", 1, out, sizeof(out));
	ck_assert_str_eq(out, "表.csv");
	names_numbered("申請書一式", 13, out, sizeof(out));
	ck_assert_str_eq(out, "申請書一式 (13)");
	names_numbered(".env", 2, out, sizeof(out));
	ck_assert_str_eq(out, ".env (2)");
	names_numbered("第1.2版", 2, out, sizeof(out));
	ck_assert_str_eq(out, "第1.2版 (2)");
	repeat("x", 251, name);
	strcat(name, ".csv");
	names_numbered(name, 4294967295u, out, sizeof(out));
	ck_assert_uint_eq(strlen(out), 255);
	ck_assert_str_eq(out + 255 - 18, "x (4294967295).csv");
}
END_TEST

struct ext {
	const char *path, *ext;
};

static const struct ext exts[] = {
	{ "a.csv", "csv" }, { "a.CSV", "csv" }, { "x.y/a", "" },
	{ "x/表.Docx", "docx" }, { ".csv", "" }, { "a", "" }, { "a.", "" },
	{ "a．ＥＸＥ", "exe" }, { "a.tar.gz", "gz" },
	{ "a.123456789012345", "123456789012345" },
	{ "a.1234567890123456", "12345678901234?" },
	{ "第1.2版", "2版" },
	{ "a.漢漢漢漢漢漢", "漢漢漢漢?" }, { "\xff.txt", "" }
};

START_TEST(extensions)
{
	char out[NAMES_EXT_LEN];

	names_ext(exts[_i].path, out);
	ck_assert_str_eq(out, exts[_i].ext);
}
END_TEST

static bool
collide(const char *a, const char *b)
{
	char x[256], y[256];

	ck_assert_int_eq(names_collision_key(a, x, sizeof(x)), GW_OK);
	ck_assert_int_eq(names_collision_key(b, y, sizeof(y)), GW_OK);
	return strcmp(x, y) == 0;
}

START_TEST(collisions)
{
	char out[8];

	ck_assert(collide("A.TXT", "a.txt"));
	ck_assert(collide("ＡＢＣ.txt", "abc.txt"));
	ck_assert(collide("ﾋﾞﾙ", "ビル"));
	ck_assert(collide("が", "か\xe3\x82\x99"));
	ck_assert(collide("Straße", "STRASSE"));
	ck_assert(collide("\xef\xa8\x99", "神"));
	ck_assert(!collide("高", "髙"));
	ck_assert(!collide("葛城", "葛\xf3\xa0\x84\x80城"));
	ck_assert(!collide("ハ", "バ"));
	ck_assert_int_eq(names_collision_key("12345678", out, sizeof(out)),
	    GW_ELIMIT);
	ck_assert_int_eq(names_collision_key("\xff", out, sizeof(out)),
	    GW_EFORMAT);
}
END_TEST

START_TEST(hash_is_of_the_path)
{
	uint8_t out[32], expect[32];

	/* printf 'gw name表.csv' | sha256sum */
	ck_assert_int_eq(names_hash("表.csv", out), GW_OK);
	unhex(NAME_HASH, expect, sizeof(expect));
	ck_assert_mem_eq(out, expect, sizeof(out));
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int
main(void)
{
	TCase *tc = tcase_create("names");

	tcase_add_loop_test(tc, decode_as_found, 0, ROWS(decodings));
	tcase_add_test(tc, decode_needs_room);
	tcase_add_test(tc, cp932_is_microsofts);
	tcase_add_loop_test(tc, check_judges, 0, ROWS(judgments));
	tcase_add_test(tc, long_names);
	tcase_add_test(tc, shorten_keeps_characters_whole);
	tcase_add_test(tc, numbers);
	tcase_add_loop_test(tc, extensions, 0, ROWS(exts));
	tcase_add_test(tc, collisions);
	tcase_add_test(tc, hash_is_of_the_path);
	return run_case(tc);
}
