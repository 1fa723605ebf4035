/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "proto/crypto/merkle.h"

#include "gatewayctl/verify/entries.h"

void
entries_init(struct entries *e)
{
	memset(e, 0, sizeof(*e));
}

void
entries_clear(struct entries *e)
{
	mem_free(e->anchors);
	mem_free(e->voids);
	mem_free(e->channels);
	entries_init(e);
}

/* Room for one more element. */
static void *
entries_grow(void *array, uint64_t count, uint64_t *cap, size_t size)
{
	if (count < *cap)
		return array;
	*cap = *cap == 0 ? 64 : *cap * 2;
	return mem_grow(array, *cap, size);
}

static void
entries_add_anchor(struct entries *e, uint64_t index,
    const struct audit_record *r)
{
	struct anchor *a;

	e->anchors = entries_grow(e->anchors, e->anchor_count,
	    &e->anchor_cap, sizeof(*a));
	a = &e->anchors[e->anchor_count++];
	memset(a, 0, sizeof(*a));
	a->entry = index;
	a->log_size = r->log_size;
	memcpy(a->root, r->root, sizeof(a->root));
	mem_put_str(a->channel, sizeof(a->channel), r->channel);
	mem_put_str(a->zone, sizeof(a->zone), r->detail);
}

static void
entries_add_void(struct entries *e, uint64_t index,
    const struct audit_record *r)
{
	struct voided *v;

	e->voids = entries_grow(e->voids, e->void_count, &e->void_cap,
	    sizeof(*v));
	v = &e->voids[e->void_count++];
	memset(v, 0, sizeof(*v));
	v->entry = index;
	memcpy(v->transfer_id, r->transfer_id, sizeof(v->transfer_id));
	mem_put_str(v->state, sizeof(v->state), r->state);
	v->attempt = r->attempt;
}

static bool
entries_has_channel(const struct entries *e, const char *id)
{
	uint64_t i;

	for (i = 0; i < e->channel_count; i++) {
		if (strcmp(e->channels[i], id) == 0)
			return true;
	}
	return false;
}

static void
entries_add_channel(struct entries *e, const char *id)
{
	if (id[0] == '\0' || entries_has_channel(e, id))
		return;
	e->channels = entries_grow(e->channels, e->channel_count,
	    &e->channel_cap, sizeof(*e->channels));
	mem_put_str(e->channels[e->channel_count++], sizeof(*e->channels),
	    id);
}

enum gw_err
entries_add(struct entries *e, uint64_t index, const uint8_t *entry,
    size_t len)
{
	struct audit_record r;
	enum gw_err err;

	err = audit_decode(entry, len, &r);
	if (err != GW_OK)
		return err;
	if (e->count++ == 0)
		e->first_ms = r.wall_ms;
	e->last_ms = r.wall_ms;
	entries_add_channel(e, r.channel);
	if (r.event == AUDIT_PEER_ANCHOR)
		entries_add_anchor(e, index, &r);
	if (r.event == AUDIT_VOID)
		entries_add_void(e, index, &r);
	return GW_OK;
}

/* --- voids ------------------------------------------------------------ */

static int
void_compare(const void *a, const void *b)
{
	const struct voided *x = a, *y = b;
	int order;

	order = memcmp(x->transfer_id, y->transfer_id,
	    sizeof(x->transfer_id));
	if (order == 0)
		order = strcmp(x->state, y->state);
	if (order == 0)
		order = (x->attempt > y->attempt) - (x->attempt < y->attempt);
	return order;
}

/* Mark every void of this state that stands behind it. */
static bool
void_on_entry(void *arg, uint64_t index, const uint8_t *entry, size_t len)
{
	struct entries *e = arg;
	struct voided key = {0}, *v;
	struct audit_record r;

	if (audit_decode(entry, len, &r) != GW_OK || r.event != AUDIT_STATE)
		return true;
	memcpy(key.transfer_id, r.transfer_id, sizeof(key.transfer_id));
	mem_put_str(key.state, sizeof(key.state), r.state);
	key.attempt = r.attempt;
	v = bsearch(&key, e->voids, e->void_count, sizeof(*v), void_compare);
	if (v == NULL)
		return true;
	while (v > e->voids && void_compare(v - 1, &key) == 0)
		v--;
	for (; v < e->voids + e->void_count && void_compare(v, &key) == 0;
	    v++) {
		if (v->entry > index)
			v->has_state = true;
	}
	return true;
}

