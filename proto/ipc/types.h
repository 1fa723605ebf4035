/* SPDX-License-Identifier: ISC */
#ifndef PROTO_IPC_TYPES_H
#define PROTO_IPC_TYPES_H

#include <stdint.h>

/* Field types shared by all messages.  No padding anywhere. */

#define IPC_ID_LEN 48		/* flow and channel ids, NUL padded */
#define IPC_NUMBER_LEN 24	/* receipt number, NUL padded */
#define IPC_DETAIL_LEN 64
#define IPC_PERSON_LEN 64
#define IPC_BATCH_MAX 64	/* elements of body messages */

/*
 * Reference to a transfer or a body in the keystore of `keys`: the id, and
 * where its slot is, so that nobody needs an index.  keys checks that the
 * slot holds that id.  Bodies of a transfer lie behind it: body i of the
 * transfer in slot s is in slot s + 1 + i of the same bucket.
 */
struct key_ref {
	uint8_t id[16];
	uint32_t bucket;
	uint32_t slot;
};
_Static_assert(sizeof(struct key_ref) == 24, "no padding");

enum side { SIDE_LOW = 1, SIDE_HIGH = 2 }; /* sender, receiver */

/* Answer that carries nothing else. */
struct ipc_status {
	int32_t err;		/* enum gw_err */
	uint16_t reason;	/* enum reason */
	uint16_t pad;
};
_Static_assert(sizeof(struct ipc_status) == 8, "no padding");

/* One stored body in a message that carries bodies. */
struct ipc_body {
	uint8_t id[16];
	uint8_t root[32];
	uint64_t padded_len;
	uint64_t plain_len;	/* 0 where the sender of it cannot know */
	uint64_t offset;	/* of its stored form in the fd that comes along */
	uint32_t index;		/* 0 is the manifest */
	uint32_t flags;
};
_Static_assert(sizeof(struct ipc_body) == 80, "no padding");

#endif
