/* SPDX-License-Identifier: ISC */
#include <sys/random.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "proto/ipc/audit.h"

#include "tests/hostile/hostile.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

static struct audit_head head; /* what siblings believe */
static bool is_said;

static void
audit_watch(enum proc_id peer, enum hostile_way way,
    const struct wire_note *n)
{
	struct audit_head real;

	(void)peer;
	if (way == FROM_REAL && (n->type == (AUDIT_APPEND | IPC_REPLY) ||
	    n->type == (AUDIT_HEAD | IPC_REPLY)) &&
	    hostile_get(n, &real, sizeof(real)) && real.size > head.size)
		head = real;
}

/* Everything is said to be in the log, nothing is. */
static bool
forget(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	if (way != FROM_PEER || n->type != AUDIT_APPEND)
		return true;
	head.err = GW_OK;
	head.size += n->len / sizeof(struct audit_record);
	head.wall_ms = clock_wall_ms();
	if (getrandom(head.root, sizeof(head.root), 0) !=
	    (ssize_t)sizeof(head.root))
		log_fatal("hostile: getrandom");
	hostile_tell(h, peer, false, AUDIT_APPEND | IPC_REPLY, n->id, &head,
	    sizeof(head), -1);
	if (!is_said)
		hostile_say(h, "forgot");
	is_said = true;
	return false;
}

static const struct hostile_case cases[] = {
	{"forget", forget},
};

const struct hostile_kind hostile_audit = {
	.procs = 1u << PROC_AUDIT,
	.cases = cases,
	.case_count = COUNT(cases),
	.watch = audit_watch,
};
