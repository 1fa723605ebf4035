/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "proto/names/names.h"
#include "proto/parcel/body.h"

#include "gatewayd/courier/stage.h"
#include "gatewayd/courier/text.h"
#include "gatewayd/courier/tree.h"
#include "gatewayd/courier/walk.h"

#define REMOVE_BUDGET 512
#define SYNC_BUDGET 64
#define CHOICES_MAX 1000u

void
stage_init(struct stage *s, struct courier *c, const uint8_t id[16])
{
	memset(s, 0, sizeof(*s));
	s->c = c;
	s->fd = s->last_fd = s->file_fd = -1;
	tree_hex(id, s->hex);
}

static void
file_clear(struct stage *s)
{
	body_reader_free(s->reader);
	s->reader = NULL;
	sha256_free(s->hash);
	s->hash = NULL;
	io_drop(&s->file_fd);
}

/* Closed, or never kept: the number is what counts. */
static void
drop_files(struct stage *s)
{
	size_t i;

	for (i = 0; i < STAGE_SYNC_MAX && i < s->file_count; i++)
		io_drop(&s->files[i]);
}

void
stage_clear(struct stage *s)
{
	size_t i;

	file_clear(s);
	drop_files(s);
	s->file_count = 0;
	for (i = 0; i < s->dir_count; i++)
		mem_free(s->dirs[i]);
	mem_free(s->dirs);
	s->dirs = NULL;
	s->dir_count = s->dir_room = s->dir_ready = 0;
	io_drop(&s->last_fd);
	io_drop(&s->fd);
}

/* --- what is there ------------------------------------------------- */

static enum gw_err
find_object(void *arg, const char *name)
{
	struct stage *s = arg;

	if (name[0] != '.')
		mem_put_str(s->object, sizeof(s->object), name);
	return GW_OK;
}

enum gw_err
stage_find(struct stage *s)
{
	enum gw_err err;

	err = tree_open_dir(s->c->out_fd, s->hex, &s->fd);
	if (err != GW_OK)
		return err;
	s->object[0] = '\0';
	err = tree_list(s->fd, find_object, s);
	if (err != GW_OK)
		return err;
	return s->object[0] != '\0' ? GW_OK : GW_ENOENT;
}

enum gw_err
stage_remove(struct stage *s)
{
	int budget = REMOVE_BUDGET;

	stage_clear(s);
	return tree_remove(s->c->out_fd, s->hex, &budget);
}

/* --- names --------------------------------------------------------- */

/* Bytes as found if they are UTF-8; else, or if too long, as shown. */
void
stage_name(const char *raw, size_t raw_len, const char *shown,
    size_t shown_len, enum manifest_charset charset, char out[NAME_MAX + 1])
{
	char full[MANIFEST_NAME_MAX + 1];

	if (charset == CHARSET_UTF8 && raw_len <= NAME_MAX) {
		memcpy(out, raw, raw_len);
		out[raw_len] = '\0';
		return;
	}
	if (shown_len >= sizeof(full))
		shown_len = sizeof(full) - 1;
	memcpy(full, shown, shown_len);
	full[shown_len] = '\0';
	(void)names_shorten(full, NAME_MAX, out, NAME_MAX + 1);
}

/*
 * Does the manifest say one thing?  Its bytes must decode to its path, and
 * the path must be one that may be written here.
 */
static bool
file_is_sound(const struct manifest_file *file, char raw[MANIFEST_PATH_MAX + 1])
{
	char shown[MANIFEST_PATH_MAX + 1];
	enum manifest_charset charset;

	if (file->raw_len > MANIFEST_PATH_MAX)
		return false;
	memcpy(raw, file->raw, file->raw_len);
	raw[file->raw_len] = '\0';
	return walk_decode(raw, shown, sizeof(shown), &charset) ==
	    REASON_NONE && charset == file->charset &&
	    strcmp(shown, file->path) == 0;
}

static void
note_dir(struct stage *s, const char *path)
{
	if (s->dir_count == s->dir_room) {
		s->dir_room = s->dir_room == 0 ? 16 : 2 * s->dir_room;
		s->dirs = mem_grow(s->dirs, s->dir_room, sizeof(*s->dirs));
	}
	s->dirs[s->dir_count++] = mem_strdup(path);
}

