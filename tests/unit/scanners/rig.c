/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
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

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "policy/digest.h"

#include "proto/crypto/crypto.h"
#include "proto/ipc/chan.h"
#include "proto/ipc/control.h"
#include "proto/parcel/body.h"

#include "tests/unit/scanners/rig.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

struct keys_name rig_names[4096];
uint32_t rig_name_count;
uint16_t rig_names_reason;

static const struct ipc_rule keys_rules[] = {
	{.type = KEYS_GRANT, .elem = sizeof(struct key_ref),
	    .max_count = ZYGOTE_BATCH_MAX},
	{.type = KEYS_VERDICT, .elem = sizeof(struct verdict_record),
	    .max_count = ZYGOTE_BATCH_MAX},
	{.type = KEYS_NAMES, .fixed = sizeof(struct keys_names),
	    .elem = sizeof(struct keys_name), .max_count = 1024},
};
static const struct ipc_rule inspect_rules[] = {
	{.type = ZYGOTE_JOB | IPC_REPLY, .fixed = sizeof(struct ipc_status),
	    .elem = sizeof(struct zygote_result),
	    .max_count = ZYGOTE_BATCH_MAX},
};
static const struct ipc_rule control_rules[] = {
	{.type = CTL_READY},
};

static _Alignas(16) uint8_t message[IPC_MSG_MAX];

static void
pair(int type, int sv[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv), 0);
}

static int
policy_fd(const struct rig_setup *setup)
{
	struct policy_table *table = mem_alloc(sizeof(*table));
	int fd = -1;

	mem_put_str(table->zone.zone, sizeof(table->zone.zone), "internet");
	mem_put_str(table->zone.state_dir, sizeof(table->zone.state_dir),
	    "/nowhere");
	if (setup->signature_dir != NULL)
		mem_put_str(table->zone.signature_dir,
		    sizeof(table->zone.signature_dir), setup->signature_dir);
	table->zone.workers = setup->workers == 0 ? 2 : setup->workers;
	ck_assert_int_eq(policy_table_finish(table), GW_OK);
	ck_assert_int_eq(io_memfd("policy", &fd), GW_OK);
	ck_assert_int_eq(io_write_full(fd, table, sizeof(*table)), GW_OK);
	ck_assert_int_eq(io_seal(fd), GW_OK);
	mem_free(table);
	return fd;
}

static _Noreturn void
become_zygote(const struct rig_setup *setup, int control)
{
	if (control != IPC_CONTROL_FD &&
	    dup2(control, IPC_CONTROL_FD) == -1)
		_exit(9);
	if (fcntl(IPC_CONTROL_FD, F_SETFD, 0) == -1)
		_exit(9);
	if (setup->program != NULL) {
		execl(setup->program, setup->program, (char *)NULL);
		_exit(9);
	}
	worker_main(setup->ops);
}

static enum policy_stage
stage_of(const struct rig_setup *setup)
{
	static const struct {
		const char *name;
		enum policy_stage stage;
	} rows[] = {
		{"manifest", STAGE_MANIFEST}, {"identify", STAGE_IDENTIFY},
		{"clam", STAGE_CLAM}, {"confirm", STAGE_CONFIRM},
		{"null", STAGE_NULL},
	};
	const char *dash;
	int i;

	if (setup->program == NULL)
		return setup->ops->stage;
	dash = strrchr(setup->program, '-') + 1;
	for (i = 0; i < COUNT(rows); i++) {
		if (strcmp(dash, rows[i].name) == 0)
			return rows[i].stage;
	}
	ck_abort_msg("no stage %s", dash);
}

static void
send_start(struct rig *rig, const struct rig_setup *setup, int log, int keys,
    int inspect)
{
	struct ctl_start start = {
		.proc = PROC_ZYGOTE + (uint32_t)stage_of(setup),
		.uid = setup->uid == 0 ? UINT32_MAX : setup->uid,
		.gid = setup->uid == 0 ? UINT32_MAX : setup->uid,
		.peer_count = 2,
		.peers = {{PROC_KEYS, 1}, {PROC_INSPECT, 0}},
	};
	const int fds[] = {log, policy_fd(setup), keys, inspect};

	ck_assert_int_eq(ipc_send_wait(rig->control, CTL_START, 0, &start,
	    sizeof(start), fds, COUNT(fds)), GW_OK);
}

static void
read_log(struct rig *rig)
{
	struct log_record record;
	ssize_t n;

	while ((n = recv(rig->log, &record, sizeof(record), MSG_DONTWAIT)) >
	    0) {
		if (record.len >= sizeof(record.text))
			record.len = sizeof(record.text) - 1;
		memcpy(rig->last_log, record.text, record.len);
		rig->last_log[record.len] = '\0';
		if (record.level <= LOG_WARN_ && getenv("RIG_LOG") != NULL)
			fprintf(stderr, "zygote: %s\n", rig->last_log);
	}
}

