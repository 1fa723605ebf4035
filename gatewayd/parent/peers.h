/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_PARENT_PEERS_H
#define GATEWAYD_PARENT_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/ipc/control.h"

/*
 * Who sends requests to whom: the whole communication graph of a gateway.
 * Rows with PROC_ZYGOTE stand for every zygote that runs.
 */
struct peer_edge {
	enum proc_id client, server;
	bool restarts_client; /* the client cannot outlive its server */
};
extern const struct peer_edge peers_edges[];
extern const int peers_edge_count;

/* One row per process, in start order: servers before their clients. */
struct peer_program {
	enum proc_id id;
	const char *program; /* file below libexec */
	const char *account; /* Unix account in service */
	const char *state;   /* folder below state_dir, or NULL */
	uint32_t state_mode;
};
extern const struct peer_program peers_programs[];
extern const int peers_program_count;

/* Is there an edge between these, zygotes resolved?  NULL if none. */
const struct peer_edge *peers_find(enum proc_id client, enum proc_id server);

/*
 * Set of processes (bit n: process n) that must be restarted when `dead`
 * died, itself included.
 */
uint32_t peers_closure(enum proc_id dead);

#endif
