/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/ipc/chan.h"
#include "proto/ipc/spool.h"
#include "proto/ipc/zygote.h"
#include "proto/parcel/body.h"

#include "gatewayd/inspect/inspect.h"

/* The test is spool and all zygotes; inspect runs on a loop beside it. */

#define TRANSFERS_MAX 16
#define JOBS_MAX 65536
#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

struct job_seen {
	enum policy_stage stage;
	uint8_t transfer;	/* first byte of the id */
	uint32_t body;		/* index of the first body */
	uint32_t count;
	uint32_t timeout_ms, flags;
};

struct held_job {
	struct ipc_chan *chan;
	uint64_t id;
	uint32_t count;
	bool is_held;
};

struct fake_transfer {
	uint32_t body_count;
	uint64_t padded_len;
	uint32_t missing;
	char flow[IPC_ID_LEN];
	bool is_given, is_done, is_broken;
	uint32_t failed;
};

static struct {
	struct ev_loop *loop;
	struct inspect *inspect;
	struct policy_table *policy;
	struct ipc_chan *spool;
	struct ipc_chan *zygotes[STAGE_COUNT];
	struct fake_transfer transfers[TRANSFERS_MAX];
	uint32_t transfer_count, given, done;
	uint64_t waiting[64];	/* ids of INSPECT without an answer */
	uint32_t waiting_count, asked;
	struct job_seen jobs[JOBS_MAX];
	uint32_t job_count, running, running_max;
	struct held_job held[64];
	uint32_t held_count;
	bool holds;		/* keep jobs without an answer */
	uint64_t holds_above;	/* bytes */
	/* outcome of a job, by the test; NULL: reported */
	enum zygote_outcome (*outcome)(const struct job_seen *, uint32_t try);
	uint32_t tries[256][64];
} fake;

/* --- spool ------------------------------------------------------------------------ */

static const struct ipc_rule spool_rules[] = {
	{.type = SPOOL_INSPECT},
	{.type = SPOOL_BODY_GET, .fixed = sizeof(struct spool_body_get)},
	{.type = SPOOL_INSPECTED, .fixed = sizeof(struct spool_inspected)},
};

static const struct ipc_rule zygote_rules[] = {
	{.type = ZYGOTE_JOB, .fixed = sizeof(struct zygote_job),
	    .elem = sizeof(struct zygote_item),
	    .max_count = ZYGOTE_BATCH_MAX, .min_fds = 1, .max_fds = 1},
};

static void
give_transfers(void)
{
	struct spool_inspect order;
	struct fake_transfer *t;

	while (fake.waiting_count > 0 && fake.given < fake.transfer_count) {
		t = &fake.transfers[fake.given];
		memset(&order, 0, sizeof(order));
		order.transfer.id[0] = (uint8_t)(fake.given + 1);
		order.transfer.bucket = 3;
		order.transfer.slot = 100 * fake.given;
		order.side = SIDE_LOW;
		order.body_count = t->body_count;
		order.missing = t->missing;
		memcpy(order.flow, t->flow, sizeof(order.flow));
		t->is_given = true;
		fake.given++;
		ipc_send(fake.spool, SPOOL_INSPECT | IPC_REPLY,
		    fake.waiting[--fake.waiting_count], &order,
		    sizeof(order), NULL, 0, 0, NULL, 0);
	}
}

