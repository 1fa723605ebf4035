/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/rd.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "proto/crypto/crypto.h"
#include "proto/crypto/merkle.h"
#include "proto/parcel/body.h"

#include "proto/parcel/tables.h"

#define RECORD_RESERVED 8
#define HEADER_FIXED_LEN 450u	/* PROTOCOL.md, "Header": all but enc */

void
tables_put_body(struct buf *b, const struct body_record *rec)
{
	buf_put(b, rec->id, sizeof(rec->id));
	buf_put_u64(b, rec->padded_len);
	buf_put(b, rec->chunk_root, sizeof(rec->chunk_root));
	buf_put(b, rec->commitment, sizeof(rec->commitment));
	buf_put_zero(b, RECORD_RESERVED);
}

enum gw_err
tables_get_body(const uint8_t *table, size_t len, uint32_t index,
    struct body_record *out)
{
	struct body_record rec;
	enum gw_err err;
	struct rd r;

	rd_init(&r, table, len);
	if ((err = rd_skip(&r, (size_t)index * BODY_RECORD_LEN)) != GW_OK ||
	    (err = rd_copy(&r, rec.id, sizeof(rec.id))) != GW_OK ||
	    (err = rd_u64(&r, &rec.padded_len)) != GW_OK ||
	    (err = rd_copy(&r, rec.chunk_root, sizeof(rec.chunk_root))) !=
	    GW_OK ||
	    (err = rd_copy(&r, rec.commitment, sizeof(rec.commitment))) !=
	    GW_OK ||
	    (err = rd_zero(&r, RECORD_RESERVED)) != GW_OK)
		return err;
	if (!body_padded_ok(rec.padded_len))
		return GW_EFORMAT;
	*out = rec;
	return GW_OK;
}

enum gw_err
tables_root(const uint8_t *table, size_t len, uint8_t out[32])
{
	enum gw_err err = GW_OK;
	struct merkle m;
	uint8_t leaf[32];
	size_t off;

	if (len % BODY_RECORD_LEN != 0)
		return GW_EFORMAT;
	merkle_init(&m);
	for (off = 0; off < len && err == GW_OK; off += BODY_RECORD_LEN) {
		err = merkle_leaf(table + off, BODY_RECORD_LEN, leaf);
		if (err == GW_OK)
			err = merkle_add(&m, leaf);
	}
	return err == GW_OK ? merkle_root(&m, out) : err;
}

/*
 * Each label's key encrypts one message, since the parcel key is new for
 * every parcel: the nonce may be constant.
 */
static enum gw_err
table_cipher(const uint8_t parcel_key[32], const char *label,
    struct crypto_aead **out)
{
	uint8_t key[CRYPTO_KEY_LEN];
	enum gw_err err;

	err = crypto_hkdf_expand(parcel_key, label, strlen(label), key,
	    sizeof(key));
	if (err == GW_OK)
		err = crypto_aead_new(key, out);
	mem_clear(key, sizeof(key));
	return err;
}

static const uint8_t table_nonce[CRYPTO_NONCE_LEN];

enum gw_err
tables_seal(const uint8_t parcel_key[32], const char *label,
    const uint8_t parcel_id[16], const uint8_t *in, size_t in_len,
    uint8_t *out)
{
	struct crypto_aead *a = NULL;
	enum gw_err err;

	err = table_cipher(parcel_key, label, &a);
	if (err == GW_OK)
		err = crypto_aead_seal(a, table_nonce, parcel_id, 16, in,
		    in_len, out, out + in_len);
	crypto_aead_free(a);
	return err;
}

enum gw_err
tables_open(const uint8_t parcel_key[32], const char *label,
    const uint8_t parcel_id[16], const uint8_t *in, size_t in_len,
    uint8_t *out)
{
	struct crypto_aead *a = NULL;
	enum gw_err err;

	if (in_len < CRYPTO_TAG_LEN)
		return GW_ETRUNC;
	in_len -= CRYPTO_TAG_LEN;
	err = table_cipher(parcel_key, label, &a);
	if (err == GW_OK)
		err = crypto_aead_open(a, table_nonce, parcel_id, 16, in,
		    in_len, in + in_len, out);
	crypto_aead_free(a);
	return err;
}

enum gw_err
tables_layout(const struct parcel_header *h, size_t header_len,
    struct parcel_layout *out)
{
	struct parcel_layout l;

	if (header_len < HEADER_FIXED_LEN + h->enc_len)
		return GW_ETRUNC;
	if (header_len != HEADER_FIXED_LEN + h->enc_len ||
	    h->body_count > PARCEL_BODIES_MAX ||
	    h->key_table_len > 32u * PARCEL_BODIES_MAX + CRYPTO_TAG_LEN ||
	    h->statement_len > PARCEL_STATEMENT_MAX)
		return GW_EFORMAT;
	l.header_len = header_len;
	l.body_table_off = header_len;
	l.body_table_len = (size_t)h->body_count * BODY_RECORD_LEN;
	l.key_table_off = l.body_table_off + l.body_table_len;
	l.key_table_len = h->key_table_len;
	l.statement_off = l.key_table_off + l.key_table_len;
	l.statement_len = h->statement_len;
	l.total_len = l.statement_off + l.statement_len;
	*out = l;
	return GW_OK;
}

static enum gw_err
check_hash(const uint8_t *data, size_t len, const uint8_t expect[32])
{
	uint8_t found[SHA256_LEN];
	enum gw_err err;

	err = sha256_of(len > 0 ? data : (const uint8_t *)"", len, found);
	if (err != GW_OK)
		return err;
	return memcmp(found, expect, sizeof(found)) == 0 ? GW_OK : GW_EHASH;
}

static enum gw_err
check_total(const struct parcel_header *h, const uint8_t *table, size_t len)
{
	struct body_record rec;
	uint64_t total = 0;
	enum gw_err err;
	uint32_t i;

	/* At most 2^18 bodies of 2^40 bytes: the sum cannot wrap. */
	for (i = 0; i < h->body_count; i++) {
		err = tables_get_body(table, len, i, &rec);
		if (err != GW_OK)
			return err;
		total += rec.padded_len;
	}
	return total == h->total_padded ? GW_OK : GW_EHASH;
}

enum gw_err
tables_check(const struct parcel_header *h, const uint8_t *body_table,
    const uint8_t *key_table, const uint8_t *statement)
{
	const size_t len = (size_t)h->body_count * BODY_RECORD_LEN;
	uint8_t root[32];
	enum gw_err err;

	err = tables_root(body_table, len, root);
	if (err == GW_OK &&
	    memcmp(root, h->body_table_root, sizeof(root)) != 0)
		err = GW_EHASH;
	if (err == GW_OK)
		err = check_hash(key_table, h->key_table_len,
		    h->key_table_hash);
	if (err == GW_OK)
		err = check_hash(statement, h->statement_len,
		    h->statement_hash);
	if (err == GW_OK)
		err = check_total(h, body_table, len);
	return err;
}
