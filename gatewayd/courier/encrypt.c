/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "proto/crypto/merkle.h"
#include "proto/parcel/body.h"

#include "gatewayd/courier/encrypt.h"

#define SLICE_CHUNKS (COURIER_SLICE_BYTES / BODY_CHUNK)
#define TABLE_ENTRIES 4096u	/* of the chunk table kept before writing */

/* Write-back is begun early, so that the spool's fdatasync finds little. */
#define WRITE_BACK_BYTES (8u << 20)

struct encrypt {
	struct encrypt_source source;
	struct tree_mark mark;
	int src_fd, dst_fd;
	struct body_cipher *cipher;
	struct sha256 *hash;
	struct merkle tree;
	struct ipc_body body;
	uint64_t chunks, next;
	uint8_t *table;		/* entries not yet written */
	uint32_t table_count;
	uint64_t table_off;	/* where they go in the file */
	uint64_t written_back;
};

/*
 * Open what was counted.  O_NONBLOCK: whatever has come into its place, a
 * FIFO for one, must not hang us.
 */
static enum gw_err
source_open(const struct encrypt_source *s, int *fd_out,
    enum reason *reason_out)
{
	struct stat st;
	enum gw_err err;
	int fd = -1;

	err = io_openat(s->dirfd, s->path,
	    O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0, &fd);
	if (err == GW_OK)
		err = io_stat(fd, &st);
	if (err == GW_ENOENT) {
		*reason_out = REASON_CHANGED_WHILE_READ;
		return GW_EBUSY;
	}
	if (err == GW_EDENIED || err == GW_EIO || err == GW_ESYS)
		*reason_out = REASON_UNREADABLE;
	if (err != GW_OK)
		return err;
	if (!S_ISREG(st.st_mode) || st.st_nlink > 1 ||
	    !tree_is_same(s->mark, &st)) {
		io_drop(&fd);
		*reason_out = REASON_CHANGED_WHILE_READ;
		return GW_EBUSY;
	}
	*fd_out = fd;
	return GW_OK;
}

/* After the last byte: nothing more to read, and nothing was touched. */
static enum gw_err
source_check(const struct encrypt_source *s, int fd, enum reason *reason_out)
{
	struct stat st;
	uint8_t more;
	size_t got = 0;
	enum gw_err err;

	err = io_read_some(fd, &more, 1, &got);
	if (err == GW_OK)
		err = io_stat(fd, &st);
	if (err == GW_OK && (got != 0 || !tree_is_same(s->mark, &st)))
		err = GW_EBUSY;
	if (err != GW_OK)
		*reason_out = err == GW_EBUSY ? REASON_CHANGED_WHILE_READ :
		    REASON_UNREADABLE;
	return err;
}

static enum gw_err
source_read(int fd, uint8_t *out, size_t len, enum reason *reason_out)
{
	enum gw_err err;

	err = io_read_full(fd, out, len);
	if (err == GW_ETRUNC) {
		*reason_out = REASON_CHANGED_WHILE_READ;
		return GW_EBUSY;
	}
	if (err != GW_OK)
		*reason_out = REASON_UNREADABLE;
	return err;
}

/* --- small --------------------------------------------------------- */

bool
encrypt_is_small(uint64_t plain_len)
{
	return plain_len <= ENCRYPT_PLAIN_MAX;
}

bool
encrypt_put_fits(const struct encrypt_put *put, uint64_t plain_len)
{
	uint64_t len = body_stored_len(body_padded_len(plain_len));

	return put->fd == -1 || (put->count < IPC_BATCH_MAX &&
	    put->used + len <= ENCRYPT_PUT_MAX);
}

static enum gw_err
small_read(const struct encrypt_source *s, uint8_t *out,
    enum reason *reason_out)
{
	enum gw_err err;
	int fd = -1;

	if (s->bytes != NULL) {
		memcpy(out, s->bytes, (size_t)s->size);
		return GW_OK;
	}
	err = source_open(s, &fd, reason_out);
	if (err == GW_OK)
		err = source_read(fd, out, (size_t)s->size, reason_out);
	if (err == GW_OK)
		err = source_check(s, fd, reason_out);
	io_drop(&fd);
	return err;
}

enum gw_err
encrypt_small(struct courier *c, struct encrypt_put *put,
    const struct encrypt_source *s, const struct keys_body_made *made,
    uint32_t index, uint8_t sha256_out[32], enum reason *reason_out)
{
	const uint64_t padded = body_padded_len(s->size);
	const size_t stored = (size_t)body_stored_len(padded);
	struct ipc_body body = {0};
	enum gw_err err;

	*reason_out = REASON_NONE;
	err = small_read(s, c->plain, reason_out);
	if (err == GW_OK)
		err = sha256_of(c->plain, (size_t)s->size, sha256_out);
	if (err == GW_OK)
		err = body_seal_small(made->key, made->body.id, c->plain,
		    (size_t)s->size, c->cipher, body.root);
	if (err == GW_OK && put->fd == -1)
		err = io_memfd("bodies", &put->fd);
	if (err == GW_OK)
		err = io_write_full(put->fd, c->cipher, stored);
	if (err != GW_OK)
		return err;
	memcpy(body.id, made->body.id, sizeof(body.id));
	body.padded_len = padded;
	body.plain_len = s->size;
	body.offset = put->used;
	body.index = index;
	put->bodies[put->count++] = body;
	put->used += stored;
	return GW_OK;
}

void
encrypt_put_clear(struct encrypt_put *put)
{
	io_drop(&put->fd);
	put->used = 0;
	put->count = 0;
}

/* --- large --------------------------------------------------------- */

