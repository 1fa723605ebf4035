/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rd.h"

#include "gatewayd/spool/recover.h"
#include "gatewayd/spool/rx.h"

/* Entries read from the log at once. */
#define RECOVER_READ 256

/* --- the log ------------------------------------------------------------------------- */

static const struct ipc_rule recover_rules[] = {
	{AUDIT_HEAD | IPC_REPLY, sizeof(struct audit_head), 0, 0, 0, 0},
	{AUDIT_READ | IPC_REPLY, sizeof(struct ipc_status), 0, 0, 0, 1},
	{AUDIT_APPEND | IPC_REPLY, sizeof(struct audit_head), 0, 0, 0, 0},
};

struct recover {
	struct spool *sp;
	int fd;
	uint8_t *buf;
	struct audit_record *voids; /* STATE entries that nothing followed */
	uint32_t count, cap;
};

static void
recover_ask(struct recover *r, uint16_t type, const void *body, size_t len,
    struct ipc_msg *out)
{
	enum gw_err err;

	err = ipc_send_wait(r->fd, type, 0, body, len, NULL, 0);
	if (err == GW_OK)
		err = ipc_recv_wait(r->fd, recover_rules,
		    (int)(sizeof(recover_rules) / sizeof(recover_rules[0])),
		    r->buf, out);
	if (err != GW_OK || out->type != (type | IPC_REPLY))
		log_fatal("audit does not answer: %s", err_text_en(err));
}

static struct audit_head
recover_head(struct recover *r)
{
	struct audit_head head;
	struct ipc_msg msg;

	recover_ask(r, AUDIT_HEAD, NULL, 0, &msg);
	memcpy(&head, msg.body, sizeof(head));
	ipc_msg_clear(&msg);
	if (head.err != GW_OK)
		log_fatal("audit has no log: %s",
		    err_text_en((enum gw_err)head.err));
	return head;
}

static bool
recover_same(const struct audit_record *a, const struct audit_record *b)
{
	return a->attempt == b->attempt &&
	    memcmp(a->transfer_id, b->transfer_id, sizeof(a->transfer_id)) ==
	    0 && memcmp(a->parcel_id, b->parcel_id, sizeof(a->parcel_id)) == 0;
}

static bool
recover_is_shown(struct recover *r, const struct audit_record *a)
{
	struct spool *sp = r->sp;
	struct transfer t;
	uint32_t state;

	if (!catalog_find(sp->cat, a->transfer_id, &t))
		return false;
	for (state = 1; state < ST_COUNT; state++) {
		if (strcmp(transfer_state_word((enum transfer_state)state),
		    a->state) == 0)
			return catalog_step_has(sp->cat, t.row, a->attempt,
			    state);
	}
	return false;
}

static void
recover_entry(struct recover *r, const struct audit_record *a)
{
	uint32_t i;

	if (a->event == AUDIT_VOID) {
		for (i = 0; i < r->count; i++) {
			if (!recover_same(&r->voids[i], a))
				continue;
			r->voids[i] = r->voids[--r->count];
			return;
		}
	}
	if (a->event != AUDIT_STATE || recover_is_shown(r, a))
		return;
	if (r->count == r->cap) {
		r->cap = r->cap == 0 ? 64 : r->cap * 2;
		r->voids = mem_grow(r->voids, r->cap, sizeof(*r->voids));
	}
	r->voids[r->count++] = *a;
}

/* u16-length-prefixed entries; returns how many there were. */
static uint32_t
recover_entries(struct recover *r, int fd)
{
	struct audit_record a;
	const uint8_t *bytes;
	uint8_t *data;
	uint64_t size = 0;
	struct rd rd;
	uint16_t len;
	uint32_t n = 0;

	if (io_check_sealed(fd, &size) != GW_OK)
		log_fatal("audit: entries in a file that is not sealed");
	data = mem_alloc((size_t)size + 1);
	if (io_pread_full(fd, data, (size_t)size, 0) != GW_OK)
		log_fatal("audit: entries cannot be read");
	rd_init(&rd, data, (size_t)size);
	while (rd_left(&rd) > 0) {
		if (rd_u16(&rd, &len) != GW_OK ||
		    rd_span(&rd, len, &bytes) != GW_OK ||
		    audit_decode(bytes, len, &a) != GW_OK)
			log_fatal("audit: an entry that is none");
		recover_entry(r, &a);
		n++;
	}
	mem_free(data);
	return n;
}

