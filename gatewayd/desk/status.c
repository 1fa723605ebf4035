/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#include "proto/ipc/control.h"
#include "proto/ipc/spool.h"
#include "proto/record/reason.h"

#include "gatewayd/desk/call.h"
#include "gatewayd/desk/channels.h"
#include "gatewayd/desk/entry.h"
#include "gatewayd/desk/handlers.h"

/* --- status: processes, then the spool, then channels ------------------- */

struct status {
	bool is_ready;
	bool wants_flows;	/* doctor */
	struct spool_status spool;
};

static void
status_put_child(struct conn *conn, const struct ctl_child *child)
{
	static const char *const words[] = {
		[CHILD_STARTING] = "starting",
		[CHILD_READY] = "ready",
		[CHILD_BACKOFF] = "restarting",
	};
	struct buf *row = conn_row(conn, ROW_PROCESS);

	answer_text_put(row, F_PROCESS,
	    ipc_proc_name((enum proc_id)child->proc));
	answer_text_put(row, F_STATE, child->state >= CHILD_STARTING &&
	    child->state <= CHILD_BACKOFF ? words[child->state] : "?");
	answer_uint_put(row, F_PID, child->pid);
	answer_uint_put(row, F_RESTARTS, child->restarts);
	answer_uint_put(row, F_SINCE, child->since_ms);
	conn_row_send(conn);
}

static void
status_put_zone(struct conn *conn, const struct status *st)
{
	const struct policy_zone *zone = &conn->desk->policy->zone;
	const struct spool_status *s = &st->spool;
	struct buf *row = conn_row(conn, ROW_ZONE);

	answer_textn_put(row, F_ZONE, zone->zone, sizeof(zone->zone));
	answer_bool_put(row, F_READY, st->is_ready);
	answer_bool_put(row, F_IS_SERVICE, conn->desk->is_service);
	answer_text_put(row, F_INTAKE,
	    s->is_intake_stopped ? "stopped" : "open");
	answer_text_put(row, F_FETCH, s->is_fetch_stopped ? "stopped" : "open");
	answer_text_put(row, F_REASON_CODE,
	    reason_code((enum reason)s->stop_reason));
	answer_uint_put(row, F_TRANSFERS, s->transfers);
	answer_uint_put(row, F_STORED, s->stored_bytes);
	answer_uint_put(row, F_QUOTA, s->quota_bytes);
	answer_uint_put(row, F_DISK_FREE, s->disk_free_bytes);
	answer_uint_put(row, F_DISK, s->disk_bytes);
	answer_uint_put(row, F_STOP_INTAKE_PCT, zone->stop_intake_pct);
	answer_uint_put(row, F_STOP_FETCH_PCT, zone->stop_fetch_pct);
	answer_int_put(row, F_CLOCK_JUMP, s->clock_jump_ms);
	answer_textn_put(row, F_FOLDERS, zone->folders, sizeof(zone->folders));
	answer_textn_put(row, F_SIGNATURE_DIR, zone->signature_dir,
	    sizeof(zone->signature_dir));
	answer_uint_put(row, F_SIGNATURE_DAYS, zone->signature_max_age_days);
	conn_row_send(conn);
}

static void
status_put_counts(struct conn *conn, const struct spool_status *s)
{
	struct buf *row;
	unsigned i;

	for (i = 1; i < sizeof(s->counts) / sizeof(s->counts[0]); i++) {
		if (s->counts[i] == 0)
			continue;
		row = conn_row(conn, ROW_COUNT);
		answer_text_put(row, F_STATE,
		    transfer_state_word((enum transfer_state)i));
		answer_uint_put(row, F_COUNT, s->counts[i]);
		conn_row_send(conn);
	}
}

static void
status_put_flow(struct conn *conn, const struct policy_flow *flow)
{
	static const char *const rules[] = {
		[SUBMITTER_OWNER] = "owner",
		[SUBMITTER_FOLDER] = "folder",
		[SUBMITTER_FIXED] = "fixed",
	};
	static const char *const completes[] = {
		[COMPLETE_CLOSE] = "close",
		[COMPLETE_RENAME] = "rename",
		[COMPLETE_DONE] = "done",
		[COMPLETE_QUIET] = "quiet",
	};
	struct buf *row = conn_row(conn, ROW_FLOW);

	answer_textn_put(row, F_FLOW, flow->id, sizeof(flow->id));
	answer_textn_put(row, F_FROM, flow->from, sizeof(flow->from));
	answer_textn_put(row, F_TO, flow->to, sizeof(flow->to));
	answer_textn_put(row, F_CHANNEL, flow->channel, sizeof(flow->channel));
	answer_textn_put(row, F_PURPOSE, flow->purpose, sizeof(flow->purpose));
	answer_textn_put(row, F_CLASS, flow->class, sizeof(flow->class));
	answer_uint_put(row, F_UNTIL, flow->until_ms);
	answer_text_put(row, F_SUBMITTER_RULE, flow->submitter <=
	    SUBMITTER_FIXED ? rules[flow->submitter] : "?");
	answer_text_put(row, F_COMPLETE, flow->complete <= COMPLETE_QUIET ?
	    completes[flow->complete] : "?");
	answer_text_put(row, F_STATE,
	    policy_flow_is_open(flow, clock_wall_ms()) ? "open" : "ended");
	conn_row_send(conn);
}

