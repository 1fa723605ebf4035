/* SPDX-License-Identifier: ISC */
#ifndef SCANNERS_WORKER_SLOT_H
#define SCANNERS_WORKER_SLOT_H

#include <sys/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Folders on size-limited tmpfs for workers whose library insists on files:
 * one per running worker, emptied before it is used again.
 */
#define SLOT_MAX 64
#define SLOT_PATH_LEN 96

struct slots {
	char root[SLOT_PATH_LEN]; /* absolute; slot n is root/n */
	int root_fd;		/* -1 until there are any */
	uint32_t count;
	uint64_t bytes;		/* size of each */
	uint64_t busy;		/* bit n: slot n is in use */
};

/*
 * Make them as root with CAP_SYS_ADMIN, in a mount namespace of our own, so
 * that nothing stays behind.  Does nothing where that cannot be had.
 */
void slot_mount_root(struct slots *, uint32_t count, uint64_t bytes, uid_t,
    gid_t);

/*
 * Make them as the user of the process, if they are not there yet: in a
 * user namespace, else plain folders in /dev/shm (RLIMIT_FSIZE limits files
 * alone there).  Fatal where neither works.
 */
void slot_mount_user(struct slots *, uint32_t count, uint64_t bytes,
    const char *name);

/* A free slot, -1 if all are busy. */
int slot_take(struct slots *);

/* Empty it and make it free; fatal if it cannot be emptied. */
void slot_release(struct slots *, int slot);

/* Worker: open slot n; path takes SLOT_PATH_LEN + 8 bytes. */
GW_MUST_CHECK enum gw_err slot_open(const struct slots *, int slot,
    char *path, size_t path_size, int *fd_out);

#endif
