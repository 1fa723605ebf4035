/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"

#include "policy/load.h"

#include "gatewayctl/ask.h"

#define SILENCE_S 120
#define YAML_MAX (256u << 10)
#define ERRORS_MAX 65536

/* --- where it is -------------------------------------------------------- */

static bool
ask_scan_state_dir(const char *text, char out[POLICY_PATH_LEN])
{
	const char *p, *line;
	size_t len;

	for (line = text; line != NULL && *line != '\0';
	    line = strchr(line, '\n'), line = line == NULL ? NULL : line + 1) {
		if (strncmp(line, "state_dir:", 10) != 0)
			continue;
		p = line + 10;
		p += strspn(p, " \"'");
		len = strcspn(p, " \"'#\r\n");
		if (len == 0 || len >= POLICY_PATH_LEN || p[0] != '/')
			return false;
		memset(out, 0, POLICY_PATH_LEN);
		memcpy(out, p, len);
		return true;
	}
	return false;
}

static enum gw_err
ask_load(const struct options *o, const uint8_t *text, size_t len,
    char out[POLICY_PATH_LEN])
{
	struct policy_table *table;
	struct policy_env env;
	struct buf errors;
	enum gw_err err;

	err = policy_env_init(&env, clock_wall_ms(),
	    o->is_en ? POLICY_EN : POLICY_JA);
	if (err != GW_OK)
		return err;
	table = mem_alloc(sizeof(*table));
	buf_init(&errors, ERRORS_MAX);
	err = policy_load_gateway_bytes(&env, text, len, table, &errors);
	if (err == GW_OK)
		memcpy(out, table->zone.state_dir, POLICY_PATH_LEN);
	else if (ask_scan_state_dir((const char *)text, out))
		err = GW_OK;
	else
		fprintf(stderr, "%.*s", (int)errors.len,
		    (const char *)errors.data);
	buf_clear(&errors);
	mem_free(table);
	policy_env_clear(&env);
	return err;
}

enum gw_err
ask_state_dir(const struct options *o, char out[POLICY_PATH_LEN])
{
	uint8_t *text = NULL;
	size_t len;
	int dirfd;
	enum gw_err err;

	dirfd = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = dirfd == -1 ? err_from_errno(errno) :
	    io_load_file(dirfd, "gateway.yaml", YAML_MAX, &text, &len);
	if (err != GW_OK)
		fprintf(stderr, SAY(o,
		    "gatewayctl: %s/gateway.yaml を読めません(%s)。--dir で設定"
		    "のフォルダーを指定してください\n",
		    "gatewayctl: cannot read %s/gateway.yaml (%s); name the "
		    "folder with --dir\n"), o->dir,
		    SAY(o, err_text_ja(err), err_text_en(err)));
	else
		err = ask_load(o, text, len, out);
	mem_free(text);
	io_drop(&dirfd);
	return err;
}

/* --- asking ------------------------------------------------------------- */

/* Through the folder's fd, as a socket's path may have 107 bytes only. */
static int
ask_connect(const char *state_dir)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char path[POLICY_PATH_LEN + 16];
	int dirfd, fd, saved;

	snprintf(path, sizeof(path), "%s/%s", state_dir, REQUEST_SOCKET_DIR);
	dirfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1)
		return -1;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s",
	    dirfd, REQUEST_SOCKET);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd != -1 && connect(fd, (const struct sockaddr *)&addr,
	    sizeof(addr)) == -1) {
		saved = errno;
		io_drop(&fd);
		errno = saved;
	}
	saved = errno;
	io_drop(&dirfd);
	errno = saved;
	return fd;
}

static enum gw_err
ask_send(int fd, const struct request *req)
{
	struct buf buf;
	enum gw_err err;

	buf_init(&buf, REQUEST_MAX);
	err = request_encode(req, &buf);
	if (err == GW_OK && send(fd, buf.data, buf.len, MSG_NOSIGNAL) !=
	    (ssize_t)buf.len)
		err = err_from_errno(errno);
	buf_clear(&buf);
	return err;
}

