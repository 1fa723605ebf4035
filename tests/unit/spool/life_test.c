/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "proto/parcel/body.h"
#include "proto/parcel/tables.h"
#include "proto/record/number.h"
#include "proto/record/reason.h"

#include "tests/unit/spool/carrier.h"
#include "tests/unit/spool/world.h"

static struct world low, high;

static void
setup(void)
{
	world_init(&low, SIDE_LOW);
	world_init(&high, SIDE_HIGH);
	world_start(&low, 0);
	world_start(&high, 0);
}

static void
teardown(void)
{
	world_clear(&low);
	world_clear(&high);
}

/* One transfer accepted, inspected and judged; ends in `state`. */
static struct slot *
send_one(uint32_t state)
{
	struct spool_accepted accepted = {0};
	struct spool_inspect job;
	struct slot *s = world_slot_new(&low);

	ck_assert_int_eq(world_accept(&low, s, &accepted), GW_OK);
	ck_assert_int_eq(accepted.err, GW_OK);
	ck_assert_int_eq(world_inspect(&low, &job), GW_OK);
	ck_assert_mem_eq(job.transfer.id, s->ref.id, 16);
	ck_assert_int_eq(world_inspected(&low, &job.transfer, 0), GW_OK);
	ck_assert_int_eq(world_wait_state(&low, s->ref.id, state), GW_OK);
	return s;
}

/* The receiver's row of the parcel with this sequence number. */
static struct spool_row
high_row(uint64_t seq)
{
	struct spool_row rows[64];
	uint32_t i, n = world_rows(&high, rows, 64);

	for (i = 0; i < n; i++) {
		if (rows[i].seq == seq)
			return rows[i];
	}
	memset(&rows[0], 0, sizeof(rows[0]));
	return rows[0];
}

static void
wait_high(uint64_t seq, uint32_t state)
{
	int i;

	for (i = 0; i < 20000; i++) {
		if (high_row(seq).state == state)
			return;
	}
	ck_abort_msg("parcel %u is in %u", (unsigned)seq, high_row(seq).state);
}

/* The order to freeze reaches keys after the answer to link: wait for it. */
static void
wait_freeze(void)
{
	int i;

	for (i = 0; i < 20000 && high.freezes == 0; i++)
		(void)high_row(1);
	ck_assert_uint_eq(high.freezes, 1);
}

/* Inspect on the high side until the parcel is judged. */
static void
high_inspect(uint64_t seq, uint32_t state)
{
	struct spool_inspect job;

	ck_assert_int_eq(world_inspect(&high, &job), GW_OK);
	ck_assert_uint_eq(job.side, SIDE_HIGH);
	ck_assert_int_eq(world_inspected(&high, &job.transfer, 0), GW_OK);
	wait_high(seq, state);
}

static struct spool_work
next_work(struct world *w, uint32_t kind)
{
	struct spool_work work;

	do {
		ck_assert_int_eq(world_notice(w, &work), GW_OK);
	} while (work.kind != kind);
	return work;
}

static struct ipc_status
outcome(uint16_t type, const struct spool_work *work, int err, uint16_t reason)
{
	struct spool_outcome out = {
		.transfer = work->transfer,
		.err = err,
		.reason = reason,
	};
	struct ipc_status status;
	struct ipc_msg msg;

	ck_assert_int_eq(world_ask(&high, PROC_COURIER, type, &out,
	    sizeof(out), NULL, 0, 0, -1, &msg), GW_OK);
	memcpy(&status, msg.body, sizeof(status));
	return status;
}

static void
deliver(uint64_t seq)
{
	struct spool_work work = next_work(&high, WORK_DELIVER);

	ck_assert_uint_eq(work.state, ST_REINSPECTED);
	ck_assert_uint_eq(work.is_retry, 0);
	ck_assert_int_eq(outcome(SPOOL_STAGED, &work, GW_OK, 0).err, GW_OK);
	ck_assert_uint_eq(high_row(seq).state, ST_DELIVERING);
	ck_assert_int_eq(outcome(SPOOL_PUBLISHED, &work, GW_OK, 0).err,
	    GW_OK);
	ck_assert_uint_eq(high_row(seq).state, ST_DELIVERED);
}

