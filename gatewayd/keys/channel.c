/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "proto/parcel/header.h"
#include "gatewayd/keys/effect.h"
#include "gatewayd/keys/journal.h"
#include "gatewayd/keys/zone.h"

#include "gatewayd/keys/channel.h"

#define CHANNELS_MAX 64		/* rows, retired channels included */
#define NAME_LEN (IPC_ID_LEN + 48)

#define LAZY_MAX 256		/* changes that may be lost in a crash */

/* When growth of the peer's log is anchored: see channel_anchor. */
#define ANCHOR_ENTRIES 1000
#define ANCHOR_BUSY_MS 10000
#define ANCHOR_IDLE_MS 3600000
#define ANCHOR_ECHO 2		/* entries that our own anchors may cause */

struct channels {
	struct channel all[CHANNELS_MAX];
	uint32_t count;
	struct recfile *table;
	int dir;
};

enum gw_err
channels_open(int dirfd, struct channels **out)
{
	struct channels *c = mem_alloc(sizeof(*c));
	struct channel *ch;
	enum gw_err err;
	uint64_t n;

	c->dir = dirfd;
	err = recfile_open(dirfd, "channels", CHANNEL_RECORD_LEN, &c->table);
	for (n = 0; err == GW_OK && n < recfile_count(c->table); n++) {
		if (n == CHANNELS_MAX) {
			err = GW_ELIMIT;
			break;
		}
		ch = &c->all[n];
		ch->row = n;
		if ((err = recfile_get(c->table, n, &ch->r)) == GW_OK)
			err = header_channel_id(ch->r.id, ch->wire_id);
		c->count++;
	}
	if (err == GW_OK)
		*out = c;
	else
		channels_free(c);
	return err;
}

void
channels_free(struct channels *c)
{
	uint32_t i;

	if (c == NULL)
		return;
	for (i = 0; i < c->count; i++)
		recfile_free(c->all[i].file);
	recfile_free(c->table);
	mem_free(c);
}

/* --- fitting to policy and peers ---------------------------------------- */

static struct channel *
channels_row(struct channels *c, const char *id)
{
	uint32_t i;

	for (i = 0; i < c->count; i++) {
		if (strcmp(c->all[i].r.id, id) == 0)
			return &c->all[i];
	}
	return NULL;
}

static void
file_name(const struct channel *ch, uint32_t generation, uint32_t epoch,
    char out[NAME_LEN])
{
	(void)snprintf(out, NAME_LEN, "%s-%s-%u-%u",
	    ch->r.role == POLICY_SENDER ? "sealed" : "received", ch->r.id,
	    generation, epoch);
}

/* Open the file of this generation and epoch, and find its end. */
static void
channel_load(struct channels *c, struct channel *ch)
{
	const bool is_sender = ch->r.role == POLICY_SENDER;
	char name[NAME_LEN];
	enum gw_err err;

	recfile_free(ch->file);
	ch->file = NULL;
	ch->next_seq = 1;
	memset(ch->last_hash, 0, sizeof(ch->last_hash));
	file_name(ch, ch->r.generation, ch->r.epoch, name);
	err = recfile_open(c->dir, name,
	    is_sender ? JOURNAL_LEN : RECEIVED_LEN, &ch->file);
	if (err == GW_OK && is_sender)
		err = journal_end(ch->file, &ch->next_seq, ch->last_hash);
	if (err != GW_OK)
		log_fatal("channel %s: %s: %s", ch->r.id, name,
		    err_text_en(err));
	ch->write_seq = ch->next_seq;
	ch->acked = ch->r.ack_counter;
}

static void
channel_restart(struct channels *c, struct channel *ch)
{
	struct channel_record *r = &ch->r;

	r->generation++;
	r->epoch = 1;
	r->is_frozen = 0;
	r->freeze_reason = 0;
	r->officer_ms = 0;
	r->ack_counter = r->ack_seq = 0;
	r->anchor_size = 0;
	memset(r->anchor_root, 0, sizeof(r->anchor_root));
	memset(r->first_hash, 0, sizeof(r->first_hash));
	ch->is_dirty = true;
	channel_load(c, ch);
}

