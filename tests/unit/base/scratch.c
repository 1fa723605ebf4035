/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "tests/unit/base/scratch.h"

void
scratch_init(struct scratch *s)
{
	snprintf(s->path, sizeof(s->path), "/tmp/gw-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(s->path));
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(s->fd, 0);
}

static int
scratch_remove(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
scratch_clear(struct scratch *s)
{
	close(s->fd);
	s->fd = -1;
	ck_assert_int_eq(
	    nftw(s->path, scratch_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void
scratch_put(const struct scratch *s, const char *name, const char *text)
{
	size_t size = strlen(text);
	int fd;

	fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, size), (ssize_t)size);
	close(fd);
}

int
scratch_has(const struct scratch *s, const char *name, const char *text)
{
	char have[4096] = "";
	ssize_t n;
	int fd;

	fd = openat(s->fd, name, O_RDONLY);
	if (fd == -1)
		return 0;
	n = read(fd, have, sizeof(have) - 1);
	close(fd);
	return n == (ssize_t)strlen(text) && strcmp(have, text) == 0;
}

int
scratch_exists(const struct scratch *s, const char *name)
{
	return faccessat(s->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int
scratch_fork(scratch_fn *fn, void *arg)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(fn(arg));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}
