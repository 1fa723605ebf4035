/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "proto/ipc/control.h"
#include "gatewayd/keys/keyd.h"

#define CALLS_MAX 64

struct program {
	struct keyd *k;
	const struct policy_table *policy;
};

/* --- clients ------------------------------------------------------------ */

static void
add_peer(struct program *p, uint32_t proc, int fd)
{
	switch (proc) {
	case PROC_COURIER:
		keyd_add_client(p->k, CLIENT_COURIER, STAGE_COUNT, fd);
		return;
	case PROC_SPOOL:
		keyd_add_client(p->k, CLIENT_SPOOL, STAGE_COUNT, fd);
		return;
	case PROC_DESK:
		keyd_add_client(p->k, CLIENT_DESK, STAGE_COUNT, fd);
		return;
	default:
		break;
	}
	if (proc < PROC_ZYGOTE || proc >= PROC_ZYGOTE + STAGE_COUNT)
		log_fatal("peer %u has nothing to do here", proc);
	keyd_add_client(p->k, CLIENT_ZYGOTE,
	    (enum policy_stage)(proc - PROC_ZYGOTE), fd);
}

static void
on_peer(void *arg, const struct ctl_peer *peer, int fd)
{
	if (peer->is_server)
		log_fatal("peer %u comes as a server", peer->proc);
	add_peer(arg, peer->proc, fd);
}

static enum gw_err
on_policy(void *arg, int fd)
{
	const struct policy_table *table = NULL;
	struct program *p = arg;
	enum gw_err err;

	err = policy_map(fd, &table);
	io_drop(&fd);
	if (err != GW_OK) {
		log_err("policy: not taken: %s", err_text_en(err));
		return err;
	}
	keyd_set_policy(p->k, table);
	policy_unmap(p->policy);
	p->policy = table;
	return GW_OK;
}

/* --- start -------------------------------------------------------------- */

/* The loader checked the path; here it must only fit. */
static void
state_path(const struct policy_table *t, char *out, size_t size)
{
	int n = snprintf(out, size, "%s/keys", t->zone.state_dir);

	if (n < 0 || (size_t)n >= size)
		log_fatal("state_dir is too long");
}

static int
enter(const struct ipc_boot *boot, const struct policy_table *t)
{
	static struct sandbox_call calls[CALLS_MAX];
	static char path[POLICY_PATH_LEN + 8];
	struct proc_spec spec = {
		.name = "keys",
		.dir_count = 1,
		.uid = boot->start.uid,
		.gid = boot->start.gid,
		.lock_memory = true,
	};
	int fds[PROC_DIRS_MAX], used = 0;

	state_path(t, path, sizeof(path));
	spec.dirs[0].path = path;
	spec.dirs[0].rights = SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE;
	sandbox_join(calls, CALLS_MAX, &used, sandbox_file_calls,
	    sandbox_file_call_count);
	spec.sandbox.calls = calls;
	spec.sandbox.call_count = used;
	spec.sandbox.deny_fork = true;
	proc_start(&spec, fds);
	return fds[0];
}

static void
add_boot_peers(struct program *p, struct ipc_boot *boot)
{
	uint32_t i;

	for (i = 0; i < boot->start.peer_count; i++) {
		if (boot->peer_fds[i] == -1)
			continue;
		add_peer(p, boot->start.peers[i].proc, boot->peer_fds[i]);
		boot->peer_fds[i] = -1;
	}
}

int
main(void)
{
	static const struct ipc_control_ops ops = {
		.on_peer = on_peer,
		.on_policy = on_policy,
	};
	struct program p = {NULL, NULL};
	struct ipc_chan *control;
	struct ipc_boot boot;
	struct ev_loop *loop;
	enum gw_err err;
	int audit, dir;

	ipc_boot(PROC_KEYS, &boot);
	err = policy_map(boot.policy_fd, &p.policy);
	if (err != GW_OK)
		log_fatal("policy: cannot be used: %s", err_text_en(err));
	io_drop(&boot.policy_fd);
	audit = ipc_boot_take(&boot, PROC_AUDIT);
	if (audit == -1)
		log_fatal("no channel to audit");
	loop = ev_loop_new();
	dir = enter(&boot, p.policy);
	p.k = keyd_new(loop, p.policy, dir, audit);
	add_boot_peers(&p, &boot);
	control = ipc_control_new(loop, boot.control_fd, &ops, &p);
	ev_loop_run(loop);
	keyd_free(p.k);
	ipc_chan_free(control);
	policy_unmap(p.policy);
	ev_loop_free(loop);
	return 0;
}
