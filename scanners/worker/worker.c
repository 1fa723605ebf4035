/* SPDX-License-Identifier: ISC */
#include <sys/sysinfo.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/sha256.h"

#include "proto/ipc/control.h"
#include "proto/parcel/body.h"

#include "scanners/worker/child.h"
#include "scanners/worker/zygote.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))
#define INT_ARG 0xffffffffu

/* Workers' slots together take at most this part of the memory. */
#define SLOT_MEMORY_PART 2

#define WORKER_CALLS_MAX 192

/* Per job: the body, a pidfd, and one that a job in waiting holds. */
#define WORKER_FDS_MAX 4096

struct start {
	const struct worker_ops *ops;
	const struct policy_table *policy;
	struct ipc_boot boot;
	struct slots slots;
	struct worker_versions versions;
	struct sandbox_filter *filter;
	uint64_t slot_bytes;
	uint64_t base_memory;
	uint32_t workers;
	int dir_fds[PROC_DIRS_MAX];
};

/* What a zygote does beyond the base list and sandbox_fork_calls. */
static const struct sandbox_call start_calls[] = {
	{"close_range", -1, 0, 0, "a worker keeps its own fds alone"},
	{"dup3", -1, 0, 0, "a worker's folder in place of the control fd"},
	{"prctl", 0, INT_ARG, 1, "PR_SET_PDEATHSIG: no worker without zygote"},
	{"prlimit64", 0, INT_ARG, 0, "a worker lowers its own limits"},
};

static const struct sandbox_call start_slot_calls[] = {
	{"openat", -1, 0, 0, "workers' folders; Landlock decides which"},
	{"openat2", -1, 0, 0, "workers' folders; Landlock decides which"},
	{"newfstatat", -1, 0, 0, "emptying workers' folders"},
	{"getdents64", -1, 0, 0, "emptying workers' folders"},
	{"unlinkat", -1, 0, 0, "emptying workers' folders"},
	{"fchmodat", -1, 0, 0, "emptying workers' folders"},
};

static uint64_t
start_slot_bytes(const struct start *s)
{
	uint64_t bytes = s->ops->slot_bytes;
	struct sysinfo info;

	if (bytes == 0 || sysinfo(&info) != 0)
		return bytes;
	if (bytes > (uint64_t)info.totalram * info.mem_unit /
	    SLOT_MEMORY_PART / s->workers)
		bytes = (uint64_t)info.totalram * info.mem_unit /
		    SLOT_MEMORY_PART / s->workers;
	return bytes & ~UINT64_C(4095);
}

static void
start_slots_root(void *arg)
{
	struct start *s = arg;

	s->slots.root_fd = -1;
	if (s->ops->slot_bytes != 0)
		slot_mount_root(&s->slots, s->workers, s->slot_bytes,
		    s->boot.start.uid, s->boot.start.gid);
}

/* One name per zone: several zones may run as one user. */
static void
start_slots_user(struct start *s)
{
	const char *dir = s->policy->zone.state_dir;
	uint8_t hash[SHA256_LEN];
	char name[24];

	if (sha256_of(dir, strlen(dir), hash) != GW_OK)
		log_fatal("cannot hash the name of the state folder");
	snprintf(name, sizeof(name), "%02x%02x%02x%02x-%s", hash[0], hash[1],
	    hash[2], hash[3], policy_stage_name(s->ops->stage));
	slot_mount_user(&s->slots, s->workers, s->slot_bytes, name);
	/* The row of dirs stood for it until now. */
	io_drop(&s->dir_fds[0]);
	s->dir_fds[0] = s->slots.root_fd;
}

/* Workers have no way to write but their report. */
static void
start_null_stdio(void)
{
#ifndef GW_SANITIZED
	int i, fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd == -1)
		log_fatal("cannot open /dev/null");
	for (i = 0; i < 3; i++) {
		if (dup2(fd, i) == -1)
			log_fatal("cannot put /dev/null in place of fd %d", i);
	}
	close(fd);
#endif
}

static uint64_t
start_memory_now(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL || fscanf(f, "%lu", &pages) != 1)
		log_fatal("cannot read /proc/self/statm");
	fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/*
 * Libraries that show dates would read the zone's file in every worker; a
 * zone without a file is kept in memory.
 */
static void
start_time_zone(void)
{
	if (setenv("TZ", "UTC0", 1) != 0)
		log_fatal("cannot set TZ");
	tzset();
}

/*
 * libcrypto looks up its algorithms at their first use.  Once here, and no
 * worker has to: that is a fifth of the life of one with a small file.
 */
static void
start_warm_crypto(void)
{
	static const uint8_t key[32], id[BODY_ID_LEN];
	uint8_t plain[BODY_ALIGN] = {0}, cipher[BODY_ALIGN];
	uint8_t entry[BODY_ENTRY_LEN], root[32];
	struct body_cipher *c = NULL;

	if (body_cipher_new(key, id, &c) != GW_OK ||
	    body_seal_chunk(c, 0, true, plain, sizeof(plain), cipher, entry)
	    != GW_OK ||
	    body_open_chunk(c, 0, true, cipher, sizeof(cipher), entry, plain)
	    != GW_OK || body_table_root(entry, 1, root) != GW_OK)
		log_fatal("libcrypto does not work");
	body_cipher_free(c);
}

