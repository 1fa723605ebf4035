/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "scanners/identify/kind.h"

#define EOCD_LEN 22u
#define EOCD64_LEN 56u
#define LOCATOR64_LEN 20u
#define CENTRAL_LEN 46u
#define LOCAL_LEN 30u

/* Limits of what is looked at; beyond, a person looks. */
#define CENTRAL_MAX (32u << 20)
#define ENTRIES_MAX 200000u

#define NAME_MAX_LEN 1024u

enum zip_found {
	ZIP_CONTENT_TYPES = 1 << 0,
	ZIP_WORD = 1 << 1,
	ZIP_EXCEL = 1 << 2,
	ZIP_SLIDES = 1 << 3,
	ZIP_BINARY_BOOK = 1 << 4,
	ZIP_MACROS = 1 << 5,
	ZIP_JAR_MANIFEST = 1 << 6,
	ZIP_CLASSES = 1 << 7,
	ZIP_APP = 1 << 8,
	ZIP_OTHER_OFFICE = 1 << 9,
	ZIP_PROGRAM = 1 << 10,
	ZIP_ENCRYPTED = 1 << 11,
	ZIP_SCRIPTS = 1 << 12	/* ODF Basic */
};

struct zip_entry {
	uint64_t off, packed;
	uint32_t name_at;	/* in the central directory */
	uint16_t name_len;
	uint16_t method;
};

struct zip {
	struct source *source;
	uint64_t eocd_off;	/* of the first end record */
	uint64_t central_off, central_len, count;
	uint8_t *central;
	struct zip_entry *entries;
	unsigned found;		/* enum zip_found */
	enum policy_type odf;	/* by member mimetype; TYPE_UNKNOWN none */
	bool has_mimetype;
};

static bool
zip_fail(struct kind *out, enum reason reason, const char *why)
{
	out->reason = reason;
	out->why = why;
	return false;
}

/* --- end records ----------------------------------------------------------------- */

static bool
zip_is_eocd(const struct source *s, size_t at)
{
	return at + EOCD_LEN <= s->tail_len &&
	    memcmp(s->tail + at, "PK\5\6", 4) == 0;
}

/* The last one; readers look for it from the end. */
static bool
zip_find_eocd(const struct source *s, size_t *at_out)
{
	size_t at;

	if (s->tail_len < EOCD_LEN)
		return false;
	for (at = s->tail_len - EOCD_LEN + 1; at-- > 0;) {
		if (zip_is_eocd(s, at)) {
			*at_out = at;
			return true;
		}
	}
	return false;
}

bool
zip_is_behind(const struct source *s)
{
	size_t at, i;

	if (!zip_find_eocd(s, &at))
		return false;
	/* Four bytes may come by chance; with a directory they do not. */
	for (i = 0; i + 4 <= at; i++) {
		if (memcmp(s->tail + i, "PK\1\2", 4) == 0)
			return true;
	}
	/* The directory may begin before the tail. */
	return source_le16(s->tail + at + 4) == 0 &&
	    source_le16(s->tail + at + 6) == 0 &&
	    source_le32(s->tail + at + 12) > at &&
	    source_le16(s->tail + at + 8) == source_le16(s->tail + at + 10);
}

static bool
zip_read_eocd64(struct zip *z, struct kind *out)
{
	uint8_t locator[LOCATOR64_LEN], record[EOCD64_LEN];
	uint64_t off;

	if (z->eocd_off < LOCATOR64_LEN || !source_get(z->source, locator,
	    sizeof(locator), z->eocd_off - LOCATOR64_LEN) ||
	    memcmp(locator, "PK\6\7", 4) != 0)
		return zip_fail(out, REASON_BAD_STRUCTURE, "zip64");
	off = source_le64(locator + 8);
	if (!source_get(z->source, record, sizeof(record), off) ||
	    memcmp(record, "PK\6\6", 4) != 0 ||
	    source_le64(record + 4) + 12 + LOCATOR64_LEN !=
	    z->eocd_off - off)
		return zip_fail(out, REASON_BAD_STRUCTURE, "zip64");
	z->count = source_le64(record + 32);
	z->central_len = source_le64(record + 40);
	z->central_off = source_le64(record + 48);
	z->eocd_off = off;
	return true;
}

