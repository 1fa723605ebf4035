/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mem.h"

#include "proto/parcel/body.h"
#include "proto/parcel/manifest.h"
#include "proto/record/reason.h"

#include "gatewayd/desk/call.h"
#include "gatewayd/desk/conn.h"
#include "tests/unit/desk/world.h"

#define TURNS 200000

/* --- spool -------------------------------------------------------------- */

static bool
spool_matches(const struct spool_list *ask, const struct spool_row *row)
{
	return (ask->number[0] == '\0' ||
	    strcmp(ask->number, row->number) == 0) &&
	    (ask->flow[0] == '\0' || strcmp(ask->flow, row->flow) == 0) &&
	    (ask->states == 0 ||
	    (ask->states & (UINT64_C(1) << row->state)) != 0) &&
	    (ask->side == 0 || ask->side == row->side) &&
	    (ask->cursor == 0 || row->row < ask->cursor);
}

static void
spool_answer_list(struct world *w, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct ipc_status status = {.err = GW_OK};
	struct spool_row rows[64];
	struct spool_list ask;
	uint32_t n = 0;
	int i;

	memcpy(&ask, msg->body, sizeof(ask));
	ck_assert_uint_le(ask.limit, 64);
	for (i = 0; i < w->row_count && n < ask.limit; i++) {
		if (spool_matches(&ask, &w->rows[i]))
			rows[n++] = w->rows[i];
	}
	ipc_send(chan, SPOOL_LIST | IPC_REPLY, msg->id, &status,
	    sizeof(status), rows, sizeof(rows[0]), n, NULL, 0);
}

static void
spool_answer_files(struct world *w, struct ipc_chan *chan,
    struct ipc_msg *msg)
{
	struct ipc_status status = {.err = GW_OK};
	struct keys_body_info infos[IPC_BATCH_MAX];
	struct keys_release ask;
	uint32_t i;

	memcpy(&ask, msg->body, sizeof(ask));
	ck_assert_uint_le(ask.count, IPC_BATCH_MAX);
	memset(infos, 0, sizeof(infos));
	for (i = 0; i < ask.count; i++) {
		infos[i].index = ask.first + i;
		infos[i].type = TYPE_CSV;
		infos[i].method = 5;
		infos[i].verdict = VERDICT_CONFIRMED;
		infos[i].stages = STAGE_BIT(STAGE_CLAM);
		infos[i].plain_len = 10;
	}
	if (w->hides_files)
		status.err = GW_ENOENT;
	ipc_send(chan, SPOOL_FILES | IPC_REPLY, msg->id, &status,
	    sizeof(status), infos, sizeof(infos[0]),
	    w->hides_files ? 0 : ask.count, NULL, 0);
}

static void
spool_answer_body(struct world *w, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct ipc_status status = {.err = GW_OK};
	struct ipc_body body = {.padded_len = w->manifest_padded};
	int fd;

	memcpy(body.id, w->manifest_id, sizeof(body.id));
	memcpy(body.root, w->manifest_root, sizeof(body.root));
	body.offset = 100;
	ck_assert_int_eq(io_memfd("stored", &fd), GW_OK);
	ck_assert_int_eq(io_pwrite_full(fd, w->manifest, w->manifest_len,
	    100), GW_OK);
	ipc_send(chan, SPOOL_BODY_GET | IPC_REPLY, msg->id, &status,
	    sizeof(status), &body, sizeof(body), 1, &fd, 1);
}

static void
spool_answer_rest(struct world *w, struct ipc_chan *chan,
    struct ipc_msg *msg)
{
	struct ipc_status status = {.err = GW_OK};
	struct spool_step step = {.state = ST_ACCEPTED, .attempt = 1,
	    .wall_ms = 5};
	struct spool_channel_status channel = {.link_state = LINK_UP};

