/* SPDX-License-Identifier: ISC */
#ifndef PROTO_NAMES_CP932_H
#define PROTO_NAMES_CP932_H

#include <stdint.h>

#include "base/err.h"
#include "base/rd.h"

/*
 * Take one character of Microsoft's code page 932: NEC and IBM extensions,
 * user-defined characters as U+E000 to U+E757.  The table is our own because
 * the C library's converter is a module that a sandboxed process cannot
 * load.  0x80, 0xA0 and 0xFD to 0xFF, which only best-fit conversion knows,
 * are refused.  Errors: GW_EFORMAT, GW_ETRUNC.
 */
GW_MUST_CHECK enum gw_err cp932_get(struct rd *, uint32_t *cp_out);

#endif
