/* SPDX-License-Identifier: ISC */
#ifndef BASE_RD_H
#define BASE_RD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Read cursor over bytes from outside, the one way to take bytes in.  A
 * cursor borrows its bytes.  Integers are big-endian.  Every call either
 * succeeds or returns GW_ETRUNC and leaves the cursor and *out untouched.
 */
struct rd {
	const uint8_t *p;
	size_t left;
};

void rd_init(struct rd *, const void *, size_t);
size_t rd_left(const struct rd *);
GW_MUST_CHECK enum gw_err rd_u8(struct rd *, uint8_t *out);
GW_MUST_CHECK enum gw_err rd_u16(struct rd *, uint16_t *out);
GW_MUST_CHECK enum gw_err rd_u32(struct rd *, uint32_t *out);
GW_MUST_CHECK enum gw_err rd_u64(struct rd *, uint64_t *out);
GW_MUST_CHECK enum gw_err rd_copy(struct rd *, void *out, size_t);
GW_MUST_CHECK enum gw_err rd_skip(struct rd *, size_t);

/* Borrow the next n bytes. */
GW_MUST_CHECK enum gw_err rd_span(struct rd *, size_t n, const uint8_t **out);

/* Sub-cursor over the next n bytes; the outer cursor moves past them. */
GW_MUST_CHECK enum gw_err rd_sub(struct rd *, size_t n, struct rd *out);

/* n bytes that must all be zero, else GW_EFORMAT (reserved fields). */
GW_MUST_CHECK enum gw_err rd_zero(struct rd *, size_t n);

/* GW_EFORMAT if anything is left. */
GW_MUST_CHECK enum gw_err rd_end(const struct rd *);

#endif
