/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>
#include <signal.h>
#include <string.h>

#include <check.h>

#include "base/json.h"

#include "tests/unit/base/scratch.h"

#define LIMIT   4096
#define TEXT(s) s, sizeof(s) - 1

static const struct {
	const char *text;
	size_t size;
	const char *want;
} strings[] = {
    {TEXT(""), "\"\""},
    {TEXT("plain"), "\"plain\""},
    {TEXT("\"\\/"), "\"\\\"\\\\/\""},
    {TEXT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
    {TEXT("\0\1\x1f\x7f"), "\"\\u0000\\u0001\\u001f\\u007f\""},
    {TEXT("関所"), "\"関所\""},
    {TEXT("\xf0\x9f\x9a\xaa"), "\"\xf0\x9f\x9a\xaa\""},
    {TEXT("\xf4\x8f\xbf\xbf"), "\"\xf4\x8f\xbf\xbf\""},
    /* CP932 for a name, and every way not to be UTF-8. */
    {TEXT("\x8a\xd6.txt"), "\"\\\\x8a\\\\xd6.txt\""},
    {TEXT("\x80"), "\"\\\\x80\""},
    {TEXT("\xc0\xaf"), "\"\\\\xc0\\\\xaf\""},
    {TEXT("\xc1\xbf"), "\"\\\\xc1\\\\xbf\""},
    {TEXT("\xe0\x80\x80"), "\"\\\\xe0\\\\x80\\\\x80\""},
    {TEXT("\xf0\x80\x80\x80"), "\"\\\\xf0\\\\x80\\\\x80\\\\x80\""},
    {TEXT("\xed\xa0\x80"), "\"\\\\xed\\\\xa0\\\\x80\""},
    {TEXT("\xf4\x90\x80\x80"), "\"\\\\xf4\\\\x90\\\\x80\\\\x80\""},
    {TEXT("\xf5\x80\x80\x80"), "\"\\\\xf5\\\\x80\\\\x80\\\\x80\""},
    {TEXT("\xff\xfe"), "\"\\\\xff\\\\xfe\""},
    {TEXT("a\xe9\x96"), "\"a\\\\xe9\\\\x96\""},
    {TEXT("\xe9"
	  "a\xe9\x96\xa2"),
	"\"\\\\xe9a\xe9\x96\xa2\""},
    {TEXT("\xe9\x96"
	  "a"),
	"\"\\\\xe9\\\\x96a\""},
};

START_TEST(string_is_escaped)
{
	struct buf out;
	struct json j;

	buf_init(&out, LIMIT);
	json_init(&j, &out);
	json_strn(&j, NULL, strings[_i].text, strings[_i].size);
	buf_put_u8(&out, 0);
	ck_assert(buf_ok(&out));
	ck_assert_str_eq((char *)out.data, strings[_i].want);
	buf_clear(&out);
}
END_TEST

START_TEST(values_nest)
{
	struct buf out;
	struct json j;

	buf_init(&out, LIMIT);
	json_init(&j, &out);
	json_object(&j, NULL);
	json_u64(&j, "u", UINT64_MAX);
	json_i64(&j, "i", INT64_MIN);
	json_array(&j, "a");
	json_bool(&j, NULL, true);
	json_bool(&j, NULL, false);
	json_object(&j, NULL);
	json_end(&j);
	json_array(&j, NULL);
	json_end(&j);
	json_null(&j, NULL);
	json_end(&j);
	json_hex(&j, "h", "\x00\xaf", 2);
	json_str(&j, "n\"", NULL);
	json_str(&j, "s", "x");
	json_end(&j);
	buf_put_u8(&out, 0);
	ck_assert_str_eq((char *)out.data,
	    "{\"u\":18446744073709551615,\"i\":-9223372036854775808,"
	    "\"a\":[true,false,{},[],null],\"h\":\"00af\",\"n\\\"\":null,"
	    "\"s\":\"x\"}");
	buf_clear(&out);
}
END_TEST

static int
nest(void *arg)
{
	struct buf out;
	struct json j;
	int i;

	buf_init(&out, LIMIT);
	json_init(&j, &out);
	for (i = 0; i < *(int *)arg; i++)
		json_array(&j, NULL);
	while (i-- > 0)
		json_end(&j);
	buf_clear(&out);
	return 0;
}

START_TEST(depth_is_limited)
{
	int deepest = JSON_DEPTH_MAX;
	int deeper = JSON_DEPTH_MAX + 1;
	int status;

	ck_assert_int_eq(nest(&deepest), 0);
	status = scratch_fork(nest, &deeper);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

static int
key_missing(void *arg)
{
	struct json j;

	json_init(&j, arg);
	json_object(&j, NULL);
	json_null(&j, NULL);
	return 0;
}

static int
key_in_array(void *arg)
{
	struct json j;

	json_init(&j, arg);
	json_array(&j, NULL);
	json_null(&j, "key");
	return 0;
}

static int
end_too_much(void *arg)
{
	struct json j;

	json_init(&j, arg);
	json_end(&j);
	return 0;
}

START_TEST(misuse_is_a_bug)
{
	static scratch_fn *const fns[] = {
	    key_missing, key_in_array, end_too_much};
	struct buf out;
	int status;

	buf_init(&out, LIMIT);
	status = scratch_fork(fns[_i], &out);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	buf_clear(&out);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("json");
	TCase *tcase = tcase_create("json");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(
	    tcase, string_is_escaped, 0, sizeof(strings) / sizeof(strings[0]));
	tcase_add_test(tcase, values_nest);
	tcase_add_test(tcase, depth_is_limited);
	tcase_add_loop_test(tcase, misuse_is_a_bug, 0, 3);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
