/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/time.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "gatewayd/link/address.h"
#include "gatewayd/link/identity.h"
#include "proto/wire/frame.h"

#include "tests/support/hostile.h"
#include "tests/support/made.h"

/* A connection as far as it got. */
struct tie {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	struct buf out;
	struct identity_peer peer;
};

/* --- connection ---------------------------------------------------- */

static bool
any_peer(void *arg, const uint8_t pin[IDENTITY_PIN_LEN])
{
	(void)arg;
	(void)pin;
	return true;
}

static bool
open_key(const char *dir, SSL_CTX **ctx, uint8_t pin[32])
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum gw_err err;

	if (fd == -1)
		return false;
	identity_init();
	err = identity_open(fd, ctx, pin);
	close(fd);
	return err == GW_OK;
}

void
hostile_pin(const char *dir, uint8_t pin_out[32])
{
	SSL_CTX *ctx;

	if (!open_key(dir, &ctx, pin_out))
		log_fatal("no key in %s", dir);
	SSL_CTX_free(ctx);
}

static bool
tie_dial(struct tie *t, const struct hostile *h)
{
	struct timeval limit = {
	    .tv_sec = h->wait_ms / 1000, .tv_usec = h->wait_ms % 1000 * 1000};
	struct sockaddr_storage sa;
	socklen_t len;

	if (address_parse(h->address, &sa, &len) != GW_OK)
		return false;
	t->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->fd == -1 || connect(t->fd, (struct sockaddr *)&sa, len) == -1)
		return false;
	setsockopt(t->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(t->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return true;
}

static bool
tie_shake(struct tie *t)
{
	t->ssl = SSL_new(t->ctx);
	t->peer.fn = any_peer;
	if (t->ssl == NULL || SSL_set_fd(t->ssl, t->fd) != 1)
		return false;
	identity_expect(t->ssl, &t->peer);
	return SSL_connect(t->ssl) == 1;
}

/* Send what was gathered; whether it arrives is seen by reading. */
static void
tie_send(struct tie *t)
{
	size_t off = 0;
	int n;

	while (off < t->out.len) {
		n = SSL_write(
		    t->ssl, t->out.data + off, (int)(t->out.len - off));
		if (n <= 0)
			break;
		off += (size_t)n;
	}
	buf_reset(&t->out);
}

/* Read until the receiver closes, or the time is over. */
static enum hostile_end
tie_watch(struct tie *t, const struct hostile *h)
{
	uint64_t until = clock_mono_ms() + (uint64_t)h->wait_ms;
	uint8_t bytes[4096];
	int n, error;

	tie_send(t);
	while (clock_mono_ms() < until) {
		n = SSL_read(t->ssl, bytes, sizeof(bytes));
		if (n > 0)
			continue;
		error = SSL_get_error(t->ssl, n);
		if (error != SSL_ERROR_WANT_READ)
			return HOSTILE_DROPPED;
	}
	return HOSTILE_KEPT;
}

/* --- pieces -------------------------------------------------------- */

static void
put_hello(struct tie *t, const char *channel, uint16_t version)
{
	uint8_t id[16];

	if (header_channel_id(channel, id) != GW_OK)
		log_fatal("channel id");
	frame_put(&t->out, FRAME_HELLO, 0, 18);
	buf_put_u16(&t->out, version);
	buf_put(&t->out, id, sizeof(id));
}

static void
hello(struct hostile *h, struct tie *t)
{
	put_hello(t, h->channel, FRAME_VERSION);
}

static void
put_header(struct tie *t, const struct made *m)
{
	frame_put(&t->out, FRAME_HEADER, m->header.seq, m->layout.header_len);
	buf_put(&t->out, m->object.data, m->layout.header_len);
}

static void
put_tables(struct tie *t, const struct made *m)
{
	size_t off = m->layout.header_len, len;

	for (; off < m->object.len; off += len) {
		len = m->object.len - off;
		if (len > FRAME_PIECE_MAX)
			len = FRAME_PIECE_MAX;
		frame_put(&t->out, FRAME_TABLES, m->header.seq, len);
		buf_put(&t->out, m->object.data + off, len);
	}
}

static void
put_read(struct tie *t, int fd, uint64_t off, size_t len)
{
	uint8_t *p = buf_reserve(&t->out, len);

	if (p == NULL || io_pread_full(fd, p, len, off) != GW_OK)
		log_fatal("a made body cannot be read");
}

static void
put_small(struct tie *t, const struct made *m, uint32_t index)
{
	const struct made_body *b = &m->bodies[index];

	frame_put(&t->out, FRAME_SMALL, m->header.seq, 4 + b->stored_len);
	buf_put_u32(&t->out, index);
	put_read(t, b->fd, 0, b->stored_len);
}

static void
put_table(struct tie *t, const struct made *m, uint32_t index)
{
	const struct made_body *b = &m->bodies[index];
	size_t len = b->stored_len - b->record.padded_len;

	frame_put(&t->out, FRAME_BODY, m->header.seq, 8 + len);
	buf_put_u32(&t->out, index);
	buf_put_u32(&t->out, 0);
	put_read(t, b->fd, b->record.padded_len, len);
}

static void
put_chunk(struct tie *t, const struct made *m, uint32_t index, uint32_t n)
{
	const struct made_body *b = &m->bodies[index];
	size_t len = body_chunk_len(b->record.padded_len, n);

	frame_put(&t->out, FRAME_CHUNK, m->header.seq, 8 + len);
	buf_put_u32(&t->out, index);
	buf_put_u32(&t->out, n);
	put_read(t, b->fd, (uint64_t)n * BODY_CHUNK, len);
}

static void
put_end(struct tie *t, const struct made *m)
{
	frame_put(&t->out, FRAME_END, m->header.seq, 0);
}

/* Body 0 and 1 are small, 2 has three chunks. */
static struct made *
make(const struct hostile *h)
{
	static const uint64_t lengths[] = {300, 9000, 600000};

	return made_new(h->channel, h->seed, NULL, lengths, 3);
}

/* HELLO, header and tables of a good parcel. */
static struct made *
begin(struct hostile *h, struct tie *t)
{
	struct made *m = make(h);

	hello(h, t);
	put_header(t, m);
	put_tables(t, m);
	return m;
}

/* --- before TLS, and TLS itself ------------------------------------ */

static enum hostile_end
no_tls(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	char byte;

	(void)h;
	if (send(t->fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL) != 18)
		return HOSTILE_DROPPED;
	while (recv(t->fd, &byte, 1, 0) == 1)
		;
	return HOSTILE_DROPPED;
}

static enum hostile_end
mute(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	char byte;

	(void)h;
	return recv(t->fd, &byte, 1, 0) == 0 ? HOSTILE_DROPPED : HOSTILE_KEPT;
}

/* One byte of a TLS record each half second. */
static enum hostile_end
slow_tls(struct hostile *h, void *arg)
{
	static const uint8_t record[64] = {
	    22, 3, 1, 0, 250, 1, 0, 0, 246, 3, 3};
	uint64_t until = clock_mono_ms() + (uint64_t)h->wait_ms;
	struct tie *t = arg;
	char byte;

	for (size_t i = 0; clock_mono_ms() < until; i++) {
		if (send(t->fd, &record[i % sizeof(record)], 1, MSG_NOSIGNAL) !=
			1 ||
		    recv(t->fd, &byte, 1, MSG_DONTWAIT) == 0)
			return HOSTILE_DROPPED;
		usleep(500000);
	}
	return HOSTILE_KEPT;
}

static enum hostile_end
shake_and_watch(struct hostile *h, struct tie *t)
{
	/* in TLS 1.3 a client learns only afterwards that it is refused */
	if (!tie_shake(t))
		return HOSTILE_REFUSED;
	hello(h, t);
	return tie_watch(t, h);
}

static enum hostile_end
old_tls(struct hostile *h, void *arg)
{
	struct tie *t = arg;

	if (SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(t->ctx, TLS1_2_VERSION) != 1)
		return HOSTILE_CANNOT;
	return shake_and_watch(h, t);
}

static enum hostile_end
no_certificate(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_free(t->ctx);
	t->ctx = ctx;
	return shake_and_watch(h, t);
}

static enum hostile_end
other_cipher(struct hostile *h, void *arg)
{
	struct tie *t = arg;

	if (SSL_CTX_set_ciphersuites(t->ctx, "TLS_CHACHA20_POLY1305_SHA256") !=
	    1)
		return HOSTILE_CANNOT;
	return shake_and_watch(h, t);
}

/* Takes the key of dir/stranger, which nobody has paired. */
static enum hostile_end
stranger(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	if (key == NULL || cert == NULL || X509_set_version(cert, 2) != 1 ||
	    X509_gmtime_adj(X509_getm_notBefore(cert), -60) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(cert), 3600) == NULL ||
	    X509_set_pubkey(cert, key) != 1 ||
	    X509_sign(cert, key, EVP_sha256()) <= 0 ||
	    SSL_CTX_use_certificate(t->ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(t->ctx, key) != 1)
		return HOSTILE_CANNOT;
	X509_free(cert);
	EVP_PKEY_free(key);
	return shake_and_watch(h, t);
}

/* --- HELLO --------------------------------------------------------- */

#define AFTER_TLS(t)                                                           \
	if (!tie_shake(t))                                                     \
	return HOSTILE_REFUSED

static enum hostile_end
silent(struct hostile *h, void *arg)
{
	struct tie *t = arg;

	AFTER_TLS(t);
	return tie_watch(t, h);
}

static enum hostile_end
slow_hello(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	uint64_t until = clock_mono_ms() + (uint64_t)h->wait_ms;

	AFTER_TLS(t);
	hello(h, t);
	for (size_t i = 0; i < t->out.len && clock_mono_ms() < until; i++) {
		if (SSL_write(t->ssl, t->out.data + i, 1) != 1)
			return HOSTILE_DROPPED;
		usleep(500000);
	}
	buf_reset(&t->out);
	return tie_watch(t, h);
}

static enum hostile_end
wrong_channel(struct hostile *h, void *arg)
{
	struct tie *t = arg;

	AFTER_TLS(t);
	put_hello(t, "mynumber-lgwan", FRAME_VERSION);
	return tie_watch(t, h);
}

static enum hostile_end
wrong_version(struct hostile *h, void *arg)
{
	struct tie *t = arg;

	AFTER_TLS(t);
	put_hello(t, h->channel, FRAME_VERSION + 1);
	return tie_watch(t, h);
}

static enum hostile_end
hello_twice(struct hostile *h, void *arg)
{
	struct tie *t = arg;

	AFTER_TLS(t);
	hello(h, t);
	hello(h, t);
	return tie_watch(t, h);
}

static enum hostile_end
no_hello(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m = make(h);

	AFTER_TLS(t);
	put_header(t, m);
	made_free(m);
	return tie_watch(t, h);
}

/* --- frames -------------------------------------------------------- */

static enum hostile_end
noise(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	uint8_t bytes[4096];

	AFTER_TLS(t);
	hello(h, t);
	crypto_random(bytes, sizeof(bytes));
	bytes[0] |= 0x80;
	buf_put(&t->out, bytes, sizeof(bytes));
	return tie_watch(t, h);
}

static enum hostile_end
huge_frame(struct hostile *h, void *arg)
{
	struct tie *t = arg;

	AFTER_TLS(t);
	hello(h, t);
	frame_put(&t->out, FRAME_TABLES, 1, UINT32_MAX);
	return tie_watch(t, h);
}

static enum hostile_end
reserved_bytes(struct hostile *h, void *arg)
{
	struct tie *t = arg;

	AFTER_TLS(t);
	hello(h, t);
	frame_put(&t->out, FRAME_ALIVE, 0, 0);
	t->out.data[t->out.len - 15] = 1;
	return tie_watch(t, h);
}

static enum hostile_end
no_parcel(struct hostile *h, void *arg)
{
	struct tie *t = arg;

	AFTER_TLS(t);
	hello(h, t);
	frame_put(&t->out, FRAME_END, 7, 0);
	return tie_watch(t, h);
}

static enum hostile_end
alive(struct hostile *h, void *arg)
{
	struct tie *t = arg;

	AFTER_TLS(t);
	hello(h, t);
	frame_put(&t->out, FRAME_ALIVE, 0, 0);
	return tie_watch(t, h);
}

/* --- header -------------------------------------------------------- */

static enum hostile_end
with_header(struct hostile *h, struct tie *t, struct made *m)
{
	AFTER_TLS(t);
	hello(h, t);
	put_header(t, m);
	made_free(m);
	return tie_watch(t, h);
}

static enum hostile_end
header_noise(struct hostile *h, void *arg)
{
	struct made *m = make(h);

	crypto_random(m->object.data, m->layout.header_len);
	return with_header(h, arg, m);
}

static enum hostile_end
header_signature(struct hostile *h, void *arg)
{
	struct made *m = make(h);

	m->object.data[m->layout.header_len - 1] ^= 1;
	return with_header(h, arg, m);
}

static enum hostile_end
header_forged(struct hostile *h, void *arg)
{
	static const uint8_t other[32] = {99};
	struct made *m = make(h);

	made_resign(m, other);
	return with_header(h, arg, m);
}

static enum hostile_end
header_channel(struct hostile *h, void *arg)
{
	struct made *m = make(h);

	m->header.channel_id[0] ^= 1;
	made_resign(m, h->seed);
	return with_header(h, arg, m);
}

static enum hostile_end
header_recipient(struct hostile *h, void *arg)
{
	struct made *m = make(h);

	m->header.recipient_key_id[0] ^= 1;
	made_resign(m, h->seed);
	return with_header(h, arg, m);
}

static enum hostile_end
header_seq(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m = make(h);

	AFTER_TLS(t);
	hello(h, t);
	frame_put(&t->out, FRAME_HEADER, 2, m->layout.header_len);
	buf_put(&t->out, m->object.data, m->layout.header_len);
	made_free(m);
	return tie_watch(t, h);
}

static enum hostile_end
header_twice(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m = make(h);

	AFTER_TLS(t);
	hello(h, t);
	put_header(t, m);
	put_header(t, m);
	made_free(m);
	return tie_watch(t, h);
}

static enum hostile_end
header_flood(struct hostile *h, void *arg)
{
	static const uint64_t length = 100;
	struct tie *t = arg;
	struct made *m[FRAME_OPEN_MAX + 1];

	AFTER_TLS(t);
	hello(h, t);
	for (int i = 0; i <= FRAME_OPEN_MAX; i++) {
		m[i] = made_new(
		    h->channel, h->seed, i == 0 ? NULL : m[i - 1], &length, 1);
		put_header(t, m[i]);
	}
	for (int i = 0; i <= FRAME_OPEN_MAX; i++)
		made_free(m[i]);
	return tie_watch(t, h);
}

/* --- tables -------------------------------------------------------- */

static enum hostile_end
tables_wrong(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m = make(h);

	AFTER_TLS(t);
	hello(h, t);
	put_header(t, m);
	m->object.data[m->object.len - 1] ^= 1;
	put_tables(t, m);
	made_free(m);
	return tie_watch(t, h);
}

static enum hostile_end
tables_long(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m;

	AFTER_TLS(t);
	m = begin(h, t);
	frame_put(&t->out, FRAME_TABLES, m->header.seq, 1);
	buf_put_u8(&t->out, 0);
	made_free(m);
	return tie_watch(t, h);
}

static enum hostile_end
no_tables(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m = make(h);

	AFTER_TLS(t);
	hello(h, t);
	put_header(t, m);
	put_small(t, m, 0);
	made_free(m);
	return tie_watch(t, h);
}

/* --- bodies -------------------------------------------------------- */

static enum hostile_end
body_index(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m;
	size_t at;

	AFTER_TLS(t);
	m = begin(h, t);
	at = t->out.len + FRAME_HEAD_LEN;
	put_small(t, m, 0);
	t->out.data[at] = 0xff;
	made_free(m);
	return tie_watch(t, h);
}

static enum hostile_end
body_length(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m;
	size_t at;

	AFTER_TLS(t);
	m = begin(h, t);
	at = t->out.len + FRAME_HEAD_LEN;
	put_small(t, m, 1);
	t->out.data[at + 3] = 0; /* says it is body 0, which is shorter */
	made_free(m);
	return tie_watch(t, h);
}

static enum hostile_end
body_flipped(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m;

	AFTER_TLS(t);
	m = begin(h, t);
	put_small(t, m, 0);
	put_small(t, m, 1);
	t->out.data[t->out.len - 1000] ^= 1;
	put_end(t, m);
	made_free(m);
	return tie_watch(t, h);
}

static enum hostile_end
table_gap(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m;
	size_t at;

	AFTER_TLS(t);
	m = begin(h, t);
	at = t->out.len + FRAME_HEAD_LEN;
	put_table(t, m, 2);
	t->out.data[at + 7] = 1;
	made_free(m);
	return tie_watch(t, h);
}

static enum hostile_end
table_flipped(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m;

	AFTER_TLS(t);
	m = begin(h, t);
	put_table(t, m, 2);
	t->out.data[t->out.len - BODY_ENTRY_LEN] ^= 1;
	put_chunk(t, m, 2, 0);
	made_free(m);
	return tie_watch(t, h);
}

static enum hostile_end
table_of_small(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m;

	AFTER_TLS(t);
	m = begin(h, t);
	put_table(t, m, 1);
	made_free(m);
	return tie_watch(t, h);
}

static enum hostile_end
chunk_without_table(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m;

	AFTER_TLS(t);
	m = begin(h, t);
	put_chunk(t, m, 2, 0);
	made_free(m);
	return tie_watch(t, h);
}

/* What was never sent must not count as had. */
static enum hostile_end
chunk_hole(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m;

	AFTER_TLS(t);
	m = begin(h, t);
	put_table(t, m, 2);
	put_chunk(t, m, 2, 1);
	made_free(m);
	return tie_watch(t, h);
}

static enum hostile_end
chunk_order(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m;

	AFTER_TLS(t);
	m = begin(h, t);
	put_table(t, m, 2);
	put_chunk(t, m, 2, 0);
	put_chunk(t, m, 2, 2);
	made_free(m);
	return tie_watch(t, h);
}

static enum hostile_end
chunk_flipped(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m;

	AFTER_TLS(t);
	m = begin(h, t);
	put_table(t, m, 2);
	put_chunk(t, m, 2, 0);
	put_chunk(t, m, 2, 1);
	t->out.data[t->out.len - 1] ^= 1;
	put_chunk(t, m, 2, 2);
	put_end(t, m);
	made_free(m);
	return tie_watch(t, h);
}

static enum hostile_end
after_end(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m;

	AFTER_TLS(t);
	m = begin(h, t);
	put_end(t, m);
	put_small(t, m, 0);
	made_free(m);
	return tie_watch(t, h);
}

/*
 * Not a misdeed: a whole parcel, nothing read until all is sent, and the
 * end at once.  Session tickets would now lie unread, and closing would
 * reset what is on its way.
 */
static enum hostile_end
send_and_close(struct hostile *h, void *arg)
{
	struct tie *t = arg;
	struct made *m;

	AFTER_TLS(t);
	m = begin(h, t);
	put_small(t, m, 0);
	put_small(t, m, 1);
	put_table(t, m, 2);
	for (uint32_t i = 0; i < 3; i++)
		put_chunk(t, m, 2, i);
	put_end(t, m);
	made_free(m);
	tie_send(t);
	SSL_shutdown(t->ssl);
	shutdown(t->fd, SHUT_WR);
	return tie_watch(t, h);
}

/* --- all ----------------------------------------------------------- */

const struct hostile_case hostile_cases[] = {
    {"no-tls", "speaks HTTP", HOSTILE_DROPPED, no_tls},
    {"mute", "connects and says nothing", HOSTILE_DROPPED, mute},
    {"slow-tls", "handshake byte by byte", HOSTILE_DROPPED, slow_tls},
    {"tls12", "TLS 1.2", HOSTILE_REFUSED, old_tls},
    {"no-certificate", "shows no certificate", HOSTILE_DROPPED, no_certificate},
    {"other-cipher", "ChaCha20 alone", HOSTILE_REFUSED, other_cipher},
    {"stranger", "a key that is not paired", HOSTILE_DROPPED, stranger},
    {"silent", "no HELLO", HOSTILE_DROPPED, silent},
    {"slow-hello", "HELLO byte by byte", HOSTILE_DROPPED, slow_hello},
    {"wrong-channel", "HELLO for another channel", HOSTILE_DROPPED,
	wrong_channel},
    {"wrong-version", "HELLO of version 2", HOSTILE_DROPPED, wrong_version},
    {"hello-twice", "two HELLOs", HOSTILE_DROPPED, hello_twice},
    {"no-hello", "a header before HELLO", HOSTILE_DROPPED, no_hello},
    {"noise", "random bytes as frames", HOSTILE_DROPPED, noise},
    {"huge-frame", "a frame of 4 GiB", HOSTILE_DROPPED, huge_frame},
    {"reserved-bytes", "reserved bytes not zero", HOSTILE_DROPPED,
	reserved_bytes},
    {"no-parcel", "END of a parcel that is none", HOSTILE_DROPPED, no_parcel},
    {"alive", "nothing wrong", HOSTILE_KEPT, alive},
    {"header-noise", "random bytes as header", HOSTILE_DROPPED, header_noise},
    {"header-signature", "a flipped bit in the signature", HOSTILE_DROPPED,
	header_signature},
    {"header-forged", "signed with another key", HOSTILE_DROPPED,
	header_forged},
    {"header-channel", "names another channel", HOSTILE_DROPPED,
	header_channel},
    {"header-recipient", "names a key that is not the receiver's",
	HOSTILE_DROPPED, header_recipient},
    {"header-seq", "frame and header differ in seq", HOSTILE_DROPPED,
	header_seq},
    {"header-twice", "one header twice", HOSTILE_DROPPED, header_twice},
    {"header-flood", "more open parcels than agreed", HOSTILE_DROPPED,
	header_flood},
    {"tables-wrong", "tables that do not hash", HOSTILE_DROPPED, tables_wrong},
    {"tables-long", "tables longer than signed", HOSTILE_DROPPED, tables_long},
    {"no-tables", "a body before the tables", HOSTILE_DROPPED, no_tables},
    {"body-index", "a body beyond the table", HOSTILE_DROPPED, body_index},
    {"body-length", "a body of another length", HOSTILE_DROPPED, body_length},
    {"body-flipped", "a flipped bit in a small body", HOSTILE_KEPT,
	body_flipped},
    {"table-gap", "a chunk table that starts later", HOSTILE_DROPPED,
	table_gap},
    {"table-flipped", "a chunk table that does not hash", HOSTILE_KEPT,
	table_flipped},
    {"table-of-small", "a chunk table for a small body", HOSTILE_DROPPED,
	table_of_small},
    {"chunk-without-table", "a chunk before its table", HOSTILE_DROPPED,
	chunk_without_table},
    {"chunk-hole", "the second chunk first", HOSTILE_DROPPED, chunk_hole},
    {"chunk-order", "a chunk left out", HOSTILE_DROPPED, chunk_order},
    {"chunk-flipped", "a flipped bit in a chunk", HOSTILE_KEPT, chunk_flipped},
    {"after-end", "a body after END", HOSTILE_DROPPED, after_end},
    {"send-and-close", "a whole parcel, then the end", HOSTILE_DROPPED,
	send_and_close},
};
const int hostile_case_count =
    (int)(sizeof(hostile_cases) / sizeof(hostile_cases[0]));

const struct hostile_case *
hostile_find(const char *name)
{
	for (int i = 0; i < hostile_case_count; i++)
		if (strcmp(hostile_cases[i].name, name) == 0)
			return &hostile_cases[i];
	return NULL;
}

enum hostile_end
hostile_run(struct hostile *h, const struct hostile_case *c)
{
	struct tie t = {.fd = -1};
	enum hostile_end end = HOSTILE_CANNOT;
	uint8_t pin[32];

	signal(SIGPIPE, SIG_IGN);
	buf_init(&t.out, 16u << 20);
	if (open_key(h->dir, &t.ctx, pin) && tie_dial(&t, h))
		end = c->run(h, &t);
	SSL_free(t.ssl);
	SSL_CTX_free(t.ctx);
	io_drop(&t.fd);
	buf_clear(&t.out);
	return end;
}
