/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rd.h"
#include "proto/parcel/ack.h"
#include "proto/parcel/header.h"
#include "gatewayd/link/address.h"
#include "gatewayd/link/conn.h"
#include "gatewayd/link/inbound.h"
#include "gatewayd/link/receiver.h"

#define LISTENERS_MAX	POLICY_CHANNELS_MAX
#define GUESTS_MAX	16	/* connections that have not said HELLO */
#define HELLO_MS	10000
#define WINDOW_MS	10000	/* connections are counted over this */
#define WINDOW_MAX	50	/* from one address */
#define ADDRESSES_MAX	64
#define REPORT_EVERY	100	/* refusals between two log lines */

struct guest; /* a connection, before and after its HELLO */

struct rx_channel {
	struct receiver *rv;
	struct policy_channel policy;
	struct inbound_channel keys;
	uint8_t peer_pin[IDENTITY_PIN_LEN];
	struct guest *guest;
	struct ev_timer *tick;
	bool is_asking;
	uint32_t refused;
};

struct guest {
	struct receiver *rv;
	bool is_used;
	struct conn *conn;
	struct ev_timer *hello;
	struct rx_channel *channel; /* NULL until HELLO */
	struct inbound *in;
};

struct listener {
	char address[POLICY_ADDR_LEN];
	int fd;
	struct ev_fd *ev;
};

struct source {
	struct sockaddr_storage address;
	uint64_t since_ms;
	uint32_t count;
};

struct receiver {
	struct link_env *env;
	struct listener listeners[LISTENERS_MAX];
	int listener_count;
	struct rx_channel channels[POLICY_CHANNELS_MAX];
	int channel_count;
	struct guest guests[GUESTS_MAX + POLICY_CHANNELS_MAX];
	struct source sources[ADDRESSES_MAX];
	uint32_t refused;
};

static void ask_ack(struct rx_channel *, bool waits);

static void
refuse(struct receiver *rv, const char *why)
{
	if (rv->refused++ % REPORT_EVERY == 0)
		log_warn("a connection was refused: %s (%u so far)", why,
		    rv->refused);
}

/* --- guests ---------------------------------------------------------------------- */

static void
guest_clear(struct guest *g)
{
	struct receiver *rv = g->rv;

	if (g->channel != NULL && g->channel->guest == g) {
		ev_timer_stop(g->channel->tick);
		g->channel->guest = NULL;
	}
	inbound_free(g->in);
	conn_free(g->conn);
	ev_timer_free(g->hello);
	memset(g, 0, sizeof(*g));
	g->rv = rv;
}

static void
on_closed(void *arg, struct conn *c, const char *why)
{
	struct guest *g = arg;
	struct rx_channel *ch = g->channel;

	(void)c;
	if (ch == NULL) {
		refuse(g->rv, why);
	} else {
		log_warn("channel %s: %s", ch->policy.id, why);
		link_report(g->rv->env, ch->policy.id, LINK_DOWN, ch->refused,
		    why);
	}
	guest_clear(g);
}

static void
on_up(void *arg, struct conn *c)
{
	struct guest *g = arg;

	for (int i = 0; i < g->rv->channel_count; i++)
		if (mem_equal(conn_peer_pin(c), g->rv->channels[i].peer_pin,
			IDENTITY_PIN_LEN))
			return;
	conn_drop(c, "its key is not that of a paired zone");
}

static void
on_hello_late(void *arg)
{
	struct guest *g = arg;

	if (g->channel == NULL)
		conn_drop(g->conn, "it said nothing");
}

/* --- HELLO: which channel this is --------------------------------------------------- */

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
		struct guest *old = ch->guest;

		ch->guest = NULL;
		guest_clear(old);
	}
	ch->guest = g;
	g->channel = ch;
	g->in = inbound_new(g->rv->env, g->conn, &ch->keys);
	ev_timer_stop(g->hello);
	log_info("channel %s: up", ch->policy.id);
	link_report(g->rv->env, ch->policy.id, LINK_UP, ch->refused, "");
	ask_ack(ch, false);
	return NULL;
}

