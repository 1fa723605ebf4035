/* SPDX-License-Identifier: ISC */
#ifndef PROTO_CRYPTO_LABEL_H
#define PROTO_CRYPTO_LABEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define LABEL_SUITE_MAX 10	/* "HPKE" and three ids */
#define LABEL_INPUT_MAX 65536u	/* largest info, psk or psk_id */

/* suite_id of RFC 9180: of the KEM (section 4.1) or the whole (5.1). */
struct label_suite {
	uint8_t bytes[LABEL_SUITE_MAX];
	size_t len;
};
void label_suite_kem(struct label_suite *, uint16_t kem_id);
void label_suite_hpke(struct label_suite *, uint16_t kem_id,
    uint16_t aead_id);

/*
 * LabeledExtract and LabeledExpand of RFC 9180, section 4, with
 * HKDF-SHA256.  salt NULL: empty.  Errors: GW_ELIMIT, GW_ECRYPTO.
 */
GW_MUST_CHECK enum gw_err label_extract(const struct label_suite *,
    const uint8_t salt[32], const char *label, const void *ikm,
    size_t ikm_len, uint8_t prk_out[32]);
GW_MUST_CHECK enum gw_err label_expand(const struct label_suite *,
    const uint8_t prk[32], const char *label, const void *info,
    size_t info_len, uint8_t *out, uint16_t out_len);

#endif