static void
give_bodies(struct ipc_msg *msg)
{
	struct spool_body_get get;
	struct ipc_body bodies[IPC_BATCH_MAX];
	struct ipc_status status = {.err = GW_OK};
	struct fake_transfer *t;
	uint32_t i, count;
	int fd = -1;

	memcpy(&get, msg->body, sizeof(get));
	t = &fake.transfers[get.transfer.id[0] - 1];
	if (t->is_broken) {
		status.err = GW_EIO;
		ipc_send(fake.spool, SPOOL_BODY_GET | IPC_REPLY, msg->id,
		    &status, sizeof(status), NULL, 0, 0, NULL, 0);
		return;
	}
	ck_assert_uint_lt(get.first, t->body_count);
	count = t->padded_len > (UINT64_C(256) << 10) ? 1 : get.max_count;
	if (count > t->body_count - get.first)
		count = t->body_count - get.first;
	memset(bodies, 0, sizeof(bodies));
	for (i = 0; i < count; i++) {
		bodies[i].index = get.first + i;
		bodies[i].padded_len = bodies[i].index == 0 ? 4096 :
		    t->padded_len;
		bodies[i].offset = 4096 * i;
		bodies[i].id[0] = get.transfer.id[0];
		bodies[i].id[1] = (uint8_t)bodies[i].index;
		bodies[i].id[2] = (uint8_t)(bodies[i].index >> 8);
	}
	ck_assert_int_eq(io_memfd("bodies", &fd), GW_OK);
	ipc_send(fake.spool, SPOOL_BODY_GET | IPC_REPLY, msg->id, &status,
	    sizeof(status), bodies, sizeof(bodies[0]), count, &fd, 1);
}

static void
take_inspected(struct ipc_msg *msg)
{
	const struct ipc_status status = {.err = GW_OK};
	struct spool_inspected done;
	struct fake_transfer *t;

	memcpy(&done, msg->body, sizeof(done));
	t = &fake.transfers[done.transfer.id[0] - 1];
	ck_assert(t->is_given && !t->is_done);
	t->is_done = true;
	t->failed = done.failed;
	fake.done++;
	ipc_send(fake.spool, SPOOL_INSPECTED | IPC_REPLY, msg->id, &status,
	    sizeof(status), NULL, 0, 0, NULL, 0);
}

static void
on_spool(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	(void)arg;
	(void)chan;
	switch (msg->type) {
	case SPOOL_INSPECT:
		fake.asked++;
		ck_assert_uint_lt(fake.waiting_count, 64);
		fake.waiting[fake.waiting_count++] = msg->id;
		give_transfers();
		break;
	case SPOOL_BODY_GET:
		give_bodies(msg);
		break;
	default:
		take_inspected(msg);
		break;
	}
}

/* --- zygotes ------------------------------------------------------------------------- */

static void
answer_job(struct ipc_chan *chan, uint64_t id, uint32_t count,
    enum zygote_outcome outcome)
{
	const struct ipc_status status = {.err = GW_OK};
	struct zygote_result results[ZYGOTE_BATCH_MAX];
	uint32_t i;

	memset(results, 0, sizeof(results));
	for (i = 0; i < count; i++)
		results[i].outcome = outcome;
	fake.running--;
	ipc_send(chan, ZYGOTE_JOB | IPC_REPLY, id, &status, sizeof(status),
	    results, sizeof(results[0]), count, NULL, 0);
}

static void
on_zygote(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct job_seen *job = &fake.jobs[fake.job_count++];
	enum zygote_outcome outcome = ZYGOTE_REPORTED;
	const struct zygote_item *items = msg->elems;
	struct zygote_job fixed;
	uint64_t bytes = 0;
	uint32_t i;

	ck_assert_uint_lt(fake.job_count, JOBS_MAX);
	memcpy(&fixed, msg->body, sizeof(fixed));
	job->stage = (enum policy_stage)(uintptr_t)arg;
	job->transfer = items[0].body.id[0];
	job->body = items[0].body.id[1] | (uint32_t)items[0].body.id[2] << 8;
	job->count = msg->count;
	job->timeout_ms = fixed.timeout_ms;
	job->flags = fixed.flags;
	for (i = 0; i < msg->count; i++) {
		/* One transfer alone, and slots as keys counts them. */
		ck_assert_uint_eq(items[i].body.id[0], job->transfer);
		ck_assert_uint_eq(items[i].body.bucket, 3);
		ck_assert_uint_eq(items[i].body.slot,
		    100u * (job->transfer - 1u) + 1 + items[i].body.id[1] +
		    256u * items[i].body.id[2]);
		bytes += items[i].padded_len;
	}
	if (++fake.running > fake.running_max)
		fake.running_max = fake.running;
	if (fake.holds && bytes > fake.holds_above) {
		struct held_job *held = &fake.held[fake.held_count++];

		ck_assert_uint_le(fake.held_count, 64);
		held->chan = chan;
		held->id = msg->id;
		held->count = msg->count;
		held->is_held = true;
		return;
	}
	if (fake.outcome != NULL)
		outcome = fake.outcome(job,
		    fake.tries[job->body & 255][job->stage]++);
	answer_job(chan, msg->id, msg->count, outcome);
}

