/* SPDX-License-Identifier: ISC */
#include <sys/file.h>
#include <sys/timex.h>
#include <sys/types.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/record/audit.h"
#include "proto/record/journal.h"
#include "proto/record/tile.h"

#include "gatewayd/audit/batch.h"
#include "gatewayd/audit/key.h"
#include "gatewayd/audit/store.h"
#include "gatewayd/audit/tree.h"

#define STORE_CHECKPOINT "checkpoint"
#define STORE_JOURNAL "journal"
#define STORE_MODE 0640

/*
 * A journal ends with the next checkpoint, long before this; it grows only
 * while checkpoints fail for lack of space.
 */
#define STORE_JOURNAL_MAX (1u << 30)

/* Entries since the first one of the bundle that the checkpoint ended in. */
struct recent {
	uint64_t first;		/* index of the first; starts a bundle */
	uint32_t count, cap;
	size_t *ends;		/* in bytes, by entry */
	struct buf bytes;	/* lengths and entries */
};

struct store {
	struct checkpoint_key key;
	struct checkpoint last;
	struct tree tree;
	struct recent recent;
	uint64_t journal_len;
	uint64_t torn_bytes;
	int dirfd;
	int journal_fd;
	bool is_broken;
};

/* --- entries in memory ------------------------------------------------ */

static void
recent_init(struct recent *r)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->bytes, STORE_JOURNAL_MAX);
}

static void
recent_clear(struct recent *r)
{
	mem_free(r->ends);
	buf_clear(&r->bytes);
	recent_init(r);
}

static void
recent_add(struct recent *r, const uint8_t *entry, size_t len)
{
	if (r->count == r->cap) {
		r->cap = r->cap == 0 ? TILE_WIDTH : r->cap * 2;
		r->ends = mem_grow(r->ends, r->cap, sizeof(*r->ends));
	}
	tile_put_entry(&r->bytes, entry, len);
	if (!buf_ok(&r->bytes))
		log_fatal("audit: too much waits for a checkpoint");
	r->ends[r->count++] = r->bytes.len;
}

/* Bytes of count entries from index on. */
static const uint8_t *
recent_span(const struct recent *r, uint64_t index, uint32_t count,
    size_t *len_out)
{
	size_t from = index - r->first, start;

	if (index < r->first || count == 0 || from + count > r->count)
		log_panic("audit: entry %" PRIu64 " is not in memory", index);
	start = from == 0 ? 0 : r->ends[from - 1];
	*len_out = r->ends[from + count - 1] - start;
	return r->bytes.data + start;
}

/* The full bundles are durable. */
static void
recent_forget(struct recent *r)
{
	uint32_t i, full = r->count / TILE_WIDTH * TILE_WIDTH;
	size_t bytes;

	if (full == 0)
		return;
	bytes = r->ends[full - 1];
	buf_consume(&r->bytes, bytes);
	for (i = full; i < r->count; i++)
		r->ends[i - full] = r->ends[i] - bytes;
	r->first += full;
	r->count -= full;
}

/* --- reading ---------------------------------------------------------- */

static enum gw_err
store_load_tile(int dirfd, int level, uint64_t index, unsigned width,
    uint8_t *hashes)
{
	const size_t size = (size_t)width * TILE_HASH_LEN;
	char path[TILE_PATH_MAX];
	uint8_t *data = NULL;
	size_t len = 0;
	enum gw_err err;

	tile_path(level, index, width, path);
	err = io_load_file(dirfd, path, size, &data, &len);
	if (err == GW_OK && len != size)
		err = GW_ETRUNC;
	if (err == GW_OK)
		memcpy(hashes, data, size);
	else
		log_err("audit: %s: %s", path, err_text_en(err));
	mem_free(data);
	return err;
}

