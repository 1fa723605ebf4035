/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/body.h"

#include "gatewayd/spool/handlers.h"
#include "gatewayd/spool/life.h"

/* What one answer may carry, whatever the client asks for. */
#define BODIES_BYTES_MAX (32u << 20)

struct collect {
	struct body_row rows[IPC_BATCH_MAX];
	uint32_t count, max_count;
	uint64_t bytes, max_bytes;
};

/* Small ones together, or one large one alone. */
static bool
bodies_collect(void *arg, const struct body_row *b)
{
	struct collect *c = arg;

	if (c->count == c->max_count)
		return false;
	if (c->count > 0 && (b->place.pack == 0 ||
	    c->bytes + b->place.len > c->max_bytes))
		return false;
	c->rows[c->count++] = *b;
	c->bytes += b->place.len;
	return b->place.pack != 0;
}

/* *bad_out: index of the body that could not be read, if that was it. */
static enum gw_err
bodies_copy(struct spool *sp, const struct collect *c, int *fd_out,
    int64_t *bad_out)
{
	uint8_t *copy = mem_alloc((size_t)c->bytes);
	uint64_t off = 0;
	enum gw_err err;
	uint32_t i;
	int fd = -1;

	err = io_memfd("bodies", &fd);
	for (i = 0; i < c->count && err == GW_OK; i++) {
		err = store_get(sp->store, &c->rows[i].place, copy + off);
		if (err != GW_OK)
			*bad_out = c->rows[i].index;
		off += c->rows[i].place.len;
	}
	if (err == GW_OK)
		err = io_write_full(fd, copy, (size_t)c->bytes);
	if (err == GW_OK)
		err = io_seal(fd);
	mem_free(copy);
	if (err != GW_OK) {
		io_drop(&fd);
		return err;
	}
	*fd_out = fd;
	return GW_OK;
}

/* That one object is lost; the rest of the spool goes on. */
static void
bodies_damaged(struct spool *sp, struct transfer *t, uint32_t index,
    enum gw_err err)
{
	log_err("transfer %s: body %u cannot be read: %s", t->number, index,
	    err_text_en(err));
	if (err == GW_ENOMEM || err == GW_ESPACE || err == GW_ESYS)
		return; /* ours, not the object's */
	(void)life_move(sp, t, EV_DAMAGE, &(struct life_why){
	    .reason = REASON_DAMAGED, .body_index = index});
}

static void
bodies_fill(const struct collect *c, struct ipc_body *out)
{
	uint64_t off = 0;
	uint32_t i;

	for (i = 0; i < c->count; i++) {
		const struct body_row *b = &c->rows[i];

		memset(&out[i], 0, sizeof(out[i]));
		memcpy(out[i].id, b->id, sizeof(out[i].id));
		memcpy(out[i].root, b->root, sizeof(out[i].root));
		out[i].padded_len = b->padded_len;
		out[i].plain_len = b->plain_len;
		out[i].offset = off;
		out[i].index = b->index;
		off += b->place.len;
	}
}

/*
 * Bodies that are not yet durable are in the store all the same, and a copy
 * of them promises nothing: no waiting for the group.
 */
void
bodies_get(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct ipc_body out[IPC_BATCH_MAX];
	struct ipc_status status = {.err = GW_ENOENT};
	struct spool_body_get ask;
	struct collect c = {0};
	struct transfer t;
	int64_t bad = -1;
	int fd = -1;

	memcpy(&ask, msg->body, sizeof(ask));
	c.max_count = ask.max_count < IPC_BATCH_MAX ? ask.max_count :
	    IPC_BATCH_MAX;
	c.max_bytes = ask.max_bytes < BODIES_BYTES_MAX ? ask.max_bytes :
	    BODIES_BYTES_MAX;
	if (c.max_count == 0)
		log_fatal("%s: no bodies asked for",
		    ipc_chan_peer(client->chan));
	if (!catalog_find(sp->cat, ask.transfer.id, &t))
		goto out;
	catalog_bodies(sp->cat, t.row, ask.first, bodies_collect, &c);
	if (c.count == 0)
		goto out;
	if (c.rows[0].place.pack != 0) {
		status.err = bodies_copy(sp, &c, &fd, &bad);
	} else {
		status.err = store_file(sp->store, c.rows[0].id, &fd);
		bad = c.rows[0].index;
	}
	if (status.err == GW_OK) {
		bodies_fill(&c, out);
	} else if (bad != -1) {
		bodies_damaged(sp, &t, (uint32_t)bad,
		    (enum gw_err)status.err);
		status.reason = REASON_DAMAGED;
	}
out:
	ipc_send(client->chan, msg->type | IPC_REPLY, msg->id, &status,
	    sizeof(status), out, sizeof(out[0]),
	    status.err == GW_OK ? c.count : 0, &fd, fd != -1);
}