/* Every reply of consequence comes after audit, which comes after keys. */
START_TEST(test_order)
{
	struct spool_transfer_done done = {.file_count = 2};
	struct ipc_status status;
	struct ipc_msg msg;
	struct slot *s = world_slot_new(&low);

	ck_assert_int_eq(world_open(&low, s, &status), GW_OK);
	ck_assert_int_eq(world_put(&low, s, &status), GW_OK);
	done.transfer = s->ref;
	pthread_mutex_lock(&low.lock);
	low.holds_keys = low.holds_audit = true;
	pthread_mutex_unlock(&low.lock);
	ck_assert_int_eq(world_send(&low, PROC_COURIER, SPOOL_TRANSFER_DONE,
	    7, &done, sizeof(done), NULL, 0, 0, -1), GW_OK);
	/* Keys was asked; audit was not, and nobody was answered. */
	pthread_mutex_lock(&low.lock);
	while (low.keys_waiting == 0)
		pthread_cond_wait(&low.cond, &low.lock);
	ck_assert_uint_eq(low.audit_waiting, 0);
	ck_assert(!world_has_answer(&low, PROC_COURIER));
	ck_assert_uint_eq(low.log_len, 0);
	low.holds_keys = false;
	pthread_cond_broadcast(&low.cond);
	while (low.audit_waiting == 0)
		pthread_cond_wait(&low.cond, &low.lock);
	ck_assert_uint_eq(low.log_len, 1);
	ck_assert_str_eq(low.log[0].state, "accepted");
	ck_assert(!world_has_answer(&low, PROC_COURIER));
	low.holds_audit = false;
	pthread_cond_broadcast(&low.cond);
	pthread_mutex_unlock(&low.lock);
	ck_assert_int_eq(world_recv(&low, PROC_COURIER, &msg), GW_OK);
	ck_assert_uint_eq(msg.id, 7);
	ck_assert_int_eq(((const struct spool_accepted *)msg.body)->err,
	    GW_OK);
	ck_assert_uint_eq(low.commits, 1);
}
END_TEST

/* While a group is being closed, other clients wait for it. */
START_TEST(test_back_pressure)
{
	struct spool_transfer_done done = {.file_count = 2};
	struct ipc_status status;
	struct ipc_msg msg;
	struct slot *s = world_slot_new(&low);

	ck_assert_int_eq(world_open(&low, s, &status), GW_OK);
	ck_assert_int_eq(world_put(&low, s, &status), GW_OK);
	done.transfer = s->ref;
	pthread_mutex_lock(&low.lock);
	low.holds_audit = true;
	ck_assert_int_eq(world_send(&low, PROC_COURIER, SPOOL_TRANSFER_DONE,
	    7, &done, sizeof(done), NULL, 0, 0, -1), GW_OK);
	while (low.audit_waiting == 0)
		pthread_cond_wait(&low.cond, &low.lock);
	ck_assert_int_eq(world_send(&low, PROC_DESK, SPOOL_STATUS, 8, NULL, 0,
	    NULL, 0, 0, -1), GW_OK);
	ck_assert(!world_has_answer(&low, PROC_DESK));
	low.holds_audit = false;
	pthread_cond_broadcast(&low.cond);
	pthread_mutex_unlock(&low.lock);
	ck_assert_int_eq(world_recv(&low, PROC_DESK, &msg), GW_OK);
	ck_assert_uint_eq(((const struct spool_status *)msg.body)->counts[
	    ST_ACCEPTED], 1);
	ck_assert_int_eq(world_recv(&low, PROC_COURIER, &msg), GW_OK);
}
END_TEST

static void
whole_way(uint32_t padded_len)
{
	struct spool_row row;
	struct slot *s;

	low.padded_len = high.padded_len = padded_len;
	s = send_one(ST_SEALED);
	carrier_all(&low, &high);
	wait_high(1, ST_OPENED);
	/* Complete is enough for the sender, whatever becomes of it. */
	carrier_ack(&low, &high);
	ck_assert_int_eq(world_wait_state(&low, s->ref.id, ST_CONFIRMED),
	    GW_OK);
	high_inspect(1, ST_REINSPECTED);
	deliver(1);
	row = high_row(1);
	ck_assert_str_eq(row.submitter, "sato");
	ck_assert_uint_eq(world_count(&low, AUDIT_STATE, "accepted"), 1);
	ck_assert_uint_eq(world_count(&low, AUDIT_STATE, "inspected"), 1);
	ck_assert_uint_eq(world_count(&low, AUDIT_STATE, "sealed"), 1);
	ck_assert_uint_eq(world_count(&low, AUDIT_STATE, "confirmed"), 1);
	ck_assert_uint_eq(world_count(&high, AUDIT_STATE, "arriving"), 1);
	ck_assert_uint_eq(world_count(&high, AUDIT_STATE, "complete"), 1);
	ck_assert_uint_eq(world_count(&high, AUDIT_STATE, "opened"), 1);
	ck_assert_uint_eq(world_count(&high, AUDIT_STATE, "reinspected"), 1);
	ck_assert_uint_eq(world_count(&high, AUDIT_STATE, "delivering"), 1);
	ck_assert_uint_eq(world_count(&high, AUDIT_STATE, "delivered"), 1);
}

START_TEST(test_whole_way_small)
{
	whole_way(BODY_ALIGN);
}
END_TEST

START_TEST(test_whole_way_large)
{
	whole_way((uint32_t)body_padded_len(BODY_CHUNK * 3));
}
END_TEST

