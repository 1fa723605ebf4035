/* SPDX-License-Identifier: ISC */
#ifndef SCANNERS_WORKER_AREA_H
#define SCANNERS_WORKER_AREA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ipc/keys.h"
#include "proto/ipc/zygote.h"
#include "proto/record/verdict.h"

#include "scanners/worker/worker.h"

/*
 * Memory that a worker shares with its zygote: its reports, and the names
 * of a manifest.  The zygote reads it once the worker is dead, and believes
 * nothing that area_check has not looked at.
 */
struct area_report {
	uint16_t verdict;
	uint16_t reason;
	uint16_t type;
	uint16_t method;
	char detail[IPC_DETAIL_LEN];
};

struct area {
	uint32_t done;		/* reports that are whole */
	uint32_t name_count;
	struct area_report reports[ZYGOTE_BATCH_MAX];
	struct keys_name names[];
};

/* name_max: 0 but for the manifest stage.  Fatal on failure. */
struct area *area_new(uint32_t name_max);
void area_free(struct area *, uint32_t name_max);

/* Later forks do not have it: no worker sees another's reports. */
void area_hide(struct area *, uint32_t name_max);

/*
 * Do the reports of a dead worker make sense: as many as bodies, values in
 * range, admissible for the stage, text printable?  What does not is
 * nothing that our code would write.
 */
bool area_check(const struct area *, const struct worker_ops *,
    const struct keys_grant *, uint32_t count, uint32_t name_max);

/* Only verdicts that let a file pass? */
bool area_is_good(const struct area *, uint32_t count);

#endif
