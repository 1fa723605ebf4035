/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include "base/mem.h"
#include "proto/crypto/crypto.h"
#include "proto/crypto/label.h"
#include "proto/crypto/methods.h"

#include "proto/crypto/kem.h"

#define DH_LEN 32		/* of both groups */
#define P256_PUB_LEN 65
#define X25519_PUB_LEN 32
#define SCALAR_TRIES 16		/* each fails with chance 2^-32 */

static size_t
pub_len(enum hpke_suite suite)
{
	return suite == HPKE_P256 ? P256_PUB_LEN : X25519_PUB_LEN;
}

uint16_t
kem_id(enum hpke_suite suite)
{
	switch (suite) {
	case HPKE_P256:
		return 0x0010;
	case HPKE_X25519:
		return 0x0020;
	}
	return 0;
}

/* 1 <= k < order */
static bool
p256_scalar_ok(const EC_GROUP *group, const BIGNUM *k)
{
	return !BN_is_zero(k) &&
	    BN_cmp(k, EC_GROUP_get0_order(group)) < 0;
}

static enum gw_err
p256_public(const uint8_t priv[HPKE_PRIV_MAX], uint8_t pub_out[P256_PUB_LEN])
{
	enum gw_err err = GW_ECRYPTO;
	EC_GROUP *group = NULL;
	EC_POINT *point = NULL;
	BIGNUM *k = NULL;

	group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	k = BN_secure_new();
	if (group == NULL || k == NULL ||
	    BN_bin2bn(priv, HPKE_PRIV_MAX, k) == NULL)
		goto out;
	BN_set_flags(k, BN_FLG_CONSTTIME);
	if (!p256_scalar_ok(group, k)) {
		err = GW_EINVAL;
		goto out;
	}
	point = EC_POINT_new(group);
	if (point == NULL ||
	    EC_POINT_mul(group, point, k, NULL, NULL, NULL) != 1)
		goto out;
	if (EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED,
	    pub_out, P256_PUB_LEN, NULL) != P256_PUB_LEN)
		goto out;
	err = GW_OK;
out:
	EC_POINT_free(point);
	BN_clear_free(k);
	EC_GROUP_free(group);
	return err == GW_OK ? GW_OK : crypto_fail(err);
}

/* priv NULL: a public key.  Whether pub is on the curve is checked here. */
static EVP_PKEY *
p256_key(const uint8_t *priv, const uint8_t pub[P256_PUB_LEN])
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = NULL;
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;
	BIGNUM *k = NULL;

	if (bld == NULL)
		goto out;
	if (priv != NULL) {
		k = BN_secure_new();
		if (k == NULL || BN_bin2bn(priv, HPKE_PRIV_MAX, k) == NULL)
			goto out;
	}
	if (OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
	    "P-256", 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY,
	    pub, P256_PUB_LEN) != 1)
		goto out;
	if (k != NULL && OSSL_PARAM_BLD_push_BN(bld,
	    OSSL_PKEY_PARAM_PRIV_KEY, k) != 1)
		goto out;
	params = OSSL_PARAM_BLD_to_param(bld);
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1)
		goto out;
	if (EVP_PKEY_fromdata(ctx, &key, k != NULL ? EVP_PKEY_KEYPAIR :
	    EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
out:
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_clear_free(k);
	return key;
}

static EVP_PKEY *
kem_private_key(enum hpke_suite suite, const uint8_t *priv,
    const uint8_t *pub)
{
	if (suite == HPKE_P256)
		return p256_key(priv, pub);
	return EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, priv,
	    HPKE_PRIV_MAX);
}

static EVP_PKEY *
kem_public_key(enum hpke_suite suite, const uint8_t *pub)
{
	if (suite == HPKE_P256) {
		/* Compressed and hybrid points are other encodings. */
		if (pub[0] != POINT_CONVERSION_UNCOMPRESSED)
			return NULL;
		return p256_key(NULL, pub);
	}
	return EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, pub,
	    X25519_PUB_LEN);
}

enum gw_err
kem_public(enum hpke_suite suite, const uint8_t priv[HPKE_PRIV_MAX],
    uint8_t pub_out[HPKE_PUB_MAX])
{
	enum gw_err err = GW_ECRYPTO;
	size_t len = X25519_PUB_LEN;
	EVP_PKEY *key;

	if (kem_id(suite) == 0)
		return GW_EINVAL;
	if (crypto_methods() == NULL)
		return crypto_fail(GW_ECRYPTO);
	if (suite == HPKE_P256)
		return p256_public(priv, pub_out);
	key = kem_private_key(suite, priv, NULL);
	if (key != NULL && EVP_PKEY_get_raw_public_key(key, pub_out,
	    &len) == 1 && len == X25519_PUB_LEN)
		err = GW_OK;
	EVP_PKEY_free(key);
	return err == GW_OK ? GW_OK : crypto_fail(err);
}

