/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#include "tests/unit/scanners/rig.h"

static const char text[] = "the file of this job\n";

/* --- scans: what the worker is told to do by its file ------------------------ */

static void
scan_clean(struct worker_ctx *ctx)
{
	char buf[64] = "";
	size_t got;

	if (worker_read(ctx, buf, sizeof(buf), 0, &got) == GW_OK &&
	    strncmp(buf, "bad", 3) == 0)
		worker_say(ctx, VERDICT_DENIED, REASON_TYPE_POLYGLOT, "bad");
	else
		worker_say(ctx, VERDICT_CLEAN, REASON_NONE, "%zu bytes", got);
	worker_say_type(ctx, TYPE_TEXT);
}

static void
scan_silent(struct worker_ctx *ctx)
{
	(void)ctx;
}

static void
scan_crash(struct worker_ctx *ctx)
{
	static volatile uintptr_t nowhere = 16;

	(void)ctx;
#ifdef GW_SANITIZED
	/* Without the sanitizer's long report. */
	_exit((int)nowhere);
#else
	*(volatile int *)nowhere = 1;
#endif
}

static void
scan_loop(struct worker_ctx *ctx)
{
	volatile unsigned n = 0;

	(void)ctx;
	for (;;)
		n++;
}

static void
scan_slow(struct worker_ctx *ctx)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < 1);
	worker_say(ctx, VERDICT_CLEAN, REASON_NONE, "slow");
	worker_say_type(ctx, TYPE_TEXT);
}

static void
scan_exit_early(struct worker_ctx *ctx)
{
	worker_say(ctx, VERDICT_CLEAN, REASON_NONE, "%s", "");
	_exit(0);
}

static void
scan_infected(struct worker_ctx *ctx)
{
	worker_say(ctx, VERDICT_INFECTED, REASON_VIRUS_FOUND, "not mine");
}

static void
scan_clean_with_reason(struct worker_ctx *ctx)
{
	worker_say(ctx, VERDICT_CLEAN, REASON_TYPE_UNKNOWN, "both");
}

static void
scan_bad_type(struct worker_ctx *ctx)
{
	worker_say(ctx, VERDICT_CLEAN, REASON_NONE, "%s", "");
	worker_say_type(ctx, (enum policy_type)(TYPE_COUNT + 3));
}

static void
scan_type_not_accepted(struct worker_ctx *ctx)
{
	worker_say(ctx, VERDICT_CLEAN, REASON_NONE, "%s", "");
	worker_say_type(ctx, TYPE_EXECUTABLE);
}

static void
scan_confirmed(struct worker_ctx *ctx)
{
	worker_say(ctx, VERDICT_CONFIRMED, REASON_NONE, "%s", "");
	worker_say_method(ctx, 5);
}

static void
scan_detail(struct worker_ctx *ctx)
{
	worker_say(ctx, VERDICT_DENIED, REASON_TYPE_POLYGLOT,
	    "tab\there \xe6\x97\xa5 and much more than there is room for in "
	    "one detail, so that it is cut");
}

#ifndef GW_SANITIZED

static void
scan_memory(struct worker_ctx *ctx)
{
	size_t i, size = (size_t)1 << 40;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		worker_say(ctx, VERDICT_NOT_SCANNED,
		    REASON_NOT_SCANNED_LIMIT, "no memory");
		return;
	}
	for (i = 0; i < size; i += 4096)
		p[i] = 1;
}

/* Returned, so that the compiler keeps the calls. */
static volatile long sink;

#define ESCAPE(name, call)                                              \
	static void escape_##name(struct worker_ctx *ctx)               \
	{                                                               \
		(void)ctx;                                              \
		sink = (long)(call);                                    \
		worker_say(ctx, VERDICT_CLEAN, REASON_NONE, "escaped"); \
		worker_say_type(ctx, TYPE_TEXT);                        \
	}

static int never_zero = 1;