/* Entries of a bundle, each against its leaf hash. */
static enum gw_err
store_check_bundle(const uint8_t *data, size_t len, unsigned width,
    const uint8_t *hashes)
{
	const uint8_t *entry;
	uint8_t leaf[32];
	size_t entry_len;
	struct rd rd;
	enum gw_err err;
	unsigned i;

	rd_init(&rd, data, len);
	for (i = 0; i < width; i++) {
		err = tile_get_entry(&rd, &entry, &entry_len);
		if (err == GW_OK)
			err = merkle_leaf(entry, entry_len, leaf);
		if (err == GW_OK && memcmp(leaf, hashes +
		    (size_t)i * TILE_HASH_LEN, sizeof(leaf)) != 0)
			err = GW_EHASH;
		if (err != GW_OK)
			return err;
	}
	return rd_end(&rd);
}

/* *out is malloced. */
static enum gw_err
store_load_bundle(int dirfd, uint64_t index, unsigned width,
    const uint8_t *hashes, uint8_t **out, size_t *len_out)
{
	char path[TILE_PATH_MAX];
	uint8_t *data = NULL;
	size_t len = 0;
	enum gw_err err;

	tile_path(TILE_ENTRIES, index, width, path);
	err = io_load_file(dirfd, path, TILE_BUNDLE_MAX, &data, &len);
	if (err == GW_OK)
		err = store_check_bundle(data, len, width, hashes);
	if (err != GW_OK) {
		log_err("audit: %s: %s", path, err_text_en(err));
		mem_free(data);
		return err;
	}
	*out = data;
	*len_out = len;
	return GW_OK;
}

/* --- opening ---------------------------------------------------------- */

static bool
store_has(const struct store *s, const char *name)
{
	struct stat st;

	return io_statat(s->dirfd, name, &st) != GW_ENOENT;
}

static enum gw_err
store_new_journal(struct store *s, const uint8_t root[32])
{
	struct buf header;
	enum gw_err err;
	int fd = -1;

	buf_init(&header, JOURNAL_HEADER_LEN);
	err = journal_put_header(&header, s->tree.log.count, root);
	if (err == GW_OK)
		err = io_replace_file(s->dirfd, STORE_JOURNAL, header.data,
		    header.len, STORE_MODE);
	buf_clear(&header);
	if (err == GW_OK)
		err = io_openat(s->dirfd, STORE_JOURNAL, O_RDWR, 0, &fd);
	if (err != GW_OK)
		return err;
	io_drop(&s->journal_fd);
	s->journal_fd = fd;
	s->journal_len = JOURNAL_HEADER_LEN;
	return GW_OK;
}

/* Read only: the process has no right to set the clock. */
static enum checkpoint_clock
store_clock(void)
{
	struct timex tx = {.modes = 0};
	int state = adjtimex(&tx);

	if (state == -1)
		return CHECKPOINT_CLOCK_UNKNOWN;
	return state == TIME_ERROR || (tx.status & STA_UNSYNC) != 0 ?
	    CHECKPOINT_CLOCK_UNSYNCHRONIZED : CHECKPOINT_CLOCK_SYNCHRONIZED;
}

static enum gw_err
store_sign(struct store *s, const uint8_t root[32])
{
	struct checkpoint c = {.size = s->tree.log.count};
	struct buf text;
	enum gw_err err;

	mem_put_str(c.origin, sizeof(c.origin), s->key.name);
	memcpy(c.root, root, sizeof(c.root));
	c.wall_ms = clock_wall_ms();
	c.clock = store_clock();
	buf_init(&text, CHECKPOINT_MAX);
	err = checkpoint_encode(&c, &s->key, &text);
	if (err == GW_OK)
		err = io_replace_file(s->dirfd, STORE_CHECKPOINT, text.data,
		    text.len, STORE_MODE);
	if (err == GW_OK)
		s->last = c;
	buf_clear(&text);
	return err;
}

/*
 * The first start makes the key, then the checkpoint of an empty log, then
 * the journal.  A later step without an earlier one is no crash of ours.
 */
