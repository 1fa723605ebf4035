/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "policy/load_account.h"
#include "policy/load_value.h"

#include "tests/unit/policy/support.h"

START_TEST(numbers)
{
	static const char *const bad[] = {"", "-1", "+1", "01", "1 ", " 1",
	    "0x10", "1.0", "1e3", "18446744073709551616", "一"};
	uint64_t v = 42;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!load_value_uint(bad[i], &v), "%s", bad[i]);
	ck_assert_uint_eq(v, 42);
	ck_assert(load_value_uint("0", &v) && v == 0);
	ck_assert(load_value_uint("18446744073709551615", &v));
	ck_assert_uint_eq(v, UINT64_MAX);
}
END_TEST

START_TEST(sizes)
{
	static const char *const bad[] = {"GiB", "1GB", "1 GiB", "1gib",
	    "1GiBx", "16777216TiB", "01KiB", "1.5GiB"};
	uint64_t v = 42;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!load_value_size(bad[i], &v), "%s", bad[i]);
	ck_assert(load_value_size("7", &v) && v == 7);
	ck_assert(load_value_size("3KiB", &v) && v == 3072);
	ck_assert(load_value_size("100MiB", &v) && v == 104857600);
	ck_assert(load_value_size("2GiB", &v) && v == UINT64_C(2) << 30);
	ck_assert(load_value_size("16777215TiB", &v));
	ck_assert_uint_eq(v, UINT64_C(16777215) << 40);
}
END_TEST

START_TEST(dates)
{
	static const char *const bad[] = {"2026-13-01", "2026-02-29",
	    "2026-1-1", "26-01-01", "2026/01/01", "1999-01-01", "2026-01-01 ",
	    "2026-01-0a", "2026-00-10", "2026-01-00"};
	uint64_t v = 42, start;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!load_value_date(bad[i], &v), "%s", bad[i]);
	ck_assert(clock_from_day_jst(2028, 3, 1, &start));
	ck_assert(load_value_date("2028-02-29", &v));
	ck_assert_uint_eq(v, start);
}
END_TEST

START_TEST(modes)
{
	static const char *const bad[] = {"", "64", "0755", "1644", "04640",
	    "0240", "0688", "rw-", "644 "};
	uint32_t v = 42;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!load_value_mode(bad[i], &v), "%s", bad[i]);
	ck_assert(load_value_mode("0640", &v) && v == 0640);
	ck_assert(load_value_mode("400", &v) && v == 0400);
}
END_TEST

START_TEST(words)
{
	char longest[POLICY_ID_LEN + 1];

	memset(longest, 'a', POLICY_ID_LEN);
	longest[POLICY_ID_LEN] = '\0';
	ck_assert(!load_value_is_id(longest));
	ck_assert(!load_value_is_name(longest));
	longest[POLICY_ID_LEN - 1] = '\0';
	ck_assert(load_value_is_id(longest));
	ck_assert(load_value_is_id("a-1"));
	ck_assert(!load_value_is_id(""));
	ck_assert(!load_value_is_id("-a"));
	ck_assert(!load_value_is_id("a-"));
	ck_assert(!load_value_is_id("A"));
	ck_assert(!load_value_is_id("a_b"));
	ck_assert(!load_value_is_id("a/b"));
	ck_assert(load_value_is_name("Taro.Y_1-x"));
	ck_assert(!load_value_is_name(".."));
	ck_assert(!load_value_is_name("-x"));
	ck_assert(!load_value_is_name("a/b"));
	ck_assert(!load_value_is_name("a b"));
}
END_TEST

START_TEST(paths)
{
	static const char *const bad[] = {"", "a", "/", "//", "/a//b", "/a/",
	    "/a/.", "/./a", "/../a", "/a/.."};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!load_value_is_path(bad[i], 512), "%s", bad[i]);
	ck_assert(load_value_is_path("/a", 512));
	ck_assert(load_value_is_path("/a/...b/c", 512));
	ck_assert(load_value_is_path("/ab", 4));
	ck_assert(!load_value_is_path("/abc", 4));
}
END_TEST

START_TEST(addresses)
{
	static const char *const good[] = {"127.0.0.1:1", "[::1]:65535",
	    "[2001:db8::192.0.2.1]:7443"};
	static const char *const bad[] = {"", ":1", "127.0.0.1", "127.0.0.1:",
	    "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:07", "127.1:80",
	    "0x7f.0.0.1:80", "host:80", "::1:80", "[::1]80", "[::1:80",
	    "::1]:80", "[127.0.0.1]:80", "[fe80::1%eth0]:80", "[]:80", "[:80",
	    "1.2.3.4.5:80", "127.0.0.1 :80",
	    "[1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222]:80"};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(load_value_is_address(good[i]), "%s", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!load_value_is_address(bad[i]), "%s", bad[i]);
}
END_TEST

