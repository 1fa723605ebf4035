/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "proto/crypto/crypto.h"
#include "gatewayd/keys/keyfile.h"

#include "gatewayd/keys/bucket.h"

#define BUCKET_MAGIC "GWBK0001"
#define NAME_LEN 32

struct bucket {
	struct crypto_aead *wrap;
	uint8_t tag_key[32];
	uint32_t month;
};

uint32_t
bucket_month(uint64_t wall_ms)
{
	char day[CLOCK_DAY_LEN];

	clock_day_jst(wall_ms, day);
	day[6] = '\0';
	return (uint32_t)strtoul(day, NULL, 10);
}

bool
bucket_month_ok(uint32_t month)
{
	return month / 100 >= 1970 && month / 100 <= 9999 &&
	    month % 100 >= 1 && month % 100 <= 12;
}

uint64_t
bucket_month_start(uint32_t month)
{
	uint64_t ms = 0;

	(void)clock_from_day_jst((int)(month / 100), (int)(month % 100), 1,
	    &ms);
	return ms;
}

uint32_t
bucket_month_add(uint32_t month, int n)
{
	int count = (int)(month / 100) * 12 + (int)(month % 100) - 1 + n;

	return (uint32_t)(count / 12 * 100 + count % 12 + 1);
}

static enum gw_err
bucket_make(int dirfd, const char *name, uint8_t key[32])
{
	crypto_random(key, 32);
	return keyfile_put(dirfd, name, BUCKET_MAGIC, key, 32);
}

enum gw_err
bucket_open(int dirfd, uint32_t month, bool may_make, struct bucket **out)
{
	uint8_t key[32], derived[32];
	struct bucket *b = NULL;
	char name[NAME_LEN];
	enum gw_err err;

	if (!bucket_month_ok(month))
		return GW_ENOENT;
	(void)snprintf(name, sizeof(name), "bucket-%06u.key", month);
	err = keyfile_get(dirfd, name, BUCKET_MAGIC, key, sizeof(key));
	if (err == GW_ENOENT && may_make)
		err = bucket_make(dirfd, name, key);
	if (err != GW_OK)
		goto out;
	b = mem_alloc(sizeof(*b));
	b->month = month;
	err = crypto_hkdf_expand(key, "gwks wrap", 9, derived,
	    sizeof(derived));
	if (err == GW_OK)
		err = crypto_aead_new(derived, &b->wrap);
	if (err == GW_OK)
		err = crypto_hkdf_expand(key, "gwks slot", 9, b->tag_key,
		    sizeof(b->tag_key));
	if (err == GW_OK) {
		*out = b;
		b = NULL;
	}
out:
	bucket_free(b);
	mem_clear(key, sizeof(key));
	mem_clear(derived, sizeof(derived));
	return err;
}

void
bucket_free(struct bucket *b)
{
	if (b == NULL)
		return;
	crypto_aead_free(b->wrap);
	mem_free_secret(b, sizeof(*b));
}

/* What a wrapped key is bound to: whose it is, what for. */
static void
bucket_aad(const char *purpose, const uint8_t id[16], uint8_t out[24])
{
	memset(out, 0, 24);
	(void)mem_put_str((char *)out, 8, purpose);
	memcpy(out + 8, id, 16);
}

enum gw_err
bucket_wrap(struct bucket *b, const char *purpose, const uint8_t id[16],
    const uint8_t nonce[12], const uint8_t key[32],
    uint8_t out[SLOT_WRAPPED_LEN])
{
	uint8_t aad[24];

	bucket_aad(purpose, id, aad);
	return crypto_aead_seal(b->wrap, nonce, aad, sizeof(aad), key, 32,
	    out, out + 32);
}

enum gw_err
bucket_unwrap(struct bucket *b, const char *purpose, const uint8_t id[16],
    const uint8_t nonce[12], const uint8_t wrapped[SLOT_WRAPPED_LEN],
    uint8_t key_out[32])
{
	uint8_t aad[24];

	bucket_aad(purpose, id, aad);
	return crypto_aead_open(b->wrap, nonce, aad, sizeof(aad), wrapped, 32,
	    wrapped + 32, key_out);
}

enum gw_err
bucket_tag(struct bucket *b, uint32_t slot, const uint8_t bytes[SLOT_LEN],
    uint8_t out[SLOT_TAG_LEN])
{
	uint8_t data[8 + SLOT_LEN - SLOT_TAG_LEN], mac[32];
	enum gw_err err;

	memcpy(data, &b->month, 4);
	memcpy(data + 4, &slot, 4);
	memcpy(data + 8, bytes, SLOT_LEN - SLOT_TAG_LEN);
	err = crypto_hmac(b->tag_key, sizeof(b->tag_key), data, sizeof(data),
	    mac);
	if (err == GW_OK)
		memcpy(out, mac, SLOT_TAG_LEN);
	return err;
}
