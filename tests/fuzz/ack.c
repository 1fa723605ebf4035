/* SPDX-License-Identifier: ISC; fuzz-libs: gw_parcel gw_crypto gw_base */
#include <stdlib.h>
#include <string.h>

#include "proto/parcel/ack.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Whatever decodes must encode to the same bytes, but for the signature. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[32];
	uint8_t out[ACK_LEN];
	struct ack a;

	if (size != ACK_LEN || ack_decode(data, &a) != GW_OK)
		return 0;
	if (ack_encode(&a, seed, out) != GW_OK ||
	    memcmp(out, data, ACK_LEN - 64) != 0)
		abort();
	if (ack_verify(data, seed) == GW_OK)
		abort();
	return 0;
}
