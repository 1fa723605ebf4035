/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/crypto/crypto.h"
#include "gatewayd/link/inbound_own.h"

/* --- places -------------------------------------------------------- */

static void
object_clear(struct rx *r)
{
	if (r->object != NULL)
		munmap(r->object, r->layout.total_len);
	r->object = NULL;
	r->has_tables = false;
	io_drop(&r->object_fd);
}

static void
rx_reset(struct rx *r, struct inbound *in)
{
	memset(r, 0, sizeof(*r));
	r->in = in;
	r->object_fd = r->put.fd = r->large.fd = -1;
	for (int i = 0; i < INBOUND_AHEAD; i++)
		r->files[i].fd = -1;
}

static void
rx_clear(struct rx *r)
{
	struct inbound *in = r->in;

	if (!r->is_used)
		return;
	link_forget(in->env, r);
	in->calls -= r->pending;
	object_clear(r);
	inbound_bodies_clear(r);
	rx_reset(r, in);
}

static struct rx *
rx_find(struct inbound *in, uint64_t seq)
{
	for (int i = 0; i < INBOUND_PARCELS; i++)
		if (in->rx[i].is_used && in->rx[i].seq == seq)
			return &in->rx[i];
	return NULL;
}

static struct rx *
rx_place(struct inbound *in)
{
	for (int i = 0; i < INBOUND_PARCELS; i++)
		if (!in->rx[i].is_used)
			return &in->rx[i];
	return NULL;
}

/* --- spool --------------------------------------------------------- */

void
inbound_pause(struct inbound *in)
{
	if (in->conn != NULL)
		conn_pause(in->conn, true);
}

void
inbound_ask(struct rx *r, uint16_t type, const void *fixed, size_t len,
    const struct ipc_body *elems, uint32_t count, int fd, link_answer_fn *fn,
    void *arg)
{
	r->pending++;
	if (++r->in->calls > INBOUND_CALLS_HIGH)
		inbound_pause(r->in);
	link_ask(r->in->env, type, fixed, len, elems, sizeof(*elems), count, fd,
	    fn, arg);
}

static bool
has_any(const struct inbound *in)
{
	for (int i = 0; i < INBOUND_PARCELS; i++)
		if (in->rx[i].is_used)
			return true;
	return false;
}

void
inbound_answered(struct rx *r, enum gw_err err)
{
	struct inbound *in = r->in;

	r->pending--;
	in->calls--;
	if (err == GW_ENOENT && r->known == RX_TAKES) {
		r->known = RX_SKIPS;
		err = GW_OK;
	}
	if (r->is_ended && r->pending == 0)
		rx_clear(r);
	if (in->conn == NULL) {
		if (!has_any(in) && in->on_left != NULL)
			in->on_left(in->arg); /* frees us */
		return;
	}
	/* either may free the connection and us: nothing may follow */
	if (err != GW_OK)
		conn_drop(in->conn, err == GW_ESPACE
					? "fetching is stopped: no space"
					: "the spool did not take it");
	else if (in->calls < INBOUND_CALLS_LOW)
		conn_pause(in->conn, false);
}

void
inbound_got_status(void *arg, struct ipc_msg *msg)
{
	struct ipc_status st;

	memcpy(&st, msg->body, sizeof(st));
	inbound_answered(arg, (enum gw_err)st.err);
}

static void
give_tables(struct rx *r)
{
	struct spool_rx_id id;
	int fd;

	if (r->known != RX_TAKES || !r->has_tables)
		return;
	if (r->wants_tables) {
		r->wants_tables = false;
		fd = fcntl(r->object_fd, F_DUPFD_CLOEXEC, 0);
		if (fd == -1)
			log_fatal("cannot duplicate a memory file");
		memcpy(id.rx_id, r->rx_id, sizeof(id.rx_id));
		inbound_ask(r, SPOOL_RX_TABLES, &id, sizeof(id), NULL, 0, fd,
		    inbound_got_status, r);
	}
	if (!r->is_ended)
		inbound_look_ahead(r);
}

