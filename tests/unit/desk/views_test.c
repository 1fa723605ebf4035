/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#include "gatewayd/desk/views.h"

static uint64_t fake_mono = 1000;

static uint64_t
now(void *arg)
{
	(void)arg;
	return fake_mono;
}

static const uint8_t id_a[16] = {1, 2, 3}, id_b[16] = {1, 2, 4};

START_TEST(test_views)
{
	struct views *v = views_new();
	struct view *a;
	const uint8_t *bytes;
	size_t len;

	ck_assert_ptr_null(views_get(v, 1, id_a, "N1"));
	views_add(v, 1, id_a, "N1", (const uint8_t *)"abc", 3);
	ck_assert_ptr_null(views_get(v, 2, id_a, "N1"));
	ck_assert_ptr_null(views_get(v, 1, id_b, "N1"));
	ck_assert_ptr_null(views_get(v, 1, id_a, "N2"));
	a = views_get(v, 1, id_a, "N1");
	ck_assert_ptr_nonnull(a);
	/* Who holds it keeps it, whatever becomes of the table. */
	fake_mono += VIEWS_KEEP_MS + 1;
	ck_assert_ptr_null(views_get(v, 1, id_a, "N1"));
	bytes = views_bytes(a, &len);
	ck_assert_uint_eq(len, 3);
	ck_assert_mem_eq(bytes, "abc", 3);
	views_release(a);
	views_release(NULL);
	views_free(v);
	views_free(NULL);
}
END_TEST

START_TEST(test_bounds)
{
	struct views *v = views_new();
	uint8_t *bytes = mem_alloc(VIEWS_ONE_MAX + 1);
	struct view *view;
	uint8_t id[16] = {0};
	int i, kept = 0, n = 2 * VIEWS_BYTES_MAX / VIEWS_ONE_MAX;

	views_add(v, 1, id_a, "N1", bytes, VIEWS_ONE_MAX + 1);
	ck_assert_ptr_null(views_get(v, 1, id_a, "N1"));
	for (i = 0; i < n; i++) {
		id[0] = (uint8_t)i;
		views_add(v, 1, id, "N1", bytes, VIEWS_ONE_MAX);
	}
	for (i = 0; i < n; i++) {
		id[0] = (uint8_t)i;
		view = views_get(v, 1, id, "N1");
		kept += view != NULL ? 1 : 0;
		/* The oldest went first. */
		ck_assert(kept == 0 || view != NULL);
		views_release(view);
	}
	ck_assert_int_eq(kept, n / 2);
	/* A newer copy takes the place of the older one. */
	views_add(v, 1, id, "N1", (const uint8_t *)"new", 3);
	view = views_get(v, 1, id, "N1");
	ck_assert_mem_eq(views_bytes(view, &(size_t){0}), "new", 3);
	views_release(view);
	mem_free(bytes);
	views_free(v);
}
END_TEST

int
main(void)
{
	static const struct clock_source source = {now, now, NULL};
	Suite *s = suite_create("views");
	TCase *tc = tcase_create("views");
	SRunner *r;
	int failed;

	clock_set_source(&source);
	tcase_add_test(tc, test_views);
	tcase_add_test(tc, test_bounds);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
