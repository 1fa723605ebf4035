/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "proto/ipc/spool.h"

#include "tests/hostile/hostile.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))
#define WORKS_MAX 64

/* Requests for work that courier keeps open. */
static uint64_t works[WORKS_MAX];
static int work_count;

static struct {
	struct key_ref ref;		/* of the transfer seen first */
	char number[IPC_NUMBER_LEN];
	struct spool_row row;		/* the first that desk was shown */
	struct ipc_body body;		/* its file, as it is stored */
	struct keys_open open;
	uint64_t taken;			/* an open request used by us */
	int fd;
	int answers;
	bool has_ref, has_body, has_row;
} mem;

static void
spool_reset(void)
{
	io_drop(&mem.fd);
	memset(&mem, 0, sizeof(mem));
	mem.fd = -1;
}

static void
spool_watch(enum proc_id peer, enum hostile_way way,
    const struct wire_note *n)
{
	int i;

	if (peer != PROC_COURIER)
		return;
	if (way == FROM_PEER && n->type == SPOOL_WORK &&
	    work_count < WORKS_MAX)
		works[work_count++] = n->id;
	if (way != FROM_REAL || n->type != (SPOOL_WORK | IPC_REPLY))
		return;
	for (i = 0; i < work_count; i++) {
		if (works[i] == n->id)
			works[i] = works[--work_count];
	}
}

static bool
is(enum hostile_way way, enum hostile_way want, const struct wire_note *n,
    uint16_t type)
{
	return way == want && n->type == type;
}

static bool
is_same(const struct key_ref *a, const struct key_ref *b)
{
	return memcmp(a->id, b->id, sizeof(a->id)) == 0;
}

/* --- sending side ------------------------------------------------------- */

static void
ask_seal(struct hostile *h, const struct key_ref *ref, const char *number)
{
	struct keys_seal ask = {.transfer = *ref};

	mem_put_str(ask.number, sizeof(ask.number), number);
	hostile_ask(h, PROC_KEYS, KEYS_SEAL, &ask, sizeof(ask), -1);
}

static void
say_seal(struct hostile *h, const struct wire_note *n)
{
	mem.answers++;
	if (n->type == (KEYS_SEAL | IPC_REPLY))
		hostile_say(h, "seal %d: err %d, fds %d", mem.answers,
		    hostile_err(n), n->fd_count);
}

/* Inspect never hears of it; keys is asked to seal it all the same. */
static bool
seal_at_once(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct keys_evaluate ask = {.number = "L20260401-00001-0"};
	struct spool_inspect job;

	if (way == ANSWER) {
		say_seal(h, n);
		return false;
	}
	if (peer != PROC_INSPECT ||
	    !is(way, FROM_REAL, n, SPOOL_INSPECT | IPC_REPLY) ||
	    !hostile_get(n, &job, sizeof(job)) || job.side != SIDE_LOW)
		return true;
	ask.transfer = job.transfer;
	ask_seal(h, &job.transfer, ask.number);
	hostile_ask(h, PROC_KEYS, KEYS_EVALUATE, &ask, sizeof(ask), -1);
	ask_seal(h, &job.transfer, ask.number);
	return false;
}

/* What keys says of a clean transfer is passed off as said of the others. */
static bool
evaluate_other(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct keys_evaluate ask;

	if (peer != PROC_KEYS)
		return true;
	if (is(way, FROM_PEER, n, KEYS_EVALUATE | IPC_REPLY) && mem.answers) {
		struct keys_decided d;

		if (hostile_get(n, &d, sizeof(d)))
			hostile_say(h, "evaluate: err %d, decision %u", d.err,
			    d.decision);
	}
	if (is(way, FROM_PEER, n, KEYS_SEAL | IPC_REPLY) && mem.answers)
		hostile_say(h, "seal: err %d, fds %d", hostile_err(n),
		    n->fd_count);
	if (!is(way, FROM_REAL, n, KEYS_EVALUATE) ||
	    !hostile_get(n, &ask, sizeof(ask)))
		return true;
	if (!mem.has_ref || is_same(&mem.ref, &ask.transfer)) {
		mem.has_ref = true;
		mem.ref = ask.transfer;
		memcpy(mem.number, ask.number, sizeof(mem.number));
		return true;
	}
	mem.answers++;
	ask.transfer = mem.ref;
	memcpy(ask.number, mem.number, sizeof(ask.number));
	hostile_set(n, &ask, sizeof(ask));
	return true;
}