static struct channel *
channel_add(struct channels *c, const struct policy_channel *p)
{
	struct channel *ch;

	if (c->count == CHANNELS_MAX)
		log_fatal("channel %s: more than %d channels were ever used",
		    p->id, CHANNELS_MAX);
	ch = &c->all[c->count];
	ch->row = c->count++;
	memcpy(ch->r.id, p->id, sizeof(ch->r.id));
	ch->r.role = p->role;
	memcpy(ch->r.peer, p->peer, sizeof(ch->r.peer));
	keyd_check_disk(header_channel_id(ch->r.id, ch->wire_id), p->id);
	channel_restart(c, ch);
	return ch;
}

/* A sender's or receiver's card fixes where the first epoch begins. */
static void
channel_fit_first(struct keyd *k, struct channel *ch)
{
	const struct peer *peer = channel_peer(k, ch);
	const bool is_begun = ch->r.role == POLICY_SENDER ?
	    ch->next_seq > 1 : ch->r.ack_counter > 0 ||
	    recfile_count(ch->file) > 0;
	const uint8_t *hash = NULL;

	if (is_begun || ch->r.epoch > 1)
		return;
	if (ch->r.role == POLICY_SENDER && k->zone->card_len > 0)
		hash = k->zone->card_hash;
	if (ch->r.role == POLICY_RECEIVER && peer != NULL)
		hash = peer->card_hash;
	if (hash == NULL || memcmp(ch->r.first_hash, hash, 32) == 0)
		return;
	memcpy(ch->r.first_hash, hash, 32);
	ch->is_dirty = true;
}

static void
channel_fit(struct keyd *k, const struct policy_channel *p)
{
	struct channels *c = k->channels;
	struct channel *ch = channels_row(c, p->id);
	const struct peer *peer;

	if (ch == NULL)
		ch = channel_add(c, p);
	if (ch->r.role != p->role || strcmp(ch->r.peer, p->peer) != 0) {
		log_warn("channel %s: other role or peer: begun anew", p->id);
		ch->r.role = p->role;
		memcpy(ch->r.peer, p->peer, sizeof(ch->r.peer));
		memset(ch->r.peer_pub, 0, sizeof(ch->r.peer_pub));
		channel_restart(c, ch);
	}
	if (ch->file == NULL)
		channel_load(c, ch);
	peer = channel_peer(k, ch);
	if (peer != NULL && memcmp(ch->r.peer_pub, peer->card.sign_pub, 32) !=
	    0) {
		if (ch->next_seq > 1 || recfile_count(ch->file) > 0 ||
		    ch->r.epoch > 1)
			channel_restart(c, ch);
		memcpy(ch->r.peer_pub, peer->card.sign_pub, 32);
		ch->is_dirty = true;
	}
	channel_fit_first(k, ch);
}

void
channels_fit(struct keyd *k)
{
	uint32_t i;

	for (i = 0; i < k->policy->channel_count; i++)
		channel_fit(k, &k->policy->channels[i]);
	keyd_check_disk(channels_sync(k->channels), "channels");
}

struct channel *
channels_find(struct keyd *k, const char *id)
{
	return policy_find_channel(k->policy, id) == NULL ? NULL :
	    channels_row(k->channels, id);
}

struct channel *
channels_by_wire(struct keyd *k, const uint8_t wire_id[16])
{
	struct channels *c = k->channels;
	uint32_t i;

	for (i = 0; i < c->count; i++) {
		if (memcmp(c->all[i].wire_id, wire_id, 16) == 0)
			return &c->all[i];
	}
	return NULL;
}

struct channel *
channels_nth(struct keyd *k, uint32_t n)
{
	return n < k->policy->channel_count ?
	    channels_row(k->channels, k->policy->channels[n].id) : NULL;
}

enum gw_err
channels_journal(struct keyd *k, const uint8_t wire_id[16],
    uint32_t generation, uint32_t epoch, uint64_t seq,
    struct journal_record *out)
{
	struct channel *ch = channels_by_wire(k, wire_id);
	struct recfile *f = NULL;
	char name[NAME_LEN];
	enum gw_err err;

