/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#include "scanners/identify/judge.h"
#include "scanners/identify/kind.h"

#include "tests/unit/scanners/samples.h"

#define ALL                                                             \
	(UINT64_MAX & ~TYPE_BIT(TYPE_EXECUTABLE) & ~TYPE_BIT(TYPE_UNKNOWN))

struct bytes {
	const uint8_t *data;
	size_t len;
};

static enum gw_err
read_bytes(void *arg, void *buf, size_t len, uint64_t off, size_t *got_out)
{
	const struct bytes *b = arg;

	if (off >= b->len)
		len = 0;
	else if (len > b->len - (size_t)off)
		len = b->len - (size_t)off;
	if (len > 0)
		memcpy(buf, b->data + off, len);
	*got_out = len;
	return GW_OK;
}

static struct judgement
look(const void *data, size_t len, const char *ext, uint64_t accept)
{
	static struct source source;
	struct bytes b = {.data = data, .len = len};
	struct judgement j;

	source.read = read_bytes;
	source.arg = &b;
	source.size = len;
	judge(&source, ext, accept, &j);
	return j;
}

static struct buf made;

static void
setup(void)
{
	mime_prepare();
	buf_init(&made, 64u << 20);
}

static void
teardown(void)
{
	buf_clear(&made);
}

static void
expect(const char *ext, enum verdict verdict, enum reason reason,
    enum policy_type type)
{
	struct judgement j = look(made.data, made.len, ext, ALL);

	ck_assert_msg(j.verdict == verdict && j.reason == reason &&
	    j.type == type, "%s: verdict %d, reason %s, type %s, %s", ext,
	    j.verdict, reason_code(j.reason), policy_type_name(j.type),
	    j.detail);
}

