/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "proto/parcel/body.h"

#include "tests/unit/proto/support.h"

#define KNOWN_BODY_HASH                                                       \
	"c2cb628b552464a0a06b994ac2c68fb0c0d0133e9f8a790c8a2d99cdf692ddca"
#define KNOWN_ROOT                                                            \
	"6d25918c761a66c60c5109975dae4b68d10fb94a343af220c1b97c7b947855e7"
#define KNOWN_COMMITMENT                                                      \
	"ae7140fd0bfb3caa422004fcedb9af1d23df665a31feb6bcdb3460b19914616c"

/* A stored body in a memory file, behind base_off other bytes. */
struct stored {
	int fd;
	uint64_t base_off;
	struct body_grant grant;
	uint8_t *plain;
};

static uint8_t
byte_at(uint64_t off)
{
	return (uint8_t)(off * 7 + (off >> 8) + 1);
}

static void
write_chunks(struct stored *s, struct body_cipher *c, uint8_t *table)
{
	const uint64_t padded = s->grant.padded_len;
	const uint64_t count = body_chunk_count(padded);
	static uint8_t chunk[BODY_CHUNK];
	uint64_t i, off, n;
	size_t len;

	for (i = 0; i < count; i++) {
		off = i * BODY_CHUNK;
		len = body_chunk_len(padded, i);
		memset(chunk, 0, sizeof(chunk));
		n = s->grant.plain_len > off ? s->grant.plain_len - off : 0;
		if (n > len)
			n = len;
		memcpy(chunk, s->plain + off, (size_t)n);
		ck_assert_int_eq(body_seal_chunk(c, i, i + 1 == count, chunk,
		    len, chunk, table + i * BODY_ENTRY_LEN), GW_OK);
		ck_assert_int_eq(io_pwrite_full(s->fd, chunk, len,
		    s->base_off + off), GW_OK);
	}
	ck_assert_int_eq(io_pwrite_full(s->fd, table,
	    (size_t)count * BODY_ENTRY_LEN, s->base_off + padded), GW_OK);
	ck_assert_int_eq(body_table_root(table, count, s->grant.root), GW_OK);
}

static void
store(struct stored *s, uint64_t plain_len, uint64_t base_off)
{
	struct body_grant *g = &s->grant;
	struct body_cipher *c;
	uint8_t *table;
	uint64_t i;

	memset(s, 0, sizeof(*s));
	s->base_off = base_off;
	s->fd = memfd_create("body", MFD_CLOEXEC);
	ck_assert_int_ge(s->fd, 0);
	memset(g->key, 0x11, sizeof(g->key));
	memset(g->id, 0x22, sizeof(g->id));
	g->plain_len = plain_len;
	g->padded_len = body_padded_len(plain_len);
	g->has_commitment = true;
	ck_assert_int_eq(body_commitment(g->key, g->id, g->commitment),
	    GW_OK);
	s->plain = mem_alloc((size_t)g->padded_len);
	for (i = 0; i < plain_len; i++)
		s->plain[i] = byte_at(i);
	table = mem_alloc((size_t)body_chunk_count(g->padded_len) *
	    BODY_ENTRY_LEN);
	ck_assert_int_eq(body_cipher_new(g->key, g->id, &c), GW_OK);
	write_chunks(s, c, table);
	body_cipher_free(c);
	mem_free(table);
}

static void
drop(struct stored *s)
{
	mem_free(s->plain);
	close(s->fd);
}

static void
flip(struct stored *s, uint64_t off)
{
	uint8_t c;

	ck_assert_int_eq(pread(s->fd, &c, 1, (off_t)(s->base_off + off)), 1);
	c ^= 0x40;
	ck_assert_int_eq(pwrite(s->fd, &c, 1, (off_t)(s->base_off + off)), 1);
}

