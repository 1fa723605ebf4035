/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_DESK_NAMES_H
#define GATEWAYD_DESK_NAMES_H

#include "proto/ipc/keys.h"
#include "proto/ipc/types.h"
#include "proto/parcel/body.h"
#include "proto/parcel/manifest.h"

/*
 * The names of one transfer, from its manifest: decrypted in memory, read
 * file by file, cleared when shown.
 */
#define NAMES_STORED_MAX (UINT64_C(80) << 20) /* MANIFEST_MAX, padded, table */

struct names {
	uint8_t *plain;
	size_t size;
	struct manifest_reader reader;
	struct manifest_top top;
	struct manifest_file file;
};

/*
 * Read a stored manifest from fd (borrowed).  Errors: as body_reader_open
 * and manifest_open.
 */
GW_MUST_CHECK enum gw_err names_load(struct names *, int fd,
    const struct ipc_body *, const struct keys_grant *);
/* The same from bytes that were loaded before (names_bytes); copied. */
GW_MUST_CHECK enum gw_err names_load_bytes(struct names *, const uint8_t *,
    size_t);
const uint8_t *names_bytes(const struct names *, size_t *len_out);
bool names_is_loaded(const struct names *);

/* The next file; NULL at the end, when damaged, or when nothing is loaded. */
const struct manifest_file *names_next(struct names *);
void names_clear(struct names *);

#endif
