/* SPDX-License-Identifier: ISC */ /* fuzz-libs: gw_policy_load */
/* gateway.yaml: hostile bytes either make a table that maps or are named. */
#include <stdlib.h>

#include "base/io.h"
#include "policy/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What the loader accepts, every reader must accept. */
static void
check_table(const struct policy_table *table)
{
	const struct policy_table *map;
	int fd;

	if (policy_to_memfd(table, &fd) != GW_OK)
		abort();
	if (policy_map(fd, &map) != GW_OK)
		abort();
	policy_unmap(map);
	io_drop(&fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char passwd[] = "a:x:1:1::/:\nb:x:2:2::/:\n";
	static struct policy_table table;
	struct policy_env env = {.now_ms = UINT64_C(1795273200000),
	    .passwd = passwd, .passwd_len = sizeof(passwd) - 1, .cpus = 2};
	struct buf errors;
	enum gw_err err;

	env.lang = size % 2 == 0 ? POLICY_JA : POLICY_EN;
	buf_init(&errors, 1 << 20);
	err = policy_load_gateway_bytes(&env, data, size, &table, &errors);
	if (err == GW_OK)
		check_table(&table);
	else if (errors.len == 0)
		abort();
	buf_clear(&errors);
	return 0;
}
