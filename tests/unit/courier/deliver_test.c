/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "gatewayd/courier/intake.h"
#include "proto/record/reason.h"
#include "proto/record/transfer_state.h"

#include "tests/unit/courier/bench.h"

static struct bench b;

/* A transfer from the other zone, put together by hand. */
#define FILES_MAX 4
static struct manifest_top top;
static struct manifest_file files[FILES_MAX];
static const char *contents[FILES_MAX];

static void
setup(void)
{
	bench_open(&b, "/tmp");
	memset(&top, 0, sizeof(top));
	memset(files, 0, sizeof(files));
	top.version = 1;
	mem_put_str(top.flow, sizeof(top.flow), "letters");
}

static void
teardown(void)
{
	io_set_hook(NULL, NULL);
	bench_close(&b);
}

static void
add(const char *path, const char *raw, enum manifest_charset charset,
    const char *content)
{
	struct manifest_file *f = &files[top.file_count];

	mem_put_str(f->path, sizeof(f->path), path);
	f->raw_len = strlen(raw);
	memcpy(f->raw, raw, f->raw_len);
	f->charset = charset;
	f->size = strlen(content);
	f->mtime_ms = UINT64_C(1700000000123);
	ck_assert_int_eq(sha256_of(content, strlen(content), f->sha256),
	    GW_OK);
	contents[top.file_count++] = content;
}

static struct fake_transfer *
arrive(const char *name, bool is_set)
{
	mem_put_str(top.name, sizeof(top.name), name);
	top.is_set = is_set;
	return fake_arrive(&b.fake, &top, files, contents);
}

static struct fake_transfer *
arrive_one(const char *name, const char *content)
{
	memset(files, 0, sizeof(files));
	top.file_count = 0;
	add(name, name, CHARSET_UTF8, content);
	return arrive(name, false);
}

static struct fake_transfer *watched;

static bool
has_outcome(struct bench *bench)
{
	(void)bench;
	return watched->outcome_err != 0;
}

static bool
has_notice(struct bench *bench)
{
	(void)bench;
	return watched->noticed > 0;
}

static void
fail_with(struct fake_transfer *t, enum reason reason)
{
	watched = t;
	fake_work(&b.fake, t, WORK_DELIVER, SIDE_HIGH, ST_REINSPECTED, 0,
	    false);
	bench_until(&b, has_outcome);
	ck_assert_int_eq(t->outcome_reason, reason);
	ck_assert_int_eq(t->published, 0);
	bench_run_ms(&b, 20);
	ck_assert_uint_eq(bench_count(&b, ".gw/out"), 0);
}

static void
notice(struct fake_transfer *t, enum side side, enum transfer_state state,
    enum reason reason)
{
	watched = t;
	t->noticed = 0;
	fake_work(&b.fake, t, WORK_NOTICE, side, state, (uint16_t)reason,
	    false);
	bench_until(&b, has_notice);
}

static bool
all_accepted(struct bench *bench)
{
	return bench->fake.accepted > 0 &&
	    intake_count(bench->courier->intakes) == 0;
}

/* --- publishing ---------------------------------------------------- */

START_TEST(one_file_is_delivered)
{
	char path[256];
	struct stat st;

	bench_start(&b);
	bench_deliver(&b, arrive_one("名簿.csv", "1,山田\r\n"), false);
	ck_assert(bench_contains(&b, "out/letters/名簿.csv", "1,山田\r\n"));
	snprintf(path, sizeof(path), "%s/out/letters/名簿.csv", b.root);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(st.st_mtim.tv_sec, 1700000000);
	ck_assert_uint_eq(bench_count(&b, ".gw/out"), 0);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("受領簿"),
	    "名簿.csv,10,配達済,,,out/letters/名簿.csv\r\n"), 1);
}
END_TEST

START_TEST(a_folder_is_delivered_whole)
{
	struct fake_transfer *t;
	char path[256];
	struct stat st;

	add("a.txt", "a.txt", CHARSET_UTF8, "A");
	add("図面/b.txt", "図面/b.txt", CHARSET_UTF8, "B");
	add("図面/深い/c.txt", "図面/深い/c.txt", CHARSET_UTF8, "");
	t = arrive("申請一式", true);
	bench_start(&b);
	bench_deliver(&b, t, false);
	ck_assert(bench_contains(&b, "out/letters/申請一式/a.txt", "A"));
	ck_assert(bench_contains(&b, "out/letters/申請一式/図面/b.txt", "B"));
	ck_assert(bench_has(&b, "out/letters/申請一式/図面/深い/c.txt"));
	snprintf(path, sizeof(path), "%s/out/letters/申請一式/図面", b.root);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 02750);
}
END_TEST

