/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/mem.h"
#include "proto/crypto/crypto.h"
#include "proto/parcel/body.h"

#include "tests/unit/keys/way.h"

/* --- low side ----------------------------------------------------------- */

void
way_new(struct way *w, struct gate *g, uint32_t bodies)
{
	static unsigned serial;
	struct keys_transfer_new req = {.body_count = bodies,
	    .uid = UID_STAFF, .flow = "documents", .submitter = "staff"};
	struct keys_transfer_made made;

	memset(w, 0, sizeof(*w));
	w->g = g;
	w->count = bodies;
	(void)snprintf(w->number, sizeof(w->number), "I20260401-%05u-0",
	    ++serial % 100000);
	(void)gate_ask(g, &(struct gate_ask){.client = GATE_COURIER,
	    .type = KEYS_TRANSFER_NEW, .fixed = &req,
	    .fixed_len = sizeof(req)}, &made, sizeof(made), NULL, 0, 0, NULL);
	ck_assert_int_eq(made.err, GW_OK);
	ck_assert_mem_eq(made.flow_digest, g->flow->digest, 32);
	w->transfer = made.transfer;
}

enum gw_err
way_body_new(struct way *w, uint32_t index)
{
	struct keys_bodies req = {.transfer = w->transfer};
	struct keys_body_ask ask = {.index = index};
	struct keys_body_made made;
	struct ipc_status st;
	uint32_t n;

	if (index > 0) {
		crypto_random(w->names[index], 32);
		memcpy(ask.name_hash, w->names[index], 32);
		(void)mem_put_str(ask.ext, sizeof(ask.ext), "txt");
	}
	n = gate_ask(w->g, &(struct gate_ask){.client = GATE_COURIER,
	    .type = KEYS_BODY_NEW, .fixed = &req, .fixed_len = sizeof(req),
	    .elems = &ask, .elem = sizeof(ask), .count = 1}, &st, sizeof(st),
	    &made, sizeof(made), 1, NULL);
	if (st.err != GW_OK)
		return (enum gw_err)st.err;
	ck_assert_uint_eq(n, 1);
	w->bodies[index] = made.body;
	memcpy(w->keys[index], made.key, 32);
	crypto_random(w->roots[index], 32);
	return GW_OK;
}

enum gw_err
way_body_done(struct way *w, uint32_t index)
{
	struct keys_bodies req = {.transfer = w->transfer};
	struct ipc_body done = {.index = index, .plain_len = WAY_PLAIN,
	    .padded_len = body_padded_len(WAY_PLAIN)};

	memcpy(done.id, w->bodies[index].id, 16);
	memcpy(done.root, w->roots[index], 32);
	return gate_status(w->g, &(struct gate_ask){.client = GATE_COURIER,
	    .type = KEYS_BODY_DONE, .fixed = &req, .fixed_len = sizeof(req),
	    .elems = &done, .elem = sizeof(done), .count = 1});
}

enum gw_err
way_commit(struct way *w)
{
	return gate_status(w->g, &(struct gate_ask){.client = GATE_SPOOL,
	    .type = KEYS_COMMIT, .elems = &w->transfer,
	    .elem = sizeof(w->transfer), .count = 1});
}

void
way_accept(struct way *w, struct gate *g, uint32_t bodies)
{
	uint32_t i;

	way_new(w, g, bodies);
	for (i = 0; i < bodies; i++) {
		ck_assert_int_eq(way_body_new(w, i), GW_OK);
		ck_assert_int_eq(way_body_done(w, i), GW_OK);
	}
	ck_assert_int_eq(way_commit(w), GW_OK);
}

/* --- inspection --------------------------------------------------------- */

enum gw_err
way_grant(struct way *w, enum policy_stage stage, uint32_t index,
    struct keys_grant *out)
{
	struct ipc_status st;

