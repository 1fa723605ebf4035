/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/crypto/crypto.h"
#include "proto/parcel/ack.h"
#include "proto/parcel/tables.h"
#include "proto/wire/frame.h"
#include "gatewayd/link/address.h"
#include "gatewayd/link/conn.h"
#include "gatewayd/link/sender.h"

#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 30000
#define ALIVE_MS     15000
#define TX_MAX	     4		/* parcels in flight */
#define GET_BYTES    (2u << 20) /* of small bodies asked for at once */

/* One batch of stored bodies as spool handed them over. */
struct batch {
	int fd;
	uint32_t count, at;
	struct ipc_body bodies[IPC_BATCH_MAX];
};

enum tx_step { TX_HEADER, TX_TABLES, TX_BODIES, TX_END };

/* A parcel on its way. */
struct tx {
	struct sender *s;
	bool is_used;
	enum tx_step step;
	struct spool_tx_parcel info;
	int object_fd;
	uint32_t header_len;
	uint64_t object_off;
	uint32_t next_get;	/* first body not yet asked for */
	bool is_asking, has_next;
	struct batch now, next;
	/* the body under way, when it has more than one chunk */
	bool is_large;
	uint64_t table_at, table_count, chunk;
};

struct sender {
	struct link_env *env;
	struct policy_channel channel;
	uint8_t channel_id[16];
	uint8_t peer_pin[IDENTITY_PIN_LEN];
	struct conn *conn;
	struct ev_timer *retry, *alive;
	uint64_t delay_ms;
	bool is_up, has_ack, is_asking_next, is_finishing;
	uint32_t after_epoch;
	uint64_t after_seq;
	uint8_t ack[ACK_LEN];
	size_t ack_len;
	struct tx tx[TX_MAX];
	int turn;
};

static void fill(struct sender *);
static void ask_next(struct sender *);

/* --- parcels in flight --------------------------------------------------------- */

static void
batch_clear(struct batch *b)
{
	io_drop(&b->fd);
	b->count = b->at = 0;
}

static void
tx_clear(struct tx *t)
{
	if (!t->is_used)
		return;
	link_forget(t->s->env, t);
	io_drop(&t->object_fd);
	batch_clear(&t->now);
	batch_clear(&t->next);
	t->is_used = false;
}

static void
clear_parcels(struct sender *s)
{
	for (int i = 0; i < TX_MAX; i++)
		tx_clear(&s->tx[i]);
	link_forget(s->env, s);
	s->is_asking_next = false;
}

/* Drop the connection and with it all that was under way; try again later. */
static void
lost(struct sender *s, const char *why)
{
	uint8_t jitter;

	clear_parcels(s);
	conn_free(s->conn);
	s->conn = NULL;
	if (s->is_up)
		log_warn("channel %s: %s", s->channel.id, why);
	s->is_up = s->has_ack = false;
	if (s->is_finishing)
		return;
	link_report(s->env, s->channel.id, LINK_DOWN, 0, why);
	crypto_random(&jitter, 1);
	ev_timer_set(s->retry, s->delay_ms + s->delay_ms * jitter / 1024);
	s->delay_ms = s->delay_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS
						     : s->delay_ms * 2;
}

/* --- bodies --------------------------------------------------------------------- */

static void
got_bodies(void *arg, struct ipc_msg *msg)
{
	struct tx *t = arg;
	struct sender *s;
	struct ipc_status st;
	struct batch *b;

	memcpy(&st, msg->body, sizeof(st));
	t->is_asking = false;
	if (st.err != GW_OK || msg->count == 0 || msg->fd_count != 1) {
		log_err("channel %s: bodies of parcel %llu cannot be had: %s",
		    t->s->channel.id, (unsigned long long)t->info.seq,
		    err_text_en((enum gw_err)st.err));
		lost(t->s, "a body cannot be read");
		return;
	}
	b = t->now.count == 0 ? &t->now : &t->next;
	b->fd = msg->fds[0];
	msg->fds[0] = -1;
	b->count = msg->count;
	b->at = 0;
	memcpy(b->bodies, msg->elems, msg->count * sizeof(b->bodies[0]));
	t->next_get = b->bodies[b->count - 1].index + 1;
	s = t->s;
	fill(s);
	if (s->conn != NULL)
		conn_flush(s->conn);
}

/* Ask for the next batch while there is a place for it. */
static void
want_bodies(struct tx *t)
{
	struct spool_body_get get = {.transfer = t->info.transfer,
	    .first = t->next_get,
	    .max_count = IPC_BATCH_MAX,
	    .max_bytes = GET_BYTES};

	if (t->is_asking || t->next.count != 0 ||
	    t->next_get >= t->info.body_count)
		return;
	t->is_asking = true;
	link_ask(t->s->env, SPOOL_BODY_GET, &get, sizeof(get), NULL, 0, 0, -1,
	    got_bodies, t);
}

