/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/io.h"
#include "base/mem.h"

#include "proto/parcel/body.h"

#define NO_CHUNK UINT64_MAX

struct body_reader {
	int fd;
	uint64_t base_off;
	uint64_t padded_len, plain_len, count;
	struct body_cipher *cipher;
	uint8_t *table;
	uint8_t *chunk;		/* plaintext of chunk `cached` */
	uint64_t cached;
};

static enum gw_err
reader_check_commitment(const struct body_grant *g)
{
	uint8_t found[32];
	enum gw_err err;

	if (!g->has_commitment)
		return GW_OK;
	err = body_commitment(g->key, g->id, found);
	if (err != GW_OK)
		return err;
	return mem_equal(found, g->commitment, sizeof(found)) ? GW_OK :
	    GW_EAUTH;
}

static enum gw_err
reader_load_table(struct body_reader *r, const uint8_t root[32])
{
	enum gw_err err;

	r->table = mem_array((size_t)r->count, BODY_ENTRY_LEN);
	err = io_pread_full(r->fd, r->table,
	    (size_t)r->count * BODY_ENTRY_LEN, r->base_off + r->padded_len);
	if (err != GW_OK)
		return err;
	return body_table_check(r->table, r->count, root);
}

enum gw_err
body_reader_open(int fd, uint64_t base_off, const struct body_grant *g,
    struct body_reader **out)
{
	struct body_reader *r;
	enum gw_err err;

	/* The table's size comes from this length: check before allocating. */
	if (!body_padded_ok(g->padded_len) ||
	    body_padded_len(g->plain_len) != g->padded_len)
		return GW_EFORMAT;
	if (base_off > (uint64_t)INT64_MAX - body_stored_len(g->padded_len))
		return GW_EINVAL;
	r = mem_alloc(sizeof(*r));
	r->fd = fd;
	r->base_off = base_off;
	r->padded_len = g->padded_len;
	r->plain_len = g->plain_len;
	r->count = body_chunk_count(g->padded_len);
	r->cached = NO_CHUNK;
	err = reader_check_commitment(g);
	if (err == GW_OK)
		err = reader_load_table(r, g->root);
	if (err == GW_OK)
		err = body_cipher_new(g->key, g->id, &r->cipher);
	if (err != GW_OK) {
		body_reader_free(r);
		return err;
	}
	r->chunk = mem_alloc(body_chunk_len(r->padded_len, 0));
	*out = r;
	return GW_OK;
}

void
body_reader_free(struct body_reader *r)
{
	if (r == NULL)
		return;
	body_cipher_free(r->cipher);
	mem_free_secret(r->chunk, r->chunk == NULL ? 0 :
	    body_chunk_len(r->padded_len, 0));
	mem_free(r->table);
	mem_free(r);
}

/*
 * The ciphertext is read once into our own memory, checked and decrypted
 * there: whoever can write the file cannot change it in between.
 */
static enum gw_err
reader_load_chunk(struct body_reader *r, uint64_t index)
{
	const size_t len = body_chunk_len(r->padded_len, index);
	enum gw_err err;

	if (r->cached == index)
		return GW_OK;
	r->cached = NO_CHUNK;
	err = io_pread_full(r->fd, r->chunk, len,
	    r->base_off + index * BODY_CHUNK);
	if (err != GW_OK)
		return err;
	err = body_open_chunk(r->cipher, index, index + 1 == r->count,
	    r->chunk, len, r->table + index * BODY_ENTRY_LEN, r->chunk);
	if (err == GW_OK)
		r->cached = index;
	return err;
}

enum gw_err
body_reader_pread(struct body_reader *r, void *out, size_t len, uint64_t off,
    size_t *got_out)
{
	uint8_t *to = out;
	enum gw_err err;
	size_t done, in, n;

	if (off >= r->plain_len)
		len = 0;
	else if (len > r->plain_len - off)
		len = (size_t)(r->plain_len - off);
	for (done = 0; done < len; done += n) {
		err = reader_load_chunk(r, (off + done) / BODY_CHUNK);
		if (err != GW_OK)
			return err;
		in = (size_t)((off + done) % BODY_CHUNK);
		n = BODY_CHUNK - in;
		if (n > len - done)
			n = len - done;
		memcpy(to + done, r->chunk + in, n);
	}
	*got_out = len;
	return GW_OK;
}

enum gw_err
body_reader_check_padding(struct body_reader *r)
{
	uint64_t index, start;
	uint8_t any = 0;
	enum gw_err err;
	size_t i, len;

	for (index = r->plain_len / BODY_CHUNK; index < r->count; index++) {
		err = reader_load_chunk(r, index);
		if (err != GW_OK)
			return err;
		start = index * BODY_CHUNK;
		len = body_chunk_len(r->padded_len, index);
		i = r->plain_len > start ? (size_t)(r->plain_len - start) : 0;
		for (; i < len; i++)
			any |= r->chunk[i];
	}
	return any == 0 ? GW_OK : GW_EFORMAT;
}
