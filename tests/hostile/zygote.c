/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"
#include "policy/table.h"
#include "proto/ipc/keys.h"
#include "proto/ipc/zygote.h"
#include "proto/record/reason.h"

#include "tests/hostile/hostile.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

static struct {
	struct verdict_record record;	/* of the first body */
	bool has_record;
} mem;

static void
zygote_reset(void)
{
	memset(&mem, 0, sizeof(mem));
}

static bool
is_verdict(enum proc_id peer, enum hostile_way way, const struct wire_note *n)
{
	return peer == PROC_KEYS && way == FROM_REAL &&
	    n->type == KEYS_VERDICT;
}

static void
say_clean(struct verdict_record *rec, const struct hostile *h)
{
	rec->verdict = VERDICT_CLEAN;
	rec->reason = REASON_NONE;
	memset(rec->detail, 0, sizeof(rec->detail));
	if (hostile_self(h) == PROC_ZYGOTE + STAGE_IDENTIFY)
		rec->type = TYPE_TEXT;
}

/* CLEAN, whatever it is. */
static bool
lie(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct verdict_record *rec;
	size_t i;

	for (i = 0; is_verdict(peer, way, n) && (rec = hostile_elem(n, 0,
	    sizeof(*rec), i)) != NULL; i++) {
		if (rec->verdict != VERDICT_CLEAN)
			hostile_say(h, "lied");
		say_clean(rec, h);
	}
	return true;
}

static void
say_answer(struct hostile *h, const char *what, const struct wire_note *n)
{
	const struct keys_grant *g;
	struct wire_note copy;
	int err = hostile_err(n);

	if (n->type == (KEYS_GRANT | IPC_REPLY)) {
		copy = *n;
		g = hostile_elem(&copy, sizeof(struct ipc_status), sizeof(*g),
		    0);
		err = g != NULL ? g->err : err;
	}
	hostile_say(h, "%s: err %d", what, err);
}

/*
 * CLEAN for another body than the one that was read, and for this one under
 * another root.
 */
static bool
other_body(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct verdict_record *rec, forged;

	if (way == ANSWER) {
		say_answer(h, "verdict", n);
		return false;
	}
	if (!is_verdict(peer, way, n) ||
	    (rec = hostile_elem(n, 0, sizeof(*rec), 0)) == NULL)
		return true;
	if (!mem.has_record || memcmp(mem.record.body.id, rec->body.id,
	    sizeof(rec->body.id)) == 0) {
		mem.has_record = true;
		mem.record = *rec;
		return true;
	}
	/* This body under the clean one's root, and the other way round. */
	forged = mem.record;
	forged.body = rec->body;
	hostile_ask(h, PROC_KEYS, KEYS_VERDICT, &forged, sizeof(forged), -1);
	forged = *rec;
	say_clean(&forged, h);
	forged.body = mem.record.body;
	hostile_ask(h, PROC_KEYS, KEYS_VERDICT, &forged, sizeof(forged), -1);
	/* The truth about this one is never told. */
	*rec = mem.record;
	return true;
}

/* Verdicts without a key, and of a kind that is not this stage's. */
static bool
other_stage(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct verdict_record forged = {.verdict = VERDICT_CLEAN};
	const struct zygote_item *item;
	const struct keys_grant *g;

	if (way == ANSWER) {
		say_answer(h, "verdict", n);
		return false;
	}
	if (peer == PROC_INSPECT && way == FROM_PEER &&
	    n->type == ZYGOTE_JOB && (item = hostile_elem(n,
	    sizeof(struct zygote_job), sizeof(*item), 0)) != NULL) {
		forged.body = item->body;
		hostile_ask(h, PROC_KEYS, KEYS_VERDICT, &forged,
		    sizeof(forged), -1);
	}
	if (peer == PROC_KEYS && way == FROM_PEER &&
	    n->type == (KEYS_GRANT | IPC_REPLY) && (g = hostile_elem(n,
	    sizeof(struct ipc_status), sizeof(*g), 0)) != NULL) {
		forged.body = g->body;
		memcpy(forged.root, g->root, sizeof(forged.root));
		forged.verdict = VERDICT_CONFIRMED;
		hostile_ask(h, PROC_KEYS, KEYS_VERDICT, &forged,
		    sizeof(forged), -1);
		forged.verdict = VERDICT_CLEANED;
		hostile_ask(h, PROC_KEYS, KEYS_VERDICT, &forged,
		    sizeof(forged), -1);
	}
	return true;
}

/* Keys of what no job was about: the slots beside the one of the job. */
static bool
grant_others(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	const struct keys_grant *g;
	struct key_ref ref;

	if (way == ANSWER) {
		say_answer(h, "grant", n);
		return false;
	}
	if (peer != PROC_KEYS || way != FROM_PEER ||
	    n->type != (KEYS_GRANT | IPC_REPLY) || (g = hostile_elem(n,
	    sizeof(struct ipc_status), sizeof(*g), 0)) == NULL)
		return true;
	ref = g->body;
	ref.slot--;	/* the manifest's */
	hostile_ask(h, PROC_KEYS, KEYS_GRANT, &ref, sizeof(ref), -1);
	ref.slot += 2;	/* the next one's */
	hostile_ask(h, PROC_KEYS, KEYS_GRANT, &ref, sizeof(ref), -1);
	ref = g->transfer; /* no body at all */
	hostile_ask(h, PROC_KEYS, KEYS_GRANT, &ref, sizeof(ref), -1);
	memset(ref.id, 0, sizeof(ref.id));
	hostile_ask(h, PROC_KEYS, KEYS_GRANT, &ref, sizeof(ref), -1);
	return true;
}

/* --- the manifest's zygote ---------------------------------------------- */

static bool
is_names(enum proc_id peer, enum hostile_way way, const struct wire_note *n)
{
	return peer == PROC_KEYS && way == FROM_REAL && n->type == KEYS_NAMES;
}

/* The files are said to be empty: there is nothing to look at in them. */
static bool
empty_files(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct keys_name *name;
	size_t i;

	for (i = 0; is_names(peer, way, n) && (name = hostile_elem(n,
	    sizeof(struct keys_names), sizeof(*name), i)) != NULL; i++) {
		name->plain_len = 0;
		hostile_say(h, "told");
	}
	return true;
}

/* Whatever they are called, they are called .txt. */
static bool
all_text(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct keys_name *name;
	size_t i;

	for (i = 0; is_names(peer, way, n) && (name = hostile_elem(n,
	    sizeof(struct keys_names), sizeof(*name), i)) != NULL; i++) {
		memset(name->ext, 0, sizeof(name->ext));
		mem_put_str(name->ext, sizeof(name->ext), "txt");
		hostile_say(h, "told");
	}
	return true;
}

static const struct hostile_case cases[] = {
	{"lie", lie},
	{"other-body", other_body},
	{"other-stage", other_stage},
	{"grant-others", grant_others},
	{"empty-files", empty_files},
	{"all-text", all_text},
};

const struct hostile_kind hostile_zygote = {
	.procs = ((1u << STAGE_COUNT) - 1) << PROC_ZYGOTE,
	.cases = cases,
	.case_count = COUNT(cases),
	.reset = zygote_reset,
};
