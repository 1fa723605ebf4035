/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ev.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "proto/parcel/body.h"
#include "proto/parcel/tables.h"
#include "proto/record/reason.h"
#include "gatewayd/spool/spool.h"

#include "tests/unit/spool/world.h"

static const uint8_t world_seed[32] = {7};

/* --- the zone ------------------------------------------------------------------ */

static struct policy_table *
world_policy(const struct world *w)
{
	struct policy_table *p = mem_alloc(sizeof(*p));
	struct policy_flow *f;
	int i;

	p->magic = POLICY_MAGIC;
	p->zone.letter[0] = w->letter;
	p->zone.quota_bytes = 1u << 30;
	p->zone.stop_intake_pct = p->zone.stop_fetch_pct = 0;
	p->zone.clock_jump_alarm_s = 300;
	p->channel_count = 1;
	mem_put_str(p->channels[0].id, sizeof(p->channels[0].id),
	    WORLD_CHANNEL);
	p->flow_count = 3;
	for (i = 0; i < 3; i++) {
		f = &p->flows[i];
		snprintf(f->id, sizeof(f->id), "%s%s", WORLD_FLOW,
		    i == 0 ? "" : i == 1 ? "-b" : "-ordered");
		mem_put_str(f->channel, sizeof(f->channel), WORLD_CHANNEL);
		f->files = 100;
		f->file_bytes = 1u << 20;
		f->transfer_bytes = 1u << 21;
		f->until_ms = UINT64_MAX;
		f->deliver = DELIVER_FOLDER;
		f->original_days = 30;
		f->is_ordered = i == 2;
		f->weight = 10;
	}
	return p;
}

void
world_init(struct world *w, enum side side)
{
	int i;

	memset(w, 0, sizeof(*w));
	w->side = side;
	w->letter = side == SIDE_LOW ? 'I' : 'L';
	snprintf(w->dir, sizeof(w->dir), "/dev/shm/spool-test.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(w->dir));
	w->dirfd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(w->dirfd, 0);
	w->policy = world_policy(w);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->cond, NULL);
	for (i = 0; i < PROC_COUNT; i++)
		w->fds[i] = -1;
	w->next_seq = 1;
	memset(w->first_prev, 0x11, sizeof(w->first_prev));
	memcpy(w->last_hash, w->first_prev, sizeof(w->last_hash));
	w->decision = DECIDE_GO;
	w->not_after_ms = clock_wall_ms() + 86400000;
	w->padded_len = BODY_ALIGN;
	mem_put_str(w->flow, sizeof(w->flow), WORLD_FLOW);
}

void
world_clear(struct world *w)
{
	char cmd[128];
	uint32_t i;

	if (w->is_up)
		world_stop(w);
	for (i = 0; i < w->slot_count; i++) {
		mem_free(w->slots[i].object);
		mem_free(w->slots[i].control);
	}
	close(w->dirfd);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", w->dir);
	ck_assert_int_eq(system(cmd), 0);
	mem_free(w->policy);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->cond);
}

/* --- the child --------------------------------------------------------------------- */

static long world_calls, world_kill_at;
static enum world_fault world_fault;

static int
world_hook(void *arg, enum io_op op, int fd, size_t *len)
{
	(void)arg;
	(void)fd;
	if (op == IO_READ || (op == IO_OPEN && world_fault != FAULT_KILL))
		return 0;
	if (++world_calls != world_kill_at)
		return 0;
	switch (world_fault) {
	case FAULT_KILL:
		kill(getpid(), SIGKILL);
		break;
	case FAULT_EIO:
		return EIO;
	case FAULT_ENOSPC:
		return ENOSPC;
	case FAULT_TORN:
		if (op != IO_WRITE)
			return EIO;
		*len /= 2;
		break;
	}
	return 0;
}

/* Where dying is the point, what it says is not for the screen. */
static void
world_swallow(void *arg, const struct log_record *line)
{
	(void)arg;
	(void)line;
}

static _Noreturn void
world_child(struct world *w, long kill_at, const int client_fds[PROC_COUNT],
    const int spares[6], int keys_fd, int audit_fd)
{
	static const enum proc_id clients[] = {
		PROC_COURIER, PROC_INSPECT, PROC_LINK, PROC_DESK,
	};
	struct ev_loop *loop;
	struct spool *sp;
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	log_init(w->side == SIDE_LOW ? "low" : "high");
	log_set_level(LOG_ERR_);
	if (w->is_quiet)
		log_set_sink(world_swallow, NULL);
	if (fchdir(w->dirfd) != 0)
		_exit(3);
	if (kill_at > 0) {
		world_kill_at = kill_at;
		world_fault = (enum world_fault)w->fault;
		io_set_hook(world_hook, NULL);
	}
	loop = ev_loop_new();
	sp = spool_new(loop, w->dirfd, w->policy, keys_fd, audit_fd);
	if (w->tick_ms != 0)
		sp->tick_ms = w->tick_ms;
	for (i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
		spool_add_client(sp, clients[i], client_fds[clients[i]]);
	for (i = 0; i < 6; i++)
		spool_add_client(sp, PROC_INSPECT, spares[i]);
	ev_loop_run(loop);
	_exit(0);
}

static void *world_keys(void *arg);
static void *world_audit(void *arg);

static void
world_pair(int out[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    out), 0);
}

