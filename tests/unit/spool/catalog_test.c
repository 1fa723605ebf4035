/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "proto/record/reason.h"
#include "gatewayd/spool/catalog.h"
#include "gatewayd/spool/store.h"

static char dir[64];
static int dirfd_;
static struct catalog *cat;

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/dev/shm/catalog-test.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(fchdir(dirfd_), 0);
	ck_assert_int_eq(catalog_open(dirfd_, &cat), GW_OK);
}

static void
teardown(void)
{
	char cmd[128];

	catalog_close(cat);
	ck_assert_int_eq(chdir("/"), 0);
	close(dirfd_);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static void
reopen(void)
{
	catalog_close(cat);
	ck_assert_int_eq(catalog_open(dirfd_, &cat), GW_OK);
}

static struct transfer
make(unsigned n, const char *flow, uint32_t state, int32_t task)
{
	struct transfer t = {
		.side = SIDE_HIGH,
		.state = state,
		.task = task,
		.body_count = 2,
		.seq = n,
		.epoch = 1,
		.accepted_ms = 1000 + n,
	};

	memcpy(t.ref.id, &n, sizeof(n));
	mem_put_str(t.flow, sizeof(t.flow), flow);
	mem_put_str(t.channel, sizeof(t.channel), "c");
	snprintf(t.number, sizeof(t.number), "I20260401-%05u-0", n % 100000);
	return t;
}

START_TEST(test_transfer)
{
	struct transfer t = make(7, "f", ST_HELD, TASK_EVALUATE), got;
	struct spool_step step = {.state = ST_HELD, .attempt = 1}, steps[4];

	t.reason = REASON_GAP;
	t.uid = UINT32_MAX;
	t.plain_bytes = UINT64_C(1) << 40;
	mem_put_str(t.detail, sizeof(t.detail), "line 3");
	catalog_add(cat, &t);
	mem_put_str(step.actor, sizeof(step.actor), "a");
	catalog_step_add(cat, t.row, &step);
	catalog_commit(cat);
	reopen();
	ck_assert(catalog_find(cat, t.ref.id, &got));
	ck_assert_int_eq(memcmp(&got, &t, sizeof(t)), 0);
	got.state = ST_REJECTED;
	got.task = TASK_NONE;
	got.erase_ms = 5;
	catalog_save(cat, &got);
	ck_assert(catalog_load(cat, t.row, &t));
	ck_assert_uint_eq(t.state, ST_REJECTED);
	ck_assert(catalog_next_erase(cat, 5, &t));
	ck_assert(!catalog_next_erase(cat, 4, &t));
	ck_assert(catalog_step_has(cat, t.row, 1, ST_HELD));
	ck_assert(!catalog_step_has(cat, t.row, 1, ST_SEALED));
	ck_assert(!catalog_step_has(cat, t.row, 2, ST_HELD));
	ck_assert_uint_eq(catalog_steps(cat, t.row, steps, 4), 1);
	ck_assert_str_eq(steps[0].actor, "a");
}
END_TEST

/* What is not committed is not there. */
START_TEST(test_rollback)
{
	struct transfer t = make(1, "f", ST_ACCEPTED, TASK_INSPECT), got;
	struct gate gate;

	catalog_add(cat, &t);
	catalog_gate_get(cat, &gate);
	gate.number_count = 9;
	catalog_gate_put(cat, &gate);
	reopen();
	ck_assert(!catalog_find(cat, t.ref.id, &got));
	catalog_gate_get(cat, &gate);
	ck_assert_uint_eq(gate.number_count, 0);
	ck_assert_uint_eq(gate.next_pack, 1);
}
END_TEST

/* Work that is being done is not offered, and is after a restart. */
START_TEST(test_tasks)
{
	struct transfer t, got;
	unsigned i;

	for (i = 1; i <= 6; i++) {
		t = make(i, i % 2 ? "a" : "b-x", ST_OPENED, TASK_INSPECT);
		catalog_add(cat, &t);
	}
	ck_assert(catalog_next_task(cat, TASK_INSPECT, "", &got));
	ck_assert_uint_eq(got.seq, 1);
	ck_assert(catalog_next_task(cat, TASK_INSPECT, "a!", &got));
	ck_assert_uint_eq(got.seq, 2);
	ck_assert(!catalog_next_task(cat, TASK_INSPECT, "b-x!", &got));
	ck_assert(!catalog_next_task(cat, TASK_DELIVER, "", &got));
	catalog_set_task(cat, 1, -TASK_INSPECT);
	ck_assert(catalog_next_task(cat, TASK_INSPECT, "", &got));
	ck_assert_uint_eq(got.seq, 3);
	catalog_free_tasks(cat, TASK_INSPECT);
	ck_assert(catalog_next_task(cat, TASK_INSPECT, "", &got));
	ck_assert_uint_eq(got.seq, 1);
	catalog_set_notice(cat, 2, 4, 0);
	ck_assert(catalog_next_notice(cat, "", &got));
	ck_assert_uint_eq(got.seq, 2);
	catalog_set_notice(cat, 2, 4, 4);
	ck_assert(!catalog_next_notice(cat, "", &got));
	catalog_free_notices(cat);
	ck_assert(catalog_next_notice(cat, "", &got));
}
END_TEST

/* An ordered flow waits behind what may still come before it. */
START_TEST(test_blocked)
{
	static const uint32_t states[] = {ST_ARRIVING, ST_COMPLETE, ST_OPENED,
	    ST_REINSPECTED, ST_WAITING, ST_DELIVERING, ST_HELD, ST_DAMAGED,
	    ST_POISON, ST_DELIVERED, ST_REJECTED, ST_WITHDRAWN, ST_EXPIRED,
	    ST_QUARANTINED, ST_ERASED};
	struct transfer first = make(1, "f", ST_OPENED, TASK_NONE);
	struct transfer other = make(2, "g", ST_HELD, TASK_NONE);
	struct transfer t = make(3, "f", ST_REINSPECTED, TASK_DELIVER);
	size_t i;

	catalog_add(cat, &first);
	catalog_add(cat, &other);
	catalog_add(cat, &t);
	ck_assert(!catalog_is_blocked(cat, &first));
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		first.state = states[i];
		catalog_save(cat, &first);
		ck_assert_int_eq(catalog_is_blocked(cat, &t),
		    states_blocks(states[i]));
	}
	/* One whose flow is not known yet may be of this flow. */
	other.flow[0] = '\0';
	catalog_name(cat, &other);
	ck_assert(catalog_is_blocked(cat, &t));
}
END_TEST

