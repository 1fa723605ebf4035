/* SPDX-License-Identifier: ISC */
#include <sys/inotify.h>
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "gatewayd/courier/intake.h"

#include "tests/unit/courier/bench.h"

#define PATIENCE_MS 20000

void
bench_open(struct bench *b, const char *where)
{
	memset(b, 0, sizeof(*b));
	snprintf(b->root, sizeof(b->root), "%s/courier-XXXXXX", where);
	ck_assert_ptr_nonnull(mkdtemp(b->root));
	b->loop = ev_loop_new();
	fake_init(&b->fake, b->loop);
	b->policy = mem_alloc(sizeof(*b->policy));
	b->policy->flow_count = 1;
	mem_put_str(b->policy->zone.zone, POLICY_ID_LEN, "internet");
	b->flow = &b->policy->flows[0];
	mem_put_str(b->flow->id, POLICY_ID_LEN, "letters");
	mem_put_str(b->flow->from, POLICY_ID_LEN, "internet");
	mem_put_str(b->flow->to, POLICY_ID_LEN, "internet");
	mem_put_str(b->flow->submitter_name, POLICY_ID_LEN, "scanner");
	b->flow->submitter = SUBMITTER_FIXED;
	b->flow->complete = COMPLETE_CLOSE;
	b->flow->file_bytes = 64u << 20;
	b->flow->transfer_bytes = 128u << 20;
	b->flow->files = 20000;
	b->flow->until_ms = UINT64_MAX;
	b->flow->file_mode = 0640;
	b->flow->original_days = 30;
	b->opts = (struct courier_opts){.scan_ms = 120, .quiet_ms = 40,
	    .retry_ms = 60, .hands = 8, .intakes = 16};
}

void
bench_start(struct bench *b)
{
	int keys_fd, spool_fd, root_fd = -1;

	ck_assert_int_eq(io_open_dir(b->root, &root_fd), GW_OK);
	fake_connect(&b->fake, &keys_fd, &spool_fd);
	b->courier = courier_new(b->loop, root_fd, b->no_inotify ? -1 :
	    inotify_init1(IN_NONBLOCK | IN_CLOEXEC), keys_fd, spool_fd,
	    b->policy, &b->opts);
}

void
bench_stop(struct bench *b)
{
	courier_free(b->courier);
	b->courier = NULL;
	fake_disconnect(&b->fake);
}

void
bench_close(struct bench *b)
{
	char command[256];

	bench_stop(b);
	fake_clear(&b->fake);
	ev_loop_free(b->loop);
	mem_free(b->policy);
	snprintf(command, sizeof(command), "chmod -R u+rwx %s; rm -rf %s",
	    b->root, b->root);
	ck_assert_int_eq(system(command), 0);
}

static void
on_patience(void *arg)
{
	(void)arg;
}

void
bench_until(struct bench *b, bench_fn *fn)
{
	uint64_t end = clock_mono_ms() + PATIENCE_MS;
	struct ev_timer *timer = ev_timer_new(b->loop, on_patience, NULL);

	while (!fn(b)) {
		ck_assert_msg(clock_mono_ms() < end, "it never happened");
		ev_timer_set(timer, 20);
		ev_loop_once(b->loop);
	}
	ev_timer_free(timer);
}

void
bench_run_ms(struct bench *b, unsigned ms)
{
	uint64_t end = clock_mono_ms() + ms;
	struct ev_timer *timer = ev_timer_new(b->loop, on_patience, NULL);

	while (clock_mono_ms() < end) {
		ev_timer_set(timer, 5);
		ev_loop_once(b->loop);
	}
	ev_timer_free(timer);
}

static void
full(const struct bench *b, const char *path, char out[8192])
{
	ck_assert_int_lt(snprintf(out, 8192, "%s/%s", b->root, path), 8192);
}

void
bench_put(struct bench *b, const char *path, const void *data, size_t len)
{
	char name[8192];
	int fd;

	full(b, path, name);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ck_assert_msg(fd != -1, "%s", name);
	ck_assert_int_eq(io_write_full(fd, data, len), GW_OK);
	ck_assert_int_eq(close(fd), 0);
}

void
bench_puts(struct bench *b, const char *path, const char *text)
{
	bench_put(b, path, text, strlen(text));
}

void
bench_mkdir(struct bench *b, const char *path)
{
	char name[8192];

	full(b, path, name);
	ck_assert_int_eq(mkdir(name, 0755), 0);
}

void
bench_drop(struct bench *b, const char *name, const char *text)
{
	char path[8192];

	snprintf(path, sizeof(path), "in/letters/%s", name);
	bench_puts(b, path, text);
}

void
bench_rename(struct bench *b, const char *from, const char *to)
{
	char a[8192], z[8192];

	full(b, from, a);
	full(b, to, z);
	ck_assert_int_eq(rename(a, z), 0);
}

bool
bench_has(struct bench *b, const char *path)
{
	char name[8192];
	struct stat st;

	full(b, path, name);
	return lstat(name, &st) == 0;
}

char *
bench_read(struct bench *b, const char *path, size_t *len_out)
{
	char name[8192], *data;
	struct stat st;
	int fd;

	full(b, path, name);
	fd = open(name, O_RDONLY);
	ck_assert_msg(fd != -1, "%s", name);
	ck_assert_int_eq(fstat(fd, &st), 0);
	data = mem_alloc((size_t)st.st_size + 1);
	ck_assert_int_eq(io_read_full(fd, data, (size_t)st.st_size), GW_OK);
	close(fd);
	if (len_out != NULL)
		*len_out = (size_t)st.st_size;
	return data;
}

bool
bench_contains(struct bench *b, const char *path, const char *text)
{
	char *data = bench_read(b, path, NULL);
	bool found = strstr(data, text) != NULL;

	mem_free(data);
	return found;
}

unsigned
bench_count(struct bench *b, const char *folder)
{
	char name[8192];
	struct dirent *entry;
	unsigned count = 0;
	DIR *dir;

	full(b, folder, name);
	dir = opendir(name);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			count++;
	}
	closedir(dir);
	return count;
}

const char *
bench_ledger(const char *stem)
{
	static char path[128];
	char day[CLOCK_DAY_LEN];

	clock_day_jst(clock_wall_ms(), day);
	snprintf(path, sizeof(path), "status/letters/%s-%.4s-%.2s-%.2s.csv",
	    stem, day, day + 4, day + 6);
	return path;
}

unsigned
bench_lines(struct bench *b, const char *path, const char *text)
{
	unsigned count = 0;
	char *data, *at;

	if (!bench_has(b, path))
		return 0;
	data = bench_read(b, path, NULL);
	for (at = data; (at = strstr(at, text)) != NULL; at++)
		count++;
	mem_free(data);
	return count;
}

static struct fake_transfer *delivered;

static bool
is_published(struct bench *b)
{
	(void)b;
	return delivered->published > 0;
}

void
bench_deliver(struct bench *b, struct fake_transfer *t, bool is_retry)
{
	delivered = t;
	t->published = 0;
	fake_work(&b->fake, t, WORK_DELIVER, SIDE_HIGH, is_retry ?
	    ST_DELIVERING : ST_REINSPECTED, 0, is_retry);
	bench_until(b, is_published);
	bench_run_ms(b, 20); /* the reply, and tidying */
}
