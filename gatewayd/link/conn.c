/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "gatewayd/link/conn.h"

#define CONN_WHY_LEN 128

/*
 * What the kernel may hold that was not sent yet: little, so that a note
 * queued now does not wait behind megabytes of a map.
 */
#define CONN_UNSENT_MAX (256 << 10)

enum conn_state { CONN_CONNECTING, CONN_HANDSHAKE, CONN_UP, CONN_CLOSED };

struct conn {
	struct ev_loop *loop;
	struct ev_fd *ev;
	struct ev_timer *timer; /* handshake, then idle */
	struct ev_timer *again; /* our turn was over before the bytes were */
	SSL *ssl;
	struct identity_peer peer;
	int fd;
	enum conn_state state;
	bool is_server, is_paused;
	bool is_finishing, is_shut;
	bool is_driving, must_free;
	bool has_end, is_clean_end; /* nothing more will come in */
	const struct conn_ops *ops;
	void *arg;
	struct buf out;
	size_t out_off; /* bytes of out already written */
	uint8_t *in;
	size_t in_len;
	uint64_t heard_ms, sent_since_rekey;
};

static void
conn_close(struct conn *c, bool is_clean, const char *why)
{
	char text[CONN_WHY_LEN];

	if (c->state == CONN_CLOSED)
		return;
	/* why may lie in the connection, which the owner frees */
	mem_put_str(text, sizeof(text), why);
	c->state = CONN_CLOSED;
	ev_fd_set(c->ev, 0);
	ev_timer_stop(c->timer);
	ev_timer_stop(c->again);
	c->ops->on_closed(c->arg, c, is_clean, text);
}

static void
conn_watch(struct conn *c, bool wants_write)
{
	int events = 0;

	if (c->state == CONN_CLOSED)
		return;
	if (wants_write || c->state == CONN_CONNECTING)
		events |= EV_WR;
	if (c->state != CONN_CONNECTING && !c->is_paused)
		events |= EV_RD;
	ev_fd_set(c->ev, events);
}

/* --- start --------------------------------------------------------- */

static int
conn_connected(struct conn *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error != 0) {
		conn_close(c, false, strerror(error));
		return -1;
	}
	c->state = CONN_HANDSHAKE;
	return 0;
}

static void
conn_refused(struct conn *c)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	char why[CONN_WHY_LEN];

	if (c->peer.is_strange)
		conn_close(c, false, "its key is not the paired one");
	else {
		snprintf(why, sizeof(why), "no TLS handshake: %s",
		    reason != NULL ? reason : "the other side closed");
		conn_close(c, false, why);
	}
	ERR_clear_error();
}

static int
conn_handshake(struct conn *c, bool *wants_write)
{
	int ret;

	ERR_clear_error();
	ret = SSL_do_handshake(c->ssl);
	if (ret != 1) {
		switch (SSL_get_error(c->ssl, ret)) {
		case SSL_ERROR_WANT_READ:
			return 0;
		case SSL_ERROR_WANT_WRITE:
			*wants_write = true;
			return 0;
		default:
			conn_refused(c);
			return -1;
		}
	}
	/* whatever libssl thinks: without a pin that was asked for, nothing */
	if (!c->peer.is_known) {
		conn_close(c, false, "the other side showed no certificate");
		return -1;
	}
	c->state = CONN_UP;
	c->in = mem_alloc(CONN_IN_MAX);
	c->heard_ms = clock_mono_ms();
	ev_timer_set(c->timer, CONN_SERVER_IDLE_MS);
	if (c->ops->on_up != NULL)
		c->ops->on_up(c->arg, c);
	return c->state == CONN_UP ? 0 : -1;
}

/* --- bytes in ------------------------------------------------------ */

/* Hand over what is there; keep what is not whole yet. */
static int
conn_deliver(struct conn *c)
{
	size_t used, off = 0;

	while (off < c->in_len && !c->is_paused) {
		used =
		    c->ops->on_bytes(c->arg, c, c->in + off, c->in_len - off);
		if (c->state != CONN_UP)
			return -1;
		if (used == 0)
			break;
		off += used;
	}
	c->in_len -= off;
	if (off > 0 && c->in_len > 0)
		memmove(c->in, c->in + off, c->in_len);
	return 0;
}

