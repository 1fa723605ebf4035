/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#include "gatewayd/spool/life.h"
#include "gatewayd/spool/timers.h"

/* Each second, so that erasing does not hold up the rest. */
#define RETAIN_MAX 512

/* Courier names the files in its ledgers: it must have told first. */
#define RETAIN_TELL_MS 5000

/* Keys has so long to answer before it is asked again. */
#define RETAIN_AGAIN_MS 60000

/* Keys first: from here on nobody can read it, whatever stays on disk. */
static void
retain_erased(struct spool *sp, struct call *call, struct ipc_msg *msg)
{
	struct ipc_status status;
	struct transfer t;

	memcpy(&status, msg->body, sizeof(status));
	if (!catalog_load(sp->cat, call->row, &t) || t.step != call->step)
		return;
	if (status.err != GW_OK && status.err != GW_ENOENT) {
		log_err("transfer %s: its keys cannot be erased: %s",
		    t.number, err_text_en((enum gw_err)status.err));
		return;
	}
	(void)life_move(sp, &t, EV_ERASE, NULL);
}

static void
retain_ask(struct spool *sp, const struct transfer *t)
{
	struct keys_bodies ask = {.transfer = t->ref};
	struct call *call = spool_call(sp, retain_erased);

	call->row = t->row;
	call->step = t->step;
	spool_call_send(sp, call, KEYS_ERASE, &ask, sizeof(ask), NULL, 0, 0,
	    NULL, 0);
}

/* What never was opened has no keys here. */
static bool
retain_has_keys(const struct transfer *t)
{
	return t->side == SIDE_LOW || t->flow[0] != '\0';
}

static void
retain_one(struct spool *sp, struct transfer *t, uint64_t now_ms)
{
	if (t->notice == 0 && !retain_has_keys(t)) {
		(void)life_move(sp, t, EV_ERASE, NULL);
		return;
	}
	/* Not again at once, but again after a crash. */
	t->erase_ms = now_ms + (t->notice != 0 ? RETAIN_TELL_MS :
	    RETAIN_AGAIN_MS);
	catalog_save(sp->cat, t);
	if (t->notice == 0)
		retain_ask(sp, t);
}

static void
retain_on_pack(void *arg, uint32_t pack)
{
	struct spool *sp = arg;

	group_effect(sp, EFFECT_REAP, NULL, pack);
	group_dirty(sp);
}

void
retain_run(struct spool *sp)
{
	uint64_t now_ms = clock_wall_ms();
	struct transfer t;
	int n;

	if (sp->clock_jump_ms != 0)
		return;
	for (n = 0; n < RETAIN_MAX; n++) {
		if (!catalog_next_erase(sp->cat, now_ms, &t))
			break;
		retain_one(sp, &t, now_ms);
	}
	store_retire(sp->store, clock_mono_ms(), retain_on_pack, sp);
}
