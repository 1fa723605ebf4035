/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "proto/wire/frame.h"

/* What PROTOCOL-tls.md says of each type. */
static const struct bounds {
	enum frame_type type;
	uint32_t min, max;
	bool has_seq;
} bounds[] = {
    {FRAME_HELLO, 18, 18, false},
    {FRAME_HEADER, 1, 16384, true},
    {FRAME_TABLES, 1, 262144, true},
    {FRAME_BODY, 56, 262152, true},
    {FRAME_CHUNK, 4104, 262152, true},
    {FRAME_SMALL, 4148, 262196, true},
    {FRAME_END, 0, 0, true},
    {FRAME_ALIVE, 0, 0, false},
};
#define BOUNDS ((int)(sizeof(bounds) / sizeof(bounds[0])))

static enum gw_err
decode(uint8_t type, uint64_t seq, uint32_t len, struct frame *f)
{
	struct buf b;
	enum gw_err err;

	buf_init(&b, 64);
	frame_put(&b, (enum frame_type)type, seq, len);
	ck_assert_uint_eq(b.len, FRAME_HEAD_LEN);
	err = frame_decode(b.data, f);
	buf_clear(&b);
	return err;
}

START_TEST(heads_survive_the_way)
{
	const struct bounds *at = &bounds[_i];
	uint64_t seq = at->has_seq ? 0x0102030405060708 : 0;
	struct frame f;

	ck_assert_int_eq(decode((uint8_t)at->type, seq, at->min, &f), GW_OK);
	ck_assert_uint_eq(f.type, at->type);
	ck_assert_uint_eq(f.seq, seq);
	ck_assert_uint_eq(f.len, at->min);
	ck_assert_int_eq(decode((uint8_t)at->type, seq, at->max, &f), GW_OK);
	ck_assert_uint_le(f.len, FRAME_PAYLOAD_MAX);
}
END_TEST

START_TEST(lengths_are_bounded)
{
	const struct bounds *at = &bounds[_i];
	uint64_t seq = at->has_seq ? 1 : 0;
	struct frame f;

	ck_assert_int_eq(
	    decode((uint8_t)at->type, seq, at->max + 1, &f), GW_ELIMIT);
	ck_assert_int_eq(
	    decode((uint8_t)at->type, seq, UINT32_MAX, &f), GW_ELIMIT);
	if (at->min > 0)
		ck_assert_int_eq(
		    decode((uint8_t)at->type, seq, at->min - 1, &f), GW_ELIMIT);
}
END_TEST

START_TEST(a_seq_is_where_it_belongs)
{
	const struct bounds *at = &bounds[_i];
	struct frame f;

	ck_assert_int_eq(
	    decode((uint8_t)at->type, at->has_seq ? 0 : 1, at->min, &f),
	    GW_EFORMAT);
}
END_TEST

START_TEST(offsets_are_fixed)
{
	static const uint8_t want[FRAME_HEAD_LEN] = {
	    5, 0, 0, 0, 0, 0, 0x10, 0x08, 0, 0, 0, 0, 0, 0, 2, 1};
	struct buf b;

	buf_init(&b, 64);
	frame_put(&b, FRAME_CHUNK, 0x201, 4104);
	ck_assert_mem_eq(b.data, want, sizeof(want));
	buf_clear(&b);
}
END_TEST

START_TEST(unknown_types_and_reserved_bytes_are_refused)
{
	uint8_t head[FRAME_HEAD_LEN] = {FRAME_ALIVE};
	struct frame f = {.type = 77};

	for (int type = 0; type < 256; type++) {
		head[0] = (uint8_t)type;
		if (type == 0 || type > FRAME_ALIVE)
			ck_assert_int_eq(frame_decode(head, &f), GW_EFORMAT);
	}
	ck_assert_uint_eq(f.type, 77);
	head[0] = FRAME_ALIVE;
	ck_assert_int_eq(frame_decode(head, &f), GW_OK);
	for (int i = 1; i < 4; i++) {
		head[i] = 1;
		ck_assert_int_eq(frame_decode(head, &f), GW_EFORMAT);
		head[i] = 0;
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("wire/frame");
	TCase *t = tcase_create("frame");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(t, heads_survive_the_way, 0, BOUNDS);
	tcase_add_loop_test(t, lengths_are_bounded, 0, BOUNDS);
	tcase_add_loop_test(t, a_seq_is_where_it_belongs, 0, BOUNDS);
	tcase_add_test(t, offsets_are_fixed);
	tcase_add_test(t, unknown_types_and_reserved_bytes_are_refused);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