START_TEST(what_went_in_comes_out)
{
	size_t len = (5u << 20) + 12345, got, i;
	char *data = mem_alloc(len), *out;

	for (i = 0; i < len; i++)
		data[i] = (char)(i * 2654435761u >> 13);
	bench_start(&b);
	bench_mkdir(&b, ".set");
	bench_put(&b, ".set/large.bin", data, len);
	bench_put(&b, ".set/middle.bin", data, 250000);
	bench_put(&b, ".set/small.bin", data, 4097);
	bench_put(&b, ".set/empty.bin", data, 0);
	bench_rename(&b, ".set", "in/letters/set");
	bench_until(&b, all_accepted);
	bench_deliver(&b, &b.fake.transfers[0], false);
	out = bench_read(&b, "out/letters/set/large.bin", &got);
	ck_assert_uint_eq(got, len);
	ck_assert(memcmp(out, data, len) == 0);
	mem_free(out);
	out = bench_read(&b, "out/letters/set/middle.bin", &got);
	ck_assert_uint_eq(got, 250000);
	ck_assert(memcmp(out, data, got) == 0);
	mem_free(out);
	out = bench_read(&b, "out/letters/set/small.bin", &got);
	ck_assert_uint_eq(got, 4097);
	ck_assert(memcmp(out, data, got) == 0);
	mem_free(out);
	mem_free(data);
	ck_assert_uint_eq(bench_count(&b, "out/letters/set"), 4);
}
END_TEST

START_TEST(names_in_cp932_come_out_in_utf8)
{
	add("表示.csv", "\x95\x5c\x8e\xa6.csv", CHARSET_CP932, "x");
	bench_start(&b);
	bench_deliver(&b, arrive("表示.csv", false), false);
	ck_assert(bench_has(&b, "out/letters/表示.csv"));
}
END_TEST

START_TEST(bytes_of_a_name_are_kept)
{
	/* か with a combining mark, as a Mac writes it. */
	add("がぎ.txt", "か\xe3\x82\x99き\xe3\x82\x99.txt", CHARSET_UTF8, "x");
	bench_start(&b);
	bench_deliver(&b, arrive("がぎ.txt", false), false);
	ck_assert(bench_has(&b,
	    "out/letters/か\xe3\x82\x99き\xe3\x82\x99.txt"));
}
END_TEST

START_TEST(a_long_name_is_shortened_and_told_in_full)
{
	char name[MANIFEST_NAME_MAX + 1] = "";
	struct fake_transfer *t;
	int i;

	for (i = 0; i < 120; i++)
		strcat(name, "漢");
	strcat(name, ".csv");
	add(name, name, CHARSET_UTF8, "x");
	t = arrive(name, false);
	bench_start(&b);
	bench_deliver(&b, t, false);
	ck_assert_uint_eq(bench_count(&b, "out/letters"), 1);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("受領簿"), name), 1);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("受領簿"), ".csv\r\n"),
	    1);
}
END_TEST

START_TEST(a_taken_name_is_numbered)
{
	bench_start(&b);
	bench_deliver(&b, arrive_one("a.csv", "one"), false);
	bench_deliver(&b, arrive_one("a.csv", "two"), false);
	ck_assert(bench_contains(&b, "out/letters/a.csv", "one"));
	ck_assert(bench_contains(&b, "out/letters/a (2).csv", "two"));
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("受領簿"),
	    ",out/letters/a (2).csv\r\n"), 1);
}
END_TEST

START_TEST(a_taken_name_is_held)
{
	b.flow->on_exists = EXISTS_HOLD;
	bench_start(&b);
	bench_deliver(&b, arrive_one("a.csv", "one"), false);
	fail_with(arrive_one("a.csv", "two"), REASON_NAME_TAKEN);
	ck_assert(bench_contains(&b, "out/letters/a.csv", "one"));
	ck_assert_uint_eq(bench_count(&b, "out/letters"), 1);
}
END_TEST

START_TEST(a_taken_name_is_replaced)
{
	b.flow->on_exists = EXISTS_REPLACE;
	bench_start(&b);
	bench_deliver(&b, arrive_one("a.csv", "one"), false);
	bench_deliver(&b, arrive_one("a.csv", "two"), false);
	ck_assert(bench_contains(&b, "out/letters/a.csv", "two"));
	ck_assert_uint_eq(bench_count(&b, "out/letters"), 1);
	/* A folder of people is never replaced. */
	bench_mkdir(&b, "out/letters/b.csv");
	bench_deliver(&b, arrive_one("b.csv", "three"), false);
	ck_assert(bench_contains(&b, "out/letters/b (2).csv", "three"));
}
END_TEST

