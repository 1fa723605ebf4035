/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "policy/schema.h"

#define ROWS(array) {(array), sizeof(array) / sizeof((array)[0])}
#define GATEWAY(member)                                                       \
	.at = offsetof(struct policy_table, member),                          \
	.size = sizeof(((struct policy_table *)0)->member)
#define CHANNEL(member)                                                       \
	.at = offsetof(struct policy_channel, member),                        \
	.size = sizeof(((struct policy_channel *)0)->member)
#define FLOW(member)                                                          \
	.at = offsetof(struct policy_flow, member),                           \
	.size = sizeof(((struct policy_flow *)0)->member)
#define STEP(member)                                                          \
	.at = offsetof(struct policy_approval_step, member),                  \
	.size = sizeof(((struct policy_approval_step *)0)->member)

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)

static const struct schema_word zones[] = {
	{"internet", 0}, {"lgwan", 1}, {"mynumber", 2}, {NULL, 0}};
static const struct schema_word languages[] = {
	{"ja", POLICY_JA}, {"en", POLICY_EN}, {NULL, 0}};
static const struct schema_word sides[] = {
	{"sender", POLICY_SENDER}, {"receiver", POLICY_RECEIVER}, {NULL, 0}};
static const struct schema_word carriers[] = {{"tls", POLICY_TLS}, {NULL, 0}};
static const struct schema_word acks[] = {
	{"tick", POLICY_ACK_TICK}, {"immediate", POLICY_ACK_IMMEDIATE},
	{NULL, 0}};
static const struct schema_word approver[] = {
	{"approver", POLICY_APPROVER}, {NULL, 0}};
static const struct schema_word officer[] = {
	{"officer", POLICY_OFFICER}, {NULL, 0}};
static const struct schema_word auditor[] = {
	{"auditor", POLICY_AUDITOR}, {NULL, 0}};
static const struct schema_word administrator[] = {
	{"administrator", POLICY_ADMINISTRATOR}, {NULL, 0}};
static const struct schema_word deciders[] = {
	{"approver", POLICY_APPROVER}, {"officer", POLICY_OFFICER}, {NULL, 0}};
static const struct schema_word classes[] = {
	{"1", 0}, {"2", 0}, {"3A", 0}, {"3B", 0}, {"3C", 0}, {NULL, 0}};
static const struct schema_word levels[] = {
	{"none", SANITIZE_NONE}, {"L1", SANITIZE_L1}, {"L2", SANITIZE_L2},
	{"L3", SANITIZE_L3}, {"text", SANITIZE_TEXT}, {NULL, 0}};
static const struct schema_word submitters[] = {
	{"owner", SUBMITTER_OWNER}, {"folder", SUBMITTER_FOLDER},
	{"fixed", SUBMITTER_FIXED}, {NULL, 0}};
static const struct schema_word completes[] = {
	{"close", COMPLETE_CLOSE}, {"rename", COMPLETE_RENAME},
	{"done", COMPLETE_DONE}, {"quiet", COMPLETE_QUIET}, {NULL, 0}};
static const struct schema_word collisions[] = {
	{"number", EXISTS_NUMBER}, {"hold", EXISTS_HOLD},
	{"replace", EXISTS_REPLACE}, {NULL, 0}};
static const struct schema_word deliveries[] = {
	{"folder", DELIVER_FOLDER}, {"inbox", DELIVER_INBOX},
	{"both", DELIVER_BOTH}, {NULL, 0}};
static const struct schema_word guards[] = {
	{"hold", 1}, {"allow", 0}, {NULL, 0}};

