/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#include "proto/ipc/types.h"
#include "proto/record/audit.h"
#include "proto/record/transfer_state.h"

#include "gatewayctl/options.h"

#ifndef GW_CONFIG
#define GW_CONFIG "/etc/gateway"
#endif

struct option_row {
	const char *word;
	int has_value;
	const char *value, *ja, *en;
};

static const struct option_row rows[OPT_COUNT] = {
#define X(name, bit, word, has_value, value, ja, en)                          \
	[bit] = {word, has_value, value, ja, en},
	OPTIONS_TABLE(X)
#undef X
};

const char *
options_word(enum options_bit bit)
{
	return rows[bit].word;
}

const char *
options_value_word(enum options_bit bit)
{
	return rows[bit].value;
}

const char *
options_help(enum options_bit bit, bool is_en)
{
	return is_en ? rows[bit].en : rows[bit].ja;
}

/* --- the command line --------------------------------------------------- */

/* Japanese unless the environment asks for another language. */
static bool
options_env_is_en(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
	const char *value;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = getenv(names[i]);
		if (value == NULL || value[0] == '\0')
			continue;
		return strncmp(value, "ja", 2) != 0 &&
		    strcmp(value, "C") != 0 && strncmp(value, "C.", 2) != 0 &&
		    strcmp(value, "POSIX") != 0;
	}
	return false;
}

static enum gw_err
options_finish(struct options *o)
{
	const char *lang = o->values[OPT_LANG];

	o->is_json = (o->has & OPT(OPT_JSON)) != 0;
	o->dir = o->values[OPT_DIR] != NULL ? o->values[OPT_DIR] : GW_CONFIG;
	o->is_en = options_env_is_en();
	if (lang == NULL)
		return GW_OK;
	o->is_en = strcmp(lang, "en") == 0;
	if (strcmp(lang, "ja") == 0 || strcmp(lang, "en") == 0)
		return GW_OK;
	fprintf(stderr, "gatewayctl: --lang %s: ja か en です / ja or en\n",
	    lang);
	return GW_EINVAL;
}

enum gw_err
options_parse(int argc, char **argv, struct options *out)
{
	struct option longs[OPT_COUNT + 1];
	struct options o = {0};
	int c, i;

	memset(longs, 0, sizeof(longs));
	for (i = 0; i < OPT_COUNT; i++) {
		longs[i].name = rows[i].word;
		longs[i].has_arg = rows[i].has_value;
		longs[i].val = 256 + i;
	}
	optind = 0;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'h')
			c = 256 + OPT_HELP;
		if (c < 256)
			return GW_EINVAL;	/* getopt said why */
		o.has |= OPT(c - 256);
		o.values[c - 256] = optarg;
	}
	o.args = argv + optind;
	o.arg_count = argc - optind;
	if (options_finish(&o) != GW_OK)
		return GW_EINVAL;
	*out = o;
	return GW_OK;
}

/* --- values ------------------------------------------------------------- */

static bool
options_ago(const char *text, uint64_t *ms_out)
{
	uint64_t unit, now = clock_wall_ms();
	unsigned long n;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno != 0 || n > 100000 || end[0] == '\0' || end[1] != '\0')
		return false;
	switch (end[0]) {
	case 'd':
		unit = 86400000;
		break;
	case 'h':
		unit = 3600000;
		break;
	case 'm':
		unit = 60000;
		break;
	default:
		return false;
	}
	*ms_out = now > n * unit ? now - n * unit : 0;
	return true;
}

static uint64_t
options_today(void)
{
	const uint64_t day = 86400000, jst = 9 * 3600000;

	return (clock_wall_ms() + jst) / day * day - jst;
}

enum gw_err
options_time(const char *text, uint64_t *ms_out)
{
	int y, mon, d, h = 0, min = 0, s = 0, used = 0, more = 0;
	uint64_t day;

	if (options_ago(text, ms_out))
		return GW_OK;
	if (strcmp(text, "today") == 0 || strcmp(text, "今日") == 0) {
		*ms_out = options_today();
		return GW_OK;
	}
	if (strcmp(text, "yesterday") == 0 || strcmp(text, "昨日") == 0) {
		*ms_out = options_today() - 86400000;
		return GW_OK;
	}
	if (sscanf(text, "%4d-%2d-%2d%n", &y, &mon, &d, &used) != 3 ||
	    !clock_from_day_jst(y, mon, d, &day))
		return GW_EFORMAT;
	text += used;
	if (text[0] == 'T' || text[0] == ' ') {
		text++;
		if (sscanf(text, "%2d:%2d%n", &h, &min, &used) != 2)
			return GW_EFORMAT;
		text += used;
		if (sscanf(text, ":%2d%n", &s, &more) == 1)
			text += more;
	}
	if (strcmp(text, "+09:00") == 0)
		text += 6;
	if (text[0] != '\0' || h < 0 || h > 23 || min < 0 || min > 59 ||
	    s < 0 || s > 59)
		return GW_EFORMAT;
	*ms_out = day + (uint64_t)((h * 60 + min) * 60 + s) * 1000;
	return GW_OK;
}

