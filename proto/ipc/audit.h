/* SPDX-License-Identifier: ISC */
#ifndef PROTO_IPC_AUDIT_H
#define PROTO_IPC_AUDIT_H

#include "proto/ipc/types.h"
#include "proto/record/audit.h"

/* Requests to audit.  Clients: spool, keys, desk. */
enum audit_msg {
	/* elements struct audit_record (<= AUDIT_APPEND_MAX); answered after
	 * one fdatasync: struct audit_head */
	AUDIT_APPEND = 0x100,
	/* nothing; struct audit_head: size and root now */
	AUDIT_HEAD = 0x101,
	/* struct audit_range; answered with ipc_status and a sealed memfd of
	 * u16-length-prefixed encoded entries (desk: log search) */
	AUDIT_READ = 0x102,
	/* nothing; struct audit_identity */
	AUDIT_IDENTITY = 0x103
};

#define AUDIT_APPEND_MAX 64

struct audit_head {
	int32_t err;
	uint32_t pad;
	uint64_t size;		/* entries */
	uint64_t checkpoint_size; /* entries under the last signed checkpoint */
	uint64_t wall_ms;
	uint8_t root[32];	/* of size entries */
};
struct audit_range {
	uint64_t first;
	uint32_t count;
	uint32_t pad;
};
struct audit_identity {
	int32_t err;
	uint32_t pad;
	char origin[64];	/* checkpoint origin line */
	uint8_t pub[32];	/* Ed25519 */
};

#endif
