/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_POLICY_LOAD_CASES_H
#define TESTS_UNIT_POLICY_LOAD_CASES_H

#include "base/err.h"

/*
 * Good policy files, and what the loader says of changes to them.  from is
 * replaced by to at its first place; the findings must match to the letter.
 * Each list ends with a NULL row.
 */
struct load_case {
	const char *from, *to;
	enum gw_err err;
	const char *en, *ja;
};

extern const char gateway_text[];
extern const char flow_text[];
extern const struct load_case gateway_cases[];
extern const struct load_case flow_cases[];

#endif
