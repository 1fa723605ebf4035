/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_CHANNELS_H
#define GATEWAYD_SPOOL_CHANNELS_H

#include "gatewayd/spool/spool.h"

/* Ask keys how the channels are; the answer is an input like any other. */
void channels_ask(struct spool *);

/* Save what moved, in the transaction that is about to commit. */
void channels_save(struct spool *);

/*
 * Have keys freeze a channel: something came that an honest peer does not
 * send, or one of the two zones was restored from a backup.
 */
void channels_freeze(struct spool *, struct channel *, uint16_t reason,
    const char *detail);

/* Write into the log what was wrong with a parcel. */
void channels_audit_bad(struct spool *, const struct channel *,
    uint16_t reason, uint64_t seq, const uint8_t hash[32],
    const char *detail);

#endif
