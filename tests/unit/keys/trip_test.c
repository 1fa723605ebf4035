/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/header.h"

#include "tests/unit/keys/way.h"

/* Two zones, paired, and a transfer that goes the whole way. */
static struct gate *low, *high;

static void
setup(void)
{
	log_set_level(LOG_ERR_);
	gate_clock_start();
	low = gate_new("internet");
	high = gate_new("lgwan");
	gate_init(low, false);
	gate_init(high, false);
	gate_pair(low, high);
}

static void
teardown(void)
{
	gate_free(low);
	gate_free(high);
}

START_TEST(crosses)
{
	struct keys_grant grants[3];
	struct keys_sealed sealed;
	struct way w, h;
	int fd;

	way_accept(&w, low, 3);
	ck_assert_int_eq(way_decision(&w), DECIDE_INSPECT);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	ck_assert_uint_eq(gate_logged(low, AUDIT_VERDICTS), 3);
	ck_assert_uint_eq(gate_logged(low, AUDIT_DECISION), 1);
	way_seal(&w, &sealed, &fd);
	ck_assert_int_eq(sealed.err, GW_OK);
	ck_assert_uint_eq(sealed.seq, 1);
	ck_assert_str_eq(sealed.channel, "internet-lgwan");
	ck_assert_uint_eq(gate_logged(low, AUDIT_SEALED), 1);

	way_arrive(&h, high, &w, fd);
	ck_assert_uint_eq(gate_logged(high, AUDIT_OPENED), 1);
	ck_assert_uint_eq(gate_logged(high, AUDIT_PEER_ANCHOR), 1);
	ck_assert_int_ne(way_release(&h, 0, 3, grants), GW_OK);
	ck_assert_int_eq(way_decision(&h), DECIDE_INSPECT);
	way_inspect(&h);
	ck_assert_int_ne(way_release(&h, 0, 3, grants), GW_OK);
	ck_assert_int_eq(way_decision(&h), DECIDE_GO);
	ck_assert_int_eq(way_release(&h, 0, 3, grants), GW_OK);
	ck_assert_mem_eq(grants[2].key, w.keys[2], 32);
	ck_assert_mem_eq(grants[2].root, w.roots[2], 32);
	ck_assert_uint_eq(grants[2].plain_len, WAY_PLAIN);
	io_drop(&fd);
}
END_TEST

START_TEST(seals_the_same_bytes_again)
{
	struct keys_sealed first, again;
	uint8_t *a, *b;
	size_t a_len, b_len;
	struct way w;
	int fd, fd2;

	way_accept(&w, low, 70);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	way_seal(&w, &first, &fd);
	ck_assert_int_eq(first.err, GW_OK);
	gate_restart(low);
	gate_clock_move(86400000);
	way_seal(&w, &again, &fd2);
	ck_assert_int_eq(again.err, GW_OK);
	ck_assert_mem_eq(&first, &again, sizeof(first));
	a = way_object_read(fd, &a_len);
	b = way_object_read(fd2, &b_len);
	ck_assert_uint_eq(a_len, b_len);
	ck_assert_mem_eq(a, b, a_len);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	mem_free(a);
	mem_free(b);
	io_drop(&fd);
	io_drop(&fd2);
}
END_TEST

START_TEST(chains_headers)
{
	struct parcel_header h[3];
	struct keys_sealed s[3];
	uint8_t *bytes, hash[32];
	struct way w;
	size_t len;
	int fd, i;

	for (i = 0; i < 3; i++) {
		if (i == 2)
			gate_restart(low);
		way_accept(&w, low, 2);
		way_inspect(&w);
		ck_assert_int_eq(way_decision(&w), DECIDE_GO);
		way_seal(&w, &s[i], &fd);
		ck_assert_int_eq(s[i].err, GW_OK);
		ck_assert_uint_eq(s[i].seq, (uint64_t)i + 1);
		bytes = way_object_read(fd, &len);
		ck_assert_int_eq(header_decode(bytes, 515, &h[i]), GW_OK);
		if (i > 0) {
			ck_assert_int_eq(header_hash(&h[i - 1], hash),
			    GW_OK);
			ck_assert_mem_eq(h[i].prev, hash, 32);
		}
		mem_free(bytes);
		io_drop(&fd);
	}
}
END_TEST

