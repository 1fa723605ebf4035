/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/names/names.h"
#include "proto/parcel/body.h"

#include "tests/unit/courier/fake.h"

#define STATUS_OF(e, r) ((struct ipc_status){.err = (e), .reason = (r)})

static void
reply(struct ipc_chan *chan, const struct ipc_msg *msg, const void *fixed,
    size_t len)
{
	ipc_send(chan, msg->type | IPC_REPLY, msg->id, fixed, len, NULL, 0, 0,
	    NULL, 0);
}

static void
reply_status(struct ipc_chan *chan, const struct ipc_msg *msg, int32_t err,
    uint16_t reason)
{
	struct ipc_status status = STATUS_OF(err, reason);

	reply(chan, msg, &status, sizeof(status));
}

struct fake_transfer *
fake_find(struct fake *f, const struct key_ref *ref)
{
	if (ref->slot >= f->count ||
	    memcmp(f->transfers[ref->slot].ref.id, ref->id, 16) != 0)
		log_fatal("fake: unknown transfer");
	return &f->transfers[ref->slot];
}

/* --- keys ---------------------------------------------------------- */

static void
fill(uint8_t *out, size_t len, uint32_t seed, uint32_t salt)
{
	uint64_t x = (uint64_t)seed << 32 | salt;
	size_t i;

	for (i = 0; i < len; i++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		out[i] = (uint8_t)(x >> 56);
	}
}

static void
keys_new(struct fake *f, struct ipc_msg *msg)
{
	struct keys_transfer_new new;
	struct keys_transfer_made made = {.err = f->new_err,
	    .reason = f->new_reason};
	struct fake_transfer *t;
	uint32_t i;

	memcpy(&new, msg->body, sizeof(new));
	if (made.err == GW_OK) {
		if (f->count == FAKE_TRANSFERS_MAX)
			log_fatal("fake: too many transfers");
		t = &f->transfers[f->count];
		t->ref.slot = f->count++;
		t->ref.bucket = 7;
		fill(t->ref.id, 16, t->ref.slot, 1);
		t->state = FAKE_NEW;
		t->body_count = new.body_count;
		t->uid = new.uid;
		memcpy(t->flow, new.flow, sizeof(t->flow));
		memcpy(t->submitter, new.submitter, sizeof(t->submitter));
		t->bodies = mem_array(new.body_count, sizeof(t->bodies[0]));
		for (i = 0; i < new.body_count; i++)
			t->bodies[i].fd = -1;
		made.transfer = t->ref;
	}
	reply(f->keys, msg, &made, sizeof(made));
}

static void
keys_body_new(struct fake *f, struct ipc_msg *msg)
{
	const struct keys_body_ask *asks = msg->elems;
	struct keys_body_made made[IPC_BATCH_MAX] = {0};
	struct ipc_status status = {0};
	struct keys_bodies bodies;
	struct fake_transfer *t;
	struct fake_body *body;
	static uint32_t salt = 100;
	uint32_t i;

	memcpy(&bodies, msg->body, sizeof(bodies));
	t = fake_find(f, &bodies.transfer);
	for (i = 0; i < msg->count; i++) {
		if (asks[i].index >= t->body_count)
			log_fatal("fake: body %u of %u", asks[i].index,
			    t->body_count);
		body = &t->bodies[asks[i].index];
		fill(body->id, 16, t->ref.slot, ++salt);
		fill(body->key, 32, t->ref.slot, ++salt);
		memcpy(body->name_hash, asks[i].name_hash, 32);
		memcpy(body->ext, asks[i].ext, 16);
		memcpy(made[i].body.id, body->id, 16);
		made[i].body.slot = t->ref.slot + 1 + asks[i].index;
		memcpy(made[i].key, body->key, 32);
	}
	ipc_send(f->keys, msg->type | IPC_REPLY, msg->id, &status,
	    sizeof(status), made, sizeof(made[0]), msg->count, NULL, 0);
}

