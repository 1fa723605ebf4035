/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_LINK_ADDRESS_H
#define GATEWAYD_LINK_ADDRESS_H

#include <sys/socket.h>

#include "base/err.h"

/*
 * "127.0.0.1:7443" or "[::1]:7443" to a socket address; numeric only, since
 * a peer is its pinned key and never a name.  GW_EFORMAT.
 */
GW_MUST_CHECK enum gw_err address_parse(
    const char *text, struct sockaddr_storage *out, socklen_t *len_out);

/* Port of an address, host order. */
unsigned address_port(const struct sockaddr_storage *);

#endif
