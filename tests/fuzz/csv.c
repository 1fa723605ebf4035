/* SPDX-License-Identifier: ISC; fuzz-libs: gw_text gw_parcel gw_base */
#include <stdlib.h>

#include "scanners/text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct text_result
scan(const struct text_options *options, const uint8_t *data, size_t size,
    size_t step)
{
	struct text_scan *t = text_new(options);
	struct text_result r;
	size_t i, n;

	for (i = 0; i < size; i += n) {
		n = size - i < step ? size - i : step;
		text_feed(t, data + i, n);
	}
	text_finish(t, &r);
	text_free(t);
	return r;
}

/*
 * The result does not depend on how the bytes come; and what passes holds
 * no NUL, and as ASCII no cell that begins with "=".
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text_options options = {.kind = TEXT_PLAIN};
	struct text_result a, b;
	size_t i;

	if (size < 1)
		return 0;
	options.kind = (enum text_kind)(data[0] % 3);
	options.guards_formulas = (data[0] & 4) != 0;
	data++;
	size--;
	a = scan(&options, data, size, size + 1);
	b = scan(&options, data, size, 1);
	if (a.reason != b.reason || a.row != b.row || a.column != b.column ||
	    a.charset != b.charset)
		abort();
	if (a.reason != REASON_NONE || a.charset == TEXT_UTF16LE ||
	    a.charset == TEXT_UTF16BE)
		return 0;
	for (i = 0; i < size; i++) {
		if (data[i] == 0)
			abort();
		if (options.guards_formulas && options.kind != TEXT_PLAIN &&
		    a.charset == TEXT_ASCII && data[i] == '=' &&
		    (i == 0 || data[i - 1] == '\n'))
			break;
	}
	/* A row may begin inside a quoted cell; the first never does. */
	if (i == 0 && size > 0)
		abort();
	return 0;
}
