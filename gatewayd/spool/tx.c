/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/spool/channels.h"
#include "gatewayd/spool/handlers.h"
#include "gatewayd/spool/life.h"
#include "gatewayd/spool/object.h"

/* --- giving out parcels ---------------------------------------------------------- */

static void
tx_refuse(struct wait *w, enum gw_err err)
{
	struct spool_tx_parcel none = {.err = err};

	ipc_send(w->client->chan, w->type | IPC_REPLY, w->id, &none,
	    sizeof(none), NULL, 0, 0, NULL, 0);
}

/*
 * What follows (epoch, seq) in sequence.  What lies below the peer's base
 * is complete there, headers and all: nobody needs it again.
 */
static bool
tx_find(struct spool *sp, const struct channel *ch,
    const struct spool_tx_next *ask, struct parcel_row *p)
{
	uint64_t seq = 1;

	if (ask->after_epoch == ch->row.epoch)
		seq = ask->after_seq + 1;
	if (seq < ch->row.base_seq)
		seq = ch->row.base_seq;
	if (seq > ch->row.sealed_seq)
		return false;
	return catalog_parcel_get(sp->cat, ch->row.id, ch->row.epoch, seq, p);
}

/* Where the peer said that it stands with this parcel. */
static void
tx_resume(const struct channel *ch, struct spool_tx_parcel *out)
{
	int i;

	for (i = 0; i < ACK_IN_FLIGHT; i++) {
		if (ch->progress[i].seq != out->seq)
			continue;
		out->bodies = ch->progress[i].bodies;
		out->chunks = ch->progress[i].chunks;
	}
}

static void
tx_fill(struct spool *sp, const struct channel *ch,
    const struct parcel_row *p, const struct transfer *t,
    struct spool_tx_parcel *out)
{
	const struct policy_flow *flow;

	memset(out, 0, sizeof(*out));
	out->epoch = p->epoch;
	out->seq = p->seq;
	out->object_len = (uint32_t)p->place.len;
	out->is_complete = p->is_complete;
	out->weight = 1;
	if (p->is_control)
		return;
	out->transfer = t->ref;
	out->body_count = t->body_count;
	flow = policy_find_flow(sp->policy, t->flow);
	if (flow != NULL && flow->weight != 0)
		out->weight = flow->weight;
	tx_resume(ch, out);
	/* The header crosses, the bodies do not: a WITHDRAW follows. */
	if (t->state == ST_REVOKED || t->state == ST_DAMAGED ||
	    t->state == ST_ERASED) {
		out->bodies = t->body_count;
		out->chunks = 0;
	}
}

bool
tx_serve(struct spool *sp, struct wait *w)
{
	struct channel *ch = spool_channel(sp, w->ask.tx.channel);
	struct spool_tx_parcel out;
	struct transfer t = {0};
	struct parcel_row p;
	enum gw_err err;
	int fd = -1;

	if (!sp->has_channels)
		return false;
	if (ch == NULL || ch->keys.role != POLICY_SENDER) {
		tx_refuse(w, GW_ENOENT);
		return true;
	}
	if (ch->keys.state == CHANNEL_FROZEN ||
	    !tx_find(sp, ch, &w->ask.tx, &p))
		return false;
	if (!catalog_load(sp->cat, p.row, &t))
		log_panic("parcel %llu of %s: no transfer",
		    (unsigned long long)p.seq, ch->row.id);
	tx_fill(sp, ch, &p, &t, &out);
	err = object_memfd(sp, &p, &fd);
	if (err == GW_ENOENT && p.is_complete) {
		/* Erased: the peer has it, and has its header. */
		err = GW_OK;
	}
	if (err != GW_OK) {
		log_err("parcel %llu of %s cannot be read: %s",
		    (unsigned long long)p.seq, ch->row.id, err_text_en(err));
		tx_refuse(w, err);
		return true;
	}
	ipc_send(w->client->chan, w->type | IPC_REPLY, w->id, &out,
	    sizeof(out), NULL, 0, 0, &fd, fd != -1);
	return true;
}

void
tx_next(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_tx_next ask;

	memcpy(&ask, msg->body, sizeof(ask));
	spool_check_text(ask.channel, sizeof(ask.channel));
	spool_wait(sp, client, msg, &ask, sizeof(ask));
}

/* --- what the peer says ------------------------------------------------------------ */

