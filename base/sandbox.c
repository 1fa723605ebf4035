/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <string.h>
#include <unistd.h>

#include <seccomp.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sandbox.h"

/* Newer than the headers of Debian 12 (Linux 6.1, ABI 2). */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* ABI 3, Linux 6.2 */
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15) /* ABI 5, Linux 6.10 */
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP    (1ULL << 0) /* ABI 4, Linux 6.7 */
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0) /* ABI 6, 6.12 */
#define LANDLOCK_SCOPE_SIGNAL               (1ULL << 1)
#endif
#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65 /* Linux 6.3 */
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

#define SANDBOX_RULE_PATH 1
#define SANDBOX_RULE_PORT 2

#define SANDBOX_ABI_MIN      2
#define SANDBOX_ABI_TRUNCATE 3
#define SANDBOX_ABI_NET      4
#define SANDBOX_ABI_IOCTL    5
#define SANDBOX_ABI_SCOPE    6

/* Rights that exist for a rule on a file; the rest is for directories. */
#define SANDBOX_FILE_RIGHTS                                                    \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |           \
	    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

/* Every right of ABI 2. */
#define SANDBOX_FS_ALL                                                         \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |          \
	    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |       \
	    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |   \
	    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |       \
	    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |       \
	    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |     \
	    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)

/* struct landlock_ruleset_attr as of ABI 6; zeros beyond an ABI are fine. */
struct sandbox_ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

/* struct landlock_net_port_attr as of ABI 4. */
struct sandbox_port {
	uint64_t access;
	uint64_t port;
};

/*
 * Renaming needs the right to make at the new place.  Who may move links and
 * the like still cannot make any: the calls for that are in no list.
 */
static const struct {
	unsigned right;
	uint64_t access;
} sandbox_rights[] = {
    {SANDBOX_READ, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR},
    {SANDBOX_WRITE,
	LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE},
    {SANDBOX_MAKE, LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
		       LANDLOCK_ACCESS_FS_REMOVE_FILE |
		       LANDLOCK_ACCESS_FS_REMOVE_DIR},
    {SANDBOX_REFER, LANDLOCK_ACCESS_FS_REFER},
    {SANDBOX_EXEC, LANDLOCK_ACCESS_FS_EXECUTE},
    {SANDBOX_MOVE, LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_MAKE_FIFO |
		       LANDLOCK_ACCESS_FS_MAKE_SOCK |
		       LANDLOCK_ACCESS_FS_MAKE_CHAR |
		       LANDLOCK_ACCESS_FS_MAKE_BLOCK},
};

static enum gw_err
sandbox_failed(const char *what, int number)
{
	log_err("sandbox: %s: %s", what, strerror(number));
	return GW_ESYS;
}

void
sandbox_join(struct sandbox_call *dst, int size, int *used,
    const struct sandbox_call *rows, int count)
{
	if (count < 0 || *used < 0 || count > size - *used)
		log_panic("sandbox: %d and %d rows for %d", *used, count, size);
	memcpy(dst + *used, rows, (size_t)count * sizeof(*rows));
	*used += count;
}

int
sandbox_landlock_abi(void)
{
	long abi;

	abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	return abi > 0 ? (int)abi : 0;
}

static enum gw_err
sandbox_rlimit(__rlimit_resource_t what, uint64_t value)
{
	struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
	struct rlimit now;

	/* A lower limit from outside stays; only root could raise it. */
	if (getrlimit(what, &now) == 0 && now.rlim_max < limit.rlim_max)
		limit.rlim_cur = limit.rlim_max = now.rlim_max;
	if (setrlimit(what, &limit) != 0)
		return sandbox_failed("setrlimit", errno);
	return GW_OK;
}

static bool
sandbox_has_row(const struct sandbox_spec *spec, const char *name)
{
	int i;

	for (i = 0; i < spec->call_count; i++) {
		if (strcmp(spec->calls[i].name, name) == 0)
			return true;
	}
	return false;
}

