/* SPDX-License-Identifier: ISC; fuzz-libs: gw_parcel gw_crypto gw_base */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "proto/parcel/body.h"
#include "proto/parcel/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
read_body(const uint8_t *data, size_t size)
{
	static uint8_t out[2 * BODY_CHUNK];
	struct body_grant g = { .padded_len = BODY_ALIGN };
	struct body_reader *r;
	size_t got;
	int fd;

	memcpy(g.root, data, sizeof(g.root));
	g.plain_len = data[0];
	fd = memfd_create("body", MFD_CLOEXEC);
	if (fd == -1 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (body_reader_open(fd, 0, &g, &r) == GW_OK) {
		(void)!body_reader_pread(r, out, sizeof(out), 0, &got);
		(void)!body_reader_check_padding(r);
		body_reader_free(r);
	}
	close(fd);
}

/* The tables that a keyless process looks at. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct body_record rec;
	struct parcel_header h;
	uint8_t root[32];
	struct buf b;
	uint32_t i;

	if (size < 64)
		return 0;
	if (body_table_root(data, size / BODY_ENTRY_LEN, root) != GW_OK ||
	    body_table_check(data, size / BODY_ENTRY_LEN, root) != GW_OK)
		abort();
	root[data[0] % 32] ^= 1;
	if (body_table_check(data, size / BODY_ENTRY_LEN, root) != GW_EHASH)
		abort();
	memset(&h, 0, sizeof(h));
	memcpy(h.body_table_root, data, sizeof(h.body_table_root));
	h.body_count = (uint32_t)(size / BODY_RECORD_LEN);
	if (tables_check(&h, data, data, data) == GW_OK)
		abort();
	(void)!tables_root(data, size, root);
	buf_init(&b, BODY_RECORD_LEN);
	for (i = 0; i < h.body_count; i++) {
		if (tables_get_body(data, size, i, &rec) != GW_OK)
			continue;
		buf_reset(&b);
		tables_put_body(&b, &rec);
		if (!buf_ok(&b) || memcmp(b.data, data + i *
		    BODY_RECORD_LEN, BODY_RECORD_LEN) != 0)
			abort();
	}
	buf_clear(&b);
	read_body(data, size);
	return 0;
}
