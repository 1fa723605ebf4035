/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#include "policy/load_check.h"

#define GIB_SHIFT 30
#define MIB_SHIFT 20
#define WORKERS_MAX 64

static void
set_letter(struct policy_zone *z)
{
	static const struct {
		const char *zone, *letter;
	} letters[] = {{"internet", "I"}, {"lgwan", "L"}, {"mynumber", "M"}};
	size_t i;

	for (i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		if (strcmp(letters[i].zone, z->zone) == 0)
			(void)mem_put_str(z->letter, sizeof(z->letter),
			    letters[i].letter);
	}
}

static void
set_workers(struct policy_zone *z, uint32_t cpus)
{
	if (z->workers != 0)
		return;
	z->workers = cpus == 0 ? 1 : cpus;
	if (z->workers > WORKERS_MAX)
		z->workers = WORKERS_MAX;
}

static void
check_spool(struct load_run *run, const struct load_node *root)
{
	const struct policy_zone *z = &run->table->zone;
	const struct load_node *spool = load_tree_get(root, "spool");
	char value[24], limit[24];

	if (z->stop_fetch_pct <= z->stop_intake_pct) {
		(void)snprintf(value, sizeof(value), "%u", z->stop_fetch_pct);
		(void)snprintf(limit, sizeof(limit), "%u", z->stop_intake_pct);
		load_fill_report(run, LOAD_WATERMARK, spool,
		    load_tree_get(spool, "stop_fetch_pct"),
		    "spool.stop_fetch_pct", value, limit);
	}
	if (z->ballast_bytes >= z->quota_bytes) {
		(void)snprintf(value, sizeof(value), "%" PRIu64,
		    z->ballast_bytes >> MIB_SHIFT);
		(void)snprintf(limit, sizeof(limit), "%" PRIu64,
		    z->quota_bytes >> GIB_SHIFT);
		load_fill_report(run, LOAD_BALLAST, spool,
		    load_tree_get(spool, "ballast_mib"), "spool.ballast_mib",
		    value, limit);
	}
}

static void
check_peer(struct load_run *run, const struct load_node *map,
    const struct policy_channel *c, const char *prefix)
{
	const struct policy_zone *z = &run->table->zone;
	const struct load_node *node = load_tree_get(map, "peer");
	char key[48];

	(void)snprintf(key, sizeof(key), "%s.peer", prefix);
	if (c->peer[0] == '\0' || z->zone[0] == '\0')
		return;
	if (strcmp(c->peer, z->zone) == 0)
		load_fill_report(run, LOAD_PEER_SELF, map, node, key, c->peer,
		    NULL);
	else if (strcmp(c->peer, "lgwan") != 0 &&
	    strcmp(z->zone, "lgwan") != 0)
		load_fill_report(run, LOAD_DIRECT_CHANNEL, map, node, key,
		    c->peer, NULL);
}

/* A sender connects, a receiver listens; the other key would be ignored. */
static void
check_address(struct load_run *run, const struct load_node *map,
    const struct policy_channel *c, const char *prefix)
{
	bool is_sender = c->role == POLICY_SENDER;
	const char *own = is_sender ? "connect" : "listen";
	const char *other = is_sender ? "listen" : "connect";
	const char *role = is_sender ? "sender" : "receiver";
	const struct load_node *node;
	char key[48];

	if (c->role == 0)
		return;
	if (load_tree_get(map, own) == NULL) {
		(void)snprintf(key, sizeof(key), "%s.%s", prefix, own);
		load_fill_report(run, LOAD_NEEDS_ADDRESS, map, NULL, key, role,
		    run->report.lang == POLICY_EN ?
			"a numeric address and port, such as 127.0.0.1:7443" :
			"数字のアドレスとポート（例 127.0.0.1:7443）");
	}
	node = load_tree_get(map, other);
	if (node != NULL && !node->is_bad) {
		(void)snprintf(key, sizeof(key), "%s.%s", prefix, other);
		load_fill_report(run, LOAD_OTHER_ADDRESS, map, node, key, role,
		    own);
	}
}