static enum gw_err
sandbox_limits(const struct sandbox_spec *spec)
{
	enum gw_err err;

	err = sandbox_rlimit(RLIMIT_CORE, 0);
	if (err == GW_OK && spec->max_file_size != 0)
		err = sandbox_rlimit(RLIMIT_FSIZE, spec->max_file_size);
	if (err == GW_OK && spec->max_fds != 0)
		err = sandbox_rlimit(RLIMIT_NOFILE, spec->max_fds);
	/* It counts threads, too. */
	if (err == GW_OK && spec->deny_fork && !sandbox_has_row(spec, "clone"))
		err = sandbox_rlimit(RLIMIT_NPROC, 0);
#ifndef GW_SANITIZED
	/* The shadow memory of a sanitizer is terabytes of address space. */
	if (err == GW_OK && spec->max_memory != 0)
		err = sandbox_rlimit(RLIMIT_AS, spec->max_memory);
#endif
	return err;
}

static enum gw_err
sandbox_privileges(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return sandbox_failed("no_new_privs", errno);
#ifndef GW_SANITIZED
	/* LeakSanitizer attaches to its own process. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return sandbox_failed("PR_SET_DUMPABLE", errno);
#endif
	/* Used where present: kernels before 6.3 answer EINVAL. */
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0)
		log_debug("sandbox: PR_SET_MDWE: %s", strerror(errno));
	return GW_OK;
}

/* Landlock restricts the calling thread alone, so there must be no other. */
static enum gw_err
sandbox_one_thread(void)
{
	struct stat st;

	/* The folder's links: itself, its parent's entry, one per thread. */
	if (stat("/proc/self/task", &st) != 0 || st.st_nlink <= 3)
		return GW_OK;
	log_err("sandbox: %ju threads at the start, must be one",
	    (uintmax_t)st.st_nlink - 2);
	return GW_EBUG;
}

static struct sandbox_ruleset
sandbox_handled(const struct sandbox_spec *spec, int abi)
{
	struct sandbox_ruleset set = {.fs = SANDBOX_FS_ALL};

	if (abi >= SANDBOX_ABI_TRUNCATE)
		set.fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= SANDBOX_ABI_NET)
		set.net = LANDLOCK_ACCESS_NET_BIND_TCP |
			  LANDLOCK_ACCESS_NET_CONNECT_TCP;
	if (abi >= SANDBOX_ABI_IOCTL)
		set.fs |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	if (abi >= SANDBOX_ABI_SCOPE) {
		set.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET;
		if (!spec->may_signal)
			set.scoped |= LANDLOCK_SCOPE_SIGNAL;
	}
	return set;
}

static enum gw_err
sandbox_add_path(int ruleset, const struct sandbox_path *path, uint64_t handled)
{
	struct landlock_path_beneath_attr rule = {.parent_fd = path->fd};
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(sandbox_rights) / sizeof(sandbox_rights[0]);
	     i++) {
		if (path->rights & sandbox_rights[i].right)
			rule.allowed_access |= sandbox_rights[i].access;
	}
	if (fstat(path->fd, &st) != 0)
		return sandbox_failed("path", errno);
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= SANDBOX_FILE_RIGHTS;
	rule.allowed_access &= handled;
	/* The kernel refuses a rule that allows nothing. */
	if (rule.allowed_access == 0)
		return GW_OK;
	if (syscall(SYS_landlock_add_rule, ruleset, SANDBOX_RULE_PATH, &rule,
		0u) != 0)
		return sandbox_failed("landlock_add_rule", errno);
	return GW_OK;
}

static enum gw_err
sandbox_add_port(int ruleset, uint64_t access, uint16_t port)
{
	struct sandbox_port rule = {.access = access, .port = port};

	if (syscall(SYS_landlock_add_rule, ruleset, SANDBOX_RULE_PORT, &rule,
		0u) != 0)
		return sandbox_failed("landlock_add_rule", errno);
	return GW_OK;
}