/* Move on to the next body; swap in the batch that was read ahead. */
static void
body_done(struct tx *t)
{
	t->is_large = false;
	if (++t->now.at < t->now.count)
		return;
	batch_clear(&t->now);
	t->now = t->next;
	t->next.fd = -1;
	t->next.count = 0;
}

static bool
read_into(struct tx *t, struct buf *out, int fd, size_t len, uint64_t off)
{
	uint8_t *p = buf_reserve(out, len);

	if (p != NULL && io_pread_full(fd, p, len, off) == GW_OK)
		return true;
	log_err("channel %s: parcel %llu cannot be read from the spool",
	    t->s->channel.id, (unsigned long long)t->info.seq);
	return false;
}

static bool
send_small(struct tx *t, const struct ipc_body *b)
{
	struct buf *out = conn_out(t->s->conn);
	size_t len = (size_t)b->padded_len;

	frame_put(out, FRAME_SMALL, t->info.seq, 4 + BODY_ENTRY_LEN + len);
	buf_put_u32(out, b->index);
	if (!read_into(t, out, t->now.fd, BODY_ENTRY_LEN, b->offset + len) ||
	    !read_into(t, out, t->now.fd, len, b->offset))
		return false;
	body_done(t);
	return true;
}

/* A piece of the chunk table, or the next chunk, of a large body. */
static bool
send_large(struct tx *t, const struct ipc_body *b)
{
	const uint64_t per_frame = FRAME_PIECE_MAX / BODY_ENTRY_LEN;
	struct buf *out = conn_out(t->s->conn);
	uint64_t n;
	size_t len;

	if (!t->is_large) {
		t->is_large = true;
		t->table_at = 0;
		t->table_count = body_chunk_count(b->padded_len);
		t->chunk =
		    b->index == t->info.bodies ? t->info.chunks : 0;
	}
	if (t->table_at < t->table_count) {
		n = t->table_count - t->table_at;
		if (n > per_frame)
			n = per_frame;
		len = (size_t)(n * BODY_ENTRY_LEN);
		frame_put(out, FRAME_BODY, t->info.seq, 8 + len);
		buf_put_u32(out, b->index);
		buf_put_u32(out, (uint32_t)t->table_at);
		if (!read_into(t, out, t->now.fd, len,
			b->offset + b->padded_len +
			    t->table_at * BODY_ENTRY_LEN))
			return false;
		t->table_at += n;
		return true;
	}
	if (t->chunk < t->table_count) {
		len = body_chunk_len(b->padded_len, t->chunk);
		frame_put(out, FRAME_CHUNK, t->info.seq, 8 + len);
		buf_put_u32(out, b->index);
		buf_put_u32(out, (uint32_t)t->chunk);
		if (!read_into(t, out, t->now.fd, len,
			b->offset + t->chunk * BODY_CHUNK))
			return false;
		t->chunk++;
	}
	if (t->chunk == t->table_count)
		body_done(t);
	return true;
}

/* --- steps of a parcel ----------------------------------------------------------- */

static bool
send_header(struct tx *t)
{
	struct buf *out = conn_out(t->s->conn);

	frame_put(out, FRAME_HEADER, t->info.seq, t->header_len);
	if (!read_into(t, out, t->object_fd, t->header_len, 0))
		return false;
	t->object_off = t->header_len;
	t->step = t->object_off < t->info.object_len ? TX_TABLES : TX_END;
	return true;
}

static bool
send_tables(struct tx *t)
{
	struct buf *out = conn_out(t->s->conn);
	uint64_t len = t->info.object_len - t->object_off;

	if (len > FRAME_PIECE_MAX)
		len = FRAME_PIECE_MAX;
	frame_put(out, FRAME_TABLES, t->info.seq, (size_t)len);
	if (!read_into(t, out, t->object_fd, (size_t)len, t->object_off))
		return false;
	t->object_off += len;
	if (t->object_off == t->info.object_len)
		t->step = t->info.bodies < t->info.body_count ? TX_BODIES
							      : TX_END;
	return true;
}

/*
 * Put one frame of this parcel into the queue.  1: did, 0: waits for spool,
 * -1: the connection must go.
 */
static int
tx_step(struct tx *t)
{
	const struct ipc_body *b;
	bool ok;

	switch (t->step) {
	case TX_HEADER:
		return send_header(t) ? 1 : -1;
	case TX_TABLES:
		return send_tables(t) ? 1 : -1;
	case TX_BODIES:
		want_bodies(t);
		if (t->now.count == 0) {
			if (t->is_asking || t->next_get < t->info.body_count)
				return 0;
			t->step = TX_END;
			return 1;
		}
		b = &t->now.bodies[t->now.at];
		ok = body_chunk_count(b->padded_len) == 1 ? send_small(t, b)
							  : send_large(t, b);
		return ok ? 1 : -1;
	case TX_END:
		frame_put(conn_out(t->s->conn), FRAME_END, t->info.seq, 0);
		tx_clear(t);
		return 1;
	}
	return -1;
}

