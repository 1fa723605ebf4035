/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "proto/parcel/header.h"
#include "proto/record/reason.h"
#include "proto/record/verdict.h"

#include "proto/record/statement.h"

#define STATEMENT_MAGIC "GWS1"
#define STATEMENT_VERSION 1
#define TOP_RESERVED 82
#define BODY_RESERVED 16
#define ID_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-"
#define NUMBER_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

_Static_assert(4 + 2 + 48 + 24 + 64 + 32 + 32 + 16 + 8 + 4 + 4 +
    TOP_RESERVED == STATEMENT_TOP_LEN, "the fields of the top");
_Static_assert(4 + 2 + 2 + 16 + STATEMENT_STAGES * 20 + BODY_RESERVED ==
    STATEMENT_BODY_LEN, "the fields of a body");

size_t
statement_len(uint32_t approval_count, uint32_t body_count)
{
	return STATEMENT_TOP_LEN +
	    (size_t)approval_count * STATEMENT_APPROVAL_LEN +
	    (size_t)body_count * STATEMENT_BODY_LEN;
}

void
statement_put_top(struct buf *b, const struct statement_top *top)
{
	buf_put(b, STATEMENT_MAGIC, 4);
	buf_put_u16(b, STATEMENT_VERSION);
	buf_put(b, top->flow, sizeof(top->flow));
	buf_put(b, top->number, sizeof(top->number));
	buf_put(b, top->submitter, sizeof(top->submitter));
	buf_put(b, top->policy_digest, sizeof(top->policy_digest));
	buf_put(b, top->flow_digest, sizeof(top->flow_digest));
	buf_put(b, top->origin_id, sizeof(top->origin_id));
	buf_put_u64(b, top->created_ms);
	buf_put_u32(b, top->approval_count);
	buf_put_u32(b, top->body_count);
	buf_put_zero(b, TOP_RESERVED);
}

void
statement_put_approval(struct buf *b, const struct statement_approval *a)
{
	buf_put_u32(b, a->uid);
	buf_put_u32(b, a->roles);
	buf_put_u16(b, a->act);
	buf_put_u16(b, a->step);
	buf_put_u64(b, a->wall_ms);
	buf_put_zero(b, 4);
}

void
statement_put_body(struct buf *b, const struct statement_body *body)
{
	const struct statement_stage *s;
	int i;

	buf_put_u32(b, body->index);
	buf_put_u16(b, body->type);
	buf_put_u16(b, body->method);
	buf_put(b, body->source_id, sizeof(body->source_id));
	for (i = 0; i < STATEMENT_STAGES; i++) {
		s = &body->stages[i];
		buf_put_u16(b, s->verdict);
		buf_put_u16(b, s->reason);
		buf_put_u32(b, s->engine);
		buf_put_u32(b, s->signatures);
		buf_put_u64(b, s->signatures_ms);
	}
	buf_put_zero(b, BODY_RESERVED);
}

/*
 * A text field: ends in it, zeros behind its end, only the given characters;
 * chars NULL: anything but control characters.
 */
