/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "gatewayd/link/link.h"

struct link_call {
	struct link_call *next;
	uint64_t id;
	uint16_t type;
	link_answer_fn *fn; /* NULL: the answer is not wanted any more */
	void *arg;
};

#define ANSWER(type) ((uint16_t)((type) | IPC_REPLY))
#define STATUS       sizeof(struct ipc_status)

const struct ipc_rule link_rules[] = {
    {ANSWER(SPOOL_LINK_HELLO), STATUS, sizeof(struct keys_channel),
	POLICY_CHANNELS_MAX, 0, 0},
    {ANSWER(SPOOL_TX_NEXT), sizeof(struct spool_tx_parcel), 0, 0, 0, 1},
    {ANSWER(SPOOL_TX_ACK), sizeof(struct keys_ack_checked), 0, 0, 0, 0},
    {ANSWER(SPOOL_BODY_GET), STATUS, sizeof(struct ipc_body), IPC_BATCH_MAX, 0,
	1},
    {ANSWER(SPOOL_RX_BEGIN), sizeof(struct spool_rx), 0, 0, 0, 0},
    {ANSWER(SPOOL_RX_TABLES), STATUS, 0, 0, 0, 0},
    {ANSWER(SPOOL_RX_PUT), STATUS, 0, 0, 0, 0},
    {ANSWER(SPOOL_RX_CREATE), STATUS, 0, 0, 0, 1},
    {ANSWER(SPOOL_RX_DONE), STATUS, 0, 0, 0, 0},
    {ANSWER(SPOOL_RX_PROGRESS), STATUS, 0, 0, 0, 0},
    {ANSWER(SPOOL_RX_DAMAGED), STATUS, 0, 0, 0, 0},
    {ANSWER(SPOOL_ACK_NEXT), sizeof(struct keys_ack_signed), 0, 0, 0, 0},
    {ANSWER(SPOOL_LINK_STATE), STATUS, 0, 0, 0, 0},
};
const int link_rule_count = (int)(sizeof(link_rules) / sizeof(*link_rules));

void
link_env_init(struct link_env *env)
{
	memset(env, 0, sizeof(*env));
	env->calls_end = &env->calls;
	env->next_id = 1;
}

void
link_env_clear(struct link_env *env)
{
	struct link_call *call;

	while ((call = env->calls) != NULL) {
		env->calls = call->next;
		mem_free(call);
	}
	env->calls_end = &env->calls;
	env->call_count = 0;
}

void
link_ask(struct link_env *env, uint16_t type, const void *fixed,
    size_t fixed_len, const void *elems, size_t elem, uint32_t count, int fd,
    link_answer_fn *fn, void *arg)
{
	struct link_call *call = mem_alloc(sizeof(*call));

	call->id = env->next_id++;
	call->type = type;
	call->fn = fn;
	call->arg = arg;
	*env->calls_end = call;
	env->calls_end = &call->next;
	env->call_count++;
	ipc_send(env->spool, type, call->id, fixed, fixed_len, elems, elem,
	    count, &fd, fd == -1 ? 0 : 1);
}

void
link_forget(struct link_env *env, const void *arg)
{
	for (struct link_call *c = env->calls; c != NULL; c = c->next)
		if (c->arg == arg)
			c->fn = NULL;
}

void
link_answered(struct link_env *env, struct ipc_msg *msg)
{
	struct link_call **at, *call;

	for (at = &env->calls; (call = *at) != NULL; at = &call->next)
		if (call->id == msg->id)
			break;
	if (call == NULL || (call->type | IPC_REPLY) != msg->type)
		log_fatal("spool answered a question that was not asked");
	*at = call->next;
	if (call->next == NULL)
		env->calls_end = at;
	env->call_count--;
	if (call->fn != NULL)
		call->fn(call->arg, msg);
	mem_free(call);
}

static void
ignore_answer(void *arg, struct ipc_msg *msg)
{
	(void)arg;
	(void)msg;
}

void
link_report(struct link_env *env, const char *channel, enum link_state state,
    uint32_t refused, const char *detail)
{
	struct spool_link_state msg = {.state = state, .refused = refused};

	mem_put_str(msg.channel, sizeof(msg.channel), channel);
	mem_put_str(msg.detail, sizeof(msg.detail), detail);
	link_ask(env, SPOOL_LINK_STATE, &msg, sizeof(msg), NULL, 0, 0, -1,
	    ignore_answer, NULL);
}
