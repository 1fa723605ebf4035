/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "proto/parcel/body.h"
#include "proto/parcel/tables.h"
#include "proto/record/statement.h"
#include "proto/record/verdict.h"
#include "gatewayd/keys/channel.h"
#include "gatewayd/keys/effect.h"
#include "gatewayd/keys/journal.h"
#include "gatewayd/keys/store.h"
#include "gatewayd/keys/zone.h"

#include "gatewayd/keys/handlers.h"

_Static_assert((int)STATEMENT_STAGES == (int)STAGE_COUNT, "all of them");

enum gw_err
seal_find(struct keyd *k, const struct transfer_slot *t,
    struct journal_record *out)
{
	struct journal_record rec;
	enum gw_err err;

	if ((t->flags & TRANSFER_SEALED) == 0)
		return GW_ENOENT;
	err = channels_journal(k, t->channel_id, t->generation, t->epoch,
	    t->seq, &rec);
	if (err != GW_OK)
		return err;
	/* The number went to another: the journal came after the slot. */
	if (memcmp(rec.transfer.id, t->id, sizeof(t->id)) != 0 ||
	    memcmp(rec.parcel_id, t->parcel_id, sizeof(t->parcel_id)) != 0)
		return GW_ENOENT;
	*out = rec;
	return GW_OK;
}

/* --- tables ------------------------------------------------------------- */

/* What a parcel object consists of beside its header. */
struct parts {
	struct buf bodies, keys, statement;	/* keys: in the clear */
	struct buf sealed_keys, sealed_statement;
	uint64_t total_padded;
};

static void
parts_init(struct parts *p, const struct transfer_slot *t)
{
	const size_t n = t->body_count;
	const size_t said = statement_len(t->approval_count, t->body_count);

	memset(p, 0, sizeof(*p));
	buf_init(&p->bodies, n * BODY_RECORD_LEN);
	buf_init(&p->keys, n * 32);
	buf_init(&p->statement, said);
	buf_init(&p->sealed_keys, n * 32 + CRYPTO_TAG_LEN);
	buf_init(&p->sealed_statement, said + CRYPTO_TAG_LEN);
}

static void
parts_clear(struct parts *p)
{
	buf_clear(&p->bodies);
	buf_clear(&p->keys);
	buf_clear(&p->statement);
	buf_clear(&p->sealed_keys);
	buf_clear(&p->sealed_statement);
}

static void
state_top(const struct transfer_slot *t, struct buf *b)
{
	struct statement_approval a;
	struct statement_top top;
	uint32_t i;

	memset(&top, 0, sizeof(top));
	memcpy(top.flow, t->flow, sizeof(top.flow));
	memcpy(top.number, t->number, sizeof(top.number));
	memcpy(top.submitter, t->submitter, sizeof(top.submitter));
	memcpy(top.policy_digest, t->policy_digest,
	    sizeof(top.policy_digest));
	memcpy(top.flow_digest, t->flow_digest, sizeof(top.flow_digest));
	memcpy(top.origin_id, t->origin_id, sizeof(top.origin_id));
	top.created_ms = t->created_ms;
	top.approval_count = t->approval_count;
	top.body_count = t->body_count;
	statement_put_top(b, &top);
	for (i = 0; i < t->approval_count; i++) {
		a.uid = t->approvals[i].uid;
		a.roles = t->approvals[i].roles;
		a.act = t->approvals[i].act;
		a.step = t->approvals[i].step;
		a.wall_ms = t->approvals[i].time_s * UINT64_C(1000);
		statement_put_approval(b, &a);
	}
}

