/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/record/transfer_state.h"

#include "gatewayctl/doctor.h"
#include "gatewayctl/text.h"

#define DAY_MS UINT64_C(86400000)
#define ENDING_MS (30 * DAY_MS)
#define TEXT_LEN 1024

/* --- telling ------------------------------------------------------------ */

struct row_text {
	char s[256];
};

static struct row_text
doctor_text(const struct answer *row, enum answer_field field)
{
	struct row_text t = {""};
	struct answer_value v;
	struct buf safe;

	if (!answer_find(row, field, &v))
		return t;
	buf_init(&safe, 8 * sizeof(t.s));
	if (v.kind == ANSWER_TIME)
		text_put_time(&safe, v.number);
	else
		text_put_safe(&safe, v.bytes, v.len < 200 ? v.len : 200);
	snprintf(t.s, sizeof(t.s), "%.*s", (int)safe.len,
	    (const char *)safe.data);
	buf_clear(&safe);
	return t;
}

static uint64_t
doctor_number(const struct answer *row, enum answer_field field)
{
	struct answer_value v;

	return answer_find(row, field, &v) ? v.number : 0;
}

__attribute__((format(printf, 5, 6))) static void
doctor_tell(struct doctor *d, enum doctor_level level, const char *code,
    const char *next, const char *fmt, ...)
{
	char what[TEXT_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	d->fn(d->arg, level, code, what, next);
}

/* --- rows --------------------------------------------------------------- */

static void
doctor_process(struct doctor *d, const struct answer *row)
{
	struct row_text name = doctor_text(row, F_PROCESS);
	struct row_text state = doctor_text(row, F_STATE);
	struct row_text since = doctor_text(row, F_SINCE);
	uint64_t restarts = doctor_number(row, F_RESTARTS);

	if (strcmp(state.s, "ready") != 0)
		doctor_tell(d, DOCTOR_PROBLEM, "process-not-ready", SAY(d->o,
		    "原因は gatewayd のログにあります(journalctl -u gatewayd)",
		    "gatewayd's log tells why (journalctl -u gatewayd)"),
		    SAY(d->o, "プロセス %s が稼働していません(%s から、再起動 "
		    "%llu 回)", "process %s is not running (since %s, %llu "
		    "restarts)"), name.s, since.s,
		    (unsigned long long)restarts);
	else if (restarts > 0)
		doctor_tell(d, DOCTOR_NOTE, "process-restarted", SAY(d->o,
		    "続くようなら gatewayd のログを確認してください",
		    "if it goes on, look at gatewayd's log"), SAY(d->o,
		    "プロセス %s は %llu 回再起動しています(%s から稼働)",
		    "process %s was restarted %llu times (runs since %s)"),
		    name.s, (unsigned long long)restarts, since.s);
}

static void
doctor_disk(struct doctor *d, const struct answer *row)
{
	uint64_t disk = doctor_number(row, F_DISK);
	uint64_t free_bytes = doctor_number(row, F_DISK_FREE);
	uint64_t limit = doctor_number(row, F_STOP_INTAKE_PCT);
	uint64_t stored = doctor_number(row, F_STORED);
	uint64_t quota = doctor_number(row, F_QUOTA);
	unsigned used;

	if (disk != 0 && free_bytes <= disk) {
		used = (unsigned)((disk - free_bytes) / (disk / 100 + 1));
		if (used + 10 >= limit)
			doctor_tell(d, DOCTOR_WARNING, "disk-filling",
			    SAY(d->o, "不要なファイルを片付けるか、ディスクを増"
			    "やしてください", "make room, or add disk space"),
			    SAY(d->o, "ディスクの使用率が %u%% です(%u%% で受付"
			    "を止めます)", "the disk is %u%% full (intake stops "
			    "at %u%%)"), used, (unsigned)limit);
	}
	if (quota != 0 && stored / (quota / 100 + 1) >= 90)
		doctor_tell(d, DOCTOR_WARNING, "quota-filling", SAY(d->o,
		    "保留を片付けるか、gateway.yaml の spool: quota_gib を見直し"
		    "てください",
		    "settle what is held, or raise quota_gib under spool: in "
		    "gateway.yaml"), SAY(d->o,
		    "保管庫が上限の %u%% まで埋まっています",
		    "the spool is filled to %u%% of its quota"),
		    (unsigned)(stored / (quota / 100 + 1)));
}

static void
doctor_zone(struct doctor *d, const struct answer *row)
{
	struct answer_value v;
	struct row_text reason = doctor_text(row, F_REASON_CODE);

	d->has_zone = true;
	snprintf(d->signature_dir, sizeof(d->signature_dir), "%s",
	    doctor_text(row, F_SIGNATURE_DIR).s);
	d->signature_days = doctor_number(row, F_SIGNATURE_DAYS);
	if (strcmp(doctor_text(row, F_INTAKE).s, "stopped") == 0)
		doctor_tell(d, DOCTOR_PROBLEM, "intake-stopped", SAY(d->o,
		    "空き容量と時計を確認し、解消したら gatewayctl reload を実行"
		    "してください",
		    "check space and clock; then run gatewayctl reload"),
		    SAY(d->o, "受付を止めています(%s)",
		    "intake is stopped (%s)"), reason.s);
	if (strcmp(doctor_text(row, F_FETCH).s, "stopped") == 0)
		doctor_tell(d, DOCTOR_PROBLEM, "fetch-stopped", SAY(d->o,
		    "空き容量を増やしてください", "make room on the disk"),
		    SAY(d->o, "相手からの受信を止めています(%s)",
		    "fetching from peers is stopped (%s)"), reason.s);
	if (answer_find(row, F_CLOCK_JUMP, &v) && v.signed_number != 0)
		doctor_tell(d, DOCTOR_PROBLEM, "clock-jumped", SAY(d->o,
		    "時刻同期を確認し、正しければ gatewayctl reload を実行してく"
		    "ださい",
		    "check the time source; if the time is right, run "
		    "gatewayctl reload"), SAY(d->o,
		    "時計が %lld 秒ずれました", "the clock jumped by %lld s"),
		    (long long)v.signed_number / 1000);
	if (answer_find(row, F_IS_SERVICE, &v) && v.number == 0)
		doctor_tell(d, DOCTOR_WARNING, "ordinary-user", SAY(d->o,
		    "本番では root で起動してください(systemctl start "
		    "gatewayd)", "for service start it as root (systemctl "
		    "start gatewayd)"), "%s", SAY(d->o,
		    "一般ユーザーで動いています。プロセスどうしが守り合えないた"
		    "め、試用にとどめてください",
		    "it runs as an ordinary user: the processes are not "
		    "guarded from each other; good for trying only"));
	doctor_disk(d, row);
}

static void
doctor_link(struct doctor *d, const struct answer *row, const char *name)
{
	struct row_text link = doctor_text(row, F_LINK);
	struct row_text since = doctor_text(row, F_LINK_SINCE);
	struct row_text detail = doctor_text(row, F_DETAIL);
	struct row_text peer = doctor_text(row, F_PEER);
	uint64_t gap = doctor_number(row, F_GAP_SEQ);

	if (strcmp(link.s, "up") != 0)
		doctor_tell(d, DOCTOR_PROBLEM, "peer-unreachable", SAY(d->o,
		    "相手側のゲートウェイの稼働、アドレス、間のファイアウォール"
		    "(TCP)を確認してください",
		    "check that the peer runs, its address, and the firewall "
		    "between (TCP)"), SAY(d->o,
		    "経路 %s: 相手 %s とつながっていません(%s から) %s",
		    "channel %s: no connection with %s (since %s) %s"), name,
		    peer.s, since.s, detail.s);
	if (gap != 0)
		doctor_tell(d, DOCTOR_PROBLEM, "sequence-gap", SAY(d->o,
		    "続くときは送り側の担当者へ連絡してください",
		    "if it lasts, call the sending side"), SAY(d->o,
		    "経路 %s: 便 %llu が届いていません", "channel %s: parcel "
		    "%llu is missing"), name, (unsigned long long)gap);
}

static void
doctor_channel(struct doctor *d, const struct answer *row)
{
	struct row_text name = doctor_text(row, F_CHANNEL);
	struct row_text state = doctor_text(row, F_STATE);
	struct row_text peer = doctor_text(row, F_PEER);
	struct row_text why = doctor_text(row,
	    SAY(d->o, F_REASON_JA, F_REASON_EN));

	if (strcmp(state.s, "unpaired") == 0)
		doctor_tell(d, DOCTOR_PROBLEM, "channel-unpaired", SAY(d->o,
		    "gatewayctl pair init、pair card、pair accept を両方のゾーン"
		    "で行ってください",
		    "do gatewayctl pair init, pair card and pair accept in "
		    "both zones"), SAY(d->o,
		    "経路 %s: 相手 %s とペアリングしていません",
		    "channel %s: not paired with %s"), name.s, peer.s);
	else if (strcmp(state.s, "frozen") == 0)
		doctor_tell(d, DOCTOR_PROBLEM, "channel-frozen", SAY(d->o,
		    "原因を調べ、問題がなければセキュリティ責任者2名が "
		    "gatewayctl channel new-epoch を実行します",
		    "find out why; if all is well, two security officers run "
		    "gatewayctl channel new-epoch"), SAY(d->o,
		    "経路 %s は凍結されています: %s",
		    "channel %s is frozen: %s"), name.s, why.s);
	else
		doctor_link(d, row, name.s);
}

static void
doctor_flow(struct doctor *d, const struct answer *row)
{
	struct row_text flow = doctor_text(row, F_FLOW);
	struct row_text until = doctor_text(row, F_UNTIL);
	uint64_t until_ms = doctor_number(row, F_UNTIL);

	if (strcmp(doctor_text(row, F_STATE).s, "open") != 0)
		doctor_tell(d, DOCTOR_WARNING, "flow-ended", SAY(d->o,
		    "必要なら until を延ばし、不要ならファイルを削除して "
		    "gatewayctl reload を実行してください",
		    "renew its until, or remove its file, and run gatewayctl "
		    "reload"), SAY(d->o, "業務フロー %s は期限切れです(%s)",
		    "flow %s has ended (%s)"), flow.s, until.s);
	else if (until_ms < d->now_ms + ENDING_MS)
		doctor_tell(d, DOCTOR_WARNING, "flow-ending", SAY(d->o,
		    "続けるなら until を延ばしてください",
		    "renew its until if it goes on"), SAY(d->o,
		    "業務フロー %s は %s に終わります",
		    "flow %s ends on %s"), flow.s, until.s);
}

static void
doctor_count(struct doctor *d, const struct answer *row)
{
	struct row_text state = doctor_text(row, F_STATE);
	unsigned long long n = doctor_number(row, F_COUNT);
	static const struct {
		enum transfer_state state;
		enum doctor_level level;
	} waits[] = {
		{ST_HELD, DOCTOR_WARNING}, {ST_POISON, DOCTOR_WARNING},
		{ST_DAMAGED, DOCTOR_PROBLEM}, {ST_WAITING, DOCTOR_NOTE},
		{ST_QUARANTINED, DOCTOR_WARNING},
	};
	size_t i;

	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		if (strcmp(transfer_state_word(waits[i].state), state.s) == 0)
			doctor_tell(d, waits[i].level, state.s,
			    waits[i].state == ST_QUARANTINED ? SAY(d->o,
			    "gatewayctl quarantine list で確認してください",
			    "see gatewayctl quarantine list") : SAY(d->o,
			    "gatewayctl holds list で確認してください",
			    "see gatewayctl holds list"), SAY(d->o,
			    "「%s」の転送が %llu 件あります",
			    "transfers that are %s: %llu"), SAY(d->o,
			    transfer_state_ja(waits[i].state),
			    transfer_state_en(waits[i].state)), n);
	}
}

void
doctor_row(void *arg, struct answer *row)
{
	struct doctor *d = arg;

	switch (row->row) {
	case ROW_ZONE:
		doctor_zone(d, row);
		break;
	case ROW_PROCESS:
		doctor_process(d, row);
		break;
	case ROW_CHANNEL:
		doctor_channel(d, row);
		break;
	case ROW_FLOW:
		doctor_flow(d, row);
		break;
	case ROW_COUNT:
		doctor_count(d, row);
		break;
	case ROW_TRANSFER:
	case ROW_FILE:
	case ROW_STEP:
	case ROW_CARD:
	case ROW_KEY:
	case ROW_LOG:
	case ROW_PAIRED:
	case ROW_TEXT:
		break;
	}
}
