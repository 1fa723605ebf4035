/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/ipc/keys.h"
#include "proto/ipc/spool.h"
#include "proto/parcel/manifest.h"

#include "gatewayd/desk/call.h"
#include "gatewayd/desk/handlers.h"
#include "gatewayd/desk/names.h"
#include "gatewayd/desk/person.h"
#include "gatewayd/desk/rows.h"
#include "gatewayd/desk/views.h"

/*
 * Lists of transfers.  A page of rows comes from spool; where names are
 * wanted and this person may see them, keys is asked for the whole page at
 * once (and logs each view; see views.h).  Then each row is shown in turn:
 * the transfer, its files (the manifest from spool, decrypted here, joined
 * with what keys knows of each body), and for show its steps.
 */
#define PAGE 64
#define LIMIT_DEFAULT 100

#define STATE_BIT(s) (UINT64_C(1) << (s))
#define HOLD_STATES                                                           \
	(STATE_BIT(ST_HELD) | STATE_BIT(ST_WAITING) | STATE_BIT(ST_POISON) |  \
	    STATE_BIT(ST_DAMAGED))

struct list {
	struct spool_list ask;
	uint64_t left;			/* rows still wanted */
	bool wants_files, wants_steps;
	bool is_last;			/* spool has no more */
	struct spool_row rows[PAGE];
	struct keys_grant grants[PAGE];	/* err: GW_OK or why no names */
	struct view *pins[PAGE];	/* shown to this person lately */
	uint32_t count, at;
	uint32_t views;			/* under way */
	uint64_t shown;
	struct names names;		/* of rows[at] */
	uint32_t next_file;
};

static void list_page(struct conn *);
static void list_row(struct conn *);
static void list_files(struct conn *);
static void list_steps(struct conn *);

static void
list_free(void *arg)
{
	struct list *list = arg;
	int i;

	for (i = 0; i < PAGE; i++)
		views_release(list->pins[i]);
	names_clear(&list->names);
	mem_free_secret(list, sizeof(*list));
}

static bool
list_is_own(const struct conn *conn, const struct spool_row *row)
{
	return row->uid == conn->uid ||
	    strncmp(row->submitter, conn->account, sizeof(row->submitter)) ==
	    0;
}

static bool
list_may_name(const struct conn *conn, const struct spool_row *row)
{
	return person_sees_names(conn->roles) || list_is_own(conn, row);
}

/* Before a parcel is opened the receiver has no keys, hence no names. */
static bool
list_has_keys(const struct spool_row *row)
{
	static const uint8_t none[16];

	return memcmp(row->transfer.id, none, sizeof(none)) != 0 &&
	    row->state != ST_ARRIVING && row->state != ST_COMPLETE &&
	    row->state != ST_ERASED;
}

/* --- the next row ------------------------------------------------------- */

static void
list_end(struct conn *conn)
{
	const struct list *list = conn->job;

	if (list->shown == 0 && (conn->req->has & ARG_BIT(ARG_NUMBER)) != 0 &&
	    list->wants_steps)
		conn_endf(conn, ANSWER_REFUSED, CONN_SAY(conn,
		    "受付番号 %s は見つかりません。番号を確かめてください(他の人"
		    "の転送は表示されません)",
		    "there is no %s here; check the number (transfers of "
		    "other people are not shown)"), conn->req->number);
	else
		conn_done(conn);
}

static void
list_next(struct conn *conn)
{
	struct list *list = conn->job;

	names_clear(&list->names);
	views_release(list->pins[list->at]);
	list->pins[list->at] = NULL;
	list->at++;
	if (conn_is_full(conn))
		conn_wait(conn, list_row);
	else
		list_row(conn);
}

static void
list_row(struct conn *conn)
{
	struct list *list = conn->job;
	const struct spool_row *row;
	const char *names;

	if (list->at == list->count) {
		if (list->left == 0 || list->is_last)
			list_end(conn);
		else
			list_page(conn);
		return;
	}
	row = &list->rows[list->at];
	if (!list->wants_files)
		names = NULL;
	else if (!list_may_name(conn, row))
		names = "hidden";
	else
		names = list->pins[list->at] != NULL ||
		    list->grants[list->at].err == GW_OK ? "shown" :
		    "unavailable";
	rows_put_transfer(conn, row, names, list->wants_steps);
	list->shown++;
	list->next_file = 1;
	if (list->wants_files && list_has_keys(row))
		list_files(conn);
	else if (list->wants_steps)
		list_steps(conn);
	else
		list_next(conn);
}

