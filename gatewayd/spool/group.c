/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/spool/channels.h"
#include "gatewayd/spool/group.h"
#include "gatewayd/spool/quota.h"
#include "gatewayd/spool/spool.h"

struct reply {
	TAILQ_ENTRY(reply) next;
	struct client *client;
	uint64_t id;
	uint16_t type;
	int fd;
	size_t len;
	uint8_t data[];
};

struct effect {
	TAILQ_ENTRY(effect) next;
	enum effect_kind kind;
	uint32_t pack;
	uint8_t id[16];
};

static void group_log(struct spool *);
static void group_commit(struct spool *);

static void
group_on_timer(void *arg)
{
	struct spool *sp = arg;
	struct group *g = &sp->group;

	g->is_timed = false;
	group_flush(sp);
}

void
group_init(struct spool *sp)
{
	struct group *g = &sp->group;

	memset(g, 0, sizeof(*g));
	TAILQ_INIT(&g->replies);
	TAILQ_INIT(&g->effects);
	g->timer = ev_timer_new(sp->loop, group_on_timer, sp);
}

static void
group_drop_replies(struct group *g)
{
	struct reply *r;

	while ((r = TAILQ_FIRST(&g->replies)) != NULL) {
		TAILQ_REMOVE(&g->replies, r, next);
		io_drop(&r->fd);
		mem_free(r);
	}
}

void
group_clear(struct spool *sp)
{
	struct group *g = &sp->group;
	struct effect *e;

	group_drop_replies(g);
	while ((e = TAILQ_FIRST(&g->effects)) != NULL) {
		TAILQ_REMOVE(&g->effects, e, next);
		mem_free(e);
	}
	ev_timer_free(g->timer);
	mem_free(g->entries);
	mem_free(g->refs);
}

/*
 * A timer of 0 ms runs after all that is readable now was read, so what
 * arrives together is committed together.
 */
void
group_kick(struct spool *sp)
{
	struct group *g = &sp->group;

	if (g->is_timed || g->phase != GROUP_OPEN)
		return;
	g->is_timed = true;
	ev_timer_set(g->timer, 0);
}

void
group_dirty(struct spool *sp)
{
	sp->group.is_dirty = true;
	group_kick(sp);
}

void
group_audit(struct spool *sp, const struct audit_record *entry)
{
	struct group *g = &sp->group;

	if (g->entry_count == g->entry_cap) {
		g->entry_cap = g->entry_cap == 0 ? 64 : g->entry_cap * 2;
		g->entries = mem_grow(g->entries, g->entry_cap,
		    sizeof(*g->entries));
	}
	g->entries[g->entry_count++] = *entry;
	group_dirty(sp);
}

void
group_commit_keys(struct spool *sp, const struct key_ref *ref)
{
	struct group *g = &sp->group;

	if (g->ref_count == g->ref_cap) {
		g->ref_cap = g->ref_cap == 0 ? 64 : g->ref_cap * 2;
		g->refs = mem_grow(g->refs, g->ref_cap, sizeof(*g->refs));
	}
	g->refs[g->ref_count++] = *ref;
	group_dirty(sp);
}

/* --- what follows the commit -------------------------------------------------- */

void
group_reply(struct spool *sp, struct client *client, uint16_t type,
    uint64_t id, const void *fixed, size_t fixed_len, const void *elems,
    size_t elem, uint32_t count, int fd)
{
	size_t len = fixed_len + elem * count;
	struct reply *r = mem_alloc(sizeof(*r) + len);

	r->client = client;
	r->type = type | IPC_REPLY;
	r->id = id;
	r->fd = fd;
	r->len = len;
	if (fixed_len > 0)
		memcpy(r->data, fixed, fixed_len);
	if (count > 0)
		memcpy(r->data + fixed_len, elems, elem * count);
	TAILQ_INSERT_TAIL(&sp->group.replies, r, next);
	group_kick(sp);
}

void
group_status(struct spool *sp, struct client *client, uint16_t type,
    uint64_t id, int err, uint16_t reason)
{
	struct ipc_status status = {.err = err, .reason = reason};

	group_reply(sp, client, type, id, &status, sizeof(status), NULL, 0, 0,
	    -1);
}

void
group_forget(struct spool *sp, const struct client *client)
{
	struct reply *r;

	TAILQ_FOREACH(r, &sp->group.replies, next) {
		if (r->client == client)
			r->client = NULL;
	}
}

void
group_effect(struct spool *sp, enum effect_kind kind, const uint8_t id[16],
    uint32_t pack)
{
	struct effect *e = mem_alloc(sizeof(*e));

	e->kind = kind;
	e->pack = pack;
	if (id != NULL)
		memcpy(e->id, id, sizeof(e->id));
	TAILQ_INSERT_TAIL(&sp->group.effects, e, next);
}

static void
group_send_replies(struct group *g)
{
	struct reply *r;

	while ((r = TAILQ_FIRST(&g->replies)) != NULL) {
		TAILQ_REMOVE(&g->replies, r, next);
		if (r->client != NULL) {
			ipc_send(r->client->chan, r->type, r->id, r->data,
			    r->len, NULL, 0, 0, &r->fd, r->fd != -1);
			r->fd = -1;
		}
		io_drop(&r->fd);
		mem_free(r);
	}
}

