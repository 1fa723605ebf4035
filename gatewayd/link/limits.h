/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_LINK_LIMITS_H
#define GATEWAYD_LINK_LIMITS_H

#include <sys/socket.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What strangers may do to a receiver.  A stranger is a connection that has
 * not yet said, under a paired key, which channel it is for.
 */
#define LIMITS_STRANGERS      16    /* at once; the oldest gives way */
#define LIMITS_STRANGERS_HOST 8     /* at once from one address */
#define LIMITS_HELLO_MS       10000 /* from the accept to HELLO */
#define LIMITS_WINDOW_MS      10000 /* connections are counted over this */
#define LIMITS_WINDOW_MAX     50    /* from one address */
#define LIMITS_ADDRESSES      64    /* addresses remembered */
#define LIMITS_LOG_MS         60000 /* between two lines about refusals */

struct limits;

struct limits *limits_new(void);
void limits_free(struct limits *);

/* Count a connection; false when its address has had too many of late. */
bool limits_may_come(struct limits *, const struct sockaddr_storage *);

/* Count a refusal, and log the first of each minute with the count. */
void limits_refused(struct limits *, const char *why);
uint32_t limits_refused_count(const struct limits *);

bool limits_same_host(
    const struct sockaddr_storage *, const struct sockaddr_storage *);

#endif
