/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/mem.h"
#include "base/rd.h"
#include "base/sha256.h"
#include "proto/parcel/body.h"
#include "proto/parcel/tables.h"

#include "proto/parcel/header.h"

#define HEADER_MAGIC "GWP1"
#define HEADER_VERSION 1
#define WRAPPED_LEN 48u		/* parcel key and GCM tag */
#define FIXED_LEN 338u		/* all before the encapsulation */
#define AAD_LEN 336u		/* all before enc_len */
#define KEY_TABLE_LEN(bodies) (32u * (bodies) + CRYPTO_TAG_LEN)

static const char sign_prefix[] = "gwp1 header"; /* with its NUL */
static const char wrap_label[] = "gwp1 key";
static const char pair_label[] = "gwp1 pair";

static size_t
header_len(const struct parcel_header *h)
{
	return FIXED_LEN + h->enc_len + WRAPPED_LEN + CRYPTO_SIG_LEN;
}

static void
put_fixed(const struct parcel_header *h, struct buf *b)
{
	buf_put(b, HEADER_MAGIC, 4);
	buf_put_u16(b, HEADER_VERSION);
	buf_put_u16(b, h->suite);
	buf_put_u32(b, (uint32_t)header_len(h));
	buf_put_u32(b, h->flags);
	buf_put(b, h->channel_id, sizeof(h->channel_id));
	buf_put_u32(b, h->epoch);
	buf_put_u64(b, h->seq);
	buf_put(b, h->prev, sizeof(h->prev));
	buf_put(b, h->parcel_id, sizeof(h->parcel_id));
	buf_put_u64(b, h->created_ms);
	buf_put_u64(b, h->not_after_ms);
	buf_put(b, h->sender_key_id, sizeof(h->sender_key_id));
	buf_put(b, h->recipient_key_id, sizeof(h->recipient_key_id));
	buf_put_u64(b, h->ack_counter);
	buf_put_u64(b, h->ack_seq);
	buf_put_u32(b, h->chunk_size);
	buf_put_u32(b, h->body_count);
	buf_put_u64(b, h->total_padded);
	buf_put(b, h->body_table_root, sizeof(h->body_table_root));
	buf_put_u32(b, h->key_table_len);
	buf_put_u32(b, h->statement_len);
	buf_put(b, h->key_table_hash, sizeof(h->key_table_hash));
	buf_put(b, h->statement_hash, sizeof(h->statement_hash));
	buf_put_u64(b, h->anchor_size);
	buf_put(b, h->anchor_root, sizeof(h->anchor_root));
	buf_put_u64(b, h->anchor_ms);
	buf_put_u16(b, h->control);
	buf_put_u16(b, h->control_reason);
	buf_put_u64(b, h->control_seq);
	buf_put_u16(b, h->enc_len);
}

static void
put_unsigned(const struct parcel_header *h, struct buf *b)
{
	put_fixed(h, b);
	buf_put(b, h->enc, h->enc_len);
	buf_put(b, h->wrapped_key, sizeof(h->wrapped_key));
}

static bool
enc_len_ok(const struct parcel_header *h)
{
	return h->enc_len != 0 && h->enc_len <= sizeof(h->enc) &&
	    h->enc_len == hpke_enc_len((enum hpke_suite)h->suite);
}

size_t
header_peek_len(const void *bytes, size_t len)
{
	const uint8_t *magic;
	uint32_t said;
	struct rd r;

	rd_init(&r, bytes, len);
	if (rd_span(&r, 4, &magic) != GW_OK ||
	    memcmp(magic, HEADER_MAGIC, 4) != 0 || rd_skip(&r, 4) != GW_OK ||
	    rd_u32(&r, &said) != GW_OK || said > HEADER_MAX)
		return 0;
	return said;
}

void
header_encode(const struct parcel_header *h, struct buf *out)
{
	if (h->enc_len > sizeof(h->enc)) {
		out->failed = 1;
		return;
	}
	put_unsigned(h, out);
	buf_put(out, h->signature, sizeof(h->signature));
}

