/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "policy/load_report.h"
#include "policy/load_value.h"

#define VALUE_SHOWN 60	/* characters of a value that are printed */
#define NAME_SHOWN  260 /* of "flows/" and the longest file name */
#define LINE_LIMIT 2048 /* bytes of one line; 100 lines stay below 256 KiB */

struct message {
	enum gw_err err;
	const char *ja, *en;
};

static const struct message messages[LOAD_MESSAGE_COUNT] = {
#define M(id, code, ja, en) [id] = {code, ja, en},
	LOAD_MESSAGES(M)
#undef M
};

void
load_report_init(struct load_report *r, enum policy_lang lang)
{
	memset(r, 0, sizeof(*r));
	r->lang = lang;
	r->err = GW_OK;
	r->file = "";
}

void
load_report_clear(struct load_report *r)
{
	unsigned i;

	for (i = 0; i < r->kept_errors + r->kept_warnings; i++)
		mem_free(r->rows[i].text);
	load_report_init(r, r->lang);
}

void
load_report_file(struct load_report *r, const char *file)
{
	r->file = file;
	r->file_no++;
}

static void
put_part(struct buf *b, char which, const char *key, const char *value,
    const char *expected)
{
	if (which == 'k' && key != NULL)
		load_value_show(b, key, VALUE_SHOWN);
	else if (which == 'v' && value != NULL)
		load_value_show(b, value, VALUE_SHOWN);
	else if (which == 'e' && expected != NULL)
		buf_put_str(b, expected);
}

static char *
format_line(const struct load_report *r, enum load_message id,
    struct load_place place, const char *key, const char *value,
    const char *expected)
{
	const struct message *m = &messages[id];
	const char *p = r->lang == POLICY_EN ? m->en : m->ja;
	struct buf b;
	char *text;
	size_t n;

	buf_init(&b, LINE_LIMIT);
	load_value_show(&b, r->file, NAME_SHOWN);
	buf_printf(&b, ":%u:%u: ", place.line, place.column);
	if (m->err == GW_OK)
		buf_put_str(&b, r->lang == POLICY_EN ? "warning: " : "注意: ");
	for (; *p != '\0'; p += n) {
		n = strcspn(p, "{");
		buf_put(&b, p, n);
		if (p[n] == '{') {
			put_part(&b, p[n + 1], key, value, expected);
			n += 3;
		}
	}
	buf_put_u8(&b, '\0');
	text = mem_strdup(buf_ok(&b) ? (const char *)b.data : r->file);
	buf_clear(&b);
	return text;
}

static void
note_error(struct load_report *r, enum gw_err err)
{
	/* A malformed file explains more than the rules it then breaks. */
	if (r->err == GW_OK || (r->err == GW_EDENIED && err == GW_EFORMAT))
		r->err = err;
	r->error_count++;
}

void
load_report_add(struct load_report *r, enum load_message id,
    struct load_place place, const char *key, const char *value,
    const char *expected)
{
	struct load_finding *row;
	unsigned kept = r->kept_errors + r->kept_warnings;

	if (messages[id].err == GW_OK) {
		r->warning_count++;
		if (r->kept_warnings == LOAD_FINDINGS_MAX)
			return;
		r->kept_warnings++;
	} else {
		note_error(r, messages[id].err);
		if (r->kept_errors == LOAD_FINDINGS_MAX)
			return;
		r->kept_errors++;
	}
	row = &r->rows[kept];
	row->file_no = r->file_no;
	row->place = place;
	row->seq = kept;
	row->text = format_line(r, id, place, key, value, expected);
}

static int
compare(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

static int
finding_order(const void *a, const void *b)
{
	const struct load_finding *x = a, *y = b;
	int order;

	if ((order = compare(x->file_no, y->file_no)) != 0)
		return order;
	if ((order = compare(x->place.line, y->place.line)) != 0)
		return order;
	if ((order = compare(x->place.column, y->place.column)) != 0)
		return order;
	return compare(x->seq, y->seq);
}

void
load_report_print(struct load_report *r, struct buf *out)
{
	unsigned i, kept = r->kept_errors + r->kept_warnings;
	unsigned dropped = r->error_count + r->warning_count - kept;

	qsort(r->rows, kept, sizeof(r->rows[0]), finding_order);
	for (i = 0; i < kept; i++) {
		buf_put_str(out, r->rows[i].text);
		buf_put_u8(out, '\n');
	}
	if (dropped == 0)
		return;
	if (r->lang == POLICY_EN)
		buf_printf(out, "%u more not shown\n", dropped);
	else
		buf_printf(out, "ほかに %u 件あります\n", dropped);
}
