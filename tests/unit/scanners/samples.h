/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_SCANNERS_SAMPLES_H
#define TESTS_UNIT_SCANNERS_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Files of many types, made byte by byte. */

/* Little-endian, as in zip and CFB. */
void sample_le16(struct buf *, unsigned);
void sample_le32(struct buf *, uint32_t);

/* A zip: members one by one, then the end. */
#define SAMPLE_MEMBERS_MAX 32768
struct sample_zip {
	struct buf *out;
	size_t start;
	struct buf central;
	unsigned count;
	bool is_encrypted;	/* says so in the flags of what follows */
	uint32_t claimed_size;	/* unpacked size told; 0: the true one */
};
void sample_zip_begin(struct sample_zip *, struct buf *out);
void sample_zip_add(struct sample_zip *, const char *name, const void *,
    size_t);
void sample_zip_end(struct sample_zip *, const char *comment);

/* A zip with these members, each with a little text. */
void sample_zip_of(struct buf *out, const char *const *names);

/* A compound file with streams of these names (at most 15). */
void sample_cfb(struct buf *out, const char *const *names,
    const uint8_t clsid[16]);

void sample_png(struct buf *out);
void sample_jpeg(struct buf *out);
void sample_gif(struct buf *out);
void sample_pdf(struct buf *out);
void sample_pe(struct buf *out);
void sample_tar(struct buf *out);

/* The standard test string; its halves are joined here only. */
void sample_eicar(struct buf *out);

#endif
