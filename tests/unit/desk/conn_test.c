/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/desk/call.h"
#include "gatewayd/desk/conn.h"
#include "tests/unit/desk/world.h"

static void
quiet(void *arg, const struct log_record *rec)
{
	(void)arg;
	(void)rec;
}

static int
client(struct world *w, uint32_t uid)
{
	int sv[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    sv), 0);
	ck_assert_int_eq(fcntl(sv[0], F_SETFL, O_NONBLOCK), 0);
	conn_new(&w->desk, sv[0], uid);
	return sv[1];
}

static void
ask(int fd, const struct request *req)
{
	struct buf buf;

	buf_init(&buf, REQUEST_MAX);
	ck_assert_int_eq(request_encode(req, &buf), GW_OK);
	ck_assert_int_eq(send(fd, buf.data, buf.len, 0), (ssize_t)buf.len);
	buf_clear(&buf);
}

/* Bytes that are no request: told so, once, and closed. */
START_TEST(test_garbage)
{
	struct world *w = world_new();
	struct answer answer;
	uint8_t bytes[ANSWER_MAX];
	int fd = client(w, STAFF);
	ssize_t n;

	ck_assert_int_eq(send(fd, "hello desk", 10, 0), 10);
	world_settle(w);
	n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(answer_open(bytes, (size_t)n, &answer), GW_OK);
	ck_assert(answer.is_end);
	ck_assert_int_eq(answer.code, ANSWER_USAGE);
	ck_assert_int_eq(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), 0);
	ck_assert_int_eq(w->desk.conn_count, 0);
	close(fd);
	world_free(w);
}
END_TEST

START_TEST(test_too_long)
{
	static uint8_t bytes[REQUEST_MAX + 100];
	struct world *w = world_new();
	int fd = client(w, STAFF);

	ck_assert_int_eq(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	world_settle(w);
	ck_assert_int_eq(w->desk.conn_count, 0);
	close(fd);
	world_free(w);
}
END_TEST

/* One request per connection: more is nonsense, and the client is dropped. */
START_TEST(test_second_request)
{
	struct request req = {.verb = VERB_LOG_FOLLOW};
	struct world *w = world_new();
	int fd = client(w, OFFICER);

	ask(fd, &req);
	world_settle(w);
	ck_assert_int_eq(w->desk.conn_count, 1);
	ask(fd, &req);
	world_settle(w);
	ck_assert_int_eq(w->desk.conn_count, 0);
	close(fd);
	world_free(w);
}
END_TEST

START_TEST(test_client_leaves)
{
	struct request req = {.verb = VERB_TRANSFERS_LIST};
	struct world *w = world_new();
	int fd = client(w, OFFICER);

	ask(fd, &req);
	close(fd);
	world_settle(w);
	ck_assert_int_eq(w->desk.conn_count, 0);
	world_free(w);
}
END_TEST

/* A decision that keys has taken reaches spool without its person, too. */
START_TEST(test_decision_is_carried_through)
{
	struct request req = {.verb = VERB_HOLDS_RELEASE};
	struct world *w = world_new();
	int fd = client(w, OFFICER), turn;

	world_add(w, "I20260401-00017-3", STAFF, ST_HELD);
	strcpy(req.number, "I20260401-00017-3");
	req.has = ARG_BIT(ARG_NUMBER);
	ask(fd, &req);
	for (turn = 0; turn < 1000 && w->decisions == 0; turn++)
		ev_loop_once(w->desk.loop);
	ck_assert_int_eq(w->decisions, 1);
	ck_assert_int_eq(w->decisions_to_spool, 0);
	close(fd);
	world_settle(w);
	ck_assert_int_eq(w->decisions_to_spool, 1);
	ck_assert_int_eq(w->desk.conn_count, 0);
	world_free(w);
}
END_TEST

/* Who takes nothing of a long answer stops it, and does not fill memory. */
START_TEST(test_slow_client)
{
	struct request req = {.verb = VERB_LOG_SEARCH};
	struct world *w = world_new();
	int fd = client(w, OFFICER), small = 4096, n, rows = 0;
	struct answer answer;
	struct conn *conn;
	uint8_t *bytes = mem_alloc(ANSWER_MAX);
	uint64_t i;

	for (i = 0; i < 4000; i++) {
		w->log[i].event = AUDIT_STATE;
		w->log[i].wall_ms = 1;
		memset(w->log[i].hash, 1, sizeof(w->log[i].hash));
		memset(w->log[i].detail, 'x', sizeof(w->log[i].detail) - 1);
	}
	w->log_count = 4000;
	conn = TAILQ_FIRST(&w->desk.conns);
	ck_assert_int_eq(setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUF, &small,
	    sizeof(small)), 0);
	ask(fd, &req);
	world_settle(w);
	world_settle(w);
	ck_assert_int_eq(w->desk.conn_count, 1);
	conn = TAILQ_FIRST(&w->desk.conns);
	ck_assert_uint_gt(conn->queued, 0);
	ck_assert_uint_lt(conn->queued, CONN_QUEUE_HIGH + ANSWER_MAX);
	for (;;) {
		n = (int)recv(fd, bytes, ANSWER_MAX, MSG_DONTWAIT);
		if (n == -1 && errno == EAGAIN) {
			ev_loop_once(w->desk.loop);
			continue;
		}
		ck_assert_int_gt(n, 0);
		ck_assert_int_eq(answer_open(bytes, (size_t)n, &answer),
		    GW_OK);
		if (answer.is_end)
			break;
		rows++;
	}
	ck_assert_int_eq(rows, 4001);
	mem_free(bytes);
	close(fd);
	world_free(w);
}
END_TEST

