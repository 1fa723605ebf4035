/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/ipc/control.h"
#include "proto/parcel/body.h"

#include "scanners/worker/child.h"

#define CHILD_CALLS_MAX 128
#define CHILD_FDS_MAX 64

/* File size limit of workers that write none: the least there is. */
#define CHILD_NO_FILES 1

#define ANY(name, why) {name, -1, 0, 0, why}

static const struct sandbox_call child_calls[] = {
	ANY("read", "its file"),
	ANY("pread64", "its file"),
	ANY("lseek", "size of its file"),
	ANY("close", "its fds"),
	ANY("fstat", "libraries look at what they open"),
	{"newfstatat", 3, AT_EMPTY_PATH, AT_EMPTY_PATH, "fstat of glibc"},
	{"mmap", 2, PROT_EXEC, 0, "malloc; not executable"},
	{"mprotect", 2, PROT_EXEC, 0, "malloc arenas; not executable"},
	ANY("munmap", "malloc"),
	ANY("mremap", "realloc of large blocks"),
	ANY("madvise", "malloc"),
	ANY("brk", "malloc"),
	ANY("futex", "locks of glibc and libcrypto"),
	ANY("clock_gettime", "clocks, where the vdso cannot"),
	ANY("gettimeofday", "libcrypto"),
	ANY("time", "libraries"),
	ANY("getrandom", "libcrypto"),
	ANY("getpid", "libcrypto's fork check"),
	ANY("sysinfo", "qsort of glibc asks how much memory there is"),
	{"sched_getaffinity", 0, 0xffffffffu, 0, "malloc counts processors"},
	{"prlimit64", 2, UINT64_MAX, 0, "reading limits, never setting"},
	ANY("rt_sigaction", "abort"),
	ANY("rt_sigprocmask", "abort"),
	ANY("rt_sigreturn", "end of a handler"),
	ANY("sigaltstack", "stack overflow handlers"),
	ANY("restart_syscall", "calls that a stop interrupted"),
	ANY("exit_group", "the end"),
};
static const int child_call_count =
    (int)(sizeof(child_calls) / sizeof(child_calls[0]));

struct worker_ctx {
	const struct child_job *job;
	struct body_reader *body;
	struct keys_grant grant;
	uint64_t size;
	enum gw_err read_err;
	struct area_report report;
	char slot[SLOT_PATH_LEN + 16];
};

const struct keys_grant *
worker_grant(const struct worker_ctx *ctx)
{
	return &ctx->grant;
}

uint64_t
worker_size(const struct worker_ctx *ctx)
{
	return ctx->size;
}

const char *
worker_slot(const struct worker_ctx *ctx)
{
	return ctx->slot[0] == '\0' ? NULL : ctx->slot;
}

enum gw_err
worker_read(struct worker_ctx *ctx, void *out, size_t len, uint64_t off,
    size_t *got_out)
{
	enum gw_err err;

	err = body_reader_pread(ctx->body, out, len, off, got_out);
	if (err != GW_OK && ctx->read_err == GW_OK)
		ctx->read_err = err;
	return err;
}

void
worker_say(struct worker_ctx *ctx, enum verdict verdict, enum reason reason,
    const char *detail_fmt, ...)
{
	struct area_report *r = &ctx->report;
	va_list ap;
	size_t i;

	r->verdict = (uint16_t)verdict;
	r->reason = (uint16_t)reason;
	memset(r->detail, 0, sizeof(r->detail));
	va_start(ap, detail_fmt);
	vsnprintf(r->detail, sizeof(r->detail), detail_fmt, ap);
	va_end(ap);
	for (i = 0; r->detail[i] != '\0'; i++) {
		if (r->detail[i] < 0x20 || r->detail[i] > 0x7e)
			r->detail[i] = '?';
	}
}

void
worker_say_type(struct worker_ctx *ctx, enum policy_type type)
{
	ctx->report.type = (uint16_t)type;
}

void
worker_say_method(struct worker_ctx *ctx, uint16_t method)
{
	ctx->report.method = method;
}

bool
worker_add_name(struct worker_ctx *ctx, const struct keys_name *name)
{
	struct area *area = ctx->job->area;

	if (area->name_count >= ctx->job->name_max)
		return false;
	area->names[area->name_count] = *name;
	area->name_count++;
	return true;
}

static void
child_say_unread(struct worker_ctx *ctx, enum gw_err err)
{
	ctx->report.method = 0;
	if (err == GW_EFORMAT)
		worker_say(ctx, VERDICT_NOT_SCANNED, REASON_BAD_HIDDEN,
		    "padding");
	else
		worker_say(ctx, VERDICT_NOT_SCANNED,
		    err_class(err) == GW_CLASS_TAMPER ? REASON_DAMAGED :
		    REASON_NOT_SCANNED_ERROR, "%s", err_name(err));
}

