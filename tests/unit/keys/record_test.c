/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/record/card.h"
#include "proto/record/reason.h"
#include "proto/record/statement.h"

/* Cards and statements: one encoding each, and no other is taken. */
static const uint8_t seed[32] = {1, 2, 3};

static void
make_card(struct card *c, uint32_t key_count)
{
	uint8_t priv[HPKE_PRIV_MAX];
	struct card_key *k;
	uint32_t i;

	memset(c, 0, sizeof(*c));
	(void)mem_put_str(c->zone, sizeof(c->zone), "internet");
	(void)mem_put_str(c->log_origin, sizeof(c->log_origin), "log.test");
	c->made_ms = 1775000000000;
	c->key_count = key_count;
	memset(c->pin, 5, sizeof(c->pin));
	memset(c->log_pub, 6, sizeof(c->log_pub));
	ck_assert_int_eq(crypto_sign_public(seed, c->sign_pub), GW_OK);
	for (i = 0; i < key_count; i++) {
		k = &c->keys[i];
		k->suite = i % 2 == 0 ? HPKE_P256 : HPKE_X25519;
		k->not_before_ms = 1000 * i;
		k->not_after_ms = 1000 * i + 1000;
		ck_assert_int_eq(hpke_keypair((enum hpke_suite)k->suite, priv,
		    k->pub), GW_OK);
		ck_assert_int_eq(crypto_key_id(k->pub,
		    hpke_enc_len((enum hpke_suite)k->suite), k->id), GW_OK);
	}
}

START_TEST(card_round_trip)
{
	struct card c, d;
	struct buf b;
	uint32_t n;

	for (n = 1; n <= CARD_KEYS_MAX; n++) {
		make_card(&c, n);
		c.flags = n == 3 ? CARD_IS_BENCH : 0;
		buf_init(&b, CARD_MAX);
		ck_assert_int_eq(card_encode(&c, seed, &b), GW_OK);
		ck_assert_uint_le(b.len, CARD_MAX);
		memset(&d, 0xff, sizeof(d));
		ck_assert_int_eq(card_decode(b.data, b.len, &d), GW_OK);
		ck_assert_mem_eq(&c.keys, &d.keys, sizeof(c.keys));
		ck_assert_str_eq(c.zone, d.zone);
		ck_assert_uint_eq(c.flags, d.flags);
		buf_clear(&b);
	}
}
END_TEST

