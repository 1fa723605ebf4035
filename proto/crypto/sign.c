/* SPDX-License-Identifier: ISC */
#include <openssl/evp.h>

#include "proto/crypto/methods.h"

#include "proto/crypto/crypto.h"

static EVP_PKEY *
sign_key(const uint8_t seed[CRYPTO_SIGN_SEED_LEN])
{
	if (crypto_methods() == NULL)
		return NULL;
	return EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed,
	    CRYPTO_SIGN_SEED_LEN);
}

enum gw_err
crypto_sign_public(const uint8_t seed[CRYPTO_SIGN_SEED_LEN],
    uint8_t pub_out[CRYPTO_SIGN_PUB_LEN])
{
	EVP_PKEY *key = sign_key(seed);
	enum gw_err err = GW_ECRYPTO;
	size_t len = CRYPTO_SIGN_PUB_LEN;

	if (key != NULL && EVP_PKEY_get_raw_public_key(key, pub_out,
	    &len) == 1 && len == CRYPTO_SIGN_PUB_LEN)
		err = GW_OK;
	EVP_PKEY_free(key);
	return err == GW_OK ? GW_OK : crypto_fail(err);
}

enum gw_err
crypto_sign(const uint8_t seed[CRYPTO_SIGN_SEED_LEN], const void *msg,
    size_t len, uint8_t sig_out[CRYPTO_SIG_LEN])
{
	EVP_PKEY *key = sign_key(seed);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t sig_len = CRYPTO_SIG_LEN;
	enum gw_err err = GW_ECRYPTO;

	if (key == NULL || ctx == NULL)
		goto out;
	if (EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key,
	    NULL) != 1)
		goto out;
	if (EVP_DigestSign(ctx, sig_out, &sig_len, msg, len) != 1 ||
	    sig_len != CRYPTO_SIG_LEN)
		goto out;
	err = GW_OK;
out:
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return err == GW_OK ? GW_OK : crypto_fail(err);
}

enum gw_err
crypto_verify(const uint8_t pub[CRYPTO_SIGN_PUB_LEN], const void *msg,
    size_t len, const uint8_t sig[CRYPTO_SIG_LEN])
{
	EVP_PKEY *key = NULL;
	EVP_MD_CTX *ctx = NULL;
	enum gw_err err = GW_ECRYPTO;

	if (crypto_methods() == NULL)
		goto out;
	key = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, pub,
	    CRYPTO_SIGN_PUB_LEN);
	ctx = EVP_MD_CTX_new();
	if (key == NULL || ctx == NULL)
		goto out;
	if (EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key,
	    NULL) != 1)
		goto out;
	/* Whatever else it returns, the signature was not shown to be good. */
	err = EVP_DigestVerify(ctx, sig, CRYPTO_SIG_LEN, msg, len) == 1 ?
	    GW_OK : GW_ESIG;
out:
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return err == GW_OK ? GW_OK : crypto_fail(err);
}