enum gw_err
kem_keypair(enum hpke_suite suite, uint8_t priv_out[HPKE_PRIV_MAX],
    uint8_t pub_out[HPKE_PUB_MAX])
{
	enum gw_err err = GW_EINVAL;
	int i;

	/* Only P-256 refuses a few of the values, and then we draw anew. */
	for (i = 0; i < SCALAR_TRIES && err == GW_EINVAL; i++) {
		crypto_random(priv_out, HPKE_PRIV_MAX);
		err = kem_public(suite, priv_out, pub_out);
	}
	if (err != GW_OK)
		mem_clear(priv_out, HPKE_PRIV_MAX);
	return err;
}

/*
 * DH of RFC 9180.  The peer's key is validated by EVP_PKEY_derive_set_peer;
 * the all-zero X25519 secret only shows in EVP_PKEY_derive.
 */
static enum gw_err
kem_dh(enum hpke_suite suite, const uint8_t *priv, const uint8_t *priv_pub,
    const uint8_t *pub, uint8_t dh_out[DH_LEN])
{
	EVP_PKEY *own = NULL, *peer = NULL;
	enum gw_err err = GW_EFORMAT;
	EVP_PKEY_CTX *ctx = NULL;
	size_t len = DH_LEN;

	peer = kem_public_key(suite, pub);
	if (peer == NULL)
		goto out;
	own = kem_private_key(suite, priv, priv_pub);
	if (own != NULL)
		ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	if (ctx == NULL || EVP_PKEY_derive_init(ctx) != 1) {
		err = GW_ECRYPTO;
		goto out;
	}
	if (EVP_PKEY_derive_set_peer(ctx, peer) != 1)
		goto out;
	if (EVP_PKEY_derive(ctx, dh_out, &len) != 1 || len != DH_LEN)
		goto out;
	err = GW_OK;
out:
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(own);
	EVP_PKEY_free(peer);
	return err == GW_OK ? GW_OK : crypto_fail(err);
}

/* ExtractAndExpand of section 4.1; kem_context is enc || pkR. */
static enum gw_err
kem_secret(enum hpke_suite suite, const uint8_t dh[DH_LEN],
    const uint8_t *enc, const uint8_t *pub, uint8_t shared_out[32])
{
	uint8_t context[HPKE_ENC_MAX + HPKE_PUB_MAX], prk[32];
	const size_t n = pub_len(suite);
	struct label_suite s;
	enum gw_err err;

	label_suite_kem(&s, kem_id(suite));
	memcpy(context, enc, n);
	memcpy(context + n, pub, n);
	err = label_extract(&s, NULL, "eae_prk", dh, DH_LEN, prk);
	if (err == GW_OK)
		err = label_expand(&s, prk, "shared_secret", context, 2 * n,
		    shared_out, 32);
	mem_clear(prk, sizeof(prk));
	return err;
}

enum gw_err
kem_encap(enum hpke_suite suite, const uint8_t *pub,
    const uint8_t ephemeral_priv[HPKE_PRIV_MAX], uint8_t *enc_out,
    uint8_t shared_out[32])
{
	uint8_t priv[HPKE_PRIV_MAX], enc[HPKE_ENC_MAX], dh[DH_LEN];
	enum gw_err err;

	if (ephemeral_priv == NULL) {
		err = kem_keypair(suite, priv, enc);
	} else {
		memcpy(priv, ephemeral_priv, sizeof(priv));
		err = kem_public(suite, priv, enc);
	}
	if (err == GW_OK)
		err = kem_dh(suite, priv, enc, pub, dh);
	if (err == GW_OK)
		err = kem_secret(suite, dh, enc, pub, shared_out);
	if (err == GW_OK)
		memcpy(enc_out, enc, pub_len(suite));
	mem_clear(priv, sizeof(priv));
	mem_clear(dh, sizeof(dh));
	return err;
}

enum gw_err
kem_decap(enum hpke_suite suite, const uint8_t priv[HPKE_PRIV_MAX],
    const uint8_t *enc, size_t enc_len, uint8_t shared_out[32])
{
	uint8_t pub[HPKE_PUB_MAX], dh[DH_LEN];
	enum gw_err err;

	if (kem_id(suite) == 0)
		return GW_EINVAL;
	if (enc_len != pub_len(suite))
		return GW_EFORMAT;
	err = kem_public(suite, priv, pub);
	if (err == GW_OK)
		err = kem_dh(suite, priv, pub, enc, dh);
	if (err == GW_OK)
		err = kem_secret(suite, dh, enc, pub, shared_out);
	mem_clear(dh, sizeof(dh));
	return err;
}
