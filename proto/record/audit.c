/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/rd.h"

#include "proto/record/audit.h"

#define AUDIT_VERSION 1

#define TAG_STAGE 26
#define TAG_BLOB 27
#define STAGE_LEN 13	/* index, verdict, reason, engine, signatures */

enum field_kind { FIELD_U16, FIELD_U32, FIELD_U64, FIELD_BYTES, FIELD_TEXT };

struct field {
	uint8_t tag;
	enum field_kind kind;
	size_t offset, size; /* in struct audit_record */
};

#define FIELD(tag, kind, member)                                          \
	{tag, kind, offsetof(struct audit_record, member),                \
	    sizeof(((struct audit_record *)0)->member)}

/* Tags are fixed for ever; in this order in an entry. */
static const struct field fields[] = {
	FIELD(1, FIELD_U16, event),
	FIELD(2, FIELD_U16, reason),
	FIELD(3, FIELD_U32, attempt),
	FIELD(4, FIELD_U64, wall_ms),
	FIELD(5, FIELD_BYTES, transfer_id),
	FIELD(6, FIELD_BYTES, body_id),
	FIELD(7, FIELD_BYTES, parcel_id),
	FIELD(8, FIELD_TEXT, number),
	FIELD(9, FIELD_TEXT, flow),
	FIELD(10, FIELD_TEXT, channel),
	FIELD(11, FIELD_TEXT, state),
	FIELD(12, FIELD_TEXT, actor),
	FIELD(13, FIELD_TEXT, detail),
	FIELD(14, FIELD_U32, uid),
	FIELD(15, FIELD_U32, index),
	FIELD(16, FIELD_U32, count),
	FIELD(17, FIELD_U32, epoch),
	FIELD(18, FIELD_U64, seq),
	FIELD(19, FIELD_U64, size),
	FIELD(20, FIELD_U32, type),
	FIELD(21, FIELD_U32, approvals),
	FIELD(22, FIELD_BYTES, hash),
	FIELD(23, FIELD_BYTES, root),
	FIELD(24, FIELD_BYTES, policy_digest),
	FIELD(25, FIELD_U64, log_size),
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static const struct {
	uint16_t event;
	const char *word, *ja, *en;
} events[] = {
#define X(name, value, word, ja, en) {name, word, ja, en},
	AUDIT_EVENT_TABLE(X)
#undef X
};
#define EVENTS (sizeof(events) / sizeof(events[0]))

static const size_t no_event = EVENTS;

static size_t
audit_find_event(unsigned event)
{
	size_t i;

	for (i = 0; i < EVENTS; i++) {
		if (events[i].event == event)
			return i;
	}
	return no_event;
}

const char *
audit_event_word(enum audit_event event)
{
	size_t i = audit_find_event((unsigned)event);

	return i == no_event ? "?" : events[i].word;
}

const char *
audit_event_ja(enum audit_event event)
{
	size_t i = audit_find_event((unsigned)event);

	return i == no_event ? "?" : events[i].ja;
}

const char *
audit_event_en(enum audit_event event)
{
	size_t i = audit_find_event((unsigned)event);

	return i == no_event ? "?" : events[i].en;
}

/* --- encoding --------------------------------------------------------- */

static uint64_t
field_number(const struct field *f, const uint8_t *p)
{
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	if (f->kind == FIELD_U16) {
		memcpy(&u16, p, sizeof(u16));
		return u16;
	}
	if (f->kind == FIELD_U32) {
		memcpy(&u32, p, sizeof(u32));
		return u32;
	}
	memcpy(&u64, p, sizeof(u64));
	return u64;
}

static bool
field_is_zero(const uint8_t *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (p[i] != 0)
			return false;
	}
	return true;
}

/*
 * Text comes from people's names and engines' words: what could break a
 * line of an export becomes '?', rather than refusing to record the event.
 */
static void
field_put_text(const struct field *f, const uint8_t *p, struct buf *out)
{
	size_t len = strnlen((const char *)p, f->size - 1);
	size_t i;

	if (len == 0)
		return;
	buf_put_u8(out, f->tag);
	buf_put_u16(out, (uint16_t)len);
	for (i = 0; i < len; i++)
		buf_put_u8(out, p[i] < 0x20 || p[i] == 0x7f ? '?' : p[i]);
}

static void
field_put(const struct field *f, const struct audit_record *r,
    struct buf *out)
{
	const uint8_t *p = (const uint8_t *)r + f->offset;

	if (f->kind == FIELD_TEXT) {
		field_put_text(f, p, out);
		return;
	}
	if (field_is_zero(p, f->size))
		return;
	buf_put_u8(out, f->tag);
	buf_put_u16(out, (uint16_t)f->size);
	switch (f->kind) {
	case FIELD_U16:
		buf_put_u16(out, (uint16_t)field_number(f, p));
		break;
	case FIELD_U32:
		buf_put_u32(out, (uint32_t)field_number(f, p));
		break;
	case FIELD_U64:
		buf_put_u64(out, field_number(f, p));
		break;
	case FIELD_BYTES:
	case FIELD_TEXT:
		buf_put(out, p, f->size);
		break;
	}
}

