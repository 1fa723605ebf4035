/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_SLOT_H
#define GATEWAYD_KEYS_SLOT_H

#include <stdint.h>

#include "policy/table.h"
#include "proto/ipc/types.h"

/*
 * Records of the keystore.  One bucket is one file of 512-byte slots, which
 * a disk writes whole or not at all; each is authenticated under the
 * bucket's key together with its place.  Written and read by keys alone, on
 * one machine: host byte order.  A transfer's bodies lie behind it.
 */
#define SLOT_LEN 512
#define SLOT_TAG_LEN 16
#define SLOT_WRAPPED_LEN 48	/* key and GCM tag */
#define SLOT_APPROVALS_MAX 8

enum slot_kind {
	SLOT_TRANSFER = 0x31584647,	/* "GFX1" */
	SLOT_BODY = 0x31594247		/* "GBY1" */
};

enum transfer_flag {
	TRANSFER_COMMITTED = 1 << 0,	/* low: accepted; high: opened */
	TRANSFER_SEALED = 1 << 1,	/* true if the journal agrees */
	TRANSFER_SEAL_LOGGED = 1 << 2,
	TRANSFER_DECISION_LOGGED = 1 << 3,
	TRANSFER_REFUSED = 1 << 4,	/* by a person */
	TRANSFER_REVOKED = 1 << 5,	/* by the submitter */
	TRANSFER_ERASED = 1 << 6,
	TRANSFER_ACTED = 1 << 7		/* content holds what people saw */
};

/* What a person did: an approval or a release. */
struct slot_approval {
	uint32_t uid;
	uint32_t time_s;
	uint8_t act;		/* enum keys_act */
	uint8_t roles;		/* enum policy_role bits then */
	uint8_t step;
	uint8_t pad;
};

struct transfer_slot {
	uint32_t kind;
	uint32_t flags;
	uint8_t id[16];
	char flow[IPC_ID_LEN];
	uint8_t flow_digest[32];	/* of the flow at the last decision */
	uint8_t policy_digest[32];
	uint8_t channel_id[16];
	uint8_t parcel_id[16];
	uint8_t parcel_key[SLOT_WRAPPED_LEN];	/* wrapped */
	uint8_t content[32];	/* what people decided about */
	uint8_t origin_id[16];
	uint64_t created_ms;	/* low: acceptance; high: as stated */
	uint64_t seq;
	uint32_t epoch;
	uint32_t generation;	/* of the channel's pairing */
	uint32_t body_count;	/* manifest included */
	uint32_t uid;		/* submitter; UINT32_MAX unknown */
	uint32_t attempt;	/* audit entries of the seal so far */
	uint16_t reason;	/* of the last decision */
	uint8_t decision;	/* enum keys_decision; 0 none yet */
	uint8_t side;		/* enum side */
	uint8_t approval_count;
	uint8_t pad[3];
	char number[IPC_NUMBER_LEN];
	char submitter[IPC_PERSON_LEN];
	struct slot_approval approvals[SLOT_APPROVALS_MAX];
	uint8_t spare[4];
	uint8_t tag[SLOT_TAG_LEN];
};
_Static_assert(sizeof(struct transfer_slot) == SLOT_LEN, "one slot");

enum body_flag {
	BODY_HAS_KEY = 1 << 0,
	BODY_HAS_ROOT = 1 << 1,
	BODY_IS_NAMED = 1 << 2,	/* name hash and extension are known */
	BODY_LOGGED = 1 << 3,	/* its verdicts are in the audit log */
	BODY_NAMES_WRONG = 1 << 4 /* manifest: not what courier said */
};

struct slot_stage {
	uint8_t verdict;	/* enum verdict */
	uint8_t method;
	uint16_t reason;	/* enum reason */
	uint32_t engine, signatures;
	uint32_t ended_s;
	uint64_t signatures_ms;
};
_Static_assert(sizeof(struct slot_stage) == 24, "no padding");

struct body_slot {
	uint32_t kind;
	uint32_t flags;
	uint8_t id[16];
	uint8_t transfer_id[16];
	uint8_t nonce[12];
	uint8_t wrapped[SLOT_WRAPPED_LEN];
	uint32_t index;
	uint8_t root[32];
	uint8_t name_hash[32];
	uint8_t verdict_digest[32];	/* flow digest the verdicts are under */
	uint64_t padded_len, plain_len;
	struct slot_stage stages[STAGE_COUNT];
	char ext[16];
	char detail[IPC_DETAIL_LEN];	/* of the gravest verdict */
	uint16_t type;			/* enum policy_type, by identify */
	uint16_t granted;		/* STAGE_BIT mask that got the key */
	uint32_t names_next;		/* manifest: index the next name has */
	uint8_t source_id[16];		/* lineage */
	uint8_t spare[32];
	uint8_t tag[SLOT_TAG_LEN];
};
_Static_assert(sizeof(struct body_slot) == SLOT_LEN, "one slot");
_Static_assert(STAGE_COUNT <= 16, "granted");

#endif
