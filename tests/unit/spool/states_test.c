/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gatewayd/spool/states.h"

/* What docs/SPOOL.md must say of a row's effects, in this order. */
static const struct {
	unsigned bit;
	const char *word;
} effects[] = {
	{EFF_KEYS, "keys-commit"}, {EFF_INSPECT, "inspect"},
	{EFF_SEAL, "seal"}, {EFF_OPEN, "open"}, {EFF_DELIVER, "deliver"},
	{EFF_WITHDRAW, "withdraw"}, {EFF_NOTICE, "notice"},
	{EFF_RETAIN, "retain"}, {EFF_ACK, "ack"}, {EFF_ERASE, "erase"},
};
#define EFFECTS (sizeof(effects) / sizeof(effects[0]))

static const char *
state_word(unsigned state)
{
	return state == ST_NONE ? "-" :
	    transfer_state_word((enum transfer_state)state);
}

static void
row_line(const struct states_row *row, char *out, size_t size)
{
	char words[128] = "";
	size_t i;

	for (i = 0; i < EFFECTS; i++) {
		if ((row->effects & effects[i].bit) == 0)
			continue;
		if (words[0] != '\0')
			strcat(words, " ");
		strcat(words, effects[i].word);
	}
	snprintf(out, size, "| %s | %s | %s | %s | %s |\n",
	    row->sides == ON_LOW ? "low" : row->sides == ON_HIGH ? "high" :
	    "both", state_word(row->from),
	    states_event_word((enum spool_event)row->event),
	    state_word(row->to), words);
}

static char *
load_doc(void)
{
	FILE *f = fopen(SPOOL_DOC, "re");
	char *text = calloc(1, 200000);

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_gt(fread(text, 1, 199999, f), 0);
	fclose(f);
	return text;
}

/* Every row stands in the document, and no other does. */
START_TEST(test_doc_table)
{
	char *doc = load_doc(), *at;
	char line[256];
	int i, documented = 0;

	for (i = 0; i < states_table_len; i++) {
		row_line(&states_table[i], line, sizeof(line));
		ck_assert_msg(strstr(doc, line) != NULL, "SPOOL.md lacks: %s",
		    line);
	}
	for (at = doc; (at = strstr(at, "\n| ")) != NULL; at++) {
		if (strncmp(at, "\n| low |", 8) == 0 ||
		    strncmp(at, "\n| high |", 9) == 0 ||
		    strncmp(at, "\n| both |", 9) == 0)
			documented++;
	}
	ck_assert_int_eq(documented, states_table_len);
	free(doc);
}
END_TEST

/* Every state has a section that says what a crash leaves. */
START_TEST(test_doc_states)
{
	char *doc = load_doc(), *at, *end;
	char head[64];
	unsigned state;

	for (state = 1; state < ST_COUNT; state++) {
		snprintf(head, sizeof(head), "\n### %s\n",
		    transfer_state_word((enum transfer_state)state));
		at = strstr(doc, head);
		ck_assert_msg(at != NULL, "SPOOL.md lacks %s", head);
		end = strstr(at + strlen(head), "\n### ");
		if (end != NULL)
			*end = '\0';
		ck_assert_msg(strstr(at, "Responsible:") != NULL, "%s", head);
		ck_assert_msg(strstr(at, "Crash:") != NULL, "%s", head);
		if (end != NULL)
			*end = '\n';
	}
	free(doc);
}
END_TEST

/* Every pair of state and event is in the table once, or impossible. */
START_TEST(test_every_pair)
{
	const struct states_row *row;
	int side, i, n;
	unsigned from, event, found = 0;

	for (side = SIDE_LOW; side <= SIDE_HIGH; side++)
	for (from = 0; from < ST_COUNT; from++)
	for (event = 0; event < EV_COUNT; event++) {
		n = 0;
		for (i = 0; i < states_table_len; i++) {
			row = &states_table[i];
			n += (row->sides >> side & 1) && row->from == from &&
			    row->event == event;
		}
		ck_assert_int_le(n, 1);
		row = states_find((enum side)side, from,
		    (enum spool_event)event);
		ck_assert_int_eq(row != NULL, n);
		if (row == NULL)
			continue;
		found++;
		ck_assert_uint_eq(row->from, from);
		ck_assert_uint_eq(row->event, event);
	}
	ck_assert_uint_gt(found, (unsigned)states_table_len);
	ck_assert_ptr_null(states_find((enum side)3, ST_HELD, EV_GO));
	ck_assert_ptr_null(states_find(SIDE_LOW, ST_COUNT, EV_GO));
}
END_TEST

/* From every state that can be reached there is a way to the end. */
START_TEST(test_no_dead_end)
{
	bool reached[3][ST_COUNT] = {{false}}, ends[3][ST_COUNT] = {{false}};
	const struct states_row *row;
	int i, side, turn;

	reached[SIDE_LOW][ST_RECEIVING] = true;
	reached[SIDE_HIGH][ST_NONE] = true;
	for (turn = 0; turn < ST_COUNT * 2; turn++)
	for (side = SIDE_LOW; side <= SIDE_HIGH; side++) {
		ends[side][ST_ERASED] = true;
		for (i = 0; i < states_table_len; i++) {
			row = &states_table[i];
			if ((row->sides >> side & 1) == 0)
				continue;
			if (reached[side][row->from])
				reached[side][row->to] = true;
			if (ends[side][row->to])
				ends[side][row->from] = true;
		}
	}
	for (side = SIDE_LOW; side <= SIDE_HIGH; side++)
	for (i = 1; i < ST_COUNT; i++) {
		if (reached[side][i])
			ck_assert_msg(ends[side][i], "side %d: %s never ends",
			    side, state_word((unsigned)i));
	}
}
END_TEST

/* What is published or gone can never be delivered or withdrawn. */
START_TEST(test_never)
{
	static const unsigned gone[] = {ST_DELIVERED, ST_ERASED, ST_REJECTED,
	    ST_QUARANTINED, ST_WITHDRAWN, ST_EXPIRED, ST_REVOKED};
	const struct states_row *row;
	int i;
	size_t k;

	for (i = 0; i < states_table_len; i++) {
		row = &states_table[i];
		for (k = 0; k < sizeof(gone) / sizeof(gone[0]); k++) {
			if (row->from == gone[k])
				ck_assert_uint_eq(row->to, ST_ERASED);
		}
		/* Only what was decided GO is sealed or delivered. */
		if (row->to == ST_SEALED)
			ck_assert(row->from == ST_INSPECTED ||
			    row->from == ST_APPROVED);
		if (row->to == ST_DELIVERING)
			ck_assert_uint_eq(row->from, ST_REINSPECTED);
		if (row->to == ST_DELIVERED)
			ck_assert_uint_eq(row->from, ST_DELIVERING);
		if (row->to == ST_REINSPECTED || row->to == ST_INSPECTED ||
		    row->to == ST_APPROVED)
			ck_assert_uint_eq(row->event, EV_GO);
	}
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *s = suite_create("states");
	TCase *tc = tcase_create("states");
	SRunner *sr;
	char line[256];
	int failed, i;

	/* For whoever edits the table: its form in the document. */
	if (argc > 1 && strcmp(argv[1], "--print") == 0) {
		for (i = 0; i < states_table_len; i++) {
			row_line(&states_table[i], line, sizeof(line));
			fputs(line, stdout);
		}
		return 0;
	}
	tcase_add_test(tc, test_doc_table);
	tcase_add_test(tc, test_doc_states);
	tcase_add_test(tc, test_every_pair);
	tcase_add_test(tc, test_no_dead_end);
	tcase_add_test(tc, test_never);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