static void
on_closed(void *arg, struct ipc_chan *chan)
{
	(void)arg;
	(void)chan;
}

static void
add_zygote(enum policy_stage stage)
{
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    sv), 0);
	fake.zygotes[stage] = ipc_chan_new(fake.loop, sv[0], "inspect",
	    zygote_rules, COUNT(zygote_rules), on_zygote, on_closed,
	    (void *)(uintptr_t)stage);
	inspect_set_zygote(fake.inspect, stage, sv[1]);
}

/* --- rig ---------------------------------------------------------------------------------- */

static void
add_flow(const char *id, uint32_t stages, uint32_t batch)
{
	struct policy_flow *flow =
	    &fake.policy->flows[fake.policy->flow_count++];

	mem_put_str(flow->id, sizeof(flow->id), id);
	flow->stages = stages;
	flow->scan_batch = batch;
}

static void
setup(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.loop = ev_loop_new();
	fake.policy = mem_alloc(sizeof(*fake.policy));
	fake.policy->zone.workers = 2;
	/* In the order of ids, as the loader writes them. */
	add_flow("batch", STAGE_BIT(STAGE_MANIFEST) |
	    STAGE_BIT(STAGE_IDENTIFY) | STAGE_BIT(STAGE_CLAM) |
	    STAGE_BIT(STAGE_CONFIRM), 64);
	add_flow("clean", STAGE_BIT(STAGE_MANIFEST) |
	    STAGE_BIT(STAGE_IDENTIFY) | STAGE_BIT(STAGE_CLAM) |
	    STAGE_BIT(STAGE_SANITIZE), 1);
	add_flow("text", STAGE_BIT(STAGE_MANIFEST) |
	    STAGE_BIT(STAGE_IDENTIFY) | STAGE_BIT(STAGE_CLAM) |
	    STAGE_BIT(STAGE_CONFIRM), 1);
}

static void
start(bool is_bench)
{
	struct inspect_config config = {
		.policy = fake.policy, .is_bench = is_bench,
	};
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    sv), 0);
	fake.spool = ipc_chan_new(fake.loop, sv[0], "inspect", spool_rules,
	    COUNT(spool_rules), on_spool, on_closed, NULL);
	fake.inspect = inspect_new(fake.loop, &config, sv[1]);
	add_zygote(STAGE_MANIFEST);
	add_zygote(STAGE_IDENTIFY);
	add_zygote(STAGE_CLAM);
	add_zygote(STAGE_CONFIRM);
	add_zygote(STAGE_NULL);
}

static void
teardown(void)
{
	int i;

	inspect_free(fake.inspect);
	ipc_chan_free(fake.spool);
	for (i = 0; i < STAGE_COUNT; i++)
		ipc_chan_free(fake.zygotes[i]);
	ev_loop_free(fake.loop);
	mem_free(fake.policy);
}

static struct fake_transfer *
add_transfer(const char *flow, uint32_t files, uint64_t plain_len)
{
	struct fake_transfer *t = &fake.transfers[fake.transfer_count++];

	t->body_count = files + 1;
	t->padded_len = body_padded_len(plain_len);
	mem_put_str(t->flow, sizeof(t->flow), flow);
	return t;
}

static void
run_until_done(uint32_t done)
{
	give_transfers();
	while (fake.done < done)
		ev_loop_once(fake.loop);
}