static bool
zip_read_eocd(struct zip *z, struct kind *out)
{
	const struct source *s = z->source;
	const uint8_t *p;
	size_t at, end;

	if (!zip_find_eocd(s, &at))
		return zip_fail(out, REASON_BAD_STRUCTURE, "no zip directory");
	p = s->tail + at;
	z->eocd_off = s->tail_off + at;
	end = at + EOCD_LEN + source_le16(p + 20);
	if (end > s->tail_len)
		return zip_fail(out, REASON_BAD_STRUCTURE, "zip comment");
	if (end < s->tail_len)
		return zip_fail(out, REASON_BAD_HIDDEN, "behind the zip");
	if (source_le16(p + 4) != 0 && source_le16(p + 4) != 0xffff)
		return zip_fail(out, REASON_BAD_STRUCTURE, "zip in parts");
	z->count = source_le16(p + 10);
	z->central_len = source_le32(p + 12);
	z->central_off = source_le32(p + 16);
	if ((z->count == 0xffff || z->central_len == 0xffffffff ||
	    z->central_off == 0xffffffff) && !zip_read_eocd64(z, out))
		return false;
	/* What stands before is another file: a program that unpacks itself. */
	if (z->central_len > z->eocd_off ||
	    z->central_off > z->eocd_off - z->central_len)
		return zip_fail(out, REASON_BAD_STRUCTURE, "zip directory");
	if (z->central_off + z->central_len != z->eocd_off)
		return zip_fail(out, REASON_TYPE_POLYGLOT, "zip with a prefix");
	return true;
}

/* --- names ------------------------------------------------------------------------- */

static const struct {
	const char *text;
	bool is_prefix, is_suffix;
	unsigned found;
} zip_names[] = {
	{"[content_types].xml", false, false, ZIP_CONTENT_TYPES},
	{"word/", true, false, ZIP_WORD},
	{"xl/", true, false, ZIP_EXCEL},
	{"ppt/", true, false, ZIP_SLIDES},
	{"xl/workbook.bin", false, false, ZIP_BINARY_BOOK},
	{"vbaproject.bin", false, true, ZIP_MACROS},
	{"vbadata.xml", false, true, ZIP_MACROS},
	{"xl/macrosheets/", true, false, ZIP_MACROS},
	{"xl/dialogsheets/", true, false, ZIP_MACROS},
	{"meta-inf/manifest.mf", false, false, ZIP_JAR_MANIFEST},
	{".class", false, true, ZIP_CLASSES},
	{"androidmanifest.xml", false, false, ZIP_APP},
	{"classes.dex", false, false, ZIP_APP},
	{"appxmanifest.xml", false, false, ZIP_APP},
	{"appxmetadata/", true, false, ZIP_APP},
	{"visio/", true, false, ZIP_OTHER_OFFICE},
	{"fixeddocseq.fdseq", false, true, ZIP_OTHER_OFFICE},
	{"fixeddocumentsequence.fdseq", false, true, ZIP_OTHER_OFFICE},
	{"basic/", true, false, ZIP_SCRIPTS},
	{"scripts/", true, false, ZIP_SCRIPTS},
};

static bool
zip_name_is(const char *name, size_t len, size_t row)
{
	const char *text = zip_names[row].text;
	const size_t text_len = strlen(text);

	if (text_len > len)
		return false;
	if (zip_names[row].is_suffix)
		return memcmp(name + len - text_len, text, text_len) == 0;
	return memcmp(name, text, text_len) == 0 &&
	    (zip_names[row].is_prefix || len == text_len);
}

static void
zip_note_name(struct zip *z, const uint8_t *raw, size_t len)
{
	char name[NAME_MAX_LEN + 1];
	const char *dot;
	size_t i;

	if (len > NAME_MAX_LEN)
		len = NAME_MAX_LEN;
	for (i = 0; i < len; i++)
		name[i] = raw[i] == '\\' ? '/' : (char)tolower(raw[i]);
	name[len] = '\0';
	for (i = 0; i < sizeof(zip_names) / sizeof(zip_names[0]); i++) {
		if (zip_name_is(name, len, i))
			z->found |= zip_names[i].found;
	}
	dot = strrchr(name, '.');
	if (dot != NULL && strchr(dot, '/') == NULL &&
	    names_is_program(dot + 1))
		z->found |= ZIP_PROGRAM;
}

/* --- central directory ---------------------------------------------------------------- */

/* Sizes that did not fit stand in the extra field 1, in this order. */
static bool
zip_entry_extra(const uint8_t *extra, size_t len, uint32_t unpacked,
    struct zip_entry *e)
{
	size_t size, at;

	for (; len >= 4; extra += 4 + size, len -= 4 + size) {
		size = source_le16(extra + 2);
		if (size > len - 4)
			return false;
		if (source_le16(extra) != 1)
			continue;
		at = 4 + (unpacked == 0xffffffff ? 8u : 0u);
		if (e->packed == 0xffffffff) {
			if (at + 8 > size + 4)
				return false;
			e->packed = source_le64(extra + at);
			at += 8;
		}
		if (e->off == 0xffffffff) {
			if (at + 8 > size + 4)
				return false;
			e->off = source_le64(extra + at);
		}
		return true;
	}
	return e->packed != 0xffffffff && e->off != 0xffffffff;
}

