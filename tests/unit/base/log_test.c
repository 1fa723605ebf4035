/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/log.h"

#include "tests/unit/base/scratch.h"

static void
keep_record(void *arg, const struct log_record *rec)
{
	memcpy(arg, rec, sizeof(*rec));
}

static const struct {
	const char *text;
	const char *want;
} lines[] = {
    {"plain", "plain"},
    {"two\nlines\r\n", "two?lines??"},
    {"\x1b[31mred\a\x7f", "?[31mred??"},
    {"\xc2\x9b"
     "31m",
	"??31m"},
    {"\xc2\xa9 \xc3\xa9 関所", "\xc2\xa9 \xc3\xa9 関所"},
    {"", ""},
};

START_TEST(line_is_clean)
{
	struct log_record rec = {0};

	log_set_sink(keep_record, &rec);
	log_err("%s", lines[_i].text);
	log_set_sink(NULL, NULL);
	ck_assert_uint_eq(rec.level, LOG_ERR_);
	ck_assert_uint_eq(rec.len, strlen(lines[_i].want));
	ck_assert_mem_eq(rec.text, lines[_i].want, rec.len);
}
END_TEST

START_TEST(long_line_is_cut)
{
	struct log_record rec = {0};
	char text[3 * LOG_LINE_MAX];

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_set_sink(keep_record, &rec);
	log_warn("%s", text);
	log_set_sink(NULL, NULL);
	ck_assert_uint_eq(rec.len, LOG_LINE_MAX - 1);
	ck_assert_mem_eq(rec.text + rec.len - 4, "a...", 4);
}
END_TEST

START_TEST(level_is_kept)
{
	struct log_record rec = {0};

	log_set_sink(keep_record, &rec);
	log_debug("no");
	ck_assert_uint_eq(rec.len, 0);
	log_set_level(LOG_DEBUG_);
	log_debug("yes");
	ck_assert_uint_eq(rec.len, 3);
	log_set_level(LOG_INFO_);
	log_info("info");
	ck_assert_uint_eq(rec.level, LOG_INFO_);
	log_set_sink(NULL, NULL);
}
END_TEST

/* What a line through the socket is, up to a full socket and after. */
START_TEST(full_socket_drops_and_counts)
{
	struct log_record rec;
	ssize_t n;
	int pair[2], sent, got = 0, lost = 0;

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	log_init_fd(pair[0]);
	for (sent = 0; sent < 10000; sent++)
		log_info("line %d", sent);
	while ((n = recv(pair[1], &rec, sizeof(rec), 0)) > 0) {
		ck_assert_int_eq(
		    n, (ssize_t)(offsetof(struct log_record, text) + rec.len));
		got++;
	}
	ck_assert_int_gt(got, 0);
	ck_assert_int_lt(got, sent);
	log_info("after");
	memset(&rec, 0, sizeof(rec));
	ck_assert_int_gt(recv(pair[1], &rec, sizeof(rec), 0), 0);
	ck_assert_uint_eq(rec.level, LOG_WARN_);
	ck_assert_int_eq(sscanf(rec.text, "%d log lines lost", &lost), 1);
	ck_assert_int_eq(lost, sent - got);
	memset(&rec, 0, sizeof(rec));
	ck_assert_int_gt(recv(pair[1], &rec, sizeof(rec), 0), 0);
	ck_assert_str_eq(rec.text, "after");
	/* The parent is gone: lines are lost, the process is not. */
	close(pair[1]);
	log_info("nobody");
	log_init_fd(-1);
	close(pair[0]);
}
END_TEST

static int
relay_child(void *arg)
{
	const struct scratch *s = arg;
	struct log_record rec = {.level = 200, .len = UINT32_MAX};
	int fd = openat(s->fd, "log", O_WRONLY | O_CREAT, 0600);

	memset(rec.text, '\n', sizeof(rec.text));
	if (dup2(fd, STDERR_FILENO) == -1)
		return 1;
	unsetenv("JOURNAL_STREAM");
	log_init("parent");
	log_relay("courier", &rec);
	rec = (struct log_record){.level = LOG_WARN_, .len = 2, .text = "ab"};
	log_relay("a name that is much longer than any process has", &rec);
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_init("parent");
	log_relay("courier", &rec);
	log_info("own");
	return 0;
}

START_TEST(hostile_record_is_one_line)
{
	struct scratch s;
	char text[4096] = "";
	char *line;
	int fd;

	scratch_init(&s);
	ck_assert_int_eq(scratch_fork(relay_child, &s), 0);
	fd = openat(s.fd, "log", O_RDONLY);
	ck_assert_int_gt(read(fd, text, sizeof(text) - 1), LOG_LINE_MAX);
	close(fd);
	line = strtok(text, "\n");
	ck_assert_ptr_nonnull(strstr(line, "+09:00 courier error: ????"));
	ck_assert_uint_gt(strlen(line), LOG_LINE_MAX);
	line = strtok(NULL, "\n");
	ck_assert_ptr_nonnull(
	    strstr(line, " a name that is much longer than warning: ab"));
	ck_assert_str_eq(strtok(NULL, "\n"), "<4>courier: ab");
	ck_assert_str_eq(strtok(NULL, "\n"), "<6>parent: own");
	ck_assert_ptr_null(strtok(NULL, "\n"));
	scratch_clear(&s);
}
END_TEST

static int
fatal_child(void *arg)
{
	(void)arg;
	log_fatal("environment %d", 1);
}

static int
panic_child(void *arg)
{
	(void)arg;
	log_panic("defect %d", 1);
}

START_TEST(fatal_exits_and_panic_aborts)
{
	int status = scratch_fork(fatal_child, NULL);

	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	status = scratch_fork(panic_child, NULL);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(
	    tcase, line_is_clean, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(tcase, long_line_is_cut);
	tcase_add_test(tcase, level_is_kept);
	tcase_add_test(tcase, full_socket_drops_and_counts);
	tcase_add_test(tcase, hostile_record_is_one_line);
	tcase_add_test(tcase, fatal_exits_and_panic_aborts);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
