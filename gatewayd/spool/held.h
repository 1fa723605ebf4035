/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_HELD_H
#define GATEWAYD_SPOOL_HELD_H

#include "gatewayd/spool/spool.h"

/*
 * Transfers that are held for something that changes by itself.  After a
 * poke (policy, signatures, pairing, space) all are judged anew; every
 * minute one of those held for signatures is inspected, and if that helps,
 * the others follow.
 */
void held_poke(struct spool *);
void held_minute(struct spool *);

/* Keys judged a transfer: if it was the one tried, see what it means. */
void held_canary(struct spool *, const struct transfer *);

#endif
