/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"

#include "proto/names/names.h"
#include "proto/parcel/manifest.h"

#include "tests/unit/scanners/rig.h"
#include "tests/unit/scanners/samples.h"

/* The real programs in their real sandboxes; GW_BIN is where they are. */

#define TESTFILES "/usr/share/clamav-testfiles"

static char signature_dir[64];

static void
write_file(const char *name, const void *data, size_t len)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", signature_dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
	close(fd);
}

/* Own signatures: the test string, and clam.exe of Debian's test files. */
static void
make_signatures(void)
{
	static const char hash[] =
	    "aa15bcf478d165efd2065190eb473bcb:544:Test.Clam-File\n";
	struct buf eicar, line;
	size_t i;

	snprintf(signature_dir, sizeof(signature_dir),
	    "/tmp/scan-signatures-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(signature_dir));
	ck_assert_int_eq(chmod(signature_dir, 0755), 0);
	buf_init(&eicar, 1024);
	buf_init(&line, 1024);
	sample_eicar(&eicar);
	buf_put_str(&line, "Test.Eicar:0:*:");
	for (i = 0; i < eicar.len; i++)
		buf_printf(&line, "%02x", eicar.data[i]);
	buf_put_str(&line, "\n");
	write_file("own.ndb", line.data, line.len);
	write_file("own.hdb", hash, sizeof(hash) - 1);
	buf_clear(&eicar);
	buf_clear(&line);
}

static void
remove_signatures(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", signature_dir);
	ck_assert_int_eq(system(command), 0);
}

static void
start(struct rig *rig, const char *program, const char *dir)
{
	char path[512];
	struct rig_setup setup = {.program = path, .signature_dir = dir};

	snprintf(path, sizeof(path), "%s/gateway-scan-%s", GW_BIN, program);
	rig_start(rig, &setup);
}

static struct verdict_record
scan(struct rig *rig, const void *data, size_t len, const char *ext)
{
	struct rig_body b;

	rig_grant(&b, data, len, ext);
	rig_job(rig, &b, 1, 0, 0);
	ck_assert_msg(b.outcome == ZYGOTE_REPORTED, "outcome %u (%s): %s",
	    b.outcome, ext, rig->last_log);
	return b.verdict;
}

/* --- a CSV through all of them ---------------------------------------------------- */

static const char csv[] = "番号,氏名\r\n1,山田太郎\r\n";

START_TEST(test_csv)
{
	static const struct {
		const char *program;
		enum verdict verdict;
	} rows[] = {
		{"identify", VERDICT_CLEAN}, {"clam", VERDICT_CLEAN},
		{"confirm", VERDICT_CONFIRMED}, {"null", VERDICT_CLEAN},
	};
	struct verdict_record v;
	struct rig rig;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(&rig, rows[i].program, signature_dir);
		v = scan(&rig, csv, strlen(csv), "csv");
		ck_assert_msg(v.verdict == rows[i].verdict, "%s: %s",
		    rows[i].program, v.detail);
		ck_assert_uint_eq(v.type, TYPE_CSV);
		ck_assert_uint_ne(v.engine, 0);
		rig_stop(&rig);
	}
}
END_TEST

START_TEST(test_confirm)
{
	static const struct {
		const char *text, *ext;
		enum reason reason;
		const char *detail;
	} rows[] = {
		{"a,b\nc,=1\n", "csv", REASON_FORMULA_CELL,
		    "row 2 column 2"},
		{"a\t=1\n", "csv", REASON_NONE, "ASCII"},
		{"a\t=1\n", "tsv", REASON_FORMULA_CELL, "row 1 column 2"},
		{"a,\"b\n", "csv", REASON_BAD_STRUCTURE, "row 1 column 2"},
		{"\x01", "txt", REASON_CONTROL_CHARS, "row 1 column 1"},
		{"=1", "txt", REASON_NONE, "ASCII"},
		{"日本", "txt", REASON_NONE, "UTF-8"},
		{"x", "pdf", REASON_NEEDS_SANITIZING, NULL},
		{"", "csv", REASON_NONE, "ASCII"},
	};
	struct verdict_record v;
	struct rig_body b;
	struct rig rig;
	size_t i;

	start(&rig, "confirm", NULL);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		v = scan(&rig, rows[i].text, strlen(rows[i].text),
		    rows[i].ext);
		ck_assert_uint_eq(v.reason, rows[i].reason);
		ck_assert_uint_eq(v.method, v.reason == REASON_NONE ? 5 : 0);
		if (rows[i].detail != NULL)
			ck_assert_str_eq(v.detail, rows[i].detail);
	}
	rig_grant(&b, "=1", 2, "csv");
	b.grant.formula_guard = 0;
	rig_job(&rig, &b, 1, 0, 0);
	ck_assert_uint_eq(b.verdict.verdict, VERDICT_CONFIRMED);
	rig_stop(&rig);
}
END_TEST

