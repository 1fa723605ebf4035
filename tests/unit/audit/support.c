/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#include "proto/crypto/merkle.h"
#include "proto/record/audit.h"
#include "proto/record/tile.h"

#include "tests/unit/audit/support.h"

int
folder_new(char path[64])
{
	int fd;

	snprintf(path, 64, "/dev/shm/audit-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ne(fd, -1);
	return fd;
}

void
folder_empty(int fd)
{
	struct dirent *entry;
	DIR *dir;
	int sub;

	sub = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ne(sub, -1);
	dir = fdopendir(sub);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, entry->d_name, 0) == 0)
			continue;
		sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY);
		ck_assert_int_ne(sub, -1);
		folder_empty(sub);
		close(sub);
		ck_assert_int_eq(unlinkat(fd, entry->d_name, AT_REMOVEDIR),
		    0);
	}
	closedir(dir);
}

void
folder_free(char path[64], int fd)
{
	folder_empty(fd);
	close(fd);
	rmdir(path);
}

void
entry_put(struct buf *out, uint64_t n)
{
	struct audit_record r = {
		.event = (uint16_t)(1 + n % 24), .wall_ms = 1000 + n,
		.seq = n, .flow = "office-documents",
	};
	struct buf entry;

	buf_init(&entry, AUDIT_ENTRY_MAX);
	ck_assert_int_eq(audit_encode(&r, &entry), GW_OK);
	tile_put_entry(out, entry.data, entry.len);
	buf_clear(&entry);
}

enum gw_err
append(struct store *s, unsigned count)
{
	uint64_t n = store_size(s);
	struct buf group;
	enum gw_err err;
	unsigned i;

	buf_init(&group, 1 << 22);
	for (i = 0; i < count; i++)
		entry_put(&group, n + i);
	ck_assert(buf_ok(&group));
	err = store_append(s, group.data, group.len, count);
	buf_clear(&group);
	return err;
}

/* MTH of RFC 6962, section 2.1, word by word. */
static void
naive_mth(uint64_t first, uint64_t n, uint8_t out[32])
{
	uint8_t left[32], right[32];
	struct buf entry;
	uint64_t k = 1;

	if (n == 1) {
		buf_init(&entry, 4096);
		entry_put(&entry, first);
		ck_assert_int_eq(merkle_leaf(entry.data + 2, entry.len - 2,
		    out), GW_OK);
		buf_clear(&entry);
		return;
	}
	while (k * 2 < n)
		k *= 2;
	naive_mth(first, k, left);
	naive_mth(first + k, n - k, right);
	ck_assert_int_eq(merkle_node(left, right, out), GW_OK);
}

void
naive_root(uint64_t size, uint8_t out[32])
{
	struct merkle none;

	if (size > 0) {
		naive_mth(0, size, out);
		return;
	}
	merkle_init(&none);
	ck_assert_int_eq(merkle_root(&none, out), GW_OK);
}

void
check_entries(struct store *s, uint64_t size)
{
	struct buf got, want;
	uint64_t at = 0, n;

	ck_assert_uint_eq(store_size(s), size);
	buf_init(&got, 1 << 24);
	buf_init(&want, 1 << 24);
	for (n = 0; n < size; n++)
		entry_put(&want, n);
	for (at = 0; at < size; at += STORE_READ_MAX)
		ck_assert_int_eq(store_read(s, at, UINT32_MAX, &got), GW_OK);
	ck_assert_uint_eq(got.len, want.len);
	if (want.len > 0)
		ck_assert_mem_eq(got.data, want.data, want.len);
	buf_clear(&got);
	buf_clear(&want);
}
