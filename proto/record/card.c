/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rd.h"
#include "base/sha256.h"

#include "proto/record/card.h"

#define CARD_MAGIC "GWC1"
#define CARD_VERSION 1
#define DIGIT_GROUPS 6
#define DIGITS 30

/* Fields come in this order, each once, but CARD_KEY. */
enum card_tag {
	CARD_ZONE = 1,
	CARD_FLAGS = 2,
	CARD_MADE = 3,
	CARD_SIGN_PUB = 4,
	CARD_PIN = 5,
	CARD_LOG_PUB = 6,
	CARD_LOG_ORIGIN = 7,
	CARD_KEY = 8,
	CARD_SIGNATURE = 255
};

static const char sign_prefix[] = "gwp1 card"; /* with its NUL */
static const char digits_prefix[] = "gwp1 card digits";

static bool
zone_ok(const char *zone, size_t len)
{
	size_t i;

	if (len == 0 || len >= sizeof(((struct card *)0)->zone))
		return false;
	for (i = 0; i < len; i++) {
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-",
		    zone[i]) == NULL || zone[i] == '\0')
			return false;
	}
	return true;
}

static bool
origin_ok(const char *origin, size_t len)
{
	size_t i;

	if (len == 0 || len >= sizeof(((struct card *)0)->log_origin))
		return false;
	for (i = 0; i < len; i++) {
		if (origin[i] < 0x21 || origin[i] > 0x7e)
			return false;
	}
	return true;
}

static bool
keys_ok(const struct card *c)
{
	const struct card_key *k;
	uint32_t i;

	if (c->key_count == 0 || c->key_count > CARD_KEYS_MAX)
		return false;
	for (i = 0; i < c->key_count; i++) {
		k = &c->keys[i];
		if (hpke_enc_len((enum hpke_suite)k->suite) == 0 ||
		    k->not_after_ms <= k->not_before_ms)
			return false;
		if (i > 0 && k->not_before_ms < k[-1].not_after_ms)
			return false;
	}
	return true;
}

/* --- encoding ----------------------------------------------------------- */

static void
put_field(struct buf *b, enum card_tag tag, const void *data, size_t len)
{
	buf_put_u16(b, (uint16_t)tag);
	buf_put_u16(b, (uint16_t)len);
	buf_put(b, data, len);
}

static void
put_key(struct buf *b, const struct card_key *k)
{
	const size_t pub_len = hpke_enc_len((enum hpke_suite)k->suite);

	buf_put_u16(b, CARD_KEY);
	buf_put_u16(b, (uint16_t)(2 + 8 + 8 + CRYPTO_KEY_ID_LEN + pub_len));
	buf_put_u16(b, k->suite);
	buf_put_u64(b, k->not_before_ms);
	buf_put_u64(b, k->not_after_ms);
	buf_put(b, k->id, sizeof(k->id));
	buf_put(b, k->pub, pub_len);
}

static void
put_unsigned(struct buf *b, const struct card *c)
{
	uint32_t i;

	buf_put(b, CARD_MAGIC, 4);
	buf_put_u16(b, CARD_VERSION);
	put_field(b, CARD_ZONE, c->zone, strlen(c->zone));
	buf_put_u16(b, CARD_FLAGS);
	buf_put_u16(b, 4);
	buf_put_u32(b, c->flags);
	buf_put_u16(b, CARD_MADE);
	buf_put_u16(b, 8);
	buf_put_u64(b, c->made_ms);
	put_field(b, CARD_SIGN_PUB, c->sign_pub, sizeof(c->sign_pub));
	put_field(b, CARD_PIN, c->pin, sizeof(c->pin));
	put_field(b, CARD_LOG_PUB, c->log_pub, sizeof(c->log_pub));
	put_field(b, CARD_LOG_ORIGIN, c->log_origin, strlen(c->log_origin));
	for (i = 0; i < c->key_count; i++)
		put_key(b, &c->keys[i]);
}

enum gw_err
card_encode(const struct card *c, const uint8_t seed[CRYPTO_SIGN_SEED_LEN],
    struct buf *out)
{
	uint8_t sig[CRYPTO_SIG_LEN];
	struct buf b;
	enum gw_err err;

