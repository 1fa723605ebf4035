/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/mem.h"

#include "gatewayctl/ask.h"
#include "gatewayctl/commands.h"
#include "gatewayctl/text.h"

#define PIECE (1u << 20)

/* What desk says of the flow and the zone. */
struct send {
	const struct options *o;
	const char *wanted;
	char zone[POLICY_ID_LEN], folders[POLICY_PATH_LEN];
	char from[POLICY_ID_LEN], rule[16], state[16], complete[16];
	bool is_known;
	char folder[PATH_MAX];	/* where the files go */
	int dirfd;
};

static void
send_copy(const struct answer *row, enum answer_field field, char *out,
    size_t size)
{
	struct answer_value v;

	memset(out, 0, size);
	if (answer_find(row, field, &v) && v.len < size)
		memcpy(out, v.bytes, v.len);
}

static void
send_take_row(void *arg, struct answer *row)
{
	struct send *s = arg;
	char flow[POLICY_ID_LEN];

	if (row->row == ROW_ZONE) {
		send_copy(row, F_ZONE, s->zone, sizeof(s->zone));
		send_copy(row, F_FOLDERS, s->folders, sizeof(s->folders));
	}
	if (row->row != ROW_FLOW)
		return;
	send_copy(row, F_FLOW, flow, sizeof(flow));
	if (strcmp(flow, s->wanted) != 0)
		return;
	s->is_known = true;
	send_copy(row, F_FROM, s->from, sizeof(s->from));
	send_copy(row, F_SUBMITTER_RULE, s->rule, sizeof(s->rule));
	send_copy(row, F_STATE, s->state, sizeof(s->state));
	send_copy(row, F_COMPLETE, s->complete, sizeof(s->complete));
}

/* --- the folder --------------------------------------------------------- */

static enum answer_exit
send_check_flow(const struct send *s)
{
	if (!s->is_known)
		return command_fail(s->o, ANSWER_REFUSED, SAY(s->o,
		    "業務フロー「%s」は登録されていません。業務フローの登録を管"
		    "理者へ依頼してください",
		    "flow %s is not registered here; ask the administrator to "
		    "register it"), s->wanted);
	if (strcmp(s->from, s->zone) != 0)
		return command_fail(s->o, ANSWER_REFUSED, SAY(s->o,
		    "業務フロー「%s」はこのゾーン(%s)から送るものではありません"
		    "(%s から)", "flow %s does not start in this zone (%s) but "
		    "in %s"), s->wanted, s->zone, s->from);
	if (strcmp(s->state, "open") != 0)
		return command_fail(s->o, ANSWER_REFUSED, SAY(s->o,
		    "業務フロー「%s」の有効期限が切れています。更新を管理者へ依"
		    "頼してください", "flow %s has ended; ask the administrator "
		    "to renew it"), s->wanted);
	return ANSWER_DONE;
}

static enum answer_exit
send_open_folder(struct send *s)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *person = "";
	enum gw_err err;
	int n;

	if (strcmp(s->rule, "folder") == 0) {
		if (pw == NULL)
			return command_fail(s->o, ANSWER_REFUSED, "%s",
			    SAY(s->o, "自分のアカウント名がわかりません",
			    "your account has no name here"));
		person = pw->pw_name;
	}
	n = snprintf(s->folder, sizeof(s->folder), "%s/in/%s%s%s", s->folders,
	    s->wanted, person[0] == '\0' ? "" : "/", person);
	err = n < (int)sizeof(s->folder) ? io_open_dir(s->folder, &s->dirfd) :
	    GW_ELIMIT;
	if (err == GW_OK)
		return ANSWER_DONE;
	return command_fail(s->o, ANSWER_DENIED, SAY(s->o,
	    "投入フォルダー %s を開けません(%s)。フォルダーの作成と権限を管理者"
	    "へ依頼してください",
	    "cannot open the drop folder %s (%s); ask the administrator for "
	    "the folder or the right to use it"), s->folder,
	    SAY(s->o, err_text_ja(err), err_text_en(err)));
}

/* --- one file ----------------------------------------------------------- */

/* Names that intake passes over: people would wait for nothing. */
static bool
send_is_ignored(const char *name)
{
	const size_t len = strlen(name);

	return name[0] == '.' || strncmp(name, "~$", 2) == 0 ||
	    (len >= 4 && strcmp(name + len - 4, ".tmp") == 0) ||
	    (len >= 5 && strcmp(name + len - 5, ".part") == 0);
}

static enum gw_err
send_bytes(int from, int to)
{
	uint8_t *piece = mem_alloc(PIECE);
	size_t got;
	enum gw_err err;

	do {
		err = io_read_some(from, piece, PIECE, &got);
		if (err == GW_OK && got > 0)
			err = io_write_full(to, piece, got);
	} while (err == GW_OK && got > 0);
	mem_free(piece);
	return err == GW_OK ? io_fsync(to) : err;
}

/*
 * Hidden until whole.  Readable by the folder's group where the folder
 * hands its group down, else by all: intake is another user.
 */
