/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_TEXT_H
#define GATEWAYD_COURIER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "proto/record/reason.h"

/* Words for people: reason files, status files, and names as shown. */

#define TEXT_SHOWN_MAX 4200

/*
 * A name as found on disk, for a screen or a ledger: UTF-8, or what CP932
 * says it is, else with each byte that is not printable ASCII as \xNN.
 */
void text_show(const char *raw, size_t len, char *out, size_t out_size);

/* Code of a flow's or gateway's text in a line: no line breaks, no controls. */
void text_clean(char *text);

struct text_case {
	const char *name;	/* as shown */
	const char *flow;
	const char *number;	/* "" if none */
	const char *detail;	/* "" if none */
	enum reason reason;
	uint64_t wall_ms;
	bool is_english;
	bool is_left;		/* the file stayed where it was put */
	bool is_returned;	/* the file lies beside the text */
};

/* NAME.理由.txt: what, why, what to do, receipt number, code. */
void text_refusal(struct buf *, const struct text_case *);

/* NAME.保留.txt: what, why, who is next, receipt number, code. */
void text_hold(struct buf *, const struct text_case *, const char *state);

/* status/FLOW/受付待ち.txt: intake of a flow waits. */
void text_waiting(struct buf *, const struct text_case *);

#define TEXT_REASON_SUFFIX ".理由.txt"
#define TEXT_HOLD_SUFFIX ".保留.txt"
#define TEXT_WAITING_NAME "受付待ち.txt"

/*
 * Name of a file beside NAME: the n-th choice of NAME, shortened where the
 * suffix would not fit.  out holds NAME_MAX + 1 bytes.  raw: NAME may be
 * bytes in any encoding.
 */
void text_beside(const char *name, unsigned n, const char *suffix, char *out);

/* The n-th choice of a name of NAME_MAX bytes at most. */
void text_choice(const char *name, unsigned n, char *out);

#endif
