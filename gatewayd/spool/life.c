/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/spool/ack.h"
#include "gatewayd/spool/life.h"

#define DAY_MS UINT64_C(86400000)

/* Where the policy no longer knows the flow. */
#define LIFE_DAYS 30

#define LIFE_SELF "gateway"

static void
life_audit(struct spool *sp, const struct transfer *t, const char *actor)
{
	struct audit_record a = {
		.event = AUDIT_STATE,
		.reason = t->reason,
		.attempt = t->step,
		.wall_ms = t->state_ms,
		.uid = t->uid,
		.index = t->body_index,
		.count = t->body_count,
		.epoch = t->epoch,
		.seq = t->seq,
		.size = t->plain_bytes,
	};

	memcpy(a.transfer_id, t->ref.id, sizeof(a.transfer_id));
	memcpy(a.parcel_id, t->parcel_id, sizeof(a.parcel_id));
	mem_put_str(a.number, sizeof(a.number), t->number);
	mem_put_str(a.flow, sizeof(a.flow), t->flow);
	mem_put_str(a.channel, sizeof(a.channel), t->channel);
	mem_put_str(a.state, sizeof(a.state),
	    transfer_state_word((enum transfer_state)t->state));
	mem_put_str(a.actor, sizeof(a.actor), actor);
	mem_put_str(a.detail, sizeof(a.detail), t->detail);
	group_audit(sp, &a);
}

static void
life_step(struct spool *sp, const struct transfer *t, const char *actor)
{
	struct spool_step step = {
		.state = t->state,
		.attempt = t->step,
		.wall_ms = t->state_ms,
		.reason = t->reason,
	};

	mem_put_str(step.actor, sizeof(step.actor), actor);
	catalog_step_add(sp->cat, t->row, &step);
}

/*
 * Delivered plaintext is in the mailbox: the encrypted copy goes at once,
 * unless the flow serves it from the inbox.
 */
static uint64_t
life_erase_ms(struct spool *sp, const struct transfer *t)
{
	const struct policy_flow *flow;
	uint64_t days = LIFE_DAYS;

	flow = policy_find_flow(sp->policy, t->flow);
	if (flow != NULL)
		days = flow->original_days;
	if (t->state == ST_DELIVERED &&
	    (flow == NULL || (flow->deliver & DELIVER_INBOX) == 0))
		days = 0;
	return t->state_ms + days * DAY_MS;
}

static bool
life_erase_body(void *arg, const struct body_row *b)
{
	struct spool *sp = arg;

	if (b->place.pack == 0) {
		group_effect(sp, EFFECT_REMOVE, b->id, 0);
		return true;
	}
	store_unkeep(sp->store, &b->place);
	group_effect(sp, EFFECT_REAP, NULL, b->place.pack);
	return true;
}

/* Keys destroyed the keys before; now the bytes go. */
static void
life_erase(struct spool *sp, struct transfer *t)
{
	struct parcel_row parcel;
	struct body_row object = {0};

	catalog_bodies(sp->cat, t->row, 0, life_erase_body, sp);
	catalog_bodies_del(sp->cat, t->row);
	catalog_partials(sp->cat, t->row, life_erase_body, sp);
	catalog_partials_del(sp->cat, t->row);
	if (t->seq != 0 && catalog_parcel_get(sp->cat, t->channel, t->epoch,
	    t->seq, &parcel) && parcel.place.len != 0) {
		memcpy(object.id, parcel.file_id, sizeof(object.id));
		object.place = parcel.place;
		life_erase_body(sp, &object);
		memset(&parcel.place, 0, sizeof(parcel.place));
		catalog_parcel_place(sp->cat, &parcel);
	}
	sp->gate.stored_bytes -= t->stored_bytes;
	t->stored_bytes = 0;
}

static int32_t
life_task(const struct transfer *t, uint16_t effects)
{
	if (effects & EFF_INSPECT)
		return TASK_INSPECT;
	if (effects & EFF_SEAL)
		return TASK_SEAL;
	if (effects & EFF_OPEN)
		return TASK_OPEN;
	if (effects & EFF_DELIVER)
		return TASK_DELIVER;
	if ((effects & EFF_WITHDRAW) && t->seq != 0)
		return TASK_WITHDRAW;
	return TASK_NONE;
}

static void
life_count(struct spool *sp, unsigned from, unsigned to, bool is_new)
{
	if (is_new)
		sp->gate.transfers++;
	else
		sp->gate.counts[from]--;
	sp->gate.counts[to]++;
}

bool
life_move(struct spool *sp, struct transfer *t, enum spool_event event,
    const struct life_why *why)
{
	const struct states_row *row = states_find(t->side, t->state, event);
	const char *actor;
	bool is_new = t->row == 0;

	if (row == NULL)
		return false;
	actor = why != NULL && why->actor != NULL ? why->actor : LIFE_SELF;
	if (row->to == ST_HELD && t->state != ST_HELD)
		t->held_from = t->state;
	if (event != EV_AGAIN)
		t->missing = 0;
	life_count(sp, t->state, row->to, is_new);
	t->state = row->to;
	t->step++;
	t->state_ms = clock_wall_ms();
	t->reason = why != NULL ? why->reason : REASON_NONE;
	t->body_index = why != NULL ? why->body_index : 0;
	mem_put_str(t->detail, sizeof(t->detail),
	    why != NULL && why->detail != NULL ? why->detail : "");
	t->tries = 0;
	t->failed = 0;
	t->task = life_task(t, row->effects);
	t->erase_ms = 0;
	if (row->effects & EFF_NOTICE)
		t->notice = t->step;
	if (row->effects & EFF_RETAIN)
		t->erase_ms = life_erase_ms(sp, t);
	if (row->effects & EFF_KEYS)
		group_commit_keys(sp, &t->ref);
	if (row->effects & EFF_ERASE)
		life_erase(sp, t);
	if (is_new)
		catalog_add(sp->cat, t);
	else
		catalog_save(sp->cat, t);
	if (row->effects & EFF_ACK)
		ack_taken(sp, t->channel, t->epoch, t->seq);
	life_step(sp, t, actor);
	life_audit(sp, t, actor);
	group_dirty(sp);
	return true;
}

void
life_must(struct spool *sp, struct transfer *t, enum spool_event event,
    const struct life_why *why)
{
	if (!life_move(sp, t, event, why))
		log_panic("transfer %lld: %s in state %s",
		    (long long)t->row, states_event_word(event),
		    transfer_state_word((enum transfer_state)t->state));
}