static enum gw_err
options_wrong(const struct options *o, enum options_bit bit,
    const char *expected)
{
	fprintf(stderr, SAY(o,
	    "gatewayctl: --%s の値「%s」は使えません。例: %s\n",
	    "gatewayctl: --%s does not take \"%s\"; try %s\n"),
	    rows[bit].word, o->values[bit], expected);
	return GW_EINVAL;
}

static enum gw_err
options_fill_time(const struct options *o, enum options_bit bit,
    struct request *req, enum request_arg arg, uint64_t *out)
{
	if ((o->has & OPT(bit)) == 0)
		return GW_OK;
	if (options_time(o->values[bit], out) != GW_OK)
		return options_wrong(o, bit,
		    "2026-04-01, 2026-04-01T09:00, today, 7d, 12h");
	req->has |= ARG_BIT(arg);
	return GW_OK;
}

static enum gw_err
options_fill_states(const struct options *o, struct request *req)
{
	static const struct {
		const char *word;
		unsigned state;
	} states[] = {
#define X(name, value, word, ja, en) {word, value}, {ja, value},
		TRANSFER_STATE_TABLE(X)
#undef X
	};
	size_t i;

	if ((o->has & OPT(OPT_STATE)) == 0)
		return GW_OK;
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(o->values[OPT_STATE], states[i].word) == 0) {
			req->states |= UINT64_C(1) << states[i].state;
			req->has |= ARG_BIT(ARG_STATES);
			return GW_OK;
		}
	}
	return options_wrong(o, OPT_STATE,
	    "accepted, held, waiting, sent, confirmed, delivered, "
	    "quarantined, rejected");
}

static enum gw_err
options_fill_event(const struct options *o, struct request *req)
{
	static const struct {
		const char *word;
		unsigned event;
	} events[] = {
#define X(name, value, word, ja, en) {word, value}, {ja, value},
		AUDIT_EVENT_TABLE(X)
#undef X
	};
	size_t i;

	if ((o->has & OPT(OPT_EVENT)) == 0)
		return GW_OK;
	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (strcmp(o->values[OPT_EVENT], events[i].word) == 0) {
			req->event = events[i].event;
			req->has |= ARG_BIT(ARG_EVENT);
			return GW_OK;
		}
	}
	return options_wrong(o, OPT_EVENT,
	    "state, person, denied, view, freeze, policy");
}

static enum gw_err
options_fill_side(const struct options *o, struct request *req)
{
	if ((o->has & OPT(OPT_SIDE)) == 0)
		return GW_OK;
	if (strcmp(o->values[OPT_SIDE], "low") == 0)
		req->side = SIDE_LOW;
	else if (strcmp(o->values[OPT_SIDE], "high") == 0)
		req->side = SIDE_HIGH;
	else
		return options_wrong(o, OPT_SIDE, "low, high");
	req->has |= ARG_BIT(ARG_SIDE);
	return GW_OK;
}

static enum gw_err
options_fill_limit(const struct options *o, struct request *req)
{
	const char *text = o->values[OPT_LIMIT];
	char *end;

	if ((o->has & OPT(OPT_LIMIT)) == 0)
		return GW_OK;
	errno = 0;
	req->limit = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9')
		return options_wrong(o, OPT_LIMIT, "100, 0");
	req->has |= ARG_BIT(ARG_LIMIT);
	return GW_OK;
}

static enum gw_err
options_fill_text(const struct options *o, enum options_bit bit,
    struct request *req, enum request_arg arg, char *out, size_t size)
{
	if ((o->has & OPT(bit)) == 0)
		return GW_OK;
	if (o->values[bit][0] == '\0' ||
	    mem_put_str(out, size, o->values[bit]) == 0)
		return options_wrong(o, bit, rows[bit].value);
	req->has |= ARG_BIT(arg);
	return GW_OK;
}

enum gw_err
options_fill(const struct options *o, struct request *req)
{
	enum gw_err err;

	req->lang = o->is_en ? REQUEST_EN : REQUEST_JA;
	if ((o->has & OPT(OPT_FILES)) != 0) {
		req->wants_files = 1;
		req->has |= ARG_BIT(ARG_FILES);
	}
	if ((o->has & OPT(OPT_BENCH)) != 0) {
		req->is_bench = 1;
		req->has |= ARG_BIT(ARG_BENCH);
	}
	if ((err = options_fill_text(o, OPT_FLOW, req, ARG_FLOW, req->flow,
	    sizeof(req->flow))) != GW_OK ||
	    (err = options_fill_text(o, OPT_NUMBER, req, ARG_NUMBER,
	    req->number, sizeof(req->number))) != GW_OK ||
	    (err = options_fill_text(o, OPT_COMMENT, req, ARG_COMMENT,
	    req->comment, sizeof(req->comment))) != GW_OK ||
	    (err = options_fill_states(o, req)) != GW_OK ||
	    (err = options_fill_event(o, req)) != GW_OK ||
	    (err = options_fill_side(o, req)) != GW_OK ||
	    (err = options_fill_limit(o, req)) != GW_OK ||
	    (err = options_fill_time(o, OPT_SINCE, req, ARG_SINCE,
	    &req->since_ms)) != GW_OK ||
	    (err = options_fill_time(o, OPT_FROM, req, ARG_SINCE,
	    &req->since_ms)) != GW_OK)
		return err;
	return options_fill_time(o, OPT_TO, req, ARG_BEFORE, &req->before_ms);
}
