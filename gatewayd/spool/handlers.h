/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_SPOOL_HANDLERS_H
#define GATEWAYD_SPOOL_HANDLERS_H

#include "gatewayd/spool/spool.h"

/*
 * One function per request.  It applies the request to the open group; its
 * reply leaves with the group (group_reply), unless it promises nothing.
 */
typedef void handler_fn(struct spool *, struct client *, struct ipc_msg *);

/* intake.c */
handler_fn intake_open, intake_put, intake_create, intake_body_done;
handler_fn intake_done, intake_drop, intake_claim, intake_refused;
void intake_forget(struct spool *, const struct client *); /* it is gone */

/* bodies.c */
handler_fn bodies_get;

/* deliver.c */
handler_fn deliver_work, deliver_staged, deliver_published, deliver_noticed;

/* inspect.c */
handler_fn inspect_next, inspect_done;

/* channels.c */
handler_fn channels_hello, channels_link_state, channels_status;

/* tx.c */
handler_fn tx_next, tx_ack;

/* rx.c */
handler_fn rx_begin, rx_tables, rx_put, rx_create, rx_done, rx_progress;
handler_fn rx_damaged;

/* ack.c */
handler_fn ack_next;

/* desk.c */
handler_fn desk_list, desk_steps, desk_files, desk_decide, desk_status;
handler_fn desk_poke;

/*
 * Answer one waiting request, if there is something to say; false if not.
 * Between groups only.
 */
bool deliver_serve(struct spool *, struct wait *);
bool inspect_serve(struct spool *, struct wait *);
bool tx_serve(struct spool *, struct wait *);
bool ack_serve(struct spool *, struct wait *);

#endif
