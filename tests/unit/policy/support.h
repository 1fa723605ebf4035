/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_POLICY_SUPPORT_H
#define TESTS_UNIT_POLICY_SUPPORT_H

#include <check.h>

#include "base/buf.h"
#include "policy/load.h"

#define TEXT_LIMIT (1u << 20)

/* 2026-11-22 00:00 JST, two processors, four accounts. */
struct policy_env support_env(enum policy_lang);

/* The first from in text replaced by to; malloced. */
char *support_replace(const char *text, const char *from, const char *to);

/* Both texts must be equal; shows them otherwise. */
void support_same_text(const struct buf *got, const char *want);

/* The gateway and flow of load_cases.h compiled; malloced. */
struct policy_table *support_table(void);

/* A folder in $TMPDIR, and its removal with all that is in it. */
void support_make_dir(char path[64]);
void support_remove_dir(const char *path);
void support_write(const char *dir, const char *name, const char *text);

/* A whole file as text; malloced. */
char *support_read(const char *path);

int support_main(Suite *);

#endif
