/* SPDX-License-Identifier: ISC */
#include <pthread.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/mem.h"

#include "base/sha256.h"

struct sha256 {
	EVP_MD_CTX *ctx;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *method;

/*
 * Fetched once: EVP_sha256() would look the algorithm up again for every
 * message, which costs more than hashing a small one.
 */
static void
sha256_fetch(void)
{
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return;
	method = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static enum gw_err
sha256_start(EVP_MD_CTX *ctx)
{
	if (pthread_once(&once, sha256_fetch) != 0 || method == NULL)
		return GW_ECRYPTO;
	return EVP_DigestInit_ex2(ctx, method, NULL) == 1 ? GW_OK : GW_ECRYPTO;
}

enum gw_err
sha256_of(const void *data, size_t len, uint8_t out[SHA256_LEN])
{
	struct sha256 *h = NULL;
	enum gw_err err;

	err = sha256_new(&h);
	if (err == GW_OK)
		err = sha256_update(h, data, len);
	if (err == GW_OK)
		err = sha256_final(h, out);
	sha256_free(h);
	return err;
}

enum gw_err
sha256_new(struct sha256 **out)
{
	struct sha256 *h;
	enum gw_err err = GW_ECRYPTO;

	h = mem_alloc(sizeof(*h));
	h->ctx = EVP_MD_CTX_new();
	if (h->ctx != NULL)
		err = sha256_start(h->ctx);
	if (err != GW_OK) {
		sha256_free(h);
		return err;
	}
	*out = h;
	return GW_OK;
}

enum gw_err
sha256_update(struct sha256 *h, const void *data, size_t len)
{
	if (len == 0)
		return GW_OK;
	return EVP_DigestUpdate(h->ctx, data, len) == 1 ? GW_OK : GW_ECRYPTO;
}

enum gw_err
sha256_final(struct sha256 *h, uint8_t out[SHA256_LEN])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	size_t i;

	if (EVP_DigestFinal_ex(h->ctx, digest, &len) != 1 || len != SHA256_LEN)
		return GW_ECRYPTO;
	if (sha256_start(h->ctx) != GW_OK)
		return GW_ECRYPTO;
	for (i = 0; i < SHA256_LEN; i++)
		out[i] = digest[i];
	mem_clear(digest, sizeof(digest));
	return GW_OK;
}

void
sha256_free(struct sha256 *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	mem_free(h);
}
