/* SPDX-License-Identifier: ISC */
#include <stddef.h>

#include "policy/table.h"
#include "gatewayd/parent/peers.h"

_Static_assert(PROC_ZYGOTE + STAGE_COUNT <= PROC_COUNT, "zygotes fit");

const struct peer_edge peers_edges[] = {
    {PROC_KEYS, PROC_AUDIT, true},
    {PROC_SPOOL, PROC_AUDIT, true},
    {PROC_DESK, PROC_AUDIT, true},
    {PROC_SPOOL, PROC_KEYS, true},
    {PROC_COURIER, PROC_KEYS, true},
    {PROC_DESK, PROC_KEYS, true},
    {PROC_ZYGOTE, PROC_KEYS, true},
    {PROC_INSPECT, PROC_SPOOL, true},
    {PROC_COURIER, PROC_SPOOL, true},
    {PROC_LINK, PROC_SPOOL, true},
    {PROC_DESK, PROC_SPOOL, true},
    /* inspect takes a new zygote beside the old one */
    {PROC_INSPECT, PROC_ZYGOTE, false},
};
const int peers_edge_count = (int)(sizeof(peers_edges) / sizeof(*peers_edges));

#define ZYGOTE(stage, program)                                                 \
	{                                                                      \
		(enum proc_id)((int)PROC_ZYGOTE + (int)(stage)), program,      \
		    "_gw-scan", NULL, 0                                        \
	}

const struct peer_program peers_programs[] = {
    {PROC_AUDIT, "gateway-audit", "_gw-audit", "audit", 0755},
    {PROC_KEYS, "gateway-keys", "_gw-keys", "keys", 0700},
    {PROC_SPOOL, "gateway-spool", "_gw-spool", "spool", 0700},
    ZYGOTE(STAGE_MANIFEST, "gateway-scan-manifest"),
    ZYGOTE(STAGE_IDENTIFY, "gateway-scan-identify"),
    ZYGOTE(STAGE_CLAM, "gateway-scan-clam"),
    ZYGOTE(STAGE_CONFIRM, "gateway-scan-confirm"),
    ZYGOTE(STAGE_NULL, "gateway-scan-null"),
    {PROC_INSPECT, "gateway-inspect", "_gw-inspect", NULL, 0},
    {PROC_COURIER, "gateway-courier", "_gw-courier", NULL, 0},
    {PROC_LINK, "gateway-link", "_gw-link", "link", 0700},
    {PROC_DESK, "gateway-desk", "_gw-desk", "run", 0755},
};
const int peers_program_count =
    (int)(sizeof(peers_programs) / sizeof(*peers_programs));

/* Every zygote is PROC_ZYGOTE in the edge table. */
static enum proc_id
edge_id(enum proc_id id)
{
	return id >= PROC_ZYGOTE ? PROC_ZYGOTE : id;
}

const struct peer_edge *
peers_find(enum proc_id client, enum proc_id server)
{
	for (int i = 0; i < peers_edge_count; i++) {
		const struct peer_edge *e = &peers_edges[i];

		if (e->client == edge_id(client) &&
		    e->server == edge_id(server))
			return e;
	}
	return NULL;
}

uint32_t
peers_closure(enum proc_id dead)
{
	uint32_t set = 1u << dead, before;

	do {
		before = set;
		for (int i = 0; i < peers_program_count; i++) {
			enum proc_id client = peers_programs[i].id;

			for (int j = 0; j < peers_program_count; j++) {
				enum proc_id server = peers_programs[j].id;
				const struct peer_edge *e;

				if ((set & (1u << server)) == 0)
					continue;
				e = peers_find(client, server);
				if (e != NULL && e->restarts_client)
					set |= 1u << client;
			}
		}
	} while (set != before);
	return set;
}
