/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "proto/crypto/crypto.h"
#include "proto/parcel/ack.h"
#include "proto/wire/frame.h"
#include "gatewayd/link/address.h"
#include "gatewayd/link/conn.h"
#include "gatewayd/link/sender.h"
#include "gatewayd/link/tx.h"

#define RETRY_MIN_MS  200
#define RETRY_MAX_MS  30000
#define ALIVE_MS      15000
#define ANSWER_MS     30000  /* from HELLO to the first ACK */
#define CUT_AGAIN_MS  300000 /* what could not be read is tried again */
#define ACK_CALLS_MAX 4      /* ACKs that spool has not yet looked at */
/* Bytes of a turn at weight 0: a whole frame, or a turn could be empty. */
#define QUANTUM (FRAME_HEAD_LEN + FRAME_PAYLOAD_MAX)

/*
 * Questions for the next parcel.  Several at once, as an answer may take a
 * commit of the spool; each is for one position, so a question asked before
 * a connection was lost is still good after it.
 */
#define NEXT_MAX   48
#define NEXT_AHEAD 16

struct next {
	struct sender *s;
	bool is_open;
	uint32_t after_epoch;
	uint64_t after_seq;
};

/* A place for a parcel on its way; its turn ends when credit is used up. */
struct slot {
	struct sender *s;
	struct tx *tx;  /* NULL: free */
	uint64_t order; /* of coming */
	uint32_t weight;
	int64_t credit;
};

struct sender {
	struct link_env *env;
	struct policy_channel channel;
	uint8_t channel_id[16];
	uint8_t peer_pin[IDENTITY_PIN_LEN];
	struct conn *conn;
	struct ev_timer *retry, *alive;
	struct ev_timer
	    *patience; /* for the first ACK; then for what was cut */
	uint64_t delay_ms;
	bool is_up, has_ack, is_finishing;
	bool is_full;   /* the next parcel's tables must wait */
	bool is_hungry; /* places were freed: ask for more */
	uint32_t epoch; /* of the parcel taken last */
	uint64_t seq;
	uint32_t ack_calls;
	uint8_t last_ack[ACK_LEN];
	struct ack peer; /* what it said last */
	struct next next[NEXT_MAX];
	struct slot slots[FRAME_OPEN_MAX];
	int turn;
	uint64_t orders;
};

/* --- losing and retrying ------------------------------------------- */

static void
clear_parcels(struct sender *s)
{
	for (int i = 0; i < FRAME_OPEN_MAX; i++) {
		tx_free(s->slots[i].tx);
		s->slots[i].tx = NULL;
	}
}

/* Drop the connection and with it all that was under way; try again later. */
static void
lost(struct sender *s, const char *why)
{
	uint8_t jitter;

	if (s->is_up)
		log_warn("channel %s: %s", s->channel.id, why);
	clear_parcels(s);
	link_forget(s->env, s);
	s->ack_calls = 0;
	conn_free(s->conn);
	s->conn = NULL;
	s->is_up = s->has_ack = false;
	ev_timer_stop(s->alive);
	ev_timer_stop(s->patience);
	if (s->is_finishing)
		return;
	link_report(s->env, s->channel.id, LINK_DOWN, 0, why);
	crypto_random(&jitter, 1);
	ev_timer_set(s->retry, s->delay_ms + s->delay_ms * jitter / 1024);
	s->delay_ms *= 2;
	if (s->delay_ms > RETRY_MAX_MS)
		s->delay_ms = RETRY_MAX_MS;
}

/* --- filling the queue --------------------------------------------- */

static uint32_t
count_flowing(const struct sender *s)
{
	uint32_t n = 0;

	for (int i = 0; i < FRAME_OPEN_MAX; i++)
		if (s->slots[i].tx != NULL && tx_is_heavy(s->slots[i].tx) &&
		    !tx_is_held(s->slots[i].tx))
			n++;
	return n;
}

/* Bodies of only so many large parcels flow at once, first come first. */
static void
let_flow(struct sender *s)
{
	struct slot *first;

	do {
		first = NULL;
		for (int i = 0; i < FRAME_OPEN_MAX; i++) {
			struct slot *slot = &s->slots[i];

			if (slot->tx != NULL && tx_is_held(slot->tx) &&
			    (first == NULL || slot->order < first->order))
				first = slot;
		}
		if (first == NULL ||
		    count_flowing(s) >= s->channel.max_in_flight)
			return;
		tx_hold(first->tx, false);
	} while (true);
}

