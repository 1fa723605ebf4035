/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_AUDIT_TREE_H
#define GATEWAYD_AUDIT_TREE_H

#include <stdint.h>

#include "base/err.h"
#include "proto/crypto/merkle.h"
#include "proto/record/tile.h"

/*
 * The right edge of the log's tree in memory: at each level the hashes from
 * the last full tile on disk to the end.  What is complete goes to disk
 * with the next checkpoint and is then forgotten, so a restart reads one
 * partial tile per level, however long the log is.
 */
struct tree_level {
	uint8_t (*hashes)[TILE_HASH_LEN];
	uint64_t first;		/* index of hashes[0]; starts a tile */
	uint32_t count, cap;
};

struct tree {
	struct merkle log;	/* size, and root on demand */
	struct tree_level levels[TILE_LEVELS];
};

void tree_init(struct tree *);
void tree_clear(struct tree *);

/* Append one leaf, and the hashes of the tiles that it completes. */
GW_MUST_CHECK enum gw_err tree_add(struct tree *, const uint8_t leaf[32]);

/*
 * Set an empty tree to size entries.  partial gives the hashes of the
 * partial tile at each level that has one; they are copied.  The root is
 * then to be compared with a checkpoint's.
 */
typedef enum gw_err tree_partial_fn(void *arg, int level, uint64_t index,
    unsigned width, uint8_t *hashes);
GW_MUST_CHECK enum gw_err tree_load(struct tree *, uint64_t size,
    tree_partial_fn *partial, void *arg);

/* Hashes of tile index at a level; the tile must not be forgotten yet. */
const uint8_t *tree_tile(const struct tree *, int level, uint64_t index);

/* Forget the full tiles: they are durable. */
void tree_forget(struct tree *);

#endif
