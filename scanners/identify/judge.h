/* SPDX-License-Identifier: ISC */
#ifndef SCANNERS_IDENTIFY_JUDGE_H
#define SCANNERS_IDENTIFY_JUDGE_H

#include <stdint.h>

#include "proto/record/reason.h"
#include "proto/record/verdict.h"

#include "policy/table.h"

#include "scanners/identify/source.h"

/*
 * What a file is, and whether its flow may take it: the content's
 * structure, libmagic, the extension and the flow's list must agree.
 */
struct judgement {
	enum verdict verdict;	/* CLEAN, DENIED, NOT_SCANNED */
	enum reason reason;
	enum policy_type type;
	char detail[64];	/* printable ASCII */
};

/* ext: as names_ext gives it.  mime_prepare was called. */
void judge(struct source *, const char *ext, uint64_t accept,
    struct judgement *out);

#endif