	if (!zone_ok(c->zone, strnlen(c->zone, sizeof(c->zone))) ||
	    !origin_ok(c->log_origin, strnlen(c->log_origin,
	    sizeof(c->log_origin))) || !keys_ok(c))
		return GW_EINVAL;
	buf_init(&b, sizeof(sign_prefix) + CARD_MAX);
	buf_put(&b, sign_prefix, sizeof(sign_prefix));
	put_unsigned(&b, c);
	err = buf_ok(&b) ? crypto_sign(seed, b.data, b.len, sig) : GW_ELIMIT;
	if (err == GW_OK) {
		buf_put(out, b.data + sizeof(sign_prefix),
		    b.len - sizeof(sign_prefix));
		put_field(out, CARD_SIGNATURE, sig, sizeof(sig));
		err = buf_ok(out) && out->len <= CARD_MAX ? GW_OK : GW_ELIMIT;
	}
	buf_clear(&b);
	return err;
}

/* --- decoding ----------------------------------------------------------- */

/* The next field must have this tag. */
static enum gw_err
get_field(struct rd *r, enum card_tag tag, struct rd *out)
{
	uint16_t found, len;
	enum gw_err err;

	if ((err = rd_u16(r, &found)) != GW_OK)
		return err;
	if (found != (uint16_t)tag)
		return GW_EFORMAT;
	if ((err = rd_u16(r, &len)) != GW_OK)
		return err;
	return rd_sub(r, len, out);
}

static enum gw_err
get_bytes(struct rd *r, enum card_tag tag, void *out, size_t len)
{
	enum gw_err err;
	struct rd f;

	if ((err = get_field(r, tag, &f)) != GW_OK)
		return err;
	return rd_left(&f) == len ? rd_copy(&f, out, len) : GW_EFORMAT;
}

static enum gw_err
get_text(struct rd *r, enum card_tag tag, char *out, size_t size,
    bool (*is_ok)(const char *, size_t))
{
	size_t len;
	enum gw_err err;
	struct rd f;

	if ((err = get_field(r, tag, &f)) != GW_OK)
		return err;
	len = rd_left(&f);
	if (len >= size)
		return GW_EFORMAT;
	if ((err = rd_copy(&f, out, len)) != GW_OK)
		return err;
	return is_ok(out, len) ? GW_OK : GW_EFORMAT;
}

static enum gw_err
get_numbers(struct rd *r, struct card *c)
{
	enum gw_err err;
	struct rd f;

	if ((err = get_field(r, CARD_FLAGS, &f)) != GW_OK ||
	    (err = rd_u32(&f, &c->flags)) != GW_OK ||
	    (err = rd_end(&f)) != GW_OK)
		return err;
	if ((c->flags & ~(uint32_t)CARD_IS_BENCH) != 0)
		return GW_EFORMAT;
	if ((err = get_field(r, CARD_MADE, &f)) != GW_OK ||
	    (err = rd_u64(&f, &c->made_ms)) != GW_OK)
		return err;
	return rd_end(&f);
}

static enum gw_err
get_key(struct rd *r, struct card_key *k)
{
	uint8_t id[CRYPTO_KEY_ID_LEN];
	size_t pub_len;
	enum gw_err err;
	struct rd f;

	if ((err = get_field(r, CARD_KEY, &f)) != GW_OK ||
	    (err = rd_u16(&f, &k->suite)) != GW_OK)
		return err;
	pub_len = hpke_enc_len((enum hpke_suite)k->suite);
	if (pub_len == 0 || pub_len > sizeof(k->pub))
		return GW_EFORMAT;
	if ((err = rd_u64(&f, &k->not_before_ms)) != GW_OK ||
	    (err = rd_u64(&f, &k->not_after_ms)) != GW_OK ||
	    (err = rd_copy(&f, k->id, sizeof(k->id))) != GW_OK ||
	    (err = rd_copy(&f, k->pub, pub_len)) != GW_OK ||
	    (err = rd_end(&f)) != GW_OK ||
	    (err = crypto_key_id(k->pub, pub_len, id)) != GW_OK)
		return err;
	return memcmp(id, k->id, sizeof(id)) == 0 ? GW_OK : GW_EFORMAT;
}

static enum gw_err
get_keys(struct rd *r, struct card *c)
{
	const size_t tail = 4 + CRYPTO_SIG_LEN;
	enum gw_err err;

	while (rd_left(r) > tail) {
		if (c->key_count == CARD_KEYS_MAX)
			return GW_EFORMAT;
		err = get_key(r, &c->keys[c->key_count]);
		if (err != GW_OK)
			return err;
		c->key_count++;
	}
	return keys_ok(c) ? GW_OK : GW_EFORMAT;
}

