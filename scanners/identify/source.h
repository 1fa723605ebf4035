/* SPDX-License-Identifier: ISC */
#ifndef SCANNERS_IDENTIFY_SOURCE_H
#define SCANNERS_IDENTIFY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * A file as identify looks at it: its beginning and its end in memory, the
 * rest by offset.
 */
#define SOURCE_HEAD (64u << 10)
#define SOURCE_TAIL (66u << 10)	/* a zip's end record with its comment */

struct source {
	/* Up to len bytes at off; *got_out less than len only at the end. */
	enum gw_err (*read)(void *arg, void *buf, size_t len, uint64_t off,
	    size_t *got_out);
	void *arg;
	uint64_t size;
	enum gw_err err;	/* first failed read */
	size_t head_len, tail_len;
	uint64_t tail_off;
	uint8_t head[SOURCE_HEAD + 1];	/* a NUL behind what is there */
	uint8_t tail[SOURCE_TAIL + 1];
};

/* read, arg and size are set: fill the rest.  False if it cannot be read. */
bool source_load(struct source *);

/* All of len bytes at off; false if there are not as many. */
bool source_get(struct source *, void *buf, size_t len, uint64_t off);

/* Are these bytes at off (within the first SOURCE_HEAD)? */
bool source_is(const struct source *, size_t off, const void *bytes,
    size_t len);

uint16_t source_le16(const uint8_t *);
uint32_t source_le32(const uint8_t *);
uint64_t source_le64(const uint8_t *);
uint32_t source_be32(const uint8_t *);

#endif
