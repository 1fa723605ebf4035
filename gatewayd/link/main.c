/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>
#include <sys/socket.h>
#include <stdio.h>
#include <string.h>

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

#define LEAVE_MS   500     /* to let the last bytes out before leaving */
#define REFRESH_MS 3600000 /* receive keys change with the months */

/* What a channel's connections depend on; other changes leave them alone. */
struct running {
	struct policy_channel policy;
	uint32_t state; /* enum channel_state */
	uint8_t peer_sign_pub[32];
	uint8_t peer_pin[32];
};

/* TCP ports of the channels of one role. */
struct ports {
	uint16_t port[POLICY_CHANNELS_MAX];
	int count;
};

struct state {
	struct link_env env;
	const struct policy_table *policy;
	struct ipc_chan *control;
	uint8_t pin[IDENTITY_PIN_LEN];
	struct running running[POLICY_CHANNELS_MAX];
	int running_count;
	struct sender *senders[POLICY_CHANNELS_MAX];
	int sender_count;
	struct receiver *receiver;
	struct ev_timer *leave, *refresh;
	bool is_leaving, has_port_rules;
	struct ports reach, take; /* what Landlock allows */
};

static const struct sandbox_call link_calls[] = {
#define ANY -1, 0, 0
    {"socket", 0, UINT32_MAX, AF_INET, "carrier connections"},
    {"socket", 0, UINT32_MAX, AF_INET6, "carrier connections"},
    {"bind", ANY, "the address of a receiver channel"},
    {"listen", ANY, "the address of a receiver channel"},
    {"accept4", ANY, "connections of paired senders"},
    {"connect", ANY, "the peer's address of a sender channel"},
    {"getsockopt", 1, UINT32_MAX, SOL_SOCKET, "did connect() succeed?"},
    {"setsockopt", 1, UINT32_MAX, SOL_SOCKET, "SO_REUSEADDR"},
    {"setsockopt", 1, UINT32_MAX, IPPROTO_TCP,
	"TCP_NODELAY, TCP_NOTSENT_LOWAT"},
    {"setsockopt", 1, UINT32_MAX, IPPROTO_IPV6, "IPV6_V6ONLY"},
#undef ANY
};

/* --- channels ------------------------------------------------------ */

static void
clear_channels(struct state *st)
{
	for (int i = 0; i < st->sender_count; i++)
		sender_free(st->senders[i]);
	st->sender_count = 0;
	receiver_free(st->receiver);
	st->receiver = NULL;
}

static void
open_channel(struct state *st, const struct policy_channel *ch,
    const struct keys_channel *info)
{
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

static int
list_channels(const struct policy_table *policy,
    const struct keys_channel *infos, uint32_t count,
    struct running out[POLICY_CHANNELS_MAX])
{
	const struct policy_channel *ch;
	int n = 0;

	memset(out, 0, POLICY_CHANNELS_MAX * sizeof(*out));
	for (uint32_t i = 0; i < count; i++) {
		ch = policy_find_channel(policy, infos[i].id);
		if (ch == NULL || ch->carrier != POLICY_TLS)
			continue;
		out[n].policy = *ch;
		out[n].state = infos[i].state;
		memcpy(out[n].peer_sign_pub, infos[i].peer_sign_pub, 32);
		memcpy(out[n].peer_pin, infos[i].peer_pin, 32);
		n++;
	}
	return n;
}

static void
got_channels(void *arg, struct ipc_msg *msg)
{
	struct state *st = arg;
	const struct keys_channel *infos = msg->elems;
	const struct policy_channel *ch;
	struct running now[POLICY_CHANNELS_MAX];
	struct ipc_status status;
	int n;

	memcpy(&status, msg->body, sizeof(status));
	if (status.err != GW_OK)
		log_fatal("the spool names no channels: %s",
		    err_text_en((enum gw_err)status.err));
	if (st->is_leaving)
		return;
	n = list_channels(st->policy, infos, msg->count, now);
	if (st->receiver != NULL && n == st->running_count &&
	    memcmp(now, st->running, sizeof(now)) == 0) {
		for (uint32_t i = 0; i < msg->count; i++)
			receiver_update(st->receiver, &infos[i]);
		return;
	}
	memcpy(st->running, now, sizeof(now));
	st->running_count = n;
	clear_channels(st);
	st->receiver = receiver_new(&st->env);
	for (uint32_t i = 0; i < msg->count; i++) {
		ch = policy_find_channel(st->policy, infos[i].id);
		if (ch != NULL && ch->carrier == POLICY_TLS)
			open_channel(st, ch, &infos[i]);
	}
}

static void
ask_channels(struct state *st)
{
	struct spool_link_hello hello;

	memcpy(hello.pin, st->pin, sizeof(hello.pin));
	link_ask(&st->env, SPOOL_LINK_HELLO, &hello, sizeof(hello), NULL, 0, 0,
	    -1, got_channels, st);
	ev_timer_set(st->refresh, REFRESH_MS);
}

static void
on_refresh(void *arg)
{
	ask_channels(arg);
}

/* --- ports --------------------------------------------------------- */

static void
list_ports(const struct policy_table *policy, uint32_t role, struct ports *out)
{
	struct sockaddr_storage sa;
	socklen_t len;

	out->count = 0;
	for (uint32_t i = 0; i < policy->channel_count; i++)
		if (policy->channels[i].role == role &&
		    address_parse(policy->channels[i].address, &sa, &len) ==
			GW_OK)
			out->port[out->count++] = (uint16_t)address_port(&sa);
}

static bool
are_within(const struct ports *some, const struct ports *all)
{
	for (int i = 0; i < some->count; i++) {
		int j = 0;

		while (j < all->count && all->port[j] != some->port[i])
			j++;
		if (j == all->count)
			return false;
	}
	return true;
}

/* Landlock's rules cannot be widened: a new port takes a new process. */
static bool
needs_restart(const struct state *st)
{
	struct ports reach, take;

	list_ports(st->policy, POLICY_SENDER, &reach);
	list_ports(st->policy, POLICY_RECEIVER, &take);
	return st->has_port_rules && (!are_within(&reach, &st->reach) ||
					 !are_within(&take, &st->take));
}

/* --- control ------------------------------------------------------- */

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

	st->is_leaving = true;
	for (int i = 0; i < st->sender_count; i++)
		sender_finish(st->senders[i]);
	ev_timer_set(st->leave, st->sender_count > 0 ? LEAVE_MS : 0);
}

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
	if (needs_restart(st)) {
		log_info("the policy names new ports: starting anew");
		on_stop(st);
	} else {
		ask_channels(st);
	}
	return GW_OK;
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

