/* SPDX-License-Identifier: ISC */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Sandbox of one process: no_new_privs, Landlock, seccomp with a default
 * action of kill.  Mandatory parts that cannot be had make the start fail.
 */

/* Rights on one directory tree (or file) that stays reachable. */
enum sandbox_right {
	SANDBOX_READ = 1,	/* open and read files, list directories */
	SANDBOX_WRITE = 2,	/* write to existing files */
	SANDBOX_MAKE = 4,	/* make, remove and rename files and folders */
	SANDBOX_REFER = 8,	/* rename or link between directories */
	SANDBOX_EXEC = 16,	/* run programs: the parent alone */
	SANDBOX_MOVE = 32	/* rename what is no file: links, pipes, devices */
};

struct sandbox_path {
	int fd;		/* opened before (O_PATH is enough); borrowed */
	unsigned rights; /* enum sandbox_right */
};

/*
 * A system call a process may make beyond the base list, with the reason it
 * needs it.  arg_index < 0: any arguments; else the given argument must
 * satisfy (value & arg_mask) == arg_value, where SANDBOX_SELF stands for
 * the pid of the process that enters.  Several rows of one name add up.
 * "clone3" is never allowed, as seccomp cannot see its flags: a row for it
 * makes it fail with ENOSYS, on which glibc falls back to clone.  Names
 * that the machine does not have ("time" on arm64) are passed over.
 */
#define SANDBOX_SELF UINT64_MAX

struct sandbox_call {
	const char *name;	/* "openat2" */
	int arg_index;
	uint64_t arg_mask, arg_value;
	const char *why;
};

struct sandbox_spec {
	const struct sandbox_path *paths;
	int path_count;
	const struct sandbox_call *calls; /* beyond sandbox_base_calls */
	int call_count;
	/*
	 * False only for zygotes and the parent, and adds
	 * sandbox_fork_calls; true also sets RLIMIT_NPROC to 0 unless a row
	 * allows clone.
	 */
	bool deny_fork;
	uint64_t max_file_size;	/* RLIMIT_FSIZE, 0 = leave */
	uint64_t max_memory;	/* RLIMIT_AS, 0 = leave */
	unsigned max_fds;	/* RLIMIT_NOFILE, 0 = leave */
	const uint16_t *connect_ports; /* TCP ports that connect may reach */
	int connect_port_count;	/* 0: none (Linux 6.7+; else seccomp alone) */
	const uint16_t *bind_ports; /* TCP ports that bind may take, alike */
	int bind_port_count;
	bool may_signal;	/* processes outside too: parent only */
};

/*
 * What every process may call: memory, time, signals return, read, write,
 * close, epoll, sendmsg/recvmsg on inherited sockets, futex, exit.  No
 * socket, connect, exec, fork, ptrace, io_uring, mount, key or bpf calls,
 * and no call that takes a path.  Prefer SOCK_SEQPACKET to SOCK_DGRAM for
 * inherited sockets: sendmsg on the latter may name another address.
 */
extern const struct sandbox_call sandbox_base_calls[];
extern const int sandbox_base_call_count;

/*
 * Ready-made lists for sandbox_spec.calls (sandbox_join puts several and a
 * process's own rows into one array):
 * file: base/io on the directories of the process.  thread: pthreads, and
 * no fork.  fork: fork without exec and waiting (zygotes), and no thread.
 * narrow: what sandbox_narrow itself has to call later.
 */
extern const struct sandbox_call sandbox_file_calls[];
extern const int sandbox_file_call_count;
extern const struct sandbox_call sandbox_thread_calls[];
extern const int sandbox_thread_call_count;
extern const struct sandbox_call sandbox_fork_calls[];
extern const int sandbox_fork_call_count;
extern const struct sandbox_call sandbox_narrow_calls[];
extern const int sandbox_narrow_call_count;

/*
 * Append count rows to the array dst of capacity size, of which *used are
 * taken; log_panic if they do not fit.
 */
void sandbox_join(struct sandbox_call *dst, int size, int *used,
    const struct sandbox_call *rows, int count);

/*
 * Enter the sandbox; there is no way back.  The process must have one
 * thread.  Open directory fds stay, but opening beneath them needs a row in
 * paths.  A call outside the lists kills the process (SIGSYS).  Errors:
 * GW_EVERSION (Landlock ABI below 2 or absent), GW_EBUG (more than one
 * thread, a row that names no system call), GW_ESYS; each is logged with
 * its reason.  The caller refuses to start on error.
 *
 * A program that a sandboxed process starts keeps filter, Landlock and
 * limits, and adds its own: the parent's rows must hold what the starts of
 * all its children need.
 *
 * A sanitizer build (GW_SANITIZED) has no seccomp filter, no RLIMIT_AS and
 * stays dumpable, as the sanitizers need; it says so in the log.
 */
GW_MUST_CHECK enum gw_err sandbox_enter(const struct sandbox_spec *);

/*
 * Add a second, tighter layer inside an entered sandbox (a worker for its
 * own file): only calls in the list remain, only the given paths.  The
 * first layer must have had sandbox_narrow_calls.  spec's calls are not
 * used; its limits and paths are.
 */
GW_MUST_CHECK enum gw_err sandbox_narrow(const struct sandbox_spec *,
    const struct sandbox_call *only, int only_count);

/*
 * The same with a filter made beforehand, once for all workers: compiling
 * one takes half a millisecond.  A row with SANDBOX_SELF stands for the
 * maker.
 */
struct sandbox_filter;
GW_MUST_CHECK enum gw_err sandbox_filter_make(const struct sandbox_call *only,
    int only_count, struct sandbox_filter **out);
void sandbox_filter_free(struct sandbox_filter *);
GW_MUST_CHECK enum gw_err sandbox_narrow_to(const struct sandbox_spec *,
    const struct sandbox_filter *);

/* Landlock ABI of the kernel; 0 when absent. */
int sandbox_landlock_abi(void);

#endif
