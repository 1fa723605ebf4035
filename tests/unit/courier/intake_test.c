/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "gatewayd/courier/intake.h"
#include "proto/record/reason.h"
#include "proto/record/transfer_state.h"

#include "tests/unit/courier/bench.h"

static struct bench b;

static void
setup(void)
{
	bench_open(&b, "/tmp");
}

static void
teardown(void)
{
	io_set_hook(NULL, NULL);
	bench_close(&b);
}

static unsigned wanted;

static bool
all_accepted(struct bench *bench)
{
	return bench->fake.accepted >= wanted &&
	    intake_count(bench->courier->intakes) == 0;
}

static bool
all_refused(struct bench *bench)
{
	return bench->fake.refused >= wanted &&
	    intake_count(bench->courier->intakes) == 0;
}

static void
accept_all(unsigned count)
{
	wanted = count;
	bench_until(&b, all_accepted);
	ck_assert_uint_eq(b.fake.accepted, count);
	/* Nothing but the journal is left. */
	ck_assert_uint_eq(bench_count(&b, ".gw/claim"), 1);
}

static void
refuse_all(unsigned count)
{
	wanted = count;
	bench_until(&b, all_refused);
	ck_assert_uint_eq(b.fake.refused, count);
	ck_assert_uint_eq(bench_count(&b, ".gw/claim"), 1);
}

static struct fake_transfer *
last(void)
{
	return &b.fake.transfers[b.fake.count - 1];
}

/* The entry is in rejected/, with words, and everything was recorded. */
static void
check_refused(const char *name, enum reason reason)
{
	const struct fake_refusal *r =
	    &b.fake.refusals[(b.fake.refused - 1) % 256];
	char path[1024];

	ck_assert_int_eq(r->reason, reason);
	snprintf(path, sizeof(path), "in/letters/%s", name);
	ck_assert_msg(!bench_has(&b, path), "%s", path);
	snprintf(path, sizeof(path), "rejected/letters/%s", name);
	ck_assert_msg(bench_has(&b, path), "%s", path);
	snprintf(path, sizeof(path), "rejected/letters/%s.理由.txt", name);
	ck_assert_msg(bench_has(&b, path), "%s", path);
	ck_assert(bench_contains(&b, path, reason_code(reason)));
	ck_assert(bench_contains(&b, path, reason_ja(reason)));
	ck_assert(bench_contains(&b, path, reason_next_ja(reason)));
	ck_assert(bench_contains(&b, path, r->number));
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"), r->number),
	    1);
	ck_assert_uint_eq(b.fake.accepted, 0);
}

/* --- what passes --------------------------------------------------- */

START_TEST(one_csv_is_taken_in)
{
	bench_start(&b);
	bench_drop(&b, "名簿.csv", "番号,氏名\r\n1,山田\r\n");
	accept_all(1);
	ck_assert(!bench_has(&b, "in/letters/名簿.csv"));
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"),
	    "名簿.csv,25,受付済,,\r\n"), 1);
	ck_assert_str_eq(last()->submitter, "scanner");
	ck_assert_uint_eq(last()->uid, UINT32_MAX);
	ck_assert_uint_eq(last()->body_count, 2);
	ck_assert_uint_eq(last()->bodies[1].plain_len, 25);
}
END_TEST

START_TEST(an_empty_file_is_taken_in)
{
	bench_start(&b);
	bench_drop(&b, "empty.txt", "");
	accept_all(1);
	ck_assert_uint_eq(last()->bodies[1].plain_len, 0);
}
END_TEST

START_TEST(a_large_file_gets_a_body_of_its_own)
{
	size_t len = 5u << 20;
	char *data = mem_alloc(len);

	memset(data, 'x', len);
	bench_start(&b);
	bench_put(&b, "in/letters/big.txt", data, len);
	mem_free(data);
	accept_all(1);
	ck_assert_uint_eq(b.fake.creates, 1);
	ck_assert_uint_eq(last()->bodies[1].plain_len, len);
}
END_TEST

