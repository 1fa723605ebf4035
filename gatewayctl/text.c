/* SPDX-License-Identifier: ISC */
#include <utf8proc.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rd.h"

#include "proto/names/utf8.h"

#include "gatewayctl/text.h"

/* The next character, or false and one byte passed over. */
static bool
text_next(struct rd *rd, uint32_t *cp_out)
{
	struct rd whole = *rd;

	if (utf8_get(&whole, cp_out) == GW_OK) {
		*rd = whole;
		return true;
	}
	rd->p++;
	rd->left--;
	return false;
}

int
text_width(const char *text)
{
	struct rd rd;
	uint32_t cp;
	int width = 0;

	rd_init(&rd, text, strlen(text));
	while (rd_left(&rd) > 0) {
		if (!text_next(&rd, &cp))
			cp = '?';
		width += utf8proc_charwidth((utf8proc_int32_t)cp);
	}
	return width;
}

/* What would move the cursor, hide, or turn text around. */
static bool
text_is_unsafe(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) ||
	    (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
	    (cp >= 0x2060 && cp <= 0x206f) || cp == 0x061c || cp == 0xfeff;
}

void
text_put_safe(struct buf *out, const void *bytes, size_t len)
{
	const uint8_t *before;
	struct rd rd;
	uint32_t cp;

	rd_init(&rd, bytes, len);
	while (rd_left(&rd) > 0) {
		before = rd.p;
		if (!text_next(&rd, &cp))
			buf_printf(out, "\\x%02X", *before);
		else if (text_is_unsafe(cp))
			buf_printf(out, "\\u{%04X}", cp);
		else
			buf_put(out, before, (size_t)(rd.p - before));
	}
}

void
text_put_time(struct buf *out, uint64_t wall_ms)
{
	char iso[CLOCK_ISO_LEN];

	if (wall_ms == 0) {
		buf_put_str(out, "-");
		return;
	}
	clock_iso_jst(wall_ms, iso);
	iso[10] = ' ';
	buf_put(out, iso, 19);
}

void
text_put_size(struct buf *out, uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	uint64_t tenths = bytes * 10 / 1024;
	int unit = 0;

	if (bytes < 1024) {
		buf_printf(out, "%u B", (unsigned)bytes);
		return;
	}
	if (bytes > UINT64_MAX / 10)
		tenths = bytes / 1024 * 10;
	for (; tenths >= 10240 && unit < 3; unit++)
		tenths /= 1024;
	buf_printf(out, "%llu.%u %s", (unsigned long long)(tenths / 10),
	    (unsigned)(tenths % 10), units[unit]);
}

/* --- tables ------------------------------------------------------------- */

void
text_table_init(struct text_table *t, int columns, int max_width)
{
	memset(t, 0, sizeof(*t));
	t->columns = columns;
	t->max_width = max_width;
}

void
text_table_add(struct text_table *t, const char *cell)
{
	t->cells = mem_grow(t->cells, t->count + 1, sizeof(*t->cells));
	t->cells[t->count++] = mem_strdup(cell);
}

void
text_table_clear(struct text_table *t)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		mem_free(t->cells[i]);
	mem_free(t->cells);
	memset(t, 0, sizeof(*t));
}

/* Print at most limit columns (0: all); returns the columns printed. */
static int
text_print_cut(FILE *out, const char *cell, int limit)
{
	int width = text_width(cell), used = 0, w;
	const char *start;
	struct rd rd;
	uint32_t cp;

	if (limit == 0 || width <= limit) {
		fputs(cell, out);
		return width;
	}
	rd_init(&rd, cell, strlen(cell));
	for (;;) {
		start = (const char *)rd.p;
		if (!text_next(&rd, &cp))
			break;
		w = utf8proc_charwidth((utf8proc_int32_t)cp);
		if (used + w > limit - 1)
			break;
		fwrite(start, 1, (size_t)((const char *)rd.p - start), out);
		used += w;
	}
	fputs("…", out);
	return used + 1;
}

void
text_table_print(const struct text_table *t, FILE *out)
{
	int widths[TEXT_COLUMNS_MAX] = {0};
	int column, w;
	size_t i;

	for (i = 0; i < t->count; i++) {
		column = (int)(i % (size_t)t->columns);
		w = text_width(t->cells[i]);
		if (t->max_width > 0 && w > t->max_width)
			w = t->max_width;
		if (w > widths[column])
			widths[column] = w;
	}
	for (i = 0; i < t->count; i++) {
		column = (int)(i % (size_t)t->columns);
		w = text_print_cut(out, t->cells[i], t->max_width);
		if (column == t->columns - 1)
			fputc('\n', out);
		else
			fprintf(out, "%*s", widths[column] - w + 2, "");
	}
}
