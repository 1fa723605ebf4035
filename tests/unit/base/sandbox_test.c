/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/ev.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sandbox.h"
#include "base/sha256.h"

#include "tests/unit/base/scratch.h"

#define FILE_SIZE_MAX 65536
#define MEMORY_MAX    (256ull << 20)
#define FDS_MAX       32
#define NUMBERS       100000

/* What the escapes below may use; made before the sandbox. */
static struct {
	struct scratch scratch;
	int root_fd; /* a forgotten directory fd of the whole system */
	int in_fd;
	int rw_fd;
	int read_fd; /* a file open for reading alone */
	int pair[2];
	int dgram;
	struct ev_loop *loop;
	pid_t parent;
} world;

/* Result of an escape: an errno it was denied with, or 0 for "it worked". */
static int
result(long value)
{
	return value == -1 ? errno : 0;
}

/*
 * What must not work.
 */
static int
open_outside(void)
{
	return result(open("/etc/passwd", O_RDONLY));
}

static int
open_outside_by_fd(void)
{
	return result(openat(world.root_fd, "etc/passwd", O_RDONLY));
}

static int
open_dotdot(void)
{
	return result(openat(world.in_fd, "../secret", O_RDONLY));
}

static int
open_proc(void)
{
	return result(open("/proc/self/mem", O_RDWR));
}

static int
open_device(void)
{
	return result(open("/dev/null", O_RDWR));
}

static int
write_read_only(void)
{
	return result(openat(world.in_fd, "file", O_WRONLY));
}

static int
truncate_read_only(void)
{
	return result(openat(world.in_fd, "file", O_RDONLY | O_TRUNC));
}

static int
make_read_only(void)
{
	return result(openat(world.in_fd, "new", O_WRONLY | O_CREAT, 0600));
}

static int
unlink_read_only(void)
{
	return result(unlinkat(world.in_fd, "file", 0));
}

static int
mkdir_read_only(void)
{
	return result(mkdirat(world.in_fd, "folder", 0700));
}

static int
rename_out(void)
{
	return result(
	    renameat2(world.rw_fd, "file", world.root_fd, "tmp/gw-escaped", 0));
}

static int
write_through_read_fd(void)
{
	return result(write(world.read_fd, "x", 1));
}

static int
link_symbolic(void)
{
	return result(symlinkat("/etc/passwd", world.rw_fd, "link"));
}

static int
make_fifo(void)
{
	return result(mknodat(world.rw_fd, "fifo", S_IFIFO | 0600, 0));
}

static int
truncate_by_path(void)
{
	return result(truncate("/etc/passwd", 0));
}

static int
change_mode_by_path(void)
{
	return result(chmod(world.scratch.path, 0777));
}

static int
change_root(void)
{
	return result(chroot("/"));
}

static int
mount_something(void)
{
	return result(syscall(SYS_mount, "none", "/tmp", "tmpfs", 0UL, NULL));
}

