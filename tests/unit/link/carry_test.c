/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "proto/ipc/control.h"
#include "proto/wire/frame.h"

#include "tests/unit/link/end.h"
#include "tests/unit/link/relay.h"

#define LONG_MS 60000
#define MIB     (UINT64_C(1) << 20)

/* A sender, a receiver, and the network between them. */
static struct world {
	struct ev_loop *loop;
	struct end *s, *r;
	struct relay *net;
	unsigned port;
	struct made *parcels[END_PARCELS];
	uint32_t count;
	bool may_end; /* a link may have left */
} w;

static bool
have_pins(void *arg)
{
	(void)arg;
	return w.s->has_pin && w.r->has_pin;
}

static void
begin(void)
{
	unsigned out = end_port();
	char address[64];

	memset(&w, 0, sizeof(w));
	w.loop = ev_loop_new();
	w.port = end_port();
	w.net = relay_new(w.loop, out, w.port);
	snprintf(address, sizeof(address), "127.0.0.1:%u", w.port);
	w.r = end_new(w.loop, POLICY_RECEIVER, address, 1);
	snprintf(address, sizeof(address), "127.0.0.1:%u", out);
	w.s = end_new(w.loop, POLICY_SENDER, address, 2);
	ck_assert(end_wait(w.loop, have_pins, NULL, LONG_MS));
}

static void
pair(void)
{
	end_pair(w.r, w.s->pin, w.s->pub);
	end_pair(w.s, w.r->pin, w.r->pub);
}

static void
end(void)
{
	if (!w.may_end)
		ck_assert_msg(!w.s->is_gone && !w.r->is_gone,
		    "sender %d %#x, receiver %d %#x", w.s->is_gone,
		    (unsigned)w.s->status, w.r->is_gone, (unsigned)w.r->status);
	end_free(w.s);
	end_free(w.r);
	relay_free(w.net);
	for (uint32_t i = 0; i < w.count; i++)
		made_free(w.parcels[i]);
	ev_loop_free(w.loop);
}

static struct made *
make(const uint64_t *lengths, uint32_t count)
{
	const struct made *prev = w.count == 0 ? NULL : w.parcels[w.count - 1];

	w.parcels[w.count] =
	    made_new(END_CHANNEL, w.s->seed, prev, lengths, count);
	return w.parcels[w.count++];
}

static struct made *
make_one(uint64_t length)
{
	const uint64_t lengths[] = {300, length};

	return make(lengths, 2);
}

/* Everything is there, and the sender knows. */
static bool
all_there(void *arg)
{
	(void)arg;
	return w.r->complete == w.count && w.s->peer.base_seq == w.count + 1;
}

static void
need_all(void)
{
	if (end_wait(w.loop, all_there, NULL, LONG_MS))
		return;
	ck_abort_msg("%llu of %u complete; confirmed below %llu; "
		     "sender: %s receiver: %s",
	    (unsigned long long)w.r->complete, w.count,
	    (unsigned long long)w.s->peer.base_seq, w.s->log, w.r->log);
}

static bool
is_up(void *arg)
{
	(void)arg;
	return w.s->state == LINK_UP && w.r->state == LINK_UP;
}

/* --- what must arrive ---------------------------------------------- */

START_TEST(a_parcel_arrives)
{
	static const uint64_t lengths[] = {0, 5000, 100000, 262144, 262145};

	begin();
	end_offer(w.s, make(lengths, 5));
	pair();
	need_all();
	ck_assert_int_eq(w.s->state, LINK_UP);
	ck_assert_int_eq(w.r->state, LINK_UP);
	ck_assert_uint_eq(w.r->in[1].resumed, 0);
	end();
}
END_TEST

START_TEST(many_bodies_arrive)
{
	uint64_t lengths[1500];

	begin();
	w.s->lag_ms = w.r->lag_ms = (uint32_t)_i;
	pair();
	for (uint32_t i = 0; i < 1500; i++)
		lengths[i] = i * 7919 % 40000;
	lengths[40] = 5 * MIB;
	lengths[41] = 300000;
	lengths[42] = 300000;
	lengths[1499] = MIB + 1;
	end_offer(w.s, make(lengths, 1500));
	for (int i = 0; i < 40; i++)
		end_offer(w.s, make_one((uint64_t)i * 20000));
	need_all();
	/* small ones travel in batches, however fast they come */
	ck_assert_uint_lt(w.r->puts, w.r->put_bodies / 3);
	end();
}
END_TEST

