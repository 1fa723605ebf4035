/* SPDX-License-Identifier: ISC */
#ifndef PROTO_RECORD_NUMBER_H
#define PROTO_RECORD_NUMBER_H

#include <stdint.h>

#include "base/err.h"

/*
 * Receipt number, "I20260401-00017-3": letter of the zone that took the
 * transfer in, JST day, running number of that day (five digits, six above
 * 99,999), and a check digit: ISO 7064 MOD 11,10 over the letter's value
 * (A = 00 ... Z = 25, two digits), the day and the running number as
 * written.  It finds every single wrong digit and nearly every swap of
 * neighbours.
 */
#define NUMBER_LEN 24		/* field size, NUL padded */
#define NUMBER_MAX 999999u	/* of one day */

struct number {
	char letter;		/* A-Z */
	uint32_t day;		/* 20260401 */
	uint32_t count;		/* 1..NUMBER_MAX */
};

/* GW_EINVAL if a part is outside its range; out is NUL padded. */
GW_MUST_CHECK enum gw_err number_format(const struct number *,
    char out[NUMBER_LEN]);

/*
 * One spelling for each number.  GW_EFORMAT: not a receipt number; GW_EHASH:
 * the check digit does not fit (mistyped).  The letter may be lower case.
 */
GW_MUST_CHECK enum gw_err number_parse(const char *, struct number *out);

#endif
