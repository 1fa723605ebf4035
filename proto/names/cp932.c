/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <stddef.h>

#include "proto/names/cp932.h"

#define TRAILS 188u		/* trail bytes of a row */
#define USER_FIRST 0xf0
#define USER_LAST 0xf9
#define KANA_OFFSET 0xfec0u	/* 0xA1 is U+FF61 */

static const uint16_t table[] = {
#include "proto/names/cp932_table.inc"
};

static bool
trail_ok(uint8_t c)
{
	return c >= 0x40 && c <= 0xfc && c != 0x7f;
}

/* Row of the table; the user-defined rows are not in it. */
static unsigned
row_of(uint8_t lead)
{
	if (lead <= 0x9f)
		return lead - 0x81u;
	if (lead < USER_FIRST)
		return lead - 0xe0u + 31;
	return lead - 0xfau + 47;
}

static uint32_t
pair_value(uint8_t lead, uint8_t trail)
{
	unsigned column = trail - (trail < 0x7f ? 0x40u : 0x41u);
	size_t index;

	if (lead >= USER_FIRST && lead <= USER_LAST)
		return 0xe000u + (lead - (unsigned)USER_FIRST) * TRAILS +
		    column;
	index = row_of(lead) * TRAILS + column;
	return index < sizeof(table) / sizeof(table[0]) ? table[index] : 0;
}

enum gw_err
cp932_get(struct rd *r, uint32_t *cp_out)
{
	uint8_t lead, trail;
	uint32_t cp;
	enum gw_err err;

	err = rd_u8(r, &lead);
	if (err != GW_OK)
		return err;
	if (lead < 0x80) {
		*cp_out = lead;
		return GW_OK;
	}
	if (lead >= 0xa1 && lead <= 0xdf) {
		*cp_out = lead + KANA_OFFSET;
		return GW_OK;
	}
	if (lead == 0x80 || lead == 0xa0 || lead > 0xfc)
		return GW_EFORMAT;
	err = rd_u8(r, &trail);
	if (err != GW_OK)
		return err;
	if (!trail_ok(trail))
		return GW_EFORMAT;
	cp = pair_value(lead, trail);
	if (cp == 0)
		return GW_EFORMAT;
	*cp_out = cp;
	return GW_OK;
}
