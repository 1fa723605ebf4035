/* SPDX-License-Identifier: ISC */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rd.h"
#include "proto/parcel/header.h"
#include "gatewayd/link/acker.h"
#include "gatewayd/link/conn.h"
#include "gatewayd/link/inbound.h"
#include "gatewayd/link/limits.h"
#include "gatewayd/link/listen.h"
#include "gatewayd/link/receiver.h"

/* Each channel may have one connection, and one that still hands over. */
#define GUESTS_MAX (LIMITS_STRANGERS + 2 * POLICY_CHANNELS_MAX)
#define REPORT_MS  10000 /* refusals are told to spool, if there were any */

struct rx_channel {
	struct receiver *rv;
	struct policy_channel policy;
	struct inbound_channel keys;
	uint8_t peer_pin[IDENTITY_PIN_LEN];
	struct guest *guest; /* NULL: not connected */
	struct acker *acker;
	uint32_t refused, told;
};

/*
 * A connection.  A stranger until its HELLO; after a clean end its parcels
 * may still be on their way to spool (is_leaving).
 */
struct guest {
	struct receiver *rv;
	bool is_used, is_leaving;
	uint64_t since_ms;
	struct sockaddr_storage address;
	struct conn *conn;
	struct ev_timer *hello;
	struct rx_channel *channel;
	struct inbound *in;
};

struct receiver {
	struct link_env *env;
	struct limits *limits;
	struct listen *listens[POLICY_CHANNELS_MAX];
	int listen_count;
	struct rx_channel channels[POLICY_CHANNELS_MAX];
	int channel_count;
	struct guest guests[GUESTS_MAX];
	struct ev_timer *report;
};

/* --- what spool is told -------------------------------------------- */

static void
tell(struct rx_channel *ch, enum link_state state, const char *detail)
{
	ch->told = ch->refused + limits_refused_count(ch->rv->limits);
	link_report(ch->rv->env, ch->policy.id, state, ch->told, detail);
}

static void
tell_down(struct rx_channel *ch)
{
	const char *problem = NULL;

	for (int i = 0; i < ch->rv->listen_count; i++)
		if (strcmp(listen_address(ch->rv->listens[i]),
			ch->policy.address) == 0)
			problem = listen_problem(ch->rv->listens[i]);
	tell(ch, LINK_DOWN, problem != NULL ? problem : "not connected");
}

static void
on_report(void *arg)
{
	struct receiver *rv = arg;
	uint32_t strangers = limits_refused_count(rv->limits);

	for (int i = 0; i < rv->channel_count; i++) {
		struct rx_channel *ch = &rv->channels[i];

		if (ch->told == ch->refused + strangers)
			continue;
		if (ch->guest != NULL)
			tell(ch, LINK_UP, "");
		else
			tell_down(ch);
	}
	ev_timer_set(rv->report, REPORT_MS);
}

/* --- guests -------------------------------------------------------- */

static void
guest_clear(struct guest *g)
{
	struct receiver *rv = g->rv;

	if (g->channel != NULL && g->channel->guest == g) {
		acker_stop(g->channel->acker);
		g->channel->guest = NULL;
	}
	inbound_free(g->in);
	conn_free(g->conn);
	ev_timer_free(g->hello);
	memset(g, 0, sizeof(*g));
	g->rv = rv;
}

static void
on_left(void *arg)
{
	guest_clear(arg);
}

/*
 * A sender that has sent all closes at once; what it sent whole must not be
 * lost because spool is still at it.
 */
static bool
may_leave(struct guest *g)
{
	if (!inbound_leave(g->in, on_left, g))
		return false;
	acker_stop(g->channel->acker);
	g->channel->guest = NULL;
	g->channel = NULL;
	conn_free(g->conn);
	g->conn = NULL;
	g->is_leaving = true;
	return true;
}

static void
on_closed(void *arg, struct conn *c, bool is_clean, const char *why)
{
	struct guest *g = arg;
	struct rx_channel *ch = g->channel;

	(void)c;
	if (ch == NULL) {
		limits_refused(g->rv->limits, why);
		guest_clear(g);
		return;
	}
	log_info("channel %s: down: %s", ch->policy.id, why);
	if (!is_clean || !may_leave(g))
		guest_clear(g);
	tell(ch, LINK_DOWN, why);
}

