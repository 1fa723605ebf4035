/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/body.h"
#include "proto/parcel/tables.h"
#include "proto/wire/frame.h"
#include "gatewayd/link/tx.h"

#define TX_GET_BYTES (2u << 20) /* of small bodies asked for at once */
#define TX_HEAVY     (4u << 20) /* bytes of bodies */

/* One batch of stored bodies as spool handed them over. */
struct batch {
	int fd;
	uint32_t count, at;
	struct ipc_body bodies[IPC_BATCH_MAX];
};

enum tx_step { STEP_HEADER, STEP_TABLES, STEP_BODIES, STEP_END };

struct tx {
	struct link_env *env;
	tx_ready_fn *on_ready;
	void *arg;
	struct spool_tx_parcel info;
	enum tx_step step;
	bool is_held, is_heavy, was_cut;
	int object_fd;
	size_t header_len;
	uint64_t object_off;
	uint32_t next_get; /* first body not yet asked for */
	bool is_asking;
	struct batch now, next;
	/* the body under way, when it has more than one chunk */
	bool is_large;
	uint64_t table_at, chunk_count, chunk;
};

/* --- bodies from spool --------------------------------------------- */

static void
batch_clear(struct batch *b)
{
	io_drop(&b->fd);
	b->count = b->at = 0;
}

/* The rest of this parcel stays here; later ones go on. */
static void
tx_cut(struct tx *t, const char *why)
{
	log_err("parcel %llu: the rest is not sent now: %s",
	    (unsigned long long)t->info.seq, why);
	t->step = STEP_END;
	t->was_cut = true;
}

static void
got_bodies(void *arg, struct ipc_msg *msg)
{
	struct tx *t = arg;
	struct batch *b = t->now.count == 0 ? &t->now : &t->next;
	struct ipc_status st;

	memcpy(&st, msg->body, sizeof(st));
	t->is_asking = false;
	if (st.err != GW_OK) {
		tx_cut(t, err_text_en((enum gw_err)st.err));
	} else {
		memcpy(
		    b->bodies, msg->elems, msg->count * sizeof(b->bodies[0]));
		if (msg->count == 0 || msg->fd_count != 1 ||
		    b->bodies[0].index != t->next_get)
			log_fatal("spool gave bodies that were not asked for");
		b->fd = msg->fds[0];
		msg->fds[0] = -1;
		b->count = msg->count;
		b->at = 0;
		t->next_get = b->bodies[b->count - 1].index + 1;
	}
	t->on_ready(t->arg);
}

/* Ask for the next batch while there is a place for it. */
static void
tx_want(struct tx *t)
{
	struct spool_body_get get = {.transfer = t->info.transfer,
	    .first = t->next_get,
	    .max_count = IPC_BATCH_MAX,
	    .max_bytes = TX_GET_BYTES};

	if (t->is_held || t->is_asking || t->next.count != 0 ||
	    t->next_get >= t->info.body_count)
		return;
	t->is_asking = true;
	link_ask(t->env, SPOOL_BODY_GET, &get, sizeof(get), NULL, 0, 0, -1,
	    got_bodies, t);
}

/* Move on to the next body; swap in the batch that was read ahead. */
static void
tx_body_done(struct tx *t)
{
	t->is_large = false;
	if (++t->now.at < t->now.count)
		return;
	batch_clear(&t->now);
	t->now = t->next;
	t->next.fd = -1;
	t->next.count = 0;
}

/* --- frames -------------------------------------------------------- */

/*
 * Append len bytes at off of fd.  If they cannot be read, out is set back to
 * mark, where the frame began, and the parcel is cut.
 */
static bool
tx_read(struct tx *t, struct buf *out, size_t mark, int fd, size_t len,
    uint64_t off)
{
	uint8_t *p = buf_reserve(out, len);
	enum gw_err err;

	if (p == NULL)
		log_panic("a frame does not fit the queue");
	err = io_pread_full(fd, p, len, off);
	if (err == GW_OK)
		return true;
	out->len = mark;
	tx_cut(t, err_text_en(err));
	return false;
}

static void
put_header(struct tx *t, struct buf *out)
{
	size_t mark = out->len;

	frame_put(out, FRAME_HEADER, t->info.seq, t->header_len);
	if (!tx_read(t, out, mark, t->object_fd, t->header_len, 0))
		return;
	t->object_off = t->header_len;
	t->step = t->object_off < t->info.object_len ? STEP_TABLES : STEP_END;
}

static void
put_tables(struct tx *t, struct buf *out)
{
	uint64_t len = t->info.object_len - t->object_off;
	size_t mark = out->len;

	if (len > FRAME_PIECE_MAX)
		len = FRAME_PIECE_MAX;
	frame_put(out, FRAME_TABLES, t->info.seq, (size_t)len);
	if (!tx_read(t, out, mark, t->object_fd, (size_t)len, t->object_off))
		return;
	t->object_off += len;
	if (t->object_off == t->info.object_len)
		t->step = STEP_BODIES;
}

static void
put_small(struct tx *t, struct buf *out, const struct ipc_body *b)
{
	size_t len = (size_t)b->padded_len + BODY_ENTRY_LEN;
	size_t mark = out->len;

	frame_put(out, FRAME_SMALL, t->info.seq, 4 + len);
	buf_put_u32(out, b->index);
	if (tx_read(t, out, mark, t->now.fd, len, b->offset))
		tx_body_done(t);
}

