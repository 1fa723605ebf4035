/* SPDX-License-Identifier: ISC */
#ifndef PROTO_IPC_CHAN_H
#define PROTO_IPC_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ev.h"

/*
 * Message channel between two processes of one gateway: a SOCK_SEQPACKET
 * pair made by the parent.  One datagram is one message: a fixed header, a
 * fixed-size body, and any number of fixed-size elements after it, so that
 * nothing has to be parsed.  Same machine, same build: host byte order.
 *
 * Requests go one way (see gatewayd/parent/peers.c); a reply has the
 * request's type with IPC_REPLY set and its id.
 */
#define IPC_MSG_MAX 65536u	/* header included */
#define IPC_FDS_MAX 16
#define IPC_REPLY 0x8000u

struct ipc_header {
	uint16_t type;
	uint16_t fd_count;
	uint32_t len;		/* bytes after the header */
	uint64_t id;
};
_Static_assert(sizeof(struct ipc_header) == 16, "no padding");

struct ipc_msg {
	uint16_t type;
	uint64_t id;
	const void *body;	/* fixed part, then elements */
	size_t len;
	uint32_t count;		/* elements after the fixed part */
	const void *elems;	/* NULL if count is 0 */
	int fds[IPC_FDS_MAX];	/* owned by the message: set to -1 to keep */
	int fd_count;
};

/*
 * What may be received on a channel: one row per type.  A message of a type
 * not listed, of another size, or with another number of fds is fatal.
 */
struct ipc_rule {
	uint16_t type;
	uint32_t fixed;		/* bytes of the fixed part */
	uint32_t elem;		/* bytes of one element; 0: none */
	uint32_t max_count;
	uint8_t min_fds, max_fds;
};

struct ipc_chan;
typedef void ipc_msg_fn(void *arg, struct ipc_chan *, struct ipc_msg *);
typedef void ipc_closed_fn(void *arg, struct ipc_chan *);

/*
 * Make a channel over fd (takes it).  on_msg is called once per message;
 * fds it does not take are closed after it returns.  on_closed is called
 * once when the other end is gone, after everything that it had sent; the
 * channel is then only good to free.  Either may free or pause the channel.
 * A message lives until on_msg returns, even when that frees the channel.
 * rules are borrowed.  A violation of them is fatal.
 */
struct ipc_chan *ipc_chan_new(struct ev_loop *, int fd, const char *peer,
    const struct ipc_rule *, int rule_count, ipc_msg_fn *, ipc_closed_fn *,
    void *arg);
void ipc_chan_free(struct ipc_chan *);

/* Call fn with the channel's arg when the channel is freed. */
typedef void ipc_free_fn(void *arg);
void ipc_chan_on_free(struct ipc_chan *, ipc_free_fn *);

const char *ipc_chan_peer(const struct ipc_chan *);

/*
 * Queue one message: fixed part, then count elements of elem bytes.  fds
 * are taken (closed after sending).  Never blocks; what the socket does not
 * take now is queued.  Sending on a closed channel drops the message.
 */
void ipc_send(struct ipc_chan *, uint16_t type, uint64_t id,
    const void *fixed, size_t fixed_len, const void *elems, size_t elem,
    uint32_t count, const int *fds, int fd_count);

/* Stop or go on reading (messages stay in the socket: back-pressure). */
void ipc_pause(struct ipc_chan *, bool is_paused);

/* Bytes queued and not yet taken by the socket. */
size_t ipc_queued(const struct ipc_chan *);

/*
 * Blocking forms for start-up and one-shot programs, without a loop:
 * receive into buf (IPC_MSG_MAX bytes, aligned for what comes), send whole;
 * fds are taken.  GW_ECLOSED at EOF, GW_EPROTO (logged) on a violation.
 */
GW_MUST_CHECK enum gw_err ipc_recv_wait(int fd, const struct ipc_rule *,
    int rule_count, void *buf, struct ipc_msg *out);
GW_MUST_CHECK enum gw_err ipc_send_wait(int fd, uint16_t type, uint64_t id,
    const void *body, size_t len, const int *fds, int fd_count);

/* Close the fds of a message that its handler did not take. */
void ipc_msg_clear(struct ipc_msg *);

#endif
