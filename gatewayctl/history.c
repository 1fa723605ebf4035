/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#include "gatewayctl/ask.h"
#include "gatewayctl/commands.h"
#include "gatewayctl/show.h"

#define LINE_MAX_BYTES (1u << 20)

/* --- follow: one line per entry, as it comes ---------------------------- */

struct follow {
	const struct options *o;
	struct buf line;
};

static void
history_put_json(struct answer *row, struct buf *line)
{
	char iso[CLOCK_ISO_LEN];
	struct answer_value v;
	struct json json;

	json_init(&json, line);
	json_object(&json, NULL);
	json_str(&json, "row", "entry");
	if (answer_find(row, F_TIME, &v)) {
		clock_iso_jst(v.number, iso);
		json_str(&json, "time", iso);
	}
	while (answer_next(row, &v) == GW_OK)
		show_json(&json, &v);
	json_end(&json);
}

static void
history_put_field(const struct options *o, struct answer *row,
    enum answer_field field, struct buf *line)
{
	struct answer_value v;

	if (!answer_find(row, field, &v) ||
	    (v.kind == ANSWER_TEXT && v.len == 0))
		return;
	if (line->len > 0)
		buf_put_str(line, "  ");
	show_value(o, &v, line);
}

static void
history_follow_row(void *arg, struct answer *row)
{
	struct follow *f = arg;
	const struct options *o = f->o;

	if (row->row != ROW_LOG)
		return;
	buf_reset(&f->line);
	if (o->is_json)
		history_put_json(row, &f->line);
	else {
		history_put_field(o, row, F_TIME, &f->line);
		history_put_field(o, row, F_LOG_INDEX, &f->line);
		history_put_field(o, row, F_EVENT, &f->line);
		history_put_field(o, row, F_NUMBER, &f->line);
		history_put_field(o, row, F_FLOW, &f->line);
		history_put_field(o, row, F_CHANNEL, &f->line);
		history_put_field(o, row, F_STATE, &f->line);
		history_put_field(o, row, F_ACTOR, &f->line);
		history_put_field(o, row, SAY(o, F_REASON_JA, F_REASON_EN),
		    &f->line);
		history_put_field(o, row, F_DETAIL, &f->line);
	}
	printf("%.*s\n", (int)f->line.len, (const char *)f->line.data);
	fflush(stdout);
}

enum answer_exit
history_follow_run(const struct options *o, const struct menu_row *row)
{
	struct request *req = mem_alloc(sizeof(*req));
	struct follow f = {.o = o};
	char text[ANSWER_TEXT_MAX + 1];
	enum answer_exit code = ANSWER_USAGE;

	buf_init(&f.line, LINE_MAX_BYTES);
	req->verb = row->verb;
	if (options_fill(o, req) == GW_OK) {
		code = ask_run(o, req, history_follow_row, &f, text);
		command_say(o, code, text);
	}
	buf_clear(&f.line);
	mem_free(req);
	return code;
}

/* --- export ------------------------------------------------------------- */

/*
 * Columns of the CSV: what a reader of the log may ask for.  Field 0: not
 * collected yet, which every row says.
 */
struct column {
	const char *ja, *en;
	enum answer_field field;
};
#define NOT_COLLECTED ((enum answer_field)0)

