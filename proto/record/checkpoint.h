/* SPDX-License-Identifier: ISC */
#ifndef PROTO_RECORD_CHECKPOINT_H
#define PROTO_RECORD_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Checkpoint of the audit log: a C2SP tlog-checkpoint in a C2SP signed-note
 * with Ed25519 signatures.  PROTOCOL-audit.md, "Checkpoint".
 */
#define CHECKPOINT_MAX 4096
#define CHECKPOINT_ORIGIN_MAX 64	/* NUL included */
#define CHECKPOINT_SIGS_MAX 16
#define CHECKPOINT_KEY_TEXT_MAX 192

enum checkpoint_clock {
	CHECKPOINT_CLOCK_UNKNOWN,
	CHECKPOINT_CLOCK_SYNCHRONIZED,
	CHECKPOINT_CLOCK_UNSYNCHRONIZED
};

struct checkpoint_sig {
	char name[CHECKPOINT_ORIGIN_MAX];
	uint8_t key_id[4];
	uint8_t sig[64];
};

struct checkpoint {
	char origin[CHECKPOINT_ORIGIN_MAX];
	uint64_t size;
	uint8_t root[32];
	uint64_t wall_ms;		/* extension line "time" */
	enum checkpoint_clock clock;
	/* Set by checkpoint_decode. */
	size_t text_len;		/* bytes that the signatures cover */
	int sig_count;
	struct checkpoint_sig sigs[CHECKPOINT_SIGS_MAX];
};

/* A log's key: its name is the origin of the log. */
struct checkpoint_key {
	char name[CHECKPOINT_ORIGIN_MAX];
	uint8_t pub[32];
	uint8_t seed[32];		/* zero in a public key */
};

/* Name, size, root, time: signed by key (with seed), written to out. */
GW_MUST_CHECK enum gw_err checkpoint_encode(const struct checkpoint *,
    const struct checkpoint_key *, struct buf *out);

/*
 * Strict: the text must be exactly as checkpoint_encode writes it; further
 * Ed25519 signature lines may follow.  Verifies nothing.
 */
GW_MUST_CHECK enum gw_err checkpoint_decode(const void *, size_t,
    struct checkpoint *out);

/*
 * Does a signature of this key stand under it?  data is what was decoded.
 * Errors: GW_ENOENT (no signature names the key), GW_ESIG.
 */
GW_MUST_CHECK enum gw_err checkpoint_verify(const struct checkpoint *,
    const void *data, const struct checkpoint_key *);

/* First four bytes of SHA-256(name || 0x0A || 0x01 || pub). */
GW_MUST_CHECK enum gw_err checkpoint_key_id(const struct checkpoint_key *,
    uint8_t out[4]);

/*
 * Key as one line of text, as the tools of signed notes have it:
 * NAME+HASH+BASE64, and PRIVATE+KEY+NAME+HASH+BASE64.  Strict.
 * Decoding a private key derives its public one.
 */
GW_MUST_CHECK enum gw_err checkpoint_key_encode(const struct checkpoint_key *,
    bool is_private, struct buf *out);
GW_MUST_CHECK enum gw_err checkpoint_key_decode(const void *, size_t,
    bool is_private, struct checkpoint_key *out);

/* May this be an origin: printable ASCII without space and plus? */
bool checkpoint_origin_ok(const char *);

#endif
