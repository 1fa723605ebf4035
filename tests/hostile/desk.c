/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "proto/ipc/keys.h"
#include "proto/ipc/spool.h"

#include "tests/hostile/hostile.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

static unsigned asked, answered, taken;

static void
desk_reset(void)
{
	asked = answered = taken = 0;
}

/* An approver, two officers, somebody without a role, nobody. */
static const uint32_t uids[] = {70001, 70002, 70003, 70009, UINT32_MAX};
static const uint16_t acts[] = {ACT_APPROVE, ACT_RELEASE};

/*
 * In the name of everybody: all acts that would let through what desk is
 * shown.  What waits for an approval is left out: that is the exception
 * that THREATS names.
 */
static void
forge_row(struct hostile *h, const struct spool_row *row)
{
	struct keys_decide ask;
	int u, a;

	for (u = 0; u < COUNT(uids); u++) {
		for (a = 0; a < COUNT(acts); a++) {
			memset(&ask, 0, sizeof(ask));
			ask.transfer = row->transfer;
			ask.act = acts[a];
			ask.uid = uids[u];
			ask.roles = UINT32_MAX;
			snprintf(ask.account, sizeof(ask.account), "uid:%u",
			    uids[u]);
			memcpy(ask.number, row->number, sizeof(ask.number));
			hostile_ask(h, PROC_KEYS, KEYS_DECIDE, &ask,
			    sizeof(ask), -1);
			/* Spool may believe it, keys will not. */
			hostile_ask(h, PROC_SPOOL, SPOOL_DECIDE, &ask,
			    sizeof(ask), -1);
			asked++;
		}
	}
}

static bool
forge(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	const struct spool_row *row;
	size_t i;

	if (way == ANSWER && n->type == (KEYS_DECIDE | IPC_REPLY)) {
		taken += hostile_err(n) == GW_OK;
		if (++answered == asked)
			hostile_say(h, "forged %u decisions, %u taken", asked,
			    taken);
	}
	if (peer != PROC_SPOOL || way != FROM_PEER ||
	    n->type != (SPOOL_LIST | IPC_REPLY))
		return true;
	for (i = 0; (row = hostile_elem(n, sizeof(struct ipc_status),
	    sizeof(*row), i)) != NULL; i++) {
		if (row->state != ST_WAITING)
			forge_row(h, row);
	}
	return true;
}

/*
 * Somebody without a role approves with all roles, and the one approver
 * approves twice where two must.
 */
static bool
forge_approval(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	static const uint32_t who[] = {70009, 70001, 70001, UINT32_MAX};
	const struct spool_row *row;
	struct keys_decide ask;
	size_t i;
	int u;

	if (way == ANSWER && n->type == (KEYS_DECIDE | IPC_REPLY))
		hostile_say(h, "approval %u: err %d", ++answered,
		    hostile_err(n));
	if (peer != PROC_SPOOL || way != FROM_PEER || asked > 0 ||
	    n->type != (SPOOL_LIST | IPC_REPLY))
		return true;
	for (i = 0; (row = hostile_elem(n, sizeof(struct ipc_status),
	    sizeof(*row), i)) != NULL; i++) {
		if (row->state != ST_WAITING)
			continue;
		for (u = 0; u < COUNT(who); u++) {
			memset(&ask, 0, sizeof(ask));
			ask.transfer = row->transfer;
			ask.act = ACT_APPROVE;
			ask.uid = who[u];
			ask.roles = UINT32_MAX;
			memcpy(ask.number, row->number, sizeof(ask.number));
			hostile_ask(h, PROC_KEYS, KEYS_DECIDE, &ask,
			    sizeof(ask), -1);
			hostile_ask(h, PROC_SPOOL, SPOOL_DECIDE, &ask,
			    sizeof(ask), -1);
			asked++;
		}
	}
	return true;
}

static const struct hostile_case cases[] = {
	{"forge", forge},
	{"forge-approval", forge_approval},
};

const struct hostile_kind hostile_desk = {
	.procs = 1u << PROC_DESK,
	.cases = cases,
	.case_count = COUNT(cases),
	.reset = desk_reset,
};
