/* SPDX-License-Identifier: ISC */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/*
 * Error values.  Functions that can fail return enum gw_err: GW_OK is 0,
 * every error is negative.  The class of a code, never the code itself,
 * decides what a process does with the object at hand.
 */

enum gw_err_class {
	GW_CLASS_NONE,		/* GW_OK */
	GW_CLASS_RETRY,		/* passes by itself: try again later */
	GW_CLASS_PERMANENT,	/* this object will never do */
	GW_CLASS_POLICY,	/* a written rule says no */
	GW_CLASS_TAMPER,	/* somebody changed something */
	GW_CLASS_BUG,		/* our defect */
	GW_CLASS_SYSTEM		/* the machine: disk, memory, kernel */
};

/* name, value, class, English, Japanese */
#define GW_ERR_TABLE(X)                                                       \
	X(GW_OK, 0, NONE, "success", "成功")                                  \
	X(GW_EAGAIN, -1, RETRY, "not ready yet", "まだ準備ができていません")  \
	X(GW_ETIMEOUT, -2, RETRY, "timed out", "時間切れです")                \
	X(GW_ESPACE, -3, RETRY, "no space left", "空き容量がありません")      \
	X(GW_EBUSY, -4, RETRY, "busy", "使用中です")                          \
	X(GW_ECLOSED, -5, RETRY, "the other end closed",                      \
	    "相手側が接続を閉じました")                                       \
	X(GW_EINVAL, -6, PERMANENT, "invalid argument", "引数が不正です")     \
	X(GW_EFORMAT, -7, PERMANENT, "malformed data",                        \
	    "データの形式が正しくありません")                                 \
	X(GW_ETRUNC, -8, PERMANENT, "data ends too early",                    \
	    "データが途中で終わっています")                                   \
	X(GW_ELIMIT, -9, PERMANENT, "over a named limit",                     \
	    "上限を超えています")                                             \
	X(GW_ENOENT, -10, PERMANENT, "not found", "見つかりません")           \
	X(GW_EEXIST, -11, PERMANENT, "already exists", "既に存在します")      \
	X(GW_EVERSION, -12, PERMANENT, "unknown version",                     \
	    "未対応のバージョンです")                                         \
	X(GW_EDENIED, -13, POLICY, "not permitted", "許可されていません")     \
	X(GW_EEXPIRED, -14, POLICY, "expired", "期限切れです")                \
	X(GW_EHOLD, -15, POLICY, "held for a person",                         \
	    "担当者の判断待ちです")                                           \
	X(GW_ESIG, -16, TAMPER, "signature does not verify",                  \
	    "署名が一致しません")                                             \
	X(GW_EHASH, -17, TAMPER, "hash does not match",                       \
	    "ハッシュ値が一致しません")                                       \
	X(GW_EAUTH, -18, TAMPER, "decryption or authentication failed",       \
	    "復号または認証に失敗しました")                                   \
	X(GW_ECHAIN, -19, TAMPER, "chain is broken",                          \
	    "連鎖が途切れています")                                           \
	X(GW_EREPLAY, -20, TAMPER, "replayed", "再送された古いデータです")    \
	X(GW_EBUG, -21, BUG, "internal error", "内部エラーです")              \
	X(GW_EPROTO, -22, BUG, "protocol violation",                          \
	    "プロトコル違反です")                                             \
	X(GW_EIO, -23, SYSTEM, "input/output error", "入出力エラーです")      \
	X(GW_ENOMEM, -24, SYSTEM, "out of memory", "メモリが不足しています")  \
	X(GW_ESYS, -25, SYSTEM, "system call failed",                         \
	    "システムコールが失敗しました")                                   \
	X(GW_ECRYPTO, -26, SYSTEM, "cryptographic library failed",            \
	    "暗号ライブラリのエラーです")

enum gw_err {
#define X(name, value, class, en, ja) name = value,
	GW_ERR_TABLE(X)
#undef X
};

#define GW_MUST_CHECK __attribute__((warn_unused_result))

/*
 * Class of a code; GW_CLASS_BUG for a value outside the table.
 */
enum gw_err_class err_class(enum gw_err);

/*
 * Constant name of a code ("GW_EIO"), and its text for people.
 * Never NULL; static storage.
 */
const char *err_name(enum gw_err);
const char *err_text_en(enum gw_err);
const char *err_text_ja(enum gw_err);

/*
 * Map an errno value.  ENOSPC and EDQUOT become GW_ESPACE, EIO becomes
 * GW_EIO; what has no code of its own becomes GW_ESYS.
 */
enum gw_err err_from_errno(int);

#endif
