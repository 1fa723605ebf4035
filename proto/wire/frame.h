/* SPDX-License-Identifier: ISC */
#ifndef PROTO_WIRE_FRAME_H
#define PROTO_WIRE_FRAME_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/parcel/body.h"
#include "proto/parcel/header.h"

/*
 * Frames of the tls carrier, sender to receiver.  The receiver answers with
 * ACKs of ACK_LEN bytes and nothing else.  PROTOCOL-tls.md.
 */
#define FRAME_HEAD_LEN    16
#define FRAME_VERSION     1
#define FRAME_PIECE_MAX   BODY_CHUNK /* bytes of tables in one frame */
#define FRAME_PAYLOAD_MAX (4u + BODY_CHUNK + BODY_ENTRY_LEN)

/*
 * Parcels that may be open at once on one connection (HEADER was sent, END
 * was not), and the bytes of their headers and tables together; one parcel
 * alone may have any.
 */
#define FRAME_OPEN_MAX   32
#define FRAME_OPEN_BYTES (128u << 20)

enum frame_type {
	FRAME_HELLO = 1,  /* version 2, channel id 16 */
	FRAME_HEADER = 2, /* a parcel header */
	FRAME_TABLES = 3, /* next bytes of what follows the header */
	FRAME_BODY = 4,   /* index 4, first entry 4, entries of its table */
	FRAME_CHUNK = 5,  /* index 4, chunk 4, ciphertext */
	FRAME_SMALL = 6,  /* index 4, stored form: ciphertext, entry 48 */
	FRAME_END = 7,    /* nothing more of this parcel for now */
	FRAME_ALIVE = 8   /* nothing */
};

struct frame {
	uint8_t type; /* enum frame_type */
	uint32_t len; /* of the payload */
	uint64_t seq; /* parcel; 0 in HELLO and ALIVE */
};

void frame_put(struct buf *, enum frame_type, uint64_t seq, size_t len);

/*
 * Decode and check a frame head: known type, length within that type's
 * bounds, reserved bytes zero.  GW_EFORMAT, GW_ELIMIT.
 */
GW_MUST_CHECK enum gw_err frame_decode(
    const uint8_t head[FRAME_HEAD_LEN], struct frame *out);

#endif
