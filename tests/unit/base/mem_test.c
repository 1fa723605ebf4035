/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

#include <check.h>

#include "base/log.h"
#include "base/mem.h"

#include "tests/unit/base/scratch.h"

START_TEST(memory_is_zero)
{
	static const uint8_t zero[100];
	uint8_t *p = mem_array(10, 10);

	ck_assert_mem_eq(p, zero, sizeof(zero));
	mem_free_secret(p, sizeof(zero));
	p = mem_alloc(0);
	ck_assert_ptr_nonnull(p);
	mem_free(p);
	p = mem_grow(NULL, 0, 0);
	ck_assert_ptr_nonnull(p);
	mem_free(p);
	mem_free(NULL);
	mem_free_secret(NULL, 1);
}
END_TEST

static int
overflow_child(void *arg)
{
	(void)arg;
	log_set_level(LOG_ERR_);
	mem_free(mem_array(SIZE_MAX / 2, 3));
	return 0;
}

static int
grow_overflow_child(void *arg)
{
	(void)arg;
	mem_free(mem_grow(NULL, SIZE_MAX / 2, 3));
	return 0;
}

START_TEST(overflow_is_fatal)
{
	int status = scratch_fork(overflow_child, NULL);

	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	status = scratch_fork(grow_overflow_child, NULL);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}
END_TEST

START_TEST(equality_sees_every_bit)
{
	uint8_t a[33] = {0}, b[33] = {0};
	size_t byte;
	int bit;

	ck_assert_int_eq(mem_equal(a, b, 0), 1);
	ck_assert_int_eq(mem_equal(a, b, sizeof(a)), 1);
	for (byte = 0; byte < sizeof(a); byte++) {
		for (bit = 0; bit < 8; bit++) {
			b[byte] = (uint8_t)(1u << bit);
			ck_assert_int_eq(mem_equal(a, b, sizeof(a)), 0);
			ck_assert_int_eq(mem_equal(a, b, byte), 1);
		}
		b[byte] = 0;
	}
}
END_TEST

static const struct {
	const char *src;
	size_t size;
	int fits;
	const char *want;
} fields[] = {
    {"", 8, 1, "\0\0\0\0\0\0\0\0"},
    {"abc", 8, 1, "abc\0\0\0\0\0"},
    {"1234567", 8, 1, "1234567\0"},
    {"12345678", 8, 0, "1234567\0"},
    {"123456789", 8, 0, "1234567\0"},
    {"", 1, 1, "\0"},
    {"a", 1, 0, "\0"},
    {"a", 0, 0, ""},
};

START_TEST(field_is_padded)
{
	char dst[9];

	memset(dst, 'z', sizeof(dst));
	ck_assert_int_eq(
	    mem_put_str(dst, fields[_i].size, fields[_i].src), fields[_i].fits);
	ck_assert_mem_eq(dst, fields[_i].want, fields[_i].size);
	ck_assert_int_eq(dst[fields[_i].size], 'z');
}
END_TEST

START_TEST(strings_are_copied)
{
	char *s = mem_strdup("関所");

	ck_assert_str_eq(s, "関所");
	mem_clear(s, strlen(s));
	ck_assert_str_eq(s, "");
	mem_free(s);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mem");
	TCase *tcase = tcase_create("mem");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, memory_is_zero);
	tcase_add_test(tcase, overflow_is_fatal);
	tcase_add_test(tcase, equality_sees_every_bit);
	tcase_add_loop_test(
	    tcase, field_is_padded, 0, sizeof(fields) / sizeof(fields[0]));
	tcase_add_test(tcase, strings_are_copied);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
