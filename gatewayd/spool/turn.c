/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"

#include "gatewayd/spool/turn.h"

#define TURN_NOTICES TASK_COUNT

/* '!' sorts after the flow's own id and before all that continue it. */
static void
turn_advance(struct turn *turn, const char *flow)
{
	size_t len = strlen(flow);

	mem_put_str(turn->flow, sizeof(turn->flow), flow);
	turn->flow[len] = '!';
	turn->flow[len + 1] = '\0';
}

static bool
turn_look(struct spool *sp, int kind, const char *from, struct transfer *out)
{
	if (kind == TURN_NOTICES)
		return catalog_next_notice(sp->cat, from, out);
	return catalog_next_task(sp->cat, (enum task)kind, from, out);
}

static bool
turn_next(struct spool *sp, int kind, struct transfer *out)
{
	struct turn *turn = &sp->turns[kind];

	if (!turn_look(sp, kind, turn->flow, out) &&
	    (turn->flow[0] == '\0' || !turn_look(sp, kind, "", out)))
		return false;
	turn_advance(turn, out->flow);
	return true;
}

bool
turn_task(struct spool *sp, enum task task, struct transfer *out)
{
	return turn_next(sp, (int)task, out);
}

bool
turn_notice(struct spool *sp, struct transfer *out)
{
	return turn_next(sp, TURN_NOTICES, out);
}
