/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYCTL_VERIFY_CHECK_H
#define GATEWAYCTL_VERIFY_CHECK_H

#include <stdbool.h>

#include "gatewayctl/verify/entries.h"
#include "gatewayctl/verify/folder.h"

/*
 * Hash every entry and compare every tile, the checkpoint's root and the
 * journal; decode every entry into e (PROTOCOL-audit.md, "Verifying", 2 to
 * 6).  Whatever is wrong becomes a finding.  Returns true if the entries
 * can be walked again, for what needs a second look.
 */
bool check_log(struct folder *, struct entries *);

#endif