/*
 * Fill the queue: one frame of each parcel in turn, heavier ones more, so
 * that a note never waits behind a map.
 */
static void
fill(struct sender *s)
{
	bool did = true;

	if (!s->is_up || !s->has_ack || s->is_finishing)
		return;
	while (did && conn_queued(s->conn) < CONN_OUT_LOW) {
		did = false;
		for (int i = 0; i < TX_MAX; i++) {
			struct tx *t = &s->tx[(s->turn + i) % TX_MAX];
			uint32_t frames = t->is_used ? 1 + t->info.weight / 25
						     : 0;

			while (frames-- > 0 && t->is_used &&
			    conn_queued(s->conn) < CONN_OUT_LOW) {
				int got = tx_step(t);

				if (got == -1) {
					lost(s, "the spool could not be read");
					return;
				}
				if (got == 0)
					break;
				did = true;
			}
		}
		s->turn = (s->turn + 1) % TX_MAX;
	}
	ask_next(s);
}

/* --- the next parcel ---------------------------------------------------------------- */

static struct tx *
free_place(struct sender *s)
{
	uint32_t max = s->channel.max_in_flight;
	struct tx *found = NULL;
	uint32_t used = 0;

	for (int i = 0; i < TX_MAX; i++) {
		if (s->tx[i].is_used)
			used++;
		else if (found == NULL)
			found = &s->tx[i];
	}
	return used < (max == 0 || max > TX_MAX ? TX_MAX : max) ? found : NULL;
}

static bool
start_parcel(struct tx *t, const struct spool_tx_parcel *info, int object_fd)
{
	uint8_t head[16];

	if (io_pread_full(object_fd, head, sizeof(head), 0) != GW_OK)
		return false;
	t->header_len = (uint32_t)header_peek_len(head, sizeof(head));
	if (t->header_len == 0 || t->header_len > info->object_len)
		return false;
	t->is_used = true;
	t->step = TX_HEADER;
	t->info = *info;
	t->object_fd = object_fd;
	t->object_off = 0;
	t->next_get = info->bodies;
	t->is_asking = t->is_large = false;
	t->now.fd = t->next.fd = -1;
	t->now.count = t->next.count = 0;
	return true;
}

static void
got_next(void *arg, struct ipc_msg *msg)
{
	struct sender *s = arg;
	struct spool_tx_parcel info;
	struct tx *t = free_place(s);
	int fd = msg->fd_count == 1 ? msg->fds[0] : -1;

	memcpy(&info, msg->body, sizeof(info));
	s->is_asking_next = false;
	if (info.err != GW_OK) {
		lost(s, "the spool has no answer");
		return;
	}
	s->after_epoch = info.epoch;
	s->after_seq = info.seq;
	if (!info.is_complete) {
		if (t == NULL || fd == -1 || !start_parcel(t, &info, fd))
			log_fatal("spool offered a parcel that is none");
		t->s = s;
		msg->fds[0] = -1;
	}
	fill(s);
	if (s->conn != NULL)
		conn_flush(s->conn);
}

/* Headers go in sequence: ask for one more only when the last was queued. */
static void
ask_next(struct sender *s)
{
	struct spool_tx_next next = {.after_seq = s->after_seq,
	    .after_epoch = s->after_epoch};

	if (s->is_asking_next || !s->has_ack || free_place(s) == NULL)
		return;
	for (int i = 0; i < TX_MAX; i++)
		if (s->tx[i].is_used && s->tx[i].step == TX_HEADER)
			return;
	s->is_asking_next = true;
	mem_put_str(next.channel, sizeof(next.channel), s->channel.id);
	link_ask(s->env, SPOOL_TX_NEXT, &next, sizeof(next), NULL, 0, 0, -1,
	    got_next, s);
}

/* --- ACKs ------------------------------------------------------------------------------ */

static void
got_ack_answer(void *arg, struct ipc_msg *msg)
{
	struct sender *s = arg;
	struct keys_ack_checked checked;

	memcpy(&checked, msg->body, sizeof(checked));
	if (checked.err != GW_OK) {
		log_warn("channel %s: the peer's ACK is refused: %s",
		    s->channel.id, err_text_en((enum gw_err)checked.err));
		lost(s, "the peer's ACK was refused");
		return;
	}
	if (s->has_ack)
		return;
	/* first of this connection: go on where the peer stands */
	s->has_ack = true;
	s->delay_ms = RETRY_MIN_MS;
	s->after_epoch = checked.ack.epoch;
	s->after_seq =
	    checked.ack.base_seq > 0 ? checked.ack.base_seq - 1 : 0;
	link_report(s->env, s->channel.id, LINK_UP, 0, "");
	log_info("channel %s: up", s->channel.id);
	fill(s);
	if (s->conn != NULL)
		conn_flush(s->conn);
}

