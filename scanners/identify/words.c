/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <string.h>

#include "scanners/identify/kind.h"

/* As much of the beginning as tells what a text is. */
#define WORDS_LEN 4096

/*
 * The beginning in lower-case ASCII: without a byte order mark, without
 * leading blanks, of UTF-16 every other byte, other scripts as they come.
 */
static void
words_begin(const struct source *s, char out[WORDS_LEN + 1])
{
	size_t i = 0, n = 0, step = 1;

	if (source_is(s, 0, "\xff\xfe", 2)) {
		i = 2;
		step = 2;
	} else if (source_is(s, 0, "\xfe\xff", 2)) {
		i = 3;
		step = 2;
	} else if (source_is(s, 0, "\xef\xbb\xbf", 3)) {
		i = 3;
	}
	while (i < s->head_len && isspace(s->head[i]))
		i += step;
	for (; i < s->head_len && n < WORDS_LEN; i += step)
		out[n++] = (char)tolower(s->head[i]);
	out[n] = '\0';
}

static bool
words_start(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* What a browser or mshta would run as a page. */
static bool
words_is_page(const char *text)
{
	return words_start(text, "<!doctype html") ||
	    words_start(text, "<html") || words_start(text, "<head") ||
	    words_start(text, "<script") || words_start(text, "<body") ||
	    words_start(text, "<iframe") || (words_start(text, "<!--") &&
	    strstr(text, "<html") != NULL) ||
	    (words_start(text, "<?xml") && strstr(text, "<html") != NULL);
}

/* A piece of one: a spreadsheet takes it, notes may hold it. */
static bool
words_is_fragment(const char *text)
{
	return words_start(text, "<table") || words_start(text, "<meta") ||
	    words_start(text, "<style") || words_start(text, "<div");
}

static const struct {
	const char *with;
	const char *what;
} words_programs[] = {
	{"#!", "script"},
	{"@echo off", "batch file"},
	{"[internetshortcut]", "shortcut"},
	{"[shell]", "shell command"},
	{"[desktop entry]", "shortcut"},
	{"windows registry editor", "registry file"},
	{"regedit4", "registry file"},
	{"<?php", "PHP"},
	{"<job", "script"},
	{"<package>", "script"},
	{"<scriptlet", "script"},
};

static bool
words_is_program(const char *text, struct kind *out)
{
	size_t i;

	out->type = TYPE_EXECUTABLE;
	for (i = 0; i < sizeof(words_programs) / sizeof(words_programs[0]);
	    i++) {
		if (words_start(text, words_programs[i].with)) {
			out->what = words_programs[i].what;
			return true;
		}
	}
	out->what = "HTA";
	return strstr(text, "<hta:application") != NULL;
}

static bool
words_is_mail(const char *text)
{
	static const char *const fields[] = {
		"return-path:", "received:", "delivered-to:", "message-id:",
		"mime-version:", "from:", "date:", "subject:", "to:",
		"x-mozilla-status:", "dkim-signature:", "reply-to:",
	};
	size_t i;
	bool found = false;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		found = found || words_start(text, fields[i]);
	return found && (strstr(text, "\nsubject:") != NULL ||
	    strstr(text, "\nfrom:") != NULL || strstr(text, "\nto:") != NULL ||
	    strstr(text, "\ndate:") != NULL);
}

static bool
words_is_dxf(const char *text)
{
	const char *p = text;

	/* Group 999 is a comment. */
	while (words_start(p, "999")) {
		p = strchr(p, '\n');
		if (p == NULL || (p = strchr(p + 1, '\n')) == NULL)
			return false;
		while (isspace((unsigned char)*p))
			p++;
	}
	if (*p != '0')
		return false;
	for (p++; isspace((unsigned char)*p); p++)
		;
	return words_start(p, "section");
}

static enum policy_type
words_type(const char *text, const char **what)
{
	*what = "RTF";
	if (words_start(text, "{\\rt"))
		return TYPE_RTF;
	*what = "SVG";
	if (words_start(text, "<svg") || ((words_start(text, "<?xml") ||
	    words_start(text, "<!--") || words_start(text, "<!doctype svg")) &&
	    strstr(text, "<svg") != NULL))
		return TYPE_SVG;
	*what = "HTML";
	if (words_is_page(text) || words_is_fragment(text))
		return TYPE_HTML;
	*what = "XML";
	if (words_start(text, "<?xml"))
		return TYPE_XML;
	*what = "STEP";
	if (words_start(text, "iso-10303-21;"))
		return TYPE_SXF;
	*what = "DXF";
	if (words_is_dxf(text))
		return TYPE_DXF;
	*what = "PDF";
	if (words_start(text, "%pdf-"))
		return TYPE_PDF;
	*what = "mail";
	if (words_is_mail(text))
		return TYPE_EML;
	*what = "text";
	return TYPE_TEXT;
}

/*
 * Types that are plain text to every program that opens that extension, so
 * that what the text looks like does not matter.
 */
static bool
words_is_shown_as_text(const char *ext)
{
	return policy_type_has_ext(TYPE_TEXT, ext) || ext[0] == '\0';
}

/* Excel opens a CSV by what it begins with. */
static bool
words_fools_excel(const char *text, enum policy_type type)
{
	return type == TYPE_RTF || type == TYPE_HTML || type == TYPE_SVG ||
	    type == TYPE_XML || type == TYPE_EML || words_start(text, "id;p");
}

void
words_look(const struct source *s, const char *ext, struct kind *out)
{
	char text[WORDS_LEN + 1];
	enum policy_type type;

	words_begin(s, text);
	if (words_is_program(text, out))
		return;
	type = words_type(text, &out->what);
	out->type = type;
	if (words_is_shown_as_text(ext) && type != TYPE_RTF &&
	    type != TYPE_PDF && !words_is_page(text)) {
		out->type = TYPE_TEXT;
		return;
	}
	if (policy_type_has_ext(TYPE_CSV, ext)) {
		out->type = words_fools_excel(text, type) ? type : TYPE_CSV;
		if (words_start(text, "id;p")) {
			out->type = TYPE_UNKNOWN;
			out->what = "SYLK";
			out->reason = REASON_TYPE_DISGUISED;
		}
		return;
	}
	if (type == TYPE_XML && policy_type_has_ext(TYPE_HTML, ext))
		out->type = TYPE_HTML;
	if (type != TYPE_TEXT)
		return;
	/* Text that only its extension tells apart. */
	if (policy_type_has_ext(TYPE_JSON, ext) &&
	    (text[0] == '{' || text[0] == '['))
		out->type = TYPE_JSON;
	else if (policy_type_has_ext(TYPE_FIXED, ext))
		out->type = TYPE_FIXED;
	else if (policy_type_has_ext(TYPE_XML, ext) && text[0] == '<')
		out->type = TYPE_XML;
	else if (policy_type_has_ext(TYPE_HTML, ext) && text[0] == '<')
		out->type = TYPE_HTML;
	else if (policy_type_has_ext(TYPE_EML, ext) &&
	    strchr(text, ':') != NULL)
		out->type = TYPE_EML;
}
