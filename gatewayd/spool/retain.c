/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#include "gatewayd/spool/life.h"
#include "gatewayd/spool/timers.h"

/* At once, so that erasing does not hold up the rest. */
#define RETAIN_MAX 64

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
			return;
		/* Not again while keys is asked, but again after a crash. */
		t.erase_ms = now_ms + 60000;
		catalog_save(sp->cat, &t);
		if (retain_has_keys(&t))
			retain_ask(sp, &t);
		else
			(void)life_move(sp, &t, EV_ERASE, NULL);
	}
}
