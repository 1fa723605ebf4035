/* SPDX-License-Identifier: ISC */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/digest.h"
#include "proto/ipc/control.h"

#include "tests/unit/link/end.h"

/* A question that waits until there is something to say. */
struct end_wait {
	struct end_wait *next;
	uint16_t type;
	uint64_t id, since_ms;
	struct spool_tx_next tx;
};

/* An answer that is held back for lag_ms. */
struct end_late {
	struct end_late *next;
	uint64_t due_ms, id;
	uint16_t type;
	int fd;
	size_t len;
	uint8_t data[];
};

/* --- answers ------------------------------------------------------- */

static void
late_send(struct end *e)
{
	struct end_late *l;
	uint64_t now = clock_mono_ms();

	while ((l = e->lates) != NULL && l->due_ms <= now) {
		e->lates = l->next;
		ipc_send(e->spool, l->type | IPC_REPLY, l->id, l->data, l->len,
		    NULL, 0, 0, &l->fd, l->fd != -1);
		mem_free(l);
	}
	if (e->lates != NULL)
		ev_timer_set(e->late, e->lates->due_ms - now);
}

static void
on_late(void *arg)
{
	late_send(arg);
}

static void
answer(struct end *e, uint16_t type, uint64_t id, const void *fixed, size_t len,
    const void *elems, size_t elems_len, int fd)
{
	struct end_late *l = mem_alloc(sizeof(*l) + len + elems_len), **at;

	l->due_ms = clock_mono_ms() + e->lag_ms;
	l->id = id;
	l->type = type;
	l->fd = fd;
	l->len = len + elems_len;
	memcpy(l->data, fixed, len);
	if (elems_len > 0)
		memcpy(l->data + len, elems, elems_len);
	for (at = &e->lates; *at != NULL; at = &(*at)->next)
		;
	*at = l;
	late_send(e);
}

static void
answer_status(struct end *e, const struct ipc_msg *msg, enum gw_err err)
{
	struct ipc_status st = {.err = err};

	answer(e, msg->type, msg->id, &st, sizeof(st), NULL, 0, -1);
}

/* --- the sender's spool -------------------------------------------- */

static bool
tx_is_complete(const struct end *e, uint64_t seq)
{
	uint64_t i;

	if (e->acks == 0)
		return false;
	if (seq < e->peer.base_seq)
		return true;
	i = seq - e->peer.base_seq;
	return i < ACK_WINDOW && (e->peer.complete[i / 8] >> (i % 8) & 1) != 0;
}

static bool
tx_serve(struct end *e, const struct end_wait *w)
{
	struct spool_tx_parcel p = {0};
	const struct made *m = NULL;
	uint64_t seq = w->tx.after_epoch == 1 ? w->tx.after_seq + 1 : 1;
	int fd;

	if (e->acks > 0 && seq < e->peer.base_seq)
		seq = e->peer.base_seq;
	if (seq > e->out_count)
		return false;
	m = e->out[seq - 1];
	p.epoch = 1;
	p.seq = seq;
	memcpy(p.transfer.id, &seq, sizeof(seq));
	p.object_len = (uint32_t)m->object.len;
	p.body_count = m->count;
	p.is_complete = tx_is_complete(e, seq);
	p.weight = m->weight;
	for (int i = 0; i < ACK_IN_FLIGHT; i++)
		if (e->acks > 0 && e->peer.progress[i].seq == seq) {
			p.bodies = e->peer.progress[i].bodies;
			p.chunks = e->peer.progress[i].chunks;
		}
	ck_assert_int_eq(io_memfd("object", &fd), GW_OK);
	ck_assert_int_eq(
	    io_pwrite_full(fd, m->object.data, m->object.len, 0), GW_OK);
	answer(e, w->type, w->id, &p, sizeof(p), NULL, 0, fd);
	return true;
}