static enum gw_err
make_dir(struct stage *s, const char *path)
{
	enum gw_err err;

	err = io_mkdirat(s->fd, path, 0700);
	if (err == GW_EEXIST)
		return GW_OK;
	if (err == GW_OK)
		note_dir(s, path);
	return err;
}

/*
 * Walk raw and shown name side by side; every component but the last is a
 * folder that is made.  out: the path in the staging folder.
 */
static enum gw_err
place_file(struct stage *s, const struct manifest_file *file, const char *raw,
    char *out, size_t out_size, char name[NAME_MAX + 1])
{
	const char *shown = file->path, *raw_end, *shown_end;
	char inner[PATH_MAX];
	enum gw_err err;

	mem_put_str(out, out_size, s->object);
	for (;; raw = raw_end + 1, shown = shown_end + 1) {
		raw_end = strchrnul(raw, '/');
		shown_end = strchrnul(shown, '/');
		if ((*raw_end == '\0') != (*shown_end == '\0'))
			return GW_EFORMAT;
		stage_name(raw, (size_t)(raw_end - raw), shown,
		    (size_t)(shown_end - shown), file->charset, name);
		if (*raw_end == '\0')
			return GW_OK;
		mem_put_str(inner, sizeof(inner), out);
		if (!tree_join(out, out_size, inner, name))
			return GW_ELIMIT;
		err = make_dir(s, out);
		if (err != GW_OK)
			return err;
	}
}

/* The folder of the file before is mostly the right one again. */
static enum gw_err
open_folder(struct stage *s, const char *path)
{
	enum gw_err err;

	if (s->last_fd != -1 && strcmp(s->last_dir, path) == 0)
		return GW_OK;
	io_drop(&s->last_fd);
	err = tree_open_dir(s->fd, path, &s->last_fd);
	if (err == GW_OK)
		mem_put_str(s->last_dir, sizeof(s->last_dir), path);
	return err;
}

/* Two names that shortening made equal are told apart by a number. */
static enum gw_err
make_file(struct stage *s, int dirfd, const char *name)
{
	char choice[NAME_MAX + 1];
	enum gw_err err = GW_EEXIST;
	unsigned n;

	for (n = 1; n <= CHOICES_MAX && err == GW_EEXIST; n++) {
		text_choice(name, n, choice);
		err = io_openat(dirfd, choice, O_RDWR | O_CREAT | O_EXCL,
		    0600, &s->file_fd);
	}
	return err;
}

static enum gw_err
create_file(struct stage *s, const struct manifest_file *file,
    enum reason *reason_out)
{
	char raw[MANIFEST_PATH_MAX + 1], path[PATH_MAX], name[NAME_MAX + 1];
	enum gw_err err;

	if (!file_is_sound(file, raw)) {
		*reason_out = REASON_MANIFEST_MISMATCH;
		return GW_EFORMAT;
	}
	if (!s->is_set) {
		stage_name(raw, file->raw_len, file->path, strlen(file->path),
		    file->charset, s->object);
		return make_file(s, s->fd, s->object);
	}
	err = place_file(s, file, raw, path, sizeof(path), name);
	if (err == GW_OK)
		err = open_folder(s, path);
	if (err == GW_OK)
		err = make_file(s, s->last_fd, name);
	return err;
}

/* --- content ------------------------------------------------------- */

static enum reason
reason_of(enum gw_err err)
{
	switch (err_class(err)) {
	case GW_CLASS_TAMPER:
		return REASON_DAMAGED;
	case GW_CLASS_PERMANENT:
		return REASON_MANIFEST_MISMATCH;
	case GW_CLASS_NONE:
	case GW_CLASS_RETRY:
	case GW_CLASS_POLICY:
	case GW_CLASS_BUG:
	case GW_CLASS_SYSTEM:
		break;
	}
	return REASON_INTERNAL;
}

/*
 * Verdicts were given to this name, extension, length and root; nothing else
 * goes out.  keys has them from the stage that read the manifest: taken over
 * by a manifest, it may have told the other stages of a harmless text.
 */
