/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "proto/crypto/kem.h"
#include "gatewayd/keys/bucket.h"
#include "gatewayd/keys/keyfile.h"

#include "gatewayd/keys/zone.h"

#define ZONE_FILE "zone.key"
#define CARD_FILE "card"
#define ZONE_MAGIC "GWZONE01"
#define RECEIVE_MAGIC "GWRECV01"
#define ZONE_SUITE HPKE_P256
#define MONTHS_BACK 14		/* receive keys looked for at start */
#define MONTHS_AHEAD 13
#define MONTHS_LEAST 6		/* a card that reaches less far is renewed */
#define NAME_LEN 32

struct zone_file {
	uint8_t seed[CRYPTO_SIGN_SEED_LEN];
	uint64_t made_ms;
	uint32_t flags;
	uint32_t pad;
};

struct receive_file {
	uint8_t priv[HPKE_PRIV_MAX];
	uint32_t month;
	uint32_t suite;
};

/* --- receive keys ------------------------------------------------------- */

static void
receive_name(uint32_t month, char out[NAME_LEN])
{
	(void)snprintf(out, NAME_LEN, "receive-%06u.key", month);
}

static enum gw_err
receive_fill(const struct receive_file *f, struct zone_receive *out)
{
	const enum hpke_suite suite = (enum hpke_suite)f->suite;
	enum gw_err err;

	out->month = f->month;
	out->suite = (uint16_t)f->suite;
	memcpy(out->priv, f->priv, sizeof(out->priv));
	out->not_before_ms = bucket_month_start(f->month);
	out->not_after_ms = bucket_month_start(bucket_month_add(f->month, 1));
	err = kem_public(suite, out->priv, out->pub);
	if (err == GW_OK)
		err = crypto_key_id(out->pub, hpke_enc_len(suite), out->id);
	return err;
}

/* Keep them in the order of months. */
static enum gw_err
receive_insert(struct zone *z, const struct zone_receive *key)
{
	uint32_t i = z->receive_count;

	if (i == ZONE_RECEIVE_MAX)
		return GW_ELIMIT;
	for (; i > 0 && z->receive[i - 1].month > key->month; i--)
		z->receive[i] = z->receive[i - 1];
	z->receive[i] = *key;
	z->receive_count++;
	return GW_OK;
}

static enum gw_err
receive_load(struct zone *z, uint32_t month)
{
	struct zone_receive key;
	struct receive_file f;
	char name[NAME_LEN];
	enum gw_err err;

	memset(&key, 0, sizeof(key));
	receive_name(month, name);
	err = keyfile_get(z->dir, name, RECEIVE_MAGIC, &f, sizeof(f));
	if (err == GW_OK)
		err = f.month == month ? receive_fill(&f, &key) : GW_EHASH;
	if (err == GW_OK)
		err = receive_insert(z, &key);
	mem_clear(&f, sizeof(f));
	mem_clear(&key, sizeof(key));
	return err;
}

static enum gw_err
receive_make(struct zone *z, uint32_t month)
{
	struct receive_file f = {.month = month, .suite = ZONE_SUITE};
	uint8_t pub[HPKE_PUB_MAX];
	char name[NAME_LEN];
	enum gw_err err;

	receive_name(month, name);
	err = hpke_keypair(ZONE_SUITE, f.priv, pub);
	if (err == GW_OK)
		err = keyfile_put(z->dir, name, RECEIVE_MAGIC, &f, sizeof(f));
	mem_clear(&f, sizeof(f));
	return err == GW_OK ? receive_load(z, month) : err;
}

static const struct zone_receive *
receive_of_month(const struct zone *z, uint32_t month)
{
	uint32_t i;

	for (i = 0; i < z->receive_count; i++) {
		if (z->receive[i].month == month)
			return &z->receive[i];
	}
	return NULL;
}

/* Have the keys of this month and of a year ahead. */
static enum gw_err
receive_make_year(struct zone *z, uint64_t now_ms)
{
	const uint32_t now = bucket_month(now_ms);
	enum gw_err err = GW_OK;
	int i;

	for (i = 0; i < CARD_KEYS_MAX && err == GW_OK; i++) {
		if (receive_of_month(z, bucket_month_add(now, i)) == NULL)
			err = receive_make(z, bucket_month_add(now, i));
	}
	return err;
}

