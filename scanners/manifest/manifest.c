/* SPDX-License-Identifier: ISC */
#include <stdint.h>

#include "base/mem.h"

#include "proto/parcel/body.h"
#include "proto/parcel/manifest.h"

#include "scanners/manifest/check.h"
#include "scanners/worker/worker.h"

static bool
manifest_keep_name(void *arg, const struct keys_name *name)
{
	return worker_add_name(arg, name);
}

static void
manifest_say(struct worker_ctx *ctx, const struct check_result *result)
{
	/* REJECT is the sender's fault for good, the rest a person's task. */
	const enum verdict verdict =
	    reason_effect(result->reason) == EFFECT_REJECT ?
	    VERDICT_DENIED : VERDICT_NOT_SCANNED;

	if (result->reason == REASON_NONE)
		worker_say(ctx, VERDICT_CLEAN, REASON_NONE, "%s", "");
	else if (result->index != 0)
		worker_say(ctx, verdict, result->reason, "file %u: %s",
		    result->index, result->detail);
	else
		worker_say(ctx, verdict, result->reason, "%s",
		    result->detail);
}

static void
manifest_scan(struct worker_ctx *ctx)
{
	const struct keys_grant *grant = worker_grant(ctx);
	const uint64_t size = worker_size(ctx);
	struct check_result result;
	uint8_t *bytes;
	size_t got;

	if (grant->index != 0 || size > body_padded_len(MANIFEST_MAX)) {
		worker_say(ctx, VERDICT_NOT_SCANNED, REASON_BAD_STRUCTURE,
		    "manifest size");
		return;
	}
	bytes = mem_alloc((size_t)size + 1);
	if (worker_read(ctx, bytes, (size_t)size, 0, &got) == GW_OK) {
		check_manifest(bytes, got, grant->plain_len == 0, grant,
		    manifest_keep_name, ctx, &result);
		manifest_say(ctx, &result);
	}
	mem_free_secret(bytes, (size_t)size + 1);
}

static void
manifest_prepare(const struct policy_table *policy, const char *slots,
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
		.stage = STAGE_MANIFEST,
		.verdicts = 1u << VERDICT_CLEAN | 1u << VERDICT_DENIED |
		    1u << VERDICT_NOT_SCANNED,
		.prepare = manifest_prepare,
		.scan = manifest_scan,
		.memory_bytes = 512u << 20,
	};

	worker_main(&ops);
}