/* A control parcel carries nothing but its control fields. */
static bool
control_ok(const struct parcel_header *h)
{
	return h->control == CONTROL_WITHDRAW && h->control_seq != 0 &&
	    h->control_seq < h->seq && h->body_count == 0 &&
	    h->total_padded == 0 && h->key_table_len == 0 &&
	    h->statement_len == 0;
}

static bool
content_ok(const struct parcel_header *h)
{
	if (h->control != CONTROL_NONE || h->control_reason != 0 ||
	    h->control_seq != 0)
		return false;
	if (h->body_count == 0 || h->body_count > PARCEL_BODIES_MAX)
		return false;
	if (h->key_table_len != KEY_TABLE_LEN(h->body_count))
		return false;
	if (h->statement_len < CRYPTO_TAG_LEN ||
	    h->statement_len > PARCEL_STATEMENT_MAX)
		return false;
	return h->total_padded % BODY_ALIGN == 0 &&
	    h->total_padded / BODY_ALIGN >= h->body_count &&
	    h->total_padded <= h->body_count * BODY_PLAIN_MAX;
}

/* What is true of every header, whatever the state of its channel. */
static bool
header_ok(const struct parcel_header *h)
{
	const uint32_t known = HEADER_FIRST_OF_EPOCH | HEADER_CONTROL |
	    HEADER_BENCH;

	if (!enc_len_ok(h) || (h->flags & ~known) != 0)
		return false;
	if (h->epoch == 0 || h->seq == 0 || h->chunk_size != BODY_CHUNK)
		return false;
	if (((h->flags & HEADER_FIRST_OF_EPOCH) != 0) != (h->seq == 1))
		return false;
	if (h->not_after_ms < h->created_ms)
		return false;
	return (h->flags & HEADER_CONTROL) != 0 ? control_ok(h) :
	    content_ok(h);
}

static enum gw_err
get_start(struct rd *r, struct parcel_header *h)
{
	const uint8_t *magic;
	uint32_t encoded_len;
	const size_t size = rd_left(r);
	uint16_t version;
	enum gw_err err;

	if ((err = rd_span(r, 4, &magic)) != GW_OK)
		return err;
	if (memcmp(magic, HEADER_MAGIC, 4) != 0)
		return GW_EFORMAT;
	if ((err = rd_u16(r, &version)) != GW_OK)
		return err;
	if (version != HEADER_VERSION)
		return GW_EVERSION;
	if ((err = rd_u16(r, &h->suite)) != GW_OK ||
	    (err = rd_u32(r, &encoded_len)) != GW_OK)
		return err;
	if (encoded_len > size)
		return GW_ETRUNC;
	return encoded_len == size ? GW_OK : GW_EFORMAT;
}

static enum gw_err
get_place(struct rd *r, struct parcel_header *h)
{
	enum gw_err err;

	if ((err = rd_u32(r, &h->flags)) != GW_OK ||
	    (err = rd_copy(r, h->channel_id, sizeof(h->channel_id))) !=
	    GW_OK ||
	    (err = rd_u32(r, &h->epoch)) != GW_OK ||
	    (err = rd_u64(r, &h->seq)) != GW_OK ||
	    (err = rd_copy(r, h->prev, sizeof(h->prev))) != GW_OK ||
	    (err = rd_copy(r, h->parcel_id, sizeof(h->parcel_id))) != GW_OK ||
	    (err = rd_u64(r, &h->created_ms)) != GW_OK ||
	    (err = rd_u64(r, &h->not_after_ms)) != GW_OK ||
	    (err = rd_copy(r, h->sender_key_id,
	    sizeof(h->sender_key_id))) != GW_OK ||
	    (err = rd_copy(r, h->recipient_key_id,
	    sizeof(h->recipient_key_id))) != GW_OK ||
	    (err = rd_u64(r, &h->ack_counter)) != GW_OK)
		return err;
	return rd_u64(r, &h->ack_seq);
}

