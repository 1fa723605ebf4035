/* SPDX-License-Identifier: ISC */
#include <sys/queue.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/courier/folders.h"
#include "gatewayd/courier/ledger.h"

#define LEDGER_OPEN_MAX 16
#define LEDGER_BUF_MAX (16u << 20)
#define LEDGER_LOOK_BACK (1u << 20)
#define LEDGER_NAME_LEN 64
#define DAY_MS UINT64_C(86400000)

struct ledger {
	TAILQ_ENTRY(ledger) next;
	char flow[POLICY_ID_LEN];
	char name[LEDGER_NAME_LEN];
	enum ledger_kind kind;
	struct buf pending;	/* lines not yet in the file */
	int fd;			/* -1: not open, or given up after an error */
	uint64_t size;		/* of the file, whole lines only */
};

struct ledger_book {
	TAILQ_HEAD(, ledger) open;	/* least recently used first */
	struct courier *c;
	unsigned count;
};

static const char *const heads[] = {
	[LEDGER_SENT] = "\xef\xbb\xbf受付番号,時刻,ファイル,大きさ,状態,"
	    "理由,コード\r\n",
	[LEDGER_DELIVERED] = "\xef\xbb\xbf受付番号,時刻,ファイル,大きさ,"
	    "状態,理由,コード,配達先\r\n",
};

struct ledger_book *
ledger_new(struct courier *c)
{
	struct ledger_book *book = mem_alloc(sizeof(*book));

	TAILQ_INIT(&book->open);
	book->c = c;
	return book;
}

static void
ledger_close(struct ledger_book *book, struct ledger *ledger)
{
	TAILQ_REMOVE(&book->open, ledger, next);
	book->count--;
	buf_clear(&ledger->pending);
	io_drop(&ledger->fd);
	mem_free(ledger);
}

void
ledger_free(struct ledger_book *book)
{
	struct ledger *ledger;

	if (book == NULL)
		return;
	while ((ledger = TAILQ_FIRST(&book->open)) != NULL)
		ledger_close(book, ledger);
	mem_free(book);
}

static void
ledger_name(enum ledger_kind kind, uint64_t wall_ms, char *out)
{
	char day[CLOCK_DAY_LEN];

	clock_day_jst(wall_ms, day);
	snprintf(out, LEDGER_NAME_LEN, "%s-%.4s-%.2s-%.2s.csv",
	    kind == LEDGER_SENT ? "送信簿" : "受領簿", day, day + 4, day + 6);
}

/*
 * A line that a crash or an error tore is cut: whoever wrote it asks again
 * whether it is there, or still has it in pending.  An empty file gets its
 * head.
 */
static enum gw_err
ledger_mend(struct ledger *ledger)
{
	char tail[4096];
	struct stat st;
	enum gw_err err;
	size_t len, keep;

	err = io_stat(ledger->fd, &st);
	if (err != GW_OK)
		return err;
	len = (uint64_t)st.st_size < sizeof(tail) ? (size_t)st.st_size :
	    sizeof(tail);
	err = io_pread_full(ledger->fd, tail, len,
	    (uint64_t)st.st_size - len);
	if (err != GW_OK)
		return err;
	for (keep = len; keep > 0 && tail[keep - 1] != '\n'; keep--)
		continue;
	ledger->size = (uint64_t)st.st_size - (len - keep);
	if (keep != len)
		err = io_truncate(ledger->fd, ledger->size);
	if (err != GW_OK || ledger->size != 0)
		return err;
	err = io_write_full(ledger->fd, heads[ledger->kind],
	    strlen(heads[ledger->kind]));
	if (err == GW_OK)
		ledger->size = strlen(heads[ledger->kind]);
	return err;
}

static enum gw_err
ledger_open(struct ledger_book *book, struct ledger *ledger, bool must_exist)
{
	const int flags = O_RDWR | O_APPEND | (must_exist ? 0 : O_CREAT);
	enum gw_err err;
	int dirfd = -1;

	if (ledger->fd != -1)
		return GW_OK;
	err = folders_for(book->c, "status", ledger->flow, &dirfd);
	if (err == GW_OK)
		err = io_openat(dirfd, ledger->name, flags, 0640,
		    &ledger->fd);
	/* The umask is 077, but the folder's group may read. */
	if (err == GW_OK && fchmod(ledger->fd, 0640) != 0)
		err = err_from_errno(errno);
	if (err == GW_OK)
		err = ledger_mend(ledger);
	if (err != GW_OK)
		io_drop(&ledger->fd);
	io_drop(&dirfd);
	return err;
}

