/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <string.h>

#include <check.h>

#include "base/err.h"

static const enum gw_err all[] = {
#define X(name, value, class, en, ja) name,
    GW_ERR_TABLE(X)
#undef X
};

#define ALL ((int)(sizeof(all) / sizeof(all[0])))

START_TEST(every_code_has_texts)
{
	enum gw_err err = all[_i];

	/* The table is dense: err.c finds a row by its negated code. */
	ck_assert_int_eq(err, -_i);
	ck_assert_int_eq(strncmp(err_name(err), "GW_", 3), 0);
	ck_assert_str_ne(err_name(err), "GW_UNKNOWN");
	ck_assert_uint_gt(strlen(err_text_en(err)), 0);
	ck_assert_uint_gt(strlen(err_text_ja(err)), 0);
	ck_assert_int_eq(err_class(err) == GW_CLASS_NONE, err == GW_OK);
}
END_TEST

START_TEST(unknown_codes_are_bugs)
{
	static const int codes[] = {
	    1, -ALL, -9999, 2147483647, -2147483647 - 1};
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		enum gw_err err = (enum gw_err)codes[i];

		ck_assert_int_eq(err_class(err), GW_CLASS_BUG);
		ck_assert_str_eq(err_name(err), "GW_UNKNOWN");
		ck_assert_ptr_nonnull(err_text_en(err));
		ck_assert_ptr_nonnull(err_text_ja(err));
	}
}
END_TEST

static const struct {
	int number;
	enum gw_err err;
} numbers[] = {
    {0, GW_OK},
    {ENOSPC, GW_ESPACE},
    {EDQUOT, GW_ESPACE},
    {EIO, GW_EIO},
    {ENOMEM, GW_ENOMEM},
    {ENOENT, GW_ENOENT},
    {EEXIST, GW_EEXIST},
    {EACCES, GW_EDENIED},
    {EPERM, GW_EDENIED},
    {ELOOP, GW_EDENIED},
    {EAGAIN, GW_EAGAIN},
    {EPIPE, GW_ECLOSED},
    {ECONNRESET, GW_ECLOSED},
    {EFBIG, GW_ELIMIT},
    {EROFS, GW_ESYS},
    {EBADF, GW_ESYS},
    {12345, GW_ESYS},
    {-1, GW_ESYS},
};

START_TEST(errno_is_mapped)
{
	ck_assert_int_eq(err_from_errno(numbers[_i].number), numbers[_i].err);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("err");
	TCase *tcase = tcase_create("err");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, every_code_has_texts, 0, ALL);
	tcase_add_test(tcase, unknown_codes_are_bugs);
	tcase_add_loop_test(
	    tcase, errno_is_mapped, 0, sizeof(numbers) / sizeof(numbers[0]));
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
