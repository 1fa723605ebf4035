/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "gatewayctl/commands.h"
#include "gatewayctl/menu.h"
#include "gatewayctl/text.h"

#define LISTING                                                               \
	(OPT(OPT_FLOW) | OPT(OPT_STATE) | OPT(OPT_SIDE) | OPT(OPT_SINCE) |    \
	    OPT(OPT_NUMBER) | OPT(OPT_LIMIT) | OPT(OPT_FILES))
#define HOLDING                                                               \
	(OPT(OPT_FLOW) | OPT(OPT_SIDE) | OPT(OPT_SINCE) | OPT(OPT_LIMIT) |    \
	    OPT(OPT_FILES))
#define DECIDING (OPT(OPT_COMMENT) | OPT(OPT_SIDE))
#define SEARCHING                                                             \
	(OPT(OPT_NUMBER) | OPT(OPT_FLOW) | OPT(OPT_EVENT) | OPT(OPT_FROM) |   \
	    OPT(OPT_TO) | OPT(OPT_LIMIT))
#define NUMBER "NUMBER", 1, 1

const struct menu_row menu_table[] = {
	{"init", NULL, "DIR", 1, 1, OPT(OPT_ZONE), OPT(OPT_ZONE), 0, init_run,
	    "フォルダーと設定のひな型を作る",
	    "make folders and a commented configuration"},
	{"status", NULL, "", 0, 0, 0, 0, VERB_STATUS, command_ask,
	    "プロセス・経路・件数を表示する(すべて稼働中なら終了コード0)",
	    "show processes, channels, counts; exit 0 when all are ready"},
	{"doctor", NULL, "", 0, 0, 0, 0, VERB_DOCTOR, doctor_run,
	    "何が問題で、どうすればよいかを言葉で示す",
	    "say in words what is wrong and what to do"},
	{"reload", NULL, "", 0, 0, 0, 0, VERB_RELOAD, command_ask,
	    "gateway.yaml と flows を読み直す",
	    "load gateway.yaml and the flows anew"},
	{"send", NULL, "FLOW FILE…", 2, -1, 0, 0, VERB_FLOWS, send_run,
	    "業務フローの投入フォルダーへファイルを置く",
	    "put files into a flow's drop folder"},

	{"transfers", "list", "", 0, 0, LISTING, 0, VERB_TRANSFERS_LIST,
	    command_ask, "転送の一覧", "list transfers"},
	{"transfers", "show", NUMBER, 0, 0, VERB_TRANSFERS_SHOW, command_show,
	    "1件の状態・ファイル・経過・次にすること",
	    "one transfer: state, files, steps, what to do next"},
	{"transfers", "approve", NUMBER, DECIDING, 0, VERB_TRANSFERS_APPROVE,
	    command_ask_number, "承認する(送信者本人はできない)",
	    "approve (not one's own)"},
	{"transfers", "return", NUMBER, DECIDING, 0, VERB_TRANSFERS_RETURN,
	    command_ask_number, "送信者に差し戻す", "return to the sender"},
	{"transfers", "revoke", NUMBER, DECIDING, 0, VERB_TRANSFERS_REVOKE,
	    command_ask_number, "自分の送信を取り下げる",
	    "take back one's own"},

	{"holds", "list", "", 0, 0, HOLDING, 0, VERB_HOLDS_LIST, command_ask,
	    "保留・承認待ちの一覧", "list what waits for a person"},
	{"holds", "show", NUMBER, 0, 0, VERB_HOLDS_SHOW, command_show,
	    "保留の理由と次にすること", "why it is held and what to do"},
	{"holds", "release", NUMBER, DECIDING, 0, VERB_HOLDS_RELEASE,
	    command_ask_number,
	    "保留を解除する(検査できなかったものは責任者2名)",
	    "release (what was not scanned takes two officers)"},
	{"holds", "reject", NUMBER, DECIDING, 0, VERB_HOLDS_REJECT,
	    command_ask_number, "保留を差し戻す", "reject what is held"},

	{"quarantine", "list", "", 0, 0, HOLDING, 0, VERB_QUARANTINE_LIST,
	    command_ask, "隔離の一覧", "list what is in quarantine"},
	{"quarantine", "show", NUMBER, 0, 0, VERB_QUARANTINE_SHOW,
	    command_show, "隔離した1件の内容", "one transfer in quarantine"},

	{"channel", "list", "", 0, 0, 0, 0, VERB_CHANNEL_LIST, command_ask,
	    "経路の状態", "state of the channels"},
	{"channel", "freeze", "CHANNEL", 1, 1, 0, 0, VERB_CHANNEL_FREEZE,
	    command_ask_channel, "経路を止める", "stop a channel"},
	{"channel", "new-epoch", "CHANNEL", 1, 1, 0, 0,
	    VERB_CHANNEL_NEW_EPOCH, command_ask_channel,
	    "凍結した経路を新しい世代で再開する(責任者2名)",
	    "open a frozen channel in a new epoch (two officers)"},

	{"pair", "init", "", 0, 0, OPT(OPT_BENCH), 0, VERB_PAIR_INIT,
	    command_ask, "このゾーンの鍵を作る(1回だけ)",
	    "make this zone's keys (once)"},
	{"pair", "card", "", 0, 0, OPT(OPT_BINARY) | OPT(OPT_HEX), 0,
	    VERB_PAIR_CARD, pair_card_run,
	    "このゾーンの証明カードを取り出す", "write this zone's card"},
	{"pair", "accept", "FILE", 1, 1, OPT(OPT_DIGITS) |
	    OPT(OPT_SECRET_FILE) | OPT(OPT_NEW_SECRET), 0, VERB_PAIR_ACCEPT,
	    pair_accept_run, "相手の証明カードを受け入れる",
	    "accept the other zone's card"},
	{"pair", "show", "", 0, 0, 0, 0, VERB_PAIR_SHOW, command_ask,
	    "自分の確認の数字と、相手の一覧",
	    "our own digits, and the peers"},
	{"key", "list", "", 0, 0, 0, 0, VERB_KEY_LIST, command_ask,
	    "鍵の一覧と期限", "keys and until when they hold"},

	{"policy", "check", "", 0, 0, 0, 0, 0, policy_check_run,
	    "設定の誤りを調べる(何も変えない)",
	    "check the configuration; changes nothing"},
	{"policy", "explain", "FILE…", 1, -1, 0, 0, 0, policy_explain_run,
	    "このファイルがどのフローでどう扱われるかを説明する",
	    "tell what would happen to a file"},

	{"log", "search", "", 0, 0, SEARCHING, 0, VERB_LOG_SEARCH,
	    command_ask, "監査ログを探す(閲覧も記録される)",
	    "search the audit log (which is logged)"},
	{"log", "follow", "", 0, 0, OPT(OPT_FLOW) | OPT(OPT_EVENT), 0,
	    VERB_LOG_FOLLOW, history_follow_run,
	    "監査ログを見続ける", "watch the audit log"},
	{"log", "verify", "", 0, 0, 0, 0, 0, history_verify_run,
	    "監査ログに改ざん・欠落がないか検証する",
	    "verify that the audit log is whole and unchanged"},
	{"log", "export", "", 0, 0, SEARCHING | OPT(OPT_CSV) |
	    OPT(OPT_JSONL), 0, VERB_LOG_EXPORT, history_export_run,
	    "監査ログをCSVまたはJSONで書き出す",
	    "write the audit log as CSV or JSON"},
};
const int menu_count = (int)(sizeof(menu_table) / sizeof(menu_table[0]));

