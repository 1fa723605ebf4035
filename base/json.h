/* SPDX-License-Identifier: ISC */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * JSON writer into a buf.  Commas and nesting are kept by the writer; a
 * key is NULL inside an array.  Strings must be UTF-8; a byte that is not
 * becomes \xNN in the text (written "\\xNN"), so output is always valid.
 * Text given as a NULL pointer becomes null.  A key that is missing or too
 * much, and nesting past JSON_DEPTH_MAX, is our defect: log_panic.
 */
#define JSON_DEPTH_MAX 16

struct json {
	struct buf *out;
	int depth;
	bool is_array[JSON_DEPTH_MAX];
	bool needs_comma[JSON_DEPTH_MAX + 1];
};

void json_init(struct json *, struct buf *out);
void json_object(struct json *, const char *key);
void json_array(struct json *, const char *key);
void json_end(struct json *); /* closes the innermost object or array */
void json_str(struct json *, const char *key, const char *);
void json_strn(struct json *, const char *key, const void *, size_t);
void json_u64(struct json *, const char *key, uint64_t);
void json_i64(struct json *, const char *key, int64_t);
void json_bool(struct json *, const char *key, bool);
void json_null(struct json *, const char *key);
void json_hex(struct json *, const char *key, const void *, size_t);

#endif
