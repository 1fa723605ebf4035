/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/body.h"
#include "proto/record/number.h"

#include "tests/unit/spool/carrier.h"
#include "tests/unit/spool/world.h"

/*
 * A scenario runs again and again; in run n the spool of one side dies (or
 * an error is injected) in its n-th mutating call, SQLite's included.  It is
 * started again without a fault, everybody goes on as after a crash, and
 * the end must be the same as without one.  Ends at the first n that is
 * never reached.
 */
#define TRANSFERS 3

/* Every step-th call from the first-th on; --step 1: all of them. */
static long step = 24, first = 1;

static struct world low, high;
static bool has_inspect[2];	/* an INSPECT is open at low, high */
static bool has_work;		/* a WORK is open at high */
static struct spool_accepted accepted[TRANSFERS];
static struct slot *slots[TRANSFERS];
static uint32_t published[WORLD_SLOTS];
static uint64_t told_header_seq;

static enum gw_err
inspect_some(struct world *w)
{
	int i = w == &high;
	struct spool_inspect job;
	struct ipc_msg msg;
	enum gw_err err;

	if (!has_inspect[i]) {
		err = world_send(w, PROC_INSPECT, SPOOL_INSPECT, 1, NULL, 0,
		    NULL, 0, 0, -1);
		if (err != GW_OK)
			return err;
		has_inspect[i] = true;
	}
	if (!world_has_answer(w, PROC_INSPECT))
		return GW_OK;
	err = world_recv(w, PROC_INSPECT, &msg);
	if (err != GW_OK)
		return err;
	has_inspect[i] = false;
	memcpy(&job, msg.body, sizeof(job));
	return world_inspected(w, &job.transfer, 0);
}

static enum gw_err
outcome(uint16_t type, const struct spool_work *work, struct ipc_status *out)
{
	struct spool_outcome done = {.transfer = work->transfer};
	struct ipc_msg msg;
	enum gw_err err;

	err = world_ask(&high, PROC_COURIER, type, &done, sizeof(done), NULL,
	    0, 0, -1, &msg);
	if (err == GW_OK)
		memcpy(out, msg.body, sizeof(*out));
	return err;
}

/* Courier of the high side: what it renamed, it never renames again. */
static enum gw_err
deliver(const struct spool_work *work)
{
	struct slot *s = world_slot(&high, work->transfer.id);
	struct ipc_status status = {0};
	enum gw_err err;

	ck_assert_ptr_nonnull(s);
	if (work->kind == WORK_NOTICE)
		return outcome(SPOOL_NOTICED, work, &status);
	if (published[s - high.slots] == 0) {
		err = outcome(SPOOL_STAGED, work, &status);
		if (err != GW_OK)
			return err;
		ck_assert_int_eq(status.err, GW_OK);
		published[s - high.slots]++;
	} else {
		ck_assert_uint_eq(work->is_retry, 1);
	}
	err = outcome(SPOOL_PUBLISHED, work, &status);
	if (err == GW_OK)
		ck_assert_int_eq(status.err, GW_OK);
	return err;
}

static enum gw_err
work_some(void)
{
	struct spool_work work;
	struct ipc_msg msg;
	enum gw_err err;

	if (!has_work) {
		err = world_send(&high, PROC_COURIER, SPOOL_WORK, 1, NULL, 0,
		    NULL, 0, 0, -1);
		if (err != GW_OK)
			return err;
		has_work = true;
	}
	if (!world_has_answer(&high, PROC_COURIER))
		return GW_OK;
	err = world_recv(&high, PROC_COURIER, &msg);
	if (err != GW_OK)
		return err;
	has_work = false;
	memcpy(&work, msg.body, sizeof(work));
	return deliver(&work);
}

static bool
all_in(struct world *w, uint32_t state)
{
	struct spool_row rows[64];
	uint32_t i, n = world_rows(w, rows, 64);

	for (i = 0; i < n; i++) {
		if (rows[i].state != state)
			return false;
	}
	return n == TRANSFERS;
}

