/* SPDX-License-Identifier: ISC */
#ifndef POLICY_LOAD_FILL_H
#define POLICY_LOAD_FILL_H

#include "base/buf.h"
#include "policy/load.h"
#include "policy/load_report.h"
#include "policy/load_tree.h"
#include "policy/schema.h"

/* What one load works with. */
struct load_run {
	const struct policy_env *env;
	struct load_report report;
	struct policy_table *table;	    /* what gateway.yaml fills */
	const struct policy_table *gateway; /* what flows are checked with */
	bool is_zone_known; /* gateway.yaml was read without error */
};

/*
 * Fill a zeroed record from a map by the rows of a schema: defaults first,
 * unknown and missing keys reported, every value checked by its kind.
 * map: NULL for a section that is not there: defaults only.
 * prefix: how keys are called in findings: "", "limits.", "channels[0].".
 */
void load_fill(struct load_run *, const struct schema_fields *,
    const struct load_node *map, const char *prefix, void *record);

/* A finding at the place of a node; NULL node: at the start of the map. */
void load_fill_report(struct load_run *, enum load_message,
    const struct load_node *map, const struct load_node *, const char *key,
    const char *value, const char *expected);

#endif