static int
make_socket(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int
make_unix_socket(void)
{
	return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
make_socketpair(void)
{
	int pair[2];

	return result(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

static int
connect_inherited(void)
{
	struct sockaddr_un un = {
	    .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/stdout"};

	return result(
	    connect(world.pair[0], (struct sockaddr *)&un, sizeof(un)));
}

static int
send_to_address(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};

	return result(
	    sendto(world.dgram, "x", 1, 0, (struct sockaddr *)&un, sizeof(un)));
}

static int
run_program(void)
{
	char name[] = "/bin/true";
	char *argv[] = {name, NULL};
	char *envp[] = {NULL};

	return result(execve(name, argv, envp));
}

static int
run_memfd(void)
{
	char name[] = "";
	char *argv[] = {name, NULL};
	char *envp[] = {NULL};

	return result(syscall(
	    SYS_execveat, world.read_fd, "", argv, envp, AT_EMPTY_PATH));
}

static int
fork_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int
fork_raw(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int
clone_namespace(void)
{
	long pid =
	    syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int
clone_three(void)
{
	uint64_t args[11] = {0};
	long pid;

	args[4] = SIGCHLD;
	pid = syscall(SYS_clone3, args, sizeof(args));
	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int
unshare_user(void)
{
	return result(unshare(CLONE_NEWUSER));
}

static void *
thread_main(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

static int
make_thread(void)
{
	pthread_t thread;
	int ran = 0;
	int number;

	number = pthread_create(&thread, NULL, thread_main, &ran);
	if (number != 0)
		return number;
	number = pthread_join(thread, NULL);
	return number != 0 ? number : ran ? 0 : ENOSYS;
}

static int
trace_parent(void)
{
	return result(ptrace(PTRACE_ATTACH, world.parent, NULL, NULL));
}

static int
kill_parent(void)
{
	return result(kill(world.parent, 0));
}

static int
tgkill_parent(void)
{
	return result(syscall(SYS_tgkill, world.parent, world.parent, 0));
}

static int
queue_to_parent(void)
{
	union sigval value = {.sival_int = 0};

	return result(sigqueue(world.parent, 0, value));
}

static int
signal_parent_by_pidfd(void)
{
	long fd = syscall(SYS_pidfd_open, world.parent, 0);

	if (fd == -1)
		return errno;
	return result(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
}

static int
read_parent_memory(void)
{
	return result(
	    syscall(SYS_process_vm_readv, world.parent, NULL, 0, NULL, 0, 0));
}

static int
limit_parent(void)
{
	struct rlimit limit = {1, 1};

	return result(prlimit(world.parent, RLIMIT_NOFILE, &limit, NULL));
}

static int
raise_limit(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	return result(setrlimit(RLIMIT_FSIZE, &limit));
}

static int
use_io_uring(void)
{
	return result(syscall(SYS_io_uring_setup, 1, NULL));
}

static int
use_bpf(void)
{
	return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int
use_keys(void)
{
	return result(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static int
use_userfaultfd(void)
{
	return result(syscall(SYS_userfaultfd, 0));
}

static int
use_perf(void)
{
	return result(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static int
use_shared_memory(void)
{
	return result(syscall(SYS_shmget, 1, 4096, 01600));
}

static int
become_root(void)
{
	return result(setresuid(0, 0, 0));
}

static int
become_dumpable(void)
{
	return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int
map_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int
protect_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int
call_ioctl(void)
{
	return result(
	    syscall(SYS_ioctl, world.pair[0], 0x5412 /* TIOCSTI */, "x"));
}

static int
call_foreign_abi(void)
{
	/* getpid of x32; a number that does not exist elsewhere. */
	return result(syscall(0x40000000 + 39));
}

static int
write_too_much(void)
{
	static char block[FILE_SIZE_MAX];
	int fd = openat(world.rw_fd, "big", O_WRONLY | O_CREAT, 0600);

	if (fd == -1 || write(fd, block, sizeof(block)) != sizeof(block))
		return 0;
	return result(write(fd, "x", 1));
}

static int
write_too_much_memfd(void)
{
	static char block[FILE_SIZE_MAX];
	int fd = memfd_create("big", MFD_CLOEXEC);

	if (fd == -1 || write(fd, block, sizeof(block)) != sizeof(block))
		return 0;
	return result(write(fd, "x", 1));
}

static int
allocate_too_much(void)
{
	void *p = mmap(
	    NULL, MEMORY_MAX, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int
open_too_many(void)
{
	int i;

	for (i = 0; i < FDS_MAX; i++) {
		if (memfd_create("fd", MFD_CLOEXEC) == -1)
			return errno;
	}
	return 0;
}

/*
 * What must work.
 */
static int
compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* qsort of glibc asks for the size of memory; malloc maps and unmaps. */
static int
use_libc(void)
{
	int *numbers = mem_array(NUMBERS, sizeof(*numbers));
	char *bigger;
	int i;

	for (i = 0; i < NUMBERS; i++)
		numbers[i] = (i * 7919) % NUMBERS;
	qsort(numbers, NUMBERS, sizeof(*numbers), compare_ints);
	i = numbers[1];
	mem_free(numbers);
	bigger = mem_grow(mem_alloc(1 << 20), 16, 1 << 20);
	mem_free(bigger);
	log_info("libc works");
	return i == 1 && isatty(STDERR_FILENO) >= 0 ? 0 : EIO;
}

static void
stop_loop(void *arg)
{
	ev_loop_stop(arg);
}

static void
on_signal(void *arg, int signo)
{
	(void)signo;
	ev_timer_set(arg, 1);
}

static void
on_readable(void *arg, int fd, int events)
{
	char byte;

	(void)events;
	if (read(fd, &byte, 1) == 1)
		*(int *)arg = 1;
	if (raise(SIGUSR1) != 0)
		*(int *)arg = 2;
}

static int
use_loop(void)
{
	int got = 0;
	struct ev_timer *timer =
	    ev_timer_new(world.loop, stop_loop, world.loop);
	struct ev_signal *sig =
	    ev_signal_new(world.loop, SIGUSR1, on_signal, timer);
	struct ev_fd *fd =
	    ev_fd_new(world.loop, world.pair[0], EV_RD, on_readable, &got);

	if (send(world.pair[1], "x", 1, 0) != 1)
		return errno;
	ev_loop_run(world.loop);
	ev_fd_free(fd);
	ev_signal_free(sig);
	ev_timer_free(timer);
	return got == 1 ? 0 : EIO;
}

static int
use_files(void)
{
	struct stat st;
	uint8_t *text = NULL;
	size_t len = 0;
	int fd = -1;

	if (io_load_file(world.in_fd, "file", 100, &text, &len) != GW_OK ||
	    io_replace_file(world.rw_fd, "made", text, len, 0600) != GW_OK ||
	    io_replace_file(world.rw_fd, "made", "b", 1, 0600) != GW_OK ||
	    io_mkdirat(world.rw_fd, "dir", 0700) != GW_OK ||
	    io_unlinkat(world.rw_fd, "dir", true) != GW_OK ||
	    io_renameat(world.rw_fd, "made", world.rw_fd, "moved", true) !=
		GW_OK ||
	    io_statat(world.rw_fd, "moved", &st) != GW_OK ||
	    io_openat(world.rw_fd, "moved", O_RDWR, 0, &fd) != GW_OK ||
	    io_allocate(fd, 4096) != GW_OK || io_truncate(fd, 1) != GW_OK ||
	    io_fdatasync(fd) != GW_OK || io_close(&fd) != GW_OK)
		return errno != 0 ? errno : EIO;
	mem_free(text);
	return 0;
}

static int
use_memfd(void)
{
	uint64_t size = 0;
	int fd = -1;

	if (io_memfd("m", &fd) != GW_OK ||
	    io_write_full(fd, "abc", 3) != GW_OK || io_seal(fd) != GW_OK ||
	    io_check_sealed(fd, &size) != GW_OK || size != 3)
		return EIO;
	return write(fd, "x", 1) == -1 ? 0 : EIO;
}

/* For the first time here, so libcrypto starts up inside the sandbox. */
static int
use_libcrypto(void)
{
	uint8_t digest[SHA256_LEN];

	return sha256_of("abc", 3, digest) == GW_OK && digest[0] == 0xba ? 0
									 : EIO;
}

static int
abort_self(void)
{
	abort();
}

static int
fork_and_wait(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(7);
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 7 ? 0 : EIO;
}

/* A zygote's worker: narrowed for itself, while the zygote stays as it was. */
static const struct sandbox_call worker_calls[] = {
    {"read", -1, 0, 0, "its file"},
    {"write", -1, 0, 0, "its answer"},
    {"openat", -1, 0, 0, "for the test: Landlock alone must refuse"},
    {"close", -1, 0, 0, "the ruleset"},
    {"exit_group", -1, 0, 0, "the end"},
};

static int
narrowed_worker(int (*escape)(void))
{
	struct sandbox_path path = {world.rw_fd, SANDBOX_READ};
	struct sandbox_spec spec = {
	    .paths = &path, .path_count = 1, .deny_fork = true, .max_fds = 20};
	int status = -1, number;
	pid_t pid = fork();

	if (pid == 0) {
		if (sandbox_narrow(&spec, worker_calls,
			sizeof(worker_calls) / sizeof(worker_calls[0])) !=
		    GW_OK)
			_exit(200);
		_exit(escape());
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return errno;
	if (WIFSIGNALED(status))
		raise(WTERMSIG(status));
	number = WEXITSTATUS(status);
	return number;
}

static int
read_own(void)
{
	return result(openat(world.rw_fd, "file", O_RDONLY));
}

static int
read_sibling(void)
{
	return result(openat(world.in_fd, "file", O_RDONLY));
}

static int
write_own(void)
{
	return result(openat(world.rw_fd, "file", O_WRONLY));
}

static int
narrow_reads_own(void)
{
	return narrowed_worker(read_own);
}

static int
narrow_reads_sibling(void)
{
	return narrowed_worker(read_sibling);
}

static int
narrow_writes(void)
{
	return narrowed_worker(write_own);
}

static int
ask_pid(void)
{
	return getpid() > 0 ? 0 : EIO;
}

/* getpid is in the base list but not in the worker's. */
static int
narrow_calls_more(void)
{
	return narrowed_worker(ask_pid);
}

enum outcome { WORKS, DENIED, KILLED, ABORTS };

#define FILES   1u
#define THREADS 2u
#define FORKS   4u
#define NARROW  8u

static const struct escape {
	const char *name;
	int (*run)(void);
	unsigned lists;
	enum outcome want;
} escapes[] = {
    {"open outside", open_outside, FILES, DENIED},
    {"open outside, no file calls", open_outside, 0, KILLED},
    {"open outside by fd", open_outside_by_fd, FILES, DENIED},
    {"open ..", open_dotdot, FILES, DENIED},
    {"open /proc/self/mem", open_proc, FILES, DENIED},
    {"open a device", open_device, FILES, DENIED},
    {"write read-only", write_read_only, FILES, DENIED},
    {"truncate read-only", truncate_read_only, FILES, DENIED},
    {"make in read-only", make_read_only, FILES, DENIED},
    {"unlink in read-only", unlink_read_only, FILES, DENIED},
    {"mkdir in read-only", mkdir_read_only, FILES, DENIED},
    {"rename out", rename_out, FILES, DENIED},
    {"write through a reading fd", write_through_read_fd, 0, DENIED},
    {"symlink", link_symbolic, FILES, KILLED},
    {"mknod", make_fifo, FILES, KILLED},
    {"truncate by path", truncate_by_path, FILES, KILLED},
    {"chmod by path", change_mode_by_path, FILES, KILLED},
    {"chroot", change_root, FILES, KILLED},
    {"mount", mount_something, FILES, KILLED},
    {"socket inet", make_socket, FILES, KILLED},
    {"socket unix", make_unix_socket, FILES, KILLED},
    {"socketpair", make_socketpair, FILES, KILLED},
    {"connect", connect_inherited, FILES, KILLED},
    {"sendto an address", send_to_address, FILES, KILLED},
    {"execve", run_program, FILES | FORKS, KILLED},
    {"execveat", run_memfd, FILES | FORKS, KILLED},
    {"fork", fork_child, FILES, KILLED},
    {"fork beside threads", fork_child, THREADS, KILLED},
    {"raw clone", fork_raw, THREADS, KILLED},
    {"clone of a namespace", clone_namespace, FORKS, KILLED},
    {"clone3", clone_three, 0, KILLED},
    {"clone3 beside threads", clone_three, THREADS, DENIED},
    {"clone3 beside forks", clone_three, FORKS, DENIED},
    {"unshare", unshare_user, FILES | FORKS, KILLED},
    {"thread", make_thread, FILES, KILLED},
    {"thread of a zygote", make_thread, FORKS, KILLED},
    {"ptrace the parent", trace_parent, FILES | FORKS, KILLED},
    {"kill the parent", kill_parent, FILES | FORKS, KILLED},
    {"tgkill the parent", tgkill_parent, FILES, KILLED},
    {"sigqueue to the parent", queue_to_parent, FILES, KILLED},
    {"pidfd of the parent", signal_parent_by_pidfd, FILES, KILLED},
    {"read the parent's memory", read_parent_memory, FILES, KILLED},
    {"limit the parent", limit_parent, FILES | NARROW, KILLED},
    {"raise a limit", raise_limit, FILES, KILLED},
    {"io_uring", use_io_uring, FILES, KILLED},
    {"bpf", use_bpf, FILES, KILLED},
    {"keyctl", use_keys, FILES, KILLED},
    {"userfaultfd", use_userfaultfd, FILES, KILLED},
    {"perf", use_perf, FILES, KILLED},
    {"shared memory", use_shared_memory, FILES, KILLED},
    {"setresuid", become_root, FILES, KILLED},
    {"dumpable", become_dumpable, FILES | THREADS, KILLED},
    {"executable memory", map_executable, FILES, KILLED},
    {"memory made executable", protect_executable, FILES, KILLED},
    {"ioctl", call_ioctl, FILES, KILLED},
    {"foreign ABI", call_foreign_abi, FILES, KILLED},
    {"file beyond its limit", write_too_much, FILES, DENIED},
    {"memfd beyond its limit", write_too_much_memfd, FILES, DENIED},
    {"memory beyond its limit", allocate_too_much, FILES, DENIED},
    {"fds beyond their limit", open_too_many, FILES, DENIED},
    {"narrowed: sibling's file", narrow_reads_sibling, FILES | FORKS | NARROW,
	DENIED},
    {"narrowed: write", narrow_writes, FILES | FORKS | NARROW, DENIED},
    {"narrowed: a call of the base list", narrow_calls_more,
	FILES | FORKS | NARROW, KILLED},

    {"libc", use_libc, 0, WORKS},
    {"loop", use_loop, 0, WORKS},
    {"files", use_files, FILES, WORKS},
    {"memfd", use_memfd, 0, WORKS},
    {"libcrypto", use_libcrypto, 0, WORKS},
    {"threads", make_thread, THREADS, WORKS},
    {"forks", fork_and_wait, FORKS, WORKS},
    {"narrowed: own file", narrow_reads_own, FILES | FORKS | NARROW, WORKS},
    {"abort", abort_self, 0, ABORTS},
};

#define ESCAPES ((int)(sizeof(escapes) / sizeof(escapes[0])))

static int
open_beneath(const char *name, int flags)
{
	int fd = openat(world.scratch.fd, name, flags | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void
setup(void)
{
	int dgram[2];

	scratch_init(&world.scratch);
	ck_assert_int_eq(mkdirat(world.scratch.fd, "in", 0700), 0);
	ck_assert_int_eq(mkdirat(world.scratch.fd, "rw", 0700), 0);
	scratch_put(&world.scratch, "secret", "secret");
	scratch_put(&world.scratch, "in/file", "content");
	scratch_put(&world.scratch, "rw/file", "content");
	world.in_fd = open_beneath("in", O_RDONLY | O_DIRECTORY);
	world.rw_fd = open_beneath("rw", O_RDONLY | O_DIRECTORY);
	world.read_fd = open_beneath("in/file", O_RDONLY);
	world.root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, world.pair), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, dgram), 0);
	world.dgram = dgram[0];
	close(dgram[1]);
	world.loop = ev_loop_new();
	world.parent = getpid();
}

static void
teardown(void)
{
	ev_loop_free(world.loop);
	close(world.pair[0]);
	close(world.pair[1]);
	close(world.dgram);
	close(world.root_fd);
	close(world.read_fd);
	close(world.rw_fd);
	close(world.in_fd);
	scratch_clear(&world.scratch);
}

static void
take_lists(struct sandbox_call *calls, int size, int *used, unsigned lists)
{
	if (lists & FILES)
		sandbox_join(calls, size, used, sandbox_file_calls,
		    sandbox_file_call_count);
	if (lists & THREADS)
		sandbox_join(calls, size, used, sandbox_thread_calls,
		    sandbox_thread_call_count);
	if (lists & NARROW)
		sandbox_join(calls, size, used, sandbox_narrow_calls,
		    sandbox_narrow_call_count);
}

#define NOT_ENTERED 255

static int
escape_child(void *arg)
{
	const struct escape *e = arg;
	struct sandbox_call calls[64];
	struct sandbox_path paths[2] = {
	    {world.in_fd, SANDBOX_READ},
	    {world.rw_fd, SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE},
	};
	struct sandbox_spec spec = {
	    .paths = paths,
	    .path_count = 2,
	    .calls = calls,
	    .deny_fork = !(e->lists & FORKS),
	    .max_file_size = FILE_SIZE_MAX,
	    .max_memory = MEMORY_MAX,
	    .max_fds = FDS_MAX,
	};

	take_lists(calls, 64, &spec.call_count, e->lists);
	signal(SIGXFSZ, SIG_IGN);
	if (sandbox_enter(&spec) != GW_OK)
		return NOT_ENTERED;
	errno = 0;
	return e->run();
}

#ifndef GW_SANITIZED
START_TEST(escape_is_stopped)
{
	struct escape e = escapes[_i];
	int status = scratch_fork(escape_child, &e);

	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_ENTERED)
		ck_abort_msg("%s: sandbox not entered", e.name);
	switch (e.want) {
	case WORKS:
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			ck_abort_msg("%s: status %#x", e.name, status);
		break;
	case DENIED:
		if (!WIFEXITED(status) || WEXITSTATUS(status) == 0)
			ck_abort_msg("%s: status %#x", e.name, status);
		break;
	case KILLED:
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			ck_abort_msg("%s: status %#x", e.name, status);
		break;
	case ABORTS:
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
			ck_abort_msg("%s: status %#x", e.name, status);
		break;
	}
	ck_assert(scratch_has(&world.scratch, "in/file", "content"));
	ck_assert(!scratch_exists(&world.scratch, "in/new"));
}
END_TEST
#endif

/*
 * Landlock alone, with a filter that would let the call pass: what holds
 * where seccomp has to allow a call.
 */
static const struct sandbox_call network_calls[] = {
    {"socket", -1, 0, 0, "the test"},
    {"connect", -1, 0, 0, "the test"},
    {"bind", -1, 0, 0, "the test"},
    {"kill", -1, 0, 0, "the test"},
};

struct network {
	uint16_t allowed;
	uint16_t bindable;
	uint16_t tried;
	bool may_signal;
};

static int
network_enter(const struct network *n)
{
	struct sandbox_spec spec = {
	    .calls = network_calls,
	    .call_count = sizeof(network_calls) / sizeof(network_calls[0]),
	    .deny_fork = true,
	    .connect_ports = &n->allowed,
	    .connect_port_count = n->allowed != 0,
	    .bind_ports = &n->bindable,
	    .bind_port_count = n->bindable != 0,
	    .may_signal = n->may_signal,
	};

	return sandbox_enter(&spec) == GW_OK ? 0 : NOT_ENTERED;
}

static int
connect_child(void *arg)
{
	const struct network *n = arg;
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_port = htons(n->tried),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};

	if (network_enter(n) != 0)
		return NOT_ENTERED;
	return result(connect(socket(AF_INET, SOCK_STREAM, 0),
	    (struct sockaddr *)&in, sizeof(in)));
}

static int
bind_child(void *arg)
{
	const struct network *n = arg;
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_port = htons(n->tried),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};

	if (network_enter(arg) != 0)
		return NOT_ENTERED;
	return result(bind(socket(AF_INET, SOCK_STREAM, 0),
	    (struct sockaddr *)&in, sizeof(in)));
}

static int
signal_child(void *arg)
{
	if (network_enter(arg) != 0)
		return NOT_ENTERED;
	return result(kill(world.parent, 0));
}

static void
check_exit(int status, int number)
{
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), number);
}

START_TEST(connect_reaches_its_ports)
{
	/* Nobody listens on port 1, so what passes is refused by TCP. */
	struct network own = {.allowed = 1, .tried = 1};
	struct network other = {.allowed = 2, .tried = 1};
	struct network none = {.tried = 1};
	struct network bound = {.bindable = 29443, .tried = 29443};
	struct network unbound = {.bindable = 29443, .tried = 29444};

	check_exit(scratch_fork(connect_child, &own), ECONNREFUSED);
	check_exit(scratch_fork(bind_child, &bound), 0);
	if (sandbox_landlock_abi() < 4)
		return;
	check_exit(scratch_fork(connect_child, &other), EACCES);
	check_exit(scratch_fork(connect_child, &none), EACCES);
	check_exit(scratch_fork(bind_child, &unbound), EACCES);
	check_exit(scratch_fork(connect_child, &bound), EACCES);
}
END_TEST

START_TEST(signals_stay_inside)
{
	struct network inside = {.may_signal = false};
	struct network outside = {.may_signal = true};

	check_exit(scratch_fork(signal_child, &outside), 0);
	if (sandbox_landlock_abi() < 6)
		return;
	check_exit(scratch_fork(signal_child, &inside), EPERM);
}
END_TEST

static int
bad_name_child(void *arg)
{
	static const struct sandbox_call bad = {"no_such_call", -1, 0, 0, "-"};
	struct sandbox_spec spec = {
	    .calls = &bad, .call_count = 1, .deny_fork = true};

	(void)arg;
	return sandbox_enter(&spec) == GW_EBUG ? 0 : 1;
}

static void *
wait_forever(void *arg)
{
	(void)arg;
	poll(NULL, 0, -1);
	return NULL;
}

static int
two_threads_child(void *arg)
{
	struct sandbox_spec spec = {.deny_fork = true};
	pthread_t thread;

	(void)arg;
	if (pthread_create(&thread, NULL, wait_forever, NULL) != 0)
		return 2;
	return sandbox_enter(&spec) == GW_EBUG ? 0 : 1;
}

START_TEST(mistakes_refuse_to_start)
{
	check_exit(scratch_fork(bad_name_child, NULL), 0);
	check_exit(scratch_fork(two_threads_child, NULL), 0);
}
END_TEST

static void
check_rows(const struct sandbox_call *rows, int count)
{
	int i, k;

	for (i = 0; i < count; i++) {
		if (rows[i].why == NULL || rows[i].why[0] == '\0')
			ck_abort_msg("%s has no reason", rows[i].name);
		for (k = 0; k < i; k++) {
			if (strcmp(rows[i].name, rows[k].name) == 0 &&
			    rows[i].arg_index == rows[k].arg_index &&
			    rows[i].arg_value == rows[k].arg_value)
				ck_abort_msg("%s twice", rows[i].name);
		}
	}
}

START_TEST(every_row_has_a_reason)
{
	check_rows(sandbox_base_calls, sandbox_base_call_count);
	check_rows(sandbox_file_calls, sandbox_file_call_count);
	check_rows(sandbox_thread_calls, sandbox_thread_call_count);
	check_rows(sandbox_fork_calls, sandbox_fork_call_count);
	check_rows(sandbox_narrow_calls, sandbox_narrow_call_count);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *tcase = tcase_create("sandbox");
	SRunner *runner = srunner_create(suite);
	int failed;

	log_init("test");
	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
#ifndef GW_SANITIZED
	tcase_add_loop_test(tcase, escape_is_stopped, 0, ESCAPES);
#else
	(void)escapes;
	(void)escape_child;
	log_warn("%d escapes not tried: sanitizer build", ESCAPES);
#endif
	tcase_add_test(tcase, connect_reaches_its_ports);
	tcase_add_test(tcase, signals_stay_inside);
	tcase_add_test(tcase, mistakes_refuse_to_start);
	tcase_add_test(tcase, every_row_has_a_reason);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
