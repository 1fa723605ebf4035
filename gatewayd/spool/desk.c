/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/spool/ask.h"
#include "gatewayd/spool/channels.h"
#include "gatewayd/spool/handlers.h"
#include "gatewayd/spool/life.h"
#include "gatewayd/spool/quota.h"
#include "gatewayd/spool/timers.h"

#define DESK_LIST_MAX 64
#define DESK_STEPS_MAX 256

/* --- questions --------------------------------------------------------------------- */

static void
desk_row(const struct transfer *t, struct spool_row *out)
{
	memset(out, 0, sizeof(*out));
	out->row = (uint64_t)t->row;
	out->transfer = t->ref;
	mem_put_str(out->number, sizeof(out->number), t->number);
	mem_put_str(out->flow, sizeof(out->flow), t->flow);
	mem_put_str(out->channel, sizeof(out->channel), t->channel);
	mem_put_str(out->submitter, sizeof(out->submitter), t->submitter);
	mem_put_str(out->detail, sizeof(out->detail), t->detail);
	out->side = t->side;
	out->state = t->state;
	out->held_from = t->held_from;
	out->body_count = t->body_count;
	out->body_index = t->body_index;
	out->reason = t->reason;
	out->uid = t->uid;
	out->epoch = t->epoch;
	out->seq = t->seq;
	out->plain_bytes = t->plain_bytes;
	out->accepted_ms = t->accepted_ms;
	out->state_ms = t->state_ms;
	memcpy(out->parcel_id, t->parcel_id, sizeof(out->parcel_id));
}

void
desk_list(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct ipc_status status = {.err = GW_OK};
	struct transfer *found;
	struct spool_list ask;
	struct spool_row *rows;
	uint32_t i, n, limit;

	memcpy(&ask, msg->body, sizeof(ask));
	spool_check_text(ask.number, sizeof(ask.number));
	spool_check_text(ask.flow, sizeof(ask.flow));
	limit = ask.limit == 0 || ask.limit > DESK_LIST_MAX ? DESK_LIST_MAX :
	    ask.limit;
	found = mem_array(limit, sizeof(*found));
	rows = mem_array(limit, sizeof(*rows));
	n = catalog_list(sp->cat, &ask, found, limit);
	for (i = 0; i < n; i++)
		desk_row(&found[i], &rows[i]);
	group_reply(sp, client, msg->type, msg->id, &status, sizeof(status),
	    rows, sizeof(*rows), n, -1);
	mem_free(found);
	mem_free(rows);
}

void
desk_steps(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct ipc_status status = {.err = GW_OK};
	struct spool_bodies ask;
	struct spool_step *steps;
	struct transfer t;
	uint32_t n = 0;

	memcpy(&ask, msg->body, sizeof(ask));
	steps = mem_array(DESK_STEPS_MAX, sizeof(*steps));
	if (catalog_find(sp->cat, ask.transfer.id, &t))
		n = catalog_steps(sp->cat, t.row, steps, DESK_STEPS_MAX);
	else
		status.err = GW_ENOENT;
	group_reply(sp, client, msg->type, msg->id, &status, sizeof(status),
	    steps, sizeof(*steps), n, -1);
	mem_free(steps);
}

/* Keys' answer goes on as it is. */
static void
desk_pass_on(struct spool *sp, struct call *call, struct ipc_msg *msg)
{
	if (call->client != NULL)
		group_reply(sp, call->client, call->type, call->client_id,
		    msg->body, msg->len, NULL, 0, 0, -1);
}

void
desk_files(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct keys_release ask;
	struct transfer t;
	struct call *call;

	memcpy(&ask, msg->body, sizeof(ask));
	/* Before OPENED and after ERASED keys has no such slots. */
	if (!catalog_find(sp->cat, ask.transfer.id, &t) ||
	    t.state == ST_ERASED ||
	    (t.side == SIDE_HIGH && t.flow[0] == '\0')) {
		group_status(sp, client, msg->type, msg->id, GW_ENOENT,
		    REASON_NONE);
		return;
	}
	call = spool_call(sp, desk_pass_on);
	spool_call_for(call, client, msg);
	spool_call_send(sp, call, KEYS_BODY_INFO, &ask, sizeof(ask), NULL, 0,
	    0, NULL, 0);
}

void
desk_status(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_status out = {
		.err = GW_OK,
		.is_intake_stopped = sp->is_intake_stopped,
		.is_fetch_stopped = sp->is_fetch_stopped,
		.stop_reason = sp->stop_reason,
		.stored_bytes = sp->gate.stored_bytes + sp->reserved,
		.quota_bytes = sp->policy->zone.quota_bytes,
		.disk_free_bytes = sp->disk_free,
		.disk_bytes = sp->disk_bytes,
		.transfers = sp->gate.transfers,
		.clock_jump_ms = sp->clock_jump_ms,
		.commit_groups = sp->group.groups,
		.commits_ms = sp->group.spent_ms,
	};
	struct receiving *r;

	memcpy(out.counts, sp->gate.counts, sizeof(out.counts));
	TAILQ_FOREACH(r, &sp->receiving, next)
		out.counts[ST_RECEIVING]++;
	group_reply(sp, client, msg->type, msg->id, &out, sizeof(out), NULL, 0,
	    0, -1);
}

/* --- acts ----------------------------------------------------------------------------- */

static void
desk_decided(struct spool *sp, struct call *call, struct ipc_msg *msg)
{
	struct keys_decided d;
	struct transfer t;

	memcpy(&d, msg->body, sizeof(d));
	spool_check_text(d.detail, sizeof(d.detail));
	if (d.err == GW_OK && catalog_load(sp->cat, call->row, &t))
		ask_apply(sp, &t, &d, call->actor);
	if (call->client != NULL)
		group_reply(sp, call->client, call->type, call->client_id, &d,
		    sizeof(d), NULL, 0, 0, -1);
}

/*
 * Desk told keys what the person decided; only keys knows what follows from
 * it.  So nothing that came through here can move a transfer.
 */
void
desk_decide(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct keys_decided none = {.err = GW_ENOENT};
	struct keys_evaluate ask = {0};
	struct keys_decide in;
	struct transfer t;
	struct call *call;

	memcpy(&in, msg->body, sizeof(in));
	spool_check_text(in.account, sizeof(in.account));
	if (!catalog_find(sp->cat, in.transfer.id, &t)) {
		group_reply(sp, client, msg->type, msg->id, &none,
		    sizeof(none), NULL, 0, 0, -1);
		return;
	}
	ask.transfer = t.ref;
	mem_put_str(ask.number, sizeof(ask.number), t.number);
	call = spool_call(sp, desk_decided);
	spool_call_for(call, client, msg);
	call->row = t.row;
	call->act = in.act;
	mem_put_str(call->actor, sizeof(call->actor), in.account);
	spool_call_send(sp, call, KEYS_EVALUATE, &ask, sizeof(ask), NULL, 0, 0,
	    NULL, 0);
}

/* An administrator looked, or something that holds transfers changed. */
void
desk_poke(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	quota_disk_checked(sp);
	timers_clock_checked(sp);
	sp->wants_poke = true;
	channels_ask(sp);
	group_status(sp, client, msg->type, msg->id, GW_OK, REASON_NONE);
}
