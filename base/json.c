/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/json.h"

void
json_init(struct json *j, struct buf *out)
{
	*j = (struct json){.out = out};
}

/* Length of the UTF-8 sequence at p, 0 if it is not one (RFC 3629). */
static size_t
json_utf8_len(const uint8_t *p, size_t left)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t rune;
	size_t n, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (left < n)
		return 0;
	rune = p[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		rune = rune << 6 | (p[i] & 0x3fu);
	}
	if (rune < least[n] || rune > 0x10ffff ||
	    (rune >= 0xd800 && rune <= 0xdfff))
		return 0;
	return n;
}

static void
json_escape(struct buf *out, uint8_t c)
{
	static const char short_for[] = "\"\\\b\f\n\r\t";
	static const char short_as[] = "\"\\bfnrt";
	const char *at = c != 0 ? strchr(short_for, c) : NULL;

	if (at != NULL)
		buf_printf(out, "\\%c", short_as[at - short_for]);
	else
		buf_printf(out, "\\u%04x", c);
}

/* Runs of bytes that need no escape are copied in one piece. */
static void
json_quoted(struct buf *out, const uint8_t *p, size_t size)
{
	size_t i = 0, from = 0, n;

	buf_put_u8(out, '"');
	while (i < size) {
		n = json_utf8_len(p + i, size - i);
		if (n > 1 || (n == 1 && p[i] >= 0x20 && p[i] != '"' &&
				 p[i] != '\\' && p[i] != 0x7f)) {
			i += n;
			continue;
		}
		buf_put(out, p + from, i - from);
		if (n == 0)
			buf_printf(out, "\\\\x%02x", p[i]);
		else
			json_escape(out, p[i]);
		from = ++i;
	}
	if (size > from)
		buf_put(out, p + from, size - from);
	buf_put_u8(out, '"');
}

static void
json_begin_value(struct json *j, const char *key)
{
	bool in_object = j->depth > 0 && !j->is_array[j->depth - 1];

	if (in_object != (key != NULL))
		log_panic("json: key %s", key != NULL ? key : "missing");
	if (j->needs_comma[j->depth])
		buf_put_u8(j->out, ',');
	j->needs_comma[j->depth] = true;
	if (key != NULL) {
		json_quoted(j->out, (const uint8_t *)key, strlen(key));
		buf_put_u8(j->out, ':');
	}
}

static void
json_open(struct json *j, const char *key, bool is_array)
{
	json_begin_value(j, key);
	if (j->depth == JSON_DEPTH_MAX)
		log_panic("json: deeper than %d", JSON_DEPTH_MAX);
	j->is_array[j->depth] = is_array;
	j->depth++;
	j->needs_comma[j->depth] = false;
	buf_put_u8(j->out, is_array ? '[' : '{');
}

void
json_object(struct json *j, const char *key)
{
	json_open(j, key, false);
}

void
json_array(struct json *j, const char *key)
{
	json_open(j, key, true);
}

void
json_end(struct json *j)
{
	if (j->depth == 0)
		log_panic("json: nothing to close");
	j->depth--;
	buf_put_u8(j->out, j->is_array[j->depth] ? ']' : '}');
}

void
json_str(struct json *j, const char *key, const char *s)
{
	if (s == NULL)
		json_null(j, key);
	else
		json_strn(j, key, s, strlen(s));
}

void
json_strn(struct json *j, const char *key, const void *s, size_t size)
{
	json_begin_value(j, key);
	json_quoted(j->out, s, size);
}

void
json_u64(struct json *j, const char *key, uint64_t value)
{
	json_begin_value(j, key);
	buf_printf(j->out, "%" PRIu64, value);
}

void
json_i64(struct json *j, const char *key, int64_t value)
{
	json_begin_value(j, key);
	buf_printf(j->out, "%" PRId64, value);
}

void
json_bool(struct json *j, const char *key, bool value)
{
	json_begin_value(j, key);
	buf_put_str(j->out, value ? "true" : "false");
}

void
json_null(struct json *j, const char *key)
{
	json_begin_value(j, key);
	buf_put_str(j->out, "null");
}

void
json_hex(struct json *j, const char *key, const void *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = bytes;
	size_t i;

	json_begin_value(j, key);
	buf_put_u8(j->out, '"');
	for (i = 0; i < size; i++) {
		buf_put_u8(j->out, (uint8_t)digits[p[i] >> 4]);
		buf_put_u8(j->out, (uint8_t)digits[p[i] & 15]);
	}
	buf_put_u8(j->out, '"');
}
