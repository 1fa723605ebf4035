/* SPDX-License-Identifier: ISC */
#include <stddef.h>

#include "proto/record/reason.h"

struct reason_row {
	uint16_t value;
	const char *code;
	enum reason_effect effect;
	const char *ja, *en, *next_ja, *next_en;
};

static const struct reason_row rows[] = {
#define X(name, value, code, effect, ja, en, next_ja, next_en)                \
	{ value, code, EFFECT_##effect, ja, en, next_ja, next_en },
	REASON_TABLE(X)
#undef X
};

/* The table is short, and a reason is asked for once a refusal. */
static const struct reason_row *
row_find(uint16_t v)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].value == v)
			return &rows[i];
	}
	return NULL;
}

static const struct reason_row *
row_of(enum reason v)
{
	const struct reason_row *row = NULL;

	if ((unsigned)v <= UINT16_MAX)
		row = row_find((uint16_t)v);
	if (row == NULL)
		row = row_find(REASON_INTERNAL);
	return row != NULL ? row : &rows[0];
}

bool
reason_ok(uint16_t v)
{
	return row_find(v) != NULL;
}

const char *
reason_code(enum reason v)
{
	return row_of(v)->code;
}

enum reason_effect
reason_effect(enum reason v)
{
	return row_of(v)->effect;
}

const char *
reason_ja(enum reason v)
{
	return row_of(v)->ja;
}

const char *
reason_en(enum reason v)
{
	return row_of(v)->en;
}

const char *
reason_next_ja(enum reason v)
{
	return row_of(v)->next_ja;
}

const char *
reason_next_en(enum reason v)
{
	return row_of(v)->next_en;
}
