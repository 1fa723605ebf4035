/* SPDX-License-Identifier: ISC */
#include <string.h>
#include <strings.h>

#include "base/rd.h"
#include "proto/names/fold.h"
#include "proto/names/utf8.h"

#include "proto/names/names.h"

/* NFKC may lengthen a name: U+FDFA alone becomes 18 characters. */
#define FOLDED_MAX (MANIFEST_NAME_MAX * 18)
#define BLANKS_MAX 3	/* blanks before an extension that hide it */

/* What Windows runs on a double click. */
static const char *const runnable[] = {
	"ade", "adp", "app", "application", "appref-ms", "bat", "chm", "cmd",
	"com", "cpl", "dll", "exe", "gadget", "hta", "inf", "ins", "isp",
	"jar", "js", "jse", "lnk", "msc", "msi", "msp", "mst", "pif", "ps1",
	"psm1", "reg", "scf", "scr", "sct", "settingcontent-ms", "shb",
	"sys", "url", "vb", "vbe", "vbs", "ws", "wsc", "wsf", "wsh", NULL
};

/* What people take for a document, a picture or an archive. */
static const char *const document[] = {
	"7z", "bmp", "cab", "csv", "doc", "docm", "docx", "dwg", "dxf", "eml",
	"gif", "gz", "htm", "html", "jpeg", "jpg", "json", "jtd", "jww",
	"lzh", "mov", "mp3", "mp4", "msg", "odp", "ods", "odt", "p21", "pdf",
	"png", "ppt", "pptm", "pptx", "rtf", "sfc", "svg", "tar", "tif",
	"tiff", "tsv", "txt", "wav", "xbd", "xdw", "xls", "xlsm", "xlsx",
	"xml", "zip", NULL
};

static const char *const devices[] = {
	"con", "prn", "aux", "nul", "conin$", "conout$", NULL
};

static bool
in_list(const char *const *list, const char *s, size_t len)
{
	for (; *list != NULL; list++) {
		if (strlen(*list) == len && strncasecmp(*list, s, len) == 0)
			return true;
	}
	return false;
}

/* Characters that change how the rest is shown, or are not shown at all. */
static bool
is_hiding(uint32_t cp)
{
	return cp == 0x061c || cp == 0xfeff ||
	    (cp >= 0x200b && cp <= 0x200f) ||
	    (cp >= 0x202a && cp <= 0x202e) ||
	    (cp >= 0x2060 && cp <= 0x206f) ||
	    (cp >= 0xe0000 && cp <= 0xe007f);
}

static bool
is_forbidden(uint32_t cp)
{
	if (cp < 0x20 || (cp >= 0x7f && cp <= 0x9f))
		return true;
	if (cp == 0x2028 || cp == 0x2029 || (cp & 0xfffe) == 0xfffe ||
	    (cp >= 0xfdd0 && cp <= 0xfdef))
		return true;
	return cp < 0x80 && strchr("<>:\"|?*\\", (int)cp) != NULL;
}

static enum reason
check_characters(const char *path, size_t len)
{
	enum reason found = REASON_NONE;
	uint32_t cp;
	struct rd r;

	rd_init(&r, path, len);
	while (rd_left(&r) > 0) {
		if (utf8_get(&r, &cp) != GW_OK)
			return REASON_NAME_ENCODING;
		if (is_hiding(cp))
			found = REASON_NAME_BIDI;
		else if (is_forbidden(cp) && found == REASON_NONE)
			found = REASON_NAME_INVALID;
	}
	return found;
}

/* COM1 to COM9 and LPT1 to LPT9; a superscript 1, 2 or 3 is a digit too. */
static bool
is_port(const char *s, size_t len)
{
	if (len < 4 || (strncasecmp(s, "com", 3) != 0 &&
	    strncasecmp(s, "lpt", 3) != 0))
		return false;
	if (len == 4)
		return s[3] >= '1' && s[3] <= '9';
	return len == 5 && (memcmp(s + 3, "\xc2\xb9", 2) == 0 ||
	    memcmp(s + 3, "\xc2\xb2", 2) == 0 ||
	    memcmp(s + 3, "\xc2\xb3", 2) == 0);
}

/* Windows looks only at what stands before the first dot. */
static bool
is_device(const char *name, size_t len)
{
	size_t n = 0;

	while (n < len && name[n] != '.')
		n++;
	while (n > 0 && name[n - 1] == ' ')
		n--;
	return in_list(devices, name, n) || is_port(name, n);
}

/* Cut blanks at both ends. */
static void
trim(const char **s, size_t *len)
{
	for (; *len > 0 && **s == ' '; (*s)++)
		(*len)--;
	while (*len > 0 && (*s)[*len - 1] == ' ')
		(*len)--;
}

/* Is a part between the dots before `last` the extension of a document? */
static bool
has_document_part(const char *name, const char *last)
{
	const char *dot = memchr(name, '.', (size_t)(last - name));
	const char *part, *end;
	size_t len;

	while (dot != NULL) {
		part = dot + 1;
		end = memchr(part, '.', (size_t)(last - part));
		len = (size_t)((end == NULL ? last : end) - part);
		trim(&part, &len);
		if (in_list(document, part, len))
			return true;
		dot = end;
	}
	return false;
}

/* Does the name itself, unfolded, end in a dot and these ASCII letters? */
static bool
is_plain_ext(const char *name, size_t len, const char *ext, size_t ext_len)
{
	return len > ext_len && name[len - ext_len - 1] == '.' &&
	    strncasecmp(name + len - ext_len, ext, ext_len) == 0;
}

static bool
is_disguised(const char *name, size_t len)
{
	char folded[FOLDED_MAX];
	const char *last, *ext;
	size_t ext_len, blanks = 0;
	bool can_run;

	if (fold_name(name, len, folded, sizeof(folded)) != GW_OK)
		return true;
	last = strrchr(folded, '.');
	if (last == NULL)
		return false;
	while (last - blanks > folded && *(last - blanks - 1) == ' ')
		blanks++;
	if (blanks >= BLANKS_MAX)
		return true;
	ext = last + 1;
	ext_len = strlen(ext);
	trim(&ext, &ext_len);
	can_run = in_list(runnable, ext, ext_len);
	if (can_run && has_document_part(folded, last))
		return true;
	return (can_run || in_list(document, ext, ext_len)) &&
	    !is_plain_ext(name, len, ext, ext_len);
}

static enum reason
check_component(const char *name, size_t len)
{
	if (len > MANIFEST_NAME_MAX)
		return REASON_NAME_TOO_LONG;
	if (len == 0 || name[len - 1] == '.' || name[len - 1] == ' ')
		return REASON_NAME_INVALID;
	if (is_device(name, len))
		return REASON_NAME_INVALID;
	return is_disguised(name, len) ? REASON_NAME_DISGUISED : REASON_NONE;
}

enum reason
names_check(const char *path)
{
	const size_t len = strnlen(path, MANIFEST_PATH_MAX + 1);
	enum reason found;
	const char *end;

	if (len > MANIFEST_PATH_MAX)
		return REASON_NAME_TOO_LONG;
	found = check_characters(path, len);
	if (found != REASON_NONE)
		return found;
	for (;; path = end + 1) {
		end = strchrnul(path, '/');
		found = check_component(path, (size_t)(end - path));
		if (found != REASON_NONE || *end == '\0')
			return found;
	}
}
