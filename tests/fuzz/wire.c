/* SPDX-License-Identifier: ISC; fuzz-libs: gw_wire gw_base */
#include <stdlib.h>
#include <string.h>

#include "proto/wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Walk a stream as a receiver does; a head that decodes has one encoding. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame f;
	struct buf b;
	size_t off = 0;

	buf_init(&b, FRAME_HEAD_LEN);
	while (size - off >= FRAME_HEAD_LEN &&
	       frame_decode(data + off, &f) == GW_OK) {
		if (f.len > FRAME_PAYLOAD_MAX)
			abort();
		buf_reset(&b);
		frame_put(&b, (enum frame_type)f.type, f.seq, f.len);
		if (!buf_ok(&b) ||
		    memcmp(b.data, data + off, FRAME_HEAD_LEN) != 0)
			abort();
		off += FRAME_HEAD_LEN;
		if (f.len > size - off)
			break;
		off += f.len;
	}
	buf_clear(&b);
	return 0;
}