/* Read until the buffer is full or nothing is there; false at the latter. */
static bool
conn_fill(struct conn *c, bool *wants_write)
{
	int ret;

	while (c->in_len < CONN_IN_MAX) {
		ERR_clear_error();
		ret = SSL_read(
		    c->ssl, c->in + c->in_len, (int)(CONN_IN_MAX - c->in_len));
		if (ret > 0) {
			c->in_len += (size_t)ret;
			continue;
		}
		switch (SSL_get_error(c->ssl, ret)) {
		case SSL_ERROR_WANT_READ:
			break;
		case SSL_ERROR_WANT_WRITE:
			*wants_write = true;
			break;
		case SSL_ERROR_ZERO_RETURN:
			c->has_end = c->is_clean_end = true;
			break;
		default:
			c->has_end = true;
			ERR_clear_error();
			break;
		}
		return false;
	}
	return true;
}

static int
conn_read(struct conn *c, bool *wants_write)
{
	bool is_dry = false;
	size_t turn = 0, had;

	for (;;) {
		if (conn_deliver(c) == -1)
			return -1;
		if (c->is_paused)
			return 0;
		if (c->has_end) {
			conn_close(c, c->is_clean_end,
			    c->is_clean_end ? "the other side has ended it"
					    : "connection lost");
			return -1;
		}
		if (is_dry)
			break;
		if (turn >= CONN_TURN_BYTES) {
			/* libssl may hold bytes that no readiness announces */
			ev_timer_set(c->again, 0);
			return 0;
		}
		had = c->in_len;
		is_dry = !conn_fill(c, wants_write);
		turn += c->in_len - had;
		if (c->in_len > had)
			c->heard_ms = clock_mono_ms();
	}
	if (c->ops->on_dry != NULL)
		c->ops->on_dry(c->arg, c);
	return c->state == CONN_UP ? 0 : -1;
}

/* --- bytes out ----------------------------------------------------- */

static void
conn_count_rekey(struct conn *c, size_t sent)
{
	c->sent_since_rekey += sent;
	if (c->sent_since_rekey < CONN_REKEY_BYTES)
		return;
	c->sent_since_rekey = 0;
	if (SSL_key_update(c->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1)
		log_warn("TLS key update could not be scheduled");
}

/* Write once; returns the bytes taken, 0 to wait, -1 closed. */
static int
conn_put(struct conn *c, bool *wants_write)
{
	size_t left = c->out.len - c->out_off;
	int ret;

	ERR_clear_error();
	ret = SSL_write(c->ssl, c->out.data + c->out_off, (int)left);
	if (ret > 0) {
		c->out_off += (size_t)ret;
		conn_count_rekey(c, (size_t)ret);
		/* seldom, and with little left: it moves what is left */
		if (c->out_off > CONN_OUT_SENT &&
		    conn_queued(c) < CONN_OUT_LOW) {
			buf_consume(&c->out, c->out_off);
			c->out_off = 0;
		}
		return ret;
	}
	switch (SSL_get_error(c->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_WANT_WRITE:
		*wants_write = true;
		return 0;
	default:
		ERR_clear_error();
		conn_close(c, false, "connection lost");
		return -1;
	}
}

static int
conn_write(struct conn *c, bool *wants_write)
{
	size_t turn = 0;
	int put;

	for (;;) {
		if (conn_queued(c) < CONN_OUT_LOW && !c->is_finishing &&
		    c->ops->on_low != NULL)
			c->ops->on_low(c->arg, c);
		if (c->state != CONN_UP)
			return -1;
		if (conn_queued(c) == 0) {
			buf_reset(&c->out);
			c->out_off = 0;
			return 0;
		}
		if (turn >= CONN_TURN_BYTES) {
			*wants_write = true;
			return 0;
		}
		put = conn_put(c, wants_write);
		if (put <= 0)
			return put;
		turn += (size_t)put;
	}
}

/*
 * Say that this was all.  A key update that no write has taken along yet
 * goes first: until it is out libssl refuses to shut down.
 */
static void
conn_shut(struct conn *c, bool *wants_write)
{
	int ret = 1;

	ERR_clear_error();
	if (SSL_in_init(c->ssl))
		ret = SSL_do_handshake(c->ssl);
	if (ret == 1)
		ret = SSL_shutdown(c->ssl);
	if (ret < 0 && SSL_get_error(c->ssl, ret) == SSL_ERROR_WANT_WRITE) {
		*wants_write = true;
		return;
	}
	ERR_clear_error();
	c->is_shut = true;
	shutdown(c->fd, SHUT_WR);
}

/* --- life ---------------------------------------------------------- */

static void
conn_run(struct conn *c)
{
	bool wants_write = false;

	if (c->state == CONN_CONNECTING && conn_connected(c) == -1)
		return;
	if (c->state == CONN_HANDSHAKE && conn_handshake(c, &wants_write) == -1)
		return;
	if (c->state == CONN_UP && conn_read(c, &wants_write) == -1)
		return;
	if (c->state == CONN_UP && conn_write(c, &wants_write) == -1)
		return;
	if (c->state == CONN_UP && c->is_finishing && !c->is_shut &&
	    conn_queued(c) == 0)
		conn_shut(c, &wants_write);
	conn_watch(c, wants_write);
}

static void
conn_drive(struct conn *c)
{
	c->is_driving = true;
	conn_run(c);
	c->is_driving = false;
	if (c->must_free)
		conn_free(c);
}

static void
on_ready(void *arg, int fd, int events)
{
	(void)fd;
	(void)events;
	conn_drive(arg);
}

static void
on_again(void *arg)
{
	conn_drive(arg);
}

static void
on_timer(void *arg)
{
	struct conn *c = arg;
	uint64_t limit =
	    c->is_server ? CONN_SERVER_IDLE_MS : CONN_CLIENT_IDLE_MS;

	if (c->state != CONN_UP) {
		conn_close(c, false,
		    c->state == CONN_CONNECTING
			? "no answer"
			: "the TLS handshake took too long");
		return;
	}
	/* a paused connection is silent because we asked for it */
	if (!c->is_paused && clock_mono_ms() - c->heard_ms >= limit) {
		conn_close(c, false, "nothing came for too long");
		return;
	}
	ev_timer_set(c->timer, CONN_SERVER_IDLE_MS);
}

static void
conn_tune(int fd)
{
	int one = 1, unsent = CONN_UNSENT_MAX;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent,
		sizeof(unsent)) == -1)
		log_warn("TCP options: %s", strerror(errno));
}

