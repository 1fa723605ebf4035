/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"

#include "scanners/text/cells.h"
#include "scanners/text/decode.h"
#include "scanners/text/text.h"

#define ESC 0x1b

/* Longest byte order mark. */
#define MARK_MAX 3

/* One way of reading the text. */
struct track {
	struct decode decode;
	struct cells cells;
	bool is_used;
	bool is_dead;	/* it cannot be read so */
};

enum track_id {
	/* ASCII until the first byte that is not, UTF-8 afterwards. */
	TRACK_MAIN,
	TRACK_CP932,
	TRACK_EUCJP,
	TRACK_ISO2022JP,
	/* Bytes of ISO-2022-JP as ASCII. */
	TRACK_RAW,
	TRACK_COUNT
};

struct text_scan {
	struct track tracks[TRACK_COUNT];
	uint8_t mark[MARK_MAX];
	uint8_t mark_len;
	bool is_started;
	bool is_marked;		/* the mark says which: one track */
	bool is_split;		/* a byte that is not ASCII was seen */
};

struct text_scan *
text_new(const struct text_options *options)
{
	struct text_scan *t = mem_alloc(sizeof(*t));
	struct track *main_track = &t->tracks[TRACK_MAIN];

	decode_init(&main_track->decode, TEXT_ASCII);
	cells_init(&main_track->cells, options);
	main_track->is_used = true;
	return t;
}

void
text_free(struct text_scan *t)
{
	/* It may hold a few characters of a file. */
	mem_free_secret(t, sizeof(*t));
}

static void
track_byte(struct track *track, uint8_t byte)
{
	uint32_t cp;

	switch (decode_byte(&track->decode, byte, &cp)) {
	case DECODE_CHAR:
		cells_char(&track->cells, cp);
		break;
	case DECODE_MORE:
		break;
	case DECODE_BAD:
		track->is_dead = true;
		break;
	}
}

static void
text_fork(struct text_scan *t, enum track_id id, enum text_charset charset)
{
	struct track *track = &t->tracks[id];

	*track = t->tracks[TRACK_MAIN];
	decode_init(&track->decode, charset);
}

/* From here on the encodings differ. */
static void
text_split(struct text_scan *t)
{
	t->is_split = true;
	if (t->is_marked)
		return;
	text_fork(t, TRACK_CP932, TEXT_CP932);
	text_fork(t, TRACK_EUCJP, TEXT_EUCJP);
	decode_init(&t->tracks[TRACK_MAIN].decode, TEXT_UTF8);
}

static void
text_see_escape(struct text_scan *t)
{
	if (t->is_marked || t->is_split || t->tracks[TRACK_RAW].is_used)
		return;
	text_fork(t, TRACK_ISO2022JP, TEXT_ISO2022JP);
	text_fork(t, TRACK_RAW, TEXT_ASCII);
	t->tracks[TRACK_RAW].cells.is_raw = true;
}

static void
text_byte(struct text_scan *t, uint8_t byte)
{
	int i;

	if (byte >= 0x80 && !t->is_split)
		text_split(t);
	else if (byte == ESC)
		text_see_escape(t);
	for (i = 0; i < TRACK_COUNT; i++) {
		if (t->tracks[i].is_used && !t->tracks[i].is_dead)
			track_byte(&t->tracks[i], byte);
	}
}

/* Only one track while all is ASCII: nearly as fast as reading. */
static size_t
text_plain_run(struct text_scan *t, const uint8_t *p, size_t len)
{
	struct track *track = &t->tracks[TRACK_MAIN];
	size_t i;

	if (t->is_marked || t->is_split || t->tracks[TRACK_RAW].is_used)
		return 0;
	for (i = 0; i < len && p[i] < 0x80 && p[i] != ESC; i++)
		cells_char(&track->cells, p[i]);
	return i;
}

/* --- byte order marks --------------------------------------------------------- */

static void
text_mark(struct text_scan *t, enum text_charset charset)
{
	decode_init(&t->tracks[TRACK_MAIN].decode, charset);
	t->is_marked = true;
	t->mark_len = 0;
}

/* Take bytes until it is clear whether there is a mark. */
static void
text_start(struct text_scan *t, bool is_end)
{
	uint8_t rest[MARK_MAX];
	uint8_t i, count;

	if (t->mark_len >= 2 && memcmp(t->mark, "\xff\xfe", 2) == 0) {
		rest[0] = t->mark[2];
		count = t->mark_len > 2;
		text_mark(t, TEXT_UTF16LE);
	} else if (t->mark_len >= 2 && memcmp(t->mark, "\xfe\xff", 2) == 0) {
		rest[0] = t->mark[2];
		count = t->mark_len > 2;
		text_mark(t, TEXT_UTF16BE);
	} else if (t->mark_len == 3 && memcmp(t->mark, "\xef\xbb\xbf", 3) ==
	    0) {
		count = 0;
		text_mark(t, TEXT_UTF8);
	} else if (t->mark_len == MARK_MAX || is_end) {
		memcpy(rest, t->mark, t->mark_len);
		count = t->mark_len;
	} else {
		return;
	}
	t->is_started = true;
	for (i = 0; i < count; i++)
		text_byte(t, rest[i]);
}

