/* SPDX-License-Identifier: ISC */
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/record/reason.h"
#include "proto/record/transfer_state.h"

#include "tests/unit/courier/bench.h"

/*
 * The courier runs in a child; its n-th mutating call kills it, or fails.
 * It is started again (in some runs to be killed once more), and then
 * everything must have ended well: nothing lost, nothing accepted or
 * published twice, the ledgers right.
 */
enum harm { HARM_KILL, HARM_TEAR, HARM_NOSPACE, HARM_EIO, HARM_COUNT };

struct trap {
	enum harm harm;
	unsigned at;		/* call that is harmed; 0: none */
	unsigned seen;
};

struct scenario {
	const char *name;
	void (*prepare)(struct bench *);	/* folders are there */
	void (*begin)(struct bench *);		/* each start of a courier */
	bool (*is_over)(struct bench *);
	void (*check)(struct bench *);
};

static struct bench b;

/* Memory where it can be had: what is tested is the order of calls. */
static const char *place = "/dev/shm";

/* --- the child ----------------------------------------------------- */

static int
spring(void *arg, enum io_op op, int fd, size_t *len)
{
	struct trap *trap = arg;

	(void)fd;
	if (op == IO_READ || ++trap->seen != trap->at)
		return 0;
	switch (trap->harm) {
	case HARM_TEAR:
		if (op == IO_WRITE && *len > 1) {
			*len /= 2;
			return 0; /* reported as EIO */
		}
		return EIO;
	case HARM_NOSPACE:
		return ENOSPC;
	case HARM_EIO:
		return EIO;
	case HARM_KILL:
	case HARM_COUNT:
		break;
	}
	_exit(9);
}

static void
no_log(void *arg, const struct log_record *record)
{
	(void)arg;
	(void)record;
}

static _Noreturn void
child(const char *root, const struct policy_table *policy,
    const struct courier_opts *opts, struct trap *trap, bool from_start,
    int keys_fd, int spool_fd)
{
	struct ev_loop *loop;
	int root_fd = -1;

	log_set_sink(no_log, NULL);
	loop = ev_loop_new();
	if (io_open_dir(root, &root_fd) != GW_OK)
		_exit(3);
	if (from_start)
		io_set_hook(spring, trap);
	(void)courier_new(loop, root_fd,
	    inotify_init1(IN_NONBLOCK | IN_CLOEXEC), keys_fd, spool_fd,
	    policy, opts);
	io_set_hook(spring, trap);
	ev_loop_run(loop);
	_exit(0);
}

/* --- the parent ---------------------------------------------------- */

static void
on_beat(void *arg)
{
	(void)arg;
}

/* Run one courier until it dies or all is over; then it is killed. */
static void
run_child(const struct scenario *s, struct trap trap, bool from_start)
{
	uint64_t end = clock_mono_ms() + 20000;
	struct ev_timer *timer;
	int keys_fd, spool_fd, status = 0;
	pid_t pid;

	fake_connect(&b.fake, &keys_fd, &spool_fd);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0)
		child(b.root, b.policy, &b.opts, &trap, from_start, keys_fd,
		    spool_fd);
	close(keys_fd);
	close(spool_fd);
	s->begin(&b);
	timer = ev_timer_new(b.loop, on_beat, NULL);
	while (!b.fake.is_closed && !s->is_over(&b)) {
		ck_assert_msg(clock_mono_ms() < end, "%s: call %u, harm %d: "
		    "it never ends", s->name, trap.at, trap.harm);
		ev_timer_set(timer, 2);
		ev_loop_once(b.loop);
	}
	ev_timer_free(timer);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSIGNALED(status) == 0 ||
	    WTERMSIG(status) == SIGKILL, "%s: call %u, harm %d: signal %d",
	    s->name, trap.at, trap.harm, WTERMSIG(status));
	/* What it sent before it died counts. */
	while (!b.fake.is_closed)
		ev_loop_once(b.loop);
	fake_disconnect(&b.fake);
}