static void
start_prepare(void *arg)
{
	struct start *s = arg;

	start_time_zone();
	start_warm_crypto();
	if (s->ops->slot_bytes != 0)
		start_slots_user(s);
	if (s->ops->prepare != NULL)
		s->ops->prepare(s->policy, s->ops->slot_bytes == 0 ? NULL :
		    s->slots.root, &s->versions);
	s->filter = child_filter(s->ops);
	start_null_stdio();
	s->base_memory = start_memory_now();
}

static void
start_sandbox(struct start *s)
{
	struct sandbox_call calls[WORKER_CALLS_MAX];
	struct proc_spec spec = {
		.name = ipc_proc_name(PROC_ZYGOTE + (unsigned)s->ops->stage),
		.uid = s->boot.start.uid,
		.gid = s->boot.start.gid,
		.before_drop = start_slots_root,
		.before_sandbox = start_prepare,
		.arg = s,
		.sandbox = {
			.calls = calls,
			.max_fds = WORKER_FDS_MAX,
		},
	};
	int count = 0;

	sandbox_join(calls, WORKER_CALLS_MAX, &count, sandbox_narrow_calls,
	    sandbox_narrow_call_count);
	sandbox_join(calls, WORKER_CALLS_MAX, &count, start_calls,
	    COUNT(start_calls));
	if (s->ops->call_count > 0)
		sandbox_join(calls, WORKER_CALLS_MAX, &count, s->ops->calls,
		    s->ops->call_count);
	if (s->ops->slot_bytes != 0) {
		sandbox_join(calls, WORKER_CALLS_MAX, &count,
		    start_slot_calls, COUNT(start_slot_calls));
		spec.dirs[0].path = "/dev/shm";
		spec.dirs[0].rights = SANDBOX_READ | SANDBOX_WRITE |
		    SANDBOX_MAKE;
		spec.dir_count = 1;
	}
	spec.sandbox.call_count = count;
	proc_start(&spec, s->dir_fds);
}

struct running {
	struct zygote *zygote;
};

/* inspect was started anew. */
static void
running_on_peer(void *arg, const struct ctl_peer *peer, int fd)
{
	struct running *r = arg;

	if (peer->proc != PROC_INSPECT || peer->is_server != 0)
		log_fatal("a peer that zygotes have no use for: %s",
		    ipc_proc_name(peer->proc));
	zygote_serve(r->zygote, fd);
}

static void
running_on_stop(void *arg)
{
	struct running *r = arg;

	zygote_drain(r->zygote);
}

static void
start_load_policy(struct start *s)
{
	enum gw_err err;

	err = policy_map(s->boot.policy_fd, &s->policy);
	if (err != GW_OK)
		log_fatal("policy table: %s", err_text_en(err));
	s->workers = s->policy->zone.workers;
	if (s->workers == 0 || s->workers > SLOT_MAX)
		log_fatal("policy table: %u workers", s->workers);
	/* One small file beside the big ones: inspect asks one more. */
	if (s->workers < SLOT_MAX)
		s->workers++;
	s->slot_bytes = start_slot_bytes(s);
}

_Noreturn void
worker_main(const struct worker_ops *ops)
{
	static struct start start;
	struct ev_loop *loop;
	struct running running = {0};
	struct zygote_config config = {0};
	const struct ipc_control_ops control_ops = {
		.on_peer = running_on_peer,
		.on_stop = running_on_stop,
	};
	struct ipc_chan *control;
	int keys_fd, inspect_fd;

	log_init(ipc_proc_name(PROC_ZYGOTE + (unsigned)ops->stage));
	start.ops = ops;
	ipc_boot(PROC_ZYGOTE + (unsigned)ops->stage, &start.boot);
	start_load_policy(&start);
	keys_fd = ipc_boot_take(&start.boot, PROC_KEYS);
	inspect_fd = ipc_boot_take(&start.boot, PROC_INSPECT);
	if (keys_fd == -1)
		log_fatal("started without keys");
	loop = ev_loop_new();
	start_sandbox(&start);
	config.ops = ops;
	config.filter = start.filter;
	config.slots = ops->slot_bytes == 0 ? NULL : &start.slots;
	config.versions = start.versions;
	config.workers = start.workers;
	config.base_memory = start.base_memory;
	running.zygote = zygote_new(loop, &config, keys_fd);
	if (inspect_fd != -1)
		zygote_serve(running.zygote, inspect_fd);
	control = ipc_control_new(loop, start.boot.control_fd, &control_ops,
	    &running);
	ev_loop_run(loop);
	zygote_free(running.zygote);
	ipc_chan_free(control);
	ev_loop_free(loop);
	policy_unmap(start.policy);
	/* No exit handlers: libraries' would take engines apart for seconds. */
	_exit(0);
}