static bool
is_known(void *arg, const uint8_t pin[IDENTITY_PIN_LEN])
{
	const struct guest *g = arg;

	for (int i = 0; i < g->rv->channel_count; i++)
		if (mem_equal(
			pin, g->rv->channels[i].peer_pin, IDENTITY_PIN_LEN))
			return true;
	return false;
}

static void
on_hello_late(void *arg)
{
	struct guest *g = arg;

	if (g->channel == NULL && !g->is_leaving)
		conn_drop(g->conn, "it did not say which channel it is for");
}

/* --- HELLO: which channel this is ---------------------------------- */

static struct rx_channel *
find_channel(struct receiver *rv, const uint8_t id[16], const uint8_t *pin)
{
	for (int i = 0; i < rv->channel_count; i++) {
		struct rx_channel *ch = &rv->channels[i];

		if (memcmp(ch->keys.channel_id, id, 16) == 0 &&
		    mem_equal(ch->peer_pin, pin, IDENTITY_PIN_LEN))
			return ch;
	}
	return NULL;
}

static const char *
take_hello(struct guest *g, const uint8_t *payload, size_t len)
{
	const uint8_t *id;
	struct rx_channel *ch;
	uint16_t version;
	struct rd rd;

	rd_init(&rd, payload, len);
	if (rd_u16(&rd, &version) != GW_OK || rd_span(&rd, 16, &id) != GW_OK)
		return "a malformed greeting";
	if (version != FRAME_VERSION)
		return "it speaks another version";
	ch = find_channel(g->rv, id, conn_peer_pin(g->conn));
	if (ch == NULL)
		return "the channel it named is not its own";
	if (ch->guest != NULL) {
		/* the sender came back before we noticed that it was gone */
		log_info("channel %s: a new connection replaces the old",
		    ch->policy.id);
		guest_clear(ch->guest);
	}
	ch->guest = g;
	g->channel = ch;
	g->in = inbound_new(g->rv->env, g->conn, &ch->keys);
	ev_timer_stop(g->hello);
	log_info("channel %s: up", ch->policy.id);
	tell(ch, LINK_UP, "");
	acker_start(ch->acker, g->conn);
	return NULL;
}

/* --- frames -------------------------------------------------------- */

static enum inbound_took
take_frame(struct guest *g, const struct frame *f, const uint8_t *payload,
    const char **why)
{
	if (g->channel != NULL && f->type != FRAME_HELLO)
		return inbound_frame(g->in, f, payload, why);
	*why = "a greeting out of place";
	if (g->channel != NULL || f->type != FRAME_HELLO)
		return INBOUND_NONSENSE;
	*why = take_hello(g, payload, f->len);
	return *why == NULL ? INBOUND_TOOK : INBOUND_NONSENSE;
}

static void
drop_nonsense(struct guest *g, const char *why)
{
	struct rx_channel *ch = g->channel;

	if (ch != NULL) {
		ch->refused++;
		log_warn("channel %s: the peer sent %s", ch->policy.id, why);
	}
	conn_drop(g->conn, why);
}

static size_t
on_bytes(void *arg, struct conn *c, const uint8_t *bytes, size_t len)
{
	struct guest *g = arg;
	const char *why;
	enum inbound_took took;
	struct frame f;
	size_t used = 0;

	(void)c;
	while (len - used >= FRAME_HEAD_LEN) {
		if (frame_decode(bytes + used, &f) != GW_OK) {
			drop_nonsense(g, "a malformed frame");
			return 0;
		}
		if (len - used - FRAME_HEAD_LEN < f.len)
			break;
		took = take_frame(g, &f, bytes + used + FRAME_HEAD_LEN, &why);
		if (took == INBOUND_NONSENSE) {
			drop_nonsense(g, why);
			return 0;
		}
		if (took == INBOUND_LATER)
			break;
		used += FRAME_HEAD_LEN + f.len;
	}
	return used;
}

static void
on_dry(void *arg, struct conn *c)
{
	struct guest *g = arg;

	(void)c;
	if (g->in != NULL)
		inbound_flush(g->in);
}

/* --- who may come -------------------------------------------------- */