static void
run_once(const struct scenario *s, enum harm harm, unsigned at,
    unsigned again)
{
	bench_open(&b, place);
	b.opts.scan_ms = 8;
	b.opts.quiet_ms = 4;
	b.opts.retry_ms = 8;
	bench_start(&b);
	bench_stop(&b);
	s->prepare(&b);
	run_child(s, (struct trap){.harm = harm, .at = at}, false);
	if (again != 0)
		run_child(s, (struct trap){.harm = HARM_KILL, .at = again},
		    true);
	run_child(s, (struct trap){.at = 0}, false);
	s->check(&b);
	bench_close(&b);
}

/* --- intake -------------------------------------------------------- */

static void
nothing(struct bench *bench)
{
	(void)bench;
}

static void
put_one(struct bench *bench)
{
	bench_drop(bench, "名簿.csv", "1,山田\r\n");
}

static void
put_set(struct bench *bench)
{
	char *data = mem_alloc(300000);

	bench_mkdir(bench, ".set");
	bench_mkdir(bench, ".set/sub");
	bench_puts(bench, ".set/a.txt", "A");
	bench_puts(bench, ".set/sub/b.txt", "B");
	bench_put(bench, ".set/large.txt", data, 300000);
	mem_free(data);
	bench_rename(bench, ".set", "in/letters/set");
}

static void
put_fifo(struct bench *bench)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/in/letters/pipe", bench->root);
	ck_assert_int_eq(mkfifo(path, 0644), 0);
}

static bool
is_empty(struct bench *bench)
{
	return bench_count(bench, "in/letters") == 0 &&
	    bench_count(bench, ".gw/claim") == 1;
}

/* An entry that could not be read lies in rejected/, with its reason. */
static bool
is_handed_back(struct bench *bench)
{
	return bench->fake.refused > 0 &&
	    bench_count(bench, "rejected/letters") == 2 &&
	    bench_lines(bench, bench_ledger("送信簿"), "差戻し") > 0;
}

static bool
intake_is_over(struct bench *bench)
{
	return (bench->fake.accepted > 0 || is_handed_back(bench)) &&
	    is_empty(bench);
}

static bool
refusal_is_over(struct bench *bench)
{
	return is_handed_back(bench) && is_empty(bench);
}

static void
check_refused(struct bench *bench)
{
	ck_assert_uint_eq(bench->fake.accepted, 0);
	/* Twice at most in the log, once before the eyes of people. */
	ck_assert_uint_le(bench->fake.refused, 2);
	ck_assert_uint_eq(bench_count(bench, "rejected/letters"), 2);
	ck_assert_uint_eq(bench_lines(bench, bench_ledger("送信簿"),
	    "差戻し"), 1);
	ck_assert(is_empty(bench));
}

static void
check_accepted(struct bench *bench)
{
	if (bench->fake.accepted == 0) {
		check_refused(bench);
		return;
	}
	ck_assert_uint_eq(bench->fake.accepted, 1);
	ck_assert_uint_eq(bench->fake.refused, 0);
	ck_assert_uint_eq(bench_lines(bench, bench_ledger("送信簿"),
	    "受付番号"), 1);
	ck_assert_uint_eq(bench_lines(bench, bench_ledger("送信簿"),
	    "受付済"), 1);
	ck_assert(is_empty(bench));
}

/* --- delivery ------------------------------------------------------ */

static struct fake_transfer *sent;

/* Something to deliver: taken in by a courier that nothing happens to. */
static void
send_set(struct bench *bench)
{
	static const struct scenario intake = {
		.name = "preparing",
		.begin = nothing,
		.is_over = intake_is_over,
	};

	put_set(bench);
	run_child(&intake, (struct trap){.at = 0}, false);
	sent = &bench->fake.transfers[bench->fake.count - 1];
}

static void
give_delivery(struct bench *bench)
{
	/* As the spool does: what it gave to the dead it gives again. */
	bench->fake.job_next = bench->fake.job_count;
	if (sent->published == 0)
		fake_work(&bench->fake, sent, WORK_DELIVER, SIDE_HIGH,
		    sent->staged > 0 ? ST_DELIVERING : ST_REINSPECTED, 0,
		    sent->staged > 0);
	else
		fake_work(&bench->fake, sent, WORK_NOTICE, SIDE_HIGH,
		    ST_DELIVERED, 0, false);
}

static bool
delivery_is_told(struct bench *bench)
{
	if (sent->outcome_err != GW_OK && sent->published == 0) {
		/* Held for a person, who lets it go on. */
		sent->outcome_err = GW_OK;
		sent->staged = 0;
		fake_work(&bench->fake, sent, WORK_DELIVER, SIDE_HIGH,
		    ST_REINSPECTED, 0, false);
	}
	return sent->published > 0;
}

