/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/rd.h"
#include "proto/names/utf8.h"
#include "proto/parcel/body.h"
#include "proto/parcel/header.h"

#include "proto/parcel/manifest.h"

#define MANIFEST_MAGIC "GWM1"
#define MANIFEST_VERSION 1
#define PREAMBLE_LEN 16u	/* magic, version, flags, length, files */
#define LENGTH_OFF 8u
#define ITEM_HEAD_LEN 6u	/* type 2, length 4 */

enum { FLAG_SET = 1 };

enum item_type {
	ITEM_FLOW = 0x0101,
	ITEM_NUMBER = 0x0102,
	ITEM_SUBMITTER = 0x0103,
	ITEM_RECIPIENT = 0x0104,
	ITEM_CREATED = 0x0105,
	ITEM_RETENTION = 0x0106,
	ITEM_NAME = 0x0107,
	ITEM_FILE = 0x0200,
	ITEM_PATH = 0x0201,
	ITEM_RAW = 0x0202,
	ITEM_CHARSET = 0x0203,
	ITEM_SIZE = 0x0204,
	ITEM_MTIME = 0x0205,
	ITEM_SHA256 = 0x0206
};

/* Text in a field of fixed size, which always has its NUL. */
static size_t
text_len(const char *text, size_t size)
{
	return strnlen(text, size);
}

static bool
text_ok(const char *text, size_t size)
{
	size_t len = text_len(text, size);

	return len < size && utf8_ok(text, len);
}

/* One name: not empty, not "." or "..", no separator, not too long. */
static bool
component_ok(const char *name, size_t len)
{
	if (len == 0 || len > MANIFEST_NAME_MAX)
		return false;
	if (memchr(name, '/', len) != NULL)
		return false;
	return !(name[0] == '.' && (len == 1 || (len == 2 &&
	    name[1] == '.')));
}

static bool
path_ok(const char *path, size_t size)
{
	const char *end;

	if (!text_ok(path, size))
		return false;
	for (;; path = end + 1) {
		end = strchrnul(path, '/');
		if (!component_ok(path, (size_t)(end - path)))
			return false;
		if (*end == '\0')
			return true;
	}
}

static bool
top_ok(const struct manifest_top *t)
{
	if (t->version != MANIFEST_VERSION || t->file_count == 0 ||
	    t->file_count >= PARCEL_BODIES_MAX)
		return false;
	if (!t->is_set && t->file_count != 1)
		return false;
	if (!text_ok(t->flow, sizeof(t->flow)) || t->flow[0] == '\0' ||
	    !text_ok(t->number, sizeof(t->number)) ||
	    !text_ok(t->submitter, sizeof(t->submitter)) ||
	    !text_ok(t->recipient, sizeof(t->recipient)))
		return false;
	return text_ok(t->name, sizeof(t->name)) &&
	    component_ok(t->name, strlen(t->name));
}

static bool
file_ok(const struct manifest_file *f)
{
	if (!path_ok(f->path, sizeof(f->path)))
		return false;
	if (f->raw_len == 0 || f->raw_len > sizeof(f->raw) ||
	    memchr(f->raw, 0, f->raw_len) != NULL)
		return false;
	if (f->charset != CHARSET_UTF8 && f->charset != CHARSET_CP932)
		return false;
	return f->size <= BODY_PLAIN_MAX;
}

static void
put_head(struct buf *b, enum item_type type, size_t len)
{
	buf_put_u16(b, (uint16_t)type);
	buf_put_u32(b, (uint32_t)len);
}

static void
put_text(struct buf *b, enum item_type type, const char *text, size_t size)
{
	size_t len = text_len(text, size);

	put_head(b, type, len);
	buf_put(b, text, len);
}

