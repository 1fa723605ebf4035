/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/spool/ack.h"
#include "gatewayd/spool/channels.h"
#include "gatewayd/spool/handlers.h"

/* --- what keys knows ---------------------------------------------------------- */

/* The cursor of an epoch starts before its first header. */
static void
channel_new_epoch(struct spool *sp, struct channel *ch)
{
	struct parcel_row p;

	ch->row.epoch = ch->keys.epoch;
	ch->row.header_seq = 0;
	memcpy(ch->row.header_hash, ch->keys.first_prev,
	    sizeof(ch->row.header_hash));
	ch->row.base_seq = 1;
	ch->row.sealed_seq = ch->row.sent_seq = 0;
	/* Keys may have sealed under it before it told of it. */
	while (catalog_parcel_get(sp->cat, ch->keys.id, ch->keys.epoch,
	    ch->row.sealed_seq + 1, &p))
		ch->row.sealed_seq++;
	if (ch->keys.role == POLICY_SENDER)
		ch->row.ack_counter = 0;
	memset(ch->progress, 0, sizeof(ch->progress));
	ch->gap_seq = 0;
	ch->is_dirty = true;
}

static void
channel_load(struct spool *sp, struct channel *ch)
{
	if (!catalog_channel_get(sp->cat, ch->keys.id, &ch->row)) {
		memset(&ch->row, 0, sizeof(ch->row));
		mem_put_str(ch->row.id, sizeof(ch->row.id), ch->keys.id);
		channel_new_epoch(sp, ch);
	}
	ack_load(sp, ch);
}

static void
channel_update(struct spool *sp, const struct keys_channel *k)
{
	struct channel *ch = spool_channel(sp, k->id);
	bool was_open = ch != NULL && ch->keys.state == CHANNEL_OPEN;

	if (ch == NULL) {
		if (sp->channel_count == POLICY_CHANNELS_MAX)
			return; /* names of an older policy: after a restart */
		ch = &sp->channels[sp->channel_count++];
		memset(ch, 0, sizeof(*ch));
		ch->keys = *k;
		channel_load(sp, ch);
	}
	ch->keys = *k;
	/* Before the pairing nothing has come, and first_prev is not known. */
	if (k->epoch != ch->row.epoch || (ch->row.header_seq == 0 &&
	    k->role == POLICY_RECEIVER && memcmp(ch->row.header_hash,
	    k->first_prev, sizeof(k->first_prev)) != 0)) {
		channel_new_epoch(sp, ch);
		ack_load(sp, ch);
		group_dirty(sp);
	}
	if (!was_open && k->state == CHANNEL_OPEN)
		sp->wants_poke = true;
}

static void
channels_take(struct spool *sp, struct ipc_msg *msg)
{
	const struct keys_channel *all = msg->elems;
	struct keys_channel k;
	uint32_t i;

	for (i = 0; i < msg->count; i++) {
		memcpy(&k, &all[i], sizeof(k));
		spool_check_text(k.id, sizeof(k.id));
		channel_update(sp, &k);
	}
	sp->has_channels = true;
}

static void
channels_told(struct spool *sp, struct call *call, struct ipc_msg *msg)
{
	struct ipc_status status;
	uint32_t i, n = 0;
	struct keys_channel all[POLICY_CHANNELS_MAX];

	memcpy(&status, msg->body, sizeof(status));
	if (status.err == GW_OK)
		channels_take(sp, msg);
	if (call->client == NULL)
		return;
	/* Link hears of those that its carrier serves: all are tls. */
	for (i = 0; i < msg->count; i++)
		memcpy(&all[n++], (const struct keys_channel *)msg->elems + i,
		    sizeof(*all));
	group_reply(sp, call->client, call->type, call->client_id, &status,
	    sizeof(status), all, sizeof(*all), n, -1);
}

void
channels_ask(struct spool *sp)
{
	struct call *call = spool_call(sp, channels_told);

	spool_call_send(sp, call, KEYS_CHANNELS, NULL, 0, NULL, 0, 0, NULL, 0);
}

void
channels_save(struct spool *sp)
{
	struct channel *ch;
	int i;

	for (i = 0; i < sp->channel_count; i++) {
		ch = &sp->channels[i];
		if (!ch->is_dirty)
			continue;
		catalog_channel_put(sp->cat, &ch->row);
		ch->counter_max = ch->row.ack_counter;
		ch->is_dirty = false;
	}
}

/* --- what should not be ---------------------------------------------------------- */

void
channels_audit_bad(struct spool *sp, const struct channel *ch,
    uint16_t reason, uint64_t seq, const uint8_t hash[32], const char *detail)
{
	struct audit_record a = {
		.event = AUDIT_PARCEL_BAD,
		.reason = reason,
		.wall_ms = clock_wall_ms(),
		.epoch = ch->row.epoch,
		.seq = seq,
	};

	mem_put_str(a.channel, sizeof(a.channel), ch->keys.id);
	mem_put_str(a.actor, sizeof(a.actor), ch->keys.peer);
	mem_put_str(a.detail, sizeof(a.detail), detail);
	if (hash != NULL)
		memcpy(a.hash, hash, sizeof(a.hash));
	group_audit(sp, &a);
	log_warn("channel %s: parcel %llu: %s", ch->keys.id,
	    (unsigned long long)seq, detail);
}

