/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#include "policy/load_check.h"

/* One flow with what its rules look at. */
struct flow_case {
	struct load_run *run;
	const struct load_node *root;
	struct policy_flow *flow;
};

static void
report(const struct flow_case *c, enum load_message id, const char *key,
    const char *value, const char *expected)
{
	load_fill_report(c->run, id, c->root, load_tree_get(c->root, key),
	    key, value, expected);
}

static bool
is_either(const struct policy_flow *f, const char *zone)
{
	return strcmp(f->from, zone) == 0 || strcmp(f->to, zone) == 0;
}

/* Does this channel of ours go the flow's way? */
static bool
is_fitting(const struct flow_case *c, const struct policy_channel *ch)
{
	const struct policy_flow *f = c->flow;
	bool is_out = strcmp(f->from, c->run->gateway->zone.zone) == 0;

	return ch->role == (is_out ? POLICY_SENDER : POLICY_RECEIVER) &&
	    strcmp(ch->peer, is_out ? f->to : f->from) == 0;
}

static void
report_no_channel(const struct flow_case *c)
{
	const struct policy_flow *f = c->flow;
	bool is_out = strcmp(f->from, c->run->gateway->zone.zone) == 0;
	const char *peer = is_out ? f->to : f->from;
	char expected[96];

	(void)snprintf(expected, sizeof(expected), "role: %s, peer: %s",
	    is_out ? "sender" : "receiver", peer);
	report(c, LOAD_NO_CHANNEL, is_out ? "to" : "from", peer, expected);
}

static void
check_channel(const struct flow_case *c)
{
	const struct policy_table *t = c->run->gateway;
	const struct policy_channel *only = NULL;
	struct policy_flow *f = c->flow;
	struct buf names;
	uint32_t i, count = 0;
	bool is_named = false;

	buf_init(&names, POLICY_CHANNELS_MAX * (POLICY_ID_LEN + 3) + 1);
	for (i = 0; i < t->channel_count; i++) {
		if (!is_fitting(c, &t->channels[i]))
			continue;
		only = &t->channels[i];
		buf_printf(&names, "%s%s", count++ > 0 ? " | " : "", only->id);
		is_named |= strcmp(only->id, f->channel) == 0;
	}
	buf_put_u8(&names, '\0');
	if (only == NULL)
		report_no_channel(c);
	else if (f->channel[0] != '\0' && !is_named)
		report(c, LOAD_WRONG_CHANNEL, "channel", f->channel,
		    (const char *)names.data);
	else if (f->channel[0] == '\0' && count > 1)
		report(c, LOAD_WHICH_CHANNEL, "channel", NULL,
		    (const char *)names.data);
	else if (f->channel[0] == '\0')
		(void)mem_put_str(f->channel, sizeof(f->channel), only->id);
	buf_clear(&names);
}

/* Zones: two, one of them ours, never internet and mynumber at once. */
static void
check_route(const struct flow_case *c)
{
	const struct policy_flow *f = c->flow;
	const char *zone = c->run->gateway->zone.zone;
	char two_hops[128];

	if (f->from[0] == '\0' || f->to[0] == '\0')
		return;
	if (strcmp(f->from, f->to) == 0) {
		report(c, LOAD_SAME_ZONE, "to", f->to, NULL);
	} else if (is_either(f, "internet") && is_either(f, "mynumber")) {
		(void)snprintf(two_hops, sizeof(two_hops),
		    "%s -> lgwan, lgwan -> %s", f->from, f->to);
		report(c, LOAD_DIRECT, "to", f->to, two_hops);
	} else if (!c->run->is_zone_known) {
		return;
	} else if (!is_either(f, zone)) {
		report(c, LOAD_NOT_OURS, "to", f->to, zone);
	} else {
		check_channel(c);
	}
}

static void
check_sanitize(const struct flow_case *c)
{
	static const char *const levels[] = {[SANITIZE_NONE] = "none",
	    [SANITIZE_L1] = "L1", [SANITIZE_L2] = "L2", [SANITIZE_L3] = "L3",
	    [SANITIZE_TEXT] = "text"};
	const struct policy_flow *f = c->flow;
	const struct load_node *level = load_tree_get(c->root, "sanitize");
	bool has_stage = (f->stages & STAGE_BIT(STAGE_SANITIZE)) != 0;

	if (f->stages == 0) /* missing or wrong, and reported */
		return;
	if (f->sanitize != SANITIZE_NONE && !has_stage)
		report(c, LOAD_NEEDS_STAGE, "sanitize", levels[f->sanitize],
		    NULL);
	/* A level that does not exist left the default behind. */
	if (level != NULL && level->kind == LOAD_TEXT &&
	    strcmp(level->text, "none") != 0)
		return;
	if (f->sanitize == SANITIZE_NONE && has_stage)
		report(c, LOAD_NEEDS_LEVEL, "sanitize", levels[f->sanitize],
		    "L1 | L2 | L3 | text");
}

