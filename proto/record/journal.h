/* SPDX-License-Identifier: ISC */
#ifndef PROTO_RECORD_JOURNAL_H
#define PROTO_RECORD_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rd.h"
#include "proto/crypto/merkle.h"

/*
 * Journal of the audit log: the entries since the last checkpoint, in the
 * groups that were made durable together.  PROTOCOL-audit.md, "Journal".
 *
 * A group is written only after the one before it is durable, and nobody
 * was told of a group before that.  So only the last group may be torn.
 */
#define JOURNAL_GROUP_ENTRIES 1024
#define JOURNAL_HEADER_LEN 52
#define JOURNAL_GROUP_LEN 60
#define JOURNAL_GROUP_MAX \
	(JOURNAL_GROUP_LEN + JOURNAL_GROUP_ENTRIES * (2 + 2048))

struct journal_group {
	uint16_t count;		/* entries, at least 1 */
	uint32_t bytes;		/* of the entries with their lengths */
	uint64_t first;		/* index of the first entry */
	uint8_t root[32];	/* of the log after this group */
};

/* base: entries of the log before the journal's first; root: theirs. */
GW_MUST_CHECK enum gw_err journal_put_header(struct buf *, uint64_t base,
    const uint8_t root[32]);
GW_MUST_CHECK enum gw_err journal_get_header(struct rd *, uint64_t *base_out,
    uint8_t root_out[32]);

/* Header of a group; its entries follow as in a bundle. */
GW_MUST_CHECK enum gw_err journal_put_group(struct buf *,
    const struct journal_group *);
GW_MUST_CHECK enum gw_err journal_get_group(struct rd *,
    struct journal_group *out);

/*
 * Replay the groups after the header: base is the header's, log the state
 * of the log at its last checkpoint.  What the checkpoint covers already is
 * passed over; of the rest every group's root is compared, then on_entry is
 * called for each of its entries, and log has moved on.  *good_out: bytes
 * of whole groups; less than what was given means a torn last group.
 * Errors: GW_ECHAIN (damage before the last group), or what on_entry says.
 */
typedef enum gw_err journal_entry_fn(void *arg, const uint8_t *entry,
    size_t len, const uint8_t leaf[32]);
GW_MUST_CHECK enum gw_err journal_replay(struct rd *, uint64_t base,
    struct merkle *log, journal_entry_fn *on_entry, void *arg,
    size_t *good_out);

#endif
