/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "proto/crypto/crypto.h"
#include "proto/crypto/merkle.h"

#include "proto/parcel/body.h"

#define LEAF_LEN 32		/* then the tag, in a table entry */

static const char commit_label[] = "gwp1 commit";

struct body_cipher {
	uint8_t id[BODY_ID_LEN];
	struct crypto_aead *aead;
	struct sha256 *hash;
};

static unsigned
floor_log2(uint64_t v)
{
	unsigned n = 0;

	while (v >>= 1)
		n++;
	return n;
}

/* Padme of "Reducing Metadata Leakage from Encrypted Files" (PURBs). */
static uint64_t
padme(uint64_t len)
{
	unsigned exponent, kept;
	uint64_t mask;

	if (len < 2)
		return len;
	exponent = floor_log2(len);
	kept = floor_log2(exponent) + 1;
	mask = kept >= exponent ? 0 :
	    (UINT64_C(1) << (exponent - kept)) - 1;
	return (len + mask) & ~mask;
}

uint64_t
body_padded_len(uint64_t plain_len)
{
	uint64_t n;

	if (plain_len > BODY_PLAIN_MAX)
		return 0;
	n = padme(plain_len);
	n = (n + BODY_ALIGN - 1) / BODY_ALIGN * BODY_ALIGN;
	return n < BODY_ALIGN ? BODY_ALIGN : n;
}

/* Every length that padding gives is padded to itself. */
bool
body_padded_ok(uint64_t padded_len)
{
	return padded_len != 0 && body_padded_len(padded_len) == padded_len;
}

uint64_t
body_chunk_count(uint64_t padded_len)
{
	return padded_len / BODY_CHUNK + (padded_len % BODY_CHUNK != 0);
}

size_t
body_chunk_len(uint64_t padded_len, uint64_t index)
{
	uint64_t count = body_chunk_count(padded_len);

	if (index >= count)
		return 0;
	if (index + 1 < count || padded_len % BODY_CHUNK == 0)
		return BODY_CHUNK;
	return (size_t)(padded_len % BODY_CHUNK);
}

uint64_t
body_stored_len(uint64_t padded_len)
{
	return padded_len + BODY_ENTRY_LEN * body_chunk_count(padded_len);
}

enum gw_err
body_commitment(const uint8_t key[32], const uint8_t id[BODY_ID_LEN],
    uint8_t out[32])
{
	uint8_t info[sizeof(commit_label) - 1 + BODY_ID_LEN];

	memcpy(info, commit_label, sizeof(commit_label) - 1);
	memcpy(info + sizeof(commit_label) - 1, id, BODY_ID_LEN);
	return crypto_hkdf_expand(key, info, sizeof(info), out, 32);
}

enum gw_err
body_cipher_new(const uint8_t key[32], const uint8_t id[BODY_ID_LEN],
    struct body_cipher **out)
{
	struct body_cipher *c;
	enum gw_err err;

	c = mem_alloc(sizeof(*c));
	memcpy(c->id, id, sizeof(c->id));
	err = crypto_aead_new(key, &c->aead);
	if (err == GW_OK)
		err = sha256_new(&c->hash);
	if (err != GW_OK) {
		body_cipher_free(c);
		return err;
	}
	*out = c;
	return GW_OK;
}

void
body_cipher_free(struct body_cipher *c)
{
	if (c == NULL)
		return;
	crypto_aead_free(c->aead);
	sha256_free(c->hash);
	mem_free_secret(c, sizeof(*c));
}

static void
put_index(uint8_t out[8], uint64_t index)
{
	int i;

	for (i = 7; i >= 0; i--, index >>= 8)
		out[i] = (uint8_t)index;
}

/* 88-bit index, then whether this is the last chunk. */
static void
chunk_nonce(uint8_t nonce[CRYPTO_NONCE_LEN], uint64_t index, bool is_last)
{
	memset(nonce, 0, 3);
	put_index(nonce + 3, index);
	nonce[11] = is_last ? 1 : 0;
}

/* SHA-256(0x00 || index || ciphertext || tag) */
static enum gw_err
chunk_leaf(struct sha256 *h, uint64_t index, const uint8_t *cipher,
    size_t len, const uint8_t tag[CRYPTO_TAG_LEN], uint8_t out[LEAF_LEN])
{
	uint8_t prefix[9];
	enum gw_err err;

	prefix[0] = 0x00;
	put_index(prefix + 1, index);
	err = sha256_update(h, prefix, sizeof(prefix));
	if (err == GW_OK)
		err = sha256_update(h, cipher, len);
	if (err == GW_OK)
		err = sha256_update(h, tag, CRYPTO_TAG_LEN);
	if (err == GW_OK)
		err = sha256_final(h, out);
	return err;
}

