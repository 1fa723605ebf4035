/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <string.h>

#include "proto/ipc/spool.h"
#include "proto/parcel/ack.h"

#include "tests/hostile/hostile.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))
#define ACK_COUNTER_END 23	/* PROTOCOL.md, "ACK": low byte of counter */
#define ACK_BITS 52		/* completion bits */

static struct {
	struct wire_note first;	/* the first header that came */
	size_t header_len;
	bool has_first;
} mem;

static void
link_reset(void)
{
	memset(&mem, 0, sizeof(mem));
}

static bool
is_ask(enum proc_id peer, enum hostile_way way, const struct wire_note *n,
    uint16_t type)
{
	return peer == PROC_SPOOL && way == FROM_REAL && n->type == type;
}

/* --- receiver ----------------------------------------------------------- */

/* A header that nobody has signed, and the tables behind it. */
static bool
forge_header(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	if (is_ask(peer, way, n, SPOOL_RX_BEGIN)) {
		/* The signature is its end. */
		mem.header_len = n->len - sizeof(struct spool_rx_begin);
		n->body[n->len - 1] ^= 1;
		hostile_say(h, "forged");
	}
	if (is_ask(peer, way, n, SPOOL_RX_TABLES) && n->fd_count == 1 &&
	    mem.header_len > 0)
		n->fds[0] = hostile_flip(n->fds[0], mem.header_len - 1);
	return true;
}

/* A statement (flow, submitter) or key table of another kind. */
static bool
forge_tables(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct stat st;

	if (is_ask(peer, way, n, SPOOL_RX_TABLES) && n->fd_count == 1 &&
	    fstat(n->fds[0], &st) == 0) {
		n->fds[0] = hostile_flip(n->fds[0],
		    (uint64_t)st.st_size - 1);
		hostile_say(h, "forged");
	}
	return true;
}

/* Bytes of a body that are not those that the tables sign. */
static bool
forge_bodies(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct stat st;

	if (is_ask(peer, way, n, SPOOL_RX_PUT) && n->fd_count == 1 &&
	    fstat(n->fds[0], &st) == 0) {
		n->fds[0] = hostile_flip(n->fds[0],
		    (uint64_t)st.st_size - 1);
		hostile_say(h, "forged");
	}
	return true;
}

/* Yesterday's header again, before and after today's. */
static bool
replay(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct spool_rx rx;

	if (way == ANSWER) {
		if (hostile_get(n, &rx, sizeof(rx)))
			hostile_say(h, "replayed: err %d, state %u", rx.err,
			    rx.state);
		return false;
	}
	if (!is_ask(peer, way, n, SPOOL_RX_BEGIN))
		return true;
	if (!mem.has_first) {
		mem.has_first = true;
		memcpy(mem.first.body, n->body, n->len);
		mem.first.len = n->len;
	} else {
		hostile_ask(h, PROC_SPOOL, SPOOL_RX_BEGIN, mem.first.body,
		    mem.first.len, -1);
	}
	return true;
}

/* --- sender ------------------------------------------------------------- */

/* The peer is said to have all of it. */
static bool
forge_ack(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct spool_tx_ack ack;

	if (peer == PROC_SPOOL && way == FROM_PEER &&
	    n->type == (SPOOL_TX_ACK | IPC_REPLY))
		hostile_say(h, "answered: err %d", hostile_err(n));
	if (!is_ask(peer, way, n, SPOOL_TX_ACK) ||
	    !hostile_get(n, &ack, sizeof(ack)))
		return true;
	ack.bytes[ACK_COUNTER_END]++;
	memset(ack.bytes + ACK_BITS, 0xff, ACK_WINDOW / 8);
	hostile_set(n, &ack, sizeof(ack));
	return true;
}

static const struct hostile_case cases[] = {
	{"forge-header", forge_header},
	{"forge-tables", forge_tables},
	{"forge-bodies", forge_bodies},
	{"replay", replay},
	{"forge-ack", forge_ack},
};

const struct hostile_kind hostile_link = {
	.procs = 1u << PROC_LINK,
	.cases = cases,
	.case_count = COUNT(cases),
	.reset = link_reset,
};
