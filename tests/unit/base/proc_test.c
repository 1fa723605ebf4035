/* SPDX-License-Identifier: ISC */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"

#include "tests/unit/base/scratch.h"

#define NOBODY      65534
#define PARENT_CAPS ((1u << CAP_KILL) | (1u << CAP_SETGID) | (1u << CAP_SETUID))

static struct scratch scratch;
static char dir_path[128], file_path[128], fifo_path[128], none_path[128];

static void
path_of(char out[128], const char *name)
{
	ck_assert_int_lt(snprintf(out, 128, "%s/%s", scratch.path, name), 128);
}

static void
setup(void)
{
	scratch_init(&scratch);
	ck_assert_int_eq(chmod(scratch.path, 0755), 0);
	ck_assert_int_eq(mkdirat(scratch.fd, "dir", 0755), 0);
	scratch_put(&scratch, "dir/file", "content");
	scratch_put(&scratch, "file", "content");
	ck_assert_int_eq(mkfifoat(scratch.fd, "fifo", 0600), 0);
	ck_assert_int_eq(fchmodat(scratch.fd, "dir/file", 0644, 0), 0);
	path_of(dir_path, "dir");
	path_of(file_path, "file");
	path_of(fifo_path, "fifo");
	path_of(none_path, "none");
}

static void
teardown(void)
{
	scratch_clear(&scratch);
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static int
close_child(void *arg)
{
	static const int keep[] = {40, 20, 41};
	int fd;

	(void)arg;
	for (fd = 10; fd <= 60; fd++) {
		if (dup2(STDERR_FILENO, fd) == -1)
			return 1;
	}
	close(STDIN_FILENO);
	proc_close_fds(keep, 3);
	for (fd = 3; fd <= 60; fd++) {
		if (is_open(fd) != (fd == 20 || fd == 40 || fd == 41))
			return fd;
	}
	if (fcntl(20, F_GETFD) != FD_CLOEXEC || !is_open(STDIN_FILENO))
		return 2;
	proc_close_fds(NULL, 0);
	return is_open(20) || !is_open(STDERR_FILENO) ? 100 : 0;
}

static int
close_missing_child(void *arg)
{
	static const int keep[] = {99};

	(void)arg;
	proc_close_fds(keep, 1);
	return 0;
}

START_TEST(fds_are_closed)
{
	ck_assert_int_eq(scratch_fork(close_child, NULL), 0);
	/* An fd that the parent promised and did not hand over. */
	ck_assert_int_eq(
	    WEXITSTATUS(scratch_fork(close_missing_child, NULL)), 1);
}
END_TEST

/* A field of /proc/self/status, by its base. */
static uint64_t
status_of(const char *field, int base)
{
	char line[256];
	uint64_t value = UINT64_MAX;
	size_t len = strlen(field);
	FILE *f = fopen("/proc/self/status", "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, field, len) == 0 && line[len] == ':')
			value = strtoull(line + len + 1, NULL, base);
	}
	if (f != NULL)
		fclose(f);
	return value;
}

/* What the hooks saw. */
struct seen {
	uid_t drop_uid;
	uid_t sandbox_uid;
	uint64_t effective;
	uint64_t permitted;
	uint64_t bounding;
	uint64_t locked_kib;
	bool can_return;
};

static void
see_drop(void *arg)
{
	((struct seen *)arg)->drop_uid = geteuid();
}

static void
see_sandbox(void *arg)
{
	struct seen *seen = arg;

	seen->sandbox_uid = geteuid();
	seen->effective = status_of("CapEff", 16);
	seen->permitted = status_of("CapPrm", 16);
	seen->bounding = status_of("CapBnd", 16);
	seen->locked_kib = status_of("VmLck", 10);
	seen->can_return = seen->sandbox_uid != 0 && seteuid(0) == 0;
}

static struct proc_spec
spec_of(struct seen *seen)
{
	return (struct proc_spec){
	    .name = "test",
	    .dirs =
		{
		    {dir_path, SANDBOX_READ, false},
		    {none_path, SANDBOX_READ, true},
		    {file_path, SANDBOX_READ, false},
		},
	    .dir_count = 3,
	    .uid = (uid_t)-1,
	    .gid = (gid_t)-1,
	    .before_drop = see_drop,
	    .before_sandbox = see_sandbox,
	    .arg = seen,
	    .sandbox =
		{
		    .calls = sandbox_file_calls,
		    .call_count = sandbox_file_call_count,
		    .deny_fork = true,
		    .max_fds = 64,
		},
	};
}

/* What every started process finds, whoever it is: 0, or what is wrong. */
static int
check_started(const int *fds)
{
	struct rlimit limit;
	uint8_t *data = NULL;
	size_t len = 0;
	char text[8] = "";
	int fd = -1;

	if (fds[0] == -1 || fds[1] != -1 || fds[2] == -1 || fds[3] != -1)
		return 10;
	if (io_load_file(fds[0], "file", 99, &data, &len) != GW_OK || len != 7)
		return 11;
	if (io_read_full(fds[2], text, 7) != GW_OK ||
	    strcmp(text, "content") != 0)
		return 12;
	if (io_openat(fds[0], "new", O_WRONLY | O_CREAT, 0600, &fd) !=
	    GW_EDENIED)
		return 13;
	if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max != 0 ||
	    getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max != 64)
		return 14;
	if (umask(0) != 077)
		return 15;
	mem_free(data);
	return 0;
}

