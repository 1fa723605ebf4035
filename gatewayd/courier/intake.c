/* SPDX-License-Identifier: ISC */
#include <sys/random.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/body.h"

#include "gatewayd/courier/intake_own.h"
#include "gatewayd/courier/text.h"
#include "gatewayd/courier/tree.h"
#include "gatewayd/courier/watch.h"

/*
 * A transfer of more than this is large: few of them are under way at once,
 * and those that wait for a place keep no hand busy.
 */
#define BIG_BYTES (64u << 20)
#define BIG_FILES 2000u
#define BIG_MAX 2u
#define PARKED_MAX 256u

struct intake_desk {
	struct courier *c;
	TAILQ_HEAD(, intake) intakes;
	struct claim_list claims;	/* all that have no END */
	unsigned active, big, parked;
};

struct intake_desk *
intake_desk_new(struct courier *c)
{
	struct intake_desk *desk = mem_alloc(sizeof(*desk));

	desk->c = c;
	TAILQ_INIT(&desk->intakes);
	TAILQ_INIT(&desk->claims);
	return desk;
}

unsigned
intake_count(const struct intake_desk *desk)
{
	return desk->active + desk->parked;
}

static void
intake_clear(struct intake *t)
{
	task_stop(t->c->tasks, &t->task);
	call_forget(t->c->keys, t);
	call_forget(t->c->spool, t);
	group_forget(t->c->group, &t->wait);
	ev_timer_free(t->timer);
	intake_bodies_clear(t);
	walk_clear(&t->walk);
	journal_claim_free(t->claim);
	mem_free(t);
}

void
intake_desk_free(struct intake_desk *desk)
{
	struct intake *t;

	if (desk == NULL)
		return;
	while ((t = TAILQ_FIRST(&desk->intakes)) != NULL) {
		TAILQ_REMOVE(&desk->intakes, t, next);
		intake_clear(t);
	}
	mem_free(desk);
}

void
intake_tidy(struct intake_desk *desk)
{
	if (journal_is_long(desk->c->journal))
		journal_compact(desk->c->journal, &desk->claims);
}

/* --- one transfer -------------------------------------------------- */

static void intake_run(void *arg);

static struct intake *
intake_new(struct intake_desk *desk, struct claim *claim)
{
	struct intake *t = mem_alloc(sizeof(*t));
	const struct policy_flow *flow;

	t->desk = desk;
	t->c = desk->c;
	t->claim = claim;
	if (claim->state == CLAIM_TAKEN)
		t->forced = (enum reason)claim->reason;
	t->put.fd = -1;
	t->walk.root_fd = -1;
	t->uid = UINT32_MAX;
	/* A flow that is gone from the table refuses by itself: all zero. */
	flow = policy_find_flow(desk->c->policy, claim->flow);
	if (flow != NULL)
		t->flow = *flow;
	task_init(&t->task, intake_run, t);
	TAILQ_INSERT_TAIL(&desk->intakes, t, next);
	TAILQ_INSERT_TAIL(&desk->claims, claim, next);
	desk->active++;
	return t;
}

/* A large one has left its place: the next may have it. */
static void
unpark(struct intake_desk *desk)
{
	struct intake *t;

	TAILQ_FOREACH(t, &desk->intakes, next) {
		if (t->phase == INTAKE_PARKED)
			break;
	}
	if (t == NULL)
		return;
	desk->parked--;
	desk->active++;
	desk->big++;
	t->is_big = true;
	intake_go(t, INTAKE_MAKE);
}

/* Nothing of it is left in .gw/claim. */
void
intake_free(struct intake *t)
{
	struct intake_desk *desk = t->desk;
	bool was_big = t->is_big;

	t->claim->state = CLAIM_END;
	journal_put(desk->c->journal, t->claim);
	TAILQ_REMOVE(&desk->claims, t->claim, next);
	TAILQ_REMOVE(&desk->intakes, t, next);
	desk->active--;
	if (was_big)
		desk->big--;
	intake_clear(t);
	if (was_big)
		unpark(desk);
	intake_pump(desk);
}

void
intake_leave(struct intake *t)
{
	struct intake_desk *desk = t->desk;

	t->phase = INTAKE_WAIT;
	desk->active--;
	if (t->is_big)
		desk->big--;
	t->is_big = false;
	intake_pump(desk);
}

void
intake_go(struct intake *t, enum intake_phase phase)
{
	t->phase = phase;
	task_wake(t->c->tasks, &t->task);
}

/* --- submitter ----------------------------------------------------- */

static const struct policy_person *
person_by_uid(const struct policy_table *table, uint32_t uid)
{
	uint32_t i;

	for (i = 0; i < table->person_count; i++) {
		if (table->people[i].uid == uid)
			return &table->people[i];
	}
	return NULL;
}

