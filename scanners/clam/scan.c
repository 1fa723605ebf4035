/* SPDX-License-Identifier: GPL-2.0-only WITH cryptsetup-OpenSSL-exception */
#include <sys/mman.h>
#include <string.h>

#include "base/mem.h"

#include "scanners/clam/engine.h"

#define MIB (UINT64_C(1) << 20)

/*
 * Content is scanned from memory.  libclamav's maps over a read callback
 * (cl_fmap_open_handle) are no way: 1.4 takes the handle for a file
 * descriptor, finds that "the file" changed, and passes over the rest of a
 * zip in silence, as soon as a page is read late.  cl_fmap_open_memory has
 * all pages.  What is of one piece is scanned in windows that overlap.
 */
#define WHOLE_MAX (1024 * MIB)
#define WINDOW (128 * MIB)
#define WINDOW_OVERLAP (16 * MIB)

/* What may be unpacked from one file, all in all and each. */
#define UNPACK_MIN (512 * MIB)
#define UNPACK_MAX (8192 * MIB)
#define MEMBER_MIN (256 * MIB)
#define MEMBER_MAX (2047 * MIB)

#define FILES_MAX 20000
#define RECURSION_MAX 24

static uint64_t
scan_clamp(uint64_t value, uint64_t min, uint64_t max)
{
	return value < min ? min : value > max ? max : value;
}

/*
 * Every limit that has no alarm of its own is as large as the file's own,
 * so that nothing is passed over in silence.
 */
static bool
scan_set_limits(const struct scan_request *r)
{
	const uint64_t member = scan_clamp(2 * r->size, MEMBER_MIN,
	    MEMBER_MAX);
	const struct {
		enum cl_engine_field field;
		uint64_t value;
	} limits[] = {
		{CL_ENGINE_MAX_SCANSIZE,
		    scan_clamp(8 * r->size, UNPACK_MIN, UNPACK_MAX)},
		{CL_ENGINE_MAX_FILESIZE, member},
		{CL_ENGINE_MAX_FILES, FILES_MAX},
		{CL_ENGINE_MAX_RECURSION, RECURSION_MAX},
		{CL_ENGINE_MAX_EMBEDDEDPE, member},
		{CL_ENGINE_MAX_HTMLNORMALIZE, member},
		{CL_ENGINE_MAX_HTMLNOTAGS, member},
		{CL_ENGINE_MAX_SCRIPTNORMALIZE, member},
		{CL_ENGINE_MAX_ZIPTYPERCG, member},
		{CL_ENGINE_PCRE_MAX_FILESIZE, member},
		/* The zygote has the clock. */
		{CL_ENGINE_MAX_SCANTIME, 0},
	};
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (cl_engine_set_num(r->engine, limits[i].field,
		    (long long)limits[i].value) != CL_SUCCESS)
			return false;
	}
	return r->tmp_dir == NULL || cl_engine_set_str(r->engine,
	    CL_ENGINE_TMPDIR, r->tmp_dir) == CL_SUCCESS;
}

static void
scan_fill(struct scan_result *out, enum scan_outcome outcome,
    const char *name)
{
	out->outcome = outcome;
	mem_put_str(out->name, sizeof(out->name), name);
}

static void
scan_judge_alert(const char *name, struct scan_result *out)
{
	/* A limit of the library itself comes without a name. */
	if (name == NULL)
		scan_fill(out, SCAN_LIMIT, "size");
	else if (strncmp(name, "Heuristics.Limits.Exceeded", 26) == 0)
		scan_fill(out, SCAN_LIMIT, name);
	else if (strncmp(name, "Heuristics.Encrypted", 20) == 0)
		scan_fill(out, SCAN_ENCRYPTED, name);
	else
		scan_fill(out, SCAN_INFECTED, name);
}

static void
scan_judge(cl_error_t result, const char *name, struct scan_result *out)
{
	switch ((int)result) {
	case CL_CLEAN:
		/* An alert that was noted and yet not told counts. */
		if (name != NULL)
			scan_judge_alert(name, out);
		else
			scan_fill(out, SCAN_CLEAN, "");
		break;
	case CL_VIRUS:
		scan_judge_alert(name, out);
		break;
	case CL_EMAXREC:
	case CL_EMAXSIZE:
	case CL_EMAXFILES:
	case CL_ETIMEOUT:
	case CL_EMEM:
	case CL_EWRITE:		/* its folder is full */
		scan_fill(out, SCAN_LIMIT, cl_strerror(result));
		break;
	default:
		scan_fill(out, SCAN_ERROR, cl_strerror(result));
		break;
	}
}

static void
scan_memory(struct cl_engine *engine, const void *data, size_t len,
    struct scan_result *out)
{
	struct cl_scan_options options = {
		.general = CL_SCAN_GENERAL_HEURISTICS,
		.parse = ~0u,
		.heuristic = CL_SCAN_HEURISTIC_EXCEEDS_MAX |
		    CL_SCAN_HEURISTIC_ENCRYPTED_ARCHIVE |
		    CL_SCAN_HEURISTIC_ENCRYPTED_DOC,
	};
	unsigned long scanned = 0;
	const char *name = NULL;
	cl_error_t result;
	cl_fmap_t *map;

	map = cl_fmap_open_memory(data, len);
	if (map == NULL) {
		scan_fill(out, SCAN_ERROR, "fmap");
		return;
	}
	result = cl_scanmap_callback(map, NULL, &name, &scanned, engine,
	    &options, NULL);
	scan_judge(result, name, out);
	cl_fmap_close(map);
}

static void
scan_window(const struct scan_request *r, uint64_t start, size_t len,
    struct scan_result *out)
{
	void *data;

	data = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED) {
		scan_fill(out, SCAN_LIMIT, "memory");
		return;
	}
	if (r->read(r->arg, data, len, start))
		scan_memory(r->engine, data, len, out);
	else
		scan_fill(out, SCAN_ERROR, "read");
	(void)munmap(data, len);
}

static void
scan_windows(const struct scan_request *r, struct scan_result *out)
{
	uint64_t start, len;

	out->in_windows = true;
	for (start = 0; start < r->size; start += WINDOW - WINDOW_OVERLAP) {
		len = r->size - start < WINDOW ? r->size - start : WINDOW;
		scan_window(r, start, (size_t)len, out);
		if (out->outcome != SCAN_CLEAN || start + len == r->size)
			break;
	}
}

void
scan_run(const struct scan_request *r, struct scan_result *out)
{
	memset(out, 0, sizeof(*out));
	/* libclamav refuses a map of nothing. */
	if (r->size == 0)
		return;
	if (!scan_set_limits(r))
		scan_fill(out, SCAN_ERROR, "settings");
	else if (r->has_windows && r->size > WINDOW)
		scan_windows(r, out);
	else if (r->size <= WHOLE_MAX)
		scan_window(r, 0, (size_t)r->size, out);
	else
		scan_fill(out, SCAN_LIMIT, "over 1 GiB and not of one piece");
}