static void
keys_body_done(struct fake *f, struct ipc_msg *msg)
{
	const struct ipc_body *list = msg->elems;
	struct keys_bodies bodies;
	struct fake_transfer *t;
	struct fake_body *body;
	uint32_t i;

	memcpy(&bodies, msg->body, sizeof(bodies));
	t = fake_find(f, &bodies.transfer);
	for (i = 0; i < msg->count; i++) {
		body = &t->bodies[list[i].index];
		if (list[i].index >= t->body_count || body->is_done ||
		    memcmp(body->id, list[i].id, 16) != 0)
			log_fatal("fake: body %u done twice or wrong",
			    list[i].index);
		body->is_done = true;
		memcpy(body->root, list[i].root, 32);
		body->padded_len = list[i].padded_len;
		body->plain_len = list[i].plain_len;
	}
	reply_status(f->keys, msg, GW_OK, 0);
}

static void
keys_grants(struct fake *f, struct ipc_msg *msg, const struct key_ref *ref,
    uint32_t first, uint32_t count)
{
	struct fake_transfer *t = fake_find(f, ref);
	struct keys_grant grants[IPC_BATCH_MAX];
	struct ipc_status status = {0};
	struct fake_body *body;
	uint32_t i;

	memset(grants, 0, sizeof(grants));
	for (i = 0; i < count && first + i < t->body_count; i++) {
		body = &t->bodies[first + i];
		memcpy(grants[i].body.id, body->id, 16);
		memcpy(grants[i].key, body->key, 32);
		memcpy(grants[i].root, body->root, 32);
		memcpy(grants[i].name_hash, body->name_hash, 32);
		memcpy(grants[i].ext, body->ext, sizeof(grants[i].ext));
		grants[i].padded_len = body->padded_len;
		grants[i].plain_len = first + i == 0 ? 0 : body->plain_len;
		grants[i].index = first + i;
	}
	ipc_send(f->keys, msg->type | IPC_REPLY, msg->id, &status,
	    sizeof(status), grants, sizeof(grants[0]), i, NULL, 0);
}

static void
on_keys(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct fake *f = arg;
	struct keys_release release;
	struct keys_view view;

	switch (msg->type) {
	case KEYS_TRANSFER_NEW:
		keys_new(f, msg);
		break;
	case KEYS_BODY_NEW:
		keys_body_new(f, msg);
		break;
	case KEYS_BODY_DONE:
		keys_body_done(f, msg);
		break;
	case KEYS_TRANSFER_DROP:
		reply_status(chan, msg, GW_OK, 0);
		break;
	case KEYS_RELEASE:
		memcpy(&release, msg->body, sizeof(release));
		keys_grants(f, msg, &release.transfer, release.first,
		    release.count);
		break;
	case KEYS_VIEW:
		memcpy(&view, msg->body, sizeof(view));
		keys_grants(f, msg, &view.transfer, 0, 1);
		break;
	default:
		log_fatal("fake keys: 0x%x", msg->type);
	}
}

/* --- spool --------------------------------------------------------- */

static void
spool_put(struct fake *f, struct ipc_msg *msg)
{
	const struct ipc_body *list = msg->elems;
	struct keys_bodies bodies;
	struct fake_transfer *t;
	struct fake_body *body;
	uint64_t size = 0;
	uint32_t i;

	f->puts++;
	memcpy(&bodies, msg->body, sizeof(bodies));
	t = fake_find(f, &bodies.transfer);
	if (io_check_sealed(msg->fds[0], &size) != GW_OK)
		log_fatal("fake: a memfd is not sealed");
	for (i = 0; i < msg->count; i++) {
		body = &t->bodies[list[i].index];
		if (list[i].offset + body_stored_len(list[i].padded_len) >
		    size || memcmp(body->id, list[i].id, 16) != 0)
			log_fatal("fake: body %u is not in its memfd",
			    list[i].index);
		body->fd = dup(msg->fds[0]);
		body->offset = list[i].offset;
		body->padded_len = list[i].padded_len;
		body->is_stored = true;
	}
	reply_status(f->spool, msg, GW_OK, 0);
}