static void
end_parcel(struct sender *s, struct slot *slot)
{
	if (tx_was_cut(slot->tx))
		ev_timer_set(s->patience, CUT_AGAIN_MS);
	tx_free(slot->tx);
	slot->tx = NULL;
	slot->credit = 0;
	s->is_full = false;
	s->is_hungry = true;
	let_flow(s);
}

/* One frame of a parcel; false: its turn is over. */
static bool
put_frame(struct sender *s, struct slot *slot)
{
	struct buf *out = conn_out(s->conn);
	size_t had = out->len;
	enum tx_put put;

	if (slot->tx == NULL || slot->credit <= 0)
		return false;
	put = tx_put(slot->tx, out);
	slot->credit -= (int64_t)(out->len - had);
	if (put == TX_ENDED)
		end_parcel(s, slot);
	else if (put == TX_WAITS)
		slot->credit = 0;
	return put != TX_WAITS;
}

/*
 * Fill the queue by deficit round robin: each parcel in turn puts frames
 * until the bytes that its flow's weight gives it are used up.  So a note
 * never waits behind a map for longer than one turn of the maps.
 */
static void
fill(struct sender *s)
{
	struct slot *slot;
	int idle = 0;

	while (idle <= FRAME_OPEN_MAX && conn_queued(s->conn) < CONN_OUT_LOW) {
		if (put_frame(s, &s->slots[s->turn])) {
			idle = 0;
			continue;
		}
		idle++;
		s->turn = (s->turn + 1) % FRAME_OPEN_MAX;
		slot = &s->slots[s->turn];
		if (slot->tx != NULL)
			slot->credit +=
			    (int64_t)QUANTUM * (1 + slot->weight / 25);
	}
}

/* --- the next parcel ----------------------------------------------- */

static uint32_t
count_open(const struct sender *s, uint64_t *bytes_out)
{
	uint32_t n = 0;

	*bytes_out = 0;
	for (int i = 0; i < FRAME_OPEN_MAX; i++)
		if (s->slots[i].tx != NULL) {
			n++;
			*bytes_out += tx_open_bytes(s->slots[i].tx);
		}
	return n;
}

static void
on_ready(void *arg)
{
	struct slot *slot = arg;

	conn_flush(slot->s->conn);
}

/*
 * Take a parcel: its header is queued at once, as headers go in sequence.
 * false: not now, ask again when others have ended.
 */
static bool
take_parcel(struct sender *s, const struct spool_tx_parcel *info, int *fd)
{
	struct slot *slot = s->slots;
	uint64_t bytes;

	if (count_open(s, &bytes) == FRAME_OPEN_MAX)
		return false;
	if (bytes > 0 && bytes + info->object_len > FRAME_OPEN_BYTES) {
		s->is_full = true;
		return false;
	}
	while (slot->tx != NULL)
		slot++;
	if (*fd == -1 ||
	    tx_new(s->env, info, *fd, on_ready, slot, &slot->tx) != GW_OK)
		log_fatal("spool offered a parcel that is none");
	*fd = -1;
	slot->credit = 0;
	slot->order = s->orders++;
	slot->weight = info->weight;
	tx_hold(slot->tx, tx_is_heavy(slot->tx));
	let_flow(s);
	if (tx_put(slot->tx, conn_out(s->conn)) == TX_BROKEN)
		lost(s, "the spool could not be read");
	return true;
}

static void ask_next(struct sender *);

static void
got_next(void *arg, struct ipc_msg *msg)
{
	struct next *n = arg;
	struct sender *s = n->s;
	struct spool_tx_parcel info;

	memcpy(&info, msg->body, sizeof(info));
	n->is_open = false;
	/* asked ahead, or before the connection was lost: not wanted now */
	if (!s->has_ack || s->is_finishing || n->after_epoch != s->epoch ||
	    n->after_seq != s->seq) {
		ask_next(s);
		return;
	}
	if (info.err != GW_OK) {
		lost(s, err_text_en((enum gw_err)info.err));
		return;
	}
	if (info.is_complete || take_parcel(s, &info, &msg->fds[0])) {
		s->epoch = info.epoch;
		s->seq = info.seq;
	}
	ask_next(s);
	if (s->conn != NULL)
		conn_flush(s->conn);
}

