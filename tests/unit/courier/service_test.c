/* SPDX-License-Identifier: ISC */
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <check.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"

#include "tests/unit/courier/bench.h"

/*
 * As in service: the courier is one user, staff are others, whose files and
 * folders are nobody else's by their umask.  Needs root to become them.
 */
#define COURIER_ID 60001
#define STAFF_ID 60002

static struct bench b;
static pid_t courier_pid;

static void
become(uid_t id, const gid_t *groups, size_t count)
{
	if (setgroups(count, groups) != 0 || setresgid(id, id, id) != 0 ||
	    setresuid(id, id, id) != 0)
		_exit(4);
}

static _Noreturn void
courier_child(int keys_fd, int spool_fd)
{
	struct ev_loop *loop = ev_loop_new();
	int root_fd = -1;

	become(COURIER_ID, NULL, 0);
	umask(077);
	if (io_open_dir(b.root, &root_fd) != GW_OK)
		_exit(3);
	(void)courier_new(loop, root_fd,
	    inotify_init1(IN_NONBLOCK | IN_CLOEXEC), keys_fd, spool_fd,
	    b.policy, &b.opts);
	ev_loop_run(loop);
	_exit(0);
}

static void
write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);

	if (fd == -1 || write(fd, "mine", 4) != 4 || close(fd) != 0)
		_exit(5);
}

/* What a member of the courier's group does. */
static void
staff(void)
{
	const gid_t group = COURIER_ID;
	int status = -1;
	pid_t pid;

	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		become(STAFF_ID, &group, 1);
		umask(077);
		if (chdir(b.root) != 0 || chdir("in/letters") != 0)
			_exit(6);
		write_file("mine.csv");
		if (mkdir("set", 0777) != 0 || mkdir("set/sub", 0777) != 0)
			_exit(7);
		write_file("set/sub/a.csv");
		/* Nobody but the owner, not even one of the group. */
		if (access("../../.gw", R_OK) == 0)
			_exit(8);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void
on_beat(void *arg)
{
	(void)arg;
}

static void
until(bool (*fn)(void))
{
	struct ev_timer *timer = ev_timer_new(b.loop, on_beat, NULL);
	uint64_t end = clock_mono_ms() + 20000;

	while (!fn()) {
		ck_assert_msg(clock_mono_ms() < end, "it never happened");
		ev_timer_set(timer, 10);
		ev_loop_once(b.loop);
	}
	ev_timer_free(timer);
}

static bool
is_ready(void)
{
	return bench_has(&b, "in/letters") && b.fake.wait_count > 0;
}

static bool
is_taken(void)
{
	return b.fake.accepted == 2 && bench_count(&b, "in/letters") == 0 &&
	    bench_count(&b, ".gw/claim") == 1;
}

START_TEST(what_people_keep_to_themselves_is_taken_in)
{
	int keys_fd, spool_fd;

	if (geteuid() != 0)
		return;
	bench_open(&b, "/tmp");
	b.flow->submitter = SUBMITTER_OWNER;
	ck_assert_int_eq(chown(b.root, COURIER_ID, COURIER_ID), 0);
	ck_assert_int_eq(chmod(b.root, 0755), 0);
	fake_connect(&b.fake, &keys_fd, &spool_fd);
	courier_pid = fork();
	ck_assert_int_ne(courier_pid, -1);
	if (courier_pid == 0)
		courier_child(keys_fd, spool_fd);
	close(keys_fd);
	close(spool_fd);
	until(is_ready);
	staff();
	until(is_taken);
	ck_assert_uint_eq(b.fake.refused, 0);
	ck_assert_uint_eq(b.fake.transfers[0].uid, STAFF_ID);
	ck_assert_str_eq(b.fake.transfers[0].submitter, "uid60002");
}
END_TEST

static void
teardown(void)
{
	if (courier_pid <= 0)
		return;
	kill(courier_pid, SIGKILL);
	(void)waitpid(courier_pid, NULL, 0);
	bench_close(&b);
}

static Suite *
suite(void)
{
	Suite *s = suite_create("courier/service");
	TCase *tc = tcase_create("service");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, what_people_keep_to_themselves_is_taken_in);
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
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
