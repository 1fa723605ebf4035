/* SPDX-License-Identifier: ISC */
#include <sched.h>

#include "base/io.h"
#include "base/mem.h"

#include "policy/load.h"

#define PASSWD_MAX (4 * 1024 * 1024)

/* Processors this process may use; a container may have fewer than online. */
static uint32_t
count_cpus(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return (uint32_t)CPU_COUNT(&set);
}

enum gw_err
policy_env_init(struct policy_env *env, uint64_t now_ms, enum policy_lang lang)
{
	uint8_t *bytes = NULL;
	size_t len = 0;
	enum gw_err err;
	int etc = -1;

	if ((err = io_open_dir("/etc", &etc)) != GW_OK)
		return err;
	err = io_load_file(etc, "passwd", PASSWD_MAX, &bytes, &len);
	io_drop(&etc);
	/* Without accounts numeric uids still work. */
	if (err != GW_OK && err != GW_ENOENT)
		return err;
	env->now_ms = now_ms;
	env->lang = lang;
	env->passwd = (char *)bytes;
	env->passwd_len = len;
	env->cpus = count_cpus();
	return GW_OK;
}

void
policy_env_clear(struct policy_env *env)
{
	mem_free(env->passwd);
	env->passwd = NULL;
	env->passwd_len = 0;
}
