/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_COURIER_TASK_H
#define GATEWAYD_COURIER_TASK_H

#include <sys/queue.h>
#include <stdbool.h>

#include "base/ev.h"

/*
 * Work in slices: a woken task runs once in the next turn of the loop, each
 * woken task in its turn, with messages and events handled in between.  A
 * task that has more to do wakes itself again.
 */
struct task_queue;
typedef void task_fn(void *arg);

struct task {
	TAILQ_ENTRY(task) next;
	task_fn *fn;
	void *arg;
	bool is_queued;
};

struct task_queue *task_queue_new(struct ev_loop *);
void task_queue_free(struct task_queue *);

void task_init(struct task *, task_fn *, void *arg);
void task_wake(struct task_queue *, struct task *);
void task_stop(struct task_queue *, struct task *); /* before it is freed */

#endif
