/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "proto/parcel/body.h"
#include "proto/parcel/tables.h"
#include "proto/record/statement.h"
#include "gatewayd/keys/bucket.h"
#include "gatewayd/keys/channel.h"
#include "gatewayd/keys/effect.h"
#include "gatewayd/keys/journal.h"
#include "gatewayd/keys/store.h"
#include "gatewayd/keys/zone.h"

#include "gatewayd/keys/handlers.h"

#define DAY_MS UINT64_C(86400000)
#define SEQ_MAX (UINT64_C(1) << 36)	/* no channel lives that long */
#define SKEW_MS (24 * UINT64_C(3600000)) /* clocks of two zones */
#define OBJECT_MAX (HEADER_MAX + (size_t)PARCEL_BODIES_MAX * \
    (BODY_RECORD_LEN + 32) + CRYPTO_TAG_LEN + PARCEL_STATEMENT_MAX)

/* A parcel object in memory, and where it stands. */
struct parcel {
	uint8_t *object;
	size_t size;
	struct parcel_header h;
	struct parcel_layout l;
	uint8_t hash[32];		/* of the header */
	uint8_t *keys;			/* decrypted */
	uint8_t *statement;
	struct statement_top top;
};

static void
parcel_clear(struct parcel *p)
{
	mem_free(p->object);
	if (p->keys != NULL)
		mem_free_secret(p->keys, p->l.key_table_len);
	if (p->statement != NULL)
		mem_free_secret(p->statement, p->l.statement_len);
	memset(p, 0, sizeof(*p));
}

/* --- reading the object ------------------------------------------------- */

static enum gw_err
parcel_read(int fd, struct parcel *p)
{
	uint64_t size;
	enum gw_err err;

	if ((err = io_check_sealed(fd, &size)) != GW_OK)
		return err;
	if (size < 16 || size > OBJECT_MAX)
		return GW_ELIMIT;
	p->size = (size_t)size;
	p->object = mem_alloc(p->size);
	return io_pread_full(fd, p->object, p->size, 0);
}

/* The header says how long it is at offset 8, in the layout's first rows. */
static enum gw_err
parcel_decode(struct parcel *p)
{
	uint32_t len;
	enum gw_err err;
	struct rd r;

	rd_init(&r, p->object, p->size);
	if ((err = rd_skip(&r, 8)) != GW_OK ||
	    (err = rd_u32(&r, &len)) != GW_OK)
		return err;
	if (len > p->size || len > HEADER_MAX)
		return GW_EFORMAT;
	if ((err = header_decode(p->object, len, &p->h)) != GW_OK ||
	    (err = tables_layout(&p->h, len, &p->l)) != GW_OK)
		return err;
	if (p->l.total_len != p->size ||
	    (p->h.flags & HEADER_CONTROL) != 0)
		return GW_EFORMAT;
	return sha256_of(p->object, len, p->hash);
}

/* --- who sent it, in which order ---------------------------------------- */

struct open_effect {
	struct effect e;
	struct keys_opened out;
	struct key_ref ref;
	struct transfer_slot t;
	struct received_record rec;
	char channel[IPC_ID_LEN];
	uint32_t generation, epoch;
	uint64_t seq, total_padded;
	bool is_bad;		/* AUDIT_PARCEL_BAD instead */
	bool is_anchor_due;
};

static enum gw_err
check_sender(struct keyd *k, const struct channel *ch,
    const struct parcel *p, enum reason *reason)
{
	const struct peer *peer = channel_peer(k, ch);
	const struct parcel_header *h = &p->h;
	enum gw_err err;

	*reason = REASON_BAD_SEAL;
	if (memcmp(h->channel_id, ch->wire_id, sizeof(h->channel_id)) != 0 ||
	    memcmp(h->sender_key_id, peer->sign_id,
	    sizeof(h->sender_key_id)) != 0 ||
	    zone_find_receive(k->zone, h->recipient_key_id) == NULL)
		return GW_ESIG;
	if ((err = header_verify(h, peer->card.sign_pub)) != GW_OK)
		return err;
	if (h->epoch != ch->r.epoch || h->seq > SEQ_MAX)
		return GW_EREPLAY;
	if (!k->zone->is_bench && ((h->flags & HEADER_BENCH) != 0 ||
	    (peer->card.flags & CARD_IS_BENCH) != 0)) {
		*reason = REASON_BENCH_CARD;
		return GW_EDENIED;
	}
	*reason = REASON_NONE;
	return GW_OK;
}