void
world_start(struct world *w, long kill_at)
{
	static const enum proc_id clients[] = {
		PROC_COURIER, PROC_INSPECT, PROC_LINK, PROC_DESK,
	};
	int theirs[PROC_COUNT], spares[6], pair[2], keys_fd, audit_fd;
	size_t i;

	for (i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		world_pair(pair);
		w->fds[clients[i]] = pair[0];
		theirs[clients[i]] = pair[1];
	}
	for (i = 0; i < 6; i++) {
		world_pair(pair);
		w->spare[i] = pair[0];
		spares[i] = pair[1];
	}
	world_pair(pair);
	w->keys_fd = pair[0];
	keys_fd = pair[1];
	world_pair(pair);
	w->audit_fd = pair[0];
	audit_fd = pair[1];
	fflush(NULL);
	w->pid = fork();
	ck_assert_int_ge(w->pid, 0);
	if (w->pid == 0) {
		for (i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
			close(w->fds[clients[i]]);
		for (i = 0; i < 6; i++)
			close(w->spare[i]);
		close(w->keys_fd);
		close(w->audit_fd);
		world_child(w, kill_at, theirs, spares, keys_fd, audit_fd);
	}
	for (i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
		close(theirs[clients[i]]);
	for (i = 0; i < 6; i++)
		close(spares[i]);
	close(keys_fd);
	close(audit_fd);
	w->is_up = true;
	ck_assert_int_eq(pthread_create(&w->keys_thread, NULL, world_keys, w),
	    0);
	ck_assert_int_eq(pthread_create(&w->audit_thread, NULL, world_audit,
	    w), 0);
	if (kill_at == 0)
		ck_assert_int_eq(world_hello(w), GW_OK);
}

/* Link's first question: its answer comes when keys told of the channels. */
enum gw_err
world_hello(struct world *w)
{
	struct spool_link_hello hello = {{1}};
	struct ipc_msg msg;

	return world_ask(w, PROC_LINK, SPOOL_LINK_HELLO, &hello,
	    sizeof(hello), NULL, 0, 0, -1, &msg);
}

static void
world_reap(struct world *w, int *status)
{
	int i;

	ck_assert_int_eq(waitpid(w->pid, status, 0), w->pid);
	pthread_mutex_lock(&w->lock);
	w->holds_audit = w->holds_keys = false;
	pthread_cond_broadcast(&w->cond);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->keys_thread, NULL);
	pthread_join(w->audit_thread, NULL);
	for (i = 0; i < PROC_COUNT; i++) {
		if (w->fds[i] != -1)
			close(w->fds[i]);
		w->fds[i] = -1;
	}
	for (i = 0; i < 6; i++) {
		if (w->spare[i] != -1)
			close(w->spare[i]);
		w->spare[i] = -1;
	}
	close(w->keys_fd);
	close(w->audit_fd);
	w->is_up = false;
}

bool
world_stop(struct world *w)
{
	int status = 0;
	bool was_dead = waitpid(w->pid, &status, WNOHANG | WNOWAIT) != 0;
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
	    0)
		was_dead = info.si_pid != 0;
	if (!was_dead)
		kill(w->pid, SIGKILL);
	world_reap(w, &status);
	return was_dead;
}

bool
world_is_dead(struct world *w)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)w->pid, &info,
	    WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* --- audit ---------------------------------------------------------------------------- */

static const struct ipc_rule audit_rules[] = {
	{AUDIT_APPEND, 0, sizeof(struct audit_record), AUDIT_APPEND_MAX, 0, 0},
	{AUDIT_HEAD, 0, 0, 0, 0, 0},
	{AUDIT_READ, sizeof(struct audit_range), 0, 0, 0, 0},
};

static int
audit_read(struct world *w, const struct audit_range *range)
{
	struct buf b;
	struct buf one;
	uint32_t i;
	int fd = -1;

	buf_init(&b, 64u << 20);
	for (i = 0; i < range->count && range->first + i < w->log_len; i++) {
		buf_init(&one, AUDIT_ENTRY_MAX);
		if (audit_encode(&w->log[range->first + i], &one) != GW_OK)
			abort();
		buf_put_u16(&b, (uint16_t)one.len);
		buf_put(&b, one.data, one.len);
		buf_clear(&one);
	}
	if (io_memfd("log", &fd) != GW_OK ||
	    (b.len > 0 && io_write_full(fd, b.data, b.len) != GW_OK) ||
	    io_seal(fd) != GW_OK)
		abort();
	buf_clear(&b);
	return fd;
}

static void
audit_append(struct world *w, const struct ipc_msg *msg)
{
	uint32_t i;

	for (i = 0; i < msg->count; i++) {
		if (w->log_len == WORLD_LOG_MAX)
			abort();
		memcpy(&w->log[w->log_len++],
		    (const struct audit_record *)msg->elems + i,
		    sizeof(w->log[0]));
	}
	w->appends++;
	w->audit_waiting++;
	pthread_cond_broadcast(&w->cond);
	while (w->holds_audit)
		pthread_cond_wait(&w->cond, &w->lock);
	w->audit_waiting--;
}

