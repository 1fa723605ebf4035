/* SPDX-License-Identifier: ISC */
#ifndef PROTO_CRYPTO_KEM_H
#define PROTO_CRYPTO_KEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/crypto/hpke.h"

/*
 * DHKEM of RFC 9180, section 4.1, over P-256 and X25519.  Public keys are
 * validated: a point not on the curve, another point format, or an X25519
 * key that leads to an all-zero secret is GW_EFORMAT.
 */
uint16_t kem_id(enum hpke_suite); /* IANA's number; 0 if unknown */

/* Public key of a private one.  GW_EINVAL: not a scalar of the group. */
GW_MUST_CHECK enum gw_err kem_public(enum hpke_suite,
    const uint8_t priv[HPKE_PRIV_MAX], uint8_t pub_out[HPKE_PUB_MAX]);

GW_MUST_CHECK enum gw_err kem_keypair(enum hpke_suite,
    uint8_t priv_out[HPKE_PRIV_MAX], uint8_t pub_out[HPKE_PUB_MAX]);

GW_MUST_CHECK enum gw_err kem_encap(enum hpke_suite, const uint8_t *pub,
    const uint8_t ephemeral_priv[HPKE_PRIV_MAX], uint8_t *enc_out,
    uint8_t shared_out[32]);
GW_MUST_CHECK enum gw_err kem_decap(enum hpke_suite,
    const uint8_t priv[HPKE_PRIV_MAX], const uint8_t *enc, size_t enc_len,
    uint8_t shared_out[32]);

#endif