static const struct schema_field operator_rows[] = {
	{.key = "approver", .kind = SCHEMA_ACCOUNTS, .words = approver,
	    .help_ja = "承認者のUnixアカウント。自分が出したものは承認できませ"
		       "ん",
	    .help_en = "Unix accounts of approvers; nobody approves what they "
		       "submitted themselves"},
	{.key = "officer", .kind = SCHEMA_ACCOUNTS, .words = officer,
	    .help_ja = "セキュリティ責任者。検査できなかったものの解除は2人で"
		       "行います",
	    .help_en = "Security officers; two of them together release what "
		       "could not be scanned"},
	{.key = "auditor", .kind = SCHEMA_ACCOUNTS, .words = auditor,
	    .help_ja = "監査人。すべてを読んで検証できますが、何も変えられませ"
		       "ん",
	    .help_en = "Auditors; they read and verify everything and change "
		       "nothing"},
	{.key = "administrator", .kind = SCHEMA_ACCOUNTS,
	    .words = administrator,
	    .help_ja = "管理者。運用しますが、内容は読めません",
	    .help_en = "Administrators; they run the gateway and read no "
		       "content"},
};
static const struct schema_fields operator_fields = ROWS(operator_rows);

static const struct schema_field channel_rows[] = {
	{.key = "id", .kind = SCHEMA_ID, .is_required = true, CHANNEL(id),
	    .help_ja = "チャネル名。両方のゾーンで同じ名前にします",
	    .help_en = "Name of the channel, the same in both zones"},
	{.key = "role", .kind = SCHEMA_WORD, .is_required = true,
	    CHANNEL(role), .words = sides,
	    .help_ja = "このゾーンが送る側か受ける側か",
	    .help_en = "Whether this zone sends or receives on it"},
	{.key = "peer", .kind = SCHEMA_WORD_TEXT, .is_required = true,
	    CHANNEL(peer), .words = zones,
	    .help_ja = "相手のゾーン",
	    .help_en = "The zone at the other end"},
	{.key = "carrier", .kind = SCHEMA_WORD, .preset = "tls",
	    CHANNEL(carrier), .words = carriers,
	    .help_ja = "運び方。この版ではTLSだけです",
	    .help_en = "How bytes cross; only TLS in this version"},
	{.key = "listen", .kind = SCHEMA_ADDRESS, CHANNEL(address),
	    .help_ja = "受ける側が待ち受けるアドレス（role: receiver では必"
		       "須）",
	    .help_en = "Address the receiver listens on (required with role: "
		       "receiver)"},
	{.key = "connect", .kind = SCHEMA_ADDRESS, CHANNEL(address),
	    .help_ja = "送る側が接続するアドレス（role: sender では必須）",
	    .help_en = "Address the sender connects to (required with role: "
		       "sender)"},
	{.key = "ack", .kind = SCHEMA_WORD, .preset = "tick", CHANNEL(ack),
	    .words = acks,
	    .help_ja = "受領応答の出し方。一定間隔か、到着のつど（秘匿通信路が"
		       "広がります）",
	    .help_en = "When the receiver acknowledges: on a fixed tick, or "
		       "at once (a wider covert channel)"},
	{.key = "ack_tick_s", .kind = SCHEMA_UINT, .preset = "2", .unit = "s",
	    .min = 1, .max = 60, .scale = 1000, CHANNEL(ack_tick_ms),
	    .help_ja = "受領応答の間隔（秒）",
	    .help_en = "Seconds between acknowledgements"},
	{.key = "max_in_flight", .kind = SCHEMA_UINT, .preset = "4", .min = 1,
	    .max = 4, .scale = 1, CHANNEL(max_in_flight),
	    .help_ja = "同時に送る本体の数",
	    .help_en = "Bodies sent at the same time"},
};
static const struct schema_fields channel_fields = ROWS(channel_rows);

static const struct schema_field signature_rows[] = {
	{.key = "dir", .kind = SCHEMA_PATH, .preset = "/var/lib/clamav",
	    GATEWAY(zone.signature_dir),
	    .help_ja = "ウイルス定義ファイルのフォルダ",
	    .help_en = "Folder of the virus signatures"},
	{.key = "max_age_days", .kind = SCHEMA_UINT, .preset = "7",
	    .unit = "days", .min = 1, .max = 365, .scale = 1,
	    GATEWAY(zone.signature_max_age_days),
	    .help_ja = "定義ファイルがこれより古いと、検査できなかったものとし"
		       "て保留します",
	    .help_en = "With signatures older than this, files count as not "
		       "scanned and are held"},
};
static const struct schema_fields signature_fields = ROWS(signature_rows);

