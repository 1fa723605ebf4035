/* SPDX-License-Identifier: ISC; fuzz-libs: gw_parcel gw_crypto gw_base */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/names/names.h"
#include "proto/names/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool
climbs(const char *path)
{
	const char *end;

	for (;; path = end + 1) {
		end = strchrnul(path, '/');
		if (end - path == 2 && memcmp(path, "..", 2) == 0)
			return true;
		if (*end == '\0')
			return false;
	}
}

/* A shaped name is UTF-8, fits, and is not empty. */
static void
check_shape(const char *name, const char *shaped, size_t max)
{
	size_t len = strlen(shaped);

	if (len > max || !utf8_ok(shaped, len) || (len == 0 && *name != '\0'))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[MANIFEST_PATH_MAX + 1], key[MANIFEST_PATH_MAX * 6];
	char ext[NAMES_EXT_LEN], out[NAMES_FS_MAX + 1];
	enum manifest_charset charset;
	uint8_t hash[32];
	enum reason why;

	if (size < 2 || names_decode(data + 1, size - 1, path, sizeof(path),
	    &charset) != GW_OK)
		return 0;
	if (!utf8_ok(path, strlen(path)))
		abort();
	why = names_check(path);
	if (why == REASON_NONE && (climbs(path) || *path == '/' ||
	    *path == '\0' || strchr(path, '\\') != NULL))
		abort();
	names_ext(path, ext);
	if (strlen(ext) >= sizeof(ext) || !utf8_ok(ext, strlen(ext)))
		abort();
	(void)!names_hash(path, hash);
	(void)!names_collision_key(path, key, sizeof(key));
	(void)names_shorten(path, 4 + data[0] % 252, out, sizeof(out));
	check_shape(path, out, 4 + data[0] % 252);
	names_numbered(path, data[0], out, sizeof(out));
	check_shape(path, out, NAMES_FS_MAX);
	return 0;
}