/* Everything that is still to be accepted, as courier does it. */
static enum gw_err
accept_all(void)
{
	struct spool_claim claim;
	struct ipc_msg msg;
	enum gw_err err;
	int i;

	for (i = 0; i < TRANSFERS; i++) {
		if (accepted[i].number[0] != '\0')
			continue;
		if (slots[i] != NULL) {
			err = world_ask(&low, PROC_COURIER, SPOOL_CLAIM, NULL,
			    0, slots[i]->ref.id, 16, 1, -1, &msg);
			if (err != GW_OK)
				return err;
			memcpy(&claim, msg.elems, sizeof(claim));
			if (claim.is_accepted) {
				memcpy(accepted[i].number, claim.number,
				    sizeof(claim.number));
				continue;
			}
		}
		slots[i] = world_slot_new(&low);
		err = world_accept(&low, slots[i], &accepted[i]);
		if (err != GW_OK) {
			memset(&accepted[i], 0, sizeof(accepted[i]));
			return err;
		}
	}
	return GW_OK;
}

/* As far as it goes; every error is the fault that was injected. */
static enum gw_err
run(void)
{
	enum gw_err err;
	struct ack ack;

	err = accept_all();
	while (err == GW_OK) {
		if ((err = inspect_some(&low)) != GW_OK ||
		    (err = carrier_try(&low, &high)) != GW_OK ||
		    (err = carrier_try_ack(&low, &high, &ack)) != GW_OK)
			break;
		ck_assert_uint_ge(ack.header_seq, told_header_seq);
		told_header_seq = ack.header_seq;
		if ((err = inspect_some(&high)) != GW_OK ||
		    (err = work_some()) != GW_OK)
			break;
		if (all_in(&low, ST_CONFIRMED) && all_in(&high, ST_DELIVERED))
			return GW_OK;
	}
	return err;
}

/* Each entry stands once in the catalogue, or was voided. */
static void
check_log(struct world *w)
{
	struct spool_step steps[64];
	struct spool_bodies ask = {0};
	const struct audit_record *a, *b;
	uint32_t i, k, n;
	struct ipc_msg msg;
	bool is_shown;
	int balance;

	pthread_mutex_lock(&w->lock);
	n = w->log_len;
	pthread_mutex_unlock(&w->lock);
	for (i = 0; i < n; i++) {
		a = &w->log[i];
		if (a->event != AUDIT_STATE)
			continue;
		balance = 0;
		for (k = 0; k < n; k++) {
			b = &w->log[k];
			if (b->attempt != a->attempt ||
			    memcmp(b->transfer_id, a->transfer_id, 16) != 0)
				continue;
			balance += b->event == AUDIT_STATE;
			balance -= b->event == AUDIT_VOID;
		}
		memcpy(ask.transfer.id, a->transfer_id, 16);
		ck_assert_int_eq(world_ask(w, PROC_DESK, SPOOL_STEPS, &ask,
		    sizeof(ask), NULL, 0, 0, -1, &msg), GW_OK);
		if (msg.count > 0)
			memcpy(steps, msg.elems,
			    msg.count * sizeof(steps[0]));
		is_shown = false;
		for (k = 0; k < msg.count; k++)
			is_shown |= steps[k].attempt == a->attempt;
		/* The receiver's id changes when the parcel is opened. */
		if (msg.count == 0 && w == &high)
			is_shown = balance == 1;
		ck_assert_int_eq(balance, is_shown);
	}
}

static void
check_end(void)
{
	struct spool_status st;
	struct ipc_msg msg;
	int i, k;
	uint32_t n, once = 0;

	for (i = 0; i < TRANSFERS; i++) {
		for (k = 0; k < i; k++)
			ck_assert_str_ne(accepted[i].number,
			    accepted[k].number);
	}
	for (n = 0; n < high.slot_count; n++) {
		ck_assert_uint_le(published[n], 1);
		once += published[n];
	}
	ck_assert_uint_eq(once, TRANSFERS);
	ck_assert_int_eq(world_ask(&low, PROC_DESK, SPOOL_STATUS, NULL, 0,
	    NULL, 0, 0, -1, &msg), GW_OK);
	memcpy(&st, msg.body, sizeof(st));
	ck_assert_uint_eq(st.transfers, TRANSFERS);
	ck_assert_uint_eq(st.counts[ST_CONFIRMED], TRANSFERS);
	check_log(&low);
	check_log(&high);
}