/* Throughput of single notes does not hang on one answer after another. */
START_TEST(many_parcels_arrive)
{
	uint64_t start;

	begin();
	w.s->lag_ms = w.r->lag_ms = 10;
	for (int i = 0; i < 300; i++)
		end_offer(w.s, make_one(3000));
	pair();
	ck_assert(end_wait(w.loop, is_up, NULL, LONG_MS));
	start = clock_mono_ms();
	need_all();
	if (getenv("LINK_BYTES") != NULL)
		fprintf(stderr, "300 parcels in %llu ms\n",
		    (unsigned long long)(clock_mono_ms() - start));
	ck_assert_uint_lt(clock_mono_ms() - start, 300 * 10 * 2);
	end();
}
END_TEST

START_TEST(a_large_body_arrives)
{
	const char *bytes = getenv("LINK_BYTES");
	uint64_t size = bytes != NULL ? strtoull(bytes, NULL, 10) : 40 * MIB;
	uint64_t start;

	begin();
	relay_free(w.net);
	w.net = NULL;
	mem_put_str(w.s->channel.address, sizeof(w.s->channel.address),
	    w.r->channel.address);
	end_restart(w.s);
	ck_assert(end_wait(w.loop, have_pins, NULL, LONG_MS));
	end_offer(w.s, make_one(size));
	pair();
	start = clock_mono_ms();
	need_all();
	start = clock_mono_ms() - start;
	if (bytes != NULL)
		fprintf(stderr, "%llu bytes in %llu ms: %.0f MB/s\n",
		    (unsigned long long)size, (unsigned long long)start,
		    (double)size / 1000 / (double)start);
	end();
}
END_TEST

static bool
note_is_there(void *arg)
{
	(void)arg;
	return w.r->in[2].is_complete;
}

static bool
map_has_begun(void *arg)
{
	(void)arg;
	return relay_passed(w.net) > 4 * MIB;
}

START_TEST(a_note_passes_a_map)
{
	begin();
	end_offer(w.s, make_one(96 * MIB));
	pair();
	ck_assert(end_wait(w.loop, map_has_begun, NULL, LONG_MS));
	end_offer(w.s, make_one(5000));
	ck_assert(end_wait(w.loop, note_is_there, NULL, LONG_MS));
	ck_assert(!w.r->in[1].is_complete);
	need_all();
	ck_assert_uint_lt(w.r->in[2].complete_ms, w.r->in[1].complete_ms);
	end();
}
END_TEST

/* More maps than may flow at once do not keep a note back. */
START_TEST(a_note_passes_many_maps)
{
	begin();
	for (int i = 0; i < 6; i++)
		end_offer(w.s, make_one(24 * MIB));
	pair();
	ck_assert(end_wait(w.loop, map_has_begun, NULL, LONG_MS));
	end_offer(w.s, make_one(5000));
	need_all();
	for (int i = 3; i <= 6; i++)
		ck_assert_uint_lt(
		    w.r->in[7].complete_ms, w.r->in[i].complete_ms);
	end();
}
END_TEST

/* --- interruptions ------------------------------------------------- */