static ptrdiff_t
on_bytes(void *arg, struct conn *c, const uint8_t *bytes, size_t len)
{
	struct sender *s = arg;
	struct spool_tx_ack msg = {0};

	(void)c;
	if (len < ACK_LEN)
		return 0;
	mem_put_str(msg.channel, sizeof(msg.channel), s->channel.id);
	memcpy(msg.bytes, bytes, ACK_LEN);
	link_ask(s->env, SPOOL_TX_ACK, &msg, sizeof(msg), NULL, 0, 0, -1,
	    got_ack_answer, s);
	return ACK_LEN;
}

/* --- connection --------------------------------------------------------------------------- */

static void
on_up(void *arg, struct conn *c)
{
	struct sender *s = arg;
	struct buf *out = conn_out(c);

	if (!mem_equal(conn_peer_pin(c), s->peer_pin, IDENTITY_PIN_LEN)) {
		log_err("channel %s: %s shows a key that is not the paired "
			"one; nothing was sent",
		    s->channel.id, s->channel.address);
		conn_drop(c, "the peer's key is not the paired one");
		return;
	}
	s->is_up = true;
	frame_put(out, FRAME_HELLO, 0, 18);
	buf_put_u16(out, FRAME_VERSION);
	buf_put(out, s->channel_id, sizeof(s->channel_id));
	ev_timer_set(s->alive, ALIVE_MS);
}

static void
on_low(void *arg, struct conn *c)
{
	(void)c;
	fill(arg);
}

static void
on_closed(void *arg, struct conn *c, const char *why)
{
	(void)c;
	lost(arg, why);
}

static void
on_alive(void *arg)
{
	struct sender *s = arg;

	if (!s->is_up || s->conn == NULL)
		return;
	if (conn_queued(s->conn) == 0) {
		frame_put(conn_out(s->conn), FRAME_ALIVE, 0, 0);
		conn_flush(s->conn);
	}
	ev_timer_set(s->alive, ALIVE_MS);
}

static void
on_retry(void *arg)
{
	static const struct conn_ops ops = {.on_up = on_up,
	    .on_bytes = on_bytes,
	    .on_low = on_low,
	    .on_closed = on_closed};
	struct sender *s = arg;
	struct sockaddr_storage sa;
	socklen_t len;
	int fd, one = 1;

	if (address_parse(s->channel.address, &sa, &len) != GW_OK)
		log_fatal("channel %s: bad address %s", s->channel.id,
		    s->channel.address);
	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd == -1)
		log_fatal("cannot make a socket: %s", strerror(errno));
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == -1)
		log_warn("TCP_NODELAY: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&sa, len) == -1 &&
	    errno != EINPROGRESS) {
		const char *why = strerror(errno);

		close(fd);
		lost(s, why);
		return;
	}
	s->conn = conn_new(s->env->loop, s->env->tls, fd, false, true, &ops,
	    s);
}

struct sender *
sender_new(struct link_env *env, const struct policy_channel *channel,
    const struct keys_channel *info)
{
	struct sender *s = mem_alloc(sizeof(*s));

	s->env = env;
	s->channel = *channel;
	memcpy(s->peer_pin, info->peer_pin, sizeof(s->peer_pin));
	if (header_channel_id(channel->id, s->channel_id) != GW_OK)
		log_fatal("channel %s: no channel id", channel->id);
	s->delay_ms = RETRY_MIN_MS;
	for (int i = 0; i < TX_MAX; i++) {
		s->tx[i].s = s;
		s->tx[i].object_fd = -1;
		s->tx[i].now.fd = s->tx[i].next.fd = -1;
	}
	s->retry = ev_timer_new(env->loop, on_retry, s);
	s->alive = ev_timer_new(env->loop, on_alive, s);
	ev_timer_set(s->retry, 0);
	return s;
}

void
sender_free(struct sender *s)
{
	if (s == NULL)
		return;
	clear_parcels(s);
	conn_free(s->conn);
	ev_timer_free(s->retry);
	ev_timer_free(s->alive);
	mem_free(s);
}

const char *
sender_channel(const struct sender *s)
{
	return s->channel.id;
}

void
sender_finish(struct sender *s)
{
	s->is_finishing = true;
	ev_timer_stop(s->retry);
	if (s->conn != NULL && s->is_up)
		conn_finish(s->conn);
}
