/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_NUMBERS_H
#define GATEWAYD_KEYS_NUMBERS_H

#include "base/err.h"
#include "proto/ipc/types.h"
#include "gatewayd/keys/slot.h"

/*
 * Which transfer of this zone has which receipt number: one of each.  spool
 * gives the numbers, and people decide by them; were two transfers to share
 * one, they would approve what they have not seen.  One file for each day,
 * numbers-YYYYMMDD: the record at a running number holds the transfer's id.
 * Not synced: it stands against spool, which cannot cut the power.
 */
struct numbers;

struct numbers *numbers_new(int dirfd); /* dirfd is borrowed */
void numbers_free(struct numbers *);

/*
 * Is number the transfer's?  A transfer of this zone that has none yet gets
 * it in *t (the caller stores it).  GW_EINVAL: no number; GW_EDENIED: it has
 * another, or another has it.
 */
GW_MUST_CHECK enum gw_err numbers_take(struct numbers *,
    struct transfer_slot *t, const char number[IPC_NUMBER_LEN]);

#endif