/* Larger than chunks, buffers and batches. */
START_TEST(test_confirm_large)
{
	const size_t len = 20u << 20;
	char *text = mem_alloc(len);
	struct verdict_record v;
	struct rig rig;
	size_t i;

	for (i = 0; i + 16 <= len; i += 16)
		memcpy(text + i, "1,abcdefghijkl\r\n", 16);
	start(&rig, "confirm", NULL);
	v = scan(&rig, text, len, "csv");
	ck_assert_uint_eq(v.verdict, VERDICT_CONFIRMED);
	text[len - 16] = '=';
	v = scan(&rig, text, len, "csv");
	ck_assert_uint_eq(v.reason, REASON_FORMULA_CELL);
	ck_assert_str_eq(v.detail, "row 1310720 column 1");
	rig_stop(&rig);
	mem_free(text);
}
END_TEST

/* --- manifest ---------------------------------------------------------------------- */

static struct buf made;

static void
add_file(struct manifest_writer *w, const char *path, uint64_t size)
{
	static struct manifest_file f;

	memset(&f, 0, sizeof(f));
	mem_put_str(f.path, sizeof(f.path), path);
	f.raw_len = strlen(path);
	memcpy(f.raw, path, f.raw_len);
	f.charset = CHARSET_UTF8;
	f.size = size;
	manifest_add(w, &f);
}

static void
make_manifest(const char *const *paths, uint32_t count, uint64_t size)
{
	struct manifest_top top = {
		.version = 1, .is_set = true, .file_count = count,
		.flow = "text-data", .name = "set",
	};
	struct manifest_writer w;
	uint32_t i;

	buf_init(&made, 64u << 20);
	manifest_begin(&w, &top, &made);
	for (i = 0; i < count; i++)
		add_file(&w, paths[i], size);
	ck_assert_int_eq(manifest_finish(&w), GW_OK);
}

/* is_high: as on the high side, where its length is not known. */
static struct rig_body
scan_manifest(struct rig *rig, uint32_t body_count, bool is_high)
{
	struct rig_body b;

	rig_grant(&b, made.data, made.len, "");
	b.grant.index = 0;
	b.grant.body_count = body_count;
	b.grant.file_bytes = 1000;
	b.grant.transfer_bytes = 2500;
	b.grant.files = 1500;
	if (is_high)
		b.grant.plain_len = 0;
	rig_job(rig, &b, 1, 0, 0);
	ck_assert_uint_eq(b.outcome, ZYGOTE_REPORTED);
	return b;
}

#define PATHS(...) (const char *const[]){__VA_ARGS__}

START_TEST(test_manifest)
{
	struct rig_body b;
	uint8_t hash[32];
	struct rig rig;
	int high;

	start(&rig, "manifest", NULL);
	for (high = 0; high < 2; high++) {
		make_manifest(PATHS("申請.csv", "下/添付.PDF"), 2, 1000);
		b = scan_manifest(&rig, 3, high == 1);
		ck_assert_msg(b.verdict.verdict == VERDICT_CLEAN, "%s %s",
		    reason_code(b.verdict.reason), b.verdict.detail);
		ck_assert_uint_eq(rig_name_count, 2);
		ck_assert_str_eq(rig_names[0].ext, "csv");
		ck_assert_str_eq(rig_names[1].ext, "pdf");
		ck_assert_uint_eq(rig_names[1].plain_len, 1000);
		ck_assert_int_eq(names_hash("下/添付.PDF", hash), GW_OK);
		ck_assert_mem_eq(rig_names[1].name_hash, hash, 32);
		buf_clear(&made);
	}
	rig_stop(&rig);
}
END_TEST

