/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_BUCKET_H
#define GATEWAYD_KEYS_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "gatewayd/keys/slot.h"

/*
 * The keys of one expiry bucket (a month, YYYYMM): one file
 * bucket-YYYYMM.key of a random key, from which the key that wraps body
 * keys and the key that authenticates slots are derived.  Destroying the
 * file destroys every key in the bucket's slots.
 */
struct bucket;

/* Month of wall_ms in JST as YYYYMM, and whether a number is one. */
uint32_t bucket_month(uint64_t wall_ms);
bool bucket_month_ok(uint32_t month);

/* First moment of a month, and the month n months later (n may be < 0). */
uint64_t bucket_month_start(uint32_t month);
uint32_t bucket_month_add(uint32_t month, int n);

/* may_make: a new key is made, durably, where there is none; else ENOENT. */
GW_MUST_CHECK enum gw_err bucket_open(int dirfd, uint32_t month,
    bool may_make, struct bucket **out);
void bucket_free(struct bucket *);

/*
 * Wrap one 32-byte key.  The nonce must be new for every key under one
 * bucket; id says whose key it is and is bound.
 */
GW_MUST_CHECK enum gw_err bucket_wrap(struct bucket *, const char *purpose,
    const uint8_t id[16], const uint8_t nonce[12], const uint8_t key[32],
    uint8_t out[SLOT_WRAPPED_LEN]);
GW_MUST_CHECK enum gw_err bucket_unwrap(struct bucket *, const char *purpose,
    const uint8_t id[16], const uint8_t nonce[12],
    const uint8_t wrapped[SLOT_WRAPPED_LEN], uint8_t key_out[32]);

/* Tag of a slot at its place, over all of it but the tag. */
GW_MUST_CHECK enum gw_err bucket_tag(struct bucket *, uint32_t slot,
    const uint8_t bytes[SLOT_LEN], uint8_t out[SLOT_TAG_LEN]);

#endif