static void
on_body_get(struct end *e, struct ipc_msg *msg)
{
	struct spool_body_get get;
	struct ipc_status st = {0};
	struct ipc_body out[IPC_BATCH_MAX];
	const struct made *m;
	uint64_t seq, bytes = 0;
	uint32_t n = 0;
	int fd = -1;

	memset(out, 0, sizeof(out));
	memcpy(&get, msg->body, sizeof(get));
	memcpy(&seq, get.transfer.id, sizeof(seq));
	ck_assert(seq >= 1 && seq <= e->out_count);
	m = e->out[seq - 1];
	ck_assert_uint_lt(get.first, m->count);
	if (e->fail_body != 0 && get.first == e->fail_body) {
		answer_status(e, msg, GW_EIO);
		return;
	}
	for (uint32_t i = get.first; i < m->count && n < get.max_count; i++) {
		const struct made_body *b = &m->bodies[i];
		bool is_small = b->record.padded_len <= BODY_SMALL_MAX;

		if (n > 0 &&
		    (!is_small || bytes + b->stored_len > get.max_bytes))
			break;
		memcpy(out[n].id, b->record.id, 16);
		memcpy(out[n].root, b->record.chunk_root, 32);
		out[n].padded_len = b->record.padded_len;
		out[n].offset = bytes;
		out[n++].index = i;
		if (!is_small) {
			fd = fcntl(b->fd, F_DUPFD_CLOEXEC, 0);
			break;
		}
		if (fd == -1)
			ck_assert_int_eq(io_memfd("copy", &fd), GW_OK);
		uint8_t *copy = mem_alloc(b->stored_len);
		ck_assert_int_eq(
		    io_pread_full(b->fd, copy, b->stored_len, 0), GW_OK);
		ck_assert_int_eq(
		    io_pwrite_full(fd, copy, b->stored_len, bytes), GW_OK);
		mem_free(copy);
		bytes += b->stored_len;
	}
	answer(
	    e, msg->type, msg->id, &st, sizeof(st), out, n * sizeof(*out), fd);
}

static void
on_tx_ack(struct end *e, struct ipc_msg *msg)
{
	struct spool_tx_ack in;
	struct keys_ack_checked out = {0};

	memcpy(&in, msg->body, sizeof(in));
	ck_assert_int_eq(ack_verify(in.bytes, e->peer_pub), GW_OK);
	ck_assert_int_eq(ack_decode(in.bytes, &out.ack), GW_OK);
	if (e->acks == 0 || out.ack.counter > e->peer.counter)
		e->peer = out.ack;
	e->acks++;
	answer(e, msg->type, msg->id, &out, sizeof(out), NULL, 0, -1);
}

/* --- the receiver's spool ------------------------------------------ */

static struct end_rx *
rx_of(struct end *e, const uint8_t rx_id[16])
{
	uint64_t seq;

	memcpy(&seq, rx_id, sizeof(seq));
	ck_assert(seq >= 1 && seq < END_PARCELS);
	return &e->in[seq];
}

static void
rx_maybe_complete(struct end *e, struct end_rx *r)
{
	e->has_news = true;
	if (!r->has_tables || r->got < r->header.body_count || r->is_complete)
		return;
	r->is_complete = true;
	r->complete_ms = clock_mono_ms();
	e->complete++;
}

static void
on_rx_begin(struct end *e, struct ipc_msg *msg)
{
	struct spool_rx out = {0};
	struct parcel_header h;
	struct end_rx *r;

	ck_assert_int_eq(header_decode(msg->elems, msg->count, &h), GW_OK);
	ck_assert_int_eq(header_verify(&h, e->peer_pub), GW_OK);
	ck_assert_uint_lt(h.seq, END_PARCELS);
	r = &e->in[h.seq];
	memcpy(out.rx_id, &h.seq, sizeof(h.seq));
	if (e->has_no_space) {
		out.err = GW_ESPACE;
		out.state = RX_REFUSED;
	} else if (r->is_used) {
		r->resumed++;
		out.state =
		    r->is_complete || r->is_damaged ? RX_COMPLETE : RX_RESUME;
		out.bodies = r->bodies;
		out.chunks = r->chunks;
		out.wants_tables = !r->has_tables;
	} else if (h.seq != e->header_seq + 1) {
		out.err = GW_EAGAIN;
		out.state = RX_GAP;
	} else {
		r->is_used = true;
		r->header = h;
		r->has = mem_alloc(h.body_count);
		r->files = mem_array(h.body_count, sizeof(int));
		for (uint32_t i = 0; i < h.body_count; i++)
			r->files[i] = -1;
		ck_assert_int_eq(header_hash(&h, r->hash), GW_OK);
		e->header_seq = h.seq;
		e->has_news = true;
		out.state = RX_NEW;
		out.wants_tables = 1;
	}
	answer(e, msg->type, msg->id, &out, sizeof(out), NULL, 0, -1);
}