static void *
world_audit(void *arg)
{
	struct world *w = arg;
	uint8_t *buf = mem_alloc(IPC_MSG_MAX);
	struct ipc_status ok = {0};
	struct audit_head head;
	struct audit_range range;
	struct ipc_msg msg;
	int fd;

	while (ipc_recv_wait(w->audit_fd, audit_rules, 3, buf, &msg) ==
	    GW_OK) {
		pthread_mutex_lock(&w->lock);
		if (msg.type == AUDIT_APPEND)
			audit_append(w, &msg);
		memset(&head, 0, sizeof(head));
		head.size = w->log_len;
		if (msg.type == AUDIT_READ) {
			memcpy(&range, msg.body, sizeof(range));
			fd = audit_read(w, &range);
			(void)!ipc_send_wait(w->audit_fd,
			    AUDIT_READ | IPC_REPLY, msg.id, &ok, sizeof(ok),
			    &fd, 1);
		} else {
			(void)!ipc_send_wait(w->audit_fd,
			    msg.type | IPC_REPLY, msg.id, &head, sizeof(head),
			    NULL, 0);
		}
		pthread_mutex_unlock(&w->lock);
	}
	mem_free(buf);
	return NULL;
}

uint32_t
world_count(struct world *w, uint16_t event, const char *state)
{
	uint32_t i, n = 0;

	pthread_mutex_lock(&w->lock);
	for (i = 0; i < w->log_len; i++) {
		if (w->log[i].event == event && (state[0] == '\0' ||
		    strcmp(w->log[i].state, state) == 0))
			n++;
	}
	pthread_mutex_unlock(&w->lock);
	return n;
}

/* --- keys ------------------------------------------------------------------------------- */

static const struct ipc_rule keys_rules[] = {
	{KEYS_COMMIT, 0, sizeof(struct key_ref), 64, 0, 0},
	{KEYS_EVALUATE, sizeof(struct keys_evaluate), 0, 0, 0, 0},
	{KEYS_BODY_INFO, sizeof(struct keys_release), 0, 0, 0, 0},
	{KEYS_SEAL, sizeof(struct keys_seal), 0, 0, 0, 0},
	{KEYS_WITHDRAW, sizeof(struct keys_withdraw), 0, 0, 0, 0},
	{KEYS_OPEN, sizeof(struct keys_open), 0, 0, 1, 1},
	{KEYS_ACK_SIGN, sizeof(struct keys_ack_sign), 0, 0, 0, 0},
	{KEYS_ACK_CHECK, sizeof(struct keys_ack_check), 0, 0, 0, 0},
	{KEYS_CHANNELS, 0, 0, 0, 0, 0},
	{KEYS_TRANSPORT, sizeof(struct keys_transport), 0, 0, 0, 0},
	{KEYS_ERASE, sizeof(struct keys_bodies), 0, 0, 0, 0},
	{KEYS_REJUDGE, sizeof(struct keys_bodies), 0, 0, 0, 0},
	{KEYS_CHANNEL_OP, sizeof(struct keys_channel_op), 0, 0, 0, 0},
};

struct slot *
world_slot(struct world *w, const uint8_t id[16])
{
	uint32_t i;

	for (i = 0; i < w->slot_count; i++) {
		if (memcmp(w->slots[i].ref.id, id, 16) == 0)
			return &w->slots[i];
	}
	return NULL;
}

struct slot *
world_slot_new(struct world *w)
{
	struct slot *s;

	pthread_mutex_lock(&w->lock);
	if (w->slot_count == WORLD_SLOTS)
		abort();
	s = &w->slots[w->slot_count++];
	memset(s, 0, sizeof(*s));
	s->ref.id[0] = (uint8_t)w->letter;
	s->ref.id[1] = (uint8_t)(w->slot_count >> 8);
	s->ref.id[2] = (uint8_t)w->slot_count;
	s->ref.bucket = 5;
	s->ref.slot = w->slot_count * 100;
	s->is_used = true;
	s->body_count = WORLD_BODIES;
	s->decision = w->decision;
	s->reason = w->reason;
	pthread_mutex_unlock(&w->lock);
	return s;
}

void
world_body(const struct slot *s, uint32_t index, uint64_t padded_len,
    struct ipc_body *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->id, s->ref.id, 16);
	out->id[15] = (uint8_t)(index + 1);
	memset(out->root, (int)(index + 1), sizeof(out->root));
	out->root[0] = s->ref.id[2];
	out->padded_len = padded_len;
	out->plain_len = padded_len - 1;
	out->index = index;
}

int
world_bodies_fd(const struct slot *s, uint64_t padded_len,
    struct ipc_body *out, uint32_t count)
{
	uint64_t len = body_stored_len(padded_len);
	uint8_t *bytes = mem_alloc((size_t)len);
	uint32_t i;
	int fd = -1;

	ck_assert_int_eq(io_memfd("bodies", &fd), GW_OK);
	for (i = 0; i < count; i++) {
		world_body(s, i, padded_len, &out[i]);
		out[i].offset = i * len;
		memset(bytes, (int)(s->ref.id[2] + i), (size_t)len);
		ck_assert_int_eq(io_pwrite_full(fd, bytes, (size_t)len,
		    i * len), GW_OK);
	}
	ck_assert_int_eq(io_seal(fd), GW_OK);
	mem_free(bytes);
	return fd;
}

