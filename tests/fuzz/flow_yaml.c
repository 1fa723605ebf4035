/* SPDX-License-Identifier: ISC */ /* fuzz-libs: gw_policy_load */
/* flows/ID.yaml: hostile bytes either load into a sound flow or are named. */
#include <stdlib.h>

#include "policy/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The least that a flow between lgwan and its two neighbors leans on. */
static struct policy_table gateway = {
	.channel_count = 2,
	.channels = {
		{.id = "in", .peer = "internet", .role = POLICY_RECEIVER},
		{.id = "out", .peer = "internet", .role = POLICY_SENDER},
	},
	.zone = {.zone = "lgwan"},
};

static void
check_flow(const struct policy_flow *f)
{
	const uint32_t scan = STAGE_BIT(STAGE_IDENTIFY) | STAGE_BIT(STAGE_CLAM);

	if ((f->stages & STAGE_BIT(STAGE_NULL)) == 0 &&
	    (f->stages & scan) != scan)
		abort();
	if ((f->accept & TYPE_BIT(TYPE_EXECUTABLE)) != 0 || f->accept == 0)
		abort();
	if (f->channel[0] == '\0' || f->until_ms == 0 ||
	    f->file_bytes > f->transfer_bytes)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char passwd[] = "a:x:1:1::/:\n";
	struct policy_env env = {.now_ms = UINT64_C(1795273200000),
	    .passwd = passwd, .passwd_len = sizeof(passwd) - 1, .cpus = 2};
	struct policy_flow flow;
	struct buf errors;
	enum gw_err err;

	env.lang = size % 2 == 0 ? POLICY_JA : POLICY_EN;
	buf_init(&errors, 1 << 20);
	err = policy_load_flow_bytes(&env, "x", data, size, &gateway, &flow,
	    &errors);
	if (err == GW_OK)
		check_flow(&flow);
	else if (errors.len == 0)
		abort();
	buf_clear(&errors);
	return 0;
}
