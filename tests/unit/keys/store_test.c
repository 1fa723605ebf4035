/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "gatewayd/keys/bucket.h"
#include "gatewayd/keys/journal.h"
#include "gatewayd/keys/keyfile.h"
#include "gatewayd/keys/store.h"

/* Slots, record files and key files against damage. */
#define MONTH 202605
#define BODIES 3

static char root[64];
static int dir;

static void
setup(void)
{
	log_set_level(LOG_ERR_);
	(void)snprintf(root, sizeof(root), "%s/gw-store-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(io_open_dir(root, &dir), GW_OK);
}

static void
teardown(void)
{
	char command[128];

	io_drop(&dir);
	(void)snprintf(command, sizeof(command), "rm -r %s", root);
	ck_assert_int_eq(system(command), 0);
}

static void
quiet(void *arg, const struct log_record *rec)
{
	(void)arg;
	(void)rec;
}

static void
add(struct store *s, uint32_t month, uint8_t mark, struct key_ref *ref,
    uint8_t keys[BODIES][32])
{
	struct transfer_slot t;
	struct body_slot b;
	uint32_t i;

	memset(&t, 0, sizeof(t));
	t.kind = SLOT_TRANSFER;
	t.body_count = BODIES;
	memset(t.id, mark, sizeof(t.id));
	ck_assert_int_eq(store_add(s, month, &t, ref), GW_OK);
	for (i = 0; i < BODIES; i++) {
		memset(&b, 0, sizeof(b));
		b.kind = SLOT_BODY;
		b.index = i;
		memset(b.id, mark + 1 + (int)i, sizeof(b.id));
		memcpy(b.transfer_id, t.id, sizeof(t.id));
		memset(keys[i], mark + 100 + (int)i, 32);
		ck_assert_int_eq(store_wrap(s, ref, &b, keys[i]), GW_OK);
		ck_assert_int_eq(store_put_body(s, ref, &b), GW_OK);
	}
}

static void
flip(const char *name, off_t at)
{
	uint8_t byte;
	int fd;

	fd = openat(dir, name, O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
}

START_TEST(keeps_keys)
{
	struct store *s = store_new(dir);
	uint8_t keys[BODIES][32], got[32];
	struct transfer_slot t;
	struct key_ref ref, body, owner;
	struct body_slot b;
	uint32_t i;

	add(s, MONTH, 1, &ref, keys);
	ck_assert_int_eq(store_sync(s), GW_OK);
	store_free(s);
	s = store_new(dir);
	for (i = 0; i < BODIES; i++) {
		ck_assert_int_eq(store_get_body(s, &ref, i, &b), GW_OK);
		ck_assert_int_eq(store_unwrap(s, &ref, &b, got), GW_OK);
		ck_assert_mem_eq(got, keys[i], 32);
		store_body_ref(&ref, &b, &body);
		ck_assert_int_eq(store_find_body(s, &body, &b, &owner, &t),
		    GW_OK);
		ck_assert_mem_eq(&owner, &ref, sizeof(ref));
	}
	/* A key forgotten is gone, in the slot as well. */
	store_forget(&b);
	ck_assert_int_eq(store_put_body(s, &ref, &b), GW_OK);
	ck_assert_int_eq(store_get_body(s, &ref, BODIES - 1, &b), GW_OK);
	ck_assert_int_eq(store_unwrap(s, &ref, &b, got), GW_ENOENT);
	b.flags |= BODY_HAS_KEY;
	ck_assert_int_eq(store_unwrap(s, &ref, &b, got), GW_EAUTH);
	store_free(s);
}
END_TEST

/* What was reserved stays so, even if nothing was written to it. */
START_TEST(reserves_over_restarts)
{
	struct store *s = store_new(dir);
	struct key_ref first, second;
	struct transfer_slot t;
	struct body_slot b;

	memset(&t, 0, sizeof(t));
	t.kind = SLOT_TRANSFER;
	t.body_count = 1000;
	ck_assert_int_eq(store_add(s, MONTH, &t, &first), GW_OK);
	store_free(s);
	s = store_new(dir);
	ck_assert_int_eq(store_add(s, MONTH, &t, &second), GW_OK);
	ck_assert_uint_eq(second.slot, first.slot + 1001);
	ck_assert_int_eq(store_get_body(s, &first, 999, &b), GW_ENOENT);
	ck_assert_int_eq(store_get_body(s, &second, 1000, &b), GW_ENOENT);
	store_free(s);
}
END_TEST

START_TEST(damage_is_found)
{
	struct store *s = store_new(dir);
	uint8_t keys[BODIES][32];
	struct transfer_slot t;
	struct body_slot b;
	struct key_ref ref;
	off_t i;

	add(s, MONTH, 1, &ref, keys);
	log_set_sink(quiet, NULL);
	for (i = 0; i < SLOT_LEN; i++) {
		flip("slots-202605", SLOT_LEN + i);
		ck_assert_int_ne(store_get(s, &ref, &t), GW_OK);
		flip("slots-202605", SLOT_LEN + i);
		flip("slots-202605", 2 * SLOT_LEN + i);
		ck_assert_int_ne(store_get_body(s, &ref, 0, &b), GW_OK);
		flip("slots-202605", 2 * SLOT_LEN + i);
	}
	ck_assert_int_eq(store_get(s, &ref, &t), GW_OK);
	store_free(s);
	flip("slots-202605", 0);
	s = store_new(dir);
	ck_assert_int_eq(store_get(s, &ref, &t), GW_EHASH);
	store_free(s);
	flip("slots-202605", 0);
	flip("bucket-202605.key", 20);
	s = store_new(dir);
	ck_assert_int_eq(store_get(s, &ref, &t), GW_EHASH);
	store_free(s);
	log_set_sink(NULL, NULL);
}
END_TEST

/* A slot counts at its place alone. */
START_TEST(slots_cannot_be_moved)
{
	struct store *s = store_new(dir);
	uint8_t keys[BODIES][32], block[SLOT_LEN];
	struct key_ref a, c, other;
	struct transfer_slot t;
	struct body_slot b;
	int fd, to;

	add(s, MONTH, 1, &a, keys);
	add(s, MONTH, 50, &c, keys);
	add(s, MONTH + 1, 1, &other, keys);
	log_set_sink(quiet, NULL);
	fd = openat(dir, "slots-202605", O_RDWR);
	/* Body 1 over body 2; the second transfer over the first. */
	ck_assert_int_eq(pread(fd, block, SLOT_LEN, 3 * SLOT_LEN), SLOT_LEN);
	ck_assert_int_eq(pwrite(fd, block, SLOT_LEN, 4 * SLOT_LEN),
	    SLOT_LEN);
	ck_assert_int_eq(store_get_body(s, &a, 2, &b), GW_EHASH);
	ck_assert_int_eq(pread(fd, block, SLOT_LEN, 5 * SLOT_LEN), SLOT_LEN);
	ck_assert_int_eq(pwrite(fd, block, SLOT_LEN, SLOT_LEN), SLOT_LEN);
	ck_assert_int_eq(store_get(s, &a, &t), GW_EHASH);
	/* The same place of another month. */
	to = openat(dir, "slots-202606", O_RDWR);
	ck_assert_int_eq(pread(fd, block, SLOT_LEN, 2 * SLOT_LEN), SLOT_LEN);
	ck_assert_int_eq(pwrite(to, block, SLOT_LEN, 2 * SLOT_LEN),
	    SLOT_LEN);
	ck_assert_int_eq(store_get_body(s, &other, 0, &b), GW_EHASH);
	(void)close(fd);
	(void)close(to);
	log_set_sink(NULL, NULL);
	store_free(s);
}
END_TEST

START_TEST(references_are_checked)
{
	struct store *s = store_new(dir);
	uint8_t keys[BODIES][32];
	struct transfer_slot t;
	struct key_ref ref, bad, owner;
	struct body_slot b;

	add(s, MONTH, 1, &ref, keys);
	bad = ref;
	bad.id[15]++;
	ck_assert_int_eq(store_get(s, &bad, &t), GW_ENOENT);
	bad = ref;
	bad.slot = 1;
	ck_assert_int_eq(store_get(s, &bad, &t), GW_ENOENT);
	bad.slot = UINT32_MAX;
	ck_assert_int_eq(store_get(s, &bad, &t), GW_ENOENT);
	ck_assert_int_ne(store_get_body(s, &bad, UINT32_MAX, &b), GW_OK);
	ck_assert_int_eq(store_find_body(s, &bad, &b, &owner, &t),
	    GW_ENOENT);
	bad = ref;
	bad.bucket = 202613;
	ck_assert_int_eq(store_get(s, &bad, &t), GW_ENOENT);
	bad.bucket = 209001; /* never made by asking */
	ck_assert_int_eq(store_get(s, &bad, &t), GW_ENOENT);
	ck_assert_int_eq(faccessat(dir, "bucket-209001.key", F_OK, 0), -1);
	ck_assert_int_eq(store_get_body(s, &ref, BODIES, &b), GW_ENOENT);
	store_free(s);
}
END_TEST

/* More months than are kept open at once. */
START_TEST(many_buckets)
{
	struct store *s = store_new(dir);
	uint8_t keys[BODIES][32];
	struct key_ref refs[20];
	struct transfer_slot t;
	uint32_t i;

	for (i = 0; i < 20; i++)
		add(s, bucket_month_add(MONTH, (int)i), 1, &refs[i], keys);
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(store_get(s, &refs[i], &t), GW_OK);
		ck_assert_uint_eq(refs[i].bucket,
		    bucket_month_add(MONTH, (int)i));
	}
	ck_assert_int_eq(store_sync(s), GW_OK);
	store_free(s);
}
END_TEST

START_TEST(months)
{
	ck_assert_uint_eq(bucket_month_add(202611, 2), 202701);
	ck_assert_uint_eq(bucket_month_add(202601, -1), 202512);
	ck_assert_uint_eq(bucket_month_add(202605, 0), 202605);
	/* 1 May 2026, 00:00 in Japan. */
	ck_assert_uint_eq(bucket_month_start(202605), 1777561200000);
	ck_assert_uint_eq(bucket_month(1777561200000), 202605);
	ck_assert_uint_eq(bucket_month(1777561199999), 202604);
	ck_assert(!bucket_month_ok(0));
	ck_assert(!bucket_month_ok(202600));
	ck_assert(!bucket_month_ok(202613));
	ck_assert(!bucket_month_ok(UINT32_MAX));
}
END_TEST

/* --- journal ------------------------------------------------------------ */

static void
journal_add(struct recfile *f, uint64_t seq)
{
	struct journal_record rec;

	memset(&rec, 0, sizeof(rec));
	rec.seq = seq;
	rec.epoch = 1;
	rec.header_len = 5;
	memcpy(rec.header, "head", 4);
	rec.header[4] = (uint8_t)seq;
	ck_assert_int_eq(journal_put(f, &rec), GW_OK);
}

START_TEST(journal_tail)
{
	struct journal_record rec;
	struct recfile *f;
	uint8_t hash[32], two[32];
	uint64_t next;
	int fd;

	log_set_sink(quiet, NULL);
	ck_assert_int_eq(recfile_open(dir, "j", JOURNAL_LEN, &f), GW_OK);
	ck_assert_int_eq(journal_end(f, &next, hash), GW_OK);
	ck_assert_uint_eq(next, 1);
	journal_add(f, 1);
	journal_add(f, 2);
	ck_assert_int_eq(journal_end(f, &next, two), GW_OK);
	journal_add(f, 3);
	ck_assert_int_eq(recfile_sync(f), GW_OK);
	recfile_free(f);
	/* The last is torn: half of it, or damaged. */
	fd = openat(dir, "j", O_RDWR);
	ck_assert_int_eq(ftruncate(fd, 2 * JOURNAL_LEN + 100), 0);
	(void)close(fd);
	ck_assert_int_eq(recfile_open(dir, "j", JOURNAL_LEN, &f), GW_OK);
	ck_assert_int_eq(journal_end(f, &next, hash), GW_OK);
	ck_assert_uint_eq(next, 3);
	ck_assert_mem_eq(hash, two, 32);
	journal_add(f, 3);
	ck_assert_int_eq(journal_get(f, 3, &rec), GW_OK);
	ck_assert_int_eq(journal_get(f, 4, &rec), GW_ENOENT);
	ck_assert_int_eq(journal_get(f, 0, &rec), GW_ENOENT);
	recfile_free(f);
	flip("j", 2 * JOURNAL_LEN + 50);
	ck_assert_int_eq(recfile_open(dir, "j", JOURNAL_LEN, &f), GW_OK);
	ck_assert_int_eq(journal_get(f, 3, &rec), GW_EHASH);
	ck_assert_int_eq(journal_end(f, &next, hash), GW_OK);
	ck_assert_uint_eq(next, 3);
	recfile_free(f);
	/* Records cannot change places. */
	fd = openat(dir, "j", O_RDWR);
	ck_assert_int_ge(fd, 0);
	{
		uint8_t block[JOURNAL_LEN];

		ck_assert_int_eq(pread(fd, block, sizeof(block), 0),
		    (ssize_t)sizeof(block));
		ck_assert_int_eq(pwrite(fd, block, sizeof(block),
		    JOURNAL_LEN), (ssize_t)sizeof(block));
	}
	(void)close(fd);
	ck_assert_int_eq(recfile_open(dir, "j", JOURNAL_LEN, &f), GW_OK);
	ck_assert_int_eq(journal_get(f, 2, &rec), GW_EHASH);
	recfile_free(f);
	log_set_sink(NULL, NULL);
}
END_TEST

START_TEST(key_files)
{
	uint8_t key[32], got[32];

	memset(key, 3, sizeof(key));
	ck_assert_int_eq(keyfile_get(dir, "k", "GWTEST01", got, 32),
	    GW_ENOENT);
	ck_assert_int_eq(keyfile_put(dir, "k", "GWTEST01", key, 32), GW_OK);
	ck_assert_int_eq(keyfile_get(dir, "k", "GWTEST01", got, 32), GW_OK);
	ck_assert_mem_eq(key, got, 32);
	ck_assert_int_eq(keyfile_get(dir, "k", "GWTEST02", got, 32),
	    GW_EFORMAT);
	ck_assert_int_eq(keyfile_get(dir, "k", "GWTEST01", got, 31),
	    GW_EFORMAT);
	flip("k", 12);
	ck_assert_int_eq(keyfile_get(dir, "k", "GWTEST01", got, 32),
	    GW_EHASH);
	ck_assert_int_eq(keyfile_destroy(dir, "k"), GW_OK);
	ck_assert_int_eq(keyfile_get(dir, "k", "GWTEST01", got, 32),
	    GW_ENOENT);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keys store");
	TCase *tc = tcase_create("store");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, keeps_keys);
	tcase_add_test(tc, reserves_over_restarts);
	tcase_add_test(tc, damage_is_found);
	tcase_add_test(tc, slots_cannot_be_moved);
	tcase_add_test(tc, references_are_checked);
	tcase_add_test(tc, many_buckets);
	tcase_add_test(tc, months);
	tcase_add_test(tc, journal_tail);
	tcase_add_test(tc, key_files);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
