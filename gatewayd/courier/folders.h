/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_FOLDERS_H
#define GATEWAYD_COURIER_FOLDERS_H

#include "gatewayd/courier/courier.h"

/*
 * The folders people see, and .gw which they do not.  Those that are there
 * already keep the owner, group and mode that the administrator gave them.
 *
 *   .gw/                0700
 *   in/FLOW/            3770: setgid, and sticky, so that nobody can touch
 *                       another's file; 2750 where persons have folders.
 *                       A default ACL gives the courier, and nobody else
 *                       but the owner, what is put there
 *   in/FLOW/RECIPIENT/  3770: where a flow has several recipients
 *   out/FLOW/ and out/FLOW/RECIPIENT/, rejected/FLOW/, status/FLOW/  2750
 *
 * Their group is that of the courier: staff are its members, or a file
 * server lets them in.  What is delivered keeps that group.
 */

/*
 * Make .gw, open its folders and check that the file system can rename
 * without replacing.  Fatal, with words, where the tree is unfit.
 */
void folders_open(struct courier *);

/* Make what every flow needs; a flow that cannot be had is logged. */
void folders_make(struct courier *);

/* status/FLOW or rejected/FLOW of a flow that the table may not know. */
GW_MUST_CHECK enum gw_err folders_for(struct courier *, const char *kind,
    const char *flow, int *fd_out);

/* Is this a flow of ours that people send under, or receive under? */
bool folders_is_from(const struct courier *, const struct policy_flow *);
bool folders_is_to(const struct courier *, const struct policy_flow *);

/* Does the sender name a recipient by a folder in in/FLOW? */
bool folders_has_recipients(const struct policy_flow *);

#endif
