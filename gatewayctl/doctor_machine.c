/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/timex.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/sandbox.h"

#include "gatewayctl/ask.h"
#include "gatewayctl/commands.h"
#include "gatewayctl/doctor.h"
#include "gatewayctl/text.h"

#define LANDLOCK_NEEDED 2

/* --- this machine ------------------------------------------------------- */

static bool
machine_is_database(const char *name)
{
	static const char *const ends[] = {".cvd", ".cld", ".ndb", ".ldb",
		".hdb", ".hsb", ".mdb", ".msb", ".cud"};
	size_t i, n, len = strlen(name);

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		n = strlen(ends[i]);
		if (len > n && strcmp(name + len - n, ends[i]) == 0)
			return true;
	}
	return false;
}

/* Time of the newest database in a folder; 0: there is none. */
static uint64_t
machine_newest_database(const char *path, bool *is_readable)
{
	struct dirent *entry;
	uint64_t newest = 0, ms;
	struct stat st;
	DIR *dir = opendir(path);

	*is_readable = dir != NULL;
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		if (!machine_is_database(entry->d_name) ||
		    fstatat(dirfd(dir), entry->d_name, &st, 0) == -1)
			continue;
		ms = (uint64_t)st.st_mtim.tv_sec * 1000;
		newest = ms > newest ? ms : newest;
	}
	closedir(dir);
	return newest;
}

static void
machine_signatures(struct doctor *d)
{
	uint64_t newest, days;
	bool is_readable;
	char what[640];

	newest = machine_newest_database(d->signature_dir, &is_readable);
	days = (d->now_ms - newest) / 86400000;
	if (!is_readable || newest == 0) {
		snprintf(what, sizeof(what), SAY(d->o,
		    "ウイルス定義が %s にありません",
		    "there are no virus signatures in %s"), d->signature_dir);
		d->fn(d->arg, DOCTOR_PROBLEM, "signatures-missing", what,
		    SAY(d->o, "ClamAVの定義ファイル(main.cvd、daily.cvd など)を"
		    "置いてください。それまで検査の要るファイルは保留になります",
		    "put ClamAV's databases (main.cvd, daily.cvd ...) there; "
		    "until then what must be scanned is held"));
	} else if (newest < d->now_ms && days >= d->signature_days) {
		snprintf(what, sizeof(what), SAY(d->o,
		    "ウイルス定義が %llu 日前のものです(%llu 日まで有効)",
		    "virus signatures are %llu days old (they hold for %llu)"),
		    (unsigned long long)days,
		    (unsigned long long)d->signature_days);
		d->fn(d->arg, DOCTOR_PROBLEM, "signatures-old", what, SAY(d->o,
		    "新しい定義ファイルを入れてください",
		    "install newer signatures"));
	}
}

static void
machine_clock(struct doctor *d)
{
	struct timex t = {0};

	if (adjtimex(&t) != TIME_ERROR && (t.status & STA_UNSYNC) == 0)
		return;
	d->fn(d->arg, DOCTOR_WARNING, "clock-unsynchronized", SAY(d->o,
	    "時計が時刻サーバーと同期していません",
	    "the clock is not synchronized"), SAY(d->o,
	    "chrony などの時刻同期を設定してください。監査ログの時刻の証拠力に"
	    "関わります",
	    "set up chrony or the like; the log's times depend on it"));
}

static uint64_t
machine_read_number(const char *path)
{
	char text[32] = "";
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return UINT64_MAX;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? strtoull(text, NULL, 10) : UINT64_MAX;
}

static void
machine_kernel(struct doctor *d)
{
	int abi = sandbox_landlock_abi();

	if (abi < LANDLOCK_NEEDED)
		d->fn(d->arg, DOCTOR_PROBLEM, "landlock-missing", SAY(d->o,
		    "カーネルのLandlockが使えません。ゲートウェイは起動できません",
		    "this kernel has no usable Landlock: the gateway refuses "
		    "to start"), SAY(d->o,
		    "Debian 12以降の標準カーネルを使ってください",
		    "use the stock kernel of Debian 12 or later"));
	if (machine_read_number("/proc/sys/user/max_user_namespaces") == 0 ||
	    machine_read_number(
	    "/proc/sys/kernel/unprivileged_userns_clone") == 0)
		d->fn(d->arg, DOCTOR_NOTE, "no-user-namespaces", SAY(d->o,
		    "ユーザー名前空間が使えません", "user namespaces are off"),
		    SAY(d->o, "rootで動かす本番では影響ありません",
		    "this does not matter when it is started as root"));
	if (!proc_swap_is_safe())
		d->fn(d->arg, DOCTOR_WARNING, "swap-in-clear", SAY(d->o,
		    "メモリの中身が暗号化されずにスワップへ書かれるおそれがあり"
		    "ます", "memory may reach the swap in the clear"),
		    SAY(d->o, "swapoff -a とするか、毎回ランダムな鍵で暗号化した"
		    "スワップを使ってください",
		    "turn swap off, or encrypt it with a random key"));
}

void
doctor_machine(struct doctor *d)
{
	if (d->has_zone)
		machine_signatures(d);
	machine_clock(d);
	machine_kernel(d);
}

/* --- the command -------------------------------------------------------- */

struct findings {
	const struct options *o;
	unsigned bad;
};

static void
doctor_print(void *arg, enum doctor_level level, const char *code,
    const char *what, const char *next)
{
	static const char *const words[] = {"note", "warning", "problem"};
	static const char *const marks_ja[] = {"情報", "注意", "問題"};
	struct findings *f = arg;
	struct json json;
	struct buf line;

	f->bad += level == DOCTOR_NOTE ? 0 : 1;
	if (!f->o->is_json) {
		printf("[%s] %s\n       → %s\n", SAY(f->o, marks_ja[level],
		    words[level]), what, next);
		return;
	}
	buf_init(&line, 16384);
	json_init(&json, &line);
	json_object(&json, NULL);
	json_str(&json, "row", "finding");
	json_str(&json, "level", words[level]);
	json_str(&json, "code", code);
	json_str(&json, "what", what);
	json_str(&json, "next", next);
	json_end(&json);
	printf("%.*s\n", (int)line.len, (const char *)line.data);
	buf_clear(&line);
}

enum answer_exit
doctor_run(const struct options *o, const struct menu_row *row)
{
	struct request *req = mem_alloc(sizeof(*req));
	struct findings f = {.o = o};
	struct doctor d = {.o = o, .fn = doctor_print, .arg = &f,
	    .now_ms = clock_wall_ms()};
	char text[ANSWER_TEXT_MAX + 1];
	enum answer_exit code;

	req->verb = row->verb;
	req->lang = o->is_en ? REQUEST_EN : REQUEST_JA;
	code = ask_run(o, req, doctor_row, &d, text);
	mem_free(req);
	if (code == ANSWER_UNREACHABLE)
		doctor_print(&f, DOCTOR_PROBLEM, "gateway-unreachable", text,
		    SAY(o, "起動しない理由は gatewayd --check と gatewayd のログ"
		    "でわかります",
		    "gatewayd --check and gatewayd's log tell why it does not "
		    "start"));
	else if (code != ANSWER_DONE && code != ANSWER_REFUSED)
		return command_say(o, code, text);
	doctor_machine(&d);
	if (f.bad == 0 && !o->is_json)
		puts(SAY(o, "問題は見つかりませんでした。",
		    "Nothing is wrong."));
	if (code == ANSWER_UNREACHABLE)
		return code;
	return f.bad == 0 ? ANSWER_DONE : ANSWER_REFUSED;
}
