/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"

#include "proto/ipc/control.h"
#include "proto/ipc/keys.h"
#include "proto/ipc/spool.h"

#include "gatewayd/desk/call.h"
#include "gatewayd/desk/handlers.h"

/* --- our card ----------------------------------------------------------- */

static void
pair_put_card(struct conn *conn, const struct keys_card *card)
{
	const struct policy_zone *zone = &conn->desk->policy->zone;
	struct buf *row = conn_row(conn, ROW_CARD);

	answer_textn_put(row, F_ZONE, zone->zone, sizeof(zone->zone));
	answer_text_put(row, F_KIND, "own");
	answer_textn_put(row, F_DIGITS, card->digits, sizeof(card->digits));
	answer_bytes_put(row, F_CARD, card->bytes,
	    card->len <= KEYS_CARD_MAX ? card->len : KEYS_CARD_MAX);
	conn_row_send(conn);
}

/*
 * A card holds the pin of link, which link tells when it starts: for a few
 * seconds keys may have none.  Then it is asked again.
 */
#define CARD_TRIES 15

struct card_wait {
	bool has_made;		/* pair init: the keys are made */
	int tries;
	call_fn *fn;
};

static void
pair_ask_card(struct conn *conn)
{
	struct card_wait *wait = conn->job;

	conn->on_tick = NULL;
	call_send(conn, DESK_KEYS, KEYS_CARD, NULL, 0, wait->fn, 0);
}

static void
pair_want_card(struct conn *conn, bool has_made, call_fn *fn)
{
	struct card_wait *wait = mem_alloc(sizeof(*wait));

	wait->has_made = has_made;
	wait->tries = CARD_TRIES;
	wait->fn = fn;
	conn->job = wait;
	conn->job_free = mem_free;
	pair_ask_card(conn);
}

/* true: the card is in *card; false: asked again, or the request ended. */
static bool
pair_take_card(struct conn *conn, const struct ipc_msg *msg,
    struct keys_card *card)
{
	struct card_wait *wait = conn->job;

	memcpy(card, msg->body, sizeof(*card));
	if (card->err == GW_OK)
		return true;
	if (card->err == GW_EAGAIN && --wait->tries > 0)
		conn->on_tick = pair_ask_card;
	else if (card->err == GW_EAGAIN && wait->has_made)
		conn_end(conn, ANSWER_DONE,
		    "鍵を作りました。証明カードは通信プロセスの準備ができてから "
		    "gatewayctl pair card で取り出せます",
		    "the keys are made; gatewayctl pair card gives the card "
		    "once the link process is ready");
	else if (card->err == GW_EAGAIN)
		conn_end(conn, ANSWER_REFUSED,
		    "通信プロセスの準備を待っています。数秒後にもう一度実行して"
		    "ください",
		    "the link process is not ready yet; try again in a few "
		    "seconds");
	else if (card->err == GW_ENOENT)
		conn_end(conn, ANSWER_REFUSED,
		    "このゾーンの鍵がまだありません。先に gatewayctl pair init "
		    "を実行してください",
		    "this zone has no keys yet; run gatewayctl pair init "
		    "first");
	else
		conn_fail(conn, (enum gw_err)card->err, 0);
	return false;
}

static void
pair_on_card(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct keys_card card;

	(void)tag;
	if (!pair_take_card(conn, msg, &card))
		return;
	pair_put_card(conn, &card);
	conn_done(conn);
}

static void
pair_on_init(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct keys_card card;

	(void)tag;
	memcpy(&card, msg->body, sizeof(card));
	if (card.err == GW_EEXIST)
		conn_end(conn, ANSWER_REFUSED,
		    "このゾーンの鍵はもうあります。gatewayctl pair card で証明"
		    "カードを取り出せます",
		    "this zone has its keys already; gatewayctl pair card "
		    "gives the card");
	else if (card.err != GW_OK)
		conn_fail(conn, (enum gw_err)card.err, 0);
	else
		pair_want_card(conn, true, pair_on_card);
}

void
pair_init(struct conn *conn)
{
	struct keys_pair_init init = {
		.flags = conn->req->is_bench != 0 ? CARD_BENCH : 0,
		.uid = conn->uid,
	};

	call_send(conn, DESK_KEYS, KEYS_PAIR_INIT, &init, sizeof(init),
	    pair_on_init, 0);
}

void
pair_card(struct conn *conn)
{
	pair_want_card(conn, false, pair_on_card);
}

/* --- lists -------------------------------------------------------------- */

