/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/ev.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "policy/table.h"
#include "proto/ipc/control.h"

#include "gatewayd/spool/spool.h"

/* gateway-spool: catalogue, body store and state machine of one gateway. */

#define SPOOL_FDS 4096

struct program {
	struct ev_loop *loop;
	struct ipc_boot boot;
	const struct policy_table *policy;
	struct spool *sp;
	int dir_fds[PROC_DIRS_MAX];
};

/* SQLite opens its files by name: make the spool the working directory. */
static void
spool_enter_dir(void *arg)
{
	struct program *prog = arg;

	if (fchdir(prog->dir_fds[0]) != 0)
		log_fatal("cannot enter the spool's folder: %s",
		    strerror(errno));
}

static void
spool_on_peer(void *arg, const struct ctl_peer *peer, int fd)
{
	struct program *prog = arg;

	if (peer->is_server)
		log_fatal("control: a server after the start");
	spool_add_client(prog->sp, (enum proc_id)peer->proc, fd);
}

static enum gw_err
spool_on_policy(void *arg, int fd)
{
	struct program *prog = arg;
	const struct policy_table *policy = NULL;
	enum gw_err err;

	err = policy_map(fd, &policy);
	close(fd);
	if (err != GW_OK)
		return err;
	spool_set_policy(prog->sp, policy);
	policy_unmap(prog->policy);
	prog->policy = policy;
	return GW_OK;
}

static void
spool_start(struct program *prog, const char *folder)
{
	struct proc_spec spec = {
		.name = "spool",
		.dirs = {{folder, SANDBOX_READ | SANDBOX_WRITE |
		    SANDBOX_MAKE | SANDBOX_REFER, false}},
		.dir_count = 1,
		.uid = prog->boot.start.uid,
		.gid = prog->boot.start.gid,
		.before_sandbox = spool_enter_dir,
		.arg = prog,
	};

	spec.sandbox.calls = sandbox_file_calls;
	spec.sandbox.call_count = sandbox_file_call_count;
	spec.sandbox.deny_fork = true;
	spec.sandbox.max_fds = SPOOL_FDS;
	proc_start(&spec, prog->dir_fds);
}

/* Clients that came with the start; later ones come by CTL_PEER. */
static void
spool_take_clients(struct program *prog)
{
	const struct ctl_peer *peer;
	uint32_t i;

	for (i = 0; i < prog->boot.start.peer_count; i++) {
		peer = &prog->boot.start.peers[i];
		if (peer->is_server || prog->boot.peer_fds[i] == -1)
			continue;
		spool_add_client(prog->sp, (enum proc_id)peer->proc,
		    prog->boot.peer_fds[i]);
		prog->boot.peer_fds[i] = -1;
	}
}

int
main(void)
{
	static const struct ipc_control_ops ops = {
		.on_peer = spool_on_peer,
		.on_policy = spool_on_policy,
	};
	struct program prog = {0};
	struct ipc_chan *control;
	char folder[POLICY_PATH_LEN + 8];
	int keys_fd, audit_fd;

	ipc_boot(PROC_SPOOL, &prog.boot);
	prog.loop = ev_loop_new();
	if (policy_map(prog.boot.policy_fd, &prog.policy) != GW_OK)
		log_fatal("the policy table cannot be used");
	close(prog.boot.policy_fd);
	keys_fd = ipc_boot_take(&prog.boot, PROC_KEYS);
	audit_fd = ipc_boot_take(&prog.boot, PROC_AUDIT);
	if (keys_fd == -1 || audit_fd == -1)
		log_fatal("start: keys and audit are needed");
	mem_put_str(folder, sizeof(folder), prog.policy->zone.state_dir);
	strcat(folder, "/spool");
	spool_start(&prog, folder);
	prog.sp = spool_new(prog.loop, prog.dir_fds[0], prog.policy, keys_fd,
	    audit_fd);
	spool_take_clients(&prog);
	control = ipc_control_new(prog.loop, prog.boot.control_fd, &ops,
	    &prog);
	ev_loop_run(prog.loop);
	ipc_chan_free(control);
	spool_free(prog.sp);
	policy_unmap(prog.policy);
	ev_loop_free(prog.loop);
	return 0;
}
