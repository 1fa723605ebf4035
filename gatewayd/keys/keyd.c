/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "gatewayd/keys/channel.h"
#include "gatewayd/keys/effect.h"
#include "gatewayd/keys/numbers.h"
#include "gatewayd/keys/permit.h"
#include "gatewayd/keys/store.h"
#include "gatewayd/keys/zone.h"

#include "gatewayd/keys/keyd.h"

#define DAILY_MS (6 * UINT64_C(3600000))

/* --- clients ------------------------------------------------------------ */

static void
client_on_msg(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct client *c = arg;

	(void)chan;
	permit_run(c->k, c, msg);
}

static void
client_free(struct client *c)
{
	TAILQ_REMOVE(&c->k->clients, c, next);
	effect_drop_client(c->k, c);
	ipc_chan_free(c->chan);
	mem_free(c);
}

static void
client_on_closed(void *arg, struct ipc_chan *chan)
{
	log_info("%s is gone", ipc_chan_peer(chan));
	client_free(arg);
}

static const char *
client_name(enum client_kind kind, enum policy_stage stage)
{
	switch (kind) {
	case CLIENT_COURIER:
		return "courier";
	case CLIENT_SPOOL:
		return "spool";
	case CLIENT_DESK:
		return "desk";
	case CLIENT_ZYGOTE:
		return policy_stage_name(stage);
	case CLIENT_KINDS:
		break;
	}
	log_panic("client kind %d", (int)kind);
}

void
keyd_add_client(struct keyd *k, enum client_kind kind,
    enum policy_stage stage, int fd)
{
	const struct ipc_rule *rules;
	struct client *c;
	int count;

	rules = permit_rules(kind, &count);
	c = mem_alloc(sizeof(*c));
	c->k = k;
	c->kind = kind;
	c->stage = stage;
	c->chan = ipc_chan_new(k->loop, fd, client_name(kind, stage), rules,
	    count, client_on_msg, client_on_closed, c);
	ipc_pause(c->chan, !k->is_serving);
	TAILQ_INSERT_TAIL(&k->clients, c, next);
}

void
keyd_serve(struct keyd *k)
{
	struct client *c;

	if (k->is_serving)
		return;
	k->is_serving = true;
	TAILQ_FOREACH(c, &k->clients, next)
		ipc_pause(c->chan, false);
	ev_timer_set(k->daily, 0);
}

/* --- answers ------------------------------------------------------------ */

void
keyd_reply(struct client *c, uint16_t type, uint64_t id, const void *fixed,
    size_t len, const void *elems, size_t elem, uint32_t count, int fd)
{
	if (c == NULL) {
		io_drop(&fd);
		return;
	}
	ipc_send(c->chan, type | IPC_REPLY, id, fixed, len, elems, elem,
	    count, &fd, fd == -1 ? 0 : 1);
}

void
keyd_status(struct client *c, uint16_t type, uint64_t id, enum gw_err err,
    enum reason reason)
{
	const struct ipc_status st = {.err = err, .reason = (uint16_t)reason};

	keyd_reply(c, type, id, &st, sizeof(st), NULL, 0, 0, -1);
}

int
keyd_text_ok(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

void
keyd_check_disk(enum gw_err err, const char *what)
{
	if (err != GW_OK)
		log_fatal("%s: %s", what, err_text_en(err));
}

/* --- all of it ---------------------------------------------------------- */

static void
keyd_daily(void *arg)
{
	struct keyd *k = arg;

	pair_daily(k);
	ev_timer_set(k->daily, DAILY_MS);
}

struct keyd *
keyd_new(struct ev_loop *loop, const struct policy_table *policy, int dirfd,
    int audit_fd)
{
	struct keyd *k = mem_alloc(sizeof(*k));

	TAILQ_INIT(&k->clients);
	k->loop = loop;
	k->policy = policy;
	k->dir = dirfd;
	k->store = store_new(dirfd);
	k->numbers = numbers_new(dirfd);
	k->peers = peers_new(dirfd);
	k->daily = ev_timer_new(loop, keyd_daily, k);
	k->effects = effects_new(k, audit_fd);
	keyd_check_disk(zone_open(dirfd, clock_wall_ms(), &k->zone),
	    "zone keys");
	keyd_check_disk(peers_load(k->peers, policy), "peers");
	keyd_check_disk(channels_open(dirfd, &k->channels), "channels");
	channels_fit(k);
	return k;
}

void
keyd_set_policy(struct keyd *k, const struct policy_table *policy)
{
	k->policy = policy;
	keyd_check_disk(peers_load(k->peers, policy), "peers");
	channels_fit(k);
}

void
keyd_free(struct keyd *k)
{
	struct client *c;

	if (k == NULL)
		return;
	while ((c = TAILQ_FIRST(&k->clients)) != NULL)
		client_free(c);
	effects_free(k->effects);
	channels_free(k->channels);
	peers_free(k->peers);
	zone_free(k->zone);
	numbers_free(k->numbers);
	store_free(k->store);
	ev_timer_free(k->daily);
	io_drop(&k->dir);
	mem_free(k);
}
