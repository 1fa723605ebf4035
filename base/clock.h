/* SPDX-License-Identifier: ISC */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Time.  Wall time is milliseconds since 1970 UTC; monotonic time is for
 * durations only.  Tests inject both.  Business dates are JST (UTC+9, no
 * daylight saving).
 */
uint64_t clock_wall_ms(void);
uint64_t clock_mono_ms(void);

struct clock_source {
	uint64_t (*wall_ms)(void *);
	uint64_t (*mono_ms)(void *);
	void *arg;
};
void clock_set_source(const struct clock_source *); /* NULL: the system's */

/*
 * Jump detector: compares how far wall and monotonic time moved since the
 * last call on this state.  Returns the signed difference in milliseconds
 * (wall minus monotonic), 0 on the first call.
 */
struct clock_watch {
	uint64_t wall_ms, mono_ms;
	bool is_set;
};
int64_t clock_watch_step(struct clock_watch *);

/* "2026-04-01T09:00:00+09:00" and "20260401" in JST. */
#define CLOCK_ISO_LEN 26
#define CLOCK_DAY_LEN 9
void clock_iso_jst(uint64_t wall_ms, char out[CLOCK_ISO_LEN]);
void clock_day_jst(uint64_t wall_ms, char out[CLOCK_DAY_LEN]);

/* Start (00:00 JST) of year-month-day; false if no such day. */
bool clock_from_day_jst(int year, int month, int day, uint64_t *wall_ms_out);

/* First moment after the fiscal year that holds wall_ms: 1 April 00:00 JST. */
uint64_t clock_fiscal_end_ms(uint64_t wall_ms);

#endif