START_TEST(cuts_lose_nothing)
{
	uint64_t lengths[200];
	uint32_t seed = 7, cuts = 0;
	uint64_t sent = 0;

	begin();
	pair();
	for (uint32_t i = 0; i < 200; i++)
		lengths[i] = i * 6007 % 90000;
	lengths[50] = 40 * MIB;
	end_offer(w.s, make(lengths, 200));
	for (int i = 0; i < 10; i++)
		end_offer(w.s, make_one((uint64_t)i * 100000));
	while (!all_there(NULL) && cuts < 15) {
		uint32_t before = relay_connections(w.net);

		seed = seed * 1103515245 + 12345;
		relay_cut_after(w.net, 1 + seed / 65536 % (12 * MIB));
		cuts++;
		for (int i = 0; i < 500 && !all_there(NULL) &&
				relay_connections(w.net) == before;
		     i++)
			end_turn(w.loop, 20);
	}
	need_all();
	ck_assert_uint_ge(relay_connections(w.net), 3);
	/* what was durable is not sent again */
	for (uint32_t i = 0; i < w.count; i++)
		sent += w.parcels[i]->header.total_padded;
	ck_assert_uint_lt(
	    relay_passed(w.net), sent + (uint64_t)cuts * 22 * MIB);
	end();
}
END_TEST

START_TEST(a_flipped_byte_is_found)
{
	begin();
	end_offer(w.s, make_one(10 * MIB));
	relay_flip_after(w.net, 3 * MIB);
	pair();
	need_all();
	ck_assert_uint_ge(relay_connections(w.net), 2);
	ck_assert_uint_eq(w.r->damaged, 0);
	end();
}
END_TEST

static bool
all_passed(void *arg)
{
	return relay_passed(w.net) >= *(uint64_t *)arg;
}

static bool
all_complete(void *arg)
{
	(void)arg;
	return w.r->complete == w.count;
}

static bool
sender_is_gone(void *arg)
{
	(void)arg;
	return w.s->is_gone;
}

/* Stopped right after the last byte: all of it arrives. */
START_TEST(a_stop_loses_nothing)
{
	static const uint64_t lengths[] = {300, 4 << 20, 2000, 2000};
	uint64_t size;

	begin();
	w.may_end = true;
	w.r->lag_ms = 30;
	end_offer(w.s, make(lengths, 4));
	size = w.parcels[0]->header.total_padded + w.parcels[0]->object.len;
	pair();
	ck_assert(end_wait(w.loop, all_passed, &size, LONG_MS));
	ipc_send(w.s->control, CTL_STOP, 0, NULL, 0, NULL, 0, 0, NULL, 0);
	ck_assert(end_wait(w.loop, all_complete, NULL, LONG_MS));
	ck_assert(end_wait(w.loop, sender_is_gone, NULL, LONG_MS));
	ck_assert(WIFEXITED(w.s->status) && WEXITSTATUS(w.s->status) == 0);
	end();
}
END_TEST

static bool
no_space_was_said(void *arg)
{
	(void)arg;
	return strstr(w.r->log, "no space") != NULL;
}

START_TEST(no_space_is_waited_out)
{
	begin();
	w.r->has_no_space = true;
	end_offer(w.s, make_one(10000));
	pair();
	ck_assert(end_wait(w.loop, no_space_was_said, NULL, LONG_MS));
	end_turn(w.loop, 3000);
	/* with growing pauses, not at once again and again */
	ck_assert_uint_lt(relay_connections(w.net), 8);
	w.r->has_no_space = false;
	need_all();
	end();
}
END_TEST

/* --- damage -------------------------------------------------------- */

/* Flip a byte of a body where the sender keeps it. */
static void
damage(struct made *m, uint32_t index, uint64_t off)
{
	uint8_t byte;

	ck_assert_int_eq(
	    io_pread_full(m->bodies[index].fd, &byte, 1, off), GW_OK);
	byte ^= 1;
	ck_assert_int_eq(
	    io_pwrite_full(m->bodies[index].fd, &byte, 1, off), GW_OK);
}

static bool
others_are_there(void *arg)
{
	(void)arg;
	return w.r->damaged >= 1 && w.r->complete == w.count - 1;
}

START_TEST(damage_stays_with_its_parcel)
{
	static const uint64_t lengths[] = {300, 5000, 900000, 7000};
	static const struct {
		uint32_t index;
		uint64_t off;
	} at[] = {{1, 17}, {1, 8192 + 3}, {2, 400000}, {2, 901120 + 100},
	    {0, 4000}, {3, 1}};
	struct made *m;

	begin();
	w.r->lag_ms = _i % 2 == 0 ? 0 : 20;
	m = make(lengths, 4);
	/* the last of them lie in the chunk table */
	damage(m, at[_i].index, at[_i].off);
	end_offer(w.s, m);
	end_offer(w.s, make_one(50000));
	end_offer(w.s, make_one(700000));
	pair();
	ck_assert(end_wait(w.loop, others_are_there, NULL, LONG_MS));
	ck_assert(w.r->in[1].is_damaged);
	ck_assert_uint_eq(w.r->damaged, 1);
	ck_assert_uint_eq(relay_connections(w.net), 1);
	end();
}
END_TEST

