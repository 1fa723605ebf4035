/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "policy/digest.h"
#include "proto/crypto/crypto.h"
#include "proto/ipc/control.h"
#include "proto/record/card.h"

#include "tests/unit/keys/gate.h"

#define START_MS UINT64_C(1775000000000) /* 1 April 2026 */

/* --- clock -------------------------------------------------------------- */

static uint64_t now_ms = START_MS;

static uint64_t
read_clock(void *arg)
{
	(void)arg;
	return now_ms;
}

void
gate_clock_start(void)
{
	static const struct clock_source source = {
		.wall_ms = read_clock, .mono_ms = read_clock};

	now_ms = START_MS;
	clock_set_source(&source);
}

void
gate_clock_real(void)
{
	clock_set_source(NULL);
	now_ms = clock_wall_ms();
}

void
gate_clock_move(uint64_t ms)
{
	now_ms += ms;
}

uint64_t
gate_now(void)
{
	return now_ms;
}

/* --- a fake audit ------------------------------------------------------- */

static void
audit_answer(struct gate *g, struct ipc_chan *chan, uint16_t type,
    uint64_t id)
{
	struct audit_head head = {.err = g->log_err};

	head.size = g->log_count;
	head.wall_ms = now_ms;
	memset(head.root, (int)(g->log_count & 0xff), sizeof(head.root));
	ipc_send(chan, type | IPC_REPLY, id, &head, sizeof(head), NULL, 0, 0,
	    NULL, 0);
}

static void
audit_on_msg(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct audit_identity who = {.err = GW_OK};
	struct gate *g = arg;
	uint32_t i;

	if (msg->type == AUDIT_IDENTITY) {
		(void)snprintf(who.origin, sizeof(who.origin), "log.%s.test",
		    g->policy->zone.zone);
		memcpy(who.pub, g->log_pub, sizeof(who.pub));
		ipc_send(chan, msg->type | IPC_REPLY, msg->id, &who,
		    sizeof(who), NULL, 0, 0, NULL, 0);
		return;
	}
	for (i = 0; g->log_err == GW_OK && i < msg->count; i++) {
		ck_assert_uint_lt(g->log_count, GATE_LOG_MAX);
		memcpy(&g->log[g->log_count++], (const uint8_t *)msg->elems +
		    i * sizeof(struct audit_record),
		    sizeof(struct audit_record));
	}
	if (msg->type == AUDIT_APPEND && g->is_log_stuck)
		g->stuck[g->stuck_count++ % 64] = msg->id;
	else
		audit_answer(g, chan, msg->type, msg->id);
}

void
gate_log_go(struct gate *g)
{
	uint32_t i;

	g->is_log_stuck = false;
	for (i = 0; i < g->stuck_count; i++)
		audit_answer(g, g->audit, AUDIT_APPEND, g->stuck[i]);
	g->stuck_count = 0;
}

static void
audit_on_closed(void *arg, struct ipc_chan *chan)
{
	(void)arg;
	(void)chan;
}

static const struct ipc_rule audit_rules[] = {
	{.type = AUDIT_APPEND, .elem = sizeof(struct audit_record),
	    .max_count = AUDIT_APPEND_MAX},
	{.type = AUDIT_HEAD},
	{.type = AUDIT_IDENTITY},
};

uint32_t
gate_logged(const struct gate *g, enum audit_event event)
{
	uint32_t i, n = 0;

	for (i = 0; i < g->log_count; i++)
		n += g->log[i].event == (uint16_t)event;
	return n;
}

const struct audit_record *
gate_last(const struct gate *g, enum audit_event event)
{
	uint32_t i;

	for (i = g->log_count; i > 0; i--) {
		if (g->log[i - 1].event == (uint16_t)event)
			return &g->log[i - 1];
	}
	return NULL;
}

