/* SPDX-License-Identifier: ISC */
#ifndef PROTO_CRYPTO_CRYPTO_H
#define PROTO_CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The few primitives the formats need, over OpenSSL 3.0's EVP calls, with
 * every return value checked.  SHA-256 is base/sha256.h.
 */
#define CRYPTO_KEY_LEN 32
#define CRYPTO_NONCE_LEN 12
#define CRYPTO_TAG_LEN 16
#define CRYPTO_HASH_LEN 32
#define CRYPTO_SIG_LEN 64	/* Ed25519 */
#define CRYPTO_SIGN_PUB_LEN 32
#define CRYPTO_SIGN_SEED_LEN 32
#define CRYPTO_KEY_ID_LEN 16	/* SHA-256 of the public key, cut */

/* Fill with random bytes; fatal if the generator fails. */
void crypto_random(void *, size_t);

/* HKDF-SHA256 (RFC 5869), extract and expand, and expand alone. */
GW_MUST_CHECK enum gw_err crypto_hkdf(const void *salt, size_t salt_len,
    const void *ikm, size_t ikm_len, const void *info, size_t info_len,
    uint8_t *out, size_t out_len);
GW_MUST_CHECK enum gw_err crypto_hkdf_expand(const uint8_t prk[32],
    const void *info, size_t info_len, uint8_t *out, size_t out_len);
GW_MUST_CHECK enum gw_err crypto_hmac(const void *key, size_t key_len,
    const void *data, size_t len, uint8_t out[32]);

/*
 * AES-256-GCM under one key, many nonces.  Ciphertext has the plaintext's
 * length; the tag is apart.  in and out may be the same address.
 * Errors of crypto_aead_open: GW_EAUTH (out is cleared).
 */
struct crypto_aead;
GW_MUST_CHECK enum gw_err crypto_aead_new(const uint8_t key[CRYPTO_KEY_LEN],
    struct crypto_aead **out);
void crypto_aead_free(struct crypto_aead *);
GW_MUST_CHECK enum gw_err crypto_aead_seal(struct crypto_aead *,
    const uint8_t nonce[CRYPTO_NONCE_LEN], const void *aad, size_t aad_len,
    const uint8_t *in, size_t len, uint8_t *out, uint8_t tag[CRYPTO_TAG_LEN]);
GW_MUST_CHECK enum gw_err crypto_aead_open(struct crypto_aead *,
    const uint8_t nonce[CRYPTO_NONCE_LEN], const void *aad, size_t aad_len,
    const uint8_t *in, size_t len, const uint8_t tag[CRYPTO_TAG_LEN],
    uint8_t *out);

/* Ed25519 from a 32-byte seed. */
GW_MUST_CHECK enum gw_err crypto_sign_public(
    const uint8_t seed[CRYPTO_SIGN_SEED_LEN],
    uint8_t pub_out[CRYPTO_SIGN_PUB_LEN]);
GW_MUST_CHECK enum gw_err crypto_sign(const uint8_t seed[CRYPTO_SIGN_SEED_LEN],
    const void *msg, size_t len, uint8_t sig_out[CRYPTO_SIG_LEN]);
GW_MUST_CHECK enum gw_err crypto_verify(const uint8_t pub[CRYPTO_SIGN_PUB_LEN],
    const void *msg, size_t len, const uint8_t sig[CRYPTO_SIG_LEN]); /* GW_ESIG */

/* Key id of any public key: SHA-256 of its bytes, first 16. */
GW_MUST_CHECK enum gw_err crypto_key_id(const void *pub, size_t len,
    uint8_t id_out[CRYPTO_KEY_ID_LEN]);

#endif
