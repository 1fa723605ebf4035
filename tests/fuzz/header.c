/* SPDX-License-Identifier: ISC; fuzz-libs: gw_parcel gw_crypto gw_base */
#include <stdlib.h>
#include <string.h>

#include "proto/parcel/header.h"
#include "proto/parcel/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Whatever decodes must encode to the same bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t psk[HPKE_PSK_LEN], key[32] = { [31] = 1 };
	struct parcel_layout layout;
	struct parcel_header h;
	uint8_t out[32];
	struct buf b;

	if (header_decode(data, size, &h) != GW_OK)
		return 0;
	buf_init(&b, HEADER_MAX);
	header_encode(&h, &b);
	if (!buf_ok(&b) || b.len != size || memcmp(b.data, data, size) != 0)
		abort();
	buf_clear(&b);
	if (tables_layout(&h, size, &layout) != GW_OK)
		abort();
	if (header_verify(&h, key) == GW_OK ||
	    header_unwrap(&h, key, psk, out) == GW_OK)
		abort();
	return 0;
}
