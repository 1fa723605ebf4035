/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

#include "gatewayctl/verify/report.h"

#define SENTENCE_MAX 512

/* A macro, so that the compiler checks both formats. */
#define PICK(r, ja, en) ((r)->is_ja ? (ja) : (en))

/* --- the sentence ----------------------------------------------------- */

/* Where and what, for people. */
static void
finding_say(const struct report *r, const struct finding *f, char *out,
    size_t size)
{
	char entry[64] = "", path[FINDING_PATH_MAX + 8] = "";

	if (f->entry != FINDING_NO_ENTRY)
		snprintf(entry, sizeof(entry), PICK(r, "記録 #%" PRIu64 " ",
		    "entry #%" PRIu64 " "), f->entry);
	if (f->path[0] != '\0')
		snprintf(path, sizeof(path), "%s ", f->path);
	snprintf(out, size, "%s%s%s%s%s", f->log == LOG_PEER ?
	    PICK(r, "相手側の", "other side's ") : "", entry, path,
	    PICK(r, "— ", "- "), findings_text(f->code, r->is_ja));
}

static void
report_sentence(const struct report *r, char out[SENTENCE_MAX])
{
	const uint64_t compared = r->own.compared + r->peer.compared;
	char what[SENTENCE_MAX / 2];

	if (r->findings.count > 0) {
		finding_say(r, &r->findings.kept[0], what, sizeof(what));
		snprintf(out, SENTENCE_MAX, PICK(r,
		    "記録に改ざんまたは欠落があります: %s",
		    "The records were altered or are incomplete: %s"), what);
	} else if (!r->has_peer) {
		snprintf(out, SENTENCE_MAX, "%s", PICK(r,
		    "この期間の記録は改ざん・欠落なし。"
		    "相手側の記録とは照合していません",
		    "The records of this period are unaltered and complete; "
		    "they were not compared with the other side's"));
	} else if (compared == 0) {
		snprintf(out, SENTENCE_MAX, "%s", PICK(r,
		    "この期間の記録は改ざん・欠落なし。"
		    "相手側と照合できる控えはまだありません",
		    "The records of this period are unaltered and complete; "
		    "neither side has an anchor of the other yet"));
	} else {
		snprintf(out, SENTENCE_MAX, "%s", PICK(r,
		    "この期間の記録は改ざん・欠落なし。"
		    "相手側の記録とも一致",
		    "The records of this period are unaltered and complete, "
		    "and agree with the other side's records"));
	}
}

/* --- text ------------------------------------------------------------- */

static void
print_hex(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		printf("%02x", p[i]);
}

static void
print_anchors(const struct report *r, const struct subject *s)
{
	const struct anchor *a;
	uint64_t i;

	printf("%s\n", PICK(r, "相手側の記録の控え (記録番号 経路 件数 "
	    "ハッシュ値):", "Anchors of other logs (entry, channel, size, "
	    "root):"));
	for (i = 0; i < s->entries.anchor_count; i++) {
		a = &s->entries.anchors[i];
		printf("  #%" PRIu64 " %s %" PRIu64 " ", a->entry,
		    a->channel[0] == '\0' ? "-" : a->channel, a->log_size);
		print_hex(a->root, sizeof(a->root));
		printf("\n");
	}
}

/* The key that the checkpoint is signed with, as far as it was found. */
static const uint8_t *
subject_pub(const struct subject *s)
{
	int i;

	if (s->folder.has_pub)
		return s->folder.pub;
	for (i = s->folder.key_count - 1; i >= 0; i--) {
		if (strcmp(s->folder.keys[i].name,
		    s->folder.checkpoint.origin) == 0)
			return s->folder.keys[i].pub;
	}
	return NULL;
}

static void
print_period(const struct report *r, const struct entries *e)
{
	char first[CLOCK_ISO_LEN], last[CLOCK_ISO_LEN];

	if (e->count == 0)
		return;
	clock_iso_jst(e->first_ms, first);
	clock_iso_jst(e->last_ms, last);
	printf(PICK(r, "  期間: %s 〜 %s\n", "  period: %s to %s\n"), first,
	    last);
}

static void
print_subject(const struct report *r, const struct subject *s)
{
	const struct folder *f = &s->folder;
	const uint8_t *pub = subject_pub(s);

	printf(PICK(r, "記録: %s\n", "Log: %s\n"), s->path);
	printf(PICK(r, "  発行元: %s\n", "  origin: %s\n"),
	    f->checkpoint.origin);
	if (pub != NULL) {
		printf("%s", PICK(r, "  公開鍵: ", "  public key: "));
		print_hex(pub, 32);
		printf("%s\n", f->has_pub ? "" : PICK(r,
		    " (記録と同じ場所にあったもの)",
		    " (as found beside the log)"));
	}
	printf(PICK(r, "  件数: %" PRIu64 " (署名済み %" PRIu64 ")\n",
	    "  entries: %" PRIu64 " (%" PRIu64 " signed)\n"), f->size,
	    f->checkpoint.size);
	print_period(r, &s->entries);
	if (f->journal == NULL)
		printf("%s\n", PICK(r,
		    "  ジャーナルなし: 署名済みの部分だけを検証しました",
		    "  no journal: only the signed part was verified"));
	if (f->torn_bytes > 0)
		printf(PICK(r, "  書込み途中の %" PRIu64
		    " バイト (未受付、記録に含まれません)\n",
		    "  %" PRIu64 " bytes of an unfinished write at the end "
		    "(nobody was told of it; not part of the log)\n"),
		    f->torn_bytes);
	if (r->has_peer)
		printf(PICK(r, "  照合した控え: %" PRIu64 " 件\n",
		    "  anchors compared: %" PRIu64 "\n"), s->compared);
}

