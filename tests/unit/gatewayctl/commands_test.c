/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#include "proto/ctl/answer.h"
#include "proto/ctl/request.h"

/*
 * The real program against a desk played here: a socket, a script of frames,
 * and what was asked.
 */
struct stage {
	char dir[64];
	int listen_fd;
	pid_t desk;
	struct buf frames[16];
	int frame_count;
	char request[64];		/* file the player writes it to */
};

static char out[65536];		/* of the last run, both streams */

static void
path_of(const struct stage *s, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", s->dir, name);
}

static void
put_text(const struct stage *s, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	path_of(s, name, path, sizeof(path));
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void
stage_init(struct stage *s)
{
	char text[512];

	memset(s, 0, sizeof(*s));
	strcpy(s->dir, "/tmp/gwctl-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(s->dir));
	snprintf(text, sizeof(text), "zone: internet\nstate_dir: %s/state\n"
	    "folders: %s/folders\n", s->dir, s->dir);
	put_text(s, "gateway.yaml", text);
	s->listen_fd = -1;
}

static void
stage_clear(struct stage *s)
{
	char command[128];
	int i;

	for (i = 0; i < s->frame_count; i++)
		buf_clear(&s->frames[i]);
	snprintf(command, sizeof(command), "rm -rf %s", s->dir);
	ck_assert_int_eq(system(command), 0);
}

static struct buf *
stage_frame(struct stage *s)
{
	struct buf *buf = &s->frames[s->frame_count++];

	buf_init(buf, ANSWER_MAX);
	return buf;
}

static void
stage_play(struct stage *s)
{
	uint8_t bytes[REQUEST_MAX];
	char path[256];
	ssize_t n;
	int fd, file, i;

	alarm(30);	/* a test that failed leaves nobody waiting */
	fd = accept(s->listen_fd, NULL, NULL);
	n = recv(fd, bytes, sizeof(bytes), 0);
	path_of(s, "request", path, sizeof(path));
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd == -1 || n <= 0 || file == -1 || write(file, bytes, (size_t)n)
	    != n)
		_exit(1);
	for (i = 0; i < s->frame_count; i++) {
		if (send(fd, s->frames[i].data, s->frames[i].len,
		    MSG_NOSIGNAL) == -1)
			_exit(1);
	}
	_exit(0);
}

static void
stage_serve(struct stage *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char path[256];

	path_of(s, "state", path, sizeof(path));
	ck_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
	path_of(s, "state/run", path, sizeof(path));
	ck_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
	path_of(s, "state/run/control.sock", addr.sun_path,
	    sizeof(addr.sun_path));
	unlink(addr.sun_path);
	s->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(s->listen_fd, (struct sockaddr *)&addr,
	    sizeof(addr)), 0);
	ck_assert_int_eq(listen(s->listen_fd, 1), 0);
	s->desk = fork();
	ck_assert_int_ne(s->desk, -1);
	if (s->desk == 0)
		stage_play(s);
	close(s->listen_fd);
}

