/* SPDX-License-Identifier: ISC */
#ifndef POLICY_LOAD_CHECK_H
#define POLICY_LOAD_CHECK_H

#include "policy/load_fill.h"

/*
 * The rules that go beyond one value, after a record was filled.  Nodes
 * give findings their places; defaults that depend on the machine or the
 * day are set here too.
 */
void load_gateway_check(struct load_run *, const struct load_node *root);

/* id: file name without .yaml; run->gateway: zone, channels, people. */
void load_flow_check(struct load_run *, const struct load_node *root,
    const char *id, struct policy_flow *);

#endif
