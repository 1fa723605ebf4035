/* SPDX-License-Identifier: ISC */
#include <string.h>

#include <magic.h>

#include "base/log.h"

#include "scanners/identify/kind.h"

static magic_t mime_magic;

#define ZIP_TYPES                                                       \
	(TYPE_BIT(TYPE_ZIP) | TYPE_BIT(TYPE_DOCX) |                     \
	    TYPE_BIT(TYPE_XLSX) | TYPE_BIT(TYPE_PPTX) |                 \
	    TYPE_BIT(TYPE_OOXML_MACRO) | TYPE_BIT(TYPE_ODT) |           \
	    TYPE_BIT(TYPE_ODS) | TYPE_BIT(TYPE_ODP) |                   \
	    TYPE_BIT(TYPE_EXECUTABLE))
#define CFB_TYPES                                                       \
	(TYPE_BIT(TYPE_DOC) | TYPE_BIT(TYPE_XLS) | TYPE_BIT(TYPE_PPT) |    \
	    TYPE_BIT(TYPE_MSG) | TYPE_BIT(TYPE_JTD) |                   \
	    TYPE_BIT(TYPE_EXECUTABLE))
#define SOUND_TYPES (TYPE_BIT(TYPE_AUDIO) | TYPE_BIT(TYPE_VIDEO))

/* First prefix that fits counts; what is not here says nothing. */
static const struct {
	const char *prefix;
	uint64_t types;
} mime_rows[] = {
	{"application/pdf", TYPE_BIT(TYPE_PDF)},
	{"application/zip", ZIP_TYPES},
	{"application/java-archive", TYPE_BIT(TYPE_EXECUTABLE)},
	{"application/vnd.openxmlformats", ZIP_TYPES & ~TYPE_BIT(TYPE_ZIP)},
	{"application/vnd.oasis.opendocument", TYPE_BIT(TYPE_ODT) |
	    TYPE_BIT(TYPE_ODS) | TYPE_BIT(TYPE_ODP)},
	{"application/msword", CFB_TYPES},
	{"application/vnd.ms-excel", CFB_TYPES},
	{"application/vnd.ms-powerpoint", CFB_TYPES},
	{"application/vnd.ms-office", CFB_TYPES},
	{"application/vnd.ms-outlook", CFB_TYPES},
	{"application/CDFV2", CFB_TYPES},
	{"application/x-ole-storage", CFB_TYPES},
	{"application/vnd.ms-msi", TYPE_BIT(TYPE_EXECUTABLE)},
	{"application/x-msi", TYPE_BIT(TYPE_EXECUTABLE)},
	{"image/jpeg", TYPE_BIT(TYPE_JPEG)},
	{"image/png", TYPE_BIT(TYPE_PNG)},
	{"image/apng", TYPE_BIT(TYPE_PNG)},
	{"image/gif", TYPE_BIT(TYPE_GIF)},
	{"image/tiff", TYPE_BIT(TYPE_TIFF)},
	{"image/webp", TYPE_BIT(TYPE_WEBP)},
	{"image/bmp", TYPE_BIT(TYPE_BMP)},
	{"image/x-ms-bmp", TYPE_BIT(TYPE_BMP)},
	{"image/heic", TYPE_BIT(TYPE_HEIC)},
	{"image/heif", TYPE_BIT(TYPE_HEIC)},
	{"image/avif", TYPE_BIT(TYPE_HEIC)},
	{"image/vnd.dwg", TYPE_BIT(TYPE_DWG)},
	{"image/emf", TYPE_BIT(TYPE_METAFILE)},
	{"image/wmf", TYPE_BIT(TYPE_METAFILE)},
	{"application/x-7z-compressed", TYPE_BIT(TYPE_7Z)},
	{"application/x-lzh", TYPE_BIT(TYPE_LZH)},
	{"application/x-lha", TYPE_BIT(TYPE_LZH)},
	{"application/x-tar", TYPE_BIT(TYPE_TAR)},
	{"application/gzip", TYPE_BIT(TYPE_GZIP)},
	{"application/vnd.ms-cab", TYPE_BIT(TYPE_CAB)},
	{"application/x-rar", TYPE_BIT(TYPE_RAR)},
	{"application/x-dbf", TYPE_BIT(TYPE_DBF)},
	{"audio/", SOUND_TYPES},
	{"video/", SOUND_TYPES},
	{"application/x-dosexec", TYPE_BIT(TYPE_EXECUTABLE)},
	{"application/vnd.microsoft.portable", TYPE_BIT(TYPE_EXECUTABLE)},
	{"application/x-executable", TYPE_BIT(TYPE_EXECUTABLE)},
	{"application/x-pie-executable", TYPE_BIT(TYPE_EXECUTABLE)},
	{"application/x-sharedlib", TYPE_BIT(TYPE_EXECUTABLE)},
	{"application/x-object", TYPE_BIT(TYPE_EXECUTABLE)},
	{"application/x-mach-binary", TYPE_BIT(TYPE_EXECUTABLE)},
	{"application/x-java-applet", TYPE_BIT(TYPE_EXECUTABLE)},
	{"application/x-ms-shortcut", TYPE_BIT(TYPE_EXECUTABLE)},
	{"application/x-iso9660-image", TYPE_BIT(TYPE_EXECUTABLE)},
	{"application/x-shockwave-flash", TYPE_BIT(TYPE_EXECUTABLE)},
	{"application/vnd.debian.binary", TYPE_BIT(TYPE_EXECUTABLE)},
	{"application/x-rpm", TYPE_BIT(TYPE_EXECUTABLE)},
};

void
mime_prepare(void)
{
	if (mime_magic != NULL)
		return;
	mime_magic = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS |
	    MAGIC_NO_CHECK_TEXT | MAGIC_NO_CHECK_CSV |
	    MAGIC_NO_CHECK_TOKENS | MAGIC_NO_CHECK_ENCODING |
	    MAGIC_NO_CHECK_JSON);
	if (mime_magic == NULL || magic_load(mime_magic, NULL) != 0)
		log_fatal("libmagic: %s", mime_magic == NULL ? "no memory" :
		    magic_error(mime_magic));
}

const char *
mime_of(const void *data, size_t len)
{
	return magic_buffer(mime_magic, data, len);
}

int
mime_agrees(enum policy_type type, const char *mime)
{
	size_t i;

	if (mime == NULL)
		return -1;
	for (i = 0; i < sizeof(mime_rows) / sizeof(mime_rows[0]); i++) {
		if (strncmp(mime, mime_rows[i].prefix,
		    strlen(mime_rows[i].prefix)) == 0)
			return (mime_rows[i].types & TYPE_BIT(type)) != 0;
	}
	return -1;
}
