/* SPDX-License-Identifier: ISC */
#include <sys/random.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "proto/parcel/body.h"
#include "proto/parcel/header.h"
#include "proto/parcel/tables.h"

#include "gatewayd/spool/ack.h"
#include "gatewayd/spool/channels.h"
#include "gatewayd/spool/handlers.h"
#include "gatewayd/spool/life.h"
#include "gatewayd/spool/object.h"
#include "gatewayd/spool/quota.h"
#include "gatewayd/spool/rx.h"

/* Chunks that arrive between two syncs of a large body: 16 MiB. */
#define RX_SYNC_CHUNKS ((16u << 20) / BODY_CHUNK)

/* Packs of what arrives, until keys tells the bucket: one a month. */
#define RX_BUCKET 0x80000000u
#define MONTH_MS (UINT64_C(30) * 86400000)

static uint32_t
rx_bucket(void)
{
	return RX_BUCKET | (uint32_t)(clock_wall_ms() / MONTH_MS);
}

/* --- what is arriving ------------------------------------------------------------ */

/* There is something new for the next ACK. */
static void
rx_said(struct spool *sp, const struct arriving *a)
{
	struct channel *ch = spool_channel(sp, a->channel);

	if (ch != NULL)
		ack_changed(ch);
}

static struct arriving *
rx_find(struct spool *sp, const uint8_t rx_id[16])
{
	struct arriving *a;

	TAILQ_FOREACH(a, &sp->arriving, next) {
		if (memcmp(a->rx_id, rx_id, sizeof(a->rx_id)) == 0)
			return a;
	}
	return NULL;
}

static struct arriving *
rx_find_row(struct spool *sp, int64_t row)
{
	struct arriving *a;

	TAILQ_FOREACH(a, &sp->arriving, next) {
		if (a->row == row)
			return a;
	}
	return NULL;
}

void
rx_drop(struct spool *sp, struct arriving *a)
{
	TAILQ_REMOVE(&sp->arriving, a, next);
	(void)sp;
	mem_free(a->has);
	mem_free(a->table);
	mem_free(a);
}

