/* SPDX-License-Identifier: ISC */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <sys/stat.h>
#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * All file input and output.  Paths are relative to a directory fd and are
 * resolved beneath it without following any symbolic link.  EINTR and short
 * transfers are handled inside.  A failed fsync or close is never retried
 * and always GW_EIO, whatever errno said, so that no caller retries it for
 * its class.  A path that leads out or over a link is GW_EDENIED.
 * Every mutating call passes through one numbered hook, which is where the
 * fault tests kill the process or inject an error.
 */

enum io_op {
	IO_OPEN, IO_WRITE, IO_FSYNC, IO_RENAME, IO_UNLINK, IO_MKDIR,
	IO_TRUNCATE, IO_ALLOCATE, IO_CLOSE, IO_READ, IO_CHOWN, IO_LINK
};

/*
 * Test hook, called before each operation (reads included).  Returns 0 to
 * go on or an errno value to fail with; it may also kill the process.  For
 * IO_WRITE *len may be lowered to tear the write, which is then reported as
 * EIO after the shortened part was written.  NULL removes the hook.
 */
typedef int io_hook_fn(void *arg, enum io_op, int fd, size_t *len);
void io_set_hook(io_hook_fn *, void *arg);

/*
 * Pass one operation that a library makes by itself (SQLite's VFS) through
 * the hook, so that fault tests number it too.  As the hook: 0 or an errno.
 */
int io_fault_point(enum io_op, int fd, size_t *len);

/*
 * Open path beneath dirfd (openat2, no symlinks); O_CLOEXEC is implied.
 * A FIFO without a writer blocks unless flags has O_NONBLOCK.
 */
GW_MUST_CHECK enum gw_err io_openat(int dirfd, const char *path, int flags,
    mode_t mode, int *fd_out);

/* Open a directory by absolute path (start-up code only). */
GW_MUST_CHECK enum gw_err io_open_dir(const char *path, int *fd_out);

GW_MUST_CHECK enum gw_err io_mkdirat(int dirfd, const char *, mode_t);
GW_MUST_CHECK enum gw_err io_read_full(int fd, void *, size_t); /* or GW_ETRUNC */
GW_MUST_CHECK enum gw_err io_read_some(int fd, void *, size_t, size_t *got_out);
GW_MUST_CHECK enum gw_err io_pread_full(int fd, void *, size_t, uint64_t off);
GW_MUST_CHECK enum gw_err io_write_full(int fd, const void *, size_t);
GW_MUST_CHECK enum gw_err io_pwrite_full(int fd, const void *, size_t,
    uint64_t off);
GW_MUST_CHECK enum gw_err io_fsync(int fd);
GW_MUST_CHECK enum gw_err io_fdatasync(int fd);
/* Everything on the file system of fd, where that is cheaper than each. */
GW_MUST_CHECK enum gw_err io_syncfs(int fd);
GW_MUST_CHECK enum gw_err io_allocate(int fd, uint64_t size);
GW_MUST_CHECK enum gw_err io_truncate(int fd, uint64_t size);

/* Rename; noreplace: GW_EEXIST if the new name is taken. */
GW_MUST_CHECK enum gw_err io_renameat(int olddir, const char *oldname,
    int newdir, const char *newname, bool noreplace);
GW_MUST_CHECK enum gw_err io_unlinkat(int dirfd, const char *, bool is_dir);
GW_MUST_CHECK enum gw_err io_chown(int fd, uid_t, gid_t);
GW_MUST_CHECK enum gw_err io_stat(int fd, struct stat *out);
GW_MUST_CHECK enum gw_err io_statat(int dirfd, const char *, struct stat *out);

/* Close a written file; its error means the data may be lost. */
GW_MUST_CHECK enum gw_err io_close(int *fd);

/* Close without an opinion (readers, clean-up); sets *fd to -1. */
void io_drop(int *fd);

/*
 * Sealed memory file.  io_memfd makes one, the caller writes it, io_seal
 * forbids every later change; io_check_sealed verifies the seals of an fd
 * that came from a sibling and returns its size (GW_EPROTO if not sealed).
 */
GW_MUST_CHECK enum gw_err io_memfd(const char *name, int *fd_out);
GW_MUST_CHECK enum gw_err io_seal(int fd);
GW_MUST_CHECK enum gw_err io_check_sealed(int fd, uint64_t *size_out);

/*
 * Write a small file whole: temporary name, fsync, rename over, fsync of
 * the directory.  After GW_OK the new content survives a crash; after an
 * error the old content is still there.  mode is set whatever the umask.
 * dirfd must be open for reading (not O_PATH); uses the name ".NAME.new".
 * One writer per name at a time.
 */
GW_MUST_CHECK enum gw_err io_replace_file(int dirfd, const char *name,
    const void *, size_t, mode_t);

/*
 * Read a small regular file whole; *out is malloced (mem_free) and has a
 * NUL behind its *len_out bytes.  GW_ELIMIT if longer than limit bytes,
 * GW_EFORMAT if not a regular file.
 */
GW_MUST_CHECK enum gw_err io_load_file(int dirfd, const char *name,
    size_t limit, uint8_t **out, size_t *len_out);

#endif