ESCAPE(open, syscall(SYS_open, "/etc/passwd", O_RDONLY))
ESCAPE(openat, openat(AT_FDCWD, "/etc/passwd", O_RDONLY))
ESCAPE(openat2, syscall(SYS_openat2, AT_FDCWD, "/", NULL, 0))
ESCAPE(creat, creat("/tmp/escaped", 0600))
ESCAPE(socket, socket(AF_INET, SOCK_STREAM, 0))
ESCAPE(unix_socket, socket(AF_UNIX, SOCK_STREAM, 0))
ESCAPE(connect, connect(0, NULL, 0))
ESCAPE(sendmsg, sendmsg(0, NULL, 0))
ESCAPE(recvmsg, recvmsg(0, NULL, 0))
ESCAPE(exec, execl("/bin/true", "true", (char *)NULL))
ESCAPE(fork, syscall(SYS_fork))
ESCAPE(clone, syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0))
ESCAPE(ptrace, ptrace(PTRACE_TRACEME, 0, NULL, NULL))
ESCAPE(ptrace_parent, ptrace(PTRACE_ATTACH, getppid(), NULL, NULL))
ESCAPE(process_vm, syscall(SYS_process_vm_readv, getppid(), 0, 0, 0, 0, 0))
ESCAPE(kill_parent, kill(getppid(), SIGKILL))
ESCAPE(kill_self, kill(getpid(), SIGKILL))
ESCAPE(pidfd_open, syscall(SYS_pidfd_open, 1, 0))
ESCAPE(pidfd_getfd, syscall(SYS_pidfd_getfd, 1, 1, 0))
ESCAPE(shmget, shmget(IPC_PRIVATE, 4096, 0600))
ESCAPE(memfd, memfd_create("x", 0))
ESCAPE(write, write(1, "x", 1))
ESCAPE(pwrite, pwrite(3, "x", (size_t)never_zero, 0))
ESCAPE(mmap_exec, mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
ESCAPE(mprotect_exec, mprotect((void *)0x10000, 4096, PROT_EXEC))
ESCAPE(io_uring, syscall(425, 1, NULL))
ESCAPE(bpf, syscall(SYS_bpf, 0, NULL, 0))
ESCAPE(keyctl, syscall(SYS_keyctl, 0, 0, 0, 0, 0))
ESCAPE(unshare, syscall(SYS_unshare, 0))
ESCAPE(mount, syscall(SYS_mount, "x", "/", "tmpfs", 0, NULL))
ESCAPE(setuid, syscall(SYS_setuid, 0))
ESCAPE(prctl, syscall(SYS_prctl, 4, 1, 0, 0, 0))
ESCAPE(seccomp, syscall(SYS_seccomp, 0, 0, NULL))
ESCAPE(raise_limits, syscall(SYS_prlimit64, 0, 7, &never_zero, NULL))
ESCAPE(epoll, syscall(SYS_epoll_create1, 0))
ESCAPE(userfaultfd, syscall(SYS_userfaultfd, 0))
ESCAPE(perf, syscall(SYS_perf_event_open, NULL, 0, 0, -1, 0))
ESCAPE(dup_beyond, syscall(SYS_dup2, 0, 60))
ESCAPE(chdir, syscall(SYS_chdir, "/"))
ESCAPE(waitid, syscall(SYS_wait4, -1, NULL, 0, NULL))

#endif

/* Nothing but the body and /dev/null is open. */
static void
scan_count_fds(struct worker_ctx *ctx)
{
	struct stat st;
	int fd, count = 0;

	for (fd = 3; fd < 4096; fd++) {
		if (fstat(fd, &st) == 0)
			count++;
	}
	worker_say(ctx, VERDICT_DENIED, REASON_TYPE_POLYGLOT, "%d fds",
	    count);
}

#ifndef GW_SANITIZED

/* Look through all own memory for the mark that another job's key holds. */
static const uint8_t key_mark[16] = "KEY-OF-ANOTHER-";

static size_t
count_marks(const uint8_t *p, size_t len)
{
	/* The mark in this program's own data does not count. */
	uint8_t want[sizeof(key_mark)];
	const uint8_t *at = p, *end = p + len;
	size_t i, found = 0;

	for (i = 0; i < sizeof(want); i++)
		want[i] = key_mark[i] ^ 0x55;
	for (; at + sizeof(want) <= end; at++) {
		for (i = 0; i < sizeof(want); i++) {
			if ((at[i] ^ 0x55) != want[i])
				break;
		}
		if (i == sizeof(want) && at != key_mark)
			found++;
	}
	return found;
}

/*
 * Without /proc a worker cannot see its map; a test knows one: it reads it
 * before it is sandboxed, in prepare, and again what grew since is heap.
 */
static struct {
	uintptr_t start, end;
} ranges[4096];
static int range_count;

static void
note_ranges(void)
{
	uintmax_t start, end;
	char line[512], perms[8];
	FILE *f = fopen("/proc/self/maps", "re");

	while (range_count < 4096 && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%jx-%jx %7s", &start, &end, perms) != 3 ||
		    perms[0] != 'r' || strstr(line, "[v") != NULL)
			continue;
		ranges[range_count].start = (uintptr_t)start;
		ranges[range_count++].end = (uintptr_t)end;
	}
	fclose(f);
}

