/* SPDX-License-Identifier: ISC */
#ifndef POLICY_LOAD_H
#define POLICY_LOAD_H

#include "base/buf.h"
#include "base/err.h"
#include "policy/table.h"

/*
 * Load gateway.yaml and flows/ID.yaml beneath a directory and compile them.
 * Runs in the one-shot sandboxed loader process and in gatewayctl policy
 * check; nothing else links it.
 *
 * dir: the directory that holds gateway.yaml and flows/.
 * now_ms: for default end dates.
 * *table: caller's storage, written only on GW_OK.
 * errors: on GW_EFORMAT or GW_EDENIED holds one line per finding in the
 * chosen language: "FILE:LINE:COLUMN: what, the value, what was expected".
 */
GW_MUST_CHECK enum gw_err policy_load(const char *dir, uint64_t now_ms,
    enum policy_lang, struct policy_table *table, struct buf *errors);

/* Write a table to a new sealed memfd. */
GW_MUST_CHECK enum gw_err policy_to_memfd(const struct policy_table *,
    int *fd_out);

#endif
