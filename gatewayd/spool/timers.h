/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_TIMERS_H
#define GATEWAYD_SPOOL_TIMERS_H

#include "gatewayd/spool/spool.h"

/*
 * What happens by itself: each second the disk, retention and waiting ACKs,
 * each ten the clock and the channels, each minute held transfers.
 */
void timers_start(struct spool *);
void timers_stop(struct spool *);

/* An administrator has looked at the clock. */
void timers_clock_checked(struct spool *);

/* retain.c: erase what is due, a few at a time; never with a bad clock. */
void retain_run(struct spool *);

#endif
