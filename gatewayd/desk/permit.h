/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_DESK_PERMIT_H
#define GATEWAYD_DESK_PERMIT_H

#include "gatewayd/desk/conn.h"

/*
 * The permit table: for each verb the roles of which the person must have
 * one, the arguments it takes, and what handles it.
 */
struct permit_row {
	enum request_verb verb;
	uint32_t roles;		/* any of these */
	uint32_t needs, takes;	/* ARG_BIT masks */
	bool must_finish;
	conn_fn *handler;
};
extern const struct permit_row permit_table[];
extern const int permit_count;

const struct permit_row *permit_find(enum request_verb);

/*
 * Look the request up, record a refusal (AUDIT_DENIED, then exit code 4),
 * or run its handler.
 */
void permit_run(struct conn *);

/* Record a refusal that a handler found, then end with code 4. */
void permit_deny(struct conn *, const char *detail, const char *ja,
    const char *en);

#endif
