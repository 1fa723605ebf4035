/* SPDX-License-Identifier: ISC */
/*
 * fill_catalog FOLDER COUNT low|high FLOW LETTER: add COUNT transfers that
 * came to their end to the catalogue in FOLDER, whose gateway must be
 * stopped.  All goes through the catalogue module, as the spool does it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/record/number.h"

#include "gatewayd/spool/catalog.h"

#define FILL_CHANNEL "bench-fill"
#define FILL_GROUP 20000	/* transfers in one commit */
#define FILL_PER_DAY 1000
#define FILL_FIRST_DAY 20200101u
#define FILL_BODIES 2		/* manifest and one file */
#define FILL_BODY_BYTES 4160
#define FILL_PER_PACK 20000
#define FILL_FIRST_PACK 1000000u /* packs that no store has */
#define FILL_DAY_MS (UINT64_C(24) * 3600 * 1000)
#define FILL_KEEP_MS (3650 * FILL_DAY_MS)

struct fill {
	struct catalog *cat;
	struct gate gate;
	enum side side;
	const char *flow;
	char letter;
	uint64_t start_ms, now_ms;
	uint64_t random;	/* splitmix64: same entries in every run */
};

/* States that a transfer of each side went through. */
static const uint32_t fill_low[] = {
	ST_ACCEPTED, ST_INSPECTED, ST_SEALED, ST_SENT, ST_CONFIRMED,
};
static const uint32_t fill_high[] = {
	ST_ARRIVING, ST_COMPLETE, ST_OPENED, ST_REINSPECTED, ST_DELIVERING,
	ST_DELIVERED, ST_ERASED,
};

