/* SPDX-License-Identifier: ISC */
#include <sys/queue.h>
#include <string.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/ipc/audit.h"
#include "proto/ipc/chan.h"
#include "proto/record/journal.h"
#include "proto/record/tile.h"

#include "gatewayd/audit/server.h"

#define SERVER_GROUP_BYTES (JOURNAL_GROUP_MAX - JOURNAL_GROUP_LEN)

_Static_assert(sizeof(struct ipc_header) +
    AUDIT_APPEND_MAX * sizeof(struct audit_record) <= IPC_MSG_MAX,
    "a full append fits one message");
_Static_assert(AUDIT_APPEND_MAX <= JOURNAL_GROUP_ENTRIES,
    "an append fits one group");
_Static_assert(sizeof(struct audit_head) == 64, "no padding");

struct client {
	LIST_ENTRY(client) next;
	struct server *server;
	struct ipc_chan *chan;
};

/* Somebody waits for the group to become durable. */
struct waiter {
	TAILQ_ENTRY(waiter) next;
	struct client *client; /* NULL: gone meanwhile */
	uint64_t id;
};

struct server {
	LIST_HEAD(, client) clients;
	TAILQ_HEAD(, waiter) waiters;
	struct ev_loop *loop;
	struct store *store;
	struct ev_timer *flush;
	struct ev_timer *sign;
	struct buf group;	/* entries with lengths */
	unsigned count;
};

static const struct ipc_rule rules[] = {
	{.type = AUDIT_APPEND, .elem = sizeof(struct audit_record),
	    .max_count = AUDIT_APPEND_MAX},
	{.type = AUDIT_HEAD},
	{.type = AUDIT_READ, .fixed = sizeof(struct audit_range)},
	{.type = AUDIT_IDENTITY},
};

/* --- answers ---------------------------------------------------------- */

static void
server_fill_head(const struct server *sv, enum gw_err err,
    struct audit_head *head)
{
	memset(head, 0, sizeof(*head));
	head->size = store_size(sv->store);
	head->checkpoint_size = store_checkpoint_size(sv->store);
	head->wall_ms = clock_wall_ms();
	if (err == GW_OK)
		err = store_root(sv->store, head->root);
	head->err = err;
}

static void
server_answer(struct ipc_chan *chan, uint16_t type, uint64_t id,
    const void *body, size_t len)
{
	ipc_send(chan, type | IPC_REPLY, id, body, len, NULL, 0, 0, NULL, 0);
}

static void
server_answer_waiters(struct server *sv, enum gw_err err)
{
	struct audit_head head;
	struct waiter *w;

	server_fill_head(sv, err, &head);
	while ((w = TAILQ_FIRST(&sv->waiters)) != NULL) {
		TAILQ_REMOVE(&sv->waiters, w, next);
		if (w->client != NULL)
			server_answer(w->client->chan, AUDIT_APPEND, w->id,
			    &head, sizeof(head));
		mem_free(w);
	}
}

/* --- groups ----------------------------------------------------------- */

/* Failures are logged where they happen; a full disk may pass. */
static enum gw_err
server_sign(struct server *sv)
{
	enum gw_err err;

	err = store_checkpoint(sv->store);
	if (err == GW_ESPACE)
		log_warn("audit: no space for a checkpoint; it is tried again");
	return err;
}

static enum gw_err
server_flush(struct server *sv)
{
	enum gw_err err = GW_OK;

	ev_timer_stop(sv->flush);
	if (sv->count > 0)
		err = store_append(sv->store, sv->group.data, sv->group.len,
		    sv->count);
	if (err == GW_ESPACE)
		log_err("audit: no space left, %u entries refused", sv->count);
	sv->count = 0;
	buf_reset(&sv->group);
	server_answer_waiters(sv, err);
	if (err == GW_OK && store_size(sv->store) -
	    store_checkpoint_size(sv->store) >= SERVER_CHECKPOINT_ENTRIES) {
		/* The entries are safe whatever becomes of the signature. */
		if (server_sign(sv) == GW_OK)
			log_debug("audit: signed %llu entries",
			    (unsigned long long)store_size(sv->store));
	}
	return err;
}

static void
server_on_flush(void *arg)
{
	/* Waiters were told, and the store has logged it. */
	if (server_flush(arg) != GW_OK)
		log_debug("audit: group refused");
}

static void
server_on_sign(void *arg)
{
	struct server *sv = arg;

	ev_timer_set(sv->sign, SERVER_CHECKPOINT_MS);
	if (server_sign(sv) != GW_OK)
		log_debug("audit: not signed");
}

static void
server_put(struct server *sv, struct audit_record *r, const char *peer)
{
	struct buf entry;
	enum gw_err err;

	if (r->wall_ms == 0)
		r->wall_ms = clock_wall_ms();
	buf_init(&entry, AUDIT_ENTRY_MAX);
	err = audit_encode(r, &entry);
	if (err != GW_OK)
		log_fatal("audit %s: event %u is no record: %s", peer,
		    r->event, err_text_en(err));
	tile_put_entry(&sv->group, entry.data, entry.len);
	if (!buf_ok(&sv->group))
		log_panic("audit: group overflows");
	sv->count++;
	buf_clear(&entry);
}

/* --- requests --------------------------------------------------------- */

