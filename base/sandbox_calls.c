/* SPDX-License-Identifier: ISC */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <termios.h>

#include "base/sandbox.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

/* The kernel looks at 32 bits of an int argument, and so do we. */
#define INT_ARG  0xffffffffu
#define ALL_BITS UINT64_MAX

/* What pthread_create of glibc asks of clone, and nothing else. */
#define THREAD_FLAGS                                                           \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND |   \
	    CLONE_THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID |                \
	    CLONE_CHILD_CLEARTID)

/* What fork of glibc asks of clone: the signal and two thread id flags. */
#define FORK_FLAGS (0xffu | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)

#define ANY(name, why)                                                         \
	{                                                                      \
		name, -1, 0, 0, why                                            \
	}
#define CMD(name, index, value, why)                                           \
	{                                                                      \
		name, index, INT_ARG, value, why                               \
	}

const struct sandbox_call sandbox_base_calls[] = {
    /* Bytes through fds that are open already. */
    ANY("read", "files, sockets, libevent's signal pipe"),
    ANY("readv", "scattered reads"),
    ANY("write", "files, sockets, stderr"),
    ANY("writev", "scattered writes; assert of glibc"),
    ANY("pread64", "bodies by offset"),
    ANY("pwrite64", "bodies by offset"),
    ANY("lseek", "size and position of files"),
    ANY("close", "every fd"),
    ANY("fstat", "size of memfds"),
    {"newfstatat", 3, AT_EMPTY_PATH, AT_EMPTY_PATH,
	"fstat of glibc; by path only in the file list"},
    ANY("memfd_create", "sealed memory files for siblings"),
    CMD("fcntl", 1, F_GETFD, "O_CLOEXEC checks"),
    CMD("fcntl", 1, F_SETFD, "O_CLOEXEC on received fds"),
    CMD("fcntl", 1, F_GETFL, "O_NONBLOCK checks"),
    CMD("fcntl", 1, F_SETFL, "O_NONBLOCK on received fds"),
    CMD("fcntl", 1, F_DUPFD_CLOEXEC, "an fd that two owners close"),
    CMD("fcntl", 1, F_ADD_SEALS, "sealing memfds"),
    CMD("fcntl", 1, F_GET_SEALS, "checking seals of received memfds"),
    CMD("ioctl", 1, TCGETS, "isatty, which stdio asks of fd 1 and 2"),

    /* Messages on inherited sockets; no call here makes a socket. */
    ANY("sendmsg", "ipc, with fds"),
    ANY("recvmsg", "ipc, with fds"),
    {"sendto", 4, ALL_BITS, 0, "send on connected sockets: no address"},
    ANY("recvfrom", "recv on connected sockets"),
    ANY("shutdown", "half-close"),

    /* The event loop. */
    ANY("epoll_create1", "libevent after a fork"),
    ANY("epoll_ctl", "libevent"),
    ANY("epoll_wait", "libevent"),
    ANY("epoll_pwait", "libevent where epoll_wait is missing"),
    ANY("poll", "waiting for one fd"),
    ANY("ppoll", "poll of glibc where poll is missing"),

    /* Memory, never both writable and executable. */
    {"mmap", 2, PROT_EXEC, 0, "malloc, mapped memfds; not executable"},
    {"mprotect", 2, PROT_EXEC, 0, "malloc arenas; not executable"},
    ANY("munmap", "malloc"),
    ANY("mremap", "realloc of large blocks"),
    ANY("madvise", "malloc; keys out of dumps"),
    ANY("brk", "malloc"),
    ANY("futex", "locks and once-only starts of glibc and libcrypto"),
    ANY("set_robust_list", "new threads and forked children"),
    ANY("rseq", "new threads"),

    /* Time. */
    ANY("clock_gettime", "clocks, where the vdso cannot"),
    ANY("clock_getres", "libevent"),
    ANY("clock_nanosleep", "pauses"),
    ANY("nanosleep", "pauses"),
    ANY("gettimeofday", "libevent, libcrypto"),
    ANY("time", "libcrypto"),

    /* Questions about oneself. */
    ANY("getpid", "libcrypto's fork check"),
    ANY("getppid", "is the parent still there"),
    ANY("gettid", "abort"),
    ANY("getuid", "libcrypto's secure_getenv"),
    ANY("geteuid", "libcrypto's secure_getenv"),
    ANY("getgid", "libcrypto's secure_getenv"),
    ANY("getegid", "libcrypto's secure_getenv"),
    ANY("sched_yield", "spinning locks of libraries"),
    CMD("sched_getaffinity", 0, 0, "malloc counts processors, own only"),
    ANY("sysinfo", "qsort of glibc asks how much memory there is"),
    {"prlimit64", 2, ALL_BITS, 0, "reading limits, never setting"},
    ANY("getrandom", "keys, ids, libcrypto's seed"),

    /* Signals to oneself and the end. */
    ANY("rt_sigaction", "libevent's handlers, abort"),
    ANY("rt_sigprocmask", "abort, new threads"),
    ANY("rt_sigreturn", "end of a handler"),
    ANY("sigaltstack", "stack overflow handlers"),
    ANY("restart_syscall", "calls that a stop interrupted"),
    {"tgkill", 0, INT_ARG, SANDBOX_SELF, "abort: own threads only"},
    ANY("exit", "end of a thread"),
    ANY("exit_group", "end of the process"),
};
const int sandbox_base_call_count = COUNT(sandbox_base_calls);

