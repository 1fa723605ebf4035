/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_ENCRYPT_H
#define GATEWAYD_COURIER_ENCRYPT_H

#include "base/err.h"
#include "proto/ipc/keys.h"
#include "proto/record/reason.h"

#include "gatewayd/courier/courier.h"
#include "gatewayd/courier/tree.h"

/* From plaintext to stored bodies.  PROTOCOL.md, "Body". */

/*
 * Where a body's plaintext comes from: a file beneath dirfd that must still
 * be what it was when it was counted, or memory (the manifest).
 */
struct encrypt_source {
	int dirfd;
	const char *path;
	const struct tree_mark *mark;
	const uint8_t *bytes;	/* not NULL: memory */
	uint64_t size;
};

/*
 * Small bodies gathered in one memfd for SPOOL_BODY_PUT: at most
 * IPC_BATCH_MAX of them, and ENCRYPT_PUT_MAX bytes.
 */
#define ENCRYPT_PUT_MAX (4u << 20)
#define ENCRYPT_PLAIN_MAX (192u << 10)	/* larger ones get their own file */

struct encrypt_put {
	int fd;			/* -1: nothing gathered */
	uint64_t used;
	uint32_t count;
	struct ipc_body bodies[IPC_BATCH_MAX];
};

bool encrypt_is_small(uint64_t plain_len);
bool encrypt_put_fits(const struct encrypt_put *, uint64_t plain_len);

/*
 * Read and seal one small body into put.  sha256_out: of the plaintext.
 * *reason_out: what is wrong with the source (CHANGED_WHILE_READ,
 * UNREADABLE), else NONE and the error is ours.
 */
GW_MUST_CHECK enum gw_err encrypt_small(struct courier *,
    struct encrypt_put *, const struct encrypt_source *,
    const struct keys_body_made *, uint32_t index, uint8_t sha256_out[32],
    enum reason *reason_out);
void encrypt_put_clear(struct encrypt_put *);

/* One large body, in slices; the stored form goes to dst_fd (taken). */
struct encrypt;
GW_MUST_CHECK enum gw_err encrypt_open(const struct encrypt_source *,
    const struct keys_body_made *, uint32_t index, int dst_fd,
    struct encrypt **out, enum reason *reason_out);
void encrypt_free(struct encrypt *);

/* GW_EAGAIN: more is left.  GW_OK: body and sha256 are filled. */
GW_MUST_CHECK enum gw_err encrypt_step(struct encrypt *, struct courier *,
    struct ipc_body *body_out, uint8_t sha256_out[32],
    enum reason *reason_out);

#endif
