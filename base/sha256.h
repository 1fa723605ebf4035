/* SPDX-License-Identifier: ISC */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * SHA-256 over libcrypto's EVP calls.  It is here, and not in proto/crypto,
 * because policy may not include proto; sha256.c is the only file of this
 * folder that includes OpenSSL.  No configuration file is read, so the
 * first call may also come from inside a sandbox.
 */
#define SHA256_LEN 32

/* Hash one piece of memory. Errors: GW_ECRYPTO. */
GW_MUST_CHECK enum gw_err sha256_of(const void *, size_t,
    uint8_t out[SHA256_LEN]);

/*
 * Hash a stream.  sha256_final writes the digest and makes the object ready
 * for the next message; sha256_free(NULL) does nothing and clears the state.
 * Errors: GW_ECRYPTO.
 */
struct sha256;

GW_MUST_CHECK enum gw_err sha256_new(struct sha256 **out);
GW_MUST_CHECK enum gw_err sha256_update(struct sha256 *, const void *, size_t);
GW_MUST_CHECK enum gw_err sha256_final(struct sha256 *,
    uint8_t out[SHA256_LEN]);
void sha256_free(struct sha256 *);

#endif