static const struct schema_field spool_rows[] = {
	{.key = "quota_gib", .kind = SCHEMA_UINT, .preset = "100",
	    .unit = "GiB", .min = 1, .max = 1048576, .scale = GIB,
	    GATEWAY(zone.quota_bytes),
	    .help_ja = "スプールが使ってよい容量",
	    .help_en = "Space the spool may use"},
	{.key = "stop_intake_pct", .kind = SCHEMA_UINT, .preset = "85",
	    .unit = "%", .min = 1, .max = 98, .scale = 1,
	    GATEWAY(zone.stop_intake_pct),
	    .help_ja = "使用率がこれに達すると、受付を止めます",
	    .help_en = "Intake stops when this much of the quota is used"},
	{.key = "stop_fetch_pct", .kind = SCHEMA_UINT, .preset = "92",
	    .unit = "%", .min = 2, .max = 99, .scale = 1,
	    GATEWAY(zone.stop_fetch_pct),
	    .help_ja = "使用率がこれに達すると、相手からの取り込みも止めます。"
		       "stop_intake_pct より大きい値",
	    .help_en = "Fetching from peers stops too when this much is used; "
		       "above stop_intake_pct"},
	{.key = "ballast_mib", .kind = SCHEMA_UINT, .preset = "256",
	    .unit = "MiB", .min = 1, .max = 65536, .scale = MIB,
	    GATEWAY(zone.ballast_bytes),
	    .help_ja = "満杯のときもログを書けるように取っておく容量",
	    .help_en = "Space kept back so that the log can be written when "
		       "the disk is full"},
};
static const struct schema_fields spool_fields = ROWS(spool_rows);

static const struct schema_field gateway_rows[] = {
	{.key = "zone", .kind = SCHEMA_WORD_TEXT, .is_required = true,
	    GATEWAY(zone.zone), .words = zones,
	    .help_ja = "このゲートウェイのゾーン",
	    .help_en = "The zone of this gateway"},
	{.key = "state_dir", .kind = SCHEMA_PATH, .preset = "/var/lib/gateway",
	    GATEWAY(zone.state_dir),
	    .help_ja = "鍵、スプール、ログを置くフォルダ",
	    .help_en = "Folder of keys, spool and logs"},
	{.key = "folders", .kind = SCHEMA_PATH, .preset = "/srv/gateway",
	    GATEWAY(zone.folders),
	    .help_ja = "職員が使うフォルダの親（下に in/FLOW out/FLOW "
		       "rejected/FLOW status/FLOW）",
	    .help_en = "Parent of the folders people use (in/FLOW, out/FLOW, "
		       "rejected/FLOW, status/FLOW below it)"},
	{.key = "language", .kind = SCHEMA_WORD, .preset = "ja",
	    GATEWAY(zone.lang), .words = languages,
	    .help_ja = "メモや帳票の言葉",
	    .help_en = "Language of notes and ledgers"},
	{.key = "workers", .kind = SCHEMA_UINT, .min = 1, .max = 64,
	    .scale = 1, GATEWAY(zone.workers),
	    .preset_ja = "使えるCPUの数", .preset_en = "online processors",
	    .help_ja = "同時に動かす検査ワーカーの数",
	    .help_en = "Scan workers that run at the same time"},
	{.key = "clock_jump_alarm_s", .kind = SCHEMA_UINT, .preset = "300",
	    .unit = "s", .min = 1, .max = 86400, .scale = 1,
	    GATEWAY(zone.clock_jump_alarm_s),
	    .help_ja = "時計がこれより大きく飛んだら警報を出します（秒）",
	    .help_en = "An alarm is raised when the clock jumps by more "
		       "seconds than this"},
	{.key = "operators", .kind = SCHEMA_SECTION, .sub = &operator_fields,
	    .help_ja = "役割ごとの人。ローカルアカウント名か数字のuid",
	    .help_en = "People by role: local account names or numeric uids"},
	{.key = "channels", .kind = SCHEMA_RECORDS, .sub = &channel_fields,
	    .max = POLICY_CHANNELS_MAX,
	    .at = offsetof(struct policy_table, channels),
	    .size = sizeof(struct policy_channel),
	    .count_at = offsetof(struct policy_table, channel_count),
	    .help_ja = "相手ゾーンとの片方向の通信路。行きと帰りで2本",
	    .help_en = "One-way channels to peer zones; there and back are "
		       "two"},
	{.key = "signatures", .kind = SCHEMA_SECTION, .sub = &signature_fields,
	    .help_ja = "ウイルス定義ファイル",
	    .help_en = "Virus signatures"},
	{.key = "spool", .kind = SCHEMA_SECTION, .sub = &spool_fields,
	    .help_ja = "スプールの容量",
	    .help_en = "Space of the spool"},
};
const struct schema_fields schema_gateway = ROWS(gateway_rows);

