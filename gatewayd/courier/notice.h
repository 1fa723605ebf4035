/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_NOTICE_H
#define GATEWAYD_COURIER_NOTICE_H

#include "base/err.h"
#include "proto/ipc/spool.h"
#include "proto/record/reason.h"

#include "gatewayd/courier/courier.h"

/* Status and reason files that people find in their folders. */

/*
 * May a text of the transfer with this receipt number be written under that
 * name?  Yes if there is none, or it is its own.
 */
bool notice_is_free(int dirfd, const char *name, const char *number);

/* Intake of a flow waits (status/FLOW/受付待ち.txt), and goes on. */
void notice_intake_waits(struct courier *, const char *flow, enum reason);
void notice_intake_goes_on(struct courier *, const char *flow);

/*
 * Show the state of a transfer whose file is called name (as shown): the
 * hold file appears or goes, the reason file is written, and the ledger
 * gets its line, once.  The ledger is durable after the next group_wait.
 */
GW_MUST_CHECK enum gw_err notice_show(struct courier *,
    const struct spool_work *, const char *name);

/*
 * Write NAME.理由.txt of a transfer into rejected/FLOW, as the n-th choice;
 * GW_EEXIST: taken by another.
 */
GW_MUST_CHECK enum gw_err notice_reason(struct courier *, int dirfd,
    const struct spool_work *, const char *name, unsigned n,
    bool is_returned);

/* Must the name be known to show that state? */
bool notice_needs_name(const struct spool_work *);

#endif
