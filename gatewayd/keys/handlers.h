/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_KEYS_HANDLERS_H
#define GATEWAYD_KEYS_HANDLERS_H

#include "gatewayd/keys/decide.h"
#include "gatewayd/keys/keyd.h"

/*
 * One function per request, called for the clients that permit.c lists.
 * The formats are in proto/ipc/keys.h.
 */
typedef void keyd_handler(struct keyd *, struct client *, struct ipc_msg *);

/* transfer.c: the courier's low side */
keyd_handler transfer_on_new, transfer_on_body_new, transfer_on_body_done,
    transfer_on_drop;
/* grant.c */
keyd_handler grant_on_grant, grant_on_release, grant_on_view;
/* verdict.c */
keyd_handler verdict_on_verdict, verdict_on_names, verdict_on_rejudge;
/* evaluate.c */
keyd_handler evaluate_on_commit, evaluate_on_evaluate, evaluate_on_info;
/* erase.c */
keyd_handler erase_on_erase;
/* seal.c */
keyd_handler seal_on_seal, seal_on_withdraw;
/* open.c */
keyd_handler open_on_open;
/* ack.c */
keyd_handler ack_on_sign, ack_on_check, ack_on_channels;
/* people.c */
keyd_handler people_on_decide, people_on_channel_op;
/* pair.c */
keyd_handler pair_on_init, pair_on_card, pair_on_accept, pair_on_show,
    pair_on_list, pair_on_transport;

/* --- shared by handlers -------------------------------------------------- */

/* The flow of a transfer in today's policy, going its way; NULL if none. */
const struct policy_flow *transfer_flow(const struct keyd *,
    const struct transfer_slot *);

/* Decide on a transfer now, from all its slots. */
GW_MUST_CHECK enum gw_err evaluate_run(struct keyd *, const struct key_ref *,
    const struct transfer_slot *, struct decide_result *out);

/* keys_decided of a result. */
void evaluate_fill(const struct decide_result *, struct keys_decided *out);

/*
 * Is the transfer sealed?  Its slot says so and the journal agrees; rec gets
 * the journal's record.  GW_ENOENT: not sealed.
 */
struct journal_record;
GW_MUST_CHECK enum gw_err seal_find(struct keyd *,
    const struct transfer_slot *, struct journal_record *out);

/* Retire receive keys that no valid header can name; once a day. */
void pair_daily(struct keyd *);

#endif
