/* SPDX-License-Identifier: ISC */
#ifndef POLICY_DIGEST_H
#define POLICY_DIGEST_H

#include <stdint.h>

#include "base/err.h"
#include "base/sha256.h"
#include "policy/table.h"

/*
 * SHA-256 of a flow or of the table as host bytes, with its own digest field
 * counted as zeros.  The loader writes these, readers compare.  A flow's
 * digest stays the same as long as its settings do; the table's changes
 * with every load, because it holds the time of compilation.
 */
GW_MUST_CHECK enum gw_err policy_flow_digest(const struct policy_flow *,
    uint8_t out[SHA256_LEN]);
GW_MUST_CHECK enum gw_err policy_table_digest(const struct policy_table *,
    uint8_t out[SHA256_LEN]);

/* Set magic, version, size and every digest of a filled table. */
GW_MUST_CHECK enum gw_err policy_table_finish(struct policy_table *);

#endif
