/* SPDX-License-Identifier: ISC */
#ifndef PROTO_PARCEL_MANIFEST_H
#define PROTO_PARCEL_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * The manifest (body 0): what the files of a transfer are called and what
 * they hold.  Strict TLV; decoding re-encodes and compares, so there is one
 * encoding of each manifest.  PROTOCOL.md, "Manifest".
 */
#define MANIFEST_MAX (64u << 20)
#define MANIFEST_NAME_MAX 1024	/* bytes of one name component in UTF-8 */
#define MANIFEST_PATH_MAX 4096	/* bytes of a path inside a set */

enum manifest_charset { CHARSET_UTF8 = 1, CHARSET_CP932 = 2 };

struct manifest_top {
	uint16_t version;
	bool is_set;		/* a folder; else exactly one file */
	uint32_t file_count;
	char flow[48];
	char number[24];	/* receipt number, or empty */
	char submitter[64];
	char recipient[48];
	uint64_t created_ms;
	uint32_t retention_days;
	char name[MANIFEST_NAME_MAX + 1];	/* of the file or folder, UTF-8 */
};

struct manifest_file {
	char path[MANIFEST_PATH_MAX + 1];	/* inside the set; top.name if single */
	uint8_t raw[MANIFEST_PATH_MAX];	/* bytes as found on disk */
	size_t raw_len;
	enum manifest_charset charset;
	uint64_t size;
	uint64_t mtime_ms;
	uint8_t sha256[32];
};

/*
 * Build: top first, then file_count files in order, then finish, which
 * returns GW_EINVAL if anything in between would not be read back.
 */
struct manifest_writer {
	struct buf *out;
	size_t start;
	uint32_t left;
	bool is_set;
	char name[MANIFEST_NAME_MAX + 1];	/* of a single file */
};
void manifest_begin(struct manifest_writer *, const struct manifest_top *,
    struct buf *out);
void manifest_add(struct manifest_writer *, const struct manifest_file *);
GW_MUST_CHECK enum gw_err manifest_finish(struct manifest_writer *);

/*
 * Length of the manifest at the start of a body whose padding was not cut;
 * GW_EFORMAT if anything but zeros follows it.
 */
GW_MUST_CHECK enum gw_err manifest_length(const void *bytes, size_t len,
    size_t *len_out);

/*
 * Read: decode the top, then files one at a time into the same storage.
 * Any deviation from the one encoding is GW_EFORMAT or GW_ETRUNC;
 * manifest_end checks that nothing is left.  bytes are borrowed.
 */
struct manifest_reader {
	const uint8_t *bytes;
	size_t len, off;
	uint32_t left;
	bool is_set;
	char name[MANIFEST_NAME_MAX + 1];	/* of a single file */
};
GW_MUST_CHECK enum gw_err manifest_open(struct manifest_reader *,
    const void *bytes, size_t len, struct manifest_top *out);
GW_MUST_CHECK enum gw_err manifest_next(struct manifest_reader *,
    struct manifest_file *out);
GW_MUST_CHECK enum gw_err manifest_end(const struct manifest_reader *);

#endif
