/* SPDX-License-Identifier: ISC */
/* The real gateway-policy-loader, in its real sandbox. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"

#include "tests/unit/policy/load_cases.h"
#include "tests/unit/policy/support.h"

struct answer {
	int32_t status;
	uint32_t len;
	char text[60000];
};

struct outcome {
	struct answer answer;
	size_t size;
	int fd;
	int exit_status;
};

static _Noreturn void
exec_loader(int sock, char *const argv[])
{
	int null = open("/dev/null", O_WRONLY);

	/* Its log lines are not this test's matter. */
	(void)dup2(null, STDERR_FILENO);
	if (sock == 3)
		(void)fcntl(sock, F_SETFD, 0);
	else
		(void)dup2(sock, 3);
	execv(LOADER, argv);
	_exit(127);
}

static void
receive(int sock, struct outcome *o)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {&o->answer, sizeof(o->answer)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	ssize_t n;

	o->fd = -1;
	n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	o->size = n < 0 ? 0 : (size_t)n;
	c = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);
	if (c != NULL && c->cmsg_type == SCM_RIGHTS)
		memcpy(&o->fd, CMSG_DATA(c), sizeof(int));
}

static struct outcome *
run_loader(char *const argv[])
{
	struct outcome *o = mem_alloc(sizeof(*o));
	int pair[2], status;
	pid_t pid;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    pair), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		exec_loader(pair[1], argv);
	close(pair[1]);
	receive(pair[0], o);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "killed by signal %d",
	    WTERMSIG(status));
	o->exit_status = WEXITSTATUS(status);
	close(pair[0]);
	return o;
}

static struct outcome *
load_policy(const char *flow, const char *lang)
{
	struct outcome *o;
	char dir[64], path[128], *text;
	char *argv[] = {(char[]){"loader"}, dir, (char[]){"--lang"},
	    mem_strdup(lang), NULL};

	support_make_dir(dir);
	(void)snprintf(path, sizeof(path), "%s/flows", dir);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	text = support_replace(gateway_text,
	    "  approver: [sato]\n  officer: [suzuki, \"2001\"]\n",
	    "  approver: [\"1001\"]\n");
	support_write(dir, "gateway.yaml", text);
	support_write(dir, "flows/documents.yaml", flow);
	o = run_loader(argv);
	support_remove_dir(dir);
	mem_free(text);
	mem_free(argv[3]);
	return o;
}

START_TEST(good_policy)
{
	struct outcome *o = load_policy(flow_text, "en");
	const struct policy_table *map = NULL;

	ck_assert_int_eq(o->exit_status, 0);
	ck_assert_uint_eq(o->size, 8);
	ck_assert_int_eq(o->answer.status, GW_OK);
	ck_assert_uint_eq(o->answer.len, 0);
	ck_assert_int_ne(o->fd, -1);
	ck_assert_int_eq(policy_map(o->fd, &map), GW_OK);
	ck_assert_uint_eq(map->flow_count, 1);
	ck_assert_uint_eq(policy_roles(map, 1001),
	    POLICY_STAFF | POLICY_APPROVER);
	ck_assert_uint_ge(map->zone.workers, 1);
	policy_unmap(map);
	io_drop(&o->fd);
	mem_free(o);
}
END_TEST

START_TEST(bad_policy)
{
	static const char want[] =
		"flows/documents.yaml:8:8: class: 「4」は使えません。"
		"書ける値: 1 | 2 | 3A | 3B | 3C\n";
	char *text = support_replace(flow_text, "class: 2", "class: 4");
	struct outcome *o = load_policy(text, "ja");

	ck_assert_int_eq(o->exit_status, 1);
	ck_assert_int_eq(o->answer.status, GW_EFORMAT);
	ck_assert_int_eq(o->fd, -1);
	ck_assert_uint_eq(o->answer.len, strlen(want));
	ck_assert_uint_eq(o->size, 8 + strlen(want));
	ck_assert_mem_eq(o->answer.text, want, strlen(want));
	mem_free(text);
	mem_free(o);
}
END_TEST

START_TEST(no_folder)
{
	char *argv[] = {(char[]){"loader"}, (char[]){"/nonexistent/policy"},
	    NULL};
	struct outcome *o = run_loader(argv);

	ck_assert_int_eq(o->exit_status, 1);
	ck_assert_uint_eq(o->size, 0);
	mem_free(o);
}
END_TEST

START_TEST(usage)
{
	char *argv[] = {(char[]){"loader"}, (char[]){"/tmp"},
	    (char[]){"--lang"}, (char[]){"fr"}, NULL};
	struct outcome *o = run_loader(argv);

	ck_assert_int_eq(o->exit_status, 2);
	ck_assert_uint_eq(o->size, 0);
	mem_free(o);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("policy/loader");
	TCase *t = tcase_create("loader");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, good_policy);
	tcase_add_test(t, bad_policy);
	tcase_add_test(t, no_folder);
	tcase_add_test(t, usage);
	suite_add_tcase(s, t);
	return support_main(s);
}