	ck_assert_uint_eq(gate_ask(w->g, &(struct gate_ask){
	    .client = GATE_ZYGOTE(stage), .type = KEYS_GRANT,
	    .elems = &w->bodies[index], .elem = sizeof(struct key_ref),
	    .count = 1}, &st, sizeof(st), out, sizeof(*out), 1, NULL), 1);
	ck_assert_int_eq(st.err, GW_OK);
	return (enum gw_err)out->err;
}

void
way_verdict_fill(const struct way *w, enum policy_stage stage, uint32_t index,
    struct verdict_record *out)
{
	memset(out, 0, sizeof(*out));
	out->body = w->bodies[index];
	memcpy(out->root, w->roots[index], 32);
	out->verdict = VERDICT_CLEAN;
	out->type = TYPE_TEXT;
	out->engine = 1;
	out->signatures = 27000;
	out->signatures_ms = gate_now() - 3600000;
	out->ended_ms = gate_now();
	(void)mem_put_str(out->detail, sizeof(out->detail),
	    policy_stage_name(stage));
}

enum gw_err
way_verdict_send(struct way *w, enum policy_stage stage,
    const struct verdict_record *rec)
{
	return gate_status(w->g, &(struct gate_ask){
	    .client = GATE_ZYGOTE(stage), .type = KEYS_VERDICT, .elems = rec,
	    .elem = sizeof(*rec), .count = 1});
}

enum gw_err
way_stage(struct way *w, enum policy_stage stage, uint32_t index,
    uint16_t verdict, uint16_t reason)
{
	struct verdict_record rec;
	struct keys_grant grant;
	enum gw_err err;

	if ((err = way_grant(w, stage, index, &grant)) != GW_OK)
		return err;
	ck_assert_mem_eq(grant.root, w->roots[index], 32);
	ck_assert_mem_eq(grant.key, w->keys[index], 32);
	way_verdict_fill(w, stage, index, &rec);
	rec.verdict = verdict;
	rec.reason = reason;
	return way_verdict_send(w, stage, &rec);
}

enum gw_err
way_names(struct way *w)
{
	struct keys_names req = {.manifest = w->bodies[0], .first = 1,
	    .total = w->count - 1};
	struct keys_name names[WAY_BODIES_MAX];
	struct keys_grant grant;
	enum gw_err err;
	uint32_t i;

	if ((err = way_grant(w, STAGE_MANIFEST, 0, &grant)) != GW_OK)
		return err;
	memset(names, 0, sizeof(names));
	for (i = 1; i < w->count; i++) {
		memcpy(names[i - 1].name_hash, w->names[i], 32);
		(void)mem_put_str(names[i - 1].ext, 16, "txt");
		names[i - 1].plain_len = WAY_PLAIN;
	}
	return gate_status(w->g, &(struct gate_ask){
	    .client = GATE_ZYGOTE(STAGE_MANIFEST), .type = KEYS_NAMES,
	    .fixed = &req, .fixed_len = sizeof(req), .elems = names,
	    .elem = sizeof(names[0]), .count = w->count - 1});
}

void
way_inspect(struct way *w)
{
	uint32_t i;

	ck_assert_int_eq(way_names(w), GW_OK);
	ck_assert_int_eq(way_stage(w, STAGE_MANIFEST, 0, VERDICT_CLEAN, 0),
	    GW_OK);
	for (i = 1; i < w->count; i++) {
		ck_assert_int_eq(way_stage(w, STAGE_IDENTIFY, i,
		    VERDICT_CLEAN, 0), GW_OK);
		ck_assert_int_eq(way_stage(w, STAGE_CLAM, i, VERDICT_CLEAN,
		    0), GW_OK);
		ck_assert_int_eq(way_stage(w, STAGE_CONFIRM, i,
		    VERDICT_CONFIRMED, 0), GW_OK);
	}
}

/* --- decisions ---------------------------------------------------------- */

void
way_evaluate(struct way *w, struct keys_decided *out)
{
	struct keys_evaluate req = {.transfer = w->transfer};

	memcpy(req.number, w->number, sizeof(req.number));
	(void)gate_ask(w->g, &(struct gate_ask){.client = GATE_SPOOL,
	    .type = KEYS_EVALUATE, .fixed = &req, .fixed_len = sizeof(req)},
	    out, sizeof(*out), NULL, 0, 0, NULL);
}

