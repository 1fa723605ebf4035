/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_AUDIT_STORE_H
#define GATEWAYD_AUDIT_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/record/checkpoint.h"

/*
 * The log on disk (PROTOCOL-audit.md): key, checkpoint, tiles and bundles
 * under the checkpoint, and the journal with what came after.  An entry
 * counts when its group is durable in the journal; tiles and bundles are
 * written from memory with the next checkpoint.
 */
struct store;

/* Entries that one read may return. */
#define STORE_READ_MAX 4096

/*
 * Open the log in dirfd (borrowed), or begin one for zone if the folder is
 * empty.  Every refusal is logged with its reason.  Errors: GW_EBUSY
 * (another process has it), GW_ECHAIN (it does not match its own last
 * checkpoint, or parts are missing), GW_ESIG, or what io says.
 */
GW_MUST_CHECK enum gw_err store_open(int dirfd, const char *zone,
    struct store **out);
void store_free(struct store *);

uint64_t store_size(const struct store *);
uint64_t store_checkpoint_size(const struct store *);
GW_MUST_CHECK enum gw_err store_root(const struct store *, uint8_t out[32]);
const struct checkpoint_key *store_key(const struct store *);

/* Bytes of a torn last group that were cut off when it was opened. */
uint64_t store_torn_bytes(const struct store *);

/*
 * Append count entries (at most JOURNAL_GROUP_ENTRIES), each with its
 * big-endian uint16 length before it, with one fdatasync.  After GW_ESPACE
 * nothing was appended and it may be tried again; after any other error
 * the store is broken and refuses all further appends.
 */
GW_MUST_CHECK enum gw_err store_append(struct store *, const uint8_t *entries,
    size_t len, unsigned count);

/*
 * Sign what there is: tiles and bundles first, then the checkpoint, then an
 * empty journal.  Does nothing if the last checkpoint has the same size.
 * After GW_ESPACE it may be tried again; any other error breaks the store.
 */
GW_MUST_CHECK enum gw_err store_checkpoint(struct store *);

/*
 * Put up to count entries from first on, with their lengths, into out;
 * fewer at the end of the log, at STORE_READ_MAX or at out's limit.  Entries
 * from disk are compared with their leaf hashes.  Errors: GW_ENOENT (first
 * is past the end), GW_ECHAIN.
 */
GW_MUST_CHECK enum gw_err store_read(struct store *, uint64_t first,
    uint32_t count, struct buf *out);

#endif