static void
got_begin(void *arg, struct ipc_msg *msg)
{
	struct rx *r = arg;
	struct spool_rx rx;

	memcpy(&rx, msg->body, sizeof(rx));
	if (rx.err == GW_OK) {
		memcpy(r->rx_id, rx.rx_id, sizeof(r->rx_id));
		r->known = rx.state == RX_NEW || rx.state == RX_RESUME
			       ? RX_TAKES
			       : RX_SKIPS;
		r->wants_tables = rx.wants_tables != 0;
		r->had_bodies = rx.bodies;
		r->had_chunks = rx.chunks;
		r->next_file = rx.bodies;
		give_tables(r);
		inbound_put(r);
	}
	inbound_answered(r, (enum gw_err)rx.err);
}

/* --- header and tables --------------------------------------------- */

/* Does the header name a key of ours?  None listed: spool and keys judge. */
static bool
names_our_key(const struct inbound_channel *ch, const uint8_t id[16])
{
	static const uint8_t none[16];
	bool has_any_key = false;

	for (int i = 0; i < 4; i++) {
		if (memcmp(ch->key_ids[i], none, 16) == 0)
			continue;
		has_any_key = true;
		if (memcmp(ch->key_ids[i], id, 16) == 0)
			return true;
	}
	return !has_any_key;
}

/*
 * Signature first: nothing of a parcel is kept before its header verifies
 * under the paired key.
 */
static const char *
check_header(const struct inbound *in, const struct frame *f,
    const uint8_t *bytes, struct rx *r)
{
	const struct inbound_channel *ch = in->channel;

	if (header_decode(bytes, f->len, &r->header) != GW_OK)
		return "a malformed header";
	if (r->header.seq != f->seq ||
	    memcmp(r->header.channel_id, ch->channel_id, 16) != 0)
		return "a header of another channel";
	if (memcmp(r->header.sender_key_id, in->sender_key_id, 16) != 0 ||
	    !names_our_key(ch, r->header.recipient_key_id))
		return "a header that names another key";
	if (header_verify(&r->header, ch->peer_sign_pub) != GW_OK)
		return "a header whose signature does not verify";
	if (tables_layout(&r->header, f->len, &r->layout) != GW_OK)
		return "a header with impossible lengths";
	return NULL;
}

/* Is there room by the rules that the sender knows, too? */
static bool
may_open(const struct inbound *in, size_t len)
{
	size_t bytes = 0;
	int open = 0;

	for (int i = 0; i < INBOUND_PARCELS; i++)
		if (in->rx[i].is_used && !in->rx[i].is_ended) {
			open++;
			bytes += in->rx[i].layout.total_len;
		}
	return open == 0 ||
	       (open < FRAME_OPEN_MAX && bytes + len <= FRAME_OPEN_BYTES);
}

static enum inbound_took
take_header(struct inbound *in, const struct frame *f, const uint8_t *bytes,
    const char **why)
{
	struct spool_rx_begin begin = {0};
	struct rx *r = rx_find(in, f->seq);

	if (r != NULL && !r->is_ended) {
		*why = "a header that is there already";
		return INBOUND_NONSENSE;
	}
	r = r == NULL ? rx_place(in) : NULL;
	if (r == NULL) {
		/* ended ones wait for spool; its answers wake us */
		inbound_pause(in);
		return INBOUND_LATER;
	}
	*why = check_header(in, f, bytes, r);
	if (*why == NULL && !may_open(in, r->layout.total_len))
		*why = "more parcels at once than agreed";
	if (*why != NULL)
		return INBOUND_NONSENSE;
	r->is_used = true;
	r->seq = f->seq;
	r->known = RX_ASKED;
	if (io_memfd("parcel", &r->object_fd) != GW_OK ||
	    io_write_full(r->object_fd, bytes, f->len) != GW_OK)
		log_fatal("cannot make a memory file");
	r->object_got = f->len;
	mem_put_str(begin.channel, sizeof(begin.channel), in->channel->id);
	r->pending++;
	in->calls++;
	link_ask(in->env, SPOOL_RX_BEGIN, &begin, sizeof(begin), bytes, 1,
	    f->len, -1, got_begin, r);
	return INBOUND_TOOK;
}

