/* SPDX-License-Identifier: ISC */
#include <sys/inotify.h>
#include <errno.h>
#include <string.h>

#include "base/ev.h"
#include "base/io.h"
#include "base/log.h"
#include "base/proc.h"
#include "proto/ipc/control.h"

#include "gatewayd/courier/courier.h"

#define CALLS_MAX 128

struct state {
	struct courier *courier;
	struct ev_loop *loop;
	const struct policy_table *policy;
};

static const struct sandbox_call courier_calls[] = {
	{"inotify_add_watch", -1, 0, 0, "drop folders, as they appear"},
	{"inotify_rm_watch", -1, 0, 0, "drop folders that went"},
	{"faccessat2", -1, 0, 0, "may a folder of a set be emptied?"},
	{"faccessat", -1, 0, 0, "the same on older kernels"},
	{"fsetxattr", -1, 0, 0, "default ACL of the drop folders it makes"},
	{"syncfs", -1, 0, 0, "many small files made durable at once"},
	{"utimensat", -1, 0, 0, "delivered files keep their time"},
};

static enum gw_err
on_policy(void *arg, int fd)
{
	struct state *state = arg;
	const struct policy_table *policy;
	enum gw_err err;

	err = policy_map(fd, &policy);
	io_drop(&fd);
	if (err != GW_OK)
		return err;
	courier_policy(state->courier, policy);
	policy_unmap(state->policy);
	state->policy = policy;
	return GW_OK;
}

static void
enter(const struct ipc_boot *boot, const struct policy_table *policy,
    int dir_fds[PROC_DIRS_MAX])
{
	struct sandbox_call calls[CALLS_MAX];
	int count = 0;
	bool keeps_ids = boot->start.uid == UINT32_MAX;
	struct proc_spec spec = {
		.name = "courier",
		.dir_count = 1,
		.uid = keeps_ids ? (uid_t)-1 : (uid_t)boot->start.uid,
		.gid = keeps_ids ? (gid_t)-1 : (gid_t)boot->start.gid,
	};

	sandbox_join(calls, CALLS_MAX, &count, sandbox_file_calls,
	    sandbox_file_call_count);
	sandbox_join(calls, CALLS_MAX, &count, courier_calls,
	    (int)(sizeof(courier_calls) / sizeof(courier_calls[0])));
	spec.dirs[0] = (struct proc_dir){
		.path = policy->zone.folders,
		.rights = SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE |
		    SANDBOX_REFER | SANDBOX_MOVE,
	};
	spec.sandbox.calls = calls;
	spec.sandbox.call_count = count;
	spec.sandbox.deny_fork = true;
	spec.sandbox.max_fds = 4096;
	proc_start(&spec, dir_fds);
}

int
main(void)
{
	const struct ipc_control_ops ops = {.on_policy = on_policy};
	int dir_fds[PROC_DIRS_MAX], keys_fd, spool_fd, inotify_fd;
	struct state state = {0};
	struct ipc_boot boot;
	struct ipc_chan *control;
	enum gw_err err;

	ipc_boot(PROC_COURIER, &boot);
	keys_fd = ipc_boot_take(&boot, PROC_KEYS);
	spool_fd = ipc_boot_take(&boot, PROC_SPOOL);
	if (keys_fd == -1 || spool_fd == -1)
		log_fatal("started without keys or spool");
	err = policy_map(boot.policy_fd, &state.policy);
	io_drop(&boot.policy_fd);
	if (err != GW_OK)
		log_fatal("policy: %s", err_text_en(err));
	state.loop = ev_loop_new();
	inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (inotify_fd == -1)
		log_warn("inotify is not to be had (%s): folders are only "
		    "scanned", strerror(errno));
	enter(&boot, state.policy, dir_fds);
	state.courier = courier_new(state.loop, dir_fds[0], inotify_fd,
	    keys_fd, spool_fd, state.policy, &courier_opts_default);
	control = ipc_control_new(state.loop, boot.control_fd, &ops, &state);
	ev_loop_run(state.loop);
	courier_free(state.courier);
	ipc_chan_free(control);
	policy_unmap(state.policy);
	ev_loop_free(state.loop);
	return 0;
}