static enum gw_err
child_open_body(struct worker_ctx *ctx, uint64_t offset)
{
	struct body_grant grant = {
		.padded_len = ctx->grant.padded_len,
		.plain_len = ctx->grant.plain_len,
	};
	bool is_unknown;
	enum gw_err err;

	/* What its length is a manifest tells, once it was read. */
	is_unknown = ctx->job->ops->stage == STAGE_MANIFEST &&
	    ctx->grant.plain_len == 0;
	if (is_unknown)
		grant.plain_len = ctx->grant.padded_len;
	memcpy(grant.id, ctx->grant.body.id, sizeof(grant.id));
	memcpy(grant.key, ctx->grant.key, sizeof(grant.key));
	memcpy(grant.root, ctx->grant.root, sizeof(grant.root));
	err = body_reader_open(ctx->job->fd, offset, &grant, &ctx->body);
	mem_clear(&grant, sizeof(grant));
	mem_clear(ctx->grant.key, sizeof(ctx->grant.key));
	ctx->size = is_unknown ? ctx->grant.padded_len : ctx->grant.plain_len;
	if (err == GW_OK && !is_unknown)
		err = body_reader_check_padding(ctx->body);
	return err;
}

static void
child_scan_one(struct worker_ctx *ctx, uint32_t i)
{
	enum gw_err err;

	memset(&ctx->report, 0, sizeof(ctx->report));
	ctx->report.type = TYPE_UNKNOWN;
	ctx->grant = ctx->job->grants[i];
	mem_clear(ctx->job->grants[i].key, sizeof(ctx->grant.key));
	ctx->read_err = GW_OK;
	ctx->body = NULL;
	err = child_open_body(ctx, ctx->job->items[i].offset);
	if (err == GW_OK) {
		ctx->job->ops->scan(ctx);
		err = ctx->read_err;
	}
	if (err != GW_OK && ctx->report.verdict != VERDICT_INFECTED)
		child_say_unread(ctx, err);
	body_reader_free(ctx->body);
	ctx->job->area->reports[i] = ctx->report;
	ctx->job->area->done = i + 1;
}

/* A worker has nobody to talk to: the log's socket is closed, too. */
static void
child_no_log(void *arg, const struct log_record *record)
{
	(void)arg;
	(void)record;
}

/* 0, 1 and 2 are /dev/null since the zygote's start. */
static void
child_keep_fds(int body_fd, int first)
{
	int failed = 0;

	if (body_fd > first)
		failed |= close_range((unsigned)first, (unsigned)body_fd - 1,
		    0);
	failed |= close_range((unsigned)body_fd + 1, UINT_MAX, 0);
	if (failed != 0)
		_exit(2);
}

static void
child_limit_cpu(uint32_t timeout_ms)
{
	const rlim_t seconds = timeout_ms / 1000 + 2;
	const struct rlimit limit = {seconds, seconds};

	if (setrlimit(RLIMIT_CPU, &limit) != 0)
		_exit(2);
}

struct sandbox_filter *
child_filter(const struct worker_ops *ops)
{
	struct sandbox_call calls[CHILD_CALLS_MAX];
	struct sandbox_filter *filter;
	int count = 0;

	sandbox_join(calls, CHILD_CALLS_MAX, &count, child_calls,
	    child_call_count);
	if (ops->call_count > 0)
		sandbox_join(calls, CHILD_CALLS_MAX, &count, ops->calls,
		    ops->call_count);
	if (sandbox_filter_make(calls, count, &filter) != GW_OK)
		log_fatal("no filter for workers");
	return filter;
}

static void
child_narrow(const struct child_job *job, int slot_fd)
{
	const struct worker_ops *ops = job->ops;
	struct sandbox_path path = {
		.fd = slot_fd,
		.rights = SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE,
	};
	struct sandbox_spec spec = {
		.paths = &path,
		.path_count = slot_fd == -1 ? 0 : 1,
		.deny_fork = true,
		.max_file_size = slot_fd == -1 ? CHILD_NO_FILES :
		    ops->slot_bytes,
		.max_memory = job->base_memory + ops->memory_bytes,
		.max_fds = ops->max_fds == 0 ? CHILD_FDS_MAX : ops->max_fds,
	};

	if (sandbox_narrow_to(&spec, job->filter) != GW_OK)
		_exit(2);
}

_Noreturn void
child_run(const struct child_job *job)
{
	/* Static: a worker is one of a kind, and its stack stays small. */
	static struct worker_ctx ctx;
	int slot_fd = -1;
	uint32_t i;

	log_set_sink(child_no_log, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		_exit(2);
	ctx.job = job;
	if (job->slot != -1 && slot_open(job->slots, job->slot, ctx.slot,
	    sizeof(ctx.slot), &slot_fd) != GW_OK)
		_exit(2);
	/* In the place of the control channel, below every body's fd. */
	if (slot_fd != -1) {
		if (dup3(slot_fd, IPC_CONTROL_FD, O_CLOEXEC) == -1)
			_exit(2);
		slot_fd = IPC_CONTROL_FD;
	}
	child_keep_fds(job->fd, slot_fd == -1 ? IPC_CONTROL_FD :
	    IPC_CONTROL_FD + 1);
	child_limit_cpu(job->timeout_ms);
	child_narrow(job, slot_fd);
	io_drop(&slot_fd);
	for (i = 0; i < job->count; i++)
		child_scan_one(&ctx, i);
	_exit(0);
}
