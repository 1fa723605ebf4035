/* SPDX-License-Identifier: ISC; fuzz-libs: gw_ctl gw_parcel gw_base */
#include <stdlib.h>
#include <string.h>

#include "proto/ctl/answer.h"
#include "proto/ctl/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A request that is read is written back to the same bytes. */
static void
try_request(const uint8_t *data, size_t size)
{
	static struct request req;
	struct buf buf;

	if (request_decode(data, size, &req) != GW_OK)
		return;
	buf_init(&buf, REQUEST_MAX);
	if (request_encode(&req, &buf) != GW_OK || buf.len != size ||
	    memcmp(buf.data, data, size) != 0)
		abort();
	buf_clear(&buf);
}

/* What answer_open lets pass can be read to its end. */
static void
try_answer(const uint8_t *data, size_t size)
{
	struct answer_value v;
	struct answer a;
	enum gw_err err;

	if (answer_open(data, size, &a) != GW_OK || a.is_end)
		return;
	while ((err = answer_next(&a, &v)) == GW_OK)
		;
	if (err != GW_ENOENT)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_request(data, size);
	try_answer(data, size);
	return 0;
}