	if (ch == NULL || ch->r.role != POLICY_SENDER)
		return GW_ENOENT;
	if (ch->file != NULL && generation == ch->r.generation &&
	    epoch == ch->r.epoch)
		return seq < ch->write_seq ?
		    journal_get(ch->file, seq, out) : GW_ENOENT;
	if (generation > ch->r.generation ||
	    (generation == ch->r.generation && epoch > ch->r.epoch))
		return GW_ENOENT;
	file_name(ch, generation, epoch, name);
	err = recfile_open(k->channels->dir, name, JOURNAL_LEN, &f);
	if (err != GW_OK)
		return err;
	err = journal_get(f, seq, out);
	recfile_free(f);
	return err;
}

enum gw_err
channels_sync(struct channels *c)
{
	struct channel *ch;
	enum gw_err err;
	uint32_t i;

	for (i = 0; i < c->count; i++) {
		ch = &c->all[i];
		if (ch->file != NULL &&
		    (err = recfile_sync(ch->file)) != GW_OK)
			return err;
		if (!ch->is_dirty && ch->lazy < LAZY_MAX)
			continue;
		if ((err = recfile_put(c->table, ch->row, &ch->r)) != GW_OK)
			return err;
		ch->is_dirty = false;
		ch->lazy = 0;
	}
	return recfile_sync(c->table);
}

/* --- questions ---------------------------------------------------------- */

const struct peer *
channel_peer(const struct keyd *k, const struct channel *ch)
{
	return peers_find(k->peers, ch->r.peer);
}

enum channel_state
channel_state(const struct keyd *k, const struct channel *ch)
{
	if (channel_peer(k, ch) == NULL || k->zone->card_len == 0)
		return CHANNEL_UNPAIRED;
	return ch->r.is_frozen ? CHANNEL_FROZEN : CHANNEL_OPEN;
}

enum gw_err
channel_first_prev(const struct keyd *k, const struct channel *ch,
    uint8_t out[32])
{
	static const char label[] = "gwp1 epoch"; /* with its NUL */
	const struct peer *peer = channel_peer(k, ch);
	const uint8_t *pub = k->zone->sign_pub;
	enum gw_err err;
	struct buf b;

	if (ch->r.epoch == 1) {
		memcpy(out, ch->r.first_hash, 32);
		return GW_OK;
	}
	if (ch->r.role == POLICY_RECEIVER) {
		if (peer == NULL)
			return GW_ENOENT;
		pub = peer->card.sign_pub;
	}
	buf_init(&b, 128);
	buf_put(&b, label, sizeof(label));
	buf_put(&b, ch->wire_id, sizeof(ch->wire_id));
	buf_put_u32(&b, ch->r.epoch);
	buf_put(&b, pub, CRYPTO_SIGN_PUB_LEN);
	err = buf_ok(&b) ? sha256_of(b.data, b.len, out) : GW_EBUG;
	buf_clear(&b);
	return err;
}

void
channel_describe(const struct keyd *k, const struct channel *ch,
    struct keys_channel *out)
{
	const struct peer *peer = channel_peer(k, ch);

	memset(out, 0, sizeof(*out));
	memcpy(out->id, ch->r.id, sizeof(out->id));
	memcpy(out->peer, ch->r.peer, sizeof(out->peer));
	out->role = ch->r.role;
	out->state = channel_state(k, ch);
	out->epoch = ch->r.epoch;
	out->freeze_reason = ch->r.freeze_reason;
	out->flags = k->zone->is_bench ? CARD_BENCH : 0;
	out->next_seq = ch->next_seq;
	if (channel_first_prev(k, ch, out->first_prev) != GW_OK)
		memset(out->first_prev, 0, sizeof(out->first_prev));
	memcpy(out->last_hash, ch->next_seq > 1 ? ch->last_hash :
	    out->first_prev, sizeof(out->last_hash));
	memcpy(out->our_sign_pub, k->zone->sign_pub,
	    sizeof(out->our_sign_pub));
	if (peer == NULL)
		return;
	memcpy(out->peer_sign_pub, peer->card.sign_pub,
	    sizeof(out->peer_sign_pub));
	memcpy(out->peer_pin, peer->card.pin, sizeof(out->peer_pin));
	zone_receive_ids(k->zone, clock_wall_ms(), out->peer_key_ids);
}

