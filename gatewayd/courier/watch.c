/* SPDX-License-Identifier: ISC */
#include <sys/inotify.h>
#include <sys/queue.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/names/names.h"
#include "proto/parcel/header.h"

#include "gatewayd/courier/folders.h"
#include "gatewayd/courier/intake.h"
#include "gatewayd/courier/tree.h"
#include "gatewayd/courier/watch.h"

#define HASH_SIZE 1024u
#define EVENTS_MAX 65536
#define CHANGED_KEPT 64
#define TICK_MS 250
#define MARKER ".done"

#define WATCH_MASK \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR | \
	    IN_EXCL_UNLINK)

enum entry_state { ENTRY_OPEN, ENTRY_READY, ENTRY_IGNORED };

struct entry {
	TAILQ_ENTRY(entry) all;		/* of its folder */
	TAILQ_ENTRY(entry) queue;	/* open ones, or ready ones */
	LIST_ENTRY(entry) hash;
	struct place *place;
	enum entry_state state;
	uint64_t digest;
	uint64_t since_ms;	/* when it was last seen to have changed */
	uint64_t looked_ms;
	unsigned seen;		/* scan that found it */
	bool is_looked;		/* digest and since_ms are set */
	bool is_closed;		/* inotify said so */
	bool has_marker;
	enum reason reason;
	char name[];
};

/* A folder in which entries are put. */
struct place {
	TAILQ_ENTRY(place) next;
	TAILQ_HEAD(, entry) entries;
	const struct policy_flow *flow;
	char person[IPC_PERSON_LEN];
	char recipient[POLICY_ID_LEN];
	bool is_outer;		/* holds folders of people or recipients */
	int wd;			/* -1: not watched */
	unsigned seen;
	char path[];
};

struct pause {
	TAILQ_ENTRY(pause) next;
	char flow[POLICY_ID_LEN];
	uint64_t until_ms;
};

struct changed {
	uint64_t ino;
	unsigned count;
};

struct watch {
	struct courier *c;
	TAILQ_HEAD(, place) places;
	TAILQ_HEAD(, entry) open;
	TAILQ_HEAD(, entry) ready;
	TAILQ_HEAD(, pause) pauses;
	LIST_HEAD(, entry) hash[HASH_SIZE];
	struct changed changed[CHANGED_KEPT];
	unsigned changed_next;
	int inotify_fd;
	struct ev_fd *ev;
	struct ev_timer *scan_timer, *tick_timer;
	unsigned scan;		/* number of the scan */
	bool is_ticking;
	_Alignas(struct inotify_event) char events[EVENTS_MAX];
};

/* --- entries ------------------------------------------------------- */

static unsigned
hash_of(const struct place *place, const char *name)
{
	uint64_t h = (uint64_t)(uintptr_t)place;

	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return (unsigned)((h >> 20) % HASH_SIZE);
}