void
entries_check_voids(struct entries *e, struct folder *f)
{
	static const uint8_t none[16];
	const struct voided *v;
	uint64_t i;

	if (e->void_count == 0)
		return;
	qsort(e->voids, e->void_count, sizeof(*e->voids), void_compare);
	if (!folder_walk(f, void_on_entry, e))
		folder_find(f, FIND_READ, FINDING_NO_ENTRY, ".");
	for (i = 0; i < e->void_count; i++) {
		v = &e->voids[i];
		if (!v->has_state || v->state[0] == '\0' ||
		    memcmp(v->transfer_id, none, sizeof(none)) == 0)
			folder_find(f, FIND_VOID, v->entry, NULL);
	}
}

/* --- anchors ---------------------------------------------------------- */

struct compare {
	struct merkle log;	/* of the other */
	struct anchor **by_size;
	uint64_t count, next;
	struct folder *folder;	/* of the anchors */
};

static int
anchor_compare(const void *a, const void *b)
{
	const struct anchor *x = *(struct anchor *const *)a;
	const struct anchor *y = *(struct anchor *const *)b;

	return (x->log_size > y->log_size) - (x->log_size < y->log_size);
}

/* Compare all anchors of the size that the other log has now. */
static bool
compare_step(struct compare *c)
{
	uint8_t root[32];
	struct anchor *a;

	while (c->next < c->count &&
	    c->by_size[c->next]->log_size == c->log.count) {
		a = c->by_size[c->next++];
		a->is_known = true;
		if (merkle_root(&c->log, root) != GW_OK)
			return false;
		if (memcmp(root, a->root, sizeof(root)) != 0)
			folder_find(c->folder, FIND_ANCHOR, a->entry, NULL);
	}
	return true;
}

static bool
compare_on_entry(void *arg, uint64_t index, const uint8_t *entry, size_t len)
{
	struct compare *c = arg;
	uint8_t leaf[32];

	(void)index;
	return merkle_leaf(entry, len, leaf) == GW_OK &&
	    merkle_add(&c->log, leaf) == GW_OK && compare_step(c);
}

/* "sekisho/ZONE/..." */
static bool
is_origin_of(const char *origin, const char *zone)
{
	const char *start = strchr(origin, '/');
	size_t len = strlen(zone);

	return start != NULL && strncmp(start + 1, zone, len) == 0 &&
	    start[1 + len] == '/';
}

static bool
anchor_is_about(const struct anchor *a, const struct entries *other_entries,
    const struct folder *other)
{
	if (a->zone[0] != '\0')
		return is_origin_of(other->checkpoint.origin, a->zone);
	return entries_has_channel(other_entries, a->channel);
}

void
entries_check_anchors(struct entries *mine, struct folder *f,
    const struct entries *other_entries, struct folder *other,
    uint64_t *compared_out)
{
	struct compare c = {.folder = f};
	struct anchor *a;
	uint64_t i;

	merkle_init(&c.log);
	c.by_size = mem_array(mine->anchor_count + 1, sizeof(*c.by_size));
	for (i = 0; i < mine->anchor_count; i++) {
		a = &mine->anchors[i];
		if (anchor_is_about(a, other_entries, other))
			c.by_size[c.count++] = a;
	}
	qsort(c.by_size, c.count, sizeof(*c.by_size), anchor_compare);
	if (!compare_step(&c) || !folder_walk(other, compare_on_entry, &c))
		folder_find(other, FIND_READ, FINDING_NO_ENTRY, ".");
	/* The other log ends before what it once showed. */
	for (i = 0; i < c.count; i++) {
		if (!c.by_size[i]->is_known)
			folder_find(f, FIND_ANCHOR, c.by_size[i]->entry,
			    NULL);
	}
	*compared_out = c.count;
	mem_free(c.by_size);
}
