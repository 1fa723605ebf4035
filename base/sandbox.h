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
	SANDBOX_REFER = 8	/* rename or link between directories */
};

struct sandbox_path {
	int fd;		/* opened before (O_PATH is enough); borrowed */
	unsigned rights; /* enum sandbox_right */
};

/*
 * A system call a process may make beyond the base list, with the reason it
 * needs it.  arg_index < 0: any arguments; else the given argument must
 * satisfy (value & arg_mask) == arg_value.
 */
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
	bool deny_fork;	/* false only for zygotes and the parent */
	uint64_t max_file_size;	/* RLIMIT_FSIZE, 0 = leave */
	uint64_t max_memory;	/* RLIMIT_AS, 0 = leave */
	unsigned max_fds;	/* RLIMIT_NOFILE, 0 = leave */
};

/*
 * What every process may call: memory, time, signals return, read, write,
 * close, epoll, sendmsg/recvmsg on inherited sockets, futex, exit.  No
 * socket, connect, exec, fork, ptrace, io_uring, mount, key or bpf calls.
 */
extern const struct sandbox_call sandbox_base_calls[];
extern const int sandbox_base_call_count;

/*
 * Enter the sandbox; there is no way back.  Errors: GW_EVERSION (Landlock
 * ABI below 2 or absent), GW_ESYS.  The caller refuses to start on error.
 */
GW_MUST_CHECK enum gw_err sandbox_enter(const struct sandbox_spec *);

/*
 * Add a second, tighter layer inside an entered sandbox (a worker for its
 * own file): only calls in the list remain, only the given paths.
 */
GW_MUST_CHECK enum gw_err sandbox_narrow(const struct sandbox_spec *,
    const struct sandbox_call *only, int only_count);

/* Landlock ABI of the kernel; 0 when absent. */
int sandbox_landlock_abi(void);

#endif
