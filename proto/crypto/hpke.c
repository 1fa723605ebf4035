/* SPDX-License-Identifier: ISC */
#include "base/mem.h"
#include "proto/crypto/crypto.h"
#include "proto/crypto/kem.h"
#include "proto/crypto/schedule.h"

#include "proto/crypto/hpke.h"

size_t
hpke_enc_len(enum hpke_suite suite)
{
	switch (suite) {
	case HPKE_P256:
		return 65;
	case HPKE_X25519:
		return 32;
	}
	return 0;
}

enum gw_err
hpke_keypair(enum hpke_suite suite, uint8_t priv_out[HPKE_PRIV_MAX],
    uint8_t pub_out[HPKE_PUB_MAX])
{
	if (kem_id(suite) == 0)
		return GW_EINVAL;
	return kem_keypair(suite, priv_out, pub_out);
}

static enum gw_err
hpke_cipher(enum hpke_suite suite, const uint8_t shared[32],
    const struct hpke_psk *psk, const void *info, size_t info_len,
    struct crypto_aead **out, uint8_t nonce_out[CRYPTO_NONCE_LEN])
{
	struct schedule_keys k;
	enum gw_err err;
	size_t i;

	err = schedule_derive(suite, SCHEDULE_AES256_GCM, shared, psk, info,
	    info_len, &k);
	if (err != GW_OK)
		return err;
	err = crypto_aead_new(k.key, out);
	/* Single-shot: sequence number 0, so the nonce is base_nonce. */
	for (i = 0; i < CRYPTO_NONCE_LEN; i++)
		nonce_out[i] = k.base_nonce[i];
	mem_clear(&k, sizeof(k));
	return err;
}

enum gw_err
hpke_seal(enum hpke_suite suite, const uint8_t *pub,
    const struct hpke_psk *psk, const void *info, size_t info_len,
    const void *aad, size_t aad_len, const void *pt, size_t len,
    const uint8_t *ephemeral_priv, uint8_t *enc_out, uint8_t *ct_out)
{
	uint8_t shared[32], nonce[CRYPTO_NONCE_LEN];
	struct crypto_aead *aead = NULL;
	enum gw_err err;

	if (kem_id(suite) == 0)
		return GW_EINVAL;
	err = kem_encap(suite, pub, ephemeral_priv, enc_out, shared);
	if (err == GW_OK)
		err = hpke_cipher(suite, shared, psk, info, info_len, &aead,
		    nonce);
	if (err == GW_OK)
		err = crypto_aead_seal(aead, nonce, aad, aad_len, pt, len,
		    ct_out, ct_out + len);
	crypto_aead_free(aead);
	mem_clear(shared, sizeof(shared));
	return err;
}

enum gw_err
hpke_open(enum hpke_suite suite, const uint8_t priv[HPKE_PRIV_MAX],
    const struct hpke_psk *psk, const void *info, size_t info_len,
    const uint8_t *enc, size_t enc_len, const void *aad, size_t aad_len,
    const void *ct, size_t ct_len, uint8_t *pt_out)
{
	uint8_t shared[32], nonce[CRYPTO_NONCE_LEN];
	struct crypto_aead *aead = NULL;
	const uint8_t *in = ct;
	enum gw_err err;

	if (ct_len < CRYPTO_TAG_LEN)
		return GW_EAUTH;
	ct_len -= CRYPTO_TAG_LEN;
	err = kem_decap(suite, priv, enc, enc_len, shared);
	if (err == GW_OK)
		err = hpke_cipher(suite, shared, psk, info, info_len, &aead,
		    nonce);
	if (err == GW_OK)
		err = crypto_aead_open(aead, nonce, aad, aad_len, in, ct_len,
		    in + ct_len, pt_out);
	crypto_aead_free(aead);
	mem_clear(shared, sizeof(shared));
	return err;
}
