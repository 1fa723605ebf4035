/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_DESK_ROWS_H
#define GATEWAYD_DESK_ROWS_H

#include "proto/ipc/keys.h"
#include "proto/ipc/spool.h"
#include "proto/parcel/manifest.h"

#include "gatewayd/desk/conn.h"

/* Rows of a transfer as people and programs read them. */

/* names: "shown", "hidden", "unavailable", or NULL if not asked for. */
void rows_put_transfer(struct conn *, const struct spool_row *,
    const char *names, bool is_whole);

/* file: NULL where names are not shown. */
void rows_put_file(struct conn *, uint32_t index,
    const struct keys_body_info *, const struct manifest_file *file);
void rows_put_step(struct conn *, const struct spool_step *);

#endif