static void
prepare_ranges(const struct policy_table *policy, const char *slots,
    struct worker_versions *versions)
{
	(void)policy;
	(void)slots;
	(void)versions;
	note_ranges();
}

static void
scan_for_keys(struct worker_ctx *ctx)
{
	size_t found = 0;
	uintptr_t heap_end = (uintptr_t)sbrk(0);
	int i;

	for (i = 0; i < range_count; i++) {
		uintptr_t end = ranges[i].end;

		/* The heap has grown since. */
		if (i + 1 < range_count && end <= heap_end &&
		    ranges[i + 1].start > heap_end)
			end = heap_end;
		/* Own stack frames of this search hold no key. */
		if ((uintptr_t)&found >= ranges[i].start &&
		    (uintptr_t)&found < end)
			continue;
		found += count_marks((const uint8_t *)ranges[i].start,
		    end - ranges[i].start);
	}
	worker_say(ctx, VERDICT_DENIED, REASON_TYPE_POLYGLOT, "%zu keys",
	    found);
}

#endif

/* --- rig ------------------------------------------------------------------------- */

#define PASSING                                                         \
	(1u << VERDICT_CLEAN | 1u << VERDICT_DENIED |                   \
	    1u << VERDICT_NOT_SCANNED)

static struct worker_ops
ops_of(void (*scan)(struct worker_ctx *))
{
	return (struct worker_ops){
		.stage = STAGE_IDENTIFY,
		.verdicts = PASSING,
		.scan = scan,
		.memory_bytes = 64u << 20,
	};
}

static struct rig_body
run_one(void (*scan)(struct worker_ctx *), uint32_t flags, uint32_t timeout)
{
	struct worker_ops ops = ops_of(scan);
	struct rig_setup setup = {.ops = &ops};
	struct rig_body body;
	struct rig rig;

	rig_start(&rig, &setup);
	rig_grant(&body, text, strlen(text), "txt");
	rig_job(&rig, &body, 1, flags, timeout);
	rig_stop(&rig);
	return body;
}

/* --- tests ------------------------------------------------------------------------- */

START_TEST(test_clean)
{
	struct rig_body b = run_one(scan_clean, 0, 0);

	ck_assert_uint_eq(b.outcome, ZYGOTE_REPORTED);
	ck_assert(b.has_verdict);
	ck_assert_uint_eq(b.verdict.verdict, VERDICT_CLEAN);
	ck_assert_uint_eq(b.verdict.type, TYPE_TEXT);
	ck_assert_str_eq(b.verdict.detail, "21 bytes");
}
END_TEST

