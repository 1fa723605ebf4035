/* SPDX-License-Identifier: ISC */
#include <inttypes.h>

#include "policy/schema.h"

static void
put_words(const struct schema_word *words, struct buf *out)
{
	size_t i;

	for (i = 0; words[i].word != NULL; i++)
		buf_printf(out, "%s%s", i > 0 ? " | " : "", words[i].word);
}

static void
put_type_names(struct buf *out)
{
	unsigned i;

	for (i = 0; i < TYPE_COUNT; i++) {
		if (i == TYPE_EXECUTABLE || i == TYPE_UNKNOWN)
			continue;
		buf_printf(out, "%s%s", i > 0 ? ", " : "",
		    policy_type_name((enum policy_type)i));
	}
}

static void
put_size(uint64_t bytes, struct buf *out)
{
	static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
	size_t i = 0;

	for (; bytes >= 1024 && bytes % 1024 == 0 && i < 4; i++)
		bytes /= 1024;
	buf_printf(out, "%" PRIu64 "%s", bytes, units[i]);
}

static void
put_range(const struct schema_field *f, enum policy_lang lang,
    struct buf *out)
{
	if (f->kind == SCHEMA_SIZE) {
		put_size(f->min, out);
		buf_put_str(out, "-");
		put_size(f->max, out);
		buf_put_str(out, lang == POLICY_EN ?
		    " (bytes, or with KiB, MiB, GiB, TiB)" :
		    "（バイト、または KiB MiB GiB TiB を付ける）");
		return;
	}
	buf_printf(out, "%" PRIu64 "-%" PRIu64, f->min, f->max);
	if (f->unit != NULL)
		buf_printf(out, " (%s)", f->unit);
}

/* Kinds that are told in one fixed phrase. */
static const struct {
	const char *ja, *en;
} phrases[] = {
	[SCHEMA_TEXT] = {"1行の文字列、255バイトまで",
	    "one line of text, up to 255 bytes"},
	[SCHEMA_ID] = {"小文字の英数字とハイフン、47字まで",
	    "a-z 0-9 and -, up to 47 characters"},
	[SCHEMA_BOOL] = {"true | false", "true | false"},
	[SCHEMA_DATE] = {"YYYY-MM-DD（例 2027-03-31）",
	    "YYYY-MM-DD, such as 2027-03-31"},
	[SCHEMA_PATH] = {"/ で始まるパス（例 /srv/gateway）",
	    "an absolute path, such as /srv/gateway"},
	[SCHEMA_ADDRESS] = {"数字のアドレスとポート（例 127.0.0.1:7443、"
			    "[::1]:7443）",
	    "a numeric address and port, such as 127.0.0.1:7443 or [::1]:7443"},
	[SCHEMA_MODE] = {"8進の許可ビット、実行は不可（例 \"0640\"）",
	    "octal permission bits without execute, such as \"0640\""},
	[SCHEMA_STAGES] = {
	    "[identify, clam, sanitize, confirm]（この順、sanitize と confirm "
	    "は省略可）",
	    "[identify, clam, sanitize, confirm] in this order, sanitize and "
	    "confirm as needed"},
	[SCHEMA_IDS] = {"名前のリスト（小文字の英数字とハイフン）",
	    "a list of names of a-z 0-9 and -"},
	[SCHEMA_ACCOUNTS] = {"ローカルアカウント名か数字のuidのリスト",
	    "a list of local account names or numeric uids"},
	[SCHEMA_SUBMITTER] = {"owner | folder | fixed NAME",
	    "owner | folder | fixed NAME"},
	[SCHEMA_EMPTY] = {"[]", "[]"},
	[SCHEMA_SECTION] = {"下の階層のキー", "keys one level below"},
	[SCHEMA_RECORDS] = {"項目のリスト", "a list of entries"},
};

void
schema_describe(const struct schema_field *f, enum policy_lang lang,
    struct buf *out)
{
	switch (f->kind) {
	case SCHEMA_WORD:
	case SCHEMA_WORD_TEXT:
		put_words(f->words, out);
		break;
	case SCHEMA_UINT:
	case SCHEMA_SIZE:
		put_range(f, lang, out);
		break;
	case SCHEMA_TYPES:
		buf_put_str(out, lang == POLICY_EN ? "a list of " :
						     "次のもののリスト: ");
		put_type_names(out);
		break;
	case SCHEMA_TEXT:
	case SCHEMA_ID:
	case SCHEMA_BOOL:
	case SCHEMA_DATE:
	case SCHEMA_PATH:
	case SCHEMA_ADDRESS:
	case SCHEMA_MODE:
	case SCHEMA_STAGES:
	case SCHEMA_IDS:
	case SCHEMA_ACCOUNTS:
	case SCHEMA_SUBMITTER:
	case SCHEMA_EMPTY:
	case SCHEMA_SECTION:
	case SCHEMA_RECORDS:
		buf_put_str(out, lang == POLICY_EN ? phrases[f->kind].en :
						     phrases[f->kind].ja);
		break;
	}
}

const char *
schema_describe_preset(const struct schema_field *f, enum policy_lang lang)
{
	if (f->preset != NULL)
		return f->preset;
	if (f->preset_en == NULL)
		return "";
	return lang == POLICY_EN ? f->preset_en : f->preset_ja;
}
