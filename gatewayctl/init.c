/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"

#include "gatewayctl/commands.h"

#define YAML_MAX 65536

/*
 * A new zone's folder: configuration with a word on every line, one example
 * flow, and nothing that lets anything cross before somebody has read it:
 * the example is not loaded where it lies.
 */
static const char gateway_yaml[] =
    "# ゲートウェイの設定。すべてのキーの説明は man 5 gateway.yaml にあります。\n"
    "# 書き換えたら gatewayctl policy check で確かめ、gatewayctl reload で反映します。\n"
    "zone: @ZONE@\n"
    "\n"
    "# 鍵・保管庫・監査ログの置き場所と、職員が使うフォルダーの親。\n"
    "state_dir: \"@DIR@/state\"\n"
    "folders: \"@DIR@/folders\"\n"
    "language: ja\n"
    "\n"
    "# 役割ごとの人(ローカルアカウント名か数字のuid)。1人に1つの役割を割り当てます。\n"
    "# 例: officer: [sato, suzuki]  検査できなかったものの解除には責任者が2名必要です。\n"
    "operators:\n"
    "  approver: []        # 承認者\n"
    "  officer: []         # セキュリティ責任者\n"
    "  auditor: []         # 監査人(読むだけ)\n"
    "  administrator: []   # 管理者(動かすだけ。ファイルの名前は見えません)\n"
    "\n"
    "# 相手ゾーンとの経路。1方向に1本。送る側が接続し、受ける側が待ち受けます。\n"
    "# アドレスを実際のものに書き換えてください(192.0.2.x は説明用のアドレスです)。\n"
    "channels:\n"
    "  - {id: @ZONE@-@PEER@, role: sender, peer: @PEER@, carrier: tls, connect: \"192.0.2.2:7443\"}\n"
    "  - {id: @PEER@-@ZONE@, role: receiver, peer: @PEER@, carrier: tls, listen: \"192.0.2.1:7443\", ack: tick, ack_tick_s: 2}\n"
    "\n"
    "# ウイルス定義(ClamAV)の場所と、何日までの古さを認めるか。\n"
    "signatures: {dir: /var/lib/clamav, max_age_days: 7}\n"
    "\n"
    "# 保管庫の上限と、受付・受信を止めるディスク使用率。\n"
    "spool: {quota_gib: 100, stop_intake_pct: 85, stop_fetch_pct: 92, ballast_mib: 256}\n"
    "clock_jump_alarm_s: 300\n";

static const char flow_yaml[] =
    "# 業務フロー(連携台帳の1行)の例: 文字だけのデータ(CSV、テキスト)。\n"
    "# 使うには、内容を実際の業務に合わせて直し、フォルダー flows に移して\n"
    "# gatewayctl reload を実行します。\n"
    "# 両方のゾーンに同じ名前の業務フローが要ります。説明は man 5 gateway-flow。\n"
    "flow: text-data\n"
    "purpose: 申請データの受領              # 何のために\n"
    "legal_ground: 情報セキュリティポリシー  # 根拠\n"
    "owner_section: 総務課                  # 所管課\n"
    "contact: 総務課 情報係\n"
    "from: @ZONE@\n"
    "to: @PEER@\n"
    "class: 2                               # 自治体機密性 1, 2, 3A, 3B, 3C\n"
    "accept: [text, csv]                    # 受け付ける形式\n"
    "stages: [identify, clam, confirm]      # 形式判定・ウイルス検査・安全確認\n"
    "sanitize: none\n"
    "approval: {steps: []}                  # 例: [{role: approver, count: 1}]\n"
    "submitter: owner                       # 送信者 = ファイルの所有者\n"
    "complete: close                        # 書き終わって閉じたら受け付ける\n"
    "on_exists: number                      # 同名があれば (2) を付ける\n"
    "deliver: folder\n"
    "limits: {file_bytes: 2GiB, files: 10000, transfer_bytes: 10GiB}\n"
    "retention: {original_days: 30}\n"
    "# until: 書かなければ年度末(3月31日)まで\n";

static const char *
init_peer(const char *zone)
{
	if (strcmp(zone, "internet") == 0 || strcmp(zone, "mynumber") == 0)
		return "lgwan";
	if (strcmp(zone, "lgwan") == 0)
		return "internet";
	return NULL;
}

/* A path that fits into a quoted scalar as it is. */
static bool
init_path_ok(const char *path)
{
	for (; *path != '\0'; path++) {
		if ((unsigned char)*path < 0x20 || *path == '"' ||
		    *path == '\\')
			return false;
	}
	return true;
}

/* The template with its three names filled in. */
static void
init_expand(const char *template, const char *dir, const char *zone,
    struct buf *out)
{
	const struct {
		const char *mark, *value;
	} marks[] = {
		{"@DIR@", dir}, {"@ZONE@", zone}, {"@PEER@", init_peer(zone)},
	};
	size_t i, len, count = sizeof(marks) / sizeof(marks[0]);