static const struct schema_field step_rows[] = {
	{.key = "role", .kind = SCHEMA_WORD, .is_required = true, STEP(roles),
	    .words = deciders,
	    .help_ja = "この段で決める人の役割",
	    .help_en = "Role of the people who decide this step"},
	{.key = "count", .kind = SCHEMA_UINT, .preset = "1", .min = 1,
	    .max = 5, .scale = 1, STEP(count),
	    .help_ja = "この段で必要な人数（別々の人）",
	    .help_en = "How many different people this step takes"},
};
static const struct schema_fields step_fields = ROWS(step_rows);

static const struct schema_field approval_rows[] = {
	{.key = "steps", .kind = SCHEMA_RECORDS, .preset = "[]",
	    .sub = &step_fields, .max = POLICY_STEPS_MAX,
	    .at = offsetof(struct policy_flow, steps),
	    .size = sizeof(struct policy_approval_step),
	    .count_at = offsetof(struct policy_flow, step_count),
	    .help_ja = "承認の段（順番どおり）。空なら承認なし",
	    .help_en = "Approval steps in order; none when empty"},
};
static const struct schema_fields approval_fields = ROWS(approval_rows);

static const struct schema_field limit_rows[] = {
	{.key = "file_bytes", .kind = SCHEMA_SIZE, .preset = "2GiB", .min = 1,
	    .max = TIB, FLOW(file_bytes),
	    .help_ja = "1ファイルの大きさの上限",
	    .help_en = "Largest single file"},
	{.key = "files", .kind = SCHEMA_UINT, .preset = "10000", .min = 1,
	    .max = 262143, .scale = 1, FLOW(files),
	    .help_ja = "1回の送付に入るファイル数の上限",
	    .help_en = "Most files in one transfer"},
	{.key = "transfer_bytes", .kind = SCHEMA_SIZE, .preset = "10GiB",
	    .min = 1, .max = 16 * TIB, FLOW(transfer_bytes),
	    .help_ja = "1回の送付の大きさの上限。file_bytes 以上",
	    .help_en = "Largest transfer; not below file_bytes"},
};
static const struct schema_fields limit_fields = ROWS(limit_rows);

static const struct schema_field retention_rows[] = {
	{.key = "original_days", .kind = SCHEMA_UINT, .preset = "30",
	    .unit = "days", .min = 0, .max = 3650, .scale = 1,
	    FLOW(original_days),
	    .help_ja = "断られたときに戻せるよう、原本を暗号化して残す日数",
	    .help_en = "Days the encrypted original is kept so that it can be "
		       "returned"},
};
static const struct schema_fields retention_fields = ROWS(retention_rows);