static void
state_body(const struct body_slot *body, struct buf *b)
{
	struct statement_body out;
	struct statement_stage *to;
	int i;

	memset(&out, 0, sizeof(out));
	out.index = body->index;
	out.type = body->type;
	memcpy(out.source_id, body->source_id, sizeof(out.source_id));
	for (i = 0; i < STAGE_COUNT; i++) {
		to = &out.stages[i];
		to->verdict = body->stages[i].verdict;
		to->reason = body->stages[i].reason;
		to->engine = body->stages[i].engine;
		to->signatures = body->stages[i].signatures;
		to->signatures_ms = body->stages[i].signatures_ms;
		/* Not scanned and yet sealed: a person let it through. */
		if (to->verdict == VERDICT_NOT_SCANNED)
			out.method = METHOD_PERSON;
		else if (to->verdict == VERDICT_CONFIRMED &&
		    out.method == METHOD_NONE)
			out.method = METHOD_CONFIRMED;
	}
	statement_put_body(b, &out);
}

static enum gw_err
parts_add(struct keyd *k, const struct key_ref *ref, struct parts *p,
    const struct body_slot *b)
{
	struct body_record rec;
	uint8_t key[32];
	enum gw_err err;

	memset(&rec, 0, sizeof(rec));
	memcpy(rec.id, b->id, sizeof(rec.id));
	memcpy(rec.chunk_root, b->root, sizeof(rec.chunk_root));
	rec.padded_len = b->padded_len;
	err = store_unwrap(k->store, ref, b, key);
	if (err == GW_OK)
		err = body_commitment(key, b->id, rec.commitment);
	if (err == GW_OK) {
		tables_put_body(&p->bodies, &rec);
		buf_put(&p->keys, key, sizeof(key));
		state_body(b, &p->statement);
		p->total_padded += b->padded_len;
	}
	mem_clear(key, sizeof(key));
	return err;
}

static enum gw_err
seal_table(const uint8_t key[32], const char *label, const uint8_t id[16],
    const struct buf *in, struct buf *out)
{
	uint8_t *to = buf_reserve(out, in->len + CRYPTO_TAG_LEN);

	if (!buf_ok(in) || to == NULL)
		return GW_EBUG;
	return tables_seal(key, label, id, in->data, in->len, to);
}

/* The same slots and parcel key give the same bytes, every time. */
static enum gw_err
parts_fill(struct keyd *k, const struct key_ref *ref,
    const struct transfer_slot *t, const uint8_t parcel_key[32],
    struct parts *p)
{
	struct body_slot bodies[STORE_BATCH];
	enum gw_err err = GW_OK;
	uint32_t i, j, n;

	state_top(t, &p->statement);
	for (i = 0; i < t->body_count && err == GW_OK; i += n) {
		n = t->body_count - i < STORE_BATCH ? t->body_count - i :
		    STORE_BATCH;
		err = store_get_bodies(k->store, ref, i, n, bodies);
		for (j = 0; j < n && err == GW_OK; j++)
			err = parts_add(k, ref, p, &bodies[j]);
	}
	if (err == GW_OK && !buf_ok(&p->bodies))
		err = GW_EBUG;
	if (err == GW_OK)
		err = seal_table(parcel_key, "gwp1 keys", t->parcel_id,
		    &p->keys, &p->sealed_keys);
	if (err == GW_OK)
		err = seal_table(parcel_key, "gwp1 statement", t->parcel_id,
		    &p->statement, &p->sealed_statement);
	return err;
}

static enum gw_err
parts_describe(const struct parts *p, struct parcel_header *h)
{
	enum gw_err err;

	h->body_count = (uint32_t)(p->bodies.len / BODY_RECORD_LEN);
	h->total_padded = p->total_padded;
	h->key_table_len = (uint32_t)p->sealed_keys.len;
	h->statement_len = (uint32_t)p->sealed_statement.len;
	if ((err = tables_root(p->bodies.data, p->bodies.len,
	    h->body_table_root)) != GW_OK ||
	    (err = sha256_of(p->sealed_keys.data, p->sealed_keys.len,
	    h->key_table_hash)) != GW_OK)
		return err;
	return sha256_of(p->sealed_statement.data, p->sealed_statement.len,
	    h->statement_hash);
}