void
gate_remove(const char *root)
{
	char path[512];
	struct dirent *d;
	DIR *dir;

	dir = opendir(root);
	ck_assert_ptr_nonnull(dir);
	while ((d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 ||
		    strcmp(d->d_name, "..") == 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", root, d->d_name);
		(void)unlink(path);
	}
	(void)closedir(dir);
	(void)rmdir(root);
}

/* --- policy ------------------------------------------------------------- */

static void
add_person(struct policy_table *t, uint32_t uid, uint32_t roles)
{
	struct policy_person *p = &t->people[t->person_count++];

	(void)snprintf(p->account, sizeof(p->account), "u%u", uid);
	p->uid = uid;
	p->roles = roles;
}

static void
add_channel(struct policy_table *t, const char *id, const char *peer,
    uint32_t role)
{
	struct policy_channel *ch = &t->channels[t->channel_count++];

	(void)mem_put_str(ch->id, sizeof(ch->id), id);
	(void)mem_put_str(ch->peer, sizeof(ch->peer), peer);
	(void)mem_put_str(ch->address, sizeof(ch->address), "127.0.0.1:1");
	ch->role = role;
	ch->carrier = POLICY_TLS;
	ch->ack = POLICY_ACK_TICK;
	ch->ack_tick_ms = 2000;
	ch->max_in_flight = 4;
}

static struct policy_flow *
add_flow(struct policy_table *t, const char *id, const char *from,
    const char *to, const char *channel)
{
	struct policy_flow *f = &t->flows[t->flow_count++];

	(void)mem_put_str(f->id, sizeof(f->id), id);
	(void)mem_put_str(f->from, sizeof(f->from), from);
	(void)mem_put_str(f->to, sizeof(f->to), to);
	(void)mem_put_str(f->channel, sizeof(f->channel), channel);
	f->accept = TYPE_BIT(TYPE_TEXT) | TYPE_BIT(TYPE_CSV) |
	    TYPE_BIT(TYPE_PDF);
	f->file_bytes = 1 << 20;
	f->transfer_bytes = 4 << 20;
	f->until_ms = now_ms + 300 * UINT64_C(86400000);
	f->files = 200;
	f->stages = STAGE_BIT(STAGE_MANIFEST) | STAGE_BIT(STAGE_IDENTIFY) |
	    STAGE_BIT(STAGE_CLAM) | STAGE_BIT(STAGE_CONFIRM);
	f->original_days = 30;
	f->deliver = DELIVER_FOLDER;
	f->scan_batch = 1;
	f->weight = 10;
	return f;
}

static void
make_policy(struct gate *g, const char *zone)
{
	const bool is_internet = strcmp(zone, "internet") == 0;
	const char *peer = is_internet ? "lgwan" : "internet";
	struct policy_table *t = mem_alloc(sizeof(*t));

	g->policy = t;
	(void)mem_put_str(t->zone.zone, sizeof(t->zone.zone), zone);
	t->zone.signature_max_age_days = 7;
	t->zone.workers = 1;
	t->compiled_ms = START_MS;
	add_channel(t, "internet-lgwan", peer,
	    is_internet ? POLICY_SENDER : POLICY_RECEIVER);
	add_channel(t, "lgwan-internet", peer,
	    is_internet ? POLICY_RECEIVER : POLICY_SENDER);
	g->flow = add_flow(t, "documents", "internet", "lgwan",
	    "internet-lgwan");
	(void)add_flow(t, "notices", "lgwan", "internet", "lgwan-internet");
	add_person(t, UID_APPROVER, POLICY_APPROVER);
	add_person(t, UID_OFFICER_A, POLICY_OFFICER);
	add_person(t, UID_OFFICER_B, POLICY_OFFICER);
	add_person(t, UID_ADMIN, POLICY_ADMINISTRATOR);
	add_person(t, UID_BOTH, POLICY_APPROVER | POLICY_OFFICER);
	ck_assert_int_eq(policy_table_finish(t), GW_OK);
}

/* --- the program -------------------------------------------------------- */

static const struct ipc_rule control_rules[] = {
	{.type = CTL_READY},
	{.type = CTL_PONG},
	{.type = CTL_POLICY_DONE, .fixed = sizeof(struct ipc_status)},
};

static void
control_expect(struct gate *g, uint16_t type, struct ipc_msg *msg)
{
	static _Alignas(16) uint8_t buf[IPC_MSG_MAX];

	ck_assert_int_eq(ipc_recv_wait(g->control, control_rules, 3, buf,
	    msg), GW_OK);
	ck_assert_uint_eq(msg->type, type);
}

static int
policy_memfd(const struct gate *g)
{
	int fd = -1;

	ck_assert_int_eq(io_memfd("policy", &fd), GW_OK);
	ck_assert_int_eq(io_write_full(fd, g->policy, sizeof(*g->policy)),
	    GW_OK);
	ck_assert_int_eq(io_seal(fd), GW_OK);
	return fd;
}

static int
make_pair(int *mine)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    fds), 0);
	*mine = fds[0];
	return fds[1];
}

