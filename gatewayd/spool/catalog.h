/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_CATALOG_H
#define GATEWAYD_SPOOL_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ipc/spool.h"
#include "gatewayd/spool/states.h"

/*
 * The catalogue: one SQLite database, the truth for states.  One connection
 * and one writer.  Every change is made in the open transaction of a commit
 * group (group.h); catalog_commit makes it durable.  Every statement is
 * prepared once and runs on an index, so its cost does not grow with the
 * table.  A failing catalogue is the end of the process (log_fatal): the
 * parent starts it again, and it goes on from the last commit.
 */
struct catalog;

/*
 * Open or make catalog.db in the working directory, which must be dirfd.
 * GW_EVERSION if it was made by a newer version.
 */
GW_MUST_CHECK enum gw_err catalog_open(int dirfd, struct catalog **out);
void catalog_close(struct catalog *);

void catalog_begin(struct catalog *); /* does nothing inside a transaction */
void catalog_commit(struct catalog *); /* fatal if it cannot be durable */
void catalog_rollback(struct catalog *);

/* --- one row of counters ---------------------------------------------------- */

/* Counters that must agree with the rows: saved with every commit. */
struct gate {
	uint64_t counts[32];	/* transfers by state */
	uint64_t transfers;
	uint64_t stored_bytes;	/* of all transfers not erased */
	uint64_t audit_size;	/* of the log at the last commit */
	uint32_t number_day;	/* receipt numbers: never goes back */
	uint32_t number_count;
	uint32_t next_pack;
	uint32_t disk_failed;	/* an fsync failed: no intake until told */
};
void catalog_gate_get(struct catalog *, struct gate *out);
void catalog_gate_put(struct catalog *, const struct gate *);

/* --- transfers ---------------------------------------------------------------- */

/* What the spool itself, or a client, must do next with a transfer. */
enum task {
	TASK_NONE = 0,
	TASK_INSPECT = 1,	/* inspect pulls it */
	TASK_EVALUATE = 2,	/* ask keys */
	TASK_SEAL = 3,		/* ask keys */
	TASK_OPEN = 4,		/* ask keys */
	TASK_DELIVER = 5,	/* courier pulls it */
	TASK_WITHDRAW = 6,	/* ask keys */
	TASK_REJUDGE = 7,	/* ask keys, then inspect */
	TASK_COUNT = 8
};

struct transfer {
	int64_t row;
	struct key_ref ref;	/* receiver, before OPENED: id made here */
	enum side side;
	uint32_t state;		/* enum transfer_state */
	uint32_t held_from;
	uint32_t step;		/* transitions so far; `attempt` in the log */
	uint32_t tries;		/* inspections that ended without an answer */
	uint32_t missing;	/* STAGE_BIT mask to be inspected; 0 all */
	uint32_t failed;	/* bodies whose worker died, as inspect says */
	int32_t task;		/* enum task; negative: somebody works on it */
	uint32_t notice;	/* step that courier must tell; 0 none */
	uint32_t notice_busy;	/* step that it is telling */
	uint16_t reason, withdraw; /* enum reason */
	uint32_t body_index;
	uint32_t body_count, file_count;
	uint32_t uid, epoch;
	uint64_t seq;
	uint64_t plain_bytes, stored_bytes;
	uint64_t created_ms, accepted_ms, state_ms;
	uint64_t not_after_ms;	/* receiver: of its header */
	uint64_t erase_ms;	/* when its bodies go; 0 not known */
	uint8_t parcel_id[16];
	char number[IPC_NUMBER_LEN];
	char flow[IPC_ID_LEN];
	char channel[IPC_ID_LEN];
	char submitter[IPC_PERSON_LEN];
	char detail[IPC_DETAIL_LEN];
};

void catalog_add(struct catalog *, struct transfer *); /* sets row */
void catalog_save(struct catalog *, const struct transfer *); /* what moves */
void catalog_name(struct catalog *, const struct transfer *); /* the rest */
bool catalog_find(struct catalog *, const uint8_t id[16],
    struct transfer *out);
bool catalog_load(struct catalog *, int64_t row, struct transfer *out);

/* Oldest transfer of the first flow from `from` on that has this task. */
bool catalog_next_task(struct catalog *, enum task, const char *from,
    struct transfer *out);
/* The same for a notice that nobody is telling yet. */
bool catalog_next_notice(struct catalog *, const char *from,
    struct transfer *out);
void catalog_set_task(struct catalog *, int64_t row, int32_t task);
void catalog_set_notice(struct catalog *, int64_t row, uint32_t notice,
    uint32_t busy);

/* Nobody works on anything of these kinds any more. */
void catalog_free_tasks(struct catalog *, enum task);
/* The same, and it counts as a try that came to nothing. */
void catalog_fail_tasks(struct catalog *, enum task);
void catalog_free_notices(struct catalog *);

/* Oldest held transfer with this reason after row; false if none. */
bool catalog_next_held(struct catalog *, uint16_t reason, int64_t after,
    struct transfer *out);

/* Is a transfer of the flow, or one not yet opened, before (epoch, seq)? */
bool catalog_is_blocked(struct catalog *, const struct transfer *);

