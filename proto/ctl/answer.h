/* SPDX-License-Identifier: ISC */
#ifndef PROTO_CTL_ANSWER_H
#define PROTO_CTL_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rd.h"

/*
 * Desk's answer to a request: datagrams, each one row or the end.
 *
 * Row, big-endian: 1 (1 byte), kind 1, then fields: id 2, length 4, bytes.
 * End: 2 (1 byte), exit code 1, then the text for people (UTF-8) up to the
 * end of the datagram.  A connection that closes without an end is an error.
 */
#define ANSWER_MAX 65536	/* bytes of one datagram */
#define ANSWER_TEXT_MAX 4096	/* of an end */

/* Exit codes of gatewayctl. */
enum answer_exit {
	ANSWER_DONE = 0,
	ANSWER_REFUSED = 1,	/* by rule, or not all is well */
	ANSWER_USAGE = 2,
	ANSWER_UNREACHABLE = 3,
	ANSWER_DENIED = 4,	/* this person may not */
	ANSWER_DAMAGED = 5	/* damaged or tampered */
};

/* A file or step belongs to the transfer row before it. */
enum answer_row {
	ROW_ZONE = 1, ROW_PROCESS, ROW_COUNT, ROW_CHANNEL, ROW_FLOW,
	ROW_TRANSFER, ROW_FILE, ROW_STEP, ROW_CARD, ROW_KEY, ROW_LOG,
	ROW_PAIRED, ROW_TEXT, ROW_LAST = ROW_TEXT
};

