/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_LEDGER_H
#define GATEWAYD_COURIER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/record/reason.h"
#include "proto/record/transfer_state.h"

#include "gatewayd/courier/courier.h"

/*
 * The ledgers in status/FLOW: 送信簿-YYYY-MM-DD.csv of what was sent,
 * 受領簿-YYYY-MM-DD.csv of what was delivered (days in JST).  UTF-8 with BOM:
 * 受付番号, 時刻, ファイル, 大きさ, 状態, 理由, コード, and in 受領簿 配達先,
 * the path from the root of the tree.
 * A ledger is a copy for people; the truth is in the audit log, so one that
 * cannot be written is reported and, after a few tries, nothing waits for it.
 */
struct ledger_book;

enum ledger_kind { LEDGER_SENT, LEDGER_DELIVERED };

struct ledger_line {
	enum ledger_kind kind;
	const char *flow;
	const char *number;
	uint64_t wall_ms;	/* of the event */
	const char *name;	/* as shown */
	uint64_t size;
	enum transfer_state state;
	enum reason reason;
	const char *target;	/* where it was delivered; LEDGER_DELIVERED */
};

struct ledger_book *ledger_new(struct courier *);
void ledger_free(struct ledger_book *);

/* Append; on disk with the next ledger_flush (see group.h). */
void ledger_add(struct ledger_book *, const struct ledger_line *);

/*
 * Append unless a line with that number and state is there, today or on the
 * day before: after a crash, and for notices that come again.
 */
void ledger_add_once(struct ledger_book *, const struct ledger_line *);

/*
 * Write what was added, and sync it unless the caller syncs the whole file
 * system next.  False: some of it still waits, and will be tried again with
 * the next call.
 */
bool ledger_flush(struct ledger_book *, bool is_synced);
unsigned ledger_dirty(const struct ledger_book *); /* files to be synced */

#endif
