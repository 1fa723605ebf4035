/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/audit/tree.h"

void
tree_init(struct tree *t)
{
	memset(t, 0, sizeof(*t));
	merkle_init(&t->log);
}

void
tree_clear(struct tree *t)
{
	int i;

	for (i = 0; i < TILE_LEVELS; i++)
		mem_free(t->levels[i].hashes);
	tree_init(t);
}

static void
level_add(struct tree_level *l, const uint8_t hash[TILE_HASH_LEN])
{
	if (l->count == l->cap) {
		l->cap = l->cap == 0 ? TILE_WIDTH : l->cap * 2;
		l->hashes = mem_grow(l->hashes, l->cap, sizeof(*l->hashes));
	}
	memcpy(l->hashes[l->count++], hash, TILE_HASH_LEN);
}

enum gw_err
tree_add(struct tree *t, const uint8_t leaf[32])
{
	uint8_t hash[TILE_HASH_LEN];
	struct tree_level *l;
	enum gw_err err;
	int i;

	err = merkle_add(&t->log, leaf);
	if (err != GW_OK)
		return err;
	memcpy(hash, leaf, sizeof(hash));
	for (i = 0; i < TILE_LEVELS; i++) {
		l = &t->levels[i];
		level_add(l, hash);
		if (l->count % TILE_WIDTH != 0)
			break;
		err = tile_root(l->hashes[l->count - TILE_WIDTH], TILE_WIDTH,
		    hash);
		if (err != GW_OK)
			return err;
	}
	return GW_OK;
}

/*
 * The hashes of a partial tile are the roots of full subtrees, so they
 * stand on the stack of the log's tree 8 levels higher per tile level.
 */
static enum gw_err
tree_load_level(struct tree *t, int level, unsigned width,
    const uint8_t *hashes)
{
	struct tree_level *l = &t->levels[level];
	struct merkle part;
	enum gw_err err;
	unsigned i;

	merkle_init(&part);
	for (i = 0; i < width; i++) {
		level_add(l, hashes + (size_t)i * TILE_HASH_LEN);
		err = merkle_add(&part, hashes + (size_t)i * TILE_HASH_LEN);
		if (err != GW_OK)
			return err;
	}
	for (i = 0; i < 8; i++) {
		if ((width >> i & 1) != 0)
			memcpy(t->log.stack[8 * level + (int)i],
			    part.stack[i], TILE_HASH_LEN);
	}
	return GW_OK;
}

enum gw_err
tree_load(struct tree *t, uint64_t size, tree_partial_fn *partial, void *arg)
{
	uint8_t hashes[TILE_WIDTH * TILE_HASH_LEN];
	enum gw_err err;
	unsigned width;
	int level;

	if (t->log.count != 0)
		log_panic("audit: tree is loaded already");
	for (level = 0; level < TILE_LEVELS; level++) {
		t->levels[level].first = tile_full_count(level, size) *
		    TILE_WIDTH;
		width = tile_partial_width(level, size);
		if (width == 0)
			continue;
		err = partial(arg, level, tile_full_count(level, size), width,
		    hashes);
		if (err == GW_OK)
			err = tree_load_level(t, level, width, hashes);
		if (err != GW_OK)
			return err;
	}
	t->log.count = size;
	return GW_OK;
}

const uint8_t *
tree_tile(const struct tree *t, int level, uint64_t index)
{
	const struct tree_level *l = &t->levels[level];
	uint64_t first = index * TILE_WIDTH;

	if (first < l->first || first >= l->first + l->count)
		log_panic("audit: tile %d/%llu is not in memory", level,
		    (unsigned long long)index);
	return l->hashes[first - l->first];
}

void
tree_forget(struct tree *t)
{
	struct tree_level *l;
	uint32_t full;
	int i;

	for (i = 0; i < TILE_LEVELS; i++) {
		l = &t->levels[i];
		full = l->count / TILE_WIDTH * TILE_WIDTH;
		if (full == 0)
			continue;
		l->first += full;
		l->count -= full;
		memmove(l->hashes, l->hashes + full,
		    l->count * sizeof(*l->hashes));
	}
}
