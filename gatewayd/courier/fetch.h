/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_FETCH_H
#define GATEWAYD_COURIER_FETCH_H

#include "proto/ipc/spool.h"

#include "gatewayd/courier/courier.h"

/*
 * Bodies of a transfer with their keys, a batch at a time: keys and spool
 * are asked together, and what they say of each body must agree.
 */
struct fetch;

enum fetch_right {
	FETCH_VIEW,	/* the manifest, for its names */
	FETCH_RELEASE	/* any body, after a GO decision */
};

struct fetch_body {
	struct keys_grant grant;
	uint64_t offset;	/* of its stored form in fd */
};

/* A batch that came; freed with fetch_free. */
struct fetch {
	struct courier *c;
	void (*fn)(void *arg, struct fetch *);
	void *arg;
	enum gw_err err;	/* not GW_OK: nothing else is set */
	uint16_t reason;
	uint32_t first, count;
	uint32_t asked;
	int fd;			/* stored forms; -1 if err */
	struct ipc_body bodies[IPC_BATCH_MAX];
	struct fetch_body *list;
	uint32_t grants;
	bool has_bodies, has_grants;
	struct key_ref transfer;
	enum fetch_right right;
	struct ev_timer *timer;	/* keys is busy with this transfer */
	unsigned tries;
};

/*
 * Ask for bodies first .. first + max - 1; the batch may hold fewer.  fn is
 * called once, later, and then owns the batch.
 */
struct fetch *fetch_new(struct courier *, const struct key_ref *transfer,
    enum fetch_right, uint32_t first, uint32_t max,
    void (*fn)(void *arg, struct fetch *), void *arg);

/* Also while it is under way. */
void fetch_free(struct fetch *);

/*
 * The plaintext of the manifest in a batch that begins with it: *out is
 * malloced (mem_free_secret), cut to its length.
 */
GW_MUST_CHECK enum gw_err fetch_manifest(const struct fetch *, uint8_t **out,
    size_t *len_out);

#endif