/* Receipt numbers run, verify, and are kept at the receiver. */
START_TEST(test_numbers)
{
	struct spool_accepted a, b;
	struct spool_refused refused = {.reason = REASON_NOT_REGULAR};
	struct number na, nb, nc;
	struct ipc_msg msg;

	ck_assert_int_eq(world_accept(&low, world_slot_new(&low), &a), GW_OK);
	ck_assert_int_eq(world_accept(&low, world_slot_new(&low), &b), GW_OK);
	ck_assert_int_eq(number_parse(a.number, &na), GW_OK);
	ck_assert_int_eq(number_parse(b.number, &nb), GW_OK);
	ck_assert_int_eq(na.letter, 'I');
	ck_assert_uint_eq(na.count + 1, nb.count);
	ck_assert_int_eq(world_ask(&low, PROC_COURIER, SPOOL_REFUSED, &refused,
	    sizeof(refused), NULL, 0, 0, -1, &msg), GW_OK);
	memcpy(&a, msg.body, sizeof(a));
	ck_assert_int_eq(number_parse(a.number, &nc), GW_OK);
	ck_assert_uint_eq(nb.count + 1, nc.count);
	ck_assert_uint_eq(world_count(&low, AUDIT_REFUSED_INTAKE, ""), 1);
	/* Over a restart, too. */
	ck_assert(!world_stop(&low));
	world_start(&low, 0);
	ck_assert_int_eq(world_accept(&low, world_slot_new(&low), &b), GW_OK);
	ck_assert_int_eq(number_parse(b.number, &nb), GW_OK);
	ck_assert_uint_eq(nc.count + 1, nb.count);
}
END_TEST

/* What keys decides, and where that leads. */
START_TEST(test_decisions)
{
	static const struct {
		uint16_t decision, reason;
		uint32_t state;
		const char *word;
	} rows[] = {
		{DECIDE_HOLD, REASON_FORMULA_CELL, ST_HELD, "held"},
		{DECIDE_REJECT, REASON_TYPE_NOT_ACCEPTED, ST_REJECTED,
		    "rejected"},
		{DECIDE_QUARANTINE, REASON_VIRUS_FOUND, ST_QUARANTINED,
		    "quarantined"},
		{DECIDE_APPROVAL, REASON_NONE, ST_WAITING, "waiting"},
	};
	struct spool_work work;
	struct spool_row row;
	struct slot *s;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		low.decision = rows[i].decision;
		low.reason = rows[i].reason;
		s = send_one(rows[i].state);
		ck_assert_int_eq(world_row(&low, s->ref.id, &row), GW_OK);
		ck_assert_uint_eq(row.reason, rows[i].reason != REASON_NONE ?
		    rows[i].reason : REASON_NEEDS_APPROVAL);
		ck_assert_uint_eq(world_count(&low, AUDIT_STATE,
		    rows[i].word), 1);
		/* People are told the last word, once. */
		ck_assert_int_eq(world_notice(&low, &work), GW_OK);
		ck_assert_uint_eq(work.kind, WORK_NOTICE);
		ck_assert_mem_eq(work.transfer.id, s->ref.id, 16);
		ck_assert_uint_eq(work.state, rows[i].state);
	}
}
END_TEST

static struct keys_decided
decide(struct world *w, const struct slot *s, uint16_t act)
{
	struct keys_decide ask = {.transfer = s->ref, .act = act};
	struct keys_decided d;
	struct ipc_msg msg;

	mem_put_str(ask.account, sizeof(ask.account), "yamada");
	ck_assert_int_eq(world_ask(w, PROC_DESK, SPOOL_DECIDE, &ask,
	    sizeof(ask), NULL, 0, 0, -1, &msg), GW_OK);
	memcpy(&d, msg.body, sizeof(d));
	return d;
}

START_TEST(test_approval)
{
	struct spool_step steps[16];
	struct spool_bodies ask;
	struct ipc_msg msg;
	struct slot *s;

	low.decision = DECIDE_APPROVAL;
	s = send_one(ST_WAITING);
	/* The first of two: it waits on. */
	ck_assert_int_eq(decide(&low, s, ACT_APPROVE).err, GW_OK);
	ck_assert_int_eq(world_wait_state(&low, s->ref.id, ST_WAITING),
	    GW_OK);
	s->decision = DECIDE_GO;
	ck_assert_int_eq(decide(&low, s, ACT_APPROVE).err, GW_OK);
	ck_assert_int_eq(world_wait_state(&low, s->ref.id, ST_SEALED), GW_OK);
	ask.transfer = s->ref;
	ck_assert_int_eq(world_ask(&low, PROC_DESK, SPOOL_STEPS, &ask,
	    sizeof(ask), NULL, 0, 0, -1, &msg), GW_OK);
	ck_assert_uint_eq(msg.count, 4);
	memcpy(steps, msg.elems, msg.count * sizeof(steps[0]));
	ck_assert_uint_eq(steps[0].state, ST_ACCEPTED);
	ck_assert_str_eq(steps[0].actor, "sato");
	ck_assert_uint_eq(steps[1].state, ST_WAITING);
	ck_assert_uint_eq(steps[2].state, ST_APPROVED);
	ck_assert_str_eq(steps[2].actor, "yamada");
	ck_assert_uint_eq(steps[3].state, ST_SEALED);
	ck_assert_uint_eq(steps[3].attempt, 4);
}
END_TEST

