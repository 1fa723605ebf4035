/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "proto/crypto/crypto.h"
#include "proto/record/audit.h"
#include "proto/record/checkpoint.h"
#include "proto/record/journal.h"
#include "proto/record/tile.h"

/* The same numbers in every run. */
static uint64_t seed;

static uint32_t
next_random(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33);
}

static void
fill_random(void *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		((uint8_t *)p)[i] = (uint8_t)next_random();
}

static bool
coin(void)
{
	return (next_random() & 1) != 0;
}

/* --- entries ---------------------------------------------------------- */

static void
text_random(char *p, size_t size)
{
	static const char digits[] = "abc-09 \xe5\x8f\x97";
	size_t i, len = next_random() % size;

	for (i = 0; i < len; i++)
		p[i] = digits[next_random() % (sizeof(digits) - 1)];
}

static struct audit_record
record_random(void)
{
	struct audit_record r = {0};
	int i;

	r.event = (uint16_t)(1 + next_random() % 24);
	r.wall_ms = 1 + next_random();
#define SOME(member)                                                      \
	if (coin())                                                       \
	fill_random(&r.member, sizeof(r.member))
#define TEXT(member)                                                      \
	if (coin())                                                       \
	text_random(r.member, sizeof(r.member))
	SOME(reason);
	SOME(attempt);
	SOME(transfer_id);
	SOME(body_id);
	SOME(parcel_id);
	TEXT(number);
	TEXT(flow);
	TEXT(channel);
	TEXT(state);
	TEXT(actor);
	TEXT(detail);
	SOME(uid);
	SOME(index);
	SOME(count);
	SOME(epoch);
	SOME(seq);
	SOME(size);
	SOME(type);
	SOME(approvals);
	SOME(hash);
	SOME(root);
	SOME(policy_digest);
	SOME(log_size);
	for (i = 0; i < AUDIT_STAGES; i++) {
		if (!coin())
			continue;
		r.stages[i].verdict = (uint16_t)(1 + next_random() % 6);
		r.stages[i].reason = (uint16_t)next_random();
		r.stages[i].engine = next_random();
		r.stages[i].signatures = next_random();
	}
	if (coin()) {
		r.blob_len = next_random() % (sizeof(r.blob) + 1);
		fill_random(r.blob, r.blob_len);
	}
	return r;
}

START_TEST(entry_round_trip)
{
	struct audit_record r, back;
	struct buf b;
	int i;

	buf_init(&b, AUDIT_ENTRY_MAX);
	for (i = 0; i < 2000; i++) {
		r = record_random();
		buf_reset(&b);
		ck_assert_int_eq(audit_encode(&r, &b), GW_OK);
		memset(&back, 0xaa, sizeof(back));
		ck_assert_int_eq(audit_decode(b.data, b.len, &back), GW_OK);
		ck_assert_mem_eq(&r, &back, sizeof(r));
	}
	buf_clear(&b);
}
END_TEST

/* The documented bytes of a small entry. */
START_TEST(entry_bytes)
{
	static const uint8_t expected[] = {
		1,
		1, 0, 2, 0, 5,
		3, 0, 4, 0, 0, 0, 2,
		4, 0, 8, 0, 0, 1, 0x9d, 0x46, 0x5a, 0x88, 0x00,
		11, 0, 4, 's', 'e', 'n', 't',
		26, 0, 13, 2, 0, 1, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9,
		27, 0, 2, 0xab, 0xcd,
	};
	struct audit_record r = {.event = AUDIT_STATE, .attempt = 2,
	    .wall_ms = UINT64_C(0x019d465a8800), .state = "sent",
	    .blob_len = 2, .blob = {0xab, 0xcd}};
	struct buf b;

	r.stages[2] = (struct audit_stage){.verdict = 1, .engine = 7,
	    .signatures = 9};
	/* A row of a stage that did not run says nothing. */
	r.stages[3].engine = 4;
	buf_init(&b, AUDIT_ENTRY_MAX);
	ck_assert_int_eq(audit_encode(&r, &b), GW_OK);
	ck_assert_uint_eq(b.len, sizeof(expected));
	ck_assert_mem_eq(b.data, expected, sizeof(expected));
	buf_clear(&b);
}
END_TEST

