/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/io.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u /* Linux 6.3 */
#endif

#define IO_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)
#define IO_RESOLVE                                                             \
	(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

/*
 * openat2 with RESOLVE_BENEATH answers EAGAIN when a rename anywhere races
 * with a ".." in the path; openat2(2) says to try again.
 */
#define IO_OPEN_TRIES 128

static io_hook_fn *io_hook;
static void *io_hook_arg;

void
io_set_hook(io_hook_fn *fn, void *arg)
{
	io_hook = fn;
	io_hook_arg = arg;
}

static int
io_hooked(enum io_op op, int fd, size_t *len)
{
	size_t none = 0;

	if (io_hook == NULL)
		return 0;
	return io_hook(io_hook_arg, op, fd, len != NULL ? len : &none);
}

int
io_fault_point(enum io_op op, int fd, size_t *len)
{
	return io_hooked(op, fd, len);
}

static int
io_openat2(int dirfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {.resolve = IO_RESOLVE};
	int tries;
	long fd = -1;

	how.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC);
	if ((flags & O_PATH) == 0)
		how.flags |= O_NOCTTY;
	/* The kernel refuses a mode where no file can be made. */
	if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE)
		how.mode = mode & 07777;
	for (tries = 0; tries < IO_OPEN_TRIES; tries++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd != -1 || (errno != EINTR && errno != EAGAIN))
			break;
	}
	return (int)fd;
}

enum gw_err
io_openat(int dirfd, const char *path, int flags, mode_t mode, int *fd_out)
{
	int number, fd;

	number = io_hooked(IO_OPEN, dirfd, NULL);
	if (number != 0)
		return err_from_errno(number);
	fd = io_openat2(dirfd, path, flags, mode);
	if (fd == -1) {
		/* EXDEV: the path leads out of the directory. */
		return errno == EXDEV ? GW_EDENIED : err_from_errno(errno);
	}
	*fd_out = fd;
	return GW_OK;
}

enum gw_err
io_open_dir(const char *path, int *fd_out)
{
	int number, fd;

	if (path[0] != '/')
		return GW_EINVAL;
	number = io_hooked(IO_OPEN, -1, NULL);
	if (number != 0)
		return err_from_errno(number);
	do {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} while (fd == -1 && errno == EINTR);
	if (fd == -1)
		return err_from_errno(errno);
	*fd_out = fd;
	return GW_OK;
}

/*
 * mkdir, rename, unlink and stat have no RESOLVE flags: resolve the folder
 * part with openat2 and leave them the last name alone.
 */
struct io_place {
	int dirfd;
	int owned; /* -1 when dirfd is the caller's */
	const char *name;
};

static enum gw_err
io_place_open(int dirfd, const char *path, int flags, struct io_place *place)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	char folder[PATH_MAX];
	size_t len;

	place->dirfd = dirfd;
	place->owned = -1;
	place->name = name;
	if (name[0] == '\0' || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return GW_EINVAL;
	if (slash == NULL)
		return GW_OK;
	len = (size_t)(slash - path);
	if (len == 0)
		return GW_EDENIED; /* absolute */
	if (len >= sizeof(folder))
		return GW_ELIMIT;
	memcpy(folder, path, len);
	folder[len] = '\0';
	place->owned = io_openat2(dirfd, folder, flags | O_DIRECTORY, 0);
	if (place->owned == -1)
		return errno == EXDEV ? GW_EDENIED : err_from_errno(errno);
	place->dirfd = place->owned;
	return GW_OK;
}

static void
io_place_close(struct io_place *place)
{
	io_drop(&place->owned);
}

enum gw_err
io_mkdirat(int dirfd, const char *path, mode_t mode)
{
	struct io_place place;
	enum gw_err err;
	int number;

	err = io_place_open(dirfd, path, O_PATH, &place);
	if (err != GW_OK)
		return err;
	number = io_hooked(IO_MKDIR, place.dirfd, NULL);
	if (number == 0 && mkdirat(place.dirfd, place.name, mode) != 0)
		number = errno;
	io_place_close(&place);
	return err_from_errno(number);
}