static void
keys_header(struct world *w, struct parcel_header *h)
{
	memset(h, 0, sizeof(*h));
	h->suite = HPKE_P256;
	h->enc_len = 65;
	h->epoch = 1;
	h->seq = w->next_seq;
	h->flags = h->seq == 1 ? HEADER_FIRST_OF_EPOCH : 0;
	if (header_channel_id(WORLD_CHANNEL, h->channel_id) != GW_OK)
		abort();
	memcpy(h->prev, w->last_hash, sizeof(h->prev));
	h->created_ms = 1;
	h->not_after_ms = w->not_after_ms;
	h->chunk_size = BODY_CHUNK;
	h->ack_counter = w->ack_counter;
}

/* Sign, note in the journal, and append the tables. */
static void
keys_finish(struct world *w, struct parcel_header *h, struct buf *tables,
    uint8_t **object, uint32_t *len)
{
	struct buf b;

	if (header_sign(h, world_seed) != GW_OK ||
	    header_hash(h, w->last_hash) != GW_OK)
		abort();
	w->next_seq++;
	buf_init(&b, 1u << 20);
	header_encode(h, &b);
	if (tables != NULL)
		buf_put(&b, tables->data, tables->len);
	*object = mem_alloc(b.len);
	memcpy(*object, b.data, b.len);
	*len = (uint32_t)b.len;
	buf_clear(&b);
}

static void
keys_make_parcel(struct world *w, struct slot *s)
{
	struct parcel_header h;
	struct body_record rec;
	struct ipc_body body;
	struct buf tables;
	uint32_t i;

	keys_header(w, &h);
	buf_init(&tables, 1u << 20);
	for (i = 0; i < s->body_count; i++) {
		world_body(s, i, w->padded_len, &body);
		memset(&rec, 0, sizeof(rec));
		memcpy(rec.id, body.id, sizeof(rec.id));
		memcpy(rec.chunk_root, body.root, sizeof(rec.chunk_root));
		rec.padded_len = body.padded_len;
		tables_put_body(&tables, &rec);
		h.total_padded += body.padded_len;
	}
	h.body_count = s->body_count;
	h.key_table_len = 32 * s->body_count + CRYPTO_TAG_LEN;
	h.statement_len = CRYPTO_TAG_LEN;
	buf_put_zero(&tables, h.key_table_len + h.statement_len);
	memcpy(h.parcel_id, s->ref.id, sizeof(h.parcel_id));
	h.parcel_id[14] = 0xee;
	memcpy(s->parcel_id, h.parcel_id, sizeof(s->parcel_id));
	s->seq = h.seq;
	keys_finish(w, &h, &tables, &s->object, &s->object_len);
	buf_clear(&tables);
	s->is_sealed = true;
}

static int
keys_memfd(const uint8_t *bytes, uint32_t len)
{
	int fd = -1;

	if (io_memfd("parcel", &fd) != GW_OK ||
	    io_write_full(fd, bytes, len) != GW_OK || io_seal(fd) != GW_OK)
		abort();
	return fd;
}

static void
keys_reply_sealed(struct world *w, const struct ipc_msg *msg, uint64_t seq,
    const uint8_t *object, uint32_t len, const uint8_t parcel_id[16])
{
	struct keys_sealed out = {.epoch = 1, .seq = seq, .object_len = len};
	size_t head = header_peek_len(object, len);
	int fd = keys_memfd(object, len);

	if (sha256_of(object, head, out.header_hash) != GW_OK)
		abort();
	memcpy(out.parcel_id, parcel_id, sizeof(out.parcel_id));
	mem_put_str(out.channel, sizeof(out.channel), WORLD_CHANNEL);
	(void)!ipc_send_wait(w->keys_fd, msg->type | IPC_REPLY, msg->id, &out,
	    sizeof(out), &fd, 1);
}

static void
keys_seal(struct world *w, const struct ipc_msg *msg)
{
	struct keys_sealed no = {.err = GW_EHOLD, .reason = w->seal_reason};
	struct keys_seal ask;
	struct slot *s;

	memcpy(&ask, msg->body, sizeof(ask));
	s = world_slot(w, ask.transfer.id);
	if (s == NULL || !s->is_committed)
		abort();
	if (w->seal_reason != REASON_NONE && !s->is_sealed) {
		(void)!ipc_send_wait(w->keys_fd, msg->type | IPC_REPLY,
		    msg->id, &no, sizeof(no), NULL, 0);
		return;
	}
	if (!s->is_sealed)
		keys_make_parcel(w, s);
	keys_reply_sealed(w, msg, s->seq, s->object, s->object_len,
	    s->parcel_id);
}

static void
keys_withdraw(struct world *w, const struct ipc_msg *msg)
{
	struct keys_withdraw ask;
	struct parcel_header h;
	struct slot *s = NULL;
	uint32_t i;

	memcpy(&ask, msg->body, sizeof(ask));
	for (i = 0; i < w->slot_count; i++) {
		if (w->slots[i].is_sealed && w->slots[i].seq == ask.seq)
			s = &w->slots[i];
	}
	if (s == NULL)
		abort();
	if (s->control == NULL) {
		keys_header(w, &h);
		h.flags |= HEADER_CONTROL;
		h.control = CONTROL_WITHDRAW;
		h.control_seq = ask.seq;
		h.control_reason = ask.reason;
		s->control_seq = h.seq;
		keys_finish(w, &h, NULL, &s->control, &s->control_len);
	}
	keys_reply_sealed(w, msg, s->control_seq, s->control, s->control_len,
	    s->parcel_id);
}

