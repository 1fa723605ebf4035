/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "tests/hostile/hostile.h"

#define LINES_MAX 64
#define WORDS_MAX 256
#define OWN_ID (UINT64_C(1) << 63)

/* A channel cut in two: the sibling's half and the real process's. */
struct line {
	enum proc_id peer;
	struct wire outer, inner;
};

struct hostile {
	enum proc_id self;
	const struct hostile_kind *kind;
	const struct hostile_case *now; /* NULL: honest */
	struct line lines[LINES_MAX];	/* the first is the control channel */
	int line_count;
	char dir[PATH_MAX], program[PATH_MAX];
	pid_t pid;
	int pidfd;
	uint64_t next_id;
};

static const struct hostile_kind *const kinds[] = {
	&hostile_spool, &hostile_inspect, &hostile_zygote, &hostile_courier,
	&hostile_link, &hostile_desk, &hostile_audit,
};

/* --- for the cases ------------------------------------------------------ */

enum proc_id
hostile_self(const struct hostile *h)
{
	return h->self;
}

void
hostile_say(struct hostile *h, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_info("hostile: %s: %s", h->now != NULL ? h->now->name : "-",
	    text);
}

/* The newest channel to that sibling: zygotes are replaced. */
static struct line *
find_line(struct hostile *h, enum proc_id peer)
{
	int i;

	for (i = h->line_count - 1; i > 0; i--) {
		if (h->lines[i].peer == peer && h->lines[i].outer.fd != -1)
			return &h->lines[i];
	}
	return NULL;
}

void
hostile_tell(struct hostile *h, enum proc_id peer, bool to_real,
    uint16_t type, uint64_t id, const void *body, size_t len, int fd)
{
	struct wire_note *n = mem_alloc(sizeof(*n));
	struct line *line = find_line(h, peer);

	n->type = type;
	n->id = id;
	n->len = len;
	if (len > sizeof(n->body))
		log_panic("hostile: message of %zu bytes", len);
	if (len > 0)
		memcpy(n->body, body, len);
	if (fd != -1)
		n->fds[n->fd_count++] = fd;
	if (line == NULL)
		wire_free(n);
	else
		wire_put(to_real ? &line->inner : &line->outer, n);
}

void
hostile_ask(struct hostile *h, enum proc_id peer, uint16_t type,
    const void *body, size_t len, int fd)
{
	hostile_tell(h, peer, false, type, OWN_ID | ++h->next_id, body, len,
	    fd);
}

void *
hostile_elem(struct wire_note *n, size_t fixed, size_t elem, size_t i)
{
	const size_t at = fixed + i * elem;

	return at + elem <= n->len ? n->body + at : NULL;
}

bool
hostile_get(const struct wire_note *n, void *out, size_t len)
{
	if (n->len < len)
		return false;
	memcpy(out, n->body, len);
	return true;
}

void
hostile_set(struct wire_note *n, const void *part, size_t len)
{
	memcpy(n->body, part, len);
}

int
hostile_err(const struct wire_note *n)
{
	int32_t err = INT32_MIN;

	(void)hostile_get(n, &err, sizeof(err));
	return err;
}

int
hostile_flip(int fd, uint64_t off)
{
	uint8_t *bytes;
	struct stat st;
	int copy = -1;

	if (fstat(fd, &st) != 0 || (uint64_t)st.st_size <= off)
		log_fatal("hostile: nothing to flip");
	bytes = mem_alloc((size_t)st.st_size);
	if (io_pread_full(fd, bytes, (size_t)st.st_size, 0) != GW_OK ||
	    io_memfd("hostile", &copy) != GW_OK)
		log_fatal("hostile: cannot copy");
	bytes[off] ^= 1;
	if (io_pwrite_full(copy, bytes, (size_t)st.st_size, 0) != GW_OK ||
	    io_seal(copy) != GW_OK)
		log_fatal("hostile: cannot write a copy");
	mem_free(bytes);
	io_drop(&fd);
	return copy;
}

/* --- which case --------------------------------------------------------- */

static const struct hostile_case *
find_case(const struct hostile *h, const char *words)
{
	const char *name = ipc_proc_name(h->self), *word = words, *end;
	size_t len = strlen(name);
	int i;

	for (; *word != '\0'; word = end + strspn(end, " \n")) {
		end = word + strcspn(word, " \n");
		if (strncmp(word, name, len) != 0 || word[len] != '/')
			continue;
		word += len + 1;
		for (i = 0; i < h->kind->case_count; i++) {
			const struct hostile_case *c = &h->kind->cases[i];

			if (strlen(c->name) == (size_t)(end - word) &&
			    strncmp(c->name, word, (size_t)(end - word)) == 0)
				return c;
		}
		log_fatal("hostile: no such case: %s", word);
	}
	return NULL;
}

