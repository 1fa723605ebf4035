/* SPDX-License-Identifier: ISC */
#ifndef PROTO_RECORD_VERDICT_H
#define PROTO_RECORD_VERDICT_H

#include <stdint.h>

#include "proto/ipc/types.h"

/* What a stage says of one body. */
enum verdict {
	VERDICT_NONE = 0,
	VERDICT_CLEAN = 1,	/* looked at, nothing found */
	VERDICT_CLEANED = 2,	/* rebuilt: the output is a new body */
	VERDICT_CONFIRMED = 3,	/* strict parse proves absence of danger */
	VERDICT_INFECTED = 4,
	VERDICT_DENIED = 5,
	VERDICT_NOT_SCANNED = 6	/* with a reason: hold */
};

/*
 * A verdict as a zygote hands it to keys.  root: chunk root of the body the
 * worker read; keys takes the verdict only if it is the root in its records.
 */
struct verdict_record {
	struct key_ref body;
	uint8_t root[32];
	uint16_t verdict;	/* enum verdict */
	uint16_t reason;	/* enum reason */
	uint16_t type;		/* identify: enum policy_type */
	uint16_t method;	/* 0, or 1..4 of the guideline, 5 confirmed */
	uint32_t engine;	/* version number of the engine */
	uint32_t signatures;	/* version number of the signature set */
	uint64_t signatures_ms;	/* its time */
	uint64_t ended_ms;
	char detail[IPC_DETAIL_LEN]; /* printable ASCII: signature name, place */
};
_Static_assert(sizeof(struct verdict_record) == 152, "no padding");

#endif
