/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_VFS_H
#define GATEWAYD_SPOOL_VFS_H

/*
 * Thin shim over SQLite's default VFS, for two reasons.  Every mutating
 * call passes through base/io's hook, so that fault tests number it; and no
 * call names a path that the sandbox does not allow: names are relative to
 * the working directory, which is the spool's, and are looked up, removed
 * and made absolute without readlink, getcwd or access.
 *
 * dirfd: the spool's directory, borrowed for the life of the process.
 */
void vfs_init(int dirfd);

#define VFS_NAME "spool"

#endif
