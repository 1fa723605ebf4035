/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "proto/ipc/control.h"
#include "gatewayd/link/address.h"
#include "gatewayd/link/identity.h"
#include "gatewayd/link/link.h"
#include "gatewayd/link/receiver.h"
#include "gatewayd/link/sender.h"

#define CARRY_ON_MS 500 /* to let the last bytes out before leaving */

struct state {
	struct link_env env;
	const struct policy_table *policy;
	struct ipc_chan *control;
	uint8_t pin[IDENTITY_PIN_LEN];
	struct sender *senders[POLICY_CHANNELS_MAX];
	int sender_count;
	struct receiver *receiver;
	struct ev_timer *leave;
};

static const struct sandbox_call link_calls[] = {
#define ANY -1, 0, 0
	{"socket", 0, UINT64_MAX, AF_INET, "carrier connections"},
	{"socket", 0, UINT64_MAX, AF_INET6, "carrier connections"},
	{"bind", ANY, "the address of a receiver channel"},
	{"listen", ANY, "the address of a receiver channel"},
	{"accept4", ANY, "connections of paired senders"},
	{"connect", ANY, "the peer's address of a sender channel"},
	{"getsockopt", 1, UINT64_MAX, SOL_SOCKET, "did connect() succeed?"},
	{"setsockopt", 1, UINT64_MAX, SOL_SOCKET, "SO_REUSEADDR"},
	{"setsockopt", 1, UINT64_MAX, IPPROTO_TCP, "TCP_NODELAY"},
	{"getpeername", ANY, "libssl asks whether its socket is connected"},
#undef ANY
};

/* --- channels ---------------------------------------------------------------------- */

static void
clear_channels(struct state *st)
{
	for (int i = 0; i < st->sender_count; i++)
		sender_free(st->senders[i]);
	st->sender_count = 0;
	receiver_free(st->receiver);
	st->receiver = receiver_new(&st->env);
}

static void
open_channel(struct state *st, const struct keys_channel *info)
{
	const struct policy_channel *ch =
	    policy_find_channel(st->policy, info->id);

	if (ch == NULL || ch->carrier != POLICY_TLS)
		return;
	if (info->state != CHANNEL_OPEN) {
		link_report(&st->env, info->id, LINK_DOWN, 0,
		    info->state == CHANNEL_FROZEN ? "the channel is frozen"
						  : "not paired yet");
		return;
	}
	if (ch->role == POLICY_SENDER)
		st->senders[st->sender_count++] =
		    sender_new(&st->env, ch, info);
	else
		receiver_add(st->receiver, ch, info);
}

static void
got_channels(void *arg, struct ipc_msg *msg)
{
	struct state *st = arg;
	const struct keys_channel *info = msg->elems;
	struct ipc_status status;

	memcpy(&status, msg->body, sizeof(status));
	if (status.err != GW_OK)
		log_fatal("the spool names no channels: %s",
		    err_text_en((enum gw_err)status.err));
	clear_channels(st);
	for (uint32_t i = 0; i < msg->count; i++)
		open_channel(st, &info[i]);
}

static void
ask_channels(struct state *st)
{
	struct spool_link_hello hello;

	memcpy(hello.pin, st->pin, sizeof(hello.pin));
	link_ask(&st->env, SPOOL_LINK_HELLO, &hello, sizeof(hello), NULL, 0, 0,
	    -1, got_channels, st);
}

/* --- control --------------------------------------------------------------------------- */

static enum gw_err
on_policy(void *arg, int fd)
{
	struct state *st = arg;
	const struct policy_table *table;
	enum gw_err err = policy_map(fd, &table);

	io_drop(&fd);
	if (err != GW_OK)
		return err;
	policy_unmap(st->policy);
	st->policy = table;
	ask_channels(st);
	return GW_OK;
}

static void
on_leave(void *arg)
{
	struct state *st = arg;

	ev_loop_stop(st->env.loop);
}

static void
on_stop(void *arg)
{
	struct state *st = arg;

	for (int i = 0; i < st->sender_count; i++)
		sender_finish(st->senders[i]);
	ev_timer_set(st->leave, st->sender_count > 0 ? CARRY_ON_MS : 0);
}

static void
on_answer(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	struct state *st = arg;

	(void)chan;
	link_answered(&st->env, msg);
}

static void
on_spool_closed(void *arg, struct ipc_chan *chan)
{
	(void)arg;
	(void)chan;
	log_fatal("the spool is gone");
}

/* Ports of the channels of one role: what Landlock lets link reach or take. */
static int
list_ports(const struct policy_table *policy, uint32_t role, uint16_t *ports)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int n = 0;

	for (uint32_t i = 0; i < policy->channel_count; i++)
		if (policy->channels[i].role == role &&
		    address_parse(policy->channels[i].address, &sa, &len) ==
			GW_OK)
			ports[n++] = (uint16_t)address_port(&sa);
	return n;
}

static void
enter(const struct ipc_boot *boot, struct state *st)
{
	struct sandbox_call calls[64];
	uint16_t reach[POLICY_CHANNELS_MAX], take[POLICY_CHANNELS_MAX];
	char dir[POLICY_PATH_LEN + 8];
	int dirs[PROC_DIRS_MAX], n = 0;
	struct proc_spec spec = {.name = "link",
	    .uid = boot->start.uid,
	    .gid = boot->start.gid,
	    .dir_count = 1};

	snprintf(dir, sizeof(dir), "%s/link", st->policy->zone.state_dir);
	spec.dirs[0] = (struct proc_dir){.path = dir,
	    .rights = SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE};
	for (int i = 0; i < sandbox_file_call_count; i++)
		calls[n++] = sandbox_file_calls[i];
	for (size_t i = 0; i < sizeof(link_calls) / sizeof(*link_calls); i++)
		calls[n++] = link_calls[i];
	spec.sandbox = (struct sandbox_spec){.calls = calls,
	    .call_count = n,
	    .deny_fork = true,
	    .connect_ports = reach,
	    .connect_port_count = list_ports(st->policy, POLICY_SENDER, reach),
	    .bind_ports = take,
	    .bind_port_count = list_ports(st->policy, POLICY_RECEIVER, take),
	    .max_fds = 1024};
	proc_start(&spec, dirs);
	if (identity_open(dirs[0], &st->env.tls, st->pin) != GW_OK)
		log_fatal("the transport key cannot be made or read; is %s "
			  "writable and whole?",
		    dir);
}

int
main(void)
{
	static const struct ipc_control_ops control = {
	    .on_policy = on_policy, .on_stop = on_stop};
	struct ipc_boot boot;
	struct state st = {0};

	ipc_boot(PROC_LINK, &boot);
	link_env_init(&st.env);
	if (policy_map(boot.policy_fd, &st.policy) != GW_OK)
		log_fatal("the policy table does not map");
	io_drop(&boot.policy_fd);
	st.env.loop = ev_loop_new();
	enter(&boot, &st);
	st.env.spool = ipc_chan_new(st.env.loop,
	    ipc_boot_take(&boot, PROC_SPOOL), "spool", link_rules,
	    link_rule_count, on_answer, on_spool_closed, &st);
	st.leave = ev_timer_new(st.env.loop, on_leave, &st);
	st.receiver = receiver_new(&st.env);
	ask_channels(&st);
	st.control = ipc_control_new(st.env.loop, boot.control_fd, &control,
	    &st);
	ev_loop_run(st.env.loop);
	clear_channels(&st);
	return 0;
}