static void
read_scenario(struct hostile *h)
{
	const struct hostile_case *c;
	char path[PATH_MAX + 16], words[WORDS_MAX] = "";
	ssize_t got = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/scenario", h->dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1)
		got = read(fd, words, sizeof(words) - 1);
	words[got > 0 ? got : 0] = '\0';
	io_drop(&fd);
	c = find_case(h, words);
	if (c == h->now)
		return;
	h->now = c;
	if (h->kind->reset != NULL)
		h->kind->reset();
	hostile_say(h, "begins");
}

/* --- passing on --------------------------------------------------------- */

static void
pass(struct hostile *h, struct line *line, bool from_real,
    struct wire_note *n)
{
	enum hostile_way way = from_real ? FROM_REAL :
	    (n->id & OWN_ID) != 0 && (n->type & IPC_REPLY) != 0 ? ANSWER :
	    FROM_PEER;
	bool goes_on = way != ANSWER;

	read_scenario(h);
	if (h->kind->watch != NULL)
		h->kind->watch(line->peer, way, n);
	if (h->now != NULL && !h->now->pass(h, line->peer, way, n))
		goes_on = false;
	if (!goes_on)
		wire_free(n);
	else
		wire_put(from_real ? &line->outer : &line->inner, n);
}

static struct line *
add_line(struct hostile *h, enum proc_id peer, int fd, int *inner_out)
{
	struct line *line;
	int sv[2];

	if (h->line_count == LINES_MAX)
		log_fatal("hostile: too many channels");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) != 0)
		log_fatal("hostile: socketpair: %s", strerror(errno));
	line = &h->lines[h->line_count++];
	line->peer = peer;
	wire_init(&line->outer, fd);
	wire_init(&line->inner, sv[0]);
	*inner_out = sv[1];
	return line;
}

/* A new sibling: its channel is cut in two as well. */
static void
pass_control(struct hostile *h, bool from_real, struct wire_note *n)
{
	struct line *control = &h->lines[0];
	struct ctl_peer peer;
	int inner;

	if (!from_real && n->type == CTL_PEER && n->fd_count == 1 &&
	    hostile_get(n, &peer, sizeof(peer))) {
		(void)add_line(h, (enum proc_id)peer.proc, n->fds[0], &inner);
		n->fds[0] = inner;
	}
	wire_put(from_real ? &control->outer : &control->inner, n);
}

static void
read_side(struct hostile *h, struct line *line, bool from_real)
{
	struct wire *from = from_real ? &line->inner : &line->outer;
	struct wire *to = from_real ? &line->outer : &line->inner;
	struct wire_note *n;
	bool is_end;

	while (from->fd != -1 && TAILQ_EMPTY(&to->queue)) {
		n = wire_take(from, &is_end);
		if (is_end) {
			wire_flush(to);
			wire_close(to);
			wire_close(from);
			return;
		}
		if (n == NULL)
			return;
		if (line == &h->lines[0])
			pass_control(h, from_real, n);
		else
			pass(h, line, from_real, n);
	}
}

/* --- loop --------------------------------------------------------------- */

static short
wants(const struct wire *w, const struct wire *other)
{
	short events = 0;

	if (TAILQ_EMPTY(&other->queue))
		events |= POLLIN;
	if (!TAILQ_EMPTY(&w->queue))
		events |= POLLOUT;
	return events;
}

static void
wait_lines(struct hostile *h)
{
	struct pollfd p[2 * LINES_MAX + 1];
	nfds_t n = 0;
	int i;

	for (i = 0; i < h->line_count; i++) {
		struct line *l = &h->lines[i];

		p[n++] = (struct pollfd){.fd = l->outer.fd,
		    .events = wants(&l->outer, &l->inner)};
		p[n++] = (struct pollfd){.fd = l->inner.fd,
		    .events = wants(&l->inner, &l->outer)};
	}
	p[n++] = (struct pollfd){.fd = h->pidfd, .events = POLLIN};
	if (poll(p, n, -1) == -1 && errno != EINTR)
		log_fatal("hostile: poll: %s", strerror(errno));
	if ((p[n - 1].revents & POLLIN) != 0) {
		io_drop(&h->pidfd);
		h->pidfd = -2;
	}
}

