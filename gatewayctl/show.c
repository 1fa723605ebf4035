/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"

#include "proto/record/audit.h"
#include "proto/record/transfer_state.h"

#include "gatewayctl/show.h"

#define LINE_MAX_BYTES (512u << 20) /* JSON of one transfer with its files */
#define CELL_WIDTH 44

/* --- words -------------------------------------------------------------- */

struct word {
	const char *word, *ja, *en;
};

static const struct word words[] = {
#define X(name, value, word, ja, en) {word, ja, en},
	TRANSFER_STATE_TABLE(X)
	AUDIT_EVENT_TABLE(X)
#undef X
	{"low", "送り側", "sending"}, {"high", "受け側", "receiving"},
	{"sender", "送信", "sender"}, {"receiver", "受信", "receiver"},
	{"open", "開通", "open"}, {"frozen", "凍結", "frozen"},
	{"unpaired", "未ペアリング", "unpaired"},
	{"up", "接続中", "up"}, {"down", "切断", "down"},
	{"connecting", "接続を試行中", "connecting"},
	{"unknown", "不明", "unknown"},
	{"ready", "稼働中", "ready"}, {"starting", "起動中", "starting"},
	{"restarting", "再起動待ち", "restarting"},
	{"stopped", "停止中", "stopped"}, {"ended", "期限切れ", "ended"},
	{"clean", "異常なし", "clean"}, {"cleaned", "無害化済", "cleaned"},
	{"confirmed", "安全確認済", "confirmed"},
	{"infected", "ウイルス検出", "infected"},
	{"denied", "不許可", "denied"},
	{"not-scanned", "検査不可", "not scanned"},
	{"none", "-", "-"}, {"hidden", "表示できません(権限)", "hidden"},
	{"shown", "表示", "shown"},
	{"unavailable", "取得できません", "unavailable"},
	{"own", "自分", "own"}, {"peer", "相手", "peer"},
};

/* Fields whose text is one of our words; "confirmed" means two things. */
static const char *
show_word(const struct options *o, enum answer_field field, const char *text)
{
	size_t i, count = sizeof(words) / sizeof(words[0]);
	const char *found = NULL;

	if (field == F_STATE || field == F_HELD_FROM || field == F_EVENT) {
		for (i = 0; i < count && found == NULL; i++) {
			if (strcmp(words[i].word, text) == 0)
				found = SAY(o, words[i].ja, words[i].en);
		}
	} else if (field == F_SIDE || field == F_ROLE || field == F_LINK ||
	    field == F_INTAKE || field == F_FETCH || field == F_VERDICT ||
	    field == F_NAMES || field == F_KIND) {
		for (i = count; i > 0 && found == NULL; i--) {
			if (strcmp(words[i - 1].word, text) == 0)
				found = SAY(o, words[i - 1].ja,
				    words[i - 1].en);
		}
	}
	return found != NULL ? found : text;
}

static bool
show_is_size(enum answer_field field)
{
	return field == F_SIZE || field == F_STORED || field == F_QUOTA ||
	    field == F_DISK || field == F_DISK_FREE;
}

static void
show_hex(struct buf *out, const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf_printf(out, "%02x", bytes[i]);
}

void
show_value(const struct options *o, const struct answer_value *v,
    struct buf *out)
{
	char text[64];

	switch (v->kind) {
	case ANSWER_TEXT:
		if (v->len < sizeof(text)) {
			memcpy(text, v->bytes, v->len);
			text[v->len] = '\0';
			buf_put_str(out, "");
			if (show_word(o, v->field, text) != text) {
				buf_put_str(out, show_word(o, v->field, text));
				break;
			}
		}
		text_put_safe(out, v->bytes, v->len);
		break;
	case ANSWER_UINT:
		if (show_is_size(v->field))
			text_put_size(out, v->number);
		else
			buf_printf(out, "%llu", (unsigned long long)v->number);
		break;
	case ANSWER_INT:
		buf_printf(out, "%lld", (long long)v->signed_number);
		break;
	case ANSWER_TIME:
		text_put_time(out, v->number);
		break;
	case ANSWER_BOOL:
		buf_put_str(out, v->number ? SAY(o, "はい", "yes") :
		    SAY(o, "いいえ", "no"));
		break;
	case ANSWER_BYTES:
		show_hex(out, v->bytes, v->len);
		break;
	}
}

