/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_PARENT_NOTIFY_H
#define GATEWAYD_PARENT_NOTIFY_H

#include <stdint.h>

/*
 * The service manager's notification socket (sd_notify(3) protocol): one
 * datagram of VARIABLE=value lines to the address in NOTIFY_SOCKET.  Without
 * that variable every call does nothing.
 */
void notify_open(void); /* before sandboxing; clears the environment */
void notify_ready(const char *status);
void notify_status(const char *status);
void notify_reloading(void);
void notify_stopping(void);
void notify_watchdog(void);

/* Interval at which notify_watchdog is expected, 0 if it is not. */
uint64_t notify_watchdog_ms(void);

#endif
