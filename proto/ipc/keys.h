/* SPDX-License-Identifier: ISC */
#ifndef PROTO_IPC_KEYS_H
#define PROTO_IPC_KEYS_H

#include "proto/ipc/types.h"
#include "proto/parcel/ack.h"
#include "proto/record/verdict.h"

/*
 * Requests to keys.  Which client may send which message is a permit table
 * in gatewayd/keys/permit.c; anything else is fatal for the channel.
 *
 *   courier  TRANSFER_NEW BODY_NEW BODY_DONE TRANSFER_DROP RELEASE VIEW
 *   zygote   GRANT VERDICT NAMES (its stage is known from its channel)
 *   spool    COMMIT EVALUATE BODY_INFO SEAL WITHDRAW OPEN ACK_SIGN ACK_CHECK
 *            CHANNELS TRANSPORT ERASE REJUDGE, CHANNEL_OP to freeze alone
 *   desk     VIEW DECIDE PAIR_* CARD LIST CHANNELS CHANNEL_OP
 *
 * A person's decision comes from desk alone: after KEYS_DECIDE desk tells
 * spool (SPOOL_DECIDE), which asks with KEYS_EVALUATE what follows from it.
 */
enum keys_msg {
	KEYS_TRANSFER_NEW = 0x300,
	KEYS_BODY_NEW = 0x301,
	KEYS_BODY_DONE = 0x302,
	KEYS_TRANSFER_DROP = 0x303,
	KEYS_RELEASE = 0x304,
	KEYS_VIEW = 0x305,

	KEYS_GRANT = 0x310,
	KEYS_VERDICT = 0x311,
	KEYS_NAMES = 0x312,

	KEYS_COMMIT = 0x320,
	KEYS_EVALUATE = 0x321,
	KEYS_BODY_INFO = 0x322,
	KEYS_SEAL = 0x323,
	KEYS_WITHDRAW = 0x324,
	KEYS_OPEN = 0x325,
	KEYS_ACK_SIGN = 0x326,
	KEYS_ACK_CHECK = 0x327,
	KEYS_CHANNELS = 0x328,
	KEYS_TRANSPORT = 0x329,
	KEYS_ERASE = 0x32a,
	KEYS_REJUDGE = 0x32b,

	KEYS_DECIDE = 0x330,
	KEYS_PAIR_INIT = 0x331,
	KEYS_CARD = 0x332,
	KEYS_PAIR_ACCEPT = 0x333,
	KEYS_PAIR_SHOW = 0x334,
	KEYS_LIST = 0x335,
	KEYS_CHANNEL_OP = 0x336
};

/* --- courier, low side ------------------------------------------------ */

/*
 * A new transfer under a flow, with the number of bodies it will have, the
 * manifest included; their slots are reserved behind the transfer's.
 * Reply: keys_transfer_made; reasons FLOW_UNKNOWN, FLOW_ENDED, NO_CHANNEL,
 * TOO_MANY_FILES.
 */
struct keys_transfer_new {
	char flow[IPC_ID_LEN];
	uint32_t body_count;	/* manifest included; 2..PARCEL_BODIES_MAX */
	uint32_t uid;		/* submitter, UINT32_MAX when unknown */
	char submitter[IPC_PERSON_LEN];
};
struct keys_transfer_made {
	int32_t err;
	uint16_t reason;
	uint16_t pad;
	struct key_ref transfer;
	uint8_t flow_digest[32];
};

/*
 * Ids and keys for bodies that the courier is about to write.  Asked again
 * for an index (interrupted write) it makes a new id and key.
 * Request: keys_bodies, elements keys_body_ask.
 * Reply: ipc_status, elements keys_body_made in order.
 */
struct keys_bodies {
	struct key_ref transfer;
};
struct keys_body_ask {
	uint32_t index;
	uint32_t pad;
	uint8_t name_hash[32];	/* names_hash; zero for the manifest */
	char ext[16];		/* names_ext */
};
struct keys_body_made {
	struct key_ref body;
	uint8_t key[32];
};