/* A place; the oldest stranger gives way, so that none can hold them all. */
static struct guest *
guest_place(struct receiver *rv, const struct sockaddr_storage *from)
{
	struct guest *free_place = NULL, *oldest = NULL;
	int strangers = 0, same = 0;

	for (int i = 0; i < GUESTS_MAX; i++) {
		struct guest *g = &rv->guests[i];

		if (!g->is_used) {
			free_place = g;
			continue;
		}
		if (g->channel != NULL || g->is_leaving)
			continue;
		strangers++;
		if (limits_same_host(&g->address, from))
			same++;
		if (oldest == NULL || g->since_ms < oldest->since_ms)
			oldest = g;
	}
	if (same >= LIMITS_STRANGERS_HOST)
		return NULL;
	if (strangers < LIMITS_STRANGERS)
		return free_place;
	limits_refused(rv->limits, "it gave way to a newer one");
	guest_clear(oldest);
	return oldest;
}

static void
on_connection(void *arg, int fd, const struct sockaddr_storage *from)
{
	static const struct conn_ops ops = {.is_known = is_known,
	    .on_bytes = on_bytes,
	    .on_dry = on_dry,
	    .on_closed = on_closed};
	struct receiver *rv = arg;
	struct guest *g = NULL;

	if (limits_may_come(rv->limits, from))
		g = guest_place(rv, from);
	if (g == NULL) {
		limits_refused(rv->limits, "too many connections");
		close(fd);
		return;
	}
	g->is_used = true;
	g->since_ms = clock_mono_ms();
	g->address = *from;
	g->hello = ev_timer_new(rv->env->loop, on_hello_late, g);
	ev_timer_set(g->hello, LIMITS_HELLO_MS);
	g->conn =
	    conn_new(rv->env->loop, rv->env->tls, fd, true, false, &ops, g);
}

/* --- life ---------------------------------------------------------- */

static void
listen_on(struct receiver *rv, const char *address)
{
	for (int i = 0; i < rv->listen_count; i++)
		if (strcmp(listen_address(rv->listens[i]), address) == 0)
			return;
	rv->listens[rv->listen_count++] =
	    listen_new(rv->env->loop, address, on_connection, rv);
}

struct receiver *
receiver_new(struct link_env *env)
{
	struct receiver *rv = mem_alloc(sizeof(*rv));

	rv->env = env;
	rv->limits = limits_new();
	for (int i = 0; i < GUESTS_MAX; i++)
		rv->guests[i].rv = rv;
	rv->report = ev_timer_new(env->loop, on_report, rv);
	ev_timer_set(rv->report, REPORT_MS);
	return rv;
}

void
receiver_add(struct receiver *rv, const struct policy_channel *policy,
    const struct keys_channel *info)
{
	struct rx_channel *ch = &rv->channels[rv->channel_count];

	if (rv->channel_count == POLICY_CHANNELS_MAX)
		log_panic("more channels than the policy can hold");
	rv->channel_count++;
	ch->rv = rv;
	ch->policy = *policy;
	ch->keys.id = ch->policy.id;
	if (header_channel_id(policy->id, ch->keys.channel_id) != GW_OK)
		log_fatal("channel %s: no channel id", policy->id);
	memcpy(ch->keys.peer_sign_pub, info->peer_sign_pub, 32);
	memcpy(ch->keys.key_ids, info->peer_key_ids, sizeof(ch->keys.key_ids));
	memcpy(ch->peer_pin, info->peer_pin, sizeof(ch->peer_pin));
	ch->acker = acker_new(rv->env, policy);
	listen_on(rv, policy->address);
	tell_down(ch);
}

void
receiver_update(struct receiver *rv, const struct keys_channel *info)
{
	for (int i = 0; i < rv->channel_count; i++)
		if (strcmp(rv->channels[i].policy.id, info->id) == 0)
			memcpy(rv->channels[i].keys.key_ids, info->peer_key_ids,
			    sizeof(rv->channels[i].keys.key_ids));
}

void
receiver_free(struct receiver *rv)
{
	if (rv == NULL)
		return;
	for (int i = 0; i < GUESTS_MAX; i++)
		if (rv->guests[i].is_used)
			guest_clear(&rv->guests[i]);
	for (int i = 0; i < rv->channel_count; i++)
		acker_free(rv->channels[i].acker);
	for (int i = 0; i < rv->listen_count; i++)
		listen_free(rv->listens[i]);
	ev_timer_free(rv->report);
	limits_free(rv->limits);
	mem_free(rv);
}
