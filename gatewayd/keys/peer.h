/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_PEER_H
#define GATEWAYD_KEYS_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/table.h"
#include "proto/record/card.h"

/*
 * Peers whose cards a person accepted: one file peer-ZONE each, with the
 * card, the pairing secret and the time.
 */
struct peer {
	char zone[POLICY_ID_LEN];	/* "": free place */
	uint8_t secret[32];
	uint8_t card_hash[32];
	uint8_t sign_id[CRYPTO_KEY_ID_LEN];
	uint64_t accepted_ms;
	char digits[CARD_DIGITS_LEN];
	struct card card;
};

struct peers;

struct peers *peers_new(int dirfd); /* borrowed */
void peers_free(struct peers *);

/* Load the peers that the table's channels name and that are not loaded. */
GW_MUST_CHECK enum gw_err peers_load(struct peers *,
    const struct policy_table *);

/* NULL: not paired. */
const struct peer *peers_find(const struct peers *, const char *zone);

/* The n-th of the loaded peers; NULL behind the last. */
const struct peer *peers_nth(const struct peers *, uint32_t n);

/* Keep an accepted card, durably; replaces that zone's former one. */
GW_MUST_CHECK enum gw_err peers_put(struct peers *, const void *card,
    size_t len, const uint8_t secret[32], uint64_t now_ms);

/* The peer's receive key to seal under at this time; NULL: none left. */
const struct card_key *peer_key(const struct peer *, uint64_t now_ms);

#endif
