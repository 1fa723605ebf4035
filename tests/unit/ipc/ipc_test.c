/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/wait.h>
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/ipc/chan.h"
#include "proto/ipc/control.h"

#define T_PLAIN 1
#define T_ELEMS 2
#define T_FD 3
#define T_BIG 4

struct plain {
	uint64_t value;
	uint64_t other;
};
struct elem {
	uint32_t a, b;
};

static const struct ipc_rule rules[] = {
	{.type = T_PLAIN, .fixed = sizeof(struct plain)},
	{.type = T_ELEMS, .fixed = 8, .elem = sizeof(struct elem),
	    .max_count = 5},
	{.type = T_FD, .fixed = 8, .min_fds = 1, .max_fds = 3},
	{.type = T_BIG, .elem = 1, .max_count = IPC_MSG_MAX, .max_fds = 1},
};
#define RULES ((int)(sizeof(rules) / sizeof(rules[0])))

static char last_line[LOG_LINE_MAX];

static void
on_line(void *arg, const struct log_record *rec)
{
	(void)arg;
	memcpy(last_line, rec->text, rec->len);
	last_line[rec->len] = '\0';
}

static void
setup(void)
{
	last_line[0] = '\0';
	log_set_sink(on_line, NULL);
}

static void
make_pair(int sv[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    sv), 0);
}

/* What one end of a channel saw. */
struct seen {
	struct ipc_chan *chan;
	uint64_t ids[4096];
	int count;
	int closed;
	int fds;
	int free_after, pause_after; /* -1: never */
	struct ipc_msg last;
	uint8_t body[IPC_MSG_MAX];
	int freed_args;
};

static void
on_msg(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct seen *s = arg;
	int i;

	ck_assert_int_lt(s->count, 4096);
	s->ids[s->count++] = msg->id;
	if (s->count == s->free_after) {
		ipc_chan_free(chan);
		s->chan = NULL;
	}
	if (s->count == s->pause_after)
		ipc_pause(chan, true);
	/* Still readable although the channel may be freed. */
	if (msg->len > 0)
		memcpy(s->body, msg->body, msg->len);
	s->last = *msg;
	for (i = 0; i < msg->fd_count; i++) {
		ck_assert_int_ne(fcntl(msg->fds[i], F_GETFD) & FD_CLOEXEC, 0);
		s->fds++;
	}
}

static void
on_closed(void *arg, struct ipc_chan *chan)
{
	struct seen *s = arg;

	s->closed++;
	if (s->free_after == -2) {
		ipc_chan_free(chan);
		s->chan = NULL;
	}
}

static void
on_free(void *arg)
{
	((struct seen *)arg)->freed_args++;
}

static struct seen *
seen_new(struct ev_loop *loop, int fd, const char *name)
{
	struct seen *s = mem_alloc(sizeof(*s));

	s->free_after = -1;
	s->pause_after = -1;
	s->chan = ipc_chan_new(loop, fd, name, rules, RULES, on_msg, on_closed,
	    s);
	ipc_chan_on_free(s->chan, on_free);
	return s;
}

static void
send_plain(struct ipc_chan *chan, uint64_t id)
{
	struct plain p = {.value = id * 3, .other = ~id};

	ipc_send(chan, T_PLAIN, id, &p, sizeof(p), NULL, 0, 0, NULL, 0);
}

static int
open_fds(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) != -1)
			n++;
	}
	return n;
}

