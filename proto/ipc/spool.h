/* SPDX-License-Identifier: ISC */
#ifndef PROTO_IPC_SPOOL_H
#define PROTO_IPC_SPOOL_H

#include "proto/ipc/keys.h"
#include "proto/ipc/types.h"
#include "proto/parcel/ack.h"
#include "proto/record/transfer_state.h"

/*
 * Requests to spool.  Work is pulled: a request for work is answered when
 * there is some, so a client keeps as many requests open as it has hands.
 */
enum spool_msg {
	/* courier */
	SPOOL_TRANSFER_OPEN = 0x400,
	SPOOL_BODY_PUT = 0x401,
	SPOOL_BODY_CREATE = 0x402,
	SPOOL_BODY_DONE = 0x403,
	SPOOL_TRANSFER_DONE = 0x404,
	SPOOL_TRANSFER_DROP = 0x405,
	SPOOL_CLAIM = 0x406,
	SPOOL_WORK = 0x407,
	SPOOL_STAGED = 0x408,
	SPOOL_PUBLISHED = 0x409,
	SPOOL_NOTICED = 0x40a,
	SPOOL_REFUSED = 0x40b,
	/* courier, inspect, link */
	SPOOL_BODY_GET = 0x410,
	/* inspect */
	SPOOL_INSPECT = 0x420,
	SPOOL_INSPECTED = 0x421,
	/* link */
	SPOOL_LINK_HELLO = 0x430,
	SPOOL_TX_NEXT = 0x431,
	SPOOL_TX_ACK = 0x432,
	SPOOL_RX_BEGIN = 0x433,
	SPOOL_RX_TABLES = 0x434,
	SPOOL_RX_PUT = 0x435,
	SPOOL_RX_CREATE = 0x436,
	SPOOL_RX_DONE = 0x437,
	SPOOL_RX_PROGRESS = 0x438,
	SPOOL_RX_DAMAGED = 0x439,
	SPOOL_ACK_NEXT = 0x43a,
	SPOOL_LINK_STATE = 0x43b,
	/* desk */
	SPOOL_LIST = 0x440,
	SPOOL_STEPS = 0x441,
	SPOOL_FILES = 0x442,
	SPOOL_DECIDE = 0x443,
	SPOOL_STATUS = 0x444,
	SPOOL_CHANNEL_STATUS = 0x445,
	SPOOL_POKE = 0x446
};

/* --- courier: intake ------------------------------------------------------- */

/*
 * Reserve room for a transfer that keys has made.  Reply ipc_status; reasons
 * NO_SPACE (GW_ESPACE: leave the source where it is and try later),
 * FILE_TOO_BIG, TRANSFER_TOO_BIG, TOO_MANY_FILES, FLOW_*.
 */
struct spool_transfer_open {
	struct key_ref transfer;
	char flow[IPC_ID_LEN];
	char submitter[IPC_PERSON_LEN];
	uint32_t uid;
	uint32_t body_count;	/* manifest included */
	uint64_t plain_bytes;	/* of all files, as stat says */
	uint64_t stored_bytes;	/* what the spool must hold */
};

/*
 * Small bodies, several in one sealed memfd.  Request: spool_bodies,
 * elements ipc_body; 1 fd.  Reply ipc_status once spool has copied them
 * (not yet durable).
 */
struct spool_bodies {
	struct key_ref transfer;
};

/*
 * A large body is a file of its own.  Reply ipc_status and the fd, opened
 * read-write and allocated; write the stored form, then SPOOL_BODY_DONE
 * (spool_bodies, one ipc_body; reply ipc_status).
 */
struct spool_body_create {
	struct key_ref transfer;
	uint8_t id[16];
	uint64_t padded_len;
	uint32_t index;
	uint32_t pad;
};

/*
 * All bodies were handed over: make the transfer durable.  The reply means
 * ACCEPTED: the gateway is responsible now, the source may go.
 */
struct spool_transfer_done {
	struct key_ref transfer;
	uint64_t plain_bytes;
	uint32_t file_count;
	uint32_t pad;
};
struct spool_accepted {
	int32_t err;
	uint16_t reason;
	uint16_t pad;
	char number[IPC_NUMBER_LEN];
	uint64_t accepted_ms;
};

/* SPOOL_TRANSFER_DROP: spool_bodies; reply ipc_status. */

/*
 * After a crash: is the transfer with this id accepted?  Request: no fixed
 * part, elements 16-byte ids.  Reply: ipc_status, elements spool_claim.
 */
struct spool_claim {
	uint32_t is_accepted;
	uint32_t pad;
	char number[IPC_NUMBER_LEN];
};

/*
 * Refused before acceptance: for the audit log, the ledger and counters.
 * Reply ipc_status after the entry is durable; only then may the courier
 * move the file to rejected/.  The reply's number is a receipt number too.
 */
