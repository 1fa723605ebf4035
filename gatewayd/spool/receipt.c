/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "base/log.h"
#include "proto/record/number.h"

#include "gatewayd/spool/life.h"

/*
 * A clock that was set back must not give a number twice: the day never
 * goes back, and the count goes on under the later day.
 */
void
receipt_next(struct spool *sp, uint64_t now_ms, char out[IPC_NUMBER_LEN])
{
	struct number n = {.letter = sp->policy->zone.letter[0]};
	char day[CLOCK_DAY_LEN];
	uint32_t today;

	_Static_assert(NUMBER_LEN == IPC_NUMBER_LEN, "one field size");
	clock_day_jst(now_ms, day);
	today = (uint32_t)strtoul(day, NULL, 10);
	if (today > sp->gate.number_day) {
		sp->gate.number_day = today;
		sp->gate.number_count = 0;
	}
	n.day = sp->gate.number_day;
	n.count = ++sp->gate.number_count;
	if (number_format(&n, out) != GW_OK)
		log_fatal("no receipt number for day %u, count %u: check the "
		    "clock", n.day, n.count);
	group_dirty(sp);
}
