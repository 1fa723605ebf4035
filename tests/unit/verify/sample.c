/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "proto/record/audit.h"
#include "proto/record/tile.h"

#include "gatewayd/audit/store.h"

/*
 * Writes logs for the tests of the verifiers.
 * usage: audit-sample DIR PLAN
 * PLAN is a line of steps, done in order on two logs, DIR/a (lgwan) and
 * DIR/b (internet); upper case letters go to b:
 *   eN  append N entries as one group       c  checkpoint
 *   s   a state and the void of it          v  a void without its state
 *   x   an entry that is no record          p  anchor of the other log
 *   z   anchor of the other log with a wrong root
 *   o   anchor that names an unrelated peer
 */
struct side {
	struct store *store;
	const char *zone;
	int fd;
	unsigned seed;
};

static unsigned
next_random(struct side *s)
{
	s->seed = s->seed * 1103515245u + 12345u;
	return s->seed >> 16 & 0x7fff;
}

static void
put_record(struct buf *out, const struct audit_record *r)
{
	struct buf entry;

	buf_init(&entry, AUDIT_ENTRY_MAX);
	if (audit_encode(r, &entry) != GW_OK)
		errx(1, "no record");
	tile_put_entry(out, entry.data, entry.len);
	buf_clear(&entry);
}

static void
flush(struct side *s, struct buf *group, unsigned count)
{
	if (store_append(s->store, group->data, group->len, count) != GW_OK)
		errx(1, "append");
	buf_reset(group);
}

static struct audit_record
some_record(struct side *s)
{
	/* All events but void and peer-anchor, which need company. */
	static const uint16_t events[] = {1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12,
	    14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};
	struct audit_record r = {.wall_ms = clock_wall_ms()};
	unsigned i;

	r.event = events[next_random(s) % 22];
	r.reason = (uint16_t)(next_random(s) % 3);
	mem_put_str(r.channel, sizeof(r.channel), "internet-lgwan");
	if (next_random(s) % 2 == 0)
		mem_put_str(r.flow, sizeof(r.flow), "office-documents");
	if (next_random(s) % 3 == 0)
		mem_put_str(r.actor, sizeof(r.actor), "担当者");
	if (r.event == AUDIT_STATE)
		mem_put_str(r.state, sizeof(r.state), "sent");
	if (r.event == AUDIT_VERDICTS) {
		for (i = 0; i < AUDIT_STAGES; i += 3)
			r.stages[i] = (struct audit_stage){.verdict = 1,
			    .engine = i + 1};
	}
	if (r.event == AUDIT_NAME) {
		r.blob_len = 5;
		memset(r.blob, 0x5a, r.blob_len);
	}
	r.seq = next_random(s);
	return r;
}

static void
put_some(struct side *s, unsigned count)
{
	struct audit_record r;
	struct buf group;
	unsigned i;

	buf_init(&group, 1 << 22);
	for (i = 0; i < count; i++) {
		r = some_record(s);
		put_record(&group, &r);
	}
	flush(s, &group, count);
	buf_clear(&group);
}

static void
put_void(struct side *s, bool has_state)
{
	struct audit_record r = {.event = AUDIT_STATE,
	    .wall_ms = clock_wall_ms(), .attempt = next_random(s),
	    .state = "sealed"};
	struct buf group;

	memset(r.transfer_id, 1 + (int)(next_random(s) % 250),
	    sizeof(r.transfer_id));
	buf_init(&group, 1 << 16);
	if (has_state) {
		put_record(&group, &r);
		flush(s, &group, 1);
	}
	r.event = AUDIT_VOID;
	put_record(&group, &r);
	flush(s, &group, 1);
	buf_clear(&group);
}

static void
put_anchor(struct side *s, const struct side *other, char kind)
{
	struct audit_record r = {.event = AUDIT_PEER_ANCHOR,
	    .wall_ms = clock_wall_ms(), .channel = "internet-lgwan"};
	struct buf group;

	r.log_size = store_size(other->store);
	if (store_root(other->store, r.root) != GW_OK)
		errx(1, "root");
	/* Some name the zone, some only the channel. */
	if (kind == 'o')
		mem_put_str(r.detail, sizeof(r.detail), "mynumber");
	else if (next_random(s) % 2 == 0)
		mem_put_str(r.detail, sizeof(r.detail), other->zone);
	if (kind != 'p')
		r.root[7] ^= 1;
	buf_init(&group, 1 << 16);
	put_record(&group, &r);
	flush(s, &group, 1);
	buf_clear(&group);
}

static void
put_nonsense(struct side *s)
{
	struct buf group;

	buf_init(&group, 64);
	tile_put_entry(&group, "\1\1", 2);
	flush(s, &group, 1);
	buf_clear(&group);
}

static void
side_open(struct side *s, const char *dir, const char *name, const char *zone)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (mkdir(path, 0700) != 0)
		err(1, "%s", path);
	s->zone = zone;
	s->fd = open(path, O_RDONLY | O_DIRECTORY);
	if (s->fd == -1 || store_open(s->fd, zone, &s->store) != GW_OK)
		errx(1, "%s", path);
}

static void
step(struct side *s, const struct side *other, char what, unsigned count)
{
	switch (what) {
	case 'e':
		put_some(s, count);
		break;
	case 'c':
		if (store_checkpoint(s->store) != GW_OK)
			errx(1, "checkpoint");
		break;
	case 's':
	case 'v':
		put_void(s, what == 's');
		break;
	case 'x':
		put_nonsense(s);
		break;
	case 'p':
	case 'z':
	case 'o':
		put_anchor(s, other, what);
		break;
	default:
		errx(2, "no step: %c", what);
	}
}

int
main(int argc, char **argv)
{
	struct side a = {.seed = 1}, b = {.seed = 2};
	unsigned long count;
	char *p;

	if (argc != 3)
		errx(2, "usage: audit-sample DIR PLAN");
	side_open(&a, argv[1], "a", "lgwan");
	side_open(&b, argv[1], "b", "internet");
	for (p = argv[2]; *p != '\0';) {
		char what = *p++;

		count = *p >= '0' && *p <= '9' ? strtoul(p, &p, 10) : 1;
		if (what >= 'A' && what <= 'Z')
			step(&b, &a, (char)(what - 'A' + 'a'),
			    (unsigned)count);
		else if (what != ' ')
			step(&a, &b, what, (unsigned)count);
	}
	store_free(a.store);
	store_free(b.store);
	return 0;
}
