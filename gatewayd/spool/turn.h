/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_TURN_H
#define GATEWAYD_SPOOL_TURN_H

#include "gatewayd/spool/spool.h"

/*
 * The next transfer with a task: flows in turn, within a flow the oldest.
 * The second form is for notices that nobody is telling yet.
 */
bool turn_task(struct spool *, enum task, struct transfer *out);
bool turn_notice(struct spool *, struct transfer *out);

#endif
