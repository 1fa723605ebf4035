/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "proto/record/number.h"

START_TEST(test_known)
{
	struct number n = {.letter = 'I', .day = 20260401, .count = 17};
	char text[NUMBER_LEN];
	struct number back;

	ck_assert_int_eq(number_format(&n, text), GW_OK);
	ck_assert_str_eq(text, "I20260401-00017-3");
	ck_assert_int_eq(number_parse(text, &back), GW_OK);
	ck_assert_int_eq(back.letter, 'I');
	ck_assert_uint_eq(back.day, 20260401);
	ck_assert_uint_eq(back.count, 17);
	text[0] = 'i';
	ck_assert_int_eq(number_parse(text, &back), GW_OK);
	ck_assert_int_eq(back.letter, 'I');
}
END_TEST

/*
 * The standard's own example of MOD 11,10 (ISO 7064, "0794" has check digit
 * 5) cannot be a number of ours, so the arithmetic is repeated here.
 */
static int
mod_11_10(const char *digits)
{
	int p = 10;

	for (; *digits != '\0'; digits++) {
		p = (p + *digits - '0') % 10;
		p = (p == 0 ? 10 : p) * 2 % 11;
	}
	return (11 - p) % 10;
}

START_TEST(test_standard)
{
	struct number n = {.letter = 'Z', .day = 20271231, .count = 123456};
	char text[NUMBER_LEN], digits[32];

	ck_assert_int_eq(mod_11_10("0794"), 5);
	ck_assert_int_eq(number_format(&n, text), GW_OK);
	snprintf(digits, sizeof(digits), "25%.8s%.6s", text + 1, text + 10);
	ck_assert_str_eq(digits, "2520271231123456");
	ck_assert_int_eq(text[17] - '0', mod_11_10(digits));
}
END_TEST

/* Every single wrong digit is found; of swaps of neighbours nearly all. */
START_TEST(test_mistyped)
{
	struct number n = {.letter = 'L', .day = 20260401}, back;
	char text[NUMBER_LEN], wrong[NUMBER_LEN];
	int swaps = 0, missed = 0;
	size_t i;
	char c;

	for (n.count = 1; n.count < 120000; n.count += 997) {
		ck_assert_int_eq(number_format(&n, text), GW_OK);
		for (i = 1; text[i] != '\0'; i++) {
			if (text[i] == '-')
				continue;
			memcpy(wrong, text, sizeof(wrong));
			for (c = '0'; c <= '9'; c++) {
				wrong[i] = c;
				if (c != text[i])
					ck_assert_int_ne(number_parse(wrong,
					    &back), GW_OK);
			}
			memcpy(wrong, text, sizeof(wrong));
			if (text[i + 1] < '0' || text[i] == text[i + 1])
				continue;
			wrong[i] = text[i + 1];
			wrong[i + 1] = text[i];
			swaps++;
			missed += number_parse(wrong, &back) == GW_OK;
		}
	}
	ck_assert_int_gt(swaps, 500);
	ck_assert_int_lt(missed * 20, swaps);
}
END_TEST

START_TEST(test_not_a_number)
{
	static const char *const bad[] = {
		"", "I", "I20260401", "I20260401-", "I20260401-00017",
		"I20260401-00017-", "I20260401-0017-3", "I20260401-000017-3",
		"I20260401-1234567-3", "120260401-00017-3",
		"I20261301-00017-3", "I20260400-00017-3", "I2026040-00017-3",
		"I202604011-00017-3", "I20260401-00000-3",
		"I20260401-00017-33", "I20260401-00017-x",
		"I20260401 00017-3", "\xef\xbc\xa9" "20260401-00017-3",
	};
	struct number n;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(number_parse(bad[i], &n), GW_EFORMAT);
}
END_TEST

START_TEST(test_limits)
{
	struct number n = {.letter = 'M', .day = 20260401, .count = 99999};
	char text[NUMBER_LEN];

	ck_assert_int_eq(number_format(&n, text), GW_OK);
	ck_assert_uint_eq(strlen(text), 17);
	n.count++;
	ck_assert_int_eq(number_format(&n, text), GW_OK);
	ck_assert_uint_eq(strlen(text), 18);
	n.count = NUMBER_MAX + 1;
	ck_assert_int_eq(number_format(&n, text), GW_EINVAL);
	n.count = 0;
	ck_assert_int_eq(number_format(&n, text), GW_EINVAL);
	n.count = 1;
	n.letter = 'm';
	ck_assert_int_eq(number_format(&n, text), GW_EINVAL);
	n.letter = 'M';
	n.day = 20261301;
	ck_assert_int_eq(number_format(&n, text), GW_EINVAL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("number");
	TCase *tc = tcase_create("number");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, test_known);
	tcase_add_test(tc, test_standard);
	tcase_add_test(tc, test_mistyped);
	tcase_add_test(tc, test_not_a_number);
	tcase_add_test(tc, test_limits);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