static void
put_table_piece(struct tx *t, struct buf *out, const struct ipc_body *b)
{
	const uint64_t per_frame = FRAME_PIECE_MAX / BODY_ENTRY_LEN;
	uint64_t n = t->chunk_count - t->table_at;
	size_t mark = out->len;
	size_t len;

	if (n > per_frame)
		n = per_frame;
	len = (size_t)(n * BODY_ENTRY_LEN);
	frame_put(out, FRAME_BODY, t->info.seq, 8 + len);
	buf_put_u32(out, b->index);
	buf_put_u32(out, (uint32_t)t->table_at);
	if (tx_read(t, out, mark, t->now.fd, len,
		b->offset + b->padded_len + t->table_at * BODY_ENTRY_LEN))
		t->table_at += n;
}

static void
put_chunk(struct tx *t, struct buf *out, const struct ipc_body *b)
{
	size_t len = body_chunk_len(b->padded_len, t->chunk);
	size_t mark = out->len;

	frame_put(out, FRAME_CHUNK, t->info.seq, 8 + len);
	buf_put_u32(out, b->index);
	buf_put_u32(out, (uint32_t)t->chunk);
	if (tx_read(t, out, mark, t->now.fd, len,
		b->offset + t->chunk * BODY_CHUNK) &&
	    ++t->chunk == t->chunk_count)
		tx_body_done(t);
}

static void
put_body(struct tx *t, struct buf *out)
{
	const struct ipc_body *b = &t->now.bodies[t->now.at];
	uint64_t chunks = body_chunk_count(b->padded_len);

	if (chunks == 1) {
		put_small(t, out, b);
		return;
	}
	if (!t->is_large) {
		t->is_large = true;
		t->table_at = 0;
		t->chunk_count = chunks;
		t->chunk = b->index == t->info.bodies ? t->info.chunks : 0;
		/* the peer has all chunks, but not their end: send the last */
		if (t->chunk >= chunks)
			t->chunk = chunks - 1;
	}
	if (t->table_at < t->chunk_count)
		put_table_piece(t, out, b);
	else
		put_chunk(t, out, b);
}

enum tx_put
tx_put(struct tx *t, struct buf *out)
{
	switch (t->step) {
	case STEP_HEADER:
		put_header(t, out);
		if (t->object_off == 0)
			return TX_BROKEN;
		tx_want(t);
		return TX_DID;
	case STEP_TABLES:
		put_tables(t, out);
		return TX_DID;
	case STEP_BODIES:
		tx_want(t);
		if (t->now.count > 0) {
			put_body(t, out);
			return TX_DID;
		}
		if (t->is_asking || t->next_get < t->info.body_count)
			return TX_WAITS;
		break;
	case STEP_END:
		break;
	}
	frame_put(out, FRAME_END, t->info.seq, 0);
	return TX_ENDED;
}

/* --- life ---------------------------------------------------------- */

/* What the object itself says; the peer checks the same and more. */
static enum gw_err
tx_look(struct tx *t, int fd)
{
	uint8_t bytes[HEADER_MAX];
	struct parcel_header header;
	size_t len = sizeof(bytes);
	enum gw_err err;

	if (t->info.object_len < len)
		len = t->info.object_len;
	err = io_pread_full(fd, bytes, len, 0);
	if (err != GW_OK)
		return err;
	t->header_len = header_peek_len(bytes, len);
	if (t->header_len == 0 || t->header_len > len)
		return GW_EFORMAT;
	err = header_decode(bytes, t->header_len, &header);
	if (err != GW_OK)
		return err;
	if (header.seq != t->info.seq ||
	    header.body_count != t->info.body_count)
		return GW_EFORMAT;
	t->is_heavy = header.total_padded > TX_HEAVY;
	return GW_OK;
}

enum gw_err
tx_new(struct link_env *env, const struct spool_tx_parcel *info, int object_fd,
    tx_ready_fn *fn, void *arg, struct tx **out)
{
	struct tx *t = mem_alloc(sizeof(*t));
	enum gw_err err;

	t->env = env;
	t->on_ready = fn;
	t->arg = arg;
	t->info = *info;
	t->step = STEP_HEADER;
	t->next_get = info->bodies;
	t->now.fd = t->next.fd = -1;
	err = tx_look(t, object_fd);
	if (err != GW_OK) {
		mem_free(t);
		return err;
	}
	t->object_fd = object_fd;
	*out = t;
	return GW_OK;
}

void
tx_free(struct tx *t)
{
	if (t == NULL)
		return;
	link_forget(t->env, t);
	io_drop(&t->object_fd);
	batch_clear(&t->now);
	batch_clear(&t->next);
	mem_free(t);
}

uint64_t
tx_open_bytes(const struct tx *t)
{
	return t->info.object_len;
}

bool
tx_is_heavy(const struct tx *t)
{
	return t->is_heavy;
}

void
tx_hold(struct tx *t, bool is_held)
{
	t->is_held = is_held;
}

bool
tx_is_held(const struct tx *t)
{
	return t->is_held;
}

bool
tx_was_cut(const struct tx *t)
{
	return t->was_cut;
}
