/* SPDX-License-Identifier: ISC */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <sys/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sandbox.h"

/*
 * Start of a process, one order for all: close fds, limits, before_drop,
 * open the few directory fds, drop ids, before_sandbox, no_new_privs,
 * Landlock, seccomp, log "sandboxed".  Every process is one row of this
 * type and one call.
 */
#define PROC_DIRS_MAX 8

struct proc_dir {
	const char *path;  /* absolute; may be a file */
	unsigned rights;   /* enum sandbox_right */
	bool is_optional;  /* absent: fd stays -1 */
};

struct proc_spec {
	const char *name;	/* "courier" */
	struct proc_dir dirs[PROC_DIRS_MAX];
	int dir_count;
	uid_t uid;		/* (uid_t)-1: keep (ordinary user) */
	gid_t gid;
	bool lock_memory;	/* mlockall: keys */
	bool has_caps;		/* keeps CAP_SETUID, SETGID, KILL: parent only */
	void (*before_drop)(void *arg);	/* still root: mounts; or NULL */
	void (*before_sandbox)(void *arg); /* ids gone: engines; or NULL */
	void *arg;
	struct sandbox_spec sandbox; /* paths are filled from dirs */
};

/*
 * Close every fd from 3 up but those listed, which get FD_CLOEXEC; an
 * absent stdin, stdout or stderr becomes /dev/null.  Call before anything
 * opens, so before ev_loop_new.
 */
void proc_close_fds(const int *keep, int keep_count);

/*
 * Run the start order.  dir_fds[i] is set for each row of dirs (owned by
 * the caller afterwards), before before_sandbox runs: directories are open
 * for reading; files for reading, with SANDBOX_WRITE for both.  A row is
 * opened before ids are dropped, or after if only then it can be.  Also: umask
 * 077, SIGPIPE and SIGXFSZ ignored, no core files.
 *
 * Without root, uid and gid must be -1 or our own.  has_caps counts only
 * when root, and leaves the same three capabilities in the bounding set:
 * what is started afterwards cannot have more (no mount, no chown).
 * lock_memory warns and goes on where an ordinary user's limit is too low.
 *
 * Never returns on failure: logs what is missing, why, and what to do, and
 * exits 1.
 */
void proc_start(const struct proc_spec *, int dir_fds[PROC_DIRS_MAX]);

/*
 * True if memory cannot reach a disk in the clear: there is no swap, or
 * every swap area is a dm-crypt device of type PLAIN (what crypttab's
 * random keys make; LUKS keeps its key on disk).  False in doubt.  Call before the sandbox.  The second form
 * takes the two paths and is for tests.
 */
bool proc_swap_is_safe(void);
bool proc_swap_is_safe_at(const char *swaps, const char *sys_block);

#endif