/* Workers that die make it poison; a person can have it tried again. */
START_TEST(test_poison)
{
	struct spool_accepted accepted;
	struct spool_inspect job;
	struct slot *s;

	low.decision = DECIDE_INSPECT;
	s = world_slot_new(&low);
	ck_assert_int_eq(world_accept(&low, s, &accepted), GW_OK);
	ck_assert_int_eq(world_inspect(&low, &job), GW_OK);
	ck_assert_uint_eq(job.missing, 0);
	ck_assert_int_eq(world_inspected(&low, &job.transfer, 0), GW_OK);
	ck_assert_int_eq(world_inspect(&low, &job), GW_OK);
	ck_assert_uint_eq(job.missing, STAGE_BIT(STAGE_CLAM));
	ck_assert_int_eq(world_inspected(&low, &job.transfer, 1), GW_OK);
	ck_assert_int_eq(world_wait_state(&low, s->ref.id, ST_POISON), GW_OK);
	ck_assert_int_eq(decide(&low, s, ACT_RELEASE).err, GW_OK);
	ck_assert_int_eq(world_inspect(&low, &job), GW_OK);
	s->decision = DECIDE_GO;
	ck_assert_int_eq(world_inspected(&low, &job.transfer, 0), GW_OK);
	ck_assert_int_eq(world_wait_state(&low, s->ref.id, ST_SEALED), GW_OK);
}
END_TEST

static void
poke(struct world *w)
{
	struct ipc_msg msg;

	ck_assert_int_eq(world_ask(w, PROC_DESK, SPOOL_POKE, NULL, 0, NULL, 0,
	    0, -1, &msg), GW_OK);
}

/* Held for what changes by itself: judged again when it has changed. */
START_TEST(test_poke)
{
	struct spool_inspect job;
	struct slot *s, *t;

	low.decision = DECIDE_HOLD;
	low.reason = REASON_SIGNATURES_OLD;
	s = send_one(ST_HELD);
	low.decision = DECIDE_GO;
	low.seal_reason = REASON_NO_CHANNEL;
	t = send_one(ST_HELD);
	s->decision = DECIDE_GO;
	low.seal_reason = REASON_NONE;
	poke(&low);
	ck_assert_int_eq(world_wait_state(&low, t->ref.id, ST_SEALED), GW_OK);
	/* Old verdicts are forgotten, so it is inspected anew. */
	ck_assert_int_eq(world_inspect(&low, &job), GW_OK);
	ck_assert_mem_eq(job.transfer.id, s->ref.id, 16);
	ck_assert_uint_eq(s->rejudged, 1);
	ck_assert_int_eq(world_inspected(&low, &job.transfer, 0), GW_OK);
	ck_assert_int_eq(world_wait_state(&low, s->ref.id, ST_SEALED), GW_OK);
}
END_TEST

/* Revoked before and after the seal; a sealed header always crosses. */
START_TEST(test_revoke)
{
	struct spool_row row;
	struct slot *s, *t;

	low.decision = DECIDE_APPROVAL;
	s = send_one(ST_WAITING);
	s->decision = DECIDE_REJECT;
	s->reason = REASON_REVOKED;
	decide(&low, s, ACT_REVOKE);
	ck_assert_int_eq(world_wait_state(&low, s->ref.id, ST_REVOKED),
	    GW_OK);
	low.decision = DECIDE_GO;
	t = send_one(ST_SEALED);
	t->decision = DECIDE_REJECT;
	t->reason = REASON_REVOKED;
	decide(&low, t, ACT_REVOKE);
	ck_assert_int_eq(world_wait_state(&low, t->ref.id, ST_REVOKED),
	    GW_OK);
	carrier_wait_seq(&low, 2);
	carrier_all(&low, &high);
	row = high_row(1);
	ck_assert_uint_eq(row.state, ST_WITHDRAWN);
	ck_assert_uint_eq(row.reason, REASON_REVOKED);
	carrier_ack(&low, &high);
	ck_assert_int_eq(world_row(&low, t->ref.id, &row), GW_OK);
	ck_assert_uint_eq(row.state, ST_REVOKED);
}
END_TEST

/* The receiver does not know the flow: held, opened after a change. */
START_TEST(test_flow_unknown_here)
{
	(void)send_one(ST_SEALED);
	high.open_reason = REASON_FLOW_UNKNOWN_HERE;
	carrier_all(&low, &high);
	wait_high(1, ST_HELD);
	ck_assert_uint_eq(high_row(1).reason, REASON_FLOW_UNKNOWN_HERE);
	high.open_reason = REASON_NONE;
	poke(&high);
	wait_high(1, ST_OPENED);
}
END_TEST