static bool
is_asked(const struct sender *s, uint64_t after_seq)
{
	for (int i = 0; i < NEXT_MAX; i++)
		if (s->next[i].is_open && s->next[i].after_seq == after_seq &&
		    s->next[i].after_epoch == s->epoch)
			return true;
	return false;
}

static void
ask_at(struct sender *s, uint64_t after_seq)
{
	struct spool_tx_next ask = {
	    .after_seq = after_seq, .after_epoch = s->epoch};
	struct next *n = s->next;

	while (n < s->next + NEXT_MAX && n->is_open)
		n++;
	if (n == s->next + NEXT_MAX)
		return; /* old questions fill all places until some is answered
			 */
	n->is_open = true;
	n->after_epoch = s->epoch;
	n->after_seq = after_seq;
	mem_put_str(ask.channel, sizeof(ask.channel), s->channel.id);
	link_ask(s->env, SPOOL_TX_NEXT, &ask, sizeof(ask), NULL, 0, 0, -1,
	    got_next, n);
}

static void
ask_next(struct sender *s)
{
	uint64_t bytes, places = FRAME_OPEN_MAX - count_open(s, &bytes);

	if (!s->has_ack || s->is_finishing || s->is_full)
		return;
	s->is_hungry = false;
	for (uint64_t i = 0; i < NEXT_AHEAD && i < places; i++)
		if (!is_asked(s, s->seq + i))
			ask_at(s, s->seq + i);
}

/* --- ACKs ---------------------------------------------------------- */

/* Did the peer get on since its last ACK? */
static bool
has_moved(const struct ack *a, const struct ack *b)
{
	return a->epoch != b->epoch || a->header_seq != b->header_seq ||
	       a->base_seq != b->base_seq ||
	       memcmp(a->complete, b->complete, sizeof(a->complete)) != 0 ||
	       memcmp(a->progress, b->progress, sizeof(a->progress)) != 0;
}

static void
got_ack(void *arg, struct ipc_msg *msg)
{
	struct sender *s = arg;
	struct keys_ack_checked checked;

	memcpy(&checked, msg->body, sizeof(checked));
	s->ack_calls--;
	if (checked.err != GW_OK) {
		log_warn("channel %s: the peer's ACK is refused: %s",
		    s->channel.id, err_text_en((enum gw_err)checked.err));
		lost(s, "the peer's ACK was refused");
		return;
	}
	conn_pause(s->conn, false);
	/* a connection that only comes and goes is not tried ever faster */
	if (has_moved(&checked.ack, &s->peer))
		s->delay_ms = RETRY_MIN_MS;
	s->peer = checked.ack;
	if (s->has_ack)
		return;
	/* first of this connection: go on where the peer stands */
	s->has_ack = true;
	ev_timer_stop(s->patience);
	s->epoch = checked.ack.epoch;
	s->seq = checked.ack.base_seq > 0 ? checked.ack.base_seq - 1 : 0;
	link_report(s->env, s->channel.id, LINK_UP, 0, "");
	log_info("channel %s: up", s->channel.id);
	ask_next(s);
}

static size_t
on_bytes(void *arg, struct conn *c, const uint8_t *bytes, size_t len)
{
	struct sender *s = arg;
	struct spool_tx_ack msg = {0};

	if (len < ACK_LEN)
		return 0;
	/* nothing new at the peer within a tick: the same ACK again */
	if (memcmp(bytes, s->last_ack, ACK_LEN) == 0 && s->has_ack)
		return ACK_LEN;
	if (s->ack_calls >= ACK_CALLS_MAX) {
		conn_pause(c, true);
		return 0;
	}
	s->ack_calls++;
	memcpy(s->last_ack, bytes, ACK_LEN);
	mem_put_str(msg.channel, sizeof(msg.channel), s->channel.id);
	memcpy(msg.bytes, bytes, ACK_LEN);
	link_ask(s->env, SPOOL_TX_ACK, &msg, sizeof(msg), NULL, 0, 0, -1,
	    got_ack, s);
	return ACK_LEN;
}

/* --- connection ---------------------------------------------------- */