/* Each header names the one before it: hold both neighbors against it. */
static enum gw_err
check_chain(const struct keyd *k, const struct channel *ch,
    const struct parcel *p)
{
	const struct parcel_header *h = &p->h;
	struct received_record rec;
	uint8_t first[32];
	enum gw_err err;

	if (h->seq == 1) {
		if ((err = channel_first_prev(k, ch, first)) != GW_OK)
			return err;
		if (memcmp(first, h->prev, sizeof(first)) != 0)
			return GW_ECHAIN;
	} else {
		err = recfile_get(ch->file, h->seq - 2, &rec);
		if (err == GW_OK && memcmp(rec.header_hash, h->prev, 32) != 0)
			return GW_ECHAIN;
		if (err != GW_OK && err != GW_ENOENT)
			return err;
	}
	err = recfile_get(ch->file, h->seq, &rec);
	if (err == GW_OK && memcmp(rec.prev, p->hash, 32) != 0)
		return GW_ECHAIN;
	return err == GW_ENOENT ? GW_OK : err;
}

static enum gw_err
check_time(const struct parcel *p, enum reason *reason)
{
	const uint64_t now = clock_wall_ms();

	if (now > p->h.not_after_ms) {
		*reason = REASON_EXPIRED;
		return GW_EEXPIRED;
	}
	if (p->h.created_ms > now + SKEW_MS) {
		*reason = REASON_CLOCK_JUMP;
		return GW_EHOLD;
	}
	return GW_OK;
}

/* --- content ------------------------------------------------------------ */

static enum gw_err
parcel_unlock(struct keyd *k, const struct peer *peer, struct parcel *p)
{
	const struct zone_receive *own = zone_find_receive(k->zone,
	    p->h.recipient_key_id);
	uint8_t key[32];
	enum gw_err err;

	if (own == NULL || own->suite != p->h.suite)
		return GW_EAUTH;
	p->keys = mem_alloc(p->l.key_table_len);
	p->statement = mem_alloc(p->l.statement_len);
	err = header_unwrap(&p->h, own->priv, peer->secret, key);
	if (err == GW_OK)
		err = tables_open(key, "gwp1 keys", p->h.parcel_id,
		    p->object + p->l.key_table_off, p->l.key_table_len,
		    p->keys);
	if (err == GW_OK)
		err = tables_open(key, "gwp1 statement", p->h.parcel_id,
		    p->object + p->l.statement_off, p->l.statement_len,
		    p->statement);
	mem_clear(key, sizeof(key));
	return err;
}

static int
compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/* A body twice in one parcel would make two slots of one id. */
static enum gw_err
check_ids(const struct parcel *p)
{
	const uint8_t *table = p->object + p->l.body_table_off;
	uint8_t *ids = mem_array(p->h.body_count, 16);
	enum gw_err err = GW_OK;
	uint32_t i;

	for (i = 0; i < p->h.body_count; i++)
		memcpy(ids + 16 * (size_t)i,
		    table + BODY_RECORD_LEN * (size_t)i, 16);
	qsort(ids, p->h.body_count, 16, compare_ids);
	for (i = 1; i < p->h.body_count; i++) {
		if (compare_ids(ids + 16 * (size_t)(i - 1),
		    ids + 16 * (size_t)i) == 0)
			err = GW_EFORMAT;
	}
	mem_free(ids);
	return err;
}

static enum gw_err
check_statement(struct parcel *p)
{
	struct statement_approval a;
	struct statement_body b;
	enum gw_err err;
	struct rd r;
	uint32_t i;

	err = statement_open(&r, p->statement,
	    p->l.statement_len - CRYPTO_TAG_LEN, &p->top);
	for (i = 0; err == GW_OK && i < p->top.approval_count; i++)
		err = statement_get_approval(&r, &a);
	for (i = 0; err == GW_OK && i < p->top.body_count; i++)
		err = statement_get_body(&r, i, &b);
	if (err == GW_OK)
		err = rd_end(&r);
	if (err == GW_OK && p->top.body_count != p->h.body_count)
		err = GW_EFORMAT;
	return err;
}

static enum gw_err
check_content(struct keyd *k, const struct peer *peer, struct parcel *p,
    enum reason *reason)
{
	enum gw_err err;