/* --- frames ---------------------------------------------------------------------------- */

static int
take_frame(struct guest *g, const struct frame *f, const uint8_t *payload,
    const char **why)
{
	if (g->channel != NULL && f->type != FRAME_HELLO)
		return inbound_frame(g->in, f, payload, why);
	*why = "it did not greet first";
	if (g->channel != NULL || f->type != FRAME_HELLO)
		return -1;
	*why = take_hello(g, payload, f->len);
	return *why == NULL ? 1 : -1;
}

static ptrdiff_t
on_bytes(void *arg, struct conn *c, const uint8_t *bytes, size_t len)
{
	struct guest *g = arg;
	size_t used = 0;
	const char *why = "a malformed frame";
	struct frame f;
	int got;

	while (len - used >= FRAME_HEAD_LEN) {
		if (frame_decode(bytes + used, &f) != GW_OK) {
			got = -1;
		} else if (len - used - FRAME_HEAD_LEN < f.len) {
			break;
		} else {
			got = take_frame(g, &f, bytes + used + FRAME_HEAD_LEN,
			    &why);
		}
		if (got == -1) {
			if (g->channel != NULL)
				g->channel->refused++;
			conn_drop(c, why);
			return -1;
		}
		if (got == 0)
			return (ptrdiff_t)used;
		used += FRAME_HEAD_LEN + f.len;
	}
	if (g->in != NULL)
		inbound_flush(g->in);
	return (ptrdiff_t)used;
}

static void
on_low(void *arg, struct conn *c)
{
	(void)arg;
	(void)c;
}

/* --- ACKs -------------------------------------------------------------------------------- */

static void
got_ack(void *arg, struct ipc_msg *msg)
{
	struct rx_channel *ch = arg;
	struct keys_ack_signed ack;
	struct conn *c;

	memcpy(&ack, msg->body, sizeof(ack));
	ch->is_asking = false;
	if (ch->guest == NULL)
		return;
	c = ch->guest->conn;
	if (ack.err != GW_OK)
		log_warn("channel %s: no ACK: %s", ch->policy.id,
		    err_text_en((enum gw_err)ack.err));
	else if (conn_queued(c) < 4 * ACK_LEN)
		buf_put(conn_out(c), ack.bytes, ACK_LEN);
	if (ack.err == GW_OK && ch->policy.ack == POLICY_ACK_IMMEDIATE)
		ask_ack(ch, true);
	else
		ev_timer_set(ch->tick, ch->policy.ack_tick_ms);
	conn_flush(c);
}

static void
ask_ack(struct rx_channel *ch, bool waits)
{
	struct spool_ack_next next = {.waits = waits};

	if (ch->is_asking)
		return;
	ch->is_asking = true;
	mem_put_str(next.channel, sizeof(next.channel), ch->policy.id);
	link_ask(ch->rv->env, SPOOL_ACK_NEXT, &next, sizeof(next), NULL, 0, 0,
	    -1, got_ack, ch);
}

static void
on_tick(void *arg)
{
	ask_ack(arg, false);
}

/* --- listening ------------------------------------------------------------------------------ */

static bool
same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		    ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
		   &((const struct sockaddr_in6 *)b)->sin6_addr, 16) == 0;
}

/* Count a connection; false when its address has had too many of late. */
static bool
may_come(struct receiver *rv, const struct sockaddr_storage *from)
{
	uint64_t now = clock_mono_ms();
	struct source *oldest = &rv->sources[0];

	for (int i = 0; i < ADDRESSES_MAX; i++) {
		struct source *src = &rv->sources[i];

		if (src->count > 0 && same_host(&src->address, from)) {
			if (now - src->since_ms > WINDOW_MS) {
				src->since_ms = now;
				src->count = 0;
			}
			return ++src->count <= WINDOW_MAX;
		}
		if (src->since_ms < oldest->since_ms)
			oldest = src;
	}
	oldest->address = *from;
	oldest->since_ms = now;
	oldest->count = 1;
	return true;
}

