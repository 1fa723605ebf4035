/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/record/number.h"

#define DAY_DIGITS 8
#define COUNT_DIGITS 5
#define COUNT_DIGITS_MAX 6

/* ISO 7064 hybrid system: one digit into the running product. */
static unsigned
number_check_step(unsigned product, unsigned digit)
{
	unsigned sum = (product + digit) % 10;

	return (sum == 0 ? 10 : sum) * 2 % 11;
}

static unsigned
number_check(char letter, const char *day, const char *count)
{
	unsigned value = (unsigned)(letter - 'A');
	unsigned product = 10;

	product = number_check_step(product, value / 10);
	product = number_check_step(product, value % 10);
	for (; *day != '\0'; day++)
		product = number_check_step(product, (unsigned)(*day - '0'));
	for (; *count != '\0'; count++)
		product = number_check_step(product, (unsigned)(*count - '0'));
	return (11 - product) % 10;
}

static bool
number_day_ok(uint32_t day)
{
	uint32_t month = day / 100 % 100, date = day % 100;

	return day >= 10000101 && day <= 99991231 && month >= 1 &&
	    month <= 12 && date >= 1 && date <= 31;
}

enum gw_err
number_format(const struct number *n, char out[NUMBER_LEN])
{
	char day[12], count[12];
	int len;

	if (n->letter < 'A' || n->letter > 'Z' || !number_day_ok(n->day) ||
	    n->count < 1 || n->count > NUMBER_MAX)
		return GW_EINVAL;
	snprintf(day, sizeof(day), "%08u", n->day);
	snprintf(count, sizeof(count), "%05u", n->count);
	memset(out, 0, NUMBER_LEN);
	len = snprintf(out, NUMBER_LEN, "%c%s-%s-%u", n->letter, day, count,
	    number_check(n->letter, day, count));
	return len > 0 && len < NUMBER_LEN ? GW_OK : GW_EBUG;
}

/* Digits up to the first other character; false if there are too many. */
static bool
number_digits(const char **p, char *out, size_t max, uint32_t *value_out)
{
	uint32_t value = 0;
	size_t n = 0;

	while (**p >= '0' && **p <= '9') {
		if (n == max)
			return false;
		out[n++] = **p;
		value = value * 10 + (uint32_t)(**p - '0');
		(*p)++;
	}
	out[n] = '\0';
	*value_out = value;
	return true;
}

enum gw_err
number_parse(const char *text, struct number *out)
{
	char day[DAY_DIGITS + 1], count[COUNT_DIGITS_MAX + 1];
	struct number n = {0};
	const char *p = text;
	size_t count_len;

	n.letter = *p;
	if (n.letter >= 'a' && n.letter <= 'z')
		n.letter = (char)(n.letter - 'a' + 'A');
	if (n.letter < 'A' || n.letter > 'Z')
		return GW_EFORMAT;
	p++;
	if (!number_digits(&p, day, DAY_DIGITS, &n.day) ||
	    strlen(day) != DAY_DIGITS || !number_day_ok(n.day) || *p != '-')
		return GW_EFORMAT;
	p++;
	if (!number_digits(&p, count, COUNT_DIGITS_MAX, &n.count) ||
	    *p != '-')
		return GW_EFORMAT;
	count_len = strlen(count);
	if (count_len < COUNT_DIGITS || n.count == 0 ||
	    (count_len == COUNT_DIGITS_MAX && count[0] == '0'))
		return GW_EFORMAT;
	p++;
	if (p[0] < '0' || p[0] > '9' || p[1] != '\0')
		return GW_EFORMAT;
	if ((unsigned)(p[0] - '0') != number_check(n.letter, day, count))
		return GW_EHASH;
	*out = n;
	return GW_OK;
}
