/* SPDX-License-Identifier: ISC */
#ifndef POLICY_LOAD_REPORT_H
#define POLICY_LOAD_REPORT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "policy/table.h"

/*
 * What the loader finds, as lines for people: "FILE:LINE:COLUMN: text".
 * Every text stands here, once, in both languages; {k} is the key, {v} the
 * value as written, {e} what was expected.  The code says what it means for
 * the load: GW_EFORMAT and GW_EDENIED fail it, GW_OK is a warning.
 * M(id, code, Japanese, English)
 */
#define LOAD_MESSAGES(M)                                                      \
	M(LOAD_UNREADABLE, GW_EFORMAT, "読めません: {v}。{e}",                \
	    "cannot be read: {v}; {e}")                                       \
	M(LOAD_ABSENT, GW_EFORMAT, "ありません。{e}", "does not exist; {e}")  \
	M(LOAD_SYMLINK, GW_EDENIED,                                           \
	    "シンボリックリンクです。ファイルそのものを置いてください",       \
	    "is a symbolic link; put the file itself here")                   \
	M(LOAD_NOT_FILE, GW_EDENIED, "通常のファイルではありません",          \
	    "is not a regular file")                                          \
	M(LOAD_NOT_DIR, GW_EDENIED, "フォルダではありません",                 \
	    "is not a folder")                                                \
	M(LOAD_WORLD_WRITABLE, GW_EDENIED,                                    \
	    "誰でも書き換えられます（{v}）。chmod o-w してください",          \
	    "anybody may change it (mode {v}); chmod o-w")                    \
	M(LOAD_FILE_NAME, GW_EFORMAT,                                         \
	    "フローのファイル名として使えません。{e}",                        \
	    "is no name for a flow file; expected {e}")                       \
	M(LOAD_MANY_FLOWS, GW_EFORMAT, "フローが多すぎます。{e} 件までです",  \
	    "too many flows; at most {e}")                                    \
	M(LOAD_TOO_LARGE, GW_EFORMAT,                                         \
	    "ファイルが大きすぎます。{e} バイトまでです",                     \
	    "the file is too large; at most {e} bytes")                       \
	M(LOAD_BAD_UTF8, GW_EFORMAT,                                          \
	    "UTF-8でないバイト {v} があります。UTF-8で保存してください",      \
	    "byte {v} is not UTF-8; save the file as UTF-8")                  \
	M(LOAD_BAD_CHAR, GW_EFORMAT,                                          \
	    "使えない文字 {v} があります（制御文字、見えない文字、"           \
	    "向きを変える文字）。消してください",                             \
	    "character {v} is not allowed (control, invisible or "            \
	    "direction-changing); remove it")                                 \
	M(LOAD_TAB, GW_EFORMAT,                                               \
	    "タブ文字があります。空白に置き換えてください",                   \
	    "there is a tab; write spaces")                                   \
	M(LOAD_SYNTAX, GW_EFORMAT, "YAMLとして読めません: {v}",               \
	    "not readable as YAML: {v}")                                      \
	M(LOAD_EMPTY_FILE, GW_EFORMAT, "中身がありません。{e}",               \
	    "holds nothing; expected {e}")                                    \
	M(LOAD_FEATURE, GW_EFORMAT,                                           \
	    "「{v}」は使えません（アンカー、別名、タグ、指示行は不可）。"     \
	    "値をそのまま書いてください",                                     \
	    "\"{v}\" is not allowed (no anchors, aliases, tags or "           \
	    "directives); write the value itself")                            \
	M(LOAD_SECOND_DOCUMENT, GW_EFORMAT,                                   \
	    "2つ目の文書があります。1ファイルに1つだけ書いてください",        \
	    "a second document begins; one file holds one")                   \
	M(LOAD_DEPTH, GW_EFORMAT, "入れ子が深すぎます。{e} 段までです",       \
	    "nested too deep; at most {e} levels")                            \
	M(LOAD_MANY_NODES, GW_EFORMAT, "項目が多すぎます。{e} 個までです",    \
	    "too many entries; at most {e}")                                  \
	M(LOAD_KEY_FORM, GW_EFORMAT, "キーは1語で書いてください",             \
	    "a key must be a plain word")                                     \
	M(LOAD_DUPLICATE_KEY, GW_EFORMAT,                                     \
	    "{k}: 同じキーが2回あります。1回目は {e} 行目です",               \
	    "{k}: the key stands twice; first on line {e}")                   \
	M(LOAD_UNKNOWN_NEAR, GW_EFORMAT,                                      \
	    "{k}: 知らないキーです。「{e}」のことですか",                     \
	    "{k}: unknown key; did you mean \"{e}\"?")                        \
	M(LOAD_UNKNOWN_KEY, GW_EFORMAT,                                       \
	    "{k}: 知らないキーです。使えるキー: {e}",                         \
	    "{k}: unknown key; expected one of {e}")                          \
	M(LOAD_MISSING, GW_EFORMAT,                                           \
	    "{k}: 必須のキーがありません。書ける値: {e}",                     \
	    "{k}: required key is missing; expected {e}")                     \
	M(LOAD_NO_VALUE, GW_EFORMAT, "{k}: 値がありません。書ける値: {e}",    \
	    "{k}: no value; expected {e}")                                    \
	M(LOAD_KIND, GW_EFORMAT,                                              \
	    "{k}: ここに{v}は書けません。書ける値: {e}",                      \
	    "{k}: a {v} cannot stand here; expected {e}")                     \
	M(LOAD_VALUE, GW_EFORMAT,                                             \
	    "{k}: 「{v}」は使えません。書ける値: {e}",                        \
	    "{k}: \"{v}\" is not allowed; expected {e}")                      \
	M(LOAD_REPEATED, GW_EFORMAT,                                          \
	    "{k}: 「{v}」が2回あります。1つ消してください",                   \
	    "{k}: \"{v}\" stands twice; remove one")                          \
	M(LOAD_MANY, GW_EFORMAT, "{k}: {v} 個あります。{e} 個までです",       \
	    "{k}: {v} entries; at most {e}")                                  \
	M(LOAD_ORDER, GW_EFORMAT,                                             \
	    "{k}: 「{v}」の順番が違います。書ける値: {e}",                    \
	    "{k}: \"{v}\" is out of order; expected {e}")                     \
	M(LOAD_SCHEMA, GW_EFORMAT,                                            \
	    "{k}: 列の定義はこの版ではまだ使えません。[] と書いてください",   \
	    "{k}: column schemas are not supported in this version; "         \
	    "write []")                                                       \
	M(LOAD_ACCOUNT, GW_EFORMAT,                                           \
	    "{k}: アカウント「{v}」はこのマシンにありません。"                \
	    "書ける値: {e}",                                                  \
	    "{k}: there is no account \"{v}\" on this machine; "              \
	    "expected {e}")                                                   \
	M(LOAD_SAME_PERSON, GW_EFORMAT,                                       \
	    "{k}: 「{v}」は「{e}」と同じuidです。同じ人は同じ名前で"          \
	    "書いてください",                                                 \
	    "{k}: \"{v}\" has the same uid as \"{e}\"; write one person "     \
	    "with one name")                                                  \
	M(LOAD_NEVER, GW_EDENIED,                                             \
	    "{k}: 「{v}」を通すフローは作れません。実行形式と不明な形式は"    \
	    "決して通しません",                                               \
	    "{k}: no flow takes \"{v}\"; executables and unknown types "      \
	    "never cross")                                                    \
	M(LOAD_NO_SCAN, GW_EDENIED,                                           \
	    "{k}: 「{v}」がありません。identify と clam はどのフローにも"     \
	    "必要です",                                                       \
	    "{k}: \"{v}\" is missing; every flow needs identify and clam")    \
	M(LOAD_NULL_ALONE, GW_EDENIED,                                        \
	    "{k}: null はほかの段と一緒に書けません（性能試験用のゾーンで "   \
	    "[null] とだけ書けます）",                                        \
	    "{k}: null cannot stand beside other stages (only [null], in a "  \
	    "bench zone)")                                                    \
	M(LOAD_NEEDS_STAGE, GW_EFORMAT,                                       \
	    "{k}: 「{v}」には stages に sanitize が必要です",                 \
	    "{k}: \"{v}\" needs sanitize among the stages")                   \
	M(LOAD_NEEDS_LEVEL, GW_EFORMAT,                                       \
	    "{k}: 「{v}」では stages の sanitize が何もしません。"            \
	    "書ける値: {e}",                                                  \
	    "{k}: with \"{v}\" the stage sanitize would do nothing; "         \
	    "expected {e}")                                                   \
	M(LOAD_NOT_FILE_NAME, GW_EFORMAT,                                     \
	    "{k}: 「{v}」がファイル名と違います。「{e}」と書くか、"           \
	    "ファイル名を変えてください",                                     \
	    "{k}: \"{v}\" differs from the file name; expected \"{e}\"")      \
	M(LOAD_SAME_ZONE, GW_EFORMAT,                                         \
	    "{k}: from と to が同じ「{v}」です。別のゾーンを書いてください",  \
	    "{k}: from and to are both \"{v}\"; expected two zones")          \
	M(LOAD_NOT_OURS, GW_EFORMAT,                                          \
	    "{k}: 「{v}」へのフローに、このゾーン「{e}」が出てきません。"     \
	    "from か to に書いてください",                                    \
	    "{k}: the flow to \"{v}\" does not touch this zone; expected "    \
	    "\"{e}\" as from or to")                                          \
	M(LOAD_DIRECT, GW_EDENIED,                                            \
	    "{k}: 「{v}」への直接のフローは作れません（internet と mynumber " \
	    "は通信させない決まりです）。lgwan を通る2つのフロー {e} に"      \
	    "分けてください",                                                 \
	    "{k}: no direct flow to \"{v}\" (internet and mynumber must not " \
	    "communicate); make two flows through lgwan: {e}")                \
	M(LOAD_DIRECT_CHANNEL, GW_EDENIED,                                    \
	    "{k}: 「{v}」へのチャネルは作れません（internet と mynumber は"   \
	    "通信させない決まりです）。書ける値: lgwan",                      \
	    "{k}: no channel to \"{v}\" (internet and mynumber must not "     \
	    "communicate); expected lgwan")                                   \
	M(LOAD_NO_CHANNEL, GW_EFORMAT,                                        \
	    "{k}: 「{v}」と結ぶチャネルがありません。gateway.yaml の "        \
	    "channels に {e} のチャネルを足してください",                     \
	    "{k}: no channel joins us with \"{v}\"; add one with {e} to "     \
	    "channels in gateway.yaml")                                       \
	M(LOAD_WHICH_CHANNEL, GW_EFORMAT,                                     \
	    "{k}: 合うチャネルが2本以上あります。書ける値: {e}",              \
	    "{k}: more than one channel fits; expected one of {e}")           \
	M(LOAD_WRONG_CHANNEL, GW_EFORMAT,                                     \
	    "{k}: チャネル「{v}」ではこのフローを運べません。書ける値: {e}",  \
	    "{k}: channel \"{v}\" does not carry this flow; expected {e}")    \
	M(LOAD_TRANSFER_LIMIT, GW_EFORMAT,                                    \
	    "{k}: 「{v}」は file_bytes より小さい値です。書ける値: {e} 以上", \
	    "{k}: \"{v}\" is below file_bytes; expected {e} or more")         \
	M(LOAD_WATERMARK, GW_EFORMAT,                                         \
	    "{k}: 「{v}」は小さすぎます。書ける値: stop_intake_pct（{e}）"    \
	    "より大きい値",                                                   \
	    "{k}: \"{v}\" is too low; expected more than stop_intake_pct "    \
	    "({e})")                                                          \
	M(LOAD_BALLAST, GW_EFORMAT,                                           \
	    "{k}: 「{v}」MiBは大きすぎます。quota_gib（{e} GiB）より小さく"   \
	    "してください",                                                   \
	    "{k}: \"{v}\" MiB is too much; expected less than quota_gib "     \
	    "({e} GiB)")                                                      \
	M(LOAD_CHANNEL_TWICE, GW_EFORMAT,                                     \
	    "{k}: 「{v}」は {e} で使われています。別の名前にしてください",    \
	    "{k}: \"{v}\" is taken by {e}; choose another id")                \
	M(LOAD_ADDRESS_TWICE, GW_EFORMAT,                                     \
	    "{k}: 「{v}」は {e} が待ち受けています。"                         \
	    "別のポートにしてください",                                       \
	    "{k}: {e} listens on \"{v}\"; choose another port")               \
	M(LOAD_PEER_SELF, GW_EFORMAT,                                         \
	    "{k}: 「{v}」はこのゾーン自身です。相手のゾーンを書いてください", \
	    "{k}: \"{v}\" is this zone itself; expected the other one")       \
	M(LOAD_NEEDS_ADDRESS, GW_EFORMAT,                                     \
	    "{k}: role: {v} には必須です。書ける値: {e}",                     \
	    "{k}: required with role: {v}; expected {e}")                     \
	M(LOAD_OTHER_ADDRESS, GW_EFORMAT,                                     \
	    "{k}: role: {v} には書けません。{e} に書いてください",            \
	    "{k}: not allowed with role: {v}; expected {e}")                  \
	M(LOAD_WARN_IGNORED, GW_OK,                                           \
	    "フローではないので読みません。{e}",                              \
	    "is not read; flows are {e}")                                     \
	M(LOAD_WARN_NO_FLOWS, GW_OK,                                          \
	    "フローが1つもないので、何も通りません",                          \
	    "there is no flow, so nothing crosses")                           \
	M(LOAD_WARN_CLOSED, GW_OK,                                            \
	    "{k}: 「{v}」は過ぎています。このフローは閉じています",           \
	    "{k}: \"{v}\" has passed; the flow is closed")                    \
	M(LOAD_WARN_LONG, GW_OK,                                              \
	    "{k}: 「{v}」は今年度を超えます。許可は年度末に見直してください", \
	    "{k}: \"{v}\" is beyond this fiscal year; permissions are "       \
	    "renewed each year")                                              \
	M(LOAD_WARN_BENCH, GW_OK,                                             \
	    "{k}: 検査しません。性能試験用のゾーンの間でしか通りません",      \
	    "{k}: nothing is scanned; it crosses between bench zones only")   \
	M(LOAD_WARN_MACRO, GW_OK,                                             \
	    "{k}: 「{v}」を無害化せずに受け入れます",                         \
	    "{k}: \"{v}\" is accepted without sanitizing")                    \
	M(LOAD_WARN_UNCONFIRMED, GW_OK,                                       \
	    "{k}: internet から lgwan への取り込みに sanitize も confirm も"  \
	    "ありません",                                                     \
	    "{k}: neither sanitize nor confirm on the way from internet "     \
	    "into lgwan")                                                     \
	M(LOAD_WARN_NO_APPROVAL, GW_OK,                                       \
	    "{k}: 機密性 {v} のファイルが承認なしで internet へ出ます",       \
	    "{k}: files of class {v} go to internet without approval")        \
	M(LOAD_WARN_FEW, GW_OK,                                               \
	    "{k}: この役割の人が {v} 人要りますが、{e} 人しかいません",       \
	    "{k}: needs {v} with this role, there are {e}")                   \
	M(LOAD_WARN_TWO_ROLES, GW_OK,                                         \
	    "{k}: 「{v}」は {e} でもあります。役割は分けてください",          \
	    "{k}: \"{v}\" is also {e}; keep these roles apart")               \
	M(LOAD_WARN_ROOT, GW_OK,                                              \
	    "{k}: 「{v}」は特権ユーザーです。人ごとのアカウントを使って"      \
	    "ください",                                                       \
	    "{k}: \"{v}\" is the superuser; use an account per person")