static void
on_rx_tables(struct end *e, struct ipc_msg *msg)
{
	struct parcel_layout layout;
	struct end_rx *r = rx_of(e, msg->body);
	uint64_t size;
	uint8_t *object;
	size_t head;

	ck_assert_int_eq(io_check_sealed(msg->fds[0], &size), GW_OK);
	object = mem_alloc(size);
	ck_assert_int_eq(io_pread_full(msg->fds[0], object, size, 0), GW_OK);
	head = header_peek_len(object, size);
	ck_assert_int_eq(tables_layout(&r->header, head, &layout), GW_OK);
	ck_assert_uint_eq(layout.total_len, size);
	ck_assert_int_eq(
	    tables_check(&r->header, object + layout.body_table_off,
		object + layout.key_table_off, object + layout.statement_off),
	    GW_OK);
	ck_assert(!r->has_tables);
	r->table = mem_alloc(layout.body_table_len);
	memcpy(r->table, object + layout.body_table_off, layout.body_table_len);
	r->has_tables = true;
	mem_free(object);
	answer_status(e, msg, GW_OK);
}

/* Is what lies at off of fd the body with this index?  Then it is had. */
static void
rx_take(struct end *e, struct end_rx *r, uint32_t index, int fd, uint64_t off)
{
	struct body_record rec;
	uint8_t *chunk = mem_alloc(BODY_CHUNK), *table;
	uint64_t count;

	ck_assert(r->has_tables);
	ck_assert_int_eq(
	    tables_get_body(r->table,
		r->header.body_count * (size_t)BODY_RECORD_LEN, index, &rec),
	    GW_OK);
	count = body_chunk_count(rec.padded_len);
	table = mem_array(count, BODY_ENTRY_LEN);
	ck_assert_int_eq(io_pread_full(fd, table, count * BODY_ENTRY_LEN,
			     off + rec.padded_len),
	    GW_OK);
	ck_assert_int_eq(body_table_check(table, count, rec.chunk_root), GW_OK);
	for (uint64_t i = 0; i < count && getenv("LINK_BYTES") == NULL; i++) {
		size_t n = body_chunk_len(rec.padded_len, i);

		ck_assert_int_eq(
		    io_pread_full(fd, chunk, n, off + i * BODY_CHUNK), GW_OK);
		ck_assert_int_eq(
		    body_check_chunk(i, chunk, n, table + i * BODY_ENTRY_LEN),
		    GW_OK);
	}
	if (!r->has[index])
		r->got++;
	r->has[index] = 1;
	while (r->bodies < r->header.body_count && r->has[r->bodies]) {
		r->bodies++;
		r->chunks = 0;
	}
	mem_free(chunk);
	mem_free(table);
	rx_maybe_complete(e, r);
}

static void
on_rx_put(struct end *e, struct ipc_msg *msg)
{
	struct end_rx *r = rx_of(e, msg->body);
	const struct ipc_body *b = msg->elems;
	uint64_t size;

	ck_assert_int_eq(io_check_sealed(msg->fds[0], &size), GW_OK);
	e->puts++;
	e->put_bodies += msg->count;
	for (uint32_t i = 0; i < msg->count; i++) {
		ck_assert(b[i].index >= r->bodies);
		rx_take(e, r, b[i].index, msg->fds[0], b[i].offset);
	}
	answer_status(e, msg, GW_OK);
}

static void
on_rx_create(struct end *e, struct ipc_msg *msg)
{
	struct ipc_status st = {0};
	struct spool_rx_create c;
	struct end_rx *r;
	int fd = -1;

	memcpy(&c, msg->body, sizeof(c));
	r = rx_of(e, c.rx_id);
	ck_assert(r->has_tables);
	if (r->has[c.index]) {
		st.err = GW_EEXIST;
	} else {
		if (r->files[c.index] == -1) {
			ck_assert_int_eq(
			    io_memfd("large", &r->files[c.index]), GW_OK);
			ck_assert_int_eq(io_truncate(r->files[c.index],
					     body_stored_len(c.padded_len)),
			    GW_OK);
		}
		fd = fcntl(r->files[c.index], F_DUPFD_CLOEXEC, 0);
	}
	answer(e, msg->type, msg->id, &st, sizeof(st), NULL, 0, fd);
}

