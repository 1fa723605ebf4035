/* SPDX-License-Identifier: ISC; fuzz-libs: gw_parcel gw_crypto gw_base */
#include <stdlib.h>
#include <string.h>

#include "proto/parcel/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Whatever is read to its end must be written to the same bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct manifest_file file;
	static struct manifest_top top;
	struct manifest_reader r;
	struct manifest_writer w;
	size_t cut;
	struct buf b;

	if (manifest_length(data, size, &cut) == GW_OK)
		size = cut;
	if (manifest_open(&r, data, size, &top) != GW_OK)
		return 0;
	buf_init(&b, MANIFEST_MAX);
	manifest_begin(&w, &top, &b);
	while (manifest_next(&r, &file) == GW_OK)
		manifest_add(&w, &file);
	if (manifest_end(&r) == GW_OK && (manifest_finish(&w) != GW_OK ||
	    b.len != size || memcmp(b.data, data, size) != 0))
		abort();
	buf_clear(&b);
	return 0;
}
