/* SPDX-License-Identifier: ISC */
#ifndef POLICY_LOAD_ACCOUNT_H
#define POLICY_LOAD_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Uid of an account in the text of /etc/passwd, or of a purely numeric name
 * (which needs no account).  Returns false if there is none.  The uid that
 * means "none" to the kernel (all bits set) is nobody's.
 */
bool load_account_find(const char *passwd, size_t len, const char *name,
    uint32_t *uid_out);

#endif
