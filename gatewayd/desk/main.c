/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/sandbox.h"

#include "proto/ipc/control.h"

#include "gatewayd/desk/call.h"
#include "gatewayd/desk/conn.h"
#include "gatewayd/desk/desk.h"
#include "gatewayd/desk/person.h"

/* People's requests in, questions to siblings out; one socket, no files. */
static const struct sandbox_call own_calls[] = {
	{"accept4", -1, 0, 0, "connections to the control socket"},
	{"getsockopt", 1, UINT32_MAX, SOL_SOCKET, "SO_PEERCRED: who asks"},
};

#define CALLS_ROOM 64
#define FDS_MAX 256
#define BACKLOG 64

struct app {
	struct desk desk;
	struct ipc_boot boot;
	int dirs[PROC_DIRS_MAX];
};

/* --- the control socket ------------------------------------------------- */

/*
 * In the run folder, which belongs to us alone, so the name is ours to take
 * from a former run.  Through /proc/self/fd the path is short enough.
 */
static void
app_make_socket(void *arg)
{
	struct app *app = arg;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	person_load_accounts(&app->desk);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s",
	    app->dirs[0], REQUEST_SOCKET);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd == -1)
		log_fatal("desk: socket: %s", strerror(errno));
	if (unlinkat(app->dirs[0], REQUEST_SOCKET, 0) == -1 &&
	    errno != ENOENT)
		log_fatal("desk: the old control socket stays: %s",
		    strerror(errno));
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == -1)
		log_fatal("desk: the control socket cannot be made in "
		    "%s/%s: %s", app->desk.policy->zone.state_dir,
		    REQUEST_SOCKET_DIR, strerror(errno));
	/* Anybody may ask; the permit table says what is answered. */
	if (fchmodat(app->dirs[0], REQUEST_SOCKET, 0666, 0) == -1 ||
	    listen(fd, BACKLOG) == -1)
		log_fatal("desk: control socket: %s", strerror(errno));
	app->desk.listen_fd = fd;
}

/* --- siblings ----------------------------------------------------------- */

static void
app_on_closed(void *arg, struct ipc_chan *chan)
{
	(void)arg;
	/* The parent restarts us with whoever died. */
	log_info("desk: %s is gone, stopping", ipc_chan_peer(chan));
	_exit(EXIT_SUCCESS);
}

static void
app_connect(struct app *app, enum desk_peer peer, enum proc_id id,
    const struct ipc_rule *rules, int count)
{
	int fd = ipc_boot_take(&app->boot, id);

	if (fd == -1)
		log_fatal("desk: started without a channel to %s",
		    ipc_proc_name(id));
	app->desk.peers[peer] = ipc_chan_new(app->desk.loop, fd,
	    ipc_proc_name(id), rules, count, call_on_reply, app_on_closed,
	    &app->desk);
}

static enum gw_err
app_on_policy(void *arg, int fd)
{
	struct app *app = arg;
	const struct policy_table *policy;
	enum gw_err err;

	err = policy_map(fd, &policy);
	io_drop(&fd);
	if (err != GW_OK)
		return err;
	policy_unmap(app->desk.policy);
	app->desk.policy = policy;
	return GW_OK;
}

static void
app_on_other(void *arg, struct ipc_msg *msg)
{
	struct app *app = arg;

	call_on_parent(&app->desk, msg);
}

/* --- start -------------------------------------------------------------- */

static void
app_sandbox(struct app *app)
{
	static struct sandbox_call calls[CALLS_ROOM];
	char path[POLICY_PATH_LEN + 16];
	int used = 0;
	struct proc_spec spec = {
		.name = "desk",
		.dir_count = 1,
		.uid = app->boot.start.uid,
		.gid = app->boot.start.gid,
		.before_sandbox = app_make_socket,
		.arg = app,
		.sandbox = {.deny_fork = true, .max_fds = FDS_MAX},
	};

	snprintf(path, sizeof(path), "%s/%s", app->desk.policy->zone.state_dir,
	    REQUEST_SOCKET_DIR);
	spec.dirs[0] = (struct proc_dir){.path = path,
	    .rights = SANDBOX_READ};
	sandbox_join(calls, CALLS_ROOM, &used, own_calls,
	    (int)(sizeof(own_calls) / sizeof(own_calls[0])));
	spec.sandbox.calls = calls;
	spec.sandbox.call_count = used;
	proc_start(&spec, app->dirs);
}

int
main(void)
{
	static const struct ipc_control_ops ops = {
		.on_policy = app_on_policy,
		.on_other = app_on_other,
	};
	struct app *app = mem_alloc(sizeof(*app));
	struct desk *desk = &app->desk;
	enum gw_err err;

	ipc_boot(PROC_DESK, &app->boot);
	/* A terminal's ^C reaches everybody; only the parent's word counts. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	desk_init(desk);
	err = policy_map(app->boot.policy_fd, &desk->policy);
	if (err != GW_OK)
		log_fatal("desk: policy table: %s", err_text_en(err));
	io_drop(&app->boot.policy_fd);
	desk->is_service = (app->boot.start.flags & CTL_FLAG_SERVICE) != 0;
	desk->own_uid = getuid();
	desk->loop = ev_loop_new();
	app_sandbox(app);
	app_connect(app, DESK_AUDIT, PROC_AUDIT, call_audit_rules,
	    call_audit_rule_count);
	app_connect(app, DESK_KEYS, PROC_KEYS, call_keys_rules,
	    call_keys_rule_count);
	app_connect(app, DESK_SPOOL, PROC_SPOOL, call_spool_rules,
	    call_spool_rule_count);
	desk->peers[DESK_PARENT] = ipc_control_new(desk->loop,
	    app->boot.control_fd, &ops, app);
	conn_listen(desk);
	ev_loop_run(desk->loop);
	desk_clear(desk);
	ipc_chan_free(desk->peers[DESK_PARENT]);
	ipc_chan_free(desk->peers[DESK_SPOOL]);
	ipc_chan_free(desk->peers[DESK_KEYS]);
	ipc_chan_free(desk->peers[DESK_AUDIT]);
	policy_unmap(desk->policy);
	mem_free(desk->accounts);
	ev_loop_free(desk->loop);
	mem_free(app);
	return EXIT_SUCCESS;
}
