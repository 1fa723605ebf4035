/* SPDX-License-Identifier: ISC */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"

#include "proto/crypto/merkle.h"
#include "proto/record/journal.h"
#include "proto/record/tile.h"

#include "gatewayctl/verify/check.h"

/* A tile on the right edge, being filled from below. */
struct level {
	uint64_t index;
	unsigned count;
	uint8_t hashes[TILE_WIDTH * TILE_HASH_LEN];
};

struct check {
	struct folder *folder;
	struct entries *entries;
	struct merkle log;
	struct merkle at_base;	/* the log where the journal begins */
	struct merkle replayed;	/* the same, moved on with the journal */
	struct level levels[TILE_LEVELS];
	size_t ends[TILE_WIDTH];	/* of the bundle's entries, in bytes */
};

/* --- partial tiles ---------------------------------------------------- */

/* Width that a file of partial tiles is named for; 0 if it is none. */
static unsigned
partial_width(const char *name)
{
	char again[16];
	unsigned long width = strtoul(name, NULL, 10);

	if (width == 0 || width >= TILE_WIDTH)
		return 0;
	snprintf(again, sizeof(again), "%lu", width);
	return strcmp(again, name) == 0 ? (unsigned)width : 0;
}

/* Bytes that the first width elements of a bundle or tile take. */
static size_t
partial_len(const struct check *c, int level, unsigned width)
{
	return level == TILE_ENTRIES ? c->ends[width - 1] :
	    (size_t)width * TILE_HASH_LEN;
}

static void
check_partial(struct check *c, int level, uint64_t index, unsigned width,
    const uint8_t *data)
{
	const size_t want = partial_len(c, level, width);
	char path[TILE_PATH_MAX];
	uint8_t *part;
	size_t len = 0;

	tile_path(level, index, width, path);
	part = folder_load(c->folder, path, want, &len);
	if (part == NULL || len != want || memcmp(part, data, want) != 0)
		folder_find(c->folder, FIND_PARTIAL, FINDING_NO_ENTRY, path);
	mem_free(part);
}

/*
 * Partial ones beside a bundle or tile must be beginnings of it; wider ones
 * were left by an interrupted checkpoint.
 */
static void
check_partials(struct check *c, int level, uint64_t index, unsigned width,
    const uint8_t *data)
{
	char path[TILE_PATH_MAX];
	struct dirent *entry;
	DIR *dir = NULL;
	unsigned part;
	int fd = -1;

	tile_path(level, index, 1, path);
	*strrchr(path, '/') = '\0';
	if (io_openat(c->folder->fd, path, O_RDONLY | O_DIRECTORY, 0, &fd) !=
	    GW_OK)
		return;
	dir = fdopendir(fd);
	if (dir == NULL) {
		io_drop(&fd);
		folder_find(c->folder, FIND_READ, FINDING_NO_ENTRY, path);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		part = partial_width(entry->d_name);
		/* The one of the checkpoint was compared as a whole. */
		if (part > 0 && part < width)
			check_partial(c, level, index, part, data);
	}
	closedir(dir);
}

/* --- tiles ------------------------------------------------------------ */

static void
check_tile(struct check *c, int level)
{
	struct level *l = &c->levels[level];
	const size_t want = (size_t)l->count * TILE_HASH_LEN;
	char path[TILE_PATH_MAX];
	uint8_t *data;
	size_t len = 0, i;

	tile_path(level, l->index, l->count, path);
	data = folder_load(c->folder, path, want, &len);
	if (data == NULL || len != want) {
		folder_find(c->folder, FIND_TILE, FINDING_NO_ENTRY, path);
	} else if (memcmp(data, l->hashes, want) != 0) {
		for (i = 0; memcmp(data + i * TILE_HASH_LEN, l->hashes +
		    i * TILE_HASH_LEN, TILE_HASH_LEN) == 0; i++)
			continue;
		folder_find(c->folder, level == 0 ? FIND_HASH : FIND_TILE,
		    level == 0 ? l->index * TILE_WIDTH + i :
		    FINDING_NO_ENTRY, path);
	}
	mem_free(data);
	check_partials(c, level, l->index, l->count, l->hashes);
}

/* Add a hash to a level, and what follows from it above. */
static bool
check_add(struct check *c, const uint8_t hash[TILE_HASH_LEN])
{
	uint8_t up[TILE_HASH_LEN];
	struct level *l;
	int level;

	memcpy(up, hash, sizeof(up));
	for (level = 0; level < TILE_LEVELS; level++) {
		l = &c->levels[level];
		memcpy(l->hashes + (size_t)l->count++ * TILE_HASH_LEN, up,
		    TILE_HASH_LEN);
		if (l->count < TILE_WIDTH)
			break;
		check_tile(c, level);
		if (tile_root(l->hashes, TILE_WIDTH, up) != GW_OK)
			return false;
		l->index++;
		l->count = 0;
	}
	return true;
}

/* --- entries ---------------------------------------------------------- */

static bool
check_entry(struct check *c, const uint8_t *entry, size_t len)
{
	const uint64_t index = c->log.count;
	uint8_t leaf[32];

	if (entries_add(c->entries, index, entry, len) != GW_OK)
		folder_find(c->folder, FIND_ENTRY, index, NULL);
	if (merkle_leaf(entry, len, leaf) != GW_OK ||
	    merkle_add(&c->log, leaf) != GW_OK || !check_add(c, leaf))
		return false;
	if (c->log.count == c->folder->base)
		c->at_base = c->log;
	return true;
}

