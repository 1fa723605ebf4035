/* SPDX-License-Identifier: ISC */
#include "gatewayd/spool/held.h"

/* Held for a name in the way: so many are tried again each minute. */
#define HELD_NAMES_MAX 16

static bool
held_is_signatures(uint16_t reason)
{
	return reason == REASON_SIGNATURES_OLD ||
	    reason == REASON_SIGNATURES_MISSING;
}

/* What to do with it so that it is judged by what holds now. */
static enum task
held_task(struct spool *sp, const struct transfer *t)
{
	const struct policy_flow *flow;
	const struct channel *ch;

	if (t->side == SIDE_HIGH && t->flow[0] == '\0')
		return TASK_OPEN;
	if (held_is_signatures(t->reason))
		return TASK_REJUDGE;
	if (t->reason != REASON_NO_CHANNEL &&
	    t->reason != REASON_CHANNEL_FROZEN)
		return TASK_EVALUATE;
	flow = policy_find_flow(sp->policy, t->flow);
	ch = flow == NULL ? NULL : spool_channel(sp, flow->channel);
	return ch != NULL && ch->keys.state == CHANNEL_OPEN ? TASK_EVALUATE :
	    TASK_NONE;
}

static void
held_try(struct spool *sp, const struct transfer *t)
{
	enum task task = held_task(sp, t);

	if (task != TASK_NONE && t->task == TASK_NONE)
		catalog_set_task(sp->cat, t->row, (int32_t)task);
}

static void
held_all(struct spool *sp, uint32_t state)
{
	struct transfer t = {0};

	while (catalog_next_state(sp->cat, state, t.row, &t))
		held_try(sp, &t);
}

void
held_poke(struct spool *sp)
{
	sp->wants_poke = false;
	sp->canary = 0;
	held_all(sp, ST_HELD);
	held_all(sp, ST_WAITING);
}

static void
held_few(struct spool *sp, uint16_t reason, int limit)
{
	struct transfer t = {0};

	while (limit-- > 0 &&
	    catalog_next_held(sp->cat, reason, t.row, &t))
		held_try(sp, &t);
}

void
held_minute(struct spool *sp)
{
	struct transfer t;

	if (catalog_next_held(sp->cat, REASON_SIGNATURES_OLD, 0, &t) ||
	    catalog_next_held(sp->cat, REASON_SIGNATURES_MISSING, 0, &t)) {
		sp->canary = t.row;
		held_try(sp, &t);
	}
	held_few(sp, REASON_NO_SPACE, HELD_NAMES_MAX);
	held_few(sp, REASON_CLOCK_JUMP, HELD_NAMES_MAX);
	if (sp->ticks % 300 < 60)
		held_few(sp, REASON_NAME_TAKEN, HELD_NAMES_MAX);
	group_kick(sp);
}

void
held_canary(struct spool *sp, const struct transfer *t)
{
	if (sp->canary != t->row)
		return;
	if (t->state == ST_HELD && held_is_signatures(t->reason)) {
		sp->canary = 0;
		return;
	}
	/* Still being inspected: it is judged once more afterwards. */
	if (t->task == TASK_INSPECT || t->task == -TASK_INSPECT)
		return;
	sp->wants_poke = true;
}
