/* SPDX-License-Identifier: ISC */
#ifndef SCANNERS_TEXT_TEXT_H
#define SCANNERS_TEXT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/record/reason.h"

/*
 * Is this text, and is it harmless?  Strict decoding in every encoding that
 * it could be read in, for a reader may choose another than the writer:
 * UTF-8, CP932, EUC-JP and ISO-2022-JP side by side, UTF-16 and marked
 * UTF-8 by their byte order mark.  What is decoded may hold no controls but
 * TAB, CR and LF, none that change the direction of text, and as CSV must
 * be well formed.  Streaming, any size, constant memory, no conversion
 * modules: it also runs in a worker.
 */
enum text_charset {
	TEXT_ASCII,
	TEXT_UTF8,
	TEXT_UTF16LE,
	TEXT_UTF16BE,
	TEXT_CP932,
	TEXT_EUCJP,
	TEXT_ISO2022JP
};

enum text_kind {
	TEXT_PLAIN,
	TEXT_COMMA,	/* CSV after RFC 4180, LF alone allowed */
	TEXT_TAB	/* the same, cells parted by TAB */
};

struct text_options {
	enum text_kind kind;
	/*
	 * CSV: refuse cells that a spreadsheet would run, i.e. that begin
	 * with = + - @ (full width, too), TAB or CR.  Numbers with a sign
	 * and telephone numbers stay.
	 */
	bool guards_formulas;
};

struct text_result {
	enum reason reason;	/* REASON_NONE: all is well */
	enum text_charset charset;
	uint64_t row;		/* of what is wrong, from 1 */
	uint64_t column;	/* of the cell; plain text: of the character */
	uint64_t rows;		/* line or row ends seen */
};

struct text_scan;
struct text_scan *text_new(const struct text_options *);
void text_free(struct text_scan *);
void text_feed(struct text_scan *, const void *, size_t);

/* Nothing that follows can make it good text any more. */
bool text_is_lost(const struct text_scan *);

/* After the last byte. */
void text_finish(struct text_scan *, struct text_result *out);

/* "CP932" */
const char *text_charset_name(enum text_charset);

#endif
