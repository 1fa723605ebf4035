/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"

#include "proto/ipc/types.h"
#include "proto/record/transfer_state.h"

#include "gatewayctl/menu.h"

#define ARGS_MAX 16

/* Parse a line split at blanks; the words live until the next call. */
static enum gw_err
parse(const char *line, struct options *o)
{
	static char text[512];
	static char *argv[ARGS_MAX + 1];
	int argc = 0;
	char *word, *save = NULL;

	snprintf(text, sizeof(text), "gatewayctl %s", line);
	for (word = strtok_r(text, " ", &save); word != NULL;
	    word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;
	return options_parse(argc, argv, o);
}

START_TEST(test_anywhere)
{
	struct options o;
	const struct menu_row *row;

	ck_assert_int_eq(parse("--dir /d --lang en --json transfers list "
	    "--side low --files --limit 0", &o), GW_OK);
	ck_assert_str_eq(o.dir, "/d");
	ck_assert(o.is_json && o.is_en);
	row = menu_find(&o);
	ck_assert_ptr_nonnull(row);
	ck_assert_int_eq(row->verb, VERB_TRANSFERS_LIST);
	ck_assert_int_eq(o.arg_count, 0);
	ck_assert_int_eq(parse("pair accept card.bin --digits 1 "
	    "--secret-file f", &o), GW_OK);
	row = menu_find(&o);
	ck_assert_ptr_nonnull(row);
	ck_assert_str_eq(o.args[0], "card.bin");
	ck_assert_str_eq(o.values[OPT_DIGITS], "1");
}
END_TEST

START_TEST(test_refused)
{
	static const char *const lines[] = {
		"", "nonsense", "transfers", "transfers nonsense",
		"transfers show", "transfers show A B", "status extra",
		"status --files", "init DIR", "send FLOW",
		"transfers list --digits 1",
	};
	static const char *const bad[] = {
		"status --lang fr", "status --nonsense", "status --dir",
	};
	struct options o;
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		ck_assert_int_eq(parse(lines[i], &o), GW_OK);
		ck_assert_msg(menu_find(&o) == NULL, "%s", lines[i]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(parse(bad[i], &o) == GW_EINVAL, "%s", bad[i]);
}
END_TEST

/* What is not built is not offered. */
START_TEST(test_not_in_menu)
{
	static const char *const lines[] = {
		"transfers resend N", "transfers password N",
		"quarantine erase N", "spool check", "spool rebuild",
		"backup", "restore", "signatures status",
		"signatures install F", "signatures rollback",
	};
	struct options o;
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		ck_assert_int_eq(parse(lines[i], &o), GW_OK);
		ck_assert_msg(menu_find(&o) == NULL, "%s", lines[i]);
	}
}
END_TEST

START_TEST(test_language)
{
	static const struct {
		const char *all, *messages, *lang;
		bool is_en;
	} cases[] = {
		{NULL, NULL, NULL, false}, {NULL, NULL, "C", false},
		{NULL, NULL, "C.UTF-8", false}, {NULL, NULL, "POSIX", false},
		{NULL, NULL, "en_US.UTF-8", true},
		{NULL, NULL, "ja_JP.UTF-8", false},
		{"ja_JP.UTF-8", NULL, "en_US.UTF-8", false},
		{"", "en_GB", "ja_JP", true}, {"de_DE", "ja_JP", "", true},
	};
	struct options o;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsetenv("LC_ALL");
		unsetenv("LC_MESSAGES");
		unsetenv("LANG");
		if (cases[i].all != NULL)
			setenv("LC_ALL", cases[i].all, 1);
		if (cases[i].messages != NULL)
			setenv("LC_MESSAGES", cases[i].messages, 1);
		if (cases[i].lang != NULL)
			setenv("LANG", cases[i].lang, 1);
		ck_assert_int_eq(parse("status", &o), GW_OK);
		ck_assert_msg(o.is_en == cases[i].is_en, "case %zu", i);
	}
	ck_assert_int_eq(parse("status --lang ja", &o), GW_OK);
	ck_assert(!o.is_en);
}
END_TEST

static uint64_t
now(void *arg)
{
	(void)arg;
	return UINT64_C(1775048400000);	/* 2026-04-01T22:00 JST */
}

START_TEST(test_time)
{
	static const struct clock_source source = {now, now, NULL};
	const uint64_t day = UINT64_C(1774969200000); /* 2026-04-01 JST */
	const struct {
		const char *text;
		uint64_t ms;
	} good[] = {
		{"2026-04-01", day}, {"today", day},
		{"yesterday", day - 86400000}, {"今日", day},
		{"2026-04-01T09:30", day + 34200000},
		{"2026-04-01 09:30:05", day + 34205000},
		{"2026-04-01T09:30:05+09:00", day + 34205000},
		{"1d", UINT64_C(1775048400000) - 86400000},
		{"12h", UINT64_C(1775048400000) - 43200000},
		{"30m", UINT64_C(1775048400000) - 1800000},
	};
	static const char *const bad[] = {"", "x", "2026-02-30", "2026-13-01",
		"2026-04-01T25:00", "2026-04-01T09", "2026-04-01x", "5", "5y",
		"-1d", "2026-04-01T09:00:99", "2026-04-01T09:00Z"};
	uint64_t ms;
	size_t i;

	clock_set_source(&source);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(options_time(good[i].text, &ms) == GW_OK, "%s",
		    good[i].text);
		ck_assert_msg(ms == good[i].ms, "%s: %llu", good[i].text,
		    (unsigned long long)ms);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(options_time(bad[i], &ms) == GW_EFORMAT, "%s",
		    bad[i]);
	clock_set_source(NULL);
}
END_TEST

