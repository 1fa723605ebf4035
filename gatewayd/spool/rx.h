/* SPDX-License-Identifier: ISC */
#ifndef SPOOL_RX_H
#define SPOOL_RX_H

#include "gatewayd/spool/spool.h"

/* Forget what link needs to go on with a parcel. */
void rx_drop(struct spool *, struct arriving *);

#endif
