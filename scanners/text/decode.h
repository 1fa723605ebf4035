/* SPDX-License-Identifier: ISC */
#ifndef SCANNERS_TEXT_DECODE_H
#define SCANNERS_TEXT_DECODE_H

#include <stdint.h>

#include "scanners/text/text.h"

/*
 * One encoding, byte by byte.  Strict: what has no character is an error,
 * as is a character cut off.
 */
struct decode {
	enum text_charset charset;
	uint8_t have;		/* bytes of the character begun */
	uint8_t bytes[4];
	uint8_t mode;		/* ISO-2022-JP: enum decode_mode */
	uint32_t high;		/* UTF-16: first half of a pair */
};

enum decode_step {
	DECODE_MORE,	/* the character is not whole yet */
	DECODE_CHAR,	/* *out is one */
	DECODE_BAD
};

void decode_init(struct decode *, enum text_charset);
enum decode_step decode_byte(struct decode *, uint8_t byte, uint32_t *out);

/* May the text end here? */
bool decode_end_ok(const struct decode *);

#endif