START_TEST(test_many_jobs)
{
	struct worker_ops ops = ops_of(scan_clean);
	struct rig_setup setup = {.ops = &ops};
	struct rig_body b;
	struct rig rig;
	int i;

	rig_start(&rig, &setup);
	for (i = 0; i < 200; i++) {
		rig_grant(&b, text, strlen(text), "txt");
		rig_job(&rig, &b, 1, 0, 0);
		ck_assert_uint_eq(b.outcome, ZYGOTE_REPORTED);
	}
	rig_stop(&rig);
}
END_TEST

/* Failing jobs are no verdict before the last try. */
static const struct {
	void (*scan)(struct worker_ctx *);
	uint32_t timeout_ms;
	enum zygote_outcome outcome;
	enum reason reason;
} failures[] = {
	{scan_crash, 0, ZYGOTE_CRASHED, REASON_NOT_SCANNED_CRASH},
	{scan_loop, 200, ZYGOTE_TIMED_OUT, REASON_NOT_SCANNED_TIMEOUT},
	{scan_silent, 0, ZYGOTE_GARBAGE, REASON_NOT_SCANNED_ERROR},
	{scan_exit_early, 0, ZYGOTE_GARBAGE, REASON_NOT_SCANNED_ERROR},
	{scan_infected, 0, ZYGOTE_GARBAGE, REASON_NOT_SCANNED_ERROR},
	{scan_clean_with_reason, 0, ZYGOTE_GARBAGE,
	    REASON_NOT_SCANNED_ERROR},
	{scan_bad_type, 0, ZYGOTE_GARBAGE, REASON_NOT_SCANNED_ERROR},
	{scan_type_not_accepted, 0, ZYGOTE_GARBAGE,
	    REASON_NOT_SCANNED_ERROR},
	{scan_confirmed, 0, ZYGOTE_GARBAGE, REASON_NOT_SCANNED_ERROR},
};

START_TEST(test_failure)
{
	struct rig_body b;

	b = run_one(failures[_i].scan, 0, failures[_i].timeout_ms);
	ck_assert_uint_eq(b.outcome, failures[_i].outcome);
	ck_assert(!b.has_verdict);
	b = run_one(failures[_i].scan, ZYGOTE_LAST_TRY,
	    failures[_i].timeout_ms);
	ck_assert_uint_eq(b.outcome, failures[_i].outcome);
	ck_assert(b.has_verdict);
	ck_assert_uint_eq(b.verdict.verdict, VERDICT_NOT_SCANNED);
	ck_assert_uint_eq(b.verdict.reason, failures[_i].reason);
}
END_TEST

START_TEST(test_detail_is_made_safe)
{
	struct rig_body b = run_one(scan_detail, 0, 0);
	size_t i, len = strnlen(b.verdict.detail, IPC_DETAIL_LEN);

	ck_assert_uint_eq(b.outcome, ZYGOTE_REPORTED);
	ck_assert_uint_eq(len, IPC_DETAIL_LEN - 1);
	for (i = 0; i < len; i++)
		ck_assert(b.verdict.detail[i] >= 0x20 &&
		    b.verdict.detail[i] < 0x7f);
}
END_TEST