static const struct column columns[] = {
	{"記録番号", "entry", F_LOG_INDEX},
	{"時刻(JST)", "time (JST)", F_TIME},
	{"できごと", "event", F_EVENT},
	{"受付番号", "number", F_NUMBER},
	{"業務フロー", "flow", F_FLOW},
	{"経路", "channel", F_CHANNEL},
	{"状態", "state", F_STATE},
	{"行った者", "actor", F_ACTOR},
	{"UID", "uid", F_UID},
	{"所属・職", "section, post", NOT_COLLECTED},
	{"本人確認の方法", "factors", NOT_COLLECTED},
	{"端末・IPアドレス", "terminal, address", NOT_COLLECTED},
	{"転送ID", "transfer id", F_TRANSFER},
	{"ファイルID", "file id", F_BODY},
	{"便", "parcel", F_PARCEL},
	{"ファイル番号", "file index", F_INDEX},
	{"大きさ", "size", F_SIZE},
	{"形式", "type", F_TYPE},
	{"検査エンジン・定義", "engines, signatures", F_ENGINES},
	{"理由コード", "reason code", F_REASON_CODE},
	{"理由", "reason (ja)", F_REASON_JA},
	{"理由(英)", "reason", F_REASON_EN},
	{"詳細", "detail", F_DETAIL},
	{"承認数", "approvals", F_APPROVALS},
	{"世代", "epoch", F_EPOCH},
	{"番号", "seq", F_SEQ},
	{"ハッシュ", "hash", F_HASH},
	{"ルート", "root", F_ROOT},
	{"規則の版", "policy", F_POLICY},
	{"取り除いたもの", "removed", NOT_COLLECTED},
	{"個人情報の検出", "personal data", NOT_COLLECTED},
	{"消去証明書", "erase certificate", NOT_COLLECTED},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

struct export {
	const struct options *o;
	struct buf line;
	uint64_t rows;
	bool is_csv;
};

/* A cell that a spreadsheet would run as a formula gets an apostrophe. */
static void
history_put_cell(struct buf *line, const char *text, size_t len)
{
	size_t i;

	buf_put_u8(line, '"');
	if (len > 0 && strchr("=+-@", text[0]) != NULL)
		buf_put_u8(line, '\'');
	for (i = 0; i < len; i++) {
		if (text[i] == '"')
			buf_put_u8(line, '"');
		buf_put_u8(line, (uint8_t)text[i]);
	}
	buf_put_u8(line, '"');
}

static void
history_csv_row(struct export *e, struct answer *row)
{
	const char *none = SAY(e->o, "未取得", "not collected");
	struct answer_value v;
	struct buf cell;
	size_t i;

	buf_init(&cell, LINE_MAX_BYTES);
	for (i = 0; i < COLUMNS; i++) {
		buf_reset(&cell);
		if (columns[i].field == NOT_COLLECTED)
			buf_put_str(&cell, none);
		else if (answer_find(row, columns[i].field, &v)) {
			if (v.kind == ANSWER_UINT)
				buf_printf(&cell, "%llu",
				    (unsigned long long)v.number);
			else
				show_value(e->o, &v, &cell);
		}
		if (i > 0)
			buf_put_u8(&e->line, ',');
		history_put_cell(&e->line, (const char *)cell.data,
		    cell.len);
	}
	buf_put_str(&e->line, "\r\n");
	buf_clear(&cell);
}

static void
history_csv_head(struct export *e)
{
	const char *text;
	size_t i;

	buf_put_str(&e->line, "\xef\xbb\xbf"); /* Excel reads UTF-8 by it */
	for (i = 0; i < COLUMNS; i++) {
		text = SAY(e->o, columns[i].ja, columns[i].en);
		if (i > 0)
			buf_put_u8(&e->line, ',');
		history_put_cell(&e->line, text, strlen(text));
	}
	buf_put_str(&e->line, "\r\n");
}

static void
history_export_row(void *arg, struct answer *row)
{
	struct export *e = arg;

	if (row->row != ROW_LOG)
		return;
	if (e->is_csv)
		history_csv_row(e, row);
	else {
		history_put_json(row, &e->line);
		buf_put_u8(&e->line, '\n');
	}
	fwrite(e->line.data, 1, e->line.len, stdout);
	buf_reset(&e->line);
	e->rows++;
}

enum answer_exit
history_export_run(const struct options *o, const struct menu_row *row)
{
	struct request *req = mem_alloc(sizeof(*req));
	struct export e = {.o = o};
	char text[ANSWER_TEXT_MAX + 1];
	enum answer_exit code = ANSWER_USAGE;

	buf_init(&e.line, 2 * LINE_MAX_BYTES);
	e.is_csv = (o->has & OPT(OPT_CSV)) != 0;
	req->verb = row->verb;
	if (options_fill(o, req) == GW_OK) {
		if (e.is_csv) {
			history_csv_head(&e);
			fwrite(e.line.data, 1, e.line.len, stdout);
			buf_reset(&e.line);
		}
		code = ask_run(o, req, history_export_row, &e, text);
		command_say(o, code, text);
	}
	buf_clear(&e.line);
	mem_free(req);
	return code;
}

/* --- verify ------------------------------------------------------------- */

/* gateway-verify stands beside us, or is found by PATH. */
static void
history_exec(const struct options *o, char *dir)
{
	char self[PATH_MAX], program[PATH_MAX + 16];
	char verify[] = "gateway-verify", lang[] = "--lang";
	char ja[] = "ja", en[] = "en", json[] = "--json";
	char *argv[] = {verify, lang, SAY(o, ja, en), dir, NULL, NULL};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (o->is_json) {
		argv[3] = json;
		argv[4] = dir;
	}
	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash != NULL)
			*slash = '\0';
		snprintf(program, sizeof(program), "%s/gateway-verify", self);
		execv(program, argv);
	}
	execvp(verify, argv);
}

enum answer_exit
history_verify_run(const struct options *o, const struct menu_row *row)
{
	char state_dir[POLICY_PATH_LEN], dir[POLICY_PATH_LEN + 32];
	char file[POLICY_PATH_LEN + 64];

	(void)row;
	if (ask_state_dir(o, state_dir) != GW_OK)
		return ANSWER_USAGE;
	snprintf(dir, sizeof(dir), "%s/audit", state_dir);
	snprintf(file, sizeof(file), "%s/checkpoint", dir);
	if (access(file, R_OK) == -1 && errno == EACCES)
		return command_fail(o, ANSWER_DENIED, SAY(o,
		    "監査ログ %s を読む権限がありません。root で実行するか、監査人"
		    "のアカウントをグループ _gw-audit に入れるか、写しを "
		    "gateway-verify で検証してください",
		    "you may not read the audit log in %s; run this as root, "
		    "put the auditor's account into group _gw-audit, or give "
		    "a copy to gateway-verify"), dir);
	history_exec(o, dir);
	return command_fail(o, ANSWER_REFUSED, SAY(o,
	    "gateway-verify を実行できません: %s",
	    "cannot run gateway-verify: %s"), strerror(errno));
}
