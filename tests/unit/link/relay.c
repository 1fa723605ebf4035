/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/mem.h"

#include "tests/unit/link/relay.h"

#define RELAY_BUF 65536

/* One direction. */
struct way {
	struct relay *r;
	int from, to;
	uint8_t buf[RELAY_BUF];
	size_t len, off;
	bool has_end;
};

struct relay {
	struct ev_loop *loop;
	int listener, a, b; /* a: of the sender, b: to the receiver */
	unsigned to_port;
	struct ev_fd *listen_ev, *a_ev, *b_ev;
	struct way there, back;
	bool is_frozen, has_cut, has_flip;
	uint64_t passed, cut_left, flip_left;
	uint32_t connections;
};

static void
hang_up(struct relay *r, bool with_reset)
{
	const struct linger now = {1, 0};

	if (r->a == -1)
		return;
	ev_fd_free(r->a_ev);
	ev_fd_free(r->b_ev);
	r->a_ev = r->b_ev = NULL;
	if (with_reset) {
		setsockopt(r->a, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		setsockopt(r->b, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	}
	close(r->a);
	close(r->b);
	r->a = r->b = -1;
}

/* Returns false when the relay has hung up. */
static bool
push(struct way *w)
{
	struct relay *r = w->r;
	ssize_t n;

	while (w->off < w->len) {
		n = send(w->to, w->buf + w->off, w->len - w->off,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n <= 0)
			break;
		w->off += (size_t)n;
	}
	if (w->off == w->len) {
		w->off = w->len = 0;
		if (w->has_end)
			shutdown(w->to, SHUT_WR);
	}
	if (r->there.has_end && r->back.has_end && r->there.len == 0 &&
	    r->back.len == 0) {
		hang_up(r, false);
		return false;
	}
	return true;
}

static bool
count(struct relay *r, struct way *w, size_t n)
{
	if (w != &r->there)
		return true;
	r->passed += n;
	if (r->has_flip) {
		if (r->flip_left < n) {
			w->buf[r->flip_left] ^= 1;
			r->has_flip = false;
		} else {
			r->flip_left -= n;
		}
	}
	if (!r->has_cut)
		return true;
	if (r->cut_left > n) {
		r->cut_left -= n;
		return true;
	}
	r->has_cut = false;
	hang_up(r, true);
	return false;
}

static bool
pull(struct way *w)
{
	ssize_t n;

	if (w->len > 0 || w->has_end)
		return push(w);
	n = recv(w->from, w->buf, sizeof(w->buf), MSG_DONTWAIT);
	if (n == 0)
		w->has_end = true;
	if (n > 0) {
		w->len = (size_t)n;
		if (!count(w->r, w, w->len))
			return false;
	}
	if (n < 0 && w->len == 0)
		return true;
	return push(w);
}

static void
watch(struct relay *r)
{
	int a = 0, b = 0;

	if (r->a == -1)
		return;
	if (r->there.len == 0 && !r->there.has_end)
		a |= EV_RD;
	if (r->back.len > 0)
		a |= EV_WR;
	if (r->back.len == 0 && !r->back.has_end)
		b |= EV_RD;
	if (r->there.len > 0)
		b |= EV_WR;
	ev_fd_set(r->a_ev, r->is_frozen ? 0 : a);
	ev_fd_set(r->b_ev, r->is_frozen ? 0 : b);
}

static void
on_bytes(void *arg, int fd, int events)
{
	struct relay *r = arg;

	(void)fd;
	(void)events;
	if (pull(&r->there) && r->a != -1 && pull(&r->back))
		watch(r);
}

static void
on_accept(void *arg, int fd, int events)
{
	struct relay *r = arg;
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_port = htons((in_port_t)r->to_port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};

	(void)events;
	hang_up(r, true);
	r->a = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	r->b = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(r->b, (struct sockaddr *)&in, sizeof(in)) == -1) {
		close(r->a);
		close(r->b);
		r->a = r->b = -1;
		return;
	}
	r->connections++;
	memset(&r->there, 0, sizeof(r->there));
	memset(&r->back, 0, sizeof(r->back));
	r->there.r = r->back.r = r;
	r->there.from = r->back.to = r->a;
	r->there.to = r->back.from = r->b;
	r->a_ev = ev_fd_new(r->loop, r->a, EV_RD, on_bytes, r);
	r->b_ev = ev_fd_new(r->loop, r->b, EV_RD, on_bytes, r);
	watch(r);
}

struct relay *
relay_new(struct ev_loop *loop, unsigned port, unsigned to_port)
{
	struct relay *r = mem_alloc(sizeof(*r));
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_port = htons((in_port_t)port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int one = 1;

	r->loop = loop;
	r->to_port = to_port;
	r->a = r->b = -1;
	r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(r->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	ck_assert_int_eq(
	    bind(r->listener, (struct sockaddr *)&in, sizeof(in)), 0);
	ck_assert_int_eq(listen(r->listener, 16), 0);
	r->listen_ev = ev_fd_new(loop, r->listener, EV_RD, on_accept, r);
	return r;
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	hang_up(r, true);
	ev_fd_free(r->listen_ev);
	close(r->listener);
	mem_free(r);
}

void
relay_cut_after(struct relay *r, uint64_t bytes)
{
	if (bytes == 0) {
		hang_up(r, true);
		return;
	}
	r->has_cut = true;
	r->cut_left = bytes;
}

void
relay_flip_after(struct relay *r, uint64_t bytes)
{
	r->has_flip = true;
	r->flip_left = bytes;
}

void
relay_freeze(struct relay *r)
{
	r->is_frozen = true;
	watch(r);
}

void
relay_thaw(struct relay *r)
{
	r->is_frozen = false;
	watch(r);
}

uint64_t
relay_passed(const struct relay *r)
{
	return r->passed;
}

uint32_t
relay_connections(const struct relay *r)
{
	return r->connections;
}
