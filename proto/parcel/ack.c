/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/rd.h"
#include "proto/crypto/crypto.h"
#include "proto/parcel/header.h"

#include "proto/parcel/ack.h"

#define ACK_MAGIC "GWA1"
#define TBS_LEN 192u
#define SEQ_UNUSED 0xffffu
#define BODIES_UNUSED 0xffffffu
#define CHUNKS_UNUSED 0xffffffffu

static const char sign_prefix[] = "gwp1 ack"; /* with its NUL */

/* A parcel in flight has a durable header and is not complete. */
static bool
progress_ok(const struct ack *a, const struct ack_progress *p)
{
	if (p->seq == 0)
		return true;
	return p->seq >= a->base_seq && p->seq <= a->header_seq &&
	    p->seq - a->base_seq < SEQ_UNUSED &&
	    p->bodies <= PARCEL_BODIES_MAX;
}

static bool
progress_all_ok(const struct ack *a)
{
	int i, j;

	for (i = 0; i < ACK_IN_FLIGHT; i++) {
		if (!progress_ok(a, &a->progress[i]))
			return false;
		for (j = 0; j < i; j++) {
			if (a->progress[i].seq != 0 &&
			    a->progress[i].seq == a->progress[j].seq)
				return false;
		}
	}
	return true;
}

/* No parcel is complete whose header is not there. */
static bool
window_ok(const struct ack *a)
{
	uint64_t i;

	for (i = a->header_seq + 1 - a->base_seq; i < ACK_WINDOW; i++) {
		if ((a->complete[i / 8] & 1u << i % 8) != 0)
			return false;
	}
	return true;
}

static bool
ack_ok(const struct ack *a)
{
	if (a->base_seq == 0 || a->header_seq == UINT64_MAX ||
	    a->header_seq + 1 < a->base_seq ||
	    a->header_seq + 1 - a->base_seq > UINT32_MAX)
		return false;
	return window_ok(a) && progress_all_ok(a);
}

static void
put_progress(struct buf *b, const struct ack *a, const struct ack_progress *p)
{
	uint32_t bodies = p->bodies;

	if (p->seq == 0) {
		buf_put_u16(b, SEQ_UNUSED);
		buf_put_u8(b, 0xff);
		buf_put_u16(b, 0xffff);
		buf_put_u32(b, CHUNKS_UNUSED);
		return;
	}
	buf_put_u16(b, (uint16_t)(p->seq - a->base_seq));
	buf_put_u8(b, (uint8_t)(bodies >> 16));
	buf_put_u16(b, (uint16_t)bodies);
	buf_put_u32(b, p->chunks);
}

static void
put_tbs(struct buf *b, const struct ack *a)
{
	int i;

	buf_put(b, sign_prefix, sizeof(sign_prefix));
	buf_put(b, ACK_MAGIC, 4);
	buf_put(b, a->channel_id, sizeof(a->channel_id));
	buf_put_u32(b, a->epoch);
	buf_put_u64(b, a->counter);
	buf_put_u64(b, a->base_seq);
	buf_put_u32(b, (uint32_t)(a->header_seq + 1 - a->base_seq));
	buf_put(b, a->header_hash, sizeof(a->header_hash));
	buf_put(b, a->complete, sizeof(a->complete));
	for (i = 0; i < ACK_IN_FLIGHT; i++)
		put_progress(b, a, &a->progress[i]);
	buf_put_u64(b, a->log_size);
	buf_put(b, a->log_root, sizeof(a->log_root));
}

enum gw_err
ack_encode(const struct ack *a, const uint8_t seed[32], uint8_t out[ACK_LEN])
{
	enum gw_err err = GW_EBUG;
	struct buf b;

	if (!ack_ok(a))
		return GW_EINVAL;
	buf_init(&b, sizeof(sign_prefix) + TBS_LEN);
	put_tbs(&b, a);
	if (buf_ok(&b) && b.len == sizeof(sign_prefix) + TBS_LEN)
		err = crypto_sign(seed, b.data, b.len, out + TBS_LEN);
	if (err == GW_OK)
		memcpy(out, b.data + sizeof(sign_prefix), TBS_LEN);
	buf_clear(&b);
	return err;
}

