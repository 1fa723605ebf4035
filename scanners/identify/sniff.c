/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "scanners/identify/kind.h"

struct sniff_rule {
	uint16_t off;
	uint8_t len;
	const char *bytes;
	enum policy_type type;
	const char *what;
};

#define RULE(off, bytes, type, what) {off, sizeof(bytes) - 1, bytes, type, what}

/* First match counts. */
static const struct sniff_rule sniff_rules[] = {
	RULE(0, "\x7f" "ELF", TYPE_EXECUTABLE, "ELF"),
	RULE(0, "\xfe\xed\xfa\xce", TYPE_EXECUTABLE, "Mach-O"),
	RULE(0, "\xfe\xed\xfa\xcf", TYPE_EXECUTABLE, "Mach-O"),
	RULE(0, "\xce\xfa\xed\xfe", TYPE_EXECUTABLE, "Mach-O"),
	RULE(0, "\xcf\xfa\xed\xfe", TYPE_EXECUTABLE, "Mach-O"),
	RULE(0, "\xca\xfe\xba\xbe", TYPE_EXECUTABLE, "Java class"),
	RULE(0, "\xca\xfe\xd0\x0d", TYPE_EXECUTABLE, "Java pack"),
	RULE(0, "dex\n", TYPE_EXECUTABLE, "dex"),
	RULE(0, "\0asm", TYPE_EXECUTABLE, "WebAssembly"),
	RULE(0, "L\0\0\0\x01\x14\x02\0", TYPE_EXECUTABLE, "lnk"),
	RULE(0, "ITSF", TYPE_EXECUTABLE, "chm"),
	RULE(0, "?_\x03\0", TYPE_EXECUTABLE, "hlp"),
	RULE(0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29"
	    "\x96\xd3", TYPE_EXECUTABLE, "OneNote"),
	RULE(32769, "CD001", TYPE_EXECUTABLE, "ISO image"),
	RULE(32769, "BEA01", TYPE_EXECUTABLE, "UDF image"),
	RULE(0, "vhdxfile", TYPE_EXECUTABLE, "disk image"),
	RULE(0, "conectix", TYPE_EXECUTABLE, "disk image"),
	RULE(0, "KDMV", TYPE_EXECUTABLE, "disk image"),
	RULE(0, "QFI\xfb", TYPE_EXECUTABLE, "disk image"),
	RULE(0, "FWS", TYPE_EXECUTABLE, "Flash"),
	RULE(0, "CWS", TYPE_EXECUTABLE, "Flash"),
	RULE(0, "ZWS", TYPE_EXECUTABLE, "Flash"),
	RULE(0, "!<arch>\n", TYPE_EXECUTABLE, "ar"),
	RULE(0, "\xed\xab\xee\xdb", TYPE_EXECUTABLE, "rpm"),
	RULE(0, "xar!", TYPE_EXECUTABLE, "xar"),
	RULE(0, "Cr24", TYPE_EXECUTABLE, "browser extension"),

	RULE(0, "%PDF-", TYPE_PDF, "PDF"),
	RULE(0, "PK\x03\x04", TYPE_ZIP, "zip"),
	RULE(0, "PK\x05\x06", TYPE_ZIP, "zip"),
	RULE(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", TYPE_DOC, "CFB"),
	RULE(0, "\xff\xd8\xff", TYPE_JPEG, "JPEG"),
	RULE(0, "\x89PNG\r\n\x1a\n", TYPE_PNG, "PNG"),
	RULE(0, "GIF87a", TYPE_GIF, "GIF"),
	RULE(0, "GIF89a", TYPE_GIF, "GIF"),
	RULE(0, "II*\0", TYPE_TIFF, "TIFF"),
	RULE(0, "MM\0*", TYPE_TIFF, "TIFF"),
	RULE(0, "II+\0", TYPE_TIFF, "BigTIFF"),
	RULE(0, "MM\0+", TYPE_TIFF, "BigTIFF"),
	RULE(40, " EMF", TYPE_METAFILE, "EMF"),
	RULE(0, "\xd7\xcd\xc6\x9a\0\0", TYPE_METAFILE, "WMF"),
	RULE(0, "\x01\0\x09\0\0\x03", TYPE_METAFILE, "WMF"),
	RULE(0, "7z\xbc\xaf\x27\x1c", TYPE_7Z, "7z"),
	RULE(0, "Rar!\x1a\x07", TYPE_RAR, "rar"),
	RULE(0, "\x1f\x8b\x08", TYPE_GZIP, "gzip"),
	RULE(0, "MSCF\0\0\0\0", TYPE_CAB, "cab"),
	RULE(257, "ustar", TYPE_TAR, "tar"),
	RULE(0, "JwwData.", TYPE_JWW, "JWW"),
	RULE(0, "AutoCAD Binary DXF\r\n\x1a\0", TYPE_DXF, "binary DXF"),
	RULE(0, "ID3", TYPE_AUDIO, "MP3"),
	RULE(0, "fLaC", TYPE_AUDIO, "FLAC"),
	RULE(0, "OggS", TYPE_AUDIO, "Ogg"),
	RULE(0, "\x1a\x45\xdf\xa3", TYPE_VIDEO, "Matroska"),
	RULE(0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", TYPE_VIDEO, "ASF"),

	/* Known, but of no type that a flow can accept. */
	RULE(0, "BZh", TYPE_UNKNOWN, "bzip2"),
	RULE(0, "\xfd" "7zXZ\0", TYPE_UNKNOWN, "xz"),
	RULE(0, "\x28\xb5\x2f\xfd", TYPE_UNKNOWN, "zstd"),
	RULE(0, "\x1f\x9d", TYPE_UNKNOWN, "compress"),
	RULE(0, "\x1f\xa0", TYPE_UNKNOWN, "compress"),
	RULE(0, "LZIP", TYPE_UNKNOWN, "lzip"),
	RULE(0, "070701", TYPE_UNKNOWN, "cpio"),
	RULE(0, "070707", TYPE_UNKNOWN, "cpio"),
	RULE(0, "\0\0\x01\0", TYPE_UNKNOWN, "icon"),
	RULE(0, "8BPS", TYPE_UNKNOWN, "Photoshop"),
	RULE(0, "\0\0\0\x0cjP  \r\n\x87\n", TYPE_UNKNOWN, "JPEG 2000"),
	RULE(0, "\xff\x4f\xff\x51", TYPE_UNKNOWN, "JPEG 2000"),
	RULE(0, "%!PS", TYPE_UNKNOWN, "PostScript"),
	RULE(0, "\xc5\xd0\xd3\xc6", TYPE_UNKNOWN, "PostScript"),
	RULE(0, "\0\x01\0\0Standard Jet DB", TYPE_UNKNOWN, "Access"),
	RULE(0, "\0\x01\0\0Standard ACE DB", TYPE_UNKNOWN, "Access"),
	RULE(0, "SQLite format 3\0", TYPE_UNKNOWN, "SQLite"),
};

static bool
sniff_table(const struct source *s, struct kind *out)
{
	const struct sniff_rule *rule;
	size_t i;

	for (i = 0; i < sizeof(sniff_rules) / sizeof(sniff_rules[0]); i++) {
		rule = &sniff_rules[i];
		if (!source_is(s, rule->off, rule->bytes, rule->len))
			continue;
		out->type = rule->type;
		out->what = rule->what;
		return true;
	}
	return false;
}

static bool
sniff_set(struct kind *out, enum policy_type type, const char *what)
{
	out->type = type;
	out->what = what;
	return true;
}

/* DOS and Windows programs; "MZ" alone may begin a text. */
static bool
sniff_mz(const struct source *s, struct kind *out)
{
	uint32_t pe;

	if (!source_is(s, 0, "MZ", 2) && !source_is(s, 0, "ZM", 2))
		return false;
	if (s->head_len >= 64) {
		pe = source_le32(s->head + 60);
		if (source_is(s, pe, "PE\0\0", 4) ||
		    source_is(s, pe, "NE", 2) || source_is(s, pe, "LE", 2) ||
		    source_is(s, pe, "LX", 2))
			return sniff_set(out, TYPE_EXECUTABLE, "PE");
	}
	/* A header of paragraphs and relocations: no text has zeros there. */
	if (memchr(s->head, 0, s->head_len < 64 ? s->head_len : 64) != NULL)
		return sniff_set(out, TYPE_EXECUTABLE, "MZ");
	return false;
}

static bool
sniff_riff(const struct source *s, struct kind *out)
{
	if (!source_is(s, 0, "RIFF", 4) && !source_is(s, 0, "RIFX", 4))
		return false;
	if (source_is(s, 8, "WEBP", 4))
		return sniff_set(out, TYPE_WEBP, "WebP");
	if (source_is(s, 8, "WAVE", 4))
		return sniff_set(out, TYPE_AUDIO, "WAV");
	if (source_is(s, 8, "AVI ", 4))
		return sniff_set(out, TYPE_VIDEO, "AVI");
	return sniff_set(out, TYPE_UNKNOWN, "RIFF");
}

/* A brand of a still image or an image sequence. */
static bool
sniff_is_image_brand(const uint8_t *brand)
{
	static const char images[][5] = {
		"heic", "heix", "hevc", "hevx", "heim", "heis", "hevm",
		"hevs", "mif1", "mif2", "mif3", "msf1", "avif", "avis", "miaf",
		"avci", "avcs", "jpeg", "jpgs", "1pic", "unif",
	};
	size_t i;

	for (i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		if (memcmp(brand, images[i], 4) == 0)
			return true;
	}
	return false;
}

static bool
sniff_bmff(const struct source *s, struct kind *out)
{
	size_t at, len;

	if (source_is(s, 4, "moov", 4) || source_is(s, 4, "mdat", 4) ||
	    source_is(s, 4, "wide", 4))
		return sniff_set(out, TYPE_VIDEO, "QuickTime");
	if (!source_is(s, 4, "ftyp", 4) || s->head_len < 16)
		return false;
	if (source_is(s, 8, "M4A", 3) || source_is(s, 8, "M4B", 3))
		return sniff_set(out, TYPE_AUDIO, "M4A");
	if (sniff_is_image_brand(s->head + 8))
		return sniff_set(out, TYPE_HEIC, "HEIF");
	/* A main brand of no meaning: those it is compatible with. */
	len = source_be32(s->head);
	if (len > s->head_len)
		len = s->head_len;
	for (at = 16; at + 4 <= len; at += 4) {
		if (sniff_is_image_brand(s->head + at))
			return sniff_set(out, TYPE_HEIC, "HEIF");
	}
	return sniff_set(out, TYPE_VIDEO, "MP4");
}

static bool
sniff_bmp(const struct source *s, struct kind *out)
{
	uint32_t dib;

	if (!source_is(s, 0, "BM", 2) || s->head_len < 26)
		return false;
	dib = source_le32(s->head + 14);
	if (dib != 12 && dib != 16 && dib != 40 && dib != 52 && dib != 56 &&
	    dib != 64 && dib != 108 && dib != 124)
		return false;
	return sniff_set(out, TYPE_BMP, "BMP");
}

static bool
sniff_lzh(const struct source *s, struct kind *out)
{
	static const char kinds[] = "01234567dsxz";

	if (s->head_len < 21 || s->head[2] != '-' || s->head[3] != 'l' ||
	    (s->head[4] != 'h' && s->head[4] != 'z') || s->head[6] != '-' ||
	    memchr(kinds, s->head[5], sizeof(kinds) - 1) == NULL)
		return false;
	/* Level of the header. */
	if (s->head[20] > 3)
		return false;
	return sniff_set(out, TYPE_LZH, "LZH");
}

/* Archives of the time before "ustar": by their checksum. */
static bool
sniff_old_tar(const struct source *s, struct kind *out)
{
	unsigned long sum = 0, told = 0;
	size_t i;

	if (s->head_len < 512 || s->head[0] == 0)
		return false;
	for (i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? ' ' : s->head[i];
	for (i = 148; i < 156; i++) {
		if (s->head[i] >= '0' && s->head[i] <= '7')
			told = told * 8 + (s->head[i] - (unsigned)'0');
		else if (s->head[i] != ' ' && s->head[i] != 0)
			return false;
	}
	if (told == 0 || sum != told)
		return false;
	return sniff_set(out, TYPE_TAR, "tar");
}

static bool
sniff_dwg(const struct source *s, struct kind *out)
{
	size_t i;

	if (!source_is(s, 0, "AC10", 4) || s->head_len < 16)
		return false;
	for (i = 4; i < 6; i++) {
		if (s->head[i] < '0' || s->head[i] > '9')
			return false;
	}
	if (s->head[6] != 0 && s->head[6] != 'x')
		return false;
	return sniff_set(out, TYPE_DWG, "DWG");
}

/* dBASE and FoxPro: a date, and a header that ends with CR. */
static bool
sniff_dbf(const struct source *s, struct kind *out)
{
	static const uint8_t versions[] = {
		0x02, 0x03, 0x30, 0x31, 0x32, 0x43, 0x63, 0x83, 0x8b, 0xcb,
		0xf5, 0xfb,
	};
	uint32_t records;
	uint64_t want;
	uint16_t header, record;

	if (s->head_len < 66 ||
	    memchr(versions, s->head[0], sizeof(versions)) == NULL ||
	    s->head[2] == 0 || s->head[2] > 12 || s->head[3] == 0 ||
	    s->head[3] > 31)
		return false;
	records = source_le32(s->head + 4);
	header = source_le16(s->head + 8);
	record = source_le16(s->head + 10);
	if (header < 65 || record == 0 || header > s->size ||
	    header > s->head_len)
		return false;
	want = header + (uint64_t)records * record;
	if (s->size < want || s->size > want + 1)
		return false;
	if (memchr(s->head + 64, '\r', (size_t)header - 64) == NULL)
		return false;
	return sniff_set(out, TYPE_DBF, "DBF");
}

static bool
sniff_mp3(const struct source *s, struct kind *out)
{
	/* A frame header: sync, layer III, a bit rate and sample rate. */
	if (s->head_len < 4 || s->head[0] != 0xff ||
	    (s->head[1] & 0xe6) != 0xe2 || (s->head[1] & 0x18) == 0x08 ||
	    (s->head[2] & 0xf0) == 0xf0 || (s->head[2] & 0x0c) == 0x0c ||
	    (s->head[2] & 0xf0) == 0)
		return false;
	return sniff_set(out, TYPE_AUDIO, "MP3");
}

bool
sniff(struct source *s, struct kind *out)
{
	static bool (*const rules[])(const struct source *, struct kind *) = {
		sniff_table, sniff_mz, sniff_riff, sniff_bmff, sniff_bmp,
		sniff_lzh, sniff_dwg, sniff_dbf, sniff_mp3, sniff_old_tar,
	};
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i](s, out))
			return true;
	}
	return false;
}

