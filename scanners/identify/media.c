/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"

#include "scanners/identify/kind.h"

/* Read ahead for walks from part to part. */
#define WALK_BUF (64u << 10)

/* As much behind the end is looked at for the beginning of another file. */
#define BEHIND_LEN (256u << 10)

/* Readers of PDF look for its header that far. */
#define PDF_HEADER_WITHIN 1024u

struct walk {
	struct source *source;
	uint64_t off;
	uint64_t buf_off;
	size_t buf_len;
	uint8_t buf[WALK_BUF];
};

/* Next byte, -1 at the end. */
static int
walk_byte(struct walk *w)
{
	uint64_t left;

	if (w->off < w->buf_off || w->off >= w->buf_off + w->buf_len) {
		if (w->off >= w->source->size)
			return -1;
		left = w->source->size - w->off;
		w->buf_off = w->off;
		w->buf_len = left < WALK_BUF ? (size_t)left : WALK_BUF;
		if (!source_get(w->source, w->buf, w->buf_len, w->buf_off)) {
			w->buf_len = 0;
			return -1;
		}
	}
	return w->buf[w->off++ - w->buf_off];
}

static bool
walk_be16(struct walk *w, uint32_t *out)
{
	const int a = walk_byte(w), b = walk_byte(w);

	*out = (uint32_t)a << 8 | (uint32_t)b;
	return a != -1 && b != -1;
}

static bool
walk_skip(struct walk *w, uint64_t n)
{
	if (n > w->source->size || w->off > w->source->size - n)
		return false;
	w->off += n;
	return true;
}

/* --- ends: where the picture is over; 0 if it is broken ------------------------- */

static uint64_t
jpeg_end(struct walk *w)
{
	uint32_t len;
	int c;

	w->off = 2;
	for (;;) {
		/* In a scan all but markers is data. */
		do {
			c = walk_byte(w);
		} while (c != 0xff && c != -1);
		do {
			c = walk_byte(w);
		} while (c == 0xff);
		if (c == -1)
			return 0;
		if (c == 0xd9)
			return w->off;
		if (c == 0 || c == 1 || (c >= 0xd0 && c <= 0xd8))
			continue;
		if (!walk_be16(w, &len) || len < 2 || !walk_skip(w, len - 2))
			return 0;
	}
}

static uint64_t
png_end(struct walk *w)
{
	uint32_t high, low;
	char type[4];
	int i;

	w->off = 8;
	for (;;) {
		if (!walk_be16(w, &high) || !walk_be16(w, &low))
			return 0;
		for (i = 0; i < 4; i++)
			type[i] = (char)walk_byte(w);
		if (!walk_skip(w, ((uint64_t)high << 16 | low) + 4))
			return 0;
		if (memcmp(type, "IEND", 4) == 0)
			return w->off;
	}
}

static bool
gif_skip_blocks(struct walk *w)
{
	int len;

	while ((len = walk_byte(w)) > 0) {
		if (!walk_skip(w, (uint64_t)len))
			return false;
	}
	return len == 0;
}

static bool
gif_skip_table(struct walk *w, int flags)
{
	if ((flags & 0x80) == 0)
		return true;
	return walk_skip(w, UINT64_C(3) << ((flags & 7) + 1));
}

static uint64_t
gif_end(struct walk *w)
{
	/* Flags, and two more bytes of the screen's description. */
	w->off = 10;
	if (!gif_skip_table(w, walk_byte(w)) || !walk_skip(w, 2))
		return 0;
	for (;;) {
		switch (walk_byte(w)) {
		case 0x3b:
			return w->off;
		case 0x21:
			if (walk_byte(w) == -1 || !gif_skip_blocks(w))
				return 0;
			break;
		case 0x2c:
			if (!walk_skip(w, 8) ||
			    !gif_skip_table(w, walk_byte(w)) ||
			    walk_byte(w) == -1 || !gif_skip_blocks(w))
				return 0;
			break;
		default:
			return 0;
		}
	}
}

static uint64_t
told_end(const struct source *s, size_t at, uint64_t plus)
{
	const uint64_t end = source_le32(s->head + at) + plus;

	return end >= 12 && end <= s->size ? end : 0;
}

static uint64_t
media_end(struct walk *w, enum policy_type type, const char *what)
{
	switch ((int)type) {
	case TYPE_JPEG:
		return jpeg_end(w);
	case TYPE_PNG:
		return png_end(w);
	case TYPE_GIF:
		return gif_end(w);
	case TYPE_BMP:
		return told_end(w->source, 2, 0);
	case TYPE_WEBP:
		return told_end(w->source, 4, 8);
	case TYPE_AUDIO:
		return strcmp(what, "WAV") == 0 ?
		    told_end(w->source, 4, 8) : w->source->size;
	default:
		return w->source->size;
	}
}

/* --- judgement ------------------------------------------------------------------------ */

static void
media_polyglot(struct kind *out, const char *why)
{
	out->reason = REASON_TYPE_POLYGLOT;
	out->why = why;
}

static void
media_check_behind(struct source *s, uint64_t end, struct kind *out)
{
	const uint64_t left = s->size - end;
	const size_t len = left < BEHIND_LEN ? (size_t)left : BEHIND_LEN;
	const char *found;
	uint8_t *buf;

	if (left == 0)
		return;
	buf = mem_alloc(len + 1);
	if (source_get(s, buf, len, end)) {
		found = len >= 2 && memcmp(buf, "MZ", 2) == 0 ? "PE" :
		    sniff_embedded(buf, len);
		if (found != NULL)
			media_polyglot(out, found);
	}
	mem_free(buf);
}

static bool
media_is_picture(enum policy_type type)
{
	return type == TYPE_JPEG || type == TYPE_PNG || type == TYPE_GIF ||
	    type == TYPE_BMP || type == TYPE_WEBP || type == TYPE_TIFF;
}

/* Containers whose end a zip's directory may well be near. */
static bool
media_may_hold_zip(enum policy_type type)
{
	return type == TYPE_TAR || type == TYPE_7Z || type == TYPE_RAR ||
	    type == TYPE_CAB || type == TYPE_LZH || type == TYPE_GZIP ||
	    type == TYPE_EML || type == TYPE_MSG || type == TYPE_DOC ||
	    type == TYPE_XLS || type == TYPE_PPT || type == TYPE_JTD ||
	    type == TYPE_XDW;
}

static void
media_check_front(const struct source *s, struct kind *out)
{
	const size_t len = s->head_len < PDF_HEADER_WITHIN ? s->head_len :
	    PDF_HEADER_WITHIN;
	const char *found;

	if (len < 5)
		return;
	if (out->type != TYPE_PDF && !media_may_hold_zip(out->type) &&
	    memmem(s->head, len, "%PDF-", 5) != NULL)
		media_polyglot(out, "PDF");
	if (!media_is_picture(out->type))
		return;
	found = sniff_embedded(s->head + 2, len - 2);
	if (found != NULL)
		media_polyglot(out, found);
}

void
media_look(struct source *s, struct kind *out)
{
	struct walk *w;
	uint64_t end;

	media_check_front(s, out);
	if (out->reason == REASON_NONE && !media_may_hold_zip(out->type) &&
	    zip_is_behind(s))
		media_polyglot(out, "zip");
	if (out->reason != REASON_NONE)
		return;
	w = mem_alloc(sizeof(*w));
	w->source = s;
	end = media_end(w, out->type, out->what);
	mem_free(w);
	if (end != 0) {
		media_check_behind(s, end, out);
	} else {
		out->reason = REASON_BAD_STRUCTURE;
		out->why = "it has no end";
	}
}
