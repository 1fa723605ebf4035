/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/buf.h"

#define BUF_FIRST_SIZE 256

void
buf_init(struct buf *b, size_t limit)
{
	*b = (struct buf){.limit = limit};
}

void
buf_clear(struct buf *b)
{
	mem_free_secret(b->data, b->cap);
	buf_init(b, b->limit);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = 0;
}

int
buf_ok(const struct buf *b)
{
	return !b->failed;
}

/*
 * Make room for n more bytes.  The old memory is cleared when it moves, as
 * a buffer may hold a key and realloc would leave a copy behind.
 */
static int
buf_room(struct buf *b, size_t n)
{
	uint8_t *data;
	size_t cap;

	if (b->failed || n > b->limit - b->len) {
		b->failed = 1;
		return 0;
	}
	if (n <= b->cap - b->len)
		return 1;
	cap = b->cap < BUF_FIRST_SIZE ? BUF_FIRST_SIZE : b->cap;
	while (cap < b->len + n)
		cap = cap > b->limit / 2 ? b->limit : cap * 2;
	if (cap > b->limit)
		cap = b->limit;
	data = mem_alloc(cap);
	if (b->len > 0)
		memcpy(data, b->data, b->len);
	mem_free_secret(b->data, b->cap);
	b->data = data;
	b->cap = cap;
	return 1;
}

uint8_t *
buf_reserve(struct buf *b, size_t n)
{
	uint8_t *p;

	/* data is still NULL for an empty reservation in a fresh buffer. */
	if (!buf_room(b, n) || (b->data == NULL && !buf_room(b, 1)))
		return NULL;
	p = b->data + b->len;
	b->len += n;
	return p;
}

void
buf_put(struct buf *b, const void *src, size_t n)
{
	if (n == 0 || !buf_room(b, n))
		return;
	memcpy(b->data + b->len, src, n);
	b->len += n;
}

static void
buf_put_be(struct buf *b, uint64_t value, size_t size)
{
	uint8_t bytes[8];
	size_t i;

	for (i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
	buf_put(b, bytes, size);
}

void
buf_put_u8(struct buf *b, uint8_t value)
{
	buf_put_be(b, value, 1);
}

void
buf_put_u16(struct buf *b, uint16_t value)
{
	buf_put_be(b, value, 2);
}

void
buf_put_u32(struct buf *b, uint32_t value)
{
	buf_put_be(b, value, 4);
}

void
buf_put_u64(struct buf *b, uint64_t value)
{
	buf_put_be(b, value, 8);
}

void
buf_put_zero(struct buf *b, size_t n)
{
	if (n == 0 || !buf_room(b, n))
		return;
	memset(b->data + b->len, 0, n);
	b->len += n;
}

void
buf_put_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		log_fatal("out of memory: formatting text");
	buf_put(b, text, (size_t)n);
	mem_free_secret(text, (size_t)n);
}

void
buf_consume(struct buf *b, size_t n)
{
	if (n > b->len)
		log_panic("buf_consume: %zu of %zu bytes", n, b->len);
	b->len -= n;
	if (n > 0 && b->len > 0)
		memmove(b->data, b->data + n, b->len);
}
