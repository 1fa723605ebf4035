/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#include "proto/ipc/audit.h"

#include "gatewayd/desk/call.h"
#include "gatewayd/desk/entry.h"
#include "gatewayd/desk/handlers.h"
#include "gatewayd/desk/permit.h"
#include "gatewayd/desk/person.h"

#define STAFF POLICY_STAFF
#define APPROVER POLICY_APPROVER
#define OFFICER POLICY_OFFICER
#define AUDITOR POLICY_AUDITOR
#define ADMIN POLICY_ADMINISTRATOR
#define WATCHERS (OFFICER | AUDITOR | ADMIN)

#define FILTERS                                                               \
	(ARG_BIT(ARG_NUMBER) | ARG_BIT(ARG_FLOW) | ARG_BIT(ARG_STATES) |      \
	    ARG_BIT(ARG_SIDE) | ARG_BIT(ARG_SINCE) | ARG_BIT(ARG_BEFORE) |    \
	    ARG_BIT(ARG_LIMIT) | ARG_BIT(ARG_FILES))
#define LOG_FILTERS                                                           \
	(ARG_BIT(ARG_NUMBER) | ARG_BIT(ARG_FLOW) | ARG_BIT(ARG_EVENT) |       \
	    ARG_BIT(ARG_SINCE) | ARG_BIT(ARG_BEFORE) | ARG_BIT(ARG_LIMIT))
#define NUMBER ARG_BIT(ARG_NUMBER)
#define CHANNEL ARG_BIT(ARG_CHANNEL)
#define SAYS (ARG_BIT(ARG_COMMENT) | ARG_BIT(ARG_SIDE))
#define CARD (ARG_BIT(ARG_CARD) | ARG_BIT(ARG_DIGITS))

const struct permit_row permit_table[] = {
	{VERB_STATUS, STAFF, 0, 0, false, status_run},
	{VERB_DOCTOR, WATCHERS, 0, 0, false, status_doctor},
	{VERB_RELOAD, ADMIN, 0, 0, true, status_reload},
	{VERB_FLOWS, STAFF, 0, 0, false, status_flows},
	{VERB_TRANSFERS_LIST, STAFF, 0, FILTERS, false, transfers_list},
	{VERB_TRANSFERS_SHOW, STAFF, NUMBER, 0, false, transfers_show},
	{VERB_TRANSFERS_APPROVE, APPROVER | OFFICER, NUMBER, SAYS, true,
	    decide_approve},
	{VERB_TRANSFERS_RETURN, APPROVER | OFFICER, NUMBER, SAYS, true,
	    decide_return},
	{VERB_TRANSFERS_REVOKE, STAFF, NUMBER, SAYS, true, decide_revoke},
	{VERB_HOLDS_LIST, STAFF, 0, FILTERS, false, transfers_list},
	{VERB_HOLDS_SHOW, STAFF, NUMBER, 0, false, transfers_show},
	{VERB_HOLDS_RELEASE, OFFICER, NUMBER, SAYS, true, decide_release},
	{VERB_HOLDS_REJECT, APPROVER | OFFICER, NUMBER, SAYS, true,
	    decide_reject},
	{VERB_QUARANTINE_LIST, WATCHERS, 0, FILTERS, false, transfers_list},
	{VERB_QUARANTINE_SHOW, WATCHERS, NUMBER, 0, false, transfers_show},
	{VERB_CHANNEL_LIST, STAFF, 0, 0, false, channels_list},
	{VERB_CHANNEL_FREEZE, OFFICER | ADMIN, CHANNEL, 0, true,
	    channels_freeze},
	{VERB_CHANNEL_NEW_EPOCH, OFFICER, CHANNEL, 0, true,
	    channels_new_epoch},
	{VERB_PAIR_INIT, ADMIN, 0, ARG_BIT(ARG_BENCH), true, pair_init},
	{VERB_PAIR_CARD, WATCHERS, 0, 0, false, pair_card},
	{VERB_PAIR_ACCEPT, ADMIN, CARD, ARG_BIT(ARG_SECRET), true,
	    pair_accept},
	{VERB_PAIR_SHOW, WATCHERS, 0, 0, false, pair_show},
	{VERB_KEY_LIST, WATCHERS, 0, 0, false, pair_keys},
	{VERB_LOG_SEARCH, WATCHERS, 0, LOG_FILTERS, false, history_search},
	{VERB_LOG_FOLLOW, WATCHERS, 0, LOG_FILTERS, false, history_follow},
	{VERB_LOG_EXPORT, OFFICER | AUDITOR, 0, LOG_FILTERS, false,
	    history_export},
};
const int permit_count = (int)(sizeof(permit_table) / sizeof(permit_table[0]));

const struct permit_row *
permit_find(enum request_verb verb)
{
	int i;

	for (i = 0; i < permit_count; i++) {
		if (permit_table[i].verb == verb)
			return &permit_table[i];
	}
	return NULL;
}

/* --- refusals ----------------------------------------------------------- */

struct denial {
	char ja[512], en[512];
};

static void
permit_denied(struct conn *conn, bool is_recorded)
{
	const struct denial *d = conn->job;

	if (!is_recorded)
		log_err("desk: a refusal could not be recorded");
	conn_end(conn, ANSWER_DENIED, d->ja, d->en);
}

void
permit_deny(struct conn *conn, const char *detail, const char *ja,
    const char *en)
{
	struct audit_record r;
	struct denial *d = mem_alloc(sizeof(*d));

	mem_put_str(d->ja, sizeof(d->ja), ja);
	mem_put_str(d->en, sizeof(d->en), en);
	if (conn->job_free != NULL)
		conn->job_free(conn->job);
	conn->job = d;
	conn->job_free = mem_free;
	entry_init(conn, AUDIT_DENIED, &r);
	mem_put_str(r.detail, sizeof(r.detail), detail);
	entry_append(conn, &r, permit_denied);
}

static void
permit_deny_role(struct conn *conn, const struct permit_row *row)
{
	const char *word = request_verb_word(row->verb);
	char ja[512], en[512], roles[256];

	person_role_words(row->roles, false, roles, sizeof(roles));
	snprintf(ja, sizeof(ja), "「%s」を行う権限がありません。必要な役割: "
	    "%s。管理者に gateway.yaml の operators への登録を依頼してくだ"
	    "さい", word, roles);
	person_role_words(row->roles, true, roles, sizeof(roles));
	snprintf(en, sizeof(en), "you may not do \"%s\"; it takes one of these "
	    "roles: %s. Ask the administrator to name you under operators in "
	    "gateway.yaml", word, roles);
	permit_deny(conn, word, ja, en);
}

void
permit_run(struct conn *conn)
{
	const struct permit_row *row = permit_find(conn->req->verb);
	uint32_t has = conn->req->has;

	if (row == NULL)
		log_panic("desk: verb %d has no row", (int)conn->req->verb);
	if ((conn->roles & row->roles) == 0) {
		permit_deny_role(conn, row);
		return;
	}
	if ((has & row->needs) != row->needs ||
	    (has & ~(row->needs | row->takes)) != 0) {
		conn_end(conn, ANSWER_USAGE, "要求の引数が正しくありません",
		    "the request has the wrong arguments");
		return;
	}
	conn->must_finish = row->must_finish;
	row->handler(conn);
}