static enum gw_err
put_part(int fd, const void *data, size_t len)
{
	return len > 0 ? io_write_full(fd, data, len) : GW_OK;
}

static enum gw_err
object_make(const void *header, size_t len, const struct parts *p,
    int *fd_out)
{
	enum gw_err err;
	int fd = -1;

	if ((err = io_memfd("parcel", &fd)) != GW_OK ||
	    (err = put_part(fd, header, len)) != GW_OK ||
	    (err = put_part(fd, p->bodies.data, p->bodies.len)) != GW_OK ||
	    (err = put_part(fd, p->sealed_keys.data, p->sealed_keys.len)) !=
	    GW_OK ||
	    (err = put_part(fd, p->sealed_statement.data,
	    p->sealed_statement.len)) != GW_OK ||
	    (err = io_seal(fd)) != GW_OK) {
		io_drop(&fd);
		return err;
	}
	*fd_out = fd;
	return GW_OK;
}

/* --- header ------------------------------------------------------------- */

/* What every header of ours says at this moment. */
static enum gw_err
header_begin(struct keyd *k, const struct channel *ch,
    const struct card_key *to, struct parcel_header *h)
{
	const struct audit_head *log = effects_head(k);
	const uint64_t now = clock_wall_ms();

	memset(h, 0, sizeof(*h));
	h->suite = to->suite;
	h->flags = k->zone->is_bench ? HEADER_BENCH : 0;
	memcpy(h->channel_id, ch->wire_id, sizeof(h->channel_id));
	h->epoch = ch->r.epoch;
	h->seq = ch->next_seq;
	h->created_ms = now;
	h->not_after_ms = now + ZONE_PARCEL_DAYS * ZONE_DAY_MS;
	memcpy(h->sender_key_id, k->zone->sign_id, sizeof(h->sender_key_id));
	memcpy(h->recipient_key_id, to->id, sizeof(h->recipient_key_id));
	h->ack_counter = ch->r.ack_counter;
	h->ack_seq = ch->r.ack_seq;
	h->chunk_size = BODY_CHUNK;
	h->anchor_size = log->size;
	h->anchor_ms = log->wall_ms;
	memcpy(h->anchor_root, log->root, sizeof(h->anchor_root));
	if (h->seq > 1) {
		memcpy(h->prev, ch->last_hash, sizeof(h->prev));
		return GW_OK;
	}
	h->flags |= HEADER_FIRST_OF_EPOCH;
	return channel_first_prev(k, ch, h->prev);
}

static enum gw_err
header_end(struct keyd *k, const struct peer *peer, const struct card_key *to,
    const uint8_t parcel_key[32], struct parcel_header *h,
    struct journal_record *rec)
{
	enum gw_err err;
	struct buf b;

	err = header_wrap(h, to->pub, peer->secret, parcel_key);
	if (err == GW_OK)
		err = header_sign(h, k->zone->seed);
	if (err != GW_OK)
		return err;
	buf_init(&b, HEADER_MAX);
	header_encode(h, &b);
	if (!buf_ok(&b) || b.len > sizeof(rec->header)) {
		err = GW_EBUG;
	} else {
		rec->seq = h->seq;
		rec->epoch = h->epoch;
		rec->header_len = (uint32_t)b.len;
		rec->control_seq = h->control_seq;
		memcpy(rec->parcel_id, h->parcel_id, sizeof(rec->parcel_id));
		memcpy(rec->header, b.data, b.len);
	}
	buf_clear(&b);
	return err;
}

/* The next number is taken; the next header chains to this one. */
static enum gw_err
channel_advance(struct channel *ch, const struct journal_record *rec)
{
	uint8_t hash[32];
	enum gw_err err;

	err = sha256_of(rec->header, rec->header_len, hash);
	if (err == GW_OK) {
		memcpy(ch->last_hash, hash, sizeof(hash));
		ch->next_seq++;
	}
	return err;
}

/* --- the way out -------------------------------------------------------- */