static struct entry *
entry_find(struct watch *w, struct place *place, const char *name)
{
	struct entry *e;

	LIST_FOREACH(e, &w->hash[hash_of(place, name)], hash) {
		if (e->place == place && strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

static void
entry_unqueue(struct watch *w, struct entry *e)
{
	switch (e->state) {
	case ENTRY_OPEN:
		TAILQ_REMOVE(&w->open, e, queue);
		break;
	case ENTRY_READY:
		TAILQ_REMOVE(&w->ready, e, queue);
		break;
	case ENTRY_IGNORED:
		break;
	}
}

static void
entry_free(struct watch *w, struct entry *e)
{
	entry_unqueue(w, e);
	LIST_REMOVE(e, hash);
	TAILQ_REMOVE(&e->place->entries, e, all);
	mem_free(e);
}

static void
tick_start(struct watch *w)
{
	if (w->is_ticking)
		return;
	w->is_ticking = true;
	ev_timer_set(w->tick_timer, TICK_MS < w->c->opts.quiet_ms / 2 ?
	    TICK_MS : w->c->opts.quiet_ms / 2);
}

static struct entry *
entry_add(struct watch *w, struct place *place, const char *name)
{
	size_t size = strlen(name) + 1;
	struct entry *e;

	e = entry_find(w, place, name);
	if (e != NULL)
		return e;
	e = mem_alloc(sizeof(*e) + size);
	memcpy(e->name, name, size);
	e->place = place;
	e->state = ENTRY_OPEN;
	LIST_INSERT_HEAD(&w->hash[hash_of(place, name)], e, hash);
	TAILQ_INSERT_TAIL(&place->entries, e, all);
	TAILQ_INSERT_TAIL(&w->open, e, queue);
	tick_start(w);
	return e;
}

static void
entry_ready(struct watch *w, struct entry *e)
{
	if (e->state == ENTRY_READY)
		return;
	entry_unqueue(w, e);
	e->state = ENTRY_READY;
	TAILQ_INSERT_TAIL(&w->ready, e, queue);
}

static bool
has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);

	return len > tail && strcmp(name + len - tail, suffix) == 0;
}

/* Names under which programs write what is not complete. */
static bool
is_passed_over(const char *name)
{
	return name[0] == '.' || strncmp(name, "~$", 2) == 0 ||
	    has_suffix(name, ".tmp") || has_suffix(name, ".part");
}

/* --- complete? ----------------------------------------------------- */

static unsigned *
changed_find(struct watch *w, uint64_t ino)
{
	size_t i;

	for (i = 0; i < CHANGED_KEPT; i++) {
		if (w->changed[i].count > 0 && w->changed[i].ino == ino)
			return &w->changed[i].count;
	}
	return NULL;
}

unsigned
watch_changed(struct watch *w, uint64_t ino)
{
	unsigned *count = changed_find(w, ino);

	if (count == NULL) {
		w->changed[w->changed_next].ino = ino;
		w->changed[w->changed_next].count = 0;
		count = &w->changed[w->changed_next].count;
		w->changed_next = (w->changed_next + 1) % CHANGED_KEPT;
	}
	return ++*count;
}

static bool
is_quiet(struct watch *w, struct entry *e, const struct tree_look *look,
    uint64_t now)
{
	bool by_quiet = e->place->flow->complete == COMPLETE_QUIET ||
	    changed_find(w, look->ino) != NULL;
	uint32_t wait = by_quiet ? w->c->opts.quiet_ms : w->c->opts.scan_ms;

	if (!e->is_looked || e->digest != look->digest) {
		e->is_looked = true;
		e->digest = look->digest;
		e->since_ms = now;
		return false;
	}
	return now - e->since_ms >= wait;
}

static bool
is_complete(struct watch *w, struct entry *e, const struct tree_look *look,
    uint64_t now)
{
	bool is_quiet_now = is_quiet(w, e, look, now);

	if (e->reason != REASON_NONE)
		return is_quiet_now; /* it may yet get its right name */
	if (e->has_marker)
		return true;
	if (!look->is_dir && !look->is_plain)
		return true;	/* nothing is written into it: refused */
	if (changed_find(w, look->ino) != NULL)
		return is_quiet_now;
	switch ((enum policy_complete)e->place->flow->complete) {
	case COMPLETE_DONE:
		return false;
	case COMPLETE_QUIET:
		return is_quiet_now;
	case COMPLETE_CLOSE:
	case COMPLETE_RENAME:
		break;
	}
	return e->is_closed || is_quiet_now;
}

/* Look at an open entry; it may become ready, or go. */
static void
entry_look(struct watch *w, int dirfd, struct entry *e, uint64_t now)
{
	unsigned max = 2 * e->place->flow->files + 1000;
	struct tree_look look;
	enum gw_err err;

	e->looked_ms = now;
	err = tree_look(dirfd, e->name, max, &look);
	if (err == GW_ENOENT)
		entry_free(w, e);
	else if (err == GW_OK && is_complete(w, e, &look, now))
		entry_ready(w, e);
}

/* An ignored entry that changed is an entry again. */
static void
entry_recheck(struct watch *w, int dirfd, struct entry *e)
{
	struct tree_look look;

	if (tree_look(dirfd, e->name, 1, &look) != GW_OK ||
	    (e->is_looked && look.digest == e->digest))
		return;
	e->is_looked = false;
	e->is_closed = false;
	e->state = ENTRY_OPEN;
	TAILQ_INSERT_TAIL(&w->open, e, queue);
	tick_start(w);
}

/* --- places -------------------------------------------------------- */

static void
place_free(struct watch *w, struct place *place)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(&place->entries)) != NULL)
		entry_free(w, e);
	if (place->wd != -1)
		(void)inotify_rm_watch(w->inotify_fd, place->wd);
	TAILQ_REMOVE(&w->places, place, next);
	mem_free(place);
}

