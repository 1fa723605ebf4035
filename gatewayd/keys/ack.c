/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "gatewayd/keys/channel.h"
#include "gatewayd/keys/effect.h"
#include "gatewayd/keys/journal.h"
#include "gatewayd/keys/zone.h"

#include "gatewayd/keys/handlers.h"

#define ACK_BLOCK 1024		/* counters reserved at once */

static struct channel *
ack_channel(struct keyd *k, const char *id, uint32_t role)
{
	struct channel *ch;

	if (!keyd_text_ok(id, IPC_ID_LEN))
		log_fatal("spool: a channel without an end");
	ch = channels_find(k, id);
	return ch != NULL && ch->r.role == role ? ch : NULL;
}

/* --- ACK_SIGN: at the receiver ------------------------------------------ */

struct sign_effect {
	struct effect e;
	struct keys_ack_signed out;
};

static void
sign_done(struct keyd *k, struct effect *e)
{
	struct sign_effect *s = (struct sign_effect *)e;

	(void)k;
	if (e->err != GW_OK) {
		memset(&s->out, 0, sizeof(s->out));
		s->out.err = e->err;
	}
	keyd_reply(e->client, e->type, e->msg_id, &s->out, sizeof(s->out),
	    NULL, 0, 0, -1);
}

static const struct effect_ops sign_ops = {.done = sign_done};

/*
 * No counter is signed before a higher one is durable: a header that has
 * seen one beyond that shows that we are a restored backup.  They are
 * reserved in blocks, so that not every ACK waits for the disk.  A counter
 * that spool lost is set right here, as it must never come twice.
 */
static enum gw_err
ack_sign(struct keyd *k, struct channel *ch, struct ack *a,
    uint8_t out[ACK_LEN])
{
	const struct audit_head *log = effects_head(k);
	enum gw_err err;

	if (a->epoch != ch->r.epoch)
		return GW_EREPLAY;
	memcpy(a->channel_id, ch->wire_id, sizeof(a->channel_id));
	if (a->counter <= ch->acked)
		a->counter = ch->acked + 1;
	a->log_size = log->size;
	memcpy(a->log_root, log->root, sizeof(a->log_root));
	err = ack_encode(a, k->zone->seed, out);
	if (err != GW_OK)
		return err;
	ch->acked = a->counter;
	if (a->counter > ch->r.ack_counter) {
		ch->r.ack_counter = a->counter + ACK_BLOCK;
		ch->is_dirty = true;
	}
	return GW_OK;
}

void
ack_on_sign(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_ack_sign req;
	struct sign_effect *s;
	struct channel *ch;

	memcpy(&req, msg->body, sizeof(req));
	ch = ack_channel(k, req.channel, POLICY_RECEIVER);
	s = effect_new(sizeof(*s), &sign_ops, c, msg);
	if (ch == NULL || channel_state(k, ch) != CHANNEL_OPEN)
		s->e.err = GW_EHOLD;
	else
		s->e.err = ack_sign(k, ch, &req.ack, s->out.bytes);
	effect_add(k, &s->e);
}

/* --- ACK_CHECK: at the sender ------------------------------------------- */

struct check_effect {
	struct effect e;
	struct keys_ack_checked out;
	char channel[IPC_ID_LEN];
};

static enum gw_err
check_record(struct keyd *k, struct effect *e, uint32_t i,
    struct audit_record *out)
{
	const struct check_effect *s = (const struct check_effect *)e;
	const struct channel *ch = channels_find(k, s->channel);

	(void)i;
	if (ch == NULL)
		return GW_EAGAIN;
	channel_anchor_record(ch, out);
	return GW_OK;
}

static void
check_done(struct keyd *k, struct effect *e)
{
	struct check_effect *s = (struct check_effect *)e;

	(void)k;
	if (e->err != GW_OK)
		s->out.err = e->err;
	keyd_reply(e->client, e->type, e->msg_id, &s->out, sizeof(s->out),
	    NULL, 0, 0, -1);
}