static const struct {
	const char *const *paths;
	uint32_t count, body_count;
	uint64_t size;
	enum verdict verdict;
	enum reason reason;
} manifests[] = {
	{PATHS("a.txt", "b.txt"), 2, 4, 1, VERDICT_NOT_SCANNED,
	    REASON_MANIFEST_MISMATCH},
	{PATHS("a.txt"), 1, 2, 1001, VERDICT_DENIED, REASON_FILE_TOO_BIG},
	{PATHS("a", "b", "c"), 3, 4, 1000, VERDICT_DENIED,
	    REASON_TRANSFER_TOO_BIG},
	{PATHS("a.txt", "A.TXT"), 2, 3, 1, VERDICT_DENIED,
	    REASON_NAME_COLLISION},
	{PATHS("ガ.txt", "ｶﾞ.txt"), 2, 3, 1, VERDICT_DENIED,
	    REASON_NAME_COLLISION},
	{PATHS("a", "b", "A/c"), 3, 4, 1, VERDICT_DENIED,
	    REASON_NAME_COLLISION},
	{PATHS("a\xe2\x80\xae.txt"), 1, 2, 1, VERDICT_DENIED,
	    REASON_NAME_BIDI},
	{PATHS("NUL.txt"), 1, 2, 1, VERDICT_DENIED, REASON_NAME_INVALID},
};

START_TEST(test_manifest_refused)
{
	struct rig_body b;
	struct rig rig;

	start(&rig, "manifest", NULL);
	make_manifest(manifests[_i].paths, manifests[_i].count,
	    manifests[_i].size);
	b = scan_manifest(&rig, manifests[_i].body_count, false);
	ck_assert_msg(b.verdict.verdict == manifests[_i].verdict &&
	    b.verdict.reason == manifests[_i].reason, "row %d: %s", _i,
	    reason_code(b.verdict.reason));
	/* Nothing is told of a manifest that does not pass. */
	ck_assert_uint_eq(rig_name_count, 0);
	buf_clear(&made);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_manifest_broken)
{
	struct rig_body b;
	struct rig rig;
	size_t i;

	start(&rig, "manifest", NULL);
	make_manifest(PATHS("a.txt"), 1, 5);
	for (i = 0; i < made.len; i += 3) {
		made.data[i] ^= 0x10;
		b = scan_manifest(&rig, 2, (i & 1) != 0);
		/* Size, time and hash may be anything; names are bound. */
		if (b.verdict.verdict != VERDICT_CLEAN)
			ck_assert_uint_ne(b.verdict.reason, REASON_NONE);
		made.data[i] ^= 0x10;
	}
	buf_put_u8(&made, 'x');
	b = scan_manifest(&rig, 2, false);
	ck_assert_uint_eq(b.verdict.reason, REASON_BAD_STRUCTURE);
	b = scan_manifest(&rig, 2, true);
	ck_assert_uint_eq(b.verdict.reason, REASON_BAD_STRUCTURE);
	buf_clear(&made);
	rig_stop(&rig);
}
END_TEST

/* More than one KEYS_NAMES. */
START_TEST(test_manifest_many)
{
	enum { FILES = 1500 };
	static char names[FILES][16];
	static const char *paths[FILES];
	struct rig_body b;
	struct rig rig;
	int i;

	for (i = 0; i < FILES; i++) {
		snprintf(names[i], sizeof(names[i]), "f%d.csv", i);
		paths[i] = names[i];
	}
	start(&rig, "manifest", NULL);
	make_manifest(paths, FILES, 1);
	b = scan_manifest(&rig, FILES + 1, false);
	ck_assert_uint_eq(b.verdict.verdict, VERDICT_CLEAN);
	ck_assert_uint_eq(rig_name_count, FILES);
	rig_names_reason = REASON_MANIFEST_MISMATCH;
	b = scan_manifest(&rig, FILES + 1, false);
	rig_names_reason = REASON_NONE;
	ck_assert_uint_eq(b.verdict.verdict, VERDICT_NOT_SCANNED);
	ck_assert_uint_eq(b.verdict.reason, REASON_MANIFEST_MISMATCH);
	buf_clear(&made);
	rig_stop(&rig);
}
END_TEST

/* --- clam ----------------------------------------------------------------------------- */

static void
clam_expect(struct rig *rig, const char *ext, enum verdict verdict,
    enum reason reason)
{
	struct verdict_record v = scan(rig, made.data, made.len, ext);

