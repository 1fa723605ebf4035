/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_STATES_H
#define GATEWAYD_SPOOL_STATES_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/ipc/types.h"
#include "proto/record/transfer_state.h"

/*
 * The state machine of a transfer as one table: in this state, on this
 * event, go there and do that.  What is not in the table cannot happen.
 * docs/SPOOL.md explains each row; a test compares the two.
 */

/* X(constant, word in docs/SPOOL.md) */
#define SPOOL_EVENT_TABLE(X)                                                  \
	X(EV_ACCEPT, "accept")	     /* all bodies handed over */             \
	X(EV_HEADER, "header")	     /* the next header of a channel */       \
	X(EV_LATE, "late")	     /* a header after its time */            \
	X(EV_BODIES, "bodies")	     /* the last body is durable */           \
	X(EV_OPEN, "open")	     /* keys opened the parcel */             \
	X(EV_GO, "go")		     /* keys: nothing is missing */           \
	X(EV_APPROVAL, "approval")   /* keys: a person must agree */          \
	X(EV_HOLD, "hold")	     /* keys or courier: not now */           \
	X(EV_REJECT, "reject")	     /* keys: never */                        \
	X(EV_QUARANTINE, "quarantine") /* keys: infected */                   \
	X(EV_AGAIN, "again")	     /* keys: verdicts are missing */         \
	X(EV_POISON, "poison")	     /* workers died of it */                 \
	X(EV_SEAL, "seal")	     /* keys sealed it */                     \
	X(EV_SEND, "send")	     /* the peer has the header */            \
	X(EV_CONFIRM, "confirm")     /* the peer has all of it */             \
	X(EV_UNCONFIRM, "unconfirm") /* sent where no answer comes back */    \
	X(EV_STAGE, "stage")	     /* courier staged and checked it */      \
	X(EV_PUBLISH, "publish")     /* courier renamed it */                 \
	X(EV_DAMAGE, "damage")	     /* a body cannot be read */              \
	X(EV_REVOKE, "revoke")	     /* the submitter took it back */         \
	X(EV_WITHDRAW, "withdraw")   /* the sender took it back */            \
	X(EV_ERASE, "erase")	     /* its time is over */

enum spool_event {
#define X(name, word) name,
	SPOOL_EVENT_TABLE(X)
#undef X
	EV_COUNT
};

#define ST_NONE 0	/* before the first state */
#define ST_COUNT 25	/* one past the greatest state */

enum spool_effect {
	EFF_INSPECT = 1 << 0,	/* offer it to inspect */
	EFF_SEAL = 1 << 1,	/* ask keys to seal it */
	EFF_OPEN = 1 << 2,	/* ask keys to open it */
	EFF_DELIVER = 1 << 3,	/* offer it to courier */
	EFF_WITHDRAW = 1 << 4,	/* if sealed: a WITHDRAW parcel follows */
	EFF_NOTICE = 1 << 5,	/* courier tells people */
	EFF_RETAIN = 1 << 6,	/* the clock of retention starts */
	EFF_KEYS = 1 << 7,	/* keys COMMIT in the same group */
	EFF_ACK = 1 << 8,	/* complete as far as the sender can know */
	EFF_ERASE = 1 << 9	/* bodies and parcel object go */
};

#define ON_LOW (1 << SIDE_LOW)
#define ON_HIGH (1 << SIDE_HIGH)
#define ON_BOTH (ON_LOW | ON_HIGH)

struct states_row {
	uint8_t sides;		/* ON_LOW, ON_HIGH */
	uint8_t from;		/* enum transfer_state or ST_NONE */
	uint8_t event;		/* enum spool_event */
	uint8_t to;
	uint16_t effects;
};

extern const struct states_row states_table[];
extern const int states_table_len;

/* The row for it, NULL if it cannot happen. */
const struct states_row *states_find(enum side, unsigned from,
    enum spool_event);

/*
 * Does an `ordered` flow stop behind an earlier transfer in this state?
 * (Receiver only: it may still be delivered, or a person must decide.)
 */
bool states_blocks(unsigned state);

/* Does the sender's part end here (its completion bit may be set)? */
bool states_is_taken(unsigned state);

const char *states_event_word(enum spool_event);

#endif
