/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "scanners/identify/kind.h"

/*
 * Extensions that some common system runs, installs, mounts or follows when
 * a person opens the file, beyond those of TYPE_EXECUTABLE.
 */
static const char *const names_programs[] = {
	"ade", "adp", "apk", "app", "application", "appref-ms", "appx",
	"appxbundle", "asp", "aspx", "bash", "cgi", "class", "command",
	"cpl", "crx", "csh", "deb", "desktop", "diagcab", "dmg", "drv",
	"dylib", "gadget", "hlp", "img", "inf", "ins", "iqy", "isp", "jnlp",
	"jse", "jsp", "jsx", "ksh", "library-ms", "mde", "mht", "mhtml",
	"msix", "msixbundle", "msp", "mst", "ocx", "one", "onepkg",
	"onetoc2", "oqy", "pcd", "php", "pif", "pl", "pkg", "ps1xml",
	"ps2", "psc1", "psd1", "psm1", "py", "pyc", "pyw", "pyz", "pyzw",
	"rb", "rdp", "reg", "rpm", "rqy", "run", "scf", "scpt", "sct",
	"search-ms", "searchconnector-ms", "settingcontent-ms", "shb", "shs",
	"slk", "so", "swf", "sys", "sylk", "tcsh", "theme", "themepack",
	"udf", "url", "vb", "vbe", "vbp", "vhd", "vhdx", "vmdk", "vsmacros",
	"webloc", "website", "wll", "workflow", "wsb", "wsc", "wsf", "wsh",
	"xbap", "xla", "xlam", "xll", "xnk", "xpi", "zsh",
};

bool
names_is_program(const char *ext)
{
	size_t i;

	if (policy_type_has_ext(TYPE_EXECUTABLE, ext))
		return true;
	for (i = 0; i < sizeof(names_programs) / sizeof(char *); i++) {
		if (strcmp(ext, names_programs[i]) == 0)
			return true;
	}
	return false;
}
