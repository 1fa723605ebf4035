/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "gatewayd/link/conn.h"

enum conn_state { CONN_CONNECTING, CONN_HANDSHAKE, CONN_UP, CONN_CLOSED };

struct conn {
	struct ev_loop *loop;
	struct ev_fd *ev;
	struct ev_timer *timer; /* handshake, then idle; also late closing */
	SSL *ssl;
	int fd;
	enum conn_state state;
	bool is_server, is_paused, is_finishing, wants_write_to_read;
	bool is_in_callback, must_free;
	struct conn_ops ops;
	void *arg;
	struct buf out;
	size_t out_off; /* bytes of out already written */
	uint8_t *in;
	size_t in_len;
	uint64_t heard_ms, sent_since_rekey;
	uint8_t pin[IDENTITY_PIN_LEN];
};

static void conn_drive(struct conn *);

static void
conn_close(struct conn *c, const char *why)
{
	if (c->state == CONN_CLOSED)
		return;
	c->state = CONN_CLOSED;
	ev_fd_set(c->ev, 0);
	ev_timer_stop(c->timer);
	c->ops.on_closed(c->arg, c, why);
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

/* What an SSL call that did not succeed means: 0 wait, -1 closed. */
static int
conn_ssl_wait(struct conn *c, int ret, bool *wants_write)
{
	switch (SSL_get_error(c->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_WANT_WRITE:
		*wants_write = true;
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		conn_close(c, "closed by the other side");
		return -1;
	default:
		conn_close(c,
		    c->state == CONN_HANDSHAKE ? "TLS handshake failed"
					       : "connection lost");
		ERR_clear_error();
		return -1;
	}
}

static int
conn_handshake(struct conn *c, bool *wants_write)
{
	int ret;

	ERR_clear_error();
	ret = SSL_do_handshake(c->ssl);
	if (ret != 1)
		return conn_ssl_wait(c, ret, wants_write);
	if (identity_peer_pin(c->ssl, c->pin) != GW_OK) {
		conn_close(c, "the other side showed no certificate");
		return -1;
	}
	c->state = CONN_UP;
	c->heard_ms = clock_mono_ms();
	ev_timer_set(c->timer, CONN_IDLE_MS);
	c->ops.on_up(c->arg, c);
	return c->state == CONN_UP ? 0 : -1;
}

/* Hand over what is there; keep what is not whole yet. */
static int
conn_deliver(struct conn *c)
{
	ptrdiff_t used;

	while (c->in_len > 0 && !c->is_paused && c->state == CONN_UP) {
		used = c->ops.on_bytes(c->arg, c, c->in, c->in_len);
		if (c->state != CONN_UP)
			return -1;
		if (used < 0) {
			conn_close(c, "protocol violation");
			return -1;
		}
		if (used == 0)
			break;
		c->in_len -= (size_t)used;
		memmove(c->in, c->in + used, c->in_len);
	}
	return 0;
}

static int
conn_read(struct conn *c, bool *wants_write)
{
	int ret;

	if (conn_deliver(c) == -1)
		return -1;
	while (!c->is_paused && c->in_len < CONN_IN_MAX) {
		ERR_clear_error();
		ret = SSL_read(c->ssl, c->in + c->in_len,
		    (int)(CONN_IN_MAX - c->in_len));
		if (ret <= 0)
			return conn_ssl_wait(c, ret, wants_write);
		c->heard_ms = clock_mono_ms();
		c->in_len += (size_t)ret;
		/* gather some before handing over: fewer, larger moves */
		if (c->in_len < CONN_IN_MAX / 2 && SSL_pending(c->ssl) > 0)
			continue;
		if (conn_deliver(c) == -1)
			return -1;
	}
	return 0;
}

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

static int
conn_write(struct conn *c, bool *wants_write)
{
	int ret;

	for (;;) {
		size_t left = c->out.len - c->out_off;

		if (left < CONN_OUT_LOW && !c->is_finishing)
			c->ops.on_low(c->arg, c);
		if (c->state != CONN_UP)
			return -1;
		left = c->out.len - c->out_off;
		if (left == 0) {
			buf_reset(&c->out);
			c->out_off = 0;
			return 0;
		}
		ERR_clear_error();
		ret = SSL_write(c->ssl, c->out.data + c->out_off,
		    left > INT32_MAX ? INT32_MAX : (int)left);
		if (ret <= 0)
			return conn_ssl_wait(c, ret, wants_write);
		c->out_off += (size_t)ret;
		conn_count_rekey(c, (size_t)ret);
		if (c->out_off > CONN_OUT_LOW) {
			buf_consume(&c->out, c->out_off);
			c->out_off = 0;
		}
	}
}

static int
conn_connected(struct conn *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error != 0) {
		conn_close(c, strerror(error));
		return -1;
	}
	c->state = CONN_HANDSHAKE;
	return 0;
}

static void
conn_drive(struct conn *c)
{
	bool wants_write = false;
	bool was_in_callback = c->is_in_callback;

	c->is_in_callback = true;
	if (c->state == CONN_CONNECTING && conn_connected(c) == -1)
		goto out;
	if (c->state == CONN_HANDSHAKE &&
	    conn_handshake(c, &wants_write) == -1)
		goto out;
	if (c->state == CONN_UP && conn_read(c, &wants_write) == -1)
		goto out;
	if (c->state == CONN_UP && conn_write(c, &wants_write) == -1)
		goto out;
	if (c->state == CONN_UP && c->is_finishing &&
	    c->out.len == c->out_off) {
		SSL_shutdown(c->ssl);
		shutdown(c->fd, SHUT_WR);
	}
	conn_watch(c, wants_write);
out:
	c->is_in_callback = was_in_callback;
	if (!c->is_in_callback && c->must_free)
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
on_timer(void *arg)
{
	struct conn *c = arg;
	uint64_t idle = clock_mono_ms() - c->heard_ms;

	if (c->state != CONN_UP) {
		conn_close(c, "TLS handshake took too long");
		return;
	}
	/* a paused connection is silent because we asked for it */
	if (c->is_server && idle >= CONN_IDLE_MS && !c->is_paused) {
		conn_close(c, "nothing came for too long");
		return;
	}
	ev_timer_set(c->timer, CONN_IDLE_MS);
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
	c->ops = *ops;
	c->arg = arg;
	c->in = mem_alloc(CONN_IN_MAX);
	buf_init(&c->out, CONN_OUT_MAX);
	c->ssl = SSL_new(ctx);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, fd) != 1)
		log_fatal("cannot make a TLS connection: out of memory");
	if (is_server)
		SSL_set_accept_state(c->ssl);
	else
		SSL_set_connect_state(c->ssl);
	c->timer = ev_timer_new(loop, on_timer, c);
	ev_timer_set(c->timer, CONN_HANDSHAKE_MS);
	c->ev = ev_fd_new(loop, fd, is_connecting ? EV_WR : EV_RD | EV_WR,
	    on_ready, c);
	return c;
}

void
conn_free(struct conn *c)
{
	if (c == NULL)
		return;
	if (c->is_in_callback) {
		/* its own callback frees it: finish that first */
		c->must_free = true;
		c->state = CONN_CLOSED;
		return;
	}
	ev_fd_free(c->ev);
	ev_timer_free(c->timer);
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
	if (c->state == CONN_UP && !c->is_in_callback)
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
		conn_flush(c);
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
	return c->pin;
}

void
conn_drop(struct conn *c, const char *why)
{
	conn_close(c, why);
}
