/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/sha256.h"
#include "proto/crypto/merkle.h"

#include "tests/unit/proto/support.h"

/* The eight leaves and roots of the test data of Certificate Transparency. */
static const char *const leaves[] = {
	"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
	"606162636465666768696a6b6c6d6e6f"
};
static const char *const roots[] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
};

START_TEST(roots_match_rfc6962)
{
	uint8_t data[16], leaf[32], root[32], expect[32];
	struct merkle m;
	size_t i, len;

	merkle_init(&m);
	for (i = 0; i <= 8; i++) {
		ck_assert_int_eq(merkle_root(&m, root), GW_OK);
		unhex(roots[i], expect, sizeof(expect));
		ck_assert_mem_eq(root, expect, sizeof(root));
		if (i == 8)
			break;
		len = unhex(leaves[i], data, sizeof(data));
		ck_assert_int_eq(merkle_leaf(data, len, leaf), GW_OK);
		ck_assert_int_eq(merkle_add(&m, leaf), GW_OK);
	}
}
END_TEST

/* The recursive definition of RFC 6962, section 2.1. */
static void
naive(const uint8_t (*leaf)[32], size_t n, uint8_t out[32])
{
	uint8_t left[32], right[32];
	size_t k = 1;

	if (n == 1) {
		memcpy(out, leaf[0], 32);
		return;
	}
	while (k * 2 < n)
		k *= 2;
	naive(leaf, k, left);
	naive(leaf + k, n - k, right);
	ck_assert_int_eq(merkle_node(left, right, out), GW_OK);
}

START_TEST(roots_match_the_definition)
{
	static uint8_t leaf[130][32];
	uint8_t root[32], expect[32];
	struct merkle m;
	size_t i;

	merkle_init(&m);
	for (i = 0; i < 130; i++) {
		ck_assert_int_eq(merkle_leaf(&i, sizeof(i), leaf[i]), GW_OK);
		ck_assert_int_eq(merkle_add(&m, leaf[i]), GW_OK);
		ck_assert_int_eq(merkle_root(&m, root), GW_OK);
		naive((const uint8_t (*)[32])leaf, i + 1, expect);
		ck_assert_mem_eq(root, expect, sizeof(root));
	}
}
END_TEST

START_TEST(count_is_bounded)
{
	uint8_t leaf[32] = { 0 };
	struct merkle m;

	merkle_init(&m);
	m.count = UINT64_MAX;
	ck_assert_int_eq(merkle_add(&m, leaf), GW_ELIMIT);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("merkle");

	tcase_add_test(tc, roots_match_rfc6962);
	tcase_add_test(tc, roots_match_the_definition);
	tcase_add_test(tc, count_is_bounded);
	return run_case(tc);
}