static enum gw_err
store_begin(struct store *s, const char *zone, bool has_key)
{
	uint8_t root[32];
	enum gw_err err = GW_OK;

	if (store_has(s, "tile") || store_has(s, STORE_JOURNAL)) {
		log_err("audit: the log has entries but no %s: parts of it "
		    "were removed", has_key ? "checkpoint" : "key");
		return GW_ECHAIN;
	}
	if (!has_key)
		err = key_make(s->dirfd, zone, &s->key);
	if (err == GW_OK)
		err = merkle_root(&s->tree.log, root);
	if (err == GW_OK)
		err = store_sign(s, root);
	return err;
}

static enum gw_err
store_load_checkpoint(struct store *s)
{
	uint8_t *text = NULL;
	size_t len = 0;
	enum gw_err err;

	err = io_load_file(s->dirfd, STORE_CHECKPOINT, CHECKPOINT_MAX, &text,
	    &len);
	if (err == GW_OK)
		err = checkpoint_decode(text, len, &s->last);
	if (err == GW_OK)
		err = checkpoint_verify(&s->last, text, &s->key);
	if (err != GW_OK)
		log_err("audit: the checkpoint is not one of this log's key: "
		    "%s", err_text_en(err));
	mem_free(text);
	/* Whatever is wrong with it, the log does not match it. */
	return err == GW_OK || err_class(err) == GW_CLASS_SYSTEM ? err :
	    GW_ECHAIN;
}

static enum gw_err
store_partial(void *arg, int level, uint64_t index, unsigned width,
    uint8_t *hashes)
{
	return store_load_tile(((struct store *)arg)->dirfd, level, index,
	    width, hashes);
}

/*
 * Neighbours on the right edge: the last full tile of a level is the last
 * hash of the level above.
 */
static enum gw_err
store_check_edge(struct store *s)
{
	uint8_t hashes[TILE_WIDTH * TILE_HASH_LEN], root[TILE_HASH_LEN];
	const struct tree_level *up;
	enum gw_err err;
	uint64_t full;
	int level;

	for (level = 0; level + 1 < TILE_LEVELS; level++) {
		full = tile_full_count(level, s->last.size);
		up = &s->tree.levels[level + 1];
		if (full == 0 || up->count == 0)
			continue;
		err = store_load_tile(s->dirfd, level, full - 1, TILE_WIDTH,
		    hashes);
		if (err == GW_OK)
			err = tile_root(hashes, TILE_WIDTH, root);
		if (err == GW_OK && memcmp(root, up->hashes[up->count - 1],
		    sizeof(root)) != 0)
			err = GW_EHASH;
		if (err != GW_OK)
			return err;
	}
	return GW_OK;
}

/* The entries behind the last full bundle, for the bundles to come. */
static enum gw_err
store_load_recent(struct store *s)
{
	const uint64_t index = tile_full_count(0, s->last.size);
	const unsigned width = tile_partial_width(0, s->last.size);
	const uint8_t *entry;
	uint8_t *data = NULL;
	size_t len = 0, entry_len;
	struct rd rd;
	enum gw_err err;

	s->recent.first = index * TILE_WIDTH;
	if (width == 0)
		return GW_OK;
	err = store_load_bundle(s->dirfd, index, width,
	    tree_tile(&s->tree, 0, index), &data, &len);
	if (err != GW_OK)
		return err;
	rd_init(&rd, data, len);
	while (err == GW_OK && rd_left(&rd) > 0) {
		err = tile_get_entry(&rd, &entry, &entry_len);
		if (err == GW_OK)
			recent_add(&s->recent, entry, entry_len);
	}
	mem_free(data);
	return err;
}

static enum gw_err
store_load_tree(struct store *s)
{
	uint8_t root[32];
	enum gw_err err;

	err = tree_load(&s->tree, s->last.size, store_partial, s);
	if (err == GW_OK)
		err = merkle_root(&s->tree.log, root);
	if (err == GW_OK && memcmp(root, s->last.root, sizeof(root)) != 0)
		err = GW_EHASH;
	if (err == GW_OK)
		err = store_check_edge(s);
	if (err == GW_OK)
		err = store_load_recent(s);
	if (err == GW_OK)
		return GW_OK;
	log_err("audit: the log does not match its last checkpoint of %" PRIu64
	    " entries: %s", s->last.size, err_text_en(err));
	return err_class(err) == GW_CLASS_SYSTEM ? err : GW_ECHAIN;
}