static enum gw_err
sandbox_landlock(const struct sandbox_spec *spec)
{
	struct sandbox_ruleset set;
	int abi = sandbox_landlock_abi();
	int i, ruleset = -1;
	enum gw_err err = GW_OK;

	if (abi < SANDBOX_ABI_MIN) {
		log_err("sandbox: Landlock ABI %d, at least %d is needed: "
			"start a kernel of 5.19 or later with landlock in lsm=",
		    abi, SANDBOX_ABI_MIN);
		return GW_EVERSION;
	}
	set = sandbox_handled(spec, abi);
	ruleset =
	    (int)syscall(SYS_landlock_create_ruleset, &set, sizeof(set), 0u);
	if (ruleset == -1)
		return sandbox_failed("landlock_create_ruleset", errno);
	for (i = 0; i < spec->path_count && err == GW_OK; i++)
		err = sandbox_add_path(ruleset, &spec->paths[i], set.fs);
	for (i = 0;
	     set.net != 0 && i < spec->connect_port_count && err == GW_OK; i++)
		err = sandbox_add_port(ruleset, LANDLOCK_ACCESS_NET_CONNECT_TCP,
		    spec->connect_ports[i]);
	for (i = 0; set.net != 0 && i < spec->bind_port_count && err == GW_OK;
	     i++)
		err = sandbox_add_port(ruleset, LANDLOCK_ACCESS_NET_BIND_TCP,
		    spec->bind_ports[i]);
	if (err == GW_OK &&
	    syscall(SYS_landlock_restrict_self, ruleset, 0u) != 0)
		err = sandbox_failed("landlock_restrict_self", errno);
	close(ruleset);
	return err;
}

static int
sandbox_add_call(scmp_filter_ctx filter, const struct sandbox_call *call)
{
	struct scmp_arg_cmp cmp = {.op = SCMP_CMP_MASKED_EQ};
	int number = seccomp_syscall_resolve_name(call->name);
	unsigned arg_count = call->arg_index < 0 ? 0 : 1;

	if (number == __NR_SCMP_ERROR)
		return -ENOENT;
	/* Known to the library, absent on this machine. */
	if (number < 0)
		return 0;
	if (strcmp(call->name, "clone3") == 0)
		return seccomp_rule_add(
		    filter, SCMP_ACT_ERRNO(ENOSYS), number, 0);
	if (arg_count == 1) {
		cmp.arg = (unsigned)call->arg_index;
		cmp.datum_a = call->arg_mask;
		cmp.datum_b = call->arg_value == SANDBOX_SELF
				  ? (uint64_t)getpid()
				  : call->arg_value & call->arg_mask;
	}
	return seccomp_rule_add_array(
	    filter, SCMP_ACT_ALLOW, number, arg_count, &cmp);
}

static enum gw_err
sandbox_add_calls(
    scmp_filter_ctx filter, const struct sandbox_call *calls, int count)
{
	int i, result;

	for (i = 0; i < count; i++) {
		result = sandbox_add_call(filter, &calls[i]);
		if (result == 0 || result == -EEXIST)
			continue;
		log_err("sandbox: rule for %s: %s", calls[i].name,
		    strerror(-result));
		return result == -ENOENT ? GW_EBUG : GW_ESYS;
	}
	return GW_OK;
}

