/* SPDX-License-Identifier: ISC */
#ifndef PROTO_RECORD_CARD_H
#define PROTO_RECORD_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/crypto/crypto.h"
#include "proto/crypto/hpke.h"

/*
 * The card of a zone: its public keys, carried by hand to the peer and
 * compared by 30 digits read aloud.  PROTOCOL-pairing.md, "Card".
 */
#define CARD_MAX 2048
#define CARD_KEYS_MAX 13	/* months a card reaches ahead */
#define CARD_DIGITS_LEN 36	/* six groups of five, spaces, NUL */

enum card_flag {
	CARD_IS_BENCH = 1	/* made by pair init --bench */
};

/* Receive key of one month: headers sealed in it name this key. */
struct card_key {
	uint16_t suite;			/* enum hpke_suite */
	uint64_t not_before_ms, not_after_ms;
	uint8_t id[CRYPTO_KEY_ID_LEN];	/* of pub */
	uint8_t pub[HPKE_PUB_MAX];
};

struct card {
	char zone[48];			/* [a-z0-9-]{1,47} */
	uint32_t flags;			/* enum card_flag */
	uint64_t made_ms;
	uint8_t sign_pub[CRYPTO_SIGN_PUB_LEN];
	uint8_t pin[32];		/* SHA-256 of the transport SPKI */
	uint8_t log_pub[CRYPTO_SIGN_PUB_LEN];
	char log_origin[64];		/* checkpoint origin, printable ASCII */
	uint32_t key_count;		/* 1..CARD_KEYS_MAX */
	struct card_key keys[CARD_KEYS_MAX]; /* by not_before_ms */
};

/* Encode and sign; out gets at most CARD_MAX bytes. */
GW_MUST_CHECK enum gw_err card_encode(const struct card *,
    const uint8_t seed[CRYPTO_SIGN_SEED_LEN], struct buf *out);

/*
 * Strict: one encoding of each card; the key ids and the card's own
 * signature are checked.  Errors: GW_EFORMAT, GW_ETRUNC, GW_EVERSION,
 * GW_ELIMIT, GW_ESIG.
 */
GW_MUST_CHECK enum gw_err card_decode(const void *, size_t,
    struct card *out);

/*
 * Digits of an encoded card: each of the first six groups of five bytes of
 * SHA-256("gwp1 card digits" || NUL || card) modulo 100000.
 */
GW_MUST_CHECK enum gw_err card_digits(const void *card, size_t,
    char out[CARD_DIGITS_LEN]);

/*
 * Are these, as a person typed them, the digits?  Spaces and hyphens do not
 * count; compared in constant time.
 */
bool card_digits_match(const char digits[CARD_DIGITS_LEN], const char *typed);

#endif
