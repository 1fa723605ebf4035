/* SPDX-License-Identifier: GPL-2.0-only WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>
#include <string.h>

#include "base/log.h"

#include "scanners/clam/engine.h"

/* Nothing of the library's talk is for the log: it may name contents. */
static void
engine_message(enum cl_msg severity, const char *full, const char *text,
    void *context)
{
	(void)full;
	(void)context;
	if (severity == CL_MSG_ERROR)
		log_debug("libclamav: %s", text);
}

static struct cl_engine *
engine_new(void)
{
	struct cl_engine *engine;
	cl_error_t result;

	cl_set_clcb_msg(engine_message);
	result = cl_init(CL_INIT_DEFAULT);
	if (result != CL_SUCCESS)
		log_fatal("libclamav: %s", cl_strerror(result));
	engine = cl_engine_new();
	if (engine == NULL)
		log_fatal("libclamav: no engine");
	/*
	 * No compiled bytecode: workers cannot make memory executable.  No
	 * cache of clean files: a worker sees one.
	 */
	if (cl_engine_set_num(engine, CL_ENGINE_BYTECODE_MODE,
	    CL_BYTECODE_MODE_INTERPRETER) != CL_SUCCESS ||
	    cl_engine_set_num(engine, CL_ENGINE_DISABLE_CACHE, 1) !=
	    CL_SUCCESS ||
	    cl_engine_set_num(engine, CL_ENGINE_DISABLE_PE_STATS, 1) !=
	    CL_SUCCESS)
		log_fatal("libclamav: settings are not taken");
	return engine;
}

struct cl_engine *
engine_load(const char *dir, uint64_t *count_out)
{
	struct cl_engine *engine = engine_new();
	unsigned count = 0;
	cl_error_t result;

	*count_out = 0;
	result = cl_load(dir, engine, &count, CL_DB_STDOPT);
	if (result == CL_SUCCESS && count > 0)
		result = cl_engine_compile(engine);
	if (result != CL_SUCCESS || count == 0) {
		log_err("virus signatures in %s cannot be loaded: %s", dir,
		    count == 0 && result == CL_SUCCESS ? "there are none" :
		    cl_strerror(result));
		(void)cl_engine_free(engine);
		return NULL;
	}
	*count_out = count;
	return engine;
}

uint32_t
engine_version(void)
{
	unsigned major = 0, minor = 0, patch = 0;

	if (sscanf(cl_retver(), "%u.%u.%u", &major, &minor, &patch) < 2)
		return 0;
	return major * 10000 + minor * 100 + patch;
}
