/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_PROTO_SUPPORT_H
#define TESTS_UNIT_PROTO_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

#include <check.h>

/* Bytes of a hexadecimal text; fails the test if it is not one. */
size_t unhex(const char *hex, uint8_t *out, size_t size);

/* Run the tests of one case; returns main's exit status. */
int run_case(TCase *);

#endif
