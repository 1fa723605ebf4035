/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_DESK_WORLD_H
#define TESTS_UNIT_DESK_WORLD_H

#include "proto/ctl/answer.h"
#include "proto/ctl/request.h"
#include "proto/ipc/audit.h"
#include "proto/ipc/control.h"
#include "proto/ipc/spool.h"

#include "gatewayd/desk/desk.h"

/*
 * The real desk between real socket pairs: the other ends are played here,
 * in the same loop, from what a test has put into this struct.
 */
#define WORLD_TRANSFERS 200
#define WORLD_ENTRIES 4096

/* Uids of people; POLICY roles by the table world_new makes. */
enum { STAFF = 1001, OTHER = 1002, APPROVER = 1003, OFFICER = 1004,
    AUDITOR = 1005, ADMIN = 1006 };

struct world {
	struct desk desk;
	struct policy_table *policy;
	struct ipc_chan *ends[DESK_PEERS];

	/* spool */
	struct spool_row rows[WORLD_TRANSFERS];	/* newest first */
	int row_count;
	struct spool_status status;
	int pokes, decisions_to_spool;
	bool hides_files;		/* SPOOL_FILES fails */

	/* keys */
	uint8_t manifest_key[32], manifest_id[16], manifest_root[32];
	uint8_t *manifest;		/* stored form */
	size_t manifest_len;
	uint64_t manifest_padded;
	int views, views_with_key;
	uint32_t viewers[WORLD_ENTRIES];
	struct keys_decide decided;	/* the last one */
	struct keys_decided decision;	/* to answer */
	int decisions;
	struct keys_channel_op op;
	enum gw_err op_err;
	struct keys_pair_init init;
	int card_errs;			/* GW_EAGAIN so often first */
	struct keys_pair_accept accept;
	enum gw_err accept_err;

	/* audit */
	struct audit_record log[WORLD_ENTRIES];
	uint64_t log_count;
	enum gw_err append_err;

	/* parent */
	int reloads;
	uint32_t restarted;		/* bit n: process n */
	struct ctl_child children[3];

	/* what the last request was answered with */
	enum answer_exit code;
	char text[ANSWER_TEXT_MAX + 1];
	int frame_count;
	struct {
		size_t len;
		uint8_t *bytes;
	} frames[WORLD_ENTRIES];
};

struct world *world_new(void);
void world_free(struct world *);

/* Add a transfer to the front; returns its row. */
struct spool_row *world_add(struct world *, const char *number, uint32_t uid,
    enum transfer_state state);

/* Names of the files every transfer has. */
void world_names(struct world *, const char *const *names, int count);

/* Ask as uid and run until the end came; returns the exit code. */
enum answer_exit world_ask(struct world *, uint32_t uid,
    const struct request *);

/* One verb with the arguments that it needs. */
enum answer_exit world_verb(struct world *, uint32_t uid, enum request_verb);

/* Turn the loop until nothing happens any more. */
void world_settle(struct world *);

/* Rows of the answer: how many of a kind, the n-th, a field as text. */
int world_count(const struct world *, enum answer_row);
bool world_row(const struct world *, enum answer_row, int n, struct answer *);
const char *world_field(const struct world *, enum answer_row, int n,
    enum answer_field);

/* Entries of an event in the log. */
int world_logged(const struct world *, enum audit_event);

#endif