START_TEST(opens_once)
{
	struct keys_opened first, again;
	struct keys_sealed sealed;
	struct way w;
	int fd;

	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	way_seal(&w, &sealed, &fd);
	way_open(high, fd, &first);
	ck_assert_int_eq(first.err, GW_OK);
	gate_restart(high);
	way_open(high, fd, &again);
	ck_assert_mem_eq(&first, &again, sizeof(first));
	ck_assert_str_eq(first.flow, "documents");
	ck_assert_str_eq(first.number, w.number);
	ck_assert_str_eq(first.submitter, "staff");
	ck_assert_uint_eq(first.created_ms, 1775000000123);
	io_drop(&fd);
}
END_TEST

START_TEST(withdraws)
{
	struct keys_withdraw req = {.channel = "internet-lgwan", .seq = 1,
	    .reason = REASON_REVOKED};
	struct keys_sealed sealed, one, two;
	struct parcel_header h;
	struct keys_decided d;
	struct way w;
	uint8_t *bytes;
	size_t len;
	int fd, fd1, fd2;

	way_accept(&w, low, 2);
	way_inspect(&w);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	way_seal(&w, &sealed, &fd);
	ck_assert_int_eq(way_decide(&w, ACT_REVOKE, UID_STAFF, POLICY_STAFF,
	    &d), GW_OK);
	(void)gate_ask(low, &(struct gate_ask){.client = GATE_SPOOL,
	    .type = KEYS_WITHDRAW, .fixed = &req, .fixed_len = sizeof(req)},
	    &one, sizeof(one), NULL, 0, 0, &fd1);
	ck_assert_int_eq(one.err, GW_OK);
	ck_assert_uint_eq(one.seq, 2);
	bytes = way_object_read(fd1, &len);
	ck_assert_int_eq(header_decode(bytes, len, &h), GW_OK);
	ck_assert_uint_eq(h.control_seq, 1);
	gate_restart(low);
	(void)gate_ask(low, &(struct gate_ask){.client = GATE_SPOOL,
	    .type = KEYS_WITHDRAW, .fixed = &req, .fixed_len = sizeof(req)},
	    &two, sizeof(two), NULL, 0, 0, &fd2);
	ck_assert_mem_eq(&one, &two, sizeof(one));
	ck_assert_int_eq(way_decision(&w), DECIDE_REJECT);
	mem_free(bytes);
	io_drop(&fd);
	io_drop(&fd1);
	io_drop(&fd2);
}
END_TEST

START_TEST(erases)
{
	struct keys_bodies req;
	struct keys_sealed sealed;
	struct keys_grant grant;
	struct keys_decided d;
	struct way w;
	int fd;

	way_accept(&w, low, 2);
	way_inspect(&w);
	req.transfer = w.transfer;
	ck_assert_int_eq(gate_status(low, &(struct gate_ask){
	    .client = GATE_SPOOL, .type = KEYS_ERASE, .fixed = &req,
	    .fixed_len = sizeof(req)}), GW_OK);
	ck_assert_int_ne(way_grant(&w, STAGE_CLAM, 1, &grant), GW_OK);
	way_evaluate(&w, &d);
	ck_assert_int_ne(d.err, GW_OK);
	way_seal(&w, &sealed, &fd);
	ck_assert_int_ne(sealed.err, GW_OK);
	ck_assert_int_eq(fd, -1);
	ck_assert_uint_ge(gate_logged(low, AUDIT_KEY), 3);
}
END_TEST

/* Whatever is released was logged before. */
START_TEST(waits_for_audit)
{
	struct keys_evaluate ev;
	struct keys_seal seal;
	struct way w;

	way_accept(&w, low, 2);
	way_inspect(&w);
	memset(&ev, 0, sizeof(ev));
	ev.transfer = w.transfer;
	memcpy(ev.number, w.number, sizeof(ev.number));
	low->is_log_stuck = true;
	(void)gate_send(low, &(struct gate_ask){.client = GATE_SPOOL,
	    .type = KEYS_EVALUATE, .fixed = &ev, .fixed_len = sizeof(ev)});
	ck_assert(!gate_has_reply(low, GATE_SPOOL));
	low->is_log_stuck = false;
	gate_restart(low);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	memset(&seal, 0, sizeof(seal));
	seal.transfer = w.transfer;
	memcpy(seal.number, w.number, sizeof(seal.number));
	low->is_log_stuck = true;
	(void)gate_send(low, &(struct gate_ask){.client = GATE_SPOOL,
	    .type = KEYS_SEAL, .fixed = &seal, .fixed_len = sizeof(seal)});
	ck_assert(!gate_has_reply(low, GATE_SPOOL));
	low->is_log_stuck = false;
	gate_restart(low);
}
END_TEST

