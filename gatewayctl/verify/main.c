/* SPDX-License-Identifier: ISC */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#include "gatewayctl/verify/check.h"
#include "gatewayctl/verify/report.h"

#define EXIT_USAGE 2
#define EXIT_DAMAGED 5

struct options {
	const char *log, *peer;
	uint8_t pub[32];
	bool has_pub, wants_json, wants_anchors, is_ja;
};

static const char usage_ja[] =
    "使い方: gateway-verify [--lang ja|en] [--json] [--pub 公開鍵]\n"
    "                       [--peer 相手側の記録 | --anchors] 記録\n"
    "  監査記録(state/audit の写し)を、動作中のゲートウェイなしで検証します。\n"
    "  --pub      記録の公開鍵 (16進64桁)。別の経路で受け取ったもの\n"
    "  --peer     相手側の監査記録。双方の控えを照合します\n"
    "  --anchors  相手側の記録の控えを一覧にします\n"
    "終了コード: 0 異常なし、5 改ざんまたは欠落、2 使い方の誤り\n";

static const char usage_en[] =
    "usage: gateway-verify [--lang ja|en] [--json] [--pub HEX]\n"
    "                      [--peer LOGDIR | --anchors] LOGDIR\n"
    "  Verifies an audit log (a copy of state/audit) without any daemon.\n"
    "  --pub      public key of the log (64 hex digits), from elsewhere\n"
    "  --peer     the other side's log: compare each side's anchors\n"
    "  --anchors  list what this log knows of other logs\n"
    "Exit: 0 sound, 5 altered or incomplete, 2 usage\n";

static bool
is_ja_default(void)
{
	const char *lang = getenv("LC_ALL");

	if (lang == NULL || lang[0] == '\0')
		lang = getenv("LANG");
	return lang == NULL || strncmp(lang, "en", 2) != 0;
}

static _Noreturn void
usage(const struct options *o)
{
	fputs(o->is_ja ? usage_ja : usage_en, stderr);
	exit(EXIT_USAGE);
}

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p;

	if (c >= 'A' && c <= 'F')
		c = (char)(c - 'A' + 'a');
	p = c == '\0' ? NULL : strchr(digits, c);
	return p == NULL ? -1 : (int)(p - digits);
}

static bool
parse_pub(const char *hex, uint8_t out[32])
{
	int high, low;
	size_t i;

	if (strlen(hex) != 64)
		return false;
	for (i = 0; i < 32; i++) {
		high = hex_digit(hex[2 * i]);
		low = hex_digit(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static void
parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"lang", required_argument, NULL, 'l'},
		{"json", no_argument, NULL, 'j'},
		{"pub", required_argument, NULL, 'k'},
		{"peer", required_argument, NULL, 'p'},
		{"anchors", no_argument, NULL, 'a'},
		{NULL, 0, NULL, 0},
	};
	int c;

	o->is_ja = is_ja_default();
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'l' && (strcmp(optarg, "ja") == 0 ||
		    strcmp(optarg, "en") == 0))
			o->is_ja = strcmp(optarg, "ja") == 0;
		else if (c == 'j')
			o->wants_json = true;
		else if (c == 'k' && parse_pub(optarg, o->pub))
			o->has_pub = true;
		else if (c == 'p')
			o->peer = optarg;
		else if (c == 'a')
			o->wants_anchors = true;
		else
			usage(o);
	}
	if (argc - optind != 1 || (o->peer != NULL && o->wants_anchors))
		usage(o);
	o->log = argv[optind];
}

static void
subject_check(struct report *r, struct subject *s, const char *path,
    const uint8_t *pub, enum finding_log log)
{
	bool ok = false;
	enum gw_err err;

	s->path = path;
	err = folder_open(&s->folder, path, pub, log, &r->findings, &ok);
	if (err != GW_OK) {
		fprintf(stderr, "gateway-verify: %s: %s\n", path,
		    r->is_ja ? err_text_ja(err) : err_text_en(err));
		exit(EXIT_USAGE);
	}
	entries_init(&s->entries);
	s->is_readable = ok && check_log(&s->folder, &s->entries);
}

static void
subject_clear(struct subject *s)
{
	folder_close(&s->folder);
	entries_clear(&s->entries);
}

static void
compare(struct report *r)
{
	struct subject *a = &r->own, *b = &r->peer;

	/* What cannot be read has its findings already. */
	if (!a->is_readable || !b->is_readable)
		return;
	entries_check_anchors(&a->entries, &a->folder, &b->entries,
	    &b->folder, &a->compared);
	entries_check_anchors(&b->entries, &b->folder, &a->entries,
	    &a->folder, &b->compared);
}

int
main(int argc, char **argv)
{
	struct options o = {0};
	struct report *r;
	int status;

	log_init("gateway-verify");
	parse(argc, argv, &o);
	r = mem_alloc(sizeof(*r));
	r->is_ja = o.is_ja;
	r->has_peer = o.peer != NULL;
	r->wants_anchors = o.wants_anchors;
	subject_check(r, &r->own, o.log, o.has_pub ? o.pub : NULL, LOG_OWN);
	if (r->has_peer) {
		subject_check(r, &r->peer, o.peer, NULL, LOG_PEER);
		compare(r);
	}
	if (o.wants_json)
		report_json(r);
	else
		report_text(r);
	status = r->findings.count == 0 ? EXIT_SUCCESS : EXIT_DAMAGED;
	subject_clear(&r->own);
	if (r->has_peer)
		subject_clear(&r->peer);
	mem_free(r);
	if (fflush(stdout) != 0 || ferror(stdout))
		return EXIT_USAGE;
	return status;
}
