/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_BASE_SCRATCH_H
#define TESTS_UNIT_BASE_SCRATCH_H

#include <stddef.h>

/* A folder of its own for one test; scratch_clear removes it whole. */
struct scratch {
	char path[64];
	int fd;
};

void scratch_init(struct scratch *);
void scratch_clear(struct scratch *);

/* Make a file or check its content, by plain system calls. */
void scratch_put(const struct scratch *, const char *name, const char *text);
int scratch_has(const struct scratch *, const char *name, const char *text);
int scratch_exists(const struct scratch *, const char *name);

/* Run fn in a forked child; returns its wait status. fn's value: exit code. */
typedef int scratch_fn(void *arg);
int scratch_fork(scratch_fn *, void *arg);

#endif
