/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"

#include "proto/names/names.h"
#include "proto/parcel/manifest.h"

#include "scanners/manifest/check.h"

/* A collision key can grow over its name: NFKC and folding. */
#define KEY_MAX (4 * MANIFEST_PATH_MAX)

struct check {
	const struct keys_grant *grant;
	struct manifest_top top;
	struct manifest_file file;
	char key[KEY_MAX];
	/* Hashes of keys: equal size, sorted to find those that are equal. */
	uint8_t (*keys)[SHA256_LEN];
	uint32_t count;
	uint64_t total;
};

static bool
check_fail(struct check_result *out, enum reason reason, uint32_t index,
    const char *detail)
{
	out->reason = reason;
	out->index = index;
	out->detail = detail;
	return false;
}

static bool
check_top(const struct check *c, struct check_result *out)
{
	const struct keys_grant *g = c->grant;
	enum reason reason;

	if (c->top.file_count != g->body_count - 1)
		return check_fail(out, REASON_MANIFEST_MISMATCH, 0,
		    "number of files");
	if (strncmp(c->top.flow, g->flow, sizeof(g->flow)) != 0)
		return check_fail(out, REASON_MANIFEST_MISMATCH, 0, "flow");
	if (c->top.file_count > g->files)
		return check_fail(out, REASON_TOO_MANY_FILES, 0, "");
	reason = names_check(c->top.name);
	if (reason != REASON_NONE)
		return check_fail(out, reason, 0, "name of the transfer");
	return true;
}

static bool
check_size(struct check *c, uint32_t index, struct check_result *out)
{
	const uint64_t size = c->file.size;

	if (size > c->grant->file_bytes)
		return check_fail(out, REASON_FILE_TOO_BIG, index, "");
	/* Sizes are bounded by the decoder: no overflow within 2^18 files. */
	c->total += size;
	if (c->total > c->grant->transfer_bytes)
		return check_fail(out, REASON_TRANSFER_TOO_BIG, index, "");
	return true;
}

/* The UTF-8 form must be what the bytes on disk say. */
static bool
check_raw(const struct check *c, uint32_t index, struct check_result *out)
{
	char path[MANIFEST_PATH_MAX + 1];
	enum manifest_charset charset;

	if (names_decode(c->file.raw, c->file.raw_len, path, sizeof(path),
	    &charset) != GW_OK)
		return check_fail(out, REASON_NAME_ENCODING, index, "");
	if (charset != c->file.charset || strcmp(path, c->file.path) != 0)
		return check_fail(out, REASON_MANIFEST_MISMATCH, index,
		    "original name");
	return true;
}

static bool
check_name(struct check *c, uint32_t index, struct check_result *out)
{
	enum reason reason;
	enum gw_err err;

	reason = names_check(c->file.path);
	if (reason != REASON_NONE)
		return check_fail(out, reason, index, "name");
	if (names_collision_key(c->file.path, c->key, sizeof(c->key)) !=
	    GW_OK)
		return check_fail(out, REASON_NAME_TOO_LONG, index, "name");
	err = sha256_of(c->key, strlen(c->key), c->keys[c->count]);
	if (err != GW_OK)
		log_fatal("sha256: %s", err_text_en(err));
	c->count++;
	return true;
}

static bool
check_file(struct check *c, uint32_t index, check_name_fn *fn, void *arg,
    struct check_result *out)
{
	struct keys_name name = {.plain_len = c->file.size};

	if (!check_name(c, index, out) || !check_raw(c, index, out) ||
	    !check_size(c, index, out))
		return false;
	names_ext(c->file.path, name.ext);
	if (names_hash(c->file.path, name.name_hash) != GW_OK)
		log_fatal("cannot hash a name");
	if (!fn(arg, &name))
		return check_fail(out, REASON_MANIFEST_MISMATCH, index,
		    "number of files");
	return true;
}

static int
check_compare(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

/*
 * Equal names, and a name that is also the folder of another: "a" and
 * "A/b" cannot be in one folder.
 */
static bool
check_collisions(struct check *c, struct check_result *out)
{
	uint32_t i;

	qsort(c->keys, c->count, SHA256_LEN, check_compare);
	for (i = 1; i < c->count; i++) {
		if (memcmp(c->keys[i - 1], c->keys[i], SHA256_LEN) == 0)
			return check_fail(out, REASON_NAME_COLLISION, 0, "");
	}
	return true;
}

static bool
check_key_is_file(const struct check *c, const char *key, size_t len)
{
	uint8_t hash[SHA256_LEN];
	enum gw_err err = sha256_of(key, len, hash);

	if (err != GW_OK)
		log_fatal("sha256: %s", err_text_en(err));
	return bsearch(hash, c->keys, c->count, SHA256_LEN, check_compare) !=
	    NULL;
}

/* keys are sorted by now. */
static bool
check_folders(struct check *c, const uint8_t *bytes, size_t len,
    struct check_result *out)
{
	struct manifest_reader reader;
	const char *slash;
	uint32_t i;

	if (manifest_open(&reader, bytes, len, &c->top) != GW_OK)
		log_panic("a manifest changed while it was read");
	for (i = 1; i <= c->top.file_count; i++) {
		if (manifest_next(&reader, &c->file) != GW_OK)
			log_panic("a manifest changed while it was read");
		if (strchr(c->file.path, '/') == NULL)
			continue;
		if (names_collision_key(c->file.path, c->key,
		    sizeof(c->key)) != GW_OK)
			return check_fail(out, REASON_NAME_TOO_LONG, i, "");
		for (slash = strchr(c->key, '/'); slash != NULL;
		    slash = strchr(slash + 1, '/')) {
			if (check_key_is_file(c, c->key,
			    (size_t)(slash - c->key)))
				return check_fail(out, REASON_NAME_COLLISION,
				    i, "folder and file");
		}
	}
	return true;
}

static bool
check_files(struct check *c, const uint8_t *bytes, size_t len,
    check_name_fn *fn, void *arg, struct check_result *out)
{
	struct manifest_reader reader;
	uint32_t i;

	if (manifest_open(&reader, bytes, len, &c->top) != GW_OK)
		return check_fail(out, REASON_BAD_STRUCTURE, 0, "manifest");
	if (!check_top(c, out))
		return false;
	c->keys = mem_array(c->top.file_count, SHA256_LEN);
	for (i = 1; i <= c->top.file_count; i++) {
		if (manifest_next(&reader, &c->file) != GW_OK)
			return check_fail(out, REASON_BAD_STRUCTURE, i,
			    "manifest");
		if (!check_file(c, i, fn, arg, out))
			return false;
	}
	if (manifest_end(&reader) != GW_OK)
		return check_fail(out, REASON_BAD_STRUCTURE, 0, "manifest");
	return check_collisions(c, out) && check_folders(c, bytes, len, out);
}

void
check_manifest(const uint8_t *bytes, size_t len, bool has_padding,
    const struct keys_grant *grant, check_name_fn *fn, void *arg,
    struct check_result *out)
{
	struct check *c = mem_alloc(sizeof(*c));

	c->grant = grant;
	out->reason = REASON_NONE;
	out->index = 0;
	out->detail = "";
	if (has_padding && manifest_length(bytes, len, &len) != GW_OK)
		check_fail(out, REASON_BAD_STRUCTURE, 0, "manifest");
	else
		(void)check_files(c, bytes, len, fn, arg, out);
	mem_free(c->keys);
	mem_free_secret(c, sizeof(*c));
}
