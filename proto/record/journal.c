/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <string.h>

#include "base/sha256.h"

#include "proto/record/journal.h"
#include "proto/record/tile.h"

#define JOURNAL_MAGIC 0x47574a31u	/* "GWJ1" */
#define JOURNAL_GROUP_MAGIC 0x47525031u /* "GRP1" */
#define CHECK_LEN 8

/* Put the first bytes of the hash of what was put since start. */
static enum gw_err
check_put(struct buf *out, size_t start)
{
	uint8_t hash[SHA256_LEN];
	enum gw_err err;

	if (!buf_ok(out))
		return GW_ELIMIT;
	err = sha256_of(out->data + start, out->len - start, hash);
	if (err != GW_OK)
		return err;
	buf_put(out, hash, CHECK_LEN);
	return buf_ok(out) ? GW_OK : GW_ELIMIT;
}

static enum gw_err
check_get(struct rd *rd, const uint8_t *start)
{
	uint8_t hash[SHA256_LEN];
	size_t len = (size_t)(rd->p - start);
	const uint8_t *check;
	enum gw_err err;

	err = rd_span(rd, CHECK_LEN, &check);
	if (err == GW_OK)
		err = sha256_of(start, len, hash);
	if (err == GW_OK && memcmp(hash, check, CHECK_LEN) != 0)
		err = GW_EHASH;
	return err;
}

enum gw_err
journal_put_header(struct buf *out, uint64_t base, const uint8_t root[32])
{
	size_t start = out->len;

	buf_put_u32(out, JOURNAL_MAGIC);
	buf_put_u64(out, base);
	buf_put(out, root, 32);
	return check_put(out, start);
}

enum gw_err
journal_get_header(struct rd *rd, uint64_t *base_out, uint8_t root_out[32])
{
	const uint8_t *start = rd->p;
	uint8_t root[32];
	uint32_t magic;
	uint64_t base;
	enum gw_err err;

	err = rd_u32(rd, &magic);
	if (err == GW_OK && magic != JOURNAL_MAGIC)
		err = GW_EFORMAT;
	if (err == GW_OK)
		err = rd_u64(rd, &base);
	if (err == GW_OK)
		err = rd_copy(rd, root, sizeof(root));
	if (err == GW_OK)
		err = check_get(rd, start);
	if (err != GW_OK)
		return err;
	*base_out = base;
	memcpy(root_out, root, sizeof(root));
	return GW_OK;
}

enum gw_err
journal_put_group(struct buf *out, const struct journal_group *g)
{
	size_t start = out->len;

	buf_put_u32(out, JOURNAL_GROUP_MAGIC);
	buf_put_u16(out, g->count);
	buf_put_u16(out, 0);
	buf_put_u32(out, g->bytes);
	buf_put_u64(out, g->first);
	buf_put(out, g->root, sizeof(g->root));
	return check_put(out, start);
}

enum gw_err
journal_get_group(struct rd *rd, struct journal_group *g)
{
	const uint8_t *start = rd->p;
	uint32_t magic;
	enum gw_err err;

	err = rd_u32(rd, &magic);
	if (err == GW_OK && magic != JOURNAL_GROUP_MAGIC)
		err = GW_EFORMAT;
	if (err == GW_OK)
		err = rd_u16(rd, &g->count);
	if (err == GW_OK)
		err = rd_zero(rd, 2);
	if (err == GW_OK)
		err = rd_u32(rd, &g->bytes);
	if (err == GW_OK)
		err = rd_u64(rd, &g->first);
	if (err == GW_OK)
		err = rd_copy(rd, g->root, sizeof(g->root));
	if (err == GW_OK)
		err = check_get(rd, start);
	if (err == GW_OK && (g->count == 0 ||
	    g->count > JOURNAL_GROUP_ENTRIES))
		err = GW_EFORMAT;
	return err;
}

/* Call fn (unless NULL) for each entry and add its leaf to log. */
static enum gw_err
group_walk(const struct journal_group *g, struct rd entries,
    struct merkle *log, journal_entry_fn *fn, void *arg)
{
	const uint8_t *entry;
	uint8_t leaf[32];
	size_t len;
	enum gw_err err;
	unsigned i;

	for (i = 0; i < g->count; i++) {
		err = tile_get_entry(&entries, &entry, &len);
		if (err == GW_OK)
			err = merkle_leaf(entry, len, leaf);
		if (err == GW_OK && log != NULL)
			err = merkle_add(log, leaf);
		if (err == GW_OK && fn != NULL)
			err = fn(arg, entry, len, leaf);
		if (err != GW_OK)
			return err;
	}
	return rd_end(&entries);
}

/* The whole group against its root, before any entry of it counts. */
static enum gw_err
group_check(const struct journal_group *g, const struct rd *entries,
    struct merkle *log)
{
	struct merkle next = *log;
	uint8_t root[32];
	enum gw_err err;

	err = group_walk(g, *entries, &next, NULL, NULL);
	if (err == GW_OK)
		err = merkle_root(&next, root);
	if (err == GW_OK && memcmp(root, g->root, sizeof(root)) != 0)
		err = GW_EHASH;
	if (err == GW_OK)
		*log = next;
	return err;
}

static enum gw_err
group_next(struct rd *rd, uint64_t expected, struct journal_group *g,
    struct rd *entries)
{
	enum gw_err err;

	err = journal_get_group(rd, g);
	if (err == GW_OK && g->first != expected)
		err = GW_EFORMAT;
	if (err == GW_OK)
		err = rd_sub(rd, g->bytes, entries);
	return err;
}

/*
 * Something is wrong with the group that rd stands at.  A valid header of a
 * later group proves that this one had been durable; so does more than one
 * group can hold.
 */
static bool
is_torn_tail(struct rd rd, uint64_t expected)
{
	struct journal_group g;
	struct rd at;

	if (rd_left(&rd) > JOURNAL_GROUP_MAX)
		return false;
	while (rd_skip(&rd, 1) == GW_OK) {
		at = rd;
		if (journal_get_group(&at, &g) == GW_OK && g.first > expected)
			return false;
	}
	return true;
}

enum gw_err
journal_replay(struct rd *rd, uint64_t base, struct merkle *log,
    journal_entry_fn *on_entry, void *arg, size_t *good_out)
{
	const size_t total = rd_left(rd);
	const uint64_t covered = log->count;
	struct journal_group g;
	struct rd entries, start;
	uint64_t at = base;
	enum gw_err err = GW_OK;

	if (base > covered)
		return GW_ECHAIN;
	while (rd_left(rd) > 0) {
		start = *rd;
		err = group_next(rd, at, &g, &entries);
		if (err == GW_OK && at < covered &&
		    g.count > covered - at)
			return GW_ECHAIN; /* checkpoints end with a group */
		if (err == GW_OK && at >= covered)
			err = group_check(&g, &entries, log);
		if (err != GW_OK) {
			*rd = start;
			break;
		}
		if (at >= covered)
			err = group_walk(&g, entries, NULL, on_entry, arg);
		if (err != GW_OK)
			return err;
		at += g.count;
	}
	/* The checkpoint was made of durable groups: none may be missing. */
	if (at < covered || (err != GW_OK && !is_torn_tail(*rd, at)))
		return GW_ECHAIN;
	*good_out = total - rd_left(rd);
	return GW_OK;
}
