/* SPDX-License-Identifier: ISC */
#ifndef PROTO_PARCEL_TABLES_H
#define PROTO_PARCEL_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/parcel/header.h"

/*
 * The tables that follow a header.  A parcel object (at rest, and as it is
 * handed between processes) is: header || body table || key table ||
 * statement; their lengths are in the signed header.
 */
#define BODY_RECORD_LEN 96u

struct body_record {
	uint8_t id[16];
	uint64_t padded_len;
	uint8_t chunk_root[32];
	uint8_t commitment[32];
};

void tables_put_body(struct buf *, const struct body_record *);
GW_MUST_CHECK enum gw_err tables_get_body(const uint8_t *table, size_t len,
    uint32_t index, struct body_record *out); /* reserved bytes must be zero */
GW_MUST_CHECK enum gw_err tables_root(const uint8_t *table, size_t len,
    uint8_t out[32]);

/*
 * Encrypt or decrypt a table under a key derived from the parcel key with
 * the given label ("gwp1 keys", "gwp1 statement"); out is in_len + 16 or
 * in_len - 16 bytes.  AAD is the parcel id.
 */
GW_MUST_CHECK enum gw_err tables_seal(const uint8_t parcel_key[32],
    const char *label, const uint8_t parcel_id[16], const uint8_t *in,
    size_t in_len, uint8_t *out);
GW_MUST_CHECK enum gw_err tables_open(const uint8_t parcel_key[32],
    const char *label, const uint8_t parcel_id[16], const uint8_t *in,
    size_t in_len, uint8_t *out);

/*
 * Where the parts of a parcel object lie, checked against the header's
 * lengths and the object's size (GW_EFORMAT, GW_ETRUNC), and the keyless
 * check of all table hashes and totals (GW_EHASH).
 */
struct parcel_layout {
	size_t header_len, body_table_off, body_table_len;
	size_t key_table_off, key_table_len;
	size_t statement_off, statement_len, total_len;
};
GW_MUST_CHECK enum gw_err tables_layout(const struct parcel_header *,
    size_t header_len, struct parcel_layout *out);
GW_MUST_CHECK enum gw_err tables_check(const struct parcel_header *,
    const uint8_t *body_table, const uint8_t *key_table,
    const uint8_t *statement);

#endif
