/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/clock.h"

#define DAY_MS        86400000ull
#define JST_OFFSET_MS (9ull * 3600 * 1000)

/* Years past 9999 do not fit the fixed-width texts. */
#define YEAR_MIN 1970
#define YEAR_MAX 9999

struct civil {
	int64_t year;
	int month, day;
};

static struct clock_source clock_source;

void
clock_set_source(const struct clock_source *source)
{
	if (source != NULL)
		clock_source = *source;
	else
		memset(&clock_source, 0, sizeof(clock_source));
}

static uint64_t
clock_read_ms(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		log_panic("clock_gettime(%d) failed", (int)id);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
clock_wall_ms(void)
{
	if (clock_source.wall_ms != NULL)
		return clock_source.wall_ms(clock_source.arg);
	return clock_read_ms(CLOCK_REALTIME);
}

uint64_t
clock_mono_ms(void)
{
	if (clock_source.mono_ms != NULL)
		return clock_source.mono_ms(clock_source.arg);
	/* BOOTTIME: the hours a machine slept are hours, not a clock jump. */
	return clock_read_ms(CLOCK_BOOTTIME);
}

int64_t
clock_watch_step(struct clock_watch *watch)
{
	uint64_t wall = clock_wall_ms();
	uint64_t mono = clock_mono_ms();
	int64_t jump = 0;

	if (watch->is_set) {
		/* Modulo 2^64, so that wall time may also go backward. */
		jump = (int64_t)((wall - watch->wall_ms) -
				 (mono - watch->mono_ms));
	}
	watch->wall_ms = wall;
	watch->mono_ms = mono;
	watch->is_set = true;
	return jump;
}

/*
 * Proleptic Gregorian calendar with years that begin on 1 March, so that
 * the leap day is a year's last day; 400 years have 146097 days.  Day 0 is
 * 1 January 1970, 719468 days after 1 March of year 0.
 */
static int64_t
days_from_civil(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 -
			     year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static struct civil
civil_from_days(uint64_t days)
{
	uint64_t z = days + 719468;
	uint64_t era = z / 146097;
	uint64_t doe = z - era * 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	uint64_t mp = (5 * doy + 2) / 153;
	struct civil c;

	c.day = (int)(doy - (153 * mp + 2) / 5) + 1;
	c.month = (int)(mp < 10 ? mp + 3 : mp - 9);
	c.year = (int64_t)(yoe + era * 400) + (c.month <= 2 ? 1 : 0);
	return c;
}

/* Last millisecond of YEAR_MAX in JST, as milliseconds since 1970 JST. */
static uint64_t
jst_last_ms(void)
{
	return (uint64_t)days_from_civil(YEAR_MAX + 1, 1, 1) * DAY_MS - 1;
}

static uint64_t
jst_ms(uint64_t wall_ms)
{
	uint64_t last = jst_last_ms();

	return wall_ms > last - JST_OFFSET_MS ? last : wall_ms + JST_OFFSET_MS;
}

void
clock_iso_jst(uint64_t wall_ms, char out[CLOCK_ISO_LEN])
{
	uint64_t jst = jst_ms(wall_ms);
	struct civil c = civil_from_days(jst / DAY_MS);
	unsigned s = (unsigned)(jst % DAY_MS / 1000);
	char text[64];

	snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02u+09:00",
	    (unsigned)c.year, (unsigned)c.month, (unsigned)c.day, s / 3600,
	    s / 60 % 60, s % 60);
	memcpy(out, text, CLOCK_ISO_LEN - 1);
	out[CLOCK_ISO_LEN - 1] = '\0';
}

void
clock_day_jst(uint64_t wall_ms, char out[CLOCK_DAY_LEN])
{
	struct civil c = civil_from_days(jst_ms(wall_ms) / DAY_MS);
	char text[64];

	snprintf(text, sizeof(text), "%04u%02u%02u", (unsigned)c.year,
	    (unsigned)c.month, (unsigned)c.day);
	memcpy(out, text, CLOCK_DAY_LEN - 1);
	out[CLOCK_DAY_LEN - 1] = '\0';
}

bool
clock_from_day_jst(int year, int month, int day, uint64_t *wall_ms_out)
{
	struct civil c;
	int64_t days, ms;

	if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 ||
	    day < 1 || day > 31)
		return false;
	days = days_from_civil(year, month, day);
	c = civil_from_days((uint64_t)days);
	/* 30 February comes back as 1 or 2 March. */
	if (c.year != year || c.month != month || c.day != day)
		return false;
	ms = days * (int64_t)DAY_MS - (int64_t)JST_OFFSET_MS;
	if (ms < 0)
		return false;
	*wall_ms_out = (uint64_t)ms;
	return true;
}

uint64_t
clock_fiscal_end_ms(uint64_t wall_ms)
{
	struct civil c = civil_from_days(jst_ms(wall_ms) / DAY_MS);
	int64_t year = c.month >= 4 ? c.year + 1 : c.year;

	return (uint64_t)days_from_civil(year, 4, 1) * DAY_MS - JST_OFFSET_MS;
}