const struct sandbox_call sandbox_file_calls[] = {
    ANY("openat2", "base/io opens beneath its directories"),
    ANY("openat", "libraries that open files; Landlock decides which"),
    ANY("getdents64", "reading directories"),
    ANY("newfstatat", "stat of names beneath a directory"),
    ANY("statx", "direct I/O alignment, birth times"),
    ANY("fstatfs", "kind of file system"),
    ANY("fsync", "durability"),
    ANY("fdatasync", "durability"),
    ANY("sync_file_range", "early write-back of large bodies"),
    ANY("fadvise64", "no page cache for what is read once"),
    ANY("ftruncate", "sizes of files and memfds"),
    ANY("fallocate", "reserving space before the first byte"),
    ANY("renameat2", "publishing by one rename, without replace"),
    ANY("renameat", "rename of libraries, within Landlock's rights"),
    ANY("unlinkat", "removing beneath a directory"),
    ANY("mkdirat", "folders beneath a directory"),
    ANY("fchmod", "exact modes whatever the umask"),
    ANY("fchown", "handing a delivered file to its owner"),
    ANY("umask", "libraries that set modes"),
    CMD("fcntl", 1, F_SETLK, "SQLite's locks"),
    CMD("fcntl", 1, F_SETLKW, "SQLite's locks"),
    CMD("fcntl", 1, F_GETLK, "SQLite's locks"),
    CMD("fcntl", 1, F_OFD_SETLK, "one owner of a directory"),
    CMD("fcntl", 1, F_OFD_GETLK, "one owner of a directory"),
    ANY("flock", "one owner of a directory"),
};
const int sandbox_file_call_count = COUNT(sandbox_file_calls);

const struct sandbox_call sandbox_thread_calls[] = {
    {"clone", 0, ALL_BITS, THREAD_FLAGS, "pthread_create; never a fork"},
    ANY("clone3", "fails with ENOSYS: its flags cannot be checked"),
    CMD("prctl", 0, PR_SET_NAME, "names of threads in ps and top"),
};
const int sandbox_thread_call_count = COUNT(sandbox_thread_calls);

/*
 * No kill: it reaches every process of the same user.  A pidfd is had for
 * a pid, too, but Landlock's signal scope and the missing rights of a
 * user of one process stand behind it.
 */
const struct sandbox_call sandbox_fork_calls[] = {
    {"clone", 0, ~(uint64_t)FORK_FLAGS, 0, "fork; no thread, namespace"},
    ANY("clone3", "fails with ENOSYS: its flags cannot be checked"),
    ANY("wait4", "reaping workers"),
    ANY("waitid", "reaping workers"),
    ANY("pidfd_open", "a worker that cannot be mistaken for another"),
    ANY("pidfd_send_signal", "ending a worker that takes too long"),
};
const int sandbox_fork_call_count = COUNT(sandbox_fork_calls);

const struct sandbox_call sandbox_narrow_calls[] = {
    ANY("seccomp", "a second filter only tightens the first"),
    ANY("landlock_create_ruleset", "a second layer only tightens"),
    ANY("landlock_add_rule", "paths of the second layer"),
    ANY("landlock_restrict_self", "entering the second layer"),
    CMD("prlimit64", 0, 0, "lower limits of its own"),
};
const int sandbox_narrow_call_count = COUNT(sandbox_narrow_calls);
