/* SPDX-License-Identifier: GPL-2.0-only WITH cryptsetup-OpenSSL-exception */
#include <sys/mman.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

#include "scanners/clam/engine.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1, newer than the headers of Debian 12 */
#endif

#define HUGE_PAGE (UINT64_C(2) << 20)

/* Mappings noted before any is changed: changing splits them. */
#define HUGE_RANGES_MAX 1024

struct huge_range {
	uintptr_t start, end;
};

#ifndef GW_SANITIZED
static int
huge_find(struct huge_range *out, int max)
{
	FILE *f = fopen("/proc/self/maps", "re");
	uintmax_t start, end, inode;
	char line[512], perms[8];
	int count = 0;

	if (f == NULL)
		return 0;
	while (count < max && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%jx-%jx %7s %*s %*s %ju", &start, &end,
		    perms, &inode) != 4 || inode != 0 ||
		    strcmp(perms, "rw-p") != 0 ||
		    strstr(line, "[stack]") != NULL)
			continue;
		start = (start + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
		end &= ~(HUGE_PAGE - 1);
		if (end <= start)
			continue;
		out[count].start = (uintptr_t)start;
		out[count].end = (uintptr_t)end;
		count++;
	}
	fclose(f);
	return count;
}

/* In steps: one call over a large range fails as a whole. */
static unsigned
huge_collapse_range(const struct huge_range *range)
{
	uintptr_t at;
	unsigned done = 0;

	for (at = range->start; at < range->end; at += HUGE_PAGE) {
		void *p = (void *)at;

		if (madvise(p, HUGE_PAGE, MADV_HUGEPAGE) == 0 &&
		    madvise(p, HUGE_PAGE, MADV_COLLAPSE) == 0)
			done++;
	}
	return done;
}
#endif

void
huge_collapse(void)
{
#ifdef GW_SANITIZED
	/* The shadow memory of a sanitizer is terabytes of mappings. */
	log_info("no huge pages: sanitizer build");
#else
	static struct huge_range ranges[HUGE_RANGES_MAX];
	unsigned done = 0;
	int i, count;

	count = huge_find(ranges, HUGE_RANGES_MAX);
	for (i = 0; i < count; i++)
		done += huge_collapse_range(&ranges[i]);
	log_info("%u huge pages hold the engine", done);
#endif
}
