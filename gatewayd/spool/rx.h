/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_RX_H
#define GATEWAYD_SPOOL_RX_H

#include "gatewayd/spool/spool.h"

/* Forget what link needs to go on with a parcel. */
void rx_drop(struct spool *, struct arriving *);

#endif