static uint32_t
count_jobs(uint8_t transfer, enum policy_stage stage)
{
	uint32_t i, count = 0;

	for (i = 0; i < fake.job_count; i++) {
		if (fake.jobs[i].transfer == transfer &&
		    fake.jobs[i].stage == stage)
			count++;
	}
	return count;
}

/* --- tests ----------------------------------------------------------------------------------- */

START_TEST(test_stages_in_order)
{
	static const enum policy_stage want[] = {
		STAGE_MANIFEST, STAGE_IDENTIFY, STAGE_CLAM, STAGE_CONFIRM,
	};
	int i;

	start(false);
	add_transfer("text", 1, 100);
	run_until_done(1);
	ck_assert_uint_eq(fake.job_count, 4);
	for (i = 0; i < 4; i++) {
		ck_assert_int_eq(fake.jobs[i].stage, want[i]);
		ck_assert_uint_eq(fake.jobs[i].body, i == 0 ? 0 : 1);
		ck_assert_uint_eq(fake.jobs[i].timeout_ms, 30000);
		ck_assert_uint_eq(fake.jobs[i].flags, 0);
	}
	ck_assert_uint_eq(fake.transfers[0].failed, 0);
}
END_TEST

START_TEST(test_many_files)
{
	uint32_t i, seen = 0;

	start(false);
	add_transfer("text", 1000, 100);
	run_until_done(1);
	ck_assert_uint_eq(fake.job_count, 3001);
	ck_assert_uint_le(fake.running_max, 2);
	for (i = 0; i < fake.job_count; i++)
		seen += fake.jobs[i].body;
	ck_assert_uint_eq(seen, 3 * (1000 * 1001 / 2));
}
END_TEST

START_TEST(test_batches)
{
	start(false);
	add_transfer("batch", 640, 1000);
	add_transfer("batch", 10, 1u << 20);
	run_until_done(2);
	ck_assert_uint_eq(count_jobs(1, STAGE_IDENTIFY), 10);
	ck_assert_uint_eq(count_jobs(1, STAGE_CLAM), 10);
	/* Only identify and clam may serve several. */
	ck_assert_uint_eq(count_jobs(1, STAGE_CONFIRM), 640);
	/* And only small files. */
	ck_assert_uint_eq(count_jobs(2, STAGE_CLAM), 10);
}
END_TEST

/* Whatever of a batch fails is done again one by one. */
static enum zygote_outcome
repeat_batches(const struct job_seen *job, uint32_t attempt)
{
	(void)attempt;
	return job->count > 1 ? ZYGOTE_REPEAT : ZYGOTE_REPORTED;
}

START_TEST(test_repeat)
{
	start(false);
	fake.outcome = repeat_batches;
	add_transfer("batch", 64, 1000);
	run_until_done(1);
	ck_assert_uint_eq(count_jobs(1, STAGE_IDENTIFY), 65);
	/* From then on each is ready at another time. */
	ck_assert_uint_ge(count_jobs(1, STAGE_CLAM), 64);
	ck_assert_uint_eq(fake.transfers[0].failed, 0);
}
END_TEST

static enum zygote_outcome
crash_twice(const struct job_seen *job, uint32_t attempt)
{
	ck_assert_uint_eq(job->flags, attempt == 2 ? ZYGOTE_LAST_TRY : 0);
	return attempt < 2 ? ZYGOTE_CRASHED : ZYGOTE_REPORTED;
}

START_TEST(test_crash_twice)
{
	start(false);
	fake.outcome = crash_twice;
	add_transfer("text", 3, 1000);
	run_until_done(1);
	ck_assert_uint_eq(fake.job_count, 3 * (1 + 3 * 3));
	ck_assert_uint_eq(fake.transfers[0].failed, 0);
}
END_TEST

