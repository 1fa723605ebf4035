/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_INTAKE_H
#define GATEWAYD_COURIER_INTAKE_H

#include "gatewayd/courier/courier.h"
#include "gatewayd/courier/journal.h"

/*
 * Transfers being taken in.  docs/SPOOL.md says what a crash leaves at each
 * step; journal.h what must be durable before the next one.
 */
struct intake_desk;

struct intake_desk *intake_desk_new(struct courier *);
void intake_desk_free(struct intake_desk *);

/* Go on with what a crash left behind; takes the claims out of the list. */
void intake_recover(struct intake_desk *, struct claim_list *);

/* Take in what is complete, as far as hands are free. */
void intake_pump(struct intake_desk *);

/* Write the journal anew when it has grown long; called by group.c. */
void intake_tidy(struct intake_desk *);

/* Transfers under way (tests wait for 0). */
unsigned intake_count(const struct intake_desk *);

#endif
