/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"
#include "base/rd.h"

#include "proto/ctl/request.h"
#include "proto/names/utf8.h"

enum kind { KIND_TEXT, KIND_UINT, KIND_BYTES };

struct arg_row {
	uint16_t id;
	enum kind kind;
	size_t at, size;	/* of the member */
	uint64_t least, most;
};

static const struct arg_row args[] = {
#define X(name, id, kind, member, least, most)                                \
	{id, KIND_##kind, offsetof(struct request, member),                   \
	    sizeof(((struct request *)0)->member), least, most},
	REQUEST_ARG_TABLE(X)
#undef X
};
#define ARG_COUNT ((int)(sizeof(args) / sizeof(args[0])))

/* The length of a bytes member stands behind it, aligned. */
_Static_assert(offsetof(struct request, card_len) ==
    offsetof(struct request, card) + 2048, "card_len follows card");
_Static_assert(offsetof(struct request, secret_len) ==
    offsetof(struct request, secret) + 32, "secret_len follows secret");

bool
request_verb_ok(unsigned verb)
{
	switch (verb) {
#define X(name, value, word) case value:
		REQUEST_VERB_TABLE(X)
#undef X
		return true;
	default:
		return false;
	}
}

const char *
request_verb_word(enum request_verb verb)
{
	switch (verb) {
#define X(name, value, word)                                                  \
	case name:                                                            \
		return word;
		REQUEST_VERB_TABLE(X)
#undef X
	}
	return "?";
}

/* --- writing ------------------------------------------------------------ */

static void
put_arg(struct buf *out, const struct arg_row *row, const uint8_t *member)
{
	uint64_t value;
	size_t len = row->size;

	buf_put_u16(out, row->id);
	switch (row->kind) {
	case KIND_TEXT:
		len = strnlen((const char *)member, row->size);
		buf_put_u16(out, (uint16_t)len);
		buf_put(out, member, len);
		break;
	case KIND_UINT:
		memcpy(&value, member, sizeof(value));
		buf_put_u16(out, sizeof(value));
		buf_put_u64(out, value);
		break;
	case KIND_BYTES:
		memcpy(&len, member + row->size, sizeof(len));
		buf_put_u16(out, (uint16_t)len);
		buf_put(out, member, len < row->size ? len : row->size);
		break;
	}
}

enum gw_err
request_encode(const struct request *req, struct buf *out)
{
	struct request *back;
	size_t start = out->len;
	enum gw_err err;
	int i;

	buf_put_u32(out, REQUEST_MAGIC);
	buf_put_u16(out, (uint16_t)req->verb);
	buf_put_u8(out, (uint8_t)req->lang);
	buf_put_u8(out, 0);
	for (i = 0; i < ARG_COUNT; i++) {
		if (req->has & ARG_BIT(args[i].id))
			put_arg(out, &args[i],
			    (const uint8_t *)req + args[i].at);
	}
	if (!buf_ok(out) || out->len - start > REQUEST_MAX)
		return GW_ELIMIT;
	/* What the other end would refuse is refused here already. */
	back = mem_alloc(sizeof(*back));
	err = request_decode(out->data + start, out->len - start, back);
	mem_free_secret(back, sizeof(*back));
	if (err == GW_OK)
		return GW_OK;
	out->len = start;
	return GW_EINVAL;
}

/* --- reading ------------------------------------------------------------ */

static bool
text_ok(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (p[i] < 0x20 || p[i] == 0x7f)
			return false;
	}
	return utf8_ok(p, len);
}

static enum gw_err
get_arg(struct rd *rd, const struct arg_row *row, uint8_t *member)
{
	const uint8_t *p;
	uint64_t value;
	size_t left = rd_left(rd);
	enum gw_err err;

	switch (row->kind) {
	case KIND_TEXT:
	case KIND_BYTES:
		if (left < row->least || left > row->most)
			return GW_EFORMAT;
		err = rd_span(rd, left, &p);
		if (err != GW_OK)
			return err;
		if (row->kind == KIND_TEXT && !text_ok(p, left))
			return GW_EFORMAT;
		memcpy(member, p, left);
		if (row->kind == KIND_BYTES)
			memcpy(member + row->size, &left, sizeof(left));
		return GW_OK;
	case KIND_UINT:
		err = rd_u64(rd, &value);
		if (err == GW_OK)
			err = rd_end(rd);
		if (err != GW_OK)
			return err;
		if (value < row->least || (row->most != 0 &&
		    value > row->most))
			return GW_EFORMAT;
		memcpy(member, &value, sizeof(value));
		return GW_OK;
	}
	return GW_EBUG;
}

static enum gw_err
get_args(struct rd *rd, struct request *req)
{
	const struct arg_row *row = args;
	struct rd value;
	uint16_t id, len;
	enum gw_err err;

	while (rd_left(rd) > 0) {
		if ((err = rd_u16(rd, &id)) != GW_OK ||
		    (err = rd_u16(rd, &len)) != GW_OK ||
		    (err = rd_sub(rd, len, &value)) != GW_OK)
			return err;
		/* Rising ids: row never moves back. */
		while (row < args + ARG_COUNT && row->id != id)
			row++;
		if (row == args + ARG_COUNT)
			return GW_EFORMAT;
		err = get_arg(&value, row, (uint8_t *)req + row->at);
		if (err != GW_OK)
			return err;
		req->has |= ARG_BIT(id);
		row++;
	}
	return GW_OK;
}

enum gw_err
request_decode(const void *bytes, size_t len, struct request *out)
{
	struct request *req;
	struct rd rd;
	uint32_t magic;
	uint16_t verb;
	uint8_t lang;
	enum gw_err err;

	if (len > REQUEST_MAX)
		return GW_EFORMAT;
	req = mem_alloc(sizeof(*req));
	rd_init(&rd, bytes, len);
	if ((err = rd_u32(&rd, &magic)) != GW_OK ||
	    (err = rd_u16(&rd, &verb)) != GW_OK ||
	    (err = rd_u8(&rd, &lang)) != GW_OK ||
	    (err = rd_zero(&rd, 1)) != GW_OK)
		goto out;
	if (magic != REQUEST_MAGIC) {
		err = GW_EVERSION;
		goto out;
	}
	if (!request_verb_ok(verb) || lang > REQUEST_EN) {
		err = GW_EFORMAT;
		goto out;
	}
	req->verb = (enum request_verb)verb;
	req->lang = (enum request_lang)lang;
	err = get_args(&rd, req);
	if (err == GW_OK)
		*out = *req;
out:
	mem_free_secret(req, sizeof(*req));
	return err;
}
