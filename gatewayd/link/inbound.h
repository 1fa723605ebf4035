/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_LINK_INBOUND_H
#define GATEWAYD_LINK_INBOUND_H

#include <stdbool.h>
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
	uint8_t key_ids[4][16]; /* ours that a header may name */
};

/* conn and the channel are borrowed. */
struct inbound *inbound_new(
    struct link_env *, struct conn *, const struct inbound_channel *);
void inbound_free(struct inbound *);

/*
 * One whole frame.  INBOUND_LATER: the connection was paused and the same
 * frame must come again; INBOUND_NONSENSE: *why says what, drop the peer.
 */
enum inbound_took { INBOUND_TOOK, INBOUND_LATER, INBOUND_NONSENSE };
enum inbound_took inbound_frame(struct inbound *, const struct frame *,
    const uint8_t *payload, const char **why);

/* No more whole frames for the moment: hand over what is gathered. */
void inbound_flush(struct inbound *);

/*
 * The connection has ended cleanly.  True: parcels that were sent whole
 * still wait for spool, and fn is called once when they do no longer;
 * false: nothing to wait for.
 */
typedef void inbound_left_fn(void *arg);
bool inbound_leave(struct inbound *, inbound_left_fn *, void *arg);

#endif
