/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/audit/batch.h"

#define BATCH_DIRS (BATCH_FILES * 4)
#define BATCH_FILE_MODE 0640
#define BATCH_DIR_MODE 0750

/* Folders that one file may add to the list. */
#define BATCH_DEPTH 12

void
batch_init(struct batch *b, int dirfd)
{
	memset(b, 0, sizeof(*b));
	b->dirfd = dirfd;
}

void
batch_clear(struct batch *b)
{
	int i;

	for (i = 0; i < b->count; i++)
		io_drop(&b->fds[i]);
	b->count = 0;
	b->dir_count = 0;
}

static void
batch_note_dir(struct batch *b, const char *path)
{
	int i;

	for (i = 0; i < b->dir_count; i++) {
		if (strcmp(b->dirs[i], path) == 0)
			return;
	}
	if (b->dir_count == BATCH_DIRS ||
	    !mem_put_str(b->dirs[b->dir_count++], BATCH_PATH_MAX, path))
		log_panic("audit: folder does not fit: %s", path);
}

/*
 * Every folder on the way is synced, not only a new one: a run that died
 * before its sync may have made it.  Syncing an unchanged folder is cheap.
 */
static enum gw_err
batch_make_dirs(struct batch *b, const char *path)
{
	char dir[BATCH_PATH_MAX] = {0};
	const char *slash = path;
	enum gw_err err;
	size_t len;

	batch_note_dir(b, ".");
	while ((slash = strchr(slash, '/')) != NULL) {
		len = (size_t)(slash - path);
		if (len >= sizeof(dir))
			return GW_ELIMIT;
		memcpy(dir, path, len);
		err = io_mkdirat(b->dirfd, dir, BATCH_DIR_MODE);
		if (err != GW_OK && err != GW_EEXIST)
			return err;
		batch_note_dir(b, dir);
		slash++;
	}
	return GW_OK;
}

enum gw_err
batch_add(struct batch *b, const char *path, const void *data, size_t len)
{
	enum gw_err err;
	int fd = -1;

	if (b->count == BATCH_FILES ||
	    b->dir_count > BATCH_DIRS - BATCH_DEPTH) {
		err = batch_sync(b);
		if (err != GW_OK)
			return err;
	}
	err = batch_make_dirs(b, path);
	if (err == GW_OK)
		err = io_openat(b->dirfd, path,
		    O_WRONLY | O_CREAT | O_TRUNC, BATCH_FILE_MODE, &fd);
	if (err == GW_OK)
		err = io_write_full(fd, data, len);
	if (err != GW_OK) {
		io_drop(&fd);
		return err;
	}
	b->fds[b->count++] = fd;
	return GW_OK;
}

static enum gw_err
batch_sync_dir(struct batch *b, const char *path)
{
	enum gw_err err;
	int fd = -1;

	if (strcmp(path, ".") == 0)
		return io_fsync(b->dirfd);
	err = io_openat(b->dirfd, path, O_RDONLY | O_DIRECTORY, 0, &fd);
	if (err == GW_OK)
		err = io_fsync(fd);
	io_drop(&fd);
	return err;
}

enum gw_err
batch_sync(struct batch *b)
{
	enum gw_err err = GW_OK;
	int i;

	for (i = 0; i < b->count && err == GW_OK; i++) {
		err = io_fsync(b->fds[i]);
		if (err == GW_OK)
			err = io_close(&b->fds[i]);
	}
	for (i = 0; i < b->dir_count && err == GW_OK; i++)
		err = batch_sync_dir(b, b->dirs[i]);
	batch_clear(b);
	return err;
}