/* The receiver's slot of a parcel is found again by its parcel id. */
static void
keys_open(struct world *w, const struct ipc_msg *msg)
{
	struct keys_opened out = {.err = GW_OK};
	struct parcel_header h;
	struct slot *s = NULL;
	struct stat st;
	uint8_t *bytes;
	uint32_t i;

	if (fstat(msg->fds[0], &st) != 0)
		abort();
	bytes = mem_alloc((size_t)st.st_size);
	if (io_pread_full(msg->fds[0], bytes, (size_t)st.st_size, 0) != GW_OK ||
	    header_decode(bytes, header_peek_len(bytes, (size_t)st.st_size),
	    &h) != GW_OK)
		abort();
	mem_free(bytes);
	if (w->open_reason != REASON_NONE) {
		out.err = GW_EHOLD;
		out.reason = w->open_reason;
		goto out;
	}
	for (i = 0; i < w->slot_count; i++) {
		if (memcmp(w->slots[i].parcel_id, h.parcel_id, 16) == 0)
			s = &w->slots[i];
	}
	if (s == NULL) {
		s = &w->slots[w->slot_count++];
		memset(s, 0, sizeof(*s));
		s->ref.id[0] = (uint8_t)w->letter;
		s->ref.id[2] = (uint8_t)w->slot_count;
		s->ref.slot = w->slot_count * 100;
		s->is_used = s->is_committed = true;
		s->decision = w->decision;
		s->reason = w->reason;
		s->seq = h.seq;
		memcpy(s->parcel_id, h.parcel_id, 16);
	}
	out.transfer = s->ref;
	out.body_count = h.body_count;
	out.created_ms = h.created_ms;
	memcpy(out.parcel_id, h.parcel_id, sizeof(out.parcel_id));
	mem_put_str(out.flow, sizeof(out.flow), w->flow);
	snprintf(out.number, sizeof(out.number), "I20260401-%05u-0",
	    (unsigned)h.seq % 100000u);
	mem_put_str(out.submitter, sizeof(out.submitter), "sato");
out:
	(void)!ipc_send_wait(w->keys_fd, msg->type | IPC_REPLY, msg->id, &out,
	    sizeof(out), NULL, 0);
}

static void
keys_evaluate(struct world *w, const struct ipc_msg *msg)
{
	struct keys_evaluate ask;
	struct keys_decided out = {.err = GW_OK};
	struct slot *s;

	memcpy(&ask, msg->body, sizeof(ask));
	s = world_slot(w, ask.transfer.id);
	if (s == NULL)
		abort();
	s->evaluations++;
	out.decision = s->decision;
	out.reason = s->reason;
	out.missing = s->decision == DECIDE_INSPECT ?
	    STAGE_BIT(STAGE_CLAM) : 0;
	(void)!ipc_send_wait(w->keys_fd, msg->type | IPC_REPLY, msg->id, &out,
	    sizeof(out), NULL, 0);
}

static void
keys_channels(struct world *w, const struct ipc_msg *msg)
{
	struct {
		struct ipc_status status;
		struct keys_channel channel;
	} out;

	memset(&out, 0, sizeof(out));
	mem_put_str(out.channel.id, sizeof(out.channel.id), WORLD_CHANNEL);
	mem_put_str(out.channel.peer, sizeof(out.channel.peer), "peer");
	out.channel.role = w->side == SIDE_LOW ? POLICY_SENDER :
	    POLICY_RECEIVER;
	out.channel.state = w->freezes > 0 ? CHANNEL_FROZEN : CHANNEL_OPEN;
	out.channel.epoch = 1;
	out.channel.next_seq = w->next_seq;
	memcpy(out.channel.first_prev, w->first_prev, 32);
	(void)!ipc_send_wait(w->keys_fd, msg->type | IPC_REPLY, msg->id, &out,
	    sizeof(out), NULL, 0);
}

/* A fake ACK is the struct itself. */
static void
keys_ack(struct world *w, const struct ipc_msg *msg)
{
	struct keys_ack_sign sign;
	struct keys_ack_check check;
	struct keys_ack_signed made = {0};
	struct keys_ack_checked checked = {0};

	_Static_assert(sizeof(struct ack) <= ACK_LEN, "fits");
	if (msg->type == KEYS_ACK_SIGN) {
		memcpy(&sign, msg->body, sizeof(sign));
		memcpy(made.bytes, &sign.ack, sizeof(sign.ack));
		(void)!ipc_send_wait(w->keys_fd, msg->type | IPC_REPLY,
		    msg->id, &made, sizeof(made), NULL, 0);
		return;
	}
	memcpy(&check, msg->body, sizeof(check));
	memcpy(&checked.ack, check.bytes, sizeof(checked.ack));
	(void)!ipc_send_wait(w->keys_fd, msg->type | IPC_REPLY, msg->id,
	    &checked, sizeof(checked), NULL, 0);
}

