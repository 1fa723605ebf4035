/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"

#include "proto/ipc/control.h"

/* Fds in CTL_START before those of the peers. */
#define BOOT_LOG 0
#define BOOT_POLICY 1
#define BOOT_PEERS 2
_Static_assert(BOOT_PEERS + CTL_PEERS_MAX <= IPC_FDS_MAX, "one message");

const char *
ipc_proc_name(enum proc_id id)
{
	static const char *const names[PROC_COUNT] = {
		[PROC_PARENT] = "parent",
		[PROC_AUDIT] = "audit",
		[PROC_KEYS] = "keys",
		[PROC_SPOOL] = "spool",
		[PROC_INSPECT] = "inspect",
		[PROC_COURIER] = "courier",
		[PROC_LINK] = "link",
		[PROC_DESK] = "desk",
		/* In the order of enum policy_stage. */
		[PROC_ZYGOTE] = "zygote-manifest",
		[PROC_ZYGOTE + 1] = "zygote-identify",
		[PROC_ZYGOTE + 2] = "zygote-clam",
		[PROC_ZYGOTE + 3] = "zygote-sanitize",
		[PROC_ZYGOTE + 4] = "zygote-confirm",
		[PROC_ZYGOTE + 5] = "zygote-null",
	};
	unsigned i = (unsigned)id;

	return i < PROC_COUNT && names[i] != NULL ? names[i] : "?";
}

/* --- start ------------------------------------------------------------ */

static void
boot_check(enum proc_id expected, const struct ctl_start *start, int fd_count)
{
	uint32_t i;

	if (start->proc != (uint32_t)expected)
		log_fatal("start: the parent takes this process for %s",
		    ipc_proc_name((enum proc_id)start->proc));
	if (start->peer_count > CTL_PEERS_MAX ||
	    fd_count != BOOT_PEERS + (int)start->peer_count)
		log_fatal("start: %u peers, %d fds", start->peer_count,
		    fd_count);
	for (i = 0; i < start->peer_count; i++) {
		if (start->peers[i].proc >= PROC_COUNT)
			log_fatal("start: peer %u is not a process", i);
	}
}

void
ipc_boot(enum proc_id expected, struct ipc_boot *out)
{
	static const struct ipc_rule rule = {
		.type = CTL_START,
		.fixed = sizeof(struct ctl_start),
		.min_fds = BOOT_PEERS,
		.max_fds = BOOT_PEERS + CTL_PEERS_MAX,
	};
	static const int keep[] = {IPC_CONTROL_FD};
	struct ipc_msg msg;
	uint8_t *buf;
	enum gw_err err;
	int i;

	log_init(ipc_proc_name(expected));
	proc_close_fds(keep, 1);
	buf = mem_alloc(IPC_MSG_MAX);
	err = ipc_recv_wait(IPC_CONTROL_FD, &rule, 1, buf, &msg);
	if (err != GW_OK)
		log_fatal("start: no word from the parent: %s (this program "
		    "is started by gatewayd)", err_text_en(err));
	memset(out, 0, sizeof(*out));
	memcpy(&out->start, msg.body, sizeof(out->start));
	log_init_fd(msg.fds[BOOT_LOG]);
	boot_check(expected, &out->start, msg.fd_count);
	out->control_fd = IPC_CONTROL_FD;
	out->policy_fd = msg.fds[BOOT_POLICY];
	for (i = 0; i < CTL_PEERS_MAX; i++) {
		out->peer_fds[i] = BOOT_PEERS + i < msg.fd_count ?
		    msg.fds[BOOT_PEERS + i] : -1;
	}
	mem_free(buf);
}

int
ipc_boot_take(struct ipc_boot *boot, enum proc_id id)
{
	uint32_t i;
	int fd;

	for (i = 0; i < boot->start.peer_count; i++) {
		fd = boot->peer_fds[i];
		if (boot->start.peers[i].proc != (uint32_t)id || fd == -1)
			continue;
		boot->peer_fds[i] = -1;
		return fd;
	}
	return -1;
}

/* --- afterwards ------------------------------------------------------- */

struct control {
	struct ev_loop *loop;
	struct ipc_control_ops ops;
	void *arg;
};

static const struct ipc_rule control_rules[] = {
	{.type = CTL_PEER, .fixed = sizeof(struct ctl_peer),
	    .min_fds = 1, .max_fds = 1},
	{.type = CTL_POLICY, .min_fds = 1, .max_fds = 1},
	{.type = CTL_STOP},
	{.type = CTL_PING},
	{.type = CTL_RELOADED, .fixed = sizeof(struct ctl_text)},
	{.type = CTL_STATUS_REPLY, .elem = sizeof(struct ctl_child),
	    .max_count = 4 * PROC_COUNT},
};

static int
control_take_fd(struct ipc_msg *msg)
{
	int fd = msg->fds[0];

	msg->fds[0] = -1;
	return fd;
}

static void
control_peer(struct control *ctl, struct ipc_msg *msg)
{
	struct ctl_peer peer;

	memcpy(&peer, msg->body, sizeof(peer));
	if (ctl->ops.on_peer == NULL || peer.proc >= PROC_COUNT)
		log_fatal("control: unexpected peer %u", peer.proc);
	ctl->ops.on_peer(ctl->arg, &peer, control_take_fd(msg));
}

static void
control_policy(struct control *ctl, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct ipc_status status = {.err = GW_OK};

	/* Who has no use for a policy has no objection either. */
	if (ctl->ops.on_policy != NULL)
		status.err = ctl->ops.on_policy(ctl->arg,
		    control_take_fd(msg));
	ipc_send(chan, CTL_POLICY_DONE, msg->id, &status, sizeof(status), NULL,
	    0, 0, NULL, 0);
}

static void
control_stop(struct control *ctl)
{
	if (ctl->ops.on_stop != NULL)
		ctl->ops.on_stop(ctl->arg);
	else
		ev_loop_stop(ctl->loop);
}

static void
control_on_msg(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct control *ctl = arg;

	switch (msg->type) {
	case CTL_PEER:
		control_peer(ctl, msg);
		break;
	case CTL_POLICY:
		control_policy(ctl, chan, msg);
		break;
	case CTL_STOP:
		control_stop(ctl);
		break;
	case CTL_PING:
		ipc_send(chan, CTL_PONG, msg->id, NULL, 0, NULL, 0, 0, NULL,
		    0);
		break;
	default:
		if (ctl->ops.on_other == NULL)
			log_fatal("control: unexpected message %u", msg->type);
		ctl->ops.on_other(ctl->arg, msg);
		break;
	}
}

/* Without a parent nobody supervises: finish what is begun, and leave. */
static void
control_on_closed(void *arg, struct ipc_chan *chan)
{
	struct control *ctl = arg;

	(void)chan;
	log_warn("control: the parent is gone, stopping");
	control_stop(ctl);
}

struct ipc_chan *
ipc_control_new(struct ev_loop *loop, int control_fd,
    const struct ipc_control_ops *ops, void *arg)
{
	struct control *ctl = mem_alloc(sizeof(*ctl));
	struct ipc_chan *chan;

	ctl->loop = loop;
	ctl->arg = arg;
	if (ops != NULL)
		ctl->ops = *ops;
	chan = ipc_chan_new(loop, control_fd, "parent", control_rules,
	    (int)(sizeof(control_rules) / sizeof(control_rules[0])),
	    control_on_msg, control_on_closed, ctl);
	ipc_chan_on_free(chan, mem_free);
	ipc_send(chan, CTL_READY, 0, NULL, 0, NULL, 0, 0, NULL, 0);
	return chan;
}