/* In order of arrival: the ACK speaks of the first ones. */
static void
rx_insert(struct spool *sp, struct arriving *a)
{
	struct arriving *at;

	TAILQ_FOREACH(at, &sp->arriving, next) {
		if (at->row > a->row) {
			TAILQ_INSERT_BEFORE(at, a, next);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&sp->arriving, a, next);
}

static bool
rx_has(const struct arriving *a, uint32_t index)
{
	return (a->has[index / 8] >> (index % 8) & 1) != 0;
}

static void
rx_set_has(struct arriving *a, uint32_t index)
{
	if (rx_has(a, index))
		return;
	a->has[index / 8] |= (uint8_t)(1u << (index % 8));
	a->got++;
	while (a->bodies < a->body_count && rx_has(a, a->bodies)) {
		a->bodies++;
		a->chunks = a->synced = 0;
	}
}

static bool
rx_on_body(void *arg, const struct body_row *b)
{
	struct arriving *a = arg;

	if (b->index < a->body_count)
		rx_set_has(a, b->index);
	return true;
}

static struct arriving *
rx_new(struct spool *sp, const struct transfer *t)
{
	struct arriving *a = mem_alloc(sizeof(*a));
	struct partial_row part;

	memcpy(a->rx_id, t->ref.id, sizeof(a->rx_id));
	a->row = t->row;
	mem_put_str(a->channel, sizeof(a->channel), t->channel);
	a->epoch = t->epoch;
	a->seq = t->seq;
	a->body_count = t->body_count;
	a->has = mem_alloc(t->body_count / 8 + 1);
	catalog_bodies(sp->cat, t->row, 0, rx_on_body, a);
	if (catalog_partial_get(sp->cat, t->row, a->bodies, &part))
		a->chunks = a->synced = part.chunks;
	rx_insert(sp, a);
	return a;
}

/* How long a header is, is written in it: PROTOCOL.md, "Header". */
static enum gw_err
rx_header(const uint8_t *bytes, size_t size, struct parcel_header *h,
    struct parcel_layout *layout)
{
	size_t len = header_peek_len(bytes, size);
	enum gw_err err;

	if (len == 0 || len > size)
		return GW_EFORMAT;
	err = header_decode(bytes, len, h);
	if (err == GW_OK)
		err = tables_layout(h, len, layout);
	return err;
}

/* The body table out of an object, once per parcel in flight. */
static enum gw_err
rx_take_table(struct arriving *a, int fd, uint64_t size)
{
	struct parcel_layout layout;
	struct parcel_header h;
	uint8_t *head;
	enum gw_err err;
	size_t len;

	len = size < HEADER_MAX ? (size_t)size : HEADER_MAX;
	head = mem_alloc(len);
	if ((err = io_pread_full(fd, head, len, 0)) != GW_OK ||
	    (err = rx_header(head, len, &h, &layout)) != GW_OK)
		goto out;
	a->table = mem_alloc(layout.body_table_len);
	a->table_len = (uint32_t)layout.body_table_len;
	err = io_pread_full(fd, a->table, layout.body_table_len,
	    layout.body_table_off);
out:
	mem_free(head);
	return err;
}

/* After an interruption it comes from the store. */
static enum gw_err
rx_load_table(struct spool *sp, struct arriving *a, const struct parcel_row *p)
{
	enum gw_err err;
	int fd = -1;

	if (a->table != NULL || p->place.len == 0)
		return GW_OK;
	err = object_memfd(sp, p, &fd);
	if (err == GW_OK)
		err = rx_take_table(a, fd, p->place.len);
	io_drop(&fd);
	return err;
}

struct begin {
	struct spool *sp;
	struct channel *ch;
	struct parcel_header h;
	uint8_t hash[32];
	struct spool_rx reply;
};

static void
rx_refuse(struct begin *b, enum gw_err err, uint16_t reason,
    enum rx_state state)
{
	b->reply.err = err;
	b->reply.reason = reason;
	b->reply.state = (uint16_t)state;
}

/* The same bad header again and again is one entry in the log. */
static void
rx_bad(struct begin *b, uint16_t reason, const char *detail)
{
	if (memcmp(b->ch->bad_hash, b->hash, sizeof(b->hash)) == 0)
		return;
	memcpy(b->ch->bad_hash, b->hash, sizeof(b->hash));
	channels_audit_bad(b->sp, b->ch, reason, b->h.seq, b->hash, detail);
}

/* A header that we have: go on where it stopped. */
static void
rx_again(struct begin *b, const struct parcel_row *p)
{
	struct spool *sp = b->sp;
	struct arriving *a;
	struct transfer t;
	enum gw_err err;

	b->reply.state = RX_COMPLETE;
	if (p->is_complete || p->is_control ||
	    !catalog_load(sp->cat, p->row, &t) || t.state != ST_ARRIVING)
		return;
	a = rx_find_row(sp, t.row);
	if (a == NULL) {
		if (quota_check_fetch(sp, 0) != GW_OK) {
			rx_refuse(b, GW_ESPACE, REASON_NO_SPACE, RX_REFUSED);
			return;
		}
		a = rx_new(sp, &t);
	}
	err = rx_load_table(sp, a, p);
	if (err == GW_ENOMEM) {
		rx_refuse(b, GW_EAGAIN, REASON_INTERNAL, RX_REFUSED);
		return;
	}
	if (err != GW_OK) {
		log_err("channel %s: tables of %llu cannot be read: %s",
		    a->channel, (unsigned long long)a->seq,
		    err_text_en(err));
		life_must(sp, &t, EV_DAMAGE, &(struct life_why){
		    .reason = REASON_DAMAGED});
		rx_drop(sp, a);
		return;
	}
	b->reply.state = a->bodies == 0 && a->chunks == 0 && a->table == NULL ?
	    RX_NEW : RX_RESUME;
	memcpy(b->reply.rx_id, a->rx_id, sizeof(a->rx_id));
	b->reply.bodies = a->bodies;
	b->reply.chunks = a->chunks;
	b->reply.wants_tables = a->table == NULL;
}

/* Below the cursor: the very same one, or somebody signs two. */
static void
rx_below(struct begin *b)
{
	struct parcel_row p;

	if (catalog_parcel_get(b->sp->cat, b->ch->row.id, b->h.epoch,
	    b->h.seq, &p) && memcmp(p.header_hash, b->hash,
	    sizeof(p.header_hash)) == 0) {
		rx_again(b, &p);
		return;
	}
	rx_bad(b, REASON_EQUIVOCATION, "another header under this number");
	channels_freeze(b->sp, b->ch, REASON_EQUIVOCATION,
	    "two headers under one number");
	rx_refuse(b, GW_EREPLAY, REASON_EQUIVOCATION, RX_REFUSED);
}

/* The cursor moves with the group, whatever becomes of the bodies. */
static void
rx_move_cursor(struct begin *b, int64_t row, bool is_complete)
{
	struct parcel_row p = {
		.epoch = b->h.epoch,
		.is_control = (b->h.flags & HEADER_CONTROL) != 0,
		.seq = b->h.seq,
		.row = row,
	};

	mem_put_str(p.channel, sizeof(p.channel), b->ch->row.id);
	memcpy(p.header_hash, b->hash, sizeof(p.header_hash));
	catalog_parcel_add(b->sp->cat, &p);
	b->ch->row.header_seq = b->h.seq;
	memcpy(b->ch->row.header_hash, b->hash, sizeof(b->hash));
	b->ch->is_dirty = true;
	b->ch->gap_seq = 0;
	if (is_complete)
		ack_taken(b->sp, b->ch->row.id, b->h.epoch, b->h.seq);
	ack_changed(b->ch);
	group_dirty(b->sp);
}

/* WITHDRAW: what has not been delivered will not be. */
static void
rx_control(struct begin *b)
{
	struct spool *sp = b->sp;
	struct life_why why = {
		.reason = b->h.control_reason != REASON_NONE ?
		    b->h.control_reason : REASON_WITHDRAWN,
		.actor = b->ch->keys.peer,
	};
	struct parcel_row p;
	struct arriving *a;
	struct transfer t;
	int64_t row = 0;

	if (catalog_parcel_get(sp->cat, b->ch->row.id, b->h.epoch,
	    b->h.control_seq, &p) && !p.is_control &&
	    catalog_load(sp->cat, p.row, &t)) {
		row = t.row;
		if (!reason_ok(why.reason))
			why.reason = REASON_WITHDRAWN;
		a = rx_find_row(sp, row);
		if (!life_move(sp, &t, EV_WITHDRAW, &why))
			log_info("transfer %s: withdrawn, but it is %s",
			    t.number, transfer_state_word(
			    (enum transfer_state)t.state));
		else if (a != NULL)
			rx_drop(sp, a);
	}
	rx_move_cursor(b, row, true);
	b->reply.state = RX_COMPLETE;
}

static void
rx_new_transfer(struct begin *b, struct transfer *t)
{
	memset(t, 0, sizeof(*t));
	if (getrandom(t->ref.id, sizeof(t->ref.id), 0) !=
	    (ssize_t)sizeof(t->ref.id))
		log_fatal("getrandom: %s", strerror(errno));
	t->side = SIDE_HIGH;
	t->state = ST_NONE;
	t->body_count = b->h.body_count;
	t->uid = UINT32_MAX;
	t->epoch = b->h.epoch;
	t->seq = b->h.seq;
	t->created_ms = b->h.created_ms;
	t->accepted_ms = b->h.created_ms;
	t->not_after_ms = b->h.not_after_ms;
	memcpy(t->parcel_id, b->h.parcel_id, sizeof(t->parcel_id));
	mem_put_str(t->channel, sizeof(t->channel), b->ch->row.id);
}

/* An upper bound of what the bodies and tables take. */
static uint64_t
rx_stored_bytes(const struct parcel_header *h)
{
	return h->total_padded +
	    (h->total_padded / BODY_CHUNK + h->body_count) * BODY_ENTRY_LEN +
	    HEADER_MAX + (uint64_t)h->body_count * BODY_RECORD_LEN +
	    h->key_table_len + h->statement_len;
}

/* The parcel row was there before the transfer that it belongs to. */
static void
rx_set_row(struct spool *sp, const struct transfer *t)
{
	struct parcel_row p;

	if (!catalog_parcel_get(sp->cat, t->channel, t->epoch, t->seq, &p))
		log_panic("no parcel row");
	p.row = t->row;
	catalog_parcel_place(sp->cat, &p);
}

static void
rx_next(struct begin *b)
{
	struct spool *sp = b->sp;
	struct arriving *a;
	struct transfer t;

	if (memcmp(b->h.prev, b->ch->row.header_hash, sizeof(b->h.prev)) !=
	    0) {
		rx_bad(b, REASON_BAD_SEAL, "it does not follow the last one");
		rx_refuse(b, GW_ECHAIN, REASON_BAD_SEAL, RX_REFUSED);
		return;
	}
	if (b->h.flags & HEADER_CONTROL) {
		rx_control(b);
		return;
	}
	rx_new_transfer(b, &t);
	t.stored_bytes = rx_stored_bytes(&b->h);
	/* With a clock that jumped nothing is too late. */
	if (b->h.not_after_ms < clock_wall_ms() && sp->clock_jump_ms == 0) {
		t.stored_bytes = 0;
		rx_move_cursor(b, 0, false);
		life_must(sp, &t, EV_LATE, &(struct life_why){
		    .reason = REASON_EXPIRED});
		rx_set_row(sp, &t);
		rx_refuse(b, GW_OK, REASON_EXPIRED, RX_COMPLETE);
		return;
	}
	if (quota_check_fetch(sp, t.stored_bytes) != GW_OK) {
		rx_refuse(b, GW_ESPACE, REASON_NO_SPACE, RX_REFUSED);
		return;
	}
	/* From here on it counts, whatever becomes of it, until erased. */
	sp->gate.stored_bytes += t.stored_bytes;
	life_must(sp, &t, EV_HEADER, NULL);
	rx_move_cursor(b, t.row, false);
	a = rx_new(sp, &t);
	b->reply.state = RX_NEW;
	b->reply.wants_tables = 1;
	memcpy(b->reply.rx_id, a->rx_id, sizeof(a->rx_id));
}

static void
rx_beyond(struct begin *b)
{
	if (b->ch->gap_seq == 0)
		channels_audit_bad(b->sp, b->ch, REASON_GAP, b->h.seq,
		    b->hash, "earlier parcels are missing");
	if (b->ch->gap_seq < b->h.seq)
		b->ch->gap_seq = b->h.seq;
	rx_refuse(b, GW_EAGAIN, REASON_GAP, RX_GAP);
}

static bool
rx_check_channel(struct begin *b)
{
	uint8_t id[16];

	if (b->ch == NULL || b->ch->keys.role != POLICY_RECEIVER ||
	    b->ch->keys.state == CHANNEL_UNPAIRED) {
		rx_refuse(b, b->sp->has_channels ? GW_ENOENT : GW_EAGAIN,
		    REASON_NO_CHANNEL, RX_REFUSED);
		return false;
	}
	if (b->ch->keys.state == CHANNEL_FROZEN) {
		rx_refuse(b, GW_EDENIED, REASON_CHANNEL_FROZEN, RX_REFUSED);
		return false;
	}
	if (header_channel_id(b->ch->row.id, id) != GW_OK ||
	    memcmp(id, b->h.channel_id, sizeof(id)) != 0) {
		rx_bad(b, REASON_BAD_SEAL, "a header of another channel");
		rx_refuse(b, GW_ESIG, REASON_BAD_SEAL, RX_REFUSED);
		return false;
	}
	if (b->h.epoch != b->ch->row.epoch) {
		rx_bad(b, REASON_BAD_SEAL, "a header of another epoch");
		rx_refuse(b, GW_EREPLAY, REASON_BAD_SEAL, RX_REFUSED);
		return false;
	}
	/* The sender saw an ACK that we do not remember. */
	if (b->h.ack_counter > b->ch->row.ack_counter) {
		rx_bad(b, REASON_EQUIVOCATION, "it answers an ACK that this "
		    "zone has not given");
		channels_freeze(b->sp, b->ch, REASON_EQUIVOCATION, "the peer "
		    "saw ACKs that this zone does not know: restored from a "
		    "backup?");
		rx_refuse(b, GW_EREPLAY, REASON_CHANNEL_FROZEN, RX_REFUSED);
		return false;
	}
	return true;
}

static void
rx_judge(struct begin *b)
{
	if (!rx_check_channel(b))
		return;
	if (b->h.seq <= b->ch->row.header_seq)
		rx_below(b);
	else if (b->h.seq == b->ch->row.header_seq + 1)
		rx_next(b);
	else
		rx_beyond(b);
}

void
rx_begin(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_rx_begin ask;
	struct begin b = {.sp = sp};

	memcpy(&ask, msg->body, sizeof(ask));
	spool_check_text(ask.channel, sizeof(ask.channel));
	b.ch = spool_channel(sp, ask.channel);
	/* Link has decoded it and checked its signature. */
	if (header_decode(msg->elems, msg->count, &b.h) != GW_OK)
		log_fatal("link: a header that is none");
	if (sha256_of(msg->elems, msg->count, b.hash) != GW_OK)
		log_fatal("sha256");
	rx_judge(&b);
	group_reply(sp, client, msg->type, msg->id, &b.reply,
	    sizeof(b.reply), NULL, 0, 0, -1);
}

/* --- tables and bodies ------------------------------------------------------------------ */

/* NULL, and answered, if the parcel was withdrawn or lost meanwhile. */
static struct arriving *
rx_take(struct spool *sp, struct client *client, struct ipc_msg *msg,
    const uint8_t rx_id[16])
{
	struct arriving *a = rx_find(sp, rx_id);

	if (a == NULL)
		group_status(sp, client, msg->type, msg->id, GW_ENOENT,
		    REASON_WITHDRAWN);
	return a;
}

static void
rx_load_transfer(struct spool *sp, const struct arriving *a,
    struct transfer *t)
{
	if (!catalog_load(sp->cat, a->row, t) || t->state != ST_ARRIVING)
		log_panic("parcel %llu of %s is not arriving",
		    (unsigned long long)a->seq, a->channel);
}

/* Link lets the peer begin anew; what came before stays. */
static void
rx_no_room(struct spool *sp, struct client *client, struct ipc_msg *msg,
    enum gw_err err)
{
	log_err("what arrives cannot be stored: %s", err_text_en(err));
	group_status(sp, client, msg->type, msg->id, err,
	    err == GW_ESPACE ? REASON_NO_SPACE : REASON_INTERNAL);
}

/* The object must begin with the header that moved the cursor. */
static enum gw_err
rx_check_object(int fd, uint64_t size, const struct parcel_row *p)
{
	struct parcel_layout layout;
	struct parcel_header h;
	uint8_t hash[32], *head;
	size_t len = size < HEADER_MAX ? (size_t)size : HEADER_MAX;
	enum gw_err err;

	head = mem_alloc(len);
	err = io_pread_full(fd, head, len, 0);
	if (err == GW_OK)
		err = rx_header(head, len, &h, &layout);
	if (err == GW_OK)
		err = sha256_of(head, layout.header_len, hash);
	if (err == GW_OK && (layout.total_len != size ||
	    memcmp(hash, p->header_hash, sizeof(hash)) != 0))
		err = GW_EHASH;
	mem_free(head);
	return err;
}

/* A parcel of no bodies cannot be; of some, all must be there. */
static void
rx_maybe_complete(struct spool *sp, struct arriving *a)
{
	struct transfer t;

	if (a->table == NULL || a->got < a->body_count)
		return;
	rx_load_transfer(sp, a, &t);
	life_must(sp, &t, EV_BODIES, NULL);
	catalog_partials_del(sp->cat, t.row);
	rx_drop(sp, a);
}

void
rx_tables(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_rx_id ask;
	struct parcel_row p;
	struct arriving *a;
	uint64_t size = 0;
	enum gw_err err;

	memcpy(&ask, msg->body, sizeof(ask));
	a = rx_take(sp, client, msg, ask.rx_id);
	if (a == NULL)
		return;
	if (!catalog_parcel_get(sp->cat, a->channel, a->epoch, a->seq, &p))
		log_panic("no parcel row");
	if (io_check_sealed(msg->fds[0], &size) != GW_OK ||
	    rx_check_object(msg->fds[0], size, &p) != GW_OK)
		log_fatal("link: tables that are not those of the header");
	if (p.place.len == 0) {
		err = object_put(sp, rx_bucket(), msg->fds[0], size, &p);
		if (err == GW_OK) {
			catalog_parcel_place(sp->cat, &p);
			err = rx_take_table(a, msg->fds[0], size);
		}
		if (err != GW_OK) {
			rx_no_room(sp, client, msg, err);
			return;
		}
		group_dirty(sp);
		rx_maybe_complete(sp, a);
	}
	group_status(sp, client, msg->type, msg->id, GW_OK, REASON_NONE);
}

/* Link checked it against the tables; so do we, who keep it. */
static void
rx_check_body(const struct arriving *a, uint32_t index, const uint8_t id[16],
    uint64_t padded_len, struct body_row *out)
{
	struct body_record rec;

	if (a->table == NULL || index >= a->body_count ||
	    tables_get_body(a->table, a->table_len, index, &rec) != GW_OK ||
	    memcmp(rec.id, id, sizeof(rec.id)) != 0 ||
	    rec.padded_len != padded_len || !body_padded_ok(padded_len))
		log_fatal("link: body %u is not the one in the tables",
		    index);
	memset(out, 0, sizeof(*out));
	memcpy(out->id, rec.id, sizeof(out->id));
	memcpy(out->root, rec.chunk_root, sizeof(out->root));
	out->padded_len = padded_len;
	out->index = index;
	out->is_put = true;
}

void
rx_put(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	const struct ipc_body *in = msg->elems;
	struct spool_rx_id ask;
	struct arriving *a;
	struct body_row b;
	uint64_t size = 0, len;
	enum gw_err err = GW_OK;
	uint32_t i;

	memcpy(&ask, msg->body, sizeof(ask));
	a = rx_take(sp, client, msg, ask.rx_id);
	if (a == NULL)
		return;
	if (io_check_sealed(msg->fds[0], &size) != GW_OK)
		log_fatal("link: bodies in a file that is not sealed");
	for (i = 0; i < msg->count && err == GW_OK; i++) {
		rx_check_body(a, in[i].index, in[i].id, in[i].padded_len, &b);
		len = body_stored_len(in[i].padded_len);
		if (in[i].padded_len > BODY_SMALL_MAX ||
		    in[i].offset > size || len > size - in[i].offset)
			log_fatal("link: body %u does not lie in its file",
			    in[i].index);
		if (rx_has(a, in[i].index))
			continue;
		err = store_put(sp->store, rx_bucket(), msg->fds[0],
		    in[i].offset, len, &b.place);
		if (err != GW_OK)
			break;
		catalog_body_add(sp->cat, a->row, &b);
		store_keep(sp->store, &b.place);
		rx_set_has(a, b.index);
	}
	rx_said(sp, a);
	group_dirty(sp);
	if (err != GW_OK) {
		rx_no_room(sp, client, msg, err);
		return;
	}
	rx_maybe_complete(sp, a);
	group_status(sp, client, msg->type, msg->id, GW_OK, REASON_NONE);
}

void
rx_create(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct ipc_status status = {0};
	struct partial_row part;
	struct spool_rx_create ask;
	struct arriving *a;
	struct body_row b;
	enum gw_err err;
	int fd = -1;

	memcpy(&ask, msg->body, sizeof(ask));
	a = rx_take(sp, client, msg, ask.rx_id);
	if (a == NULL)
		return;
	rx_check_body(a, ask.index, ask.id, ask.padded_len, &b);
	if (rx_has(a, ask.index)) {
		err = GW_EEXIST;
	} else if (catalog_partial_get(sp->cat, a->row, ask.index, &part)) {
		err = store_resume(sp->store, ask.id, &fd);
	} else {
		err = store_create(sp->store, ask.id,
		    body_stored_len(ask.padded_len), &fd);
		memset(&part, 0, sizeof(part));
		memcpy(part.id, ask.id, sizeof(part.id));
		part.index = ask.index;
		part.padded_len = ask.padded_len;
		if (err == GW_OK) {
			catalog_partial_put(sp->cat, a->row, &part);
			group_dirty(sp);
		}
	}
	status.err = err;
	if (err != GW_OK)
		log_warn("body %u of parcel %llu cannot be made: %s",
		    ask.index, (unsigned long long)a->seq, err_text_en(err));
	group_reply(sp, client, msg->type, msg->id, &status, sizeof(status),
	    NULL, 0, 0, fd);
}

void
rx_done(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_rx_create ask;
	struct partial_row part;
	struct arriving *a;
	struct body_row b;

	memcpy(&ask, msg->body, sizeof(ask));
	a = rx_take(sp, client, msg, ask.rx_id);
	if (a == NULL)
		return;
	rx_check_body(a, ask.index, ask.id, ask.padded_len, &b);
	if (!rx_has(a, ask.index)) {
		if (!catalog_partial_get(sp->cat, a->row, ask.index, &part))
			log_fatal("link: body %u is done but was not made",
			    ask.index);
		b.place.len = body_stored_len(ask.padded_len);
		catalog_body_add(sp->cat, a->row, &b);
		catalog_partial_del(sp->cat, a->row, ask.index);
		store_touch(sp->store, b.id);
		group_effect(sp, EFFECT_SETTLE, b.id, 0);
		rx_set_has(a, ask.index);
		rx_said(sp, a);
		group_dirty(sp);
		rx_maybe_complete(sp, a);
	}
	group_status(sp, client, msg->type, msg->id, GW_OK, REASON_NONE);
}

/* The next ACK states only what a sync and a commit have made durable. */
void
rx_progress(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_rx_progress in;
	struct partial_row part;
	struct arriving *a;

	memcpy(&in, msg->body, sizeof(in));
	a = rx_take(sp, client, msg, in.rx_id);
	if (a == NULL)
		return;
	if (in.index == a->bodies && in.chunks >= a->synced + RX_SYNC_CHUNKS &&
	    catalog_partial_get(sp->cat, a->row, in.index, &part) &&
	    in.chunks <= body_chunk_count(part.padded_len)) {
		part.chunks = in.chunks;
		catalog_partial_put(sp->cat, a->row, &part);
		store_touch(sp->store, part.id);
		a->chunks = a->synced = in.chunks;
		rx_said(sp, a);
		group_dirty(sp);
	}
	group_status(sp, client, msg->type, msg->id, GW_OK, REASON_NONE);
}

void
rx_damaged(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_rx_progress in;
	struct arriving *a;
	struct transfer t;

	memcpy(&in, msg->body, sizeof(in));
	a = rx_take(sp, client, msg, in.rx_id);
	if (a == NULL)
		return;
	rx_load_transfer(sp, a, &t);
	life_must(sp, &t, EV_DAMAGE, &(struct life_why){
	    .reason = REASON_DAMAGED, .body_index = in.index});
	rx_drop(sp, a);
	group_status(sp, client, msg->type, msg->id, GW_OK, REASON_NONE);
}
