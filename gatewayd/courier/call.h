/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_CALL_H
#define GATEWAYD_COURIER_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "base/ev.h"
#include "proto/ipc/chan.h"

/*
 * Requests to a sibling, each with the function that takes its reply.  A
 * sibling that closes its end ends the process: the parent starts both anew.
 */
struct call_peer;

/* The reply; fds that fn does not take are closed after it returns. */
typedef void call_fn(void *arg, struct ipc_msg *);

struct call_peer *call_keys_new(struct ev_loop *, int fd); /* takes fd */
struct call_peer *call_spool_new(struct ev_loop *, int fd);
void call_free(struct call_peer *);

struct call {
	uint16_t type;
	const void *fixed;
	size_t fixed_len;
	const void *elems;
	size_t elem;
	uint32_t count;
	int fd;			/* -1: none; taken */
};
void call_send(struct call_peer *, const struct call *, call_fn *, void *arg);

/* A request of a fixed part alone. */
void call_send_fixed(struct call_peer *, uint16_t type, const void *fixed,
    size_t fixed_len, call_fn *, void *arg);

/* Replies to what arg asked for are no longer wanted. */
void call_forget(struct call_peer *, const void *arg);

/* How a reply that starts with struct ipc_status went. */
struct ipc_status call_status(const struct ipc_msg *);

#endif
