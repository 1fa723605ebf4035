/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rd.h"
#include "gatewayd/link/inbound_own.h"

static bool
find_record(const struct rx *r, uint32_t index, struct body_record *out)
{
	return r->has_tables &&
	       tables_get_body(r->object + r->layout.body_table_off,
		   r->layout.body_table_len, index, out) == GW_OK;
}

/* One body that cannot be had is the end of its parcel. */
static void
tell_damaged(struct rx *r, uint32_t index)
{
	struct spool_rx_progress p = {.index = index};

	log_warn("channel %s: body %u of parcel %llu came damaged",
	    r->in->channel->id, index, (unsigned long long)r->seq);
	memcpy(p.rx_id, r->rx_id, sizeof(p.rx_id));
	inbound_ask(r, SPOOL_RX_DAMAGED, &p, sizeof(p), NULL, 0, -1,
	    inbound_got_status, r);
	r->known = RX_SKIPS;
}

/* --- small bodies -------------------------------------------------- */

/* Spool may have the first of them from an earlier connection. */
static void
put_skip_had(struct rx *r)
{
	struct put *p = &r->put;
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->count; i++)
		if (p->bodies[i].index >= r->had_bodies)
			p->bodies[n++] = p->bodies[i];
	p->count = n;
}

void
inbound_put(struct rx *r)
{
	struct put *p = &r->put;
	struct spool_rx_id id;
	int fd = p->fd;

	if (p->count == 0 || r->known == RX_ASKED)
		return;
	put_skip_had(r);
	p->fd = -1;
	p->bytes = 0;
	if (p->count == 0 || r->known == RX_SKIPS) {
		io_drop(&fd);
		p->count = 0;
		return;
	}
	memcpy(id.rx_id, r->rx_id, sizeof(id.rx_id));
	if (io_seal(fd) != GW_OK)
		log_fatal("cannot seal a memory file");
	inbound_ask(r, SPOOL_RX_PUT, &id, sizeof(id), p->bodies, p->count, fd,
	    inbound_got_status, r);
	p->count = 0;
}

static void
put_add(struct rx *r, uint32_t index, const struct body_record *rec,
    const uint8_t *stored, size_t len)
{
	struct put *p = &r->put;
	struct ipc_body *b = &p->bodies[p->count];

	if (p->count == 0 && io_memfd("bodies", &p->fd) != GW_OK)
		log_fatal("cannot make a memory file");
	if (io_pwrite_full(p->fd, stored, len, p->bytes) != GW_OK)
		log_fatal("cannot write a memory file");
	memset(b, 0, sizeof(*b));
	memcpy(b->id, rec->id, sizeof(b->id));
	memcpy(b->root, rec->chunk_root, sizeof(b->root));
	b->padded_len = rec->padded_len;
	b->offset = p->bytes;
	b->index = index;
	p->bytes += len;
	p->count++;
}

enum inbound_took
inbound_small(
    struct rx *r, const uint8_t *bytes, size_t total, const char **why)
{
	struct body_record rec;
	const uint8_t *stored, *entry;
	uint32_t index;
	size_t len;
	struct rd rd;

	if (r->put.count == IPC_BATCH_MAX || r->put.bytes > INBOUND_PUT_BYTES)
		inbound_put(r);
	if (r->put.count == IPC_BATCH_MAX || r->put.bytes > INBOUND_PUT_BYTES) {
		/* spool has not yet said whether it takes this parcel */
		inbound_pause(r->in);
		return INBOUND_LATER;
	}
	*why = "a body that is not in the signed table";
	rd_init(&rd, bytes, total);
	if (rd_u32(&rd, &index) != GW_OK)
		return INBOUND_NONSENSE;
	len = rd_left(&rd);
	if (len < BODY_ENTRY_LEN || rd_span(&rd, len, &stored) != GW_OK ||
	    !find_record(r, index, &rec) ||
	    rec.padded_len != len - BODY_ENTRY_LEN ||
	    body_chunk_count(rec.padded_len) != 1)
		return INBOUND_NONSENSE;
	entry = stored + rec.padded_len;
	if (body_table_check(entry, 1, rec.chunk_root) == GW_OK &&
	    body_check_chunk(0, stored, (size_t)rec.padded_len, entry) ==
		GW_OK) {
		put_add(r, index, &rec, stored, len);
		return INBOUND_TOOK;
	}
	if (r->known == RX_ASKED) {
		inbound_pause(r->in);
		return INBOUND_LATER;
	}
	tell_damaged(r, index);
	return INBOUND_TOOK;
}

/* --- files of large bodies ----------------------------------------- */

static void
file_clear(struct file *f)
{
	io_drop(&f->fd);
	f->state = FILE_FREE;
}

