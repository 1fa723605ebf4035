/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_KEYD_H
#define GATEWAYD_KEYS_KEYD_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ev.h"
#include "policy/table.h"
#include "proto/ipc/chan.h"
#include "proto/ipc/keys.h"
#include "proto/record/reason.h"

/*
 * What the process holds.  Everything it decides comes from its own mapping
 * of the policy table and its own records here.
 */
enum client_kind {
	CLIENT_COURIER,
	CLIENT_SPOOL,
	CLIENT_DESK,
	CLIENT_ZYGOTE,
	CLIENT_KINDS
};

struct keyd;

struct client {
	TAILQ_ENTRY(client) next;
	struct keyd *k;
	struct ipc_chan *chan;
	enum client_kind kind;
	enum policy_stage stage;	/* of a zygote, by its channel */
};
TAILQ_HEAD(client_list, client);

struct keyd {
	struct ev_loop *loop;
	const struct policy_table *policy;
	struct store *store;
	struct numbers *numbers;
	struct zone *zone;
	struct peers *peers;
	struct channels *channels;
	struct effects *effects;
	struct ev_timer *daily;
	struct client_list clients;
	int dir;		/* state_dir/keys */
	bool is_serving;	/* audit has answered */
};

/*
 * Load what is in dirfd (kept) and begin to talk to audit.  policy is
 * borrowed; audit_fd is taken.  Fatal on damage.  Clients are served once
 * audit has answered.
 */
struct keyd *keyd_new(struct ev_loop *, const struct policy_table *,
    int dirfd, int audit_fd);
void keyd_free(struct keyd *);

/* Serve a client over fd (taken).  stage counts for zygotes alone. */
void keyd_add_client(struct keyd *, enum client_kind, enum policy_stage,
    int fd);

/* Another table from now on; the old one is the caller's to unmap. */
void keyd_set_policy(struct keyd *, const struct policy_table *);

/* audit has told who it is: the gates open. */
void keyd_serve(struct keyd *);

/* --- for the handlers ---------------------------------------------------- */

/* Nothing is sent when the client is gone (NULL); fds are closed then. */
void keyd_reply(struct client *, uint16_t type, uint64_t id,
    const void *fixed, size_t len, const void *elems, size_t elem,
    uint32_t count, int fd);
void keyd_status(struct client *, uint16_t type, uint64_t id, enum gw_err,
    enum reason);

/* Is text a NUL padded field that ends in it? */
int keyd_text_ok(const char *text, size_t size);

/* Errors that mean that the disk cannot be trusted: fatal. */
void keyd_check_disk(enum gw_err, const char *what);

#endif