/* X(constant, id, kind, name in JSON, label ja, label en) */
#define ANSWER_FIELD_TABLE(X)                                                 \
	X(F_ZONE, 1, TEXT, "zone", "ゾーン", "zone")                          \
	X(F_READY, 2, BOOL, "ready", "稼働", "ready")                         \
	X(F_IS_SERVICE, 3, BOOL, "service", "サービス運用", "in service")     \
	X(F_FOLDERS, 4, TEXT, "folders", "フォルダー", "folders")             \
	X(F_SIGNATURE_DIR, 5, TEXT, "signature_dir", "ウイルス定義の場所",    \
	    "signature folder")                                               \
	X(F_SIGNATURE_DAYS, 6, UINT, "signature_max_age_days",                \
	    "定義の有効日数", "signatures hold for (days)")                   \
	X(F_INTAKE, 7, TEXT, "intake", "受付", "intake")                      \
	X(F_FETCH, 8, TEXT, "fetch", "受信", "fetching")                      \
	X(F_STORED, 9, UINT, "stored_bytes", "保管量", "stored")              \
	X(F_QUOTA, 10, UINT, "quota_bytes", "上限", "quota")                  \
	X(F_DISK_FREE, 11, UINT, "disk_free_bytes", "空き容量", "disk free")  \
	X(F_DISK, 12, UINT, "disk_bytes", "ディスク", "disk")                 \
	X(F_TRANSFERS, 13, UINT, "transfers", "件数", "transfers")            \
	X(F_CLOCK_JUMP, 14, INT, "clock_jump_ms", "時計のずれ(ms)",           \
	    "clock jump (ms)")                                                \
	X(F_PROCESS, 15, TEXT, "process", "プロセス", "process")              \
	X(F_PID, 16, UINT, "pid", "PID", "pid")                               \
	X(F_RESTARTS, 17, UINT, "restarts", "再起動", "restarts")             \
	X(F_SINCE, 18, TIME, "since_ms", "開始", "since")                     \
	X(F_COUNT, 19, UINT, "count", "件数", "count")                        \
	X(F_STOP_INTAKE_PCT, 20, UINT, "stop_intake_pct", "受付停止(%)",      \
	    "intake stops at (%)")                                            \
	X(F_STATE, 21, TEXT, "state", "状態", "state")                        \
	X(F_CHANNEL, 22, TEXT, "channel", "経路", "channel")                  \
	X(F_PEER, 23, TEXT, "peer", "相手", "peer")                           \
	X(F_ROLE, 24, TEXT, "role", "向き", "role")                           \
	X(F_EPOCH, 25, UINT, "epoch", "世代", "epoch")                        \
	X(F_LINK, 26, TEXT, "link", "接続", "link")                           \
	X(F_LINK_SINCE, 27, TIME, "link_since_ms", "接続の変化", "link since")\
	X(F_REFUSED, 28, UINT, "refused", "拒否した接続", "refused")          \
	X(F_SEALED_SEQ, 29, UINT, "sealed_seq", "封印", "sealed")             \
	X(F_SENT_SEQ, 30, UINT, "sent_seq", "送信", "sent")                   \
	X(F_CONFIRMED_SEQ, 31, UINT, "confirmed_seq", "到着確認",             \
	    "confirmed")                                                      \
	X(F_HEADER_SEQ, 32, UINT, "header_seq", "受信", "received")           \
	X(F_COMPLETE_SEQ, 33, UINT, "complete_seq", "完了", "complete")       \
	X(F_GAP_SEQ, 34, UINT, "gap_seq", "欠番", "gap at")                   \
	X(F_LAST_ACK, 35, TIME, "last_ack_ms", "最後の応答", "last answer")   \
	X(F_REASON_CODE, 36, TEXT, "reason_code", "理由コード",               \
	    "reason code")                                                    \
	X(F_REASON_JA, 37, TEXT, "reason_ja", "理由", "reason (ja)")          \
	X(F_REASON_EN, 38, TEXT, "reason_en", "理由(英)", "reason")           \
	X(F_NEXT_JA, 39, TEXT, "next_ja", "次にすること", "next step (ja)")   \
	X(F_NEXT_EN, 40, TEXT, "next_en", "次にすること(英)", "next step")    \
	X(F_DETAIL, 41, TEXT, "detail", "詳細", "detail")                     \
	X(F_NUMBER, 42, TEXT, "number", "受付番号", "number")                 \
	X(F_FLOW, 43, TEXT, "flow", "業務フロー", "flow")                     \
	X(F_SIDE, 44, TEXT, "side", "側", "side")                             \
	X(F_HELD_FROM, 45, TEXT, "held_from", "保留前の状態",                 \
	    "state before")                                                   \
	X(F_SUBMITTER, 46, TEXT, "submitter", "送信者", "submitter")          \
	X(F_SIZE, 47, UINT, "size", "大きさ", "size")                         \
	X(F_FILE_COUNT, 48, UINT, "file_count", "ファイル数", "files")        \
	X(F_ACCEPTED, 49, TIME, "accepted_ms", "受付時刻", "accepted")        \
	X(F_STATE_TIME, 50, TIME, "state_ms", "状態の時刻", "state since")    \
	X(F_SEQ, 51, UINT, "seq", "番号", "seq")                              \
	X(F_PARCEL, 52, BYTES, "parcel_id", "便", "parcel")                   \
	X(F_TRANSFER, 53, BYTES, "transfer_id", "転送ID", "transfer id")      \
	X(F_NAMES, 54, TEXT, "names", "ファイル名", "names")                  \
	X(F_INDEX, 55, UINT, "index", "番号", "index")                        \
	X(F_NAME, 56, TEXT, "name", "ファイル名", "name")                     \
	X(F_NAME_HEX, 57, BYTES, "name_hex", "名前のバイト列", "name bytes")  \
	X(F_SHA256, 58, BYTES, "sha256", "SHA-256", "SHA-256")                \
	X(F_TYPE, 59, TEXT, "type", "形式", "type")                           \
	X(F_METHOD, 60, TEXT, "method", "無害化の方法", "method")             \
	X(F_VERDICT, 61, TEXT, "verdict", "検査結果", "verdict")              \
	X(F_STAGES, 62, TEXT, "stages", "済んだ検査", "stages")               \
	X(F_TIME, 63, TIME, "time_ms", "時刻", "time")                        \
	X(F_ATTEMPT, 64, UINT, "attempt", "回", "attempt")                    \
	X(F_ACTOR, 65, TEXT, "actor", "行った者", "actor")                    \
	X(F_DIGITS, 66, TEXT, "digits", "確認の数字", "digits")               \
	X(F_CARD, 67, BYTES, "card", "証明カード", "card")                    \
	X(F_SECRET, 68, BYTES, "secret", "ペアリングの秘密", "secret")        \
	X(F_KIND, 69, TEXT, "kind", "種類", "kind")                           \
	X(F_ID, 70, BYTES, "id", "ID", "id")                                  \
	X(F_MADE, 71, TIME, "made_ms", "作成", "made")                        \
	X(F_NOT_BEFORE, 72, TIME, "not_before_ms", "有効開始", "valid from")  \
	X(F_NOT_AFTER, 73, TIME, "not_after_ms", "有効終了", "valid until")   \
	X(F_IS_BENCH, 74, BOOL, "bench", "試験用", "bench")                   \
	X(F_LOG_INDEX, 75, UINT, "entry", "記録番号", "entry")                \
	X(F_EVENT, 76, TEXT, "event", "できごと", "event")                    \
	X(F_UID, 77, UINT, "uid", "UID", "uid")                               \
	X(F_BODY, 78, BYTES, "file_id", "ファイルID", "file id")              \
	X(F_APPROVALS, 79, UINT, "approvals", "承認数", "approvals")          \
	X(F_HASH, 80, BYTES, "hash", "ハッシュ", "hash")                      \
	X(F_ROOT, 81, BYTES, "root", "ルート", "root")                        \
	X(F_POLICY, 82, BYTES, "policy_digest", "規則の版", "policy")         \
	X(F_LOG_SIZE, 83, UINT, "log_size", "相手側の記録数", "peer's log")   \
	X(F_UNTIL, 84, TIME, "until_ms", "期限", "until")                     \
	X(F_SUBMITTER_RULE, 85, TEXT, "submitter_rule", "送信者の決め方",     \
	    "submitter rule")                                                 \
	X(F_FROM, 86, TEXT, "from", "送り側", "from")                         \
	X(F_TO, 87, TEXT, "to", "受け側", "to")                               \
	X(F_PURPOSE, 88, TEXT, "purpose", "目的", "purpose")                  \
	X(F_TEXT, 89, TEXT, "text", "", "")                                   \
	X(F_STOP_FETCH_PCT, 90, UINT, "stop_fetch_pct", "受信停止(%)",        \
	    "fetching stops at (%)")                                          \
	X(F_CLASS, 91, TEXT, "class", "機密性", "class")                      \
	X(F_NEXT_SEQ, 92, UINT, "next_seq", "次の番号", "next")               \
	X(F_ENGINES, 93, TEXT, "engines", "検査エンジン・定義",               \
	    "engines, signatures")                                            \
	X(F_CARRIER, 94, TEXT, "carrier", "運び方", "carrier")                \
	X(F_RECIPIENTS, 95, TEXT, "recipients", "宛先", "recipients")         \
	X(F_ERASE_DUE, 96, TIME, "erase_due_ms", "消去予定", "erase due")     \
	X(F_VERSION, 97, TEXT, "version", "ソフトウェアの版",                 \
	    "software version")                                               \
	X(F_COMPLETE, 98, TEXT, "complete", "完了の判定", "complete when")

