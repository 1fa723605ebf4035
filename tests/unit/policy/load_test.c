/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"

#include "tests/unit/policy/load_cases.h"
#include "tests/unit/policy/support.h"

static void
run_gateway_case(const struct load_case *c, enum policy_lang lang)
{
	struct policy_env env = support_env(lang);
	struct policy_table *t = mem_alloc(sizeof(*t));
	char *text = support_replace(gateway_text, c->from, c->to);
	struct buf errors;

	buf_init(&errors, TEXT_LIMIT);
	t->flow_count = 77;
	ck_assert_int_eq(policy_load_gateway_bytes(&env, text, strlen(text),
	    t, &errors), c->err);
	support_same_text(&errors, lang == POLICY_EN ? c->en : c->ja);
	/* Written on success only. */
	ck_assert_uint_eq(t->flow_count, c->err == GW_OK ? 0 : 77);
	buf_clear(&errors);
	mem_free(text);
	mem_free(t);
}

START_TEST(gateway_findings)
{
	const struct load_case *c;

	for (c = gateway_cases; c->from != NULL; c++)
		run_gateway_case(c, (enum policy_lang)_i);
}
END_TEST

static void
run_flow_case(const struct policy_table *t, const struct load_case *c,
    enum policy_lang lang)
{
	struct policy_env env = support_env(lang);
	struct policy_flow flow = {.weight = 77};
	char *text = support_replace(flow_text, c->from, c->to);
	struct buf errors;

	buf_init(&errors, TEXT_LIMIT);
	ck_assert_int_eq(policy_load_flow_bytes(&env, "documents", text,
	    strlen(text), t, &flow, &errors), c->err);
	support_same_text(&errors, lang == POLICY_EN ? c->en : c->ja);
	ck_assert_uint_eq(flow.weight, c->err == GW_OK ? 10 : 77);
	buf_clear(&errors);
	mem_free(text);
}

START_TEST(flow_findings)
{
	struct policy_table *t = support_table();
	const struct load_case *c;

	for (c = flow_cases; c->from != NULL; c++)
		run_flow_case(t, c, (enum policy_lang)_i);
	mem_free(t);
}
END_TEST

START_TEST(gateway_values_and_defaults)
{
	static const char least[] = "zone: internet\n";
	struct policy_env env = support_env(POLICY_EN);
	struct policy_table *t = support_table();
	struct buf errors;

	ck_assert_str_eq(t->zone.zone, "lgwan");
	ck_assert_str_eq(t->zone.letter, "L");
	ck_assert_uint_eq(t->channel_count, 2);
	ck_assert_str_eq(t->channels[0].id, "internet-lgwan");
	ck_assert_str_eq(t->channels[0].address, "127.0.1.2:7443");
	ck_assert_uint_eq(t->channels[0].role, POLICY_RECEIVER);
	ck_assert_uint_eq(t->channels[0].carrier, POLICY_TLS);
	ck_assert_uint_eq(t->channels[0].ack, POLICY_ACK_TICK);
	ck_assert_uint_eq(t->channels[0].ack_tick_ms, 2000);
	ck_assert_uint_eq(t->channels[0].max_in_flight, 4);
	ck_assert_uint_eq(t->channels[1].role, POLICY_SENDER);
	ck_assert_uint_eq(policy_roles(t, 1001),
	    POLICY_STAFF | POLICY_APPROVER);
	ck_assert_uint_eq(policy_roles(t, 2001),
	    POLICY_STAFF | POLICY_OFFICER);
	ck_assert_uint_eq(policy_roles(t, 0), POLICY_STAFF);
	buf_init(&errors, TEXT_LIMIT);
	ck_assert_int_eq(policy_load_gateway_bytes(&env, least, strlen(least),
	    t, &errors), GW_OK);
	support_same_text(&errors, "");
	ck_assert_str_eq(t->zone.letter, "I");
	ck_assert_str_eq(t->zone.state_dir, "/var/lib/gateway");
	ck_assert_str_eq(t->zone.folders, "/srv/gateway");
	ck_assert_str_eq(t->zone.signature_dir, "/var/lib/clamav");
	ck_assert_uint_eq(t->zone.lang, POLICY_JA);
	ck_assert_uint_eq(t->zone.quota_bytes, UINT64_C(100) << 30);
	ck_assert_uint_eq(t->zone.ballast_bytes, UINT64_C(256) << 20);
	ck_assert_uint_eq(t->zone.stop_intake_pct, 85);
	ck_assert_uint_eq(t->zone.stop_fetch_pct, 92);
	ck_assert_uint_eq(t->zone.clock_jump_alarm_s, 300);
	ck_assert_uint_eq(t->zone.signature_max_age_days, 7);
	ck_assert_uint_eq(t->zone.workers, 2);
	ck_assert_uint_eq(t->compiled_ms, env.now_ms);
	mem_free(t);
}
END_TEST