START_TEST(test_hidden_data)
{
	struct worker_ops ops = ops_of(scan_clean);
	struct rig_setup setup = {.ops = &ops};
	struct rig_body b;
	struct rig rig;

	rig_start(&rig, &setup);
	rig_grant(&b, text, strlen(text), "txt");
	/* The last bytes of the text lie behind the end that keys knows. */
	b.grant.plain_len -= 4;
	rig_job(&rig, &b, 1, 0, 0);
	ck_assert_uint_eq(b.outcome, ZYGOTE_REPORTED);
	ck_assert_uint_eq(b.verdict.verdict, VERDICT_NOT_SCANNED);
	ck_assert_uint_eq(b.verdict.reason, REASON_BAD_HIDDEN);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_damaged)
{
	struct worker_ops ops = ops_of(scan_clean);
	struct rig_setup setup = {.ops = &ops};
	static uint8_t big[600000];
	struct rig_body b;
	struct rig rig;
	uint64_t id;

	rig_start(&rig, &setup);
	rig_grant(&b, big, sizeof(big), "txt");
	id = rig_send(&rig, &b, 1, 0, 0);
	/* keys has another root than what spool holds. */
	b.grant.root[5] ^= 1;
	rig_receive(&rig, id, &b, 1);
	ck_assert_uint_eq(b.outcome, ZYGOTE_REPORTED);
	ck_assert_uint_eq(b.verdict.verdict, VERDICT_NOT_SCANNED);
	ck_assert_uint_eq(b.verdict.reason, REASON_DAMAGED);
	/* Another key. */
	rig_grant(&b, big, sizeof(big), "txt");
	id = rig_send(&rig, &b, 1, 0, 0);
	b.grant.key[0] ^= 1;
	rig_receive(&rig, id, &b, 1);
	ck_assert_uint_eq(b.verdict.reason, REASON_DAMAGED);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_refused)
{
	struct worker_ops ops = ops_of(scan_clean);
	struct rig_setup setup = {.ops = &ops};
	struct rig_body b;
	struct rig rig;

	rig_start(&rig, &setup);
	rig_grant(&b, text, strlen(text), "txt");
	b.grant.err = GW_EDENIED;
	rig_job(&rig, &b, 1, ZYGOTE_LAST_TRY, 0);
	ck_assert_uint_eq(b.outcome, ZYGOTE_REFUSED);
	ck_assert(!b.has_verdict);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_batch)
{
	struct worker_ops ops = ops_of(scan_clean);
	struct rig_setup setup = {.ops = &ops};
	struct rig_body b[64];
	struct rig rig;
	int i;

	rig_start(&rig, &setup);
	for (i = 0; i < 64; i++)
		rig_grant(&b[i], text, (size_t)i % sizeof(text), "txt");
	rig_job(&rig, b, 64, 0, 0);
	for (i = 0; i < 64; i++) {
		ck_assert_uint_eq(b[i].outcome, ZYGOTE_REPORTED);
		ck_assert_uint_eq(b[i].verdict.verdict, VERDICT_CLEAN);
	}
	/* One that is not clean: nothing of the batch counts. */
	for (i = 0; i < 64; i++)
		rig_grant(&b[i], i == 40 ? "bad" : "good", 4, "txt");
	rig_job(&rig, b, 64, 0, 0);
	for (i = 0; i < 64; i++) {
		ck_assert_uint_eq(b[i].outcome, ZYGOTE_REPEAT);
		ck_assert(!b[i].has_verdict);
	}
	rig_stop(&rig);
}
END_TEST

START_TEST(test_batch_crash)
{
	struct worker_ops ops = ops_of(scan_crash);
	struct rig_setup setup = {.ops = &ops};
	struct rig_body b[3];
	struct rig rig;
	int i;

	rig_start(&rig, &setup);
	for (i = 0; i < 3; i++)
		rig_grant(&b[i], text, 5, "txt");
	rig_job(&rig, b, 3, ZYGOTE_LAST_TRY, 0);
	for (i = 0; i < 3; i++) {
		ck_assert_uint_eq(b[i].outcome, ZYGOTE_REPEAT);
		ck_assert(!b[i].has_verdict);
	}
	rig_stop(&rig);
}
END_TEST

/* Told to stop, a zygote first ends what it has begun. */
START_TEST(test_drain)
{
	struct worker_ops ops = ops_of(scan_slow);
	struct rig_setup setup = {.ops = &ops};
	struct rig_body b;
	struct rig rig;
	uint64_t id;

	rig_start(&rig, &setup);
	rig_grant(&b, text, strlen(text), "txt");
	id = rig_send(&rig, &b, 1, 0, 0);
	/* Once keys is asked the job was taken. */
	rig_wait_keys(&rig);
	rig_stop_begin(&rig);
	rig_receive(&rig, id, &b, 1);
	ck_assert_uint_eq(b.outcome, ZYGOTE_REPORTED);
	rig_stop_end(&rig);
}
END_TEST