/* First transfer whose bodies must go by now. */
bool catalog_next_erase(struct catalog *, uint64_t now_ms,
    struct transfer *out);

/* Transfer with this state after row, oldest first. */
bool catalog_next_state(struct catalog *, uint32_t state, int64_t after,
    struct transfer *out);

/* At most limit transfers for desk, newest first. */
uint32_t catalog_list(struct catalog *, const struct spool_list *,
    struct transfer *out, uint32_t limit);

/* --- steps ------------------------------------------------------------------- */

void catalog_step_add(struct catalog *, int64_t row,
    const struct spool_step *);
bool catalog_step_has(struct catalog *, int64_t row, uint32_t attempt,
    uint32_t state);
uint32_t catalog_steps(struct catalog *, int64_t row, struct spool_step *out,
    uint32_t limit); /* the last ones */

/* --- bodies ------------------------------------------------------------------- */

/* Where bytes lie: pack 0 is a file of their own. */
struct place {
	uint32_t pack;
	uint32_t pad;
	uint64_t offset;
	uint64_t len;
};
struct body_row {
	uint8_t id[16];
	uint8_t root[32];
	uint64_t padded_len, plain_len;
	uint32_t index;
	bool is_put;		/* in memory: all of it was handed over */
	struct place place;
};

void catalog_body_add(struct catalog *, int64_t row, const struct body_row *);
bool catalog_body_get(struct catalog *, int64_t row, uint32_t index,
    struct body_row *out);
/* Called for each body of a transfer in order; false stops. */
typedef bool catalog_body_fn(void *arg, const struct body_row *);
void catalog_bodies(struct catalog *, int64_t row, uint32_t first,
    catalog_body_fn *, void *arg);
void catalog_bodies_del(struct catalog *, int64_t row);

/* How far a large body that is still arriving is durable. */
struct partial_row {
	uint8_t id[16];
	uint32_t index;
	uint32_t chunks;
	uint64_t padded_len;
};
void catalog_partial_put(struct catalog *, int64_t row,
    const struct partial_row *);
bool catalog_partial_get(struct catalog *, int64_t row, uint32_t index,
    struct partial_row *out);
/* Files of all of a transfer: place and id are set. */
void catalog_partials(struct catalog *, int64_t row, catalog_body_fn *,
    void *arg);
void catalog_partial_del(struct catalog *, int64_t row, uint32_t index);
void catalog_partials_del(struct catalog *, int64_t row);
/* Does anything durable name a file of its own with this id? */
bool catalog_has_file(struct catalog *, const uint8_t id[16], bool *is_whole);

/* --- parcels ------------------------------------------------------------------- */

struct parcel_row {
	char channel[IPC_ID_LEN];
	uint32_t epoch;
	uint32_t is_control;
	uint64_t seq;
	int64_t row;		/* transfer; of a control parcel: its target */
	uint8_t header_hash[32];
	uint8_t file_id[16];	/* of its object, where it has its own file */
	struct place place;	/* len 0: no object */
	bool is_complete;	/* sender: confirmed; receiver: taken */
};
void catalog_parcel_add(struct catalog *, const struct parcel_row *);
bool catalog_parcel_get(struct catalog *, const char *channel,
    uint32_t epoch, uint64_t seq, struct parcel_row *out);
/* First from seq on that is not complete (any_state: first at all). */
bool catalog_parcel_next(struct catalog *, const char *channel,
    uint32_t epoch, uint64_t seq, bool any_state, struct parcel_row *out);
void catalog_parcel_place(struct catalog *, const struct parcel_row *);
void catalog_parcel_done(struct catalog *, const char *channel,
    uint32_t epoch, uint64_t seq);

/* --- channels ------------------------------------------------------------------ */

struct channel_row {
	char id[IPC_ID_LEN];
	uint32_t epoch;
	uint32_t pad;
	uint64_t sealed_seq, sent_seq; /* sender */
	uint64_t header_seq;	/* receiver: the cursor */
	uint8_t header_hash[32];
	uint64_t base_seq;	/* all below are complete */
	uint64_t ack_counter;	/* receiver: none above was given out;
				   sender: the last taken */
	uint64_t ack_ms;	/* sender: when that was */
};
bool catalog_channel_get(struct catalog *, const char *id,
    struct channel_row *out);
void catalog_channel_put(struct catalog *, const struct channel_row *);

/* --- packs ---------------------------------------------------------------------- */

struct pack_row {
	uint32_t id;
	uint32_t bucket;
	uint64_t size;		/* durable bytes; what follows is garbage */
	uint64_t live;		/* objects in it that are still wanted */
	bool is_open;
};
void catalog_pack_put(struct catalog *, const struct pack_row *);
void catalog_pack_live(struct catalog *, uint32_t id, int64_t more);
bool catalog_pack_get(struct catalog *, uint32_t id, struct pack_row *out);
void catalog_pack_del(struct catalog *, uint32_t id);
uint32_t catalog_packs_open(struct catalog *, struct pack_row *out,
    uint32_t limit);

#endif
