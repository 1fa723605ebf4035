/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "base/ev.h"

static struct ev_loop *loop;

static void
setup(void)
{
	loop = ev_loop_new();
}

static void
teardown(void)
{
	ev_loop_free(loop);
}

struct seen {
	struct ev_fd *fd;
	struct ev_timer *timer;
	int count;
	int events;
	int signo;
};

static void
on_fd(void *arg, int fd, int events)
{
	struct seen *seen = arg;

	(void)fd;
	seen->count++;
	seen->events = events;
}

static void
on_fd_free(void *arg, int fd, int events)
{
	struct seen *seen = arg;

	(void)fd;
	(void)events;
	seen->count++;
	ev_fd_free(seen->fd);
	seen->fd = NULL;
}

static void
on_timer(void *arg)
{
	struct seen *seen = arg;

	seen->count++;
}

static void
on_timer_again(void *arg)
{
	struct seen *seen = arg;

	if (++seen->count == 3)
		ev_loop_stop(loop);
	else
		ev_timer_set(seen->timer, 1);
}

static void
on_signal(void *arg, int signo)
{
	struct seen *seen = arg;

	seen->signo = signo;
	ev_loop_stop(loop);
}

START_TEST(fd_is_level_triggered)
{
	struct seen seen = {0};
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	seen.fd = ev_fd_new(loop, pair[0], EV_RD, on_fd, &seen);
	ev_loop_poll(loop);
	ck_assert_int_eq(seen.count, 0);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ev_loop_once(loop);
	ev_loop_poll(loop);
	ck_assert_int_eq(seen.count, 2);
	ck_assert_int_eq(seen.events, EV_RD);
	ev_fd_set(seen.fd, 0);
	ev_loop_poll(loop);
	ck_assert_int_eq(seen.count, 2);
	ev_fd_set(seen.fd, EV_RD | EV_WR);
	ev_loop_poll(loop);
	ck_assert_int_eq(seen.count, 3);
	ck_assert_int_eq(seen.events, EV_RD | EV_WR);
	ev_fd_set(seen.fd, EV_WR);
	ev_loop_poll(loop);
	ck_assert_int_eq(seen.events, EV_WR);
	ev_fd_free(seen.fd);
	ev_loop_poll(loop);
	ck_assert_int_eq(seen.count, 4);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(hangup_is_readable)
{
	struct seen seen = {0};
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	seen.fd = ev_fd_new(loop, pair[0], EV_RD, on_fd_free, &seen);
	close(pair[1]);
	ev_loop_once(loop);
	ck_assert_int_eq(seen.count, 1);
	ck_assert_ptr_null(seen.fd);
	ev_loop_poll(loop);
	ck_assert_int_eq(seen.count, 1);
	close(pair[0]);
}
END_TEST

START_TEST(fd_made_paused)
{
	struct seen seen = {0};
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	seen.fd = ev_fd_new(loop, pair[0], 0, on_fd, &seen);
	ev_loop_poll(loop);
	ck_assert_int_eq(seen.count, 0);
	ev_fd_set(seen.fd, EV_RD);
	ev_loop_poll(loop);
	ck_assert_int_eq(seen.count, 1);
	ev_fd_free(seen.fd);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(timer_fires_once)
{
	struct seen seen = {0};
	uint64_t from = clock_mono_ms();

	seen.timer = ev_timer_new(loop, on_timer, &seen);
	ev_loop_poll(loop);
	ck_assert_int_eq(seen.count, 0);
	ev_timer_set(seen.timer, 100000);
	ev_timer_set(seen.timer, 20);
	ev_loop_once(loop);
	ck_assert_int_eq(seen.count, 1);
	ck_assert_uint_ge(clock_mono_ms() - from, 10);
	ev_loop_poll(loop);
	ck_assert_int_eq(seen.count, 1);
	ev_timer_set(seen.timer, 0);
	ev_timer_stop(seen.timer);
	ev_loop_poll(loop);
	ck_assert_int_eq(seen.count, 1);
	ev_timer_set(seen.timer, UINT64_MAX);
	ev_loop_poll(loop);
	ck_assert_int_eq(seen.count, 1);
	ev_timer_free(seen.timer);
}
END_TEST

START_TEST(timer_rearms_itself)
{
	struct seen seen = {0};

	seen.timer = ev_timer_new(loop, on_timer_again, &seen);
	ev_timer_set(seen.timer, 0);
	ev_loop_run(loop);
	ck_assert_int_eq(seen.count, 3);
	ev_timer_free(seen.timer);
}
END_TEST

START_TEST(signal_stops_the_loop)
{
	struct seen seen = {0};
	struct ev_signal *sig = ev_signal_new(loop, SIGUSR2, on_signal, &seen);

	ck_assert_int_eq(raise(SIGUSR2), 0);
	ev_loop_run(loop);
	ck_assert_int_eq(seen.signo, SIGUSR2);
	ev_signal_free(sig);
}
END_TEST

START_TEST(null_is_freed)
{
	ev_fd_free(NULL);
	ev_timer_free(NULL);
	ev_signal_free(NULL);
	ev_loop_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ev");
	TCase *tcase = tcase_create("ev");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, fd_is_level_triggered);
	tcase_add_test(tcase, hangup_is_readable);
	tcase_add_test(tcase, fd_made_paused);
	tcase_add_test(tcase, timer_fires_once);
	tcase_add_test(tcase, timer_rearms_itself);
	tcase_add_test(tcase, signal_stops_the_loop);
	tcase_add_test(tcase, null_is_freed);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
