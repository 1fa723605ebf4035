/* SPDX-License-Identifier: GPL-2.0-only WITH cryptsetup-OpenSSL-exception */
#include <fcntl.h>
#include <stdint.h>

#include "base/log.h"

#include "scanners/clam/engine.h"
#include "scanners/worker/worker.h"

#define INT_ARG 0xffffffffu

/* Large enough for what a worker may unpack at one time. */
#define SLOT_BYTES (UINT64_C(2) << 30)
#define MEMORY_BYTES (UINT64_C(6) << 30)
#define FDS_MAX 512

/* Types whose bytes mean the same wherever one begins to read. */
#define ONE_PIECE                                                       \
	(TYPE_BIT(TYPE_TEXT) | TYPE_BIT(TYPE_CSV) | TYPE_BIT(TYPE_XML) |   \
	    TYPE_BIT(TYPE_JSON) | TYPE_BIT(TYPE_FIXED) |                \
	    TYPE_BIT(TYPE_DBF) | TYPE_BIT(TYPE_DXF) |                   \
	    TYPE_BIT(TYPE_SXF) | TYPE_BIT(TYPE_JPEG) |                  \
	    TYPE_BIT(TYPE_PNG) | TYPE_BIT(TYPE_GIF) |                   \
	    TYPE_BIT(TYPE_TIFF) | TYPE_BIT(TYPE_WEBP) |                 \
	    TYPE_BIT(TYPE_BMP) | TYPE_BIT(TYPE_HEIC) |                  \
	    TYPE_BIT(TYPE_AUDIO) | TYPE_BIT(TYPE_VIDEO))

/* NULL: there are no signatures. */
static struct cl_engine *clam_engine;

/* libclamav unpacks into its folder; Landlock allows that one alone. */
static const struct sandbox_call clam_calls[] = {
	{"write", -1, 0, 0, "unpacked files"},
	{"writev", -1, 0, 0, "unpacked files"},
	{"pwrite64", -1, 0, 0, "unpacked files"},
	{"openat", -1, 0, 0, "unpacked files; Landlock decides where"},
	{"newfstatat", -1, 0, 0, "unpacked files"},
	{"statx", -1, 0, 0, "unpacked files, in Rust"},
	{"ftruncate", -1, 0, 0, "unpacked files"},
	{"unlink", -1, 0, 0, "unpacked files"},
	{"unlinkat", -1, 0, 0, "unpacked files"},
	{"mkdir", -1, 0, 0, "folders for unpacked files"},
	{"mkdirat", -1, 0, 0, "folders for unpacked files"},
	{"rmdir", -1, 0, 0, "folders for unpacked files"},
	{"rename", -1, 0, 0, "unpacked files; within its folder"},
	{"chmod", -1, 0, 0, "unpacked files of archives"},
	{"fchmod", -1, 0, 0, "unpacked files of archives"},
	{"access", -1, 0, 0, "is an unpacked file there"},
	{"getcwd", -1, 0, 0, "libxml2 makes names absolute"},
	{"umask", -1, 0, 0, "modes of unpacked files"},
	{"getdents64", -1, 0, 0, "scanning unpacked folders"},
	{"dup", -1, 0, 0, "a second reader of an unpacked file"},
	{"fcntl", 1, INT_ARG, F_GETFD, "O_CLOEXEC checks"},
	{"fcntl", 1, INT_ARG, F_SETFD, "O_CLOEXEC"},
	{"fcntl", 1, INT_ARG, F_GETFL, "is an fd readable"},
	{"fcntl", 1, INT_ARG, F_DUPFD_CLOEXEC, "a second reader"},
	{"fadvise64", -1, 0, 0, "reading unpacked files"},
	{"gettid", -1, 0, 0, "abort"},
	{"getuid", -1, 0, 0, "names of temporary files"},
	{"geteuid", -1, 0, 0, "names of temporary files"},
	{"getgid", -1, 0, 0, "secure_getenv of libcrypto"},
	{"getegid", -1, 0, 0, "secure_getenv of libcrypto"},
	{"sched_yield", -1, 0, 0, "locks"},
	{"clock_nanosleep", -1, 0, 0, "locks"},
};

static void
clam_prepare(const struct policy_table *policy, const char *slots,
    struct worker_versions *versions)
{
	const char *dir = policy->zone.signature_dir;
	struct signatures found;

	(void)slots;
	versions->engine = engine_version();
	signatures_look(dir, &found);
	if (found.file_count == 0) {
		log_warn("no virus signatures in \"%s\": nothing will pass "
		    "the virus scan", dir);
		return;
	}
	clam_engine = engine_load(dir, &versions->signature_count);
	if (clam_engine == NULL)
		return;
	versions->signatures = found.version;
	versions->signatures_ms = found.newest_ms;
	huge_collapse();
	log_info("%ju virus signatures, version %u",
	    (uintmax_t)versions->signature_count, found.version);
}

static bool
clam_read(void *arg, void *buf, size_t len, uint64_t off)
{
	size_t got;

	return worker_read(arg, buf, len, off, &got) == GW_OK && got == len;
}

static void
clam_say(struct worker_ctx *ctx, const struct scan_result *result)
{
	switch (result->outcome) {
	case SCAN_CLEAN:
		worker_say(ctx, VERDICT_CLEAN, REASON_NONE, "%s",
		    result->in_windows ? "windows" : "");
		break;
	case SCAN_INFECTED:
		worker_say(ctx, VERDICT_INFECTED, REASON_VIRUS_FOUND, "%s",
		    result->name);
		break;
	case SCAN_LIMIT:
		worker_say(ctx, VERDICT_NOT_SCANNED,
		    REASON_NOT_SCANNED_LIMIT, "%s", result->name);
		break;
	case SCAN_ENCRYPTED:
		worker_say(ctx, VERDICT_NOT_SCANNED,
		    REASON_NOT_SCANNED_ENCRYPTED, "%s", result->name);
		break;
	case SCAN_ERROR:
		worker_say(ctx, VERDICT_NOT_SCANNED,
		    REASON_NOT_SCANNED_ERROR, "%s", result->name);
		break;
	}
}

static void
clam_scan(struct worker_ctx *ctx)
{
	const uint32_t type = worker_grant(ctx)->type;
	struct scan_request request = {
		.engine = clam_engine,
		.tmp_dir = worker_slot(ctx),
		.size = worker_size(ctx),
		.has_windows = type < TYPE_COUNT &&
		    (ONE_PIECE & TYPE_BIT(type)) != 0,
		.read = clam_read,
		.arg = ctx,
	};
	struct scan_result result;

	if (type < TYPE_COUNT)
		worker_say_type(ctx, (enum policy_type)type);
	if (clam_engine == NULL) {
		worker_say(ctx, VERDICT_NOT_SCANNED,
		    REASON_SIGNATURES_MISSING, "%s", "");
		return;
	}
	scan_run(&request, &result);
	clam_say(ctx, &result);
}

int
main(void)
{
	static const struct worker_ops ops = {
		.stage = STAGE_CLAM,
		.verdicts = 1u << VERDICT_CLEAN | 1u << VERDICT_INFECTED |
		    1u << VERDICT_NOT_SCANNED,
		.prepare = clam_prepare,
		.scan = clam_scan,
		.calls = clam_calls,
		.call_count = (int)(sizeof(clam_calls) /
		    sizeof(clam_calls[0])),
		.slot_bytes = SLOT_BYTES,
		.memory_bytes = MEMORY_BYTES,
		.max_fds = FDS_MAX,
	};

	worker_main(&ops);
}