static void
make_set(const char *name, unsigned files)
{
	char path[256], text[32];
	unsigned i;

	snprintf(path, sizeof(path), ".%s", name);
	bench_mkdir(&b, path);
	snprintf(path, sizeof(path), ".%s/図面", name);
	bench_mkdir(&b, path);
	for (i = 0; i < files; i++) {
		snprintf(path, sizeof(path), ".%s/%s%05u.txt", name,
		    i % 2 == 0 ? "" : "図面/", i);
		snprintf(text, sizeof(text), "file %u\n", i);
		bench_puts(&b, path, text);
	}
}

static void
move_set(const char *name)
{
	char from[256], to[256];

	snprintf(from, sizeof(from), "%s/.%s", b.root, name);
	snprintf(to, sizeof(to), "%s/in/letters/%s", b.root, name);
	ck_assert_int_eq(rename(from, to), 0);
}

START_TEST(a_folder_is_one_transfer)
{
	make_set("申請一式", 300);
	bench_start(&b);
	move_set("申請一式");
	accept_all(1);
	ck_assert_uint_eq(last()->body_count, 301);
	/* The large manifest and few memfds, not one message a file. */
	ck_assert_uint_le(b.fake.puts, 8);
	ck_assert(!bench_has(&b, "in/letters/申請一式"));
}
END_TEST

START_TEST(ten_thousand_files_are_one_transfer)
{
	make_set("many", 10000);
	bench_start(&b);
	move_set("many");
	accept_all(1);
	ck_assert_uint_eq(last()->body_count, 10001);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"),
	    ",many,"), 1);
}
END_TEST

START_TEST(many_files_are_many_transfers)
{
	char name[64];
	unsigned i;

	bench_start(&b);
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "%03u.csv", i);
		bench_drop(&b, name, "a,b\n");
	}
	accept_all(300);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"),
	    "受付済"), 300);
}
END_TEST

START_TEST(names_in_cp932_are_kept_and_shown)
{
	bench_start(&b);
	/* "表示.csv": its first character ends in the byte of a backslash. */
	bench_drop(&b, "\x95\x5c\x8e\xa6.csv", "x");
	accept_all(1);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"),
	    ",表示.csv,1,"), 1);
}
END_TEST

START_TEST(a_name_of_eighty_kanji_passes)
{
	char name[NAME_MAX + 1] = "";
	int i;

	for (i = 0; i < 80; i++)
		strcat(name, "漢");
	strcat(name, ".csv");
	bench_start(&b);
	bench_drop(&b, name, "x");
	accept_all(1);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"), name), 1);
}
END_TEST

START_TEST(a_name_is_no_formula_in_the_ledger)
{
	bench_start(&b);
	bench_drop(&b, "=1+1.csv", "x");
	accept_all(1);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"),
	    ",\"'=1+1.csv\","), 1);
}
END_TEST

/* --- when it is complete ------------------------------------------- */

START_TEST(temporary_names_are_passed_over)
{
	bench_start(&b);
	bench_drop(&b, ".hidden.csv", "x");
	bench_drop(&b, "~$letter.docx", "x");
	bench_drop(&b, "upload.tmp", "x");
	bench_drop(&b, "upload.csv.part", "x");
	bench_drop(&b, "whole.csv", "x");
	accept_all(1);
	bench_run_ms(&b, 400);
	ck_assert_uint_eq(b.fake.accepted, 1);
	ck_assert(bench_has(&b, "in/letters/.hidden.csv"));
	ck_assert(bench_has(&b, "in/letters/~$letter.docx"));
	ck_assert(bench_has(&b, "in/letters/upload.tmp"));
	ck_assert(bench_has(&b, "in/letters/upload.csv.part"));
}
END_TEST

static int
open_in(const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/in/letters/%s", b.root, name);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	ck_assert_int_ne(fd, -1);
	return fd;
}

START_TEST(an_open_file_is_not_taken)
{
	int fd, i;

	bench_start(&b);
	fd = open_in("slow.csv");
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(write(fd, "x", 1), 1);
		bench_run_ms(&b, 20);
		ck_assert(bench_has(&b, "in/letters/slow.csv"));
	}
	close(fd);
	accept_all(1);
	ck_assert_uint_eq(last()->bodies[1].plain_len, 20);
}
END_TEST