	ck_assert_msg(v.verdict == verdict && v.reason == reason,
	    "%s: verdict %u, reason %s, %s", ext, v.verdict,
	    reason_code(v.reason), v.detail);
	ck_assert_uint_eq(v.engine / 10000, 1);
	ck_assert_uint_ne(v.signatures, 0);
	ck_assert_uint_ne(v.signatures_ms, 0);
}

static void
zip_nest(unsigned depth, bool is_infected)
{
	struct buf inner;
	struct sample_zip z;

	buf_init(&inner, 16u << 20);
	if (is_infected)
		sample_eicar(&inner);
	do {
		buf_reset(&made);
		sample_zip_begin(&z, &made);
		sample_zip_add(&z, "a.txt", "harmless", 8);
		sample_zip_add(&z, depth == 0 ? "e.txt" : "z.zip", inner.data,
		    inner.len);
		sample_zip_end(&z, "");
		buf_reset(&inner);
		buf_put(&inner, made.data, made.len);
	} while (depth-- > 0);
	buf_clear(&inner);
}

START_TEST(test_clam_eicar)
{
	struct verdict_record v;
	struct rig rig;

	start(&rig, "clam", signature_dir);
	buf_init(&made, 64u << 20);
	sample_eicar(&made);
	v = scan(&rig, made.data, made.len, "txt");
	ck_assert_uint_eq(v.verdict, VERDICT_INFECTED);
	ck_assert_uint_eq(v.reason, REASON_VIRUS_FOUND);
	ck_assert_ptr_nonnull(strstr(v.detail, "Test.Eicar"));
	zip_nest(0, true);
	clam_expect(&rig, "zip", VERDICT_INFECTED, REASON_VIRUS_FOUND);
	zip_nest(3, true);
	clam_expect(&rig, "zip", VERDICT_INFECTED, REASON_VIRUS_FOUND);
	/* Clean ones after it: nothing is carried over. */
	buf_reset(&made);
	buf_put_str(&made, "harmless");
	clam_expect(&rig, "txt", VERDICT_CLEAN, REASON_NONE);
	buf_reset(&made);
	clam_expect(&rig, "txt", VERDICT_CLEAN, REASON_NONE);
	sample_pdf(&made);
	clam_expect(&rig, "pdf", VERDICT_CLEAN, REASON_NONE);
	buf_clear(&made);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_clam_limits)
{
	struct sample_zip z;
	struct rig rig;
	int i;

	start(&rig, "clam", signature_dir);
	buf_init(&made, 64u << 20);
	sample_zip_begin(&z, &made);
	z.is_encrypted = true;
	sample_zip_add(&z, "a.txt", "0123456789abtext", 16);
	sample_zip_end(&z, "");
	clam_expect(&rig, "zip", VERDICT_NOT_SCANNED,
	    REASON_NOT_SCANNED_ENCRYPTED);
	/* Nested deeper than is looked. */
	zip_nest(40, false);
	clam_expect(&rig, "zip", VERDICT_NOT_SCANNED,
	    REASON_NOT_SCANNED_LIMIT);
	/* More members than are looked at. */
	buf_reset(&made);
	sample_zip_begin(&z, &made);
	for (i = 0; i < 25000; i++)
		sample_zip_add(&z, "a", "x", 1);
	sample_zip_end(&z, "");
	clam_expect(&rig, "zip", VERDICT_NOT_SCANNED,
	    REASON_NOT_SCANNED_LIMIT);
	buf_clear(&made);
	rig_stop(&rig);
}
END_TEST

/*
 * Among many members, wherever it is: libclamav must really have seen all
 * of them.  The signature is one of the whole member, so that the bytes of
 * the zip itself do not match.
 */
START_TEST(test_clam_many_members)
{
	static const unsigned places[] = {0, 1500, 2999};
	static uint8_t filler[8192];
	struct sample_zip z;
	struct rig rig;
	uint8_t *clam;
	size_t len, p;
	unsigned i;
	int fd = -1;

	if (access(TESTFILES "/clam.exe", R_OK) != 0)
		return;
	ck_assert_int_eq(io_open_dir(TESTFILES, &fd), GW_OK);
	ck_assert_int_eq(io_load_file(fd, "clam.exe", 4096, &clam, &len),
	    GW_OK);
	start(&rig, "clam", signature_dir);
	buf_init(&made, 64u << 20);
	for (p = 0; p < 3; p++) {
		buf_reset(&made);
		sample_zip_begin(&z, &made);
		for (i = 0; i < 3000; i++) {
			filler[i % sizeof(filler)]++;
			if (i == places[p])
				sample_zip_add(&z, "clam.exe", clam, len);
			else
				sample_zip_add(&z, "filler", filler,
				    sizeof(filler));
		}
		sample_zip_end(&z, "");
		clam_expect(&rig, "zip", VERDICT_INFECTED,
		    REASON_VIRUS_FOUND);
	}
	buf_clear(&made);
	mem_free(clam);
	close(fd);
	rig_stop(&rig);
}
END_TEST

