/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_LINK_INBOUND_OWN_H
#define GATEWAYD_LINK_INBOUND_OWN_H

#include "proto/parcel/body.h"
#include "proto/parcel/tables.h"
#include "gatewayd/link/inbound.h"

/* Shared by inbound.c (parcels) and inbound_body.c (their bodies). */

#define INBOUND_PARCELS    (2 * FRAME_OPEN_MAX) /* ended ones wait for spool */
#define INBOUND_PUT_BYTES  (2u << 20) /* of small bodies handed over at once */
#define INBOUND_PROGRESS   64         /* chunks between two reports: 16 MiB */
#define INBOUND_AHEAD      2   /* files asked for before their bodies come */
#define INBOUND_CALLS_HIGH 128 /* spool is behind: stop reading */
#define INBOUND_CALLS_LOW  64

/* Small bodies gathered for one SPOOL_RX_PUT. */
struct put {
	int fd;
	uint64_t bytes;
	uint32_t count;
	struct ipc_body bodies[IPC_BATCH_MAX];
};

/* A file that spool was asked for, for a body of more than one chunk. */
enum file_state { FILE_FREE, FILE_ASKED, FILE_THERE, FILE_HAD };
struct file {
	struct rx *r;
	enum file_state state;
	uint32_t index;
	int fd; /* FILE_THERE */
};

/* The body of more than one chunk that is coming in. */
struct large {
	bool is_active;
	bool is_damaged; /* passed over */
	bool is_had;     /* spool has it from an earlier connection */
	uint32_t index;
	struct body_record record;
	uint8_t *table;
	uint64_t count; /* chunks */
	uint64_t got;   /* entries of the table that have come */
	bool has_start;
	uint64_t chunk; /* the next to come */
	int fd;
};

enum rx_known { RX_ASKED, RX_TAKES, RX_SKIPS };

struct rx {
	struct inbound *in;
	bool is_used, is_ended, has_tables, wants_tables;
	enum rx_known known;
	uint64_t seq;
	uint8_t rx_id[16];
	uint32_t had_bodies, had_chunks; /* durable when spool was asked */
	struct parcel_header header;
	struct parcel_layout layout;
	int object_fd;
	size_t object_got;
	uint8_t *object;  /* mapped once it is whole */
	uint32_t pending; /* spool requests not yet answered */
	struct put put;
	struct large large;
	struct file files[INBOUND_AHEAD];
	uint32_t next_file; /* body from which to look for the next */
};

struct inbound {
	struct link_env *env;
	struct conn *conn; /* NULL once it has ended */
	const struct inbound_channel *channel;
	uint8_t sender_key_id[16];
	struct rx rx[INBOUND_PARCELS];
	uint32_t calls;
	inbound_left_fn *on_left;
	void *arg;
};

/* --- inbound.c ----------------------------------------------------- */

void inbound_pause(struct inbound *);

/* Ask spool about a parcel; arg: the parcel, or one of its files. */
void inbound_ask(struct rx *, uint16_t type, const void *fixed, size_t len,
    const struct ipc_body *elems, uint32_t count, int fd, link_answer_fn *,
    void *arg);

/*
 * An answer came: nothing of the parcel may be touched after this.  ENOENT:
 * spool has given the parcel up, so the rest of it is skipped.
 */
void inbound_answered(struct rx *, enum gw_err err);
void inbound_got_status(void *rx, struct ipc_msg *);

/* --- inbound_body.c ------------------------------------------------ */

enum inbound_took inbound_small(
    struct rx *, const uint8_t *, size_t, const char **why);
enum inbound_took inbound_table(
    struct rx *, const uint8_t *, size_t, const char **why);
enum inbound_took inbound_chunk(
    struct rx *, const uint8_t *, size_t, const char **why);

/* Hand the small bodies gathered so far to spool, if it wants them. */
void inbound_put(struct rx *);

/* Ask for the files of the large bodies that come next. */
void inbound_look_ahead(struct rx *);

void inbound_bodies_clear(struct rx *);

#endif