START_TEST(what_lay_there_before_is_taken)
{
	bench_start(&b);
	bench_stop(&b);
	bench_drop(&b, "early.csv", "x");
	bench_start(&b);
	accept_all(1);
}
END_TEST

START_TEST(the_scan_does_without_inotify)
{
	bench_start(&b);
	bench_stop(&b);
	b.no_inotify = true;
	bench_start(&b);
	bench_drop(&b, "a.csv", "x");
	accept_all(1);
}
END_TEST

START_TEST(rename_waits_for_the_rename)
{
	int fd;

	b.flow->complete = COMPLETE_RENAME;
	bench_start(&b);
	fd = open_in("a.csv.part");
	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
	bench_run_ms(&b, 300);
	ck_assert_uint_eq(b.fake.count, 0);
	bench_rename(&b, "in/letters/a.csv.part", "in/letters/a.csv");
	accept_all(1);
}
END_TEST

START_TEST(done_waits_for_its_marker)
{
	b.flow->complete = COMPLETE_DONE;
	bench_start(&b);
	bench_drop(&b, "a.csv", "x");
	bench_run_ms(&b, 400);
	ck_assert_uint_eq(b.fake.count, 0);
	bench_drop(&b, "a.csv.done", "");
	accept_all(1);
	ck_assert(!bench_has(&b, "in/letters/a.csv.done"));
	ck_assert_uint_eq(bench_count(&b, "in/letters"), 0);
}
END_TEST

START_TEST(a_folder_is_complete_with_its_marker)
{
	b.opts.scan_ms = 60000;
	bench_start(&b);
	bench_mkdir(&b, "in/letters/set");
	bench_drop(&b, "set/a.csv", "x");
	bench_drop(&b, "set.done", "");
	accept_all(1);
	ck_assert_uint_eq(bench_count(&b, "in/letters"), 0);
}
END_TEST

START_TEST(a_folder_is_complete_when_it_is_quiet)
{
	int i;

	bench_start(&b);
	bench_mkdir(&b, "in/letters/set");
	for (i = 0; i < 8; i++) {
		char name[32];

		snprintf(name, sizeof(name), "set/%d.csv", i);
		bench_drop(&b, name, "x");
		bench_run_ms(&b, 50);
		ck_assert(bench_has(&b, "in/letters/set"));
	}
	accept_all(1);
	ck_assert_uint_eq(last()->body_count, 9);
}
END_TEST

START_TEST(quiet_is_quiet)
{
	int fd, i;

	b.flow->complete = COMPLETE_QUIET;
	b.opts.scan_ms = 60000;
	b.opts.quiet_ms = 100;
	bench_start(&b);
	for (i = 0; i < 10; i++) {
		fd = open_in("a.csv");
		ck_assert_int_eq(pwrite(fd, "x", 1, i), 1);
		close(fd);
		bench_run_ms(&b, 30);
		ck_assert(bench_has(&b, "in/letters/a.csv"));
	}
	accept_all(1);
}
END_TEST

/* --- who sent it --------------------------------------------------- */

START_TEST(the_owner_is_the_submitter)
{
	b.flow->submitter = SUBMITTER_OWNER;
	b.policy->person_count = 1;
	b.policy->people[0].uid = (uint32_t)geteuid();
	mem_put_str(b.policy->people[0].account, POLICY_ID_LEN, "hanako");
	bench_start(&b);
	bench_drop(&b, "a.csv", "x");
	accept_all(1);
	ck_assert_str_eq(last()->submitter, "hanako");
	ck_assert_uint_eq(last()->uid, (uint32_t)geteuid());
}
END_TEST

