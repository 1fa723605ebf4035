/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "gatewayd/keys/effect.h"
#include "gatewayd/keys/store.h"

#include "gatewayd/keys/handlers.h"

/*
 * Level 1 of erasing: every slot of the transfer is overwritten without its
 * key, after the log says so.  What was found stays, for screens and
 * receipts.
 */
struct erase_effect {
	struct effect e;
	struct key_ref ref;
	struct transfer_slot t;
	uint32_t count;		/* keys there were */
};

static enum gw_err
erase_record(struct keyd *k, struct effect *e, uint32_t i,
    struct audit_record *out)
{
	const struct erase_effect *x = (const struct erase_effect *)e;

	(void)k;
	(void)i;
	effect_record(out, AUDIT_KEY, &x->t);
	out->count = x->count;
	(void)mem_put_str(out->detail, sizeof(out->detail),
	    "body keys destroyed");
	return GW_OK;
}

/* Visit every body that has a key: count it, or destroy the key. */
static enum gw_err
erase_walk(struct keyd *k, struct erase_effect *x, bool is_destroying)
{
	struct body_slot b;
	enum gw_err err;
	uint32_t i;

	x->count = 0;
	for (i = 0; i < x->t.body_count; i++) {
		err = store_get_body(k->store, &x->ref, i, &b);
		if (err == GW_ENOENT)
			continue; /* none was made */
		if (err != GW_OK)
			return err;
		if ((b.flags & BODY_HAS_KEY) == 0)
			continue;
		x->count++;
		if (!is_destroying)
			continue;
		store_forget(&b);
		if ((err = store_put_body(k->store, &x->ref, &b)) != GW_OK)
			return err;
	}
	return GW_OK;
}

static enum gw_err
erase_all(struct keyd *k, struct erase_effect *x)
{
	enum gw_err err;

	if ((err = erase_walk(k, x, true)) != GW_OK)
		return err;
	mem_clear(x->t.parcel_key, sizeof(x->t.parcel_key));
	x->t.flags |= TRANSFER_ERASED;
	if ((err = store_put(k->store, &x->ref, &x->t)) != GW_OK)
		return err;
	keyd_check_disk(store_sync(k->store), "keystore");
	return GW_OK;
}

static void
erase_done(struct keyd *k, struct effect *e)
{
	if (e->err == GW_OK)
		e->err = erase_all(k, (struct erase_effect *)e);
	effect_status(e, e->err, REASON_NONE);
}

static const struct effect_ops erase_ops = {
	.record = erase_record,
	.done = erase_done,
};

void
erase_on_erase(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	struct erase_effect *x;
	struct keys_bodies req;
	enum gw_err err;

	memcpy(&req, msg->body, sizeof(req));
	if (effect_defer(k, c, msg, req.transfer.id))
		return;
	x = effect_new(sizeof(*x), &erase_ops, c, msg);
	x->ref = req.transfer;
	err = store_get(k->store, &req.transfer, &x->t);
	if (err == GW_OK)
		err = erase_walk(k, x, false);
	if (err == GW_OK) {
		effect_hold(&x->e, x->t.id);
		x->e.record_count = x->count > 0 ? 1 : 0;
	}
	x->e.err = err;
	effect_add(k, &x->e);
}
