/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/spool/handlers.h"
#include "gatewayd/spool/life.h"
#include "gatewayd/spool/turn.h"

/* Inspect itself died this often while it had the transfer. */
#define INSPECT_TRIES 5

/* The next one, past those that inspect does not survive. */
static bool
inspect_pick(struct spool *sp, struct transfer *t)
{
	while (turn_task(sp, TASK_INSPECT, t)) {
		if (t->tries < INSPECT_TRIES)
			return true;
		log_err("transfer %s: inspect ended %u times with it",
		    t->number, t->tries);
		life_must(sp, t, EV_POISON, &(struct life_why){
		    .reason = REASON_POISON});
	}
	return false;
}

bool
inspect_serve(struct spool *sp, struct wait *w)
{
	struct spool_inspect job = {.err = GW_OK};
	struct transfer t;

	if (!inspect_pick(sp, &t))
		return false;
	catalog_set_task(sp->cat, t.row, -TASK_INSPECT);
	job.side = t.side;
	job.transfer = t.ref;
	job.body_count = t.body_count;
	job.missing = t.missing;
	job.stored_bytes = t.stored_bytes;
	mem_put_str(job.flow, sizeof(job.flow), t.flow);
	ipc_send(w->client->chan, w->type | IPC_REPLY, w->id, &job,
	    sizeof(job), NULL, 0, 0, NULL, 0);
	return true;
}

void
inspect_next(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	spool_wait(sp, client, msg, NULL, 0);
}

/*
 * Keys decides what it came to.  Nothing has to be durable for that: after
 * a crash the transfer is inspected or judged again.
 */
void
inspect_done(struct spool *sp, struct client *client, struct ipc_msg *msg)
{
	struct spool_inspected done;
	struct transfer t;

	memcpy(&done, msg->body, sizeof(done));
	if (!catalog_find(sp->cat, done.transfer.id, &t)) {
		group_status(sp, client, msg->type, msg->id, GW_ENOENT,
		    REASON_NONE);
		return;
	}
	/* Revoked or withdrawn meanwhile: its verdicts interest nobody. */
	if (t.task == -TASK_INSPECT) {
		t.task = TASK_EVALUATE;
		t.failed = done.failed;
		catalog_save(sp->cat, &t);
	}
	group_status(sp, client, msg->type, msg->id, GW_OK, REASON_NONE);
}
