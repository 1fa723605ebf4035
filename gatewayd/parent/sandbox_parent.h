/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_PARENT_SANDBOX_PARENT_H
#define GATEWAYD_PARENT_SANDBOX_PARENT_H

#include <stdbool.h>

/*
 * The parent's own bounds.  What it gives up its children cannot have
 * either, so it keeps what they need at start and gives up the rest:
 * capabilities but SETUID, SETGID and KILL (as root), new privileges, cores.
 * Memory locking is raised first so that keys may lock its memory.
 */
void sandbox_parent_enter(bool is_service);

#endif