static void
channels_frozen(struct spool *sp, struct call *call, struct ipc_msg *msg)
{
	struct ipc_status status;

	memcpy(&status, msg->body, sizeof(status));
	if (status.err != GW_OK)
		log_err("channel %s: keys did not freeze it: %s",
		    call->channel, err_text_en((enum gw_err)status.err));
	channels_ask(sp);
}

void
channels_freeze(struct spool *sp, struct channel *ch, uint16_t reason,
    const char *detail)
{
	struct keys_channel_op op = {
		.act = CHANNEL_FREEZE,
		.uid = UINT32_MAX,
	};
	struct call *call;

	if (ch->keys.state == CHANNEL_FROZEN)
		return;
	/* Nothing is taken from here on, whatever keys says and when. */
	ch->keys.state = CHANNEL_FROZEN;
	ch->keys.freeze_reason = reason;
	log_err("channel %s is frozen: %s", ch->keys.id, detail);
	mem_put_str(op.channel, sizeof(op.channel), ch->keys.id);
	mem_put_str(op.account, sizeof(op.account), "gateway");
	call = spool_call(sp, channels_frozen);
	mem_put_str(call->channel, sizeof(call->channel), ch->keys.id);
	spool_call_send(sp, call, KEYS_CHANNEL_OP, &op, sizeof(op), NULL, 0, 0,
	    NULL, 0);
}

/* --- link and desk ------------------------------------------------------------------ */

static void
channels_pinned(struct spool *sp, struct call *call, struct ipc_msg *msg)
{
	struct ipc_status status;
	struct call *next;

	memcpy(&status, msg->body, sizeof(status));
	if (status.err != GW_OK)
		log_warn("keys did not take the transport pin: %s",
		    err_text_en((enum gw_err)status.err));
	next = spool_call(sp, channels_told);
	next->client = call->client;
	next->type = call->type;
	next->client_id = call->client_id;
	spool_call_send(sp, next, KEYS_CHANNELS, NULL, 0, NULL, 0, 0, NULL, 0);
}

void
channels_hello(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_link_hello hello;
	struct keys_transport pin;
	struct call *call;

	memcpy(&hello, msg->body, sizeof(hello));
	memcpy(pin.pin, hello.pin, sizeof(pin.pin));
	call = spool_call(sp, channels_pinned);
	spool_call_for(call, client, msg);
	spool_call_send(sp, call, KEYS_TRANSPORT, &pin, sizeof(pin), NULL, 0,
	    0, NULL, 0);
}

void
channels_link_state(struct spool *sp, struct client *client,
    struct ipc_msg *msg)
{
	struct spool_link_state state;
	struct channel *ch;

	memcpy(&state, msg->body, sizeof(state));
	spool_check_text(state.channel, sizeof(state.channel));
	spool_check_text(state.detail, sizeof(state.detail));
	ch = spool_channel(sp, state.channel);
	if (ch != NULL) {
		if (ch->link_state != state.state)
			ch->link_since_ms = clock_wall_ms();
		ch->link_state = state.state;
		ch->refused = state.refused;
		mem_put_str(ch->link_detail, sizeof(ch->link_detail),
		    state.detail);
	}
	group_status(sp, client, msg->type, msg->id,
	    ch != NULL ? GW_OK : GW_ENOENT, REASON_NONE);
}

static void
channel_tell(const struct channel *ch, struct spool_channel_status *out)
{
	uint64_t i;

	memset(out, 0, sizeof(*out));
	out->channel = ch->keys;
	out->link_state = ch->link_state != 0 ? ch->link_state : LINK_DOWN;
	out->refused = ch->refused;
	out->link_since_ms = ch->link_since_ms;
	mem_put_str(out->detail, sizeof(out->detail), ch->link_detail);
	if (ch->keys.role == POLICY_SENDER) {
		out->sealed_seq = ch->row.sealed_seq;
		out->sent_seq = ch->row.sent_seq;
		out->confirmed_seq = ch->row.base_seq - 1;
		out->last_ack_ms = ch->row.ack_ms;
		return;
	}
	out->header_seq = ch->row.header_seq;
	out->complete_seq = ch->row.base_seq - 1;
	for (i = ACK_WINDOW; i > 0; i--) {
		if (ch->complete[(i - 1) / 8] >> ((i - 1) % 8) & 1) {
			out->complete_seq = ch->row.base_seq + i - 1;
			break;
		}
	}
	out->gap_seq = ch->gap_seq;
}

void
channels_status(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_channel_status *all;
	struct ipc_status status = {
		.err = sp->has_channels ? GW_OK : GW_EAGAIN,
	};
	int i;

	all = mem_array(POLICY_CHANNELS_MAX, sizeof(*all));
	for (i = 0; i < sp->channel_count; i++)
		channel_tell(&sp->channels[i], &all[i]);
	group_reply(sp, client, msg->type, msg->id, &status, sizeof(status),
	    all, sizeof(*all), (uint32_t)sp->channel_count, -1);
	mem_free(all);
}
