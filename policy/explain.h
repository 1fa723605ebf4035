/* SPDX-License-Identifier: ISC */
#ifndef POLICY_EXPLAIN_H
#define POLICY_EXPLAIN_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "policy/table.h"

/*
 * Tell in plain words what happens to a file in this zone: which flows take
 * it, through which stages and whose hands it goes, and why others do not.
 * name: as on disk, any bytes; only its extension counts.
 * type: what identify says, or policy_type_by_ext of the name.
 * Open or closed is judged by the clock.
 * Errors: GW_ELIMIT (out is full).
 */
GW_MUST_CHECK enum gw_err policy_explain(const struct policy_table *,
    const char *name, uint64_t size, enum policy_type, enum policy_lang,
    struct buf *out);

/* Every key of gateway.yaml and flows/ID.yaml with values and defaults. */
GW_MUST_CHECK enum gw_err policy_print_help(enum policy_lang,
    struct buf *out);

#endif