/*
 * What was written: fixes root and lengths of each body, once.
 * Request: keys_bodies, elements ipc_body (offset and flags unused).
 * Reply: ipc_status.
 */

/* KEYS_TRANSFER_DROP: keys_bodies; reply ipc_status.  Forgets the keys. */

/*
 * High side, after a GO decision: keys of bodies for delivery.  Also on the
 * low side for `return` to the submitter (never if infected).
 * Request: keys_release, elements none; bodies first..first+count-1.
 * Reply: ipc_status, elements keys_grant.
 */
struct keys_release {
	struct key_ref transfer;
	uint32_t first, count;	/* count <= IPC_BATCH_MAX */
};

/*
 * Key of the manifest of a transfer, for a person's view of names or the
 * courier's status files.  Logged as AUDIT_VIEW when uid is a person, who
 * gets GW_EDENIED when the number is not that transfer's.
 * Reply: ipc_status and one element keys_grant.
 */
struct keys_view {
	struct key_ref transfer;
	uint32_t uid;		/* UINT32_MAX: the gateway itself */
	uint32_t pad;
	char number[IPC_NUMBER_LEN]; /* what a person sees it under */
};

/* --- zygotes ------------------------------------------------------------ */

/*
 * Keys of the bodies of one job.  Request: no fixed part, elements key_ref.
 * Reply: ipc_status, elements keys_grant in order (err per body).
 */
struct keys_grant {
	int32_t err;
	uint16_t reason;
	uint16_t side;		/* enum side */
	struct key_ref body;
	struct key_ref transfer;
	uint8_t key[32];
	uint8_t root[32];
	uint64_t padded_len;
	uint64_t plain_len;	/* manifest on the high side: 0, not known */
	uint8_t name_hash[32];
	char ext[16];
	uint64_t accept;	/* the flow's TYPE_BIT mask */
	uint64_t file_bytes, transfer_bytes; /* the flow's limits */
	uint32_t files;
	uint32_t index;
	uint32_t body_count;
	uint32_t type;		/* identify's answer, for later stages */
	uint32_t sanitize;	/* enum policy_sanitize */
	uint32_t formula_guard;
	char flow[IPC_ID_LEN];
};

/* KEYS_VERDICT: no fixed part, elements verdict_record; reply ipc_status. */

/*
 * The manifest stage's reading of body 0: for each file its name hash,
 * extension and length, in order.  On the low side keys compares them with
 * what the courier said (any difference: MANIFEST_MISMATCH), on the high
 * side it records them.  Sent before the manifest's verdict.
 * Request: keys_names, elements keys_name.  Reply: ipc_status.
 */
struct keys_names {
	struct key_ref manifest;
	uint32_t first;		/* index of the first element, from 1 */
	uint32_t total;		/* files in the manifest */
};
struct keys_name {
	uint8_t name_hash[32];
	char ext[16];
	uint64_t plain_len;
};

/* --- spool ---------------------------------------------------------------- */

/*
 * Make everything durable that keys holds for these transfers.
 * Request: no fixed part, elements key_ref.  Reply: ipc_status.
 */

/*
 * Decide on a transfer from keys' own records.  The verdict and decision
 * entries are in the audit log, and the slots durable, before the reply.
 */
enum keys_decision {
	DECIDE_GO = 1,		/* low: may be sealed; high: may be released */
	DECIDE_HOLD = 2,
	DECIDE_REJECT = 3,
	DECIDE_QUARANTINE = 4,
	DECIDE_APPROVAL = 5,	/* machine stages done; a person must agree */
	DECIDE_INSPECT = 6	/* verdicts are missing: stages in missing */
};
struct keys_evaluate {
	struct key_ref transfer;
	char number[IPC_NUMBER_LEN];
};
struct keys_decided {
	int32_t err;
	uint16_t reason;	/* the gravest */
	uint16_t decision;	/* enum keys_decision */
	uint32_t body_index;	/* the body it is about */
	uint32_t missing;	/* STAGE_BIT mask, with DECIDE_INSPECT */
	uint32_t approvals_have, approvals_need;
	char detail[IPC_DETAIL_LEN];
};

