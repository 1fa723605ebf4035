/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "tests/unit/base/scratch.h"

static struct scratch scratch;

/*
 * The hook of these tests: counts calls, and at call number `at` fails with
 * `number`, kills the process or tears the write.
 */
static struct {
	int calls;
	int at;          /* 0: never */
	int number;      /* errno, or -1 to kill */
	bool is_for_all; /* every call from at on */
	bool tears;
	enum io_op last;
} fault;

static int
on_io(void *arg, enum io_op op, int fd, size_t *len)
{
	(void)arg;
	(void)fd;
	fault.calls++;
	fault.last = op;
	if (fault.at == 0 || fault.calls < fault.at ||
	    (fault.calls > fault.at && !fault.is_for_all))
		return 0;
	if (fault.tears && op == IO_WRITE) {
		*len /= 2;
		return 0;
	}
	if (fault.number == -1)
		raise(SIGKILL);
	return fault.number;
}

static void
arm(int at, int number)
{
	memset(&fault, 0, sizeof(fault));
	fault.at = at;
	fault.number = number;
	io_set_hook(on_io, NULL);
}

static void
setup(void)
{
	memset(&fault, 0, sizeof(fault));
	log_set_level(LOG_ERR_);
	scratch_init(&scratch);
	ck_assert_int_eq(mkdirat(scratch.fd, "dir", 0700), 0);
	scratch_put(&scratch, "file", "content");
	scratch_put(&scratch, "dir/file", "inner");
	ck_assert_int_eq(symlinkat("file", scratch.fd, "link"), 0);
	ck_assert_int_eq(symlinkat("dir", scratch.fd, "dirlink"), 0);
	ck_assert_int_eq(symlinkat("/etc", scratch.fd, "out"), 0);
}

static void
teardown(void)
{
	io_set_hook(NULL, NULL);
	scratch_clear(&scratch);
}

static const struct {
	const char *path;
	int flags;
	enum gw_err want;
} opens[] = {
    {"file", O_RDONLY, GW_OK},
    {"dir/file", O_RDONLY, GW_OK},
    {"dir/../file", O_RDONLY, GW_OK},
    {"new", O_WRONLY | O_CREAT | O_EXCL, GW_OK},
    {"new", O_RDONLY, GW_ENOENT},
    {"file", O_WRONLY | O_CREAT | O_EXCL, GW_EEXIST},
    {"link", O_RDONLY, GW_EDENIED},
    {"link", O_WRONLY | O_CREAT, GW_EDENIED},
    {"dirlink/file", O_RDONLY, GW_EDENIED},
    {"out/passwd", O_RDONLY, GW_EDENIED},
    {"../", O_RDONLY | O_DIRECTORY, GW_EDENIED},
    {"dir/../../x", O_RDONLY, GW_EDENIED},
    {"/etc/passwd", O_RDONLY, GW_EDENIED},
    {"file/x", O_RDONLY, GW_ENOENT},
    {"dir", O_RDONLY | O_DIRECTORY, GW_OK},
    {"dir", O_PATH, GW_OK},
};

START_TEST(open_stays_beneath)
{
	int fd = -1;

	ck_assert_int_eq(
	    io_openat(scratch.fd, opens[_i].path, opens[_i].flags, 0640, &fd),
	    opens[_i].want);
	if (opens[_i].want != GW_OK) {
		ck_assert_int_eq(fd, -1);
		return;
	}
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	io_drop(&fd);
	ck_assert_int_eq(fd, -1);
	io_drop(&fd);
}
END_TEST

/* Calls that act on a name, each through a link, out, and as it should be. */
static enum gw_err
do_mkdir(const char *path)
{
	return io_mkdirat(scratch.fd, path, 0700);
}

static enum gw_err
do_unlink(const char *path)
{
	return io_unlinkat(scratch.fd, path, false);
}

static enum gw_err
do_rename_to(const char *path)
{
	return io_renameat(scratch.fd, "file", scratch.fd, path, true);
}