START_TEST(round_trip)
{
	const struct elem elems[3] = {{1, 2}, {3, 4}, {5, 6}};
	const uint64_t fixed = 77;
	struct ev_loop *loop = ev_loop_new();
	struct seen *a, *b;
	struct plain p;
	int sv[2];

	make_pair(sv);
	a = seen_new(loop, sv[0], "a");
	b = seen_new(loop, sv[1], "b");
	ck_assert_str_eq(ipc_chan_peer(b->chan), "b");
	send_plain(a->chan, 9);
	ev_loop_once(loop);
	ck_assert_int_eq(b->count, 1);
	memcpy(&p, b->body, sizeof(p));
	ck_assert_uint_eq(p.value, 27);
	ck_assert_uint_eq(p.other, ~(uint64_t)9);
	ck_assert_uint_eq(b->last.count, 0);
	ck_assert_ptr_null(b->last.elems);

	ipc_send(b->chan, T_ELEMS, 10, &fixed, 8, elems, sizeof(elems[0]), 3,
	    NULL, 0);
	ev_loop_once(loop);
	ck_assert_int_eq(a->count, 1);
	ck_assert_uint_eq(a->ids[0], 10);
	ck_assert_uint_eq(a->last.count, 3);
	ck_assert_mem_eq(a->body, &fixed, 8);
	ck_assert_mem_eq(a->body + 8, elems, sizeof(elems));
	ipc_chan_free(a->chan);
	ck_assert_int_eq(a->freed_args, 1);
	ev_loop_once(loop);
	ck_assert_int_eq(b->closed, 1);
	/* Dropped without a word. */
	send_plain(b->chan, 1);
	ck_assert_uint_eq(ipc_queued(b->chan), 0);
	ipc_chan_free(b->chan);
	ipc_chan_free(NULL);
	ev_loop_free(loop);
	mem_free(a);
	mem_free(b);
}
END_TEST

START_TEST(fds_are_owned)
{
	struct ev_loop *loop = ev_loop_new();
	struct seen *a, *b;
	uint64_t fixed = 0;
	int sv[2], fds[3], i, before;

	make_pair(sv);
	a = seen_new(loop, sv[0], "a");
	b = seen_new(loop, sv[1], "b");
	before = open_fds();
	for (i = 0; i < 3; i++)
		fds[i] = dup(STDERR_FILENO);
	ipc_send(a->chan, T_FD, 1, &fixed, 8, NULL, 0, 0, fds, 3);
	ck_assert_int_eq(open_fds(), before);
	ev_loop_once(loop);
	ck_assert_int_eq(b->fds, 3);
	/* The handler took none: closed when it returned. */
	ck_assert_int_eq(open_fds(), before);
	/* Sent to nobody: closed as well. */
	ipc_chan_free(b->chan);
	ev_loop_once(loop);
	ck_assert_int_eq(a->closed, 1);
	fds[0] = dup(STDERR_FILENO);
	ipc_send(a->chan, T_FD, 1, &fixed, 8, NULL, 0, 0, fds, 1);
	ck_assert_int_eq(open_fds(), before - 1);
	ipc_chan_free(a->chan);
	ev_loop_free(loop);
	mem_free(a);
	mem_free(b);
}
END_TEST

START_TEST(queue_keeps_order)
{
	static uint8_t big[60000];
	struct ev_loop *loop = ev_loop_new();
	struct seen *a, *b;
	int sv[2], i, fd, before;

	make_pair(sv);
	a = seen_new(loop, sv[0], "a");
	b = seen_new(loop, sv[1], "b");
	before = open_fds();
	for (i = 0; i < 100; i++) {
		fd = dup(STDERR_FILENO);
		ipc_send(a->chan, T_BIG, (uint64_t)i, NULL, 0, big, 1,
		    (uint32_t)sizeof(big) - (uint32_t)i, &fd, 1);
	}
	ck_assert_uint_gt(ipc_queued(a->chan), 4000000);
	while (b->count < 100)
		ev_loop_once(loop);
	for (i = 0; i < 100; i++)
		ck_assert_uint_eq(b->ids[i], (uint64_t)i);
	ck_assert_int_eq(b->fds, 100);
	ck_assert_uint_eq(ipc_queued(a->chan), 0);
	ck_assert_int_eq(open_fds(), before);
	ipc_chan_free(a->chan);
	ipc_chan_free(b->chan);
	ev_loop_free(loop);
	mem_free(a);
	mem_free(b);
}
END_TEST

START_TEST(turn_is_bounded)
{
	struct ev_loop *loop = ev_loop_new();
	struct seen *a, *b;
	int sv[2], i;

	make_pair(sv);
	a = seen_new(loop, sv[0], "a");
	b = seen_new(loop, sv[1], "b");
	for (i = 0; i < 80; i++)
		send_plain(a->chan, (uint64_t)i);
	ev_loop_once(loop);
	ck_assert_int_eq(b->count, 32);
	ev_loop_once(loop);
	ck_assert_int_eq(b->count, 64);
	ev_loop_once(loop);
	ck_assert_int_eq(b->count, 80);
	ipc_chan_free(a->chan);
	ipc_chan_free(b->chan);
	ev_loop_free(loop);
	mem_free(a);
	mem_free(b);
}
END_TEST

