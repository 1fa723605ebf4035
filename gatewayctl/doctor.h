/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYCTL_DOCTOR_H
#define GATEWAYCTL_DOCTOR_H

#include "proto/ctl/answer.h"

#include "gatewayctl/options.h"

/*
 * Findings of doctor: what is wrong, and what to do.  A note is worth
 * knowing but nothing to mend.
 */
enum doctor_level { DOCTOR_NOTE, DOCTOR_WARNING, DOCTOR_PROBLEM };

struct doctor;
typedef void doctor_finding_fn(void *arg, enum doctor_level,
    const char *code, const char *what, const char *next);

struct doctor {
	const struct options *o;
	doctor_finding_fn *fn;
	void *arg;
	uint64_t now_ms;
	uint64_t holds;			/* transfers that wait for a person */
	char signature_dir[512];
	uint64_t signature_days;
	bool has_zone;
};

/* One row of desk's answer (an ask_row_fn; arg is the struct doctor). */
void doctor_row(void *doctor, struct answer *);

/* What this machine tells: signatures, clock, swap, kernel. */
void doctor_machine(struct doctor *);

#endif