struct conn *
conn_new(struct ev_loop *loop, SSL_CTX *ctx, int fd, bool is_server,
    bool is_connecting, const struct conn_ops *ops, void *arg)
{
	struct conn *c = mem_alloc(sizeof(*c));

	c->loop = loop;
	c->fd = fd;
	c->is_server = is_server;
	c->state = is_connecting ? CONN_CONNECTING : CONN_HANDSHAKE;
	c->ops = ops;
	c->arg = arg;
	c->peer.fn = ops->is_known;
	c->peer.arg = arg;
	conn_tune(fd);
	buf_init(&c->out, CONN_OUT_MAX);
	c->ssl = SSL_new(ctx);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, fd) != 1)
		log_fatal("cannot make a TLS connection: out of memory");
	identity_expect(c->ssl, &c->peer);
	if (is_server)
		SSL_set_accept_state(c->ssl);
	else
		SSL_set_connect_state(c->ssl);
	c->timer = ev_timer_new(loop, on_timer, c);
	c->again = ev_timer_new(loop, on_again, c);
	ev_timer_set(c->timer, CONN_HANDSHAKE_MS);
	c->ev = ev_fd_new(loop, fd, is_connecting ? EV_WR : EV_RD, on_ready, c);
	return c;
}

void
conn_free(struct conn *c)
{
	if (c == NULL)
		return;
	c->state = CONN_CLOSED;
	if (c->is_driving) {
		/* its own callback frees it: finish that first */
		c->must_free = true;
		return;
	}
	ev_fd_free(c->ev);
	ev_timer_free(c->timer);
	ev_timer_free(c->again);
	SSL_free(c->ssl);
	io_drop(&c->fd);
	buf_clear(&c->out);
	mem_free(c->in);
	mem_free(c);
}

struct buf *
conn_out(struct conn *c)
{
	return &c->out;
}

void
conn_flush(struct conn *c)
{
	if (c->state == CONN_UP && !c->is_driving)
		conn_drive(c);
}

size_t
conn_queued(const struct conn *c)
{
	return c->out.len - c->out_off;
}

void
conn_pause(struct conn *c, bool is_paused)
{
	if (c->is_paused == is_paused)
		return;
	c->is_paused = is_paused;
	if (!is_paused) {
		c->heard_ms = clock_mono_ms();
		/* bytes may wait in our buffers with the socket empty */
		if (c->state == CONN_UP)
			ev_timer_set(c->again, 0);
	}
}

void
conn_finish(struct conn *c)
{
	c->is_finishing = true;
	conn_flush(c);
}

const uint8_t *
conn_peer_pin(const struct conn *c)
{
	return c->peer.pin;
}

void
conn_drop(struct conn *c, const char *why)
{
	conn_close(c, false, why);
}
