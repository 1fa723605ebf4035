/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <string.h>

#include "proto/crypto/crypto.h"
#include "proto/parcel/ack.h"

#include "tests/unit/proto/support.h"

static const uint8_t seed[32] = { 4 };

static void
make(struct ack *a)
{
	memset(a, 0, sizeof(*a));
	memset(a->channel_id, 0x41, sizeof(a->channel_id));
	a->epoch = 2;
	a->counter = 77;
	a->base_seq = 1000;
	a->header_seq = 1009;
	memset(a->header_hash, 0x42, sizeof(a->header_hash));
	a->complete[0] = 0xa2;
	a->complete[1] = 0x03;
	a->progress[0] = (struct ack_progress){ 1000, 262143, 400000 };
	a->progress[2] = (struct ack_progress){ 1004, 0, 0 };
	a->log_size = 123456;
	memset(a->log_root, 0x43, sizeof(a->log_root));
}

static bool
is_accepted(const uint8_t in[ACK_LEN], const uint8_t pub[32])
{
	struct ack a;

	return ack_decode(in, &a) == GW_OK && ack_verify(in, pub) == GW_OK;
}

START_TEST(ack_survives_the_way)
{
	uint8_t out[ACK_LEN], again[ACK_LEN], pub[32];
	struct ack a, got;

	make(&a);
	ck_assert_int_eq(crypto_sign_public(seed, pub), GW_OK);
	ck_assert_int_eq(ack_encode(&a, seed, out), GW_OK);
	ck_assert_int_eq(ack_verify(out, pub), GW_OK);
	ck_assert_int_eq(ack_decode(out, &got), GW_OK);
	ck_assert_uint_eq(got.header_seq, 1009);
	ck_assert_uint_eq(got.base_seq, 1000);
	ck_assert_uint_eq(got.counter, 77);
	ck_assert_uint_eq(got.epoch, 2);
	ck_assert_uint_eq(got.progress[0].bodies, 262143);
	ck_assert_uint_eq(got.progress[0].chunks, 400000);
	ck_assert_uint_eq(got.progress[1].seq, 0);
	ck_assert_uint_eq(got.progress[2].seq, 1004);
	ck_assert_mem_eq(got.complete, a.complete, sizeof(a.complete));
	ck_assert_uint_eq(got.log_size, 123456);
	ck_assert_int_eq(ack_encode(&got, seed, again), GW_OK);
	ck_assert_mem_eq(again, out, ACK_LEN);
}
END_TEST

START_TEST(every_flipped_bit_is_refused)
{
	uint8_t out[ACK_LEN], pub[32];
	struct ack a;
	size_t bit;

	make(&a);
	ck_assert_int_eq(crypto_sign_public(seed, pub), GW_OK);
	ck_assert_int_eq(ack_encode(&a, seed, out), GW_OK);
	ck_assert(is_accepted(out, pub));
	for (bit = 0; bit < 8 * ACK_LEN; bit++) {
		out[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_msg(!is_accepted(out, pub), "bit %zu", bit);
		out[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

/* Rows are wrong each in one way. */
static void
break_ack(struct ack *a, int row)
{
	switch (row) {
	case 0: a->base_seq = 0; break;
	case 1: a->header_seq = 998; break;
	case 2: a->header_seq = UINT64_MAX; break;
	case 3: a->header_seq = 1000 + (UINT64_C(1) << 32); break;
	case 4: a->complete[1] = 0x04; break;	/* 1010: no header */
	case 5: a->complete[63] = 0x80; break;
	case 6: a->progress[1] = a->progress[0]; break;
	case 7: a->progress[0].seq = 999; break;
	case 8: a->progress[0].seq = 1010; break;
	case 9: a->header_seq = 70000;
		a->progress[0].seq = 1000 + 0xffff; break;
	default: a->progress[0].bodies = 262145; break;
	}
}

START_TEST(contradictions_are_refused)
{
	uint8_t out[ACK_LEN];
	struct ack a;

	make(&a);
	break_ack(&a, _i);
	ck_assert_int_eq(ack_encode(&a, seed, out), GW_EINVAL);
}
END_TEST

START_TEST(foreign_bytes_are_refused)
{
	uint8_t out[ACK_LEN];
	struct ack a;
	size_t i;

	make(&a);
	ck_assert_int_eq(ack_encode(&a, seed, out), GW_OK);
	memset(out + 24, 0xff, 8);	/* base_seq */
	ck_assert_int_eq(ack_decode(out, &a), GW_EFORMAT);
	make(&a);
	ck_assert_int_eq(ack_encode(&a, seed, out), GW_OK);
	for (i = 125; i < 134; i++) {	/* of the unused second entry */
		out[i] ^= 1;
		ck_assert_int_eq(ack_decode(out, &a), GW_EFORMAT);
		out[i] ^= 1;
	}
	ck_assert_int_eq(ack_decode(out, &a), GW_OK);
	make(&a);
	ck_assert_int_eq(ack_encode(&a, seed, out), GW_OK);
	out[0] = 'X';
	ck_assert_int_eq(ack_decode(out, &a), GW_EFORMAT);
}
END_TEST

START_TEST(nothing_received_yet)
{
	uint8_t out[ACK_LEN];
	struct ack a, got;

	memset(&a, 0, sizeof(a));
	a.base_seq = 1;
	ck_assert_int_eq(ack_encode(&a, seed, out), GW_OK);
	ck_assert_int_eq(ack_decode(out, &got), GW_OK);
	ck_assert_uint_eq(got.header_seq, 0);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("ack");

	tcase_add_test(tc, ack_survives_the_way);
	tcase_add_test(tc, every_flipped_bit_is_refused);
	tcase_add_loop_test(tc, contradictions_are_refused, 0, 11);
	tcase_add_test(tc, foreign_bytes_are_refused);
	tcase_add_test(tc, nothing_received_yet);
	return run_case(tc);
}