/* --- journal ---------------------------------------------------------- */

static enum gw_err
store_on_entry(void *arg, const uint8_t *entry, size_t len,
    const uint8_t leaf[32])
{
	struct store *s = arg;
	enum gw_err err;

	err = tree_add(&s->tree, leaf);
	if (err == GW_OK)
		recent_add(&s->recent, entry, len);
	return err;
}

/*
 * Cut a torn last group.  Nobody was told of it, as far as can be known;
 * what is cut is kept beside the log all the same.
 */
static enum gw_err
store_cut(struct store *s, const uint8_t *data, size_t len, size_t good)
{
	char name[48];
	enum gw_err err;

	s->torn_bytes = len - good;
	snprintf(name, sizeof(name), "torn-%" PRIu64, s->tree.log.count);
	log_warn("audit: %zu bytes of a group that was being written are cut "
	    "off and kept as %s", len - good, name);
	err = io_replace_file(s->dirfd, name, data + good, len - good,
	    STORE_MODE);
	if (err == GW_OK)
		err = io_truncate(s->journal_fd, good);
	if (err == GW_OK)
		err = io_fdatasync(s->journal_fd);
	return err;
}

static enum gw_err
store_replay(struct store *s, const uint8_t *data, size_t len)
{
	struct merkle log = s->tree.log;
	uint8_t root[32];
	uint64_t base;
	size_t good = 0;
	struct rd rd;
	enum gw_err err;

	rd_init(&rd, data, len);
	err = journal_get_header(&rd, &base, root);
	if (err == GW_OK && base == s->last.size &&
	    memcmp(root, s->last.root, sizeof(root)) != 0)
		err = GW_EHASH;
	if (err == GW_OK)
		err = journal_replay(&rd, base, &log, store_on_entry, s,
		    &good);
	if (err != GW_OK)
		return err;
	good += JOURNAL_HEADER_LEN;
	err = io_openat(s->dirfd, STORE_JOURNAL, O_RDWR, 0, &s->journal_fd);
	if (err == GW_OK && good < len)
		err = store_cut(s, data, len, good);
	if (err == GW_OK)
		s->journal_len = good;
	return err;
}

static enum gw_err
store_load_journal(struct store *s)
{
	uint8_t *data = NULL;
	size_t len = 0;
	enum gw_err err;

	/* A crash between the first checkpoint and the first journal. */
	if (!store_has(s, STORE_JOURNAL) && s->last.size == 0 &&
	    !store_has(s, "tile"))
		return store_new_journal(s, s->last.root);
	err = io_load_file(s->dirfd, STORE_JOURNAL, STORE_JOURNAL_MAX, &data,
	    &len);
	if (err == GW_OK)
		err = store_replay(s, data, len);
	mem_free(data);
	if (err == GW_OK)
		return GW_OK;
	log_err("audit: the journal after checkpoint %" PRIu64
	    " is damaged or missing: %s", s->last.size, err_text_en(err));
	return err_class(err) == GW_CLASS_SYSTEM || err == GW_ESPACE ? err :
	    GW_ECHAIN;
}

static enum gw_err
store_load(struct store *s, const char *zone)
{
	bool has_key = false;
	enum gw_err err;

	/* Goes with the folder's fd. */
	if (flock(s->dirfd, LOCK_EX | LOCK_NB) != 0) {
		log_err("audit: another process writes this log");
		return GW_EBUSY;
	}
	err = key_load(s->dirfd, &s->key, &has_key);
	if (err != GW_OK)
		return err;
	if (!has_key || !store_has(s, STORE_CHECKPOINT))
		err = !has_key && store_has(s, STORE_CHECKPOINT) ? GW_ECHAIN :
		    store_begin(s, zone, has_key);
	if (err == GW_OK)
		err = store_load_checkpoint(s);
	if (err == GW_OK)
		err = store_load_tree(s);
	if (err == GW_OK)
		err = store_load_journal(s);
	return err;
}

