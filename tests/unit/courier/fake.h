/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_COURIER_FAKE_H
#define TESTS_UNIT_COURIER_FAKE_H

#include <stdbool.h>

#include "base/ev.h"
#include "proto/ipc/chan.h"
#include "proto/ipc/spool.h"
#include "proto/parcel/manifest.h"

/*
 * keys and spool as the courier sees them, with everything in memory and
 * nothing but what their headers promise.  They outlive any number of
 * couriers, so that a test can kill one and look at what the next one does.
 */
#define FAKE_TRANSFERS_MAX 512

struct fake_body {
	uint8_t id[16], key[32], root[32], name_hash[32];
	char ext[16];
	uint64_t padded_len, plain_len;
	bool is_done;		/* KEYS_BODY_DONE */
	bool is_stored;		/* the spool has it */
	int fd;			/* stored form, at offset */
	uint64_t offset;
};

enum fake_state { FAKE_NONE, FAKE_NEW, FAKE_OPEN, FAKE_ACCEPTED, FAKE_DROPPED };

struct fake_transfer {
	struct key_ref ref;
	enum fake_state state;
	char flow[IPC_ID_LEN];
	char submitter[IPC_PERSON_LEN];
	uint32_t uid;
	uint32_t body_count;
	uint64_t plain_bytes;
	char number[IPC_NUMBER_LEN];
	struct fake_body *bodies;
	int staged, published, noticed;
	int published_err;
	uint16_t outcome_reason;
	int outcome_err;
};

struct fake_refusal {
	char number[IPC_NUMBER_LEN];
	uint16_t reason;
	uint64_t plain_bytes;
	uint32_t uid;
	char submitter[IPC_PERSON_LEN];
};

struct fake {
	struct ev_loop *loop;
	struct ipc_chan *keys, *spool;
	struct fake_transfer transfers[FAKE_TRANSFERS_MAX];
	uint32_t count;
	struct fake_refusal refusals[256];
	uint32_t refused;
	uint32_t accepted;
	uint32_t numbers;
	/* Work given out in order; requests waiting for it. */
	struct spool_work jobs[256];
	uint32_t job_count, job_next;
	uint64_t waiting[256];
	uint32_t wait_first, wait_count;
	/* What to answer instead of yes. */
	int32_t open_err;
	uint16_t open_reason;
	int32_t new_err;
	uint16_t new_reason;
	int32_t done_err;	/* accepts, but answers with an error once */
	int32_t staged_err;
	bool is_closed;
	unsigned puts, creates;
};

void fake_init(struct fake *, struct ev_loop *);
void fake_clear(struct fake *);

/* New channels: the courier's ends. */
void fake_connect(struct fake *, int *keys_fd, int *spool_fd);
void fake_disconnect(struct fake *);

/* Let the courier deliver, return, or be told about a transfer. */
void fake_work(struct fake *, struct fake_transfer *, uint32_t kind,
    uint32_t side, uint32_t state, uint16_t reason, bool is_retry);

/*
 * A transfer that came from the other zone: its manifest, and the content of
 * its files; name hashes are those of the manifest.
 */
struct fake_transfer *fake_arrive(struct fake *, const struct manifest_top *,
    const struct manifest_file *files, const char *const *contents);

struct fake_transfer *fake_find(struct fake *, const struct key_ref *);

#endif
