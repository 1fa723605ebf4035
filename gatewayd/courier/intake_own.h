/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_INTAKE_OWN_H
#define GATEWAYD_COURIER_INTAKE_OWN_H

#include "base/buf.h"
#include "proto/ipc/spool.h"
#include "proto/parcel/manifest.h"

#include "gatewayd/courier/call.h"
#include "gatewayd/courier/encrypt.h"
#include "gatewayd/courier/group.h"
#include "gatewayd/courier/intake.h"
#include "gatewayd/courier/task.h"
#include "gatewayd/courier/walk.h"

/*
 * One transfer on its way in; shared by intake.c (the order of steps),
 * intake_bodies.c (content) and intake_end.c (how it ends).
 */
enum intake_phase {
	INTAKE_CLAIM,		/* journal, then rename */
	INTAKE_WALK,		/* count and check names */
	INTAKE_PARKED,		/* large: waits for a place */
	INTAKE_MAKE,		/* keys and spool are asked */
	INTAKE_BODIES,		/* content is encrypted and handed over */
	INTAKE_DONE,		/* waits for ACCEPTED */
	INTAKE_REMOVE,		/* accepted: the source goes */
	INTAKE_REFUSE,		/* refused: to rejected/ */
	INTAKE_RESOLVE,		/* after a crash: accepted or not? */
	INTAKE_WAIT		/* tries again later */
};

#define INTAKE_BATCH IPC_BATCH_MAX

/* Keys of the bodies first .. first + count - 1. */
struct intake_batch {
	uint32_t first, count;
	bool is_here;
	struct keys_body_made made[INTAKE_BATCH];
};

struct intake {
	TAILQ_ENTRY(intake) next;
	struct intake_desk *desk;
	struct courier *c;
	struct claim *claim;
	struct policy_flow flow;
	enum intake_phase phase;
	struct task task;
	struct group_wait wait;
	struct ev_timer *timer;
	enum reason forced;	/* refused from the start, whatever it is */
	bool has_marker;
	bool is_recovered;	/* a crash lies behind it */
	bool is_big;
	unsigned remove_tries;
	bool is_durable;	/* claim and transfer id are in the journal */

	char name[MANIFEST_NAME_MAX + 1];	/* UTF-8 */
	enum manifest_charset charset;
	char submitter[IPC_PERSON_LEN];
	uint32_t uid;
	struct walk walk;

	/* Bodies: 1 .. walk.count, then the manifest under index 0. */
	bool has_keys, has_spool;	/* there is something to drop */
	struct intake_batch batches[2];	/* one in use, one asked for */
	unsigned use;
	uint32_t next_ask;
	uint32_t next_body;
	bool is_manifest;		/* the manifest is being written */
	struct buf manifest;
	struct encrypt_put put;
	struct encrypt *large;
	bool is_creating;		/* the file of a large body is asked */
	struct ipc_body done[INTAKE_BATCH];
	uint32_t done_count;
	unsigned unanswered;		/* PUT, BODY_DONE */
};

/* intake.c */
void intake_go(struct intake *, enum intake_phase);
void intake_free(struct intake *);
void intake_leave(struct intake *); /* to the next start */

/* intake_bodies.c: one slice; on to intake_all_there when all is handed over */
void intake_bodies_start(struct intake *);
void intake_bodies_step(struct intake *);
void intake_bodies_clear(struct intake *);
void intake_all_there(struct intake *); /* intake.c */

/* intake_end.c */

/* Undo what keys and spool know of it; replies under way are forgotten. */
void intake_drop(struct intake *);

/* By the reason's effect: refuse for good, or put back and try later. */
void intake_fail(struct intake *, enum reason, const char *detail);

/* Something of ours failed; nothing is lost: put back and try later. */
void intake_fail_err(struct intake *, enum gw_err, const char *what);

void intake_refuse(struct intake *, enum reason, const char *detail);
void intake_refuse_go_on(struct intake *); /* after a crash */
void intake_put_back(struct intake *, enum reason);
void intake_accepted(struct intake *, const char *number, uint64_t wall_ms);
void intake_remove_step(struct intake *);
void intake_resolve(struct intake *);

/* Which ledger day a receipt number belongs to, and when in it. */
uint64_t intake_number_ms(const char *number);

#endif
