/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_PARENT_ACCOUNTS_H
#define GATEWAYD_PARENT_ACCOUNTS_H

#include <sys/types.h>
#include <stdbool.h>

#include "base/err.h"
#include "policy/table.h"
#include "proto/ipc/control.h"

/*
 * Unix ids of the processes, and the folders they own.  As root: the
 * accounts of peers_programs, or uid_base + process number where uid_base is
 * not 0.  As an ordinary user: everything stays that user.
 */
struct accounts {
	bool is_service; /* started as root */
	uid_t uid[PROC_COUNT];
	gid_t gid[PROC_COUNT];
};

/* Fatal, naming the account, when one is missing. */
void accounts_find(struct accounts *, unsigned uid_base);

/*
 * Make the state folders that are missing and give each to its process.
 * Fatal when one cannot be made; says which, why, and what to do.
 */
void accounts_make_folders(const struct accounts *, const struct policy_zone *);

#endif