static bool
is_known(void *arg, const uint8_t pin[IDENTITY_PIN_LEN])
{
	const struct sender *s = arg;

	if (mem_equal(pin, s->peer_pin, IDENTITY_PIN_LEN))
		return true;
	log_err("channel %s: %s shows a key that is not the paired one; "
		"nothing was sent",
	    s->channel.id, s->channel.address);
	return false;
}

static void
on_up(void *arg, struct conn *c)
{
	struct sender *s = arg;
	struct buf *out = conn_out(c);

	s->is_up = true;
	frame_put(out, FRAME_HELLO, 0, 18);
	buf_put_u16(out, FRAME_VERSION);
	buf_put(out, s->channel_id, sizeof(s->channel_id));
	ev_timer_set(s->alive, ALIVE_MS);
	ev_timer_set(s->patience, ANSWER_MS);
}

static void
on_low(void *arg, struct conn *c)
{
	struct sender *s = arg;

	(void)c;
	if (!s->has_ack)
		return;
	fill(s);
	if (s->is_hungry)
		ask_next(s);
}

static void
on_closed(void *arg, struct conn *c, bool is_clean, const char *why)
{
	(void)c;
	(void)is_clean;
	lost(arg, why);
}

static void
on_alive(void *arg)
{
	struct sender *s = arg;

	if (conn_queued(s->conn) == 0 && !s->is_finishing)
		frame_put(conn_out(s->conn), FRAME_ALIVE, 0, 0);
	ev_timer_set(s->alive, ALIVE_MS);
	conn_flush(s->conn);
}

static void
on_patience(void *arg)
{
	struct sender *s = arg;

	lost(s, s->has_ack ? "to send again what could not be read"
			   : "the peer does not say where it stands");
}

static void
on_retry(void *arg)
{
	static const struct conn_ops ops = {.is_known = is_known,
	    .on_up = on_up,
	    .on_bytes = on_bytes,
	    .on_low = on_low,
	    .on_closed = on_closed};
	struct sender *s = arg;
	struct sockaddr_storage sa;
	socklen_t len;
	int fd;

	if (address_parse(s->channel.address, &sa, &len) != GW_OK)
		log_fatal("channel %s: bad address %s", s->channel.id,
		    s->channel.address);
	fd =
	    socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1 || (connect(fd, (struct sockaddr *)&sa, len) == -1 &&
			    errno != EINPROGRESS)) {
		const char *why = strerror(errno);

		if (fd != -1)
			close(fd);
		lost(s, why);
		return;
	}
	s->conn = conn_new(s->env->loop, s->env->tls, fd, false, true, &ops, s);
}

/* --- life ---------------------------------------------------------- */

struct sender *
sender_new(struct link_env *env, const struct policy_channel *channel,
    const struct keys_channel *info)
{
	struct sender *s = mem_alloc(sizeof(*s));

	s->env = env;
	s->channel = *channel;
	if (s->channel.max_in_flight == 0)
		s->channel.max_in_flight = 1;
	memcpy(s->peer_pin, info->peer_pin, sizeof(s->peer_pin));
	if (header_channel_id(channel->id, s->channel_id) != GW_OK)
		log_fatal("channel %s: no channel id", channel->id);
	s->delay_ms = RETRY_MIN_MS;
	for (int i = 0; i < FRAME_OPEN_MAX; i++)
		s->slots[i].s = s;
	for (int i = 0; i < NEXT_MAX; i++)
		s->next[i].s = s;
	s->retry = ev_timer_new(env->loop, on_retry, s);
	s->alive = ev_timer_new(env->loop, on_alive, s);
	s->patience = ev_timer_new(env->loop, on_patience, s);
	ev_timer_set(s->retry, 0);
	link_report(env, channel->id, LINK_CONNECTING, 0, "");
	return s;
}

void
sender_free(struct sender *s)
{
	if (s == NULL)
		return;
	clear_parcels(s);
	link_forget(s->env, s);
	for (int i = 0; i < NEXT_MAX; i++)
		link_forget(s->env, &s->next[i]);
	conn_free(s->conn);
	ev_timer_free(s->retry);
	ev_timer_free(s->alive);
	ev_timer_free(s->patience);
	mem_free(s);
}

void
sender_finish(struct sender *s)
{
	s->is_finishing = true;
	ev_timer_stop(s->retry);
	if (s->conn != NULL && s->is_up)
		conn_finish(s->conn);
}
