/* SPDX-License-Identifier: ISC */
/*
 * gateway-policy-loader DIR [--lang ja|en]: the one-shot process that sees
 * YAML.  It reads beneath DIR, compiles, hands the result to the parent over
 * fd 3 and ends.  Whatever a hostile policy file does to the parser, all it
 * gets is this process: no network, no writing, no key.
 *
 * The answer is one SOCK_SEQPACKET message in host byte order: int32 status
 * (enum gw_err), uint32 length, then that many bytes of findings; with
 * status 0 the sealed table travels beside it as an fd.
 */
#include <sys/socket.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/sandbox.h"

#include "policy/load.h"

#define PARENT_FD 3
#define TEXT_MAX 60000
#define MEMORY_MAX (UINT64_C(256) << 20) /* a table is 3 MiB, a file 256 KiB */
#define CALLS_MAX 128

struct answer {
	int32_t status;
	uint32_t len;
	char text[TEXT_MAX];
};

/* Before the sandbox: what it will not let us open. */
static void
prepare(void *arg)
{
	enum gw_err err;
	struct policy_env *env = arg;

	err = policy_env_init(env, clock_wall_ms(), env->lang);
	if (err != GW_OK)
		log_fatal("cannot read /etc/passwd: %s: operators cannot be "
		    "looked up", err_text_en(err));
}

static int
enter(const char *dir, struct policy_env *env)
{
	static struct sandbox_call calls[CALLS_MAX];
	struct proc_spec spec = {
		.name = "policy-loader",
		.dirs = {{.path = dir, .rights = SANDBOX_READ}},
		.dir_count = 1,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.before_sandbox = prepare,
		.arg = env,
		.sandbox = {
			.calls = calls,
			.deny_fork = true,
			.max_memory = MEMORY_MAX,
			.max_fds = 16,
		},
	};
	int dir_fds[PROC_DIRS_MAX];

	sandbox_join(calls, CALLS_MAX, &spec.sandbox.call_count,
	    sandbox_file_calls, sandbox_file_call_count);
	proc_start(&spec, dir_fds);
	return dir_fds[0];
}

/* Cut at a whole line, so that no finding reads like another. */
static uint32_t
fit_lines(const struct buf *b)
{
	size_t len = b->len;

	if (len > TEXT_MAX)
		len = TEXT_MAX;
	while (len > 0 && b->data[len - 1] != '\n')
		len--;
	return (uint32_t)len;
}

static int
send_answer(enum gw_err status, const struct buf *text, int fd)
{
	static struct answer answer;
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.space = {0}};
	struct iovec iov = {.iov_base = &answer};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	ssize_t n;

	answer.status = status;
	answer.len = fit_lines(text);
	if (answer.len > 0)
		memcpy(answer.text, text->data, answer.len);
	iov.iov_len = offsetof(struct answer, text) + answer.len;
	if (fd != -1) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	do {
		n = sendmsg(PARENT_FD, &msg, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	return n == (ssize_t)iov.iov_len ? 0 : -1;
}

static enum gw_err
load(int dirfd, const struct policy_env *env, struct buf *text, int *fd_out)
{
	struct policy_table *table;
	enum gw_err err;

	table = mem_alloc(sizeof(*table));
	err = policy_load_at(dirfd, env, table, text);
	if (err == GW_OK)
		err = policy_to_memfd(table, fd_out);
	mem_free(table);
	return err;
}

static _Noreturn void
usage(void)
{
	(void)fprintf(stderr,
	    "usage: gateway-policy-loader DIR [--lang ja|en]\n"
	    "started by gatewayd; to check a policy by hand use "
	    "gatewayctl policy check\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	const int keep[] = {PARENT_FD};
	struct policy_env env = {.lang = POLICY_JA};
	struct buf text;
	char *dir;
	enum gw_err err;
	int dirfd, fd = -1;

	if (argc != 2 && argc != 4)
		usage();
	if (argc == 4 && (strcmp(argv[2], "--lang") != 0 ||
	    (strcmp(argv[3], "ja") != 0 && strcmp(argv[3], "en") != 0)))
		usage();
	if (argc == 4 && strcmp(argv[3], "en") == 0)
		env.lang = POLICY_EN;
	log_init("policy-loader");
	proc_close_fds(keep, 1);
	if ((dir = realpath(argv[1], NULL)) == NULL)
		log_fatal("cannot open %s: %s", argv[1], strerror(errno));
	dirfd = enter(dir, &env);
	buf_init(&text, 4 * TEXT_MAX);
	err = load(dirfd, &env, &text, &fd);
	if (send_answer(err, &text, fd) != 0)
		log_fatal("cannot answer the parent: %s", strerror(errno));
	buf_clear(&text);
	policy_env_clear(&env);
	io_drop(&fd);
	io_drop(&dirfd);
	free(dir);
	/* Nothing is left to flush, and exit handlers would want files. */
	_exit(err == GW_OK ? 0 : 1);
}