static const struct schema_field flow_rows[] = {
	{.key = "flow", .kind = SCHEMA_ID, .is_required = true, FLOW(id),
	    .help_ja = "フロー名。ファイル名から .yaml を除いたもの",
	    .help_en = "Name of the flow: the file name without .yaml"},
	{.key = "purpose", .kind = SCHEMA_TEXT, .is_required = true,
	    FLOW(purpose),
	    .help_ja = "利用目的",
	    .help_en = "Business purpose"},
	{.key = "legal_ground", .kind = SCHEMA_TEXT, .is_required = true,
	    FLOW(legal_ground),
	    .help_ja = "根拠となる法令や規程",
	    .help_en = "Law or rule it rests on"},
	{.key = "owner_section", .kind = SCHEMA_TEXT, .is_required = true,
	    FLOW(owner_section),
	    .help_ja = "所管課",
	    .help_en = "Section that owns the flow"},
	{.key = "contact", .kind = SCHEMA_TEXT, .is_required = true,
	    FLOW(contact),
	    .help_ja = "連絡先。保留のメモに出ます",
	    .help_en = "Whom to ask; printed in hold notes"},
	{.key = "from", .kind = SCHEMA_WORD_TEXT, .is_required = true,
	    FLOW(from), .words = zones,
	    .help_ja = "送るゾーン",
	    .help_en = "Zone it comes from"},
	{.key = "to", .kind = SCHEMA_WORD_TEXT, .is_required = true, FLOW(to),
	    .words = zones,
	    .help_ja = "受けるゾーン",
	    .help_en = "Zone it goes to"},
	{.key = "channel", .kind = SCHEMA_ID, FLOW(channel),
	    .preset_ja = "相手と向きが合うただ1本",
	    .preset_en = "the only one that fits",
	    .help_ja = "使うチャネル。合うものが2本以上あるときは必須",
	    .help_en = "Channel that carries it; required when several fit"},
	{.key = "class", .kind = SCHEMA_WORD_TEXT, .is_required = true,
	    FLOW(class), .words = classes,
	    .help_ja = "自治体機密性の区分",
	    .help_en = "Confidentiality class of local governments"},
	{.key = "accept", .kind = SCHEMA_TYPES, .is_required = true,
	    FLOW(accept),
	    .help_ja = "通してよいファイル形式。executable と unknown は書けま"
		       "せん",
	    .help_en = "File types it takes; never executable or unknown"},
	{.key = "stages", .kind = SCHEMA_STAGES, .is_required = true,
	    FLOW(stages),
	    .help_ja = "検査の段。identify と clam は必須。[null] は性能試験用"
		       "のゾーンだけ",
	    .help_en = "Stages in order; identify and clam are required; "
		       "[null] is for bench zones only"},
	{.key = "sanitize", .kind = SCHEMA_WORD, .preset = "none",
	    FLOW(sanitize), .words = levels,
	    .help_ja = "無害化の強さ。none 以外は stages に sanitize が必要",
	    .help_en = "How strongly to sanitize; anything but none needs the "
		       "stage sanitize"},
	{.key = "formula_guard", .kind = SCHEMA_WORD, .preset = "hold",
	    FLOW(formula_guard), .words = guards,
	    .help_ja = "= + - @ で始まるCSVのセルがあれば保留する(hold)か通す"
		       "(allow)か",
	    .help_en = "Hold or allow CSV files with cells that begin with = "
		       "+ - or @"},
	{.key = "schema", .kind = SCHEMA_EMPTY, .preset = "[]",
	    .help_ja = "列の定義。この版では空だけ",
	    .help_en = "Column schemas; only empty in this version"},
	{.key = "approval", .kind = SCHEMA_SECTION, .sub = &approval_fields,
	    .help_ja = "人の承認",
	    .help_en = "Approval by people"},
	{.key = "recipients", .kind = SCHEMA_IDS, .preset = "[]",
	    .max = POLICY_RECIPIENTS_MAX, FLOW(recipients),
	    .count_at = offsetof(struct policy_flow, recipient_count),
	    .help_ja = "受取人のフォルダ（out/FLOW/の下）。空ならフローで1つ",
	    .help_en = "Recipients' folders below out/FLOW; one for all when "
		       "empty"},
	{.key = "submitter", .kind = SCHEMA_SUBMITTER, .preset = "folder",
	    .words = submitters,
	    .help_ja = "提出者の決め方。owner（ファイルの所有者）、folder（"
		       "in/FLOW/の下のフォルダ名）、fixed NAME（いつもこの人）",
	    .help_en = "Who counts as the submitter: owner of the file, the "
		       "folder's name below in/FLOW, or fixed NAME"},
	{.key = "complete", .kind = SCHEMA_WORD, .preset = "close",
	    FLOW(complete), .words = completes,
	    .help_ja = "書き終わりの見分け方。閉じたとき、改名されたとき、"
		       "NAME.done が現れたとき、2秒変化がないとき",
	    .help_en = "When a file counts as finished: closed, renamed, "
		       "NAME.done appeared, or unchanged for 2 s"},
	{.key = "on_exists", .kind = SCHEMA_WORD, .preset = "number",
	    FLOW(on_exists), .words = collisions,
	    .help_ja = "届け先に同じ名前があるとき。番号を付ける、保留、置き換"
		       "え",
	    .help_en = "When the name is taken at delivery: add a number, "
		       "hold, or replace"},
	{.key = "deliver", .kind = SCHEMA_WORD, .preset = "folder",
	    FLOW(deliver), .words = deliveries,
	    .help_ja = "届け先。フォルダ、受信箱（暗号化のまま）、両方",
	    .help_en = "Where to: folder, inbox (stays encrypted), or both"},
	{.key = "ordered", .kind = SCHEMA_BOOL, .preset = "false",
	    FLOW(is_ordered),
	    .help_ja = "送った順に届ける。1件止まると後も止まります",
	    .help_en = "Deliver in the order sent; one that is held stops "
		       "those behind it"},
	{.key = "file_mode", .kind = SCHEMA_MODE, .preset = "0640",
	    FLOW(file_mode),
	    .help_ja = "届けたファイルの許可ビット（8進、実行ビットは不可）",
	    .help_en = "Permission bits of delivered files, octal, never "
		       "executable"},
	{.key = "limits", .kind = SCHEMA_SECTION, .sub = &limit_fields,
	    .help_ja = "大きさと数の上限",
	    .help_en = "Limits of size and number"},
	{.key = "retention", .kind = SCHEMA_SECTION, .sub = &retention_fields,
	    .help_ja = "保存期間",
	    .help_en = "Retention"},
	{.key = "scan_batch", .kind = SCHEMA_UINT, .preset = "1", .min = 1,
	    .max = 64, .scale = 1, FLOW(scan_batch),
	    .help_ja = "1つのワーカーで続けて検査する小さなファイルの数（1 = 1"
		       "件ごとに新しいワーカー）",
	    .help_en = "Small files of one transfer that one worker may scan "
		       "(1: a fresh worker for each)"},
	{.key = "weight", .kind = SCHEMA_UINT, .preset = "10", .min = 1,
	    .max = 100, .scale = 1, FLOW(weight),
	    .help_ja = "回線の取り分。ほかのフローとの比",
	    .help_en = "Share of the link, relative to other flows"},
	{.key = "until", .kind = SCHEMA_DATE, FLOW(until_ms),
	    .preset_ja = "年度末（3月31日）",
	    .preset_en = "end of the fiscal year (31 March)",
	    .help_ja = "最後の日（この日の終わりまで、日本時間）",
	    .help_en = "Last day it holds, to its end, JST"},
};
const struct schema_fields schema_flow = ROWS(flow_rows);