struct seal_effect {
	struct effect e;
	struct key_ref ref;
	struct transfer_slot t;		/* zero id: control parcel */
	struct journal_record rec;
	char channel[IPC_ID_LEN];
	uint32_t generation;
	enum reason control_reason;
	uint8_t prev[32];
	bool is_new;			/* not in the journal yet */
	int fd;
};

static enum gw_err
seal_write(struct keyd *k, struct effect *e)
{
	struct seal_effect *s = (struct seal_effect *)e;
	struct channel *ch = channels_find(k, s->channel);
	enum gw_err err;

	if (!s->is_new)
		return GW_OK;
	/* An earlier one of this group failed, or a new epoch began. */
	if (ch == NULL || ch->r.generation != s->generation ||
	    ch->r.epoch != s->rec.epoch || ch->write_seq != s->rec.seq)
		return GW_EAGAIN;
	err = journal_put(ch->file, &s->rec);
	if (err == GW_OK) {
		ch->write_seq++;
		return GW_OK;
	}
	/* Nothing was released: the number is free again. */
	log_err("channel %s: journal: %s", s->channel, err_text_en(err));
	ch->next_seq = s->rec.seq;
	memcpy(ch->last_hash, s->prev, sizeof(ch->last_hash));
	return err;
}

static enum gw_err
seal_record(struct keyd *k, struct effect *e, uint32_t i,
    struct audit_record *out)
{
	const struct seal_effect *s = (const struct seal_effect *)e;
	const bool is_control = s->rec.control_seq != 0;

	(void)k;
	if (i + 1 < e->record_count) {
		effect_record(out, AUDIT_DECISION, &s->t);
		(void)mem_put_str(out->detail, sizeof(out->detail), "go");
		return GW_OK;
	}
	effect_record(out, AUDIT_SEALED, is_control ? NULL : &s->t);
	(void)mem_put_str(out->channel, sizeof(out->channel), s->channel);
	memcpy(out->parcel_id, s->rec.parcel_id, sizeof(out->parcel_id));
	out->epoch = s->rec.epoch;
	out->seq = s->rec.seq;
	out->attempt = s->t.attempt;
	out->count = s->t.body_count;
	out->approvals = s->t.approval_count;
	if (is_control) {
		out->reason = (uint16_t)s->control_reason;
		out->size = s->rec.control_seq;
		(void)mem_put_str(out->detail, sizeof(out->detail),
		    "withdraw");
	}
	return sha256_of(s->rec.header, s->rec.header_len, out->hash);
}

static void
seal_reply(struct client *c, uint16_t type, uint64_t id, enum gw_err err,
    enum reason reason, struct seal_effect *s)
{
	struct keys_sealed out;
	struct stat st;
	int fd = -1;

	memset(&out, 0, sizeof(out));
	out.err = err;
	out.reason = (uint16_t)reason;
	if (err == GW_OK) {
		out.epoch = s->rec.epoch;
		out.seq = s->rec.seq;
		memcpy(out.parcel_id, s->rec.parcel_id,
		    sizeof(out.parcel_id));
		memcpy(out.channel, s->channel, sizeof(out.channel));
		out.err = sha256_of(s->rec.header, s->rec.header_len,
		    out.header_hash);
		if (out.err == GW_OK)
			out.err = io_stat(s->fd, &st);
		if (out.err == GW_OK) {
			out.object_len = (uint32_t)st.st_size;
			fd = s->fd;
			s->fd = -1;
		}
	}
	keyd_reply(c, type, id, &out, sizeof(out), NULL, 0, 0, fd);
}

static void
seal_done(struct keyd *k, struct effect *e)
{
	struct seal_effect *s = (struct seal_effect *)e;

	if (e->err == GW_OK && s->rec.control_seq == 0) {
		s->t.flags |= TRANSFER_SEAL_LOGGED | TRANSFER_DECISION_LOGGED;
		e->err = store_put(k->store, &s->ref, &s->t);
	}
	seal_reply(e->client, e->type, e->msg_id, e->err, REASON_NONE, s);
}

