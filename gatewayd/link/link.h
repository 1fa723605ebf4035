/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_LINK_LINK_H
#define GATEWAYD_LINK_LINK_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ev.h"
#include "policy/table.h"
#include "proto/ipc/chan.h"
#include "proto/ipc/spool.h"

/* What sender and receiver share: the loop, spool, and the transport key. */
struct link_call;
struct link_env {
	struct ev_loop *loop;
	struct ipc_chan *spool;
	SSL_CTX *tls;
	struct link_call *calls; /* unanswered, oldest first */
	struct link_call **calls_end;
	uint64_t next_id;
	uint32_t call_count;
};

void link_env_init(struct link_env *);
void link_env_clear(struct link_env *); /* what is not answered, never is */

/*
 * Ask spool; fn is called once with the answer, unless link_forget(arg) was
 * called before.  fd: one to send along (taken), or -1.
 */
typedef void link_answer_fn(void *arg, struct ipc_msg *);
void link_ask(struct link_env *, uint16_t type, const void *fixed,
    size_t fixed_len, const void *elems, size_t elem, uint32_t count, int fd,
    link_answer_fn *, void *arg);
void link_forget(struct link_env *, const void *arg);

/* An answer of spool came; fatal if it was not asked for. */
void link_answered(struct link_env *, struct ipc_msg *);

/* Tell spool how a channel does (for doctor). */
void link_report(struct link_env *, const char *channel, enum link_state,
    uint32_t refused, const char *detail);

/* The rules of what spool may answer. */
extern const struct ipc_rule link_rules[];
extern const int link_rule_count;

#endif
