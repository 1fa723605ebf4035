/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_RECOVER_H
#define GATEWAYD_SPOOL_RECOVER_H

#include "gatewayd/spool/spool.h"

/*
 * Before serving: cut what no commit knows, offer again what was being
 * worked on, and write VOID for entries of the log that the catalogue does
 * not show.  Speaks with audit over the blocking fd; costs as much as was
 * in flight, however many transfers there are.
 */
void recover_run(struct spool *, int audit_fd);

/* A client is gone: what it worked on is offered to the next one. */
void recover_inspect(struct spool *);
void recover_courier(struct spool *);

void recover_drop_arriving(struct spool *);

#endif
