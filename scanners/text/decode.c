/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/rd.h"

#include "proto/names/cp932.h"

#include "scanners/text/decode.h"

#define ESC 0x1b

enum decode_mode {
	MODE_ASCII = 0,	/* ESC ( B, ESC ( J */
	MODE_KANJI,	/* ESC $ @, ESC $ B */
	MODE_KANA	/* ESC ( I */
};

void
decode_init(struct decode *d, enum text_charset charset)
{
	memset(d, 0, sizeof(*d));
	d->charset = charset;
}

static enum decode_step
decode_whole(struct decode *d, uint32_t cp, uint32_t *out)
{
	d->have = 0;
	*out = cp;
	return DECODE_CHAR;
}

/* --- UTF-8 --------------------------------------------------------------- */

static unsigned
utf8_need(uint8_t lead)
{
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	if (lead >= 0xf0 && lead <= 0xf4)
		return 4;
	return 0;
}

/* Shortest forms, no surrogates, nothing above U+10FFFF. */
static bool
utf8_second_ok(uint8_t lead, uint8_t second)
{
	switch (lead) {
	case 0xe0:
		return second >= 0xa0;
	case 0xed:
		return second <= 0x9f;
	case 0xf0:
		return second >= 0x90;
	case 0xf4:
		return second <= 0x8f;
	default:
		return true;
	}
}

static enum decode_step
decode_utf8(struct decode *d, uint8_t byte, uint32_t *out)
{
	unsigned i, need;
	uint32_t cp;

	if (d->have == 0) {
		if (byte < 0x80)
			return decode_whole(d, byte, out);
		if (utf8_need(byte) == 0)
			return DECODE_BAD;
		d->bytes[d->have++] = byte;
		return DECODE_MORE;
	}
	if ((byte & 0xc0) != 0x80 ||
	    (d->have == 1 && !utf8_second_ok(d->bytes[0], byte)))
		return DECODE_BAD;
	d->bytes[d->have++] = byte;
	need = utf8_need(d->bytes[0]);
	if (d->have < need)
		return DECODE_MORE;
	cp = d->bytes[0] & (0x7fu >> need);
	for (i = 1; i < need; i++)
		cp = cp << 6 | (d->bytes[i] & 0x3fu);
	return decode_whole(d, cp, out);
}

/* --- Japanese -------------------------------------------------------------- */

static bool
sjis_is_lead(uint8_t b)
{
	return (b >= 0x81 && b <= 0x9f) || (b >= 0xe0 && b <= 0xfc);
}

static enum decode_step
decode_pair(struct decode *d, uint8_t lead, uint8_t trail, uint32_t *out)
{
	const uint8_t bytes[2] = {lead, trail};
	struct rd r;
	uint32_t cp;

	rd_init(&r, bytes, sizeof(bytes));
	if (cp932_get(&r, &cp) != GW_OK || rd_left(&r) != 0)
		return DECODE_BAD;
	return decode_whole(d, cp, out);
}

static enum decode_step
decode_cp932(struct decode *d, uint8_t byte, uint32_t *out)
{
	if (d->have == 1)
		return decode_pair(d, d->bytes[0], byte, out);
	if (byte < 0x80)
		return decode_whole(d, byte, out);
	if (byte >= 0xa1 && byte <= 0xdf)
		return decode_whole(d, 0xff61u + (byte - 0xa1u), out);
	if (!sjis_is_lead(byte))
		return DECODE_BAD;
	d->bytes[d->have++] = byte;
	return DECODE_MORE;
}

/*
 * A row and a cell of JIS X 0208, each 0x21 to 0x7e, by way of CP932, which
 * holds the same 94 by 94 and the NEC row.
 */
static enum decode_step
decode_jis(struct decode *d, uint8_t row, uint8_t cell, uint32_t *out)
{
	unsigned lead, trail;

	if (row < 0x21 || row > 0x7e || cell < 0x21 || cell > 0x7e)
		return DECODE_BAD;
	lead = (row - 0x21u) / 2 + (row < 0x5f ? 0x81u : 0xc1u);
	if ((row & 1) != 0)
		trail = cell + (cell < 0x60 ? 0x1fu : 0x20u);
	else
		trail = cell + 0x7eu;
	return decode_pair(d, (uint8_t)lead, (uint8_t)trail, out);
}

