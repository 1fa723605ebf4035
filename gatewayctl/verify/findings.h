/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYCTL_VERIFY_FINDINGS_H
#define GATEWAYCTL_VERIFY_FINDINGS_H

#include <stdbool.h>
#include <stdint.h>

/* What can be wrong with a log: X(constant, word, ja, en). */
#define FINDING_TABLE(X)                                                      \
	X(FIND_READ, "read", "読み取れません", "it cannot be read")           \
	X(FIND_KEY, "key", "公開鍵の形式が正しくありません",                  \
	    "a public key is malformed")                                      \
	X(FIND_CHECKPOINT, "checkpoint",                                      \
	    "チェックポイントがないか、形式が正しくありません",               \
	    "the checkpoint is missing or malformed")                         \
	X(FIND_SIGNATURE, "signature",                                        \
	    "チェックポイントの署名が一致しません",                           \
	    "the checkpoint's signature does not verify")                     \
	X(FIND_BUNDLE, "bundle", "記録の束が欠けているか壊れています",        \
	    "a bundle of entries is missing or damaged")                      \
	X(FIND_HASH, "hash", "記録の内容がハッシュ値と一致しません",          \
	    "the entry does not match its hash")                              \
	X(FIND_TILE, "tile", "ハッシュ値の表が欠けているか一致しません",      \
	    "a hash tile is missing or does not match")                       \
	X(FIND_ROOT, "root",                                                  \
	    "全記録のハッシュ値が署名された値と一致しません",                 \
	    "the root of all entries is not the signed one")                  \
	X(FIND_PARTIAL, "partial", "以前の部分的な表と一致しません",          \
	    "an earlier partial tile does not match")                         \
	X(FIND_ENTRY, "entry", "記録の形式が正しくありません",                \
	    "the entry is malformed")                                         \
	X(FIND_JOURNAL, "journal", "未署名部分(ジャーナル)が壊れています",  \
	    "the journal is damaged")                                         \
	X(FIND_VOID, "void", "取消に対応する記録がありません",                \
	    "a void entry has no state entry before it")                      \
	X(FIND_ANCHOR, "anchor", "相手側の記録と一致しません",                \
	    "it does not agree with the other side's log")

enum finding_code {
#define X(name, word, ja, en) name,
	FINDING_TABLE(X)
#undef X
	FIND_COUNT
};

enum finding_log { LOG_OWN, LOG_PEER };

#define FINDING_NO_ENTRY UINT64_MAX
#define FINDING_PATH_MAX 96
#define FINDINGS_KEPT 32

struct finding {
	enum finding_log log;
	enum finding_code code;
	uint64_t entry;			/* index, or FINDING_NO_ENTRY */
	char path[FINDING_PATH_MAX];	/* in the log's folder; or "" */
};

struct findings {
	uint64_t count;			/* more than are kept is possible */
	struct finding kept[FINDINGS_KEPT];
};

void findings_add(struct findings *, enum finding_log, enum finding_code,
    uint64_t entry, const char *path);
const char *findings_word(enum finding_code);
const char *findings_text(enum finding_code, bool is_ja);

#endif
