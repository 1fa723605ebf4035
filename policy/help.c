/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "policy/explain.h"
#include "policy/schema.h"

static void
put_field(const struct schema_field *f, const char *prefix,
    enum policy_lang lang, struct buf *out)
{
	const char *preset = schema_describe_preset(f, lang);
	bool is_en = lang == POLICY_EN;

	buf_printf(out, "  %s%s%s\n", prefix, f->key,
	    !f->is_required ? "" : is_en ? " (required)" : "（必須）");
	buf_printf(out, "      %s\n", is_en ? f->help_en : f->help_ja);
	if (f->kind == SCHEMA_SECTION)
		return;
	buf_put_str(out, is_en ? "      values: " : "      値: ");
	schema_describe(f, lang, out);
	buf_put_str(out, "\n");
	if (preset[0] != '\0')
		buf_printf(out, "%s%s\n",
		    is_en ? "      default: " : "      既定: ", preset);
}

static void
put_fields(const struct schema_fields *fields, const char *prefix,
    enum policy_lang lang, struct buf *out)
{
	const struct schema_field *f;
	char below[128];
	size_t i;

	for (i = 0; i < fields->count; i++) {
		f = &fields->rows[i];
		put_field(f, prefix, lang, out);
		if (f->sub == NULL)
			continue;
		(void)snprintf(below, sizeof(below), "%.60s%.60s%s", prefix,
		    f->key, f->kind == SCHEMA_RECORDS ? "[]." : ".");
		put_fields(f->sub, below, lang, out);
	}
}

enum gw_err
policy_print_help(enum policy_lang lang, struct buf *out)
{
	buf_put_str(out, "gateway.yaml\n");
	put_fields(&schema_gateway, "", lang, out);
	buf_put_str(out, "\nflows/ID.yaml\n");
	put_fields(&schema_flow, "", lang, out);
	return buf_ok(out) ? GW_OK : GW_ELIMIT;
}