START_TEST(entry_text_is_cleaned)
{
	struct audit_record r = {.event = AUDIT_VIEW, .wall_ms = 1}, back;
	struct buf b;

	memcpy(r.actor, "a\nb\x7f\x1b[0m", 9);
	memset(r.number, 'x', sizeof(r.number)); /* no NUL */
	buf_init(&b, AUDIT_ENTRY_MAX);
	ck_assert_int_eq(audit_encode(&r, &b), GW_OK);
	ck_assert_int_eq(audit_decode(b.data, b.len, &back), GW_OK);
	ck_assert_str_eq(back.actor, "a?b??[0m");
	ck_assert_uint_eq(strlen(back.number), sizeof(r.number) - 1);
	buf_clear(&b);
}
END_TEST

START_TEST(entry_refused_on_encode)
{
	struct audit_record r = {.event = AUDIT_VIEW, .wall_ms = 1};
	struct buf b;

	buf_init(&b, AUDIT_ENTRY_MAX);
	r.event = 0;
	ck_assert_int_eq(audit_encode(&r, &b), GW_EFORMAT);
	r.event = 25;
	ck_assert_int_eq(audit_encode(&r, &b), GW_EFORMAT);
	r.event = AUDIT_VIEW;
	r.wall_ms = 0;
	ck_assert_int_eq(audit_encode(&r, &b), GW_EFORMAT);
	r.wall_ms = 1;
	r.blob_len = sizeof(r.blob) + 1;
	ck_assert_int_eq(audit_encode(&r, &b), GW_EFORMAT);
	r.blob_len = 0;
	buf_clear(&b);
	buf_init(&b, 8);
	ck_assert_int_eq(audit_encode(&r, &b), GW_ELIMIT);
	buf_clear(&b);
}
END_TEST

/* The fullest record there can be fits. */
START_TEST(entry_fits)
{
	struct audit_record r, back;
	struct buf b;
	int i;

	memset(&r, 0x41, sizeof(r));
	r.event = AUDIT_NAME;
	r.blob_len = sizeof(r.blob);
	for (i = 0; i < AUDIT_STAGES; i++)
		r.stages[i].pad = 0;
	buf_init(&b, AUDIT_ENTRY_MAX);
	ck_assert_int_eq(audit_encode(&r, &b), GW_OK);
	ck_assert_int_eq(audit_decode(b.data, b.len, &back), GW_OK);
	ck_assert_uint_eq(b.len, 1065);
	buf_clear(&b);
}
END_TEST

static void
expect_same_or_refused(const uint8_t *data, size_t len, int *accepted)
{
	struct audit_record r;
	struct buf again;

	if (audit_decode(data, len, &r) != GW_OK)
		return;
	(*accepted)++;
	buf_init(&again, AUDIT_ENTRY_MAX);
	ck_assert_int_eq(audit_encode(&r, &again), GW_OK);
	ck_assert_uint_eq(again.len, len);
	ck_assert_mem_eq(again.data, data, len);
	buf_clear(&again);
}

START_TEST(entry_mutations)
{
	struct audit_record r;
	uint8_t *copy;
	struct buf b;
	size_t bit;
	int i, accepted = 0;

	buf_init(&b, AUDIT_ENTRY_MAX);
	for (i = 0; i < 20; i++) {
		r = record_random();
		buf_reset(&b);
		ck_assert_int_eq(audit_encode(&r, &b), GW_OK);
		copy = mem_alloc(b.len + 1);
		for (bit = 0; bit < b.len * 8; bit++) {
			memcpy(copy, b.data, b.len);
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			expect_same_or_refused(copy, b.len, &accepted);
		}
		for (bit = 0; bit < b.len; bit++)
			expect_same_or_refused(b.data, bit, &accepted);
		memcpy(copy, b.data, b.len);
		copy[b.len] = 0;
		ck_assert_int_ne(audit_decode(copy, b.len + 1, &r), GW_OK);
		mem_free(copy);
	}
	/* Values may change to other values: the tree's hashes see that. */
	ck_assert_int_gt(accepted, 0);
	buf_clear(&b);
}
END_TEST

struct strict {
	const char *what;
	uint8_t data[40];
	size_t len;
};

