/* SPDX-License-Identifier: ISC */
#ifndef PROTO_CRYPTO_HPKE_H
#define PROTO_CRYPTO_HPKE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Hybrid Public Key Encryption, RFC 9180, single-shot, modes base and psk,
 * HKDF-SHA256 and AES-256-GCM.  Suites are named by the signed key set and
 * never negotiated.
 */
enum hpke_suite {
	HPKE_P256 = 1,		/* DHKEM(P-256, HKDF-SHA256) */
	HPKE_X25519 = 2		/* DHKEM(X25519, HKDF-SHA256) */
};

#define HPKE_ENC_MAX 65		/* P-256 uncompressed point; X25519 32 */
#define HPKE_PUB_MAX 65
#define HPKE_PRIV_MAX 32
#define HPKE_PSK_LEN 32

size_t hpke_enc_len(enum hpke_suite); /* also the public key's length */

/* New key pair.  priv: 32 bytes in both suites. */
GW_MUST_CHECK enum gw_err hpke_keypair(enum hpke_suite,
    uint8_t priv_out[HPKE_PRIV_MAX], uint8_t pub_out[HPKE_PUB_MAX]);

struct hpke_psk {
	const uint8_t *psk;	/* NULL: mode_base */
	size_t psk_len;
	const uint8_t *psk_id;
	size_t psk_id_len;
};

/*
 * Seal len bytes to pub: enc_out takes hpke_enc_len bytes, ct_out len + 16.
 * ephemeral_priv: NULL, or a fixed ephemeral key for test vectors.
 */
GW_MUST_CHECK enum gw_err hpke_seal(enum hpke_suite, const uint8_t *pub,
    const struct hpke_psk *, const void *info, size_t info_len,
    const void *aad, size_t aad_len, const void *pt, size_t len,
    const uint8_t *ephemeral_priv, uint8_t *enc_out, uint8_t *ct_out);

/* Errors: GW_EAUTH (wrong key, psk, info, aad or damaged), GW_EFORMAT (enc). */
GW_MUST_CHECK enum gw_err hpke_open(enum hpke_suite,
    const uint8_t priv[HPKE_PRIV_MAX], const struct hpke_psk *,
    const void *info, size_t info_len, const uint8_t *enc, size_t enc_len,
    const void *aad, size_t aad_len, const void *ct, size_t ct_len,
    uint8_t *pt_out);

#endif
