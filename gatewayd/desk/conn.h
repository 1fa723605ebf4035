/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_DESK_CONN_H
#define GATEWAYD_DESK_CONN_H

#include "base/buf.h"

#include "proto/ctl/answer.h"
#include "proto/ctl/request.h"
#include "proto/ipc/types.h"

#include "gatewayd/desk/desk.h"

/*
 * One person's request: read, handed to the permit table, answered with rows
 * and an end, closed.  A client that sends nonsense, sends more, or does not
 * take its answer in time is dropped.
 */
#define CONNS_MAX 64		/* all */
#define CONNS_PER_UID 16
#define CONN_ASK_MS 10000	/* to send the request */
#define CONN_IDLE_MS 60000	/* without taking any of the answer */
#define CONN_QUEUE_HIGH (256u << 10) /* wait for the client above this */

struct frame;
typedef void conn_fn(struct conn *);

struct conn {
	TAILQ_ENTRY(conn) next;
	struct desk *desk;
	int fd;			/* -1: the client is gone */
	struct ev_fd *ev;
	uint32_t uid;
	uint32_t roles;		/* enum policy_role bits */
	char account[IPC_PERSON_LEN];
	struct request *req;	/* NULL until it has come */
	TAILQ_HEAD(, frame) queue;
	size_t queued;
	struct buf row;		/* being written */
	conn_fn *on_drain;	/* once, when the queue is low again */
	conn_fn *on_tick;	/* each second, while set */
	/* What follows an entry that is being made durable (entry.h). */
	void (*after_entry)(struct conn *, bool is_recorded);
	conn_fn *then;
	void *job;		/* the handler's */
	void (*job_free)(void *);
	uint64_t moved_ms;	/* monotonic: last progress */
	int calls;		/* under way */
	bool is_ending;		/* the end is queued */
	bool must_finish;	/* carried through without a client too */
};

/* Serve on desk->listen_fd (set before, listening, non-blocking). */
void conn_listen(struct desk *);

/* A connected client whose uid the kernel told; takes fd. */
void conn_new(struct desk *, int fd, uint32_t uid);

/* Free it if it is gone or answered and nothing keeps it. */
void conn_settle(struct desk *, struct conn *);
void conn_drop_all(struct desk *);

/* Start a row, add fields to conn->row, send it. */
struct buf *conn_row(struct conn *, enum answer_row);
void conn_row_send(struct conn *);

/* Is more queued than should be?  Then wait with conn_wait. */
bool conn_is_full(const struct conn *);
void conn_wait(struct conn *, conn_fn *);

/* Queue the end; the handler is done.  Texts in both languages. */
void conn_end(struct conn *, enum answer_exit, const char *ja,
    const char *en);
void conn_endf(struct conn *, enum answer_exit, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void conn_done(struct conn *);

/* End with an error of another process: what it was, in words. */
void conn_fail(struct conn *, enum gw_err, uint16_t reason);

bool conn_is_en(const struct conn *);
#define CONN_SAY(conn, ja, en) (conn_is_en(conn) ? (en) : (ja))

#endif