START_TEST(handler_may_free_or_pause)
{
	struct ev_loop *loop = ev_loop_new();
	struct seen *a, *b;
	int sv[2], i;

	make_pair(sv);
	a = seen_new(loop, sv[0], "a");
	b = seen_new(loop, sv[1], "b");
	b->pause_after = 3;
	b->free_after = 5;
	a->free_after = -2;
	for (i = 0; i < 10; i++)
		send_plain(a->chan, (uint64_t)i);
	ev_loop_once(loop);
	ck_assert_int_eq(b->count, 3);
	ev_loop_poll(loop);
	ck_assert_int_eq(b->count, 3);
	ipc_pause(b->chan, false);
	ev_loop_once(loop);
	ck_assert_int_eq(b->count, 5);
	ck_assert_int_eq(b->freed_args, 1);
	/* a sees the end (and the reset before it), and frees itself. */
	while (!a->closed)
		ev_loop_once(loop);
	ck_assert_ptr_null(a->chan);
	ck_assert_int_eq(a->freed_args, 1);
	ev_loop_free(loop);
	mem_free(a);
	mem_free(b);
}
END_TEST

/* What was sent before the end arrives, even if the other end left unread. */
START_TEST(last_words_arrive)
{
	struct ev_loop *loop = ev_loop_new();
	struct seen *a, *b;
	int sv[2], i;

	make_pair(sv);
	a = seen_new(loop, sv[0], "a");
	b = seen_new(loop, sv[1], "b");
	for (i = 0; i < 4; i++)
		send_plain(a->chan, (uint64_t)i);
	send_plain(b->chan, 99); /* a never reads it: ECONNRESET for b */
	ipc_chan_free(a->chan);
	/* Writing into it first must not hide what is to be read. */
	send_plain(b->chan, 100);
	while (!b->closed)
		ev_loop_once(loop);
	ck_assert_int_eq(b->count, 4);
	ck_assert_int_eq(b->closed, 1);
	ipc_chan_free(b->chan);
	ev_loop_free(loop);
	mem_free(a);
	mem_free(b);
}
END_TEST

/* --- violations ------------------------------------------------------- */

struct violation {
	const char *word;	/* in the log line */
	uint16_t type;
	uint16_t fd_count;	/* claimed */
	uint16_t fds;		/* sent */
	uint32_t len;		/* claimed */
	uint32_t sent;		/* body bytes sent */
};

static const struct violation violations[] = {
	{"not permitted", 99, 0, 0, 16, 16},
	{"not permitted", T_PLAIN | IPC_REPLY, 0, 0, 16, 16},
	{"shorter than its type", T_PLAIN, 0, 0, 15, 15},
	{"does not fit", T_PLAIN, 0, 0, 17, 17},
	{"wrong length", T_PLAIN, 0, 0, 16, 15},
	{"wrong length", T_PLAIN, 0, 0, 16, 17},
	{"shorter than its type", T_ELEMS, 0, 0, 7, 7},
	{"does not fit", T_ELEMS, 0, 0, 15, 15},
	{"too many elements", T_ELEMS, 0, 0, 56, 56},
	{"number of fds", T_PLAIN, 1, 1, 16, 16},
	{"number of fds", T_PLAIN, 0, 1, 16, 16},
	{"number of fds", T_PLAIN, 1, 0, 16, 16},
	{"number of fds", T_FD, 0, 0, 8, 8},
	{"number of fds", T_FD, 4, 4, 8, 8},
	{"number of fds", T_FD, 2, 1, 8, 8},
	{"cut short", T_BIG, 0, 0, IPC_MSG_MAX, IPC_MSG_MAX},
	{"cut short", T_FD, 40, 40, 8, 8},
};

