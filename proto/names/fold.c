/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/rd.h"
#include "proto/names/utf8.h"

#include "proto/names/fold.h"

#define FOLD_MAX 4096	/* bytes of a whole path */

enum gw_err
fold_name(const char *s, size_t len, char *out, size_t out_size)
{
	const utf8proc_option_t options = UTF8PROC_STABLE |
	    UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD;
	utf8proc_uint8_t *folded = NULL;
	utf8proc_ssize_t n;
	enum gw_err err = GW_OK;

	if (len > FOLD_MAX)
		return GW_ELIMIT;
	if (!utf8_ok(s, len))
		return GW_EFORMAT;
	n = utf8proc_map((const utf8proc_uint8_t *)s,
	    (utf8proc_ssize_t)len, &folded, options);
	if (n < 0)
		return GW_EFORMAT;
	if ((size_t)n < out_size)
		memcpy(out, folded, (size_t)n + 1);
	else
		err = GW_ELIMIT;
	free(folded);
	return err;
}

static bool
is_kana(uint32_t cp)
{
	return cp >= 0x3041 && cp <= 0x30ff;
}

static bool
is_latin(uint32_t cp)
{
	return (cp >= 'A' && cp <= 'Z') || (cp >= 'a' && cp <= 'z') ||
	    (cp >= 0x00c0 && cp <= 0x024f) || (cp >= 0x1e00 && cp <= 0x1eff);
}

uint32_t
fold_compose(uint32_t base, uint32_t mark)
{
	utf8proc_int32_t pair[2] = { (utf8proc_int32_t)base,
	    (utf8proc_int32_t)mark };

	if (!(is_kana(base) && (mark == 0x3099 || mark == 0x309a)) &&
	    !(is_latin(base) && mark >= 0x0300 && mark <= 0x036f))
		return 0;
	if (utf8proc_normalize_utf32(pair, 2, UTF8PROC_STABLE |
	    UTF8PROC_COMPOSE) != 1)
		return 0;
	return (uint32_t)pair[0];
}

size_t
fold_fit(const char *s, size_t len, size_t max)
{
	utf8proc_int32_t state = 0;
	uint32_t cp, previous = 0;
	size_t at, whole = 0, points = 0;
	struct rd r;

	if (len <= max)
		return len;
	rd_init(&r, s, len);
	for (at = 0; at <= max; at = len - rd_left(&r)) {
		if (utf8_get(&r, &cp) != GW_OK)
			break;
		if (at > 0 && utf8proc_grapheme_break_stateful(
		    (utf8proc_int32_t)previous, (utf8proc_int32_t)cp, &state))
			whole = at;
		points = at;
		previous = cp;
	}
	return whole > 0 ? whole : points;
}
