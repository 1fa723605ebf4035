/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>
#include <signal.h>
#include <string.h>

#include <check.h>

#include "base/buf.h"

#include "tests/unit/base/scratch.h"

#define BIG (1u << 20)

static void
put_all(struct buf *b)
{
	buf_put_u8(b, 1);
	buf_put_u16(b, 0x0203);
	buf_put_u32(b, 0x04050607);
	buf_put_u64(b, 0x08090a0b0c0d0e0full);
	buf_put_zero(b, 2);
	buf_put_str(b, "ab");
	buf_printf(b, "%d-%s", 7, "x");
	buf_put(b, "\xff", 1);
	buf_put(b, NULL, 0);
}

static const uint8_t all_bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
    14, 15, 0, 0, 'a', 'b', '7', '-', 'x', 0xff};

START_TEST(bytes_are_big_endian)
{
	struct buf b;

	buf_init(&b, BIG);
	put_all(&b);
	ck_assert(buf_ok(&b));
	ck_assert_uint_eq(b.len, sizeof(all_bytes));
	ck_assert_mem_eq(b.data, all_bytes, sizeof(all_bytes));
	buf_reset(&b);
	ck_assert_uint_eq(b.len, 0);
	put_all(&b);
	ck_assert_mem_eq(b.data, all_bytes, sizeof(all_bytes));
	buf_clear(&b);
	ck_assert_ptr_null(b.data);
	ck_assert_uint_eq(b.limit, BIG);
}
END_TEST

/* Each limit short of the whole fails, and nothing is written after it. */
START_TEST(limit_is_hard)
{
	struct buf b;

	buf_init(&b, (size_t)_i);
	put_all(&b);
	ck_assert_int_eq(buf_ok(&b), (size_t)_i >= sizeof(all_bytes));
	ck_assert_uint_le(b.len, (size_t)_i);
	ck_assert_mem_eq(b.data != NULL ? b.data : all_bytes, all_bytes, b.len);
	buf_reset(&b);
	ck_assert(buf_ok(&b));
	buf_clear(&b);
}
END_TEST

START_TEST(growth_keeps_content)
{
	struct buf b;
	uint32_t i;

	buf_init(&b, BIG + 3);
	for (i = 0; i < BIG / 4; i++)
		buf_put_u32(&b, i);
	ck_assert(buf_ok(&b));
	ck_assert_uint_eq(b.len, BIG);
	for (i = 0; i < BIG / 4; i++) {
		const uint8_t *p = b.data + 4 * (size_t)i;

		if (p[1] != (uint8_t)(i >> 16) || p[3] != (uint8_t)i)
			ck_abort_msg("word %u", i);
	}
	buf_put_zero(&b, 3);
	ck_assert(buf_ok(&b));
	buf_put_u8(&b, 0);
	ck_assert(!buf_ok(&b));
	buf_clear(&b);
}
END_TEST

START_TEST(sizes_do_not_wrap)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_put_u8(&b, 1);
	ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX));
	ck_assert(!buf_ok(&b));
	ck_assert_uint_eq(b.len, 1);
	buf_clear(&b);
}
END_TEST

START_TEST(reserve_and_consume)
{
	struct buf b;
	uint8_t *p;

	buf_init(&b, 8);
	ck_assert_ptr_nonnull(buf_reserve(&b, 0));
	p = buf_reserve(&b, 8);
	ck_assert_ptr_nonnull(p);
	memcpy(p, "12345678", 8);
	ck_assert_ptr_null(buf_reserve(&b, 1));
	buf_consume(&b, 3);
	ck_assert_uint_eq(b.len, 5);
	ck_assert_mem_eq(b.data, "45678", 5);
	buf_consume(&b, 0);
	buf_consume(&b, 5);
	ck_assert_uint_eq(b.len, 0);
	buf_clear(&b);
}
END_TEST

static int
consume_child(void *arg)
{
	(void)arg;
	buf_consume(&(struct buf){.len = 1}, 2);
	return 0;
}

START_TEST(consuming_too_much_is_a_bug)
{
	int status = scratch_fork(consume_child, NULL);

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("buf");
	TCase *tcase = tcase_create("buf");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, bytes_are_big_endian);
	tcase_add_loop_test(tcase, limit_is_hard, 0, sizeof(all_bytes) + 2);
	tcase_add_test(tcase, growth_keeps_content);
	tcase_add_test(tcase, sizes_do_not_wrap);
	tcase_add_test(tcase, reserve_and_consume);
	tcase_add_test(tcase, consuming_too_much_is_a_bug);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
