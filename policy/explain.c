/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#include "policy/eval.h"
#include "policy/explain.h"
#include "policy/load_value.h"

#define DAY_MS UINT64_C(86400000)
#define NAME_SHOWN 120

struct telling {
	const struct policy_table *table;
	enum policy_lang lang;
	enum policy_type type;
	uint64_t size, wall_ms;
	struct buf *out;
	unsigned taken; /* outgoing flows that take the file */
};

/* Both texts are checked as format strings where one is used as such. */
__attribute__((format_arg(2), format_arg(3))) static const char *
in(const struct telling *t, const char *ja, const char *en)
{
	return t->lang == POLICY_EN ? en : ja;
}

static const char *
stage_text(const struct telling *t, enum policy_stage stage)
{
	switch (stage) {
	case STAGE_MANIFEST:
		return in(t, "ファイルの一覧が正しいか確かめます",
		    "checks the list of files");
	case STAGE_IDENTIFY:
		return in(t,
		    "中身から形式を調べ、拡張子と合うか、このフローで通せるか"
		    "を見ます",
		    "finds the type from the content and compares it with the "
		    "extension and with what the flow accepts");
	case STAGE_CLAM:
		return in(t, "ウイルスを検査します", "scans for viruses");
	case STAGE_SANITIZE:
		return in(t, "危険な部分を取り除いて作り直します",
		    "removes dangerous parts and rebuilds the file");
	case STAGE_CONFIRM:
		return in(t,
		    "危険な部分がないことを、取り除いたのとは別のプログラムで"
		    "確かめます",
		    "confirms that nothing dangerous is left, with other code "
		    "than the cleaner's");
	case STAGE_NULL:
		return in(t, "検査しません（性能試験用）",
		    "scans nothing (bench only)");
	case STAGE_COUNT:
		break;
	}
	return "?";
}

static const char *
level_text(uint32_t level)
{
	static const char *const levels[] = {[SANITIZE_NONE] = "none",
	    [SANITIZE_L1] = "L1", [SANITIZE_L2] = "L2", [SANITIZE_L3] = "L3",
	    [SANITIZE_TEXT] = "text"};

	return level <= SANITIZE_TEXT ? levels[level] : "?";
}

/* "2027-03-31", the last day on which the flow holds. */
static void
put_last_day(const struct telling *t, uint64_t until_ms)
{
	char day[CLOCK_DAY_LEN];

	clock_day_jst(until_ms < DAY_MS ? 0 : until_ms - DAY_MS, day);
	buf_printf(t->out, "%.4s-%.2s-%.2s", day, day + 4, day + 6);
}

static void
put_accept(const struct telling *t, const struct policy_flow *f)
{
	const char *comma = "";
	unsigned i;

	for (i = 0; i < TYPE_COUNT; i++) {
		if ((f->accept & TYPE_BIT(i)) == 0)
			continue;
		buf_printf(t->out, "%s%s", comma,
		    policy_type_name((enum policy_type)i));
		comma = ", ";
	}
}

static void
tell_stages(const struct telling *t, const struct policy_flow *f)
{
	unsigned i, n = 0;

	for (i = 0; i < STAGE_COUNT; i++) {
		if ((f->stages & STAGE_BIT(i)) == 0)
			continue;
		buf_printf(t->out, "  %u. %s%s%s: %s\n", ++n,
		    policy_stage_name((enum policy_stage)i),
		    i == STAGE_SANITIZE ? " " : "",
		    i == STAGE_SANITIZE ? level_text(f->sanitize) : "",
		    stage_text(t, (enum policy_stage)i));
	}
}

static void
tell_approval(const struct telling *t, const struct policy_flow *f)
{
	const struct policy_approval_step *step;
	uint32_t i;

	if (f->step_count == 0) {
		buf_printf(t->out, "  %s\n",
		    in(t, "承認: なし（検査に通れば進みます）",
			"approval: none (it goes on when the stages agree)"));
		return;
	}
	buf_printf(t->out, "  %s", in(t, "承認: ", "approval: "));
	for (i = 0; i < f->step_count; i++) {
		step = &f->steps[i];
		buf_printf(t->out, "%s%s", i > 0 ? " → " : "",
		    step->roles == POLICY_OFFICER ?
			in(t, "セキュリティ責任者", "security officer") :
			in(t, "承認者", "approver"));
		buf_printf(t->out, in(t, " %u人", " x%u"), step->count);
	}
	buf_printf(t->out, "%s\n",
	    in(t, "（自分が出したものは承認できません）",
		" (nobody approves their own)"));
}

static void
tell_delivery(const struct telling *t, const struct policy_flow *f)
{
	uint32_t i;

	buf_printf(t->out, "  %s", in(t, "届け先: ", "delivery: "));
	buf_printf(t->out, "out/%s/", f->id);
	for (i = 0; i < f->recipient_count; i++)
		buf_printf(t->out, "%s%s/", i > 0 ? ", " : "",
		    f->recipients[i]);
	if (f->deliver != DELIVER_FOLDER)
		buf_put_str(t->out, in(t, "（受信箱）", " (inbox)"));
	buf_printf(t->out, "\n  %s", in(t, "期限: ", "until: "));
	put_last_day(t, f->until_ms);
	buf_put_str(t->out, "\n");
}

