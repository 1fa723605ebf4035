/* SPDX-License-Identifier: ISC */
#ifndef BASE_EV_H
#define BASE_EV_H

#include <stdint.h>

/*
 * Event loop over libevent; the only place that includes it.  One loop per
 * process.  Callbacks run on the loop's thread and must not block longer
 * than their own disk work.  A callback may free its own object.
 *
 * ev_loop_new comes before proc_start: it makes the pipe that libevent's
 * signals need, which a sandboxed process could not.  Everything else here
 * works inside the sandbox with sandbox_base_calls alone.
 */
struct ev_loop;
struct ev_fd;
struct ev_timer;
struct ev_signal;

#define EV_RD 1
#define EV_WR 2

typedef void ev_fd_fn(void *arg, int fd, int events);
typedef void ev_timer_fn(void *arg);
typedef void ev_signal_fn(void *arg, int signo);

struct ev_loop *ev_loop_new(void); /* fatal on failure */
void ev_loop_free(struct ev_loop *);
void ev_loop_run(struct ev_loop *);  /* until ev_loop_stop */
void ev_loop_once(struct ev_loop *); /* handle what is ready; waits for one */
void ev_loop_poll(struct ev_loop *); /* handle what is ready; never waits */
void ev_loop_stop(struct ev_loop *);

/* Watch fd (borrowed) for events, level-triggered, until freed. */
struct ev_fd *ev_fd_new(struct ev_loop *, int fd, int events, ev_fd_fn *,
    void *arg);
void ev_fd_set(struct ev_fd *, int events); /* 0 pauses */
void ev_fd_free(struct ev_fd *);

/* Timer; not armed until set.  ev_timer_set re-arms (once). */
struct ev_timer *ev_timer_new(struct ev_loop *, ev_timer_fn *, void *arg);
void ev_timer_set(struct ev_timer *, uint64_t delay_ms);
void ev_timer_stop(struct ev_timer *);
void ev_timer_free(struct ev_timer *);

struct ev_signal *ev_signal_new(struct ev_loop *, int signo, ev_signal_fn *,
    void *arg);
void ev_signal_free(struct ev_signal *);

#endif
