/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_AUDIT_BATCH_H
#define GATEWAYD_AUDIT_BATCH_H

#include <stddef.h>

#include "base/err.h"

/*
 * New files that become durable together: all are written first, then each
 * file and each folder is synced once.  One journal transaction of the file
 * system carries most of it, where a sync per file would make many.
 */
#define BATCH_FILES 32
#define BATCH_PATH_MAX 96

struct batch {
	int dirfd;		/* borrowed */
	int count;
	int fds[BATCH_FILES];
	int dir_count;
	char dirs[BATCH_FILES * 4][BATCH_PATH_MAX]; /* to sync; "." is dirfd */
};

void batch_init(struct batch *, int dirfd);

/* Drop what was not synced. */
void batch_clear(struct batch *);

/*
 * Write a file, making its folders; overwrites what an interrupted batch
 * left behind.  A full batch is synced first.  Errors of io.
 */
GW_MUST_CHECK enum gw_err batch_add(struct batch *, const char *path,
    const void *, size_t);

/* Make all of it durable and start anew.  GW_EIO is final. */
GW_MUST_CHECK enum gw_err batch_sync(struct batch *);

#endif