static uint64_t
fill_random(struct fill *f)
{
	uint64_t z = (f->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void
fill_bytes(struct fill *f, uint8_t *out, size_t len)
{
	uint64_t value;
	size_t at, part;

	for (at = 0; at < len; at += part) {
		value = fill_random(f);
		part = len - at < sizeof(value) ? len - at : sizeof(value);
		memcpy(out + at, &value, part);
	}
}

static void
fill_number(const struct fill *f, uint64_t i, char out[IPC_NUMBER_LEN])
{
	struct number n = {
		.letter = f->letter,
		.count = (uint32_t)(i % FILL_PER_DAY) + 1,
	};
	char day[CLOCK_DAY_LEN];

	clock_day_jst(f->start_ms + i / FILL_PER_DAY * FILL_DAY_MS, day);
	n.day = (uint32_t)strtoul(day, NULL, 10);
	if (number_format(&n, out) != GW_OK)
		log_fatal("no receipt number for entry %llu",
		    (unsigned long long)i);
}

static void
fill_transfer(struct fill *f, uint64_t i, struct transfer *t)
{
	bool is_low = f->side == SIDE_LOW;

	memset(t, 0, sizeof(*t));
	fill_bytes(f, t->ref.id, sizeof(t->ref.id));
	t->ref.slot = (uint32_t)i * (FILL_BODIES + 1);
	t->side = f->side;
	t->state = is_low ? ST_CONFIRMED : ST_ERASED;
	t->step = is_low ? sizeof(fill_low) / sizeof(fill_low[0]) :
	    sizeof(fill_high) / sizeof(fill_high[0]);
	t->body_count = FILL_BODIES;
	t->file_count = FILL_BODIES - 1;
	t->epoch = 1;
	t->seq = i + 1;
	t->plain_bytes = 4096;
	t->stored_bytes = is_low ? FILL_BODIES * FILL_BODY_BYTES : 0;
	t->accepted_ms = f->start_ms + i / FILL_PER_DAY * FILL_DAY_MS +
	    i % FILL_PER_DAY * 1000;
	t->created_ms = t->accepted_ms;
	t->state_ms = t->accepted_ms + 500;
	/* A sender keeps the original until then; a receiver is done. */
	t->erase_ms = is_low ? f->now_ms + FILL_KEEP_MS + i : 0;
	fill_bytes(f, t->parcel_id, sizeof(t->parcel_id));
	fill_number(f, i, t->number);
	mem_put_str(t->flow, sizeof(t->flow), f->flow);
	mem_put_str(t->channel, sizeof(t->channel), FILL_CHANNEL);
	mem_put_str(t->submitter, sizeof(t->submitter), "bench");
}

static void
fill_steps(struct fill *f, const struct transfer *t)
{
	const uint32_t *states = f->side == SIDE_LOW ? fill_low : fill_high;
	struct spool_step step = {0};
	uint32_t i;

	mem_put_str(step.actor, sizeof(step.actor), "spool");
	for (i = 0; i < t->step; i++) {
		step.state = states[i];
		step.attempt = i + 1;
		step.wall_ms = t->accepted_ms + i * 100;
		catalog_step_add(f->cat, t->row, &step);
	}
}

static void
fill_place(uint64_t i, uint32_t index, struct place *out)
{
	out->pack = FILL_FIRST_PACK + (uint32_t)(i / FILL_PER_PACK);
	out->offset = (i % FILL_PER_PACK * (FILL_BODIES + 1) + index) *
	    FILL_BODY_BYTES;
	out->len = FILL_BODY_BYTES;
}

static void
fill_bodies(struct fill *f, uint64_t i, const struct transfer *t)
{
	struct body_row body;
	uint32_t index;

	for (index = 0; index < FILL_BODIES; index++) {
		memset(&body, 0, sizeof(body));
		fill_bytes(f, body.id, sizeof(body.id));
		fill_bytes(f, body.root, sizeof(body.root));
		body.padded_len = 4096;
		body.plain_len = 4096;
		body.index = index;
		fill_place(i, index, &body.place);
		catalog_body_add(f->cat, t->row, &body);
		catalog_pack_live(f->cat, body.place.pack, 1);
	}
}

static void
fill_parcel(struct fill *f, uint64_t i, const struct transfer *t)
{
	struct parcel_row parcel = {
		.epoch = 1,
		.seq = t->seq,
		.row = t->row,
		.is_complete = true,
	};

	mem_put_str(parcel.channel, sizeof(parcel.channel), FILL_CHANNEL);
	fill_bytes(f, parcel.header_hash, sizeof(parcel.header_hash));
	if (f->side == SIDE_LOW) {
		fill_place(i, FILL_BODIES, &parcel.place);
		catalog_pack_live(f->cat, parcel.place.pack, 1);
	}
	catalog_parcel_add(f->cat, &parcel);
}

static void
fill_pack(struct fill *f, uint64_t i)
{
	struct pack_row pack = {0};

	if (f->side != SIDE_LOW || i % FILL_PER_PACK != 0)
		return;
	pack.id = FILL_FIRST_PACK + (uint32_t)(i / FILL_PER_PACK);
	pack.size = FILL_PER_PACK * (FILL_BODIES + 1) *
	    (uint64_t)FILL_BODY_BYTES;
	catalog_pack_put(f->cat, &pack);
}

static void
fill_one(struct fill *f, uint64_t i)
{
	struct transfer t;

	fill_pack(f, i);
	fill_transfer(f, i, &t);
	catalog_add(f->cat, &t);
	fill_steps(f, &t);
	if (f->side == SIDE_LOW)
		fill_bodies(f, i, &t);
	fill_parcel(f, i, &t);
	f->gate.counts[t.state]++;
	f->gate.transfers++;
	f->gate.stored_bytes += t.stored_bytes;
}

static void
fill_run(struct fill *f, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++) {
		catalog_begin(f->cat);
		fill_one(f, i);
		if ((i + 1) % FILL_GROUP == 0 || i + 1 == count) {
			catalog_gate_put(f->cat, &f->gate);
			catalog_commit(f->cat);
		}
	}
}

int
main(int argc, char **argv)
{
	struct fill f = {.random = 20260401};
	enum gw_err err;
	int dirfd;

	log_init("fill_catalog");
	if (argc != 6 || (strcmp(argv[3], "low") != 0 &&
	    strcmp(argv[3], "high") != 0)) {
		fprintf(stderr, "usage: fill_catalog FOLDER COUNT low|high "
		    "FLOW LETTER\n");
		return 2;
	}
	f.side = strcmp(argv[3], "low") == 0 ? SIDE_LOW : SIDE_HIGH;
	f.flow = argv[4];
	f.letter = argv[5][0];
	f.now_ms = clock_wall_ms();
	if (!clock_from_day_jst(FILL_FIRST_DAY / 10000, 1, 1, &f.start_ms))
		log_panic("no first day");
	dirfd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1 || fchdir(dirfd) != 0)
		log_fatal("%s: %s", argv[1], strerror(errno));
	err = catalog_open(dirfd, &f.cat);
	if (err != GW_OK)
		log_fatal("%s: %s", argv[1], err_text_en(err));
	catalog_gate_get(f.cat, &f.gate);
	fill_run(&f, strtoull(argv[2], NULL, 10));
	printf("%llu\n", (unsigned long long)f.gate.transfers);
	catalog_close(f.cat);
	close(dirfd);
	return 0;
}
