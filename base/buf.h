/* SPDX-License-Identifier: ISC */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

/*
 * Growing byte buffer, the one way to build bytes.  Integers are written
 * big-endian.  A buffer has a hard limit; writing past it marks the buffer
 * failed and later writes do nothing: check buf_ok once at the end.
 */
struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t limit;
	int failed;
};

void buf_init(struct buf *, size_t limit); /* caller's storage */
void buf_clear(struct buf *);		   /* zero, free, re-init */
void buf_reset(struct buf *);		   /* empty, keeps memory */
int buf_ok(const struct buf *);

void buf_put(struct buf *, const void *, size_t);
void buf_put_u8(struct buf *, uint8_t);
void buf_put_u16(struct buf *, uint16_t);
void buf_put_u32(struct buf *, uint32_t);
void buf_put_u64(struct buf *, uint64_t);
void buf_put_zero(struct buf *, size_t);
void buf_put_str(struct buf *, const char *); /* bytes without the NUL */
void buf_printf(struct buf *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Reserve n bytes at the end and return where they start; NULL if failed. */
uint8_t *buf_reserve(struct buf *, size_t n);

/* Drop the first n bytes; n <= len. */
void buf_consume(struct buf *, size_t n);

#endif
