/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_LIFE_H
#define GATEWAYD_SPOOL_LIFE_H

#include "gatewayd/spool/spool.h"

/* Why a transfer moves, for the log, the screens and the catalogue. */
struct life_why {
	uint16_t reason;	/* enum reason */
	uint32_t body_index;	/* the body it is about */
	const char *detail;	/* printable ASCII; NULL: none */
	const char *actor;	/* account name; NULL: the gateway itself */
};

/*
 * Move a transfer by the table in states.c, in the open group: log entry,
 * step, row, counters, and all effects of the table's row.  A transfer with
 * row 0 is added.  False, and nothing done, if the event cannot happen in
 * its state.
 */
bool life_move(struct spool *, struct transfer *, enum spool_event,
    const struct life_why *);

/* The same where anything else would be our defect. */
void life_must(struct spool *, struct transfer *, enum spool_event,
    const struct life_why *);

/* Next receipt number (receipt.c); counts in the open group. */
void receipt_next(struct spool *, uint64_t now_ms, char out[IPC_NUMBER_LEN]);

#endif
