/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/names/names.h"
#include "proto/parcel/body.h"

#include "gatewayd/courier/intake_own.h"

/* Answers not yet there before a transfer waits for some. */
#define UNANSWERED_MAX 8u

/* --- keys ---------------------------------------------------------- */

/* Path of a file as the manifest has it; the walk has checked it. */
static void
file_path(const struct intake *t, const struct walk_file *file, char *out,
    size_t size, enum manifest_charset *charset_out)
{
	if (!t->walk.is_set) {
		mem_put_str(out, size, t->name);
		*charset_out = t->charset;
		return;
	}
	if (walk_decode(file->path, out, size, charset_out) != REASON_NONE)
		log_panic("a name that was checked does not pass again");
}

static void
on_keys(void *arg, struct ipc_msg *msg)
{
	struct intake *t = arg;
	struct ipc_status status = call_status(msg);
	struct intake_batch *batch;

	/* The one asked for and not yet here; there is one at most. */
	batch = t->batches[t->use].is_here || t->batches[t->use].count == 0 ?
	    &t->batches[1 - t->use] : &t->batches[t->use];
	if (status.err != GW_OK) {
		if (status.reason != REASON_NONE && reason_ok(status.reason))
			intake_fail(t, (enum reason)status.reason, "");
		else
			intake_fail_err(t, (enum gw_err)status.err, "keys");
		return;
	}
	if (msg->count != batch->count)
		log_fatal("keys answers %u of %u bodies", msg->count,
		    batch->count);
	memcpy(batch->made, msg->elems, batch->count * sizeof(batch->made[0]));
	batch->is_here = true;
	task_wake(t->c->tasks, &t->task);
}

static void
ask_keys(struct intake *t, struct intake_batch *batch)
{
	struct keys_body_ask asks[INTAKE_BATCH];
	struct keys_bodies bodies = {.transfer = t->claim->transfer};
	char path[MANIFEST_PATH_MAX + 1];
	enum manifest_charset charset;
	struct call call = {
		.type = KEYS_BODY_NEW,
		.fixed = &bodies,
		.fixed_len = sizeof(bodies),
		.elems = asks,
		.elem = sizeof(asks[0]),
		.fd = -1,
	};
	uint32_t i;

	memset(asks, 0, sizeof(asks));
	for (i = 0; i < batch->count; i++) {
		asks[i].index = batch->first + i;
		if (asks[i].index == 0)
			continue;	/* the manifest has no name */
		file_path(t, &t->walk.files[asks[i].index - 1], path,
		    sizeof(path), &charset);
		if (names_hash(path, asks[i].name_hash) != GW_OK)
			log_fatal("names cannot be hashed");
		names_ext(path, asks[i].ext);
	}
	call.count = batch->count;
	batch->is_here = false;
	call_send(t->c->keys, &call, on_keys, t);
}

/* The next files, or the manifest when they are through; count 0: none. */
static void
ask_next(struct intake *t, struct intake_batch *batch)
{
	uint32_t left = (uint32_t)t->walk.count + 1 - t->next_ask;

	batch->first = t->next_ask;
	batch->count = left < INTAKE_BATCH ? left : INTAKE_BATCH;
	t->next_ask += batch->count;
	if (batch->count > 0)
		ask_keys(t, batch);
}

/* --- what spool and keys are told ---------------------------------- */

static void
on_stored(void *arg, struct ipc_msg *msg)
{
	struct intake *t = arg;
	struct ipc_status status = call_status(msg);

	t->unanswered--;
	if (status.err == GW_OK)
		task_wake(t->c->tasks, &t->task);
	else if (status.reason != REASON_NONE && reason_ok(status.reason))
		intake_fail(t, (enum reason)status.reason, "");
	else
		intake_fail_err(t, (enum gw_err)status.err, "storing");
}

static void
tell_bodies(struct intake *t, struct call_peer *peer, uint16_t type,
    const struct ipc_body *list, uint32_t count, int fd)
{
	struct keys_bodies bodies = {.transfer = t->claim->transfer};
	const struct call call = {
		.type = type,
		.fixed = &bodies,
		.fixed_len = sizeof(bodies),
		.elems = list,
		.elem = sizeof(list[0]),
		.count = count,
		.fd = fd,
	};

	t->unanswered++;
	call_send(peer, &call, on_stored, t);
}
_Static_assert(sizeof(struct keys_bodies) == sizeof(struct spool_bodies),
    "one struct for both");

/* Bodies in the order they were made; keys fixes their roots. */
static void
tell_done(struct intake *t)
{
	if (t->done_count == 0)
		return;
	tell_bodies(t, t->c->keys, KEYS_BODY_DONE, t->done, t->done_count, -1);
	t->done_count = 0;
}

static void
add_done(struct intake *t, const struct ipc_body *body)
{
	t->done[t->done_count] = *body;
	t->done[t->done_count].offset = 0;
	t->done[t->done_count++].flags = 0;
	if (t->done_count == INTAKE_BATCH)
		tell_done(t);
}

