/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#include "proto/record/number.h"

#include "gatewayctl/ask.h"
#include "gatewayctl/commands.h"
#include "gatewayctl/show.h"

enum answer_exit
command_say(const struct options *o, enum answer_exit code, const char *text)
{
	struct buf safe;
	FILE *out = code == ANSWER_DONE && !o->is_json ? stdout : stderr;

	if (text[0] == '\0')
		return code;
	buf_init(&safe, 16 * ANSWER_TEXT_MAX);
	text_put_safe(&safe, text, strlen(text));
	fprintf(out, "%s%.*s\n", code == ANSWER_DONE ? "" : "gatewayctl: ",
	    (int)safe.len, (const char *)safe.data);
	buf_clear(&safe);
	return code;
}

enum answer_exit
command_fail(const struct options *o, enum answer_exit code,
    const char *fmt, ...)
{
	char text[ANSWER_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return command_say(o, code, text);
}

static enum answer_exit
command_run(const struct options *o, struct request *req, bool is_whole)
{
	char text[ANSWER_TEXT_MAX + 1];
	enum answer_exit code;
	struct show show;

	if (options_fill(o, req) != GW_OK)
		return ANSWER_USAGE;
	show_init(&show, o, stdout);
	show.is_whole = is_whole;
	show.wants_children = is_whole || req->wants_files != 0;
	code = ask_run(o, req, show_row, &show, text);
	show_finish(&show);
	fflush(stdout);
	return command_say(o, code, text);
}

enum answer_exit
command_ask(const struct options *o, const struct menu_row *row)
{
	struct request *req = mem_alloc(sizeof(*req));
	enum answer_exit code;

	req->verb = row->verb;
	code = command_run(o, req, false);
	mem_free(req);
	return code;
}

/* A number mistyped is better told here than "not found" later. */
static bool
command_number(const struct options *o, struct request *req)
{
	struct number number;
	enum gw_err err = number_parse(o->args[0], &number);

	if (err == GW_OK)
		err = number_format(&number, req->number);
	if (err == GW_OK) {
		req->has |= ARG_BIT(ARG_NUMBER);
		return true;
	}
	command_fail(o, ANSWER_USAGE, err == GW_EHASH ?
	    SAY(o, "受付番号 %s の検査数字が合いません。打ち間違いを確かめてく"
	    "ださい", "the check digit of %s does not fit: mistyped?") :
	    SAY(o, "%s は受付番号ではありません(例: I20260401-00017-3)",
	    "%s is not a receipt number (such as I20260401-00017-3)"),
	    o->args[0]);
	return false;
}

static enum answer_exit
command_with_number(const struct options *o, const struct menu_row *row,
    bool is_whole)
{
	struct request *req = mem_alloc(sizeof(*req));
	enum answer_exit code = ANSWER_USAGE;

	req->verb = row->verb;
	if (command_number(o, req))
		code = command_run(o, req, is_whole);
	mem_free(req);
	return code;
}

enum answer_exit
command_ask_number(const struct options *o, const struct menu_row *row)
{
	return command_with_number(o, row, false);
}

enum answer_exit
command_show(const struct options *o, const struct menu_row *row)
{
	return command_with_number(o, row, true);
}

enum answer_exit
command_ask_channel(const struct options *o, const struct menu_row *row)
{
	struct request *req = mem_alloc(sizeof(*req));
	enum answer_exit code = ANSWER_USAGE;

	req->verb = row->verb;
	req->has |= ARG_BIT(ARG_CHANNEL);
	if (o->args[0][0] == '\0' || mem_put_str(req->channel,
	    sizeof(req->channel), o->args[0]) == 0)
		command_fail(o, code, SAY(o, "経路名が正しくありません: %s",
		    "not the name of a channel: %s"), o->args[0]);
	else
		code = command_run(o, req, false);
	mem_free(req);
	return code;
}