/* Rows until the end; GW_ECLOSED or GW_ETIMEOUT if it does not come. */
static enum gw_err
ask_receive(int fd, ask_row_fn *on_row, void *arg, struct answer *answer)
{
	uint8_t *frame = mem_alloc(ANSWER_MAX);
	enum gw_err err = GW_OK;
	ssize_t n;

	for (;;) {
		do {
			n = recv(fd, frame, ANSWER_MAX, 0);
		} while (n == -1 && errno == EINTR);
		if (n == -1)
			err = errno == EAGAIN ? GW_ETIMEOUT :
			    err_from_errno(errno);
		else if (n == 0)
			err = GW_ECLOSED;
		else
			err = answer_open(frame, (size_t)n, answer);
		if (err != GW_OK || answer->is_end)
			break;
		if (on_row != NULL)
			on_row(arg, answer);
	}
	mem_free_secret(frame, ANSWER_MAX);
	return err;
}

static enum answer_exit
ask_unreachable(const struct options *o, int number, char *text)
{
	if (number == ENOENT || number == ECONNREFUSED)
		snprintf(text, ANSWER_TEXT_MAX, "%s", SAY(o,
		    "ゲートウェイが動いていません。gatewayd を起動してください"
		    "(systemctl start gatewayd)",
		    "the gateway is not running; start gatewayd (systemctl "
		    "start gatewayd)"));
	else if (number == EACCES)
		snprintf(text, ANSWER_TEXT_MAX, "%s", SAY(o,
		    "制御ソケットに触れません。状態フォルダーまでの経路の権限を"
		    "管理者に確認してください",
		    "the control socket is out of reach; have an "
		    "administrator check the modes of the folders above it"));
	else
		snprintf(text, ANSWER_TEXT_MAX, SAY(o,
		    "ゲートウェイに接続できません(%s)",
		    "cannot connect to the gateway (%s)"), strerror(number));
	return ANSWER_UNREACHABLE;
}

enum answer_exit
ask_run(const struct options *o, const struct request *req,
    ask_row_fn *on_row, void *arg, char text[ANSWER_TEXT_MAX + 1])
{
	const struct timeval silence = {.tv_sec = SILENCE_S};
	char state_dir[POLICY_PATH_LEN];
	struct answer answer;
	enum gw_err err;
	int fd;

	text[0] = '\0';
	if (ask_state_dir(o, state_dir) != GW_OK)
		return ANSWER_USAGE;
	fd = ask_connect(state_dir);
	if (fd == -1)
		return ask_unreachable(o, errno, text);
	if (req->verb != VERB_LOG_FOLLOW && setsockopt(fd, SOL_SOCKET,
	    SO_RCVTIMEO, &silence, sizeof(silence)) == -1)
		perror("gatewayctl: SO_RCVTIMEO");
	err = ask_send(fd, req);
	if (err == GW_OK)
		err = ask_receive(fd, on_row, arg, &answer);
	io_drop(&fd);
	if (err == GW_EINVAL || err == GW_ELIMIT) {
		snprintf(text, ANSWER_TEXT_MAX, "%s", SAY(o,
		    "引数が長すぎるか、使えない文字を含んでいます",
		    "an argument is too long or holds characters that cannot "
		    "be used"));
		return ANSWER_USAGE;
	}
	if (err != GW_OK) {
		snprintf(text, ANSWER_TEXT_MAX, SAY(o,
		    "ゲートウェイが応答を終えませんでした(%s)。もう一度実行し、"
		    "続くときは gatewayd のログを確認してください",
		    "the gateway did not finish its answer (%s); try again, "
		    "and if it lasts look at gatewayd's log"),
		    SAY(o, err_text_ja(err), err_text_en(err)));
		return ANSWER_UNREACHABLE;
	}
	memcpy(text, answer.text, sizeof(answer.text));
	return answer.code;
}