static void
program_exec(const char *path, int control)
{
	/* dup2 leaves an fd alone that is where it should be. */
	if (control == IPC_CONTROL_FD)
		(void)fcntl(control, F_SETFD, 0);
	else
		(void)dup2(control, IPC_CONTROL_FD);
	/* A sandboxed process cannot be traced, not even for leaks. */
	(void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	(void)execl(path, "gateway-keys", (char *)NULL);
	_exit(127);
}

static void
program_start(struct gate *g, const char *path)
{
	static const uint32_t procs[GATE_CLIENTS] = {
		[GATE_COURIER] = PROC_COURIER, [GATE_SPOOL] = PROC_SPOOL,
		[GATE_DESK] = PROC_DESK};
	struct ctl_start s = {.proc = PROC_KEYS, .uid = UINT32_MAX,
	    .gid = UINT32_MAX, .peer_count = GATE_CLIENTS + 1};
	int fds[GATE_CLIENTS + 3], control, audit, i;
	struct ipc_msg msg;

	control = make_pair(&g->control);
	fds[0] = make_pair(&g->lines);
	fds[1] = policy_memfd(g);
	fds[2] = make_pair(&audit);
	s.peers[0].proc = PROC_AUDIT;
	s.peers[0].is_server = 1;
	for (i = 0; i < GATE_CLIENTS; i++) {
		fds[3 + i] = make_pair(&g->clients[i]);
		s.peers[1 + i].proc = i < GATE_ZYGOTES ? procs[i] :
		    (uint32_t)(PROC_ZYGOTE + i - GATE_ZYGOTES);
	}
	g->pid = fork();
	ck_assert_int_ge(g->pid, 0);
	if (g->pid == 0)
		program_exec(path, control);
	(void)close(control);
	ck_assert_int_eq(ipc_send_wait(g->control, CTL_START, 0, &s,
	    sizeof(s), fds, GATE_CLIENTS + 3), GW_OK);
	g->audit = ipc_chan_new(g->loop, audit, "keys", audit_rules, 3,
	    audit_on_msg, audit_on_closed, g);
	control_expect(g, CTL_READY, &msg);
}

struct gate *
gate_program(const char *zone, const char *path)
{
	struct gate *g = mem_alloc(sizeof(*g));
	char keys[80];

	gate_folder(g->root);
	(void)snprintf(keys, sizeof(keys), "%s/keys", g->root);
	ck_assert_int_eq(mkdir(keys, 0700), 0);
	g->loop = ev_loop_new();
	g->log = mem_array(GATE_LOG_MAX, sizeof(*g->log));
	crypto_random(g->log_pub, sizeof(g->log_pub));
	make_policy(g, zone);
	(void)mem_put_str(g->policy->zone.state_dir,
	    sizeof(g->policy->zone.state_dir), g->root);
	ck_assert_int_eq(policy_table_finish(g->policy), GW_OK);
	program_start(g, path);
	return g;
}

int
gate_end(struct gate *g)
{
	char keys[80];
	int status, i;

	ck_assert_int_eq(ipc_send_wait(g->control, CTL_STOP, 2, NULL, 0, NULL,
	    0), GW_OK);
	ck_assert_int_eq(waitpid(g->pid, &status, 0), g->pid);
	for (i = 0; i < GATE_CLIENTS; i++)
		io_drop(&g->clients[i]);
	io_drop(&g->control);
	io_drop(&g->lines);
	ipc_chan_free(g->audit);
	ev_loop_free(g->loop);
	(void)snprintf(keys, sizeof(keys), "%s/keys", g->root);
	gate_remove(keys);
	(void)rmdir(g->root);
	mem_free(g->log);
	mem_free(g->policy);
	mem_free(g);
	return status;
}

void
gate_reload(struct gate *g)
{
	struct ipc_status st;
	struct ipc_msg msg;
	int fd;

	g->policy->compiled_ms++;
	ck_assert_int_eq(policy_table_finish(g->policy), GW_OK);
	if (g->k != NULL) {
		keyd_set_policy(g->k, g->policy);
		return;
	}
	fd = policy_memfd(g);
	ck_assert_int_eq(ipc_send_wait(g->control, CTL_POLICY, 1, NULL, 0,
	    &fd, 1), GW_OK);
	control_expect(g, CTL_POLICY_DONE, &msg);
	memcpy(&st, msg.body, sizeof(st));
	ck_assert_int_eq(st.err, GW_OK);
}

/* --- start -------------------------------------------------------------- */

static int
add_client(struct gate *g, enum client_kind kind, enum policy_stage stage)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    fds), 0);
	keyd_add_client(g->k, kind, stage, fds[0]);
	return fds[1];
}