START_TEST(the_folder_is_the_submitter)
{
	b.flow->submitter = SUBMITTER_FOLDER;
	b.policy->person_count = 1;
	b.policy->people[0].uid = 4711;
	mem_put_str(b.policy->people[0].account, POLICY_ID_LEN, "taro");
	bench_start(&b);
	bench_mkdir(&b, "in/letters/taro");
	bench_mkdir(&b, "in/letters/山田 花子");
	bench_run_ms(&b, 50);
	bench_drop(&b, "taro/a.csv", "x");
	accept_all(1);
	ck_assert_str_eq(last()->submitter, "taro");
	ck_assert_uint_eq(last()->uid, 4711);
	bench_drop(&b, "山田 花子/b.csv", "x");
	accept_all(2);
	ck_assert_str_eq(last()->submitter, "山田 花子");
	ck_assert_uint_eq(last()->uid, UINT32_MAX);
}
END_TEST

START_TEST(outside_a_persons_folder_nobody_sent_it)
{
	b.flow->submitter = SUBMITTER_FOLDER;
	bench_start(&b);
	bench_drop(&b, "a.csv", "x");
	refuse_all(1);
	check_refused("a.csv", REASON_SUBMITTER_UNKNOWN);
}
END_TEST

START_TEST(the_sender_names_the_recipient)
{
	b.flow->recipient_count = 2;
	mem_put_str(b.flow->recipients[0], POLICY_ID_LEN, "zeimu");
	mem_put_str(b.flow->recipients[1], POLICY_ID_LEN, "kaikei");
	bench_start(&b);
	ck_assert(bench_has(&b, "in/letters/zeimu"));
	bench_drop(&b, "kaikei/a.csv", "x");
	accept_all(1);
	ck_assert(bench_has(&b, "in/letters/kaikei"));
	bench_deliver(&b, last(), false);
	ck_assert(bench_has(&b, "out/letters/kaikei/a.csv"));
	bench_mkdir(&b, "in/letters/soumu");
	bench_drop(&b, "soumu/b.csv", "x");
	wanted = 1;
	bench_until(&b, all_refused);
	ck_assert_int_eq(b.fake.refusals[0].reason,
	    REASON_RECIPIENT_UNKNOWN);
	ck_assert(bench_has(&b, "rejected/letters/soumu/b.csv"));
}
END_TEST

START_TEST(persons_have_folders_of_recipients)
{
	b.flow->submitter = SUBMITTER_FOLDER;
	b.flow->recipient_count = 2;
	mem_put_str(b.flow->recipients[0], POLICY_ID_LEN, "zeimu");
	mem_put_str(b.flow->recipients[1], POLICY_ID_LEN, "kaikei");
	bench_start(&b);
	bench_mkdir(&b, "in/letters/taro");
	bench_run_ms(&b, 200);
	ck_assert(bench_has(&b, "in/letters/taro/zeimu"));
	bench_drop(&b, "taro/zeimu/a.csv", "x");
	accept_all(1);
	ck_assert_str_eq(last()->submitter, "taro");
	bench_deliver(&b, last(), false);
	ck_assert(bench_has(&b, "out/letters/zeimu/a.csv"));
}
END_TEST

/* --- refusals ------------------------------------------------------ */

START_TEST(a_fifo_is_refused_and_never_opened)
{
	char path[256];

	bench_start(&b);
	snprintf(path, sizeof(path), "%s/in/letters/pipe", b.root);
	ck_assert_int_eq(mkfifo(path, 0644), 0);
	refuse_all(1);
	check_refused("pipe", REASON_NOT_REGULAR);
}
END_TEST

START_TEST(a_device_is_refused)
{
	char path[256];

	bench_start(&b);
	snprintf(path, sizeof(path), "%s/in/letters/null", b.root);
	if (mknod(path, S_IFCHR | 0666, 0x103) != 0)
		return; /* only root can make one */
	refuse_all(1);
	check_refused("null", REASON_NOT_REGULAR);
}
END_TEST

START_TEST(a_symbolic_link_is_refused)
{
	char path[256];

	bench_start(&b);
	snprintf(path, sizeof(path), "%s/in/letters/passwd.txt", b.root);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	refuse_all(1);
	check_refused("passwd.txt", REASON_NOT_REGULAR);
}
END_TEST