const struct schema_field *
schema_find(const struct schema_fields *fields, const char *key)
{
	size_t i;

	for (i = 0; i < fields->count; i++) {
		if (strcmp(fields->rows[i].key, key) == 0)
			return &fields->rows[i];
	}
	return NULL;
}

#define NEAR_MAX 32 /* longer keys are not compared; none of ours is */

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edit distance; both shorter than NEAR_MAX. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NEAR_MAX + 1], i, j, diagonal, above;
	size_t a_len = strlen(a), b_len = strlen(b);

	for (j = 0; j <= b_len; j++)
		row[j] = j;
	for (i = 1; i <= a_len; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= b_len; j++) {
			above = row[j];
			row[j] = min3(row[j] + 1, row[j - 1] + 1,
			    diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_len];
}

const char *
schema_nearest(const struct schema_fields *fields, const char *key)
{
	const char *best = NULL;
	size_t i, d, best_d = SIZE_MAX, len = strlen(key);

	if (len >= NEAR_MAX)
		return NULL;
	for (i = 0; i < fields->count; i++) {
		/* "max_age" for "max_age_days" */
		if (len > 3 && strncmp(fields->rows[i].key, key, len) == 0)
			return fields->rows[i].key;
		d = distance(key, fields->rows[i].key);
		if (d < best_d) {
			best_d = d;
			best = fields->rows[i].key;
		}
	}
	return best != NULL && best_d <= 1 + strlen(best) / 4 ? best : NULL;
}
