/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rd.h"
#include "base/sha256.h"
#include "proto/record/reason.h"

#include "gatewayd/courier/journal.h"
#include "gatewayd/courier/tree.h"

#define JOURNAL_NAME "journal"
#define JOURNAL_MAGIC 0x47574a31u	/* "GWJ1" */
#define JOURNAL_RECORD_MAX 8192u
#define JOURNAL_BUF_MAX (8u << 20)
#define JOURNAL_FILE_MAX (256u << 20)
#define JOURNAL_LONG (4u << 20)
#define CHECK_LEN 8

struct journal {
	struct buf pending;
	int dirfd;
	int fd;
	uint64_t size;		/* of good records in the file */
};

struct claim *
journal_claim_new(void)
{
	return mem_alloc(sizeof(struct claim));
}

void
journal_claim_free(struct claim *claim)
{
	if (claim == NULL)
		return;
	mem_free(claim->origin);
	mem_free(claim);
}

/* --- one record ---------------------------------------------------- */

static void
put_text(struct buf *b, const char *text)
{
	size_t len = strlen(text);

	buf_put_u16(b, (uint16_t)len);
	buf_put(b, text, len);
}

static void
put_claim(struct buf *b, const struct claim *claim)
{
	buf_put_u8(b, (uint8_t)claim->state);
	buf_put(b, claim->id, sizeof(claim->id));
	if (claim->state == CLAIM_END)
		return;
	put_text(b, claim->flow);
	put_text(b, claim->person);
	put_text(b, claim->recipient);
	put_text(b, claim->name);
	put_text(b, claim->origin);
	buf_put(b, claim->transfer.id, sizeof(claim->transfer.id));
	buf_put_u32(b, claim->transfer.bucket);
	buf_put_u32(b, claim->transfer.slot);
	put_text(b, claim->number);
	buf_put_u16(b, claim->reason);
	put_text(b, claim->detail);
	buf_put_u8(b, claim->is_left);
}

static void
put_record(struct buf *b, const struct claim *claim)
{
	uint8_t hash[SHA256_LEN];
	size_t start = b->len, len;
	int i;

	buf_put_u32(b, JOURNAL_MAGIC);
	buf_put_u32(b, 0);
	put_claim(b, claim);
	if (!buf_ok(b))
		log_fatal("journal: more than %u bytes wait",
		    JOURNAL_BUF_MAX);
	len = b->len - start - 8;
	for (i = 7; i >= 4; i--, len >>= 8)
		b->data[start + (size_t)i] = (uint8_t)len;
	if (sha256_of(b->data + start, b->len - start, hash) != GW_OK)
		log_fatal("journal: cannot hash");
	buf_put(b, hash, CHECK_LEN);
}

static enum gw_err
get_text(struct rd *r, char *out, size_t size)
{
	const uint8_t *p;
	uint16_t len;
	enum gw_err err;

	err = rd_u16(r, &len);
	if (err == GW_OK)
		err = rd_span(r, len, &p);
	if (err != GW_OK)
		return err;
	if (len >= size || memchr(p, 0, len) != NULL)
		return GW_EFORMAT;
	memcpy(out, p, len);
	out[len] = '\0';
	return GW_OK;
}

static enum gw_err
get_rest(struct rd *r, struct claim *claim)
{
	char origin[PATH_MAX];
	uint8_t is_left;
	enum gw_err err;

	if ((err = get_text(r, claim->flow, sizeof(claim->flow))) != GW_OK ||
	    (err = get_text(r, claim->person, sizeof(claim->person))) !=
	    GW_OK ||
	    (err = get_text(r, claim->recipient,
	    sizeof(claim->recipient))) != GW_OK ||
	    (err = get_text(r, claim->name, sizeof(claim->name))) != GW_OK ||
	    (err = get_text(r, origin, sizeof(origin))) != GW_OK ||
	    (err = rd_copy(r, claim->transfer.id,
	    sizeof(claim->transfer.id))) != GW_OK ||
	    (err = rd_u32(r, &claim->transfer.bucket)) != GW_OK ||
	    (err = rd_u32(r, &claim->transfer.slot)) != GW_OK ||
	    (err = get_text(r, claim->number, sizeof(claim->number))) !=
	    GW_OK ||
	    (err = rd_u16(r, &claim->reason)) != GW_OK ||
	    (err = get_text(r, claim->detail, sizeof(claim->detail))) !=
	    GW_OK ||
	    (err = rd_u8(r, &is_left)) != GW_OK)
		return err;
	claim->is_left = is_left != 0;
	claim->origin = mem_strdup(origin);
	return reason_ok(claim->reason) ? GW_OK : GW_EFORMAT;
}

static enum gw_err
get_claim(struct rd *r, struct claim *claim)
{
	uint8_t state;
	enum gw_err err;

	err = rd_u8(r, &state);
	if (err == GW_OK)
		err = rd_copy(r, claim->id, sizeof(claim->id));
	if (err != GW_OK)
		return err;
	if (state < CLAIM_TAKEN || state > CLAIM_END)
		return GW_EFORMAT;
	claim->state = (enum claim_state)state;
	tree_hex(claim->id, claim->hex);
	if (claim->state != CLAIM_END)
		err = get_rest(r, claim);
	return err == GW_OK ? rd_end(r) : err;
}