/* --- files -------------------------------------------------------------- */

/* All files shown: go on. */
static void
list_files_done(struct conn *conn)
{
	const struct list *list = conn->job;

	if (list->wants_steps)
		list_steps(conn);
	else
		list_next(conn);
}

/* keys knows nothing of the bodies (any more): their names alone. */
static void
list_names_alone(struct conn *conn)
{
	const struct keys_body_info nothing = {.type = TYPE_UNKNOWN};
	struct list *list = conn->job;
	const struct manifest_file *file;

	while (!conn_is_full(conn)) {
		file = names_next(&list->names);
		if (file == NULL) {
			list_files_done(conn);
			return;
		}
		rows_put_file(conn, list->next_file++, &nothing, file);
	}
	conn_wait(conn, list_names_alone);
}

static void
list_on_infos(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct list *list = conn->job;
	const uint8_t *elems = msg->elems;
	struct keys_body_info info;
	struct ipc_status status;
	uint32_t i;

	(void)tag;
	memcpy(&status, msg->body, sizeof(status));
	if (status.err != GW_OK || msg->count == 0) {
		list_names_alone(conn);
		return;
	}
	for (i = 0; i < msg->count; i++) {
		memcpy(&info, elems + i * sizeof(info), sizeof(info));
		rows_put_file(conn, list->next_file + i, &info,
		    names_next(&list->names));
	}
	list->next_file += i;
	if (list->next_file >= list->rows[list->at].body_count)
		list_files_done(conn);
	else if (conn_is_full(conn))
		conn_wait(conn, list_files);
	else
		list_files(conn);
}

static void
list_ask_infos(struct conn *conn)
{
	const struct list *list = conn->job;
	const struct spool_row *row = &list->rows[list->at];
	uint32_t left = row->body_count > list->next_file ?
	    row->body_count - list->next_file : 0;
	struct keys_release ask = {
		.transfer = row->transfer,
		.first = list->next_file,
		.count = left < IPC_BATCH_MAX ? left : IPC_BATCH_MAX,
	};

	if (ask.count == 0)
		list_files_done(conn);
	else
		call_send(conn, DESK_SPOOL, SPOOL_FILES, &ask, sizeof(ask),
		    list_on_infos, 0);
}

static void
list_on_manifest(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct list *list = conn->job;
	struct ipc_status status;
	struct ipc_body body;
	const uint8_t *plain;
	size_t len;
	enum gw_err err;

	(void)tag;
	memcpy(&status, msg->body, sizeof(status));
	err = (enum gw_err)status.err;
	if (err == GW_OK && (msg->count < 1 || msg->fd_count < 1))
		err = GW_ENOENT;
	if (err == GW_OK) {
		memcpy(&body, msg->elems, sizeof(body));
		err = names_load(&list->names, msg->fds[0], &body,
		    &list->grants[list->at]);
	}
	if (err == GW_OK) {
		plain = names_bytes(&list->names, &len);
		views_add(conn->desk->views, conn->uid,
		    list->rows[list->at].transfer.id,
		    list->rows[list->at].number, plain, len);
	} else
		log_err("desk: the manifest of %s cannot be read: %s",
		    list->rows[list->at].number, err_text_en(err));
	mem_clear(&list->grants[list->at], sizeof(list->grants[0]));
	list->grants[list->at].err = err;
	list_ask_infos(conn);
}

static void
list_files(struct conn *conn)
{
	struct list *list = conn->job;
	const struct spool_row *row = &list->rows[list->at];
	struct spool_body_get get = {
		.transfer = row->transfer,
		.first = 0,
		.max_count = 1,
		.max_bytes = NAMES_STORED_MAX,
	};
	const uint8_t *plain;
	size_t len;

	if (list->next_file == 1 && list->pins[list->at] != NULL) {
		plain = views_bytes(list->pins[list->at], &len);
		if (names_load_bytes(&list->names, plain, len) != GW_OK)
			log_panic("desk: a manifest changed in memory");
		list_ask_infos(conn);
	} else if (list->next_file == 1 &&
	    list->grants[list->at].err == GW_OK)
		call_send(conn, DESK_SPOOL, SPOOL_BODY_GET, &get, sizeof(get),
		    list_on_manifest, 0);
	else
		list_ask_infos(conn);
}

/* --- steps -------------------------------------------------------------- */

static void
list_on_steps(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	const uint8_t *elems = msg->elems;
	struct ipc_status status;
	struct spool_step step;
	uint32_t i;

	(void)tag;
	memcpy(&status, msg->body, sizeof(status));
	for (i = 0; status.err == GW_OK && i < msg->count; i++) {
		memcpy(&step, elems + i * sizeof(step), sizeof(step));
		rows_put_step(conn, &step);
	}
	list_next(conn);
}

