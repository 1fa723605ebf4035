/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_RECFILE_H
#define GATEWAYD_KEYS_RECFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * A file of records of one size, found by number.  The last
 * RECFILE_SUM_LEN bytes of a record are a checksum over its number and
 * content, set by recfile_put.  A record that was never written reads as
 * GW_ENOENT, a torn or damaged one as GW_EHASH.
 */
#define RECFILE_SUM_LEN 8
#define RECFILE_RECORD_MAX 1024

struct recfile;

/* Open or make; record_len at most RECFILE_RECORD_MAX; dirfd is borrowed. */
GW_MUST_CHECK enum gw_err recfile_open(int dirfd, const char *name,
    size_t record_len, struct recfile **out);
void recfile_free(struct recfile *);

/* Records the file has room for, by its size; a torn last one counts. */
uint64_t recfile_count(const struct recfile *);

GW_MUST_CHECK enum gw_err recfile_get(struct recfile *, uint64_t n, void *rec);
GW_MUST_CHECK enum gw_err recfile_put(struct recfile *, uint64_t n, void *rec);

/* Make all puts durable; blocks on the disk.  GW_EIO is final. */
GW_MUST_CHECK enum gw_err recfile_sync(struct recfile *);

/* Forget records from n on. */
GW_MUST_CHECK enum gw_err recfile_cut(struct recfile *, uint64_t n);

#endif
