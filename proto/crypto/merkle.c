/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <string.h>

#include "base/sha256.h"

#include "proto/crypto/merkle.h"

void
merkle_init(struct merkle *m)
{
	m->count = 0;
}

enum gw_err
merkle_node(const uint8_t left[32], const uint8_t right[32], uint8_t out[32])
{
	uint8_t in[65];

	in[0] = 0x01;
	memcpy(in + 1, left, 32);
	memcpy(in + 33, right, 32);
	return sha256_of(in, sizeof(in), out);
}

enum gw_err
merkle_leaf(const void *data, size_t len, uint8_t out[32])
{
	static const uint8_t prefix = 0x00;
	struct sha256 *h = NULL;
	enum gw_err err;

	err = sha256_new(&h);
	if (err == GW_OK)
		err = sha256_update(h, &prefix, 1);
	if (err == GW_OK)
		err = sha256_update(h, data, len);
	if (err == GW_OK)
		err = sha256_final(h, out);
	sha256_free(h);
	return err;
}

/*
 * stack[n] is the root of a full subtree of 2^n leaves whenever bit n of
 * count is set, as in binary addition: a new leaf carries upwards.
 */
enum gw_err
merkle_add(struct merkle *m, const uint8_t leaf[32])
{
	uint8_t carry[32];
	enum gw_err err;
	unsigned level;

	if (m->count == UINT64_MAX)
		return GW_ELIMIT;
	memcpy(carry, leaf, 32);
	for (level = 0; (m->count >> level & 1) != 0; level++) {
		err = merkle_node(m->stack[level], carry, carry);
		if (err != GW_OK)
			return err;
	}
	memcpy(m->stack[level], carry, 32);
	m->count++;
	return GW_OK;
}

enum gw_err
merkle_root(const struct merkle *m, uint8_t out[32])
{
	uint8_t root[32];
	bool has_root = false;
	enum gw_err err;
	unsigned level;

	if (m->count == 0)
		return sha256_of("", 0, out);
	for (level = 0; level < MERKLE_LEVELS_MAX; level++) {
		if ((m->count >> level & 1) == 0)
			continue;
		if (!has_root) {
			memcpy(root, m->stack[level], 32);
			has_root = true;
			continue;
		}
		err = merkle_node(m->stack[level], root, root);
		if (err != GW_OK)
			return err;
	}
	memcpy(out, root, 32);
	return GW_OK;
}