static enum gw_err
check_grant(const struct keys_grant *grant, const struct manifest_file *file)
{
	char ext[sizeof(grant->ext)];
	uint8_t hash[32];
	enum gw_err err;

	if ((err = names_hash(file->path, hash)) != GW_OK)
		return err;
	names_ext(file->path, ext);
	if (memcmp(hash, grant->name_hash, sizeof(hash)) != 0 ||
	    strncmp(ext, grant->ext, sizeof(ext)) != 0 ||
	    grant->plain_len != file->size)
		return GW_EFORMAT;
	return GW_OK;
}

static enum gw_err
open_body(struct stage *s, const struct manifest_file *file,
    const struct fetch_body *body, int fd)
{
	const struct keys_grant *grant = &body->grant;
	struct body_grant open = {
		.padded_len = grant->padded_len,
		.plain_len = file->size,
	};
	enum gw_err err;

	if ((err = check_grant(grant, file)) != GW_OK)
		return err;
	memcpy(open.id, grant->body.id, sizeof(open.id));
	memcpy(open.key, grant->key, sizeof(open.key));
	memcpy(open.root, grant->root, sizeof(open.root));
	err = body_reader_open(fd, body->offset, &open, &s->reader);
	if (err == GW_OK)
		err = sha256_new(&s->hash);
	mem_clear(&open, sizeof(open));
	return err;
}

static enum gw_err
copy_slice(struct stage *s, uint64_t size, enum reason *reason_out)
{
	size_t want, got = 0;
	enum gw_err err;

	want = size - s->off < COURIER_SLICE_BYTES ?
	    (size_t)(size - s->off) : COURIER_SLICE_BYTES;
	err = body_reader_pread(s->reader, s->c->plain, want, s->off, &got);
	if (err == GW_OK && got != want)
		err = GW_ETRUNC;
	if (err != GW_OK) {
		*reason_out = err == GW_EIO ? REASON_DAMAGED : reason_of(err);
		return err;
	}
	err = sha256_update(s->hash, s->c->plain, got);
	if (err == GW_OK)
		err = io_write_full(s->file_fd, s->c->plain, got);
	s->off += got;
	return err;
}

/* A few files stay open for their fsync; many wait for one syncfs. */
static void
keep_file(struct stage *s)
{
	if (s->file_count < STAGE_SYNC_MAX)
		s->files[s->file_count] = s->file_fd;
	else
		io_drop(&s->file_fd);
	if (++s->file_count == STAGE_SYNC_MAX)
		drop_files(s);
	s->file_fd = -1;
}

static enum gw_err
finish_file(struct stage *s, const struct manifest_file *file,
    enum reason *reason_out)
{
	struct timespec times[2];
	uint8_t hash[SHA256_LEN];
	enum gw_err err;

	err = sha256_final(s->hash, hash);
	if (err != GW_OK)
		return err;
	if (memcmp(hash, file->sha256, sizeof(hash)) != 0) {
		*reason_out = REASON_MANIFEST_MISMATCH;
		return GW_EHASH;
	}
	times[0] = (struct timespec){.tv_nsec = UTIME_NOW};
	times[1].tv_sec = (time_t)(file->mtime_ms / 1000);
	times[1].tv_nsec = (long)(file->mtime_ms % 1000) * 1000000;
	if (fchmod(s->file_fd, s->file_mode) != 0)
		return err_from_errno(errno);
	/* A time that this file system cannot hold is no reason to stop. */
	if (futimens(s->file_fd, times) != 0)
		log_debug("a file keeps the time of its delivery");
	keep_file(s);
	file_clear(s);
	return GW_OK;
}

enum gw_err
stage_file(struct stage *s, const struct manifest_file *file,
    const struct fetch_body *body, int fd, enum reason *reason_out)
{
	enum gw_err err = GW_OK;

	*reason_out = REASON_NONE;
	if (s->file_fd == -1) {
		s->off = 0;
		err = create_file(s, file, reason_out);
		if (err != GW_OK)
			return err;
		err = open_body(s, file, body, fd);
		if (err != GW_OK) {
			*reason_out = err == GW_EIO ? REASON_DAMAGED :
			    reason_of(err);
			return err;
		}
	}
	if (s->off < file->size)
		err = copy_slice(s, file->size, reason_out);
	if (err != GW_OK)
		return err;
	return s->off < file->size ? GW_EAGAIN :
	    finish_file(s, file, reason_out);
}