static void
keys_status(struct world *w, const struct ipc_msg *msg)
{
	struct ipc_status ok = {0};
	struct keys_bodies ask;
	struct slot *s;
	uint32_t i;

	if (msg->type == KEYS_COMMIT) {
		for (i = 0; i < msg->count; i++) {
			s = world_slot(w,
			    ((const struct key_ref *)msg->elems)[i].id);
			if (s == NULL)
				abort();
			s->is_committed = true;
		}
		w->commits++;
		w->keys_waiting++;
		pthread_cond_broadcast(&w->cond);
		while (w->holds_keys)
			pthread_cond_wait(&w->cond, &w->lock);
		w->keys_waiting--;
	} else if (msg->type == KEYS_CHANNEL_OP) {
		w->freezes++;
	} else if (msg->type == KEYS_ERASE || msg->type == KEYS_REJUDGE) {
		memcpy(&ask, msg->body, sizeof(ask));
		s = world_slot(w, ask.transfer.id);
		if (s == NULL)
			abort();
		s->is_erased |= msg->type == KEYS_ERASE;
		s->rejudged += msg->type == KEYS_REJUDGE;
	}
	(void)!ipc_send_wait(w->keys_fd, msg->type | IPC_REPLY, msg->id, &ok,
	    sizeof(ok), NULL, 0);
}

static void
keys_answer(struct world *w, const struct ipc_msg *msg)
{
	switch (msg->type) {
	case KEYS_EVALUATE:
		keys_evaluate(w, msg);
		break;
	case KEYS_SEAL:
		keys_seal(w, msg);
		break;
	case KEYS_WITHDRAW:
		keys_withdraw(w, msg);
		break;
	case KEYS_OPEN:
		keys_open(w, msg);
		break;
	case KEYS_CHANNELS:
		keys_channels(w, msg);
		break;
	case KEYS_ACK_SIGN:
	case KEYS_ACK_CHECK:
		keys_ack(w, msg);
		break;
	default:
		keys_status(w, msg);
		break;
	}
}

static void *
world_keys(void *arg)
{
	struct world *w = arg;
	uint8_t *buf = mem_alloc(IPC_MSG_MAX);
	struct ipc_msg msg;

	while (ipc_recv_wait(w->keys_fd, keys_rules,
	    (int)(sizeof(keys_rules) / sizeof(keys_rules[0])), buf, &msg) ==
	    GW_OK) {
		pthread_mutex_lock(&w->lock);
		keys_answer(w, &msg);
		ipc_msg_clear(&msg);
		pthread_mutex_unlock(&w->lock);
	}
	mem_free(buf);
	return NULL;
}

/* --- clients ------------------------------------------------------------------------------- */

#define R(type, fixed, elem, max_fds)                                         \
	{(type) | IPC_REPLY, fixed, elem, 65536, 0, max_fds}

static const struct ipc_rule answer_rules[] = {
	R(SPOOL_TRANSFER_OPEN, sizeof(struct ipc_status), 0, 0),
	R(SPOOL_BODY_PUT, sizeof(struct ipc_status), 0, 0),
	R(SPOOL_BODY_CREATE, sizeof(struct ipc_status), 0, 1),
	R(SPOOL_BODY_DONE, sizeof(struct ipc_status), 0, 0),
	R(SPOOL_TRANSFER_DONE, sizeof(struct spool_accepted), 0, 0),
	R(SPOOL_TRANSFER_DROP, sizeof(struct ipc_status), 0, 0),
	R(SPOOL_CLAIM, sizeof(struct ipc_status), sizeof(struct spool_claim),
	    0),
	R(SPOOL_WORK, sizeof(struct spool_work), 0, 0),
	R(SPOOL_STAGED, sizeof(struct ipc_status), 0, 0),
	R(SPOOL_PUBLISHED, sizeof(struct ipc_status), 0, 0),
	R(SPOOL_NOTICED, sizeof(struct ipc_status), 0, 0),
	R(SPOOL_REFUSED, sizeof(struct spool_accepted), 0, 0),
	R(SPOOL_BODY_GET, sizeof(struct ipc_status), sizeof(struct ipc_body),
	    1),
	R(SPOOL_INSPECT, sizeof(struct spool_inspect), 0, 0),
	R(SPOOL_INSPECTED, sizeof(struct ipc_status), 0, 0),
	R(SPOOL_LINK_HELLO, sizeof(struct ipc_status),
	    sizeof(struct keys_channel), 0),
	R(SPOOL_TX_NEXT, sizeof(struct spool_tx_parcel), 0, 1),
	R(SPOOL_TX_ACK, sizeof(struct keys_ack_checked), 0, 0),
	R(SPOOL_RX_BEGIN, sizeof(struct spool_rx), 0, 0),
	R(SPOOL_RX_TABLES, sizeof(struct ipc_status), 0, 0),
	R(SPOOL_RX_PUT, sizeof(struct ipc_status), 0, 0),
	R(SPOOL_RX_CREATE, sizeof(struct ipc_status), 0, 1),
	R(SPOOL_RX_DONE, sizeof(struct ipc_status), 0, 0),
	R(SPOOL_RX_PROGRESS, sizeof(struct ipc_status), 0, 0),
	R(SPOOL_RX_DAMAGED, sizeof(struct ipc_status), 0, 0),
	R(SPOOL_ACK_NEXT, sizeof(struct keys_ack_signed), 0, 0),
	R(SPOOL_LINK_STATE, sizeof(struct ipc_status), 0, 0),
	R(SPOOL_LIST, sizeof(struct ipc_status), sizeof(struct spool_row), 0),
	R(SPOOL_STEPS, sizeof(struct ipc_status), sizeof(struct spool_step),
	    0),
	R(SPOOL_FILES, sizeof(struct ipc_status),
	    sizeof(struct keys_body_info), 0),
	R(SPOOL_DECIDE, sizeof(struct keys_decided), 0, 0),
	R(SPOOL_STATUS, sizeof(struct spool_status), 0, 0),
	R(SPOOL_CHANNEL_STATUS, sizeof(struct ipc_status),
	    sizeof(struct spool_channel_status), 0),
	R(SPOOL_POKE, sizeof(struct ipc_status), 0, 0),
};