static enum zygote_outcome
body_two_fails(const struct job_seen *job, uint32_t attempt)
{
	static const enum zygote_outcome outcomes[] = {
		ZYGOTE_CRASHED, ZYGOTE_TIMED_OUT, ZYGOTE_GARBAGE,
	};

	return job->body == 2 && job->stage == STAGE_IDENTIFY ?
	    outcomes[attempt % 3] : ZYGOTE_REPORTED;
}

START_TEST(test_fails_for_good)
{
	start(false);
	fake.outcome = body_two_fails;
	add_transfer("text", 3, 1000);
	run_until_done(1);
	ck_assert_uint_eq(count_jobs(1, STAGE_IDENTIFY), 2 + 3);
	/* Its other stages are spared. */
	ck_assert_uint_eq(count_jobs(1, STAGE_CLAM), 2);
	ck_assert_uint_eq(fake.transfers[0].failed, 1);
}
END_TEST

static enum zygote_outcome
refuse_all(const struct job_seen *job, uint32_t attempt)
{
	(void)job;
	(void)attempt;
	return ZYGOTE_REFUSED;
}

START_TEST(test_refused)
{
	start(false);
	fake.outcome = refuse_all;
	add_transfer("text", 3, 1000);
	run_until_done(1);
	ck_assert_uint_eq(count_jobs(1, STAGE_MANIFEST), 1);
	ck_assert_uint_eq(count_jobs(1, STAGE_IDENTIFY), 3);
	ck_assert_uint_eq(count_jobs(1, STAGE_CLAM), 0);
}
END_TEST

START_TEST(test_missing)
{
	start(false);
	add_transfer("text", 2, 1000)->missing = STAGE_BIT(STAGE_CLAM);
	add_transfer("text", 2, 1000)->missing = STAGE_BIT(STAGE_MANIFEST);
	add_transfer("clean", 2, 1000)->missing = STAGE_BIT(STAGE_SANITIZE);
	run_until_done(3);
	ck_assert_uint_eq(count_jobs(1, STAGE_CLAM), 2);
	ck_assert_uint_eq(count_jobs(2, STAGE_MANIFEST), 1);
	/* Nobody sanitizes yet: keys holds it. */
	ck_assert_uint_eq(fake.job_count, 3);
}
END_TEST

START_TEST(test_unknown_flow)
{
	start(false);
	add_transfer("unheard-of", 2, 1000);
	run_until_done(1);
	ck_assert_uint_eq(fake.job_count, 0);
}
END_TEST

START_TEST(test_broken)
{
	start(false);
	add_transfer("text", 2, 1000)->is_broken = true;
	add_transfer("text", 2, 1000);
	run_until_done(2);
	ck_assert_uint_eq(fake.transfers[0].failed, 1);
	ck_assert_uint_eq(fake.transfers[1].failed, 0);
}
END_TEST

START_TEST(test_bench)
{
	start(true);
	add_transfer("text", 3, 1000);
	run_until_done(1);
	ck_assert_uint_eq(count_jobs(1, STAGE_MANIFEST), 1);
	ck_assert_uint_eq(count_jobs(1, STAGE_NULL), 3);
	ck_assert_uint_eq(fake.job_count, 4);
}
END_TEST

START_TEST(test_timeout_grows)
{
	start(false);
	add_transfer("text", 1, 100u << 20);
	run_until_done(1);
	ck_assert_uint_eq(fake.jobs[0].timeout_ms, 30000);
	ck_assert_uint_ge(fake.jobs[1].timeout_ms, 130000);
}
END_TEST

/* Two large ones run and do not end: small ones go past them. */
static void
run_beside_large(uint32_t workers)
{
	fake.policy->zone.workers = workers;
	start(false);
	fake.holds = true;
	fake.holds_above = 64u << 20;
	add_transfer("text", 3, 200u << 20);
	add_transfer("text", 3, 200u << 20);
	add_transfer("text", 20, 1000);
	give_transfers();
	while (!fake.transfers[2].is_done)
		ev_loop_once(fake.loop);
	ck_assert_uint_eq(fake.held_count, workers > 1 ? workers - 1 : 1);
	ck_assert(!fake.transfers[0].is_done);
	/* They go on where they stopped. */
	fake.holds = false;
	while (fake.held_count > 0) {
		struct held_job *held = &fake.held[--fake.held_count];

		answer_job(held->chan, held->id, held->count,
		    ZYGOTE_REPORTED);
	}
	run_until_done(3);
	ck_assert_uint_le(fake.running_max, workers > 1 ? workers : 2);
}

