/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "gatewayd/spool/catalog_sql.h"

/* --- bodies ------------------------------------------------------------------ */

void
catalog_body_add(struct catalog *cat, int64_t row, const struct body_row *b)
{
	sqlite3_stmt *s = catalog_q(cat, Q_BODY_ADD);

	catalog_begin(cat);
	catalog_bind_u64(s, 1, (uint64_t)row);
	catalog_bind_u64(s, 2, b->index);
	catalog_bind_blob(s, 3, b->id, sizeof(b->id));
	catalog_bind_blob(s, 4, b->root, sizeof(b->root));
	catalog_bind_u64(s, 5, b->padded_len);
	catalog_bind_u64(s, 6, b->plain_len);
	catalog_bind_u64(s, 7, b->place.pack);
	catalog_bind_u64(s, 8, b->place.offset);
	catalog_bind_u64(s, 9, b->place.len);
	catalog_run(cat, s);
}

static void
body_get(sqlite3_stmt *s, struct body_row *b)
{
	memset(b, 0, sizeof(*b));
	b->index = catalog_u32(s, 0);
	catalog_blob(s, 1, b->id, sizeof(b->id));
	catalog_blob(s, 2, b->root, sizeof(b->root));
	b->padded_len = catalog_u64(s, 3);
	b->plain_len = catalog_u64(s, 4);
	b->place.pack = catalog_u32(s, 5);
	b->place.offset = catalog_u64(s, 6);
	b->place.len = catalog_u64(s, 7);
	b->is_put = true;
}

bool
catalog_body_get(struct catalog *cat, int64_t row, uint32_t index,
    struct body_row *out)
{
	sqlite3_stmt *s = catalog_q(cat, Q_BODY_GET);

	catalog_bind_u64(s, 1, (uint64_t)row);
	catalog_bind_u64(s, 2, index);
	if (!catalog_row(cat, s))
		return false;
	body_get(s, out);
	catalog_done(s);
	return true;
}

void
catalog_bodies(struct catalog *cat, int64_t row, uint32_t first,
    catalog_body_fn *fn, void *arg)
{
	sqlite3_stmt *s = catalog_q(cat, Q_BODIES);
	struct body_row b;

	catalog_bind_u64(s, 1, (uint64_t)row);
	catalog_bind_u64(s, 2, first);
	while (catalog_row(cat, s)) {
		body_get(s, &b);
		if (!fn(arg, &b))
			break;
	}
	catalog_done(s);
}

void
catalog_bodies_del(struct catalog *cat, int64_t row)
{
	sqlite3_stmt *s = catalog_q(cat, Q_BODIES_DEL);

	catalog_begin(cat);
	catalog_bind_u64(s, 1, (uint64_t)row);
	catalog_run(cat, s);
}

void
catalog_partial_put(struct catalog *cat, int64_t row,
    const struct partial_row *p)
{
	sqlite3_stmt *s = catalog_q(cat, Q_PARTIAL_PUT);

	catalog_begin(cat);
	catalog_bind_u64(s, 1, (uint64_t)row);
	catalog_bind_u64(s, 2, p->index);
	catalog_bind_blob(s, 3, p->id, sizeof(p->id));
	catalog_bind_u64(s, 4, p->padded_len);
	catalog_bind_u64(s, 5, p->chunks);
	catalog_run(cat, s);
}

bool
catalog_partial_get(struct catalog *cat, int64_t row, uint32_t index,
    struct partial_row *out)
{
	sqlite3_stmt *s = catalog_q(cat, Q_PARTIAL_GET);

	catalog_bind_u64(s, 1, (uint64_t)row);
	catalog_bind_u64(s, 2, index);
	if (!catalog_row(cat, s))
		return false;
	memset(out, 0, sizeof(*out));
	out->index = catalog_u32(s, 0);
	catalog_blob(s, 1, out->id, sizeof(out->id));
	out->padded_len = catalog_u64(s, 2);
	out->chunks = catalog_u32(s, 3);
	catalog_done(s);
	return true;
}

void
catalog_partials(struct catalog *cat, int64_t row, catalog_body_fn *fn,
    void *arg)
{
	sqlite3_stmt *s = catalog_q(cat, Q_PARTIALS);
	struct body_row b = {0};

	catalog_bind_u64(s, 1, (uint64_t)row);
	while (catalog_row(cat, s)) {
		b.index = catalog_u32(s, 0);
		catalog_blob(s, 1, b.id, sizeof(b.id));
		if (!fn(arg, &b))
			break;
	}
	catalog_done(s);
}