static void
seal_clear(struct effect *e)
{
	io_drop(&((struct seal_effect *)e)->fd);
}

static const struct effect_ops seal_ops = {
	.write = seal_write,
	.record = seal_record,
	.done = seal_done,
	.clear = seal_clear,
};

static struct seal_effect *
seal_effect_new(struct client *c, const struct ipc_msg *msg,
    const char *channel)
{
	struct seal_effect *s = effect_new(sizeof(*s), &seal_ops, c, msg);

	(void)mem_put_str(s->channel, sizeof(s->channel), channel);
	s->fd = -1;
	return s;
}

static void
seal_drop(struct seal_effect *s)
{
	seal_clear(&s->e);
	mem_free_secret(s, sizeof(*s));
}

/* --- SEAL --------------------------------------------------------------- */

/* Sealed before: the same bytes from the journal and the slots. */
static enum gw_err
seal_again(struct keyd *k, struct seal_effect *s)
{
	struct parcel_header h;
	uint8_t key[32];
	struct parts p;
	enum gw_err err;

	parts_init(&p, &s->t);
	if ((err = header_decode(s->rec.header, s->rec.header_len, &h)) ==
	    GW_OK &&
	    (err = store_unwrap_parcel(k->store, &s->ref, &s->t, key)) ==
	    GW_OK &&
	    (err = parts_fill(k, &s->ref, &s->t, key, &p)) == GW_OK)
		err = tables_check(&h, p.bodies.data, p.sealed_keys.data,
		    p.sealed_statement.data);
	if (err == GW_OK)
		err = object_make(s->rec.header, s->rec.header_len, &p,
		    &s->fd);
	if (err == GW_EHASH)
		log_err("sealed transfer: slots no longer match the header");
	mem_clear(key, sizeof(key));
	parts_clear(&p);
	return err;
}

/* The first time: parcel key, header, number. */
static enum gw_err
seal_new(struct keyd *k, struct seal_effect *s, struct channel *ch,
    const struct peer *peer, const struct card_key *to)
{
	struct parcel_header h;
	uint8_t key[32];
	struct parts p;
	enum gw_err err;

	parts_init(&p, &s->t);
	crypto_random(key, sizeof(key));
	crypto_random(s->t.parcel_id, sizeof(s->t.parcel_id));
	memcpy(s->t.channel_id, ch->wire_id, sizeof(s->t.channel_id));
	s->t.generation = s->generation = ch->r.generation;
	s->t.epoch = ch->r.epoch;
	s->t.seq = ch->next_seq;
	s->t.flags |= TRANSFER_SEALED;
	s->t.flags &= ~(uint32_t)TRANSFER_SEAL_LOGGED;
	if ((err = store_wrap_parcel(k->store, &s->ref, &s->t, key)) ==
	    GW_OK &&
	    (err = parts_fill(k, &s->ref, &s->t, key, &p)) == GW_OK &&
	    (err = header_begin(k, ch, to, &h)) == GW_OK &&
	    (err = parts_describe(&p, &h)) == GW_OK) {
		memcpy(h.parcel_id, s->t.parcel_id, sizeof(h.parcel_id));
		memcpy(s->prev, h.prev, sizeof(s->prev));
		s->rec.transfer = s->ref;
		err = header_end(k, peer, to, key, &h, &s->rec);
	}
	if (err == GW_OK)
		err = object_make(s->rec.header, s->rec.header_len, &p,
		    &s->fd);
	if (err == GW_OK)
		err = store_put(k->store, &s->ref, &s->t);
	if (err == GW_OK)
		err = channel_advance(ch, &s->rec);
	s->is_new = true;
	mem_clear(key, sizeof(key));
	parts_clear(&p);
	return err;
}

