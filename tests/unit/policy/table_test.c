/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "policy/digest.h"
#include "policy/eval.h"

#include "tests/unit/policy/support.h"

/* Bytes as they are in a sealed memfd, digests and all. */
static int
raw_memfd(const void *bytes, size_t size)
{
	int fd = -1;

	ck_assert_int_eq(io_memfd("test", &fd), GW_OK);
	ck_assert_int_eq(io_write_full(fd, bytes, size), GW_OK);
	ck_assert_int_eq(io_seal(fd), GW_OK);
	return fd;
}

static enum gw_err
map_raw(const struct policy_table *t, size_t size)
{
	const struct policy_table *map = NULL;
	int fd = raw_memfd(t, size);
	enum gw_err err;

	err = policy_map(fd, &map);
	ck_assert((err == GW_OK) == (map != NULL));
	policy_unmap(map);
	io_drop(&fd);
	return err;
}

START_TEST(round_trip)
{
	struct policy_table *t = support_table();
	const struct policy_table *map = NULL;
	int fd = -1;

	ck_assert_int_eq(policy_to_memfd(t, &fd), GW_OK);
	ck_assert_int_eq(policy_map(fd, &map), GW_OK);
	ck_assert_mem_eq(map, t, sizeof(*t));
	ck_assert_ptr_nonnull(policy_find_flow(map, "documents"));
	ck_assert_ptr_null(policy_find_flow(map, "document"));
	ck_assert_ptr_nonnull(policy_find_channel(map, "lgwan-internet"));
	ck_assert_ptr_null(policy_find_channel(map, ""));
	/* The map does not need the fd. */
	io_drop(&fd);
	ck_assert_str_eq(map->zone.zone, "lgwan");
	policy_unmap(map);
	policy_unmap(NULL);
	mem_free(t);
}
END_TEST

/* A table made by hand needs no digests of its own. */
START_TEST(memfd_sets_digests)
{
	struct policy_table *t = support_table();
	const struct policy_table *map = NULL;
	int fd = -1;

	t->magic = 0;
	t->flows[0].weight = 50;
	memset(t->digest, 0, sizeof(t->digest));
	ck_assert_int_eq(policy_to_memfd(t, &fd), GW_OK);
	ck_assert_int_eq(policy_map(fd, &map), GW_OK);
	ck_assert_uint_eq(map->flows[0].weight, 50);
	ck_assert_int_ne(memcmp(map->flows[0].digest, t->flows[0].digest, 32),
	    0);
	policy_unmap(map);
	io_drop(&fd);
	mem_free(t);
}
END_TEST

START_TEST(unsealed_is_refused)
{
	struct policy_table *t = support_table();
	const struct policy_table *map = NULL;
	int fd = -1, pipes[2];

	ck_assert_int_eq(io_memfd("test", &fd), GW_OK);
	ck_assert_int_eq(io_write_full(fd, t, sizeof(*t)), GW_OK);
	ck_assert_int_eq(policy_map(fd, &map), GW_EPROTO);
	io_drop(&fd);
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(policy_map(pipes[0], &map), GW_EPROTO);
	ck_assert_ptr_null(map);
	close(pipes[0]);
	close(pipes[1]);
	mem_free(t);
}
END_TEST

START_TEST(other_sizes_and_versions_are_refused)
{
	struct policy_table *t = support_table();

	ck_assert_int_eq(map_raw(t, sizeof(*t)), GW_OK);
	ck_assert_int_eq(map_raw(t, sizeof(*t) - 1), GW_EFORMAT);
	ck_assert_int_eq(map_raw(t, 0), GW_EFORMAT);
	t->magic++;
	ck_assert_int_eq(map_raw(t, sizeof(*t)), GW_EFORMAT);
	t->magic--;
	t->version++;
	ck_assert_int_eq(map_raw(t, sizeof(*t)), GW_EVERSION);
	t->version--;
	t->size++;
	ck_assert_int_eq(map_raw(t, sizeof(*t)), GW_EFORMAT);
	mem_free(t);
}
END_TEST

static void
check_flip(struct policy_table *t, size_t at, unsigned bit)
{
	uint8_t *bytes = (uint8_t *)t;

	bytes[at] ^= (uint8_t)(1u << bit);
	ck_assert_msg(map_raw(t, sizeof(*t)) != GW_OK,
	    "bit %u of byte %zu counts for nothing", bit, at);
	bytes[at] ^= (uint8_t)(1u << bit);
}