enum gw_err
audit_encode(const struct audit_record *r, struct buf *out)
{
	const struct audit_stage *s;
	size_t i, start = out->len;

	if (audit_find_event(r->event) == no_event || r->wall_ms == 0 ||
	    r->blob_len > sizeof(r->blob))
		return GW_EFORMAT;
	buf_put_u8(out, AUDIT_VERSION);
	for (i = 0; i < FIELDS; i++)
		field_put(&fields[i], r, out);
	for (i = 0; i < AUDIT_STAGES; i++) {
		s = &r->stages[i];
		if (s->verdict == 0)
			continue;
		buf_put_u8(out, TAG_STAGE);
		buf_put_u16(out, STAGE_LEN);
		buf_put_u8(out, (uint8_t)i);
		buf_put_u16(out, s->verdict);
		buf_put_u16(out, s->reason);
		buf_put_u32(out, s->engine);
		buf_put_u32(out, s->signatures);
	}
	if (r->blob_len > 0) {
		buf_put_u8(out, TAG_BLOB);
		buf_put_u16(out, (uint16_t)r->blob_len);
		buf_put(out, r->blob, r->blob_len);
	}
	if (!buf_ok(out) || out->len - start > AUDIT_ENTRY_MAX)
		return GW_ELIMIT;
	return GW_OK;
}

/* --- decoding --------------------------------------------------------- */

static enum gw_err
field_get_number(const struct field *f, struct rd *rd, uint8_t *p)
{
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	enum gw_err err;

	if (f->kind == FIELD_U16) {
		err = rd_u16(rd, &u16);
		if (err == GW_OK)
			memcpy(p, &u16, sizeof(u16));
	} else if (f->kind == FIELD_U32) {
		err = rd_u32(rd, &u32);
		if (err == GW_OK)
			memcpy(p, &u32, sizeof(u32));
	} else {
		err = rd_u64(rd, &u64);
		if (err == GW_OK)
			memcpy(p, &u64, sizeof(u64));
	}
	return err;
}

static enum gw_err
field_get(const struct field *f, struct rd *rd, struct audit_record *r)
{
	uint8_t *p = (uint8_t *)r + f->offset;
	size_t len = rd_left(rd);

	if (f->kind == FIELD_TEXT)
		return len < f->size ? rd_copy(rd, p, len) : GW_EFORMAT;
	if (len != f->size)
		return GW_EFORMAT;
	if (f->kind == FIELD_BYTES)
		return rd_copy(rd, p, len);
	return field_get_number(f, rd, p);
}

static enum gw_err
stage_get(struct rd *rd, struct audit_record *r)
{
	struct audit_stage *s;
	enum gw_err err;
	uint8_t i;

	err = rd_u8(rd, &i);
	if (err != GW_OK)
		return err;
	if (i >= AUDIT_STAGES || r->stages[i].verdict != 0)
		return GW_EFORMAT;
	s = &r->stages[i];
	err = rd_u16(rd, &s->verdict);
	if (err == GW_OK)
		err = rd_u16(rd, &s->reason);
	if (err == GW_OK)
		err = rd_u32(rd, &s->engine);
	if (err == GW_OK)
		err = rd_u32(rd, &s->signatures);
	return err == GW_OK ? rd_end(rd) : err;
}

static enum gw_err
blob_get(struct rd *rd, struct audit_record *r)
{
	size_t len = rd_left(rd);

	if (len > sizeof(r->blob))
		return GW_EFORMAT;
	r->blob_len = (uint32_t)len;
	return rd_copy(rd, r->blob, len);
}

static enum gw_err
value_get(uint8_t tag, struct rd *rd, struct audit_record *r)
{
	if (tag == TAG_STAGE)
		return stage_get(rd, r);
	if (tag == TAG_BLOB)
		return blob_get(rd, r);
	/* Tags of the table are 1, 2, 3, ... */
	if (tag == 0 || tag > FIELDS)
		return GW_EFORMAT;
	return field_get(&fields[tag - 1], rd, r);
}

/*
 * Order, repeats, zero values and odd text need no checks of their own: an
 * entry with any of them would encode differently.
 */
static enum gw_err
audit_compare(const struct audit_record *r, const void *data, size_t len)
{
	struct buf again;
	enum gw_err err;

	buf_init(&again, AUDIT_ENTRY_MAX);
	err = audit_encode(r, &again);
	if (err == GW_OK && (again.len != len ||
	    memcmp(again.data, data, len) != 0))
		err = GW_EFORMAT;
	buf_clear(&again);
	return err;
}

enum gw_err
audit_decode(const void *data, size_t len, struct audit_record *out)
{
	struct audit_record r = {0};
	struct rd rd, value;
	uint8_t version, tag;
	uint16_t value_len;
	enum gw_err err;

	if (len > AUDIT_ENTRY_MAX)
		return GW_EFORMAT;
	rd_init(&rd, data, len);
	err = rd_u8(&rd, &version);
	if (err == GW_OK && version != AUDIT_VERSION)
		err = GW_EVERSION;
	while (err == GW_OK && rd_left(&rd) > 0) {
		err = rd_u8(&rd, &tag);
		if (err == GW_OK)
			err = rd_u16(&rd, &value_len);
		if (err == GW_OK)
			err = rd_sub(&rd, value_len, &value);
		if (err == GW_OK)
			err = value_get(tag, &value, &r);
	}
	if (err == GW_OK)
		err = audit_compare(&r, data, len);
	if (err != GW_OK)
		return err;
	*out = r;
	return GW_OK;
}