static const struct effect_ops check_ops = {
	.record = check_record,
	.done = check_done,
};

/*
 * The peer has a header that we did not seal, or another one under its
 * number: we are the restored backup, or somebody has our key.
 */
static enum gw_err
ack_hold_against(struct keyd *k, struct channel *ch, const struct ack *a)
{
	struct journal_record rec;
	uint8_t hash[32];
	enum gw_err err;

	if (a->epoch > ch->r.epoch || a->header_seq >= ch->write_seq) {
		channel_freeze(k, ch, REASON_CHANNEL_FROZEN, "keys");
		return GW_EHOLD;
	}
	if (a->header_seq == 0)
		return GW_OK;
	if ((err = journal_get(ch->file, a->header_seq, &rec)) != GW_OK ||
	    (err = sha256_of(rec.header, rec.header_len, hash)) != GW_OK)
		return err;
	if (memcmp(hash, a->header_hash, sizeof(a->header_hash)) != 0) {
		channel_freeze(k, ch, REASON_EQUIVOCATION, "keys");
		return GW_EHOLD;
	}
	return GW_OK;
}

static enum gw_err
ack_take(struct keyd *k, struct channel *ch, const uint8_t bytes[ACK_LEN],
    struct ack *out, bool *is_anchor_due)
{
	const struct peer *peer = channel_peer(k, ch);
	struct ack a;
	enum gw_err err;

	if ((err = ack_verify(bytes, peer->card.sign_pub)) != GW_OK ||
	    (err = ack_decode(bytes, &a)) != GW_OK)
		return err;
	if (memcmp(a.channel_id, ch->wire_id, sizeof(a.channel_id)) != 0)
		return GW_ESIG;
	if (a.epoch < ch->r.epoch ||
	    (a.epoch == ch->r.epoch && a.counter < ch->r.ack_counter))
		return GW_EREPLAY;
	if ((err = ack_hold_against(k, ch, &a)) != GW_OK)
		return err;
	if (a.counter != ch->r.ack_counter || a.header_seq != ch->r.ack_seq) {
		ch->r.ack_counter = a.counter;
		ch->r.ack_seq = a.header_seq;
		/* Forgotten in a crash, the next ACK says it again. */
		ch->lazy++;
	}
	*is_anchor_due = a.log_size > 0 &&
	    channel_anchor(k, ch, a.log_size, a.log_root);
	*out = a;
	return GW_OK;
}

void
ack_on_check(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_ack_check req;
	bool is_anchor_due = false;
	struct check_effect *s;
	struct channel *ch;
	enum gw_err err;

	memcpy(&req, msg->body, sizeof(req));
	ch = ack_channel(k, req.channel, POLICY_SENDER);
	s = effect_new(sizeof(*s), &check_ops, c, msg);
	memcpy(s->channel, req.channel, sizeof(s->channel));
	if (ch == NULL || channel_state(k, ch) == CHANNEL_UNPAIRED)
		err = GW_EHOLD;
	else
		err = ack_take(k, ch, req.bytes, &s->out.ack,
		    &is_anchor_due);
	s->out.err = err;
	if (err == GW_EHOLD)
		s->out.reason = ch != NULL && ch->r.is_frozen ?
		    ch->r.freeze_reason : REASON_NO_CHANNEL;
	s->e.record_count = is_anchor_due ? 1 : 0;
	effect_add(k, &s->e);
}

/* --- CHANNELS ----------------------------------------------------------- */

void
ack_on_channels(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_channel out[POLICY_CHANNELS_MAX];
	const struct ipc_status st = {.err = GW_OK};
	const struct channel *ch;
	uint32_t n = 0;

	memset(out, 0, sizeof(out));
	while (n < POLICY_CHANNELS_MAX &&
	    (ch = channels_nth(k, n)) != NULL) {
		channel_describe(k, ch, &out[n]);
		n++;
	}
	keyd_reply(c, msg->type, msg->id, &st, sizeof(st), out,
	    sizeof(out[0]), n, -1);
}
