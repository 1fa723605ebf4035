/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define LOG_NAME_MAX 32

/* Room for time, process name and level in front of the text. */
#define LOG_PREFIX_MAX 96

/* Set by the start-up code before threads exist; only lost changes later. */
static struct {
	char process[LOG_NAME_MAX];
	int fd;
	log_sink_fn *sink;
	void *sink_arg;
	enum log_level level;
	bool is_journal;
	atomic_uint lost;
} log_state = {.process = "gateway", .fd = -1, .level = LOG_INFO_};

static const struct {
	const char *word;
	int syslog; /* priority that the journal reads from "<N>" */
} log_levels[] = {
    [LOG_ERR_] = {"error", 3},
    [LOG_WARN_] = {"warning", 4},
    [LOG_INFO_] = {"info", 6},
    [LOG_DEBUG_] = {"debug", 7},
};

void
log_init(const char *process)
{
	snprintf(log_state.process, sizeof(log_state.process), "%s", process);
	/* Set by systemd for units whose stderr is the journal. */
	log_state.is_journal = getenv("JOURNAL_STREAM") != NULL;
}

void
log_init_fd(int fd)
{
	log_state.fd = fd;
}

void
log_set_sink(log_sink_fn *sink, void *arg)
{
	log_state.sink = sink;
	log_state.sink_arg = arg;
}

void
log_set_level(enum log_level level)
{
	log_state.level = level;
}

/*
 * Control bytes, among them the C1 controls that UTF-8 writes as C2 80 to
 * C2 9F, could forge lines or drive a terminal.
 */
static void
log_clean(char *text, size_t len)
{
	unsigned char *p = (unsigned char *)text;
	size_t i;

	for (i = 0; i < len; i++) {
		if (p[i] < 0x20 || p[i] == 0x7f)
			p[i] = '?';
		else if (p[i] == 0xc2 && i + 1 < len && p[i + 1] < 0xa0)
			p[i] = p[i + 1] = '?';
	}
}

/* One write per line, so that lines of several writers never mix. */
static void
log_stderr(const char *process, const struct log_record *rec)
{
	char line[LOG_PREFIX_MAX + LOG_LINE_MAX + 1];
	char iso[CLOCK_ISO_LEN];
	size_t n;
	ssize_t written;
	int prefix;

	if (log_state.is_journal) {
		prefix = snprintf(line, LOG_PREFIX_MAX,
		    "<%d>%.31s: ", log_levels[rec->level].syslog, process);
	} else {
		clock_iso_jst(clock_wall_ms(), iso);
		prefix = snprintf(line, LOG_PREFIX_MAX, "%s %.31s %s: ", iso,
		    process, log_levels[rec->level].word);
	}
	n = prefix > 0 ? (size_t)prefix : 0;
	memcpy(line + n, rec->text, rec->len);
	n += rec->len;
	line[n++] = '\n';
	/* Nobody is left to hear about a stderr that does not work. */
	written = write(STDERR_FILENO, line, n);
	(void)written;
}

static bool
log_send(const struct log_record *rec)
{
	size_t size = offsetof(struct log_record, text) + rec->len;

	return send(log_state.fd, rec, size, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)size;
}

static void
log_emit(const struct log_record *rec)
{
	struct log_record note = {.level = LOG_WARN_};
	unsigned lost;
	int n;

	if (log_state.sink != NULL) {
		log_state.sink(log_state.sink_arg, rec);
		return;
	}
	if (log_state.fd == -1) {
		log_stderr(log_state.process, rec);
		return;
	}
	lost = atomic_exchange(&log_state.lost, 0);
	if (lost > 0) {
		n = snprintf(note.text, sizeof(note.text),
		    "%u log lines lost: the log socket was full", lost);
		note.len = (uint32_t)n;
		if (!log_send(&note)) {
			atomic_fetch_add(&log_state.lost, lost + 1);
			return;
		}
	}
	if (!log_send(rec))
		atomic_fetch_add(&log_state.lost, 1);
}

__attribute__((format(printf, 2, 0))) static void
log_format(enum log_level level, const char *fmt, va_list ap)
{
	struct log_record rec = {.level = (uint8_t)level};
	int n;

	if (level > log_state.level)
		return;
	n = vsnprintf(rec.text, sizeof(rec.text), fmt, ap);
	if (n < 0)
		n = snprintf(rec.text, sizeof(rec.text), "(unprintable)");
	if ((size_t)n >= sizeof(rec.text)) {
		n = sizeof(rec.text) - 1;
		memcpy(rec.text + n - 3, "...", 3);
	}
	rec.len = (uint32_t)n;
	log_clean(rec.text, rec.len);
	log_emit(&rec);
}

/* va_start must stand in the variadic function itself. */
#define LOG_FORMAT(severity, fmt)                                              \
	do {                                                                   \
		va_list ap_;                                                   \
                                                                               \
		va_start(ap_, fmt);                                            \
		log_format((severity), (fmt), ap_);                            \
		va_end(ap_);                                                   \
	} while (0)

void
log_err(const char *fmt, ...)
{
	LOG_FORMAT(LOG_ERR_, fmt);
}

void
log_warn(const char *fmt, ...)
{
	LOG_FORMAT(LOG_WARN_, fmt);
}

void
log_info(const char *fmt, ...)
{
	LOG_FORMAT(LOG_INFO_, fmt);
}

void
log_debug(const char *fmt, ...)
{
	LOG_FORMAT(LOG_DEBUG_, fmt);
}

void
log_fatal(const char *fmt, ...)
{
	LOG_FORMAT(LOG_ERR_, fmt);
	/* _exit: exit handlers of libraries have no business in this state. */
	_exit(1);
}

void
log_panic(const char *fmt, ...)
{
	LOG_FORMAT(LOG_ERR_, fmt);
	abort();
}

void
log_relay(const char *process, const struct log_record *rec)
{
	struct log_record copy = *rec;

	/* The child may be hostile: believe neither level, length nor text. */
	if (copy.level > LOG_DEBUG_)
		copy.level = LOG_ERR_;
	if (copy.len > LOG_LINE_MAX)
		copy.len = LOG_LINE_MAX;
	log_clean(copy.text, copy.len);
	log_stderr(process, &copy);
}
