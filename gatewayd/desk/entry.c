/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"

#include "proto/ipc/audit.h"

#include "gatewayd/desk/call.h"
#include "gatewayd/desk/entry.h"

void
entry_init(const struct conn *conn, enum audit_event event,
    struct audit_record *r)
{
	memset(r, 0, sizeof(*r));
	r->event = (uint16_t)event;
	r->uid = conn->uid;
	mem_put_str(r->actor, sizeof(r->actor), conn->account);
	mem_put_str(r->number, sizeof(r->number), conn->req->number);
	mem_put_str(r->flow, sizeof(r->flow), conn->req->flow);
	mem_put_str(r->channel, sizeof(r->channel), conn->req->channel);
}

static void
entry_done(struct conn *conn, uint32_t tag, struct ipc_msg *msg)
{
	struct audit_head head;
	entry_fn *fn = conn->after_entry;
	conn_fn *then = conn->then;

	(void)tag;
	memcpy(&head, msg->body, sizeof(head));
	conn->after_entry = NULL;
	conn->then = NULL;
	if (fn != NULL)
		fn(conn, head.err == GW_OK);
	else if (head.err == GW_OK)
		then(conn);
	else
		conn_endf(conn, ANSWER_REFUSED, CONN_SAY(conn,
		    "監査ログに記録できないため実行しません(%s)",
		    "not done, since it cannot be recorded in the audit log "
		    "(%s)"),
		    CONN_SAY(conn, err_text_ja((enum gw_err)head.err),
			err_text_en((enum gw_err)head.err)));
}

void
entry_append(struct conn *conn, const struct audit_record *r, entry_fn *fn)
{
	conn->after_entry = fn;
	call_send_elems(conn, DESK_AUDIT, AUDIT_APPEND, NULL, 0, r, sizeof(*r),
	    1, entry_done, 0);
}

void
entry_then(struct conn *conn, enum audit_event event, const char *detail,
    conn_fn *then)
{
	struct audit_record r;

	entry_init(conn, event, &r);
	mem_put_str(r.detail, sizeof(r.detail), detail);
	conn->then = then;
	entry_append(conn, &r, NULL);
}
