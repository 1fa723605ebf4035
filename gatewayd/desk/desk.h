/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_DESK_DESK_H
#define GATEWAYD_DESK_DESK_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ev.h"

#include "policy/table.h"
#include "proto/ipc/chan.h"

/*
 * The desk: who a person is, and what that person may ask.  One object per
 * process, handed to everything below.
 */
enum desk_peer { DESK_AUDIT, DESK_KEYS, DESK_SPOOL, DESK_PARENT, DESK_PEERS };

struct conn;
struct call;

struct desk {
	struct ev_loop *loop;
	const struct policy_table *policy;
	struct ipc_chan *peers[DESK_PEERS];
	bool is_service;	/* each process has its own user */
	uint32_t own_uid;	/* whoever started a gateway for trying */
	char *accounts;		/* text of /etc/passwd at start, or NULL */

	int listen_fd;
	struct ev_fd *listen_ev;
	struct ev_timer *tick;
	TAILQ_HEAD(, conn) conns;
	int conn_count;
	TAILQ_HEAD(, call) calls;
	uint64_t last_call;
	struct views *views;
};

/* Prepare the lists of a zeroed desk; the rest is the caller's. */
void desk_init(struct desk *);

/* Drop every connection and forget every call; channels stay. */
void desk_clear(struct desk *);

#endif
