/* SPDX-License-Identifier: ISC */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

/*
 * Diagnostic log (not the audit log).  Every process formats its own lines;
 * one process, the parent, writes them to stderr, where systemd's journal
 * or a terminal takes them.  A line never carries file content, names of
 * files, keys, or more than LOG_LINE_MAX bytes; control bytes become '?'.
 */

#define LOG_LINE_MAX 1024

enum log_level { LOG_ERR_, LOG_WARN_, LOG_INFO_, LOG_DEBUG_ };

/* One log datagram as it travels from a child to the parent. */
struct log_record {
	uint8_t level; /* enum log_level */
	uint8_t pad[3];
	uint32_t len; /* bytes of text used */
	char text[LOG_LINE_MAX];
};

typedef void log_sink_fn(void *arg, const struct log_record *);

/*
 * Name this process in its lines, and choose where they go.  Until a sink
 * or fd is set lines go to stderr.  log_init_fd: a SOCK_DGRAM or
 * SOCK_SEQPACKET socket whose reader is the parent; borrowed; a full socket
 * drops the line and counts it.
 */
void log_init(const char *process);
void log_init_fd(int fd);
void log_set_sink(log_sink_fn *, void *arg); /* tests assert lines with it */
void log_set_level(enum log_level);

void log_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The environment is unfit: log, exit 1; the parent restarts with back-off.
 * Leaves with _exit, so stdio is not flushed and no exit handler runs.
 */
_Noreturn void log_fatal(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/* An impossible state, our defect: log, abort. */
_Noreturn void log_panic(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/* Parent only: write a child's record to stderr under the child's name. */
void log_relay(const char *process, const struct log_record *);

#endif
