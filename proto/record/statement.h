/* SPDX-License-Identifier: ISC */
#ifndef PROTO_RECORD_STATEMENT_H
#define PROTO_RECORD_STATEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rd.h"

/*
 * The statement of a parcel: what the sending zone says of the transfer, in
 * fixed records, written by its keys process and encrypted under the parcel
 * key.  Advisory to the peer, but for the flow's id: the receiver inspects
 * everything again.  PROTOCOL-pairing.md, "Statement".
 */
#define STATEMENT_TOP_LEN 320u
#define STATEMENT_APPROVAL_LEN 24u
#define STATEMENT_BODY_LEN 160u
#define STATEMENT_APPROVALS_MAX 8
#define STATEMENT_STAGES 6	/* in the order of enum policy_stage */

enum statement_method {		/* of a body, by the guideline */
	METHOD_NONE = 0,
	METHOD_PERSON = 4,	/* let through by a person's decision */
	METHOD_CONFIRMED = 5	/* strict parse proves absence of danger */
};

struct statement_top {
	char flow[48];
	char number[24];	/* receipt number */
	char submitter[64];
	uint8_t policy_digest[32];
	uint8_t flow_digest[32];
	uint8_t origin_id[16];	/* transfer id in the zone it began in */
	uint64_t created_ms;	/* acceptance */
	uint32_t approval_count;
	uint32_t body_count;	/* manifest included */
};

struct statement_approval {
	uint32_t uid;		/* in the sending zone */
	uint32_t roles;
	uint16_t act;		/* enum keys_act: approved or released */
	uint16_t step;
	uint64_t wall_ms;
};

struct statement_stage {
	uint16_t verdict;	/* enum verdict; 0: stage did not run */
	uint16_t reason;
	uint32_t engine, signatures;
	uint64_t signatures_ms;
};

struct statement_body {
	uint32_t index;
	uint16_t type;		/* enum policy_type */
	uint16_t method;	/* enum statement_method */
	uint8_t source_id[16];	/* lineage: body it was made from, or zero */
	struct statement_stage stages[STATEMENT_STAGES];
};

size_t statement_len(uint32_t approval_count, uint32_t body_count);

void statement_put_top(struct buf *, const struct statement_top *);
void statement_put_approval(struct buf *, const struct statement_approval *);
void statement_put_body(struct buf *, const struct statement_body *);

/*
 * Strict reading: the top, then its approvals, then its bodies, then
 * rd_end.  statement_open checks the whole length, texts and counts.
 * Errors: GW_EFORMAT, GW_ETRUNC, GW_EVERSION.
 */
GW_MUST_CHECK enum gw_err statement_open(struct rd *, const void *, size_t,
    struct statement_top *out);
GW_MUST_CHECK enum gw_err statement_get_approval(struct rd *,
    struct statement_approval *out);
GW_MUST_CHECK enum gw_err statement_get_body(struct rd *, uint32_t index,
    struct statement_body *out);

#endif