/* In windows: across the border of two, and behind all of them. */
START_TEST(test_clam_windows)
{
	const size_t size = 200u << 20;
	const size_t window = 128u << 20;
	char *text = mem_alloc(size);
	struct verdict_record v;
	struct buf eicar;
	struct rig rig;
	size_t i;

	for (i = 0; i + 64 <= size; i += 64)
		memcpy(text + i, "a line of text that is harmless and sixty "
		    "three bytes long....\n", 63);
	buf_init(&eicar, 1024);
	sample_eicar(&eicar);
	start(&rig, "clam", signature_dir);
	v = scan(&rig, text, size, "csv");
	ck_assert_uint_eq(v.verdict, VERDICT_CLEAN);
	ck_assert_str_eq(v.detail, "windows");
	memcpy(text + window - 30, eicar.data, eicar.len);
	v = scan(&rig, text, size, "csv");
	ck_assert_uint_eq(v.verdict, VERDICT_INFECTED);
	memset(text + window - 30, 'x', eicar.len);
	memcpy(text + size - eicar.len, eicar.data, eicar.len);
	v = scan(&rig, text, size, "csv");
	ck_assert_uint_eq(v.verdict, VERDICT_INFECTED);
	rig_stop(&rig);
	buf_clear(&eicar);
	mem_free(text);
}
END_TEST

START_TEST(test_clam_without_signatures)
{
	static const char *const dirs[] = {"/nonexistent", "/dev", NULL};
	struct verdict_record v;
	struct rig rig;
	size_t i;

	for (i = 0; i < 3; i++) {
		start(&rig, "clam", dirs[i]);
		v = scan(&rig, csv, strlen(csv), "csv");
		ck_assert_uint_eq(v.verdict, VERDICT_NOT_SCANNED);
		ck_assert_uint_eq(v.reason, REASON_SIGNATURES_MISSING);
		ck_assert_uint_eq(v.signatures_ms, 0);
		rig_stop(&rig);
	}
	/* A file that is no signature file. */
	write_file("own.hdb", "rubbish\n", 8);
	start(&rig, "clam", signature_dir);
	v = scan(&rig, csv, strlen(csv), "csv");
	ck_assert_uint_eq(v.reason, REASON_SIGNATURES_MISSING);
	rig_stop(&rig);
}
END_TEST

/* The number of the signatures is that of their content. */
START_TEST(test_clam_versions)
{
	struct verdict_record a, b;
	struct rig rig;

	start(&rig, "clam", signature_dir);
	a = scan(&rig, csv, strlen(csv), "csv");
	rig_stop(&rig);
	start(&rig, "clam", signature_dir);
	b = scan(&rig, csv, strlen(csv), "csv");
	rig_stop(&rig);
	ck_assert_uint_eq(a.signatures, b.signatures);
	write_file("more.hdb",
	    "aa15bcf478d165efd2065190eb473bcc:545:Test.Other\n", 48);
	start(&rig, "clam", signature_dir);
	b = scan(&rig, csv, strlen(csv), "csv");
	rig_stop(&rig);
	ck_assert_uint_ne(a.signatures, b.signatures);
}
END_TEST

/*
 * Debian's test files: each holds clam.exe in another way.  All must be
 * scanned without a crash in the sandbox, and these be found.
 */
static const char *const found_files[] = {
	"clam.exe", "clam.zip", "clam.cab", "clam.7z", "clam.tar.gz",
	"clam.bz2.zip", "clam.exe.bz2", "clam.ole.doc", "clam.mail",
	"clam.tnef", "clam.arj", "clam.exe.szdd", "clam.exe.rtf",
};

