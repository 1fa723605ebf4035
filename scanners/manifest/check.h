/* SPDX-License-Identifier: ISC */
#ifndef SCANNERS_MANIFEST_CHECK_H
#define SCANNERS_MANIFEST_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ipc/keys.h"
#include "proto/record/reason.h"

/*
 * The rules for a manifest: its one encoding, as many files as bodies, of
 * the flow, every name passable, no two that a file system would take for
 * one, and within the flow's limits.
 */
struct check_result {
	enum reason reason;	/* REASON_NONE: it may pass */
	uint32_t index;		/* of the file it is about, from 1; or 0 */
	const char *detail;	/* static */
};

/* Called for each file in order; false stops. */
typedef bool check_name_fn(void *arg, const struct keys_name *);

/* bytes: the plaintext; has_padding if zeros may follow the manifest. */
void check_manifest(const uint8_t *bytes, size_t len, bool has_padding,
    const struct keys_grant *, check_name_fn *, void *arg,
    struct check_result *out);

#endif