enum gw_err
io_read_some(int fd, void *buf, size_t size, size_t *got_out)
{
	ssize_t n;
	int number;

	number = io_hooked(IO_READ, fd, &size);
	if (number != 0)
		return err_from_errno(number);
	do {
		n = read(fd, buf, size);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return err_from_errno(errno);
	*got_out = (size_t)n;
	return GW_OK;
}

/* off < 0: at the file position. */
static enum gw_err
io_read_loop(int fd, uint8_t *p, size_t size, off_t off)
{
	ssize_t n;
	int number;

	number = io_hooked(IO_READ, fd, NULL);
	if (number != 0)
		return err_from_errno(number);
	while (size > 0) {
		n = off < 0 ? read(fd, p, size) : pread(fd, p, size, off);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_from_errno(errno);
		if (n == 0)
			return GW_ETRUNC;
		p += n;
		size -= (size_t)n;
		if (off >= 0)
			off += n;
	}
	return GW_OK;
}

enum gw_err
io_read_full(int fd, void *buf, size_t size)
{
	return io_read_loop(fd, buf, size, -1);
}

enum gw_err
io_pread_full(int fd, void *buf, size_t size, uint64_t off)
{
	if (off > INT64_MAX || size > INT64_MAX - off)
		return GW_EINVAL;
	return io_read_loop(fd, buf, size, (off_t)off);
}

static enum gw_err
io_write_loop(int fd, const uint8_t *p, size_t size, off_t off)
{
	size_t left = size;
	ssize_t n;
	int number;

	number = io_hooked(IO_WRITE, fd, &left);
	if (number != 0)
		return err_from_errno(number);
	if (left > size)
		left = size;
	/* From here on a torn write is a shorter one that then fails. */
	number = left < size ? EIO : 0;
	while (left > 0) {
		n = off < 0 ? write(fd, p, left) : pwrite(fd, p, left, off);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_from_errno(errno);
		if (n == 0)
			return GW_EIO;
		p += n;
		left -= (size_t)n;
		if (off >= 0)
			off += n;
	}
	return err_from_errno(number);
}

enum gw_err
io_write_full(int fd, const void *buf, size_t size)
{
	return io_write_loop(fd, buf, size, -1);
}

enum gw_err
io_pwrite_full(int fd, const void *buf, size_t size, uint64_t off)
{
	if (off > INT64_MAX || size > INT64_MAX - off)
		return GW_EINVAL;
	return io_write_loop(fd, buf, size, (off_t)off);
}

/*
 * Whatever errno says, what was written may be lost and a second fsync
 * would report success without the data: never a class that is retried.
 */
static enum gw_err
io_sync(int fd, int (*sync)(int))
{
	if (io_hooked(IO_FSYNC, fd, NULL) != 0 || sync(fd) != 0)
		return GW_EIO;
	return GW_OK;
}

enum gw_err
io_fsync(int fd)
{
	return io_sync(fd, fsync);
}

enum gw_err
io_fdatasync(int fd)
{
	return io_sync(fd, fdatasync);
}

enum gw_err
io_syncfs(int fd)
{
	return io_sync(fd, syncfs);
}

enum gw_err
io_allocate(int fd, uint64_t size)
{
	int number;

	if (size > INT64_MAX)
		return GW_EINVAL;
	number = io_hooked(IO_ALLOCATE, fd, NULL);
	if (number != 0 || size == 0)
		return err_from_errno(number);
	/* posix_fallocate writes blocks where fallocate is not supported. */
	do {
		number = posix_fallocate(fd, 0, (off_t)size);
	} while (number == EINTR);
	return err_from_errno(number);
}

enum gw_err
io_truncate(int fd, uint64_t size)
{
	int number;

	if (size > INT64_MAX)
		return GW_EINVAL;
	number = io_hooked(IO_TRUNCATE, fd, NULL);
	if (number != 0)
		return err_from_errno(number);
	while (ftruncate(fd, (off_t)size) != 0) {
		if (errno != EINTR)
			return err_from_errno(errno);
	}
	return GW_OK;
}

static int
io_rename_hooked(int olddir, const char *oldname, int newdir,
    const char *newname, unsigned flags)
{
	int number;

	number = io_hooked(IO_RENAME, newdir, NULL);
	if (number == 0 &&
	    renameat2(olddir, oldname, newdir, newname, flags) != 0)
		number = errno;
	return number;
}

enum gw_err
io_renameat(int olddir, const char *oldname, int newdir, const char *newname,
    bool noreplace)
{
	struct io_place from = {.owned = -1};
	struct io_place to = {.owned = -1};
	enum gw_err err;

	err = io_place_open(olddir, oldname, O_PATH, &from);
	if (err != GW_OK)
		goto out;
	err = io_place_open(newdir, newname, O_PATH, &to);
	if (err != GW_OK)
		goto out;
	err = err_from_errno(io_rename_hooked(from.dirfd, from.name, to.dirfd,
	    to.name, noreplace ? RENAME_NOREPLACE : 0));
out:
	io_place_close(&from);
	io_place_close(&to);
	return err;
}

enum gw_err
io_unlinkat(int dirfd, const char *path, bool is_dir)
{
	struct io_place place;
	enum gw_err err;
	int number;

	err = io_place_open(dirfd, path, O_PATH, &place);
	if (err != GW_OK)
		return err;
	number = io_hooked(IO_UNLINK, place.dirfd, NULL);
	if (number == 0 &&
	    unlinkat(place.dirfd, place.name, is_dir ? AT_REMOVEDIR : 0) != 0)
		number = errno;
	io_place_close(&place);
	return err_from_errno(number);
}

enum gw_err
io_chown(int fd, uid_t uid, gid_t gid)
{
	int number;

	number = io_hooked(IO_CHOWN, fd, NULL);
	if (number == 0 && fchown(fd, uid, gid) != 0)
		number = errno;
	return err_from_errno(number);
}

enum gw_err
io_stat(int fd, struct stat *out)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_from_errno(errno);
	*out = st;
	return GW_OK;
}

