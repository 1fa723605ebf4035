/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/sha256.h"

#include "gatewayd/keys/keyfile.h"

#define MAGIC_LEN 8
#define SUM_LEN 8

enum gw_err
keyfile_put(int dirfd, const char *name, const char magic[8],
    const void *data, size_t len)
{
	uint8_t bytes[MAGIC_LEN + KEYFILE_MAX + SUM_LEN], hash[SHA256_LEN];
	enum gw_err err;

	if (len > KEYFILE_MAX)
		return GW_ELIMIT;
	memcpy(bytes, magic, MAGIC_LEN);
	memcpy(bytes + MAGIC_LEN, data, len);
	err = sha256_of(bytes, MAGIC_LEN + len, hash);
	if (err == GW_OK) {
		memcpy(bytes + MAGIC_LEN + len, hash, SUM_LEN);
		err = io_replace_file(dirfd, name, bytes,
		    MAGIC_LEN + len + SUM_LEN, 0600);
	}
	mem_clear(bytes, sizeof(bytes));
	return err;
}

enum gw_err
keyfile_get(int dirfd, const char *name, const char magic[8], void *out,
    size_t len)
{
	uint8_t *bytes = NULL, hash[SHA256_LEN];
	size_t got = 0;
	enum gw_err err;

	err = io_load_file(dirfd, name, MAGIC_LEN + KEYFILE_MAX + SUM_LEN,
	    &bytes, &got);
	if (err != GW_OK)
		return err;
	if (got != MAGIC_LEN + len + SUM_LEN ||
	    memcmp(bytes, magic, MAGIC_LEN) != 0)
		err = GW_EFORMAT;
	if (err == GW_OK)
		err = sha256_of(bytes, MAGIC_LEN + len, hash);
	if (err == GW_OK && memcmp(hash, bytes + MAGIC_LEN + len, SUM_LEN) !=
	    0)
		err = GW_EHASH;
	if (err == GW_OK)
		memcpy(out, bytes + MAGIC_LEN, len);
	mem_free_secret(bytes, got);
	return err;
}

enum gw_err
keyfile_destroy(int dirfd, const char *name)
{
	static const uint8_t zero[MAGIC_LEN + KEYFILE_MAX + SUM_LEN];
	struct stat st;
	enum gw_err err;
	int fd = -1;

	err = io_openat(dirfd, name, O_WRONLY, 0, &fd);
	if (err == GW_OK)
		err = io_stat(fd, &st);
	if (err == GW_OK && (st.st_size < 0 ||
	    (size_t)st.st_size > sizeof(zero)))
		err = GW_EFORMAT;
	if (err == GW_OK)
		err = io_pwrite_full(fd, zero, (size_t)st.st_size, 0);
	if (err == GW_OK)
		err = io_fdatasync(fd);
	if (err == GW_OK)
		err = io_unlinkat(dirfd, name, false);
	if (err == GW_OK)
		err = io_fsync(dirfd);
	io_drop(&fd);
	return err;
}
