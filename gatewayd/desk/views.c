/* SPDX-License-Identifier: ISC */
#include <sys/queue.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#include "proto/ipc/types.h"

#include "gatewayd/desk/views.h"

#define BUCKETS 1024

struct view {
	TAILQ_ENTRY(view) age;		/* oldest first */
	LIST_ENTRY(view) bucket;
	uint64_t made_ms;		/* monotonic */
	uint32_t uid;
	uint32_t refs;			/* the table's and each user's */
	uint8_t id[16];
	char number[IPC_NUMBER_LEN];
	size_t len;
	uint8_t bytes[];
};

struct views {
	TAILQ_HEAD(, view) by_age;
	LIST_HEAD(, view) buckets[BUCKETS];
	size_t bytes;
};

/* Ids are random. */
static unsigned
views_bucket(const uint8_t id[16])
{
	return ((unsigned)id[0] << 8 | id[1]) % BUCKETS;
}

struct views *
views_new(void)
{
	struct views *views = mem_alloc(sizeof(*views));

	TAILQ_INIT(&views->by_age);
	return views;
}

void
views_release(struct view *view)
{
	if (view != NULL && --view->refs == 0)
		mem_free_secret(view, sizeof(*view) + view->len);
}

static void
views_drop(struct views *views, struct view *view)
{
	TAILQ_REMOVE(&views->by_age, view, age);
	LIST_REMOVE(view, bucket);
	views->bytes -= view->len;
	views_release(view);
}

void
views_free(struct views *views)
{
	struct view *view;

	if (views == NULL)
		return;
	while ((view = TAILQ_FIRST(&views->by_age)) != NULL)
		views_drop(views, view);
	mem_free(views);
}

void
views_expire(struct views *views)
{
	uint64_t now = clock_mono_ms();
	struct view *view;

	while ((view = TAILQ_FIRST(&views->by_age)) != NULL &&
	    now - view->made_ms > VIEWS_KEEP_MS)
		views_drop(views, view);
}

static struct view *
views_find(struct views *views, uint32_t uid, const uint8_t id[16],
    const char *number)
{
	struct view *view;

	LIST_FOREACH(view, &views->buckets[views_bucket(id)], bucket) {
		if (view->uid == uid && memcmp(view->id, id, 16) == 0 &&
		    strncmp(view->number, number, sizeof(view->number)) == 0)
			return view;
	}
	return NULL;
}

struct view *
views_get(struct views *views, uint32_t uid, const uint8_t id[16],
    const char *number)
{
	struct view *view;

	views_expire(views);
	view = views_find(views, uid, id, number);
	if (view != NULL)
		view->refs++;
	return view;
}

const uint8_t *
views_bytes(const struct view *view, size_t *len_out)
{
	*len_out = view->len;
	return view->bytes;
}

void
views_add(struct views *views, uint32_t uid, const uint8_t id[16],
    const char *number, const uint8_t *manifest, size_t len)
{
	struct view *view;

	if (len > VIEWS_ONE_MAX)
		return;
	view = views_find(views, uid, id, number);
	if (view != NULL)
		views_drop(views, view);
	while (views->bytes + len > VIEWS_BYTES_MAX)
		views_drop(views, TAILQ_FIRST(&views->by_age));
	view = mem_alloc(sizeof(*view) + len);
	view->made_ms = clock_mono_ms();
	view->uid = uid;
	view->refs = 1;
	memcpy(view->id, id, 16);
	(void)mem_put_str(view->number, sizeof(view->number), number);
	view->len = len;
	memcpy(view->bytes, manifest, len);
	TAILQ_INSERT_TAIL(&views->by_age, view, age);
	LIST_INSERT_HEAD(&views->buckets[views_bucket(id)], view, bucket);
	views->bytes += len;
}