/*
 * inotify takes a path; the folder's own fd as a path leads to no other.
 * Without /proc, or with all watches taken, the scan has to do.
 */
static void
place_watch(struct watch *w, struct place *place, int fd)
{
	char self[64];
	int old = place->wd;

	if (w->inotify_fd == -1)
		return;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	place->wd = inotify_add_watch(w->inotify_fd, self, WATCH_MASK);
	if (old != -1 && old != place->wd)
		(void)inotify_rm_watch(w->inotify_fd, old);
	if (place->wd == -1)
		log_debug("a folder is not watched, only scanned: %s",
		    strerror(errno));
}

static struct place *
place_get(struct watch *w, const struct policy_flow *flow, const char *path,
    int fd, bool *is_new)
{
	size_t size = strlen(path) + 1;
	struct place *place;

	*is_new = false;
	TAILQ_FOREACH(place, &w->places, next) {
		if (strcmp(place->path, path) == 0)
			break;
	}
	if (place == NULL) {
		place = mem_alloc(sizeof(*place) + size);
		memcpy(place->path, path, size);
		TAILQ_INIT(&place->entries);
		TAILQ_INSERT_TAIL(&w->places, place, next);
		place->wd = -1;
		*is_new = true;
	}
	/* Again: the folder may be another one under the same name. */
	place_watch(w, place, fd);
	place->flow = flow;
	place->seen = w->scan;
	return place;
}

/* What stands where only folders of people or recipients may stand. */
static void
refuse_entry(struct watch *w, struct place *place, const char *name,
    enum reason reason)
{
	struct entry *e;

	if (is_passed_over(name))
		return;
	e = entry_add(w, place, name);
	e->seen = w->scan;
	e->reason = reason;
}

struct scan {
	struct watch *w;
	struct place *place;
	int fd;
	uint64_t now;
	bool by_person, by_recipient;	/* levels still below */
};

static void scan_place(struct watch *w, const struct policy_flow *flow,
    const char *path, const struct place *outer, bool by_person,
    bool by_recipient, const char *name);

static bool
is_recipient(const struct policy_flow *flow, const char *name)
{
	uint32_t i;

	for (i = 0; i < flow->recipient_count; i++) {
		if (strcmp(flow->recipients[i], name) == 0)
			return true;
	}
	return false;
}

/* A person is who the folder's name says, if it says it plainly. */
static bool
is_person(const char *name)
{
	enum manifest_charset charset;
	char shown[4 * NAME_MAX];

	return names_decode((const uint8_t *)name, strlen(name), shown,
	    sizeof(shown), &charset) == GW_OK && charset == CHARSET_UTF8 &&
	    strlen(shown) < IPC_PERSON_LEN && names_check(shown) ==
	    REASON_NONE;
}