enum gw_err
encrypt_open(const struct encrypt_source *s, const struct keys_body_made *made,
    uint32_t index, int dst_fd, struct encrypt **out, enum reason *reason_out)
{
	struct encrypt *e = mem_alloc(sizeof(*e));
	enum gw_err err = GW_OK;

	*reason_out = REASON_NONE;
	e->source = *s;
	e->src_fd = -1;
	e->dst_fd = dst_fd;
	if (s->bytes == NULL) {
		e->mark = *s->mark;
		e->source.mark = &e->mark;
		err = source_open(s, &e->src_fd, reason_out);
	}
	if (err == GW_OK)
		err = body_cipher_new(made->key, made->body.id, &e->cipher);
	if (err == GW_OK)
		err = sha256_new(&e->hash);
	if (err != GW_OK) {
		encrypt_free(e);
		return err;
	}
	merkle_init(&e->tree);
	memcpy(e->body.id, made->body.id, sizeof(e->body.id));
	e->body.plain_len = s->size;
	e->body.padded_len = body_padded_len(s->size);
	e->body.index = index;
	e->chunks = body_chunk_count(e->body.padded_len);
	e->table = mem_array(TABLE_ENTRIES, BODY_ENTRY_LEN);
	e->table_off = e->body.padded_len;
	*out = e;
	return GW_OK;
}

void
encrypt_free(struct encrypt *e)
{
	if (e == NULL)
		return;
	body_cipher_free(e->cipher);
	sha256_free(e->hash);
	mem_free(e->table);
	io_drop(&e->src_fd);
	io_drop(&e->dst_fd);
	mem_free(e);
}

/* Plaintext of some chunks, zeros behind its end. */
static enum gw_err
large_read(struct encrypt *e, uint8_t *out, uint64_t off, size_t len,
    enum reason *reason_out)
{
	size_t n = 0;
	enum gw_err err = GW_OK;

	if (off < e->source.size)
		n = e->source.size - off < len ?
		    (size_t)(e->source.size - off) : len;
	if (n > 0 && e->source.bytes != NULL)
		memcpy(out, e->source.bytes + off, n);
	else if (n > 0)
		err = source_read(e->src_fd, out, n, reason_out);
	if (err != GW_OK)
		return err;
	memset(out + n, 0, len - n);
	return sha256_update(e->hash, out, n);
}

static enum gw_err
table_write(struct encrypt *e)
{
	const size_t len = (size_t)e->table_count * BODY_ENTRY_LEN;
	enum gw_err err;

	err = io_pwrite_full(e->dst_fd, e->table, len, e->table_off);
	e->table_off += len;
	e->table_count = 0;
	return err;
}

static enum gw_err
large_seal(struct encrypt *e, const uint8_t *plain, uint8_t *cipher,
    unsigned count)
{
	uint8_t *entry;
	size_t at = 0, len;
	enum gw_err err = GW_OK;
	unsigned i;

	for (i = 0; i < count && err == GW_OK; i++, e->next++) {
		len = body_chunk_len(e->body.padded_len, e->next);
		entry = e->table + (size_t)e->table_count * BODY_ENTRY_LEN;
		err = body_seal_chunk(e->cipher, e->next,
		    e->next + 1 == e->chunks, plain + at, len, cipher + at,
		    entry);
		if (err == GW_OK)
			err = merkle_add(&e->tree, entry);
		at += len;
		if (++e->table_count == TABLE_ENTRIES && err == GW_OK)
			err = table_write(e);
	}
	return err;
}

static enum gw_err
large_end(struct encrypt *e, struct ipc_body *body_out, uint8_t sha256_out[32],
    enum reason *reason_out)
{
	enum gw_err err = GW_OK;

	if (e->source.bytes == NULL)
		err = source_check(&e->source, e->src_fd, reason_out);
	if (err == GW_OK)
		err = table_write(e);
	if (err == GW_OK)
		err = merkle_root(&e->tree, e->body.root);
	if (err == GW_OK)
		err = sha256_final(e->hash, sha256_out);
	/* The spool's own fd syncs the file; a failed close is its loss too. */
	if (err == GW_OK)
		err = io_close(&e->dst_fd);
	if (err == GW_OK)
		*body_out = e->body;
	return err;
}

/* An advice: what becomes of it is no matter. */
static void
write_back(struct encrypt *e, uint64_t end)
{
	if (end - e->written_back < WRITE_BACK_BYTES)
		return;
	(void)sync_file_range(e->dst_fd, (off64_t)e->written_back,
	    (off64_t)(end - e->written_back), SYNC_FILE_RANGE_WRITE);
	e->written_back = end;
}

enum gw_err
encrypt_step(struct encrypt *e, struct courier *c, struct ipc_body *body_out,
    uint8_t sha256_out[32], enum reason *reason_out)
{
	const uint64_t off = e->next * BODY_CHUNK;
	unsigned count = SLICE_CHUNKS;
	size_t len;
	enum gw_err err;

	*reason_out = REASON_NONE;
	if (e->next == e->chunks)
		return large_end(e, body_out, sha256_out, reason_out);
	if (count > e->chunks - e->next)
		count = (unsigned)(e->chunks - e->next);
	len = e->body.padded_len - off < COURIER_SLICE_BYTES ?
	    (size_t)(e->body.padded_len - off) : COURIER_SLICE_BYTES;
	err = large_read(e, c->plain, off, len, reason_out);
	if (err == GW_OK)
		err = large_seal(e, c->plain, c->cipher, count);
	if (err == GW_OK)
		err = io_pwrite_full(e->dst_fd, c->cipher, len, off);
	if (err != GW_OK)
		return err;
	write_back(e, off + len);
	return GW_EAGAIN;
}