START_TEST(test_list)
{
	struct spool_list ask = {.limit = 64};
	struct transfer *got = mem_array(64, sizeof(*got)), t;
	uint32_t n;
	unsigned i;

	for (i = 1; i <= 200; i++) {
		t = make(i, i % 3 ? "a" : "b",
		    i % 5 ? ST_DELIVERED : ST_HELD, TASK_NONE);
		catalog_add(cat, &t);
	}
	n = catalog_list(cat, &ask, got, 64);
	ck_assert_uint_eq(n, 64);
	ck_assert_uint_eq(got[0].seq, 200);
	ask.cursor = (uint64_t)got[63].row;
	n = catalog_list(cat, &ask, got, 64);
	ck_assert_uint_eq(got[0].seq, 136);
	ask.cursor = 0;
	ask.states = UINT64_C(1) << ST_HELD | UINT64_C(1) << ST_WAITING;
	n = catalog_list(cat, &ask, got, 64);
	ck_assert_uint_eq(n, 40);
	mem_put_str(ask.flow, sizeof(ask.flow), "b");
	n = catalog_list(cat, &ask, got, 64);
	ck_assert_uint_eq(n, 13);
	ck_assert_uint_eq(got[12].seq, 15);
	ask.since_ms = 1100;
	ask.before_ms = 1150;
	n = catalog_list(cat, &ask, got, 64);
	ck_assert_uint_eq(n, 3);
	memset(&ask, 0, sizeof(ask));
	mem_put_str(ask.number, sizeof(ask.number), "I20260401-00042-0");
	n = catalog_list(cat, &ask, got, 64);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(got[0].seq, 42);
	mem_free(got);
}
END_TEST

START_TEST(test_parcels)
{
	struct parcel_row p = {.epoch = 1, .row = 3}, got;
	uint64_t i;

	mem_put_str(p.channel, sizeof(p.channel), "c");
	for (i = 1; i <= 5; i++) {
		p.seq = i;
		p.header_hash[0] = (uint8_t)i;
		catalog_parcel_add(cat, &p);
	}
	catalog_parcel_done(cat, "c", 1, 1);
	catalog_parcel_done(cat, "c", 1, 3);
	ck_assert(catalog_parcel_next(cat, "c", 1, 1, false, &got));
	ck_assert_uint_eq(got.seq, 2);
	ck_assert(catalog_parcel_next(cat, "c", 1, 3, false, &got));
	ck_assert_uint_eq(got.seq, 4);
	ck_assert(catalog_parcel_next(cat, "c", 1, 3, true, &got));
	ck_assert_uint_eq(got.seq, 3);
	ck_assert(got.is_complete);
	ck_assert(!catalog_parcel_get(cat, "c", 2, 1, &got));
	ck_assert(!catalog_parcel_get(cat, "d", 1, 1, &got));
}
END_TEST

/* --- the store beside it ---------------------------------------------------- */

static int
bytes_fd(size_t len, int byte)
{
	uint8_t *bytes = mem_alloc(len);
	int fd = -1;

	memset(bytes, byte, len);
	ck_assert_int_eq(io_memfd("bytes", &fd), GW_OK);
	ck_assert_int_eq(io_write_full(fd, bytes, len), GW_OK);
	mem_free(bytes);
	return fd;
}

static struct store *
open_store(struct gate *gate)
{
	struct store *st = NULL;

	catalog_gate_get(cat, gate);
	catalog_begin(cat);
	ck_assert_int_eq(store_open(dirfd_, cat, gate, &st), GW_OK);
	ck_assert_int_eq(store_recover(st), GW_OK);
	return st;
}

