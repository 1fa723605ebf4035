/* SPDX-License-Identifier: ISC */
#include "proto/names/utf8.h"

static enum gw_err
get_tail(struct rd *r, unsigned count, uint32_t *cp)
{
	enum gw_err err;
	uint8_t c;

	for (; count > 0; count--) {
		err = rd_u8(r, &c);
		if (err != GW_OK)
			return err;
		if ((c & 0xc0) != 0x80)
			return GW_EFORMAT;
		*cp = *cp << 6 | (c & 0x3f);
	}
	return GW_OK;
}

enum gw_err
utf8_get(struct rd *r, uint32_t *cp_out)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	uint32_t cp;
	unsigned tail;
	enum gw_err err;
	uint8_t c;

	err = rd_u8(r, &c);
	if (err != GW_OK)
		return err;
	if (c < 0x80) {
		*cp_out = c;
		return GW_OK;
	}
	if (c < 0xc2 || c > 0xf4)
		return GW_EFORMAT;
	tail = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	cp = c & (0x3fu >> tail);
	err = get_tail(r, tail, &cp);
	if (err != GW_OK)
		return err;
	if (cp < least[tail] || cp > 0x10ffff ||
	    (cp >= 0xd800 && cp <= 0xdfff))
		return GW_EFORMAT;
	*cp_out = cp;
	return GW_OK;
}

size_t
utf8_put(uint32_t cp, char out[UTF8_MAX])
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

bool
utf8_ok(const void *data, size_t len)
{
	uint32_t cp;
	struct rd r;

	rd_init(&r, data, len);
	while (rd_left(&r) > 0) {
		if (utf8_get(&r, &cp) != GW_OK || cp == 0)
			return false;
	}
	return true;
}
