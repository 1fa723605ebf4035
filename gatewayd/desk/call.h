/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_DESK_CALL_H
#define GATEWAYD_DESK_CALL_H

#include "proto/ipc/chan.h"

#include "gatewayd/desk/desk.h"

/*
 * Requests to the other processes on behalf of a connection.  Nothing here
 * blocks; the answer comes back through fn with the tag.  A connection that
 * went away gets no answers, unless its verb must be carried through.
 */
#define CALLS_MAX 4096	/* under way at once, all connections */

typedef void call_fn(struct conn *, uint32_t tag, struct ipc_msg *);

void call_send(struct conn *, enum desk_peer, uint16_t type,
    const void *fixed, size_t fixed_len, call_fn *, uint32_t tag);
void call_send_elems(struct conn *, enum desk_peer, uint16_t type,
    const void *fixed, size_t fixed_len, const void *elems, size_t elem,
    uint32_t count, call_fn *, uint32_t tag);

/* The connection is gone: forget what its calls were for. */
void call_orphan(struct desk *, const struct conn *);
void call_drop_all(struct desk *);

/* What may come back from each server: rules and handler of its channel. */
extern const struct ipc_rule call_audit_rules[];
extern const int call_audit_rule_count;
extern const struct ipc_rule call_keys_rules[];
extern const int call_keys_rule_count;
extern const struct ipc_rule call_spool_rules[];
extern const int call_spool_rule_count;
ipc_msg_fn call_on_reply;	/* arg: struct desk */

/* Answers of the parent, which come without IPC_REPLY. */
void call_on_parent(struct desk *, struct ipc_msg *);

#endif