void
rig_start(struct rig *rig, const struct rig_setup *setup)
{
	int control[2], log[2], keys[2], inspect[2];
	struct ipc_msg msg;
	enum gw_err err;

	memset(rig, 0, sizeof(*rig));
	pair(SOCK_SEQPACKET, control);
	pair(SOCK_DGRAM, log);
	pair(SOCK_SEQPACKET, keys);
	pair(SOCK_SEQPACKET, inspect);
	rig->pid = fork();
	ck_assert_int_ne(rig->pid, -1);
	if (rig->pid == 0)
		become_zygote(setup, control[1]);
	close(control[1]);
	rig->control = control[0];
	rig->log = log[0];
	rig->keys = keys[0];
	rig->inspect = inspect[0];
	send_start(rig, setup, log[1], keys[1], inspect[1]);
	err = ipc_recv_wait(rig->control, control_rules,
	    COUNT(control_rules), message, &msg);
	read_log(rig);
	ck_assert_msg(err == GW_OK, "zygote did not start: %s",
	    rig->last_log);
}

static void
rig_close(struct rig *rig)
{
	read_log(rig);
	close(rig->control);
	close(rig->log);
	close(rig->keys);
	close(rig->inspect);
}

void
rig_wait_keys(struct rig *rig)
{
	struct pollfd p = {.fd = rig->keys, .events = POLLIN};

	ck_assert_int_eq(poll(&p, 1, -1), 1);
}

void
rig_stop_begin(struct rig *rig)
{
	ck_assert_int_eq(ipc_send_wait(rig->control, CTL_STOP, 1, NULL, 0,
	    NULL, 0), GW_OK);
}

void
rig_stop(struct rig *rig)
{
	rig_stop_begin(rig);
	rig_stop_end(rig);
}

void
rig_stop_end(struct rig *rig)
{
	int status;

	ck_assert_int_eq(waitpid(rig->pid, &status, 0), rig->pid);
	rig_close(rig);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "zygote ended with %x: %s", status, rig->last_log);
}

void
rig_kill(struct rig *rig)
{
	kill(rig->pid, SIGKILL);
	ck_assert_int_eq(waitpid(rig->pid, NULL, 0), rig->pid);
	rig_close(rig);
}

void
rig_grant(struct rig_body *b, const void *plain, size_t len, const char *ext)
{
	struct keys_grant *g = &b->grant;

	memset(b, 0, sizeof(*b));
	b->plain = plain;
	b->len = len;
	crypto_random(g->key, sizeof(g->key));
	crypto_random(g->body.id, sizeof(g->body.id));
	g->body.slot = 7;
	g->side = SIDE_LOW;
	g->plain_len = len;
	g->padded_len = body_padded_len(len);
	mem_put_str(g->ext, sizeof(g->ext), ext);
	g->accept = UINT64_MAX & ~TYPE_BIT(TYPE_EXECUTABLE) &
	    ~TYPE_BIT(TYPE_UNKNOWN);
	g->file_bytes = 1u << 30;
	g->transfer_bytes = 1u << 30;
	g->files = 1000;
	g->index = 1;
	g->body_count = 2;
	g->type = policy_type_by_ext(ext);
	g->formula_guard = 1;
	mem_put_str(g->flow, sizeof(g->flow), "text-data");
}

/* Seal chunk by chunk, as a writer does. */
static void
seal_body(struct rig_body *b, int fd, uint64_t off)
{
	const uint64_t padded = b->grant.padded_len;
	const uint64_t count = body_chunk_count(padded);
	uint8_t *chunk = mem_alloc(BODY_CHUNK);
	uint8_t *table = mem_array((size_t)count, BODY_ENTRY_LEN);
	struct body_cipher *cipher;
	size_t len, have;
	uint64_t i;

	ck_assert_int_eq(body_cipher_new(b->grant.key, b->grant.body.id,
	    &cipher), GW_OK);
	for (i = 0; i < count; i++) {
		len = body_chunk_len(padded, i);
		have = i * BODY_CHUNK >= b->len ? 0 :
		    b->len - (size_t)(i * BODY_CHUNK);
		if (have > len)
			have = len;
		memset(chunk, 0, len);
		if (have > 0)
			memcpy(chunk, (const uint8_t *)b->plain +
			    i * BODY_CHUNK, have);
		ck_assert_int_eq(body_seal_chunk(cipher, i, i + 1 == count,
		    chunk, len, chunk, table + i * BODY_ENTRY_LEN), GW_OK);
		ck_assert_int_eq(io_pwrite_full(fd, chunk, len,
		    off + i * BODY_CHUNK), GW_OK);
	}
	ck_assert_int_eq(body_table_root(table, count, b->grant.root), GW_OK);
	ck_assert_int_eq(io_pwrite_full(fd, table,
	    (size_t)count * BODY_ENTRY_LEN, off + padded), GW_OK);
	body_cipher_free(cipher);
	mem_free(table);
	mem_free(chunk);
}