static void
on_rx_done(struct end *e, struct ipc_msg *msg)
{
	struct spool_rx_create c;
	struct end_rx *r;

	memcpy(&c, msg->body, sizeof(c));
	r = rx_of(e, c.rx_id);
	ck_assert_int_ne(r->files[c.index], -1);
	rx_take(e, r, c.index, r->files[c.index], 0);
	io_drop(&r->files[c.index]);
	answer_status(e, msg, GW_OK);
}

static void
on_rx_progress(struct end *e, struct ipc_msg *msg)
{
	struct spool_rx_progress p;
	struct end_rx *r;

	memcpy(&p, msg->body, sizeof(p));
	r = rx_of(e, p.rx_id);
	if (msg->type == SPOOL_RX_DAMAGED) {
		e->damaged++;
		r->is_damaged = true;
	} else if (p.index == r->bodies) {
		ck_assert_uint_gt(p.chunks, r->chunks);
		r->chunks = p.chunks;
		e->has_news = true;
	}
	answer_status(e, msg, GW_OK);
}

static void
ack_make(struct end *e, struct ack *a)
{
	uint8_t id[16];
	int n = 0;

	memset(a, 0, sizeof(*a));
	ck_assert_int_eq(header_channel_id(END_CHANNEL, id), GW_OK);
	memcpy(a->channel_id, id, 8);
	a->epoch = 1;
	a->counter = ++e->ack_counter;
	a->header_seq = e->header_seq;
	memcpy(a->header_hash, e->in[e->header_seq].hash, 16);
	if (e->header_seq == 0)
		memset(a->header_hash, 0, 16);
	a->base_seq = 1;
	while (a->base_seq <= e->header_seq && e->in[a->base_seq].is_complete)
		a->base_seq++;
	for (uint64_t s = a->base_seq; s <= e->header_seq; s++) {
		struct end_rx *r = &e->in[s];

		if (r->is_complete)
			a->complete[(s - a->base_seq) / 8] |=
			    (uint8_t)(1u << ((s - a->base_seq) % 8));
		else if (n < ACK_IN_FLIGHT && (r->bodies > 0 || r->chunks > 0))
			a->progress[n++] =
			    (struct ack_progress){s, r->bodies, r->chunks};
	}
}

static bool
ack_serve(struct end *e, const struct end_wait *w)
{
	struct keys_ack_signed out = {0};
	struct ack a;

	if (w->tx.pad != 0 && !e->has_news &&
	    clock_mono_ms() - w->since_ms < 500)
		return false;
	e->has_news = false;
	e->asked_acks++;
	ack_make(e, &a);
	ck_assert_int_eq(ack_encode(&a, e->seed, out.bytes), GW_OK);
	answer(e, w->type, w->id, &out, sizeof(out), NULL, 0, -1);
	return true;
}

/* --- requests ------------------------------------------------------ */

static void
serve_waits(struct end *e)
{
	struct end_wait **at = &e->waits, *w;

	while ((w = *at) != NULL) {
		if (w->type == SPOOL_TX_NEXT ? tx_serve(e, w)
					     : ack_serve(e, w)) {
			*at = w->next;
			mem_free(w);
		} else {
			at = &w->next;
		}
	}
}

/* Some answers are due after a time, whatever happens. */
static void
on_poll(void *arg)
{
	struct end *e = arg;

	serve_waits(e);
	ev_timer_set(e->poll, 50);
}

static void
keep_wait(struct end *e, const struct ipc_msg *msg)
{
	struct end_wait *w = mem_alloc(sizeof(*w)), **at;
	struct spool_ack_next ack;

	w->type = msg->type;
	w->id = msg->id;
	w->since_ms = clock_mono_ms();
	if (msg->type == SPOOL_TX_NEXT)
		memcpy(&w->tx, msg->body, sizeof(w->tx));
	else {
		memcpy(&ack, msg->body, sizeof(ack));
		w->tx.pad = ack.waits;
	}
	for (at = &e->waits; *at != NULL; at = &(*at)->next)
		;
	*at = w;
}