enum gw_err
world_send(struct world *w, enum proc_id who, uint16_t type, uint64_t id,
    const void *fixed, size_t fixed_len, const void *elems, size_t elem,
    uint32_t count, int fd)
{
	size_t len = fixed_len + elem * count;
	uint8_t *body = mem_alloc(len + 1);
	enum gw_err err;

	if (fixed_len > 0)
		memcpy(body, fixed, fixed_len);
	if (count > 0)
		memcpy(body + fixed_len, elems, elem * count);
	err = ipc_send_wait(w->fds[who], type, id, body, len, &fd, fd != -1);
	mem_free(body);
	return err == GW_OK ? GW_OK : GW_ECLOSED;
}

enum gw_err
world_recv(struct world *w, enum proc_id who, struct ipc_msg *out)
{
	enum gw_err err;

	err = ipc_recv_wait(w->fds[who], answer_rules,
	    (int)(sizeof(answer_rules) / sizeof(answer_rules[0])), w->buf,
	    out);
	return err == GW_OK ? GW_OK : GW_ECLOSED;
}

enum gw_err
world_ask(struct world *w, enum proc_id who, uint16_t type, const void *fixed,
    size_t fixed_len, const void *elems, size_t elem, uint32_t count, int fd,
    struct ipc_msg *out)
{
	enum gw_err err;

	err = world_send(w, who, type, 42, fixed, fixed_len, elems, elem,
	    count, fd);
	if (err == GW_OK)
		err = world_recv(w, who, out);
	if (err == GW_OK) {
		ck_assert_uint_eq(out->type, type | IPC_REPLY);
		ck_assert_uint_eq(out->id, 42);
	}
	return err;
}