const struct zone_receive *
zone_find_receive(const struct zone *z, const uint8_t id[16])
{
	uint32_t i;

	for (i = 0; i < z->receive_count; i++) {
		if (memcmp(z->receive[i].id, id, 16) == 0)
			return &z->receive[i];
	}
	return NULL;
}

void
zone_receive_ids(const struct zone *z, uint64_t now_ms, uint8_t out[4][16])
{
	static const int months[4] = {0, -1, 1, -2};
	const uint32_t now = bucket_month(now_ms);
	const struct zone_receive *key;
	int i;

	memset(out, 0, 4 * 16);
	for (i = 0; i < 4; i++) {
		key = receive_of_month(z, bucket_month_add(now, months[i]));
		if (key != NULL)
			memcpy(out[i], key->id, 16);
	}
}

bool
zone_retire(struct zone *z, uint64_t now_ms, struct zone_receive *out)
{
	const uint64_t kept = (ZONE_PARCEL_DAYS + 1) * ZONE_DAY_MS;
	struct zone_receive *key = &z->receive[0];
	char name[NAME_LEN];
	enum gw_err err;

	if (z->receive_count == 0 || now_ms < key->not_after_ms + kept)
		return false;
	receive_name(key->month, name);
	if ((err = keyfile_destroy(z->dir, name)) != GW_OK) {
		log_err("receive key of %u: not destroyed: %s", key->month,
		    err_text_en(err));
		return false;
	}
	mem_clear(key->priv, sizeof(key->priv));
	*out = *key;
	z->receive_count--;
	memmove(key, key + 1, z->receive_count * sizeof(*key));
	mem_clear(&z->receive[z->receive_count], sizeof(*key));
	return true;
}

/* --- the zone's key ----------------------------------------------------- */

static enum gw_err
zone_load_key(struct zone *z)
{
	struct zone_file f;
	enum gw_err err;

	err = keyfile_get(z->dir, ZONE_FILE, ZONE_MAGIC, &f, sizeof(f));
	if (err == GW_OK) {
		memcpy(z->seed, f.seed, sizeof(z->seed));
		z->made_ms = f.made_ms;
		z->is_bench = (f.flags & CARD_IS_BENCH) != 0;
		err = crypto_sign_public(z->seed, z->sign_pub);
	}
	if (err == GW_OK)
		err = crypto_key_id(z->sign_pub, sizeof(z->sign_pub),
		    z->sign_id);
	mem_clear(&f, sizeof(f));
	z->is_made = err == GW_OK;
	return err;
}

enum gw_err
zone_make(struct zone *z, bool is_bench, uint64_t now_ms)
{
	struct zone_file f = {.made_ms = now_ms};
	enum gw_err err;

	if (z->is_made)
		return GW_EEXIST;
	f.flags = is_bench ? CARD_IS_BENCH : 0;
	crypto_random(f.seed, sizeof(f.seed));
	/* The zone's key last: a zone that has one has them all. */
	err = receive_make_year(z, now_ms);
	if (err == GW_OK)
		err = keyfile_put(z->dir, ZONE_FILE, ZONE_MAGIC, &f,
		    sizeof(f));
	if (err == GW_OK)
		err = zone_load_key(z);
	mem_clear(&f, sizeof(f));
	return err;
}

/* --- card --------------------------------------------------------------- */

static enum gw_err
card_take(struct zone *z, const uint8_t *bytes, size_t len)
{
	char digits[CARD_DIGITS_LEN];
	uint8_t hash[SHA256_LEN];
	struct card card;
	enum gw_err err;

	if ((err = card_decode(bytes, len, &card)) != GW_OK ||
	    (err = card_digits(bytes, len, digits)) != GW_OK ||
	    (err = sha256_of(bytes, len, hash)) != GW_OK)
		return err;
	if (memcmp(card.sign_pub, z->sign_pub, sizeof(card.sign_pub)) != 0)
		return GW_EFORMAT;
	memcpy(z->card, bytes, len);
	memcpy(z->card_hash, hash, sizeof(hash));
	memcpy(z->digits, digits, sizeof(digits));
	z->shown = card;
	z->card_len = len;
	return GW_OK;
}

static enum gw_err
card_load(struct zone *z)
{
	uint8_t *bytes = NULL;
	size_t len = 0;
	enum gw_err err;

	err = io_load_file(z->dir, CARD_FILE, CARD_MAX, &bytes, &len);
	if (err == GW_OK)
		err = card_take(z, bytes, len);
	mem_free(bytes);
	return err;
}

