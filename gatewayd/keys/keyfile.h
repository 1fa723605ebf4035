/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_KEYFILE_H
#define GATEWAYD_KEYS_KEYFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * A small secret in a file of its own (0600): an 8-byte magic that says
 * what it is, len bytes, and a checksum against damage.  Writing is whole
 * and durable.  Errors of reading: GW_ENOENT, GW_EFORMAT, GW_EHASH.
 */
#define KEYFILE_MAX 4096

GW_MUST_CHECK enum gw_err keyfile_put(int dirfd, const char *name,
    const char magic[8], const void *data, size_t len);
GW_MUST_CHECK enum gw_err keyfile_get(int dirfd, const char *name,
    const char magic[8], void *out, size_t len);

/* Overwrite with zeros, durably, then remove. */
GW_MUST_CHECK enum gw_err keyfile_destroy(int dirfd, const char *name);

#endif
