/* SPDX-License-Identifier: ISC */
#ifndef SCANNERS_IDENTIFY_KIND_H
#define SCANNERS_IDENTIFY_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/record/reason.h"

#include "policy/table.h"

#include "scanners/identify/source.h"

/* What the content is. */
struct kind {
	enum policy_type type;	/* TYPE_UNKNOWN: see what */
	const char *what;	/* static, ASCII: "zip", "ELF"; NULL: nothing */
	/*
	 * Anything that forbids to pass it whatever its type: TYPE_POLYGLOT,
	 * BAD_STRUCTURE, NOT_SCANNED_ENCRYPTED ...
	 */
	enum reason reason;
	const char *why;	/* static, ASCII; NULL: nothing */
};

/* sniff.c: by the bytes at fixed places.  False: no binary type. */
bool sniff(struct source *, struct kind *out);

/* Does another file begin in these bytes: program, archive, document? */
const char *sniff_embedded(const uint8_t *, size_t len);

/* zip.c, cfb.c: by what the container holds. */
void zip_look(struct source *, const char *ext, uint64_t accept,
    struct kind *out);
void cfb_look(struct source *, const char *ext, struct kind *out);

/* Is there a zip's end record in the tail: a zip behind something else? */
bool zip_is_behind(const struct source *);

/* media.c: where JPEG, PNG, GIF, RIFF, BMP and PDF end; what lies behind. */
void media_look(struct source *, struct kind *out);

/* words.c: of content that is text. */
void words_look(const struct source *, const char *ext, struct kind *out);

/* names.c: does the extension alone make it a program? */
bool names_is_program(const char *ext);

/* mime.c: libmagic.  mime_prepare is fatal on failure. */
void mime_prepare(void);
const char *mime_of(const void *, size_t len);	/* NULL: it cannot tell */

/*
 * May a file of this type have this MIME type?  1 yes, 0 no, -1 libmagic
 * says nothing that helps.
 */
int mime_agrees(enum policy_type, const char *mime);

#endif