START_TEST(audit_error_aborts)
{
	struct keys_sealed sealed;
	struct keys_decided d;
	struct way w;
	int fd;

	way_accept(&w, low, 2);
	way_inspect(&w);
	low->log_err = GW_ESPACE;
	way_evaluate(&w, &d);
	ck_assert_int_eq(d.err, GW_ESPACE);
	low->log_err = GW_OK;
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	low->log_err = GW_ESPACE;
	way_seal(&w, &sealed, &fd);
	ck_assert_int_eq(sealed.err, GW_ESPACE);
	ck_assert_int_eq(fd, -1);
	low->log_err = GW_OK;
	way_seal(&w, &sealed, &fd);
	ck_assert_int_eq(sealed.err, GW_OK);
	ck_assert_uint_eq(sealed.seq, 1);
	ck_assert_uint_eq(gate_logged(low, AUDIT_SEALED), 1);
	io_drop(&fd);
}
END_TEST

/* --- the order of writes ------------------------------------------------ */

/* What happened to files of which name, as letters: s S slots written and
 * synced, j J sequence journal, r R received parcels, c C channel table; a
 * capital with entries of the log in between is preceded by '+'. */
static char order[256];
static uint32_t order_log;

static int
order_hook(void *arg, enum io_op op, int fd, size_t *len)
{
	const struct gate *g = arg;
	char link[64], path[256];
	const char *name, *kinds = "sjrc";
	ssize_t n;
	size_t at = strlen(order), i;
	static const char *const names[] = {"slots-", "sealed-", "received-",
	    "channels"};

	(void)len;
	if (op != IO_WRITE && op != IO_FSYNC)
		return 0;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	ck_assert_int_gt(n, 0);
	path[n] = '\0';
	name = strrchr(path, '/') + 1;
	for (i = 0; i < 4; i++) {
		if (strncmp(name, names[i], strlen(names[i])) != 0)
			continue;
		ck_assert_uint_lt(at + 2, sizeof(order));
		if (g->log_count != order_log)
			order[at++] = '+';
		order_log = g->log_count;
		order[at] = op == IO_WRITE ? kinds[i] : (char)(kinds[i] - 32);
	}
	return 0;
}

static const char *
order_from(struct gate *g)
{
	memset(order, 0, sizeof(order));
	order_log = g->log_count;
	io_set_hook(order_hook, g);
	return order;
}

/* Slots are durable before journals, journals before the log, the log before
 * what follows from it. */
START_TEST(durable_in_order)
{
	struct keys_sealed sealed;
	struct keys_opened o;
	struct way w;
	uint32_t i;
	int fd;

	way_new(&w, low, 2);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(way_body_new(&w, i), GW_OK);
		ck_assert_int_eq(way_body_done(&w, i), GW_OK);
	}
	(void)order_from(low);
	ck_assert_int_eq(way_commit(&w), GW_OK);
	ck_assert_str_eq(order, "sS");
	way_inspect(&w);
	(void)order_from(low);
	ck_assert_int_eq(way_decision(&w), DECIDE_GO);
	ck_assert_str_eq(order, "sS+sss");
	(void)order_from(low);
	way_seal(&w, &sealed, &fd);
	ck_assert_int_eq(sealed.err, GW_OK);
	ck_assert_str_eq(order, "sSjJ+s");
	(void)order_from(high);
	way_open(high, fd, &o);
	ck_assert_int_eq(o.err, GW_OK);
	ck_assert_str_eq(order, "sSsssSrRcC"); /* a bucket begins */
	ck_assert_uint_gt(high->log_count, order_log);
	io_set_hook(NULL, NULL);
	io_drop(&fd);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keys trip");
	TCase *tc = tcase_create("trip");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, crosses);
	tcase_add_test(tc, seals_the_same_bytes_again);
	tcase_add_test(tc, chains_headers);
	tcase_add_test(tc, opens_once);
	tcase_add_test(tc, withdraws);
	tcase_add_test(tc, erases);
	tcase_add_test(tc, waits_for_audit);
	tcase_add_test(tc, audit_error_aborts);
	tcase_add_test(tc, durable_in_order);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
