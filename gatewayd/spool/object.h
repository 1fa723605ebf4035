/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_OBJECT_H
#define GATEWAYD_SPOOL_OBJECT_H

#include "gatewayd/spool/spool.h"

/* A parcel object (header and tables) in the store. */

/*
 * Store the first len bytes of fd in the open group; sets place and
 * file_id of the row, which the caller adds.
 */
GW_MUST_CHECK enum gw_err object_put(struct spool *, uint32_t bucket, int fd,
    uint64_t len, struct parcel_row *);

/* A sealed copy in memory.  GW_ENOMEM: that failed, not the object. */
GW_MUST_CHECK enum gw_err object_memfd(struct spool *,
    const struct parcel_row *, int *fd_out);

#endif
