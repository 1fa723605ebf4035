/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "proto/ctl/answer.h"
#include "proto/names/utf8.h"

#define TAG_ROW 1
#define TAG_END 2

struct field_row {
	uint16_t id;
	enum answer_kind kind;
	const char *json, *ja, *en;
};

static const struct field_row fields[] = {
#define X(name, id, kind, json, ja, en) {id, ANSWER_##kind, json, ja, en},
	ANSWER_FIELD_TABLE(X)
#undef X
};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static const struct field_row *
answer_field_row(unsigned id)
{
	size_t i;

	for (i = 0; i < FIELD_COUNT; i++) {
		if (fields[i].id == id)
			return &fields[i];
	}
	return NULL;
}

enum answer_kind
answer_kind(enum answer_field field)
{
	const struct field_row *row = answer_field_row((unsigned)field);

	return row != NULL ? row->kind : ANSWER_TEXT;
}

const char *
answer_json(enum answer_field field)
{
	const struct field_row *row = answer_field_row((unsigned)field);

	return row != NULL ? row->json : NULL;
}

const char *
answer_label_ja(enum answer_field field)
{
	const struct field_row *row = answer_field_row((unsigned)field);

	return row != NULL ? row->ja : NULL;
}

const char *
answer_label_en(enum answer_field field)
{
	const struct field_row *row = answer_field_row((unsigned)field);

	return row != NULL ? row->en : NULL;
}

/* --- writing ------------------------------------------------------------ */

void
answer_row_put(struct buf *out, enum answer_row row)
{
	buf_put_u8(out, TAG_ROW);
	buf_put_u8(out, (uint8_t)row);
}

static void
put_head(struct buf *out, enum answer_field field, size_t len)
{
	buf_put_u16(out, (uint16_t)field);
	buf_put_u32(out, (uint32_t)len);
}

/* Bytes of the valid character at p; 0 if there is none. */
static size_t
char_len(const char *p, size_t len)
{
	struct rd rd;
	uint32_t cp;

	rd_init(&rd, p, len);
	if (utf8_get(&rd, &cp) != GW_OK)
		return 0;
	return len - rd_left(&rd);
}

static void
put_utf8(struct buf *out, const char *text, size_t len)
{
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = char_len(text + i, len - i);
		if (n == 0) {
			buf_put_u8(out, '?');
			n = 1;
		} else
			buf_put(out, text + i, n);
	}
}

void
answer_textn_put(struct buf *out, enum answer_field field, const char *text,
    size_t len)
{
	struct buf clean;

	len = strnlen(text, len);
	buf_init(&clean, ANSWER_MAX);
	put_utf8(&clean, text, len);
	put_head(out, field, clean.len);
	buf_put(out, clean.data, clean.len);
	buf_clear(&clean);
}

void
answer_text_put(struct buf *out, enum answer_field field, const char *text)
{
	answer_textn_put(out, field, text, strlen(text));
}

void
answer_uint_put(struct buf *out, enum answer_field field, uint64_t value)
{
	put_head(out, field, sizeof(value));
	buf_put_u64(out, value);
}

void
answer_int_put(struct buf *out, enum answer_field field, int64_t value)
{
	answer_uint_put(out, field, (uint64_t)value);
}

void
answer_bool_put(struct buf *out, enum answer_field field, bool value)
{
	put_head(out, field, 1);
	buf_put_u8(out, value ? 1 : 0);
}

void
answer_bytes_put(struct buf *out, enum answer_field field, const void *bytes,
    size_t len)
{
	put_head(out, field, len);
	buf_put(out, bytes, len);
}

void
answer_end_put(struct buf *out, enum answer_exit code, const char *text)
{
	size_t len = strlen(text);

	buf_put_u8(out, TAG_END);
	buf_put_u8(out, (uint8_t)code);
	if (len > ANSWER_TEXT_MAX) {
		/* Cut between characters. */
		for (len = ANSWER_TEXT_MAX; len > 0 &&
		    ((unsigned char)text[len] & 0xc0) == 0x80; len--)
			;
	}
	put_utf8(out, text, len);
}

