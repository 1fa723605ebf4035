/* SPDX-License-Identifier: ISC */
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "proto/crypto/methods.h"

#include "proto/crypto/crypto.h"

#define HKDF_BLOCKS_MAX 255	/* RFC 5869, section 2.3 */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct crypto_methods methods;
static bool is_ready;

static void
methods_fetch(void)
{
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return;
	methods.aes256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	methods.aes128_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	methods.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	is_ready = methods.aes256_gcm != NULL && methods.aes128_gcm != NULL &&
	    methods.hmac != NULL;
}

const struct crypto_methods *
crypto_methods(void)
{
	if (pthread_once(&once, methods_fetch) != 0 || !is_ready)
		return NULL;
	return &methods;
}

enum gw_err
crypto_fail(enum gw_err err)
{
	ERR_clear_error();
	return err;
}

void
crypto_random(void *out, size_t len)
{
	uint8_t *p = out;
	size_t n;

	if (crypto_methods() == NULL)
		log_fatal("random: libcrypto cannot be initialized");
	for (; len > 0; len -= n, p += n) {
		n = len < INT_MAX ? len : INT_MAX;
		if (RAND_bytes(p, (int)n) != 1)
			log_fatal("random: the generator failed");
	}
}

/* One piece of the message of an HMAC. */
struct piece {
	const void *data;
	size_t len;
};

static enum gw_err
hmac_run(EVP_MAC_CTX *ctx, const void *key, size_t key_len,
    const struct piece *pieces, size_t count, uint8_t out[32])
{
	char digest[] = "SHA256";
	OSSL_PARAM params[2];
	uint8_t mac[32];
	size_t i, len = 0;

	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
	    digest, 0);
	params[1] = OSSL_PARAM_construct_end();
	/* A NULL key would mean "the one set before". */
	if (EVP_MAC_init(ctx, key_len > 0 ? key : "", key_len, params) != 1)
		return GW_ECRYPTO;
	for (i = 0; i < count; i++) {
		if (pieces[i].len > 0 && EVP_MAC_update(ctx, pieces[i].data,
		    pieces[i].len) != 1)
			return GW_ECRYPTO;
	}
	if (EVP_MAC_final(ctx, mac, &len, sizeof(mac)) != 1 ||
	    len != sizeof(mac))
		return GW_ECRYPTO;
	memcpy(out, mac, sizeof(mac));
	mem_clear(mac, sizeof(mac));
	return GW_OK;
}

static enum gw_err
hmac_pieces(const void *key, size_t key_len, const struct piece *pieces,
    size_t count, uint8_t out[32])
{
	const struct crypto_methods *m = crypto_methods();
	EVP_MAC_CTX *ctx;
	enum gw_err err;

	if (m == NULL)
		return crypto_fail(GW_ECRYPTO);
	ctx = EVP_MAC_CTX_new(m->hmac);
	if (ctx == NULL)
		return crypto_fail(GW_ECRYPTO);
	err = hmac_run(ctx, key, key_len, pieces, count, out);
	EVP_MAC_CTX_free(ctx);
	return err == GW_OK ? GW_OK : crypto_fail(err);
}

enum gw_err
crypto_hmac(const void *key, size_t key_len, const void *data, size_t len,
    uint8_t out[32])
{
	const struct piece piece = { data, len };

	return hmac_pieces(key, key_len, &piece, 1, out);
}

enum gw_err
crypto_hkdf_expand(const uint8_t prk[32], const void *info, size_t info_len,
    uint8_t *out, size_t out_len)
{
	uint8_t block[32], counter = 0;
	enum gw_err err = GW_OK;
	size_t n, done;

	if (out_len > (size_t)HKDF_BLOCKS_MAX * sizeof(block))
		return GW_EINVAL;
	for (done = 0; done < out_len; done += n) {
		const struct piece pieces[] = {
			{ block, counter == 0 ? 0 : sizeof(block) },
			{ info, info_len },
			{ &counter, 1 }
		};

		counter++;
		err = hmac_pieces(prk, 32, pieces, 3, block);
		if (err != GW_OK)
			break;
		n = out_len - done;
		if (n > sizeof(block))
			n = sizeof(block);
		memcpy(out + done, block, n);
	}
	mem_clear(block, sizeof(block));
	return err;
}

enum gw_err
crypto_hkdf(const void *salt, size_t salt_len, const void *ikm,
    size_t ikm_len, const void *info, size_t info_len, uint8_t *out,
    size_t out_len)
{
	uint8_t prk[32];
	enum gw_err err;

	/* A missing salt is 32 zero bytes; so is an empty HMAC key. */
	err = crypto_hmac(salt, salt_len, ikm, ikm_len, prk);
	if (err == GW_OK)
		err = crypto_hkdf_expand(prk, info, info_len, out, out_len);
	mem_clear(prk, sizeof(prk));
	return err;
}

enum gw_err
crypto_key_id(const void *pub, size_t len, uint8_t id_out[CRYPTO_KEY_ID_LEN])
{
	uint8_t digest[CRYPTO_HASH_LEN];
	enum gw_err err;

	err = sha256_of(pub, len, digest);
	if (err == GW_OK)
		memcpy(id_out, digest, CRYPTO_KEY_ID_LEN);
	return err;
}
