/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"

#define PROC_FIRST_FD 3

/* What the parent needs to start and stop processes of other users. */
static const unsigned proc_parent_caps[] = {CAP_SETUID, CAP_SETGID, CAP_KILL};

#define PROC_PARENT_CAPS                                                       \
	(sizeof(proc_parent_caps) / sizeof(proc_parent_caps[0]))

/* Smallest number of keep from at on, -1 if none. */
static int
proc_next_kept(const int *keep, int keep_count, int at)
{
	int i, next = -1;

	for (i = 0; i < keep_count; i++) {
		if (keep[i] >= at && (next == -1 || keep[i] < next))
			next = keep[i];
	}
	return next;
}

/* A file opened as fd 2 would receive our log lines. */
static void
proc_fill_stdio(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd == -1)
			log_fatal("cannot open /dev/null: %s", strerror(errno));
	} while (fd < PROC_FIRST_FD);
	close(fd);
}

void
proc_close_fds(const int *keep, int keep_count)
{
	int at = PROC_FIRST_FD;
	int kept, failed = 0;

	while ((kept = proc_next_kept(keep, keep_count, at)) != -1) {
		if (kept > at)
			failed |=
			    close_range((unsigned)at, (unsigned)kept - 1, 0);
		if (fcntl(kept, F_SETFD, FD_CLOEXEC) != 0)
			log_fatal("fd %d was not handed over", kept);
		at = kept + 1;
	}
	failed |= close_range((unsigned)at, UINT_MAX, 0);
	if (failed != 0)
		log_fatal("cannot close inherited fds: %s", strerror(errno));
	proc_fill_stdio();
}

static void
proc_limits(const struct proc_spec *spec)
{
	struct rlimit none = {0, 0};
	struct rlimit fds;

	umask(077);
	/* A broken pipe and a full limit are errors of a call, not deaths. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		log_fatal("cannot ignore signals: %s", strerror(errno));
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		log_fatal("cannot forbid core files: %s", strerror(errno));
	if (spec->sandbox.max_fds == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &fds) != 0)
		log_fatal("cannot read RLIMIT_NOFILE: %s", strerror(errno));
	if (fds.rlim_max < spec->sandbox.max_fds && geteuid() != 0)
		log_fatal("needs %u open files, the limit is %ju: raise "
			  "LimitNOFILE= or ulimit -n",
		    spec->sandbox.max_fds, (uintmax_t)fds.rlim_max);
	fds.rlim_cur = fds.rlim_max = spec->sandbox.max_fds;
	if (setrlimit(RLIMIT_NOFILE, &fds) != 0)
		log_fatal("cannot set RLIMIT_NOFILE to %u: %s",
		    spec->sandbox.max_fds, strerror(errno));
}

/* Only while root: afterwards the limit of an ordinary user holds. */
static void
proc_raise_memlock(void)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit now;

	if (setrlimit(RLIMIT_MEMLOCK, &all) == 0)
		return;
	if (getrlimit(RLIMIT_MEMLOCK, &now) != 0)
		return;
	now.rlim_cur = now.rlim_max;
	/* What it brings shows when memory is locked. */
	(void)setrlimit(RLIMIT_MEMLOCK, &now);
}

static void
proc_lock_memory(void)
{
#ifdef GW_SANITIZED
	log_warn("memory is not locked: sanitizer build");
#else
	struct rlimit limit = {0, 0};
	int flags = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		log_fatal("cannot read RLIMIT_MEMLOCK: %s", strerror(errno));
	/*
	 * MCL_FUTURE under a finite limit would turn the limit's end into
	 * failed allocations later.
	 */
	if (limit.rlim_cur != RLIM_INFINITY)
		flags = MCL_CURRENT | MCL_ONFAULT;
	if (mlockall(flags) != 0)
		log_warn("memory is not locked, keys may reach swap: %s: set "
			 "LimitMEMLOCK=infinity",
		    strerror(errno));
	else if (limit.rlim_cur != RLIM_INFINITY)
		log_warn("only memory of the start is locked, keys may reach "
			 "swap: set LimitMEMLOCK=infinity");
#endif
}

/*
 * Looked at through O_PATH first, so that a FIFO or a device in the place
 * of a file is neither waited for nor started.
 */
