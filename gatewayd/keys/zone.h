/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_ZONE_H
#define GATEWAYD_KEYS_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/crypto/hpke.h"
#include "proto/ipc/audit.h"
#include "proto/record/card.h"

/*
 * Our own keys: zone.key (Ed25519 seed, made once), one receive key per
 * month, and the card that shows their public halves.
 */
#define ZONE_RECEIVE_MAX 40

/*
 * A header is valid this long after its sealing.  A month's receive key is
 * kept until no header that names it can be valid any more, and a day.
 */
#define ZONE_PARCEL_DAYS 30
#define ZONE_DAY_MS UINT64_C(86400000)

struct zone_receive {
	uint32_t month;		/* YYYYMM */
	uint16_t suite;
	uint8_t priv[HPKE_PRIV_MAX];
	uint8_t pub[HPKE_PUB_MAX];
	uint8_t id[CRYPTO_KEY_ID_LEN];
	uint64_t not_before_ms, not_after_ms;
};

struct zone {
	int dir;		/* borrowed */
	bool is_made;
	bool has_pin;
	bool is_bench;
	uint32_t receive_count;
	uint64_t made_ms;
	uint8_t seed[CRYPTO_SIGN_SEED_LEN];
	uint8_t sign_pub[CRYPTO_SIGN_PUB_LEN];
	uint8_t sign_id[CRYPTO_KEY_ID_LEN];
	uint8_t pin[32];
	struct zone_receive receive[ZONE_RECEIVE_MAX]; /* by month */
	size_t card_len;	/* 0: no card yet */
	uint8_t card[CARD_MAX];
	uint8_t card_hash[32];
	char digits[CARD_DIGITS_LEN];
	struct card shown;	/* what the card says */
};

/* Load what there is; a zone without keys is no error. */
GW_MUST_CHECK enum gw_err zone_open(int dirfd, uint64_t now_ms,
    struct zone **out);
void zone_free(struct zone *);

/* Make the keys, durably.  GW_EEXIST if they are there. */
GW_MUST_CHECK enum gw_err zone_make(struct zone *, bool is_bench,
    uint64_t now_ms);

/* Link's transport pin; true if the card no longer fits. */
bool zone_set_pin(struct zone *, const uint8_t pin[32]);

/*
 * Have a card that fits: made anew when the pin or the log's key changed or
 * its receive keys reach less than half a year ahead.  *made_out: a new one
 * was made (its digits are new too).  GW_EAGAIN: no pin yet; GW_ENOENT: no
 * keys.
 */
GW_MUST_CHECK enum gw_err zone_fit_card(struct zone *, const char *zone_id,
    const struct audit_identity *, uint64_t now_ms, bool *made_out);

/* The receive key with that id; NULL: never ours, or destroyed. */
const struct zone_receive *zone_find_receive(const struct zone *,
    const uint8_t id[16]);

/* Ids a header may name at this time: last month's, this and the next. */
void zone_receive_ids(const struct zone *, uint64_t now_ms,
    uint8_t out[4][16]);

/*
 * Destroy the oldest receive key if no header that names it can be valid.
 * True if one was destroyed; *out tells which (without its key).
 */
bool zone_retire(struct zone *, uint64_t now_ms, struct zone_receive *out);

#endif
