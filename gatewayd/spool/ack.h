/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_ACK_H
#define GATEWAYD_SPOOL_ACK_H

#include "gatewayd/spool/spool.h"

/*
 * What the receiver states to the sender: which headers and parcels it has
 * durably.  The window of completion bits lies in struct channel and moves
 * with the open group; an ACK is made between groups only.
 */

/* A parcel of a receiver channel needs nothing more from the sender. */
void ack_taken(struct spool *, const char *channel, uint32_t epoch,
    uint64_t seq);

/* A header became durable, or more chunks did: something new to say. */
void ack_changed(struct channel *);

/* Fill the window from the catalogue, after a start or a new epoch. */
void ack_load(struct spool *, struct channel *);

#endif