	*reason = REASON_DAMAGED;
	err = tables_check(&p->h, p->object + p->l.body_table_off,
	    p->object + p->l.key_table_off, p->object + p->l.statement_off);
	if (err != GW_OK)
		return err;
	*reason = REASON_BAD_SEAL;
	if ((err = parcel_unlock(k, peer, p)) != GW_OK ||
	    (err = check_ids(p)) != GW_OK ||
	    (err = check_statement(p)) != GW_OK)
		return err;
	if (p->h.body_count < 2)
		return GW_EFORMAT;
	*reason = REASON_NONE;
	return GW_OK;
}

/* --- new slots ---------------------------------------------------------- */

static enum gw_err
body_register(struct keyd *k, const struct open_effect *o,
    const struct parcel *p, uint32_t index)
{
	const uint8_t *key = p->keys + 32 * (size_t)index;
	struct body_record rec;
	uint8_t commitment[32];
	struct body_slot b;
	enum gw_err err;

	if ((err = tables_get_body(p->object + p->l.body_table_off,
	    p->l.body_table_len, index, &rec)) != GW_OK ||
	    (err = body_commitment(key, rec.id, commitment)) != GW_OK)
		return err;
	if (!mem_equal(commitment, rec.commitment, sizeof(commitment)))
		return GW_EAUTH;
	memset(&b, 0, sizeof(b));
	b.kind = SLOT_BODY;
	b.flags = BODY_HAS_ROOT;
	b.index = index;
	b.type = TYPE_UNKNOWN;
	b.names_next = 1;
	b.padded_len = rec.padded_len;
	memcpy(b.id, rec.id, sizeof(b.id));
	memcpy(b.transfer_id, o->t.id, sizeof(b.transfer_id));
	memcpy(b.root, rec.chunk_root, sizeof(b.root));
	err = store_wrap(k->store, &o->ref, &b, key);
	return err == GW_OK ? store_put_body(k->store, &o->ref, &b) : err;
}

static void
transfer_fill(const struct keyd *k, const struct channel *ch,
    const struct parcel *p, const struct policy_flow *flow,
    struct transfer_slot *t)
{
	memset(t, 0, sizeof(*t));
	t->kind = SLOT_TRANSFER;
	t->side = SIDE_HIGH;
	t->flags = TRANSFER_COMMITTED;
	crypto_random(t->id, sizeof(t->id));
	memcpy(t->origin_id, p->top.origin_id, sizeof(t->origin_id));
	memcpy(t->flow, p->top.flow, sizeof(t->flow));
	memcpy(t->flow_digest, flow->digest, sizeof(t->flow_digest));
	memcpy(t->policy_digest, k->policy->digest,
	    sizeof(t->policy_digest));
	memcpy(t->channel_id, ch->wire_id, sizeof(t->channel_id));
	memcpy(t->parcel_id, p->h.parcel_id, sizeof(t->parcel_id));
	memcpy(t->number, p->top.number, sizeof(t->number));
	memcpy(t->submitter, p->top.submitter, sizeof(t->submitter));
	t->uid = UINT32_MAX; /* the peer's uids are not ours */
	t->created_ms = p->top.created_ms;
	t->seq = p->h.seq;
	t->epoch = p->h.epoch;
	t->generation = ch->r.generation;
	t->body_count = p->h.body_count;
}

static enum gw_err
parcel_register(struct keyd *k, struct open_effect *o,
    const struct channel *ch, const struct parcel *p,
    const struct policy_flow *flow)
{
	const uint64_t kept = flow->original_days * DAY_MS;
	enum gw_err err;
	uint32_t i;

	transfer_fill(k, ch, p, flow, &o->t);
	err = store_add(k->store, bucket_month(clock_wall_ms() + kept), &o->t,
	    &o->ref);
	for (i = 0; i < p->h.body_count && err == GW_OK; i++)
		err = body_register(k, o, p, i);
	return err;
}

/* The flow of a parcel, as this zone knows it. */
static const struct policy_flow *
parcel_flow(const struct keyd *k, const struct channel *ch,
    const struct parcel *p)
{
	const struct policy_flow *flow = policy_find_flow(k->policy,
	    p->top.flow);

	if (flow == NULL || strcmp(flow->to, k->policy->zone.zone) != 0 ||
	    strcmp(flow->from, ch->r.peer) != 0)
		return NULL;
	return flow;
}

/* --- the answer --------------------------------------------------------- */

static void
opened_fill(const struct key_ref *ref, const struct transfer_slot *t,
    struct keys_opened *out)
{
	memset(out, 0, sizeof(*out));
	out->transfer = *ref;
	out->body_count = t->body_count;
	out->created_ms = t->created_ms;
	memcpy(out->parcel_id, t->parcel_id, sizeof(out->parcel_id));
	memcpy(out->flow, t->flow, sizeof(out->flow));
	memcpy(out->number, t->number, sizeof(out->number));
	memcpy(out->submitter, t->submitter, sizeof(out->submitter));
}

