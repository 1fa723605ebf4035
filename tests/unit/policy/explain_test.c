/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "policy/explain.h"

#include "tests/unit/policy/support.h"

static uint64_t now_ms;

static uint64_t
fixed_ms(void *arg)
{
	(void)arg;
	return now_ms;
}

/* The table of load_cases.h and one flow out of the zone. */
static struct policy_table *
make_table(void)
{
	static const char text[] =
		"{flow: out, purpose: 公表資料, legal_ground: l, "
		"owner_section: o, contact: c, from: lgwan, to: internet, "
		"class: 1, accept: [csv, text], stages: [identify, clam, "
		"confirm], approval: {steps: [{role: approver}, {role: "
		"officer, count: 2}]}, limits: {file_bytes: 1000}, "
		"deliver: both, until: 2026-12-31}";
	struct policy_env env = support_env(POLICY_EN);
	struct policy_table *t = support_table();
	struct buf errors;

	buf_init(&errors, TEXT_LIMIT);
	ck_assert_int_eq(policy_load_flow_bytes(&env, "out", text,
	    strlen(text), t, &t->flows[1], &errors), GW_OK);
	t->flow_count = 2;
	buf_clear(&errors);
	return t;
}

static void
check(const char *name, uint64_t size, enum policy_type type,
    enum policy_lang lang, const char *want)
{
	struct policy_table *t = make_table();
	struct buf out;

	buf_init(&out, TEXT_LIMIT);
	ck_assert_int_eq(policy_explain(t, name, size, type, lang, &out),
	    GW_OK);
	support_same_text(&out, want);
	buf_clear(&out);
	mem_free(t);
}

static void
setup(void)
{
	static const struct clock_source source = {fixed_ms, fixed_ms, NULL};
	struct policy_env env = support_env(POLICY_EN);

	now_ms = env.now_ms;
	clock_set_source(&source);
}

START_TEST(taken_file_ja)
{
	check("一覧.csv", 999, TYPE_CSV, POLICY_JA,
	    "ファイル: 一覧.csv（CSV、999 バイト）\n"
	    "このゾーン: lgwan\n"
	    "\n"
	    "フロー documents（internet → lgwan、申請添付書類の受領）: "
	    "届いたらもう一度検査します\n"
	    "  1. manifest: ファイルの一覧が正しいか確かめます\n"
	    "  2. identify: 中身から形式を調べ、拡張子と合うか、このフローで"
	    "通せるかを見ます\n"
	    "  3. clam: ウイルスを検査します\n"
	    "  4. sanitize L1: 危険な部分を取り除いて作り直します\n"
	    "  5. confirm: 危険な部分がないことを、取り除いたのとは別の"
	    "プログラムで確かめます\n"
	    "  承認: 承認者 1人（自分が出したものは承認できません）\n"
	    "  届け先: out/documents/soumu/, zeimu/\n"
	    "  期限: 2027-03-31\n"
	    "\n"
	    "フロー out（lgwan → internet、公表資料）: 送れます\n"
	    "  1. manifest: ファイルの一覧が正しいか確かめます\n"
	    "  2. identify: 中身から形式を調べ、拡張子と合うか、このフローで"
	    "通せるかを見ます\n"
	    "  3. clam: ウイルスを検査します\n"
	    "  4. confirm: 危険な部分がないことを、取り除いたのとは別の"
	    "プログラムで確かめます\n"
	    "  承認: 承認者 1人 → セキュリティ責任者 2人"
	    "（自分が出したものは承認できません）\n"
	    "  チャネル: lgwan-internet\n"
	    "  届け先: out/out/（受信箱）\n"
	    "  期限: 2026-12-31\n");
}
END_TEST

START_TEST(refused_file_en)
{
	check("x.PDF", UINT64_C(3) << 30, TYPE_PNG, POLICY_EN,
	    "file: x.PDF (PNG image, 3221225472 bytes)\n"
	    "this zone: lgwan\n"
	    "warning: the extension .pdf does not fit the content; it will "
	    "stop at identify\n"
	    "\n"
	    "flow documents (internet -> lgwan, 申請添付書類の受領): holds it "
	    "when it arrives\n"
	    "  - type png is not accepted; accepted are text, csv, pdf, docx\n"
	    "  - too large; at most 2147483648 bytes\n"
	    "\n"
	    "flow out (lgwan -> internet, 公表資料): does not take it\n"
	    "  - type png is not accepted; accepted are text, csv\n"
	    "  - too large; at most 1000 bytes\n"
	    "\n"
	    "No flow takes it out of this zone. If one is needed, register it "
	    "in flows/\n");
}
END_TEST

START_TEST(closed_flow)
{
	/* 2027-01-01 00:00 JST */
	now_ms = UINT64_C(1798729200000);
	check("x", 1, TYPE_CSV, POLICY_EN,
	    "file: x (CSV, 1 bytes)\n"
	    "this zone: lgwan\n"
	    "\n"
	    "flow documents (internet -> lgwan, 申請添付書類の受領): inspects "
	    "it again when it arrives\n"
	    "  1. manifest: checks the list of files\n"
	    "  2. identify: finds the type from the content and compares it "
	    "with the extension and with what the flow accepts\n"
	    "  3. clam: scans for viruses\n"
	    "  4. sanitize L1: removes dangerous parts and rebuilds the file\n"
	    "  5. confirm: confirms that nothing dangerous is left, with other "
	    "code than the cleaner's\n"
	    "  approval: approver x1 (nobody approves their own)\n"
	    "  delivery: out/documents/soumu/, zeimu/\n"
	    "  until: 2027-03-31\n"
	    "\n"
	    "flow out (lgwan -> internet, 公表資料): does not take it\n"
	    "  - closed since the end of 2026-12-31\n"
	    "\n"
	    "No flow takes it out of this zone. If one is needed, register it "
	    "in flows/\n");
}
END_TEST

START_TEST(executables_and_hostile_names)
{
	struct policy_table *t = make_table();
	const char want[] = "file: aU+202Efdp.exe (executable, 1 bytes)\n"
			    "this zone: lgwan\n"
			    "no flow ever takes executables\n";
	struct buf out;

	buf_init(&out, TEXT_LIMIT);
	ck_assert_int_eq(policy_explain(t, "a\xe2\x80\xae""fdp.exe", 1,
	    TYPE_EXECUTABLE, POLICY_EN, &out), GW_OK);
	ck_assert_uint_gt(out.len, strlen(want));
	ck_assert_mem_eq(out.data, want, strlen(want));
	buf_clear(&out);
	buf_init(&out, 50);
	ck_assert_int_eq(policy_explain(t, "a", 1, TYPE_CSV, POLICY_EN, &out),
	    GW_ELIMIT);
	buf_clear(&out);
	mem_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("policy/explain");
	TCase *t = tcase_create("explain");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, taken_file_ja);
	tcase_add_test(t, refused_file_en);
	tcase_add_test(t, closed_flow);
	tcase_add_test(t, executables_and_hostile_names);
	suite_add_tcase(s, t);
	return support_main(s);
}
