/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_DESK_HANDLERS_H
#define GATEWAYD_DESK_HANDLERS_H

#include "gatewayd/desk/conn.h"

/* One handler per verb; each ends the connection exactly once. */
conn_fn status_run;
conn_fn status_doctor;
conn_fn status_flows;
conn_fn status_reload;

conn_fn transfers_list;
conn_fn transfers_show;

conn_fn decide_approve;
conn_fn decide_return;
conn_fn decide_revoke;
conn_fn decide_release;
conn_fn decide_reject;

conn_fn channels_list;
conn_fn channels_freeze;
conn_fn channels_new_epoch;

conn_fn pair_init;
conn_fn pair_card;
conn_fn pair_accept;
conn_fn pair_show;
conn_fn pair_keys;

conn_fn history_search;
conn_fn history_follow;
conn_fn history_export;

#endif
