/* SPDX-License-Identifier: ISC */
/*
 * Every truncation, and every byte of a good file changed in several ways:
 * each must load or be refused with a finding; none may crash or be refused
 * in silence.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "tests/unit/policy/load_cases.h"
#include "tests/unit/policy/support.h"

typedef void try_fn(const struct policy_table *, const void *, size_t);

static void
check_outcome(enum gw_err err, const struct buf *errors)
{
	ck_assert(err == GW_OK || err == GW_EFORMAT || err == GW_EDENIED);
	if (err != GW_OK)
		ck_assert_uint_gt(errors->len, 0);
	ck_assert(buf_ok(errors));
	if (errors->len > 0)
		ck_assert_int_eq(errors->data[errors->len - 1], '\n');
}

static void
try_gateway(const struct policy_table *unused, const void *text, size_t len)
{
	static struct policy_table out;
	struct policy_env env = support_env(POLICY_JA);
	struct buf errors;

	(void)unused;
	buf_init(&errors, TEXT_LIMIT);
	check_outcome(policy_load_gateway_bytes(&env, text, len, &out,
	    &errors), &errors);
	buf_clear(&errors);
}

static void
try_flow(const struct policy_table *t, const void *text, size_t len)
{
	struct policy_env env = support_env(POLICY_EN);
	struct policy_flow out;
	struct buf errors;

	buf_init(&errors, TEXT_LIMIT);
	check_outcome(policy_load_flow_bytes(&env, "documents", text, len, t,
	    &out, &errors), &errors);
	buf_clear(&errors);
}

static void
truncate_all(try_fn *try, const struct policy_table *t, const char *text)
{
	size_t i, len = strlen(text);
	char *copy;

	for (i = 0; i <= len; i++) {
		/* Its own allocation, so that a sanitizer sees overreads. */
		copy = mem_alloc(i + 1);
		memcpy(copy, text, i);
		try(t, copy, i);
		mem_free(copy);
	}
}

static void
change_all(try_fn *try, const struct policy_table *t, const char *text)
{
	static const char marks[] = "\0\n\t \"'#&*!%-:?[]{},|>@`~\x80\xff";
	size_t i, len = strlen(text);
	char *copy = mem_strdup(text);
	unsigned seed = 7;

	for (i = 0; i < len; i++) {
		copy[i] = (char)(text[i] ^ (1 << (i % 8)));
		try(t, copy, len);
		copy[i] = marks[(size_t)rand_r(&seed) % (sizeof(marks) - 1)];
		try(t, copy, len);
		copy[i] = text[i];
	}
	mem_free(copy);
}

/* Drop, double and swap whole lines: keys absent, twice, out of place. */
static void
shuffle_lines(try_fn *try, const struct policy_table *t, const char *text)
{
	const char *line, *end;
	size_t before, n;
	struct buf b;

	for (line = text; *line != '\0'; line = end) {
		end = line + strcspn(line, "\n") + 1;
		before = (size_t)(line - text);
		n = (size_t)(end - line);
		buf_init(&b, TEXT_LIMIT);
		buf_put(&b, text, before);
		buf_put_str(&b, end);
		try(t, b.data, b.len);
		buf_put(&b, line, n);
		try(t, b.data, b.len);
		buf_put(&b, line, n);
		try(t, b.data, b.len);
		buf_clear(&b);
	}
}

START_TEST(gateway_mutations)
{
	truncate_all(try_gateway, NULL, gateway_text);
	change_all(try_gateway, NULL, gateway_text);
	shuffle_lines(try_gateway, NULL, gateway_text);
}
END_TEST

START_TEST(flow_mutations)
{
	struct policy_table *t = support_table();

	truncate_all(try_flow, t, flow_text);
	change_all(try_flow, t, flow_text);
	shuffle_lines(try_flow, t, flow_text);
	mem_free(t);
}
END_TEST

START_TEST(hostile_shapes)
{
	static const char *const heads[] = {"[", "{a: ", "- ", "? ", "'", "\"",
	    "&a [*a", "!!map {", "a: |\n", "%TAG ! x\n", "a: &x b\n", "\n",
	    "a: {", "# ", "---\n", "...\n", ",", "a:\n "};
	struct policy_table *t = support_table();
	struct buf b;
	size_t i, j;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		buf_init(&b, TEXT_LIMIT);
		for (j = 0; j < 4000; j++)
			buf_put_str(&b, heads[i]);
		try_flow(t, b.data, b.len);
		buf_clear(&b);
	}
	mem_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("policy/mutate");
	TCase *t = tcase_create("mutate");

	tcase_set_timeout(t, 240);
	tcase_add_test(t, gateway_mutations);
	tcase_add_test(t, flow_mutations);
	tcase_add_test(t, hostile_shapes);
	suite_add_tcase(s, t);
	return support_main(s);
}
