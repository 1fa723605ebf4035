/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "gatewayd/parent/child.h"

struct child {
	enum proc_id id;
	pid_t pid;
	struct ipc_chan *control;
	int log_fd;
	struct ev_fd *log_ev;
	struct child_ops ops;
};

/* What a child may send; desk alone sends the last three. */
static const struct ipc_rule control_rules[] = {
    {CTL_READY, 0, 0, 0, 0, 0},
    {CTL_PONG, 0, 0, 0, 0, 0},
    {CTL_POLICY_DONE, sizeof(struct ipc_status), 0, 0, 0, 0},
    {CTL_RELOAD, 0, 0, 0, 0, 0},
    {CTL_STATUS, 0, 0, 0, 0, 0},
    {CTL_RESTART, sizeof(struct ctl_peer), 0, 0, 0, 0},
};

static _Noreturn void
exec_child(const char *path, int control_fd)
{
	static char lang[] = "LANG=C.UTF-8", dir[] = "PATH=/usr/bin:/bin";
	char *const env[] = {lang, dir, NULL};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* a stop reaches children as CTL_STOP, in order; never as a signal */
	setsid();
	if (control_fd == IPC_CONTROL_FD) {
		if (fcntl(control_fd, F_SETFD, 0) == -1)
			_exit(127);
	} else if (dup2(control_fd, IPC_CONTROL_FD) == -1)
		_exit(127);
	if (close_range(IPC_CONTROL_FD + 1, ~0u, 0) == -1)
		_exit(127);
	execle(path, path, (char *)NULL, env);
	_exit(127);
}

static void
on_log(void *arg, int fd, int events)
{
	struct child *c = arg;
	struct log_record rec;
	ssize_t n;

	(void)events;
	while ((n = recv(fd, &rec, sizeof(rec), MSG_DONTWAIT)) > 0) {
		size_t head = sizeof(rec) - sizeof(rec.text);

		if ((size_t)n < head || rec.len > (size_t)n - head)
			continue;
		log_relay(ipc_proc_name(c->id), &rec);
	}
}

static void
on_control(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct child *c = arg;

	(void)chan;
	c->ops.on_message(c->ops.arg, c, msg);
}

static void
on_control_closed(void *arg, struct ipc_chan *chan)
{
	/* its death is told by SIGCHLD, which also says how it died */
	(void)arg;
	(void)chan;
}

static struct child *
child_new(struct ev_loop *loop, enum proc_id id, pid_t pid, int control_fd,
    int log_fd, const struct child_ops *ops)
{
	struct child *c = mem_alloc(sizeof(*c));

	c->id = id;
	c->pid = pid;
	c->ops = *ops;
	c->log_fd = log_fd;
	c->log_ev = ev_fd_new(loop, log_fd, EV_RD, on_log, c);
	c->control =
	    ipc_chan_new(loop, control_fd, ipc_proc_name(id), control_rules,
		(int)(sizeof(control_rules) / sizeof(*control_rules)),
		on_control, on_control_closed, c);
	return c;
}

struct child *
child_spawn(struct ev_loop *loop, const char *libexec, const char *program,
    const struct ctl_start *start, int policy_fd, const int *peer_fds,
    const struct child_ops *ops)
{
	int control[2] = {-1, -1}, log[2] = {-1, -1};
	int fds[CTL_PEERS_MAX + 2];
	char path[4096];
	struct child *c;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", libexec, program);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) ==
		-1 ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, log) == -1)
		log_fatal(
		    "cannot make sockets for %s: %s", program, strerror(errno));
	fds[0] = log[1];
	fds[1] = fcntl(policy_fd, F_DUPFD_CLOEXEC, 0);
	if (fds[1] == -1)
		log_fatal("cannot pass the policy table to %s: %s", program,
		    strerror(errno));
	for (uint32_t i = 0; i < start->peer_count; i++)
		fds[2 + i] = peer_fds[i];
	pid = fork();
	if (pid == -1)
		log_fatal("cannot fork for %s: %s", program, strerror(errno));
	if (pid == 0)
		exec_child(path, control[1]);
	close(control[1]);
	c = child_new(
	    loop, (enum proc_id)start->proc, pid, control[0], log[0], ops);
	ipc_send(c->control, CTL_START, 0, start, sizeof(*start), NULL, 0, 0,
	    fds, (int)start->peer_count + 2);
	return c;
}

void
child_free(struct child *c)
{
	if (c == NULL)
		return;
	on_log(c, c->log_fd, EV_RD);
	ev_fd_free(c->log_ev);
	io_drop(&c->log_fd);
	ipc_chan_free(c->control);
	mem_free(c);
}

enum proc_id
child_id(const struct child *c)
{
	return c->id;
}

pid_t
child_pid(const struct child *c)
{
	return c->pid;
}

struct ipc_chan *
child_control(const struct child *c)
{
	return c->control;
}

void
child_kill(struct child *c)
{
	kill(c->pid, SIGKILL);
}
