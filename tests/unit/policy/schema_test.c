/* SPDX-License-Identifier: ISC */
/*
 * The schema agrees with itself and with the manual pages.  The key lists of
 * the pages are made from the schema: run this test with
 * POLICY_MAN_UPDATE=1 after a change, and read what it wrote.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/explain.h"
#include "policy/schema.h"

#include "tests/unit/policy/support.h"

#define BEGIN ".\\\" BEGIN schema\n"
#define END ".\\\" END schema\n"

static void
put_item(const struct schema_field *f, const char *prefix, struct buf *out)
{
	const char *preset = schema_describe_preset(f, POLICY_EN);

	buf_printf(out, ".It Ic %s%s%s\n%s.\n", prefix, f->key,
	    f->is_required ? " Pq required" : "", f->help_en);
	if (f->kind == SCHEMA_SECTION)
		return;
	buf_put_str(out, ".br\nValues: ");
	schema_describe(f, POLICY_EN, out);
	buf_put_str(out, ".\n");
	if (f->preset != NULL)
		buf_printf(out, "Default:\n.Ql %s .\n", preset);
	else if (preset[0] != '\0')
		buf_printf(out, "Default: %s.\n", preset);
}

static void
put_items(const struct schema_fields *fields, const char *prefix,
    struct buf *out)
{
	const struct schema_field *f;
	char below[128];
	size_t i;

	for (i = 0; i < fields->count; i++) {
		f = &fields->rows[i];
		put_item(f, prefix, out);
		if (f->sub == NULL)
			continue;
		(void)snprintf(below, sizeof(below), "%.60s%.50s%s", prefix,
		    f->key, f->kind == SCHEMA_RECORDS ? "[]." : ".");
		put_items(f->sub, below, out);
	}
}

static void
check_page(const char *path, const struct schema_fields *fields)
{
	char *text = support_read(path), *begin, *end;
	struct buf want;
	FILE *f;

	buf_init(&want, TEXT_LIMIT);
	begin = strstr(text, BEGIN);
	end = strstr(text, END);
	ck_assert(begin != NULL && end != NULL && begin < end);
	buf_put(&want, text, (size_t)(begin - text));
	buf_put_str(&want, BEGIN ".Bl -tag -width Ds\n");
	put_items(fields, "", &want);
	buf_put_str(&want, ".El\n");
	buf_put_str(&want, end);
	if (getenv("POLICY_MAN_UPDATE") != NULL) {
		f = fopen(path, "w");
		ck_assert_ptr_nonnull(f);
		ck_assert_uint_eq(fwrite(want.data, 1, want.len, f), want.len);
		ck_assert_int_eq(fclose(f), 0);
	} else {
		support_same_text(&want, text);
	}
	buf_clear(&want);
	mem_free(text);
}

START_TEST(manual_pages_tell_every_key)
{
	check_page(SOURCE_DIR "/docs/man/gateway.yaml.5", &schema_gateway);
	check_page(SOURCE_DIR "/docs/man/gateway-flow.5", &schema_flow);
}
END_TEST

static void
check_rows(const struct schema_fields *fields)
{
	const struct schema_field *f;
	size_t i;

	for (i = 0; i < fields->count; i++) {
		f = &fields->rows[i];
		ck_assert_ptr_nonnull(f->help_ja);
		ck_assert_ptr_nonnull(f->help_en);
		ck_assert_ptr_eq(schema_find(fields, f->key), f);
		ck_assert((f->preset_ja == NULL) == (f->preset_en == NULL));
		ck_assert(!f->is_required || f->preset == NULL);
		if (f->kind == SCHEMA_UINT) {
			ck_assert(f->size == 4 || f->size == 8);
			ck_assert_uint_ge(f->max, f->min);
			ck_assert_uint_gt(f->scale, 0);
			if (f->size == 4)
				ck_assert_uint_le(f->max,
				    UINT32_MAX / f->scale);
		}
		if (f->kind == SCHEMA_SECTION || f->kind == SCHEMA_RECORDS) {
			ck_assert_ptr_nonnull(f->sub);
			check_rows(f->sub);
		}
	}
}

START_TEST(rows_are_sound)
{
	check_rows(&schema_gateway);
	check_rows(&schema_flow);
}
END_TEST

START_TEST(nearest)
{
	ck_assert_str_eq(schema_nearest(&schema_flow, "purpse"), "purpose");
	ck_assert_str_eq(schema_nearest(&schema_flow, "Class"), "class");
	ck_assert_str_eq(schema_nearest(&schema_flow, "owner"),
	    "owner_section");
	ck_assert_ptr_null(schema_nearest(&schema_flow, "xyzzy"));
	ck_assert_ptr_null(schema_nearest(&schema_flow, ""));
	ck_assert_ptr_null(schema_nearest(&schema_flow,
	    "a-key-that-is-much-longer-than-any-of-ours"));
	ck_assert_ptr_null(schema_find(&schema_flow, "purpse"));
}
END_TEST

static bool
holds(const struct buf *b, const char *text)
{
	return memmem(b->data, b->len, text, strlen(text)) != NULL;
}

START_TEST(help_in_both_languages)
{
	struct buf b;

	buf_init(&b, TEXT_LIMIT);
	ck_assert_int_eq(policy_print_help(POLICY_EN, &b), GW_OK);
	ck_assert(holds(&b, "  limits.file_bytes\n      Largest single file\n"
			    "      values: 1-1TiB (bytes, or with KiB, MiB, "
			    "GiB, TiB)\n      default: 2GiB\n"));
	ck_assert(holds(&b, "  channels[].peer (required)\n"));
	ck_assert(holds(&b, "      default: online processors\n"));
	buf_reset(&b);
	ck_assert_int_eq(policy_print_help(POLICY_JA, &b), GW_OK);
	ck_assert(holds(&b, "  zone（必須）\n      このゲートウェイのゾーン\n"
			    "      値: internet | lgwan | mynumber\n"));
	buf_clear(&b);
	buf_init(&b, 100);
	ck_assert_int_eq(policy_print_help(POLICY_JA, &b), GW_ELIMIT);
	buf_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("policy/schema");
	TCase *t = tcase_create("schema");

	tcase_add_test(t, manual_pages_tell_every_key);
	tcase_add_test(t, rows_are_sound);
	tcase_add_test(t, nearest);
	tcase_add_test(t, help_in_both_languages);
	suite_add_tcase(s, t);
	return support_main(s);
}
