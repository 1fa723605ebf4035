/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_LINK_CONN_H
#define GATEWAYD_LINK_CONN_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/ev.h"
#include "gatewayd/link/identity.h"

/*
 * One TLS connection on a nonblocking socket, driven by readiness.  Bytes
 * in are handed over as they come; bytes out are queued in one buffer that
 * its owner fills when it runs low.
 */
#define CONN_OUT_MAX        (4u << 20)
#define CONN_OUT_LOW        (256u << 10) /* on_low is called below this */
#define CONN_OUT_SENT       (1u << 20)   /* sent bytes kept before a move */
#define CONN_IN_MAX         (1u << 20)
#define CONN_TURN_BYTES     (4u << 20) /* then other fds get a turn */
#define CONN_HANDSHAKE_MS   10000      /* connect() included */
#define CONN_SERVER_IDLE_MS 60000      /* four missing ALIVE frames */
#define CONN_CLIENT_IDLE_MS 180000     /* three of the longest ACK ticks */
#ifndef CONN_REKEY_BYTES               /* a test cannot wait for the real one */
#define CONN_REKEY_BYTES (UINT64_C(64) << 30)
#endif

struct conn;

/* Each of these may drop or free the connection. */
struct conn_ops {
	/* Within the handshake, before a byte of ours is shown to a peer. */
	identity_known_fn *is_known;
	/* The handshake is done; may be NULL. */
	void (*on_up)(void *arg, struct conn *);
	/* Take what is whole of these bytes; returns how many were taken. */
	size_t (*on_bytes)(void *arg, struct conn *, const uint8_t *, size_t);
	/* All that has come so far was handed over; may be NULL. */
	void (*on_dry)(void *arg, struct conn *);
	void (*on_low)(void *arg, struct conn *); /* room to write; or NULL */
	/* is_clean: the other side said that it had sent all. */
	void (*on_closed)(
	    void *arg, struct conn *, bool is_clean, const char *why);
};

/* Takes fd.  is_connecting: connect() is still under way. */
struct conn *conn_new(struct ev_loop *, SSL_CTX *, int fd, bool is_server,
    bool is_connecting, const struct conn_ops *, void *arg);
void conn_free(struct conn *);

/* The queue to append to; call conn_flush afterwards. */
struct buf *conn_out(struct conn *);
void conn_flush(struct conn *);
size_t conn_queued(const struct conn *);

/* Stop or go on handing over bytes (back-pressure). */
void conn_pause(struct conn *, bool is_paused);

/*
 * No more will be written: once the queue is empty close_notify and
 * shutdown(SHUT_WR); reading goes on to the end, because closing with bytes
 * unread would make the kernel reset what is still on its way.
 */
void conn_finish(struct conn *);

/* Of the key the other side has proved to hold; after on_up. */
const uint8_t *conn_peer_pin(const struct conn *);

/* Close now; on_closed is called with this reason. */
void conn_drop(struct conn *, const char *why);

#endif