START_TEST(test_bad_seal)
{
	(void)send_one(ST_SEALED);
	(void)send_one(ST_SEALED);
	high.open_reason = REASON_BAD_SEAL;
	carrier_all(&low, &high);
	wait_high(1, ST_DAMAGED);
	wait_high(2, ST_DAMAGED);
}
END_TEST

/* Below, at and beyond the cursor. */
START_TEST(test_sequence)
{
	struct slot *a = send_one(ST_SEALED), *b = send_one(ST_SEALED);
	struct spool_rx rx;
	uint8_t other[HEADER_MAX];
	struct parcel_header h;
	struct buf buf;

	(void)a;
	/* The second first: a gap, nothing is kept. */
	rx = carrier_begin(&high, b->object, b->object_len);
	ck_assert_uint_eq(rx.state, RX_GAP);
	ck_assert_uint_eq(world_count(&high, AUDIT_PARCEL_BAD, ""), 1);
	carrier_all(&low, &high);
	wait_high(2, ST_OPENED);
	/* The same again: complete, and nothing new. */
	rx = carrier_begin(&high, a->object, a->object_len);
	ck_assert_uint_eq(rx.state, RX_COMPLETE);
	/* Another under the same number: the channel is frozen. */
	ck_assert_int_eq(header_decode(a->object, header_peek_len(a->object,
	    a->object_len), &h), GW_OK);
	h.created_ms++;
	buf_init(&buf, HEADER_MAX);
	header_encode(&h, &buf);
	memcpy(other, buf.data, buf.len);
	rx = carrier_begin(&high, other, (uint32_t)buf.len);
	buf_clear(&buf);
	ck_assert_uint_eq(rx.state, RX_REFUSED);
	ck_assert_uint_eq(rx.reason, REASON_EQUIVOCATION);
	wait_freeze();
	rx = carrier_begin(&high, a->object, a->object_len);
	ck_assert_uint_eq(rx.reason, REASON_CHANNEL_FROZEN);
}
END_TEST

START_TEST(test_chain)
{
	struct spool_rx rx;
	struct slot *s;

	low.last_hash[0] ^= 1;
	s = send_one(ST_SEALED);
	rx = carrier_begin(&high, s->object, s->object_len);
	ck_assert_uint_eq(rx.state, RX_REFUSED);
	ck_assert_int_eq(rx.err, GW_ECHAIN);
	rx = carrier_begin(&high, s->object, s->object_len);
	ck_assert_int_eq(rx.err, GW_ECHAIN);
	ck_assert_uint_eq(world_count(&high, AUDIT_PARCEL_BAD, ""), 1);
}
END_TEST

START_TEST(test_expired)
{
	struct slot *s;

	low.not_after_ms = 2;
	s = send_one(ST_SEALED);
	low.not_after_ms = UINT64_MAX;
	(void)send_one(ST_SEALED);
	carrier_all(&low, &high);
	wait_high(1, ST_EXPIRED);
	wait_high(2, ST_OPENED);
	carrier_ack(&low, &high);
	ck_assert_int_eq(world_wait_state(&low, s->ref.id, ST_CONFIRMED),
	    GW_OK);
}
END_TEST

/* Restored from a backup: the peer answers ACKs nobody here gave. */
START_TEST(test_restored)
{
	struct spool_rx rx;
	struct slot *s;

	low.ack_counter = 1u << 30;
	s = send_one(ST_SEALED);
	rx = carrier_begin(&high, s->object, s->object_len);
	ck_assert_uint_eq(rx.state, RX_REFUSED);
	wait_freeze();
}
END_TEST

/* After a restart the transfer goes on where it was durable. */
START_TEST(test_resume)
{
	struct slot *s;
	struct spool_rx rx;

	s = send_one(ST_SEALED);
	rx = carrier_begin(&high, s->object, s->object_len);
	ck_assert_uint_eq(rx.state, RX_NEW);
	ck_assert_uint_eq(rx.wants_tables, 1);
	carrier_tables(&high, &rx, s->object, s->object_len);
	carrier_put(&low, &high, &rx, s, 0, 1);
	world_stop(&high);
	world_start(&high, 0);
	rx = carrier_begin(&high, s->object, s->object_len);
	ck_assert_uint_eq(rx.state, RX_RESUME);
	ck_assert_uint_eq(rx.wants_tables, 0);
	ck_assert_uint_eq(rx.bodies, 1);
	carrier_put(&low, &high, &rx, s, 1, s->body_count);
	wait_high(1, ST_OPENED);
}
END_TEST

