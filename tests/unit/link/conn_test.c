/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "base/mem.h"
#include "gatewayd/link/conn.h"

#define MIB (1u << 20)

/* Both ends of a TLS connection over a socket pair, in one loop. */
struct side {
	struct conn *conn;
	bool is_up, is_closed, is_clean, is_known_there;
	char why[128];
	uint64_t put, put_max; /* bytes of a counting pattern */
	uint64_t got;
	bool has_error;
	uint32_t dry;
	uint64_t stop_at; /* pause there */
	bool drop_on_bytes, free_on_low;
};

static struct ev_loop *loop;
static SSL_CTX *ctx;
static uint8_t pin[32];
static struct side a, b; /* a: client */

static bool
is_known(void *arg, const uint8_t got[IDENTITY_PIN_LEN])
{
	struct side *s = arg;

	return !s->is_known_there && memcmp(got, pin, 32) == 0;
}

static void
on_up(void *arg, struct conn *c)
{
	struct side *s = arg;

	s->is_up = true;
	ck_assert_mem_eq(conn_peer_pin(c), pin, 32);
}

static uint8_t
pattern(uint64_t at)
{
	return (uint8_t)(at * 7 + (at >> 12));
}

static size_t
on_bytes(void *arg, struct conn *c, const uint8_t *bytes, size_t len)
{
	struct side *s = arg;

	if (s->drop_on_bytes) {
		conn_drop(c, "the test");
		return 0;
	}
	if (s->stop_at != 0 && s->got >= s->stop_at) {
		conn_pause(c, true);
		return 0;
	}
	/* not always all of it: the rest must come again */
	if (len > 1000)
		len = len / 2 + 1;
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != pattern(s->got + i))
			s->has_error = true;
	s->got += len;
	return len;
}

static void
on_dry(void *arg, struct conn *c)
{
	struct side *s = arg;

	(void)c;
	s->dry++;
}

static void
on_low(void *arg, struct conn *c)
{
	struct side *s = arg;
	struct buf *out = conn_out(c);
	uint8_t *p;

	if (s->free_on_low) {
		s->conn = NULL;
		conn_free(c);
		return;
	}
	while (s->put < s->put_max && conn_queued(c) < CONN_OUT_LOW) {
		size_t n =
		    s->put_max - s->put > 70000 ? 70000 : s->put_max - s->put;

		p = buf_reserve(out, n);
		ck_assert_ptr_nonnull(p);
		for (size_t i = 0; i < n; i++)
			p[i] = pattern(s->put + i);
		s->put += n;
	}
}

static void
on_closed(void *arg, struct conn *c, bool is_clean, const char *why)
{
	struct side *s = arg;

	s->is_closed = true;
	s->is_clean = is_clean;
	mem_put_str(s->why, sizeof(s->why), why);
	s->conn = NULL;
	conn_free(c);
}

static const struct conn_ops ops = {.is_known = is_known,
    .on_up = on_up,
    .on_bytes = on_bytes,
    .on_dry = on_dry,
    .on_low = on_low,
    .on_closed = on_closed};

static void
begin(void)
{
	char dir[] = "/tmp/link-conn-XXXXXX";
	int fd, pair[2];

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	identity_init();
	ck_assert_int_eq(identity_open(fd, &ctx, pin), GW_OK);
	unlinkat(fd, "transport.pem", 0);
	close(fd);
	rmdir(dir);
	ck_assert_int_eq(
	    socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
	    0);
	loop = ev_loop_new();
	a.conn = conn_new(loop, ctx, pair[0], false, true, &ops, &a);
	b.conn = conn_new(loop, ctx, pair[1], true, false, &ops, &b);
}

static void
end(void)
{
	conn_free(a.conn);
	conn_free(b.conn);
	SSL_CTX_free(ctx);
	ev_loop_free(loop);
}

static void
on_wake(void *arg)
{
	(void)arg;
}

typedef bool cond_fn(void);

static bool
turn_until(cond_fn *cond)
{
	uint64_t until = clock_mono_ms() + 20000;
	struct ev_timer *wake = ev_timer_new(loop, on_wake, NULL);

	while (!cond() && clock_mono_ms() < until) {
		ev_timer_set(wake, 20);
		ev_loop_once(loop);
	}
	ev_timer_free(wake);
	return cond();
}

static bool
both_up(void)
{
	return a.is_up && b.is_up;
}

static bool
all_got(void)
{
	return a.got == b.put_max && b.got == a.put_max;
}