static void
pair_put_info(struct conn *conn, const struct keys_info *info)
{
	struct buf *row = conn_row(conn, ROW_KEY);

	answer_textn_put(row, F_ZONE, info->zone, sizeof(info->zone));
	answer_textn_put(row, F_KIND, info->kind, sizeof(info->kind));
	answer_textn_put(row, F_DIGITS, info->digits, sizeof(info->digits));
	answer_bytes_put(row, F_ID, info->id, sizeof(info->id));
	answer_uint_put(row, F_MADE, info->made_ms);
	answer_uint_put(row, F_NOT_BEFORE, info->not_before_ms);
	answer_uint_put(row, F_NOT_AFTER, info->not_after_ms);
	answer_bool_put(row, F_IS_BENCH, (info->flags & CARD_BENCH) != 0);
	conn_row_send(conn);
}

static void
pair_on_infos(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	const uint8_t *elems = msg->elems;
	struct ipc_status status;
	struct keys_info info;
	uint32_t i;

	(void)tag;
	memcpy(&status, msg->body, sizeof(status));
	if (status.err != GW_OK) {
		conn_fail(conn, (enum gw_err)status.err, status.reason);
		return;
	}
	for (i = 0; i < msg->count; i++) {
		memcpy(&info, elems + i * sizeof(info), sizeof(info));
		pair_put_info(conn, &info);
	}
	conn_done(conn);
}

/* Our own card first, then what keys says of the peers. */
static void
pair_on_own(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct keys_card card;

	(void)tag;
	if (!pair_take_card(conn, msg, &card))
		return;
	pair_put_card(conn, &card);
	call_send(conn, DESK_KEYS, KEYS_PAIR_SHOW, NULL, 0, pair_on_infos, 0);
}

void
pair_show(struct conn *conn)
{
	pair_want_card(conn, false, pair_on_own);
}

void
pair_keys(struct conn *conn)
{
	call_send(conn, DESK_KEYS, KEYS_LIST, NULL, 0, pair_on_infos, 0);
}

/* --- accepting a peer --------------------------------------------------- */

static void
pair_on_poked(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	(void)tag;
	(void)msg;
	conn_done(conn);
}

static void
pair_fail_accept(struct conn *conn, enum gw_err err)
{
	if (err == GW_EHASH || err == GW_EAUTH)
		conn_end(conn, ANSWER_DAMAGED,
		    "確認の数字がカードと一致しません。相手側の画面の数字をもう"
		    "一度確かめてください。それでも違うときはカードが差し替えら"
		    "れています",
		    "the digits do not belong to this card; compare them with "
		    "the other side's screen again. If they differ still, the "
		    "card was exchanged on its way");
	else if (err == GW_EFORMAT || err == GW_ETRUNC || err == GW_ESIG)
		conn_end(conn, ANSWER_DAMAGED,
		    "証明カードが壊れているか、証明カードではありません。もう一"
		    "度コピーしてください",
		    "this is no card, or a damaged one; copy it once more");
	else if (err == GW_EEXIST)
		conn_end(conn, ANSWER_REFUSED,
		    "この相手とはもうペアリング済みです",
		    "this peer is paired already");
	else
		conn_fail(conn, err, 0);
}

static void
pair_on_accepted(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct ctl_peer link = {.proc = PROC_LINK};
	struct keys_paired paired;
	struct buf *row;

	(void)tag;
	memcpy(&paired, msg->body, sizeof(paired));
	if (paired.err != GW_OK) {
		pair_fail_accept(conn, (enum gw_err)paired.err);
		return;
	}
	row = conn_row(conn, ROW_PAIRED);
	answer_textn_put(row, F_PEER, paired.peer, sizeof(paired.peer));
	if ((conn->req->has & ARG_BIT(ARG_SECRET)) == 0)
		answer_bytes_put(row, F_SECRET, paired.secret,
		    sizeof(paired.secret));
	conn_row_send(conn);
	mem_clear(&paired, sizeof(paired));
	/* link reads its peers when it starts. */
	ipc_send(conn->desk->peers[DESK_PARENT], CTL_RESTART, 0, &link,
	    sizeof(link), NULL, 0, 0, NULL, 0);
	call_send(conn, DESK_SPOOL, SPOOL_POKE, NULL, 0, pair_on_poked, 0);
}

void
pair_accept(struct conn *conn)
{
	struct keys_pair_accept *accept = mem_alloc(sizeof(*accept));
	const struct request *req = conn->req;

	accept->uid = conn->uid;
	accept->len = (uint32_t)req->card_len;
	mem_put_str(accept->digits, sizeof(accept->digits), req->digits);
	memcpy(accept->secret, req->secret, sizeof(accept->secret));
	memcpy(accept->bytes, req->card, req->card_len);
	call_send(conn, DESK_KEYS, KEYS_PAIR_ACCEPT, accept, sizeof(*accept),
	    pair_on_accepted, 0);
	mem_free_secret(accept, sizeof(*accept));
}