/* All tables are there: hold them against the signed hashes. */
static bool
open_tables(struct rx *r)
{
	const struct parcel_layout *l = &r->layout;

	if (io_seal(r->object_fd) != GW_OK)
		log_fatal("cannot seal a memory file");
	/* private: kernels before 6.7 refuse to share a sealed one */
	r->object =
	    mmap(NULL, l->total_len, PROT_READ, MAP_PRIVATE, r->object_fd, 0);
	if (r->object == MAP_FAILED)
		log_fatal("cannot map a memory file");
	r->has_tables = tables_check(&r->header, r->object + l->body_table_off,
			    r->object + l->key_table_off,
			    r->object + l->statement_off) == GW_OK;
	return r->has_tables;
}

static enum inbound_took
take_tables(struct rx *r, const uint8_t *bytes, size_t len, const char **why)
{
	if (len > r->layout.total_len - r->object_got) {
		*why = "tables longer than signed";
		return INBOUND_NONSENSE;
	}
	if (io_write_full(r->object_fd, bytes, len) != GW_OK)
		log_fatal("cannot write a memory file");
	r->object_got += len;
	if (r->object_got < r->layout.total_len)
		return INBOUND_TOOK;
	if (!open_tables(r)) {
		*why = "tables that do not match the signed header";
		return INBOUND_NONSENSE;
	}
	give_tables(r);
	return INBOUND_TOOK;
}

/* Nothing more comes of it; what was handed over, spool still answers. */
static enum inbound_took
take_end(struct rx *r)
{
	/* only a little may wait for spool's word without being counted */
	if (r->known == RX_ASKED && r->layout.total_len > INBOUND_PUT_BYTES) {
		inbound_pause(r->in);
		return INBOUND_LATER;
	}
	r->is_ended = true;
	inbound_put(r);
	if (r->pending == 0)
		rx_clear(r);
	else if (r->known != RX_ASKED)
		object_clear(r);
	return INBOUND_TOOK;
}

enum inbound_took
inbound_frame(struct inbound *in, const struct frame *f, const uint8_t *payload,
    const char **why)
{
	struct rx *r;

	*why = "a frame out of place";
	if (f->type == FRAME_ALIVE)
		return INBOUND_TOOK;
	if (f->type == FRAME_HEADER)
		return take_header(in, f, payload, why);
	r = rx_find(in, f->seq);
	if (r == NULL || r->is_ended)
		return INBOUND_NONSENSE;
	if (f->type == FRAME_END)
		return take_end(r);
	if (r->known == RX_SKIPS)
		return INBOUND_TOOK;
	switch (f->type) {
	case FRAME_TABLES:
		return take_tables(r, payload, f->len, why);
	case FRAME_SMALL:
		return inbound_small(r, payload, f->len, why);
	case FRAME_BODY:
		return inbound_table(r, payload, f->len, why);
	case FRAME_CHUNK:
		return inbound_chunk(r, payload, f->len, why);
	default:
		return INBOUND_NONSENSE;
	}
}

/* --- life ---------------------------------------------------------- */

void
inbound_flush(struct inbound *in)
{
	for (int i = 0; i < INBOUND_PARCELS; i++)
		if (in->rx[i].is_used)
			inbound_put(&in->rx[i]);
}

struct inbound *
inbound_new(struct link_env *env, struct conn *conn,
    const struct inbound_channel *channel)
{
	struct inbound *in = mem_alloc(sizeof(*in));

	in->env = env;
	in->conn = conn;
	in->channel = channel;
	if (crypto_key_id(channel->peer_sign_pub, 32, in->sender_key_id) !=
	    GW_OK)
		log_fatal("cannot hash a key");
	for (int i = 0; i < INBOUND_PARCELS; i++)
		rx_reset(&in->rx[i], in);
	return in;
}

bool
inbound_leave(struct inbound *in, inbound_left_fn *fn, void *arg)
{
	in->conn = NULL;
	for (int i = 0; i < INBOUND_PARCELS; i++)
		if (in->rx[i].is_used && !in->rx[i].is_ended)
			rx_clear(&in->rx[i]);
	in->on_left = fn;
	in->arg = arg;
	return has_any(in);
}

void
inbound_free(struct inbound *in)
{
	if (in == NULL)
		return;
	for (int i = 0; i < INBOUND_PARCELS; i++)
		rx_clear(&in->rx[i]);
	mem_free(in);
}
