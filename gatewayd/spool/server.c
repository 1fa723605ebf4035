/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/header.h"

#include "gatewayd/spool/ask.h"
#include "gatewayd/spool/channels.h"
#include "gatewayd/spool/handlers.h"
#include "gatewayd/spool/held.h"
#include "gatewayd/spool/quota.h"
#include "gatewayd/spool/recover.h"
#include "gatewayd/spool/spool.h"
#include "gatewayd/spool/timers.h"

#define BIT(proc) (1u << (proc))
#define SENDERS_OF_BODIES (BIT(PROC_COURIER) | BIT(PROC_INSPECT) | \
	BIT(PROC_LINK) | BIT(PROC_DESK))

/* Who may ask what, in which shape, and who answers. */
struct server_row {
	struct ipc_rule rule;
	uint32_t procs;
	handler_fn *fn;
};

#define ROW(type, procs, fixed, elem, max, fds, fn)                           \
	{{type, fixed, elem, max, fds, fds}, procs, fn}

static const struct server_row server_rows[] = {
	ROW(SPOOL_TRANSFER_OPEN, BIT(PROC_COURIER),
	    sizeof(struct spool_transfer_open), 0, 0, 0, intake_open),
	ROW(SPOOL_BODY_PUT, BIT(PROC_COURIER), sizeof(struct spool_bodies),
	    sizeof(struct ipc_body), IPC_BATCH_MAX, 1, intake_put),
	ROW(SPOOL_BODY_CREATE, BIT(PROC_COURIER),
	    sizeof(struct spool_body_create), 0, 0, 0, intake_create),
	ROW(SPOOL_BODY_DONE, BIT(PROC_COURIER), sizeof(struct spool_bodies),
	    sizeof(struct ipc_body), IPC_BATCH_MAX, 0, intake_body_done),
	ROW(SPOOL_TRANSFER_DONE, BIT(PROC_COURIER),
	    sizeof(struct spool_transfer_done), 0, 0, 0, intake_done),
	ROW(SPOOL_TRANSFER_DROP, BIT(PROC_COURIER),
	    sizeof(struct spool_bodies), 0, 0, 0, intake_drop),
	ROW(SPOOL_CLAIM, BIT(PROC_COURIER), 0, 16, 1024, 0, intake_claim),
	ROW(SPOOL_REFUSED, BIT(PROC_COURIER), sizeof(struct spool_refused), 0,
	    0, 0, intake_refused),
	ROW(SPOOL_WORK, BIT(PROC_COURIER), 0, 0, 0, 0, deliver_work),
	ROW(SPOOL_STAGED, BIT(PROC_COURIER), sizeof(struct spool_outcome), 0,
	    0, 0, deliver_staged),
	ROW(SPOOL_PUBLISHED, BIT(PROC_COURIER), sizeof(struct spool_outcome),
	    0, 0, 0, deliver_published),
	ROW(SPOOL_NOTICED, BIT(PROC_COURIER), sizeof(struct spool_outcome), 0,
	    0, 0, deliver_noticed),
	ROW(SPOOL_BODY_GET, SENDERS_OF_BODIES, sizeof(struct spool_body_get),
	    0, 0, 0, bodies_get),
	ROW(SPOOL_INSPECT, BIT(PROC_INSPECT), 0, 0, 0, 0, inspect_next),
	ROW(SPOOL_INSPECTED, BIT(PROC_INSPECT),
	    sizeof(struct spool_inspected), 0, 0, 0, inspect_done),
	ROW(SPOOL_LINK_HELLO, BIT(PROC_LINK), sizeof(struct spool_link_hello),
	    0, 0, 0, channels_hello),
	ROW(SPOOL_TX_NEXT, BIT(PROC_LINK), sizeof(struct spool_tx_next), 0, 0,
	    0, tx_next),
	ROW(SPOOL_TX_ACK, BIT(PROC_LINK), sizeof(struct spool_tx_ack), 0, 0,
	    0, tx_ack),
	ROW(SPOOL_RX_BEGIN, BIT(PROC_LINK), sizeof(struct spool_rx_begin), 1,
	    HEADER_MAX, 0, rx_begin),
	ROW(SPOOL_RX_TABLES, BIT(PROC_LINK), sizeof(struct spool_rx_id), 0, 0,
	    1, rx_tables),
	ROW(SPOOL_RX_PUT, BIT(PROC_LINK), sizeof(struct spool_rx_id),
	    sizeof(struct ipc_body), IPC_BATCH_MAX, 1, rx_put),
	ROW(SPOOL_RX_CREATE, BIT(PROC_LINK), sizeof(struct spool_rx_create),
	    0, 0, 0, rx_create),
	ROW(SPOOL_RX_DONE, BIT(PROC_LINK), sizeof(struct spool_rx_create), 0,
	    0, 0, rx_done),
	ROW(SPOOL_RX_PROGRESS, BIT(PROC_LINK),
	    sizeof(struct spool_rx_progress), 0, 0, 0, rx_progress),
	ROW(SPOOL_RX_DAMAGED, BIT(PROC_LINK),
	    sizeof(struct spool_rx_progress), 0, 0, 0, rx_damaged),
	ROW(SPOOL_ACK_NEXT, BIT(PROC_LINK), sizeof(struct spool_ack_next), 0,
	    0, 0, ack_next),
	ROW(SPOOL_LINK_STATE, BIT(PROC_LINK), sizeof(struct spool_link_state),
	    0, 0, 0, channels_link_state),
	ROW(SPOOL_LIST, BIT(PROC_DESK), sizeof(struct spool_list), 0, 0, 0,
	    desk_list),
	ROW(SPOOL_STEPS, BIT(PROC_DESK), sizeof(struct spool_bodies), 0, 0, 0,
	    desk_steps),
	ROW(SPOOL_FILES, BIT(PROC_DESK), sizeof(struct keys_release), 0, 0, 0,
	    desk_files),
	ROW(SPOOL_DECIDE, BIT(PROC_DESK), sizeof(struct keys_decide), 0, 0, 0,
	    desk_decide),
	ROW(SPOOL_STATUS, BIT(PROC_DESK), 0, 0, 0, 0, desk_status),
	ROW(SPOOL_CHANNEL_STATUS, BIT(PROC_DESK), 0, 0, 0, 0,
	    channels_status),
	ROW(SPOOL_POKE, BIT(PROC_DESK), 0, 0, 0, 0, desk_poke),
};
#define SERVER_ROWS ((int)(sizeof(server_rows) / sizeof(server_rows[0])))

