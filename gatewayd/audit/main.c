/* SPDX-License-Identifier: ISC */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ev.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/sandbox.h"

#include "policy/table.h"
#include "proto/ipc/control.h"
#include "proto/record/audit.h"

#include "gatewayd/audit/server.h"
#include "gatewayd/audit/store.h"

/* The log of its own process: fixed records in, files of one folder out. */
static const struct sandbox_call own_calls[] = {
	{"adjtimex", -1, 0, 0, "clock state in checkpoints; sets nothing"},
	{"clock_adjtime", -1, 0, 0, "adjtimex of glibc"},
};

#define CALLS_MAX 64
#define FDS_MAX 256

struct app {
	struct ev_loop *loop;
	const struct policy_table *policy;
	struct store *store;
	struct server *server;
	struct ipc_chan *control;
	int dirfd;
	bool is_stopping;
};

/* --- our own entries -------------------------------------------------- */

static enum gw_err
app_record(struct app *app, enum audit_event event,
    const struct policy_table *policy, uint64_t torn_bytes)
{
	struct audit_record r = {.event = (uint16_t)event};

	mem_put_str(r.actor, sizeof(r.actor), "audit");
	snprintf(r.detail, sizeof(r.detail), "sekisho %s", GW_VERSION);
	memcpy(r.policy_digest, policy->digest, sizeof(r.policy_digest));
	r.size = torn_bytes;
	return server_record(app->server, &r);
}

/* --- control ---------------------------------------------------------- */

static void
app_on_peer(void *arg, const struct ctl_peer *peer, int fd)
{
	struct app *app = arg;

	if (peer->is_server)
		log_fatal("audit: asks nobody, so %s is no server of it",
		    ipc_proc_name((enum proc_id)peer->proc));
	server_add_client(app->server, fd,
	    ipc_proc_name((enum proc_id)peer->proc));
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
	/* Recorded before it holds. */
	err = app_record(app, AUDIT_POLICY, policy, 0);
	if (err != GW_OK) {
		policy_unmap(policy);
		return err;
	}
	policy_unmap(app->policy);
	app->policy = policy;
	return GW_OK;
}

static void
app_on_stop(void *arg)
{
	struct app *app = arg;

	if (app->is_stopping)
		return;
	app->is_stopping = true;
	if (app_record(app, AUDIT_STOPPED, app->policy, 0) != GW_OK ||
	    server_finish(app->server) != GW_OK)
		log_err("audit: stopped without a last checkpoint; the journal "
		    "has what is missing in it");
	ev_loop_stop(app->loop);
}

/* --- start ------------------------------------------------------------ */

static void
app_sandbox(struct app *app, const struct ipc_boot *boot)
{
	static struct sandbox_call calls[CALLS_MAX];
	char path[POLICY_PATH_LEN + 16];
	int dirs[PROC_DIRS_MAX], used = 0;
	struct proc_spec spec = {
		.name = "audit",
		.dir_count = 1,
		.uid = boot->start.uid,
		.gid = boot->start.gid,
		.sandbox = {.deny_fork = true, .max_fds = FDS_MAX},
	};

	snprintf(path, sizeof(path), "%s/audit", app->policy->zone.state_dir);
	spec.dirs[0] = (struct proc_dir){
		.path = path,
		.rights = SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE,
	};
	sandbox_join(calls, CALLS_MAX, &used, sandbox_file_calls,
	    sandbox_file_call_count);
	sandbox_join(calls, CALLS_MAX, &used, own_calls,
	    (int)(sizeof(own_calls) / sizeof(own_calls[0])));
	spec.sandbox.calls = calls;
	spec.sandbox.call_count = used;
	proc_start(&spec, dirs);
	app->dirfd = dirs[0];
}

static void
app_open(struct app *app, struct ipc_boot *boot)
{
	const char *zone = app->policy->zone.zone;
	uint32_t i;
	enum gw_err err;

	err = store_open(app->dirfd, zone, &app->store);
	if (err != GW_OK)
		log_fatal("audit: without a log nothing may happen: %s",
		    err_text_en(err));
	app->server = server_new(app->loop, app->store);
	err = app_record(app, AUDIT_STARTED, app->policy,
	    store_torn_bytes(app->store));
	if (err != GW_OK)
		log_fatal("audit: the start cannot be recorded: %s",
		    err_text_en(err));
	log_info("audit: log %s, %llu entries", store_key(app->store)->name,
	    (unsigned long long)store_size(app->store));
	for (i = 0; i < boot->start.peer_count; i++) {
		app_on_peer(app, &boot->start.peers[i], boot->peer_fds[i]);
		boot->peer_fds[i] = -1;
	}
}

int
main(void)
{
	static const struct ipc_control_ops ops = {
		.on_peer = app_on_peer,
		.on_policy = app_on_policy,
		.on_stop = app_on_stop,
	};
	struct app app = {.dirfd = -1};
	struct ipc_boot boot;
	enum gw_err err;

	ipc_boot(PROC_AUDIT, &boot);
	/* A terminal's ^C reaches everybody; only the parent's word counts. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	err = policy_map(boot.policy_fd, &app.policy);
	if (err != GW_OK)
		log_fatal("audit: policy table: %s", err_text_en(err));
	io_drop(&boot.policy_fd);
	app.loop = ev_loop_new();
	app_sandbox(&app, &boot);
	app_open(&app, &boot);
	app.control = ipc_control_new(app.loop, boot.control_fd, &ops, &app);
	ev_loop_run(app.loop);
	ipc_chan_free(app.control);
	server_free(app.server);
	store_free(app.store);
	io_drop(&app.dirfd);
	policy_unmap(app.policy);
	ev_loop_free(app.loop);
	return EXIT_SUCCESS;
}
