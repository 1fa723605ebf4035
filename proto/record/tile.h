/* SPDX-License-Identifier: ISC */
#ifndef PROTO_RECORD_TILE_H
#define PROTO_RECORD_TILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rd.h"

/*
 * Resources of a tiled log, C2SP tlog-tiles: hash tiles of 256 hashes by
 * level, and entry bundles of 256 entries.  PROTOCOL-audit.md, "Tiles".
 */
#define TILE_WIDTH 256
#define TILE_HASH_LEN 32
#define TILE_LEVELS 8		/* 256^8 entries */
#define TILE_ENTRIES (-1)	/* in place of a level: entry bundles */
#define TILE_PATH_MAX 80

/* A bundle of 256 entries of the greatest length the format has. */
#define TILE_BUNDLE_MAX (TILE_WIDTH * (2 + 65535))

/*
 * Path of a tile or bundle below the log's folder: "tile/1/x001/x234/067",
 * "tile/entries/000.p/17".  width: TILE_WIDTH for a full one.
 */
void tile_path(int level, uint64_t index, unsigned width,
    char out[TILE_PATH_MAX]);

/* Hashes of the partial tile at a level in a tree of size entries; or 0. */
unsigned tile_partial_width(int level, uint64_t size);

/* Full tiles at a level in a tree of size entries. */
uint64_t tile_full_count(int level, uint64_t size);

/* One entry of a bundle: big-endian uint16 length, then its bytes. */
void tile_put_entry(struct buf *, const void *entry, size_t len);
GW_MUST_CHECK enum gw_err tile_get_entry(struct rd *, const uint8_t **entry,
    size_t *len_out);

/* RFC 6962 root of 1 to 256 hashes that stand beside each other. */
GW_MUST_CHECK enum gw_err tile_root(const uint8_t *hashes, unsigned count,
    uint8_t out[TILE_HASH_LEN]);

#endif
