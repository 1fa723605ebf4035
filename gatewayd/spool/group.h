/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_GROUP_H
#define GATEWAYD_SPOOL_GROUP_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ev.h"
#include "proto/ipc/chan.h"
#include "proto/ipc/audit.h"
#include "proto/ipc/types.h"

/*
 * The commit group.  Requests that are ready are applied to one open
 * transaction; their replies and effects are collected.  Then, in order:
 *
 *  1. bodies are synced, and keys makes durable what it holds for new
 *     transfers;
 *  2. all audit entries go into the log, with one sync there;
 *  3. the catalogue commits;
 *  4. replies leave, files are moved and removed, work is given out.
 *
 * Between 1 and 3 clients are not read (back-pressure) and answers of keys
 * are kept for the next group.  If a step fails the process ends with
 * nothing of 3 and 4 done, and the next start writes VOID for the entries.
 */
struct spool;
struct client;
struct reply;
struct effect;

#define GROUP_MAX 256	/* requests in one group */

enum group_phase { GROUP_OPEN, GROUP_SYNCING, GROUP_LOGGING };

struct group {
	enum group_phase phase;
	bool is_dirty;		/* the catalogue must commit */
	bool is_timed;		/* closing is scheduled */
	uint32_t requests;
	uint32_t pending;	/* answers of keys or audit still to come */
	uint64_t log_size;	/* greatest size the log told */
	struct audit_record *entries;
	uint32_t entry_count, entry_cap;
	struct key_ref *refs;	/* for keys to commit */
	uint32_t ref_count, ref_cap;
	TAILQ_HEAD(, reply) replies;
	TAILQ_HEAD(, effect) effects;
	struct ev_timer *timer;
	uint64_t started_ms;
	uint64_t groups, spent_ms; /* since the start */
};

void group_init(struct spool *);
void group_clear(struct spool *);

/* A request was taken, or there may be work: close the group soon. */
void group_kick(struct spool *);

/* The open transaction holds something that must become durable. */
void group_dirty(struct spool *);

void group_audit(struct spool *, const struct audit_record *);
void group_commit_keys(struct spool *, const struct key_ref *);

/* To be sent when the group is durable.  fd: taken, or -1. */
void group_reply(struct spool *, struct client *, uint16_t type, uint64_t id,
    const void *fixed, size_t fixed_len, const void *elems, size_t elem,
    uint32_t count, int fd);
void group_status(struct spool *, struct client *, uint16_t type, uint64_t id,
    int err, uint16_t reason);

/* A client is gone: nobody reads its replies. */
void group_forget(struct spool *, const struct client *);

/* To be done to the store when the group is durable. */
enum effect_kind { EFFECT_SETTLE, EFFECT_REMOVE, EFFECT_REAP };
void group_effect(struct spool *, enum effect_kind, const uint8_t id[16],
    uint32_t pack);

/* Answers that belong to a group that is being closed. */
void group_on_keys(struct spool *, struct ipc_msg *);
void group_on_audit(struct spool *, struct ipc_msg *);

/* Close the open group now. */
void group_flush(struct spool *);

#endif
