/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/courier/group.h"
#include "gatewayd/courier/intake.h"
#include "gatewayd/courier/journal.h"
#include "gatewayd/courier/ledger.h"
#include "gatewayd/courier/task.h"
#include "gatewayd/courier/tree.h"

/* How long a transfer waits for a ledger that cannot be written. */
#define LEDGER_TRIES 5u
#define LEDGER_RETRY_MS 200

struct dirty {
	TAILQ_ENTRY(dirty) next;
	char path[];
};

TAILQ_HEAD(group_list, group_wait);

struct group {
	struct group_list waits;	/* for the next flush */
	struct group_list running;	/* being told now */
	struct ev_timer *retry;		/* a ledger waits */
	unsigned dirty_count;
	TAILQ_HEAD(, dirty) dirty;
	struct courier *c;
	struct task task;
};

/* An fsync costs about this much; a syncfs that costs more rests a while. */
#define FSYNC_MS 2u
#define SYNCFS_REST_MS 30000u

bool
group_syncfs_pays(const struct courier *c, size_t weight)
{
	return weight >= GROUP_SYNCFS_ALWAYS || (weight >= GROUP_SYNCFS_MIN &&
	    clock_mono_ms() >= c->syncfs_rest_ms);
}

enum gw_err
group_syncfs(struct courier *c, size_t weight)
{
	uint64_t start = clock_mono_ms(), end;
	enum gw_err err;

	err = io_syncfs(c->root_fd);
	end = clock_mono_ms();
	if (end - start > FSYNC_MS * weight)
		c->syncfs_rest_ms = end + SYNCFS_REST_MS;
	return err;
}

/*
 * A folder that its owner has meanwhile taken away has nothing to lose; a
 * failed fsync is another matter, and is never tried again.
 */
static void
group_sync_dirs(struct group *g, bool is_synced, size_t weight)
{
	struct dirty *d;
	enum gw_err err;
	int fd;

	g->dirty_count = 0;
	if (is_synced && group_syncfs(g->c, weight) != GW_OK)
		log_fatal("the folder tree cannot be made durable: intake "
		    "stops; check the disk");
	while ((d = TAILQ_FIRST(&g->dirty)) != NULL) {
		TAILQ_REMOVE(&g->dirty, d, next);
		fd = -1;
		err = is_synced ? GW_ENOENT :
		    tree_open_dir(g->c->root_fd, d->path, &fd);
		if (err == GW_OK && io_fsync(fd) != GW_OK)
			log_fatal("a folder cannot be made durable: intake "
			    "stops; check the disk");
		io_drop(&fd);
		mem_free(d);
	}
}

static bool
group_must_wait(struct group *g, struct group_wait *wait)
{
	if (!wait->wants_ledger || wait->tries++ >= LEDGER_TRIES)
		return false;
	TAILQ_INSERT_TAIL(&g->waits, wait, next);
	return true;
}

static void
group_flush(void *arg)
{
	struct group *g = arg;
	struct group_wait *wait;
	enum gw_err err;
	bool is_written, syncs_all;
	size_t weight;

	TAILQ_CONCAT(&g->running, &g->waits, next);
	weight = g->dirty_count + ledger_dirty(g->c->ledgers) +
	    journal_is_dirty(g->c->journal);
	syncs_all = group_syncfs_pays(g->c, weight);
	err = journal_flush(g->c->journal, syncs_all);
	is_written = ledger_flush(g->c->ledgers, syncs_all);
	group_sync_dirs(g, syncs_all, weight);
	if (!is_written)
		ev_timer_set(g->retry, LEDGER_RETRY_MS);
	if (err == GW_OK)
		intake_tidy(g->c->intakes);
	while ((wait = TAILQ_FIRST(&g->running)) != NULL) {
		TAILQ_REMOVE(&g->running, wait, next);
		if (!is_written && group_must_wait(g, wait))
			continue;
		wait->is_waiting = false;
		wait->fn(wait->arg, err);
	}
}

static void
group_retry(void *arg)
{
	struct group *g = arg;

	task_wake(g->c->tasks, &g->task);
}

struct group *
group_new(struct courier *c)
{
	struct group *g = mem_alloc(sizeof(*g));

	TAILQ_INIT(&g->waits);
	TAILQ_INIT(&g->running);
	TAILQ_INIT(&g->dirty);
	g->c = c;
	task_init(&g->task, group_flush, g);
	g->retry = ev_timer_new(c->loop, group_retry, g);
	return g;
}

void
group_free(struct group *g)
{
	struct dirty *d;

	if (g == NULL)
		return;
	while ((d = TAILQ_FIRST(&g->dirty)) != NULL) {
		TAILQ_REMOVE(&g->dirty, d, next);
		mem_free(d);
	}
	task_stop(g->c->tasks, &g->task);
	ev_timer_free(g->retry);
	mem_free(g);
}

void
group_dirty(struct group *g, const char *path)
{
	size_t size = strlen(path) + 1;
	struct dirty *d;

	TAILQ_FOREACH(d, &g->dirty, next) {
		if (strcmp(d->path, path) == 0)
			return;
	}
	d = mem_alloc(sizeof(*d) + size);
	memcpy(d->path, path, size);
	TAILQ_INSERT_HEAD(&g->dirty, d, next);
	g->dirty_count++;
}

void
group_wait(struct group *g, struct group_wait *wait, group_fn *fn, void *arg)
{
	if (wait->is_waiting)
		log_panic("group: two waits of one transfer");
	wait->fn = fn;
	wait->arg = arg;
	wait->is_waiting = true;
	wait->wants_ledger = false;
	wait->tries = 0;
	TAILQ_INSERT_TAIL(&g->waits, wait, next);
	task_wake(g->c->tasks, &g->task);
}

void
group_wait_ledger(struct group *g, struct group_wait *wait, group_fn *fn,
    void *arg)
{
	group_wait(g, wait, fn, arg);
	wait->wants_ledger = true;
}

void
group_forget(struct group *g, struct group_wait *wait)
{
	struct group_wait *w;

	if (!wait->is_waiting)
		return;
	wait->is_waiting = false;
	TAILQ_FOREACH(w, &g->running, next) {
		if (w == wait) {
			TAILQ_REMOVE(&g->running, wait, next);
			return;
		}
	}
	TAILQ_REMOVE(&g->waits, wait, next);
}
