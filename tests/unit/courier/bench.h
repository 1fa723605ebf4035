/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_COURIER_BENCH_H
#define TESTS_UNIT_COURIER_BENCH_H

#include "gatewayd/courier/courier.h"
#include "tests/unit/courier/fake.h"

/* A courier over a folder of its own, with fake siblings on one loop. */
struct bench {
	char root[64];
	struct ev_loop *loop;
	struct fake fake;
	struct policy_table *policy;
	struct policy_flow *flow;	/* "letters", both ways in one zone */
	struct courier_opts opts;
	struct courier *courier;
	bool no_inotify;
};

void bench_open(struct bench *, const char *where); /* "/tmp" */
void bench_start(struct bench *); /* the courier */
void bench_stop(struct bench *);
void bench_close(struct bench *);

/* Run until fn says so; fails the test after some seconds. */
typedef bool bench_fn(struct bench *);
void bench_until(struct bench *, bench_fn *);
void bench_run_ms(struct bench *, unsigned ms);

/* Files below the root of the tree. */
void bench_put(struct bench *, const char *path, const void *, size_t);
void bench_puts(struct bench *, const char *path, const char *text);
void bench_mkdir(struct bench *, const char *path);
void bench_drop(struct bench *, const char *name, const char *text);
void bench_rename(struct bench *, const char *from, const char *to);
bool bench_has(struct bench *, const char *path);
char *bench_read(struct bench *, const char *path, size_t *len_out);
bool bench_contains(struct bench *, const char *path, const char *text);
unsigned bench_count(struct bench *, const char *folder); /* names in it */

/* status/letters/送信簿-TODAY.csv and 受領簿. */
const char *bench_ledger(const char *stem);
unsigned bench_lines(struct bench *, const char *path, const char *text);

/* Give the courier a delivery and wait until it is published. */
void bench_deliver(struct bench *, struct fake_transfer *, bool is_retry);

#endif
