/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "policy/digest.h"

#include "tests/unit/policy/load_cases.h"
#include "tests/unit/policy/support.h"

static char passwd[] =
	"root:x:0:0:root:/root:/bin/sh\n"
	"sato:x:1001:1001::/home/sato:/bin/sh\n"
	"suzuki:x:1002:1002::/:/bin/sh\n"
	"ito:x:1003:1003::/:/bin/sh\n"
	"broken\n"
	"twin:x:1001:1001::/:/bin/sh\n";

struct policy_env
support_env(enum policy_lang lang)
{
	struct policy_env env = {.lang = lang, .passwd = passwd,
	    .passwd_len = sizeof(passwd) - 1, .cpus = 2};

	ck_assert(clock_from_day_jst(2026, 11, 22, &env.now_ms));
	return env;
}

char *
support_replace(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	size_t size = strlen(text) + strlen(to) + 1;
	char *out;

	ck_assert_msg(at != NULL, "no \"%s\" in the text", from);
	out = mem_alloc(size);
	(void)snprintf(out, size, "%.*s%s%s", (int)(at - text), text, to,
	    at + strlen(from));
	return out;
}

void
support_same_text(const struct buf *got, const char *want)
{
	ck_assert_msg(got->len == strlen(want) &&
	    (got->len == 0 || memcmp(got->data, want, got->len) == 0),
	    "got:\n%.*s\nwant:\n%s", (int)got->len, (const char *)got->data,
	    want);
}

struct policy_table *
support_table(void)
{
	struct policy_env env = support_env(POLICY_EN);
	struct policy_table *t = mem_alloc(sizeof(*t));
	struct buf errors;

	buf_init(&errors, TEXT_LIMIT);
	ck_assert_int_eq(policy_load_gateway_bytes(&env, gateway_text,
	    strlen(gateway_text), t, &errors), GW_OK);
	ck_assert_int_eq(policy_load_flow_bytes(&env, "documents", flow_text,
	    strlen(flow_text), t, &t->flows[0], &errors), GW_OK);
	support_same_text(&errors, "");
	buf_clear(&errors);
	t->flow_count = 1;
	ck_assert_int_eq(policy_table_finish(t), GW_OK);
	return t;
}

void
support_make_dir(char path[64])
{
	(void)snprintf(path, 64, "/tmp/policy-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void
support_remove_dir(const char *path)
{
	ck_assert_int_eq(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void
support_write(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, strlen(text), f), strlen(text));
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, 0644), 0);
}

char *
support_read(const char *path)
{
	char *text = mem_alloc(TEXT_LIMIT);
	FILE *f = fopen(path, "r");

	ck_assert_msg(f != NULL, "%s", path);
	ck_assert_uint_lt(fread(text, 1, TEXT_LIMIT, f), TEXT_LIMIT);
	ck_assert(feof(f));
	ck_assert_int_eq(fclose(f), 0);
	return text;
}

int
support_main(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
