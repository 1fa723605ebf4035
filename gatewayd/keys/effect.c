/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "gatewayd/keys/channel.h"
#include "gatewayd/keys/permit.h"
#include "gatewayd/keys/store.h"

#include "gatewayd/keys/effect.h"

/* Messages to audit on their way; more entries wait here. */
#define IN_FLIGHT_MAX 4

TAILQ_HEAD(effect_list, effect);

/* One message to audit: how many entries of whom. */
struct append {
	TAILQ_ENTRY(append) next;
	uint64_t id;
	uint32_t span_count;
	struct {
		struct effect *effect;
		uint32_t count;
	} spans[AUDIT_APPEND_MAX];
};
TAILQ_HEAD(append_list, append);

/* A request about a transfer that is on its way. */
struct deferred {
	TAILQ_ENTRY(deferred) next;
	struct client *client;
	uint8_t transfer_id[16];
	struct ipc_msg msg;
	_Alignas(16) uint8_t body[];
};
TAILQ_HEAD(deferred_list, deferred);

struct effects {
	struct keyd *k;
	struct ipc_chan *audit;
	struct ev_timer *flush;
	struct effect_list queued;	/* steps 1 and 2 to come */
	struct effect_list written;	/* entries to be sent */
	struct effect_list waiting;	/* all entries sent */
	struct append_list appends;
	struct deferred_list deferred;
	uint64_t next_id;
	uint32_t in_flight;
	struct audit_head head;
	struct audit_identity identity;
	bool has_head, has_identity;
};

static const struct ipc_rule audit_rules[] = {
	{.type = AUDIT_APPEND | IPC_REPLY, .fixed = sizeof(struct audit_head)},
	{.type = AUDIT_HEAD | IPC_REPLY, .fixed = sizeof(struct audit_head)},
	{.type = AUDIT_IDENTITY | IPC_REPLY,
	    .fixed = sizeof(struct audit_identity)},
};

static void effects_pump(struct effects *);

/* --- one effect --------------------------------------------------------- */

void *
effect_new(size_t size, const struct effect_ops *ops, struct client *client,
    const struct ipc_msg *msg)
{
	struct effect *e = mem_alloc(size);

	e->ops = ops;
	e->size = size;
	e->client = client;
	if (msg != NULL) {
		e->msg_id = msg->id;
		e->type = msg->type;
	}
	return e;
}

static void
effect_free(struct effect *e)
{
	if (e->ops->clear != NULL)
		e->ops->clear(e);
	mem_free_secret(e, e->size);
}

static void
deferred_free(struct effects *x, struct deferred *d)
{
	TAILQ_REMOVE(&x->deferred, d, next);
	mem_free_secret(d, sizeof(*d) + d->msg.len);
}

/* The first request that waited; it may hold the transfer in its turn. */
static void
deferred_run(struct keyd *k, const uint8_t transfer_id[16])
{
	struct effects *x = k->effects;
	struct deferred *d;

	TAILQ_FOREACH(d, &x->deferred, next) {
		if (memcmp(d->transfer_id, transfer_id, 16) == 0)
			break;
	}
	if (d == NULL)
		return;
	TAILQ_REMOVE(&x->deferred, d, next);
	permit_run(k, d->client, &d->msg);
	mem_free_secret(d, sizeof(*d) + d->msg.len);
	if (!effect_holds(k, transfer_id))
		deferred_run(k, transfer_id);
}

static void
effect_finish(struct keyd *k, struct effect *e)
{
	uint8_t id[16];
	bool has_transfer = e->has_transfer;

	memcpy(id, e->transfer_id, sizeof(id));
	if (e->ops->done != NULL)
		e->ops->done(k, e);
	effect_free(e);
	if (has_transfer)
		deferred_run(k, id);
}

void
effect_hold(struct effect *e, const uint8_t transfer_id[16])
{
	memcpy(e->transfer_id, transfer_id, sizeof(e->transfer_id));
	e->has_transfer = true;
}

static bool
list_holds(const struct effect_list *list, const uint8_t id[16])
{
	const struct effect *e;

	TAILQ_FOREACH(e, list, next) {
		if (e->has_transfer && memcmp(e->transfer_id, id, 16) == 0)
			return true;
	}
	return false;
}

bool
effect_holds(const struct keyd *k, const uint8_t transfer_id[16])
{
	const struct effects *x = k->effects;

	return list_holds(&x->queued, transfer_id) ||
	    list_holds(&x->written, transfer_id) ||
	    list_holds(&x->waiting, transfer_id);
}

bool
effect_defer(struct keyd *k, struct client *c, const struct ipc_msg *msg,
    const uint8_t transfer_id[16])
{
	struct deferred *d;

	if (!effect_holds(k, transfer_id))
		return false;
	if (msg->fd_count != 0 || msg->count != 0)
		log_panic("keys: message 0x%x cannot wait", msg->type);
	d = mem_alloc(sizeof(*d) + msg->len);
	d->client = c;
	d->msg = *msg;
	memcpy(d->transfer_id, transfer_id, sizeof(d->transfer_id));
	memcpy(d->body, msg->body, msg->len);
	d->msg.body = d->body;
	d->msg.elems = NULL;
	TAILQ_INSERT_TAIL(&k->effects->deferred, d, next);
	return true;
}

