/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_KEYS_WAY_H
#define TESTS_UNIT_KEYS_WAY_H

#include "tests/unit/keys/gate.h"

/*
 * The way of a transfer, as honest processes go it.  Each step is one
 * request, so that a test can leave one out or do it wrongly.
 */
#define WAY_BODIES_MAX 80
#define WAY_PLAIN 1000u

struct way {
	struct gate *g;
	struct key_ref transfer;
	uint32_t count;			/* bodies, manifest included */
	struct key_ref bodies[WAY_BODIES_MAX];
	uint8_t keys[WAY_BODIES_MAX][32];
	uint8_t roots[WAY_BODIES_MAX][32];
	uint8_t names[WAY_BODIES_MAX][32];
	char number[IPC_NUMBER_LEN];
};

/* Low side. */
void way_new(struct way *, struct gate *, uint32_t bodies);
enum gw_err way_body_new(struct way *, uint32_t index);
enum gw_err way_body_done(struct way *, uint32_t index);
enum gw_err way_commit(struct way *);
void way_accept(struct way *, struct gate *, uint32_t bodies); /* all that */

/* Either side: as a stage's zygote. */
enum gw_err way_grant(struct way *, enum policy_stage, uint32_t index,
    struct keys_grant *out);
void way_verdict_fill(const struct way *, enum policy_stage, uint32_t index,
    struct verdict_record *out);	/* a good one */
enum gw_err way_verdict_send(struct way *, enum policy_stage,
    const struct verdict_record *);
enum gw_err way_stage(struct way *, enum policy_stage, uint32_t index,
    uint16_t verdict, uint16_t reason);
enum gw_err way_names(struct way *);
void way_inspect(struct way *);		/* every stage, all good */

void way_evaluate(struct way *, struct keys_decided *out);
enum keys_decision way_decision(struct way *); /* err must be GW_OK */
enum gw_err way_decide(struct way *, enum keys_act, uint32_t uid,
    uint32_t roles, struct keys_decided *out);

/* out->err says how it went; *fd_out -1 without an object. */
void way_seal(struct way *, struct keys_sealed *out, int *fd_out);

/* High side. */
void way_open(struct gate *, int object, struct keys_opened *out);
void way_arrive(struct way *high, struct gate *, const struct way *low,
    int object);			/* opens; must succeed */
enum gw_err way_release(struct way *, uint32_t first, uint32_t count,
    struct keys_grant *out);

/* The object's bytes, and a sealed memfd of bytes. */
uint8_t *way_object_read(int fd, size_t *len_out);
int way_object_make(const uint8_t *, size_t);

#endif
