/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_STORE_H
#define GATEWAYD_KEYS_STORE_H

#include <stdint.h>

#include "base/err.h"
#include "gatewayd/keys/slot.h"

/*
 * The keystore: slots of transfers and bodies in one file per expiry
 * bucket (slots-YYYYMM: one block of header, then slots).  No index is kept:
 * a key_ref says where the slot is, and the slot must hold its id.  Writes
 * go to the page cache; store_sync makes them durable.
 *
 * Errors of reading: GW_ENOENT (no such slot, or another id in it),
 * GW_EHASH (damaged), GW_EIO.
 */
#define STORE_BATCH 64

struct store;

struct store *store_new(int dirfd); /* dirfd is borrowed */
void store_free(struct store *);

/*
 * Reserve 1 + body_count slots in a bucket and write the transfer's.  t->id
 * must be set; *ref_out tells where it is.
 */
GW_MUST_CHECK enum gw_err store_add(struct store *, uint32_t bucket,
    struct transfer_slot *t, struct key_ref *ref_out);

GW_MUST_CHECK enum gw_err store_get(struct store *, const struct key_ref *,
    struct transfer_slot *out);
GW_MUST_CHECK enum gw_err store_put(struct store *, const struct key_ref *,
    struct transfer_slot *);

/*
 * Bodies of a transfer by index.  store_get_bodies reads count (at most
 * STORE_BATCH) in order; a slot that was not written yet, or belongs to
 * another transfer, is GW_ENOENT.
 */
GW_MUST_CHECK enum gw_err store_get_body(struct store *,
    const struct key_ref *transfer, uint32_t index, struct body_slot *out);
GW_MUST_CHECK enum gw_err store_get_bodies(struct store *,
    const struct key_ref *transfer, uint32_t first, uint32_t count,
    struct body_slot *out);
GW_MUST_CHECK enum gw_err store_put_body(struct store *,
    const struct key_ref *transfer, struct body_slot *);

/* A body by its own reference, with the transfer it belongs to. */
GW_MUST_CHECK enum gw_err store_find_body(struct store *,
    const struct key_ref *body, struct body_slot *body_out,
    struct key_ref *ref_out, struct transfer_slot *transfer_out);

/* Reference of a body. */
void store_body_ref(const struct key_ref *transfer, const struct body_slot *,
    struct key_ref *out);

/* Put a key into a body's slot (new nonce), take it out, destroy it. */
GW_MUST_CHECK enum gw_err store_wrap(struct store *,
    const struct key_ref *transfer, struct body_slot *, const uint8_t key[32]);
GW_MUST_CHECK enum gw_err store_unwrap(struct store *,
    const struct key_ref *transfer, const struct body_slot *,
    uint8_t key_out[32]);
void store_forget(struct body_slot *);

/* The same for a transfer's parcel key; t->parcel_id must be new for it. */
GW_MUST_CHECK enum gw_err store_wrap_parcel(struct store *,
    const struct key_ref *, struct transfer_slot *, const uint8_t key[32]);
GW_MUST_CHECK enum gw_err store_unwrap_parcel(struct store *,
    const struct key_ref *, const struct transfer_slot *,
    uint8_t key_out[32]);

/* One fdatasync per bucket that was written to; an error is final. */
GW_MUST_CHECK enum gw_err store_sync(struct store *);

#endif