enum load_message {
#define M(id, code, ja, en) id,
	LOAD_MESSAGES(M)
#undef M
	LOAD_MESSAGE_COUNT
};

#define LOAD_FINDINGS_MAX 50 /* of each: errors, warnings */

struct load_place {
	unsigned line, column; /* from 1; columns count characters */
};

struct load_finding {
	char *text;
	unsigned file_no;
	struct load_place place;
	unsigned seq;
};

struct load_report {
	enum policy_lang lang;
	const char *file; /* now read; borrowed */
	unsigned file_no;
	unsigned error_count, warning_count, kept_errors, kept_warnings;
	enum gw_err err; /* worst so far */
	struct load_finding rows[2 * LOAD_FINDINGS_MAX];
};

void load_report_init(struct load_report *, enum policy_lang);
void load_report_clear(struct load_report *);

/* What follows is found in this file ("flows/x.yaml"); borrowed. */
void load_report_file(struct load_report *, const char *file);

/*
 * Keep one finding; key, value and expected may be NULL where the message
 * does not use them.  The value comes from outside: it is cut and unsafe
 * characters in it are shown as U+XXXX.
 */
void load_report_add(struct load_report *, enum load_message,
    struct load_place, const char *key, const char *value,
    const char *expected);

/* Append all findings, by file and place, one line each. */
void load_report_print(struct load_report *, struct buf *out);

#endif