/* --- inside other files ------------------------------------------------------ */

static const struct {
	const char *bytes;
	size_t len;
	const char *what;
} sniff_inside[] = {
	{"PK\x03\x04", 4, "zip"},
	{"PK\x05\x06", 4, "zip"},
	{"Rar!\x1a\x07", 6, "rar"},
	{"7z\xbc\xaf\x27\x1c", 6, "7z"},
	{"%PDF-", 5, "PDF"},
	{"\x7f" "ELF", 4, "ELF"},
	{"MSCF\0\0\0\0", 8, "cab"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8, "CFB"},
	{"This program cannot be run in DOS mode", 38, "PE"},
	{"This program must be run under Win", 34, "PE"},
	{"<script", 7, "script"},
	{"<SCRIPT", 7, "script"},
	{"<?php", 5, "PHP"},
	{"<html", 5, "HTML"},
	{"<HTML", 5, "HTML"},
	{"<hta:", 5, "HTA"},
	{"<HTA:", 5, "HTA"},
};

const char *
sniff_embedded(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(sniff_inside) / sizeof(sniff_inside[0]); i++) {
		if (memmem(p, len, sniff_inside[i].bytes,
		    sniff_inside[i].len) != NULL)
			return sniff_inside[i].what;
	}
	return NULL;
}
