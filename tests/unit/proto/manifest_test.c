/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "proto/parcel/body.h"
#include "proto/parcel/manifest.h"

#include "tests/unit/proto/support.h"

static void
make_top(struct manifest_top *t, bool is_set, uint32_t files)
{
	memset(t, 0, sizeof(*t));
	t->version = 1;
	t->is_set = is_set;
	t->file_count = files;
	strcpy(t->flow, "office-documents");
	strcpy(t->number, "I20260401-00017-3");
	strcpy(t->submitter, "総務課 山田");
	t->created_ms = 1775000000000;
	t->retention_days = 30;
	strcpy(t->name, is_set ? "申請書一式" : "表.csv");
}

static void
make_file(struct manifest_file *f, const char *path)
{
	memset(f, 0, sizeof(*f));
	strcpy(f->path, path);
	f->raw_len = 6;
	memcpy(f->raw, "\x95\x5c.csv", 6);
	f->charset = CHARSET_CP932;
	f->size = 4242;
	f->mtime_ms = 1774000000000;
	memset(f->sha256, 0x61, sizeof(f->sha256));
}

static enum gw_err
write_set(struct buf *b, uint32_t files)
{
	struct manifest_writer w;
	struct manifest_file f;
	struct manifest_top t;
	char path[64];
	uint32_t i;

	make_top(&t, true, files);
	manifest_begin(&w, &t, b);
	for (i = 0; i < files; i++) {
		(void)snprintf(path, sizeof(path), "添付/%u/表.csv", i);
		make_file(&f, path);
		f.size = i;
		manifest_add(&w, &f);
	}
	return manifest_finish(&w);
}

static enum gw_err
write_single(struct buf *b)
{
	struct manifest_writer w;
	struct manifest_file f;
	struct manifest_top t;

	make_top(&t, false, 1);
	manifest_begin(&w, &t, b);
	make_file(&f, t.name);
	manifest_add(&w, &f);
	return manifest_finish(&w);
}

/* Read all of it and write it again; the bytes must be the same. */
static enum gw_err
read_all(const uint8_t *bytes, size_t len)
{
	struct manifest_reader r;
	struct manifest_writer w;
	struct manifest_file f;
	struct manifest_top t;
	struct buf again;
	enum gw_err err;
	uint32_t i;

	err = manifest_open(&r, bytes, len, &t);
	if (err != GW_OK)
		return err;
	buf_init(&again, MANIFEST_MAX);
	manifest_begin(&w, &t, &again);
	for (i = 0; i < t.file_count && err == GW_OK; i++) {
		err = manifest_next(&r, &f);
		if (err == GW_OK)
			manifest_add(&w, &f);
	}
	if (err == GW_OK)
		err = manifest_end(&r);
	if (err == GW_OK) {
		ck_assert_int_eq(manifest_next(&r, &f), GW_ENOENT);
		ck_assert_int_eq(manifest_finish(&w), GW_OK);
		ck_assert_uint_eq(again.len, len);
		ck_assert_mem_eq(again.data, bytes, len);
	}
	buf_clear(&again);
	return err;
}

START_TEST(sets_survive_the_way)
{
	struct manifest_reader r;
	struct manifest_file f;
	struct manifest_top t;
	struct buf b;

	buf_init(&b, MANIFEST_MAX);
	ck_assert_int_eq(write_set(&b, 300), GW_OK);
	ck_assert_int_eq(read_all(b.data, b.len), GW_OK);
	ck_assert_int_eq(manifest_open(&r, b.data, b.len, &t), GW_OK);
	ck_assert(t.is_set);
	ck_assert_uint_eq(t.file_count, 300);
	ck_assert_str_eq(t.flow, "office-documents");
	ck_assert_str_eq(t.number, "I20260401-00017-3");
	ck_assert_str_eq(t.submitter, "総務課 山田");
	ck_assert_str_eq(t.recipient, "");
	ck_assert_str_eq(t.name, "申請書一式");
	ck_assert_uint_eq(t.retention_days, 30);
	ck_assert_int_eq(manifest_next(&r, &f), GW_OK);
	ck_assert_int_eq(manifest_next(&r, &f), GW_OK);
	ck_assert_str_eq(f.path, "添付/1/表.csv");
	ck_assert_uint_eq(f.raw_len, 6);
	ck_assert_mem_eq(f.raw, "\x95\x5c.csv", 6);
	ck_assert_int_eq(f.charset, CHARSET_CP932);
	ck_assert_uint_eq(f.size, 1);
	ck_assert_int_eq(manifest_end(&r), GW_EFORMAT);
	buf_clear(&b);
}
END_TEST