enum keys_decision
way_decision(struct way *w)
{
	struct keys_decided d;

	way_evaluate(w, &d);
	ck_assert_int_eq(d.err, GW_OK);
	return (enum keys_decision)d.decision;
}

enum gw_err
way_decide(struct way *w, enum keys_act act, uint32_t uid, uint32_t roles,
    struct keys_decided *out)
{
	struct keys_decide req = {.transfer = w->transfer,
	    .act = (uint16_t)act, .uid = uid, .roles = roles};

	(void)snprintf(req.account, sizeof(req.account), "u%u", uid);
	memcpy(req.number, w->number, sizeof(req.number));
	(void)gate_ask(w->g, &(struct gate_ask){.client = GATE_DESK,
	    .type = KEYS_DECIDE, .fixed = &req, .fixed_len = sizeof(req)},
	    out, sizeof(*out), NULL, 0, 0, NULL);
	return (enum gw_err)out->err;
}

/* --- the border --------------------------------------------------------- */

void
way_seal(struct way *w, struct keys_sealed *out, int *fd_out)
{
	struct keys_seal req = {.transfer = w->transfer,
	    .created_ms = 1775000000123};

	memcpy(req.number, w->number, sizeof(req.number));
	(void)gate_ask(w->g, &(struct gate_ask){.client = GATE_SPOOL,
	    .type = KEYS_SEAL, .fixed = &req, .fixed_len = sizeof(req)}, out,
	    sizeof(*out), NULL, 0, 0, fd_out);
}

void
way_open(struct gate *g, int object, struct keys_opened *out)
{
	struct keys_open req = {.channel = "internet-lgwan"};

	(void)gate_ask(g, &(struct gate_ask){.client = GATE_SPOOL,
	    .type = KEYS_OPEN, .fixed = &req, .fixed_len = sizeof(req),
	    .fd = object}, out, sizeof(*out), NULL, 0, 0, NULL);
}

void
way_arrive(struct way *high, struct gate *g, const struct way *low,
    int object)
{
	struct keys_opened o;
	uint32_t i;

	way_open(g, object, &o);
	ck_assert_int_eq(o.err, GW_OK);
	*high = *low;
	high->g = g;
	high->transfer = o.transfer;
	for (i = 0; i < low->count; i++) {
		high->bodies[i].bucket = o.transfer.bucket;
		high->bodies[i].slot = o.transfer.slot + 1 + i;
	}
}

enum gw_err
way_release(struct way *w, uint32_t first, uint32_t count,
    struct keys_grant *out)
{
	struct keys_release req = {.transfer = w->transfer, .first = first,
	    .count = count};
	struct ipc_status st;
	uint32_t n;

	n = gate_ask(w->g, &(struct gate_ask){.client = GATE_COURIER,
	    .type = KEYS_RELEASE, .fixed = &req, .fixed_len = sizeof(req)},
	    &st, sizeof(st), out, sizeof(*out), count, NULL);
	ck_assert_uint_eq(n, st.err == GW_OK ? count : 0);
	return (enum gw_err)st.err;
}

uint8_t *
way_object_read(int fd, size_t *len_out)
{
	struct stat st;
	uint8_t *bytes;

	ck_assert_int_eq(io_stat(fd, &st), GW_OK);
	bytes = mem_alloc((size_t)st.st_size);
	ck_assert_int_eq(io_pread_full(fd, bytes, (size_t)st.st_size, 0),
	    GW_OK);
	*len_out = (size_t)st.st_size;
	return bytes;
}

int
way_object_make(const uint8_t *bytes, size_t len)
{
	int fd;

	ck_assert_int_eq(io_memfd("object", &fd), GW_OK);
	ck_assert_int_eq(io_write_full(fd, bytes, len), GW_OK);
	ck_assert_int_eq(io_seal(fd), GW_OK);
	return fd;
}
