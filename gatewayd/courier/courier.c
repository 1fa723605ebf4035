/* SPDX-License-Identifier: ISC */
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/courier/call.h"
#include "gatewayd/courier/courier.h"
#include "gatewayd/courier/folders.h"
#include "gatewayd/courier/group.h"
#include "gatewayd/courier/intake.h"
#include "gatewayd/courier/journal.h"
#include "gatewayd/courier/ledger.h"
#include "gatewayd/courier/task.h"
#include "gatewayd/courier/watch.h"
#include "gatewayd/courier/work.h"

const struct courier_opts courier_opts_default = {
	.scan_ms = 5000,
	.quiet_ms = 2000,
	.retry_ms = 10000,
	.hands = 32,
	.intakes = 64,
};

struct courier *
courier_new(struct ev_loop *loop, int root_fd, int inotify_fd, int keys_fd,
    int spool_fd, const struct policy_table *policy,
    const struct courier_opts *opts)
{
	struct claim_list left = TAILQ_HEAD_INITIALIZER(left);
	struct courier *c = mem_alloc(sizeof(*c));

	c->loop = loop;
	c->policy = policy;
	c->opts = *opts;
	c->root_fd = root_fd;
	c->claim_fd = c->out_fd = -1;
	c->plain = mem_alloc(COURIER_SLICE_BYTES);
	c->cipher = mem_alloc(COURIER_SLICE_BYTES);
	folders_open(c);
	folders_make(c);
	c->tasks = task_queue_new(loop);
	c->keys = call_keys_new(loop, keys_fd);
	c->spool = call_spool_new(loop, spool_fd);
	c->journal = journal_open(c->claim_fd, &left);
	c->group = group_new(c);
	c->ledgers = ledger_new(c);
	c->intakes = intake_desk_new(c);
	c->watch = watch_new(c, inotify_fd);
	c->works = work_desk_new(c);
	intake_recover(c->intakes, &left);
	work_start(c->works);
	watch_scan(c->watch);
	return c;
}

void
courier_free(struct courier *c)
{
	if (c == NULL)
		return;
	work_desk_free(c->works);
	intake_desk_free(c->intakes);
	watch_free(c->watch);
	ledger_free(c->ledgers);
	group_free(c->group);
	journal_free(c->journal);
	call_free(c->keys);
	call_free(c->spool);
	task_queue_free(c->tasks);
	io_drop(&c->claim_fd);
	io_drop(&c->out_fd);
	io_drop(&c->root_fd);
	mem_free_secret(c->plain, COURIER_SLICE_BYTES);
	mem_free(c->cipher);
	mem_free(c);
}

void
courier_policy(struct courier *c, const struct policy_table *policy)
{
	c->policy = policy;
	folders_make(c);
	watch_scan(c->watch);
}

bool
courier_is_english(const struct courier *c)
{
	return c->policy->zone.lang == POLICY_EN;
}
