/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/un.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "gatewayd/parent/notify.h"

static int notify_fd = -1;
static uint64_t watchdog_ms;

static void
send_text(const char *text)
{
	if (notify_fd == -1)
		return;
	if (send(notify_fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) ==
	    -1)
		log_warn("service manager takes no notifications: %s",
		    strerror(errno));
}

void
notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	const char *usec = getenv("WATCHDOG_USEC");
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	size_t len;

	if (path == NULL || path[0] == '\0')
		return;
	len = strlen(path);
	if (len >= sizeof(sa.sun_path)) {
		log_warn("NOTIFY_SOCKET is too long");
		return;
	}
	memcpy(sa.sun_path, path, len);
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0'; /* abstract socket */
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify_fd == -1 ||
	    connect(notify_fd, (const struct sockaddr *)&sa,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) ==
		-1) {
		log_warn(
		    "NOTIFY_SOCKET cannot be reached: %s", strerror(errno));
		if (notify_fd != -1)
			close(notify_fd);
		notify_fd = -1;
	}
	if (usec != NULL)
		/* half the limit, as sd_watchdog_enabled(3) advises */
		watchdog_ms = strtoull(usec, NULL, 10) / 2000;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void
send_status(const char *prefix, const char *status)
{
	char text[512];

	snprintf(text, sizeof(text), "%sSTATUS=%s\n", prefix, status);
	send_text(text);
}

void
notify_ready(const char *status)
{
	send_status("READY=1\n", status);
}

void
notify_status(const char *status)
{
	send_status("", status);
}

void
notify_reloading(void)
{
	send_text("RELOADING=1\n");
}

void
notify_stopping(void)
{
	send_text("STOPPING=1\n");
}

void
notify_watchdog(void)
{
	send_text("WATCHDOG=1\n");
}

uint64_t
notify_watchdog_ms(void)
{
	return watchdog_ms;
}