static enum gw_err
do_rename_from(const char *path)
{
	return io_renameat(scratch.fd, path, scratch.fd, "moved", true);
}

static enum gw_err
do_stat(const char *path)
{
	struct stat st;

	return io_statat(scratch.fd, path, &st);
}

static enum gw_err
do_replace(const char *path)
{
	return io_replace_file(scratch.fd, path, "x", 1, 0600);
}

static enum gw_err
do_load(const char *path)
{
	uint8_t *data = NULL;
	size_t len = 0;
	enum gw_err err = io_load_file(scratch.fd, path, 100, &data, &len);

	mem_free(data);
	return err;
}

static const struct {
	enum gw_err (*act)(const char *);
	const char *path;
	enum gw_err want;
} names[] = {
    {do_mkdir, "made", GW_OK},
    {do_mkdir, "dir/made", GW_OK},
    {do_mkdir, "dir", GW_EEXIST},
    {do_mkdir, "dirlink/made", GW_EDENIED},
    {do_mkdir, "out/made", GW_EDENIED},
    {do_mkdir, "../made", GW_EDENIED},
    {do_mkdir, "/made", GW_EDENIED},
    {do_mkdir, "none/made", GW_ENOENT},
    {do_mkdir, "", GW_EINVAL},
    {do_mkdir, ".", GW_EINVAL},
    {do_mkdir, "..", GW_EINVAL},
    {do_mkdir, "dir/..", GW_EINVAL},
    {do_unlink, "file", GW_OK},
    {do_unlink, "link", GW_OK},
    {do_unlink, "dir/file", GW_OK},
    {do_unlink, "dirlink/file", GW_EDENIED},
    {do_unlink, "none", GW_ENOENT},
    {do_rename_to, "renamed", GW_OK},
    {do_rename_to, "dir/renamed", GW_OK},
    {do_rename_to, "dir/file", GW_EEXIST},
    {do_rename_to, "dirlink/renamed", GW_EDENIED},
    {do_rename_to, "../renamed", GW_EDENIED},
    {do_rename_from, "dir/file", GW_OK},
    {do_rename_from, "dir", GW_OK},
    {do_rename_from, "dirlink/file", GW_EDENIED},
    {do_rename_from, "none", GW_ENOENT},
    {do_stat, "file", GW_OK},
    {do_stat, "link", GW_OK},
    {do_stat, "dirlink/file", GW_EDENIED},
    {do_stat, "none", GW_ENOENT},
    {do_replace, "file", GW_OK},
    {do_replace, "dir/file", GW_OK},
    {do_replace, "dir/new", GW_OK},
    {do_replace, "dirlink/file", GW_EDENIED},
    {do_replace, "../x", GW_EDENIED},
    {do_load, "file", GW_OK},
    {do_load, "link", GW_EDENIED},
    {do_load, "dir", GW_EFORMAT},
    {do_load, "none", GW_ENOENT},
};

START_TEST(names_stay_beneath)
{
	ck_assert_int_eq(names[_i].act(names[_i].path), names[_i].want);
}
END_TEST

START_TEST(long_names_are_refused)
{
	char name[300];

	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(do_replace(name), GW_ELIMIT);
	ck_assert_int_eq(do_mkdir(name), GW_ELIMIT);
	name[250] = '\0';
	ck_assert_int_eq(do_replace(name), GW_OK);
	ck_assert_int_eq(do_replace(name), GW_OK);
	name[250] = 'a';
	name[251] = '\0';
	ck_assert_int_eq(do_replace(name), GW_ELIMIT);
}
END_TEST

