/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/sha256.h"

#include "gatewayd/keys/recfile.h"

struct recfile {
	uint64_t count;
	size_t len;
	int fd;
	bool is_dirty;
};

enum gw_err
recfile_open(int dirfd, const char *name, size_t record_len,
    struct recfile **out)
{
	struct recfile *f = NULL;
	struct stat st;
	enum gw_err err;
	int fd = -1;

	if (record_len <= RECFILE_SUM_LEN || record_len > RECFILE_RECORD_MAX)
		return GW_EINVAL;
	err = io_openat(dirfd, name, O_RDWR | O_CREAT, 0600, &fd);
	if (err == GW_OK)
		err = io_stat(fd, &st);
	/* The name must survive as surely as what is written under it. */
	if (err == GW_OK && st.st_size == 0)
		err = io_fsync(dirfd);
	if (err != GW_OK) {
		io_drop(&fd);
		return err;
	}
	f = mem_alloc(sizeof(*f));
	f->fd = fd;
	f->len = record_len;
	f->count = ((uint64_t)st.st_size + record_len - 1) / record_len;
	*out = f;
	return GW_OK;
}

void
recfile_free(struct recfile *f)
{
	if (f == NULL)
		return;
	io_drop(&f->fd);
	mem_free(f);
}

uint64_t
recfile_count(const struct recfile *f)
{
	return f->count;
}

static enum gw_err
recfile_sum(const struct recfile *f, uint64_t n, const uint8_t *rec,
    uint8_t out[RECFILE_SUM_LEN])
{
	uint8_t bytes[sizeof(n) + RECFILE_RECORD_MAX], hash[SHA256_LEN];
	enum gw_err err;

	memcpy(bytes, &n, sizeof(n));
	memcpy(bytes + sizeof(n), rec, f->len - RECFILE_SUM_LEN);
	err = sha256_of(bytes, sizeof(n) + f->len - RECFILE_SUM_LEN, hash);
	if (err == GW_OK)
		memcpy(out, hash, RECFILE_SUM_LEN);
	return err;
}

static bool
is_hole(const uint8_t *rec, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (rec[i] != 0)
			return false;
	}
	return true;
}

enum gw_err
recfile_get(struct recfile *f, uint64_t n, void *rec)
{
	uint8_t buf[RECFILE_RECORD_MAX], sum[RECFILE_SUM_LEN];
	enum gw_err err;

	if (n >= f->count)
		return GW_ENOENT;
	err = io_pread_full(f->fd, buf, f->len, n * f->len);
	if (err == GW_ETRUNC)
		return GW_EHASH;
	if (err != GW_OK)
		return err;
	if (is_hole(buf, f->len))
		return GW_ENOENT;
	err = recfile_sum(f, n, buf, sum);
	if (err != GW_OK)
		return err;
	if (memcmp(sum, buf + f->len - sizeof(sum), sizeof(sum)) != 0)
		return GW_EHASH;
	memcpy(rec, buf, f->len);
	return GW_OK;
}

enum gw_err
recfile_put(struct recfile *f, uint64_t n, void *rec)
{
	uint8_t *bytes = rec;
	enum gw_err err;

	if (n > (uint64_t)INT64_MAX / f->len - 1)
		return GW_ELIMIT;
	err = recfile_sum(f, n, bytes, bytes + f->len - RECFILE_SUM_LEN);
	if (err != GW_OK)
		return err;
	f->is_dirty = true;
	err = io_pwrite_full(f->fd, bytes, f->len, n * f->len);
	if (err == GW_OK && n >= f->count)
		f->count = n + 1;
	return err;
}

enum gw_err
recfile_sync(struct recfile *f)
{
	enum gw_err err;

	if (!f->is_dirty)
		return GW_OK;
	err = io_fdatasync(f->fd);
	if (err == GW_OK)
		f->is_dirty = false;
	return err;
}

enum gw_err
recfile_cut(struct recfile *f, uint64_t n)
{
	enum gw_err err;

	err = io_truncate(f->fd, n * f->len);
	if (err == GW_OK) {
		f->count = n;
		f->is_dirty = true;
	}
	return err;
}
