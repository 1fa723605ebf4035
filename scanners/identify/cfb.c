/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <string.h>

#include "scanners/identify/kind.h"

#define CFB_HEADER 512u
#define CFB_ENTRY 128u
#define CFB_END 0xfffffffcu	/* this and above: no sector */

/* Sectors of the directory that are read: 32,768 names at least. */
#define CFB_DIRECTORY_MAX 8192u

/* Steps of the allocation table's own chain. */
#define CFB_TABLE_MAX 65536u

enum cfb_found {
	CFB_WORD = 1 << 0,
	CFB_EXCEL = 1 << 1,
	CFB_SLIDES = 1 << 2,
	CFB_MAIL = 1 << 3,
	CFB_ICHITARO = 1 << 4,
	CFB_ENCRYPTED = 1 << 5,
	CFB_INSTALLER = 1 << 6,
	CFB_OTHER = 1 << 7
};

struct cfb {
	struct source *source;
	uint32_t sector_len;
	unsigned found;
};

static const struct {
	const char *name;
	unsigned found;
} cfb_names[] = {
	{"worddocument", CFB_WORD},
	{"workbook", CFB_EXCEL},
	{"book", CFB_EXCEL},
	{"powerpoint document", CFB_SLIDES},
	{"__properties_version1.0", CFB_MAIL},
	{"__nameid_version1.0", CFB_MAIL},
	{"\4jsrv_segmentinformation", CFB_ICHITARO},
	{"jsrv_segmentinformation", CFB_ICHITARO},
	{"documenttext", CFB_ICHITARO},
	{"encryptedpackage", CFB_ENCRYPTED},
	{"visiodocument", CFB_OTHER},
	{"quill", CFB_OTHER},
	{"fileheader", CFB_OTHER},
};

/* Root storage of an installer, patch or transform. */
static const uint8_t cfb_installers[][16] = {
	{0x84, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46},
	{0x86, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46},
	{0x82, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46},
};

static uint64_t
cfb_sector_off(const struct cfb *c, uint32_t sector)
{
	return ((uint64_t)sector + 1) * c->sector_len;
}

static bool
cfb_get_u32(const struct cfb *c, uint64_t off, uint32_t *out)
{
	uint8_t bytes[4];

	if (!source_get(c->source, bytes, sizeof(bytes), off))
		return false;
	*out = source_le32(bytes);
	return true;
}

/* Which sector holds part n of the allocation table. */
static bool
cfb_table_sector(const struct cfb *c, uint32_t n, uint32_t *out)
{
	const uint32_t per = c->sector_len / 4 - 1;
	const uint8_t *head = c->source->head;
	uint32_t sector, steps;

	if (n < 109) {
		*out = source_le32(head + 76 + 4 * n);
		return *out < CFB_END;
	}
	n -= 109;
	sector = source_le32(head + 68);
	for (steps = 0; n >= per; n -= per) {
		if (sector >= CFB_END || ++steps > CFB_TABLE_MAX ||
		    !cfb_get_u32(c, cfb_sector_off(c, sector) + 4 *
		    (uint64_t)per, &sector))
			return false;
	}
	return sector < CFB_END &&
	    cfb_get_u32(c, cfb_sector_off(c, sector) + 4 * (uint64_t)n, out) &&
	    *out < CFB_END;
}

static bool
cfb_next_sector(const struct cfb *c, uint32_t sector, uint32_t *out)
{
	const uint32_t per = c->sector_len / 4;
	uint32_t table;

	return cfb_table_sector(c, sector / per, &table) &&
	    cfb_get_u32(c, cfb_sector_off(c, table) + 4 *
	    (uint64_t)(sector % per), out);
}

static void
cfb_note_entry(struct cfb *c, const uint8_t *entry)
{
	const uint16_t len = source_le16(entry + 64);
	char name[33] = "";
	size_t i;

	if (entry[66] == 0 || len < 2 || len > 64)
		return;
	for (i = 0; i < len / 2u - 1; i++)
		name[i] = entry[2 * i + 1] == 0 ?
		    (char)tolower(entry[2 * i]) : '?';
	for (i = 0; i < sizeof(cfb_names) / sizeof(cfb_names[0]); i++) {
		if (strcmp(name, cfb_names[i].name) == 0)
			c->found |= cfb_names[i].found;
	}
	/* The root entry has the class of the whole. */
	for (i = 0; entry[66] == 5 && i < 3; i++) {
		if (memcmp(entry + 80, cfb_installers[i], 16) == 0)
			c->found |= CFB_INSTALLER;
	}
}

static bool
cfb_read_directory(struct cfb *c)
{
	uint8_t sector[4096];
	uint32_t at = source_le32(c->source->head + 48);
	uint32_t count, i;

	for (count = 0; at < CFB_END; count++) {
		if (count == CFB_DIRECTORY_MAX || !source_get(c->source,
		    sector, c->sector_len, cfb_sector_off(c, at)))
			return false;
		for (i = 0; i < c->sector_len; i += CFB_ENTRY)
			cfb_note_entry(c, sector + i);
		if (!cfb_next_sector(c, at, &at))
			return false;
	}
	return count > 0;
}

static void
cfb_set(struct kind *out, enum policy_type type, const char *what)
{
	out->type = type;
	out->what = what;
}

/* Mail holds documents, documents hold each other: the outermost first. */
static void
cfb_judge(const struct cfb *c, struct kind *out)
{
	if ((c->found & CFB_INSTALLER) != 0) {
		cfb_set(out, TYPE_EXECUTABLE, "installer");
	} else if ((c->found & CFB_ENCRYPTED) != 0) {
		cfb_set(out, TYPE_UNKNOWN, "encrypted Office document");
		out->reason = REASON_NOT_SCANNED_ENCRYPTED;
		out->why = "Office document";
	} else if ((c->found & CFB_MAIL) != 0) {
		cfb_set(out, TYPE_MSG, "Outlook mail");
	} else if ((c->found & CFB_ICHITARO) != 0) {
		cfb_set(out, TYPE_JTD, "Ichitaro document");
	} else if ((c->found & CFB_SLIDES) != 0) {
		cfb_set(out, TYPE_PPT, "legacy PowerPoint");
	} else if ((c->found & CFB_WORD) != 0) {
		cfb_set(out, TYPE_DOC, "legacy Word document");
	} else if ((c->found & CFB_EXCEL) != 0) {
		cfb_set(out, TYPE_XLS, "legacy Excel workbook");
	} else {
		cfb_set(out, TYPE_UNKNOWN, "CFB");
	}
}

void
cfb_look(struct source *s, const char *ext, struct kind *out)
{
	struct cfb c = {.source = s};
	uint16_t shift;

	cfb_set(out, TYPE_UNKNOWN, "CFB");
	if (s->head_len < CFB_HEADER) {
		out->reason = REASON_BAD_STRUCTURE;
		out->why = "CFB header";
		return;
	}
	shift = source_le16(s->head + 30);
	c.sector_len = shift == 9 ? 512 : shift == 12 ? 4096 : 0;
	if (c.sector_len == 0 || !cfb_read_directory(&c)) {
		out->reason = REASON_BAD_STRUCTURE;
		out->why = "CFB directory";
		return;
	}
	cfb_judge(&c, out);
	/* Both in one: the extension says which program would open it. */
	if ((c.found & CFB_EXCEL) != 0 && out->type == TYPE_DOC &&
	    policy_type_has_ext(TYPE_XLS, ext))
		cfb_set(out, TYPE_XLS, "legacy Excel workbook");
}
