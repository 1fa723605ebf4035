/* SPDX-License-Identifier: ISC */
#ifndef PROTO_IPC_ZYGOTE_H
#define PROTO_IPC_ZYGOTE_H

#include "proto/ipc/types.h"

/*
 * Requests to a zygote (one per stage).  Client: inspect.  A job is a batch
 * of bodies of ONE transfer whose stored forms are in one fd; it runs in one
 * fresh worker.  Keys reach the zygote from keys alone, verdicts go to keys
 * alone; inspect learns only how the job ended.
 */
enum zygote_msg {
	ZYGOTE_JOB = 0x200,	/* struct zygote_job, elements zygote_item; 1 fd */
	ZYGOTE_STATUS = 0x201	/* nothing; struct zygote_status */
};

#define ZYGOTE_BATCH_MAX 64

/*
 * The last try of a job of one body: if its worker fails once more, keys is
 * told NOT_SCANNED with the reason, so that the transfer is decided.
 */
#define ZYGOTE_LAST_TRY 1u

struct zygote_job {
	uint32_t timeout_ms;
	uint32_t flags;		/* ZYGOTE_LAST_TRY */
};
struct zygote_item {
	struct key_ref body;
	uint64_t offset;	/* of the stored form in the fd */
	uint64_t padded_len;
};
enum zygote_outcome {
	ZYGOTE_REPORTED = 1,	/* keys has a verdict of the worker */
	ZYGOTE_CRASHED = 2,
	ZYGOTE_TIMED_OUT = 3,
	ZYGOTE_GARBAGE = 4,	/* the worker's report made no sense */
	ZYGOTE_REFUSED = 5,	/* keys gave no key */
	ZYGOTE_REPEAT = 6	/* batch discarded: send each file alone */
};
/* Reply to ZYGOTE_JOB: ipc_status, elements zygote_result in job order. */
struct zygote_result {
	uint32_t outcome;
	uint32_t pad;
};
struct zygote_status {
	int32_t err;
	uint32_t is_ready;
	uint32_t engine, signatures;
	uint64_t signatures_ms;
	uint64_t signature_count;
};

#endif