/* --- finding ------------------------------------------------------------ */

static bool
menu_is_first(const char *word)
{
	int i;

	for (i = 0; i < menu_count; i++) {
		if (strcmp(menu_table[i].first, word) == 0)
			return true;
	}
	return false;
}

static const struct menu_row *
menu_look_up(const struct options *o)
{
	const struct menu_row *row;
	int i;

	for (i = 0; i < menu_count; i++) {
		row = &menu_table[i];
		if (strcmp(row->first, o->args[0]) != 0)
			continue;
		if (row->second == NULL || (o->arg_count > 1 &&
		    strcmp(row->second, o->args[1]) == 0))
			return row;
	}
	return NULL;
}

static bool
menu_options_ok(const struct options *o, const struct menu_row *row)
{
	uint32_t wrong = o->has & ~(row->takes | OPT_GLOBAL);
	uint32_t lacks = row->needs & ~o->has;
	int i;

	for (i = 0; i < OPT_COUNT; i++) {
		if ((wrong & OPT(i)) != 0)
			fprintf(stderr, SAY(o,
			    "gatewayctl: --%s はこのコマンドでは使えません\n",
			    "gatewayctl: --%s does not go with this "
			    "command\n"), options_word((enum options_bit)i));
		if ((lacks & OPT(i)) != 0)
			fprintf(stderr, SAY(o,
			    "gatewayctl: --%s %s が必要です\n",
			    "gatewayctl: --%s %s is needed\n"),
			    options_word((enum options_bit)i),
			    options_value_word((enum options_bit)i));
	}
	return wrong == 0 && lacks == 0;
}