/* 2027-04-01 00:00 JST: the last moment of 31 March is still inside. */
#define APRIL_MS UINT64_C(1806505200000)

START_TEST(flow_values)
{
	struct policy_table *t = support_table();
	const struct policy_flow *f = policy_find_flow(t, "documents");

	ck_assert_ptr_nonnull(f);
	ck_assert_str_eq(f->purpose, "申請添付書類の受領");
	ck_assert_str_eq(f->from, "internet");
	ck_assert_str_eq(f->channel, "internet-lgwan");
	ck_assert_str_eq(f->class, "2");
	ck_assert_uint_eq(f->accept, TYPE_BIT(TYPE_PDF) | TYPE_BIT(TYPE_DOCX) |
	    TYPE_BIT(TYPE_TEXT) | TYPE_BIT(TYPE_CSV));
	ck_assert_uint_eq(f->stages, STAGE_BIT(STAGE_MANIFEST) |
	    STAGE_BIT(STAGE_IDENTIFY) | STAGE_BIT(STAGE_CLAM) |
	    STAGE_BIT(STAGE_SANITIZE) | STAGE_BIT(STAGE_CONFIRM));
	ck_assert_uint_eq(f->sanitize, SANITIZE_L1);
	ck_assert_uint_eq(f->step_count, 1);
	ck_assert_uint_eq(f->steps[0].roles, POLICY_APPROVER);
	ck_assert_uint_eq(f->steps[0].count, 1);
	ck_assert_uint_eq(f->recipient_count, 2);
	ck_assert_str_eq(f->recipients[1], "zeimu");
	ck_assert_uint_eq(f->file_bytes, UINT64_C(2) << 30);
	ck_assert_uint_eq(f->transfer_bytes, UINT64_C(10) << 30);
	ck_assert_uint_eq(f->until_ms, APRIL_MS);
	ck_assert(policy_flow_is_open(f, APRIL_MS - 1));
	ck_assert(!policy_flow_is_open(f, APRIL_MS));
	mem_free(t);
}
END_TEST

START_TEST(flow_defaults)
{
	static const char least[] =
		"{flow: x, purpose: p, legal_ground: l, owner_section: o, "
		"contact: c, from: lgwan, to: internet, class: 3B, "
		"accept: [csv], stages: [\"null\"]}";
	struct policy_env env = support_env(POLICY_EN);
	struct policy_table *t = support_table();
	struct policy_flow f;
	struct buf errors;

	buf_init(&errors, TEXT_LIMIT);
	ck_assert_int_eq(policy_load_flow_bytes(&env, "x", least,
	    strlen(least), t, &f, &errors), GW_OK);
	ck_assert_str_eq(f.channel, "lgwan-internet");
	ck_assert_uint_eq(f.stages,
	    STAGE_BIT(STAGE_MANIFEST) | STAGE_BIT(STAGE_NULL));
	ck_assert_uint_eq(f.sanitize, SANITIZE_NONE);
	ck_assert_uint_eq(f.submitter, SUBMITTER_FOLDER);
	ck_assert_uint_eq(f.complete, COMPLETE_CLOSE);
	ck_assert_uint_eq(f.on_exists, EXISTS_NUMBER);
	ck_assert_uint_eq(f.deliver, DELIVER_FOLDER);
	ck_assert_uint_eq(f.is_ordered, 0);
	ck_assert_uint_eq(f.files, 10000);
	ck_assert_uint_eq(f.file_bytes, UINT64_C(2) << 30);
	ck_assert_uint_eq(f.transfer_bytes, UINT64_C(10) << 30);
	ck_assert_uint_eq(f.original_days, 30);
	ck_assert_uint_eq(f.recipient_count, 0);
	ck_assert_uint_eq(f.step_count, 0);
	ck_assert_uint_eq(f.scan_batch, 1);
	ck_assert_uint_eq(f.formula_guard, 1);
	ck_assert_uint_eq(f.file_mode, 0640);
	ck_assert_uint_eq(f.weight, 10);
	ck_assert_uint_eq(f.until_ms, APRIL_MS);
	buf_clear(&errors);
	mem_free(t);
}
END_TEST