START_TEST(a_link_inside_a_set_is_refused)
{
	char path[256];

	make_set("set", 4);
	snprintf(path, sizeof(path), "%s/.set/図面/link", b.root);
	ck_assert_int_eq(symlink("/etc", path), 0);
	bench_start(&b);
	move_set("set");
	refuse_all(1);
	check_refused("set", REASON_NOT_REGULAR);
	ck_assert(bench_contains(&b, "rejected/letters/set.理由.txt",
	    "図面/link"));
}
END_TEST

START_TEST(a_hard_link_is_refused)
{
	char from[256], to[256];

	bench_start(&b);
	bench_puts(&b, "elsewhere.txt", "x");
	snprintf(from, sizeof(from), "%s/elsewhere.txt", b.root);
	snprintf(to, sizeof(to), "%s/in/letters/mine.txt", b.root);
	ck_assert_int_eq(link(from, to), 0);
	refuse_all(1);
	check_refused("mine.txt", REASON_NOT_REGULAR);
	ck_assert(bench_contains(&b, "rejected/letters/mine.txt.理由.txt",
	    "ハードリンク"));
}
END_TEST

START_TEST(an_empty_folder_is_refused)
{
	bench_start(&b);
	bench_mkdir(&b, "in/letters/nothing");
	refuse_all(1);
	check_refused("nothing", REASON_EMPTY_SET);
}
END_TEST

START_TEST(limits_of_the_flow_hold)
{
	b.flow->file_bytes = 100;
	b.flow->transfer_bytes = 150;
	b.flow->files = 10;
	make_set("many", 11);
	bench_mkdir(&b, ".heavy");
	bench_put(&b, ".heavy/a", b.policy, 90);
	bench_put(&b, ".heavy/b", b.policy, 90);
	bench_start(&b);
	bench_put(&b, "in/letters/big.txt", b.policy, 101);
	refuse_all(1);
	check_refused("big.txt", REASON_FILE_TOO_BIG);
	move_set("many");
	refuse_all(2);
	check_refused("many", REASON_TOO_MANY_FILES);
	move_set("heavy");
	refuse_all(3);
	check_refused("heavy", REASON_TRANSFER_TOO_BIG);
}
END_TEST

START_TEST(names_are_checked)
{
	bench_start(&b);
	bench_drop(&b, "invoice\xe2\x80\xae" "fdp.exe", "x");
	refuse_all(1);
	check_refused("invoice\xe2\x80\xae" "fdp.exe", REASON_NAME_BIDI);
	bench_drop(&b, "\xff\xfe\xfd.csv", "x");
	refuse_all(2);
	check_refused("\xff\xfe\xfd.csv", REASON_NAME_ENCODING);
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"),
	    "\\xff\\xfe\\xfd.csv"), 1);
	bench_drop(&b, "report.pdf.exe", "x");
	refuse_all(3);
	check_refused("report.pdf.exe", REASON_NAME_DISGUISED);
	bench_drop(&b, "CON.txt", "x");
	refuse_all(4);
	check_refused("CON.txt", REASON_NAME_INVALID);
}
END_TEST

START_TEST(names_that_collide_are_refused)
{
	bench_mkdir(&b, ".set");
	bench_puts(&b, ".set/Readme.txt", "x");
	bench_puts(&b, ".set/ＲＥＡＤＭＥ.txt", "y");
	bench_start(&b);
	move_set("set");
	refuse_all(1);
	check_refused("set", REASON_NAME_COLLISION);
}
END_TEST

START_TEST(mixed_encodings_are_not_guessed)
{
	bench_mkdir(&b, ".set");
	bench_mkdir(&b, ".set/資料");
	bench_puts(&b, ".set/資料/\x95\x5c\x8e\xa6.csv", "x");
	bench_start(&b);
	move_set("set");
	refuse_all(1);
	check_refused("set", REASON_NAME_ENCODING);
}
END_TEST

START_TEST(a_hundred_levels_are_too_deep)
{
	char path[1024] = ".deep";
	int i;

	bench_mkdir(&b, path);
	for (i = 0; i < 100; i++) {
		strcat(path, "/d");
		bench_mkdir(&b, path);
	}
	strcat(path, "/x");
	bench_puts(&b, path, "x");
	bench_start(&b);
	move_set("deep");
	refuse_all(1);
	check_refused("deep", REASON_NAME_TOO_LONG);
}
END_TEST