static struct guest *
place_for_guest(struct receiver *rv)
{
	struct guest *free_place = NULL;
	int strangers = 0;

	for (size_t i = 0; i < sizeof(rv->guests) / sizeof(rv->guests[0]);
	     i++) {
		struct guest *g = &rv->guests[i];

		if (!g->is_used)
			free_place = g;
		else if (g->channel == NULL)
			strangers++;
	}
	return strangers < GUESTS_MAX ? free_place : NULL;
}

static void
on_accept(void *arg, int fd, int events)
{
	static const struct conn_ops ops = {.on_up = on_up,
	    .on_bytes = on_bytes,
	    .on_low = on_low,
	    .on_closed = on_closed};
	struct receiver *rv = arg;
	struct sockaddr_storage from = {0};
	socklen_t len = sizeof(from);
	struct guest *g;
	int one = 1, sock;

	(void)events;
	sock = accept4(fd, (struct sockaddr *)&from, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (sock == -1)
		return;
	g = place_for_guest(rv);
	if (g == NULL || !may_come(rv, &from)) {
		refuse(rv, "too many connections");
		close(sock);
		return;
	}
	if (setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ==
	    -1)
		log_warn("TCP_NODELAY: %s", strerror(errno));
	g->is_used = true;
	g->hello = ev_timer_new(rv->env->loop, on_hello_late, g);
	ev_timer_set(g->hello, HELLO_MS);
	g->conn =
	    conn_new(rv->env->loop, rv->env->tls, sock, true, false, &ops, g);
}

static void
listen_on(struct receiver *rv, const char *channel, const char *address)
{
	struct listener *l = &rv->listeners[rv->listener_count];
	struct sockaddr_storage sa;
	socklen_t len;
	int one = 1;

	for (int i = 0; i < rv->listener_count; i++)
		if (strcmp(rv->listeners[i].address, address) == 0)
			return;
	if (address_parse(address, &sa, &len) != GW_OK)
		log_fatal("channel %s: bad address %s", channel, address);
	l->fd = socket(sa.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd == -1 ||
	    setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ==
		-1 ||
	    bind(l->fd, (struct sockaddr *)&sa, len) == -1 ||
	    listen(l->fd, 64) == -1)
		log_fatal("channel %s: cannot listen on %s: %s; is another "
			  "gateway running there, or the address not this "
			  "machine's?",
		    channel, address, strerror(errno));
	mem_put_str(l->address, sizeof(l->address), address);
	l->ev = ev_fd_new(rv->env->loop, l->fd, EV_RD, on_accept, rv);
	rv->listener_count++;
}

struct receiver *
receiver_new(struct link_env *env)
{
	struct receiver *rv = mem_alloc(sizeof(*rv));

	rv->env = env;
	for (size_t i = 0; i < sizeof(rv->guests) / sizeof(rv->guests[0]); i++)
		rv->guests[i].rv = rv;
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
	memcpy(ch->keys.key_ids, info->peer_key_ids,
	    sizeof(ch->keys.key_ids));
	memcpy(ch->peer_pin, info->peer_pin, sizeof(ch->peer_pin));
	ch->tick = ev_timer_new(rv->env->loop, on_tick, ch);
	listen_on(rv, policy->id, policy->address);
}

void
receiver_free(struct receiver *rv)
{
	if (rv == NULL)
		return;
	for (size_t i = 0; i < sizeof(rv->guests) / sizeof(rv->guests[0]); i++)
		if (rv->guests[i].is_used)
			guest_clear(&rv->guests[i]);
	for (int i = 0; i < rv->channel_count; i++) {
		link_forget(rv->env, &rv->channels[i]);
		ev_timer_free(rv->channels[i].tick);
	}
	for (int i = 0; i < rv->listener_count; i++) {
		ev_fd_free(rv->listeners[i].ev);
		close(rv->listeners[i].fd);
	}
	mem_free(rv);
}