START_TEST(singles_survive_the_way)
{
	struct buf b;

	buf_init(&b, MANIFEST_MAX);
	ck_assert_int_eq(write_single(&b), GW_OK);
	ck_assert_int_eq(read_all(b.data, b.len), GW_OK);
	buf_clear(&b);
}
END_TEST

/*
 * A manifest has no signature of its own (its chunk_root is signed), so a
 * flipped bit either is refused or reads as another manifest of exactly one
 * encoding, which read_all asserts.
 */
START_TEST(flips_never_read_as_two_encodings)
{
	size_t bit, refused = 0;
	struct buf b;

	buf_init(&b, MANIFEST_MAX);
	ck_assert_int_eq(write_set(&b, 2), GW_OK);
	for (bit = 0; bit < 8 * b.len; bit++) {
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (read_all(b.data, b.len) != GW_OK)
			refused++;
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_uint_gt(refused, b.len);
	buf_clear(&b);
}
END_TEST

/* Structure: magic, version, lengths, types, counts may not change at all. */
START_TEST(structure_is_rigid)
{
	static const size_t off[] = { 0, 4, 5, 6, 7, 8, 11, 12, 15, 16, 17,
		18, 21 };
	struct buf b;
	size_t i;
	int bit;

	buf_init(&b, MANIFEST_MAX);
	ck_assert_int_eq(write_single(&b), GW_OK);
	for (i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		for (bit = 0; bit < 8; bit++) {
			b.data[off[i]] ^= (uint8_t)(1 << bit);
			if (off[i] == 7 && bit == 0)
				; /* a set of one file: a path is a path */
			else
				ck_assert_int_ne(read_all(b.data, b.len),
				    GW_OK);
			b.data[off[i]] ^= (uint8_t)(1 << bit);
		}
	}
	buf_clear(&b);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
	struct buf b;
	size_t len;

	buf_init(&b, MANIFEST_MAX);
	ck_assert_int_eq(write_set(&b, 2), GW_OK);
	for (len = 0; len < b.len; len++)
		ck_assert_int_ne(read_all(b.data, len), GW_OK);
	buf_put_u8(&b, 0);
	ck_assert_int_eq(read_all(b.data, b.len), GW_EFORMAT);
	buf_clear(&b);
}
END_TEST

START_TEST(padding_is_cut)
{
	struct buf b;
	size_t len, found;

	buf_init(&b, MANIFEST_MAX);
	ck_assert_int_eq(write_set(&b, 2), GW_OK);
	len = b.len;
	buf_put_zero(&b, 5000);
	ck_assert_int_eq(manifest_length(b.data, b.len, &found), GW_OK);
	ck_assert_uint_eq(found, len);
	ck_assert_int_eq(read_all(b.data, found), GW_OK);
	ck_assert_int_eq(manifest_length(b.data, len, &found), GW_OK);
	ck_assert_int_eq(manifest_length(b.data, len - 1, &found),
	    GW_ETRUNC);
	ck_assert_int_eq(manifest_length(b.data, 3, &found), GW_ETRUNC);
	b.data[b.len - 1] = 1;
	ck_assert_int_eq(manifest_length(b.data, b.len, &found),
	    GW_EFORMAT);
	buf_clear(&b);
}
END_TEST

static const char *const bad_paths[] = {
	"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b",
	"./a", "a/../b", "\xff", "a\x80", "\xc0\xaf", "\xed\xa0\x80"
};

START_TEST(bad_paths_are_refused)
{
	struct manifest_writer w;
	struct manifest_file f;
	struct manifest_top t;
	struct buf b;

	buf_init(&b, MANIFEST_MAX);
	make_top(&t, true, 1);
	manifest_begin(&w, &t, &b);
	make_file(&f, bad_paths[_i]);
	manifest_add(&w, &f);
	ck_assert_int_eq(manifest_finish(&w), GW_EINVAL);
	buf_clear(&b);
}
END_TEST

/* As above, but met by the reader: bytes patched under a writer's back. */
START_TEST(bad_paths_are_not_read)
{
	struct manifest_writer w;
	struct manifest_file f;
	struct manifest_top t;
	const char *bad = bad_paths[_i];
	const size_t n = strlen(bad);
	char good[8] = "xxxxxx";
	struct buf b;

	if (n == 0)
		return;
	good[n] = '\0';
	buf_init(&b, MANIFEST_MAX);
	make_top(&t, true, 1);
	manifest_begin(&w, &t, &b);
	make_file(&f, good);
	manifest_add(&w, &f);
	ck_assert_int_eq(manifest_finish(&w), GW_OK);
	ck_assert_int_eq(read_all(b.data, b.len), GW_OK);
	/* After the path come raw, charset, size, mtime and hash. */
	memcpy(b.data + b.len - (6 + 32) - 2 * (6 + 8) - (6 + 1) -
	    (6 + 6) - n, bad, n);
	ck_assert_int_eq(read_all(b.data, b.len), GW_EFORMAT);
	buf_clear(&b);
}
END_TEST

START_TEST(long_names_are_legal)
{
	struct manifest_writer w;
	struct manifest_file f;
	struct manifest_top t;
	struct buf b;
	int i;

	buf_init(&b, MANIFEST_MAX);
	make_top(&t, false, 1);
	t.name[0] = '\0';
	for (i = 0; i < 255; i++)
		strcat(t.name, "漢");
	manifest_begin(&w, &t, &b);
	make_file(&f, t.name);
	f.raw_len = 765;
	memcpy(f.raw, t.name, 765);
	f.charset = CHARSET_UTF8;
	manifest_add(&w, &f);
	ck_assert_int_eq(manifest_finish(&w), GW_OK);
	ck_assert_int_eq(read_all(b.data, b.len), GW_OK);
	buf_clear(&b);
}
END_TEST

/* What a writer must not be talked into; each row breaks one thing. */
static void
break_manifest(struct manifest_top *t, struct manifest_file *f, int row)
{
	switch (row) {
	case 0: t->version = 2; break;
	case 1: t->file_count = 0; break;
	case 2: t->file_count = 2; break;
	case 3: t->flow[0] = '\0'; break;
	case 4: memset(t->flow, 'a', sizeof(t->flow)); break;
	case 5: t->name[0] = '\0'; break;
	case 6: strcpy(t->name, "a/b"); break;
	case 7: strcpy(t->name, ".."); break;
	case 8: strcpy(t->submitter, "\xe3\x81"); break;
	case 9: memset(t->name, 'a', sizeof(t->name)); break;
	case 10: f->raw_len = 0; break;
	case 11: f->raw[1] = 0; break;
	case 12: f->raw_len = MANIFEST_PATH_MAX + 1; break;
	case 13: f->charset = (enum manifest_charset)3; break;
	case 14: f->size = BODY_PLAIN_MAX + 1; break;
	case 15: memset(f->path, 'a', MANIFEST_NAME_MAX + 1); break;
	case 16: strcpy(f->path, "another.csv"); break;
	default: memset(f->path, 'a', sizeof(f->path)); break;
	}
}

START_TEST(nonsense_is_not_written)
{
	struct manifest_writer w;
	struct manifest_file f;
	struct manifest_top t;
	struct buf b;

	buf_init(&b, MANIFEST_MAX);
	make_top(&t, false, 1);
	make_file(&f, t.name);
	break_manifest(&t, &f, _i);
	manifest_begin(&w, &t, &b);
	manifest_add(&w, &f);
	ck_assert_int_eq(manifest_finish(&w), GW_EINVAL);
	buf_clear(&b);
}
END_TEST

START_TEST(counts_must_agree)
{
	struct manifest_writer w;
	struct manifest_file f;
	struct manifest_top t;
	struct buf b;

	buf_init(&b, MANIFEST_MAX);
	make_top(&t, true, 2);
	manifest_begin(&w, &t, &b);
	make_file(&f, "a");
	manifest_add(&w, &f);
	ck_assert_int_eq(manifest_finish(&w), GW_EINVAL);
	manifest_add(&w, &f);
	ck_assert_int_eq(manifest_finish(&w), GW_OK);
	manifest_add(&w, &f);
	ck_assert_int_eq(manifest_finish(&w), GW_EINVAL);
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("manifest");
	const int paths = sizeof(bad_paths) / sizeof(bad_paths[0]);

	tcase_add_test(tc, sets_survive_the_way);
	tcase_add_test(tc, singles_survive_the_way);
	tcase_add_test(tc, flips_never_read_as_two_encodings);
	tcase_add_test(tc, structure_is_rigid);
	tcase_add_test(tc, every_truncation_is_refused);
	tcase_add_test(tc, padding_is_cut);
	tcase_add_loop_test(tc, bad_paths_are_refused, 0, paths);
	tcase_add_loop_test(tc, bad_paths_are_not_read, 0, paths);
	tcase_add_test(tc, long_names_are_legal);
	tcase_add_loop_test(tc, nonsense_is_not_written, 0, 18);
	tcase_add_test(tc, counts_must_agree);
	return run_case(tc);
}