START_TEST(bytes_come_back)
{
	uint8_t data[10];
	struct stat st;
	size_t got = 0;
	int fd = -1;

	ck_assert_int_eq(
	    io_openat(scratch.fd, "f", O_RDWR | O_CREAT, 0600, &fd), GW_OK);
	ck_assert_int_eq(io_write_full(fd, "0123456789", 10), GW_OK);
	ck_assert_int_eq(io_pwrite_full(fd, "ab", 2, 4), GW_OK);
	ck_assert_int_eq(io_pread_full(fd, data, 10, 0), GW_OK);
	ck_assert_mem_eq(data, "0123ab6789", 10);
	ck_assert_int_eq(io_pread_full(fd, data, 10, 1), GW_ETRUNC);
	ck_assert_int_eq(io_pread_full(fd, data, 1, UINT64_MAX), GW_EINVAL);
	ck_assert_int_eq(io_pwrite_full(fd, data, 1, INT64_MAX), GW_EINVAL);
	ck_assert_int_eq(io_read_some(fd, data, 10, &got), GW_OK);
	ck_assert_uint_eq(got, 0);
	ck_assert_int_eq(lseek(fd, 8, SEEK_SET), 8);
	ck_assert_int_eq(io_read_some(fd, data, 10, &got), GW_OK);
	ck_assert_uint_eq(got, 2);
	ck_assert_int_eq(io_read_full(fd, data, 1), GW_ETRUNC);
	ck_assert_int_eq(io_truncate(fd, 3), GW_OK);
	ck_assert_int_eq(io_allocate(fd, 8192), GW_OK);
	ck_assert_int_eq(io_allocate(fd, 0), GW_OK);
	ck_assert_int_eq(io_allocate(fd, UINT64_MAX), GW_EINVAL);
	ck_assert_int_eq(io_truncate(fd, UINT64_MAX), GW_EINVAL);
	ck_assert_int_eq(io_stat(fd, &st), GW_OK);
	ck_assert_int_eq(st.st_size, 8192);
	ck_assert_int_ge(st.st_blocks, 16);
	ck_assert_int_eq(io_chown(fd, getuid(), getgid()), GW_OK);
	ck_assert_int_eq(io_fsync(fd), GW_OK);
	ck_assert_int_eq(io_fdatasync(fd), GW_OK);
	ck_assert_int_eq(io_close(&fd), GW_OK);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(io_unlinkat(scratch.fd, "f", false), GW_OK);
	ck_assert_int_eq(io_unlinkat(scratch.fd, "dir", true), GW_EEXIST);
	ck_assert_int_eq(io_stat(-1, &st), GW_ESYS);
}
END_TEST

