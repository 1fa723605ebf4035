/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_DESK_CHANNELS_H
#define GATEWAYD_DESK_CHANNELS_H

#include "gatewayd/desk/conn.h"

/* Rows of an answer to SPOOL_CHANNEL_STATUS. */
void channels_put(struct conn *, const struct ipc_msg *);

#endif