/* L, Padme of the PURBs paper: at most 12 % more, few distinct lengths. */
START_TEST(padding_follows_padme)
{
	static const uint64_t pairs[][2] = {
		{ 0, 4096 }, { 1, 4096 }, { 4096, 4096 }, { 4097, 8192 },
		{ 8192, 8192 }, { 100000, 102400 }, { 131073, 135168 },
		{ 262144, 262144 }, { 262145, 270336 },
		{ 1000000, 1015808 }, { 1073741825, 1107296256 },
		{ BODY_PLAIN_MAX, BODY_PLAIN_MAX },
		{ BODY_PLAIN_MAX + 1, 0 }
	};
	uint64_t len, padded;
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		ck_assert_uint_eq(body_padded_len(pairs[i][0]), pairs[i][1]);
	for (len = 1; len < BODY_PLAIN_MAX / 2; len += len / 9 + 1) {
		padded = body_padded_len(len);
		ck_assert_uint_ge(padded, len);
		ck_assert_uint_eq(padded % BODY_ALIGN, 0);
		ck_assert(body_padded_ok(padded));
		if (len > 100000)
			ck_assert_uint_le(padded, len + len / 8);
		if (padded != len)
			ck_assert(!body_padded_ok(padded - 1));
	}
	ck_assert(!body_padded_ok(0));
	ck_assert(!body_padded_ok(266240)); /* aligned, but not of Padme */
	ck_assert(!body_padded_ok(UINT64_MAX));
}
END_TEST

START_TEST(chunks_tile_the_body)
{
	ck_assert_uint_eq(body_chunk_count(4096), 1);
	ck_assert_uint_eq(body_chunk_len(4096, 0), 4096);
	ck_assert_uint_eq(body_chunk_len(4096, 1), 0);
	ck_assert_uint_eq(body_chunk_count(262144), 1);
	ck_assert_uint_eq(body_chunk_len(262144, 0), 262144);
	ck_assert_uint_eq(body_chunk_count(270336), 2);
	ck_assert_uint_eq(body_chunk_len(270336, 1), 8192);
	ck_assert_uint_eq(body_stored_len(270336), 270336 + 96);
}
END_TEST

static const uint64_t lengths[] = { 0, 1, 4095, 4096, 5000, 262144, 262145,
	700000 };

START_TEST(reader_reads_anywhere)
{
	const uint64_t len = lengths[_i];
	static uint8_t got[800000];
	struct body_reader *r;
	uint64_t off, want;
	struct stored s;
	size_t n, out;

	store(&s, len, (uint64_t)_i * 12345);
	ck_assert_int_eq(body_reader_open(s.fd, s.base_off, &s.grant, &r),
	    GW_OK);
	ck_assert_int_eq(body_reader_pread(r, got, sizeof(got), 0, &out),
	    GW_OK);
	ck_assert_uint_eq(out, len);
	ck_assert(memcmp(got, s.plain, (size_t)len) == 0);
	for (off = 0; off <= len + 5; off += 60013) {
		for (n = 1; n <= 300000; n = n * 9 + 1) {
			want = off >= len ? 0 : len - off < n ? len - off : n;
			ck_assert_int_eq(body_reader_pread(r, got, n, off,
			    &out), GW_OK);
			ck_assert_uint_eq(out, want);
			ck_assert(memcmp(got, s.plain + off, out) == 0);
		}
	}
	ck_assert_int_eq(body_reader_pread(r, got, 10, UINT64_MAX, &out),
	    GW_OK);
	ck_assert_uint_eq(out, 0);
	ck_assert_int_eq(body_reader_check_padding(r), GW_OK);
	body_reader_free(r);
	drop(&s);
}
END_TEST

START_TEST(flipped_bytes_are_found)
{
	static uint8_t got[800000];
	struct body_reader *r = NULL;
	struct stored s;
	uint64_t off, stored_len;
	enum gw_err err;
	size_t out;

	store(&s, 700000, 512);
	stored_len = body_stored_len(s.grant.padded_len);
	for (off = 0; off < stored_len; off += off < s.grant.padded_len ?
	    9973 : 1) {
		flip(&s, off);
		err = body_reader_open(s.fd, s.base_off, &s.grant, &r);
		if (off % BODY_ENTRY_LEN < 32 && off >= s.grant.padded_len &&
		    (off - s.grant.padded_len) % BODY_ENTRY_LEN < 32)
			ck_assert_int_eq(err, GW_EHASH);
		if (err == GW_OK) {
			err = body_reader_pread(r, got, 700000, 0, &out);
			if (err == GW_OK)
				err = body_reader_check_padding(r);
			body_reader_free(r);
		}
		ck_assert_int_eq(err, GW_EHASH);
		flip(&s, off);
	}
	drop(&s);
}
END_TEST