static void
send_put(struct intake *t)
{
	int fd = t->put.fd;
	uint32_t i;

	if (fd == -1)
		return;
	if (io_seal(fd) != GW_OK)
		log_fatal("a memory file cannot be sealed");
	t->put.fd = -1;
	tell_bodies(t, t->c->spool, SPOOL_BODY_PUT, t->put.bodies,
	    t->put.count, fd);
	for (i = 0; i < t->put.count; i++)
		add_done(t, &t->put.bodies[i]);
	encrypt_put_clear(&t->put);
}

/* --- one body ------------------------------------------------------ */

static void
source_of(const struct intake *t, struct encrypt_source *out)
{
	const struct walk_file *file;

	memset(out, 0, sizeof(*out));
	if (t->is_manifest) {
		out->dirfd = -1;
		out->bytes = t->manifest.data;
		out->size = t->manifest.len;
		return;
	}
	file = &t->walk.files[t->next_body - 1];
	out->dirfd = t->walk.is_set ? t->walk.root_fd : t->c->claim_fd;
	out->path = t->walk.is_set ? file->path : t->claim->hex;
	out->mark = &file->mark;
	out->size = file->mark.size;
}

/* Where the plaintext's hash goes; the manifest's is nobody's business. */
static uint8_t *
sha256_of_body(struct intake *t, uint8_t spare[32])
{
	return t->is_manifest ? spare :
	    t->walk.files[t->next_body - 1].sha256;
}

static const struct keys_body_made *
made_of(const struct intake *t)
{
	const struct intake_batch *batch = &t->batches[t->use];

	return &batch->made[t->next_body - batch->first];
}

static void
body_failed(struct intake *t, enum gw_err err, enum reason reason)
{
	if (reason != REASON_NONE)
		intake_fail(t, reason, "");
	else
		intake_fail_err(t, err, "encrypting");
}

static void
on_created(void *arg, struct ipc_msg *msg)
{
	struct intake *t = arg;
	struct ipc_status status = call_status(msg);
	struct encrypt_source source;
	enum reason reason;
	enum gw_err err;
	int fd;

	t->is_creating = false;
	if (status.err != GW_OK) {
		if (status.reason != REASON_NONE && reason_ok(status.reason))
			intake_fail(t, (enum reason)status.reason, "");
		else
			intake_fail_err(t, (enum gw_err)status.err,
			    "creating");
		return;
	}
	if (msg->fd_count != 1)
		log_fatal("spool gives no file for a body");
	fd = msg->fds[0];
	msg->fds[0] = -1;
	source_of(t, &source);
	err = encrypt_open(&source, made_of(t), t->next_body, fd, &t->large,
	    &reason);
	if (err != GW_OK)
		body_failed(t, err, reason);
	else
		task_wake(t->c->tasks, &t->task);
}

static void
create_large(struct intake *t, uint64_t size)
{
	const struct keys_body_made *made = made_of(t);
	struct spool_body_create create = {
		.transfer = t->claim->transfer,
		.padded_len = body_padded_len(size),
		.index = t->next_body,
	};

	memcpy(create.id, made->body.id, sizeof(create.id));
	t->is_creating = true;
	call_send_fixed(t->c->spool, SPOOL_BODY_CREATE, &create,
	    sizeof(create), on_created, t);
}

/* Returns GW_OK when the body is through. */
static enum gw_err
step_large(struct intake *t, enum reason *reason_out)
{
	struct ipc_body body;
	uint8_t spare[32];
	enum gw_err err;

	err = encrypt_step(t->large, t->c, &body, sha256_of_body(t, spare),
	    reason_out);
	if (err != GW_OK)
		return err;
	encrypt_free(t->large);
	t->large = NULL;
	tell_bodies(t, t->c->spool, SPOOL_BODY_DONE, &body, 1, -1);
	add_done(t, &body);
	return GW_OK;
}

static enum gw_err
step_small(struct intake *t, const struct encrypt_source *source,
    enum reason *reason_out)
{
	uint8_t spare[32];

	if (!encrypt_put_fits(&t->put, source->size))
		send_put(t);
	return encrypt_small(t->c, &t->put, source, made_of(t), t->next_body,
	    sha256_of_body(t, spare), reason_out);
}

/* --- the manifest -------------------------------------------------- */

static void
add_file(struct intake *t, struct manifest_writer *w,
    const struct walk_file *file)
{
	const char *raw = t->walk.is_set ? file->path : t->claim->name;
	struct manifest_file entry = {0};

	file_path(t, file, entry.path, sizeof(entry.path), &entry.charset);
	entry.raw_len = strlen(raw);
	memcpy(entry.raw, raw, entry.raw_len);
	entry.size = file->mark.size;
	if (file->mark.mtime.tv_sec > 0)
		entry.mtime_ms = (uint64_t)file->mark.mtime.tv_sec * 1000 +
		    (uint64_t)file->mark.mtime.tv_nsec / 1000000;
	memcpy(entry.sha256, file->sha256, sizeof(entry.sha256));
	manifest_add(w, &entry);
}