START_TEST(test_client_gone)
{
	struct worker_ops ops = ops_of(scan_loop);
	struct rig_setup setup = {.ops = &ops};
	struct rig_body b;
	struct rig rig;

	/* inspect goes away while a worker runs: the worker is ended. */
	rig_start(&rig, &setup);
	rig_grant(&b, text, 5, "txt");
	(void)rig_send(&rig, &b, 1, 0, 60000);
	rig_serve_keys(&rig, &b, 1);
	shutdown(rig.inspect, SHUT_RDWR);
	rig_stop(&rig);
}
END_TEST

#ifndef GW_SANITIZED

static void (*const escapes[])(struct worker_ctx *) = {
	escape_open, escape_openat, escape_openat2, escape_creat,
	escape_socket, escape_unix_socket, escape_connect, escape_sendmsg,
	escape_recvmsg, escape_exec, escape_fork, escape_clone,
	escape_ptrace, escape_ptrace_parent, escape_process_vm,
	escape_kill_parent, escape_kill_self, escape_pidfd_open,
	escape_pidfd_getfd, escape_shmget, escape_memfd, escape_write,
	escape_pwrite, escape_mmap_exec, escape_mprotect_exec,
	escape_io_uring, escape_bpf, escape_keyctl, escape_unshare,
	escape_mount, escape_setuid, escape_prctl, escape_seccomp,
	escape_raise_limits, escape_epoll, escape_userfaultfd, escape_perf,
	escape_dup_beyond, escape_chdir, escape_waitid,
};

START_TEST(test_escape)
{
	struct rig_body b = run_one(escapes[_i], 0, 0);

	ck_assert_uint_eq(b.outcome, ZYGOTE_CRASHED);
	ck_assert(!b.has_verdict);
}
END_TEST

START_TEST(test_memory_limit)
{
	struct rig_body b = run_one(scan_memory, 0, 0);

	ck_assert_uint_eq(b.outcome, ZYGOTE_REPORTED);
	ck_assert_str_eq(b.verdict.detail, "no memory");
}
END_TEST

#endif

START_TEST(test_fds)
{
	struct rig_body b = run_one(scan_count_fds, 0, 0);

	ck_assert_str_eq(b.verdict.detail, "1 fds");
}
END_TEST

#ifndef GW_SANITIZED

START_TEST(test_keys_of_others)
{
	struct worker_ops ops = ops_of(scan_for_keys);
	struct rig_setup setup = {.ops = &ops};
	struct rig_body b;
	struct rig rig;
	int i;

	ops.prepare = prepare_ranges;
	rig_start(&rig, &setup);
	for (i = 0; i < 5; i++) {
		rig_grant(&b, text, strlen(text), "txt");
		memcpy(b.grant.key, key_mark, sizeof(key_mark));
		rig_job(&rig, &b, 1, 0, 0);
		/* Its own it has: the search does find keys. */
		ck_assert_uint_eq(b.outcome, ZYGOTE_REPORTED);
		ck_assert_str_ne(b.verdict.detail, "0 keys");
	}
	/* A last job with a key of its own: the others' are nowhere. */
	rig_grant(&b, text, strlen(text), "txt");
	rig_job(&rig, &b, 1, 0, 0);
	ck_assert_uint_eq(b.outcome, ZYGOTE_REPORTED);
	ck_assert_str_eq(b.verdict.detail, "0 keys");
	rig_stop(&rig);
}
END_TEST

#endif

/* --- slots ----------------------------------------------------------------------- */

static const struct sandbox_call slot_calls[] = {
	{"openat", -1, 0, 0, "test"}, {"write", -1, 0, 0, "test"},
	{"mkdir", -1, 0, 0, "test"}, {"newfstatat", -1, 0, 0, "test"},
	{"getdents64", -1, 0, 0, "test"}, {"unlink", -1, 0, 0, "test"},
	{"ftruncate", -1, 0, 0, "test"}, {"symlink", -1, 0, 0, "test"},
	{"link", -1, 0, 0, "test"},
};