static enum gw_err
scan_outer_name(void *arg, const char *name)
{
	struct scan *s = arg;
	const struct policy_flow *flow = s->place->flow;
	char path[PATH_MAX];
	struct stat st;
	bool is_dir;

	if (is_passed_over(name) ||
	    io_statat(s->fd, name, &st) != GW_OK)
		return GW_OK;
	is_dir = S_ISDIR(st.st_mode);
	if (s->by_person && (!is_dir || !is_person(name))) {
		refuse_entry(s->w, s->place, name, REASON_SUBMITTER_UNKNOWN);
		return GW_OK;
	}
	if (!s->by_person && (!is_dir || !is_recipient(flow, name))) {
		refuse_entry(s->w, s->place, name, REASON_RECIPIENT_UNKNOWN);
		return GW_OK;
	}
	if (!tree_join(path, sizeof(path), s->place->path, name))
		return GW_OK;
	scan_place(s->w, flow, path, s->place, false,
	    s->by_person && s->by_recipient, name);
	return GW_OK;
}

static struct entry *
marker_of(struct watch *w, struct place *place, int fd, const char *name)
{
	char base[NAME_MAX + 1];
	struct stat st;

	if (!has_suffix(name, MARKER))
		return NULL;
	mem_put_str(base, sizeof(base), name);
	base[strlen(name) - strlen(MARKER)] = '\0';
	if (io_statat(fd, base, &st) != GW_OK || is_passed_over(base))
		return NULL;
	if (place->flow->complete != COMPLETE_DONE && !S_ISDIR(st.st_mode))
		return NULL;
	return entry_add(w, place, base);
}

static void
see_name(struct watch *w, struct place *place, int fd, const char *name,
    bool is_closed, uint64_t now)
{
	struct entry *e;

	if (is_passed_over(name))
		return;
	e = marker_of(w, place, fd, name);
	if (e != NULL) {
		e->has_marker = true;
	} else {
		if (place->flow->complete == COMPLETE_DONE &&
		    has_suffix(name, MARKER))
			return;
		e = entry_add(w, place, name);
		e->is_closed = e->is_closed || is_closed;
	}
	e->seen = w->scan;
	if (e->state == ENTRY_IGNORED)
		entry_recheck(w, fd, e);
	if (e->state == ENTRY_OPEN)
		entry_look(w, fd, e, now);
}

static enum gw_err
scan_name(void *arg, const char *name)
{
	struct scan *s = arg;

	see_name(s->w, s->place, s->fd, name, false, s->now);
	return GW_OK;
}

/* Entries that the listing did not show are gone. */
static void
drop_unseen(struct watch *w, struct place *place)
{
	struct entry *e, *after;

	for (e = TAILQ_FIRST(&place->entries); e != NULL; e = after) {
		after = TAILQ_NEXT(e, all);
		if (e->seen != w->scan && e->state != ENTRY_READY)
			entry_free(w, e);
	}
}

/* Recipients' folders of a person are made when the person's is seen. */
static void
make_recipients(const struct policy_flow *flow, int fd)
{
	enum gw_err err = GW_OK;
	uint32_t i;

	for (i = 0; i < flow->recipient_count && err == GW_OK; i++)
		err = tree_make_dir(fd, flow->recipients[i], 03770, NULL);
	if (err != GW_OK)
		log_debug("flow %s: folders of recipients cannot be made: %s",
		    flow->id, err_text_en(err));
}

static void
scan_place(struct watch *w, const struct policy_flow *flow, const char *path,
    const struct place *outer, bool by_person, bool by_recipient,
    const char *name)
{
	struct scan s = {.w = w, .fd = -1, .now = clock_mono_ms(),
	    .by_person = by_person, .by_recipient = by_recipient};
	bool is_new;
	enum gw_err err;

	err = tree_open_dir(w->c->root_fd, path, &s.fd);
	if (err != GW_OK) {
		log_debug("flow %s: a drop folder cannot be opened: %s",
		    flow->id, err_text_en(err));
		return;
	}
	s.place = place_get(w, flow, path, s.fd, &is_new);
	s.place->is_outer = by_person || by_recipient;
	if (is_new && outer != NULL) {
		memcpy(s.place->person, outer->person,
		    sizeof(s.place->person));
		if (flow->submitter == SUBMITTER_FOLDER &&
		    outer->person[0] == '\0')
			mem_put_str(s.place->person,
			    sizeof(s.place->person), name);
		else
			mem_put_str(s.place->recipient,
			    sizeof(s.place->recipient), name);
	}
	if (!by_person && by_recipient && outer != NULL && is_new)
		make_recipients(flow, s.fd);
	err = tree_list(s.fd, s.place->is_outer ? scan_outer_name : scan_name,
	    &s);
	if (err == GW_OK)
		drop_unseen(w, s.place);
	else
		log_warn("flow %s: a drop folder cannot be read: %s",
		    flow->id, err_text_en(err));
	io_drop(&s.fd);
}

