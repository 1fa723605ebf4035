/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rd.h"
#include "proto/crypto/crypto.h"
#include "proto/parcel/body.h"
#include "proto/parcel/tables.h"
#include "gatewayd/link/inbound.h"

#define RX_MAX		8	/* parcels under way on one connection */
#define PUT_BYTES	(2u << 20) /* of small bodies handed over at once */
#define PROGRESS_CHUNKS 64	/* 16 MiB */
#define CALLS_HIGH	48	/* spool is behind: stop reading */
#define CALLS_LOW	16

/* Small bodies gathered for one SPOOL_RX_PUT. */
struct put {
	int fd;
	uint64_t bytes;
	uint32_t count;
	struct ipc_body bodies[IPC_BATCH_MAX];
};

/* A body of more than one chunk. */
struct large {
	bool is_active, is_damaged, is_asked;
	uint32_t index;
	struct body_record record;
	uint8_t *table;
	uint64_t count, got, chunk;
	int fd;
};

enum rx_known { RX_ASKED, RX_TAKES, RX_SKIPS };

struct rx {
	struct inbound *in;
	bool is_used, is_ended, has_tables, wants_tables;
	enum rx_known known;
	uint64_t seq;
	uint8_t rx_id[16];
	struct parcel_header header;
	struct parcel_layout layout;
	int object_fd;
	size_t object_got;
	uint8_t *object;	/* mapped once it is whole */
	uint32_t pending;	/* spool requests not yet answered */
	struct put put;
	struct large large;
};

struct inbound {
	struct link_env *env;
	struct conn *conn;
	struct inbound_channel channel;
	uint8_t sender_key_id[16];
	struct rx rx[RX_MAX];
	uint32_t calls;
};

/* --- places -------------------------------------------------------------------- */

static void
large_clear(struct large *l)
{
	io_drop(&l->fd);
	mem_free(l->table);
	memset(l, 0, sizeof(*l));
	l->fd = -1;
}

static void
rx_clear(struct rx *r)
{
	struct inbound *in = r->in;

	if (!r->is_used)
		return;
	link_forget(in->env, r);
	in->calls -= r->pending;
	if (r->object != NULL)
		munmap(r->object, r->layout.total_len);
	io_drop(&r->object_fd);
	io_drop(&r->put.fd);
	large_clear(&r->large);
	memset(r, 0, sizeof(*r));
	r->in = in;
	r->object_fd = r->put.fd = r->large.fd = -1;
}

static struct rx *
rx_find(struct inbound *in, uint64_t seq)
{
	for (int i = 0; i < RX_MAX; i++)
		if (in->rx[i].is_used && in->rx[i].seq == seq)
			return &in->rx[i];
	return NULL;
}

static struct rx *
rx_place(struct inbound *in)
{
	for (int i = 0; i < RX_MAX; i++)
		if (!in->rx[i].is_used)
			return &in->rx[i];
	return NULL;
}

/* --- spool ------------------------------------------------------------------------ */

static void
rx_ask(struct rx *r, uint16_t type, const void *fixed, size_t len,
    const struct ipc_body *elems, uint32_t count, int fd, link_answer_fn *fn)
{
	struct inbound *in = r->in;

	r->pending++;
	in->calls++;
	if (in->calls > CALLS_HIGH)
		conn_pause(in->conn, true);
	link_ask(in->env, type, fixed, len, elems, sizeof(*elems), count, fd,
	    fn, r);
}

/* An answer came; the parcel goes when it was the last of an ended one. */
static void
rx_answered(struct rx *r)
{
	r->pending--;
	r->in->calls--;
	if (r->is_ended && r->pending == 0)
		rx_clear(r);
}

/* An answer that is only a status: the spool keeps what it said. */
static void
got_status(void *arg, struct ipc_msg *msg)
{
	struct rx *r = arg;
	struct inbound *in = r->in;
	struct ipc_status st;

	memcpy(&st, msg->body, sizeof(st));
	rx_answered(r);
	/* either may free the connection and us: nothing may follow */
	if (st.err != GW_OK)
		conn_drop(in->conn, "the spool did not take it");
	else if (in->calls < CALLS_LOW)
		conn_pause(in->conn, false);
}

