/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rd.h"

#include "proto/ipc/audit.h"
#include "proto/record/reason.h"
#include "proto/record/verdict.h"

#include "gatewayd/desk/call.h"
#include "gatewayd/desk/entry.h"
#include "gatewayd/desk/handlers.h"

/*
 * The audit log for people.  That somebody looked is itself an entry, and
 * durable before the first row.  The log has no index: a search reads it in
 * order, a piece at a time, while the client takes the rows.
 */
#define PIECE 1024
#define PIECE_BYTES ((size_t)PIECE * (2 + AUDIT_ENTRY_MAX))

struct history {
	uint64_t next;		/* entry to read */
	uint64_t size;		/* of the log, when last asked */
	uint64_t left;		/* rows still wanted */
	bool follows;
	bool is_busy;
	struct buf piece;	/* u16 length, entry, ... */
	size_t at;		/* in piece */
};

static void history_piece(struct conn *);

static void
history_free(void *arg)
{
	struct history *h = arg;

	buf_clear(&h->piece);
	mem_free(h);
}

/* --- one entry ---------------------------------------------------------- */

static bool
history_wants(const struct request *req, const struct audit_record *r)
{
	return (req->number[0] == '\0' ||
	    strncmp(req->number, r->number, sizeof(r->number)) == 0) &&
	    (req->flow[0] == '\0' ||
	    strncmp(req->flow, r->flow, sizeof(r->flow)) == 0) &&
	    (req->event == 0 || req->event == r->event) &&
	    r->wall_ms >= req->since_ms &&
	    (req->before_ms == 0 || r->wall_ms < req->before_ms);
}

static void
history_put_bytes(struct buf *row, enum answer_field field,
    const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len && bytes[i] == 0; i++)
		;
	if (i < len)
		answer_bytes_put(row, field, bytes, len);
}

static void
history_put_text(struct buf *row, enum answer_field field, const char *text,
    size_t size)
{
	if (text[0] != '\0')
		answer_textn_put(row, field, text, size);
}

static void
history_put_number(struct buf *row, enum answer_field field, uint64_t value)
{
	if (value != 0)
		answer_uint_put(row, field, value);
}

/* "clam=clean(10400/27800)": stage, verdict, engine and signatures. */
static void
history_put_stages(struct buf *row, const struct audit_record *r)
{
	static const char *const verdicts[] = {"none", "clean", "cleaned",
		"confirmed", "infected", "denied", "not-scanned"};
	const struct audit_stage *s;
	char text[512];
	size_t used = 0;
	int i;

	for (i = 0; i < AUDIT_STAGES && i < STAGE_COUNT; i++) {
		s = &r->stages[i];
		if (s->verdict == VERDICT_NONE ||
		    s->verdict > VERDICT_NOT_SCANNED)
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "%s%s=%s(%u/%u)", used == 0 ? "" : " ",
		    policy_stage_name((enum policy_stage)i),
		    verdicts[s->verdict], s->engine, s->signatures);
	}
	if (used > 0)
		answer_text_put(row, F_ENGINES, text);
}

static void
history_put(struct conn *conn, uint64_t index, const struct audit_record *r)
{
	struct buf *row = conn_row(conn, ROW_LOG);

	answer_uint_put(row, F_LOG_INDEX, index);
	answer_uint_put(row, F_TIME, r->wall_ms);
	answer_text_put(row, F_EVENT,
	    audit_event_word((enum audit_event)r->event));
	history_put_text(row, F_NUMBER, r->number, sizeof(r->number));
	history_put_text(row, F_FLOW, r->flow, sizeof(r->flow));
	history_put_text(row, F_CHANNEL, r->channel, sizeof(r->channel));
	history_put_text(row, F_STATE, r->state, sizeof(r->state));
	history_put_text(row, F_ACTOR, r->actor, sizeof(r->actor));
	if (r->event == AUDIT_PERSON || r->event == AUDIT_VIEW ||
	    r->event == AUDIT_DENIED || r->event == AUDIT_ADMIN)
		answer_uint_put(row, F_UID, r->uid);
	if (r->reason != REASON_NONE) {
		answer_text_put(row, F_REASON_CODE,
		    reason_code((enum reason)r->reason));
		answer_text_put(row, F_REASON_JA,
		    reason_ja((enum reason)r->reason));
		answer_text_put(row, F_REASON_EN,
		    reason_en((enum reason)r->reason));
	}
	history_put_text(row, F_DETAIL, r->detail, sizeof(r->detail));
	history_put_number(row, F_ATTEMPT, r->attempt);
	history_put_number(row, F_INDEX, r->index);
	history_put_number(row, F_COUNT, r->count);
	history_put_number(row, F_EPOCH, r->epoch);
	history_put_number(row, F_SEQ, r->seq);
	history_put_number(row, F_SIZE, r->size);
	history_put_number(row, F_APPROVALS, r->approvals);
	history_put_number(row, F_LOG_SIZE, r->log_size);
	if (r->event == AUDIT_VERDICTS && r->type < TYPE_COUNT)
		answer_text_put(row, F_TYPE,
		    policy_type_name((enum policy_type)r->type));
	history_put_stages(row, r);
	history_put_bytes(row, F_TRANSFER, r->transfer_id, 16);
	history_put_bytes(row, F_BODY, r->body_id, 16);
	history_put_bytes(row, F_PARCEL, r->parcel_id, 16);
	history_put_bytes(row, F_HASH, r->hash, 32);
	history_put_bytes(row, F_ROOT, r->root, 32);
	history_put_bytes(row, F_POLICY, r->policy_digest, 32);
	conn_row_send(conn);
}