/* May it be sealed, and to whom? */
static enum gw_err
seal_check(struct keyd *k, const struct key_ref *ref,
    const struct transfer_slot *t, struct channel **ch_out,
    const struct peer **peer_out, const struct card_key **key_out,
    enum reason *reason_out)
{
	const struct policy_flow *flow = transfer_flow(k, t);
	struct decide_result r;
	struct channel *ch;
	enum gw_err err;

	/* Decided, recorded, and still so by all that keys knows. */
	if (t->decision != DECIDE_GO)
		return GW_EDENIED;
	if ((err = evaluate_run(k, ref, t, &r)) != GW_OK)
		return err;
	if (r.decision != DECIDE_GO || flow == NULL) {
		*reason_out = r.reason != REASON_NONE ? r.reason :
		    REASON_POLICY_CHANGED;
		return GW_EHOLD;
	}
	ch = channels_find(k, flow->channel);
	*reason_out = REASON_NO_CHANNEL;
	if (ch == NULL || ch->r.role != POLICY_SENDER ||
	    strcmp(ch->r.peer, flow->to) != 0 ||
	    channel_state(k, ch) == CHANNEL_UNPAIRED)
		return GW_EHOLD;
	if (channel_state(k, ch) == CHANNEL_FROZEN) {
		*reason_out = REASON_CHANNEL_FROZEN;
		return GW_EHOLD;
	}
	*ch_out = ch;
	*peer_out = channel_peer(k, ch);
	*key_out = peer_key(*peer_out, clock_wall_ms());
	if (*key_out == NULL)
		return GW_EHOLD;
	*reason_out = REASON_NONE;
	return GW_OK;
}

static enum gw_err
seal_get(struct keyd *k, const struct keys_seal *req,
    struct transfer_slot *t)
{
	enum gw_err err;

	if ((err = store_get(k->store, &req->transfer, t)) != GW_OK)
		return err;
	if (t->side != SIDE_LOW || (t->flags & TRANSFER_COMMITTED) == 0 ||
	    (t->flags & TRANSFER_ERASED) != 0)
		return GW_EDENIED;
	if (!keyd_text_ok(req->number, sizeof(req->number)) ||
	    t->number[0] == '\0' || strcmp(t->number, req->number) != 0)
		return GW_EDENIED;
	return GW_OK;
}

static enum gw_err
seal_start(struct keyd *k, struct seal_effect *s, const struct keys_seal *req,
    enum reason *reason_out)
{
	const struct card_key *to = NULL;
	const struct peer *peer = NULL;
	struct channel *ch = NULL;
	enum gw_err err;

	err = seal_find(k, &s->t, &s->rec);
	if (err == GW_OK) {
		ch = channels_by_wire(k, s->t.channel_id);
		if (ch != NULL)
			memcpy(s->channel, ch->r.id, sizeof(s->channel));
		return seal_again(k, s);
	}
	if (err != GW_ENOENT)
		return err;
	if ((s->t.flags & (TRANSFER_REVOKED | TRANSFER_REFUSED)) != 0)
		return GW_EDENIED;
	err = seal_check(k, &s->ref, &s->t, &ch, &peer, &to, reason_out);
	if (err != GW_OK)
		return err;
	memcpy(s->channel, ch->r.id, sizeof(s->channel));
	s->t.created_ms = req->created_ms;
	return seal_new(k, s, ch, peer, to);
}

void
seal_on_seal(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	enum reason reason = REASON_NONE;
	struct seal_effect *s;
	struct keys_seal req;
	enum gw_err err;

	memcpy(&req, msg->body, sizeof(req));
	if (effect_defer(k, c, msg, req.transfer.id))
		return;
	s = seal_effect_new(c, msg, "");
	s->ref = req.transfer;
	if ((err = seal_get(k, &req, &s->t)) == GW_OK)
		err = seal_start(k, s, &req, &reason);
	if (err != GW_OK) {
		seal_reply(c, msg->type, msg->id, err, reason, s);
		seal_drop(s);
		return;
	}
	if (!s->is_new && (s->t.flags & TRANSFER_SEAL_LOGGED) != 0) {
		seal_reply(c, msg->type, msg->id, GW_OK, REASON_NONE, s);
		seal_drop(s);
		return;
	}
	s->t.attempt++;
	effect_hold(&s->e, s->t.id);
	s->e.record_count = (s->t.flags & TRANSFER_DECISION_LOGGED) != 0 ?
	    1 : 2;
	effect_add(k, &s->e);
}

