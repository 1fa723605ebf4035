/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYCTL_TEXT_H
#define GATEWAYCTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

/* Columns of a terminal that UTF-8 text takes (East Asian width). */
int text_width(const char *);

/*
 * Text that cannot play with the terminal: control characters, invisible
 * and direction characters become "\u{202E}".
 */
void text_put_safe(struct buf *, const void *, size_t);

/* "2026-04-01 09:00:00" JST, "-" for 0. */
void text_put_time(struct buf *, uint64_t wall_ms);

/* "1.5 MiB". */
void text_put_size(struct buf *, uint64_t bytes);

/*
 * A table: cells are added row by row, the first row is the heading; widths
 * follow from the content.  Cells wider than max_width columns are cut with
 * "…" unless it is 0.
 */
#define TEXT_COLUMNS_MAX 12
struct text_table {
	int columns;
	int max_width;
	char **cells;
	size_t count;
};
void text_table_init(struct text_table *, int columns, int max_width);
void text_table_add(struct text_table *, const char *cell); /* copied */
void text_table_print(const struct text_table *, FILE *);
void text_table_clear(struct text_table *);

#endif