/*
 * Per body: what was found, for screens and receipts.
 * Request: keys_release.  Reply: ipc_status, elements keys_body_info.
 */
struct keys_body_info {
	uint32_t index;
	uint16_t type;		/* enum policy_type */
	uint16_t method;
	uint16_t verdict;	/* the gravest */
	uint16_t reason;
	uint32_t stages;	/* STAGE_BIT mask of stages that reported */
	uint64_t plain_len;
	uint8_t root[32];
	char detail[IPC_DETAIL_LEN];
};

/*
 * Seal a transfer that was decided GO: next sequence number, header, tables,
 * journal, audit entry, all durable before the reply.  Asked again for the
 * same transfer it answers with the same bytes.
 * Reply: keys_sealed, fd: sealed memfd with the parcel object.
 */
struct keys_seal {
	struct key_ref transfer;
	char number[IPC_NUMBER_LEN];
	uint64_t created_ms;	/* of the transfer's acceptance */
};
struct keys_sealed {
	int32_t err;
	uint16_t reason;
	uint16_t pad;
	uint32_t epoch;
	uint32_t object_len;
	uint64_t seq;
	uint8_t parcel_id[16];
	uint8_t header_hash[32];
	char channel[IPC_ID_LEN];
};

/* KEYS_WITHDRAW: reply keys_sealed with the control parcel. */
struct keys_withdraw {
	char channel[IPC_ID_LEN];
	uint64_t seq;
	uint16_t reason;
	uint16_t pad[3];
};

/*
 * Open a complete parcel at the receiver.  fd: memfd with the object.
 * Everything is checked again from the signature on; keys' own record of
 * the channel decides about epochs.  bodies are registered in new slots,
 * their keys wrapped under this zone's bucket key.
 * Reply: keys_opened; reasons BAD_SEAL, EXPIRED, BENCH_CARD,
 * FLOW_UNKNOWN_HERE (held: ask again after a policy change), DAMAGED.
 */
struct keys_open {
	char channel[IPC_ID_LEN];
};
struct keys_opened {
	int32_t err;
	uint16_t reason;
	uint16_t pad;
	struct key_ref transfer;
	uint32_t body_count;
	uint32_t pad2;
	uint64_t created_ms;
	uint8_t parcel_id[16];
	char flow[IPC_ID_LEN];
	char number[IPC_NUMBER_LEN];
	char submitter[IPC_PERSON_LEN];
};

/* ACK: spool states it, keys adds the log's size and root and signs. */
struct keys_ack_sign {
	char channel[IPC_ID_LEN];
	struct ack ack;
};
struct keys_ack_signed {
	int32_t err;
	uint32_t pad;
	uint8_t bytes[ACK_LEN];
};
/* ACK from the peer: verified, its log root anchored in ours. */
struct keys_ack_check {
	char channel[IPC_ID_LEN];
	uint8_t bytes[ACK_LEN];
};
struct keys_ack_checked {
	int32_t err;
	uint16_t reason;
	uint16_t pad;
	struct ack ack;
};

/* KEYS_CHANNELS: no body; reply ipc_status, elements keys_channel. */
enum channel_state { CHANNEL_UNPAIRED = 1, CHANNEL_OPEN = 2, CHANNEL_FROZEN = 3 };
struct keys_channel {
	char id[IPC_ID_LEN];
	char peer[IPC_ID_LEN];
	uint32_t role;		/* enum policy_channel_role */
	uint32_t state;		/* enum channel_state */
	uint32_t epoch;
	uint16_t freeze_reason;
	uint16_t flags;
	uint64_t next_seq;	/* sender: the next to be sealed */
	uint8_t last_hash[32];	/* sender: of header next_seq - 1, or card */
	uint8_t first_prev[32];	/* receiver: what the epoch's first must hold */
	uint8_t peer_sign_pub[32];
	uint8_t peer_key_ids[4][16]; /* receiver: our ids a header may name */
	uint8_t peer_pin[32];	/* SHA-256 of the peer's transport SPKI */
	uint8_t our_sign_pub[32];
};

