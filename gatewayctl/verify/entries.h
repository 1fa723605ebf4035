/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYCTL_VERIFY_ENTRIES_H
#define GATEWAYCTL_VERIFY_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>

#include "gatewayctl/verify/folder.h"
#include "proto/record/audit.h"

/* What the entries of one log say that has to be compared later. */
struct anchor {
	uint64_t entry;		/* where it stands */
	uint64_t log_size;
	uint8_t root[32];
	char channel[48];
	char zone[48];		/* of the peer; "" if not said */
	bool is_known;		/* the other log had that size */
};

struct voided {
	uint64_t entry;
	uint8_t transfer_id[16];
	char state[24];
	uint32_t attempt;
	bool has_state;
};

struct entries {
	uint64_t count;
	uint64_t first_ms, last_ms;
	struct anchor *anchors;
	uint64_t anchor_count, anchor_cap;
	struct voided *voids;
	uint64_t void_count, void_cap;
	char (*channels)[48];	/* named in any entry */
	uint64_t channel_count, channel_cap;
};

void entries_init(struct entries *);
void entries_clear(struct entries *);

/* Decode one entry strictly and note what it says. */
GW_MUST_CHECK enum gw_err entries_add(struct entries *, uint64_t index,
    const uint8_t *entry, size_t len);

/* Does each void of the log have its state?  Findings if not. */
void entries_check_voids(struct entries *, struct folder *);

/*
 * Compare the anchors in mine that are about the other log with it.
 * Findings go to mine's folder.  *compared_out: how many were.
 */
void entries_check_anchors(struct entries *mine, struct folder *,
    const struct entries *other_entries, struct folder *other,
    uint64_t *compared_out);

#endif
