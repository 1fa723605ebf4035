/* SPDX-License-Identifier: ISC */
#ifndef PROTO_NAMES_UTF8_H
#define PROTO_NAMES_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rd.h"

#define UTF8_MAX 4	/* bytes of one character */

/*
 * Take one character, strictly: shortest form, no surrogates, nothing above
 * U+10FFFF.  Errors: GW_EFORMAT, GW_ETRUNC.
 */
GW_MUST_CHECK enum gw_err utf8_get(struct rd *, uint32_t *cp_out);

/* Encode a valid character; returns its length. */
size_t utf8_put(uint32_t cp, char out[UTF8_MAX]);

/* Is all of it valid UTF-8 without NUL? */
bool utf8_ok(const void *, size_t);

#endif
