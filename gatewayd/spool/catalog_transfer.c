/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/spool/catalog_sql.h"

/*
 * Parameter n is column n of TRANSFER_COLUMNS, counted from 1; 36 is
 * `blocks`.  A statement that uses only some of them ignores the rest.
 */
static void
transfer_bind_moving(sqlite3_stmt *s, const struct transfer *t)
{
	catalog_bind_u64(s, 1, (uint64_t)t->row);
	catalog_bind_u64(s, 6, t->state);
	catalog_bind_u64(s, 7, t->held_from);
	catalog_bind_u64(s, 8, t->step);
	catalog_bind_u64(s, 9, t->tries);
	catalog_bind_u64(s, 10, t->missing);
	catalog_bind_u64(s, 11, t->failed);
	catalog_bind_u64(s, 12, (uint64_t)(int64_t)t->task);
	catalog_bind_u64(s, 13, t->notice);
	catalog_bind_u64(s, 14, t->notice_busy);
	catalog_bind_u64(s, 15, t->reason);
	catalog_bind_u64(s, 16, t->withdraw);
	catalog_bind_u64(s, 17, t->body_index);
	catalog_bind_u64(s, 24, t->stored_bytes);
	catalog_bind_u64(s, 27, t->state_ms);
	catalog_bind_u64(s, 29, t->erase_ms);
	catalog_bind_text(s, 35, t->detail);
	catalog_bind_u64(s, 36, t->side == SIDE_HIGH &&
	    states_blocks(t->state));
}

static void
transfer_bind_name(sqlite3_stmt *s, const struct transfer *t)
{
	catalog_bind_u64(s, 1, (uint64_t)t->row);
	catalog_bind_blob(s, 2, t->ref.id, sizeof(t->ref.id));
	catalog_bind_u64(s, 3, t->ref.bucket);
	catalog_bind_u64(s, 4, t->ref.slot);
	catalog_bind_u64(s, 18, t->body_count);
	catalog_bind_u64(s, 19, t->file_count);
	catalog_bind_u64(s, 20, t->uid);
	catalog_bind_u64(s, 21, t->epoch);
	catalog_bind_u64(s, 22, t->seq);
	catalog_bind_u64(s, 23, t->plain_bytes);
	catalog_bind_u64(s, 25, t->created_ms);
	catalog_bind_u64(s, 26, t->accepted_ms);
	catalog_bind_u64(s, 28, t->not_after_ms);
	catalog_bind_blob(s, 30, t->parcel_id, sizeof(t->parcel_id));
	catalog_bind_text(s, 31, t->number);
	catalog_bind_text(s, 32, t->flow);
	catalog_bind_text(s, 33, t->channel);
	catalog_bind_text(s, 34, t->submitter);
}

static void
transfer_hint(struct catalog *cat, int32_t task, bool has_notice)
{
	if (task > 0 && task < TASK_COUNT)
		cat->may_task[task] = true;
	cat->may_notice |= has_notice;
}

static void
transfer_get(sqlite3_stmt *s, struct transfer *t)
{
	memset(t, 0, sizeof(*t));
	t->row = sqlite3_column_int64(s, 0);
	catalog_blob(s, 1, t->ref.id, sizeof(t->ref.id));
	t->ref.bucket = catalog_u32(s, 2);
	t->ref.slot = catalog_u32(s, 3);
	t->side = (enum side)catalog_u32(s, 4);
	t->state = catalog_u32(s, 5);
	t->held_from = catalog_u32(s, 6);
	t->step = catalog_u32(s, 7);
	t->tries = catalog_u32(s, 8);
	t->missing = catalog_u32(s, 9);
	t->failed = catalog_u32(s, 10);
	t->task = sqlite3_column_int(s, 11);
	t->notice = catalog_u32(s, 12);
	t->notice_busy = catalog_u32(s, 13);
	t->reason = (uint16_t)catalog_u32(s, 14);
	t->withdraw = (uint16_t)catalog_u32(s, 15);
	t->body_index = catalog_u32(s, 16);
	t->body_count = catalog_u32(s, 17);
	t->file_count = catalog_u32(s, 18);
	t->uid = catalog_u32(s, 19);
	t->epoch = catalog_u32(s, 20);
	t->seq = catalog_u64(s, 21);
	t->plain_bytes = catalog_u64(s, 22);
	t->stored_bytes = catalog_u64(s, 23);
	t->created_ms = catalog_u64(s, 24);
	t->accepted_ms = catalog_u64(s, 25);
	t->state_ms = catalog_u64(s, 26);
	t->not_after_ms = catalog_u64(s, 27);
	t->erase_ms = catalog_u64(s, 28);
	catalog_blob(s, 29, t->parcel_id, sizeof(t->parcel_id));
	catalog_text(s, 30, t->number, sizeof(t->number));
	catalog_text(s, 31, t->flow, sizeof(t->flow));
	catalog_text(s, 32, t->channel, sizeof(t->channel));
	catalog_text(s, 33, t->submitter, sizeof(t->submitter));
	catalog_text(s, 34, t->detail, sizeof(t->detail));
}

