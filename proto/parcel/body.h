/* SPDX-License-Identifier: ISC */
#ifndef PROTO_PARCEL_BODY_H
#define PROTO_PARCEL_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * A body: the encrypted bytes of one file, cut into chunks.  It is the same
 * at rest on both sides and on every carrier.  Stored form: all chunks'
 * ciphertext (padded_len bytes, chunk i at i * BODY_CHUNK), then the chunk
 * table (BODY_ENTRY_LEN bytes per chunk).  PROTOCOL.md, "Body".
 */
#define BODY_ID_LEN 16
#define BODY_CHUNK 262144u
#define BODY_ALIGN 4096u
#define BODY_ENTRY_LEN 48u	/* leaf hash 32, GCM tag 16 */
#define BODY_SMALL_MAX BODY_CHUNK /* bodies of one chunk may share a pack */
#define BODY_PLAIN_MAX (UINT64_C(1) << 40)

/* Padme, rounded up to BODY_ALIGN, never below it; 0 above BODY_PLAIN_MAX. */
uint64_t body_padded_len(uint64_t plain_len);
uint64_t body_chunk_count(uint64_t padded_len);
size_t body_chunk_len(uint64_t padded_len, uint64_t index);
uint64_t body_stored_len(uint64_t padded_len); /* chunks and table */

/* Is this a length body_padded_len can give? */
bool body_padded_ok(uint64_t padded_len);

/* HKDF-Expand(key, "gwp1 commit" || id). */
GW_MUST_CHECK enum gw_err body_commitment(const uint8_t key[32],
    const uint8_t id[BODY_ID_LEN], uint8_t out[32]);

/*
 * Cipher of one body, for writers and readers.  Not shared by threads; two
 * ciphers of one body may work on different chunks at once.
 */
struct body_cipher;
GW_MUST_CHECK enum gw_err body_cipher_new(const uint8_t key[32],
    const uint8_t id[BODY_ID_LEN], struct body_cipher **out);
void body_cipher_free(struct body_cipher *);

/*
 * Seal chunk `index`: len plaintext bytes (zero padded by the caller) to as
 * many of ciphertext; entry_out takes the chunk's table entry.
 */
GW_MUST_CHECK enum gw_err body_seal_chunk(struct body_cipher *, uint64_t index,
    bool is_last, const uint8_t *plain, size_t len, uint8_t *cipher_out,
    uint8_t entry_out[BODY_ENTRY_LEN]);

/*
 * Check a chunk against its table entry, with no key: GW_EHASH if damaged.
 */
GW_MUST_CHECK enum gw_err body_check_chunk(uint64_t index,
    const uint8_t *cipher, size_t len, const uint8_t entry[BODY_ENTRY_LEN]);

/* Check, then decrypt: GW_EHASH, GW_EAUTH. */
GW_MUST_CHECK enum gw_err body_open_chunk(struct body_cipher *, uint64_t index,
    bool is_last, const uint8_t *cipher, size_t len,
    const uint8_t entry[BODY_ENTRY_LEN], uint8_t *plain_out);

/* Root of a whole chunk table. */
GW_MUST_CHECK enum gw_err body_table_check(const uint8_t *table,
    uint64_t count, const uint8_t root[32]); /* GW_EHASH */
GW_MUST_CHECK enum gw_err body_table_root(const uint8_t *table,
    uint64_t count, uint8_t root_out[32]);

/*
 * Random-access reader of a stored body in a file (at offset base_off).
 * Opening loads the chunk table and checks it against root, and checks the
 * commitment when one is given; each chunk is checked before it is
 * decrypted, and one plaintext chunk is cached.
 */
struct body_grant {
	uint8_t id[BODY_ID_LEN];
	uint8_t key[32];
	uint8_t root[32];
	uint64_t padded_len;
	uint64_t plain_len;	/* padded_len where the length is not known */
	bool has_commitment;
	uint8_t commitment[32];	/* GW_EAUTH on opening if it differs */
};
struct body_reader;
GW_MUST_CHECK enum gw_err body_reader_open(int fd, uint64_t base_off,
    const struct body_grant *, struct body_reader **out); /* fd borrowed */
void body_reader_free(struct body_reader *);

/* Up to len bytes of plaintext at off; *got_out 0 at the end. */
GW_MUST_CHECK enum gw_err body_reader_pread(struct body_reader *, void *,
    size_t len, uint64_t off, size_t *got_out);

/* Is every padding byte after plain_len zero?  GW_EFORMAT if not. */
GW_MUST_CHECK enum gw_err body_reader_check_padding(struct body_reader *);

/*
 * Seal a whole plaintext in memory (at most BODY_CHUNK bytes) to its stored
 * form: out takes body_stored_len(body_padded_len(len)) bytes.
 */
GW_MUST_CHECK enum gw_err body_seal_small(const uint8_t key[32],
    const uint8_t id[BODY_ID_LEN], const uint8_t *plain, size_t len,
    uint8_t *out, uint8_t root_out[32]);

#endif
