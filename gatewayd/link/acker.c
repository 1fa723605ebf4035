/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/ack.h"
#include "gatewayd/link/acker.h"

#define AHEAD_MS 500  /* an ACK is asked for so long before its tick */
#define AGAIN_MS 1000 /* after spool had none to give */
#define QUEUED_MAX                                                             \
	(4 * ACK_LEN) /* a sender that does not read gets no more              \
		       */

struct acker {
	struct link_env *env;
	struct policy_channel channel;
	struct conn *conn; /* NULL: nobody to tell */
	struct ev_timer *timer;
	bool is_asking; /* also while nobody is there: spool answers late */
	bool is_due;    /* the timer runs to a tick; else to asking */
	bool is_first;  /* the next answer leaves at once */
	bool has_ack;
	uint8_t ack[ACK_LEN];
};

static void
put_ack(struct acker *a)
{
	if (conn_queued(a->conn) < QUEUED_MAX)
		buf_put(conn_out(a->conn), a->ack, ACK_LEN);
	conn_flush(a->conn);
}

static void ask(struct acker *, bool waits);

static void
got_ack(void *arg, struct ipc_msg *msg)
{
	struct acker *a = arg;
	struct keys_ack_signed ack;
	bool is_immediate = a->channel.ack == POLICY_ACK_IMMEDIATE;

	memcpy(&ack, msg->body, sizeof(ack));
	a->is_asking = false;
	if (ack.err != GW_OK) {
		log_warn("channel %s: no ACK: %s", a->channel.id,
		    err_text_en((enum gw_err)ack.err));
		if (is_immediate && a->conn != NULL)
			ev_timer_set(a->timer, AGAIN_MS);
		return;
	}
	memcpy(a->ack, ack.bytes, ACK_LEN);
	a->has_ack = true;
	if (a->conn == NULL)
		return;
	if (is_immediate)
		ask(a, true);
	if (is_immediate || a->is_first) {
		a->is_first = false;
		put_ack(a);
	}
}

static void
ask(struct acker *a, bool waits)
{
	struct spool_ack_next next = {.waits = waits};

	if (a->is_asking)
		return;
	a->is_asking = true;
	mem_put_str(next.channel, sizeof(next.channel), a->channel.id);
	link_ask(a->env, SPOOL_ACK_NEXT, &next, sizeof(next), NULL, 0, 0, -1,
	    got_ack, a);
}

static void
on_timer(void *arg)
{
	struct acker *a = arg;
	uint64_t tick = a->channel.ack_tick_ms;
	uint64_t ahead = tick / 2 < AHEAD_MS ? tick / 2 : AHEAD_MS;

	if (a->channel.ack == POLICY_ACK_IMMEDIATE) {
		ask(a, true);
		return;
	}
	if (!a->is_due) {
		a->is_due = true;
		ev_timer_set(a->timer, ahead);
		ask(a, false);
		return;
	}
	a->is_due = false;
	ev_timer_set(a->timer, tick - ahead);
	/* until the first has left there is nothing to repeat */
	if (a->has_ack && !a->is_first)
		put_ack(a);
}

struct acker *
acker_new(struct link_env *env, const struct policy_channel *channel)
{
	struct acker *a = mem_alloc(sizeof(*a));

	a->env = env;
	a->channel = *channel;
	if (a->channel.ack_tick_ms == 0)
		a->channel.ack_tick_ms = AGAIN_MS;
	a->timer = ev_timer_new(env->loop, on_timer, a);
	return a;
}

void
acker_free(struct acker *a)
{
	if (a == NULL)
		return;
	link_forget(a->env, a);
	ev_timer_free(a->timer);
	mem_free(a);
}

void
acker_start(struct acker *a, struct conn *conn)
{
	a->conn = conn;
	a->is_first = true;
	a->is_due = false;
	if (a->channel.ack != POLICY_ACK_IMMEDIATE)
		ev_timer_set(a->timer, a->channel.ack_tick_ms);
	ask(a, false);
}

void
acker_stop(struct acker *a)
{
	a->conn = NULL;
	ev_timer_stop(a->timer);
}