static void
tell_refusals(const struct telling *t, const struct policy_flow *f,
    uint32_t refusals)
{
	if ((refusals & POLICY_REFUSED_CLOSED) != 0) {
		buf_printf(t->out, "  - %s", in(t,
		    "期限が過ぎています: ", "closed since the end of "));
		put_last_day(t, f->until_ms);
		buf_put_str(t->out, "\n");
	}
	if ((refusals & POLICY_REFUSED_TYPE) != 0) {
		buf_printf(t->out,
		    in(t, "  - 形式 %s は対象外です。対象: ",
			"  - type %s is not accepted; accepted are "),
		    policy_type_name(t->type));
		put_accept(t, f);
		buf_put_str(t->out, "\n");
	}
	if ((refusals & POLICY_REFUSED_SIZE) != 0)
		buf_printf(t->out,
		    in(t, "  - 大きすぎます。上限 %" PRIu64 " バイト\n",
			"  - too large; at most %" PRIu64 " bytes\n"),
		    f->file_bytes);
}

static void
tell_flow(struct telling *t, const struct policy_flow *f)
{
	bool is_out = strcmp(f->from, t->table->zone.zone) == 0;
	uint32_t refusals;

	refusals = policy_eval_file(f, t->wall_ms, t->size, t->type);
	buf_printf(t->out, in(t, "\nフロー %s（%s → %s、%s）: ",
	    "\nflow %s (%s -> %s, %s): "), f->id, f->from, f->to, f->purpose);
	if (refusals != 0) {
		buf_printf(t->out, "%s\n", is_out ?
		    in(t, "送れません", "does not take it") :
		    in(t, "届いても通しません", "holds it when it arrives"));
		tell_refusals(t, f, refusals);
		return;
	}
	buf_printf(t->out, "%s\n", is_out ?
	    in(t, "送れます", "takes it") :
	    in(t, "届いたらもう一度検査します", "inspects it again when it "
						"arrives"));
	tell_stages(t, f);
	tell_approval(t, f);
	if (is_out) {
		t->taken++;
		buf_printf(t->out, in(t, "  チャネル: %s\n",
		    "  channel: %s\n"), f->channel);
	}
	tell_delivery(t, f);
}

/* Lower-case extension of a name; false if it has none worth comparing. */
static bool
find_ext(const char *name, char ext[16])
{
	const char *dot = strrchr(name, '.');
	size_t i;

	if (dot == NULL || dot == name || strlen(dot + 1) >= 16)
		return false;
	for (i = 0; dot[i + 1] != '\0'; i++)
		ext[i] = (char)tolower((unsigned char)dot[i + 1]);
	ext[i] = '\0';
	return i > 0;
}

static void
tell_file(const struct telling *t, const char *name)
{
	char ext[16];

	buf_put_str(t->out, in(t, "ファイル: ", "file: "));
	load_value_show(t->out, name, NAME_SHOWN);
	buf_printf(t->out, in(t, "（%s、%" PRIu64 " バイト）\n",
	    " (%s, %" PRIu64 " bytes)\n"),
	    policy_type_label(t->type, t->lang), t->size);
	buf_printf(t->out, in(t, "このゾーン: %s\n", "this zone: %s\n"),
	    t->table->zone.zone);
	if (t->type == TYPE_EXECUTABLE)
		buf_printf(t->out, "%s\n",
		    in(t, "実行形式はどのフローも通しません",
			"no flow ever takes executables"));
	else if (find_ext(name, ext) &&
	    policy_type_by_ext(ext) != TYPE_UNKNOWN &&
	    !policy_type_has_ext(t->type, ext))
		buf_printf(t->out,
		    in(t, "注意: 拡張子 .%s が中身と違います。identify で止ま"
			  "ります\n",
			"warning: the extension .%s does not fit the content; "
			"it will stop at identify\n"), ext);
}

enum gw_err
policy_explain(const struct policy_table *table, const char *name,
    uint64_t size, enum policy_type type, enum policy_lang lang,
    struct buf *out)
{
	struct telling t = {.table = table, .lang = lang, .type = type,
	    .size = size, .wall_ms = clock_wall_ms(), .out = out};
	uint32_t i;

	tell_file(&t, name);
	for (i = 0; i < table->flow_count; i++)
		tell_flow(&t, &table->flows[i]);
	if (t.taken == 0)
		buf_printf(out, "\n%s\n",
		    in(&t,
			"このゾーンから送れるフローがありません。必要なら "
			"flows/ に"
			"フローを登録してください",
			"No flow takes it out of this zone. If one is needed, "
			"register it in flows/"));
	return buf_ok(out) ? GW_OK : GW_ELIMIT;
}