enum gw_err
io_statat(int dirfd, const char *path, struct stat *out)
{
	struct io_place place;
	struct stat st;
	enum gw_err err;

	err = io_place_open(dirfd, path, O_PATH, &place);
	if (err != GW_OK)
		return err;
	if (fstatat(place.dirfd, place.name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		err = err_from_errno(errno);
	else
		*out = st;
	io_place_close(&place);
	return err;
}

enum gw_err
io_close(int *fd)
{
	int number, failed;

	number = io_hooked(IO_CLOSE, *fd, NULL);
	/* Linux gives the number free even on error: never close it twice. */
	failed = close(*fd);
	*fd = -1;
	return number != 0 || failed != 0 ? GW_EIO : GW_OK;
}

void
io_drop(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

enum gw_err
io_memfd(const char *name, int *fd_out)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int number, fd;

	number = io_hooked(IO_OPEN, -1, NULL);
	if (number != 0)
		return err_from_errno(number);
	fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	if (fd == -1 && errno == EINVAL)
		fd = memfd_create(name, flags);
	if (fd == -1)
		return err_from_errno(errno);
	*fd_out = fd;
	return GW_OK;
}

enum gw_err
io_seal(int fd)
{
	if (fcntl(fd, F_ADD_SEALS, IO_SEALS) != 0)
		return err_from_errno(errno);
	return GW_OK;
}

enum gw_err
io_check_sealed(int fd, uint64_t *size_out)
{
	struct stat st;
	int seals;

	seals = fcntl(fd, F_GET_SEALS);
	if (seals == -1 || (seals & IO_SEALS) != IO_SEALS)
		return GW_EPROTO;
	if (fstat(fd, &st) != 0)
		return err_from_errno(errno);
	*size_out = (uint64_t)st.st_size;
	return GW_OK;
}

/* A temporary file left behind by a crash is in the way; it holds nothing. */
static enum gw_err
io_make_temporary(
    int dirfd, const char *name, const void *data, size_t size, mode_t mode)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL;
	enum gw_err err;
	int fd = -1;

	err = io_openat(dirfd, name, flags, mode, &fd);
	if (err == GW_EEXIST) {
		err = io_unlinkat(dirfd, name, false);
		if (err == GW_OK)
			err = io_openat(dirfd, name, flags, mode, &fd);
	}
	if (err != GW_OK)
		return err;
	/* The umask has no say here. */
	if (fchmod(fd, mode) != 0)
		err = err_from_errno(errno);
	if (err == GW_OK)
		err = io_write_full(fd, data, size);
	if (err == GW_OK)
		err = io_fsync(fd);
	if (err == GW_OK)
		err = io_close(&fd);
	io_drop(&fd);
	return err;
}

/*
 * Put tmp in the place of name.  The two are exchanged where the file
 * system can, so that the old file can come back if the directory does not
 * reach the disk.  *flags_out: the RENAME_ flag that was used.
 */
static enum gw_err
io_swap_in(int dirfd, const char *tmp, const char *name, unsigned *flags_out)
{
	static const unsigned ways[] = {RENAME_EXCHANGE, RENAME_NOREPLACE, 0};
	int number = 0;
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		number = io_rename_hooked(dirfd, tmp, dirfd, name, ways[i]);
		if (number == 0) {
			*flags_out = ways[i];
			return GW_OK;
		}
		/* No such name yet; taken; the file system has no flags. */
		if (number != ENOENT && number != EEXIST && number != EINVAL)
			break;
	}
	return err_from_errno(number);
}

