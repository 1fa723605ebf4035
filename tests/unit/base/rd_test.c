/* SPDX-License-Identifier: ISC */
#include <string.h>

#include <check.h>

#include "base/rd.h"

/* Not a buffer on the stack: a read past its end would be a sanitizer's. */
static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};

union any {
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	uint8_t copy[8];
	const uint8_t *span;
	struct rd sub;
};

static enum gw_err
take_u8(struct rd *rd, union any *out)
{
	return rd_u8(rd, &out->u8);
}

static enum gw_err
take_u16(struct rd *rd, union any *out)
{
	return rd_u16(rd, &out->u16);
}

static enum gw_err
take_u32(struct rd *rd, union any *out)
{
	return rd_u32(rd, &out->u32);
}

static enum gw_err
take_u64(struct rd *rd, union any *out)
{
	return rd_u64(rd, &out->u64);
}

static enum gw_err
take_copy(struct rd *rd, union any *out)
{
	return rd_copy(rd, out->copy, 7);
}

static enum gw_err
take_skip(struct rd *rd, union any *out)
{
	(void)out;
	return rd_skip(rd, 5);
}

static enum gw_err
take_span(struct rd *rd, union any *out)
{
	return rd_span(rd, 6, &out->span);
}

static enum gw_err
take_sub(struct rd *rd, union any *out)
{
	return rd_sub(rd, 3, &out->sub);
}

static const struct {
	enum gw_err (*take)(struct rd *, union any *);
	size_t size;
} takers[] = {
    {take_u8, 1},
    {take_u16, 2},
    {take_u32, 4},
    {take_u64, 8},
    {take_copy, 7},
    {take_skip, 5},
    {take_span, 6},
    {take_sub, 3},
};

#define TAKERS ((int)(sizeof(takers) / sizeof(takers[0])))

START_TEST(truncation_changes_nothing)
{
	union any out, before;
	struct rd rd;
	size_t left;

	for (left = 0; left <= sizeof(bytes); left++) {
		memset(&out, 0x5a, sizeof(out));
		memset(&before, 0x5a, sizeof(before));
		rd_init(&rd, bytes, left);
		if (left >= takers[_i].size) {
			ck_assert_int_eq(takers[_i].take(&rd, &out), GW_OK);
			ck_assert_uint_eq(rd_left(&rd), left - takers[_i].size);
			ck_assert_ptr_eq(rd.p, bytes + takers[_i].size);
			continue;
		}
		ck_assert_int_eq(takers[_i].take(&rd, &out), GW_ETRUNC);
		ck_assert_uint_eq(rd_left(&rd), left);
		ck_assert_ptr_eq(rd.p, bytes);
		ck_assert_mem_eq(&out, &before, sizeof(out));
	}
}
END_TEST

START_TEST(values_are_big_endian)
{
	union any out;
	struct rd rd;

	rd_init(&rd, bytes, sizeof(bytes));
	ck_assert_int_eq(rd_u64(&rd, &out.u64), GW_OK);
	ck_assert_uint_eq(out.u64, 0x0102030405060708ull);
	rd_init(&rd, bytes, sizeof(bytes));
	ck_assert_int_eq(rd_u8(&rd, &out.u8), GW_OK);
	ck_assert_uint_eq(out.u8, 1);
	ck_assert_int_eq(rd_u16(&rd, &out.u16), GW_OK);
	ck_assert_uint_eq(out.u16, 0x0203);
	ck_assert_int_eq(rd_u32(&rd, &out.u32), GW_OK);
	ck_assert_uint_eq(out.u32, 0x04050607);
	ck_assert_int_eq(rd_end(&rd), GW_EFORMAT);
	ck_assert_int_eq(rd_u8(&rd, &out.u8), GW_OK);
	ck_assert_int_eq(rd_end(&rd), GW_OK);
	ck_assert_int_eq(rd_u8(&rd, &out.u8), GW_ETRUNC);
}
END_TEST

START_TEST(sub_stays_inside)
{
	struct rd rd, sub;
	const uint8_t *p;
	uint8_t byte;

	rd_init(&rd, bytes, sizeof(bytes));
	ck_assert_int_eq(rd_sub(&rd, 2, &sub), GW_OK);
	ck_assert_int_eq(rd_span(&sub, 3, &p), GW_ETRUNC);
	ck_assert_int_eq(rd_span(&sub, 2, &p), GW_OK);
	ck_assert_mem_eq(p, bytes, 2);
	ck_assert_int_eq(rd_u8(&rd, &byte), GW_OK);
	ck_assert_uint_eq(byte, 3);
	ck_assert_int_eq(rd_skip(&rd, SIZE_MAX), GW_ETRUNC);
}
END_TEST

START_TEST(reserved_bytes_are_zero)
{
	static const uint8_t data[] = {0, 0, 0, 9};
	struct rd rd;

	rd_init(&rd, data, sizeof(data));
	ck_assert_int_eq(rd_zero(&rd, 5), GW_ETRUNC);
	ck_assert_int_eq(rd_zero(&rd, 4), GW_EFORMAT);
	ck_assert_uint_eq(rd_left(&rd), 4);
	ck_assert_int_eq(rd_zero(&rd, 0), GW_OK);
	ck_assert_int_eq(rd_zero(&rd, 3), GW_OK);
	ck_assert_uint_eq(rd_left(&rd), 1);
}
END_TEST

START_TEST(nothing_is_fine)
{
	struct rd rd;
	const uint8_t *p;

	rd_init(&rd, NULL, 0);
	ck_assert_int_eq(rd_end(&rd), GW_OK);
	ck_assert_int_eq(rd_skip(&rd, 0), GW_OK);
	ck_assert_int_eq(rd_span(&rd, 0, &p), GW_OK);
	ck_assert_int_eq(rd_copy(&rd, NULL, 0), GW_OK);
	ck_assert_int_eq(rd_zero(&rd, 0), GW_OK);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rd");
	TCase *tcase = tcase_create("rd");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, truncation_changes_nothing, 0, TAKERS);
	tcase_add_test(tcase, values_are_big_endian);
	tcase_add_test(tcase, sub_stays_inside);
	tcase_add_test(tcase, reserved_bytes_are_zero);
	tcase_add_test(tcase, nothing_is_fine);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
