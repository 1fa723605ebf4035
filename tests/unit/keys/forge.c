/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "proto/crypto/crypto.h"
#include "proto/parcel/body.h"
#include "gatewayd/keys/channel.h"
#include "gatewayd/keys/peer.h"
#include "gatewayd/keys/zone.h"

#include "tests/unit/keys/forge.h"

static void
begin_bodies(struct forge *f)
{
	int i;

	for (i = 0; i < FORGE_BODIES; i++) {
		crypto_random(f->bodies[i].id, 16);
		crypto_random(f->bodies[i].chunk_root, 32);
		crypto_random(f->keys[i], 32);
		memcpy(f->sealed_key[i], f->keys[i], 32);
		f->bodies[i].padded_len = body_padded_len(WAY_PLAIN);
		ck_assert_int_eq(body_commitment(f->keys[i], f->bodies[i].id,
		    f->bodies[i].commitment), GW_OK);
	}
}

void
forge_begin(struct forge *f, struct gate *from, struct gate *to, uint64_t seq,
    const uint8_t prev[32])
{
	const struct peer *peer = peers_find(from->k->peers, "lgwan");
	const struct card_key *key = peer_key(peer, gate_now());
	struct parcel_header *h = &f->h;

	memset(f, 0, sizeof(*f));
	f->from = from;
	f->to = to;
	begin_bodies(f);
	crypto_random(f->parcel_key, 32);
	memcpy(f->secret, peer->secret, 32);
	memcpy(f->seed, from->k->zone->seed, 32);
	memcpy(f->pub, key->pub, sizeof(f->pub));
	h->suite = key->suite;
	h->flags = seq == 1 ? HEADER_FIRST_OF_EPOCH : 0;
	ck_assert_int_eq(header_channel_id("internet-lgwan", h->channel_id),
	    GW_OK);
	h->epoch = 1;
	h->seq = seq;
	memcpy(h->prev, prev, 32);
	crypto_random(h->parcel_id, 16);
	h->created_ms = gate_now();
	h->not_after_ms = gate_now() + 86400000;
	memcpy(h->sender_key_id, from->k->zone->sign_id, 16);
	memcpy(h->recipient_key_id, key->id, 16);
	h->chunk_size = BODY_CHUNK;
	h->body_count = FORGE_BODIES;
	h->anchor_size = 10 * seq;
	memcpy(f->top.flow, "documents", 10);
	memcpy(f->top.number, "I20260401-00001-1", 18);
	memcpy(f->top.submitter, "staff", 6);
	f->top.body_count = FORGE_BODIES;
	f->stated_bodies = FORGE_BODIES;
}

static void
put_statement(const struct forge *f, struct buf *b)
{
	struct statement_body body;
	uint32_t i;

	statement_put_top(b, &f->top);
	for (i = 0; i < f->stated_bodies; i++) {
		memset(&body, 0, sizeof(body));
		body.index = i;
		statement_put_body(b, &body);
	}
}

static void
seal_part(struct forge *f, const char *label, const struct buf *in,
    struct buf *out, uint32_t *len_out, uint8_t hash_out[32])
{
	uint8_t *to = buf_reserve(out, in->len + CRYPTO_TAG_LEN);

	ck_assert_ptr_nonnull(to);
	ck_assert_int_eq(tables_seal(f->parcel_key, label, f->h.parcel_id,
	    in->data, in->len, to), GW_OK);
	*len_out = (uint32_t)out->len;
	ck_assert_int_eq(sha256_of(out->data, out->len, hash_out), GW_OK);
}

static void
header_finish(struct forge *f, const struct buf *table)
{
	struct parcel_header *h = &f->h;
	uint32_t i;

	if (!f->is_total_kept) {
		h->total_padded = 0;
		for (i = 0; i < h->body_count; i++)
			h->total_padded += f->bodies[i].padded_len;
	}
	if (!f->is_root_kept)
		ck_assert_int_eq(tables_root(table->data, table->len,
		    h->body_table_root), GW_OK);
	ck_assert_int_eq(header_wrap(h, f->pub, f->secret, f->parcel_key),
	    GW_OK);
	ck_assert_int_eq(header_sign(h, f->seed), GW_OK);
}

int
forge_object(struct forge *f)
{
	struct buf table, keys, said, sealed_keys, sealed_said, all;
	uint32_t i;
	int fd;

	buf_init(&table, 1 << 16);
	buf_init(&keys, 1 << 16);
	buf_init(&said, 1 << 16);
	buf_init(&sealed_keys, 1 << 16);
	buf_init(&sealed_said, 1 << 16);
	buf_init(&all, 1 << 20);
	for (i = 0; i < f->h.body_count; i++) {
		tables_put_body(&table, &f->bodies[i]);
		buf_put(&keys, f->sealed_key[i], 32);
	}
	put_statement(f, &said);
	seal_part(f, "gwp1 keys", &keys, &sealed_keys, &f->h.key_table_len,
	    f->h.key_table_hash);
	seal_part(f, "gwp1 statement", &said, &sealed_said,
	    &f->h.statement_len, f->h.statement_hash);
	header_finish(f, &table);
	header_encode(&f->h, &all);
	buf_put(&all, table.data, table.len);
	buf_put(&all, sealed_keys.data, sealed_keys.len);
	buf_put(&all, sealed_said.data, sealed_said.len);
	ck_assert(buf_ok(&all));
	fd = way_object_make(all.data, all.len);
	buf_clear(&table);
	buf_clear(&keys);
	buf_clear(&said);
	buf_clear(&sealed_keys);
	buf_clear(&sealed_said);
	buf_clear(&all);
	return fd;
}