static enum gw_err
open_write(struct keyd *k, struct effect *e)
{
	struct open_effect *o = (struct open_effect *)e;
	struct channel *ch = channels_find(k, o->channel);
	struct received_record before;
	enum gw_err err;

	if (o->is_bad || o->rec.seq == 0)
		return GW_OK;
	if (ch == NULL || ch->r.generation != o->generation ||
	    ch->r.epoch != o->epoch)
		return GW_EAGAIN;
	/* Asked twice at once: one number is one transfer. */
	err = recfile_get(ch->file, o->rec.seq - 1, &before);
	if (err != GW_ENOENT)
		return err == GW_OK ? GW_EBUSY : err;
	return recfile_put(ch->file, o->rec.seq - 1, &o->rec);
}

static enum gw_err
open_record(struct keyd *k, struct effect *e, uint32_t i,
    struct audit_record *out)
{
	const struct open_effect *o = (const struct open_effect *)e;
	const struct channel *ch = channels_find(k, o->channel);

	if (i == 1) {
		if (ch == NULL)
			return GW_EAGAIN;
		channel_anchor_record(ch, out);
		return GW_OK;
	}
	effect_record(out, o->is_bad ? AUDIT_PARCEL_BAD : AUDIT_OPENED,
	    o->is_bad ? NULL : &o->t);
	(void)mem_put_str(out->channel, sizeof(out->channel), o->channel);
	memcpy(out->parcel_id, o->out.parcel_id, sizeof(out->parcel_id));
	out->reason = o->out.reason;
	out->epoch = o->epoch;
	out->seq = o->seq;
	out->count = o->t.body_count;
	out->size = o->total_padded;
	memcpy(out->hash, o->rec.header_hash, sizeof(out->hash));
	return GW_OK;
}

static void
open_done(struct keyd *k, struct effect *e)
{
	struct open_effect *o = (struct open_effect *)e;

	(void)k;
	if (e->err != GW_OK) {
		/* Nobody hears of slots that were not made known. */
		memset(&o->out, 0, sizeof(o->out));
		o->out.err = e->err;
	}
	keyd_reply(e->client, e->type, e->msg_id, &o->out, sizeof(o->out),
	    NULL, 0, 0, -1);
}

static const struct effect_ops open_ops = {
	.write = open_write,
	.record = open_record,
	.done = open_done,
};

/* --- OPEN --------------------------------------------------------------- */

/*
 * Opened before?  The same header is the same transfer again; another under
 * its number freezes the channel.
 */
static enum gw_err
open_before(struct keyd *k, struct channel *ch, const struct parcel *p,
    struct open_effect *o, enum reason *reason)
{
	struct received_record rec;
	enum gw_err err;

	err = recfile_get(ch->file, p->h.seq - 1, &rec);
	if (err != GW_OK)
		return err;
	if (memcmp(rec.header_hash, p->hash, sizeof(rec.header_hash)) != 0) {
		*reason = REASON_EQUIVOCATION;
		channel_freeze(k, ch, REASON_EQUIVOCATION, "keys");
		return GW_EREPLAY;
	}
	if ((err = store_get(k->store, &rec.transfer, &o->t)) != GW_OK)
		return err == GW_ENOENT ? GW_EHASH : err;
	if ((o->t.flags & TRANSFER_ERASED) != 0) {
		*reason = REASON_BAD_SEAL;
		return GW_EREPLAY;
	}
	o->ref = rec.transfer;
	return GW_OK;
}

/* A sender that saw an ACK we never gave: we are the restored backup. */
static bool
is_behind(const struct channel *ch, const struct parcel *p)
{
	return p->h.ack_counter > ch->r.ack_counter;
}

static enum gw_err
open_check(struct keyd *k, struct channel *ch, struct parcel *p,
    enum reason *reason)
{
	enum gw_err err;

	if (is_behind(ch, p)) {
		*reason = REASON_CHANNEL_FROZEN;
		channel_freeze(k, ch, REASON_CHANNEL_FROZEN, "keys");
		return GW_EHOLD;
	}
	if ((err = check_chain(k, ch, p)) != GW_OK) {
		*reason = REASON_BAD_SEAL;
		return err;
	}
	if ((err = check_time(p, reason)) != GW_OK)
		return err;
	return check_content(k, channel_peer(k, ch), p, reason);
}

