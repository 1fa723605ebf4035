/* SPDX-License-Identifier: ISC */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"

#include "proto/record/journal.h"
#include "proto/record/tile.h"

#include "gatewayctl/verify/folder.h"

#define FOLDER_JOURNAL_MAX (1u << 30)

void
folder_find(struct folder *f, enum finding_code code, uint64_t entry,
    const char *path)
{
	findings_add(f->findings, f->log, code, entry, path);
}

uint8_t *
folder_load(struct folder *f, const char *path, size_t limit, size_t *len_out)
{
	uint8_t *data = NULL;

	if (io_load_file(f->fd, path, limit, &data, len_out) != GW_OK)
		return NULL;
	return data;
}

/* --- keys ------------------------------------------------------------- */

static bool
folder_is_key(const char *name)
{
	return strlen(name) == 12 && strncmp(name, "key-", 4) == 0 &&
	    strspn(name + 4, "0123456789") == 4 &&
	    strcmp(name + 8, ".pub") == 0;
}

static void
folder_add_key(struct folder *f, const char *name)
{
	uint8_t *text;
	size_t len = 0;

	text = folder_load(f, name, CHECKPOINT_KEY_TEXT_MAX, &len);
	if (f->key_count == FOLDER_KEYS_MAX || text == NULL ||
	    checkpoint_key_decode(text, len, false,
	    &f->keys[f->key_count]) != GW_OK)
		folder_find(f, FIND_KEY, FINDING_NO_ENTRY, name);
	else
		f->key_count++;
	mem_free(text);
}

static void
folder_load_keys(struct folder *f)
{
	struct dirent *entry;
	DIR *dir = NULL;
	int fd = -1;

	if (io_openat(f->fd, ".", O_RDONLY | O_DIRECTORY, 0, &fd) == GW_OK)
		dir = fdopendir(fd);
	if (dir == NULL) {
		io_drop(&fd);
		folder_find(f, FIND_READ, FINDING_NO_ENTRY, ".");
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (folder_is_key(entry->d_name))
			folder_add_key(f, entry->d_name);
	}
	closedir(dir);
}

/* --- checkpoint and journal ------------------------------------------- */

static bool
folder_has_signature(struct folder *f, const uint8_t *text)
{
	struct checkpoint_key given = {0};
	enum gw_err err;
	int i;

	if (f->has_pub) {
		mem_put_str(given.name, sizeof(given.name),
		    f->checkpoint.origin);
		memcpy(given.pub, f->pub, sizeof(given.pub));
		return checkpoint_verify(&f->checkpoint, text, &given) ==
		    GW_OK;
	}
	for (i = 0; i < f->key_count; i++) {
		err = checkpoint_verify(&f->checkpoint, text, &f->keys[i]);
		if (err != GW_ENOENT)
			return err == GW_OK;
	}
	return false;
}

static bool
folder_load_checkpoint(struct folder *f)
{
	uint8_t *text;
	size_t len = 0;
	bool ok;

	text = folder_load(f, "checkpoint", CHECKPOINT_MAX, &len);
	ok = text != NULL && checkpoint_decode(text, len, &f->checkpoint) ==
	    GW_OK;
	if (!ok)
		folder_find(f, FIND_CHECKPOINT, FINDING_NO_ENTRY,
		    "checkpoint");
	else if (!folder_has_signature(f, text))
		folder_find(f, FIND_SIGNATURE, FINDING_NO_ENTRY,
		    "checkpoint");
	mem_free(text);
	return ok;
}

static void
folder_load_journal(struct folder *f)
{
	struct stat st;
	struct rd rd;
	bool ok;

	f->base = f->checkpoint.size;
	if (io_statat(f->fd, "journal", &st) == GW_ENOENT)
		return;
	f->journal = folder_load(f, "journal", FOLDER_JOURNAL_MAX,
	    &f->journal_len);
	ok = f->journal != NULL;
	if (ok) {
		rd_init(&rd, f->journal, f->journal_len);
		ok = journal_get_header(&rd, &f->base, f->base_root) == GW_OK;
	}
	if (ok && f->base <= f->checkpoint.size)
		return;
	folder_find(f, FIND_JOURNAL, FINDING_NO_ENTRY, "journal");
	mem_free(f->journal);
	f->journal = NULL;
	f->base = f->checkpoint.size;
}

enum gw_err
folder_open(struct folder *f, const char *path, const uint8_t *pub,
    enum finding_log log, struct findings *findings, bool *ok_out)
{
	char real[PATH_MAX];
	enum gw_err err;

	memset(f, 0, sizeof(*f));
	f->fd = -1;
	f->log = log;
	f->findings = findings;
	if (pub != NULL) {
		f->has_pub = true;
		memcpy(f->pub, pub, sizeof(f->pub));
	}
	if (realpath(path, real) == NULL)
		return GW_ENOENT;
	err = io_open_dir(real, &f->fd);
	if (err != GW_OK)
		return err;
	folder_load_keys(f);
	*ok_out = folder_load_checkpoint(f);
	if (*ok_out)
		folder_load_journal(f);
	return GW_OK;
}

void
folder_close(struct folder *f)
{
	io_drop(&f->fd);
	mem_free(f->journal);
	f->journal = NULL;
}

/* --- entries ---------------------------------------------------------- */

struct walk {
	struct folder *folder;
	folder_entry_fn *fn;
	void *arg;
	uint64_t index;
};

static bool
walk_bundle(struct walk *w, unsigned width)
{
	char path[TILE_PATH_MAX];
	const uint8_t *entry;
	uint8_t *data;
	size_t len = 0, entry_len;
	struct rd rd;
	bool ok = true;

	tile_path(TILE_ENTRIES, w->index / TILE_WIDTH, width, path);
	data = folder_load(w->folder, path, TILE_BUNDLE_MAX, &len);
	if (data == NULL)
		return false;
	rd_init(&rd, data, len);
	while (ok && rd_left(&rd) > 0) {
		ok = tile_get_entry(&rd, &entry, &entry_len) == GW_OK &&
		    w->fn(w->arg, w->index++, entry, entry_len);
	}
	mem_free(data);
	return ok;
}

/* The groups were checked before: only their entries are of interest. */
static bool
walk_group(struct walk *w, struct rd *rd, uint64_t *at)
{
	struct journal_group g;
	const uint8_t *entry;
	size_t len;

	if (journal_get_group(rd, &g) != GW_OK)
		return false;
	for (; g.count > 0; g.count--, (*at)++) {
		if (tile_get_entry(rd, &entry, &len) != GW_OK)
			return false;
		if (*at >= w->folder->checkpoint.size &&
		    !w->fn(w->arg, w->index++, entry, len))
			return false;
	}
	return true;
}

static bool
walk_journal(struct walk *w)
{
	const struct folder *f = w->folder;
	uint64_t at = f->base;
	struct rd rd;

	if (f->journal == NULL)
		return true;
	rd_init(&rd, f->journal, f->journal_len);
	if (rd_skip(&rd, JOURNAL_HEADER_LEN) != GW_OK)
		return false;
	while (at < f->size) {
		if (!walk_group(w, &rd, &at))
			return false;
	}
	return true;
}

bool
folder_walk(struct folder *f, folder_entry_fn *fn, void *arg)
{
	struct walk w = {.folder = f, .fn = fn, .arg = arg};
	const uint64_t size = f->checkpoint.size;
	uint64_t left;

	while (w.index < size) {
		left = size - w.index;
		if (!walk_bundle(&w, left < TILE_WIDTH ? (unsigned)left :
		    TILE_WIDTH))
			return false;
	}
	return walk_journal(&w);
}