static size_t
decode(const char *text, size_t len, uint32_t *c)
{
	return load_value_char((const uint8_t *)text, len, c);
}

START_TEST(utf8)
{
	uint32_t c = 0;

	ck_assert(decode("a", 1, &c) == 1 && c == 'a');
	ck_assert(decode("\xc2\x80", 2, &c) == 2 && c == 0x80);
	ck_assert(decode("\xe3\x81\x82", 3, &c) == 3 && c == 0x3042);
	ck_assert(decode("\xf4\x8f\xbf\xbf", 4, &c) == 4 && c == 0x10ffff);
	ck_assert_uint_eq(decode("", 0, &c), 0);
	ck_assert_uint_eq(decode("\x80", 1, &c), 0);
	ck_assert_uint_eq(decode("\xc0\x80", 2, &c), 0);
	ck_assert_uint_eq(decode("\xe0\x80\x80", 3, &c), 0);
	ck_assert_uint_eq(decode("\xed\xa0\x80", 3, &c), 0);
	ck_assert_uint_eq(decode("\xf0\x80\x80\x80", 4, &c), 0);
	ck_assert_uint_eq(decode("\xf4\x90\x80\x80", 4, &c), 0);
	ck_assert_uint_eq(decode("\xf5\x80\x80\x80", 4, &c), 0);
	ck_assert_uint_eq(decode("\xe3\x81", 2, &c), 0);
	ck_assert_uint_eq(decode("\xe3\x81\x41", 3, &c), 0);
}
END_TEST

START_TEST(characters)
{
	static const uint32_t refused[] = {0, 9, 10, 13, 0x1f, 0x7f, 0x85,
	    0x9f, 0xad, 0x61c, 0x200b, 0x200e, 0x2028, 0x202e, 0x2066, 0x2069,
	    0xfeff, 0xfffe, 0x1fffe, 0x1ffff, 0x10ffff, 0xe0001};
	/* Letters that people's names need: IVS, private use, half width. */
	static const uint32_t allowed[] = {' ', '~', 0xa0, 0x3042, 0x9ad9,
	    0xe000, 0xf8ff, 0xff71, 0x20bb7, 0xe0100, 0x3000};
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		ck_assert_msg(!load_value_is_char_allowed(refused[i]),
		    "U+%04X", refused[i]);
	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		ck_assert_msg(load_value_is_char_allowed(allowed[i]),
		    "U+%04X", allowed[i]);
}
END_TEST

START_TEST(shown_values_are_harmless)
{
	struct buf b;

	buf_init(&b, 1024);
	load_value_show(&b, "あ\x1b[31m\n\xff\xe2\x80\xae", 100);
	support_same_text(&b, "あU+001B[31mU+000A\\xFFU+202E");
	buf_reset(&b);
	load_value_show(&b, "あいう", 3);
	support_same_text(&b, "あいう");
	buf_reset(&b);
	load_value_show(&b, "あいう", 2);
	support_same_text(&b, "あい…");
	buf_clear(&b);
}
END_TEST

START_TEST(accounts)
{
	static const char text[] = "a:x:7:7::/:\nab:x:8\nb:x:08:1::/:\n"
				   "c:x:-1:1::/:\n:x:9:9::/:\nd:x:11:1::/:";
	const size_t len = sizeof(text) - 1;
	uint32_t uid = 42;

	ck_assert(!load_account_find(text, len, "ab", &uid));
	ck_assert(!load_account_find(text, len, "b", &uid));
	ck_assert(!load_account_find(text, len, "c", &uid));
	ck_assert(!load_account_find(text, len, "x", &uid));
	ck_assert(!load_account_find(NULL, 0, "a", &uid));
	ck_assert(!load_account_find(text, len, "4294967295", &uid));
	ck_assert(!load_account_find(text, len, "99999999999999999", &uid));
	ck_assert_uint_eq(uid, 42);
	ck_assert(load_account_find(text, len, "a", &uid) && uid == 7);
	ck_assert(load_account_find(text, len, "d", &uid) && uid == 11);
	ck_assert(load_account_find(text, len, "4294967294", &uid));
	ck_assert_uint_eq(uid, 4294967294);
	ck_assert(load_account_find(NULL, 0, "0", &uid) && uid == 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("policy/value");
	TCase *t = tcase_create("value");

	tcase_add_test(t, numbers);
	tcase_add_test(t, sizes);
	tcase_add_test(t, dates);
	tcase_add_test(t, modes);
	tcase_add_test(t, words);
	tcase_add_test(t, paths);
	tcase_add_test(t, addresses);
	tcase_add_test(t, utf8);
	tcase_add_test(t, characters);
	tcase_add_test(t, shown_values_are_harmless);
	tcase_add_test(t, accounts);
	suite_add_tcase(s, t);
	return support_main(s);
}
