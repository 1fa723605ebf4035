/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_JOURNAL_H
#define GATEWAYD_COURIER_JOURNAL_H

#include <sys/queue.h>
#include <limits.h>
#include <stdbool.h>

#include "base/err.h"
#include "policy/table.h"
#include "proto/ipc/types.h"

/*
 * The journal of claims (.gw/claim/journal): what an entry in .gw/claim is,
 * where it came from, and how far it got, so that after a crash nothing is
 * lost and nothing is sent twice.  Only appended to; a record counts when
 * its checksum is right, and the first wrong one ends the journal.
 *
 *   TAKEN     durable before the rename into .gw/claim
 *   TRANSFER  its transfer id; durable before the spool may accept it
 *   REFUSED   durable before the move to rejected/
 *   ACCEPTED  only to spare a question; need not be durable
 *   END       nothing is left in .gw/claim; need not be durable
 */
enum claim_state {
	CLAIM_TAKEN = 1,
	CLAIM_TRANSFER = 2,
	CLAIM_REFUSED = 3,
	CLAIM_ACCEPTED = 4,
	CLAIM_END = 5
};

#define CLAIM_DETAIL_LEN 256

struct claim {
	TAILQ_ENTRY(claim) next;
	enum claim_state state;
	uint8_t id[16];
	char hex[33];			/* its name in .gw/claim */
	char flow[POLICY_ID_LEN];
	char person[IPC_PERSON_LEN];	/* of in/FLOW/PERSON, UTF-8, or "" */
	char recipient[POLICY_ID_LEN];
	char name[NAME_MAX + 1];	/* as found: bytes */
	char *origin;			/* folder it came from: "in/FLOW" */
	struct key_ref transfer;	/* from CLAIM_TRANSFER on */
	char number[IPC_NUMBER_LEN];	/* REFUSED, ACCEPTED */
	uint16_t reason;		/* enum reason; why it is or will be
					   refused */
	char detail[CLAIM_DETAIL_LEN];
	bool is_left;			/* refused, but could not be claimed:
					   it stays where it is */
};
TAILQ_HEAD(claim_list, claim);

struct journal;

/*
 * Load the journal of the folder (borrowed), or begin one.  Claims that have
 * no END are appended to *live, owned by the caller.  Fatal on failure.
 */
struct journal *journal_open(int dirfd, struct claim_list *live);
void journal_free(struct journal *);

struct claim *journal_claim_new(void);
void journal_claim_free(struct claim *);

/* Note the claim's present state; becomes durable with journal_flush. */
void journal_put(struct journal *, const struct claim *);

/*
 * Write and fdatasync what was noted; no fdatasync if the caller syncs the
 * whole file system next.  GW_ESPACE: nothing of it is there.  Fatal on
 * every other failure.
 */
GW_MUST_CHECK enum gw_err journal_flush(struct journal *, bool is_synced);
bool journal_is_dirty(const struct journal *);

/*
 * Is it long enough to be written anew?  journal_compact does so with the
 * claims given; call it when nothing is noted and not flushed.
 */
bool journal_is_long(const struct journal *);
void journal_compact(struct journal *, const struct claim_list *);

#endif
