/* SPDX-License-Identifier: ISC */
#include "base/io.h"
#include "base/mem.h"

#include "policy/digest.h"
#include "policy/load.h"

enum gw_err
policy_to_memfd(const struct policy_table *table, int *fd_out)
{
	struct policy_table *copy;
	enum gw_err err;
	int fd = -1;

	copy = mem_alloc(sizeof(*copy));
	*copy = *table;
	if ((err = policy_table_finish(copy)) != GW_OK)
		goto out;
	if ((err = io_memfd("policy", &fd)) != GW_OK)
		goto out;
	if ((err = io_write_full(fd, copy, sizeof(*copy))) != GW_OK)
		goto out;
	if ((err = io_seal(fd)) != GW_OK)
		goto out;
	*fd_out = fd;
	fd = -1;
out:
	io_drop(&fd);
	mem_free(copy);
	return err;
}