void
effect_status(const struct effect *e, enum gw_err err, enum reason reason)
{
	keyd_status(e->client, e->type, e->msg_id, err, reason);
}

void
effect_record(struct audit_record *out, enum audit_event event,
    const struct transfer_slot *t)
{
	memset(out, 0, sizeof(*out));
	out->event = (uint16_t)event;
	(void)mem_put_str(out->actor, sizeof(out->actor), "keys");
	if (t == NULL)
		return;
	memcpy(out->transfer_id, t->id, sizeof(out->transfer_id));
	memcpy(out->policy_digest, t->policy_digest,
	    sizeof(out->policy_digest));
	(void)mem_put_str(out->flow, sizeof(out->flow), t->flow);
	(void)mem_put_str(out->number, sizeof(out->number), t->number);
}

/* --- steps 1 and 2 ------------------------------------------------------ */

void
effect_add(struct keyd *k, struct effect *e)
{
	struct effects *x = k->effects;

	if (TAILQ_EMPTY(&x->queued))
		ev_timer_set(x->flush, 0);
	TAILQ_INSERT_TAIL(&x->queued, e, next);
}

static void
effects_flush(void *arg)
{
	struct effect_list group = TAILQ_HEAD_INITIALIZER(group);
	struct effects *x = arg;
	struct effect *e;

	TAILQ_CONCAT(&group, &x->queued, next);
	keyd_check_disk(store_sync(x->k->store), "keystore");
	TAILQ_FOREACH(e, &group, next) {
		if (e->err == GW_OK && e->ops->write != NULL)
			e->err = e->ops->write(x->k, e);
		if (e->err != GW_OK)
			e->record_count = 0;
	}
	keyd_check_disk(channels_sync(x->k->channels), "journals");
	TAILQ_CONCAT(&x->written, &group, next);
	effects_pump(x);
}

/* --- step 3 ------------------------------------------------------------- */

/* Entries of one effect into a message; false if it is full. */
static bool
append_fill(struct effects *x, struct append *a, struct effect *e,
    struct audit_record *records, uint32_t *used)
{
	uint32_t n = 0;

	while (e->record_next < e->record_count && *used < AUDIT_APPEND_MAX) {
		e->err = e->ops->record(x->k, e, e->record_next,
		    &records[*used]);
		if (e->err != GW_OK) {
			e->record_count = e->record_next;
			break;
		}
		e->record_next++;
		(*used)++;
		n++;
	}
	if (n > 0) {
		a->spans[a->span_count].effect = e;
		a->spans[a->span_count++].count = n;
	}
	return e->record_next == e->record_count;
}

/* Move effects whose entries are all on their way, or that have none. */
static void
effect_sent(struct effects *x, struct effect *e)
{
	TAILQ_REMOVE(&x->written, e, next);
	if (e->record_done == e->record_count) {
		effect_finish(x->k, e);
	} else {
		e->is_sent = true;
		TAILQ_INSERT_TAIL(&x->waiting, e, next);
	}
}

static void
append_send(struct effects *x)
{
	struct audit_record *records;
	struct effect *e, *after;
	struct append *a;
	uint32_t used = 0;

	records = mem_array(AUDIT_APPEND_MAX, sizeof(*records));
	a = mem_alloc(sizeof(*a));
	for (e = TAILQ_FIRST(&x->written); e != NULL; e = after) {
		after = TAILQ_NEXT(e, next);
		if (!append_fill(x, a, e, records, &used))
			break;
		effect_sent(x, e);
	}
	if (used > 0) {
		a->id = x->next_id++;
		x->in_flight++;
		TAILQ_INSERT_TAIL(&x->appends, a, next);
		ipc_send(x->audit, AUDIT_APPEND, a->id, NULL, 0, records,
		    sizeof(*records), used, NULL, 0);
	} else {
		mem_free(a);
	}
	mem_free(records);
}

static void
effects_pump(struct effects *x)
{
	while (!TAILQ_EMPTY(&x->written) && x->in_flight < IN_FLIGHT_MAX)
		append_send(x);
}

static void
append_done(struct effects *x, struct append *a, enum gw_err err)
{
	struct effect *e;
	uint32_t i;

	for (i = 0; i < a->span_count; i++) {
		e = a->spans[i].effect;
		e->record_done += a->spans[i].count;
		if (e->err == GW_OK)
			e->err = err;
		/* What is not sent yet need not be. */
		if (e->err != GW_OK)
			e->record_count = e->record_next;
		if (e->record_done != e->record_count)
			continue;
		if (e->is_sent)
			TAILQ_REMOVE(&x->waiting, e, next);
		else
			TAILQ_REMOVE(&x->written, e, next);
		effect_finish(x->k, e);
	}
}