/* --- changes ------------------------------------------------------------ */

struct freeze_effect {
	struct effect e;
	enum audit_event event;
	char channel[IPC_ID_LEN];
	char actor[IPC_PERSON_LEN];
	uint32_t epoch;
	enum reason reason;
};

static enum gw_err
freeze_record(struct keyd *k, struct effect *e, uint32_t i,
    struct audit_record *out)
{
	const struct freeze_effect *f = (const struct freeze_effect *)e;

	(void)k;
	(void)i;
	effect_record(out, f->event, NULL);
	(void)mem_put_str(out->channel, sizeof(out->channel), f->channel);
	(void)mem_put_str(out->actor, sizeof(out->actor), f->actor);
	out->epoch = f->epoch;
	out->reason = (uint16_t)f->reason;
	return GW_OK;
}

static const struct effect_ops freeze_ops = {.record = freeze_record};

void
channel_freeze(struct keyd *k, struct channel *ch, enum reason reason,
    const char *actor)
{
	struct freeze_effect *f;

	if (ch->r.is_frozen)
		return;
	ch->r.is_frozen = 1;
	ch->r.freeze_reason = (uint16_t)reason;
	ch->is_dirty = true;
	log_warn("channel %s: frozen: %s", ch->r.id, reason_code(reason));
	f = effect_new(sizeof(*f), &freeze_ops, NULL, NULL);
	f->event = AUDIT_FREEZE;
	f->epoch = ch->r.epoch;
	f->reason = reason;
	memcpy(f->channel, ch->r.id, sizeof(f->channel));
	(void)mem_put_str(f->actor, sizeof(f->actor), actor);
	f->e.record_count = 1;
	effect_add(k, &f->e);
}

enum gw_err
channel_next_epoch(struct keyd *k, struct channel *ch)
{
	struct channel_record *r = &ch->r;

	if (r->epoch == UINT32_MAX)
		return GW_ELIMIT;
	r->epoch++;
	r->is_frozen = 0;
	r->freeze_reason = 0;
	r->officer_ms = 0;
	r->ack_counter = r->ack_seq = 0;
	ch->is_dirty = true;
	channel_load(k->channels, ch);
	return channels_sync(k->channels);
}

void
channels_peer_accepted(struct keyd *k, const char *zone)
{
	log_info("peer %s: card accepted", zone);
	channels_fit(k);
}

/* --- the peer's log ----------------------------------------------------- */

bool
channel_anchor(struct keyd *k, struct channel *ch, uint64_t size,
    const uint8_t root[32])
{
	const uint64_t now = clock_mono_ms();
	const uint64_t before = ch->r.anchor_size;
	uint64_t grown, since;

	if (size == before && size > 0 &&
	    memcmp(root, ch->r.anchor_root, 32) != 0) {
		/* Two logs of one size: the peer's history was rewritten. */
		channel_freeze(k, ch, REASON_EQUIVOCATION, "keys");
		return false;
	}
	if (size <= before)
		return false;
	grown = size - before;
	since = ch->anchor_mono_ms == 0 ? UINT64_MAX :
	    now - ch->anchor_mono_ms;
	if (before > 0 && grown < ANCHOR_ENTRIES && since < ANCHOR_IDLE_MS &&
	    (grown <= ANCHOR_ECHO || since < ANCHOR_BUSY_MS))
		return false;
	ch->r.anchor_size = size;
	memcpy(ch->r.anchor_root, root, 32);
	ch->anchor_mono_ms = now > 0 ? now : 1;
	ch->is_dirty = true;
	return true;
}

void
channel_anchor_record(const struct channel *ch, struct audit_record *out)
{
	effect_record(out, AUDIT_PEER_ANCHOR, NULL);
	(void)mem_put_str(out->channel, sizeof(out->channel), ch->r.id);
	(void)mem_put_str(out->detail, sizeof(out->detail), ch->r.peer);
	out->epoch = ch->r.epoch;
	out->log_size = ch->r.anchor_size;
	memcpy(out->root, ch->r.anchor_root, sizeof(out->root));
}
