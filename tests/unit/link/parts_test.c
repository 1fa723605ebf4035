/* SPDX-License-Identifier: ISC */
#include <netinet/in.h>
#include <string.h>

#include <check.h>

#include "gatewayd/link/address.h"
#include "gatewayd/link/limits.h"

START_TEST(addresses_are_numeric)
{
	static const char *const good[] = {"127.0.0.1:7443", "0.0.0.0:1",
	    "[::1]:7443", "[fe80::1]:65535", "10.1.2.3:65535"};
	static const char *const bad[] = {"", ":", "127.0.0.1",
	    "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:7443x",
	    "127.0.0.1: 7443", "127.0.0.1:+7443", "localhost:7443", "::1:7443",
	    "[::1]7443", "[::1]", "[::1", "[127.0.0.1]:7443", "1.2.3.4.5:6",
	    "127.0.0.1:99999999999999999999"};
	struct sockaddr_storage sa;
	socklen_t len;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(
		    address_parse(good[i], &sa, &len) == GW_OK, "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(address_parse(bad[i], &sa, &len) == GW_EFORMAT,
		    "%s", bad[i]);
	ck_assert_int_eq(address_parse("[::1]:7443", &sa, &len), GW_OK);
	ck_assert_uint_eq(address_port(&sa), 7443);
	ck_assert_uint_eq(len, sizeof(struct sockaddr_in6));
}
END_TEST

static struct sockaddr_storage
host(uint32_t n)
{
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr = {htonl(0x0a000000u + n)}};
	struct sockaddr_storage sa = {0};

	memcpy(&sa, &in, sizeof(in));
	return sa;
}

START_TEST(one_address_has_its_share)
{
	struct limits *l = limits_new();
	struct sockaddr_storage a = host(1), b = host(2);
	int n = 0;

	while (n < 1000 && limits_may_come(l, &a))
		n++;
	ck_assert_int_eq(n, LIMITS_WINDOW_MAX);
	ck_assert(!limits_may_come(l, &a));
	ck_assert(limits_may_come(l, &b));
	limits_free(l);
}
END_TEST

/* A flood from everywhere forgets addresses, and still lets the new in. */
START_TEST(many_addresses_are_no_harm)
{
	struct limits *l = limits_new();

	for (uint32_t i = 0; i < 10000; i++) {
		struct sockaddr_storage a = host(i);

		ck_assert(limits_may_come(l, &a));
	}
	limits_free(l);
}
END_TEST

START_TEST(refusals_are_counted)
{
	struct limits *l = limits_new();

	for (int i = 0; i < 5; i++)
		limits_refused(l, "a test");
	ck_assert_uint_eq(limits_refused_count(l), 5);
	limits_free(l);
}
END_TEST

START_TEST(hosts_are_compared_without_ports)
{
	struct sockaddr_storage a, b;
	socklen_t len;

	ck_assert_int_eq(address_parse("10.0.0.1:5", &a, &len), GW_OK);
	ck_assert_int_eq(address_parse("10.0.0.1:6", &b, &len), GW_OK);
	ck_assert(limits_same_host(&a, &b));
	ck_assert_int_eq(address_parse("10.0.0.2:5", &b, &len), GW_OK);
	ck_assert(!limits_same_host(&a, &b));
	ck_assert_int_eq(address_parse("[2001:db8::1]:5", &a, &len), GW_OK);
	ck_assert(!limits_same_host(&a, &b));
	ck_assert_int_eq(address_parse("[2001:db8::9]:5", &b, &len), GW_OK);
	ck_assert(limits_same_host(&a, &b));
	ck_assert_int_eq(address_parse("[2001:db9::1]:5", &b, &len), GW_OK);
	ck_assert(!limits_same_host(&a, &b));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link/parts");
	TCase *t = tcase_create("parts");
	SRunner *runner;
	int failed;

	tcase_add_test(t, addresses_are_numeric);
	tcase_add_test(t, one_address_has_its_share);
	tcase_add_test(t, many_addresses_are_no_harm);
	tcase_add_test(t, refusals_are_counted);
	tcase_add_test(t, hosts_are_compared_without_ports);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
