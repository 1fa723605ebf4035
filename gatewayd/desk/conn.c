/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/record/reason.h"

#include "gatewayd/desk/call.h"
#include "gatewayd/desk/conn.h"
#include "gatewayd/desk/permit.h"
#include "gatewayd/desk/person.h"
#include "gatewayd/desk/views.h"

#define TICK_MS 1000

struct frame {
	TAILQ_ENTRY(frame) next;
	size_t len;
	uint8_t data[];
};

bool
conn_is_en(const struct conn *conn)
{
	return conn->req != NULL && conn->req->lang == REQUEST_EN;
}

/* --- leaving ------------------------------------------------------------ */

static void
conn_free(struct conn *conn)
{
	struct desk *desk = conn->desk;
	struct frame *frame;

	call_orphan(desk, conn);
	TAILQ_REMOVE(&desk->conns, conn, next);
	desk->conn_count--;
	ev_fd_free(conn->ev);
	io_drop(&conn->fd);
	while ((frame = TAILQ_FIRST(&conn->queue)) != NULL) {
		TAILQ_REMOVE(&conn->queue, frame, next);
		mem_free_secret(frame, sizeof(*frame) + frame->len);
	}
	if (conn->job_free != NULL)
		conn->job_free(conn->job);
	buf_clear(&conn->row);
	mem_free_secret(conn->req, sizeof(*conn->req));
	mem_free(conn);
}

/* The client is gone; what must be carried through goes on without it. */
static void
conn_lose(struct conn *conn)
{
	struct frame *frame;

	ev_fd_free(conn->ev);
	conn->ev = NULL;
	io_drop(&conn->fd);
	conn->on_tick = NULL;
	while ((frame = TAILQ_FIRST(&conn->queue)) != NULL) {
		TAILQ_REMOVE(&conn->queue, frame, next);
		mem_free_secret(frame, sizeof(*frame) + frame->len);
	}
	conn->queued = 0;
}

void
conn_settle(struct desk *desk, struct conn *conn)
{
	(void)desk;
	if (conn->fd == -1) {
		if (!conn->must_finish || conn->calls == 0)
			conn_free(conn);
	} else if (conn->is_ending && TAILQ_EMPTY(&conn->queue))
		conn_free(conn);
}

void
conn_drop_all(struct desk *desk)
{
	struct conn *conn;

	while ((conn = TAILQ_FIRST(&desk->conns)) != NULL)
		conn_free(conn);
	ev_fd_free(desk->listen_ev);
	desk->listen_ev = NULL;
	ev_timer_free(desk->tick);
	desk->tick = NULL;
}

/* --- answering ---------------------------------------------------------- */

