/* SPDX-License-Identifier: ISC */
#ifndef PROTO_RECORD_TRANSFER_STATE_H
#define PROTO_RECORD_TRANSFER_STATE_H

/*
 * The states of a transfer, the only list of them.  What leads from one to
 * the next is the table in gatewayd/spool/states.c, explained in
 * docs/SPOOL.md.  The values are in the log and the catalogue for ever.
 */

/* X(constant, value, word, ja, en) */
#define TRANSFER_STATE_TABLE(X)                                               \
	X(ST_RECEIVING, 1, "receiving", "受付中", "being taken in")           \
	X(ST_ACCEPTED, 2, "accepted", "受付済", "accepted")                   \
	X(ST_INSPECTED, 3, "inspected", "検査済", "inspected")                \
	X(ST_WAITING, 4, "waiting", "承認待ち", "waiting for approval")       \
	X(ST_APPROVED, 5, "approved", "承認済", "approved")                   \
	X(ST_SEALED, 6, "sealed", "封印済", "sealed")                         \
	X(ST_SENT, 7, "sent", "送信済", "sent")                               \
	X(ST_CONFIRMED, 8, "confirmed", "相手側に到着",                       \
	    "arrived at the other side")                                      \
	X(ST_UNCONFIRMED, 9, "unconfirmed", "到着未確認", "unconfirmed")      \
	X(ST_ARRIVING, 10, "arriving", "到着中", "arriving")                  \
	X(ST_COMPLETE, 11, "complete", "到着済", "arrived")                   \
	X(ST_OPENED, 12, "opened", "開封済", "opened")                        \
	X(ST_REINSPECTED, 13, "reinspected", "再検査済", "inspected again")   \
	X(ST_DELIVERING, 14, "delivering", "配達中", "being delivered")       \
	X(ST_DELIVERED, 15, "delivered", "配達済", "delivered")               \
	X(ST_ERASED, 16, "erased", "消去済", "erased")                        \
	X(ST_HELD, 17, "held", "保留", "held")                                \
	X(ST_QUARANTINED, 18, "quarantined", "隔離", "quarantined")           \
	X(ST_REJECTED, 19, "rejected", "差戻し", "rejected")                  \
	X(ST_DAMAGED, 20, "damaged", "破損", "damaged")                       \
	X(ST_POISON, 21, "poison", "検査不能", "poison")                      \
	X(ST_EXPIRED, 22, "expired", "期限切れ", "expired")                   \
	X(ST_REVOKED, 23, "revoked", "取下げ", "revoked")                     \
	X(ST_WITHDRAWN, 24, "withdrawn", "取消", "withdrawn")

enum transfer_state {
#define X(name, value, word, ja, en) name = value,
	TRANSFER_STATE_TABLE(X)
#undef X
};
/* Word in exports and JSON, and for people; "?" outside the table. */
const char *transfer_state_word(enum transfer_state);
const char *transfer_state_ja(enum transfer_state);
const char *transfer_state_en(enum transfer_state);

#endif
