/* SPDX-License-Identifier: ISC; fuzz-libs: gw_link gw_ipc */
#include <sys/socket.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "proto/crypto/crypto.h"
#include "gatewayd/link/inbound.h"

/*
 * The receiver's half of the carrier above TLS.  Input: eight bytes that say
 * how spool answers, then frames.  The seeds are signed with seed {5}, so
 * that searching starts behind the signature.
 *
 * byte 0: state of RX_BEGIN; 1, 2: bodies and chunks that spool has; 3:
 * frames between two answers; 4: error of every answer but the first
 * (0: none); 5: 1: tables are not wanted; 6: error of the first
 */
#define CONFIG 8

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct {
	struct ev_loop *loop;
	struct link_env env;
	int spool; /* our end of it */
	struct inbound_channel channel;
	const uint8_t *config;
	int left;
	bool is_dropped; /* an error, upon which link ends the connection */
} fuzz;

static void
drop_line(void *arg, const struct log_record *rec)
{
	(void)arg;
	(void)rec;
}

static void
on_msg(void *arg, struct ipc_chan *chan, struct ipc_msg *msg)
{
	(void)arg;
	(void)chan;
	(void)msg;
}

static void
on_gone(void *arg, struct ipc_chan *chan)
{
	(void)arg;
	(void)chan;
}

static void
set_up(void)
{
	static const uint8_t seed[32] = {5};
	int pair[2];

	log_set_sink(drop_line, NULL);
	fuzz.loop = ev_loop_new();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1 ||
	    crypto_sign_public(seed, fuzz.channel.peer_sign_pub) != GW_OK ||
	    header_channel_id("internet-lgwan", fuzz.channel.channel_id) !=
		GW_OK)
		abort();
	link_env_init(&fuzz.env);
	fuzz.env.loop = fuzz.loop;
	fuzz.env.spool = ipc_chan_new(fuzz.loop, pair[0], "spool", link_rules,
	    link_rule_count, on_msg, on_gone, NULL);
	fuzz.spool = pair[1];
	fuzz.channel.id = "internet-lgwan";
}

static void
answer(const struct ipc_header *ask)
{
	struct spool_rx rx = {.err = -(int)(fuzz.config[6] % 27),
	    .state = fuzz.config[0] % 5 + 1,
	    .bodies = fuzz.config[1],
	    .chunks = fuzz.config[2],
	    .wants_tables = fuzz.config[5] != 1};
	struct ipc_status st = {.err = -(int)(fuzz.config[4] % 27)};
	struct ipc_msg msg = {.type = (uint16_t)(ask->type | IPC_REPLY),
	    .id = ask->id,
	    .body = &st,
	    .len = sizeof(st)};

	if (ask->type == SPOOL_RX_BEGIN) {
		msg.body = &rx;
		msg.len = sizeof(rx);
	}
	if (ask->type == SPOOL_RX_CREATE && st.err == GW_OK) {
		if (io_memfd("large", &msg.fds[0]) != GW_OK)
			abort();
		msg.fd_count = 1;
	}
	if (ask->type == SPOOL_RX_BEGIN
		? rx.err != GW_OK
		: st.err != GW_OK && st.err != GW_ENOENT &&
		      !(st.err == GW_EEXIST && ask->type == SPOOL_RX_CREATE))
		fuzz.is_dropped = true;
	link_answered(&fuzz.env, &msg);
	ipc_msg_clear(&msg);
}

/* Answer all that was asked; false if nothing was. */
static bool
answer_all(void)
{
	static _Alignas(16) uint8_t bytes[IPC_MSG_MAX];
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(IPC_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {bytes, sizeof(bytes)};
	bool did = false;

	for (;;) {
		struct msghdr mh = {.msg_iov = &iov,
		    .msg_iovlen = 1,
		    .msg_control = control.bytes,
		    .msg_controllen = sizeof(control.bytes)};
		struct ipc_header head;
		struct cmsghdr *c;
		int fd;

		if (recvmsg(fuzz.spool, &mh, MSG_DONTWAIT) <
		    (ssize_t)sizeof(head))
			return did;
		c = CMSG_FIRSTHDR(&mh);
		if (c != NULL) {
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
			close(fd);
		}
		memcpy(&head, bytes, sizeof(head));
		answer(&head);
		did = true;
	}
}

static void
on_left(void *arg)
{
	fuzz.left++;
	inbound_free(arg);
}

/* Returns false when the peer would be dropped. */
static bool
feed(struct inbound *in, const struct frame *f, const uint8_t *payload)
{
	const char *why = NULL;
	enum inbound_took took;

	while ((took = inbound_frame(in, f, payload, &why)) == INBOUND_LATER) {
		/* it waits for spool: then there must be a question */
		if (!answer_all())
			abort();
		if (fuzz.is_dropped)
			return false;
	}
	if (took == INBOUND_NONSENSE && why == NULL)
		abort();
	return took == INBOUND_TOOK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inbound *in;
	struct frame f;
	size_t off = CONFIG;
	uint32_t n = 0;
	bool goes_on = true;

	if (fuzz.loop == NULL)
		set_up();
	if (size < CONFIG)
		return 0;
	fuzz.config = data;
	fuzz.left = 0;
	fuzz.is_dropped = false;
	in = inbound_new(&fuzz.env, NULL, &fuzz.channel);
	while (goes_on && size - off >= FRAME_HEAD_LEN &&
	       frame_decode(data + off, &f) == GW_OK &&
	       f.len <= size - off - FRAME_HEAD_LEN) {
		goes_on = f.type != FRAME_HELLO &&
			  feed(in, &f, data + off + FRAME_HEAD_LEN);
		off += FRAME_HEAD_LEN + f.len;
		if (++n % (fuzz.config[3] + 1u) == 0) {
			inbound_flush(in);
			answer_all();
			goes_on = goes_on && !fuzz.is_dropped;
		}
	}
	if (!inbound_leave(in, on_left, in)) {
		inbound_free(in);
		fuzz.left = 1;
	}
	answer_all();
	if (fuzz.left != 1 || fuzz.env.call_count != 0)
		abort();
	return 0;
}
