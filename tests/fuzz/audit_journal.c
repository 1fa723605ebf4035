/* SPDX-License-Identifier: ISC; fuzz-libs: gw_record gw_crypto gw_base */
#include <stdlib.h>

#include "proto/record/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static enum gw_err
count(void *arg, const uint8_t *entry, size_t len, const uint8_t leaf[32])
{
	(void)entry;
	(void)len;
	(void)leaf;
	(*(uint64_t *)arg)++;
	return GW_OK;
}

/* A replay that succeeds leaves a log that has grown by what it told of. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t base, told = 0;
	struct merkle log;
	uint8_t root[32];
	size_t good;
	struct rd rd;

	rd_init(&rd, data, size);
	if (journal_get_header(&rd, &base, root) != GW_OK) {
		rd_init(&rd, data, size);
		base = 0;
	}
	merkle_init(&log);
	if (journal_replay(&rd, base, &log, count, &told, &good) == GW_OK &&
	    (log.count != told || good > size))
		abort();
	return 0;
}
