/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_STAGE_H
#define GATEWAYD_COURIER_STAGE_H

#include <limits.h>

#include "proto/parcel/manifest.h"
#include "proto/record/reason.h"

#include "gatewayd/courier/courier.h"
#include "gatewayd/courier/fetch.h"
#include "gatewayd/courier/group.h"

/*
 * Staging of one transfer: .gw/out/ID/ holds one object, the file or folder
 * that one rename will publish, and TARGET, where it goes.  The object is
 * whole and durable before stage_end returns GW_OK.
 */
#define STAGE_TARGET_NAME ".to"
#define STAGE_SYNC_MAX GROUP_SYNCFS_MIN

struct stage {
	struct courier *c;
	char hex[33];
	int fd;			/* of .gw/out/ID */
	bool is_set;
	uint32_t file_mode;
	char object[NAME_MAX + 1];
	/* Folders made, for their fsync and mode; the object first. */
	char **dirs;
	size_t dir_count, dir_room, dir_ready;
	int last_fd;		/* folder of the file before */
	char last_dir[PATH_MAX];
	/* Files written and not yet synced; of many, none is kept open. */
	int files[STAGE_SYNC_MAX];
	size_t file_count;
	/* The file being written. */
	int file_fd;
	struct body_reader *reader;
	struct sha256 *hash;
	uint64_t off;
};

void stage_init(struct stage *, struct courier *, const uint8_t id[16]);
void stage_clear(struct stage *);

/*
 * Is there a staged object of this transfer?  GW_OK: its name is in object,
 * and it is whole if DELIVERING was committed.  GW_ENOENT: none.
 */
GW_MUST_CHECK enum gw_err stage_find(struct stage *);

/* Begin anew; what an earlier try left is removed (GW_EAGAIN: go on). */
GW_MUST_CHECK enum gw_err stage_begin(struct stage *,
    const struct manifest_top *, uint32_t file_mode);

/*
 * Write one file of the manifest, in slices: GW_EAGAIN: more is left.
 * *reason_out: DAMAGED or MANIFEST_MISMATCH when the content is at fault.
 */
GW_MUST_CHECK enum gw_err stage_file(struct stage *,
    const struct manifest_file *, const struct fetch_body *, int fd,
    enum reason *reason_out);

/* All files are there: give the folders their modes, in slices. */
GW_MUST_CHECK enum gw_err stage_end(struct stage *);

/*
 * Make all of it durable by itself.  stage_weight: how many fsyncs that
 * takes; the caller may do it for many transfers at once (group_syncfs).
 */
size_t stage_weight(const struct stage *);
GW_MUST_CHECK enum gw_err stage_sync(struct stage *);

/*
 * Note where the object goes, before it goes there (read after a crash by
 * the ledger only), and read it back; "" if it is not known.
 */
void stage_put_target(struct stage *, const char *path);
void stage_get_target(struct stage *, char *out, size_t size);

/* Remove all of it; GW_EAGAIN: more is left. */
GW_MUST_CHECK enum gw_err stage_remove(struct stage *);

/* The name a file or folder gets on disk: one component. */
void stage_name(const char *raw, size_t raw_len, const char *shown,
    size_t shown_len, enum manifest_charset, char out[NAME_MAX + 1]);

#endif