static enum gw_err
get_progress(struct rd *r, uint64_t base_seq, struct ack_progress *out)
{
	uint32_t bodies, chunks;
	uint16_t seq, low;
	uint8_t high;
	enum gw_err err;

	if ((err = rd_u16(r, &seq)) != GW_OK ||
	    (err = rd_u8(r, &high)) != GW_OK ||
	    (err = rd_u16(r, &low)) != GW_OK ||
	    (err = rd_u32(r, &chunks)) != GW_OK)
		return err;
	bodies = (uint32_t)high << 16 | low;
	if (seq == SEQ_UNUSED) {
		*out = (struct ack_progress){ 0, 0, 0 };
		return bodies == BODIES_UNUSED && chunks == CHUNKS_UNUSED ?
		    GW_OK : GW_EFORMAT;
	}
	if (base_seq > UINT64_MAX - seq)
		return GW_EFORMAT;
	*out = (struct ack_progress){ base_seq + seq, bodies, chunks };
	return GW_OK;
}

static enum gw_err
get_start(struct rd *r, struct ack *a)
{
	const uint8_t *magic;
	uint32_t headers;
	enum gw_err err;

	if ((err = rd_span(r, 4, &magic)) != GW_OK)
		return err;
	if (memcmp(magic, ACK_MAGIC, 4) != 0)
		return GW_EFORMAT;
	if ((err = rd_copy(r, a->channel_id, sizeof(a->channel_id))) !=
	    GW_OK ||
	    (err = rd_u32(r, &a->epoch)) != GW_OK ||
	    (err = rd_u64(r, &a->counter)) != GW_OK ||
	    (err = rd_u64(r, &a->base_seq)) != GW_OK ||
	    (err = rd_u32(r, &headers)) != GW_OK)
		return err;
	if (a->base_seq == 0 || a->base_seq > UINT64_MAX - headers)
		return GW_EFORMAT;
	a->header_seq = a->base_seq + headers - 1;
	return GW_OK;
}

enum gw_err
ack_decode(const uint8_t in[ACK_LEN], struct ack *out)
{
	enum gw_err err;
	struct ack a;
	struct rd r;
	int i;

	memset(&a, 0, sizeof(a));
	rd_init(&r, in, TBS_LEN);
	if ((err = get_start(&r, &a)) != GW_OK ||
	    (err = rd_copy(&r, a.header_hash, sizeof(a.header_hash))) !=
	    GW_OK ||
	    (err = rd_copy(&r, a.complete, sizeof(a.complete))) != GW_OK)
		return err;
	for (i = 0; i < ACK_IN_FLIGHT; i++) {
		err = get_progress(&r, a.base_seq, &a.progress[i]);
		if (err != GW_OK)
			return err;
	}
	if ((err = rd_u64(&r, &a.log_size)) != GW_OK ||
	    (err = rd_copy(&r, a.log_root, sizeof(a.log_root))) != GW_OK ||
	    (err = rd_end(&r)) != GW_OK)
		return err;
	if (!ack_ok(&a))
		return GW_EFORMAT;
	*out = a;
	return GW_OK;
}

enum gw_err
ack_verify(const uint8_t in[ACK_LEN], const uint8_t pub[32])
{
	uint8_t tbs[sizeof(sign_prefix) + TBS_LEN];

	memcpy(tbs, sign_prefix, sizeof(sign_prefix));
	memcpy(tbs + sizeof(sign_prefix), in, TBS_LEN);
	return crypto_verify(pub, tbs, sizeof(tbs), in + TBS_LEN);
}
