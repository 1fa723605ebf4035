/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/body.h"
#include "proto/parcel/header.h"

#include "gatewayd/spool/handlers.h"
#include "gatewayd/spool/life.h"
#include "gatewayd/spool/quota.h"

static struct receiving *
intake_find(struct spool *sp, const struct client *client,
    const struct key_ref *ref)
{
	struct receiving *r;

	TAILQ_FOREACH(r, &sp->receiving, next) {
		if (r->client == client &&
		    memcmp(&r->open.transfer, ref, sizeof(*ref)) == 0)
			return r;
	}
	return NULL;
}

static struct receiving *
intake_must_find(struct spool *sp, const struct client *client,
    const struct key_ref *ref)
{
	struct receiving *r = intake_find(sp, client, ref);

	if (r == NULL)
		log_fatal("courier: a transfer that was not opened");
	return r;
}

/* A body that is replaced, or dropped with its transfer. */
static void
intake_forget_body(struct spool *sp, struct body_row *b)
{
	if (b->place.pack != 0)
		store_forget(sp->store, &b->place);
	else if (b->place.len != 0)
		store_remove(sp->store, b->id);
	memset(b, 0, sizeof(*b));
}

static void
intake_free(struct spool *sp, struct receiving *r)
{
	TAILQ_REMOVE(&sp->receiving, r, next);
	quota_release(sp, r->stored_bytes);
	mem_free(r->bodies);
	mem_free(r);
}

static void
intake_drop_one(struct spool *sp, struct receiving *r)
{
	uint32_t i;

	for (i = 0; i < r->open.body_count; i++)
		intake_forget_body(sp, &r->bodies[i]);
	intake_free(sp, r);
}

void
intake_forget(struct spool *sp, const struct client *client)
{
	struct receiving *r, *next;

	for (r = TAILQ_FIRST(&sp->receiving); r != NULL; r = next) {
		next = TAILQ_NEXT(r, next);
		if (r->client == client)
			intake_drop_one(sp, r);
	}
}

/* --- opening ------------------------------------------------------------------- */

static uint16_t
intake_check_flow(struct spool *sp, const struct spool_transfer_open *open)
{
	const struct policy_flow *flow;

	flow = policy_find_flow(sp->policy, open->flow);
	if (flow == NULL)
		return REASON_FLOW_UNKNOWN;
	if (!policy_flow_is_open(flow, clock_wall_ms()))
		return REASON_FLOW_ENDED;
	if (open->body_count - 1 > flow->files)
		return REASON_TOO_MANY_FILES;
	if (open->plain_bytes > flow->transfer_bytes)
		return REASON_TRANSFER_TOO_BIG;
	if (open->body_count == 2 && open->plain_bytes > flow->file_bytes)
		return REASON_FILE_TOO_BIG;
	return REASON_NONE;
}

void
intake_open(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_transfer_open open;
	struct receiving *r;
	uint16_t reason;

	memcpy(&open, msg->body, sizeof(open));
	spool_check_text(open.flow, sizeof(open.flow));
	spool_check_text(open.submitter, sizeof(open.submitter));
	if (open.body_count < 2 || open.body_count > PARCEL_BODIES_MAX ||
	    intake_find(sp, client, &open.transfer) != NULL)
		log_fatal("courier: a transfer of %u bodies, or one opened "
		    "twice", open.body_count);
	reason = intake_check_flow(sp, &open);
	if (reason != REASON_NONE) {
		group_status(sp, client, msg->type, msg->id, GW_EDENIED,
		    reason);
		return;
	}
	if (quota_reserve_intake(sp, open.stored_bytes) != GW_OK) {
		group_status(sp, client, msg->type, msg->id, GW_ESPACE,
		    sp->gate.disk_failed != 0 ? REASON_INTERNAL :
		    REASON_NO_SPACE);
		return;
	}
	r = mem_alloc(sizeof(*r));
	r->client = client;
	r->open = open;
	r->stored_bytes = open.stored_bytes;
	r->bodies = mem_array(open.body_count, sizeof(*r->bodies));
	TAILQ_INSERT_TAIL(&sp->receiving, r, next);
	group_status(sp, client, msg->type, msg->id, GW_OK, REASON_NONE);
}

/* --- bodies ------------------------------------------------------------------------ */