/* --- WITHDRAW ----------------------------------------------------------- */

static enum gw_err
withdraw_new(struct keyd *k, struct seal_effect *s, struct channel *ch,
    const struct keys_withdraw *req)
{
	const struct peer *peer = channel_peer(k, ch);
	const struct card_key *to = peer_key(peer, clock_wall_ms());
	struct parcel_header h;
	uint8_t key[32];
	struct parts p;
	enum gw_err err;

	if (to == NULL)
		return GW_EHOLD;
	memset(&p, 0, sizeof(p));
	if ((err = header_begin(k, ch, to, &h)) != GW_OK ||
	    (err = tables_root((const uint8_t *)"", 0, h.body_table_root)) !=
	    GW_OK ||
	    (err = sha256_of("", 0, h.key_table_hash)) != GW_OK ||
	    (err = sha256_of("", 0, h.statement_hash)) != GW_OK)
		return err;
	h.flags |= HEADER_CONTROL;
	h.control = CONTROL_WITHDRAW;
	h.control_reason = req->reason;
	h.control_seq = req->seq;
	crypto_random(h.parcel_id, sizeof(h.parcel_id));
	memcpy(s->prev, h.prev, sizeof(s->prev));
	s->generation = ch->r.generation;
	/* The key wraps nothing, but every header has the same shape. */
	crypto_random(key, sizeof(key));
	err = header_end(k, peer, to, key, &h, &s->rec);
	mem_clear(key, sizeof(key));
	if (err == GW_OK)
		err = object_make(s->rec.header, s->rec.header_len, &p,
		    &s->fd);
	if (err == GW_OK)
		err = channel_advance(ch, &s->rec);
	s->is_new = true;
	return err;
}

static enum gw_err
withdraw_start(struct keyd *k, struct seal_effect *s, struct channel *ch,
    const struct keys_withdraw *req)
{
	struct parts p;
	enum gw_err err;

	if (ch == NULL || ch->r.role != POLICY_SENDER || req->seq == 0 ||
	    req->seq >= ch->write_seq || !reason_ok(req->reason))
		return GW_EINVAL;
	err = journal_find_control(ch->file, req->seq, ch->write_seq,
	    &s->rec);
	if (err == GW_OK) {
		memset(&p, 0, sizeof(p));
		return object_make(s->rec.header, s->rec.header_len, &p,
		    &s->fd);
	}
	if (err != GW_ENOENT)
		return err;
	if (channel_state(k, ch) != CHANNEL_OPEN)
		return GW_EHOLD;
	return withdraw_new(k, s, ch, req);
}

void
seal_on_withdraw(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_withdraw req;
	struct seal_effect *s;
	struct channel *ch;
	enum gw_err err;

	memcpy(&req, msg->body, sizeof(req));
	if (!keyd_text_ok(req.channel, sizeof(req.channel)))
		log_fatal("spool: a channel without an end");
	ch = channels_find(k, req.channel);
	s = seal_effect_new(c, msg, req.channel);
	s->control_reason = (enum reason)req.reason;
	err = withdraw_start(k, s, ch, &req);
	if (err != GW_OK) {
		seal_reply(c, msg->type, msg->id, err,
		    err == GW_EHOLD ? REASON_CHANNEL_FROZEN : REASON_NONE, s);
		seal_drop(s);
		return;
	}
	/* Asked again: whether the log has it is not known, so once more. */
	s->e.record_count = 1;
	effect_add(k, &s->e);
}
