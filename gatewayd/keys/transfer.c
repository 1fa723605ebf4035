/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/crypto/crypto.h"
#include "proto/parcel/body.h"
#include "proto/parcel/header.h"
#include "proto/parcel/manifest.h"
#include "gatewayd/keys/bucket.h"
#include "gatewayd/keys/channel.h"
#include "gatewayd/keys/effect.h"
#include "gatewayd/keys/store.h"

#include "gatewayd/keys/handlers.h"

#define DAY_MS UINT64_C(86400000)

const struct policy_flow *
transfer_flow(const struct keyd *k, const struct transfer_slot *t)
{
	const char *zone = k->policy->zone.zone;
	const struct policy_flow *flow = policy_find_flow(k->policy, t->flow);

	if (flow == NULL)
		return NULL;
	if (t->side == SIDE_LOW)
		return strcmp(flow->from, zone) == 0 ? flow : NULL;
	return strcmp(flow->to, zone) == 0 ? flow : NULL;
}

/* --- TRANSFER_NEW ------------------------------------------------------- */

static enum reason
new_refusal(const struct keyd *k, const struct keys_transfer_new *req,
    const struct policy_flow *flow)
{
	const struct policy_channel *ch;

	if (flow == NULL || strcmp(flow->from, k->policy->zone.zone) != 0)
		return REASON_FLOW_UNKNOWN;
	if (!policy_flow_is_open(flow, clock_wall_ms()))
		return REASON_FLOW_ENDED;
	ch = policy_find_channel(k->policy, flow->channel);
	if (ch == NULL || ch->role != POLICY_SENDER ||
	    strcmp(ch->peer, flow->to) != 0)
		return REASON_NO_CHANNEL;
	if (req->body_count - 1 > flow->files ||
	    req->body_count > PARCEL_BODIES_MAX)
		return REASON_TOO_MANY_FILES;
	return REASON_NONE;
}

static enum gw_err
new_make(struct keyd *k, const struct keys_transfer_new *req,
    const struct policy_flow *flow, struct key_ref *ref_out)
{
	const uint64_t now = clock_wall_ms();
	struct transfer_slot t;

	memset(&t, 0, sizeof(t));
	t.kind = SLOT_TRANSFER;
	t.side = SIDE_LOW;
	crypto_random(t.id, sizeof(t.id));
	memcpy(t.origin_id, t.id, sizeof(t.origin_id));
	memcpy(t.flow, flow->id, sizeof(t.flow));
	memcpy(t.flow_digest, flow->digest, sizeof(t.flow_digest));
	memcpy(t.policy_digest, k->policy->digest, sizeof(t.policy_digest));
	(void)mem_put_str(t.submitter, sizeof(t.submitter), req->submitter);
	t.uid = req->uid;
	t.body_count = req->body_count;
	t.created_ms = now;
	return store_add(k->store,
	    bucket_month(now + flow->original_days * DAY_MS), &t, ref_out);
}

void
transfer_on_new(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_transfer_made made = {.err = GW_OK};
	struct keys_transfer_new req;
	const struct policy_flow *flow;

	memcpy(&req, msg->body, sizeof(req));
	if (!keyd_text_ok(req.flow, sizeof(req.flow)) ||
	    !keyd_text_ok(req.submitter, sizeof(req.submitter)) ||
	    req.body_count < 2)
		log_fatal("courier: a new transfer that makes no sense");
	flow = policy_find_flow(k->policy, req.flow);
	made.reason = (uint16_t)new_refusal(k, &req, flow);
	if (made.reason != REASON_NONE) {
		made.err = GW_EDENIED;
	} else {
		made.err = new_make(k, &req, flow, &made.transfer);
		memcpy(made.flow_digest, flow->digest,
		    sizeof(made.flow_digest));
	}
	keyd_reply(c, msg->type, msg->id, &made, sizeof(made), NULL, 0, 0, -1);
}

/* --- BODY_NEW ----------------------------------------------------------- */

/* The transfer, if it is the courier's to write. */
static enum gw_err
open_transfer(struct keyd *k, const struct key_ref *ref,
    struct transfer_slot *t)
{
	enum gw_err err;

	if ((err = store_get(k->store, ref, t)) != GW_OK)
		return err;
	if (t->side != SIDE_LOW || (t->flags & (TRANSFER_COMMITTED |
	    TRANSFER_ERASED)) != 0)
		return GW_EDENIED;
	return effect_holds(k, t->id) ? GW_EBUSY : GW_OK;
}

static bool
ask_ok(const struct keys_body_ask *ask)
{
	static const uint8_t zero[32];

	if (!keyd_text_ok(ask->ext, sizeof(ask->ext)))
		return false;
	return ask->index > 0 || (ask->ext[0] == '\0' &&
	    memcmp(ask->name_hash, zero, sizeof(zero)) == 0);
}

static enum gw_err
body_make(struct keyd *k, const struct key_ref *ref,
    const struct transfer_slot *t, const struct keys_body_ask *ask,
    struct keys_body_made *made)
{
	struct body_slot b;
	enum gw_err err;