static void
io_swap_back(int dirfd, const char *tmp, const char *name, unsigned flags)
{
	enum gw_err err = GW_EIO;

	if (flags == RENAME_EXCHANGE)
		err = err_from_errno(
		    io_rename_hooked(dirfd, tmp, dirfd, name, RENAME_EXCHANGE));
	else if (flags == RENAME_NOREPLACE)
		err = io_unlinkat(dirfd, name, false);
	if (err != GW_OK)
		log_err("a directory could not be synced and the old file "
			"could not be put back: %s",
		    err_text_en(err));
}

enum gw_err
io_replace_file(
    int dirfd, const char *path, const void *data, size_t size, mode_t mode)
{
	struct io_place place;
	char tmp[NAME_MAX + 1];
	unsigned flags = 0;
	enum gw_err err;
	int n;

	err = io_place_open(dirfd, path, O_RDONLY, &place);
	if (err != GW_OK)
		return err;
	n = snprintf(tmp, sizeof(tmp), ".%s.new", place.name);
	if (n < 0 || (size_t)n >= sizeof(tmp)) {
		err = GW_ELIMIT;
		goto out;
	}
	err = io_make_temporary(place.dirfd, tmp, data, size, mode);
	if (err == GW_OK)
		err = io_swap_in(place.dirfd, tmp, place.name, &flags);
	if (err != GW_OK)
		goto tidy;
	err = io_fsync(place.dirfd);
	if (err != GW_OK)
		io_swap_back(place.dirfd, tmp, place.name, flags);
tidy:
	/* Gone after a plain rename; what fails here is removed next time. */
	if (err != GW_OK || flags == RENAME_EXCHANGE) {
		if (io_unlinkat(place.dirfd, tmp, false) != GW_OK)
			log_debug("a temporary file stays until next time");
	}
out:
	io_place_close(&place);
	return err;
}

enum gw_err
io_load_file(
    int dirfd, const char *name, size_t limit, uint8_t **out, size_t *len_out)
{
	struct stat st = {0};
	uint8_t *data = NULL;
	size_t size = 0;
	enum gw_err err;
	int fd = -1;

	/* O_NONBLOCK: a FIFO in place of the file must not hang the opener. */
	err = io_openat(dirfd, name, O_RDONLY | O_NONBLOCK, 0, &fd);
	if (err != GW_OK)
		goto out;
	err = io_stat(fd, &st);
	if (err != GW_OK)
		goto out;
	if (!S_ISREG(st.st_mode)) {
		err = GW_EFORMAT;
		goto out;
	}
	if ((uint64_t)st.st_size > limit) {
		err = GW_ELIMIT;
		goto out;
	}
	size = (size_t)st.st_size;
	data = mem_alloc(size + 1); /* so text is always terminated */
	err = io_read_full(fd, data, size);
	if (err != GW_OK)
		goto out;
	*out = data;
	*len_out = size;
	data = NULL;
out:
	mem_free_secret(data, size);
	io_drop(&fd);
	return err;
}
