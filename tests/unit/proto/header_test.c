/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/sha256.h"
#include "proto/crypto/merkle.h"
#include "proto/parcel/body.h"
#include "proto/parcel/header.h"

#include "tests/unit/proto/support.h"

static const uint8_t seed[32] = { 1, 2, 3 };
static uint8_t sign_pub[32], priv[32], pub[HPKE_PUB_MAX];
static const uint8_t psk[HPKE_PSK_LEN] = { 9 };
static const uint8_t parcel_key[32] = { 8 };

static void
make(enum hpke_suite suite, struct parcel_header *h)
{
	memset(h, 0, sizeof(*h));
	h->suite = (uint16_t)suite;
	ck_assert_int_eq(header_channel_id("internet-lgwan", h->channel_id),
	    GW_OK);
	h->epoch = 3;
	h->seq = 17;
	memset(h->prev, 0x31, sizeof(h->prev));
	memset(h->parcel_id, 0x32, sizeof(h->parcel_id));
	h->created_ms = 1775000000000;
	h->not_after_ms = h->created_ms + 86400000;
	memset(h->sender_key_id, 0x33, sizeof(h->sender_key_id));
	memset(h->recipient_key_id, 0x34, sizeof(h->recipient_key_id));
	h->ack_counter = 5;
	h->ack_seq = 16;
	h->chunk_size = BODY_CHUNK;
	h->body_count = 2;
	h->total_padded = 8192;
	memset(h->body_table_root, 0x35, sizeof(h->body_table_root));
	h->key_table_len = 2 * 32 + 16;
	h->statement_len = 100;
	memset(h->key_table_hash, 0x36, sizeof(h->key_table_hash));
	memset(h->statement_hash, 0x37, sizeof(h->statement_hash));
	h->anchor_size = 1000;
	memset(h->anchor_root, 0x38, sizeof(h->anchor_root));
	h->anchor_ms = h->created_ms;
	ck_assert_int_eq(crypto_sign_public(seed, sign_pub), GW_OK);
	ck_assert_int_eq(hpke_keypair(suite, priv, pub), GW_OK);
	ck_assert_int_eq(header_wrap(h, pub, psk, parcel_key), GW_OK);
	ck_assert_int_eq(header_sign(h, seed), GW_OK);
}

static enum hpke_suite
suite_of(int i)
{
	return i == 0 ? HPKE_P256 : HPKE_X25519;
}

START_TEST(header_survives_the_way)
{
	struct parcel_header h, got;
	uint8_t key[32], a[32], b[32];
	struct buf first, again;

	make(suite_of(_i), &h);
	buf_init(&first, HEADER_MAX);
	header_encode(&h, &first);
	ck_assert(buf_ok(&first));
	ck_assert_uint_eq(first.len, 450 + hpke_enc_len(suite_of(_i)));
	ck_assert_int_eq(header_decode(first.data, first.len, &got), GW_OK);
	ck_assert_int_eq(header_verify(&got, sign_pub), GW_OK);
	ck_assert_int_eq(header_unwrap(&got, priv, psk, key), GW_OK);
	ck_assert_mem_eq(key, parcel_key, sizeof(key));
	buf_init(&again, HEADER_MAX);
	header_encode(&got, &again);
	ck_assert_uint_eq(again.len, first.len);
	ck_assert_mem_eq(again.data, first.data, first.len);
	ck_assert_int_eq(header_hash(&got, a), GW_OK);
	ck_assert_int_eq(sha256_of(first.data, first.len, b), GW_OK);
	ck_assert_mem_eq(a, b, sizeof(a));
	buf_clear(&first);
	buf_clear(&again);
}
END_TEST

/* The offsets of PROTOCOL.md. */
START_TEST(offsets_are_fixed)
{
	static const struct {
		size_t off;
		uint8_t value;
	} at[] = {
		{ 0, 'G' }, { 3, '1' }, { 5, 1 }, { 7, 1 }, { 35, 3 },
		{ 43, 17 }, { 44, 0x31 }, { 75, 0x31 }, { 76, 0x32 },
		{ 91, 0x32 }, { 108, 0x33 }, { 123, 0x33 }, { 124, 0x34 },
		{ 139, 0x34 }, { 147, 5 }, { 155, 16 }, { 157, 4 },
		{ 163, 2 }, { 170, 0x20 }, { 172, 0x35 }, { 203, 0x35 },
		{ 207, 80 }, { 211, 100 }, { 212, 0x36 }, { 243, 0x36 },
		{ 244, 0x37 }, { 275, 0x37 }, { 284, 0x38 }, { 315, 0x38 },
		{ 325, 0 }, { 337, 65 }, { 338, 4 }
	};
	struct parcel_header h;
	struct buf b;
	size_t i;

	make(HPKE_P256, &h);
	buf_init(&b, HEADER_MAX);
	header_encode(&h, &b);
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		ck_assert_msg(b.data[at[i].off] == at[i].value,
		    "offset %zu: %u", at[i].off, b.data[at[i].off]);
	ck_assert_uint_eq(b.data[11] + 256u * b.data[10], b.len);
	buf_clear(&b);
}
END_TEST

