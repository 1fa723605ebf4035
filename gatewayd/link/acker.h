/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_LINK_ACKER_H
#define GATEWAYD_LINK_ACKER_H

#include "gatewayd/link/conn.h"
#include "gatewayd/link/link.h"

/*
 * The ACKs of one receiver channel: one at once after HELLO, so that the
 * sender knows where to go on; then on the channel's fixed tick, or as soon
 * as there is something to say where the channel is set so.
 *
 * On a tick the next ACK is asked for ahead of its time and leaves exactly
 * on it; if spool was late the last one leaves again.  So neither the rhythm
 * nor the size of what goes back says anything about this side.
 */
struct acker;

struct acker *acker_new(struct link_env *, const struct policy_channel *);
void acker_free(struct acker *);

/* Send over this connection from now on (borrowed), until stopped. */
void acker_start(struct acker *, struct conn *);
void acker_stop(struct acker *);

#endif