#define ANSWER(type, fixed, elem, max, min_fds, max_fds)                      \
	{(type) | IPC_REPLY, fixed, elem, max, min_fds, max_fds}

static const struct ipc_rule keys_rules[] = {
	ANSWER(KEYS_COMMIT, sizeof(struct ipc_status), 0, 0, 0, 0),
	ANSWER(KEYS_EVALUATE, sizeof(struct keys_decided), 0, 0, 0, 0),
	ANSWER(KEYS_BODY_INFO, sizeof(struct ipc_status),
	    sizeof(struct keys_body_info), IPC_BATCH_MAX, 0, 0),
	ANSWER(KEYS_SEAL, sizeof(struct keys_sealed), 0, 0, 0, 1),
	ANSWER(KEYS_WITHDRAW, sizeof(struct keys_sealed), 0, 0, 0, 1),
	ANSWER(KEYS_OPEN, sizeof(struct keys_opened), 0, 0, 0, 0),
	ANSWER(KEYS_ACK_SIGN, sizeof(struct keys_ack_signed), 0, 0, 0, 0),
	ANSWER(KEYS_ACK_CHECK, sizeof(struct keys_ack_checked), 0, 0, 0, 0),
	ANSWER(KEYS_CHANNELS, sizeof(struct ipc_status),
	    sizeof(struct keys_channel), POLICY_CHANNELS_MAX, 0, 0),
	ANSWER(KEYS_TRANSPORT, sizeof(struct ipc_status), 0, 0, 0, 0),
	ANSWER(KEYS_ERASE, sizeof(struct ipc_status), 0, 0, 0, 0),
	ANSWER(KEYS_REJUDGE, sizeof(struct ipc_status), 0, 0, 0, 0),
	ANSWER(KEYS_DECIDE, sizeof(struct keys_decided), 0, 0, 0, 0),
	ANSWER(KEYS_CHANNEL_OP, sizeof(struct ipc_status), 0, 0, 0, 0),
};
#define KEYS_RULES ((int)(sizeof(keys_rules) / sizeof(keys_rules[0])))

static const struct ipc_rule audit_rules[] = {
	ANSWER(AUDIT_APPEND, sizeof(struct audit_head), 0, 0, 0, 0),
};

/* Shapes of all requests; who may use which is checked with the row. */
static struct ipc_rule server_rules[SERVER_ROWS];

void
spool_check_text(const char *field, size_t size)
{
	if (memchr(field, '\0', size) == NULL)
		log_fatal("ipc: a text without an end");
}

/* --- clients -------------------------------------------------------------------- */

static void
spool_on_request(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct client *client = arg;
	struct spool *sp = client->sp;
	int i;

	for (i = 0; i < SERVER_ROWS; i++) {
		if (server_rows[i].rule.type == msg->type)
			break;
	}
	if (i == SERVER_ROWS || (server_rows[i].procs & BIT(client->proc)) == 0)
		log_fatal("ipc %s: message 0x%x is not for it to send",
		    ipc_chan_peer(chan), msg->type);
	server_rows[i].fn(sp, client, msg);
	group_kick(sp);
	/* Enough for one group: the rest waits in the sockets. */
	if (++sp->group.requests >= GROUP_MAX)
		group_flush(sp);
}