START_TEST(every_bit_counts)
{
	struct policy_table *t = support_table();
	size_t at, head = offsetof(struct policy_table, zone);
	unsigned seed = 1;
	int i;

	for (at = 0; at < head; at++)
		check_flip(t, at, (unsigned)at % 8);
	for (i = 0; i < 100; i++)
		check_flip(t, (size_t)rand_r(&seed) % sizeof(*t),
		    (unsigned)i % 8);
	ck_assert_int_eq(map_raw(t, sizeof(*t)), GW_OK);
	mem_free(t);
}
END_TEST

/* Whoever can make digests right still cannot bend these. */
static void
spoil(struct policy_table *t, int n)
{
	struct policy_flow *f = &t->flows[0];

	switch (n) {
	case 0: f->accept |= TYPE_BIT(TYPE_EXECUTABLE); break;
	case 1: f->accept |= TYPE_BIT(TYPE_UNKNOWN); break;
	case 2: f->accept |= TYPE_BIT(63); break;
	case 3: f->stages &= ~STAGE_BIT(STAGE_CLAM); break;
	case 4: f->stages &= ~STAGE_BIT(STAGE_IDENTIFY); break;
	case 5: f->stages &= ~STAGE_BIT(STAGE_MANIFEST); break;
	case 6: f->stages = 0; break;
	case 7: f->stages = STAGE_BIT(STAGE_NULL); break;
	case 8: f->stages |= STAGE_BIT(STAGE_COUNT); break;
	case 9: f->accept = TYPE_BIT(TYPE_COUNT); break;
	case 10: f->on_exists = EXISTS_REPLACE + 1; break;
	case 11: f->recipient_count = POLICY_RECIPIENTS_MAX + 1; break;
	case 12: f->step_count = POLICY_STEPS_MAX + 1; break;
	case 13: f->sanitize = 99; break;
	case 14: f->deliver = 0; break;
	case 15: f->submitter = SUBMITTER_FIXED + 1; break;
	case 16: t->channels[0].role = 0; break;
	case 17: t->channels[0].carrier = 2; break;
	case 18: t->channels[1].ack = 0; break;
	case 19: t->channel_count = POLICY_CHANNELS_MAX + 1; break;
	case 20: t->person_count = POLICY_PEOPLE_MAX + 1; break;
	case 21: t->zone.workers = 0; break;
	case 22: t->zone.lang = 2; break;
	case 23: f->complete = COMPLETE_QUIET + 1; break;
	case 24: f->deliver = DELIVER_BOTH + 1; break;
	}
}
#define SPOILS 25

START_TEST(rules_hold_in_the_compiled_form)
{
	struct policy_table *t = support_table();

	spoil(t, _i);
	ck_assert_int_eq(policy_table_finish(t), GW_OK);
	ck_assert_int_eq(map_raw(t, sizeof(*t)), GW_EFORMAT);
	mem_free(t);
}
END_TEST

#define TEXT(member)                                                          \
	{offsetof(struct policy_table, member),                               \
	    sizeof(((struct policy_table *)0)->member)}

START_TEST(every_text_ends)
{
	static const struct {
		size_t at, size;
	} texts[] = {TEXT(zone.zone), TEXT(zone.letter), TEXT(zone.state_dir),
	    TEXT(zone.folders), TEXT(zone.signature_dir),
	    TEXT(channels[1].id), TEXT(channels[1].peer),
	    TEXT(channels[1].address), TEXT(people[1].account),
	    TEXT(flows[0].id), TEXT(flows[0].from), TEXT(flows[0].to),
	    TEXT(flows[0].channel), TEXT(flows[0].purpose),
	    TEXT(flows[0].legal_ground), TEXT(flows[0].owner_section),
	    TEXT(flows[0].contact), TEXT(flows[0].class),
	    TEXT(flows[0].submitter_name), TEXT(flows[0].recipients[0]),
	    TEXT(flows[0].recipients[63])};
	struct policy_table *t;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		t = support_table();
		memset((char *)t + texts[i].at, 'x', texts[i].size);
		ck_assert_int_eq(policy_table_finish(t), GW_OK);
		ck_assert_msg(map_raw(t, sizeof(*t)) == GW_EFORMAT,
		    "text %zu", i);
		mem_free(t);
	}
}
END_TEST

