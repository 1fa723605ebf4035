/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

#include "gatewayd/courier/folders.h"
#include "gatewayd/courier/ledger.h"
#include "gatewayd/courier/notice.h"
#include "gatewayd/courier/text.h"
#include "gatewayd/courier/tree.h"
#include "gatewayd/courier/watch.h"

#define TEXT_MAX (64u << 10)
#define CHOICES_MAX 1000u

/* --- whose text is it? --------------------------------------------- */

/* Does the text file hold the number?  GW_ENOENT: there is no such file. */
static enum gw_err
text_names(int dirfd, const char *name, const char *number, bool *found_out)
{
	uint8_t *text = NULL;
	size_t len = 0;
	enum gw_err err;

	err = io_load_file(dirfd, name, TEXT_MAX, &text, &len);
	if (err != GW_OK)
		return err;
	*found_out = number[0] != '\0' &&
	    memmem(text, len, number, strlen(number)) != NULL;
	mem_free(text);
	return GW_OK;
}

bool
notice_is_free(int dirfd, const char *name, const char *number)
{
	bool found = false;
	enum gw_err err;

	err = text_names(dirfd, name, number, &found);
	return err == GW_ENOENT || (err == GW_OK && found);
}

/* --- intake waits -------------------------------------------------- */

void
notice_intake_waits(struct courier *c, const char *flow, enum reason reason)
{
	const struct text_case text = {
		.name = "",
		.flow = flow,
		.number = "",
		.detail = "",
		.reason = reason,
		.wall_ms = clock_wall_ms(),
		.is_english = courier_is_english(c),
	};
	enum gw_err err;
	struct buf b;
	int dirfd = -1;

	buf_init(&b, TEXT_MAX);
	text_waiting(&b, &text);
	err = folders_for(c, "status", flow, &dirfd);
	if (err == GW_OK)
		err = io_replace_file(dirfd, TEXT_WAITING_NAME, b.data, b.len,
		    0640);
	log_warn("flow %s: intake waits: %s", flow, reason_code(reason));
	if (err != GW_OK)
		log_warn("flow %s: the status file cannot be written: %s",
		    flow, err_text_en(err));
	io_drop(&dirfd);
	buf_clear(&b);
}

void
notice_intake_goes_on(struct courier *c, const char *flow)
{
	enum gw_err err;
	int dirfd = -1;

	err = folders_for(c, "status", flow, &dirfd);
	if (err == GW_OK)
		err = io_unlinkat(dirfd, TEXT_WAITING_NAME, false);
	if (err != GW_OK && err != GW_ENOENT)
		log_warn("flow %s: the status file cannot be removed: %s",
		    flow, err_text_en(err));
	io_drop(&dirfd);
}

/* --- hold files ---------------------------------------------------- */

static void
case_of(const struct courier *c, const struct spool_work *job,
    const char *name, struct text_case *out)
{
	memset(out, 0, sizeof(*out));
	out->name = name;
	out->flow = job->flow;
	out->number = job->number;
	out->detail = job->detail;
	out->reason = reason_ok(job->reason) ? (enum reason)job->reason :
	    REASON_INTERNAL;
	out->wall_ms = job->state_ms;
	out->is_english = courier_is_english(c);
}

static enum gw_err
write_hold(struct courier *c, int dirfd, const struct spool_work *job,
    const char *name)
{
	enum transfer_state state = (enum transfer_state)job->state;
	char path[NAME_MAX + 1];
	struct text_case text;
	struct buf b;
	enum gw_err err = GW_EEXIST;
	unsigned n;

	case_of(c, job, name, &text);
	if (text.reason == REASON_NONE && state == ST_WAITING)
		text.reason = REASON_NEEDS_APPROVAL;
	buf_init(&b, TEXT_MAX);
	text_hold(&b, &text, text.is_english ? transfer_state_en(state) :
	    transfer_state_ja(state));
	for (n = 1; n <= CHOICES_MAX; n++) {
		text_beside(name, n, TEXT_HOLD_SUFFIX, path);
		if (!notice_is_free(dirfd, path, job->number))
			continue;
		err = io_replace_file(dirfd, path, b.data, b.len, 0640);
		break;
	}
	buf_clear(&b);
	return err;
}

struct unhold {
	int dirfd;
	const char *number;
};

static enum gw_err
unhold_name(void *arg, const char *name)
{
	static const char suffix[] = TEXT_HOLD_SUFFIX;
	const struct unhold *u = arg;
	size_t len = strlen(name);
	bool found = false;

	if (len <= sizeof(suffix) - 1 ||
	    strcmp(name + len - (sizeof(suffix) - 1), suffix) != 0)
		return GW_OK;
	if (text_names(u->dirfd, name, u->number, &found) != GW_OK || !found)
		return GW_OK;
	return io_unlinkat(u->dirfd, name, false);
}

