/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/crypto/crypto.h"
#include "proto/parcel/header.h"
#include "gatewayd/keys/bucket.h"

#include "gatewayd/keys/store.h"

#define STORE_MAGIC "GWSLOTS1"
#define STORE_OPEN_MAX 8	/* buckets open at once */
#define SLOT_COUNT_MAX (UINT32_MAX - PARCEL_BODIES_MAX - 2)
#define NAME_LEN 32

struct open_bucket {
	struct bucket *keys;
	uint64_t used;		/* clock of the cache */
	uint32_t month;		/* 0: free */
	uint32_t slots;		/* next free */
	int fd;
	bool is_dirty;
};

struct store {
	struct open_bucket open[STORE_OPEN_MAX];
	uint64_t clock;
	int dirfd;
};

struct store_header {
	char magic[8];
	uint32_t slot_len;
	uint32_t month;
	uint8_t reserved[SLOT_LEN - 16];
};
_Static_assert(sizeof(struct store_header) == SLOT_LEN, "one block");

struct store *
store_new(int dirfd)
{
	struct store *s = mem_alloc(sizeof(*s));
	int i;

	s->dirfd = dirfd;
	for (i = 0; i < STORE_OPEN_MAX; i++)
		s->open[i].fd = -1;
	return s;
}

static void
bucket_close(struct open_bucket *b)
{
	bucket_free(b->keys);
	io_drop(&b->fd);
	memset(b, 0, sizeof(*b));
	b->fd = -1;
}

void
store_free(struct store *s)
{
	int i;

	if (s == NULL)
		return;
	for (i = 0; i < STORE_OPEN_MAX; i++)
		bucket_close(&s->open[i]);
	mem_free(s);
}

/* --- buckets ------------------------------------------------------------ */

static enum gw_err
bucket_begin(struct store *s, struct open_bucket *b)
{
	struct store_header h = {.slot_len = SLOT_LEN, .month = b->month};
	enum gw_err err;

	memcpy(h.magic, STORE_MAGIC, sizeof(h.magic));
	err = io_pwrite_full(b->fd, &h, sizeof(h), 0);
	if (err == GW_OK)
		err = io_fdatasync(b->fd);
	if (err == GW_OK)
		err = io_fsync(s->dirfd);
	return err;
}

static enum gw_err
bucket_check(struct open_bucket *b, uint64_t size)
{
	struct store_header h;
	uint64_t slots;
	enum gw_err err;

	err = io_pread_full(b->fd, &h, sizeof(h), 0);
	if (err != GW_OK)
		return err == GW_ETRUNC ? GW_EHASH : err;
	if (memcmp(h.magic, STORE_MAGIC, sizeof(h.magic)) != 0 ||
	    h.slot_len != SLOT_LEN || h.month != b->month)
		return GW_EHASH;
	slots = (size + SLOT_LEN - 1) / SLOT_LEN - 1;
	if (slots > SLOT_COUNT_MAX)
		return GW_EHASH;
	b->slots = (uint32_t)slots;
	return GW_OK;
}

static enum gw_err
bucket_load(struct store *s, struct open_bucket *b, bool may_make)
{
	char name[NAME_LEN];
	struct stat st;
	enum gw_err err;

	err = bucket_open(s->dirfd, b->month, may_make, &b->keys);
	if (err != GW_OK)
		return err;
	(void)snprintf(name, sizeof(name), "slots-%06u", b->month);
	err = io_openat(s->dirfd, name, O_RDWR | (may_make ? O_CREAT : 0),
	    0600, &b->fd);
	if (err == GW_OK)
		err = io_stat(b->fd, &st);
	if (err != GW_OK)
		return err;
	/* A header cut off by a crash had no slot behind it yet. */
	return st.st_size < SLOT_LEN && may_make ? bucket_begin(s, b) :
	    bucket_check(b, (uint64_t)st.st_size);
}