static const struct ipc_rule spool_rules[] = {
    {SPOOL_LINK_HELLO, sizeof(struct spool_link_hello), 0, 0, 0, 0},
    {SPOOL_BODY_GET, sizeof(struct spool_body_get), 0, 0, 0, 0},
    {SPOOL_TX_NEXT, sizeof(struct spool_tx_next), 0, 0, 0, 0},
    {SPOOL_TX_ACK, sizeof(struct spool_tx_ack), 0, 0, 0, 0},
    {SPOOL_RX_BEGIN, sizeof(struct spool_rx_begin), 1, HEADER_MAX, 0, 0},
    {SPOOL_RX_TABLES, sizeof(struct spool_rx_id), 0, 0, 1, 1},
    {SPOOL_RX_PUT, sizeof(struct spool_rx_id), sizeof(struct ipc_body),
	IPC_BATCH_MAX, 1, 1},
    {SPOOL_RX_CREATE, sizeof(struct spool_rx_create), 0, 0, 0, 0},
    {SPOOL_RX_DONE, sizeof(struct spool_rx_create), 0, 0, 0, 0},
    {SPOOL_RX_PROGRESS, sizeof(struct spool_rx_progress), 0, 0, 0, 0},
    {SPOOL_RX_DAMAGED, sizeof(struct spool_rx_progress), 0, 0, 0, 0},
    {SPOOL_ACK_NEXT, sizeof(struct spool_ack_next), 0, 0, 0, 0},
    {SPOOL_LINK_STATE, sizeof(struct spool_link_state), 0, 0, 0, 0},
};
#define SPOOL_RULES ((int)(sizeof(spool_rules) / sizeof(spool_rules[0])))

static void
on_state(struct end *e, struct ipc_msg *msg)
{
	struct spool_link_state s;

	memcpy(&s, msg->body, sizeof(s));
	e->state = (enum link_state)s.state;
	e->refused = s.refused;
	mem_put_str(e->detail, sizeof(e->detail), s.detail);
	answer_status(e, msg, GW_OK);
}

static void
on_request(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct end *e = arg;

	(void)chan;
	switch (msg->type) {
	case SPOOL_LINK_HELLO:
		memcpy(e->pin, msg->body, 32);
		e->hello_id = msg->id;
		e->has_pin = true;
		break;
	case SPOOL_TX_NEXT:
	case SPOOL_ACK_NEXT:
		keep_wait(e, msg);
		break;
	case SPOOL_BODY_GET:
		on_body_get(e, msg);
		break;
	case SPOOL_TX_ACK:
		on_tx_ack(e, msg);
		break;
	case SPOOL_RX_BEGIN:
		on_rx_begin(e, msg);
		break;
	case SPOOL_RX_TABLES:
		on_rx_tables(e, msg);
		break;
	case SPOOL_RX_PUT:
		on_rx_put(e, msg);
		break;
	case SPOOL_RX_CREATE:
		on_rx_create(e, msg);
		break;
	case SPOOL_RX_DONE:
		on_rx_done(e, msg);
		break;
	case SPOOL_RX_PROGRESS:
	case SPOOL_RX_DAMAGED:
		on_rx_progress(e, msg);
		break;
	case SPOOL_LINK_STATE:
		on_state(e, msg);
		break;
	default:
		ck_abort_msg("message 0x%x", msg->type);
	}
	serve_waits(e);
}

static void
on_gone(void *arg, struct ipc_chan *chan)
{
	struct end *e = arg;

	(void)chan;
	if (e->is_gone)
		return;
	e->is_gone = true;
	waitpid(e->pid, &e->status, 0);
}

static void
on_control(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct end *e = arg;

	(void)chan;
	if (msg->type == CTL_READY)
		e->is_ready = true;
}

/* --- log ----------------------------------------------------------- */

static void
on_log(void *arg, int fd, int events)
{
	struct end *e = arg;
	struct log_record rec;
	ssize_t n;
	size_t len;

	(void)events;
	while ((n = recv(fd, &rec, sizeof(rec), MSG_DONTWAIT)) > 0) {
		if (getenv("LINK_LOG") != NULL)
			fprintf(stderr, "%s: %.*s\n",
			    e->channel.role == POLICY_SENDER ? "sender"
							     : "receiver",
			    (int)rec.len, rec.text);
		len = strlen(e->log);
		if (len + rec.len + 2 > sizeof(e->log))
			len = 0;
		memcpy(e->log + len, rec.text, rec.len);
		e->log[len + rec.len] = '\n';
		e->log[len + rec.len + 1] = '\0';
	}
	if (n == 0)
		ev_fd_set(e->log_ev, 0);
}