START_TEST(directory_is_opened)
{
	int fd = -1;

	ck_assert_int_eq(io_open_dir(scratch.path, &fd), GW_OK);
	io_drop(&fd);
	ck_assert_int_eq(io_open_dir("tmp", &fd), GW_EINVAL);
	ck_assert_int_eq(io_open_dir("/no/such", &fd), GW_ENOENT);
	ck_assert_int_eq(io_open_dir("/etc/passwd", &fd), GW_ENOENT);
	ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(memfd_is_sealed)
{
	uint64_t size = 42;
	int fd = -1, plain = -1;

	ck_assert_int_eq(io_memfd("test", &fd), GW_OK);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(io_write_full(fd, "abc", 3), GW_OK);
	ck_assert_int_eq(io_check_sealed(fd, &size), GW_EPROTO);
	ck_assert_uint_eq(size, 42);
	ck_assert_int_eq(io_seal(fd), GW_OK);
	ck_assert_int_eq(io_check_sealed(fd, &size), GW_OK);
	ck_assert_uint_eq(size, 3);
	ck_assert_int_eq(io_pwrite_full(fd, "x", 1, 0), GW_EDENIED);
	ck_assert_int_eq(io_truncate(fd, 0), GW_EDENIED);
	ck_assert_int_eq(io_truncate(fd, 9), GW_EDENIED);
	ck_assert_int_eq(io_seal(fd), GW_EDENIED);
	/* A plain file that a sibling passes off as sealed. */
	ck_assert_int_eq(
	    io_openat(scratch.fd, "file", O_RDONLY, 0, &plain), GW_OK);
	ck_assert_int_eq(io_check_sealed(plain, &size), GW_EPROTO);
	ck_assert_int_eq(io_check_sealed(-1, &size), GW_EPROTO);
	io_drop(&plain);
	io_drop(&fd);
}
END_TEST

START_TEST(half_sealed_is_not_sealed)
{
	static const int all[] = {
	    F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_SEAL};
	uint64_t size;
	int fd = -1, i, seals = 0;

	ck_assert_int_eq(io_memfd("test", &fd), GW_OK);
	for (i = 0; i < 4; i++)
		seals |= i != _i ? all[i] : 0;
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	ck_assert_int_eq(io_check_sealed(fd, &size), GW_EPROTO);
	io_drop(&fd);
}
END_TEST

START_TEST(load_has_a_limit)
{
	uint8_t *data = NULL;
	size_t len = 0;

	ck_assert_int_eq(
	    io_load_file(scratch.fd, "file", 6, &data, &len), GW_ELIMIT);
	ck_assert_ptr_null(data);
	ck_assert_int_eq(
	    io_load_file(scratch.fd, "file", 7, &data, &len), GW_OK);
	ck_assert_uint_eq(len, 7);
	ck_assert_str_eq((char *)data, "content");
	mem_free(data);
	scratch_put(&scratch, "empty", "");
	ck_assert_int_eq(
	    io_load_file(scratch.fd, "empty", 0, &data, &len), GW_OK);
	ck_assert_uint_eq(len, 0);
	mem_free(data);
	ck_assert_int_eq(mkfifoat(scratch.fd, "fifo", 0600), 0);
	ck_assert_int_eq(
	    io_load_file(scratch.fd, "fifo", 9, &data, &len), GW_EFORMAT);
}
END_TEST

START_TEST(replace_sets_the_mode)
{
	struct stat st;
	mode_t old = umask(077);

	ck_assert_int_eq(io_replace_file(scratch.fd, "m", "x", 1, 0644), GW_OK);
	ck_assert_int_eq(io_statat(scratch.fd, "m", &st), GW_OK);
	ck_assert_uint_eq(st.st_mode & 07777, 0644);
	ck_assert(!scratch_exists(&scratch, ".m.new"));
	umask(old);
}
END_TEST

START_TEST(leftovers_are_no_obstacle)
{
	scratch_put(&scratch, ".file.new", "torn by a crash, and longer");
	ck_assert_int_eq(
	    io_replace_file(scratch.fd, "file", "next", 4, 0600), GW_OK);
	ck_assert(scratch_has(&scratch, "file", "next"));
	ck_assert(!scratch_exists(&scratch, ".file.new"));
}
END_TEST

/* Every operation, once with each errno at its own call. */
struct op_row {
	enum io_op op;
	enum gw_err (*act)(int fd);
};

static enum gw_err
op_open(int fd)
{
	int out = -1;
	enum gw_err err = io_openat(scratch.fd, "file", O_RDONLY, 0, &out);

	(void)fd;
	io_drop(&out);
	return err;
}

static enum gw_err
op_open_dir(int fd)
{
	int out = -1;
	enum gw_err err = io_open_dir("/", &out);

	(void)fd;
	io_drop(&out);
	return err;
}

static enum gw_err
op_memfd(int fd)
{
	int out = -1;
	enum gw_err err = io_memfd("m", &out);

	(void)fd;
	io_drop(&out);
	return err;
}

static enum gw_err
op_mkdir(int fd)
{
	(void)fd;
	return do_mkdir("made");
}

static enum gw_err
op_read(int fd)
{
	char byte;

	return io_read_full(fd, &byte, 1);
}

static enum gw_err
op_read_some(int fd)
{
	char byte;
	size_t got;

	return io_read_some(fd, &byte, 1, &got);
}

static enum gw_err
op_pread(int fd)
{
	char byte;

	return io_pread_full(fd, &byte, 1, 0);
}

static enum gw_err
op_write(int fd)
{
	return io_write_full(fd, "xy", 2);
}

static enum gw_err
op_pwrite(int fd)
{
	return io_pwrite_full(fd, "xy", 2, 0);
}

static enum gw_err
op_fsync(int fd)
{
	return io_fsync(fd);
}

static enum gw_err
op_fdatasync(int fd)
{
	return io_fdatasync(fd);
}

static enum gw_err
op_allocate(int fd)
{
	return io_allocate(fd, 4096);
}

static enum gw_err
op_truncate(int fd)
{
	return io_truncate(fd, 2);
}

static enum gw_err
op_rename(int fd)
{
	(void)fd;
	return do_rename_to("renamed");
}

static enum gw_err
op_unlink(int fd)
{
	(void)fd;
	return do_unlink("link");
}

static enum gw_err
op_chown(int fd)
{
	return io_chown(fd, getuid(), getgid());
}

static enum gw_err
op_close(int fd)
{
	int copy = dup(fd);
	int number = copy;
	enum gw_err err = io_close(&copy);

	/* Closed whatever the hook says. */
	ck_assert_int_eq(copy, -1);
	ck_assert_int_eq(fcntl(number, F_GETFD), -1);
	return err;
}

static const struct op_row ops[] = {
    {IO_OPEN, op_open},
    {IO_OPEN, op_open_dir},
    {IO_OPEN, op_memfd},
    {IO_MKDIR, op_mkdir},
    {IO_READ, op_read},
    {IO_READ, op_read_some},
    {IO_READ, op_pread},
    {IO_WRITE, op_write},
    {IO_WRITE, op_pwrite},
    {IO_FSYNC, op_fsync},
    {IO_FSYNC, op_fdatasync},
    {IO_ALLOCATE, op_allocate},
    {IO_TRUNCATE, op_truncate},
    {IO_RENAME, op_rename},
    {IO_UNLINK, op_unlink},
    {IO_CHOWN, op_chown},
    {IO_CLOSE, op_close},
};

static enum gw_err
wanted(enum io_op op, int number)
{
	if (op == IO_FSYNC || op == IO_CLOSE)
		return GW_EIO;
	return number == EIO ? GW_EIO : GW_ESPACE;
}

START_TEST(every_operation_fails_once)
{
	static const int numbers[] = {EIO, ENOSPC};
	const struct op_row *row = &ops[_i];
	struct stat before, after;
	size_t i;
	int fd = -1;

	ck_assert_int_eq(io_openat(scratch.fd, "file", O_RDWR, 0, &fd), GW_OK);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(io_stat(fd, &before), GW_OK);
		arm(1, numbers[i]);
		ck_assert_int_eq(row->act(fd), wanted(row->op, numbers[i]));
		ck_assert_int_eq(fault.calls, 1);
		ck_assert_int_eq(fault.last, row->op);
		io_set_hook(NULL, NULL);
		ck_assert_int_eq(io_stat(fd, &after), GW_OK);
		ck_assert_int_eq(after.st_size, before.st_size);
	}
	/* And goes through when the fault has passed. */
	ck_assert_int_eq(row->act(fd), GW_OK);
	io_drop(&fd);
}
END_TEST

