/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_DESK_ENTRY_H
#define GATEWAYD_DESK_ENTRY_H

#include "proto/record/audit.h"

#include "gatewayd/desk/conn.h"

/* Entries of desk in the audit log: made durable before their effect. */

/* Event, actor, uid, number, flow and channel of the request. */
void entry_init(const struct conn *, enum audit_event, struct audit_record *);

/* Append; then goes on with fn.  One at a time per connection. */
typedef void entry_fn(struct conn *, bool is_recorded);
void entry_append(struct conn *, const struct audit_record *, entry_fn *);

/* Append an administrator's or viewer's act; on failure the request ends. */
void entry_then(struct conn *, enum audit_event, const char *detail,
    conn_fn *);

#endif
