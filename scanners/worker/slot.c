/* SPDX-License-Identifier: ISC */
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "scanners/worker/slot.h"

#define SLOT_SHM "/dev/shm"

/* A worker cannot fill the memory with empty files either. */
#define SLOT_INODES 65536u

/* Deeper than any archive limit; what is deeper was made to hurt. */
#define SLOT_DEPTH_MAX 64

/* Folders of gateways of one user, where there is no namespace. */
#define SLOT_FOLDERS_MAX 64

static bool
slot_mount_tmpfs(const char *path, uint64_t bytes, uid_t uid, gid_t gid)
{
	char options[128];

	snprintf(options, sizeof(options),
	    "size=%ju,nr_inodes=%u,mode=0700,uid=%u,gid=%u", (uintmax_t)bytes,
	    SLOT_INODES, (unsigned)uid, (unsigned)gid);
	return mount("tmpfs", path, "tmpfs",
	    MS_NOSUID | MS_NODEV | MS_NOEXEC, options) == 0;
}

static bool
slot_mkdir(struct slots *s, uint32_t i, char *path, size_t size, uid_t uid,
    gid_t gid)
{
	snprintf(path, size, "%s/%u", s->root, i);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return false;
	return chown(path, uid, gid) == 0;
}

/* Hide /dev/shm behind our own tmpfs, and mount one per slot in it. */
static bool
slot_mount_all(struct slots *s, uid_t uid, gid_t gid)
{
	char path[SLOT_PATH_LEN + 16];
	uint32_t i;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    !slot_mount_tmpfs(SLOT_SHM, 1u << 20, uid, gid))
		return false;
	mem_put_str(s->root, sizeof(s->root), SLOT_SHM);
	for (i = 0; i < s->count; i++) {
		if (!slot_mkdir(s, i, path, sizeof(path), uid, gid) ||
		    !slot_mount_tmpfs(path, s->bytes, uid, gid))
			return false;
	}
	return true;
}

static void
slot_open_root(struct slots *s)
{
	s->root_fd = open(s->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root_fd == -1)
		log_fatal("cannot open %s: %s", s->root, strerror(errno));
}

static void
slot_init(struct slots *s, uint32_t count, uint64_t bytes)
{
	if (count == 0 || count > SLOT_MAX)
		log_panic("%u slots", count);
	s->count = count;
	s->bytes = bytes;
	s->busy = 0;
	s->root_fd = -1;
}

static bool slot_enter_namespace(void);

/*
 * There is no way back out of a namespace half made, and a service
 * manager's filter may kill for trying: a child tries all of it first.
 */
