/* SPDX-License-Identifier: ISC */
#ifndef TESTS_HOSTILE_WIRE_H
#define TESTS_HOSTILE_WIRE_H

#include <sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/ipc/chan.h"

/*
 * One end of a channel with what waits to be sent on it.  Unlike ipc_chan
 * it holds nothing against rules: a taken-over process sends what it likes.
 */
struct wire_note {
	TAILQ_ENTRY(wire_note) next;
	uint16_t type;
	uint64_t id;
	size_t len;
	int fds[IPC_FDS_MAX];
	int fd_count;
	_Alignas(16) uint8_t body[IPC_MSG_MAX - sizeof(struct ipc_header)];
};

struct wire {
	TAILQ_HEAD(, wire_note) queue;
	int fd; /* -1: closed */
};

void wire_init(struct wire *, int fd); /* takes fd */
void wire_close(struct wire *);

/*
 * Next message, NULL when there is none now.  *is_end_out: the other side
 * closed.  The caller frees the note, with the fds it has not set to -1.
 */
struct wire_note *wire_take(struct wire *, bool *is_end_out);
void wire_free(struct wire_note *);

/* Send after what waits; takes the note.  wire_flush sends what it can. */
void wire_put(struct wire *, struct wire_note *);
void wire_flush(struct wire *);

#endif
