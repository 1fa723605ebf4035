/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_DESK_PERSON_H
#define GATEWAYD_DESK_PERSON_H

#include "proto/ipc/types.h"

#include "gatewayd/desk/desk.h"

/*
 * Who a uid is.  Roles come from gateway.yaml.  Beyond it:
 *
 *   root            administrator and officer.  Root can read the memory of
 *                   every process anyway; this way its acts are in the log.
 *   who started a   every role, since all processes are his already.  Good
 *   gateway as an   for trying, not for service; acts of two people still
 *   ordinary user   take two different uids.
 */
uint32_t person_roles(const struct desk *, uint32_t uid);

/* Name in the log: of the local account, else "uid:1001"; NUL padded. */
void person_account(const struct desk *, uint32_t uid,
    char out[IPC_PERSON_LEN]);

/* Read the names of local accounts; before the sandbox. */
void person_load_accounts(struct desk *);

/*
 * May this person see whose and what files they are?  Officers, auditors and
 * approvers may; administrators run the gateway and see numbers and states;
 * staff see their own.
 */
bool person_sees_names(uint32_t roles);
bool person_sees_all(uint32_t roles);

/* "officer, administrator" for messages. */
void person_role_words(uint32_t roles, bool is_en, char *out, size_t size);

#endif
