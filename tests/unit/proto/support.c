/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/proto/support.h"

static unsigned
digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *p = strchr(digits, c);

	ck_assert(c != '\0' && p != NULL);
	return (unsigned)(p - digits);
}

size_t
unhex(const char *hex, uint8_t *out, size_t size)
{
	size_t i, len = strlen(hex) / 2;

	ck_assert_uint_eq(strlen(hex) % 2, 0);
	ck_assert_uint_le(len, size);
	for (i = 0; i < len; i++)
		out[i] = (uint8_t)(digit(hex[2 * i]) << 4 |
		    digit(hex[2 * i + 1]));
	return len;
}

int
run_case(TCase *tc)
{
	Suite *suite = suite_create("proto");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 120);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