static void
on_scan(void *arg)
{
	struct watch *w = arg;

	watch_scan(w);
}

void
watch_scan(struct watch *w)
{
	const struct policy_table *table = w->c->policy;
	const struct policy_flow *flow;
	struct place *place, *after;
	char path[PATH_MAX];
	uint32_t i;

	w->scan++;
	for (i = 0; i < table->flow_count; i++) {
		flow = &table->flows[i];
		if (!folders_is_from(w->c, flow))
			continue;
		snprintf(path, sizeof(path), "in/%s", flow->id);
		scan_place(w, flow, path, NULL,
		    flow->submitter == SUBMITTER_FOLDER,
		    folders_has_recipients(flow), "");
	}
	for (place = TAILQ_FIRST(&w->places); place != NULL; place = after) {
		after = TAILQ_NEXT(place, next);
		if (place->seen != w->scan)
			place_free(w, place);
	}
	ev_timer_set(w->scan_timer, w->c->opts.scan_ms);
	intake_pump(w->c->intakes);
}

/* --- time and events ----------------------------------------------- */

/* Between scans: entries that must only stay quiet a little longer. */
static void
on_tick(void *arg)
{
	struct watch *w = arg;
	struct place *place = NULL;
	struct entry *e, *after;
	uint64_t now = clock_mono_ms();
	enum gw_err err = GW_OK;
	int fd = -1;

	w->is_ticking = false;
	for (e = TAILQ_FIRST(&w->open); e != NULL; e = after) {
		after = TAILQ_NEXT(e, queue);
		if (now - e->looked_ms < w->c->opts.quiet_ms / 2)
			continue;
		/* Neighbors mostly lie in one folder. */
		if (e->place != place) {
			io_drop(&fd);
			place = e->place;
			err = tree_open_dir(w->c->root_fd, place->path, &fd);
		}
		if (err == GW_OK)
			entry_look(w, fd, e, now);
	}
	io_drop(&fd);
	if (!TAILQ_EMPTY(&w->open))
		tick_start(w);
	intake_pump(w->c->intakes);
}

static void
on_event(struct watch *w, const struct inotify_event *event)
{
	struct place *place;
	int fd = -1;

	TAILQ_FOREACH(place, &w->places, next) {
		if (place->wd == event->wd)
			break;
	}
	if (place == NULL || event->len == 0)
		return;
	/* New folders of people are for the scan to sort out. */
	if (place->is_outer) {
		ev_timer_set(w->scan_timer, 0);
		return;
	}
	if (tree_open_dir(w->c->root_fd, place->path, &fd) != GW_OK)
		return;
	see_name(w, place, fd, event->name,
	    (event->mask & IN_MOVED_TO) != 0 ||
	    ((event->mask & IN_CLOSE_WRITE) != 0 &&
	    place->flow->complete == COMPLETE_CLOSE), clock_mono_ms());
	io_drop(&fd);
}

static void
on_inotify(void *arg, int fd, int events)
{
	struct watch *w = arg;
	const struct inotify_event *event;
	ssize_t n;
	size_t at;

	(void)events;
	n = read(fd, w->events, sizeof(w->events));
	for (at = 0; n > 0 && at < (size_t)n;
	    at += sizeof(*event) + event->len) {
		event = (const void *)(w->events + at);
		if (event->mask & IN_Q_OVERFLOW)
			ev_timer_set(w->scan_timer, 0);
		else
			on_event(w, event);
	}
	intake_pump(w->c->intakes);
}

