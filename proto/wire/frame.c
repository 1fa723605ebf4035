/* SPDX-License-Identifier: ISC */
#include "base/rd.h"
#include "proto/wire/frame.h"

/* Payload bounds of each type, and whether it belongs to a parcel. */
static const struct {
	uint32_t min, max;
	bool has_seq;
} frame_bounds[] = {
    [FRAME_HELLO] = {18, 18, false},
    [FRAME_HEADER] = {1, HEADER_MAX, true},
    [FRAME_TABLES] = {1, FRAME_PIECE_MAX, true},
    [FRAME_BODY] = {8 + BODY_ENTRY_LEN, 8 + FRAME_PIECE_MAX, true},
    [FRAME_CHUNK] = {8 + BODY_ALIGN, 8 + BODY_CHUNK, true},
    [FRAME_SMALL] = {4 + BODY_ENTRY_LEN + BODY_ALIGN,
	4 + BODY_ENTRY_LEN + BODY_CHUNK, true},
    [FRAME_END] = {0, 0, true},
    [FRAME_ALIVE] = {0, 0, false},
};

void
frame_put(struct buf *out, enum frame_type type, uint64_t seq, size_t len)
{
	buf_put_u8(out, (uint8_t)type);
	buf_put_zero(out, 3);
	buf_put_u32(out, (uint32_t)len);
	buf_put_u64(out, seq);
}

enum gw_err
frame_decode(const uint8_t head[FRAME_HEAD_LEN], struct frame *out)
{
	struct frame f;
	struct rd rd;
	enum gw_err err;

	rd_init(&rd, head, FRAME_HEAD_LEN);
	if ((err = rd_u8(&rd, &f.type)) != GW_OK ||
	    (err = rd_zero(&rd, 3)) != GW_OK ||
	    (err = rd_u32(&rd, &f.len)) != GW_OK ||
	    (err = rd_u64(&rd, &f.seq)) != GW_OK)
		return err;
	if (f.type < FRAME_HELLO || f.type > FRAME_ALIVE)
		return GW_EFORMAT;
	if (f.len < frame_bounds[f.type].min ||
	    f.len > frame_bounds[f.type].max)
		return GW_ELIMIT;
	if ((f.seq != 0) != frame_bounds[f.type].has_seq)
		return GW_EFORMAT;
	*out = f;
	return GW_OK;
}