static void
put_top(struct buf *b, const struct manifest_top *t)
{
	buf_put(b, MANIFEST_MAGIC, 4);
	buf_put_u16(b, t->version);
	buf_put_u16(b, t->is_set ? FLAG_SET : 0);
	buf_put_u32(b, 0);	/* length: manifest_finish */
	buf_put_u32(b, t->file_count);
	put_text(b, ITEM_FLOW, t->flow, sizeof(t->flow));
	put_text(b, ITEM_NUMBER, t->number, sizeof(t->number));
	put_text(b, ITEM_SUBMITTER, t->submitter, sizeof(t->submitter));
	put_text(b, ITEM_RECIPIENT, t->recipient, sizeof(t->recipient));
	put_head(b, ITEM_CREATED, 8);
	buf_put_u64(b, t->created_ms);
	put_head(b, ITEM_RETENTION, 4);
	buf_put_u32(b, t->retention_days);
	put_text(b, ITEM_NAME, t->name, sizeof(t->name));
}

static void
put_file(struct buf *b, const struct manifest_file *f)
{
	const size_t path_len = text_len(f->path, sizeof(f->path));

	put_head(b, ITEM_FILE, 6 * ITEM_HEAD_LEN + path_len + f->raw_len +
	    1 + 8 + 8 + sizeof(f->sha256));
	put_text(b, ITEM_PATH, f->path, sizeof(f->path));
	put_head(b, ITEM_RAW, f->raw_len);
	buf_put(b, f->raw, f->raw_len);
	put_head(b, ITEM_CHARSET, 1);
	buf_put_u8(b, (uint8_t)f->charset);
	put_head(b, ITEM_SIZE, 8);
	buf_put_u64(b, f->size);
	put_head(b, ITEM_MTIME, 8);
	buf_put_u64(b, f->mtime_ms);
	put_head(b, ITEM_SHA256, sizeof(f->sha256));
	buf_put(b, f->sha256, sizeof(f->sha256));
}

void
manifest_begin(struct manifest_writer *w, const struct manifest_top *top,
    struct buf *out)
{
	w->out = out;
	w->start = out->len;
	w->left = top->file_count;
	w->is_set = top->is_set;
	memcpy(w->name, top->name, sizeof(w->name));
	if (top_ok(top))
		put_top(out, top);
	else
		out->failed = 1;
}

void
manifest_add(struct manifest_writer *w, const struct manifest_file *f)
{
	if (w->left == 0 || !file_ok(f) ||
	    (!w->is_set && strcmp(f->path, w->name) != 0)) {
		w->out->failed = 1;
		return;
	}
	put_file(w->out, f);
	w->left--;
}

enum gw_err
manifest_finish(struct manifest_writer *w)
{
	uint8_t *at;
	size_t len;
	int i;

	if (!buf_ok(w->out) || w->left != 0)
		return GW_EINVAL;
	len = w->out->len - w->start;
	if (len > MANIFEST_MAX)
		return GW_ELIMIT;
	at = w->out->data + w->start + LENGTH_OFF;
	for (i = 3; i >= 0; i--, len >>= 8)
		at[i] = (uint8_t)len;
	return GW_OK;
}

/* An item whose type and order are fixed. */
static enum gw_err
get_item(struct rd *r, enum item_type type, struct rd *out)
{
	uint16_t found;
	uint32_t len;
	enum gw_err err;

	if ((err = rd_u16(r, &found)) != GW_OK)
		return err;
	if (found != (uint16_t)type)
		return GW_EFORMAT;
	if ((err = rd_u32(r, &len)) != GW_OK)
		return err;
	return rd_sub(r, len, out);
}

static enum gw_err
get_bytes(struct rd *r, enum item_type type, void *out, size_t max,
    size_t *len_out)
{
	enum gw_err err;
	struct rd item;

	err = get_item(r, type, &item);
	if (err != GW_OK)
		return err;
	if (rd_left(&item) > max)
		return GW_EFORMAT;
	*len_out = rd_left(&item);
	return rd_copy(&item, out, *len_out);
}