static void
got_file(void *arg, struct ipc_msg *msg)
{
	struct file *f = arg;
	struct rx *r = f->r;
	struct ipc_status st;

	memcpy(&st, msg->body, sizeof(st));
	if (st.err == GW_OK) {
		if (msg->fd_count != 1)
			log_fatal("spool gave no file for a body");
		f->fd = msg->fds[0];
		msg->fds[0] = -1;
		f->state = FILE_THERE;
	} else {
		f->state = st.err == GW_EEXIST ? FILE_HAD : FILE_FREE;
	}
	inbound_answered(r, st.err == GW_EEXIST ? GW_OK : (enum gw_err)st.err);
}

static struct file *
free_file(struct rx *r)
{
	for (int i = 0; i < INBOUND_AHEAD; i++)
		if (r->files[i].state == FILE_FREE)
			return &r->files[i];
	return NULL;
}

static void
ask_file(
    struct rx *r, struct file *f, uint32_t index, const struct body_record *rec)
{
	struct spool_rx_create create = {
	    .padded_len = rec->padded_len, .index = index};

	f->r = r;
	f->state = FILE_ASKED;
	f->index = index;
	memcpy(create.rx_id, r->rx_id, sizeof(create.rx_id));
	memcpy(create.id, rec->id, sizeof(create.id));
	inbound_ask(r, SPOOL_RX_CREATE, &create, sizeof(create), NULL, 0, -1,
	    got_file, f);
}

/* Spool's answer may take a commit: it must not hold up the stream. */
void
inbound_look_ahead(struct rx *r)
{
	struct body_record rec;
	struct file *f;
	uint32_t index;

	if (r->known != RX_TAKES)
		return;
	while (
	    r->next_file < r->header.body_count && (f = free_file(r)) != NULL) {
		index = r->next_file++;
		if (find_record(r, index, &rec) &&
		    body_chunk_count(rec.padded_len) > 1)
			ask_file(r, f, index, &rec);
	}
}

/* The file for the body that is coming; NULL: not yet there, wait. */
static struct file *
find_file(struct rx *r, const struct large *l)
{
	struct file *f;

	for (int i = 0; i < INBOUND_AHEAD; i++) {
		f = &r->files[i];
		if (f->state != FILE_FREE && f->index == l->index)
			return f->state == FILE_ASKED ? NULL : f;
	}
	/* the sender goes another way than forward: ask for this one */
	for (int i = 0; i < INBOUND_AHEAD && free_file(r) == NULL; i++)
		if (r->files[i].state != FILE_ASKED)
			file_clear(&r->files[i]);
	f = free_file(r);
	if (f != NULL)
		ask_file(r, f, l->index, &l->record);
	return NULL;
}

/* --- large bodies -------------------------------------------------- */

static void
large_clear(struct large *l)
{
	if (l->is_active) {
		io_drop(&l->fd);
		mem_free(l->table);
	}
	memset(l, 0, sizeof(*l));
	l->fd = -1;
}

static enum inbound_took
large_begin(struct rx *r, uint32_t index)
{
	struct large *l = &r->large;
	struct body_record rec;

	if (l->is_active || !find_record(r, index, &rec) ||
	    body_chunk_count(rec.padded_len) < 2)
		return INBOUND_NONSENSE;
	memset(l, 0, sizeof(*l));
	l->is_active = true;
	l->index = index;
	l->record = rec;
	l->fd = -1;
	l->count = body_chunk_count(rec.padded_len);
	l->table = mem_array(l->count, BODY_ENTRY_LEN);
	return INBOUND_TOOK;
}

enum inbound_took
inbound_table(
    struct rx *r, const uint8_t *bytes, size_t total, const char **why)
{
	struct large *l = &r->large;
	uint32_t index, first;
	const uint8_t *entries;
	size_t len;
	struct rd rd;

	*why = "a chunk table out of place";
	rd_init(&rd, bytes, total);
	if (rd_u32(&rd, &index) != GW_OK || rd_u32(&rd, &first) != GW_OK)
		return INBOUND_NONSENSE;
	len = rd_left(&rd);
	if (rd_span(&rd, len, &entries) != GW_OK || len % BODY_ENTRY_LEN != 0 ||
	    (first == 0 && large_begin(r, index) != INBOUND_TOOK))
		return INBOUND_NONSENSE;
	if (!l->is_active || index != l->index || first != l->got ||
	    len / BODY_ENTRY_LEN > l->count - l->got)
		return INBOUND_NONSENSE;
	memcpy(l->table + l->got * BODY_ENTRY_LEN, entries, len);
	l->got += len / BODY_ENTRY_LEN;
	if (l->got == l->count)
		l->is_damaged = body_table_check(l->table, l->count,
				    l->record.chunk_root) != GW_OK;
	return INBOUND_TOOK;
}

/*
 * The first chunk of a body that comes says where the sender goes on.  It
 * may go back, but not beyond what spool had: what lies between would never
 * have been checked.
 */