static enum gw_err
sandbox_filter_new(scmp_filter_ctx *out)
{
	scmp_filter_ctx filter;
	int failed = 0;

	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (filter == NULL)
		return sandbox_failed("seccomp_init", ENOMEM);
	failed |= seccomp_attr_set(
	    filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	failed |= seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	/* Set already; the second layer may not call prctl any more. */
	failed |= seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	/* A binary tree: the cost of a call does not grow with the list. */
	failed |= seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (failed != 0) {
		seccomp_release(filter);
		return sandbox_failed("seccomp_attr_set", EINVAL);
	}
	*out = filter;
	return GW_OK;
}

static enum gw_err
sandbox_filter_load(scmp_filter_ctx filter)
{
#ifdef GW_SANITIZED
	(void)filter;
	log_warn("seccomp widened: sanitizer build");
	return GW_OK;
#else
	int result = seccomp_load(filter);

	return result == 0 ? GW_OK : sandbox_failed("seccomp_load", -result);
#endif
}

enum gw_err
sandbox_enter(const struct sandbox_spec *spec)
{
	scmp_filter_ctx filter = NULL;
	enum gw_err err;

	err = sandbox_one_thread();
	if (err == GW_OK)
		err = sandbox_filter_new(&filter);
	if (err != GW_OK)
		return err;
	err = sandbox_add_calls(
	    filter, sandbox_base_calls, sandbox_base_call_count);
	if (err == GW_OK)
		err = sandbox_add_calls(filter, spec->calls, spec->call_count);
	if (err == GW_OK && !spec->deny_fork)
		err = sandbox_add_calls(
		    filter, sandbox_fork_calls, sandbox_fork_call_count);
	if (err == GW_OK)
		err = sandbox_limits(spec);
	if (err == GW_OK)
		err = sandbox_privileges();
	if (err == GW_OK)
		err = sandbox_landlock(spec);
	if (err == GW_OK)
		err = sandbox_filter_load(filter);
	seccomp_release(filter);
	return err;
}

enum gw_err
sandbox_narrow(const struct sandbox_spec *spec, const struct sandbox_call *only,
    int only_count)
{
	scmp_filter_ctx filter = NULL;
	enum gw_err err;

	err = sandbox_filter_new(&filter);
	if (err != GW_OK)
		return err;
	err = sandbox_add_calls(filter, only, only_count);
	if (err == GW_OK)
		err = sandbox_limits(spec);
	if (err == GW_OK)
		err = sandbox_landlock(spec);
	if (err == GW_OK)
		err = sandbox_filter_load(filter);
	seccomp_release(filter);
	return err;
}

/* --- a second layer made beforehand ------------------------------------- */

struct sandbox_filter {
	size_t count;
	struct sock_filter code[];
};

/* libseccomp writes to an fd alone. */
static enum gw_err
sandbox_filter_read(int fd, struct sandbox_filter **out)
{
	struct sandbox_filter *f;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return sandbox_failed("fstat", errno);
	f = mem_alloc(sizeof(*f) + (size_t)st.st_size);
	f->count = (size_t)st.st_size / sizeof(f->code[0]);
	if (f->count == 0 || f->count > BPF_MAXINSNS ||
	    pread(fd, f->code, (size_t)st.st_size, 0) != st.st_size) {
		mem_free(f);
		return sandbox_failed("filter", EINVAL);
	}
	*out = f;
	return GW_OK;
}

enum gw_err
sandbox_filter_make(const struct sandbox_call *only, int only_count,
    struct sandbox_filter **out)
{
	scmp_filter_ctx filter = NULL;
	enum gw_err err;
	int fd, result;

	err = sandbox_filter_new(&filter);
	if (err != GW_OK)
		return err;
	err = sandbox_add_calls(filter, only, only_count);
	fd = memfd_create("filter", MFD_CLOEXEC);
	if (err == GW_OK && fd == -1)
		err = sandbox_failed("memfd_create", errno);
	if (err == GW_OK) {
		result = seccomp_export_bpf(filter, fd);
		err = result == 0 ? sandbox_filter_read(fd, out) :
		    sandbox_failed("seccomp_export_bpf", -result);
	}
	if (fd != -1)
		close(fd);
	seccomp_release(filter);
	return err;
}

void
sandbox_filter_free(struct sandbox_filter *f)
{
	mem_free(f);
}

enum gw_err
sandbox_narrow_to(const struct sandbox_spec *spec,
    const struct sandbox_filter *f)
{
#ifndef GW_SANITIZED
	struct sock_fprog program = {.len = (unsigned short)f->count};
	const struct sock_filter *code = f->code;
#endif
	enum gw_err err;

	err = sandbox_limits(spec);
	if (err == GW_OK)
		err = sandbox_landlock(spec);
#ifndef GW_SANITIZED
	if (err != GW_OK)
		return err;
	/* The kernel only reads, but its type knows nothing of const. */
	memcpy(&program.filter, &code, sizeof(program.filter));
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) != 0)
		return sandbox_failed("seccomp", errno);
#else
	(void)f;
#endif
	return err;
}
