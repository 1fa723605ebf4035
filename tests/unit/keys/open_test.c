/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/crypto/crypto.h"
#include "gatewayd/keys/zone.h"

#include "tests/unit/keys/forge.h"

/* What a hostile carrier, spool or sender may hand to the receiver. */
static struct gate *low, *high;
static struct forge f;

static void
setup(void)
{
	log_set_level(LOG_ERR_);
	gate_clock_start();
	low = gate_new("internet");
	high = gate_new("lgwan");
	gate_init(low, false);
	gate_init(high, false);
	gate_pair(low, high);
	forge_begin(&f, low, high, 1, low->k->zone->card_hash);
}

static void
teardown(void)
{
	gate_free(low);
	gate_free(high);
}

static enum gw_err
open_fd(int fd, enum reason *reason)
{
	static const struct key_ref none;
	struct keys_opened o;

	way_open(high, fd, &o);
	io_drop(&fd);
	if (reason != NULL)
		*reason = (enum reason)o.reason;
	if (o.err != GW_OK)
		ck_assert_mem_eq(&o.transfer, &none, sizeof(none));
	return (enum gw_err)o.err;
}

static void
expect(enum gw_err err, enum reason reason)
{
	enum reason got;

	ck_assert_int_eq(open_fd(forge_object(&f), &got), err);
	ck_assert_int_eq(got, reason);
	ck_assert_uint_eq(gate_logged(high, AUDIT_OPENED), 0);
}

static bool
is_frozen(struct gate *g)
{
	struct keys_channel ch[POLICY_CHANNELS_MAX];
	struct ipc_status st;

	ck_assert_uint_eq(gate_ask(g, &(struct gate_ask){
	    .client = GATE_SPOOL, .type = KEYS_CHANNELS}, &st, sizeof(st),
	    ch, sizeof(ch[0]), POLICY_CHANNELS_MAX, NULL), 2);
	return ch[0].state == CHANNEL_FROZEN;
}

START_TEST(forged_right_is_right)
{
	ck_assert_int_eq(open_fd(forge_object(&f), NULL), GW_OK);
	ck_assert_uint_eq(gate_logged(high, AUDIT_OPENED), 1);
}
END_TEST

/* --- a carrier without keys --------------------------------------------- */

START_TEST(every_bit_counts)
{
	uint8_t *bytes;
	size_t len, i;
	int bit, fd;

	fd = forge_object(&f);
	bytes = way_object_read(fd, &len);
	for (i = 0; i < len; i++) {
		/* Bits of the header one by one, of the tables one a byte. */
		for (bit = 0; bit < 8; bit += i < 515 ? 1 : 8) {
			bytes[i] ^= (uint8_t)(1 << bit);
			ck_assert_int_ne(open_fd(way_object_make(bytes, len),
			    NULL), GW_OK);
			bytes[i] ^= (uint8_t)(1 << bit);
		}
		if (high->log_count > GATE_LOG_MAX - 16)
			high->log_count = 0;
	}
	ck_assert(!is_frozen(high));
	ck_assert_uint_eq(gate_logged(high, AUDIT_OPENED), 0);
	ck_assert_int_eq(open_fd(fd, NULL), GW_OK);
	mem_free(bytes);
}
END_TEST

START_TEST(every_length_counts)
{
	uint8_t *bytes, *more;
	size_t len, i;
	int fd;

	fd = forge_object(&f);
	bytes = way_object_read(fd, &len);
	for (i = 0; i < len; i++) {
		ck_assert_int_ne(open_fd(way_object_make(bytes, i), NULL),
		    GW_OK);
	}
	more = mem_alloc(len + 1);
	memcpy(more, bytes, len);
	ck_assert_int_ne(open_fd(way_object_make(more, len + 1), NULL),
	    GW_OK);
	mem_free(more);
	mem_free(bytes);
	io_drop(&fd);
}
END_TEST

START_TEST(must_be_sealed_memory)
{
	uint8_t *bytes;
	size_t len;
	int fd, open;

	fd = forge_object(&f);
	bytes = way_object_read(fd, &len);
	ck_assert_int_eq(io_memfd("open", &open), GW_OK);
	ck_assert_int_eq(io_write_full(open, bytes, len), GW_OK);
	ck_assert_int_ne(open_fd(open, NULL), GW_OK);
	mem_free(bytes);
	io_drop(&fd);
}
END_TEST

/* --- somebody with other keys ------------------------------------------- */

START_TEST(signed_by_another)
{
	f.seed[0]++;
	expect(GW_ESIG, REASON_BAD_SEAL);
	ck_assert_uint_eq(gate_logged(high, AUDIT_PARCEL_BAD), 1);
}
END_TEST

START_TEST(wrapped_for_another)
{
	uint8_t priv[HPKE_PRIV_MAX];

	ck_assert_int_eq(hpke_keypair(HPKE_P256, priv, f.pub), GW_OK);
	expect(GW_EAUTH, REASON_BAD_SEAL);
}
END_TEST