static bool
text_ok(const char *text, size_t size, size_t min_len, const char *chars)
{
	const size_t len = strnlen(text, size);
	size_t i;

	if (len == size || len < min_len)
		return false;
	for (i = 0; i < len; i++) {
		if (chars != NULL ? strchr(chars, text[i]) == NULL :
		    (unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	}
	for (i = len; i < size; i++) {
		if (text[i] != '\0')
			return false;
	}
	return true;
}

static bool
top_ok(const struct statement_top *top)
{
	return text_ok(top->flow, sizeof(top->flow), 1, ID_CHARS) &&
	    text_ok(top->number, sizeof(top->number), 1, NUMBER_CHARS) &&
	    text_ok(top->submitter, sizeof(top->submitter), 0, NULL) &&
	    top->approval_count <= STATEMENT_APPROVALS_MAX &&
	    top->body_count >= 1 && top->body_count <= PARCEL_BODIES_MAX;
}

static enum gw_err
get_magic(struct rd *r)
{
	const uint8_t *magic;
	uint16_t version;
	enum gw_err err;

	if ((err = rd_span(r, 4, &magic)) != GW_OK)
		return err;
	if (memcmp(magic, STATEMENT_MAGIC, 4) != 0)
		return GW_EFORMAT;
	if ((err = rd_u16(r, &version)) != GW_OK)
		return err;
	return version == STATEMENT_VERSION ? GW_OK : GW_EVERSION;
}

enum gw_err
statement_open(struct rd *r, const void *bytes, size_t len,
    struct statement_top *out)
{
	struct statement_top t;
	enum gw_err err;

	rd_init(r, bytes, len);
	if ((err = get_magic(r)) != GW_OK ||
	    (err = rd_copy(r, t.flow, sizeof(t.flow))) != GW_OK ||
	    (err = rd_copy(r, t.number, sizeof(t.number))) != GW_OK ||
	    (err = rd_copy(r, t.submitter, sizeof(t.submitter))) != GW_OK ||
	    (err = rd_copy(r, t.policy_digest, sizeof(t.policy_digest))) !=
	    GW_OK ||
	    (err = rd_copy(r, t.flow_digest, sizeof(t.flow_digest))) !=
	    GW_OK ||
	    (err = rd_copy(r, t.origin_id, sizeof(t.origin_id))) != GW_OK ||
	    (err = rd_u64(r, &t.created_ms)) != GW_OK ||
	    (err = rd_u32(r, &t.approval_count)) != GW_OK ||
	    (err = rd_u32(r, &t.body_count)) != GW_OK ||
	    (err = rd_zero(r, TOP_RESERVED)) != GW_OK)
		return err;
	if (!top_ok(&t) ||
	    len != statement_len(t.approval_count, t.body_count))
		return GW_EFORMAT;
	*out = t;
	return GW_OK;
}

enum gw_err
statement_get_approval(struct rd *r, struct statement_approval *out)
{
	struct statement_approval a;
	enum gw_err err;

	if ((err = rd_u32(r, &a.uid)) != GW_OK ||
	    (err = rd_u32(r, &a.roles)) != GW_OK ||
	    (err = rd_u16(r, &a.act)) != GW_OK ||
	    (err = rd_u16(r, &a.step)) != GW_OK ||
	    (err = rd_u64(r, &a.wall_ms)) != GW_OK ||
	    (err = rd_zero(r, 4)) != GW_OK)
		return err;
	*out = a;
	return GW_OK;
}

static enum gw_err
get_stage(struct rd *r, struct statement_stage *s)
{
	enum gw_err err;

	if ((err = rd_u16(r, &s->verdict)) != GW_OK ||
	    (err = rd_u16(r, &s->reason)) != GW_OK ||
	    (err = rd_u32(r, &s->engine)) != GW_OK ||
	    (err = rd_u32(r, &s->signatures)) != GW_OK ||
	    (err = rd_u64(r, &s->signatures_ms)) != GW_OK)
		return err;
	return s->verdict <= VERDICT_NOT_SCANNED && reason_ok(s->reason) ?
	    GW_OK : GW_EFORMAT;
}

enum gw_err
statement_get_body(struct rd *r, uint32_t index, struct statement_body *out)
{
	struct statement_body b;
	enum gw_err err;
	int i;

	if ((err = rd_u32(r, &b.index)) != GW_OK ||
	    (err = rd_u16(r, &b.type)) != GW_OK ||
	    (err = rd_u16(r, &b.method)) != GW_OK ||
	    (err = rd_copy(r, b.source_id, sizeof(b.source_id))) != GW_OK)
		return err;
	for (i = 0; i < STATEMENT_STAGES; i++) {
		if ((err = get_stage(r, &b.stages[i])) != GW_OK)
			return err;
	}
	if ((err = rd_zero(r, BODY_RESERVED)) != GW_OK)
		return err;
	if (b.index != index)
		return GW_EFORMAT;
	*out = b;
	return GW_OK;
}
