/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_LINK_IDENTITY_H
#define GATEWAYD_LINK_IDENTITY_H

#include <openssl/ssl.h>
#include <stdint.h>

#include "base/err.h"

#define IDENTITY_PIN_LEN 32	/* SHA-256 of the SPKI, DER */

/*
 * The transport key (ECDSA P-256) and its self-signed certificate in the
 * folder dirfd; made at first start.  *ctx_out serves both ends: TLS 1.3
 * only, AES-256-GCM, a certificate demanded from the peer, no tickets, no
 * session cache, no early data.  Who the peer is is decided by its pin
 * after the handshake, never by a name.
 */
GW_MUST_CHECK enum gw_err identity_open(int dirfd, SSL_CTX **ctx_out,
    uint8_t pin_out[IDENTITY_PIN_LEN]);

/* Pin of the certificate the other end of a connection has shown. */
GW_MUST_CHECK enum gw_err identity_peer_pin(const SSL *,
    uint8_t pin_out[IDENTITY_PIN_LEN]);

#endif
