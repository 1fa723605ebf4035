/* SPDX-License-Identifier: ISC */
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "proto/parcel/body.h"

#include "tests/unit/spool/carrier.h"

#define TRY(expr)                                                             \
	do {                                                                  \
		enum gw_err err_ = (expr);                                    \
		if (err_ != GW_OK)                                            \
			return err_;                                          \
	} while (0)

static enum gw_err
begin(struct world *high, const uint8_t *object, uint32_t len,
    struct spool_rx *out)
{
	struct spool_rx_begin ask = {0};
	size_t head = header_peek_len(object, len);
	struct ipc_msg msg;

	mem_put_str(ask.channel, sizeof(ask.channel), WORLD_CHANNEL);
	TRY(world_ask(high, PROC_LINK, SPOOL_RX_BEGIN, &ask, sizeof(ask),
	    object, 1, (uint32_t)head, -1, &msg));
	memcpy(out, msg.body, sizeof(*out));
	return GW_OK;
}

static enum gw_err
tables(struct world *high, const struct spool_rx *rx, const uint8_t *object,
    uint32_t len)
{
	struct spool_rx_id id;
	struct ipc_msg msg;
	int fd = -1;

	ck_assert_int_eq(io_memfd("object", &fd), GW_OK);
	ck_assert_int_eq(io_write_full(fd, object, len), GW_OK);
	ck_assert_int_eq(io_seal(fd), GW_OK);
	memcpy(id.rx_id, rx->rx_id, sizeof(id.rx_id));
	return world_ask(high, PROC_LINK, SPOOL_RX_TABLES, &id, sizeof(id),
	    NULL, 0, 0, fd, &msg);
}

/* One body after the other, as the sender gives them. */
static enum gw_err
put_small(struct world *high, const struct spool_rx *rx,
    const struct ipc_body *b, int fd)
{
	uint64_t len = body_stored_len(b->padded_len);
	uint8_t *bytes = mem_alloc((size_t)len);
	struct ipc_body copy = *b;
	struct spool_rx_id id;
	struct ipc_msg msg;
	enum gw_err err;
	int to = -1;

	ck_assert_int_eq(io_pread_full(fd, bytes, (size_t)len, b->offset),
	    GW_OK);
	ck_assert_int_eq(io_memfd("body", &to), GW_OK);
	ck_assert_int_eq(io_write_full(to, bytes, (size_t)len), GW_OK);
	ck_assert_int_eq(io_seal(to), GW_OK);
	mem_free(bytes);
	copy.offset = 0;
	memcpy(id.rx_id, rx->rx_id, sizeof(id.rx_id));
	err = world_ask(high, PROC_LINK, SPOOL_RX_PUT, &id, sizeof(id), &copy,
	    sizeof(copy), 1, to, &msg);
	return err;
}

static enum gw_err
put_large(struct world *high, const struct spool_rx *rx,
    const struct ipc_body *b, int fd)
{
	struct spool_rx_create create = {
		.padded_len = b->padded_len,
		.index = b->index,
	};
	struct spool_rx_progress progress = {.index = b->index};
	uint64_t len = body_stored_len(b->padded_len);
	uint8_t *bytes;
	struct ipc_msg msg;

	memcpy(create.rx_id, rx->rx_id, sizeof(create.rx_id));
	memcpy(create.id, b->id, sizeof(create.id));
	TRY(world_ask(high, PROC_LINK, SPOOL_RX_CREATE, &create,
	    sizeof(create), NULL, 0, 0, -1, &msg));
	ck_assert_int_eq(msg.fd_count, 1);
	bytes = mem_alloc((size_t)len);
	ck_assert_int_eq(io_pread_full(fd, bytes, (size_t)len, b->offset),
	    GW_OK);
	ck_assert_int_eq(io_pwrite_full(msg.fds[0], bytes, (size_t)len, 0),
	    GW_OK);
	mem_free(bytes);
	ipc_msg_clear(&msg);
	memcpy(progress.rx_id, rx->rx_id, sizeof(progress.rx_id));
	progress.chunks = (uint32_t)body_chunk_count(b->padded_len);
	TRY(world_ask(high, PROC_LINK, SPOOL_RX_PROGRESS, &progress,
	    sizeof(progress), NULL, 0, 0, -1, &msg));
	return world_ask(high, PROC_LINK, SPOOL_RX_DONE, &create,
	    sizeof(create), NULL, 0, 0, -1, &msg);
}

static enum gw_err
put(struct world *low, struct world *high, const struct spool_rx *rx,
    const struct key_ref *ref, uint32_t first, uint32_t end)
{
	struct spool_body_get ask = {
		.transfer = *ref,
		.max_bytes = 1u << 20,
	};
	struct ipc_body bodies[IPC_BATCH_MAX];
	struct ipc_msg msg;
	enum gw_err err = GW_OK;
	uint32_t i, n;
	int fd;

	while (first < end && err == GW_OK) {
		ask.first = first;
		ask.max_count = end - first;
		TRY(world_ask(low, PROC_LINK, SPOOL_BODY_GET, &ask,
		    sizeof(ask), NULL, 0, 0, -1, &msg));
		if (msg.count == 0)
			return GW_EIO;
		memcpy(bodies, msg.elems, msg.count * sizeof(bodies[0]));
		n = msg.count;
		fd = msg.fds[0];
		for (i = 0; i < n && err == GW_OK; i++) {
			ck_assert_uint_eq(bodies[i].index, first + i);
			err = bodies[i].padded_len > BODY_SMALL_MAX ?
			    put_large(high, rx, &bodies[i], fd) :
			    put_small(high, rx, &bodies[i], fd);
		}
		first += n;
		close(fd);
	}
	return err;
}

