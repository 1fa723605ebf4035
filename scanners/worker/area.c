/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"

#include "proto/names/names.h"

#include "scanners/worker/area.h"

static size_t
area_len(uint32_t name_max)
{
	return sizeof(struct area) + name_max * sizeof(struct keys_name);
}

struct area *
area_new(uint32_t name_max)
{
	void *p;

	p = mmap(NULL, area_len(name_max), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		log_fatal("cannot map a report area: %s", strerror(errno));
	return p;
}

void
area_free(struct area *area, uint32_t name_max)
{
	if (area != NULL && munmap(area, area_len(name_max)) != 0)
		log_panic("munmap of a report area: %s", strerror(errno));
}

void
area_hide(struct area *area, uint32_t name_max)
{
	if (madvise(area, area_len(name_max), MADV_DONTFORK) != 0)
		log_fatal("cannot hide a report area: %s", strerror(errno));
}

static bool
area_text_ok(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size && text[i] != '\0'; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	}
	if (i == size)
		return false;
	for (; i < size; i++) {
		if (text[i] != '\0')
			return false;
	}
	return true;
}

/* An extension may be in any script, but is text. */
static bool
area_ext_ok(const char *ext)
{
	size_t i;

	for (i = 0; i < NAMES_EXT_LEN && ext[i] != '\0'; i++) {
		if ((unsigned char)ext[i] < 0x20 || ext[i] == 0x7f)
			return false;
	}
	if (i == NAMES_EXT_LEN)
		return false;
	for (; i < NAMES_EXT_LEN; i++) {
		if (ext[i] != '\0')
			return false;
	}
	return true;
}

static bool
area_is_pass(uint16_t verdict)
{
	return verdict == VERDICT_CLEAN || verdict == VERDICT_CLEANED ||
	    verdict == VERDICT_CONFIRMED;
}

static bool
area_report_ok(const struct area_report *r, const struct worker_ops *ops,
    const struct keys_grant *grant)
{
	if (r->verdict > VERDICT_NOT_SCANNED ||
	    (ops->verdicts & (1u << r->verdict)) == 0)
		return false;
	if (!reason_ok(r->reason) || r->type >= TYPE_COUNT || r->method > 5)
		return false;
	if (area_is_pass(r->verdict) != (r->reason == REASON_NONE))
		return false;
	if ((r->verdict == VERDICT_INFECTED) !=
	    (r->reason == REASON_VIRUS_FOUND))
		return false;
	if ((r->verdict == VERDICT_CONFIRMED) != (r->method == 5))
		return false;
	/* What identify lets pass is of a type that the flow accepts. */
	if (ops->stage == STAGE_IDENTIFY && area_is_pass(r->verdict) &&
	    (grant->accept & TYPE_BIT(r->type)) == 0)
		return false;
	return area_text_ok(r->detail, sizeof(r->detail));
}

bool
area_check(const struct area *area, const struct worker_ops *ops,
    const struct keys_grant *grants, uint32_t count, uint32_t name_max)
{
	uint32_t i;

	if (area->done != count || area->name_count > name_max)
		return false;
	for (i = 0; i < count; i++) {
		if (!area_report_ok(&area->reports[i], ops, &grants[i]))
			return false;
	}
	for (i = 0; i < area->name_count; i++) {
		if (!area_ext_ok(area->names[i].ext))
			return false;
	}
	/* A manifest that passes has named every file. */
	return ops->stage != STAGE_MANIFEST ||
	    !area_is_pass(area->reports[0].verdict) ||
	    area->name_count == name_max;
}

bool
area_is_good(const struct area *area, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (!area_is_pass(area->reports[i].verdict))
			return false;
	}
	return true;
}