	switch (msg->type) {
	case SPOOL_STEPS:
		ipc_send(chan, SPOOL_STEPS | IPC_REPLY, msg->id, &status,
		    sizeof(status), &step, sizeof(step), 1, NULL, 0);
		break;
	case SPOOL_STATUS:
		ipc_send(chan, SPOOL_STATUS | IPC_REPLY, msg->id, &w->status,
		    sizeof(w->status), NULL, 0, 0, NULL, 0);
		break;
	case SPOOL_CHANNEL_STATUS:
		strcpy(channel.channel.id, "internet-lgwan");
		channel.channel.role = POLICY_SENDER;
		channel.channel.state = CHANNEL_OPEN;
		ipc_send(chan, SPOOL_CHANNEL_STATUS | IPC_REPLY, msg->id,
		    &status, sizeof(status), &channel, sizeof(channel), 1,
		    NULL, 0);
		break;
	case SPOOL_DECIDE:
		w->decisions_to_spool++;
		ipc_send(chan, SPOOL_DECIDE | IPC_REPLY, msg->id,
		    &w->decision, sizeof(w->decision), NULL, 0, 0, NULL, 0);
		break;
	default:
		w->pokes++;
		ipc_send(chan, SPOOL_POKE | IPC_REPLY, msg->id, &status,
		    sizeof(status), NULL, 0, 0, NULL, 0);
		break;
	}
}

static void
spool_on_msg(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	if (msg->type == SPOOL_LIST)
		spool_answer_list(arg, chan, msg);
	else if (msg->type == SPOOL_FILES)
		spool_answer_files(arg, chan, msg);
	else if (msg->type == SPOOL_BODY_GET)
		spool_answer_body(arg, chan, msg);
	else
		spool_answer_rest(arg, chan, msg);
}

static const struct ipc_rule spool_rules[] = {
	{.type = SPOOL_LIST, .fixed = sizeof(struct spool_list)},
	{.type = SPOOL_STEPS, .fixed = sizeof(struct spool_bodies)},
	{.type = SPOOL_FILES, .fixed = sizeof(struct keys_release)},
	{.type = SPOOL_BODY_GET, .fixed = sizeof(struct spool_body_get)},
	{.type = SPOOL_DECIDE, .fixed = sizeof(struct keys_decide)},
	{.type = SPOOL_STATUS}, {.type = SPOOL_CHANNEL_STATUS},
	{.type = SPOOL_POKE},
};

/* --- keys --------------------------------------------------------------- */

static void
keys_answer_view(struct world *w, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct ipc_status status = {.err = GW_OK};
	struct keys_grant grant = {.padded_len = w->manifest_padded};
	struct keys_view view;

	memcpy(&view, msg->body, sizeof(view));
	w->viewers[w->views++] = view.uid;
	memcpy(grant.body.id, w->manifest_id, sizeof(grant.body.id));
	memcpy(grant.key, w->manifest_key, sizeof(grant.key));
	memcpy(grant.root, w->manifest_root, sizeof(grant.root));
	if (w->manifest == NULL)
		status.err = GW_EHOLD;
	ipc_send(chan, KEYS_VIEW | IPC_REPLY, msg->id, &status,
	    sizeof(status), &grant, sizeof(grant), w->manifest != NULL, NULL,
	    0);
}

static void
keys_answer_card(struct world *w, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct keys_card *card = mem_alloc(sizeof(*card));

	card->len = 4;
	memcpy(card->bytes, "CARD", 4);
	strcpy(card->digits, "11111 22222 33333 44444 55555 66666");
	if (msg->type == KEYS_PAIR_INIT)
		memcpy(&w->init, msg->body, sizeof(w->init));
	else if (w->card_errs > 0) {
		w->card_errs--;
		card->err = GW_EAGAIN;
	}
	ipc_send(chan, msg->type | IPC_REPLY, msg->id, card, sizeof(*card),
	    NULL, 0, 0, NULL, 0);
	mem_free(card);
}

static void
keys_answer_rest(struct world *w, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct keys_paired paired = {.err = w->accept_err};
	struct ipc_status status = {.err = GW_OK};
	struct keys_info info = {.made_ms = 7};

	switch (msg->type) {
	case KEYS_DECIDE:
		memcpy(&w->decided, msg->body, sizeof(w->decided));
		w->decisions++;
		ipc_send(chan, KEYS_DECIDE | IPC_REPLY, msg->id,
		    &w->decision, sizeof(w->decision), NULL, 0, 0, NULL, 0);
		break;
	case KEYS_PAIR_ACCEPT:
		memcpy(&w->accept, msg->body, sizeof(w->accept));
		strcpy(paired.peer, "lgwan");
		memset(paired.secret, 0x77, sizeof(paired.secret));
		ipc_send(chan, KEYS_PAIR_ACCEPT | IPC_REPLY, msg->id, &paired,
		    sizeof(paired), NULL, 0, 0, NULL, 0);
		break;
	case KEYS_CHANNEL_OP:
		memcpy(&w->op, msg->body, sizeof(w->op));
		status.err = w->op_err;
		ipc_send(chan, KEYS_CHANNEL_OP | IPC_REPLY, msg->id, &status,
		    sizeof(status), NULL, 0, 0, NULL, 0);
		break;
	default:
		strcpy(info.kind, "peer");
		strcpy(info.zone, "lgwan");
		ipc_send(chan, msg->type | IPC_REPLY, msg->id, &status,
		    sizeof(status), &info, sizeof(info), 1, NULL, 0);
		break;
	}
}