static void
send_raw(int fd, const struct violation *v)
{
	static uint8_t data[IPC_MSG_MAX + 64];
	struct ipc_header header = {.type = v->type, .fd_count = v->fd_count,
	    .len = v->len, .id = 5};
	uint8_t control[CMSG_SPACE(64 * sizeof(int))] = {0};
	struct iovec iov = {.iov_base = data,
	    .iov_len = sizeof(header) + v->sent};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;
	int fds[64], i;

	memcpy(data, &header, sizeof(header));
	if (v->fds > 0) {
		for (i = 0; i < v->fds; i++)
			fds[i] = STDERR_FILENO;
		mh.msg_control = control;
		mh.msg_controllen = CMSG_SPACE(v->fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&mh);
		ck_assert_ptr_nonnull(cmsg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(v->fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, v->fds * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(fd, &mh, 0), (ssize_t)iov.iov_len);
}

/* Sends its log line up the pipe, and should die of it. */
static void
violation_child(const struct violation *v, int out)
{
	struct ev_loop *loop = ev_loop_new();
	int sv[2];

	log_set_sink(NULL, NULL);
	log_init_fd(out);
	make_pair(sv);
	seen_new(loop, sv[1], "b");
	send_raw(sv[0], v);
	ev_loop_once(loop);
	_exit(0);
}

START_TEST(violation_is_fatal)
{
	const struct violation *v = &violations[_i];
	struct log_record rec = {0};
	int lines[2], status;
	pid_t pid;

	make_pair(lines);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		violation_child(v, lines[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 1);
	ck_assert_int_gt(recv(lines[0], &rec, sizeof(rec), MSG_DONTWAIT), 0);
	ck_assert_msg(strstr(rec.text, v->word) != NULL, "%s", rec.text);
	close(lines[0]);
	close(lines[1]);
}
END_TEST

START_TEST(violation_is_refused_when_waiting)
{
	static _Alignas(16) uint8_t buf[IPC_MSG_MAX];
	const struct violation *v = &violations[_i];
	struct ipc_msg msg;
	int sv[2], before;

	make_pair(sv);
	before = open_fds();
	send_raw(sv[0], v);
	ck_assert_int_eq(ipc_recv_wait(sv[1], rules, RULES, buf, &msg),
	    GW_EPROTO);
	ck_assert_int_eq(open_fds(), before);
	close(sv[0]);
	ck_assert_int_eq(ipc_recv_wait(sv[1], rules, RULES, buf, &msg),
	    GW_ECLOSED);
	close(sv[1]);
}
END_TEST

START_TEST(waiting_forms)
{
	static _Alignas(16) uint8_t buf[IPC_MSG_MAX];
	struct plain p = {.value = 4, .other = 5};
	struct ipc_msg msg;
	int sv[2], fd, before;
	uint64_t fixed = 3;

	make_pair(sv);
	/* An fd that somebody made non-blocking waits all the same. */
	ck_assert_int_eq(fcntl(sv[1], F_SETFL, O_NONBLOCK), 0);
	before = open_fds();
	ck_assert_int_eq(ipc_send_wait(sv[0], T_PLAIN, 8, &p, sizeof(p), NULL,
	    0), GW_OK);
	fd = dup(STDERR_FILENO);
	ck_assert_int_eq(ipc_send_wait(sv[0], T_FD, 9, &fixed, 8, &fd, 1),
	    GW_OK);
	ck_assert_int_eq(open_fds(), before);
	ck_assert_int_eq(ipc_recv_wait(sv[1], rules, RULES, buf, &msg),
	    GW_OK);
	ck_assert_uint_eq(msg.id, 8);
	ck_assert_mem_eq(msg.body, &p, sizeof(p));
	ck_assert_int_eq(ipc_recv_wait(sv[1], rules, RULES, buf, &msg),
	    GW_OK);
	ck_assert_int_eq(msg.fd_count, 1);
	ck_assert_int_eq(open_fds(), before + 1);
	ipc_msg_clear(&msg);
	ck_assert_int_eq(open_fds(), before);
	close(sv[1]);
	ck_assert_int_eq(ipc_send_wait(sv[0], T_PLAIN, 8, &p, sizeof(p), NULL,
	    0), GW_ECLOSED);
	close(sv[0]);
}
END_TEST

/* --- control ---------------------------------------------------------- */

struct told {
	struct ev_loop *loop;
	int peers, policies, stops;
	struct ctl_peer peer;
};

static void
on_peer(void *arg, const struct ctl_peer *peer, int fd)
{
	struct told *t = arg;

	t->peers++;
	t->peer = *peer;
	close(fd);
}

static enum gw_err
on_policy(void *arg, int fd)
{
	((struct told *)arg)->policies++;
	close(fd);
	return GW_EHASH;
}

static void
on_stop(void *arg)
{
	((struct told *)arg)->stops++;
}

static const struct ipc_rule parent_rules[] = {
	{.type = CTL_READY},
	{.type = CTL_PONG},
	{.type = CTL_POLICY_DONE, .fixed = sizeof(struct ipc_status)},
};

static void
expect(int fd, uint16_t type, uint64_t id, struct ipc_status *status)
{
	static _Alignas(16) uint8_t buf[IPC_MSG_MAX];
	struct ipc_msg msg;

	ck_assert_int_eq(ipc_recv_wait(fd, parent_rules, 3, buf, &msg), GW_OK);
	ck_assert_uint_eq(msg.type, type);
	ck_assert_uint_eq(msg.id, id);
	if (status != NULL)
		memcpy(status, msg.body, sizeof(*status));
}

START_TEST(control_answers)
{
	const struct ipc_control_ops ops = {
		.on_peer = on_peer, .on_policy = on_policy, .on_stop = on_stop,
	};
	struct ctl_peer peer = {.proc = PROC_SPOOL, .is_server = 1};
	struct ipc_status status;
	struct ipc_chan *chan;
	struct told told = {0};
	int sv[2], fd, before;

	told.loop = ev_loop_new();
	before = open_fds();
	make_pair(sv);
	chan = ipc_control_new(told.loop, sv[1], &ops, &told);
	expect(sv[0], CTL_READY, 0, NULL);
	ck_assert_int_eq(ipc_send_wait(sv[0], CTL_PING, 42, NULL, 0, NULL, 0),
	    GW_OK);
	ev_loop_once(told.loop);
	expect(sv[0], CTL_PONG, 42, NULL);
	fd = dup(STDERR_FILENO);
	ck_assert_int_eq(ipc_send_wait(sv[0], CTL_POLICY, 43, NULL, 0, &fd,
	    1), GW_OK);
	ev_loop_once(told.loop);
	expect(sv[0], CTL_POLICY_DONE, 43, &status);
	ck_assert_int_eq(status.err, GW_EHASH);
	fd = dup(STDERR_FILENO);
	ck_assert_int_eq(ipc_send_wait(sv[0], CTL_PEER, 44, &peer,
	    sizeof(peer), &fd, 1), GW_OK);
	ev_loop_once(told.loop);
	ck_assert_int_eq(told.peers, 1);
	ck_assert_uint_eq(told.peer.proc, PROC_SPOOL);
	ck_assert_int_eq(ipc_send_wait(sv[0], CTL_STOP, 45, NULL, 0, NULL, 0),
	    GW_OK);
	ev_loop_once(told.loop);
	ck_assert_int_eq(told.stops, 1);
	/* A parent that is gone counts as a stop. */
	close(sv[0]);
	ev_loop_once(told.loop);
	ck_assert_int_eq(told.stops, 2);
	ipc_chan_free(chan);
	ck_assert_int_eq(open_fds(), before);
	ev_loop_free(told.loop);
}
END_TEST

START_TEST(control_stop_by_default)
{
	struct ev_loop *loop = ev_loop_new();
	struct ipc_chan *chan;
	int sv[2];

	make_pair(sv);
	chan = ipc_control_new(loop, sv[1], NULL, NULL);
	ck_assert_int_eq(ipc_send_wait(sv[0], CTL_STOP, 1, NULL, 0, NULL, 0),
	    GW_OK);
	ev_loop_run(loop);
	ipc_chan_free(chan);
	close(sv[0]);
	ev_loop_free(loop);
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(ipc_proc_name(PROC_COURIER), "courier");
	ck_assert_str_eq(ipc_proc_name(PROC_ZYGOTE + 2), "zygote-clam");
	ck_assert_str_eq(ipc_proc_name(PROC_COUNT), "?");
	ck_assert_str_eq(ipc_proc_name(PROC_COUNT - 1), "?");
}
END_TEST

/* --- start ------------------------------------------------------------ */

static void
boot_child(int fd)
{
	struct ipc_boot boot;

	log_set_sink(NULL, NULL);
	/* The test's own fds are on no list: the child has to lose them. */
	if (dup2(fd, IPC_CONTROL_FD) == -1)
		_exit(10);
	ipc_boot(PROC_KEYS, &boot);
	if (boot.start.flags != CTL_FLAG_BENCH || boot.start.peer_count != 2)
		_exit(11);
	if (boot.policy_fd == -1 || boot.peer_fds[2] != -1)
		_exit(12);
	if (ipc_boot_take(&boot, PROC_LINK) != -1)
		_exit(13);
	fd = ipc_boot_take(&boot, PROC_SPOOL);
	if (fd == -1 || ipc_boot_take(&boot, PROC_SPOOL) != -1)
		_exit(14);
	if (fcntl(fd, F_GETFD) != FD_CLOEXEC ||
	    fcntl(IPC_CONTROL_FD, F_GETFD) != FD_CLOEXEC)
		_exit(15);
	/* stdio, control, log, policy and two peers. */
	if (open_fds() != 8)
		_exit(16);
	log_info("ready");
	_exit(0);
}

static int
boot_run(struct ctl_start *start, int fd_count, char *line)
{
	struct log_record rec = {0};
	int sv[2], lines[2], fds[IPC_FDS_MAX], status, i;
	pid_t pid;

	make_pair(sv);
	make_pair(lines);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		boot_child(sv[1]);
	fds[0] = dup(lines[1]);
	for (i = 1; i < fd_count; i++)
		fds[i] = dup(STDERR_FILENO);
	ck_assert_int_eq(ipc_send_wait(sv[0], CTL_START, 0, start,
	    sizeof(*start), fds, fd_count), GW_OK);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_gt(recv(lines[0], &rec, sizeof(rec), MSG_DONTWAIT), 0);
	mem_put_str(line, LOG_LINE_MAX, rec.text);
	close(sv[0]);
	close(sv[1]);
	close(lines[0]);
	close(lines[1]);
	return WEXITSTATUS(status);
}

START_TEST(boot)
{
	struct ctl_start start = {
		.proc = PROC_KEYS,
		.flags = CTL_FLAG_BENCH,
		.peer_count = 2,
		.peers = {{PROC_SPOOL, 0}, {PROC_AUDIT, 1}},
	};
	char line[LOG_LINE_MAX];

	ck_assert_int_eq(boot_run(&start, 4, line), 0);
	ck_assert_str_eq(line, "ready");
	ck_assert_int_eq(boot_run(&start, 3, line), 1);
	ck_assert_ptr_nonnull(strstr(line, "2 peers, 3 fds"));
	start.proc = PROC_SPOOL;
	ck_assert_int_eq(boot_run(&start, 4, line), 1);
	ck_assert_ptr_nonnull(strstr(line, "takes this process for spool"));
	start.proc = PROC_KEYS;
	start.peers[1].proc = PROC_COUNT;
	ck_assert_int_eq(boot_run(&start, 4, line), 1);
	ck_assert_ptr_nonnull(strstr(line, "not a process"));
}
END_TEST

int
main(void)
{
	const int rows = (int)(sizeof(violations) / sizeof(violations[0]));
	Suite *suite = suite_create("ipc");
	TCase *tc = tcase_create("ipc");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, fds_are_owned);
	tcase_add_test(tc, queue_keeps_order);
	tcase_add_test(tc, turn_is_bounded);
	tcase_add_test(tc, handler_may_free_or_pause);
	tcase_add_test(tc, last_words_arrive);
	tcase_add_loop_test(tc, violation_is_fatal, 0, rows);
	tcase_add_loop_test(tc, violation_is_refused_when_waiting, 0, rows);
	tcase_add_test(tc, waiting_forms);
	tcase_add_test(tc, control_answers);
	tcase_add_test(tc, control_stop_by_default);
	tcase_add_test(tc, names);
	tcase_add_test(tc, boot);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
