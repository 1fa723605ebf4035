/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_EFFECT_H
#define GATEWAYD_KEYS_EFFECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/ipc/audit.h"
#include "proto/record/audit.h"
#include "gatewayd/keys/keyd.h"

/*
 * Record before effect.  Whatever leaves this process after a change goes
 * through here, many at once:
 *
 *   1. all slots that were written become durable,
 *   2. each effect's write runs (sequence journal, received parcels,
 *      channel table), then those files become durable,
 *   3. its audit entries are appended, durably, by audit,
 *   4. its done runs: the reply, and with it keys or a header, goes out.
 *
 * After a crash between two steps the request is asked again and ends in
 * the same state; an entry that is then in the log twice says the same.
 */
struct effect;

struct effect_ops {
	/* Step 2; may be NULL.  An error ends the effect (done sees it). */
	enum gw_err (*write)(struct keyd *, struct effect *);
	/* Entry i of record_count; asked once for each, in order. */
	enum gw_err (*record)(struct keyd *, struct effect *, uint32_t i,
	    struct audit_record *out);
	/* Last step: e->err is the outcome. */
	void (*done)(struct keyd *, struct effect *);
	/* Closes what the effect holds; may be NULL. */
	void (*clear)(struct effect *);
};

/* First member of every effect's struct. */
struct effect {
	TAILQ_ENTRY(effect) next;
	const struct effect_ops *ops;
	struct client *client;	/* NULL: nobody asked, or gone */
	uint64_t msg_id;
	size_t size;
	uint32_t record_count, record_next, record_done;
	uint16_t type;
	enum gw_err err;
	bool is_sent;		/* all its entries are with audit */
	bool has_transfer;	/* nothing else touches it meanwhile */
	uint8_t transfer_id[16];
};

struct effects;
struct effects *effects_new(struct keyd *, int audit_fd);
void effects_free(struct effects *);

/* A zeroed effect of size bytes that answers msg (NULL: nobody). */
void *effect_new(size_t size, const struct effect_ops *, struct client *,
    const struct ipc_msg *);

/* Take it on its way; the object is the queue's until done has run. */
void effect_add(struct keyd *, struct effect *);

/* Is the transfer on its way in some effect? */
bool effect_holds(const struct keyd *, const uint8_t transfer_id[16]);
void effect_hold(struct effect *, const uint8_t transfer_id[16]);

/*
 * True if it is: the message (which has no fds) is kept and handled anew
 * when that effect has ended; the caller returns without an answer.
 */
bool effect_defer(struct keyd *, struct client *, const struct ipc_msg *,
    const uint8_t transfer_id[16]);

/* The client is gone: its effects end without an answer. */
void effect_drop_client(struct keyd *, const struct client *);

/* Reply with ipc_status to whoever asked. */
void effect_status(const struct effect *, enum gw_err, enum reason);

/* An audit record with event, flow, number and transfer filled in. */
struct transfer_slot;
void effect_record(struct audit_record *out, enum audit_event,
    const struct transfer_slot *);

/* What audit said last: the state of our log, and who signs it. */
const struct audit_head *effects_head(const struct keyd *);
const struct audit_identity *effects_identity(const struct keyd *);

#endif
