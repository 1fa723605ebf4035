/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/rd.h"

void
rd_init(struct rd *rd, const void *p, size_t size)
{
	rd->p = p;
	rd->left = size;
}

size_t
rd_left(const struct rd *rd)
{
	return rd->left;
}

enum gw_err
rd_span(struct rd *rd, size_t n, const uint8_t **out)
{
	if (n > rd->left)
		return GW_ETRUNC;
	*out = rd->p;
	if (n > 0)
		rd->p += n;
	rd->left -= n;
	return GW_OK;
}

static enum gw_err
rd_be(struct rd *rd, size_t size, uint64_t *out)
{
	const uint8_t *p;
	uint64_t value = 0;
	enum gw_err err;
	size_t i;

	err = rd_span(rd, size, &p);
	if (err != GW_OK)
		return err;
	for (i = 0; i < size; i++)
		value = value << 8 | p[i];
	*out = value;
	return GW_OK;
}

enum gw_err
rd_u8(struct rd *rd, uint8_t *out)
{
	uint64_t value;
	enum gw_err err = rd_be(rd, 1, &value);

	if (err == GW_OK)
		*out = (uint8_t)value;
	return err;
}

enum gw_err
rd_u16(struct rd *rd, uint16_t *out)
{
	uint64_t value;
	enum gw_err err = rd_be(rd, 2, &value);

	if (err == GW_OK)
		*out = (uint16_t)value;
	return err;
}

enum gw_err
rd_u32(struct rd *rd, uint32_t *out)
{
	uint64_t value;
	enum gw_err err = rd_be(rd, 4, &value);

	if (err == GW_OK)
		*out = (uint32_t)value;
	return err;
}

enum gw_err
rd_u64(struct rd *rd, uint64_t *out)
{
	return rd_be(rd, 8, out);
}

enum gw_err
rd_copy(struct rd *rd, void *out, size_t n)
{
	const uint8_t *p;
	enum gw_err err = rd_span(rd, n, &p);

	if (err == GW_OK && n > 0)
		memcpy(out, p, n);
	return err;
}

enum gw_err
rd_skip(struct rd *rd, size_t n)
{
	const uint8_t *p;

	return rd_span(rd, n, &p);
}

enum gw_err
rd_sub(struct rd *rd, size_t n, struct rd *out)
{
	const uint8_t *p;
	enum gw_err err = rd_span(rd, n, &p);

	if (err == GW_OK)
		rd_init(out, p, n);
	return err;
}

enum gw_err
rd_zero(struct rd *rd, size_t n)
{
	struct rd next = *rd;
	const uint8_t *p;
	enum gw_err err;
	size_t i;

	err = rd_span(&next, n, &p);
	if (err != GW_OK)
		return err;
	for (i = 0; i < n; i++) {
		if (p[i] != 0)
			return GW_EFORMAT;
	}
	*rd = next;
	return GW_OK;
}

enum gw_err
rd_end(const struct rd *rd)
{
	return rd->left == 0 ? GW_OK : GW_EFORMAT;
}
