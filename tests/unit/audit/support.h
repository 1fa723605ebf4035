/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_AUDIT_SUPPORT_H
#define TESTS_UNIT_AUDIT_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "gatewayd/audit/store.h"

/* A folder for one log in memory-backed storage; fd of it. */
int folder_new(char path[64]);
void folder_free(char path[64], int fd);
void folder_empty(int fd);

/* Entry n of the test's log, with its length, the same in every run. */
void entry_put(struct buf *, uint64_t n);

/* Append entries [size, size + count). */
enum gw_err append(struct store *, unsigned count);

/* Root of the first size entries by the definition of RFC 6962. */
void naive_root(uint64_t size, uint8_t out[32]);

/* All entries are there and are those of the test. */
void check_entries(struct store *, uint64_t size);

#endif