static bool
slot_can_mount(struct slots *s, bool as_root, uid_t uid, gid_t gid)
{
	int status = 0;
	bool is_made;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		is_made = as_root ? unshare(CLONE_NEWNS) == 0 :
		    slot_enter_namespace();
		_exit(is_made && slot_mount_all(s, uid, gid) ? 0 : 1);
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void
slot_mount_root(struct slots *s, uint32_t count, uint64_t bytes, uid_t uid,
    gid_t gid)
{
	if (uid == (uid_t)-1)
		uid = 0;
	if (gid == (gid_t)-1)
		gid = 0;
	slot_init(s, count, bytes);
	/* A root that the parent started has no CAP_SYS_ADMIN any more. */
	if (geteuid() != 0 || !slot_can_mount(s, true, uid, gid))
		return;
	if (unshare(CLONE_NEWNS) != 0 || !slot_mount_all(s, uid, gid))
		log_fatal("cannot mount a tmpfs for workers: %s",
		    strerror(errno));
	slot_open_root(s);
}

static bool
slot_write_map(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_done;

	if (fd == -1)
		return false;
	is_done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return is_done;
}

static void
slot_drop_caps(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	/* Those of the namespace only, but nothing here needs any. */
	if (syscall(SYS_capset, &header, none) != 0)
		log_fatal("cannot drop capabilities: %s", strerror(errno));
}

/* Become root of nothing but a namespace whose only user is ourselves. */
static bool
slot_enter_namespace(void)
{
	const uid_t uid = geteuid();
	const gid_t gid = getegid();
	char map[64];

	/*
	 * Who dropped ids does not own its files in /proc until it is
	 * dumpable again; the sandbox takes that back.
	 */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0 ||
	    unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
	    !slot_write_map("/proc/self/setgroups", "deny"))
		return false;
	snprintf(map, sizeof(map), "%u %u 1", (unsigned)uid, (unsigned)uid);
	if (!slot_write_map("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof(map), "%u %u 1", (unsigned)gid, (unsigned)gid);
	return slot_write_map("/proc/self/gid_map", map);
}

/*
 * One folder per zygote and user.  The lock tells whether its owner lives:
 * a new zygote may stand beside the old one for a while.
 */
static bool
slot_lock_folder(struct slots *s, const char *name)
{
	unsigned i;
	int fd;

	for (i = 0; i < SLOT_FOLDERS_MAX; i++) {
		snprintf(s->root, sizeof(s->root), SLOT_SHM "/gw-%u-%s-%u",
		    (unsigned)geteuid(), name, i);
		if (mkdir(s->root, 0700) != 0 && errno != EEXIST)
			return false;
		fd = open(s->root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		    O_CLOEXEC);
		if (fd == -1)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			s->root_fd = fd;
			return true;
		}
		close(fd);
	}
	return false;
}

static void
slot_make_folders(struct slots *s, const char *name)
{
	char path[SLOT_PATH_LEN + 16];
	uint32_t i;

	if (!slot_lock_folder(s, name))
		log_fatal("no folder for workers in " SLOT_SHM ": %s",
		    strerror(errno));
	for (i = 0; i < s->count; i++) {
		if (!slot_mkdir(s, i, path, sizeof(path), (uid_t)-1,
		    (gid_t)-1))
			log_fatal("cannot make %s: %s", path,
			    strerror(errno));
		s->busy |= UINT64_C(1) << i;
		slot_release(s, (int)i);
	}
	log_warn("no user namespace here: workers' folders in " SLOT_SHM
	    " have no limit of their own");
}

void
slot_mount_user(struct slots *s, uint32_t count, uint64_t bytes,
    const char *name)
{
	if (s->root_fd != -1)
		return;
	slot_init(s, count, bytes);
	if (!slot_can_mount(s, false, geteuid(), getegid())) {
		slot_make_folders(s, name);
		return;
	}
	if (!slot_enter_namespace() ||
	    !slot_mount_all(s, geteuid(), getegid()))
		log_fatal("cannot mount a tmpfs for workers in a user "
		    "namespace: %s", strerror(errno));
	slot_open_root(s);
	slot_drop_caps();
}

int
slot_take(struct slots *s)
{
	uint32_t i;

	for (i = 0; i < s->count; i++) {
		if ((s->busy & (UINT64_C(1) << i)) != 0)
			continue;
		s->busy |= UINT64_C(1) << i;
		return (int)i;
	}
	return -1;
}

static void slot_empty(int fd, int depth);

static void
slot_remove(int dir, const char *name, int depth)
{
	int fd = -1;

	if (unlinkat(dir, name, 0) == 0)
		return;
	if (errno != EISDIR && errno != EPERM)
		log_fatal("cannot empty a worker's folder: %s",
		    strerror(errno));
	if (fchmodat(dir, name, 0700, 0) != 0)
		log_fatal("cannot open a worker's folder: %s",
		    strerror(errno));
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (fd == -1)
		log_fatal("cannot open a worker's folder: %s",
		    strerror(errno));
	slot_empty(fd, depth + 1);
	if (unlinkat(dir, name, AT_REMOVEDIR) != 0)
		log_fatal("cannot remove a worker's folder: %s",
		    strerror(errno));
}

/* Takes fd.  A worker taken over may have left anything. */
static void
slot_empty(int fd, int depth)
{
	struct dirent *entry;
	bool found = true;
	DIR *dir;

	if (depth > SLOT_DEPTH_MAX)
		log_fatal("a worker's folder is too deep to empty");
	dir = fdopendir(fd);
	if (dir == NULL)
		log_fatal("cannot read a worker's folder: %s",
		    strerror(errno));
	/* Removing may hide entries from the pass that removes. */
	while (found) {
		found = false;
		rewinddir(dir);
		while ((entry = readdir(dir)) != NULL) {
			if (strcmp(entry->d_name, ".") == 0 ||
			    strcmp(entry->d_name, "..") == 0)
				continue;
			found = true;
			slot_remove(dirfd(dir), entry->d_name, depth);
		}
	}
	closedir(dir);
}

void
slot_release(struct slots *s, int slot)
{
	char path[SLOT_PATH_LEN + 16];
	int fd = -1;

	if (slot < 0 || (s->busy & (UINT64_C(1) << slot)) == 0)
		log_panic("slot %d released twice", slot);
	if (slot_open(s, slot, path, sizeof(path), &fd) != GW_OK)
		log_fatal("a worker's folder is gone");
	slot_empty(fd, 0);
	s->busy &= ~(UINT64_C(1) << slot);
}

enum gw_err
slot_open(const struct slots *s, int slot, char *path, size_t path_size,
    int *fd_out)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "%d", slot);
	snprintf(path, path_size, "%s/%d", s->root, slot);
	fd = openat(s->root_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (fd == -1)
		return err_from_errno(errno);
	*fd_out = fd;
	return GW_OK;
}
