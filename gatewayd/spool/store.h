/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_STORE_H
#define GATEWAYD_SPOOL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "gatewayd/spool/catalog.h"

/*
 * The bytes: packs/ holds append-only files that many small objects share,
 * bodies/XX/ files of one object each, incoming/ such files until the
 * commit that names them.  Small is up to STORE_SMALL_MAX.
 *
 * Nothing here is durable before store_sync; the catalogue's commit follows
 * it.  What a crash leaves: pack bytes behind the committed size (cut at
 * start), files in incoming/ (kept if the catalogue names them).
 */
#define STORE_SMALL_MAX (BODY_SMALL_MAX + BODY_ENTRY_LEN)
#define STORE_PACK_MAX (256u << 20)

struct store;

/*
 * dirfd: the spool's directory, borrowed.  Makes the folders, opens the
 * packs that the catalogue calls open and cuts what lies behind their size.
 */
GW_MUST_CHECK enum gw_err store_open(int dirfd, struct catalog *,
    struct gate *, struct store **out);
void store_close(struct store *);

/*
 * Append len bytes at off of fd to the open pack of the bucket.
 * *place_out: where they lie.  The pack stays until each of its objects was
 * either kept (a row in the open transaction names it: counted there, for
 * store_unkeep to count down) or forgotten.
 */
GW_MUST_CHECK enum gw_err store_put(struct store *, uint32_t bucket, int fd,
    uint64_t off, uint64_t len, struct place *place_out);
void store_keep(struct store *, const struct place *);
void store_forget(struct store *, const struct place *);
void store_unkeep(struct store *, const struct place *);

/* Read an object of a pack whole.  GW_EIO, GW_ETRUNC: damaged. */
GW_MUST_CHECK enum gw_err store_get(struct store *, const struct place *,
    void *out);

/* A file of its own in incoming/, allocated; *fd_out for writing. */
GW_MUST_CHECK enum gw_err store_create(struct store *, const uint8_t id[16],
    uint64_t len, int *fd_out);
/* The same file again, after an interruption. */
GW_MUST_CHECK enum gw_err store_resume(struct store *, const uint8_t id[16],
    int *fd_out);
/* A file for reading, wherever it is. */
GW_MUST_CHECK enum gw_err store_file(struct store *, const uint8_t id[16],
    int *fd_out);

/* To be synced with the next store_sync. */
void store_touch(struct store *, const uint8_t id[16]);

/*
 * Make all that was put and touched durable: files, packs, directories.
 * After an error nothing may be accepted: it is never tried again.
 */
GW_MUST_CHECK enum gw_err store_sync(struct store *);

/* Note sizes of packs in the open transaction; call it before a commit. */
void store_note(struct store *);

/*
 * After the commit: move a file out of incoming/, remove one, remove a pack
 * if nothing in it is wanted any more (next commit forgets it).
 */
void store_settle(struct store *, const uint8_t id[16]);
void store_remove(struct store *, const uint8_t id[16]);
void store_reap(struct store *, uint32_t pack);

/*
 * Close open packs that hold nothing wanted, if they are worth it: fn is
 * called for each; it goes with store_reap after the next commit.
 */
typedef void store_pack_fn(void *arg, uint32_t pack);
void store_retire(struct store *, uint64_t now_mono_ms, store_pack_fn *,
    void *arg);

/*
 * At start: settle or remove what a crash left in incoming/, and packs
 * that no commit knows.  Cost: what was in flight.
 */
GW_MUST_CHECK enum gw_err store_recover(struct store *);

/* Space of the file system below the spool. */
GW_MUST_CHECK enum gw_err store_space(struct store *, uint64_t *total_out,
    uint64_t *free_out);

/* Make the ballast file of that size, or give it up. */
GW_MUST_CHECK enum gw_err store_ballast(struct store *, uint64_t size);
void store_drop_ballast(struct store *);

#endif