static struct ledger *
ledger_new_file(struct ledger_book *book, const char *flow,
    enum ledger_kind kind, const char *name)
{
	struct ledger *ledger = mem_alloc(sizeof(*ledger));

	ledger->fd = -1;
	ledger->kind = kind;
	buf_init(&ledger->pending, LEDGER_BUF_MAX);
	mem_put_str(ledger->flow, sizeof(ledger->flow), flow);
	mem_put_str(ledger->name, sizeof(ledger->name), name);
	TAILQ_INSERT_TAIL(&book->open, ledger, next);
	book->count++;
	return ledger;
}

/* Room for one more: the least recently used that has nothing to write. */
static void
ledger_make_room(struct ledger_book *book)
{
	struct ledger *ledger;

	if (book->count < LEDGER_OPEN_MAX)
		return;
	TAILQ_FOREACH(ledger, &book->open, next) {
		if (ledger->pending.len == 0)
			break;
	}
	if (ledger != NULL)
		ledger_close(book, ledger);
}

/* NULL only if it must exist and does not. */
static struct ledger *
ledger_get(struct ledger_book *book, const char *flow, enum ledger_kind kind,
    uint64_t wall_ms, bool must_exist)
{
	char name[LEDGER_NAME_LEN];
	struct ledger *ledger;

	ledger_name(kind, wall_ms, name);
	TAILQ_FOREACH(ledger, &book->open, next) {
		if (strcmp(ledger->flow, flow) == 0 &&
		    strcmp(ledger->name, name) == 0)
			break;
	}
	if (ledger != NULL) {
		TAILQ_REMOVE(&book->open, ledger, next);
		TAILQ_INSERT_TAIL(&book->open, ledger, next);
		return ledger;
	}
	ledger_make_room(book);
	ledger = ledger_new_file(book, flow, kind, name);
	if (must_exist && ledger_open(book, ledger, true) != GW_OK) {
		ledger_close(book, ledger);
		return NULL;
	}
	return ledger;
}

/*
 * One field.  A name that a spreadsheet would run as a formula is led by an
 * apostrophe: people open this file in one.
 */
static void
put_field(struct buf *b, const char *text, char end)
{
	bool is_formula = text[0] != '\0' && strchr("=+-@\t", text[0]) != NULL;
	const char *p;

	if (strpbrk(text, ",\"\r\n") == NULL && !is_formula) {
		buf_put_str(b, text);
	} else {
		buf_put_u8(b, '"');
		if (is_formula)
			buf_put_u8(b, '\'');
		for (p = text; *p != '\0'; p++) {
			if (*p == '"')
				buf_put_u8(b, '"');
			buf_put_u8(b, *p == '\r' || *p == '\n' ? ' ' :
			    (uint8_t)*p);
		}
		buf_put_u8(b, '"');
	}
	if (end != '\n')
		buf_put_u8(b, (uint8_t)end);
	else
		buf_put_str(b, "\r\n");
}

static const char *
state_word(const struct courier *c, enum transfer_state state)
{
	return courier_is_english(c) ? transfer_state_en(state) :
	    transfer_state_ja(state);
}

static void
put_line(const struct courier *c, struct buf *b, const struct ledger_line *l)
{
	bool is_english = courier_is_english(c);
	char when[CLOCK_ISO_LEN], size[24];
	const char *why = "";

	if (l->reason != REASON_NONE)
		why = is_english ? reason_en(l->reason) :
		    reason_ja(l->reason);
	clock_iso_jst(l->wall_ms, when);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)l->size);
	put_field(b, l->number, ',');
	put_field(b, when, ',');
	put_field(b, l->name, ',');
	put_field(b, size, ',');
	put_field(b, state_word(c, l->state), ',');
	put_field(b, why, ',');
	put_field(b, why[0] != '\0' ? reason_code(l->reason) : "",
	    l->kind == LEDGER_DELIVERED ? ',' : '\n');
	if (l->kind == LEDGER_DELIVERED)
		put_field(b, l->target, '\n');
}