static void
server_append(struct client *c, struct ipc_msg *msg)
{
	struct server *sv = c->server;
	struct audit_record r;
	struct waiter *w;
	uint32_t i;

	/* One request never spans two groups: it is refused or taken whole. */
	if (sv->count + msg->count > JOURNAL_GROUP_ENTRIES)
		server_on_flush(sv);
	for (i = 0; i < msg->count; i++) {
		memcpy(&r, (const uint8_t *)msg->elems + i * sizeof(r),
		    sizeof(r));
		server_put(sv, &r, ipc_chan_peer(c->chan));
	}
	w = mem_alloc(sizeof(*w));
	w->client = c;
	w->id = msg->id;
	TAILQ_INSERT_TAIL(&sv->waiters, w, next);
	/*
	 * A timer without delay runs after everything that is readable in
	 * the next turn: what has come by then shares the group.
	 */
	ev_timer_set(sv->flush, 0);
}

static void
server_head(struct client *c, uint64_t id)
{
	struct audit_head head;

	server_fill_head(c->server, GW_OK, &head);
	server_answer(c->chan, AUDIT_HEAD, id, &head, sizeof(head));
}

static void
server_identity(struct client *c, uint64_t id)
{
	const struct checkpoint_key *key = store_key(c->server->store);
	struct audit_identity identity = {.err = GW_OK};

	mem_put_str(identity.origin, sizeof(identity.origin), key->name);
	memcpy(identity.pub, key->pub, sizeof(identity.pub));
	server_answer(c->chan, AUDIT_IDENTITY, id, &identity,
	    sizeof(identity));
}

static enum gw_err
server_read_memfd(struct server *sv, const struct audit_range *range,
    int *fd_out)
{
	struct buf entries;
	enum gw_err err;
	int fd = -1;

	buf_init(&entries, (size_t)STORE_READ_MAX * (2 + AUDIT_ENTRY_MAX));
	err = store_read(sv->store, range->first, range->count, &entries);
	if (err == GW_OK)
		err = io_memfd("audit-entries", &fd);
	if (err == GW_OK)
		err = io_write_full(fd, entries.data, entries.len);
	if (err == GW_OK)
		err = io_seal(fd);
	buf_clear(&entries);
	if (err != GW_OK) {
		io_drop(&fd);
		return err;
	}
	*fd_out = fd;
	return GW_OK;
}

static void
server_read(struct client *c, const struct ipc_msg *msg)
{
	struct ipc_status status = {.err = GW_OK};
	struct audit_range range;
	int fd = -1;

	memcpy(&range, msg->body, sizeof(range));
	status.err = server_read_memfd(c->server, &range, &fd);
	ipc_send(c->chan, AUDIT_READ | IPC_REPLY, msg->id, &status,
	    sizeof(status), NULL, 0, 0, &fd, fd == -1 ? 0 : 1);
}

static void
server_on_msg(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct client *c = arg;

	(void)chan;
	switch (msg->type) {
	case AUDIT_APPEND:
		server_append(c, msg);
		break;
	case AUDIT_HEAD:
		server_head(c, msg->id);
		break;
	case AUDIT_READ:
		server_read(c, msg);
		break;
	case AUDIT_IDENTITY:
		server_identity(c, msg->id);
		break;
	default:
		log_panic("audit: message %u passed its rules", msg->type);
	}
}

/* --- clients ---------------------------------------------------------- */

/* What it had asked to append is appended all the same. */
static void
client_free(struct client *c)
{
	struct waiter *w;

	TAILQ_FOREACH(w, &c->server->waiters, next) {
		if (w->client == c)
			w->client = NULL;
	}
	LIST_REMOVE(c, next);
	ipc_chan_free(c->chan);
	mem_free(c);
}

static void
server_on_closed(void *arg, struct ipc_chan *chan)
{
	log_debug("audit: %s is gone", ipc_chan_peer(chan));
	client_free(arg);
}

void
server_add_client(struct server *sv, int fd, const char *peer)
{
	struct client *c = mem_alloc(sizeof(*c));

	c->server = sv;
	c->chan = ipc_chan_new(sv->loop, fd, peer, rules,
	    (int)(sizeof(rules) / sizeof(rules[0])), server_on_msg,
	    server_on_closed, c);
	LIST_INSERT_HEAD(&sv->clients, c, next);
}

/* --- server ----------------------------------------------------------- */

struct server *
server_new(struct ev_loop *loop, struct store *store)
{
	struct server *sv = mem_alloc(sizeof(*sv));

	LIST_INIT(&sv->clients);
	TAILQ_INIT(&sv->waiters);
	sv->loop = loop;
	sv->store = store;
	buf_init(&sv->group, SERVER_GROUP_BYTES);
	sv->flush = ev_timer_new(loop, server_on_flush, sv);
	sv->sign = ev_timer_new(loop, server_on_sign, sv);
	ev_timer_set(sv->sign, SERVER_CHECKPOINT_MS);
	return sv;
}

void
server_free(struct server *sv)
{
	struct client *c;
	struct waiter *w;

	if (sv == NULL)
		return;
	while ((c = LIST_FIRST(&sv->clients)) != NULL)
		client_free(c);
	while ((w = TAILQ_FIRST(&sv->waiters)) != NULL) {
		TAILQ_REMOVE(&sv->waiters, w, next);
		mem_free(w);
	}
	ev_timer_free(sv->flush);
	ev_timer_free(sv->sign);
	buf_clear(&sv->group);
	mem_free(sv);
}

enum gw_err
server_record(struct server *sv, struct audit_record *r)
{
	if (sv->count == JOURNAL_GROUP_ENTRIES)
		server_on_flush(sv);
	server_put(sv, r, "self");
	return server_flush(sv);
}

enum gw_err
server_finish(struct server *sv)
{
	enum gw_err err;

	err = server_flush(sv);
	if (err == GW_OK)
		err = server_sign(sv);
	return err;
}