static int
proc_open_dir(const struct proc_dir *dir, bool is_last_try)
{
	char self[64];
	struct stat st;
	int path_fd, fd, flags = O_CLOEXEC | O_NOCTTY;

	path_fd = open(dir->path, O_PATH | O_CLOEXEC);
	if (path_fd == -1 && dir->is_optional && errno == ENOENT)
		return -1;
	if (path_fd == -1 && errno == EACCES && !is_last_try)
		return -1;
	if (path_fd == -1 || fstat(path_fd, &st) != 0)
		log_fatal("cannot open %s: %s: make it, or correct the "
			  "setting that names it",
		    dir->path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		flags |= O_RDONLY | O_DIRECTORY;
	else if (S_ISREG(st.st_mode))
		flags |= dir->rights & SANDBOX_WRITE ? O_RDWR : O_RDONLY;
	else
		log_fatal("%s is neither a folder nor a file", dir->path);
	/* The very object that was looked at, not the name once more. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", path_fd);
	fd = open(self, flags);
	if (fd == -1 && (errno != EACCES || is_last_try))
		log_fatal("cannot open %s: %s: check its owner and mode",
		    dir->path, strerror(errno));
	close(path_fd);
	return fd;
}

/*
 * Once as root, for what only root may open, and once more as the user of
 * the process: a root that the parent starts again has no CAP_DAC_OVERRIDE
 * and cannot enter another user's private folder.
 */
static void
proc_open_dirs(const struct proc_spec *spec, int *dir_fds, bool is_last_try)
{
	int i;

	for (i = 0; i < spec->dir_count; i++) {
		if (dir_fds[i] == -1)
			dir_fds[i] = proc_open_dir(&spec->dirs[i], is_last_try);
	}
}

static void
proc_drop_bounding(const struct proc_spec *spec)
{
	unsigned long cap;
	size_t i;
	bool is_kept;

	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		is_kept = false;
		for (i = 0; spec->has_caps && i < PROC_PARENT_CAPS; i++)
			is_kept |= proc_parent_caps[i] == cap;
		if (is_kept || prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		/*
		 * A process that the parent starts again has no CAP_SETPCAP;
		 * its bounding set is the parent's already.
		 */
		if (spec->has_caps || errno != EPERM)
			log_fatal("cannot drop capability %lu: %s", cap,
			    strerror(errno));
	}
}

/* Set, and read back, all three sets of this thread. */
static void
proc_set_caps(const struct proc_spec *spec)
{
	struct __user_cap_header_struct header = {
	    .version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct want[_LINUX_CAPABILITY_U32S_3] = {0};
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3] = {0};
	size_t i;

	for (i = 0; spec->has_caps && i < PROC_PARENT_CAPS; i++) {
		want[0].effective |= 1u << proc_parent_caps[i];
		want[0].permitted |= 1u << proc_parent_caps[i];
	}
	if (syscall(SYS_capset, &header, want) != 0 ||
	    syscall(SYS_capget, &header, have) != 0)
		log_fatal("cannot set capabilities: %s", strerror(errno));
	if (memcmp(want, have, sizeof(want)) != 0)
		log_fatal("capabilities are not as set");
	/* Nothing to clear on kernels that do not know them. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static void
proc_check_ids(const struct proc_spec *spec)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) != 0 ||
	    getresgid(&rgid, &egid, &sgid) != 0)
		log_fatal("cannot read ids: %s", strerror(errno));
	if (ruid != spec->uid || euid != spec->uid || suid != spec->uid ||
	    rgid != spec->gid || egid != spec->gid || sgid != spec->gid ||
	    getgroups(0, NULL) != 0)
		log_fatal("ids are not as set");
	/* The parent's CAP_SETUID lets it come back by design. */
	if (!spec->has_caps && spec->uid != 0 &&
	    (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 ||
		setresgid((gid_t)-1, 0, (gid_t)-1) == 0))
		log_fatal("root's ids can be taken back");
}

static void
proc_drop_ids(const struct proc_spec *spec)
{
	bool has_uid = spec->uid != (uid_t)-1;
	bool is_root = geteuid() == 0;

	if (has_uid && spec->gid == (gid_t)-1)
		log_panic("process row %s: uid without gid", spec->name);
	if (!is_root) {
		if (has_uid &&
		    (spec->uid != geteuid() || spec->gid != getegid()))
			log_fatal("must be started as root to become user %u",
			    (unsigned)spec->uid);
		/* User namespaces and odd starters leave some behind. */
		proc_set_caps(&(struct proc_spec){0});
		return;
	}
	proc_drop_bounding(spec);
	if (spec->has_caps && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		log_fatal("cannot keep capabilities: %s", strerror(errno));
	if (has_uid && (setgroups(0, NULL) != 0 ||
			   setresgid(spec->gid, spec->gid, spec->gid) != 0 ||
			   setresuid(spec->uid, spec->uid, spec->uid) != 0))
		log_fatal("cannot become user %u, group %u: %s",
		    (unsigned)spec->uid, (unsigned)spec->gid, strerror(errno));
	proc_set_caps(spec);
	if (has_uid)
		proc_check_ids(spec);
}

static void
proc_enter_sandbox(const struct proc_spec *spec, const int *dir_fds)
{
	struct sandbox_path paths[PROC_DIRS_MAX];
	struct sandbox_spec sandbox = spec->sandbox;
	enum gw_err err;
	int i, count = 0;

	for (i = 0; i < spec->dir_count; i++) {
		if (dir_fds[i] == -1)
			continue;
		paths[count].fd = dir_fds[i];
		paths[count].rights = spec->dirs[i].rights;
		count++;
	}
	sandbox.paths = paths;
	sandbox.path_count = count;
	err = sandbox_enter(&sandbox);
	if (err != GW_OK)
		log_fatal(
		    "cannot enter the sandbox: %s; the reason stands "
		    "above, gatewayctl doctor says what this machine lacks",
		    err_text_en(err));
	log_info("sandboxed");
}

void
proc_start(const struct proc_spec *spec, int dir_fds[PROC_DIRS_MAX])
{
	int i;

	if (spec->dir_count < 0 || spec->dir_count > PROC_DIRS_MAX)
		log_panic("process row %s: %d directories", spec->name,
		    spec->dir_count);
	proc_limits(spec);
	if (spec->before_drop != NULL)
		spec->before_drop(spec->arg);
	for (i = 0; i < PROC_DIRS_MAX; i++)
		dir_fds[i] = -1;
	proc_open_dirs(spec, dir_fds, spec->uid == (uid_t)-1);
	/* The parent for its children: limits are inherited. */
	if (spec->lock_memory || spec->has_caps)
		proc_raise_memlock();
	proc_drop_ids(spec);
	proc_open_dirs(spec, dir_fds, true);
	if (spec->lock_memory)
		proc_lock_memory();
	if (spec->before_sandbox != NULL)
		spec->before_sandbox(spec->arg);
	proc_enter_sandbox(spec, dir_fds);
}

/* The device's type as device-mapper tells it: "CRYPT-PLAIN-name". */
static bool
proc_is_crypt_plain(const char *device, const char *sys_block)
{
	static const char want[] = "CRYPT-PLAIN-";
	const char *base = strrchr(device, '/');
	char path[PATH_MAX];
	char uuid[sizeof(want)] = "";
	FILE *f;
	int n;

	n = snprintf(path, sizeof(path), "%s/%s/dm/uuid", sys_block,
	    base != NULL ? base + 1 : device);
	if (n < 0 || (size_t)n >= sizeof(path))
		return false;
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	if (fgets(uuid, sizeof(uuid), f) == NULL)
		uuid[0] = '\0';
	fclose(f);
	return strcmp(uuid, want) == 0;
}

bool
proc_swap_is_safe_at(const char *swaps, const char *sys_block)
{
	char line[PATH_MAX + 128];
	char device[PATH_MAX];
	bool is_safe = true;
	FILE *f;

	f = fopen(swaps, "re");
	if (f == NULL)
		return false;
	/* The first line is the heading. */
	if (fgets(line, sizeof(line), f) == NULL)
		is_safe = false;
	while (is_safe && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%4095s", device) != 1)
			continue;
		is_safe = proc_is_crypt_plain(device, sys_block);
	}
	if (ferror(f))
		is_safe = false;
	fclose(f);
	return is_safe;
}

bool
proc_swap_is_safe(void)
{
	/* A kernel built without swap has no such file. */
	if (access("/proc/swaps", F_OK) != 0 && errno == ENOENT &&
	    access("/proc/self", F_OK) == 0)
		return true;
	return proc_swap_is_safe_at("/proc/swaps", "/sys/block");
}
