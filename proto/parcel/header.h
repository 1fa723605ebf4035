/* SPDX-License-Identifier: ISC */
#ifndef PROTO_PARCEL_HEADER_H
#define PROTO_PARCEL_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/crypto/crypto.h"
#include "proto/crypto/hpke.h"

/*
 * Parcel header GWP/1: what a transfer is under one sequence number of one
 * channel.  Big-endian, fixed offsets but for the KEM encapsulation.
 * PROTOCOL.md, "Header".
 */
#define HEADER_MAX 16384
#define PARCEL_BODIES_MAX 262144u
#define PARCEL_STATEMENT_MAX (64u << 20)

enum header_flag {
	HEADER_FIRST_OF_EPOCH = 1,	/* prev is the old epoch's last, or the card */
	HEADER_CONTROL = 2,		/* no bodies; control fields are set */
	HEADER_BENCH = 4		/* sealed by a bench zone */
};
enum header_control { CONTROL_NONE = 0, CONTROL_WITHDRAW = 1 };

struct parcel_header {
	uint16_t suite;			/* enum hpke_suite */
	uint32_t flags;
	uint8_t channel_id[16];		/* SHA-256 of the channel's id, cut */
	uint32_t epoch;
	uint64_t seq;			/* from 1 in every epoch */
	uint8_t prev[32];		/* SHA-256 of the previous whole header */
	uint8_t parcel_id[16];
	uint64_t created_ms, not_after_ms;
	uint8_t sender_key_id[CRYPTO_KEY_ID_LEN];
	uint8_t recipient_key_id[CRYPTO_KEY_ID_LEN];
	uint64_t ack_counter, ack_seq;	/* last ACK the sender has seen */
	uint32_t chunk_size;
	uint32_t body_count;
	uint64_t total_padded;
	uint8_t body_table_root[32];	/* merkle over body records */
	uint32_t key_table_len, statement_len;
	uint8_t key_table_hash[32], statement_hash[32];
	uint64_t anchor_size;		/* sender's audit log: entries, root, time */
	uint8_t anchor_root[32];
	uint64_t anchor_ms;
	uint16_t control;		/* enum header_control */
	uint16_t control_reason;
	uint64_t control_seq;
	uint16_t enc_len;
	uint8_t enc[HPKE_ENC_MAX];
	uint8_t wrapped_key[48];
	uint8_t signature[CRYPTO_SIG_LEN];
};

/*
 * Encode without and with signature.  header_encode_tbs gives the bytes the
 * signature covers (the domain prefix is added by header_sign/verify).
 */
void header_encode(const struct parcel_header *, struct buf *out);

/* Strict: any byte that would encode differently is GW_EFORMAT. */
GW_MUST_CHECK enum gw_err header_decode(const void *, size_t,
    struct parcel_header *out);

/*
 * Length of the encoded header that starts these bytes, as it says itself;
 * 0 if they are too few or not a header.
 */
size_t header_peek_len(const void *, size_t);

GW_MUST_CHECK enum gw_err header_sign(struct parcel_header *,
    const uint8_t seed[32]);
GW_MUST_CHECK enum gw_err header_verify(const struct parcel_header *,
    const uint8_t pub[32]); /* GW_ESIG */

/* SHA-256 of the whole encoded header: what the next one's prev holds. */
GW_MUST_CHECK enum gw_err header_hash(const struct parcel_header *,
    uint8_t out[32]);

/* Channel id on the wire from its text id. */
GW_MUST_CHECK enum gw_err header_channel_id(const char *text,
    uint8_t out[16]);

/*
 * Wrap and unwrap the parcel key: HPKE psk mode; info binds channel, epoch,
 * seq, sender and recipient; aad is the hash of all fields before enc.
 * header_wrap fills enc, enc_len and wrapped_key; call it before signing.
 */
GW_MUST_CHECK enum gw_err header_wrap(struct parcel_header *,
    const uint8_t *recipient_pub, const uint8_t psk[HPKE_PSK_LEN],
    const uint8_t parcel_key[32]);
GW_MUST_CHECK enum gw_err header_unwrap(const struct parcel_header *,
    const uint8_t recipient_priv[HPKE_PRIV_MAX],
    const uint8_t psk[HPKE_PSK_LEN], uint8_t parcel_key_out[32]);

#endif
