/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_WORK_H
#define GATEWAYD_COURIER_WORK_H

#include "base/buf.h"
#include "proto/ipc/spool.h"
#include "proto/parcel/manifest.h"

#include "gatewayd/courier/call.h"
#include "gatewayd/courier/fetch.h"
#include "gatewayd/courier/group.h"
#include "gatewayd/courier/stage.h"
#include "gatewayd/courier/task.h"

/*
 * Work pulled from the spool: deliveries, notices, returns.  As many
 * requests are open as there are hands; each piece of work is one struct.
 */
struct work_desk;
struct work_desk *work_desk_new(struct courier *);
void work_desk_free(struct work_desk *);
void work_start(struct work_desk *); /* open the requests */

enum work_phase {
	WORK_BEGIN,		/* fetch the manifest, look what is there */
	WORK_CLEAN,		/* remove what an earlier try left */
	WORK_FILES,		/* write files into staging */
	WORK_SYNC,		/* make staging durable */
	WORK_TOLD,		/* STAGED, PUBLISHED or NOTICED is asked */
	WORK_TIDY		/* remove staging; the hand is free then */
};

struct work {
	TAILQ_ENTRY(work) next;
	struct work_desk *desk;
	struct courier *c;
	struct spool_work job;
	enum work_phase phase;
	struct task task;
	struct group_wait wait;
	TAILQ_ENTRY(work) syncing;
	void (*on_synced)(struct work *, enum gw_err);
	bool is_syncing;
	struct fetch *fetch;	/* in use */
	struct fetch *ahead;	/* asked for meanwhile */
	bool is_ahead_here;

	/* Deliveries and returns. */
	uint32_t file_mode;
	uint32_t on_exists;
	uint8_t *manifest;
	size_t manifest_len;
	struct manifest_top top;
	struct manifest_reader reader;
	struct manifest_file *file;
	bool has_file;		/* file is read from the manifest */
	uint32_t next_body;
	struct stage stage;
	char mailbox[PATH_MAX];	/* "out/FLOW", from the root of the tree */
	char target[PATH_MAX];	/* where it was published */
};

/* work.c */
void work_go(struct work *, enum work_phase);
void work_tell(struct work *, uint16_t type, enum gw_err, enum reason,
    call_fn *);
void work_free(struct work *);

/* Staged: call fn when it is durable, with all that are staged by then. */
typedef void work_synced_fn(struct work *, enum gw_err);
void work_sync(struct work *, work_synced_fn *);

/* deliver.c */
void deliver_start(struct work *);
void deliver_step(struct work *);

#endif