START_TEST(card_every_bit_and_length)
{
	struct card c, d;
	struct buf b;
	size_t i;

	make_card(&c, 3);
	buf_init(&b, CARD_MAX);
	ck_assert_int_eq(card_encode(&c, seed, &b), GW_OK);
	for (i = 0; i < 8 * b.len; i++) {
		b.data[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_ne(card_decode(b.data, b.len, &d), GW_OK);
		b.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (i = 0; i < b.len; i++)
		ck_assert_int_ne(card_decode(b.data, i, &d), GW_OK);
	buf_clear(&b);
}
END_TEST

START_TEST(card_that_makes_no_sense)
{
	struct card c;
	struct buf b;

	buf_init(&b, CARD_MAX);
	make_card(&c, 2);
	c.zone[0] = '\0';
	ck_assert_int_eq(card_encode(&c, seed, &b), GW_EINVAL);
	make_card(&c, 2);
	memcpy(c.zone, "../x", 5);
	ck_assert_int_eq(card_encode(&c, seed, &b), GW_EINVAL);
	make_card(&c, 2);
	c.log_origin[3] = '\n';
	ck_assert_int_eq(card_encode(&c, seed, &b), GW_EINVAL);
	make_card(&c, 2);
	c.keys[1].not_before_ms = 0; /* two keys for one moment */
	ck_assert_int_eq(card_encode(&c, seed, &b), GW_EINVAL);
	make_card(&c, 2);
	c.keys[0].suite = 9;
	ck_assert_int_eq(card_encode(&c, seed, &b), GW_EINVAL);
	make_card(&c, 0);
	ck_assert_int_eq(card_encode(&c, seed, &b), GW_EINVAL);
	buf_clear(&b);
}
END_TEST

START_TEST(digits)
{
	char a[CARD_DIGITS_LEN], b[CARD_DIGITS_LEN];

	ck_assert_int_eq(card_digits("card", 4, a), GW_OK);
	ck_assert_int_eq(card_digits("carD", 4, b), GW_OK);
	ck_assert_str_ne(a, b);
	/* SHA-256 of "gwp1 card digits", NUL, "card". */
	ck_assert_str_eq(a, "73057 31777 39594 60268 71977 95664");
	ck_assert(card_digits_match(a, a));
	ck_assert(!card_digits_match(a, b));
	ck_assert(!card_digits_match(a, ""));
	ck_assert(!card_digits_match(a, "12345"));
	b[0] = '\0';
	ck_assert(!card_digits_match(b, b));
	memcpy(b, a, sizeof(b));
	b[34] = '\0';
	ck_assert(!card_digits_match(a, b));
}
END_TEST

/* --- statements --------------------------------------------------------- */

static void
make_statement(struct buf *b)
{
	struct statement_approval a = {1002, 4, 1, 0, 1775000000000};
	struct statement_top top;
	struct statement_body body;
	uint32_t i;

	memset(&top, 0, sizeof(top));
	memcpy(top.flow, "documents", 10);
	memcpy(top.number, "I20260401-00001-1", 18);
	memcpy(top.submitter, "\xe5\xb1\xb1\xe7\x94\xb0", 7);
	top.created_ms = 1775000000000;
	top.approval_count = 2;
	top.body_count = 3;
	buf_init(b, 4096);
	statement_put_top(b, &top);
	statement_put_approval(b, &a);
	a.uid++;
	statement_put_approval(b, &a);
	for (i = 0; i < 3; i++) {
		memset(&body, 0, sizeof(body));
		body.index = i;
		body.type = 1;
		body.method = METHOD_CONFIRMED;
		body.stages[2].verdict = 1;
		body.stages[2].signatures = 27000;
		body.stages[2].signatures_ms = 5;
		statement_put_body(b, &body);
	}
	ck_assert(buf_ok(b));
}

/* Read all of it and write it again. */
static enum gw_err
read_statement(const uint8_t *bytes, size_t len, struct buf *again)
{
	struct statement_approval a;
	struct statement_body body;
	struct statement_top top;
	enum gw_err err;
	struct rd r;
	uint32_t i;

	if ((err = statement_open(&r, bytes, len, &top)) != GW_OK)
		return err;
	statement_put_top(again, &top);
	for (i = 0; i < top.approval_count; i++) {
		if ((err = statement_get_approval(&r, &a)) != GW_OK)
			return err;
		statement_put_approval(again, &a);
	}
	for (i = 0; i < top.body_count; i++) {
		if ((err = statement_get_body(&r, i, &body)) != GW_OK)
			return err;
		statement_put_body(again, &body);
	}
	return rd_end(&r);
}

START_TEST(statement_every_bit_and_length)
{
	struct buf b, again;
	size_t i;

	make_statement(&b);
	ck_assert_uint_eq(b.len, statement_len(2, 3));
	for (i = 0; i <= 8 * b.len; i++) {
		buf_init(&again, 4096);
		if (i < 8 * b.len)
			b.data[i / 8] ^= (uint8_t)(1 << i % 8);
		if (read_statement(b.data, b.len, &again) == GW_OK) {
			ck_assert_uint_eq(again.len, b.len);
			ck_assert_mem_eq(again.data, b.data, b.len);
		} else {
			ck_assert_uint_lt(i, 8 * b.len);
		}
		if (i < 8 * b.len)
			b.data[i / 8] ^= (uint8_t)(1 << i % 8);
		buf_clear(&again);
	}
	buf_init(&again, 1 << 20);
	for (i = 0; i < b.len; i++)
		ck_assert_int_ne(read_statement(b.data, i, &again), GW_OK);
	buf_clear(&again);
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keys record");
	TCase *tc = tcase_create("record");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, card_round_trip);
	tcase_add_test(tc, card_every_bit_and_length);
	tcase_add_test(tc, card_that_makes_no_sense);
	tcase_add_test(tc, digits);
	tcase_add_test(tc, statement_every_bit_and_length);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