enum gw_err
store_open(int dirfd, const char *zone, struct store **out)
{
	struct store *s = mem_alloc(sizeof(*s));
	enum gw_err err;

	s->dirfd = dirfd;
	s->journal_fd = -1;
	tree_init(&s->tree);
	recent_init(&s->recent);
	err = store_load(s, zone);
	if (err != GW_OK) {
		log_err("audit: the log is not opened: %s (%s)",
		    err_text_en(err), err_name(err));
		store_free(s);
		return err;
	}
	*out = s;
	return GW_OK;
}

void
store_free(struct store *s)
{
	if (s == NULL)
		return;
	io_drop(&s->journal_fd);
	tree_clear(&s->tree);
	recent_clear(&s->recent);
	/* The lock is of the open folder, which the caller keeps. */
	if (flock(s->dirfd, LOCK_UN) != 0)
		log_warn("audit: the folder stays locked");
	mem_free_secret(s, sizeof(*s));
}

uint64_t
store_size(const struct store *s)
{
	return s->tree.log.count;
}

uint64_t
store_checkpoint_size(const struct store *s)
{
	return s->last.size;
}

enum gw_err
store_root(const struct store *s, uint8_t out[32])
{
	return merkle_root(&s->tree.log, out);
}

const struct checkpoint_key *
store_key(const struct store *s)
{
	return &s->key;
}

uint64_t
store_torn_bytes(const struct store *s)
{
	return s->torn_bytes;
}

/* --- appending -------------------------------------------------------- */

/* *root_out: of the log with these entries. */
static enum gw_err
store_preview(const struct store *s, const uint8_t *entries, size_t len,
    unsigned count, uint8_t (*leaves)[32], uint8_t root_out[32])
{
	struct merkle log = s->tree.log;
	const uint8_t *entry;
	size_t entry_len;
	struct rd rd;
	enum gw_err err;
	unsigned i;

	rd_init(&rd, entries, len);
	for (i = 0; i < count; i++) {
		err = tile_get_entry(&rd, &entry, &entry_len);
		if (err == GW_OK)
			err = merkle_leaf(entry, entry_len, leaves[i]);
		if (err == GW_OK)
			err = merkle_add(&log, leaves[i]);
		if (err != GW_OK)
			return err;
	}
	err = rd_end(&rd);
	return err == GW_OK ? merkle_root(&log, root_out) : err;
}

/*
 * One write, one fdatasync.  A write that found no space left is undone,
 * and may be repeated when there is some; everything else is final, as
 * nobody can say what of it will be on the disk later.
 */
static enum gw_err
store_write_group(struct store *s, const struct buf *group)
{
	enum gw_err err;

	err = io_pwrite_full(s->journal_fd, group->data, group->len,
	    s->journal_len);
	if (err == GW_ESPACE) {
		if (io_truncate(s->journal_fd, s->journal_len) == GW_OK)
			return GW_ESPACE;
		err = GW_EIO;
	}
	if (err == GW_OK)
		err = io_fdatasync(s->journal_fd);
	return err == GW_OK ? GW_OK : GW_EIO;
}

static enum gw_err
store_commit(struct store *s, const uint8_t *entries, size_t len,
    uint8_t (*leaves)[32])
{
	const uint8_t *entry;
	size_t entry_len;
	struct rd rd;
	enum gw_err err = GW_OK;
	unsigned i = 0;

	rd_init(&rd, entries, len);
	while (err == GW_OK && rd_left(&rd) > 0) {
		err = tile_get_entry(&rd, &entry, &entry_len);
		if (err == GW_OK)
			err = store_on_entry(s, entry, entry_len, leaves[i++]);
	}
	return err;
}