/* Interrupted between DELIVERING and DELIVERED: offered as a retry. */
START_TEST(test_retry_delivery)
{
	struct spool_work work;

	(void)send_one(ST_SEALED);
	carrier_all(&low, &high);
	wait_high(1, ST_OPENED);
	high_inspect(1, ST_REINSPECTED);
	work = next_work(&high, WORK_DELIVER);
	ck_assert_int_eq(outcome(SPOOL_STAGED, &work, GW_OK, 0).err, GW_OK);
	world_stop(&high);
	world_start(&high, 0);
	work = next_work(&high, WORK_DELIVER);
	ck_assert_uint_eq(work.is_retry, 1);
	ck_assert_uint_eq(work.state, ST_DELIVERING);
	ck_assert_int_eq(outcome(SPOOL_STAGED, &work, GW_OK, 0).err, GW_OK);
	ck_assert_int_eq(outcome(SPOOL_PUBLISHED, &work, GW_OK, 0).err,
	    GW_OK);
	wait_high(1, ST_DELIVERED);
}
END_TEST

/* A name in the way holds it; a damaged body ends it. */
START_TEST(test_not_delivered)
{
	struct spool_work work;

	(void)send_one(ST_SEALED);
	(void)send_one(ST_SEALED);
	carrier_all(&low, &high);
	wait_high(2, ST_OPENED);
	high_inspect(1, ST_REINSPECTED);
	high_inspect(2, ST_REINSPECTED);
	work = next_work(&high, WORK_DELIVER);
	ck_assert_int_eq(outcome(SPOOL_STAGED, &work, GW_EEXIST,
	    REASON_NAME_TAKEN).err, GW_OK);
	wait_high(1, ST_HELD);
	work = next_work(&high, WORK_DELIVER);
	ck_assert_int_eq(outcome(SPOOL_STAGED, &work, GW_EHASH, 0).err,
	    GW_OK);
	wait_high(2, ST_DAMAGED);
	poke(&high);
	wait_high(1, ST_REINSPECTED);
}
END_TEST

/* What was not opened, or is dropped, leaves nothing behind. */
START_TEST(test_drop)
{
	struct spool_bodies ref;
	struct ipc_status status;
	struct spool_status st;
	struct ipc_msg msg;
	struct slot *s = world_slot_new(&low);

	low.padded_len = (uint32_t)body_padded_len(BODY_CHUNK * 2);
	ck_assert_int_eq(world_open(&low, s, &status), GW_OK);
	ck_assert_int_eq(world_put(&low, s, &status), GW_OK);
	ref.transfer = s->ref;
	ck_assert_int_eq(world_ask(&low, PROC_COURIER, SPOOL_TRANSFER_DROP,
	    &ref, sizeof(ref), NULL, 0, 0, -1, &msg), GW_OK);
	ck_assert_int_eq(world_ask(&low, PROC_DESK, SPOOL_STATUS, NULL, 0,
	    NULL, 0, 0, -1, &msg), GW_OK);
	memcpy(&st, msg.body, sizeof(st));
	ck_assert_uint_eq(st.stored_bytes, 0);
	ck_assert_uint_eq(st.transfers, 0);
	ck_assert_uint_eq(world_count(&low, AUDIT_STATE, ""), 0);
}
END_TEST

START_TEST(test_quota)
{
	struct ipc_status status;
	struct slot *s = world_slot_new(&low);

	world_stop(&low);
	low.policy->zone.quota_bytes = 3 * body_stored_len(BODY_ALIGN) - 1;
	world_start(&low, 0);
	ck_assert_int_eq(world_open(&low, s, &status), GW_OK);
	ck_assert_int_eq(status.err, GW_ESPACE);
	ck_assert_uint_eq(status.reason, REASON_NO_SPACE);
}
END_TEST

/* After a crash courier asks which of its claims were accepted. */
START_TEST(test_claims)
{
	struct spool_accepted accepted;
	struct spool_claim claims[2];
	uint8_t ids[2][16];
	struct ipc_msg msg;
	struct slot *s = world_slot_new(&low);

	ck_assert_int_eq(world_accept(&low, s, &accepted), GW_OK);
	memset(ids[0], 0xaa, 16);
	memcpy(ids[1], s->ref.id, 16);
	ck_assert_int_eq(world_ask(&low, PROC_COURIER, SPOOL_CLAIM, NULL, 0,
	    ids, 16, 2, -1, &msg), GW_OK);
	ck_assert_uint_eq(msg.count, 2);
	memcpy(claims, msg.elems, sizeof(claims));
	ck_assert_uint_eq(claims[0].is_accepted, 0);
	ck_assert_uint_eq(claims[1].is_accepted, 1);
	ck_assert_str_eq(claims[1].number, accepted.number);
}
END_TEST

