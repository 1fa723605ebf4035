/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_LINK_LISTEN_H
#define GATEWAYD_LINK_LISTEN_H

#include <sys/socket.h>

#include "base/ev.h"

/*
 * One listening address.  Where it cannot be had (yet), that is logged and
 * tried again, as an address may come up after us; the others serve.
 */
#define LISTEN_RETRY_MS 5000

struct listen;

/* A connection came: takes the fd. */
typedef void listen_fn(void *arg, int fd, const struct sockaddr_storage *);

struct listen *listen_new(
    struct ev_loop *, const char *address, listen_fn *, void *arg);
void listen_free(struct listen *);
const char *listen_address(const struct listen *);

/* Why it cannot be had; NULL if it listens. */
const char *listen_problem(const struct listen *);

#endif
