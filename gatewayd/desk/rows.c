/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "proto/names/utf8.h"
#include "proto/record/reason.h"
#include "proto/record/verdict.h"

#include "gatewayd/desk/rows.h"

#define DAY_MS UINT64_C(86400000)

static void
rows_put_reason(struct buf *row, uint16_t reason)
{
	enum reason r = (enum reason)reason;

	answer_text_put(row, F_REASON_CODE, reason_code(r));
	answer_text_put(row, F_REASON_JA, reason_ja(r));
	answer_text_put(row, F_REASON_EN, reason_en(r));
	answer_text_put(row, F_NEXT_JA, reason_next_ja(r));
	answer_text_put(row, F_NEXT_EN, reason_next_en(r));
}

static void
rows_put_recipients(struct buf *row, const struct policy_flow *flow)
{
	char text[POLICY_RECIPIENTS_MAX * (POLICY_ID_LEN + 2) + 1];
	size_t used = 0;
	uint32_t i;

	text[0] = '\0';
	for (i = 0; i < flow->recipient_count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "%s%s", i == 0 ? "" : ", ", flow->recipients[i]);
	if (flow->recipient_count > 0)
		answer_text_put(row, F_RECIPIENTS, text);
}

/* What the flow adds to the picture of one transfer. */
static void
rows_put_flow(struct conn *conn, struct buf *row, const struct spool_row *t)
{
	const struct policy_flow *flow =
	    policy_find_flow(conn->desk->policy, t->flow);

	answer_bytes_put(row, F_TRANSFER, t->transfer.id,
	    sizeof(t->transfer.id));
	answer_bytes_put(row, F_POLICY, conn->desk->policy->digest, 32);
	if (flow == NULL)
		return;
	answer_textn_put(row, F_FROM, flow->from, sizeof(flow->from));
	answer_textn_put(row, F_TO, flow->to, sizeof(flow->to));
	answer_textn_put(row, F_PURPOSE, flow->purpose, sizeof(flow->purpose));
	answer_textn_put(row, F_CLASS, flow->class, sizeof(flow->class));
	answer_text_put(row, F_CARRIER, "tls");
	rows_put_recipients(row, flow);
	if (t->accepted_ms != 0)
		answer_uint_put(row, F_ERASE_DUE, t->accepted_ms +
		    flow->original_days * DAY_MS);
}

void
rows_put_transfer(struct conn *conn, const struct spool_row *t,
    const char *names, bool is_whole)
{
	struct buf *row = conn_row(conn, ROW_TRANSFER);

	answer_textn_put(row, F_NUMBER, t->number, sizeof(t->number));
	answer_textn_put(row, F_FLOW, t->flow, sizeof(t->flow));
	answer_textn_put(row, F_CHANNEL, t->channel, sizeof(t->channel));
	answer_text_put(row, F_SIDE, t->side == SIDE_LOW ? "low" : "high");
	answer_text_put(row, F_STATE,
	    transfer_state_word((enum transfer_state)t->state));
	answer_text_put(row, F_HELD_FROM, t->held_from == 0 ? "" :
	    transfer_state_word((enum transfer_state)t->held_from));
	rows_put_reason(row, t->reason);
	answer_textn_put(row, F_DETAIL, t->detail, sizeof(t->detail));
	answer_textn_put(row, F_SUBMITTER, t->submitter,
	    sizeof(t->submitter));
	answer_uint_put(row, F_SIZE, t->plain_bytes);
	answer_uint_put(row, F_FILE_COUNT,
	    t->body_count > 0 ? t->body_count - 1 : 0);
	answer_uint_put(row, F_ACCEPTED, t->accepted_ms);
	answer_uint_put(row, F_STATE_TIME, t->state_ms);
	answer_uint_put(row, F_EPOCH, t->epoch);
	answer_uint_put(row, F_SEQ, t->seq);
	answer_bytes_put(row, F_PARCEL, t->parcel_id, sizeof(t->parcel_id));
	if (names != NULL)
		answer_text_put(row, F_NAMES, names);
	if (is_whole)
		rows_put_flow(conn, row, t);
	conn_row_send(conn);
}

