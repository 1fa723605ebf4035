/* SPDX-License-Identifier: ISC */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"

#include "gatewayd/courier/courier.h"
#include "gatewayd/courier/tree.h"

/* Deeper than any set that was let in; beyond it somebody plays with us. */
#define TREE_DEPTH_MAX (COURIER_DEPTH_MAX + 8)

void
tree_hex(const uint8_t id[16], char out[TREE_HEX_LEN])
{
	static const char digits[] = "0123456789abcdef";
	int i;

	for (i = 0; i < 16; i++) {
		out[2 * i] = digits[id[i] >> 4];
		out[2 * i + 1] = digits[id[i] & 15];
	}
	out[32] = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
tree_unhex(const char *text, uint8_t id_out[16])
{
	uint8_t id[16];
	int i, high, low;

	if (strlen(text) != 32)
		return false;
	for (i = 0; i < 16; i++) {
		high = hex_value(text[2 * i]);
		low = hex_value(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		id[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(id_out, id, 16);
	return true;
}

enum gw_err
tree_open_dir(int dirfd, const char *path, int *fd_out)
{
	return io_openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
	    fd_out);
}

enum gw_err
tree_make_dir(int dirfd, const char *path, mode_t mode, bool *made_out)
{
	enum gw_err err;
	int fd = -1;

	if (made_out != NULL)
		*made_out = false;
	err = io_mkdirat(dirfd, path, 0700);
	if (err == GW_EEXIST)
		return GW_OK;
	if (err != GW_OK)
		return err;
	err = tree_open_dir(dirfd, path, &fd);
	/* mkdir knows nothing of setgid, and the umask is 077. */
	if (err == GW_OK && fchmod(fd, mode) != 0)
		err = err_from_errno(errno);
	io_drop(&fd);
	if (err == GW_OK && made_out != NULL)
		*made_out = true;
	return err;
}

enum gw_err
tree_list(int fd, tree_name_fn *fn, void *arg)
{
	enum gw_err err = GW_OK;
	struct dirent *entry;
	DIR *dir;
	int own;

	/* A description of its own: two listings must not share an offset. */
	own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (own == -1)
		return err_from_errno(errno);
	dir = fdopendir(own);
	if (dir == NULL) {
		err = err_from_errno(errno);
		io_drop(&own);
		return err;
	}
	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (entry == NULL) {
			err = err_from_errno(errno);
			break;
		}
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		err = fn(arg, entry->d_name);
		if (err != GW_OK)
			break;
	}
	closedir(dir);
	return err;
}

struct removal {
	int dirfd;
	int depth;
	int *budget;
};

static enum gw_err remove_at(int dirfd, const char *name, int depth,
    int *budget);

static enum gw_err
remove_name(void *arg, const char *name)
{
	const struct removal *r = arg;

	return remove_at(r->dirfd, name, r->depth, r->budget);
}

static enum gw_err
remove_at(int dirfd, const char *name, int depth, int *budget)
{
	struct removal inner = {.dirfd = -1, .depth = depth + 1,
	    .budget = budget};
	struct stat st;
	enum gw_err err;

	if (*budget <= 0)
		return GW_EAGAIN;
	if (depth > TREE_DEPTH_MAX)
		return GW_ELIMIT;
	err = io_statat(dirfd, name, &st);
	if (err == GW_ENOENT)
		return GW_OK;
	if (err != GW_OK)
		return err;
	if (S_ISDIR(st.st_mode)) {
		err = tree_open_dir(dirfd, name, &inner.dirfd);
		if (err == GW_OK)
			err = tree_list(inner.dirfd, remove_name, &inner);
		io_drop(&inner.dirfd);
		if (err != GW_OK)
			return err;
	}
	--*budget;
	err = io_unlinkat(dirfd, name, S_ISDIR(st.st_mode));
	return err == GW_ENOENT ? GW_OK : err;
}

enum gw_err
tree_remove(int dirfd, const char *name, int *budget)
{
	return remove_at(dirfd, name, 0, budget);
}

struct look {
	struct tree_look *out;
	unsigned left;
	int dirfd;
	int depth;
};

static uint64_t
look_mix(uint64_t h, uint64_t v)
{
	/* Steps of splitmix64: spreads well, and nobody gains by a clash. */
	h += v + UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

static uint64_t
look_digest(const struct stat *st)
{
	uint64_t h = look_mix((uint64_t)st->st_dev, (uint64_t)st->st_ino);

	h = look_mix(h, (uint64_t)st->st_size);
	h = look_mix(h, (uint64_t)st->st_mtim.tv_sec);
	h = look_mix(h, (uint64_t)st->st_mtim.tv_nsec);
	h = look_mix(h, (uint64_t)st->st_ctim.tv_sec);
	return look_mix(h, (uint64_t)st->st_ctim.tv_nsec);
}

static enum gw_err
look_name(void *arg, const char *name)
{
	struct look *look = arg;
	struct look inner = *look;
	struct stat st;
	enum gw_err err;

	if (look->left == 0 || look->depth > TREE_DEPTH_MAX)
		return GW_OK;
	look->left--;
	err = io_statat(look->dirfd, name, &st);
	if (err != GW_OK)
		return err == GW_ENOENT ? GW_OK : err;
	/* A sum: the order in which names are listed may change. */
	look->out->digest += look_digest(&st);
	if (!S_ISDIR(st.st_mode))
		return GW_OK;
	inner.left = look->left;
	inner.depth++;
	err = tree_open_dir(look->dirfd, name, &inner.dirfd);
	if (err == GW_OK)
		err = tree_list(inner.dirfd, look_name, &inner);
	io_drop(&inner.dirfd);
	look->left = inner.left;
	/* What cannot be opened is refused when the entry is taken in. */
	return err == GW_ENOENT || err == GW_EDENIED ? GW_OK : err;
}

enum gw_err
tree_look(int dirfd, const char *name, unsigned max, struct tree_look *out)
{
	struct tree_look found = {0};
	struct look look = {.out = &found, .left = max, .dirfd = dirfd};
	struct stat st;
	enum gw_err err;

	err = io_statat(dirfd, name, &st);
	if (err != GW_OK)
		return err;
	found.is_dir = S_ISDIR(st.st_mode);
	found.is_plain = S_ISREG(st.st_mode);
	found.ino = (uint64_t)st.st_ino;
	err = look_name(&look, name);
	if (err == GW_OK)
		*out = found;
	return err;
}

void
tree_mark(const struct stat *st, struct tree_mark *out)
{
	memset(out, 0, sizeof(*out));
	out->dev = (uint64_t)st->st_dev;
	out->ino = (uint64_t)st->st_ino;
	out->size = (uint64_t)st->st_size;
	out->mtime = st->st_mtim;
	out->ctime = st->st_ctim;
}

bool
tree_is_same(const struct tree_mark *mark, const struct stat *st)
{
	return mark->dev == (uint64_t)st->st_dev &&
	    mark->ino == (uint64_t)st->st_ino &&
	    mark->size == (uint64_t)st->st_size &&
	    mark->mtime.tv_sec == st->st_mtim.tv_sec &&
	    mark->mtime.tv_nsec == st->st_mtim.tv_nsec &&
	    mark->ctime.tv_sec == st->st_ctim.tv_sec &&
	    mark->ctime.tv_nsec == st->st_ctim.tv_nsec;
}

bool
tree_join(char *out, size_t size, const char *a, const char *b)
{
	int n = snprintf(out, size, "%s/%s", a, b);

	return n >= 0 && (size_t)n < size;
}
