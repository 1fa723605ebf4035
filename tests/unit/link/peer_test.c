/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"

#include "tests/support/hostile.h"
#include "tests/unit/link/end.h"

#define LONG_MS 30000

/* One receiver, and one hostile sender after another. */
static struct ev_loop *loop;
static struct end *r;
static struct hostile h;
static char dir[64], address[64];
static uint8_t pin[32], pub[32];

static bool
has_pin(void *arg)
{
	(void)arg;
	return r->has_pin;
}

static void
begin(void)
{
	loop = ev_loop_new();
	snprintf(dir, sizeof(dir), "/tmp/link-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(address, sizeof(address), "127.0.0.1:%u", end_port());
	h.seed[0] = 5;
	h.dir = dir;
	h.address = address;
	h.channel = END_CHANNEL;
	hostile_pin(dir, pin);
	ck_assert_int_eq(crypto_sign_public(h.seed, pub), GW_OK);
	r = end_new(loop, POLICY_RECEIVER, address, 1);
	ck_assert(end_wait(loop, has_pin, NULL, LONG_MS));
	end_pair(r, pin, pub);
	end_turn(loop, 200);
}

static void
end(void)
{
	char path[128];

	ck_assert_msg(!r->is_gone, "status %#x", (unsigned)r->status);
	end_free(r);
	ev_loop_free(loop);
	snprintf(path, sizeof(path), "%s/transport.pem", dir);
	unlink(path);
	rmdir(dir);
}

struct child {
	pid_t pid;
	int status;
	bool is_done;
};

static bool
is_done(void *arg)
{
	struct child *c = arg;

	if (!c->is_done && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->is_done = true;
	return c->is_done;
}

static void
run(struct child *c, const struct hostile_case *what, int wait_ms)
{
	memset(c, 0, sizeof(*c));
	/* the child must name the same recipient as this process */
	uint8_t recipient[16];

	made_recipient(recipient);
	h.wait_ms = wait_ms;
	c->pid = fork();
	if (c->pid == 0)
		_exit((int)hostile_run(&h, what));
}

static bool
is_slow(const char *name)
{
	return strcmp(name, "mute") == 0 || strcmp(name, "slow-tls") == 0 ||
	       strcmp(name, "silent") == 0 || strcmp(name, "slow-hello") == 0;
}

/* Each misdeed ends as it should, and nothing of it is taken. */
START_TEST(misdeeds_are_dropped)
{
	const struct hostile_case *what = &hostile_cases[_i];
	uint64_t start = clock_mono_ms();
	struct child c;

	begin();
	run(&c, what,
	    is_slow(what->name)              ? 14000
	    : what->expected == HOSTILE_KEPT ? 800
					     : 5000);
	ck_assert(end_wait(loop, is_done, &c, LONG_MS));
	end_turn(loop, 50);
	ck_assert_msg(
	    WIFEXITED(c.status) && WEXITSTATUS(c.status) == (int)what->expected,
	    "%s: %#x, log: %s", what->name, (unsigned)c.status, r->log);
	if (!is_slow(what->name))
		ck_assert_uint_lt(clock_mono_ms() - start, 8000);
	if (strstr(what->name, "flipped") != NULL)
		ck_assert_uint_eq(r->damaged, 1);
	if (strcmp(what->name, "send-and-close") == 0)
		ck_assert(r->in[1].is_complete);
	else
		ck_assert_uint_eq(r->complete, 0);
	if (strncmp(what->name, "header-", 7) == 0 &&
	    strcmp(what->name, "header-twice") != 0 &&
	    strcmp(what->name, "header-flood") != 0)
		ck_assert_uint_eq(r->header_seq, 0);
	end();
}
END_TEST

/* Afterwards it serves on: a good sender gets through. */
START_TEST(a_good_sender_follows)
{
	const int first_good_header =
	    (int)(hostile_find("header-twice") - hostile_cases);
	struct child c;

	begin();
	for (int i = 0; i < hostile_case_count; i++) {
		/* not those whose good header would take the first number */
		if (is_slow(hostile_cases[i].name) || i >= first_good_header)
			continue;
		run(&c, &hostile_cases[i], 5000);
		ck_assert(end_wait(loop, is_done, &c, LONG_MS));
		end_turn(loop, 250);
	}
	run(&c, hostile_find("send-and-close"), 5000);
	ck_assert(end_wait(loop, is_done, &c, LONG_MS));
	end_turn(loop, 100);
	ck_assert(r->in[1].is_complete);
	end();
}
END_TEST

/* Strangers that hold connections open do not keep the paired one out. */
START_TEST(a_flood_keeps_nobody_out)
{
	const struct hostile_case *mute = hostile_find("mute");
	struct child flood[6], good;

	begin();
	r->lag_ms = 20;
	for (int i = 0; i < 6; i++)
		run(&flood[i], mute, 5000);
	end_turn(loop, 300);
	run(&good, hostile_find("send-and-close"), 5000);
	ck_assert(end_wait(loop, is_done, &good, LONG_MS));
	end_turn(loop, 500);
	ck_assert(r->in[1].is_complete);
	for (int i = 0; i < 6; i++)
		ck_assert(end_wait(loop, is_done, &flood[i], LONG_MS));
	end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link/peer");
	TCase *t = tcase_create("peer");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 180);
	tcase_add_loop_test(t, misdeeds_are_dropped, 0, hostile_case_count);
	tcase_add_test(t, a_good_sender_follows);
	tcase_add_test(t, a_flood_keeps_nobody_out);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