static void
audit_appended(struct effects *x, const struct ipc_msg *msg)
{
	struct audit_head head;
	struct append *a = TAILQ_FIRST(&x->appends);

	if (a == NULL || a->id != msg->id)
		log_fatal("audit answered what was not asked");
	TAILQ_REMOVE(&x->appends, a, next);
	x->in_flight--;
	memcpy(&head, msg->body, sizeof(head));
	if (head.err == GW_OK)
		x->head = head;
	else
		log_err("audit: append refused: %s",
		    err_text_en((enum gw_err)head.err));
	append_done(x, a, (enum gw_err)head.err);
	mem_free(a);
	effects_pump(x);
}

/* --- audit's side of the start ------------------------------------------ */

static void
audit_told_head(struct effects *x, const struct ipc_msg *msg)
{
	memcpy(&x->head, msg->body, sizeof(x->head));
	if (x->head.err != GW_OK)
		log_fatal("audit: no head: %s",
		    err_text_en((enum gw_err)x->head.err));
	x->has_head = true;
}

static void
audit_told_identity(struct effects *x, const struct ipc_msg *msg)
{
	memcpy(&x->identity, msg->body, sizeof(x->identity));
	if (x->identity.err != GW_OK || !keyd_text_ok(x->identity.origin,
	    sizeof(x->identity.origin)))
		log_fatal("audit: no identity: %s",
		    err_text_en((enum gw_err)x->identity.err));
	x->has_identity = true;
}

static void
audit_on_msg(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct effects *x = arg;

	(void)chan;
	switch (msg->type) {
	case AUDIT_APPEND | IPC_REPLY:
		audit_appended(x, msg);
		return;
	case AUDIT_HEAD | IPC_REPLY:
		audit_told_head(x, msg);
		break;
	case AUDIT_IDENTITY | IPC_REPLY:
		audit_told_identity(x, msg);
		break;
	default:
		log_panic("audit: message 0x%x", msg->type);
	}
	if (x->has_head && x->has_identity)
		keyd_serve(x->k);
}

static void
audit_on_closed(void *arg, struct ipc_chan *chan)
{
	(void)arg;
	(void)chan;
	log_fatal("audit is gone");
}

struct effects *
effects_new(struct keyd *k, int audit_fd)
{
	struct effects *x = mem_alloc(sizeof(*x));

	x->k = k;
	x->next_id = 1;
	TAILQ_INIT(&x->queued);
	TAILQ_INIT(&x->written);
	TAILQ_INIT(&x->waiting);
	TAILQ_INIT(&x->appends);
	TAILQ_INIT(&x->deferred);
	x->flush = ev_timer_new(k->loop, effects_flush, x);
	x->audit = ipc_chan_new(k->loop, audit_fd, "audit", audit_rules,
	    (int)(sizeof(audit_rules) / sizeof(audit_rules[0])), audit_on_msg,
	    audit_on_closed, x);
	ipc_send(x->audit, AUDIT_IDENTITY, 0, NULL, 0, NULL, 0, 0, NULL, 0);
	ipc_send(x->audit, AUDIT_HEAD, 0, NULL, 0, NULL, 0, 0, NULL, 0);
	return x;
}

static void
list_free(struct effect_list *list)
{
	struct effect *e;

	while ((e = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, e, next);
		effect_free(e);
	}
}

void
effects_free(struct effects *x)
{
	struct deferred *d;
	struct append *a;

	if (x == NULL)
		return;
	while ((d = TAILQ_FIRST(&x->deferred)) != NULL)
		deferred_free(x, d);
	list_free(&x->queued);
	list_free(&x->written);
	list_free(&x->waiting);
	while ((a = TAILQ_FIRST(&x->appends)) != NULL) {
		TAILQ_REMOVE(&x->appends, a, next);
		mem_free(a);
	}
	ev_timer_free(x->flush);
	ipc_chan_free(x->audit);
	mem_free(x);
}

static void
list_drop_client(struct effect_list *list, const struct client *client)
{
	struct effect *e;

	TAILQ_FOREACH(e, list, next) {
		if (e->client == client)
			e->client = NULL;
	}
}

void
effect_drop_client(struct keyd *k, const struct client *client)
{
	struct deferred *d, *after;

	for (d = TAILQ_FIRST(&k->effects->deferred); d != NULL; d = after) {
		after = TAILQ_NEXT(d, next);
		if (d->client == client)
			deferred_free(k->effects, d);
	}
	list_drop_client(&k->effects->queued, client);
	list_drop_client(&k->effects->written, client);
	list_drop_client(&k->effects->waiting, client);
}

const struct audit_head *
effects_head(const struct keyd *k)
{
	return &k->effects->head;
}

const struct audit_identity *
effects_identity(const struct keyd *k)
{
	return &k->effects->identity;
}