START_TEST(test_small_beside_large)
{
	run_beside_large(2);
}
END_TEST

START_TEST(test_small_beside_large_one_worker)
{
	run_beside_large(1);
}
END_TEST

/* Fair: a small transfer does not wait for the queue of one with many. */
START_TEST(test_turns)
{
	uint32_t i;

	start(false);
	add_transfer("text", 2000, 1000);
	add_transfer("text", 2, 1000);
	give_transfers();
	while (!fake.transfers[1].is_done)
		ev_loop_once(fake.loop);
	ck_assert(!fake.transfers[0].is_done);
	ck_assert_uint_lt(fake.job_count, 40);
	run_until_done(2);
	for (i = 0; i < 2; i++)
		ck_assert_uint_eq(fake.transfers[i].failed, 0);
}
END_TEST

/* The new zygote takes new jobs; the old one ends its own. */
START_TEST(test_new_zygote)
{
	struct ipc_chan *old;
	struct held_job held;

	start(false);
	fake.holds = true;
	add_transfer("text", 1, 1000);
	give_transfers();
	while (fake.held_count < 1)
		ev_loop_once(fake.loop);
	fake.holds = false;
	old = fake.zygotes[STAGE_CLAM];
	answer_job(fake.held[0].chan, fake.held[0].id, 1, ZYGOTE_REPORTED);
	fake.held_count = 0;
	add_zygote(STAGE_CLAM);
	run_until_done(1);
	ck_assert_uint_eq(count_jobs(1, STAGE_CLAM), 1);
	/* One that dies with a job: its successor does it. */
	fake.holds = true;
	add_transfer("text", 1, 1000);
	give_transfers();
	while (fake.held_count < 1)
		ev_loop_once(fake.loop);
	held = fake.held[0];
	fake.held_count = 0;
	fake.holds = false;
	ck_assert_ptr_eq(held.chan, fake.zygotes[STAGE_MANIFEST]);
	ipc_chan_free(held.chan);
	fake.zygotes[STAGE_MANIFEST] = NULL;
	fake.running--;
	add_zygote(STAGE_MANIFEST);
	run_until_done(2);
	ck_assert_uint_eq(count_jobs(2, STAGE_MANIFEST), 2);
	ipc_chan_free(old);
}
END_TEST

/* No more work is taken than hands can do. */
START_TEST(test_pull)
{
	start(false);
	while (fake.waiting_count < 8)
		ev_loop_once(fake.loop);
	ev_loop_poll(fake.loop);
	ck_assert_uint_eq(fake.waiting_count, 8);
	add_transfer("text", 1, 10);
	run_until_done(1);
	while (fake.waiting_count < 8)
		ev_loop_once(fake.loop);
	ck_assert_uint_eq(fake.asked, 9);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("inspect");
	TCase *tc = tcase_create("inspect");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_stages_in_order);
	tcase_add_test(tc, test_many_files);
	tcase_add_test(tc, test_batches);
	tcase_add_test(tc, test_repeat);
	tcase_add_test(tc, test_crash_twice);
	tcase_add_test(tc, test_fails_for_good);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_missing);
	tcase_add_test(tc, test_unknown_flow);
	tcase_add_test(tc, test_broken);
	tcase_add_test(tc, test_bench);
	tcase_add_test(tc, test_timeout_grows);
	tcase_add_test(tc, test_small_beside_large);
	tcase_add_test(tc, test_small_beside_large_one_worker);
	tcase_add_test(tc, test_turns);
	tcase_add_test(tc, test_new_zygote);
	tcase_add_test(tc, test_pull);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
