/* SPDX-License-Identifier: ISC; fuzz-libs: gw_scan_identify gw_base */
#include <stdlib.h>
#include <string.h>

#include "scanners/identify/kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct bytes {
	const uint8_t *data;
	size_t len;
};

static enum gw_err
read_bytes(void *arg, void *buf, size_t len, uint64_t off, size_t *got_out)
{
	const struct bytes *b = arg;

	if (off >= b->len)
		len = 0;
	else if (len > b->len - (size_t)off)
		len = b->len - (size_t)off;
	if (len > 0)
		memcpy(buf, b->data + off, len);
	*got_out = len;
	return GW_OK;
}

/* What passes without a reason was named as something. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const exts[] = {
		"zip", "docx", "xlsm", "odt", "jar", "",
	};
	static struct source source;
	struct bytes b;
	struct kind kind = {.type = TYPE_ZIP, .what = "zip"};

	if (size < 1)
		return 0;
	b.data = data + 1;
	b.len = size - 1;
	source.read = read_bytes;
	source.arg = &b;
	source.size = b.len;
	if (!source_load(&source))
		abort();
	zip_look(&source, exts[data[0] % 6], UINT64_MAX, &kind);
	if (kind.type >= TYPE_COUNT || kind.what == NULL)
		abort();
	if (kind.reason == REASON_NONE && b.len < 22)
		abort();
	return 0;
}
