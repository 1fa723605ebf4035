/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_CHANNEL_H
#define GATEWAYD_KEYS_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "gatewayd/keys/keyd.h"
#include "gatewayd/keys/peer.h"
#include "gatewayd/keys/recfile.h"

/*
 * One direction to or from a peer: its epoch, whether it is frozen, how far
 * its sequence and its ACKs have come.  The table (file "channels") outlives
 * a channel's place in the policy, so that a number is never used twice.
 *
 * A generation begins when a peer comes back with other keys (it was set up
 * anew): both sides then start at epoch 1.  Files of a generation and epoch
 * have its numbers in their names.
 */
#define CHANNEL_RECORD_LEN 512

struct channel_record {
	char id[IPC_ID_LEN];
	char peer[IPC_ID_LEN];
	uint32_t role;		/* enum policy_channel_role */
	uint32_t generation;
	uint32_t epoch;
	uint32_t is_frozen;
	uint16_t freeze_reason;
	uint16_t pad;
	uint32_t officer_uid;	/* the first of two; with officer_ms */
	uint64_t officer_ms;	/* 0: nobody has asked for a new epoch */
	uint64_t ack_counter;	/* sender: last seen; receiver: reserved */
	uint64_t ack_seq;	/* sender: header_seq of that ACK */
	uint64_t anchor_size;	/* peer's log, as anchored in ours */
	uint8_t anchor_root[32];
	uint8_t first_hash[32];	/* sender's card before the first header */
	uint8_t peer_pub[32];	/* whom this generation is with */
	uint8_t spare[256];
	uint8_t sum[RECFILE_SUM_LEN];
};
_Static_assert(sizeof(struct channel_record) == CHANNEL_RECORD_LEN, "one");

struct channel {
	struct channel_record r;
	uint64_t row;		/* in the file */
	uint8_t wire_id[16];
	struct recfile *file;	/* sequence journal, or received parcels */
	uint64_t next_seq;	/* sender: the next to be sealed */
	uint64_t write_seq;	/* sender: the next to enter the journal */
	uint8_t last_hash[32];	/* sender: of header next_seq - 1 */
	uint64_t acked;		/* receiver: counter signed last */
	uint64_t anchor_mono_ms;
	uint32_t lazy;		/* changes that may be lost */
	bool is_dirty;
};

struct channels;

GW_MUST_CHECK enum gw_err channels_open(int dirfd, struct channels **out);
void channels_free(struct channels *);

/* Fit to the policy and the peers: new rows, open files.  Fatal on damage. */
void channels_fit(struct keyd *);

/* A channel of the policy; NULL if there is none. */
struct channel *channels_find(struct keyd *, const char *id);

/* A channel we ever had, by its id on the wire; NULL if unknown. */
struct channel *channels_by_wire(struct keyd *, const uint8_t wire_id[16]);

/* Write the table's changes and make it and all files durable. */
GW_MUST_CHECK enum gw_err channels_sync(struct channels *);

/* Paired with whom?  NULL: unpaired. */
const struct peer *channel_peer(const struct keyd *, const struct channel *);

enum channel_state channel_state(const struct keyd *, const struct channel *);

/*
 * What the first header of this epoch must hold as prev.  Epoch 1: SHA-256
 * of the sender's card.  Later: SHA-256("gwp1 epoch" || NUL || channel id ||
 * epoch || sender's signing key), which both sides know even after one of
 * them lost its last headers, the usual ground for a new epoch.
 */
GW_MUST_CHECK enum gw_err channel_first_prev(const struct keyd *,
    const struct channel *, uint8_t out[32]);

/* Stop the channel and put it into the log; nothing if it is frozen. */
void channel_freeze(struct keyd *, struct channel *, enum reason,
    const char *actor);

/* Leave this epoch for the next: the sequence starts anew. */
GW_MUST_CHECK enum gw_err channel_next_epoch(struct keyd *, struct channel *);

/*
 * A peer's statement about its log.  True: an AUDIT_PEER_ANCHOR is due,
 * which channel_anchor_record fills.  Idle zones that anchor each other's
 * anchors would never rest, so small growth waits.  A log of the same size
 * with another root freezes the channel.
 */
bool channel_anchor(struct keyd *, struct channel *, uint64_t size,
    const uint8_t root[32]);

struct audit_record;
void channel_anchor_record(const struct channel *, struct audit_record *out);

/* Fill an answer about one channel. */
void channel_describe(const struct keyd *, const struct channel *,
    struct keys_channel *out);

/* The n-th channel of the policy; NULL behind the last. */
struct channel *channels_nth(struct keyd *, uint32_t n);

/*
 * Record of a header sealed in any generation and epoch of any channel we
 * ever had.  GW_ENOENT: there is none.
 */
struct journal_record;
GW_MUST_CHECK enum gw_err channels_journal(struct keyd *,
    const uint8_t wire_id[16], uint32_t generation, uint32_t epoch,
    uint64_t seq, struct journal_record *out);

/* A peer's card was accepted: another signing key begins a generation. */
void channels_peer_accepted(struct keyd *, const char *zone);

#endif
