/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "scanners/text/cells.h"

#define ESC 0x1b

void
cells_init(struct cells *c, const struct text_options *options)
{
	memset(c, 0, sizeof(*c));
	c->options = *options;
	c->row = c->column = 1;
}

static void
cells_fail(struct cells *c, enum reason reason)
{
	if (c->reason != REASON_NONE)
		return;
	if (c->is_raw && reason != REASON_FORMULA_CELL)
		return;
	c->reason = reason;
	c->bad_row = c->row;
	c->bad_column = c->column;
}

/* --- characters ---------------------------------------------------------------- */

static const struct {
	uint32_t first, last;
} cells_forbidden[] = {
	{0x00, 0x08}, {0x0b, 0x0c}, {0x0e, 0x1f}, {0x7f, 0x9f},
	{0x061c, 0x061c},		/* Arabic letter mark */
	{0x200e, 0x200f},		/* left-to-right, right-to-left mark */
	{0x2028, 0x202e},		/* separators, embeddings, overrides */
	{0x2066, 0x2069},		/* isolates */
	{0xfff9, 0xfffb},		/* interlinear annotation */
	{0xe0000, 0xe007f},		/* tags: invisible ASCII */
};

static bool
cells_is_forbidden(uint32_t cp)
{
	size_t i;

	/* Nearly all that comes. */
	if (cp >= 0x20 && cp < 0x7f)
		return false;
	if (cp == '\t' || cp == '\n' || cp == '\r')
		return false;
	for (i = 0; i < sizeof(cells_forbidden) / sizeof(cells_forbidden[0]);
	    i++) {
		if (cp >= cells_forbidden[i].first &&
		    cp <= cells_forbidden[i].last)
			return true;
	}
	return false;
}

static bool
cells_is_noncharacter(uint32_t cp)
{
	return (cp & 0xfffe) == 0xfffe || (cp >= 0xfdd0 && cp <= 0xfdef);
}

/* --- formulas --------------------------------------------------------------------- */

static bool
cells_is_blank(uint32_t cp)
{
	return cp == ' ' || cp == 0xa0 || cp == 0x3000 || cp == 0xfeff ||
	    (cp >= 0x2000 && cp <= 0x200d) || cp == 0x202f || cp == 0x2060 ||
	    cp == 0xad;
}

/*
 * What numbers, amounts, dates and telephone numbers are made of.  None of
 * it can name a function, a file or another program.
 */
static bool
cells_is_numeric(uint32_t cp)
{
	if ((cp >= '0' && cp <= '9') || (cp >= 0xff10 && cp <= 0xff19))
		return true;
	if (cp < 0x80)
		return cp != 0 && strchr("+-.,/:%() eE\\", (int)cp) != NULL;
	switch (cp) {
	case 0xa5:	/* yen */
	case 0x2212:	/* minus */
	case 0xff05:	/* % */
	case 0xff08:	/* ( */
	case 0xff09:	/* ) */
	case 0xff0b:	/* + */
	case 0xff0c:	/* , */
	case 0xff0d:	/* - */
	case 0xff0e:	/* . */
	case 0xff0f:	/* / */
	case 0xff1a:	/* : */
	case 0xffe5:	/* yen */
		return true;
	default:
		return cells_is_blank(cp);
	}
}

static void
cells_begin(struct cells *c, uint32_t cp)
{
	switch (cp) {
	case '=':
	case '@':
	case '\t':
	case '\r':
	case 0xff1d:
	case 0xff20:
		if (c->is_raw)
			c->lead = LEAD_SUSPECT;
		else
			cells_fail(c, REASON_FORMULA_CELL);
		break;
	case '+':
	case '-':
	case 0x2212:
	case 0xff0b:
	case 0xff0d:
		c->lead = LEAD_SIGN;
		break;
	default:
		if (!cells_is_blank(cp))
			c->lead = LEAD_SAFE;
		break;
	}
}

/* One character of the content of a cell. */
static void
cells_content(struct cells *c, uint32_t cp)
{
	if (!c->options.guards_formulas)
		return;
	switch (c->lead) {
	case LEAD_NONE:
		cells_begin(c, cp);
		break;
	case LEAD_SIGN:
		if (cells_is_numeric(cp) || c->reason != REASON_NONE)
			break;
		if (c->is_raw)
			c->lead = LEAD_SUSPECT;
		else
			cells_fail(c, REASON_FORMULA_CELL);
		break;
	case LEAD_SUSPECT:
		/* A formula with an escape in it does not run. */
		if (cp == ESC)
			c->lead = LEAD_SAFE;
		else if (cp == '(' || cp == '|' || cp == '!')
			c->has_call = true;
		break;
	case LEAD_SAFE:
		break;
	}
}

/* --- structure ------------------------------------------------------------------------ */

static void
cells_next(struct cells *c, bool is_row)
{
	if (c->lead == LEAD_SUSPECT && c->has_call)
		cells_fail(c, REASON_FORMULA_CELL);
	c->lead = LEAD_NONE;
	c->has_call = false;
	c->place = CELL_START;
	if (is_row) {
		c->row++;
		c->column = 1;
	} else {
		c->column++;
	}
}

static void
cells_outside(struct cells *c, uint32_t cp)
{
	const uint32_t separator = c->options.kind == TEXT_TAB ? '\t' : ',';

	if (cp == separator) {
		cells_next(c, false);
	} else if (cp == '\n') {
		cells_next(c, true);
	} else if (cp == '\r') {
		c->place = CELL_AFTER_CR;
	} else if (c->place == CELL_QUOTE_SEEN) {
		cells_fail(c, REASON_BAD_STRUCTURE);
	} else if (cp == '"' && c->place == CELL_START) {
		c->place = CELL_QUOTED;
	} else {
		if (cp == '"')
			cells_fail(c, REASON_BAD_STRUCTURE);
		c->place = CELL_BARE;
		cells_content(c, cp);
	}
}

static void
cells_csv(struct cells *c, uint32_t cp)
{
	switch (c->place) {
	case CELL_QUOTED:
		if (cp == '"')
			c->place = CELL_QUOTE_SEEN;
		else
			cells_content(c, cp);
		break;
	case CELL_QUOTE_SEEN:
		if (cp == '"') {
			c->place = CELL_QUOTED;
			cells_content(c, cp);
		} else {
			cells_outside(c, cp);
		}
		break;
	case CELL_AFTER_CR:
		if (cp != '\n')
			cells_fail(c, REASON_BAD_STRUCTURE);
		cells_next(c, true);
		if (cp != '\n')
			cells_outside(c, cp);
		break;
	case CELL_START:
	case CELL_BARE:
		cells_outside(c, cp);
		break;
	}
}

void
cells_char(struct cells *c, uint32_t cp)
{
	if (cells_is_forbidden(cp))
		cells_fail(c, REASON_CONTROL_CHARS);
	else if (cp > 0x7f && cells_is_noncharacter(cp))
		cells_fail(c, REASON_BAD_ENCODING);
	if (c->options.kind != TEXT_PLAIN) {
		cells_csv(c, cp);
	} else if (cp == '\n') {
		c->row++;
		c->column = 1;
	} else {
		c->column++;
	}
}

void
cells_end(struct cells *c)
{
	if (c->options.kind == TEXT_PLAIN)
		return;
	if (c->place == CELL_QUOTED || c->place == CELL_AFTER_CR)
		cells_fail(c, REASON_BAD_STRUCTURE);
	/* The last cell may end without a line end. */
	if (c->lead == LEAD_SUSPECT && c->has_call)
		cells_fail(c, REASON_FORMULA_CELL);
}
