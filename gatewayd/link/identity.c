/* SPDX-License-Identifier: ISC */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "gatewayd/link/identity.h"

#define IDENTITY_FILE     "transport.pem"
#define IDENTITY_MAX      16384
#define CERT_LIFE_SECONDS (20L * 365 * 86400)
#define CERT_LIST_MAX     4096 /* bytes of certificates a stranger may send */
#define READ_BUFFER       (128u << 10) /* several records a system call */

static enum gw_err
pin_of(X509 *cert, uint8_t pin[IDENTITY_PIN_LEN])
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	enum gw_err err;

	if (len <= 0)
		return GW_ECRYPTO;
	err = sha256_of(der, (size_t)len, pin);
	OPENSSL_free(der);
	return err;
}

/* A certificate is only a wrapper here: TLS wants one around a raw key. */
static X509 *
make_certificate(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name;

	if (cert == NULL)
		return NULL;
	name = X509_get_subject_name(cert);
	if (X509_set_version(cert, X509_VERSION_3) == 1 &&
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(cert), -86400) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(cert), CERT_LIFE_SECONDS) !=
		NULL &&
	    X509_set_pubkey(cert, key) == 1 &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		(const unsigned char *)"gateway", -1, -1, 0) == 1 &&
	    X509_set_issuer_name(cert, name) == 1 &&
	    X509_sign(cert, key, EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

static enum gw_err
store_new(int dirfd)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key == NULL ? NULL : make_certificate(key);
	BIO *bio = BIO_new(BIO_s_mem());
	enum gw_err err = GW_ECRYPTO;
	char *bytes;
	long len;

	if (cert == NULL || bio == NULL ||
	    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) !=
		1 ||
	    PEM_write_bio_X509(bio, cert) != 1)
		goto out;
	len = BIO_get_mem_data(bio, &bytes);
	err = io_replace_file(dirfd, IDENTITY_FILE, bytes, (size_t)len, 0600);
	mem_clear(bytes, (size_t)len);
out:
	BIO_free(bio);
	X509_free(cert);
	EVP_PKEY_free(key);
	return err;
}

/* Without this libcrypto would ask a terminal about a file that is not ours. */
static int
no_passphrase(char *out, int size, int is_writing, void *arg)
{
	(void)out;
	(void)size;
	(void)is_writing;
	(void)arg;
	return -1;
}

static enum gw_err
load(int dirfd, EVP_PKEY **key_out, X509 **cert_out)
{
	uint8_t *bytes = NULL;
	size_t len = 0;
	BIO *bio = NULL;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	enum gw_err err;

	err = io_load_file(dirfd, IDENTITY_FILE, IDENTITY_MAX, &bytes, &len);
	if (err != GW_OK)
		return err;
	bio = BIO_new_mem_buf(bytes, (int)len);
	if (bio != NULL)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	if (key != NULL)
		cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (cert == NULL) {
		log_err("%s is damaged: move it away to have a new transport "
			"key made, then pair again",
		    IDENTITY_FILE);
		EVP_PKEY_free(key);
		err = GW_EFORMAT;
	} else {
		*key_out = key;
		*cert_out = cert;
	}
	BIO_free(bio);
	mem_free_secret(bytes, len);
	return err;
}

/* Called instead of libssl's own check of the certificate's chain. */
static int
identity_verify(X509_STORE_CTX *store, void *arg)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(
	    store, SSL_get_ex_data_X509_STORE_CTX_idx());
	X509 *cert = X509_STORE_CTX_get0_cert(store);
	struct identity_peer *peer;

	(void)arg;
	peer = ssl == NULL ? NULL : SSL_get_app_data(ssl);
	if (peer == NULL || cert == NULL || pin_of(cert, peer->pin) != GW_OK)
		return 0;
	peer->is_known = peer->fn(peer->arg, peer->pin);
	peer->is_strange = !peer->is_known;
	/* tells the other side which alert to expect, nothing more */
	if (peer->is_strange)
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return peer->is_known;
}

void
identity_expect(SSL *ssl, struct identity_peer *peer)
{
	SSL_set_app_data(ssl, peer);
}

static bool
set_up(SSL_CTX *ctx, EVP_PKEY *key, X509 *cert)
{
	/* not const: libssl's macros take them as char */
	char groups[] = "X25519:P-256", sigalgs[] = "ECDSA+SHA256";

	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(
	    ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, identity_verify, NULL);
	SSL_CTX_set_max_cert_list(ctx, CERT_LIST_MAX);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, READ_BUFFER);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384") == 1 &&
	       SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
	       SSL_CTX_set1_sigalgs_list(ctx, sigalgs) == 1 &&
	       /* a sender that never reads must not meet unread tickets */
	       SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
	       SSL_CTX_set_max_early_data(ctx, 0) == 1 &&
	       SSL_CTX_use_certificate(ctx, cert) == 1 &&
	       SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
	       SSL_CTX_check_private_key(ctx) == 1;
}

static enum gw_err
make_context(EVP_PKEY *key, X509 *cert, SSL_CTX **out)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	if (ctx == NULL)
		return GW_ECRYPTO;
	if (!set_up(ctx, key, cert)) {
		SSL_CTX_free(ctx);
		return GW_ECRYPTO;
	}
	*out = ctx;
	return GW_OK;
}

void
identity_init(void)
{
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG |
				 OPENSSL_INIT_LOAD_SSL_STRINGS |
				 OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
		NULL) != 1)
		log_fatal("libssl cannot be made ready");
}

enum gw_err
identity_open(int dirfd, SSL_CTX **ctx_out, uint8_t pin_out[IDENTITY_PIN_LEN])
{
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	enum gw_err err;

	err = load(dirfd, &key, &cert);
	if (err == GW_ENOENT) {
		err = store_new(dirfd);
		if (err == GW_OK)
			err = load(dirfd, &key, &cert);
	}
	if (err != GW_OK)
		return err;
	err = pin_of(cert, pin_out);
	if (err == GW_OK)
		err = make_context(key, cert, ctx_out);
	X509_free(cert);
	EVP_PKEY_free(key);
	return err;
}