enum gw_err
store_append(struct store *s, const uint8_t *entries, size_t len,
    unsigned count)
{
	uint8_t leaves[JOURNAL_GROUP_ENTRIES][32];
	struct journal_group head = {.count = (uint16_t)count,
	    .bytes = (uint32_t)len, .first = s->tree.log.count};
	struct buf group;
	enum gw_err err;

	if (s->is_broken)
		return GW_EIO;
	if (count == 0 || count > JOURNAL_GROUP_ENTRIES ||
	    len > JOURNAL_GROUP_MAX - JOURNAL_GROUP_LEN)
		log_panic("audit: group of %u entries, %zu bytes", count, len);
	buf_init(&group, JOURNAL_GROUP_MAX);
	err = store_preview(s, entries, len, count, leaves, head.root);
	if (err == GW_OK)
		err = journal_put_group(&group, &head);
	buf_put(&group, entries, len);
	if (err == GW_OK && !buf_ok(&group))
		err = GW_ELIMIT;
	if (err != GW_OK)
		log_panic("audit: group cannot be built: %s",
		    err_text_en(err));
	err = store_write_group(s, &group);
	if (err == GW_OK) {
		s->journal_len += group.len;
		err = store_commit(s, entries, len, leaves);
	}
	buf_clear(&group);
	if (err == GW_OK || err == GW_ESPACE)
		return err;
	s->is_broken = true;
	log_err("audit: append failed, the log takes no more entries until a "
	    "restart: %s", err_text_en(err));
	return err;
}

/* --- checkpoint ------------------------------------------------------- */

static enum gw_err
store_put_tile(struct store *s, struct batch *b, int level, uint64_t index,
    unsigned width)
{
	const int tree_level = level == TILE_ENTRIES ? 0 : level;
	char path[TILE_PATH_MAX];
	const uint8_t *data;
	size_t len = (size_t)width * TILE_HASH_LEN;

	if (level == TILE_ENTRIES)
		data = recent_span(&s->recent, index * TILE_WIDTH, width,
		    &len);
	else
		data = tree_tile(&s->tree, tree_level, index);
	tile_path(level, index, width, path);
	return batch_add(b, path, data, len);
}

/* What this level has more than under the last checkpoint. */
static enum gw_err
store_put_level(struct store *s, struct batch *b, int level)
{
	const uint64_t size = s->tree.log.count, before = s->last.size;
	const uint64_t full = tile_full_count(level, size);
	const unsigned width = tile_partial_width(level, size);
	uint64_t index = tile_full_count(level, before);
	enum gw_err err;

	if (index == full && width == tile_partial_width(level, before))
		return GW_OK;
	for (; index < full; index++) {
		err = store_put_tile(s, b, level, index, TILE_WIDTH);
		if (err != GW_OK)
			return err;
	}
	return width == 0 ? GW_OK : store_put_tile(s, b, level, full, width);
}

static enum gw_err
store_put_tiles(struct store *s)
{
	struct batch b;
	enum gw_err err = GW_OK;
	int level;

	batch_init(&b, s->dirfd);
	for (level = TILE_ENTRIES; level < TILE_LEVELS; level++) {
		if (err == GW_OK)
			err = store_put_level(s, &b, level);
	}
	if (err == GW_OK)
		err = batch_sync(&b);
	batch_clear(&b);
	return err;
}

/* Remove a folder of partial tiles and what is in it. */
static enum gw_err
store_drop_folder(struct store *s, const char *path)
{
	struct dirent *entry;
	enum gw_err err;
	DIR *dir;
	int fd = -1;

	err = io_openat(s->dirfd, path, O_RDONLY | O_DIRECTORY, 0, &fd);
	if (err != GW_OK)
		return err == GW_ENOENT ? GW_OK : err;
	dir = fdopendir(fd);
	if (dir == NULL) {
		io_drop(&fd);
		return GW_ESYS;
	}
	while (err == GW_OK && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			err = io_unlinkat(dirfd(dir), entry->d_name, false);
	}
	closedir(dir);
	return err == GW_OK ? io_unlinkat(s->dirfd, path, true) : err;
}

