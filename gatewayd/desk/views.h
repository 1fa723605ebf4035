/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_DESK_VIEWS_H
#define GATEWAYD_DESK_VIEWS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Manifests that a person was shown lately.  Looking at the names of a
 * transfer is an entry of the log; who looks again within ten minutes (a
 * list that is refreshed) is looking still, and gets them from here.  Only
 * for the same uid, only small manifests, bounded, cleared when dropped.
 */
#define VIEWS_KEEP_MS 600000
#define VIEWS_BYTES_MAX (16u << 20)
#define VIEWS_ONE_MAX (256u << 10)

struct views;
struct view;

struct views *views_new(void);
void views_free(struct views *);

/* The manifest as it was shown; NULL if it was not.  Release it. */
struct view *views_get(struct views *, uint32_t uid,
    const uint8_t transfer_id[16], const char *number);
void views_release(struct view *);	/* NULL does nothing */
const uint8_t *views_bytes(const struct view *, size_t *len_out);

/* Remember a copy; larger ones are not kept. */
void views_add(struct views *, uint32_t uid, const uint8_t transfer_id[16],
    const char *number, const uint8_t *manifest, size_t len);

/* Forget what is over its time. */
void views_expire(struct views *);

#endif
