/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/crypto/merkle.h"
#include "proto/record/tile.h"

#include "gatewayd/audit/tree.h"
#include "tests/unit/audit/support.h"

static char path[64];
static int dirfd_ = -1;
static char lines[4096];

static void
on_line(void *arg, const struct log_record *rec)
{
	size_t used = strlen(lines);

	(void)arg;
	if (used + rec->len + 2 > sizeof(lines))
		return;
	memcpy(lines + used, rec->text, rec->len);
	memcpy(lines + used + rec->len, "\n", 2);
}

static uint64_t
fixed_wall(void *arg)
{
	(void)arg;
	return UINT64_C(1775001600000); /* 2026-04-01 09:00 JST */
}

static void
setup(void)
{
	static const struct clock_source source = {.wall_ms = fixed_wall,
	    .mono_ms = fixed_wall};

	log_set_sink(on_line, NULL);
	clock_set_source(&source);
	lines[0] = '\0';
	dirfd_ = folder_new(path);
}

static void
teardown(void)
{
	io_set_hook(NULL, NULL);
	folder_free(path, dirfd_);
	clock_set_source(NULL);
}

static struct store *
open_store(void)
{
	struct store *s = NULL;

	ck_assert_msg(store_open(dirfd_, "lgwan", &s) == GW_OK, "%s", lines);
	return s;
}

static void
check_root(struct store *s, uint64_t size)
{
	uint8_t got[32], want[32];

	ck_assert_uint_eq(store_size(s), size);
	ck_assert_int_eq(store_root(s, got), GW_OK);
	naive_root(size, want);
	ck_assert_mem_eq(got, want, 32);
}

