/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_KEYS_GATE_H
#define TESTS_UNIT_KEYS_GATE_H

#include <sys/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/table.h"
#include "proto/ipc/audit.h"
#include "proto/ipc/keys.h"
#include "gatewayd/keys/keyd.h"

/*
 * The keys process of one zone on a loop, with the real handlers, and a fake
 * audit, courier, spool, desk and zygotes at the other ends of its sockets.
 * A hostile sibling is a test that sends what an honest one would not.
 */
#define GATE_LOG_MAX 4096
#define UID_STAFF 1000u
#define UID_APPROVER 1001u
#define UID_OFFICER_A 1002u
#define UID_OFFICER_B 1003u
#define UID_ADMIN 1004u
#define UID_BOTH 1005u		/* approver and officer */

enum gate_client { GATE_COURIER, GATE_SPOOL, GATE_DESK, GATE_ZYGOTES };
#define GATE_ZYGOTE(stage) ((int)GATE_ZYGOTES + (int)(stage))
#define GATE_CLIENTS ((int)GATE_ZYGOTES + (int)STAGE_COUNT)

struct gate {
	struct ev_loop *loop;
	struct keyd *k;			/* NULL: a program of its own */
	pid_t pid;
	int control, lines;
	struct policy_table *policy;
	struct policy_flow *flow;	/* "documents" */
	struct ipc_chan *audit;
	char root[64];
	int clients[GATE_CLIENTS];
	struct audit_record *log;
	uint32_t log_count;
	enum gw_err log_err;		/* what audit answers from now on */
	bool is_log_stuck;		/* audit does not answer yet */
	uint64_t stuck[64];		/* what it will answer then */
	uint32_t stuck_count;
	uint64_t next_id;
	uint8_t log_pub[32];
};

/* internet sends "documents" to lgwan over "internet-lgwan". */
struct gate *gate_new(const char *zone);
void gate_free(struct gate *);

/* A new folder, in memory where there is such a file system. */
void gate_folder(char root[64]);
void gate_remove(const char *root);

/* A gate over a state that is there; root is the caller's to remove. */
struct gate *gate_attach(const char *zone, const char *root);

/*
 * The program itself, started as the parent starts it, in its sandbox.
 * gate_end stops it and returns how it ended (waitpid).
 */
struct gate *gate_program(const char *zone, const char *path);
int gate_end(struct gate *);

/* Stop and start over the same state, as after a crash. */
void gate_restart(struct gate *);

/* One more zygote of a stage, which the tests use from now on. */
void gate_add_zygote(struct gate *, enum policy_stage);

/* After changing *policy: digests anew, and keys gets the table. */
void gate_reload(struct gate *);

/* Keys, pin, card. */
void gate_init(struct gate *, bool is_bench);

/* Exchange cards and a secret. */
void gate_pair(struct gate *, struct gate *);

/* Time in all gates: what the clock says until moved. */
void gate_clock_start(void);
void gate_clock_real(void); /* for programs: the system's, from now on */
void gate_clock_move(uint64_t ms);
uint64_t gate_now(void);

/*
 * Ask and wait.  Returns the count of elements in the reply, which is copied
 * to fixed (its size must be right) and elems (room for max).  *fd_out: the
 * reply's fd or -1; NULL: it must have none.
 */
struct gate_ask {
	int client;
	uint16_t type;
	const void *fixed;
	size_t fixed_len;
	const void *elems;
	size_t elem;
	uint32_t count;
	int fd;			/* 0: none */
};
uint32_t gate_ask(struct gate *, const struct gate_ask *, void *reply,
    size_t reply_len, void *elems, size_t elem, uint32_t max, int *fd_out);

/* The same where the reply is ipc_status; its err. */
enum gw_err gate_status(struct gate *, const struct gate_ask *);

/* Send without waiting; collect the reply later. */
uint64_t gate_send(struct gate *, const struct gate_ask *);
bool gate_has_reply(struct gate *, int client);

/* Run the loop as long as there is something to do. */
void gate_settle(struct gate *);

/* Audit answers what it kept waiting. */
void gate_log_go(struct gate *);

/* Receive the reply to gate_send, like gate_ask. */
uint64_t gate_receive(struct gate *, int client, uint16_t type, void *reply,
    size_t reply_len, int *fd_out);

/* Entries of an event in the fake log; the last of them. */
uint32_t gate_logged(const struct gate *, enum audit_event);
const struct audit_record *gate_last(const struct gate *, enum audit_event);

#endif