void
text_feed(struct text_scan *t, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t i = 0;

	while (i < len && !t->is_started) {
		t->mark[t->mark_len++] = p[i++];
		text_start(t, false);
	}
	while (i < len) {
		i += text_plain_run(t, p + i, len - i);
		if (i < len)
			text_byte(t, p[i++]);
	}
}

/* --- the end -------------------------------------------------------------------- */

static bool
track_is_alive(const struct track *track)
{
	return track->is_used && !track->is_dead;
}

static void
text_fill(const struct track *track, struct text_result *out)
{
	const struct cells *c = &track->cells;

	out->reason = c->reason;
	out->charset = track->decode.charset;
	out->row = c->reason == REASON_NONE ? c->row : c->bad_row;
	out->column = c->reason == REASON_NONE ? c->column : c->bad_column;
	out->rows = c->row - 1;
}

bool
text_is_lost(const struct text_scan *t)
{
	int i;

	if (!t->is_started)
		return false;
	for (i = 0; i < TRACK_RAW; i++) {
		if (track_is_alive(&t->tracks[i]) &&
		    t->tracks[i].cells.reason == REASON_NONE)
			return false;
	}
	return true;
}

/* No way to read it: name the place that the best one reached. */
static void
text_fill_unreadable(const struct text_scan *t, struct text_result *out)
{
	const struct track *best = &t->tracks[TRACK_MAIN];
	int i;

	for (i = 0; i < TRACK_COUNT; i++) {
		const struct cells *c = &t->tracks[i].cells;

		if (!t->tracks[i].is_used || i == TRACK_RAW)
			continue;
		if (c->row > best->cells.row || (c->row == best->cells.row &&
		    c->column > best->cells.column))
			best = &t->tracks[i];
	}
	out->reason = REASON_BAD_ENCODING;
	out->charset = best->decode.charset;
	out->row = best->cells.row;
	out->column = best->cells.column;
	out->rows = best->cells.row - 1;
}

/* The likeliest way first. */
static const struct track *
text_choose(const struct text_scan *t)
{
	static const enum track_id order[] = {
		TRACK_ISO2022JP, TRACK_MAIN, TRACK_CP932, TRACK_EUCJP,
	};
	size_t i;

	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (track_is_alive(&t->tracks[order[i]]))
			return &t->tracks[order[i]];
	}
	return NULL;
}

static void
text_end_tracks(struct text_scan *t)
{
	int i;

	for (i = 0; i < TRACK_COUNT; i++) {
		if (!track_is_alive(&t->tracks[i]))
			continue;
		if (!decode_end_ok(&t->tracks[i].decode))
			t->tracks[i].is_dead = true;
		else
			cells_end(&t->tracks[i].cells);
	}
}

void
text_finish(struct text_scan *t, struct text_result *out)
{
	const struct track *best;
	int i;

	if (!t->is_started)
		text_start(t, true);
	text_end_tracks(t);
	/* As ASCII it holds escapes; that does not count against JIS. */
	if (track_is_alive(&t->tracks[TRACK_ISO2022JP]))
		t->tracks[TRACK_MAIN].is_dead = true;
	else
		t->tracks[TRACK_RAW].is_used = false;
	best = text_choose(t);
	if (best == NULL) {
		text_fill_unreadable(t, out);
		return;
	}
	text_fill(best, out);
	/* Harmless only if it is in whatever way it is read. */
	for (i = 0; i < TRACK_COUNT && out->reason == REASON_NONE; i++) {
		if (track_is_alive(&t->tracks[i]))
			text_fill(&t->tracks[i], out);
	}
	if (out->reason == REASON_NONE)
		text_fill(best, out);
}

const char *
text_charset_name(enum text_charset charset)
{
	switch (charset) {
	case TEXT_ASCII:
		return "ASCII";
	case TEXT_UTF8:
		return "UTF-8";
	case TEXT_UTF16LE:
		return "UTF-16LE";
	case TEXT_UTF16BE:
		return "UTF-16BE";
	case TEXT_CP932:
		return "CP932";
	case TEXT_EUCJP:
		return "EUC-JP";
	case TEXT_ISO2022JP:
		return "ISO-2022-JP";
	}
	return "?";
}
