/* SPDX-License-Identifier: ISC; fuzz-libs: gw_statement gw_reason gw_base */
#include <stdlib.h>
#include <string.h>

#include "proto/record/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Whatever decodes encodes to the same bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct statement_approval a;
	struct statement_body b;
	struct statement_top top;
	struct buf again;
	uint32_t i;
	struct rd r;

	if (statement_open(&r, data, size, &top) != GW_OK)
		return 0;
	buf_init(&again, size + 1);
	statement_put_top(&again, &top);
	for (i = 0; i < top.approval_count; i++) {
		if (statement_get_approval(&r, &a) != GW_OK)
			goto out;
		statement_put_approval(&again, &a);
	}
	for (i = 0; i < top.body_count; i++) {
		if (statement_get_body(&r, i, &b) != GW_OK)
			goto out;
		statement_put_body(&again, &b);
	}
	if (rd_end(&r) != GW_OK || !buf_ok(&again) || again.len != size ||
	    memcmp(again.data, data, size) != 0)
		abort();
out:
	buf_clear(&again);
	return 0;
}