START_TEST(write_is_torn)
{
	int fd = -1;

	ck_assert_int_eq(
	    io_openat(scratch.fd, "torn", O_WRONLY | O_CREAT, 0600, &fd),
	    GW_OK);
	arm(1, 0);
	fault.tears = true;
	ck_assert_int_eq(io_write_full(fd, "12345678", 8), GW_EIO);
	io_set_hook(NULL, NULL);
	ck_assert(scratch_has(&scratch, "torn", "1234"));
	io_drop(&fd);
}
END_TEST

static const struct fault_kind {
	int number;
	bool is_for_all;
	bool tears;
} kinds[] = {
    {EIO, false, false},
    {ENOSPC, false, false},
    {EIO, true, false},
    {ENOSPC, true, false},
    {0, false, true},
};

#define REPLACE_CALLS_MAX 20

/*
 * Fail call n until the whole goes through: at every n either the old
 * content and an error, or the new content and GW_OK.  Only a disk that
 * fails the sync of the directory and then everything else, too, leaves
 * the new content behind an error: putting the old file back failed.
 */
START_TEST(replace_keeps_old_content)
{
	const struct fault_kind *kind = &kinds[_i];
	enum gw_err err = GW_EIO;
	bool has_new;
	int n;

	log_set_sink(NULL, NULL);
	for (n = 1; n < REPLACE_CALLS_MAX; n++) {
		scratch_put(&scratch, "file", "old");
		arm(n, kind->number);
		fault.is_for_all = kind->is_for_all;
		fault.tears = kind->tears;
		err = io_replace_file(scratch.fd, "file", "newer", 5, 0600);
		io_set_hook(NULL, NULL);
		has_new = scratch_has(&scratch, "file", "newer");
		if (!has_new)
			ck_assert(scratch_has(&scratch, "file", "old"));
		if (err == GW_OK)
			ck_assert(has_new);
		else if (!kind->is_for_all || fault.at < 6)
			ck_assert(!has_new);
		if (fault.calls < n)
			break;
	}
	ck_assert_int_lt(n, REPLACE_CALLS_MAX);
	ck_assert_int_eq(err, GW_OK);
}
END_TEST

