/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_LINK_INBOUND_H
#define GATEWAYD_LINK_INBOUND_H

#include <stddef.h>
#include <stdint.h>

#include "gatewayd/link/conn.h"
#include "gatewayd/link/link.h"
#include "proto/wire/frame.h"

/*
 * Parcels arriving on one connection: each is taken frame by frame, checked
 * with public keys and hashes only, and handed to spool.
 */
struct inbound;

struct inbound_channel {
	const char *id;
	uint8_t channel_id[16];
	uint8_t peer_sign_pub[32];
	uint8_t key_ids[4][16];		/* ours that a header may name */
};

struct inbound *inbound_new(struct link_env *, struct conn *,
    const struct inbound_channel *);
void inbound_free(struct inbound *);

/*
 * One whole frame.  1: taken; 0: not now, the connection was paused and the
 * same frame comes again; -1: nonsense (*why says what), drop the peer.
 */
int inbound_frame(struct inbound *, const struct frame *,
    const uint8_t *payload, const char **why);

/* No more whole frames for the moment: hand over what is gathered. */
void inbound_flush(struct inbound *);

#endif