/* Chunks have whole blocks, and only the last may be short. */
static bool
chunk_shape_ok(uint64_t index, bool is_last, size_t len)
{
	if (len == 0 || len > BODY_CHUNK || len % BODY_ALIGN != 0)
		return false;
	if (index >= BODY_PLAIN_MAX / BODY_CHUNK)
		return false;
	return is_last || len == BODY_CHUNK;
}

enum gw_err
body_seal_chunk(struct body_cipher *c, uint64_t index, bool is_last,
    const uint8_t *plain, size_t len, uint8_t *cipher_out,
    uint8_t entry_out[BODY_ENTRY_LEN])
{
	uint8_t nonce[CRYPTO_NONCE_LEN];
	enum gw_err err;

	if (!chunk_shape_ok(index, is_last, len))
		return GW_EINVAL;
	chunk_nonce(nonce, index, is_last);
	err = crypto_aead_seal(c->aead, nonce, c->id, sizeof(c->id), plain,
	    len, cipher_out, entry_out + LEAF_LEN);
	if (err != GW_OK)
		return err;
	return chunk_leaf(c->hash, index, cipher_out, len,
	    entry_out + LEAF_LEN, entry_out);
}

static enum gw_err
chunk_check(struct sha256 *h, uint64_t index, const uint8_t *cipher,
    size_t len, const uint8_t entry[BODY_ENTRY_LEN])
{
	uint8_t leaf[LEAF_LEN];
	enum gw_err err;

	err = chunk_leaf(h, index, cipher, len, entry + LEAF_LEN, leaf);
	if (err != GW_OK)
		return err;
	return memcmp(leaf, entry, LEAF_LEN) == 0 ? GW_OK : GW_EHASH;
}

enum gw_err
body_check_chunk(uint64_t index, const uint8_t *cipher, size_t len,
    const uint8_t entry[BODY_ENTRY_LEN])
{
	struct sha256 *h = NULL;
	enum gw_err err;

	err = sha256_new(&h);
	if (err == GW_OK)
		err = chunk_check(h, index, cipher, len, entry);
	sha256_free(h);
	return err;
}

enum gw_err
body_open_chunk(struct body_cipher *c, uint64_t index, bool is_last,
    const uint8_t *cipher, size_t len, const uint8_t entry[BODY_ENTRY_LEN],
    uint8_t *plain_out)
{
	uint8_t nonce[CRYPTO_NONCE_LEN];
	enum gw_err err;

	if (!chunk_shape_ok(index, is_last, len))
		return GW_EINVAL;
	err = chunk_check(c->hash, index, cipher, len, entry);
	if (err != GW_OK)
		return err;
	chunk_nonce(nonce, index, is_last);
	return crypto_aead_open(c->aead, nonce, c->id, sizeof(c->id), cipher,
	    len, entry + LEAF_LEN, plain_out);
}

enum gw_err
body_table_root(const uint8_t *table, uint64_t count, uint8_t root_out[32])
{
	enum gw_err err = GW_OK;
	struct merkle m;
	uint64_t i;

	merkle_init(&m);
	for (i = 0; i < count && err == GW_OK; i++)
		err = merkle_add(&m, table + i * BODY_ENTRY_LEN);
	return err == GW_OK ? merkle_root(&m, root_out) : err;
}

enum gw_err
body_table_check(const uint8_t *table, uint64_t count,
    const uint8_t root[32])
{
	uint8_t found[32];
	enum gw_err err;

	err = body_table_root(table, count, found);
	if (err != GW_OK)
		return err;
	return memcmp(found, root, sizeof(found)) == 0 ? GW_OK : GW_EHASH;
}

enum gw_err
body_seal_small(const uint8_t key[32], const uint8_t id[BODY_ID_LEN],
    const uint8_t *plain, size_t len, uint8_t *out, uint8_t root_out[32])
{
	struct body_cipher *c = NULL;
	uint64_t padded;
	enum gw_err err;

	if (len > BODY_SMALL_MAX)
		return GW_EINVAL;
	padded = body_padded_len(len);
	if (len > 0)
		memmove(out, plain, len);
	memset(out + len, 0, (size_t)padded - len);
	err = body_cipher_new(key, id, &c);
	if (err == GW_OK)
		err = body_seal_chunk(c, 0, true, out, (size_t)padded, out,
		    out + padded);
	if (err == GW_OK)
		err = body_table_root(out + padded, 1, root_out);
	/* Plaintext must not stay where ciphertext is expected. */
	if (err != GW_OK)
		mem_clear(out, (size_t)padded);
	body_cipher_free(c);
	return err;
}
