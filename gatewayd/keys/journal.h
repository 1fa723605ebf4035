/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_JOURNAL_H
#define GATEWAYD_KEYS_JOURNAL_H

#include <stdint.h>

#include "base/err.h"
#include "proto/ipc/types.h"
#include "gatewayd/keys/recfile.h"

/*
 * Records of the sequence journal (sender: every header, durable before it
 * is released) and of received parcels (receiver: which transfer a sequence
 * number became).  Record n holds number n + 1 of one epoch.
 */
#define JOURNAL_LEN 1024
#define JOURNAL_HEADER_MAX 944
#define RECEIVED_LEN 128

struct journal_record {
	uint64_t seq;
	uint32_t epoch;
	uint32_t header_len;
	uint8_t parcel_id[16];
	struct key_ref transfer;	/* zero: control parcel */
	uint64_t control_seq;		/* of a WITHDRAW */
	uint32_t pad[2];
	uint8_t header[JOURNAL_HEADER_MAX];
	uint8_t sum[RECFILE_SUM_LEN];
};
_Static_assert(sizeof(struct journal_record) == JOURNAL_LEN, "no padding");

struct received_record {
	uint64_t seq;
	struct key_ref transfer;
	uint8_t parcel_id[16];
	uint8_t header_hash[32];
	uint8_t prev[32];
	uint32_t flags;
	uint32_t pad;
	uint8_t sum[RECFILE_SUM_LEN];
};
_Static_assert(sizeof(struct received_record) == RECEIVED_LEN, "no padding");

/*
 * Find the end of a journal: a torn tail (never released, as release
 * follows the sync) is cut off.  *next_out: the next number; last_hash:
 * SHA-256 of the header before it, untouched if there is none.
 */
GW_MUST_CHECK enum gw_err journal_end(struct recfile *, uint64_t *next_out,
    uint8_t last_hash[32]);

GW_MUST_CHECK enum gw_err journal_get(struct recfile *, uint64_t seq,
    struct journal_record *out);
GW_MUST_CHECK enum gw_err journal_put(struct recfile *,
    struct journal_record *);

/* The control parcel that withdraws seq; GW_ENOENT. */
GW_MUST_CHECK enum gw_err journal_find_control(struct recfile *,
    uint64_t seq, uint64_t next_seq, struct journal_record *out);

#endif
