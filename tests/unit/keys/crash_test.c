/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/parcel/header.h"

#include "tests/unit/keys/way.h"

/*
 * The process is killed before each of its writes, or the write fails, at
 * every place of a scenario; another process then goes on over what is left.
 * What was answered must stay true, and nothing may be sealed or opened
 * twice.  Everything runs in children, over copies of one paired state.
 */
#define TRANSFERS 3
#define KILLED 42

struct progress {
	char low[64], high[64];		/* templates */
	size_t object_len[TRANSFERS];
	uint8_t objects[TRANSFERS][8192];
	struct way ways[TRANSFERS];
	bool is_committed[TRANSFERS], is_sealed[TRANSFERS];
	struct keys_sealed sealed[TRANSFERS];
	bool is_opened[TRANSFERS];
	struct keys_opened opened[TRANSFERS];
};
static struct progress *p;

/* --- children ----------------------------------------------------------- */

typedef void child_fn(const char *root);

/* The exit status of fn in a process of its own; 0: it came to its end. */
static int
run(child_fn *fn, const char *root)
{
	int status;
	pid_t pid;

	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		log_set_level(LOG_ERR_);
		gate_clock_start();
		fn(root);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
must(bool is_true, const char *what)
{
	if (is_true)
		return;
	(void)fprintf(stderr, "crash_test: %s\n", what);
	_exit(99);
}

static void
copy_files(const char *from, const char *to)
{
	char a[512], b[512];
	struct dirent *d;
	uint8_t *bytes;
	size_t len;
	DIR *dir;
	int fd, in;

	must((dir = opendir(from)) != NULL, "opendir");
	must(io_open_dir(from, &in) == GW_OK, "open");
	while ((d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 ||
		    strcmp(d->d_name, "..") == 0)
			continue;
		(void)snprintf(a, sizeof(a), "%s/%s", from, d->d_name);
		(void)snprintf(b, sizeof(b), "%s/%s", to, d->d_name);
		must(io_load_file(in, d->d_name, 1 << 24, &bytes, &len) ==
		    GW_OK, "load");
		fd = open(b, O_CREAT | O_WRONLY | O_TRUNC, 0600);
		must(fd >= 0 && write(fd, bytes, len) == (ssize_t)len,
		    "copy");
		(void)close(fd);
		mem_free(bytes);
	}
	(void)closedir(dir);
	io_drop(&in);
}

static void
make_template(const char *root)
{
	struct gate *low = gate_attach("internet", p->low);
	struct gate *high = gate_attach("lgwan", p->high);

	(void)root;
	gate_init(low, false);
	gate_init(high, false);
	gate_pair(low, high);
}

/* --- what happens at the n-th write ------------------------------------- */

static unsigned hook_at, hook_count, hook_errno;

static int
hook(void *arg, enum io_op op, int fd, size_t *len)
{
	(void)arg;
	(void)fd;
	if (op == IO_READ || op == IO_OPEN)
		return 0;
	if (++hook_count < hook_at)
		return 0;
	if (hook_errno == 0) {
		/* Half of a write may have reached the disk. */
		if (op == IO_WRITE && hook_at % 2 == 0 && *len > 512)
			*len = 512;
		else
			_exit(KILLED);
		hook_at = hook_count + 1;
		return 0;
	}
	return hook_count == hook_at ? (int)hook_errno : 0;
}

/* --- low side ----------------------------------------------------------- */

static enum gw_err
accept_one(struct gate *g, int n)
{
	struct way *w = &p->ways[n];
	uint32_t i;

	way_new(w, g, 2);
	for (i = 0; i < 2; i++) {
		if (way_body_new(w, i) != GW_OK ||
		    way_body_done(w, i) != GW_OK)
			return GW_ESPACE;
	}
	if (way_commit(w) != GW_OK)
		return GW_ESPACE;
	p->is_committed[n] = true;
	return GW_OK;
}

static void
keep_seal(int n, const struct keys_sealed *s)
{
	p->sealed[n] = *s;
	p->is_sealed[n] = true;
}

static void
send_all(const char *root)
{
	struct gate *g = gate_attach("internet", root);
	struct keys_sealed s;
	struct keys_decided d;
	int fd, n;

	io_set_hook(hook, NULL);
	for (n = 0; n < TRANSFERS; n++) {
		if (accept_one(g, n) != GW_OK)
			continue;
		(void)way_names(&p->ways[n]);
		(void)way_stage(&p->ways[n], STAGE_MANIFEST, 0,
		    VERDICT_CLEAN, 0);
		(void)way_stage(&p->ways[n], STAGE_IDENTIFY, 1,
		    VERDICT_CLEAN, 0);
		(void)way_stage(&p->ways[n], STAGE_CLAM, 1, VERDICT_CLEAN, 0);
		(void)way_stage(&p->ways[n], STAGE_CONFIRM, 1,
		    VERDICT_CONFIRMED, 0);
		way_evaluate(&p->ways[n], &d);
		way_seal(&p->ways[n], &s, &fd);
		if (s.err == GW_OK)
			keep_seal(n, &s);
	}
}

/* Some words of the stages were lost, with an error: ask them anew. */
static void
inspect_again(struct way *w)
{
	struct keys_bodies req = {.transfer = w->transfer};

	must(gate_status(w->g, &(struct gate_ask){.client = GATE_SPOOL,
	    .type = KEYS_REJUDGE, .fixed = &req,
	    .fixed_len = sizeof(req)}) == GW_OK, "rejudge");
	way_inspect(w);
}

/* Go on: everything accepted is sealed, once, in one chain. */
static void
check_sent(const char *root)
{
	struct gate *g = gate_attach("internet", root);
	uint8_t prev[TRANSFERS + 1][32], hash[TRANSFERS + 1][32];
	struct keys_sealed s;
	struct parcel_header h;
	struct keys_decided d;
	uint8_t *bytes;
	uint64_t last = 0;
	size_t len;
	int fd, n;

	memset(hash, 0, sizeof(hash));
	for (n = 0; n < TRANSFERS; n++) {
		struct way *w = &p->ways[n];

		if (!p->is_committed[n])
			continue;
		w->g = g;
		way_evaluate(w, &d);
		must(d.err == GW_OK, "accepted, and gone");
		if (d.decision != DECIDE_GO)
			inspect_again(w);
		must(way_decision(w) == DECIDE_GO, "go");
		way_seal(w, &s, &fd);
		must(s.err == GW_OK, "sealed");
		must(!p->is_sealed[n] || memcmp(&s, &p->sealed[n],
		    sizeof(s)) == 0, "sealed twice, differently");
		must(s.seq >= 1 && s.seq <= TRANSFERS, "a gap");
		bytes = way_object_read(fd, &len);
		must(header_decode(bytes, 515, &h) == GW_OK, "header");
		must(header_hash(&h, hash[s.seq]) == GW_OK, "hash");
		memcpy(prev[s.seq], h.prev, 32);
		last = s.seq > last ? s.seq : last;
		mem_free(bytes);
		io_drop(&fd);
	}
	for (n = 2; n <= (int)last; n++)
		must(memcmp(prev[n], hash[n - 1], 32) == 0, "chain");
}

/* --- high side ---------------------------------------------------------- */

/* Three parcels, made once, for every run of the receiver. */
static void
make_parcels(const char *root)
{
	struct gate *g = gate_attach("internet", p->low);
	struct keys_sealed s;
	uint8_t *bytes;
	int fd, n;

	(void)root;
	for (n = 0; n < TRANSFERS; n++) {
		must(accept_one(g, n) == GW_OK, "accept");
		way_inspect(&p->ways[n]);
		must(way_decision(&p->ways[n]) == DECIDE_GO, "go");
		way_seal(&p->ways[n], &s, &fd);
		must(s.err == GW_OK, "seal");
		bytes = way_object_read(fd, &p->object_len[n]);
		must(p->object_len[n] <= sizeof(p->objects[n]), "size");
		memcpy(p->objects[n], bytes, p->object_len[n]);
	}
}

static void
open_all(const char *root)
{
	struct gate *g = gate_attach("lgwan", root);
	struct keys_opened o;
	int fds[TRANSFERS], n;

	for (n = 0; n < TRANSFERS; n++)
		fds[n] = way_object_make(p->objects[n], p->object_len[n]);
	io_set_hook(hook, NULL);
	for (n = 0; n < TRANSFERS; n++) {
		way_open(g, fds[n], &o);
		if (o.err != GW_OK)
			continue;
		p->opened[n] = o;
		p->is_opened[n] = true;
	}
}

static void
check_opened(const char *root)
{
	struct gate *g = gate_attach("lgwan", root);
	struct keys_grant grants[2];
	struct keys_opened o;
	struct way h;
	int fd, n, again;

	for (n = 0; n < TRANSFERS; n++) {
		for (again = 0; again < 2; again++) {
			fd = way_object_make(p->objects[n],
			    p->object_len[n]);
			way_open(g, fd, &o);
			must(o.err == GW_OK, "not opened");
			must(!p->is_opened[n] || memcmp(&o, &p->opened[n],
			    sizeof(o)) == 0, "opened twice, differently");
			p->opened[n] = o;
			p->is_opened[n] = true;
			io_drop(&fd);
		}
		fd = way_object_make(p->objects[n], p->object_len[n]);
		way_arrive(&h, g, &p->ways[n], fd);
		must(way_release(&h, 0, 2, grants) != GW_OK, "key too soon");
		way_inspect(&h);
		must(way_decision(&h) == DECIDE_GO, "go");
		must(way_release(&h, 0, 2, grants) == GW_OK, "release");
		must(memcmp(grants[1].key, p->ways[n].keys[1], 32) == 0,
		    "key");
		io_drop(&fd);
	}
}

/* --- every place -------------------------------------------------------- */

static void
forget(void)
{
	memset(p->is_committed, 0, sizeof(p->is_committed));
	memset(p->is_sealed, 0, sizeof(p->is_sealed));
	memset(p->is_opened, 0, sizeof(p->is_opened));
}

/* Number of places there were. */
static unsigned
every_place(const char *template, child_fn *scenario, child_fn *check,
    unsigned fails_with)
{
	char root[64];
	int status;

	hook_errno = fails_with;
	for (hook_at = 1;; hook_at++) {
		gate_folder(root);
		copy_files(template, root);
		forget();
		hook_count = 0;
		status = run(scenario, root);
		/* 1: keys ended, the disk being unfit, or the siblings. */
		ck_assert_msg(status == 0 || status == KILLED ||
		    (fails_with != 0 && status == 1), "place %u: status %d",
		    hook_at, status);
		ck_assert_msg(run(check, root) == 0, "place %u", hook_at);
		gate_remove(root);
		if (fails_with == 0 && status == 0)
			return hook_at;
		/* Writes that fail do not end the scenario by themselves. */
		if (fails_with != 0 && hook_at == 70)
			return hook_at;
	}
}

static void
setup(void)
{
	p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	gate_folder(p->low);
	gate_folder(p->high);
	ck_assert_int_eq(run(make_template, NULL), 0);
}

static void
teardown(void)
{
	gate_remove(p->low);
	gate_remove(p->high);
	(void)munmap(p, sizeof(*p));
}

START_TEST(killed_while_sending)
{
	ck_assert_uint_gt(every_place(p->low, send_all, check_sent, 0), 60);
}
END_TEST

START_TEST(killed_while_receiving)
{
	ck_assert_int_eq(run(make_parcels, NULL), 0);
	ck_assert_uint_gt(every_place(p->high, open_all, check_opened, 0),
	    20);
}
END_TEST

START_TEST(disk_full_while_sending)
{
	(void)every_place(p->low, send_all, check_sent, ENOSPC);
}
END_TEST

START_TEST(disk_full_while_receiving)
{
	ck_assert_int_eq(run(make_parcels, NULL), 0);
	(void)every_place(p->high, open_all, check_opened, ENOSPC);
}
END_TEST

START_TEST(disk_broken_while_sending)
{
	(void)every_place(p->low, send_all, check_sent, EIO);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keys crash");
	TCase *tc = tcase_create("crash");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, killed_while_sending);
	tcase_add_test(tc, killed_while_receiving);
	tcase_add_test(tc, disk_full_while_sending);
	tcase_add_test(tc, disk_full_while_receiving);
	tcase_add_test(tc, disk_broken_while_sending);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	/* So that a check that fails in a child of ours ends that child. */
	srunner_set_fork_status(runner, CK_FORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