/* An infected transfer and its number in the places of a clean one's. */
static bool
seal_other(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct keys_evaluate eval;
	struct keys_seal seal;

	if (peer != PROC_KEYS)
		return true;
	if (way == ANSWER) {
		say_seal(h, n);
		return false;
	}
	if (is(way, FROM_REAL, n, KEYS_EVALUATE) && !mem.has_ref &&
	    hostile_get(n, &eval, sizeof(eval))) {
		mem.has_ref = true;
		mem.ref = eval.transfer;
		memcpy(mem.number, eval.number, sizeof(mem.number));
	}
	if (!is(way, FROM_REAL, n, KEYS_SEAL) ||
	    !hostile_get(n, &seal, sizeof(seal)) ||
	    is_same(&mem.ref, &seal.transfer))
		return true;
	ask_seal(h, &mem.ref, mem.number);
	ask_seal(h, &mem.ref, seal.number);
	ask_seal(h, &seal.transfer, mem.number);
	return true;
}

/* --- bytes of other transfers ------------------------------------------- */

/* The manifest stays readable; behind it the bytes of the first file. */
static bool
swap_behind_manifest(struct wire_note *n, const struct ipc_body *b)
{
	uint8_t bytes[65536];
	size_t len = (size_t)b->offset;
	int fd = -1;

	if (2 * len > sizeof(bytes) ||
	    io_pread_full(n->fds[0], bytes, len, 0) != GW_OK ||
	    io_pread_full(mem.fd, bytes + len, len, mem.body.offset) !=
	    GW_OK || io_memfd("hostile", &fd) != GW_OK ||
	    io_pwrite_full(fd, bytes, 2 * len, 0) != GW_OK ||
	    io_seal(fd) != GW_OK) {
		io_drop(&fd);
		return false;
	}
	io_drop(&n->fds[0]);
	n->fds[0] = fd;
	return true;
}

/* The file in an answer of bodies: alone, or behind the manifest. */
static struct ipc_body *
given_file(enum hostile_way way, struct wire_note *n, bool *has_manifest_out)
{
	struct ipc_body *b;

	if (!is(way, FROM_REAL, n, SPOOL_BODY_GET | IPC_REPLY) ||
	    n->fd_count != 1)
		return NULL;
	b = hostile_elem(n, sizeof(struct ipc_status), sizeof(*b), 0);
	*has_manifest_out = b != NULL && b->index == 0;
	if (*has_manifest_out)
		b = hostile_elem(n, sizeof(struct ipc_status), sizeof(*b), 1);
	return b;
}

/*
 * The first file that inspect was given is given to `victim` in place of
 * every other one that is padded to the same length.
 */
static bool
swap_bytes(struct hostile *h, enum proc_id victim, enum proc_id peer,
    enum hostile_way way, struct wire_note *n)
{
	bool has_manifest = false;
	struct ipc_body *b = given_file(way, n, &has_manifest);

	if (b == NULL)
		return true;
	if (!mem.has_body && peer == PROC_INSPECT) {
		mem.has_body = true;
		mem.body = *b;
		mem.fd = fcntl(n->fds[0], F_DUPFD_CLOEXEC, 3);
		return true;
	}
	if (!mem.has_body || peer != victim || b->index != 1 ||
	    memcmp(mem.body.id, b->id, sizeof(b->id)) == 0 ||
	    mem.body.padded_len != b->padded_len)
		return true;
	if (has_manifest) {
		if (!swap_behind_manifest(n, b))
			return true;
	} else {
		io_drop(&n->fds[0]);
		n->fds[0] = fcntl(mem.fd, F_DUPFD_CLOEXEC, 3);
		b->offset = mem.body.offset;
	}
	hostile_say(h, "swapped");
	return true;
}

