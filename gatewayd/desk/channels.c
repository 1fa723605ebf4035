/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"

#include "proto/ipc/spool.h"
#include "proto/record/reason.h"

#include "gatewayd/desk/call.h"
#include "gatewayd/desk/channels.h"
#include "gatewayd/desk/handlers.h"

static const char *
channels_state(uint32_t state)
{
	switch (state) {
	case CHANNEL_UNPAIRED:
		return "unpaired";
	case CHANNEL_OPEN:
		return "open";
	case CHANNEL_FROZEN:
		return "frozen";
	default:
		return "?";
	}
}

static const char *
channels_link(uint32_t state)
{
	switch (state) {
	case LINK_DOWN:
		return "down";
	case LINK_CONNECTING:
		return "connecting";
	case LINK_UP:
		return "up";
	default:
		return "unknown";
	}
}

static void
channels_put_one(struct conn *conn, const struct spool_channel_status *s)
{
	const struct keys_channel *c = &s->channel;
	const bool is_sender = c->role == POLICY_SENDER;
	struct buf *row = conn_row(conn, ROW_CHANNEL);

	answer_textn_put(row, F_CHANNEL, c->id, sizeof(c->id));
	answer_textn_put(row, F_PEER, c->peer, sizeof(c->peer));
	answer_text_put(row, F_ROLE, is_sender ? "sender" : "receiver");
	answer_text_put(row, F_STATE, channels_state(c->state));
	answer_text_put(row, F_REASON_CODE,
	    reason_code((enum reason)c->freeze_reason));
	answer_text_put(row, F_REASON_JA,
	    reason_ja((enum reason)c->freeze_reason));
	answer_text_put(row, F_REASON_EN,
	    reason_en((enum reason)c->freeze_reason));
	answer_uint_put(row, F_EPOCH, c->epoch);
	answer_text_put(row, F_LINK, channels_link(s->link_state));
	answer_uint_put(row, F_LINK_SINCE, s->link_since_ms);
	answer_uint_put(row, F_REFUSED, s->refused);
	if (is_sender) {
		answer_uint_put(row, F_NEXT_SEQ, c->next_seq);
		answer_uint_put(row, F_SEALED_SEQ, s->sealed_seq);
		answer_uint_put(row, F_SENT_SEQ, s->sent_seq);
		answer_uint_put(row, F_CONFIRMED_SEQ, s->confirmed_seq);
	} else {
		answer_uint_put(row, F_HEADER_SEQ, s->header_seq);
		answer_uint_put(row, F_COMPLETE_SEQ, s->complete_seq);
		answer_uint_put(row, F_GAP_SEQ, s->gap_seq);
	}
	answer_uint_put(row, F_LAST_ACK, s->last_ack_ms);
	answer_textn_put(row, F_DETAIL, s->detail, sizeof(s->detail));
	conn_row_send(conn);
}

void
channels_put(struct conn *conn, const struct ipc_msg *msg)
{
	struct spool_channel_status s;
	const uint8_t *elems = msg->elems;
	uint32_t i;

	for (i = 0; i < msg->count; i++) {
		memcpy(&s, elems + i * sizeof(s), sizeof(s));
		channels_put_one(conn, &s);
	}
}

static void
channels_on_list(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct ipc_status status;

	(void)tag;
	memcpy(&status, msg->body, sizeof(status));
	if (status.err != GW_OK) {
		conn_fail(conn, (enum gw_err)status.err, status.reason);
		return;
	}
	channels_put(conn, msg);
	conn_done(conn);
}

void
channels_list(struct conn *conn)
{
	call_send(conn, DESK_SPOOL, SPOOL_CHANNEL_STATUS, NULL, 0,
	    channels_on_list, 0);
}

/* --- freeze and new epoch ----------------------------------------------- */

static void
channels_on_poked(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	(void)tag;
	(void)msg;
	conn_end(conn, ANSWER_DONE, "実行しました", "done");
}

static void
channels_on_op(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct ipc_status status;

	(void)tag;
	memcpy(&status, msg->body, sizeof(status));
	if (status.err == GW_EAGAIN)
		conn_end(conn, ANSWER_DONE,
		    "1人目として記録しました。別のセキュリティ責任者が同じ操作"
		    "をすると実行されます",
		    "recorded as the first of two; it is done when another "
		    "security officer does the same");
	else if (status.err == GW_ENOENT)
		conn_endf(conn, ANSWER_USAGE, CONN_SAY(conn,
		    "経路「%s」はありません。gatewayctl channel list で確認して"
		    "ください",
		    "there is no channel %s; gatewayctl channel list shows "
		    "them"), conn->req->channel);
	else if (status.err != GW_OK)
		conn_fail(conn, (enum gw_err)status.err, status.reason);
	else
		call_send(conn, DESK_SPOOL, SPOOL_POKE, NULL, 0,
		    channels_on_poked, 0);
}

static void
channels_op(struct conn *conn, enum keys_channel_act act)
{
	struct keys_channel_op op = {0};

	mem_put_str(op.channel, sizeof(op.channel), conn->req->channel);
	op.act = act;
	op.uid = conn->uid;
	op.roles = conn->roles;
	mem_put_str(op.account, sizeof(op.account), conn->account);
	call_send(conn, DESK_KEYS, KEYS_CHANNEL_OP, &op, sizeof(op),
	    channels_on_op, 0);
}

void
channels_freeze(struct conn *conn)
{
	channels_op(conn, CHANNEL_FREEZE);
}

void
channels_new_epoch(struct conn *conn)
{
	channels_op(conn, CHANNEL_NEW_EPOCH);
}
