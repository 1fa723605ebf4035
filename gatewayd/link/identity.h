/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_LINK_IDENTITY_H
#define GATEWAYD_LINK_IDENTITY_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define IDENTITY_PIN_LEN 32 /* SHA-256 of the SPKI, DER */

/*
 * Make libssl ready without its configuration file, whatever the
 * environment names.  Before anything else here.
 */
void identity_init(void);

/*
 * The transport key (ECDSA P-256) and its self-signed certificate in the
 * folder dirfd; made at first start.  *ctx_out serves both ends: TLS 1.3
 * only, AES-256-GCM, a certificate demanded from the peer, no tickets, no
 * session cache, no early data.  Who the peer is is decided by its pin,
 * never by a name or an issuer.
 */
GW_MUST_CHECK enum gw_err identity_open(
    int dirfd, SSL_CTX **ctx_out, uint8_t pin_out[IDENTITY_PIN_LEN]);

/*
 * Whom a connection may be with.  fn is asked within the handshake, as soon
 * as the other side has shown its certificate and before that side's proof
 * is checked; the handshake fails if it says no.  Lives as long as the SSL.
 */
typedef bool identity_known_fn(void *arg, const uint8_t pin[IDENTITY_PIN_LEN]);
struct identity_peer {
	identity_known_fn *fn;
	void *arg;
	bool is_known, is_strange;
	uint8_t pin[IDENTITY_PIN_LEN];
};
void identity_expect(SSL *, struct identity_peer *);

#endif