static void
poke(struct world *w)
{
	struct ipc_msg msg;

	ck_assert_int_eq(world_ask(w, PROC_DESK, SPOOL_POKE, NULL, 0, NULL, 0,
	    0, -1, &msg), GW_OK);
}

/* Was the fault reached?  Leaves both worlds clear. */
static bool
once(struct world *victim, enum world_fault fault, long n, uint32_t padded)
{
	enum gw_err err;
	bool was_hit;

	world_init(&low, SIDE_LOW);
	world_init(&high, SIDE_HIGH);
	low.padded_len = high.padded_len = padded;
	low.is_quiet = high.is_quiet = getenv("GW_KILL_LOUD") == NULL;
	victim->fault = (int)fault;
	memset(accepted, 0, sizeof(accepted));
	memset(slots, 0, sizeof(slots));
	memset(published, 0, sizeof(published));
	memset(has_inspect, 0, sizeof(has_inspect));
	has_work = false;
	told_header_seq = 0;
	world_start(&low, victim == &low ? n : 0);
	world_start(&high, victim == &high ? n : 0);
	err = world_hello(victim);
	if (err == GW_OK)
		err = run();
	was_hit = err != GW_OK;
	if (was_hit) {
		world_stop(victim);
		has_inspect[victim == &high] = false;
		if (victim == &high)
			has_work = false;
		world_start(victim, 0);
		poke(victim);
		ck_assert_int_eq(run(), GW_OK);
	}
	check_end();
	world_clear(&low);
	world_clear(&high);
	return was_hit;
}

/* Errors that are only noted, such as those of a rename, hit nobody. */
#define MISSES_MAX 40

static void
every(bool is_high, enum world_fault fault, uint32_t padded)
{
	struct world *victim = is_high ? &high : &low;
	long n = first, hits = 0, misses = 0;

	for (; misses * step < MISSES_MAX; n += step) {
		if (once(victim, fault, n, padded)) {
			hits++;
			misses = 0;
		} else if (fault == FAULT_KILL) {
			break;
		} else {
			misses++;
		}
	}
	printf("%s, fault %d, %u bytes: every %ldth of %ld calls from %ld, "
	    "%ld faults\n", is_high ? "high" : "low", (int)fault, padded,
	    step, n, first, hits);
	ck_assert_int_gt(hits * step, 100);
}

START_TEST(test_kill_low)
{
	every(false, FAULT_KILL, BODY_ALIGN);
}
END_TEST

START_TEST(test_kill_high)
{
	every(true, FAULT_KILL, BODY_ALIGN);
}
END_TEST

START_TEST(test_kill_low_large)
{
	every(false, FAULT_KILL, (uint32_t)body_padded_len(BODY_CHUNK * 2));
}
END_TEST

START_TEST(test_kill_high_large)
{
	every(true, FAULT_KILL, (uint32_t)body_padded_len(BODY_CHUNK * 2));
}
END_TEST

START_TEST(test_error_low)
{
	every(false, FAULT_EIO, BODY_ALIGN);
	every(false, FAULT_ENOSPC, BODY_ALIGN);
	every(false, FAULT_TORN, BODY_ALIGN);
}
END_TEST

START_TEST(test_error_high)
{
	every(true, FAULT_EIO, BODY_ALIGN);
	every(true, FAULT_ENOSPC, BODY_ALIGN);
	every(true, FAULT_TORN, BODY_ALIGN);
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *s = suite_create("kill");
	TCase *tc = tcase_create("kill");
	SRunner *sr;
	int failed;

	if (argc > 2 && strcmp(argv[1], "--step") == 0)
		step = strtol(argv[2], NULL, 10);
	if (step < 1)
		return 2;
	first = argc > 3 ? strtol(argv[3], NULL, 10) :
	    1 + (long)(clock_wall_ms() % (uint64_t)step);

	tcase_set_timeout(tc, 600);
	tcase_add_test(tc, test_kill_low);
	tcase_add_test(tc, test_kill_high);
	tcase_add_test(tc, test_kill_low_large);
	tcase_add_test(tc, test_kill_high_large);
	tcase_add_test(tc, test_error_low);
	tcase_add_test(tc, test_error_high);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
