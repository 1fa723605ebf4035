/* SPDX-License-Identifier: ISC */
#ifndef PROTO_NAMES_NAMES_H
#define PROTO_NAMES_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/parcel/manifest.h"
#include "proto/record/reason.h"

/*
 * File names.  Names are data: kept as found (original bytes), shown in
 * UTF-8, never normalized with full NFC, never guessed silently.
 */
#define NAMES_EXT_LEN 16
#define NAMES_FS_MAX 255	/* bytes of a name on the file system */

/*
 * Bytes of a path as found on disk to UTF-8.  UTF-8 when valid, else CP932
 * by Microsoft's table (decoded before any splitting: trail byte 0x5C is
 * not a separator), else GW_EFORMAT.  Kana with combining marks (NFD) is
 * composed; nothing else is.  out holds out_size bytes with a NUL.
 */
GW_MUST_CHECK enum gw_err names_decode(const uint8_t *raw, size_t len,
    char *out, size_t out_size, enum manifest_charset *charset_out);

/*
 * Check a path (UTF-8, components parted by '/').  REASON_NONE if it may
 * pass, else why not: control or bidi characters, "..", drive letters,
 * device names, trailing dot or space, disguised double extensions, ...
 * Private use characters and variation selectors (gaiji) are kept.
 */
enum reason names_check(const char *path);

/* Extension in lower case after NFKC, "" if none; cut marks as "?". */
void names_ext(const char *path, char out[NAMES_EXT_LEN]);

/* SHA-256("gw name" || path): binds verdicts to a name. */
GW_MUST_CHECK enum gw_err names_hash(const char *path, uint8_t out[32]);

/*
 * Key under which two names collide on a case-insensitive, normalizing file
 * system: NFKC and case folding.  out as names_decode.
 */
GW_MUST_CHECK enum gw_err names_collision_key(const char *name, char *out,
    size_t out_size);

/*
 * Shorten a component to at most max bytes of UTF-8, keeping its extension
 * and whole characters; returns true if it had to be shortened.
 */
bool names_shorten(const char *name, size_t max, char *out, size_t out_size);

/* "NAME (2).csv": the n-th alternative of a taken name. */
void names_numbered(const char *name, unsigned n, char *out, size_t out_size);

#endif