static bool
zip_read_entry(struct zip *z, size_t *at, struct zip_entry *e)
{
	const uint8_t *p = z->central + *at;
	const size_t left = (size_t)z->central_len - *at;
	size_t name_len, extra_len, len;

	if (left < CENTRAL_LEN || memcmp(p, "PK\1\2", 4) != 0)
		return false;
	name_len = source_le16(p + 28);
	extra_len = source_le16(p + 30);
	len = CENTRAL_LEN + name_len + extra_len + source_le16(p + 32);
	if (len > left)
		return false;
	if ((source_le16(p + 8) & 1) != 0)
		z->found |= ZIP_ENCRYPTED;
	e->method = source_le16(p + 10);
	e->packed = source_le32(p + 20);
	e->off = source_le32(p + 42);
	e->name_at = (uint32_t)(*at + CENTRAL_LEN);
	e->name_len = (uint16_t)name_len;
	zip_note_name(z, p + CENTRAL_LEN, name_len);
	*at += len;
	if (e->packed != 0xffffffff && e->off != 0xffffffff)
		return true;
	return zip_entry_extra(p + CENTRAL_LEN + name_len, extra_len,
	    source_le32(p + 24), e);
}

static bool
zip_read_central(struct zip *z, struct kind *out)
{
	size_t at = 0, i;

	if (z->central_len > CENTRAL_MAX || z->count > ENTRIES_MAX)
		return zip_fail(out, REASON_NOT_SCANNED_LIMIT,
		    "zip directory");
	if (z->count > z->central_len / CENTRAL_LEN)
		return zip_fail(out, REASON_BAD_STRUCTURE, "zip directory");
	z->central = mem_alloc((size_t)z->central_len + 1);
	z->entries = mem_array((size_t)z->count + 1, sizeof(*z->entries));
	if (!source_get(z->source, z->central, (size_t)z->central_len,
	    z->central_off))
		return zip_fail(out, REASON_BAD_STRUCTURE, "zip directory");
	for (i = 0; i < z->count; i++) {
		if (!zip_read_entry(z, &at, &z->entries[i]))
			return zip_fail(out, REASON_BAD_STRUCTURE,
			    "zip directory");
	}
	if (at != z->central_len)
		return zip_fail(out, REASON_BAD_STRUCTURE, "zip directory");
	return true;
}

static int
zip_compare(const void *a, const void *b)
{
	const struct zip_entry *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

/* A reader that goes from front to back must see the same members. */
static bool
zip_check_local(struct zip *z, const struct zip_entry *e, uint64_t *end_out)
{
	uint8_t local[LOCAL_LEN];
	uint8_t name[UINT16_MAX];

	if (!source_get(z->source, local, sizeof(local), e->off) ||
	    memcmp(local, "PK\3\4", 4) != 0 ||
	    source_le16(local + 26) != e->name_len ||
	    !source_get(z->source, name, e->name_len, e->off + LOCAL_LEN) ||
	    memcmp(name, z->central + e->name_at, e->name_len) != 0)
		return false;
	*end_out = e->off + LOCAL_LEN + e->name_len +
	    source_le16(local + 28);
	if (e->packed > z->central_off || *end_out > z->central_off)
		return false;
	*end_out += e->packed;
	return true;
}

/* Only the first member may be called so, stored plainly. */
static void
zip_read_mimetype(struct zip *z, const struct zip_entry *e, uint64_t data_end)
{
	static const struct {
		const char *mime;
		enum policy_type type;
	} rows[] = {
		{"application/vnd.oasis.opendocument.text", TYPE_ODT},
		{"application/vnd.oasis.opendocument.spreadsheet", TYPE_ODS},
		{"application/vnd.oasis.opendocument.presentation", TYPE_ODP},
	};
	char mime[128];
	size_t i;

	if (e->name_len != 8 ||
	    memcmp(z->central + e->name_at, "mimetype", 8) != 0)
		return;
	z->has_mimetype = true;
	if (e->method != 0 || e->packed >= sizeof(mime) ||
	    !source_get(z->source, mime, (size_t)e->packed,
	    data_end - e->packed))
		return;
	mime[e->packed] = '\0';
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(mime, rows[i].mime) == 0)
			z->odf = rows[i].type;
	}
}

