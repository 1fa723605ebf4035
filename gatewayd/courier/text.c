/* SPDX-License-Identifier: ISC */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proto/names/names.h"

#include "gatewayd/courier/text.h"

/* Windows' Notepad is what opens these files. */
#define EOL "\r\n"

static bool
is_printable(uint8_t c)
{
	return c >= 0x20 && c < 0x7f;
}

void
text_clean(char *text)
{
	for (; *text != '\0'; text++) {
		if ((uint8_t)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

void
text_show(const char *raw, size_t len, char *out, size_t out_size)
{
	enum manifest_charset charset;
	size_t i, used = 0;
	uint8_t c;

	if (names_decode((const uint8_t *)raw, len, out, out_size,
	    &charset) == GW_OK) {
		text_clean(out);
		return;
	}
	for (i = 0; i < len && used + 5 < out_size; i++) {
		c = (uint8_t)raw[i];
		if (is_printable(c))
			out[used++] = (char)c;
		else
			used += (size_t)snprintf(out + used, out_size - used,
			    "\\x%02x", c);
	}
	out[used] = '\0';
}

static void
put_row(struct buf *b, const char *label, const char *value)
{
	if (value[0] != '\0')
		buf_printf(b, "%s: %s" EOL, label, value);
}

static void
put_why(struct buf *b, const struct text_case *t)
{
	const char *why = t->is_english ? reason_en(t->reason) :
	    reason_ja(t->reason);

	if (t->detail[0] != '\0')
		buf_printf(b, t->is_english ? "Why: %s (%s)" EOL :
		    "なぜ: %s(%s)" EOL, why, t->detail);
	else
		put_row(b, t->is_english ? "Why" : "なぜ", why);
}

static void
put_end(struct buf *b, const struct text_case *t)
{
	char when[CLOCK_ISO_LEN];

	put_row(b, t->is_english ? "Receipt number" : "受付番号", t->number);
	put_row(b, t->is_english ? "Code" : "コード", reason_code(t->reason));
	put_row(b, t->is_english ? "Flow" : "業務フロー", t->flow);
	clock_iso_jst(t->wall_ms, when);
	put_row(b, t->is_english ? "Time" : "時刻", when);
}

void
text_refusal(struct buf *b, const struct text_case *t)
{
	const char *next = t->is_english ? reason_next_en(t->reason) :
	    reason_next_ja(t->reason);

	if (t->is_english)
		buf_printf(b, "What: \"%s\" was not sent." EOL, t->name);
	else
		buf_printf(b, "何が: 「%s」は送られませんでした。" EOL,
		    t->name);
	put_why(b, t);
	put_row(b, t->is_english ? "What to do" : "どうすればよいか", next);
	if (t->is_left)
		buf_put_str(b, t->is_english ?
		    "The file was left where it was put." EOL :
		    "ファイルは元の場所に残してあります。" EOL);
	else if (!t->is_returned)
		buf_put_str(b, t->is_english ?
		    "The original is kept encrypted." EOL :
		    "原本は暗号化して保管しています。" EOL);
	put_end(b, t);
}

/* The state says who is next where the reason does not. */
void
text_hold(struct buf *b, const struct text_case *t, const char *state)
{
	const char *next = t->is_english ? reason_next_en(t->reason) :
	    reason_next_ja(t->reason);

	if (t->is_english)
		buf_printf(b, "What: \"%s\" is held (%s)." EOL, t->name,
		    state);
	else
		buf_printf(b, "何が: 「%s」は保留中です(%s)。" EOL, t->name,
		    state);
	put_why(b, t);
	put_row(b, t->is_english ? "Who is next" : "次に誰が", next);
	put_end(b, t);
}

void
text_waiting(struct buf *b, const struct text_case *t)
{
	const char *next = t->is_english ? reason_next_en(t->reason) :
	    reason_next_ja(t->reason);

	buf_put_str(b, t->is_english ?
	    "What: files of this flow wait in the drop folder. Nothing is "
	    "lost." EOL :
	    "何が: この業務フローの受付を一時止めています。置かれた"
	    "ファイルはそのまま残っています。" EOL);
	put_why(b, t);
	put_row(b, t->is_english ? "Who is next" : "次に誰が", next);
	put_end(b, t);
}

/* Shorten bytes that are no UTF-8: nothing is known of their characters. */
static void
cut_bytes(const char *name, size_t max, char *out)
{
	size_t len = strlen(name);

	if (len > max)
		len = max;
	memcpy(out, name, len);
	out[len] = '\0';
}

static bool
is_utf8(const char *name)
{
	enum manifest_charset charset = CHARSET_UTF8;
	char shown[TEXT_SHOWN_MAX];

	return names_decode((const uint8_t *)name, strlen(name), shown,
	    sizeof(shown), &charset) == GW_OK && charset == CHARSET_UTF8;
}

void
text_beside(const char *name, unsigned n, const char *suffix, char *out)
{
	char numbered[TEXT_SHOWN_MAX + 16];
	size_t max = NAME_MAX - strlen(suffix);
	size_t tail;

	if (is_utf8(name)) {
		/* 16: room for " (4294967295)" */
		(void)names_shorten(name, n > 1 ? max - 16 : max, numbered,
		    sizeof(numbered));
		if (n > 1)
			names_numbered(numbered, n, out, NAME_MAX + 1);
		else
			mem_put_str(out, NAME_MAX + 1, numbered);
	} else {
		cut_bytes(name, max - 16, out);
		tail = strlen(out);
		if (n > 1)
			snprintf(out + tail, NAME_MAX + 1 - tail, " (%u)", n);
	}
	tail = strlen(out);
	mem_put_str(out + tail, NAME_MAX + 1 - tail, suffix);
}

void
text_choice(const char *name, unsigned n, char *out)
{
	if (n <= 1 && strlen(name) <= NAME_MAX)
		mem_put_str(out, NAME_MAX + 1, name);
	else
		text_beside(name, n, "", out);
}
