/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/spool/quota.h"

/* Less than this free, and the ballast goes: log and states must be kept. */
#define QUOTA_LAST_BYTES (UINT64_C(16) << 20)

/* Points below the watermark where work goes on again. */
#define QUOTA_BACK_PCT 2

static void
quota_audit(struct spool *sp, uint16_t reason, const char *detail)
{
	struct audit_record a = {
		.event = AUDIT_DISK,
		.reason = reason,
		.wall_ms = clock_wall_ms(),
		.size = sp->disk_free,
	};

	mem_put_str(a.actor, sizeof(a.actor), "spool");
	mem_put_str(a.detail, sizeof(a.detail), detail);
	group_audit(sp, &a);
}

/* Above the mark stop; go on once it is well below. */
static bool
quota_is_over(bool is_stopped, uint64_t used_pct, uint32_t mark)
{
	if (mark == 0)
		return false;
	if (is_stopped)
		return used_pct + QUOTA_BACK_PCT >= mark;
	return used_pct >= mark;
}

static uint64_t
quota_used_pct(const struct spool *sp)
{
	uint64_t quota = sp->policy->zone.quota_bytes;
	uint64_t used = sp->gate.stored_bytes + sp->reserved;
	uint64_t pct = 0, ours = 0;

	if (sp->disk_bytes >= 100)
		pct = 100 - sp->disk_free / (sp->disk_bytes / 100);
	if (quota >= 100)
		ours = used / (quota / 100);
	return ours > pct ? ours : pct;
}

static void
quota_set(struct spool *sp, bool stops_intake, bool stops_fetch)
{
	uint16_t reason = REASON_NONE;

	if (sp->gate.disk_failed != 0) {
		stops_intake = true;
		reason = REASON_INTERNAL;
	} else if (stops_intake) {
		reason = REASON_NO_SPACE;
	}
	if (stops_intake != sp->is_intake_stopped) {
		log_warn("intake %s", stops_intake ? "stopped" : "goes on");
		quota_audit(sp, reason, stops_intake ? "intake stopped" :
		    "intake goes on");
		sp->wants_poke |= !stops_intake;
	}
	if (stops_fetch != sp->is_fetch_stopped) {
		log_warn("fetching %s", stops_fetch ? "stopped" : "goes on");
		quota_audit(sp, stops_fetch ? REASON_NO_SPACE : REASON_NONE,
		    stops_fetch ? "fetching stopped" : "fetching goes on");
	}
	sp->is_intake_stopped = stops_intake;
	sp->is_fetch_stopped = stops_fetch;
	sp->stop_reason = reason;
}

void
quota_look(struct spool *sp)
{
	const struct policy_zone *zone = &sp->policy->zone;
	uint64_t pct;

	if (store_space(sp->store, &sp->disk_bytes, &sp->disk_free) != GW_OK)
		return;
	if (sp->disk_free < QUOTA_LAST_BYTES && sp->has_ballast) {
		log_err("the disk is full: the ballast is given up");
		store_drop_ballast(sp->store);
		sp->has_ballast = false;
	}
	pct = quota_used_pct(sp);
	quota_set(sp, quota_is_over(sp->is_intake_stopped, pct,
	    zone->stop_intake_pct), quota_is_over(sp->is_fetch_stopped, pct,
	    zone->stop_fetch_pct));
}

void
quota_start(struct spool *sp)
{
	/* Without a ballast it works, but a full disk is then a full stop. */
	sp->has_ballast = store_ballast(sp->store,
	    sp->policy->zone.ballast_bytes) == GW_OK;
	if (!sp->has_ballast)
		log_warn("no room for the ballast file");
	quota_look(sp);
}

static enum gw_err
quota_check(struct spool *sp, uint64_t bytes)
{
	uint64_t used = sp->gate.stored_bytes + sp->reserved;
	uint64_t quota = sp->policy->zone.quota_bytes;

	if (used > quota || bytes > quota - used ||
	    sp->reserved > sp->disk_free ||
	    bytes > sp->disk_free - sp->reserved)
		return GW_ESPACE;
	return GW_OK;
}

enum gw_err
quota_reserve_intake(struct spool *sp, uint64_t bytes)
{
	if (sp->is_intake_stopped || quota_check(sp, bytes) != GW_OK)
		return GW_ESPACE;
	sp->reserved += bytes;
	return GW_OK;
}

enum gw_err
quota_check_fetch(struct spool *sp, uint64_t bytes)
{
	if (sp->is_fetch_stopped || sp->gate.disk_failed != 0)
		return GW_ESPACE;
	return bytes == 0 ? GW_OK : quota_check(sp, bytes);
}

void
quota_release(struct spool *sp, uint64_t bytes)
{
	if (bytes > sp->reserved)
		log_panic("quota: %llu bytes released, %llu reserved",
		    (unsigned long long)bytes,
		    (unsigned long long)sp->reserved);
	sp->reserved -= bytes;
}

_Noreturn void
quota_disk_failed(struct spool *sp)
{
	struct gate gate;

	catalog_rollback(sp->cat);
	catalog_gate_get(sp->cat, &gate);
	gate.disk_failed = 1;
	catalog_begin(sp->cat);
	catalog_gate_put(sp->cat, &gate);
	catalog_commit(sp->cat);
	log_fatal("a sync of bodies failed, what was written may be lost: "
	    "nothing of it was accepted; intake stays stopped until an "
	    "administrator has checked the disk (gatewayctl reload)");
}

void
quota_disk_checked(struct spool *sp)
{
	if (sp->gate.disk_failed == 0)
		return;
	sp->gate.disk_failed = 0;
	group_dirty(sp);
	quota_look(sp);
}