static void
spool_create(struct fake *f, struct ipc_msg *msg)
{
	struct spool_body_create create;
	struct ipc_status status = {0};
	struct fake_transfer *t;
	struct fake_body *body;
	int fd = -1;

	f->creates++;
	memcpy(&create, msg->body, sizeof(create));
	t = fake_find(f, &create.transfer);
	body = &t->bodies[create.index];
	if (memcmp(body->id, create.id, 16) != 0)
		log_fatal("fake: a body is made under another id");
	if (io_memfd("large", &body->fd) != GW_OK || io_truncate(body->fd,
	    body_stored_len(create.padded_len)) != GW_OK)
		log_fatal("fake: no memory file");
	body->padded_len = create.padded_len;
	fd = dup(body->fd);
	ipc_send(f->spool, msg->type | IPC_REPLY, msg->id, &status,
	    sizeof(status), NULL, 0, 0, &fd, 1);
}

static void
spool_body_done(struct fake *f, struct ipc_msg *msg)
{
	const struct ipc_body *list = msg->elems;
	struct keys_bodies bodies;
	struct fake_transfer *t;

	memcpy(&bodies, msg->body, sizeof(bodies));
	t = fake_find(f, &bodies.transfer);
	t->bodies[list[0].index].is_stored = true;
	reply_status(f->spool, msg, GW_OK, 0);
}

static void
make_number(struct fake *f, char out[IPC_NUMBER_LEN])
{
	char day[CLOCK_DAY_LEN];

	clock_day_jst(clock_wall_ms(), day);
	memset(out, 0, IPC_NUMBER_LEN);
	snprintf(out, IPC_NUMBER_LEN, "I%s-%05u-0", day, ++f->numbers);
}

static void
spool_done(struct fake *f, struct ipc_msg *msg)
{
	struct spool_accepted accepted = {.accepted_ms = clock_wall_ms()};
	struct spool_transfer_done done;
	struct fake_transfer *t;
	uint32_t i;

	memcpy(&done, msg->body, sizeof(done));
	t = fake_find(f, &done.transfer);
	if (t->state != FAKE_OPEN || done.file_count + 1 != t->body_count)
		log_fatal("fake: a transfer is done that is not open");
	for (i = 0; i < t->body_count; i++) {
		if (!t->bodies[i].is_stored || !t->bodies[i].is_done)
			log_fatal("fake: body %u is missing", i);
	}
	t->state = FAKE_ACCEPTED;
	t->plain_bytes = done.plain_bytes;
	make_number(f, t->number);
	f->accepted++;
	memcpy(accepted.number, t->number, sizeof(accepted.number));
	if (f->done_err != GW_OK) {
		memset(accepted.number, 0, sizeof(accepted.number));
		accepted.err = f->done_err;
		f->done_err = GW_OK;
	}
	reply(f->spool, msg, &accepted, sizeof(accepted));
}

static void
spool_claim(struct fake *f, struct ipc_msg *msg)
{
	const uint8_t *ids = msg->elems;
	struct spool_claim claims[IPC_BATCH_MAX] = {0};
	struct ipc_status status = {0};
	uint32_t i, k;

	for (i = 0; i < msg->count; i++) {
		for (k = 0; k < f->count; k++) {
			if (memcmp(f->transfers[k].ref.id, ids + 16 * i,
			    16) != 0 ||
			    f->transfers[k].state != FAKE_ACCEPTED)
				continue;
			claims[i].is_accepted = 1;
			memcpy(claims[i].number, f->transfers[k].number,
			    sizeof(claims[i].number));
		}
	}
	ipc_send(f->spool, msg->type | IPC_REPLY, msg->id, &status,
	    sizeof(status), claims, sizeof(claims[0]), msg->count, NULL, 0);
}