#define BASE 1, 1, 0, 2, 0, 5, 4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9
static const struct strict strict_cases[] = {
	{"order", {1, 4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 2, 0, 5}, 17},
	{"repeat", {1, 1, 0, 2, 0, 5, 1, 0, 2, 0, 5,
	    4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9}, 22},
	{"zero value", {1, 1, 0, 2, 0, 5, 2, 0, 2, 0, 0,
	    4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9}, 22},
	{"unknown tag", {BASE, 28, 0, 1, 1}, 21},
	{"tag zero", {BASE, 0, 0, 1, 1}, 21},
	{"empty text", {BASE, 11, 0, 0}, 20},
	{"control byte", {BASE, 11, 0, 1, 7}, 21},
	{"NUL in text", {BASE, 11, 0, 2, 'a', 0}, 22},
	{"short number", {BASE, 14, 0, 3, 1, 2, 3}, 23},
	{"long number", {BASE, 14, 0, 5, 1, 2, 3, 4, 5}, 25},
	{"stage order", {BASE, 26, 0, 13, 2, 0, 1, 0, 0, 0, 0, 0, 0,
	    0, 0, 0, 0}, 33},	/* valid: see below */
	{"stage index", {BASE, 26, 0, 13, 8, 0, 1, 0, 0, 0, 0, 0, 0,
	    0, 0, 0, 0}, 33},
	{"stage without verdict", {BASE, 26, 0, 13, 2, 0, 0, 0, 0, 0, 0, 0,
	    1, 0, 0, 0, 0}, 33},
	{"short stage", {BASE, 26, 0, 12, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
	    0}, 32},
	{"empty blob", {BASE, 27, 0, 0}, 20},
	{"value past the end", {BASE, 27, 0, 9, 1}, 21},
	{"no event", {1, 4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9}, 12},
	{"no time", {1, 1, 0, 2, 0, 5}, 6},
	{"event unknown", {1, 1, 0, 2, 0, 99,
	    4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9}, 17},
	{"version", {2, 1, 0, 2, 0, 5, 4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9}, 17},
	{"empty", {0}, 0},
};

START_TEST(entry_is_strict)
{
	const struct strict *c = &strict_cases[_i];
	struct audit_record r;
	enum gw_err err;

	err = audit_decode(c->data, c->len, &r);
	if (strcmp(c->what, "stage order") == 0)
		ck_assert_int_eq(err, GW_OK);
	else
		ck_assert_msg(err == GW_EFORMAT || err == GW_ETRUNC ||
		    err == GW_EVERSION, "%s: %d", c->what, (int)err);
}
END_TEST

START_TEST(event_words)
{
	ck_assert_str_eq(audit_event_word(AUDIT_VOID), "void");
	ck_assert_str_eq(audit_event_ja(AUDIT_STARTED), "起動");
	ck_assert_str_eq(audit_event_en(AUDIT_FREEZE), "channel frozen");
	ck_assert_str_eq(audit_event_word((enum audit_event)0), "?");
	ck_assert_str_eq(audit_event_ja((enum audit_event)999), "?");
	ck_assert_str_eq(audit_event_en((enum audit_event)999), "?");
}
END_TEST

/* --- tiles ------------------------------------------------------------ */

START_TEST(tile_paths)
{
	char path[TILE_PATH_MAX];

	/* The examples of C2SP tlog-tiles. */
	tile_path(3, 1234067, TILE_WIDTH, path);
	ck_assert_str_eq(path, "tile/3/x001/x234/067");
	tile_path(TILE_ENTRIES, 1234067, 112, path);
	ck_assert_str_eq(path, "tile/entries/x001/x234/067.p/112");
	tile_path(0, 0, 1, path);
	ck_assert_str_eq(path, "tile/0/000.p/1");
	tile_path(0, 999, TILE_WIDTH, path);
	ck_assert_str_eq(path, "tile/0/999");
	tile_path(0, 1000, TILE_WIDTH, path);
	ck_assert_str_eq(path, "tile/0/x001/000");
	tile_path(TILE_ENTRIES, UINT64_MAX, 255, path);
	ck_assert_str_eq(path,
	    "tile/entries/x018/x446/x744/x073/x709/x551/615.p/255");
}
END_TEST