/* Stored bytes come back as they were put. */
START_TEST(test_bodies)
{
	struct spool_body_get ask = {.max_count = 64, .max_bytes = 1u << 20};
	struct spool_accepted accepted;
	struct ipc_body body;
	struct ipc_msg msg;
	uint8_t byte;
	uint32_t i;
	struct slot *s = world_slot_new(&low);

	ck_assert_int_eq(world_accept(&low, s, &accepted), GW_OK);
	ask.transfer = s->ref;
	ask.first = 1;
	ck_assert_int_eq(world_ask(&low, PROC_LINK, SPOOL_BODY_GET, &ask,
	    sizeof(ask), NULL, 0, 0, -1, &msg), GW_OK);
	ck_assert_uint_eq(msg.count, 2);
	ck_assert_int_eq(msg.fd_count, 1);
	for (i = 0; i < 2; i++) {
		memcpy(&body, (const struct ipc_body *)msg.elems + i,
		    sizeof(body));
		ck_assert_uint_eq(body.index, i + 1);
		ck_assert_int_eq(io_pread_full(msg.fds[0], &byte, 1,
		    body.offset), GW_OK);
		ck_assert_uint_eq(byte, s->ref.id[2] + i + 1);
	}
	ipc_msg_clear(&msg);
}
END_TEST

/* Ordered: what is behind a held one waits, and goes when that goes. */
START_TEST(test_ordered)
{
	struct spool_work work;
	struct keys_decide ask = {.act = ACT_RELEASE};
	struct ipc_msg msg;
	struct slot *first;
	uint64_t k;

	mem_put_str(high.flow, sizeof(high.flow), "text-ordered");
	for (k = 1; k <= 3; k++)
		(void)send_one(ST_SEALED);
	high.decision = DECIDE_HOLD;
	high.reason = REASON_UNCONFIRMED;
	carrier_all(&low, &high);
	for (k = 1; k <= 3; k++)
		wait_high(k, ST_OPENED);
	first = &high.slots[0];
	for (k = 0; k < 3; k++) {
		if (high.slots[k].seq == 1)
			first = &high.slots[k];
		else
			high.slots[k].decision = DECIDE_GO;
	}
	high_inspect(1, ST_HELD);
	high_inspect(2, ST_REINSPECTED);
	high_inspect(3, ST_REINSPECTED);
	ck_assert_int_eq(world_notice(&high, &work), GW_OK);
	ck_assert_uint_eq(work.kind, WORK_NOTICE);
	ck_assert_uint_eq(work.state, ST_HELD);
	/* No work: a second question on the way proves that it was looked. */
	ck_assert_int_eq(world_send(&high, PROC_COURIER, SPOOL_WORK, 9, NULL,
	    0, NULL, 0, 0, -1), GW_OK);
	(void)high_row(1);
	(void)high_row(1);
	ck_assert(!world_has_answer(&high, PROC_COURIER));
	first->decision = DECIDE_GO;
	ask.transfer = first->ref;
	ck_assert_int_eq(world_ask(&high, PROC_DESK, SPOOL_DECIDE, &ask,
	    sizeof(ask), NULL, 0, 0, -1, &msg), GW_OK);
	ck_assert_int_eq(world_recv(&high, PROC_COURIER, &msg), GW_OK);
	memcpy(&work, msg.body, sizeof(work));
	for (k = 1; k <= 3; k++) {
		while (work.kind != WORK_DELIVER)
			work = next_work(&high, WORK_DELIVER);
		ck_assert_mem_eq(work.transfer.id, high_row(k).transfer.id,
		    16);
		ck_assert_int_eq(outcome(SPOOL_STAGED, &work, GW_OK, 0).err,
		    GW_OK);
		ck_assert_int_eq(outcome(SPOOL_PUBLISHED, &work, GW_OK,
		    0).err, GW_OK);
		ck_assert_uint_eq(high_row(k).state, ST_DELIVERED);
		work.kind = WORK_NOTICE;
	}
}
END_TEST

static void
restart(struct world *w, uint32_t tick_ms)
{
	world_stop(w);
	w->tick_ms = tick_ms;
	world_start(w, 0);
}

/* Take a notice if there is one; one question is always open. */
static void
drain_notice(bool *is_open)
{
	struct spool_outcome done = {.err = GW_OK};
	struct spool_work work;
	struct ipc_msg msg;

	if (!*is_open)
		ck_assert_int_eq(world_send(&high, PROC_COURIER, SPOOL_WORK,
		    9, NULL, 0, NULL, 0, 0, -1), GW_OK);
	*is_open = true;
	if (!world_has_answer(&high, PROC_COURIER))
		return;
	ck_assert_int_eq(world_recv(&high, PROC_COURIER, &msg), GW_OK);
	*is_open = false;
	memcpy(&work, msg.body, sizeof(work));
	ck_assert_uint_eq(work.kind, WORK_NOTICE);
	done.transfer = work.transfer;
	ck_assert_int_eq(world_ask(&high, PROC_COURIER, SPOOL_NOTICED, &done,
	    sizeof(done), NULL, 0, 0, -1, &msg), GW_OK);
}

