/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_SPOOL_WORLD_H
#define TESTS_UNIT_SPOOL_WORLD_H

#include <sys/types.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/table.h"
#include "proto/ipc/audit.h"
#include "proto/ipc/chan.h"
#include "proto/ipc/control.h"
#include "proto/ipc/keys.h"
#include "proto/ipc/spool.h"
#include "proto/parcel/header.h"

/*
 * One zone's spool as a child process, with keys and audit played by two
 * threads of the test and its clients by the test itself, which speaks
 * with blocking calls.  The state folder, the log and the keystore live
 * longer than the child, so it can be killed and started again.
 */
#define WORLD_LOG_MAX 8192
#define WORLD_SLOTS 512

struct slot {			/* a transfer at keys */
	struct key_ref ref;
	bool is_used, is_committed, is_sealed, is_erased, is_withdrawn;
	uint32_t body_count;
	uint16_t decision, reason; /* what EVALUATE says */
	uint32_t evaluations, rejudged;
	uint64_t seq;
	uint8_t parcel_id[16];
	uint8_t *object;
	uint32_t object_len;
	uint8_t *control;	/* WITHDRAW parcel */
	uint32_t control_len;
	uint64_t control_seq;
};

struct world {
	char dir[64];
	int dirfd;
	enum side side;
	char letter;
	struct policy_table *policy;

	bool is_quiet;
	char flow[IPC_ID_LEN];
	uint32_t tick_ms;	/* 0: a second */
	int fault;		/* enum world_fault of the kill_at-th call */
	pid_t pid;
	int fds[PROC_COUNT];	/* ours of the clients' channels */
	int spare[6];		/* more inspects, that come one after another */
	int keys_fd, audit_fd;
	pthread_t keys_thread, audit_thread;
	bool is_up;
	_Alignas(16) uint8_t buf[IPC_MSG_MAX]; /* last answer */

	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct audit_record log[WORLD_LOG_MAX];
	uint32_t log_len;
	bool holds_audit, holds_keys; /* answers wait while true */
	uint32_t audit_waiting, keys_waiting;
	uint32_t appends, commits;

	struct slot slots[WORLD_SLOTS];
	uint32_t slot_count;
	uint64_t next_seq;
	uint8_t last_hash[32], first_prev[32];
	uint16_t decision, reason;	/* for new transfers */
	uint16_t seal_reason, open_reason; /* not REASON_NONE: refused */
	uint32_t freezes;
	uint64_t ack_counter;	/* put into headers */
	uint64_t not_after_ms;
	uint32_t padded_len;	/* of every body */
};

enum world_fault { FAULT_KILL, FAULT_EIO, FAULT_ENOSPC, FAULT_TORN };

#define WORLD_CHANNEL "low-high"
#define WORLD_FLOW "text"
#define WORLD_BODIES 3u		/* manifest and two files */

void world_init(struct world *, enum side);
void world_clear(struct world *);

/*
 * Start the child; kill_at > 0: the fault hits its kill_at-th mutating call.
 */
void world_start(struct world *, long kill_at);

/* Link's hello, which world_start says where nothing is to be killed. */
enum gw_err world_hello(struct world *);

/* End the child: kill it, or find it dead; true if it was dead. */
bool world_stop(struct world *);

/* Is the child dead by its own (the hook's) hand? */
bool world_is_dead(struct world *);

/*
 * Send a request as a client, wait for the answer.  GW_ECLOSED: the child
 * died.  Reply bytes are in w->buf (valid until the next call).
 */
enum gw_err world_ask(struct world *, enum proc_id, uint16_t type,
    const void *fixed, size_t fixed_len, const void *elems, size_t elem,
    uint32_t count, int fd, struct ipc_msg *out);
enum gw_err world_send(struct world *, enum proc_id, uint16_t type,
    uint64_t id, const void *fixed, size_t fixed_len, const void *elems,
    size_t elem, uint32_t count, int fd);
enum gw_err world_recv(struct world *, enum proc_id, struct ipc_msg *out);
bool world_has_answer(struct world *, enum proc_id);

/* A transfer at keys, as courier would have got it. */
struct slot *world_slot_new(struct world *);
struct slot *world_slot(struct world *, const uint8_t id[16]);

/* Stored form of body i of a slot: bytes that only the test understands. */
void world_body(const struct slot *, uint32_t index, uint64_t padded_len,
    struct ipc_body *out);
int world_bodies_fd(const struct slot *, uint64_t padded_len,
    struct ipc_body *out, uint32_t count);

/* Entries of the log with this event and (if not "") state. */
uint32_t world_count(struct world *, uint16_t event, const char *state);

/* Courier's whole way to ACCEPTED. */
enum gw_err world_accept(struct world *, struct slot *,
    struct spool_accepted *out);
enum gw_err world_open(struct world *, struct slot *, struct ipc_status *out);
enum gw_err world_put(struct world *, struct slot *, struct ipc_status *out);
enum gw_err world_done(struct world *, struct slot *,
    struct spool_accepted *out);

/* Inspect's: take one, say it is done. */
enum gw_err world_inspect(struct world *, struct spool_inspect *out);
void world_next_inspect(struct world *); /* it dies; the next one serves */
enum gw_err world_inspected(struct world *, const struct key_ref *,
    uint32_t failed);

/* Desk's: state of a transfer (0 if unknown), all of the row in *out. */
enum gw_err world_row(struct world *, const uint8_t id[16],
    struct spool_row *out);
enum gw_err world_wait_state(struct world *, const uint8_t id[16],
    uint32_t state);
uint32_t world_rows(struct world *, struct spool_row *out, uint32_t limit);

/* Courier takes every notice and tells it. */
enum gw_err world_notice(struct world *, struct spool_work *out);

#endif