START_TEST(an_ended_flow_refuses)
{
	b.flow->until_ms = 1;
	bench_start(&b);
	bench_drop(&b, "a.csv", "x");
	refuse_all(1);
	check_refused("a.csv", REASON_FLOW_ENDED);
}
END_TEST

START_TEST(what_keys_refuses_is_refused)
{
	bench_start(&b);
	b.fake.new_err = GW_EDENIED;
	b.fake.new_reason = REASON_FLOW_UNKNOWN;
	bench_drop(&b, "a.csv", "x");
	refuse_all(1);
	check_refused("a.csv", REASON_FLOW_UNKNOWN);
}
END_TEST

START_TEST(a_second_refusal_takes_another_name)
{
	bench_start(&b);
	b.fake.open_err = GW_EDENIED;
	b.fake.open_reason = REASON_TRANSFER_TOO_BIG;
	bench_drop(&b, "a.csv", "one");
	refuse_all(1);
	check_refused("a.csv", REASON_TRANSFER_TOO_BIG);
	bench_drop(&b, "a.csv", "two");
	refuse_all(2);
	ck_assert(bench_contains(&b, "rejected/letters/a.csv", "one"));
	ck_assert(bench_contains(&b, "rejected/letters/a (2).csv", "two"));
	ck_assert(bench_contains(&b,
	    "rejected/letters/a (2).csv.理由.txt",
	    b.fake.refusals[1].number));
}
END_TEST

START_TEST(a_reason_is_given_in_english_where_the_zone_is)
{
	b.policy->zone.lang = POLICY_EN;
	b.flow->until_ms = 1;
	bench_start(&b);
	bench_drop(&b, "a.csv", "x");
	refuse_all(1);
	ck_assert(bench_contains(&b, "rejected/letters/a.csv.理由.txt",
	    reason_en(REASON_FLOW_ENDED)));
}
END_TEST

START_TEST(what_cannot_be_read_is_refused)
{
	char path[256];

	if (geteuid() == 0)
		return; /* root reads everything */
	bench_start(&b);
	bench_puts(&b, ".secret.csv", "x");
	snprintf(path, sizeof(path), "%s/.secret.csv", b.root);
	ck_assert_int_eq(chmod(path, 0), 0);
	bench_rename(&b, ".secret.csv", "in/letters/secret.csv");
	refuse_all(1);
	check_refused("secret.csv", REASON_UNREADABLE);
}
END_TEST

/* --- later --------------------------------------------------------- */

static bool
is_waiting(struct bench *bench)
{
	return bench_has(bench, "status/letters/受付待ち.txt") &&
	    bench_has(bench, "in/letters/a.csv");
}

START_TEST(without_space_it_stays_where_it_is)
{
	bench_start(&b);
	b.fake.open_err = GW_ESPACE;
	b.fake.open_reason = REASON_NO_SPACE;
	bench_drop(&b, "a.csv", "x");
	bench_until(&b, is_waiting);
	ck_assert(bench_contains(&b, "status/letters/受付待ち.txt",
	    "no-space"));
	bench_run_ms(&b, 200);
	ck_assert_uint_eq(b.fake.refused, 0);
	b.fake.open_err = GW_OK;
	accept_all(1);
	ck_assert(!bench_has(&b, "status/letters/受付待ち.txt"));
	ck_assert_uint_eq(b.fake.refused, 0);
}
END_TEST

START_TEST(without_a_channel_it_stays_where_it_is)
{
	bench_start(&b);
	b.fake.new_err = GW_EDENIED;
	b.fake.new_reason = REASON_NO_CHANNEL;
	bench_drop(&b, "a.csv", "x");
	bench_until(&b, is_waiting);
	b.fake.new_err = GW_OK;
	accept_all(1);
}
END_TEST