START_TEST(damage_spares_other_chunks)
{
	static uint8_t got[1000];
	struct body_reader *r;
	struct stored s;
	size_t out;

	store(&s, 700000, 0);
	flip(&s, BODY_CHUNK + 5);
	ck_assert_int_eq(body_reader_open(s.fd, 0, &s.grant, &r), GW_OK);
	ck_assert_int_eq(body_reader_pread(r, got, 1000, 0, &out), GW_OK);
	ck_assert_int_eq(body_reader_pread(r, got, 1000, BODY_CHUNK, &out),
	    GW_EHASH);
	ck_assert_int_eq(body_reader_pread(r, got, 1000, 2 * BODY_CHUNK,
	    &out), GW_OK);
	ck_assert(memcmp(got, s.plain + 2 * BODY_CHUNK, 1000) == 0);
	ck_assert_int_eq(body_reader_pread(r, got, 1000, BODY_CHUNK - 10,
	    &out), GW_EHASH);
	ck_assert_int_eq(body_reader_pread(r, got, 1000, 0, &out), GW_OK);
	body_reader_free(r);
	drop(&s);
}
END_TEST

START_TEST(grants_must_fit)
{
	struct body_reader *r;
	struct body_grant g;
	uint8_t got[16];
	struct stored s;
	size_t out;

	store(&s, 5000, 0);
#define OPEN() body_reader_open(s.fd, 0, &g, &r)
	g = s.grant;
	g.commitment[0] ^= 1;
	ck_assert_int_eq(OPEN(), GW_EAUTH);
	g = s.grant;
	g.root[31] ^= 1;
	ck_assert_int_eq(OPEN(), GW_EHASH);
	g = s.grant;
	g.plain_len = 9000;
	ck_assert_int_eq(OPEN(), GW_EFORMAT);
	g = s.grant;
	g.padded_len++;
	ck_assert_int_eq(OPEN(), GW_EFORMAT);
	g = s.grant;
	ck_assert_int_eq(body_reader_open(s.fd, UINT64_MAX - 10, &g, &r),
	    GW_EINVAL);
	g.has_commitment = false;
	g.key[0] ^= 1;
	ck_assert_int_eq(OPEN(), GW_OK);
	ck_assert_int_eq(body_reader_pread(r, got, 16, 0, &out), GW_EAUTH);
	body_reader_free(r);
	g = s.grant;
	g.has_commitment = false;
	g.id[0] ^= 1;
	ck_assert_int_eq(OPEN(), GW_OK);
	ck_assert_int_eq(body_reader_pread(r, got, 16, 0, &out), GW_EAUTH);
	body_reader_free(r);
	ck_assert_int_eq(ftruncate(s.fd, 8192 + 47), 0);
	g = s.grant;
	ck_assert_int_eq(OPEN(), GW_ETRUNC);
#undef OPEN
	drop(&s);
}
END_TEST

START_TEST(padding_must_be_zero)
{
	struct body_reader *r;
	struct stored s;

	/* Written with 5000 bytes, declared as 4999: one byte too many. */
	store(&s, 5000, 0);
	s.grant.plain_len = 4999;
	ck_assert_int_eq(body_reader_open(s.fd, 0, &s.grant, &r), GW_OK);
	ck_assert_int_eq(body_reader_check_padding(r), GW_EFORMAT);
	body_reader_free(r);
	s.grant.plain_len = s.grant.padded_len;
	ck_assert_int_eq(body_reader_open(s.fd, 0, &s.grant, &r), GW_OK);
	ck_assert_int_eq(body_reader_check_padding(r), GW_OK);
	body_reader_free(r);
	drop(&s);
}
END_TEST

