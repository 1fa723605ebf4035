/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_GROUP_H
#define GATEWAYD_COURIER_GROUP_H

#include <sys/queue.h>
#include <stdbool.h>

#include "base/err.h"

#include "gatewayd/courier/courier.h"

/*
 * Group commit: many transfers wait for one fdatasync of the journal, one
 * fsync of each folder that was renamed in, and one of each ledger; or, where
 * these are many, for one syncfs.
 */
#define GROUP_SYNCFS_MIN 8u
#define GROUP_SYNCFS_ALWAYS 64u

struct group;
typedef void group_fn(void *arg, enum gw_err);

struct group_wait {
	TAILQ_ENTRY(group_wait) next;
	group_fn *fn;
	void *arg;
	bool is_waiting;
	bool wants_ledger;
	unsigned tries;
};

struct group *group_new(struct courier *);
void group_free(struct group *);

/*
 * Does one syncfs pay for so many fsyncs?  Not while other writers on the
 * same disk have made it dear; from GROUP_SYNCFS_ALWAYS on it does anyway.
 */
bool group_syncfs_pays(const struct courier *, size_t weight);
GW_MUST_CHECK enum gw_err group_syncfs(struct courier *, size_t weight);

/* This folder (path from the root of the tree) must reach the disk. */
void group_dirty(struct group *, const char *path);

/*
 * Call fn when everything noted up to now is durable.  GW_ESPACE: what the
 * journal was to hold is not.  One wait at a time per struct.
 */
void group_wait(struct group *, struct group_wait *, group_fn *, void *arg);

/* The same, and its lines in the ledgers are written, if they can be. */
void group_wait_ledger(struct group *, struct group_wait *, group_fn *,
    void *arg);

/* It is no longer wanted; call before the struct goes. */
void group_forget(struct group *, struct group_wait *);

#endif