static bool
swap_for_inspect(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	return swap_bytes(h, PROC_INSPECT, peer, way, n);
}

static bool
swap_for_link(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	return swap_bytes(h, PROC_LINK, peer, way, n);
}

static bool
swap_for_courier(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	return swap_bytes(h, PROC_COURIER, peer, way, n);
}

/* --- work for courier --------------------------------------------------- */

/* Courier's word about a delivery of ours does not reach the real one. */
static bool
take_outcome(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	const struct ipc_status ok = {.err = GW_OK};
	struct spool_outcome out;

	if (peer != PROC_COURIER || way != FROM_PEER ||
	    (n->type != SPOOL_STAGED && n->type != SPOOL_PUBLISHED) ||
	    !mem.has_ref || !hostile_get(n, &out, sizeof(out)) ||
	    !is_same(&mem.ref, &out.transfer))
		return false;
	hostile_say(h, "%s: err %d", n->type == SPOOL_STAGED ? "staged" :
	    "published", out.err);
	hostile_tell(h, peer, false, n->type | IPC_REPLY, n->id, &ok,
	    sizeof(ok), -1);
	return true;
}

/* What was refused here is to be delivered here. */
static bool
deliver_refused(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct spool_work work;

	if (take_outcome(h, peer, way, n))
		return false;
	if (peer != PROC_COURIER ||
	    !is(way, FROM_REAL, n, SPOOL_WORK | IPC_REPLY) ||
	    !hostile_get(n, &work, sizeof(work)) ||
	    work.kind != WORK_NOTICE || work.side != SIDE_LOW ||
	    work.state != ST_REJECTED)
		return true;
	mem.has_ref = true;
	mem.ref = work.transfer;
	work.kind = WORK_DELIVER;
	work.state = ST_REINSPECTED;
	hostile_set(n, &work, sizeof(work));
	hostile_say(h, "deliver");
	return true;
}

/* Courier is told to deliver what nobody has looked at. */
static bool
deliver_early(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct spool_work work = {.kind = WORK_DELIVER, .side = SIDE_HIGH,
	    .state = ST_REINSPECTED, .number = "I20260401-00001-0"};
	struct spool_inspect job;

	if (take_outcome(h, peer, way, n))
		return false;
	if (peer == PROC_COURIER && mem.has_ref &&
	    is(way, FROM_REAL, n, SPOOL_WORK | IPC_REPLY) &&
	    n->id == mem.taken)
		return false;
	if (peer != PROC_INSPECT || mem.has_ref || work_count == 0 ||
	    !is(way, FROM_REAL, n, SPOOL_INSPECT | IPC_REPLY) ||
	    !hostile_get(n, &job, sizeof(job)) || job.side != SIDE_HIGH)
		return true;
	mem.has_ref = true;
	mem.ref = work.transfer = job.transfer;
	mem.taken = works[--work_count];
	work.body_count = job.body_count;
	memcpy(work.flow, job.flow, sizeof(work.flow));
	hostile_tell(h, PROC_COURIER, false, SPOOL_WORK | IPC_REPLY,
	    mem.taken, &work, sizeof(work), -1);
	hostile_say(h, "deliver");
	return false;
}

/* What has passed goes into another flow's mailbox. */
static bool
deliver_elsewhere(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct spool_work work;
	struct spool_outcome out;

	if (peer == PROC_COURIER && is(way, FROM_PEER, n, SPOOL_STAGED) &&
	    mem.has_ref && hostile_get(n, &out, sizeof(out)))
		hostile_say(h, "staged: err %d", out.err);
	if (peer != PROC_COURIER ||
	    !is(way, FROM_REAL, n, SPOOL_WORK | IPC_REPLY) ||
	    !hostile_get(n, &work, sizeof(work)) ||
	    work.kind != WORK_DELIVER)
		return true;
	mem.has_ref = true;
	memset(work.flow, 0, sizeof(work.flow));
	mem_put_str(work.flow, sizeof(work.flow), "documents");
	hostile_set(n, &work, sizeof(work));
	return true;
}

/* --- receiving side ----------------------------------------------------- */