static uint32_t
uid_of(const struct policy_table *table, const char *account)
{
	uint32_t i;

	for (i = 0; i < table->person_count; i++) {
		if (strcmp(table->people[i].account, account) == 0)
			return table->people[i].uid;
	}
	return UINT32_MAX;
}

/* keys refuses self-approval by uid, so it must know it where we do. */
static void
find_submitter(struct intake *t)
{
	const struct policy_table *table = t->c->policy;
	const struct policy_person *person;

	switch ((enum policy_submitter)t->flow.submitter) {
	case SUBMITTER_OWNER:
		t->uid = t->walk.uid;
		person = person_by_uid(table, t->uid);
		if (person != NULL)
			mem_put_str(t->submitter, sizeof(t->submitter),
			    person->account);
		else
			snprintf(t->submitter, sizeof(t->submitter), "uid%u",
			    t->uid);
		return;
	case SUBMITTER_FOLDER:
		mem_put_str(t->submitter, sizeof(t->submitter),
		    t->claim->person);
		break;
	case SUBMITTER_FIXED:
		mem_put_str(t->submitter, sizeof(t->submitter),
		    t->flow.submitter_name);
		break;
	}
	t->uid = uid_of(table, t->submitter);
}

/* --- claim --------------------------------------------------------- */

static void
claim_marker(struct intake *t)
{
	char marker[PATH_MAX];
	enum gw_err err;
	int n;

	if (!t->has_marker)
		return;
	n = snprintf(marker, sizeof(marker), "%s/%s.done", t->claim->origin,
	    t->claim->name);
	err = n < 0 || (size_t)n >= sizeof(marker) ? GW_ELIMIT :
	    io_unlinkat(t->c->root_fd, marker, false);
	if (err != GW_OK && err != GW_ENOENT)
		log_warn("flow %s: a .done marker cannot be removed: %s",
		    t->claim->flow, err_text_en(err));
}

/* Was it refused where it lies before we were started anew? */
static bool
is_refused_already(struct intake *t)
{
	char path[PATH_MAX], beside[NAME_MAX + 1];
	struct stat entry, text;
	int n;

	text_beside(t->claim->name, 1, TEXT_REASON_SUFFIX, beside);
	n = snprintf(path, sizeof(path), "rejected/%s/%s", t->claim->flow,
	    beside);
	if (n < 0 || (size_t)n >= sizeof(path) ||
	    io_statat(t->c->root_fd, path, &text) != GW_OK ||
	    !tree_join(path, sizeof(path), t->claim->origin,
	    t->claim->name) ||
	    io_statat(t->c->root_fd, path, &entry) != GW_OK)
		return false;
	return text.st_mtim.tv_sec > entry.st_ctim.tv_sec;
}

/* It cannot be moved, so it is refused where it lies. */
static void
claim_failed(struct intake *t, enum gw_err err)
{
	bool is_english = courier_is_english(t->c);

	watch_ignore(t->c->watch, t->claim->origin, t->claim->name);
	if (is_refused_already(t)) {
		intake_free(t);
		return;
	}
	log_warn("flow %s: an entry cannot be claimed: %s", t->claim->flow,
	    err_text_en(err));
	t->claim->is_left = true;
	if (err == GW_EDENIED)
		intake_refuse(t, REASON_UNREADABLE, is_english ?
		    "the gateway may not move it" :
		    "ゲートウェイが移動できないアクセス権です");
	else
		intake_refuse(t, REASON_UNREADABLE, is_english ?
		    "it lies on another file system" :
		    "別のファイルシステム上にあります");
}

static void
claim_rename(void *arg, enum gw_err err)
{
	struct intake *t = arg;
	char path[PATH_MAX];

	if (err == GW_OK && !tree_join(path, sizeof(path), t->claim->origin,
	    t->claim->name))
		err = GW_ELIMIT;
	if (err == GW_OK)
		err = io_renameat(t->c->root_fd, path, t->c->claim_fd,
		    t->claim->hex, true);
	if (err == GW_ENOENT || err == GW_ESPACE) {
		/* Its owner took it back; or it stays there for now. */
		if (err == GW_ESPACE)
			watch_pause(t->c->watch, t->claim->flow,
			    t->c->opts.retry_ms);
		intake_free(t);
		return;
	}
	if (err == GW_EIO)
		log_fatal("an entry cannot be claimed: %s: check the disk",
		    err_text_en(err));
	if (err != GW_OK) {
		claim_failed(t, err);
		return;
	}
	group_dirty(t->c->group, t->claim->origin);
	group_dirty(t->c->group, ".gw/claim");
	claim_marker(t);
	intake_go(t, INTAKE_WALK);
}