static void
recover_read(struct recover *r, uint64_t first, uint64_t size)
{
	struct audit_range range = {.first = first};
	struct ipc_status status;
	struct ipc_msg msg;
	uint32_t n;

	while (range.first < size) {
		range.count = size - range.first < RECOVER_READ ?
		    (uint32_t)(size - range.first) : RECOVER_READ;
		recover_ask(r, AUDIT_READ, &range, sizeof(range), &msg);
		memcpy(&status, msg.body, sizeof(status));
		if (status.err != GW_OK || msg.fd_count != 1)
			log_fatal("audit: the log cannot be read: %s",
			    err_text_en((enum gw_err)status.err));
		n = recover_entries(r, msg.fds[0]);
		ipc_msg_clear(&msg);
		if (n == 0)
			log_fatal("audit: the log ends before its size");
		range.first += n;
	}
}

/* The entry was an intent; this says that it was not carried out. */
static void
recover_void(struct audit_record *a)
{
	a->event = AUDIT_VOID;
	a->wall_ms = clock_wall_ms();
	mem_put_str(a->actor, sizeof(a->actor), "spool");
}

static void
recover_append(struct recover *r)
{
	struct audit_head head;
	struct ipc_msg msg;
	uint32_t i, n;

	for (i = 0; i < r->count; i++)
		recover_void(&r->voids[i]);
	for (i = 0; i < r->count; i += n) {
		n = r->count - i < AUDIT_APPEND_MAX ? r->count - i :
		    AUDIT_APPEND_MAX;
		recover_ask(r, AUDIT_APPEND, r->voids + i,
		    n * sizeof(*r->voids), &msg);
		memcpy(&head, msg.body, sizeof(head));
		ipc_msg_clear(&msg);
		if (head.err != GW_OK)
			log_fatal("audit cannot append: %s",
			    err_text_en((enum gw_err)head.err));
	}
}

static void
recover_log(struct spool *sp, int audit_fd)
{
	struct recover r = {.sp = sp, .fd = audit_fd};
	struct audit_head head;

	r.buf = mem_alloc(IPC_MSG_MAX);
	head = recover_head(&r);
	if (head.size < sp->gate.audit_size)
		log_fatal("the audit log has %llu entries, the catalogue saw "
		    "%llu: the log was cut or restored from an older backup",
		    (unsigned long long)head.size,
		    (unsigned long long)sp->gate.audit_size);
	recover_read(&r, sp->gate.audit_size, head.size);
	if (r.count > 0) {
		log_warn("%u entries of the log were not carried out", r.count);
		recover_append(&r);
		head = recover_head(&r);
	}
	sp->gate.audit_size = head.size;
	mem_free(r.voids);
	mem_free(r.buf);
}

/* --- work ------------------------------------------------------------------------------ */

void
recover_inspect(struct spool *sp)
{
	catalog_fail_tasks(sp->cat, TASK_INSPECT);
}

void
recover_courier(struct spool *sp)
{
	catalog_free_tasks(sp->cat, TASK_DELIVER);
	catalog_free_notices(sp->cat);
}

void
recover_drop_arriving(struct spool *sp)
{
	struct arriving *a;

	while ((a = TAILQ_FIRST(&sp->arriving)) != NULL)
		rx_drop(sp, a);
}

void
recover_run(struct spool *sp, int audit_fd)
{
	enum gw_err err;
	int task;

	err = store_recover(sp->store);
	if (err != GW_OK)
		log_fatal("the body store cannot be read: %s",
		    err_text_en(err));
	for (task = TASK_NONE + 1; task < TASK_COUNT; task++)
		catalog_free_tasks(sp->cat, (enum task)task);
	catalog_free_notices(sp->cat);
	recover_log(sp, audit_fd);
	store_note(sp->store);
	catalog_gate_put(sp->cat, &sp->gate);
	catalog_commit(sp->cat);
	if (sp->gate.disk_failed != 0)
		log_err("intake is stopped: a sync failed before; check the "
		    "disk, then gatewayctl reload");
}