uint64_t
rig_send(struct rig *rig, struct rig_body *bodies, uint32_t count,
    uint32_t flags, uint32_t timeout_ms)
{
	struct {
		struct zygote_job job;
		struct zygote_item items[ZYGOTE_BATCH_MAX];
	} request = {.job = {.timeout_ms = timeout_ms == 0 ? 30000 :
	    timeout_ms, .flags = flags}};
	uint64_t off = 4096;
	uint32_t i;
	int fd;

	ck_assert_int_eq(io_memfd("bodies", &fd), GW_OK);
	for (i = 0; i < count; i++) {
		seal_body(&bodies[i], fd, off);
		request.items[i].body = bodies[i].grant.body;
		request.items[i].offset = off;
		request.items[i].padded_len = bodies[i].grant.padded_len;
		off += body_stored_len(bodies[i].grant.padded_len);
		bodies[i].outcome = 0;
		bodies[i].has_verdict = false;
	}
	rig_name_count = 0;
	rig->next_id++;
	ck_assert_int_eq(ipc_send_wait(rig->inspect, ZYGOTE_JOB, rig->next_id,
	    &request, sizeof(request.job) + count * sizeof(request.items[0]),
	    &fd, 1), GW_OK);
	return rig->next_id;
}

static struct rig_body *
find_body(struct rig_body *bodies, uint32_t count, const struct key_ref *ref)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (memcmp(&bodies[i].grant.body, ref, sizeof(*ref)) == 0)
			return &bodies[i];
	}
	ck_abort_msg("a body that was not in the job");
}

static void
answer_grant(struct rig *rig, const struct ipc_msg *msg,
    struct rig_body *bodies, uint32_t count)
{
	static struct {
		struct ipc_status status;
		struct keys_grant grants[ZYGOTE_BATCH_MAX];
	} reply;
	const struct key_ref *refs = msg->elems;
	uint32_t i;

	for (i = 0; i < msg->count; i++)
		reply.grants[i] = find_body(bodies, count, &refs[i])->grant;
	ck_assert_int_eq(ipc_send_wait(rig->keys, KEYS_GRANT | IPC_REPLY,
	    msg->id, &reply, sizeof(reply.status) +
	    msg->count * sizeof(reply.grants[0]), NULL, 0), GW_OK);
}

static void
note_names(const struct ipc_msg *msg)
{
	struct keys_names names;

	memcpy(&names, msg->body, sizeof(names));
	ck_assert_uint_eq(names.first, rig_name_count + 1);
	ck_assert_uint_le(rig_name_count + msg->count, 4096);
	memcpy(rig_names + rig_name_count, msg->elems,
	    msg->count * sizeof(rig_names[0]));
	rig_name_count += msg->count;
}

void
rig_serve_keys(struct rig *rig, struct rig_body *bodies, uint32_t count)
{
	struct ipc_status status = {.err = GW_OK};
	const struct verdict_record *records;
	struct rig_body *body;
	struct ipc_msg msg;
	uint32_t i;

	ck_assert_int_eq(ipc_recv_wait(rig->keys, keys_rules,
	    COUNT(keys_rules), message, &msg), GW_OK);
	if (msg.type == KEYS_GRANT) {
		answer_grant(rig, &msg, bodies, count);
		return;
	}
	if (msg.type == KEYS_NAMES) {
		note_names(&msg);
		status.reason = rig_names_reason;
	} else {
		records = msg.elems;
		for (i = 0; i < msg.count; i++) {
			body = find_body(bodies, count, &records[i].body);
			ck_assert(!body->has_verdict);
			body->has_verdict = true;
			body->verdict = records[i];
			ck_assert_mem_eq(records[i].root, body->grant.root,
			    32);
		}
	}
	ck_assert_int_eq(ipc_send_wait(rig->keys, msg.type | IPC_REPLY,
	    msg.id, &status, sizeof(status), NULL, 0), GW_OK);
}

static bool
take_answer(struct rig *rig, uint64_t id, struct rig_body *bodies,
    uint32_t count)
{
	const struct zygote_result *results;
	struct ipc_msg msg;
	uint32_t i;

	ck_assert_int_eq(ipc_recv_wait(rig->inspect, inspect_rules,
	    COUNT(inspect_rules), message, &msg), GW_OK);
	ck_assert_uint_eq(msg.id, id);
	ck_assert_uint_eq(msg.count, count);
	results = msg.elems;
	for (i = 0; i < count; i++)
		bodies[i].outcome = results[i].outcome;
	return true;
}

void
rig_receive(struct rig *rig, uint64_t id, struct rig_body *bodies,
    uint32_t count)
{
	struct pollfd p[] = {
		{.fd = rig->keys, .events = POLLIN},
		{.fd = rig->inspect, .events = POLLIN},
	};

	for (;;) {
		ck_assert_int_ge(poll(p, 2, -1), 1);
		read_log(rig);
		/* A zygote told to stop is gone once it has answered. */
		if ((p[1].revents & POLLIN) != 0 &&
		    take_answer(rig, id, bodies, count))
			break;
		if (p[0].revents != 0)
			rig_serve_keys(rig, bodies, count);
	}
	read_log(rig);
}

void
rig_job(struct rig *rig, struct rig_body *bodies, uint32_t count,
    uint32_t flags, uint32_t timeout_ms)
{
	const uint64_t id = rig_send(rig, bodies, count, flags, timeout_ms);

	rig_receive(rig, id, bodies, count);
}