static bool
rest_is_there(void *arg)
{
	(void)arg;
	return w.r->complete == w.count - 1;
}

/* What the sender's own spool cannot read does not hold up the others. */
START_TEST(an_unreadable_body_is_left_out)
{
	static const uint64_t lengths[] = {300, 700000, 5000};

	begin();
	w.s->fail_body = 2;
	end_offer(w.s, make(lengths, 3));
	end_offer(w.s, make_one(50000));
	end_offer(w.s, make_one(3 * MIB));
	pair();
	ck_assert(end_wait(w.loop, rest_is_there, NULL, LONG_MS));
	ck_assert_uint_eq(w.r->in[1].bodies, 2);
	ck_assert_uint_eq(relay_connections(w.net), 1);
	end();
}
END_TEST

/* --- who it is ----------------------------------------------------- */

static bool
sender_saw_it(void *arg)
{
	(void)arg;
	return strstr(w.s->log, "not the paired one") != NULL;
}

START_TEST(the_receiver_must_be_the_paired_one)
{
	static const uint8_t other[32] = {1};

	begin();
	end_offer(w.s, make_one(1000));
	end_pair(w.r, w.s->pin, w.s->pub);
	end_pair(w.s, other, w.r->pub);
	ck_assert(end_wait(w.loop, sender_saw_it, NULL, LONG_MS));
	end_turn(w.loop, 500);
	ck_assert_uint_eq(w.r->header_seq, 0);
	ck_assert_int_eq(w.s->state, LINK_DOWN);
	end();
}
END_TEST

static bool
receiver_refused(void *arg)
{
	(void)arg;
	return w.r->refused >= 2;
}

START_TEST(the_sender_must_be_the_paired_one)
{
	static const uint8_t other[32] = {1};

	begin();
	end_offer(w.s, make_one(1000));
	end_pair(w.r, other, w.s->pub);
	end_pair(w.s, w.r->pin, w.r->pub);
	ck_assert(end_wait(w.loop, receiver_refused, NULL, LONG_MS));
	ck_assert_uint_eq(w.r->header_seq, 0);
	ck_assert_ptr_nonnull(strstr(w.r->log, "not the paired one"));
	end();
}
END_TEST

