/* SPDX-License-Identifier: ISC */
#ifndef SCANNERS_WORKER_CHILD_H
#define SCANNERS_WORKER_CHILD_H

#include <stdint.h>

#include "proto/ipc/zygote.h"

#include "scanners/worker/area.h"
#include "scanners/worker/slot.h"
#include "scanners/worker/worker.h"

/* What a worker is born with. */
struct child_job {
	const struct worker_ops *ops;
	const struct sandbox_filter *filter;
	const struct slots *slots;
	struct area *area;
	uint32_t name_max;
	const struct zygote_item *items;
	struct keys_grant *grants;	/* with keys, count */
	uint32_t count;
	uint32_t timeout_ms;
	int fd;				/* of the stored bodies */
	int slot;			/* -1: none */
	uint64_t base_memory;		/* address space of the zygote */
};

/* What a worker may still call: made once.  Fatal on failure. */
struct sandbox_filter *child_filter(const struct worker_ops *);

/* Run as the worker: only the area tells what came of it. */
_Noreturn void child_run(const struct child_job *);

#endif
