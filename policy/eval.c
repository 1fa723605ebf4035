/* SPDX-License-Identifier: ISC */
#include "policy/eval.h"

uint32_t
policy_eval_file(const struct policy_flow *f, uint64_t wall_ms, uint64_t size,
    enum policy_type type)
{
	uint32_t refusals = 0;

	if (!policy_flow_is_open(f, wall_ms))
		refusals |= POLICY_REFUSED_CLOSED;
	if (type >= TYPE_COUNT || (f->accept & TYPE_BIT(type)) == 0)
		refusals |= POLICY_REFUSED_TYPE;
	if (size > f->file_bytes)
		refusals |= POLICY_REFUSED_SIZE;
	return refusals;
}