START_TEST(test_fill)
{
	struct request req = {0};
	struct options o;

	ck_assert_int_eq(parse("transfers list --flow f --state held --side "
	    "high --limit 7 --files --since 2026-04-01 --lang en", &o),
	    GW_OK);
	ck_assert_int_eq(options_fill(&o, &req), GW_OK);
	ck_assert_str_eq(req.flow, "f");
	ck_assert_uint_eq(req.states, 1u << ST_HELD);
	ck_assert_uint_eq(req.side, SIDE_HIGH);
	ck_assert_uint_eq(req.limit, 7);
	ck_assert_uint_eq(req.wants_files, 1);
	ck_assert_int_eq(req.lang, REQUEST_EN);
	ck_assert_uint_eq(req.has, ARG_BIT(ARG_FLOW) | ARG_BIT(ARG_STATES) |
	    ARG_BIT(ARG_SIDE) | ARG_BIT(ARG_LIMIT) | ARG_BIT(ARG_FILES) |
	    ARG_BIT(ARG_SINCE));
}
END_TEST

START_TEST(test_fill_refuses)
{
	static const char *const lines[] = {
		"transfers list --state nonsense", "transfers list --side up",
		"transfers list --limit -1", "transfers list --limit 5x",
		"transfers list --since nonsense", "log search --event x",
		("transfers list --flow "
		    "too-long-by-one-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	};
	struct request req;
	struct options o;
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		memset(&req, 0, sizeof(req));
		ck_assert_int_eq(parse(lines[i], &o), GW_OK);
		ck_assert_msg(options_fill(&o, &req) == GW_EINVAL, "%s",
		    lines[i]);
	}
}
END_TEST

/* --- menu, help and manual page tell the same --------------------------- */

static char *
load_page(void)
{
	uint8_t *text;
	size_t len;
	int dirfd;

	ck_assert_int_eq(io_open_dir(GW_SOURCE_DIR "/docs/man", &dirfd),
	    GW_OK);
	ck_assert_int_eq(io_load_file(dirfd, "gatewayctl.1", 1u << 20, &text,
	    &len), GW_OK);
	io_drop(&dirfd);
	return (char *)text;
}

static char *
help_text(bool is_en)
{
	struct options o = {.is_en = is_en};
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	menu_help(&o, NULL, out);
	fclose(out);
	return text;
}

START_TEST(test_help_and_page)
{
	char *page = load_page(), *ja = help_text(false), *en = help_text(true);
	const struct menu_row *row;
	char words[128], item[160];
	int i;

	for (i = 0; i < menu_count; i++) {
		row = &menu_table[i];
		snprintf(words, sizeof(words), "%s%s%s", row->first,
		    row->second == NULL ? "" : " ",
		    row->second == NULL ? "" : row->second);
		snprintf(item, sizeof(item), ".It Ic %s", words);
		ck_assert_msg(strstr(page, item) != NULL, "page: %s", words);
		ck_assert_msg(strstr(ja, words) != NULL, "ja: %s", words);
		ck_assert_msg(strstr(en, words) != NULL, "en: %s", words);
		ck_assert_msg(strstr(ja, row->ja) != NULL, "ja: %s", words);
		ck_assert_msg(strstr(en, row->en) != NULL, "en: %s", words);
		ck_assert_uint_eq(row->needs & ~row->takes, 0);
	}
	for (i = 0; i < OPT_COUNT; i++) {
		snprintf(item, sizeof(item), "Fl -%s",
		    options_word((enum options_bit)i));
		ck_assert_msg(strstr(page, item) != NULL, "page: %s", item);
		snprintf(item, sizeof(item), "--%s",
		    options_word((enum options_bit)i));
		ck_assert_msg(strstr(ja, item) != NULL, "ja: %s", item);
		ck_assert_msg(strstr(en, item) != NULL, "en: %s", item);
	}
	mem_free(page);
	free(ja);
	free(en);
}
END_TEST

/* Every verb desk knows is reached by a command, under its name. */
START_TEST(test_verbs)
{
	static const enum request_verb verbs[] = {
#define X(name, value, word) name,
		REQUEST_VERB_TABLE(X)
#undef X
	};
	const struct menu_row *row;
	char words[128];
	size_t i;
	int j;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		for (j = 0; j < menu_count; j++) {
			row = &menu_table[j];
			if (row->verb != verbs[i])
				continue;
			snprintf(words, sizeof(words), "%s%s%s", row->first,
			    row->second == NULL ? "" : " ",
			    row->second == NULL ? "" : row->second);
			ck_assert_str_eq(words, request_verb_word(verbs[i]));
			break;
		}
		ck_assert_msg(j < menu_count, "%s",
		    request_verb_word(verbs[i]));
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("options");
	TCase *tc = tcase_create("options");
	SRunner *r;
	int failed;

	tcase_add_test(tc, test_anywhere);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_not_in_menu);
	tcase_add_test(tc, test_language);
	tcase_add_test(tc, test_time);
	tcase_add_test(tc, test_fill);
	tcase_add_test(tc, test_fill_refuses);
	tcase_add_test(tc, test_help_and_page);
	tcase_add_test(tc, test_verbs);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
