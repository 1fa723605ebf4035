/* SPDX-License-Identifier: ISC */
#ifndef PROTO_CTL_REQUEST_H
#define PROTO_CTL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * What a person's program may ask of desk over the control socket: one
 * datagram on a SOCK_SEQPACKET connection, answered with rows and an end
 * (answer.h); then the connection is closed.  Who asks is what the kernel
 * says of the other end (SO_PEERCRED), never a field of the request.
 *
 * Layout, big-endian: magic 4, verb 2, language 1, zero 1, then arguments by
 * rising id: id 2, length 2, bytes.  Each at most once; one encoding of each
 * request.  Older and newer programs do not mix: same build, same magic.
 */
#define REQUEST_MAGIC 0x47574331u /* GWC1 */
#define REQUEST_MAX 8192

/* Where desk listens, beneath state_dir. */
#define REQUEST_SOCKET_DIR "run"
#define REQUEST_SOCKET "control.sock"

/* X(constant, value, command as typed) */
#define REQUEST_VERB_TABLE(X)                                                 \
	X(VERB_STATUS, 1, "status")                                           \
	X(VERB_DOCTOR, 2, "doctor")                                           \
	X(VERB_RELOAD, 3, "reload")                                           \
	X(VERB_FLOWS, 4, "send")                                              \
	X(VERB_TRANSFERS_LIST, 10, "transfers list")                          \
	X(VERB_TRANSFERS_SHOW, 11, "transfers show")                          \
	X(VERB_TRANSFERS_APPROVE, 12, "transfers approve")                    \
	X(VERB_TRANSFERS_RETURN, 13, "transfers return")                      \
	X(VERB_TRANSFERS_REVOKE, 14, "transfers revoke")                      \
	X(VERB_HOLDS_LIST, 20, "holds list")                                  \
	X(VERB_HOLDS_SHOW, 21, "holds show")                                  \
	X(VERB_HOLDS_RELEASE, 22, "holds release")                            \
	X(VERB_HOLDS_REJECT, 23, "holds reject")                              \
	X(VERB_QUARANTINE_LIST, 30, "quarantine list")                        \
	X(VERB_QUARANTINE_SHOW, 31, "quarantine show")                        \
	X(VERB_CHANNEL_LIST, 40, "channel list")                              \
	X(VERB_CHANNEL_FREEZE, 41, "channel freeze")                          \
	X(VERB_CHANNEL_NEW_EPOCH, 42, "channel new-epoch")                    \
	X(VERB_PAIR_INIT, 50, "pair init")                                    \
	X(VERB_PAIR_CARD, 51, "pair card")                                    \
	X(VERB_PAIR_ACCEPT, 52, "pair accept")                                \
	X(VERB_PAIR_SHOW, 53, "pair show")                                    \
	X(VERB_KEY_LIST, 54, "key list")                                      \
	X(VERB_LOG_SEARCH, 70, "log search")                                  \
	X(VERB_LOG_FOLLOW, 71, "log follow")                                  \
	X(VERB_LOG_EXPORT, 72, "log export")

enum request_verb {
#define X(name, value, word) name = value,
	REQUEST_VERB_TABLE(X)
#undef X
};

enum request_lang { REQUEST_JA = 0, REQUEST_EN = 1 };

/*
 * Arguments: X(constant, id, kind, member of struct request, least, most)
 * TEXT: UTF-8 without control characters, lengths without the NUL.
 * UINT: 8 bytes; least and most are bounds of the value, most 0: none.
 * BYTES: with member_len beside it.
 */
#define REQUEST_ARG_TABLE(X)                                                  \
	X(ARG_NUMBER, 1, TEXT, number, 1, 23)                                 \
	X(ARG_FLOW, 2, TEXT, flow, 1, 47)                                     \
	X(ARG_CHANNEL, 3, TEXT, channel, 1, 47)                               \
	X(ARG_COMMENT, 4, TEXT, comment, 1, 127)                              \
	X(ARG_DIGITS, 5, TEXT, digits, 1, 63)                                 \
	X(ARG_STATES, 6, UINT, states, 1, UINT32_MAX)                         \
	X(ARG_SIDE, 7, UINT, side, 1, 2)                                      \
	X(ARG_SINCE, 8, UINT, since_ms, 0, 0)                                 \
	X(ARG_BEFORE, 9, UINT, before_ms, 0, 0)                               \
	X(ARG_LIMIT, 10, UINT, limit, 0, 0)                                   \
	X(ARG_FILES, 11, UINT, wants_files, 1, 1)                             \
	X(ARG_EVENT, 12, UINT, event, 1, UINT16_MAX)                          \
	X(ARG_BENCH, 13, UINT, is_bench, 1, 1)                                \
	X(ARG_CARD, 14, BYTES, card, 1, 2048)                                 \
	X(ARG_SECRET, 15, BYTES, secret, 32, 32)

enum request_arg {
#define X(name, id, kind, member, least, most) name = id,
	REQUEST_ARG_TABLE(X)
#undef X
};
#define ARG_BIT(arg) (UINT32_C(1) << (arg))

/* Fields of arguments that did not come are zero. */
struct request {
	enum request_verb verb;
	enum request_lang lang;
	uint32_t has;		/* ARG_BIT mask */
	char number[24];
	char flow[48];
	char channel[48];
	char comment[128];
	char digits[64];
	uint64_t states;	/* bit n: enum transfer_state n */
	uint64_t side;		/* enum side */
	uint64_t since_ms, before_ms;
	uint64_t limit;		/* rows; 0 all */
	uint64_t wants_files;
	uint64_t event;		/* enum audit_event */
	uint64_t is_bench;
	uint8_t card[2048];
	size_t card_len;
	uint8_t secret[32];
	size_t secret_len;
};

/* Write it; arguments whose bit is not in has are left out. */
GW_MUST_CHECK enum gw_err request_encode(const struct request *,
    struct buf *out);

/* Strict: GW_EFORMAT, GW_ETRUNC, GW_EVERSION (other magic). */
GW_MUST_CHECK enum gw_err request_decode(const void *, size_t,
    struct request *out);

/* Command of a verb as typed; "?" outside the table. */
const char *request_verb_word(enum request_verb);
bool request_verb_ok(unsigned verb);

#endif