static void
keys_on_msg(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	if (msg->type == KEYS_VIEW)
		keys_answer_view(arg, chan, msg);
	else if (msg->type == KEYS_CARD || msg->type == KEYS_PAIR_INIT)
		keys_answer_card(arg, chan, msg);
	else
		keys_answer_rest(arg, chan, msg);
}

static const struct ipc_rule keys_rules[] = {
	{.type = KEYS_VIEW, .fixed = sizeof(struct keys_view)},
	{.type = KEYS_DECIDE, .fixed = sizeof(struct keys_decide)},
	{.type = KEYS_PAIR_INIT, .fixed = sizeof(struct keys_pair_init)},
	{.type = KEYS_PAIR_ACCEPT, .fixed = sizeof(struct keys_pair_accept)},
	{.type = KEYS_CHANNEL_OP, .fixed = sizeof(struct keys_channel_op)},
	{.type = KEYS_CARD}, {.type = KEYS_PAIR_SHOW}, {.type = KEYS_LIST},
};

/* --- audit -------------------------------------------------------------- */

static void
audit_send_head(struct world *w, struct ipc_chan *chan, struct ipc_msg *msg,
    enum gw_err err)
{
	struct audit_head head = {.err = err, .size = w->log_count};

	ipc_send(chan, msg->type | IPC_REPLY, msg->id, &head, sizeof(head),
	    NULL, 0, 0, NULL, 0);
}

static void
audit_answer_read(struct world *w, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct ipc_status status = {.err = GW_OK};
	struct audit_range range;
	struct buf entry, all;
	uint64_t i;
	int fd;

	memcpy(&range, msg->body, sizeof(range));
	buf_init(&entry, AUDIT_ENTRY_MAX);
	buf_init(&all, 64u << 20);
	for (i = range.first; i < range.first + range.count &&
	    i < w->log_count; i++) {
		buf_reset(&entry);
		ck_assert_int_eq(audit_encode(&w->log[i], &entry), GW_OK);
		buf_put_u16(&all, (uint16_t)entry.len);
		buf_put(&all, entry.data, entry.len);
	}
	ck_assert_int_eq(io_memfd("entries", &fd), GW_OK);
	ck_assert_int_eq(io_write_full(fd, all.data, all.len), GW_OK);
	ck_assert_int_eq(io_seal(fd), GW_OK);
	buf_clear(&entry);
	buf_clear(&all);
	ipc_send(chan, AUDIT_READ | IPC_REPLY, msg->id, &status,
	    sizeof(status), NULL, 0, 0, &fd, 1);
}

static void
audit_on_msg(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct world *w = arg;

	if (msg->type == AUDIT_READ) {
		audit_answer_read(w, chan, msg);
		return;
	}
	if (msg->type == AUDIT_APPEND && w->append_err == GW_OK) {
		ck_assert_uint_eq(msg->count, 1);
		memcpy(&w->log[w->log_count], msg->elems,
		    sizeof(w->log[0]));
		w->log[w->log_count].wall_ms = 1000 + w->log_count;
		w->log_count++;
	}
	audit_send_head(w, chan, msg, msg->type == AUDIT_APPEND ?
	    w->append_err : GW_OK);
}

static const struct ipc_rule audit_rules[] = {
	{.type = AUDIT_APPEND, .elem = sizeof(struct audit_record),
	    .max_count = 1},
	{.type = AUDIT_READ, .fixed = sizeof(struct audit_range)},
	{.type = AUDIT_HEAD},
};

/* --- parent ------------------------------------------------------------- */

