/* SPDX-License-Identifier: ISC */
#ifndef TESTS_HOSTILE_HOSTILE_H
#define TESTS_HOSTILE_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ipc/control.h"
#include "tests/hostile/wire.h"

/*
 * A taken-over process.  The parent starts this program under the name of
 * the real one (LIBEXEC/gateway-spool); it starts the real one
 * (LIBEXEC/real/gateway-spool) with channels of its own and stands between
 * it and its siblings: it sees, alters, swallows and adds messages, which is
 * all that a process without its keys or files could do with what it has.
 *
 * LIBEXEC/scenario holds words PROCESS/CASE ("spool/seal-at-once"), read
 * anew for every message: only the named processes are hostile, the others
 * pass everything on.  What a case did is in the log, after "hostile: ".
 */
struct hostile;

enum hostile_way {
	FROM_REAL,	/* the real process to its sibling */
	FROM_PEER,	/* the sibling to the real process */
	ANSWER		/* the sibling's answer to hostile_ask; goes nowhere */
};

/* False swallows the message.  Its fds are closed then. */
typedef bool hostile_fn(struct hostile *, enum proc_id peer,
    enum hostile_way, struct wire_note *);

struct hostile_case {
	const char *name;
	hostile_fn *pass;
};

/* What one process can do. */
struct hostile_kind {
	uint32_t procs;		/* bit n: enum proc_id n */
	const struct hostile_case *cases;
	int case_count;
	void (*reset)(void);	/* another case begins; or NULL */
	void (*watch)(enum proc_id peer, enum hostile_way,
	    const struct wire_note *); /* every message, always; or NULL */
};

extern const struct hostile_kind hostile_spool, hostile_inspect,
    hostile_zygote, hostile_courier, hostile_link, hostile_desk,
    hostile_audit;

/* Which process this is. */
enum proc_id hostile_self(const struct hostile *);

/* Say something in the log under the name of the case. */
void hostile_say(struct hostile *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Send a message of one's own to a sibling, or to the real process as if
 * from a sibling.  fd: -1 none, else taken.  hostile_ask gives it an id
 * whose answer comes back as ANSWER.
 */
void hostile_tell(struct hostile *, enum proc_id peer, bool to_real,
    uint16_t type, uint64_t id, const void *body, size_t len, int fd);
void hostile_ask(struct hostile *, enum proc_id peer, uint16_t type,
    const void *body, size_t len, int fd);

/* Element i after a fixed part, to read or alter; NULL if there is none. */
void *hostile_elem(struct wire_note *, size_t fixed, size_t elem, size_t i);

/* Copy the fixed part; false if the message is shorter. */
bool hostile_get(const struct wire_note *, void *out, size_t len);
void hostile_set(struct wire_note *, const void *, size_t len);

/* err of an answer that begins with it, as all do. */
int hostile_err(const struct wire_note *);

/* A sealed copy of fd (which is closed) with one bit flipped at off. */
int hostile_flip(int fd, uint64_t off);

#endif
