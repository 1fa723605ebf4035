/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_PARENT_SUPERVISE_H
#define GATEWAYD_PARENT_SUPERVISE_H

#include "base/ev.h"
#include "gatewayd/parent/accounts.h"

/*
 * Starts the processes that the policy needs, restarts by dependency with
 * back-off, hands out policies and new peers, stops in order.
 */
struct supervise;

struct supervise_config {
	const char *dir; /* gateway.yaml and flows/ */
	const char *libexec;
	struct accounts accounts;
};

/* Takes policy_fd.  Starts everything; the loop drives the rest. */
struct supervise *supervise_new(
    struct ev_loop *, const struct supervise_config *, int policy_fd);
void supervise_free(struct supervise *);

/* Load the configuration anew; a bad one is refused and the old stays. */
void supervise_reload(struct supervise *);

/* Stop clients before servers; the loop is left when all have ended. */
void supervise_stop(struct supervise *);

#endif