static bool
tx_is_complete(const struct ack *ack, uint64_t seq)
{
	uint64_t i;

	if (seq < ack->base_seq)
		return true;
	i = seq - ack->base_seq;
	return i < ACK_WINDOW && (ack->complete[i / 8] >> (i % 8) & 1) != 0;
}

static void
tx_confirm(struct spool *sp, const struct parcel_row *p)
{
	struct transfer t;

	catalog_parcel_done(sp->cat, p->channel, p->epoch, p->seq);
	if (p->is_control || !catalog_load(sp->cat, p->row, &t))
		return;
	/* Revoked or damaged here: that is what people shall read. */
	(void)life_move(sp, &t, EV_CONFIRM, NULL);
}

static void
tx_sent(struct spool *sp, const struct parcel_row *p)
{
	struct transfer t;

	if (!p->is_control && catalog_load(sp->cat, p->row, &t))
		(void)life_move(sp, &t, EV_SEND, NULL);
}

/* Parcels up to the peer's header cursor that were not confirmed so far. */
static void
tx_apply(struct spool *sp, struct channel *ch, const struct ack *ack)
{
	struct parcel_row p;
	uint64_t seq = ch->row.base_seq;

	while (catalog_parcel_next(sp->cat, ch->row.id, ch->row.epoch, seq,
	    false, &p) && p.seq <= ack->header_seq) {
		if (tx_is_complete(ack, p.seq))
			tx_confirm(sp, &p);
		else if (p.seq > ch->row.sent_seq)
			tx_sent(sp, &p);
		seq = p.seq + 1;
	}
	if (ack->header_seq > ch->row.sent_seq)
		ch->row.sent_seq = ack->header_seq;
	if (ack->base_seq > ch->row.base_seq)
		ch->row.base_seq = ack->base_seq;
	memcpy(ch->progress, ack->progress, sizeof(ch->progress));
	ch->row.ack_counter = ack->counter;
	ch->row.ack_ms = clock_wall_ms();
	ch->is_dirty = true;
}

static void
tx_take(struct spool *sp, struct channel *ch, const struct ack *ack)
{
	uint64_t sent = ch->row.sent_seq, base = ch->row.base_seq;

	if (ack->epoch != ch->row.epoch || ack->counter <= ch->row.ack_counter)
		return; /* an old one, or of a time before the new epoch */
	if (ack->header_seq > ch->row.sealed_seq) {
		channels_audit_bad(sp, ch, REASON_EQUIVOCATION,
		    ack->header_seq, NULL, "ACK beyond what was sealed here");
		channels_freeze(sp, ch, REASON_EQUIVOCATION, "the peer has "
		    "parcels that this zone does not know: restored from a "
		    "backup?");
		return;
	}
	if (ack->base_seq > ack->header_seq + 1) {
		channels_audit_bad(sp, ch, REASON_BAD_SEAL, ack->base_seq,
		    NULL, "ACK of parcels without headers");
		return;
	}
	tx_apply(sp, ch, ack);
	/* An ACK that says nothing new is no reason for a commit. */
	if (sent != ch->row.sent_seq || base != ch->row.base_seq)
		group_dirty(sp);
}

static void
tx_acked(struct spool *sp, struct call *call, struct ipc_msg *msg)
{
	struct keys_ack_checked checked;
	struct channel *ch = spool_channel(sp, call->channel);

	memcpy(&checked, msg->body, sizeof(checked));
	if (checked.err == GW_OK && ch != NULL)
		tx_take(sp, ch, &checked.ack);
	if (call->client != NULL)
		group_reply(sp, call->client, call->type, call->client_id,
		    &checked, sizeof(checked), NULL, 0, 0, -1);
}

void
tx_ack(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_tx_ack in;
	struct keys_ack_check ask;
	struct call *call;

	memcpy(&in, msg->body, sizeof(in));
	spool_check_text(in.channel, sizeof(in.channel));
	memcpy(ask.channel, in.channel, sizeof(ask.channel));
	memcpy(ask.bytes, in.bytes, sizeof(ask.bytes));
	call = spool_call(sp, tx_acked);
	spool_call_for(call, client, msg);
	mem_put_str(call->channel, sizeof(call->channel), in.channel);
	spool_call_send(sp, call, KEYS_ACK_CHECK, &ask, sizeof(ask), NULL, 0,
	    0, NULL, 0);
}
