/* SPDX-License-Identifier: ISC */
#ifndef PROTO_CRYPTO_MERKLE_H
#define PROTO_CRYPTO_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Merkle tree hash of RFC 6962 section 2.1 over leaf hashes: interior nodes
 * are SHA-256(0x01 || left || right).  Leaves arrive in order; memory is
 * one hash per level.  The root of no leaves is SHA-256 of nothing.
 */
#define MERKLE_LEVELS_MAX 64

struct merkle {
	uint64_t count;
	uint8_t stack[MERKLE_LEVELS_MAX][32]; /* roots of full subtrees */
};

void merkle_init(struct merkle *);
GW_MUST_CHECK enum gw_err merkle_add(struct merkle *, const uint8_t leaf[32]);
GW_MUST_CHECK enum gw_err merkle_root(const struct merkle *, uint8_t out[32]);
GW_MUST_CHECK enum gw_err merkle_node(const uint8_t left[32],
    const uint8_t right[32], uint8_t out[32]);

/* Leaf hash of RFC 6962: SHA-256(0x00 || data). */
GW_MUST_CHECK enum gw_err merkle_leaf(const void *, size_t, uint8_t out[32]);

#endif