static void
tell_damaged(struct rx *r, uint32_t index)
{
	struct spool_rx_progress p = {.index = index};

	log_warn("channel %s: body %u of parcel %llu is damaged",
	    r->in->channel.id, index, (unsigned long long)r->seq);
	memcpy(p.rx_id, r->rx_id, sizeof(p.rx_id));
	rx_ask(r, SPOOL_RX_DAMAGED, &p, sizeof(p), NULL, 0, -1, got_status);
}

static void
put_flush(struct rx *r)
{
	struct spool_rx_id id;
	int fd = r->put.fd;

	if (r->put.count == 0 || r->known != RX_TAKES)
		return;
	r->put.fd = -1;
	memcpy(id.rx_id, r->rx_id, sizeof(id.rx_id));
	if (io_seal(fd) != GW_OK)
		log_fatal("cannot seal a memory file");
	rx_ask(r, SPOOL_RX_PUT, &id, sizeof(id), r->put.bodies, r->put.count,
	    fd, got_status);
	r->put.count = 0;
	r->put.bytes = 0;
}

static void
give_tables(struct rx *r)
{
	struct spool_rx_id id;
	int fd;

	if (r->known != RX_TAKES || !r->wants_tables || !r->has_tables)
		return;
	r->wants_tables = false;
	fd = fcntl(r->object_fd, F_DUPFD_CLOEXEC, 0);
	if (fd == -1)
		log_fatal("cannot duplicate a memory file");
	memcpy(id.rx_id, r->rx_id, sizeof(id.rx_id));
	rx_ask(r, SPOOL_RX_TABLES, &id, sizeof(id), NULL, 0, fd, got_status);
}

static void
got_begin(void *arg, struct ipc_msg *msg)
{
	struct rx *r = arg;
	struct inbound *in = r->in;
	struct spool_rx rx;

	memcpy(&rx, msg->body, sizeof(rx));
	if (rx.err != GW_OK) {
		rx_answered(r);
		conn_drop(in->conn, rx.err == GW_ESPACE
			? "no space: fetching is stopped"
			: "the spool did not take the header");
		return;
	}
	memcpy(r->rx_id, rx.rx_id, sizeof(r->rx_id));
	r->known = rx.state == RX_NEW || rx.state == RX_RESUME ? RX_TAKES
							       : RX_SKIPS;
	r->wants_tables = rx.wants_tables != 0;
	give_tables(r);
	put_flush(r);
	rx_answered(r);
	conn_pause(in->conn, false);
}

/* --- header and tables --------------------------------------------------------------- */

/* Does the header name a key of ours?  None listed: spool and keys judge. */
static bool
names_our_key(const struct inbound_channel *ch, const uint8_t id[16])
{
	static const uint8_t none[16];
	bool has_any = false;

	for (int i = 0; i < 4; i++) {
		if (memcmp(ch->key_ids[i], none, 16) == 0)
			continue;
		has_any = true;
		if (memcmp(ch->key_ids[i], id, 16) == 0)
			return true;
	}
	return !has_any;
}

/*
 * Signature first: nothing of a parcel is kept before its header verifies
 * under the paired key.
 */
