/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "scanners/text/text.h"
#include "scanners/worker/worker.h"

/* Method of the verdict: proved by strict parsing. */
#define METHOD_CONFIRMED 5

static enum gw_err
confirm_read(struct worker_ctx *ctx, struct text_scan *scan)
{
	static uint8_t buf[256 * 1024];
	uint64_t off = 0;
	enum gw_err err;
	size_t got;

	do {
		err = worker_read(ctx, buf, sizeof(buf), off, &got);
		if (err != GW_OK)
			return err;
		text_feed(scan, buf, got);
		off += got;
	} while (got > 0);
	return GW_OK;
}

static void
confirm_say(struct worker_ctx *ctx, const struct text_result *result)
{
	if (result->reason == REASON_NONE) {
		worker_say_method(ctx, METHOD_CONFIRMED);
		worker_say(ctx, VERDICT_CONFIRMED, REASON_NONE, "%s",
		    text_charset_name(result->charset));
	} else {
		worker_say(ctx, VERDICT_NOT_SCANNED, result->reason,
		    "row %" PRIu64 " column %" PRIu64, result->row,
		    result->column);
	}
}

static void
confirm_text(struct worker_ctx *ctx, enum text_kind kind)
{
	const struct text_options options = {
		.kind = kind,
		.guards_formulas = kind != TEXT_PLAIN &&
		    worker_grant(ctx)->formula_guard != 0,
	};
	struct text_scan *scan = text_new(&options);
	struct text_result result;

	if (confirm_read(ctx, scan) == GW_OK) {
		text_finish(scan, &result);
		confirm_say(ctx, &result);
	}
	text_free(scan);
}

static void
confirm_scan(struct worker_ctx *ctx)
{
	const struct keys_grant *grant = worker_grant(ctx);

	worker_say_type(ctx, grant->type < TYPE_COUNT ?
	    (enum policy_type)grant->type : TYPE_UNKNOWN);
	if (grant->type == TYPE_TEXT)
		confirm_text(ctx, TEXT_PLAIN);
	else if (grant->type == TYPE_CSV)
		confirm_text(ctx, strcmp(grant->ext, "tsv") == 0 ? TEXT_TAB :
		    TEXT_COMMA);
	else
		/* Nothing here can prove that another format is harmless. */
		worker_say(ctx, VERDICT_NOT_SCANNED, REASON_NEEDS_SANITIZING,
		    "no strict parser for this type");
}

static void
confirm_prepare(const struct policy_table *policy, const char *slots,
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
		.stage = STAGE_CONFIRM,
		.verdicts = 1u << VERDICT_CONFIRMED |
		    1u << VERDICT_NOT_SCANNED,
		.prepare = confirm_prepare,
		.scan = confirm_scan,
		.memory_bytes = 64u << 20,
	};

	worker_main(&ops);
}
