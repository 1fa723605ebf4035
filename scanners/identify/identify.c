/* SPDX-License-Identifier: ISC */
#include "scanners/identify/judge.h"
#include "scanners/identify/kind.h"
#include "scanners/worker/worker.h"

static enum gw_err
identify_read(void *arg, void *buf, size_t len, uint64_t off, size_t *got_out)
{
	return worker_read(arg, buf, len, off, got_out);
}

static void
identify_scan(struct worker_ctx *ctx)
{
	/* Too large for a stack. */
	static struct source source;
	const struct keys_grant *grant = worker_grant(ctx);
	struct judgement found;

	source.read = identify_read;
	source.arg = ctx;
	source.size = worker_size(ctx);
	judge(&source, grant->ext, grant->accept, &found);
	worker_say_type(ctx, found.type);
	worker_say(ctx, found.verdict, found.reason, "%s", found.detail);
}

static void
identify_prepare(const struct policy_table *policy, const char *slots,
    struct worker_versions *versions)
{
	(void)policy;
	(void)slots;
	mime_prepare();
	versions->engine = 1;
}

int
main(void)
{
	static const struct worker_ops ops = {
		.stage = STAGE_IDENTIFY,
		.verdicts = 1u << VERDICT_CLEAN | 1u << VERDICT_DENIED |
		    1u << VERDICT_NOT_SCANNED,
		.prepare = identify_prepare,
		.scan = identify_scan,
		.memory_bytes = 256u << 20,
	};

	worker_main(&ops);
}