static void
print_findings(const struct report *r)
{
	const struct findings *f = &r->findings;
	char what[SENTENCE_MAX / 2];
	uint64_t i;

	for (i = 0; i < f->count && i < FINDINGS_KEPT; i++) {
		finding_say(r, &f->kept[i], what, sizeof(what));
		printf("! %s\n", what);
	}
	if (f->count > FINDINGS_KEPT)
		printf(PICK(r, "! ほか %" PRIu64 " 件\n",
		    "! and %" PRIu64 " more\n"), f->count - FINDINGS_KEPT);
}

void
report_text(const struct report *r)
{
	char sentence[SENTENCE_MAX];

	print_subject(r, &r->own);
	if (r->has_peer)
		print_subject(r, &r->peer);
	if (r->wants_anchors)
		print_anchors(r, &r->own);
	print_findings(r);
	report_sentence(r, sentence);
	printf("%s\n", sentence);
}

/* --- JSON ------------------------------------------------------------- */

static void
json_subject(struct json *j, const char *key, const struct subject *s,
    bool has_peer)
{
	const struct folder *f = &s->folder;
	const uint8_t *pub = subject_pub(s);

	json_object(j, key);
	json_str(j, "dir", s->path);
	json_str(j, "origin", f->checkpoint.origin);
	if (pub != NULL)
		json_hex(j, "pub", pub, 32);
	json_bool(j, "pub_given", f->has_pub);
	json_u64(j, "size", f->size);
	json_u64(j, "signed_size", f->checkpoint.size);
	json_hex(j, "signed_root", f->checkpoint.root, 32);
	json_u64(j, "signed_ms", f->checkpoint.wall_ms);
	json_bool(j, "has_journal", f->journal != NULL);
	json_u64(j, "torn_bytes", f->torn_bytes);
	json_u64(j, "first_ms", s->entries.first_ms);
	json_u64(j, "last_ms", s->entries.last_ms);
	json_u64(j, "anchors", s->entries.anchor_count);
	if (has_peer)
		json_u64(j, "anchors_compared", s->compared);
	json_end(j);
}

static void
json_anchors(struct json *j, const struct entries *e)
{
	const struct anchor *a;
	uint64_t i;

	json_array(j, "anchor_list");
	for (i = 0; i < e->anchor_count; i++) {
		a = &e->anchors[i];
		json_object(j, NULL);
		json_u64(j, "entry", a->entry);
		json_str(j, "channel", a->channel);
		json_str(j, "zone", a->zone);
		json_u64(j, "log_size", a->log_size);
		json_hex(j, "root", a->root, sizeof(a->root));
		json_end(j);
	}
	json_end(j);
}

static void
json_findings(struct json *j, const struct report *r)
{
	const struct finding *f;
	char what[SENTENCE_MAX / 2];
	uint64_t i;

	json_array(j, "findings");
	for (i = 0; i < r->findings.count && i < FINDINGS_KEPT; i++) {
		f = &r->findings.kept[i];
		finding_say(r, f, what, sizeof(what));
		json_object(j, NULL);
		json_str(j, "log", f->log == LOG_PEER ? "peer" : "own");
		json_str(j, "code", findings_word(f->code));
		if (f->entry != FINDING_NO_ENTRY)
			json_u64(j, "entry", f->entry);
		if (f->path[0] != '\0')
			json_str(j, "file", f->path);
		json_str(j, "text", what);
		json_end(j);
	}
	json_end(j);
}

void
report_json(const struct report *r)
{
	char sentence[SENTENCE_MAX];
	struct buf out;
	struct json j;

	buf_init(&out, (size_t)1 << 30);
	json_init(&j, &out);
	json_object(&j, NULL);
	json_str(&j, "verdict", r->findings.count == 0 ? "ok" : "damaged");
	json_subject(&j, "log", &r->own, r->has_peer);
	if (r->has_peer)
		json_subject(&j, "peer", &r->peer, true);
	if (r->wants_anchors)
		json_anchors(&j, &r->own.entries);
	json_u64(&j, "finding_count", r->findings.count);
	json_findings(&j, r);
	report_sentence(r, sentence);
	json_str(&j, "sentence", sentence);
	json_end(&j);
	printf("%.*s\n", (int)out.len, (const char *)out.data);
	buf_clear(&out);
}
