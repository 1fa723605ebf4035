/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "proto/record/reason.h"

#include "tests/unit/proto/support.h"

static const uint16_t values[] = {
#define X(name, value, code, effect, ja, en, next_ja, next_en) value,
	REASON_TABLE(X)
#undef X
};
#define COUNT (sizeof(values) / sizeof(values[0]))

START_TEST(every_row_speaks)
{
	size_t i, j;
	enum reason r, other;

	for (i = 0; i < COUNT; i++) {
		r = (enum reason)values[i];
		ck_assert(reason_ok(values[i]));
		ck_assert(*reason_code(r) != '\0');
		ck_assert(*reason_ja(r) != '\0');
		ck_assert(*reason_en(r) != '\0');
		if (reason_effect(r) != EFFECT_NONE) {
			ck_assert(*reason_next_ja(r) != '\0');
			ck_assert(*reason_next_en(r) != '\0');
		}
		for (j = 0; j < i; j++) {
			other = (enum reason)values[j];
			ck_assert_uint_ne(values[i], values[j]);
			ck_assert_str_ne(reason_code(r), reason_code(other));
		}
	}
}
END_TEST

START_TEST(unknown_values_are_internal)
{
	ck_assert(!reason_ok(UINT16_MAX));
	ck_assert_str_eq(reason_code((enum reason)60000), "internal-error");
	ck_assert_int_eq(reason_effect((enum reason)0x10000), EFFECT_ERROR);
	ck_assert_str_eq(reason_code(REASON_VIRUS_FOUND), "virus-found");
	ck_assert_int_eq(reason_effect(REASON_VIRUS_FOUND),
	    EFFECT_QUARANTINE);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("reason");

	tcase_add_test(tc, every_row_speaks);
	tcase_add_test(tc, unknown_values_are_internal);
	return run_case(tc);
}
