/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/spool/channels.h"
#include "gatewayd/spool/held.h"
#include "gatewayd/spool/quota.h"
#include "gatewayd/spool/timers.h"

#define SECOND_MS 1000
#define LATER_MS 10		/* while a group is being closed */
#define CLOCK_EVERY 10
#define MINUTE 60

/* A clock that ran evenly for so long after a jump is taken for right. */
#define CLOCK_STEADY_MS (UINT64_C(3600) * 1000)

static void
clock_audit(struct spool *sp, uint16_t reason, int64_t jump_ms)
{
	struct audit_record a = {
		.event = AUDIT_CLOCK,
		.reason = reason,
		.wall_ms = clock_wall_ms(),
	};

	mem_put_str(a.actor, sizeof(a.actor), "spool");
	snprintf(a.detail, sizeof(a.detail), "%lld ms", (long long)jump_ms);
	group_audit(sp, &a);
}

void
timers_clock_checked(struct spool *sp)
{
	if (sp->clock_jump_ms == 0)
		return;
	clock_audit(sp, REASON_NONE, sp->clock_jump_ms);
	sp->clock_jump_ms = 0;
}

/* Nothing expires and nothing is erased by a clock that jumped. */
static void
clock_look(struct spool *sp)
{
	int64_t limit = (int64_t)sp->policy->zone.clock_jump_alarm_s * 1000;
	int64_t jump = clock_watch_step(&sp->watch);

	if (limit > 0 && (jump > limit || jump < -limit)) {
		log_err("the clock jumped by %lld s: nothing expires and "
		    "nothing is erased until an administrator has checked it",
		    (long long)(jump / 1000));
		sp->clock_jump_ms = jump;
		sp->jump_mono_ms = sp->watch.mono_ms;
		clock_audit(sp, REASON_CLOCK_JUMP, jump);
		return;
	}
	if (sp->clock_jump_ms != 0 &&
	    sp->watch.mono_ms - sp->jump_mono_ms >= CLOCK_STEADY_MS)
		timers_clock_checked(sp);
}

static void
timers_tick(struct spool *sp)
{
	sp->ticks++;
	quota_look(sp);
	if (sp->ticks % CLOCK_EVERY == 0) {
		clock_look(sp);
		channels_ask(sp);
	}
	retain_run(sp);
	if (sp->ticks % MINUTE == 0)
		held_minute(sp);
	/* Waiting ACKs look at the time. */
	group_kick(sp);
}

static void
timers_on_second(void *arg)
{
	struct spool *sp = arg;

	/* Like a request: an input of an open group. */
	if (sp->group.phase != GROUP_OPEN) {
		ev_timer_set(sp->second, LATER_MS);
		return;
	}
	timers_tick(sp);
	ev_timer_set(sp->second, sp->tick_ms);
}

void
timers_start(struct spool *sp)
{
	(void)clock_watch_step(&sp->watch);
	sp->tick_ms = SECOND_MS;
	sp->second = ev_timer_new(sp->loop, timers_on_second, sp);
	ev_timer_set(sp->second, sp->tick_ms);
}

void
timers_stop(struct spool *sp)
{
	ev_timer_free(sp->second);
}
