/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "scanners/identify/judge.h"
#include "scanners/identify/kind.h"
#include "scanners/text/text.h"

/* Readers of PDF look for its header that far. */
#define PDF_HEADER_WITHIN 1024u

struct case_ {
	struct source *source;
	const char *ext;
	uint64_t accept;
	struct kind kind;
	struct text_result text;
	bool is_text;
};

static void judge_say(struct judgement *, enum verdict, enum reason,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void
judge_say(struct judgement *out, enum verdict verdict, enum reason reason,
    const char *fmt, ...)
{
	va_list ap;

	out->verdict = verdict;
	out->reason = reason;
	va_start(ap, fmt);
	vsnprintf(out->detail, sizeof(out->detail), fmt, ap);
	va_end(ap);
}

/* --- what the content is ------------------------------------------------------ */

/*
 * Strict decoding comes first: it is quick to say no, and libmagic is slow
 * on text and guesses.
 */
static void
judge_read_text(struct case_ *c)
{
	static const struct text_options options = {.kind = TEXT_PLAIN};
	static uint8_t buf[64 * 1024];
	struct text_scan *scan = text_new(&options);
	uint64_t off = 0;
	size_t len;

	while (off < c->source->size && !text_is_lost(scan)) {
		len = c->source->size - off < sizeof(buf) ?
		    (size_t)(c->source->size - off) : sizeof(buf);
		if (!source_get(c->source, buf, len, off))
			break;
		text_feed(scan, buf, len);
		off += len;
	}
	c->is_text = off == c->source->size;
	text_finish(scan, &c->text);
	c->is_text = c->is_text && c->text.reason == REASON_NONE;
	text_free(scan);
}

/* Blanks and a mark may stand before it; anything else is another file. */
static bool
judge_find_pdf(struct case_ *c)
{
	const struct source *s = c->source;
	const size_t len = s->head_len < PDF_HEADER_WITHIN ? s->head_len :
	    PDF_HEADER_WITHIN;
	const uint8_t *at = memmem(s->head, len, "%PDF-", 5);
	const uint8_t *p = s->head;

	if (at == NULL)
		return false;
	if (source_is(s, 0, "\xef\xbb\xbf", 3))
		p += 3;
	while (p < at && isspace(*p))
		p++;
	c->kind.type = TYPE_PDF;
	c->kind.what = "PDF";
	if (p != at) {
		c->kind.reason = REASON_TYPE_POLYGLOT;
		c->kind.why = "PDF with a prefix";
	}
	return true;
}

static void
judge_binary(struct case_ *c)
{
	struct kind *kind = &c->kind;

	if (!sniff(c->source, kind) && !judge_find_pdf(c))
		return;
	if (kind->type == TYPE_ZIP)
		zip_look(c->source, c->ext, c->accept, kind);
	else if (kind->type == TYPE_DOC)
		cfb_look(c->source, c->ext, kind);
	else if (kind->type != TYPE_EXECUTABLE &&
	    kind->type != TYPE_UNKNOWN && kind->reason == REASON_NONE)
		media_look(c->source, kind);
	/* One container for both; the extension says what it is used for. */
	if ((kind->type == TYPE_AUDIO || kind->type == TYPE_VIDEO) &&
	    (policy_type_has_ext(TYPE_AUDIO, c->ext) ||
	    policy_type_has_ext(TYPE_VIDEO, c->ext)))
		kind->type = policy_type_by_ext(c->ext);
}

static void
judge_words(struct case_ *c)
{
	words_look(c->source, c->ext, &c->kind);
	if (c->kind.type == TYPE_PDF)
		media_look(c->source, &c->kind);
}

/* libmagic, the second opinion on what is not text. */
static void
judge_ask_magic(struct case_ *c, struct judgement *out)
{
	const char *mime = mime_of(c->source->head, c->source->head_len);
	struct kind *kind = &c->kind;

	if (kind->what == NULL &&
	    mime_agrees(TYPE_EXECUTABLE, mime) == 1) {
		kind->type = TYPE_EXECUTABLE;
		kind->what = "program";
	} else if (kind->type != TYPE_UNKNOWN &&
	    kind->reason == REASON_NONE &&
	    mime_agrees(kind->type, mime) == 0) {
		kind->reason = REASON_TYPE_UNKNOWN;
		snprintf(out->detail, sizeof(out->detail), "%s, libmagic: %s",
		    kind->what, mime);
	}
}

/* --- may it pass ------------------------------------------------------------------- */

static void
judge_program(const struct case_ *c, struct judgement *out)
{
	const bool is_honest = names_is_program(c->ext);

	if (!is_honest)
		judge_say(out, VERDICT_DENIED, REASON_TYPE_DISGUISED,
		    "content is %s", c->kind.what);
	else if ((c->accept & TYPE_BIT(TYPE_EXECUTABLE)) == 0)
		judge_say(out, VERDICT_DENIED, REASON_TYPE_EXECUTABLE, "%s",
		    c->kind.what);
	else
		judge_say(out, VERDICT_CLEAN, REASON_NONE, "%s",
		    c->kind.what);
}

static void
judge_reason(const struct case_ *c, struct judgement *out)
{
	const struct kind *kind = &c->kind;
	const char *why = kind->why == NULL ? "" : kind->why;

	if (kind->reason == REASON_TYPE_UNKNOWN)
		judge_say(out, VERDICT_NOT_SCANNED, kind->reason, "%.63s",
		    out->detail);
	else if (reason_effect(kind->reason) == EFFECT_REJECT)
		judge_say(out, VERDICT_DENIED, kind->reason, "%s%s%s",
		    kind->what, why[0] == '\0' ? "" : ", ", why);
	else
		judge_say(out, VERDICT_NOT_SCANNED, kind->reason, "%s", why);
}

/* Text that is not quite: say where, so that it can be mended. */
static void
judge_unknown(const struct case_ *c, struct judgement *out)
{
	const enum policy_type named = policy_type_by_ext(c->ext);

	if (c->kind.what == NULL && (named == TYPE_TEXT ||
	    named == TYPE_CSV || named == TYPE_FIXED || named == TYPE_JSON ||
	    named == TYPE_XML || named == TYPE_HTML || named == TYPE_SXF))
		judge_say(out, VERDICT_NOT_SCANNED, c->text.reason,
		    "row %" PRIu64 " character %" PRIu64, c->text.row,
		    c->text.column);
	else
		judge_say(out, VERDICT_NOT_SCANNED, REASON_TYPE_UNKNOWN,
		    "%s", c->kind.what == NULL ? "" : c->kind.what);
}

static bool
judge_ext_agrees(const struct case_ *c)
{
	return policy_type_has_ext(c->kind.type, c->ext) ||
	    (c->ext[0] == '\0' && c->kind.type == TYPE_TEXT);
}

static void
judge_known(const struct case_ *c, struct judgement *out)
{
	const struct kind *kind = &c->kind;

	if (!judge_ext_agrees(c) && policy_type_by_ext(c->ext) == TYPE_UNKNOWN)
		judge_say(out, VERDICT_NOT_SCANNED, REASON_TYPE_UNKNOWN,
		    "%s under another extension", kind->what);
	else if (!judge_ext_agrees(c))
		judge_say(out, VERDICT_DENIED, REASON_TYPE_DISGUISED,
		    "content is %s", kind->what);
	else if ((c->accept & TYPE_BIT(kind->type)) == 0)
		judge_say(out, VERDICT_DENIED, REASON_TYPE_NOT_ACCEPTED, "%s",
		    policy_type_name(kind->type));
	else
		judge_say(out, VERDICT_CLEAN, REASON_NONE, "%s", kind->what);
}

static void
judge_kind(const struct case_ *c, struct judgement *out)
{
	const struct kind *kind = &c->kind;

	if (kind->type == TYPE_EXECUTABLE)
		judge_program(c, out);
	else if (names_is_program(c->ext))
		judge_say(out, VERDICT_DENIED, REASON_TYPE_EXECUTABLE,
		    "extension");
	else if (kind->reason != REASON_NONE)
		judge_reason(c, out);
	else if (kind->type == TYPE_UNKNOWN)
		judge_unknown(c, out);
	else
		judge_known(c, out);
	out->type = kind->type;
}

/* Nothing in it: text where the name says text, broken otherwise. */
static void
judge_empty(struct case_ *c)
{
	c->kind.what = "empty";
	c->kind.type = policy_type_by_ext(c->ext);
	if (c->kind.type == TYPE_UNKNOWN && c->ext[0] == '\0')
		c->kind.type = TYPE_TEXT;
	if (c->kind.type == TYPE_TEXT || c->kind.type == TYPE_CSV ||
	    c->kind.type == TYPE_FIXED)
		return;
	c->kind.reason = REASON_BAD_STRUCTURE;
	c->kind.why = "empty";
}

void
judge(struct source *s, const char *ext, uint64_t accept,
    struct judgement *out)
{
	struct case_ c = {
		.source = s,
		.ext = ext,
		.accept = accept,
		.kind = {.type = TYPE_UNKNOWN},
	};

	memset(out, 0, sizeof(*out));
	if (!source_load(s)) {
		judge_say(out, VERDICT_NOT_SCANNED, REASON_NOT_SCANNED_ERROR,
		    "read");
		out->type = TYPE_UNKNOWN;
		return;
	}
	if (s->size == 0) {
		judge_empty(&c);
	} else {
		judge_read_text(&c);
		if (c.is_text) {
			judge_words(&c);
		} else {
			judge_binary(&c);
			judge_ask_magic(&c, out);
		}
	}
	judge_kind(&c, out);
}