START_TEST(one_recipient_gets_all)
{
	b.flow->recipient_count = 1;
	mem_put_str(b.flow->recipients[0], POLICY_ID_LEN, "zeimu");
	bench_start(&b);
	bench_deliver(&b, arrive_one("a.csv", "x"), false);
	ck_assert(bench_has(&b, "out/letters/zeimu/a.csv"));
}
END_TEST

START_TEST(an_unknown_recipient_gets_nothing)
{
	b.flow->recipient_count = 2;
	mem_put_str(b.flow->recipients[0], POLICY_ID_LEN, "zeimu");
	mem_put_str(b.flow->recipients[1], POLICY_ID_LEN, "kaikei");
	mem_put_str(top.recipient, sizeof(top.recipient), "../../etc");
	bench_start(&b);
	fail_with(arrive_one("a.csv", "x"), REASON_RECIPIENT_UNKNOWN);
}
END_TEST

/* --- what must not come out ---------------------------------------- */

START_TEST(other_content_than_the_manifest_says)
{
	struct fake_transfer *t;

	add("a.csv", "a.csv", CHARSET_UTF8, "good");
	contents[0] = "evil";
	t = arrive("a.csv", false);
	bench_start(&b);
	fail_with(t, REASON_MANIFEST_MISMATCH);
	ck_assert_uint_eq(bench_count(&b, "out/letters"), 0);
}
END_TEST

START_TEST(another_length_than_the_manifest_says)
{
	struct fake_transfer *t;

	add("a.csv", "a.csv", CHARSET_UTF8, "good");
	contents[0] = "good and more of it";
	t = arrive("a.csv", false);
	bench_start(&b);
	fail_with(t, REASON_MANIFEST_MISMATCH);
}
END_TEST

START_TEST(another_name_than_was_inspected)
{
	struct fake_transfer *t;

	add("a.csv", "a.csv", CHARSET_UTF8, "good");
	t = arrive("a.csv", false);
	t->bodies[1].name_hash[0] ^= 1;
	bench_start(&b);
	fail_with(t, REASON_MANIFEST_MISMATCH);
}
END_TEST

START_TEST(another_extension_than_was_inspected)
{
	struct fake_transfer *t;

	add("a.bat", "a.bat", CHARSET_UTF8, "good");
	t = arrive("a.bat", false);
	memcpy(t->bodies[1].ext, "txt", 4);
	bench_start(&b);
	fail_with(t, REASON_MANIFEST_MISMATCH);
}
END_TEST

/* A stage that thought it empty has read nothing of it. */
START_TEST(inspected_as_an_empty_file)
{
	struct fake_transfer *t;

	add("a.csv", "a.csv", CHARSET_UTF8, "good");
	t = arrive("a.csv", false);
	t->bodies[1].plain_len = 0;
	bench_start(&b);
	fail_with(t, REASON_MANIFEST_MISMATCH);
}
END_TEST

START_TEST(bytes_that_are_another_name)
{
	static const struct {
		const char *path, *raw;
	} rows[] = {
		{"a.csv", "b.csv"},
		{"sub/a.csv", "../a.csv"},
		{"sub/a.csv", "sub"},
		{"a.csv", "/etc/cron.d/a.csv"},
	};
	size_t i;

	bench_start(&b);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(files, 0, sizeof(files));
		top.file_count = 0;
		add(rows[i].path, rows[i].raw, CHARSET_UTF8, "x");
		fail_with(arrive("set", true), REASON_MANIFEST_MISMATCH);
	}
	ck_assert_uint_eq(bench_count(&b, "out/letters"), 0);
}
END_TEST

START_TEST(damage_is_found_and_told)
{
	struct fake_transfer *t;
	uint8_t byte;

	add("a.csv", "a.csv", CHARSET_UTF8, "good");
	t = arrive("a.csv", false);
	ck_assert_int_eq(pread(t->bodies[1].fd, &byte, 1, 2), 1);
	byte ^= 4;
	ck_assert_int_eq(pwrite(t->bodies[1].fd, &byte, 1, 2), 1);
	bench_start(&b);
	fail_with(t, REASON_DAMAGED);
}
END_TEST

START_TEST(a_damaged_manifest_is_told)
{
	struct fake_transfer *t;
	uint8_t byte;

	add("a.csv", "a.csv", CHARSET_UTF8, "good");
	t = arrive("a.csv", false);
	ck_assert_int_eq(pread(t->bodies[0].fd, &byte, 1, 2), 1);
	byte ^= 4;
	ck_assert_int_eq(pwrite(t->bodies[0].fd, &byte, 1, 2), 1);
	bench_start(&b);
	fail_with(t, REASON_DAMAGED);
}
END_TEST

