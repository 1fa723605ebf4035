/* SPDX-License-Identifier: ISC */
#ifndef PROTO_NAMES_FOLD_H
#define PROTO_NAMES_FOLD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * NFKC and full case folding: for comparing and classifying names only,
 * never for storing or showing them.  out holds out_size bytes with a NUL.
 * Errors: GW_EFORMAT (not UTF-8), GW_ELIMIT.
 */
GW_MUST_CHECK enum gw_err fold_name(const char *, size_t len, char *out,
    size_t out_size);

/*
 * Compose one base character and one mark after it, where both are kana, or
 * both Latin.  Returns 0 if there is no such composition.
 */
uint32_t fold_compose(uint32_t base, uint32_t mark);

/*
 * Length in bytes of the characters that s, which is UTF-8, begins with up
 * to max bytes, without splitting what a reader sees as one character
 * (combining marks, ideographic variation sequences); of whole code points
 * if the first such character alone is longer than max.
 */
size_t fold_fit(const char *s, size_t len, size_t max);

#endif