static struct body_row *
intake_slot(struct receiving *r, uint32_t index, uint64_t padded_len)
{
	if (index >= r->open.body_count || !body_padded_ok(padded_len))
		log_fatal("courier: body %u of %u, %llu bytes", index,
		    r->open.body_count, (unsigned long long)padded_len);
	return &r->bodies[index];
}

static void
intake_note(struct body_row *b, const struct ipc_body *in)
{
	memcpy(b->id, in->id, sizeof(b->id));
	memcpy(b->root, in->root, sizeof(b->root));
	b->padded_len = in->padded_len;
	b->plain_len = in->plain_len;
	b->index = in->index;
	b->is_put = true;
}

/* Replies say only that courier may forget its copies of the ciphertext. */
void
intake_put(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	const struct ipc_body *in = msg->elems;
	struct spool_bodies ask;
	struct receiving *r;
	struct body_row *slot;
	uint64_t size = 0, len;
	enum gw_err err = GW_OK;
	uint32_t i;

	memcpy(&ask, msg->body, sizeof(ask));
	r = intake_must_find(sp, client, &ask.transfer);
	if (io_check_sealed(msg->fds[0], &size) != GW_OK)
		log_fatal("courier: bodies in a file that is not sealed");
	for (i = 0; i < msg->count && err == GW_OK; i++) {
		slot = intake_slot(r, in[i].index, in[i].padded_len);
		len = body_stored_len(in[i].padded_len);
		if (in[i].padded_len > BODY_SMALL_MAX ||
		    in[i].offset > size || len > size - in[i].offset)
			log_fatal("courier: body %u does not lie in its file",
			    in[i].index);
		intake_forget_body(sp, slot);
		err = store_put(sp->store, r->open.transfer.bucket,
		    msg->fds[0], in[i].offset, len, &slot->place);
		if (err == GW_OK)
			intake_note(slot, &in[i]);
	}
	if (err != GW_OK)
		log_err("bodies cannot be stored: %s", err_text_en(err));
	group_status(sp, client, msg->type, msg->id, err,
	    err == GW_OK ? REASON_NONE :
	    err == GW_ESPACE ? REASON_NO_SPACE : REASON_INTERNAL);
}

void
intake_create(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_body_create ask;
	struct ipc_status status = {0};
	struct receiving *r;
	struct body_row *slot;
	enum gw_err err;
	uint64_t len;
	int fd = -1;

	memcpy(&ask, msg->body, sizeof(ask));
	r = intake_must_find(sp, client, &ask.transfer);
	slot = intake_slot(r, ask.index, ask.padded_len);
	intake_forget_body(sp, slot);
	len = body_stored_len(ask.padded_len);
	err = store_create(sp->store, ask.id, len, &fd);
	if (err == GW_OK) {
		memcpy(slot->id, ask.id, sizeof(slot->id));
		slot->index = ask.index;
		slot->padded_len = ask.padded_len;
		slot->place.len = len;
	} else {
		log_err("a body cannot be made: %s", err_text_en(err));
		status.reason = err == GW_ESPACE ? REASON_NO_SPACE :
		    REASON_INTERNAL;
	}
	status.err = err;
	group_reply(sp, client, msg->type, msg->id, &status, sizeof(status),
	    NULL, 0, 0, fd);
}

void
intake_body_done(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	const struct ipc_body *in = msg->elems;
	struct spool_bodies ask;
	struct receiving *r;
	struct body_row *slot;
	uint32_t i;

	memcpy(&ask, msg->body, sizeof(ask));
	r = intake_must_find(sp, client, &ask.transfer);
	for (i = 0; i < msg->count; i++) {
		slot = intake_slot(r, in[i].index, in[i].padded_len);
		if (slot->place.len == 0 || slot->place.pack != 0 ||
		    slot->padded_len != in[i].padded_len ||
		    memcmp(slot->id, in[i].id, sizeof(slot->id)) != 0)
			log_fatal("courier: body %u is done but was not "
			    "made", in[i].index);
		intake_note(slot, &in[i]);
		store_touch(sp->store, slot->id);
	}
	group_status(sp, client, msg->type, msg->id, GW_OK, REASON_NONE);
}

/* --- the end ----------------------------------------------------------------------------- */

static uint64_t
intake_stored(const struct receiving *r)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < r->open.body_count; i++) {
		if (!r->bodies[i].is_put)
			log_fatal("courier: done without body %u", i);
		sum += r->bodies[i].place.len;
	}
	return sum;
}