struct spool_rx
carrier_begin(struct world *high, const uint8_t *object, uint32_t len)
{
	struct spool_rx rx = {0};

	ck_assert_int_eq(begin(high, object, len, &rx), GW_OK);
	return rx;
}

void
carrier_tables(struct world *high, const struct spool_rx *rx,
    const uint8_t *object, uint32_t len)
{
	ck_assert_int_eq(tables(high, rx, object, len), GW_OK);
}

void
carrier_put(struct world *low, struct world *high, const struct spool_rx *rx,
    const struct slot *s, uint32_t first, uint32_t end)
{
	ck_assert_int_eq(put(low, high, rx, &s->ref, first, end), GW_OK);
}

static enum gw_err
one_parcel(struct world *low, struct world *high,
    const struct spool_tx_parcel *tx, int fd)
{
	uint8_t *object = mem_alloc(tx->object_len);
	struct spool_rx rx = {0};
	enum gw_err err;

	ck_assert_int_eq(io_pread_full(fd, object, tx->object_len, 0), GW_OK);
	err = begin(high, object, tx->object_len, &rx);
	if (err == GW_OK && (rx.state == RX_NEW || rx.state == RX_RESUME)) {
		if (rx.wants_tables)
			err = tables(high, &rx, object, tx->object_len);
		if (err == GW_OK && tx->bodies < tx->body_count)
			err = put(low, high, &rx, &tx->transfer, rx.bodies,
			    tx->body_count);
	}
	mem_free(object);
	return err;
}

static enum gw_err
sealed_seq(struct world *low, uint64_t *confirmed_out, uint64_t *out)
{
	struct spool_channel_status st;
	struct ipc_msg msg;

	*out = *confirmed_out = 0;
	TRY(world_ask(low, PROC_DESK, SPOOL_CHANNEL_STATUS, NULL, 0, NULL, 0,
	    0, -1, &msg));
	if (msg.count == 1) {
		memcpy(&st, msg.elems, sizeof(st));
		*out = st.sealed_seq;
		*confirmed_out = st.confirmed_seq;
	}
	return GW_OK;
}

enum gw_err
carrier_try(struct world *low, struct world *high)
{
	struct spool_tx_next ask = {.after_epoch = 1};
	struct spool_tx_parcel tx;
	struct ipc_msg msg;
	enum gw_err err;
	uint64_t last;
	int fd;

	TRY(sealed_seq(low, &ask.after_seq, &last));
	mem_put_str(ask.channel, sizeof(ask.channel), WORLD_CHANNEL);
	while (ask.after_seq < last) {
		TRY(world_ask(low, PROC_LINK, SPOOL_TX_NEXT, &ask,
		    sizeof(ask), NULL, 0, 0, -1, &msg));
		memcpy(&tx, msg.body, sizeof(tx));
		if (tx.err != GW_OK)
			return (enum gw_err)tx.err;
		ck_assert_uint_gt(tx.seq, ask.after_seq);
		fd = msg.fd_count == 1 ? msg.fds[0] : -1;
		err = tx.is_complete ? GW_OK : one_parcel(low, high, &tx, fd);
		if (fd != -1)
			close(fd);
		if (err != GW_OK)
			return err;
		ask.after_seq = tx.seq;
	}
	return GW_OK;
}

void
carrier_all(struct world *low, struct world *high)
{
	ck_assert_int_eq(carrier_try(low, high), GW_OK);
}

enum gw_err
carrier_try_ack(struct world *low, struct world *high, struct ack *out)
{
	struct spool_ack_next ask = {.waits = 0};
	struct keys_ack_signed ack;
	struct spool_tx_ack tx = {0};
	struct ipc_msg msg;

	mem_put_str(ask.channel, sizeof(ask.channel), WORLD_CHANNEL);
	TRY(world_ask(high, PROC_LINK, SPOOL_ACK_NEXT, &ask, sizeof(ask), NULL,
	    0, 0, -1, &msg));
	memcpy(&ack, msg.body, sizeof(ack));
	ck_assert_int_eq(ack.err, GW_OK);
	memcpy(out, ack.bytes, sizeof(*out));
	mem_put_str(tx.channel, sizeof(tx.channel), WORLD_CHANNEL);
	memcpy(tx.bytes, ack.bytes, sizeof(tx.bytes));
	return world_ask(low, PROC_LINK, SPOOL_TX_ACK, &tx, sizeof(tx), NULL,
	    0, 0, -1, &msg);
}

void
carrier_ack(struct world *low, struct world *high)
{
	struct ack ack;

	ck_assert_int_eq(carrier_try_ack(low, high, &ack), GW_OK);
}

void
carrier_wait_seq(struct world *low, uint64_t seq)
{
	uint64_t last, confirmed;
	int i;

	for (i = 0; i < 20000; i++) {
		ck_assert_int_eq(sealed_seq(low, &confirmed, &last),
		    GW_OK);
		if (last >= seq)
			return;
	}
	ck_abort_msg("parcel %u was never sealed", (unsigned)seq);
}
