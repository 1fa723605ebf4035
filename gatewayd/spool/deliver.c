/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/spool/handlers.h"
#include "gatewayd/spool/life.h"
#include "gatewayd/spool/turn.h"

/* --- giving out work -------------------------------------------------------------- */

static void
deliver_send(struct wait *w, const struct transfer *t,
    enum spool_work_kind kind)
{
	struct spool_work work = {
		.err = GW_OK,
		.kind = kind,
		.transfer = t->ref,
		.side = t->side,
		.state = t->state,
		.body_count = t->body_count,
		.reason = t->reason,
		.is_retry = t->state == ST_DELIVERING,
		.plain_bytes = t->plain_bytes,
		.accepted_ms = t->accepted_ms,
		.state_ms = t->state_ms,
	};

	mem_put_str(work.flow, sizeof(work.flow), t->flow);
	mem_put_str(work.number, sizeof(work.number), t->number);
	mem_put_str(work.detail, sizeof(work.detail), t->detail);
	mem_put_str(work.submitter, sizeof(work.submitter), t->submitter);
	ipc_send(w->client->chan, w->type | IPC_REPLY, w->id, &work,
	    sizeof(work), NULL, 0, 0, NULL, 0);
}

/*
 * An ordered flow waits behind what may still be delivered before; the
 * oldest of each other flow is looked at in turn.
 */
static bool
deliver_next(struct spool *sp, struct transfer *out)
{
	const struct policy_flow *flow;
	char first[IPC_ID_LEN] = "";
	int looked;

	for (looked = 0; looked < POLICY_FLOWS_MAX; looked++) {
		if (!turn_task(sp, TASK_DELIVER, out))
			return false;
		if (looked > 0 && strcmp(first, out->flow) == 0)
			return false;
		if (looked == 0)
			mem_put_str(first, sizeof(first), out->flow);
		flow = policy_find_flow(sp->policy, out->flow);
		if (flow == NULL || flow->is_ordered == 0 ||
		    out->state == ST_DELIVERING ||
		    !catalog_is_blocked(sp->cat, out))
			return true;
	}
	return false;
}

static bool
deliver_serve_delivery(struct spool *sp, struct wait *w)
{
	struct transfer t;

	if (!deliver_next(sp, &t))
		return false;
	catalog_set_task(sp->cat, t.row, -TASK_DELIVER);
	deliver_send(w, &t, WORK_DELIVER);
	return true;
}

static bool
deliver_serve_notice(struct spool *sp, struct wait *w)
{
	struct transfer t;

	if (!turn_notice(sp, &t))
		return false;
	catalog_set_notice(sp->cat, t.row, t.notice, t.notice);
	deliver_send(w, &t, WORK_NOTICE);
	return true;
}

/* Both kinds in turn, so that neither starves the other. */
bool
deliver_serve(struct spool *sp, struct wait *w)
{
	sp->tells_first = !sp->tells_first;
	if (sp->tells_first)
		return deliver_serve_notice(sp, w) ||
		    deliver_serve_delivery(sp, w);
	return deliver_serve_delivery(sp, w) || deliver_serve_notice(sp, w);
}

void
deliver_work(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	spool_wait(sp, client, msg, NULL, 0);
}

/* --- what became of it ---------------------------------------------------------------- */

static bool
deliver_find(struct spool *sp, struct client *client, struct ipc_msg *msg,
    struct spool_outcome *out, struct transfer *t)
{
	memcpy(out, msg->body, sizeof(*out));
	if (catalog_find(sp->cat, out->transfer.id, t))
		return true;
	group_status(sp, client, msg->type, msg->id, GW_ENOENT, REASON_NONE);
	return false;
}

/* Courier could not: what changed, a person, or nobody can help. */
static void
deliver_failed(struct spool *sp, struct transfer *t,
    const struct spool_outcome *out)
{
	enum gw_err_class class = err_class((enum gw_err)out->err);
	struct life_why why = {.reason = out->reason};
	enum spool_event event = EV_HOLD;

	if (why.reason == REASON_NONE)
		why.reason = out->err == GW_ESPACE ? REASON_NO_SPACE :
		    class == GW_CLASS_TAMPER ? REASON_DAMAGED :
		    REASON_INTERNAL;
	if (class == GW_CLASS_TAMPER || why.reason == REASON_DAMAGED)
		event = EV_DAMAGE;
	if (!life_move(sp, t, event, &why))
		log_warn("transfer %s: not delivered, but it is %s", t->number,
		    transfer_state_word((enum transfer_state)t->state));
}

static void
deliver_outcome(struct spool *sp, struct client *client, struct ipc_msg *msg,
    enum spool_event event)
{
	struct ipc_status status = {.err = GW_OK};
	struct spool_outcome out;
	struct transfer t;

	if (!deliver_find(sp, client, msg, &out, &t))
		return;
	if (out.err != GW_OK) {
		deliver_failed(sp, &t, &out);
	} else if (event == EV_STAGE && t.state == ST_DELIVERING) {
		/* Staged again after a crash: publishing is permitted. */
		log_info("transfer %s: staged again", t.number);
	} else if (!life_move(sp, &t, event, NULL)) {
		/* Withdrawn or refused meanwhile: it must not be published. */
		status.err = GW_EDENIED;
		status.reason = t.reason;
	} else if (event == EV_STAGE) {
		/* Still courier's: on a restart it is offered as a retry. */
		t.task = -TASK_DELIVER;
		catalog_save(sp->cat, &t);
	}
	group_status(sp, client, msg->type, msg->id, status.err,
	    status.reason);
}

void
deliver_staged(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	deliver_outcome(sp, client, msg, EV_STAGE);
}

void
deliver_published(struct spool *sp, struct client *client,
    struct ipc_msg *msg)
{
	deliver_outcome(sp, client, msg, EV_PUBLISH);
}

/* A notice raised while this one was told stays pending. */
void
deliver_noticed(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_outcome out;
	struct transfer t;

	if (!deliver_find(sp, client, msg, &out, &t))
		return;
	if (out.err != GW_OK)
		log_warn("transfer %s: people could not be told: %s",
		    t.number, err_text_en((enum gw_err)out.err));
	if (t.notice_busy != 0) {
		catalog_set_notice(sp->cat, t.row,
		    t.notice == t.notice_busy ? 0 : t.notice, 0);
		group_dirty(sp);
	}
	group_status(sp, client, msg->type, msg->id, GW_OK, REASON_NONE);
}