/* Checks the frame, then reads; the cursor moves past the record. */
static enum gw_err
get_record(struct rd *r, struct claim *claim)
{
	uint8_t hash[SHA256_LEN];
	const uint8_t *bytes = r->p, *check;
	uint32_t magic, len;
	enum gw_err err;
	struct rd body;

	if ((err = rd_u32(r, &magic)) != GW_OK ||
	    (err = rd_u32(r, &len)) != GW_OK)
		return err;
	if (magic != JOURNAL_MAGIC || len > JOURNAL_RECORD_MAX)
		return GW_EFORMAT;
	if ((err = rd_sub(r, len, &body)) != GW_OK ||
	    (err = rd_span(r, CHECK_LEN, &check)) != GW_OK)
		return err;
	if ((err = sha256_of(bytes, 8 + (size_t)len, hash)) != GW_OK)
		return err;
	if (memcmp(hash, check, CHECK_LEN) != 0)
		return GW_EHASH;
	return get_claim(&body, claim);
}

/* --- the file ------------------------------------------------------ */

/* The newest record of a claim replaces the one before it. */
static void
live_put(struct claim_list *live, struct claim *claim)
{
	struct claim *old;

	TAILQ_FOREACH_REVERSE(old, live, claim_list, next) {
		if (memcmp(old->id, claim->id, sizeof(old->id)) == 0)
			break;
	}
	if (old != NULL) {
		TAILQ_REMOVE(live, old, next);
		journal_claim_free(old);
	}
	if (claim->state == CLAIM_END)
		journal_claim_free(claim);
	else
		TAILQ_INSERT_TAIL(live, claim, next);
}

/* Returns false if the file must be made, or made anew. */
static bool
journal_load(struct journal *j, struct claim_list *live)
{
	struct claim *claim;
	uint8_t *data = NULL;
	size_t len = 0, left;
	enum gw_err err;
	struct rd r;

	err = io_load_file(j->dirfd, JOURNAL_NAME, JOURNAL_FILE_MAX, &data,
	    &len);
	if (err == GW_ENOENT)
		return false;
	if (err != GW_OK)
		log_fatal("journal of claims: %s", err_text_en(err));
	rd_init(&r, data, len);
	for (left = len; rd_left(&r) > 0; left = rd_left(&r)) {
		claim = journal_claim_new();
		if (get_record(&r, claim) != GW_OK) {
			journal_claim_free(claim);
			log_info("journal of claims: the last %zu bytes are "
			    "not whole, as after a power failure", left);
			break;
		}
		live_put(live, claim);
	}
	mem_free(data);
	j->size = len - left;
	return left == 0 && !journal_is_long(j);
}

struct journal *
journal_open(int dirfd, struct claim_list *live)
{
	struct journal *j = mem_alloc(sizeof(*j));
	enum gw_err err;

	j->dirfd = dirfd;
	j->fd = -1;
	buf_init(&j->pending, JOURNAL_BUF_MAX);
	if (journal_load(j, live)) {
		err = io_openat(dirfd, JOURNAL_NAME, O_WRONLY, 0, &j->fd);
	} else {
		/* What follows must not stand behind a torn record. */
		journal_compact(j, live);
		err = io_fsync(dirfd);
	}
	if (err != GW_OK)
		log_fatal("journal of claims: %s", err_text_en(err));
	return j;
}

void
journal_free(struct journal *j)
{
	if (j == NULL)
		return;
	buf_clear(&j->pending);
	io_drop(&j->fd);
	mem_free(j);
}

void
journal_put(struct journal *j, const struct claim *claim)
{
	put_record(&j->pending, claim);
}

bool
journal_is_dirty(const struct journal *j)
{
	return j->pending.len > 0;
}

enum gw_err
journal_flush(struct journal *j, bool is_synced)
{
	enum gw_err err;

	if (j->pending.len == 0)
		return GW_OK;
	err = io_pwrite_full(j->fd, j->pending.data, j->pending.len, j->size);
	if (err == GW_ESPACE) {
		/* Part of it may be there; nobody acts on it, so cut it. */
		buf_reset(&j->pending);
		if (io_truncate(j->fd, j->size) != GW_OK)
			log_fatal("journal of claims: cannot be cut after "
			    "space ran out");
		return GW_ESPACE;
	}
	if (err == GW_OK && !is_synced)
		err = io_fdatasync(j->fd);
	if (err != GW_OK)
		log_fatal("journal of claims: %s: intake stops",
		    err_text_en(err));
	j->size += j->pending.len;
	buf_reset(&j->pending);
	return GW_OK;
}

bool
journal_is_long(const struct journal *j)
{
	return j->size > JOURNAL_LONG;
}

void
journal_compact(struct journal *j, const struct claim_list *live)
{
	const struct claim *claim;
	enum gw_err err;
	struct buf b;

	buf_init(&b, JOURNAL_FILE_MAX);
	TAILQ_FOREACH(claim, live, next)
		put_record(&b, claim);
	err = io_replace_file(j->dirfd, JOURNAL_NAME, b.data, b.len, 0600);
	io_drop(&j->fd);
	if (err == GW_OK)
		err = io_openat(j->dirfd, JOURNAL_NAME, O_WRONLY, 0, &j->fd);
	if (err != GW_OK)
		log_fatal("journal of claims: %s", err_text_en(err));
	j->size = b.len;
	buf_clear(&b);
}
