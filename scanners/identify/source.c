/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "scanners/identify/source.h"

bool
source_get(struct source *s, void *buf, size_t len, uint64_t off)
{
	size_t got = 0;
	enum gw_err err;

	if (off > s->size || len > s->size - off || s->err != GW_OK)
		return false;
	err = s->read(s->arg, buf, len, off, &got);
	if (err != GW_OK)
		s->err = err;
	return err == GW_OK && got == len;
}

bool
source_load(struct source *s)
{
	s->err = GW_OK;
	s->head_len = s->size < SOURCE_HEAD ? (size_t)s->size : SOURCE_HEAD;
	s->tail_len = s->size < SOURCE_TAIL ? (size_t)s->size : SOURCE_TAIL;
	s->tail_off = s->size - s->tail_len;
	if (!source_get(s, s->head, s->head_len, 0) ||
	    !source_get(s, s->tail, s->tail_len, s->tail_off))
		return false;
	s->head[s->head_len] = s->tail[s->tail_len] = 0;
	return true;
}

bool
source_is(const struct source *s, size_t off, const void *bytes, size_t len)
{
	return off <= s->head_len && len <= s->head_len - off &&
	    memcmp(s->head + off, bytes, len) == 0;
}

uint16_t
source_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t
source_le32(const uint8_t *p)
{
	return source_le16(p) | (uint32_t)source_le16(p + 2) << 16;
}

uint64_t
source_le64(const uint8_t *p)
{
	return source_le32(p) | (uint64_t)source_le32(p + 4) << 32;
}

uint32_t
source_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}