static void
spool_refused(struct fake *f, struct ipc_msg *msg)
{
	struct spool_accepted accepted = {.accepted_ms = clock_wall_ms()};
	struct fake_refusal *r = &f->refusals[f->refused++ % 256];
	struct spool_refused refused;

	memcpy(&refused, msg->body, sizeof(refused));
	make_number(f, r->number);
	r->reason = refused.reason;
	r->plain_bytes = refused.plain_bytes;
	r->uid = refused.uid;
	memcpy(r->submitter, refused.submitter, sizeof(r->submitter));
	memcpy(accepted.number, r->number, sizeof(accepted.number));
	reply(f->spool, msg, &accepted, sizeof(accepted));
}

static void
spool_serve(struct fake *f)
{
	while (f->job_next < f->job_count && f->wait_count > 0 &&
	    f->spool != NULL) {
		ipc_send(f->spool, SPOOL_WORK | IPC_REPLY,
		    f->waiting[f->wait_first], &f->jobs[f->job_next++ % 256],
		    sizeof(f->jobs[0]), NULL, 0, 0, NULL, 0);
		f->wait_first = (f->wait_first + 1) % 256;
		f->wait_count--;
	}
}

static void
spool_get(struct fake *f, struct ipc_msg *msg)
{
	struct ipc_body list[IPC_BATCH_MAX] = {0};
	struct ipc_status status = {0};
	struct spool_body_get get;
	struct fake_transfer *t;
	struct fake_body *body;
	uint64_t used = 0, len;
	uint32_t i;
	uint8_t *data;
	int fd = -1;

	memcpy(&get, msg->body, sizeof(get));
	t = fake_find(f, &get.transfer);
	if (io_memfd("get", &fd) != GW_OK)
		log_fatal("fake: no memory file");
	for (i = 0; i < get.max_count && get.first + i < t->body_count; i++) {
		body = &t->bodies[get.first + i];
		len = body_stored_len(body->padded_len);
		if (i > 0 && used + len > get.max_bytes)
			break;
		data = mem_alloc((size_t)len);
		if (io_pread_full(body->fd, data, (size_t)len,
		    body->offset) != GW_OK ||
		    io_write_full(fd, data, (size_t)len) != GW_OK)
			log_fatal("fake: a body cannot be copied");
		mem_free(data);
		memcpy(list[i].id, body->id, 16);
		memcpy(list[i].root, body->root, 32);
		list[i].padded_len = body->padded_len;
		list[i].offset = used;
		list[i].index = get.first + i;
		used += len;
	}
	ipc_send(f->spool, msg->type | IPC_REPLY, msg->id, &status,
	    sizeof(status), list, sizeof(list[0]), i, &fd, 1);
}

static void
spool_outcome(struct fake *f, struct ipc_msg *msg)
{
	struct spool_outcome outcome;
	struct fake_transfer *t;
	int32_t err = GW_OK;

	memcpy(&outcome, msg->body, sizeof(outcome));
	t = fake_find(f, &outcome.transfer);
	t->outcome_err = outcome.err;
	t->outcome_reason = outcome.reason;
	if (msg->type == SPOOL_STAGED) {
		t->staged += outcome.err == GW_OK;
		err = f->staged_err;
	} else if (msg->type == SPOOL_PUBLISHED) {
		t->published += outcome.err == GW_OK;
		t->published_err = outcome.err;
	} else {
		t->noticed++;
	}
	reply_status(f->spool, msg, err, 0);
}