static enum gw_err
get_start(struct rd *r)
{
	const uint8_t *magic;
	uint16_t version;
	enum gw_err err;

	if ((err = rd_span(r, 4, &magic)) != GW_OK)
		return err;
	if (memcmp(magic, CARD_MAGIC, 4) != 0)
		return GW_EFORMAT;
	if ((err = rd_u16(r, &version)) != GW_OK)
		return err;
	return version == CARD_VERSION ? GW_OK : GW_EVERSION;
}

static enum gw_err
check_signature(const uint8_t *bytes, size_t signed_len, const uint8_t *pub,
    const uint8_t *sig)
{
	enum gw_err err;
	struct buf b;

	buf_init(&b, sizeof(sign_prefix) + CARD_MAX);
	buf_put(&b, sign_prefix, sizeof(sign_prefix));
	buf_put(&b, bytes, signed_len);
	err = buf_ok(&b) ? crypto_verify(pub, b.data, b.len, sig) : GW_EBUG;
	buf_clear(&b);
	return err;
}

enum gw_err
card_decode(const void *bytes, size_t len, struct card *out)
{
	uint8_t sig[CRYPTO_SIG_LEN];
	struct card c;
	enum gw_err err;
	struct rd r;

	if (len > CARD_MAX)
		return GW_ELIMIT;
	memset(&c, 0, sizeof(c));
	rd_init(&r, bytes, len);
	if ((err = get_start(&r)) != GW_OK ||
	    (err = get_text(&r, CARD_ZONE, c.zone, sizeof(c.zone),
	    zone_ok)) != GW_OK ||
	    (err = get_numbers(&r, &c)) != GW_OK ||
	    (err = get_bytes(&r, CARD_SIGN_PUB, c.sign_pub,
	    sizeof(c.sign_pub))) != GW_OK ||
	    (err = get_bytes(&r, CARD_PIN, c.pin, sizeof(c.pin))) != GW_OK ||
	    (err = get_bytes(&r, CARD_LOG_PUB, c.log_pub,
	    sizeof(c.log_pub))) != GW_OK ||
	    (err = get_text(&r, CARD_LOG_ORIGIN, c.log_origin,
	    sizeof(c.log_origin), origin_ok)) != GW_OK ||
	    (err = get_keys(&r, &c)) != GW_OK ||
	    (err = get_bytes(&r, CARD_SIGNATURE, sig, sizeof(sig))) !=
	    GW_OK ||
	    (err = rd_end(&r)) != GW_OK)
		return err;
	err = check_signature(bytes, len - 4 - sizeof(sig), c.sign_pub, sig);
	if (err == GW_OK)
		*out = c;
	return err;
}

/* --- digits ------------------------------------------------------------- */

enum gw_err
card_digits(const void *card, size_t len, char out[CARD_DIGITS_LEN])
{
	uint8_t hash[SHA256_LEN];
	uint64_t group;
	enum gw_err err;
	struct buf b;
	int i, j;

	buf_init(&b, sizeof(digits_prefix) + CARD_MAX);
	buf_put(&b, digits_prefix, sizeof(digits_prefix));
	buf_put(&b, card, len);
	err = buf_ok(&b) ? sha256_of(b.data, b.len, hash) : GW_ELIMIT;
	buf_clear(&b);
	if (err != GW_OK)
		return err;
	for (i = 0; i < DIGIT_GROUPS; i++) {
		group = 0;
		for (j = 0; j < 5; j++)
			group = group << 8 | hash[5 * i + j];
		(void)snprintf(out + 6 * (size_t)i, 7, "%05u%s",
		    (unsigned)(group % 100000),
		    i < DIGIT_GROUPS - 1 ? " " : "");
	}
	return GW_OK;
}

/* Copy the digits of a text; false unless there are exactly DIGITS. */
static bool
strip(const char *text, char out[DIGITS])
{
	int n = 0;

	memset(out, 0, DIGITS);
	for (; *text != '\0'; text++) {
		if (*text == ' ' || *text == '-')
			continue;
		if (!isdigit((unsigned char)*text) || n == DIGITS)
			return false;
		out[n++] = *text;
	}
	return n == DIGITS;
}

bool
card_digits_match(const char digits[CARD_DIGITS_LEN], const char *typed)
{
	char a[DIGITS], b[DIGITS];

	if (!strip(digits, a) || !strip(typed, b))
		return false;
	return mem_equal(a, b, DIGITS) == 1;
}
