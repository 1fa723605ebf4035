/* SPDX-License-Identifier: ISC */
#ifndef POLICY_LOAD_H
#define POLICY_LOAD_H

#include "base/buf.h"
#include "base/err.h"
#include "policy/table.h"

/*
 * Load gateway.yaml and flows/ID.yaml beneath a directory and compile them.
 * Runs in the one-shot sandboxed loader process and in gatewayctl policy
 * check; nothing else links it.
 *
 * dir: the directory that holds gateway.yaml and flows/.
 * now_ms: for default end dates.
 * *table: caller's storage, written only on GW_OK.
 * errors: on GW_EFORMAT or GW_EDENIED holds one line per finding in the
 * chosen language: "FILE:LINE:COLUMN: what, the value, what was expected".
 * At most 50 errors and 50 warnings are kept.  On GW_OK it holds the
 * warnings alone and may be empty.  Other errors (GW_ENOENT, GW_EIO,
 * GW_ESYS) are about the directory or the accounts, not its content.
 *
 * No flow, nothing crosses: an absent or empty flows/ is a policy too.
 */
GW_MUST_CHECK enum gw_err policy_load(const char *dir, uint64_t now_ms,
    enum policy_lang, struct policy_table *table, struct buf *errors);

/*
 * What a load needs to know of the machine.  Accounts are those of
 * /etc/passwd, read before any sandbox and parsed here: an operator must be
 * a local account or a numeric uid, since the name services of a directory
 * (LDAP, AD) would need the network.
 */
struct policy_env {
	uint64_t now_ms;
	enum policy_lang lang;
	char *passwd;	     /* text of /etc/passwd */
	size_t passwd_len;
	uint32_t cpus;	     /* default of workers */
};

GW_MUST_CHECK enum gw_err policy_env_init(struct policy_env *,
    uint64_t now_ms, enum policy_lang);
void policy_env_clear(struct policy_env *);

/* The same as policy_load beneath an open directory. */
GW_MUST_CHECK enum gw_err policy_load_at(int dirfd, const struct policy_env *,
    struct policy_table *table, struct buf *errors);

/*
 * One file by itself, from memory; for tests and fuzzing.  The gateway's
 * fills zone, channels and people of a table without flows; the flow's is
 * checked against such a table.  Digests are not set.  errors as above.
 */
GW_MUST_CHECK enum gw_err policy_load_gateway_bytes(const struct policy_env *,
    const void *, size_t, struct policy_table *table, struct buf *errors);
GW_MUST_CHECK enum gw_err policy_load_flow_bytes(const struct policy_env *,
    const char *id, const void *, size_t, const struct policy_table *gateway,
    struct policy_flow *flow, struct buf *errors);

/*
 * Write a table to a new sealed memfd.  Magic, version, size and all digests
 * are set in the copy, so a table made by hand needs none.
 */
GW_MUST_CHECK enum gw_err policy_to_memfd(const struct policy_table *,
    int *fd_out);

#endif