/* --- begin and end ------------------------------------------------- */

enum gw_err
stage_begin(struct stage *s, const struct manifest_top *top,
    uint32_t file_mode)
{
	enum gw_err err;

	err = stage_remove(s);
	if (err == GW_OK)
		err = io_mkdirat(s->c->out_fd, s->hex, 0700);
	if (err == GW_OK)
		err = tree_open_dir(s->c->out_fd, s->hex, &s->fd);
	if (err != GW_OK)
		return err;
	s->is_set = top->is_set;
	s->file_mode = file_mode & 0777;
	s->object[0] = '\0';
	if (!s->is_set)
		return GW_OK;
	(void)names_shorten(top->name, NAME_MAX, s->object,
	    sizeof(s->object));
	return make_dir(s, s->object);
}

/* Who may read the files may look into their folders. */
static enum gw_err
ready_dir(struct stage *s, const char *path)
{
	mode_t mode = 02700 | s->file_mode | (s->file_mode & 0444) >> 2;
	enum gw_err err;
	int fd = -1;

	err = tree_open_dir(s->fd, path, &fd);
	if (err == GW_OK && fchmod(fd, mode) != 0)
		err = err_from_errno(errno);
	io_drop(&fd);
	return err;
}

enum gw_err
stage_end(struct stage *s)
{
	int budget = SYNC_BUDGET;
	enum gw_err err = GW_OK;

	for (; err == GW_OK && s->dir_ready < s->dir_count; s->dir_ready++) {
		if (budget-- == 0)
			return GW_EAGAIN;
		err = ready_dir(s, s->dirs[s->dir_ready]);
	}
	return err;
}

size_t
stage_weight(const struct stage *s)
{
	return s->file_count + s->dir_count;
}

static enum gw_err sync_name(void *arg, const char *name);

/* A file, or a folder with all that is in it; it was made here, to a depth. */
static enum gw_err
sync_at(int dirfd, const char *name)
{
	struct stat st;
	enum gw_err err;
	int fd = -1;

	err = io_openat(dirfd, name, O_RDONLY | O_NOFOLLOW, 0, &fd);
	if (err == GW_OK)
		err = io_stat(fd, &st);
	if (err == GW_OK && S_ISDIR(st.st_mode))
		err = tree_list(fd, sync_name, &fd);
	if (err == GW_OK)
		err = io_fsync(fd);
	io_drop(&fd);
	return err;
}

static enum gw_err
sync_name(void *arg, const char *name)
{
	const int *dirfd = arg;

	return sync_at(*dirfd, name);
}

enum gw_err
stage_sync(struct stage *s)
{
	enum gw_err err = GW_OK;
	size_t i;

	if (s->file_count < STAGE_SYNC_MAX) {
		for (i = 0; i < s->file_count && err == GW_OK; i++) {
			err = io_fsync(s->files[i]);
			if (err == GW_OK)
				err = io_close(&s->files[i]);
		}
	}
	/* Folders, and files of which there were too many to keep open. */
	if (err == GW_OK && s->is_set)
		err = sync_at(s->fd, s->object);
	if (err == GW_OK)
		err = io_fsync(s->fd);
	if (err == GW_OK)
		err = io_fsync(s->c->out_fd);
	return err;
}

/* --- where it goes ------------------------------------------------- */

void
stage_put_target(struct stage *s, const char *path)
{
	enum gw_err err;
	int fd = -1;

	err = io_openat(s->fd, STAGE_TARGET_NAME,
	    O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd);
	if (err == GW_OK)
		err = io_write_full(fd, path, strlen(path));
	io_drop(&fd);
	/* Only the ledger would miss it, and only after a crash. */
	if (err != GW_OK)
		log_debug("a target is not noted: %s", err_text_en(err));
}

void
stage_get_target(struct stage *s, char *out, size_t size)
{
	uint8_t *text = NULL;
	size_t len = 0;

	out[0] = '\0';
	if (s->fd == -1 || io_load_file(s->fd, STAGE_TARGET_NAME, size - 1,
	    &text, &len) != GW_OK)
		return;
	memcpy(out, text, len);
	out[len] = '\0';
	mem_free(text);
}