/* With its last notice, staging is looked after once more. */
static bool
delivery_is_over(struct bench *bench)
{
	if (!delivery_is_told(bench))
		return false;
	if (sent->noticed == 0) {
		sent->noticed = -1;
		fake_work(&bench->fake, sent, WORK_NOTICE, SIDE_HIGH,
		    ST_DELIVERED, 0, false);
	}
	return bench_count(bench, ".gw/out") == 0;
}

static void
check_delivered(struct bench *bench)
{
	char *data;
	size_t len;

	ck_assert_uint_eq(bench_count(bench, "out/letters"), 1);
	ck_assert(bench_contains(bench, "out/letters/set/a.txt", "A"));
	ck_assert(bench_contains(bench, "out/letters/set/sub/b.txt", "B"));
	data = bench_read(bench, "out/letters/set/large.txt", &len);
	ck_assert_uint_eq(len, 300000);
	mem_free(data);
	ck_assert_uint_eq(bench_lines(bench, bench_ledger("受領簿"),
	    sent->number), 1);
}

/* --- notices ------------------------------------------------------- */

static void
give_notice(struct bench *bench)
{
	bench->fake.job_next = bench->fake.job_count;
	if (sent->noticed == 0)
		fake_work(&bench->fake, sent, WORK_NOTICE, SIDE_LOW,
		    ST_REJECTED, REASON_TYPE_EXECUTABLE, false);
}

static bool
notice_is_over(struct bench *bench)
{
	(void)bench;
	return sent->noticed > 0;
}

static void
check_noticed(struct bench *bench)
{
	ck_assert_uint_le(bench_count(bench, "rejected/letters"), 2);
	ck_assert_uint_le(bench_lines(bench, bench_ledger("送信簿"),
	    "差戻し"), 1);
}

/* --- all of it ----------------------------------------------------- */

static const struct scenario scenarios[] = {
	{"one file", put_one, nothing, intake_is_over, check_accepted},
	{"a set", put_set, nothing, intake_is_over, check_accepted},
	{"a refusal", put_fifo, nothing, refusal_is_over, check_refused},
	{"a delivery", send_set, give_delivery, delivery_is_over,
	    check_delivered},
	{"a delivery, killed when it is told", send_set, give_delivery,
	    delivery_is_told, check_delivered},
	{"a notice", send_set, give_notice, notice_is_over, check_noticed},
};
#define SCENARIOS ((int)(sizeof(scenarios) / sizeof(scenarios[0])))

/*
 * Calls that a run without harm makes, a little more to be sure.  Each is
 * killed; the dearer combinations are taken in steps, unless GW_FULL is set.
 */
#define CALLS_MAX 64u

static unsigned
step_of(unsigned usual)
{
	return getenv("GW_FULL") != NULL ? 1 : usual;
}

START_TEST(every_call_may_be_the_last)
{
	unsigned at;

	for (at = 1; at <= CALLS_MAX; at++)
		run_once(&scenarios[_i], HARM_KILL, at, 0);
}
END_TEST

START_TEST(the_next_start_may_die_too)
{
	unsigned at;

	for (at = 2; at <= CALLS_MAX; at += step_of(6))
		run_once(&scenarios[_i], HARM_KILL, at, at * 7 % 60 + 1);
}
END_TEST

START_TEST(every_call_may_fail)
{
	enum harm harm;
	unsigned at;

	for (harm = HARM_TEAR; harm < HARM_COUNT; harm++) {
		for (at = 1 + (unsigned)harm; at <= CALLS_MAX;
		    at += step_of(5))
			run_once(&scenarios[_i], harm, at, 0);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("courier/crash");
	TCase *tc = tcase_create("crash");

	tcase_set_timeout(tc, 600);
	tcase_add_loop_test(tc, every_call_may_be_the_last, 0, SCENARIOS);
	tcase_add_loop_test(tc, the_next_start_may_die_too, 0, SCENARIOS);
	tcase_add_loop_test(tc, every_call_may_fail, 0, SCENARIOS);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	if (access(place, W_OK | X_OK) != 0)
		place = "/tmp";
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
