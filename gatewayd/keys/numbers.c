/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "proto/record/number.h"
#include "gatewayd/keys/recfile.h"

#include "gatewayd/keys/numbers.h"

struct numbers_record {
	uint8_t id[16];
	uint8_t sum[RECFILE_SUM_LEN];
};
_Static_assert(sizeof(struct numbers_record) == 24, "no padding");

struct numbers {
	struct recfile *file;	/* of day */
	uint32_t day;
	int dirfd;
};

struct numbers *
numbers_new(int dirfd)
{
	struct numbers *n = mem_alloc(sizeof(*n));

	n->dirfd = dirfd;
	return n;
}

void
numbers_free(struct numbers *n)
{
	if (n == NULL)
		return;
	recfile_free(n->file);
	mem_free(n);
}

/*
 * Letter and check digit do not count: spellings of one number are one
 * number here.
 */
static enum gw_err
numbers_parse(const char *text, uint32_t *day_out, uint32_t *count_out)
{
	unsigned year, month, day, count, check;
	char letter, end;

	if (sscanf(text, "%c%4u%2u%2u-%6u-%1u%c", &letter, &year, &month,
	    &day, &count, &check, &end) != 6 || month < 1 || month > 12 ||
	    day < 1 || day > 31 || count < 1 || count > NUMBER_MAX)
		return GW_EINVAL;
	*day_out = year * 10000 + month * 100 + day;
	*count_out = count;
	return GW_OK;
}

static enum gw_err
numbers_open(struct numbers *n, uint32_t day)
{
	struct recfile *file;
	char name[32];
	enum gw_err err;

	if (n->file != NULL && n->day == day)
		return GW_OK;
	snprintf(name, sizeof(name), "numbers-%08" PRIu32, day);
	err = recfile_open(n->dirfd, name, sizeof(struct numbers_record),
	    &file);
	if (err != GW_OK)
		return err;
	recfile_free(n->file);
	n->file = file;
	n->day = day;
	return GW_OK;
}

/* The first to come has it. */
static enum gw_err
numbers_claim(struct numbers *n, const char *number, const uint8_t id[16])
{
	struct numbers_record rec;
	uint32_t day, count;
	enum gw_err err;

	if ((err = numbers_parse(number, &day, &count)) != GW_OK ||
	    (err = numbers_open(n, day)) != GW_OK)
		return err;
	err = recfile_get(n->file, count, &rec);
	if (err == GW_OK)
		return memcmp(rec.id, id, sizeof(rec.id)) == 0 ? GW_OK :
		    GW_EDENIED;
	if (err != GW_ENOENT)
		return err;
	memcpy(rec.id, id, sizeof(rec.id));
	return recfile_put(n->file, count, &rec);
}

enum gw_err
numbers_take(struct numbers *n, struct transfer_slot *t,
    const char number[IPC_NUMBER_LEN])
{
	enum gw_err err;

	if (strnlen(number, IPC_NUMBER_LEN) == IPC_NUMBER_LEN ||
	    number[0] == '\0')
		return GW_EINVAL;
	if (t->number[0] != '\0')
		return strcmp(t->number, number) == 0 ? GW_OK : GW_EDENIED;
	/* One that came from the other side brought its own. */
	if (t->side != SIDE_LOW)
		return GW_EDENIED;
	err = numbers_claim(n, number, t->id);
	if (err == GW_OK)
		(void)mem_put_str(t->number, sizeof(t->number), number);
	return err;
}
