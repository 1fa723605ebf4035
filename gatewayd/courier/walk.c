/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "proto/names/names.h"
#include "proto/parcel/body.h"

#include "gatewayd/courier/courier.h"
#include "gatewayd/courier/text.h"
#include "gatewayd/courier/walk.h"

#define DETAIL_NAME_MAX 160

void
walk_init(struct walk *w, int claim_fd, const char *entry,
    const struct policy_flow *flow, bool is_english)
{
	memset(w, 0, sizeof(*w));
	w->claim_fd = claim_fd;
	w->entry = entry;
	w->flow = flow;
	w->is_english = is_english;
	w->root_fd = -1;
}

void
walk_clear(struct walk *w)
{
	size_t i;

	for (i = 0; i < w->count; i++)
		mem_free(w->files[i].path);
	for (i = 0; i < w->dir_count; i++)
		mem_free(w->dirs[i].path);
	mem_free(w->at.path);
	mem_free(w->files);
	mem_free(w->dirs);
	mem_free(w->keys);
	if (w->dir != NULL)
		closedir(w->dir);
	io_drop(&w->root_fd);
	memset(w, 0, sizeof(*w));
	w->root_fd = -1;
}

void
walk_refuse(struct walk *w, enum reason reason, const char *detail_ja,
    const char *detail_en, const char *path)
{
	char shown[TEXT_SHOWN_MAX], name[DETAIL_NAME_MAX + 1];
	const char *detail = w->is_english ? detail_en : detail_ja;

	if (w->reason != REASON_NONE)
		return;
	w->reason = reason;
	name[0] = '\0';
	if (path != NULL && path[0] != '\0') {
		text_show(path, strlen(path), shown, sizeof(shown));
		(void)names_shorten(shown, DETAIL_NAME_MAX, name,
		    sizeof(name));
	}
	snprintf(w->detail, sizeof(w->detail), "%s%s%s",
	    detail != NULL ? detail : "",
	    detail != NULL && name[0] != '\0' ? ": " : "", name);
}

static bool
has_mixed_encoding(const char *raw)
{
	enum manifest_charset charset;
	char out[MANIFEST_PATH_MAX + 1];
	const char *at, *end;
	size_t i, len;
	bool is_ascii;

	for (at = raw;; at = end + 1) {
		end = strchrnul(at, '/');
		len = (size_t)(end - at);
		is_ascii = true;
		for (i = 0; i < len; i++)
			is_ascii = is_ascii && (uint8_t)at[i] < 0x80;
		if (!is_ascii && names_decode((const uint8_t *)at, len, out,
		    sizeof(out), &charset) == GW_OK &&
		    charset == CHARSET_UTF8)
			return true;
		if (*end == '\0')
			return false;
	}
}

enum reason
walk_decode(const char *raw, char *out, size_t out_size,
    enum manifest_charset *charset_out)
{
	enum gw_err err;

	err = names_decode((const uint8_t *)raw, strlen(raw), out, out_size,
	    charset_out);
	if (err == GW_ELIMIT)
		return REASON_NAME_TOO_LONG;
	if (err != GW_OK)
		return REASON_NAME_ENCODING;
	if (*charset_out == CHARSET_CP932 && has_mixed_encoding(raw))
		return REASON_NAME_ENCODING;
	return names_check(out);
}

/* --- names --------------------------------------------------------- */

static enum gw_err
add_key(struct walk *w, const char *path)
{
	char key[4 * MANIFEST_PATH_MAX];
	uint8_t hash[SHA256_LEN];
	enum gw_err err;

	err = names_collision_key(path, key, sizeof(key));
	if (err != GW_OK)
		return err;
	err = sha256_of(key, strlen(key), hash);
	if (err != GW_OK)
		return err;
	if (w->key_count == w->key_room) {
		w->key_room = w->key_room == 0 ? 64 : 2 * w->key_room;
		w->keys = mem_grow(w->keys, w->key_room, sizeof(*w->keys));
	}
	memcpy(w->keys[w->key_count++], hash, sizeof(*w->keys));
	return GW_OK;
}