static void
spool_drop_client(struct spool *sp, struct client *client)
{
	struct wait *w, *next;
	struct call *call;

	TAILQ_REMOVE(&sp->clients, client, next);
	for (w = TAILQ_FIRST(&sp->waits); w != NULL; w = next) {
		next = TAILQ_NEXT(w, next);
		if (w->client != client)
			continue;
		TAILQ_REMOVE(&sp->waits, w, next);
		mem_free(w);
	}
	TAILQ_FOREACH(call, &sp->calls, next) {
		if (call->client == client)
			call->client = NULL;
	}
	group_forget(sp, client);
	intake_forget(sp, client);
	ipc_chan_free(client->chan);
	mem_free(client);
}

/* What it worked on is offered again to its successor. */
static void
spool_on_client_gone(void *arg, struct ipc_chan *chan)
{
	struct client *client = arg;
	struct spool *sp = client->sp;

	log_info("%s is gone", ipc_chan_peer(chan));
	if (client->proc == PROC_INSPECT)
		recover_inspect(sp);
	if (client->proc == PROC_COURIER)
		recover_courier(sp);
	spool_drop_client(sp, client);
	group_kick(sp);
}

void
spool_add_client(struct spool *sp, enum proc_id proc, int fd)
{
	struct client *client = mem_alloc(sizeof(*client));
	int i;

	for (i = 0; i < SERVER_ROWS; i++)
		server_rules[i] = server_rows[i].rule;
	client->sp = sp;
	client->proc = proc;
	client->chan = ipc_chan_new(sp->loop, fd, ipc_proc_name(proc),
	    server_rules, SERVER_ROWS, spool_on_request, spool_on_client_gone,
	    client);
	TAILQ_INSERT_TAIL(&sp->clients, client, next);
	ipc_pause(client->chan, sp->group.phase != GROUP_OPEN);
}

/* --- keys and audit ---------------------------------------------------------------- */

struct call *
spool_call(struct spool *sp, call_fn *fn)
{
	struct call *call = mem_alloc(sizeof(*call));

	call->fn = fn;
	call->id = ++sp->next_id;
	TAILQ_INSERT_TAIL(&sp->calls, call, next);
	return call;
}

void
spool_call_for(struct call *call, struct client *client,
    const struct ipc_msg *msg)
{
	call->client = client;
	call->type = msg->type;
	call->client_id = msg->id;
}

void
spool_call_send(struct spool *sp, struct call *call, uint16_t type,
    const void *fixed, size_t fixed_len, const void *elems, size_t elem,
    uint32_t count, const int *fds, int fd_count)
{
	ipc_send(sp->keys, type, call->id, fixed, fixed_len, elems, elem,
	    count, fds, fd_count);
}

void
spool_answer(struct spool *sp, struct ipc_msg *msg)
{
	struct call *call;

	TAILQ_FOREACH(call, &sp->calls, next) {
		if (call->id == msg->id)
			break;
	}
	if (call == NULL)
		log_fatal("keys: an answer that nobody asked for");
	TAILQ_REMOVE(&sp->calls, call, next);
	call->fn(sp, call, msg);
	mem_free(call);
	group_kick(sp);
}

/* Keep an answer for the next group: copied, with its fds. */
static void
spool_keep(struct spool *sp, struct ipc_msg *msg)
{
	struct later *l = mem_alloc(sizeof(*l) + msg->len);
	const uint8_t *body = msg->body;
	const uint8_t *elems = msg->elems;
	int i;

	memcpy(l->data, body, msg->len);
	l->msg = *msg;
	l->msg.body = l->data;
	l->msg.elems = elems == NULL ? NULL : l->data + (elems - body);
	for (i = 0; i < msg->fd_count; i++)
		msg->fds[i] = -1;
	TAILQ_INSERT_TAIL(&sp->laters, l, next);
}

static void
spool_on_keys(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct spool *sp = arg;

	(void)chan;
	if (msg->type == (KEYS_COMMIT | IPC_REPLY))
		group_on_keys(sp, msg);
	else if (sp->group.phase != GROUP_OPEN || !TAILQ_EMPTY(&sp->laters))
		spool_keep(sp, msg);
	else
		spool_answer(sp, msg);
}

static void
spool_on_audit(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	(void)chan;
	group_on_audit(arg, msg);
}

/* The parent restarts us with the server: nothing is to be saved. */
static void
spool_on_server_gone(void *arg, struct ipc_chan *chan)
{
	(void)arg;
	log_fatal("%s is gone", ipc_chan_peer(chan));
}

/* --- waiting requests ----------------------------------------------------------------- */