/* The caller zeroed the field, so the text has its NUL. */
static enum gw_err
get_text(struct rd *r, enum item_type type, char *out, size_t size)
{
	enum gw_err err;
	size_t len;

	err = get_bytes(r, type, out, size - 1, &len);
	if (err != GW_OK)
		return err;
	return memchr(out, '\0', len) == NULL ? GW_OK : GW_EFORMAT;
}

static enum gw_err
get_u64(struct rd *r, enum item_type type, uint64_t *out)
{
	enum gw_err err;
	struct rd item;

	err = get_item(r, type, &item);
	if (err == GW_OK)
		err = rd_u64(&item, out);
	return err == GW_OK ? rd_end(&item) : err;
}

static enum gw_err
get_u32(struct rd *r, enum item_type type, uint32_t *out)
{
	enum gw_err err;
	struct rd item;

	err = get_item(r, type, &item);
	if (err == GW_OK)
		err = rd_u32(&item, out);
	return err == GW_OK ? rd_end(&item) : err;
}

static enum gw_err
get_preamble(struct rd *r, uint16_t *flags_out, uint32_t *len_out,
    uint32_t *count_out)
{
	const uint8_t *magic;
	uint16_t version;
	enum gw_err err;

	if ((err = rd_span(r, 4, &magic)) != GW_OK)
		return err;
	if (memcmp(magic, MANIFEST_MAGIC, 4) != 0)
		return GW_EFORMAT;
	if ((err = rd_u16(r, &version)) != GW_OK)
		return err;
	if (version != MANIFEST_VERSION)
		return GW_EVERSION;
	if ((err = rd_u16(r, flags_out)) != GW_OK ||
	    (err = rd_u32(r, len_out)) != GW_OK)
		return err;
	if (*len_out < PREAMBLE_LEN || *len_out > MANIFEST_MAX)
		return GW_EFORMAT;
	return rd_u32(r, count_out);
}

static enum gw_err
get_top(struct rd *r, struct manifest_top *t)
{
	uint16_t flags;
	uint32_t len;
	enum gw_err err;
	const size_t size = rd_left(r);

	if ((err = get_preamble(r, &flags, &len, &t->file_count)) != GW_OK)
		return err;
	if (len > size)
		return GW_ETRUNC;
	if (len != size || (flags & ~FLAG_SET) != 0)
		return GW_EFORMAT;
	t->version = MANIFEST_VERSION;
	t->is_set = (flags & FLAG_SET) != 0;
	if ((err = get_text(r, ITEM_FLOW, t->flow, sizeof(t->flow))) !=
	    GW_OK ||
	    (err = get_text(r, ITEM_NUMBER, t->number,
	    sizeof(t->number))) != GW_OK ||
	    (err = get_text(r, ITEM_SUBMITTER, t->submitter,
	    sizeof(t->submitter))) != GW_OK ||
	    (err = get_text(r, ITEM_RECIPIENT, t->recipient,
	    sizeof(t->recipient))) != GW_OK ||
	    (err = get_u64(r, ITEM_CREATED, &t->created_ms)) != GW_OK ||
	    (err = get_u32(r, ITEM_RETENTION, &t->retention_days)) != GW_OK)
		return err;
	return get_text(r, ITEM_NAME, t->name, sizeof(t->name));
}

static enum gw_err
get_charset(struct rd *r, enum manifest_charset *out)
{
	enum gw_err err;
	uint8_t value = 0;
	size_t len;

	err = get_bytes(r, ITEM_CHARSET, &value, 1, &len);
	if (err != GW_OK)
		return err;
	if (len != 1 || (value != CHARSET_UTF8 && value != CHARSET_CP932))
		return GW_EFORMAT;
	*out = (enum manifest_charset)value;
	return GW_OK;
}