void
show_json(struct json *json, const struct answer_value *v)
{
	const char *key = answer_json(v->field);

	switch (v->kind) {
	case ANSWER_TEXT:
		json_strn(json, key, v->bytes, v->len);
		break;
	case ANSWER_UINT:
	case ANSWER_TIME:
		json_u64(json, key, v->number);
		break;
	case ANSWER_INT:
		json_i64(json, key, v->signed_number);
		break;
	case ANSWER_BOOL:
		json_bool(json, key, v->number != 0);
		break;
	case ANSWER_BYTES:
		json_hex(json, key, v->bytes, v->len);
		break;
	}
}

/* --- JSON --------------------------------------------------------------- */

static const char *
show_row_word(enum answer_row row)
{
	static const char *const names[] = {
		[ROW_ZONE] = "zone", [ROW_PROCESS] = "process",
		[ROW_COUNT] = "count", [ROW_CHANNEL] = "channel",
		[ROW_FLOW] = "flow", [ROW_TRANSFER] = "transfer",
		[ROW_FILE] = "file", [ROW_STEP] = "step",
		[ROW_CARD] = "card", [ROW_KEY] = "key", [ROW_LOG] = "entry",
		[ROW_PAIRED] = "paired", [ROW_TEXT] = "text",
	};

	return names[row];
}

static void
show_json_close(struct show *s)
{
	if (s->open == 0)
		return;
	if (s->child != 0)
		json_end(&s->json);
	else if (s->open == ROW_TRANSFER && s->wants_children) {
		json_array(&s->json, "files");
		json_end(&s->json);
	}
	json_end(&s->json);
	buf_put_u8(&s->line, '\n');
	fwrite(s->line.data, 1, s->line.len, s->out);
	buf_reset(&s->line);
	s->open = s->child = 0;
}

static void
show_json_members(struct show *s, struct answer *row)
{
	struct answer_value v;

	while (answer_next(row, &v) == GW_OK)
		show_json(&s->json, &v);
}

static void
show_json_row(struct show *s, struct answer *row)
{
	bool is_child = row->row == ROW_FILE || row->row == ROW_STEP;

	if (is_child && s->open == ROW_TRANSFER) {
		if (s->child != row->row) {
			if (s->child != 0)
				json_end(&s->json);
			json_array(&s->json,
			    row->row == ROW_FILE ? "files" : "steps");
			s->child = row->row;
		}
		json_object(&s->json, NULL);
		show_json_members(s, row);
		json_end(&s->json);
		return;
	}
	show_json_close(s);
	json_init(&s->json, &s->line);
	json_object(&s->json, NULL);
	json_str(&s->json, "row", show_row_word(row->row));
	show_json_members(s, row);
	s->open = row->row;
}

/* --- tables ------------------------------------------------------------- */

/* Columns of a table per kind of row; reasons by language. */
struct layout {
	enum answer_row row;
	enum answer_field ja[TEXT_COLUMNS_MAX], en[TEXT_COLUMNS_MAX];
};