START_TEST(a_flow_unknown_here_is_told)
{
	struct fake_transfer *t;

	mem_put_str(top.flow, sizeof(top.flow), "maps");
	t = arrive_one("a.csv", "x");
	bench_start(&b);
	fail_with(t, REASON_FLOW_UNKNOWN_HERE);
}
END_TEST

START_TEST(no_leave_to_publish)
{
	struct fake_transfer *t = arrive_one("a.csv", "x");

	b.fake.staged_err = GW_EDENIED;
	bench_start(&b);
	fake_work(&b.fake, t, WORK_DELIVER, SIDE_HIGH, ST_REINSPECTED, 0,
	    false);
	bench_run_ms(&b, 200);
	ck_assert_int_eq(t->staged, 1);
	ck_assert_int_eq(t->published, 0);
	ck_assert_uint_eq(bench_count(&b, "out/letters"), 0);
	ck_assert_uint_eq(bench_count(&b, ".gw/out"), 0);
}
END_TEST

static int
no_space_in_staging(void *arg, enum io_op op, int fd, size_t *len)
{
	char self[64], path[512] = "";

	(void)arg;
	(void)len;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (op != IO_WRITE || readlink(self, path, sizeof(path) - 1) < 0)
		return 0;
	return strstr(path, "/.gw/out/") != NULL ? ENOSPC : 0;
}

START_TEST(a_full_disk_is_told)
{
	struct fake_transfer *t = arrive_one("a.csv", "x");

	bench_start(&b);
	io_set_hook(no_space_in_staging, NULL);
	fail_with(t, REASON_NO_SPACE);
	ck_assert_int_eq(t->outcome_err, GW_ESPACE);
}
END_TEST

/* --- after a crash ------------------------------------------------- */

START_TEST(published_is_never_published_again)
{
	struct fake_transfer *t = arrive_one("a.csv", "x");

	bench_start(&b);
	bench_deliver(&b, t, false);
	bench_deliver(&b, t, true);
	ck_assert_uint_eq(bench_count(&b, "out/letters"), 1);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("受領簿"), t->number),
	    1);
}
END_TEST

START_TEST(published_stays_published_when_its_flow_is_gone)
{
	struct fake_transfer *t = arrive_one("a.csv", "x");

	bench_start(&b);
	bench_deliver(&b, t, false);
	mem_put_str(b.flow->id, POLICY_ID_LEN, "other");
	bench_deliver(&b, t, true);
	ck_assert_int_eq(t->published_err, GW_OK);
	ck_assert_uint_eq(bench_count(&b, "out/letters"), 1);
}
END_TEST

/* --- notices ------------------------------------------------------- */

START_TEST(a_hold_is_shown_and_goes)
{
	struct fake_transfer *t = arrive_one("a.csv", "x");

	bench_start(&b);
	notice(t, SIDE_LOW, ST_HELD, REASON_TYPE_UNKNOWN);
	ck_assert(bench_contains(&b, "status/letters/a.csv.保留.txt",
	    t->number));
	ck_assert(bench_contains(&b, "status/letters/a.csv.保留.txt",
	    reason_ja(REASON_TYPE_UNKNOWN)));
	ck_assert(bench_contains(&b, "status/letters/a.csv.保留.txt",
	    reason_next_ja(REASON_TYPE_UNKNOWN)));
	notice(t, SIDE_LOW, ST_HELD, REASON_TYPE_UNKNOWN);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"), t->number),
	    1);
	notice(t, SIDE_LOW, ST_APPROVED, REASON_NONE);
	ck_assert(!bench_has(&b, "status/letters/a.csv.保留.txt"));
	ck_assert_uint_eq(bench_count(&b, "status/letters"), 1);
}
END_TEST

START_TEST(two_holds_of_one_name_are_told_apart)
{
	struct fake_transfer *one = arrive_one("a.csv", "x");
	struct fake_transfer *two = arrive_one("a.csv", "y");

	bench_start(&b);
	notice(one, SIDE_LOW, ST_HELD, REASON_TYPE_UNKNOWN);
	notice(two, SIDE_LOW, ST_WAITING, REASON_NONE);
	ck_assert(bench_contains(&b, "status/letters/a (2).csv.保留.txt",
	    two->number));
	notice(one, SIDE_LOW, ST_APPROVED, REASON_NONE);
	ck_assert(!bench_has(&b, "status/letters/a.csv.保留.txt"));
	ck_assert(bench_has(&b, "status/letters/a (2).csv.保留.txt"));
}
END_TEST

