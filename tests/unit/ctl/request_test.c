/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "proto/ctl/request.h"

/* A request with every argument. */
static void
fill(struct request *r)
{
	memset(r, 0, sizeof(*r));
	r->verb = VERB_PAIR_ACCEPT;
	r->lang = REQUEST_EN;
	strcpy(r->number, "I20260401-00017-3");
	strcpy(r->flow, "text-data");
	strcpy(r->channel, "internet-lgwan");
	strcpy(r->comment, "内容を確認しました");
	strcpy(r->digits, "12345 67890 12345 67890 12345 67890");
	r->states = 1u << 17;
	r->side = 2;
	r->since_ms = 1;
	r->before_ms = UINT64_MAX;
	r->limit = 0;
	r->wants_files = 1;
	r->event = 5;
	r->is_bench = 1;
	memset(r->card, 0xa5, sizeof(r->card));
	r->card_len = sizeof(r->card);
	memset(r->secret, 0x5a, sizeof(r->secret));
	r->secret_len = sizeof(r->secret);
#define X(name, id, kind, member, least, most) r->has |= ARG_BIT(name);
	REQUEST_ARG_TABLE(X)
#undef X
}

START_TEST(test_round_trip)
{
	struct request *in = mem_alloc(sizeof(*in));
	struct request *out = mem_alloc(sizeof(*out));
	struct buf buf, again;

	fill(in);
	buf_init(&buf, REQUEST_MAX);
	buf_init(&again, REQUEST_MAX);
	ck_assert_int_eq(request_encode(in, &buf), GW_OK);
	ck_assert_int_eq(request_decode(buf.data, buf.len, out), GW_OK);
	ck_assert_mem_eq(in, out, sizeof(*in));
	ck_assert_int_eq(request_encode(out, &again), GW_OK);
	ck_assert_uint_eq(buf.len, again.len);
	ck_assert_mem_eq(buf.data, again.data, buf.len);
	buf_clear(&buf);
	buf_clear(&again);
	mem_free(in);
	mem_free(out);
}
END_TEST

START_TEST(test_bare)
{
	struct request in = {.verb = VERB_STATUS}, out;
	struct buf buf;

	buf_init(&buf, REQUEST_MAX);
	ck_assert_int_eq(request_encode(&in, &buf), GW_OK);
	ck_assert_uint_eq(buf.len, 8);
	ck_assert_int_eq(request_decode(buf.data, buf.len, &out), GW_OK);
	ck_assert_uint_eq(out.has, 0);
	buf_clear(&buf);
}
END_TEST

/* What would be refused is not sent. */
START_TEST(test_encode_refuses)
{
	struct request *r = mem_alloc(sizeof(*r));
	struct buf buf;

	buf_init(&buf, REQUEST_MAX);
	fill(r);
	r->side = 3;
	ck_assert_int_eq(request_encode(r, &buf), GW_EINVAL);
	fill(r);
	strcpy(r->flow, "a\nb");
	ck_assert_int_eq(request_encode(r, &buf), GW_EINVAL);
	fill(r);
	strcpy(r->comment, "\xff\xfe");
	ck_assert_int_eq(request_encode(r, &buf), GW_EINVAL);
	fill(r);
	r->secret_len = 31;
	ck_assert_int_eq(request_encode(r, &buf), GW_EINVAL);
	buf_clear(&buf);
	mem_free(r);
}
END_TEST