/* Run gatewayctl; its output is in out.  Words up to NULL. */
static int
run(const struct stage *s, const char *word, ...)
{
	char command[2048];
	va_list ap;
	FILE *pipe;
	size_t n;

	n = (size_t)snprintf(command, sizeof(command),
	    "LC_ALL=C.UTF-8 %s --dir %s", GW_CTL, s->dir);
	va_start(ap, word);
	for (; word != NULL; word = va_arg(ap, const char *))
		n += (size_t)snprintf(command + n, sizeof(command) - n,
		    " '%s'", word);
	va_end(ap);
	snprintf(command + n, sizeof(command) - n, " 2>&1 </dev/null");
	pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	n = fread(out, 1, sizeof(out) - 1, pipe);
	out[n] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

static void
asked(struct stage *s, struct request *req)
{
	uint8_t bytes[REQUEST_MAX];
	char path[256];
	int status;
	size_t n;
	FILE *f;

	ck_assert_int_eq(waitpid(s->desk, &status, 0), s->desk);
	ck_assert_int_eq(status, 0);
	path_of(s, "request", path, sizeof(path));
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	ck_assert_int_eq(request_decode(bytes, n, req), GW_OK);
}

START_TEST(test_unreachable)
{
	struct stage s;

	stage_init(&s);
	ck_assert_int_eq(run(&s, "status", NULL), ANSWER_UNREACHABLE);
	ck_assert_ptr_nonnull(strstr(out, "gatewayd"));
	/* Errors in gateway.yaml do not cut off a running gateway. */
	put_text(&s, "gateway.yaml", "zone: [\nstate_dir: \"/nowhere\" # x\n");
	ck_assert_int_eq(run(&s, "status", NULL), ANSWER_UNREACHABLE);
	put_text(&s, "gateway.yaml", "zone: [\n");
	ck_assert_int_eq(run(&s, "status", NULL), ANSWER_USAGE);
	stage_clear(&s);
}
END_TEST

/* A desk that dies in the middle is not taken for one that is done. */
START_TEST(test_cut_answer)
{
	struct request req;
	struct stage s;

	stage_init(&s);
	answer_row_put(stage_frame(&s), ROW_COUNT);
	stage_serve(&s);
	ck_assert_int_eq(run(&s, "transfers", "list", NULL),
	    ANSWER_UNREACHABLE);
	asked(&s, &req);
	stage_clear(&s);
}
END_TEST

START_TEST(test_exit_codes)
{
	struct request req;
	struct stage s;

	stage_init(&s);
	answer_end_put(stage_frame(&s), (enum answer_exit)_i, "ことば");
	stage_serve(&s);
	ck_assert_int_eq(run(&s, "reload", NULL), _i);
	ck_assert_ptr_nonnull(strstr(out, "ことば"));
	asked(&s, &req);
	ck_assert_int_eq(req.verb, VERB_RELOAD);
	stage_clear(&s);
}
END_TEST

START_TEST(test_number)
{
	struct request req;
	struct stage s;

	stage_init(&s);
	/* The check digit is looked at before anybody is asked. */
	ck_assert_int_eq(run(&s, "transfers", "show", "I20260401-00017-0",
	    NULL), ANSWER_USAGE);
	ck_assert_int_eq(run(&s, "transfers", "show", "nonsense", NULL),
	    ANSWER_USAGE);
	answer_end_put(stage_frame(&s), ANSWER_DONE, "");
	stage_serve(&s);
	ck_assert_int_eq(run(&s, "holds", "release", "i20260401-00017-3",
	    "--comment", "確認済", NULL), ANSWER_DONE);
	asked(&s, &req);
	ck_assert_int_eq(req.verb, VERB_HOLDS_RELEASE);
	ck_assert_str_eq(req.number, "I20260401-00017-3");
	ck_assert_str_eq(req.comment, "確認済");
	stage_clear(&s);
}
END_TEST

START_TEST(test_pair_accept)
{
	struct request req;
	struct stage s;
	char card[256], secret[256];
	unsigned i;

	stage_init(&s);
	put_text(&s, "card.bin", "\x01" "card");
	put_text(&s, "secret", "0011223344556677 8899aabbccddeeff-"
	    "0011223344556677 8899AABBCCDDEEFF\n");
	path_of(&s, "card.bin", card, sizeof(card));
	path_of(&s, "secret", secret, sizeof(secret));
	/* Without a terminal nothing can be asked for. */
	ck_assert_int_eq(run(&s, "pair", "accept", card, NULL), ANSWER_USAGE);
	ck_assert_int_eq(run(&s, "pair", "accept", card, "--digits", "1",
	    NULL), ANSWER_USAGE);
	ck_assert_int_eq(run(&s, "pair", "accept", card, "--digits", "1",
	    "--secret-file", card, NULL), ANSWER_USAGE);
	answer_end_put(stage_frame(&s), ANSWER_DONE, "");
	stage_serve(&s);
	ck_assert_int_eq(run(&s, "pair", "accept", card, "--digits",
	    "12345 67890", "--secret-file", secret, NULL), ANSWER_DONE);
	asked(&s, &req);
	ck_assert_int_eq(req.verb, VERB_PAIR_ACCEPT);
	ck_assert_str_eq(req.digits, "12345 67890");
	ck_assert_uint_eq(req.card_len, 5);
	ck_assert_mem_eq(req.card, "\x01" "card", 5);
	for (i = 0; i < 32; i++)
		ck_assert_uint_eq(req.secret[i], 0x11 * (i % 16u));
	/* The secret is in no output. */
	ck_assert_ptr_null(strstr(out, "0011"));
	stage_clear(&s);
}
END_TEST

START_TEST(test_pair_card)
{
	struct request req;
	struct stage s;
	struct buf *row;

	stage_init(&s);
	row = stage_frame(&s);
	answer_row_put(row, ROW_CARD);
	answer_bytes_put(row, F_CARD, "CARD", 4);
	answer_end_put(stage_frame(&s), ANSWER_DONE, "");
	stage_serve(&s);
	ck_assert_int_eq(run(&s, "pair", "card", "--binary", NULL),
	    ANSWER_DONE);
	ck_assert_str_eq(out, "CARD");
	asked(&s, &req);
	stage_serve(&s);
	ck_assert_int_eq(run(&s, "pair", "card", "--hex", NULL),
	    ANSWER_DONE);
	ck_assert_str_eq(out, "43415244\n");
	asked(&s, &req);
	stage_clear(&s);
}
END_TEST

/* --- send --------------------------------------------------------------- */

static void
serve_flow(struct stage *s, const char *from, const char *state,
    const char *complete)
{
	char path[256];
	struct buf *row;

	path_of(s, "folders", path, sizeof(path));
	row = stage_frame(s);
	answer_row_put(row, ROW_ZONE);
	answer_text_put(row, F_ZONE, "internet");
	answer_text_put(row, F_FOLDERS, path);
	row = stage_frame(s);
	answer_row_put(row, ROW_FLOW);
	answer_text_put(row, F_FLOW, "text-data");
	answer_text_put(row, F_FROM, from);
	answer_text_put(row, F_STATE, state);
	answer_text_put(row, F_COMPLETE, complete);
	answer_text_put(row, F_SUBMITTER_RULE, "owner");
	answer_end_put(stage_frame(s), ANSWER_DONE, "");
	ck_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
	path_of(s, "folders/in", path, sizeof(path));
	ck_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
	path_of(s, "folders/in/text-data", path, sizeof(path));
	ck_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
	stage_serve(s);
}

static bool
exists(const struct stage *s, const char *name)
{
	struct stat st;
	char path[256];

	path_of(s, name, path, sizeof(path));
	return stat(path, &st) == 0;
}

START_TEST(test_send)
{
	struct request req;
	struct stage s;
	char file[256];

	stage_init(&s);
	put_text(&s, "申請.csv", "a,b\n");
	path_of(&s, "申請.csv", file, sizeof(file));
	serve_flow(&s, "internet", "open", "done");
	ck_assert_int_eq(run(&s, "send", "text-data", file, NULL),
	    ANSWER_DONE);
	asked(&s, &req);
	ck_assert_int_eq(req.verb, VERB_FLOWS);
	ck_assert(exists(&s, "folders/in/text-data/申請.csv"));
	ck_assert(exists(&s, "folders/in/text-data/申請.csv.done"));
	ck_assert_ptr_nonnull(strstr(out, "text-data/申請.csv"));
	/* The same name again, before the first was taken in. */
	stage_serve(&s);
	ck_assert_int_eq(run(&s, "send", "text-data", file, NULL),
	    ANSWER_REFUSED);
	asked(&s, &req);
	stage_clear(&s);
}
END_TEST

START_TEST(test_send_refused)
{
	static const struct {
		const char *flow, *file, *from, *state;
	} cases[] = {
		{"unregistered", "/dev/null", "internet", "open"},
		{"text-data", "/dev/null", "internet", "open"},
		{"text-data", "/etc/passwd", "lgwan", "open"},
		{"text-data", "/etc/passwd", "internet", "ended"},
		{"text-data", "/nowhere/at/all", "internet", "open"},
		{"text-data", "/tmp/x.tmp", "internet", "open"},
	};
	struct request req;
	struct stage s;

	stage_init(&s);
	serve_flow(&s, cases[_i].from, cases[_i].state, "close");
	ck_assert_int_eq(run(&s, "send", cases[_i].flow, cases[_i].file,
	    NULL), ANSWER_REFUSED);
	ck_assert_msg(strstr(out, cases[_i].flow) != NULL ||
	    strstr(out, cases[_i].file) != NULL, "%s", out);
	asked(&s, &req);
	stage_clear(&s);
}
END_TEST

/* --- init and policy ---------------------------------------------------- */

START_TEST(test_init)
{
	static const char *const zones[] = {"internet", "lgwan", "mynumber"};
	char dir[128], command[512];
	struct stage s, fresh;

	stage_init(&s);
	path_of(&s, "new", dir, sizeof(dir));
	ck_assert_int_eq(run(&s, "init", "--zone", "kanto", dir, NULL),
	    ANSWER_USAGE);
	ck_assert_int_eq(run(&s, "init", "--zone", zones[_i], dir, NULL),
	    ANSWER_DONE);
	fresh = s;
	memcpy(fresh.dir, dir, sizeof(fresh.dir));
	ck_assert_msg(run(&fresh, "policy", "check", NULL) == ANSWER_DONE,
	    "%s", out);
	/* With the example flow registered, too. */
	snprintf(command, sizeof(command), "cp %s/examples/*.yaml %s/flows/",
	    dir, dir);
	ck_assert_int_eq(system(command), 0);
	ck_assert_msg(run(&fresh, "--lang", "en", "policy", "check", NULL) ==
	    ANSWER_DONE, "%s", out);
	ck_assert_ptr_nonnull(strstr(out, "1 flows"));
	ck_assert_ptr_null(strstr(out, "warning"));
	ck_assert_int_eq(run(&fresh, "policy", "explain", "/etc/passwd",
	    NULL), ANSWER_DONE);
	/* A second time nothing is changed. */
	ck_assert_int_eq(run(&s, "init", "--zone", zones[_i], dir, NULL),
	    ANSWER_REFUSED);
	put_text(&fresh, "gateway.yaml", "zone: nowhere\n");
	ck_assert_int_eq(run(&fresh, "policy", "check", NULL),
	    ANSWER_REFUSED);
	ck_assert_ptr_nonnull(strstr(out, "gateway.yaml:1:"));
	stage_clear(&s);
}
END_TEST

/* --- log ---------------------------------------------------------------- */

START_TEST(test_export)
{
	struct request req;
	struct stage s;
	struct buf *row;

	stage_init(&s);
	row = stage_frame(&s);
	answer_row_put(row, ROW_LOG);
	answer_uint_put(row, F_LOG_INDEX, 4);
	answer_uint_put(row, F_TIME, UINT64_C(1775001600000));
	answer_text_put(row, F_EVENT, "state");
	answer_text_put(row, F_DETAIL, "=cmd|\"x\"");
	answer_end_put(stage_frame(&s), ANSWER_DONE, "");
	stage_serve(&s);
	ck_assert_int_eq(run(&s, "log", "export", "--csv", "--from",
	    "2026-04-01", NULL), ANSWER_DONE);
	asked(&s, &req);
	ck_assert_uint_eq(req.has, ARG_BIT(ARG_SINCE));
	ck_assert_int_eq(memcmp(out, "\xef\xbb\xbf\"記録番号\",", 18), 0);
	ck_assert_ptr_nonnull(strstr(out,
	    "\r\n\"4\",\"2026-04-01 09:00:00\",\"状態の変化\","));
	/* No formula, and quotes doubled. */
	ck_assert_ptr_nonnull(strstr(out, ",\"'=cmd|\"\"x\"\"\","));
	ck_assert_ptr_nonnull(strstr(out, "\"未取得\""));
	stage_serve(&s);
	ck_assert_int_eq(run(&s, "log", "export", "--jsonl", NULL),
	    ANSWER_DONE);
	asked(&s, &req);
	ck_assert_str_eq(out, "{\"row\":\"entry\",\"time\":"
	    "\"2026-04-01T09:00:00+09:00\",\"entry\":4,\"time_ms\":"
	    "1775001600000,\"event\":\"state\",\"detail\":\"=cmd|\\\"x\\\"\""
	    "}\n");
	stage_clear(&s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("commands");
	TCase *tc = tcase_create("commands");
	SRunner *r;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_unreachable);
	tcase_add_test(tc, test_cut_answer);
	tcase_add_loop_test(tc, test_exit_codes, 0, 6);
	tcase_add_test(tc, test_number);
	tcase_add_test(tc, test_pair_accept);
	tcase_add_test(tc, test_pair_card);
	tcase_add_test(tc, test_send);
	tcase_add_loop_test(tc, test_send_refused, 0, 6);
	tcase_add_loop_test(tc, test_init, 0, 3);
	tcase_add_test(tc, test_export);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
