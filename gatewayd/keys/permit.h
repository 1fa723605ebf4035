/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_PERMIT_H
#define GATEWAYD_KEYS_PERMIT_H

#include "gatewayd/keys/handlers.h"

/*
 * Who may ask what: the table of this process.  A message that has no row
 * for its sender is fatal, so a client taken over can do nothing but what
 * its rows and their handlers allow.
 */
#define PERMIT_ROWS_MAX 32

/* The rules of a kind of client, for its channel; static storage. */
const struct ipc_rule *permit_rules(enum client_kind, int *count_out);

/* Handle one message. */
void permit_run(struct keyd *, struct client *, struct ipc_msg *);

#endif
