/* SPDX-License-Identifier: GPL-2.0-only WITH cryptsetup-OpenSSL-exception */
#ifndef SCANNERS_CLAM_ENGINE_H
#define SCANNERS_CLAM_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clamav.h>

/* Signatures of a folder: what is there, before any is loaded. */
struct signatures {
	uint32_t version;	/* of daily.cvd, else from the files' hash */
	uint64_t newest_ms;	/* when the newest was made */
	uint32_t file_count;
};

/*
 * Look at the signature files of a folder.  A folder that is absent or
 * empty has none.
 */
void signatures_look(const char *dir, struct signatures *out);

/*
 * Load and compile all signatures of a folder; NULL if there are none or
 * they cannot be loaded (logged).  The engine lives until the process ends.
 */
struct cl_engine *engine_load(const char *dir, uint64_t *count_out);

/* Version of the library as a number: 1.4.6 is 10406. */
uint32_t engine_version(void);

/*
 * Move large anonymous mappings into huge pages, so that a fork copies few
 * page tables: 3 ms instead of 30 for a full set of signatures.  Does
 * nothing where the kernel cannot (before 6.1).
 */
void huge_collapse(void);

/* What a file is scanned for. */
struct scan_request {
	struct cl_engine *engine;
	const char *tmp_dir;
	uint64_t size;
	bool has_windows;	/* content of one piece: may be cut */
	bool (*read)(void *arg, void *buf, size_t len, uint64_t off);
	void *arg;
};

enum scan_outcome {
	SCAN_CLEAN,
	SCAN_INFECTED,
	SCAN_LIMIT,
	SCAN_ENCRYPTED,
	SCAN_ERROR
};

struct scan_result {
	enum scan_outcome outcome;
	bool in_windows;
	char name[64];		/* signature, or what went wrong */
};

/* Changes limits of the engine: for workers only, who have it alone. */
void scan_run(const struct scan_request *, struct scan_result *out);

#endif