START_TEST(without_the_secret)
{
	f.secret[31]++;
	expect(GW_EAUTH, REASON_BAD_SEAL);
}
END_TEST

START_TEST(names_other_keys)
{
	f.h.recipient_key_id[0]++;
	expect(GW_ESIG, REASON_BAD_SEAL);
	f.h.recipient_key_id[0]--;
	f.h.sender_key_id[0]++;
	expect(GW_ESIG, REASON_BAD_SEAL);
}
END_TEST

START_TEST(of_another_channel)
{
	ck_assert_int_eq(header_channel_id("lgwan-internet",
	    f.h.channel_id), GW_OK);
	expect(GW_ESIG, REASON_BAD_SEAL);
}
END_TEST

/* --- a sender with the right keys and wrong parcels --------------------- */

START_TEST(of_another_epoch)
{
	f.h.epoch = 2;
	expect(GW_EREPLAY, REASON_BAD_SEAL);
}
END_TEST

START_TEST(out_of_the_chain)
{
	uint8_t hash[32];

	f.h.prev[0]++;
	expect(GW_ECHAIN, REASON_BAD_SEAL);
	f.h.prev[0]--;
	ck_assert_int_eq(open_fd(forge_object(&f), NULL), GW_OK);
	ck_assert_int_eq(header_hash(&f.h, hash), GW_OK);
	high->log_count = 0;
	forge_begin(&f, low, high, 2, hash);
	f.h.prev[31]++;
	expect(GW_ECHAIN, REASON_BAD_SEAL);
	f.h.prev[31]--;
	ck_assert_int_eq(open_fd(forge_object(&f), NULL), GW_OK);
}
END_TEST

/* Parcels complete in any order; the later one fixes the earlier. */
START_TEST(out_of_order)
{
	uint8_t first[32], second[32];
	struct forge g;
	int fd, fd2;

	fd = forge_object(&f);
	ck_assert_int_eq(header_hash(&f.h, first), GW_OK);
	forge_begin(&g, low, high, 2, first);
	fd2 = forge_object(&g);
	ck_assert_int_eq(header_hash(&g.h, second), GW_OK);
	forge_begin(&g, low, high, 3, second);
	ck_assert_int_eq(open_fd(forge_object(&g), NULL), GW_OK);
	/* Another second parcel than the third one names. */
	forge_begin(&g, low, high, 2, first);
	ck_assert_int_eq(open_fd(forge_object(&g), NULL), GW_ECHAIN);
	ck_assert_int_eq(open_fd(fd2, NULL), GW_OK);
	ck_assert_int_eq(open_fd(fd, NULL), GW_OK);
}
END_TEST

START_TEST(two_under_one_number)
{
	ck_assert_int_eq(open_fd(forge_object(&f), NULL), GW_OK);
	forge_begin(&f, low, high, 1, low->k->zone->card_hash);
	ck_assert_int_eq(open_fd(forge_object(&f), NULL), GW_EREPLAY);
	ck_assert(is_frozen(high));
	ck_assert_uint_eq(gate_logged(high, AUDIT_FREEZE), 1);
	ck_assert_int_eq(gate_last(high, AUDIT_FREEZE)->reason,
	    REASON_EQUIVOCATION);
	/* Frozen is frozen, after a restart too. */
	gate_restart(high);
	ck_assert(is_frozen(high));
}
END_TEST

START_TEST(too_late_or_too_early)
{
	f.h.not_after_ms = gate_now() - 1;
	f.h.created_ms = gate_now() - 86400000;
	expect(GW_EEXPIRED, REASON_EXPIRED);
	forge_begin(&f, low, high, 1, low->k->zone->card_hash);
	f.h.created_ms = gate_now() + 2 * 86400000;
	f.h.not_after_ms = gate_now() + 3 * UINT64_C(86400000);
	expect(GW_EHOLD, REASON_CLOCK_JUMP);
}
END_TEST

START_TEST(bench_parcel)
{
	f.h.flags |= HEADER_BENCH;
	expect(GW_EDENIED, REASON_BENCH_CARD);
}
END_TEST

START_TEST(keys_that_are_not_the_bodies)
{
	f.sealed_key[1][0]++;
	expect(GW_EAUTH, REASON_BAD_SEAL);
	f.sealed_key[1][0]--;
	memcpy(f.sealed_key[1], f.keys[2], 32);
	memcpy(f.sealed_key[2], f.keys[1], 32);
	expect(GW_EAUTH, REASON_BAD_SEAL);
}
END_TEST

START_TEST(one_body_twice)
{
	f.bodies[2] = f.bodies[1];
	memcpy(f.sealed_key[2], f.sealed_key[1], 32);
	expect(GW_EFORMAT, REASON_BAD_SEAL);
}
END_TEST

START_TEST(tables_and_header_disagree)
{
	f.is_root_kept = true;
	expect(GW_EHASH, REASON_DAMAGED);
	f.is_root_kept = false;
	f.is_total_kept = true;
	f.h.total_padded = 1 << 20;
	expect(GW_EHASH, REASON_DAMAGED);
}
END_TEST