static int
ordinary_child(void *arg)
{
	struct seen seen = {0};
	struct proc_spec spec = spec_of(&seen);
	int fds[PROC_DIRS_MAX];
	uid_t me = geteuid();

	(void)arg;
	proc_start(&spec, fds);
	if (seen.drop_uid != me || seen.sandbox_uid != me)
		return 1;
	/* Root that keeps its uid keeps no capability. */
	if (seen.effective != 0 || seen.permitted != 0)
		return 2;
	return check_started(fds);
}

static int
dropped_child(void *arg)
{
	struct seen seen = {0};
	struct proc_spec spec = spec_of(&seen);
	int fds[PROC_DIRS_MAX];

	spec.uid = spec.gid = NOBODY;
	spec.lock_memory = arg != NULL;
	proc_start(&spec, fds);
	if (seen.drop_uid != 0 || seen.sandbox_uid != NOBODY ||
	    getuid() != NOBODY || getegid() != NOBODY)
		return 1;
	if (seen.effective != 0 || seen.permitted != 0 || seen.bounding != 0 ||
	    seen.can_return)
		return 2;
#ifndef GW_SANITIZED
	if (spec.lock_memory && seen.locked_kib == 0)
		return 3;
#endif
	return check_started(fds);
}

static int
parent_child(void *arg)
{
	struct seen seen = {0};
	struct proc_spec spec = spec_of(&seen);
	int fds[PROC_DIRS_MAX];

	(void)arg;
	spec.has_caps = true;
	spec.sandbox.deny_fork = false;
	proc_start(&spec, fds);
	if (seen.effective != PARENT_CAPS || seen.permitted != PARENT_CAPS ||
	    seen.bounding != PARENT_CAPS)
		return 2;
	return check_started(fds);
}

/* A root with the three capabilities that the parent has left for it. */
static int
restarted_child(void *arg)
{
	struct __user_cap_header_struct header = {
	    .version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2] = {
	    {.effective = PARENT_CAPS, .permitted = PARENT_CAPS},
	};
	struct seen seen = {0};
	struct proc_spec spec = spec_of(&seen);
	int fds[PROC_DIRS_MAX];

	(void)arg;
	if (chown(dir_path, NOBODY, NOBODY) != 0 ||
	    chmod(dir_path, 0700) != 0 ||
	    syscall(SYS_capset, &header, caps) != 0)
		return 1;
	spec.uid = spec.gid = NOBODY;
	proc_start(&spec, fds);
	if (seen.effective != 0 || seen.sandbox_uid != NOBODY)
		return 2;
	return check_started(fds);
}

