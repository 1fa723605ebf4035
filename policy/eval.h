/* SPDX-License-Identifier: ISC */
#ifndef POLICY_EVAL_H
#define POLICY_EVAL_H

#include <stdint.h>

#include "policy/table.h"

/* Why a flow does not take a file, before any stage has run. */
enum policy_refusal {
	POLICY_REFUSED_CLOSED = 1 << 0, /* past its end date */
	POLICY_REFUSED_TYPE = 1 << 1,	/* not in its accept list */
	POLICY_REFUSED_SIZE = 1 << 2	/* larger than file_bytes */
};

/* Bits of enum policy_refusal; 0: the flow takes it. */
uint32_t policy_eval_file(const struct policy_flow *, uint64_t wall_ms,
    uint64_t size, enum policy_type);

#endif