static enum gw_err
send_write(const struct send *s, int from, const char *hidden,
    const char *name)
{
	struct stat st;
	mode_t mode;
	int to = -1;
	enum gw_err err;

	if ((err = io_stat(s->dirfd, &st)) != GW_OK)
		return err;
	mode = (st.st_mode & S_ISGID) != 0 ? 0640 : 0644;
	err = io_openat(s->dirfd, hidden, O_WRONLY | O_CREAT | O_EXCL, mode,
	    &to);
	if (err != GW_OK)
		return err;
	if (fchmod(to, mode) == -1)
		err = GW_ESYS;
	if (err == GW_OK)
		err = send_bytes(from, to);
	if (err == GW_OK)
		err = io_close(&to);
	io_drop(&to);
	if (err == GW_OK)
		err = io_renameat(s->dirfd, hidden, s->dirfd, name, true);
	if (err != GW_OK && io_unlinkat(s->dirfd, hidden, false) != GW_OK)
		fprintf(stderr, "gatewayctl: %s/%s: not removed\n", s->folder,
		    hidden);
	return err;
}

/* A flow that waits for NAME.done gets it, last. */
static enum gw_err
send_mark_done(const struct send *s, const char *name)
{
	char done[NAME_MAX + 1];
	int fd = -1;
	enum gw_err err;

	if (strcmp(s->complete, "done") != 0)
		return GW_OK;
	if (snprintf(done, sizeof(done), "%s.done", name) >=
	    (int)sizeof(done))
		return GW_ELIMIT;
	err = io_openat(s->dirfd, done, O_WRONLY | O_CREAT, 0644, &fd);
	return err == GW_OK ? io_close(&fd) : err;
}

static void
send_tell(const struct send *s, const char *name)
{
	struct buf line;
	struct json json;
	char path[PATH_MAX + NAME_MAX + 2];

	snprintf(path, sizeof(path), "%s/%s", s->folder, name);
	buf_init(&line, 65536);
	if (s->o->is_json) {
		json_init(&json, &line);
		json_object(&json, NULL);
		json_str(&json, "row", "sent");
		json_str(&json, "flow", s->wanted);
		json_str(&json, "path", path);
		json_end(&json);
	} else {
		buf_put_str(&line, SAY(s->o, "置きました: ", "put: "));
		text_put_safe(&line, path, strlen(path));
	}
	printf("%.*s\n", (int)line.len, (const char *)line.data);
	buf_clear(&line);
}

static enum answer_exit
send_fail(const struct send *s, const char *path, enum gw_err err)
{
	if (err == GW_EEXIST)
		return command_fail(s->o, ANSWER_REFUSED, SAY(s->o,
		    "%s: 同じ名前のファイルがまだ受け付けられていません。少し待"
		    "ってから送ってください",
		    "%s: a file of that name still waits to be taken in; try "
		    "again in a moment"), path);
	return command_fail(s->o, ANSWER_REFUSED, "%s: %s", path,
	    SAY(s->o, err_text_ja(err), err_text_en(err)));
}

static enum answer_exit
send_file(const struct send *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	char hidden[64];
	struct stat st;
	enum gw_err err;
	int from;

	if (send_is_ignored(name) || name[0] == '\0')
		return command_fail(s->o, ANSWER_REFUSED, SAY(s->o,
		    "%s: 一時ファイルの名前(.で始まる、~$、.tmp、.part)は受け付"
		    "けません。名前を変えてください",
		    "%s: names of temporary files (leading dot, ~$, .tmp, "
		    ".part) are not taken in; rename it"), path);
	from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (from == -1)
		return send_fail(s, path, GW_ENOENT);
	if (fstat(from, &st) == -1 || !S_ISREG(st.st_mode)) {
		io_drop(&from);
		return command_fail(s->o, ANSWER_REFUSED, SAY(s->o,
		    "%s: 通常のファイルではありません",
		    "%s: not a regular file"), path);
	}
	snprintf(hidden, sizeof(hidden), ".gw-send-%ld-%llx", (long)getpid(),
	    (unsigned long long)clock_mono_ms());
	err = send_write(s, from, hidden, name);
	if (err == GW_OK)
		err = send_mark_done(s, name);
	io_drop(&from);
	if (err != GW_OK)
		return send_fail(s, path, err);
	send_tell(s, name);
	return ANSWER_DONE;
}

/* --- all ---------------------------------------------------------------- */

static enum answer_exit
send_all(struct send *s)
{
	enum answer_exit code, worst = ANSWER_DONE;
	int i;

	code = send_check_flow(s);
	if (code == ANSWER_DONE)
		code = send_open_folder(s);
	if (code != ANSWER_DONE)
		return code;
	for (i = 1; i < s->o->arg_count; i++) {
		code = send_file(s, s->o->args[i]);
		if (code != ANSWER_DONE)
			worst = code;
	}
	io_drop(&s->dirfd);
	if (!s->o->is_json && worst == ANSWER_DONE)
		printf(SAY(s->o,
		    "受付の結果は gatewayctl transfers list --flow %s、または "
		    "%s/status/%s/ で確認できます\n",
		    "What becomes of it: gatewayctl transfers list --flow %s, "
		    "or %s/status/%s/\n"), s->wanted, s->folders, s->wanted);
	return worst;
}

enum answer_exit
send_run(const struct options *o, const struct menu_row *row)
{
	struct request *req = mem_alloc(sizeof(*req));
	struct send *s = mem_alloc(sizeof(*s));
	char text[ANSWER_TEXT_MAX + 1];
	enum answer_exit code;

	s->o = o;
	s->wanted = o->args[0];
	s->dirfd = -1;
	req->verb = row->verb;
	req->lang = o->is_en ? REQUEST_EN : REQUEST_JA;
	code = ask_run(o, req, send_take_row, s, text);
	code = code == ANSWER_DONE ? send_all(s) : command_say(o, code, text);
	mem_free(req);
	mem_free(s);
	return code;
}
