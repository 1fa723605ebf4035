/* SPDX-License-Identifier: GPL-2.0-only WITH cryptsetup-OpenSSL-exception */
/*
 * clam_cpu SIGNATURES TMP TIMES: scan the files named on stdin, one path a
 * line, TIMES times in this one process, and print what that cost as JSON.
 * The measure that the gateways' own cost is held against.
 */
#include <sys/resource.h>
#include <sys/time.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <clamav.h>

struct clam_list {
	char **paths;
	size_t count, room;
};

struct clam_sum {
	unsigned long files, alerts, errors;
};

static void
clam_die(const char *what, const char *why)
{
	fprintf(stderr, "clam_cpu: %s: %s\n", what, why);
	exit(1);
}

static void
clam_silent(enum cl_msg severity, const char *full, const char *text,
    void *context)
{
	(void)severity;
	(void)full;
	(void)text;
	(void)context;
}

static double
clam_seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double
clam_cpu(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		clam_die("getrusage", strerror(errno));
	return clam_seconds(usage.ru_utime) + clam_seconds(usage.ru_stime);
}

static double
clam_wall(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		clam_die("clock_gettime", strerror(errno));
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
clam_read_list(struct clam_list *list)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, stdin)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (list->count == list->room) {
			list->room = list->room == 0 ? 1024 : list->room * 2;
			list->paths = reallocarray(list->paths, list->room,
			    sizeof(*list->paths));
			if (list->paths == NULL)
				clam_die("list", strerror(errno));
		}
		list->paths[list->count] = strdup(line);
		if (list->paths[list->count] == NULL)
			clam_die("list", strerror(errno));
		list->count++;
	}
	free(line);
}

/*
 * As scanners/clam/engine.c has it: no compiled bytecode, and no cache of
 * clean files, or else the second time would cost nothing.
 */
static struct cl_engine *
clam_engine(const char *dir, const char *tmp, unsigned *count_out)
{
	struct cl_engine *engine;
	cl_error_t result;

	cl_set_clcb_msg(clam_silent);
	result = cl_init(CL_INIT_DEFAULT);
	if (result != CL_SUCCESS)
		clam_die("cl_init", cl_strerror(result));
	engine = cl_engine_new();
	if (engine == NULL)
		clam_die("cl_engine_new", "no engine");
	if (cl_engine_set_num(engine, CL_ENGINE_BYTECODE_MODE,
	    CL_BYTECODE_MODE_INTERPRETER) != CL_SUCCESS ||
	    cl_engine_set_num(engine, CL_ENGINE_DISABLE_CACHE, 1) !=
	    CL_SUCCESS ||
	    cl_engine_set_str(engine, CL_ENGINE_TMPDIR, tmp) != CL_SUCCESS)
		clam_die("cl_engine_set", "refused");
	*count_out = 0;
	result = cl_load(dir, engine, count_out, CL_DB_STDOPT);
	if (result == CL_SUCCESS)
		result = cl_engine_compile(engine);
	if (result != CL_SUCCESS)
		clam_die(dir, cl_strerror(result));
	return engine;
}

static void
clam_scan(const struct cl_engine *engine, const char *path,
    struct clam_sum *sum)
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
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		clam_die(path, strerror(errno));
	result = cl_scandesc(fd, path, &name, &scanned, engine, &options);
	close(fd);
	sum->files++;
	if (result == CL_VIRUS)
		sum->alerts++;
	else if (result != CL_CLEAN)
		sum->errors++;
}

int
main(int argc, char **argv)
{
	struct clam_list list = {NULL, 0, 0};
	struct clam_sum sum = {0, 0, 0};
	double cpu_start, cpu_ready, wall_start, wall_ready;
	struct cl_engine *engine;
	unsigned signatures;
	size_t i;
	int times, round;

	if (argc != 4 || (times = atoi(argv[3])) < 1) {
		fprintf(stderr, "usage: clam_cpu SIGNATURES TMP TIMES <list\n");
		return 2;
	}
	clam_read_list(&list);
	cpu_start = clam_cpu();
	wall_start = clam_wall();
	engine = clam_engine(argv[1], argv[2], &signatures);
	cpu_ready = clam_cpu();
	wall_ready = clam_wall();
	for (round = 0; round < times; round++) {
		for (i = 0; i < list.count; i++)
			clam_scan(engine, list.paths[i], &sum);
	}
	printf("{\"signatures\": %u, \"files\": %lu, \"alerts\": %lu, "
	    "\"errors\": %lu, \"load_cpu_s\": %.3f, \"load_wall_s\": %.3f, "
	    "\"cpu_s\": %.3f, \"wall_s\": %.3f}\n",
	    signatures, sum.files, sum.alerts, sum.errors,
	    cpu_ready - cpu_start, wall_ready - wall_start,
	    clam_cpu() - cpu_ready, clam_wall() - wall_ready);
	for (i = 0; i < list.count; i++)
		free(list.paths[i]);
	free(list.paths);
	/* Freeing a large engine takes longer than many a scan. */
	fflush(stdout);
	_exit(sum.errors > 0 ? 1 : 0);
}
