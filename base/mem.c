/* SPDX-License-Identifier: ISC */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

void *
mem_alloc(size_t size)
{
	return mem_array(1, size);
}

void *
mem_array(size_t count, size_t size)
{
	void *p;

	/* calloc(0) may return NULL, which callers take for failure. */
	if (count == 0 || size == 0)
		count = size = 1;
	p = calloc(count, size);
	if (p == NULL)
		log_fatal("out of memory: %zu x %zu bytes", count, size);
	return p;
}

void *
mem_grow(void *old, size_t count, size_t size)
{
	void *p;

	if (count == 0 || size == 0)
		count = size = 1;
	p = reallocarray(old, count, size);
	if (p == NULL)
		log_fatal("out of memory: %zu x %zu bytes", count, size);
	return p;
}

char *
mem_strdup(const char *s)
{
	size_t size = strlen(s) + 1;
	char *p = mem_alloc(size);

	memcpy(p, s, size);
	return p;
}

void
mem_free(void *p)
{
	free(p);
}

void
mem_free_secret(void *p, size_t size)
{
	if (p == NULL)
		return;
	mem_clear(p, size);
	free(p);
}

void
mem_clear(void *p, size_t size)
{
	if (size > 0)
		explicit_bzero(p, size);
}

int
mem_equal(const void *a, const void *b, size_t size)
{
	const volatile uint8_t *x = a;
	const volatile uint8_t *y = b;
	unsigned diff = 0;
	size_t i;

	for (i = 0; i < size; i++)
		diff |= (unsigned)(x[i] ^ y[i]);
	/* 0 - 1 borrows into bit 8 only when no bit differed. */
	return (int)(((diff - 1) >> 8) & 1);
}

int
mem_put_str(char *dst, size_t dst_size, const char *src)
{
	size_t len = strnlen(src, dst_size);
	int fits = len < dst_size;

	if (dst_size == 0)
		return 0;
	if (!fits)
		len = dst_size - 1;
	memcpy(dst, src, len);
	memset(dst + len, 0, dst_size - len);
	return fits;
}
