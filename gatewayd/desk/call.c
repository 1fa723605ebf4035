/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#include "proto/ipc/audit.h"
#include "proto/ipc/control.h"
#include "proto/ipc/keys.h"
#include "proto/ipc/spool.h"

#include "gatewayd/desk/call.h"
#include "gatewayd/desk/conn.h"

struct call {
	TAILQ_ENTRY(call) next;
	struct conn *conn;	/* NULL: nobody waits any more */
	call_fn *fn;
	uint64_t id;
	uint32_t tag;
	enum desk_peer peer;
	uint16_t type;		/* of the answer */
};

#define REPLY(message) .type = (message) | IPC_REPLY
#define FIXED(t) .fixed = sizeof(struct t)
#define STATUS_AND(t, most)                                                   \
	.fixed = sizeof(struct ipc_status), .elem = sizeof(struct t),         \
	.max_count = (most)
#define FIT(t) ((IPC_MSG_MAX - 64) / sizeof(struct t))

const struct ipc_rule call_audit_rules[] = {
	{REPLY(AUDIT_APPEND), FIXED(audit_head)},
	{REPLY(AUDIT_HEAD), FIXED(audit_head)},
	{REPLY(AUDIT_READ), FIXED(ipc_status), .max_fds = 1},
	{REPLY(AUDIT_IDENTITY), FIXED(audit_identity)},
};
const int call_audit_rule_count =
    (int)(sizeof(call_audit_rules) / sizeof(call_audit_rules[0]));

const struct ipc_rule call_keys_rules[] = {
	{REPLY(KEYS_VIEW), STATUS_AND(keys_grant, 1)},
	{REPLY(KEYS_DECIDE), FIXED(keys_decided)},
	{REPLY(KEYS_PAIR_INIT), FIXED(keys_card)},
	{REPLY(KEYS_CARD), FIXED(keys_card)},
	{REPLY(KEYS_PAIR_ACCEPT), FIXED(keys_paired)},
	{REPLY(KEYS_PAIR_SHOW), STATUS_AND(keys_info, FIT(keys_info))},
	{REPLY(KEYS_LIST), STATUS_AND(keys_info, FIT(keys_info))},
	{REPLY(KEYS_CHANNELS), STATUS_AND(keys_channel, FIT(keys_channel))},
	{REPLY(KEYS_CHANNEL_OP), FIXED(ipc_status)},
};
const int call_keys_rule_count =
    (int)(sizeof(call_keys_rules) / sizeof(call_keys_rules[0]));

const struct ipc_rule call_spool_rules[] = {
	{REPLY(SPOOL_LIST), STATUS_AND(spool_row, 64)},
	{REPLY(SPOOL_STEPS), STATUS_AND(spool_step, FIT(spool_step))},
	{REPLY(SPOOL_FILES), STATUS_AND(keys_body_info, IPC_BATCH_MAX)},
	{REPLY(SPOOL_BODY_GET), STATUS_AND(ipc_body, IPC_BATCH_MAX),
	    .max_fds = 1},
	{REPLY(SPOOL_DECIDE), FIXED(keys_decided)},
	{REPLY(SPOOL_STATUS), FIXED(spool_status)},
	{REPLY(SPOOL_CHANNEL_STATUS),
	    STATUS_AND(spool_channel_status, FIT(spool_channel_status))},
	{REPLY(SPOOL_POKE), FIXED(ipc_status)},
};
const int call_spool_rule_count =
    (int)(sizeof(call_spool_rules) / sizeof(call_spool_rules[0]));

/* The parent answers with messages of their own. */
static uint16_t
call_answer_type(enum desk_peer peer, uint16_t type)
{
	if (peer != DESK_PARENT)
		return type | IPC_REPLY;
	return type == CTL_RELOAD ? CTL_RELOADED : CTL_STATUS_REPLY;
}

void
call_send_elems(struct conn *conn, enum desk_peer peer, uint16_t type,
    const void *fixed, size_t fixed_len, const void *elems, size_t elem,
    uint32_t count, call_fn *fn, uint32_t tag)
{
	struct desk *desk = conn->desk;
	struct call *call = mem_alloc(sizeof(*call));

	call->conn = conn;
	call->fn = fn;
	call->id = ++desk->last_call;
	call->tag = tag;
	call->peer = peer;
	call->type = call_answer_type(peer, type);
	TAILQ_INSERT_TAIL(&desk->calls, call, next);
	conn->calls++;
	ipc_send(desk->peers[peer], type, call->id, fixed, fixed_len, elems,
	    elem, count, NULL, 0);
}

void
call_send(struct conn *conn, enum desk_peer peer, uint16_t type,
    const void *fixed, size_t fixed_len, call_fn *fn, uint32_t tag)
{
	call_send_elems(conn, peer, type, fixed, fixed_len, NULL, 0, 0, fn,
	    tag);
}

void
call_orphan(struct desk *desk, const struct conn *conn)
{
	struct call *call;

	TAILQ_FOREACH(call, &desk->calls, next) {
		if (call->conn == conn)
			call->conn = NULL;
	}
}

void
call_drop_all(struct desk *desk)
{
	struct call *call;

	while ((call = TAILQ_FIRST(&desk->calls)) != NULL) {
		TAILQ_REMOVE(&desk->calls, call, next);
		mem_free(call);
	}
}

static void
call_finish(struct desk *desk, enum desk_peer peer, struct ipc_msg *msg)
{
	struct conn *conn;
	struct call *call;
	struct call found;

	TAILQ_FOREACH(call, &desk->calls, next) {
		if (call->peer == peer && call->id == msg->id)
			break;
	}
	if (call == NULL || call->type != msg->type)
		log_fatal("desk: an answer (0x%x) that nobody asked for",
		    msg->type);
	found = *call;
	TAILQ_REMOVE(&desk->calls, call, next);
	mem_free(call);
	conn = found.conn;
	if (conn == NULL)
		return;
	conn->calls--;
	found.fn(conn, found.tag, msg);
	conn_settle(desk, conn);
}

void
call_on_reply(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct desk *desk = arg;
	int peer;

	for (peer = 0; peer < DESK_PEERS; peer++) {
		if (desk->peers[peer] == chan)
			break;
	}
	if (peer == DESK_PEERS)
		log_panic("desk: a channel of nobody");
	call_finish(desk, (enum desk_peer)peer, msg);
}

void
call_on_parent(struct desk *desk, struct ipc_msg *msg)
{
	call_finish(desk, DESK_PARENT, msg);
}