/* A path inside the set: may it be called so? */
static bool
name_passes(struct walk *w, const char *path)
{
	enum manifest_charset charset;
	char shown[MANIFEST_PATH_MAX + 1];
	enum reason reason;

	reason = walk_decode(path, shown, sizeof(shown), &charset);
	if (reason == REASON_NONE && add_key(w, shown) != GW_OK)
		reason = REASON_NAME_TOO_LONG;
	if (reason != REASON_NONE)
		walk_refuse(w, reason, NULL, NULL, path);
	return reason == REASON_NONE;
}

static int
compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(((struct walk *)0)->keys[0]));
}

static void
check_collisions(struct walk *w)
{
	size_t i;

	if (w->key_count == 0)
		return;
	qsort(w->keys, w->key_count, sizeof(*w->keys), compare_keys);
	for (i = 1; i < w->key_count; i++) {
		if (memcmp(w->keys[i - 1], w->keys[i],
		    sizeof(*w->keys)) != 0)
			continue;
		walk_refuse(w, REASON_NAME_COLLISION,
		    "大文字と小文字、全角と半角などの違いしかない名前です",
		    "names that differ only in case, width or the like",
		    NULL);
		return;
	}
}

/* --- files and folders --------------------------------------------- */

static bool
file_passes(struct walk *w, const char *path, const struct stat *st)
{
	const uint64_t size = (uint64_t)st->st_size;

	if (!S_ISREG(st->st_mode)) {
		walk_refuse(w, REASON_NOT_REGULAR,
		    S_ISLNK(st->st_mode) ? "シンボリックリンク" :
		    "特殊ファイル", S_ISLNK(st->st_mode) ? "symbolic link" :
		    "special file", path);
		return false;
	}
	if (st->st_nlink > 1) {
		walk_refuse(w, REASON_NOT_REGULAR,
		    "同じ実体に別の名前(ハードリンク)があります。"
		    "コピーを置いてください",
		    "the file has another name (hard link); put a copy",
		    path);
		return false;
	}
	if (size > w->flow->file_bytes || body_padded_len(size) == 0) {
		walk_refuse(w, REASON_FILE_TOO_BIG, NULL, NULL, path);
		return false;
	}
	if (size > w->flow->transfer_bytes ||
	    w->bytes > w->flow->transfer_bytes - size) {
		walk_refuse(w, REASON_TRANSFER_TOO_BIG, NULL, NULL, NULL);
		return false;
	}
	if (w->count >= w->flow->files) {
		walk_refuse(w, REASON_TOO_MANY_FILES, NULL, NULL, NULL);
		return false;
	}
	return true;
}

static void
add_file(struct walk *w, const char *path, const struct stat *st)
{
	struct walk_file *file;

	if (w->count == w->room) {
		w->room = w->room == 0 ? 16 : 2 * w->room;
		w->files = mem_grow(w->files, w->room, sizeof(*w->files));
	}
	file = &w->files[w->count++];
	memset(file, 0, sizeof(*file));
	file->path = mem_strdup(path);
	tree_mark(st, &file->mark);
	w->bytes += file->mark.size;
	w->name_bytes += strlen(path);
	w->stored += body_stored_len(body_padded_len(file->mark.size));
}

static void
add_dir(struct walk *w, const char *path, unsigned depth)
{
	if (w->dir_count == w->dir_room) {
		w->dir_room = w->dir_room == 0 ? 16 : 2 * w->dir_room;
		w->dirs = mem_grow(w->dirs, w->dir_room, sizeof(*w->dirs));
	}
	w->dirs[w->dir_count].path = mem_strdup(path);
	w->dirs[w->dir_count++].depth = depth;
}

/* Folders hold no content, but so many of them are an attack. */
static bool
dir_passes(struct walk *w, const char *path, unsigned depth)
{
	if (depth > COURIER_DEPTH_MAX) {
		walk_refuse(w, REASON_NAME_TOO_LONG,
		    "フォルダーの階層が深すぎます",
		    "folders are nested too deeply", NULL);
		return false;
	}
	if (w->key_count - w->count > w->flow->files) {
		walk_refuse(w, REASON_TOO_MANY_FILES,
		    "フォルダーが多すぎます", "too many folders", NULL);
		return false;
	}
	return name_passes(w, path);
}

