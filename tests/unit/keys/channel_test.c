/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/header.h"
#include "gatewayd/keys/zone.h"

#include "tests/unit/keys/way.h"

/* ACKs, freezing, epochs: what keeps a restored backup from doing harm. */
static struct gate *low, *high;

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
}

static void
teardown(void)
{
	gate_free(low);
	gate_free(high);
}

static struct keys_channel
channel_of(struct gate *g)
{
	struct keys_channel ch[POLICY_CHANNELS_MAX];
	struct ipc_status st;

	ck_assert_uint_eq(gate_ask(g, &(struct gate_ask){
	    .client = GATE_SPOOL, .type = KEYS_CHANNELS}, &st, sizeof(st),
	    ch, sizeof(ch[0]), POLICY_CHANNELS_MAX, NULL), 2);
	ck_assert_str_eq(ch[0].id, "internet-lgwan");
	return ch[0];
}

static int
send_one(struct way *w, struct keys_sealed *sealed)
{
	int fd;

	way_accept(w, low, 2);
	way_inspect(w);
	ck_assert_int_eq(way_decision(w), DECIDE_GO);
	way_seal(w, sealed, &fd);
	return fd;
}

static enum gw_err
sign(struct gate *g, uint64_t counter, uint64_t seq, const uint8_t hash[32],
    uint8_t out[ACK_LEN])
{
	struct keys_ack_sign req = {.channel = "internet-lgwan"};
	struct keys_ack_signed got;

	req.ack.epoch = channel_of(g).epoch;
	req.ack.counter = counter;
	req.ack.header_seq = seq;
	req.ack.base_seq = seq + 1;
	memcpy(req.ack.header_hash, hash, 16);
	(void)gate_ask(g, &(struct gate_ask){.client = GATE_SPOOL,
	    .type = KEYS_ACK_SIGN, .fixed = &req, .fixed_len = sizeof(req)},
	    &got, sizeof(got), NULL, 0, 0, NULL);
	memcpy(out, got.bytes, ACK_LEN);
	return (enum gw_err)got.err;
}

static enum gw_err
check(struct gate *g, const uint8_t bytes[ACK_LEN], struct ack *out)
{
	struct keys_ack_check req = {.channel = "internet-lgwan"};
	struct keys_ack_checked got;

	memcpy(req.bytes, bytes, ACK_LEN);
	(void)gate_ask(g, &(struct gate_ask){.client = GATE_SPOOL,
	    .type = KEYS_ACK_CHECK, .fixed = &req, .fixed_len = sizeof(req)},
	    &got, sizeof(got), NULL, 0, 0, NULL);
	*out = got.ack;
	return (enum gw_err)got.err;
}

/* --- ACKs --------------------------------------------------------------- */

START_TEST(ack_goes_back)
{
	uint8_t bytes[ACK_LEN];
	struct keys_sealed s;
	struct parcel_header h;
	uint8_t *object;
	struct way w;
	struct ack a;
	size_t len;
	int fd;

	fd = send_one(&w, &s);
	ck_assert_int_eq(sign(high, 1, 1, s.header_hash, bytes), GW_OK);
	ck_assert_int_eq(check(low, bytes, &a), GW_OK);
	ck_assert_uint_eq(a.header_seq, 1);
	ck_assert_uint_gt(a.log_size, 0);
	ck_assert_uint_eq(gate_logged(low, AUDIT_PEER_ANCHOR), 1);
	io_drop(&fd);
	/* The next header tells what was seen. */
	fd = send_one(&w, &s);
	object = way_object_read(fd, &len);
	ck_assert_int_eq(header_decode(object, 515, &h), GW_OK);
	ck_assert_uint_eq(h.ack_counter, 1);
	ck_assert_uint_eq(h.ack_seq, 1);
	mem_free(object);
	io_drop(&fd);
}
END_TEST