struct spool_refused {
	char flow[IPC_ID_LEN];
	char submitter[IPC_PERSON_LEN];
	uint8_t name_hash[32];
	uint64_t plain_bytes;
	uint32_t uid;
	uint16_t reason;
	uint16_t pad;
};	/* reply: spool_accepted */

/* --- courier: delivery and notices ------------------------------------------ */

enum spool_work_kind {
	WORK_DELIVER = 1,	/* stage, report STAGED, publish, PUBLISHED */
	WORK_NOTICE = 2,	/* write or remove status and reason files */
	WORK_RETURN = 3		/* give the original back into rejected/ */
};
/* SPOOL_WORK: no body.  Reply when there is work: */
struct spool_work {
	int32_t err;
	uint32_t kind;		/* enum spool_work_kind */
	struct key_ref transfer;
	char flow[IPC_ID_LEN];
	char number[IPC_NUMBER_LEN];
	char detail[IPC_DETAIL_LEN];
	char submitter[IPC_PERSON_LEN];
	uint32_t side;		/* enum side */
	uint32_t state;		/* enum transfer_state */
	uint32_t body_count;
	uint16_t reason;
	uint16_t is_retry;	/* DELIVERING was committed before a crash */
	uint64_t plain_bytes;
	uint64_t accepted_ms;
	uint64_t state_ms;
};

/*
 * Staged: plaintext is checked and fsynced beside the mailbox.  The reply
 * GW_OK means DELIVERING is durable: publish now.  Published (or found
 * published after a crash): reply after DELIVERED is durable.
 * err of the request: GW_OK, or why it could not (reason says it to people).
 */
struct spool_outcome {
	struct key_ref transfer;
	int32_t err;
	uint16_t reason;
	uint16_t pad;
};	/* for STAGED, PUBLISHED, NOTICED; replies ipc_status */

/*
 * Stored bodies first..: as many as fit IPC_BATCH_MAX and max_bytes, in a
 * memfd copy when small, or one large one with its file (read-only).
 * Reply: ipc_status, elements ipc_body; 1 fd.
 */
struct spool_body_get {
	struct key_ref transfer;
	uint32_t first;
	uint32_t max_count;
	uint64_t max_bytes;
};

/* --- inspect ------------------------------------------------------------------ */

/* SPOOL_INSPECT: no body; answered when a transfer wants inspection. */
struct spool_inspect {
	int32_t err;
	uint32_t side;
	struct key_ref transfer;
	char flow[IPC_ID_LEN];
	uint32_t body_count;
	uint32_t missing;	/* STAGE_BIT mask; 0: all that the flow demands */
	uint64_t stored_bytes;
};
/* Done with it, one way or another; spool asks keys for the decision. */
struct spool_inspected {
	struct key_ref transfer;
	uint32_t failed;	/* bodies whose worker crashed or timed out */
	uint32_t pad;
};	/* reply ipc_status */

/* --- link ------------------------------------------------------------------------ */

/*
 * First message of link: its transport pin (goes into our card).
 * Reply: ipc_status, elements keys_channel for all tls channels.
 */
struct spool_link_hello {
	uint8_t pin[32];
};

/*
 * Next parcel of a sender channel after (epoch, seq) in sequence; answered
 * when there is one.  fd: the parcel object.  bodies/chunks: where the peer
 * said it stands (resume).
 */
struct spool_tx_next {
	char channel[IPC_ID_LEN];
	uint64_t after_seq;
	uint32_t after_epoch;
	uint32_t pad;
};
struct spool_tx_parcel {
	int32_t err;
	uint32_t epoch;
	uint64_t seq;
	struct key_ref transfer;
	uint32_t object_len;
	uint32_t body_count;
	uint32_t bodies, chunks; /* already durable at the peer */
	uint32_t is_complete;	/* peer has all of it: send nothing */
	uint32_t weight;
};
/* An ACK as it came.  Reply: keys_ack_checked. */
struct spool_tx_ack {
	char channel[IPC_ID_LEN];
	uint8_t bytes[ACK_LEN];
};

/*
 * A header arrived (signature checked by link).  Request: spool_rx_begin
 * followed by one-byte elements: the header.  Reply: spool_rx after the
 * header is durable (ARRIVING) or refused.
 */
struct spool_rx_begin {
	char channel[IPC_ID_LEN];
};
enum rx_state {
	RX_NEW = 1,		/* send tables and bodies */
	RX_RESUME = 2,		/* go on at bodies/chunks */
	RX_COMPLETE = 3,	/* we have all of it: skip */
	RX_GAP = 4,		/* out of sequence: held, alarmed */
	RX_REFUSED = 5		/* equivocation, expired, old epoch, frozen */
};
struct spool_rx {
	int32_t err;
	uint16_t reason;
	uint16_t state;		/* enum rx_state */
	uint8_t rx_id[16];	/* names this parcel in what follows */
	uint32_t bodies, chunks;
	uint32_t wants_tables;
	uint32_t pad;
};
/* SPOOL_RX_TABLES: spool_rx_id; 1 fd: memfd with the whole parcel object,
 * hashes checked by link.  Reply ipc_status. */