static void
intake_keep_bodies(struct spool *sp, int64_t row, const struct receiving *r)
{
	const struct body_row *b;
	uint32_t i;

	for (i = 0; i < r->open.body_count; i++) {
		b = &r->bodies[i];
		catalog_body_add(sp->cat, row, b);
		if (b->place.pack != 0)
			store_keep(sp->store, &b->place);
		else
			group_effect(sp, EFFECT_SETTLE, b->id, 0);
	}
}

static void
intake_fill(struct transfer *t, const struct receiving *r,
    const struct spool_transfer_done *done)
{
	memset(t, 0, sizeof(*t));
	t->ref = r->open.transfer;
	t->side = SIDE_LOW;
	t->state = ST_RECEIVING;
	t->body_count = r->open.body_count;
	t->file_count = done->file_count;
	t->uid = r->open.uid;
	t->plain_bytes = done->plain_bytes;
	t->accepted_ms = clock_wall_ms();
	t->created_ms = t->accepted_ms;
	mem_put_str(t->flow, sizeof(t->flow), r->open.flow);
	mem_put_str(t->submitter, sizeof(t->submitter), r->open.submitter);
}

void
intake_done(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_transfer_done done;
	struct spool_accepted reply = {0};
	struct receiving *r;
	struct transfer t;

	memcpy(&done, msg->body, sizeof(done));
	r = intake_must_find(sp, client, &done.transfer);
	intake_fill(&t, r, &done);
	t.stored_bytes = intake_stored(r);
	receipt_next(sp, t.accepted_ms, t.number);
	sp->gate.stored_bytes += t.stored_bytes;
	life_must(sp, &t, EV_ACCEPT, &(struct life_why){
	    .actor = r->open.submitter});
	intake_keep_bodies(sp, t.row, r);
	reply.accepted_ms = t.accepted_ms;
	mem_put_str(reply.number, sizeof(reply.number), t.number);
	group_reply(sp, client, msg->type, msg->id, &reply, sizeof(reply),
	    NULL, 0, 0, -1);
	intake_free(sp, r);
}

void
intake_drop(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct receiving *r;
	struct spool_bodies ask;

	memcpy(&ask, msg->body, sizeof(ask));
	r = intake_find(sp, client, &ask.transfer);
	if (r != NULL)
		intake_drop_one(sp, r);
	group_status(sp, client, msg->type, msg->id, GW_OK, REASON_NONE);
}

void
intake_claim(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_claim *claims;
	struct ipc_status status = {0};
	struct transfer t;
	uint32_t i;

	claims = mem_array(msg->count + 1, sizeof(*claims));
	for (i = 0; i < msg->count; i++) {
		if (!catalog_find(sp->cat,
		    (const uint8_t *)msg->elems + 16 * (size_t)i, &t))
			continue;
		claims[i].is_accepted = 1;
		mem_put_str(claims[i].number, sizeof(claims[i].number),
		    t.number);
	}
	group_reply(sp, client, msg->type, msg->id, &status, sizeof(status),
	    claims, sizeof(*claims), msg->count, -1);
	mem_free(claims);
}

void
intake_refused(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct audit_record a = {.event = AUDIT_REFUSED_INTAKE};
	struct spool_accepted reply = {0};
	struct spool_refused ask;

	memcpy(&ask, msg->body, sizeof(ask));
	spool_check_text(ask.flow, sizeof(ask.flow));
	spool_check_text(ask.submitter, sizeof(ask.submitter));
	reply.accepted_ms = clock_wall_ms();
	receipt_next(sp, reply.accepted_ms, reply.number);
	a.reason = ask.reason;
	a.wall_ms = reply.accepted_ms;
	a.uid = ask.uid;
	a.size = ask.plain_bytes;
	memcpy(a.hash, ask.name_hash, sizeof(a.hash));
	mem_put_str(a.number, sizeof(a.number), reply.number);
	mem_put_str(a.flow, sizeof(a.flow), ask.flow);
	mem_put_str(a.actor, sizeof(a.actor), ask.submitter);
	group_audit(sp, &a);
	group_reply(sp, client, msg->type, msg->id, &reply, sizeof(reply),
	    NULL, 0, 0, -1);
}
