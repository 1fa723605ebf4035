/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"

#include "tests/unit/audit/support.h"

/*
 * One scenario; at its n-th operation on files the process is killed, or
 * the operation fails, for every n.  Whatever had been answered must be
 * there afterwards, and the log must open and go on.
 */
enum strike { KILL, KILL_TORN, FAIL_EIO, FAIL_ESPACE };

struct plan {
	enum strike strike;
	int left;
	bool has_struck;
};

static bool
changes_files(enum io_op op)
{
	return op != IO_READ && op != IO_OPEN;
}

static int
on_io(void *arg, enum io_op op, int fd, size_t *len)
{
	struct plan *p = arg;

	(void)fd;
	if (!changes_files(op) || p->left-- > 0)
		return 0;
	switch (p->strike) {
	case KILL_TORN:
		/* Half of it reaches the file; the next call kills. */
		if (op == IO_WRITE && !p->has_struck) {
			p->has_struck = true;
			*len /= 2;
			return 0;
		}
		break;
	case KILL:
		break;
	case FAIL_EIO:
		p->has_struck = true;
		return p->left == -1 ? EIO : 0;
	case FAIL_ESPACE:
		p->has_struck = true;
		return p->left == -1 ? ENOSPC : 0;
	}
	raise(SIGKILL);
	return EIO;
}

/* Tells the size of the log after every answer. */
static void
scenario(int dirfd, int out)
{
	static const unsigned groups[] = {3, 252, 2, 100};
	struct store *s = NULL;
	uint64_t size;
	size_t i;
	int round;

	for (round = 0; round < 2; round++) {
		if (store_open(dirfd, "lgwan", &s) != GW_OK)
			return;
		for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
			if (append(s, groups[i]) == GW_OK) {
				size = store_size(s);
				if (write(out, &size, sizeof(size)) !=
				    sizeof(size))
					_exit(9);
			}
			if (i % 2 == 1 && store_checkpoint(s) == GW_EAGAIN)
				_exit(8);
		}
		store_free(s);
	}
}

/* Returns false when the scenario ended before the n-th operation. */
static bool
run_point(enum strike strike, int n)
{
	struct plan plan = {.strike = strike, .left = n};
	char path[64];
	uint64_t acked = 0, value;
	struct store *s = NULL;
	int dirfd, out[2], status;
	bool struck;
	pid_t pid;

	dirfd = folder_new(path);
	ck_assert_int_eq(pipe(out), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		io_set_hook(on_io, &plan);
		scenario(dirfd, out[1]);
		_exit(plan.has_struck ? 1 : 0);
	}
	close(out[1]);
	while (read(out[0], &value, sizeof(value)) == sizeof(value))
		acked = value;
	close(out[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	struck = WIFSIGNALED(status) || WEXITSTATUS(status) == 1;
	ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) <= 1);

	ck_assert_msg(store_open(dirfd, "lgwan", &s) == GW_OK,
	    "strike %d at %d", (int)strike, n);
	ck_assert_msg(store_size(s) >= acked, "strike %d at %d: %d of %d",
	    (int)strike, n, (int)store_size(s), (int)acked);
	check_entries(s, store_size(s));
	ck_assert_int_eq(append(s, 5), GW_OK);
	ck_assert_int_eq(store_checkpoint(s), GW_OK);
	value = store_size(s);
	store_free(s);
	ck_assert_int_eq(store_open(dirfd, "lgwan", &s), GW_OK);
	check_entries(s, value);
	store_free(s);
	folder_free(path, dirfd);
	return struck;
}

static void
run_all(enum strike strike)
{
	int n = 0;

	while (run_point(strike, n))
		n++;
	ck_assert_int_gt(n, 100);
}

START_TEST(killed)
{
	run_all(KILL);
}
END_TEST

START_TEST(killed_in_a_write)
{
	run_all(KILL_TORN);
}
END_TEST

START_TEST(input_output_error)
{
	run_all(FAIL_EIO);
}
END_TEST

START_TEST(no_space)
{
	run_all(FAIL_ESPACE);
}
END_TEST

static void
swallow(void *arg, const struct log_record *rec)
{
	(void)arg;
	(void)rec;
}

int
main(void)
{
	Suite *suite = suite_create("audit crash");
	TCase *tc = tcase_create("crash");
	SRunner *runner;
	int failed;

	log_set_sink(swallow, NULL);
	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, killed);
	tcase_add_test(tc, killed_in_a_write);
	tcase_add_test(tc, input_output_error);
	tcase_add_test(tc, no_space);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
