/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_LINK_END_H
#define TESTS_UNIT_LINK_END_H

#include <sys/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ev.h"
#include "policy/table.h"
#include "proto/ipc/chan.h"
#include "proto/ipc/spool.h"

#include "tests/support/made.h"

/*
 * One gateway-link process, real and sandboxed, with its parent and its
 * spool played here.  The spool checks whatever link hands it, and keeps
 * bodies only if they are right.
 */
#define END_PARCELS 512
#define END_CHANNEL "internet-lgwan"

/* A parcel as it arrived. */
struct end_rx {
	bool is_used, has_tables, is_complete, is_damaged;
	struct parcel_header header;
	uint8_t hash[32];
	uint8_t *table; /* body table */
	uint8_t *has;   /* per body */
	uint32_t got, bodies, chunks;
	uint32_t resumed; /* times the header came again */
	uint64_t complete_ms;
	int *files; /* of large bodies under way; -1: none */
};

struct end {
	struct ev_loop *loop;
	char dir[64];
	pid_t pid;
	struct ipc_chan *control, *spool;
	struct ev_fd *log_ev;
	int log_fd;
	struct policy_channel channel;
	uint8_t seed[32]; /* of the zone's signatures */
	uint8_t pub[32];

	bool is_ready, has_pin, is_gone;
	int status; /* of the process, once is_gone */
	uint8_t pin[32];
	uint64_t hello_id;
	char log[65536]; /* the last lines */

	/* settings */
	uint32_t lag_ms; /* answers wait so long, as for a commit */
	bool has_no_space;

	/* sender */
	struct made *out[END_PARCELS];
	uint32_t out_count;
	struct ack peer;
	uint32_t acks;
	uint32_t fail_body; /* BODY_GET of this index fails; 0: none */

	/* receiver */
	uint8_t peer_pub[32];
	struct end_rx in[END_PARCELS];
	uint64_t header_seq, ack_counter, complete;
	uint32_t damaged, puts, put_bodies, asked_acks;
	bool has_news;

	enum link_state state;
	uint32_t refused;
	char detail[IPC_DETAIL_LEN];
	struct end_wait *waits;
	struct end_late *lates;
	struct ev_timer *late, *poll;
};

struct end *end_new(struct ev_loop *, enum policy_channel_role,
    const char *address, uint8_t seed_byte);
void end_free(struct end *);

/* End the process and start it anew over the same folder, with the channel
 * as it is set now; what its spool has stays. */
void end_restart(struct end *);

/* Hand it a policy with the channel as it is set now. */
void end_policy(struct end *);

/* Tell link who its peer is; it must have said HELLO. */
void end_pair(
    struct end *, const uint8_t peer_pin[32], const uint8_t peer_pub[32]);

/* A parcel for the other side (the sender's spool has it; borrowed). */
void end_offer(struct end *, struct made *);

/* Turn the loop until the condition holds; false after so long. */
typedef bool end_cond_fn(void *arg);
bool end_wait(struct ev_loop *, end_cond_fn *, void *arg, uint64_t ms);
void end_turn(struct ev_loop *, uint64_t ms); /* for so long */

/* A free port of 127.0.0.1. */
unsigned end_port(void);

#endif
