/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_AUDIT_KEY_H
#define GATEWAYD_AUDIT_KEY_H

#include <stdbool.h>

#include "base/err.h"
#include "proto/record/checkpoint.h"

/*
 * Signing key of the log: file key-YYYY (0600) and its public line
 * key-YYYY.pub, in the form of signed-note tools.  The newest year counts;
 * the year is that of the first start, in JST.
 */

/* Load the newest key.  *found_out: is there one? */
GW_MUST_CHECK enum gw_err key_load(int dirfd, struct checkpoint_key *out,
    bool *found_out);

/* Make a log's first key; its origin names the zone and is unique. */
GW_MUST_CHECK enum gw_err key_make(int dirfd, const char *zone,
    struct checkpoint_key *out);

#endif
