/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_KEYS_FORGE_H
#define TESTS_UNIT_KEYS_FORGE_H

#include "proto/parcel/tables.h"
#include "proto/record/statement.h"
#include "tests/unit/keys/way.h"

/*
 * A sender that is not our keys process but has its keys: makes parcels that
 * are right but for what a test changes.  First forge_begin, then changes,
 * then forge_object.
 */
#define FORGE_BODIES 3

struct forge {
	struct gate *from, *to;
	struct parcel_header h;
	struct body_record bodies[FORGE_BODIES];
	uint8_t keys[FORGE_BODIES][32];
	uint8_t sealed_key[FORGE_BODIES][32]; /* what the key table says */
	struct statement_top top;
	uint32_t stated_bodies;
	uint8_t parcel_key[32];
	uint8_t secret[32];		/* pairing */
	uint8_t seed[32];		/* signs */
	uint8_t pub[HPKE_PUB_MAX];	/* of the recipient */
	bool is_total_kept, is_root_kept;
};

void forge_begin(struct forge *, struct gate *from, struct gate *to,
    uint64_t seq, const uint8_t prev[32]);
int forge_object(struct forge *);	/* sealed memfd; sets h */

#endif
