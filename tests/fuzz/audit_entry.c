/* SPDX-License-Identifier: ISC; fuzz-libs: gw_record gw_crypto gw_base */
#include <stdlib.h>
#include <string.h>

#include "proto/record/audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Whatever decodes encodes to the same bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_record r;
	struct buf again;

	if (audit_decode(data, size, &r) != GW_OK)
		return 0;
	buf_init(&again, AUDIT_ENTRY_MAX);
	if (audit_encode(&r, &again) != GW_OK || again.len != size ||
	    memcmp(again.data, data, size) != 0)
		abort();
	buf_clear(&again);
	return 0;
}