/* A policy folder on disk, with one change by the test that uses it. */
static void
make_policy(char dir[64])
{
	char path[128];

	support_make_dir(dir);
	(void)snprintf(path, sizeof(path), "%s/flows", dir);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	support_write(dir, "gateway.yaml", gateway_text);
	support_write(dir, "flows/documents.yaml", flow_text);
}

static void
check_folder(const char *dir, enum gw_err want, const char *text)
{
	struct policy_env env = support_env(POLICY_EN);
	struct policy_table *t = mem_alloc(sizeof(*t));
	struct buf errors;
	int fd = -1;

	buf_init(&errors, TEXT_LIMIT);
	ck_assert_int_eq(io_open_dir(dir, &fd), GW_OK);
	ck_assert_int_eq(policy_load_at(fd, &env, t, &errors), want);
	support_same_text(&errors, text);
	ck_assert_uint_eq(t->magic, want == GW_OK ? POLICY_MAGIC : 0);
	io_drop(&fd);
	buf_clear(&errors);
	mem_free(t);
}

START_TEST(folder_is_read)
{
	char dir[64];

	make_policy(dir);
	check_folder(dir, GW_OK, "");
	/* Hidden files, as editors leave them, are nobody's business. */
	support_write(dir, "flows/.documents.yaml.swp", "x");
	check_folder(dir, GW_OK, "");
	support_write(dir, "flows/documents.yaml~", "x");
	support_write(dir, "flows/README", "x");
	check_folder(dir, GW_OK,
	    "flows/README:1:1: warning: is not read; flows are ID.yaml\n"
	    "flows/documents.yaml~:1:1: warning: is not read; flows are "
	    "ID.yaml\n");
	support_remove_dir(dir);
}
END_TEST

START_TEST(folder_findings_are_sorted)
{
	char dir[64];

	make_policy(dir);
	support_write(dir, "flows/b.yaml", "");
	support_write(dir, "flows/a.yaml", "flow: b\nflow: [\n");
	support_write(dir, "flows/Upper.yaml", flow_text);
	support_write(dir, "flows/c.yml", flow_text);
	support_write(dir, "flows/\xff.yaml", flow_text);
	check_folder(dir, GW_EFORMAT,
	    "flows/Upper.yaml:1:1: is no name for a flow file; expected "
	    "ID.yaml, ID of a-z 0-9 and -\n"
	    "flows/a.yaml:2:1: flow: the key stands twice; first on line 1\n"
	    "flows/a.yaml:3:1: not readable as YAML: did not find expected "
	    "node content\n"
	    "flows/b.yaml:1:1: holds nothing; expected keys and values\n"
	    "flows/c.yml:1:1: is no name for a flow file; expected ID.yaml, "
	    "ID of a-z 0-9 and -\n"
	    "flows/\\xFF.yaml:1:1: is no name for a flow file; expected "
	    "ID.yaml, ID of a-z 0-9 and -\n");
	support_remove_dir(dir);
}
END_TEST