static enum gw_err
get_content(struct rd *r, struct parcel_header *h)
{
	enum gw_err err;

	if ((err = rd_u32(r, &h->chunk_size)) != GW_OK ||
	    (err = rd_u32(r, &h->body_count)) != GW_OK ||
	    (err = rd_u64(r, &h->total_padded)) != GW_OK ||
	    (err = rd_copy(r, h->body_table_root,
	    sizeof(h->body_table_root))) != GW_OK ||
	    (err = rd_u32(r, &h->key_table_len)) != GW_OK ||
	    (err = rd_u32(r, &h->statement_len)) != GW_OK ||
	    (err = rd_copy(r, h->key_table_hash,
	    sizeof(h->key_table_hash))) != GW_OK)
		return err;
	return rd_copy(r, h->statement_hash, sizeof(h->statement_hash));
}

static enum gw_err
get_rest(struct rd *r, struct parcel_header *h)
{
	enum gw_err err;

	if ((err = rd_u64(r, &h->anchor_size)) != GW_OK ||
	    (err = rd_copy(r, h->anchor_root, sizeof(h->anchor_root))) !=
	    GW_OK ||
	    (err = rd_u64(r, &h->anchor_ms)) != GW_OK ||
	    (err = rd_u16(r, &h->control)) != GW_OK ||
	    (err = rd_u16(r, &h->control_reason)) != GW_OK ||
	    (err = rd_u64(r, &h->control_seq)) != GW_OK ||
	    (err = rd_u16(r, &h->enc_len)) != GW_OK)
		return err;
	if (!enc_len_ok(h))
		return GW_EFORMAT;
	if ((err = rd_copy(r, h->enc, h->enc_len)) != GW_OK ||
	    (err = rd_copy(r, h->wrapped_key, sizeof(h->wrapped_key))) !=
	    GW_OK ||
	    (err = rd_copy(r, h->signature, sizeof(h->signature))) != GW_OK)
		return err;
	return rd_end(r);
}

enum gw_err
header_decode(const void *bytes, size_t len, struct parcel_header *out)
{
	struct parcel_header h;
	enum gw_err err;
	struct rd r;

	if (len > HEADER_MAX)
		return GW_ELIMIT;
	memset(&h, 0, sizeof(h));
	rd_init(&r, bytes, len);
	if ((err = get_start(&r, &h)) != GW_OK ||
	    (err = get_place(&r, &h)) != GW_OK ||
	    (err = get_content(&r, &h)) != GW_OK ||
	    (err = get_rest(&r, &h)) != GW_OK)
		return err;
	if (!header_ok(&h))
		return GW_EFORMAT;
	*out = h;
	return GW_OK;
}

/* The domain prefix and all before the signature. */
static enum gw_err
header_tbs(const struct parcel_header *h, struct buf *b)
{
	buf_init(b, sizeof(sign_prefix) + HEADER_MAX);
	buf_put(b, sign_prefix, sizeof(sign_prefix));
	put_unsigned(h, b);
	return buf_ok(b) ? GW_OK : GW_EBUG;
}

enum gw_err
header_sign(struct parcel_header *h, const uint8_t seed[32])
{
	enum gw_err err;
	struct buf b;

	/* The peer would refuse it, and what is sealed must cross. */
	if (!header_ok(h))
		return GW_EINVAL;
	err = header_tbs(h, &b);
	if (err == GW_OK)
		err = crypto_sign(seed, b.data, b.len, h->signature);
	buf_clear(&b);
	return err;
}

enum gw_err
header_verify(const struct parcel_header *h, const uint8_t pub[32])
{
	enum gw_err err;
	struct buf b;

	if (!enc_len_ok(h))
		return GW_ESIG;
	err = header_tbs(h, &b);
	if (err == GW_OK)
		err = crypto_verify(pub, b.data, b.len, h->signature);
	buf_clear(&b);
	return err;
}

enum gw_err
header_hash(const struct parcel_header *h, uint8_t out[32])
{
	enum gw_err err;
	struct buf b;

	buf_init(&b, HEADER_MAX);
	header_encode(h, &b);
	err = buf_ok(&b) ? sha256_of(b.data, b.len, out) : GW_EINVAL;
	buf_clear(&b);
	return err;
}

