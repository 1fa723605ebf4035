/* SPDX-License-Identifier: ISC */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "gatewayd/parent/sandbox_parent.h"

static void
keep_three_capabilities(void)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	const uint32_t keep =
	    1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_KILL;

	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (cap != CAP_SETUID && cap != CAP_SETGID && cap != CAP_KILL)
			/* EINVAL: a capability this kernel does not have */
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	data[0].effective = data[0].permitted = keep;
	if (syscall(SYS_capset, &head, data) == -1)
		log_fatal("cannot give up capabilities: %s", strerror(errno));
}

void
sandbox_parent_enter(bool is_service)
{
	const struct rlimit none = {0, 0};
	const struct rlimit lock = {RLIM_INFINITY, RLIM_INFINITY};

	if (setrlimit(RLIMIT_CORE, &none) == -1)
		log_fatal("cannot forbid core dumps: %s", strerror(errno));
	if (is_service) {
		if (setrlimit(RLIMIT_MEMLOCK, &lock) == -1)
			log_warn("cannot raise the limit of locked memory: %s",
			    strerror(errno));
		keep_three_capabilities();
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		log_fatal("cannot forbid new privileges: %s", strerror(errno));
}