static int
other_user_child(void *arg)
{
	struct seen seen = {0};
	struct proc_spec spec = spec_of(&seen);
	int fds[PROC_DIRS_MAX];

	(void)arg;
	if (geteuid() == 0 && (setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
				  setresuid(NOBODY, NOBODY, NOBODY) != 0))
		return 2;
	spec.uid = spec.gid = 12345;
	proc_start(&spec, fds);
	return 0;
}

static int
bad_dir_child(void *arg)
{
	struct seen seen = {0};
	struct proc_spec spec = spec_of(&seen);
	int fds[PROC_DIRS_MAX];

	spec.dirs[1].path = arg;
	spec.dirs[1].is_optional = false;
	proc_start(&spec, fds);
	return 0;
}

static void
check_fails(scratch_fn *fn, void *arg)
{
	int status = scratch_fork(fn, arg);

	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 1);
}

START_TEST(ordinary_user_starts)
{
	ck_assert_int_eq(scratch_fork(ordinary_child, NULL), 0);
	check_fails(other_user_child, NULL);
}
END_TEST

START_TEST(root_drops_everything)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(scratch_fork(dropped_child, NULL), 0);
	ck_assert_int_eq(scratch_fork(dropped_child, &scratch), 0);
	ck_assert_int_eq(scratch_fork(parent_child, NULL), 0);
	ck_assert_int_eq(scratch_fork(restarted_child, NULL), 0);
}
END_TEST

START_TEST(missing_things_are_fatal)
{
	check_fails(bad_dir_child, none_path);
	check_fails(bad_dir_child, fifo_path);
}
END_TEST

#define HEADING "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"

static const struct {
	const char *swaps;
	const char *uuid; /* of dm-3 */
	bool is_safe;
} swaps[] = {
    {HEADING, NULL, true},
    {"", NULL, false},
    {HEADING "/dev/sda2 partition 1 0 -2\n", NULL, false},
    {HEADING "/swapfile file 1 0 -2\n", "CRYPT-PLAIN-swap", false},
    {HEADING "/dev/dm-3 partition 1 0 -2\n", "CRYPT-PLAIN-swap\n", true},
    {HEADING "/dev/dm-3 partition 1 0 -2\n", "CRYPT-LUKS2-x\n", false},
    {HEADING "/dev/dm-3 partition 1 0 -2\n", "LVM-x\n", false},
    {HEADING "/dev/dm-3 partition 1 0 -2\n", "", false},
    {HEADING "/dev/dm-3 partition 1 0 -2\n", NULL, false},
    {HEADING "/dev/dm-3 partition 1 0 -2\n/dev/sda2 partition 1 0 -3\n",
	"CRYPT-PLAIN-swap\n", false},
};

START_TEST(swap_is_judged)
{
	char swaps_path[128], block_path[128];

	path_of(swaps_path, "swaps");
	path_of(block_path, "block");
	scratch_put(&scratch, "swaps", swaps[_i].swaps);
	ck_assert_int_eq(mkdirat(scratch.fd, "block", 0700), 0);
	ck_assert_int_eq(mkdirat(scratch.fd, "block/dm-3", 0700), 0);
	ck_assert_int_eq(mkdirat(scratch.fd, "block/dm-3/dm", 0700), 0);
	if (swaps[_i].uuid != NULL)
		scratch_put(&scratch, "block/dm-3/dm/uuid", swaps[_i].uuid);
	ck_assert_int_eq(
	    proc_swap_is_safe_at(swaps_path, block_path), swaps[_i].is_safe);
	ck_assert(!proc_swap_is_safe_at(none_path, block_path));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("proc");
	TCase *tcase = tcase_create("proc");
	SRunner *runner = srunner_create(suite);
	int failed;

	log_init("test");
	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, fds_are_closed);
	tcase_add_test(tcase, ordinary_user_starts);
	tcase_add_test(tcase, root_drops_everything);
	tcase_add_test(tcase, missing_things_are_fatal);
	tcase_add_loop_test(
	    tcase, swap_is_judged, 0, sizeof(swaps) / sizeof(swaps[0]));
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