START_TEST(an_unclear_answer_is_asked_again)
{
	bench_start(&b);
	b.fake.done_err = GW_EIO;
	bench_drop(&b, "a.csv", "x");
	accept_all(1);
	bench_run_ms(&b, 300);
	ck_assert_uint_eq(b.fake.accepted, 1);
	ck_assert(!bench_has(&b, "in/letters/a.csv"));
	ck_assert_uint_eq(bench_lines(&b, bench_ledger("送信簿"),
	    "受付済"), 1);
}
END_TEST

/* A user who still has the file open writes whenever it is read. */
struct writer {
	int fd;
	unsigned times;
	bool is_busy;
};

static int
write_on_read(void *arg, enum io_op op, int fd, size_t *len)
{
	struct writer *w = arg;
	struct stat mine, read;

	(void)len;
	if (op != IO_READ || w->times == 0 || fstat(fd, &read) != 0 ||
	    fstat(w->fd, &mine) != 0 || mine.st_ino != read.st_ino)
		return 0;
	w->times--;
	return write(w->fd, "more", 4) == 4 ? 0 : EIO;
}

static void
drop_with_writer(struct writer *w, unsigned times)
{
	char path[256];

	w->times = times;
	bench_puts(&b, ".growing.csv", "start");
	snprintf(path, sizeof(path), "%s/.growing.csv", b.root);
	w->fd = open(path, O_WRONLY | O_APPEND);
	ck_assert_int_ne(w->fd, -1);
	io_set_hook(write_on_read, w);
	bench_rename(&b, ".growing.csv", "in/letters/growing.csv");
}

START_TEST(what_changed_once_is_read_again)
{
	struct writer w;

	bench_start(&b);
	drop_with_writer(&w, 2);
	accept_all(1);
	close(w.fd);
	ck_assert_uint_eq(last()->bodies[1].plain_len, 13);
	ck_assert_uint_eq(b.fake.refused, 0);
}
END_TEST

START_TEST(what_never_rests_is_refused)
{
	struct writer w;

	bench_start(&b);
	drop_with_writer(&w, 1000);
	refuse_all(1);
	io_set_hook(NULL, NULL);
	close(w.fd);
	check_refused("growing.csv", REASON_CHANGED_WHILE_READ);
}
END_TEST

/* While the folder is read, one of its files goes. */
static int
unlink_on_open(void *arg, enum io_op op, int fd, size_t *len)
{
	char *path = arg;

	(void)fd;
	(void)len;
	if (op == IO_OPEN && b.fake.count > 0 && path[0] != '\0') {
		char command[600];

		snprintf(command, sizeof(command),
		    "rm -f %s/.gw/claim/*/00003.txt", b.root);
		(void)!system(command);
		path[0] = '\0';
	}
	return 0;
}

START_TEST(a_file_that_goes_while_the_set_is_read)
{
	char path[256] = "x";

	make_set("set", 4);
	bench_start(&b);
	io_set_hook(unlink_on_open, path);
	move_set("set");
	accept_all(1);
	/* The second reading finds three files, whole. */
	ck_assert_uint_le(last()->body_count, 5);
}
END_TEST

START_TEST(a_removed_entry_is_forgotten)
{
	char path[256];
	int fd;

	bench_start(&b);
	fd = open_in("gone.csv");
	bench_run_ms(&b, 50);
	snprintf(path, sizeof(path), "%s/in/letters/gone.csv", b.root);
	ck_assert_int_eq(unlink(path), 0);
	close(fd);
	bench_run_ms(&b, 300);
	ck_assert_uint_eq(b.fake.count, 0);
	ck_assert_uint_eq(intake_count(b.courier->intakes), 0);
}
END_TEST

START_TEST(a_new_policy_brings_its_folders)
{
	struct policy_table *next = mem_alloc(sizeof(*next));

	bench_start(&b);
	memcpy(next, b.policy, sizeof(*next));
	next->flow_count = 2;
	next->flows[1] = next->flows[0];
	mem_put_str(next->flows[1].id, POLICY_ID_LEN, "maps");
	courier_policy(b.courier, next);
	mem_free(b.policy);
	b.policy = next;
	b.flow = &next->flows[0];
	bench_puts(&b, "in/maps/a.csv", "x");
	accept_all(1);
	ck_assert_str_eq(last()->flow, "maps");
}
END_TEST

