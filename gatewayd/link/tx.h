/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_LINK_TX_H
#define GATEWAYD_LINK_TX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "gatewayd/link/link.h"

/*
 * One parcel on its way out: read from the spool's fds, cut into frames.
 */
struct tx;

/* Bodies came from spool: tx_put has something to say again. */
typedef void tx_ready_fn(void *arg);

/*
 * object_fd is taken with success.  GW_EFORMAT, or what reading it gave: it
 * is no parcel object.
 */
GW_MUST_CHECK enum gw_err tx_new(struct link_env *,
    const struct spool_tx_parcel *, int object_fd, tx_ready_fn *, void *arg,
    struct tx **out);
void tx_free(struct tx *);

/* Bytes of header and tables; is it more than a few notes? */
uint64_t tx_open_bytes(const struct tx *);
bool tx_is_heavy(const struct tx *);

/* A held parcel sends header and tables, and its bodies later. */
void tx_hold(struct tx *, bool is_held);
bool tx_is_held(const struct tx *);

/*
 * Append the next frame.  What spool cannot read is left out: the parcel
 * ends there for this connection, and the peer's ACKs show the gap.
 */
enum tx_put {
	TX_DID,
	TX_WAITS, /* for spool, or held */
	TX_ENDED, /* END was put */
	TX_BROKEN /* not even the header can be read */
};
enum tx_put tx_put(struct tx *, struct buf *out);
bool tx_was_cut(const struct tx *);

#endif
