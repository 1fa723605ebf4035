/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_QUOTA_H
#define GATEWAYD_SPOOL_QUOTA_H

#include "gatewayd/spool/spool.h"

/* Look at the disk, make the ballast; then every second, or when asked. */
void quota_start(struct spool *);
void quota_look(struct spool *);

/*
 * Reserve bytes before the first of them comes; GW_ESPACE if the quota, a
 * watermark or a failed disk says no.  Taking in stops first, fetching from
 * a peer second.  What is fetched counts as stored from its header on.
 */
GW_MUST_CHECK enum gw_err quota_check_fetch(struct spool *, uint64_t);
GW_MUST_CHECK enum gw_err quota_reserve_intake(struct spool *, uint64_t);
void quota_release(struct spool *, uint64_t);

/*
 * A sync of bodies failed.  Nothing of the group becomes true; that it
 * happened is written down, and the process ends.  Started again it takes
 * nothing in until an administrator has looked (SPOOL_POKE).
 */
_Noreturn void quota_disk_failed(struct spool *);

/* An administrator has looked. */
void quota_disk_checked(struct spool *);

#endif