enum answer_field {
#define X(name, id, kind, json, ja, en) name = id,
	ANSWER_FIELD_TABLE(X)
#undef X
};

/* TEXT: UTF-8; UINT, TIME (ms since 1970 UTC), INT: 8; BOOL: 1; BYTES. */
enum answer_kind {
	ANSWER_TEXT, ANSWER_UINT, ANSWER_INT, ANSWER_TIME, ANSWER_BOOL,
	ANSWER_BYTES
};

/* Kind, JSON name and labels of a field; NULL or TEXT outside the table. */
enum answer_kind answer_kind(enum answer_field);
const char *answer_json(enum answer_field);
const char *answer_label_ja(enum answer_field);
const char *answer_label_en(enum answer_field);

/* --- writing: one datagram per buf -------------------------------------- */

void answer_row_put(struct buf *, enum answer_row);
void answer_text_put(struct buf *, enum answer_field, const char *);
/* At most len bytes, up to a NUL; what is not UTF-8 becomes '?'. */
void answer_textn_put(struct buf *, enum answer_field, const char *,
    size_t len);
void answer_uint_put(struct buf *, enum answer_field, uint64_t);
void answer_int_put(struct buf *, enum answer_field, int64_t);
void answer_bool_put(struct buf *, enum answer_field, bool);
void answer_bytes_put(struct buf *, enum answer_field, const void *, size_t);
void answer_end_put(struct buf *, enum answer_exit, const char *text);

/* --- reading ------------------------------------------------------------ */

struct answer_value {
	enum answer_field field;
	enum answer_kind kind;
	uint64_t number;	/* UINT, TIME, BOOL */
	int64_t signed_number;	/* INT */
	const uint8_t *bytes;	/* TEXT, BYTES: borrowed, no NUL behind it */
	size_t len;
};
struct answer {
	bool is_end;
	enum answer_exit code;	/* of an end */
	char text[ANSWER_TEXT_MAX + 1];
	enum answer_row row;	/* of a row: */
	struct rd fields;
};
/* GW_EFORMAT, GW_ETRUNC.  The datagram is borrowed by fields. */
GW_MUST_CHECK enum gw_err answer_open(const void *, size_t,
    struct answer *out);

/* Next field of a row; GW_ENOENT after the last. */
GW_MUST_CHECK enum gw_err answer_next(struct answer *,
    struct answer_value *out);

/* Find one field of a row without moving; false if it is not there. */
bool answer_find(const struct answer *, enum answer_field,
    struct answer_value *out);

#endif