/* --- life ---------------------------------------------------------- */

unsigned
end_port(void)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	close(fd);
	return ntohs(in.sin_port);
}

static int
make_policy(const struct end *e)
{
	struct policy_table *t = mem_alloc(sizeof(*t));
	int fd;

	mem_put_str(t->zone.zone, sizeof(t->zone.zone), "lgwan");
	mem_put_str(t->zone.letter, sizeof(t->zone.letter), "L");
	mem_put_str(t->zone.state_dir, sizeof(t->zone.state_dir), e->dir);
	t->zone.workers = 1;
	t->channel_count = 1;
	t->channels[0] = e->channel;
	ck_assert_int_eq(policy_table_finish(t), GW_OK);
	ck_assert_int_eq(io_memfd("policy", &fd), GW_OK);
	ck_assert_int_eq(io_write_full(fd, t, sizeof(*t)), GW_OK);
	ck_assert_int_eq(io_seal(fd), GW_OK);
	mem_free(t);
	return fd;
}

static void
run(int control)
{
	static char program[] = LINK_PROGRAM;
	char *argv[] = {program, NULL};

	/* LeakSanitizer cannot look into a sandbox */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	/* not above it: link closes all but this one itself */
	if (control != IPC_CONTROL_FD)
		dup2(control, IPC_CONTROL_FD);
	fcntl(IPC_CONTROL_FD, F_SETFD, 0);
	execv(program, argv);
	_exit(127);
}

static void
start(struct end *e)
{
	static const struct ipc_rule control_rules[] = {
	    {CTL_READY, 0, 0, 0, 0, 0}, {CTL_PONG, 0, 0, 0, 0, 0},
	    {CTL_POLICY_DONE, sizeof(struct ipc_status), 0, 0, 0, 0}};
	struct ctl_start msg = {.proc = PROC_LINK,
	    .uid = UINT32_MAX,
	    .gid = UINT32_MAX,
	    .peer_count = 1,
	    .peers = {{PROC_SPOOL, 1}}};
	int control[2], spool[2], log[2], fds[3];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, spool), 0);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, log), 0);
	e->pid = fork();
	if (e->pid == 0)
		run(control[1]);
	close(control[1]);
	fds[0] = log[1];
	fds[1] = make_policy(e);
	fds[2] = spool[1];
	ck_assert_int_eq(
	    ipc_send_wait(control[0], CTL_START, 1, &msg, sizeof(msg), fds, 3),
	    GW_OK);
	e->log_fd = log[0];
	e->log_ev = ev_fd_new(e->loop, log[0], EV_RD, on_log, e);
	e->control = ipc_chan_new(e->loop, control[0], "link", control_rules, 3,
	    on_control, on_gone, e);
	e->spool = ipc_chan_new(e->loop, spool[0], "link", spool_rules,
	    SPOOL_RULES, on_request, on_gone, e);
}