static enum decode_step
decode_eucjp(struct decode *d, uint8_t byte, uint32_t *out)
{
	if (d->have == 1 && d->bytes[0] == 0x8e) {
		if (byte < 0xa1 || byte > 0xdf)
			return DECODE_BAD;
		return decode_whole(d, 0xff61u + (byte - 0xa1u), out);
	}
	if (d->have == 1) {
		if (byte < 0xa1)
			return DECODE_BAD;
		return decode_jis(d, d->bytes[0] & 0x7f, byte & 0x7f, out);
	}
	if (byte < 0x80)
		return decode_whole(d, byte, out);
	/* 0x8f, JIS X 0212, is not in CP932 and not in use. */
	if (byte != 0x8e && (byte < 0xa1 || byte == 0xff))
		return DECODE_BAD;
	d->bytes[d->have++] = byte;
	return DECODE_MORE;
}

static enum decode_step
decode_escape(struct decode *d)
{
	static const struct {
		char bytes[2];
		uint8_t mode;
	} escapes[] = {
		{{'(', 'B'}, MODE_ASCII},
		{{'(', 'J'}, MODE_ASCII},
		{{'(', 'I'}, MODE_KANA},
		{{'$', '@'}, MODE_KANJI},
		{{'$', 'B'}, MODE_KANJI},
	};
	size_t i;

	if (d->have < 3)
		return d->have == 1 || d->bytes[1] == '(' ||
		    d->bytes[1] == '$' ? DECODE_MORE : DECODE_BAD;
	for (i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
		if (memcmp(d->bytes + 1, escapes[i].bytes, 2) != 0)
			continue;
		d->mode = escapes[i].mode;
		d->have = 0;
		return DECODE_MORE;
	}
	return DECODE_BAD;
}

static enum decode_step
decode_iso2022jp(struct decode *d, uint8_t byte, uint32_t *out)
{
	if (byte >= 0x80)
		return DECODE_BAD;
	if (d->have > 0 && d->bytes[0] == ESC) {
		d->bytes[d->have++] = byte;
		return decode_escape(d);
	}
	if (d->have == 1)
		return decode_jis(d, d->bytes[0], byte, out);
	if (byte == ESC || (d->mode == MODE_KANJI && byte > 0x20)) {
		d->bytes[d->have++] = byte;
		return DECODE_MORE;
	}
	if (d->mode == MODE_KANA && byte > 0x20) {
		if (byte > 0x5f)
			return DECODE_BAD;
		return decode_whole(d, 0xff61u + (byte - 0x21u), out);
	}
	/* A line ends in ASCII: kanji that run over it are cut text. */
	if (d->mode != MODE_ASCII && (byte == '\n' || byte == '\r'))
		d->mode = MODE_ASCII;
	return decode_whole(d, byte, out);
}

/* --- UTF-16 ------------------------------------------------------------------ */

static enum decode_step
decode_utf16(struct decode *d, uint8_t byte, uint32_t *out)
{
	uint32_t unit;

	d->bytes[d->have++] = byte;
	if (d->have < 2)
		return DECODE_MORE;
	d->have = 0;
	if (d->charset == TEXT_UTF16LE)
		unit = (uint32_t)d->bytes[1] << 8 | d->bytes[0];
	else
		unit = (uint32_t)d->bytes[0] << 8 | d->bytes[1];
	if (d->high != 0) {
		if (unit < 0xdc00 || unit > 0xdfff)
			return DECODE_BAD;
		unit = 0x10000 + ((d->high - 0xd800) << 10) +
		    (unit - 0xdc00);
		d->high = 0;
		return decode_whole(d, unit, out);
	}
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return DECODE_BAD;
	if (unit >= 0xd800 && unit <= 0xdbff) {
		d->high = unit;
		return DECODE_MORE;
	}
	return decode_whole(d, unit, out);
}

enum decode_step
decode_byte(struct decode *d, uint8_t byte, uint32_t *out)
{
	switch (d->charset) {
	case TEXT_ASCII:
		*out = byte;
		return byte < 0x80 ? DECODE_CHAR : DECODE_BAD;
	case TEXT_UTF8:
		return decode_utf8(d, byte, out);
	case TEXT_UTF16LE:
	case TEXT_UTF16BE:
		return decode_utf16(d, byte, out);
	case TEXT_CP932:
		return decode_cp932(d, byte, out);
	case TEXT_EUCJP:
		return decode_eucjp(d, byte, out);
	case TEXT_ISO2022JP:
		return decode_iso2022jp(d, byte, out);
	}
	return DECODE_BAD;
}

bool
decode_end_ok(const struct decode *d)
{
	return d->have == 0 && d->high == 0;
}
