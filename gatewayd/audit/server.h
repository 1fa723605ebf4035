/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_AUDIT_SERVER_H
#define GATEWAYD_AUDIT_SERVER_H

#include "base/ev.h"
#include "gatewayd/audit/store.h"
#include "proto/record/audit.h"

/*
 * The requests of proto/ipc/audit.h.  Entries of all clients that are ready
 * in one turn of the loop become one group: one write, one fdatasync, one
 * answer to each.  A checkpoint follows every 1,000 entries or 60 s.
 */
struct server;

#define SERVER_CHECKPOINT_ENTRIES 1000
#define SERVER_CHECKPOINT_MS 60000

/* store is borrowed. */
struct server *server_new(struct ev_loop *, struct store *);
void server_free(struct server *);

/* Serve a client on fd (taken); peer is its name for the log. */
void server_add_client(struct server *, int fd, const char *peer);

/* Append an entry of our own, at once. */
GW_MUST_CHECK enum gw_err server_record(struct server *,
    struct audit_record *);

/* Make durable and answer what was gathered, then sign. */
GW_MUST_CHECK enum gw_err server_finish(struct server *);

#endif
