/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "proto/names/fold.h"

#include "proto/names/names.h"

#define FOLDED_MAX (MANIFEST_NAME_MAX * 18)
#define EXT_KEPT_MAX 10		/* longest extension kept apart, in bytes */
#define NUMBER_MAX 16		/* " (4294967295)" */

void
names_ext(const char *path, char out[NAMES_EXT_LEN])
{
	const char *name = strrchr(path, '/'), *dot;
	char folded[FOLDED_MAX];
	size_t len, n;

	name = name == NULL ? path : name + 1;
	out[0] = '\0';
	len = strnlen(name, MANIFEST_NAME_MAX + 1);
	if (len > MANIFEST_NAME_MAX ||
	    fold_name(name, len, folded, sizeof(folded)) != GW_OK)
		return;
	dot = strrchr(folded, '.');
	if (dot == NULL || dot == folded)
		return;
	len = strlen(dot + 1);
	n = fold_fit(dot + 1, len, NAMES_EXT_LEN - 1);
	if (n < len)
		n = fold_fit(dot + 1, len, NAMES_EXT_LEN - 2);
	memcpy(out, dot + 1, n);
	out[n] = '\0';
	if (n < len)
		memcpy(out + n, "?", 2);
}

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z');
}

/* Length of the name without an extension worth keeping. */
static size_t
stem_len(const char *name)
{
	const char *dot = strrchr(name, '.'), *p;

	if (dot == NULL || dot == name || dot[1] == '\0' ||
	    strlen(dot + 1) > EXT_KEPT_MAX)
		return strlen(name);
	for (p = dot + 1; *p != '\0'; p++) {
		if (!is_alnum(*p))
			return strlen(name);
	}
	return (size_t)(dot - name);
}

/* A cut name must not end in what Windows would drop. */
static size_t
cut_len(const char *name, size_t len, size_t max)
{
	size_t n = fold_fit(name, len, max), cut = n;

	if (n == len)
		return n;
	while (n > 0 && (name[n - 1] == ' ' || name[n - 1] == '.'))
		n--;
	return n > 0 ? n : cut;
}

/* stem, cut to fit, with middle and extension after it */
static bool
shape(const char *name, const char *middle, size_t max, char *out,
    size_t out_size)
{
	const size_t stem = stem_len(name), mid_len = strlen(middle);
	size_t ext_len = strlen(name) - stem, n;

	if (out_size == 0)
		return true;
	if (max > out_size - 1)
		max = out_size - 1;
	if (mid_len + ext_len >= max)
		ext_len = 0;
	if (mid_len >= max) {
		mem_put_str(out, out_size, "");
		return true;
	}
	n = cut_len(name, stem, max - mid_len - ext_len);
	memcpy(out, name, n);
	memcpy(out + n, middle, mid_len);
	memcpy(out + n + mid_len, name + stem, ext_len);
	out[n + mid_len + ext_len] = '\0';
	return n + ext_len < strlen(name);
}

bool
names_shorten(const char *name, size_t max, char *out, size_t out_size)
{
	return shape(name, "", max, out, out_size);
}

void
names_numbered(const char *name, unsigned n, char *out, size_t out_size)
{
	char number[NUMBER_MAX];

	number[0] = '\0';
	if (n > 1)
		(void)snprintf(number, sizeof(number), " (%u)", n);
	shape(name, number, NAMES_FS_MAX, out, out_size);
}
