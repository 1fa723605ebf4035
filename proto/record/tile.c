/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"

#include "proto/crypto/merkle.h"
#include "proto/record/tile.h"

void
tile_path(int level, uint64_t index, unsigned width, char out[TILE_PATH_MAX])
{
	uint64_t power = 1;
	int n;

	if (level == TILE_ENTRIES)
		n = snprintf(out, TILE_PATH_MAX, "tile/entries/");
	else
		n = snprintf(out, TILE_PATH_MAX, "tile/%d/", level);
	while (index / power >= 1000)
		power *= 1000;
	/* Groups of three digits; all but the last begin with an x. */
	for (; power > 1; power /= 1000)
		n += snprintf(out + n, TILE_PATH_MAX - (size_t)n,
		    "x%03" PRIu64 "/", index / power % 1000);
	n += snprintf(out + n, TILE_PATH_MAX - (size_t)n, "%03" PRIu64,
	    index % 1000);
	if (width < TILE_WIDTH)
		n += snprintf(out + n, TILE_PATH_MAX - (size_t)n, ".p/%u",
		    width);
	if (n >= TILE_PATH_MAX)
		log_panic("tile: path of %d bytes", n);
}

static unsigned
tile_shift(int level)
{
	return level <= 0 ? 0 : 8 * (unsigned)level;
}

unsigned
tile_partial_width(int level, uint64_t size)
{
	return (unsigned)(size >> tile_shift(level)) & (TILE_WIDTH - 1);
}

uint64_t
tile_full_count(int level, uint64_t size)
{
	return size >> tile_shift(level) >> 8;
}

void
tile_put_entry(struct buf *out, const void *entry, size_t len)
{
	if (len > UINT16_MAX)
		log_panic("tile: entry of %zu bytes", len);
	buf_put_u16(out, (uint16_t)len);
	buf_put(out, entry, len);
}

enum gw_err
tile_get_entry(struct rd *rd, const uint8_t **entry, size_t *len_out)
{
	struct rd next = *rd;
	const uint8_t *p;
	uint16_t len;
	enum gw_err err;

	err = rd_u16(&next, &len);
	if (err == GW_OK)
		err = rd_span(&next, len, &p);
	if (err != GW_OK)
		return err;
	*rd = next;
	*entry = p;
	*len_out = len;
	return GW_OK;
}

enum gw_err
tile_root(const uint8_t *hashes, unsigned count, uint8_t out[TILE_HASH_LEN])
{
	struct merkle m;
	enum gw_err err;
	unsigned i;

	if (count == 0 || count > TILE_WIDTH)
		log_panic("tile: root of %u hashes", count);
	merkle_init(&m);
	for (i = 0; i < count; i++) {
		err = merkle_add(&m, hashes + (size_t)i * TILE_HASH_LEN);
		if (err != GW_OK)
			return err;
	}
	return merkle_root(&m, out);
}