static void
parent_on_msg(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct ctl_text *text;
	struct world *w = arg;
	struct ctl_peer peer;

	switch (msg->type) {
	case CTL_STATUS:
		ipc_send(chan, CTL_STATUS_REPLY, msg->id, NULL, 0,
		    w->children, sizeof(w->children[0]), 3, NULL, 0);
		break;
	case CTL_RELOAD:
		w->reloads++;
		text = mem_alloc(sizeof(*text));
		text->len = 8;
		memcpy(text->text, "finding\n", 8);
		ipc_send(chan, CTL_RELOADED, msg->id, text, sizeof(*text),
		    NULL, 0, 0, NULL, 0);
		mem_free(text);
		break;
	default:
		memcpy(&peer, msg->body, sizeof(peer));
		w->restarted |= 1u << peer.proc;
		break;
	}
}

static const struct ipc_rule parent_rules[] = {
	{.type = CTL_STATUS}, {.type = CTL_RELOAD},
	{.type = CTL_RESTART, .fixed = sizeof(struct ctl_peer)},
};

/* Desk's end of the channel to the parent. */
static const struct ipc_rule parent_answers[] = {
	{.type = CTL_RELOADED, .fixed = sizeof(struct ctl_text)},
	{.type = CTL_STATUS_REPLY, .elem = sizeof(struct ctl_child),
	    .max_count = 64},
};

static void
parent_on_answer(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	(void)chan;
	call_on_parent(arg, msg);
}

/* --- the whole ---------------------------------------------------------- */

static void
on_closed(void *arg, struct ipc_chan *chan)
{
	(void)arg;
	(void)chan;
}

static void
connect_peer(struct world *w, enum desk_peer peer,
    const struct ipc_rule *requests, int request_count, ipc_msg_fn *on_msg,
    const struct ipc_rule *answers, int answer_count, ipc_msg_fn *on_answer)
{
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    sv), 0);
	w->desk.peers[peer] = ipc_chan_new(w->desk.loop, sv[0], "server",
	    answers, answer_count, on_answer, on_closed, &w->desk);
	w->ends[peer] = ipc_chan_new(w->desk.loop, sv[1], "desk", requests,
	    request_count, on_msg, on_closed, w);
}

#define COUNT(rules) ((int)(sizeof(rules) / sizeof((rules)[0])))

static void
make_policy(struct world *w)
{
	static const struct policy_person people[] = {
		{"approver", APPROVER, POLICY_APPROVER},
		{"officer", OFFICER, POLICY_OFFICER},
		{"auditor", AUDITOR, POLICY_AUDITOR},
		{"admin", ADMIN, POLICY_ADMINISTRATOR},
	};

	w->policy = mem_alloc(sizeof(*w->policy));
	strcpy(w->policy->zone.zone, "internet");
	strcpy(w->policy->zone.folders, "/srv/gateway");
	memcpy(w->policy->people, people, sizeof(people));
	w->policy->person_count = COUNT(people);
	strcpy(w->policy->flows[0].id, "text-data");
	strcpy(w->policy->flows[0].from, "internet");
	strcpy(w->policy->flows[0].to, "lgwan");
	w->policy->flows[0].until_ms = UINT64_MAX;
	w->policy->flow_count = 1;
}

struct world *
world_new(void)
{
	struct world *w = mem_alloc(sizeof(*w));
	int i;

	make_policy(w);
	desk_init(&w->desk);
	w->desk.policy = w->policy;
	w->desk.is_service = true;
	w->desk.own_uid = 999;
	w->desk.loop = ev_loop_new();
	for (i = 0; i < 3; i++) {
		w->children[i].proc = (uint32_t)(PROC_AUDIT + i);
		w->children[i].state = CHILD_READY;
	}
	connect_peer(w, DESK_AUDIT, audit_rules, COUNT(audit_rules),
	    audit_on_msg, call_audit_rules, call_audit_rule_count,
	    call_on_reply);
	connect_peer(w, DESK_KEYS, keys_rules, COUNT(keys_rules), keys_on_msg,
	    call_keys_rules, call_keys_rule_count, call_on_reply);
	connect_peer(w, DESK_SPOOL, spool_rules, COUNT(spool_rules),
	    spool_on_msg, call_spool_rules, call_spool_rule_count,
	    call_on_reply);
	connect_peer(w, DESK_PARENT, parent_rules, COUNT(parent_rules),
	    parent_on_msg, parent_answers, COUNT(parent_answers),
	    parent_on_answer);
	conn_listen(&w->desk);
	return w;
}

