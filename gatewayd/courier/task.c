/* SPDX-License-Identifier: ISC */
#include <stddef.h>

#include "base/mem.h"

#include "gatewayd/courier/task.h"

struct task_queue {
	TAILQ_HEAD(, task) tasks;
	struct ev_timer *timer;
};

/* Those woken during this turn wait for the next. */
static void
task_turn(void *arg)
{
	struct task_queue *queue = arg;
	struct task *task, mark = {.is_queued = true};

	TAILQ_INSERT_TAIL(&queue->tasks, &mark, next);
	while ((task = TAILQ_FIRST(&queue->tasks)) != &mark) {
		TAILQ_REMOVE(&queue->tasks, task, next);
		task->is_queued = false;
		task->fn(task->arg);
	}
	TAILQ_REMOVE(&queue->tasks, &mark, next);
	if (!TAILQ_EMPTY(&queue->tasks))
		ev_timer_set(queue->timer, 0);
}

struct task_queue *
task_queue_new(struct ev_loop *loop)
{
	struct task_queue *queue = mem_alloc(sizeof(*queue));

	TAILQ_INIT(&queue->tasks);
	queue->timer = ev_timer_new(loop, task_turn, queue);
	return queue;
}

void
task_queue_free(struct task_queue *queue)
{
	if (queue == NULL)
		return;
	ev_timer_free(queue->timer);
	mem_free(queue);
}

void
task_init(struct task *task, task_fn *fn, void *arg)
{
	*task = (struct task){.fn = fn, .arg = arg};
}

void
task_wake(struct task_queue *queue, struct task *task)
{
	if (task->is_queued)
		return;
	if (TAILQ_EMPTY(&queue->tasks))
		ev_timer_set(queue->timer, 0);
	task->is_queued = true;
	TAILQ_INSERT_TAIL(&queue->tasks, task, next);
}

void
task_stop(struct task_queue *queue, struct task *task)
{
	if (!task->is_queued)
		return;
	task->is_queued = false;
	TAILQ_REMOVE(&queue->tasks, task, next);
}
