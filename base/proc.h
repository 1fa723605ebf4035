/* SPDX-License-Identifier: ISC */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <sys/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sandbox.h"

/*
 * Start of a process, one order for all: close fds, limits, open the few
 * directory fds, drop ids, no_new_privs, Landlock, seccomp, log "sandboxed".
 * Every process is one row of this type and one call.
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
	void (*before_sandbox)(void *arg); /* mounts, engine loading; or NULL */
	void *arg;
	struct sandbox_spec sandbox; /* paths are filled from dirs */
};

/*
 * Close every fd from 3 up but those listed; call before anything opens.
 */
void proc_close_fds(const int *keep, int keep_count);

/*
 * Run the start order.  dir_fds[i] is set for each row of dirs (owned by
 * the caller afterwards).  Never returns on failure: logs what is missing,
 * why, and what to do, and exits 1.
 */
void proc_start(const struct proc_spec *, int dir_fds[PROC_DIRS_MAX]);

#endif
