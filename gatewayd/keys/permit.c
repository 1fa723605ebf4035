/* SPDX-License-Identifier: ISC */
#include <stdbool.h>

#include "base/log.h"

#include "gatewayd/keys/permit.h"

#define C (1u << CLIENT_COURIER)
#define S (1u << CLIENT_SPOOL)
#define D (1u << CLIENT_DESK)
#define Z (1u << CLIENT_ZYGOTE)

#define NAMES_MAX 1024
#define COMMIT_MAX 2048

struct permit_row {
	unsigned clients;
	struct ipc_rule rule;
	keyd_handler *handler;
};

/* Fixed part; elements and how many; fds. */
#define ROW(who, t, part, handle)                                             \
	{(who), {.type = (t), .fixed = sizeof(struct part)}, (handle)}
#define ROW_ELEMS(who, t, part, elems, max, handle)                           \
	{(who), {.type = (t), .fixed = sizeof(struct part),                   \
	    .elem = sizeof(struct elems), .max_count = (max)}, (handle)}
#define ROW_ONLY_ELEMS(who, t, elems, max, handle)                            \
	{(who), {.type = (t), .elem = sizeof(struct elems),                   \
	    .max_count = (max)}, (handle)}
#define ROW_FD(who, t, part, handle)                                          \
	{(who), {.type = (t), .fixed = sizeof(struct part), .min_fds = 1,     \
	    .max_fds = 1}, (handle)}
#define ROW_EMPTY(who, t, handle) {(who), {.type = (t)}, (handle)}

static const struct permit_row permit_rows[] = {
	ROW(C, KEYS_TRANSFER_NEW, keys_transfer_new, transfer_on_new),
	ROW_ELEMS(C, KEYS_BODY_NEW, keys_bodies, keys_body_ask,
	    IPC_BATCH_MAX, transfer_on_body_new),
	ROW_ELEMS(C, KEYS_BODY_DONE, keys_bodies, ipc_body, IPC_BATCH_MAX,
	    transfer_on_body_done),
	ROW(C, KEYS_TRANSFER_DROP, keys_bodies, transfer_on_drop),
	ROW(C, KEYS_RELEASE, keys_release, grant_on_release),
	ROW(C | D, KEYS_VIEW, keys_view, grant_on_view),

	ROW_ONLY_ELEMS(Z, KEYS_GRANT, key_ref, IPC_BATCH_MAX, grant_on_grant),
	ROW_ONLY_ELEMS(Z, KEYS_VERDICT, verdict_record, IPC_BATCH_MAX,
	    verdict_on_verdict),
	ROW_ELEMS(Z, KEYS_NAMES, keys_names, keys_name, NAMES_MAX,
	    verdict_on_names),

	ROW_ONLY_ELEMS(S, KEYS_COMMIT, key_ref, COMMIT_MAX,
	    evaluate_on_commit),
	ROW(S, KEYS_EVALUATE, keys_evaluate, evaluate_on_evaluate),
	ROW(S, KEYS_BODY_INFO, keys_release, evaluate_on_info),
	ROW(S, KEYS_SEAL, keys_seal, seal_on_seal),
	ROW(S, KEYS_WITHDRAW, keys_withdraw, seal_on_withdraw),
	ROW_FD(S, KEYS_OPEN, keys_open, open_on_open),
	ROW(S, KEYS_ACK_SIGN, keys_ack_sign, ack_on_sign),
	ROW(S, KEYS_ACK_CHECK, keys_ack_check, ack_on_check),
	ROW_EMPTY(S | D, KEYS_CHANNELS, ack_on_channels),
	ROW(S, KEYS_TRANSPORT, keys_transport, pair_on_transport),
	ROW(S, KEYS_ERASE, keys_bodies, erase_on_erase),
	ROW(S, KEYS_REJUDGE, keys_bodies, verdict_on_rejudge),

	ROW(D, KEYS_DECIDE, keys_decide, people_on_decide),
	ROW(D, KEYS_PAIR_INIT, keys_pair_init, pair_on_init),
	ROW_EMPTY(D, KEYS_CARD, pair_on_card),
	ROW(D, KEYS_PAIR_ACCEPT, keys_pair_accept, pair_on_accept),
	ROW_EMPTY(D, KEYS_PAIR_SHOW, pair_on_show),
	ROW_EMPTY(D, KEYS_LIST, pair_on_list),
	ROW(S | D, KEYS_CHANNEL_OP, keys_channel_op, people_on_channel_op),
};
#define ROWS (sizeof(permit_rows) / sizeof(permit_rows[0]))
_Static_assert(ROWS <= PERMIT_ROWS_MAX, "room for every row");

const struct ipc_rule *
permit_rules(enum client_kind kind, int *count_out)
{
	static struct ipc_rule rules[CLIENT_KINDS][PERMIT_ROWS_MAX];
	int n = 0;
	size_t i;

	for (i = 0; i < ROWS; i++) {
		if ((permit_rows[i].clients & (1u << kind)) != 0)
			rules[kind][n++] = permit_rows[i].rule;
	}
	*count_out = n;
	return rules[kind];
}

void
permit_run(struct keyd *k, struct client *c, struct ipc_msg *msg)
{
	size_t i;

	for (i = 0; i < ROWS; i++) {
		if (permit_rows[i].rule.type == msg->type &&
		    (permit_rows[i].clients & (1u << c->kind)) != 0) {
			permit_rows[i].handler(k, c, msg);
			return;
		}
	}
	log_fatal("%s may not ask 0x%x", ipc_chan_peer(c->chan), msg->type);
}
