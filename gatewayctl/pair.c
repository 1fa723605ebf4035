/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"

#include "gatewayctl/ask.h"
#include "gatewayctl/commands.h"
#include "gatewayctl/show.h"

#define CARD_MAX 2048
#define SECRET_LEN 32

/* --- our card ----------------------------------------------------------- */

struct card_arg {
	uint8_t bytes[CARD_MAX];
	size_t len;
	char digits[64];
};

static void
pair_take_card(void *arg, struct answer *row)
{
	struct card_arg *card = arg;
	struct answer_value v;

	if (row->row != ROW_CARD)
		return;
	if (answer_find(row, F_CARD, &v) && v.len <= sizeof(card->bytes)) {
		memcpy(card->bytes, v.bytes, v.len);
		card->len = v.len;
	}
	if (answer_find(row, F_DIGITS, &v) && v.len < sizeof(card->digits))
		memcpy(card->digits, v.bytes, v.len);
}

static enum answer_exit
pair_write_card(const struct options *o, const struct card_arg *card)
{
	size_t i;

	if ((o->has & OPT(OPT_HEX)) != 0) {
		for (i = 0; i < card->len; i++)
			printf("%02x%s", card->bytes[i],
			    i % 32 == 31 || i + 1 == card->len ? "\n" : "");
		return ANSWER_DONE;
	}
	if (isatty(STDOUT_FILENO))
		return command_fail(o, ANSWER_USAGE, "%s", SAY(o,
		    "カードはバイナリです。ファイルへ書き出してください: "
		    "gatewayctl pair card --binary > card.bin (画面に出すときは "
		    "--hex)",
		    "the card is binary; write it to a file: gatewayctl pair "
		    "card --binary > card.bin (or --hex for the screen)"));
	if (fwrite(card->bytes, 1, card->len, stdout) != card->len)
		return command_fail(o, ANSWER_REFUSED, "%s", SAY(o,
		    "書き込めませんでした", "it could not be written"));
	return ANSWER_DONE;
}

enum answer_exit
pair_card_run(const struct options *o, const struct menu_row *row)
{
	struct request *req;
	struct card_arg card = {0};
	char text[ANSWER_TEXT_MAX + 1];
	enum answer_exit code;

	if (o->is_json || (o->has & (OPT(OPT_BINARY) | OPT(OPT_HEX))) == 0)
		return command_ask(o, row);
	req = mem_alloc(sizeof(*req));
	req->verb = row->verb;
	req->lang = o->is_en ? REQUEST_EN : REQUEST_JA;
	code = ask_run(o, req, pair_take_card, &card, text);
	mem_free(req);
	if (code != ANSWER_DONE)
		return command_say(o, code, text);
	return pair_write_card(o, &card);
}

/* --- the peer's card ---------------------------------------------------- */

/* One line from the terminal, not shown; false at end of file. */
static bool
pair_ask_hidden(const char *prompt, char *out, size_t size)
{
	struct termios old, hidden;
	bool is_tty = tcgetattr(STDIN_FILENO, &old) == 0;
	char *line;

	fputs(prompt, stderr);
	fflush(stderr);
	if (is_tty) {
		hidden = old;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == -1)
			is_tty = false;
	}
	line = fgets(out, (int)size, stdin);
	if (is_tty) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		fputc('\n', stderr);
	}
	if (line != NULL)
		out[strcspn(out, "\r\n")] = '\0';
	return line != NULL;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* 64 hexadecimal digits; blanks and hyphens between them do not count. */
static bool
pair_parse_secret(const char *text, uint8_t out[SECRET_LEN])
{
	size_t n = 0;
	int digit;

	memset(out, 0, SECRET_LEN);
	for (; *text != '\0'; text++) {
		if (strchr(" -\t\r\n", *text) != NULL)
			continue;
		digit = hex_digit(*text);
		if (digit == -1 || n == (size_t)2 * SECRET_LEN)
			return false;
		out[n / 2] = (uint8_t)(out[n / 2] << 4 | digit);
		n++;
	}
	return n == (size_t)2 * SECRET_LEN;
}

static bool
pair_load(const struct options *o, const char *path, uint8_t **out,
    size_t *len_out)
{
	enum gw_err err;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		err = GW_ENOENT;
	else {
		*out = mem_alloc(2 * CARD_MAX + 1);
		err = io_read_some(fd, *out, 2 * CARD_MAX, len_out);
		if (err != GW_OK) {
			mem_free(*out);
			*out = NULL;
		}
	}
	io_drop(&fd);
	if (err == GW_OK)
		return true;
	command_fail(o, ANSWER_USAGE, SAY(o, "%s を読めません(%s)",
	    "cannot read %s (%s)"), path,
	    SAY(o, err_text_ja(err), err_text_en(err)));
	return false;
}