/* Both ways at once, over many key updates. */
START_TEST(bytes_arrive_in_order)
{
	begin();
	a.put_max = 24 * MIB + 17;
	b.put_max = 9 * MIB + 3;
	ck_assert(turn_until(both_up));
	ck_assert(turn_until(all_got));
	ck_assert(!a.has_error && !b.has_error);
	ck_assert_uint_gt(b.dry, 0);
	end();
}
END_TEST

static bool
has_stopped(void)
{
	return b.got >= b.stop_at;
}

START_TEST(a_pause_holds_the_sender)
{
	uint64_t got;

	begin();
	a.put_max = 32 * MIB;
	b.stop_at = 3 * MIB;
	ck_assert(turn_until(has_stopped));
	got = b.got;
	for (int i = 0; i < 50; i++)
		ev_loop_poll(loop);
	ck_assert_uint_eq(b.got, got);
	ck_assert_uint_lt(a.put, 8 * MIB);
	b.stop_at = 0;
	conn_pause(b.conn, false);
	ck_assert(turn_until(all_got));
	ck_assert(!b.has_error);
	end();
}
END_TEST

static bool
both_closed(void)
{
	return a.is_closed && b.is_closed;
}

static bool
all_put(void)
{
	return a.put == a.put_max;
}

START_TEST(a_finish_is_clean)
{
	begin();
	a.put_max = 5 * MIB;
	ck_assert(turn_until(all_put));
	conn_finish(a.conn);
	ck_assert(turn_until(both_closed));
	ck_assert_uint_eq(b.got, 5 * MIB);
	ck_assert(b.is_clean);
	end();
}
END_TEST

static bool
b_closed(void)
{
	return b.is_closed;
}

/* A paused end hands over everything, too, before it tells of the end. */
START_TEST(a_finish_waits_for_a_pause)
{
	begin();
	a.put_max = MIB / 2;
	b.stop_at = 1;
	ck_assert(turn_until(all_put));
	conn_finish(a.conn);
	ck_assert(turn_until(has_stopped));
	for (int i = 0; i < 50; i++)
		ev_loop_poll(loop);
	ck_assert(!b.is_closed);
	b.stop_at = 0;
	conn_pause(b.conn, false);
	ck_assert(turn_until(b_closed));
	ck_assert_uint_eq(b.got, MIB / 2);
	ck_assert(b.is_clean);
	end();
}
END_TEST

START_TEST(a_cut_is_not_clean)
{
	begin();
	ck_assert(turn_until(both_up));
	conn_free(a.conn);
	a.conn = NULL;
	ck_assert(turn_until(b_closed));
	ck_assert(!b.is_clean);
	end();
}
END_TEST

START_TEST(a_drop_inside_a_callback_is_safe)
{
	begin();
	b.drop_on_bytes = true;
	a.put_max = MIB;
	ck_assert(turn_until(b_closed));
	ck_assert_str_eq(b.why, "the test");
	ck_assert_uint_eq(b.got, 0);
	end();
}
END_TEST

static bool
a_freed(void)
{
	return a.conn == NULL;
}

START_TEST(a_free_inside_a_callback_is_safe)
{
	begin();
	a.free_on_low = true;
	ck_assert(turn_until(a_freed));
	ck_assert(!a.is_closed);
	ck_assert(turn_until(b_closed));
	end();
}
END_TEST

START_TEST(an_unknown_key_ends_the_handshake)
{
	begin();
	b.is_known_there = true;
	ck_assert(turn_until(both_closed));
	ck_assert(!b.is_up);
	ck_assert_str_eq(b.why, "its key is not the paired one");
	end();
}
END_TEST

START_TEST(a_client_shows_nothing_to_a_stranger)
{
	begin();
	a.is_known_there = true;
	ck_assert(turn_until(both_closed));
	ck_assert(!a.is_up && !b.is_up);
	end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link/conn");
	TCase *t = tcase_create("conn");
	SRunner *runner;
	int failed;

	signal(SIGPIPE, SIG_IGN); /* as proc_start does */
	tcase_set_timeout(t, 60);
	tcase_add_test(t, bytes_arrive_in_order);
	tcase_add_test(t, a_pause_holds_the_sender);
	tcase_add_test(t, a_finish_is_clean);
	tcase_add_test(t, a_finish_waits_for_a_pause);
	tcase_add_test(t, a_cut_is_not_clean);
	tcase_add_test(t, a_drop_inside_a_callback_is_safe);
	tcase_add_test(t, a_free_inside_a_callback_is_safe);
	tcase_add_test(t, an_unknown_key_ends_the_handshake);
	tcase_add_test(t, a_client_shows_nothing_to_a_stranger);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