static const char *
check_header(struct inbound *in, const struct frame *f, const uint8_t *bytes,
    struct rx *r)
{
	const struct inbound_channel *ch = &in->channel;

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

static int
take_header(struct inbound *in, const struct frame *f, const uint8_t *bytes,
    const char **why)
{
	struct spool_rx_begin begin = {0};
	struct rx *r = rx_place(in);

	if (rx_find(in, f->seq) != NULL || r == NULL) {
		*why = "more parcels at once than agreed";
		return -1;
	}
	*why = check_header(in, f, bytes, r);
	if (*why != NULL)
		return -1;
	r->is_used = true;
	r->seq = f->seq;
	r->known = RX_ASKED;
	if (io_memfd("parcel", &r->object_fd) != GW_OK ||
	    io_write_full(r->object_fd, bytes, f->len) != GW_OK)
		log_fatal("cannot make a memory file");
	r->object_got = f->len;
	mem_put_str(begin.channel, sizeof(begin.channel), in->channel.id);
	r->pending++;
	in->calls++;
	link_ask(in->env, SPOOL_RX_BEGIN, &begin, sizeof(begin), bytes, 1,
	    f->len, -1, got_begin, r);
	return 1;
}

static int
take_tables(struct rx *r, const uint8_t *bytes, size_t len, const char **why)
{
	const struct parcel_layout *l = &r->layout;

	if (len > l->total_len - r->object_got) {
		*why = "tables longer than signed";
		return -1;
	}
	if (io_write_full(r->object_fd, bytes, len) != GW_OK)
		log_fatal("cannot write a memory file");
	r->object_got += len;
	if (r->object_got < l->total_len)
		return 1;
	if (io_seal(r->object_fd) != GW_OK)
		log_fatal("cannot seal a memory file");
	/* private: kernels before 6.7 refuse to share a sealed one */
	r->object = mmap(NULL, l->total_len, PROT_READ, MAP_PRIVATE,
	    r->object_fd, 0);
	if (r->object == MAP_FAILED)
		log_fatal("cannot map a memory file");
	if (tables_check(&r->header, r->object + l->body_table_off,
		r->object + l->key_table_off,
		r->object + l->statement_off) != GW_OK) {
		*why = "tables that do not match the signed header";
		return -1;
	}
	r->has_tables = true;
	give_tables(r);
	return 1;
}

/* --- bodies --------------------------------------------------------------------------- */

static bool
find_record(const struct rx *r, uint32_t index, struct body_record *out)
{
	return r->has_tables &&
	    tables_get_body(r->object + r->layout.body_table_off,
		r->layout.body_table_len, index, out) == GW_OK;
}

static void
put_add(struct rx *r, uint32_t index, const struct body_record *rec,
    const uint8_t *entry, const uint8_t *cipher, size_t len)
{
	struct put *p = &r->put;
	struct ipc_body *b = &p->bodies[p->count];

	if (p->fd == -1 && io_memfd("bodies", &p->fd) != GW_OK)
		log_fatal("cannot make a memory file");
	if (io_pwrite_full(p->fd, cipher, len, p->bytes) != GW_OK ||
	    io_pwrite_full(p->fd, entry, BODY_ENTRY_LEN, p->bytes + len) !=
		GW_OK)
		log_fatal("cannot write a memory file");
	memset(b, 0, sizeof(*b));
	memcpy(b->id, rec->id, sizeof(b->id));
	memcpy(b->root, rec->chunk_root, sizeof(b->root));
	b->padded_len = rec->padded_len;
	b->offset = p->bytes;
	b->index = index;
	p->bytes += len + BODY_ENTRY_LEN;
	p->count++;
}

static int
take_small(struct rx *r, const uint8_t *bytes, size_t total, const char **why)
{
	struct body_record rec;
	const uint8_t *entry, *cipher;
	uint32_t index;
	size_t len;
	struct rd rd;

	if (r->put.count == IPC_BATCH_MAX || r->put.bytes > PUT_BYTES) {
		put_flush(r);
		if (r->put.count != 0) {
			/* spool has not yet said whether it takes this one */
			conn_pause(r->in->conn, true);
			return 0;
		}
	}
	rd_init(&rd, bytes, total);
	if (rd_u32(&rd, &index) != GW_OK ||
	    rd_span(&rd, BODY_ENTRY_LEN, &entry) != GW_OK)
		return -1;
	len = rd_left(&rd);
	if (rd_span(&rd, len, &cipher) != GW_OK ||
	    !find_record(r, index, &rec) || rec.padded_len != len) {
		*why = "a body that is not in the signed table";
		return -1;
	}
	if (body_table_check(entry, 1, rec.chunk_root) != GW_OK ||
	    body_check_chunk(0, cipher, len, entry) != GW_OK) {
		if (r->known == RX_ASKED) {
			conn_pause(r->in->conn, true);
			return 0;
		}
		tell_damaged(r, index);
		return 1;
	}
	put_add(r, index, &rec, entry, cipher, len);
	return 1;
}

static void
got_large_fd(void *arg, struct ipc_msg *msg)
{
	struct rx *r = arg;
	struct inbound *in = r->in;
	struct large *l = &r->large;
	struct ipc_status st;

	memcpy(&st, msg->body, sizeof(st));
	if (st.err != GW_OK || msg->fd_count != 1) {
		rx_answered(r);
		conn_drop(in->conn, "the spool has no place for a body");
		return;
	}
	l->fd = msg->fds[0];
	msg->fds[0] = -1;
	if (io_pwrite_full(l->fd, l->table, (size_t)(l->count * BODY_ENTRY_LEN),
		l->record.padded_len) != GW_OK) {
		rx_answered(r);
		conn_drop(in->conn, "the spool cannot be written");
		return;
	}
	rx_answered(r);
	conn_pause(in->conn, false);
}

/* A piece of a large body's chunk table; whole and true: ask for a file. */
static int
take_table(struct rx *r, const uint8_t *bytes, size_t total, const char **why)
{
	struct large *l = &r->large;
	uint32_t index, first;
	const uint8_t *entries;
	size_t len;
	struct rd rd;

	*why = "a chunk table out of place";
	rd_init(&rd, bytes, total);
	if (rd_u32(&rd, &index) != GW_OK || rd_u32(&rd, &first) != GW_OK)
		return -1;
	len = rd_left(&rd);
	if (rd_span(&rd, len, &entries) != GW_OK || len % BODY_ENTRY_LEN != 0)
		return -1;
	if (first == 0) {
		if (l->is_active || !find_record(r, index, &l->record) ||
		    body_chunk_count(l->record.padded_len) < 2)
			return -1;
		l->is_active = true;
		l->index = index;
		l->count = body_chunk_count(l->record.padded_len);
		l->table = mem_array(l->count, BODY_ENTRY_LEN);
	}
	if (!l->is_active || index != l->index || first != l->got ||
	    len / BODY_ENTRY_LEN > l->count - l->got)
		return -1;
	memcpy(l->table + l->got * BODY_ENTRY_LEN, entries, len);
	l->got += len / BODY_ENTRY_LEN;
	l->chunk = UINT64_MAX; /* the first chunk that comes says where */
	return 1;
}

/* Is the place to write chunks to there?  Else ask, once, and wait. */
static bool
large_is_open(struct rx *r)
{
	struct large *l = &r->large;
	struct spool_rx_create create = {.padded_len = l->record.padded_len,
	    .index = l->index};

	if (l->fd != -1 || l->is_damaged)
		return true;
	conn_pause(r->in->conn, true);
	if (r->known != RX_TAKES || l->is_asked)
		return false;
	l->is_asked = true;
	memcpy(create.rx_id, r->rx_id, sizeof(create.rx_id));
	memcpy(create.id, l->record.id, sizeof(create.id));
	rx_ask(r, SPOOL_RX_CREATE, &create, sizeof(create), NULL, 0, -1,
	    got_large_fd);
	return false;
}

static void
large_done(struct rx *r)
{
	struct large *l = &r->large;
	struct spool_rx_create done = {.padded_len = l->record.padded_len,
	    .index = l->index};

	memcpy(done.rx_id, r->rx_id, sizeof(done.rx_id));
	memcpy(done.id, l->record.id, sizeof(done.id));
	if (!l->is_damaged)
		rx_ask(r, SPOOL_RX_DONE, &done, sizeof(done), NULL, 0, -1,
		    got_status);
	large_clear(l);
}

static bool
large_write(struct rx *r, uint64_t n, const uint8_t *cipher, size_t len)
{
	struct large *l = &r->large;
	struct spool_rx_progress p = {.index = l->index,
	    .chunks = (uint32_t)(n + 1)};

	if (body_check_chunk(n, cipher, len, l->table + n * BODY_ENTRY_LEN) !=
	    GW_OK) {
		l->is_damaged = true;
		tell_damaged(r, l->index);
		return true;
	}
	if (io_pwrite_full(l->fd, cipher, len, n * BODY_CHUNK) != GW_OK)
		return false;
	if ((n + 1) % PROGRESS_CHUNKS != 0 || n + 1 == l->count)
		return true;
	memcpy(p.rx_id, r->rx_id, sizeof(p.rx_id));
	rx_ask(r, SPOOL_RX_PROGRESS, &p, sizeof(p), NULL, 0, -1, got_status);
	return true;
}

static int
take_chunk(struct rx *r, const uint8_t *bytes, size_t total, const char **why)
{
	struct large *l = &r->large;
	uint32_t index, n;
	const uint8_t *cipher;
	size_t len;
	struct rd rd;

	*why = "a chunk out of place";
	rd_init(&rd, bytes, total);
	if (rd_u32(&rd, &index) != GW_OK || rd_u32(&rd, &n) != GW_OK)
		return -1;
	len = rd_left(&rd);
	if (rd_span(&rd, len, &cipher) != GW_OK || !l->is_active ||
	    index != l->index || l->got != l->count || n >= l->count ||
	    len != body_chunk_len(l->record.padded_len, n) ||
	    (l->chunk != UINT64_MAX && n != l->chunk))
		return -1;
	if (l->chunk == UINT64_MAX &&
	    body_table_check(l->table, l->count, l->record.chunk_root) !=
		GW_OK) {
		if (r->known == RX_ASKED) {
			conn_pause(r->in->conn, true);
			return 0;
		}
		l->is_damaged = true;
		tell_damaged(r, index);
	}
	if (!large_is_open(r))
		return 0;
	l->chunk = (uint64_t)n + 1;
	if (!l->is_damaged && !large_write(r, n, cipher, len)) {
		*why = "the spool cannot be written";
		return -1;
	}
	if (l->chunk == l->count)
		large_done(r);
	return 1;
}

static int
take_end(struct rx *r)
{
	if (r->known == RX_ASKED) {
		conn_pause(r->in->conn, true);
		return 0;
	}
	put_flush(r);
	r->is_ended = true;
	if (r->pending == 0)
		rx_clear(r);
	return 1;
}

int
inbound_frame(struct inbound *in, const struct frame *f,
    const uint8_t *payload, const char **why)
{
	struct rx *r;

	*why = "a frame out of place";
	if (f->type == FRAME_ALIVE)
		return 1;
	if (f->type == FRAME_HEADER)
		return take_header(in, f, payload, why);
	r = rx_find(in, f->seq);
	if (r == NULL || r->is_ended)
		return -1;
	if (f->type == FRAME_END)
		return take_end(r);
	if (r->known == RX_SKIPS)
		return 1;
	switch (f->type) {
	case FRAME_TABLES:
		return take_tables(r, payload, f->len, why);
	case FRAME_SMALL:
		return take_small(r, payload, f->len, why);
	case FRAME_BODY:
		return take_table(r, payload, f->len, why);
	case FRAME_CHUNK:
		return take_chunk(r, payload, f->len, why);
	default:
		return -1;
	}
}

void
inbound_flush(struct inbound *in)
{
	for (int i = 0; i < RX_MAX; i++)
		if (in->rx[i].is_used)
			put_flush(&in->rx[i]);
}

struct inbound *
inbound_new(struct link_env *env, struct conn *conn,
    const struct inbound_channel *channel)
{
	struct inbound *in = mem_alloc(sizeof(*in));

	in->env = env;
	in->conn = conn;
	in->channel = *channel;
	if (crypto_key_id(channel->peer_sign_pub, 32, in->sender_key_id) !=
	    GW_OK)
		log_fatal("cannot hash a key");
	for (int i = 0; i < RX_MAX; i++) {
		in->rx[i].in = in;
		in->rx[i].object_fd = in->rx[i].put.fd =
		    in->rx[i].large.fd = -1;
	}
	return in;
}

void
inbound_free(struct inbound *in)
{
	if (in == NULL)
		return;
	for (int i = 0; i < RX_MAX; i++)
		rx_clear(&in->rx[i]);
	mem_free(in);
}