static bool
slot_write(const char *slot, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", slot, name);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd == -1)
		return false;
	if (write(fd, "plain", 5) != 5)
		return false;
	close(fd);
	return true;
}

/* Leaves things behind; says how far it came. */
static void
scan_slot(struct worker_ctx *ctx)
{
	const char *slot = worker_slot(ctx);
	char path[256];
	int fd, done = 0;

	done += slot_write(slot, "a");
	done += slot_write(slot, ".hidden");
	snprintf(path, sizeof(path), "%s/d", slot);
	done += mkdir(path, 0000) == 0;
	snprintf(path, sizeof(path), "%s/e", slot);
	done += mkdir(path, 0700) == 0;
	done += slot_write(path, "f");
	/* Out of its own: other slots, other folders, a link out. */
	snprintf(path, sizeof(path), "%s/../1/x", slot);
	done += open(path, O_RDWR | O_CREAT, 0600) != -1 ? 100 : 0;
	done += open("/etc/passwd", O_RDONLY) != -1 ? 100 : 0;
	done += open("/proc/self/maps", O_RDONLY) != -1 ? 100 : 0;
	snprintf(path, sizeof(path), "%s/link", slot);
	done += symlink("/etc/passwd", path) == 0 ? 100 : 0;
	/* More than there is room for. */
	snprintf(path, sizeof(path), "%s/big", slot);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	done += fd != -1;
	done += ftruncate(fd, 1 << 30) == 0 ? 100 : 0;
	worker_say(ctx, VERDICT_DENIED, REASON_TYPE_POLYGLOT, "%d", done);
}

static void
run_slots(uint32_t uid)
{
	struct worker_ops ops = ops_of(scan_slot);
	struct rig_setup setup = {.ops = &ops, .uid = uid, .workers = 1};
	struct rig_body b;
	struct rig rig;
	int i;

	ops.calls = slot_calls;
	ops.call_count = (int)(sizeof(slot_calls) / sizeof(slot_calls[0]));
	ops.slot_bytes = 1 << 20;
	ops.max_fds = 64;
	rig_start(&rig, &setup);
	/* O_EXCL: each finds its slot empty. */
	for (i = 0; i < 6; i++) {
		rig_grant(&b, text, 5, "txt");
		rig_job(&rig, &b, 1, 0, 0);
		ck_assert_uint_eq(b.outcome, ZYGOTE_REPORTED);
		ck_assert_str_eq(b.verdict.detail, "6");
	}
	rig_stop(&rig);
}

START_TEST(test_slots)
{
	run_slots(0);
}
END_TEST

START_TEST(test_slots_of_another_user)
{
	if (geteuid() == 0)
		run_slots(65534);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("worker");
	TCase *tc = tcase_create("jobs");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_clean);
	tcase_add_test(tc, test_many_jobs);
	tcase_add_loop_test(tc, test_failure, 0,
	    (int)(sizeof(failures) / sizeof(failures[0])));
	tcase_add_test(tc, test_detail_is_made_safe);
	tcase_add_test(tc, test_hidden_data);
	tcase_add_test(tc, test_damaged);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_batch);
	tcase_add_test(tc, test_batch_crash);
	tcase_add_test(tc, test_drain);
	tcase_add_test(tc, test_client_gone);
	suite_add_tcase(s, tc);
	tc = tcase_create("escape");
	tcase_set_timeout(tc, 120);
#ifndef GW_SANITIZED
	tcase_add_loop_test(tc, test_escape, 0,
	    (int)(sizeof(escapes) / sizeof(escapes[0])));
	tcase_add_test(tc, test_memory_limit);
	tcase_add_test(tc, test_keys_of_others);
#endif
	tcase_add_test(tc, test_fds);
	tcase_add_test(tc, test_slots);
	tcase_add_test(tc, test_slots_of_another_user);
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
