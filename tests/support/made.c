/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "proto/crypto/hpke.h"

#include "tests/support/made.h"

/* Not Check's: gw-peer has no test that could fail. */
#define NEED(holds)                                                            \
	do {                                                                   \
		if (!(holds))                                                  \
			log_panic("made: %s", #holds);                         \
	} while (0)

static const uint8_t psk[HPKE_PSK_LEN] = {9};
static const uint8_t parcel_key[32] = {8};

static uint8_t recipient_pub[HPKE_PUB_MAX];
static bool has_recipient;

static void
need_recipient(void)
{
	uint8_t priv[HPKE_PRIV_MAX];

	if (has_recipient)
		return;
	NEED(hpke_keypair(HPKE_P256, priv, recipient_pub) == GW_OK);
	has_recipient = true;
}

void
made_recipient(uint8_t out[16])
{
	need_recipient();
	NEED(crypto_key_id(recipient_pub, hpke_enc_len(HPKE_P256), out) ==
	     GW_OK);
}

/* Content does not matter to link; it differs from chunk to chunk. */
static void
make_body(struct made_body *b, uint64_t len)
{
	static uint8_t plain[BODY_CHUNK], cipher[BODY_CHUNK];
	uint64_t padded = body_padded_len(len);
	uint64_t chunks = body_chunk_count(padded);
	uint8_t *table = mem_array(chunks, BODY_ENTRY_LEN);
	uint8_t key[32];
	struct body_cipher *c;

	crypto_random(key, sizeof(key));
	crypto_random(b->record.id, sizeof(b->record.id));
	b->record.padded_len = padded;
	b->stored_len = body_stored_len(padded);
	NEED(io_memfd("body", &b->fd) == GW_OK);
	NEED(body_cipher_new(key, b->record.id, &c) == GW_OK);
	for (uint64_t i = 0; i < chunks; i++) {
		size_t n = body_chunk_len(padded, i);

		NEED(body_seal_chunk(c, i, i + 1 == chunks, plain, n, cipher,
			 table + i * BODY_ENTRY_LEN) == GW_OK);
		NEED(io_pwrite_full(b->fd, cipher, n, i * BODY_CHUNK) == GW_OK);
	}
	body_cipher_free(c);
	NEED(io_pwrite_full(b->fd, table, chunks * BODY_ENTRY_LEN, padded) ==
	     GW_OK);
	NEED(body_table_root(table, chunks, b->record.chunk_root) == GW_OK);
	NEED(body_commitment(key, b->record.id, b->record.commitment) == GW_OK);
	mem_free(table);
}

static void
make_header(struct made *m, const char *channel, const uint8_t seed[32],
    const struct made *prev)
{
	struct parcel_header *h = &m->header;
	uint8_t pub[32];

	h->suite = HPKE_P256;
	h->flags = prev == NULL ? HEADER_FIRST_OF_EPOCH : 0;
	NEED(header_channel_id(channel, h->channel_id) == GW_OK);
	h->epoch = prev == NULL ? 1 : prev->header.epoch;
	h->seq = prev == NULL ? 1 : prev->header.seq + 1;
	if (prev != NULL)
		memcpy(h->prev, prev->hash, sizeof(h->prev));
	crypto_random(h->parcel_id, sizeof(h->parcel_id));
	h->created_ms = 1775000000000;
	h->not_after_ms = h->created_ms + 86400000;
	NEED(crypto_sign_public(seed, pub) == GW_OK);
	NEED(crypto_key_id(pub, 32, h->sender_key_id) == GW_OK);
	made_recipient(h->recipient_key_id);
	h->chunk_size = BODY_CHUNK;
	h->body_count = m->count;
	h->anchor_ms = h->created_ms;
}

static void
make_tables(struct made *m, struct buf *tables)
{
	struct parcel_header *h = &m->header;
	size_t n = 32 * (size_t)m->count + 16;
	uint8_t *keys = mem_alloc(n), statement[80] = {3};

	for (uint32_t i = 0; i < m->count; i++) {
		tables_put_body(tables, &m->bodies[i].record);
		h->total_padded += m->bodies[i].record.padded_len;
	}
	NEED(tables_root(tables->data, tables->len, h->body_table_root) ==
	     GW_OK);
	crypto_random(keys, n);
	h->key_table_len = (uint32_t)n;
	NEED(sha256_of(keys, n, h->key_table_hash) == GW_OK);
	h->statement_len = sizeof(statement);
	NEED(sha256_of(statement, sizeof(statement), h->statement_hash) ==
	     GW_OK);
	buf_put(tables, keys, n);
	buf_put(tables, statement, sizeof(statement));
	mem_free(keys);
}

void
made_resign(struct made *m, const uint8_t seed[32])
{
	struct buf old = m->object;
	size_t skip = m->layout.header_len;

	NEED(header_sign(&m->header, seed) == GW_OK);
	buf_init(&m->object, 128u << 20);
	header_encode(&m->header, &m->object);
	NEED(tables_layout(&m->header, m->object.len, &m->layout) == GW_OK);
	NEED(header_hash(&m->header, m->hash) == GW_OK);
	buf_put(&m->object, old.data + skip, old.len - skip);
	NEED(buf_ok(&m->object));
	buf_clear(&old);
}

struct made *
made_new(const char *channel, const uint8_t seed[32], const struct made *prev,
    const uint64_t *lengths, uint32_t count)
{
	struct made *m = mem_alloc(sizeof(*m));

	need_recipient();
	m->count = count;
	m->bodies = mem_array(count, sizeof(*m->bodies));
	m->weight = 1;
	for (uint32_t i = 0; i < count; i++)
		make_body(&m->bodies[i], lengths[i]);
	make_header(m, channel, seed, prev);
	buf_init(&m->object, 128u << 20);
	make_tables(m, &m->object);
	NEED(header_wrap(&m->header, recipient_pub, psk, parcel_key) == GW_OK);
	made_resign(m, seed);
	return m;
}

void
made_free(struct made *m)
{
	if (m == NULL)
		return;
	for (uint32_t i = 0; i < m->count; i++)
		io_drop(&m->bodies[i].fd);
	mem_free(m->bodies);
	buf_clear(&m->object);
	mem_free(m);
}