static bool
large_may_start(const struct rx *r, const struct large *l, uint32_t n)
{
	return n == 0 || l->is_had ||
	       (l->index == r->had_bodies && n <= r->had_chunks);
}

/* Take over the file and write the table behind where the chunks will be. */
static enum inbound_took
large_open(struct rx *r, const char **why)
{
	struct large *l = &r->large;
	struct file *f = find_file(r, l);

	if (f == NULL) {
		inbound_pause(r->in);
		return INBOUND_LATER;
	}
	l->is_had = f->state == FILE_HAD;
	l->fd = f->fd;
	f->fd = -1;
	file_clear(f);
	inbound_look_ahead(r);
	if (l->is_had ||
	    io_pwrite_full(l->fd, l->table, (size_t)(l->count * BODY_ENTRY_LEN),
		l->record.padded_len) == GW_OK)
		return INBOUND_TOOK;
	*why = "the spool's disk cannot be written";
	return INBOUND_NONSENSE;
}

/*
 * Make all ready for the first chunk.  LATER: spool has not answered yet,
 * or has not yet given the file.
 */
static enum inbound_took
large_start(struct rx *r, uint32_t n, const char **why)
{
	struct large *l = &r->large;
	enum inbound_took took = INBOUND_TOOK;

	if (r->known == RX_ASKED) {
		inbound_pause(r->in);
		return INBOUND_LATER;
	}
	l->is_had = l->index < r->had_bodies;
	if (!l->is_had && l->is_damaged)
		tell_damaged(r, l->index);
	else if (!l->is_had)
		took = large_open(r, why);
	if (took != INBOUND_TOOK)
		return took;
	if (!large_may_start(r, l, n))
		return INBOUND_NONSENSE;
	l->has_start = true;
	l->chunk = n;
	return INBOUND_TOOK;
}

static void
large_done(struct rx *r)
{
	struct large *l = &r->large;
	struct spool_rx_create done = {
	    .padded_len = l->record.padded_len, .index = l->index};

	memcpy(done.rx_id, r->rx_id, sizeof(done.rx_id));
	memcpy(done.id, l->record.id, sizeof(done.id));
	if (!l->is_damaged && !l->is_had)
		inbound_ask(r, SPOOL_RX_DONE, &done, sizeof(done), NULL, 0, -1,
		    inbound_got_status, r);
	large_clear(l);
}

/* Check a chunk, then write it.  A copy of its bytes is made nowhere. */
static bool
large_write(struct rx *r, uint32_t n, const uint8_t *cipher, size_t len)
{
	struct large *l = &r->large;
	struct spool_rx_progress p = {.index = l->index, .chunks = n + 1};

	if (body_check_chunk(n, cipher, len, l->table + n * BODY_ENTRY_LEN) !=
	    GW_OK) {
		l->is_damaged = true;
		tell_damaged(r, l->index);
		return true;
	}
	if (io_pwrite_full(l->fd, cipher, len, (uint64_t)n * BODY_CHUNK) !=
	    GW_OK)
		return false;
	if ((n + 1) % INBOUND_PROGRESS != 0 || n + 1 == l->count)
		return true;
	memcpy(p.rx_id, r->rx_id, sizeof(p.rx_id));
	inbound_ask(r, SPOOL_RX_PROGRESS, &p, sizeof(p), NULL, 0, -1,
	    inbound_got_status, r);
	return true;
}

enum inbound_took
inbound_chunk(
    struct rx *r, const uint8_t *bytes, size_t total, const char **why)
{
	struct large *l = &r->large;
	enum inbound_took took;
	uint32_t index, n;
	const uint8_t *cipher;
	size_t len;
	struct rd rd;

	*why = "a chunk out of place";
	rd_init(&rd, bytes, total);
	if (rd_u32(&rd, &index) != GW_OK || rd_u32(&rd, &n) != GW_OK)
		return INBOUND_NONSENSE;
	len = rd_left(&rd);
	if (rd_span(&rd, len, &cipher) != GW_OK || !l->is_active ||
	    index != l->index || l->got != l->count || n >= l->count ||
	    len != body_chunk_len(l->record.padded_len, n) ||
	    (l->has_start && n != l->chunk))
		return INBOUND_NONSENSE;
	if (!l->has_start && (took = large_start(r, n, why)) != INBOUND_TOOK)
		return took;
	l->chunk = (uint64_t)n + 1;
	if (!l->is_damaged && !l->is_had && !large_write(r, n, cipher, len)) {
		*why = "the spool's disk cannot be written";
		return INBOUND_NONSENSE;
	}
	if (l->chunk == l->count)
		large_done(r);
	return INBOUND_TOOK;
}

void
inbound_bodies_clear(struct rx *r)
{
	for (int i = 0; i < INBOUND_AHEAD; i++) {
		link_forget(r->in->env, &r->files[i]);
		file_clear(&r->files[i]);
	}
	io_drop(&r->put.fd);
	large_clear(&r->large);
}