static void
list_steps(struct conn *conn)
{
	const struct list *list = conn->job;
	struct spool_bodies ask = {.transfer = list->rows[list->at].transfer};

	call_send(conn, DESK_SPOOL, SPOOL_STEPS, &ask, sizeof(ask),
	    list_on_steps, 0);
}

/* --- pages -------------------------------------------------------------- */

static void
list_on_view(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct list *list = conn->job;
	struct ipc_status status;

	memcpy(&status, msg->body, sizeof(status));
	if (status.err == GW_OK && msg->count == 1)
		memcpy(&list->grants[tag], msg->elems,
		    sizeof(list->grants[tag]));
	else
		list->grants[tag].err = status.err != GW_OK ? status.err :
		    GW_ENOENT;
	if (--list->views == 0)
		list_row(conn);
}

/* Keys of all manifests of the page at once: keys groups the log entries. */
static void
list_ask_views(struct conn *conn)
{
	struct list *list = conn->job;
	struct keys_view view = {.uid = conn->uid};
	uint32_t i;

	list->views = 0;
	for (i = 0; i < list->count; i++) {
		list->grants[i].err = GW_ENOENT;
		if (!list->wants_files || !list_has_keys(&list->rows[i]) ||
		    !list_may_name(conn, &list->rows[i]))
			continue;
		list->pins[i] = views_get(conn->desk->views, conn->uid,
		    list->rows[i].transfer.id, list->rows[i].number);
		if (list->pins[i] != NULL)
			continue;
		list->views++;
		view.transfer = list->rows[i].transfer;
		memcpy(view.number, list->rows[i].number,
		    sizeof(view.number));
		call_send(conn, DESK_KEYS, KEYS_VIEW, &view, sizeof(view),
		    list_on_view, i);
	}
	if (list->views == 0)
		list_row(conn);
}

static void
list_on_page(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct list *list = conn->job;
	const uint8_t *elems = msg->elems;
	struct ipc_status status;
	struct spool_row row;
	uint32_t i;

	(void)tag;
	memcpy(&status, msg->body, sizeof(status));
	if (status.err != GW_OK) {
		conn_fail(conn, (enum gw_err)status.err, status.reason);
		return;
	}
	list->count = 0;
	list->at = 0;
	list->is_last = msg->count < list->ask.limit;
	for (i = 0; i < msg->count && i < PAGE && list->left > 0; i++) {
		memcpy(&row, elems + i * sizeof(row), sizeof(row));
		list->ask.cursor = row.row;
		if (!person_sees_all(conn->roles) && !list_is_own(conn, &row))
			continue;
		list->rows[list->count++] = row;
		list->left--;
	}
	list_ask_views(conn);
}

static void
list_page(struct conn *conn)
{
	struct list *list = conn->job;

	list->ask.limit = PAGE;
	call_send(conn, DESK_SPOOL, SPOOL_LIST, &list->ask, sizeof(list->ask),
	    list_on_page, 0);
}

static void
list_start(struct conn *conn, bool is_show)
{
	const struct request *req = conn->req;
	struct list *list = mem_alloc(sizeof(*list));

	conn->job = list;
	conn->job_free = list_free;
	mem_put_str(list->ask.number, sizeof(list->ask.number), req->number);
	mem_put_str(list->ask.flow, sizeof(list->ask.flow), req->flow);
	list->ask.states = req->states;
	if (req->verb == VERB_HOLDS_LIST || req->verb == VERB_HOLDS_SHOW)
		list->ask.states = HOLD_STATES;
	else if (req->verb == VERB_QUARANTINE_LIST ||
	    req->verb == VERB_QUARANTINE_SHOW)
		list->ask.states = STATE_BIT(ST_QUARANTINED);
	list->ask.since_ms = req->since_ms;
	list->ask.before_ms = req->before_ms;
	list->ask.side = (uint32_t)req->side;
	list->left = (req->has & ARG_BIT(ARG_LIMIT)) == 0 ? LIMIT_DEFAULT :
	    req->limit == 0 ? UINT64_MAX : req->limit;
	list->wants_files = is_show || req->wants_files != 0;
	list->wants_steps = is_show;
	list_page(conn);
}

void
transfers_list(struct conn *conn)
{
	list_start(conn, false);
}

void
transfers_show(struct conn *conn)
{
	list_start(conn, true);
}