/*
 * Partial tiles are of no use once the full one is there.  What a crash or
 * an error leaves behind harms nobody.
 */
static void
store_drop_partials(struct store *s, uint64_t before)
{
	char path[TILE_PATH_MAX];
	uint64_t index, full;
	int level;

	for (level = TILE_ENTRIES; level < TILE_LEVELS; level++) {
		full = tile_full_count(level, s->last.size);
		index = tile_full_count(level, before);
		if (index == full)
			continue;
		/* Only the first of them can have been partial before. */
		tile_path(level, index, 1, path);
		*strrchr(path, '/') = '\0';
		if (store_drop_folder(s, path) != GW_OK)
			log_debug("audit: old partial tiles stay");
	}
}

enum gw_err
store_checkpoint(struct store *s)
{
	const uint64_t before = s->last.size;
	uint8_t root[32];
	enum gw_err err;

	if (s->is_broken)
		return GW_EIO;
	if (s->tree.log.count == before)
		return GW_OK;
	err = merkle_root(&s->tree.log, root);
	if (err == GW_OK)
		err = store_put_tiles(s);
	if (err == GW_OK)
		err = store_sign(s, root);
	if (err == GW_OK) {
		/* From here on the tiles speak; a crash is fine. */
		tree_forget(&s->tree);
		recent_forget(&s->recent);
		err = store_new_journal(s, root);
	}
	if (err == GW_OK)
		store_drop_partials(s, before);
	if (err == GW_OK || err == GW_ESPACE)
		return err;
	s->is_broken = true;
	log_err("audit: checkpoint failed, the log takes no more entries "
	    "until a restart: %s", err_text_en(err));
	return err;
}

/* --- reading ---------------------------------------------------------- */

static enum gw_err
store_read_bundle(struct store *s, uint64_t first, uint32_t count,
    struct buf *out)
{
	const uint64_t index = first / TILE_WIDTH;
	uint8_t hashes[TILE_WIDTH * TILE_HASH_LEN];
	const uint8_t *entry;
	uint8_t *data = NULL;
	size_t len = 0;
	uint64_t i;
	struct rd rd;
	enum gw_err err;

	err = store_load_tile(s->dirfd, 0, index, TILE_WIDTH, hashes);
	if (err == GW_OK)
		err = store_load_bundle(s->dirfd, index, TILE_WIDTH, hashes,
		    &data, &len);
	if (err != GW_OK)
		return err_class(err) == GW_CLASS_SYSTEM ? err : GW_ECHAIN;
	rd_init(&rd, data, len);
	for (i = index * TILE_WIDTH; i < first + count; i++) {
		err = tile_get_entry(&rd, &entry, &len);
		if (err != GW_OK)
			break;
		if (i >= first)
			tile_put_entry(out, entry, len);
	}
	mem_free(data);
	return err;
}

enum gw_err
store_read(struct store *s, uint64_t first, uint32_t count, struct buf *out)
{
	const uint8_t *span;
	uint64_t end = s->tree.log.count;
	uint32_t n;
	size_t len;
	enum gw_err err = GW_OK;

	if (first > end)
		return GW_ENOENT;
	if (count > STORE_READ_MAX)
		count = STORE_READ_MAX;
	if (end - first > count)
		end = first + count;
	while (err == GW_OK && first < end) {
		/* A part that lies in one bundle. */
		n = TILE_WIDTH - (uint32_t)(first % TILE_WIDTH);
		if (n > end - first)
			n = (uint32_t)(end - first);
		if (out->limit - out->len < (size_t)n * (2 + AUDIT_ENTRY_MAX))
			break;
		if (first < s->recent.first) {
			err = store_read_bundle(s, first, n, out);
		} else {
			span = recent_span(&s->recent, first, n, &len);
			buf_put(out, span, len);
		}
		first += n;
	}
	return err == GW_OK && !buf_ok(out) ? GW_ELIMIT : err;
}
