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
#define CONN_OUT_MAX	  (2u << 20)
#define CONN_OUT_LOW	  (512u << 10)	/* on_low is called below this */
#define CONN_IN_MAX	  (1u << 20)
#define CONN_HANDSHAKE_MS 10000
#define CONN_IDLE_MS	  60000		/* nothing came (server) */
#define CONN_REKEY_BYTES  (UINT64_C(64) << 30)

struct conn;

struct conn_ops {
	void (*on_up)(void *arg, struct conn *); /* handshake done */
	/* Consume what is whole of these bytes; returns how many, or -1 to
	 * drop the connection (conn_drop was called or it is closed). */
	ptrdiff_t (*on_bytes)(void *arg, struct conn *, const uint8_t *,
	    size_t);
	void (*on_low)(void *arg, struct conn *); /* room to write */
	void (*on_closed)(void *arg, struct conn *, const char *why);
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

/* No more will be written: close_notify, shutdown(SHUT_WR), read to EOF. */
void conn_finish(struct conn *);

const uint8_t *conn_peer_pin(const struct conn *);

/* Close now; on_closed is called with this reason (a static string). */
void conn_drop(struct conn *, const char *why);

#endif