static uint64_t fake_mono;

static uint64_t
mono(void *arg)
{
	(void)arg;
	return fake_mono;
}

static uint64_t
wall(void *arg)
{
	(void)arg;
	return UINT64_C(1775000000000);
}

/* Who says nothing is dropped; who waits for an answer is not. */
START_TEST(test_deadline)
{
	static const struct clock_source source = {wall, mono, NULL};
	struct request req = {.verb = VERB_LOG_FOLLOW};
	struct world *w;
	int silent, follower, turn;

	fake_mono = 1000;
	clock_set_source(&source);
	w = world_new();
	silent = client(w, STAFF);
	follower = client(w, OFFICER);
	ask(follower, &req);
	world_settle(w);
	ck_assert_int_eq(w->desk.conn_count, 2);
	fake_mono += 10 * CONN_ASK_MS;
	for (turn = 0; turn < 100 && w->desk.conn_count == 2; turn++)
		ev_loop_once(w->desk.loop);
	ck_assert_int_eq(w->desk.conn_count, 1);
	close(silent);
	close(follower);
	world_free(w);
	clock_set_source(NULL);
}
END_TEST

/* Entries that come later reach who follows. */
START_TEST(test_follow)
{
	struct request req = {.verb = VERB_LOG_FOLLOW};
	struct world *w = world_new();
	uint8_t bytes[ANSWER_MAX];
	int fd = client(w, OFFICER), turn;
	ssize_t n = -1;

	ask(fd, &req);
	world_settle(w);
	/* The entry of this view itself. */
	ck_assert_int_gt(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), 0);
	ck_assert_int_eq(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), -1);
	w->log[w->log_count].event = AUDIT_SEALED;
	w->log[w->log_count].wall_ms = 1;
	w->log_count++;
	for (turn = 0; turn < 100 && n == -1; turn++) {
		ev_loop_once(w->desk.loop);
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	}
	ck_assert_int_gt(n, 0);
	close(fd);
	world_free(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conn");
	TCase *tc = tcase_create("conn");
	SRunner *r;
	int failed;

	log_set_sink(quiet, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_garbage);
	tcase_add_test(tc, test_too_long);
	tcase_add_test(tc, test_second_request);
	tcase_add_test(tc, test_client_leaves);
	tcase_add_test(tc, test_decision_is_carried_through);
	tcase_add_test(tc, test_slow_client);
	tcase_add_test(tc, test_deadline);
	tcase_add_test(tc, test_follow);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
