/* SPDX-License-Identifier: ISC */
#include <sys/random.h>
#include <sys/stat.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"

#include "gatewayd/spool/vfs.h"

struct vfs_file {
	sqlite3_file base;
	sqlite3_file *real;
};

static sqlite3_vfs *vfs_real;
static sqlite3_vfs vfs_shim;
static int vfs_dirfd = -1;

static sqlite3_file *
vfs_of(sqlite3_file *f)
{
	return ((struct vfs_file *)f)->real;
}

/* SQLite's code for an injected errno. */
static int
vfs_error(int number, int otherwise)
{
	return number == ENOSPC || number == EDQUOT ? SQLITE_FULL : otherwise;
}

static int
vfs_file_close(sqlite3_file *f)
{
	return vfs_of(f)->pMethods->xClose(vfs_of(f));
}

static int
vfs_file_read(sqlite3_file *f, void *buf, int n, sqlite3_int64 off)
{
	return vfs_of(f)->pMethods->xRead(vfs_of(f), buf, n, off);
}

static int
vfs_file_write(sqlite3_file *f, const void *buf, int n, sqlite3_int64 off)
{
	size_t len = (size_t)n;
	int number, rc;

	number = io_fault_point(IO_WRITE, -1, &len);
	if (number != 0)
		return vfs_error(number, SQLITE_IOERR_WRITE);
	if (len >= (size_t)n)
		return vfs_of(f)->pMethods->xWrite(vfs_of(f), buf, n, off);
	/* A torn write: part of it reaches the file, then the error. */
	rc = vfs_of(f)->pMethods->xWrite(vfs_of(f), buf, (int)len, off);
	return rc != SQLITE_OK ? rc : SQLITE_IOERR_WRITE;
}

static int
vfs_file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int number = io_fault_point(IO_TRUNCATE, -1, NULL);

	if (number != 0)
		return vfs_error(number, SQLITE_IOERR_TRUNCATE);
	return vfs_of(f)->pMethods->xTruncate(vfs_of(f), size);
}

static int
vfs_file_sync(sqlite3_file *f, int flags)
{
	if (io_fault_point(IO_FSYNC, -1, NULL) != 0)
		return SQLITE_IOERR_FSYNC;
	return vfs_of(f)->pMethods->xSync(vfs_of(f), flags);
}

static int
vfs_file_size(sqlite3_file *f, sqlite3_int64 *out)
{
	return vfs_of(f)->pMethods->xFileSize(vfs_of(f), out);
}

static int
vfs_file_lock(sqlite3_file *f, int level)
{
	return vfs_of(f)->pMethods->xLock(vfs_of(f), level);
}

static int
vfs_file_unlock(sqlite3_file *f, int level)
{
	return vfs_of(f)->pMethods->xUnlock(vfs_of(f), level);
}

static int
vfs_file_check_lock(sqlite3_file *f, int *out)
{
	return vfs_of(f)->pMethods->xCheckReservedLock(vfs_of(f), out);
}

static int
vfs_file_control(sqlite3_file *f, int op, void *arg)
{
	return vfs_of(f)->pMethods->xFileControl(vfs_of(f), op, arg);
}

static int
vfs_file_sector(sqlite3_file *f)
{
	return vfs_of(f)->pMethods->xSectorSize(vfs_of(f));
}

static int
vfs_file_traits(sqlite3_file *f)
{
	return vfs_of(f)->pMethods->xDeviceCharacteristics(vfs_of(f));
}

/* Version 1: no shared memory, which locking_mode=EXCLUSIVE does without. */
static const sqlite3_io_methods vfs_methods = {
	.iVersion = 1,
	.xClose = vfs_file_close,
	.xRead = vfs_file_read,
	.xWrite = vfs_file_write,
	.xTruncate = vfs_file_truncate,
	.xSync = vfs_file_sync,
	.xFileSize = vfs_file_size,
	.xLock = vfs_file_lock,
	.xUnlock = vfs_file_unlock,
	.xCheckReservedLock = vfs_file_check_lock,
	.xFileControl = vfs_file_control,
	.xSectorSize = vfs_file_sector,
	.xDeviceCharacteristics = vfs_file_traits,
};

static int
vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags,
    int *flags_out)
{
	struct vfs_file *file = (struct vfs_file *)f;
	int rc, number;

	(void)vfs;
	file->base.pMethods = NULL;
	/* Temporary tables stay in memory: no other file is ever opened. */
	if (name == NULL)
		return SQLITE_CANTOPEN;
	number = io_fault_point(IO_OPEN, -1, NULL);
	if (number != 0)
		return vfs_error(number, SQLITE_CANTOPEN);
	file->real = (sqlite3_file *)(file + 1);
	rc = vfs_real->xOpen(vfs_real, name, file->real, flags, flags_out);
	if (file->real->pMethods != NULL)
		file->base.pMethods = &vfs_methods;
	return rc;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	enum gw_err err;

	(void)vfs;
	err = io_unlinkat(vfs_dirfd, name, false);
	if (err == GW_ENOENT)
		return SQLITE_IOERR_DELETE_NOENT;
	if (err != GW_OK)
		return SQLITE_IOERR_DELETE;
	if (sync_dir && io_fsync(vfs_dirfd) != GW_OK)
		return SQLITE_IOERR_DIR_FSYNC;
	return SQLITE_OK;
}

static int
vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	struct stat st;
	enum gw_err err;

	(void)vfs;
	err = io_statat(vfs_dirfd, name, &st);
	if (err != GW_OK && err != GW_ENOENT)
		return SQLITE_IOERR_ACCESS;
	/* An empty journal counts as none, as in the real VFS. */
	*out = err == GW_OK && (flags != SQLITE_ACCESS_EXISTS || st.st_size > 0);
	return SQLITE_OK;
}

static int
vfs_full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	int n;

	(void)vfs;
	n = snprintf(out, (size_t)size, "%s", name);
	return n < 0 || n >= size ? SQLITE_CANTOPEN : SQLITE_OK;
}

static int
vfs_random(sqlite3_vfs *vfs, int size, char *out)
{
	ssize_t n = getrandom(out, (size_t)size, 0);

	(void)vfs;
	if (n < 0)
		log_fatal("getrandom: %s", strerror(errno));
	return (int)n;
}

void
vfs_init(int dirfd)
{
	vfs_dirfd = dirfd;
	if (vfs_real != NULL)
		return;
	if (sqlite3_initialize() != SQLITE_OK ||
	    (vfs_real = sqlite3_vfs_find(NULL)) == NULL)
		log_fatal("sqlite: cannot be initialized");
	vfs_shim = *vfs_real;
	vfs_shim.zName = VFS_NAME;
	vfs_shim.szOsFile = (int)sizeof(struct vfs_file) + vfs_real->szOsFile;
	vfs_shim.pNext = NULL;
	vfs_shim.xOpen = vfs_open;
	vfs_shim.xDelete = vfs_delete;
	vfs_shim.xAccess = vfs_access;
	vfs_shim.xFullPathname = vfs_full_name;
	vfs_shim.xRandomness = vfs_random;
	if (sqlite3_vfs_register(&vfs_shim, 0) != SQLITE_OK)
		log_fatal("sqlite: cannot register the VFS");
}