/* The parcel that was opened is opened again. */
static bool
open_twice(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct keys_opened o;

	if (peer != PROC_KEYS)
		return true;
	if (is(way, FROM_REAL, n, KEYS_OPEN) && n->fd_count == 1 &&
	    hostile_get(n, &mem.open, sizeof(mem.open))) {
		io_drop(&mem.fd);
		mem.fd = fcntl(n->fds[0], F_DUPFD_CLOEXEC, 3);
	}
	if (n->type != (KEYS_OPEN | IPC_REPLY) ||
	    !hostile_get(n, &o, sizeof(o)))
		return true;
	if (way == ANSWER) {
		hostile_say(h, "opened again: err %d, same %d", o.err,
		    is_same(&mem.ref, &o.transfer));
	} else if (mem.fd != -1) {
		mem.ref = o.transfer;
		hostile_ask(h, PROC_KEYS, KEYS_OPEN, &mem.open,
		    sizeof(mem.open), mem.fd);
		mem.fd = -1;
	}
	return true;
}

/* --- people ------------------------------------------------------------- */

static struct spool_row *
shown_row(enum proc_id peer, enum hostile_way way, struct wire_note *n)
{
	if (peer != PROC_DESK || way != FROM_REAL ||
	    n->type != (SPOOL_LIST | IPC_REPLY) ||
	    n->len != sizeof(struct ipc_status) + sizeof(struct spool_row))
		return NULL;
	return hostile_elem(n, sizeof(struct ipc_status),
	    sizeof(struct spool_row), 0);
}

/*
 * Asked for one transfer's number, it names another transfer: who approves
 * what they have seen would approve what they have not.
 */
static bool
approve_other(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct spool_row *row = shown_row(peer, way, n);

	if (row == NULL || row->state != ST_WAITING)
		return true;
	if (!mem.has_row) {
		mem.has_row = true;
		mem.row = *row;
		return true;
	}
	if (is_same(&mem.row.transfer, &row->transfer))
		return true;
	row->transfer = mem.row.transfer;
	hostile_say(h, "another transfer under %.24s", row->number);
	return true;
}

/* The same, and keys was told one number for both. */
static bool
one_number(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct spool_row *row = shown_row(peer, way, n);
	struct keys_evaluate ask;

	if (peer == PROC_KEYS && is(way, FROM_PEER, n,
	    KEYS_EVALUATE | IPC_REPLY))
		hostile_say(h, "evaluate: err %d", hostile_err(n));
	if (peer == PROC_KEYS && is(way, FROM_REAL, n, KEYS_EVALUATE) &&
	    hostile_get(n, &ask, sizeof(ask))) {
		if (!mem.has_ref)
			memcpy(mem.number, ask.number, sizeof(mem.number));
		mem.has_ref = true;
		memcpy(ask.number, mem.number, sizeof(ask.number));
		hostile_set(n, &ask, sizeof(ask));
	}
	if (row != NULL && mem.has_ref) {
		if (!mem.has_row && strcmp(row->number, mem.number) != 0) {
			mem.has_row = true;
			mem.row = *row;
		}
		if (mem.has_row) {
			row->transfer = mem.row.transfer;
			memcpy(row->number, mem.number, sizeof(row->number));
			hostile_say(h, "another transfer");
		}
	}
	return true;
}

static const struct hostile_case cases[] = {
	{"seal-at-once", seal_at_once},
	{"evaluate-other", evaluate_other},
	{"seal-other", seal_other},
	{"swap-for-inspect", swap_for_inspect},
	{"swap-for-link", swap_for_link},
	{"swap-for-courier", swap_for_courier},
	{"deliver-refused", deliver_refused},
	{"deliver-early", deliver_early},
	{"deliver-elsewhere", deliver_elsewhere},
	{"open-twice", open_twice},
	{"approve-other", approve_other},
	{"one-number", one_number},
};

const struct hostile_kind hostile_spool = {
	.procs = 1u << PROC_SPOOL,
	.cases = cases,
	.case_count = COUNT(cases),
	.reset = spool_reset,
	.watch = spool_watch,
};
