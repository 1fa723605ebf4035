/* SPDX-License-Identifier: ISC */
#include <sys/queue.h>
#include <sys/socket.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/ipc/chan.h"

/* Messages handled per readiness, so that other fds get a turn. */
#define IPC_TURN_MAX 32

/* A sibling that takes nothing while this much waits for it is broken. */
#define IPC_QUEUE_MAX (64u << 20)

#define IPC_PEER_LEN 32

/* fds come in the control part of a datagram. */
union ipc_control {
	struct cmsghdr header; /* for its alignment */
	char bytes[CMSG_SPACE(IPC_FDS_MAX * sizeof(int))];
};

struct ipc_out {
	TAILQ_ENTRY(ipc_out) next;
	size_t len; /* header included */
	int fds[IPC_FDS_MAX];
	int fd_count;
	uint8_t data[];
};

struct ipc_chan {
	TAILQ_HEAD(, ipc_out) queue;
	struct ev_loop *loop;
	struct ev_fd *ev;
	const struct ipc_rule *rules;
	int rule_count;
	ipc_msg_fn *on_msg;
	ipc_closed_fn *on_closed;
	ipc_free_fn *on_free;
	void *arg;
	size_t queued;
	int fd;
	char peer[IPC_PEER_LEN];
	bool is_paused;
	bool is_broken;	/* sending failed for good; reading finds the end */
	bool is_closed;	/* on_closed was called */
	bool is_busy;	/* a callback runs: memory must stay */
	bool is_freed;	/* freed by that callback */
	_Alignas(16) uint8_t buf[IPC_MSG_MAX];
};

/* --- one datagram ----------------------------------------------------- */

static void
ipc_drop_fds(int *fds, int count)
{
	int i;

	for (i = 0; i < count; i++)
		io_drop(&fds[i]);
}

void
ipc_msg_clear(struct ipc_msg *msg)
{
	ipc_drop_fds(msg->fds, msg->fd_count);
	msg->fd_count = 0;
}