bool
world_has_answer(struct world *w, enum proc_id who)
{
	struct pollfd p = {.fd = w->fds[who], .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* --- courier ---------------------------------------------------------------------------------- */

static enum gw_err
world_status(enum gw_err err, const struct ipc_msg *msg,
    struct ipc_status *out)
{
	if (err == GW_OK)
		memcpy(out, msg->body, sizeof(*out));
	return err;
}

enum gw_err
world_open(struct world *w, struct slot *s, struct ipc_status *out)
{
	struct spool_transfer_open open = {
		.transfer = s->ref,
		.uid = 1000,
		.body_count = s->body_count,
		.plain_bytes = 100,
		.stored_bytes = s->body_count *
		    body_stored_len(w->padded_len),
	};
	struct ipc_msg msg;

	mem_put_str(open.flow, sizeof(open.flow), w->flow);
	mem_put_str(open.submitter, sizeof(open.submitter), "sato");
	return world_status(world_ask(w, PROC_COURIER, SPOOL_TRANSFER_OPEN,
	    &open, sizeof(open), NULL, 0, 0, -1, &msg), &msg, out);
}

/* Large bodies one by one, small ones together. */
static enum gw_err
world_put_large(struct world *w, struct slot *s, struct ipc_status *out)
{
	struct spool_body_create create = {.transfer = s->ref};
	struct spool_bodies ref = {.transfer = s->ref};
	uint64_t len = body_stored_len(w->padded_len);
	uint8_t *bytes = mem_alloc((size_t)len);
	struct ipc_body body;
	struct ipc_msg msg;
	enum gw_err err = GW_OK;
	uint32_t i;

	for (i = 0; i < s->body_count && err == GW_OK; i++) {
		world_body(s, i, w->padded_len, &body);
		memcpy(create.id, body.id, sizeof(create.id));
		create.index = i;
		create.padded_len = w->padded_len;
		err = world_ask(w, PROC_COURIER, SPOOL_BODY_CREATE, &create,
		    sizeof(create), NULL, 0, 0, -1, &msg);
		if (err != GW_OK)
			break;
		if (msg.fd_count != 1) {
			memcpy(out, msg.body, sizeof(*out));
			break;
		}
		memset(bytes, (int)(s->ref.id[2] + i), (size_t)len);
		ck_assert_int_eq(io_pwrite_full(msg.fds[0], bytes,
		    (size_t)len, 0), GW_OK);
		ipc_msg_clear(&msg);
		err = world_status(world_ask(w, PROC_COURIER, SPOOL_BODY_DONE,
		    &ref, sizeof(ref), &body, sizeof(body), 1, -1, &msg),
		    &msg, out);
	}
	mem_free(bytes);
	return err;
}

enum gw_err
world_put(struct world *w, struct slot *s, struct ipc_status *out)
{
	struct spool_bodies ref = {.transfer = s->ref};
	struct ipc_body bodies[IPC_BATCH_MAX];
	struct ipc_msg msg;
	int fd;

	if (w->padded_len > BODY_SMALL_MAX)
		return world_put_large(w, s, out);
	fd = world_bodies_fd(s, w->padded_len, bodies, s->body_count);
	return world_status(world_ask(w, PROC_COURIER, SPOOL_BODY_PUT, &ref,
	    sizeof(ref), bodies, sizeof(bodies[0]), s->body_count, fd, &msg),
	    &msg, out);
}

enum gw_err
world_done(struct world *w, struct slot *s, struct spool_accepted *out)
{
	struct spool_transfer_done done = {
		.transfer = s->ref,
		.plain_bytes = 100,
		.file_count = s->body_count - 1,
	};
	struct ipc_msg msg;
	enum gw_err err;

	err = world_ask(w, PROC_COURIER, SPOOL_TRANSFER_DONE, &done,
	    sizeof(done), NULL, 0, 0, -1, &msg);
	if (err == GW_OK)
		memcpy(out, msg.body, sizeof(*out));
	return err;
}

enum gw_err
world_accept(struct world *w, struct slot *s, struct spool_accepted *out)
{
	struct ipc_status status = {0};
	enum gw_err err;

	err = world_open(w, s, &status);
	if (err == GW_OK)
		err = (enum gw_err)status.err;
	if (err == GW_OK)
		err = world_put(w, s, &status);
	if (err == GW_OK)
		err = (enum gw_err)status.err;
	if (err == GW_OK)
		err = world_done(w, s, out);
	return err == GW_OK ? (enum gw_err)out->err : err;
}

enum gw_err
world_notice(struct world *w, struct spool_work *out)
{
	struct spool_outcome done = {.err = GW_OK};
	struct ipc_msg msg;
	enum gw_err err;

	err = world_ask(w, PROC_COURIER, SPOOL_WORK, NULL, 0, NULL, 0, 0, -1,
	    &msg);
	if (err != GW_OK)
		return err;
	memcpy(out, msg.body, sizeof(*out));
	if (out->kind != WORK_NOTICE)
		return GW_OK;
	done.transfer = out->transfer;
	return world_ask(w, PROC_COURIER, SPOOL_NOTICED, &done, sizeof(done),
	    NULL, 0, 0, -1, &msg);
}

/* --- inspect and desk ----------------------------------------------------------------------------- */

enum gw_err
world_inspect(struct world *w, struct spool_inspect *out)
{
	struct ipc_msg msg;
	enum gw_err err;

	err = world_ask(w, PROC_INSPECT, SPOOL_INSPECT, NULL, 0, NULL, 0, 0,
	    -1, &msg);
	if (err == GW_OK)
		memcpy(out, msg.body, sizeof(*out));
	return err;
}

void
world_next_inspect(struct world *w)
{
	int i;

	/* The other world's child may have inherited a copy of it. */
	shutdown(w->fds[PROC_INSPECT], SHUT_RDWR);
	close(w->fds[PROC_INSPECT]);
	for (i = 0; w->spare[i] == -1; i++)
		ck_assert_int_lt(i, 5);
	w->fds[PROC_INSPECT] = w->spare[i];
	w->spare[i] = -1;
}

enum gw_err
world_inspected(struct world *w, const struct key_ref *ref, uint32_t failed)
{
	struct spool_inspected done = {.transfer = *ref, .failed = failed};
	struct ipc_status status = {0};
	struct ipc_msg msg;
	enum gw_err err;

	err = world_status(world_ask(w, PROC_INSPECT, SPOOL_INSPECTED, &done,
	    sizeof(done), NULL, 0, 0, -1, &msg), &msg, &status);
	if (err == GW_OK)
		ck_assert_int_eq(status.err, GW_OK);
	return err;
}

uint32_t
world_rows(struct world *w, struct spool_row *out, uint32_t limit)
{
	struct spool_list ask = {.limit = limit};
	struct ipc_msg msg;

	if (world_ask(w, PROC_DESK, SPOOL_LIST, &ask, sizeof(ask), NULL, 0, 0,
	    -1, &msg) != GW_OK)
		return 0;
	ck_assert_uint_le(msg.count, limit);
	if (msg.count > 0)
		memcpy(out, msg.elems, msg.count * sizeof(*out));
	return msg.count;
}

enum gw_err
world_row(struct world *w, const uint8_t id[16], struct spool_row *out)
{
	struct spool_list ask = {.limit = 64};
	struct ipc_msg msg;
	enum gw_err err;
	uint32_t i;

	for (;;) {
		err = world_ask(w, PROC_DESK, SPOOL_LIST, &ask, sizeof(ask),
		    NULL, 0, 0, -1, &msg);
		if (err != GW_OK)
			return err;
		if (msg.count == 0)
			return GW_ENOENT;
		for (i = 0; i < msg.count; i++) {
			memcpy(out, (const struct spool_row *)msg.elems + i,
			    sizeof(*out));
			if (memcmp(out->transfer.id, id, 16) == 0)
				return GW_OK;
		}
		ask.cursor = out->row;
	}
}

/* Each question is a round through the spool's loop, so this ends. */
enum gw_err
world_wait_state(struct world *w, const uint8_t id[16], uint32_t state)
{
	struct spool_row row;
	enum gw_err err;
	int i;

	for (i = 0; i < 20000; i++) {
		err = world_row(w, id, &row);
		if (err != GW_OK && err != GW_ENOENT)
			return err;
		if (err == GW_OK && row.state == state)
			return GW_OK;
	}
	ck_abort_msg("state %u never came (it is %u, reason %u)", state,
	    row.state, row.reason);
}