void
catalog_partial_del(struct catalog *cat, int64_t row, uint32_t index)
{
	sqlite3_stmt *s = catalog_q(cat, Q_PARTIAL_DEL);

	catalog_begin(cat);
	catalog_bind_u64(s, 1, (uint64_t)row);
	catalog_bind_u64(s, 2, index);
	catalog_run(cat, s);
}

void
catalog_partials_del(struct catalog *cat, int64_t row)
{
	sqlite3_stmt *s = catalog_q(cat, Q_PARTIALS_DEL);

	catalog_begin(cat);
	catalog_bind_u64(s, 1, (uint64_t)row);
	catalog_run(cat, s);
}

static bool
catalog_is_there(struct catalog *cat, enum catalog_query q,
    const uint8_t id[16])
{
	sqlite3_stmt *s = catalog_q(cat, q);
	bool is_there;

	catalog_bind_blob(s, 1, id, 16);
	is_there = catalog_row(cat, s);
	catalog_done(s);
	return is_there;
}

bool
catalog_has_file(struct catalog *cat, const uint8_t id[16], bool *is_whole)
{
	*is_whole = catalog_is_there(cat, Q_BODY_FILE, id) ||
	    catalog_is_there(cat, Q_PARCEL_FILE, id);
	return *is_whole || catalog_is_there(cat, Q_PARTIAL_FILE, id);
}

/* --- parcels -------------------------------------------------------------------- */

void
catalog_parcel_add(struct catalog *cat, const struct parcel_row *p)
{
	sqlite3_stmt *s = catalog_q(cat, Q_PARCEL_ADD);

	catalog_begin(cat);
	catalog_bind_text(s, 1, p->channel);
	catalog_bind_u64(s, 2, p->epoch);
	catalog_bind_u64(s, 3, p->seq);
	catalog_bind_u64(s, 4, p->is_control);
	catalog_bind_u64(s, 5, (uint64_t)p->row);
	catalog_bind_blob(s, 6, p->header_hash, sizeof(p->header_hash));
	catalog_bind_blob(s, 7, p->file_id, sizeof(p->file_id));
	catalog_bind_u64(s, 8, p->place.pack);
	catalog_bind_u64(s, 9, p->place.offset);
	catalog_bind_u64(s, 10, p->place.len);
	catalog_bind_u64(s, 11, p->is_complete);
	catalog_run(cat, s);
}

static bool
parcel_one(struct catalog *cat, sqlite3_stmt *s, struct parcel_row *p)
{
	if (!catalog_row(cat, s))
		return false;
	memset(p, 0, sizeof(*p));
	catalog_text(s, 0, p->channel, sizeof(p->channel));
	p->epoch = catalog_u32(s, 1);
	p->seq = catalog_u64(s, 2);
	p->is_control = catalog_u32(s, 3);
	p->row = sqlite3_column_int64(s, 4);
	catalog_blob(s, 5, p->header_hash, sizeof(p->header_hash));
	catalog_blob(s, 6, p->file_id, sizeof(p->file_id));
	p->place.pack = catalog_u32(s, 7);
	p->place.offset = catalog_u64(s, 8);
	p->place.len = catalog_u64(s, 9);
	p->is_complete = catalog_u32(s, 10) != 0;
	catalog_done(s);
	return true;
}

static sqlite3_stmt *
parcel_key(struct catalog *cat, enum catalog_query q, const char *channel,
    uint32_t epoch, uint64_t seq)
{
	sqlite3_stmt *s = catalog_q(cat, q);

	catalog_bind_text(s, 1, channel);
	catalog_bind_u64(s, 2, epoch);
	catalog_bind_u64(s, 3, seq);
	return s;
}

bool
catalog_parcel_get(struct catalog *cat, const char *channel, uint32_t epoch,
    uint64_t seq, struct parcel_row *out)
{
	return parcel_one(cat, parcel_key(cat, Q_PARCEL_GET, channel, epoch,
	    seq), out);
}

bool
catalog_parcel_next(struct catalog *cat, const char *channel, uint32_t epoch,
    uint64_t seq, bool any_state, struct parcel_row *out)
{
	return parcel_one(cat, parcel_key(cat, any_state ? Q_PARCEL_NEXT :
	    Q_PARCEL_OPEN, channel, epoch, seq), out);
}

void
catalog_parcel_place(struct catalog *cat, const struct parcel_row *p)
{
	sqlite3_stmt *s;

	catalog_begin(cat);
	s = parcel_key(cat, Q_PARCEL_PLACE, p->channel, p->epoch, p->seq);
	catalog_bind_u64(s, 5, (uint64_t)p->row);
	catalog_bind_blob(s, 7, p->file_id, sizeof(p->file_id));
	catalog_bind_u64(s, 8, p->place.pack);
	catalog_bind_u64(s, 9, p->place.offset);
	catalog_bind_u64(s, 10, p->place.len);
	catalog_run(cat, s);
}