/* A place in the cache: a free one, or the one longest unused. */
static enum gw_err
bucket_place(struct store *s, struct open_bucket **out)
{
	struct open_bucket *b, *oldest = &s->open[0];
	enum gw_err err = GW_OK;
	int i;

	for (i = 0; i < STORE_OPEN_MAX; i++) {
		b = &s->open[i];
		if (b->month == 0) {
			*out = b;
			return GW_OK;
		}
		if (b->used < oldest->used)
			oldest = b;
	}
	if (oldest->is_dirty)
		err = io_fdatasync(oldest->fd);
	if (err == GW_OK) {
		bucket_close(oldest);
		*out = oldest;
	}
	return err;
}

static enum gw_err
bucket_find(struct store *s, uint32_t month, bool may_make,
    struct open_bucket **out)
{
	struct open_bucket *b = NULL;
	enum gw_err err;
	int i;

	for (i = 0; i < STORE_OPEN_MAX; i++) {
		if (s->open[i].month == month && month != 0) {
			s->open[i].used = ++s->clock;
			*out = &s->open[i];
			return GW_OK;
		}
	}
	if (!bucket_month_ok(month))
		return GW_ENOENT;
	if ((err = bucket_place(s, &b)) != GW_OK)
		return err;
	b->month = month;
	b->used = ++s->clock;
	err = bucket_load(s, b, may_make);
	if (err != GW_OK) {
		if (err != GW_ENOENT)
			log_err("keystore: bucket %u: %s", month,
			    err_text_en(err));
		bucket_close(b);
		return err;
	}
	*out = b;
	return GW_OK;
}

/* --- slots -------------------------------------------------------------- */

static uint64_t
slot_offset(uint32_t slot)
{
	return ((uint64_t)slot + 1) * SLOT_LEN;
}

static enum gw_err
slot_check(struct open_bucket *b, uint32_t slot, const uint8_t *bytes)
{
	uint8_t tag[SLOT_TAG_LEN];
	uint32_t kind;
	enum gw_err err;

	memcpy(&kind, bytes, sizeof(kind));
	if (kind == 0)
		return GW_ENOENT; /* reserved, not written */
	err = bucket_tag(b->keys, slot, bytes, tag);
	if (err != GW_OK)
		return err;
	if (mem_equal(tag, bytes + SLOT_LEN - SLOT_TAG_LEN, SLOT_TAG_LEN))
		return GW_OK;
	log_err("keystore: slot %u of bucket %u is damaged", slot, b->month);
	return GW_EHASH;
}

/* Read count slots; at least the first must be there. */
static enum gw_err
slots_read(struct open_bucket *b, uint32_t slot, uint32_t count, void *out)
{
	uint8_t *bytes = out;
	enum gw_err err;
	uint32_t i;

	if (slot >= b->slots || count > b->slots - slot)
		return GW_ENOENT;
	err = io_pread_full(b->fd, bytes, (size_t)count * SLOT_LEN,
	    slot_offset(slot));
	if (err == GW_ETRUNC)
		return GW_ENOENT;
	for (i = 0; i < count && err == GW_OK; i++)
		err = slot_check(b, slot + i, bytes + (size_t)i * SLOT_LEN);
	return err;
}

static enum gw_err
slot_write(struct open_bucket *b, uint32_t slot, void *record)
{
	uint8_t *bytes = record;
	enum gw_err err;

	if (slot >= b->slots)
		return GW_ENOENT;
	err = bucket_tag(b->keys, slot, bytes,
	    bytes + SLOT_LEN - SLOT_TAG_LEN);
	if (err != GW_OK)
		return err;
	b->is_dirty = true;
	return io_pwrite_full(b->fd, bytes, SLOT_LEN, slot_offset(slot));
}

enum gw_err
store_add(struct store *s, uint32_t bucket, struct transfer_slot *t,
    struct key_ref *ref_out)
{
	struct open_bucket *b = NULL;
	struct key_ref ref;
	uint32_t before;
	enum gw_err err;