/*
 * Looked for by its number: nothing has to be decrypted to take a note away,
 * and mostly there is none.
 */
static enum gw_err
remove_hold(int dirfd, const char *number)
{
	struct unhold u = {.dirfd = dirfd, .number = number};
	enum gw_err err;

	err = tree_list(dirfd, unhold_name, &u);
	return err == GW_ENOENT ? GW_OK : err;
}

/* --- reason files -------------------------------------------------- */

enum gw_err
notice_reason(struct courier *c, int dirfd, const struct spool_work *job,
    const char *name, unsigned n, bool is_returned)
{
	char path[NAME_MAX + 1];
	struct text_case text;
	struct buf b;
	enum gw_err err;

	text_beside(name, n, TEXT_REASON_SUFFIX, path);
	if (!notice_is_free(dirfd, path, job->number))
		return GW_EEXIST;
	case_of(c, job, name, &text);
	text.is_returned = is_returned;
	buf_init(&b, TEXT_MAX);
	text_refusal(&b, &text);
	err = io_replace_file(dirfd, path, b.data, b.len, 0640);
	buf_clear(&b);
	return err;
}

static enum gw_err
write_reason(struct courier *c, const struct spool_work *job,
    const char *name)
{
	enum gw_err err;
	int dirfd = -1;
	unsigned n;

	err = folders_for(c, "rejected", job->flow, &dirfd);
	if (err != GW_OK)
		return err;
	err = GW_EEXIST;
	for (n = 1; n <= CHOICES_MAX && err == GW_EEXIST; n++)
		err = notice_reason(c, dirfd, job, name, n, false);
	io_drop(&dirfd);
	return err;
}

/* --- what a state asks for ----------------------------------------- */

bool
notice_needs_name(const struct spool_work *job)
{
	switch ((enum transfer_state)job->state) {
	case ST_HELD:
	case ST_WAITING:
	case ST_POISON:
	case ST_REJECTED:
	case ST_QUARANTINED:
	case ST_DAMAGED:
	case ST_EXPIRED:
	case ST_REVOKED:
	case ST_WITHDRAWN:
	case ST_CONFIRMED:
	case ST_UNCONFIRMED:
		return true;
	case ST_RECEIVING:
	case ST_ACCEPTED:
	case ST_INSPECTED:
	case ST_APPROVED:
	case ST_SEALED:
	case ST_SENT:
	case ST_ARRIVING:
	case ST_COMPLETE:
	case ST_OPENED:
	case ST_REINSPECTED:
	case ST_DELIVERING:
	case ST_DELIVERED:
	case ST_ERASED:
		break;
	}
	return false;
}

static bool
is_hold(const struct spool_work *job)
{
	return job->state == ST_HELD || job->state == ST_WAITING ||
	    job->state == ST_POISON;
}

static bool
is_arrival(const struct spool_work *job)
{
	return job->state == ST_CONFIRMED || job->state == ST_UNCONFIRMED;
}

static void
add_to_ledger(struct courier *c, const struct spool_work *job,
    const char *name)
{
	const struct ledger_line line = {
		.kind = job->side == SIDE_HIGH ? LEDGER_DELIVERED :
		    LEDGER_SENT,
		.flow = job->flow,
		.number = job->number,
		.wall_ms = job->state_ms,
		.name = name,
		.size = job->plain_bytes,
		.state = (enum transfer_state)job->state,
		.reason = is_arrival(job) ? REASON_NONE :
		    reason_ok(job->reason) ? (enum reason)job->reason :
		    REASON_INTERNAL,
		.target = "",
	};

	ledger_add_once(c->ledgers, &line);
}

enum gw_err
notice_show(struct courier *c, const struct spool_work *job, const char *name)
{
	enum gw_err err;
	int dirfd = -1;

	/*
	 * Damaged or unknown before it could be opened: whose folder it is for
	 * nobody knows.  Officers see it in doctor and in the list of holds.
	 */
	if (job->flow[0] == '\0')
		return GW_OK;
	err = folders_for(c, "status", job->flow, &dirfd);
	if (err != GW_OK)
		return err;
	if (is_hold(job))
		err = write_hold(c, dirfd, job, name);
	else
		err = remove_hold(dirfd, job->number);
	io_drop(&dirfd);
	if (err != GW_OK || !notice_needs_name(job))
		return err;
	if (!is_hold(job) && !is_arrival(job))
		err = write_reason(c, job, name);
	if (err == GW_OK)
		add_to_ledger(c, job, name);
	return err;
}