START_TEST(test_decode_refuses)
{
	static const struct {
		const char *what;
		uint8_t bytes[32];
		size_t len;
		enum gw_err err;
	} cases[] = {
		{"empty", {0}, 0, GW_ETRUNC},
		{"other magic", {'G', 'W', 'C', '0', 0, 1, 0, 0}, 8,
		    GW_EVERSION},
		{"no such verb", {'G', 'W', 'C', '1', 0, 9, 0, 0}, 8,
		    GW_EFORMAT},
		{"no such language", {'G', 'W', 'C', '1', 0, 1, 2, 0}, 8,
		    GW_EFORMAT},
		{"padding", {'G', 'W', 'C', '1', 0, 1, 0, 1}, 8, GW_EFORMAT},
		{"argument cut", {'G', 'W', 'C', '1', 0, 1, 0, 0, 0, 1, 0}, 11,
		    GW_ETRUNC},
		{"value cut", {'G', 'W', 'C', '1', 0, 1, 0, 0, 0, 1, 0, 2,
		    'I'}, 13, GW_ETRUNC},
		{"no such argument", {'G', 'W', 'C', '1', 0, 1, 0, 0, 0, 99, 0,
		    0}, 12, GW_EFORMAT},
		{"empty text", {'G', 'W', 'C', '1', 0, 1, 0, 0, 0, 2, 0, 0},
		    12, GW_EFORMAT},
		{"twice", {'G', 'W', 'C', '1', 0, 1, 0, 0, 0, 2, 0, 1, 'a', 0,
		    2, 0, 1, 'a'}, 18, GW_EFORMAT},
		{"falling ids", {'G', 'W', 'C', '1', 0, 1, 0, 0, 0, 2, 0, 1,
		    'a', 0, 1, 0, 1, 'a'}, 18, GW_EFORMAT},
		{"short number", {'G', 'W', 'C', '1', 0, 1, 0, 0, 0, 7, 0, 1,
		    1}, 13, GW_ETRUNC},
		{"NUL in a text", {'G', 'W', 'C', '1', 0, 1, 0, 0, 0, 2, 0, 2,
		    'a', 0}, 14, GW_EFORMAT},
	};
	struct request out;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(request_decode(cases[i].bytes, cases[i].len,
		    &out) == cases[i].err, "%s", cases[i].what);
}
END_TEST

/* Every change of one byte, every cut: refused, or a request that encodes
 * to exactly those bytes. */
START_TEST(test_mutate)
{
	struct request *in = mem_alloc(sizeof(*in));
	struct request *out = mem_alloc(sizeof(*out));
	struct buf buf, again;
	uint8_t *copy;
	size_t i, len;
	int flip;

	fill(in);
	in->card_len = 3;
	memset(in->card + 3, 0, sizeof(in->card) - 3);
	buf_init(&buf, REQUEST_MAX);
	buf_init(&again, REQUEST_MAX);
	ck_assert_int_eq(request_encode(in, &buf), GW_OK);
	copy = mem_alloc(buf.len);
	for (i = 0; i < buf.len; i++) {
		for (flip = 1; flip < 256; flip <<= 1) {
			memcpy(copy, buf.data, buf.len);
			copy[i] ^= (uint8_t)flip;
			if (request_decode(copy, buf.len, out) != GW_OK)
				continue;
			buf_reset(&again);
			ck_assert_int_eq(request_encode(out, &again), GW_OK);
			ck_assert_uint_eq(again.len, buf.len);
			ck_assert_mem_eq(again.data, copy, buf.len);
		}
	}
	for (len = 0; len < buf.len; len++) {
		if (request_decode(buf.data, len, out) != GW_OK)
			continue;
		buf_reset(&again);
		ck_assert_int_eq(request_encode(out, &again), GW_OK);
		ck_assert_uint_eq(again.len, len);
	}
	mem_free(copy);
	buf_clear(&buf);
	buf_clear(&again);
	mem_free(in);
	mem_free(out);
}
END_TEST

START_TEST(test_words)
{
	ck_assert_str_eq(request_verb_word(VERB_CHANNEL_NEW_EPOCH),
	    "channel new-epoch");
	ck_assert(!request_verb_ok(0));
	ck_assert(!request_verb_ok(9999));
	ck_assert(request_verb_ok(VERB_LOG_EXPORT));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("request");
	TCase *tc = tcase_create("request");
	SRunner *r;
	int failed;

	tcase_add_test(tc, test_round_trip);
	tcase_add_test(tc, test_bare);
	tcase_add_test(tc, test_encode_refuses);
	tcase_add_test(tc, test_decode_refuses);
	tcase_add_test(tc, test_mutate);
	tcase_add_test(tc, test_words);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
