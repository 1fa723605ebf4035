/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYCTL_SHOW_H
#define GATEWAYCTL_SHOW_H

#include <stdio.h>

#include "base/json.h"
#include "proto/ctl/answer.h"

#include "gatewayctl/options.h"
#include "gatewayctl/text.h"

/*
 * Rows for people or programs.  JSON: one object per line; files and steps
 * are arrays inside their transfer.  For people: tables per kind of row, or
 * one "label: value" block per transfer.
 */
struct show {
	const struct options *o;
	FILE *out;
	bool is_whole;		/* blocks instead of a table */
	/* JSON */
	struct buf line;
	struct json json;
	enum answer_row open;	/* 0: no object is open */
	enum answer_row child;	/* 0: no array is open */
	bool wants_children;	/* empty arrays, too */
	/* tables */
	struct text_table table;
	enum answer_row kind;
	uint64_t rows;
};
void show_init(struct show *, const struct options *, FILE *);
void show_row(void *show, struct answer *); /* an ask_row_fn */
void show_finish(struct show *);

/* One value as text for people: times, sizes, words in their language. */
void show_value(const struct options *, const struct answer_value *,
    struct buf *out);

/* One value as a member of a JSON object. */
void show_json(struct json *, const struct answer_value *);

#endif
