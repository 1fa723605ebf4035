/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "gatewayd/parent/loader.h"

/* What the loader sends: status, length, text; the table's fd beside it. */
struct loader_answer {
	int32_t status;
	uint32_t len;
	char text[CTL_TEXT_MAX];
};

static _Noreturn void
exec_loader(int program_fd, const char *dir, const char *lang, uid_t uid,
    gid_t gid, int fd)
{
	static const char name[] = "gateway-policy-loader";
	const char *argv[] = {name, dir, "--lang", lang, NULL};
	const char *env[] = {NULL};
	sigset_t none;
	int program = fcntl(program_fd, F_DUPFD, IPC_CONTROL_FD + 1);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (uid != (uid_t)-1 &&
	    (setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 ||
		setresuid(uid, uid, uid) == -1))
		_exit(127);
	if (fd == IPC_CONTROL_FD) {
		if (fcntl(fd, F_SETFD, 0) == -1)
			_exit(127);
	} else if (dup2(fd, IPC_CONTROL_FD) == -1)
		_exit(127);
	if (program == -1 ||
	    close_range((unsigned)program + 1, ~0u, 0) == -1 ||
	    fcntl(program, F_SETFD, FD_CLOEXEC) == -1)
		_exit(127);
	syscall(SYS_execveat, program, "", argv, env, AT_EMPTY_PATH);
	_exit(127);
}

/* One datagram with at most one fd, within the time limit. */
static enum gw_err
receive(int sock, struct loader_answer *answer, size_t *len_out, int *fd_out)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = {.iov_base = answer, .iov_len = sizeof(*answer)};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &ctl,
	    .msg_controllen = sizeof(ctl)};
	struct pollfd pfd = {.fd = sock, .events = POLLIN};
	struct cmsghdr *c;
	ssize_t n;

	do {
		n = poll(&pfd, 1, LOADER_TIMEOUT_MS);
	} while (n == -1 && errno == EINTR);
	if (n == 0)
		return GW_ETIMEOUT;
	n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return GW_ECLOSED;
	c = CMSG_FIRSTHDR(&msg);
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd_out, CMSG_DATA(c), sizeof(int));
	*len_out = (size_t)n;
	return GW_OK;
}

static enum gw_err
read_answer(int sock, int *fd_out, struct ctl_text *text)
{
	struct loader_answer *answer = mem_alloc(sizeof(*answer));
	size_t len = 0;
	int fd = -1;
	enum gw_err err;

	err = receive(sock, answer, &len, &fd);
	if (err != GW_OK) {
		text->len = (uint32_t)snprintf(text->text, sizeof(text->text),
		    "the policy loader gave no answer (%s)\n",
		    err_text_en(err));
		goto out;
	}
	if (len < 8 || answer->len > len - 8) {
		err = GW_EPROTO;
		goto out;
	}
	text->len = answer->len;
	memcpy(text->text, answer->text, answer->len);
	err = (enum gw_err)answer->status;
	if (err == GW_OK && fd == -1)
		err = GW_EPROTO;
	if (err == GW_OK) {
		*fd_out = fd;
		fd = -1;
	}
out:
	io_drop(&fd);
	mem_free(answer);
	return err;
}

enum gw_err
loader_run(const char *libexec, const char *dir, const char *lang, uid_t uid,
    gid_t gid, int *fd_out, struct ctl_text *text)
{
	char program[4096];
	int sv[2], status, program_fd;
	enum gw_err err;
	pid_t pid;

	memset(text, 0, sizeof(*text));
	snprintf(program, sizeof(program), "%s/gateway-policy-loader", libexec);
	/* opened now: its user may not be able to walk the way to it */
	program_fd = open(program, O_PATH | O_CLOEXEC);
	if (program_fd == -1) {
		text->len = (uint32_t)snprintf(text->text, sizeof(text->text),
		    "%s: %s; is libexec complete?\n", program,
		    strerror(errno));
		return err_from_errno(errno);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == -1) {
		err = err_from_errno(errno);
		io_drop(&program_fd);
		return err;
	}
	pid = fork();
	if (pid == -1) {
		err = err_from_errno(errno);
		close(sv[0]);
		close(sv[1]);
		io_drop(&program_fd);
		return err;
	}
	if (pid == 0)
		exec_loader(program_fd, dir, lang, uid, gid, sv[1]);
	io_drop(&program_fd);
	close(sv[1]);
	err = read_answer(sv[0], fd_out, text);
	close(sv[0]);
	kill(pid, SIGKILL); /* one-shot: it has said all it has to say */
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	text->err = err;
	return err;
}
