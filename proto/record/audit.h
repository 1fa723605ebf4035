/* SPDX-License-Identifier: ISC */
#ifndef PROTO_RECORD_AUDIT_H
#define PROTO_RECORD_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * One event of the audit log.  In memory and between processes a fixed
 * struct; in the log a strict encoding of its non-empty fields (PROTOCOL.md,
 * "Audit records").  Never holds file content, a matched value or a plain
 * file name.
 */
#define AUDIT_ENTRY_MAX 2048	/* encoded */

/* X(constant, value, word in exports, ja, en) */
#define AUDIT_EVENT_TABLE(X)                                                  \
	X(AUDIT_STARTED, 1, "started", "起動", "gateway started")             \
	X(AUDIT_STOPPED, 2, "stopped", "停止", "gateway stopped")             \
	X(AUDIT_POLICY, 3, "policy", "規則の読込", "policy loaded")           \
	X(AUDIT_REFUSED_INTAKE, 4, "refused-intake", "受付拒否",              \
	    "refused before acceptance")                                      \
	X(AUDIT_STATE, 5, "state", "状態の変化", "state reached")             \
	X(AUDIT_VOID, 6, "void", "取消(未実行)", "intent not carried out")    \
	X(AUDIT_VERDICTS, 7, "verdicts", "検査結果", "verdicts on a file")    \
	X(AUDIT_DECISION, 8, "decision", "判定", "decision of the gateway")   \
	X(AUDIT_PERSON, 9, "person", "担当者の判断", "decision of a person")  \
	X(AUDIT_SEALED, 10, "sealed", "封印", "parcel sealed")                \
	X(AUDIT_OPENED, 11, "opened", "開封", "parcel opened")                \
	X(AUDIT_PARCEL_BAD, 12, "parcel-bad", "異常な便", "bad parcel")       \
	X(AUDIT_PEER_ANCHOR, 13, "peer-anchor", "相手側の記録の控え",         \
	    "peer's log anchored")                                            \
	X(AUDIT_FREEZE, 14, "freeze", "経路の凍結", "channel frozen")         \
	X(AUDIT_EPOCH, 15, "epoch", "新しい世代", "new epoch")                \
	X(AUDIT_PAIRED, 16, "paired", "ペアリング", "zones paired")           \
	X(AUDIT_KEY, 17, "key", "鍵の作成・廃止", "key made or retired")      \
	X(AUDIT_VIEW, 18, "view", "閲覧", "names or log looked at")           \
	X(AUDIT_SIGNATURES, 19, "signatures", "ウイルス定義",                 \
	    "virus signatures")                                               \
	X(AUDIT_CLOCK, 20, "clock", "時計の異常", "clock jumped")             \
	X(AUDIT_DISK, 21, "disk", "容量", "disk space")                       \
	X(AUDIT_DENIED, 22, "denied", "権限なし", "request not permitted")    \
	X(AUDIT_ADMIN, 23, "admin", "管理操作", "administrator's act")        \
	X(AUDIT_NAME, 24, "name", "名前(暗号化)", "name (encrypted)")

enum audit_event {
#define X(name, value, word, ja, en) name = value,
	AUDIT_EVENT_TABLE(X)
#undef X
};

#define AUDIT_STAGES 8
struct audit_stage {
	uint16_t verdict;	/* enum verdict, 0: stage did not run */
	uint16_t reason;
	uint32_t engine;	/* version number */
	uint32_t signatures;	/* version number */
	uint32_t pad;
};

struct audit_record {
	uint16_t event;		/* enum audit_event */
	uint16_t reason;	/* enum reason */
	uint32_t attempt;
	uint64_t wall_ms;	/* filled by audit when 0 */
	uint8_t transfer_id[16];
	uint8_t body_id[16];
	uint8_t parcel_id[16];
	char number[24];	/* receipt number */
	char flow[48];
	char channel[48];
	char state[24];		/* with AUDIT_STATE: word of the state */
	char actor[64];		/* account name or process */
	char detail[128];	/* engine's signature name, file:line, ... */
	uint32_t uid;
	uint32_t index;		/* body index */
	uint32_t count;
	uint32_t epoch;
	uint64_t seq;
	uint64_t size;
	uint32_t type;		/* enum policy_type of the body */
	uint32_t approvals;
	uint8_t hash[32];	/* header hash, chunk root, name hash ... by event */
	uint8_t root[32];	/* log root of the peer, chunk root ... */
	uint8_t policy_digest[32];
	uint64_t log_size;	/* with AUDIT_PEER_ANCHOR */
	struct audit_stage stages[AUDIT_STAGES];
	uint32_t blob_len;	/* with AUDIT_NAME: ciphertext */
	uint32_t pad2;
	uint8_t blob[320];
};

/*
 * Encode and decode one entry.  Decoding is strict: one encoding for each
 * record (GW_EFORMAT otherwise).
 */
GW_MUST_CHECK enum gw_err audit_encode(const struct audit_record *,
    struct buf *out);
GW_MUST_CHECK enum gw_err audit_decode(const void *, size_t,
    struct audit_record *out);

const char *audit_event_word(enum audit_event);	/* "?" outside the table */
const char *audit_event_ja(enum audit_event);
const char *audit_event_en(enum audit_event);

#endif
