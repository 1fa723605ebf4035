/* SPDX-License-Identifier: ISC */
#ifndef PROTO_IPC_CONTROL_H
#define PROTO_IPC_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/ipc/chan.h"
#include "proto/ipc/types.h"

/*
 * Parent and child.  Every child is exec'd with one end of a channel as fd
 * IPC_CONTROL_FD and nothing else; the first message is CTL_START.
 */
#define IPC_CONTROL_FD 3

enum proc_id {
	PROC_PARENT = 0,
	PROC_AUDIT = 1,
	PROC_KEYS = 2,
	PROC_SPOOL = 3,
	PROC_INSPECT = 4,
	PROC_COURIER = 5,
	PROC_LINK = 6,
	PROC_DESK = 7,
	PROC_ZYGOTE = 8,	/* + enum policy_stage */
	PROC_COUNT = 16
};

enum ctl_type {
	CTL_START = 1,	/* parent: struct ctl_start; fds: log, policy, peers */
	CTL_PEER = 2,	/* parent: struct ctl_peer; fd: a new peer */
	CTL_POLICY = 3,	/* parent: empty; fd: new policy table */
	CTL_STOP = 4,	/* parent: finish and exit 0 */
	CTL_PING = 5,	/* parent: answer with CTL_PONG, same id */
	CTL_READY = 6,	/* child: sandboxed and serving */
	CTL_PONG = 7,
	CTL_POLICY_DONE = 8, /* child: struct ipc_status */
	CTL_RELOAD = 9,	/* desk: load gateway.yaml and flows anew */
	CTL_RELOADED = 10, /* parent to desk: struct ctl_text */
	CTL_STATUS = 11, /* desk: how are the processes? */
	CTL_STATUS_REPLY = 12, /* parent to desk: elements ctl_child */
	CTL_RESTART = 13 /* desk: struct ctl_peer names whom (after pairing,
			    after new signatures) */
};

#define CTL_FLAG_SERVICE 1u	/* started as root, own user per process */
#define CTL_FLAG_BENCH 2u

struct ctl_peer {
	uint32_t proc;		/* enum proc_id */
	uint32_t is_server;	/* 1: requests go from me to it */
};

#define CTL_PEERS_MAX 13
struct ctl_start {
	uint32_t proc;		/* who you are */
	uint32_t flags;
	uint32_t uid, gid;	/* to drop to; UINT32_MAX: keep */
	uint32_t peer_count;
	uint32_t pad;
	struct ctl_peer peers[CTL_PEERS_MAX]; /* fds 2.. in this order */
};

struct ctl_child {
	uint32_t proc;
	uint32_t pid;
	uint32_t state;		/* enum ctl_child_state */
	uint32_t restarts;
	uint64_t since_ms;
};
enum ctl_child_state { CHILD_STARTING = 1, CHILD_READY = 2, CHILD_BACKOFF = 3 };

#define CTL_TEXT_MAX 60000
struct ctl_text {
	int32_t err;
	uint32_t len;
	char text[CTL_TEXT_MAX];
};

const char *ipc_proc_name(enum proc_id); /* "courier", "zygote-clam" */

/*
 * A child's first act: close every fd but IPC_CONTROL_FD, receive CTL_START
 * (blocking), send log lines to the parent from here on, and hand over what
 * came along.  Fatal on failure.  fds in peer_fds are owned by the caller.
 */
struct ipc_boot {
	struct ctl_start start;
	int control_fd;
	int policy_fd;
	int peer_fds[CTL_PEERS_MAX];
};
void ipc_boot(enum proc_id expected, struct ipc_boot *out);

/* fd of the peer with that id, -1 if it did not come; taken from out. */
int ipc_boot_take(struct ipc_boot *, enum proc_id);

/*
 * The child's side of the control channel once it is sandboxed: answers
 * pings, calls back for peers, policies and stop (any may be NULL; the
 * default for stop is to leave the loop).  Sends CTL_READY at once.
 * on_peer and on_policy take the fd.  A parent that is gone counts as stop.
 */
struct ipc_control_ops {
	void (*on_peer)(void *arg, const struct ctl_peer *, int fd);
	enum gw_err (*on_policy)(void *arg, int fd);
	void (*on_stop)(void *arg);
	void (*on_other)(void *arg, struct ipc_msg *); /* desk's answers */
};
struct ipc_chan *ipc_control_new(struct ev_loop *, int control_fd,
    const struct ipc_control_ops *, void *arg);

#endif
