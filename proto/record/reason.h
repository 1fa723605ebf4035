/* SPDX-License-Identifier: ISC */
#ifndef PROTO_RECORD_REASON_H
#define PROTO_RECORD_REASON_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Why a transfer stopped, in words for people.  One table: constant, value
 * (fixed for ever: it is in logs and parcels), code shown on screens and in
 * JSON, what becomes of the transfer, why in Japanese and English, what to
 * do next in Japanese and English.
 */
enum reason_effect {
	EFFECT_NONE,		/* nothing is wrong */
	EFFECT_HOLD,		/* waits for a person or a change */
	EFFECT_REJECT,		/* refused for good; the sender may send anew */
	EFFECT_QUARANTINE,	/* infected: kept under lock, never released */
	EFFECT_ERROR		/* our side failed; nothing is lost */
};

#define REASON_TABLE(X)                                                       \
	X(NONE, 0, "none", NONE, "問題ありません", "nothing is wrong", "", "") \
	X(VIRUS_FOUND, 1, "virus-found", QUARANTINE,                          \
	    "ウイルスが見つかりました",                                       \
	    "a virus was found",                                              \
	    "ファイルを開かず、情報システム担当へ連絡してください",           \
	    "do not open the file; call the security officer")                \
	X(TYPE_DISGUISED, 2, "type-disguised", REJECT,                        \
	    "中身とファイル名の拡張子が一致しません",                         \
	    "the content is not what the file's extension says",              \
	    "正しい拡張子のファイルを送り直してください",                     \
	    "send the file again under its true extension")                   \
	X(TYPE_EXECUTABLE, 3, "type-executable", REJECT,                      \
	    "プログラム(実行形式)は送れません",                               \
	    "programs cannot be sent",                                        \
	    "文書として送り直すか、情報システム担当へ相談してください",       \
	    "send a document instead, or ask the system section")             \
	X(TYPE_NOT_ACCEPTED, 4, "type-not-accepted", REJECT,                  \
	    "この業務フローでは受け付けていない形式です",                     \
	    "this flow does not accept this type of file",                    \
	    "受け付ける形式に変換するか、別の業務フローで送ってください",     \
	    "convert it to an accepted type, or use another flow")            \
	X(TYPE_POLYGLOT, 5, "type-polyglot", REJECT,                          \
	    "複数の形式として読める不審なファイルです",                       \
	    "the file can be read as more than one type",                     \
	    "元のアプリで保存し直して送ってください",                         \
	    "save it again in its own application and resend")                \
	X(TYPE_UNKNOWN, 6, "type-unknown", HOLD,                              \
	    "ファイルの形式を判定できません",                                 \
	    "the type of the file cannot be determined",                      \
	    "セキュリティ責任者が確認します",                                 \
	    "a security officer will look at it")                             \
	X(NOT_SCANNED_ENCRYPTED, 7, "not-scanned-encrypted", HOLD,            \
	    "パスワード付きのため検査できません",                             \
	    "it is password protected and cannot be scanned",                 \
	    "パスワードを外して送り直すか、担当者へ連絡してください",         \
	    "send it without a password, or ask the officer")                 \
	X(NOT_SCANNED_LIMIT, 8, "not-scanned-limit", HOLD,                    \
	    "大きさや入れ子の上限を超えたため検査しきれません",               \
	    "a scanning limit was reached",                                   \
	    "分けて送り直すか、セキュリティ責任者の確認を待ってください",     \
	    "split it, or wait for the security officer")                     \
	X(NOT_SCANNED_CRASH, 9, "not-scanned-crash", HOLD,                    \
	    "検査プログラムが異常終了しました",                               \
	    "the scanner crashed on this file",                               \
	    "セキュリティ責任者が確認します",                                 \
	    "a security officer will look at it")                             \
	X(NOT_SCANNED_TIMEOUT, 10, "not-scanned-timeout", HOLD,               \
	    "検査が時間内に終わりませんでした",                               \
	    "scanning took too long",                                         \
	    "セキュリティ責任者が確認します",                                 \
	    "a security officer will look at it")                             \
	X(NOT_SCANNED_ERROR, 11, "not-scanned-error", HOLD,                   \
	    "検査プログラムがエラーを返しました",                             \
	    "the scanner returned an error",                                  \
	    "セキュリティ責任者が確認します",                                 \
	    "a security officer will look at it")                             \
	X(SIGNATURES_OLD, 12, "signatures-old", HOLD,                         \
	    "ウイルス定義が古いため検査結果を信用できません",                 \
	    "virus signatures are too old to trust the result",               \
	    "管理者が定義ファイルを更新すると自動で続行します",               \
	    "goes on when an administrator installs newer signatures")        \
	X(SIGNATURES_MISSING, 13, "signatures-missing", HOLD,                 \
	    "ウイルス定義がありません",                                       \
	    "there are no virus signatures",                                  \
	    "管理者が定義ファイルを導入すると自動で続行します",               \
	    "goes on when an administrator installs signatures")              \
	X(NEEDS_SANITIZING, 14, "needs-sanitizing", HOLD,                     \
	    "無害化が必要な形式です",                                         \
	    "this type of file must be sanitized first",                      \
	    "セキュリティ責任者の確認を待ってください",                       \
	    "wait for the security officer")                                  \
	X(NEEDS_APPROVAL, 15, "needs-approval", HOLD,                         \
	    "上長の確認待ちです",                                             \
	    "waits for approval",                                             \
	    "承認者の確認を待ってください",                                   \
	    "wait for the approver")                                          \
	X(UNCONFIRMED, 16, "unconfirmed", HOLD,                               \
	    "内容が安全であることを確認できません",                           \
	    "the content could not be confirmed as safe",                     \
	    "示された箇所を直して送り直してください",                         \
	    "mend the place named and send it again")                         \
	X(BAD_ENCODING, 17, "bad-encoding", HOLD,                             \
	    "文字コードとして読めない部分があります",                         \
	    "part of the text cannot be read in any known encoding",          \
	    "UTF-8 または Shift_JIS(CP932) で保存し直してください",           \
	    "save it again as UTF-8 or Shift_JIS (CP932)")                    \
	X(CONTROL_CHARS, 18, "control-characters", HOLD,                      \
	    "制御文字または文字方向を変える文字が含まれています",             \
	    "it holds control or text-direction characters",                  \
	    "その文字を取り除いて送り直してください",                         \
	    "remove those characters and send it again")                      \
	X(FORMULA_CELL, 19, "formula-cell", HOLD,                             \
	    "数式として実行されるおそれのあるセルがあります",                 \
	    "a cell could run as a formula",                                  \
	    "先頭の = + - @ を取り除いて送り直してください",                  \
	    "remove the leading = + - @ and send it again")                   \
	X(BAD_STRUCTURE, 20, "bad-structure", HOLD,                           \
	    "ファイルの構造が壊れています",                                   \
	    "the structure of the file is broken",                            \
	    "元のアプリで保存し直して送ってください",                         \
	    "save it again in its own application and resend")                \
	X(NAME_INVALID, 21, "name-invalid", REJECT,                           \
	    "使えない文字や名前です",                                         \
	    "the name holds something that cannot be used",                   \
	    "ファイル名を変えて送り直してください",                           \
	    "rename the file and send it again")                              \
	X(NAME_BIDI, 22, "name-bidi", REJECT,                                 \
	    "ファイル名に文字方向を変える見えない文字があります",             \
	    "the name holds invisible text-direction characters",             \
	    "ファイル名を打ち直して送り直してください",                       \
	    "type the name anew and send it again")                           \
	X(NAME_DISGUISED, 23, "name-disguised", REJECT,                       \
	    "拡張子を偽装したファイル名です",                                 \
	    "the name hides its true extension",                              \
	    "ファイル名を変えて送り直してください",                           \
	    "rename the file and send it again")                              \
	X(NAME_ENCODING, 24, "name-encoding", REJECT,                         \
	    "ファイル名の文字コードを判別できません",                         \
	    "the encoding of the name is unknown",                            \
	    "ファイル名を付け直して送り直してください",                       \
	    "rename the file and send it again")                              \
	X(NAME_TOO_LONG, 25, "name-too-long", REJECT,                         \
	    "ファイル名が長すぎます",                                         \
	    "the name is too long",                                           \
	    "短い名前に変えて送り直してください",                             \
	    "use a shorter name and send it again")                           \
	X(NAME_COLLISION, 26, "name-collision", REJECT,                       \
	    "同じ名前になるファイルが含まれています",                         \
	    "two files would get the same name",                              \
	    "どちらかの名前を変えて送り直してください",                       \
	    "rename one of them and send it again")                           \
	X(FLOW_UNKNOWN, 27, "flow-unknown", REJECT,                           \
	    "登録されていない業務フローです",                                 \
	    "the flow is not registered",                                     \
	    "業務フローの登録を管理者へ依頼してください",                     \
	    "ask the administrator to register the flow")                     \
	X(FLOW_UNKNOWN_HERE, 28, "flow-unknown-at-receiver", HOLD,            \
	    "受け側で登録されていない業務フローです",                         \
	    "the receiving zone does not know this flow",                     \
	    "受け側の管理者が登録すると続行できます",                         \
	    "goes on when the receiving zone registers it")                   \
	X(FLOW_ENDED, 29, "flow-ended", REJECT,                               \
	    "業務フローの有効期限が切れています",                             \
	    "the flow has ended",                                             \
	    "業務フローの更新を管理者へ依頼してください",                     \
	    "ask the administrator to renew the flow")                        \
	X(FILE_TOO_BIG, 30, "file-too-big", REJECT,                           \
	    "1ファイルの上限を超えています",                                  \
	    "a file is larger than the flow allows",                          \
	    "分割するか、上限の変更を管理者へ相談してください",               \
	    "split it, or ask the administrator about the limit")             \
	X(TRANSFER_TOO_BIG, 31, "transfer-too-big", REJECT,                   \
	    "1回に送れる合計の上限を超えています",                            \
	    "the files together are larger than the flow allows",             \
	    "何回かに分けて送ってください",                                   \
	    "send them in several parts")                                     \
	X(TOO_MANY_FILES, 32, "too-many-files", REJECT,                       \
	    "1回に送れるファイル数を超えています",                            \
	    "there are more files than the flow allows",                      \
	    "何回かに分けて送ってください",                                   \
	    "send them in several parts")                                     \
	X(NOT_REGULAR, 33, "not-a-regular-file", REJECT,                      \
	    "リンクや特殊ファイルは送れません",                               \
	    "links and special files cannot be sent",                         \
	    "実際のファイルを置いてください",                                 \
	    "put the real file there")                                        \
	X(CHANGED_WHILE_READ, 34, "changed-while-read", REJECT,               \
	    "読み取り中にファイルが変更されました",                           \
	    "the file changed while it was being read",                       \
	    "書き込みが終わってから送り直してください",                       \
	    "send it again once writing has ended")                           \
	X(EMPTY_SET, 35, "empty-set", REJECT,                                 \
	    "フォルダーにファイルがありません",                               \
	    "the folder holds no files",                                      \
	    "ファイルを入れて送り直してください",                             \
	    "put files into it and send it again")                            \
	X(UNREADABLE, 36, "unreadable", REJECT,                               \
	    "ファイルを読み取れません",                                       \
	    "the file cannot be read",                                        \
	    "アクセス権を確認して送り直してください",                         \
	    "check its permissions and send it again")                        \
	X(SUBMITTER_UNKNOWN, 37, "submitter-unknown", REJECT,                 \
	    "誰が送ったか確認できません",                                     \
	    "who sent it cannot be told",                                     \
	    "自分の名前のフォルダーに置いてください",                         \
	    "put it into the folder of your name")                            \
	X(NO_SPACE, 38, "no-space", HOLD,                                     \
	    "空き容量が足りないため受付を止めています",                       \
	    "intake stopped because space is short",                          \
	    "容量が空くと自動で再開します",                                   \
	    "goes on by itself when there is space")                          \
	X(DAMAGED, 39, "damaged", ERROR,                                      \
	    "データが途中で壊れました",                                       \
	    "the data was damaged on its way",                                \
	    "送り側で再送してください",                                       \
	    "have the sender send it again")                                  \
	X(GAP, 40, "sequence-gap", HOLD,                                      \
	    "前の便が届いていません",                                         \
	    "an earlier parcel is missing",                                   \
	    "欠けた便が届くと自動で続行します",                               \
	    "goes on when the missing parcel arrives")                        \
	X(EQUIVOCATION, 41, "equivocation", ERROR,                            \
	    "同じ番号で内容の違う便が届きました",                             \
	    "two different parcels came under one number",                    \
	    "経路を凍結しました。セキュリティ責任者へ連絡してください",       \
	    "the channel is frozen; call the security officer")               \
	X(EXPIRED, 42, "expired", REJECT,                                     \
	    "有効期限が過ぎています",                                         \
	    "it came after its time",                                         \
	    "送り側で送り直してください",                                     \
	    "have the sender send it again")                                  \
	X(WITHDRAWN, 43, "withdrawn", REJECT,                                 \
	    "送り側が取り消しました",                                         \
	    "the sender withdrew it",                                         \
	    "送り側へ確認してください",                                       \
	    "ask the sender")                                                 \
	X(BAD_SEAL, 44, "bad-seal", ERROR,                                    \
	    "封印を確認できません",                                           \
	    "the seal does not verify",                                       \
	    "セキュリティ責任者へ連絡してください",                           \
	    "call the security officer")                                      \
	X(MANIFEST_MISMATCH, 45, "manifest-mismatch", HOLD,                   \
	    "送り状と中身が一致しません",                                     \
	    "the manifest does not match the content",                        \
	    "セキュリティ責任者が確認します",                                 \
	    "a security officer will look at it")                             \
	X(BENCH_CARD, 46, "bench-card", REJECT,                               \
	    "試験用の拠点からは受け取れません",                               \
	    "parcels of a bench zone are refused",                            \
	    "本番用の証明カードで接続し直してください",                       \
	    "pair with a card for real service")                              \
	X(REFUSED_BY_PERSON, 47, "refused-by-person", REJECT,                 \
	    "担当者が差し戻しました",                                         \
	    "a person refused it",                                            \
	    "差し戻しの理由を確認してください",                               \
	    "read the reason given")                                          \
	X(REVOKED, 48, "revoked", REJECT,                                     \
	    "送信者が取り下げました",                                         \
	    "the sender took it back",                                        \
	    "必要なら送り直してください",                                     \
	    "send it again if needed")                                        \
	X(POISON, 49, "poison", HOLD,                                         \
	    "検査が繰り返し失敗しました",                                     \
	    "scanning failed again and again",                                \
	    "セキュリティ責任者が確認します",                                 \
	    "a security officer will look at it")                             \
	X(NAME_TAKEN, 50, "name-taken", HOLD,                                 \
	    "受け取りフォルダーに同じ名前のファイルがあります",               \
	    "the mailbox has a file of that name",                            \
	    "古いファイルを片付けると続行できます",                           \
	    "goes on once the older file is moved away")                      \
	X(POLICY_CHANGED, 51, "policy-changed", HOLD,                         \
	    "検査のあとで業務フローの規則が変わりました",                     \
	    "the flow's rules changed after the scan",                        \
	    "新しい規則で検査し直します",                                     \
	    "it is inspected again under the new rules")                      \
	X(NO_CHANNEL, 52, "no-channel", HOLD,                                 \
	    "送り先との経路がまだ準備できていません",                         \
	    "the channel to the other zone is not ready",                     \
	    "管理者がペアリングを終えると続行します",                         \
	    "goes on when the zones are paired")                              \
	X(CHANNEL_FROZEN, 53, "channel-frozen", HOLD,                         \
	    "経路が凍結されています",                                         \
	    "the channel is frozen",                                          \
	    "セキュリティ責任者2名の操作で再開します",                        \
	    "two officers can open it again")                                 \
	X(INTERNAL, 54, "internal-error", ERROR,                              \
	    "内部エラーが発生しました",                                       \
	    "an internal error occurred",                                     \
	    "管理者へ連絡してください。ファイルは失われていません",           \
	    "call the administrator; nothing is lost")                        \
	X(RECIPIENT_UNKNOWN, 55, "recipient-unknown", REJECT,                 \
	    "宛先が登録されていません",                                       \
	    "the recipient is not registered",                                \
	    "登録された宛先のフォルダーに置いてください",                     \
	    "use the folder of a registered recipient")                       \
	X(CLOCK_JUMP, 56, "clock-jump", HOLD,                                 \
	    "時計が大きくずれたため停止しています",                           \
	    "stopped because the clock jumped",                               \
	    "管理者が時刻を確認すると続行します",                             \
	    "goes on when an administrator has checked the clock")            \
	X(BAD_HIDDEN, 57, "hidden-data", HOLD,                                \
	    "ファイルの終わりの後ろに余分なデータがあります",                 \
	    "there is extra data after the end of the file",                  \
	    "元のアプリで保存し直して送ってください",                         \
	    "save it again in its own application and resend")

enum reason {
#define X(name, value, code, effect, ja, en, next_ja, next_en)                \
	REASON_##name = value,
	REASON_TABLE(X)
#undef X
};

/* Is v a value of the table? */
bool reason_ok(uint16_t v);

/* Of a value outside the table: those of INTERNAL.  Static storage. */
const char *reason_code(enum reason);
enum reason_effect reason_effect(enum reason);
const char *reason_ja(enum reason);
const char *reason_en(enum reason);
const char *reason_next_ja(enum reason);
const char *reason_next_en(enum reason);

#endif
