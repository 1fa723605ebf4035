/* SPDX-License-Identifier: ISC */
#include <stdint.h>

#include "scanners/worker/worker.h"

/*
 * The scanner of a bench zone: decrypts and checks every byte, as any other
 * scanner would, and finds nothing.  Peers refuse the card of such a zone.
 */
static void
null_scan(struct worker_ctx *ctx)
{
	static uint8_t buf[256 * 1024];
	uint64_t off = 0;
	size_t got;

	do {
		if (worker_read(ctx, buf, sizeof(buf), off, &got) != GW_OK)
			return;
		off += got;
	} while (got > 0);
	worker_say_type(ctx, policy_type_by_ext(worker_grant(ctx)->ext));
	worker_say(ctx, VERDICT_CLEAN, REASON_NONE, "not scanned: bench zone");
}

static void
null_prepare(const struct policy_table *policy, const char *slots,
    struct worker_versions *versions)
{
	(void)policy;
	(void)slots;
	versions->engine = 1;
}

int
main(void)
{
	static const struct worker_ops ops = {
		.stage = STAGE_NULL,
		.verdicts = 1u << VERDICT_CLEAN | 1u << VERDICT_NOT_SCANNED,
		.prepare = null_prepare,
		.scan = null_scan,
		.memory_bytes = 64u << 20,
	};

	worker_main(&ops);
}