/* Send what the socket takes; false: the client is gone. */
static bool
conn_flush(struct conn *conn)
{
	struct frame *frame;
	ssize_t n;

	while ((frame = TAILQ_FIRST(&conn->queue)) != NULL) {
		do {
			n = send(conn->fd, frame->data, frame->len,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		} while (n == -1 && errno == EINTR);
		if (n == -1 && (errno == EAGAIN || errno == ENOBUFS))
			break;
		if (n == -1)
			return false;
		TAILQ_REMOVE(&conn->queue, frame, next);
		conn->queued -= frame->len;
		mem_free_secret(frame, sizeof(*frame) + frame->len);
		conn->moved_ms = clock_mono_ms();
	}
	ev_fd_set(conn->ev, TAILQ_EMPTY(&conn->queue) ? EV_RD :
	    EV_RD | EV_WR);
	return true;
}

static void
conn_queue(struct conn *conn)
{
	struct frame *frame;

	if (!buf_ok(&conn->row))
		log_panic("desk: a row over %u bytes", ANSWER_MAX);
	if (conn->fd == -1)
		return;
	frame = mem_alloc(sizeof(*frame) + conn->row.len);
	frame->len = conn->row.len;
	memcpy(frame->data, conn->row.data, conn->row.len);
	TAILQ_INSERT_TAIL(&conn->queue, frame, next);
	conn->queued += frame->len;
	if (!conn_flush(conn))
		conn_lose(conn);
}

struct buf *
conn_row(struct conn *conn, enum answer_row row)
{
	buf_reset(&conn->row);
	answer_row_put(&conn->row, row);
	return &conn->row;
}

void
conn_row_send(struct conn *conn)
{
	conn_queue(conn);
}

bool
conn_is_full(const struct conn *conn)
{
	return conn->queued > CONN_QUEUE_HIGH;
}

void
conn_wait(struct conn *conn, conn_fn *fn)
{
	conn->on_drain = fn;
}

void
conn_end(struct conn *conn, enum answer_exit code, const char *ja,
    const char *en)
{
	if (conn->is_ending)
		log_panic("desk: a second end");
	buf_reset(&conn->row);
	answer_end_put(&conn->row, code, conn_is_en(conn) ? en : ja);
	conn->is_ending = true;
	conn->on_tick = NULL;
	conn_queue(conn);
}

void
conn_endf(struct conn *conn, enum answer_exit code, const char *fmt, ...)
{
	char text[ANSWER_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conn_end(conn, code, text, text);
}

void
conn_done(struct conn *conn)
{
	conn_end(conn, ANSWER_DONE, "", "");
}

void
conn_fail(struct conn *conn, enum gw_err err, uint16_t reason)
{
	enum answer_exit code = err_class(err) == GW_CLASS_TAMPER ?
	    ANSWER_DAMAGED : ANSWER_REFUSED;

	if (reason != REASON_NONE && reason_ok(reason))
		conn_endf(conn, code, CONN_SAY(conn, "%s。%s", "%s; %s"),
		    CONN_SAY(conn, reason_ja((enum reason)reason),
			reason_en((enum reason)reason)),
		    CONN_SAY(conn, reason_next_ja((enum reason)reason),
			reason_next_en((enum reason)reason)));
	else
		conn_end(conn, code, err_text_ja(err), err_text_en(err));
}

/* --- asking ------------------------------------------------------------- */

static void
conn_refuse(struct conn *conn, enum gw_err err)
{
	log_warn("desk: a request of uid %u is refused: %s", conn->uid,
	    err_text_en(err));
	if (err == GW_EVERSION)
		conn_end(conn, ANSWER_USAGE,
		    "gatewayctlとgatewaydの版が違います。同じ版を使ってください",
		    "gatewayctl and gatewayd are of different versions; use "
		    "those of one version");
	else
		conn_end(conn, ANSWER_USAGE, "要求の形式が正しくありません",
		    "the request is malformed");
}

/* The one datagram; false: drop the client. */
static bool
conn_take(struct conn *conn)
{
	uint8_t bytes[REQUEST_MAX + 1];
	struct request *req;
	ssize_t n;
	enum gw_err err;

	do {
		n = recv(conn->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN)
		return true;
	if (n <= 0 || conn->req != NULL)
		return false;
	req = mem_alloc(sizeof(*req));
	err = request_decode(bytes, (size_t)n, req);
	mem_clear(bytes, sizeof(bytes));
	if (err != GW_OK) {
		mem_free(req);
		conn_refuse(conn, err);
		return true;
	}
	conn->req = req;
	conn->moved_ms = clock_mono_ms();
	permit_run(conn);
	return true;
}

static void
conn_on_ready(void *arg, int fd, int events)
{
	struct conn *conn = arg;
	struct desk *desk = conn->desk;
	conn_fn *fn;

	(void)fd;
	if ((events & EV_WR) != 0 && !conn_flush(conn))
		conn_lose(conn);
	if (conn->fd != -1 && (events & EV_RD) != 0 && !conn_take(conn))
		conn_lose(conn);
	if (conn->fd != -1 && conn->on_drain != NULL &&
	    !conn_is_full(conn)) {
		fn = conn->on_drain;
		conn->on_drain = NULL;
		fn(conn);
	}
	conn_settle(desk, conn);
}

void
conn_new(struct desk *desk, int fd, uint32_t uid)
{
	struct conn *conn = mem_alloc(sizeof(*conn));

	conn->desk = desk;
	conn->fd = fd;
	conn->uid = uid;
	conn->roles = person_roles(desk, uid);
	person_account(desk, uid, conn->account);
	conn->moved_ms = clock_mono_ms();
	TAILQ_INIT(&conn->queue);
	buf_init(&conn->row, ANSWER_MAX);
	conn->ev = ev_fd_new(desk->loop, fd, EV_RD, conn_on_ready, conn);
	TAILQ_INSERT_TAIL(&desk->conns, conn, next);
	desk->conn_count++;
}

/* --- accepting ---------------------------------------------------------- */

static bool
conn_has_room(const struct desk *desk, uint32_t uid)
{
	const struct conn *conn;
	int own = 0;

	TAILQ_FOREACH(conn, &desk->conns, next)
		own += conn->uid == uid ? 1 : 0;
	return desk->conn_count < CONNS_MAX && own < CONNS_PER_UID;
}

static void
conn_on_listen(void *arg, int listen_fd, int events)
{
	struct desk *desk = arg;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd;

	(void)events;
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1) {
		if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
			log_fatal("desk: accept: %s", strerror(errno));
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1 ||
	    len != sizeof(cred))
		log_fatal("desk: the kernel does not tell who asks: %s",
		    strerror(errno));
	if (!conn_has_room(desk, cred.uid)) {
		log_warn("desk: too many connections, uid %u is turned away",
		    cred.uid);
		io_drop(&fd);
		return;
	}
	conn_new(desk, fd, cred.uid);
}

static bool
conn_is_late(const struct conn *conn, uint64_t now)
{
	if (conn->fd == -1)
		return false;
	if (conn->req == NULL)
		return now - conn->moved_ms > CONN_ASK_MS;
	/* While others work for it, it cannot be blamed. */
	return !TAILQ_EMPTY(&conn->queue) &&
	    now - conn->moved_ms > CONN_IDLE_MS;
}

static void
conn_on_tick(void *arg)
{
	struct desk *desk = arg;
	struct conn *conn, *next;
	uint64_t now = clock_mono_ms();

	for (conn = TAILQ_FIRST(&desk->conns); conn != NULL; conn = next) {
		next = TAILQ_NEXT(conn, next);
		if (conn_is_late(conn, now)) {
			log_warn("desk: uid %u is too slow: dropped",
			    conn->uid);
			conn_lose(conn);
		} else if (conn->on_tick != NULL)
			conn->on_tick(conn);
		conn_settle(desk, conn);
	}
	views_expire(desk->views);
	ev_timer_set(desk->tick, TICK_MS);
}

void
conn_listen(struct desk *desk)
{
	desk->tick = ev_timer_new(desk->loop, conn_on_tick, desk);
	ev_timer_set(desk->tick, TICK_MS);
	if (desk->listen_fd != -1)
		desk->listen_ev = ev_fd_new(desk->loop, desk->listen_fd,
		    EV_RD, conn_on_listen, desk);
}