/* The flow's own digest is checked too, whatever the table's says. */
START_TEST(flow_digest_is_checked)
{
	struct policy_table *t = support_table();

	t->flows[0].digest[5] ^= 1;
	ck_assert_int_eq(policy_table_digest(t, t->digest), GW_OK);
	ck_assert_int_eq(map_raw(t, sizeof(*t)), GW_EHASH);
	mem_free(t);
}
END_TEST

START_TEST(flow_count_is_checked)
{
	struct policy_table *t = support_table();

	t->flow_count = POLICY_FLOWS_MAX + 1;
	ck_assert_int_eq(policy_table_digest(t, t->digest), GW_OK);
	ck_assert_int_ne(map_raw(t, sizeof(*t)), GW_OK);
	mem_free(t);
}
END_TEST

START_TEST(types)
{
	unsigned i;

	for (i = 0; i < TYPE_UNKNOWN; i++) {
		ck_assert_uint_eq(
		    policy_type_by_name(policy_type_name(i)), i);
		ck_assert_str_ne(policy_type_label(i, POLICY_JA), "");
		ck_assert_str_ne(policy_type_label(i, POLICY_EN), "");
	}
	ck_assert_uint_eq(policy_type_by_name("docx "), TYPE_UNKNOWN);
	ck_assert_uint_eq(policy_type_by_ext("xlsx"), TYPE_XLSX);
	ck_assert_uint_eq(policy_type_by_ext("jfif"), TYPE_JPEG);
	ck_assert_uint_eq(policy_type_by_ext("exe"), TYPE_EXECUTABLE);
	ck_assert_uint_eq(policy_type_by_ext("xls"), TYPE_XLS);
	ck_assert_uint_eq(policy_type_by_ext(""), TYPE_UNKNOWN);
	ck_assert_uint_eq(policy_type_by_ext("jpg jpeg"), TYPE_UNKNOWN);
	ck_assert(policy_type_has_ext(TYPE_OOXML_MACRO, "potm"));
	ck_assert(!policy_type_has_ext(TYPE_OOXML_MACRO, "pot"));
	ck_assert(!policy_type_has_ext(TYPE_UNKNOWN, ""));
	ck_assert(!policy_type_has_ext(TYPE_COUNT, "pdf"));
	ck_assert_str_eq(policy_type_name(TYPE_COUNT), "unknown");
	ck_assert_str_eq(policy_stage_name(STAGE_CLAM), "clam");
	ck_assert_str_eq(policy_stage_name(STAGE_COUNT), "?");
}
END_TEST

START_TEST(eval_refuses)
{
	const struct policy_flow f = {.accept = TYPE_BIT(TYPE_PDF),
	    .file_bytes = 100, .until_ms = 1000};

	ck_assert_uint_eq(policy_eval_file(&f, 999, 100, TYPE_PDF), 0);
	ck_assert_uint_eq(policy_eval_file(&f, 1000, 100, TYPE_PDF),
	    POLICY_REFUSED_CLOSED);
	ck_assert_uint_eq(policy_eval_file(&f, 0, 101, TYPE_PDF),
	    POLICY_REFUSED_SIZE);
	ck_assert_uint_eq(policy_eval_file(&f, 0, 0, TYPE_CSV),
	    POLICY_REFUSED_TYPE);
	ck_assert_uint_eq(policy_eval_file(&f, 0, 0, TYPE_COUNT),
	    POLICY_REFUSED_TYPE);
	ck_assert_uint_eq(policy_eval_file(&f, 1000, 101, TYPE_CSV),
	    POLICY_REFUSED_TYPE | POLICY_REFUSED_SIZE |
		POLICY_REFUSED_CLOSED);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("policy/table");
	TCase *t = tcase_create("table");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, round_trip);
	tcase_add_test(t, memfd_sets_digests);
	tcase_add_test(t, unsealed_is_refused);
	tcase_add_test(t, other_sizes_and_versions_are_refused);
	tcase_add_test(t, every_bit_counts);
	tcase_add_loop_test(t, rules_hold_in_the_compiled_form, 0, SPOILS);
	tcase_add_test(t, every_text_ends);
	tcase_add_test(t, flow_digest_is_checked);
	tcase_add_test(t, flow_count_is_checked);
	tcase_add_test(t, types);
	tcase_add_test(t, eval_refuses);
	suite_add_tcase(s, t);
	return support_main(s);
}