	if (ask->index >= t->body_count || !ask_ok(ask))
		return GW_EINVAL;
	memset(&b, 0, sizeof(b));
	b.kind = SLOT_BODY;
	b.flags = BODY_IS_NAMED;
	b.index = ask->index;
	b.type = TYPE_UNKNOWN;
	b.names_next = 1;
	crypto_random(b.id, sizeof(b.id));
	memcpy(b.transfer_id, t->id, sizeof(b.transfer_id));
	memcpy(b.name_hash, ask->name_hash, sizeof(b.name_hash));
	(void)mem_put_str(b.ext, sizeof(b.ext), ask->ext);
	crypto_random(made->key, sizeof(made->key));
	err = store_wrap(k->store, ref, &b, made->key);
	if (err == GW_OK)
		err = store_put_body(k->store, ref, &b);
	if (err == GW_OK)
		store_body_ref(ref, &b, &made->body);
	return err;
}

void
transfer_on_body_new(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_body_made made[IPC_BATCH_MAX];
	struct ipc_status st = {.err = GW_OK};
	struct keys_body_ask ask;
	struct keys_bodies req;
	struct transfer_slot t;
	enum gw_err err;
	uint32_t i;

	memcpy(&req, msg->body, sizeof(req));
	memset(made, 0, sizeof(made));
	err = open_transfer(k, &req.transfer, &t);
	for (i = 0; i < msg->count && err == GW_OK; i++) {
		memcpy(&ask, (const uint8_t *)msg->elems + i * sizeof(ask),
		    sizeof(ask));
		err = body_make(k, &req.transfer, &t, &ask, &made[i]);
	}
	st.err = err;
	keyd_reply(c, msg->type, msg->id, &st, sizeof(st), made,
	    sizeof(made[0]), err == GW_OK ? msg->count : 0, -1);
	mem_clear(made, sizeof(made));
}

/* --- BODY_DONE ---------------------------------------------------------- */

static enum gw_err
done_check(const struct keyd *k, const struct transfer_slot *t,
    const struct body_slot *b, const struct ipc_body *done)
{
	const struct policy_flow *flow = transfer_flow(k, t);

	if (memcmp(b->id, done->id, sizeof(b->id)) != 0)
		return GW_EDENIED;
	/* Once only: afterwards the content has a name, its root. */
	if ((b->flags & BODY_HAS_ROOT) != 0)
		return GW_EEXIST;
	if (body_padded_len(done->plain_len) != done->padded_len)
		return GW_EINVAL;
	if (done->index == 0)
		return done->plain_len <= MANIFEST_MAX ? GW_OK : GW_ELIMIT;
	return flow != NULL && done->plain_len <= flow->file_bytes ? GW_OK :
	    GW_ELIMIT;
}

static enum gw_err
body_finish(struct keyd *k, const struct key_ref *ref,
    const struct transfer_slot *t, const struct ipc_body *done)
{
	struct body_slot b;
	enum gw_err err;

	if (done->index >= t->body_count)
		return GW_EINVAL;
	if ((err = store_get_body(k->store, ref, done->index, &b)) != GW_OK ||
	    (err = done_check(k, t, &b, done)) != GW_OK)
		return err;
	memcpy(b.root, done->root, sizeof(b.root));
	b.padded_len = done->padded_len;
	b.plain_len = done->plain_len;
	b.flags |= BODY_HAS_ROOT;
	return store_put_body(k->store, ref, &b);
}

void
transfer_on_body_done(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_bodies req;
	struct transfer_slot t;
	struct ipc_body done;
	enum gw_err err;
	uint32_t i;

	memcpy(&req, msg->body, sizeof(req));
	err = open_transfer(k, &req.transfer, &t);
	for (i = 0; i < msg->count && err == GW_OK; i++) {
		memcpy(&done, (const uint8_t *)msg->elems + i * sizeof(done),
		    sizeof(done));
		err = body_finish(k, &req.transfer, &t, &done);
	}
	keyd_status(c, msg->type, msg->id, err, err == GW_ELIMIT ?
	    REASON_FILE_TOO_BIG : REASON_NONE);
}

/* --- TRANSFER_DROP ------------------------------------------------------ */

void
transfer_on_drop(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct keys_bodies req;
	struct transfer_slot t;
	struct body_slot b;
	enum gw_err err;
	uint32_t i;

	memcpy(&req, msg->body, sizeof(req));
	err = open_transfer(k, &req.transfer, &t);
	for (i = 0; err == GW_OK && i < t.body_count; i++) {
		err = store_get_body(k->store, &req.transfer, i, &b);
		if (err == GW_ENOENT) {
			err = GW_OK; /* no key was made for it */
			continue;
		}
		if (err == GW_OK) {
			store_forget(&b);
			err = store_put_body(k->store, &req.transfer, &b);
		}
	}
	if (err == GW_OK) {
		t.flags |= TRANSFER_ERASED;
		err = store_put(k->store, &req.transfer, &t);
	}
	keyd_status(c, msg->type, msg->id, err, REASON_NONE);
}
