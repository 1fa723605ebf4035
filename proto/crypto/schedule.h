/* SPDX-License-Identifier: ISC */
#ifndef PROTO_CRYPTO_SCHEDULE_H
#define PROTO_CRYPTO_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/crypto/hpke.h"

/*
 * Key schedule of RFC 9180, section 5.1.  The AEAD is a parameter here, and
 * only here, because most published vectors are for AES-128-GCM.
 */
enum schedule_aead {
	SCHEDULE_AES128_GCM = 1,	/* IANA's numbers */
	SCHEDULE_AES256_GCM = 2
};

struct schedule_keys {
	uint8_t key[32];
	size_t key_len;
	uint8_t base_nonce[12];
	uint8_t exporter_secret[32];
};

/*
 * psk NULL or psk->psk NULL: mode_base.  GW_EINVAL: a psk without an id, an
 * id without a psk, or a psk of less than HPKE_PSK_LEN bytes.
 */
GW_MUST_CHECK enum gw_err schedule_derive(enum hpke_suite,
    enum schedule_aead, const uint8_t shared[32], const struct hpke_psk *,
    const void *info, size_t info_len, struct schedule_keys *out);

#endif
