/* SPDX-License-Identifier: ISC; fuzz-libs: gw_record gw_crypto gw_base */
#include <stdlib.h>
#include <string.h>

#include "proto/record/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/*
 * What decodes as a checkpoint encodes to the same text; no key's signature
 * is found by chance.  What decodes as a key line encodes to the same line.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct checkpoint_key key = {0};
	struct checkpoint c;
	struct buf out;
	size_t len;

	buf_init(&out, 2 * CHECKPOINT_MAX);
	if (checkpoint_decode(data, size, &c) == GW_OK) {
		memcpy(key.name, c.origin, sizeof(key.name));
		if (checkpoint_verify(&c, data, &key) == GW_OK)
			abort();
		len = c.text_len;
		if (checkpoint_encode(&c, &key, &out) != GW_OK ||
		    out.len < len || memcmp(out.data, data, len) != 0)
			abort();
	}
	buf_reset(&out);
	if (checkpoint_key_decode(data, size, false, &key) == GW_OK &&
	    (checkpoint_key_encode(&key, false, &out) != GW_OK ||
	    out.len != size || memcmp(out.data, data, size) != 0))
		abort();
	buf_clear(&out);
	return 0;
}
