/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_ASK_H
#define GATEWAYD_SPOOL_ASK_H

#include "gatewayd/spool/spool.h"

/*
 * The tasks that are questions to keys: evaluate, seal, open, withdraw,
 * rejudge.  Given out between groups while keys has room for more.
 */
void ask_keys(struct spool *);

/*
 * Move a transfer as keys decided.  actor: the person whose act it was,
 * NULL if it was nobody's.
 */
void ask_apply(struct spool *, struct transfer *,
    const struct keys_decided *, const char *actor);

#endif
