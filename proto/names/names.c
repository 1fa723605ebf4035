/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/rd.h"
#include "base/sha256.h"
#include "proto/names/cp932.h"
#include "proto/names/fold.h"
#include "proto/names/utf8.h"

#include "proto/names/names.h"

#define NO_CHAR UINT32_MAX

/* Text being written; the last character waits for a mark to join it. */
struct composer {
	char *out;
	size_t size, len;
	uint32_t waiting;
};

static enum gw_err
composer_flush(struct composer *c)
{
	char bytes[UTF8_MAX];
	size_t n;

	if (c->waiting == NO_CHAR)
		return GW_OK;
	n = utf8_put(c->waiting, bytes);
	if (n >= c->size - c->len)
		return GW_ELIMIT;
	memcpy(c->out + c->len, bytes, n);
	c->len += n;
	c->waiting = NO_CHAR;
	return GW_OK;
}

static enum gw_err
composer_add(struct composer *c, uint32_t cp)
{
	uint32_t joined = 0;
	enum gw_err err;

	if (c->waiting != NO_CHAR)
		joined = fold_compose(c->waiting, cp);
	if (joined != 0) {
		c->waiting = joined;
		return GW_OK;
	}
	err = composer_flush(c);
	if (err == GW_OK)
		c->waiting = cp;
	return err;
}

enum gw_err
names_decode(const uint8_t *raw, size_t len, char *out, size_t out_size,
    enum manifest_charset *charset_out)
{
	const bool is_utf8 = utf8_ok(raw, len);
	struct composer c = { out, out_size, 0, NO_CHAR };
	enum gw_err err;
	uint32_t cp;
	struct rd r;

	if (out_size == 0)
		return GW_EINVAL;
	rd_init(&r, raw, len);
	while (rd_left(&r) > 0) {
		err = is_utf8 ? utf8_get(&r, &cp) : cp932_get(&r, &cp);
		if (err != GW_OK || cp == 0)
			return GW_EFORMAT;
		err = composer_add(&c, cp);
		if (err != GW_OK)
			return err;
	}
	err = composer_flush(&c);
	if (err != GW_OK)
		return err;
	out[c.len] = '\0';
	*charset_out = is_utf8 ? CHARSET_UTF8 : CHARSET_CP932;
	return GW_OK;
}

enum gw_err
names_hash(const char *path, uint8_t out[32])
{
	static const char label[] = "gw name";
	struct sha256 *h = NULL;
	enum gw_err err;

	err = sha256_new(&h);
	if (err == GW_OK)
		err = sha256_update(h, label, sizeof(label) - 1);
	if (err == GW_OK)
		err = sha256_update(h, path, strlen(path));
	if (err == GW_OK)
		err = sha256_final(h, out);
	sha256_free(h);
	return err;
}

enum gw_err
names_collision_key(const char *name, char *out, size_t out_size)
{
	return fold_name(name, strlen(name), out, out_size);
}