	if (t->body_count == 0 || t->body_count > PARCEL_BODIES_MAX)
		return GW_EINVAL;
	if ((err = bucket_find(s, bucket, true, &b)) != GW_OK)
		return err;
	before = b->slots;
	if (before >= SLOT_COUNT_MAX)
		return GW_ESPACE;
	memcpy(ref.id, t->id, sizeof(ref.id));
	ref.bucket = bucket;
	ref.slot = before;
	/*
	 * The file's size holds the reservation: after a restart nobody else
	 * gets these slots.
	 */
	err = io_truncate(b->fd, slot_offset(before + 1 + t->body_count));
	if (err != GW_OK)
		return err;
	b->slots = before + 1 + t->body_count;
	err = slot_write(b, ref.slot, t);
	if (err == GW_OK)
		*ref_out = ref;
	return err;
}

enum gw_err
store_get(struct store *s, const struct key_ref *ref,
    struct transfer_slot *out)
{
	struct open_bucket *b = NULL;
	struct transfer_slot t;
	enum gw_err err;

	if ((err = bucket_find(s, ref->bucket, false, &b)) != GW_OK ||
	    (err = slots_read(b, ref->slot, 1, &t)) != GW_OK)
		return err;
	if (t.kind != SLOT_TRANSFER ||
	    memcmp(t.id, ref->id, sizeof(t.id)) != 0)
		return GW_ENOENT;
	*out = t;
	return GW_OK;
}

enum gw_err
store_put(struct store *s, const struct key_ref *ref, struct transfer_slot *t)
{
	struct open_bucket *b = NULL;
	enum gw_err err;

	if ((err = bucket_find(s, ref->bucket, false, &b)) != GW_OK)
		return err;
	return slot_write(b, ref->slot, t);
}

enum gw_err
store_get_bodies(struct store *s, const struct key_ref *transfer,
    uint32_t first, uint32_t count, struct body_slot *out)
{
	struct open_bucket *b = NULL;
	enum gw_err err;
	uint32_t i;

	if (count == 0 || count > STORE_BATCH || first >= PARCEL_BODIES_MAX ||
	    transfer->slot >= SLOT_COUNT_MAX)
		return GW_EINVAL;
	if ((err = bucket_find(s, transfer->bucket, false, &b)) != GW_OK ||
	    (err = slots_read(b, transfer->slot + 1 + first, count, out)) !=
	    GW_OK)
		return err;
	for (i = 0; i < count; i++) {
		if (out[i].kind != SLOT_BODY || out[i].index != first + i ||
		    memcmp(out[i].transfer_id, transfer->id, 16) != 0)
			return GW_ENOENT;
	}
	return GW_OK;
}

enum gw_err
store_get_body(struct store *s, const struct key_ref *transfer,
    uint32_t index, struct body_slot *out)
{
	struct body_slot body;
	enum gw_err err;

	err = store_get_bodies(s, transfer, index, 1, &body);
	if (err == GW_OK)
		*out = body;
	return err;
}

enum gw_err
store_put_body(struct store *s, const struct key_ref *transfer,
    struct body_slot *body)
{
	struct open_bucket *b = NULL;
	enum gw_err err;

	if (body->index >= PARCEL_BODIES_MAX ||
	    transfer->slot >= SLOT_COUNT_MAX)
		return GW_EINVAL;
	if ((err = bucket_find(s, transfer->bucket, false, &b)) != GW_OK)
		return err;
	return slot_write(b, transfer->slot + 1 + body->index, body);
}

enum gw_err
store_find_body(struct store *s, const struct key_ref *ref,
    struct body_slot *body_out, struct key_ref *ref_out,
    struct transfer_slot *transfer_out)
{
	struct open_bucket *b = NULL;
	struct transfer_slot t;
	struct body_slot body;
	struct key_ref owner;
	enum gw_err err;