START_TEST(first_start)
{
	struct store *s = open_store();
	struct stat st;
	char name[CHECKPOINT_ORIGIN_MAX];

	check_root(s, 0);
	mem_put_str(name, sizeof(name), store_key(s)->name);
	ck_assert_mem_eq(name, "sekisho/lgwan/", 14);
	ck_assert_int_eq(fstatat(dirfd_, "key-2026", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(fstatat(dirfd_, "key-2026.pub", &st, 0), 0);
	store_free(s);
	s = open_store();
	ck_assert_str_eq(store_key(s)->name, name);
	/* A public line that got lost in a crash comes back. */
	store_free(s);
	ck_assert_int_eq(unlinkat(dirfd_, "key-2026.pub", 0), 0);
	s = open_store();
	ck_assert_int_eq(fstatat(dirfd_, "key-2026.pub", &st, 0), 0);
	store_free(s);
}
END_TEST

/* Roots, and a reopen at every size, with checkpoints at odd moments. */
START_TEST(every_size)
{
	struct store *s = open_store();
	uint64_t size = 0;

	while (size < 600) {
		ck_assert_int_eq(append(s, 1), GW_OK);
		size++;
		check_root(s, size);
		if (size % 7 == 0 || size == 256 || size == 512)
			ck_assert_int_eq(store_checkpoint(s), GW_OK);
		store_free(s);
		s = open_store();
		check_root(s, size);
	}
	check_entries(s, size);
	store_free(s);
}
END_TEST

START_TEST(groups_and_tiles)
{
	static const unsigned groups[] = {1, 255, 1, 300, 1000, 1024, 3, 700,
	    64, 64, 64, 200};
	struct store *s = open_store();
	char tile[TILE_PATH_MAX];
	struct stat st;
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		ck_assert_int_eq(append(s, groups[i]), GW_OK);
		size += groups[i];
		check_root(s, size);
		check_entries(s, size);
		if (i % 3 == 2)
			ck_assert_int_eq(store_checkpoint(s), GW_OK);
		if (i % 4 == 3) {
			store_free(s);
			s = open_store();
			check_root(s, size);
			check_entries(s, size);
		}
	}
	ck_assert_int_eq(store_checkpoint(s), GW_OK);
	ck_assert_uint_eq(store_checkpoint_size(s), size);
	/* 3676 entries: 14 full tiles, 92 hashes in the next. */
	tile_path(0, 13, TILE_WIDTH, tile);
	ck_assert_int_eq(fstatat(dirfd_, tile, &st, 0), 0);
	ck_assert_int_eq(st.st_size, 8192);
	tile_path(0, 14, 92, tile);
	ck_assert_int_eq(fstatat(dirfd_, tile, &st, 0), 0);
	tile_path(1, 0, 14, tile);
	ck_assert_int_eq(fstatat(dirfd_, tile, &st, 0), 0);
	ck_assert_int_eq(st.st_size, 14 * 32);
	/* Partial tiles went when their full one came. */
	ck_assert_int_eq(fstatat(dirfd_, "tile/0/000.p", &st, 0), -1);
	store_free(s);
}
END_TEST

/* Level 2 begins at 65,536 entries: the edge is found again there. */
START_TEST(deep_tree)
{
	struct store *s = open_store();
	uint8_t before[32], after[32];
	int i;

	for (i = 0; i < 66; i++)
		ck_assert_int_eq(append(s, 1000), GW_OK);
	ck_assert_int_eq(store_checkpoint(s), GW_OK);
	ck_assert_int_eq(append(s, 536), GW_OK);
	ck_assert_int_eq(store_root(s, before), GW_OK);
	store_free(s);
	s = open_store();
	ck_assert_uint_eq(store_size(s), 66536);
	ck_assert_int_eq(store_root(s, after), GW_OK);
	ck_assert_mem_eq(before, after, 32);
	ck_assert_int_eq(append(s, 10), GW_OK);
	check_root(s, 66546);
	store_free(s);
}
END_TEST

START_TEST(reading_limits)
{
	struct store *s = open_store();
	struct buf out;

	buf_init(&out, 1 << 24);
	ck_assert_int_eq(store_read(s, 0, 10, &out), GW_OK);
	ck_assert_uint_eq(out.len, 0);
	ck_assert_int_eq(store_read(s, 1, 1, &out), GW_ENOENT);
	ck_assert_int_eq(append(s, 600), GW_OK);
	ck_assert_int_eq(store_checkpoint(s), GW_OK);
	ck_assert_int_eq(store_read(s, 255, 2, &out), GW_OK);
	ck_assert_uint_gt(out.len, 2);
	ck_assert_int_eq(store_read(s, 600, 1, &out), GW_OK);
	ck_assert_int_eq(store_read(s, 601, 1, &out), GW_ENOENT);
	buf_clear(&out);
	/* As much as surely fits. */
	buf_init(&out, 256 * 2050);
	ck_assert_int_eq(store_read(s, 0, 600, &out), GW_OK);
	ck_assert(buf_ok(&out));
	buf_clear(&out);
	store_free(s);
}
END_TEST

START_TEST(one_owner)
{
	struct store *s = open_store(), *other = NULL;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_eq(store_open(fd, "lgwan", &other), GW_EBUSY);
	store_free(s);
	ck_assert_int_eq(store_open(fd, "lgwan", &other), GW_OK);
	store_free(other);
	close(fd);
}
END_TEST

/* --- refusals at start ------------------------------------------------ */

static void
flip(const char *name, off_t at)
{
	int fd = openat(dirfd_, name, O_RDWR);
	uint8_t byte;

	ck_assert_int_ne(fd, -1);
	if (at < 0)
		at += lseek(fd, 0, SEEK_END);
	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void
cut(const char *name, off_t size)
{
	int fd = openat(dirfd_, name, O_RDWR);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	close(fd);
}

static void
expect_refused(const char *words)
{
	struct store *s = NULL;

	lines[0] = '\0';
	ck_assert_int_eq(store_open(dirfd_, "lgwan", &s), GW_ECHAIN);
	ck_assert_msg(strstr(lines, words) != NULL, "%s", lines);
}

/* 300 signed entries, then two groups of 5 in the journal. */
static void
make_log(void)
{
	struct store *s = open_store();

	ck_assert_int_eq(append(s, 300), GW_OK);
	ck_assert_int_eq(store_checkpoint(s), GW_OK);
	ck_assert_int_eq(append(s, 5), GW_OK);
	ck_assert_int_eq(append(s, 5), GW_OK);
	store_free(s);
}

struct damage {
	const char *what;
	const char *file;
	enum { FLIP, CUT, REMOVE } how;
	off_t at;
	const char *words;
};

static const struct damage damages[] = {
	{"size", "checkpoint", FLIP, 24, "checkpoint"},
	{"signature", "checkpoint", FLIP, -5, "checkpoint"},
	{"no checkpoint", "checkpoint", REMOVE, 0, "removed"},
	{"no key", "key-2026", REMOVE, 0, "not opened"},
	{"partial hash tile", "tile/0/001.p/44", FLIP, 40, "does not match"},
	{"partial bundle", "tile/entries/001.p/44", FLIP, 99,
	    "does not match"},
	{"short bundle", "tile/entries/001.p/44", CUT, 99, "does not match"},
	{"no bundle", "tile/entries/001.p/44", REMOVE, 0, "does not match"},
	{"short tile", "tile/0/001.p/44", CUT, 64, "does not match"},
	{"upper tile", "tile/1/000.p/1", FLIP, 3, "does not match"},
	{"last full tile", "tile/0/000", FLIP, 8000, "does not match"},
	{"no journal", "journal", REMOVE, 0, "damaged or missing"},
	{"short journal", "journal", CUT, 20, "damaged or missing"},
	{"journal header", "journal", FLIP, 10, "damaged or missing"},
	{"first group", "journal", FLIP, 150, "damaged or missing"},
};

START_TEST(refuses_damage)
{
	const struct damage *d = &damages[_i];

	make_log();
	if (d->how == FLIP)
		flip(d->file, d->at);
	else if (d->how == CUT)
		cut(d->file, d->at);
	else
		ck_assert_int_eq(unlinkat(dirfd_, d->file, 0), 0);
	expect_refused(d->words);
}
END_TEST

START_TEST(refuses_foreign_public_key)
{
	struct store *s = NULL;

	make_log();
	flip("key-2026.pub", 3);
	ck_assert_int_ne(store_open(dirfd_, "lgwan", &s), GW_OK);
	ck_assert_ptr_nonnull(strstr(lines, "does not belong"));
}
END_TEST

/* An old checkpoint under a newer journal. */
START_TEST(refuses_old_checkpoint)
{
	struct store *s = open_store();
	uint8_t *old = NULL;
	size_t len = 0;

	ck_assert_int_eq(append(s, 10), GW_OK);
	ck_assert_int_eq(store_checkpoint(s), GW_OK);
	ck_assert_int_eq(io_load_file(dirfd_, "checkpoint", 4096, &old, &len),
	    GW_OK);
	ck_assert_int_eq(append(s, 10), GW_OK);
	ck_assert_int_eq(store_checkpoint(s), GW_OK);
	store_free(s);
	ck_assert_int_eq(io_replace_file(dirfd_, "checkpoint", old, len,
	    0640), GW_OK);
	expect_refused("damaged or missing");
	mem_free(old);
}
END_TEST

START_TEST(torn_tail_is_cut_and_kept)
{
	struct store *s;
	struct stat st;

	make_log();
	flip("journal", -3);
	s = open_store();
	check_root(s, 305);
	ck_assert_uint_gt(store_torn_bytes(s), 60);
	ck_assert_int_eq(fstatat(dirfd_, "torn-305", &st, 0), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, store_torn_bytes(s));
	ck_assert_int_eq(append(s, 5), GW_OK);
	store_free(s);
	s = open_store();
	ck_assert_uint_eq(store_torn_bytes(s), 0);
	check_entries(s, 310);
	store_free(s);
}
END_TEST

START_TEST(damaged_bundle_is_not_read)
{
	struct store *s;
	struct buf out;

	make_log();
	flip("tile/entries/000", 5000);
	s = open_store();
	buf_init(&out, 1 << 22);
	ck_assert_int_eq(store_read(s, 10, 1, &out), GW_ECHAIN);
	ck_assert_int_eq(store_read(s, 256, 54, &out), GW_OK);
	buf_clear(&out);
	store_free(s);
}
END_TEST

/* --- errors while running --------------------------------------------- */

struct fault {
	enum io_op op;
	int number;
	int left; /* operations of that kind before it strikes */
};

static int
on_io(void *arg, enum io_op op, int fd, size_t *len)
{
	struct fault *f = arg;

	(void)fd;
	(void)len;
	if (op != f->op || f->left-- > 0)
		return 0;
	return f->number;
}

START_TEST(full_disk_passes)
{
	struct fault f = {.op = IO_WRITE, .number = ENOSPC, .left = 0};
	struct store *s = open_store();

	ck_assert_int_eq(append(s, 3), GW_OK);
	io_set_hook(on_io, &f);
	ck_assert_int_eq(append(s, 3), GW_ESPACE);
	ck_assert_int_eq(store_checkpoint(s), GW_ESPACE);
	io_set_hook(NULL, NULL);
	check_root(s, 3);
	ck_assert_int_eq(append(s, 4), GW_OK);
	ck_assert_int_eq(store_checkpoint(s), GW_OK);
	check_root(s, 7);
	store_free(s);
	s = open_store();
	check_entries(s, 7);
	store_free(s);
}
END_TEST

START_TEST(failed_sync_is_final)
{
	struct fault f = {.op = IO_FSYNC, .number = EINTR, .left = 0};
	struct store *s = open_store();

	ck_assert_int_eq(append(s, 3), GW_OK);
	io_set_hook(on_io, &f);
	ck_assert_int_eq(append(s, 3), GW_EIO);
	io_set_hook(NULL, NULL);
	/* The disk would say yes now, and has lost what it was given. */
	ck_assert_int_eq(append(s, 3), GW_EIO);
	ck_assert_int_eq(store_checkpoint(s), GW_EIO);
	ck_assert_ptr_nonnull(strstr(lines, "takes no more entries"));
	check_root(s, 3);
	store_free(s);
	s = open_store();
	ck_assert_uint_ge(store_size(s), 3);
	store_free(s);
}
END_TEST

/* --- tree ------------------------------------------------------------- */

START_TEST(tree_forgets)
{
	struct tree t;
	uint8_t leaf[32] = {0};
	int i;

	tree_init(&t);
	for (i = 0; i < 256 * 256 + 300; i++)
		ck_assert_int_eq(tree_add(&t, leaf), GW_OK);
	ck_assert_uint_eq(t.levels[0].count, 256 * 256 + 300);
	ck_assert_uint_eq(t.levels[1].count, 257);
	ck_assert_uint_eq(t.levels[2].count, 1);
	tree_forget(&t);
	ck_assert_uint_eq(t.levels[0].first, 256 * 257);
	ck_assert_uint_eq(t.levels[0].count, 44);
	ck_assert_uint_eq(t.levels[1].first, 256);
	ck_assert_uint_eq(t.levels[1].count, 1);
	ck_assert_uint_eq(t.levels[2].count, 1);
	tree_clear(&t);
}
END_TEST

int
main(void)
{
	const int rows = (int)(sizeof(damages) / sizeof(damages[0]));
	Suite *suite = suite_create("audit store");
	TCase *tc = tcase_create("store");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, first_start);
	tcase_add_test(tc, every_size);
	tcase_add_test(tc, groups_and_tiles);
	tcase_add_test(tc, deep_tree);
	tcase_add_test(tc, reading_limits);
	tcase_add_test(tc, one_owner);
	tcase_add_loop_test(tc, refuses_damage, 0, rows);
	tcase_add_test(tc, refuses_foreign_public_key);
	tcase_add_test(tc, refuses_old_checkpoint);
	tcase_add_test(tc, torn_tail_is_cut_and_kept);
	tcase_add_test(tc, damaged_bundle_is_not_read);
	tcase_add_test(tc, full_disk_passes);
	tcase_add_test(tc, failed_sync_is_final);
	tcase_add_test(tc, tree_forgets);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