static void
on_spool(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct fake *f = arg;
	struct spool_transfer_open open;
	struct keys_bodies bodies;
	struct fake_transfer *t;

	switch (msg->type) {
	case SPOOL_TRANSFER_OPEN:
		memcpy(&open, msg->body, sizeof(open));
		t = fake_find(f, &open.transfer);
		if (f->open_err == GW_OK)
			t->state = FAKE_OPEN;
		reply_status(chan, msg, f->open_err, f->open_reason);
		break;
	case SPOOL_BODY_PUT:
		spool_put(f, msg);
		break;
	case SPOOL_BODY_CREATE:
		spool_create(f, msg);
		break;
	case SPOOL_BODY_DONE:
		spool_body_done(f, msg);
		break;
	case SPOOL_TRANSFER_DONE:
		spool_done(f, msg);
		break;
	case SPOOL_TRANSFER_DROP:
		memcpy(&bodies, msg->body, sizeof(bodies));
		t = fake_find(f, &bodies.transfer);
		if (t->state != FAKE_ACCEPTED)
			t->state = FAKE_DROPPED;
		reply_status(chan, msg, t->state == FAKE_DROPPED ? GW_OK :
		    GW_EDENIED, 0);
		break;
	case SPOOL_CLAIM:
		spool_claim(f, msg);
		break;
	case SPOOL_WORK:
		f->waiting[(f->wait_first + f->wait_count++) % 256] = msg->id;
		spool_serve(f);
		break;
	case SPOOL_STAGED:
	case SPOOL_PUBLISHED:
	case SPOOL_NOTICED:
		spool_outcome(f, msg);
		break;
	case SPOOL_REFUSED:
		spool_refused(f, msg);
		break;
	case SPOOL_BODY_GET:
		spool_get(f, msg);
		break;
	default:
		log_fatal("fake spool: 0x%x", msg->type);
	}
}

/* --- channels ------------------------------------------------------ */

#define REQUEST(t, s) {.type = (t), .fixed = sizeof(struct s)}
#define MANY(t, s, e, fds) {.type = (t), .fixed = sizeof(struct s),           \
	.elem = sizeof(struct e), .max_count = IPC_BATCH_MAX,                 \
	.min_fds = (fds), .max_fds = (fds)}

static const struct ipc_rule keys_rules[] = {
	REQUEST(KEYS_TRANSFER_NEW, keys_transfer_new),
	MANY(KEYS_BODY_NEW, keys_bodies, keys_body_ask, 0),
	MANY(KEYS_BODY_DONE, keys_bodies, ipc_body, 0),
	REQUEST(KEYS_TRANSFER_DROP, keys_bodies),
	REQUEST(KEYS_RELEASE, keys_release),
	REQUEST(KEYS_VIEW, keys_view),
};

static const struct ipc_rule spool_rules[] = {
	REQUEST(SPOOL_TRANSFER_OPEN, spool_transfer_open),
	MANY(SPOOL_BODY_PUT, spool_bodies, ipc_body, 1),
	REQUEST(SPOOL_BODY_CREATE, spool_body_create),
	MANY(SPOOL_BODY_DONE, spool_bodies, ipc_body, 0),
	REQUEST(SPOOL_TRANSFER_DONE, spool_transfer_done),
	REQUEST(SPOOL_TRANSFER_DROP, spool_bodies),
	{.type = SPOOL_CLAIM, .elem = 16, .max_count = IPC_BATCH_MAX},
	{.type = SPOOL_WORK},
	REQUEST(SPOOL_STAGED, spool_outcome),
	REQUEST(SPOOL_PUBLISHED, spool_outcome),
	REQUEST(SPOOL_NOTICED, spool_outcome),
	REQUEST(SPOOL_REFUSED, spool_refused),
	REQUEST(SPOOL_BODY_GET, spool_body_get),
};

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

static void
on_closed(void *arg, struct ipc_chan *chan)
{
	struct fake *f = arg;

	(void)chan;
	f->is_closed = true;
}

void
fake_init(struct fake *f, struct ev_loop *loop)
{
	memset(f, 0, sizeof(*f));
	f->loop = loop;
}

void
fake_clear(struct fake *f)
{
	struct fake_transfer *t;
	uint32_t i, k;

	fake_disconnect(f);
	for (i = 0; i < f->count; i++) {
		t = &f->transfers[i];
		for (k = 0; k < t->body_count; k++)
			io_drop(&t->bodies[k].fd);
		mem_free(t->bodies);
	}
}

void
fake_disconnect(struct fake *f)
{
	uint32_t i;

	ipc_chan_free(f->keys);
	ipc_chan_free(f->spool);
	f->keys = f->spool = NULL;
	f->wait_count = 0;
	f->is_closed = false;
	/* A spool forgets what a client that is gone had begun. */
	for (i = 0; i < f->count; i++) {
		if (f->transfers[i].state == FAKE_NEW ||
		    f->transfers[i].state == FAKE_OPEN)
			f->transfers[i].state = FAKE_DROPPED;
	}
}

