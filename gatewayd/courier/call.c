/* SPDX-License-Identifier: ISC */
#include <sys/queue.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "proto/ipc/keys.h"
#include "proto/ipc/spool.h"

#include "gatewayd/courier/call.h"

struct pending {
	TAILQ_ENTRY(pending) next;
	uint64_t id;
	uint16_t type;
	call_fn *fn;		/* NULL: forgotten */
	void *arg;
};

struct call_peer {
	TAILQ_HEAD(, pending) pending;
	struct ipc_chan *chan;
	struct ev_loop *loop;
	uint64_t next_id;
};

#define STATUS(t) {.type = (t) | IPC_REPLY, .fixed = sizeof(struct ipc_status)}
#define FIXED(t, s) {.type = (t) | IPC_REPLY, .fixed = sizeof(struct s)}
#define MANY(t, s, fds) {.type = (t) | IPC_REPLY,                             \
	.fixed = sizeof(struct ipc_status), .elem = sizeof(struct s),         \
	.max_count = IPC_BATCH_MAX, .max_fds = (fds)}

static const struct ipc_rule keys_rules[] = {
	FIXED(KEYS_TRANSFER_NEW, keys_transfer_made),
	MANY(KEYS_BODY_NEW, keys_body_made, 0),
	STATUS(KEYS_BODY_DONE),
	STATUS(KEYS_TRANSFER_DROP),
	MANY(KEYS_RELEASE, keys_grant, 0),
	MANY(KEYS_VIEW, keys_grant, 0),
};

static const struct ipc_rule spool_rules[] = {
	STATUS(SPOOL_TRANSFER_OPEN),
	STATUS(SPOOL_BODY_PUT),
	{.type = SPOOL_BODY_CREATE | IPC_REPLY,
	    .fixed = sizeof(struct ipc_status), .max_fds = 1},
	STATUS(SPOOL_BODY_DONE),
	FIXED(SPOOL_TRANSFER_DONE, spool_accepted),
	STATUS(SPOOL_TRANSFER_DROP),
	MANY(SPOOL_CLAIM, spool_claim, 0),
	FIXED(SPOOL_WORK, spool_work),
	STATUS(SPOOL_STAGED),
	STATUS(SPOOL_PUBLISHED),
	STATUS(SPOOL_NOTICED),
	FIXED(SPOOL_REFUSED, spool_accepted),
	MANY(SPOOL_BODY_GET, ipc_body, 1),
};

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

static struct pending *
call_find(struct call_peer *peer, uint64_t id)
{
	struct pending *p;

	/* Replies come nearly in order, so it is among the first. */
	TAILQ_FOREACH(p, &peer->pending, next) {
		if (p->id == id)
			return p;
	}
	return NULL;
}

static void
call_on_msg(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct call_peer *peer = arg;
	struct pending *p;

	p = call_find(peer, msg->id);
	if (p == NULL || msg->type != (p->type | IPC_REPLY))
		log_fatal("%s answers 0x%x to what was never asked",
		    ipc_chan_peer(chan), msg->type);
	TAILQ_REMOVE(&peer->pending, p, next);
	if (p->fn != NULL)
		p->fn(p->arg, msg);
	mem_free(p);
}

static void
call_on_closed(void *arg, struct ipc_chan *chan)
{
	struct call_peer *peer = arg;

	log_warn("%s is gone, stopping", ipc_chan_peer(chan));
	ev_loop_stop(peer->loop);
}

static struct call_peer *
call_new(struct ev_loop *loop, int fd, const char *name,
    const struct ipc_rule *rules, int count)
{
	struct call_peer *peer = mem_alloc(sizeof(*peer));

	TAILQ_INIT(&peer->pending);
	peer->loop = loop;
	peer->next_id = 1;
	peer->chan = ipc_chan_new(loop, fd, name, rules, count, call_on_msg,
	    call_on_closed, peer);
	return peer;
}

struct call_peer *
call_keys_new(struct ev_loop *loop, int fd)
{
	return call_new(loop, fd, "keys", keys_rules, COUNT(keys_rules));
}

struct call_peer *
call_spool_new(struct ev_loop *loop, int fd)
{
	return call_new(loop, fd, "spool", spool_rules, COUNT(spool_rules));
}

void
call_free(struct call_peer *peer)
{
	struct pending *p;

	if (peer == NULL)
		return;
	while ((p = TAILQ_FIRST(&peer->pending)) != NULL) {
		TAILQ_REMOVE(&peer->pending, p, next);
		mem_free(p);
	}
	ipc_chan_free(peer->chan);
	mem_free(peer);
}

void
call_send(struct call_peer *peer, const struct call *call, call_fn *fn,
    void *arg)
{
	struct pending *p = mem_alloc(sizeof(*p));

	p->id = peer->next_id++;
	p->type = call->type;
	p->fn = fn;
	p->arg = arg;
	TAILQ_INSERT_TAIL(&peer->pending, p, next);
	ipc_send(peer->chan, call->type, p->id, call->fixed, call->fixed_len,
	    call->elems, call->elem, call->count, &call->fd,
	    call->fd == -1 ? 0 : 1);
}

void
call_send_fixed(struct call_peer *peer, uint16_t type, const void *fixed,
    size_t fixed_len, call_fn *fn, void *arg)
{
	const struct call call = {
		.type = type,
		.fixed = fixed,
		.fixed_len = fixed_len,
		.fd = -1,
	};

	call_send(peer, &call, fn, arg);
}

void
call_forget(struct call_peer *peer, const void *arg)
{
	struct pending *p;

	TAILQ_FOREACH(p, &peer->pending, next) {
		if (p->arg == arg)
			p->fn = NULL;
	}
}

struct ipc_status
call_status(const struct ipc_msg *msg)
{
	struct ipc_status status;

	memcpy(&status, msg->body, sizeof(status));
	return status;
}
