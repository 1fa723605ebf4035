/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#include "policy/explain.h"
#include "policy/load.h"

#include "gatewayctl/commands.h"
#include "gatewayctl/text.h"

#define TEXT_MAX_BYTES (1u << 20)

/* Findings are whole lines; names in them may hold anything. */
static void
policy_put_lines(const struct options *o, const struct buf *text, FILE *out)
{
	const uint8_t *p = text->data, *end, *stop = p + text->len;
	struct json json;
	struct buf line;

	buf_init(&line, 4 * TEXT_MAX_BYTES);
	for (; p < stop; p = end + 1) {
		end = memchr(p, '\n', (size_t)(stop - p));
		if (end == NULL)
			end = stop;
		buf_reset(&line);
		if (o->is_json) {
			json_init(&json, &line);
			json_object(&json, NULL);
			json_str(&json, "row", "finding");
			json_strn(&json, "text", p, (size_t)(end - p));
			json_end(&json);
		} else
			text_put_safe(&line, p, (size_t)(end - p));
		fprintf(out, "%.*s\n", (int)line.len,
		    (const char *)line.data);
	}
	buf_clear(&line);
}

static enum gw_err
policy_load_here(const struct options *o, struct policy_table *table,
    struct buf *findings)
{
	return policy_load(o->dir, clock_wall_ms(),
	    o->is_en ? POLICY_EN : POLICY_JA, table, findings);
}

static enum answer_exit
policy_refused(const struct options *o, enum gw_err err)
{
	if (err == GW_EFORMAT || err == GW_EDENIED)
		return command_fail(o, ANSWER_REFUSED, "%s", SAY(o,
		    "設定に誤りがあります。上の指摘を直してください",
		    "the configuration has errors; mend what is listed above"));
	return command_fail(o, ANSWER_USAGE, SAY(o,
	    "%s の設定を読めません(%s)。--dir で設定のフォルダーを指定してくださ"
	    "い", "cannot read the configuration in %s (%s); name the folder "
	    "with --dir"), o->dir,
	    SAY(o, err_text_ja(err), err_text_en(err)));
}

enum answer_exit
policy_check_run(const struct options *o, const struct menu_row *row)
{
	struct policy_table *table = mem_alloc(sizeof(*table));
	enum answer_exit code = ANSWER_DONE;
	struct buf findings;
	enum gw_err err;

	(void)row;
	buf_init(&findings, TEXT_MAX_BYTES);
	err = policy_load_here(o, table, &findings);
	policy_put_lines(o, &findings, stdout);
	if (err != GW_OK)
		code = policy_refused(o, err);
	else if (!o->is_json)
		printf(SAY(o,
		    "設定は正しく読めます: ゾーン %s、経路 %u、業務フロー %u\n",
		    "The configuration is sound: zone %s, %u channels, %u "
		    "flows\n"), table->zone.zone, table->channel_count,
		    table->flow_count);
	buf_clear(&findings);
	mem_free(table);
	return code;
}

static enum policy_type
policy_type_of(const char *path)
{
	const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
	char ext[16] = "";
	size_t i;

	if (dot == NULL || (slash != NULL && dot < slash))
		return TYPE_UNKNOWN;
	for (i = 0; dot[i + 1] != '\0' && i < sizeof(ext) - 1; i++)
		ext[i] = (char)tolower((unsigned char)dot[i + 1]);
	return policy_type_by_ext(ext);
}

static enum answer_exit
policy_explain_file(const struct options *o, const struct policy_table *table,
    const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat st;
	struct buf text;
	enum gw_err err;

	if (stat(path, &st) == -1 || !S_ISREG(st.st_mode))
		return command_fail(o, ANSWER_USAGE, SAY(o,
		    "%s: 通常のファイルではありません",
		    "%s: not a regular file"), path);
	buf_init(&text, TEXT_MAX_BYTES);
	err = policy_explain(table, slash == NULL ? path : slash + 1,
	    (uint64_t)st.st_size, policy_type_of(path),
	    o->is_en ? POLICY_EN : POLICY_JA, &text);
	if (err == GW_OK)
		policy_put_lines(o, &text, stdout);
	buf_clear(&text);
	return err == GW_OK ? ANSWER_DONE : command_fail(o, ANSWER_REFUSED,
	    "%s: %s", path, SAY(o, err_text_ja(err), err_text_en(err)));
}

enum answer_exit
policy_explain_run(const struct options *o, const struct menu_row *row)
{
	struct policy_table *table = mem_alloc(sizeof(*table));
	enum answer_exit code = ANSWER_DONE;
	struct buf findings;
	enum gw_err err;
	int i;

	(void)row;
	buf_init(&findings, TEXT_MAX_BYTES);
	err = policy_load_here(o, table, &findings);
	if (err != GW_OK) {
		policy_put_lines(o, &findings, stderr);
		code = policy_refused(o, err);
	}
	for (i = 0; code == ANSWER_DONE && i < o->arg_count; i++)
		code = policy_explain_file(o, table, o->args[i]);
	buf_clear(&findings);
	mem_free(table);
	return code;
}