struct end *
end_new(struct ev_loop *loop, enum policy_channel_role role,
    const char *address, uint8_t seed_byte)
{
	struct end *e = mem_alloc(sizeof(*e));
	char dir[80];

	e->loop = loop;
	e->seed[0] = seed_byte;
	ck_assert_int_eq(crypto_sign_public(e->seed, e->pub), GW_OK);
	snprintf(e->dir, sizeof(e->dir), "/tmp/link-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(e->dir));
	snprintf(dir, sizeof(dir), "%s/link", e->dir);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	mem_put_str(e->channel.id, sizeof(e->channel.id), END_CHANNEL);
	mem_put_str(e->channel.peer, sizeof(e->channel.peer), "other");
	mem_put_str(e->channel.address, sizeof(e->channel.address), address);
	e->channel.role = role;
	e->channel.carrier = POLICY_TLS;
	e->channel.ack = POLICY_ACK_IMMEDIATE;
	e->channel.ack_tick_ms = 1000;
	e->channel.max_in_flight = 4;
	e->late = ev_timer_new(loop, on_late, e);
	e->poll = ev_timer_new(loop, on_poll, e);
	ev_timer_set(e->poll, 50);
	start(e);
	return e;
}

void
end_pair(struct end *e, const uint8_t peer_pin[32], const uint8_t peer_pub[32])
{
	struct ipc_status st = {0};
	struct keys_channel ch = {
	    .role = e->channel.role, .state = CHANNEL_OPEN, .epoch = 1};

	ck_assert(e->has_pin);
	mem_put_str(ch.id, sizeof(ch.id), END_CHANNEL);
	memcpy(ch.peer_pin, peer_pin, 32);
	memcpy(ch.peer_sign_pub, peer_pub, 32);
	memcpy(e->peer_pub, peer_pub, 32);
	made_recipient(ch.peer_key_ids[1]);
	answer(e, SPOOL_LINK_HELLO, e->hello_id, &st, sizeof(st), &ch,
	    sizeof(ch), -1);
}

void
end_offer(struct end *e, struct made *m)
{
	ck_assert_uint_eq(m->header.seq, e->out_count + 1);
	e->out[e->out_count++] = m;
	serve_waits(e);
}

static void
drop_questions(struct end *e)
{
	struct end_wait *w;
	struct end_late *l;

	while ((w = e->waits) != NULL) {
		e->waits = w->next;
		mem_free(w);
	}
	while ((l = e->lates) != NULL) {
		e->lates = l->next;
		io_drop(&l->fd);
		mem_free(l);
	}
}

static void
drop_state(struct end *e)
{
	drop_questions(e);
	for (int i = 0; i < END_PARCELS; i++) {
		if (!e->in[i].is_used)
			continue;
		mem_free(e->in[i].table);
		mem_free(e->in[i].has);
		for (uint32_t k = 0; k < e->in[i].header.body_count; k++)
			io_drop(&e->in[i].files[k]);
		mem_free(e->in[i].files);
	}
}

static void
stop(struct end *e)
{
	struct rusage used;

	if (!e->is_gone) {
		kill(e->pid, SIGKILL);
		if (wait4(e->pid, &e->status, 0, &used) == e->pid &&
		    getenv("LINK_BYTES") != NULL)
			fprintf(stderr, "%s: %ld ms user, %ld ms system\n",
			    e->channel.role == POLICY_SENDER ? "sender"
							     : "receiver",
			    used.ru_utime.tv_sec * 1000 +
				used.ru_utime.tv_usec / 1000,
			    used.ru_stime.tv_sec * 1000 +
				used.ru_stime.tv_usec / 1000);
	}
	ipc_chan_free(e->control);
	ipc_chan_free(e->spool);
	ev_fd_free(e->log_ev);
	close(e->log_fd);
	drop_questions(e);
}

void
end_restart(struct end *e)
{
	stop(e);
	e->is_gone = e->is_ready = e->has_pin = false;
	start(e);
}

void
end_policy(struct end *e)
{
	int fd = make_policy(e);

	ipc_send(e->control, CTL_POLICY, 1, NULL, 0, NULL, 0, 0, &fd, 1);
}

void
end_free(struct end *e)
{
	char path[128];

	if (e == NULL)
		return;
	stop(e);
	ev_timer_free(e->late);
	ev_timer_free(e->poll);
	drop_state(e);
	snprintf(path, sizeof(path), "%s/link/transport.pem", e->dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/link", e->dir);
	rmdir(path);
	rmdir(e->dir);
	mem_free(e);
}

static void
on_wake(void *arg)
{
	(void)arg;
}

bool
end_wait(struct ev_loop *loop, end_cond_fn *cond, void *arg, uint64_t ms)
{
	uint64_t until = clock_mono_ms() + ms;
	struct ev_timer *wake = ev_timer_new(loop, on_wake, NULL);
	bool holds;

	while (!(holds = cond(arg)) && clock_mono_ms() < until) {
		ev_timer_set(wake, 20);
		ev_loop_once(loop);
	}
	ev_timer_free(wake);
	return holds;
}

static bool
never(void *arg)
{
	(void)arg;
	return false;
}

void
end_turn(struct ev_loop *loop, uint64_t ms)
{
	end_wait(loop, never, NULL, ms);
}
