/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"
#include "proto/ipc/keys.h"
#include "proto/ipc/spool.h"

#include "tests/hostile/hostile.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))
#define APPROVER_UID 70001 /* tests/system/nonbypass.py */

/* keys hears of a flow without approval, spool and manifest of the real. */
static bool
lax_flow(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct keys_transfer_new ask;

	if (peer != PROC_KEYS || way != FROM_REAL ||
	    n->type != KEYS_TRANSFER_NEW ||
	    !hostile_get(n, &ask, sizeof(ask)))
		return true;
	memset(ask.flow, 0, sizeof(ask.flow));
	mem_put_str(ask.flow, sizeof(ask.flow), "text-data-out");
	hostile_set(n, &ask, sizeof(ask));
	hostile_say(h, "told");
	return true;
}

/* Roots of something else than what was written. */
static bool
wrong_root(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct ipc_body *b;
	size_t i;

	if (peer != PROC_KEYS || way != FROM_REAL ||
	    n->type != KEYS_BODY_DONE)
		return true;
	for (i = 0; (b = hostile_elem(n, sizeof(struct keys_bodies),
	    sizeof(*b), i)) != NULL; i++) {
		if (b->index == 0)
			continue;
		b->root[0] ^= 1;
		hostile_say(h, "told");
	}
	return true;
}

/* keys is told that a program is a text; the manifest names it truly. */
static bool
wrong_name(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct keys_body_ask *ask;
	size_t i;

	if (peer != PROC_KEYS || way != FROM_REAL || n->type != KEYS_BODY_NEW)
		return true;
	for (i = 0; (ask = hostile_elem(n, sizeof(struct keys_bodies),
	    sizeof(*ask), i)) != NULL; i++) {
		if (ask->index == 0)
			continue;
		memset(ask->ext, 0, sizeof(ask->ext));
		mem_put_str(ask->ext, sizeof(ask->ext), "txt");
		hostile_say(h, "told");
	}
	return true;
}

static bool
get_notice(enum proc_id peer, enum hostile_way way,
    const struct wire_note *n, struct spool_work *work)
{
	return peer == PROC_SPOOL && way == FROM_PEER &&
	    n->type == (SPOOL_WORK | IPC_REPLY) &&
	    hostile_get(n, work, sizeof(*work)) && work->kind == WORK_NOTICE;
}

/* Approves what it handed in itself. */
static bool
decide(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct keys_decide ask = {.act = ACT_APPROVE, .uid = APPROVER_UID,
	    .roles = UINT32_MAX, .account = "uid:70001"};
	struct spool_work work;

	if (way == ANSWER) {
		hostile_say(h, "decided: err %d", hostile_err(n));
		return false;
	}
	if (!get_notice(peer, way, n, &work) || work.state != ST_WAITING)
		return true;
	ask.transfer = work.transfer;
	memcpy(ask.number, work.number, sizeof(ask.number));
	hostile_say(h, "decides");
	hostile_ask(h, PROC_KEYS, KEYS_DECIDE, &ask, sizeof(ask), -1);
	return true;
}

/* Keys of what was not let through; its number comes with a notice. */
static bool
release_early(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct keys_release ask = {.count = 1};
	struct keys_view view = {.uid = APPROVER_UID};
	struct spool_work work;

	if (way == ANSWER) {
		hostile_say(h, "0x%x: err %d", n->type, hostile_err(n));
		return false;
	}
	if (!get_notice(peer, way, n, &work) || work.side != SIDE_HIGH)
		return true;
	ask.transfer = view.transfer = work.transfer;
	for (ask.first = 0; ask.first < 2; ask.first++)
		hostile_ask(h, PROC_KEYS, KEYS_RELEASE, &ask, sizeof(ask),
		    -1);
	hostile_ask(h, PROC_KEYS, KEYS_VIEW, &view, sizeof(view), -1);
	return true;
}

static const struct hostile_case cases[] = {
	{"lax-flow", lax_flow},
	{"wrong-root", wrong_root},
	{"wrong-name", wrong_name},
	{"decide", decide},
	{"release-early", release_early},
};

const struct hostile_kind hostile_courier = {
	.procs = 1u << PROC_COURIER,
	.cases = cases,
	.case_count = COUNT(cases),
};