const struct menu_row *
menu_find(struct options *o)
{
	const struct menu_row *row;
	int skip;

	if (o->arg_count == 0) {
		menu_help(o, NULL, stderr);
		return NULL;
	}
	row = menu_look_up(o);
	if (row == NULL) {
		if (menu_is_first(o->args[0]))
			menu_help(o, o->args[0], stderr);
		else
			fprintf(stderr, SAY(o,
			    "gatewayctl: 「%s」というコマンドはありません。"
			    "gatewayctl --help で一覧を表示します\n",
			    "gatewayctl: there is no command \"%s\"; "
			    "gatewayctl --help lists them\n"), o->args[0]);
		return NULL;
	}
	skip = row->second == NULL ? 1 : 2;
	o->args += skip;
	o->arg_count -= skip;
	if (o->arg_count < row->min_args || (row->max_args >= 0 &&
	    o->arg_count > row->max_args)) {
		fprintf(stderr, SAY(o, "使い方: gatewayctl %s%s%s %s\n",
		    "usage: gatewayctl %s%s%s %s\n"), row->first,
		    row->second == NULL ? "" : " ",
		    row->second == NULL ? "" : row->second, row->operands);
		return NULL;
	}
	return menu_options_ok(o, row) ? row : NULL;
}

/* --- help --------------------------------------------------------------- */

static void
menu_put_row(const struct options *o, const struct menu_row *row, FILE *out)
{
	char usage[128];
	int pad;

	snprintf(usage, sizeof(usage), "%s%s%s%s%s", row->first,
	    row->second == NULL ? "" : " ",
	    row->second == NULL ? "" : row->second,
	    row->operands[0] == '\0' ? "" : " ", row->operands);
	pad = 28 - text_width(usage);
	fprintf(out, "  %s%*s%s\n", usage, pad > 1 ? pad : 1, "",
	    SAY(o, row->ja, row->en));
}

static void
menu_put_option(const struct options *o, enum options_bit bit, FILE *out)
{
	char usage[64];
	int pad;

	snprintf(usage, sizeof(usage), "--%s %s", options_word(bit),
	    options_value_word(bit));
	pad = 28 - text_width(usage);
	fprintf(out, "  %s%*s%s\n", usage, pad > 1 ? pad : 1, "",
	    options_help(bit, o->is_en));
}

void
menu_help(const struct options *o, const char *first, FILE *out)
{
	uint32_t takes = OPT_GLOBAL;
	int i;

	fputs(SAY(o,
	    "使い方: gatewayctl [--dir DIR] [--json] [--lang ja|en] "
	    "コマンド [引数]\n\nコマンド:\n",
	    "usage: gatewayctl [--dir DIR] [--json] [--lang ja|en] "
	    "COMMAND [ARGUMENTS]\n\nCommands:\n"), out);
	for (i = 0; i < menu_count; i++) {
		if (first != NULL && strcmp(menu_table[i].first, first) != 0)
			continue;
		menu_put_row(o, &menu_table[i], out);
		takes |= menu_table[i].takes;
	}
	fputs(SAY(o, "\nオプション:\n", "\nOptions:\n"), out);
	for (i = 0; i < OPT_COUNT; i++) {
		if ((takes & OPT(i)) != 0)
			menu_put_option(o, (enum options_bit)i, out);
	}
	fputs(SAY(o,
	    "\n終了コード: 0 完了、1 規則により不可、2 使い方の誤り、"
	    "3 ゲートウェイに接続不可、4 権限なし、5 破損・改ざん\n",
	    "\nExit: 0 done, 1 refused by rule, 2 usage, 3 gateway "
	    "unreachable, 4 not permitted, 5 damaged or tampered\n"), out);
}