static bool
transfer_one(struct catalog *cat, sqlite3_stmt *s, struct transfer *out)
{
	if (!catalog_row(cat, s))
		return false;
	transfer_get(s, out);
	catalog_done(s);
	return true;
}

void
catalog_add(struct catalog *cat, struct transfer *t)
{
	sqlite3_stmt *s = catalog_q(cat, Q_ADD);

	catalog_begin(cat);
	transfer_bind_name(s, t);
	transfer_bind_moving(s, t);
	catalog_bind_u64(s, 5, t->side);
	catalog_run(cat, s);
	transfer_hint(cat, t->task, t->notice != 0);
	t->row = sqlite3_last_insert_rowid(cat->db);
}

void
catalog_save(struct catalog *cat, const struct transfer *t)
{
	sqlite3_stmt *s = catalog_q(cat, Q_SAVE);

	catalog_begin(cat);
	transfer_bind_moving(s, t);
	catalog_run(cat, s);
	transfer_hint(cat, t->task, t->notice != 0);
}

void
catalog_name(struct catalog *cat, const struct transfer *t)
{
	sqlite3_stmt *s = catalog_q(cat, Q_NAME);

	catalog_begin(cat);
	transfer_bind_name(s, t);
	catalog_run(cat, s);
}

bool
catalog_find(struct catalog *cat, const uint8_t id[16], struct transfer *out)
{
	sqlite3_stmt *s = catalog_q(cat, Q_FIND);

	catalog_bind_blob(s, 1, id, 16);
	return transfer_one(cat, s, out);
}

bool
catalog_load(struct catalog *cat, int64_t row, struct transfer *out)
{
	sqlite3_stmt *s = catalog_q(cat, Q_LOAD);

	catalog_bind_u64(s, 1, (uint64_t)row);
	return transfer_one(cat, s, out);
}

/* --- what is to be done -------------------------------------------------------- */

bool
catalog_next_task(struct catalog *cat, enum task task, const char *from,
    struct transfer *out)
{
	sqlite3_stmt *s;

	if (!cat->may_task[task])
		return false;
	s = catalog_q(cat, Q_NEXT_TASK);
	catalog_bind_u64(s, 1, (uint64_t)task);
	catalog_bind_text(s, 2, from);
	if (transfer_one(cat, s, out))
		return true;
	if (from[0] == '\0')
		cat->may_task[task] = false;
	return false;
}

bool
catalog_next_notice(struct catalog *cat, const char *from,
    struct transfer *out)
{
	sqlite3_stmt *s;

	if (!cat->may_notice)
		return false;
	s = catalog_q(cat, Q_NEXT_NOTICE);
	catalog_bind_text(s, 1, from);
	if (transfer_one(cat, s, out))
		return true;
	if (from[0] == '\0')
		cat->may_notice = false;
	return false;
}

void
catalog_set_task(struct catalog *cat, int64_t row, int32_t task)
{
	sqlite3_stmt *s = catalog_q(cat, Q_SET_TASK);

	catalog_begin(cat);
	catalog_bind_u64(s, 1, (uint64_t)row);
	catalog_bind_u64(s, 2, (uint64_t)(int64_t)task);
	catalog_run(cat, s);
	transfer_hint(cat, task, false);
}

void
catalog_set_notice(struct catalog *cat, int64_t row, uint32_t notice,
    uint32_t busy)
{
	sqlite3_stmt *s = catalog_q(cat, Q_SET_NOTICE);

	catalog_begin(cat);
	catalog_bind_u64(s, 1, (uint64_t)row);
	catalog_bind_u64(s, 2, notice);
	catalog_bind_u64(s, 3, busy);
	catalog_run(cat, s);
	transfer_hint(cat, TASK_NONE, notice != 0 && busy == 0);
}