	buf_reset(out);
	while (*template != '\0') {
		for (i = 0; i < count; i++) {
			len = strlen(marks[i].mark);
			if (strncmp(template, marks[i].mark, len) == 0)
				break;
		}
		if (i < count) {
			buf_put_str(out, marks[i].value);
			template += len;
		} else
			buf_put_u8(out, (uint8_t)*template++);
	}
}

static enum gw_err
init_write(int dirfd, const char *name, const struct buf *text)
{
	int fd = -1;
	enum gw_err err;

	err = io_openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0644, &fd);
	if (err != GW_OK)
		return err;
	if (fchmod(fd, 0644) == -1)
		err = GW_ESYS;
	if (err == GW_OK)
		err = io_write_full(fd, text->data, text->len);
	if (err == GW_OK)
		err = io_fsync(fd);
	if (err == GW_OK)
		err = io_close(&fd);
	io_drop(&fd);
	return err;
}

static enum gw_err
init_mkdir(int dirfd, const char *name, mode_t mode)
{
	enum gw_err err = io_mkdirat(dirfd, name, mode);

	return err == GW_EEXIST ? GW_OK : err;
}

static enum gw_err
init_fill(int dirfd, const char *dir, const char *zone)
{
	struct buf text;
	enum gw_err err;

	buf_init(&text, YAML_MAX);
	init_expand(gateway_yaml, dir, zone, &text);
	/* gateway.yaml first: it is what marks a folder as taken. */
	if ((err = init_write(dirfd, "gateway.yaml", &text)) != GW_OK ||
	    (err = init_mkdir(dirfd, "state", 0711)) != GW_OK ||
	    (err = init_mkdir(dirfd, "folders", 0755)) != GW_OK ||
	    (err = init_mkdir(dirfd, "flows", 0755)) != GW_OK ||
	    (err = init_mkdir(dirfd, "examples", 0755)) != GW_OK)
		goto out;
	init_expand(flow_yaml, dir, zone, &text);
	err = init_write(dirfd, "examples/text-data.yaml", &text);
	if (err == GW_EEXIST)
		err = GW_OK;
out:
	buf_clear(&text);
	return err;
}

static void
init_tell(const struct options *o, const char *dir)
{
	printf(SAY(o, "%s を作りました。次にすること:\n",
	    "Made %s. What to do next:\n"), dir);
	printf(SAY(o,
	    "  1. gateway.yaml の経路のアドレスと担当者を書き換える\n"
	    "  2. examples/ の例をもとに flows/ へ業務フローを登録する\n"
	    "  3. 確かめる:   gatewayctl --dir %s policy check\n",
	    "  1. put your addresses and people into gateway.yaml\n"
	    "  2. register a flow in flows/, starting from examples/\n"
	    "  3. check it:   gatewayctl --dir %s policy check\n"), dir);
	printf(SAY(o, "  4. 起動する:   gatewayd --dir %s\n",
	    "  4. start it:   gatewayd --dir %s\n"), dir);
	printf(SAY(o,
	    "  5. つなぐ:     gatewayctl --dir %s pair init、続けて pair card、"
	    "pair accept\n",
	    "  5. pair it:    gatewayctl --dir %s pair init, then pair card "
	    "and pair accept\n"), dir);
}

enum answer_exit
init_run(const struct options *o, const struct menu_row *row)
{
	const char *zone = o->values[OPT_ZONE], *dir = o->args[0];
	char path[PATH_MAX];
	enum gw_err err;
	int dirfd = -1;

	(void)row;
	if (init_peer(zone) == NULL)
		return command_fail(o, ANSWER_USAGE, SAY(o,
		    "--zone %s: internet、lgwan、mynumber のどれかです",
		    "--zone %s: internet, lgwan or mynumber"), zone);
	umask(022);
	if (mkdir(dir, 0755) == -1 && errno != EEXIST)
		return command_fail(o, ANSWER_REFUSED, SAY(o,
		    "%s を作れません: %s", "cannot make %s: %s"), dir,
		    strerror(errno));
	if (realpath(dir, path) == NULL || !init_path_ok(path))
		return command_fail(o, ANSWER_USAGE, SAY(o,
		    "%s は設定の場所として使えません",
		    "%s cannot be used as a folder"), dir);
	err = io_open_dir(path, &dirfd);
	if (err == GW_OK)
		err = init_fill(dirfd, path, zone);
	io_drop(&dirfd);
	if (err == GW_EEXIST)
		return command_fail(o, ANSWER_REFUSED, SAY(o,
		    "%s には設定がもうあります(何も変えていません)",
		    "%s has a configuration already (nothing was changed)"),
		    path);
	if (err != GW_OK)
		return command_fail(o, ANSWER_REFUSED, "%s: %s", path,
		    SAY(o, err_text_ja(err), err_text_en(err)));
	init_tell(o, path);
	return ANSWER_DONE;
}