static enum gw_err
look_at(struct walk *w, const char *name)
{
	char path[MANIFEST_PATH_MAX];
	struct stat st;
	enum gw_err err;

	if (w->at.path[0] == '\0')
		mem_put_str(path, sizeof(path), name);
	else if (!tree_join(path, sizeof(path), w->at.path, name)) {
		walk_refuse(w, REASON_NAME_TOO_LONG, NULL, NULL, name);
		return GW_OK;
	}
	err = io_statat(dirfd(w->dir), name, &st);
	if (err == GW_ENOENT) {
		walk_refuse(w, REASON_CHANGED_WHILE_READ, NULL, NULL, path);
		return GW_OK;
	}
	if (err != GW_OK)
		return err;
	if (S_ISDIR(st.st_mode)) {
		if (dir_passes(w, path, w->at.depth + 1))
			add_dir(w, path, w->at.depth + 1);
	} else if (file_passes(w, path, &st) && name_passes(w, path)) {
		add_file(w, path, &st);
	}
	return GW_OK;
}

/*
 * A folder of the set that we could read but not empty would stay behind for
 * ever, so it is refused before it is sent.
 */
static enum gw_err
open_next(struct walk *w)
{
	enum gw_err err;
	int fd = -1;

	mem_free(w->at.path);
	w->at = w->dirs[--w->dir_count];
	err = tree_open_dir(w->root_fd, w->at.path[0] == '\0' ? "." :
	    w->at.path, &fd);
	if (err == GW_OK && faccessat(fd, ".", R_OK | W_OK | X_OK,
	    AT_EACCESS) != 0)
		err = err_from_errno(errno);
	if (err == GW_OK) {
		w->dir = fdopendir(fd);
		if (w->dir != NULL)
			return GW_OK;
		err = err_from_errno(errno);
	}
	io_drop(&fd);
	if (err == GW_EDENIED)
		walk_refuse(w, REASON_UNREADABLE,
		    "フォルダーを開けないか、空にできません",
		    "the folder cannot be opened or emptied", w->at.path);
	else if (err == GW_ENOENT)
		walk_refuse(w, REASON_CHANGED_WHILE_READ, NULL, NULL,
		    w->at.path);
	else
		return err;
	return GW_OK;
}

static enum gw_err
walk_begin(struct walk *w)
{
	struct stat st;
	enum gw_err err;

	err = io_statat(w->claim_fd, w->entry, &st);
	if (err != GW_OK)
		return err;
	w->uid = (uint32_t)st.st_uid;
	if (!S_ISDIR(st.st_mode)) {
		if (file_passes(w, "", &st))
			add_file(w, "", &st);
		return GW_OK;
	}
	w->is_set = true;
	err = tree_open_dir(w->claim_fd, w->entry, &w->root_fd);
	if (err == GW_EDENIED) {
		walk_refuse(w, REASON_UNREADABLE, NULL, NULL, NULL);
		return GW_OK;
	}
	add_dir(w, "", 0);
	return err;
}

static enum gw_err
read_names(struct walk *w, int *budget)
{
	struct dirent *entry;
	enum gw_err err = GW_OK;

	while (err == GW_OK && w->reason == REASON_NONE) {
		if (*budget <= 0)
			return GW_EAGAIN;
		errno = 0;
		entry = readdir(w->dir);
		if (entry == NULL) {
			err = err_from_errno(errno);
			break;
		}
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		--*budget;
		err = look_at(w, entry->d_name);
	}
	closedir(w->dir);
	w->dir = NULL;
	return err;
}

enum gw_err
walk_step(struct walk *w, int budget)
{
	enum gw_err err = GW_OK;

	if (w->count == 0 && w->root_fd == -1) {
		err = walk_begin(w);
		if (err != GW_OK || !w->is_set)
			return err;
	}
	while (err == GW_OK && w->reason == REASON_NONE) {
		if (w->dir != NULL)
			err = read_names(w, &budget);
		else if (w->dir_count > 0)
			err = open_next(w);
		else
			break;
	}
	if (err != GW_OK || w->reason != REASON_NONE)
		return err;
	if (w->count == 0)
		walk_refuse(w, REASON_EMPTY_SET, NULL, NULL, NULL);
	check_collisions(w);
	return GW_OK;
}
