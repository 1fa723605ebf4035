/* SPDX-License-Identifier: ISC */
#ifndef SCANNERS_TEXT_CELLS_H
#define SCANNERS_TEXT_CELLS_H

#include <stdbool.h>
#include <stdint.h>

#include "scanners/text/text.h"

/*
 * Characters held against the rules: which may be there at all, and for
 * CSV where they may be.  The first violation is kept with its place.
 */
enum cells_place {
	CELL_START,
	CELL_BARE,
	CELL_QUOTED,
	CELL_QUOTE_SEEN,	/* a quote in a quoted cell: end or "" */
	CELL_AFTER_CR
};

/* What the cell begins with, as far as a spreadsheet would look. */
enum cells_lead {
	LEAD_NONE,		/* blanks so far */
	LEAD_SAFE,
	LEAD_SIGN,		/* + or -, and only what numbers have */
	LEAD_SUSPECT		/* raw view: would run if it is a call */
};

struct cells {
	struct text_options options;
	/*
	 * The bytes of ISO-2022-JP as a reader sees them that takes them for
	 * ASCII: only whole formulas in there count.
	 */
	bool is_raw;
	enum cells_place place;
	enum cells_lead lead;
	bool has_call;		/* raw view: the suspect cell calls something */
	enum reason reason;
	uint64_t bad_row, bad_column;
	uint64_t row, column;	/* from 1 */
};

void cells_init(struct cells *, const struct text_options *);
void cells_char(struct cells *, uint32_t cp);
void cells_end(struct cells *);

#endif