enum gw_err
header_channel_id(const char *text, uint8_t out[16])
{
	uint8_t digest[SHA256_LEN];
	enum gw_err err;

	err = sha256_of(text, strlen(text), digest);
	if (err == GW_OK)
		memcpy(out, digest, 16);
	return err;
}

/* What a wrapped key is bound to. */
struct wrap_binding {
	struct buf info;
	struct hpke_psk psk;
	uint8_t psk_id[sizeof(pair_label) - 1 + 16];
	uint8_t aad[SHA256_LEN];
};

static enum gw_err
wrap_aad(const struct parcel_header *h, uint8_t out[SHA256_LEN])
{
	enum gw_err err = GW_EBUG;
	struct buf b;

	buf_init(&b, HEADER_MAX);
	put_fixed(h, &b);
	if (buf_ok(&b) && b.len == FIXED_LEN)
		err = sha256_of(b.data, AAD_LEN, out);
	buf_clear(&b);
	return err;
}

static enum gw_err
wrap_bind(const struct parcel_header *h, const uint8_t psk[HPKE_PSK_LEN],
    struct wrap_binding *w)
{
	const size_t n = sizeof(pair_label) - 1;

	buf_init(&w->info, 256);
	buf_put(&w->info, wrap_label, sizeof(wrap_label) - 1);
	buf_put(&w->info, h->channel_id, sizeof(h->channel_id));
	buf_put_u32(&w->info, h->epoch);
	buf_put_u64(&w->info, h->seq);
	buf_put(&w->info, h->sender_key_id, sizeof(h->sender_key_id));
	buf_put(&w->info, h->recipient_key_id, sizeof(h->recipient_key_id));
	memcpy(w->psk_id, pair_label, n);
	memcpy(w->psk_id + n, h->channel_id, 16);
	w->psk.psk = psk;
	w->psk.psk_len = HPKE_PSK_LEN;
	w->psk.psk_id = w->psk_id;
	w->psk.psk_id_len = sizeof(w->psk_id);
	return buf_ok(&w->info) ? wrap_aad(h, w->aad) : GW_EBUG;
}

enum gw_err
header_wrap(struct parcel_header *h, const uint8_t *recipient_pub,
    const uint8_t psk[HPKE_PSK_LEN], const uint8_t parcel_key[32])
{
	const size_t enc_len = hpke_enc_len((enum hpke_suite)h->suite);
	struct wrap_binding w;
	enum gw_err err;

	if (enc_len == 0)
		return GW_EINVAL;
	/* header_len, which is bound too, depends on it. */
	h->enc_len = (uint16_t)enc_len;
	err = wrap_bind(h, psk, &w);
	if (err == GW_OK)
		err = hpke_seal((enum hpke_suite)h->suite, recipient_pub,
		    &w.psk, w.info.data, w.info.len, w.aad, sizeof(w.aad),
		    parcel_key, CRYPTO_KEY_LEN, NULL, h->enc,
		    h->wrapped_key);
	buf_clear(&w.info);
	return err;
}

enum gw_err
header_unwrap(const struct parcel_header *h,
    const uint8_t recipient_priv[HPKE_PRIV_MAX],
    const uint8_t psk[HPKE_PSK_LEN], uint8_t parcel_key_out[32])
{
	uint8_t key[CRYPTO_KEY_LEN];
	struct wrap_binding w;
	enum gw_err err;

	if (!enc_len_ok(h))
		return GW_EFORMAT;
	err = wrap_bind(h, psk, &w);
	if (err == GW_OK)
		err = hpke_open((enum hpke_suite)h->suite, recipient_priv,
		    &w.psk, w.info.data, w.info.len, h->enc, h->enc_len,
		    w.aad, sizeof(w.aad), h->wrapped_key,
		    sizeof(h->wrapped_key), key);
	if (err == GW_OK)
		memcpy(parcel_key_out, key, sizeof(key));
	mem_clear(key, sizeof(key));
	buf_clear(&w.info);
	return err;
}
