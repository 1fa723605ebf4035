/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_SPOOL_H
#define GATEWAYD_SPOOL_SPOOL_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/ev.h"
#include "policy/table.h"
#include "proto/ipc/audit.h"
#include "proto/ipc/chan.h"
#include "proto/ipc/control.h"
#include "proto/ipc/keys.h"
#include "proto/ipc/spool.h"
#include "proto/record/reason.h"
#include "gatewayd/spool/catalog.h"
#include "gatewayd/spool/group.h"
#include "gatewayd/spool/states.h"
#include "gatewayd/spool/store.h"

/* A process that sends us requests. */
struct client {
	TAILQ_ENTRY(client) next;
	struct spool *sp;
	enum proc_id proc;
	struct ipc_chan *chan;
};

/* A request that is answered when there is something to say. */
struct wait {
	TAILQ_ENTRY(wait) next;
	struct client *client;
	uint16_t type;
	uint64_t id;
	uint64_t since_ms;	/* monotonic */
	union {
		struct spool_tx_next tx;
		struct spool_ack_next ack;
	} ask;
};

/* A request of ours to keys, and what to do with its answer. */
struct call;
typedef void call_fn(struct spool *, struct call *, struct ipc_msg *);
struct call {
	TAILQ_ENTRY(call) next;
	call_fn *fn;
	uint64_t id;
	struct client *client;	/* who waits for us; NULL: nobody (any more) */
	uint16_t type;		/* the client's request */
	uint64_t client_id;
	int64_t row;		/* transfer it is about */
	uint32_t step;		/* of that transfer when we asked */
	uint32_t act;		/* enum keys_act */
	uint64_t version;
	uint64_t seq;
	char channel[IPC_ID_LEN];
	char actor[IPC_PERSON_LEN];
};

/* An answer of keys that came while a group was being closed. */
struct later {
	TAILQ_ENTRY(later) next;
	struct ipc_msg msg;
	uint8_t data[];
};

/* A transfer that courier is handing over: only here until ACCEPTED. */
struct receiving {
	TAILQ_ENTRY(receiving) next;
	struct client *client;
	struct spool_transfer_open open;
	struct body_row *bodies;	/* body_count of them */
	uint64_t stored_bytes;		/* reserved */
};

/* A parcel that is arriving: what link needs to go on with it. */
struct arriving {
	TAILQ_ENTRY(arriving) next;
	uint8_t rx_id[16];
	int64_t row;
	char channel[IPC_ID_LEN];
	uint32_t epoch;
	uint64_t seq;
	uint32_t body_count;
	uint32_t got;		/* bodies that are there */
	uint32_t bodies;	/* all below are there */
	uint32_t chunks;	/* of body `bodies`, durable */
	uint32_t synced;	/* chunks at the last touch */
	uint8_t *has;		/* bit per body */
	uint8_t *table;		/* body table; NULL until the tables came */
	uint32_t table_len;
};

/* What we know of a channel; keys has the last word. */
struct channel {
	struct keys_channel keys;
	struct channel_row row;
	bool is_dirty;		/* row must be saved with the group */
	uint64_t version;	/* grows with every new statement for an ACK */
	uint64_t told;		/* version in the last ACK */
	uint64_t counter;	/* of the last ACK given out */
	uint64_t counter_max;	/* row.ack_counter as it is durable */
	struct ack_progress progress[ACK_IN_FLIGHT]; /* sender: of the peer */
	uint8_t complete[ACK_WINDOW / 8]; /* from row.base_seq on */
	uint64_t gap_seq;	/* receiver: came out of sequence; 0 none */
	uint8_t bad_hash[32];	/* last header refused: audited once */
	uint32_t link_state, refused;
	uint64_t link_since_ms;
	char link_detail[IPC_DETAIL_LEN];
};

/* Flow after which the next piece of work of a kind is taken. */
struct turn {
	char flow[IPC_ID_LEN + 1];
};

struct spool {
	struct ev_loop *loop;
	struct ipc_chan *control, *keys, *audit;
	const struct policy_table *policy;
	struct catalog *cat;
	struct store *store;
	struct gate gate;
	struct group group;
	TAILQ_HEAD(, client) clients;
	TAILQ_HEAD(, wait) waits;
	TAILQ_HEAD(, call) calls;
	TAILQ_HEAD(, later) laters;
	TAILQ_HEAD(, receiving) receiving;
	TAILQ_HEAD(, arriving) arriving;
	struct channel channels[POLICY_CHANNELS_MAX];
	int channel_count;
	bool has_channels;	/* keys has told */
	uint64_t next_id;	/* of our requests */
	uint32_t calls_open;	/* evaluations, seals, opens at keys */
	struct turn turns[TASK_COUNT + 1]; /* the last: notices */
	bool tells_first;	/* notices before deliveries, in turn */
	uint64_t reserved;	/* bytes of transfers being taken in */

	/* quota.c */
	bool is_intake_stopped, is_fetch_stopped, has_ballast;
	uint16_t stop_reason;
	uint64_t disk_bytes, disk_free;

	/* timers.c */
	struct ev_timer *second;
	struct clock_watch watch;
	int64_t clock_jump_ms;	/* 0: the clock is trusted */
	uint64_t jump_mono_ms;
	uint64_t ticks;
	uint32_t tick_ms;	/* 1000; less in tests */
	int64_t canary;		/* held for signatures, tried again */
	bool wants_poke;	/* held transfers may go on */
};

/* --- server.c ------------------------------------------------------------------ */

/*
 * Make a spool over open channels (takes the fds) and an open state folder
 * (borrowed; also the working directory).  Recovers, then serves.
 */
struct spool *spool_new(struct ev_loop *, int dirfd,
    const struct policy_table *, int keys_fd, int audit_fd);
void spool_free(struct spool *);
void spool_add_client(struct spool *, enum proc_id, int fd);
void spool_set_policy(struct spool *, const struct policy_table *);

/* Ask keys; the answer goes to fn as input of an open group. */
struct call *spool_call(struct spool *, call_fn *);
void spool_call_send(struct spool *, struct call *, uint16_t type,
    const void *fixed, size_t fixed_len, const void *elems, size_t elem,
    uint32_t count, const int *fds, int fd_count);

/* Note who waits for the answer of a call, and tell him later. */
void spool_call_for(struct call *, struct client *, const struct ipc_msg *);

/* An answer of keys, as input of the open group. */
void spool_answer(struct spool *, struct ipc_msg *);

void spool_wait(struct spool *, struct client *, const struct ipc_msg *,
    const void *ask, size_t len);

/* Give out what can be given out now; between groups only. */
void spool_dispatch(struct spool *);

struct channel *spool_channel(struct spool *, const char *id);

/* A text field of a message must end; fatal if it does not. */
void spool_check_text(const char *field, size_t size);

#endif