static void
turn(struct hostile *h)
{
	int i;

	for (i = 0; i < h->line_count; i++) {
		wire_flush(&h->lines[i].outer);
		wire_flush(&h->lines[i].inner);
		read_side(h, &h->lines[i], false);
		read_side(h, &h->lines[i], true);
	}
}

/* As the real one ended, so do we; the parent restarts what it must. */
static int
end(struct hostile *h)
{
	int status = 0;

	if (waitpid(h->pid, &status, 0) != h->pid)
		log_fatal("hostile: waitpid: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* --- start -------------------------------------------------------------- */

static _Noreturn void
exec_real(const struct hostile *h, int control)
{
	static char lang[] = "LANG=C.UTF-8", path[] = "PATH=/usr/bin:/bin";
	char *const env[] = {lang, path, NULL};

	if (dup2(control, IPC_CONTROL_FD) == -1)
		_exit(127);
	close_range(IPC_CONTROL_FD + 1, ~0u, 0);
	execle(h->program, h->program, (char *)NULL, env);
	_exit(127);
}

/* Our own numbers, as the real process would have by now. */
static void
drop_ids(const struct ctl_start *s)
{
	if (s->uid == UINT32_MAX)
		return;
	if (setgroups(0, NULL) != 0 || setresgid(s->gid, s->gid, s->gid) != 0 ||
	    setresuid(s->uid, s->uid, s->uid) != 0)
		log_fatal("hostile: cannot drop ids: %s", strerror(errno));
}

/*
 * CTL_START goes to the real process with the same log and policy, and with
 * the inner halves in place of its siblings' channels.
 */
static void
start(struct hostile *h, struct wire_note *n)
{
	struct ctl_start s;
	uint32_t i;
	int control, inner;

	if (n->type != CTL_START || !hostile_get(n, &s, sizeof(s)) ||
	    n->fd_count != 2 + (int)s.peer_count)
		log_fatal("hostile: no start from the parent");
	log_init(ipc_proc_name((enum proc_id)s.proc));
	log_init_fd(fcntl(n->fds[0], F_DUPFD_CLOEXEC, 3));
	h->self = (enum proc_id)s.proc;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if ((kinds[i]->procs & (1u << s.proc)) != 0)
			h->kind = kinds[i];
	}
	if (h->kind == NULL)
		log_fatal("hostile: no cases for process %u", s.proc);
	(void)add_line(h, PROC_PARENT,
	    fcntl(IPC_CONTROL_FD, F_DUPFD_CLOEXEC, 10), &control);
	for (i = 0; i < s.peer_count; i++) {
		(void)add_line(h, (enum proc_id)s.peers[i].proc,
		    n->fds[2 + i], &inner);
		n->fds[2 + i] = inner;
	}
	h->pid = fork();
	if (h->pid == -1)
		log_fatal("hostile: fork: %s", strerror(errno));
	if (h->pid == 0)
		exec_real(h, control);
	h->pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0u);
	io_drop(&control);
	close(IPC_CONTROL_FD);
	wire_put(&h->lines[0].inner, n);
	drop_ids(&s);
}

static struct wire_note *
first_note(void)
{
	struct pollfd p = {.fd = IPC_CONTROL_FD, .events = POLLIN};
	struct wire_note *n = NULL;
	struct wire w;
	bool is_end;

	wire_init(&w, IPC_CONTROL_FD);
	while (n == NULL) {
		if (poll(&p, 1, -1) == -1 && errno != EINTR)
			log_fatal("hostile: poll: %s", strerror(errno));
		n = wire_take(&w, &is_end);
		if (is_end)
			log_fatal("hostile: the parent is gone");
	}
	return n;
}

int
main(int argc, char **argv)
{
	static struct hostile h;
	char copy[PATH_MAX];

	if (argc < 1)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	mem_put_str(copy, sizeof(copy), argv[0]);
	mem_put_str(h.dir, sizeof(h.dir), dirname(copy));
	mem_put_str(copy, sizeof(copy), argv[0]);
	snprintf(h.program, sizeof(h.program), "%.3800s/real/%.200s", h.dir,
	    basename(copy));
	start(&h, first_note());
	while (h.pidfd != -2) {
		wait_lines(&h);
		turn(&h);
	}
	turn(&h);
	return end(&h);
}
