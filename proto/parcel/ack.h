/* SPDX-License-Identifier: ISC */
#ifndef PROTO_PARCEL_ACK_H
#define PROTO_PARCEL_ACK_H

#include <stdint.h>

#include "base/err.h"

/*
 * The receiver's only answer: 256 bytes, signed, of the same size whatever
 * happened.  PROTOCOL.md, "ACK".  192 bytes and an Ed25519 signature:
 * magic 4, channel id cut to 8, epoch 4, counter 8, base_seq 8, header_seq
 * + 1 - base_seq 4, header hash cut to 16, completion bits 64, four times
 * {seq - base_seq 2, bodies 3, chunks 4} (all ones: unused), log size 8,
 * log root 32.
 */
#define ACK_LEN 256
#define ACK_WINDOW 512		/* parcels the completion bits cover */
#define ACK_IN_FLIGHT 4

struct ack_progress {
	uint64_t seq;		/* 0: unused */
	uint32_t bodies;	/* bodies below this index are durable */
	uint32_t chunks;	/* contiguous chunks of body `bodies` */
};

struct ack {
	uint8_t channel_id[8];	/* of the 16 */
	uint32_t epoch;
	uint64_t counter;	/* grows by one with every new statement */
	uint64_t header_seq;	/* highest durable header in sequence */
	uint8_t header_hash[16]; /* of the 32 */
	uint64_t base_seq;	/* all parcels below are complete */
	uint8_t complete[ACK_WINDOW / 8]; /* bit i: parcel base_seq + i */
	struct ack_progress progress[ACK_IN_FLIGHT];
	uint64_t log_size;	/* receiver's audit log */
	uint8_t log_root[32];
};

/* encode: signature over the domain prefix and all before it. */
GW_MUST_CHECK enum gw_err ack_encode(const struct ack *,
    const uint8_t seed[32], uint8_t out[ACK_LEN]);
GW_MUST_CHECK enum gw_err ack_decode(const uint8_t in[ACK_LEN],
    struct ack *out); /* format only */
GW_MUST_CHECK enum gw_err ack_verify(const uint8_t in[ACK_LEN],
    const uint8_t pub[32]); /* GW_ESIG */

#endif