#define SAME(...) {__VA_ARGS__}, {__VA_ARGS__}
static const struct layout layouts[] = {
	{ROW_PROCESS, SAME(F_PROCESS, F_STATE, F_PID, F_RESTARTS, F_SINCE)},
	{ROW_COUNT, SAME(F_STATE, F_COUNT)},
	{ROW_CHANNEL, SAME(F_CHANNEL, F_ROLE, F_PEER, F_STATE, F_EPOCH, F_LINK,
	    F_LAST_ACK, F_DETAIL)},
	{ROW_FLOW, SAME(F_FLOW, F_FROM, F_TO, F_STATE, F_UNTIL, F_PURPOSE)},
	{ROW_TRANSFER,
	    {F_NUMBER, F_SIDE, F_STATE, F_FLOW, F_SUBMITTER, F_FILE_COUNT,
	    F_SIZE, F_ACCEPTED, F_REASON_JA},
	    {F_NUMBER, F_SIDE, F_STATE, F_FLOW, F_SUBMITTER, F_FILE_COUNT,
	    F_SIZE, F_ACCEPTED, F_REASON_EN}},
	{ROW_FILE,
	    {F_INDEX, F_NAME, F_SIZE, F_TYPE, F_VERDICT, F_METHOD,
	    F_REASON_JA, F_DETAIL},
	    {F_INDEX, F_NAME, F_SIZE, F_TYPE, F_VERDICT, F_METHOD,
	    F_REASON_EN, F_DETAIL}},
	{ROW_STEP,
	    {F_TIME, F_STATE, F_ATTEMPT, F_ACTOR, F_REASON_JA},
	    {F_TIME, F_STATE, F_ATTEMPT, F_ACTOR, F_REASON_EN}},
	{ROW_KEY, SAME(F_KIND, F_ZONE, F_MADE, F_NOT_BEFORE, F_NOT_AFTER,
	    F_ID)},
	{ROW_LOG,
	    {F_LOG_INDEX, F_TIME, F_EVENT, F_NUMBER, F_FLOW, F_STATE, F_ACTOR,
	    F_REASON_JA, F_DETAIL},
	    {F_LOG_INDEX, F_TIME, F_EVENT, F_NUMBER, F_FLOW, F_STATE, F_ACTOR,
	    F_REASON_EN, F_DETAIL}},
};

static const struct layout *
show_layout(enum answer_row row)
{
	size_t i;

	for (i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		if (layouts[i].row == row)
			return &layouts[i];
	}
	return NULL;
}

static const enum answer_field *
show_columns(const struct show *s, const struct layout *layout)
{
	return SAY(s->o, layout->ja, layout->en);
}

static int
show_column_count(const enum answer_field *fields)
{
	int n = 0;

	while (n < TEXT_COLUMNS_MAX && fields[n] != 0)
		n++;
	return n;
}

static void
show_table_close(struct show *s)
{
	if (s->kind == 0)
		return;
	if (s->rows > 0 && s->is_whole == false && s->kind != ROW_TRANSFER)
		fputc('\n', s->out);
	text_table_print(&s->table, s->out);
	text_table_clear(&s->table);
	s->kind = 0;
	s->rows++;
}

static void
show_table_open(struct show *s, enum answer_row row,
    const enum answer_field *fields)
{
	int i, n = show_column_count(fields);

	show_table_close(s);
	text_table_init(&s->table, n, CELL_WIDTH);
	s->kind = row;
	for (i = 0; i < n; i++)
		text_table_add(&s->table, SAY(s->o,
		    answer_label_ja(fields[i]), answer_label_en(fields[i])));
}

static void
show_cell(struct show *s, const struct answer *row, enum answer_field field)
{
	struct answer_value v;
	struct buf cell;

	buf_init(&cell, ANSWER_MAX * 8);
	if (answer_find(row, field, &v) && !(v.kind == ANSWER_TEXT &&
	    v.len == 0))
		show_value(s->o, &v, &cell);
	else
		buf_put_str(&cell, "-");
	/* "nothing is wrong" would fill a column with no news. */
	if ((field == F_REASON_JA || field == F_REASON_EN) &&
	    answer_find(row, F_REASON_CODE, &v) && v.len == 4 &&
	    memcmp(v.bytes, "none", 4) == 0) {
		buf_reset(&cell);
		buf_put_str(&cell, "-");
	}
	buf_put_u8(&cell, 0);
	text_table_add(&s->table, (const char *)cell.data);
	buf_clear(&cell);
}