static void
commit_store(struct store *st, struct gate *gate)
{
	ck_assert_int_eq(store_sync(st), GW_OK);
	store_note(st);
	catalog_gate_put(cat, gate);
	catalog_commit(cat);
}

/* Bytes behind the committed size are cut; packs go when nothing is left. */
START_TEST(test_packs)
{
	uint8_t *out = mem_alloc(5000);
	struct place a, b, c;
	struct pack_row row;
	struct store *st;
	struct gate gate;
	int fd = bytes_fd(5000, 'x');

	st = open_store(&gate);
	ck_assert_int_eq(store_put(st, 1, fd, 0, 5000, &a), GW_OK);
	ck_assert_int_eq(store_put(st, 2, fd, 0, 100, &b), GW_OK);
	ck_assert_uint_ne(a.pack, b.pack);
	store_keep(st, &a);
	store_keep(st, &b);
	commit_store(st, &gate);
	ck_assert_int_eq(store_put(st, 1, fd, 0, 4000, &c), GW_OK);
	ck_assert_uint_eq(c.offset, 5000);
	store_close(st);
	reopen();
	st = open_store(&gate);
	ck_assert_int_eq(store_put(st, 1, fd, 10, 50, &c), GW_OK);
	ck_assert_uint_eq(c.pack, a.pack);
	ck_assert_uint_eq(c.offset, 5000);
	ck_assert_int_eq(store_get(st, &a, out), GW_OK);
	ck_assert_int_eq(out[4999], 'x');
	store_forget(st, &c);
	ck_assert(catalog_pack_get(cat, a.pack, &row));
	ck_assert_uint_eq(row.live, 1);
	/* Open packs stay; a full one goes with its last object. */
	store_unkeep(st, &a);
	store_reap(st, a.pack);
	ck_assert(catalog_pack_get(cat, a.pack, &row));
	store_close(st);
	close(fd);
	mem_free(out);
}
END_TEST

START_TEST(test_full_pack)
{
	struct place a, b;
	struct pack_row row;
	struct store *st;
	struct gate gate;
	int fd = -1;

	ck_assert_int_eq(io_memfd("sparse", &fd), GW_OK);
	ck_assert_int_eq(ftruncate(fd, STORE_PACK_MAX), 0);
	st = open_store(&gate);
	ck_assert_int_eq(store_put(st, 1, fd, 0, STORE_PACK_MAX, &a), GW_OK);
	ck_assert_int_eq(store_put(st, 1, fd, 0, 1, &b), GW_OK);
	ck_assert_uint_ne(a.pack, b.pack);
	store_keep(st, &a);
	store_keep(st, &b);
	commit_store(st, &gate);
	store_unkeep(st, &a);
	store_reap(st, a.pack);
	ck_assert(!catalog_pack_get(cat, a.pack, &row));
	ck_assert_int_eq(faccessat(dirfd_, "packs/00000001.pack", F_OK, 0),
	    -1);
	ck_assert(catalog_pack_get(cat, b.pack, &row));
	store_close(st);
	close(fd);
}
END_TEST

/* Files in incoming/: named by a commit or removed. */
START_TEST(test_files)
{
	static const uint8_t kept[16] = {1}, part[16] = {2}, lost[16] = {3};
	struct partial_row partial = {.padded_len = 8192};
	struct body_row body = {.padded_len = 4096};
	struct store *st;
	struct gate gate;
	int fd = -1;

	st = open_store(&gate);
	ck_assert_int_eq(store_create(st, kept, 4096, &fd), GW_OK);
	close(fd);
	ck_assert_int_eq(store_create(st, part, 8192, &fd), GW_OK);
	close(fd);
	ck_assert_int_eq(store_create(st, lost, 8192, &fd), GW_OK);
	close(fd);
	memcpy(body.id, kept, 16);
	body.place.len = 4096;
	catalog_body_add(cat, 1, &body);
	memcpy(partial.id, part, 16);
	catalog_partial_put(cat, 2, &partial);
	store_touch(st, kept);
	commit_store(st, &gate);
	store_close(st);
	st = open_store(&gate);
	ck_assert_int_eq(store_file(st, kept, &fd), GW_OK);
	close(fd);
	ck_assert_int_eq(store_resume(st, kept, &fd), GW_ENOENT);
	ck_assert_int_eq(store_resume(st, part, &fd), GW_OK);
	close(fd);
	ck_assert_int_eq(store_file(st, lost, &fd), GW_ENOENT);
	store_remove(st, kept);
	ck_assert_int_eq(store_file(st, kept, &fd), GW_ENOENT);
	store_close(st);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("catalog");
	TCase *tc = tcase_create("catalog");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_transfer);
	tcase_add_test(tc, test_rollback);
	tcase_add_test(tc, test_tasks);
	tcase_add_test(tc, test_blocked);
	tcase_add_test(tc, test_list);
	tcase_add_test(tc, test_parcels);
	tcase_add_test(tc, test_packs);
	tcase_add_test(tc, test_full_pack);
	tcase_add_test(tc, test_files);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
