/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_DECIDE_H
#define GATEWAYD_KEYS_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/table.h"
#include "proto/ipc/keys.h"
#include "proto/record/reason.h"
#include "gatewayd/keys/slot.h"

/*
 * The decision on a transfer, from records alone: no clock, no file, no
 * state.  A fold over the transfer's bodies in order of their index, so that
 * a large transfer needs no memory.
 *
 * Gravest first: infected, refused by a person, flow gone or ended, limits,
 * denied, manifest wrong, verdicts missing, held (unless officers released
 * it), approvals missing, go.
 */
struct decide_env {
	const struct policy_flow *flow;	/* NULL: there is none */
	uint64_t now_ms;
	uint32_t max_age_days;		/* of virus signatures */
	bool is_bench;			/* our own card is a bench card */
};

enum decide_grade { GRADE_OK, GRADE_HOLD, GRADE_REJECT, GRADE_QUARANTINE };

struct decide_finding {
	enum decide_grade grade;
	enum reason reason;
	uint32_t index;
	char detail[IPC_DETAIL_LEN];
};

/* Officers that a release takes; this many: no release. */
#define DECIDE_NO_RELEASE UINT32_MAX

struct decide_result {
	enum keys_decision decision;
	enum reason reason;
	uint32_t index;
	uint32_t missing;	/* STAGE_BIT mask */
	uint32_t have, need;	/* people: approvals, or releases of a hold */
	uint32_t officers;	/* with DECIDE_HOLD: see above */
	bool is_infected;	/* some body, whatever else */
	uint8_t content[32];	/* what a person's decision is bound to */
	char detail[IPC_DETAIL_LEN];
};

struct sha256;
struct decide_state {
	const struct decide_env *env;
	const struct transfer_slot *t;
	struct sha256 *hash;
	enum gw_err err;
	uint32_t demanded;	/* stages of a file */
	uint32_t next;		/* index of the next body */
	uint32_t missing;
	uint32_t officers;
	uint64_t plain_bytes;
	bool is_infected;
	struct decide_finding worst, manifest, limit;
};

/* env and t are borrowed until decide_end. */
void decide_begin(struct decide_state *, const struct decide_env *,
    const struct transfer_slot *);
void decide_body(struct decide_state *, const struct body_slot *);

/*
 * Errors: GW_ENOENT (not all bodies were given, in order, with a root),
 * GW_ECRYPTO.  Clears the state.
 */
GW_MUST_CHECK enum gw_err decide_end(struct decide_state *,
    struct decide_result *out);

/* Stages that a file of a flow must have passed. */
uint32_t decide_stages(const struct policy_flow *, bool is_bench);

/* May this stage say this? */
bool decide_admits(enum policy_stage, uint16_t verdict);

/*
 * Of two verdicts of one stage, is b graver?  A stage's word can only get
 * worse until the verdicts are forgotten.
 */
bool decide_is_graver(uint16_t a, uint16_t b);

/* The step that waits for approval next; step_count if none does. */
uint32_t decide_step(const struct policy_flow *, const struct transfer_slot *);

#endif
