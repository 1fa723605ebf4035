/* SPDX-License-Identifier: ISC */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/*
 * Memory.  Out of memory is fatal (every size from outside was checked
 * against a named limit before), so none of these returns NULL.
 */
void *mem_alloc(size_t size);			/* zeroed */
void *mem_array(size_t count, size_t size);	/* zeroed, overflow checked */
void *mem_grow(void *, size_t count, size_t size); /* realloc of an array */
char *mem_strdup(const char *);
void mem_free(void *);

/* Clear, then free; for anything that held a secret.  NULL does nothing. */
void mem_free_secret(void *, size_t size);

/* explicit_bzero under our name. */
void mem_clear(void *, size_t size);

/* Constant-time equality of two secrets or MACs: 1 equal, 0 not. */
int mem_equal(const void *, const void *, size_t size);

/*
 * Copy a string into a fixed field: always NUL padded to dst_size, cut
 * where it does not fit.  Returns 1 if all of it fitted, else 0.
 */
int mem_put_str(char *dst, size_t dst_size, const char *src);

#endif