/* --- for intake ---------------------------------------------------- */

static struct pause *
pause_find(const struct watch *w, const char *flow)
{
	struct pause *p;

	TAILQ_FOREACH(p, &w->pauses, next) {
		if (strcmp(p->flow, flow) == 0)
			return p;
	}
	return NULL;
}

void
watch_pause(struct watch *w, const char *flow, uint32_t delay_ms)
{
	struct pause *p = pause_find(w, flow);

	if (p == NULL) {
		p = mem_alloc(sizeof(*p));
		mem_put_str(p->flow, sizeof(p->flow), flow);
		TAILQ_INSERT_TAIL(&w->pauses, p, next);
	}
	p->until_ms = clock_mono_ms() + delay_ms;
}

bool
watch_is_paused(const struct watch *w, const char *flow)
{
	const struct pause *p = pause_find(w, flow);

	return p != NULL && p->until_ms > clock_mono_ms();
}

bool
watch_take(struct watch *w, struct watch_item *out)
{
	struct entry *e;

	TAILQ_FOREACH(e, &w->ready, queue) {
		if (!watch_is_paused(w, e->place->flow->id))
			break;
	}
	if (e == NULL)
		return false;
	memset(out, 0, sizeof(*out));
	mem_put_str(out->flow, sizeof(out->flow), e->place->flow->id);
	mem_put_str(out->person, sizeof(out->person), e->place->person);
	mem_put_str(out->recipient, sizeof(out->recipient),
	    e->place->recipient);
	if (e->place->flow->recipient_count == 1)
		mem_put_str(out->recipient, sizeof(out->recipient),
		    e->place->flow->recipients[0]);
	mem_put_str(out->origin, sizeof(out->origin), e->place->path);
	mem_put_str(out->name, sizeof(out->name), e->name);
	out->has_marker = e->has_marker;
	out->reason = e->reason;
	entry_free(w, e);
	return true;
}

void
watch_ignore(struct watch *w, const char *origin, const char *name)
{
	struct tree_look look;
	struct place *place;
	struct entry *e;
	int fd = -1;

	TAILQ_FOREACH(place, &w->places, next) {
		if (strcmp(place->path, origin) == 0)
			break;
	}
	if (place == NULL)
		return;
	e = entry_add(w, place, name);
	entry_unqueue(w, e);
	e->state = ENTRY_IGNORED;
	e->seen = w->scan;
	if (tree_open_dir(w->c->root_fd, origin, &fd) == GW_OK &&
	    tree_look(fd, name, 1, &look) == GW_OK) {
		e->is_looked = true;
		e->digest = look.digest;
	}
	io_drop(&fd);
}

struct watch *
watch_new(struct courier *c, int inotify_fd)
{
	struct watch *w = mem_alloc(sizeof(*w));

	w->c = c;
	TAILQ_INIT(&w->places);
	TAILQ_INIT(&w->open);
	TAILQ_INIT(&w->ready);
	TAILQ_INIT(&w->pauses);
	w->inotify_fd = inotify_fd;
	if (inotify_fd != -1)
		w->ev = ev_fd_new(c->loop, inotify_fd, EV_RD, on_inotify, w);
	w->scan_timer = ev_timer_new(c->loop, on_scan, w);
	w->tick_timer = ev_timer_new(c->loop, on_tick, w);
	return w;
}

void
watch_free(struct watch *w)
{
	struct place *place;
	struct pause *p;

	if (w == NULL)
		return;
	while ((place = TAILQ_FIRST(&w->places)) != NULL)
		place_free(w, place);
	while ((p = TAILQ_FIRST(&w->pauses)) != NULL) {
		TAILQ_REMOVE(&w->pauses, p, next);
		mem_free(p);
	}
	ev_timer_free(w->tick_timer);
	ev_timer_free(w->scan_timer);
	ev_fd_free(w->ev);
	io_drop(&w->inotify_fd);
	mem_free(w);
}