START_TEST(tile_counts)
{
	/* A tree of 70,000 as in the specification. */
	ck_assert_uint_eq(tile_full_count(0, 70000), 273);
	ck_assert_uint_eq(tile_partial_width(0, 70000), 112);
	ck_assert_uint_eq(tile_full_count(1, 70000), 1);
	ck_assert_uint_eq(tile_partial_width(1, 70000), 17);
	ck_assert_uint_eq(tile_full_count(2, 70000), 0);
	ck_assert_uint_eq(tile_partial_width(2, 70000), 1);
	ck_assert_uint_eq(tile_partial_width(3, 70000), 0);
	ck_assert_uint_eq(tile_full_count(TILE_ENTRIES, 70000), 273);
	ck_assert_uint_eq(tile_partial_width(TILE_ENTRIES, 70000), 112);
	ck_assert_uint_eq(tile_full_count(0, 256), 1);
	ck_assert_uint_eq(tile_partial_width(0, 256), 0);
	ck_assert_uint_eq(tile_partial_width(1, 256), 1);
}
END_TEST

START_TEST(tile_entries)
{
	const uint8_t *entry;
	struct buf b;
	struct rd rd;
	size_t len;

	buf_init(&b, 1 << 20);
	tile_put_entry(&b, "abc", 3);
	tile_put_entry(&b, "", 0);
	rd_init(&rd, b.data, b.len);
	ck_assert_int_eq(tile_get_entry(&rd, &entry, &len), GW_OK);
	ck_assert_uint_eq(len, 3);
	ck_assert_mem_eq(entry, "abc", 3);
	ck_assert_int_eq(tile_get_entry(&rd, &entry, &len), GW_OK);
	ck_assert_uint_eq(len, 0);
	ck_assert_int_eq(tile_get_entry(&rd, &entry, &len), GW_ETRUNC);
	rd_init(&rd, b.data, 4);
	ck_assert_int_eq(tile_get_entry(&rd, &entry, &len), GW_ETRUNC);
	ck_assert_uint_eq(rd_left(&rd), 4);
	buf_clear(&b);
}
END_TEST

/* --- checkpoint ------------------------------------------------------- */

/* Keys and note of the documentation of Go's sumdb/note. */
#define GO_PRIVATE                                                        \
	"PRIVATE+KEY+PeterNeumann+c74f20a3+"                              \
	"AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n"
#define GO_PUBLIC                                                         \
	"PeterNeumann+c74f20a3+"                                          \
	"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n"

START_TEST(key_lines)
{
	struct checkpoint_key key, public_key;
	struct buf b;
	size_t i;
	char copy[128];

	ck_assert_int_eq(checkpoint_key_decode(GO_PRIVATE,
	    strlen(GO_PRIVATE), true, &key), GW_OK);
	ck_assert_str_eq(key.name, "PeterNeumann");
	buf_init(&b, 256);
	ck_assert_int_eq(checkpoint_key_encode(&key, false, &b), GW_OK);
	ck_assert_uint_eq(b.len, strlen(GO_PUBLIC));
	ck_assert_mem_eq(b.data, GO_PUBLIC, b.len);
	buf_reset(&b);
	ck_assert_int_eq(checkpoint_key_encode(&key, true, &b), GW_OK);
	ck_assert_uint_eq(b.len, strlen(GO_PRIVATE));
	ck_assert_mem_eq(b.data, GO_PRIVATE, b.len);
	ck_assert_int_eq(checkpoint_key_decode(GO_PUBLIC, strlen(GO_PUBLIC),
	    false, &public_key), GW_OK);
	ck_assert_mem_eq(public_key.pub, key.pub, 32);
	/* The hash in the line covers name and key: no other line passes. */
	for (i = 0; i < strlen(GO_PUBLIC) * 8; i++) {
		memcpy(copy, GO_PUBLIC, strlen(GO_PUBLIC));
		copy[i / 8] = (char)(copy[i / 8] ^ 1 << i % 8);
		ck_assert_int_ne(checkpoint_key_decode(copy,
		    strlen(GO_PUBLIC), false, &public_key), GW_OK);
	}
	for (i = 0; i < strlen(GO_PUBLIC); i++)
		ck_assert_int_ne(checkpoint_key_decode(GO_PUBLIC, i, false,
		    &public_key), GW_OK);
	buf_clear(&b);
}
END_TEST