/* KEYS_TRANSPORT: link's own pin, for our card.  Reply ipc_status. */
struct keys_transport {
	uint8_t pin[32];
};

/* KEYS_ERASE: keys_bodies; destroys all keys of a transfer.  ipc_status. */
/* KEYS_REJUDGE: keys_bodies; forget verdicts (policy or signatures changed,
 * or a person asked for a new scan).  ipc_status. */

/* --- desk ------------------------------------------------------------------ */

enum keys_act {
	ACT_APPROVE = 1,	/* an approval step of the flow */
	ACT_RELEASE = 2,	/* from HELD: NOT-SCANNED takes two officers */
	ACT_REJECT = 3,		/* by an officer or approver: back to the sender */
	ACT_REVOKE = 4		/* by the submitter */
};
struct keys_decide {
	struct key_ref transfer;
	uint16_t act;		/* enum keys_act */
	uint16_t pad;
	uint32_t uid;
	uint32_t roles;		/* desk: enum policy_role bits of uid */
	uint32_t pad2;
	char account[IPC_PERSON_LEN];
	char number[IPC_NUMBER_LEN];
	char comment[128];
};
/* Reply: keys_decided (as KEYS_EVALUATE would now answer); err GW_EDENIED
 * with reason when the act is not permitted (self-approval, wrong role,
 * infected, already acted). */

#define KEYS_CARD_MAX 2048
struct keys_pair_init {	/* make this zone's keys; once */
	uint32_t flags;		/* CARD_BENCH */
	uint32_t uid;
};
#define CARD_BENCH 1u
struct keys_card {	/* reply to KEYS_CARD and KEYS_PAIR_INIT */
	int32_t err;
	uint32_t len;
	char digits[40];	/* "12345 67890 ...": 30 digits of our card */
	uint8_t bytes[KEYS_CARD_MAX];
};
/*
 * Accept a peer's card.  digits: the 30 that the other side shows, as
 * typed.  secret: pairing secret shared on paper; all zero: make one (it
 * is returned once).  Reply keys_paired.
 */
struct keys_pair_accept {
	uint32_t uid;
	uint32_t len;
	char digits[40];
	uint8_t secret[32];
	uint8_t bytes[KEYS_CARD_MAX];
};
struct keys_paired {
	int32_t err;
	uint32_t pad;
	char peer[IPC_ID_LEN];
	uint8_t secret[32];
};
/* KEYS_PAIR_SHOW, KEYS_LIST: no body; reply ipc_status, elements keys_info. */
struct keys_info {
	char kind[24];		/* "zone-sign", "receive-2026-11", "peer" ... */
	char zone[IPC_ID_LEN];
	uint8_t id[16];
	uint64_t made_ms, not_before_ms, not_after_ms;
	char digits[40];
	uint32_t flags;
	uint32_t pad;
};
enum keys_channel_act { CHANNEL_FREEZE = 1, CHANNEL_NEW_EPOCH = 2 };
struct keys_channel_op {
	char channel[IPC_ID_LEN];
	uint32_t act;
	uint32_t uid;		/* new-epoch: two different officers */
	uint32_t roles;
	uint32_t pad;
	char account[IPC_PERSON_LEN];
};
/* Reply ipc_status: GW_EAGAIN after the first of two people.  From spool:
 * CHANNEL_FREEZE only, uid UINT32_MAX, account "spool" (equivocation). */

#endif