START_TEST(the_key_stays)
{
	uint8_t pin[32];
	char path[128];
	struct stat st;

	begin();
	memcpy(pin, w.r->pin, 32);
	snprintf(path, sizeof(path), "%s/link/transport.pem", w.r->dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	end_restart(w.r);
	ck_assert(end_wait(w.loop, have_pins, NULL, LONG_MS));
	ck_assert_mem_eq(w.r->pin, pin, 32);
	ck_assert_mem_ne(w.s->pin, pin, 32);
	end();
}
END_TEST

/* --- control ------------------------------------------------------- */

static bool
asks_again(void *arg)
{
	(void)arg;
	return w.r->has_pin;
}

START_TEST(a_policy_leaves_connections_alone)
{
	begin();
	pair();
	end_offer(w.s, make_one(1000));
	need_all();
	w.r->has_pin = false;
	end_policy(w.r);
	ck_assert(end_wait(w.loop, asks_again, NULL, LONG_MS));
	end_pair(w.r, w.s->pin, w.s->pub);
	end_offer(w.s, make_one(1000));
	need_all();
	ck_assert_uint_eq(relay_connections(w.net), 1);
	end();
}
END_TEST

static bool
receiver_is_gone(void *arg)
{
	(void)arg;
	return w.r->is_gone;
}

/* Landlock cannot be widened: the parent starts it anew. */
START_TEST(a_new_port_takes_a_new_process)
{
	begin();
	w.may_end = true;
	pair();
	ck_assert(end_wait(w.loop, is_up, NULL, LONG_MS));
	snprintf(w.r->channel.address, sizeof(w.r->channel.address),
	    "127.0.0.1:%u", w.port == 65535 ? 1024 : w.port + 1);
	end_policy(w.r);
	ck_assert(end_wait(w.loop, receiver_is_gone, NULL, LONG_MS));
	ck_assert(WIFEXITED(w.r->status) && WEXITSTATUS(w.r->status) == 0);
	end();
}
END_TEST

/* ACKs leave on the tick, whatever happens in between. */
START_TEST(acks_keep_the_tick)
{
	uint32_t before;

	begin();
	w.r->channel.ack = POLICY_ACK_TICK;
	w.r->channel.ack_tick_ms = 400;
	end_restart(w.r);
	ck_assert(end_wait(w.loop, have_pins, NULL, LONG_MS));
	pair();
	ck_assert(end_wait(w.loop, is_up, NULL, LONG_MS));
	before = w.s->acks;
	for (int i = 0; i < 20; i++)
		end_offer(w.s, make_one(1000));
	end_turn(w.loop, 2000);
	ck_assert_uint_ge(w.s->acks - before, 4);
	ck_assert_uint_le(w.s->acks - before, 6);
	need_all();
	end();
}
END_TEST

static bool
listens(void *arg)
{
	(void)arg;
	return strstr(w.r->log, "listening on") != NULL;
}

/* An address that is taken is tried again; the process serves on. */
START_TEST(a_taken_address_is_tried_again)
{
	struct relay *other;
	char address[64];

	begin();
	w.port = end_port();
	other = relay_new(w.loop, w.port, 1);
	snprintf(address, sizeof(address), "127.0.0.1:%u", w.port);
	mem_put_str(
	    w.r->channel.address, sizeof(w.r->channel.address), address);
	end_restart(w.r);
	ck_assert(end_wait(w.loop, have_pins, NULL, LONG_MS));
	end_pair(w.r, w.s->pin, w.s->pub);
	end_turn(w.loop, 500);
	ck_assert_ptr_nonnull(strstr(w.r->log, "cannot listen"));
	ck_assert_ptr_nonnull(strstr(w.r->detail, "in use"));
	relay_free(other);
	ck_assert(end_wait(w.loop, listens, NULL, LONG_MS));
	end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("link/carry");
	TCase *t = tcase_create("carry");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 180);
	if (getenv("LINK_BYTES") != NULL) {
		/* measuring: only what is measured */
		tcase_add_test(t, many_parcels_arrive);
		tcase_add_test(t, a_large_body_arrives);
		suite_add_tcase(suite, t);
		runner = srunner_create(suite);
		srunner_run_all(runner, CK_ENV);
		srunner_free(runner);
		return 0;
	}
	tcase_add_test(t, a_parcel_arrives);
	tcase_add_loop_test(t, many_bodies_arrive, 0, 3);
	tcase_add_test(t, many_parcels_arrive);
	tcase_add_test(t, a_large_body_arrives);
	tcase_add_test(t, a_note_passes_a_map);
	tcase_add_test(t, a_note_passes_many_maps);
	tcase_add_test(t, cuts_lose_nothing);
	tcase_add_test(t, a_flipped_byte_is_found);
	tcase_add_test(t, a_stop_loses_nothing);
	tcase_add_test(t, no_space_is_waited_out);
	tcase_add_loop_test(t, damage_stays_with_its_parcel, 0, 6);
	tcase_add_test(t, an_unreadable_body_is_left_out);
	tcase_add_test(t, the_receiver_must_be_the_paired_one);
	tcase_add_test(t, the_sender_must_be_the_paired_one);
	tcase_add_test(t, the_key_stays);
	tcase_add_test(t, a_policy_leaves_connections_alone);
	tcase_add_test(t, a_new_port_takes_a_new_process);
	tcase_add_test(t, acks_keep_the_tick);
	tcase_add_test(t, a_taken_address_is_tried_again);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