static bool
zip_check_entries(struct zip *z, struct kind *out)
{
	uint64_t end = 0, next = 0;
	size_t i;

	qsort(z->entries, (size_t)z->count, sizeof(*z->entries), zip_compare);
	if (z->count > 0 && z->entries[0].off != 0)
		return zip_fail(out, REASON_TYPE_POLYGLOT,
		    "zip with a prefix");
	for (i = 0; i < z->count; i++) {
		if (z->entries[i].off < end)
			return zip_fail(out, REASON_BAD_STRUCTURE,
			    "zip members overlap");
		if (!zip_check_local(z, &z->entries[i], &next))
			return zip_fail(out, REASON_BAD_STRUCTURE,
			    "zip members differ from the directory");
		if (i == 0)
			zip_read_mimetype(z, &z->entries[i], next);
		end = next;
	}
	if (end > z->central_off)
		return zip_fail(out, REASON_BAD_STRUCTURE,
		    "zip members overlap");
	return true;
}

/* --- judgement --------------------------------------------------------------------------- */

static bool
zip_ext_in(const char *ext, const char *a, const char *b)
{
	return strcmp(ext, a) == 0 || strcmp(ext, b) == 0;
}

/* "docm" must be Word's, and so on. */
static bool
zip_macro_ext_ok(unsigned found, const char *ext)
{
	if (!policy_type_has_ext(TYPE_OOXML_MACRO, ext))
		return true;
	if ((found & ZIP_WORD) != 0)
		return zip_ext_in(ext, "docm", "dotm");
	if ((found & ZIP_EXCEL) != 0)
		return zip_ext_in(ext, "xlsm", "xltm");
	return zip_ext_in(ext, "pptm", "potm");
}

static void
zip_judge_office(const struct zip *z, const char *ext, struct kind *out)
{
	const unsigned found = z->found;

	if ((found & ZIP_BINARY_BOOK) != 0) {
		out->type = TYPE_UNKNOWN;
		out->what = "xlsb";
	} else if ((found & ZIP_MACROS) != 0 ||
	    policy_type_has_ext(TYPE_OOXML_MACRO, ext)) {
		out->type = TYPE_OOXML_MACRO;
		out->what = "Office document with macros";
		if (!zip_macro_ext_ok(found, ext))
			(void)zip_fail(out, REASON_TYPE_DISGUISED,
			    "another Office program's");
	} else if ((found & ZIP_WORD) != 0) {
		out->type = TYPE_DOCX;
		out->what = "Word document";
	} else if ((found & ZIP_EXCEL) != 0) {
		out->type = TYPE_XLSX;
		out->what = "Excel workbook";
	} else {
		out->type = TYPE_PPTX;
		out->what = "PowerPoint";
	}
}

static void
zip_judge(const struct zip *z, const char *ext, uint64_t accept,
    struct kind *out)
{
	const unsigned office = z->found & (ZIP_WORD | ZIP_EXCEL | ZIP_SLIDES);

	if ((z->found & ZIP_APP) != 0 || ((z->found & ZIP_JAR_MANIFEST) != 0
	    && ((z->found & ZIP_CLASSES) != 0 || strcmp(ext, "jar") == 0))) {
		out->type = TYPE_EXECUTABLE;
		out->what = "program in a zip";
	} else if ((z->found & ZIP_CONTENT_TYPES) != 0 && office != 0) {
		zip_judge_office(z, ext, out);
	} else if (z->has_mimetype) {
		out->type = z->odf;
		out->what = "document in a zip";
	} else if ((z->found & (ZIP_OTHER_OFFICE | ZIP_CONTENT_TYPES)) != 0) {
		out->type = TYPE_UNKNOWN;
		out->what = "document in a zip";
	} else {
		out->type = TYPE_ZIP;
		out->what = "zip";
		if ((z->found & ZIP_PROGRAM) != 0 &&
		    (accept & TYPE_BIT(TYPE_EXECUTABLE)) == 0)
			(void)zip_fail(out, REASON_TYPE_EXECUTABLE,
			    "program in the zip");
	}
	if ((z->found & ZIP_ENCRYPTED) != 0 && out->reason == REASON_NONE)
		(void)zip_fail(out, REASON_NOT_SCANNED_ENCRYPTED, "zip");
}

void
zip_look(struct source *s, const char *ext, uint64_t accept, struct kind *out)
{
	struct zip z = {.source = s, .odf = TYPE_UNKNOWN};

	if (zip_read_eocd(&z, out) && zip_read_central(&z, out) &&
	    zip_check_entries(&z, out))
		zip_judge(&z, ext, accept, out);
	mem_free(z.central);
	mem_free(z.entries);
}