static void
claim_start(struct intake_desk *desk, const struct watch_item *item)
{
	struct claim *claim = journal_claim_new();
	struct intake *t;

	if (getrandom(claim->id, sizeof(claim->id), 0) !=
	    (ssize_t)sizeof(claim->id))
		log_fatal("no random numbers: %s", strerror(errno));
	tree_hex(claim->id, claim->hex);
	claim->state = CLAIM_TAKEN;
	claim->reason = (uint16_t)item->reason;
	claim->origin = mem_strdup(item->origin);
	mem_put_str(claim->flow, sizeof(claim->flow), item->flow);
	mem_put_str(claim->person, sizeof(claim->person), item->person);
	mem_put_str(claim->recipient, sizeof(claim->recipient),
	    item->recipient);
	mem_put_str(claim->name, sizeof(claim->name), item->name);
	t = intake_new(desk, claim);
	t->has_marker = item->has_marker;
	t->phase = INTAKE_CLAIM;
	journal_put(desk->c->journal, claim);
	group_wait(desk->c->group, &t->wait, claim_rename, t);
}

void
intake_pump(struct intake_desk *desk)
{
	struct watch_item item;

	while (desk->active < desk->c->opts.intakes &&
	    desk->parked < PARKED_MAX && watch_take(desk->c->watch, &item))
		claim_start(desk, &item);
}

/* --- count and check ----------------------------------------------- */

/*
 * The name in full is for ledgers even when it is refused, so it is decoded
 * before anything can fail.
 */
static enum reason
check_name(struct intake *t)
{
	if (strlen(t->claim->name) > MANIFEST_NAME_MAX)
		return REASON_NAME_TOO_LONG;
	return walk_decode(t->claim->name, t->name, sizeof(t->name),
	    &t->charset);
}

static void
walk_done(struct intake *t)
{
	enum reason reason = t->forced;

	find_submitter(t);
	if (reason == REASON_NONE)
		reason = check_name(t);
	if (reason != REASON_NONE) {
		intake_refuse(t, reason, t->claim->detail);
		return;
	}
	if (t->flow.id[0] == '\0') {
		intake_refuse(t, REASON_FLOW_UNKNOWN, "");
		return;
	}
	if (!policy_flow_is_open(&t->flow, clock_wall_ms())) {
		intake_refuse(t, REASON_FLOW_ENDED, "");
		return;
	}
	if (t->walk.reason == REASON_CHANGED_WHILE_READ) {
		intake_fail(t, t->walk.reason, t->walk.detail);
		return;
	}
	if (t->walk.reason != REASON_NONE) {
		intake_refuse(t, t->walk.reason, t->walk.detail);
		return;
	}
	if (t->walk.bytes <= BIG_BYTES && t->walk.count <= BIG_FILES) {
		intake_go(t, INTAKE_MAKE);
		return;
	}
	t->desk->active--;
	t->desk->parked++;
	t->phase = INTAKE_PARKED;
	if (t->desk->big < BIG_MAX)
		unpark(t->desk);
	intake_pump(t->desk);
}

static void
walk_slice(struct intake *t)
{
	enum gw_err err;

	if (t->walk.flow == NULL)
		walk_init(&t->walk, t->c->claim_fd, t->claim->hex, &t->flow,
		    courier_is_english(t->c));
	err = walk_step(&t->walk, 16 * COURIER_SLICE_FILES);
	if (err == GW_EAGAIN)
		task_wake(t->c->tasks, &t->task);
	else if (err == GW_ENOENT)
		intake_free(t);	/* never renamed, before a crash */
	else if (err != GW_OK)
		intake_fail_err(t, err, "counting");
	else
		walk_done(t);
}

/* --- keys and spool ------------------------------------------------ */

static void
on_durable(void *arg, enum gw_err err)
{
	struct intake *t = arg;

	if (err != GW_OK) {
		intake_fail_err(t, err, "journal");
		return;
	}
	t->is_durable = true;
	if (t->phase == INTAKE_DONE)
		task_wake(t->c->tasks, &t->task);
}

/* Refused by a sibling: its reason, or its error if it gave none. */
static bool
is_refused(struct intake *t, int32_t err, uint16_t reason, const char *what)
{
	if (err == GW_OK)
		return false;
	if (reason != REASON_NONE && reason_ok(reason))
		intake_fail(t, (enum reason)reason, "");
	else
		intake_fail_err(t, (enum gw_err)err, what);
	return true;
}

static void
on_open(void *arg, struct ipc_msg *msg)
{
	struct intake *t = arg;
	struct ipc_status status = call_status(msg);

	if (is_refused(t, status.err, status.reason, "opening"))
		return;
	t->phase = INTAKE_BODIES;
	intake_bodies_start(t);
}

/* At most: what the manifest will take beside the files. */
static uint64_t
manifest_stored(const struct intake *t)
{
	uint64_t len = 2 * MANIFEST_NAME_MAX + 160 * (uint64_t)t->walk.count +
	    4 * t->walk.name_bytes;

	return body_stored_len(body_padded_len(len));
}

