/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_TREE_H
#define GATEWAYD_COURIER_TREE_H

#include <sys/stat.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What courier does with folders beyond base/io. */

#define TREE_HEX_LEN 33
void tree_hex(const uint8_t id[16], char out[TREE_HEX_LEN]);
bool tree_unhex(const char *, uint8_t id_out[16]);

/* A folder beneath dirfd, open for reading. */
GW_MUST_CHECK enum gw_err tree_open_dir(int dirfd, const char *path,
    int *fd_out);

/*
 * Make a folder if it is not there, with exactly that mode; one that is there
 * keeps its owner and mode, which are the administrator's.  *made_out (may be
 * NULL): it was made.
 */
GW_MUST_CHECK enum gw_err tree_make_dir(int dirfd, const char *path,
    mode_t mode, bool *made_out);

/*
 * Call fn for every name in the folder but "." and "..", until it returns
 * something else than GW_OK, which is then returned.  fd is borrowed.
 */
typedef enum gw_err tree_name_fn(void *arg, const char *name);
GW_MUST_CHECK enum gw_err tree_list(int fd, tree_name_fn *, void *arg);

/*
 * Remove a file or a folder with all that is in it, at most *budget names;
 * GW_EAGAIN: more is left.  What is not there is GW_OK.
 */
GW_MUST_CHECK enum gw_err tree_remove(int dirfd, const char *name,
    int *budget);

/*
 * What an entry looks like from outside; differs when anything in it was
 * added, removed, or written.  Looks at no more than max names.
 */
struct tree_look {
	uint64_t digest;
	bool is_dir, is_plain;	/* a folder; a regular file */
	uint64_t ino;
};
GW_MUST_CHECK enum gw_err tree_look(int dirfd, const char *name, unsigned max,
    struct tree_look *out);

/* What tells that a file is the same, and unchanged. */
struct tree_mark {
	uint64_t dev, ino, size;
	struct timespec mtime, ctime;
};
void tree_mark(const struct stat *, struct tree_mark *out);
bool tree_is_same(const struct tree_mark *, const struct stat *);

/* "a/b" into out; false if it does not fit. */
bool tree_join(char *out, size_t size, const char *a, const char *b);

#endif