/* The same for a name that was not there: it is not there after an error. */
START_TEST(replace_of_nothing)
{
	enum gw_err err = GW_EIO;
	int n;

	for (n = 1; n < REPLACE_CALLS_MAX; n++) {
		(void)unlinkat(scratch.fd, "fresh", 0);
		arm(n, EIO);
		err = io_replace_file(scratch.fd, "fresh", "newer", 5, 0600);
		io_set_hook(NULL, NULL);
		if (err == GW_OK)
			ck_assert(scratch_has(&scratch, "fresh", "newer"));
		else
			ck_assert(!scratch_exists(&scratch, "fresh"));
		if (fault.calls < n)
			break;
	}
	ck_assert_int_lt(n, REPLACE_CALLS_MAX);
	ck_assert_int_eq(err, GW_OK);
}
END_TEST

static int
replace_child(void *arg)
{
	arm(*(int *)arg, -1);
	return io_replace_file(scratch.fd, "file", "newer", 5, 0600) == GW_OK
		   ? 0
		   : 1;
}

START_TEST(replace_survives_kill)
{
	int n, status = -1;

	for (n = 1; n < REPLACE_CALLS_MAX; n++) {
		scratch_put(&scratch, "file", "old");
		status = scratch_fork(replace_child, &n);
		ck_assert(scratch_has(&scratch, "file", "old") ||
			  scratch_has(&scratch, "file", "newer"));
		/* What the dead one left behind is in nobody's way. */
		ck_assert_int_eq(do_replace("file"), GW_OK);
		ck_assert(scratch_has(&scratch, "file", "x"));
		ck_assert(!scratch_exists(&scratch, ".file.new"));
		if (WIFEXITED(status))
			break;
	}
	ck_assert_int_eq(status, 0);
}
END_TEST

#define ROWS(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

int
main(void)
{
	Suite *suite = suite_create("io");
	TCase *tcase = tcase_create("io");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, open_stays_beneath, 0, ROWS(opens));
	tcase_add_loop_test(tcase, names_stay_beneath, 0, ROWS(names));
	tcase_add_test(tcase, long_names_are_refused);
	tcase_add_test(tcase, bytes_come_back);
	tcase_add_test(tcase, directory_is_opened);
	tcase_add_test(tcase, memfd_is_sealed);
	tcase_add_loop_test(tcase, half_sealed_is_not_sealed, 0, 4);
	tcase_add_test(tcase, load_has_a_limit);
	tcase_add_test(tcase, replace_sets_the_mode);
	tcase_add_test(tcase, leftovers_are_no_obstacle);
	tcase_add_loop_test(tcase, every_operation_fails_once, 0, ROWS(ops));
	tcase_add_test(tcase, write_is_torn);
	tcase_add_loop_test(tcase, replace_keeps_old_content, 0, ROWS(kinds));
	tcase_add_test(tcase, replace_of_nothing);
	tcase_add_test(tcase, replace_survives_kill);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
