/* SPDX-License-Identifier: ISC */
#ifndef PROTO_CRYPTO_METHODS_H
#define PROTO_CRYPTO_METHODS_H

#include <openssl/evp.h>

#include "base/err.h"

/*
 * The algorithms of this folder, looked up once: a lookup by name costs more
 * than a small message.  No configuration file is read, so the first call
 * may come from inside a sandbox.
 */
struct crypto_methods {
	EVP_CIPHER *aes256_gcm;
	EVP_CIPHER *aes128_gcm;	/* published HPKE vectors only */
	EVP_MAC *hmac;
};

/* NULL if the library lacks one of them. */
const struct crypto_methods *crypto_methods(void);

/*
 * Empty the library's error queue and return err.  A record left there would
 * be taken by libssl, in the same process, for the failure of a connection.
 */
enum gw_err crypto_fail(enum gw_err err);

#endif