static bool
pair_fill_secret(const struct options *o, struct request *req)
{
	char typed[512] = "";
	uint8_t *text = NULL;
	size_t len;
	bool ok;

	if ((o->has & OPT(OPT_NEW_SECRET)) != 0)
		return true;
	if ((o->has & OPT(OPT_SECRET_FILE)) != 0) {
		if (!pair_load(o, o->values[OPT_SECRET_FILE], &text, &len))
			return false;
		ok = pair_parse_secret((const char *)text, req->secret);
		mem_free_secret(text, 2 * CARD_MAX + 1);
	} else if (isatty(STDIN_FILENO)) {
		ok = pair_ask_hidden(SAY(o,
		    "ペアリングの秘密(16進64桁、表示されません): ",
		    "Pairing secret (64 hexadecimal digits, not shown): "),
		    typed, sizeof(typed)) &&
		    pair_parse_secret(typed, req->secret);
		mem_clear(typed, sizeof(typed));
	} else {
		command_fail(o, ANSWER_USAGE, "%s", SAY(o,
		    "--secret-file FILE か --new-secret が必要です",
		    "--secret-file FILE or --new-secret is needed"));
		return false;
	}
	if (!ok)
		command_fail(o, ANSWER_USAGE, "%s", SAY(o,
		    "ペアリングの秘密は16進数64桁です",
		    "a pairing secret is 64 hexadecimal digits"));
	req->secret_len = SECRET_LEN;
	req->has |= ARG_BIT(ARG_SECRET);
	return ok;
}

static bool
pair_fill_digits(const struct options *o, struct request *req)
{
	char typed[sizeof(req->digits)] = "";
	const char *digits = o->values[OPT_DIGITS];

	if (digits == NULL && isatty(STDIN_FILENO) && pair_ask_hidden(SAY(o,
	    "相手側の画面に出ている30桁の数字: ",
	    "The 30 digits that the other side shows: "), typed,
	    sizeof(typed)))
		digits = typed;
	if (digits != NULL && digits[0] != '\0' &&
	    mem_put_str(req->digits, sizeof(req->digits), digits)) {
		req->has |= ARG_BIT(ARG_DIGITS);
		return true;
	}
	command_fail(o, ANSWER_USAGE, "%s", SAY(o,
	    "--digits に相手側の30桁の数字を指定してください(相手側で "
	    "gatewayctl pair show)",
	    "--digits takes the 30 digits of the other side (gatewayctl pair "
	    "show there)"));
	return false;
}

/* A card as it is, or written in hexadecimal. */
static bool
pair_fill_card(const struct options *o, struct request *req)
{
	uint8_t *bytes = NULL;
	size_t len, i, n = 0;
	bool is_hex = true;
	int digit;

	if (!pair_load(o, o->args[0], &bytes, &len))
		return false;
	for (i = 0; i < len && is_hex; i++)
		is_hex = hex_digit((char)bytes[i]) != -1 ||
		    strchr(" \r\n", bytes[i]) != NULL;
	for (i = 0; i < len && n / 2 < CARD_MAX; i++) {
		if (!is_hex) {
			req->card[n / 2] = bytes[i];
			n += 2;
			continue;
		}
		digit = hex_digit((char)bytes[i]);
		if (digit == -1)
			continue;
		req->card[n / 2] = (uint8_t)(req->card[n / 2] << 4 | digit);
		n++;
	}
	mem_free(bytes);
	req->card_len = n / 2;
	req->has |= ARG_BIT(ARG_CARD);
	if (n > 0 && i == len)
		return true;
	command_fail(o, ANSWER_USAGE, SAY(o, "%s は証明カードではありません",
	    "%s is not a card"), o->args[0]);
	return false;
}

static enum answer_exit
pair_accept(const struct options *o, struct request *req)
{
	char text[ANSWER_TEXT_MAX + 1];
	enum answer_exit code;
	struct show show;

	show_init(&show, o, stdout);
	code = ask_run(o, req, show_row, &show, text);
	show_finish(&show);
	if (code == ANSWER_DONE && !o->is_json &&
	    (o->has & OPT(OPT_NEW_SECRET)) != 0)
		puts(SAY(o,
		    "この秘密を紙に書いて相手側へ運び、相手側の pair accept で入"
		    "力してください。二度と表示されません。",
		    "Write this secret on paper and carry it to the other "
		    "side, for pair accept there. It is not shown again."));
	return command_say(o, code, text);
}

enum answer_exit
pair_accept_run(const struct options *o, const struct menu_row *row)
{
	struct request *req = mem_alloc(sizeof(*req));
	enum answer_exit code = ANSWER_USAGE;

	req->verb = row->verb;
	req->lang = o->is_en ? REQUEST_EN : REQUEST_JA;
	if (pair_fill_card(o, req) && pair_fill_digits(o, req) &&
	    pair_fill_secret(o, req))
		code = pair_accept(o, req);
	mem_free_secret(req, sizeof(*req));
	return code;
}