static void
forget_frames(struct world *w)
{
	int i;

	for (i = 0; i < w->frame_count; i++)
		mem_free(w->frames[i].bytes);
	w->frame_count = 0;
}

void
world_free(struct world *w)
{
	int i;

	desk_clear(&w->desk);
	for (i = 0; i < DESK_PEERS; i++) {
		ipc_chan_free(w->desk.peers[i]);
		ipc_chan_free(w->ends[i]);
	}
	ev_loop_free(w->desk.loop);
	forget_frames(w);
	mem_free(w->manifest);
	mem_free(w->policy);
	mem_free(w);
}

struct spool_row *
world_add(struct world *w, const char *number, uint32_t uid,
    enum transfer_state state)
{
	struct spool_row *row = &w->rows[0];

	ck_assert_int_lt(w->row_count, WORLD_TRANSFERS);
	memmove(row + 1, row, (size_t)w->row_count * sizeof(*row));
	memset(row, 0, sizeof(*row));
	row->row = (uint64_t)++w->row_count;
	row->transfer.id[0] = (uint8_t)w->row_count;
	row->transfer.id[15] = 1;
	strcpy(row->number, number);
	strcpy(row->flow, "text-data");
	snprintf(row->submitter, sizeof(row->submitter), "uid%u", uid);
	row->uid = uid;
	row->side = SIDE_LOW;
	row->state = state;
	row->body_count = 2;
	return row;
}

void
world_names(struct world *w, const char *const *names, int count)
{
	struct manifest_writer writer;
	struct manifest_top *top = mem_alloc(sizeof(*top));
	struct manifest_file *file = mem_alloc(sizeof(*file));
	struct buf buf;
	int i;

	buf_init(&buf, BODY_CHUNK);
	top->version = 1;
	top->is_set = count > 1;
	top->file_count = (uint32_t)count;
	strcpy(top->flow, "text-data");
	strcpy(top->name, count > 1 ? "フォルダー" : names[0]);
	manifest_begin(&writer, top, &buf);
	for (i = 0; i < count; i++) {
		memset(file, 0, sizeof(*file));
		strcpy(file->path, names[i]);
		file->raw_len = strlen(names[i]);
		memcpy(file->raw, names[i], file->raw_len);
		file->charset = CHARSET_UTF8;
		file->size = 10;
		manifest_add(&writer, file);
	}
	ck_assert_int_eq(manifest_finish(&writer), GW_OK);
	memset(w->manifest_key, 0x11, sizeof(w->manifest_key));
	memset(w->manifest_id, 0x22, sizeof(w->manifest_id));
	w->manifest_padded = body_padded_len(buf.len);
	w->manifest_len = (size_t)body_stored_len(w->manifest_padded);
	mem_free(w->manifest);
	w->manifest = mem_alloc(w->manifest_len);
	ck_assert_int_eq(body_seal_small(w->manifest_key, w->manifest_id,
	    buf.data, buf.len, w->manifest, w->manifest_root), GW_OK);
	for (i = 0; i < w->row_count; i++)
		w->rows[i].body_count = (uint32_t)count + 1;
	buf_clear(&buf);
	mem_free(file);
	mem_free(top);
}

/* --- asking ------------------------------------------------------------- */

void
world_settle(struct world *w)
{
	int i;

	for (i = 0; i < 50; i++)
		ev_loop_poll(w->desk.loop);
}

static void
keep_frame(struct world *w, const uint8_t *bytes, size_t len)
{
	ck_assert_int_lt(w->frame_count, WORLD_ENTRIES);
	w->frames[w->frame_count].bytes = mem_alloc(len);
	memcpy(w->frames[w->frame_count].bytes, bytes, len);
	w->frames[w->frame_count++].len = len;
}