	if ((err = bucket_find(s, ref->bucket, false, &b)) != GW_OK ||
	    (err = slots_read(b, ref->slot, 1, &body)) != GW_OK)
		return err;
	if (body.kind != SLOT_BODY || memcmp(body.id, ref->id, 16) != 0 ||
	    body.index >= ref->slot)
		return GW_ENOENT;
	memcpy(owner.id, body.transfer_id, sizeof(owner.id));
	owner.bucket = ref->bucket;
	owner.slot = ref->slot - 1 - body.index;
	if ((err = store_get(s, &owner, &t)) != GW_OK)
		return err;
	if (body.index >= t.body_count)
		return GW_ENOENT;
	*body_out = body;
	*ref_out = owner;
	*transfer_out = t;
	return GW_OK;
}

void
store_body_ref(const struct key_ref *transfer, const struct body_slot *body,
    struct key_ref *out)
{
	memcpy(out->id, body->id, sizeof(out->id));
	out->bucket = transfer->bucket;
	out->slot = transfer->slot + 1 + body->index;
}

/* --- keys in slots ------------------------------------------------------ */

enum gw_err
store_wrap(struct store *s, const struct key_ref *transfer,
    struct body_slot *body, const uint8_t key[32])
{
	struct open_bucket *b = NULL;
	enum gw_err err;

	if ((err = bucket_find(s, transfer->bucket, false, &b)) != GW_OK)
		return err;
	crypto_random(body->nonce, sizeof(body->nonce));
	err = bucket_wrap(b->keys, "body", body->id, body->nonce, key,
	    body->wrapped);
	if (err == GW_OK)
		body->flags |= BODY_HAS_KEY;
	return err;
}

enum gw_err
store_unwrap(struct store *s, const struct key_ref *transfer,
    const struct body_slot *body, uint8_t key_out[32])
{
	struct open_bucket *b = NULL;
	enum gw_err err;

	if ((body->flags & BODY_HAS_KEY) == 0)
		return GW_ENOENT;
	if ((err = bucket_find(s, transfer->bucket, false, &b)) != GW_OK)
		return err;
	return bucket_unwrap(b->keys, "body", body->id, body->nonce,
	    body->wrapped, key_out);
}

void
store_forget(struct body_slot *body)
{
	mem_clear(body->wrapped, sizeof(body->wrapped));
	body->flags &= ~(uint32_t)BODY_HAS_KEY;
}

enum gw_err
store_wrap_parcel(struct store *s, const struct key_ref *ref,
    struct transfer_slot *t, const uint8_t key[32])
{
	struct open_bucket *b = NULL;
	enum gw_err err;

	if ((err = bucket_find(s, ref->bucket, false, &b)) != GW_OK)
		return err;
	/* A parcel id is random and names one key: its start is the nonce. */
	return bucket_wrap(b->keys, "parcel", t->id, t->parcel_id, key,
	    t->parcel_key);
}

enum gw_err
store_unwrap_parcel(struct store *s, const struct key_ref *ref,
    const struct transfer_slot *t, uint8_t key_out[32])
{
	struct open_bucket *b = NULL;
	enum gw_err err;

	if ((err = bucket_find(s, ref->bucket, false, &b)) != GW_OK)
		return err;
	return bucket_unwrap(b->keys, "parcel", t->id, t->parcel_id,
	    t->parcel_key, key_out);
}

enum gw_err
store_sync(struct store *s)
{
	struct open_bucket *b;
	enum gw_err err;
	int i;

	for (i = 0; i < STORE_OPEN_MAX; i++) {
		b = &s->open[i];
		if (b->month == 0 || !b->is_dirty)
			continue;
		if ((err = io_fdatasync(b->fd)) != GW_OK)
			return err;
		b->is_dirty = false;
	}
	return GW_OK;
}
