/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "policy/table.h"
#include "proto/ipc/spool.h"
#include "proto/ipc/zygote.h"

#include "tests/hostile/hostile.h"

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

static struct {
	struct zygote_item item;
	int fd;
	bool has_item;
} mem;

static void
inspect_reset(void)
{
	io_drop(&mem.fd);
	memset(&mem, 0, sizeof(mem));
	mem.fd = -1;
}

/* Nothing is looked at, all of it is reported. */
static bool
report_at_once(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct spool_inspected done = {0};
	struct spool_inspect job;

	if (peer != PROC_SPOOL || way != FROM_PEER ||
	    n->type != (SPOOL_INSPECT | IPC_REPLY) ||
	    !hostile_get(n, &job, sizeof(job)) || job.err != GW_OK)
		return true;
	done.transfer = job.transfer;
	hostile_ask(h, PROC_SPOOL, SPOOL_INSPECTED, &done, sizeof(done), -1);
	/* Its place in the queue stays taken by the real one. */
	hostile_tell(h, PROC_SPOOL, false, SPOOL_INSPECT, n->id, NULL, 0, -1);
	hostile_say(h, "reported");
	return false;
}

/* The stage never gets the job, and has reported all the same. */
static bool
skip(struct hostile *h, uint32_t stages, enum proc_id peer,
    enum hostile_way way, const struct wire_note *n)
{
	struct {
		struct ipc_status status;
		struct zygote_result results[ZYGOTE_BATCH_MAX];
	} out = {0};
	size_t count, i;

	if (peer < PROC_ZYGOTE || way != FROM_REAL ||
	    n->type != ZYGOTE_JOB ||
	    (stages & STAGE_BIT(peer - PROC_ZYGOTE)) == 0)
		return true;
	count = (n->len - sizeof(struct zygote_job)) /
	    sizeof(struct zygote_item);
	for (i = 0; i < count && i < ZYGOTE_BATCH_MAX; i++)
		out.results[i].outcome = ZYGOTE_REPORTED;
	hostile_tell(h, peer, true, ZYGOTE_JOB | IPC_REPLY, n->id, &out,
	    sizeof(out.status) + i * sizeof(out.results[0]), -1);
	hostile_say(h, "skipped");
	return false;
}

static bool
only_manifest(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	return skip(h, ~STAGE_BIT(STAGE_MANIFEST), peer, way, n);
}

static bool
skip_clam(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	return skip(h, STAGE_BIT(STAGE_CLAM), peer, way, n);
}

/* Every worker reads the first file, whosever body the job names. */
static bool
other_bytes(struct hostile *h, enum proc_id peer, enum hostile_way way,
    struct wire_note *n)
{
	struct zygote_item *item;

	if (peer <= PROC_ZYGOTE || way != FROM_REAL ||
	    n->type != ZYGOTE_JOB || n->fd_count != 1)
		return true;
	item = hostile_elem(n, sizeof(struct zygote_job), sizeof(*item), 0);
	if (item == NULL)
		return true;
	if (!mem.has_item) {
		mem.has_item = true;
		mem.item = *item;
		mem.fd = fcntl(n->fds[0], F_DUPFD_CLOEXEC, 3);
	}
	if (memcmp(mem.item.body.id, item->body.id, 16) == 0 ||
	    mem.item.padded_len != item->padded_len)
		return true;
	io_drop(&n->fds[0]);
	n->fds[0] = fcntl(mem.fd, F_DUPFD_CLOEXEC, 3);
	item->offset = mem.item.offset;
	hostile_say(h, "swapped");
	return true;
}

static const struct hostile_case cases[] = {
	{"report-at-once", report_at_once},
	{"only-manifest", only_manifest},
	{"skip-clam", skip_clam},
	{"other-bytes", other_bytes},
};

const struct hostile_kind hostile_inspect = {
	.procs = 1u << PROC_INSPECT,
	.cases = cases,
	.case_count = COUNT(cases),
	.reset = inspect_reset,
};