static bool
is_accepted(const uint8_t *bytes, size_t len)
{
	struct parcel_header h;

	return header_decode(bytes, len, &h) == GW_OK &&
	    header_verify(&h, sign_pub) == GW_OK;
}

START_TEST(every_flipped_bit_is_refused)
{
	struct parcel_header h;
	struct buf b;
	size_t bit;

	make(suite_of(_i), &h);
	buf_init(&b, HEADER_MAX);
	header_encode(&h, &b);
	ck_assert(is_accepted(b.data, b.len));
	for (bit = 0; bit < 8 * b.len; bit++) {
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_msg(!is_accepted(b.data, b.len), "bit %zu", bit);
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buf_clear(&b);
}
END_TEST

START_TEST(every_other_length_is_refused)
{
	static uint8_t big[HEADER_MAX + 1];
	struct parcel_header h;
	struct buf b;
	size_t len;

	make(suite_of(_i), &h);
	buf_init(&b, HEADER_MAX);
	header_encode(&h, &b);
	for (len = 0; len < b.len; len++)
		ck_assert_int_eq(header_decode(b.data, len, &h), GW_ETRUNC);
	memcpy(big, b.data, b.len);
	ck_assert_int_eq(header_decode(big, b.len + 1, &h), GW_EFORMAT);
	ck_assert_int_eq(header_decode(big, sizeof(big), &h), GW_ELIMIT);
	buf_clear(&b);
}
END_TEST

/* Fields that contradict each other; each row breaks one of them. */
static void
break_header(struct parcel_header *h, int row)
{
	switch (row) {
	case 0: h->epoch = 0; break;
	case 1: h->seq = 0; break;
	case 2: h->flags |= HEADER_FIRST_OF_EPOCH; break;
	case 3: h->seq = 1; break;
	case 4: h->flags |= 8; break;
	case 5: h->not_after_ms = h->created_ms - 1; break;
	case 6: h->chunk_size = BODY_CHUNK / 2; break;
	case 7: h->body_count = 0; break;
	case 8: h->body_count = PARCEL_BODIES_MAX + 1;
		h->key_table_len = 32 * h->body_count + 16; break;
	case 9: h->key_table_len++; break;
	case 10: h->statement_len = 15; break;
	case 11: h->statement_len = PARCEL_STATEMENT_MAX + 1; break;
	case 12: h->total_padded = 4096; break;
	case 13: h->total_padded++; break;
	case 14: h->total_padded = UINT64_C(1) << 62; break;
	case 15: h->control = CONTROL_WITHDRAW; break;
	case 16: h->control_seq = 1; break;
	case 17: h->control_reason = 1; break;
	case 18: h->flags |= HEADER_CONTROL; break;
	case 19: h->suite = HPKE_X25519; break;
	case 20: h->suite = 3; break;
	default: h->enc_len--; break;
	}
}

START_TEST(contradictions_are_refused)
{
	struct parcel_header h, got;
	struct buf b;

	make(HPKE_P256, &h);
	break_header(&h, _i);
	ck_assert_int_eq(header_sign(&h, seed), GW_EINVAL);
	buf_init(&b, HEADER_MAX);
	header_encode(&h, &b);
	ck_assert_int_eq(header_decode(b.data, b.len, &got), GW_EFORMAT);
	buf_clear(&b);
}
END_TEST

static void
make_control(struct parcel_header *h)
{
	make(HPKE_P256, h);
	h->flags = HEADER_CONTROL;
	h->body_count = 0;
	h->total_padded = 0;
	h->key_table_len = h->statement_len = 0;
	ck_assert_int_eq(sha256_of("", 0, h->body_table_root), GW_OK);
	ck_assert_int_eq(sha256_of("", 0, h->key_table_hash), GW_OK);
	ck_assert_int_eq(sha256_of("", 0, h->statement_hash), GW_OK);
	h->control = CONTROL_WITHDRAW;
	h->control_reason = 48;
	h->control_seq = 16;
	ck_assert_int_eq(header_wrap(h, pub, psk, parcel_key), GW_OK);
}

START_TEST(control_parcels_carry_nothing)
{
	struct parcel_header h, got;
	struct buf b;

	make_control(&h);
	ck_assert_int_eq(header_sign(&h, seed), GW_OK);
	buf_init(&b, HEADER_MAX);
	header_encode(&h, &b);
	ck_assert_int_eq(header_decode(b.data, b.len, &got), GW_OK);
	ck_assert_int_eq(header_verify(&got, sign_pub), GW_OK);
	ck_assert_uint_eq(got.control_seq, 16);
	buf_clear(&b);
	h.control_seq = 17;	/* itself */
	ck_assert_int_eq(header_sign(&h, seed), GW_EINVAL);
	h.control_seq = 0;
	ck_assert_int_eq(header_sign(&h, seed), GW_EINVAL);
	h.control_seq = 16;
	h.control = 2;
	ck_assert_int_eq(header_sign(&h, seed), GW_EINVAL);
	h.control = CONTROL_WITHDRAW;
	h.statement_len = 16;
	ck_assert_int_eq(header_sign(&h, seed), GW_EINVAL);
}
END_TEST

/* The wrapped key opens only in the place it was made for. */
START_TEST(wrap_is_bound)
{
	struct parcel_header h, x;
	uint8_t key[32], other[HPKE_PSK_LEN] = { 10 }, other_priv[32];
	uint8_t other_pub[HPKE_PUB_MAX];

	make(suite_of(_i), &h);
	ck_assert_int_eq(header_unwrap(&h, priv, psk, key), GW_OK);
	ck_assert_int_eq(header_unwrap(&h, priv, other, key), GW_EAUTH);
	ck_assert_int_eq(hpke_keypair(suite_of(_i), other_priv, other_pub),
	    GW_OK);
	ck_assert_int_eq(header_unwrap(&h, other_priv, psk, key), GW_EAUTH);
#define BOUND(change)                                                         \
	do {                                                                  \
		x = h;                                                        \
		change;                                                       \
		ck_assert_int_eq(header_unwrap(&x, priv, psk, key),           \
		    GW_EAUTH);                                                \
	} while (0)
	BOUND(x.channel_id[0] ^= 1);
	BOUND(x.epoch++);
	BOUND(x.seq++);
	BOUND(x.prev[0] ^= 1);
	BOUND(x.parcel_id[0] ^= 1);
	BOUND(x.not_after_ms++);
	BOUND(x.sender_key_id[0] ^= 1);
	BOUND(x.recipient_key_id[0] ^= 1);
	BOUND(x.body_table_root[0] ^= 1);
	BOUND(x.key_table_hash[0] ^= 1);
	BOUND(x.statement_hash[0] ^= 1);
	BOUND(x.anchor_root[0] ^= 1);
	BOUND(x.control_seq++);
	BOUND(x.wrapped_key[47] ^= 1);
#undef BOUND
	x = h;
	x.enc_len--;
	ck_assert_int_eq(header_unwrap(&x, priv, psk, key), GW_EFORMAT);
	ck_assert_int_eq(header_verify(&x, sign_pub), GW_ESIG);
}
END_TEST

START_TEST(version_and_magic)
{
	struct parcel_header h;
	struct buf b;

	make(HPKE_X25519, &h);
	buf_init(&b, HEADER_MAX);
	header_encode(&h, &b);
	b.data[5] = 2;
	ck_assert_int_eq(header_decode(b.data, b.len, &h), GW_EVERSION);
	b.data[5] = 1;
	b.data[0] = 'X';
	ck_assert_int_eq(header_decode(b.data, b.len, &h), GW_EFORMAT);
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("header");

	tcase_add_loop_test(tc, header_survives_the_way, 0, 2);
	tcase_add_test(tc, offsets_are_fixed);
	tcase_add_loop_test(tc, every_flipped_bit_is_refused, 0, 2);
	tcase_add_loop_test(tc, every_other_length_is_refused, 0, 2);
	tcase_add_loop_test(tc, contradictions_are_refused, 0, 22);
	tcase_add_test(tc, control_parcels_carry_nothing);
	tcase_add_loop_test(tc, wrap_is_bound, 0, 2);
	tcase_add_test(tc, version_and_magic);
	return run_case(tc);
}
