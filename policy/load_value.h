/* SPDX-License-Identifier: ISC */
#ifndef POLICY_LOAD_VALUE_H
#define POLICY_LOAD_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * Single values as they are written in policy files.  Each returns false
 * for anything but the one accepted way to write it, *out untouched.
 */

/* Decimal digits without sign or leading zero. */
bool load_value_uint(const char *, uint64_t *out);

/* Decimal digits, alone or with KiB, MiB, GiB, TiB right behind. */
bool load_value_size(const char *, uint64_t *bytes_out);

/* YYYY-MM-DD, the last day inclusive: start of the next day in JST. */
bool load_value_date(const char *, uint64_t *until_ms_out);

/* Octal permission bits: owner may read, nobody may execute. */
bool load_value_mode(const char *, uint32_t *out);

/* 1 to POLICY_ID_LEN - 1 of a-z 0-9 -, no - at either end. */
bool load_value_is_id(const char *);

/* Account or person: begins with a letter, digit or _, then also . and -. */
bool load_value_is_name(const char *);

/* Absolute, shorter than size, no empty, "." or ".." part, no / at the end. */
bool load_value_is_path(const char *, size_t size);

/* Numeric IPv4:port or [IPv6]:port, port 1 to 65535. */
bool load_value_is_address(const char *);

/*
 * Next character of UTF-8 text.  Returns its length in bytes, or 0 where
 * the bytes are not UTF-8 (overlong, surrogate, beyond U+10FFFF, cut off).
 */
size_t load_value_char(const uint8_t *, size_t left, uint32_t *out);

/*
 * May this character stand in a value?  Not controls, line breaks, invisible
 * marks, noncharacters, or what changes the direction of text: a value must
 * be what it looks like.
 */
bool load_value_is_char_allowed(uint32_t);

/*
 * Append at most max characters of text from outside, so that one line stays
 * one harmless line: what may not stand in a value is shown as U+XXXX, bytes
 * that are not UTF-8 as \xXX, a cut as an ellipsis.
 */
void load_value_show(struct buf *, const char *, unsigned max);

#endif