static enum gw_err
get_file(struct rd *r, struct manifest_file *f)
{
	enum gw_err err;
	struct rd item;
	size_t len;

	if ((err = get_item(r, ITEM_FILE, &item)) != GW_OK ||
	    (err = get_text(&item, ITEM_PATH, f->path, sizeof(f->path))) !=
	    GW_OK ||
	    (err = get_bytes(&item, ITEM_RAW, f->raw, sizeof(f->raw),
	    &f->raw_len)) != GW_OK ||
	    (err = get_charset(&item, &f->charset)) != GW_OK ||
	    (err = get_u64(&item, ITEM_SIZE, &f->size)) != GW_OK ||
	    (err = get_u64(&item, ITEM_MTIME, &f->mtime_ms)) != GW_OK ||
	    (err = get_bytes(&item, ITEM_SHA256, f->sha256,
	    sizeof(f->sha256), &len)) != GW_OK)
		return err;
	if (len != sizeof(f->sha256))
		return GW_EFORMAT;
	return rd_end(&item);
}

/*
 * The last word on "one encoding": what was read must encode to the very
 * bytes it was read from.  skip: the length, which only the end knows.
 */
static enum gw_err
check_again(const struct buf *again, const uint8_t *bytes, size_t len,
    size_t skip_off, size_t skip_len)
{
	if (!buf_ok(again))
		return GW_EBUG;
	if (again->len != len ||
	    memcmp(again->data, bytes, skip_off) != 0 ||
	    memcmp(again->data + skip_off + skip_len,
	    bytes + skip_off + skip_len, len - skip_off - skip_len) != 0)
		return GW_EFORMAT;
	return GW_OK;
}

enum gw_err
manifest_open(struct manifest_reader *m, const void *bytes, size_t len,
    struct manifest_top *out)
{
	struct manifest_top top;
	struct buf again;
	enum gw_err err;
	struct rd r;

	memset(&top, 0, sizeof(top));
	rd_init(&r, bytes, len);
	err = get_top(&r, &top);
	if (err != GW_OK)
		return err;
	if (!top_ok(&top))
		return GW_EFORMAT;
	m->bytes = bytes;
	m->len = len;
	m->off = len - rd_left(&r);
	m->left = top.file_count;
	m->is_set = top.is_set;
	memcpy(m->name, top.name, sizeof(m->name));
	buf_init(&again, 4 * MANIFEST_NAME_MAX);
	put_top(&again, &top);
	err = check_again(&again, m->bytes, m->off, LENGTH_OFF, 4);
	buf_clear(&again);
	if (err == GW_OK)
		*out = top;
	return err;
}

enum gw_err
manifest_next(struct manifest_reader *m, struct manifest_file *out)
{
	struct buf again;
	enum gw_err err;
	size_t used;
	struct rd r;

	if (m->left == 0)
		return GW_ENOENT;
	memset(out, 0, sizeof(*out));
	rd_init(&r, m->bytes + m->off, m->len - m->off);
	err = get_file(&r, out);
	if (err != GW_OK)
		return err;
	if (!file_ok(out))
		return GW_EFORMAT;
	if (!m->is_set && strcmp(out->path, m->name) != 0)
		return GW_EFORMAT;
	used = m->len - m->off - rd_left(&r);
	buf_init(&again, 4 * MANIFEST_PATH_MAX);
	put_file(&again, out);
	err = check_again(&again, m->bytes + m->off, used, 0, 0);
	buf_clear(&again);
	if (err != GW_OK)
		return err;
	m->off += used;
	m->left--;
	return GW_OK;
}

enum gw_err
manifest_end(const struct manifest_reader *m)
{
	return m->left == 0 && m->off == m->len ? GW_OK : GW_EFORMAT;
}

enum gw_err
manifest_length(const void *bytes, size_t len, size_t *len_out)
{
	uint16_t flags;
	uint32_t length, count;
	enum gw_err err;
	struct rd r;

	rd_init(&r, bytes, len);
	err = get_preamble(&r, &flags, &length, &count);
	if (err != GW_OK)
		return err;
	if (length > len)
		return GW_ETRUNC;
	if (rd_skip(&r, length - PREAMBLE_LEN) != GW_OK)
		return GW_EBUG;
	err = rd_zero(&r, rd_left(&r));
	if (err == GW_OK)
		*len_out = length;
	return err;
}