static enum gw_err
open_new(struct keyd *k, struct channel *ch, struct parcel *p,
    struct open_effect *o, enum reason *reason)
{
	const struct policy_flow *flow;
	enum gw_err err;

	if ((err = open_check(k, ch, p, reason)) != GW_OK)
		return err;
	if ((flow = parcel_flow(k, ch, p)) == NULL) {
		*reason = REASON_FLOW_UNKNOWN_HERE;
		memcpy(o->out.flow, p->top.flow, sizeof(o->out.flow));
		memcpy(o->out.number, p->top.number, sizeof(o->out.number));
		memcpy(o->out.submitter, p->top.submitter,
		    sizeof(o->out.submitter));
		o->out.created_ms = p->top.created_ms;
		return GW_EHOLD;
	}
	if ((err = parcel_register(k, o, ch, p, flow)) != GW_OK) {
		if (err == GW_EAUTH)
			*reason = REASON_BAD_SEAL;
		return err;
	}
	o->rec.transfer = o->ref;
	memcpy(o->rec.parcel_id, p->h.parcel_id, sizeof(o->rec.parcel_id));
	memcpy(o->rec.prev, p->h.prev, sizeof(o->rec.prev));
	o->is_anchor_due = channel_anchor(k, ch, p->h.anchor_size,
	    p->h.anchor_root);
	opened_fill(&o->ref, &o->t, &o->out);
	return GW_OK;
}

static enum gw_err
open_start(struct keyd *k, struct channel *ch, int fd, struct parcel *p,
    struct open_effect *o, enum reason *reason)
{
	enum gw_err err;

	if (ch == NULL || ch->r.role != POLICY_RECEIVER ||
	    channel_state(k, ch) == CHANNEL_UNPAIRED) {
		*reason = REASON_NO_CHANNEL;
		return GW_EHOLD;
	}
	if (channel_state(k, ch) == CHANNEL_FROZEN) {
		*reason = REASON_CHANNEL_FROZEN;
		return GW_EHOLD;
	}
	*reason = REASON_BAD_SEAL;
	if ((err = parcel_read(fd, p)) != GW_OK ||
	    (err = parcel_decode(p)) != GW_OK)
		return err;
	*reason = REASON_NONE;
	o->generation = ch->r.generation;
	o->epoch = p->h.epoch;
	o->seq = p->h.seq;
	o->total_padded = p->h.total_padded;
	memcpy(o->out.parcel_id, p->h.parcel_id, sizeof(o->out.parcel_id));
	memcpy(o->rec.header_hash, p->hash, sizeof(o->rec.header_hash));
	if ((err = check_sender(k, ch, p, reason)) != GW_OK)
		return err;
	err = open_before(k, ch, p, o, reason);
	if (err == GW_ENOENT) {
		o->rec.seq = p->h.seq;
		return open_new(k, ch, p, o, reason);
	}
	if (err == GW_OK)
		opened_fill(&o->ref, &o->t, &o->out);
	return err;
}

/* What the sender, or somebody between, must answer for. */
static bool
is_evidence(enum gw_err err, enum reason reason)
{
	return err_class(err) == GW_CLASS_TAMPER || err == GW_EFORMAT ||
	    err == GW_ETRUNC || err == GW_ELIMIT || err == GW_EVERSION ||
	    reason == REASON_BENCH_CARD;
}

void
open_on_open(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	enum reason reason = REASON_NONE;
	struct open_effect *o;
	struct keys_open req;
	struct parcel p;
	enum gw_err err;

	memset(&p, 0, sizeof(p));
	memcpy(&req, msg->body, sizeof(req));
	if (!keyd_text_ok(req.channel, sizeof(req.channel)))
		log_fatal("spool: a channel without an end");
	o = effect_new(sizeof(*o), &open_ops, c, msg);
	memcpy(o->channel, req.channel, sizeof(o->channel));
	err = open_start(k, channels_find(k, req.channel), msg->fds[0], &p, o,
	    &reason);
	parcel_clear(&p);
	o->out.err = err;
	o->out.reason = (uint16_t)reason;
	if (err == GW_OK) {
		/* Opened before a crash, perhaps unlogged: log it again. */
		effect_hold(&o->e, o->t.id);
		o->e.record_count = o->is_anchor_due ? 2 : 1;
	} else {
		o->is_bad = true;
		o->e.record_count = is_evidence(err, reason) ? 1 : 0;
	}
	effect_add(k, &o->e);
}