void
spool_wait(struct spool *sp, struct client *client, const struct ipc_msg *msg,
    const void *ask, size_t len)
{
	struct wait *w = mem_alloc(sizeof(*w));

	w->client = client;
	w->type = msg->type;
	w->id = msg->id;
	w->since_ms = clock_mono_ms();
	if (len > 0)
		memcpy(&w->ask, ask, len);
	TAILQ_INSERT_TAIL(&sp->waits, w, next);
}

static bool
spool_serve(struct spool *sp, struct wait *w)
{
	switch (w->type) {
	case SPOOL_WORK:
		return deliver_serve(sp, w);
	case SPOOL_INSPECT:
		return inspect_serve(sp, w);
	case SPOOL_TX_NEXT:
		return tx_serve(sp, w);
	case SPOOL_ACK_NEXT:
		return ack_serve(sp, w);
	default:
		log_panic("no such wait: 0x%x", w->type);
	}
}

void
spool_dispatch(struct spool *sp)
{
	bool has_work = true, has_inspection = true, is_served;
	struct wait *w, *next;

	if (sp->wants_poke)
		held_poke(sp);
	ask_keys(sp);
	for (w = TAILQ_FIRST(&sp->waits); w != NULL; w = next) {
		next = TAILQ_NEXT(w, next);
		/* What one hand did not get, the next need not look for. */
		if ((w->type == SPOOL_WORK && !has_work) ||
		    (w->type == SPOOL_INSPECT && !has_inspection))
			continue;
		is_served = spool_serve(sp, w);
		if (w->type == SPOOL_WORK)
			has_work = is_served;
		if (w->type == SPOOL_INSPECT)
			has_inspection = is_served;
		if (!is_served)
			continue;
		TAILQ_REMOVE(&sp->waits, w, next);
		mem_free(w);
	}
}

/* --- life ------------------------------------------------------------------------------- */

struct channel *
spool_channel(struct spool *sp, const char *id)
{
	int i;

	for (i = 0; i < sp->channel_count; i++) {
		if (strcmp(sp->channels[i].keys.id, id) == 0)
			return &sp->channels[i];
	}
	return NULL;
}

struct spool *
spool_new(struct ev_loop *loop, int dirfd, const struct policy_table *policy,
    int keys_fd, int audit_fd)
{
	struct spool *sp = mem_alloc(sizeof(*sp));
	enum gw_err err;

	sp->loop = loop;
	sp->policy = policy;
	TAILQ_INIT(&sp->clients);
	TAILQ_INIT(&sp->waits);
	TAILQ_INIT(&sp->calls);
	TAILQ_INIT(&sp->laters);
	TAILQ_INIT(&sp->receiving);
	TAILQ_INIT(&sp->arriving);
	group_init(sp);
	err = catalog_open(dirfd, &sp->cat);
	if (err != GW_OK)
		log_fatal("the catalogue was made by a newer version");
	catalog_gate_get(sp->cat, &sp->gate);
	catalog_begin(sp->cat);
	err = store_open(dirfd, sp->cat, &sp->gate, &sp->store);
	if (err != GW_OK)
		log_fatal("the body store cannot be opened: %s",
		    err_text_en(err));
	recover_run(sp, audit_fd);
	sp->keys = ipc_chan_new(loop, keys_fd, "keys", keys_rules, KEYS_RULES,
	    spool_on_keys, spool_on_server_gone, sp);
	sp->audit = ipc_chan_new(loop, audit_fd, "audit", audit_rules, 1,
	    spool_on_audit, spool_on_server_gone, sp);
	quota_start(sp);
	timers_start(sp);
	channels_ask(sp);
	group_kick(sp);
	return sp;
}

void
spool_free(struct spool *sp)
{
	struct client *client;
	struct later *l;
	struct call *call;

	if (sp == NULL)
		return;
	timers_stop(sp);
	while ((client = TAILQ_FIRST(&sp->clients)) != NULL)
		spool_drop_client(sp, client);
	while ((call = TAILQ_FIRST(&sp->calls)) != NULL) {
		TAILQ_REMOVE(&sp->calls, call, next);
		mem_free(call);
	}
	while ((l = TAILQ_FIRST(&sp->laters)) != NULL) {
		TAILQ_REMOVE(&sp->laters, l, next);
		ipc_msg_clear(&l->msg);
		mem_free(l);
	}
	recover_drop_arriving(sp);
	group_clear(sp);
	ipc_chan_free(sp->keys);
	ipc_chan_free(sp->audit);
	store_close(sp->store);
	catalog_close(sp->cat);
	mem_free(sp);
}

void
spool_set_policy(struct spool *sp, const struct policy_table *policy)
{
	sp->policy = policy;
	sp->wants_poke = true;
	channels_ask(sp);
	group_kick(sp);
}
