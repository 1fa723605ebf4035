/* SPDX-License-Identifier: ISC */
#include <event2/event.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/ev.h"

/* No timer needs more, and a larger value would overflow in libevent. */
#define EV_DELAY_MAX_MS (366ull * 86400 * 1000)

struct ev_loop {
	struct event_base *base;
};

struct ev_fd {
	struct ev_loop *loop;
	struct event *event;
	ev_fd_fn *fn;
	void *arg;
	int fd;
	int events; /* 0 while paused */
};

struct ev_timer {
	struct event *event;
	ev_timer_fn *fn;
	void *arg;
};

struct ev_signal {
	struct event *event;
	ev_signal_fn *fn;
	void *arg;
};

static void
ev_on_log(int severity, const char *text)
{
	if (severity >= EVENT_LOG_WARN)
		log_warn("libevent: %s", text);
}

static void
ev_on_fatal(int code)
{
	log_panic("libevent: fatal error %d", code);
}

struct ev_loop *
ev_loop_new(void)
{
	struct ev_loop *loop = mem_alloc(sizeof(*loop));
	struct event_config *config;

	event_set_log_callback(ev_on_log);
	event_set_fatal_callback(ev_on_fatal);
	config = event_config_new();
	if (config == NULL)
		log_fatal("out of memory: event loop");
	/* The environment must not choose another back end. */
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) != 0 ||
	    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) != 0)
		log_fatal("event loop: cannot be configured");
	loop->base = event_base_new_with_config(config);
	event_config_free(config);
	if (loop->base == NULL)
		log_fatal("event loop: cannot be made");
	return loop;
}

void
ev_loop_free(struct ev_loop *loop)
{
	if (loop == NULL)
		return;
	event_base_free(loop->base);
	mem_free(loop);
}

static void
ev_loop_step(struct ev_loop *loop, int flags)
{
	if (event_base_loop(loop->base, flags) < 0)
		log_fatal("event loop: failed");
}

void
ev_loop_run(struct ev_loop *loop)
{
	ev_loop_step(loop, EVLOOP_NO_EXIT_ON_EMPTY);
}

void
ev_loop_once(struct ev_loop *loop)
{
	ev_loop_step(loop, EVLOOP_ONCE);
}

void
ev_loop_poll(struct ev_loop *loop)
{
	/* NONBLOCK alone goes on until nothing is ready any more. */
	ev_loop_step(loop, EVLOOP_NONBLOCK | EVLOOP_ONCE);
}

void
ev_loop_stop(struct ev_loop *loop)
{
	if (event_base_loopbreak(loop->base) != 0)
		log_panic("event loop: cannot be stopped");
}

static struct event *
ev_event_new(
    struct ev_loop *loop, int fd, int what, event_callback_fn fn, void *arg)
{
	struct event *event;

	event = event_new(loop->base, fd, (short)what, fn, arg);
	if (event == NULL)
		log_fatal("out of memory: event");
	return event;
}

static void
ev_event_add(struct event *event, const struct timeval *delay)
{
	if (event_add(event, delay) != 0)
		log_fatal("event loop: cannot add an event");
}

/* The callbacks may free their object: nothing is touched after them. */
static void
ev_on_fd(evutil_socket_t fd, short what, void *arg)
{
	struct ev_fd *f = arg;
	int events = 0;

	if (what & EV_READ)
		events |= EV_RD;
	if (what & EV_WRITE)
		events |= EV_WR;
	f->fn(f->arg, (int)fd, events);
}

struct ev_fd *
ev_fd_new(struct ev_loop *loop, int fd, int events, ev_fd_fn *fn, void *arg)
{
	struct ev_fd *f = mem_alloc(sizeof(*f));

	f->loop = loop;
	f->fd = fd;
	f->fn = fn;
	f->arg = arg;
	f->event = ev_event_new(loop, fd, EV_PERSIST, ev_on_fd, f);
	ev_fd_set(f, events);
	return f;
}

void
ev_fd_set(struct ev_fd *f, int events)
{
	int what = EV_PERSIST;

	if (events == f->events)
		return;
	if (event_del(f->event) != 0)
		log_panic("event loop: cannot remove an event");
	f->events = events;
	if (events == 0)
		return;
	if (events & EV_RD)
		what |= EV_READ;
	if (events & EV_WR)
		what |= EV_WRITE;
	if (event_assign(
		f->event, f->loop->base, f->fd, (short)what, ev_on_fd, f) != 0)
		log_panic("event loop: cannot change an event");
	ev_event_add(f->event, NULL);
}

void
ev_fd_free(struct ev_fd *f)
{
	if (f == NULL)
		return;
	event_free(f->event);
	mem_free(f);
}

static void
ev_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ev_timer *t = arg;

	(void)fd;
	(void)what;
	t->fn(t->arg);
}

struct ev_timer *
ev_timer_new(struct ev_loop *loop, ev_timer_fn *fn, void *arg)
{
	struct ev_timer *t = mem_alloc(sizeof(*t));

	t->fn = fn;
	t->arg = arg;
	t->event = ev_event_new(loop, -1, 0, ev_on_timer, t);
	return t;
}

void
ev_timer_set(struct ev_timer *t, uint64_t delay_ms)
{
	struct timeval delay;

	if (delay_ms > EV_DELAY_MAX_MS)
		delay_ms = EV_DELAY_MAX_MS;
	delay.tv_sec = (time_t)(delay_ms / 1000);
	delay.tv_usec = (suseconds_t)(delay_ms % 1000 * 1000);
	ev_event_add(t->event, &delay);
}

void
ev_timer_stop(struct ev_timer *t)
{
	if (event_del(t->event) != 0)
		log_panic("event loop: cannot stop a timer");
}

void
ev_timer_free(struct ev_timer *t)
{
	if (t == NULL)
		return;
	event_free(t->event);
	mem_free(t);
}

static void
ev_on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct ev_signal *s = arg;

	(void)what;
	s->fn(s->arg, (int)signo);
}

struct ev_signal *
ev_signal_new(struct ev_loop *loop, int signo, ev_signal_fn *fn, void *arg)
{
	struct ev_signal *s = mem_alloc(sizeof(*s));

	s->fn = fn;
	s->arg = arg;
	s->event =
	    ev_event_new(loop, signo, EV_SIGNAL | EV_PERSIST, ev_on_signal, s);
	ev_event_add(s->event, NULL);
	return s;
}

void
ev_signal_free(struct ev_signal *s)
{
	if (s == NULL)
		return;
	event_free(s->event);
	mem_free(s);
}