START_TEST(ack_every_bit)
{
	uint8_t bytes[ACK_LEN];
	struct keys_sealed s;
	struct way w;
	struct ack a;
	int fd, i;

	fd = send_one(&w, &s);
	ck_assert_int_eq(sign(high, 1, 1, s.header_hash, bytes), GW_OK);
	for (i = 0; i < 8 * ACK_LEN; i++) {
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_ne(check(low, bytes, &a), GW_OK);
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	ck_assert_int_eq(channel_of(low).state, CHANNEL_OPEN);
	ck_assert_int_eq(check(low, bytes, &a), GW_OK);
	io_drop(&fd);
}
END_TEST

START_TEST(ack_replayed)
{
	uint8_t old[ACK_LEN], new[ACK_LEN];
	struct keys_sealed s;
	struct way w;
	struct ack a;
	int fd;

	fd = send_one(&w, &s);
	ck_assert_int_eq(sign(high, 1, 1, s.header_hash, old), GW_OK);
	io_drop(&fd);
	fd = send_one(&w, &s);
	ck_assert_int_eq(sign(high, 2, 2, s.header_hash, new), GW_OK);
	ck_assert_int_eq(check(low, new, &a), GW_OK);
	ck_assert_int_eq(check(low, old, &a), GW_EREPLAY);
	ck_assert_int_eq(check(low, new, &a), GW_OK);
	ck_assert_int_eq(channel_of(low).state, CHANNEL_OPEN);
	io_drop(&fd);
}
END_TEST

/* The counter never goes back, even if spool lost it. */
START_TEST(ack_counter_only_grows)
{
	uint8_t one[ACK_LEN], two[ACK_LEN];
	static const uint8_t hash[32];
	struct ack a;

	ck_assert_int_eq(sign(high, 1000, 0, hash, one), GW_OK);
	gate_restart(high);
	ck_assert_int_eq(sign(high, 1, 0, hash, two), GW_OK);
	ck_assert_int_eq(ack_decode(two, &a), GW_OK);
	ck_assert_uint_gt(a.counter, 1000);
}
END_TEST

/* An ACK beyond what was sealed: the sender is the restored backup. */
START_TEST(ack_from_the_future)
{
	static const uint8_t hash[32];
	uint8_t bytes[ACK_LEN];
	struct keys_sealed s;
	struct ack a;
	struct way w;
	int fd;

	ck_assert_int_eq(sign(high, 1, 1, hash, bytes), GW_OK);
	ck_assert_int_eq(check(low, bytes, &a), GW_EHOLD);
	ck_assert_int_eq(channel_of(low).state, CHANNEL_FROZEN);
	ck_assert_uint_eq(gate_logged(low, AUDIT_FREEZE), 1);
	fd = send_one(&w, &s);
	ck_assert_int_eq(s.err, GW_EHOLD);
	ck_assert_int_eq(s.reason, REASON_CHANNEL_FROZEN);
	ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(ack_of_another_header)
{
	uint8_t bytes[ACK_LEN];
	struct keys_sealed s;
	struct way w;
	struct ack a;
	int fd;

	fd = send_one(&w, &s);
	s.header_hash[0]++;
	ck_assert_int_eq(sign(high, 1, 1, s.header_hash, bytes), GW_OK);
	ck_assert_int_eq(check(low, bytes, &a), GW_EHOLD);
	ck_assert_int_eq(channel_of(low).freeze_reason, REASON_EQUIVOCATION);
	io_drop(&fd);
}
END_TEST

/* Two zones that only anchor each other's anchors come to rest. */
START_TEST(anchors_come_to_rest)
{
	uint8_t bytes[ACK_LEN];
	struct keys_sealed s;
	uint32_t before;
	struct way w;
	struct ack a;
	int fd, i;

	fd = send_one(&w, &s);
	for (i = 1; i < 100; i++) {
		gate_clock_move(2000);
		ck_assert_int_eq(sign(high, (uint64_t)i, 1, s.header_hash,
		    bytes), GW_OK);
		ck_assert_int_eq(check(low, bytes, &a), GW_OK);
		high->log_count++; /* it anchored ours */
		memset(&high->log[high->log_count - 1], 0,
		    sizeof(high->log[0]));
		if (i == 1)
			before = gate_logged(low, AUDIT_PEER_ANCHOR);
	}
	ck_assert_uint_eq(before, 1);
	ck_assert_uint_le(gate_logged(low, AUDIT_PEER_ANCHOR), 40);
	high->log_count -= 99;
	for (i = 100; i < 200; i++) {
		gate_clock_move(2000);
		ck_assert_int_eq(sign(high, (uint64_t)i, 1, s.header_hash,
		    bytes), GW_OK);
		ck_assert_int_eq(check(low, bytes, &a), GW_OK);
	}
	io_drop(&fd);
}
END_TEST

/* --- epochs ------------------------------------------------------------- */

static enum gw_err
channel_op(struct gate *g, int client, enum keys_channel_act act,
    uint32_t uid)
{
	struct keys_channel_op req = {.channel = "internet-lgwan",
	    .act = act, .uid = uid, .roles = 0xffff, .account = "somebody"};

	return gate_status(g, &(struct gate_ask){.client = client,
	    .type = KEYS_CHANNEL_OP, .fixed = &req,
	    .fixed_len = sizeof(req)});
}

START_TEST(two_officers_begin_an_epoch)
{
	ck_assert_int_eq(channel_op(low, GATE_DESK, CHANNEL_NEW_EPOCH,
	    UID_ADMIN), GW_EDENIED);
	ck_assert_int_eq(channel_op(low, GATE_DESK, CHANNEL_NEW_EPOCH,
	    UID_OFFICER_A), GW_EAGAIN);
	ck_assert_int_eq(channel_op(low, GATE_DESK, CHANNEL_NEW_EPOCH,
	    UID_OFFICER_A), GW_EAGAIN);
	gate_restart(low);
	ck_assert_uint_eq(channel_of(low).epoch, 1);
	ck_assert_int_eq(channel_op(low, GATE_DESK, CHANNEL_NEW_EPOCH,
	    UID_OFFICER_B), GW_OK);
	ck_assert_uint_eq(channel_of(low).epoch, 2);
	ck_assert_uint_eq(gate_logged(low, AUDIT_EPOCH), 1);
	/* The first word is forgotten, and after a day, too. */
	ck_assert_int_eq(channel_op(low, GATE_DESK, CHANNEL_NEW_EPOCH,
	    UID_OFFICER_A), GW_EAGAIN);
	gate_clock_move(25 * UINT64_C(3600000));
	ck_assert_int_eq(channel_op(low, GATE_DESK, CHANNEL_NEW_EPOCH,
	    UID_OFFICER_B), GW_EAGAIN);
	ck_assert_uint_eq(channel_of(low).epoch, 2);
}
END_TEST

START_TEST(freezes_and_goes_on)
{
	struct keys_sealed s;
	struct keys_opened o;
	struct way w;
	int fd, old;

	old = send_one(&w, &s);
	ck_assert_int_eq(s.err, GW_OK);
	ck_assert_int_eq(channel_op(low, GATE_DESK, CHANNEL_FREEZE,
	    UID_STAFF), GW_EDENIED);
	ck_assert_int_eq(channel_op(low, GATE_SPOOL, CHANNEL_FREEZE,
	    UINT32_MAX), GW_OK);
	ck_assert_int_eq(channel_of(low).state, CHANNEL_FROZEN);
	ck_assert_int_eq(channel_op(high, GATE_DESK, CHANNEL_FREEZE,
	    UID_ADMIN), GW_OK);
	way_open(high, old, &o);
	ck_assert_int_eq(o.err, GW_EHOLD);
	fd = send_one(&w, &s);
	ck_assert_int_eq(s.err, GW_EHOLD);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(channel_op(low, GATE_DESK, CHANNEL_NEW_EPOCH,
	    UID_OFFICER_A), GW_EAGAIN);
	ck_assert_int_eq(channel_op(low, GATE_DESK, CHANNEL_NEW_EPOCH,
	    UID_OFFICER_B), GW_OK);
	ck_assert_int_eq(channel_op(high, GATE_DESK, CHANNEL_NEW_EPOCH,
	    UID_OFFICER_A), GW_EAGAIN);
	ck_assert_int_eq(channel_op(high, GATE_DESK, CHANNEL_NEW_EPOCH,
	    UID_BOTH), GW_OK);
	/* Both sides agree where the epoch begins. */
	ck_assert_mem_eq(channel_of(low).last_hash,
	    channel_of(high).first_prev, 32);
	way_seal(&w, &s, &fd);
	ck_assert_int_eq(s.err, GW_OK);
	ck_assert_uint_eq(s.epoch, 2);
	ck_assert_uint_eq(s.seq, 1);
	/* The old epoch's parcels are never taken again. */
	way_open(high, old, &o);
	ck_assert_int_ne(o.err, GW_OK);
	way_open(high, fd, &o);
	ck_assert_int_eq(o.err, GW_OK);
	io_drop(&fd);
	io_drop(&old);
}
END_TEST

/* What was sealed in an old epoch keeps its bytes. */
START_TEST(old_epochs_are_kept)
{
	struct keys_sealed first, again;
	uint8_t *a, *b;
	size_t a_len, b_len;
	struct way w;
	int fd, fd2;

	fd = send_one(&w, &first);
	ck_assert_int_eq(channel_op(low, GATE_DESK, CHANNEL_NEW_EPOCH,
	    UID_OFFICER_A), GW_EAGAIN);
	ck_assert_int_eq(channel_op(low, GATE_DESK, CHANNEL_NEW_EPOCH,
	    UID_OFFICER_B), GW_OK);
	way_seal(&w, &again, &fd2);
	ck_assert_int_eq(again.err, GW_OK);
	ck_assert_mem_eq(&first, &again, sizeof(first));
	a = way_object_read(fd, &a_len);
	b = way_object_read(fd2, &b_len);
	ck_assert_uint_eq(a_len, b_len);
	ck_assert_mem_eq(a, b, a_len);
	mem_free(a);
	mem_free(b);
	io_drop(&fd);
	io_drop(&fd2);
}
END_TEST

/* A peer that was set up anew: both begin at epoch 1 again. */
START_TEST(peer_with_new_keys)
{
	struct keys_sealed s;
	struct keys_opened o;
	struct way w;
	int fd, old;

	old = send_one(&w, &s);
	gate_free(high);
	high = gate_new("lgwan");
	gate_init(high, false);
	gate_pair(low, high);
	ck_assert_uint_eq(channel_of(low).epoch, 1);
	ck_assert_uint_eq(channel_of(low).next_seq, 1);
	fd = send_one(&w, &s);
	ck_assert_int_eq(s.err, GW_OK);
	ck_assert_uint_eq(s.seq, 1);
	way_open(high, old, &o);
	ck_assert_int_ne(o.err, GW_OK);
	way_open(high, fd, &o);
	ck_assert_int_eq(o.err, GW_OK);
	io_drop(&fd);
	io_drop(&old);
}
END_TEST

START_TEST(unpaired_waits)
{
	struct gate *alone = gate_new("internet");
	struct keys_sealed s;
	struct way w;
	int fd;

	way_accept(&w, alone, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	way_seal(&w, &s, &fd);
	ck_assert_int_eq(s.err, GW_EHOLD);
	ck_assert_int_eq(s.reason, REASON_NO_CHANNEL);
	ck_assert_int_eq(channel_of(alone).state, CHANNEL_UNPAIRED);
	gate_free(alone);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keys channel");
	TCase *tc = tcase_create("channel");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, ack_goes_back);
	tcase_add_test(tc, ack_every_bit);
	tcase_add_test(tc, ack_replayed);
	tcase_add_test(tc, ack_counter_only_grows);
	tcase_add_test(tc, ack_from_the_future);
	tcase_add_test(tc, ack_of_another_header);
	tcase_add_test(tc, anchors_come_to_rest);
	tcase_add_test(tc, two_officers_begin_an_epoch);
	tcase_add_test(tc, freezes_and_goes_on);
	tcase_add_test(tc, old_epochs_are_kept);
	tcase_add_test(tc, peer_with_new_keys);
	tcase_add_test(tc, unpaired_waits);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