/* Delivered: the encrypted copy goes, keys first; the row stays. */
START_TEST(test_erased)
{
	struct spool_status st;
	struct spool_work work;
	struct ipc_msg msg;
	bool is_open = false;

	restart(&high, 1);
	(void)send_one(ST_SEALED);
	carrier_all(&low, &high);
	wait_high(1, ST_OPENED);
	high_inspect(1, ST_REINSPECTED);
	work = next_work(&high, WORK_DELIVER);
	(void)outcome(SPOOL_STAGED, &work, GW_OK, 0);
	(void)outcome(SPOOL_PUBLISHED, &work, GW_OK, 0);
	/* Not before people were told: that needs the names. */
	while (high_row(1).state == ST_DELIVERED)
		drain_notice(&is_open);
	wait_high(1, ST_ERASED);
	ck_assert(high.slots[0].is_erased);
	ck_assert_int_eq(world_ask(&high, PROC_DESK, SPOOL_STATUS, NULL, 0,
	    NULL, 0, 0, -1, &msg), GW_OK);
	memcpy(&st, msg.body, sizeof(st));
	ck_assert_uint_eq(st.stored_bytes, 0);
	ck_assert_uint_eq(st.counts[ST_ERASED], 1);
	ck_assert_uint_eq(world_count(&high, AUDIT_STATE, "erased"), 1);
}
END_TEST

/* Of those held for signatures one is tried; the others follow it. */
START_TEST(test_canary)
{
	struct spool_inspect job;
	struct slot *s[3];
	int i;

	restart(&low, 1);
	low.decision = DECIDE_HOLD;
	low.reason = REASON_SIGNATURES_MISSING;
	for (i = 0; i < 3; i++)
		s[i] = send_one(ST_HELD);
	for (i = 0; i < 3; i++)
		s[i]->decision = DECIDE_GO;
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(world_inspect(&low, &job), GW_OK);
		if (i == 0)
			ck_assert_uint_eq(s[1]->rejudged, 0);
		ck_assert_int_eq(world_inspected(&low, &job.transfer, 0),
		    GW_OK);
	}
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(world_wait_state(&low, s[i]->ref.id,
		    ST_SEALED), GW_OK);
}
END_TEST

/* What was given out before a restart is given out again. */
START_TEST(test_restart)
{
	struct spool_inspect job;
	struct spool_accepted accepted;
	struct slot *s = world_slot_new(&low);

	ck_assert_int_eq(world_accept(&low, s, &accepted), GW_OK);
	ck_assert_int_eq(world_inspect(&low, &job), GW_OK);
	restart(&low, 0);
	ck_assert_int_eq(world_inspect(&low, &job), GW_OK);
	ck_assert_mem_eq(job.transfer.id, s->ref.id, 16);
}
END_TEST

/* A transfer that inspect dies of is given out a few times only. */
START_TEST(test_inspect_dies)
{
	struct spool_inspect job;
	struct spool_accepted accepted;
	struct slot *s = world_slot_new(&low);
	int i;

	ck_assert_int_eq(world_accept(&low, s, &accepted), GW_OK);
	for (i = 0; i < 5; i++) {
		ck_assert_int_eq(world_inspect(&low, &job), GW_OK);
		world_next_inspect(&low);
	}
	ck_assert_int_eq(world_send(&low, PROC_INSPECT, SPOOL_INSPECT, 1, NULL,
	    0, NULL, 0, 0, -1), GW_OK);
	ck_assert_int_eq(world_wait_state(&low, s->ref.id, ST_POISON), GW_OK);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("life");
	TCase *tc = tcase_create("life");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_order);
	tcase_add_test(tc, test_back_pressure);
	tcase_add_test(tc, test_whole_way_small);
	tcase_add_test(tc, test_whole_way_large);
	tcase_add_test(tc, test_numbers);
	tcase_add_test(tc, test_decisions);
	tcase_add_test(tc, test_approval);
	tcase_add_test(tc, test_poison);
	tcase_add_test(tc, test_poke);
	tcase_add_test(tc, test_revoke);
	tcase_add_test(tc, test_flow_unknown_here);
	tcase_add_test(tc, test_bad_seal);
	tcase_add_test(tc, test_sequence);
	tcase_add_test(tc, test_chain);
	tcase_add_test(tc, test_expired);
	tcase_add_test(tc, test_restored);
	tcase_add_test(tc, test_resume);
	tcase_add_test(tc, test_retry_delivery);
	tcase_add_test(tc, test_not_delivered);
	tcase_add_test(tc, test_drop);
	tcase_add_test(tc, test_quota);
	tcase_add_test(tc, test_claims);
	tcase_add_test(tc, test_bodies);
	tcase_add_test(tc, test_ordered);
	tcase_add_test(tc, test_erased);
	tcase_add_test(tc, test_canary);
	tcase_add_test(tc, test_restart);
	tcase_add_test(tc, test_inspect_dies);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