START_TEST(statements_that_make_no_sense)
{
	f.top.body_count = 2;
	expect(GW_EFORMAT, REASON_BAD_SEAL);
	f.stated_bodies = 2;
	expect(GW_EFORMAT, REASON_BAD_SEAL);
	f.top.body_count = FORGE_BODIES;
	expect(GW_EFORMAT, REASON_BAD_SEAL);
	f.stated_bodies = FORGE_BODIES;
	f.top.flow[0] = '/';
	expect(GW_EFORMAT, REASON_BAD_SEAL);
	f.top.flow[0] = 'd';
	f.top.submitter[0] = 0x1b;
	expect(GW_EFORMAT, REASON_BAD_SEAL);
	memset(f.top.submitter, 'a', sizeof(f.top.submitter));
	expect(GW_EFORMAT, REASON_BAD_SEAL);
}
END_TEST

START_TEST(manifest_alone)
{
	f.h.body_count = 1;
	f.top.body_count = f.stated_bodies = 1;
	expect(GW_EFORMAT, REASON_BAD_SEAL);
}
END_TEST

/* Held, without slots; opened once the policy knows the flow. */
START_TEST(flow_that_is_unknown_here)
{
	struct keys_opened o;
	int fd;

	memcpy(high->flow->id, "other", 6);
	gate_reload(high);
	fd = forge_object(&f);
	way_open(high, fd, &o);
	ck_assert_int_eq(o.err, GW_EHOLD);
	ck_assert_int_eq(o.reason, REASON_FLOW_UNKNOWN_HERE);
	ck_assert_str_eq(o.flow, "documents");
	memcpy(high->flow->id, "documents", 10);
	memcpy(high->flow->from, "mynumber", 9);
	gate_reload(high);
	way_open(high, fd, &o);
	ck_assert_int_eq(o.reason, REASON_FLOW_UNKNOWN_HERE);
	memcpy(high->flow->from, "internet", 9);
	gate_reload(high);
	way_open(high, fd, &o);
	ck_assert_int_eq(o.err, GW_OK);
	io_drop(&fd);
}
END_TEST

/* The sender has seen an ACK that we never gave: we are behind. */
START_TEST(receiver_from_a_backup)
{
	f.h.ack_counter = 1;
	expect(GW_EHOLD, REASON_CHANNEL_FROZEN);
	ck_assert(is_frozen(high));
}
END_TEST

START_TEST(peer_rewrote_its_log)
{
	uint8_t hash[32];

	ck_assert_int_eq(open_fd(forge_object(&f), NULL), GW_OK);
	ck_assert_int_eq(header_hash(&f.h, hash), GW_OK);
	forge_begin(&f, low, high, 2, hash);
	f.h.anchor_size = 10;
	f.h.anchor_root[0] = 1;
	ck_assert_int_eq(open_fd(forge_object(&f), NULL), GW_OK);
	ck_assert(is_frozen(high));
}
END_TEST

/* The spool asks twice at once: one parcel is one transfer. */
START_TEST(opened_twice_at_once)
{
	struct keys_open req = {.channel = "internet-lgwan"};
	int fd = forge_object(&f), i;

	for (i = 0; i < 2; i++)
		(void)gate_send(high, &(struct gate_ask){
		    .client = GATE_SPOOL, .type = KEYS_OPEN, .fixed = &req,
		    .fixed_len = sizeof(req), .fd = fd});
	gate_settle(high);
	ck_assert_uint_eq(gate_logged(high, AUDIT_OPENED), 1);
	io_drop(&fd);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keys open");
	TCase *tc = tcase_create("open");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, forged_right_is_right);
	tcase_add_test(tc, every_bit_counts);
	tcase_add_test(tc, every_length_counts);
	tcase_add_test(tc, must_be_sealed_memory);
	tcase_add_test(tc, signed_by_another);
	tcase_add_test(tc, wrapped_for_another);
	tcase_add_test(tc, without_the_secret);
	tcase_add_test(tc, names_other_keys);
	tcase_add_test(tc, of_another_channel);
	tcase_add_test(tc, of_another_epoch);
	tcase_add_test(tc, out_of_the_chain);
	tcase_add_test(tc, out_of_order);
	tcase_add_test(tc, two_under_one_number);
	tcase_add_test(tc, too_late_or_too_early);
	tcase_add_test(tc, bench_parcel);
	tcase_add_test(tc, keys_that_are_not_the_bodies);
	tcase_add_test(tc, one_body_twice);
	tcase_add_test(tc, tables_and_header_disagree);
	tcase_add_test(tc, statements_that_make_no_sense);
	tcase_add_test(tc, manifest_alone);
	tcase_add_test(tc, flow_that_is_unknown_here);
	tcase_add_test(tc, receiver_from_a_backup);
	tcase_add_test(tc, peer_rewrote_its_log);
	tcase_add_test(tc, opened_twice_at_once);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