void
catalog_parcel_done(struct catalog *cat, const char *channel, uint32_t epoch,
    uint64_t seq)
{
	catalog_begin(cat);
	catalog_run(cat, parcel_key(cat, Q_PARCEL_DONE, channel, epoch, seq));
}

/* --- channels ----------------------------------------------------------------------- */

bool
catalog_channel_get(struct catalog *cat, const char *id,
    struct channel_row *out)
{
	sqlite3_stmt *s = catalog_q(cat, Q_CHANNEL_GET);

	catalog_bind_text(s, 1, id);
	if (!catalog_row(cat, s))
		return false;
	memset(out, 0, sizeof(*out));
	catalog_text(s, 0, out->id, sizeof(out->id));
	out->epoch = catalog_u32(s, 1);
	out->sealed_seq = catalog_u64(s, 2);
	out->sent_seq = catalog_u64(s, 3);
	out->header_seq = catalog_u64(s, 4);
	catalog_blob(s, 5, out->header_hash, sizeof(out->header_hash));
	out->base_seq = catalog_u64(s, 6);
	out->ack_counter = catalog_u64(s, 7);
	out->ack_ms = catalog_u64(s, 8);
	catalog_done(s);
	return true;
}

void
catalog_channel_put(struct catalog *cat, const struct channel_row *c)
{
	sqlite3_stmt *s = catalog_q(cat, Q_CHANNEL_PUT);

	catalog_begin(cat);
	catalog_bind_text(s, 1, c->id);
	catalog_bind_u64(s, 2, c->epoch);
	catalog_bind_u64(s, 3, c->sealed_seq);
	catalog_bind_u64(s, 4, c->sent_seq);
	catalog_bind_u64(s, 5, c->header_seq);
	catalog_bind_blob(s, 6, c->header_hash, sizeof(c->header_hash));
	catalog_bind_u64(s, 7, c->base_seq);
	catalog_bind_u64(s, 8, c->ack_counter);
	catalog_bind_u64(s, 9, c->ack_ms);
	catalog_run(cat, s);
}

/* --- packs ------------------------------------------------------------------------------ */

static void
pack_get(sqlite3_stmt *s, struct pack_row *p)
{
	memset(p, 0, sizeof(*p));
	p->id = catalog_u32(s, 0);
	p->bucket = catalog_u32(s, 1);
	p->size = catalog_u64(s, 2);
	p->live = catalog_u64(s, 3);
	p->is_open = catalog_u32(s, 4) != 0;
}

void
catalog_pack_put(struct catalog *cat, const struct pack_row *p)
{
	sqlite3_stmt *s = catalog_q(cat, Q_PACK_PUT);

	catalog_begin(cat);
	catalog_bind_u64(s, 1, p->id);
	catalog_bind_u64(s, 2, p->bucket);
	catalog_bind_u64(s, 3, p->size);
	catalog_bind_u64(s, 4, p->is_open);
	catalog_run(cat, s);
}

void
catalog_pack_live(struct catalog *cat, uint32_t id, int64_t more)
{
	sqlite3_stmt *s = catalog_q(cat, Q_PACK_LIVE);

	catalog_begin(cat);
	catalog_bind_u64(s, 1, id);
	catalog_bind_u64(s, 2, (uint64_t)more);
	catalog_run(cat, s);
}

bool
catalog_pack_get(struct catalog *cat, uint32_t id, struct pack_row *out)
{
	sqlite3_stmt *s = catalog_q(cat, Q_PACK_GET);

	catalog_bind_u64(s, 1, id);
	if (!catalog_row(cat, s))
		return false;
	pack_get(s, out);
	catalog_done(s);
	return true;
}

void
catalog_pack_del(struct catalog *cat, uint32_t id)
{
	sqlite3_stmt *s = catalog_q(cat, Q_PACK_DEL);

	catalog_begin(cat);
	catalog_bind_u64(s, 1, id);
	catalog_run(cat, s);
}

uint32_t
catalog_packs_open(struct catalog *cat, struct pack_row *out, uint32_t limit)
{
	sqlite3_stmt *s = catalog_q(cat, Q_PACKS_OPEN);
	uint32_t n = 0;

	catalog_bind_u64(s, 1, limit);
	while (n < limit && catalog_row(cat, s))
		pack_get(s, &out[n++]);
	catalog_done(s);
	return n;
}