/* --- pieces ------------------------------------------------------------- */

/* Show what the piece still holds; GW_EAGAIN: wait for the client. */
static enum gw_err
history_show(struct conn *conn, struct history *h)
{
	struct audit_record *r = mem_alloc(sizeof(*r));
	const uint8_t *entry;
	struct rd rd;
	uint16_t len;
	enum gw_err err = GW_OK;

	rd_init(&rd, h->piece.data + h->at, h->piece.len - h->at);
	while (rd_left(&rd) > 0 && h->left > 0) {
		if (conn_is_full(conn)) {
			err = GW_EAGAIN;
			break;
		}
		if ((err = rd_u16(&rd, &len)) != GW_OK ||
		    (err = rd_span(&rd, len, &entry)) != GW_OK)
			break;
		if (audit_decode(entry, len, r) == GW_OK) {
			if (history_wants(conn->req, r)) {
				history_put(conn, h->next, r);
				h->left--;
			}
		} else
			log_err("desk: entry %llu of the log is of no known "
			    "form", (unsigned long long)h->next);
		h->next++;
		h->at = h->piece.len - rd_left(&rd);
	}
	mem_free(r);
	return err;
}

static void
history_go(struct conn *conn)
{
	struct history *h = conn->job;
	enum gw_err err = history_show(conn, h);

	if (err == GW_EAGAIN)
		conn_wait(conn, history_go);
	else if (err != GW_OK)
		log_fatal("desk: audit sent a broken piece of its log");
	else if (h->left == 0)
		conn_done(conn);
	else
		history_piece(conn);
}

static enum gw_err
history_take(struct history *h, int fd)
{
	uint64_t size;
	uint8_t *at;
	enum gw_err err;

	err = io_check_sealed(fd, &size);
	if (err != GW_OK)
		return err;
	if (size > PIECE_BYTES)
		return GW_EPROTO;
	buf_reset(&h->piece);
	h->at = 0;
	at = buf_reserve(&h->piece, (size_t)size);
	return size == 0 ? GW_OK : io_pread_full(fd, at, (size_t)size, 0);
}

static void
history_on_piece(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct history *h = conn->job;
	struct ipc_status status;
	enum gw_err err;

	(void)tag;
	memcpy(&status, msg->body, sizeof(status));
	if (status.err != GW_OK || msg->fd_count == 0) {
		conn_fail(conn, status.err != GW_OK ?
		    (enum gw_err)status.err : GW_EPROTO, status.reason);
		return;
	}
	err = history_take(h, msg->fds[0]);
	if (err != GW_OK)
		log_fatal("desk: a piece of the log: %s", err_text_en(err));
	if (h->piece.len == 0)
		h->size = h->next;	/* it has no more than this */
	history_go(conn);
}

static void
history_on_head(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct history *h = conn->job;
	struct audit_head head;

	(void)tag;
	memcpy(&head, msg->body, sizeof(head));
	if (head.err != GW_OK) {
		conn_fail(conn, (enum gw_err)head.err, 0);
		return;
	}
	if (tag == 1)		/* follow: begin with what comes now */
		h->next = head.size > 10 ? head.size - 10 : 0;
	h->size = head.size;
	h->is_busy = false;
	history_piece(conn);
}

static void
history_on_tick(struct conn *conn)
{
	struct history *h = conn->job;

	if (h->is_busy || conn_is_full(conn))
		return;
	h->is_busy = true;
	call_send(conn, DESK_AUDIT, AUDIT_HEAD, NULL, 0, history_on_head, 0);
}

static void
history_piece(struct conn *conn)
{
	struct history *h = conn->job;
	struct audit_range range = {.first = h->next, .count = PIECE};

	if (h->next < h->size) {
		h->is_busy = true;
		if (h->size - h->next < PIECE)
			range.count = (uint32_t)(h->size - h->next);
		call_send(conn, DESK_AUDIT, AUDIT_READ, &range, sizeof(range),
		    history_on_piece, 0);
	} else if (h->follows) {
		h->is_busy = false;
		conn->on_tick = history_on_tick;
	} else
		conn_done(conn);
}

static void
history_begin(struct conn *conn)
{
	struct history *h = conn->job;

	h->is_busy = true;
	call_send(conn, DESK_AUDIT, AUDIT_HEAD, NULL, 0, history_on_head,
	    h->follows ? 1 : 0);
}

static void
history_start(struct conn *conn, bool follows)
{
	const struct request *req = conn->req;
	struct history *h = mem_alloc(sizeof(*h));

	h->follows = follows;
	h->left = req->limit == 0 ? UINT64_MAX : req->limit;
	buf_init(&h->piece, PIECE_BYTES);
	conn->job = h;
	conn->job_free = history_free;
	entry_then(conn, AUDIT_VIEW, request_verb_word(req->verb),
	    history_begin);
}

void
history_search(struct conn *conn)
{
	history_start(conn, false);
}

void
history_follow(struct conn *conn)
{
	history_start(conn, true);
}

void
history_export(struct conn *conn)
{
	history_start(conn, false);
}