/* Returns 0 or an errno value. */
static int
ipc_write(int fd, const void *data, size_t len, const int *fds, int fd_count,
    int flags)
{
	union ipc_control control = {0};
	struct iovec iov;
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	size_t fd_bytes = (size_t)fd_count * sizeof(int);
	ssize_t n;

	/* sendmsg only reads, but its type knows nothing of const. */
	memcpy(&iov.iov_base, &data, sizeof(iov.iov_base));
	iov.iov_len = len;
	if (fd_count > 0) {
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(fd_bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(fd_bytes);
		memcpy(CMSG_DATA(&control.header), fds, fd_bytes);
	}
	do {
		n = sendmsg(fd, &mh, flags | MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno;
	/* SOCK_SEQPACKET sends all or nothing. */
	return (size_t)n == len ? 0 : EPROTO;
}

static void
ipc_take_fds(struct msghdr *mh, struct ipc_msg *msg)
{
	struct cmsghdr *cmsg;
	size_t bytes;
	int count;

	for (cmsg = CMSG_FIRSTHDR(mh); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(mh, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		bytes = cmsg->cmsg_len - CMSG_LEN(0);
		count = (int)(bytes / sizeof(int));
		if (count > IPC_FDS_MAX - msg->fd_count)
			log_panic("ipc: more fds than there is room for");
		memcpy(msg->fds + msg->fd_count, CMSG_DATA(cmsg),
		    (size_t)count * sizeof(int));
		msg->fd_count += count;
	}
}

/*
 * Receive one datagram into buf (IPC_MSG_MAX bytes).  Returns 0 or an errno
 * value; *len_out is 0 at the end.  EPROTO: it or its fds did not fit.
 */
static int
ipc_read(int fd, void *buf, int flags, size_t *len_out, struct ipc_msg *msg)
{
	union ipc_control control;
	struct iovec iov = {.iov_base = buf, .iov_len = IPC_MSG_MAX};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;
	int i;

	do {
		n = recvmsg(fd, &mh, flags | MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno;
	msg->fd_count = 0;
	for (i = 0; i < IPC_FDS_MAX; i++)
		msg->fds[i] = -1;
	ipc_take_fds(&mh, msg);
	*len_out = (size_t)n;
	return (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ? EPROTO : 0;
}

static const struct ipc_rule *
ipc_find_rule(const struct ipc_rule *rules, int count, uint16_t type)
{
	int i;

	for (i = 0; i < count; i++) {
		if (rules[i].type == type)
			return &rules[i];
	}
	return NULL;
}

/* Hold one datagram against its rule and fill *msg; NULL, or what is wrong. */
static const char *
ipc_check(const struct ipc_rule *rules, int rule_count, const uint8_t *data,
    size_t len, struct ipc_msg *msg)
{
	const struct ipc_rule *rule;
	struct ipc_header header;
	size_t rest;

	msg->type = 0;
	if (len < sizeof(header))
		return "shorter than a header";
	memcpy(&header, data, sizeof(header));
	msg->type = header.type;
	msg->id = header.id;
	if (header.len != len - sizeof(header))
		return "wrong length in its header";
	rule = ipc_find_rule(rules, rule_count, header.type);
	if (rule == NULL)
		return "type not permitted here";
	if (header.len < rule->fixed)
		return "shorter than its type";
	rest = header.len - rule->fixed;
	if (rule->elem == 0 ? rest != 0 : rest % rule->elem != 0)
		return "size does not fit its type";
	msg->count = rule->elem == 0 ? 0 : (uint32_t)(rest / rule->elem);
	if (msg->count > rule->max_count)
		return "too many elements";
	if (header.fd_count != msg->fd_count ||
	    header.fd_count < rule->min_fds || header.fd_count > rule->max_fds)
		return "wrong number of fds";
	msg->body = data + sizeof(header);
	msg->len = header.len;
	msg->elems = msg->count == 0 ? NULL :
	    data + sizeof(header) + rule->fixed;
	return NULL;
}

/* --- blocking forms --------------------------------------------------- */

/* The other side of the socket may have made the fd non-blocking. */
static void
ipc_wait(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	if (poll(&p, 1, -1) == -1 && errno != EINTR)
		log_fatal("ipc: poll: %s", strerror(errno));
}

enum gw_err
ipc_recv_wait(int fd, const struct ipc_rule *rules, int rule_count, void *buf,
    struct ipc_msg *out)
{
	struct ipc_msg msg = {0};
	const char *wrong;
	size_t len = 0;
	int number;

	for (;;) {
		number = ipc_read(fd, buf, 0, &len, &msg);
		if (number == EAGAIN)
			ipc_wait(fd, POLLIN);
		else if (number != ECONNRESET) /* see ipc_on_readable */
			break;
	}
	if (number == EPROTO)
		wrong = "too long";
	else if (number != 0)
		return err_from_errno(number);
	else if (len == 0)
		return GW_ECLOSED;
	else
		wrong = ipc_check(rules, rule_count, buf, len, &msg);
	if (wrong != NULL) {
		log_err("ipc: message of type 0x%x refused: %s", msg.type,
		    wrong);
		ipc_msg_clear(&msg);
		return GW_EPROTO;
	}
	*out = msg;
	return GW_OK;
}

enum gw_err
ipc_send_wait(int fd, uint16_t type, uint64_t id, const void *body, size_t len,
    const int *fds, int fd_count)
{
	struct ipc_header header = {
		.type = type,
		.fd_count = (uint16_t)fd_count,
		.len = (uint32_t)len,
		.id = id,
	};
	uint8_t *data;
	int number, i, taken;

	if (len > IPC_MSG_MAX - sizeof(header) || fd_count < 0 ||
	    fd_count > IPC_FDS_MAX)
		log_panic("ipc: message of %zu bytes, %d fds", len, fd_count);
	data = mem_alloc(sizeof(header) + len);
	memcpy(data, &header, sizeof(header));
	if (len > 0)
		memcpy(data + sizeof(header), body, len);
	while ((number = ipc_write(fd, data, sizeof(header) + len, fds,
	    fd_count, 0)) == EAGAIN)
		ipc_wait(fd, POLLOUT);
	mem_free_secret(data, sizeof(header) + len);
	for (i = 0; i < fd_count; i++) {
		taken = fds[i];
		io_drop(&taken);
	}
	return err_from_errno(number);
}

/* --- sending ---------------------------------------------------------- */

static void
ipc_watch(struct ipc_chan *chan)
{
	int events = 0;

	if (chan->is_freed)
		return;
	if (!chan->is_paused && !chan->is_closed)
		events |= EV_RD;
	if (!TAILQ_EMPTY(&chan->queue))
		events |= EV_WR;
	ev_fd_set(chan->ev, events);
}

static void
ipc_out_free(struct ipc_out *out)
{
	ipc_drop_fds(out->fds, out->fd_count);
	/* Messages carry keys. */
	mem_free_secret(out, sizeof(*out) + out->len);
}

static void
ipc_drop_queue(struct ipc_chan *chan)
{
	struct ipc_out *out;

	while ((out = TAILQ_FIRST(&chan->queue)) != NULL) {
		TAILQ_REMOVE(&chan->queue, out, next);
		ipc_out_free(out);
	}
	chan->queued = 0;
}

/*
 * Send one message now.  Returns false if it must wait.  A socket whose
 * other end is gone swallows the message: the reading side finds the end
 * and tells, after the messages that the other end left behind.
 */
static bool
ipc_out_send(struct ipc_chan *chan, const struct ipc_out *out)
{
	int number;

	number = ipc_write(chan->fd, out->data, out->len, out->fds,
	    out->fd_count, MSG_DONTWAIT);
	switch (number) {
	case 0:
		return true;
	case EAGAIN:
	case ENOBUFS:
	case ETOOMANYREFS: /* fds in flight: the other end will take them */
		return false;
	case EPIPE:
	case ECONNRESET:
	case ENOTCONN:
		chan->is_broken = true;
		return true;
	default:
		log_fatal("ipc %s: sendmsg: %s", chan->peer, strerror(number));
	}
}

static void
ipc_on_writable(struct ipc_chan *chan)
{
	struct ipc_out *out;

	while ((out = TAILQ_FIRST(&chan->queue)) != NULL) {
		if (!ipc_out_send(chan, out))
			break;
		TAILQ_REMOVE(&chan->queue, out, next);
		chan->queued -= out->len;
		ipc_out_free(out);
		if (chan->is_broken)
			ipc_drop_queue(chan);
	}
	ipc_watch(chan);
}

static struct ipc_out *
ipc_out_new(const struct ipc_header *header, const void *fixed,
    size_t fixed_len, const void *elems, const int *fds)
{
	struct ipc_out *out;
	uint8_t *p;
	size_t len = sizeof(*header) + header->len;
	int i;

	out = mem_alloc(sizeof(*out) + len);
	out->len = len;
	for (i = 0; i < header->fd_count; i++)
		out->fds[i] = fds[i];
	out->fd_count = header->fd_count;
	p = out->data;
	memcpy(p, header, sizeof(*header));
	p += sizeof(*header);
	if (fixed_len > 0)
		memcpy(p, fixed, fixed_len);
	if (header->len > fixed_len)
		memcpy(p + fixed_len, elems, header->len - fixed_len);
	return out;
}

void
ipc_send(struct ipc_chan *chan, uint16_t type, uint64_t id, const void *fixed,
    size_t fixed_len, const void *elems, size_t elem, uint32_t count,
    const int *fds, int fd_count)
{
	struct ipc_header header = {.type = type, .id = id};
	struct ipc_out *out;

	if (fixed_len > IPC_MSG_MAX || elem > IPC_MSG_MAX ||
	    count > IPC_MSG_MAX || fd_count < 0 || fd_count > IPC_FDS_MAX ||
	    fixed_len + elem * count > IPC_MSG_MAX - sizeof(header))
		log_panic("ipc %s: message 0x%x: %zu bytes, %u elements of "
		    "%zu, %d fds", chan->peer, type, fixed_len, count, elem,
		    fd_count);
	header.len = (uint32_t)(fixed_len + elem * count);
	header.fd_count = (uint16_t)fd_count;
	out = ipc_out_new(&header, fixed, fixed_len, elems, fds);
	if (chan->is_broken || chan->is_closed || chan->is_freed ||
	    (TAILQ_EMPTY(&chan->queue) && ipc_out_send(chan, out))) {
		ipc_out_free(out);
		return;
	}
	TAILQ_INSERT_TAIL(&chan->queue, out, next);
	chan->queued += out->len;
	if (chan->queued > IPC_QUEUE_MAX)
		log_fatal("ipc %s: takes no messages: %zu bytes wait",
		    chan->peer, chan->queued);
	ipc_watch(chan);
}

size_t
ipc_queued(const struct ipc_chan *chan)
{
	return chan->queued;
}

/* --- receiving -------------------------------------------------------- */

static void
ipc_end(struct ipc_chan *chan)
{
	chan->is_closed = true;
	ipc_drop_queue(chan);
	ipc_watch(chan);
	chan->on_closed(chan->arg, chan);
}

/* Returns false if there is nothing more to read now. */
static bool
ipc_receive(struct ipc_chan *chan)
{
	struct ipc_msg msg = {0};
	const char *wrong;
	size_t len = 0;
	int number;

	number = ipc_read(chan->fd, chan->buf, MSG_DONTWAIT, &len, &msg);
	if (number == EAGAIN)
		return false;
	/*
	 * The other end closed without reading all: told once, ahead of
	 * what it sent before.  Reading on gives that, and then the end.
	 */
	if (number == ECONNRESET)
		return true;
	if (number == EPROTO)
		log_fatal("ipc %s: message or fds cut short", chan->peer);
	if (number != 0)
		log_fatal("ipc %s: recvmsg: %s", chan->peer, strerror(number));
	if (len == 0) {
		ipc_end(chan);
		return false;
	}
	wrong = ipc_check(chan->rules, chan->rule_count, chan->buf, len, &msg);
	if (wrong != NULL)
		log_fatal("ipc %s: message of type 0x%x: %s", chan->peer,
		    msg.type, wrong);
	chan->on_msg(chan->arg, chan, &msg);
	ipc_msg_clear(&msg);
	/* Messages carry keys: leave none behind until the next one. */
	mem_clear(chan->buf, len);
	return true;
}

static void
ipc_on_readable(struct ipc_chan *chan)
{
	int turn;

	chan->is_busy = true;
	for (turn = 0; turn < IPC_TURN_MAX; turn++) {
		if (chan->is_paused || chan->is_closed || chan->is_freed)
			break;
		if (!ipc_receive(chan))
			break;
	}
	chan->is_busy = false;
	if (chan->is_freed)
		mem_free(chan);
}

static void
ipc_on_event(void *arg, int fd, int events)
{
	struct ipc_chan *chan = arg;

	(void)fd;
	/* Writing calls nobody back, so the channel survives it. */
	if (events & EV_WR)
		ipc_on_writable(chan);
	if (events & EV_RD)
		ipc_on_readable(chan);
}

/* --- channel ---------------------------------------------------------- */

struct ipc_chan *
ipc_chan_new(struct ev_loop *loop, int fd, const char *peer,
    const struct ipc_rule *rules, int rule_count, ipc_msg_fn *on_msg,
    ipc_closed_fn *on_closed, void *arg)
{
	struct ipc_chan *chan = mem_alloc(sizeof(*chan));

	TAILQ_INIT(&chan->queue);
	chan->loop = loop;
	chan->fd = fd;
	chan->rules = rules;
	chan->rule_count = rule_count;
	chan->on_msg = on_msg;
	chan->on_closed = on_closed;
	chan->arg = arg;
	mem_put_str(chan->peer, sizeof(chan->peer), peer);
	chan->ev = ev_fd_new(loop, fd, EV_RD, ipc_on_event, chan);
	return chan;
}

void
ipc_chan_on_free(struct ipc_chan *chan, ipc_free_fn *fn)
{
	chan->on_free = fn;
}

void
ipc_chan_free(struct ipc_chan *chan)
{
	if (chan == NULL || chan->is_freed)
		return;
	chan->is_freed = true;
	ev_fd_free(chan->ev);
	chan->ev = NULL;
	ipc_drop_queue(chan);
	io_drop(&chan->fd);
	if (chan->on_free != NULL)
		chan->on_free(chan->arg);
	/*
	 * Inside a callback the message is still read: its memory goes when
	 * that returns.
	 */
	if (chan->is_busy)
		return;
	mem_free(chan);
}

const char *
ipc_chan_peer(const struct ipc_chan *chan)
{
	return chan->peer;
}

void
ipc_pause(struct ipc_chan *chan, bool is_paused)
{
	chan->is_paused = is_paused;
	ipc_watch(chan);
}
