/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_PARENT_LOADER_H
#define GATEWAYD_PARENT_LOADER_H

#include <sys/types.h>

#include "base/err.h"
#include "proto/ipc/control.h"

/*
 * Run the one-shot policy loader on a configuration folder and wait for it
 * (at most LOADER_TIMEOUT_MS).  On GW_OK *fd_out is the sealed table; else
 * text->text says, line by line, what is wrong.  uid, gid: whom the loader
 * runs as; (uid_t)-1 keeps ours.
 */
#define LOADER_TIMEOUT_MS 20000

GW_MUST_CHECK enum gw_err loader_run(const char *libexec, const char *dir,
    const char *lang, uid_t uid, gid_t gid, int *fd_out, struct ctl_text *text);

#endif