void
gate_add_zygote(struct gate *g, enum policy_stage stage)
{
	g->clients[GATE_ZYGOTE(stage)] = add_client(g, CLIENT_ZYGOTE, stage);
}

static void
gate_start(struct gate *g)
{
	int fds[2], dir, i;

	ck_assert_int_eq(io_open_dir(g->root, &dir), GW_OK);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    fds), 0);
	g->audit = ipc_chan_new(g->loop, fds[1], "keys", audit_rules, 3,
	    audit_on_msg, audit_on_closed, g);
	g->k = keyd_new(g->loop, g->policy, dir, fds[0]);
	g->clients[GATE_COURIER] = add_client(g, CLIENT_COURIER, STAGE_COUNT);
	g->clients[GATE_SPOOL] = add_client(g, CLIENT_SPOOL, STAGE_COUNT);
	g->clients[GATE_DESK] = add_client(g, CLIENT_DESK, STAGE_COUNT);
	for (i = 0; i < STAGE_COUNT; i++)
		g->clients[GATE_ZYGOTE(i)] = add_client(g, CLIENT_ZYGOTE,
		    (enum policy_stage)i);
	gate_settle(g);
}

static void
gate_stop(struct gate *g)
{
	int i;

	for (i = 0; i < GATE_CLIENTS; i++)
		io_drop(&g->clients[i]);
	keyd_free(g->k);
	ipc_chan_free(g->audit);
}