START_TEST(note_signature)
{
	static const char text[] =
	    "If you think cryptography is the answer to your problem,\n"
	    "then you don't know what your problem is.\n";
	/* Base64 of the documented signature, without the key id. */
	static const uint8_t begin[] = {0xf6, 0x49, 0x92, 0xe0, 0x52, 0xf5,
	    0x41, 0xbf};
	struct checkpoint_key key;
	uint8_t sig[64];

	ck_assert_int_eq(checkpoint_key_decode(GO_PRIVATE,
	    strlen(GO_PRIVATE), true, &key), GW_OK);
	ck_assert_int_eq(crypto_sign(key.seed, text, strlen(text), sig),
	    GW_OK);
	ck_assert_mem_eq(sig, begin, sizeof(begin));
}
END_TEST

static void
make_checkpoint(struct checkpoint_key *key, struct checkpoint *c,
    struct buf *b)
{
	memset(key, 0, sizeof(*key));
	mem_put_str(key->name, sizeof(key->name), "sekisho/lgwan/00c0ffee");
	memset(key->seed, 7, sizeof(key->seed));
	ck_assert_int_eq(crypto_sign_public(key->seed, key->pub), GW_OK);
	memset(c, 0, sizeof(*c));
	mem_put_str(c->origin, sizeof(c->origin), key->name);
	c->size = 20852163;
	memset(c->root, 0xa5, sizeof(c->root));
	c->wall_ms = 1775001600000;
	c->clock = CHECKPOINT_CLOCK_SYNCHRONIZED;
	buf_init(b, CHECKPOINT_MAX);
	ck_assert_int_eq(checkpoint_encode(c, key, b), GW_OK);
}

START_TEST(checkpoint_round_trip)
{
	static const char head[] =
	    "sekisho/lgwan/00c0ffee\n20852163\n"
	    "paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU=\n"
	    "time 1775001600000 synchronized\n"
	    "\n\xe2\x80\x94 sekisho/lgwan/00c0ffee ";
	struct checkpoint_key key;
	struct checkpoint c, back;
	struct buf b;

	make_checkpoint(&key, &c, &b);
	ck_assert_mem_eq(b.data, head, strlen(head));
	ck_assert_int_eq(checkpoint_decode(b.data, b.len, &back), GW_OK);
	ck_assert_uint_eq(back.size, c.size);
	ck_assert_mem_eq(back.root, c.root, 32);
	ck_assert_uint_eq(back.wall_ms, c.wall_ms);
	ck_assert_int_eq(back.clock, c.clock);
	ck_assert_int_eq(back.sig_count, 1);
	ck_assert_int_eq(checkpoint_verify(&back, b.data, &key), GW_OK);
	key.pub[3] ^= 1;
	ck_assert_int_eq(checkpoint_verify(&back, b.data, &key), GW_ENOENT);
	buf_clear(&b);
}
END_TEST

