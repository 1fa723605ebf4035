/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_WATCH_H
#define GATEWAYD_COURIER_WATCH_H

#include <limits.h>
#include <stdbool.h>

#include "proto/ipc/types.h"
#include "proto/record/reason.h"

#include "gatewayd/courier/courier.h"

/*
 * What lies in the drop folders, and when it is complete.
 *
 * inotify tells of most things at once; a scan of everything every scan_ms
 * finds the rest, so nothing depends on inotify being there or being told
 * the truth.  By the flow's rule an entry is complete when
 *   close   it was closed after writing, or moved in
 *   rename  it was moved in
 *   done    NAME.done lies beside it
 *   quiet   it did not change for quiet_ms
 * A folder is complete when it was moved in, when NAME.done lies beside it,
 * or when nothing in it changed for scan_ms (quiet: quiet_ms).  Files under
 * close and rename, too, are taken once they did not change for scan_ms: of
 * what was there before us nobody can know more.
 * .dot, ~$*, *.tmp and *.part are not looked at.
 */
struct watch;

/* An entry that may be taken in. */
struct watch_item {
	char flow[POLICY_ID_LEN];
	char person[IPC_PERSON_LEN];	/* UTF-8, "" if none */
	char recipient[POLICY_ID_LEN];
	char origin[PATH_MAX];		/* folder: "in/FLOW/PERSON" */
	char name[NAME_MAX + 1];
	bool has_marker;		/* NAME.done lies beside it */
	enum reason reason;		/* not NONE: it is to be refused */
};

struct watch *watch_new(struct courier *, int inotify_fd); /* takes fd */
void watch_free(struct watch *);

/* Look through everything now; also after the policy changed. */
void watch_scan(struct watch *);

/* The next complete entry of a flow that is not paused. */
bool watch_take(struct watch *, struct watch_item *out);

/* Take nothing of this flow for a while. */
void watch_pause(struct watch *, const char *flow, uint32_t delay_ms);
bool watch_is_paused(const struct watch *, const char *flow);

/*
 * An entry was put back because it changed while it was read: it must be
 * quiet before it is taken again.  Returns how often that happened to it.
 */
unsigned watch_changed(struct watch *, uint64_t ino);

/* Leave this one alone until it changes: it can neither be taken nor moved. */
void watch_ignore(struct watch *, const char *origin, const char *name);

#endif
