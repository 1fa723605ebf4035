/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/header.h"

#include "gatewayd/spool/ack.h"
#include "gatewayd/spool/handlers.h"

/* An immediate ACK comes at least this often. */
#define ACK_WAIT_MS 1000

/* Counters are reserved in blocks, so that not every ACK is a commit. */
#define ACK_BLOCK 4096

static bool
window_get(const struct channel *ch, uint64_t i)
{
	return (ch->complete[i / 8] >> (i % 8) & 1) != 0;
}

static void
window_set(struct channel *ch, uint64_t i)
{
	ch->complete[i / 8] |= (uint8_t)(1u << (i % 8));
}

/* Bits that the moving window uncovers are in the catalogue. */
static void
window_fill(struct spool *sp, struct channel *ch, uint64_t from)
{
	struct parcel_row p;
	uint64_t i;

	for (i = from; i < ACK_WINDOW; i++) {
		if (ch->row.base_seq + i > ch->row.header_seq)
			break;
		if (catalog_parcel_get(sp->cat, ch->row.id, ch->row.epoch,
		    ch->row.base_seq + i, &p) && p.is_complete)
			window_set(ch, i);
	}
}

/* Move the base over all that is complete. */
static void
window_slide(struct spool *sp, struct channel *ch)
{
	uint8_t old[sizeof(ch->complete)];
	uint64_t n, i;

	do {
		for (n = 0; n < ACK_WINDOW && window_get(ch, n); n++)
			;
		if (n == 0)
			return;
		memcpy(old, ch->complete, sizeof(old));
		memset(ch->complete, 0, sizeof(ch->complete));
		for (i = n; i < ACK_WINDOW; i++) {
			if (old[i / 8] >> (i % 8) & 1)
				window_set(ch, i - n);
		}
		ch->row.base_seq += n;
		ch->is_dirty = true;
		window_fill(sp, ch, ACK_WINDOW - n);
	} while (window_get(ch, 0));
}

void
ack_load(struct spool *sp, struct channel *ch)
{
	memset(ch->complete, 0, sizeof(ch->complete));
	window_fill(sp, ch, 0);
	window_slide(sp, ch);
	ch->counter = ch->counter_max = ch->row.ack_counter;
	ack_changed(ch);
}

void
ack_changed(struct channel *ch)
{
	ch->version++;
}

void
ack_taken(struct spool *sp, const char *channel, uint32_t epoch, uint64_t seq)
{
	struct channel *ch = spool_channel(sp, channel);

	catalog_parcel_done(sp->cat, channel, epoch, seq);
	if (ch == NULL || ch->row.epoch != epoch)
		return;
	if (seq >= ch->row.base_seq && seq - ch->row.base_seq < ACK_WINDOW) {
		window_set(ch, seq - ch->row.base_seq);
		window_slide(sp, ch);
	}
	ack_changed(ch);
}

/* --- giving one out -------------------------------------------------------------- */

/* The parcels in flight that come first. */
static void
ack_progress(struct spool *sp, const struct channel *ch, struct ack *ack)
{
	struct arriving *a;
	int n = 0;

	TAILQ_FOREACH(a, &sp->arriving, next) {
		if (n == ACK_IN_FLIGHT)
			break;
		if (a->epoch != ch->row.epoch ||
		    strcmp(a->channel, ch->row.id) != 0 ||
		    (a->bodies == 0 && a->chunks == 0))
			continue;
		ack->progress[n].seq = a->seq;
		ack->progress[n].bodies = a->bodies;
		ack->progress[n].chunks = a->chunks;
		n++;
	}
}

static void
ack_make(struct spool *sp, struct channel *ch, struct ack *ack)
{
	uint8_t id[16] = {0};

	memset(ack, 0, sizeof(*ack));
	if (header_channel_id(ch->row.id, id) != GW_OK)
		log_fatal("channel %s: no id", ch->row.id);
	memcpy(ack->channel_id, id, sizeof(ack->channel_id));
	ack->epoch = ch->row.epoch;
	ack->counter = ++ch->counter;
	ack->header_seq = ch->row.header_seq;
	memcpy(ack->header_hash, ch->row.header_hash,
	    sizeof(ack->header_hash));
	ack->base_seq = ch->row.base_seq;
	memcpy(ack->complete, ch->complete, sizeof(ack->complete));
	ack_progress(sp, ch, ack);
}

/* Ask for more counters before they run out. */
static bool
ack_has_counter(struct spool *sp, struct channel *ch)
{
	if (ch->counter + ACK_BLOCK / 2 >= ch->row.ack_counter) {
		ch->row.ack_counter += ACK_BLOCK;
		ch->is_dirty = true;
		group_dirty(sp);
	}
	return ch->counter < ch->counter_max;
}

static void
ack_signed(struct spool *sp, struct call *call, struct ipc_msg *msg)
{
	(void)sp;
	/* It states what is durable already: it need not wait for a group. */
	if (call->client != NULL)
		ipc_send(call->client->chan, call->type | IPC_REPLY,
		    call->client_id, msg->body, msg->len, NULL, 0, 0, NULL, 0);
}

static void
ack_refuse(struct spool *sp, struct wait *w, enum gw_err err)
{
	struct keys_ack_signed none = {.err = err};

	(void)sp;
	ipc_send(w->client->chan, w->type | IPC_REPLY, w->id, &none,
	    sizeof(none), NULL, 0, 0, NULL, 0);
}

bool
ack_serve(struct spool *sp, struct wait *w)
{
	struct channel *ch = spool_channel(sp, w->ask.ack.channel);
	struct keys_ack_sign ask = {0};
	struct call *call;

	if (ch == NULL || ch->keys.role != POLICY_RECEIVER ||
	    ch->keys.state == CHANNEL_UNPAIRED) {
		if (sp->has_channels)
			ack_refuse(sp, w, GW_ENOENT);
		return sp->has_channels;
	}
	if (w->ask.ack.waits != 0 && ch->version == ch->told &&
	    clock_mono_ms() - w->since_ms < ACK_WAIT_MS)
		return false;
	if (!ack_has_counter(sp, ch))
		return false;
	mem_put_str(ask.channel, sizeof(ask.channel), ch->row.id);
	ack_make(sp, ch, &ask.ack);
	ch->told = ch->version;
	call = spool_call(sp, ack_signed);
	call->client = w->client;
	call->type = w->type;
	call->client_id = w->id;
	spool_call_send(sp, call, KEYS_ACK_SIGN, &ask, sizeof(ask), NULL, 0, 0,
	    NULL, 0);
	return true;
}

void
ack_next(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_ack_next ask;

	memcpy(&ask, msg->body, sizeof(ask));
	spool_check_text(ask.channel, sizeof(ask.channel));
	spool_wait(sp, client, msg, &ask, sizeof(ask));
}