#define CLEAN(ext, type) expect(ext, VERDICT_CLEAN, REASON_NONE, type)
#define DENIED(ext, reason, type) \
	expect(ext, VERDICT_DENIED, REASON_##reason, type)
#define HELD(ext, reason, type) \
	expect(ext, VERDICT_NOT_SCANNED, REASON_##reason, type)

/* --- by content alone -------------------------------------------------------------- */

#define BYTES(s) s, sizeof(s) - 1

static const struct {
	const char *bytes;
	size_t len;
	const char *ext;
	enum policy_type type;
} honest[] = {
	{BYTES("plain text\n"), "txt", TYPE_TEXT},
	{BYTES("plain text\n"), "", TYPE_TEXT},
	{BYTES("# head\n"), "md", TYPE_TEXT},
	{BYTES("{\"a\": 1}"), "txt", TYPE_TEXT},
	{BYTES("<?xml version=\"1.0\"?><a/>"), "txt", TYPE_TEXT},
	{BYTES("\x93\xfa\x96\x7b\r\n"), "txt", TYPE_TEXT},
	{BYTES("\xff\xfe\xe5\x65"), "txt", TYPE_TEXT},
	{BYTES("a,b\n1,2\n"), "csv", TYPE_CSV},
	{BYTES("070701,1\n"), "csv", TYPE_CSV},
	{BYTES("ID,name\n1,x\n"), "csv", TYPE_CSV},
	{BYTES("BZh,CWS\n"), "csv", TYPE_CSV},
	{BYTES("MZ,x\n"), "csv", TYPE_CSV},
	{BYTES("a\tb\n"), "tsv", TYPE_CSV},
	{BYTES("1234567890"), "dat", TYPE_FIXED},
	{BYTES("{\"a\": 1}"), "json", TYPE_JSON},
	{BYTES(" [1]"), "geojson", TYPE_JSON},
	{BYTES("<?xml version=\"1.0\"?><a/>"), "xml", TYPE_XML},
	{BYTES("\xef\xbb\xbf<?xml version=\"1.0\"?><a/>"), "xml", TYPE_XML},
	{BYTES("<root/>"), "xml", TYPE_XML},
	{BYTES("<svg xmlns=\"x\"/>"), "svg", TYPE_SVG},
	{BYTES("<?xml version=\"1.0\"?>\n<svg/>"), "svg", TYPE_SVG},
	{BYTES("<!DOCTYPE html><p>"), "html", TYPE_HTML},
	{BYTES("<p>x</p>"), "htm", TYPE_HTML},
	{BYTES("{\\rtf1\\ansi x}"), "rtf", TYPE_RTF},
	{BYTES("Received: x\nFrom: a\nTo: b\nSubject: c\n\nd"), "eml",
	    TYPE_EML},
	{BYTES("ISO-10303-21;\nHEADER;\n"), "sfc", TYPE_SXF},
	{BYTES("ISO-10303-21;\nHEADER;\n"), "p21", TYPE_SXF},
	{BYTES("  0\nSECTION\n  2\nHEADER\n"), "dxf", TYPE_DXF},
	{BYTES("999\nby x\n  0\r\nSECTION\r\n"), "dxf", TYPE_DXF},
	{BYTES("AutoCAD Binary DXF\r\n\x1a\0\0\0"), "dxf", TYPE_DXF},
	{BYTES("AC1032\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "dwg", TYPE_DWG},
	{BYTES("JwwData.\x02\0\0\0"), "jww", TYPE_JWW},
	{BYTES("7z\xbc\xaf\x27\x1c\0\4xxxx"), "7z", TYPE_7Z},
	{BYTES("Rar!\x1a\x07\x01\0xxxx"), "rar", TYPE_RAR},
	{BYTES("\x1f\x8b\x08\0\0\0\0\0\0\3\3\0"), "gz", TYPE_GZIP},
	{BYTES("\x1f\x8b\x08\0\0\0\0\0\0\3\3\0"), "tgz", TYPE_GZIP},
	{BYTES("MSCF\0\0\0\0\x2c\0\0\0\0\0\0\0"), "cab", TYPE_CAB},
	{BYTES("\x1d\0-lh5-\x10\0\0\0\x10\0\0\0\0\0\0\0\x20\1\0\0\0"), "lzh",
	    TYPE_LZH},
	{BYTES("II*\0\x08\0\0\0\0\0\0\0\0\0"), "tif", TYPE_TIFF},
	{BYTES("MM\0*\0\0\0\x08\0\0\0\0\0\0"), "tiff", TYPE_TIFF},
	{BYTES("BM\x1e\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0\1\0\1\0\1\0\x18\0"
	    "\0\0\0\0"), "bmp", TYPE_BMP},
	{BYTES("RIFF\x0c\0\0\0WEBPVP8 \0\0\0\0"), "webp", TYPE_WEBP},
	{BYTES("RIFF\x0c\0\0\0WAVEfmt \0\0\0\0"), "wav", TYPE_AUDIO},
	{BYTES("RIFF\x0c\0\0\0AVI LIST\0\0\0\0"), "avi", TYPE_VIDEO},
	{BYTES("\0\0\0\x18" "ftypheic\0\0\0\0mif1heic"), "heic", TYPE_HEIC},
	{BYTES("\0\0\0\x18" "ftypavif\0\0\0\0mif1avif"), "avif", TYPE_HEIC},
	{BYTES("\0\0\0\x18" "ftypisom\0\0\0\0isomiso2"), "mp4", TYPE_VIDEO},
	{BYTES("\0\0\0\x18" "ftypM4A \0\0\0\0isomiso2"), "m4a", TYPE_AUDIO},
	{BYTES("\0\0\0\x18" "ftypisom\0\0\0\0isomiso2"), "m4a", TYPE_AUDIO},
	{BYTES("\0\0\0\x14" "ftypqt  \0\0\0\0qt  "), "mov", TYPE_VIDEO},
	{BYTES("ID3\3\0\0\0\0\0\0\xff\xfb\x90\0"), "mp3", TYPE_AUDIO},
	{BYTES("\xff\xfb\x90\0\0\0\0\0"), "mp3", TYPE_AUDIO},
	{BYTES("fLaC\0\0\0\x22"), "flac", TYPE_AUDIO},
	{BYTES("OggS\0\2\0\0\0\0\0\0\0\0"), "ogg", TYPE_AUDIO},
	{BYTES("\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce"),
	    "wmv", TYPE_VIDEO},
	{BYTES("\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce"),
	    "wma", TYPE_AUDIO},
	{BYTES("\x1a\x45\xdf\xa3\x01\0\0\0"), "mkv", TYPE_VIDEO},
	{BYTES("\xd7\xcd\xc6\x9a\0\0\0\0\0\0\1\0\1\0"), "wmf",
	    TYPE_METAFILE},
	{BYTES("\1\0\0\0\x6c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	    "\0\0\0\0\0\0\0\0\0\0\0 EMF\0\0\1\0"), "emf", TYPE_METAFILE},
	{"", 0, "txt", TYPE_TEXT},
	{"", 0, "csv", TYPE_CSV},
	{"", 0, "", TYPE_TEXT},
};

START_TEST(test_honest)
{
	buf_put(&made, honest[_i].bytes, honest[_i].len);
	CLEAN(honest[_i].ext, honest[_i].type);
	/* A flow that does not take it. */
	ck_assert_int_eq(look(honest[_i].bytes, honest[_i].len,
	    honest[_i].ext, 0).reason, REASON_TYPE_NOT_ACCEPTED);
	/* Under the name of another type. */
	if (honest[_i].len > 0 && honest[_i].type != TYPE_JPEG)
		ck_assert_int_eq(look(honest[_i].bytes, honest[_i].len,
		    "jpg", ALL).reason, REASON_TYPE_DISGUISED);
	/* Under that of a program. */
	ck_assert_int_eq(look(honest[_i].bytes, honest[_i].len, "exe",
	    ALL).verdict, VERDICT_DENIED);
}
END_TEST

static const struct {
	const char *bytes;
	size_t len;
	const char *ext;	/* an honest one */
} programs[] = {
	{BYTES("\x7f" "ELF\2\1\1\0"), "so"},
	{BYTES("\xfe\xed\xfa\xcf\0\0\0\0"), "dylib"},
	{BYTES("\xca\xfe\xba\xbe\0\0\0\x34"), "class"},
	{BYTES("L\0\0\0\1\x14\2\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"), "lnk"},
	{BYTES("ITSF\3\0\0\0"), "chm"},
	{BYTES("\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96"
	    "\xd3\0"), "one"},
	{BYTES("FWS\6\0\0\0\0"), "swf"},
	{BYTES("\0asm\1\0\0\0"), "exe"},
	{BYTES("#!/bin/sh\nexit\n"), "sh"},
	{BYTES("@echo off\r\ndel x\r\n"), "bat"},
	{BYTES("[InternetShortcut]\r\nURL=x\r\n"), "url"},
	{BYTES("Windows Registry Editor Version 5.00\r\n"), "reg"},
	{BYTES("<html><hta:application id=x></html>"), "hta"},
	{BYTES("<?php echo 1;"), "php"},
	{BYTES("<job><script>x</script></job>"), "wsf"},
};

START_TEST(test_programs)
{
	const char *bytes = programs[_i].bytes;
	const size_t len = programs[_i].len;
	struct judgement j;

	buf_put(&made, bytes, len);
	DENIED(programs[_i].ext, TYPE_EXECUTABLE, TYPE_EXECUTABLE);
	DENIED("txt", TYPE_DISGUISED, TYPE_EXECUTABLE);
	DENIED("pdf", TYPE_DISGUISED, TYPE_EXECUTABLE);
	DENIED("", TYPE_DISGUISED, TYPE_EXECUTABLE);
	/* A flow for programs of vendors. */
	j = look(bytes, len, programs[_i].ext, TYPE_BIT(TYPE_EXECUTABLE));
	ck_assert_int_eq(j.verdict, VERDICT_CLEAN);
	j = look(bytes, len, "txt", TYPE_BIT(TYPE_EXECUTABLE) |
	    TYPE_BIT(TYPE_TEXT));
	ck_assert_int_eq(j.reason, REASON_TYPE_DISGUISED);
}
END_TEST

START_TEST(test_pe)
{
	sample_pe(&made);
	DENIED("exe", TYPE_EXECUTABLE, TYPE_EXECUTABLE);
	DENIED("docx", TYPE_DISGUISED, TYPE_EXECUTABLE);
}
END_TEST

START_TEST(test_iso)
{
	buf_put_zero(&made, 32768);
	buf_put(&made, "\1CD001\1\0", 8);
	buf_put_zero(&made, 3000);
	DENIED("iso", TYPE_EXECUTABLE, TYPE_EXECUTABLE);
	DENIED("dat", TYPE_DISGUISED, TYPE_EXECUTABLE);
}
END_TEST

static const char *const program_exts[] = {
	"js", "vbs", "ps1", "cmd", "com", "scr", "hta", "lnk", "msi", "jar",
	"py", "url", "reg", "iqy", "slk", "vhdx", "img", "settingcontent-ms",
};

START_TEST(test_program_extension)
{
	buf_put_str(&made, "harmless text\n");
	DENIED(program_exts[_i], TYPE_EXECUTABLE, TYPE_TEXT);
}
END_TEST

static const struct {
	const char *bytes;
	size_t len;
	const char *ext;
	enum verdict verdict;
	enum reason reason;
} odd[] = {
	/* text that is not */
	{BYTES("a\0b"), "txt", VERDICT_NOT_SCANNED, REASON_CONTROL_CHARS},
	{BYTES("a\x1b[0m"), "csv", VERDICT_NOT_SCANNED,
	    REASON_CONTROL_CHARS},
	{BYTES("\x80\xff\xff"), "csv", VERDICT_NOT_SCANNED,
	    REASON_BAD_ENCODING},
	{BYTES("\x80\xff\xff"), "xdw", VERDICT_NOT_SCANNED,
	    REASON_TYPE_UNKNOWN},
	{BYTES("\x80\xff\xff"), "", VERDICT_NOT_SCANNED,
	    REASON_TYPE_UNKNOWN},
	/* what Excel would not read as CSV */
	{BYTES("<html><table>"), "csv", VERDICT_DENIED,
	    REASON_TYPE_DISGUISED},
	{BYTES("<table><tr>"), "csv", VERDICT_DENIED, REASON_TYPE_DISGUISED},
	{BYTES("{\\rtf1"), "csv", VERDICT_DENIED, REASON_TYPE_DISGUISED},
	{BYTES("ID;PWXL;N;E\nC;X1;Y1;E1\n"), "csv", VERDICT_DENIED,
	    REASON_TYPE_DISGUISED},
	{BYTES("<script>x</script>"), "txt", VERDICT_DENIED,
	    REASON_TYPE_DISGUISED},
	{BYTES("{\\rtf1 x}"), "doc", VERDICT_DENIED, REASON_TYPE_DISGUISED},
	{BYTES("{\\rtf1 x}"), "txt", VERDICT_DENIED, REASON_TYPE_DISGUISED},
	{BYTES("text"), "pdf", VERDICT_DENIED, REASON_TYPE_DISGUISED},
	{BYTES("text"), "json", VERDICT_DENIED, REASON_TYPE_DISGUISED},
	{BYTES("text"), "xyz", VERDICT_NOT_SCANNED, REASON_TYPE_UNKNOWN},
	{BYTES("BZh91AY&SY\0\0"), "bz2", VERDICT_NOT_SCANNED,
	    REASON_TYPE_UNKNOWN},
	{"", 0, "pdf", VERDICT_NOT_SCANNED, REASON_BAD_STRUCTURE},
	{BYTES("\0\0\0\0\0\0"), "dat", VERDICT_NOT_SCANNED,
	    REASON_CONTROL_CHARS},
	/* one file in another */
	{BYTES("GIF89a\0\0\0\0\0\0\0<script>\0\x3b"), "gif", VERDICT_DENIED,
	    REASON_TYPE_POLYGLOT},
	{BYTES("\x89PNG\r\n\x1a\n%PDF-1.4"), "png", VERDICT_DENIED,
	    REASON_TYPE_POLYGLOT},
	{BYTES("junk\0\1%PDF-1.4\n\x80"), "pdf", VERDICT_DENIED,
	    REASON_TYPE_POLYGLOT},
	{BYTES("\xff\xd8\xff\xe0\0\x10" "cut"), "jpg", VERDICT_NOT_SCANNED,
	    REASON_BAD_STRUCTURE},
};

START_TEST(test_odd)
{
	struct judgement j = look(odd[_i].bytes, odd[_i].len, odd[_i].ext,
	    ALL);

	ck_assert_msg(j.verdict == odd[_i].verdict &&
	    j.reason == odd[_i].reason, "row %d: %d %s %s", _i, j.verdict,
	    reason_code(j.reason), j.detail);
}
END_TEST

/* --- zip ------------------------------------------------------------------------------ */

#define NAMES(...) (const char *const[]){__VA_ARGS__, NULL}

START_TEST(test_office)
{
	sample_zip_of(&made, NAMES("[Content_Types].xml", "_rels/.rels",
	    "word/document.xml"));
	CLEAN("docx", TYPE_DOCX);
	CLEAN("docm", TYPE_OOXML_MACRO);
	DENIED("xlsx", TYPE_DISGUISED, TYPE_DOCX);
	DENIED("xlsm", TYPE_DISGUISED, TYPE_OOXML_MACRO);
	DENIED("zip", TYPE_DISGUISED, TYPE_DOCX);
	buf_reset(&made);
	sample_zip_of(&made, NAMES("[Content_Types].xml", "xl/workbook.xml",
	    "xl/worksheets/sheet1.xml"));
	CLEAN("xlsx", TYPE_XLSX);
	buf_reset(&made);
	sample_zip_of(&made, NAMES("[Content_Types].xml",
	    "ppt/presentation.xml"));
	CLEAN("pptx", TYPE_PPTX);
	buf_reset(&made);
	sample_zip_of(&made, NAMES("[Content_Types].xml", "xl/workbook.xml",
	    "xl/vbaProject.bin"));
	CLEAN("xlsm", TYPE_OOXML_MACRO);
	DENIED("xlsx", TYPE_DISGUISED, TYPE_OOXML_MACRO);
	buf_reset(&made);
	sample_zip_of(&made, NAMES("[Content_Types].xml", "xl/workbook.xml",
	    "xl/macrosheets/sheet1.xml"));
	DENIED("xlsx", TYPE_DISGUISED, TYPE_OOXML_MACRO);
	buf_reset(&made);
	sample_zip_of(&made, NAMES("[Content_Types].xml",
	    "xl/workbook.bin"));
	HELD("xlsb", TYPE_UNKNOWN, TYPE_UNKNOWN);
}
END_TEST

START_TEST(test_odf)
{
	static const struct {
		const char *mime, *ext;
		enum policy_type type;
	} rows[] = {
		{"application/vnd.oasis.opendocument.text", "odt", TYPE_ODT},
		{"application/vnd.oasis.opendocument.spreadsheet", "ods",
		    TYPE_ODS},
		{"application/vnd.oasis.opendocument.presentation", "odp",
		    TYPE_ODP},
	};
	struct sample_zip z;
	size_t i;

	for (i = 0; i < 3; i++) {
		buf_reset(&made);
		sample_zip_begin(&z, &made);
		sample_zip_add(&z, "mimetype", rows[i].mime,
		    strlen(rows[i].mime));
		sample_zip_add(&z, "content.xml", "<x/>", 4);
		sample_zip_end(&z, "");
		CLEAN(rows[i].ext, rows[i].type);
		DENIED("docx", TYPE_DISGUISED, rows[i].type);
	}
}
END_TEST

START_TEST(test_zip)
{
	struct sample_zip z;

	sample_zip_of(&made, NAMES("a.txt", "b/c.csv"));
	CLEAN("zip", TYPE_ZIP);
	DENIED("docx", TYPE_DISGUISED, TYPE_ZIP);
	buf_reset(&made);
	sample_zip_of(&made, NAMES("a.txt", "b/setup.EXE"));
	DENIED("zip", TYPE_EXECUTABLE, TYPE_ZIP);
	buf_reset(&made);
	sample_zip_of(&made, NAMES("META-INF/MANIFEST.MF", "a/B.class"));
	DENIED("jar", TYPE_EXECUTABLE, TYPE_EXECUTABLE);
	DENIED("zip", TYPE_DISGUISED, TYPE_EXECUTABLE);
	buf_reset(&made);
	sample_zip_of(&made, NAMES("AndroidManifest.xml", "classes.dex"));
	DENIED("apk", TYPE_EXECUTABLE, TYPE_EXECUTABLE);
	buf_reset(&made);
	sample_zip_begin(&z, &made);
	z.is_encrypted = true;
	sample_zip_add(&z, "a.txt", "xxxxxxxxxxxxtext", 16);
	sample_zip_end(&z, "");
	HELD("zip", NOT_SCANNED_ENCRYPTED, TYPE_ZIP);
	buf_reset(&made);
	sample_zip_begin(&z, &made);
	sample_zip_end(&z, "an empty one");
	CLEAN("zip", TYPE_ZIP);
}
END_TEST

START_TEST(test_zip_broken)
{
	size_t i;

	sample_zip_of(&made, NAMES("a.txt", "b.txt"));
	buf_put_str(&made, "more");
	HELD("zip", BAD_HIDDEN, TYPE_ZIP);
	/* Truncated anywhere it is no zip. */
	buf_reset(&made);
	sample_zip_of(&made, NAMES("a.txt", "b.txt"));
	for (i = 4; i < made.len; i++)
		ck_assert_int_ne(look(made.data, i, "zip", ALL).verdict,
		    VERDICT_CLEAN);
	/* The local name differs from the directory's. */
	made.data[30] ^= 1;
	HELD("zip", BAD_STRUCTURE, TYPE_ZIP);
	/* A prefix: a program before the zip, or plain bytes. */
	buf_reset(&made);
	sample_pe(&made);
	sample_zip_of(&made, NAMES("a.txt"));
	DENIED("zip", TYPE_DISGUISED, TYPE_EXECUTABLE);
	buf_reset(&made);
	buf_put(&made, "PK\3\4", 4);
	buf_put_zero(&made, 40);
	sample_zip_of(&made, NAMES("a.txt"));
	DENIED("zip", TYPE_POLYGLOT, TYPE_ZIP);
}
END_TEST

/* Two directory entries on one member: the overlapping bomb. */
START_TEST(test_zip_overlap)
{
	struct sample_zip z;
	size_t central;

	sample_zip_begin(&z, &made);
	sample_zip_add(&z, "a.txt", "text", 4);
	sample_zip_add(&z, "a.txt", "text", 4);
	central = made.len;
	sample_zip_end(&z, "");
	memset(made.data + central + 46 + 5 + 42, 0, 4);
	HELD("zip", BAD_STRUCTURE, TYPE_ZIP);
}
END_TEST

/* --- CFB ------------------------------------------------------------------------------ */

static const uint8_t msi_class[16] = {
	0x84, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46,
};

START_TEST(test_cfb)
{
	static const struct {
		const char *stream, *ext;
		enum policy_type type;
	} rows[] = {
		{"WordDocument", "doc", TYPE_DOC},
		{"Workbook", "xls", TYPE_XLS},
		{"Book", "xls", TYPE_XLS},
		{"PowerPoint Document", "ppt", TYPE_PPT},
		{"__properties_version1.0", "msg", TYPE_MSG},
		{"\4JSRV_SegmentInformation", "jtd", TYPE_JTD},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_reset(&made);
		sample_cfb(&made, NAMES("x", "y", "z", "a", "b",
		    rows[i].stream), NULL);
		CLEAN(rows[i].ext, rows[i].type);
		DENIED("pdf", TYPE_DISGUISED, rows[i].type);
	}
	buf_reset(&made);
	sample_cfb(&made, NAMES("EncryptionInfo", "EncryptedPackage"), NULL);
	HELD("xlsx", NOT_SCANNED_ENCRYPTED, TYPE_UNKNOWN);
	buf_reset(&made);
	sample_cfb(&made, NAMES("other"), NULL);
	HELD("doc", TYPE_UNKNOWN, TYPE_UNKNOWN);
	buf_reset(&made);
	sample_cfb(&made, NAMES("other"), msi_class);
	DENIED("msi", TYPE_EXECUTABLE, TYPE_EXECUTABLE);
	DENIED("doc", TYPE_DISGUISED, TYPE_EXECUTABLE);
}
END_TEST

START_TEST(test_cfb_broken)
{
	size_t i;

	sample_cfb(&made, NAMES("WordDocument"), NULL);
	for (i = 8; i < made.len; i += 7)
		ck_assert_int_ne(look(made.data, i, "doc", ALL).verdict,
		    VERDICT_CLEAN);
	/* A directory that never ends. */
	made.data[512 + 16] = 1;
	made.data[512 + 17] = made.data[512 + 18] = made.data[512 + 19] = 0;
	HELD("doc", BAD_STRUCTURE, TYPE_UNKNOWN);
}
END_TEST

/* --- pictures, PDF --------------------------------------------------------------------- */

static const struct {
	void (*make)(struct buf *);
	const char *ext;
	enum policy_type type;
} pictures[] = {
	{sample_png, "png", TYPE_PNG},
	{sample_jpeg, "jpg", TYPE_JPEG},
	{sample_gif, "gif", TYPE_GIF},
	{sample_pdf, "pdf", TYPE_PDF},
};

START_TEST(test_pictures)
{
	static const char *const behind[] = {
		"\0\0PK\3\4", "%PDF-1.4", "<script>x</script>",
		"Rar!\x1a\x07", "<?php x",
	};
	const char *ext = pictures[_i].ext;
	size_t i, len;

	pictures[_i].make(&made);
	len = made.len;
	CLEAN(ext, pictures[_i].type);
	/* A little behind the end is what cameras leave. */
	buf_put_zero(&made, 100);
	CLEAN(ext, pictures[_i].type);
	sample_zip_of(&made, NAMES("a.txt"));
	DENIED(ext, TYPE_POLYGLOT, pictures[_i].type);
	if (pictures[_i].type == TYPE_PDF)
		return;
	for (i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
		made.len = len;
		buf_put(&made, behind[i], i == 0 ? 6 : strlen(behind[i]));
		DENIED(ext, TYPE_POLYGLOT, pictures[_i].type);
	}
	made.len = len;
	sample_pe(&made);
	DENIED(ext, TYPE_POLYGLOT, pictures[_i].type);
	/* Without its end it is broken. */
	made.len = len - 2;
	HELD(ext, BAD_STRUCTURE, pictures[_i].type);
}
END_TEST

START_TEST(test_pdf_mark)
{
	buf_put_str(&made, "\xef\xbb\xbf\r\n");
	sample_pdf(&made);
	CLEAN("pdf", TYPE_PDF);
}
END_TEST

START_TEST(test_tar)
{
	sample_tar(&made);
	CLEAN("tar", TYPE_TAR);
	/* As old programs wrote it. */
	memset(made.data + 257, 0, 8);
	memcpy(made.data + 148, "        ", 8);
	{
		unsigned sum = 0;
		size_t i;

		for (i = 0; i < 512; i++)
			sum += made.data[i];
		snprintf((char *)made.data + 148, 8, "%06o", sum);
	}
	CLEAN("tar", TYPE_TAR);
}
END_TEST

START_TEST(test_dbf)
{
	uint8_t head[66] = {3, 124, 4, 1, 2, 0, 0, 0, 65, 0, 5, 0};

	head[32] = 'A';
	head[43] = 'C';
	head[48] = 4;
	head[64] = '\r';
	head[65] = ' ';
	buf_put(&made, head, 66);
	buf_put_str(&made, "abcd efgh\x1a");
	CLEAN("dbf", TYPE_DBF);
}
END_TEST

/* --- an outside corpus ------------------------------------------------------------------- */

static void
corpus_file(const char *path, const char *ext, int *counts)
{
	struct judgement j;
	struct stat st;
	uint8_t *data;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(fstat(fd, &st), 0);
	data = mem_alloc((size_t)st.st_size + 1);
	n = read(fd, data, (size_t)st.st_size);
	close(fd);
	j = look(data, (size_t)n, ext, ALL);
	mem_free(data);
	counts[j.verdict]++;
	if (getenv("GW_CORPUS_LIST") != NULL && j.verdict != VERDICT_CLEAN)
		printf("%s\t%s\t%s\t%s\n", path, reason_code(j.reason),
		    policy_type_name(j.type), j.detail);
	ck_assert(j.verdict == VERDICT_CLEAN || j.reason != REASON_NONE);
}

static void
corpus_folder(const char *top, const char *format, int *counts)
{
	char path[8192];
	struct dirent *entry;
	const char *dot;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", top, format);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		dot = strrchr(entry->d_name, '.');
		snprintf(path, sizeof(path), "%s/%s/%s", top, format,
		    entry->d_name);
		corpus_file(path, dot == NULL ? "" : dot + 1, counts);
	}
	closedir(dir);
}

START_TEST(test_corpus)
{
	static const char *const sets[] = {"benign", "malicious"};
	const char *corpus = getenv("GW_CORPUS");
	struct dirent *entry;
	char top[4000];
	int set;
	DIR *dir;

	for (set = 0; corpus != NULL && set < 2; set++) {
		snprintf(top, sizeof(top), "%s/%s", corpus, sets[set]);
		dir = opendir(top);
		ck_assert_ptr_nonnull(dir);
		while ((entry = readdir(dir)) != NULL) {
			int counts[8] = {0};

			if (entry->d_name[0] == '.')
				continue;
			corpus_folder(top, entry->d_name, counts);
			printf("%s %s: %d clean, %d denied, %d held\n",
			    sets[set], entry->d_name, counts[VERDICT_CLEAN],
			    counts[VERDICT_DENIED],
			    counts[VERDICT_NOT_SCANNED]);
		}
		closedir(dir);
	}
}
END_TEST

#define LOOP(test, rows) \
	tcase_add_loop_test(tc, test, 0, \
	    (int)(sizeof(rows) / sizeof((rows)[0])))

static Suite *
suite(void)
{
	Suite *s = suite_create("identify");
	TCase *tc = tcase_create("identify");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 300);
	LOOP(test_honest, honest);
	LOOP(test_programs, programs);
	tcase_add_test(tc, test_pe);
	tcase_add_test(tc, test_iso);
	LOOP(test_program_extension, program_exts);
	LOOP(test_odd, odd);
	tcase_add_test(tc, test_office);
	tcase_add_test(tc, test_odf);
	tcase_add_test(tc, test_zip);
	tcase_add_test(tc, test_zip_broken);
	tcase_add_test(tc, test_zip_overlap);
	tcase_add_test(tc, test_cfb);
	tcase_add_test(tc, test_cfb_broken);
	LOOP(test_pictures, pictures);
	tcase_add_test(tc, test_pdf_mark);
	tcase_add_test(tc, test_tar);
	tcase_add_test(tc, test_dbf);
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