/* --- reading ------------------------------------------------------------ */

static enum gw_err
open_end(struct rd *rd, struct answer *out)
{
	const uint8_t *p;
	uint8_t code;
	size_t len;
	enum gw_err err;

	err = rd_u8(rd, &code);
	if (err != GW_OK)
		return err;
	len = rd_left(rd);
	if (code > ANSWER_DAMAGED || len > ANSWER_TEXT_MAX)
		return GW_EFORMAT;
	err = rd_span(rd, len, &p);
	if (err != GW_OK)
		return err;
	if (!utf8_ok(p, len))
		return GW_EFORMAT;
	out->is_end = true;
	out->code = (enum answer_exit)code;
	memcpy(out->text, p, len);
	out->text[len] = '\0';
	return GW_OK;
}

enum gw_err
answer_open(const void *bytes, size_t len, struct answer *out)
{
	struct answer_value value;
	struct answer scan;
	struct rd rd;
	uint8_t tag, row;
	enum gw_err err;

	if (len > ANSWER_MAX)
		return GW_EFORMAT;
	memset(out, 0, sizeof(*out));
	rd_init(&rd, bytes, len);
	err = rd_u8(&rd, &tag);
	if (err != GW_OK)
		return err;
	if (tag == TAG_END)
		return open_end(&rd, out);
	if (tag != TAG_ROW)
		return GW_EFORMAT;
	err = rd_u8(&rd, &row);
	if (err != GW_OK)
		return err;
	if (row < ROW_ZONE || row > ROW_LAST)
		return GW_EFORMAT;
	out->row = (enum answer_row)row;
	out->fields = rd;
	/* Every field is checked before the first one is used. */
	scan = *out;
	while ((err = answer_next(&scan, &value)) == GW_OK)
		;
	return err == GW_ENOENT ? GW_OK : err;
}

static enum gw_err
get_value(struct rd *rd, struct answer_value *v)
{
	enum gw_err err = GW_OK;
	uint8_t flag;

	v->len = rd_left(rd);
	switch (v->kind) {
	case ANSWER_UINT:
	case ANSWER_TIME:
	case ANSWER_INT:
		err = rd_u64(rd, &v->number);
		v->signed_number = (int64_t)v->number;
		break;
	case ANSWER_BOOL:
		err = rd_u8(rd, &flag);
		if (err == GW_OK && flag > 1)
			err = GW_EFORMAT;
		if (err == GW_OK)
			v->number = flag;
		break;
	case ANSWER_TEXT:
	case ANSWER_BYTES:
		err = rd_span(rd, v->len, &v->bytes);
		if (err == GW_OK && v->kind == ANSWER_TEXT &&
		    !utf8_ok(v->bytes, v->len))
			err = GW_EFORMAT;
		break;
	}
	return err == GW_OK ? rd_end(rd) : err;
}

enum gw_err
answer_next(struct answer *a, struct answer_value *out)
{
	const struct field_row *row;
	struct answer_value v = {0};
	struct rd value;
	uint16_t id;
	uint32_t len;
	enum gw_err err;

	if (rd_left(&a->fields) == 0)
		return GW_ENOENT;
	if ((err = rd_u16(&a->fields, &id)) != GW_OK ||
	    (err = rd_u32(&a->fields, &len)) != GW_OK ||
	    (err = rd_sub(&a->fields, len, &value)) != GW_OK)
		return err;
	row = answer_field_row(id);
	if (row == NULL)
		return GW_EFORMAT;
	v.field = (enum answer_field)id;
	v.kind = row->kind;
	err = get_value(&value, &v);
	if (err == GW_OK)
		*out = v;
	return err;
}

bool
answer_find(const struct answer *a, enum answer_field field,
    struct answer_value *out)
{
	struct answer scan = *a;
	struct answer_value v;

	while (answer_next(&scan, &v) == GW_OK) {
		if (v.field == field) {
			*out = v;
			return true;
		}
	}
	return false;
}