/* --- start --------------------------------------------------------- */

static void
enter(const struct ipc_boot *boot, struct state *st)
{
	struct sandbox_call calls[64];
	char dir[POLICY_PATH_LEN + 8];
	int dirs[PROC_DIRS_MAX], n = 0;
	struct proc_spec spec = {.name = "link",
	    .uid = boot->start.uid,
	    .gid = boot->start.gid,
	    .dir_count = 1};

	snprintf(dir, sizeof(dir), "%s/link", st->policy->zone.state_dir);
	spec.dirs[0] = (struct proc_dir){
	    .path = dir, .rights = SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE};
	sandbox_join(
	    calls, 64, &n, sandbox_file_calls, sandbox_file_call_count);
	sandbox_join(calls, 64, &n, link_calls,
	    (int)(sizeof(link_calls) / sizeof(*link_calls)));
	list_ports(st->policy, POLICY_SENDER, &st->reach);
	list_ports(st->policy, POLICY_RECEIVER, &st->take);
	st->has_port_rules = sandbox_landlock_abi() >= 4;
	spec.sandbox = (struct sandbox_spec){.calls = calls,
	    .call_count = n,
	    .deny_fork = true,
	    .connect_ports = st->reach.port,
	    .connect_port_count = st->reach.count,
	    .bind_ports = st->take.port,
	    .bind_port_count = st->take.count,
	    .max_fds = 4096};
	proc_start(&spec, dirs);
	if (identity_open(dirs[0], &st->env.tls, st->pin) != GW_OK)
		log_fatal("the transport key cannot be made or read; is %s "
			  "writable and whole?",
		    dir);
}

static void
leave(struct state *st)
{
	clear_channels(st);
	ipc_chan_free(st->control);
	ipc_chan_free(st->env.spool);
	link_env_clear(&st->env);
	ev_timer_free(st->leave);
	ev_timer_free(st->refresh);
	SSL_CTX_free(st->env.tls);
	ev_loop_free(st->env.loop);
	policy_unmap(st->policy);
}

int
main(void)
{
	static const struct ipc_control_ops control = {
	    .on_policy = on_policy, .on_stop = on_stop};
	struct ipc_boot boot;
	static struct state st;

	ipc_boot(PROC_LINK, &boot);
	identity_init();
	link_env_init(&st.env);
	if (policy_map(boot.policy_fd, &st.policy) != GW_OK)
		log_fatal("the policy table does not map");
	io_drop(&boot.policy_fd);
	st.env.loop = ev_loop_new();
	enter(&boot, &st);
	st.env.spool =
	    ipc_chan_new(st.env.loop, ipc_boot_take(&boot, PROC_SPOOL), "spool",
		link_rules, link_rule_count, on_answer, on_spool_closed, &st);
	st.leave = ev_timer_new(st.env.loop, on_leave, &st);
	st.refresh = ev_timer_new(st.env.loop, on_refresh, &st);
	ask_channels(&st);
	st.control =
	    ipc_control_new(st.env.loop, boot.control_fd, &control, &st);
	ev_loop_run(st.env.loop);
	leave(&st);
	return 0;
}