/* Take frames until the end; turns the loop meanwhile. */
static void
receive(struct world *w, int fd)
{
	uint8_t *bytes = mem_alloc(ANSWER_MAX);
	struct answer answer;
	ssize_t n;
	int turn;

	for (turn = 0; turn < TURNS; turn++) {
		n = recv(fd, bytes, ANSWER_MAX, MSG_DONTWAIT);
		if (n == -1 && errno == EAGAIN) {
			ev_loop_once(w->desk.loop);
			continue;
		}
		ck_assert_msg(n > 0, "closed without an end");
		ck_assert_int_eq(answer_open(bytes, (size_t)n, &answer),
		    GW_OK);
		if (answer.is_end)
			break;
		keep_frame(w, bytes, (size_t)n);
	}
	ck_assert_int_lt(turn, TURNS);
	w->code = answer.code;
	strcpy(w->text, answer.text);
	mem_free(bytes);
}

enum answer_exit
world_ask(struct world *w, uint32_t uid, const struct request *req)
{
	struct buf buf;
	int sv[2];

	forget_frames(w);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    sv), 0);
	ck_assert_int_eq(fcntl(sv[0], F_SETFL, O_NONBLOCK), 0);
	conn_new(&w->desk, sv[0], uid);
	buf_init(&buf, REQUEST_MAX);
	ck_assert_int_eq(request_encode(req, &buf), GW_OK);
	ck_assert_int_eq(send(sv[1], buf.data, buf.len, 0), (ssize_t)buf.len);
	buf_clear(&buf);
	receive(w, sv[1]);
	close(sv[1]);
	world_settle(w);
	return w->code;
}

enum answer_exit
world_verb(struct world *w, uint32_t uid, enum request_verb verb)
{
	struct request *req = mem_alloc(sizeof(*req));
	enum answer_exit code;

	req->verb = verb;
	req->lang = REQUEST_EN;
	switch ((int)verb) {
	case VERB_TRANSFERS_SHOW: case VERB_TRANSFERS_APPROVE:
	case VERB_TRANSFERS_RETURN: case VERB_TRANSFERS_REVOKE:
	case VERB_HOLDS_SHOW: case VERB_HOLDS_RELEASE:
	case VERB_HOLDS_REJECT: case VERB_QUARANTINE_SHOW:
		strcpy(req->number, "I20260401-00017-3");
		req->has = ARG_BIT(ARG_NUMBER);
		break;
	case VERB_CHANNEL_FREEZE: case VERB_CHANNEL_NEW_EPOCH:
		strcpy(req->channel, "internet-lgwan");
		req->has = ARG_BIT(ARG_CHANNEL);
		break;
	case VERB_PAIR_ACCEPT:
		req->card[0] = 1;
		req->card_len = 1;
		strcpy(req->digits, "1");
		req->has = ARG_BIT(ARG_CARD) | ARG_BIT(ARG_DIGITS);
		break;
	default:
		break;
	}
	code = world_ask(w, uid, req);
	mem_free(req);
	return code;
}

/* --- looking ------------------------------------------------------------ */

bool
world_row(const struct world *w, enum answer_row row, int n,
    struct answer *out)
{
	int i;

	for (i = 0; i < w->frame_count; i++) {
		ck_assert_int_eq(answer_open(w->frames[i].bytes,
		    w->frames[i].len, out), GW_OK);
		if (out->row == row && n-- == 0)
			return true;
	}
	return false;
}

int
world_count(const struct world *w, enum answer_row row)
{
	struct answer answer;
	int i, n = 0;

	for (i = 0; i < w->frame_count; i++) {
		ck_assert_int_eq(answer_open(w->frames[i].bytes,
		    w->frames[i].len, &answer), GW_OK);
		n += answer.row == row ? 1 : 0;
	}
	return n;
}

const char *
world_field(const struct world *w, enum answer_row row, int n,
    enum answer_field field)
{
	static char text[8][1024];
	static int slot;
	struct answer answer;
	struct answer_value v;
	char *out = text[slot = (slot + 1) % 8];

	if (!world_row(w, row, n, &answer))
		return "(no row)";
	if (!answer_find(&answer, field, &v))
		return "(no field)";
	if (v.kind == ANSWER_TEXT)
		snprintf(out, sizeof(text[0]), "%.*s", (int)v.len, v.bytes);
	else
		snprintf(out, sizeof(text[0]), "%llu",
		    (unsigned long long)v.number);
	return out;
}

int
world_logged(const struct world *w, enum audit_event event)
{
	uint64_t i;
	int n = 0;

	for (i = 0; i < w->log_count; i++)
		n += w->log[i].event == event ? 1 : 0;
	return n;
}