static void
status_put_flows(struct conn *conn)
{
	const struct policy_table *policy = conn->desk->policy;
	uint32_t i;

	for (i = 0; i < policy->flow_count; i++)
		status_put_flow(conn, &policy->flows[i]);
}

static void
status_end(struct conn *conn, struct status *st)
{
	if (st->wants_flows)
		status_put_flows(conn);
	if (st->is_ready)
		conn_done(conn);
	else
		conn_end(conn, ANSWER_REFUSED,
		    "まだ準備中のプロセスがあります。続く場合は gatewayctl "
		    "doctor で原因を確認してください",
		    "not every process is ready; if this lasts, gatewayctl "
		    "doctor tells why");
}

static void
status_on_channels(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct ipc_status status;

	(void)tag;
	memcpy(&status, msg->body, sizeof(status));
	if (status.err != GW_OK) {
		conn_fail(conn, (enum gw_err)status.err, status.reason);
		return;
	}
	channels_put(conn, msg);
	status_end(conn, conn->job);
}

static void
status_on_spool(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct status *st = conn->job;

	(void)tag;
	memcpy(&st->spool, msg->body, sizeof(st->spool));
	if (st->spool.err != GW_OK) {
		conn_fail(conn, (enum gw_err)st->spool.err, REASON_NONE);
		return;
	}
	status_put_zone(conn, st);
	status_put_counts(conn, &st->spool);
	call_send(conn, DESK_SPOOL, SPOOL_CHANNEL_STATUS, NULL, 0,
	    status_on_channels, 0);
}

static void
status_on_children(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct status *st = conn->job;
	const uint8_t *elems = msg->elems;
	struct ctl_child child;
	bool spool_is_ready = false;
	uint32_t i;

	(void)tag;
	st->is_ready = msg->count > 0;
	for (i = 0; i < msg->count; i++) {
		memcpy(&child, elems + i * sizeof(child), sizeof(child));
		status_put_child(conn, &child);
		if (child.state != CHILD_READY)
			st->is_ready = false;
		else if (child.proc == PROC_SPOOL)
			spool_is_ready = true;
	}
	if (spool_is_ready)
		call_send(conn, DESK_SPOOL, SPOOL_STATUS, NULL, 0,
		    status_on_spool, 0);
	else
		status_end(conn, st);
}

static void
status_start(struct conn *conn, bool wants_flows)
{
	struct status *st = mem_alloc(sizeof(*st));

	st->wants_flows = wants_flows;
	conn->job = st;
	conn->job_free = mem_free;
	call_send(conn, DESK_PARENT, CTL_STATUS, NULL, 0, status_on_children,
	    0);
}

void
status_run(struct conn *conn)
{
	status_start(conn, false);
}

void
status_doctor(struct conn *conn)
{
	status_start(conn, true);
}

/* For send: what flows there are, and where their folders lie. */
void
status_flows(struct conn *conn)
{
	struct status st = {.is_ready = true};

	status_put_zone(conn, &st);
	status_put_flows(conn);
	conn_done(conn);
}

/* --- reload ------------------------------------------------------------- */

static void
status_on_poked(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	(void)tag;
	(void)msg;
	conn_end(conn, ANSWER_DONE, "読み込みました", "loaded");
}

/* What was held for the old settings may go on. */
static void
status_poke(struct conn *conn)
{
	call_send(conn, DESK_SPOOL, SPOOL_POKE, NULL, 0, status_on_poked, 0);
}

static void
status_on_reloaded(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct ctl_text *text = mem_alloc(sizeof(*text));
	struct buf *row;

	(void)tag;
	memcpy(text, msg->body, sizeof(*text));
	if (text->len > 0) {
		row = conn_row(conn, ROW_TEXT);
		answer_textn_put(row, F_TEXT, text->text,
		    text->len < sizeof(text->text) ? text->len :
		    sizeof(text->text));
		conn_row_send(conn);
	}
	if (text->err == GW_OK)
		status_poke(conn);
	else
		conn_end(conn, ANSWER_REFUSED,
		    "設定に誤りがあるため、以前の設定のまま動いています。上の"
		    "指摘を直してもう一度 reload してください",
		    "the configuration is refused and the old one stays in "
		    "force; mend what is listed above and reload again");
	mem_free(text);
}

static void
status_reload_now(struct conn *conn)
{
	call_send(conn, DESK_PARENT, CTL_RELOAD, NULL, 0, status_on_reloaded,
	    0);
}

void
status_reload(struct conn *conn)
{
	entry_then(conn, AUDIT_ADMIN, "reload", status_reload_now);
}
