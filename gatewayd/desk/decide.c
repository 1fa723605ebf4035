/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"

#include "proto/ipc/keys.h"
#include "proto/ipc/spool.h"
#include "proto/record/reason.h"

#include "gatewayd/desk/call.h"
#include "gatewayd/desk/handlers.h"
#include "gatewayd/desk/permit.h"
#include "gatewayd/desk/person.h"

/*
 * A person's decision: find the transfer by its number, give the act to keys
 * (which knows the submitter, the rules and who acted before, and records
 * it), then tell spool, which asks keys what follows.  Once keys has taken
 * it, it is carried through even if the person's program goes away.
 */
struct decide {
	struct keys_decide ask;
};

static void
decide_on_spool(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct keys_decided d;

	(void)tag;
	memcpy(&d, msg->body, sizeof(d));
	if (d.err != GW_OK && d.err != GW_EAGAIN)
		conn_fail(conn, (enum gw_err)d.err, d.reason);
	else if (d.approvals_have < d.approvals_need)
		conn_endf(conn, ANSWER_DONE, CONN_SAY(conn,
		    "記録しました(%u人中%u人目)。残りの人の判断を待っています",
		    "recorded (needs %u people, has %u); waits for the "
		    "others"), d.approvals_need, d.approvals_have);
	else
		conn_end(conn, ANSWER_DONE, "記録しました", "recorded");
}

static void
decide_on_keys(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct decide *decide = conn->job;
	struct keys_decided d;

	(void)tag;
	memcpy(&d, msg->body, sizeof(d));
	if (d.err == GW_EDENIED)
		conn_endf(conn, ANSWER_REFUSED, CONN_SAY(conn,
		    "この操作はできません(自分の送信、すでに自分が判断済み、ウイ"
		    "ルス検出、または取扱いが決まったもの)。いまの状態: %s。"
		    "gatewayctl transfers show で確認してください",
		    "this cannot be done (your own submission, already "
		    "decided by you, infected, or settled). It stands at: %s; "
		    "see gatewayctl transfers show"),
		    CONN_SAY(conn, reason_ja((enum reason)d.reason),
			reason_en((enum reason)d.reason)));
	else if (d.err != GW_OK && d.err != GW_EAGAIN)
		conn_fail(conn, (enum gw_err)d.err, d.reason);
	else
		call_send(conn, DESK_SPOOL, SPOOL_DECIDE, &decide->ask,
		    sizeof(decide->ask), decide_on_spool, 0);
}

static bool
decide_is_own(const struct conn *conn, const struct spool_row *row)
{
	return row->side == SIDE_LOW && (row->uid == conn->uid ||
	    strncmp(row->submitter, conn->account,
		sizeof(row->submitter)) == 0);
}

static void
decide_row(struct conn *conn, const struct spool_row *row)
{
	struct decide *decide = conn->job;
	struct keys_decide *ask = &decide->ask;
	bool is_own = decide_is_own(conn, row);

	if (is_own && (ask->act == ACT_APPROVE || ask->act == ACT_RELEASE)) {
		permit_deny(conn, "self-approval",
		    "自分が送ったものは承認・解除できません。ほかの担当者に依頼"
		    "してください",
		    "nobody approves or releases what they submitted "
		    "themselves; ask somebody else");
		return;
	}
	if (!is_own && ask->act == ACT_REVOKE) {
		permit_deny(conn, "revoke of another's",
		    "取り下げは送った本人だけができます",
		    "only its submitter can take a transfer back");
		return;
	}
	ask->transfer = row->transfer;
	call_send(conn, DESK_KEYS, KEYS_DECIDE, ask, sizeof(*ask),
	    decide_on_keys, 0);
}

static void
decide_on_found(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct ipc_status status;
	struct spool_row row;

	(void)tag;
	memcpy(&status, msg->body, sizeof(status));
	if (status.err != GW_OK)
		conn_fail(conn, (enum gw_err)status.err, status.reason);
	else if (msg->count == 0)
		conn_endf(conn, ANSWER_REFUSED, CONN_SAY(conn,
		    "受付番号 %s は見つかりません",
		    "there is no transfer %s"), conn->req->number);
	else if (msg->count > 1)
		/* A zone that relays to itself: both sides have the number. */
		conn_end(conn, ANSWER_USAGE,
		    "同じ受付番号が送り側と受け側にあります。--side low または "
		    "--side high を付けてください",
		    "both sides have this number; add --side low or --side "
		    "high");
	else {
		memcpy(&row, msg->elems, sizeof(row));
		decide_row(conn, &row);
	}
}

static void
decide_start(struct conn *conn, enum keys_act act)
{
	const struct request *req = conn->req;
	struct decide *decide = mem_alloc(sizeof(*decide));
	struct keys_decide *ask = &decide->ask;
	struct spool_list list = {.limit = 2, .side = (uint32_t)req->side};

	conn->job = decide;
	conn->job_free = mem_free;
	ask->act = (uint16_t)act;
	ask->uid = conn->uid;
	ask->roles = conn->roles;
	mem_put_str(ask->account, sizeof(ask->account), conn->account);
	mem_put_str(ask->number, sizeof(ask->number), req->number);
	mem_put_str(ask->comment, sizeof(ask->comment), req->comment);
	mem_put_str(list.number, sizeof(list.number), req->number);
	call_send(conn, DESK_SPOOL, SPOOL_LIST, &list, sizeof(list),
	    decide_on_found, 0);
}

void
decide_approve(struct conn *conn)
{
	decide_start(conn, ACT_APPROVE);
}

void
decide_return(struct conn *conn)
{
	decide_start(conn, ACT_REJECT);
}

void
decide_revoke(struct conn *conn)
{
	decide_start(conn, ACT_REVOKE);
}

void
decide_release(struct conn *conn)
{
	decide_start(conn, ACT_RELEASE);
}

void
decide_reject(struct conn *conn)
{
	decide_start(conn, ACT_REJECT);
}
