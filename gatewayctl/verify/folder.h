/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYCTL_VERIFY_FOLDER_H
#define GATEWAYCTL_VERIFY_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "gatewayctl/verify/findings.h"
#include "proto/record/checkpoint.h"

/* Files of one log's folder, and its entries one after the other. */
#define FOLDER_KEYS_MAX 32

struct folder {
	int fd;
	enum finding_log log;
	struct findings *findings;	/* borrowed */
	/* Set by folder_open. */
	int key_count;
	struct checkpoint_key keys[FOLDER_KEYS_MAX];
	bool has_pub;			/* the key came from elsewhere */
	uint8_t pub[32];
	struct checkpoint checkpoint;
	uint8_t *journal;		/* NULL: a published copy */
	size_t journal_len;
	uint64_t base;			/* of the journal */
	uint8_t base_root[32];
	/* Set by check_log. */
	uint64_t size;			/* entries, the journal's included */
	uint64_t torn_bytes;
};

/*
 * Open a folder, and read keys, checkpoint and the journal's header.  pub:
 * 32 bytes, or NULL to use the keys in it.  What is wrong becomes findings;
 * false if nothing more can be said of the log.  GW_ENOENT and the like if
 * there is no such folder.
 */
GW_MUST_CHECK enum gw_err folder_open(struct folder *, const char *path,
    const uint8_t *pub, enum finding_log, struct findings *, bool *ok_out);
void folder_close(struct folder *);

void folder_find(struct folder *, enum finding_code, uint64_t entry,
    const char *path);

/* A file of the folder; NULL if it cannot be had whole below limit. */
uint8_t *folder_load(struct folder *, const char *path, size_t limit,
    size_t *len_out);

/*
 * Call fn for each entry of a checked log, in order.  Returns false if fn
 * did or the folder changed under us.
 */
typedef bool folder_entry_fn(void *arg, uint64_t index, const uint8_t *entry,
    size_t len);
bool folder_walk(struct folder *, folder_entry_fn *, void *arg);

#endif