/* No other text is a checkpoint of this key. */
START_TEST(checkpoint_mutations)
{
	struct checkpoint_key key;
	struct checkpoint c;
	struct buf b;
	size_t i;

	make_checkpoint(&key, &c, &b);
	for (i = 0; i < b.len * 8; i++) {
		b.data[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_msg(checkpoint_decode(b.data, b.len, &c) != GW_OK ||
		    checkpoint_verify(&c, b.data, &key) != GW_OK,
		    "bit %zu", i);
		b.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (i = 0; i < b.len; i++)
		ck_assert_int_ne(checkpoint_decode(b.data, i, &c), GW_OK);
	buf_put_u8(&b, '\n');
	ck_assert_int_ne(checkpoint_decode(b.data, b.len, &c), GW_OK);
	buf_clear(&b);
}
END_TEST

START_TEST(checkpoint_other_signatures)
{
	struct checkpoint_key key, other = {.name = "witness.example/w1"};
	struct checkpoint c;
	struct buf b;
	char line[160];
	int n = 0;

	make_checkpoint(&key, &c, &b);
	/* An unknown key's line is passed over, and counted. */
	n = snprintf(line, sizeof(line), "\xe2\x80\x94 %s %.*s=\n", other.name,
	    91, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	buf_put(&b, line, (size_t)n);
	ck_assert_int_eq(checkpoint_decode(b.data, b.len, &c), GW_OK);
	ck_assert_int_eq(c.sig_count, 2);
	ck_assert_int_eq(checkpoint_verify(&c, b.data, &key), GW_OK);
	ck_assert_int_eq(checkpoint_verify(&c, b.data, &other), GW_ENOENT);
	buf_clear(&b);
	mem_put_str(c.origin, sizeof(c.origin), "two words");
	buf_init(&b, CHECKPOINT_MAX);
	ck_assert_int_eq(checkpoint_encode(&c, &key, &b), GW_EINVAL);
	buf_clear(&b);
}
END_TEST

/* --- journal ---------------------------------------------------------- */

#define GROUPS 6

struct sample {
	struct buf b;
	size_t ends[GROUPS + 1]; /* of the header and of each group */
	uint64_t sizes[GROUPS + 1];
	struct merkle at[GROUPS + 1];
	uint64_t base;
};

static void
sample_make(struct sample *s, uint64_t base)
{
	struct journal_group g;
	struct merkle log;
	struct buf entries;
	uint8_t entry[40], leaf[32], root[32];
	unsigned i, j, len;

	merkle_init(&log);
	for (i = 0; i < base; i++) {
		memset(leaf, (int)i, sizeof(leaf));
		ck_assert_int_eq(merkle_add(&log, leaf), GW_OK);
	}
	s->base = base;
	buf_init(&s->b, 1 << 20);
	buf_init(&entries, 1 << 20);
	ck_assert_int_eq(merkle_root(&log, root), GW_OK);
	ck_assert_int_eq(journal_put_header(&s->b, base, root), GW_OK);
	ck_assert_uint_eq(s->b.len, JOURNAL_HEADER_LEN);
	for (i = 0; i < GROUPS; i++) {
		s->ends[i] = s->b.len;
		s->at[i] = log;
		s->sizes[i] = log.count;
		buf_reset(&entries);
		g.first = log.count;
		g.count = (uint16_t)(i + 1);
		for (j = 0; j < g.count; j++) {
			len = next_random() % sizeof(entry);
			fill_random(entry, len);
			tile_put_entry(&entries, entry, len);
			ck_assert_int_eq(merkle_leaf(entry, len, leaf),
			    GW_OK);
			ck_assert_int_eq(merkle_add(&log, leaf), GW_OK);
		}
		g.bytes = (uint32_t)entries.len;
		ck_assert_int_eq(merkle_root(&log, g.root), GW_OK);
		ck_assert_int_eq(journal_put_group(&s->b, &g), GW_OK);
		buf_put(&s->b, entries.data, entries.len);
	}
	s->ends[GROUPS] = s->b.len;
	s->sizes[GROUPS] = log.count;
	s->at[GROUPS] = log;
	buf_clear(&entries);
}

static enum gw_err
count_entry(void *arg, const uint8_t *entry, size_t len,
    const uint8_t leaf[32])
{
	uint8_t again[32];

	ck_assert_int_eq(merkle_leaf(entry, len, again), GW_OK);
	ck_assert_mem_eq(again, leaf, 32);
	(*(uint64_t *)arg)++;
	return GW_OK;
}

static enum gw_err
sample_replay(const struct sample *s, size_t len, int covered,
    uint64_t *count, size_t *good)
{
	struct merkle log = s->at[covered];
	uint64_t base;
	uint8_t root[32];
	struct rd rd;
	enum gw_err err;

	*count = 0;
	*good = 0;
	rd_init(&rd, s->b.data, len);
	err = journal_get_header(&rd, &base, root);
	if (err != GW_OK)
		return err;
	err = journal_replay(&rd, base, &log, count_entry, count, good);
	*good += JOURNAL_HEADER_LEN;
	return err;
}

START_TEST(journal_whole)
{
	struct sample s;
	uint64_t count;
	size_t good;
	int i;

	sample_make(&s, 5);
	for (i = 0; i <= GROUPS; i++) {
		ck_assert_int_eq(sample_replay(&s, s.b.len, i, &count, &good),
		    GW_OK);
		ck_assert_uint_eq(good, s.b.len);
		ck_assert_uint_eq(count, s.sizes[GROUPS] - s.sizes[i]);
	}
	/* A checkpoint that ends within a group is none of ours. */
	s.at[2].count++;
	ck_assert_int_eq(sample_replay(&s, s.b.len, 2, &count, &good),
	    GW_ECHAIN);
	buf_clear(&s.b);
}
END_TEST

/* A cut leaves the whole groups before it. */
START_TEST(journal_cut)
{
	struct sample s;
	uint64_t count;
	size_t good, len;
	int groups;

	sample_make(&s, 0);
	for (len = 0; len < s.b.len; len++) {
		if (len < JOURNAL_HEADER_LEN) {
			ck_assert_int_ne(sample_replay(&s, len, 0, &count,
			    &good), GW_OK);
			continue;
		}
		for (groups = 0; s.ends[groups + 1] <= len; groups++)
			continue;
		ck_assert_int_eq(sample_replay(&s, len, 0, &count, &good),
		    GW_OK);
		ck_assert_uint_eq(good, s.ends[groups]);
		ck_assert_uint_eq(count, s.sizes[groups]);
		/* What a checkpoint covers must be there. */
		if (groups < 3)
			ck_assert_int_eq(sample_replay(&s, len, 3, &count,
			    &good), GW_ECHAIN);
	}
	buf_clear(&s.b);
}
END_TEST

/* Damage before the last group is no torn write. */
START_TEST(journal_flips)
{
	struct sample s;
	uint64_t count;
	size_t good, bit, at;
	enum gw_err err;

	sample_make(&s, 3);
	for (bit = 0; bit < s.b.len * 8; bit++) {
		at = bit / 8;
		s.b.data[at] ^= (uint8_t)(1 << bit % 8);
		err = sample_replay(&s, s.b.len, 0, &count, &good);
		s.b.data[at] ^= (uint8_t)(1 << bit % 8);
		if (at >= s.ends[GROUPS - 1]) {
			ck_assert_int_eq(err, GW_OK);
			ck_assert_uint_eq(good, s.ends[GROUPS - 1]);
		} else if (at >= JOURNAL_HEADER_LEN) {
			ck_assert_int_eq(err, GW_ECHAIN);
		} else {
			ck_assert_int_ne(err, GW_OK);
		}
	}
	buf_clear(&s.b);
}
END_TEST

START_TEST(journal_zeros_and_length)
{
	struct sample s;
	uint64_t count;
	size_t good;

	sample_make(&s, 0);
	/* A file that grew before its data came. */
	buf_put_zero(&s.b, 4096);
	ck_assert_int_eq(sample_replay(&s, s.b.len, 0, &count, &good), GW_OK);
	ck_assert_uint_eq(good, s.ends[GROUPS]);
	buf_clear(&s.b);
	sample_make(&s, 0);
	/* Longer than any group: not one torn write. */
	s.b.limit = JOURNAL_GROUP_MAX * 3;
	buf_put_zero(&s.b, JOURNAL_GROUP_MAX + 1);
	ck_assert_int_eq(sample_replay(&s, s.b.len, 0, &count, &good),
	    GW_ECHAIN);
	buf_clear(&s.b);
}
END_TEST

static void
setup(void)
{
	seed = 20260401;
}

int
main(void)
{
	const int cases = (int)(sizeof(strict_cases) / sizeof(strict_cases[0]));
	Suite *suite = suite_create("record");
	TCase *tc = tcase_create("record");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, entry_round_trip);
	tcase_add_test(tc, entry_bytes);
	tcase_add_test(tc, entry_text_is_cleaned);
	tcase_add_test(tc, entry_refused_on_encode);
	tcase_add_test(tc, entry_fits);
	tcase_add_test(tc, entry_mutations);
	tcase_add_loop_test(tc, entry_is_strict, 0, cases);
	tcase_add_test(tc, event_words);
	tcase_add_test(tc, tile_paths);
	tcase_add_test(tc, tile_counts);
	tcase_add_test(tc, tile_entries);
	tcase_add_test(tc, key_lines);
	tcase_add_test(tc, note_signature);
	tcase_add_test(tc, checkpoint_round_trip);
	tcase_add_test(tc, checkpoint_mutations);
	tcase_add_test(tc, checkpoint_other_signatures);
	tcase_add_test(tc, journal_whole);
	tcase_add_test(tc, journal_cut);
	tcase_add_test(tc, journal_flips);
	tcase_add_test(tc, journal_zeros_and_length);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