START_TEST(no_flow_nothing_crosses)
{
	char dir[64], path[128];

	make_policy(dir);
	(void)snprintf(path, sizeof(path), "%s/flows/documents.yaml", dir);
	ck_assert_int_eq(unlink(path), 0);
	check_folder(dir, GW_OK, "flows:1:1: warning: there is no flow, so "
				 "nothing crosses\n");
	(void)snprintf(path, sizeof(path), "%s/flows", dir);
	ck_assert_int_eq(rmdir(path), 0);
	check_folder(dir, GW_OK, "flows:1:1: warning: there is no flow, so "
				 "nothing crosses\n");
	(void)snprintf(path, sizeof(path), "%s/gateway.yaml", dir);
	ck_assert_int_eq(unlink(path), 0);
	check_folder(dir, GW_EFORMAT,
	    "gateway.yaml:1:1: does not exist; write it first\n");
	support_remove_dir(dir);
}
END_TEST

START_TEST(links_and_odd_files_are_refused)
{
	char dir[64], path[128];

	make_policy(dir);
	(void)snprintf(path, sizeof(path), "%s/flows/link.yaml", dir);
	ck_assert_int_eq(symlink("documents.yaml", path), 0);
	check_folder(dir, GW_EDENIED, "flows/link.yaml:1:1: is a symbolic "
				      "link; put the file itself here\n");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	check_folder(dir, GW_EDENIED,
	    "flows/link.yaml:1:1: is not a regular file\n");
	ck_assert_int_eq(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/flows/documents.yaml", dir);
	ck_assert_int_eq(chmod(path, 0646), 0);
	check_folder(dir, GW_EDENIED, "flows/documents.yaml:1:1: anybody may "
				      "change it (mode 0646); chmod o-w\n");
	ck_assert_int_eq(chmod(path, 0644), 0);
	(void)snprintf(path, sizeof(path), "%s/flows", dir);
	ck_assert_int_eq(chmod(path, 0777), 0);
	check_folder(dir, GW_EDENIED,
	    "flows:1:1: anybody may change it (mode 0777); chmod o-w\n");
	support_remove_dir(dir);
}
END_TEST

START_TEST(flows_folder_may_be_no_link)
{
	char dir[64], from[128], to[128];

	make_policy(dir);
	(void)snprintf(from, sizeof(from), "%s/flows", dir);
	(void)snprintf(to, sizeof(to), "%s/other", dir);
	ck_assert_int_eq(rename(from, to), 0);
	ck_assert_int_eq(symlink("other", from), 0);
	check_folder(dir, GW_EDENIED,
	    "flows:1:1: is a symbolic link; put the file itself here\n");
	ck_assert_int_eq(unlink(from), 0);
	support_write(dir, "flows", "x");
	check_folder(dir, GW_EDENIED, "flows:1:1: is not a folder\n");
	support_remove_dir(dir);
}
END_TEST

START_TEST(size_limit)
{
	const size_t most = 256 * 1024;
	size_t head = strlen(flow_text);
	char *text = mem_alloc(most + 2);
	char dir[64];

	make_policy(dir);
	memcpy(text, flow_text, head);
	memset(text + head, '#', most + 1 - head);
	text[most] = '\0';
	support_write(dir, "flows/documents.yaml", text);
	check_folder(dir, GW_OK, "");
	text[most] = '#';
	support_write(dir, "flows/documents.yaml", text);
	check_folder(dir, GW_EFORMAT, "flows/documents.yaml:1:1: the file is "
				      "too large; at most 262144 bytes\n");
	mem_free(text);
	support_remove_dir(dir);
}
END_TEST

START_TEST(too_many_flows)
{
	char dir[64], name[64], id[32], *text;
	int i;

	make_policy(dir);
	for (i = 1; i <= POLICY_FLOWS_MAX; i++) {
		(void)snprintf(id, sizeof(id), "flow: z-%04d", i);
		(void)snprintf(name, sizeof(name), "flows/z-%04d.yaml", i);
		text = support_replace(flow_text, "flow: documents", id);
		support_write(dir, name, text);
		mem_free(text);
	}
	check_folder(dir, GW_EFORMAT,
	    "flows/z-0512.yaml:1:1: too many flows; at most 512\n");
	support_remove_dir(dir);
}
END_TEST

static size_t
count_lines(const struct buf *b)
{
	size_t i, n = 0;

	for (i = 0; i < b->len; i++)
		n += b->data[i] == '\n';
	return n;
}

START_TEST(findings_are_bounded)
{
	struct policy_env env = support_env(POLICY_JA);
	struct policy_table *t = mem_alloc(sizeof(*t));
	struct buf text, errors;
	int i;

	buf_init(&text, TEXT_LIMIT);
	buf_init(&errors, TEXT_LIMIT);
	buf_put_str(&text, "zone: lgwan\n");
	for (i = 0; i < 60; i++)
		buf_printf(&text, "nonsense-%d: 1\n", i);
	ck_assert_int_eq(policy_load_gateway_bytes(&env, text.data, text.len,
	    t, &errors), GW_EFORMAT);
	ck_assert_uint_eq(count_lines(&errors), 51);
	ck_assert_ptr_nonnull(memmem(errors.data, errors.len,
	    "ほかに 10 件あります\n", strlen("ほかに 10 件あります\n")));
	ck_assert_uint_lt(errors.len, 60000);
	buf_clear(&text);
	buf_clear(&errors);
	mem_free(t);
}
END_TEST

START_TEST(several_channels_to_one_peer)
{
	static const char again[] =
		"channels:\n"
		"  - {id: second, role: receiver, peer: internet, listen: "
		"\"127.0.1.2:7444\"}\n";
	struct policy_env env = support_env(POLICY_EN);
	struct policy_table *t = mem_alloc(sizeof(*t));
	char *text = support_replace(gateway_text, "channels:\n", again);
	struct policy_flow flow;
	struct buf errors;
	char *named;

	buf_init(&errors, TEXT_LIMIT);
	ck_assert_int_eq(policy_load_gateway_bytes(&env, text, strlen(text),
	    t, &errors), GW_OK);
	ck_assert_int_eq(policy_load_flow_bytes(&env, "documents", flow_text,
	    strlen(flow_text), t, &flow, &errors), GW_EFORMAT);
	support_same_text(&errors,
	    "flows/documents.yaml:1:1: channel: more than one channel fits; "
	    "expected one of second | internet-lgwan\n");
	buf_reset(&errors);
	named = support_replace(flow_text, "class: 2",
	    "class: 2\nchannel: second");
	ck_assert_int_eq(policy_load_flow_bytes(&env, "documents", named,
	    strlen(named), t, &flow, &errors), GW_OK);
	ck_assert_str_eq(flow.channel, "second");
	buf_clear(&errors);
	mem_free(named);
	mem_free(text);
	mem_free(t);
}
END_TEST

/* Line ends and the mark that editors on Windows write change nothing. */
START_TEST(windows_text)
{
	struct policy_env env = support_env(POLICY_EN);
	struct policy_table *t = support_table();
	struct policy_flow flow;
	struct buf text, errors;
	const char *p;

	buf_init(&text, TEXT_LIMIT);
	buf_init(&errors, TEXT_LIMIT);
	buf_put_str(&text, "\xef\xbb\xbf");
	for (p = flow_text; *p != '\0'; p++) {
		if (*p == '\n')
			buf_put_str(&text, "\r");
		buf_put(&text, p, 1);
	}
	ck_assert_int_eq(policy_load_flow_bytes(&env, "documents", text.data,
	    text.len, t, &flow, &errors), GW_OK);
	support_same_text(&errors, "");
	ck_assert_str_eq(flow.owner_section, "総務課");
	buf_clear(&text);
	buf_clear(&errors);
	mem_free(t);
}
END_TEST

static void
check_list(const char *base, const char *from, const char *head,
    const char *item, int count, const char *tail, const char *want)
{
	struct policy_env env = support_env(POLICY_EN);
	struct policy_table *t = support_table();
	struct policy_flow flow;
	struct buf list, errors;
	char *text;
	int i;

	buf_init(&list, TEXT_LIMIT);
	buf_init(&errors, TEXT_LIMIT);
	buf_put_str(&list, head);
	for (i = 0; i < count; i++)
		buf_printf(&list, "%s%s%d", i > 0 ? ", " : "", item, i);
	buf_put(&list, tail, strlen(tail) + 1);
	text = support_replace(base, from, (const char *)list.data);
	if (base == flow_text)
		ck_assert_int_eq(policy_load_flow_bytes(&env, "documents",
		    text, strlen(text), t, &flow, &errors), GW_EFORMAT);
	else
		ck_assert_int_eq(policy_load_gateway_bytes(&env, text,
		    strlen(text), t, &errors), GW_EFORMAT);
	support_same_text(&errors, want);
	buf_clear(&list);
	buf_clear(&errors);
	mem_free(text);
	mem_free(t);
}

START_TEST(lists_are_bounded)
{
	check_list(flow_text, "recipients: [soumu, zeimu]", "recipients: [",
	    "section-", 70, "]",
	    "flows/documents.yaml:14:772: recipients: 70 entries; at most "
	    "64\n");
	check_list(gateway_text, "[sato]", "[", "3000", 256, "]",
	    "gateway.yaml:7:13: operators.officer: 257 entries; at most 256\n"
	    "gateway.yaml:7:21: operators.officer: 257 entries; at most "
	    "256\n");
	check_list(gateway_text, "channels:\n", "channels:\n  - [", "x", 20,
	    "]\n",
	    "gateway.yaml:9:5: channels[0]: a list cannot stand here; "
	    "expected {id, role, peer, carrier, listen, connect, ack, "
	    "ack_tick_s, max_in_flight}\n");
}
END_TEST

/* Warnings that depend on the zone or on a direction. */
START_TEST(warnings_by_direction)
{
	static const char out[] =
		"{flow: x, purpose: p, legal_ground: l, owner_section: o, "
		"contact: c, from: lgwan, to: internet, class: 3B,\n"
		"accept: [csv, ooxml-macro], stages: [identify, clam]}";
	struct policy_env env = support_env(POLICY_JA);
	struct policy_table *t = support_table();
	struct policy_flow flow;
	struct buf errors;

	buf_init(&errors, TEXT_LIMIT);
	ck_assert_int_eq(policy_load_flow_bytes(&env, "x", out, strlen(out),
	    t, &flow, &errors), GW_OK);
	support_same_text(&errors,
	    "flows/x.yaml:1:104: 注意: class: 機密性 3B のファイルが承認なしで "
	    "internet へ出ます\n"
	    "flows/x.yaml:2:9: 注意: accept: 「ooxml-macro」を無害化せずに"
	    "受け入れます\n");
	buf_clear(&errors);
	mem_free(t);
}
END_TEST

struct fault {
	int at, calls, error;
};

static int
fail_one(void *arg, enum io_op op, int fd, size_t *len)
{
	struct fault *f = arg;

	(void)op;
	(void)fd;
	(void)len;
	return f->calls++ == f->at ? f->error : 0;
}

/* Each call that can fail does, once: an error comes out and no table. */
static void
fail_each(const char *dir, int error)
{
	struct policy_env env = support_env(POLICY_EN);
	struct policy_table *t = mem_alloc(sizeof(*t));
	struct fault f = {.error = error};
	struct buf errors;
	enum gw_err err;
	int fd = -1, out = -1;

	ck_assert_int_eq(io_open_dir(dir, &fd), GW_OK);
	do {
		memset(t, 0, sizeof(*t));
		buf_init(&errors, TEXT_LIMIT);
		f.calls = 0;
		io_set_hook(fail_one, &f);
		err = policy_load_at(fd, &env, t, &errors);
		if (err == GW_OK)
			err = policy_to_memfd(t, &out);
		io_set_hook(NULL, NULL);
		ck_assert(err == GW_OK || out == -1);
		if (f.calls > f.at && err == GW_OK)
			ck_assert_uint_eq(t->flow_count, 1);
		io_drop(&out);
		buf_clear(&errors);
	} while (f.calls > f.at++);
	ck_assert_int_eq(err, GW_OK);
	ck_assert_int_gt(f.at, 5);
	io_drop(&fd);
	mem_free(t);
}

START_TEST(io_errors)
{
	char dir[64];

	make_policy(dir);
	fail_each(dir, EIO);
	fail_each(dir, EACCES);
	fail_each(dir, ENOSPC);
	support_remove_dir(dir);
}
END_TEST

/* The whole way, with the accounts of this machine. */
START_TEST(by_path)
{
	struct policy_table *t = mem_alloc(sizeof(*t));
	struct buf errors;
	char dir[64], *text;

	make_policy(dir);
	text = support_replace(gateway_text, "[sato]", "[root]");
	support_write(dir, "gateway.yaml", text);
	mem_free(text);
	buf_init(&errors, TEXT_LIMIT);
	ck_assert_int_eq(policy_load(dir, 1, POLICY_EN, t, &errors),
	    GW_EFORMAT);
	support_same_text(&errors,
	    "gateway.yaml:6:14: warning: operators.approver: \"root\" is the "
	    "superuser; use an account per person\n"
	    "gateway.yaml:7:13: operators.officer: there is no account "
	    "\"suzuki\" on this machine; expected a list of local account "
	    "names or numeric uids\n"
	    "flows/documents.yaml:22:8: warning: until: \"2027-03-31\" is "
	    "beyond this fiscal year; permissions are renewed each year\n");
	buf_reset(&errors);
	text = support_replace(gateway_text,
	    "  approver: [sato]\n  officer: [suzuki, \"2001\"]\n",
	    "  approver: [\"2001\"]\n");
	support_write(dir, "gateway.yaml", text);
	mem_free(text);
	ck_assert_int_eq(policy_load(dir, UINT64_C(1795273200000), POLICY_EN,
	    t, &errors), GW_OK);
	support_same_text(&errors, "");
	ck_assert_uint_eq(t->magic, POLICY_MAGIC);
	ck_assert_uint_ge(t->zone.workers, 1);
	support_remove_dir(dir);
	ck_assert_int_eq(policy_load(dir, 1, POLICY_EN, t, &errors),
	    GW_ENOENT);
	ck_assert_int_eq(policy_load("relative", 1, POLICY_EN, t, &errors),
	    GW_EINVAL);
	buf_clear(&errors);
	mem_free(t);
}
END_TEST

/* What quickstart fills in and packages ship must load without a finding. */
static void
load_example(const char *zone)
{
	static const char *const files[] = {"gateway.yaml",
	    "flows/text-data.yaml", "flows/text-data-out.yaml",
	    "flows/documents.yaml", "flows/documents-out.yaml"};
	char dir[64], path[256], *text, *next;
	size_t i;

	make_policy(dir);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path),
		    SOURCE_DIR "/contrib/policies/example/%s/%s", zone,
		    files[i]);
		text = support_read(path);
		if (i == 0) {
			next = support_replace(text, "@STATE_DIR@", "/s");
			mem_free(text);
			text = support_replace(next, "@FOLDERS@", "/f");
			mem_free(next);
			next = support_replace(text, "@SIGNATURES@", "/c");
			mem_free(text);
			text = next;
		}
		support_write(dir, files[i], text);
		mem_free(text);
	}
	check_folder(dir, GW_OK, "");
	support_remove_dir(dir);
}