START_TEST(test_clam_testfiles)
{
	struct dirent *entry;
	struct verdict_record v;
	uint8_t *data;
	size_t len, i;
	struct rig rig;
	DIR *dir = opendir(TESTFILES);
	int fd = -1;
	bool is_wanted;

	if (dir == NULL)
		return;
	ck_assert_int_eq(io_open_dir(TESTFILES, &fd), GW_OK);
	start(&rig, "clam", signature_dir);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		ck_assert_int_eq(io_load_file(fd, entry->d_name, 64u << 20,
		    &data, &len), GW_OK);
		v = scan(&rig, data, len, "dat");
		mem_free(data);
		is_wanted = false;
		for (i = 0; i < sizeof(found_files) / sizeof(char *); i++)
			is_wanted |= strcmp(found_files[i],
			    entry->d_name) == 0;
		if (getenv("RIG_LOG") != NULL)
			printf("%s: %u %s\n", entry->d_name, v.verdict,
			    v.detail);
		if (is_wanted)
			ck_assert_msg(v.verdict == VERDICT_INFECTED,
			    "%s: %u %s", entry->d_name, v.verdict, v.detail);
	}
	rig_stop(&rig);
	closedir(dir);
	close(fd);
}
END_TEST

/* --- an outside corpus -------------------------------------------------------------- */

static void
corpus_folder(struct rig *rig, const char *path, int *crashed)
{
	struct dirent *entry;
	struct rig_body b;
	uint8_t *data;
	const char *dot;
	size_t len;
	int fd = -1;
	DIR *dir = opendir(path);

	ck_assert_ptr_nonnull(dir);
	ck_assert_int_eq(io_open_dir(path, &fd), GW_OK);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || io_load_file(fd,
		    entry->d_name, 64u << 20, &data, &len) != GW_OK)
			continue;
		dot = strrchr(entry->d_name, '.');
		rig_grant(&b, data, len, dot == NULL || strlen(dot) > 15 ?
		    "" : dot + 1);
		rig_job(rig, &b, 1, 0, 0);
		if (b.outcome != ZYGOTE_REPORTED) {
			printf("%s/%s: outcome %u: %s\n", path, entry->d_name,
			    b.outcome, rig->last_log);
			(*crashed)++;
		}
		mem_free(data);
	}
	closedir(dir);
	close(fd);
}

/* Every scanner over every file in its sandbox: nothing crashes. */
START_TEST(test_corpus)
{
	static const char *const programs[] = {"identify", "clam",
		"confirm"};
	static const char *const sets[] = {"benign", "malicious"};
	const char *corpus = getenv("GW_CORPUS");
	char top[4000], path[8192];
	struct dirent *entry;
	struct rig rig;
	int i, set, crashed = 0;
	DIR *dir;

	for (i = 0; corpus != NULL && i < 3; i++) {
		start(&rig, programs[i], signature_dir);
		for (set = 0; set < 2; set++) {
			snprintf(top, sizeof(top), "%s/%s", corpus,
			    sets[set]);
			dir = opendir(top);
			ck_assert_ptr_nonnull(dir);
			while ((entry = readdir(dir)) != NULL) {
				if (entry->d_name[0] == '.')
					continue;
				snprintf(path, sizeof(path), "%s/%s", top,
				    entry->d_name);
				corpus_folder(&rig, path, &crashed);
			}
			closedir(dir);
		}
		rig_stop(&rig);
	}
	ck_assert_int_eq(crashed, 0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("programs");
	TCase *tc = tcase_create("programs");

	tcase_add_checked_fixture(tc, make_signatures, remove_signatures);
	tcase_set_timeout(tc, 600);
	tcase_add_test(tc, test_csv);
	tcase_add_test(tc, test_confirm);
	tcase_add_test(tc, test_confirm_large);
	tcase_add_test(tc, test_manifest);
	tcase_add_loop_test(tc, test_manifest_refused, 0,
	    (int)(sizeof(manifests) / sizeof(manifests[0])));
	tcase_add_test(tc, test_manifest_broken);
	tcase_add_test(tc, test_manifest_many);
	tcase_add_test(tc, test_clam_eicar);
	tcase_add_test(tc, test_clam_limits);
	tcase_add_test(tc, test_clam_many_members);
	tcase_add_test(tc, test_clam_windows);
	tcase_add_test(tc, test_clam_without_signatures);
	tcase_add_test(tc, test_clam_versions);
	tcase_add_test(tc, test_clam_testfiles);
	tcase_add_test(tc, test_corpus);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