struct spool_rx_id {
	uint8_t rx_id[16];
};
/* SPOOL_RX_PUT: spool_rx_id, elements ipc_body; 1 fd (small bodies, checked
 * chunk by chunk).  Reply ipc_status when durable. */
/* SPOOL_RX_CREATE: a large body; reply ipc_status and its fd; *resume at the
 * chunk count that SPOOL_RX answered. */
struct spool_rx_create {
	uint8_t rx_id[16];
	uint8_t id[16];
	uint64_t padded_len;
	uint32_t index;
	uint32_t pad;
};
/* SPOOL_RX_DONE: spool_rx_create fields; reply ipc_status when durable. */
/* SPOOL_RX_PROGRESS: chunks written contiguously so far; no durability is
 * promised by the reply, the next ACK states only what is durable. */
struct spool_rx_progress {
	uint8_t rx_id[16];
	uint32_t index;
	uint32_t chunks;
};
/* SPOOL_RX_DAMAGED: spool_rx_progress; a body cannot be had undamaged. */

/*
 * Next ACK to send on a receiver channel.  Immediate: answered when there is
 * something new to say (or after 1 s); tick: at once.  Reply keys_ack_signed.
 */
struct spool_ack_next {
	char channel[IPC_ID_LEN];
	uint32_t waits;		/* 1: immediate mode */
	uint32_t pad;
};

/* Link tells how a channel does, for doctor; reply ipc_status. */
enum link_state { LINK_DOWN = 1, LINK_CONNECTING = 2, LINK_UP = 3 };
struct spool_link_state {
	char channel[IPC_ID_LEN];
	uint32_t state;		/* enum link_state */
	uint32_t refused;	/* connections and frames refused so far */
	char detail[IPC_DETAIL_LEN];
};

/* --- desk -------------------------------------------------------------------------- */

struct spool_list {
	char number[IPC_NUMBER_LEN];	/* "" any */
	char flow[IPC_ID_LEN];		/* "" any */
	uint64_t states;		/* bit n: state n; 0 any */
	uint64_t since_ms, before_ms;	/* 0 open */
	uint64_t cursor;		/* row to go on after; 0 from newest */
	uint32_t limit;			/* <= 64 */
	uint32_t side;			/* 0 both */
};
/* Reply: ipc_status, elements spool_row, newest first. */
struct spool_row {
	uint64_t row;
	struct key_ref transfer;
	char number[IPC_NUMBER_LEN];
	char flow[IPC_ID_LEN];
	char channel[IPC_ID_LEN];
	char submitter[IPC_PERSON_LEN];
	char detail[IPC_DETAIL_LEN];
	uint32_t side, state;
	uint32_t held_from;	/* state it was in before it was held */
	uint32_t body_count;
	uint32_t body_index;	/* the body the reason is about */
	uint16_t reason;
	uint16_t pad;
	uint32_t uid, epoch;
	uint64_t seq;
	uint64_t plain_bytes;
	uint64_t accepted_ms, state_ms;
	uint8_t parcel_id[16];
};
/* SPOOL_STEPS: spool_bodies; reply ipc_status, elements spool_step. */
struct spool_step {
	uint32_t state;
	uint32_t attempt;
	uint64_t wall_ms;
	uint16_t reason;
	uint16_t pad[3];
	char actor[IPC_PERSON_LEN];
};
/* SPOOL_FILES: keys_release (first, count); reply ipc_status, elements
 * keys_body_info (spool asks keys). */
/* SPOOL_DECIDE: keys_decide, after keys has taken it from desk; spool asks
 * keys what follows (KEYS_EVALUATE), then moves the transfer.  Reply
 * keys_decided. */
struct spool_status {	/* SPOOL_STATUS: no body */
	int32_t err;
	uint32_t is_intake_stopped, is_fetch_stopped, stop_reason;
	uint64_t counts[32];	/* transfers by state */
	uint64_t stored_bytes, quota_bytes, disk_free_bytes, disk_bytes;
	uint64_t transfers;
	int64_t clock_jump_ms;
	uint64_t commit_groups, commits_ms;
};
/* SPOOL_CHANNEL_STATUS: no body; reply ipc_status, elements: */
struct spool_channel_status {
	struct keys_channel channel;
	uint32_t link_state;
	uint32_t refused;
	uint64_t link_since_ms;
	uint64_t sealed_seq, sent_seq, confirmed_seq; /* sender */
	uint64_t header_seq, complete_seq, gap_seq;   /* receiver */
	uint64_t last_ack_ms;
	char detail[IPC_DETAIL_LEN];
};
/* SPOOL_POKE: something changed that may free held transfers (policy,
 * signatures, pairing).  No body; reply ipc_status. */

#endif
