/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/body.h"
#include "proto/parcel/manifest.h"

#include "gatewayd/courier/call.h"
#include "gatewayd/courier/fetch.h"

#define FETCH_BYTES (4u << 20)

/* keys may be writing an entry about the transfer; it does not take long. */
#define BUSY_TRIES 100u
#define BUSY_MS 50

/* What keys recorded is what counts; the spool only keeps bytes. */
static enum gw_err
fetch_join(struct fetch *f)
{
	const struct ipc_body *body;
	struct keys_grant *grant;
	uint32_t i;

	if (f->count > f->grants)
		return GW_EPROTO;
	for (i = 0; i < f->count; i++) {
		body = &f->bodies[i];
		grant = &f->list[i].grant;
		if (grant->err != GW_OK) {
			f->reason = grant->reason;
			return (enum gw_err)grant->err;
		}
		if (body->index != f->first + i ||
		    memcmp(body->id, grant->body.id, sizeof(body->id)) != 0 ||
		    body->padded_len != grant->padded_len)
			return GW_EHASH;
		f->list[i].offset = body->offset;
	}
	return GW_OK;
}

static void
fetch_done(struct fetch *f)
{
	if (!f->has_bodies || !f->has_grants)
		return;
	if (f->err == GW_OK)
		f->err = fetch_join(f);
	f->fn(f->arg, f);
}

static void
fetch_failed(struct fetch *f, const struct ipc_status *status)
{
	if (f->err != GW_OK)
		return;
	f->err = status->err != GW_OK ? (enum gw_err)status->err : GW_EPROTO;
	f->reason = status->reason;
}

static void
on_bodies(void *arg, struct ipc_msg *msg)
{
	struct ipc_status status = call_status(msg);
	struct fetch *f = arg;

	f->has_bodies = true;
	if (status.err != GW_OK || msg->count == 0 || msg->fd_count != 1 ||
	    msg->count > f->count) {
		fetch_failed(f, &status);
	} else {
		f->count = msg->count;
		memcpy(f->bodies, msg->elems,
		    f->count * sizeof(f->bodies[0]));
		f->fd = msg->fds[0];
		msg->fds[0] = -1;
	}
	fetch_done(f);
}

static void ask_keys(void *arg);

static void
on_grants(void *arg, struct ipc_msg *msg)
{
	const struct keys_grant *grants = msg->elems;
	struct ipc_status status = call_status(msg);
	struct fetch *f = arg;
	uint32_t i;

	if ((status.err == GW_EBUSY || status.err == GW_EAGAIN) &&
	    f->tries++ < BUSY_TRIES) {
		if (f->timer == NULL)
			f->timer = ev_timer_new(f->c->loop, ask_keys, f);
		ev_timer_set(f->timer, BUSY_MS);
		return;
	}
	f->has_grants = true;
	if (status.err != GW_OK || msg->count > IPC_BATCH_MAX)
		fetch_failed(f, &status);
	for (i = 0; status.err == GW_OK && i < msg->count; i++)
		memcpy(&f->list[i].grant, &grants[i], sizeof(grants[i]));
	f->grants = status.err == GW_OK ? msg->count : 0;
	fetch_done(f);
}

static void
ask_keys(void *arg)
{
	struct fetch *f = arg;
	const struct keys_release release = {
		.transfer = f->transfer,
		.first = f->first,
		.count = f->asked,
	};
	const struct keys_view view = {
		.transfer = f->transfer,
		.uid = UINT32_MAX,
	};

	if (f->right == FETCH_VIEW)
		call_send_fixed(f->c->keys, KEYS_VIEW, &view, sizeof(view),
		    on_grants, f);
	else
		call_send_fixed(f->c->keys, KEYS_RELEASE, &release,
		    sizeof(release), on_grants, f);
}

struct fetch *
fetch_new(struct courier *c, const struct key_ref *transfer,
    enum fetch_right right, uint32_t first, uint32_t max,
    void (*fn)(void *arg, struct fetch *), void *arg)
{
	struct fetch *f = mem_alloc(sizeof(*f));
	const struct spool_body_get get = {
		.transfer = *transfer,
		.first = first,
		.max_count = max < IPC_BATCH_MAX ? max : IPC_BATCH_MAX,
		.max_bytes = FETCH_BYTES,
	};

	f->c = c;
	f->fn = fn;
	f->arg = arg;
	f->fd = -1;
	f->transfer = *transfer;
	f->right = right;
	f->first = first;
	f->asked = f->count = get.max_count;
	f->list = mem_array(IPC_BATCH_MAX, sizeof(*f->list));
	ask_keys(f);
	call_send_fixed(c->spool, SPOOL_BODY_GET, &get, sizeof(get),
	    on_bodies, f);
	return f;
}

void
fetch_free(struct fetch *f)
{
	if (f == NULL)
		return;
	call_forget(f->c->keys, f);
	call_forget(f->c->spool, f);
	ev_timer_free(f->timer);
	io_drop(&f->fd);
	mem_free_secret(f->list, IPC_BATCH_MAX * sizeof(*f->list));
	mem_free(f);
}

enum gw_err
fetch_manifest(const struct fetch *f, uint8_t **out, size_t *len_out)
{
	const struct keys_grant *grant = &f->list[0].grant;
	struct body_grant body = {.padded_len = grant->padded_len};
	struct body_reader *reader = NULL;
	uint8_t *bytes = NULL;
	enum gw_err err;
	size_t got = 0, len = 0;

	if (f->first != 0 || f->count == 0)
		return GW_EINVAL;
	if (grant->padded_len > body_padded_len(MANIFEST_MAX))
		return GW_ELIMIT;
	/* Its length is inside; until it is read, the padding counts too. */
	body.plain_len = grant->padded_len;
	memcpy(body.id, grant->body.id, sizeof(body.id));
	memcpy(body.key, grant->key, sizeof(body.key));
	memcpy(body.root, grant->root, sizeof(body.root));
	err = body_reader_open(f->fd, f->list[0].offset, &body, &reader);
	if (err != GW_OK)
		goto out;
	bytes = mem_alloc((size_t)grant->padded_len);
	err = body_reader_pread(reader, bytes, (size_t)grant->padded_len, 0,
	    &got);
	if (err == GW_OK)
		err = manifest_length(bytes, got, &len);
	if (err != GW_OK)
		goto out;
	*out = bytes;
	*len_out = len;
	bytes = NULL;
out:
	mem_clear(&body, sizeof(body));
	body_reader_free(reader);
	mem_free(bytes);
	return err;
}
