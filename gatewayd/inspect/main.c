/* SPDX-License-Identifier: ISC */
#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"

#include "proto/ipc/control.h"

#include "gatewayd/inspect/inspect.h"

/* fds of bodies of all open transfers, and the jobs' copies. */
#define INSPECT_FDS_MAX 2048

struct process {
	struct inspect *inspect;
	const struct policy_table *policy;
};

static const struct policy_table *
load_policy(int fd)
{
	const struct policy_table *policy;
	enum gw_err err;

	err = policy_map(fd, &policy);
	io_drop(&fd);
	if (err != GW_OK)
		log_fatal("policy table: %s", err_text_en(err));
	return policy;
}

static void
on_peer(void *arg, const struct ctl_peer *peer, int fd)
{
	struct process *p = arg;

	if (peer->proc < PROC_ZYGOTE ||
	    peer->proc >= PROC_ZYGOTE + STAGE_COUNT || peer->is_server != 1)
		log_fatal("a peer that inspect has no use for: %s",
		    ipc_proc_name((enum proc_id)peer->proc));
	inspect_set_zygote(p->inspect,
	    (enum policy_stage)(peer->proc - PROC_ZYGOTE), fd);
}

static enum gw_err
on_policy(void *arg, int fd)
{
	struct process *p = arg;
	const struct policy_table *old = p->policy;

	p->policy = load_policy(fd);
	inspect_set_policy(p->inspect, p->policy);
	policy_unmap(old);
	return GW_OK;
}

static void
take_zygotes(struct inspect *in, struct ipc_boot *boot)
{
	unsigned stage;
	int fd;

	for (stage = 0; stage < STAGE_COUNT; stage++) {
		fd = ipc_boot_take(boot, (enum proc_id)(PROC_ZYGOTE + stage));
		if (fd != -1)
			inspect_set_zygote(in, (enum policy_stage)stage, fd);
	}
}

int
main(void)
{
	const struct ipc_control_ops control_ops = {
		.on_peer = on_peer,
		.on_policy = on_policy,
	};
	static const struct sandbox_spec sandbox = {
		.deny_fork = true,
		.max_fds = INSPECT_FDS_MAX,
	};
	struct proc_spec spec = {.name = "inspect", .sandbox = sandbox};
	struct inspect_config config = {0};
	struct process process = {0};
	int dir_fds[PROC_DIRS_MAX], spool_fd;
	struct ipc_chan *control;
	struct ipc_boot boot;
	struct ev_loop *loop;

	log_init("inspect");
	ipc_boot(PROC_INSPECT, &boot);
	process.policy = load_policy(boot.policy_fd);
	spool_fd = ipc_boot_take(&boot, PROC_SPOOL);
	if (spool_fd == -1)
		log_fatal("started without spool");
	spec.uid = boot.start.uid;
	spec.gid = boot.start.gid;
	loop = ev_loop_new();
	proc_start(&spec, dir_fds);
	config.policy = process.policy;
	config.is_bench = (boot.start.flags & CTL_FLAG_BENCH) != 0;
	process.inspect = inspect_new(loop, &config, spool_fd);
	take_zygotes(process.inspect, &boot);
	control = ipc_control_new(loop, boot.control_fd, &control_ops,
	    &process);
	ev_loop_run(loop);
	inspect_free(process.inspect);
	ipc_chan_free(control);
	ev_loop_free(loop);
	policy_unmap(process.policy);
	return 0;
}