static const char *
rows_verdict(uint16_t verdict)
{
	switch ((enum verdict)verdict) {
	case VERDICT_NONE:
		return "none";
	case VERDICT_CLEAN:
		return "clean";
	case VERDICT_CLEANED:
		return "cleaned";
	case VERDICT_CONFIRMED:
		return "confirmed";
	case VERDICT_INFECTED:
		return "infected";
	case VERDICT_DENIED:
		return "denied";
	case VERDICT_NOT_SCANNED:
		return "not-scanned";
	}
	return "?";
}

/* The guideline's ways to take danger away, and our strict confirmation. */
static const char *
rows_method(uint16_t method)
{
	static const char *const words[] = {
		"none", "text", "image", "rebuilt", "person", "confirmed"};

	return method < sizeof(words) / sizeof(words[0]) ? words[method] :
	    "?";
}

static void
rows_put_stages(struct buf *row, uint32_t stages)
{
	char text[256];
	size_t used = 0;
	int i;

	text[0] = '\0';
	for (i = 0; i < STAGE_COUNT; i++) {
		if ((stages & STAGE_BIT(i)) != 0)
			used += (size_t)snprintf(text + used,
			    sizeof(text) - used, "%s%s", used == 0 ? "" :
			    ",", policy_stage_name((enum policy_stage)i));
	}
	answer_text_put(row, F_STAGES, text);
}

static void
rows_put_name(struct buf *row, const struct manifest_file *file)
{
	answer_text_put(row, F_NAME, file->path);
	if (!utf8_ok(file->raw, file->raw_len))
		answer_bytes_put(row, F_NAME_HEX, file->raw, file->raw_len);
	answer_uint_put(row, F_SIZE, file->size);
	answer_bytes_put(row, F_SHA256, file->sha256, sizeof(file->sha256));
}

void
rows_put_file(struct conn *conn, uint32_t index,
    const struct keys_body_info *info, const struct manifest_file *file)
{
	struct buf *row = conn_row(conn, ROW_FILE);

	answer_uint_put(row, F_INDEX, index);
	if (file != NULL)
		rows_put_name(row, file);
	else
		answer_uint_put(row, F_SIZE, info->plain_len);
	answer_text_put(row, F_TYPE, info->type < TYPE_COUNT ?
	    policy_type_name((enum policy_type)info->type) : "?");
	answer_text_put(row, F_METHOD, rows_method(info->method));
	answer_text_put(row, F_VERDICT, rows_verdict(info->verdict));
	answer_text_put(row, F_REASON_CODE,
	    reason_code((enum reason)info->reason));
	answer_text_put(row, F_REASON_JA,
	    reason_ja((enum reason)info->reason));
	answer_text_put(row, F_REASON_EN,
	    reason_en((enum reason)info->reason));
	rows_put_stages(row, info->stages);
	answer_textn_put(row, F_DETAIL, info->detail, sizeof(info->detail));
	conn_row_send(conn);
}

void
rows_put_step(struct conn *conn, const struct spool_step *step)
{
	struct buf *row = conn_row(conn, ROW_STEP);

	answer_text_put(row, F_STATE,
	    transfer_state_word((enum transfer_state)step->state));
	answer_uint_put(row, F_TIME, step->wall_ms);
	answer_uint_put(row, F_ATTEMPT, step->attempt);
	answer_text_put(row, F_REASON_CODE,
	    reason_code((enum reason)step->reason));
	answer_text_put(row, F_REASON_JA,
	    reason_ja((enum reason)step->reason));
	answer_text_put(row, F_REASON_EN,
	    reason_en((enum reason)step->reason));
	answer_textn_put(row, F_ACTOR, step->actor, sizeof(step->actor));
	conn_row_send(conn);
}
