/* SPDX-License-Identifier: ISC */
#include <limits.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/mem.h"
#include "proto/crypto/methods.h"

#include "proto/crypto/crypto.h"

/*
 * One context serves both directions: the key schedule is made once, and
 * each message only sets the direction and the nonce.
 */
struct crypto_aead {
	EVP_CIPHER_CTX *ctx;
};

enum gw_err
crypto_aead_new(const uint8_t key[CRYPTO_KEY_LEN], struct crypto_aead **out)
{
	const struct crypto_methods *m = crypto_methods();
	struct crypto_aead *a;

	if (m == NULL)
		return crypto_fail(GW_ECRYPTO);
	a = mem_alloc(sizeof(*a));
	a->ctx = EVP_CIPHER_CTX_new();
	if (a->ctx == NULL || EVP_CipherInit_ex2(a->ctx, m->aes256_gcm, key,
	    NULL, 1, NULL) != 1) {
		crypto_aead_free(a);
		return crypto_fail(GW_ECRYPTO);
	}
	*out = a;
	return GW_OK;
}

void
crypto_aead_free(struct crypto_aead *a)
{
	if (a == NULL)
		return;
	EVP_CIPHER_CTX_free(a->ctx);
	mem_free(a);
}

static enum gw_err
aead_start(struct crypto_aead *a, const uint8_t nonce[CRYPTO_NONCE_LEN],
    int is_seal, const void *aad, size_t aad_len, size_t len)
{
	int n;

	if (len > INT_MAX || aad_len > INT_MAX)
		return GW_ELIMIT;
	if (EVP_CipherInit_ex2(a->ctx, NULL, NULL, nonce, is_seal,
	    NULL) != 1)
		return GW_ECRYPTO;
	if (aad_len > 0 && EVP_CipherUpdate(a->ctx, NULL, &n, aad,
	    (int)aad_len) != 1)
		return GW_ECRYPTO;
	return GW_OK;
}

enum gw_err
crypto_aead_seal(struct crypto_aead *a,
    const uint8_t nonce[CRYPTO_NONCE_LEN], const void *aad, size_t aad_len,
    const uint8_t *in, size_t len, uint8_t *out, uint8_t tag[CRYPTO_TAG_LEN])
{
	uint8_t tail[EVP_MAX_BLOCK_LENGTH];
	enum gw_err err;
	int n = 0;

	err = aead_start(a, nonce, 1, aad, aad_len, len);
	if (err != GW_OK)
		return crypto_fail(err);
	if (len > 0 && (EVP_CipherUpdate(a->ctx, out, &n, in,
	    (int)len) != 1 || n != (int)len))
		return crypto_fail(GW_ECRYPTO);
	if (EVP_CipherFinal_ex(a->ctx, tail, &n) != 1 || n != 0)
		return crypto_fail(GW_ECRYPTO);
	if (EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_GET_TAG,
	    CRYPTO_TAG_LEN, tag) != 1)
		return crypto_fail(GW_ECRYPTO);
	return GW_OK;
}

enum gw_err
crypto_aead_open(struct crypto_aead *a,
    const uint8_t nonce[CRYPTO_NONCE_LEN], const void *aad, size_t aad_len,
    const uint8_t *in, size_t len, const uint8_t tag[CRYPTO_TAG_LEN],
    uint8_t *out)
{
	uint8_t expect[CRYPTO_TAG_LEN], tail[EVP_MAX_BLOCK_LENGTH];
	enum gw_err err;
	int n = 0;

	err = aead_start(a, nonce, 0, aad, aad_len, len);
	if (err != GW_OK)
		return crypto_fail(err);
	memcpy(expect, tag, sizeof(expect));
	if (EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_TAG,
	    CRYPTO_TAG_LEN, expect) != 1)
		return crypto_fail(GW_ECRYPTO);
	if (len > 0 && (EVP_CipherUpdate(a->ctx, out, &n, in,
	    (int)len) != 1 || n != (int)len))
		err = GW_ECRYPTO;
	else if (EVP_CipherFinal_ex(a->ctx, tail, &n) != 1)
		err = GW_EAUTH;
	if (err == GW_OK)
		return GW_OK;
	/* Nobody may see plaintext that was not authentic. */
	if (len > 0)
		mem_clear(out, len);
	return crypto_fail(err);
}