/* As written, so that a finding shows what its reader sees. */
static const char *
text_or(const struct load_node *node, const char *preset)
{
	return node != NULL && node->kind == LOAD_TEXT ? node->text : preset;
}

static void
check_limits(const struct flow_case *c)
{
	const struct policy_flow *f = c->flow;
	const struct load_node *limits = load_tree_get(c->root, "limits");
	const struct load_node *all, *one;

	if (f->transfer_bytes >= f->file_bytes)
		return;
	all = load_tree_get(limits, "transfer_bytes");
	one = load_tree_get(limits, "file_bytes");
	load_fill_report(c->run, LOAD_TRANSFER_LIMIT, limits, all,
	    "limits.transfer_bytes", text_or(all, "10GiB"),
	    text_or(one, "2GiB"));
}

static void
set_until(const struct flow_case *c)
{
	const struct load_node *node = load_tree_get(c->root, "until");
	uint64_t now_ms = c->run->env->now_ms;
	uint64_t year_end_ms = clock_fiscal_end_ms(now_ms);

	if (node == NULL)
		c->flow->until_ms = year_end_ms;
	if (node == NULL || c->flow->until_ms == 0 || node->kind != LOAD_TEXT)
		return;
	if (!policy_flow_is_open(c->flow, now_ms))
		report(c, LOAD_WARN_CLOSED, "until", node->text, NULL);
	else if (c->flow->until_ms > year_end_ms)
		report(c, LOAD_WARN_LONG, "until", node->text, NULL);
}

static void
warn_content(const struct flow_case *c)
{
	const struct policy_flow *f = c->flow;
	const uint32_t cleaners = STAGE_BIT(STAGE_SANITIZE) |
	    STAGE_BIT(STAGE_CONFIRM);

	if ((f->stages & STAGE_BIT(STAGE_NULL)) != 0) {
		report(c, LOAD_WARN_BENCH, "stages", NULL, NULL);
		return;
	}
	if ((f->accept & TYPE_BIT(TYPE_OOXML_MACRO)) != 0 &&
	    f->sanitize == SANITIZE_NONE)
		report(c, LOAD_WARN_MACRO, "accept",
		    policy_type_name(TYPE_OOXML_MACRO), NULL);
	if (f->stages != 0 && (f->stages & cleaners) == 0 &&
	    strcmp(f->from, "internet") == 0)
		report(c, LOAD_WARN_UNCONFIRMED, "stages", NULL, NULL);
	if (f->class[0] == '3' && f->step_count == 0 &&
	    strcmp(f->to, "internet") == 0)
		report(c, LOAD_WARN_NO_APPROVAL, "class", f->class, NULL);
}

static void
warn_steps(const struct flow_case *c)
{
	const struct policy_table *t = c->run->gateway;
	const struct policy_approval_step *step;
	const struct load_node *approval, *item;
	char key[48], needed[16], present[16];
	uint32_t i, j, people;

	approval = load_tree_get(c->root, "approval");
	item = load_tree_get(approval, "steps");
	item = item != NULL && item->kind == LOAD_LIST ? item->first : NULL;
	for (i = 0; i < c->flow->step_count; i++) {
		step = &c->flow->steps[i];
		people = 0;
		for (j = 0; j < t->person_count; j++)
			people += (t->people[j].roles & step->roles) != 0;
		if (step->roles != 0 && people < step->count) {
			(void)snprintf(key, sizeof(key), "approval.steps[%u]",
			    i);
			(void)snprintf(needed, sizeof(needed), "%u",
			    step->count);
			(void)snprintf(present, sizeof(present), "%u", people);
			load_fill_report(c->run, LOAD_WARN_FEW, approval, item,
			    key, needed, present);
		}
		item = item != NULL ? item->next : NULL;
	}
}

void
load_flow_check(struct load_run *run, const struct load_node *root,
    const char *id, struct policy_flow *flow)
{
	const struct flow_case c = {.run = run, .root = root, .flow = flow};

	if (flow->id[0] != '\0' && strcmp(flow->id, id) != 0)
		report(&c, LOAD_NOT_FILE_NAME, "flow", flow->id, id);
	check_route(&c);
	check_sanitize(&c);
	check_limits(&c);
	set_until(&c);
	warn_content(&c);
	if (run->is_zone_known)
		warn_steps(&c);
}