static int
connect_one(struct fake *f, const char *name, const struct ipc_rule *rules,
    int count, ipc_msg_fn *fn, struct ipc_chan **out)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		log_fatal("fake: no socket pair");
	*out = ipc_chan_new(f->loop, pair[0], name, rules, count, fn,
	    on_closed, f);
	return pair[1];
}

void
fake_connect(struct fake *f, int *keys_fd, int *spool_fd)
{
	*keys_fd = connect_one(f, "courier at keys", keys_rules,
	    COUNT(keys_rules), on_keys, &f->keys);
	*spool_fd = connect_one(f, "courier at spool", spool_rules,
	    COUNT(spool_rules), on_spool, &f->spool);
}

void
fake_work(struct fake *f, struct fake_transfer *t, uint32_t kind,
    uint32_t side, uint32_t state, uint16_t reason, bool is_retry)
{
	struct spool_work *job = &f->jobs[f->job_count++ % 256];

	memset(job, 0, sizeof(*job));
	job->kind = kind;
	job->transfer = t->ref;
	memcpy(job->flow, t->flow, sizeof(job->flow));
	memcpy(job->number, t->number, sizeof(job->number));
	memcpy(job->submitter, t->submitter, sizeof(job->submitter));
	job->side = side;
	job->state = state;
	job->body_count = t->body_count;
	job->reason = reason;
	job->is_retry = is_retry;
	job->plain_bytes = t->plain_bytes;
	job->accepted_ms = job->state_ms = clock_wall_ms();
	spool_serve(f);
}

static void
store_small(struct fake_transfer *t, uint32_t index, const void *plain,
    size_t len)
{
	struct fake_body *body = &t->bodies[index];
	size_t stored;
	uint8_t *out;

	fill(body->id, 16, t->ref.slot, 1000 + 2 * index);
	fill(body->key, 32, t->ref.slot, 1001 + 2 * index);
	body->plain_len = len;
	body->padded_len = body_padded_len(len);
	stored = (size_t)body_stored_len(body->padded_len);
	out = mem_alloc(stored);
	if (body_seal_small(body->key, body->id, plain, len, out,
	    body->root) != GW_OK || io_memfd("arrived", &body->fd) != GW_OK ||
	    io_write_full(body->fd, out, stored) != GW_OK)
		log_fatal("fake: a body cannot be made");
	body->is_done = body->is_stored = true;
	mem_free(out);
}

struct fake_transfer *
fake_arrive(struct fake *f, const struct manifest_top *top,
    const struct manifest_file *files, const char *const *contents)
{
	struct fake_transfer *t = &f->transfers[f->count];
	struct manifest_writer w;
	struct buf b;
	uint32_t i;

	t->ref.slot = f->count++;
	t->ref.bucket = 7;
	fill(t->ref.id, 16, t->ref.slot, 1);
	t->state = FAKE_ACCEPTED;
	t->body_count = top->file_count + 1;
	t->bodies = mem_array(t->body_count, sizeof(t->bodies[0]));
	memcpy(t->flow, top->flow, sizeof(t->flow));
	make_number(f, t->number);
	buf_init(&b, MANIFEST_MAX);
	manifest_begin(&w, top, &b);
	for (i = 0; i < top->file_count; i++) {
		manifest_add(&w, &files[i]);
		store_small(t, i + 1, contents[i], strlen(contents[i]));
		t->plain_bytes += strlen(contents[i]);
		if (names_hash(files[i].path,
		    t->bodies[i + 1].name_hash) != GW_OK)
			log_fatal("fake: no hash");
		names_ext(files[i].path, t->bodies[i + 1].ext);
	}
	if (manifest_finish(&w) != GW_OK)
		log_fatal("fake: no manifest");
	store_small(t, 0, b.data, b.len);
	buf_clear(&b);
	return t;
}
