/* SPDX-License-Identifier: ISC */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/sha256.h"

/* FIPS 180-4 examples of NIST. */
static const struct {
	const char *text;
	uint8_t digest[SHA256_LEN];
} vectors[] = {
    {"", {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
	     0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
	     0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}},
    {"abc",
	{0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde,
	    0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a,
	    0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad}},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	{0x24, 0x8d, 0x6a, 0x61, 0xd2, 0x06, 0x38, 0xb8, 0xe5, 0xc0, 0x26, 0x93,
	    0x0c, 0x3e, 0x60, 0x39, 0xa3, 0x3c, 0xe4, 0x59, 0x64, 0xff, 0x21,
	    0x67, 0xf6, 0xec, 0xed, 0xd4, 0x19, 0xdb, 0x06, 0xc1}},
};

START_TEST(vector_agrees)
{
	const char *text = vectors[_i].text;
	size_t size = strlen(text), at;
	uint8_t out[SHA256_LEN];
	struct sha256 *hash = NULL;

	ck_assert_int_eq(sha256_of(text, size, out), GW_OK);
	ck_assert_mem_eq(out, vectors[_i].digest, SHA256_LEN);
	/* In two pieces, at every cut, with one object. */
	ck_assert_int_eq(sha256_new(&hash), GW_OK);
	for (at = 0; at <= size; at++) {
		ck_assert_int_eq(sha256_update(hash, text, at), GW_OK);
		ck_assert_int_eq(
		    sha256_update(hash, text + at, size - at), GW_OK);
		memset(out, 0, sizeof(out));
		ck_assert_int_eq(sha256_final(hash, out), GW_OK);
		ck_assert_mem_eq(out, vectors[_i].digest, SHA256_LEN);
	}
	sha256_free(hash);
	sha256_free(NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sha256");
	TCase *tcase = tcase_create("sha256");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(
	    tcase, vector_agrees, 0, sizeof(vectors) / sizeof(vectors[0]));
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