static enum gw_err
build_manifest(struct intake *t)
{
	struct manifest_writer w;
	struct manifest_top top = {
		.version = 1,
		.is_set = t->walk.is_set,
		.file_count = (uint32_t)t->walk.count,
		.created_ms = clock_wall_ms(),
		.retention_days = t->flow.original_days,
	};
	size_t i;

	mem_put_str(top.flow, sizeof(top.flow), t->flow.id);
	mem_put_str(top.submitter, sizeof(top.submitter), t->submitter);
	mem_put_str(top.recipient, sizeof(top.recipient),
	    t->claim->recipient);
	mem_put_str(top.name, sizeof(top.name), t->name);
	buf_init(&t->manifest, MANIFEST_MAX);
	manifest_begin(&w, &top, &t->manifest);
	for (i = 0; i < t->walk.count; i++)
		add_file(t, &w, &t->walk.files[i]);
	return manifest_finish(&w);
}

/* All files are through: the manifest comes last, under index 0. */
static void
start_manifest(struct intake *t)
{
	struct intake_batch *batch = &t->batches[t->use];
	enum gw_err err;

	err = build_manifest(t);
	if (err == GW_ELIMIT || err == GW_EINVAL) {
		intake_refuse(t, REASON_TOO_MANY_FILES, "");
		return;
	}
	if (err != GW_OK) {
		intake_fail_err(t, err, "manifest");
		return;
	}
	t->is_manifest = true;
	t->next_body = 0;
	t->next_ask = (uint32_t)t->walk.count + 1;
	t->batches[1 - t->use].count = 0;
	batch->first = 0;
	batch->count = 1;
	ask_keys(t, batch);
}

/* --- slices -------------------------------------------------------- */

void
intake_bodies_start(struct intake *t)
{
	t->next_ask = 1;
	t->next_body = 1;
	t->is_manifest = false;
	t->use = 0;
	ask_next(t, &t->batches[0]);
}

static bool
is_batch_over(const struct intake *t)
{
	const struct intake_batch *batch = &t->batches[t->use];

	if (t->is_manifest)
		return t->next_body != 0;
	return t->next_body == batch->first + batch->count;
}

/*
 * On to the batch that was asked for meanwhile.  Its keys are asked while
 * the one before is being encrypted.
 */
static void
next_batch(struct intake *t)
{
	mem_clear(t->batches[t->use].made, sizeof(t->batches[t->use].made));
	t->batches[t->use].count = 0;
	t->batches[t->use].is_here = false;
	t->use = 1 - t->use;
}

static void
finish_bodies(struct intake *t)
{
	send_put(t);
	tell_done(t);
	if (t->unanswered == 0)
		intake_all_there(t);
}

/* Returns false when the slice is over or waits for an answer. */
static bool
step_body(struct intake *t, uint64_t *bytes)
{
	struct encrypt_source source;
	enum reason reason = REASON_NONE;
	enum gw_err err;

	source_of(t, &source);
	if (t->large != NULL) {
		err = step_large(t, &reason);
		*bytes += COURIER_SLICE_BYTES;
	} else if (encrypt_is_small(source.size)) {
		err = step_small(t, &source, &reason);
		*bytes += source.size;
	} else {
		create_large(t, source.size);
		return false;
	}
	if (err == GW_EAGAIN) {
		task_wake(t->c->tasks, &t->task);
		return false;
	}
	if (err != GW_OK) {
		body_failed(t, err, reason);
		return false;
	}
	t->next_body++;
	return true;
}

void
intake_bodies_step(struct intake *t)
{
	uint64_t bytes = 0;
	unsigned files = 0;

	while (bytes < COURIER_SLICE_BYTES && files++ < COURIER_SLICE_FILES) {
		if (t->is_creating || t->unanswered >= UNANSWERED_MAX)
			return;
		if (t->is_manifest && t->next_body != 0) {
			finish_bodies(t);
			return;
		}
		if (!t->is_manifest && t->next_body > t->walk.count) {
			start_manifest(t);
			return;
		}
		if (is_batch_over(t))
			next_batch(t);
		if (!t->batches[t->use].is_here)
			return;
		if (!t->is_manifest && t->batches[1 - t->use].count == 0)
			ask_next(t, &t->batches[1 - t->use]);
		if (!step_body(t, &bytes))
			return;
	}
	task_wake(t->c->tasks, &t->task);
}

void
intake_bodies_clear(struct intake *t)
{
	encrypt_free(t->large);
	t->large = NULL;
	encrypt_put_clear(&t->put);
	buf_clear(&t->manifest);
	mem_clear(t->batches, sizeof(t->batches));
	t->done_count = 0;
	t->unanswered = 0;
	t->is_creating = false;
	t->is_manifest = false;
}
