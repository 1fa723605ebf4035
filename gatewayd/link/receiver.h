/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_LINK_RECEIVER_H
#define GATEWAYD_LINK_RECEIVER_H

#include "gatewayd/link/link.h"

/*
 * Receiver side: listens on the addresses of the receiver channels, lets in
 * who shows the pinned key, checks every byte against the signed header
 * before it reaches the spool, and answers with ACKs alone.
 */
struct receiver;

struct receiver *receiver_new(struct link_env *);
void receiver_free(struct receiver *);

/* Serve one more channel. */
void receiver_add(struct receiver *, const struct policy_channel *,
    const struct keys_channel *);

/* The keys a header of this channel may name change every month. */
void receiver_update(struct receiver *, const struct keys_channel *);

#endif
