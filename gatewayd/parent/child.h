/* SPDX-License-Identifier: ISC */
#ifndef GATEWAYD_PARENT_CHILD_H
#define GATEWAYD_PARENT_CHILD_H

#include <sys/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ev.h"
#include "proto/ipc/chan.h"
#include "proto/ipc/control.h"

/*
 * One running child: its process, its control channel and its log socket.
 */
struct child;

struct child_ops {
	void (*on_message)(void *arg, struct child *, struct ipc_msg *);
	void *arg;
};

/*
 * Fork and exec libexec/program as uid:gid ((uid_t)-1 keeps ours) and send
 * it CTL_START with the policy table and its peers' fds (taken).
 * NULL if the program could not be started (logged).
 */
struct child *child_spawn(struct ev_loop *, const char *libexec,
    const char *program, const struct ctl_start *, int policy_fd,
    const int *peer_fds, const struct child_ops *);

/* Free after the process was reaped; drains what it still had to log. */
void child_free(struct child *);

enum proc_id child_id(const struct child *);
pid_t child_pid(const struct child *);
struct ipc_chan *child_control(const struct child *);

/* SIGKILL; reaped later through SIGCHLD. */
void child_kill(struct child *);

#endif