static void
transfer_unmark(struct catalog *cat, enum catalog_query q, enum task task)
{
	sqlite3_stmt *s = catalog_q(cat, q);

	catalog_begin(cat);
	catalog_bind_u64(s, 1, (uint64_t)-(int64_t)task);
	catalog_run(cat, s);
	transfer_hint(cat, (int32_t)task, false);
}

void
catalog_free_tasks(struct catalog *cat, enum task task)
{
	transfer_unmark(cat, Q_FREE_TASKS, task);
}

void
catalog_fail_tasks(struct catalog *cat, enum task task)
{
	transfer_unmark(cat, Q_FAIL_TASKS, task);
}

void
catalog_free_notices(struct catalog *cat)
{
	catalog_begin(cat);
	catalog_run(cat, catalog_q(cat, Q_FREE_NOTICES));
	transfer_hint(cat, TASK_NONE, true);
}

bool
catalog_next_held(struct catalog *cat, uint16_t reason, int64_t after,
    struct transfer *out)
{
	sqlite3_stmt *s = catalog_q(cat, Q_NEXT_HELD);

	catalog_bind_u64(s, 1, reason);
	catalog_bind_u64(s, 2, (uint64_t)after);
	return transfer_one(cat, s, out);
}

bool
catalog_is_blocked(struct catalog *cat, const struct transfer *t)
{
	sqlite3_stmt *s = catalog_q(cat, Q_IS_BLOCKED);
	bool is_blocked;

	catalog_bind_text(s, 1, t->channel);
	catalog_bind_u64(s, 2, t->epoch);
	catalog_bind_u64(s, 3, t->seq);
	catalog_bind_text(s, 4, t->flow);
	is_blocked = catalog_row(cat, s);
	catalog_done(s);
	return is_blocked;
}

bool
catalog_next_erase(struct catalog *cat, uint64_t now_ms, struct transfer *out)
{
	sqlite3_stmt *s = catalog_q(cat, Q_NEXT_ERASE);

	catalog_bind_u64(s, 1, now_ms);
	return transfer_one(cat, s, out);
}

bool
catalog_next_state(struct catalog *cat, uint32_t state, int64_t after,
    struct transfer *out)
{
	sqlite3_stmt *s = catalog_q(cat, Q_NEXT_STATE);

	catalog_bind_u64(s, 1, state);
	catalog_bind_u64(s, 2, (uint64_t)after);
	return transfer_one(cat, s, out);
}

/* --- desk's list ------------------------------------------------------------------ */

/* One part of the list: rows of one state, of one flow, of one number. */
static const char *const list_sql[] = {
	SELECT_TRANSFER "INDEXED BY t_number WHERE number=?1 AND row<?2 "
	    "AND (?3='' OR flow=?3) AND (?4=0 OR side=?4) AND accepted_ms>=?5 "
	    "AND accepted_ms<?6 AND (?7=0 OR (?7>>state)&1) "
	    "ORDER BY row DESC LIMIT ?8",
	SELECT_TRANSFER "INDEXED BY t_flow WHERE flow=?3 AND row<?2 "
	    "AND (?4=0 OR side=?4) AND accepted_ms>=?5 AND accepted_ms<?6 "
	    "AND (?7=0 OR (?7>>state)&1) ORDER BY row DESC LIMIT ?8",
	SELECT_TRANSFER "NOT INDEXED WHERE row<?2 AND (?4=0 OR side=?4) "
	    "AND accepted_ms>=?5 AND accepted_ms<?6 "
	    "ORDER BY row DESC LIMIT ?8",
	SELECT_TRANSFER "INDEXED BY t_state WHERE state=?1 AND row<?2 "
	    "AND (?4=0 OR side=?4) AND accepted_ms>=?5 AND accepted_ms<?6 "
	    "ORDER BY row DESC LIMIT ?8",
};
enum list_kind { LIST_NUMBER, LIST_FLOW, LIST_ALL, LIST_STATE };

