/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYCTL_OPTIONS_H
#define GATEWAYCTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/ctl/request.h"

/*
 * Options, one table: X(constant, bit, word, 1 if it takes a value, what the
 * value is called, help ja, help en).  Bits 0..2 may stand anywhere, the
 * others with the commands whose row in the menu names them.
 */
#define OPTIONS_TABLE(X)                                                      \
	X(OPT_DIR, 0, "dir", 1, "DIR",                                        \
	    "gateway.yaml のあるフォルダー(既定 /etc/gateway)",               \
	    "folder of gateway.yaml (default /etc/gateway)")                  \
	X(OPT_JSON, 1, "json", 0, "",                                         \
	    "1行に1つのJSONで出力する", "print one JSON object per line")     \
	X(OPT_LANG, 2, "lang", 1, "ja|en",                                    \
	    "表示する言語", "language of the output")                         \
	X(OPT_ZONE, 3, "zone", 1, "ZONE",                                     \
	    "internet、lgwan、mynumber のどれか",                             \
	    "internet, lgwan or mynumber")                                    \
	X(OPT_FLOW, 4, "flow", 1, "FLOW", "この業務フローだけ",               \
	    "this flow only")                                                 \
	X(OPT_STATE, 5, "state", 1, "STATE", "この状態だけ(held など)",       \
	    "this state only (such as held)")                                 \
	X(OPT_SIDE, 6, "side", 1, "low|high", "送り側だけ・受け側だけ",       \
	    "sending or receiving side only")                                 \
	X(OPT_SINCE, 7, "since", 1, "DATE", "この日時から",                   \
	    "from this time on")                                              \
	X(OPT_NUMBER, 8, "number", 1, "NUMBER", "この受付番号だけ",           \
	    "this receipt number only")                                       \
	X(OPT_LIMIT, 9, "limit", 1, "N", "N件まで(0: すべて)",                \
	    "at most N rows (0: all)")                                        \
	X(OPT_FILES, 10, "files", 0, "", "ファイルも表示する",                \
	    "show the files, too")                                            \
	X(OPT_COMMENT, 11, "comment", 1, "TEXT", "判断の理由(記録に残る)",    \
	    "why it was decided so (goes into the log)")                      \
	X(OPT_BENCH, 12, "bench", 0, "",                                      \
	    "性能測定用の鍵を作る(本番の相手は受け付けない)",                 \
	    "make keys for benchmarks (refused by peers in service)")         \
	X(OPT_BINARY, 13, "binary", 0, "", "カードをそのまま標準出力へ",      \
	    "write the card as it is to standard output")                     \
	X(OPT_HEX, 14, "hex", 0, "", "カードを16進数で出力",                  \
	    "write the card in hexadecimal")                                  \
	X(OPT_DIGITS, 15, "digits", 1, "DIGITS",                              \
	    "相手側の画面に出ている30桁", "the 30 digits the other side shows")\
	X(OPT_SECRET_FILE, 16, "secret-file", 1, "FILE",                      \
	    "ペアリングの秘密(16進64桁)を書いたファイル",                     \
	    "file with the pairing secret (64 hexadecimal digits)")           \
	X(OPT_NEW_SECRET, 17, "new-secret", 0, "",                            \
	    "ペアリングの秘密を新しく作って表示する",                         \
	    "make a new pairing secret and show it")                          \
	X(OPT_EVENT, 18, "event", 1, "EVENT", "このできごとだけ",             \
	    "this event only")                                                \
	X(OPT_FROM, 19, "from", 1, "TIME", "この日時から", "from this time")  \
	X(OPT_TO, 20, "to", 1, "TIME", "この日時の前まで",                    \
	    "up to this time")                                                \
	X(OPT_CSV, 21, "csv", 0, "", "CSV(UTF-8 BOM付き、Excel用)で出力",     \
	    "write CSV (UTF-8 with BOM, for Excel)")                          \
	X(OPT_JSONL, 22, "jsonl", 0, "", "1行に1つのJSONで出力",              \
	    "write one JSON object per line")                                 \
	X(OPT_HELP, 23, "help", 0, "", "使い方を表示する", "show this help")

enum options_bit {
#define X(name, bit, word, has_value, value, ja, en) name = bit,
	OPTIONS_TABLE(X)
#undef X
	OPT_COUNT = 24
};
#define OPT(name) (UINT32_C(1) << (name))
#define OPT_GLOBAL (OPT(OPT_DIR) | OPT(OPT_JSON) | OPT(OPT_LANG) | \
    OPT(OPT_HELP))

struct options {
	uint32_t has;			/* OPT mask */
	const char *values[OPT_COUNT];
	bool is_json, is_en;
	const char *dir;
	char **args;			/* not options: command, operands */
	int arg_count;
};

/*
 * Read the command line; argv is permuted and borrowed.  GW_EINVAL after
 * saying what is wrong on stderr.
 */
GW_MUST_CHECK enum gw_err options_parse(int argc, char **argv,
    struct options *out);

const char *options_word(enum options_bit);
const char *options_value_word(enum options_bit);	/* "" if none */
const char *options_help(enum options_bit, bool is_en);

/*
 * A time as people type it, JST: 2026-04-01, 2026-04-01T09:00[:00],
 * "2026-04-01 09:00", today, yesterday, 3d, 12h, 30m (so long ago).
 */
GW_MUST_CHECK enum gw_err options_time(const char *, uint64_t *ms_out);

/* Numbers, states, sides, events: into a request.  Says what is wrong. */
GW_MUST_CHECK enum gw_err options_fill(const struct options *,
    struct request *);

/* Text by the chosen language. */
#define SAY(o, ja, en) ((o)->is_en ? (en) : (ja))

#endif