static bool
check_bundle_data(struct check *c, const uint8_t *data, size_t len,
    unsigned width)
{
	const uint8_t *entry;
	size_t entry_len;
	struct rd rd;
	unsigned i;

	rd_init(&rd, data, len);
	for (i = 0; i < width; i++) {
		if (tile_get_entry(&rd, &entry, &entry_len) != GW_OK)
			return false;
		c->ends[i] = len - rd_left(&rd);
	}
	/* Nothing counts before the bundle has its shape. */
	if (rd_left(&rd) > 0)
		return false;
	rd_init(&rd, data, len);
	for (i = 0; i < width; i++) {
		if (tile_get_entry(&rd, &entry, &entry_len) != GW_OK ||
		    !check_entry(c, entry, entry_len))
			return false;
	}
	return true;
}

static bool
check_bundle(struct check *c, unsigned width)
{
	const uint64_t first = c->log.count, index = first / TILE_WIDTH;
	char path[TILE_PATH_MAX];
	uint8_t *data;
	size_t len = 0;
	bool ok;

	tile_path(TILE_ENTRIES, index, width, path);
	data = folder_load(c->folder, path, TILE_BUNDLE_MAX, &len);
	ok = data != NULL && check_bundle_data(c, data, len, width);
	if (ok)
		check_partials(c, TILE_ENTRIES, index, width, data);
	else
		folder_find(c->folder, FIND_BUNDLE, first, path);
	mem_free(data);
	return ok;
}

static bool
check_bundles(struct check *c)
{
	const uint64_t size = c->folder->checkpoint.size;
	uint64_t left;
	int level;

	while (c->log.count < size) {
		left = size - c->log.count;
		if (!check_bundle(c, left < TILE_WIDTH ? (unsigned)left :
		    TILE_WIDTH))
			return false;
	}
	for (level = 0; level < TILE_LEVELS; level++) {
		if (c->levels[level].count > 0)
			check_tile(c, level);
	}
	return true;
}

/* --- root and journal ------------------------------------------------- */

static bool
check_root(const struct merkle *log, const uint8_t want[32])
{
	uint8_t root[32];

	return merkle_root(log, root) == GW_OK &&
	    memcmp(root, want, sizeof(root)) == 0;
}

static enum gw_err
check_journal_entry(void *arg, const uint8_t *entry, size_t len,
    const uint8_t leaf[32])
{
	struct check *c = arg;
	const struct checkpoint *cp = &c->folder->checkpoint;
	uint64_t index = c->replayed.count;
	enum gw_err err;

	err = merkle_add(&c->replayed, leaf);
	if (err != GW_OK)
		return err;
	if (c->replayed.count == cp->size && !check_root(&c->replayed,
	    cp->root))
		return GW_EHASH;
	if (index >= cp->size && entries_add(c->entries, index, entry, len) !=
	    GW_OK)
		folder_find(c->folder, FIND_ENTRY, index, "journal");
	return GW_OK;
}

/*
 * From where the journal begins, which may be before the checkpoint: what a
 * crash between the two leaves.
 */
static void
check_journal(struct check *c)
{
	struct folder *f = c->folder;
	struct merkle log = c->at_base;
	size_t good = 0;
	struct rd rd;
	bool ok;

	if (f->journal == NULL)
		return;
	rd_init(&rd, f->journal, f->journal_len);
	ok = check_root(&log, f->base_root) &&
	    rd_skip(&rd, JOURNAL_HEADER_LEN) == GW_OK;
	c->replayed = c->at_base;
	if (ok)
		ok = journal_replay(&rd, f->base, &log, check_journal_entry,
		    c, &good) == GW_OK;
	if (!ok || log.count < f->checkpoint.size) {
		folder_find(f, FIND_JOURNAL, FINDING_NO_ENTRY, "journal");
		return;
	}
	f->size = log.count;
	f->torn_bytes = f->journal_len - JOURNAL_HEADER_LEN - good;
}

/* The checkpoint's size must be the end of a group, too. */
static bool
journal_has_end(const struct folder *f)
{
	struct journal_group g;
	uint64_t at = f->base;
	struct rd rd;

	if (f->journal == NULL)
		return true;
	rd_init(&rd, f->journal, f->journal_len);
	if (rd_skip(&rd, JOURNAL_HEADER_LEN) != GW_OK)
		return false;
	while (at < f->checkpoint.size) {
		if (journal_get_group(&rd, &g) != GW_OK ||
		    rd_skip(&rd, g.bytes) != GW_OK)
			return false;
		at += g.count;
	}
	return at == f->checkpoint.size;
}

bool
check_log(struct folder *f, struct entries *e)
{
	struct check *c = mem_alloc(sizeof(*c));
	bool ok;

	c->folder = f;
	c->entries = e;
	f->size = f->checkpoint.size;
	merkle_init(&c->log);
	c->at_base = c->log;
	ok = check_bundles(c);
	if (ok && !check_root(&c->log, f->checkpoint.root))
		folder_find(f, FIND_ROOT, FINDING_NO_ENTRY, "checkpoint");
	if (ok) {
		check_journal(c);
		if (!journal_has_end(f))
			folder_find(f, FIND_JOURNAL, FINDING_NO_ENTRY,
			    "journal");
		entries_check_voids(e, f);
	}
	mem_free(c);
	return ok;
}