static void
show_table_row(struct show *s, struct answer *row,
    const struct layout *layout)
{
	const enum answer_field *fields = show_columns(s, layout);
	int i, n = show_column_count(fields);

	if (s->kind != row->row)
		show_table_open(s, row->row, fields);
	for (i = 0; i < n; i++)
		show_cell(s, row, fields[i]);
}

/* --- blocks ------------------------------------------------------------- */

static bool
show_is_other_language(const struct options *o, enum answer_field f)
{
	return o->is_en ? f == F_REASON_JA || f == F_NEXT_JA :
	    f == F_REASON_EN || f == F_NEXT_EN;
}

static void
show_pair(struct show *s, const char *label, const char *value)
{
	int pad = 28 - text_width(label);

	fprintf(s->out, "%s:%*s%s\n", label, pad > 1 ? pad : 1, "", value);
}

static void
show_block_value(struct show *s, const struct answer_value *v)
{
	struct buf text;

	buf_init(&text, ANSWER_MAX * 8);
	show_value(s->o, v, &text);
	if (text.len == 0)
		buf_put_str(&text, "-");
	buf_put_u8(&text, 0);
	show_pair(s, SAY(s->o, answer_label_ja(v->field),
	    answer_label_en(v->field)), (const char *)text.data);
	buf_clear(&text);
}

/*
 * What the log of a transfer should tell and ours cannot yet: shown, so that
 * nobody takes silence for a value.
 */
static const struct word missing[] = {
	{"", "送信者の所属・職", "section and post"},
	{"", "本人確認の方法", "factors of sign-in"},
	{"", "端末名・IPアドレス", "terminal, address"},
	{"", "個人情報の検出", "personal data found"},
	{"", "消去証明書", "erase certificate"},
};

static void
show_block(struct show *s, struct answer *row)
{
	struct answer_value v;
	size_t i;

	show_table_close(s);
	if (s->rows > 0)
		fputc('\n', s->out);
	while (answer_next(row, &v) == GW_OK) {
		if (!show_is_other_language(s->o, v.field))
			show_block_value(s, &v);
	}
	if (row->row == ROW_TRANSFER) {
		for (i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
			show_pair(s, SAY(s->o, missing[i].ja, missing[i].en),
			    SAY(s->o, "未取得", "not collected"));
	}
	s->rows++;
}

static void
show_text_row(struct show *s, struct answer *row)
{
	struct answer_value v;
	struct buf text;
	const uint8_t *line, *end;

	if (!answer_find(row, F_TEXT, &v))
		return;
	buf_init(&text, ANSWER_MAX * 8);
	for (line = v.bytes; line < v.bytes + v.len; line = end + 1) {
		end = memchr(line, '\n', (size_t)(v.bytes + v.len - line));
		if (end == NULL)
			end = v.bytes + v.len;
		text_put_safe(&text, line, (size_t)(end - line));
		buf_put_u8(&text, '\n');
	}
	fwrite(text.data, 1, text.len, s->out);
	buf_clear(&text);
}

/* --- entry -------------------------------------------------------------- */

void
show_init(struct show *s, const struct options *o, FILE *out)
{
	memset(s, 0, sizeof(*s));
	s->o = o;
	s->out = out;
	buf_init(&s->line, LINE_MAX_BYTES);
}

void
show_row(void *arg, struct answer *row)
{
	struct show *s = arg;
	const struct layout *layout = show_layout(row->row);

	if (s->o->is_json)
		show_json_row(s, row);
	else if (row->row == ROW_TEXT)
		show_text_row(s, row);
	else if (layout == NULL || (s->is_whole && row->row == ROW_TRANSFER))
		show_block(s, row);
	else
		show_table_row(s, row, layout);
}

void
show_finish(struct show *s)
{
	if (s->o->is_json)
		show_json_close(s);
	else
		show_table_close(s);
	buf_clear(&s->line);
}