START_TEST(folders_have_their_modes)
{
	static const struct {
		const char *path;
		mode_t mode;
	} rows[] = {
		{".gw", 0700}, {".gw/claim", 0700}, {".gw/out", 0700},
		{"in/letters", 03770}, {"out/letters", 02750},
		{"rejected/letters", 02750}, {"status/letters", 02750},
	};
	char path[256];
	struct stat st;
	size_t i;

	bench_start(&b);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", b.root, rows[i].path);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_msg((st.st_mode & 07777) == rows[i].mode, "%s",
		    rows[i].path);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("courier/intake");
	TCase *tc = tcase_create("intake");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_csv_is_taken_in);
	tcase_add_test(tc, an_empty_file_is_taken_in);
	tcase_add_test(tc, a_large_file_gets_a_body_of_its_own);
	tcase_add_test(tc, a_folder_is_one_transfer);
	tcase_add_test(tc, ten_thousand_files_are_one_transfer);
	tcase_add_test(tc, many_files_are_many_transfers);
	tcase_add_test(tc, names_in_cp932_are_kept_and_shown);
	tcase_add_test(tc, a_name_of_eighty_kanji_passes);
	tcase_add_test(tc, a_name_is_no_formula_in_the_ledger);
	tcase_add_test(tc, temporary_names_are_passed_over);
	tcase_add_test(tc, an_open_file_is_not_taken);
	tcase_add_test(tc, what_lay_there_before_is_taken);
	tcase_add_test(tc, the_scan_does_without_inotify);
	tcase_add_test(tc, rename_waits_for_the_rename);
	tcase_add_test(tc, done_waits_for_its_marker);
	tcase_add_test(tc, a_folder_is_complete_with_its_marker);
	tcase_add_test(tc, a_folder_is_complete_when_it_is_quiet);
	tcase_add_test(tc, quiet_is_quiet);
	tcase_add_test(tc, the_owner_is_the_submitter);
	tcase_add_test(tc, the_folder_is_the_submitter);
	tcase_add_test(tc, outside_a_persons_folder_nobody_sent_it);
	tcase_add_test(tc, the_sender_names_the_recipient);
	tcase_add_test(tc, persons_have_folders_of_recipients);
	tcase_add_test(tc, a_fifo_is_refused_and_never_opened);
	tcase_add_test(tc, a_device_is_refused);
	tcase_add_test(tc, a_symbolic_link_is_refused);
	tcase_add_test(tc, a_link_inside_a_set_is_refused);
	tcase_add_test(tc, a_hard_link_is_refused);
	tcase_add_test(tc, an_empty_folder_is_refused);
	tcase_add_test(tc, limits_of_the_flow_hold);
	tcase_add_test(tc, names_are_checked);
	tcase_add_test(tc, names_that_collide_are_refused);
	tcase_add_test(tc, mixed_encodings_are_not_guessed);
	tcase_add_test(tc, a_hundred_levels_are_too_deep);
	tcase_add_test(tc, an_ended_flow_refuses);
	tcase_add_test(tc, what_keys_refuses_is_refused);
	tcase_add_test(tc, a_second_refusal_takes_another_name);
	tcase_add_test(tc, a_reason_is_given_in_english_where_the_zone_is);
	tcase_add_test(tc, what_cannot_be_read_is_refused);
	tcase_add_test(tc, without_space_it_stays_where_it_is);
	tcase_add_test(tc, without_a_channel_it_stays_where_it_is);
	tcase_add_test(tc, an_unclear_answer_is_asked_again);
	tcase_add_test(tc, what_changed_once_is_read_again);
	tcase_add_test(tc, what_never_rests_is_refused);
	tcase_add_test(tc, a_file_that_goes_while_the_set_is_read);
	tcase_add_test(tc, a_removed_entry_is_forgotten);
	tcase_add_test(tc, a_new_policy_brings_its_folders);
	tcase_add_test(tc, folders_have_their_modes);
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