static uint32_t
list_run(struct catalog *cat, enum list_kind kind,
    const struct spool_list *ask, unsigned state, struct transfer *out,
    uint32_t limit)
{
	uint64_t before = ask->before_ms != 0 ? ask->before_ms : INT64_MAX;
	uint64_t cursor = ask->cursor != 0 ? ask->cursor : INT64_MAX;
	sqlite3_stmt *s = NULL;
	uint32_t n = 0;

	/* A person's question, not the way of a file: prepared each time. */
	if (sqlite3_prepare_v2(cat->db, list_sql[kind], -1, &s, NULL) !=
	    SQLITE_OK)
		catalog_fatal(cat, "list");
	if (kind == LIST_NUMBER)
		catalog_bind_text(s, 1, ask->number);
	if (kind == LIST_STATE)
		catalog_bind_u64(s, 1, state);
	catalog_bind_u64(s, 2, cursor);
	if (kind == LIST_NUMBER || kind == LIST_FLOW) {
		catalog_bind_text(s, 3, ask->flow);
		catalog_bind_u64(s, 7, ask->states);
	}
	catalog_bind_u64(s, 4, ask->side);
	catalog_bind_u64(s, 5, ask->since_ms);
	catalog_bind_u64(s, 6, before);
	catalog_bind_u64(s, 8, limit);
	while (n < limit && catalog_row(cat, s))
		transfer_get(s, &out[n++]);
	sqlite3_finalize(s);
	return n;
}

/* Merge two lists that run from new to old; a takes the newest of both. */
static uint32_t
list_merge(struct transfer *a, uint32_t a_len, const struct transfer *b,
    uint32_t b_len, uint32_t limit)
{
	struct transfer *all = mem_array(limit, sizeof(*all));
	uint32_t i = 0, j = 0, n = 0;

	while (n < limit && (i < a_len || j < b_len)) {
		if (j == b_len || (i < a_len && a[i].row > b[j].row))
			all[n++] = a[i++];
		else
			all[n++] = b[j++];
	}
	memcpy(a, all, n * sizeof(*all));
	mem_free(all);
	return n;
}

uint32_t
catalog_list(struct catalog *cat, const struct spool_list *ask,
    struct transfer *out, uint32_t limit)
{
	struct transfer *part;
	uint32_t n = 0, got;
	unsigned state;

	if (ask->number[0] != '\0')
		return list_run(cat, LIST_NUMBER, ask, 0, out, limit);
	if (ask->flow[0] != '\0')
		return list_run(cat, LIST_FLOW, ask, 0, out, limit);
	if (ask->states == 0)
		return list_run(cat, LIST_ALL, ask, 0, out, limit);
	part = mem_array(limit, sizeof(*part));
	for (state = 0; state < ST_COUNT; state++) {
		if ((ask->states >> state & 1) == 0)
			continue;
		got = list_run(cat, LIST_STATE, ask, state, part, limit);
		n = list_merge(out, n, part, got, limit);
	}
	mem_free(part);
	return n;
}

/* --- steps ----------------------------------------------------------------------------- */

void
catalog_step_add(struct catalog *cat, int64_t row, const struct spool_step *st)
{
	sqlite3_stmt *s = catalog_q(cat, Q_STEP_ADD);

	catalog_begin(cat);
	catalog_bind_u64(s, 1, (uint64_t)row);
	catalog_bind_u64(s, 2, st->attempt);
	catalog_bind_u64(s, 3, st->state);
	catalog_bind_u64(s, 4, st->wall_ms);
	catalog_bind_u64(s, 5, st->reason);
	catalog_bind_text(s, 6, st->actor);
	catalog_run(cat, s);
}

bool
catalog_step_has(struct catalog *cat, int64_t row, uint32_t attempt,
    uint32_t state)
{
	sqlite3_stmt *s = catalog_q(cat, Q_STEP_HAS);
	bool has;

	catalog_bind_u64(s, 1, (uint64_t)row);
	catalog_bind_u64(s, 2, attempt);
	catalog_bind_u64(s, 3, state);
	has = catalog_row(cat, s);
	catalog_done(s);
	return has;
}

uint32_t
catalog_steps(struct catalog *cat, int64_t row, struct spool_step *out,
    uint32_t limit)
{
	sqlite3_stmt *s = catalog_q(cat, Q_STEPS);
	struct spool_step swap;
	uint32_t n = 0, i;

	catalog_bind_u64(s, 1, (uint64_t)row);
	catalog_bind_u64(s, 2, limit);
	while (n < limit && catalog_row(cat, s)) {
		struct spool_step *st = &out[n++];

		memset(st, 0, sizeof(*st));
		st->attempt = catalog_u32(s, 0);
		st->state = catalog_u32(s, 1);
		st->wall_ms = catalog_u64(s, 2);
		st->reason = (uint16_t)catalog_u32(s, 3);
		catalog_text(s, 4, st->actor, sizeof(st->actor));
	}
	catalog_done(s);
	for (i = 0; i < n / 2; i++) {
		swap = out[i];
		out[i] = out[n - 1 - i];
		out[n - 1 - i] = swap;
	}
	return n;
}