static void
group_run_effects(struct spool *sp)
{
	struct group *g = &sp->group;
	struct effect *e;

	while ((e = TAILQ_FIRST(&g->effects)) != NULL) {
		TAILQ_REMOVE(&g->effects, e, next);
		switch (e->kind) {
		case EFFECT_SETTLE:
			store_settle(sp->store, e->id);
			break;
		case EFFECT_REMOVE:
			store_remove(sp->store, e->id);
			break;
		case EFFECT_REAP:
			store_reap(sp->store, e->pack);
			break;
		}
		mem_free(e);
	}
}

/* --- the four steps -------------------------------------------------------------- */

static void
group_pause(struct spool *sp, bool is_paused)
{
	struct client *c;

	TAILQ_FOREACH(c, &sp->clients, next)
		ipc_pause(c->chan, is_paused);
}

/* 1. Bodies here and slots at keys, at the same time. */
static void
group_sync(struct spool *sp)
{
	struct group *g = &sp->group;
	uint32_t i, n;

	g->phase = GROUP_SYNCING;
	g->started_ms = clock_mono_ms();
	group_pause(sp, true);
	for (i = 0; i < g->ref_count; i += n) {
		n = g->ref_count - i < IPC_BATCH_MAX ? g->ref_count - i :
		    IPC_BATCH_MAX;
		ipc_send(sp->keys, KEYS_COMMIT, 0, NULL, 0, g->refs + i,
		    sizeof(*g->refs), n, NULL, 0);
		g->pending++;
	}
	g->ref_count = 0;
	if (store_sync(sp->store) != GW_OK)
		quota_disk_failed(sp);
	if (g->pending == 0)
		group_log(sp);
}

void
group_on_keys(struct spool *sp, struct ipc_msg *msg)
{
	struct group *g = &sp->group;
	struct ipc_status status;

	if (g->phase != GROUP_SYNCING || g->pending == 0)
		log_fatal("keys: a commit that nobody asked for");
	memcpy(&status, msg->body, sizeof(status));
	if (status.err != GW_OK)
		log_fatal("keys: cannot commit: %s",
		    err_text_en((enum gw_err)status.err));
	if (--g->pending == 0)
		group_log(sp);
}

/* 2. The intents, in the order of their events. */
static void
group_log(struct spool *sp)
{
	struct group *g = &sp->group;
	uint32_t i, n;

	g->phase = GROUP_LOGGING;
	for (i = 0; i < g->entry_count; i += n) {
		n = g->entry_count - i < AUDIT_APPEND_MAX ?
		    g->entry_count - i : AUDIT_APPEND_MAX;
		ipc_send(sp->audit, AUDIT_APPEND, 0, NULL, 0, g->entries + i,
		    sizeof(*g->entries), n, NULL, 0);
		g->pending++;
	}
	g->entry_count = 0;
	if (g->pending == 0)
		group_commit(sp);
}

void
group_on_audit(struct spool *sp, struct ipc_msg *msg)
{
	struct group *g = &sp->group;
	struct audit_head head;

	if (g->phase != GROUP_LOGGING || g->pending == 0)
		log_fatal("audit: an answer that nobody asked for");
	memcpy(&head, msg->body, sizeof(head));
	if (head.err != GW_OK)
		log_fatal("audit: cannot append: %s",
		    err_text_en((enum gw_err)head.err));
	if (head.size > g->log_size)
		g->log_size = head.size;
	if (--g->pending == 0)
		group_commit(sp);
}

static void
group_replay(struct spool *sp)
{
	struct later *l;

	/* What a call does may wait for the next group, so may its answer. */
	while (sp->group.phase == GROUP_OPEN &&
	    (l = TAILQ_FIRST(&sp->laters)) != NULL) {
		TAILQ_REMOVE(&sp->laters, l, next);
		spool_answer(sp, &l->msg);
		ipc_msg_clear(&l->msg);
		mem_free(l);
	}
}

/* 3. and 4. */
static void
group_commit(struct spool *sp)
{
	struct group *g = &sp->group;
	bool was_closed = g->phase != GROUP_OPEN;

	if (g->is_dirty) {
		if (g->log_size > sp->gate.audit_size)
			sp->gate.audit_size = g->log_size;
		store_note(sp->store);
		channels_save(sp);
		catalog_begin(sp->cat);
		catalog_gate_put(sp->cat, &sp->gate);
		catalog_commit(sp->cat);
		g->groups++;
		g->spent_ms += clock_mono_ms() - g->started_ms;
	}
	g->is_dirty = false;
	g->requests = 0;
	g->phase = GROUP_OPEN;
	group_send_replies(g);
	group_run_effects(sp);
	if (was_closed)
		group_pause(sp, false);
	/* Reading alone inside a transaction spares one for each question. */
	catalog_begin(sp->cat);
	group_replay(sp);
	spool_dispatch(sp);
}

void
group_flush(struct spool *sp)
{
	struct group *g = &sp->group;

	if (g->phase != GROUP_OPEN)
		return;
	if (g->is_dirty || g->entry_count > 0 || g->ref_count > 0)
		group_sync(sp);
	else
		group_commit(sp);
}