static void
card_fill(const struct zone *z, const char *zone_id,
    const struct audit_identity *log, uint64_t now_ms, struct card *c)
{
	const uint32_t now = bucket_month(now_ms);
	const struct zone_receive *key;
	struct card_key *k;
	uint32_t i;

	memset(c, 0, sizeof(*c));
	(void)mem_put_str(c->zone, sizeof(c->zone), zone_id);
	c->flags = z->is_bench ? CARD_IS_BENCH : 0;
	c->made_ms = now_ms;
	memcpy(c->sign_pub, z->sign_pub, sizeof(c->sign_pub));
	memcpy(c->pin, z->pin, sizeof(c->pin));
	memcpy(c->log_pub, log->pub, sizeof(c->log_pub));
	(void)mem_put_str(c->log_origin, sizeof(c->log_origin), log->origin);
	for (i = 0; i < z->receive_count; i++) {
		key = &z->receive[i];
		if (key->month < now || c->key_count == CARD_KEYS_MAX)
			continue;
		k = &c->keys[c->key_count++];
		k->suite = key->suite;
		k->not_before_ms = key->not_before_ms;
		k->not_after_ms = key->not_after_ms;
		memcpy(k->id, key->id, sizeof(k->id));
		memcpy(k->pub, key->pub, sizeof(k->pub));
	}
}

static bool
card_fits(const struct zone *z, const char *zone_id,
    const struct audit_identity *log, uint64_t now_ms)
{
	const struct card *c = &z->shown;
	const uint32_t least = bucket_month_add(bucket_month(now_ms),
	    MONTHS_LEAST);

	return z->card_len > 0 && strcmp(c->zone, zone_id) == 0 &&
	    memcmp(c->pin, z->pin, sizeof(c->pin)) == 0 &&
	    memcmp(c->log_pub, log->pub, sizeof(c->log_pub)) == 0 &&
	    strcmp(c->log_origin, log->origin) == 0 &&
	    c->keys[c->key_count - 1].not_before_ms >=
	    bucket_month_start(least);
}

enum gw_err
zone_fit_card(struct zone *z, const char *zone_id,
    const struct audit_identity *log, uint64_t now_ms, bool *made_out)
{
	struct card c;
	struct buf b;
	enum gw_err err;

	*made_out = false;
	if (!z->is_made)
		return GW_ENOENT;
	if (!z->has_pin)
		return z->card_len > 0 ? GW_OK : GW_EAGAIN;
	if (card_fits(z, zone_id, log, now_ms))
		return GW_OK;
	if ((err = receive_make_year(z, now_ms)) != GW_OK)
		return err;
	card_fill(z, zone_id, log, now_ms, &c);
	buf_init(&b, CARD_MAX);
	err = card_encode(&c, z->seed, &b);
	if (err == GW_OK)
		err = io_replace_file(z->dir, CARD_FILE, b.data, b.len, 0600);
	if (err == GW_OK)
		err = card_take(z, b.data, b.len);
	buf_clear(&b);
	*made_out = err == GW_OK;
	return err;
}

bool
zone_set_pin(struct zone *z, const uint8_t pin[32])
{
	memcpy(z->pin, pin, sizeof(z->pin));
	z->has_pin = true;
	return z->card_len > 0 &&
	    memcmp(z->shown.pin, pin, sizeof(z->pin)) != 0;
}

/* --- all of it ---------------------------------------------------------- */

enum gw_err
zone_open(int dirfd, uint64_t now_ms, struct zone **out)
{
	const uint32_t now = bucket_month(now_ms);
	struct zone *z = mem_alloc(sizeof(*z));
	enum gw_err err = GW_OK;
	int i;

	z->dir = dirfd;
	for (i = -MONTHS_BACK; i <= MONTHS_AHEAD && err == GW_OK; i++) {
		err = receive_load(z, bucket_month_add(now, i));
		if (err == GW_ENOENT)
			err = GW_OK;
	}
	if (err == GW_OK && (err = zone_load_key(z)) == GW_ENOENT)
		err = GW_OK;
	if (err == GW_OK && z->is_made && (err = card_load(z)) == GW_ENOENT)
		err = GW_OK;
	if (err == GW_OK)
		*out = z;
	else
		zone_free(z);
	return err;
}

void
zone_free(struct zone *z)
{
	if (z != NULL)
		mem_free_secret(z, sizeof(*z));
}
