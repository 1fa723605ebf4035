/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_COURIER_H
#define GATEWAYD_COURIER_COURIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ev.h"
#include "policy/table.h"

/*
 * The courier: the only process that touches users' folders.  It claims what
 * people put into in/, encrypts it into the spool, and publishes what came
 * from the other side in out/.  Everything runs on one event loop, in slices
 * (task.h), so that a huge transfer never blocks a small one.
 *
 *   folders/.gw/claim/   claimed entries, named by claim id, and the journal
 *   folders/.gw/out/     staging: one folder per transfer being delivered
 *   folders/{in,out,rejected,status}/FLOW/
 */
#define COURIER_SLICE_BYTES (2u << 20)	/* content handled per turn of a task */
#define COURIER_SLICE_FILES 64		/* files handled per turn of a task */
#define COURIER_DEPTH_MAX 64		/* levels of folders in a set */

/* Times, shorter in tests. */
struct courier_opts {
	uint32_t scan_ms;	/* every folder is looked through this often */
	uint32_t quiet_ms;	/* unchanged for so long: complete */
	uint32_t retry_ms;	/* after NO_SPACE and the like */
	uint32_t hands;		/* SPOOL_WORK requests kept open */
	uint32_t intakes;	/* transfers taken in at once */
};
extern const struct courier_opts courier_opts_default;

struct call_peer;
struct task_queue;
struct journal;
struct group;
struct ledger_book;
struct watch;
struct intake_desk;
struct work_desk;

struct courier {
	struct ev_loop *loop;
	const struct policy_table *policy;
	struct courier_opts opts;
	int root_fd;		/* folders */
	int claim_fd;		/* folders/.gw/claim */
	int out_fd;		/* folders/.gw/out */
	struct call_peer *keys;
	struct call_peer *spool;
	struct task_queue *tasks;
	struct journal *journal;
	struct group *group;
	struct ledger_book *ledgers;
	struct watch *watch;
	struct intake_desk *intakes;
	struct work_desk *works;
	uint64_t syncfs_rest_ms; /* until then syncfs is too dear */
	/* Scratch of one slice; nothing in it outlives a turn. */
	uint8_t *plain;		/* COURIER_SLICE_BYTES */
	uint8_t *cipher;	/* COURIER_SLICE_BYTES */
};

/*
 * Start over the folder tree root_fd (taken) with the channels to keys and
 * spool (taken) and the policy table (borrowed until courier_free or the
 * next courier_policy).  inotify_fd: -1 makes do with scanning; taken.
 * Fatal where the tree is unfit.
 */
struct courier *courier_new(struct ev_loop *, int root_fd, int inotify_fd,
    int keys_fd, int spool_fd, const struct policy_table *,
    const struct courier_opts *);
void courier_free(struct courier *);

/* Go on under a new table; what is under way ends under the old rules. */
void courier_policy(struct courier *, const struct policy_table *);

/* Is the zone's language English? */
bool courier_is_english(const struct courier *);

#endif