void
gate_folder(char root[64])
{
	(void)snprintf(root, 64, "%s/gw-keys-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

struct gate *
gate_new(const char *zone)
{
	char root[64];

	gate_folder(root);
	return gate_attach(zone, root);
}

struct gate *
gate_attach(const char *zone, const char *root)
{
	struct gate *g = mem_alloc(sizeof(*g));

	(void)mem_put_str(g->root, sizeof(g->root), root);
	g->loop = ev_loop_new();
	g->log = mem_array(GATE_LOG_MAX, sizeof(*g->log));
	crypto_random(g->log_pub, sizeof(g->log_pub));
	make_policy(g, zone);
	gate_start(g);
	return g;
}

void
gate_restart(struct gate *g)
{
	gate_stop(g);
	g->is_log_stuck = false;
	g->stuck_count = 0;
	gate_start(g);
}

void
gate_free(struct gate *g)
{
	gate_stop(g);
	ev_loop_free(g->loop);
	gate_remove(g->root);
	mem_free(g->log);
	mem_free(g->policy);
	mem_free(g);
}

/* --- asking ------------------------------------------------------------- */

static bool
is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

void
gate_settle(struct gate *g)
{
	int i;

	for (i = 0; i < 64; i++)
		ev_loop_poll(g->loop);
}

uint64_t
gate_send(struct gate *g, const struct gate_ask *a)
{
	uint8_t body[IPC_MSG_MAX];
	uint64_t id = ++g->next_id;
	int fd = -1;

	ck_assert_uint_le(a->fixed_len + a->elem * a->count, sizeof(body));
	if (a->fixed_len > 0)
		memcpy(body, a->fixed, a->fixed_len);
	if (a->count > 0)
		memcpy(body + a->fixed_len, a->elems, a->elem * a->count);
	if (a->fd > 0)
		ck_assert_int_ge(fd = dup(a->fd), 0);
	ck_assert_int_eq(ipc_send_wait(g->clients[a->client], a->type, id,
	    body, a->fixed_len + a->elem * a->count, &fd, a->fd > 0 ? 1 : 0),
	    GW_OK);
	return id;
}

bool
gate_has_reply(struct gate *g, int client)
{
	gate_settle(g);
	return is_readable(g->clients[client]);
}

/* Something to do in the loop, or an answer from the program. */
static void
gate_wait(struct gate *g, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (g->k != NULL) {
		ev_loop_once(g->loop);
		return;
	}
	ev_loop_poll(g->loop);
	(void)poll(&p, 1, 1);
}

uint32_t
gate_ask(struct gate *g, const struct gate_ask *a, void *reply,
    size_t reply_len, void *elems, size_t elem, uint32_t max, int *fd_out)
{
	const struct ipc_rule rule = {
		.type = (uint16_t)(a->type | IPC_REPLY),
		.fixed = (uint32_t)reply_len, .elem = (uint32_t)elem,
		.max_count = max, .max_fds = fd_out != NULL ? 1 : 0};
	static _Alignas(16) uint8_t buf[IPC_MSG_MAX];
	struct ipc_msg msg;
	uint64_t id = gate_send(g, a);
	uint32_t count;

	while (!is_readable(g->clients[a->client]))
		gate_wait(g, g->clients[a->client]);
	ck_assert_int_eq(ipc_recv_wait(g->clients[a->client], &rule, 1, buf,
	    &msg), GW_OK);
	ck_assert_uint_eq(msg.id, id);
	memcpy(reply, msg.body, reply_len);
	if (msg.count > 0)
		memcpy(elems, msg.elems, elem * msg.count);
	if (fd_out != NULL) {
		*fd_out = msg.fd_count > 0 ? msg.fds[0] : -1;
		msg.fds[0] = -1;
	}
	count = msg.count;
	ipc_msg_clear(&msg);
	return count;
}

uint64_t
gate_receive(struct gate *g, int client, uint16_t type, void *reply,
    size_t reply_len, int *fd_out)
{
	const struct ipc_rule rule = {.type = (uint16_t)(type | IPC_REPLY),
		.fixed = (uint32_t)reply_len, .max_fds = 1};
	static _Alignas(16) uint8_t buf[IPC_MSG_MAX];
	struct ipc_msg msg;

	while (!is_readable(g->clients[client]))
		gate_wait(g, g->clients[client]);
	ck_assert_int_eq(ipc_recv_wait(g->clients[client], &rule, 1, buf,
	    &msg), GW_OK);
	memcpy(reply, msg.body, reply_len);
	if (fd_out != NULL) {
		*fd_out = msg.fd_count > 0 ? msg.fds[0] : -1;
		msg.fds[0] = -1;
	}
	ipc_msg_clear(&msg);
	return msg.id;
}

enum gw_err
gate_status(struct gate *g, const struct gate_ask *a)
{
	struct ipc_status st;

	(void)gate_ask(g, a, &st, sizeof(st), NULL, 0, 0, NULL);
	return (enum gw_err)st.err;
}

/* --- pairing ------------------------------------------------------------ */

void
gate_init(struct gate *g, bool is_bench)
{
	const struct keys_pair_init init = {
		.flags = is_bench ? CARD_BENCH : 0, .uid = UID_ADMIN};
	struct keys_transport pin;
	struct keys_card card;

	crypto_random(pin.pin, sizeof(pin.pin));
	ck_assert_int_eq(gate_status(g, &(struct gate_ask){
	    .client = GATE_SPOOL, .type = KEYS_TRANSPORT, .fixed = &pin,
	    .fixed_len = sizeof(pin)}), GW_OK);
	(void)gate_ask(g, &(struct gate_ask){.client = GATE_DESK,
	    .type = KEYS_PAIR_INIT, .fixed = &init,
	    .fixed_len = sizeof(init)}, &card, sizeof(card), NULL, 0, 0,
	    NULL);
	ck_assert_int_eq(card.err, GW_OK);
	ck_assert_uint_gt(card.len, 0);
}

static void
accept_card(struct gate *g, struct gate *from, const uint8_t secret[32],
    uint8_t secret_out[32])
{
	struct keys_pair_accept req = {.uid = UID_OFFICER_A};
	struct keys_paired paired;
	struct keys_card card;

	(void)gate_ask(from, &(struct gate_ask){.client = GATE_DESK,
	    .type = KEYS_CARD}, &card, sizeof(card), NULL, 0, 0, NULL);
	ck_assert_int_eq(card.err, GW_OK);
	req.len = card.len;
	memcpy(req.digits, card.digits, sizeof(req.digits));
	memcpy(req.bytes, card.bytes, sizeof(req.bytes));
	memcpy(req.secret, secret, sizeof(req.secret));
	(void)gate_ask(g, &(struct gate_ask){.client = GATE_DESK,
	    .type = KEYS_PAIR_ACCEPT, .fixed = &req,
	    .fixed_len = sizeof(req)}, &paired, sizeof(paired), NULL, 0, 0,
	    NULL);
	ck_assert_int_eq(paired.err, GW_OK);
	ck_assert_str_eq(paired.peer, from->policy->zone.zone);
	memcpy(secret_out, paired.secret, 32);
}

void
gate_pair(struct gate *a, struct gate *b)
{
	static const uint8_t none[32];
	uint8_t secret[32], same[32];

	accept_card(a, b, none, secret);
	ck_assert_int_ne(memcmp(secret, none, 32), 0);
	accept_card(b, a, secret, same);
	ck_assert_mem_eq(secret, same, 32);
}
