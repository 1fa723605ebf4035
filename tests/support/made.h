/* SPDX-License-Identifier: ISC */
#ifndef TESTS_SUPPORT_MADE_H
#define TESTS_SUPPORT_MADE_H

#include <stdint.h>

#include "base/buf.h"
#include "proto/parcel/body.h"
#include "proto/parcel/tables.h"

/* Parcels as keys would have sealed them, for one channel. */

struct made_body {
	struct body_record record;
	uint64_t stored_len;
	int fd; /* stored form at 0 */
};

struct made {
	struct parcel_header header;
	struct parcel_layout layout;
	uint8_t hash[32]; /* of the header */
	struct buf object;
	uint32_t count;
	struct made_body *bodies;
	uint32_t weight;
};

/* Sign with this seed; lengths are plaintext lengths of bodies 0..count-1. */
struct made *made_new(const char *channel, const uint8_t seed[32],
    const struct made *prev, const uint64_t *lengths, uint32_t count);
void made_free(struct made *);

/* Recipient key id that all of them name. */
void made_recipient(uint8_t out[16]);

/* Sign again after the header was changed, and encode it into the object. */
void made_resign(struct made *, const uint8_t seed[32]);

#endif
