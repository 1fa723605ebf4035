/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_LINK_SENDER_H
#define GATEWAYD_LINK_SENDER_H

#include "gatewayd/link/link.h"

/*
 * Sender side of one channel: keeps one connection to the peer, sends
 * headers in sequence, interleaves the bodies of several parcels, resumes
 * where the peer's first ACK on a connection says it stands.
 */
struct sender;

struct sender *sender_new(struct link_env *, const struct policy_channel *,
    const struct keys_channel *);
void sender_free(struct sender *);

/* Nothing more will be sent: half-close, so that nothing in flight is lost. */
void sender_finish(struct sender *);

#endif