START_TEST(examples_load)
{
	load_example("internet");
	load_example("lgwan");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("policy/load");
	TCase *t = tcase_create("load");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, gateway_findings, POLICY_JA, POLICY_EN + 1);
	tcase_add_loop_test(t, flow_findings, POLICY_JA, POLICY_EN + 1);
	tcase_add_test(t, gateway_values_and_defaults);
	tcase_add_test(t, flow_values);
	tcase_add_test(t, flow_defaults);
	tcase_add_test(t, folder_is_read);
	tcase_add_test(t, folder_findings_are_sorted);
	tcase_add_test(t, no_flow_nothing_crosses);
	tcase_add_test(t, links_and_odd_files_are_refused);
	tcase_add_test(t, flows_folder_may_be_no_link);
	tcase_add_test(t, size_limit);
	tcase_add_test(t, too_many_flows);
	tcase_add_test(t, findings_are_bounded);
	tcase_add_test(t, several_channels_to_one_peer);
	tcase_add_test(t, windows_text);
	tcase_add_test(t, lists_are_bounded);
	tcase_add_test(t, warnings_by_direction);
	tcase_add_test(t, io_errors);
	tcase_add_test(t, by_path);
	tcase_add_test(t, examples_load);
	suite_add_tcase(s, t);
	return support_main(s);
}