START_TEST(a_rejection_leaves_a_reason_and_no_file)
{
	struct fake_transfer *t = arrive_one("a.csv", "x");

	bench_start(&b);
	notice(t, SIDE_LOW, ST_REJECTED, REASON_TYPE_EXECUTABLE);
	notice(t, SIDE_LOW, ST_REJECTED, REASON_TYPE_EXECUTABLE);
	ck_assert_uint_eq(bench_count(&b, "rejected/letters"), 1);
	ck_assert(bench_contains(&b, "rejected/letters/a.csv.理由.txt",
	    "type-executable"));
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"), t->number),
	    1);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"),
	    ",差戻し,プログラム(実行形式)は送れません,type-executable\r\n"),
	    1);
}
END_TEST

START_TEST(without_a_manifest_the_number_has_to_do)
{
	struct fake_transfer *t = arrive_one("a.csv", "x");
	char path[256];

	t->bodies[0].root[0] ^= 1;
	bench_start(&b);
	notice(t, SIDE_HIGH, ST_DAMAGED, REASON_DAMAGED);
	snprintf(path, sizeof(path), "rejected/letters/%s.理由.txt",
	    t->number);
	ck_assert(bench_has(&b, path));
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("受領簿"), t->number),
	    1 + 1); /* as number, and as name */
}
END_TEST

START_TEST(arrival_is_in_the_ledger)
{
	struct fake_transfer *t = arrive_one("a.csv", "x");

	bench_start(&b);
	notice(t, SIDE_LOW, ST_ACCEPTED, REASON_NONE);
	notice(t, SIDE_LOW, ST_CONFIRMED, REASON_NONE);
	notice(t, SIDE_LOW, ST_CONFIRMED, REASON_NONE);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"),
	    ",相手側に到着,,\r\n"), 1);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"), t->number),
	    1);
}
END_TEST

START_TEST(the_original_is_given_back)
{
	struct fake_transfer *t = arrive_one("a.csv", "mine");

	bench_start(&b);
	watched = t;
	fake_work(&b.fake, t, WORK_RETURN, SIDE_LOW, ST_REJECTED,
	    REASON_TYPE_NOT_ACCEPTED, false);
	bench_until(&b, has_notice);
	bench_run_ms(&b, 20);
	ck_assert(bench_contains(&b, "rejected/letters/a.csv", "mine"));
	ck_assert(bench_contains(&b, "rejected/letters/a.csv.理由.txt",
	    t->number));
	ck_assert_uint_eq(bench_count(&b, ".gw/out"), 0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("courier/deliver");
	TCase *tc = tcase_create("deliver");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_file_is_delivered);
	tcase_add_test(tc, a_folder_is_delivered_whole);
	tcase_add_test(tc, what_went_in_comes_out);
	tcase_add_test(tc, names_in_cp932_come_out_in_utf8);
	tcase_add_test(tc, bytes_of_a_name_are_kept);
	tcase_add_test(tc, a_long_name_is_shortened_and_told_in_full);
	tcase_add_test(tc, a_taken_name_is_numbered);
	tcase_add_test(tc, a_taken_name_is_held);
	tcase_add_test(tc, a_taken_name_is_replaced);
	tcase_add_test(tc, one_recipient_gets_all);
	tcase_add_test(tc, an_unknown_recipient_gets_nothing);
	tcase_add_test(tc, other_content_than_the_manifest_says);
	tcase_add_test(tc, another_length_than_the_manifest_says);
	tcase_add_test(tc, another_name_than_was_inspected);
	tcase_add_test(tc, another_extension_than_was_inspected);
	tcase_add_test(tc, inspected_as_an_empty_file);
	tcase_add_test(tc, bytes_that_are_another_name);
	tcase_add_test(tc, damage_is_found_and_told);
	tcase_add_test(tc, a_damaged_manifest_is_told);
	tcase_add_test(tc, a_flow_unknown_here_is_told);
	tcase_add_test(tc, no_leave_to_publish);
	tcase_add_test(tc, a_full_disk_is_told);
	tcase_add_test(tc, published_is_never_published_again);
	tcase_add_test(tc, published_stays_published_when_its_flow_is_gone);
	tcase_add_test(tc, a_hold_is_shown_and_goes);
	tcase_add_test(tc, two_holds_of_one_name_are_told_apart);
	tcase_add_test(tc, a_rejection_leaves_a_reason_and_no_file);
	tcase_add_test(tc, without_a_manifest_the_number_has_to_do);
	tcase_add_test(tc, arrival_is_in_the_ledger);
	tcase_add_test(tc, the_original_is_given_back);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