/* Chunks may not be swapped, cut off, or shown as the last one. */
START_TEST(position_is_bound)
{
	static uint8_t a[BODY_CHUNK], b[BODY_CHUNK], out[BODY_CHUNK];
	uint8_t key[32] = { 1 }, id[16] = { 2 }, ea[48], eb[48];
	struct body_cipher *c;

	ck_assert_int_eq(body_cipher_new(key, id, &c), GW_OK);
	ck_assert_int_eq(body_seal_chunk(c, 0, false, a, BODY_CHUNK, a, ea),
	    GW_OK);
	ck_assert_int_eq(body_seal_chunk(c, 1, true, b, 4096, b, eb), GW_OK);
	ck_assert_int_eq(body_check_chunk(0, a, BODY_CHUNK, ea), GW_OK);
	ck_assert_int_eq(body_check_chunk(1, a, BODY_CHUNK, ea), GW_EHASH);
	ck_assert_int_eq(body_open_chunk(c, 0, false, a, BODY_CHUNK, ea,
	    out), GW_OK);
	ck_assert_int_eq(body_open_chunk(c, 0, true, a, BODY_CHUNK, ea, out),
	    GW_EAUTH);
	ck_assert_int_eq(body_open_chunk(c, 1, true, b, 4096, eb, out),
	    GW_OK);
	ck_assert_int_eq(body_open_chunk(c, 1, true, b, 8192, eb, out),
	    GW_EHASH);
	ck_assert_int_eq(body_seal_chunk(c, 0, false, a, 4096, a, ea),
	    GW_EINVAL);
	ck_assert_int_eq(body_seal_chunk(c, 0, true, a, 0, a, ea),
	    GW_EINVAL);
	ck_assert_int_eq(body_seal_chunk(c, 0, true, a, 4097, a, ea),
	    GW_EINVAL);
	ck_assert_int_eq(body_seal_chunk(c, 0, true, a, BODY_CHUNK + 4096, a,
	    ea), GW_EINVAL);
	ck_assert_int_eq(body_seal_chunk(c, UINT64_C(1) << 40, true, a, 4096,
	    a, ea), GW_EINVAL);
	body_cipher_free(c);
	body_cipher_free(NULL);
}
END_TEST

/*
 * The leaf, the tag and the commitment as PROTOCOL.md defines them,
 * computed by another implementation (Python) for an empty file.
 */
START_TEST(small_body_has_its_known_form)
{
	uint8_t key[32], id[16], root[32], digest[32], expect[32];
	static uint8_t out[4096 + 48];

	memset(key, 0x11, sizeof(key));
	memset(id, 0x22, sizeof(id));
	ck_assert_int_eq(body_seal_small(key, id, NULL, 0, out, root),
	    GW_OK);
	ck_assert_int_eq(sha256_of(out, sizeof(out), digest), GW_OK);
	unhex(KNOWN_BODY_HASH, expect, sizeof(expect));
	ck_assert_mem_eq(digest, expect, sizeof(expect));
	unhex(KNOWN_ROOT, expect, sizeof(expect));
	ck_assert_mem_eq(root, expect, sizeof(expect));
	ck_assert_int_eq(body_commitment(key, id, digest), GW_OK);
	unhex(KNOWN_COMMITMENT, expect, sizeof(expect));
	ck_assert_mem_eq(digest, expect, sizeof(expect));
}
END_TEST

START_TEST(small_body_is_a_body)
{
	static uint8_t plain[BODY_SMALL_MAX + 1], got[BODY_SMALL_MAX];
	static uint8_t out[BODY_SMALL_MAX + BODY_ENTRY_LEN];
	static const size_t sizes[] = { 0, 1, 4096, 4097, 100000,
		BODY_SMALL_MAX };
	struct body_grant g = { .id = { 5 }, .key = { 6 } };
	struct body_reader *r;
	size_t i, n;
	int fd;

	memset(plain, 0x5a, sizeof(plain));
	ck_assert_int_eq(body_seal_small(g.key, g.id, plain, sizeof(plain),
	    out, g.root), GW_EINVAL);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		g.plain_len = sizes[i];
		g.padded_len = body_padded_len(sizes[i]);
		ck_assert_int_eq(body_seal_small(g.key, g.id, plain,
		    sizes[i], out, g.root), GW_OK);
		fd = memfd_create("small", MFD_CLOEXEC);
		ck_assert_int_eq(io_write_full(fd, out,
		    (size_t)body_stored_len(g.padded_len)), GW_OK);
		ck_assert_int_eq(body_reader_open(fd, 0, &g, &r), GW_OK);
		ck_assert_int_eq(body_reader_pread(r, got, sizeof(got), 0,
		    &n), GW_OK);
		ck_assert_uint_eq(n, sizes[i]);
		ck_assert(memcmp(got, plain, n) == 0);
		body_reader_free(r);
		close(fd);
	}
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("body");

	tcase_add_test(tc, padding_follows_padme);
	tcase_add_test(tc, chunks_tile_the_body);
	tcase_add_loop_test(tc, reader_reads_anywhere, 0, 8);
	tcase_add_test(tc, flipped_bytes_are_found);
	tcase_add_test(tc, damage_spares_other_chunks);
	tcase_add_test(tc, grants_must_fit);
	tcase_add_test(tc, padding_must_be_zero);
	tcase_add_test(tc, position_is_bound);
	tcase_add_test(tc, small_body_has_its_known_form);
	tcase_add_test(tc, small_body_is_a_body);
	return run_case(tc);
}