void
ledger_add(struct ledger_book *book, const struct ledger_line *line)
{
	struct ledger *ledger;

	ledger = ledger_get(book, line->flow, line->kind, line->wall_ms,
	    false);
	put_line(book->c, &ledger->pending, line);
}

/* Is there a line of text that begins with number and has the state? */
static bool
text_has(const char *text, const char *number, const char *state)
{
	size_t len = strlen(number);
	const char *at, *end, *found;

	if (len == 0)
		return false; /* no number, no line of its own */
	for (at = text; (at = strstr(at, number)) != NULL; at += len) {
		if ((at != text && at[-1] != '\n') || at[len] != ',')
			continue;
		end = strchrnul(at, '\n');
		found = strstr(at, state);
		if (found != NULL && found < end)
			return true;
	}
	return false;
}

/* Lines of the file (its end, if it is long) and those not yet written. */
static bool
ledger_has(struct ledger *ledger, const char *number, const char *state)
{
	size_t len = 0;
	bool found;
	char *text;

	if (ledger->fd != -1)
		len = ledger->size < LEDGER_LOOK_BACK ?
		    (size_t)ledger->size : LEDGER_LOOK_BACK;
	text = mem_alloc(len + ledger->pending.len + 1);
	if (len > 0 && io_pread_full(ledger->fd, text, len,
	    ledger->size - len) != GW_OK)
		len = 0;
	if (ledger->pending.len > 0)
		memcpy(text + len, ledger->pending.data, ledger->pending.len);
	text[len + ledger->pending.len] = '\0';
	found = text_has(text, number, state);
	mem_free(text);
	return found;
}

void
ledger_add_once(struct ledger_book *book, const struct ledger_line *line)
{
	char word[64];
	struct ledger *ledger;
	uint64_t day;

	snprintf(word, sizeof(word), ",%s,", state_word(book->c, line->state));
	for (day = 0; day < 2; day++) {
		ledger = ledger_get(book, line->flow, line->kind,
		    line->wall_ms - day * DAY_MS, true);
		if (ledger != NULL)
			(void)ledger_open(book, ledger, true);
		if (ledger != NULL && ledger_has(ledger, line->number, word))
			return;
	}
	ledger_add(book, line);
}

/*
 * What could not be written stays in pending: the file is cut to where it
 * was when it is opened again.  A failed fdatasync is not tried again: the
 * lines may or may not be there.
 */
static enum gw_err
ledger_write(struct ledger_book *book, struct ledger *ledger, bool is_synced)
{
	enum gw_err err;

	err = ledger_open(book, ledger, false);
	if (err == GW_OK)
		err = io_write_full(ledger->fd, ledger->pending.data,
		    ledger->pending.len);
	if (err != GW_OK) {
		if (ledger->fd != -1 &&
		    io_truncate(ledger->fd, ledger->size) != GW_OK)
			log_err("flow %s: a ledger may hold lines twice",
			    ledger->flow);
		io_drop(&ledger->fd);
		return err;
	}
	ledger->size += ledger->pending.len;
	buf_reset(&ledger->pending);
	if (!is_synced && io_fdatasync(ledger->fd) != GW_OK) {
		log_err("flow %s: a ledger may lose lines; the audit log has "
		    "them", ledger->flow);
		io_drop(&ledger->fd);
	}
	return GW_OK;
}

unsigned
ledger_dirty(const struct ledger_book *book)
{
	const struct ledger *ledger;
	unsigned count = 0;

	TAILQ_FOREACH(ledger, &book->open, next)
		count += ledger->pending.len > 0;
	return count;
}

bool
ledger_flush(struct ledger_book *book, bool is_synced)
{
	struct ledger *ledger;
	bool is_behind = false;
	enum gw_err err;

	TAILQ_FOREACH(ledger, &book->open, next) {
		if (!buf_ok(&ledger->pending)) {
			log_err("flow %s: lines of a ledger were lost; the "
			    "audit log has them", ledger->flow);
			buf_clear(&ledger->pending);
		}
		if (ledger->pending.len == 0)
			continue;
		err = ledger_write(book, ledger, is_synced);
		if (err == GW_OK)
			continue;
		is_behind = true;
		log_err("flow %s: a ledger cannot be written: %s",
		    ledger->flow, err_text_en(err));
	}
	return !is_behind;
}