static void
check_earlier(struct load_run *run, const struct load_node *map,
    uint32_t index, const char *prefix)
{
	const struct policy_channel *c = &run->table->channels[index], *old;
	char key[48], taken[32];
	uint32_t i;

	for (i = 0; i < index; i++) {
		old = &run->table->channels[i];
		(void)snprintf(taken, sizeof(taken), "channels[%u]", i);
		if (c->id[0] != '\0' && strcmp(c->id, old->id) == 0) {
			(void)snprintf(key, sizeof(key), "%s.id", prefix);
			load_fill_report(run, LOAD_CHANNEL_TWICE, map,
			    load_tree_get(map, "id"), key, c->id, taken);
		}
		if (c->role != POLICY_RECEIVER || old->role != c->role ||
		    c->address[0] == '\0')
			continue;
		if (strcmp(c->address, old->address) == 0) {
			(void)snprintf(key, sizeof(key), "%s.listen", prefix);
			load_fill_report(run, LOAD_ADDRESS_TWICE, map,
			    load_tree_get(map, "listen"), key, c->address,
			    taken);
		}
	}
}

static void
check_channels(struct load_run *run, const struct load_node *root)
{
	const struct load_node *list = load_tree_get(root, "channels"), *map;
	char prefix[32];
	uint32_t i = 0;

	if (list == NULL || list->is_bad || list->kind != LOAD_LIST)
		return;
	for (map = list->first; map != NULL; map = map->next, i++) {
		if (i == run->table->channel_count)
			return;
		if (map->kind != LOAD_MAP || map->is_bad)
			continue;
		(void)snprintf(prefix, sizeof(prefix), "channels[%u]", i);
		check_peer(run, map, &run->table->channels[i], prefix);
		check_address(run, map, &run->table->channels[i], prefix);
		check_earlier(run, map, i, prefix);
	}
}

/* Where an account stands in one role's list. */
static const struct load_node *
find_account(const struct load_node *list, const char *account)
{
	const struct load_node *item;

	if (list == NULL || list->kind != LOAD_LIST)
		return NULL;
	for (item = list->first; item != NULL; item = item->next) {
		if (item->kind == LOAD_TEXT && strcmp(item->text, account) == 0)
			return item;
	}
	return NULL;
}

/*
 * Who runs the machine should not also decide on it, and who audits should
 * do neither.  A small office may have no choice, so these are warnings.
 */
static void
check_people(struct load_run *run, const struct load_node *root)
{
	static const struct {
		uint32_t one, other;
		const char *key, *name;
	} pairs[] = {
		{POLICY_ADMINISTRATOR, POLICY_APPROVER, "administrator",
		    "approver"},
		{POLICY_ADMINISTRATOR, POLICY_OFFICER, "administrator",
		    "officer"},
		{POLICY_AUDITOR, POLICY_APPROVER, "auditor", "approver"},
		{POLICY_AUDITOR, POLICY_OFFICER, "auditor", "officer"},
		{POLICY_AUDITOR, POLICY_ADMINISTRATOR, "auditor",
		    "administrator"},
	};
	const struct load_node *map = load_tree_get(root, "operators");
	const struct policy_person *p;
	char key[48];
	uint32_t i;
	size_t j;

	for (i = 0; i < run->table->person_count; i++) {
		p = &run->table->people[i];
		for (j = 0; j < sizeof(pairs) / sizeof(pairs[0]); j++) {
			if ((p->roles & pairs[j].one) == 0 ||
			    (p->roles & pairs[j].other) == 0)
				continue;
			(void)snprintf(key, sizeof(key), "operators.%s",
			    pairs[j].key);
			load_fill_report(run, LOAD_WARN_TWO_ROLES, map,
			    find_account(load_tree_get(map, pairs[j].key),
				p->account),
			    key, p->account, pairs[j].name);
		}
	}
}

void
load_gateway_check(struct load_run *run, const struct load_node *root)
{
	set_letter(&run->table->zone);
	set_workers(&run->table->zone, run->env->cpus);
	check_spool(run, root);
	check_channels(run, root);
	check_people(run, root);
}