static void
open_transfer(struct intake *t)
{
	struct spool_transfer_open open = {
		.transfer = t->claim->transfer,
		.uid = t->uid,
		.body_count = (uint32_t)t->walk.count + 1,
		.plain_bytes = t->walk.bytes,
		.stored_bytes = t->walk.stored + manifest_stored(t),
	};

	mem_put_str(open.flow, sizeof(open.flow), t->flow.id);
	mem_put_str(open.submitter, sizeof(open.submitter), t->submitter);
	t->has_spool = true;
	call_send_fixed(t->c->spool, SPOOL_TRANSFER_OPEN, &open, sizeof(open),
	    on_open, t);
}

static void
on_made(void *arg, struct ipc_msg *msg)
{
	struct intake *t = arg;
	struct keys_transfer_made made;

	memcpy(&made, msg->body, sizeof(made));
	if (is_refused(t, made.err, made.reason, "keys"))
		return;
	t->has_keys = true;
	t->claim->transfer = made.transfer;
	t->claim->state = CLAIM_TRANSFER;
	t->is_durable = false;
	journal_put(t->c->journal, t->claim);
	group_wait(t->c->group, &t->wait, on_durable, t);
	open_transfer(t);
}

static void
make_transfer(struct intake *t)
{
	struct keys_transfer_new new = {
		.body_count = (uint32_t)t->walk.count + 1,
		.uid = t->uid,
	};

	mem_put_str(new.flow, sizeof(new.flow), t->flow.id);
	mem_put_str(new.submitter, sizeof(new.submitter), t->submitter);
	call_send_fixed(t->c->keys, KEYS_TRANSFER_NEW, &new, sizeof(new),
	    on_made, t);
}

/* --- accepted ------------------------------------------------------ */

/*
 * An answer that is no acceptance may hide one: only the spool can say, and
 * it is asked anew.
 */
static void
on_accepted(void *arg, struct ipc_msg *msg)
{
	struct intake *t = arg;
	struct spool_accepted reply;

	memcpy(&reply, msg->body, sizeof(reply));
	reply.number[sizeof(reply.number) - 1] = '\0';
	if (reply.err == GW_OK) {
		t->has_keys = t->has_spool = false;
		intake_accepted(t, reply.number, reply.accepted_ms);
		return;
	}
	log_warn("flow %s: the spool does not accept: %s", t->flow.id,
	    err_text_en((enum gw_err)reply.err));
	intake_resolve(t);
}

static void
send_done(struct intake *t)
{
	struct spool_transfer_done done = {
		.transfer = t->claim->transfer,
		.plain_bytes = t->walk.bytes,
		.file_count = (uint32_t)t->walk.count,
	};

	/* Not before a crash would find the claim and its transfer again. */
	if (!t->is_durable)
		return;
	call_send_fixed(t->c->spool, SPOOL_TRANSFER_DONE, &done, sizeof(done),
	    on_accepted, t);
}

void
intake_all_there(struct intake *t)
{
	intake_go(t, INTAKE_DONE);
}

/* --- steps --------------------------------------------------------- */

static void
intake_run(void *arg)
{
	struct intake *t = arg;

	switch (t->phase) {
	case INTAKE_WALK:
		walk_slice(t);
		break;
	case INTAKE_MAKE:
		make_transfer(t);
		break;
	case INTAKE_BODIES:
		intake_bodies_step(t);
		break;
	case INTAKE_DONE:
		send_done(t);
		break;
	case INTAKE_REMOVE:
		intake_remove_step(t);
		break;
	case INTAKE_REFUSE:
		intake_refuse_go_on(t);
		break;
	case INTAKE_RESOLVE:
		intake_resolve(t);
		break;
	case INTAKE_CLAIM:
	case INTAKE_PARKED:
	case INTAKE_WAIT:
		break;
	}
}

void
intake_recover(struct intake_desk *desk, struct claim_list *list)
{
	struct claim *claim;
	struct intake *t;

	while ((claim = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, claim, next);
		t = intake_new(desk, claim);
		t->is_recovered = true;
		text_show(claim->name, strlen(claim->name), t->name,
		    sizeof(t->name));
		switch (claim->state) {
		case CLAIM_TAKEN:
			intake_go(t, INTAKE_WALK);
			break;
		case CLAIM_TRANSFER:
			intake_go(t, INTAKE_RESOLVE);
			break;
		case CLAIM_REFUSED:
			intake_go(t, INTAKE_REFUSE);
			break;
		case CLAIM_ACCEPTED:
			intake_accepted(t, claim->number,
			    intake_number_ms(claim->number));
			break;
		case CLAIM_END:
			log_panic("journal: an ended claim came back");
		}
	}
}
